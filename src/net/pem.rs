//! Certificates and keys in PEM (RFC 7468).

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates of a PEM text in its order; other sections are passed over.
///
/// # Errors
///
/// The text is no PEM, or holds no certificate.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("no certificate in it (expected PEM)".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
}

/// The first private key of a PEM text: PKCS #8, PKCS #1 or SEC 1.
///
/// # Errors
///
/// The text is no PEM, or holds no unencrypted private key.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            "no unencrypted private key in it (expected PEM)".to_owned()
        }
        error => error.to_string(),
    })
}
