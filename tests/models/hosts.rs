//! What hosts take from: a mailbox with its gate, the limit on claims, the two that may finish one
//! claim, and who hears of an end.

use crate::checker;
use crate::checker::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use crate::checker::thread;
use crate::core::limit::ClaimLimit;
use crate::core::word::{self, Cause, Stop, Word};
use crate::kinds::State;
use crate::mailbox::{Mailbox, News};
use std::sync::Arc;

/// Takes one, waiting for it.
fn take(mailbox: &Mailbox<u32>) -> u32 {
    loop {
        if let Some(item) = mailbox.pop_if(|_| true) {
            return item;
        }
        assert_eq!(mailbox.wait(None), News::Items);
    }
}

#[test]
fn what_is_put_in_wakes_who_waits() {
    checker::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        let taker = {
            let mailbox = mailbox.clone();
            thread::spawn(move || take(&mailbox))
        };
        assert!(mailbox.push(1));
        assert_eq!(taker.join().unwrap(), 1);
    });
}

#[test]
fn two_who_wait_get_one_each() {
    checker::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let mailbox = mailbox.clone();
                thread::spawn(move || take(&mailbox))
            })
            .collect();
        mailbox.push(1);
        mailbox.push(2);
        let sum: u32 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
        assert_eq!(sum, 3);
    });
}

#[test]
fn a_close_wakes_who_waits() {
    checker::model(|| {
        let mailbox = Arc::new(Mailbox::<u32>::new());
        let taker = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.wait(None))
        };
        mailbox.close();
        assert_eq!(taker.join().unwrap(), News::Closed);
    });
}

/// A mailbox behind the limit, with one claim out and room for no other.
fn at_the_limit() -> (Arc<ClaimLimit>, Arc<Mailbox<u32>>) {
    let limit = Arc::new(ClaimLimit::new());
    let gate = limit.clone();
    let mailbox = Arc::new(Mailbox::with_gate(Box::new(move |_| gate.has_room())));
    assert!(limit.reserve() && !limit.reserve());
    (limit, mailbox)
}

/// Takes one by a right of its own, waiting for both.
fn claim(limit: &ClaimLimit, mailbox: &Mailbox<u32>) -> u32 {
    loop {
        if let Some(item) = mailbox.pop_if(|_| limit.reserve()) {
            return item;
        }
        assert_eq!(mailbox.wait(None), News::Items);
    }
}

#[test]
fn a_right_that_is_given_up_lets_the_next_one_out() {
    checker::model(|| {
        let (limit, mailbox) = at_the_limit();
        let taker = {
            let (limit, mailbox) = (limit.clone(), mailbox.clone());
            thread::spawn(move || claim(&limit, &mailbox))
        };
        let finisher = {
            let (limit, mailbox) = (limit.clone(), mailbox.clone());
            thread::spawn(move || {
                if limit.give_up() {
                    mailbox.let_go();
                }
            })
        };
        mailbox.push(1);
        assert_eq!(taker.join().unwrap(), 1);
        finisher.join().unwrap();
    });
}

#[test]
fn a_raised_limit_lets_the_next_one_out() {
    checker::model(|| {
        let (limit, mailbox) = at_the_limit();
        mailbox.push(1);
        let taker = {
            let (limit, mailbox) = (limit.clone(), mailbox.clone());
            thread::spawn(move || claim(&limit, &mailbox))
        };
        limit.set(2, 0);
        mailbox.let_go();
        assert_eq!(taker.join().unwrap(), 1);
    });
}

#[test]
fn never_more_are_out_than_may_be() {
    checker::model(|| {
        let limit = Arc::new(ClaimLimit::new());
        let out = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (limit, out) = (limit.clone(), out.clone());
                thread::spawn(move || {
                    if limit.reserve() {
                        assert_eq!(out.fetch_add(1, SeqCst), 0);
                        out.fetch_sub(1, SeqCst);
                        limit.give_up();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(limit.reserve() && limit.is_exceeded() == false);
    });
}

fn claimed() -> Arc<Word> {
    let word = Arc::new(Word::new());
    word.open_running(1, word::HOSTED | word::CLAIMS);
    word
}

#[test]
fn of_two_that_give_a_claim_back_one_does() {
    checker::model(|| {
        let word = claimed();
        let other = word.clone();
        let there = thread::spawn(move || other.give_back(1).is_some());
        let here = word.give_back(1).is_some();
        assert!(here != there.join().unwrap());
    });
}

#[test]
fn a_stop_comes_before_the_claim_is_back_or_is_told_that_it_is() {
    checker::model(|| {
        let word = claimed();
        let other = word.clone();
        let stopper = thread::spawn(move || other.stop(1, Cause::Force));
        let back = word.give_back(1).expect("nobody else has it");
        match stopper.join().unwrap() {
            Stop::Running { .. } => assert_eq!(back.cause(), Some(Cause::Force)),
            Stop::Finished => assert_eq!(back.cause(), None),
            other => panic!("{other:?}"),
        }
    });
}

/// The record of a task that ended and whose end is reported is freed by the last who lets go.
#[test]
fn of_a_report_and_a_forget_the_last_one_frees() {
    checker::model(|| {
        let word = Arc::new(Word::new());
        word.open_running(1, word::REPORTS | word::KEEP);
        word.finish(State::Running, State::Completed);
        let other = word.clone();
        let there = thread::spawn(move || other.let_go().is_garbage());
        let here = word.reported().is_garbage();
        assert!(here != there.join().unwrap());
    });
}

/// What `Core::report` and a queue that is freed do, in the small: every end is let go of once.
#[test]
fn an_end_that_meets_the_free_of_its_queue_is_let_go_of_once() {
    checker::model(|| {
        let mailbox = Arc::new(Mailbox::new());
        let closed = Arc::new(AtomicBool::new(false));
        let let_go = Arc::new(AtomicUsize::new(0));
        let take_all = |mailbox: &Mailbox<u32>, let_go: &AtomicUsize| {
            let_go.fetch_add(mailbox.take(usize::MAX).len(), SeqCst);
        };
        let reporter = {
            let (mailbox, closed, let_go) = (mailbox.clone(), closed.clone(), let_go.clone());
            thread::spawn(move || {
                if closed.load(SeqCst) {
                    let_go.fetch_add(1, SeqCst);
                    return;
                }
                mailbox.push(1);
                if closed.load(SeqCst) {
                    take_all(&mailbox, &let_go);
                }
            })
        };
        closed.store(true, SeqCst);
        take_all(&mailbox, &let_go);
        reporter.join().unwrap();
        assert_eq!(let_go.load(SeqCst), 1);
    });
}

/// More threads than loom can try: all is claimed, and never more at once than may be.
#[cfg(ts_shuttle)]
#[test]
fn three_claim_what_two_put_in_at_the_limit() {
    checker::model(|| {
        let (limit, mailbox) = at_the_limit();
        limit.set(2, 0);
        limit.give_up();
        let out = Arc::new(AtomicUsize::new(0));
        let adders = [1, 2].map(|adder| {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                (0..3).for_each(|at| {
                    mailbox.push(adder * 10 + at);
                })
            })
        });
        let takers = [(); 3].map(|()| {
            let (limit, mailbox, out) = (limit.clone(), mailbox.clone(), out.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    claim(&limit, &mailbox);
                    assert!(out.fetch_add(1, SeqCst) < 2);
                    out.fetch_sub(1, SeqCst);
                    if limit.give_up() {
                        mailbox.let_go();
                    }
                }
            })
        });
        adders.into_iter().chain(takers).for_each(|thread| thread.join().unwrap());
        assert_eq!(mailbox.len(), 0);
    });
}

/// What `Core::mark_stuck` and the end of its claim do, in the small: a stuck one that is given back may be
/// taken off before it was counted.
#[test]
fn a_stuck_claim_that_comes_back_lets_no_more_out_than_may_be() {
    checker::model(|| {
        let (word, limit) = (claimed(), Arc::new(ClaimLimit::new()));
        limit.set(1, 64);
        assert!(limit.reserve());
        word.stop(1, Cause::Force);
        let watchdog = {
            let (word, limit) = (word.clone(), limit.clone());
            thread::spawn(move || {
                if word.mark_stuck(1) {
                    limit.count_stuck();
                }
            })
        };
        word.give_back(1).expect("nobody else has it");
        if word.finish(State::Running, State::Cancelled).is_stuck() {
            limit.uncount_stuck();
        }
        assert!(limit.most() <= 1, "{} may be out", limit.most());
        watchdog.join().unwrap();
        assert_eq!(limit.most(), 1);
    });
}

/// What a slot knows of who has its claim, in the small: see `hosts/claims/lending.rs`.
struct Lending {
    limit: ClaimLimit,
    word: Arc<Word>,
    out: AtomicBool,
    /// 1: lent; 2: and stuck.
    lent: AtomicUsize,
}

impl Lending {
    fn lend(&self) {
        let lends = || self.out.load(Acquire);
        if !lends() {
            return;
        }
        let stuck = self.word.load().is_stuck();
        self.limit.lend(stuck);
        let mark = 1 + usize::from(stuck);
        assert!(self.lent.compare_exchange(0, mark, AcqRel, Relaxed).is_ok());
        if !lends() {
            self.take_back();
        } else if self.word.noted().is_stuck() {
            self.count_stuck();
        }
    }

    fn count_stuck(&self) {
        self.limit.lent_is_stuck(true);
        if self.lent.compare_exchange(1, 2, AcqRel, Relaxed).is_err() {
            self.limit.lent_is_stuck(false);
        }
    }

    fn take_back(&self) {
        match self.lent.swap(0, AcqRel) {
            0 => {}
            mark => self.limit.take_back(mark == 2),
        }
    }
}

/// A claim whose thread begins to wait, while another one finishes it or it is found to be stuck: the first
/// is not lent after that, and the other has one substitute; and it is never taken back twice.
#[test]
fn what_is_finished_is_not_lent_and_what_is_stuck_has_one_substitute() {
    for (finishes, replaced) in [(false, 0), (false, 1), (true, 0)] {
        checker::model(move || {
            let (limit, word) = (ClaimLimit::new(), claimed());
            limit.set(1, replaced);
            word.stop(1, Cause::Force);
            let (out, lent) = (AtomicBool::new(true), AtomicUsize::new(0));
            let all = Arc::new(Lending { limit, word, out, lent });
            let waits = {
                let all = all.clone();
                thread::spawn(move || all.lend())
            };
            if finishes {
                all.out.store(false, Release);
                all.take_back();
            } else {
                assert!(all.word.mark_stuck(1));
                all.count_stuck();
                all.limit.count_stuck();
            }
            waits.join().unwrap();
            assert_eq!(all.limit.most(), 1 + usize::from(!finishes));
            all.take_back();
            assert_eq!(all.limit.most(), 1 + replaced);
            all.take_back();
            assert_eq!(all.limit.most(), 1 + replaced);
        });
    }
}
