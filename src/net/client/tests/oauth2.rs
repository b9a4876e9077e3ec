use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::signature::{self, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::{client, file, post};
use crate::config::{
    Authentication, Grant, HttpClientConfig, JwtBearer, OAuth2, Position, Secret, SignatureAlgorithm, Source,
    TlsConfig, Url,
};
use crate::net::SendError;
use crate::net::testing::{Answer, Seen, Server, ok};

fn config(tokens: &Server, grant: Grant) -> HttpClientConfig {
    let oauth2 = OAuth2 {
        client_id: "id/1".to_owned(),
        grant,
        scopes: vec!["a".to_owned(), "b".to_owned()],
        token_url: Url::parse(tokens.url("/token").as_str()).unwrap(),
        endpoint_params: BTreeMap::from([("hi".to_owned(), "hello".to_owned())]),
        tls_config: TlsConfig::default(),
        proxy: None,
        position: Position::default(),
    };
    HttpClientConfig {
        authentication: Some(Authentication::Oauth2(Box::new(oauth2))),
        ..HttpClientConfig::default()
    }
}

fn secret(path: &Path) -> Grant {
    Grant::ClientCredentials { client_secret: file(path) }
}

fn inline() -> Grant {
    Grant::ClientCredentials { client_secret: Source::Inline(Secret::new("s+t")) }
}

fn json(text: &str) -> Answer {
    (200, vec![("content-type", "application/json".to_owned())], text.to_owned())
}

fn form(seen: &Seen) -> String {
    String::from_utf8(seen.body.to_vec()).unwrap()
}

/// A token server that hands out `token-0`, `token-1`, … and refuses what `refuse` says.
async fn token_server(lifetime: u64, refuse: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |seen| {
        if refuse(seen) {
            return (401, Vec::new(), "{\"error\":\"invalid_client\"}".to_owned());
        }
        let number = count.fetch_add(1, Ordering::Relaxed);
        json(&format!(r#"{{"access_token":"token-{number}","token_type":"bearer","expires_in":{lifetime}}}"#))
    })
    .await
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_for_a_new_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "s+t\n").unwrap();
    let (tokens, server) = (token_server(3600, |_| false).await, Server::start(|_| ok("")).await);
    let client = client(&config(&tokens, secret(&path)));
    assert!(tokens.seen().is_empty(), "fetched before it is needed");
    let (one, two) = (server.url("/"), server.url("/"));
    let (one, two) = tokio::join!(post(&client, &one), post(&client, &two));
    one.and(two).unwrap();
    assert_eq!(tokens.seen().len(), 1, "two requests at once fetch one token");
    let asked = &tokens.seen()[0];
    // Both parts are escaped before they are joined (RFC 6749 2.3.1).
    assert_eq!(asked.header("authorization"), Some("Basic aWQlMkYxOnMlMkJ0"));
    assert_eq!(form(asked), "grant_type=client_credentials&hi=hello&scope=a+b");
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer token-0"));
    std::fs::write(&path, "changed").unwrap();
    post(&client, &server.url("/")).await.unwrap();
    assert_eq!(server.seen().pop().unwrap().header("authorization"), Some("Bearer token-1"));
}

#[tokio::test]
async fn tokens_expire_early() {
    let (tokens, server) = (token_server(10, |_| false).await, Server::start(|_| ok("")).await);
    let client = client(&config(&tokens, inline()));
    for _ in 0..2 {
        post(&client, &server.url("/")).await.unwrap();
    }
    // Ten seconds are within the margin: such a token is used once.
    assert_eq!(tokens.seen().len(), 2);
}

#[tokio::test]
async fn a_refused_token_is_forgotten() {
    let tokens = token_server(3600, |_| false).await;
    let server = Server::start(|seen| {
        if seen.header("authorization") == Some("Bearer token-0") {
            (401, vec![], String::new())
        } else {
            ok("")
        }
    })
    .await;
    let client = client(&config(&tokens, inline()));
    assert_eq!(post(&client, &server.url("/")).await.unwrap().status.as_u16(), 401);
    assert_eq!(post(&client, &server.url("/")).await.unwrap().status.as_u16(), 200);
}

#[tokio::test]
async fn some_servers_want_the_secret_in_the_form() {
    let tokens = token_server(0, |seen| seen.header("authorization").is_some()).await;
    let server = Server::start(|_| ok("")).await;
    let config = config(&tokens, inline());
    let client = client(&config);
    post(&client, &server.url("/")).await.unwrap();
    assert_eq!(tokens.seen().len(), 2);
    assert_eq!(
        form(&tokens.seen()[1]),
        "client_id=id%2F1&client_secret=s%2Bt&grant_type=client_credentials&hi=hello&scope=a+b"
    );
}

#[tokio::test]
async fn a_token_server_that_refuses_is_quoted() {
    let (tokens, server) = (token_server(1, |_| true).await, Server::start(|_| ok("")).await);
    let error = post(&client(&config(&tokens, inline())), &server.url("/")).await.unwrap_err();
    let text = "oauth2: cannot fetch token: 401 Unauthorized: {\"error\":\"invalid_client\"}";
    assert_eq!(error.to_string(), text);
    assert!(server.seen().is_empty());
    let tokens = Server::start(|_| json("{}")).await;
    let error = post(&client(&config(&tokens, inline())), &server.url("/")).await.unwrap_err();
    assert_eq!(error.to_string(), "oauth2: cannot fetch token: server response missing access_token");
}

#[tokio::test]
async fn fetching_counts_in_the_timeout() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (tokens, server) = (token_server(1, |_| false).await, Server::start(|_| ok("")).await);
    let mut config = config(&tokens, inline());
    if let Some(Authentication::Oauth2(oauth2)) = &mut config.authentication {
        oauth2.token_url = Url::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
    }
    let timeout = Duration::from_millis(100);
    let sent = client(&config).post(&server.url("/"), Bytes::new(), "application/json", timeout).await;
    assert!(matches!(sent, Err(SendError::Timeout(_))));
}

#[tokio::test]
async fn a_signed_assertion_is_a_grant() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let grant = Grant::JwtBearer(JwtBearer {
        key: Source::Inline(Secret::new(&key.serialize_pem())),
        key_id: "key-1".to_owned(),
        algorithm: SignatureAlgorithm::RS256,
        iss: String::new(),
        audience: String::new(),
        claims: serde_json::Map::from_iter([("extra".to_owned(), serde_json::json!(["x"]))]),
    });
    let (tokens, server) = (token_server(3600, |_| false).await, Server::start(|_| ok("")).await);
    post(&client(&config(&tokens, grant)), &server.url("/")).await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer token-0"));
    let fields: BTreeMap<String, String> =
        url::form_urlencoded::parse(&tokens.seen()[0].body).into_owned().collect();
    assert_eq!(fields["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(fields["scope"], "a b");
    let (signed, signature) = fields["assertion"].rsplit_once('.').unwrap();
    let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(key.serialized_der()).unwrap();
    UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let part = |index: usize| -> serde_json::Value {
        let text = signed.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(part(0), serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    let claims = part(1);
    assert_eq!((&claims["iss"], &claims["sub"]), (&"id/1".into(), &"id/1".into()));
    assert_eq!((&claims["aud"], &claims["scope"]), (&tokens.url("/token").to_string().into(), &"a b".into()));
    assert_eq!(claims["extra"], serde_json::json!(["x"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
}
