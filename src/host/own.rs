//! Lists of a thread's own, which leave no memory behind.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::thread::LocalKey;

/// A list of a thread's, which has no destructor: the system needs memory to register one, and ends
/// the process if it has none. So whoever takes the last out of it leaves no memory behind.
pub(super) type Own<T> = ManuallyDrop<RefCell<T>>;

/// Takes the last one out of such a list.
pub(super) fn pop<T>(list: &'static LocalKey<Own<Vec<T>>>) {
    let _ = list.try_with(|list| {
        let mut list = list.borrow_mut();
        list.pop();
        if list.is_empty() {
            *list = Vec::new();
        }
    });
}

/// Puts one into such a list; true when there was memory for it.
pub(super) fn push<T>(list: &'static LocalKey<Own<Vec<T>>>, item: T) -> bool {
    let push = |list: &Own<Vec<T>>| {
        let mut list = list.borrow_mut();
        let room = list.try_reserve(1).is_ok();
        if room {
            list.push(item);
        }
        room
    };
    list.try_with(push).unwrap_or(false)
}

/// Takes the first one out of such a queue.
pub(super) fn pop_front<T>(queue: &'static LocalKey<Own<VecDeque<T>>>) -> Option<T> {
    let next = |queue: &Own<VecDeque<T>>| {
        let mut queue = queue.borrow_mut();
        let next = queue.pop_front();
        if next.is_none() {
            *queue = VecDeque::new();
        }
        next
    };
    queue.try_with(next).ok().flatten()
}
