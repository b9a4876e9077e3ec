//! What the comparisons with the real Alertmanager share: a server's process and its figures, a connection to it,
//! alerts like a real Prometheus's, and a sink.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How many alerts a request brings.
pub(crate) const BATCH: usize = 256;

/// A server's process with a directory of its own; ended when dropped.
pub(crate) struct Server {
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
    /// tocsin with one configuration file.
    pub(crate) fn tocsin(file: &str, configuration: &str, flags: &[&str]) -> Self {
        Self::start(Path::new(env!("CARGO_BIN_EXE_tocsin")), "tocsin", file, configuration, flags)
    }

    /// The real Alertmanager.
    pub(crate) fn alertmanager(program: &Path, configuration: &str) -> Self {
        let flags = ["--cluster.listen-address=", "--log.level=error"];
        Self::start(program, "alertmanager", "alertmanager.yml", configuration, &flags)
    }

    fn start(program: &Path, name: &str, file: &str, configuration: &str, flags: &[&str]) -> Self {
        let directory =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&directory));
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join(file), configuration).expect("a file");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let child = command(program)
            .current_dir(&directory)
            .arg(format!("--config.file={file}"))
            .args(flags)
            .arg("--storage.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.join("log")).expect("a log"))
            .spawn()
            .expect("the server");
        let server = Self { child, port, directory };
        for _attempt in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                server.settle();
                return server;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{name} does not listen: {:?}", std::fs::read_to_string(server.directory.join("log")));
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Connection { stream, pending: Vec::new() }
    }

    /// Waits until the process has had nothing to do for a while.
    pub(crate) fn settle(&self) {
        let mut last = self.cpu_seconds();
        for _look in 0..1000 {
            thread::sleep(Duration::from_millis(300));
            let now = self.cpu_seconds();
            if now - last < 0.011 {
                return;
            }
            last = now;
        }
    }

    /// What the process has used so far.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its statistics");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().filter_map(|field| field.parse::<u64>().ok()).sum();
        ticks as f64 / 100.0
    }

    /// What the process holds in memory.
    pub(crate) fn resident_kib(&self) -> u64 {
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

/// The newest Alertmanager of `$TOCSIN_PEERS`.
pub(crate) fn real_alertmanager() -> Option<PathBuf> {
    let peers = std::env::var_os("TOCSIN_PEERS")?;
    let mut found: Vec<PathBuf> = std::fs::read_dir(peers)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("usr/bin/prometheus-alertmanager")))
        .filter(|program| program.exists())
        .collect();
    found.sort();
    found.pop()
}

/// A connection that brings one request after the other.
pub(crate) struct Connection {
    /// For what is not a POST.
    pub(crate) stream: TcpStream,
    pending: Vec<u8>,
}

impl Connection {
    /// Posts JSON and waits for the answer, which must be 200.
    pub(crate) fn post(&mut self, path: &str, body: &str) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).expect("a request");
        let mut piece = [0; 4096];
        loop {
            if let Some(end) = message_end(&self.pending) {
                let answer: Vec<u8> = self.pending.drain(..end).collect();
                assert!(answer.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer));
                return;
            }
            let length = self.stream.read(&mut piece).expect("an answer");
            assert!(length > 0, "the connection ended");
            self.pending.extend_from_slice(&piece[..length]);
        }
    }

    /// Posts alerts, 256 in a request.
    pub(crate) fn post_alerts(&mut self, count: usize, alert: impl Fn(usize) -> String) {
        for first in (0..count).step_by(BATCH) {
            let alerts: Vec<String> = (first..count.min(first + BATCH)).map(&alert).collect();
            self.post("/api/v2/alerts", &format!("[{}]", alerts.join(",")));
        }
    }
}

/// Where the first message of `bytes` ends, once all of it is there.
fn message_end(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some(head + length.unwrap_or(0)).filter(|end| *end <= bytes.len())
}

/// The JSON of an alert with 10 labels and 3 annotations, about 900 bytes; `labels` are two of the labels (as JSON, with a
/// comma at the end; Prometheus sorts them: between `cluster` and `instance`), `starts_at` and
/// `ends_at` its times.
pub(crate) fn alert(number: usize, labels: &str, starts_at: &str, ends_at: &str) -> String {
    format!(
        "{{\"annotations\":{{\"description\":\"The filesystem /var/lib/data{number:06} on node-{number:06}.eu-west-1.example.net \
         has only 4.2 percent of its space left and will be full within four hours.\",\"runbook_url\":\
         \"https://runbooks.example.net/alerts/kubernetes/NodeFilesystemSpaceFillingUp\",\"summary\":\"Filesystem is \
         predicted to run out of space on node-{number:06}\"}},\"endsAt\":\"{ends_at}\",\"startsAt\":\
         \"{starts_at}\",\"generatorURL\":\"http://prometheus-0.monitoring.example.net:9090/graph?g0.expr=\
         node_filesystem_avail_bytes+%2F+node_filesystem_size_bytes+%3C+0.05\\u0026g0.tab=1\",\"labels\":\
         {{\"alertname\":\"NodeFilesystemSpaceFillingUp\",\"cluster\":\"eu-west-1-prod\",{labels}\
         \"instance\":\"node-{number:06}.eu-west-1.example.net:9100\",\"job\":\"node-exporter\",\
         \"mountpoint\":\"/var/lib/data{number:06}\",\"namespace\":\"monitoring\",\"prometheus\":\"monitoring/k8s\",\
         \"severity\":\"warning\"}}}}"
    )
}

/// The two labels of an alert about which nothing is special.
pub(crate) const PLAIN: &str = r#""device":"/dev/nvme1n1p1","fstype":"ext4","#;

/// A server that hands every request's bytes to a function and answers 200, as cheaply as can be.
pub(crate) struct Sink {
    /// Where it listens, on loopback.
    pub(crate) port: u16,
}

impl Sink {
    pub(crate) fn start(on_request: impl Fn(&[u8]) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _peer)) = listener.accept().await {
                    tokio::spawn(answer_all(stream, on_request.clone()));
                }
            });
        });
        Self { port }
    }
}

/// Answers every request of a connection until it ends.
async fn answer_all(mut stream: tokio::net::TcpStream, on_request: impl Fn(&[u8])) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::new();
    loop {
        while let Some(end) = message_end(&pending) {
            on_request(&pending[..end]);
            pending.drain(..end);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
        if stream.read_buf(&mut pending).await? == 0 {
            return Ok(());
        }
    }
}
