use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::TlsAcceptor;

use super::client_auth;
use crate::config::{ClientAuth, Position, Secret, ServerTls, Source, TlsVersion};
use crate::net::listen::Connection;
use crate::net::versions::{self, Unsupported};
use crate::net::{NetError, pem};

/// A client has this long for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The TLS side of a server. Its files are looked at on every handshake, so a renewed certificate is used at once;
/// while a file is missing or broken the last good certificate stays, with an error in the log.
#[derive(Debug, Clone)]
pub struct TlsServer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ServerTls,
    protocols: &'static [&'static [u8]],
    /// Whose server it is, in the log.
    component: &'static str,
    /// Held to look up or swap a value only.
    current: Mutex<Current>,
}

struct Current {
    material: Material,
    server: Arc<ServerConfig>,
    /// The last fault of the files, so that it is logged once and not per handshake.
    fault: Option<String>,
}

/// The bytes that the server's TLS is made of.
#[derive(Clone, PartialEq, Eq)]
struct Material {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// Why a connection did not become a TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The client took over 10 seconds.
    #[error("TLS handshake not finished within 10s")]
    Timeout,
    /// The client speaks no TLS, or none that fits, or shows no certificate that is allowed.
    #[error("TLS handshake: {0}")]
    Failed(#[from] io::Error),
}

impl TlsServer {
    /// Reads and checks the files of `config`; `http2` offers HTTP/2 by ALPN.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or used, a version, cipher or curve that is not possible, a client CA without a
    /// client auth type.
    pub fn new(config: &ServerTls, http2: bool) -> Result<Self, NetError> {
        Self::speaking(config, if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] }, "web")
    }

    /// The same for a server that offers `protocols` by ALPN, under the name `component` in the log.
    pub(in crate::net) fn speaking(
        config: &ServerTls,
        protocols: &'static [&'static [u8]],
        component: &'static str,
    ) -> Result<Self, NetError> {
        let material = Material::read(config)?;
        let server = server_config(config, &material, protocols)
            .map_err(|message| NetError::Setup { position: config.position.clone(), message })?;
        let current = Mutex::new(Current { material, server, fault: None });
        Ok(Self(Arc::new(Inner { config: config.clone(), protocols, component, current })))
    }

    /// Makes a connection a TLS connection. Run it in the connection's own task: it waits for the client.
    ///
    /// # Errors
    ///
    /// The handshake fails or takes too long.
    pub async fn handshake(&self, connection: Connection) -> Result<Connection, HandshakeError> {
        let server = self.current().await;
        let Connection { stream, peer, _permit } = connection;
        let handshake = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(server).accept(stream)).await;
        let stream = handshake.map_err(|_elapsed| HandshakeError::Timeout)??;
        Ok(Connection { stream: crate::net::listen::Stream::Tls(Box::new(stream)), peer, _permit })
    }

    /// What a connection that comes now is served with.
    pub(in crate::net) async fn current(&self) -> Arc<ServerConfig> {
        let inner = Arc::clone(&self.0);
        let read = tokio::task::spawn_blocking(move || Material::read(&inner.config)).await;
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = match read {
            Ok(Ok(material)) if material == current.material => None,
            Ok(Ok(material)) => match server_config(&self.0.config, &material, self.0.protocols) {
                Ok(server) => {
                    tracing::info!(component = self.0.component, "TLS certificate changed");
                    *current = Current { material, server, fault: None };
                    None
                }
                Err(error) => Some(error),
            },
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if current.fault != fault {
            if let Some(error) = &fault {
                tracing::error!(component = self.0.component, err = %error, "TLS files cannot be used, serving with the last good ones");
            }
            current.fault = fault;
        }
        Arc::clone(&current.server)
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl Material {
    fn read(config: &ServerTls) -> Result<Self, NetError> {
        let position = &config.position;
        let client_ca = config.client_ca.as_ref();
        Ok(Self {
            cert: read(position, "certificate", &config.cert, |text| text.as_bytes())?,
            key: read(position, "key", &config.key, |key: &Secret| key.expose().as_bytes())?,
            client_ca: client_ca
                .map(|ca| read(position, "client CA", ca, |text| text.as_bytes()))
                .transpose()?,
        })
    }
}

fn read<T>(
    position: &Position,
    what: &'static str,
    source: &Source<T>,
    inline: impl Fn(&T) -> &[u8],
) -> Result<Vec<u8>, NetError> {
    match source {
        Source::Inline(text) => Ok(inline(text).to_vec()),
        Source::File(path) => std::fs::read(path).map_err(|source| NetError::File {
            position: position.clone(),
            what,
            path: path.clone(),
            source,
        }),
    }
}

fn server_config(
    config: &ServerTls,
    material: &Material,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(provider(config)?);
    let versions = versions::range(Some(config.min_version), Some(config.max_version)).map_err(|error| match error {
        Unsupported::Old(key, version) => {
            format!("tls_server_config: {key} {version} is not supported: TLS 1.2 and 1.3 are; write TLS12 or TLS13")
        }
        Unsupported::Crossed => "tls_server_config: max_version is below min_version".to_owned(),
    })?;
    let needs_ca = matches!(config.client_auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
    let roots = match &material.client_ca {
        Some(_) if config.client_auth == ClientAuth::None => {
            return Err("client CA's have been configured without a Client Auth Policy".to_owned());
        }
        Some(pem) => pem::certificates(pem).map_err(|error| format!("client CA: {error}"))?,
        None if needs_ca => {
            return Err("client_auth_type verifies certificates: it needs client_ca_file".to_owned());
        }
        None => Vec::new(),
    };
    let verifier =
        client_auth::verifier(config.client_auth, roots, config.client_allowed_sans.as_deref(), &provider)
            .map_err(|error| format!("client CA: {error}"))?;
    let chain = pem::certificates(&material.cert).map_err(|error| format!("certificate: {error}"))?;
    let key = pem::private_key(&material.key).map_err(|error| format!("key: {error}"))?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| error.to_string())?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut server =
        builder.with_single_cert(chain, key).map_err(|error| format!("certificate and key: {error}"))?;
    server.ignore_client_order = config.prefer_server_cipher_suites;
    server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(server))
}

/// The provider with the configured ciphers and curves only. What Go knows and this library lacks is passed over,
/// unless nothing is left.
fn provider(config: &ServerTls) -> Result<CryptoProvider, String> {
    let mut provider = aws_lc_rs::default_provider();
    if !config.cipher_suites.is_empty() {
        // The suites of TLS 1.3 cannot be chosen, in Go neither.
        provider.cipher_suites.retain(|suite| {
            suite.tls13().is_some() || config.cipher_suites.contains(&u16::from(suite.suite()))
        });
        if config.max_version == TlsVersion::Tls12
            && provider.cipher_suites.iter().all(|suite| suite.tls13().is_some())
        {
            return Err(
                "none of the cipher_suites is supported: of TLS 1.2 only the ECDHE suites with AES-GCM and \
                        ChaCha20 are"
                    .to_owned(),
            );
        }
    }
    if !config.curve_preferences.is_empty() {
        let known = aws_lc_rs::ALL_KX_GROUPS;
        let find = |curve: &u16| known.iter().copied().find(|group| u16::from(group.name()) == *curve);
        provider.kx_groups = config.curve_preferences.iter().filter_map(find).collect();
        if provider.kx_groups.is_empty() {
            return Err(
                "none of the curve_preferences is supported: write CurveP256, CurveP384 or X25519".to_owned()
            );
        }
    }
    Ok(provider)
}
