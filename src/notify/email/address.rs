//! Addresses of mails as people write them (RFC 5322): `a@b`, `Name <a@b>`, lists and groups of them.

/// The bare addresses of a list, in its order.
///
/// # Errors
///
/// What is wrong, in the words of Go's `net/mail` where it has some.
pub(super) fn parse_list(text: &str) -> Result<Vec<String>, &'static str> {
    let mut parser = Parser { rest: text };
    let mut addresses = Vec::new();
    loop {
        parser.skip();
        if parser.take(',') {
            continue;
        }
        if parser.rest.is_empty() {
            break;
        }
        parser.address_or_group(&mut addresses)?;
        parser.skip();
        if !parser.rest.is_empty() && !parser.take(',') {
            return Err("expected comma");
        }
    }
    if addresses.is_empty() { Err("no address") } else { Ok(addresses) }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn take(&mut self, expected: char) -> bool {
        let after = self.rest.strip_prefix(expected);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Passes over blanks and comments, which may be nested. A comment that does not end is left for the error.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            let Some(after) = self.rest.strip_prefix('(').and_then(after_comment) else { return };
            self.rest = after;
        }
    }

    fn address_or_group(&mut self, addresses: &mut Vec<String>) -> Result<(), &'static str> {
        let start = self.rest;
        let words = self.phrase()?;
        if words > 0 && self.take(':') {
            return self.group(addresses);
        }
        if self.take('<') {
            addresses.push(self.bare()?);
            self.skip();
            return if self.take('>') { Ok(()) } else { Err("unclosed angle-addr") };
        }
        self.rest = start;
        addresses.push(self.bare()?);
        Ok(())
    }

    fn group(&mut self, addresses: &mut Vec<String>) -> Result<(), &'static str> {
        loop {
            self.skip();
            if self.take(';') {
                return Ok(());
            }
            if self.rest.is_empty() {
                return Err("unclosed group");
            }
            if !self.take(',') {
                self.address_or_group(addresses)?;
            }
        }
    }

    /// Passes over the words of a name; how many there were.
    fn phrase(&mut self) -> Result<usize, &'static str> {
        let mut words = 0;
        loop {
            self.skip();
            if self.rest.starts_with('"') {
                self.quoted()?;
            } else if self.atom(".").is_empty() {
                return Ok(words);
            }
            words += 1;
        }
    }

    /// `local@domain`, its local part quoted only where it has to be.
    fn bare(&mut self) -> Result<String, &'static str> {
        self.skip();
        let local = if self.rest.starts_with('"') {
            let text = self.quoted()?;
            if is_dot_atom(&text) { text } else { quote(&text) }
        } else {
            let local = self.atom(".").to_owned();
            if !is_dot_atom(&local) {
                return Err("no angle-addr");
            }
            local
        };
        self.skip();
        if !self.take('@') {
            return Err("missing '@' or angle-addr");
        }
        self.skip();
        if self.rest.starts_with('[') {
            let end = self.rest.find(']').ok_or("unclosed domain-literal")?;
            let (literal, rest) = self.rest.split_at(end + 1);
            self.rest = rest;
            let fits = literal.chars().skip(1).all(|c| c.is_ascii_graphic() && c != '[' && c != '\\');
            return if fits { Ok(format!("{local}@{literal}")) } else { Err("bad domain-literal") };
        }
        let domain = self.atom(".");
        if is_dot_atom(domain) { Ok(format!("{local}@{domain}")) } else { Err("no domain after '@'") }
    }

    /// The longest run of characters that need no quotes, and of those in `also`.
    fn atom(&mut self, also: &str) -> &'a str {
        let end = self.rest.find(|c| !is_atom(c) && !also.contains(c)).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(end);
        self.rest = rest;
        atom
    }

    fn quoted(&mut self) -> Result<String, &'static str> {
        let mut text = String::new();
        let mut characters = self.rest.chars();
        characters.next();
        loop {
            match characters.next().ok_or("unclosed quoted-string")? {
                '"' => break,
                '\\' => text.push(visible(characters.next().ok_or("unclosed quoted-string")?)?),
                c => text.push(visible(c)?),
            }
        }
        self.rest = characters.as_str();
        Ok(text)
    }
}

fn visible(c: char) -> Result<char, &'static str> {
    if c.is_control() && c != '\t' { Err("bad character in quoted-string") } else { Ok(c) }
}

/// What follows a comment whose opening parenthesis was taken.
fn after_comment(text: &str) -> Option<&str> {
    let mut depth = 1_usize;
    let mut characters = text.chars();
    while depth > 0 {
        match characters.next()? {
            '(' => depth += 1,
            ')' => depth -= 1,
            '\\' => {
                characters.next();
            }
            _ => {}
        }
    }
    Some(characters.as_str())
}

fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
}

fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.chars().all(is_atom))
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, addresses) in [
            ("a@example.org", &["a@example.org"][..]),
            ("a@example.org, \"B Ö\" <b@example.org>", &["a@example.org", "b@example.org"]),
            ("On-Call Team <on.call+x@example.org> (the team, all of it)", &["on.call+x@example.org"]),
            ("J. Doe <j@example.org>", &["j@example.org"]),
            ("team: a@x.org, B <b@x.org>;, c@x.org", &["a@x.org", "b@x.org", "c@x.org"]),
            ("\"odd name\"@example.org", &["\"odd name\"@example.org"]),
            ("\"plain\"@example.org", &["plain@example.org"]),
            ("root@localhost , ,x@[127.0.0.1]", &["root@localhost", "x@[127.0.0.1]"]),
            ("ü@exämple.org", &["ü@exämple.org"]),
            ("<a@x.org>", &["a@x.org"]),
        ] {
            assert_eq!(
                parse_list(text).as_deref(),
                Ok(addresses.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_the_rest() {
        for (text, problem) in [
            ("", "no address"),
            (" , ", "no address"),
            ("nobody", "missing '@' or angle-addr"),
            ("a@", "no domain after '@'"),
            ("a@x..org", "no domain after '@'"),
            ("a..b@x.org", "no angle-addr"),
            ("a b@x.org", "missing '@' or angle-addr"),
            ("<a@x.org", "unclosed angle-addr"),
            ("a@x.org b@x.org", "expected comma"),
            ("\"a", "unclosed quoted-string"),
            ("team: a@x.org", "unclosed group"),
            ("a@x.org\r\nBcc: b@x.org", "expected comma"),
            ("\"a\r\nb\"@x.org", "bad character in quoted-string"),
            ("(a", "no angle-addr"),
        ] {
            assert_eq!(parse_list(text), Err(problem), "{text}");
        }
    }
}
