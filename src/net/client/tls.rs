use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;

use super::verify::Verifier;
use crate::config::{Position, Secret, Source, TlsConfig};
use crate::net::versions::{self, Unsupported};
use crate::net::{NetError, pem};

/// The bytes that a client's TLS is made of. When one of the files changes, these compare unequal and the
/// transport is made anew.
#[derive(Clone, PartialEq, Eq, Default)]
pub(in crate::net) struct Material {
    ca: Option<Vec<u8>>,
    certificate: Option<(Vec<u8>, Vec<u8>)>,
}

/// A file of the TLS configuration that cannot be read.
#[derive(Debug)]
pub(in crate::net) struct Unreadable {
    pub(in crate::net) what: &'static str,
    pub(in crate::net) path: PathBuf,
    pub(in crate::net) source: io::Error,
}

impl Unreadable {
    pub(super) fn at(self, position: &Position) -> NetError {
        NetError::File { position: position.clone(), what: self.what, path: self.path, source: self.source }
    }
}

const CA: &str = "CA cert";
const CERT: &str = "client cert";
const KEY: &str = "client key";

impl Material {
    /// Reads what `config` names. Blocking: small files, called when a client is built and otherwise on a thread
    /// for blocking work.
    pub(in crate::net) fn read(config: &TlsConfig) -> Result<Self, Unreadable> {
        let ca = config.ca.as_ref().map(|ca| read(CA, ca, |text| text.as_bytes())).transpose()?;
        let certificate = match &config.certificate {
            Some(pair) => {
                let cert = read(CERT, &pair.cert, |text| text.as_bytes())?;
                let key = read(KEY, &pair.key, |key: &Secret| key.expose().as_bytes())?;
                Some((cert, key))
            }
            None => None,
        };
        Ok(Self { ca, certificate })
    }
}

fn read<T>(
    what: &'static str,
    source: &Source<T>,
    inline: impl Fn(&T) -> &[u8],
) -> Result<Vec<u8>, Unreadable> {
    match source {
        Source::Inline(text) => Ok(inline(text).to_vec()),
        Source::File(path) => {
            std::fs::read(path).map_err(|source| Unreadable { what, path: path.clone(), source })
        }
    }
}

/// Whether anything has to be read again for each request.
pub(super) fn has_files(config: &TlsConfig) -> bool {
    let certificate = config.certificate.as_ref();
    matches!(config.ca, Some(Source::File(_)))
        || certificate
            .is_some_and(|pair| matches!(pair.cert, Source::File(_)) || matches!(pair.key, Source::File(_)))
}

/// rustls' form of a `tls_config` with the material at hand.
pub(in crate::net) fn client_config(
    config: &TlsConfig,
    material: &Material,
    http2: bool,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(default_provider());
    let versions = versions::range(config.min_version, config.max_version).map_err(|error| match error {
        Unsupported::Old(key, version) => {
            format!("tls_config: {key} {version} is not supported: TLS 1.2 and 1.3 are; write TLS12 or TLS13")
        }
        Unsupported::Crossed => "tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified".to_owned(),
    })?;
    let name = config.server_name.as_deref().map(server_name).transpose()?;
    let verifier = match (&material.ca, config.insecure_skip_verify) {
        (Some(ca), skip) => {
            let bad =
                |error| format!("unable to use specified CA cert {}: {error}", described(config.ca.as_ref()));
            let roots = pem::certificates(ca).map_err(bad)?;
            let verifier = Verifier::given(Arc::clone(&provider), name, roots).map_err(bad)?;
            if skip { Verifier::anybody(Arc::clone(&provider)) } else { verifier }
        }
        (None, true) => Verifier::anybody(Arc::clone(&provider)),
        (None, false) => Verifier::system(Arc::clone(&provider), name),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut tls = match &material.certificate {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let pair = config.certificate.as_ref();
            let cert_name = described(pair.map(|pair| &pair.cert));
            let key_name = described(pair.map(|pair| &pair.key));
            let chain = pem::certificates(cert)
                .map_err(|error| format!("unable to use specified client cert ({cert_name}): {error}"))?;
            let key = pem::private_key(key)
                .map_err(|error| format!("unable to use specified client key ({key_name}): {error}"))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                format!("unable to use specified client cert ({cert_name}) & key ({key_name}): {error}")
            })?
        }
    };
    if http2 {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    } else {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    Ok(tls)
}

pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(name.to_owned())
        .map_err(|_error| format!("tls_config: server_name {name:?} is neither a DNS name nor an IP address"))
}

/// The file of a source for messages; an inline value has no name.
fn described<T>(source: Option<&Source<T>>) -> String {
    match source {
        Some(Source::File(path)) => Path::display(path).to_string(),
        Some(Source::Inline(_)) | None => "inline".to_owned(),
    }
}
