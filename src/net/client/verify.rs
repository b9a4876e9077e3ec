use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// How the certificate of a server is judged.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    /// `server_name`: checked instead of the name that was dialled.
    name: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Trust {
    /// `insecure_skip_verify`.
    Anybody,
    /// Exactly the configured certificates.
    Given { verifier: Arc<WebPkiServerVerifier>, roots: Vec<CertificateDer<'static>> },
    /// The system's, loaded when the first handshake needs them: a client of plain HTTP never pays for them.
    System,
}

/// The system's roots, read once per process as Go does.
static SYSTEM: OnceLock<Result<rustls_platform_verifier::Verifier, String>> = OnceLock::new();

impl Verifier {
    pub(super) fn anybody(provider: Arc<CryptoProvider>) -> Self {
        Self { trust: Trust::Anybody, name: None, provider }
    }

    pub(super) fn system(provider: Arc<CryptoProvider>, name: Option<ServerName<'static>>) -> Self {
        Self { trust: Trust::System, name, provider }
    }

    pub(super) fn given(
        provider: Arc<CryptoProvider>,
        name: Option<ServerName<'static>>,
        certificates: Vec<CertificateDer<'static>>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| error.to_string())?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { trust: Trust::Given { verifier, roots: certificates }, name, provider })
    }

    fn system_roots(&self) -> Result<&'static rustls_platform_verifier::Verifier, Error> {
        let loaded = SYSTEM.get_or_init(|| {
            rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider))
                .map_err(|error| error.to_string())
        });
        loaded.as_ref().map_err(|error| Error::General(format!("no CA certificates of this system: {error}")))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        dialled: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = self.name.as_ref().unwrap_or(dialled);
        match &self.trust {
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
            Trust::System => {
                self.system_roots()?.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            }
            Trust::Given { verifier, roots } => {
                verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now).map_err(|error| {
                    if is_a_ca(&error) && roots.iter().any(|root| root.as_ref() == end_entity.as_ref()) {
                        return Error::General(
                            "the server's certificate is itself the configured CA (a self-signed certificate with \
                             CA:TRUE); TLS here wants a certificate that is not a CA: make one with CA:FALSE, or sign \
                             it with a CA of its own"
                                .to_owned(),
                        );
                    }
                    error
                })
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// webpki refuses a CA as a server's own certificate, which `openssl req -x509` makes by default and Go accepts.
fn is_a_ca(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => fmt_contains(other, "CaUsedAsEndEntity"),
        _ => false,
    }
}

fn fmt_contains(value: &impl fmt::Debug, text: &str) -> bool {
    format!("{value:?}").contains(text)
}
