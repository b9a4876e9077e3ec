//! A stand-in for the network between two nodes: passes on what arrives at its address, unless it is told not to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

#[derive(Debug)]
pub(crate) struct Shim {
    pub addr: SocketAddr,
    passes: Arc<Passes>,
}

#[derive(Debug)]
struct Passes {
    udp: AtomicBool,
    tcp: AtomicBool,
}

impl Shim {
    /// Passes everything that arrives at `addr` on to `to`.
    pub(crate) async fn start(addr: SocketAddr, to: SocketAddr) -> Self {
        let passes = Arc::new(Passes { udp: AtomicBool::new(true), tcp: AtomicBool::new(true) });
        let udp = UdpSocket::bind(addr).await.expect("the shim's UDP port");
        let tcp = TcpListener::bind(addr).await.expect("the shim's TCP port");
        let shim = Self { addr, passes: passes.clone() };
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            while let Ok((len, _)) = udp.recv_from(&mut buffer).await {
                if passes.udp.load(Ordering::Relaxed) {
                    udp.send_to(&buffer[..len], to).await.ok();
                }
            }
        });
        let passes = shim.passes.clone();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = tcp.accept().await {
                let passes = passes.clone();
                tokio::spawn(async move {
                    if passes.tcp.load(Ordering::Relaxed)
                        && let Ok(mut onward) = TcpStream::connect(to).await
                    {
                        copy_bidirectional(&mut connection, &mut onward).await.ok();
                    }
                });
            }
        });
        shim
    }

    pub(crate) fn pass_udp(&self, passes: bool) {
        self.passes.udp.store(passes, Ordering::Relaxed);
    }

    pub(crate) fn pass_tcp(&self, passes: bool) {
        self.passes.tcp.store(passes, Ordering::Relaxed);
    }
}
