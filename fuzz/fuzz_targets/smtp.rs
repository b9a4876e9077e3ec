//! A mail server that says whatever it likes: the dialogue ends, and no secret is in what it ends with.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use tocsin::config::{Secret, TlsConfig};
use tocsin::net::{Credentials, Envelope, SmtpServer, deliver_over};

fuzz_target!(|input: (u8, &[u8])| {
    let (flags, said) = input;
    let server = SmtpServer {
        host: "localhost".to_owned(),
        port: "25".to_owned(),
        hello: String::new(),
        implicit_tls: flags & 1 != 0,
        require_tls: flags & 2 != 0,
        tls: TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() },
    };
    let credentials = Credentials {
        username: "me".to_owned(),
        password: (flags & 4 != 0).then(|| Secret::new("hunter2hunter2")),
        secret: (flags & 8 != 0).then(|| Secret::new("tanstaaftanstaaf")),
        identity: String::new(),
    };
    let to = ["a@example.org".to_owned()];
    let envelope = Envelope { from: "us@example.org", to: &to, message: b"x\r\n" };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let connection = tokio::io::join(Cursor::new(said.to_vec()), tokio::io::sink());
    let ended = runtime.block_on(deliver_over(connection, &server, Some(&credentials), envelope));
    if let Err(error) = ended {
        let text = error.to_string();
        let told = String::from_utf8_lossy(said);
        assert!(!text.contains("hunter2hunter2") || told.contains("hunter2hunter2"));
        assert!(!text.contains("tanstaaf") || told.contains("tanstaaf"));
    }
});
