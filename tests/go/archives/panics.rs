//! A library in Rust that is not ours: it panics, and catches that.

struct Dropped<'a>(&'a std::cell::Cell<i32>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn catch(depth: i32) -> i32 {
    fn dive(depth: i32, dropped: &std::cell::Cell<i32>) -> i32 {
        let _dropped = Dropped(dropped);
        match depth {
            0 => panic!("for the test"),
            _ => dive(depth - 1, dropped) + 1,
        }
    }
    let dropped = std::cell::Cell::new(0);
    std::panic::set_hook(Box::new(|_| ()));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dive(depth, &dropped)));
    if caught.is_err() { dropped.get() } else { -1 }
}

/// How many destructors ran while a panic of that depth was caught.
#[cfg(one)]
#[unsafe(no_mangle)]
pub extern "C" fn one_catch(depth: i32) -> i32 {
    catch(depth)
}

/// How many destructors ran while a panic of that depth was caught.
#[cfg(two)]
#[unsafe(no_mangle)]
pub extern "C" fn two_catch(depth: i32) -> i32 {
    catch(depth)
}
