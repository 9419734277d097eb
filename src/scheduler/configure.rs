//! Changing the configuration of a scheduler, and reading it from files.

use super::Scheduler;
use crate::config::{self, Key};
use crate::error::{Error, ErrorCode, Result};
use crate::log::{self, LogLevel};
use crate::platform::floats::calculate;
use std::borrow::Cow;
use std::ffi::OsStr;

impl Scheduler {
    /// Changes one setting, which takes effect at once.
    pub fn update_config(&self, key: &str, value: &str) -> Result<()> {
        self.change_config(|values| config::change(values, key, value))?;
        log::line(LogLevel::Info, || {
            words!("Configuration file updated and reloaded successfully: {key} = {value}")
        });
        Ok(())
    }

    /// Changes the settings that a YAML file names, all or none.
    pub fn load_config(&self, path: &str) -> Result<()> {
        let path = path.as_ref();
        let yaml = read_config(path)?;
        self.change_config(|values| config::apply_yaml(values, &yaml))
            .map_err(|error| in_file(path, error))
    }

    fn change_config(&self, change: impl FnOnce(&mut config::Values) -> Result<()>) -> Result<()> {
        let freed = {
            let _changing = self.changing.lock();
            let mut values = self.shared.settings.values()?;
            change(&mut values)?;
            if let config::Value::Number(limit) = values[Key::MaximumTaskInfoStorage as usize] {
                // The last that can fail.
                self.shared.core.set_history_limit(calculate(|| limit as usize))?;
            }
            self.shared.settings.set_all(values);
            // Each under the lock, so that of two changes the later one is what stays.
            self.shared.core.set_bound(self.shared.settings.count(Key::MaximumQueueLine));
            self.shared.claims.reconfigure();
            self.shared.loops.set_limits()
        };
        // Not under the lock: what cannot be done is said to the log, which is the host's, and what
        // is forgotten is dropped.
        self.shared.pool.reconfigure();
        self.shared.loops.reconfigure(freed);
        self.shared.core.trim_history();
        Ok(())
    }

    /// A setting, as text.
    pub fn config(&self, key: &str) -> Result<String> {
        self.shared.settings.text(Key::find(key)?)
    }
}

pub(super) fn read_config(path: &OsStr) -> Result<String> {
    use std::io::Read;
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    let wrong = |text: Cow<'static, str>| in_file(path, Error::new(ErrorCode::Config, text));
    let mut yaml = Vec::new();
    // A pipe that nobody writes to would block the open.
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .and_then(|file| match file.metadata()?.file_type().is_fifo() {
            true => Err(std::io::Error::other("it is a pipe")),
            false => Ok(file),
        })
        .and_then(|file| file.take(config::LONGEST as u64 + 1).read_to_end(&mut yaml))
        .map_err(|error| wrong(words!("the file cannot be read: {error}")))?;
    if yaml.len() > config::LONGEST {
        return Err(wrong(words!("the file is longer than {} bytes", config::LONGEST)));
    }
    String::from_utf8(yaml).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        wrong(words!("the text is not UTF-8 at line {}", line + 1))
    })
}

/// An error that says in which file.
pub(super) fn in_file(path: &OsStr, error: Error) -> Error {
    Error::new(error.code(), words!("{}: {}", path.to_string_lossy(), error.message()))
}
