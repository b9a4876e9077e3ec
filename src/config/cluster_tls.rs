//! The file of `--cluster.tls-config`: TLS between the members of a cluster, on both sides.

use std::path::Path;

use super::error::{ConfigError, read_file};
use super::http::TlsConfig;
use super::web::ServerTls;
use super::yaml::{Fields, read};

/// How members of a cluster present themselves to each other, and whom they believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterTls {
    /// `tls_server_config`: for connections that peers open.
    pub server: ServerTls,
    /// `tls_client_config`: for connections to peers; by default the system's roots are believed.
    pub client: TlsConfig,
}

impl ClusterTls {
    /// Reads a file. Relative paths in it are joined to its directory.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a part of it is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &read_file(path)?)
    }

    /// Reads the text of the file `path`.
    ///
    /// # Errors
    ///
    /// A part of it is wrong; the server's side is missing.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        read(path, text, |root| root.fields(Self::decode)?)
    }

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let server = fields.value_of("tls_server_config");
        let found = server.as_ref().is_some_and(|server| !server.is_null());
        let server = server.filter(|_| found).and_then(|server| server.fields(decode_server)?);
        if !found {
            fields.value().fault("missing 'tls_server_config' entry in the TLS configuration");
        }
        if fields.value_of("tls_client_config").is_some_and(|client| client.is_null()) {
            fields.fault_at_key(
                "tls_client_config",
                "missing 'tls_client_config' entry in the TLS configuration",
            );
        }
        let client = TlsConfig::decode_at(fields, "tls_client_config");
        Some(Self { server: server?, client })
    }
}

/// Unlike a web server's, this block may not be empty: without a certificate there is no TLS.
fn decode_server(fields: &mut Fields<'_>) -> Option<ServerTls> {
    let parts = ["cert_file", "cert", "key_file", "key", "client_ca_file", "client_ca", "client_auth_type"];
    if fields.present(&parts).is_empty() {
        fields.value().fault("missing one of cert or cert_file");
    }
    ServerTls::decode(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{cases, tell_faults};
    use crate::config::{ClientAuth, Source};

    fn parse(text: &str) -> Result<ClusterTls, ConfigError> {
        ClusterTls::parse(Path::new("/etc/tocsin/cluster.yml"), text)
    }

    #[test]
    fn both_sides_are_read() {
        let text = "tls_server_config: {cert_file: node.crt, key_file: node.key, client_ca_file: ca.crt, \
                    client_auth_type: RequireAndVerifyClientCert}\ntls_client_config: {ca_file: ca.crt, \
                    server_name: peers}";
        let tls = parse(text).unwrap();
        assert_eq!(tls.server.cert, Source::File("/etc/tocsin/node.crt".into()));
        assert_eq!(tls.server.client_auth, ClientAuth::RequireAndVerify);
        assert_eq!(tls.client.ca, Some(Source::File("/etc/tocsin/ca.crt".into())));
        assert_eq!(tls.client.server_name.as_deref(), Some("peers"));
        let server_only = parse("tls_server_config: {cert_file: a, key_file: b}").unwrap();
        assert_eq!((server_only.client.ca, server_only.client.server_name), (None, None));
    }

    #[test]
    fn bad_files_are_told_what_is_wrong() {
        let told = tell_faults(&cases(include_str!("testdata/cluster-tls-bad.txt")), |text| {
            parse(text).expect_err(text)
        });
        insta::assert_snapshot!("cluster_tls_bad", told);
    }
}
