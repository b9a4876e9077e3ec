//! Where Alertmanagers are found: files, HTTP, DNS; which are dropped; and what stays when the source breaks.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

use crate::harness::{Answer, Peer, Sink, Tocsin, TocsinBuilder, eventually, firing, numbers, swap};

fn alertmanagers(entry: &str) -> String {
    let entry: String = entry.lines().map(|line| format!("      {line}\n")).collect();
    format!("alerting:\n  alertmanagers:\n    - timeout: 10s\n{entry}")
}

async fn urls(tocsin: &Tocsin, list: &str) -> Vec<String> {
    let page = tocsin.json("/api/v1/alertmanagers").await;
    assert_eq!(page["status"], "success");
    let urls = page["data"][list].as_array().expect("a list").iter();
    urls.map(|entry| entry["url"].as_str().expect("a URL").to_owned()).collect()
}

fn url(address: impl std::fmt::Display) -> String {
    format!("http://{address}/api/v2/alerts")
}

/// Waits until exactly these are active.
async fn wait_for_active(tocsin: &Tocsin, addresses: &[String]) {
    let mut wanted: Vec<_> = addresses.iter().map(url).collect();
    wanted.sort();
    eventually(&format!("{wanted:?} are active"), || async {
        let mut active = urls(tocsin, "activeAlertmanagers").await;
        active.sort();
        (active == wanted).then_some(())
    })
    .await;
}

/// Pushes `number` and waits until it is at each of the sinks.
async fn reaches(tocsin: &Tocsin, sinks: &[&Sink], number: usize) {
    assert_eq!(tocsin.push(&firing(number..number + 1)).await, Ok(200));
    for sink in sinks {
        eventually("the alert at the sink", || async {
            sink.taken_labels("n").contains(&number.to_string()).then_some(())
        })
        .await;
    }
}

fn json_targets(addresses: &[&Sink]) -> String {
    let addresses: Vec<_> = addresses.iter().map(|sink| sink.address().to_string()).collect();
    serde_json::json!([{ "targets": addresses }]).to_string()
}

#[tokio::test]
async fn files_come_break_and_go() {
    let (first, second) = (Sink::start().await, Sink::start().await);
    let [one, two] = [first.address().to_string(), second.address().to_string()];
    let config = alertmanagers(
        "file_sd_configs:\n  - files: ['targets-*.json', 'targets.yml']\n    refresh_interval: 1h",
    );
    let tocsin = TocsinBuilder::new(&config).start().await;
    wait_for_active(&tocsin, &[]).await;
    assert_eq!(tocsin.push(&firing(0..1)).await, Ok(200));

    tocsin.set_file("targets-a.json", &json_targets(&[&first]));
    wait_for_active(&tocsin, std::slice::from_ref(&one)).await;
    first.wait_for(1).await;
    tocsin.set_file("targets.yml", &format!("- targets: ['{two}']\n  labels: {{ site: b }}\n"));
    wait_for_active(&tocsin, &[one.clone(), two.clone()]).await;
    reaches(&tocsin, &[&first, &second], 1).await;

    let errors = "prometheus_sd_file_read_errors_total";
    assert_eq!(tocsin.metric(errors, &[]).await, Some(0.0));
    tocsin.set_file("targets.yml", "- tragets: []\n");
    eventually("the broken file is counted", || async {
        tocsin.metric(errors, &[]).await.filter(|count| *count > 0.0)
    })
    .await;
    tocsin.wait_for_log(&["targets.yml", "tragets"]).await;
    reaches(&tocsin, &[&first, &second], 2).await;

    tocsin.set_file("targets.yml", "[]\n");
    wait_for_active(&tocsin, std::slice::from_ref(&one)).await;
    std::fs::remove_file(tocsin.directory().join("targets-a.json")).expect("the file");
    wait_for_active(&tocsin, &[]).await;
    assert_eq!(tocsin.push(&firing(3..4)).await, Ok(200));
    tocsin.set_file("targets-b.json", &json_targets(&[&first]));
    reaches(&tocsin, &[&first], 3).await;
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_config_map_with_targets_is_swapped() {
    let (first, second) = (Sink::start().await, Sink::start().await);
    let config =
        alertmanagers("file_sd_configs:\n  - files: ['mounted/targets.json']\n    refresh_interval: 1h");
    let builder = TocsinBuilder::new(&config);
    let mounted = builder.directory().join("mounted");
    std::fs::create_dir(&mounted).expect("a directory");
    swap(&mounted, "targets.json", "1", &json_targets(&[&first]));
    symlink("..data/targets.json", mounted.join("targets.json")).expect("a link");
    let tocsin = builder.start().await;
    wait_for_active(&tocsin, &[first.address().to_string()]).await;
    reaches(&tocsin, &[&first], 0).await;
    swap(&mounted, "targets.json", "2", &json_targets(&[&first, &second]));
    std::fs::remove_dir_all(mounted.join("..1")).expect("the old directory");
    wait_for_active(&tocsin, &[first.address().to_string(), second.address().to_string()]).await;
    second.wait_for(1).await;
    swap(&mounted, "targets.json", "3", &json_targets(&[&second]));
    wait_for_active(&tocsin, &[second.address().to_string()]).await;
    reaches(&tocsin, &[&second], 1).await;
    assert_eq!(first.taken_labels("n"), ["0"], "told nothing twice, and nothing after it left");
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn relabelling_makes_drops_and_joins_targets() {
    let (kept, dropped) = (Sink::start().await, Sink::start().await);
    let config = alertmanagers(
        "file_sd_configs:\n  - files: [targets.yml]\nrelabel_configs:\n  - { source_labels: [role], regex: standby, action: drop }\n  - { source_labels: [port], regex: (.+), target_label: __address__, replacement: '127.0.0.1:$1' }\n  - { source_labels: [role], regex: renamed, target_label: __alerts_path__, replacement: /elsewhere }",
    );
    let targets = format!(
        "- targets: ['{kept}', 'nowhere.invalid:1']\n  labels: {{ port: '{port}' }}\n- targets: ['{dropped}']\n  labels: {{ role: standby }}\n- targets: ['{kept}']\n  labels: {{ role: renamed }}\n",
        kept = kept.address(),
        port = kept.address().port(),
        dropped = dropped.address(),
    );
    let tocsin = TocsinBuilder::new(&config).file("targets.yml", targets).start().await;
    assert_eq!(tocsin.push(&firing(0..5)).await, Ok(200));
    kept.wait_for(10).await;
    let mut active = urls(&tocsin, "activeAlertmanagers").await;
    active.sort();
    assert_eq!(active, [url(kept.address()), format!("http://{}/elsewhere", kept.address())]);
    assert_eq!(urls(&tocsin, "droppedAlertmanagers").await, [url(dropped.address())]);
    let mut by_path: BTreeMap<String, usize> = BTreeMap::new();
    for request in kept.received() {
        *by_path.entry(request.path).or_default() += request.alerts.len();
    }
    assert_eq!(by_path, BTreeMap::from([("/api/v2/alerts".to_owned(), 5), ("/elsewhere".to_owned(), 5)]));
    assert!(dropped.received().is_empty());
    tocsin.assert_balance().await;
}

/// An HTTP server whose answer the test sets.
async fn list_server() -> (Peer, Arc<Mutex<Answer>>) {
    let answer = Arc::new(Mutex::new((200, Vec::new(), "[]".to_owned())));
    let given = Arc::clone(&answer);
    let server = Peer::start(move |_| {
        let (status, _, body) = given.lock().expect("no poison").clone();
        (status, vec![("content-type", "application/json".to_owned())], body)
    })
    .await;
    (server, answer)
}

#[tokio::test]
async fn an_http_list_is_asked_again_and_again() {
    let (first, second) = (Sink::start().await, Sink::start().await);
    let [one, two] = [first.address().to_string(), second.address().to_string()];
    let (server, answer) = list_server().await;
    let set = |status: u16, body: String| *answer.lock().expect("no poison") = (status, Vec::new(), body);
    let config = alertmanagers(&format!(
        "http_sd_configs:\n  - url: http://{}/targets\n    refresh_interval: 1s\n    basic_auth: {{ username: someone, password: some-secret }}",
        server.address()
    ));
    set(200, json_targets(&[&first]));
    let tocsin = TocsinBuilder::new(&config).start().await;
    wait_for_active(&tocsin, std::slice::from_ref(&one)).await;
    reaches(&tocsin, &[&first], 0).await;
    let asked = server.seen().remove(0);
    assert_eq!(asked.uri, "/targets");
    assert_eq!(asked.header("accept"), "application/json");
    assert_eq!(asked.header("x-prometheus-refresh-interval-seconds"), "1");
    assert_eq!(asked.header("authorization"), "Basic c29tZW9uZTpzb21lLXNlY3JldA==");

    set(200, json_targets(&[&first, &second]));
    wait_for_active(&tocsin, &[one.clone(), two.clone()]).await;
    second.wait_for(1).await;
    let failures = "prometheus_sd_http_failures_total";
    for (count, (status, body)) in
        [(500, "[]"), (200, "nonsense"), (200, r#"[{"tragets":[]}]"#)].into_iter().enumerate()
    {
        let before = tocsin.metric(failures, &[]).await.expect("a count");
        set(status, body.to_owned());
        eventually("a failure is counted", || async {
            tocsin.metric(failures, &[]).await.filter(|after| *after > before)
        })
        .await;
        reaches(&tocsin, &[&first, &second], 10 + count).await;
    }
    set(200, json_targets(&[&second]));
    wait_for_active(&tocsin, std::slice::from_ref(&two)).await;
    assert!(!tocsin.log().contains("some-secret"));
    tocsin.assert_balance().await;
}

#[cfg(feature = "dns-sd")]
mod dns {
    use std::collections::HashMap;
    use std::net::Ipv4Addr;

    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::{A, SRV};
    use hickory_resolver::proto::rr::{Name, RData, Record};
    use tokio::net::UdpSocket;

    use super::*;

    /// The names that exist, with their records; `None` breaks the server.
    type Zone = Arc<Mutex<Option<HashMap<&'static str, Vec<RData>>>>>;

    /// Answers from the zone, at an address of 127.0.0.0/8 of its own and the port that `resolv.conf` means;
    /// `None` where that port may not be bound.
    async fn serve(zone: Zone) -> Option<Ipv4Addr> {
        let id = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, id[2] | 1, id[3], 53);
        let socket = match UdpSocket::bind((address, 53)).await {
            Ok(socket) => socket,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                eprintln!("left out: port 53 may be bound by root only");
                return None;
            }
            Err(error) => panic!("{address}:53: {error}"),
        };
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let asked = Message::from_vec(&buffer[..length]).expect("a question");
                let query = asked.queries[0].clone();
                let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
                answer.add_query(query.clone());
                let name = query.name().to_ascii().to_lowercase();
                match zone.lock().expect("no poison").as_ref().map(|zone| zone.get(name.as_str())) {
                    None => answer.metadata.response_code = ResponseCode::ServFail,
                    Some(None) => answer.metadata.response_code = ResponseCode::NXDomain,
                    Some(Some(records)) => {
                        for data in records {
                            answer.add_answer(Record::from_rdata(query.name().clone(), 1, data.clone()));
                        }
                    }
                }
                socket.send_to(&answer.to_vec().expect("an answer"), peer).await.expect("a datagram");
            }
        });
        Some(address)
    }

    /// Starts the program with its own `/etc/resolv.conf`, in a mount namespace that ends with the process.
    const WITH_RESOLV_CONF: [&str; 5] =
        ["unshare", "--mount", "sh", "-c", r#"mount --bind resolv.conf /etc/resolv.conf && exec "$0" "$@""#];

    fn srv(sink: &Sink, target: &str) -> RData {
        RData::SRV(SRV::new(0, 0, sink.address().port(), Name::from_ascii(target).expect("a name")))
    }

    fn name_of(sink: &Sink, host: &str) -> String {
        format!("{host}:{}", sink.address().port())
    }

    #[tokio::test]
    async fn records_are_looked_up_again_and_again() {
        let (first, second) = (Sink::start().await, Sink::start().await);
        let loopback = || vec![RData::A(A(Ipv4Addr::LOCALHOST))];
        let both = || {
            HashMap::from([
                (
                    "_am._tcp.example.test.",
                    vec![srv(&first, "am1.example.test."), srv(&second, "am2.example.test.")],
                ),
                ("am.example.test.", loopback()),
            ])
        };
        let zone: Zone = Arc::new(Mutex::new(Some(HashMap::new())));
        let Some(server) = serve(Arc::clone(&zone)).await else { return };
        let set = |records| *zone.lock().expect("no poison") = records;
        let config = format!(
            "{}{}",
            alertmanagers(
                "dns_sd_configs:\n  - { names: [_am._tcp], refresh_interval: 1s }\nrelabel_configs:\n  - { source_labels: [__meta_dns_srv_record_port], target_label: __address__, replacement: '127.0.0.1:$1' }"
            ),
            "    - dns_sd_configs:\n        - { names: [am], type: A, port: 9, refresh_interval: 1s }\n"
        );
        let tocsin = TocsinBuilder::new(&config)
            .file(
                "resolv.conf",
                format!("nameserver {server}\nsearch example.test\noptions timeout:1 attempts:1\n"),
            )
            .launched_by(&WITH_RESOLV_CONF)
            .start()
            .await;
        wait_for_active(&tocsin, &[]).await;
        assert_eq!(tocsin.push(&firing(0..5)).await, Ok(200));

        set(Some(both()));
        let [one, two] = [name_of(&first, "127.0.0.1"), name_of(&second, "127.0.0.1")];
        let discard = "127.0.0.1:9".to_owned();
        wait_for_active(&tocsin, &[one.clone(), two.clone(), discard.clone()]).await;
        for sink in [&first, &second] {
            sink.wait_for(5).await;
            assert_eq!(sink.taken_labels("n"), numbers(0..5));
        }

        set(None);
        eventually("a lookup fails", || async {
            tocsin
                .metric("prometheus_sd_dns_lookup_failures_total", &[])
                .await
                .filter(|failures| *failures > 2.0)
        })
        .await;
        wait_for_active(&tocsin, &[one.clone(), two.clone(), discard]).await;
        reaches(&tocsin, &[&first, &second], 5).await;

        let mut less = both();
        less.remove("am.example.test.");
        less.insert("_am._tcp.example.test.", vec![srv(&second, "am2.example.test.")]);
        set(Some(less));
        wait_for_active(&tocsin, std::slice::from_ref(&two)).await;
        reaches(&tocsin, &[&second], 6).await;
        tocsin.assert_balance().await;
    }
}
