//! What a poll function arms, to be polled again: a sleep, file descriptors, other tasks, a waker.
//!
//! Each call is of the task that is in its poll on this thread, or it is refused.

use super::{LOCAL, Local};
use crate::core::slab;
use crate::host::Holding;
use crate::loops::fiber::{Fiber, More, Sleep};
use crate::loops::waker::TaskWaker;
use crate::token::Token;
use crate::{Error, ErrorCode, Result, TaskId, clock};
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

impl Local {
    /// Refuses to wait for a task that cannot end before this one.
    fn check_wait(&self, place: u32, id: TaskId) -> Result<()> {
        let task = self.with_fiber(place, |fiber| {
            let index = fiber.claim.as_ref().map_or(slab::NIL, |claim| claim.index);
            Holding { core: self.core.address(), index, lane: fiber.lane }
        })?;
        self.core.check_async_wait(task, id)?;
        self.with_fiber(place, |fiber| fiber.knotted = false)
    }

    fn waker_of(&self, place: u32) -> Option<Arc<TaskWaker>> {
        let mut fibers = self.fibers.borrow_mut();
        let fiber = fibers.get(place)?;
        let claim = fiber.claim.as_ref()?;
        let (index, generation) = (claim.index, claim.word.generation());
        let make = || Arc::new(TaskWaker::new(self.event_loop.clone(), index, generation));
        Some(fiber.waker.get_or_insert_with(make).clone())
    }

    fn with_fiber<R>(&self, place: u32, work: impl FnOnce(&mut Fiber) -> R) -> Result<R> {
        let mut fibers = self.fibers.borrow_mut();
        fibers.get(place).map(work).ok_or_else(|| ErrorCode::WrongThread.into())
    }
}

/// The loop of this thread and the fiber in its poll, which this token has to be of.
fn current(token: &Token) -> Result<(Rc<Local>, u32)> {
    let local = LOCAL.with(|own| own.borrow().clone());
    if let Some(local) = local {
        let (place, own) = local.current.get();
        if std::ptr::eq(own, token) {
            if local.event_loop.is_forked() {
                return Err(ErrorCode::Forked.into());
            }
            return Ok((local, place));
        }
    }
    Err(match token.is_async() {
        true => Error::new(
            ErrorCode::WrongThread,
            "only the poll function itself, on its loop's thread, may say what it waits for",
        ),
        false => Error::new(ErrorCode::WrongKind, "a linear task waits by blocking"),
    })
}

/// Whether the token's sleep is over; if none was under way, starts one.
pub fn sleep(token: &Token, seconds: f64) -> Result<()> {
    crate::token::check_seconds(seconds)?;
    let (local, place) = current(token)?;
    let state = local.with_fiber(place, |fiber| fiber.sleep)?;
    let next = match state {
        Sleep::Due => Sleep::None,
        Sleep::None if seconds == 0.0 => Sleep::None,
        Sleep::Armed(_) => return Err(ErrorCode::NotYet.into()),
        Sleep::None => {
            let deadline = clock::precise() + clock::duration(seconds).as_nanos() as u64;
            Sleep::Armed(local.wheel.borrow_mut().set(deadline, place << 1))
        }
    };
    local.with_fiber(place, |fiber| fiber.sleep = next)?;
    if next == Sleep::None { Ok(()) } else { Err(ErrorCode::NotYet.into()) }
}

/// Takes the token's sleep back, if one is under way.
pub fn cancel_sleep(token: &Token) -> Result<()> {
    let (local, place) = current(token)?;
    let state =
        local.with_fiber(place, |fiber| std::mem::replace(&mut fiber.sleep, Sleep::None))?;
    if let Sleep::Armed(timer) = state {
        local.wheel.borrow_mut().clear(timer);
    }
    Ok(())
}

/// What of `wanted` a file descriptor is ready for; `NotYet` when nothing, and then the task will
/// be polled when it is.
pub fn wait_fd(token: &Token, fd: RawFd, wanted: u32) -> Result<u32> {
    let (local, place) = current(token)?;
    let Some(waker) = local.waker_of(place) else { return Err(ErrorCode::WrongThread.into()) };
    let answer = local.fds.borrow_mut().wait(fd, wanted, place, &Waker::from(waker));
    let armed = local.fds.borrow().is_armed(fd, place);
    local.with_fiber(place, |fiber| {
        let more = fiber.more.get_or_insert_default();
        more.fds.retain(|other| *other != fd);
        if armed {
            more.fds.push(fd);
        }
    })?;
    match answer {
        Ok(0) => Err(ErrorCode::NotYet.into()),
        other => other,
    }
}

/// Whether another task has ended; `NotYet` when not, and then this one will be polled when it has.
pub fn wait_task(token: &Token, id: TaskId) -> Result<()> {
    let (local, place) = current(token)?;
    if id == token.id() {
        return Err(Error::new(ErrorCode::WouldDeadlock, "a task cannot wait for itself"));
    }
    let Some(waker) = local.waker_of(place) else { return Err(ErrorCode::WrongThread.into()) };
    let waker = Waker::from(waker);
    let armed = local.with_fiber(place, |fiber| {
        fiber.more.as_ref().is_some_and(|more| more.tasks.contains(&id))
    })?;
    let forget = |local: &Local| {
        local.with_fiber(place, |fiber| {
            fiber.more.get_or_insert_default().tasks.retain(|other| *other != id);
        })
    };
    if let Err(knotted) = local.check_wait(place, id) {
        if armed {
            local.core.unlisten(id, &waker);
            forget(&local)?;
        }
        return Err(knotted);
    }
    if armed {
        match local.core.state(id) {
            Ok(state) if !state.is_final() => return Err(ErrorCode::NotYet.into()),
            // It has ended, and may even be forgotten: that is what was waited for.
            _ => {
                local.core.annotate_seen(id);
                return forget(&local);
            }
        }
    }
    match local.core.listen(id, waker)? {
        true => Ok(()),
        false => {
            local.with_fiber(place, |fiber| {
                fiber.more.get_or_insert_with(|| Box::new(More::default())).tasks.push(id);
            })?;
            Err(ErrorCode::NotYet.into())
        }
    }
}

/// What wakes the token's task.
pub fn waker(token: &Token) -> Result<Arc<TaskWaker>> {
    let (local, place) = current(token)?;
    local.waker_of(place).ok_or_else(|| ErrorCode::WrongThread.into())
}
