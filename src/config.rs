//! The configuration: one table of keys that yields defaults, checks, documentation and the
//! commented example file.
//!
//! A value is a number or a text. Numbers are read often, each by one load; texts are read when a
//! thread is made, and lie behind a lock that is taken alone.

use crate::platform::floats::calculate;
use crate::processors::Processors;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::*};
use crate::{Error, ErrorCode, Result, memory, platform};
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt::{self, Write};

mod manual;
pub use manual::{example, manual};

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
            None => {
                let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
                Err(wrong(words!("there is no key '{name}'; the keys are {}", names.join(", "))))
            }
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

/// The values in force; any thread may read them at any time.
#[derive(Debug)]
pub struct Settings {
    numbers: [AtomicU64; TABLE.len()],
    /// Those that are texts; the others are empty.
    texts: Mutex<[Cow<'static, str>; TABLE.len()]>,
}

/// Values for all keys, before they are in force.
pub type Values = [Value; TABLE.len()];

impl Settings {
    /// With these values.
    pub fn new(values: &Values) -> Settings {
        let settings = Settings {
            numbers: std::array::from_fn(|_| AtomicU64::new(0)),
            texts: Mutex::new(std::array::from_fn(|_| Cow::Borrowed(""))),
        };
        settings.set_all(values.clone());
        settings
    }

    /// The value of a key that counts.
    #[inline]
    pub fn count(&self, key: Key) -> usize {
        calculate(|| self.seconds(key) as usize)
    }

    /// The value of a key that may be negative.
    pub fn level(&self, key: Key) -> i32 {
        calculate(|| self.seconds(key) as i32)
    }

    /// The value of a key that is a time.
    #[inline]
    pub fn seconds(&self, key: Key) -> f64 {
        f64::from_bits(self.numbers[key as usize].load(Relaxed))
    }

    /// Nanoseconds of a key that is a time.
    pub fn nanoseconds(&self, key: Key) -> u64 {
        calculate(|| (self.seconds(key) * 1e9) as u64)
    }

    /// The value of a key as text that [`change`] takes.
    pub fn text(&self, key: Key) -> Result<String> {
        match key.row().is_text() {
            true => memory::copied(&self.texts.lock()[key as usize]),
            false => {
                let mut text = memory::Text::default();
                calculate(|| write!(text, "{}", self.seconds(key)))?;
                Ok(text.0)
            }
        }
    }

    /// All values.
    pub fn values(&self) -> Result<Values> {
        let texts = self.texts.lock();
        let mut values = defaults();
        for (at, value) in values.iter_mut().enumerate() {
            *value = match TABLE[at].is_text() {
                true if texts[at].is_empty() => Value::Text(Cow::Borrowed("")),
                true => Value::Text(Cow::Owned(memory::copied(&texts[at])?)),
                false => Value::Number(f64::from_bits(self.numbers[at].load(Relaxed))),
            };
        }
        Ok(values)
    }

    /// Puts all values in force.
    pub fn set_all(&self, values: Values) {
        let mut texts = self.texts.lock();
        for (at, value) in values.into_iter().enumerate() {
            match value {
                Value::Number(number) => self.numbers[at].store(number.to_bits(), Relaxed),
                Value::Text(text) => texts[at] = text,
            }
        }
    }
}

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

/// No configuration is longer than this many bytes.
pub const LONGEST: usize = 64 * 1024;

/// So many brackets are left to the parser, which has better messages.
const NESTED: usize = 16;

/// Changes the values that a YAML text names; all or, with an error, none.
pub fn apply_yaml(values: &mut Values, yaml: &str) -> Result<()> {
    if yaml.len() > LONGEST {
        return Err(wrong(words!(
            "the configuration is {} bytes long; allowed are {LONGEST}",
            yaml.len()
        )));
    }
    let yaml = yaml.strip_prefix('\u{feff}').unwrap_or(yaml);
    if yaml.lines().all(|line| {
        matches!(line.trim(), "" | "---" | "..." | "{}") || line.trim_start().starts_with('#')
    }) {
        return Ok(());
    }
    // Nothing that is allowed is nested, and the parser takes the square of the depth of brackets.
    let mut open = 0;
    for (number, line) in yaml.lines().enumerate() {
        let code = line.split('#').next().unwrap_or("");
        open += code.matches(['[', '{']).count();
        if open > NESTED {
            return Err(wrong(words!(
                "at line {} something is nested: a configuration is lines of the form 'key: value'",
                number + 1
            )));
        }
    }
    let mut changed = values.clone();
    let document = serde_yaml::Deserializer::from_str(yaml);
    let reader = Reader { values: &mut changed, seen: [false; TABLE.len()] };
    calculate(|| document.deserialize_map(reader)).map_err(|error| wrong(error.to_string()))?;
    *values = changed;
    Ok(())
}

/// Reads `key: value` pairs; only scalars are looked at, so nothing nested is ever expanded.
struct Reader<'a> {
    values: &'a mut Values,
    seen: [bool; TABLE.len()],
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lines of the form 'key: value'")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed(&mut self.seen))? {
            self.values[key as usize] = map.next_value_seed(ValueSeed(key.row()))?;
        }
        Ok(())
    }
}

struct KeySeed<'a>(&'a mut [bool; TABLE.len()]);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Key, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key of the configuration")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        let key = Key::find(name).map_err(E::custom)?;
        if std::mem::replace(&mut self.0[key as usize], true) {
            return Err(E::custom(words!("{name} stands there twice")));
        }
        Ok(key)
    }
}

struct ValueSeed(&'static Row);

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        match self.0.is_text() {
            // As it is written, also where it could be a number.
            true => from.deserialize_str(self),
            false => from.deserialize_any(self),
        }
    }
}

impl Visitor<'_> for ValueSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.0.allowed(), self.0.name)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.0.number(value as f64, &value).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.0.number(value as f64, &value).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.0.number(value, &value).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        match self.0.is_text() {
            true => self.0.text(value).map_err(E::custom),
            false => Err(E::invalid_type(serde::de::Unexpected::Str(value), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(yaml: &str) -> String {
        let mut values = defaults();
        let error = apply_yaml(&mut values, yaml).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Config, "{yaml}");
        assert_eq!(values, defaults(), "{yaml}");
        error.message().to_owned()
    }

    #[test]
    fn the_example_says_the_defaults() {
        let mut values = std::array::from_fn(|_| Value::Number(0.5));
        apply_yaml(&mut values, &example()).unwrap();
        assert_eq!(values, defaults());
    }

    #[test]
    fn a_file_changes_what_it_names() {
        let mut values = defaults();
        apply_yaml(&mut values, "line_task_max: 18\nstuck_grace: 0.25\n").unwrap();
        assert_eq!(values[Key::LineTaskMax as usize], Value::Number(18.0));
        assert_eq!(values[Key::StuckGrace as usize], Value::Number(0.25));
        assert_eq!(values[Key::MaxIdleTime as usize], Value::Number(60.0));
        for nothing in ["", "\n", "# a comment\n", "---\n", "{}"] {
            apply_yaml(&mut values, nothing).unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (yaml, words) in [
            ("line_task_max: 1\nlinetaskmax: 2\n", ["linetaskmax", "line 2", "line_task_max"]),
            ("\nline_task_max: many\n", ["line_task_max", "line 2", "from 1 to 4096"]),
            ("line_task_max: 0\n", ["line_task_max", "is 0", "from 1 to 4096"]),
            ("line_task_max: 1.5\n", ["line_task_max", "1.5", "whole"]),
            ("line_task_max: -1\n", ["line_task_max", "-1", "whole"]),
            ("max_idle_time: .nan\n", ["max_idle_time", "NaN", "seconds"]),
            ("max_idle_time: .inf\n", ["max_idle_time", "inf", "seconds"]),
            ("line_task_max: 1\nline_task_max: 2\n", ["line_task_max", "twice", "line 2"]),
            ("line_task_max: [1]\n", ["line_task_max", "sequence", "whole"]),
            ("line_task_max:\n", ["line_task_max", "whole", "from"]),
            ("thread_name: \n", ["thread_name", "''", "1 to 11 bytes"]),
            ("thread_name: twelve bytes\n", ["thread_name", "line 1", "1 to 11 bytes"]),
            ("thread_name: \"a\\0b\"\n", ["thread_name", "'a\\0b'", "without a NUL"]),
            ("thread_name: [a]\n", ["thread_name", "sequence", "1 to 11 bytes"]),
            ("thread_affinity: 0,x\n", ["thread_affinity", "'0,x'", "'x' is no processor"]),
            ("thread_affinity: 70000\n", ["thread_affinity", "70000", "there is no processor"]),
            ("thread_nice: 20\n", ["thread_nice", "is 20", "from -20 to 19"]),
            ("interrupt_signal: 23\n", ["interrupt_signal", "is 23", "SIGRTMIN to SIGRTMAX"]),
            ("thread_stack_size: 16383\n", ["thread_stack_size", "is 16383", "0, or a whole"]),
            ("- 1\n", ["sequence", "key", "value"]),
            ("line_task_max: 1\n  x: [", ["line", "1", ""]),
        ] {
            let message = refused(yaml);
            for word in words {
                assert!(message.contains(word), "{yaml:?}: {message:?} lacks {word:?}");
            }
        }
    }

    #[test]
    fn bombs_and_bulk_are_refused() {
        let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nline_task_max: *b\n";
        refused(bomb);
        let begin = std::time::Instant::now();
        refused(&format!("line_task_max: {}1{}", "[".repeat(20_000), "]".repeat(20_000)));
        for nested in ["[\n", "{\n", "- ", "-\t", "? ", "a: ", "!x ", "&x ", "\"", "|"] {
            refused(&format!("line_task_max:\n {}", nested.repeat(60_000 / nested.len())));
        }
        let steps = |sign| (0..300).map(move |at| format!("{}{sign}\n", " ".repeat(at)));
        refused(&steps("a:").collect::<String>());
        refused(&steps("-").collect::<String>());
        let took = begin.elapsed();
        assert!(took.as_secs() < 5, "{took:?}");
        assert!(refused(&"#".repeat(10 << 20)).contains("bytes long"));
    }

    #[test]
    fn a_text_is_taken_as_it_is_written() {
        let mut values = defaults();
        apply_yaml(&mut values, "thread_name: 007\nthread_affinity: 0\n").unwrap();
        let settings = Settings::new(&values);
        assert_eq!(settings.text(Key::ThreadName).unwrap(), "007");
        assert_eq!(settings.text(Key::ThreadAffinity).unwrap(), "0");
        assert_eq!(settings.values().unwrap(), values);
        for name in ["é", "a b", "null", "1e3"] {
            apply_yaml(&mut values, &format!("thread_name: {name}\nthread_affinity:\n")).unwrap();
            settings.set_all(values.clone());
            assert_eq!(settings.text(Key::ThreadName).unwrap(), name);
            assert_eq!(settings.text(Key::ThreadAffinity).unwrap(), "");
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
