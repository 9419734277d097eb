//! What a worker has taken, and others take away from it.

use crate::checker;
use crate::checker::thread;
use crate::workers::batch::{BATCH, Batch};
use std::sync::Arc;

fn filled(items: &[u32]) -> Arc<Batch> {
    let batch = Batch::new();
    batch.fill(items.iter().copied());
    Arc::new(batch)
}

fn steals(batch: &Arc<Batch>) -> thread::JoinHandle<Vec<u32>> {
    let batch = batch.clone();
    thread::spawn(move || {
        let mut out = [0; BATCH];
        let count = batch.steal(&mut out);
        out[..count].to_vec()
    })
}

fn assert_all_once(mut taken: Vec<u32>, all: &[u32]) {
    taken.sort_unstable();
    assert_eq!(taken, all);
}

#[test]
fn batch_item_taken_once() {
    checker::model(|| {
        let batch = filled(&[1, 2, 3]);
        let thieves = [steals(&batch), steals(&batch)];
        let mut taken: Vec<u32> = std::iter::from_fn(|| batch.pop()).collect();
        for thief in thieves {
            taken.extend(thief.join().unwrap());
        }
        assert_eq!(batch.len(), 0);
        assert_all_once(taken, &[1, 2, 3]);
    });
}

#[test]
fn batch_item_taken_once_beside_a_refill() {
    checker::model(|| {
        let batch = filled(&[1, 2]);
        let thieves = [steals(&batch), steals(&batch)];
        let mut taken: Vec<u32> = std::iter::from_fn(|| batch.pop()).collect();
        batch.fill([3, 4].into_iter());
        taken.extend(batch.pop());
        for thief in thieves {
            taken.extend(thief.join().unwrap());
        }
        taken.extend(std::iter::from_fn(|| batch.pop()));
        assert_all_once(taken, &[1, 2, 3, 4]);
    });
}

#[test]
fn stolen_item_brings_what_was_written_before() {
    checker::model(|| {
        let task = Arc::new(checker::cell::UnsafeCell::new(0));
        let batch = Arc::new(Batch::new());
        let (its, theirs) = (task.clone(), batch.clone());
        let thief = thread::spawn(move || {
            let mut out = [0; BATCH];
            if theirs.steal(&mut out) > 0 {
                // SAFETY: the model checks that nobody else is at it.
                its.with(|task| assert_eq!(unsafe { *task }, 5));
            }
        });
        // SAFETY: as above.
        task.with_mut(|task| unsafe { *task = 5 });
        batch.fill([1].into_iter());
        thief.join().unwrap();
    });
}
