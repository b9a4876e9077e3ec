//! AUTH (RFC 4954): PLAIN, LOGIN and CRAM-MD5.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Credentials, SmtpError};
use crate::config::Secret;

/// A way to authenticate, with what it needs.
pub(super) enum Mechanism<'a> {
    Plain { identity: &'a str, username: &'a str, password: &'a Secret },
    Login { username: &'a str, password: &'a Secret },
    CramMd5 { username: &'a str, secret: &'a Secret },
}

/// The first of the mechanisms that the server offers for which we have what it needs; else why there is none.
pub(super) fn choose<'a>(offered: &str, credentials: &'a Credentials) -> Result<Mechanism<'a>, String> {
    let Credentials { username, password, secret, identity } = credentials;
    let mut problems = Vec::new();
    for mechanism in offered.split_ascii_whitespace() {
        let problem = match (mechanism, password, secret) {
            ("CRAM-MD5", _, Some(secret)) => return Ok(Mechanism::CramMd5 { username, secret }),
            ("CRAM-MD5", _, None) => "missing secret for CRAM-MD5 auth mechanism".to_owned(),
            ("PLAIN", Some(password), _) => return Ok(Mechanism::Plain { identity, username, password }),
            ("LOGIN", Some(password), _) => return Ok(Mechanism::Login { username, password }),
            ("PLAIN" | "LOGIN", None, _) => format!("missing password for {mechanism} auth mechanism"),
            (unknown, ..) => format!("unknown auth mechanism: {unknown}"),
        };
        problems.push(problem);
    }
    Err(if problems.is_empty() { "the server offers none".to_owned() } else { problems.join("; ") })
}

impl Mechanism<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Login { .. } => "LOGIN",
            Self::CramMd5 { .. } => "CRAM-MD5",
        }
    }

    /// The AUTH command. PLAIN is for TLS and for this machine only, as in Go.
    pub(super) fn start(&self, host: &str, is_tls: bool) -> Result<String, SmtpError> {
        let name = self.name();
        let Self::Plain { identity, username, password } = self else { return Ok(format!("AUTH {name}")) };
        if !is_tls && !matches!(host, "localhost" | "127.0.0.1" | "::1") {
            return Err(SmtpError::Auth { mechanism: name, problem: "unencrypted connection" });
        }
        let response = STANDARD.encode(format!("{identity}\0{username}\0{}", password.expose()));
        Ok(format!("AUTH {name} {response}"))
    }

    /// The answer to a challenge.
    pub(super) fn answer(&mut self, challenge: &str) -> Result<String, SmtpError> {
        let mechanism = self.name();
        let problem = |problem| SmtpError::Auth { mechanism, problem };
        let challenge =
            STANDARD.decode(challenge.trim()).map_err(|_error| problem("the challenge is not base64"))?;
        let response = match self {
            Self::Plain { .. } => return Err(problem("unexpected server challenge")),
            Self::Login { username, password } => match challenge.to_ascii_lowercase() {
                // `Username:` of most servers, `User Name` of some.
                asked if asked.starts_with(b"user") => (*username).to_owned(),
                asked if asked.starts_with(b"pass") => password.expose().to_owned(),
                _ => return Err(problem("unexpected server challenge")),
            },
            Self::CramMd5 { username, secret } => {
                format!("{username} {:x}", hmac_md5(secret.expose().as_bytes(), &challenge))
            }
        };
        Ok(STANDARD.encode(response))
    }
}

/// HMAC (RFC 2104) over MD5, which is what CRAM-MD5 (RFC 2195) uses and nothing else here should.
fn hmac_md5(key: &[u8], message: &[u8]) -> md5::Digest {
    let mut block = [0_u8; 64];
    let hashed = md5::compute(key);
    let key = if key.len() > block.len() { &hashed[..] } else { key };
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let mut inner = padded(0x36).to_vec();
    inner.extend_from_slice(message);
    let mut outer = padded(0x5c).to_vec();
    outer.extend_from_slice(&md5::compute(inner)[..]);
    md5::compute(outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(password: bool, secret: bool) -> Credentials {
        Credentials {
            username: "tim".to_owned(),
            password: password.then(|| Secret::new("hunter2")),
            secret: secret.then(|| Secret::new("tanstaaftanstaaf")),
            identity: "id".to_owned(),
        }
    }

    #[test]
    fn the_server_s_order_decides() {
        let chosen = |offered: &str, password, secret| {
            choose(offered, &credentials(password, secret)).map(|mechanism| mechanism.name())
        };
        assert_eq!(chosen("LOGIN PLAIN CRAM-MD5", true, true), Ok("LOGIN"));
        assert_eq!(chosen("CRAM-MD5 PLAIN", true, true), Ok("CRAM-MD5"));
        assert_eq!(chosen("CRAM-MD5 XOAUTH2 PLAIN", true, false), Ok("PLAIN"));
        assert_eq!(
            chosen("XOAUTH2 LOGIN", false, true),
            Err("unknown auth mechanism: XOAUTH2; missing password for LOGIN auth mechanism".to_owned())
        );
        assert!(chosen("", true, true).is_err());
    }

    /// The example of RFC 2195, and a key longer than a block (RFC 2202, case 6).
    #[test]
    fn cram_md5() {
        let mut mechanism = Mechanism::CramMd5 { username: "tim", secret: &Secret::new("tanstaaftanstaaf") };
        let challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
        assert_eq!(mechanism.answer(challenge).unwrap(), "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
        let digest = hmac_md5(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(format!("{digest:x}"), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }

    #[test]
    fn plain_needs_tls_or_this_machine() {
        let credentials = credentials(true, false);
        let plain = choose("PLAIN", &credentials).unwrap();
        assert_eq!(plain.start("127.0.0.1", false).unwrap(), "AUTH PLAIN aWQAdGltAGh1bnRlcjI=");
        assert_eq!(plain.start("mail", true).unwrap(), "AUTH PLAIN aWQAdGltAGh1bnRlcjI=");
        assert_eq!(plain.start("mail", false).unwrap_err().to_string(), "PLAIN auth: unencrypted connection");
    }
}
