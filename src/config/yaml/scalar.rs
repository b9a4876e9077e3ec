//! What a scalar means under the rules of YAML 1.1, as go-yaml v2 has them.

/// A scalar: its text after unescaping, and whether the text may stand for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text after escapes and folding.
    pub text: String,
    /// Whether the scalar was written plain (or with a core tag such as `!!int`), so that `null`, `yes` or `12` are
    /// not texts. Quoted and block scalars are always texts.
    pub plain: bool,
}

impl Scalar {
    /// Whether this is null: nothing, `~`, `null`, `Null` or `NULL`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The boolean, if it is one of the words that YAML 1.1 knows.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if !self.plain {
            return None;
        }
        match self.text.as_str() {
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                Some(false)
            }
            _ => None,
        }
    }

    /// The integer: decimal, or with the prefixes 0x, 0o, 0b and 0 (octal); underscores are skipped; a number with
    /// a fraction of zero (`1e3`, `5.0`) counts too.
    #[must_use]
    pub fn as_integer(&self) -> Option<i128> {
        if !self.plain {
            return None;
        }
        let digits: String = self.text.chars().filter(|character| *character != '_').collect();
        let (negative, magnitude) = match digits.as_bytes().first() {
            Some(b'-') => (true, &digits[1..]),
            Some(b'+') => (false, &digits[1..]),
            _ => (false, digits.as_str()),
        };
        if !magnitude.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            return None;
        }
        let parsed = match magnitude.as_bytes() {
            [b'0', b'x' | b'X', ..] => radix(&magnitude[2..], 16),
            [b'0', b'o' | b'O', ..] => radix(&magnitude[2..], 8),
            [b'0', b'b' | b'B', ..] => radix(&magnitude[2..], 2),
            [b'0', _, ..] if magnitude.bytes().all(|digit| digit.is_ascii_digit()) => radix(magnitude, 8),
            _ => radix(magnitude, 10).or_else(|| whole(magnitude)),
        }?;
        Some(if negative { -parsed } else { parsed })
    }

    /// The number with a point or an exponent, `.inf` or `.nan`; also every integer.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        if let Some(integer) = self.as_integer() {
            return Some(integer as f64);
        }
        if !self.plain {
            return None;
        }
        match self.text.as_str() {
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
            ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
            text if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => {
                text.parse().ok()
            }
            _ => None,
        }
    }
}

fn radix(digits: &str, base: u32) -> Option<i128> {
    let unsigned = digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
    unsigned.then(|| i128::from_str_radix(digits, base).ok()).flatten().filter(|number| *number <= MOST)
}

/// Integers are read through 64 bits, signed or not.
const MOST: i128 = u64::MAX as i128;

fn whole(text: &str) -> Option<i128> {
    let number: f64 = text.parse().ok()?;
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar {
        Scalar { text: text.to_owned(), plain: true }
    }

    #[test]
    fn booleans_of_yaml_1_1() {
        for text in ["y", "Yes", "ON", "true"] {
            assert_eq!(plain(text).as_bool(), Some(true), "{text}");
        }
        for text in ["n", "No", "off", "FALSE"] {
            assert_eq!(plain(text).as_bool(), Some(false), "{text}");
        }
        for text in ["yEs", "1", "", "tru"] {
            assert_eq!(plain(text).as_bool(), None, "{text}");
        }
        assert_eq!(Scalar { text: "yes".to_owned(), plain: false }.as_bool(), None);
    }

    #[test]
    fn integers_with_their_prefixes() {
        let cases = [
            ("12", Some(12)),
            ("-7", Some(-7)),
            ("0x1F", Some(31)),
            ("0o17", Some(15)),
            ("017", Some(15)),
            ("0b101", Some(5)),
            ("1_000", Some(1000)),
            ("0", Some(0)),
            ("1e3", Some(1000)),
            ("5.0", Some(5)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("18446744073709551616", None),
            ("5.5", None),
            ("0x", None),
            ("0x-1", None),
            ("+-1", None),
            ("", None),
            ("-", None),
            ("inf", None),
            ("é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text).as_integer(), expected, "{text}");
        }
    }

    #[test]
    fn floats_and_nulls() {
        assert_eq!(plain("1.5").as_float(), Some(1.5));
        assert_eq!(plain("-.inf").as_float(), Some(f64::NEG_INFINITY));
        assert_eq!(plain("infinity").as_float(), None);
        assert!(plain("").is_null() && plain("~").is_null() && plain("NULL").is_null());
        assert!(!plain("nULL").is_null() && !Scalar { text: String::new(), plain: false }.is_null());
    }
}
