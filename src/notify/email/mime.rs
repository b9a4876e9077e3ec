//! How a mail is written down: encoded words (RFC 2047) and quoted-printable (RFC 2045), as Go's `mime` does it.

/// The longest line of quoted-printable, without its end.
const MOST_LINE: usize = 76;
/// How many bytes of an encoded word are its content.
const MOST_WORD: usize = 75 - "=?utf-8?q?".len() - "?=".len();

/// A header's value: as it is if it is printable ASCII, else in encoded words. It never holds a line break.
pub(super) fn header_value(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return text.to_owned();
    }
    let mut value = String::from("=?utf-8?q?");
    let mut length = 0;
    for character in text.chars() {
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).as_bytes();
        let literal = matches!(character, ' '..='~') && !matches!(character, '=' | '?' | '_');
        let size = if literal { 1 } else { 3 * bytes.len() };
        if length + size > MOST_WORD {
            value.push_str("?= =?utf-8?q?");
            length = 0;
        }
        length += size;
        match character {
            ' ' => value.push('_'),
            _ if literal => value.push(character),
            _ => bytes.iter().for_each(|byte| push_hex(&mut value, *byte)),
        }
    }
    value.push_str("?=");
    value
}

/// A text in quoted-printable. Line breaks of any kind become CRLF.
pub(super) fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push_str("\r\n");
        }
        push_line(&mut out, line);
    }
    out
}

fn push_line(out: &mut String, line: &str) {
    let mut length = 0;
    let last = line.len().saturating_sub(1);
    for (at, byte) in line.bytes().enumerate() {
        let blank = matches!(byte, b' ' | b'\t');
        let literal = blank || (byte.is_ascii_graphic() && byte != b'=');
        // A blank at the end of a line would be lost on the way. It is written like the others first, as Go does, and
        // so breaks the line where they would.
        let size = if literal { 1 } else { 3 };
        if length + size > MOST_LINE - 1 {
            out.push_str("=\r\n");
            length = 0;
        }
        if literal && blank && at == last {
            if length + 3 > MOST_LINE - 1 {
                out.push_str("=\r\n");
            }
            push_hex(out, byte);
            return;
        }
        length += size;
        if literal { out.push(char::from(byte)) } else { push_hex(out, byte) }
    }
}

fn push_hex(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('=');
    out.extend([byte >> 4, byte & 0xf].map(|digit| char::from(DIGITS[usize::from(digit)])));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen at Alertmanager 0.33.1.
    #[test]
    fn header_values() {
        assert_eq!(header_value("[FIRING:1] HighCPU (<eu>)\tx"), "[FIRING:1] HighCPU (<eu>)\tx");
        assert_eq!(header_value("bär firing"), "=?utf-8?q?b=C3=A4r_firing?=");
        assert_eq!(header_value("a\r\nBcc: b"), "=?utf-8?q?a=0D=0ABcc:_b?=");
        let long = header_value(&"ü_".repeat(20));
        assert!(long.split(' ').all(|word| word.len() <= 75 && word.ends_with("?=")), "{long}");
        assert!(!long.contains("=C3?="), "a character is in two words: {long}");
    }

    /// Seen at Alertmanager 0.33.1: the first line is as long as lines may be.
    #[test]
    fn long_lines_are_broken() {
        let text = "[FIRING:1] HighCPU (<eu> critical) ümlaut http://am.example and a very long line so that the \
                    quoted printable encoder must break it somewhere";
        assert_eq!(
            quoted_printable(text),
            "[FIRING:1] HighCPU (<eu> critical) =C3=BCmlaut http://am.example and a very=\r\n \
             long line so that the quoted printable encoder must break it somewhere"
        );
        assert_eq!(quoted_printable("a=b \nc\t\r\nd\re\n"), "a=3Db=20\r\nc=09\r\nd\r\ne\r\n");
        let wide = quoted_printable(&"汉".repeat(100));
        assert!(wide.lines().all(|line| line.len() <= 76));
        assert_eq!(wide.replace("=\r\n", ""), "=E6=B1=89".repeat(100));
    }
}
