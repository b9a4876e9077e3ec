//! A mail server for tests, those from outside too: it offers what it is told to, says no where it is told to, and keeps what it hears.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// How a [`MailServer`] behaves.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    /// The lines after the first of its answer to EHLO; `STARTTLS` among them only before TLS.
    pub(crate) extensions: Vec<&'static str>,
    /// Its certificate, for STARTTLS and implicit TLS.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) implicit_tls: bool,
    /// Answers by the first word of a command, in upper case; `.` is the end of DATA, `greeting` the greeting.
    pub(crate) answers: BTreeMap<&'static str, &'static str>,
    /// The challenges of AUTH, in base64, before it succeeds.
    pub(crate) challenges: Vec<&'static str>,
}

/// A mail server on loopback; it ends when it is dropped.
pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MailServer {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(connection(stream, behaviour.clone(), Arc::clone(&log)));
            }
        });
        Self { address, heard, task: task.abort_handle() }
    }

    /// All lines that were heard, without their ends; `[TLS]` where TLS began.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no poison").clone()
    }

    /// The lines of each mail that is there in whole, the dot at the end left out. They must have come one after the
    /// other.
    pub(crate) fn mails(&self) -> Vec<Vec<String>> {
        let heard = self.heard();
        let begins = heard.split(|line| line == "DATA").skip(1);
        let whole =
            begins.filter_map(|lines| lines.split_at_checked(lines.iter().position(|line| line == ".")?));
        whole.map(|(mail, _)| mail.to_vec()).collect()
    }
}

async fn connection(stream: TcpStream, behaviour: Behaviour, heard: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let acceptor = behaviour.tls.clone().map(TlsAcceptor::from);
    if behaviour.implicit_tls {
        let tls = acceptor?.accept(stream).await.ok()?;
        heard.lock().expect("no poison").push("[TLS]".to_owned());
        return converse(&mut BufReader::new(tls), &behaviour, &heard, true).await.map(|_| ());
    }
    let mut stream = BufReader::new(stream);
    if converse(&mut stream, &behaviour, &heard, false).await? {
        let tls = acceptor?.accept(stream.into_inner()).await.ok()?;
        heard.lock().expect("no poison").push("[TLS]".to_owned());
        converse(&mut BufReader::new(tls), &behaviour, &heard, true).await?;
    }
    Some(())
}

/// Speaks until QUIT; whether TLS is to begin instead.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    behaviour: &Behaviour,
    heard: &Mutex<Vec<String>>,
    encrypted: bool,
) -> Option<bool> {
    let answer =
        |word: &str, default: &str| behaviour.answers.get(word).copied().unwrap_or(default).to_owned();
    if behaviour.implicit_tls || !encrypted {
        say(stream, &answer("greeting", "220 mock ESMTP")).await?;
    }
    let mut challenges = behaviour.challenges.iter();
    let mut in_data = false;
    let mut in_auth = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        heard.lock().expect("no poison").push(line.clone());
        let word = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        if in_data {
            if line == "." {
                in_data = false;
                say(stream, &answer(".", "250 taken")).await?;
            }
            continue;
        }
        let reply = match word.as_str() {
            "*" => "501 given up".to_owned(),
            _ if in_auth || word == "AUTH" => match challenges.next() {
                Some(challenge) => {
                    in_auth = true;
                    format!("334 {challenge}")
                }
                None => {
                    in_auth = false;
                    answer("AUTH", "235 welcome")
                }
            },
            "EHLO" => answer("EHLO", &ehlo(behaviour, encrypted)),
            "STARTTLS" => answer("STARTTLS", "220 go on"),
            "DATA" => answer("DATA", "354 go on"),
            "QUIT" => answer("QUIT", "221 bye"),
            other => answer(other, "250 fine"),
        };
        in_data = word == "DATA" && reply.starts_with("354");
        say(stream, &reply).await?;
        match word.as_str() {
            "QUIT" => return Some(false),
            "STARTTLS" if reply.starts_with("220") => return Some(true),
            _ => {}
        }
    }
}

fn ehlo(behaviour: &Behaviour, encrypted: bool) -> String {
    let extensions = behaviour.extensions.iter().filter(|line| !(encrypted && **line == "STARTTLS"));
    let mut lines: Vec<&str> = std::iter::once("mock").chain(extensions.copied()).collect();
    let last = lines.pop().unwrap_or_default();
    let mut reply: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
    reply.push_str("250 ");
    reply.push_str(last);
    reply
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
