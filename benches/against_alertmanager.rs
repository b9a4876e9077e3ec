//! What receiving, repeating, keeping and forwarding alerts costs: tocsin, and the real Alertmanager on the same
//! work in alternation.
//!
//!     TOCSIN_PEERS=$(tests/peers.sh) cargo bench --bench against_alertmanager
//!
//! Alerts are like a real Prometheus's: 10 labels, 3 annotations, 940 bytes of JSON, in requests of 256 on one
//! connection. CPU time and resident memory are the kernel's for the server's process; the journal is in the
//! build directory, on disk, and every answer waits for it. Without peers tocsin alone is measured. With
//! `--test` a hundredth of the work is done, to see that it runs.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const BATCH: usize = 256;
const ROUNDS: usize = 3;

fn main() {
    let short = std::env::args().any(|argument| argument == "--test");
    let alerts = if short { 1024 } else { 100_096 };
    let repeats = if short { 1 } else { 5 };
    let real = real_alertmanager();
    println!("{alerts} alerts of {} bytes, {repeats} repeats", body(0, 1, 0).len() - 2);
    for round in 1..=if short { 1 } else { ROUNDS } {
        println!("round {round}");
        report("tocsin", &Figures::measure(&tocsin(&[]), alerts, repeats));
        if let Some(program) = &real {
            report("alertmanager", &Figures::measure(&alertmanager(program), alerts, repeats));
        }
        let sinks = [Sink::start(), Sink::start(), Sink::start()];
        let forwarding = Figures::measure(&tocsin(&sinks), alerts, repeats);
        report("tocsin, three sinks", &forwarding);
        let taken: Vec<_> = sinks.iter().map(|sink| sink.requests.load(Ordering::Relaxed)).collect();
        println!("  requests at the sinks: {taken:?}");
    }
}

/// What one server cost.
struct Figures {
    idle_kib: u64,
    received: f64,
    repeated: f64,
    bytes_per_alert: f64,
}

impl Figures {
    fn measure(server: &Server, alerts: usize, repeats: usize) -> Self {
        let idle_kib = server.resident_kib();
        let before = server.cpu_seconds();
        server.push(alerts, 0);
        server.settle();
        let received = server.cpu_seconds() - before;
        let resident = server.resident_kib();
        let before = server.cpu_seconds();
        for repeat in 1..=repeats {
            server.push(alerts, repeat);
        }
        server.settle();
        let repeated = server.cpu_seconds() - before;
        let per_million = |seconds: f64, count: usize| seconds * 1e6 / count as f64;
        Self {
            idle_kib,
            received: per_million(received, alerts),
            repeated: per_million(repeated, alerts * repeats),
            bytes_per_alert: (resident.saturating_sub(idle_kib) * 1024) as f64 / alerts as f64,
        }
    }
}

fn report(name: &str, figures: &Figures) {
    println!(
        "  {name:<20} idle {:.1} MB; CPU-seconds per million: received {:.2}, repeated {:.2}; {:.0} bytes per alert",
        figures.idle_kib as f64 / 1024.0,
        figures.received,
        figures.repeated,
        figures.bytes_per_alert
    );
}

/// A server's process with a directory of its own; ended when dropped.
struct Server {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that is gone already needs no killing.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

impl Server {
    fn start(program: &Path, name: &str, files: &[(&str, String)], flags: &[&str]) -> Self {
        let directory =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&directory));
        std::fs::create_dir_all(&directory).expect("a directory");
        for (file, text) in files {
            std::fs::write(directory.join(file), text).expect("a file");
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let child = command(program)
            .current_dir(&directory)
            .args(flags)
            .arg("--storage.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.join("log")).expect("a log"))
            .spawn()
            .expect("the server");
        let server = Self { child, port, directory };
        server.settle();
        for _attempt in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                server.settle();
                return server;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{name} does not listen: {:?}", std::fs::read_to_string(server.directory.join("log")));
    }

    /// Pushes all alerts once; `repeat` moves their end.
    fn push(&self, alerts: usize, repeat: usize) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        connection.set_nodelay(true).expect("no delay");
        let mut answer = [0; 4096];
        for first in (0..alerts).step_by(BATCH) {
            let body = body(first, BATCH, repeat);
            let head = format!(
                "POST /api/v2/alerts HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            connection.write_all(head.as_bytes()).expect("a request");
            connection.write_all(body.as_bytes()).expect("a body");
            let length = connection.read(&mut answer).expect("an answer");
            assert!(
                answer[..length].starts_with(b"HTTP/1.1 200"),
                "{:?}",
                String::from_utf8_lossy(&answer[..length])
            );
        }
    }

    /// Waits until the process has had nothing to do for a while.
    fn settle(&self) {
        let mut last = self.cpu_seconds();
        for _look in 0..100 {
            thread::sleep(Duration::from_millis(300));
            let now = self.cpu_seconds();
            if now - last < 0.011 {
                return;
            }
            last = now;
        }
    }

    fn cpu_seconds(&self) -> f64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its statistics");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().filter_map(|field| field.parse::<u64>().ok()).sum();
        ticks as f64 / 100.0
    }

    fn resident_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
    }
}

/// Runs a program. Debian's builds read their templates from `/usr/share/prometheus`; where the package is only
/// unpacked, its own folder is put there, in a mount namespace that ends with the process.
fn command(program: &Path) -> Command {
    let share =
        program.ancestors().nth(2).map(|usr| usr.join("share/prometheus")).filter(|share| share.is_dir());
    let Some(share) = share else { return Command::new(program) };
    let script = r#"mkdir -p /usr/share/prometheus && mount --bind "$0" /usr/share/prometheus && exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(share).arg(program);
    command
}

fn tocsin(sinks: &[Sink]) -> Server {
    let targets: Vec<_> = sinks.iter().map(|sink| format!("'127.0.0.1:{}'", sink.port)).collect();
    let configuration = format!(
        "alerting:\n  alertmanagers:\n    - static_configs:\n        - targets: [{}]\n",
        targets.join(", ")
    );
    let program = Path::new(env!("CARGO_BIN_EXE_tocsin"));
    Server::start(program, "tocsin", &[("prometheus.yml", configuration)], &["--config.file=prometheus.yml"])
}

fn alertmanager(program: &Path) -> Server {
    // Nothing is notified: what is measured is receiving and keeping.
    let configuration =
        "route:\n  receiver: none\n  group_wait: 10h\nreceivers:\n  - name: none\n".to_owned();
    let flags = ["--config.file=alertmanager.yml", "--cluster.listen-address=", "--log.level=error"];
    Server::start(program, "alertmanager", &[("alertmanager.yml", configuration)], &flags)
}

fn real_alertmanager() -> Option<PathBuf> {
    let peers = std::env::var_os("TOCSIN_PEERS")?;
    let mut found: Vec<PathBuf> = std::fs::read_dir(peers)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("usr/bin/prometheus-alertmanager")))
        .filter(|program| program.exists())
        .collect();
    found.sort();
    found.pop()
}

/// The JSON of `count` alerts from number `first` on; `repeat` moves their end and nothing else.
fn body(first: usize, count: usize, repeat: usize) -> String {
    let mut body = String::with_capacity(count * 960);
    for number in first..first + count {
        body.push(if number == first { '[' } else { ',' });
        body.push_str(&alert(number, repeat));
    }
    body.push(']');
    body
}

fn alert(number: usize, repeat: usize) -> String {
    format!(
        "{{\"annotations\":{{\"description\":\"The filesystem /var/lib/data{number:06} on node-{number:06}.eu-west-1.example.net \
         has only 4.2 percent of its space left and will be full within four hours.\",\"runbook_url\":\
         \"https://runbooks.example.net/alerts/kubernetes/NodeFilesystemSpaceFillingUp\",\"summary\":\"Filesystem is \
         predicted to run out of space on node-{number:06}\"}},\"endsAt\":\"2099-08-21T10:{:02}:12.345Z\",\"startsAt\":\
         \"2026-08-21T10:11:12.345Z\",\"generatorURL\":\"http://prometheus-0.monitoring.example.net:9090/graph?g0.expr=\
         node_filesystem_avail_bytes+%2F+node_filesystem_size_bytes+%3C+0.05\\u0026g0.tab=1\",\"labels\":\
         {{\"alertname\":\"NodeFilesystemSpaceFillingUp\",\"cluster\":\"eu-west-1-prod\",\"device\":\"/dev/nvme1n1p1\",\
         \"fstype\":\"ext4\",\"instance\":\"node-{number:06}.eu-west-1.example.net:9100\",\"job\":\"node-exporter\",\
         \"mountpoint\":\"/var/lib/data{number:06}\",\"namespace\":\"monitoring\",\"prometheus\":\"monitoring/k8s\",\
         \"severity\":\"warning\"}}}}",
        repeat % 60
    )
}

/// A server that reads requests and answers 200, as cheaply as can be.
struct Sink {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                thread::spawn(move || answer_all(stream, &counter));
            }
        });
        Self { port, requests }
    }
}

/// Answers every request of a connection until it ends.
fn answer_all(mut stream: TcpStream, requests: &AtomicUsize) -> Option<()> {
    let mut pending = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let end_of_head = loop {
            if let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
            pending.extend_from_slice(&piece[..length]);
        };
        let head = String::from_utf8_lossy(&pending[..end_of_head]).to_ascii_lowercase();
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
        while pending.len() < end_of_head + length {
            let read = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
            pending.extend_from_slice(&piece[..read]);
        }
        pending.drain(..end_of_head + length);
        requests.fetch_add(1, Ordering::Relaxed);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}
