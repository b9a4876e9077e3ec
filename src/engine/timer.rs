//! When groups are due: their ticks, the ends of waits and back-offs, and deadlines.

use super::action::ClockStep;
use super::dispatch::{Dispatcher, GroupSlot};
use super::flush::{Flush, RunState};
use crate::model::Timestamp;

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) at: Timestamp,
    pub(crate) serial: u64,
    pub(crate) kind: TimerKind,
    pub(crate) slot: GroupSlot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKind {
    /// The flush of a group is out of time.
    Deadline,
    /// An integration, by its place in the flush, has waited long enough.
    Run(u8),
    /// A group's tick.
    Flush,
}

impl Dispatcher {
    /// Sets the time of a group's next tick, or none.
    pub(crate) fn schedule(&mut self, slot: GroupSlot, at: Option<Timestamp>) {
        let Some(group) = self.groups.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        let serial = group.serial;
        let timer = |at| Timer { at, serial, kind: TimerKind::Flush, slot };
        if let Some(old) = group.next_flush {
            self.timers.remove(&timer(old));
        }
        group.next_flush = at;
        if let Some(at) = at {
            self.timers.insert(timer(at));
        }
    }

    /// Puts a flush at work into its group and sets the timers that it needs.
    pub(crate) fn put_flush(&mut self, slot: GroupSlot, flush: Box<Flush>) {
        let Some(group) = self.groups.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        self.timers.extend(flush_timers(group.serial, slot, &flush));
        group.flush = Some(flush);
    }

    /// Takes the flush at work out of its group, with its timers.
    pub(crate) fn take_flush(&mut self, slot: GroupSlot) -> Option<Box<Flush>> {
        let group = self.groups.get_mut(slot as usize).and_then(Option::as_deref_mut)?;
        let flush = group.flush.take()?;
        for timer in flush_timers(group.serial, slot, &flush) {
            self.timers.remove(&timer);
        }
        Some(flush)
    }

    /// What is due next.
    pub(crate) fn first_timer(&self) -> Option<Timer> {
        self.timers.first().copied()
    }

    /// Moves everything that waits along with the clock.
    pub(crate) fn step_clock(&mut self, step: ClockStep) {
        self.timers.clear();
        for slot in self.slots() {
            let Some(group) = self.groups.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
                continue;
            };
            let serial = group.serial;
            group.next_flush = group.next_flush.map(|at| step.apply(at));
            if let Some(at) = group.next_flush {
                self.timers.insert(Timer { at, serial, kind: TimerKind::Flush, slot });
            }
            let Some(flush) = &mut group.flush else { continue };
            flush.deadline = step.apply(flush.deadline);
            for run in &mut flush.runs {
                run.started = step.apply(run.started);
                match &mut run.state {
                    RunState::Waiting(until) | RunState::BackOff(until) => *until = step.apply(*until),
                    RunState::InFlight | RunState::Done(_) => {}
                }
            }
            self.timers.extend(flush_timers(serial, slot, flush));
        }
    }
}

/// The timers of a flush at work.
pub(super) fn flush_timers(serial: u64, slot: GroupSlot, flush: &Flush) -> impl Iterator<Item = Timer> {
    let deadline = Timer { at: flush.deadline, serial, kind: TimerKind::Deadline, slot };
    let runs = (0_u8..).zip(&flush.runs).filter_map(move |(place, run)| match run.state {
        RunState::Waiting(at) | RunState::BackOff(at) => {
            Some(Timer { at, serial, kind: TimerKind::Run(place), slot })
        }
        RunState::InFlight | RunState::Done(_) => None,
    });
    std::iter::once(deadline).chain(runs)
}
