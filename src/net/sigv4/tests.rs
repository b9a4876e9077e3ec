use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::chain::{Origin, resolve};
use super::sign::{amz_date, authorization, clean_path};
use super::{Credentials, Signer, sts};
use crate::config::{AwsKeys, Position, Secret, SigV4Config};
use crate::model::Timestamp;
use crate::net::clock;
use crate::net::testing::{Server, ok};

/// The moment and keys of AWS's published vectors (aws-sig-v4-test-suite).
const NOW: Timestamp = Timestamp::from_unix(1_440_938_160, 0);

fn vector_keys() -> Credentials {
    Credentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: None,
    }
}

fn signature(
    service: &str,
    method: Method,
    url: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> String {
    let url = Url::parse(url).unwrap();
    let mut all = HeaderMap::new();
    all.insert("host", HeaderValue::from_str(url.host_str().unwrap()).unwrap());
    all.insert("x-amz-date", HeaderValue::from_str(&amz_date(NOW)).unwrap());
    for (name, value) in headers {
        all.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    authorization(&vector_keys(), "us-east-1", service, NOW, &method, &url, &all, body.as_bytes())
}

#[test]
fn published_vectors() {
    let prefix =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=";
    for (name, method, url, headers, body, rest) in [
        (
            "get-vanilla",
            Method::GET,
            "https://example.amazonaws.com/",
            &[][..],
            "",
            "host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            Method::GET,
            "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            &[],
            "",
            "host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "post-vanilla",
            Method::POST,
            "https://example.amazonaws.com/",
            &[],
            "",
            "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "post-x-www-form-urlencoded",
            Method::POST,
            "https://example.amazonaws.com/",
            &[("content-type", "application/x-www-form-urlencoded")],
            "Param1=value1",
            "content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ] {
        assert_eq!(signature("service", method, url, headers, body), format!("{prefix}{rest}"), "{name}");
    }
}

#[test]
fn the_example_of_the_documentation() {
    let signed = signature(
        "iam",
        Method::GET,
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
        "",
    );
    let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    assert!(signed.ends_with(signature), "{signed}");
}

#[test]
fn paths_are_cleaned() {
    assert_eq!(clean_path("//a/./b/../c/"), "/a/c");
    assert_eq!(clean_path("/"), "/");
    assert_eq!(clean_path("/../x"), "/x");
}

fn config() -> SigV4Config {
    SigV4Config {
        region: Some("eu-west-1".to_owned()),
        keys: None,
        profile: None,
        role_arn: None,
        external_id: None,
        use_fips_sts_endpoint: false,
        service_name: "aps".to_owned(),
        position: Position::default(),
    }
}

fn resolved(config: &SigV4Config, env: &[(&str, &str)]) -> Result<(String, Origin), String> {
    let env: HashMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    resolve(config, &|name| env.get(name).cloned())
}

fn fixed(access_key: &str, secret_key: &str, token: Option<&str>) -> Origin {
    Origin::Fixed(Credentials {
        access_key: access_key.to_owned(),
        secret_key: Secret::new(secret_key),
        session_token: token.map(Secret::new),
    })
}

#[test]
fn keys_come_from_the_configuration_then_the_environment() {
    let env = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "key"), ("AWS_SESSION_TOKEN", "token")];
    assert_eq!(
        resolved(&config(), &env).unwrap(),
        ("eu-west-1".to_owned(), fixed("id", "key", Some("token")))
    );
    let keys = Some(AwsKeys { access_key: "mine".to_owned(), secret_key: Secret::new("own") });
    let config = SigV4Config { keys, ..config() };
    assert_eq!(resolved(&config, &env).unwrap().1, fixed("mine", "own", None));
}

#[test]
fn keys_and_region_come_from_the_shared_files() {
    let directory = tempfile::tempdir().unwrap();
    let aws = directory.path().join(".aws");
    std::fs::create_dir(&aws).unwrap();
    std::fs::write(
        aws.join("credentials"),
        "# keys\n[default]\naws_access_key_id = a\naws_secret_access_key=b\n[other]\naws_access_key_id = c\n\
         aws_secret_access_key = d = e\naws_session_token = t\n",
    )
    .unwrap();
    std::fs::write(aws.join("config"), "[default]\nregion = r1\n[profile  other]\nregion=r2\ns3 =\n  region = no\n[profile sso]\nsso_session = x\n")
        .unwrap();
    let home = directory.path().to_str().unwrap();
    let without_region = || SigV4Config { region: None, ..config() };
    assert_eq!(
        resolved(&without_region(), &[("HOME", home)]).unwrap(),
        ("r1".to_owned(), fixed("a", "b", None))
    );
    let profile = SigV4Config { profile: Some("other".to_owned()), ..without_region() };
    let expected = ("r2".to_owned(), fixed("c", "d = e", Some("t")));
    assert_eq!(resolved(&profile, &[("HOME", home)]).unwrap(), expected);
    assert_eq!(resolved(&without_region(), &[("HOME", home), ("AWS_PROFILE", "other")]).unwrap(), expected);
    let missing = SigV4Config { profile: Some("gone".to_owned()), ..config() };
    let error = resolved(&missing, &[("HOME", home)]).unwrap_err();
    assert!(error.starts_with("failed to get shared config profile: profile \"gone\""), "{error}");
    let sso = SigV4Config { profile: Some("sso".to_owned()), ..config() };
    let error = resolved(&sso, &[("HOME", home)]).unwrap_err();
    assert!(error.contains("uses sso_session, which is not supported"), "{error}");
}

#[test]
fn what_is_missing_is_said() {
    let error = resolved(&config(), &[]).unwrap_err();
    assert!(error.starts_with("could not get SigV4 credentials: none in sigv4"), "{error}");
    let error = resolved(&SigV4Config { region: None, ..config() }, &[]).unwrap_err();
    assert!(error.starts_with("region not configured in sigv4 or in default credentials chain"), "{error}");
}

const HANDED_OUT: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>\
    <SecretAccessKey>s&amp;t</SecretAccessKey><SessionToken>tok</SessionToken>\
    <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

#[test]
fn the_answer_of_sts_is_read() {
    let now = Timestamp::parse("2998-12-31T23:00:00Z").unwrap();
    let (credentials, lifetime) = sts::handed_out(HANDED_OUT, now).unwrap();
    assert_eq!(credentials.secret_key.expose(), "s&t");
    assert_eq!(lifetime, Some(Duration::from_secs(3540)));
    assert!(sts::handed_out("<AccessKeyId>", now).is_none());
}

#[tokio::test]
async fn a_role_is_assumed_once() {
    let server = Server::start(|_| ok(HANDED_OUT)).await;
    let endpoint = server.url("/").to_string();
    let env = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("AKID".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
        "AWS_ENDPOINT_URL_STS" => Some(endpoint.clone()),
        _ => None,
    };
    let role_arn = Some("arn:aws:iam::1:role/x".to_owned());
    let config = SigV4Config { role_arn, external_id: Some("ext".to_owned()), ..config() };
    let signer = Signer::with_env(&config, &env).unwrap();
    for _ in 0..2 {
        let mut headers = HeaderMap::new();
        let mut url = Url::parse("https://aps/x").unwrap();
        signer.sign(&Method::POST, &mut url, &mut headers, b"[]").await.unwrap();
        assert_eq!(headers["x-amz-security-token"], "tok");
        assert!(headers["authorization"].to_str().unwrap().contains("Credential=ASIA/"));
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    let form = String::from_utf8(seen[0].body.to_vec()).unwrap();
    assert!(form.contains("Action=AssumeRole&") && form.contains("ExternalId=ext"), "{form}");
    assert!(seen[0].header("authorization").unwrap().contains("/eu-west-1/sts/aws4_request"));
}

/// STS's answer to the `number`th request: keys for a quarter of an hour.
fn handed_out(number: usize) -> String {
    let end = Timestamp::from_unix(clock::now().unix_seconds() + 900, 0);
    let numbered =
        HANDED_OUT.replace("ASIA", &format!("ASIA{number}")).replace("tok", &format!("tok{number}"));
    numbered.replace("2999-01-01T00:00:00Z", &end.to_string())
}

#[tokio::test]
async fn a_role_is_assumed_anew_before_its_keys_end() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| ok(&handed_out(asked.fetch_add(1, Ordering::Relaxed) + 1))).await;
    let endpoint = server.url("/").to_string();
    let env = |name: &str| (name == "AWS_ENDPOINT_URL_STS").then(|| endpoint.clone());
    let keys = Some(AwsKeys { access_key: "mine".to_owned(), secret_key: Secret::new("own") });
    let config = SigV4Config { role_arn: Some("arn:aws:iam::1:role/x".to_owned()), keys, ..config() };
    let signer = Signer::with_env(&config, &env).unwrap();
    for (minutes, number) in [(0, 1), (5, 1), (5, 1), (4, 2), (10, 2), (60, 3)] {
        // Only between requests: while one waits for its answer, paused time would run to its end.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(minutes * 60 + u64::from(number == 2))).await;
        tokio::time::resume();
        let (mut headers, mut url) = (HeaderMap::new(), Url::parse("https://aps/x").unwrap());
        signer.sign(&Method::POST, &mut url, &mut headers, b"[]").await.unwrap();
        assert_eq!(headers["x-amz-security-token"], format!("tok{number}").as_str(), "{minutes}");
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.contains(&format!("Credential=ASIA{number}/")), "{authorization}");
        assert!(authorization.contains(";x-amz-security-token,"), "the token is signed: {authorization}");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|seen| seen.header("authorization").unwrap().contains("Credential=mine/")));
}
