use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, client, server};

use super::NetError;
use super::client::TlsClient;
use super::web::TlsServer;
use crate::config::ClusterTls;

/// TLS between the members of a cluster: each is a server to those that dial it and a client to those it dials. The
/// files are looked at for every connection, so renewed certificates are used at once; while a file is missing or
/// broken the last good ones stay, with an error in the log.
#[derive(Debug, Clone)]
pub struct PeerTls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    server: TlsServer,
    client: TlsClient,
}

impl PeerTls {
    /// Reads and checks the files of `config`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or used; a version, cipher or curve that is not possible.
    pub fn new(config: &ClusterTls) -> Result<Self, NetError> {
        let server = TlsServer::speaking(&config.server, &[], "cluster")?;
        Ok(Self(Arc::new(Inner { server, client: TlsClient::new(&config.client)? })))
    }

    /// Makes a connection that a peer opened a TLS connection. It takes as long as the peer does.
    ///
    /// # Errors
    ///
    /// The handshake fails.
    pub async fn accept(&self, connection: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.server.current().await).accept(connection).await
    }

    /// Makes a connection that was opened to the peer at `ip` a TLS connection. The configured `server_name`, or
    /// else the address, must be in the peer's certificate.
    ///
    /// # Errors
    ///
    /// The handshake fails.
    pub async fn connect(
        &self,
        ip: IpAddr,
        connection: TcpStream,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        self.0.client.connect(ip, connection).await
    }
}
