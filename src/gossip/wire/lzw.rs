//! LZW as Go's `compress/lzw` writes it: least significant bit first, eight-bit literals (the variant of GIF).

use weezl::{BitOrder, LzwStatus, decode, encode};

use super::WireError;

const LITERAL_BITS: u8 = 8;
const MIN_CHUNK: usize = 256;
const MAX_CHUNK: usize = 16 * 1024;

/// `data`, compressed.
#[must_use]
pub fn compress(data: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::with_capacity(data.len() / 2 + 16);
    let mut encoder = encode::Encoder::new(BitOrder::Lsb, LITERAL_BITS);
    let outcome = encoder.into_vec(&mut compressed).encode_all(data);
    debug_assert!(outcome.status.is_ok(), "every byte is a literal of eight bits");
    compressed
}

/// What was compressed to `data`: at most `limit` bytes, and only if the data says where it ends.
pub fn decompress(data: &[u8], limit: usize) -> Result<Vec<u8>, WireError> {
    let mut decoder =
        decode::Configuration::new(BitOrder::Lsb, LITERAL_BITS).with_yield_on_full_buffer(true).build();
    // Most packets are small: no more is cleared than they are likely to need.
    let chunk = (4 * data.len()).clamp(MIN_CHUNK, MAX_CHUNK);
    let mut plain = Vec::new();
    let mut rest = data;
    loop {
        let start = plain.len();
        plain.resize(start + chunk.min(limit + 1 - start), 0);
        let step = decoder.decode_bytes(rest, &mut plain[start..]);
        plain.truncate(start + step.consumed_out);
        rest = rest.get(step.consumed_in..).unwrap_or_default();
        if plain.len() > limit {
            return Err(WireError::Limit {
                what: "decompressed message",
                found: plain.len() as u64,
                limit: limit as u64,
            });
        }
        match step.status {
            Ok(LzwStatus::Done) => return Ok(plain),
            Ok(LzwStatus::NoProgress) => return Err(WireError::Lzw("unexpected end")),
            Ok(LzwStatus::Ok) => {
                if step.consumed_out == 0 && rest.is_empty() && step.consumed_in == 0 {
                    return Err(WireError::Lzw("unexpected end"));
                }
            }
            Err(_) => return Err(WireError::Lzw("a code that was never defined")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_streams_are_those_of_go() {
        assert_eq!(compress(b""), [0x00, 0x03, 0x02]);
        assert_eq!(compress(b"A"), [0x00, 0x83, 0x04, 0x04]);
        assert_eq!(decompress(&[0x00, 0x03, 0x02], 10), Ok(vec![]));
    }

    #[test]
    fn a_stream_without_its_end_is_an_error() {
        let compressed = compress(&[7; 5000]);
        for len in 0..compressed.len() - 1 {
            assert!(decompress(&compressed[..len], 10_000).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_stream_without_a_clear_code_is_read() {
        // Codes of nine bits: 'A' (65), end (257).
        let code = 65_u32 | 257 << 9;
        assert_eq!(decompress(&code.to_le_bytes()[..3], 10), Ok(vec![65]));
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = compress(&vec![0; 1_000_000]);
        assert!(bomb.len() < 3000);
        assert!(matches!(decompress(&bomb, 65_536), Err(WireError::Limit { .. })));
        assert_eq!(decompress(&bomb, 1_000_000).map(|plain| plain.len()), Ok(1_000_000));
    }
}
