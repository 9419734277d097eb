//! What is written for people from the table of keys: the example file and the manual's page.

use super::TABLE;

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
3. what the other fields of `ts_scheduler_options` say, for `ts_scheduler_new_with`;
4. `ts_load_config` with a file, and `ts_update_config` with one key, at any time.

A file is YAML: lines of the form `key: value`, in UTF-8, at most 64 KiB. It names only what it
changes. An unknown key, a key that stands there twice, a value of another type or out of range is
an error that names the file, the line and what is allowed; nothing has changed then. While the file
of `TASK_SCHEDULING_CONFIG` cannot be used, every call on the default scheduler gives that error.

A change takes effect at once: a higher `line_task_max` starts waiting tasks, a lower one lets
surplus threads go as their tasks end; idle threads count from when they became idle. A task keeps
the `watch_dog_time` that it started with, and one that was told to stop the `stuck_grace` of then.
What begins with `thread_` concerns threads that start afterwards.

Names of threads are cut where the system cuts them: at 15 bytes on Linux. What a thread needs of its
stack for itself (32 KiB) comes on top of `thread_stack_size`. With 0 the stack is what the system
gives a thread that asks for none: with glibc the soft limit that `ulimit -s` shows when the program
starts, mostly 8 MiB. Where the system refuses a processor or a nice level when a thread
starts (a negative one needs a privilege), the thread runs without, and the log says so.

| key | default | allowed | what it sets |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

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
}
