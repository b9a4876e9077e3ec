//! The journal's form of an event: facts that stand alone.
//!
//! A record is a version, a kind, the time of the event, and what the kind says. Numbers, texts and times are as
//! in `codec`.
//!
//! | kind | then |
//! |---|---|
//! | 1 alerts | the path (empty text: none), then entries up to the end |
//! | 2 destinations | the number of active ones, then of those being drained; after each number the destinations: sixteen bytes of the set's hash, URL |
//! | 3 outcomes | the destination; then up to the end: difference of the id to the one before (signed), the number of the outcome × 2, plus 1 for an end |
//! | 11 answer | the destination; the number of alerts whose begin it has taken again, each: difference of the id to the one before (signed); then as 3 |
//! | 12 contact lost | the destination |
//!
//! Local delivery has kinds of its own (`delivery_record`).
//!
//! An entry of kind 1 is a tag, the difference of its id to that of the entry before (signed), and what the tag
//! says, in this order:
//!
//! | bit | when set | when not |
//! |---|---|---|
//! | 1 | an unknown alert: labels, annotations, generator URL, startsAt | a known one, by its id |
//! | 2, 4 | endsAt: 2 = milliseconds after the record's time (signed), 4 = nanoseconds after it (signed) | a time |
//! | 8 | startsAt changed: a time | as stored |
//! | 16 | annotations changed: number of removed ones, their names; number of new or changed ones, their names and values | as stored |
//! | 32 | generator URL changed: a text | as stored |
//! | 64 | endsAt was not given by the sender | it was |
//!
//! So a repeat that moves `endsAt` costs a tag, an id and three bytes. Nothing in a record is relative to an earlier
//! record but the texts that a repeat leaves out: a damaged record costs itself and the alerts first named in it,
//! until they are pushed again.

use std::sync::Arc;

use super::codec::{DecodeError, Reader, Writer};
use super::delivery_record::{self, DeliveryFact};
use super::ledger::Settled;
use crate::model::{Alert, AlertId, Change, Destination, Outcome, Timestamp};

/// The newest version of records and snapshots; older ones are still read.
pub(super) const VERSION: u8 = 1;

const ALERTS: u8 = 1;
const DESTINATIONS: u8 = 2;
const OUTCOMES: u8 = 3;
const ANSWER: u8 = 11;
const CONTACT_LOST: u8 = 12;

const UNKNOWN: u8 = 1;
const ENDS_MILLIS: u8 = 2;
const ENDS_NANOS: u8 = 4;
const STARTS: u8 = 8;
const ANNOTATIONS: u8 = 16;
const GENERATOR: u8 = 32;
const TIMEOUT: u8 = 64;

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fact {
    Alerts {
        path: Option<Arc<str>>,
        entries: Vec<Entry>,
    },
    Destinations {
        active: Vec<Destination>,
        draining: Vec<Destination>,
    },
    Outcomes {
        destination: Destination,
        settled: Vec<Settled>,
    },
    /// Outcomes that prove, together with what was taken again, that begins were told.
    Answer {
        destination: Destination,
        again: Vec<AlertId>,
        settled: Vec<Settled>,
    },
    ContactLost(Destination),
    Delivery(DeliveryFact),
}

/// One state of an alerts record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    Unknown { id: AlertId, alert: Alert },
    Known { id: AlertId, ends_at: Timestamp, timeout: bool, changes: Changes },
}

/// What a repeat says beside its `endsAt`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Changes {
    pub(super) starts_at: Option<Timestamp>,
    pub(super) removed: Vec<Arc<str>>,
    pub(super) annotations: Vec<(Arc<str>, Arc<str>)>,
    pub(super) generator_url: Option<Arc<str>>,
}

impl Changes {
    /// The state that these changes make of the stored one.
    pub(super) fn apply(&self, stored: &Alert, ends_at: Timestamp, timeout: bool, now: Timestamp) -> Alert {
        let annotations = if self.removed.is_empty() && self.annotations.is_empty() {
            stored.annotations.clone()
        } else {
            let kept =
                stored.annotations.iter().filter(|(name, _)| !self.removed.iter().any(|r| **r == **name));
            let changed = self.annotations.iter().map(|(name, value)| (&**name, &**value));
            kept.chain(changed).collect()
        };
        Alert {
            labels: stored.labels.clone(),
            annotations,
            starts_at: self.starts_at.unwrap_or(stored.starts_at),
            ends_at,
            updated_at: now,
            generator_url: self.generator_url.clone().unwrap_or_else(|| Arc::clone(&stored.generator_url)),
            timeout,
        }
    }
}

/// Writes the record of one alerts event, entry by entry.
#[derive(Debug)]
pub(super) struct AlertsRecord {
    writer: Writer,
    now: Timestamp,
    last_id: u64,
    entries: usize,
}

impl AlertsRecord {
    pub(super) fn new(now: Timestamp, path: Option<&str>) -> Self {
        let mut writer = begin(ALERTS, now);
        writer.text(path.unwrap_or_default());
        Self { writer, now, last_id: 0, entries: 0 }
    }

    /// Adds a state; `stored` is the alert's state before it.
    pub(super) fn push(&mut self, id: AlertId, received: &Alert, stored: Option<&Alert>) {
        let (ends_tag, ends) = ends_relative(received.ends_at, self.now);
        let mut tag = ends_tag | if received.timeout { TIMEOUT } else { 0 };
        let place = self.writer.bytes.len();
        self.writer.byte(0);
        push_id(&mut self.writer, id, &mut self.last_id);
        self.entries += 1;
        let ends_at = |writer: &mut Writer| match ends_tag {
            0 => writer.time(received.ends_at),
            _ => writer.signed(ends),
        };
        if let Some(stored) = stored {
            ends_at(&mut self.writer);
            tag |= push_changes(&mut self.writer, received, stored);
        } else {
            tag |= UNKNOWN;
            self.writer.labels(&received.labels);
            self.writer.labels(&received.annotations);
            self.writer.text(&received.generator_url);
            self.writer.time(received.starts_at);
            ends_at(&mut self.writer);
        }
        self.writer.bytes[place] = tag;
    }

    /// The record, unless nothing was added.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        (self.entries > 0).then_some(self.writer.bytes)
    }
}

pub(super) fn destinations(now: Timestamp, active: &[Destination], draining: &[Destination]) -> Vec<u8> {
    let mut writer = begin(DESTINATIONS, now);
    for list in [active, draining] {
        writer.number(list.len() as u64);
        list.iter().for_each(|destination| push_destination(&mut writer, destination));
    }
    writer.bytes
}

pub(super) fn outcomes(now: Timestamp, destination: &Destination, settled: &[Settled]) -> Option<Vec<u8>> {
    if settled.is_empty() {
        return None;
    }
    let mut writer = begin(OUTCOMES, now);
    push_destination(&mut writer, destination);
    push_settled(&mut writer, settled);
    Some(writer.bytes)
}

pub(super) fn answer(
    now: Timestamp,
    destination: &Destination,
    again: &[AlertId],
    settled: &[Settled],
) -> Vec<u8> {
    let mut writer = begin(ANSWER, now);
    push_destination(&mut writer, destination);
    writer.number(again.len() as u64);
    let mut last_id = 0;
    again.iter().for_each(|id| push_id(&mut writer, *id, &mut last_id));
    push_settled(&mut writer, settled);
    writer.bytes
}

pub(super) fn contact_lost(now: Timestamp, destination: &Destination) -> Vec<u8> {
    let mut writer = begin(CONTACT_LOST, now);
    push_destination(&mut writer, destination);
    writer.bytes
}

pub(super) fn delivery(now: Timestamp, fact: &DeliveryFact) -> Vec<u8> {
    let mut writer = begin(delivery_record::kind(fact), now);
    delivery_record::push(&mut writer, fact);
    writer.bytes
}

/// Reads a record: when it happened and what it says.
pub(super) fn decode(record: &[u8]) -> Result<(Timestamp, Fact), DecodeError> {
    let mut reader = Reader::new(record);
    let version = reader.byte("version")?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let kind = reader.byte("kind")?;
    let now = reader.time("time")?;
    let fact = match kind {
        ALERTS => {
            let path = reader.shared_text("path")?;
            Fact::Alerts {
                path: (!path.is_empty()).then_some(path),
                entries: take_entries(&mut reader, now)?,
            }
        }
        DESTINATIONS => {
            let mut lists = [Vec::new(), Vec::new()];
            for list in &mut lists {
                for _ in 0..reader.number("number of destinations")? {
                    list.push(take_destination(&mut reader)?);
                }
            }
            let [active, draining] = lists;
            Fact::Destinations { active, draining }
        }
        OUTCOMES => {
            let destination = take_destination(&mut reader)?;
            Fact::Outcomes { destination, settled: take_settled(&mut reader)? }
        }
        ANSWER => {
            let destination = take_destination(&mut reader)?;
            let (mut again, mut last_id) = (Vec::new(), 0);
            for _ in 0..reader.number("number of begins taken again")? {
                again.push(take_id(&mut reader, &mut last_id)?);
            }
            Fact::Answer { destination, again, settled: take_settled(&mut reader)? }
        }
        CONTACT_LOST => Fact::ContactLost(take_destination(&mut reader)?),
        kind => {
            let fact = delivery_record::take(kind, &mut reader)?;
            Fact::Delivery(fact.ok_or(DecodeError::Kind(kind))?)
        }
    };
    if !reader.is_empty() {
        return Err(DecodeError::Invalid("length"));
    }
    Ok((now, fact))
}

/// Reads a record and says when it happened: a check that needs no engine.
pub fn decode_record(record: &[u8]) -> Result<Timestamp, DecodeError> {
    decode(record).map(|(now, _)| now)
}

fn begin(kind: u8, now: Timestamp) -> Writer {
    let mut writer = Writer::default();
    writer.byte(VERSION);
    writer.byte(kind);
    writer.time(now);
    writer
}

pub(super) fn push_destination(writer: &mut Writer, destination: &Destination) {
    writer.bytes.extend_from_slice(&destination.set);
    writer.text(&destination.url);
}

pub(super) fn take_destination(reader: &mut Reader<'_>) -> Result<Destination, DecodeError> {
    let set = reader.fixed(16, "hash of a set")?;
    let set = set.try_into().map_err(|_short| DecodeError::Truncated("hash of a set"))?;
    Ok(Destination { set, url: reader.shared_text("URL")? })
}

fn push_id(writer: &mut Writer, id: AlertId, last_id: &mut u64) {
    writer.signed(id.0.wrapping_sub(*last_id) as i64);
    *last_id = id.0;
}

fn push_settled(writer: &mut Writer, settled: &[Settled]) {
    let mut last_id = 0;
    for settled in settled {
        push_id(writer, settled.id, &mut last_id);
        writer.byte(settled.outcome.index() << 1 | u8::from(settled.change == Change::End));
    }
}

fn nanos(time: Timestamp) -> i128 {
    i128::from(time.unix_seconds()) * 1_000_000_000 + i128::from(time.subsec_nanos())
}

fn from_nanos(nanos: i128) -> Option<Timestamp> {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
    Some(Timestamp::from_unix(seconds, nanos.rem_euclid(1_000_000_000) as u32))
}

fn ends_relative(ends_at: Timestamp, now: Timestamp) -> (u8, i64) {
    let (ends, now) = (nanos(ends_at), nanos(now));
    let floor = now - now.rem_euclid(1_000_000);
    if (ends - floor) % 1_000_000 == 0
        && let Ok(millis) = i64::try_from((ends - floor) / 1_000_000)
    {
        return (ENDS_MILLIS, millis);
    }
    i64::try_from(ends - now).map_or((0, 0), |nanos| (ENDS_NANOS, nanos))
}

fn take_ends(reader: &mut Reader<'_>, tag: u8, now: Timestamp) -> Result<Timestamp, DecodeError> {
    let now = nanos(now);
    let ends = match tag & (ENDS_MILLIS | ENDS_NANOS) {
        0 => return reader.time("endsAt"),
        ENDS_MILLIS => now - now.rem_euclid(1_000_000) + i128::from(reader.signed("endsAt")?) * 1_000_000,
        ENDS_NANOS => now + i128::from(reader.signed("endsAt")?),
        _ => return Err(DecodeError::Invalid("tag")),
    };
    from_nanos(ends).ok_or(DecodeError::Invalid("endsAt"))
}

fn push_changes(writer: &mut Writer, received: &Alert, stored: &Alert) -> u8 {
    let mut tag = 0;
    if received.starts_at != stored.starts_at {
        tag |= STARTS;
        writer.time(received.starts_at);
    }
    if received.annotations != stored.annotations {
        tag |= ANNOTATIONS;
        let (new, old) = (&received.annotations, &stored.annotations);
        let removed = || old.iter().filter(|(name, _)| new.get(name).is_none());
        writer.number(removed().count() as u64);
        removed().for_each(|(name, _)| writer.text(name));
        let changed = || new.iter().filter(|(name, value)| old.get(name) != Some(value));
        writer.number(changed().count() as u64);
        for (name, value) in changed() {
            writer.text(name);
            writer.text(value);
        }
    }
    if received.generator_url != stored.generator_url {
        tag |= GENERATOR;
        writer.text(&received.generator_url);
    }
    tag
}

fn take_changes(reader: &mut Reader<'_>, tag: u8) -> Result<Changes, DecodeError> {
    let mut changes = Changes::default();
    if tag & STARTS != 0 {
        changes.starts_at = Some(reader.time("startsAt")?);
    }
    if tag & ANNOTATIONS != 0 {
        for _ in 0..reader.number("number of annotations")? {
            changes.removed.push(reader.shared_text("annotation")?);
        }
        for _ in 0..reader.number("number of annotations")? {
            changes.annotations.push((reader.shared_text("annotation")?, reader.shared_text("annotation")?));
        }
    }
    if tag & GENERATOR != 0 {
        changes.generator_url = Some(reader.shared_text("generator URL")?);
    }
    Ok(changes)
}

fn take_id(reader: &mut Reader<'_>, last_id: &mut u64) -> Result<AlertId, DecodeError> {
    *last_id = last_id.wrapping_add(reader.signed("id")? as u64);
    if *last_id >= u64::MAX / 2 {
        return Err(DecodeError::Invalid("id"));
    }
    Ok(AlertId(*last_id))
}

fn take_entries(reader: &mut Reader<'_>, now: Timestamp) -> Result<Vec<Entry>, DecodeError> {
    let mut entries = Vec::new();
    let mut last_id = 0;
    while !reader.is_empty() {
        let tag = reader.byte("tag")?;
        let id = take_id(reader, &mut last_id)?;
        let timeout = tag & TIMEOUT != 0;
        if tag & UNKNOWN == 0 {
            let ends_at = take_ends(reader, tag, now)?;
            let changes = take_changes(reader, tag)?;
            entries.push(Entry::Known { id, ends_at, timeout, changes });
            continue;
        }
        let labels = reader.labels("label set")?;
        let annotations = reader.labels("annotations")?;
        let generator_url = reader.shared_text("generator URL")?;
        let starts_at = reader.time("startsAt")?;
        let ends_at = take_ends(reader, tag, now)?;
        let alert =
            Alert { labels, annotations, starts_at, ends_at, updated_at: now, generator_url, timeout };
        entries.push(Entry::Unknown { id, alert });
    }
    Ok(entries)
}

fn take_settled(reader: &mut Reader<'_>) -> Result<Vec<Settled>, DecodeError> {
    let mut settled = Vec::new();
    let mut last_id = 0;
    while !reader.is_empty() {
        let id = take_id(reader, &mut last_id)?;
        let byte = reader.byte("outcome")?;
        let outcome = Outcome::from_index(byte >> 1).ok_or(DecodeError::Invalid("outcome"))?;
        let change = if byte & 1 == 1 { Change::End } else { Change::Begin };
        settled.push(Settled { id, change, outcome });
    }
    Ok(settled)
}
