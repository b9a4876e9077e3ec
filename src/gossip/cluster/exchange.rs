//! How states travel: changes as they happen, and whole states in push/pulls.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use super::{Author, Cluster, DialId, JoinReason, MAX_GOSSIP, Now, Output, Purpose};
use crate::gossip::state::{Entry, Merged, StateKey, decode_entries};
use crate::gossip::wire::{Ack, PushPull, StreamMessage};
use crate::model::clusterpb::{FullState, Part};
use crate::model::statepb::push_entry;

/// The size of the pieces of a state that is too large for one exchange.
const PIECE: usize = 1 << 20;
/// The most pieces that wait to be sent; more come with the next exchange.
const MAX_PIECES: usize = 1024;

impl Cluster {
    /// A message on a connection that a peer opened; what it returns is the answer.
    pub fn handle_stream(
        &mut self,
        now: Now,
        from: SocketAddr,
        message: StreamMessage,
    ) -> Option<StreamMessage> {
        let answer = match message {
            StreamMessage::PushPull(remote) => self.handle_push_pull(now, from, remote),
            StreamMessage::Ping(ping) => (ping.node.is_empty() || *ping.node == **self.members.name())
                .then_some(StreamMessage::Ack(Ack { payload: None, seq: ping.seq })),
            StreamMessage::User(payload) => {
                self.handle_update(now, payload);
                None
            }
            StreamMessage::Ack(_) | StreamMessage::Error(_) => None,
        };
        self.pump(now);
        answer
    }

    fn handle_push_pull(&mut self, now: Now, from: SocketAddr, remote: PushPull) -> Option<StreamMessage> {
        // Go answers before it merges. We do so too, unless what we know may be too old to be told.
        let listens_first = self.listens_first && !remote.user_state.is_empty();
        let joiner = match &remote.nodes[..] {
            [only] if remote.join => crate::gossip::wire::socket_addr(&only.alive.addr, only.alive.port),
            _ => None,
        };
        tracing::debug!(component = "cluster", peer = %from, join = remote.join, "push/pull");
        if listens_first {
            self.merge_push_pull(now, &remote);
            self.listens_first = false;
        }
        let (user_state, rest) = self.full_state();
        let answer = PushPull { join: false, nodes: self.members.node_states(), user_state };
        self.count_full_state_sent(answer.user_state.len());
        if let Some(joiner) = joiner {
            self.queue_pieces(joiner, rest);
        }
        if !listens_first {
            self.merge_push_pull(now, &remote);
        }
        Some(StreamMessage::PushPull(answer))
    }

    /// Exchanges whole states with the node at `to`.
    pub(super) fn exchange(&mut self, to: SocketAddr, join: Option<JoinReason>) {
        let (user_state, rest) =
            if self.listens_first { (Bytes::new(), Vec::new()) } else { self.full_state() };
        self.count_full_state_sent(user_state.len());
        self.queue_pieces(to, rest);
        let nodes = self.members.node_states();
        let request = StreamMessage::PushPull(PushPull { join: join.is_some(), nodes, user_state });
        self.dial(to, request, true, Purpose::Exchange { to, join });
    }

    fn count_full_state_sent(&mut self, bytes: usize) {
        self.counters.full_states_sent += 1;
        self.counters.full_state_bytes_sent += bytes as u64;
    }

    /// The outcome of a dial: the answer if one was expected and came, or what went wrong.
    pub fn handle_dialled(&mut self, now: Now, id: DialId, outcome: Result<Option<StreamMessage>, String>) {
        let Some(purpose) = self.dials.remove(&id) else { return };
        match (purpose, outcome) {
            (Purpose::TcpPing { seq }, Ok(Some(StreamMessage::Ack(ack)))) if ack.seq == seq => {
                self.members.handle_tcp_ack(seq);
            }
            (Purpose::TcpPing { .. }, _) => {}
            (Purpose::Exchange { to, join }, outcome) => self.exchanged(now, to, join, outcome),
            (Purpose::Oversize { key }, outcome) => {
                self.oversize_done(now, id, key, outcome.err());
            }
            (Purpose::Piece, outcome) => {
                self.piece_under_way = false;
                if let Err(err) = outcome {
                    tracing::debug!(component = "cluster", err, "sharing a piece of the state failed");
                }
                self.next_piece();
            }
        }
        self.pump(now);
    }

    fn exchanged(
        &mut self,
        now: Now,
        to: SocketAddr,
        join: Option<JoinReason>,
        outcome: Result<Option<StreamMessage>, String>,
    ) {
        let outcome = match outcome {
            Ok(Some(StreamMessage::PushPull(remote))) => {
                self.merge_push_pull(now, &remote);
                Ok(())
            }
            Ok(Some(StreamMessage::Error(text))) => Err(format!("the peer could not read us: {text}")),
            Ok(_) => Err("the peer did not answer with its state; is its label ours?".to_owned()),
            Err(err) => Err(err),
        };
        let listened = outcome.is_ok() && std::mem::take(&mut self.listens_first);
        match (&outcome, join) {
            (outcome, Some(reason)) => {
                self.joined(to, reason, outcome.as_ref().err());
            }
            (Ok(()), None) => {}
            (Err(err), None) => {
                tracing::debug!(component = "cluster", peer = %to, err, "push/pull failed");
            }
        }
        if listened {
            self.exchange(to, None);
        }
    }

    fn merge_push_pull(&mut self, now: Now, remote: &PushPull) {
        self.members.merge(now.elapsed, &remote.nodes);
        self.last_contact = Some(now.wall);
        if remote.user_state.is_empty() {
            return;
        }
        self.counters.full_states_received += 1;
        self.counters.full_state_bytes_received += remote.user_state.len() as u64;
        match FullState::decode(remote.user_state.clone()) {
            Ok(state) => {
                for part in state.parts {
                    self.merge_part(now, part);
                }
            }
            Err(err) => {
                tracing::warn!(component = "cluster", %err, "a peer's full state cannot be read");
            }
        }
    }

    /// A user message has arrived, by packet or stream: one `Part`.
    pub(super) fn handle_update(&mut self, now: Now, payload: Bytes) {
        self.counters.updates_received += 1;
        self.counters.update_bytes_received += payload.len() as u64;
        match Part::decode(payload) {
            Ok(part) => self.merge_part(now, part),
            Err(err) => tracing::warn!(component = "cluster", %err, "a peer's update cannot be read"),
        }
    }

    /// Takes the entries of a part that are newer than ours, each for itself. Small changes are passed on: not every
    /// member hears every rumour from its author.
    fn merge_part(&mut self, now: Now, part: Part) {
        let Some(key) = StateKey::from_wire(&part.key) else {
            tracing::warn!(
                component = "cluster",
                key = part.key,
                "a peer shares a state that is not known here"
            );
            return;
        };
        let passed_on = part.data.len() <= MAX_GOSSIP;
        for entry in decode_entries(key, part.data, self.options.check) {
            let merged = match entry {
                Ok(entry) => (self.replica(key).merge(now.wall, entry.clone()), entry),
                Err(err) => {
                    self.state_counters(key).refused += 1;
                    tracing::warn!(component = "cluster", key = %key, %err, "an entry of a peer was refused");
                    continue;
                }
            };
            match merged {
                (Merged::Changed, entry) => {
                    if passed_on {
                        self.state_counters(key).propagated += 1;
                        self.tell(now, &entry, Author::APeer);
                    }
                    self.outputs.push_back(Output::Changed(entry));
                }
                (Merged::Full, _) => self.state_counters(key).refused += 1,
                (Merged::Old | Merged::Expired, _) => {}
            }
        }
    }

    /// Tells every member of an entry. Alone there is nobody to tell: who comes gets the whole state.
    pub(super) fn tell(&mut self, now: Now, entry: &Entry, author: Author) {
        if self.is_alone() {
            return;
        }
        let mut data = BytesMut::new();
        push_entry(&mut data, &entry.bytes);
        let part: Bytes =
            Part { key: entry.key.as_str().to_owned(), data: data.freeze() }.encode_to_vec().into();
        match author {
            _ if part.len() > MAX_GOSSIP => self.send_oversize(now, entry.key, part),
            Author::Us => self.members.announce(part),
            Author::APeer => self.members.broadcast(part),
        }
    }

    /// Both states as a push/pull carries them, and what did not fit, in parts.
    fn full_state(&self) -> (Bytes, Vec<Bytes>) {
        let mut state = FullState::default();
        let mut rest = Vec::new();
        let mut room = self.options.max_full_state;
        for (key, replica) in &self.states {
            let mut runs = replica.encode(room, PIECE).into_iter();
            let key = key.as_str().to_owned();
            let first = runs.next().unwrap_or_default();
            room = room.saturating_sub(first.len());
            rest.extend(runs.map(|data| Bytes::from(Part { key: key.clone(), data }.encode_to_vec())));
            state.parts.push(Part { key, data: first });
        }
        (state.encode_to_vec().into(), rest)
    }

    fn queue_pieces(&mut self, to: SocketAddr, pieces: Vec<Bytes>) {
        if pieces.is_empty() || self.pieces.iter().any(|(waiting, _)| *waiting == to) {
            return;
        }
        self.pieces.extend(pieces.into_iter().map(|piece| (to, piece)));
        self.pieces.truncate(MAX_PIECES);
        self.next_piece();
    }
}
