//! Lists of processors, as people write them: `0,2-3`.

use crate::platform;
use std::borrow::Cow;

/// A set of processors, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processors(Vec<(usize, usize)>);

/// No list has more parts, so that reading one takes no time.
const PARTS: usize = 1024;

impl Processors {
    /// The set that a list says, or what is wrong with it. An empty list is an empty set.
    pub fn parse(text: &str) -> Result<Processors, Cow<'static, str>> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Processors::default());
        }
        let number = |digits: &str| {
            let digits = digits.trim();
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            // More digits than a number has are those of a processor that does not exist.
            plain.then(|| digits.parse().unwrap_or(usize::MAX)).ok_or_else(|| {
                let shown: String = digits.chars().take(20).collect();
                words!("'{}' is no processor's number", shown.escape_debug())
            })
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to) = (number(from)?, number(to)?);
            if from > to {
                return Err(words!("{from}-{to} ends before it begins"));
            }
            if ranges.len() == PARTS {
                return Err(words!("it has more than {PARTS} parts"));
            }
            ranges.push((from, to));
        }
        Ok(Processors(ranges))
    }

    /// Whether there are none in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether that processor is in it.
    pub fn contains(&self, processor: usize) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&processor))
    }

    /// Whether threads can be bound to them, or why not.
    pub fn check(&self) -> Result<(), Cow<'static, str>> {
        if self.is_empty() {
            return Ok(());
        }
        if !platform::PINS_THREADS {
            return Err("this system does not bind threads to processors".into());
        }
        let there = platform::processors();
        for (from, to) in &self.0 {
            if let Some(missing) = (*from..=*to).find(|processor| !there.contains(*processor)) {
                return Err(words!("there is no processor {missing}; there are {there}"));
            }
        }
        Ok(())
    }

    /// The first so many.
    pub fn first(count: usize) -> Processors {
        Processors(vec![(0, count.saturating_sub(1))])
    }
}

impl std::fmt::Display for Processors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (from, to)) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "," })?;
            match from == to {
                true => write!(f, "{from}")?,
                false => write!(f, "{from}-{to}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let set = Processors::parse(" 0, 2 - 3,7").unwrap();
        let members: Vec<_> = (0..10).filter(|number| set.contains(*number)).collect();
        assert_eq!(members, [0, 2, 3, 7]);
        assert_eq!(set.to_string(), "0,2-3,7");
        assert!(Processors::parse(" ").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said() {
        for (text, words) in [
            ("x", "'x' is no processor's number"),
            ("0,", "'' is no processor's number"),
            (",0", "'' is no processor's number"),
            ("0--1", "'-1' is no processor's number"),
            ("-1", "'' is no processor's number"),
            ("+1", "'+1' is no processor's number"),
            ("0x1", "'0x1' is no processor's number"),
            ("3-2", "3-2 ends before it begins"),
        ] {
            assert_eq!(Processors::parse(text).unwrap_err(), words, "{text}");
        }
        assert!(Processors::parse(&"0,".repeat(5000)).is_err());
        for huge in ["99999999999999999999999", "0-4000000000", "18446744073709551615"] {
            let error = Processors::parse(huge).unwrap().check().unwrap_err();
            assert!(error.contains("there is no processor"), "{error}");
        }
    }
}
