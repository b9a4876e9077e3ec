//! Bytes, never alerts: listening sockets (TCP, Unix, systemd's), TLS on both sides, the SMTP dialogue, the checks of a web
//! configuration file, and the only place that builds an HTTP client from an `http_config`.
//!
//! Nothing here knows what it carries. Whatever a peer sends is bounded, whatever a file holds may change while we
//! run and is read again, and a secret goes into a request and nowhere else.

mod client;
mod clock;
mod error;
mod fetched;
mod listen;
mod peer_tls;
mod pem;
mod sigv4;
mod smtp;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) use smtp::mock as smtp_mock;
mod versions;
mod web;

pub use client::{ClientOptions, Endpoint, EndpointError, HttpClient, Request, Response, SendError};
pub(crate) use clock::now;
pub use error::NetError;
pub use listen::{Connection, ConnectionLimit, ListenAddress, Listener, Peer, SocketOptions, activated};
pub use peer_tls::PeerTls;
pub(crate) use sigv4::element as xml_element;
pub use smtp::{Credentials, Envelope, SmtpError, SmtpServer, deliver, deliver_over};
pub use web::{
    HandshakeError, RateLimiter, TlsServer, Unauthorized, WebAuth, alternative_names, response_headers,
};
