//! Recovery from arbitrary files: it never fails, gives positions in order, and finds the same again.
//!
//! The input is a list of steps that build a snapshot and two segments: raw bytes, and frames whose checksums
//! are right (made here from the format's description), so that the decoder is reached behind them.

#![no_main]

use std::io::Read as _;

use libfuzzer_sys::fuzz_target;
use tocsin::journal::{Error, Journal, Options, SimulatedDisk};
use xxhash_rust::xxh64::xxh64;

const NAMES: [(&str, &[u8; 8], u64); 3] = [
    ("00000000000000000003.snapshot", b"tocsin\0S", 3),
    ("00000000000000000004.log", b"tocsin\0L", 4),
    ("00000000000000000009.log", b"tocsin\0L", 9),
];

fuzz_target!(|input: &[u8]| {
    let disk = SimulatedDisk::new();
    let mut steps = input;
    for (name, magic, position) in NAMES {
        if let Some(bytes) = build(&mut steps, magic, position) {
            disk.replace(name, bytes);
        }
    }
    let Some(first) = recover(&disk) else { return };
    // A cut end is gone, and nothing else has changed.
    assert_eq!(recover(&disk), Some(first), "the second start finds what the first found");
});

/// The records that recovery gives; `None` if a file calls itself newer.
fn recover(disk: &SimulatedDisk) -> Option<(Option<Vec<u8>>, Vec<(u64, Vec<u8>)>)> {
    let mut recovery = match Journal::recover(disk.clone(), Options::default()) {
        Ok(recovery) => recovery,
        Err(Error::Newer { .. }) => return None,
        Err(err) => panic!("a start failed: {err}"),
    };
    let snapshot = recovery.snapshot().map(|mut reader| {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("it was found good");
        bytes
    });
    let mut records = Vec::new();
    while let Some((position, record)) = recovery.next_record() {
        assert!(records.last().is_none_or(|(last, _)| *last < position.get()), "positions ascend");
        records.push((position.get(), record.to_vec()));
    }
    Some((snapshot, records))
}

/// Builds one file from the next steps; `None` if it does not exist.
fn build(steps: &mut &[u8], magic: &[u8; 8], file: u64) -> Option<Vec<u8>> {
    let mut bytes = match next(steps) % 4 {
        0 => return None,
        1 => Vec::new(),
        _ => header(magic, file, 1 + u32::from(next(steps) == 255)),
    };
    loop {
        match next(steps) % 8 {
            0 => return Some(bytes),
            1 => {
                let length = usize::from(next(steps)).min(steps.len());
                bytes.extend_from_slice(&steps[..length]);
                *steps = &steps[length..];
            }
            2 => {
                let length = bytes.len().saturating_sub(usize::from(next(steps)));
                bytes.truncate(length);
            }
            3 => {
                let at = bytes.len().saturating_sub(1 + usize::from(next(steps)));
                let change = next(steps);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= change;
                }
            }
            _ => {
                let (kind, position) = (next(steps) % 5, u64::from(next(steps) % 16));
                let length = usize::from(next(steps)).min(steps.len());
                frame(&mut bytes, file, kind, position, &steps[..length]);
                *steps = &steps[length..];
            }
        }
    }
}

fn next(steps: &mut &[u8]) -> u8 {
    let (first, rest) = steps.split_first().unwrap_or((&0, &[]));
    *steps = rest;
    *first
}

fn header(magic: &[u8; 8], position: u64, version: u32) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(position.to_le_bytes());
    bytes.extend(xxh64(&bytes, 0).to_le_bytes());
    bytes
}

fn frame(bytes: &mut Vec<u8>, file: u64, kind: u8, position: u64, payload: &[u8]) {
    let mut header = vec![0xF5, 0x54, 0xFA, kind];
    header.extend((payload.len() as u32).to_le_bytes());
    header.extend(position.to_le_bytes());
    let checksum = xxh64(payload, xxh64(&header, file));
    header.extend(checksum.to_le_bytes());
    bytes.extend(header);
    bytes.extend(payload);
}
