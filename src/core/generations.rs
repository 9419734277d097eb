//! Tests of places whose generations run out, and of generations over memory given back.

use super::Core;
use super::add::{NewTask, To};
use super::inlet::{INLETS, Item};
use super::record::LAST_GENERATION;
use super::slab::{CHUNK, Place};
use crate::id::TaskId;
use crate::kinds::Kind;
use crate::token::Token;
use std::collections::{HashMap, HashSet};
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

unsafe extern "C" fn nothing(_: *mut Token, _: *mut c_void) -> i32 {
    0
}

/// Nothing stays readable, so a record is free as soon as its task has ended.
fn core() -> Arc<Core> {
    Arc::new(Core::new(0, 0).unwrap())
}

/// One that does nothing.
pub(super) fn task() -> NewTask<'static> {
    NewTask {
        to: To::Nobody,
        kind: Kind::Linear,
        function: nothing as *mut c_void,
        user_data: ptr::null_mut(),
        drop: None,
        bits: 0,
        timeout: None,
        extra: None,
        outlet: None,
        claim: false,
        spare_slot: 0,
        stays: false,
    }
}

fn add(core: &Arc<Core>) -> TaskId {
    core.add(&mut task()).unwrap().id
}

/// Runs whatever is ready, on this thread.
fn run_all(core: &Arc<Core>) {
    let mut seat = core.visitor();
    let mut item = [Item::task(0)];
    while core.take_ready(0, &mut item) > 0 {
        let index = item[0].split().unwrap_err();
        let claim = core.start(index, &mut seat).unwrap();
        assert!(core.end(claim, 0, &mut seat).is_final());
    }
}

/// Index and generation of an id that names no task any more.
fn gone(core: &Core, id: TaskId) -> (u32, u64) {
    assert!(core.state(id).is_err());
    let parts = id.parts().unwrap();
    (parts.index, parts.generation)
}

#[test]
fn a_place_whose_generations_are_used_up_is_retired() {
    const USES: u64 = 3;
    let core = core();
    let first = add(&core);
    run_all(&core);
    let end = core.records.end();
    for index in 1..end {
        core.records.at(index).set_generation(LAST_GENERATION - USES);
    }
    let mut seen = HashSet::from([first]);
    let mut uses = HashMap::new();
    // Enough for every place to come around, whichever inlet it went to.
    let adds = 10 * end * INLETS as u32;
    for _ in 0..adds {
        let id = add(&core);
        run_all(&core);
        assert!(seen.insert(id), "{id} came again");
        let (index, generation) = gone(&core, id);
        if index < end {
            assert!((LAST_GENERATION - USES + 1..=LAST_GENERATION).contains(&generation));
        } else {
            assert!(generation <= u64::from(adds));
        }
        *uses.entry(index).or_insert(0) += 1;
    }
    for index in 1..end {
        assert_eq!(uses[&index], USES, "place {index}");
    }
    assert!(uses.keys().any(|index| *index >= end), "new places come in for the retired ones");
    // A stale id of a retired place is an error for ever.
    seen.iter().for_each(|id| assert!(core.state(*id).is_err()));
}

/// A burst of so many tasks, all of them there at once.
fn burst(core: &Arc<Core>, count: u32) -> Vec<TaskId> {
    let ids: Vec<_> = (0..count).map(|_| add(core)).collect();
    run_all(core);
    ids
}

#[test]
fn memory_given_back_leaves_its_generations_behind() {
    const MANY: u32 = 5 * CHUNK;
    let core = core();
    let mut seen = HashSet::new();
    let mut highest = HashMap::new();
    for round in 0..4 {
        for id in burst(&core, MANY) {
            assert!(seen.insert(id), "{id} came again");
            let (index, generation) = gone(&core, id);
            let before = highest.insert(index, generation);
            assert!(before.is_none_or(|before| before < generation), "place {index}");
        }
        // Some tasks in between, so that places of a chunk differ.
        for id in burst(&core, 100 * round) {
            assert!(seen.insert(id), "{id} came again");
            let (index, generation) = gone(&core, id);
            assert!(highest.insert(index, generation).is_none_or(|before| before < generation));
        }
        let in_use = |index: &u32| core.records.at(*index).generation() > 0;
        assert!((CHUNK..2 * CHUNK).all(|index| in_use(&index)));
        core.trim();
        assert!(!(CHUNK..2 * CHUNK).any(|index| in_use(&index)), "the memory was not given back");
        seen.iter().for_each(|id| assert!(core.state(*id).is_err()));
    }
    assert!(core.records.end() < 2 * MANY, "places are used again");
}

/// Adders go on while memory is given back: no place is two tasks' at once, and no id comes again.
#[test]
fn memory_may_be_given_back_while_tasks_come_and_go() {
    let core = core();
    let (ends, mut seen) = (AtomicBool::new(false), HashSet::new());
    let all: Vec<_> = std::thread::scope(|scope| {
        let adds = || (0..20).flat_map(|round| burst(&core, round * CHUNK / 4)).collect::<Vec<_>>();
        let adders: Vec<_> = (0..2).map(|_| scope.spawn(adds)).collect();
        let trims = scope.spawn(|| {
            while !ends.load(Relaxed) {
                core.trim();
            }
        });
        let ids = adders.into_iter().flat_map(|adder| adder.join().unwrap()).collect();
        ends.store(true, Relaxed);
        trims.join().unwrap();
        ids
    });
    assert!(all.iter().all(|id| seen.insert(*id)), "an id came again");
    assert_eq!(core.unfinished(), 0);
}

#[test]
fn a_chunk_given_back_near_the_end_is_used_up_too() {
    const MANY: u32 = 3 * CHUNK;
    let core = core();
    let mut seen: HashSet<_> = burst(&core, MANY).into_iter().collect();
    // One place of a chunk has one generation left, and so has the whole chunk when it is given
    // back.
    core.records.at(CHUNK + 5).set_generation(LAST_GENERATION - 1);
    core.trim();
    let mut uses = HashMap::new();
    for _ in 0..5 {
        for id in burst(&core, MANY) {
            assert!(seen.insert(id), "{id} came again");
            let (index, generation) = gone(&core, id);
            assert!(generation <= LAST_GENERATION);
            *uses.entry(index / CHUNK).or_insert(0) += 1;
        }
        core.trim();
    }
    assert_eq!(uses[&1], CHUNK, "each place of that chunk is used once more");
}
