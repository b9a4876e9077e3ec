//! Changes too large for packets: sent to every member over TCP, one change of a state after the other.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::{Cluster, DialId, Now, Output, Purpose};
use crate::gossip::state::StateKey;
use crate::gossip::wire::StreamMessage;

/// So many changes of a state wait; another is dropped and counted. Push/pulls bring it later.
const WAITING: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Oversize {
    waiting: VecDeque<Bytes>,
    under_way: BTreeSet<DialId>,
    started: Duration,
}

impl Cluster {
    pub(super) fn send_oversize(&mut self, now: Now, key: StateKey, part: Bytes) {
        let queue = self.oversize.entry(key).or_default();
        if queue.waiting.len() >= WAITING {
            self.state_counters(key).oversize_dropped += 1;
            tracing::debug!(component = "cluster", key = %key, "oversize gossip channel full");
            return;
        }
        queue.waiting.push_back(part);
        self.next_oversize(now, key);
    }

    fn next_oversize(&mut self, now: Now, key: StateKey) {
        let queue = self.oversize.entry(key).or_default();
        if !queue.under_way.is_empty() {
            return;
        }
        let Some(part) = queue.waiting.pop_front() else { return };
        queue.started = now.elapsed;
        for to in self.other_members() {
            let id = self.dial(to, StreamMessage::User(part.clone()), false, Purpose::Oversize { key });
            self.oversize.entry(key).or_default().under_way.insert(id);
            self.state_counters(key).oversize_sent += 1;
            self.counters.oversize_updates_sent += 1;
            self.counters.oversize_update_bytes_sent += part.len() as u64;
        }
    }

    pub(super) fn oversize_done(&mut self, now: Now, id: DialId, key: StateKey, failure: Option<String>) {
        if let Some(err) = failure {
            self.state_counters(key).oversize_failed += 1;
            tracing::debug!(component = "cluster", key = %key, err, "failed to send reliable");
        }
        let queue = self.oversize.entry(key).or_default();
        queue.under_way.remove(&id);
        if queue.under_way.is_empty() {
            let after = now.elapsed.saturating_sub(queue.started);
            self.outputs.push_back(Output::OversizeSent { key, after });
            self.next_oversize(now, key);
        }
    }

    /// Sends the next piece of a state that was too large for one exchange.
    pub(super) fn next_piece(&mut self) {
        if self.piece_under_way {
            return;
        }
        if let Some((to, part)) = self.pieces.pop_front() {
            self.piece_under_way = true;
            self.dial(to, StreamMessage::User(part), false, Purpose::Piece);
        }
    }
}
