//! Task ids: UUIDs that say where the record lives.
//!
//! Layout of the version-8 UUID, most significant bit first:
//!
//! | bits | what |
//! |---|---|
//! | 32 | index of the record |
//! | 16 | generation, bits 39..24 |
//! | 4 | version, 8 |
//! | 12 | generation, bits 23..12 |
//! | 2 | variant, binary 10 |
//! | 12 | generation, bits 11..0 |
//! | 50 | random bits of the scheduler |
//!
//! A lookup needs no map: the index finds the record, the generation tells a stale id, the
//! scheduler's bits a foreign one. A generation is used once, so no id ever comes back.

use crate::error::{Error, ErrorCode, Result};
use std::fmt;
use std::str::FromStr;

/// Bits of a generation.
pub(crate) const GENERATION_BITS: u32 = 40;
const INSTANCE_MASK: u64 = (1 << 50) - 1;

/// The id of a task, unique for ever.
///
/// Two halves, so that it travels in registers; C sees sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    high: u64,
    low: u64,
}

/// An id taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub index: u32,
    pub generation: u64,
    pub instance: u64,
}

impl TaskId {
    /// The id of no task.
    pub const NIL: TaskId = TaskId { high: 0, low: 0 };

    /// The id with these bytes; any bytes will do, a lookup tells whether they name a task.
    #[inline]
    pub const fn from_bytes(bytes: [u8; 16]) -> TaskId {
        let all = u128::from_be_bytes(bytes);
        TaskId { high: (all >> 64) as u64, low: all as u64 }
    }

    /// The bytes, in the order in which a UUID is written.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 16] {
        ((self.high as u128) << 64 | self.low as u128).to_be_bytes()
    }

    /// The bytes as two numbers in memory order, to be stored as they are.
    #[inline]
    pub(crate) fn to_halves(self) -> [u64; 2] {
        [self.high.to_be(), self.low.to_be()]
    }

    /// From [`TaskId::to_halves`].
    pub(crate) fn from_halves(halves: [u64; 2]) -> TaskId {
        TaskId { high: u64::from_be(halves[0]), low: u64::from_be(halves[1]) }
    }

    /// The usual text: 36 characters in lower case, with a NUL behind them for C.
    pub fn to_text(self) -> [u8; 37] {
        let mut text = [0; 37];
        uuid::Uuid::from_bytes(self.to_bytes()).hyphenated().encode_lower(&mut text);
        text
    }

    #[inline]
    pub(crate) fn from_parts(parts: Parts) -> TaskId {
        let generation = parts.generation;
        let high = u64::from(parts.index) << 32
            | (generation >> 24) << 16
            | 0x8000
            | (generation >> 12) & 0xfff;
        let low = 0b10 << 62 | (generation & 0xfff) << 50 | parts.instance & INSTANCE_MASK;
        TaskId { high, low }
    }

    /// The parts, or nothing where the fixed bits say that no scheduler made this id.
    #[inline]
    pub(crate) fn parts(self) -> Option<Parts> {
        let TaskId { high, low } = self;
        if high & 0xf000 != 0x8000 || low >> 62 != 0b10 {
            return None;
        }
        Some(Parts {
            index: (high >> 32) as u32,
            generation: (high >> 16 & 0xffff) << 24 | (high & 0xfff) << 12 | low >> 50 & 0xfff,
            instance: low & INSTANCE_MASK,
        })
    }
}

/// Fresh random bits for a scheduler.
pub(crate) fn random_instance() -> u64 {
    uuid::Uuid::new_v4().as_u128() as u64 & INSTANCE_MASK
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.to_bytes()).hyphenated().fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({self})")
    }
}

impl FromStr for TaskId {
    type Err = Error;

    fn from_str(text: &str) -> Result<TaskId> {
        let wrong = || {
            Error::new(
                ErrorCode::InvalidArgument,
                "a task id is 36 characters: 8-4-4-4-12 hexadecimal digits with hyphens",
            )
        };
        if text.len() != 36 {
            return Err(wrong());
        }
        uuid::Uuid::try_parse(text)
            .map(|id| TaskId::from_bytes(*id.as_bytes()))
            .map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_survive_the_round_trip() {
        for index in [0, 1, 77, u32::MAX >> 1, u32::MAX] {
            for generation in [1, 0xfff, 0x1000, 0xab_cdef_0123, (1 << GENERATION_BITS) - 1] {
                for instance in [0, 1, random_instance(), INSTANCE_MASK] {
                    let parts = Parts { index, generation, instance };
                    let id = TaskId::from_parts(parts);
                    assert_eq!(id.parts(), Some(parts));
                    assert_eq!(id.to_string().parse(), Ok(id));
                }
            }
        }
    }

    #[test]
    fn ids_are_version_8_uuids() {
        let id = TaskId::from_parts(Parts { index: 7, generation: 9, instance: random_instance() });
        let uuid = uuid::Uuid::from_bytes(id.to_bytes());
        assert_eq!(uuid.get_version_num(), 8);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn other_uuids_are_nobodys() {
        assert_eq!(TaskId::NIL.parts(), None);
        assert_eq!(TaskId::from_bytes(*uuid::Uuid::new_v4().as_bytes()).parts(), None);
    }

    #[test]
    fn wrong_text_is_refused() {
        for text in
            ["", "x", "cf478b6e5e0249b890314adc6ff915c2", "cf478b6e-5e02-49b8-9031-4adc6ff915cg"]
        {
            assert_eq!(text.parse::<TaskId>().unwrap_err().code(), ErrorCode::InvalidArgument);
        }
    }
}
