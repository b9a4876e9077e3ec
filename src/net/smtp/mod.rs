//! Handing a mail to a server: SMTP (RFC 5321) as Go's `net/smtp` and Alertmanager speak it.
//!
//! One mail is one connection. What the server says is bounded: a line to 2 KiB, an answer to 100 lines. Nothing waits
//! for ever, since the caller sets the time: dropping the future closes the connection.

mod auth;
mod dialogue;
mod error;
#[cfg(test)]
pub(crate) mod mock;
mod stream;
#[cfg(test)]
mod tests;

use tokio::io::{AsyncRead, AsyncWrite};

use self::dialogue::Dialogue;
pub use self::error::SmtpError;
use self::stream::Stream;
use crate::config::{Secret, TlsConfig};

/// A mail server and how to speak to it.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// A name or address, without brackets.
    pub host: String,
    /// A port, or `smtp`, `smtps`, `submission` or `submissions`.
    pub port: String,
    /// The name for EHLO; empty: `localhost`.
    pub hello: String,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// No mail without TLS: STARTTLS unless TLS is there already. Without it STARTTLS is not used even if offered.
    pub require_tls: bool,
    /// TLS; its files are read for each mail.
    pub tls: TlsConfig,
}

/// Who we are. What is missing rules out the mechanisms that need it.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// For PLAIN and LOGIN.
    pub password: Option<Secret>,
    /// For CRAM-MD5.
    pub secret: Option<Secret>,
    /// On whose behalf, for PLAIN.
    pub identity: String,
}

/// A mail with its addresses, bare and without line breaks.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// From whom.
    pub from: &'a str,
    /// To whom; the first that is refused ends the dialogue.
    pub to: &'a [String],
    /// Headers and body, lines ending with CRLF.
    pub message: &'a [u8],
}

/// Delivers a mail; the server's last answer. Without credentials, or where the server offers no AUTH, the mail goes
/// without.
///
/// # Errors
///
/// The server is not there, answers no, or TLS or AUTH is not to be had as wanted.
pub async fn deliver(
    server: &SmtpServer,
    credentials: Option<&Credentials>,
    envelope: Envelope<'_>,
) -> Result<String, SmtpError> {
    converse(Stream::connect(server).await?, server, credentials, envelope).await
}

/// [`deliver`] over a connection that is there already.
///
/// # Errors
///
/// As [`deliver`].
pub async fn deliver_over(
    connection: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    server: &SmtpServer,
    credentials: Option<&Credentials>,
    envelope: Envelope<'_>,
) -> Result<String, SmtpError> {
    converse(Stream::over(connection), server, credentials, envelope).await
}

async fn converse(
    stream: Stream,
    server: &SmtpServer,
    credentials: Option<&Credentials>,
    envelope: Envelope<'_>,
) -> Result<String, SmtpError> {
    let mut dialogue = Dialogue::open(stream, server).await?;
    match dialogue.talk(server, credentials, envelope).await {
        Ok(answer) => {
            if let Err(err) = dialogue.quit().await {
                tracing::warn!(component = "smtp", %err, "the mail was taken, but the connection did not end well");
            }
            Ok(answer)
        }
        Err(error) => {
            // Only politeness: the error that counts is the first.
            dialogue.quit().await.ok();
            Err(error)
        }
    }
}
