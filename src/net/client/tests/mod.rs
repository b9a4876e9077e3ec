use std::path::Path;
use std::time::Duration;

use ::http::{HeaderValue, Method, header};
use bytes::Bytes;
use url::Url;

use super::*;
use crate::config::{
    self, Authentication, Authorization, BasicAuth, HttpClientConfig, HttpHeader, Position, Secret, Source,
};
use crate::model::Timestamp;
use crate::net::testing::{Server, ok};

mod oauth2;
mod proxy;
mod sigv4;
mod tls;

const TIMEOUT: Duration = Duration::from_secs(20);

fn client(config: &HttpClientConfig) -> HttpClient {
    HttpClient::new(config, ClientOptions::default()).unwrap()
}

async fn post(client: &HttpClient, url: &Url) -> Result<Response, SendError> {
    client.post(url, Bytes::from_static(b"[]"), "application/json", TIMEOUT).await
}

async fn get(client: &HttpClient, url: &Url) -> Result<Response, SendError> {
    client.send(Request::new(Method::GET, url.clone(), TIMEOUT)).await
}

fn basic(username: Source<String>, password: Source<Secret>) -> HttpClientConfig {
    let basic = BasicAuth { username, password, position: Position::default() };
    HttpClientConfig { authentication: Some(Authentication::BasicAuth(basic)), ..HttpClientConfig::default() }
}

fn file<T>(path: &Path) -> Source<T> {
    Source::File(path.to_owned())
}

#[tokio::test]
async fn a_post_arrives_as_prometheus_sends_it() {
    let server = Server::start(|_| (503, vec![("retry-after", "7".to_owned())], "busy".to_owned())).await;
    let options = ClientOptions { user_agent: "Prometheus/3.14.0".to_owned(), ..ClientOptions::default() };
    let client = HttpClient::new(&HttpClientConfig::default(), options).unwrap();
    let answer = post(&client, &server.url("/api/v2/alerts")).await.unwrap();
    assert_eq!(answer.status_text(), "503 Service Unavailable");
    assert_eq!((&answer.body[..], answer.truncated), (&b"busy"[..], false));
    assert_eq!(answer.retry_after(Timestamp::UNIX_EPOCH), Some(Duration::from_secs(7)));
    let seen = &server.seen()[0];
    assert_eq!(
        (&seen.method, seen.uri.path(), &seen.body[..]),
        (&Method::POST, "/api/v2/alerts", &b"[]"[..])
    );
    assert_eq!(seen.header("user-agent"), Some("Prometheus/3.14.0"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("content-length"), Some("2"));
    assert_eq!(seen.header("host"), Some(server.address.to_string().as_str()));
    for absent in ["authorization", "accept-encoding", "transfer-encoding"] {
        assert_eq!(seen.header(absent), None, "{absent}");
    }
}

#[test]
fn retry_after_may_be_a_date() {
    let answer = |text: &'static str| Response {
        status: ::http::StatusCode::TOO_MANY_REQUESTS,
        headers: [(header::RETRY_AFTER, HeaderValue::from_static(text))].into_iter().collect(),
        body: Bytes::new(),
        truncated: false,
    };
    let now = Timestamp::parse("1994-11-06T08:49:00Z").unwrap();
    assert_eq!(answer("Sun, 06 Nov 1994 08:49:37 GMT").retry_after(now), Some(Duration::from_secs(37)));
    assert_eq!(answer("Sun, 06 Nov 1994 08:48:37 GMT").retry_after(now), Some(Duration::ZERO));
    assert_eq!(answer("soon").retry_after(now), None);
    assert_eq!(answer("-1").retry_after(now), None);
}

#[tokio::test]
async fn passwords_are_read_for_each_request() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("password");
    let server = Server::start(|_| ok("")).await;
    let client = client(&basic(Source::Inline("me".to_owned()), file(&path)));
    let error = post(&client, &server.url("/")).await.unwrap_err();
    assert!(error.to_string().starts_with("unable to read basic auth password "), "{error}");
    for password in ["one\n", "  two\n\n"] {
        std::fs::write(&path, password).unwrap();
        post(&client, &server.url("/")).await.unwrap();
    }
    let sent: Vec<_> =
        server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["Basic bWU6b25l", "Basic bWU6dHdv"]);
}

#[tokio::test]
async fn authorization_and_headers() {
    let directory = tempfile::tempdir().unwrap();
    let (token, value) = (directory.path().join("token"), directory.path().join("value"));
    std::fs::write(&token, "t0ken\n").unwrap();
    std::fs::write(&value, " from file ").unwrap();
    let fixed = Authorization {
        scheme: "Bearer".to_owned(),
        credentials: file(&token),
        position: Position::default(),
    };
    let values = vec![
        config::HeaderValue::Plain("plain".to_owned()),
        config::HeaderValue::Secret(Secret::new("secret")),
        config::HeaderValue::File(value),
    ];
    let config = HttpClientConfig {
        authentication: Some(Authentication::Authorization(fixed)),
        http_headers: vec![HttpHeader { name: "X-Scope-OrgID".to_owned(), values }],
        ..HttpClientConfig::default()
    };
    let server = Server::start(|_| ok("")).await;
    post(&client(&config), &server.url("/")).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.header("authorization"), Some("Bearer t0ken"));
    let values: Vec<_> = seen.headers.get_all("x-scope-orgid").iter().collect();
    assert_eq!(values, ["plain", "secret", "from file"]);
}

#[tokio::test]
async fn a_redirected_post_never_becomes_a_get() {
    let server = Server::start(|seen| match seen.uri.path().trim_start_matches('/').parse() {
        Ok(status) => (status, vec![("location", "/landed".to_owned())], String::new()),
        Err(_) => ok("landed"),
    })
    .await;
    let client = client(&HttpClientConfig::default());
    for status in ["301", "302", "303"] {
        let answer = post(&client, &server.url(&format!("/{status}"))).await.unwrap();
        assert_eq!(answer.status.as_str(), status);
        let answer = get(&client, &server.url(&format!("/{status}"))).await.unwrap();
        assert_eq!(answer.body, "landed");
    }
    for status in ["307", "308"] {
        let answer = post(&client, &server.url(&format!("/{status}"))).await.unwrap();
        assert_eq!(answer.body, "landed");
        let last = server.seen().pop().unwrap();
        assert_eq!((last.method, &last.body[..]), (Method::POST, &b"[]"[..]));
    }
    let config = HttpClientConfig { follow_redirects: false, ..HttpClientConfig::default() };
    let client = HttpClient::new(&config, ClientOptions::default()).unwrap();
    assert_eq!(post(&client, &server.url("/307")).await.unwrap().status.as_u16(), 307);
    assert_eq!(get(&client, &server.url("/302")).await.unwrap().status.as_u16(), 302);
}

#[tokio::test]
async fn endless_redirects_end() {
    let server = Server::start(|_| (307, vec![("location", "/again".to_owned())], String::new())).await;
    let error = post(&client(&HttpClientConfig::default()), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, SendError::TooManyRedirects), "{error}");
    assert_eq!(server.seen().len(), 10);
    let server = Server::start(|_| (307, vec![("location", "file:///etc".to_owned())], String::new())).await;
    let error = post(&client(&HttpClientConfig::default()), &server.url("/")).await.unwrap_err();
    assert_eq!(error.to_string(), "redirected to \"file:///etc\", which is not an HTTP URL");
}

#[tokio::test]
async fn credentials_do_not_leave_the_host_and_do_not_come_back() {
    let home = Server::start(|_| ok("home")).await;
    let back = home.url("/").to_string();
    let elsewhere = Server::start(move |_| (307, vec![("location", back.clone())], String::new())).await;
    let away = format!("http://localhost:{}/", elsewhere.address.port());
    let first = Server::start(move |_| (307, vec![("location", away.clone())], String::new())).await;
    let mut config = basic(Source::Inline("me".to_owned()), Source::Inline(Secret::new("secret")));
    let cookie = vec![config::HeaderValue::Plain("c=1".to_owned())];
    let other = vec![config::HeaderValue::Plain("stays".to_owned())];
    config.http_headers = vec![
        HttpHeader { name: "Cookie".to_owned(), values: cookie },
        HttpHeader { name: "X-Other".to_owned(), values: other },
    ];
    assert_eq!(post(&client(&config), &first.url("/")).await.unwrap().body, "home");
    assert!(first.seen()[0].header("authorization").is_some());
    for seen in [&elsewhere.seen()[0], &home.seen()[0]] {
        assert_eq!((seen.header("authorization"), seen.header("cookie")), (None, None));
        assert_eq!(seen.header("x-other"), Some("stays"));
    }
    // Another port of the same host is still the same host.
    let port = home.url("/").to_string();
    let first = Server::start(move |_| (308, vec![("location", port.clone())], String::new())).await;
    post(&client(&config), &first.url("/")).await.unwrap();
    assert!(home.seen().pop().unwrap().header("authorization").is_some());
}

#[tokio::test]
async fn answers_are_bounded() {
    let server = Server::start(|_| ok(&"x".repeat(100_000))).await;
    let client = client(&HttpClientConfig::default());
    let mut request = Request::new(Method::GET, server.url("/"), TIMEOUT);
    request.max_answer = 10;
    let answer = client.send(request).await.unwrap();
    assert_eq!((&answer.body[..], answer.truncated), (&b"xxxxxxxxxx"[..], true));
}

#[tokio::test]
async fn failures_have_kinds() {
    let client = client(&HttpClientConfig::default());
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
    let request = Request::new(Method::GET, url.clone(), Duration::from_millis(100));
    let error = client.send(request).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.reason()), ("no answer within 100ms", "timeout"));
    drop(silent);
    let error = get(&client, &url).await.unwrap_err();
    assert!(matches!(error, SendError::Refused(_)), "{error:?}");
    assert!(error.to_string().starts_with("connection refused"), "{error}");
    let error = get(&client, &Url::parse("http://no-such-host.invalid/").unwrap()).await.unwrap_err();
    assert_eq!(error.reason(), "resolution", "{error:?}");
    let error = get(&client, &Url::parse("foo://host/").unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "unsupported protocol scheme \"foo\"");
    let closing = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", closing.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = closing.accept().await {
            drop(stream)
        }
    });
    let error = get(&client, &url).await.unwrap_err();
    assert!(matches!(error, SendError::Closed(_)), "{error:?}");
}

#[tokio::test]
async fn a_unix_socket_is_a_server_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.sock");
    let server = Server::start_unix(&path, |_| ok("over the socket")).await;
    let endpoint = Endpoint::parse(&format!("unix:{}", path.display())).unwrap();
    let unix_socket = endpoint.unix_socket().map(Path::to_owned);
    let options = ClientOptions { unix_socket, ..ClientOptions::default() };
    let client = HttpClient::new(&HttpClientConfig::default(), options).unwrap();
    let answer = post(&client, &endpoint.url("/api/v2/alerts")).await.unwrap();
    assert_eq!(answer.body, "over the socket");
    assert_eq!(server.seen()[0].uri.path(), "/api/v2/alerts");
    drop(server);
}
