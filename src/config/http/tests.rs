//! Client blocks, good and bad.

use std::path::Path;

use super::{Authentication, HttpClientConfig, ProxyAddress, Source, TlsVersion};
use crate::config::error::ConfigError;
use crate::config::yaml::read;

fn decode(text: &str) -> Result<HttpClientConfig, ConfigError> {
    read(Path::new("/etc/x/http.yml"), text, |root| root.fields(HttpClientConfig::decode))
}

#[test]
fn bad_blocks_are_told_what_is_wrong() {
    let cases = crate::config::tests::cases(include_str!("../testdata/http-bad.txt"));
    let told = crate::config::tests::tell_faults(&cases, |text| decode(text).unwrap_err());
    insta::assert_snapshot!("http_bad", told);
}

#[test]
fn an_empty_block_is_a_client_without_secrets() {
    assert_eq!(decode("").unwrap(), HttpClientConfig::default());
    assert_eq!(decode("basic_auth:\ntls_config:\nhttp_headers:\n").unwrap(), HttpClientConfig::default());
}

#[test]
fn every_key_arrives() {
    let text = "
        follow_redirects: off
        enable_http2: false
        basic_auth: {username: me, password_file: pass}
        tls_config:
          ca_file: ../ca.pem
          cert: CERT
          key_file: /keys/k.pem
          server_name: am
          insecure_skip_verify: yes
          min_version: TLS10
          max_version: TLS13
        proxy_url: http://proxy:3128
        no_proxy: 10.0.0.0/8
        proxy_connect_header: {X-Token: [hunter2, b]}
        http_headers:
          X-B: {files: [h], values: [v], secrets: [hunter2]}
          X-A: {values: [1]}
    ";
    let config = decode(text).unwrap();
    insta::assert_debug_snapshot!("http_every_key", config);
    assert_eq!(config.tls_config.min_version, Some(TlsVersion::Tls10));
}

#[test]
fn tokens_of_all_kinds_become_authorization() {
    let authorization = |text: &str| match decode(text).unwrap().authentication {
        Some(Authentication::Authorization(authorization)) => authorization,
        other => panic!("{other:?}"),
    };
    let token = authorization("bearer_token: hunter2");
    assert_eq!(token.scheme, "Bearer");
    assert!(matches!(&token.credentials, Source::Inline(secret) if secret.expose() == "hunter2"));
    let file = authorization("bearer_token_file: token");
    assert_eq!(file.credentials, Source::File("/etc/x/token".into()));
    assert_eq!(authorization("authorization: {type: ' APIKEY ', credentials: x}").scheme, "APIKEY");
    assert_eq!(authorization("authorization: {}").scheme, "Bearer");
}

#[test]
fn basic_auth_may_be_empty() {
    let config = decode("basic_auth: {}").unwrap();
    assert!(matches!(config.authentication, Some(Authentication::BasicAuth(_))));
}

#[test]
fn oauth2_of_both_grants() {
    let text = "
        oauth2:
          client_id: id
          client_secret: hunter2
          token_url: http://auth/token
          scopes: [a, b]
          endpoint_params: {audience: x}
          tls_config: {ca_file: ca.pem}
          proxy_from_environment: true
    ";
    insta::assert_debug_snapshot!("oauth2_client_credentials", decode(text).unwrap().authentication);
    let text = "
        oauth2:
          client_id: id
          grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer
          client_certificate_key_file: key.pem
          client_certificate_key_id: kid
          signature_algorithm: RS512
          claims: {a: 1, b: [true, x, ~], c: {d: 1.5}}
          token_url: http://auth/token
    ";
    insta::assert_debug_snapshot!("oauth2_jwt_bearer", decode(text).unwrap().authentication);
}

#[test]
fn a_proxy_from_the_environment() {
    let proxy = decode("proxy_from_environment: true").unwrap().proxy.unwrap();
    assert_eq!(proxy.address, ProxyAddress::Environment);
    assert_eq!(decode("proxy_url: ''").unwrap().proxy, None);
}
