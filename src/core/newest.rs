//! Which of the ends that several workers noted are the last ones, where not all may stay.
//!
//! A worker knows the order of its own ends. Between those of two there is only the clock, which stands
//! still for milliseconds. What ended within that time ended at once, as far as anybody knows: then the
//! last ones of each stay, as many of one as of another.

use super::backlog::Backlog;
use super::record::Record;
use super::slab::Slab;
use std::cmp::Reverse;
use std::sync::Arc;

/// Sets for each backlog how many of its first ends are surplus: of all these ends, and of so many times
/// that `entered` knows, the last first, `limit` may stay. Under history's lock.
pub fn choose(
    bursts: &[Option<Arc<Backlog>>],
    records: &Slab<Record>,
    (entered, count): (impl Fn(usize) -> u64, usize),
    limit: usize,
) {
    let each = || bursts.iter().flatten();
    let noted: usize = each().map(|backlog| backlog.count_all()).sum();
    if noted + count <= limit {
        each().for_each(|backlog| backlog.choose(backlog.surplus()));
        return;
    }
    let mut of_entered = 0;
    for _ in 0..limit {
        // The latest of those that come next; of these whose worker had the fewest.
        let next = each().filter_map(|backlog| {
            let time = records.at(backlog.last_of_surplus()?).ended();
            Some(((time, Reverse(backlog.chosen())), backlog))
        });
        let next = next.max_by_key(|(key, _)| *key);
        let other = (of_entered < count).then(|| (entered(of_entered), Reverse(of_entered)));
        match next {
            Some((key, backlog)) if other.is_none_or(|other| key > other) => backlog.choose(1),
            _ => of_entered += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backlog of ends at these times, in records of its own.
    fn noted(records: &Slab<Record>, times: &[u64]) -> Option<Arc<Backlog>> {
        let backlog = Backlog::new(0);
        let mut free = records.refill().unwrap();
        for time in times {
            let index = free.pop().unwrap();
            records.at(index).set_ended(*time, 0);
            assert!(backlog.note(index, times.len()));
        }
        Some(Arc::new(backlog))
    }

    /// How many of each stay, of what entered at these times, the last first, and of these.
    fn stay<const N: usize>(entered: &[u64], ends: [&[u64]; N], limit: usize) -> [usize; N] {
        let records = Slab::new().unwrap();
        let bursts = ends.map(|times| noted(&records, times));
        choose(&bursts, &records, (|behind| entered[behind], entered.len()), limit);
        bursts.map(|backlog| backlog.unwrap().chosen())
    }

    #[test]
    fn all_stay_that_may() {
        assert_eq!(stay(&[9], [&[1, 2], &[1]], 4), [2, 1]);
    }

    #[test]
    fn the_latest_stay() {
        assert_eq!(stay(&[], [&[1, 2, 5], &[3, 4, 6]], 3), [1, 2]);
        assert_eq!(stay(&[8, 7], [&[1, 2, 5], &[3, 4, 6]], 3), [0, 1]);
    }

    #[test]
    fn of_one_time_as_many_stay_of_each() {
        assert_eq!(stay(&[], [&[1; 40], &[1; 5]], 20), [15, 5]);
        assert_eq!(stay(&[], [&[1; 40], &[1; 40]], 20), [10, 10]);
        assert_eq!(stay(&[1; 40], [&[1; 40], &[1; 40]], 30), [10, 10]);
    }
}
