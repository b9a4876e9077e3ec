use std::io;

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// There is no connection.
    #[error("establish connection to server: {0}")]
    Connect(io::Error),
    /// TLS as configured is not possible, whatever the server says.
    #[error("TLS: {0}")]
    TlsConfig(String),
    /// The handshake failed.
    #[error("TLS handshake with {host}: {error}")]
    Handshake {
        /// The server.
        host: String,
        /// What is wrong.
        error: io::Error,
    },
    /// The connection broke.
    #[error("{command}: {error}")]
    Io {
        /// What was being said.
        command: &'static str,
        /// How it broke.
        error: io::Error,
    },
    /// The server does not speak SMTP.
    #[error("{command}: {problem}")]
    Protocol {
        /// What was being said.
        command: &'static str,
        /// What is wrong with the answer.
        problem: &'static str,
    },
    /// The server says no.
    #[error("{command}: {code} {text}")]
    Refused {
        /// What was said.
        command: &'static str,
        /// The code, such as 550.
        code: u16,
        /// The text of its answer.
        text: String,
    },
    /// TLS is required and not offered.
    #[error("'require_tls' is true (default) but {host:?} does not advertise the STARTTLS extension")]
    NoStartTls {
        /// The server.
        host: String,
    },
    /// No way to authenticate that the server offers can be used.
    #[error("find auth mechanism: {0}")]
    NoMechanism(String),
    /// Authentication did not work out on our side.
    #[error("{mechanism} auth: {problem}")]
    Auth {
        /// How we tried.
        mechanism: &'static str,
        /// What was wrong.
        problem: &'static str,
    },
}

impl SmtpError {
    /// What is being said when the message itself is handed over.
    pub(super) const HAND_OVER: &str = "delivery failure";

    /// Whether the server may have taken the mail all the same: the connection broke after the message was begun.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Io { command: Self::HAND_OVER, .. })
    }

    /// Whether the next attempt fails too unless the configuration changes.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::TlsConfig(_))
    }
}
