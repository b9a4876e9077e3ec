//! `exec`: a program that gets the webhook's JSON on its standard input. Off unless the daemon is told to allow it.
//!
//! No shell stands between, and nothing of an alert becomes an argument or a variable: the command is what the
//! configuration says. The program inherits our environment, with the configuration's variables added. It has to end
//! within its time limit, by which it is killed; what it may have started itself goes on.
//!
//! Status 0 is success. 64, 65 and 78 (`EX_USAGE`, `EX_DATAERR`, `EX_CONFIG` of BSD's sysexits) refuse for good. Any
//! other status, a signal and the time limit are tried again.

use std::collections::BTreeMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::attempt::Attempt;
use super::failure::Failure;
use super::integration::{BoxFuture, Build, BuildError, Delivered, Notifier};
use super::json;
use super::message::Message;
use crate::config::Secret;
use crate::config::alertmanager::ExecConfig;
use crate::model::{FailureReason, format_duration};

/// The version of the webhook's JSON.
const VERSION: &str = "4";
/// The statuses that refuse for good.
const REFUSALS: [i32; 3] = [64, 65, 78];
/// How many bytes that the program writes are read; the rest is thrown away.
const MOST_OUTPUT: usize = 64 * 1024;
/// How long what the program has written is waited for once it has ended: others may hold its outputs.
const LINGER: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Exec {
    program: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, Secret>,
    timeout: Duration,
    max_alerts: usize,
}

impl Exec {
    pub(super) fn new(config: &ExecConfig, build: &Build<'_>) -> Result<Self, BuildError> {
        let setup = |message: &str| BuildError::Setup {
            position: build.config.position.clone(),
            kind: "exec",
            message: message.to_owned(),
        };
        if !build.surroundings.may_execute {
            return Err(setup("programs may not be run: start with --notify.allow-exec to allow it"));
        }
        let (program, arguments) =
            config.command.split_first().ok_or_else(|| setup("there is no command"))?;
        Ok(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
            environment: config.environment.clone(),
            timeout: config.timeout,
            max_alerts: usize::try_from(config.max_alerts).unwrap_or(usize::MAX),
        })
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    fn judge(&self, status: ExitStatus, stdout: String, stderr: &str) -> Result<Delivered, Failure> {
        if status.success() {
            return Ok(Delivered { receiver_data: None, answer: stdout });
        }
        let error = format!("{}: {status}: {}", self.program, stderr.trim());
        let is_refusal = status.code().is_some_and(|code| REFUSALS.contains(&code));
        Err(if is_refusal { Failure::lasting(error) } else { Failure::retry(error) })
    }
}

impl Notifier for Exec {
    fn notify<'a>(&'a self, attempt: &'a mut Attempt) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let input = json::encode_body(&Message::new(attempt, VERSION))
                .map_err(|error| Failure::lasting(format!("json: {error}")))?;
            for value in self.environment.values() {
                attempt.hide(value);
            }
            let child = self.spawn().map_err(|error| not_started(&self.program, &error))?;
            match tokio::time::timeout(self.timeout, run(child, input)).await {
                Ok(Ok((status, stdout, stderr))) => self.judge(status, stdout, &stderr),
                Ok(Err(error)) => Err(Failure::retry(format!("{}: {error}", self.program))),
                Err(_elapsed) => {
                    let limit = format_duration(self.timeout);
                    Err(Failure::retry(format!("{}: still running after {limit}: killed", self.program))
                        .because(FailureReason::ContextDeadlineExceeded)
                        .doubtful())
                }
            }
        })
    }

    fn max_alerts(&self) -> usize {
        self.max_alerts
    }
}

fn not_started(program: &str, error: &io::Error) -> Failure {
    let text = format!("cannot run {program}: {error}");
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Failure::lasting(text),
        _ => Failure::retry(text),
    }
}

/// Runs the program to its end: how it ended and what it wrote.
async fn run(mut child: Child, input: Vec<u8>) -> io::Result<(ExitStatus, String, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program need not read what it does not want.
            stdin.write_all(&input).await.ok();
        }
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = {
        let read = async {
            tokio::join!(write, drain(stdout, &mut out), drain(stderr, &mut err));
        };
        let mut read = std::pin::pin!(read);
        tokio::select! {
            status = child.wait() => {
                tokio::time::timeout(LINGER, &mut read).await.ok();
                status
            }
            () = &mut read => child.wait().await,
        }?
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((status, text(&out), text(&err)))
}

/// Reads to the end and keeps the first bytes.
async fn drain(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut chunk = [0; 4096];
    while let Ok(length) = from.read(&mut chunk).await {
        let bytes = chunk.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        let room = MOST_OUTPUT.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use crate::notify::surroundings::Surroundings;
    use crate::notify::testing::{self, firing, mixed, wordy};
    use crate::notify::{BuildError, Delivered, Failure, Integration};

    fn built(yaml: &str, may_execute: bool) -> Result<Integration, BuildError> {
        let surroundings = Surroundings { may_execute, ..(*testing::surroundings()).clone() };
        Integration::new("team", &testing::receiver(yaml).integrations[0], &Arc::new(surroundings))
    }

    /// Runs a program in place of a command line: the scripts of the tests need a shell, the integration has none.
    async fn run(script: &str, keys: &str, told: crate::model::Notification) -> Result<Delivered, Failure> {
        let command = serde_json::to_string(&["/bin/sh", "-c", script, "name", "$(id)"]).unwrap();
        let yaml = format!("exec_configs: [{{command: {command}{keys}}}]");
        testing::attempt(&built(&yaml, true).unwrap(), told).await
    }

    fn path(directory: &Path) -> String {
        directory.join("out").display().to_string()
    }

    #[tokio::test]
    async fn it_is_off() {
        let error = built("exec_configs: [{command: [/bin/true]}]", false).unwrap_err().to_string();
        assert!(error.contains("alertmanager.yml:4:") && error.contains("--notify.allow-exec"), "{error}");
    }

    #[tokio::test]
    async fn the_program_gets_the_webhooks_json() {
        let directory = tempfile::tempdir().unwrap();
        let out = path(directory.path());
        let script = format!("cat > {out}; echo \"$1 $ROOM\"");
        let answer = run(&script, ", max_alerts: 1, environment: {ROOM: '{{ .x }}'}", mixed()).await;
        // Nothing is expanded, and what a program repeats of its variables is not shown.
        assert_eq!(answer.unwrap().answer, "$(id) <redacted>\n");
        let sent = testing::send("webhook_configs: [{url: '$URL/', max_alerts: 1}]", mixed()).await;
        assert_eq!(std::fs::read_to_string(out).unwrap(), sent.body());
    }

    #[tokio::test]
    async fn how_it_ends_is_the_verdict() {
        for (script, retry, error) in [
            ("echo no >&2; exit 64", false, "/bin/sh: exit status: 64: no"),
            ("echo $TOKEN >&2; exit 64", false, "/bin/sh: exit status: 64: <redacted>"),
            ("exit 65", false, "/bin/sh: exit status: 65: "),
            ("exit 78", false, "/bin/sh: exit status: 78: "),
            ("echo busy >&2; exit 75", true, "/bin/sh: exit status: 75: busy"),
            ("exit 1", true, "/bin/sh: exit status: 1: "),
            ("kill -9 $$", true, "/bin/sh: signal: 9 (SIGKILL): "),
        ] {
            let failure = run(script, ", environment: {TOKEN: hunter2}", firing()).await.unwrap_err();
            assert_eq!((failure.retry, failure.error.as_str()), (retry, error));
        }
        let yaml = "exec_configs: [{command: [/no/such/program]}]";
        let failure = testing::attempt(&built(yaml, true).unwrap(), firing()).await.unwrap_err();
        assert!(!failure.retry && failure.error.starts_with("cannot run /no/such/program: "), "{failure:?}");
    }

    /// Neither a program that reads nothing, nor one that writes much, nor one whose children stay hangs the attempt.
    #[tokio::test]
    async fn odd_programs() {
        run("exec 0<&-; exit 0", "", wordy(200_000)).await.unwrap();
        let answer = run("head -c 1000000 /dev/zero | tr '\\0' x; echo", "", firing()).await.unwrap().answer;
        assert_eq!(answer.len(), super::MOST_OUTPUT);
        let began = tokio::time::Instant::now();
        assert_eq!(run("sleep 15 & echo done", ", timeout: 14s", firing()).await.unwrap().answer, "done\n");
        assert!(began.elapsed() < std::time::Duration::from_secs(14));
    }

    #[tokio::test]
    async fn the_time_limit_kills_it() {
        let directory = tempfile::tempdir().unwrap();
        let out = path(directory.path());
        let script = format!("echo $$ > {out}; exec sleep 600");
        let failure = run(&script, ", timeout: 1s", firing()).await.unwrap_err();
        assert!(failure.retry, "{failure:?}");
        assert_eq!(failure.error, "/bin/sh: still running after 1s: killed");
        let process = std::fs::read_to_string(out).unwrap();
        let process = format!("/proc/{}/stat", process.trim());
        let is_over = || std::fs::read_to_string(&process).map_or(true, |stat| stat.contains(" Z "));
        tokio::time::timeout(std::time::Duration::from_secs(30), async {
            while !is_over() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("the program ends");
    }
}
