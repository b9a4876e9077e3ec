//! `printf`: reads the format and hands each operand to its verb. Mistakes are written into the result, as in Go.

use super::{Flags, Printer, Value};
use crate::template::text::decode_rune;

/// Widths and precisions beyond this are mistakes.
const MAX_NUMBER: i64 = 1_000_000;

/// `printf`; writes little more than `limit` bytes.
pub(in crate::template) fn sprintf(format: &[u8], args: &[Value], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.len());
    let mut state = Format {
        printer: Printer::new(&mut out, limit),
        format,
        at: 0,
        args,
        arg: 0,
        reordered: false,
        good: true,
        after_index: false,
    };
    state.run();
    out
}

struct Format<'a, 'o> {
    printer: Printer<'o>,
    format: &'a [u8],
    at: usize,
    args: &'a [Value],
    arg: usize,
    reordered: bool,
    /// Whether the explicit index of this verb is one that exists.
    good: bool,
    after_index: bool,
}

impl Format<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn run(&mut self) {
        while self.at < self.format.len() && !self.printer.full() {
            let rest = self.format.get(self.at..).unwrap_or_default();
            let literal = rest.iter().position(|b| *b == b'%').unwrap_or(rest.len());
            self.printer.out.extend_from_slice(rest.get(..literal).unwrap_or_default());
            self.at += literal;
            if self.at >= self.format.len() {
                break;
            }
            self.at += 1;
            self.good = true;
            self.after_index = false;
            if !self.verb() {
                break;
            }
        }
        self.extra();
    }

    /// One verb with its flags; `false` at the end of the format.
    fn verb(&mut self) -> bool {
        self.flags();
        self.index();
        self.width();
        self.precision();
        if !self.after_index {
            self.index();
        }
        let Some((verb, len)) = decode_rune(self.format.get(self.at..).unwrap_or_default()) else {
            self.printer.text("%!(NOVERB)");
            return false;
        };
        self.at += len;
        let shown = verb.encode_utf8(&mut [0; 4]).to_owned();
        if verb == '%' {
            self.printer.text("%");
        } else if !self.good {
            self.printer.text(&format!("%!{shown}(BADINDEX)"));
        } else if let Some(arg) = self.args.get(self.arg) {
            if verb == 'v' {
                let flags = &mut self.printer.flags;
                flags.sharp_v = std::mem::take(&mut flags.sharp);
                flags.plus_v = std::mem::take(&mut flags.plus);
            }
            self.arg += 1;
            self.printer.arg(arg, verb);
        } else {
            self.printer.text(&format!("%!{shown}(MISSING)"));
        }
        true
    }

    fn flags(&mut self) {
        let mut flags = Flags::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        self.printer.flags = flags;
    }

    /// Digits at the position; too large a number is none.
    fn number(&mut self) -> Option<usize> {
        let mut value: Option<i64> = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let next = value.unwrap_or_default() * 10 + i64::from(digit - b'0');
            if next > MAX_NUMBER * 10 {
                // Go gives up at once and leaves the rest of the format unread.
                self.at = self.format.len();
                return None;
            }
            value = Some(next);
            self.at += 1;
        }
        value.and_then(|value| usize::try_from(value).ok())
    }

    /// `[n]`.
    fn index(&mut self) {
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = self.format.get(self.at..).unwrap_or_default();
        let close = rest.iter().position(|b| *b == b']');
        let Some(close) = close.filter(|_| rest.len() >= 3) else {
            self.good = false;
            self.at += 1;
            return;
        };
        let inner = rest.get(1..close).unwrap_or_default();
        let index = std::str::from_utf8(inner)
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|text| text.parse::<usize>().ok())
            .and_then(|number| number.checked_sub(1));
        self.at += close + 1;
        match index.filter(|index| *index < self.args.len()) {
            Some(index) => {
                self.arg = index;
                self.after_index = true;
            }
            None => {
                self.good = false;
                self.after_index = index.is_some();
            }
        }
    }

    /// The integer operand that `*` stands for.
    fn star(&mut self) -> Option<i64> {
        let arg = self.args.get(self.arg)?;
        self.arg += 1;
        let value = match arg {
            Value::Int(_, int) => *int,
            Value::Byte(byte) => i64::from(*byte),
            _ => return None,
        };
        Some(value).filter(|value| value.abs() <= MAX_NUMBER)
    }

    fn width(&mut self) {
        if self.peek() != Some(b'*') {
            self.printer.flags.width = self.number();
            if self.after_index && self.printer.flags.width.is_some() {
                self.good = false;
            }
            return;
        }
        self.at += 1;
        self.after_index = false;
        let Some(width) = self.star() else {
            self.printer.text("%!(BADWIDTH)");
            return;
        };
        if width < 0 {
            self.printer.flags.minus = true;
            self.printer.flags.zero = false;
        }
        self.printer.flags.width = usize::try_from(width.unsigned_abs()).ok();
    }

    fn precision(&mut self) {
        if self.peek() != Some(b'.') || self.at + 1 >= self.format.len() {
            return;
        }
        self.at += 1;
        if self.after_index {
            self.good = false;
        }
        self.after_index = false;
        self.index();
        if self.peek() != Some(b'*') {
            self.printer.flags.precision = Some(self.number().unwrap_or_default());
            return;
        }
        self.at += 1;
        self.after_index = false;
        match self.star().map(usize::try_from) {
            Some(Ok(precision)) => self.printer.flags.precision = Some(precision),
            _ => self.printer.text("%!(BADPREC)"),
        }
    }

    /// Operands that no verb took.
    fn extra(&mut self) {
        let rest = self.args.get(self.arg..).unwrap_or_default();
        if self.reordered || rest.is_empty() {
            return;
        }
        self.printer.flags = Flags::default();
        self.printer.text("%!(EXTRA ");
        for (index, arg) in rest.iter().enumerate() {
            if index > 0 {
                self.printer.text(", ");
            }
            match arg.type_name() {
                None => self.printer.text("<nil>"),
                Some(name) => {
                    self.printer.text(name);
                    self.printer.text("=");
                    self.printer.arg(arg, 'v');
                }
            }
        }
        self.printer.text(")");
    }
}
