//! What a web configuration file asks of an HTTP server (exporter-toolkit), as pieces: [`TlsServer`] for
//! connections; [`WebAuth`], [`RateLimiter`] and [`response_headers`] for requests.

mod auth;
mod certificate;
mod client_auth;
mod headers;
mod rate_limit;
#[cfg(test)]
mod tests;
mod tls;

pub use auth::{Unauthorized, WebAuth};
pub use certificate::alternative_names;
pub use headers::response_headers;
pub use rate_limit::RateLimiter;
pub use tls::{HandshakeError, TlsServer};
