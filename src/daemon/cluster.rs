//! Local delivery as a member of a cluster: the engine's changes go to the peers, theirs to the engine, together with
//! our place among them and whether the cluster has settled.
//!
//! When states were last exchanged with a peer is kept in the storage directory, in the file `cluster-contact`: a node
//! that was away for longer than the retention hears a peer's state before it tells its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use prometheus::{IntGauge, Registry};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::engine_task::EngineHandle;
use super::state_files::SharedState;
use super::{LocalDelivery, Options, clock};
use crate::config::ClusterTls;
use crate::engine::{self, DeliveryEvent, Event};
use crate::gossip::{
    Channel, ClusterCollector, ClusterView, Entry, EntryError, Metrics, Peer, StateKey, Status, Surroundings,
};
use crate::model::{LogEntry, LogKey, Silence, Timestamp, statepb};
use crate::net::PeerTls;

/// How long telling the others that we leave may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the time of the last contact is written.
const CONTACT_INTERVAL: Duration = Duration::from_mins(1);
const CONTACT: &str = "cluster-contact";

/// The way of the engine's changes to the cluster. It never waits.
#[derive(Debug, Clone)]
pub(super) struct Announcer {
    silences: Channel,
    log: Channel,
}

impl Announcer {
    /// Tells the peers of a version of a silence.
    pub(super) fn silence(&self, silence: &Silence, expires_at: Timestamp) {
        told(&self.silences, statepb::encode_silence(silence, expires_at));
    }

    /// Tells the peers what an integration was told.
    pub(super) fn log_entry(&self, key: &LogKey, entry: &LogEntry) {
        told(&self.log, statepb::encode_log_entry(key, entry));
    }
}

fn told(channel: &Channel, bytes: Bytes) {
    if let Err(err) = channel.broadcast(bytes) {
        tracing::error!(component = "cluster", %err, "A change cannot be told to the peers");
    }
}

/// Our part in a cluster. Without `--cluster.*` flags there is none.
#[derive(Debug, Clone)]
pub(super) struct ClusterMember {
    peer: Peer,
    announcer: Announcer,
    contact: PathBuf,
}

impl ClusterMember {
    /// Opens the sockets, alone as yet; `None` where no cluster is asked for.
    pub(super) async fn start(options: &Options, registry: &Registry) -> anyhow::Result<Option<Self>> {
        if !options.cluster.is_enabled() {
            registry.register(Box::new(no_cluster()?))?;
            return Ok(None);
        }
        let tls = options.cluster.tls_config.as_deref().map(tls).transpose()?;
        let contact = options.storage_path.join(CONTACT);
        let surroundings = Surroundings {
            clock: Arc::new(clock::now),
            seed: fastrand::u64(..),
            tls,
            retention: options.engine.retention,
            last_contact: read_contact(&contact),
            is_fallback: options.local == LocalDelivery::Fallback,
        };
        let mut peer_options = options.cluster.peer_options(&surroundings)?;
        peer_options.metrics = Some(Metrics::new(registry)?);
        let peer = Peer::start(peer_options).await?;
        tracing::info!(
            component = "cluster",
            peer = peer.view().name,
            address = %peer.listening(),
            "Listening for the cluster"
        );
        registry.register(Box::new(ClusterCollector::new(peer.clone())?))?;
        let announcer =
            Announcer { silences: peer.add_state(StateKey::Silences), log: peer.add_state(StateKey::Log) };
        Ok(Some(Self { peer, announcer, contact }))
    }

    /// Where the engine's changes go.
    pub(super) fn announcer(&self) -> Announcer {
        self.announcer.clone()
    }

    /// Our place in the cluster, and whether it has settled, as the engine wants to know it.
    pub(super) fn standing(&self) -> (watch::Receiver<engine::Cluster>, AbortOnDropHandle<()>) {
        let mut view = self.peer.watch();
        let (publish, standing) = watch::channel(standing_of(&view.borrow()));
        let task = tokio::spawn(async move {
            while view.changed().await.is_ok() {
                let now = standing_of(&view.borrow_and_update());
                publish.send_if_modified(|current| std::mem::replace(current, now) != now);
            }
        });
        (standing, AbortOnDropHandle::new(task))
    }

    /// Joins the peers with what the engine knows, and passes on from then on what they tell.
    pub(super) async fn join(
        &self,
        engine: EngineHandle,
        settle_timeout: Duration,
    ) -> anyhow::Result<AbortOnDropHandle<()>> {
        let state = engine.shared_state().await.context("the engine has ended")?;
        self.peer.restore(entries(&state)).await?;
        let member = self.clone();
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            let settling = async {
                // Both end early only when the node does.
                drop(member.peer.join().await);
                drop(member.peer.settle(settle_timeout).await);
            };
            tokio::join!(
                settling,
                pass_on(&member.announcer.silences, &engine, silence_event),
                pass_on(&member.announcer.log, &engine, log_event),
                keep_contact(&member.peer, &member.contact),
            );
        })))
    }

    /// Members, position and status.
    pub(super) fn view(&self) -> ClusterView {
        self.peer.view()
    }

    /// Tells the others that we leave.
    pub(super) async fn leave(&self) {
        if let Some(contact) = self.peer.snapshot().last_contact {
            write_contact(&self.contact, contact);
        }
        self.peer.leave(LEAVE_TIMEOUT).await;
    }
}

/// What the page of metrics says without a cluster, as Alertmanager's does: 0.
fn no_cluster() -> Result<IntGauge, prometheus::Error> {
    IntGauge::new("alertmanager_cluster_enabled", "Indicates whether the clustering is enabled or not.")
}

fn tls(path: &Path) -> anyhow::Result<PeerTls> {
    let config = ClusterTls::load(path).context("--cluster.tls-config")?;
    PeerTls::new(&config).context("--cluster.tls-config")
}

fn standing_of(view: &ClusterView) -> engine::Cluster {
    engine::Cluster {
        position: u32::try_from(view.position).unwrap_or(u32::MAX),
        settled: view.status == Status::Ready,
    }
}

/// What the engine knows, as the cluster shares it.
fn entries(state: &SharedState) -> Vec<Entry> {
    let silences = state.encoded_silences().map(|bytes| (StateKey::Silences, bytes));
    let log = state.encoded_log().map(|bytes| (StateKey::Log, bytes));
    let entries = silences.chain(log).map(|(key, bytes)| Entry::decode(key, bytes));
    let taken: Result<Vec<Entry>, EntryError> = entries.collect();
    taken.unwrap_or_else(|err| {
        tracing::error!(component = "cluster", %err, "Silences and log are not shared: they cannot be encoded");
        Vec::new()
    })
}

async fn pass_on(
    channel: &Channel,
    engine: &EngineHandle,
    event: fn(&Bytes) -> Result<DeliveryEvent, statepb::StateError>,
) {
    loop {
        for entry in channel.changes().await {
            match event(&entry.bytes) {
                Ok(event) => engine.happened(Event::Delivery(event)).await,
                Err(err) => {
                    tracing::warn!(component = "cluster", key = %entry.key, %err, "an entry of a peer means nothing here");
                }
            }
        }
    }
}

fn silence_event(bytes: &Bytes) -> Result<DeliveryEvent, statepb::StateError> {
    let (silence, expires_at) = statepb::decode_silence(bytes)?;
    Ok(DeliveryEvent::PeerSilence { silence: Box::new(silence), expires_at })
}

fn log_event(bytes: &Bytes) -> Result<DeliveryEvent, statepb::StateError> {
    let (key, entry) = statepb::decode_log_entry(bytes, true)?;
    Ok(DeliveryEvent::PeerEntry { key, entry })
}

async fn keep_contact(peer: &Peer, path: &Path) {
    let mut written = None;
    loop {
        tokio::time::sleep(CONTACT_INTERVAL).await;
        let contact = peer.snapshot().last_contact;
        if let Some(at) = contact
            && contact != written
        {
            write_contact(path, at);
            written = contact;
        }
    }
}

/// The time in seconds since 1970, as a line of text. Without a readable one the node counts as never away.
fn read_contact(path: &Path) -> Option<Timestamp> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(Timestamp::from_unix(text.trim().parse().ok()?, 0))
}

fn write_contact(path: &Path, contact: Timestamp) {
    let partial = path.with_extension("new");
    let written = std::fs::write(&partial, format!("{}\n", contact.unix_seconds()))
        .and_then(|()| std::fs::rename(&partial, path));
    if let Err(err) = written {
        tracing::warn!(component = "cluster", file = %path.display(), %err, "The time of the last contact was not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_contact_outlives_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(CONTACT);
        assert_eq!(read_contact(&path), None);
        write_contact(&path, Timestamp::from_unix(1_795_251_708, 205_581_626));
        assert_eq!(read_contact(&path), Some(Timestamp::from_unix(1_795_251_708, 0)));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        std::fs::write(&path, "soon\n").unwrap();
        assert_eq!(read_contact(&path), None);
    }
}
