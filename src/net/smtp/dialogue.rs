//! What is said, in which order.

use super::auth::{self, Mechanism};
use super::stream::Stream;
use super::{Credentials, Envelope, SmtpError, SmtpServer};

/// The most lines of one answer.
const MOST_LINES: usize = 100;

/// A conversation with a mail server.
pub(super) struct Dialogue {
    /// Gone only while it goes over to TLS.
    stream: Option<Stream>,
    /// What the server offers, by keyword in upper case.
    extensions: Vec<(String, String)>,
}

/// An answer: the code and the lines without it.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    fn text(&self) -> String {
        self.lines.join("\n")
    }
}

const GREETING: &str = "create SMTP client";
const STARTTLS: &str = "send STARTTLS command";

impl Dialogue {
    /// Hears the greeting over a new connection.
    pub(super) async fn open(mut stream: Stream, server: &SmtpServer) -> Result<Self, SmtpError> {
        if server.implicit_tls {
            stream = stream.encrypt(server).await?;
        }
        let mut dialogue = Self { stream: Some(stream), extensions: Vec::new() };
        dialogue.expect(GREETING, 220).await?;
        Ok(dialogue)
    }

    /// All but QUIT.
    pub(super) async fn talk(
        &mut self,
        server: &SmtpServer,
        credentials: Option<&Credentials>,
        envelope: Envelope<'_>,
    ) -> Result<String, SmtpError> {
        self.hello(server).await?;
        if server.require_tls && !server.implicit_tls {
            self.start_tls(server).await?;
        }
        if let (Some(credentials), Some(offered)) = (credentials, self.extension("AUTH").map(str::to_owned)) {
            let mechanism = auth::choose(&offered, credentials).map_err(SmtpError::NoMechanism)?;
            self.authenticate(server, mechanism).await?;
        }
        self.send(envelope).await
    }

    pub(super) async fn quit(&mut self) -> Result<(), SmtpError> {
        self.command("QUIT", "send QUIT command", 221).await.map(|_answer| ())
    }

    fn extension(&self, keyword: &str) -> Option<&str> {
        self.extensions.iter().find(|(offered, _)| offered == keyword).map(|(_, value)| value.as_str())
    }

    async fn hello(&mut self, server: &SmtpServer) -> Result<(), SmtpError> {
        const EHLO: &str = "send EHLO command";
        let name = if server.hello.is_empty() { "localhost" } else { &server.hello };
        self.extensions.clear();
        let answer = match self.command(&format!("EHLO {name}"), EHLO, 250).await {
            Err(SmtpError::Refused { .. }) => {
                self.command(&format!("HELO {name}"), EHLO, 250).await?;
                return Ok(());
            }
            answer => answer?,
        };
        self.extensions = answer
            .lines
            .iter()
            .skip(1)
            .map(|line| {
                let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
                (keyword.to_ascii_uppercase(), value.to_owned())
            })
            .collect();
        Ok(())
    }

    async fn start_tls(&mut self, server: &SmtpServer) -> Result<(), SmtpError> {
        if self.extension("STARTTLS").is_none() {
            return Err(SmtpError::NoStartTls { host: server.host.clone() });
        }
        self.command("STARTTLS", STARTTLS, 220).await?;
        let Some(stream) = self.stream.take() else { return Err(closed(STARTTLS)) };
        self.stream = Some(stream.encrypt(server).await?);
        self.hello(server).await
    }

    async fn authenticate(
        &mut self,
        server: &SmtpServer,
        mut mechanism: Mechanism<'_>,
    ) -> Result<(), SmtpError> {
        const AUTH: &str = "authentication failed";
        let is_tls = self.stream.as_ref().is_some_and(|stream| stream.is_tls);
        let mut line = mechanism.start(&server.host, is_tls)?;
        loop {
            let answer = self.exchange(&line, AUTH).await?;
            match answer.code {
                235 => return Ok(()),
                334 => match mechanism.answer(&answer.text()) {
                    Ok(next) => line = next,
                    Err(error) => {
                        // Tells the server that we give up.
                        self.exchange("*", AUTH).await.ok();
                        return Err(error);
                    }
                },
                code => return Err(SmtpError::Refused { command: AUTH, code, text: answer.text() }),
            }
        }
    }

    async fn send(&mut self, envelope: Envelope<'_>) -> Result<String, SmtpError> {
        let mut from = format!("MAIL FROM:<{}>", envelope.from);
        for (keyword, parameter) in [("8BITMIME", " BODY=8BITMIME"), ("SMTPUTF8", " SMTPUTF8")] {
            if self.extension(keyword).is_some() {
                from.push_str(parameter);
            }
        }
        self.command(&from, "send MAIL command", 250).await?;
        for to in envelope.to {
            self.command(&format!("RCPT TO:<{to}>"), "send RCPT command", 25).await?;
        }
        self.command("DATA", "send DATA command", 354).await?;
        let command = "delivery failure";
        self.write(&stuffed(envelope.message), command).await?;
        let answer = self.expect(command, 250).await?;
        Ok(format!("{} {}", answer.code, answer.text()))
    }

    /// Says a line and wants an answer with `code`: all of it, or its first digits.
    async fn command(&mut self, line: &str, command: &'static str, code: u16) -> Result<Answer, SmtpError> {
        self.write(format!("{line}\r\n").as_bytes(), command).await?;
        self.expect(command, code).await
    }

    /// Says a line and takes any answer.
    async fn exchange(&mut self, line: &str, command: &'static str) -> Result<Answer, SmtpError> {
        self.write(format!("{line}\r\n").as_bytes(), command).await?;
        self.read(command).await
    }

    async fn expect(&mut self, command: &'static str, code: u16) -> Result<Answer, SmtpError> {
        let answer = self.read(command).await?;
        let matches = match code {
            1..10 => answer.code / 100 == code,
            10..100 => answer.code / 10 == code,
            code => answer.code == code,
        };
        if matches {
            return Ok(answer);
        }
        Err(SmtpError::Refused { command, code: answer.code, text: answer.text() })
    }

    async fn write(&mut self, bytes: &[u8], command: &'static str) -> Result<(), SmtpError> {
        let Some(stream) = &mut self.stream else { return Err(closed(command)) };
        stream.write(bytes).await.map_err(|error| SmtpError::Io { command, error })
    }

    async fn read(&mut self, command: &'static str) -> Result<Answer, SmtpError> {
        let Some(stream) = &mut self.stream else { return Err(closed(command)) };
        let mut lines = Vec::new();
        while lines.len() < MOST_LINES {
            let line = stream.read_line().await.map_err(|error| SmtpError::Io { command, error })?;
            let code = line.get(..3).filter(|code| code.bytes().all(|digit| digit.is_ascii_digit()));
            let Some(code) = code.and_then(|code| code.parse().ok()) else {
                return Err(SmtpError::Protocol { command, problem: "the answer has no code" });
            };
            let is_last = !line.get(3..).is_some_and(|rest| rest.starts_with('-'));
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if is_last {
                return Ok(Answer { code, lines });
            }
        }
        Err(SmtpError::Protocol { command, problem: "the answer is too long" })
    }
}

fn closed(command: &'static str) -> SmtpError {
    SmtpError::Protocol { command, problem: "the connection is gone" }
}

/// A message as DATA carries it: lines that begin with a dot get another, and a dot alone ends it.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            data.push(b'.');
        }
        data.extend_from_slice(line);
    }
    if !data.ends_with(b"\r\n") {
        data.extend_from_slice(b"\r\n");
    }
    data.extend_from_slice(b".\r\n");
    data
}
