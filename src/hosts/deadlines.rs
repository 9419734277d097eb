//! When claims time out, and when those that were told to stop are stuck: a timer wheel.
//!
//! While the host has no file descriptor of its claims the watchdog's thread looks here, and
//! whoever takes claims does too; with one, only those who take, and the descriptor becomes readable
//! at the next deadline, or at one that was the next and is gone. A time-out that comes much too late is put off, once: nobody could run, or
//! look. The wheel's lock guards the timers of all slots; under it the outlet's alarm is set, so that
//! it is never later than that of the wheel.

use super::slots::{Slot, Slots};
use crate::core::view::RunningTask;
use crate::mailbox::Mailbox;
use crate::margin::Margin;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering::*;
use crate::wheel::Wheel;
use crate::{ErrorCode, Result};

/// Later than this (nanoseconds) is much too late.
const MUCH_TOO_LATE: u64 = 250_000_000;

/// Which timer of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It has run for its time.
    TimeOut = 0,
    /// It was told to stop long ago.
    Stuck = 1,
}

/// See the module.
#[derive(Debug)]
pub struct Deadlines(Mutex<Timers>);

#[derive(Debug)]
struct Timers {
    wheel: Wheel,
    /// The earliest, as the outlet knows it.
    alarm: Option<u64>,
    /// Adds for which there is room, here and in the wheel.
    margin: Margin,
    /// What has expired, and what of it was not dealt with yet.
    keys: Vec<u32>,
    due: Vec<(u32, RunningTask, What)>,
}

impl Timers {
    /// Takes down what is due at `now`, and puts off what comes much too late.
    fn expire<T, U>(&mut self, slots: &Slots, now: u64, outlet: &Mailbox<T, U>) {
        let Timers { wheel, keys, .. } = self;
        // There is room for every timer.
        wheel.advance(now, |key| keys.push(key));
        while let Some(key) = self.keys.pop() {
            let (slot, what) = (key >> 1, if key & 1 == 0 { What::TimeOut } else { What::Stuck });
            let its = slots.at(slot);
            its.timers[what as usize].store(0, Relaxed);
            match what == What::TimeOut && must_be_put_off(its, now) {
                false => self.due.push((slot, its.running_task(), what)),
                true => {
                    let late = now - its.due.load(Relaxed);
                    its.due.store(now + late, Relaxed);
                    let timer = self.wheel.set(now + late, key);
                    its.timers[what as usize].store(timer + 1, Relaxed);
                }
            }
        }
        let earliest = self.wheel.earliest();
        self.set_alarm(earliest, outlet);
    }

    /// Makes room for so many more timers, wherever they may be.
    fn reserve(&mut self, more: usize) -> Result<()> {
        self.wheel.reserve(more)?;
        let all = self.wheel.places() + more;
        let no_memory = |_| ErrorCode::OutOfMemory;
        self.keys.try_reserve(all).map_err(no_memory)?;
        Ok(self.due.try_reserve(all).map_err(no_memory)?)
    }

    fn set_alarm<T, U>(&mut self, alarm: Option<u64>, outlet: &Mailbox<T, U>) {
        self.alarm = alarm;
        outlet.set_alarm(alarm);
    }
}

impl Deadlines {
    /// None.
    pub fn new(now: u64) -> Deadlines {
        Deadlines(Mutex::new(Timers {
            wheel: Wheel::new(now),
            alarm: None,
            margin: Margin::default(),
            keys: Vec::new(),
            due: Vec::new(),
        }))
    }

    /// Makes sure that two timers more can be set, and as many for each of the unfinished tasks.
    pub fn promise(&self, unfinished: impl FnOnce() -> usize) -> Result<()> {
        let mut timers = self.0.lock();
        let mut margin = std::mem::take(&mut timers.margin);
        let room = margin.spend_with(|adds| timers.reserve(2 * (unfinished() + adds)));
        timers.margin = margin;
        room
    }

    /// Sets a timer of the slot of that number, if it is still that task's.
    pub fn set<T, U>(
        &self,
        slots: &Slots,
        slot: u32,
        task: (u32, u64),
        what: What,
        due: u64,
        outlet: &Mailbox<T, U>,
    ) {
        let mut timers = self.0.lock();
        let its = slots.at(slot);
        if its.task() != task || its.timers[what as usize].load(Relaxed) != 0 {
            return;
        }
        match what {
            What::TimeOut => its.due.store(due, Relaxed),
            // Without memory for it, it is not found to be stuck. Only for time-outs was that promised.
            What::Stuck if timers.reserve(1).is_err() => return,
            What::Stuck => {}
        }
        let timer = timers.wheel.set(due, slot << 1 | what as u32);
        its.timers[what as usize].store(timer + 1, Relaxed);
        if timers.alarm.is_none_or(|alarm| due < alarm) {
            let earliest = timers.wheel.earliest();
            timers.set_alarm(earliest, outlet);
        }
    }

    /// Clears the timers of a slot, whose claim is finished. `lazily`: the alarm may go off once for
    /// what is gone, which costs less than to set it anew with each claim that finishes in time.
    pub fn clear<T, U>(&self, slots: &Slots, slot: u32, outlet: &Mailbox<T, U>, lazily: bool) {
        let mut timers = self.0.lock();
        let mut earliest = false;
        for timer in &slots.at(slot).timers {
            let number = timer.swap(0, Relaxed);
            if number != 0 {
                earliest |= timers.alarm.is_none_or(|alarm| timers.wheel.due(number - 1) <= alarm);
                timers.wheel.clear(number - 1);
            }
        }
        slots.empty(slot);
        if earliest && !lazily {
            let earliest = timers.wheel.earliest();
            timers.set_alarm(earliest, outlet);
        }
    }

    /// The next of what is due at `now`.
    pub fn next_due<T, U>(
        &self,
        slots: &Slots,
        now: u64,
        outlet: &Mailbox<T, U>,
    ) -> Option<(u32, RunningTask, What)> {
        let mut timers = self.0.lock();
        if timers.due.is_empty() {
            if timers.alarm.is_none_or(|alarm| alarm > now) {
                return None;
            }
            timers.expire(slots, now, outlet);
        }
        timers.due.pop()
    }

    /// The earliest, if there is any.
    pub fn earliest(&self) -> Option<u64> {
        self.0.lock().alarm
    }
}

fn must_be_put_off(slot: &Slot, now: u64) -> bool {
    now.saturating_sub(slot.due.load(Relaxed)) > MUCH_TOO_LATE && !slot.put_off.swap(true, Relaxed)
}
