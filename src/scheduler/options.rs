//! What a scheduler is made with.

use crate::config::{self, Key, Value as Setting};
use crate::error::{Error, ErrorCode, Result};
use crate::host::{DropFn, ThreadFn};
use std::ffi::c_void;
use std::ptr;

/// A scheduler with every option, as [`crate::Scheduler::with_options`] takes it. Nothing and 0 is what
/// the configuration says.
///
/// Nothing is taken over unless the scheduler is made.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerOptions<'a> {
    /// Changes the built-in configuration (empty: unchanged).
    pub config_yaml: &'a str,
    /// Called on each thread of the scheduler when it starts and when it is about to end.
    pub on_thread: Option<ThreadFn>,
    /// Handed to the function.
    pub user_data: *mut c_void,
    /// Called once with `user_data` when the scheduler's last thread has gone.
    pub drop: Option<DropFn>,
    /// What the names of threads begin with.
    pub thread_name: Option<&'a str>,
    /// Processors that the threads may run on.
    pub thread_affinity: Option<&'a str>,
    /// Bytes of stack of each thread.
    pub thread_stack_size: usize,
    /// Nice level of the threads.
    pub thread_nice: i32,
}

impl Default for SchedulerOptions<'_> {
    fn default() -> Self {
        SchedulerOptions {
            config_yaml: "",
            on_thread: None,
            user_data: ptr::null_mut(),
            drop: None,
            thread_name: None,
            thread_affinity: None,
            thread_stack_size: 0,
            thread_nice: 0,
        }
    }
}

impl SchedulerOptions<'_> {
    /// The values that the scheduler starts with.
    pub(super) fn values(&self) -> Result<config::Values> {
        let mut values = config::defaults();
        config::apply_yaml(&mut values, self.config_yaml)?;
        let text = |text: Option<&str>| text.map(|text| Setting::Text(text.to_owned().into()));
        let number = |number: f64| (number != 0.0).then_some(Setting::Number(number));
        for (key, value) in [
            (Key::ThreadName, text(self.thread_name)),
            (Key::ThreadAffinity, text(self.thread_affinity)),
            (Key::ThreadStackSize, number(self.thread_stack_size as f64)),
            (Key::ThreadNice, number(self.thread_nice.into())),
        ] {
            if let Some(value) = value {
                config::set(&mut values, key, &value).map_err(|wrong| {
                    Error::new(ErrorCode::InvalidArgument, wrong.message().to_owned())
                })?;
            }
        }
        Ok(values)
    }
}
