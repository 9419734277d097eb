//! The configuration: one table of keys that yields defaults, checks, documentation and the
//! commented example file.

use crate::sync::atomic::{AtomicU64, Ordering::*};
use crate::{Error, ErrorCode, Result};
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use std::fmt;

/// What a key's value is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Range {
    /// A whole number, from and to.
    Count(u64, u64),
    /// Seconds, from and to.
    Seconds(f64, f64),
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The key.
    pub name: &'static str,
    default: f64,
    range: Range,
    /// What it sets, in a sentence.
    pub doc: &'static str,
}

macro_rules! keys {
    ($($variant:ident = $name:literal, $default:literal, $range:expr, $doc:literal;)*) => {
        /// A key of the configuration.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Key {
            $(#[doc = $doc] $variant,)*
        }

        const KEYS: &[Key] = &[$(Key::$variant,)*];

        /// Every key, in the order of [`Key`].
        pub const TABLE: &[Row] = &[
            $(Row { name: $name, default: $default, range: $range, doc: $doc },)*
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
}

impl Key {
    /// The key of that name.
    pub fn find(name: &str) -> Result<Key> {
        match TABLE.iter().position(|row| row.name == name) {
            Some(at) => Ok(KEYS[at]),
            None => {
                let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
                Err(wrong(format!("there is no key '{name}'; the keys are {}", names.join(", "))))
            }
        }
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

impl Row {
    /// What is allowed, in words.
    fn allowed(&self) -> String {
        match self.range {
            Range::Count(from, to) => format!("a whole number from {from} to {to}"),
            Range::Seconds(from, to) => format!("seconds from {from} to {to}"),
        }
    }

    fn check(&self, value: f64, shown: &dyn fmt::Display) -> Result<f64> {
        let (from, to, whole) = match self.range {
            Range::Count(from, to) => (from as f64, to as f64, true),
            Range::Seconds(from, to) => (from, to, false),
        };
        // A NaN is in no range.
        if (from..=to).contains(&value) && (!whole || value.fract() == 0.0) {
            return Ok(value);
        }
        Err(wrong(format!("{} is {shown}; allowed is {}", self.name, self.allowed())))
    }

    fn parse(&self, text: &str) -> Result<f64> {
        let text = text.trim();
        let plain = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        match text.parse::<f64>() {
            Ok(value) if plain => self.check(value, &text),
            _ => Err(wrong(format!("{} is '{text}'; allowed is {}", self.name, self.allowed()))),
        }
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorCode::Config, message)
}

/// The values in force; any thread may read them at any time.
#[derive(Debug)]
pub struct Settings([AtomicU64; TABLE.len()]);

/// Values for all keys, before they are in force.
pub type Values = [f64; TABLE.len()];

impl Settings {
    /// With these values.
    pub fn new(values: &Values) -> Settings {
        Settings(std::array::from_fn(|at| AtomicU64::new(values[at].to_bits())))
    }

    /// The value of a key that counts.
    #[inline]
    pub fn count(&self, key: Key) -> usize {
        self.seconds(key) as usize
    }

    /// The value of a key that is a time.
    #[inline]
    pub fn seconds(&self, key: Key) -> f64 {
        f64::from_bits(self.0[key as usize].load(Relaxed))
    }

    /// Nanoseconds of a key that is a time.
    pub fn nanoseconds(&self, key: Key) -> u64 {
        (self.seconds(key) * 1e9) as u64
    }

    /// All values.
    pub fn values(&self) -> Values {
        std::array::from_fn(|at| f64::from_bits(self.0[at].load(Relaxed)))
    }

    /// Puts all values in force.
    pub fn set_all(&self, values: &Values) {
        for (to, value) in self.0.iter().zip(values) {
            to.store(value.to_bits(), Relaxed);
        }
    }

    /// The value of a key as text that [`change`] takes.
    pub fn text(&self, key: Key) -> String {
        self.seconds(key).to_string()
    }
}

/// The built-in values.
pub fn defaults() -> Values {
    std::array::from_fn(|at| TABLE[at].default)
}

/// Changes one value to what a text says.
pub fn change(values: &mut Values, key: &str, value: &str) -> Result<()> {
    let key = Key::find(key)?;
    values[key as usize] = key.row().parse(value)?;
    Ok(())
}

/// No configuration is longer than this many bytes.
pub const LONGEST: usize = 64 * 1024;

/// So many brackets are left to the parser, which has better messages.
const NESTED: usize = 16;

/// Changes the values that a YAML text names; all or, with an error, none.
pub fn apply_yaml(values: &mut Values, yaml: &str) -> Result<()> {
    if yaml.len() > LONGEST {
        return Err(wrong(format!(
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
            return Err(wrong(format!(
                "at line {} something is nested: a configuration is lines of the form 'key: value'",
                number + 1
            )));
        }
    }
    let mut changed = *values;
    let document = serde_yaml::Deserializer::from_str(yaml);
    let reader = Reader { values: &mut changed, seen: [false; TABLE.len()] };
    document.deserialize_map(reader).map_err(|error| wrong(error.to_string()))?;
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
            return Err(E::custom(format!("{name} stands there twice")));
        }
        Ok(key)
    }
}

struct ValueSeed(&'static Row);

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = f64;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<f64, D::Error> {
        from.deserialize_any(self)
    }
}

impl Visitor<'_> for ValueSeed {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.0.allowed(), self.0.name)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<f64, E> {
        self.0.check(value as f64, &value).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<f64, E> {
        self.0.check(value as f64, &value).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<f64, E> {
        self.0.check(value, &value).map_err(E::custom)
    }
}

/// The commented example file, `docs/task_scheduling.yaml`: it says what is built in.
pub fn example() -> String {
    let mut text = String::from("# Every key, with its default. Written by: make docs\n");
    for row in TABLE {
        text += &format!("\n# {}:\n# {}.\n{}: {}\n", row.doc, row.allowed(), row.name, row.default);
    }
    text
}

/// The manual's page on the configuration, `docs/configuration.md`.
pub fn manual() -> String {
    let mut text = String::from(MANUAL);
    for row in TABLE {
        text +=
            &format!("| `{}` | {} | {} | {} |\n", row.name, row.default, row.allowed(), row.doc);
    }
    text
}

const MANUAL: &str = "\
# Configuration

<!-- Written by: make docs -->

Every scheduler has a configuration of its own. It comes from, each over the one before:

1. the values that are built in: [task_scheduling.yaml](task_scheduling.yaml);
2. for the default scheduler, the file that the environment variable `TASK_SCHEDULING_CONFIG` names
   when the scheduler is first used; for any other, the text that `ts_scheduler_new` is given;
3. `ts_load_config` with a file, and `ts_update_config` with one key, at any time.

A file is YAML: lines of the form `key: value`, in UTF-8, at most 64 KiB. It names only what it
changes. An unknown key, a key that stands there twice, a value of another type or out of range is
an error that names the file, the line and what is allowed; nothing has changed then. While the file
of `TASK_SCHEDULING_CONFIG` cannot be used, every call on the default scheduler gives that error.

A change takes effect at once: a higher `line_task_max` starts waiting tasks, a lower one lets
surplus threads go as their tasks end; idle threads count from when they became idle. A task keeps
the `watch_dog_time` that it started with, and one that was told to stop the `stuck_grace` of then.

| key | default | allowed | what it sets |
|---|---|---|---|
";

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
        let mut values = [0.5; TABLE.len()];
        apply_yaml(&mut values, &example()).unwrap();
        assert_eq!(values, defaults());
    }

    /// `TS_UPDATE=1` writes the files anew.
    #[test]
    fn the_files_in_docs_are_what_the_table_says() {
        for (name, text) in [("task_scheduling.yaml", example()), ("configuration.md", manual())] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
            if std::env::var_os("TS_UPDATE").is_some_and(|value| value == "1") {
                std::fs::write(&path, &text).unwrap();
            }
            let written = std::fs::read_to_string(&path).unwrap();
            assert!(written == text, "docs/{name} is old: make docs writes it anew");
        }
    }

    #[test]
    fn a_file_changes_what_it_names() {
        let mut values = defaults();
        apply_yaml(&mut values, "line_task_max: 18\nstuck_grace: 0.25\n").unwrap();
        assert_eq!(values[Key::LineTaskMax as usize], 18.0);
        assert_eq!(values[Key::StuckGrace as usize], 0.25);
        assert_eq!(values[Key::MaxIdleTime as usize], 60.0);
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
    fn texts_are_checked_like_files() {
        let mut values = defaults();
        change(&mut values, "line_task_max", " 18 ").unwrap();
        assert_eq!(values[Key::LineTaskMax as usize], 18.0);
        for text in ["", "x", "0", "4097", "nan", "inf", "1e400", "0x10", "1.5", "-3"] {
            let error = change(&mut values, "line_task_max", text).unwrap_err();
            assert!(error.message().contains("line_task_max"), "{text}");
        }
    }
}
