//! What is known about a node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::suspicion::Suspicion;
use crate::gossip::wire::{Alive, NodeState, VERSIONS, Versions, socket_addr};

/// How a node stands with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It answers.
    Alive,
    /// Somebody got no answer from it; it may refute.
    Suspect,
    /// It did not refute.
    Dead,
    /// It said that it leaves.
    Left,
}

impl State {
    /// Whether Alertmanager counts it as a member: suspects are.
    #[must_use]
    pub fn is_member(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }

    pub(super) fn to_wire(self) -> u8 {
        match self {
            Self::Alive => 0,
            Self::Suspect => 1,
            Self::Dead => 2,
            Self::Left => 3,
        }
    }

    pub(super) fn from_wire(state: u8) -> Option<Self> {
        [Self::Alive, Self::Suspect, Self::Dead, Self::Left].get(usize::from(state)).copied()
    }
}

/// A node, as others are told about it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name, unique in the cluster.
    pub name: Arc<str>,
    /// Where it listens.
    pub addr: SocketAddr,
    /// How it stands.
    pub state: State,
    /// The number of its last refutation.
    pub incarnation: u32,
    /// Its metadata, empty in Alertmanager.
    pub meta: Vec<u8>,
    /// Address bytes as they were told: 4-byte and 16-byte forms of one address are different to memberlist.
    pub(super) addr_bytes: Vec<u8>,
    pub(super) versions: Versions,
    /// Since when it is in this state.
    pub(super) changed: Duration,
    pub(super) suspicion: Option<Suspicion>,
}

impl Node {
    /// A node that nothing is known about but what `alive` says: dead until that message is applied.
    pub(super) fn unknown(alive: &Alive, addr: SocketAddr, now: Duration) -> Self {
        Self {
            name: alive.node.as_str().into(),
            addr,
            state: State::Dead,
            incarnation: 0,
            meta: alive.meta.clone().unwrap_or_default(),
            addr_bytes: alive.addr.clone(),
            versions: alive.versions.clone(),
            changed: now,
            suspicion: None,
        }
    }

    pub(super) fn set_state(&mut self, state: State, now: Duration) {
        if self.state != state {
            self.state = state;
            self.changed = now;
        }
    }

    /// The newest protocol that the node speaks.
    pub(super) fn newest_protocol(&self) -> u8 {
        self.versions.get(1).copied().unwrap_or(0)
    }

    pub(super) fn alive(&self) -> Alive {
        Alive {
            addr: self.addr_bytes.clone(),
            incarnation: self.incarnation,
            meta: Some(self.meta.clone()),
            node: self.name.to_string(),
            port: self.addr.port(),
            versions: self.versions.clone(),
        }
    }

    pub(super) fn to_wire(&self) -> NodeState {
        NodeState { alive: self.alive(), state: self.state.to_wire() }
    }

    /// Whether it is out of the cluster for longer than `time`.
    pub(super) fn is_gone_for(&self, time: Duration, now: Duration) -> bool {
        !self.state.is_member() && now.saturating_sub(self.changed) > time
    }
}

/// Whether a node with these versions can be in one cluster with us. Go checks all nodes of a push/pull together,
/// so that a single bad one parts the whole cluster; we leave out the bad one alone, and never pass it on.
pub(super) fn is_compatible(versions: &[u8]) -> bool {
    let [protocol_min, protocol_max, protocol, delegate_min, delegate_max, delegate, ..] = *versions else {
        return false;
    };
    let [our_min, our_max, ours, _, _, our_delegate] = VERSIONS;
    protocol_min > 0
        && (protocol_min..=protocol_max).contains(&ours)
        && (our_min..=our_max).contains(&protocol)
        && (protocol_min..=protocol_max).contains(&protocol)
        && (delegate_min..=delegate_max).contains(&our_delegate)
        && delegate == our_delegate
}

/// The address an alive message means; port 0 is `our_port`. `None` where it is no address.
pub(super) fn address(alive: &Alive, our_port: u16) -> Option<SocketAddr> {
    socket_addr(&alive.addr, if alive.port == 0 { our_port } else { alive.port })
}
