//! Who runs linear tasks without a thread of ours: the host, by [`claims`], or a [`pump`] on one of
//! its threads. The core's third and fourth customer.

pub mod claims;
pub mod deadlines;
pub mod pump;
pub mod slots;
