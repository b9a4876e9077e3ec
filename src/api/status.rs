//! `GET /api/v2/status`.

use http::StatusCode;
use serde_json::{Value, json};

use super::Backend;
use super::answer::{self, Answer};
use crate::gossip::ClusterView;

/// The Alertmanager whose API we answer as. Clients ask for it to know what they may use, and some refuse to talk to a
/// version that they do not know; our own version is beside it.
pub const ALERTMANAGER_VERSION: &str = "0.34.0";

/// Cluster, configuration, start and version.
pub(super) fn show(backend: &dyn Backend) -> Answer {
    let body = json!({
        "cluster": cluster(backend.cluster()),
        "config": { "original": backend.configuration() },
        "uptime": backend.started().to_rfc3339_millis(),
        "versionInfo": {
            "branch": "tocsin",
            "buildDate": "",
            "buildUser": "",
            "goVersion": "",
            "revision": concat!("tocsin-", env!("CARGO_PKG_VERSION")),
            "version": ALERTMANAGER_VERSION,
        },
    });
    answer::json(StatusCode::OK, format!("{body}\n"))
}

fn cluster(view: Option<ClusterView>) -> Value {
    let Some(view) = view else { return json!({ "peers": [], "status": "disabled" }) };
    let peers = view.members.iter().map(|(name, addr)| json!({ "address": addr.to_string(), "name": name }));
    json!({ "name": view.name, "peers": peers.collect::<Vec<_>>(), "status": view.status.as_str() })
}
