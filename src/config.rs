//! The configuration: one table of keys that yields defaults, checks, documentation and the
//! commented example file.
//!
//! A value is a number or a text, and is checked by its key's row wherever it comes from.

use crate::platform::floats::calculate;
use crate::processors::Processors;
use crate::{Error, ErrorCode, Result, memory, platform};
use std::borrow::Cow;
use std::fmt;

mod manual;
mod settings;
mod yaml;

pub use manual::{example, manual};
pub use settings::Settings;
pub use yaml::{LONGEST, apply_yaml};

/// What a key's value is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Range {
    /// A whole number, from and to.
    Count(u64, u64),
    /// Seconds, from and to.
    Seconds(f64, f64),
    /// A nice level, from and to.
    Nice(i32, i32),
    /// The size of a stack: 0, or from and to.
    Stack(u64, u64),
    /// A text of so many bytes, from and to.
    Name(usize, usize),
    /// A list of processors, which may be empty.
    Processors,
    /// The number of a real-time signal, or 0.
    Signal,
}

/// What a key is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of most keys.
    Number(f64),
    /// Of the others.
    Text(Cow<'static, str>),
}

impl fmt::Display for Value {
    /// As it stands in a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Text(text) if text.is_empty() => f.write_str("\"\""),
            Value::Text(text) => f.write_str(text),
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The key.
    pub name: &'static str,
    default: Value,
    range: Range,
    /// What it sets, in a sentence.
    pub doc: &'static str,
}

macro_rules! preset {
    ($number:literal) => {
        Value::Number($number)
    };
    (text $text:literal) => {
        Value::Text(Cow::Borrowed($text))
    };
}

macro_rules! keys {
    ($($variant:ident = $name:literal, $($number:literal)? $(text $text:literal)?, $range:expr, $doc:literal;)*) => {
        /// A key of the configuration.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Key {
            $(#[doc = $doc] $variant,)*
        }

        const KEYS: &[Key] = &[$(Key::$variant,)*];

        /// Every key, in the order of [`Key`].
        pub const TABLE: &[Row] = &[
            $(Row { name: $name, default: preset!($($number)? $(text $text)?), range: $range, doc: $doc },)*
        ];
    };
}

/// More tasks than that are never pending at once.
const MANY: u64 = 1 << 31;
/// Thirty years.
const LONG: f64 = 1e9;

keys! {
    LineTaskMax = "line_task_max", 10.0, Range::Count(1, 4096),
        "Linear tasks that may run at the same time";
    MaximumQueueAsync = "maximum_queue_async", 30.0, Range::Count(0, MANY),
        "Async tasks of one name that may be pending; 0 is no limit";
    MaximumQueueLine = "maximum_queue_line", 30.0, Range::Count(0, MANY),
        "Linear tasks that may be pending, in all; 0 is no limit";
    MaxIdleTime = "max_idle_time", 60.0, Range::Seconds(0.0, LONG),
        "Seconds without a task after which the scheduler hibernates: its threads end";
    WatchDogTime = "watch_dog_time", 200.0, Range::Seconds(0.001, LONG),
        "Seconds that a task with time-out processing may run";
    MaximumTaskInfoStorage = "maximum_task_info_storage", 60.0, Range::Count(0, 1_000_000),
        "Finished tasks that stay readable";
    MaximumEventLoopTasks = "maximum_event_loop_tasks", 3.0, Range::Count(1, MANY),
        "Async tasks of one name that may run at the same time";
    EventLoopThreads = "event_loop_threads", 1.0, Range::Count(1, 64),
        "Event loops, each a thread; a name stays on one of them. A change waits for a shutdown";
    StatusCheckInterval = "status_check_interval", 800.0, Range::Seconds(0.001, LONG),
        "Seconds after which a stuck task is reported again";
    StuckGrace = "stuck_grace", 5.0, Range::Seconds(0.0, LONG),
        "Seconds that a task told to stop may run on before it is stuck";
    StuckTaskMax = "stuck_task_max", 64.0, Range::Count(0, 4096),
        "Stuck tasks whose place another worker takes";
    InterruptSignal = "interrupt_signal", 50.0, Range::Signal,
        "Signal that breaks blocking calls of tasks with TS_INTERRUPT_BLOCKING: one that nobody else uses; 0: none is broken";
    SpinMicroseconds = "spin_microseconds", 10.0, Range::Count(0, 10_000),
        "Microseconds that a worker which has run out looks for tasks before it sleeps; 0: it looks once";
    ThreadName = "thread_name", text "ts", Range::Name(1, 11),
        "What the names of threads begin with: ts-worker-0, ts-loop-0, ts-watchdog";
    ThreadAffinity = "thread_affinity", text "", Range::Processors,
        "Processors that threads may run on; empty: those of the thread that starts them";
    ThreadStackSize = "thread_stack_size", 0.0, Range::Stack(16384, 1 << 30),
        "Bytes of stack of each thread for tasks; 0: in all as many as the system gives a thread that asks for none";
    ThreadNice = "thread_nice", 0.0, Range::Nice(-20, 19),
        "Nice level of threads; 0: that of the thread that starts them";
}

impl Key {
    /// The key of that name.
    pub fn find(name: &str) -> Result<Key> {
        match TABLE.iter().position(|row| row.name == name) {
            Some(at) => Ok(KEYS[at]),
            None => Err(wrong(words!("there is no key '{name}'; the keys are {}", Names))),
        }
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

impl Row {
    /// What is allowed, in words.
    fn allowed(&self) -> Cow<'static, str> {
        match self.range {
            Range::Count(from, to) => words!("a whole number from {from} to {to}"),
            Range::Seconds(from, to) => words!("seconds from {from} to {to}"),
            Range::Nice(from, to) => words!("a whole number from {from} to {to}"),
            Range::Stack(from, to) => words!("0, or a whole number from {from} to {to}"),
            Range::Name(from, to) => words!("a text of {from} to {to} bytes without a NUL"),
            Range::Signal => {
                "0, or the number of a real-time signal, from SIGRTMIN to SIGRTMAX".into()
            }
            Range::Processors => "a list of processors such as 0,2-3, or an empty text".into(),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.default, Value::Text(_))
    }

    #[cold]
    fn refused(&self, shown: &dyn fmt::Display) -> Error {
        wrong(words!("{} is {shown}; allowed is {}", self.name, self.allowed()))
    }

    /// The number, if this key may have it.
    fn number(&self, value: f64, shown: &dyn fmt::Display) -> Result<Value> {
        // Not -0, which would be read back as that.
        let value = if value == 0.0 { 0.0 } else { value };
        let (from, to, whole) = match self.range {
            Range::Count(from, to) => (from as f64, to as f64, true),
            Range::Seconds(from, to) => (from, to, false),
            Range::Nice(from, to) => (f64::from(from), f64::from(to), true),
            Range::Stack(..) if value == 0.0 => (0.0, 0.0, true),
            Range::Stack(from, to) => (from as f64, to as f64, true),
            Range::Signal => (0.0, f64::MAX, true),
            Range::Name(..) | Range::Processors => return Err(self.refused(shown)),
        };
        // A NaN is in no range.
        if !(from..=to).contains(&value) || whole && value.fract() != 0.0 {
            return Err(self.refused(shown));
        }
        let cannot = match self.range {
            Range::Signal if value != 0.0 => match platform::signals::realtime() {
                Some((from, to)) if (f64::from(from)..=f64::from(to)).contains(&value) => {
                    return Ok(Value::Number(value));
                }
                Some((from, to)) => {
                    words!("allowed is {}: those of this system are {from} to {to}", self.allowed())
                }
                None => "blocking calls cannot be broken on this system: 0 is all there is".into(),
            },
            Range::Nice(..) if value != 0.0 && !platform::PINS_THREADS => {
                "threads of this system have no nice level of their own".into()
            }
            Range::Stack(..) if value != 0.0 && value < platform::least_stack() as f64 => {
                words!("this system asks for at least {}", platform::least_stack())
            }
            _ => return Ok(Value::Number(value)),
        };
        Err(wrong(words!("{} is {shown}; {cannot}", self.name)))
    }

    /// The text, if this key may have it.
    fn text(&self, text: &str) -> Result<Value> {
        let shown = Quoted(text);
        match self.range {
            Range::Name(from, to) => {
                if !(from..=to).contains(&text.len()) || text.contains('\0') {
                    return Err(self.refused(&shown));
                }
            }
            Range::Processors => {
                let found = Processors::parse(text).and_then(|found| found.check().map(|()| found));
                found.map_err(|why| {
                    wrong(words!("{} is {shown}: {why}; allowed is {}", self.name, self.allowed()))
                })?;
            }
            _ => return Err(self.refused(&shown)),
        }
        Ok(Value::Text(Cow::Owned(memory::copied(text)?)))
    }

    fn parse(&self, text: &str) -> Result<Value> {
        if self.is_text() {
            return self.text(text);
        }
        let text = text.trim();
        let plain = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        match text.parse::<f64>() {
            Ok(value) if plain => self.number(value, &text),
            _ => Err(self.refused(&words!("'{text}'"))),
        }
    }
}

/// Every key, in words.
struct Names;

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TABLE.iter().enumerate().try_for_each(|(at, row)| {
            f.write_str(if at == 0 { "" } else { ", " })?;
            f.write_str(row.name)
        })
    }
}

/// A text as it is shown where it is refused.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.escape_debug())
    }
}

fn wrong(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::Config, message)
}

/// Values for all keys, before they are in force.
pub type Values = [Value; TABLE.len()];

/// The built-in values.
pub fn defaults() -> Values {
    std::array::from_fn(|at| TABLE[at].default.clone())
}

/// Changes one value to what a text says.
pub fn change(values: &mut Values, key: &str, value: &str) -> Result<()> {
    let key = Key::find(key)?;
    values[key as usize] = calculate(|| key.row().parse(value))?;
    Ok(())
}

/// Changes one value.
pub fn set(values: &mut Values, key: Key, value: &Value) -> Result<()> {
    values[key as usize] = match value {
        Value::Number(number) => calculate(|| key.row().number(*number, number))?,
        Value::Text(text) => key.row().text(text)?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_zero_is_zero() {
        let mut values = defaults();
        for (name, key) in
            [("max_idle_time", Key::MaxIdleTime), ("maximum_queue_line", Key::MaximumQueueLine)]
        {
            change(&mut values, name, "-0").unwrap();
            let Value::Number(number) = values[key as usize] else { panic!("{name}") };
            assert!(number == 0.0 && number.is_sign_positive(), "{name}");
        }
    }

    #[test]
    fn texts_are_checked_like_files() {
        let mut values = defaults();
        change(&mut values, "line_task_max", " 18 ").unwrap();
        assert_eq!(values[Key::LineTaskMax as usize], Value::Number(18.0));
        for text in ["", "x", "0", "4097", "nan", "inf", "1e400", "0x10", "1.5", "-3"] {
            let error = change(&mut values, "line_task_max", text).unwrap_err();
            assert!(error.message().contains("line_task_max"), "{text}");
        }
    }
}
