//! The queue text, in the columns that the Python library prints.

use crate::Result;
use crate::core::view::Failure;
use crate::kinds::{Kind, State};
use crate::memory::Text;
use crate::platform::floats::calculate;
use crate::task::{STATUS_STUCK, TaskStatus};
use std::fmt::{self, Write};

/// The text about one kind.
pub fn text(
    kind: Kind,
    show_id: bool,
    pending: usize,
    tasks: &[TaskStatus],
    failures: &[Failure],
    now: f64,
) -> Result<String> {
    let count = |state| tasks.iter().filter(|task| task.state == state).count();
    let word = kind.queue_word();
    let mut out = Text::default();
    write!(
        out,
        "\n{word} queue size: {pending}, Running tasks count: {}, Failed tasks count: {}\n",
        count(State::Running),
        count(State::Failed),
    )?;
    for task in tasks {
        write!(out, "Name: {}, ", task.name)?;
        if show_id {
            write!(out, "ID: {}, ", task.id)?;
        }
        writeln!(
            out,
            "Status: {}{}, Elapsed Time: {} seconds",
            task.state.word(),
            hint(task),
            Elapsed(task, now)
        )?;
    }
    if !failures.is_empty() {
        write!(out, "\n{word} error logs:\n")?;
    }
    for failure in failures {
        writeln!(
            out,
            "Task ID: {}, Error time: {}, Error message: {}",
            failure.id,
            crate::platform::calendar(crate::clock::since_epoch(failure.at)),
            failure.message
        )?;
    }
    Ok(out.0)
}

fn hint(task: &TaskStatus) -> &'static str {
    match task.state {
        State::Timeout => " (Task timed out)",
        State::Failed => " (Task failed)",
        State::Cancelled => " (Task cancelled)",
        State::Running if task.flags & STATUS_STUCK != 0 => " (Task stuck)",
        _ => "",
    }
}

/// How long it ran; "NaN" for what never started.
struct Elapsed<'a>(&'a TaskStatus, f64);

impl fmt::Display for Elapsed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Elapsed(task, now) = *self;
        if task.started_at == 0.0 {
            return f.write_str("NaN");
        }
        let end = if task.state.is_final() { task.ended_at } else { now };
        calculate(|| write!(f, "{:.2}", (end - task.started_at).max(0.0)))
    }
}
