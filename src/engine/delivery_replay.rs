//! Local delivery and the journal: what is kept of an event, and how it happens again.

use std::sync::Arc;

use super::action::DeliveryEvent;
use super::alerts::Alerts;
use super::delivery_record::{DeliveryFact, FinishedFact};
use super::dispatch::settle;
use super::local_delivery::LocalDelivery;
use crate::model::{AlertId, DeliveryId, DeliveryOutcome, LabelSet, LogKey, Outcome, Silence, Timestamp};

impl LocalDelivery {
    /// Like [`Self::handle`]; what the journal must keep of it.
    pub(super) fn handle_recorded(&mut self, now: Timestamp, event: DeliveryEvent) -> Option<DeliveryFact> {
        let fact = match &event {
            DeliveryEvent::Finished { delivery, outcome } => {
                let (changed, failed) = match outcome {
                    DeliveryOutcome::Delivered(data) => (data.is_some(), None),
                    failed => (false, Some(FinishedFact::Failed(failed.clone()))),
                };
                let (key, delivery) = (self.key_of(*delivery)?, *delivery);
                self.handle(now, event);
                let finished = match failed {
                    Some(failed) => failed,
                    None => {
                        let entry = self.nflog.get(&key.group_key, &key.integration)?.clone();
                        FinishedFact::Delivered(changed, key, entry)
                    }
                };
                return Some(DeliveryFact::Finished(delivery, finished));
            }
            DeliveryEvent::PeerSilence { silence, expires_at } => {
                DeliveryFact::Silences(vec![(Silence::clone(silence), *expires_at)])
            }
            DeliveryEvent::PeerEntry { key, entry } => DeliveryFact::Entry(key.clone(), entry.clone()),
            DeliveryEvent::ClusterChanged(cluster) => DeliveryFact::Cluster(*cluster),
            DeliveryEvent::ClockStepped(step) => DeliveryFact::Clock(*step),
            DeliveryEvent::Started(cluster) => DeliveryFact::Started(*cluster),
        };
        self.handle(now, event).then_some(fact)
    }

    /// What the journal kept happens again. Whether it concerned anything that is there.
    pub(super) fn replay(&mut self, now: Timestamp, fact: DeliveryFact) -> bool {
        let event = match fact {
            // The engine applies plans: they need the store.
            DeliveryFact::Plan(_) => return false,
            DeliveryFact::Silences(versions) => {
                let mut news = false;
                for (silence, expires_at) in versions {
                    news |= self.silences.merge(silence, expires_at, now);
                }
                return news;
            }
            DeliveryFact::Entry(key, entry) => DeliveryEvent::PeerEntry { key, entry },
            DeliveryFact::Cluster(cluster) => DeliveryEvent::ClusterChanged(cluster),
            DeliveryFact::Clock(step) => DeliveryEvent::ClockStepped(step),
            DeliveryFact::Started(cluster) => DeliveryEvent::Started(cluster),
            DeliveryFact::Finished(delivery, FinishedFact::Failed(outcome)) => {
                DeliveryEvent::Finished { delivery, outcome }
            }
            DeliveryFact::Finished(delivery, FinishedFact::Delivered(changed, key, entry)) => {
                if self.key_of(delivery).as_ref() == Some(&key) {
                    let data = entry.receiver_data.clone().filter(|_| changed);
                    self.finished(now, delivery, DeliveryOutcome::Delivered(data));
                }
                // The record stands alone: what was told was told, whatever else is lost.
                self.nflog.merge(key, entry, now);
                return true;
            }
        };
        self.handle(now, event)
    }

    /// Follows the store after the clock was set back.
    pub(super) fn set_back(&mut self, alerts: &Alerts, now: Timestamp) {
        if let Some(plan) = &self.plan {
            for stored in alerts.iter().filter(|stored| stored.alert.updated_at == now) {
                self.inhibitor.update(plan, stored.id, &stored.alert);
            }
        }
        self.dispatcher.set_back(alerts, now);
    }

    /// Removes an alert everywhere, because the journal says that another has its place.
    pub(super) fn evict(&mut self, id: AlertId, labels: &LabelSet) {
        self.forget(id, labels);
        for slot in self.dispatcher.slots() {
            let Some(group) = self.dispatcher.group_mut(slot) else { continue };
            let Some(member) = group.member(id) else { continue };
            settle(&mut self.balance, Outcome::Superseded, member.pending.count_ones());
            let at = member.alert.updated_at;
            group.members.retain(|member| member.id != id);
            self.dispatcher.drop_strays(slot);
            self.sweep_group(slot, at);
        }
    }

    /// Until when a silence is kept.
    pub(super) fn kept_until(&self, silence: &Silence) -> Timestamp {
        silence.ends_at + self.options().retention
    }

    fn key_of(&self, delivery: DeliveryId) -> Option<LogKey> {
        let (slot, place) = self.in_flight.get(&delivery)?;
        let group = self.dispatcher.group(*slot)?;
        let run = group.flush.as_ref()?.runs.get(usize::from(*place))?;
        Some(LogKey { group_key: Arc::clone(&group.key), integration: run.integration.clone() })
    }
}
