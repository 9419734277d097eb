//! How a task comes in: it is looked over, somebody is there to run it, the core takes it, and who
//! runs it is told.

use super::shared::{Shared, not_ours};
use crate::clock;
use crate::core::add::{Added, NewTask, Then, To};
use crate::core::names::{LONGEST_NAME, check_name};
use crate::core::outlet::{CLAIMS, WORKERS};
use crate::core::record::Extra;
use crate::core::report::Report;
use crate::core::slab::NIL;
use crate::core::word;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{self, Owned};
use crate::hosts::claims::Handed;
use crate::id::TaskId;
use crate::kinds::{Kind, flags};
use crate::lane::Lane;
use crate::log::{self, LogLevel};
use crate::loops::Start;
use crate::memory::{self, Shown};
use crate::sync::atomic::Ordering::Acquire;
use crate::task::{Call, Function, More, RawTask};
use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr;

impl Shared {
    /// Adds a task.
    ///
    /// # Safety
    /// As for [`crate::Scheduler::submit_raw`].
    #[inline(always)]
    pub unsafe fn submit(&self, task: &RawTask<'_>) -> Result<TaskId> {
        match self.submit_plain(task) {
            Some(id) => Ok(id),
            // SAFETY: the caller's promise.
            None => unsafe { self.submit_any(task) },
        }
    }

    /// The short way of a task that asks for nothing; none, and nothing is changed, if it is not such
    /// a one or anything is not as usual.
    #[inline(always)]
    fn submit_plain(&self, task: &RawTask<'_>) -> Option<TaskId> {
        let Function::Linear(function) = task.function else { return None };
        if task.flags != 0 || task.timeout_seconds != 0.0 {
            return None;
        }
        let call = Call { function, user_data: task.user_data, drop: task.drop };
        match task.more {
            None => self.add_plain(task.name, call),
            Some(more) if task.name.is_none() => self.add_plain_to(self.only_lane(more)?, call),
            Some(_) => None,
        }
    }

    /// As [`Shared::submit`], of a linear task of this name that asks for nothing; none, and nothing
    /// is changed, where that way has to be gone.
    #[inline(always)]
    pub(crate) fn add_plain(&self, name: Option<&[u8]>, call: Call) -> Option<TaskId> {
        match name {
            None => self.add_plain_to(To::Nobody, call),
            Some(name) if name.is_empty() || name.len() > LONGEST_NAME => None,
            Some(name) => self.add_plain_to(To::Name(name), call),
        }
    }

    #[inline(always)]
    fn add_plain_to(&self, to: To<'_>, call: Call) -> Option<TaskId> {
        if log::is_on() || self.pool.is_deserted() {
            return None;
        }
        let (id, ready) = self.core.add_plain(to, call)?;
        if ready {
            self.pool.notify();
        }
        Some(id)
    }

    /// As [`Shared::add_plain`], to a lane.
    #[inline(always)]
    pub(crate) fn add_plain_to_lane(&self, lane: &Lane, call: Call) -> Option<TaskId> {
        self.add_plain_to(self.usable(lane)?, call)
    }

    /// A lane of ours, if the task names nothing else.
    #[inline(always)]
    fn only_lane<'a>(&self, more: &More<'a>) -> Option<To<'a>> {
        let alone = more.runner.is_none() && more.completions.is_none() && more.on_end.is_none();
        more.lane.filter(|_| alone).and_then(|lane| self.usable(lane))
    }

    /// A lane of ours that linear tasks can be added to.
    #[inline(always)]
    fn usable<'a>(&self, lane: &Lane) -> Option<To<'a>> {
        let ours = ptr::eq(&raw const **lane.shared(), self) && self.is_of_this_process();
        if !ours || lane.kind() != Kind::Linear || self.gone.load(Acquire) {
            return None;
        }
        let (index, hash) = lane.place();
        Some(To::Lane { index, hash })
    }

    /// Any task.
    ///
    /// # Safety
    /// As for [`crate::Scheduler::submit_raw`].
    #[inline(never)]
    unsafe fn submit_any(&self, task: &RawTask<'_>) -> Result<TaskId> {
        let mut new = self.check_task(task)?;
        let added = self.hand_in(&mut new, task, |_| ())?;
        self.tell(added.then);
        self.say_added(&new, added.id);
        Ok(added.id)
    }

    /// Adds a task that the host runs; its claim, if it may start at once.
    ///
    /// # Safety
    /// As for [`crate::Scheduler::submit_raw`].
    pub unsafe fn submit_claim(&self, task: &RawTask<'_>) -> Result<(TaskId, Option<Handed>)> {
        let mut new = self.check_task(task)?;
        let mut reserved = self.claims.reserve();
        new.claim = reserved;
        // Who waits for room holds up nobody: his task is queued, when there is some.
        let added = self.hand_in(&mut new, task, |new| {
            if std::mem::take(&mut reserved) {
                self.claims.unreserve();
            }
            new.claim = false;
        });
        let mut handed = None;
        match &added {
            Ok(Added { then: Then::Claim { claim, slot }, .. }) => {
                if *slot == new.spare_slot {
                    new.spare_slot = NIL;
                }
                handed = Some(self.claims.hand(*slot, claim, 0));
            }
            _ if reserved => self.claims.unreserve(),
            _ => {}
        }
        if new.spare_slot != NIL {
            self.claims.put_slot_back(new.spare_slot);
        }
        let added = added?;
        self.tell(added.then);
        self.say_added(&new, added.id);
        Ok((added.id, handed))
    }

    /// Gives the task to the core; `before_waiting` for room, if that is to be done.
    #[inline(always)]
    fn hand_in<'a>(
        &self,
        new: &mut NewTask<'a>,
        task: &RawTask<'_>,
        before_waiting: impl FnOnce(&mut NewTask<'a>),
    ) -> Result<Added> {
        let added = match new.function.is_null() && self.goes_to_workers(new) {
            false => self.ensure(new).and_then(|()| self.promise(new)).and_then(|()| self.add(new)),
            true => Err(Error::new(ErrorCode::InvalidArgument, NO_FUNCTION)),
        };
        let added = match added {
            Err(full)
                if full.code() == ErrorCode::QueueFull
                    && task.flags & flags::WAIT_FOR_ROOM != 0 =>
            {
                before_waiting(new);
                self.add_when_room(new, task.wait_seconds)
            }
            other => other,
        };
        added.inspect_err(|refused| {
            say_refused(new, refused);
            refuse(new);
        })
    }

    #[inline(always)]
    fn add(&self, new: &mut NewTask<'_>) -> Result<Added> {
        match self.core.add(new) {
            Err(error) => self.add_again(new, error),
            added => added,
        }
    }

    /// Tries once more what only wanted a slot, or a lane in which nothing is alive.
    #[cold]
    fn add_again(&self, new: &mut NewTask<'_>, mut error: Error) -> Result<Added> {
        let mut freed = false;
        loop {
            match error.code() {
                // It may start at once, and needs a slot for that.
                ErrorCode::NotYet => new.spare_slot = self.claims.take_slot()?,
                // Only of a lane in which nothing seems to be alive: if so it goes to who runs tasks by
                // default, unless somebody was quicker.
                ErrorCode::InUse if new.outlet.is_none() && !new.stays => {
                    self.core.free_name(new.to, new.kind)?;
                    new.stays = true;
                    self.ensure(new)?;
                    self.promise(new)?;
                }
                ErrorCode::InUse if !freed && self.core.free_name(new.to, new.kind)? => {
                    freed = true;
                }
                _ => return Err(error),
            }
            match self.core.add(new) {
                Err(next) => error = next,
                added => return added,
            }
        }
    }

    /// Makes sure that somebody is there to run the task.
    #[inline]
    fn ensure(&self, new: &NewTask<'_>) -> Result<()> {
        match new.kind {
            Kind::Linear if !self.pool.is_deserted() || !self.goes_to_workers(new) => Ok(()),
            Kind::Linear => self.pool.ensure(new.to),
            Kind::Async => self.loops.ensure(new.to),
        }
    }

    /// Makes room for the task wherever it may come to lie, before anything is changed.
    #[inline]
    fn promise(&self, new: &NewTask<'_>) -> Result<()> {
        if new.outlet.is_none() && !self.core.uses_outlets() || new.kind == Kind::Async {
            return Ok(());
        }
        let outlet = self.outlet_for(new);
        if outlet == CLAIMS && new.bits & word::TIMED != 0 {
            self.claims.promise_timers()?;
        }
        self.core.promise_out(outlet)
    }

    /// Whether our workers will run a linear task, as things are.
    #[cold]
    fn goes_to_workers(&self, new: &NewTask<'_>) -> bool {
        self.outlet_for(new) == WORKERS
    }

    /// Who will run a linear task, as things are.
    fn outlet_for(&self, new: &NewTask<'_>) -> u32 {
        match (new.outlet, new.to) {
            (Some(outlet), _) => outlet,
            (None, To::Nobody) => self.core.default_outlet(),
            (None, To::Name(name)) if self.core.uses_outlets() => self.core.would_run(name),
            (None, To::Name(_)) => WORKERS,
            (None, To::Lane { index, .. }) => self.core.runs(index),
        }
    }

    /// Tells who runs a task that something is there for him.
    #[inline(always)]
    fn tell(&self, then: Then) {
        match then {
            Then::Nothing | Then::Claim { .. } => {}
            Then::Ready => self.pool.notify(),
            Then::Start { hash, index } => self.loops.start(hash, Start::Task(index)),
            Then::Place { hash, lane } => self.loops.start(hash, Start::Place(lane)),
            Then::Outlet { number, item } => self.core.put_out(number, item),
        }
    }

    #[inline(always)]
    fn say_added(&self, new: &NewTask<'_>, id: TaskId) {
        if new.bits & word::SAYING != 0 {
            self.core.say_added(id, new.kind);
        }
    }

    /// Looks a task over and makes it ready to be added.
    #[inline(always)]
    fn check_task<'a>(&self, task: &RawTask<'a>) -> Result<NewTask<'a>> {
        let function = match task.function {
            Function::Linear(function) => function as *mut c_void,
            Function::Async(function) => function as *mut c_void,
            Function::Host => ptr::null_mut(),
        };
        let to = match task.name {
            None => To::Nobody,
            Some(name) => {
                if name.is_empty() || name.len() > LONGEST_NAME {
                    check_name(name)?;
                }
                To::Name(name)
            }
        };
        let mut bits = 0;
        let (mut timeout, extra) = (None, None);
        if task.flags != 0 || task.timeout_seconds != 0.0 {
            (bits, timeout) = wishes(task)?;
            self.pool.retry_watchdog();
        }
        if log::is_on() {
            bits |= word::SAYING;
        }
        let kind = task.function.kind();
        if kind == Kind::Async {
            bits |= word::ASYNC;
        }
        let (user_data, drop) = (task.user_data, task.drop);
        let (outlet, claim) = (None, false);
        let spare_slot = NIL;
        let stays = false;
        let mut new = NewTask {
            to,
            kind,
            function,
            user_data,
            drop,
            bits,
            timeout,
            extra,
            outlet,
            claim,
            spare_slot,
            stays,
        };
        if let Some(more) = task.more {
            self.check_more(more, &mut new)?;
        }
        Ok(new)
    }

    /// Looks at what few tasks ask for.
    #[cold]
    fn check_more(&self, more: &More<'_>, new: &mut NewTask<'_>) -> Result<()> {
        let invalid = |text: &'static str| Err(Error::new(ErrorCode::InvalidArgument, text));
        if let Some(lane) = more.lane {
            if !ptr::eq(&raw const **lane.shared(), self) {
                return Err(not_ours("lane"));
            }
            if !matches!(new.to, To::Nobody) {
                return invalid("a task has a name or a lane, not both");
            }
            if lane.kind() != new.kind {
                let text = "the lane is of the other kind";
                return Err(Error::new(ErrorCode::WrongKind, text));
            }
            self.check()?;
            let (index, hash) = lane.place();
            new.to = To::Lane { index, hash };
        }
        new.outlet = self.outlet_of(more.runner)?;
        if new.kind == Kind::Async && new.outlet.is_some_and(|outlet| outlet != WORKERS) {
            return invalid("async tasks run on event loops; claims and pumps take linear ones");
        }
        if more.completions.is_none() && more.on_end.is_none() {
            return Ok(());
        }
        if new.extra.is_none() {
            new.extra = Some(memory::boxed(Extra::default())?);
        }
        let data = more.completion_data.unwrap_or(ptr::null_mut());
        let mut report = Report { on_end: None, ends: None, data };
        if let Some(completions) = more.completions {
            if !completions.is_of(self) {
                return Err(not_ours("completion queue"));
            }
            completions.ends().expect()?;
            report.ends = Some(completions.ends().clone());
        }
        report.on_end =
            more.on_end.map(|(function, data, drop)| (function, Owned::new(data, drop)));
        new.bits |= word::REPORTS;
        if let Some(extra) = &mut new.extra {
            extra.report = Some(report);
        }
        Ok(())
    }

    /// Adds as soon as there is room.
    #[cold]
    fn add_when_room(&self, new: &mut NewTask<'_>, seconds: f64) -> Result<Added> {
        let itself = host::inside_host_code()
            || self.claims.holds_here()
            || self.core.is_pump_of_this_thread(new);
        if itself {
            return Err(Error::new(
                ErrorCode::WouldDeadlock,
                "a task that waits for room in the queue may be what the queue waits for",
            ));
        }
        self.core.when_room(clock::deadline_in(seconds), || self.add(new))
    }
}

/// What is wrong with a task that has no function, and needs one.
const NO_FUNCTION: &str =
    "run and poll are both NULL; a task has one of them, unless you run it by claims";

/// A task was refused: what it would have taken over is still the host's.
fn refuse(new: &mut NewTask<'_>) {
    if let Some(report) = new.extra.take().and_then(|extra| extra.report) {
        report.refuse();
    }
}

/// Tells the log why a task was not added.
#[cold]
fn say_refused(task: &NewTask<'_>, refused: &Error) {
    let why = match refused.code() {
        ErrorCode::Banned => "is banned and will be deleted",
        ErrorCode::QueueFull => "not added, queue is full",
        _ => refused.message(),
    };
    log::line(LogLevel::Warning, || {
        let name = Shown(task.to.name());
        words!("Io {} task | {name} | {why}", task.kind.log_word())
    });
}

/// The wishes of a task as bits of its word, and its own time-out.
#[cold]
fn wishes(task: &RawTask<'_>) -> Result<(u64, Option<u64>)> {
    let invalid = |text: Cow<'static, str>| Error::new(ErrorCode::InvalidArgument, text);
    if task.flags & !flags::ALL != 0 {
        return Err(invalid(words!("{:#x} has no meaning as a flag", task.flags & !flags::ALL)));
    }
    let seconds = task.timeout_seconds;
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(invalid(words!(
            "{seconds} is no time-out: seconds are finite and not negative"
        )));
    }
    if task.flags & flags::WAIT_FOR_ROOM != 0
        && (task.wait_seconds.is_nan() || task.wait_seconds < 0.0)
    {
        return Err(invalid(words!("{} seconds cannot be waited", task.wait_seconds)));
    }
    let mut bits = 0;
    for (flag, bit) in [
        (flags::TIMEOUT_PROCESSING, word::TIMED),
        (flags::BAN_ON_FAILURE, word::BAN_ON_FAILURE),
        (flags::KEEP, word::KEEP),
        (flags::INTERRUPT_BLOCKING, word::INTERRUPT),
        (flags::RELEASE_LANE_WHEN_STUCK, word::RELEASE_LANE),
    ] {
        if task.flags & flag != 0 {
            bits |= bit;
        }
    }
    let own = task.flags & flags::TIMEOUT_PROCESSING != 0 && seconds > 0.0;
    Ok((bits, own.then(|| clock::duration(seconds).as_nanos() as u64)))
}
