use std::path::Path;

use super::{TIMEOUT, client, get, post};
use crate::config::{ClientAuth, ClientCertificate, HttpClientConfig, Secret, Source, TlsConfig, TlsVersion};
use crate::net::testing::{Authority, Pair, Server, ok, server_tls};
use crate::net::{ClientOptions, HttpClient, NetError, SendError, TlsServer};

async fn server(pair: &Pair) -> Server {
    Server::start_tls(TlsServer::new(&server_tls(pair), true).unwrap(), |_| ok("secure")).await
}

fn trusting(ca: &Authority) -> HttpClientConfig {
    let tls_config = TlsConfig { ca: Some(Source::Inline(ca.pem.clone())), ..TlsConfig::default() };
    HttpClientConfig { tls_config, ..HttpClientConfig::default() }
}

fn url(server: &Server, host: &str) -> url::Url {
    url::Url::parse(&format!("https://{host}:{}/", server.address.port())).unwrap()
}

fn write(path: &Path, pair: &Pair) {
    std::fs::write(path.with_extension("crt"), &pair.cert).unwrap();
    std::fs::write(path.with_extension("key"), &pair.key).unwrap();
}

#[tokio::test]
async fn only_the_given_authority_counts() {
    let ca = Authority::new("ours");
    let server = server(&ca.issue(&["localhost", "127.0.0.1"])).await;
    let ours = client(&trusting(&ca));
    assert_eq!(post(&ours, &url(&server, "localhost")).await.unwrap().body, "secure");
    assert_eq!(post(&ours, &url(&server, "127.0.0.1")).await.unwrap().body, "secure");
    assert_eq!(server.seen()[0].version, ::http::Version::HTTP_2);
    let error =
        post(&client(&trusting(&Authority::new("theirs"))), &url(&server, "localhost")).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
    let error = post(&client(&HttpClientConfig::default()), &url(&server, "localhost")).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
    let mut careless = HttpClientConfig::default();
    careless.tls_config.insecure_skip_verify = true;
    post(&client(&careless), &url(&server, "localhost")).await.unwrap();
}

#[tokio::test]
async fn http2_can_be_turned_off() {
    let ca = Authority::new("ours");
    let server = server(&ca.issue(&["localhost"])).await;
    let config = HttpClientConfig { enable_http2: false, ..trusting(&ca) };
    post(&client(&config), &url(&server, "localhost")).await.unwrap();
    assert_eq!(server.seen()[0].version, ::http::Version::HTTP_11);
}

#[tokio::test]
async fn server_name_is_verified_and_sent() {
    let ca = Authority::new("ours");
    let server = server(&ca.issue(&["am.example"])).await;
    let error = get(&client(&trusting(&ca)), &url(&server, "localhost")).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
    for http2 in [true, false] {
        let mut config = HttpClientConfig { enable_http2: http2, ..trusting(&ca) };
        config.tls_config.server_name = Some("am.example".to_owned());
        let client = client(&config);
        for host in ["localhost", "127.0.0.1"] {
            let url = url(&server, host);
            assert_eq!(get(&client, &url).await.unwrap().body, "secure");
            let seen = server.seen().pop().unwrap();
            assert_eq!(seen.header("host"), Some(format!("{host}:{}", server.address.port()).as_str()));
        }
    }
}

#[tokio::test]
async fn changed_client_certificates_and_authorities_are_used_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("client");
    let (ca, first, second) = (Authority::new("server"), Authority::new("first"), Authority::new("second"));
    let mut config = server_tls(&ca.issue(&["localhost"]));
    config.client_ca = Some(Source::Inline(second.pem.clone()));
    config.client_auth = ClientAuth::RequireAndVerify;
    let server = Server::start_tls(TlsServer::new(&config, true).unwrap(), |_| ok("known")).await;
    let ca_file = directory.path().join("ca.crt");
    std::fs::write(&ca_file, &ca.pem).unwrap();
    write(&path, &first.issue(&["client"]));
    let certificate = ClientCertificate {
        cert: Source::File(path.with_extension("crt")),
        key: Source::File(path.with_extension("key")),
    };
    let mut config = HttpClientConfig::default();
    config.tls_config.ca = Some(Source::File(ca_file.clone()));
    config.tls_config.certificate = Some(certificate);
    let client = client(&config);
    let url = url(&server, "localhost");
    get(&client, &url).await.unwrap_err();
    // The certificate of the authority that the server knows.
    write(&path, &second.issue(&["client"]));
    assert_eq!(get(&client, &url).await.unwrap().body, "known");
    // A file that is away fails the request, as in Prometheus; one that is back works again.
    std::fs::remove_file(&ca_file).unwrap();
    let error = get(&client, &url).await.unwrap_err();
    assert!(error.to_string().starts_with("unable to read CA cert "), "{error}");
    std::fs::write(&ca_file, &first.pem).unwrap();
    let error = get(&client, &url).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
    std::fs::write(&ca_file, &ca.pem).unwrap();
    get(&client, &url).await.unwrap();
    // A key that is not the certificate's, as between two writes of a rotation.
    std::fs::write(path.with_extension("key"), &first.issue(&["x"]).key).unwrap();
    let error = get(&client, &url).await.unwrap_err();
    assert!(error.to_string().contains("unable to use specified client cert"), "{error}");
}

#[test]
fn what_cannot_work_fails_the_build() {
    let build = |tls_config: TlsConfig| {
        let config = HttpClientConfig { tls_config, ..HttpClientConfig::default() };
        HttpClient::new(&config, ClientOptions::default()).unwrap_err()
    };
    let missing = TlsConfig { ca: Some(Source::File("/no/such/ca.crt".into())), ..TlsConfig::default() };
    let error = build(missing);
    assert!(matches!(error, NetError::File { .. }));
    let text =
        "(built in):1:1: unable to read CA cert /no/such/ca.crt: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), text);
    let empty = TlsConfig { ca: Some(Source::Inline("no pem".to_owned())), ..TlsConfig::default() };
    let text = "(built in):1:1: unable to use specified CA cert inline: no certificate in it (expected PEM)";
    assert_eq!(build(empty).to_string(), text);
    let old = TlsConfig { min_version: Some(TlsVersion::Tls10), ..TlsConfig::default() };
    assert!(build(old).to_string().contains("min_version TLS10 is not supported"));
    let crossed = TlsConfig {
        min_version: Some(TlsVersion::Tls13),
        max_version: Some(TlsVersion::Tls12),
        ..TlsConfig::default()
    };
    assert!(build(crossed).to_string().contains("max_version must be greater than or equal"));
    let pair = Authority::new("x").issue(&["x"]);
    let other = Authority::new("x").issue(&["x"]);
    let certificate =
        ClientCertificate { cert: Source::Inline(pair.cert), key: Source::Inline(Secret::new(&other.key)) };
    let mismatched = TlsConfig { certificate: Some(certificate), ..TlsConfig::default() };
    assert!(
        build(mismatched).to_string().contains("unable to use specified client cert (inline) & key (inline)")
    );
}

#[tokio::test]
async fn versions_are_bounded() {
    let ca = Authority::new("ours");
    let mut config = server_tls(&ca.issue(&["localhost"]));
    config.max_version = TlsVersion::Tls12;
    let server = Server::start_tls(TlsServer::new(&config, true).unwrap(), |_| ok("")).await;
    get(&client(&trusting(&ca)), &url(&server, "localhost")).await.unwrap();
    let mut newer = trusting(&ca);
    newer.tls_config.min_version = Some(TlsVersion::Tls13);
    let error = get(&client(&newer), &url(&server, "localhost")).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?} within {TIMEOUT:?}");
}
