//! The transmit-limited queue: rumours that ride on packets until each has been sent often enough.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

/// What orders the queue: fewest transmissions first, then the longest, then the newest.
type Order = (u32, Reverse<usize>, Reverse<u64>);

/// A bounded queue of rumours. A full queue loses the rumour that was sent most often, the shortest of these first.
#[derive(Debug)]
pub struct BroadcastQueue {
    entries: BTreeMap<Order, Entry>,
    /// The place of each rumour that replaces an older one about the same subject.
    subjects: HashMap<String, Order>,
    next_id: u64,
    multiplier: u32,
    capacity: usize,
    pruned: u64,
}

#[derive(Debug)]
struct Entry {
    subject: Option<String>,
    message: Bytes,
}

impl BroadcastQueue {
    /// A queue whose rumours are sent `multiplier` times the logarithm of the size of the cluster, and which holds
    /// at most `capacity` of them.
    #[must_use]
    pub fn new(multiplier: u32, capacity: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            subjects: HashMap::new(),
            next_id: 0,
            multiplier,
            capacity,
            pruned: 0,
        }
    }

    /// How often a rumour is sent in a cluster of `nodes`.
    #[must_use]
    pub fn transmit_limit(&self, nodes: usize) -> u32 {
        self.multiplier * ((nodes + 1) as f64).log10().ceil() as u32
    }

    /// Adds a rumour. With a subject it replaces the one about the same subject.
    pub fn push(&mut self, subject: Option<&str>, message: Bytes) {
        if let Some(order) = subject.and_then(|subject| self.subjects.remove(subject)) {
            self.entries.remove(&order);
        }
        self.next_id += 1;
        let order = (0, Reverse(message.len()), Reverse(self.next_id));
        self.insert(order, Entry { subject: subject.map(str::to_owned), message });
        while self.entries.len() > self.capacity {
            let Some((_, entry)) = self.entries.pop_last() else { return };
            if let Some(subject) = entry.subject {
                self.subjects.remove(&subject);
            }
            self.pruned += 1;
        }
    }

    fn insert(&mut self, order: Order, entry: Entry) {
        if let Some(subject) = &entry.subject {
            self.subjects.insert(subject.clone(), order);
        }
        self.entries.insert(order, entry);
    }

    /// Rumours for one packet: as many as fit into `limit` bytes with `overhead` for each, in the queue's order;
    /// `nodes` is the size of the cluster. One that has now been sent often enough leaves the queue.
    pub fn fill(&mut self, overhead: usize, limit: usize, nodes: usize) -> Vec<Bytes> {
        let transmit_limit = self.transmit_limit(nodes);
        let mut left = limit;
        let mut messages = Vec::new();
        let mut sent = Vec::new();
        let mut from: Order = (0, Reverse(usize::MAX), Reverse(u64::MAX));
        // Within a tier of equal transmissions the entries stand by length, so the next that fits is found by
        // skipping to its length; then comes the next tier.
        while let Some((&order, _)) = self.entries.range(from..).next() {
            let (tier, Reverse(length), Reverse(id)) = order;
            if length + overhead > left {
                from = match left.checked_sub(overhead) {
                    Some(room) if room > 0 && room < length => (tier, Reverse(room), Reverse(u64::MAX)),
                    _ => (tier + 1, Reverse(usize::MAX), Reverse(u64::MAX)),
                };
                if left <= overhead {
                    break;
                }
                continue;
            }
            let Some(entry) = self.entries.remove(&order) else { break };
            left -= length + overhead;
            messages.push(entry.message.clone());
            if let Some(subject) = &entry.subject {
                self.subjects.remove(subject);
            }
            if tier + 1 < transmit_limit {
                sent.push(((tier + 1, Reverse(length), Reverse(id)), entry));
            }
            from = order;
        }
        for (order, entry) in sent {
            self.insert(order, entry);
        }
        messages
    }

    /// Whether a rumour about `subject` still waits to be sent.
    #[must_use]
    pub fn contains(&self, subject: &str) -> bool {
        self.subjects.contains_key(subject)
    }

    /// How many rumours wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many rumours were lost because the queue was full.
    #[must_use]
    pub fn pruned(&self) -> u64 {
        self.pruned
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.subjects.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(messages: Vec<Bytes>) -> Vec<String> {
        messages.iter().map(|message| String::from_utf8_lossy(message).into_owned()).collect()
    }

    #[test]
    fn the_least_sent_then_the_longest_then_the_newest_goes_first() {
        let mut queue = BroadcastQueue::new(2, 100);
        queue.push(None, Bytes::from_static(b"aa"));
        queue.push(None, Bytes::from_static(b"bb"));
        queue.push(None, Bytes::from_static(b"cccc"));
        assert_eq!(texts(queue.fill(2, 10, 2)), ["cccc", "bb"]);
        queue.push(None, Bytes::from_static(b"d"));
        assert_eq!(texts(queue.fill(2, 100, 2)), ["aa", "d", "cccc", "bb"]);
        assert_eq!(texts(queue.fill(2, 100, 2)), ["aa", "d"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_does_not_fit_lets_shorter_ones_pass() {
        let mut queue = BroadcastQueue::new(1, 100);
        for message in ["aaaaaaaa", "bbbbb", "ccc", "d"] {
            queue.push(None, Bytes::from_static(message.as_bytes()));
        }
        assert_eq!(texts(queue.fill(2, 9, 2)), ["bbbbb"]);
        assert_eq!(texts(queue.fill(2, 9, 2)), ["ccc", "d"]);
        assert_eq!(texts(queue.fill(2, 9, 2)), Vec::<String>::new());
        assert_eq!(texts(queue.fill(2, 10, 2)), ["aaaaaaaa"]);
        assert_eq!(queue.fill(2, 0, 2).len(), 0);
    }

    #[test]
    fn the_table_of_transmissions() {
        let membership = BroadcastQueue::new(4, 1);
        let user = BroadcastQueue::new(3, 1);
        for (nodes, expected) in [(1, (4, 3)), (9, (4, 3)), (10, (8, 6)), (99, (8, 6)), (100, (12, 9))] {
            assert_eq!((membership.transmit_limit(nodes), user.transmit_limit(nodes)), expected, "{nodes}");
        }
    }

    #[test]
    fn a_rumour_replaces_the_older_one_about_its_subject() {
        let mut queue = BroadcastQueue::new(4, 100);
        queue.push(Some("n"), Bytes::from_static(b"suspect"));
        assert_eq!(queue.fill(0, 100, 1).len(), 1);
        queue.push(Some("n"), Bytes::from_static(b"alive"));
        assert!(queue.contains("n"));
        for _ in 0..4 {
            assert_eq!(texts(queue.fill(0, 100, 1)), ["alive"]);
        }
        assert!(!queue.contains("n"));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_queue_loses_what_was_sent_most() {
        let mut queue = BroadcastQueue::new(4, 2);
        queue.push(None, Bytes::from_static(b"old"));
        queue.fill(0, 100, 1);
        queue.push(None, Bytes::from_static(b"b"));
        queue.push(None, Bytes::from_static(b"cc"));
        assert_eq!((queue.len(), queue.pruned()), (2, 1));
        assert_eq!(texts(queue.fill(0, 100, 1)), ["cc", "b"]);
    }
}
