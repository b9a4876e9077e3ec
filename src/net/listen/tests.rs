use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::unix::find_group;
use super::*;
use crate::net::NetError;

fn parse(text: &str) -> Result<ListenAddress, NetError> {
    text.parse()
}

async fn bind(address: &str) -> Result<Listener, NetError> {
    Listener::bind(&parse(address)?, &SocketOptions::default(), ConnectionLimit::new(8)).await
}

#[test]
fn addresses() {
    for (text, shown) in [
        ("127.0.0.1:9095", "127.0.0.1:9095"),
        (":9093", ":9093"),
        ("[::1]:0", "[::1]:0"),
        ("localhost:80", "localhost:80"),
        ("unix:/run/t.sock", "unix:/run/t.sock"),
        ("unix:///run/t.sock", "unix:/run/t.sock"),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), shown);
    }
    for (text, reason) in [
        ("localhost", "the port is missing: write host:port"),
        ("localhost:http", "the port is not a number from 0 to 65535"),
        ("::1:80", "an IPv6 address needs brackets: write [::1]:9095"),
        ("[::1:80", "the bracket is not closed"),
        ("[[::1]:80", "the host is neither a name nor an address"),
        ("a b:80", "the host is neither a name nor an address"),
        ("unix:", "the path of the socket is missing: write unix:/run/tocsin/tocsin.sock"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), format!("listen address {text:?}: {reason}"));
    }
}

#[test]
fn groups_by_name() {
    let groups = "root:x:0:\nadm:x:4:syslog,me\n# broken\nshort\n";
    assert_eq!(find_group(groups, "adm"), Some(4));
    assert_eq!(find_group(groups, "short"), None);
    assert_eq!(find_group(groups, "nobody"), None);
}

#[tokio::test]
async fn tcp_tells_the_peer() {
    let mut listener = bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let connection = listener.accept().await;
    assert_eq!(connection.peer(), Peer::Tcp(client.local_addr().unwrap()));
    assert!(!connection.is_tls());
}

#[tokio::test]
async fn the_limit_holds_further_connections_back() {
    let limit = ConnectionLimit::new(1);
    let address = parse("127.0.0.1:0").unwrap();
    let mut listener = Listener::bind(&address, &SocketOptions::default(), limit.clone()).await.unwrap();
    let target = listener.local_addr().unwrap();
    let (_one, mut two) =
        (TcpStream::connect(target).await.unwrap(), TcpStream::connect(target).await.unwrap());
    let first = listener.accept().await;
    assert_eq!(limit.available(), 0);
    assert!(tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err());
    drop(first);
    let mut second = listener.accept().await;
    second.write_all(b"hello").await.unwrap();
    let mut text = [0; 5];
    two.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"hello");
}

#[tokio::test]
async fn unix_tells_who_connects_and_cleans_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.sock");
    let options = SocketOptions { mode: 0o600, group: None };
    let address = ListenAddress::Unix(path.clone());
    let mut listener = Listener::bind(&address, &options, ConnectionLimit::new(8)).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let _client = UnixStream::connect(&path).await.unwrap();
    let Peer::Unix { pid, .. } = listener.accept().await.peer() else { panic!("not a Unix peer") };
    assert_eq!(pid, Some(i32::try_from(std::process::id()).unwrap()));
    drop(listener);
    assert!(!path.exists(), "the socket file stays behind");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.sock");
    let address = format!("unix:{}", path.display());
    // std leaves the file behind, as a killed process does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let mut live = bind(&address).await.unwrap();
    let error = bind(&address).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address}: another process is listening there"));
    // Neither the knock nor the refusal has harmed the live one.
    let _knock = live.accept().await;
    let _client = UnixStream::connect(&path).await.unwrap();
    let _connection = live.accept().await;
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    let error = bind(&format!("unix:{}", path.display())).await.unwrap_err();
    assert!(matches!(error, NetError::NotASocket { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
}

#[tokio::test]
async fn a_socket_put_in_our_place_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.sock");
    let ours = bind(&format!("unix:{}", path.display())).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let _theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(ours);
    assert!(path.exists());
}

#[tokio::test]
async fn an_unknown_group_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let options = SocketOptions { mode: 0o660, group: Some("no such group".to_owned()) };
    let address = ListenAddress::Unix(directory.path().join("t.sock"));
    let error = Listener::bind(&address, &options, ConnectionLimit::new(8)).await.unwrap_err();
    assert_eq!(error.to_string(), "group \"no such group\" of the socket is not in /etc/group");
}

/// Runs this test binary again as systemd would: with a listening socket as descriptor 3.
fn activate(socket: impl Into<std::os::fd::OwnedFd>) -> std::process::Child {
    let binary = std::env::current_exe().unwrap();
    let script =
        "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --exact net::listen::tests::activated_child --ignored 3<&0";
    Command::new("sh")
        .args(["-c", script])
        .arg(binary)
        .stdin(Stdio::from(socket.into()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "the child of the activation tests"]
async fn activated_child() {
    let mut listeners = activated(&ConnectionLimit::new(8)).unwrap();
    assert_eq!(listeners.len(), 1);
    let mut connection = listeners[0].accept().await;
    connection.write_all(listeners[0].address().as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
}

#[tokio::test]
async fn systemd_passes_a_tcp_socket() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut child = activate(socket);
    let mut text = String::new();
    TcpStream::connect(address).await.unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, address.to_string());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn systemd_passes_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.sock");
    let mut child = activate(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut text = String::new();
    UnixStream::connect(&path).await.unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, format!("unix:{}", path.display()));
    assert!(child.wait().unwrap().success());
    assert!(path.exists(), "systemd owns the file");
}
