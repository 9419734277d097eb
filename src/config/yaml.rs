//! A configuration as YAML: lines of the form `key: value`, and nothing else.
//!
//! All values are changed, or none. Nothing nested is ever expanded, so a text costs no more than its
//! length.

use super::{Key, Row, TABLE, Value, Values, wrong};
use crate::Result;
use crate::platform::floats::calculate;
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use std::fmt;

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
    use crate::ErrorCode;
    use crate::config::{defaults, example};

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
}
