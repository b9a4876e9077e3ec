//! The whole state as bytes.
//!
//! A snapshot is the text `tocsin`, a version, and sections: each a number, the length of its content, the content.
//! A section that this version does not know is skipped, so that going back one version keeps what that version
//! knows.
//!
//! | section | content |
//! |---|---|
//! | 1 clock | time of the last sweep, next alert id, last sequence |
//! | 2 books | the balance of destinations gone; number of destinations; each: destination, 1 if it is only drained, balance |
//! | 3 alerts | one after the other, by id: id, changed, newest, tag (1: ended, 2: no endsAt given), path, labels, annotations, generator URL, startsAt, endsAt, updatedAt, and one byte of durable flags for each destination of section 2 |
//!
//! Local delivery has sections of its own (`delivery_snapshot`).
//!
//! A balance is accepted, pending, the number of outcomes, and the count of each.

use std::io;
use std::sync::Arc;

use super::alerts::{Alerts, Stored};
use super::codec::{DecodeError, Reader, Writer};
use super::delivery_snapshot::{self, CONTACTS, DELIVERY};
use super::ledger::{Book, DURABLE, Ledger};
use super::local_delivery::LocalDelivery;
use super::record::{VERSION, push_destination, take_destination};
use crate::model::{Alert, AlertId, Balance, Change, Destination, Sequence, Timestamp};

const MAGIC: &[u8] = b"tocsin";
const CLOCK: u8 = 1;
const BOOKS: u8 = 2;
const ALERTS: u8 = 3;

/// Counts beyond this are damage; the sum of any that pass stays far from overflow.
const LARGEST_COUNT: u64 = 1 << 48;

const ENDED: u8 = 1;
const TIMEOUT: u8 = 2;

/// The state at one moment, to be encoded elsewhere: making one clones no text.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) swept: Timestamp,
    pub(super) next_id: u64,
    pub(super) sequence: Sequence,
    pub(super) gone: Balance,
    pub(super) books: Vec<(Destination, bool, Balance)>,
    pub(super) alerts: Vec<(Stored, Vec<u8>)>,
    pub(super) delivery: Vec<(u8, Vec<u8>)>,
}

impl Snapshot {
    pub(super) fn of(
        alerts: &Alerts,
        ledger: &Ledger,
        delivery: &LocalDelivery,
        swept: Timestamp,
        sequence: Sequence,
    ) -> Self {
        let stored = alerts.slots().map(|(slot, stored)| {
            let flags = ledger.books().iter().map(|book| book.durable_flags(slot)).collect();
            (stored.clone(), flags)
        });
        Self {
            swept,
            next_id: alerts.next_id(),
            sequence,
            gone: *ledger.gone(),
            books: ledger
                .books()
                .iter()
                .map(|book| (book.destination.clone(), book.draining, book.balance))
                .collect(),
            alerts: stored.collect(),
            delivery: delivery_snapshot::sections(delivery),
        }
    }

    /// Writes the snapshot.
    pub fn encode(mut self, out: &mut dyn io::Write) -> io::Result<()> {
        self.alerts.sort_unstable_by_key(|(stored, _)| stored.id);
        out.write_all(MAGIC)?;
        out.write_all(&[VERSION])?;
        let mut clock = Writer::default();
        clock.time(self.swept);
        clock.number(self.next_id);
        clock.number(self.sequence.0);
        write_section(out, CLOCK, &clock.bytes)?;
        let mut books = Writer::default();
        push_balance(&mut books, &self.gone);
        books.number(self.books.len() as u64);
        for (destination, draining, balance) in &self.books {
            push_destination(&mut books, destination);
            books.byte(u8::from(*draining));
            push_balance(&mut books, balance);
        }
        write_section(out, BOOKS, &books.bytes)?;
        // A section per thousand alerts: the whole state is never in memory twice.
        for alerts in self.alerts.chunks(1000) {
            let mut section = Writer::default();
            alerts.iter().for_each(|(stored, flags)| push_alert(&mut section, stored, flags));
            write_section(out, ALERTS, &section.bytes)?;
        }
        for (section, content) in &self.delivery {
            write_section(out, *section, content)?;
        }
        Ok(())
    }

    /// The snapshot as bytes.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let written = self.encode(&mut bytes);
        debug_assert!(written.is_ok());
        bytes
    }

    /// Reads a snapshot.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.fixed(MAGIC.len(), "beginning")? != MAGIC {
            return Err(DecodeError::Invalid("beginning"));
        }
        let version = reader.byte("version")?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let mut snapshot = Self {
            swept: Timestamp::ZERO,
            next_id: 1,
            sequence: Sequence(0),
            gone: Balance::default(),
            books: Vec::new(),
            alerts: Vec::new(),
            delivery: Vec::new(),
        };
        while !reader.is_empty() {
            let section = reader.byte("section")?;
            let bytes = reader.bytes("section")?;
            let mut content = Reader::new(bytes);
            match section {
                CLOCK => snapshot.take_clock(&mut content)?,
                BOOKS => snapshot.take_books(&mut content)?,
                ALERTS => snapshot.take_alerts(&mut content)?,
                DELIVERY..=CONTACTS => snapshot.delivery.push((section, bytes.to_vec())),
                _ => {}
            }
        }
        Ok(snapshot)
    }

    fn take_clock(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.swept = reader.time("time of the last sweep")?;
        self.next_id = reader.number("next id")?;
        self.sequence = Sequence(reader.number("sequence")?);
        if self.next_id >= u64::MAX / 2 || self.sequence.0 >= u64::MAX / 2 {
            return Err(DecodeError::Invalid("counter"));
        }
        Ok(())
    }

    fn take_books(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.gone = take_balance(reader)?;
        for _ in 0..reader.number("number of destinations")? {
            let destination = take_destination(reader)?;
            let draining = reader.byte("draining")? != 0;
            self.books.push((destination, draining, take_balance(reader)?));
        }
        Ok(())
    }

    fn take_alerts(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        while !reader.is_empty() {
            let stored = take_alert(reader)?;
            let flags = reader.fixed(self.books.len(), "flags")?;
            if flags.iter().any(|flags| flags & !DURABLE != 0) {
                return Err(DecodeError::Invalid("flag"));
            }
            self.alerts.push((stored, flags.to_vec()));
        }
        Ok(())
    }

    pub(super) fn into_parts(self) -> Result<(Alerts, Ledger, LocalDelivery), DecodeError> {
        let mut alerts = Alerts::default();
        let books = self.books.into_iter().map(|(destination, draining, balance)| {
            let mut book = Book::new(destination, balance);
            book.draining = draining;
            book
        });
        let mut books: Vec<Book> = books.collect();
        for (stored, flags) in self.alerts {
            if alerts.get(&stored.alert.labels).is_some() || alerts.get_by_id(stored.id).is_some() {
                return Err(DecodeError::Invalid("alert: it is there twice"));
            }
            let mut stored = stored;
            if let Some(alert) = Arc::get_mut(&mut stored.alert) {
                alerts.share_url(alert);
            }
            let slot = alerts.insert(stored);
            for (book, flags) in books.iter_mut().zip(flags) {
                book.set_flags(slot, flags);
            }
        }
        alerts.reserve_ids(self.next_id);
        for book in &mut books {
            book.recount();
        }
        let delivery = delivery_snapshot::restore(&self.delivery, &alerts)?;
        Ok((alerts, Ledger::restore(books, self.gone), delivery))
    }
}

fn write_section(out: &mut dyn io::Write, section: u8, content: &[u8]) -> io::Result<()> {
    let mut head = Writer::default();
    head.byte(section);
    head.number(content.len() as u64);
    out.write_all(&head.bytes)?;
    out.write_all(content)
}

pub(super) fn push_balance(writer: &mut Writer, balance: &Balance) {
    writer.number(balance.accepted);
    writer.number(balance.pending);
    writer.number(balance.outcomes.len() as u64);
    balance.outcomes.iter().for_each(|count| writer.number(*count));
}

pub(super) fn take_balance(reader: &mut Reader<'_>) -> Result<Balance, DecodeError> {
    let accepted = reader.number("balance")?;
    let pending = reader.number("balance")?;
    let mut balance = Balance { accepted, pending, ..Balance::default() };
    let count = reader.number("balance")?;
    for place in 0..count {
        let value = reader.number("balance")?;
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        *balance.outcomes.get_mut(place).ok_or(DecodeError::Invalid("outcome"))? = value;
    }
    let sum = balance.outcomes.iter().try_fold(balance.pending, |sum, count| sum.checked_add(*count));
    if sum != Some(balance.accepted) || balance.accepted >= LARGEST_COUNT {
        return Err(DecodeError::Invalid("balance"));
    }
    Ok(balance)
}

fn push_alert(writer: &mut Writer, stored: &Stored, flags: &[u8]) {
    let alert = &stored.alert;
    writer.number(stored.id.0);
    writer.number(stored.changed.0);
    writer.number(stored.newest.0);
    let ended = if stored.phase == Change::End { ENDED } else { 0 };
    writer.byte(ended | if alert.timeout { TIMEOUT } else { 0 });
    writer.text(stored.path.as_deref().unwrap_or_default());
    writer.labels(&alert.labels);
    writer.labels(&alert.annotations);
    writer.text(&alert.generator_url);
    writer.time(alert.starts_at);
    writer.time(alert.ends_at);
    writer.time(alert.updated_at);
    writer.bytes.extend_from_slice(flags);
}

fn take_alert(reader: &mut Reader<'_>) -> Result<Stored, DecodeError> {
    let id = AlertId(reader.number("id")?);
    let changed = Sequence(reader.number("sequence")?);
    let newest = Sequence(reader.number("sequence")?);
    if id.0 >= u64::MAX / 2 || newest.0 >= u64::MAX / 2 || changed > newest {
        return Err(DecodeError::Invalid("counter"));
    }
    let tag = reader.byte("tag")?;
    let path = reader.shared_text("path")?;
    let alert = Alert {
        labels: reader.labels("label set")?,
        annotations: reader.labels("annotations")?,
        generator_url: reader.shared_text("generator URL")?,
        starts_at: reader.time("startsAt")?,
        ends_at: reader.time("endsAt")?,
        updated_at: reader.time("updatedAt")?,
        timeout: tag & TIMEOUT != 0,
    };
    let phase = if tag & ENDED != 0 { Change::End } else { Change::Begin };
    let path = (!path.is_empty()).then_some(path);
    Ok(Stored { id, alert: Arc::new(alert), phase, changed, newest, path })
}
