//! Local delivery in a snapshot: the sections after those of `snapshot`.
//!
//! | section | content |
//! |---|---|
//! | 4 delivery | cluster (position, settled), next delivery, next serial of a group, start and maintenance times (each 0, or 1 and a time), balance |
//! | 5 plan | its definition as JSON |
//! | 6 silences | one after the other, by the order in which they were first heard of: silence, until when it is kept |
//! | 7 log | one after the other, by key: key, entry |
//! | 8 groups | one after the other, by serial |
//! | 9 fallback | the changes that are held back, by when their time comes: alert, 0 begin or 1 end, time; then those in doubt: alert, 2 |
//! | 10 contacts | one Alertmanager after the other: destination, number of alerts whose begin it took and may not have told, each: id, from when on an answer proves it |
//!
//! A group is serial; tag (1: has a route, 2: admitted, 4: next flush, 8: flush at work); the route's place, or route
//! key, route id and options as JSON; labels; next flush; the names of the intervals that mute it; its members: number
//! of them, each: id, pending, told, doubtful, state; the flush.
//!
//! A flush is tick, deadline, phase, options as JSON (empty: the group's); its alerts: number of them, each: id, hash,
//! tag (1: ended, 2: told), updatedAt, pending, the number of the suppression plus one, or 0; its runs: number of them,
//! each: integration, tag (1: wants ends, 2: in doubt), bit plus one, state (0 waiting, 1 in flight, 2 back-off, 3 failed, 4 done),
//! until when, reason, delivery, attempts, started, receiver data, 0 or 1 and the last error with its reason.

use std::collections::HashMap;
use std::sync::Arc;

use super::alerts::Alerts;
use super::codec::{DecodeError, Reader, Writer};
use super::contact::Contacts;
use super::delivery_record::{
    push_bytes, push_cluster, push_entry, push_integration, push_key, push_receiver_data, push_silence,
    reason_number, shortened, take_cluster, take_entry, take_flag, take_integration, take_key,
    take_receiver_data, take_silence,
};
use super::dispatch::{AggregationGroup, Member};
use super::fallback::Fallback;
use super::flush::{Flush, FlushAlert, Phase, Run, RunState};
use super::inhibit::Inhibitor;
use super::local_delivery::LocalDelivery;
use super::marker::{AlertState, GroupMarker};
use super::nflog::alert_hash;
use super::plan::{Plan, PlannedReceiver};
use super::route::{RouteOptions, group_key};
use super::snapshot::{push_balance, take_balance};
use crate::model::{AlertId, DeliveryId, FailureReason, NotificationReason, Outcome, Suppression, Timestamp};

pub(super) const DELIVERY: u8 = 4;
pub(super) const PLAN: u8 = 5;
pub(super) const SILENCES: u8 = 6;
pub(super) const LOG: u8 = 7;
pub(super) const GROUPS: u8 = 8;
pub(super) const FALLBACK: u8 = 9;
pub(super) const CONTACTS: u8 = 10;

const ROUTED: u8 = 1;
const ADMITTED: u8 = 2;
const NEXT_FLUSH: u8 = 4;
const FLUSH: u8 = 8;

const REASONS: [NotificationReason; 6] = [
    NotificationReason::None,
    NotificationReason::FirstNotification,
    NotificationReason::NewAlertsAdded,
    NotificationReason::SomeAlertsResolved,
    NotificationReason::AllAlertsResolved,
    NotificationReason::RepeatIntervalElapsed,
];

/// The sections of local delivery, each with its number. They are written at once: a group in bytes is smaller than
/// a copy of it.
pub(super) fn sections(delivery: &LocalDelivery) -> Vec<(u8, Vec<u8>)> {
    let mut state = Writer::default();
    push_cluster(&mut state, delivery.cluster);
    state.number(delivery.next_delivery);
    state.number(delivery.dispatcher.next_serial);
    push_optional_time(&mut state, delivery.started_at);
    push_optional_time(&mut state, delivery.maintenance_at);
    push_balance(&mut state, &delivery.balance);
    let mut sections = vec![(DELIVERY, state.bytes)];
    if let Some(plan) = &delivery.plan {
        sections.push((PLAN, plan.encode()));
    }
    let mut silences = Writer::default();
    for (silence, expires_at) in delivery.silences.iter() {
        push_silence(&mut silences, silence);
        silences.time(expires_at);
    }
    sections.push((SILENCES, silences.bytes));
    let mut log = Writer::default();
    for (key, entry) in delivery.nflog.sorted() {
        push_key(&mut log, &key);
        push_entry(&mut log, entry);
    }
    sections.push((LOG, log.bytes));
    let mut groups = Writer::default();
    for group in delivery.dispatcher.groups() {
        push_group(&mut groups, group);
    }
    sections.push((GROUPS, groups.bytes));
    sections.push((FALLBACK, delivery.fallback.encode()));
    sections.push((CONTACTS, delivery.fallback.contacts.encode()));
    sections
}

/// Puts local delivery together again from its sections and the store.
pub(super) fn restore(sections: &[(u8, Vec<u8>)], alerts: &Alerts) -> Result<LocalDelivery, DecodeError> {
    let mut delivery = LocalDelivery::default();
    for (number, content) in sections {
        let mut reader = Reader::new(content);
        match *number {
            DELIVERY => take_state(&mut delivery, &mut reader)?,
            PLAN => take_plan(&mut delivery, content, alerts),
            SILENCES => {
                while !reader.is_empty() {
                    let silence = take_silence(&mut reader)?;
                    delivery.silences.merge(silence, reader.time("expiry")?, Timestamp::ZERO);
                }
            }
            LOG => {
                while !reader.is_empty() {
                    let key = take_key(&mut reader)?;
                    delivery.nflog.merge(key, take_entry(&mut reader)?, Timestamp::ZERO);
                }
            }
            GROUPS => take_groups(&mut delivery, &mut reader, alerts)?,
            FALLBACK => delivery.fallback = Fallback::decode(&mut reader)?,
            CONTACTS => delivery.fallback.contacts = Contacts::decode(&mut reader)?,
            _ => {}
        }
    }
    Ok(delivery)
}

fn take_state(delivery: &mut LocalDelivery, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    delivery.cluster = take_cluster(reader)?;
    delivery.next_delivery = reader.number("delivery")?;
    delivery.dispatcher.next_serial = reader.number("serial")?;
    if delivery.next_delivery >= u64::MAX / 2 || delivery.dispatcher.next_serial >= u64::MAX / 2 {
        return Err(DecodeError::Invalid("counter"));
    }
    delivery.started_at = take_optional_time(reader)?;
    delivery.maintenance_at = take_optional_time(reader)?;
    delivery.balance = take_balance(reader)?;
    Ok(())
}

/// A plan that this version does not understand is left out: the groups are made anew by the plan of the next
/// start, and the log keeps them from telling twice.
fn take_plan(delivery: &mut LocalDelivery, definition: &[u8], alerts: &Alerts) {
    let Ok(definition) = Plan::decode(definition) else { return };
    let Ok(plan) = Plan::new(definition) else { return };
    delivery.inhibitor = Inhibitor::new(&plan);
    for stored in alerts.iter() {
        delivery.inhibitor.update(&plan, stored.id, &stored.alert);
    }
    delivery.plan = Some(Arc::new(plan));
}

fn take_groups(
    delivery: &mut LocalDelivery,
    reader: &mut Reader<'_>,
    alerts: &Alerts,
) -> Result<(), DecodeError> {
    let Some(plan) = delivery.plan.clone() else { return Ok(()) };
    while !reader.is_empty() {
        let group = take_group(reader, &plan, alerts)?;
        if group.serial >= delivery.dispatcher.next_serial {
            return Err(DecodeError::Invalid("serial"));
        }
        let strays = belongs_elsewhere(&plan, &group);
        let flying: Vec<(u8, DeliveryId)> = group.flush.iter().flat_map(|flush| in_flight(flush)).collect();
        let slot = delivery.dispatcher.place(Box::new(group));
        for id in strays {
            delivery.dispatcher.add_stray(id, slot);
        }
        delivery.in_flight.extend(flying.into_iter().map(|(place, id)| (id, (slot, place))));
    }
    Ok(())
}

fn in_flight(flush: &Flush) -> Vec<(u8, DeliveryId)> {
    (0_u8..)
        .zip(&flush.runs)
        .filter(|(_, run)| run.state == RunState::InFlight)
        .map(|(place, run)| (place, run.delivery))
        .collect()
}

/// The members whose routes do not lead to this group.
fn belongs_elsewhere(plan: &Plan, group: &AggregationGroup) -> Vec<AlertId> {
    let leads_here = |member: &Member| {
        group.route.is_some_and(|route| {
            plan.routes.matching(&member.alert.labels).contains(&route)
                && group.options.group_labels(&member.alert.labels) == group.labels
        })
    };
    group.members.iter().filter(|member| !leads_here(member)).map(|member| member.id).collect()
}

fn push_group(writer: &mut Writer, group: &AggregationGroup) {
    writer.number(group.serial);
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    writer.byte(
        flag(group.route.is_some(), ROUTED)
            | flag(group.admitted, ADMITTED)
            | flag(group.next_flush.is_some(), NEXT_FLUSH)
            | flag(group.flush.is_some(), FLUSH),
    );
    match group.route {
        Some(route) => writer.number(route as u64),
        None => {
            writer.text(&group.route_key);
            writer.text(&group.route_id);
            push_json(writer, &group.options);
        }
    }
    writer.labels(&group.labels);
    if let Some(at) = group.next_flush {
        writer.time(at);
    }
    let muted_by = group.marker.muted_by();
    writer.number(muted_by.len() as u64);
    muted_by.iter().for_each(|name| writer.text(name));
    writer.number(group.members.len() as u64);
    for member in &group.members {
        writer.number(member.id.0);
        writer.number(member.pending);
        writer.number(member.told);
        writer.number(member.doubtful);
        writer.byte(member.state as u8);
    }
    if let Some(flush) = &group.flush {
        push_flush(writer, flush, &group.options);
    }
}

fn take_group(
    reader: &mut Reader<'_>,
    plan: &Plan,
    alerts: &Alerts,
) -> Result<AggregationGroup, DecodeError> {
    let serial = reader.number("serial")?;
    let tag = reader.byte("tag")?;
    let (route, route_key, route_id, options): (_, Arc<str>, Arc<str>, Arc<RouteOptions>) =
        if tag & ROUTED == 0 {
            let (key, id) = (reader.shared_text("route key")?, reader.shared_text("route id")?);
            (None, key, id, Arc::new(take_json(reader)?.ok_or(DecodeError::Invalid("route options"))?))
        } else {
            let place = usize::try_from(reader.number("route")?).unwrap_or(usize::MAX);
            let route = plan.routes.get(place).ok_or(DecodeError::Invalid("route"))?;
            (Some(place), Arc::clone(&route.key), Arc::clone(&route.id), Arc::clone(&route.options))
        };
    let labels = reader.labels("group labels")?;
    let next_flush = (tag & NEXT_FLUSH != 0).then(|| reader.time("next flush")).transpose()?;
    let mut marker = GroupMarker::default();
    let mut muted_by = Vec::new();
    for _ in 0..reader.number("number of intervals")? {
        muted_by.push(reader.shared_text("interval")?);
    }
    marker.set_muted(muted_by);
    let mut members = Vec::new();
    for _ in 0..reader.number("number of alerts")? {
        members.extend(take_member(reader, alerts)?);
    }
    members.sort_unstable_by_key(|member| member.id);
    members.dedup_by_key(|member| member.id);
    let flush = (tag & FLUSH != 0).then(|| take_flush(reader, &options, alerts)).transpose()?;
    let nobody =
        || Arc::new(PlannedReceiver { name: Arc::clone(&options.receiver), integrations: Vec::new() });
    Ok(AggregationGroup {
        serial,
        route,
        key: group_key(&route_key, &labels).into(),
        route_key,
        route_id,
        receiver: plan.receiver(&options.receiver).cloned().unwrap_or_else(nobody),
        options,
        labels,
        members,
        marker,
        admitted: tag & ADMITTED != 0,
        next_flush,
        flush: flush.map(Box::new),
    })
}

fn take_member(reader: &mut Reader<'_>, alerts: &Alerts) -> Result<Option<Member>, DecodeError> {
    let id = AlertId(reader.number("id")?);
    let (pending, told) = (reader.number("pending")?, reader.number("told")?);
    let doubtful = reader.number("doubtful")?;
    let state = match reader.byte("state")? {
        0 => AlertState::Unprocessed,
        1 => AlertState::Active,
        2 => AlertState::Suppressed,
        _ => return Err(DecodeError::Invalid("state")),
    };
    Ok(alerts.get_by_id(id).map(|stored| {
        let alert = Arc::clone(&stored.alert);
        Member { id, hash: alert_hash(&alert.labels), alert, pending, told, doubtful, state }
    }))
}

fn push_flush(writer: &mut Writer, flush: &Flush, options: &Arc<RouteOptions>) {
    writer.time(flush.at);
    writer.time(flush.deadline);
    writer.byte(flush.phase as u8);
    if flush.options == *options {
        push_bytes(writer, &[]);
    } else {
        push_json(writer, &flush.options);
    }
    writer.number(flush.alerts.len() as u64);
    for alert in &flush.alerts {
        writer.number(alert.id.0);
        writer.number(alert.hash);
        writer.byte(u8::from(alert.resolved) | u8::from(alert.told) << 1);
        writer.time(alert.alert.updated_at);
        writer.number(alert.pending);
        writer.byte(alert.muted.map_or(0, |reason| Outcome::Suppressed(reason).index() + 1));
    }
    writer.number(flush.runs.len() as u64);
    flush.runs.iter().for_each(|run| push_run(writer, run));
}

fn take_flush(
    reader: &mut Reader<'_>,
    options: &Arc<RouteOptions>,
    alerts: &Alerts,
) -> Result<Flush, DecodeError> {
    let (at, deadline) = (reader.time("tick")?, reader.time("deadline")?);
    let phase = match reader.byte("phase")? {
        0 => Phase::Settling,
        1 => Phase::Notifying,
        2 => Phase::Cancelled,
        _ => return Err(DecodeError::Invalid("phase")),
    };
    let options = take_json(reader)?.map_or_else(|| Arc::clone(options), Arc::new);
    let mut taken: HashMap<AlertId, ()> = HashMap::new();
    let mut flush_alerts = Vec::new();
    for _ in 0..reader.number("number of alerts")? {
        let alert = take_flush_alert(reader, alerts)?;
        flush_alerts.extend(alert.filter(|alert| taken.insert(alert.id, ()).is_none()));
    }
    let mut runs = Vec::new();
    for _ in 0..reader.number("number of integrations")? {
        runs.push(take_run(reader)?);
    }
    Ok(Flush { at, deadline, phase, options, alerts: flush_alerts, runs })
}

fn take_flush_alert(reader: &mut Reader<'_>, alerts: &Alerts) -> Result<Option<FlushAlert>, DecodeError> {
    let id = AlertId(reader.number("id")?);
    let hash = reader.number("hash")?;
    let tag = reader.byte("tag")?;
    let updated_at = reader.time("updatedAt")?;
    let pending = reader.number("pending")?;
    let muted = match reader.byte("suppression")? {
        0 => None,
        number => match Outcome::from_index(number - 1) {
            Some(Outcome::Suppressed(reason)) => Some::<Suppression>(reason),
            _ => return Err(DecodeError::Invalid("suppression")),
        },
    };
    Ok(alerts.get_by_id(id).map(|stored| {
        // What was sent is decided anew; of the state only its time matters.
        let alert = if stored.alert.updated_at == updated_at {
            Arc::clone(&stored.alert)
        } else {
            let mut older = crate::model::Alert::clone(&stored.alert);
            older.updated_at = updated_at;
            Arc::new(older)
        };
        FlushAlert { id, alert, hash, resolved: tag & 1 != 0, told: tag & 2 != 0, pending, muted }
    }))
}

fn push_run(writer: &mut Writer, run: &Run) {
    push_integration(writer, &run.integration);
    writer.byte(u8::from(run.send_resolved) | (u8::from(run.in_doubt) << 1));
    writer.byte(run.bit.map_or(0, |bit| bit + 1));
    let (state, until) = match run.state {
        RunState::Waiting(until) => (0, until),
        RunState::InFlight => (1, Timestamp::UNIX_EPOCH),
        RunState::BackOff(until) => (2, until),
        RunState::Done(well) => (3 + u8::from(well), Timestamp::UNIX_EPOCH),
    };
    writer.byte(state);
    writer.time(until);
    let reason = REASONS.iter().position(|reason| *reason == run.reason).unwrap_or_default();
    writer.number(reason as u64);
    writer.number(run.delivery.0);
    writer.number(u64::from(run.attempts));
    writer.time(run.started);
    push_receiver_data(writer, run.receiver_data.as_deref());
    writer.byte(u8::from(run.last_error.is_some()));
    if let Some((error, reason)) = &run.last_error {
        writer.text(shortened(error));
        writer.byte(reason_number(*reason));
    }
}

fn take_run(reader: &mut Reader<'_>) -> Result<Run, DecodeError> {
    let integration = take_integration(reader)?;
    let tag = reader.byte("tag")?;
    let (send_resolved, in_doubt) = (tag & 1 != 0, tag & 2 != 0);
    let bit = reader.byte("bit")?.checked_sub(1);
    if bit.is_some_and(|bit| bit >= 64) {
        return Err(DecodeError::Invalid("bit"));
    }
    let state = reader.byte("state")?;
    let until = reader.time("time")?;
    let state = match state {
        0 => RunState::Waiting(until),
        1 => RunState::InFlight,
        2 => RunState::BackOff(until),
        3 => RunState::Done(false),
        4 => RunState::Done(true),
        _ => return Err(DecodeError::Invalid("state")),
    };
    let reason = usize::try_from(reader.number("reason")?).ok().and_then(|place| REASONS.get(place));
    let reason = *reason.ok_or(DecodeError::Invalid("reason"))?;
    let delivery = DeliveryId(reader.number("delivery")?);
    let attempts = reader.number("attempts")?;
    let attempts = u32::try_from(attempts).map_err(|_too_large| DecodeError::Invalid("attempts"))?;
    let started = reader.time("time")?;
    let receiver_data = take_receiver_data(reader)?.map(Arc::new);
    let last_error = if take_flag(reader)? {
        let error = reader.text("error")?.to_owned();
        let reason = FailureReason::ALL.get(usize::from(reader.byte("reason")?)).copied();
        Some((error, reason.ok_or(DecodeError::Invalid("reason"))?))
    } else {
        None
    };
    Ok(Run {
        integration,
        send_resolved,
        bit,
        state,
        reason,
        delivery,
        attempts,
        started,
        receiver_data,
        last_error,
        in_doubt,
    })
}

fn push_json(writer: &mut Writer, options: &RouteOptions) {
    // Plain values: nothing that JSON cannot write.
    push_bytes(writer, &serde_json::to_vec(options).unwrap_or_default());
}

fn take_json(reader: &mut Reader<'_>) -> Result<Option<RouteOptions>, DecodeError> {
    let bytes = reader.bytes("route options")?;
    if bytes.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(bytes).map(Some).map_err(|_malformed| DecodeError::Invalid("route options"))
}

fn push_optional_time(writer: &mut Writer, time: Option<Timestamp>) {
    writer.byte(u8::from(time.is_some()));
    if let Some(time) = time {
        writer.time(time);
    }
}

fn take_optional_time(reader: &mut Reader<'_>) -> Result<Option<Timestamp>, DecodeError> {
    take_flag(reader)?.then(|| reader.time("time")).transpose()
}
