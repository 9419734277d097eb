//! The values in force. Numbers are read often, each by one load; texts are read when a thread is made,
//! and lie behind a lock that is taken alone.

use super::{Key, TABLE, Value, Values, defaults};
use crate::platform::floats::calculate;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::*};
use crate::{Result, memory};
use std::borrow::Cow;
use std::fmt::Write;

/// The values in force; any thread may read them at any time.
#[derive(Debug)]
pub struct Settings {
    numbers: [AtomicU64; TABLE.len()],
    /// Those that are texts; the others are empty.
    texts: Mutex<[Cow<'static, str>; TABLE.len()]>,
}

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

    /// The value of a key as text that [`super::change`] takes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::apply_yaml;

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
}
