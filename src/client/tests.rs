use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::*;
use crate::model::{LabelSet, Timestamp};
use crate::net::Endpoint;

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds, 0)
}

fn firing(name: &str, since: i64) -> Alert {
    let labels = LabelSet::from_iter([("alertname", name)]);
    let mut alert = Alert::pending(labels, LabelSet::default(), at(since - 60));
    alert.fire(at(since));
    alert
}

/// A receiver that answers with the given statuses in turn, then with 200, and keeps the bodies.
#[derive(Clone, Default)]
struct Receiver {
    statuses: Arc<Mutex<Vec<u16>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn answering(statuses: &[u16]) -> Self {
        let receiver = Self::default();
        *receiver.statuses.lock().unwrap() = statuses.to_vec();
        receiver
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }

    /// Serves on a loopback port.
    async fn on_tcp(&self) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receiver.clone().serve(stream));
            }
        });
        Endpoint::parse(&format!("http://{address}")).unwrap()
    }

    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut received = Vec::new();
        loop {
            while let Some((length, body)) = split_request(&received) {
                self.bodies.lock().unwrap().push(body);
                received.drain(..length);
                let status = {
                    let mut statuses = self.statuses.lock().unwrap();
                    if statuses.is_empty() { 200 } else { statuses.remove(0) }
                };
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n\"why\"");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            match stream.read_buf(&mut received).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

/// The length of the first request in `bytes` and its body, once it is complete.
fn split_request(bytes: &[u8]) -> Option<(usize, String)> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, rest) = text.split_once("\r\n\r\n")?;
    assert!(head.starts_with("POST /api/v2/alerts HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    let head_lower = head.to_ascii_lowercase();
    let length = head_lower.split("content-length: ").nth(1)?.lines().next()?.parse().unwrap();
    let body = rest.get(..length)?;
    Some((head.len() + 4 + length, body.to_owned()))
}

fn client(endpoint: &Endpoint, options: PushOptions) -> Client {
    Client::new(endpoint, options).unwrap()
}

#[tokio::test]
async fn sends_start_end_and_source_as_prometheus_does() {
    let receiver = Receiver::default();
    let client = client(&receiver.on_tcp().await, PushOptions::default());
    let labels = LabelSet::from_iter([("l1", "v1")]);
    let annotations = LabelSet::from_iter([("a2", "v2")]);
    let mut ongoing = Alert::pending(labels.clone(), annotations.clone(), at(1));
    ongoing.fire(at(2));
    let mut ended = ongoing.clone();
    ended.resolve(at(4));
    let url = generator_url("http://localhost:9090", "up == 0");

    for (alert, end) in [(ongoing, "00:04:03"), (ended, "00:00:04")] {
        let mut alerts = [alert];
        assert_eq!(client.send_alerts(at(3), MINUTE, &url, &mut alerts).await.unwrap(), 1);
        let expected = format!(
            r#"[{{"annotations":{{"a2":"v2"}},"endsAt":"1970-01-01T{end}.000Z","startsAt":"1970-01-01T00:00:02.000Z","generatorURL":"http://localhost:9090/graph?g0.expr=up+%3D%3D+0\u0026g0.tab=1","labels":{{"l1":"v1"}}}}]"#
        );
        assert_eq!(receiver.bodies().last(), Some(&expected));
    }
    assert_eq!(client.send_alerts(at(3), MINUTE, &url, &mut []).await.unwrap(), 0);
    assert_eq!(receiver.bodies().len(), 2);
}

#[test]
fn links_are_escaped_as_go_does() {
    assert_eq!(
        generator_url("https://p/x", "a*b{c=~\"é.+\"} > ~-_."),
        "https://p/x/graph?g0.expr=a%2Ab%7Bc%3D~%22%C3%A9.%2B%22%7D+%3E+~-_.&g0.tab=1"
    );
}

#[tokio::test]
async fn repeats_after_the_delay_and_ends_at_once() {
    let receiver = Receiver::default();
    let options = PushOptions { resend_delay: Duration::from_secs(2), ..PushOptions::default() };
    let client = client(&receiver.on_tcp().await, options);
    let second = Duration::from_secs(1);
    let mut alerts = [firing("a", 10)];
    let mut pending = [Alert::pending(LabelSet::default(), LabelSet::default(), at(10))];
    let mut sent_at = Vec::new();
    for now in 10..=22 {
        if now == 17 {
            alerts[0].resolve(at(17));
        }
        if client.send_alerts(at(now), second, "", &mut alerts).await.unwrap() > 0 {
            sent_at.push(now);
        }
        assert_eq!(client.send_alerts(at(now), second, "", &mut pending).await.unwrap(), 0);
    }
    // The delay has to be exceeded, so every third second; the end at 17 waits for nothing.
    assert_eq!(sent_at, [10, 13, 16, 17, 20]);
    let bodies = receiver.bodies();
    assert!(bodies[2].contains(r#""endsAt":"1970-01-01T00:00:24.000Z""#), "{}", bodies[2]);
    assert!(bodies[4].contains(r#""endsAt":"1970-01-01T00:00:17.000Z""#), "{}", bodies[4]);
}

#[tokio::test]
async fn sends_large_rules_in_batches_over_a_socket() {
    let receiver = Receiver::default();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = receiver.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(server.clone().serve(stream));
        }
    });
    let endpoint = Endpoint::parse(&format!("unix:{}", path.display())).unwrap();
    let client = client(&endpoint, PushOptions::default());
    let mut alerts: Vec<Alert> = (0..513).map(|number| firing(&format!("a{number}"), 10)).collect();
    assert_eq!(client.send_alerts(at(10), MINUTE, "", &mut alerts).await.unwrap(), 513);
    let sizes: Vec<usize> = receiver.bodies().iter().map(|body| body.matches("alertname").count()).collect();
    assert_eq!(sizes, [256, 256, 1]);
}

#[tokio::test]
async fn tries_again_while_the_receiver_cannot_answer() {
    let receiver = Receiver::answering(&[503, 429]);
    let client = client(&receiver.on_tcp().await, PushOptions::default());
    assert_eq!(client.send_alerts(at(10), MINUTE, "", &mut [firing("a", 10)]).await.unwrap(), 1);
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn what_did_not_arrive_stays_due() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
    };
    let options = PushOptions { give_up_after: Duration::from_millis(200), ..PushOptions::default() };
    let mut alerts = [firing("a", 10)];
    let error = client(&gone, options).send_alerts(at(10), MINUTE, "", &mut alerts).await.unwrap_err();
    assert!(matches!(error, PushError::Unavailable { attempts: 2.., .. }), "{error}");
    assert!(alerts[0].is_due(at(10), MINUTE));
}

#[tokio::test]
async fn what_is_refused_is_not_repeated() {
    let receiver = Receiver::answering(&[400]);
    let options = PushOptions { batch_size: 1, ..PushOptions::default() };
    let endpoint = receiver.on_tcp().await;
    let mut alerts = [firing("a", 10), firing("b", 10)];
    let error = client(&endpoint, options).send_alerts(at(10), MINUTE, "", &mut alerts).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: refused with status 400: \"why\"", endpoint.url("/api/v2/alerts"))
    );
    assert!(alerts.iter().all(|alert| !alert.is_due(at(10), MINUTE)));
    assert_eq!(receiver.bodies().len(), 2);
}
