//! How rumours travel: on packets of their own every gossip interval, on every probe and ack, and in push/pulls.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::{Membership, Node, Output, State};
use crate::gossip::wire::{
    COMPOUND_OVERHEAD, Message, PACKET_SIZE, PART_OVERHEAD, kind, label_overhead, seal,
};

/// The type byte in front of a payload.
const USER_OVERHEAD: usize = 1;
/// From this many nodes on, push/pulls become rarer.
const PUSH_PULL_SCALE: usize = 32;
/// To so many members a change is announced at once, in so many packets.
const MAX_ANNOUNCED_TO: usize = 64;
/// With so many rumours of state waiting, changes are not announced one by one.
const BURST: usize = 32;
/// The protocol from which on a node understands CRCs.
const CRC_PROTOCOL: u8 = 5;

impl Membership {
    /// Queues a payload (an encoded `Part`) for everybody.
    pub fn broadcast(&mut self, payload: Bytes) {
        self.user_rumours.push(None, payload);
    }

    /// Sends a payload to every member at once, besides queueing it. A rumour reaches everybody only probably, and
    /// whoever misses a log entry notifies again. In a burst, and in a large cluster, it is queued alone.
    pub fn announce(&mut self, payload: Bytes) {
        let members: Vec<(SocketAddr, bool)> =
            self.others().map(|node| (node.addr, Self::takes_crc(node))).collect();
        if members.len() <= MAX_ANNOUNCED_TO && self.user_rumours.len() < BURST {
            let message = [&[kind::USER], &payload[..]].concat();
            for (to, with_crc) in members {
                self.count_user_sent(payload.len());
                self.send_packet(to, std::slice::from_ref(&message), with_crc);
            }
        }
        self.broadcast(payload);
    }

    fn count_user_sent(&mut self, bytes: usize) {
        self.counters.user_sent += 1;
        self.counters.user_sent_bytes += bytes as u64;
    }

    /// Drops every payload that waits: there is nobody to send it to.
    pub fn clear_broadcasts(&mut self) {
        self.user_rumours.clear();
    }

    pub(super) fn spread(&mut self, subject: &str, message: &Message) {
        self.rumours.push(Some(subject), message.encode().into());
    }

    /// Sends `message` with rumours behind it as far as they fit.
    pub(super) fn send(&mut self, to: SocketAddr, message: &Message) {
        let message = message.encode();
        let room = self.room().saturating_sub(message.len());
        let mut messages = vec![message];
        messages.extend(self.fill(room, true));
        self.send_packet(to, &messages, false);
    }

    pub(super) fn send_packet(&mut self, to: SocketAddr, messages: &[Vec<u8>], with_crc: bool) {
        for packet in seal(messages, with_crc, &self.config.label) {
            self.outputs.push_back(Output::Packet { to, packet });
        }
    }

    pub(super) fn takes_crc(node: &Node) -> bool {
        node.newest_protocol() >= CRC_PROTOCOL
    }

    fn room(&self) -> usize {
        PACKET_SIZE - COMPOUND_OVERHEAD - label_overhead(&self.config.label)
    }

    /// Rumours for `room` bytes of a packet: those about members first, state with what is left.
    fn fill(&mut self, room: usize, with_state: bool) -> Vec<Vec<u8>> {
        let rumours = self.rumours.fill(PART_OVERHEAD, room, self.nodes.len());
        let mut messages: Vec<Vec<u8>> = rumours.iter().map(|rumour| rumour.to_vec()).collect();
        let used: usize = messages.iter().map(|message| message.len() + PART_OVERHEAD).sum();
        let left = room - used;
        if with_state && left > PART_OVERHEAD + USER_OVERHEAD && !self.user_rumours.is_empty() {
            let members = self.member_count();
            for payload in self.user_rumours.fill(PART_OVERHEAD + USER_OVERHEAD, left, members) {
                self.count_user_sent(payload.len());
                messages.push([&[kind::USER], &payload[..]].concat());
            }
        }
        messages
    }

    pub(super) fn gossip(&mut self, now: Duration) {
        if self.rumours.is_empty() && self.user_rumours.is_empty() {
            return;
        }
        let dead_time = self.config.gossip_to_the_dead;
        let eligible = |node: &Node| match node.state {
            State::Alive | State::Suspect => true,
            State::Dead => now.saturating_sub(node.changed) <= dead_time,
            State::Left => false,
        };
        for name in self.random_nodes(self.config.gossip_nodes, eligible) {
            let Some(node) = self.nodes.get(&name) else { continue };
            let (to, with_crc, is_member) = (node.addr, Self::takes_crc(node), node.state.is_member());
            // The dead are told what is said about them, so that they can refute. A rumour of state is sent only so
            // often, and would be wasted on them (Go does).
            let messages = self.fill(self.room(), is_member);
            if !messages.is_empty() {
                self.send_packet(to, &messages, with_crc);
            }
        }
    }

    /// Up to `count` nodes other than ourselves that `eligible` takes, in random order.
    pub(super) fn random_nodes(
        &mut self,
        count: usize,
        eligible: impl Fn(&Node) -> bool,
    ) -> Vec<std::sync::Arc<str>> {
        let mut names: Vec<_> = self
            .nodes
            .values()
            .filter(|node| node.name != self.name && eligible(node))
            .map(|node| node.name.clone())
            .collect();
        let count = count.min(names.len());
        for index in 0..count {
            let other = self.rng.usize(index..names.len());
            names.swap(index, other);
        }
        names.truncate(count);
        names
    }

    pub(super) fn push_pull_interval(&self) -> Duration {
        let nodes = self.nodes.len();
        if nodes <= PUSH_PULL_SCALE {
            return self.config.push_pull_interval;
        }
        let doublings = (nodes as f64).log2() - (PUSH_PULL_SCALE as f64).log2();
        self.config.push_pull_interval * (doublings.ceil() as u32 + 1)
    }

    pub(super) fn push_pull_tick(&mut self) {
        if self.leaving {
            return;
        }
        let chosen = self.random_nodes(1, |node| node.state == State::Alive);
        if let Some(node) = chosen.first().and_then(|name| self.nodes.get(name)) {
            self.outputs.push_back(Output::PushPull { to: node.addr });
        }
    }
}
