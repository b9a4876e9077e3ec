use ::http::HeaderMap;

use super::{TIMEOUT, post};
use crate::config::{AwsKeys, HttpClientConfig, Position, Secret, SigV4Config};
use crate::model::Timestamp;
use crate::net::sigv4::testing::{Credentials, authorization};
use crate::net::testing::{Seen, Server};
use crate::net::{ClientOptions, HttpClient, NetError};

fn config(keys: Option<AwsKeys>) -> SigV4Config {
    SigV4Config {
        region: Some("us-east-1".to_owned()),
        keys,
        profile: None,
        role_arn: None,
        external_id: None,
        use_fips_sts_endpoint: false,
        service_name: "aps".to_owned(),
        position: Position::default(),
    }
}

/// Whether the signature is the one over what arrived.
fn verifies(seen: &Seen) -> bool {
    let given = seen.header("authorization").unwrap().to_owned();
    let names = given.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let signed: HeaderMap = names
        .split(';')
        .map(|name| (name.parse::<::http::HeaderName>().unwrap(), seen.headers[name].clone()))
        .collect();
    let date = seen.header("x-amz-date").unwrap();
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..8],
        &date[9..11],
        &date[11..13],
        &date[13..15]
    );
    let url = url::Url::parse(&format!("http://{}{}", seen.header("host").unwrap(), seen.uri)).unwrap();
    let keys =
        Credentials { access_key: "AKID".to_owned(), secret_key: Secret::new("secret"), session_token: None };
    let now = Timestamp::parse(&iso).unwrap();
    given == authorization(&keys, "us-east-1", "aps", now, &seen.method, &url, &signed, &seen.body)
}

#[tokio::test]
async fn the_signature_covers_what_arrives() {
    let server =
        Server::start(|seen| (if verifies(seen) { 200 } else { 403 }, Vec::new(), String::new())).await;
    let keys = AwsKeys { access_key: "AKID".to_owned(), secret_key: Secret::new("secret") };
    let options = ClientOptions { sigv4: Some(config(Some(keys))), ..ClientOptions::default() };
    let client = HttpClient::new(&HttpClientConfig::default(), options).unwrap();
    for path in ["/workspaces/ws-1/alertmanager/api/v2/alerts", "//a/./b/?x=1&a=%20b", "/ä"] {
        let answer = post(&client, &server.url(path)).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{path} within {TIMEOUT:?}");
    }
    assert_eq!(server.seen()[1].uri.path(), "/a/b", "the path is cleaned");
}

#[test]
fn missing_credentials_fail_the_build() {
    let config = SigV4Config { profile: Some("no such profile".to_owned()), ..config(None) };
    let options = ClientOptions { sigv4: Some(config), ..ClientOptions::default() };
    let error = HttpClient::new(&HttpClientConfig::default(), options).unwrap_err();
    assert!(matches!(error, NetError::Setup { .. }), "{error}");
    assert!(error.to_string().contains("sigv4: failed to get shared config profile"), "{error}");
}
