//! When an inlet looks for names that can be forgotten.
//!
//! A lane at rest is kept for the next use of its name, since to make it anew costs as much as ten
//! adds. But a name may have been used for the last time. So when there are many names, those whose
//! lanes are at rest are forgotten; unless many of the names that came of late had been forgotten a
//! short while before. Then there are more in use than are kept, and twice as many are.
//!
//! What is remembered of a forgotten name is its ghost: a byte of its hash, at a place that the rest of
//! the hash says, until another one takes that place.

/// Fewer names than this are not worth looking through.
const LEAST: usize = 2048;
/// Places for ghosts. When twice as many names as this come round, an eighth of the ghosts is still
/// there when its name comes back.
const GHOSTS: usize = 1 << 15;
/// Not many are fewer than one of so many.
const MANY: usize = 8;

/// See the module. Under the inlet's lock.
#[derive(Debug)]
pub struct Sweeps {
    /// How many names are enough to look.
    at: usize,
    /// Empty until a name is forgotten. Zero is none.
    ghosts: Vec<u8>,
    /// How many names have come since there were enough, and how many of these as ghosts.
    came: usize,
    returned: usize,
}

impl Default for Sweeps {
    fn default() -> Sweeps {
        Sweeps { at: LEAST, ghosts: Vec::new(), came: 0, returned: 0 }
    }
}

impl Sweeps {
    /// Where the ghost of a name is, and what.
    fn ghost(hash: u64) -> (usize, u8) {
        // Bits of the hash itself are the same in all names of an inlet, or mark places of its table.
        let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed >> 40) as usize % GHOSTS, (mixed >> 32) as u8 | 1)
    }

    /// A name comes beside so many: whether those at rest are to be forgotten before.
    pub fn come(&mut self, hash: u64, names: usize) -> bool {
        let (place, byte) = Sweeps::ghost(hash);
        self.came += 1;
        self.returned += usize::from(self.ghosts.get(place) == Some(&byte));
        if names < self.at {
            return false;
        }
        let many = self.returned * MANY > self.came;
        (self.came, self.returned) = (0, 0);
        if many {
            self.at = names * 2;
        }
        !many
    }

    /// A name is forgotten.
    pub fn forget(&mut self, hash: u64) {
        if self.ghosts.is_empty() {
            if self.ghosts.try_reserve_exact(GHOSTS).is_err() {
                // Who comes back is not known then.
                return;
            }
            self.ghosts.resize(GHOSTS, 0);
        }
        let (place, byte) = Sweeps::ghost(hash);
        self.ghosts[place] = byte;
    }

    /// Gives the memory of ghosts back.
    pub fn shrink(&mut self) {
        self.ghosts = Vec::new();
    }

    /// So many names are left of those that were looked through.
    pub fn left(&mut self, names: usize) {
        self.at = LEAST.max(names * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// The names of an inlet, whose lanes are all at rest.
    #[derive(Default)]
    struct Names {
        sweeps: Sweeps,
        kept: HashSet<u64>,
        made: usize,
        most: usize,
    }

    impl Names {
        fn used(&mut self, name: u64) {
            let hash = name.wrapping_mul(0x2545_f491_4f6c_dd1d).rotate_left(31);
            if self.kept.contains(&hash) {
                return;
            }
            if self.sweeps.come(hash, self.kept.len()) {
                self.kept.drain().for_each(|hash| self.sweeps.forget(hash));
                self.sweeps.left(0);
            }
            self.kept.insert(hash);
            self.made += 1;
            self.most = self.most.max(self.kept.len());
        }
    }

    #[test]
    fn names_that_come_round_are_kept() {
        for names in [3 * LEAST as u64, 40_000] {
            let mut inlet = Names::default();
            for _ in 0..10 {
                (0..names).for_each(|name| inlet.used(name));
            }
            assert!(inlet.made < 6 * names as usize, "{} of {names}", inlet.made);
            inlet.made = 0;
            (0..names).for_each(|name| inlet.used(name));
            assert_eq!(inlet.made, 0, "of {names}");
        }
    }

    #[test]
    fn names_that_do_not_come_back_are_few() {
        let mut inlet = Names::default();
        (0..1_000_000).for_each(|name| inlet.used(name));
        assert_eq!(inlet.most, LEAST);
    }

    #[test]
    fn names_that_came_round_once_make_no_room_for_good() {
        let mut inlet = Names::default();
        for _ in 0..10 {
            (0..20_000).for_each(|name| inlet.used(name));
        }
        inlet.most = 0;
        (20_000..100_000).for_each(|name| inlet.used(name));
        assert!(inlet.most <= 1 << 16);
        inlet.most = 0;
        (100_000..1_000_000).for_each(|name| inlet.used(name));
        assert_eq!(inlet.most, LEAST);
    }
}
