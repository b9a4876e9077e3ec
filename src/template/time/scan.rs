//! Reads the parts of a time one after the other: numbers, names, fractions, zones' names.

pub(super) enum Fault {
    Syntax,
    Range(&'static str),
}

pub(super) struct Scan<'a> {
    pub(super) value: &'a [u8],
}

impl<'a> Scan<'a> {
    /// Passes literal text; one run of blanks in the layout matches any number.
    pub(super) fn skip(&mut self, prefix: &[u8]) -> Option<()> {
        let mut prefix = prefix;
        while let Some(&first) = prefix.first() {
            if first == b' ' {
                if self.value.first().is_some_and(|b| *b != b' ') {
                    return None;
                }
                prefix = prefix.trim_ascii_start_of(b' ');
                self.value = self.value.trim_ascii_start_of(b' ');
                continue;
            }
            if self.value.first() != Some(&first) {
                return None;
            }
            prefix = prefix.get(1..)?;
            self.value = self.value.get(1..)?;
        }
        Some(())
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let head = self.value.get(..count).ok_or(Fault::Syntax)?;
        self.value = self.value.get(count..).unwrap_or_default();
        Ok(head)
    }

    pub(super) fn digit(&self, at: usize) -> Option<i64> {
        self.value.get(at).filter(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0'))
    }

    /// One or two digits; exactly two where `fixed`.
    pub(super) fn number(&mut self, fixed: bool) -> Result<i64, Fault> {
        let first = self.digit(0).ok_or(Fault::Syntax)?;
        match self.digit(1) {
            Some(second) => {
                self.take(2)?;
                Ok(first * 10 + second)
            }
            None if fixed => Err(Fault::Syntax),
            None => {
                self.take(1)?;
                Ok(first)
            }
        }
    }

    pub(super) fn name(&mut self, names: &[&str], short: bool) -> Result<i64, Fault> {
        for (index, name) in names.iter().enumerate() {
            let name = if short { name.get(..3).unwrap_or(name) } else { name };
            if self.value.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes())) {
                self.take(name.len())?;
                return Ok(index as i64);
            }
        }
        Err(Fault::Syntax)
    }

    /// `.123`: the separator and `count` digits.
    pub(super) fn fraction(&mut self, count: usize) -> Result<u32, Fault> {
        let text = self.take(1 + count)?;
        let digits = text.get(1..).unwrap_or_default();
        if !matches!(text.first(), Some(b'.' | b',')) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Fault::Syntax);
        }
        let nanos = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
        Ok(nanos.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    pub(super) fn fraction_digits(&self) -> usize {
        self.value.iter().skip(1).take_while(|b| b.is_ascii_digit()).count()
    }
}

trait TrimByte {
    fn trim_ascii_start_of(&self, byte: u8) -> &Self;
}

impl TrimByte for [u8] {
    fn trim_ascii_start_of(&self, byte: u8) -> &Self {
        let count = self.iter().take_while(|b| **b == byte).count();
        self.get(count..).unwrap_or_default()
    }
}

pub(super) fn atoi(digits: &[u8]) -> Result<i64, Fault> {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(Fault::Syntax)
}

/// The length of a zone's abbreviation, or of an offset standing in for one.
pub(super) fn zone_name_length(value: &[u8]) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(after) = value.strip_prefix(b"GMT") {
        return Some(3 + signed_offset_length(after));
    }
    if matches!(value.first(), Some(b'+' | b'-')) {
        return Some(signed_offset_length(value)).filter(|length| *length > 0);
    }
    let upper = value.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
    match upper {
        5 if value.get(4) == Some(&b'T') => Some(5),
        4 if value.get(3) == Some(&b'T') || value.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

pub(super) fn signed_offset_length(value: &[u8]) -> usize {
    if !matches!(value.first(), Some(b'+' | b'-')) {
        return 0;
    }
    let digits = value.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
    let hours = value.get(1..1 + digits).and_then(|text| atoi(text).ok());
    match hours {
        Some(0..=23) => 1 + digits,
        _ => 0,
    }
}
