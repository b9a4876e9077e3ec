//! What rumours about nodes do: alive, suspect, dead, and the refutation of those about ourselves.

use std::time::Duration;

use super::node::{address, is_compatible};
use super::suspicion::Suspicion;
use super::timers::Timer;
use super::{Event, Membership, Node, State};
use crate::gossip::wire::{Accusation, Alive, Message, NodeState};

impl Membership {
    /// Applies an alive message; `bootstrap` is our own first one.
    pub(super) fn handle_alive(&mut self, now: Duration, alive: &Alive, bootstrap: bool) {
        let is_self = *alive.node == *self.name;
        if is_self && self.leaving {
            return;
        }
        let acceptable = is_compatible(&alive.versions) && alive.incarnation > 0 && !alive.node.is_empty();
        let Some(addr) = address(alive, self.addr.port()).filter(|_| acceptable) else {
            self.counters.nodes_refused += 1;
            return;
        };
        if !self.nodes.contains_key(alive.node.as_str()) {
            if self.nodes.len() >= self.config.max_nodes {
                self.counters.nodes_refused += 1;
                return;
            }
            self.add(Node::unknown(alive, addr, now));
        }
        let Some(node) = self.nodes.get_mut(alive.node.as_str()) else { return };
        *self.counters.alive_messages.entry(node.name.clone()).or_default() += 1;
        let moved = node.addr_bytes != alive.addr || node.addr.port() != addr.port();
        if moved && node.state != State::Left {
            self.counters.name_conflicts += 1;
            let (name, known) = (node.name.clone(), node.addr);
            self.event(Event::Conflict { name, known, other: addr });
            return;
        }
        let is_old = if is_self {
            alive.incarnation < node.incarnation
        } else {
            alive.incarnation <= node.incarnation && !moved
        };
        if is_old {
            return;
        }
        node.suspicion = None;
        let meta = alive.meta.as_deref().unwrap_or_default();
        if is_self && !bootstrap {
            if alive.incarnation != node.incarnation || node.meta != meta || node.versions != alive.versions {
                self.refute(alive.incarnation, State::Alive);
            }
            return;
        }
        let was = node.state;
        let again = node.incarnation > 0;
        let updated = node.meta != meta;
        node.incarnation = alive.incarnation;
        node.meta = meta.to_vec();
        node.addr_bytes.clone_from(&alive.addr);
        node.addr = addr;
        node.versions.clone_from(&alive.versions);
        node.set_state(State::Alive, now);
        let name = node.name.clone();
        self.spread(&name, &Message::Alive(alive.clone()));
        if !was.is_member() {
            self.event(Event::Joined { name, addr, again });
        } else if updated {
            self.event(Event::Updated { name });
        }
    }

    /// Puts a node that was unknown at a random place of the ring.
    fn add(&mut self, node: Node) {
        self.ring.push(node.name.clone());
        let (last, other) = (self.ring.len() - 1, self.rng.usize(..self.ring.len()));
        self.ring.swap(last, other);
        self.nodes.insert(node.name.clone(), node);
    }

    /// Applies a suspicion, be it a rumour or our own failed probe.
    pub(super) fn handle_suspect(&mut self, now: Duration, accusation: &Accusation) {
        let nodes = self.nodes.len();
        let Some(node) = self.nodes.get_mut(accusation.node.as_str()) else { return };
        if accusation.incarnation < node.incarnation {
            return;
        }
        let name = node.name.clone();
        if let Some(suspicion) = &mut node.suspicion {
            if suspicion.confirm(&accusation.from) {
                let deadline = suspicion.deadline();
                self.timers.set(deadline.max(now), Timer::Suspicion(name.clone()));
                self.spread(&name, &Message::Suspect(accusation.clone()));
            }
            return;
        }
        if node.state != State::Alive {
            return;
        }
        if name == self.name {
            self.refute(accusation.incarnation, State::Suspect);
            return;
        }
        let config = &self.config;
        let timing = (config.suspicion_multiplier, config.suspicion_max_multiplier, config.probe_interval);
        let suspicion = Suspicion::new(now, &accusation.from, accusation.incarnation, nodes, timing);
        self.timers.set(suspicion.deadline(), Timer::Suspicion(name.clone()));
        node.incarnation = accusation.incarnation;
        node.suspicion = Some(suspicion);
        node.set_state(State::Suspect, now);
        self.spread(&name, &Message::Suspect(accusation.clone()));
        self.event(Event::Suspected { name, from: accusation.from.clone() });
    }

    pub(super) fn suspicion_ended(&mut self, now: Duration, name: &str) {
        let Some(node) = self.nodes.get(name) else { return };
        let Some(suspicion) = node.suspicion.as_ref().filter(|suspicion| suspicion.deadline() <= now) else {
            return;
        };
        let incarnation = suspicion.incarnation;
        let (from, node) = (self.name.to_string(), name.to_owned());
        self.handle_dead(now, &Accusation { from, incarnation, node });
    }

    /// Applies the news that a node is dead, or, where it says so itself, that it has left.
    pub(super) fn handle_dead(&mut self, now: Duration, accusation: &Accusation) {
        let Some(node) = self.nodes.get_mut(accusation.node.as_str()) else { return };
        if accusation.incarnation < node.incarnation {
            return;
        }
        node.suspicion = None;
        if !node.state.is_member() {
            return;
        }
        let gracefully = accusation.node == accusation.from;
        let state = if gracefully { State::Left } else { State::Dead };
        let (name, addr) = (node.name.clone(), node.addr);
        if name == self.name && !self.leaving {
            self.refute(accusation.incarnation, state);
            return;
        }
        node.incarnation = accusation.incarnation;
        node.set_state(state, now);
        self.spread(&name, &Message::Dead(accusation.clone()));
        self.event(Event::Left { name, addr, gracefully });
    }

    pub(super) fn declare_own_leave(&mut self, now: Duration) {
        let name = self.name.to_string();
        self.handle_dead(now, &Accusation { from: name.clone(), incarnation: self.incarnation, node: name });
    }

    /// Outbids what is said about us.
    fn refute(&mut self, accused: u32, accusation: State) {
        self.incarnation = self.incarnation.max(accused).saturating_add(1);
        self.adjust_awareness(1);
        let Some(node) = self.nodes.get_mut(&self.name) else { return };
        node.incarnation = self.incarnation;
        let (name, alive) = (node.name.clone(), node.alive());
        self.spread(&name, &Message::Alive(alive));
        self.event(Event::Refuted { accusation, incarnation: self.incarnation });
    }

    /// Applies what another node thinks of a node. That it is dead makes it no more than a suspect here.
    pub(super) fn handle_remote_state(&mut self, now: Duration, remote: &NodeState) {
        let node = remote.alive.node.clone();
        let accuse =
            |from: String| Accusation { from, incarnation: remote.alive.incarnation, node: node.clone() };
        match State::from_wire(remote.state) {
            Some(State::Alive) => self.handle_alive(now, &remote.alive, false),
            Some(State::Left) => self.handle_dead(now, &accuse(node.clone())),
            Some(State::Suspect | State::Dead) => self.handle_suspect(now, &accuse(self.name.to_string())),
            None => self.counters.nodes_refused += 1,
        }
    }
}
