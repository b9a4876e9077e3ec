use crate::config::Position;
use crate::net::NetError;

/// Why a discovery section cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The HTTP client of an `http_sd_configs` element cannot be built.
    #[error("http_sd_configs: {0}")]
    Client(#[from] NetError),
    /// A section that this build has no code for.
    #[error("{position}: {section} is not in this build: build tocsin with the feature {feature}")]
    NotBuilt {
        /// Where the section's element begins.
        position: Position,
        /// The section.
        section: &'static str,
        /// The feature that brings it.
        feature: &'static str,
    },
}
