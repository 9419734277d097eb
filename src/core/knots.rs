//! Whether something can still happen, among things that wait for each other.
//!
//! What waits (a node) gets on in one of some ways. A way is closed by its gates: each is shut while
//! so many of its holders cannot get on themselves. So a thread that waits for a task has one way,
//! with one gate that the thread which runs the task holds; an async task that waits for several has
//! as many ways; a task that is pending behind others has a gate that those hold, and which opens
//! when fewer of them than run side by side are stuck.
//!
//! What holds: *stuck is only what never gets on, whatever the host's code does, unless somebody from
//! outside stops one of them.* Nodes count as stuck until a way is found that is open without them,
//! so two that wait for each other do not let each other go; and a way that nobody is known to close
//! is open.

use std::collections::HashMap;

/// One condition of a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Who holds it shut as long as he cannot get on; one who holds it twice is named twice.
    pub holders: Vec<usize>,
    /// It is shut while so many are stuck.
    pub most: usize,
}

/// How something gets on: when none of these is shut.
pub type Way = Vec<Gate>;

/// Whether `way` stays closed until `root` gets on, which it does not before this way is over.
/// `ways` says how the others get on.
pub fn is_knotted(root: usize, way: &Way, mut ways: impl FnMut(usize) -> Vec<Way>) -> bool {
    let mut known: Vec<(usize, Vec<Way>)> = Vec::new();
    let mut stuck = HashMap::from([(root, true)]);
    let mut ahead: Vec<usize> = holders(way).collect();
    while let Some(node) = ahead.pop() {
        if stuck.insert(node, true).is_none() {
            let its = ways(node);
            ahead.extend(its.iter().flat_map(holders));
            known.push((node, its));
        }
    }
    let mut again = true;
    while std::mem::take(&mut again) {
        // The last one first: what it waits for was found after it.
        for (node, its) in known.iter().rev() {
            if stuck[node] && its.iter().any(|way| is_open(way, &stuck)) {
                stuck.insert(*node, false);
                again = true;
            }
        }
    }
    !is_open(way, &stuck)
}

fn holders(way: &Way) -> impl Iterator<Item = usize> {
    way.iter().flat_map(|gate| gate.holders.iter().copied())
}

fn is_open(way: &Way, stuck: &HashMap<usize, bool>) -> bool {
    way.iter().all(|gate| gate.holders.iter().filter(|holder| stuck[*holder]).count() < gate.most)
}

#[cfg(all(test, not(ts_loom)))]
mod tests {
    use super::*;

    fn by(holders: &[usize]) -> Way {
        vec![Gate { holders: holders.to_vec(), most: 1 }]
    }

    /// Who waits how; the others wait for nothing.
    fn knotted(way: Way, all: &[(usize, Vec<Way>)]) -> bool {
        is_knotted(0, &way, |node| {
            let its = all.iter().find(|(other, _)| *other == node);
            its.map_or(vec![Vec::new()], |(_, ways)| ways.clone())
        })
    }

    #[test]
    fn a_cycle_is_one_however_long() {
        assert!(knotted(by(&[0]), &[]));
        assert!(knotted(by(&[1]), &[(1, vec![by(&[0])])]));
        assert!(knotted(by(&[1]), &[(1, vec![by(&[2])]), (2, vec![by(&[0])])]));
        assert!(!knotted(by(&[1]), &[(1, vec![by(&[2])])]));
        assert!(!knotted(Vec::new(), &[]));
    }

    #[test]
    fn others_that_wait_for_each_other_never_get_on_either() {
        assert!(knotted(by(&[1]), &[(1, vec![by(&[2])]), (2, vec![by(&[1])])]));
    }

    #[test]
    fn one_open_way_of_several_is_enough() {
        let ways = vec![by(&[0]), by(&[2])];
        assert!(!knotted(by(&[1]), &[(1, ways.clone())]));
        assert!(knotted(by(&[1]), &[(1, ways), (2, vec![by(&[0])])]));
    }

    #[test]
    fn every_gate_of_a_way_must_open() {
        let way = [by(&[2]), by(&[0])].concat();
        assert!(knotted(way, &[]));
        assert!(!knotted([by(&[2]), by(&[3])].concat(), &[]));
    }

    #[test]
    fn a_gate_opens_when_fewer_are_stuck_than_may_be() {
        let two = |holders: &[usize]| vec![Gate { holders: holders.to_vec(), most: 2 }];
        assert!(!knotted(two(&[0, 1]), &[]));
        assert!(knotted(two(&[0, 1]), &[(1, vec![by(&[0])])]));
        assert!(knotted(two(&[0, 0]), &[]));
    }

    #[test]
    fn what_is_found_late_opens_what_was_looked_at_before() {
        // 1 and 2 wait for each other, but 2 has another way, by 3, which gets on.
        let all = [(1, vec![by(&[2])]), (2, vec![by(&[1]), by(&[3])]), (3, vec![Vec::new()])];
        assert!(!knotted(by(&[1]), &all));
    }
}
