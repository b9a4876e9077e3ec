//! The connection under the dialogue: plain, then perhaps TLS, read by lines.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{SmtpError, SmtpServer};
use crate::net::client::{Material, client_config};

/// The longest line, its end included; RFC 5321 allows 512 bytes.
const MOST_LINE: u64 = 2048;

/// Bytes both ways.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A connection to a mail server.
pub(super) struct Stream {
    bytes: BufReader<Box<dyn Bytes>>,
    pub(super) is_tls: bool,
}

impl Stream {
    pub(super) async fn connect(server: &SmtpServer) -> Result<Self, SmtpError> {
        let port = port(&server.port).ok_or_else(|| {
            let problem = format!("unknown port {:?}", server.port);
            SmtpError::Connect(io::Error::new(io::ErrorKind::InvalidInput, problem))
        })?;
        // As in Go, no host is this one.
        let host = if server.host.is_empty() { "localhost" } else { &server.host };
        let tcp = TcpStream::connect((host, port)).await.map_err(SmtpError::Connect)?;
        Ok(Self::over(tcp))
    }

    /// A connection that is there already, without TLS.
    pub(super) fn over(bytes: impl Bytes + 'static) -> Self {
        Self { bytes: BufReader::new(Box::new(bytes)), is_tls: false }
    }

    /// Goes over to TLS. What the server sent ahead of it is not trusted: it could be anybody's.
    pub(super) async fn encrypt(self, server: &SmtpServer) -> Result<Self, SmtpError> {
        if !self.bytes.buffer().is_empty() {
            let problem = "the server spoke on before TLS began";
            return Err(SmtpError::Protocol { command: "send STARTTLS command", problem });
        }
        let config = tls_config(server).await?;
        let name = server.tls.server_name.as_deref().unwrap_or(&server.host);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_error| SmtpError::TlsConfig(format!("{name:?} is no name of a server")))?;
        let connector = TlsConnector::from(Arc::new(config));
        let tls = connector.connect(name, self.bytes.into_inner()).await;
        let tls = tls.map_err(|error| SmtpError::Handshake { host: server.host.clone(), error })?;
        Ok(Self { bytes: BufReader::new(Box::new(tls)), is_tls: true })
    }

    /// A line without its end.
    pub(super) async fn read_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let read = (&mut self.bytes).take(MOST_LINE).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.pop_if(|last| *last == b'\n').is_none() {
            let problem = if line.len() as u64 == MOST_LINE { "line too long" } else { "unexpected end" };
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        line.pop_if(|last| *last == b'\r');
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.write_all(bytes).await?;
        self.bytes.flush().await
    }
}

/// The files of a `tls_config` are read on a thread for blocking work.
async fn tls_config(server: &SmtpServer) -> Result<ClientConfig, SmtpError> {
    let tls = server.tls.clone();
    let made = tokio::task::spawn_blocking(move || {
        let material = Material::read(&tls).map_err(|unreadable| {
            format!("unable to read {} {}: {}", unreadable.what, unreadable.path.display(), unreadable.source)
        })?;
        client_config(&tls, &material, false)
    });
    let made = made.await.map_err(|error| SmtpError::TlsConfig(error.to_string()))?;
    let mut config = made.map_err(SmtpError::TlsConfig)?;
    // Mail servers know nothing of HTTP.
    config.alpn_protocols.clear();
    Ok(config)
}

fn port(text: &str) -> Option<u16> {
    match text {
        "smtp" => Some(25),
        "smtps" | "submissions" => Some(465),
        "submission" => Some(587),
        text => text.parse().ok(),
    }
}
