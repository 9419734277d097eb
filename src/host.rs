//! The one place that calls the host's code.
//!
//! Every callback is a triple: function, `user_data`, `drop`. What always holds here:
//!
//! * no lock of ours is held while host code runs;
//! * a drop caused by a drop is queued on its thread and runs when the outer one has returned, so
//!   that a long chain of tasks that own each other needs no stack; so is an end that comes about
//!   while the host is told of another;
//! * a thread knows when it is inside host code, so that calls which would wait for their own
//!   caller can be refused;
//! * what a child returns from, that was forked inside it, is not gone on with: the child must touch
//!   nothing of its parent's schedulers ([`calls`]).

use crate::platform::forks::{Forked, end_child};
use crate::platform::{self, annotate};
use crate::task::Completion;
use crate::token::Token;
use crate::{memory, sync};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::thread::LocalKey;

/// A linear task's function: 0 = completed, any other number = failed with that code.
pub type TaskFn = unsafe extern "C" fn(token: *mut Token, user_data: *mut c_void) -> i32;
/// An async task's function: what it returns is one of `TS_POLL_PENDING`, `_READY` and `_FAILED`.
pub type PollFn = unsafe extern "C" fn(token: *mut Token, user_data: *mut c_void) -> i32;
/// The host's destructor for `user_data` or a result.
pub type DropFn = unsafe extern "C" fn(user_data: *mut c_void);
/// What the host wants to do on each thread of ours; the event is a [`ThreadEvent`] by its number.
pub type ThreadFn = unsafe extern "C" fn(event: c_int, name: *const c_char, user_data: *mut c_void);

/// What has become of a thread.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadEvent {
    /// It has started, and has run nothing of the host's.
    Started = 1,
    /// It will run nothing of the host's any more.
    Stopping = 2,
}

/// Hears how a task ended.
pub type EndFn = unsafe extern "C" fn(end: *const Completion, user_data: *mut c_void);
/// Hears that there is something to do.
pub type ReadyFn = unsafe extern "C" fn(user_data: *mut c_void);

/// A pointer of the host's with the destructor that it wants called once.
#[derive(Debug)]
pub struct Owned {
    data: *mut c_void,
    drop: Option<DropFn>,
}

// SAFETY: the host gave the pointer to be used and dropped on any thread; that is the contract of
// `user_data` and of results.
unsafe impl Send for Owned {}

impl Owned {
    /// Takes the pointer over.
    pub fn new(data: *mut c_void, drop: Option<DropFn>) -> Owned {
        Owned { data, drop }
    }

    /// The pointer.
    pub fn data(&self) -> *mut c_void {
        self.data
    }

    /// A second one of the same, which must not be: see [`crate::canary`].
    #[doc(hidden)]
    pub fn again(&self) -> Owned {
        Owned { data: self.data, drop: self.drop }
    }

    /// Calls the destructor, whatever this thread is inside of.
    fn drop_now(mut self) {
        if let Some(drop) = self.drop.take() {
            self.call(drop);
        }
    }

    /// The last step of its life.
    fn call(&self, drop: DropFn) {
        let _inside = Inside::enter();
        // SAFETY: taken over with the promise that this destructor takes this pointer, and called at
        // most once since `self` ends with it.
        calls(|| unsafe { drop(self.data) });
    }

    /// Gives the pointer back without dropping it.
    pub fn into_parts(self) -> (*mut c_void, Option<DropFn>) {
        let parts = (self.data, self.drop);
        std::mem::forget(self);
        parts
    }
}

impl Drop for Owned {
    /// Calls the host's destructor: here and now, or, when this happens inside another destructor
    /// on this thread, as soon as that one has returned.
    fn drop(&mut self) {
        let Some(drop) = self.drop else { return };
        if is_leaving() {
            // The parent drops it.
            return;
        }
        if is_dropping() {
            return later(Later::Drop(Owned { data: self.data, drop: self.drop.take() }));
        }
        {
            let _dropping = Flag::raise(&DROPPING);
            self.call(drop);
        }
        drain();
    }
}

/// Sets a flag of this thread while it lives.
struct Flag(&'static LocalKey<Cell<bool>>);

impl Flag {
    fn raise(flag: &'static LocalKey<Cell<bool>>) -> Flag {
        let _ = flag.try_with(|flag| flag.set(true));
        Flag(flag)
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        let _ = self.0.try_with(|flag| flag.set(false));
    }
}

thread_local! {
    /// This thread unwinds, in a child, to where the host called us, or we it.
    static LEAVING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is on its way out of what its parent was doing: nothing is to be touched.
pub(crate) fn is_leaving() -> bool {
    LEAVING.try_with(Cell::get).unwrap_or(false)
}

/// Calls a function of the host's; does not return in a child that was forked inside it.
#[inline]
pub(crate) fn calls<T>(call: impl FnOnce() -> T) -> T {
    calls_for(call, |_| 0)
}

/// As [`calls`]; what it returned says the exit status of a child that ends.
#[inline]
fn calls_for<T>(call: impl FnOnce() -> T, status: impl FnOnce(&T) -> i32) -> T {
    let before = platform::forks();
    let answer = call();
    if platform::forks() != before {
        leave(status(&answer));
    }
    answer
}

#[cold]
fn leave(status: i32) -> ! {
    let _ = LEAVING.try_with(|leaving| leaving.set(true));
    // What other destructors have left behind is the parent's to drop.
    let left = LATER.try_with(|queue| std::mem::take(&mut *queue.borrow_mut()));
    std::mem::forget(left);
    std::mem::forget(NEWS.try_with(|news| std::mem::take(&mut *news.borrow_mut())));
    resume_unwind(Box::new(Forked { status }))
}

/// The child has arrived where the host called us: whether that is what this unwinding was.
pub(crate) fn has_left(panic: &(dyn Any + Send)) -> Option<Forked> {
    let forked = panic.downcast_ref::<Forked>().copied()?;
    let _ = LEAVING.try_with(|leaving| leaving.set(false));
    Some(forked)
}

/// Runs what calls the host, on a thread of ours: a child that comes back there ends.
#[inline]
pub(crate) fn ends_child<T>(work: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer,
        Err(panic) => match has_left(&*panic) {
            Some(forked) => end_child(forked.status),
            None => resume_unwind(panic),
        },
    }
}

/// The exit status that says what a task's function returned: not 0 unless it was.
fn status_of(code: i32) -> i32 {
    if code != 0 && code & 0xff == 0 { 1 } else { code & 0xff }
}

/// What waits until the destructor that this thread is in has returned.
enum Later {
    Drop(Owned),
    /// The end of this task.
    End(Holding, Box<dyn FnOnce()>),
}

/// A list of a thread's, which has no destructor: the system needs memory to register one, and ends
/// the process if it has none. So whoever takes the last out of it leaves no memory behind.
type Own<T> = ManuallyDrop<RefCell<T>>;

/// Takes the last one out of such a list.
fn pop_own(list: &'static LocalKey<Own<Vec<Holding>>>) {
    let _ = list.try_with(|list| {
        let mut list = list.borrow_mut();
        list.pop();
        if list.is_empty() {
            *list = Vec::new();
        }
    });
}

/// Puts one into such a list; true when there was memory for it.
fn push_own(list: &'static LocalKey<Own<Vec<Holding>>>, holding: Holding) -> bool {
    let push = |list: &Own<Vec<Holding>>| {
        let mut list = list.borrow_mut();
        let room = list.try_reserve(1).is_ok();
        if room {
            list.push(holding);
        }
        room
    };
    list.try_with(push).unwrap_or(false)
}

thread_local! {
    /// How many calls of callbacks, but for tasks, this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The linear task that this thread is running.
    static CURRENT: Cell<*const Token> = const { Cell::new(ptr::null()) };
    /// The thread is inside a destructor of the host's.
    static DROPPING: Cell<bool> = const { Cell::new(false) };
    static LATER: Own<VecDeque<Later>> = const { Own::new(RefCell::new(VecDeque::new())) };
    static DRAINING: Cell<bool> = const { Cell::new(false) };
    /// The task that this thread runs and has to end, and the lane that it holds until then.
    static HOLDING: Cell<Holding> = const { Cell::new(Holding { core: 0, index: 0, lane: 0 }) };
    /// Those inside which it runs that one: a pump may be run inside a task.
    static OUTER: Own<Vec<Holding>> = const { Own::new(RefCell::new(Vec::new())) };
    /// The cancelled tasks that this thread is ending, the outermost first.
    static ENDING: Own<Vec<Holding>> = const { Own::new(RefCell::new(Vec::new())) };
    /// The thread is telling the host of an end.
    static TELLING: Cell<bool> = const { Cell::new(false) };
    /// Ends that it brought about meanwhile, to be told of next.
    static NEWS: Own<VecDeque<Box<dyn FnOnce()>>> = const { Own::new(RefCell::new(VecDeque::new())) };
}

/// The number of this thread: never 0, and no other thread's.
pub(crate) fn thread_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    let own = NUMBER.try_with(Cell::get).unwrap_or(u32::MAX);
    if own != 0 {
        return own;
    }
    let own = NEXT.fetch_add(1, Ordering::Relaxed);
    let _ = NUMBER.try_with(|number| number.set(own));
    own
}

/// A task that a thread has to end, and its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Which core, by its address.
    pub core: usize,
    /// The task's record.
    pub index: u32,
    /// Its lane, or 0.
    pub lane: u32,
}

/// While it lives, this is what the thread runs and has to end.
pub(crate) struct Held(Holding);

impl Held {
    #[inline]
    pub(crate) fn enter(holding: Holding) -> Held {
        Held(HOLDING.try_with(|held| held.replace(holding)).unwrap_or(holding))
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        let _ = HOLDING.try_with(|held| held.set(self.0));
    }
}

/// While it lives, the thread is ending this cancelled task.
pub(crate) struct Ending(bool);

impl Ending {
    pub(crate) fn enter(holding: Holding) -> Ending {
        // Without memory for it, a wait for it that is for ever is not found to be so.
        Ending(push_own(&ENDING, holding))
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0 {
            pop_own(&ENDING);
        }
    }
}

/// All that this thread has to end, now or when the destructor that it is in has returned: the
/// tasks that it runs, and the cancelled ones that it ends.
#[cold]
pub(crate) fn holdings() -> Vec<Holding> {
    let mut all = Vec::new();
    let _ = HOLDING.try_with(|held| all.push(held.get()));
    let _ = OUTER.try_with(|outer| all.extend(outer.borrow().iter()));
    let _ = ENDING.try_with(|ending| all.extend(ending.borrow().iter()));
    let _ = LATER.try_with(|queue| {
        all.extend(queue.borrow().iter().filter_map(|later| match later {
            Later::End(holding, _) => Some(*holding),
            Later::Drop(_) => None,
        }));
    });
    all.retain(|held| held.core != 0);
    all
}

/// Whether this thread has to end anything.
pub(crate) fn holds_any() -> bool {
    HOLDING.try_with(|held| held.get().core != 0).unwrap_or(false)
        || ENDING.try_with(|ending| !ending.borrow().is_empty()).unwrap_or(false)
        || LATER.try_with(|queue| !queue.borrow().is_empty()).unwrap_or(false)
}

/// While it lives, tasks may be run inside of the one that this thread runs already.
pub(crate) struct Nesting(bool);

impl Nesting {
    pub(crate) fn enter() -> Nesting {
        let outer = HOLDING.try_with(Cell::get).ok().filter(|outer| outer.core != 0);
        Nesting(outer.is_some_and(|outer| push_own(&OUTER, outer)))
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        if self.0 {
            pop_own(&OUTER);
        }
    }
}

/// Whether this thread is inside a destructor of the host's.
pub(crate) fn is_dropping() -> bool {
    DROPPING.try_with(Cell::get).unwrap_or(false)
}

/// Ends the task when the destructor that this thread is in has returned.
pub(crate) fn end_later(holding: Holding, end: Box<dyn FnOnce()>) {
    later(Later::End(holding, end));
}

fn later(what: Later) {
    let now = LATER.try_with(|queue| {
        let mut queue = queue.borrow_mut();
        match queue.try_reserve(1) {
            Ok(()) => {
                queue.push_back(what);
                None
            }
            Err(_) => Some(what),
        }
    });
    // Without memory it is done inside the other one.
    match now {
        Ok(Some(Later::Drop(owned))) => owned.drop_now(),
        Ok(Some(Later::End(_, end))) => end(),
        _ => {}
    }
}

/// Runs what destructors have left behind, from the outermost one.
fn drain() {
    if DRAINING.try_with(Cell::get).unwrap_or(true) {
        return;
    }
    let _draining = Flag::raise(&DRAINING);
    let next = |queue: &Own<VecDeque<Later>>| {
        let mut queue = queue.borrow_mut();
        let next = queue.pop_front();
        if next.is_none() {
            *queue = VecDeque::new();
        }
        next
    };
    while let Ok(Some(next)) = LATER.try_with(next) {
        match next {
            Later::Drop(owned) => drop(owned),
            Later::End(_, end) => end(),
        }
    }
}

/// Marks that this thread is inside host code.
pub(crate) struct Inside;

impl Inside {
    pub(crate) fn enter() -> Inside {
        sync::assert_none_held();
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    }
}

thread_local! {
    /// This thread is inside a poll function.
    static POLLING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a poll function, which must not wait for anything.
pub(crate) fn is_polling() -> bool {
    POLLING.try_with(Cell::get).unwrap_or(false)
}

/// Calls an async task's function.
///
/// # Safety
/// `function` takes `data`, and may be called on this thread.
pub(crate) unsafe fn call_poll(function: PollFn, token: &Token, data: *mut c_void) -> i32 {
    let token: *const Token = token;
    let _inside = Inside::enter();
    let outer = POLLING.with(|polling| polling.replace(true));
    // SAFETY: the caller's promise; tokens change through atomics alone.
    let call = || unsafe { function(token.cast_mut(), data) };
    // TS_POLL_FAILED is 2.
    let poll = calls_for(call, |poll| i32::from(*poll == 2));
    POLLING.with(|polling| polling.set(outer));
    poll
}

/// Whether this thread is telling the host of an end.
pub(crate) fn is_telling() -> bool {
    TELLING.try_with(Cell::get).unwrap_or(false)
}

/// Tells of an end, and then, one after the other, of those that this has brought about here.
pub(crate) fn tell(end: impl FnOnce()) {
    let _telling = Flag::raise(&TELLING);
    end();
    let next = |news: &Own<VecDeque<Box<dyn FnOnce()>>>| {
        let mut news = news.borrow_mut();
        let next = news.pop_front();
        if next.is_none() {
            *news = VecDeque::new();
        }
        next
    };
    while let Ok(Some(next)) = NEWS.try_with(next) {
        next();
    }
}

/// Tells of an end after the one that this thread [is telling](is_telling) of; without memory for
/// that, inside of it.
pub(crate) fn tell_next(end: impl FnOnce() + 'static) {
    let room = NEWS.try_with(|news| news.borrow_mut().try_reserve(1).is_ok()).unwrap_or(false);
    match if room { memory::boxed_or(end) } else { Err(end) } {
        Ok(end) => {
            let _ = NEWS.try_with(|news| news.borrow_mut().push_back(end));
        }
        Err(end) => end(),
    }
}

/// Tells the host how a task ended.
///
/// # Safety
/// `function` takes `data`, and may be called on this thread.
pub(crate) unsafe fn call_end(function: EndFn, end: &Completion, data: *mut c_void) {
    let _inside = Inside::enter();
    // SAFETY: the caller's promise.
    calls(|| unsafe { function(end, data) });
}

/// A function of the host's that hears that there is something to do.
#[derive(Debug)]
pub struct Bell {
    function: ReadyFn,
    data: Owned,
}

// SAFETY: the host gave the function to be called with the pointer on any thread, several at once.
unsafe impl Sync for Bell {}

impl Bell {
    /// Takes both over.
    ///
    /// # Safety
    /// The function takes the data, on any thread.
    pub unsafe fn new(function: ReadyFn, data: Owned) -> Bell {
        Bell { function, data }
    }

    /// Calls it.
    pub(crate) fn ring(&self) {
        let _inside = Inside::enter();
        // SAFETY: the promise of whoever made it.
        calls(|| unsafe { (self.function)(self.data.data()) });
    }

    /// Gives the data back without dropping it.
    pub(crate) fn refuse(bell: Option<Bell>) {
        if let Some(bell) = bell {
            bell.data.into_parts();
        }
    }
}

/// The host's function for each thread, dropped with the last thread that may call it.
#[derive(Debug)]
pub struct ThreadHook {
    function: Option<ThreadFn>,
    user_data: Owned,
}

// SAFETY: the host's promise is that the function and its data may be used on any thread.
unsafe impl Sync for ThreadHook {}

impl ThreadHook {
    /// Takes `user_data` over, also where there is no function.
    ///
    /// # Safety
    /// The function takes `user_data` and may be called on any thread; so may `drop`.
    pub unsafe fn new(
        function: Option<ThreadFn>,
        user_data: *mut c_void,
        drop: Option<DropFn>,
    ) -> ThreadHook {
        ThreadHook { function, user_data: Owned::new(user_data, drop) }
    }

    /// Tells the host.
    pub(crate) fn call(&self, event: ThreadEvent, name: &CStr) {
        let Some(function) = self.function else { return };
        let _inside = Inside::enter();
        let _waits = MustNotWait::enter();
        // SAFETY: the promise given to `new`.
        calls(|| unsafe { function(event as c_int, name.as_ptr(), self.user_data.data()) });
        annotate::release(self);
    }
}

impl Drop for ThreadHook {
    fn drop(&mut self) {
        annotate::acquire(self);
    }
}

thread_local! {
    /// This thread may be what every task waits for.
    static MUST_NOT_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, nothing of the host's on this thread may wait for a task: that may need the thread.
pub(crate) struct MustNotWait(bool);

impl MustNotWait {
    pub(crate) fn enter() -> MustNotWait {
        MustNotWait(MUST_NOT_WAIT.try_with(|must_not| must_not.replace(true)).unwrap_or(true))
    }
}

impl Drop for MustNotWait {
    fn drop(&mut self) {
        let _ = MUST_NOT_WAIT.try_with(|must_not| must_not.set(self.0));
    }
}

/// Whether what this thread is inside of must not wait for any task: a poll, what comes of its end,
/// or a thread's start and end.
pub(crate) fn must_not_wait() -> bool {
    is_polling() || MUST_NOT_WAIT.try_with(Cell::get).unwrap_or(false)
}

/// Whether this thread is inside a task, a drop or another callback.
pub fn inside_host_code() -> bool {
    !current_token().is_null() || DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false)
}

/// The token of the linear task that this thread is running, or null.
pub(crate) fn current_token() -> *const Token {
    CURRENT.try_with(Cell::get).unwrap_or(ptr::null())
}

/// Calls a linear task's function.
///
/// # Safety
/// `function` takes `data`, and may be called on this thread.
#[inline]
pub(crate) unsafe fn call_task(function: TaskFn, token: &Token, data: *mut c_void) -> i32 {
    sync::assert_none_held();
    let token: *const Token = token;
    let outer = CURRENT.with(|current| current.replace(token));
    let call = || {
        // SAFETY: the caller's promise; tokens change through atomics alone.
        let code = unsafe { function(token.cast_mut(), data) };
        CURRENT.with(|current| current.set(outer));
        code
    };
    calls_for(call, |code| status_of(*code))
}
