//! `examples/hosts/uv.c` on libuv's loop and `examples/hosts/game.c` on SDL2's frames.

use crate::host;
use crate::support::{need, output, run, scratch, start, start_command};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Files of all sorts of sizes, some of the same name, and a few that have none that is text.
fn fill(folder: &Path) -> usize {
    let mut count = 0;
    for directory in ["a", "a/b", "c"] {
        let directory = folder.join(directory);
        fs::create_dir_all(&directory).expect("a folder");
        for size in [0, 1, 1000, 65_535, 65_536, 65_537, 400_000] {
            let text: String = (0..).map(|n: u32| format!("{n} ")).take(size / 2 + 1).collect();
            for copy in 0..5 {
                let path = directory.join(format!("{size} of {copy}"));
                fs::write(path, &text.as_bytes()[..size]).expect("a file");
                count += 1;
            }
        }
    }
    count
}

#[test]
fn the_loop_of_libuv_is_never_held_up() {
    let Some(program) = host("uv") else { return };
    let folder = scratch("hosts-uv");
    let (from, into) = (folder.join("from"), folder.join("into"));
    fs::create_dir(&into).expect("a folder");
    let count = fill(&from);
    let ended = run(&program, [&from, &into]);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status, Some(0), "{said}{}", ended.stderr);
    assert!(said.contains(&format!("{count} of {count} files packed and the same")), "{said}");
    println!("uv: {}", said.trim_end());
    // Another program agrees about what was packed.
    if need("gzip") {
        let first = Command::new("gzip").arg("-dc").arg(into.join("1.gz")).output().expect("gzip");
        assert!(first.status.success());
        let mut all: Vec<_> = fs::read_dir(from.join("a")).expect("a folder").collect();
        all.retain(|entry| entry.as_ref().expect("a file").path().is_file());
        let least = all.iter().map(|entry| entry.as_ref().expect("a file").path()).min();
        assert_eq!(first.stdout, fs::read(least.expect("one")).expect("a file"));
        for number in 1..=count {
            output(Command::new("gzip").arg("-t").arg(into.join(format!("{number}.gz"))));
        }
    }
}

#[test]
fn a_program_on_libuv_that_is_interrupted_stops_what_runs() {
    let Some(program) = host("uv") else { return };
    let folder = scratch("hosts-uv-stop");
    let (from, into) = (folder.join("from"), folder.join("into"));
    fs::create_dir(&from).expect("a folder");
    fs::create_dir(&into).expect("a folder");
    for name in ["huge", "another"] {
        // Longer than anybody waits; it takes no room.
        let file = fs::File::create(from.join(name)).expect("a file");
        file.set_len(1 << 42).expect("a long file");
    }
    let mut running = start(&program, [&from, &into]);
    running.until("news", |running| String::from_utf8_lossy(&running.printed()).contains("2 run:"));
    running.signal(libc::SIGINT);
    let ended = running.end(Duration::from_secs(60));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status, Some(1), "{said}{}", ended.stderr);
    assert!(said.contains("2 tasks wait, 2 run:"), "{said}");
    assert!(said.contains("interrupted: 0 of 2 files packed"), "{said}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_game_keeps_its_frames_beside_100000_jobs() {
    let Some(program) = host("game") else { return };
    let mut command = Command::new(program);
    command.env("SDL_VIDEODRIVER", "dummy");
    let ended = start_command(command).end(Duration::from_secs(180));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status, Some(0), "{said}{}", ended.stderr);
    assert!(said.starts_with("100000 jobs in "), "{said}");
    assert!(said.contains("every job ran exactly once, in the order of its entity"), "{said}");
    println!("game: {}", said.trim_end());
}
