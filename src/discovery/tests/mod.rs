use std::path::Path;
use std::time::Duration;

use prometheus::{Encoder as _, Registry, TextEncoder};

use super::{Metrics, TargetGroup};
use crate::config::{Position, SdConfig, StaticConfig};
use crate::model::LabelSet;

#[cfg(feature = "dns-sd")]
mod dns;
mod file;
mod http;
mod manager;

fn metrics() -> (Metrics, Registry) {
    let registry = Registry::new();
    (Metrics::new(&registry).unwrap(), registry)
}

/// The lines of a metric, without comments.
fn printed(registry: &Registry, name: &str) -> String {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\n")
}

fn group(source: &str, addresses: &[&str], labels: &[(&str, &str)]) -> TargetGroup {
    let addresses: Vec<String> = addresses.iter().map(|&address| address.to_owned()).collect();
    TargetGroup::new(source.to_owned(), &addresses, labels.iter().copied().collect())
}

fn statics(addresses: &[&str]) -> SdConfig {
    let targets = addresses.iter().map(|&address| address.to_owned()).collect();
    SdConfig::Static(vec![StaticConfig {
        targets,
        labels: LabelSet::default(),
        position: Position::default(),
    }])
}

fn file_name(path: &Path) -> String {
    path.display().to_string()
}

/// A refresh interval that never comes in a test.
const NEVER: Duration = Duration::from_secs(100_000);
