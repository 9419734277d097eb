//! Every thread of ours is made here, as the configuration and the host's options say.
//!
//! What always holds:
//!
//! * a thread is counted from before it is made until it has done its last, so that a shutdown can
//!   wait for that up to a moment, where a join would have no bound;
//! * a thread takes no signal, calculates as a process does that has just started, and has its name,
//!   stack, processors and nice level before it runs anything of the host's;
//! * the host's function is told of its start first of all host code, and of its stopping last, each
//!   once, on the thread and under no lock of ours;
//! * whoever joins a thread has waited for that too, so a thread that might be in the host's
//!   function is joined under no lock; one that [`Thread::is_finished`] is not in it any more.
//!
//! What a thread inherits (processors, nice level) comes from the thread that makes it. That may be
//! one of ours, which is bound already: so each remembers what it was before, and passes that on.

use crate::config::{Key, Settings};
use crate::count::Count;
use crate::counted::CountedBox;
use crate::host::{self, MustNotWait, ThreadEvent, ThreadHook};
use crate::log::{self, LogLevel};
use crate::memory;
use crate::platform::floats::Floats;
use crate::platform::signals::SignalsBlocked;
use crate::platform::thread::Thread;
use crate::platform::{self, Affinity, thread};
use crate::processors::Processors;
use crate::sync::{Condvar, Mutex};
use std::cell::Cell;
use std::ffi::CStr;
use std::io;
use std::sync::Arc;

/// Bytes of stack that a thread needs for itself, beside what the host asked for: some 12 KiB where
/// nothing is optimised.
const OWN_STACK: usize = 32 * 1024;

/// What a thread is for.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// Runs linear tasks.
    Worker(usize),
    /// Runs async tasks.
    Loop(usize),
    /// Looks after time-outs.
    Watchdog,
}

/// Makes the threads of a scheduler; see the module.
#[derive(Debug)]
pub struct Threads {
    settings: Arc<Settings>,
    /// None when the scheduler is no more.
    hook: Mutex<Option<Arc<ThreadHook>>>,
    /// How many there are.
    alive: Count,
}

/// What a thread was given by the one that made it, where ours have changed that.
#[derive(Clone, Copy, Default)]
struct Inherited {
    affinity: Option<Affinity>,
    nice: Option<i32>,
}

thread_local! {
    /// What this thread, if it is one of ours, was before it was configured.
    static INHERITED: Cell<Inherited> = const { Cell::new(Inherited { affinity: None, nice: None }) };
}

impl Threads {
    /// Threads that this configuration, and this function of the host's, are for.
    pub fn new(settings: Arc<Settings>, hook: ThreadHook) -> Threads {
        Threads { settings, hook: Mutex::new(Some(Arc::new(hook))), alive: Count::default() }
    }

    /// How many threads there are, in whatever they are.
    pub fn alive(&self) -> usize {
        self.alive.now()
    }

    /// Waits until every thread has done its last, so that a join takes no time; false when the
    /// deadline passed before.
    pub fn wait_gone(&self, deadline: Option<u64>) -> bool {
        self.alive.wait_none(deadline)
    }

    fn count(self: &Arc<Threads>) -> Counted {
        self.alive.come();
        Counted(self.clone())
    }

    /// The last thread is gone: the host's data is dropped, here.
    pub fn retire(&self) {
        let hook = self.hook.lock().take();
        drop(hook);
    }

    /// Starts a thread that runs `life`, and then `after`, in which nothing of the host's runs.
    pub fn spawn(
        self: &Arc<Threads>,
        role: Role,
        life: impl FnOnce() + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> io::Result<Thread> {
        self.start(role, || Some(()), |()| life(), after)
    }

    /// Starts a thread that first makes what it needs, and then runs `life` with that: fails when
    /// either cannot be made. It is made there and not here, where a thread may be so late in its
    /// life that it can make nothing any more, or inside something that must not be left behind.
    pub fn spawn_with<T>(
        self: &Arc<Threads>,
        role: Role,
        make: impl FnOnce() -> io::Result<T> + Send + 'static,
        life: impl FnOnce(T) + Send + 'static,
    ) -> io::Result<Thread> {
        let no_memory = |_| io::Error::from_raw_os_error(libc::ENOMEM);
        let made = CountedBox::new((Mutex::new(None), Condvar::new())).map_err(no_memory)?;
        let tell = made.clone();
        let prepare = move || {
            let (made, answer) = match make() {
                Ok(made) => (Some(made), Ok(())),
                Err(error) => (None, Err(error)),
            };
            *tell.0.lock() = Some(answer);
            tell.1.notify_one();
            made
        };
        let thread = self.start(role, prepare, life, || ())?;
        let mut answer = made.0.lock();
        loop {
            match answer.take() {
                Some(Ok(())) => return Ok(thread),
                Some(Err(error)) => {
                    drop(answer);
                    thread.join();
                    return Err(error);
                }
                None => answer = made.1.wait(answer),
            }
        }
    }

    fn start<T>(
        self: &Arc<Threads>,
        role: Role,
        prepare: impl FnOnce() -> Option<T> + Send + 'static,
        life: impl FnOnce(T) + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> io::Result<Thread> {
        let threads = self.clone();
        let name = self.name(role)?;
        let hook = self.hook.lock().clone();
        let inherited = INHERITED.get();
        let stack = match self.settings.count(Key::ThreadStackSize) {
            0 => platform::usual_stack(),
            size => platform::whole_pages(size + OWN_STACK),
        };
        let counted = self.count();
        let _masked = SignalsBlocked::all();
        let life = move || {
            Floats::make_plain();
            let name = CStr::from_bytes_with_nul(&name).unwrap_or_default();
            thread::set_name(name);
            let Some(parts) = prepare() else { return drop(counted) };
            let troubles = threads.configure(inherited);
            let tell = |event| hook.iter().for_each(|hook| hook.call(event, name));
            tell(ThreadEvent::Started);
            for (what, error) in troubles {
                // Others count on what it is about to do.
                let _waits = MustNotWait::enter();
                log::line(LogLevel::Warning, || {
                    words!("{} runs without {what}: {error}", name.to_string_lossy())
                });
            }
            life(parts);
            tell(ThreadEvent::Stopping);
            after();
            drop(counted);
        };
        Thread::spawn(stack, || host::ends_child(life))
    }

    fn name(&self, role: Role) -> io::Result<Vec<u8>> {
        let no_memory = |_| io::Error::from_raw_os_error(libc::ENOMEM);
        let name = self.settings.text(Key::ThreadName).map_err(no_memory)?;
        let name = match role {
            Role::Worker(number) => words!("{name}-worker-{number}"),
            Role::Loop(number) => words!("{name}-loop-{number}"),
            Role::Watchdog => words!("{name}-watchdog"),
        };
        memory::for_c(name).map_err(no_memory)
    }

    /// Gives this new thread what it is to have; says what it could not get.
    fn configure(&self, from: Inherited) -> Vec<(&'static str, io::Error)> {
        let mut troubles = Vec::new();
        let wanted = self.settings.text(Key::ThreadAffinity).unwrap_or_default();
        let wanted = Processors::parse(&wanted).unwrap_or_default();
        let wanted = (!wanted.is_empty()).then(|| platform::affinity_of(&wanted));
        let mut own = from;
        if wanted.is_some() && own.affinity.is_none() {
            own.affinity = platform::affinity().ok();
        }
        if let Some(set) = wanted.or(from.affinity)
            && let Err(error) = platform::set_affinity(&set)
        {
            troubles.push(("its thread_affinity", error));
        }
        let wanted = Some(self.settings.level(Key::ThreadNice)).filter(|level| *level != 0);
        if wanted.is_some() && own.nice.is_none() {
            own.nice = Some(platform::nice());
        }
        if let Some(level) = wanted.or(from.nice)
            && let Err(error) = platform::set_nice(level)
        {
            troubles.push(("its thread_nice", error));
        }
        INHERITED.set(own);
        troubles
    }
}

/// A thread that is there, or about to be made.
struct Counted(Arc<Threads>);

impl Drop for Counted {
    fn drop(&mut self) {
        if host::is_leaving() {
            return;
        }
        self.0.alive.go();
    }
}

/// Takes one out of the list that has ended, to be joined without a lock: it is in no host code any
/// more.
pub fn take_ended(threads: &mut Vec<Thread>) -> Option<Thread> {
    let ended = threads.iter().position(Thread::is_finished)?;
    Some(threads.swap_remove(ended))
}

/// Makes room in a list for one that is about to be made.
pub fn make_room(threads: &mut Vec<Thread>) -> io::Result<()> {
    threads.try_reserve(1).map_err(|_| io::Error::from_raw_os_error(libc::ENOMEM))
}

/// Waits until these are gone.
pub fn join(threads: impl IntoIterator<Item = Thread>) {
    threads.into_iter().for_each(Thread::join);
}
