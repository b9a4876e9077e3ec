use std::collections::BTreeMap;
use std::time::Duration;

use ::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::*;
use crate::config::{
    ClientAuth, ClientCertificate, HttpClientConfig, RateLimit, Secret, ServerTls, Source, TlsConfig,
    TlsVersion, WebConfig,
};
use crate::net::testing::{Authority, Pair, Server, ok, server_tls};
use crate::net::{ClientOptions, HttpClient, Request};

async fn serve(config: &ServerTls) -> Server {
    Server::start_tls(TlsServer::new(config, true).unwrap(), |_| ok("in")).await
}

/// Whether a client that trusts `ca` and shows `pair` gets in.
async fn gets_in(server: &Server, ca: &Authority, pair: Option<&Pair>) -> bool {
    let certificate = pair.map(|pair| ClientCertificate {
        cert: Source::Inline(pair.cert.clone()),
        key: Source::Inline(Secret::new(&pair.key)),
    });
    let tls_config =
        TlsConfig { ca: Some(Source::Inline(ca.pem.clone())), certificate, ..TlsConfig::default() };
    let client = HttpClient::new(
        &HttpClientConfig { tls_config, ..HttpClientConfig::default() },
        ClientOptions::default(),
    );
    let url = url::Url::parse(&format!("https://localhost:{}/", server.address.port())).unwrap();
    let answer = client.unwrap().send(Request::new(::http::Method::GET, url, Duration::from_secs(20))).await;
    answer.is_ok_and(|answer| answer.body == "in")
}

#[tokio::test]
async fn client_auth_types() {
    let (ca, clients) = (Authority::new("server"), Authority::new("clients"));
    let pair = ca.issue(&["localhost"]);
    let (known, unknown) = (clients.issue(&["client"]), Authority::new("others").issue(&["client"]));
    // Who gets in: without a certificate, with an unknown one, with a known one.
    for (kind, expected) in [
        (ClientAuth::None, [true, true, true]),
        (ClientAuth::Request, [true, true, true]),
        (ClientAuth::RequireAny, [false, true, true]),
        (ClientAuth::VerifyIfGiven, [true, false, true]),
        (ClientAuth::RequireAndVerify, [false, false, true]),
    ] {
        let client_ca = (kind != ClientAuth::None).then(|| Source::Inline(clients.pem.clone()));
        let server = serve(&ServerTls { client_ca, client_auth: kind, ..server_tls(&pair) }).await;
        let mut got = Vec::new();
        for shown in [None, Some(&unknown), Some(&known)] {
            got.push(gets_in(&server, &ca, shown).await);
        }
        assert_eq!(got, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn only_allowed_names_get_in() {
    let ca = Authority::new("ours");
    let server = serve(&ServerTls {
        client_ca: Some(Source::Inline(ca.pem.clone())),
        client_auth: ClientAuth::RequireAndVerify,
        client_allowed_sans: Some(vec!["good.example".to_owned(), "10.1.2.3".to_owned()]),
        ..server_tls(&ca.issue(&["localhost"]))
    })
    .await;
    for (names, expected) in [
        (&["good.example"][..], true),
        (&["other", "10.1.2.3"], true),
        (&["bad.good.example", "10.1.2.4"], false),
        (&[], false),
    ] {
        assert_eq!(gets_in(&server, &ca, Some(&ca.issue(names))).await, expected, "{names:?}");
    }
}

#[test]
fn alternative_names_are_read() {
    let pair = Authority::new("x").issue(&["a.example", "192.0.2.1", "2001:db8::1"]);
    let der = crate::net::pem::certificates(pair.cert.as_bytes()).unwrap().remove(0);
    assert_eq!(alternative_names(&der), ["a.example", "192.0.2.1", "2001:db8::1"]);
    for end in 0..der.len() {
        assert!(alternative_names(&der[..end]).is_empty(), "cut at {end}");
    }
    assert!(alternative_names(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_empty());
}

#[tokio::test]
async fn a_renewed_certificate_is_used_at_once_and_a_broken_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (cert, key) = (directory.path().join("tls.crt"), directory.path().join("tls.key"));
    let put = |pair: &Pair| {
        std::fs::write(&cert, &pair.cert).unwrap();
        std::fs::write(&key, &pair.key).unwrap();
    };
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    put(&first.issue(&["localhost"]));
    let server = serve(&ServerTls {
        cert: Source::File(cert.clone()),
        key: Source::File(key.clone()),
        ..server_tls(&first.issue(&["unused"]))
    })
    .await;
    assert!(gets_in(&server, &first, None).await);
    put(&second.issue(&["localhost"]));
    assert!(gets_in(&server, &second, None).await);
    assert!(!gets_in(&server, &first, None).await);
    std::fs::write(&key, "half a key").unwrap();
    assert!(gets_in(&server, &second, None).await, "the last good certificate stays");
    std::fs::remove_file(&cert).unwrap();
    assert!(gets_in(&server, &second, None).await);
}

// Numbers that IANA gave to suites and groups.
const RSA_WITH_AES_128_CBC: u16 = 0x002f;
const ECDHE_ECDSA_WITH_AES_128_GCM: u16 = 0xc02b;
const CURVE_P256: u16 = 23;
const CURVE_P521: u16 = 25;

#[test]
fn what_cannot_work_is_said() {
    let pair = Authority::new("x").issue(&["x"]);
    let error = |config: ServerTls| TlsServer::new(&config, true).unwrap_err().to_string();
    let ca = Some(Source::Inline("x".to_owned()));
    for (config, text) in [
        (
            ServerTls { client_ca: ca, ..server_tls(&pair) },
            "client CA's have been configured without a Client Auth Policy",
        ),
        (
            ServerTls { min_version: TlsVersion::Tls11, ..server_tls(&pair) },
            "tls_server_config: min_version TLS11 is not supported: TLS 1.2 and 1.3 are; write TLS12 or TLS13",
        ),
        (
            ServerTls {
                max_version: TlsVersion::Tls12,
                cipher_suites: vec![RSA_WITH_AES_128_CBC],
                ..server_tls(&pair)
            },
            "none of the cipher_suites is supported: of TLS 1.2 only the ECDHE suites with AES-GCM and ChaCha20 are",
        ),
        (
            ServerTls { curve_preferences: vec![CURVE_P521], ..server_tls(&pair) },
            "none of the curve_preferences is supported: write CurveP256, CurveP384 or X25519",
        ),
        (
            ServerTls { cert: Source::Inline(String::new()), ..server_tls(&pair) },
            "certificate: no certificate in it (expected PEM)",
        ),
        (
            ServerTls { key: Source::Inline(Secret::new("x")), ..server_tls(&pair) },
            "key: no unencrypted private key in it (expected PEM)",
        ),
    ] {
        assert_eq!(error(config), format!("(built in):1:1: {text}"));
    }
    let missing = ServerTls { cert: Source::File("/no/such.crt".into()), ..server_tls(&pair) };
    assert!(error(missing).starts_with("(built in):1:1: unable to read certificate /no/such.crt: "));
    let chosen = ServerTls {
        max_version: TlsVersion::Tls12,
        cipher_suites: vec![ECDHE_ECDSA_WITH_AES_128_GCM, RSA_WITH_AES_128_CBC],
        curve_preferences: vec![CURVE_P256, CURVE_P521],
        ..server_tls(&pair)
    };
    TlsServer::new(&chosen, false).unwrap();
}

fn header(user: &str, password: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))).unwrap()
}

#[tokio::test]
async fn users_log_in_with_bcrypt() {
    let hash = bcrypt::hash("pass:word", 4).unwrap();
    let users = BTreeMap::from([("me".to_owned(), Secret::new(&hash))]);
    let auth = WebAuth::new(&WebConfig { users, ..WebConfig::default() });
    assert!(auth.is_required());
    for _cached in 0..2 {
        assert_eq!(auth.check(Some(&header("me", "pass:word"))).await, Ok(()));
        assert_eq!(auth.check(Some(&header("me", "wrong"))).await, Err(Unauthorized));
        assert_eq!(auth.check(Some(&header("you", "pass:word"))).await, Err(Unauthorized));
    }
    for bad in ["Basic", "Basic !", "Bearer x", "Basic bWU="] {
        assert_eq!(auth.check(Some(&HeaderValue::from_static(bad))).await, Err(Unauthorized), "{bad}");
    }
    assert_eq!(auth.check(None).await, Err(Unauthorized));
    let open = WebAuth::new(&WebConfig::default());
    assert_eq!(open.check(None).await, Ok(()));
}

#[test]
fn an_unknown_user_costs_a_comparison() {
    // A hash that could not be parsed would be refused at once and tell who exists.
    assert!(!bcrypt::verify("x", auth::NOBODY).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_burst_and_then_one_by_one() {
    let now = Instant::now();
    let limiter = RateLimiter::new(RateLimit { interval: Duration::from_secs(1), burst: 2 }, now);
    assert_eq!([limiter.allow(now), limiter.allow(now), limiter.allow(now)], [true, true, false]);
    let later = now + Duration::from_millis(1500);
    assert_eq!([limiter.allow(later), limiter.allow(later)], [true, false]);
    let much_later = now + Duration::from_secs(100);
    assert_eq!([0, 1, 2].map(|_| limiter.allow(much_later)), [true, true, false]);
}

#[test]
fn headers_of_every_answer() {
    let headers = BTreeMap::from([("X-Frame-Options".to_owned(), "deny".to_owned())]);
    let headers = response_headers(&WebConfig { headers, ..WebConfig::default() });
    assert_eq!(headers["x-frame-options"], "deny");
}
