//! Integers and floating-point numbers under the verbs of `printf`.

use super::{Printer, Value};
use crate::template::quote::quote_rune;

impl Printer<'_> {
    pub(super) fn integer(
        &mut self,
        value: &Value,
        negative: bool,
        magnitude: u64,
        signed: bool,
        verb: char,
    ) {
        match verb {
            'v' if self.flags.sharp_v && !signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.radix(negative, format!("{magnitude:x}"), "0x", verb, magnitude);
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.radix(negative, magnitude.to_string(), "", verb, magnitude),
            'b' => self.radix(negative, format!("{magnitude:b}"), "0b", verb, magnitude),
            'o' | 'O' => self.radix(negative, format!("{magnitude:o}"), "0", verb, magnitude),
            'x' => self.radix(negative, format!("{magnitude:x}"), "0x", verb, magnitude),
            'X' => self.radix(negative, format!("{magnitude:X}"), "0X", verb, magnitude),
            'c' => {
                let c = rune(negative, magnitude);
                self.pad(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'q' => {
                let quoted = quote_rune(rune(negative, magnitude), self.flags.plus);
                self.pad(quoted.as_bytes());
            }
            'U' => self.unicode(negative, magnitude),
            _ => self.bad_verb(value, verb),
        }
    }

    fn radix(&mut self, negative: bool, digits: String, prefix: &str, verb: char, magnitude: u64) {
        let flags = self.flags;
        let width = flags.width.unwrap_or_default();
        let zeros = match flags.precision {
            Some(0) if magnitude == 0 => {
                let zero = std::mem::take(&mut self.flags.zero);
                self.padding(width);
                self.flags.zero = zero;
                return;
            }
            Some(precision) => precision,
            None if flags.zero && !flags.minus && flags.width.is_some() => {
                width.saturating_sub(usize::from(negative || flags.plus || flags.space))
            }
            None => 0,
        };
        let mut number = String::new();
        if negative {
            number.push('-');
        } else if flags.plus {
            number.push('+');
        } else if flags.space {
            number.push(' ');
        }
        let padded = format!("{}{digits}", "0".repeat(zeros.saturating_sub(digits.len())));
        if verb == 'O' {
            number.push_str("0o");
        }
        if flags.sharp && !(prefix == "0" && padded.starts_with('0')) {
            number.push_str(prefix);
        }
        number.push_str(&padded);
        self.pad_without_zeros(number.as_bytes());
    }

    /// `U+0041 'A'`.
    fn unicode(&mut self, negative: bool, magnitude: u64) {
        let code = if negative { magnitude.wrapping_neg() } else { magnitude };
        let digits = self.flags.precision.unwrap_or(4).max(4);
        let mut text = format!("U+{code:0digits$X}");
        if self.flags.sharp
            && let Some(c) = u32::try_from(code).ok().and_then(char::from_u32)
            && crate::template::unicode::is_print(c)
        {
            text = format!("{text} '{c}'");
        }
        self.pad_without_zeros(text.as_bytes());
    }

    pub(super) fn float(&mut self, value: &Value, float: f64, verb: char) {
        let (format, precision) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let flags = self.flags;
        let precision = flags.precision.or(precision);
        let mut text = format_float(float, format, precision);
        let negative = text.starts_with('-');
        let mut digits = text.split_off(usize::from(negative));
        let sign = match (negative, flags.plus, flags.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        if !float.is_finite() {
            let sign = if digits.starts_with("Inf") && flags.plus && !negative { "+" } else { sign };
            return self.pad_without_zeros(format!("{sign}{}", digits.trim_start_matches('+')).as_bytes());
        }
        if flags.sharp && format != 'b' {
            digits = with_point(&digits, format, precision);
        }
        let width = flags.width.unwrap_or_default();
        if !sign.is_empty() && flags.zero && !flags.minus && width > digits.len() + 1 {
            self.text(sign);
            self.padding(width - digits.len() - 1);
            return self.text(&digits);
        }
        self.pad(format!("{sign}{digits}").as_bytes());
    }
}

fn rune(negative: bool, magnitude: u64) -> char {
    let code = if negative { None } else { u32::try_from(magnitude).ok() };
    code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The `#` flag: always a decimal point, and for `%g` no removal of trailing zeros.
fn with_point(digits: &str, format: char, precision: Option<usize>) -> String {
    let mut wanted = match format {
        'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    } as i64;
    let hex = matches!(format, 'x' | 'X');
    let exponent = if hex { digits.find(['p', 'P']) } else { digits.find(['e', 'E']) };
    let (mantissa, tail) = digits.split_at(exponent.unwrap_or(digits.len()));
    let mut significant = false;
    for c in mantissa.chars().filter(|c| *c != '.') {
        significant |= c != '0';
        wanted -= i64::from(significant);
    }
    let mut out = mantissa.to_owned();
    if !mantissa.contains('.') {
        wanted -= i64::from(mantissa == "0");
        out.push('.');
    }
    out.push_str(&"0".repeat(usize::try_from(wanted).unwrap_or_default()));
    out + tail
}

/// Go's `strconv.FormatFloat`; no precision means as many digits as tell the value apart.
pub(in crate::template) fn format_float(float: f64, format: char, precision: Option<usize>) -> String {
    if float.is_nan() {
        return "NaN".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    match (format, precision) {
        ('f', Some(precision)) => format!("{float:.precision$}"),
        ('f', None) => format!("{float}"),
        ('e' | 'E', Some(precision)) => exponent_form(&format!("{float:.precision$e}"), format),
        ('e' | 'E', None) => exponent_form(&format!("{float:e}"), format),
        ('b', _) => binary_form(float),
        ('x' | 'X', precision) => hex_form(float, format, precision),
        (_, precision) => general_form(float, if format == 'G' { 'E' } else { 'e' }, precision),
    }
}

/// From Rust's `1.5e7` to Go's `1.5e+07`.
fn exponent_form(text: &str, letter: char) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}{letter}{sign}{digits:0>2}")
}

fn general_form(float: f64, letter: char, precision: Option<usize>) -> String {
    let precision = precision.map(|precision| precision.max(1));
    let scientific = match precision {
        Some(precision) => format!("{float:.*e}", precision - 1),
        None => format!("{float:e}"),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let trimmed =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let digits = trimmed.chars().filter(char::is_ascii_digit).count() as i64;
    let threshold = match precision {
        None => 6,
        Some(precision) => {
            let precision = precision as i64;
            if precision > digits && digits > exponent { digits } else { precision }
        }
    };
    if exponent < -4 || exponent >= threshold {
        return exponent_form(&format!("{trimmed}e{exponent}"), letter);
    }
    let decimals = usize::try_from(digits - 1 - exponent).unwrap_or_default();
    match precision {
        None => format!("{float}"),
        Some(_) => format!("{float:.decimals$}"),
    }
}

/// `4503599627370496p-52`.
fn binary_form(float: f64) -> String {
    let (mantissa, exponent) = parts(float);
    let sign = if float.is_sign_negative() { "-" } else { "" };
    format!("{sign}{mantissa}p{exponent:+}")
}

/// Mantissa and binary exponent: the value is `mantissa * 2^exponent`.
fn parts(float: f64) -> (u64, i64) {
    let bits = float.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) & 0x7ff {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent as i64 - 1075),
    }
}

/// `0x1.8p+01`.
fn hex_form(float: f64, letter: char, precision: Option<usize>) -> String {
    let sign = if float.is_sign_negative() { "-" } else { "" };
    let (mut mantissa, mut exponent) = parts(float);
    if mantissa == 0 {
        exponent = 0;
    } else {
        let shift = mantissa.leading_zeros() as i64 - 11;
        mantissa <<= shift;
        exponent += 52 - shift;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 13) {
        let drop = (13 - precision) * 4;
        let half = 1u64 << (drop - 1);
        let rest = mantissa & ((1 << drop) - 1);
        mantissa >>= drop;
        if rest > half || rest == half && mantissa & 1 == 1 {
            mantissa += 1;
        }
        mantissa <<= drop;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let fraction = format!("{:013x}", mantissa & ((1 << 52) - 1));
    let shown = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(precision) => format!("{fraction:0<precision$}").chars().take(precision).collect(),
    };
    let point = if shown.is_empty() { "" } else { "." };
    let direction = if exponent < 0 { '-' } else { '+' };
    let text = format!("{sign}0x{}{point}{shown}p{direction}{:02}", mantissa >> 52, exponent.unsigned_abs());
    if letter == 'X' { text.to_ascii_uppercase() } else { text }
}
