//! Number literals: Go keeps a constant under every type that can hold it, and picks one where it is used.

use super::quote::{quote, unquote_char};

/// A number as written, with each of its readings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
}

/// What a number literal is where no type is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ideal {
    Int(i64),
    Float(f64),
    Overflow,
}

impl Number {
    /// Reads a literal as the lexer cut it; the error is the text after the position.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('\'') {
            return Self::parse_char(text);
        }
        if text.ends_with('i') {
            return Err(format!("complex constant {} is not supported", quote(text.as_bytes())));
        }
        let integer = parse_integer(text);
        let mut number = Self { text: text.to_owned(), int: None, uint: None, float: None };
        if let Some((negative, magnitude)) = integer {
            number.uint = (!negative && !text.starts_with(['+', '-']) || magnitude == 0).then_some(magnitude);
            number.int = signed(negative, magnitude);
        }
        if let Some(int) = number.int {
            number.float = Some(int as f64);
        } else if let Some(uint) = number.uint {
            number.float = Some(uint as f64);
        } else if let Some(float) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote(text.as_bytes())));
            }
            number.float = Some(float);
            number.int = Some(float as i64).filter(|int| *int as f64 == float && *int != i64::MAX);
            number.uint = Some(float as u64).filter(|uint| *uint as f64 == float && *uint != u64::MAX);
        }
        if number.int.is_none() && number.uint.is_none() && number.float.is_none() {
            return Err(format!("illegal number syntax: {}", quote(text.as_bytes())));
        }
        Ok(number)
    }

    fn parse_char(text: &str) -> Result<Self, String> {
        let malformed = || format!("malformed character constant: {text}");
        let inner = text.get(1..).ok_or_else(malformed)?;
        let (unit, tail) = unquote_char(inner, '\'').ok_or_else(|| "invalid syntax".to_owned())?;
        if tail != "'" {
            return Err(malformed());
        }
        let code = unit.code();
        Ok(Self {
            text: text.to_owned(),
            int: Some(i64::from(code)),
            uint: Some(u64::from(code)),
            float: Some(f64::from(code)),
        })
    }

    /// The type and value where any type would do.
    pub(super) fn ideal(&self) -> Ideal {
        let hex = self.text.len() > 2 && matches!(self.text.get(..2), Some("0x" | "0X"));
        let hex_int = hex && !self.text.contains(['p', 'P']);
        let looks_float = self.text.contains(['.', 'e', 'E', 'p', 'P']);
        match (self.float, self.int) {
            (Some(float), _) if !hex_int && !self.text.starts_with('\'') && looks_float => {
                Ideal::Float(float)
            }
            (_, Some(int)) => Ideal::Int(int),
            _ => Ideal::Overflow,
        }
    }
}

fn signed(negative: bool, magnitude: u64) -> Option<i64> {
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Sign and magnitude of an integer in Go's base-0 syntax.
fn parse_integer(text: &str) -> Option<(bool, u64)> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if !underscores_ok(digits) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match lower.get(..2) {
        Some("0x") => (16, lower.get(2..)?),
        Some("0o") => (8, lower.get(2..)?),
        Some("0b") => (2, lower.get(2..)?),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    let clean: String = body.chars().filter(|c| *c != '_').collect();
    if clean.is_empty() || clean.starts_with(['+', '-']) {
        return None;
    }
    Some((negative, u64::from_str_radix(&clean, radix).ok()?))
}

/// Whether underscores only separate digits, or follow a base prefix.
fn underscores_ok(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    let (mut previous, body) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x" | "0o" | "0b") => (b'0', bytes.get(2..).unwrap_or_default()),
        _ => (b'^', bytes),
    };
    for byte in body {
        let class = match byte {
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => b'0',
            b'_' if previous == b'0' => b'_',
            b'_' => return false,
            _ if previous == b'_' => return false,
            _ => b'!',
        };
        previous = class;
    }
    previous != b'_'
}

pub(super) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !underscores_ok(unsigned) {
        return None;
    }
    let clean: String = text.chars().filter(|c| *c != '_').collect();
    let lower = clean.to_ascii_lowercase();
    let (negative, body) = match lower.as_bytes().first()? {
        b'-' => (true, lower.get(1..)?),
        b'+' => (false, lower.get(1..)?),
        _ => (false, lower.as_str()),
    };
    let value = match body.strip_prefix("0x") {
        Some(hex) => parse_hex_float(hex)?,
        None => {
            if body.bytes().any(|b| !b.is_ascii_digit() && !matches!(b, b'.' | b'e' | b'+' | b'-')) {
                return None;
            }
            body.parse::<f64>().ok()?
        }
    };
    value.is_finite().then_some(if negative { -value } else { value })
}

/// `1.8p3` in hexadecimal. Literals with more than 60 significant bits are refused.
fn parse_hex_float(hex: &str) -> Option<f64> {
    let (mantissa, exponent) = hex.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if digits.is_empty() || significant.len() > 15 {
        return None;
    }
    let value = if significant.is_empty() { 0 } else { u64::from_str_radix(significant, 16).ok()? };
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(shift)?.clamp(-1200, 1200);
    let half = exponent / 2;
    Some(value as f64 * 2f64.powi(half) * 2f64.powi(exponent - half))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ideal(text: &str) -> Ideal {
        Number::parse(text).unwrap().ideal()
    }

    #[test]
    fn constants_take_the_type_go_gives_them() {
        assert_eq!(ideal("1"), Ideal::Int(1));
        assert_eq!(ideal("-0x10"), Ideal::Int(-16));
        assert_eq!(ideal("0b1_01"), Ideal::Int(5));
        assert_eq!(ideal("017"), Ideal::Int(15));
        assert_eq!(ideal("'a'"), Ideal::Int(97));
        assert_eq!(ideal("1e3"), Ideal::Float(1000.0));
        assert_eq!(ideal("0xe"), Ideal::Int(14));
        assert_eq!(ideal("0x1.8p1"), Ideal::Float(3.0));
        assert_eq!(ideal("18446744073709551615"), Ideal::Overflow);
        assert_eq!(Number::parse("28800e9").unwrap().int, Some(28_800_000_000_000));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["08", "1__0", "99999999999999999999", "0x", "1i", "''", "'ab'", "1e999"] {
            assert!(Number::parse(text).is_err(), "{text}");
        }
    }
}
