use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls::{self, Material};
use crate::config::TlsConfig;
use crate::net::NetError;

/// The TLS side of a client that speaks something other than HTTP. Its files are looked at for every connection, so a
/// renewed certificate is used at once; while a file is missing or broken the last good one stays.
#[derive(Debug)]
pub(in crate::net) struct TlsClient {
    config: TlsConfig,
    server_name: Option<ServerName<'static>>,
    /// Held to look up or swap a value only.
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    material: Material,
    client: Arc<ClientConfig>,
    /// The last fault of the files, so that it is logged once and not per connection.
    fault: Option<String>,
}

impl TlsClient {
    pub(in crate::net) fn new(config: &TlsConfig) -> Result<Self, NetError> {
        let setup = |message| NetError::Setup { position: config.position.clone(), message };
        let material = Material::read(config).map_err(|unreadable| unreadable.at(&config.position))?;
        let client = client_config(config, &material).map_err(setup)?;
        let server_name = config.server_name.as_deref().map(tls::server_name).transpose().map_err(setup)?;
        let current = Mutex::new(Current { material, client, fault: None });
        Ok(Self { config: config.clone(), server_name, current })
    }

    /// Makes `connection`, which leads to `ip`, a TLS connection. `server_name`, or else the address, must be in the
    /// certificate of the other side.
    pub(in crate::net) async fn connect(
        &self,
        ip: IpAddr,
        connection: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let client = self.current().await;
        let name = self.server_name.clone().unwrap_or_else(|| ServerName::IpAddress(ip.into()));
        TlsConnector::from(client).connect(name, connection).await
    }

    async fn current(&self) -> Arc<ClientConfig> {
        let config = self.config.clone();
        let read = tokio::task::spawn_blocking(move || Material::read(&config)).await;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = match read {
            Ok(Ok(material)) if material == current.material => None,
            Ok(Ok(material)) => match client_config(&self.config, &material) {
                Ok(client) => {
                    tracing::info!(component = "tls", "TLS files changed: new connections use them");
                    *current = Current { material, client, fault: None };
                    None
                }
                Err(error) => Some(error),
            },
            Ok(Err(unreadable)) => Some(unreadable.at(&self.config.position).to_string()),
            Err(error) => Some(error.to_string()),
        };
        if current.fault != fault {
            if let Some(error) = &fault {
                tracing::error!(component = "tls", err = %error, "TLS files cannot be used, going on with the last good ones");
            }
            current.fault = fault;
        }
        Arc::clone(&current.client)
    }
}

fn client_config(config: &TlsConfig, material: &Material) -> Result<Arc<ClientConfig>, String> {
    let mut client = tls::client_config(config, material, false)?;
    client.alpn_protocols.clear();
    Ok(Arc::new(client))
}
