//! The notification log.

use std::sync::Arc;

use super::sim::{START as NOW, labels, secs};
use crate::engine::{Nflog, alert_hash};
use crate::model::{IntegrationId, LogEntry, LogKey, Timestamp};

fn key(group: &str, index: u32) -> LogKey {
    let integration = IntegrationId { receiver: Arc::from("team"), kind: Arc::from("webhook"), index };
    LogKey { group_key: Arc::from(group), integration }
}

fn entry(timestamp: Timestamp, expires_at: Timestamp) -> LogEntry {
    LogEntry {
        timestamp,
        expires_at,
        firing: Arc::from([1]),
        resolved: Arc::from([]),
        receiver_data: None,
        from_peer: true,
    }
}

#[test]
fn keys_print_as_upstream_joins_them() {
    assert_eq!(key("{}:{a=\"b\"}", 2).to_string(), "{}:{a=\"b\"}:team/webhook/2");
}

#[test]
fn the_later_entry_wins_and_an_expired_one_is_ignored() {
    let mut nflog = Nflog::default();
    assert!(!nflog.merge(key("g", 0), entry(NOW, NOW - secs(1)), NOW));
    assert!(nflog.merge(key("g", 0), entry(NOW, NOW), NOW));
    assert!(!nflog.merge(key("g", 0), entry(NOW, NOW + secs(9)), NOW), "an equal one keeps the old");
    assert!(!nflog.merge(key("g", 0), entry(NOW - secs(1), NOW + secs(9)), NOW));
    assert!(nflog.merge(key("g", 0), entry(NOW + secs(1), NOW + secs(9)), NOW));
    assert!(nflog.merge(key("g", 1), entry(NOW, NOW + secs(5)), NOW));
    assert!(nflog.merge(key("f", 1), entry(NOW, NOW + secs(5)), NOW));
    assert_eq!(nflog.len(), 3);
    let keys: Vec<String> = nflog.sorted().iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, ["f:team/webhook/1", "g:team/webhook/0", "g:team/webhook/1"]);
}

#[test]
fn an_entry_counts_until_it_is_collected() {
    let mut nflog = Nflog::default();
    nflog.merge(key("g", 0), entry(NOW, NOW + secs(5)), NOW);
    nflog.merge(key("g", 1), entry(NOW, NOW + secs(6)), NOW);
    assert_eq!(nflog.gc(NOW + secs(4)), 0);
    assert_eq!(nflog.gc(NOW + secs(5)), 1);
    assert!(nflog.query("g", &key("g", 0).integration).is_none());
    assert!(nflog.query("g", &key("g", 1).integration).is_some());
    assert_eq!((nflog.queries, nflog.not_found, nflog.len()), (2, 1, 1));
}

#[test]
fn hashes_are_those_of_upstream() {
    // XXH64 of nothing is this number, whoever computes it.
    assert_eq!(alert_hash(&labels(&[])), 0xef46_db37_51d8_e999);
    let by_hand = xxhash_rust::xxh64::xxh64(b"a\xffb\xffc\xffd\xff", 0);
    assert_eq!(alert_hash(&labels(&[("c", "d"), ("a", "b")])), by_hand);
}
