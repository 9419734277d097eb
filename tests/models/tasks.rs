//! What becomes of a task: its word, and who waits for it.

use crate::checker;
use crate::core::room::{Room, Waited};
use crate::core::word::{Cause, KEEP, Snapshot, Stop, Word};
use crate::kinds::State;

use crate::checker::sync::Mutex;
use crate::checker::sync::atomic::{AtomicUsize, Ordering::*};
use crate::checker::thread;
use std::sync::Arc;
use std::task::{Wake, Waker};

const INDEX: u32 = 7;
const GENERATION: u64 = 3;

/// A word, the room of its record, and what was done to the record.
struct Task {
    word: Word,
    room: Room,
    /// History's lock.
    history: Mutex<()>,
    started: AtomicUsize,
    freed: AtomicUsize,
}

impl Task {
    /// A pending one.
    fn new() -> Arc<Task> {
        let word = Word::new();
        word.open(GENERATION, 0);
        let (room, history) = (Room::default(), Mutex::new(()));
        let (started, freed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Task { word, room, history, started, freed })
    }

    /// One that runs.
    fn running() -> Arc<Task> {
        let task = Task::new();
        task.word.start().unwrap();
        task
    }

    fn spawn<R: Send + 'static>(
        self: &Arc<Task>,
        work: impl FnOnce(&Task) -> R + Send + 'static,
    ) -> thread::JoinHandle<R> {
        let task = self.clone();
        thread::spawn(move || work(&task))
    }

    fn free_if(&self, garbage: bool) {
        if garbage {
            self.freed.fetch_add(1, Relaxed);
        }
    }

    /// As history.
    fn let_go(&self) -> Snapshot {
        let _history = self.history.lock().unwrap();
        self.word.let_go()
    }

    /// Waits without a deadline.
    fn wait_end<R>(&self, look: impl FnOnce(Snapshot, Waited) -> R) -> Option<(R, bool)> {
        let history = || self.history.lock().unwrap();
        self.room.wait_end(&self.word, INDEX, GENERATION, None, history, look)
    }

    fn tell(&self) {
        let (wakers, garbage) = self.room.tell(&self.word, INDEX);
        self.free_if(garbage);
        assert!(wakers.wake());
    }

    /// What an end does once the state is visible.
    fn say_ended(&self, word: Snapshot) {
        if word.is_waited() {
            self.tell();
        } else {
            self.free_if(word.is_garbage());
        }
    }

    fn stop(&self, cause: Cause) -> Stop {
        let stop = self.word.stop(GENERATION, cause);
        if let Stop::Running { waited: true } = stop {
            self.tell();
        }
        stop
    }

    /// The function has returned well: the short end, and the long one where a stop came first.
    fn end_at_once(&self) -> State {
        let word = self.word.finish_at_once(State::Completed).unwrap_or_else(|_| self.end_long());
        self.say_ended(word);
        word.state().unwrap()
    }

    fn end_with_care(&self) -> State {
        let word = self.end_long();
        self.say_ended(word);
        word.state().unwrap()
    }

    fn end_long(&self) -> Snapshot {
        let state = self.word.returned().cause().map_or(State::Completed, Cause::state);
        self.word.finish(State::Running, state)
    }
}

#[test]
fn cancel_or_run_never_both() {
    checker::model(|| {
        let task = Task::new();
        let seen = task.word.load();
        let runs = task.spawn(|task| task.word.start().is_ok());
        let stops = task.spawn(|task| task.stop(Cause::Force));
        let cancels = task.word.cancel_pending(seen, Cause::Shutdown);
        let (runs, stop) = (runs.join().unwrap(), stops.join().unwrap());
        let pending = stop == Stop::Pending;
        assert_eq!(u8::from(runs) + u8::from(cancels) + u8::from(pending), 1, "{stop:?}");
        assert_eq!(runs, task.word.load().state() == Some(State::Running));
        // Who starts it takes it off its queue; a cancelled one is left for who takes the queue.
        assert_eq!(runs, !task.word.load().is_linked());
        if runs {
            assert_eq!(stop, Stop::Running { waited: false });
        } else {
            let first = if cancels { Cause::Shutdown } else { Cause::Force };
            assert_eq!(task.word.load().cause(), Some(first));
        }
    });
}

fn stop_or_return(end: fn(&Task) -> State) {
    checker::model(move || {
        let task = Task::running();
        let stops = task.spawn(|task| task.stop(Cause::Watchdog));
        let state = end(&task);
        match stops.join().unwrap() {
            Stop::Running { .. } => assert_eq!(state, State::Timeout),
            Stop::Finished => assert_eq!(state, State::Completed),
            other => panic!("{other:?}"),
        }
        assert_eq!(task.word.load().state(), Some(state));
    });
}

#[test]
fn stop_or_return_one_decides() {
    stop_or_return(Task::end_with_care);
}

#[test]
fn stop_or_return_at_once_one_decides() {
    stop_or_return(Task::end_at_once);
}

#[test]
fn stop_never_reaches_the_next_task_of_the_place() {
    checker::model(|| {
        let task = Task::running();
        let stops = task.spawn(|task| task.stop(Cause::Force));
        task.end_at_once();
        task.free_if(task.let_go().is_garbage());
        assert_eq!(task.freed.load(Relaxed), 1);
        task.word.free(GENERATION);
        task.word.open(GENERATION + 1, 0);
        assert_ne!(stops.join().unwrap(), Stop::Pending);
        assert_eq!(task.word.load().cause(), None);
    });
}

#[test]
fn two_stops_first_cause_wins() {
    checker::model(|| {
        let task = Task::running();
        let shutdown = task.spawn(|task| task.stop(Cause::Shutdown));
        let force = task.spawn(|task| task.stop(Cause::Force));
        let again = task.stop(Cause::Force);
        let (shutdown, force) = (shutdown.join().unwrap(), force.join().unwrap());
        let told = Stop::Running { waited: false };
        let first = [shutdown, force, again].iter().filter(|stop| **stop == told).count();
        assert_eq!(first, 1);
        if shutdown == told {
            assert_eq!((force, again), (Stop::Stopping, Stop::Stopping));
            assert_eq!(task.word.load().cause(), Some(Cause::Shutdown));
        } else {
            assert_eq!(shutdown, Stop::Stopping);
            assert!([force, again].contains(&Stop::Again));
            assert_eq!(task.word.load().cause(), Some(Cause::Force));
        }
    });
}

#[test]
fn stuck_and_released_are_marked_once_and_only_while_running() {
    checker::model(|| {
        let task = Task::running();
        let other = task
            .spawn(|task| (task.word.mark_stuck(GENERATION), task.word.release_lane(GENERATION)));
        let mine = task
            .spawn(|task| (task.word.mark_stuck(GENERATION), task.word.release_lane(GENERATION)));
        let ended = task.word.finish_at_once(State::Completed).unwrap();
        let (other, mine) = (other.join().unwrap(), mine.join().unwrap());
        assert!(!(other.0 && mine.0) && !(other.1 && mine.1));
        // Whoever ends it knows whether its lane is still its own.
        assert_eq!(ended.is_released(), other.1 || mine.1);
        assert_eq!(task.word.load().is_released(), ended.is_released());
    });
}

#[test]
fn last_holder_frees_once() {
    checker::model(|| {
        // Cancelled while pending: still in its queue, readable, and about to end.
        let task = Task::new();
        assert_eq!(task.stop(Cause::Force), Stop::Pending);
        let queue = task.spawn(|task| task.free_if(task.word.unlink().is_garbage()));
        let history = task.spawn(|task| task.free_if(task.let_go().is_garbage()));
        task.say_ended(task.word.finish(State::Pending, State::Cancelled));
        queue.join().unwrap();
        history.join().unwrap();
        assert_eq!(task.freed.load(Relaxed), 1);
    });
}

#[test]
fn last_holder_frees_once_beside_a_waiter() {
    checker::model(|| {
        let task = Task::running();
        let waits = task.spawn(|task| {
            let look = |word: Snapshot, _| {
                assert_eq!(word.generation(), GENERATION);
                assert_eq!(task.freed.load(Relaxed), 0, "freed under a waiter");
            };
            match task.wait_end(look) {
                Some(((), garbage)) => task.free_if(garbage),
                None => assert!(!task.word.load().is_readable()),
            }
        });
        let history = task.spawn(|task| task.free_if(task.let_go().is_garbage()));
        task.end_at_once();
        waits.join().unwrap();
        history.join().unwrap();
        assert_eq!(task.freed.load(Relaxed), 1);
        assert!(task.word.load().is_garbage());
    });
}

#[test]
fn waiter_hears_the_end() {
    checker::model(|| {
        let task = Task::running();
        let waits = task.spawn(|task| {
            let look = |word: Snapshot, waited| (word.state(), waited);
            task.wait_end(look)
        });
        task.end_at_once();
        // A lost wake-up is a deadlock, which is reported.
        let seen = (Some(State::Completed), Waited::Came);
        assert_eq!(waits.join().unwrap(), Some((seen, false)));
        assert!(!task.word.load().is_waited());
    });
}

#[test]
fn two_waiters_hear_the_end() {
    checker::model(|| {
        let task = Task::running();
        let wait = |task: &Task| {
            let look = |word: Snapshot, _| word.is_final();
            task.wait_end(look).unwrap().0
        };
        let waits = task.spawn(wait);
        let ends = task.spawn(Task::end_with_care);
        assert!(wait(&task));
        assert!(waits.join().unwrap());
        ends.join().unwrap();
        assert!(!task.word.load().is_waited());
    });
}

#[test]
fn sleeper_hears_the_stop() {
    checker::model(|| {
        let task = Task::running();
        let sleeps = task.spawn(|task| {
            assert_eq!(task.room.sleep(&task.word, INDEX, None), (true, false));
            task.end_at_once()
        });
        assert!(matches!(task.stop(Cause::Force), Stop::Running { .. }));
        assert_eq!(sleeps.join().unwrap(), State::Cancelled);
        assert!(!task.word.load().is_waited());
    });
}

#[test]
fn sleeper_and_waiter_of_one_task_both_hear() {
    checker::model(|| {
        let task = Task::running();
        let sleeps = task.spawn(|task| {
            assert!(task.room.sleep(&task.word, INDEX, None).0);
            task.end_with_care()
        });
        let waits = task.spawn(|task| {
            let look = |word: Snapshot, _| word.state();
            task.wait_end(look).unwrap().0
        });
        task.stop(Cause::Shutdown);
        assert_eq!(sleeps.join().unwrap(), State::Cancelled);
        assert_eq!(waits.join().unwrap(), Some(State::Cancelled));
    });
}

/// Counts its wakes.
struct Listener(AtomicUsize);

impl Listener {
    fn new() -> Arc<Listener> {
        Arc::new(Listener(AtomicUsize::new(0)))
    }

    fn woken(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Wake for Listener {
    fn wake(self: Arc<Listener>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn listener_hears_the_end_once() {
    checker::model(|| {
        let task = Task::running();
        let listener = Listener::new();
        let ends = task.spawn(Task::end_at_once);
        let stops = task.spawn(|task| task.stop(Cause::Force));
        let waker = Waker::from(listener.clone());
        let ended = task.room.listen(&task.word, INDEX, GENERATION, waker).unwrap();
        ends.join().unwrap();
        stops.join().unwrap();
        assert_eq!(listener.woken(), usize::from(!ended));
        assert!(!task.word.load().is_waited());
    });
}

#[test]
fn listener_that_goes_leaves_the_others_theirs() {
    checker::model(|| {
        let task = Task::running();
        let listener = Listener::new();
        let stays = Waker::from(listener.clone());
        let heard = task.room.listen(&task.word, INDEX, GENERATION, stays);
        assert_eq!(heard, Some(false));
        let goes = task.spawn(|task| {
            let waker = Waker::from(Listener::new());
            task.room.listen(&task.word, INDEX, GENERATION, waker.clone());
            task.room.unlisten(&task.word, INDEX, &waker);
        });
        task.end_at_once();
        goes.join().unwrap();
        assert_eq!(listener.woken(), 1);
    });
}

#[test]
fn last_holder_frees_once_beside_who_looks_at_an_end() {
    checker::model(|| {
        let task = Task::running();
        task.end_at_once();
        let look = |task: &Task| {
            let look = |word: Snapshot, _| {
                assert!(word.is_final() && word.generation() == GENERATION);
                assert_eq!(task.freed.load(Relaxed), 0, "freed under who looks");
            };
            if let Some(((), garbage)) = task.wait_end(look) {
                task.free_if(garbage);
            }
        };
        let looks = task.spawn(look);
        let history = task.spawn(|task| task.free_if(task.let_go().is_garbage()));
        look(&task);
        looks.join().unwrap();
        history.join().unwrap();
        assert_eq!(task.freed.load(Relaxed), 1);
        assert!(task.word.load().is_garbage());
    });
}

#[test]
fn last_holder_frees_once_beside_a_listener() {
    checker::model(|| {
        let task = Task::running();
        let listens = task.spawn(|task| {
            let waker = Waker::from(Listener::new());
            task.room.listen(&task.word, INDEX, GENERATION, waker.clone());
            task.free_if(task.room.unlisten(&task.word, INDEX, &waker));
        });
        let history = task.spawn(|task| task.free_if(task.let_go().is_garbage()));
        task.end_at_once();
        listens.join().unwrap();
        history.join().unwrap();
        assert_eq!(task.freed.load(Relaxed), 1);
    });
}

#[test]
fn listener_never_hears_the_end_of_an_earlier_task_of_the_place() {
    checker::model(|| {
        let task = Task::running();
        let listener = Listener::new();
        let waker = Waker::from(listener.clone());
        let reuses = task.spawn(move |task| {
            let Some(((), false)) = task.wait_end(|_, _| ()) else { unreachable!() };
            // Nobody keeps it but history: it is forgotten, and the place used anew.
            if !task.let_go().is_garbage() {
                return;
            }
            task.word.free(GENERATION);
            task.word.open(GENERATION + 1, 0);
            let heard = task.room.listen(&task.word, INDEX, GENERATION + 1, waker);
            assert_eq!(heard, Some(false));
        });
        let word = task.word.finish_at_once(State::Completed).unwrap();
        task.say_ended(word);
        reuses.join().unwrap();
        assert_eq!(listener.woken(), 0);
        if task.word.load().generation() > GENERATION {
            assert!(task.word.load().is_waited());
            task.say_ended(task.word.finish(State::Pending, State::Cancelled));
            assert_eq!(listener.woken(), 1);
        }
    });
}

#[test]
fn kept_record_is_freed_once_when_it_ends_or_is_forgotten() {
    checker::model(|| {
        // As `end` and `forget` do it, each under history's lock.
        let word = Word::new();
        word.open(GENERATION, KEEP);
        word.start().unwrap();
        let history = Arc::new((checker::sync::Mutex::new(()), word, AtomicUsize::new(0)));
        let its = history.clone();
        let ends = thread::spawn(move || {
            let (lock, word, freed) = &*its;
            {
                let _history = lock.lock().unwrap();
                match word.load().has(KEEP) {
                    true => drop(word.settle()),
                    false => assert!(!word.let_go().is_garbage()),
                }
            }
            if word.finish_at_once(State::Completed).unwrap().is_garbage() {
                freed.fetch_add(1, Relaxed);
            }
        });
        let (lock, word, freed) = &*history;
        {
            let _history = lock.lock().unwrap();
            if word.load().is_settled() {
                if word.let_go().is_garbage() {
                    freed.fetch_add(1, Relaxed);
                }
            } else {
                word.unkeep();
            }
        }
        ends.join().unwrap();
        assert_eq!(freed.load(Relaxed), 1);
    });
}
