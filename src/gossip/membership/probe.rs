//! Whether nodes answer: pings, pings through others, and the last try over TCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::timers::Timer;
use super::{Event, MAX_RELAYS, Membership, Output, State};
use crate::gossip::wire::{Accusation, Ack, IndirectPing, Message, Ping, addr_bytes, socket_addr};

/// From this protocol on, nodes answer pings over TCP.
const TCP_PING_PROTOCOL: u8 = 3;
/// From this protocol on, nodes say when a relayed ping failed.
const NACK_PROTOCOL: u8 = 4;

/// The probe under way: there is one at a time.
#[derive(Debug)]
pub(super) struct Probe {
    target: Arc<str>,
    ping: Ping,
    started: Duration,
    /// When it has failed, if nobody answers.
    end: Duration,
    /// Others have been asked, the own ping is late.
    indirect: bool,
    tcp_answered: bool,
    nacks_expected: u32,
    nacks: u32,
}

/// A ping that we send for another node.
#[derive(Debug)]
pub(super) struct Relay {
    requester: SocketAddr,
    /// The requester's number.
    seq: u32,
    nack: bool,
}

impl Membership {
    pub(super) fn probe_tick(&mut self, now: Duration) {
        if self.probe.is_some() {
            self.probe_due = true;
            return;
        }
        self.probe_due = false;
        if let Some(target) = self.next_target(now) {
            self.start_probe(now, target);
        }
    }

    /// The next node of the ring that can be probed. At its end the ring is cleared of those long gone and
    /// shuffled; a second end finds nobody.
    fn next_target(&mut self, now: Duration) -> Option<Arc<str>> {
        for _ in 0..=self.ring.len() {
            if self.ring_position >= self.ring.len() {
                self.reset_ring(now);
            }
            let name = self.ring.get(self.ring_position)?.clone();
            self.ring_position += 1;
            let alive = self.nodes.get(&name).is_some_and(|node| node.state.is_member());
            if alive && name != self.name {
                return Some(name);
            }
        }
        None
    }

    fn reset_ring(&mut self, now: Duration) {
        let dead_time = self.config.gossip_to_the_dead;
        self.nodes.retain(|_, node| !node.is_gone_for(dead_time, now));
        let (nodes, name) = (&self.nodes, &self.name);
        self.ring.retain(|known| nodes.contains_key(known));
        self.counters.alive_messages.retain(|known, _| nodes.contains_key(known) || known == name);
        self.rng.shuffle(&mut self.ring);
        self.ring_position = 0;
    }

    fn start_probe(&mut self, now: Duration, target: Arc<str>) {
        let Some(node) = self.nodes.get(&target) else { return };
        let (to, state, incarnation, with_crc) =
            (node.addr, node.state, node.incarnation, Self::takes_crc(node));
        let ping = self.own_ping(&target);
        let seq = ping.seq;
        let message = Message::Ping(ping.clone());
        let end = now + self.config.probe_interval * (self.awareness + 1);
        self.probe = Some(Probe {
            target: target.clone(),
            ping,
            started: now,
            end,
            indirect: false,
            tcp_answered: false,
            nacks_expected: 0,
            nacks: 0,
        });
        if state == State::Suspect {
            let suspect = Accusation { from: self.name.to_string(), incarnation, node: target.to_string() };
            self.send_packet(to, &[message.encode(), Message::Suspect(suspect).encode()], with_crc);
        } else {
            self.send(to, &message);
        }
        self.timers.set(now + self.config.probe_timeout.min(end - now), Timer::ProbeTimeout(seq));
        self.timers.set(end, Timer::ProbeEnd(seq));
    }

    fn own_ping(&mut self, target: &str) -> Ping {
        self.sequence = self.sequence.wrapping_add(1);
        Ping {
            node: target.to_owned(),
            seq: self.sequence,
            source_addr: addr_bytes(self.addr.ip()),
            source_port: self.addr.port(),
            source_node: self.name.to_string(),
        }
    }

    /// The node does not answer in time: others are asked, and TCP is tried.
    pub(super) fn probe_timed_out(&mut self, now: Duration, seq: u32) {
        let Some(probe) = self.probe.as_mut().filter(|probe| probe.ping.seq == seq) else { return };
        probe.indirect = true;
        let (target, ping, end) = (probe.target.clone(), probe.ping.clone(), probe.end);
        let Some(node) = self.nodes.get(&target) else { return };
        let (to, addr, newest) = (node.addr, node.addr_bytes.clone(), node.newest_protocol());
        let helpers = self.random_nodes(self.config.indirect_checks, |helper| {
            helper.state == State::Alive && helper.name != target
        });
        for helper in helpers {
            let Some(helper) = self.nodes.get(&helper) else { continue };
            let (helper_addr, nack) = (helper.addr, helper.newest_protocol() >= NACK_PROTOCOL);
            if let Some(probe) = &mut self.probe {
                probe.nacks_expected += u32::from(nack);
            }
            let indirect = IndirectPing {
                nack,
                node: target.to_string(),
                port: to.port(),
                seq,
                source_addr: ping.source_addr.clone(),
                source_port: ping.source_port,
                source_node: ping.source_node.clone(),
                target: addr.clone(),
            };
            self.send(helper_addr, &Message::IndirectPing(indirect));
        }
        if newest >= TCP_PING_PROTOCOL {
            self.outputs.push_back(Output::TcpPing { to, ping, timeout: end.saturating_sub(now) });
        }
    }

    /// A node has answered the TCP ping `seq`.
    pub fn handle_tcp_ack(&mut self, seq: u32) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.ping.seq == seq) {
            probe.tcp_answered = true;
        }
    }

    pub(super) fn probe_ended(&mut self, now: Duration, seq: u32) {
        let Some(probe) = self.probe.take_if(|probe| probe.ping.seq == seq) else { return };
        if probe.tcp_answered {
            self.adjust_awareness(-1);
            self.event(Event::OnlyTcp { name: probe.target });
        } else {
            self.counters.probes_failed += 1;
            let missed = probe.nacks_expected.saturating_sub(probe.nacks);
            self.adjust_awareness(if probe.nacks_expected > 0 { missed.into() } else { 1 });
            if let Some(incarnation) = self.nodes.get(&probe.target).map(|node| node.incarnation) {
                let (from, node) = (self.name.to_string(), probe.target.to_string());
                self.handle_suspect(now, &Accusation { from, incarnation, node });
            }
        }
        self.next_probe_if_due(now);
    }

    fn next_probe_if_due(&mut self, now: Duration) {
        if self.probe_due {
            self.probe_tick(now);
        }
    }

    pub(super) fn handle_ack(&mut self, now: Duration, seq: u32) {
        if let Some(probe) = self.probe.take_if(|probe| probe.ping.seq == seq && now <= probe.end) {
            self.adjust_awareness(-1);
            if !probe.indirect {
                self.event(Event::Acked { name: probe.target, after: now.saturating_sub(probe.started) });
            }
            self.next_probe_if_due(now);
        } else if let Some(relay) = self.relays.remove(&seq) {
            self.send(relay.requester, &Message::Ack(Ack { payload: None, seq: relay.seq }));
        }
    }

    pub(super) fn handle_nack(&mut self, seq: u32) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.ping.seq == seq) {
            probe.nacks += 1;
        }
    }

    pub(super) fn handle_ping(&mut self, from: SocketAddr, ping: &Ping) {
        if !ping.node.is_empty() && *ping.node != *self.name {
            tracing::debug!(component = "cluster", peer = %from, node = ping.node, "ping for another node");
            return;
        }
        let to = answer_to(from, &ping.source_addr, ping.source_port);
        self.send(to, &Message::Ack(Ack { payload: Some(Vec::new()), seq: ping.seq }));
    }

    pub(super) fn handle_indirect_ping(&mut self, now: Duration, from: SocketAddr, request: &IndirectPing) {
        let port = if request.port == 0 { self.addr.port() } else { request.port };
        let Some(target) = socket_addr(&request.target, port) else { return };
        if self.relays.len() >= MAX_RELAYS {
            return;
        }
        let ping = self.own_ping(&request.node);
        let requester = answer_to(from, &request.source_addr, request.source_port);
        self.relays.insert(ping.seq, Relay { requester, seq: request.seq, nack: request.nack });
        self.timers.set(now + self.config.probe_timeout, Timer::Relay(ping.seq));
        self.send(target, &Message::Ping(ping));
    }

    pub(super) fn relay_timed_out(&mut self, seq: u32) {
        if let Some(relay) = self.relays.remove(&seq)
            && relay.nack
        {
            self.send(relay.requester, &Message::Nack(relay.seq));
        }
    }
}

/// Where an answer goes: where the message says, else where it came from.
fn answer_to(from: SocketAddr, addr: &[u8], port: u16) -> SocketAddr {
    match socket_addr(addr, port) {
        Some(source) if port != 0 => source,
        _ => from,
    }
}
