//! The journal's form of what happens to local delivery: the kinds of record after those of `record`.
//!
//! | kind | then |
//! |---|---|
//! | 4 plan | the definition as JSON, as bytes; empty: there is none any longer |
//! | 5 silence | one or more versions, up to the end: silence, then until when it is kept (time) |
//! | 6 log entry | of a peer: key, entry |
//! | 7 finished | number of the delivery; 0 delivered: whether the integration changed its data (0, 1), key, entry; 1 retry: reason, error, 0 or 1 and the milliseconds to wait; 2 failed: reason, error; 3 and 4: as 1 and 2, but it may have been taken all the same |
//! | 8 cluster | position, whether it has settled (0, 1) |
//! | 9 clock | seconds and nanoseconds of the step, whether it went back (0, 1) |
//! | 10 started | as 8 |
//!
//! A silence is id, number of sets, each: number of matchers, each: type, name, value; startsAt, endsAt, updatedAt,
//! creator, comment, number of annotations, their keys and values, wire bytes (empty: none). A key is group key,
//! receiver, integration, index. An entry is timestamp, expiry, the hashes told as firing and as ended (each a number
//! of them, then eight bytes each), whether a peer told, and the receiver data: number of values plus one, or 0 for
//! none; each: key, then 0 text, 1 signed number, 2 eight bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smol_str::SmolStr;

use super::action::{ClockStep, Cluster};
use super::codec::{DecodeError, Reader, Writer};
use crate::model::{
    DeliveryId, DeliveryOutcome, FailureReason, IntegrationId, LogEntry, LogKey, MatchType, ReceiverData,
    ReceiverValue, Silence, SilenceMatcher, Timestamp,
};

pub(super) const PLAN: u8 = 4;
pub(super) const SILENCE: u8 = 5;
pub(super) const ENTRY: u8 = 6;
pub(super) const FINISHED: u8 = 7;
pub(super) const CLUSTER: u8 = 8;
pub(super) const CLOCK: u8 = 9;
pub(super) const STARTED: u8 = 10;

/// What the record of an attempt keeps of an error's text, in bytes.
const ERROR_LENGTH: usize = 512;

/// What a record of local delivery says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum DeliveryFact {
    /// A plan was applied: its definition.
    Plan(Vec<u8>),
    /// Versions of silences, with the end of their retention.
    Silences(Vec<(Silence, Timestamp)>),
    Entry(LogKey, LogEntry),
    Finished(DeliveryId, FinishedFact),
    Cluster(Cluster),
    Clock(ClockStep),
    Started(Cluster),
}

/// How an attempt ended, and what the log says since.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FinishedFact {
    /// The flag says that the integration changed its data, which is the entry's.
    Delivered(bool, LogKey, LogEntry),
    Failed(DeliveryOutcome),
}

/// Writes what follows the time of a record of this kind.
pub(super) fn push(writer: &mut Writer, fact: &DeliveryFact) {
    match fact {
        DeliveryFact::Plan(definition) => push_bytes(writer, definition),
        DeliveryFact::Silences(versions) => {
            for (silence, expires_at) in versions {
                push_silence(writer, silence);
                writer.time(*expires_at);
            }
        }
        DeliveryFact::Entry(key, entry) => {
            push_key(writer, key);
            push_entry(writer, entry);
        }
        DeliveryFact::Finished(delivery, finished) => {
            writer.number(delivery.0);
            push_finished(writer, finished);
        }
        DeliveryFact::Cluster(cluster) | DeliveryFact::Started(cluster) => push_cluster(writer, *cluster),
        DeliveryFact::Clock(step) => {
            push_duration(writer, step.by);
            writer.byte(u8::from(step.back));
        }
    }
}

/// The kind of the record that says this.
pub(super) fn kind(fact: &DeliveryFact) -> u8 {
    match fact {
        DeliveryFact::Plan(_) => PLAN,
        DeliveryFact::Silences(_) => SILENCE,
        DeliveryFact::Entry(..) => ENTRY,
        DeliveryFact::Finished(..) => FINISHED,
        DeliveryFact::Cluster(_) => CLUSTER,
        DeliveryFact::Clock(_) => CLOCK,
        DeliveryFact::Started(_) => STARTED,
    }
}

/// Reads what follows the time of a record of `kind`; `None` if the kind is not one of these.
pub(super) fn take(kind: u8, reader: &mut Reader<'_>) -> Result<Option<DeliveryFact>, DecodeError> {
    let fact = match kind {
        PLAN => DeliveryFact::Plan(reader.bytes("plan")?.to_vec()),
        SILENCE => {
            let mut versions = Vec::new();
            while !reader.is_empty() {
                versions.push((take_silence(reader)?, reader.time("expiry")?));
            }
            DeliveryFact::Silences(versions)
        }
        ENTRY => DeliveryFact::Entry(take_key(reader)?, take_entry(reader)?),
        FINISHED => DeliveryFact::Finished(DeliveryId(reader.number("delivery")?), take_finished(reader)?),
        CLUSTER => DeliveryFact::Cluster(take_cluster(reader)?),
        CLOCK => {
            let by = take_duration(reader)?;
            DeliveryFact::Clock(ClockStep { by, back: take_flag(reader)? })
        }
        STARTED => DeliveryFact::Started(take_cluster(reader)?),
        _ => return Ok(None),
    };
    Ok(Some(fact))
}

fn push_finished(writer: &mut Writer, finished: &FinishedFact) {
    match finished {
        FinishedFact::Delivered(changed, key, entry) => {
            writer.byte(0);
            writer.byte(u8::from(*changed));
            push_key(writer, key);
            push_entry(writer, entry);
        }
        FinishedFact::Failed(DeliveryOutcome::Retry { error, reason, in_doubt, after }) => {
            writer.byte(if *in_doubt { 3 } else { 1 });
            writer.byte(reason_number(*reason));
            writer.text(shortened(error));
            writer.byte(u8::from(after.is_some()));
            if let Some(after) = after {
                writer.number(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
            }
        }
        FinishedFact::Failed(DeliveryOutcome::Failed { error, reason, in_doubt }) => {
            writer.byte(if *in_doubt { 4 } else { 2 });
            writer.byte(reason_number(*reason));
            writer.text(shortened(error));
        }
        // A success is told with its log entry.
        FinishedFact::Failed(DeliveryOutcome::Delivered(_)) => {
            writer.byte(2);
            writer.byte(0);
            writer.text("");
        }
    }
}

fn take_finished(reader: &mut Reader<'_>) -> Result<FinishedFact, DecodeError> {
    let outcome = reader.byte("outcome")?;
    match outcome {
        0 => {
            let changed = take_flag(reader)?;
            Ok(FinishedFact::Delivered(changed, take_key(reader)?, take_entry(reader)?))
        }
        1..=4 => {
            let in_doubt = outcome > 2;
            let reason = FailureReason::ALL.get(usize::from(reader.byte("reason")?)).copied();
            let reason = reason.ok_or(DecodeError::Invalid("reason"))?;
            let error = reader.text("error")?.to_owned();
            let outcome = if outcome.is_multiple_of(2) {
                DeliveryOutcome::Failed { error, reason, in_doubt }
            } else {
                let after = take_flag(reader)?.then(|| reader.number("wait")).transpose()?;
                DeliveryOutcome::Retry { error, reason, in_doubt, after: after.map(Duration::from_millis) }
            };
            Ok(FinishedFact::Failed(outcome))
        }
        _ => Err(DecodeError::Invalid("outcome")),
    }
}

pub(super) fn reason_number(reason: FailureReason) -> u8 {
    FailureReason::ALL
        .iter()
        .position(|other| *other == reason)
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or_default()
}

pub(super) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(ERROR_LENGTH)]
}

pub(super) fn push_cluster(writer: &mut Writer, cluster: Cluster) {
    writer.number(u64::from(cluster.position));
    writer.byte(u8::from(cluster.settled));
}

pub(super) fn take_cluster(reader: &mut Reader<'_>) -> Result<Cluster, DecodeError> {
    let position = reader.number("position")?;
    let position = u32::try_from(position).map_err(|_too_large| DecodeError::Invalid("position"))?;
    Ok(Cluster { position, settled: take_flag(reader)? })
}

pub(super) fn take_flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.byte("flag")? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::Invalid("flag")),
    }
}

pub(super) fn push_bytes(writer: &mut Writer, bytes: &[u8]) {
    writer.number(bytes.len() as u64);
    writer.bytes.extend_from_slice(bytes);
}

fn push_duration(writer: &mut Writer, duration: Duration) {
    writer.number(duration.as_secs());
    writer.number(u64::from(duration.subsec_nanos()));
}

fn take_duration(reader: &mut Reader<'_>) -> Result<Duration, DecodeError> {
    let seconds = reader.number("duration")?;
    let nanos = u32::try_from(reader.number("duration")?).ok().filter(|nanos| *nanos < 1_000_000_000);
    nanos.map(|nanos| Duration::new(seconds, nanos)).ok_or(DecodeError::Invalid("duration"))
}

pub(super) fn push_silence(writer: &mut Writer, silence: &Silence) {
    writer.text(&silence.id);
    writer.number(silence.matcher_sets.len() as u64);
    for set in &silence.matcher_sets {
        writer.number(set.len() as u64);
        for matcher in set {
            writer.byte(matcher.kind as u8);
            writer.text(&matcher.name);
            writer.text(&matcher.value);
        }
    }
    writer.time(silence.starts_at);
    writer.time(silence.ends_at);
    writer.time(silence.updated_at);
    writer.text(&silence.created_by);
    writer.text(&silence.comment);
    writer.number(silence.annotations.len() as u64);
    for (key, value) in &silence.annotations {
        writer.text(key);
        writer.text(value);
    }
    push_bytes(writer, silence.wire.as_deref().unwrap_or_default());
}

pub(super) fn take_silence(reader: &mut Reader<'_>) -> Result<Silence, DecodeError> {
    let id = SmolStr::new(reader.text("silence")?);
    let mut matcher_sets = Vec::new();
    for _ in 0..reader.number("number of matcher sets")? {
        let mut set = Vec::new();
        for _ in 0..reader.number("number of matchers")? {
            let kind = match reader.byte("matcher")? {
                0 => MatchType::Equal,
                1 => MatchType::NotEqual,
                2 => MatchType::Regex,
                3 => MatchType::NotRegex,
                _ => return Err(DecodeError::Invalid("matcher")),
            };
            let name = SmolStr::new(reader.text("matcher")?);
            set.push(SilenceMatcher { kind, name, value: SmolStr::new(reader.text("matcher")?) });
        }
        matcher_sets.push(set);
    }
    let (starts_at, ends_at) = (reader.time("startsAt")?, reader.time("endsAt")?);
    let updated_at = reader.time("updatedAt")?;
    let created_by = reader.text("creator")?.to_owned();
    let comment = reader.text("comment")?.to_owned();
    let mut annotations = std::collections::BTreeMap::new();
    for _ in 0..reader.number("number of annotations")? {
        let key = reader.text("annotation")?.to_owned();
        annotations.insert(key, reader.text("annotation")?.to_owned());
    }
    let wire = reader.bytes("wire form")?;
    let wire = (!wire.is_empty()).then(|| Bytes::copy_from_slice(wire));
    Ok(Silence { id, matcher_sets, starts_at, ends_at, updated_at, created_by, comment, annotations, wire })
}

pub(super) fn push_integration(writer: &mut Writer, integration: &IntegrationId) {
    writer.text(&integration.receiver);
    writer.text(&integration.kind);
    writer.number(u64::from(integration.index));
}

pub(super) fn take_integration(reader: &mut Reader<'_>) -> Result<IntegrationId, DecodeError> {
    let receiver = reader.shared_text("receiver")?;
    let kind = reader.shared_text("integration")?;
    let index = reader.number("index")?;
    let index = u32::try_from(index).map_err(|_too_large| DecodeError::Invalid("index"))?;
    Ok(IntegrationId { receiver, kind, index })
}

pub(super) fn push_key(writer: &mut Writer, key: &LogKey) {
    writer.text(&key.group_key);
    push_integration(writer, &key.integration);
}

pub(super) fn take_key(reader: &mut Reader<'_>) -> Result<LogKey, DecodeError> {
    Ok(LogKey { group_key: reader.shared_text("group key")?, integration: take_integration(reader)? })
}

pub(super) fn push_entry(writer: &mut Writer, entry: &LogEntry) {
    writer.time(entry.timestamp);
    writer.time(entry.expires_at);
    for hashes in [&entry.firing, &entry.resolved] {
        writer.number(hashes.len() as u64);
        hashes.iter().for_each(|hash| writer.bytes.extend_from_slice(&hash.to_le_bytes()));
    }
    writer.byte(u8::from(entry.from_peer));
    push_receiver_data(writer, entry.receiver_data.as_deref());
}

pub(super) fn take_entry(reader: &mut Reader<'_>) -> Result<LogEntry, DecodeError> {
    let (timestamp, expires_at) = (reader.time("timestamp")?, reader.time("expiry")?);
    let (firing, resolved) = (take_hashes(reader)?, take_hashes(reader)?);
    let from_peer = take_flag(reader)?;
    let receiver_data = take_receiver_data(reader)?.map(Arc::new);
    Ok(LogEntry { timestamp, expires_at, firing, resolved, receiver_data, from_peer })
}

fn take_hashes(reader: &mut Reader<'_>) -> Result<Arc<[u64]>, DecodeError> {
    let count = usize::try_from(reader.number("number of hashes")?).ok();
    let length =
        count.and_then(|count| count.checked_mul(8)).ok_or(DecodeError::Invalid("number of hashes"))?;
    let (hashes, _) = reader.fixed(length, "hashes")?.as_chunks::<8>();
    Ok(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
}

pub(super) fn push_receiver_data(writer: &mut Writer, data: Option<&ReceiverData>) {
    let Some(data) = data else { return writer.number(0) };
    writer.number(data.len() as u64 + 1);
    for (key, value) in data {
        writer.text(key);
        match value {
            ReceiverValue::Text(text) => {
                writer.byte(0);
                writer.text(text);
            }
            ReceiverValue::Integer(number) => {
                writer.byte(1);
                writer.signed(*number);
            }
            ReceiverValue::Float(number) => {
                writer.byte(2);
                writer.bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
    }
}

pub(super) fn take_receiver_data(reader: &mut Reader<'_>) -> Result<Option<ReceiverData>, DecodeError> {
    let count = reader.number("number of values")?;
    if count == 0 {
        return Ok(None);
    }
    let mut data = ReceiverData::new();
    for _ in 1..count {
        let key = reader.text("receiver data")?.to_owned();
        let value = match reader.byte("receiver data")? {
            0 => ReceiverValue::Text(reader.text("receiver data")?.to_owned()),
            1 => ReceiverValue::Integer(reader.signed("receiver data")?),
            2 => {
                let bytes = reader.fixed(8, "receiver data")?;
                let bytes = bytes.try_into().map_err(|_short| DecodeError::Invalid("receiver data"))?;
                ReceiverValue::Float(f64::from_le_bytes(bytes))
            }
            _ => return Err(DecodeError::Invalid("receiver data")),
        };
        data.insert(key, value);
    }
    Ok(Some(data))
}
