//! Time, idleness, configuration, threads and the log, as C programs see them.
//!
//! Each test is one case of a program in `tests/c`, in a process of its own: the cases count the
//! threads of their process, and have the log to themselves.

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use support::{Ended, Link, Running, build_c, scratch, start_command};

/// No case takes longer; then something hangs.
const HANG: Duration = Duration::from_secs(120);

fn build(program: &str) -> Option<PathBuf> {
    build_c(&format!("tests/c/{program}.c"), &["-std=gnu11", "-O1", "-Itests/c"], Link::Shared)
}

/// The case's second argument is a folder of its own.
fn command(program: &str, case: &str) -> Option<Command> {
    let mut command = Command::new(build(program)?);
    let folder = scratch(&format!("{program}-{case}"));
    command.arg(case).arg(folder).env_remove("TASK_SCHEDULING_CONFIG");
    Some(command)
}

#[track_caller]
fn end(running: Running) -> Ended {
    let ended = running.end(HANG);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    ended
}

/// Runs a case, which must succeed and print nothing.
#[track_caller]
fn case(program: &str, case: &str) {
    if let Some(command) = command(program, case) {
        let ended = end(start_command(command));
        assert_eq!((&*ended.stderr, &*ended.stdout), ("", &b""[..]));
    }
}

/// Tests that are one case each.
macro_rules! cases {
    ($($program:literal { $($test:ident = $case:literal;)* })*) => {
        $($(
            #[test]
            fn $test() {
                case($program, $case);
            }
        )*)*
    };
}

cases! {
    "timeouts" {
        a_task_ends_by_its_own_timeout_and_loses_its_result = "own_timeout";
        a_task_ends_by_watch_dog_time = "watch_dog_time";
        a_timed_out_task_runs_until_it_returns = "told";
        a_timeout_counts_from_the_start = "from_the_start";
        nothing_times_out_without_the_flag = "only_with_the_flag";
        an_earlier_deadline_wakes_the_watchdog = "earlier_deadline";
        short_tasks_never_time_out = "short_tasks";
        the_watchdog_is_gone_when_nothing_has_a_deadline = "watchdog_gone";
        a_busy_machine_times_nothing_out = "busy_machine";
    }
    "wall_clock" {
        a_jump_of_the_wall_clock_is_not_noticed = "jumps";
        a_jump_of_the_wall_clock_is_not_noticed_beside_loops = "jumps_beside_loops";
    }
    "stuck" {
        a_stuck_task_is_reported_again_and_again = "reported";
        a_task_that_returns_in_time_is_not_reported = "not_reported";
        a_stuck_task_is_replaced_and_holds_its_lane = "replaced";
        a_stuck_task_that_returns_leaves_the_work_to_its_substitute = "returns_while_the_substitute_works";
        so_many_stuck_tasks_are_replaced = "at_most";
        a_stuck_task_that_asked_for_it_lets_its_lane_go_on = "lane_released";
        a_stuck_task_keeps_its_name_when_its_lane_is_swept = "name_stays";
        a_stuck_task_that_did_not_ask_for_it_holds_its_lane = "lane_held";
        a_shutdown_waits_for_stuck_tasks = "shut_down";
    }
    "claims_time" {
        claims_end_by_their_timeouts = "watched";
        who_takes_claims_looks_at_deadlines = "taken";
        who_takes_claims_sleeps_past_no_deadline = "taken_meanwhile";
        deadlines_of_claims_show_on_the_descriptor = "polled";
        deadlines_of_claims_show_on_the_descriptor_not_before = "polled_exactly";
        a_descriptor_that_comes_late_takes_the_watchdogs_place = "polled_later";
        a_claim_that_never_comes_back_is_reported = "reported";
        a_claim_that_never_comes_back_is_reported_without_a_thread = "reported_by_fd";
        a_claim_that_timed_out_and_does_not_come_back_is_stuck = "timed_out_and_stuck";
        a_stuck_claim_is_replaced_and_holds_its_lane = "replaced";
        a_stuck_claim_that_asked_for_it_lets_its_lane_go_on = "lane_released";
        a_claim_that_lost_its_lane_does_not_hold_it_up = "lane_lost";
        a_lane_that_a_timeout_freed_is_taken = "freed_by_a_timeout";
        who_waits_for_claims_sleeps = "asleep";
    }
    "async_time" {
        async_tasks_end_by_their_timeouts = "timeouts";
        a_poll_that_lasts_too_long_is_told = "timeout_in_a_poll";
        a_poll_that_does_not_return_is_stuck_and_its_loop_goes_on_later = "stuck";
        a_poll_that_times_out_and_does_not_return_is_stuck = "stuck_by_timeout";
        other_loops_go_on_beside_a_stuck_poll = "other_loops_go_on";
        idle_loops_wake_no_thread = "no_wakeups";
        loops_hibernate_and_forget_nothing = "hibernates";
        an_async_add_meets_a_loop_that_leaves = "meets_leaving";
    }
    "idle" {
        an_idle_scheduler_wakes_no_thread = "no_wakeups";
        a_scheduler_hibernates_and_forgets_nothing = "hibernates";
        threads_that_ended_leave_nothing_behind = "no_growth";
        an_add_meets_the_last_thread_that_leaves_at_once = "stress_at_once";
        an_add_meets_the_last_thread_that_leaves_soon = "stress_soon";
        an_add_meets_the_only_thread_there_may_be = "stress_one_worker";
    }
    "configuration_sources" {
        a_scheduler_starts_with_its_yaml = "new_with_yaml";
        a_file_changes_what_it_names_or_nothing = "files";
        every_key_takes_its_range_and_nothing_else = "every_key";
    }
    "configuration" {
        line_task_max_takes_effect_at_once = "line_task_max";
        as_many_tasks_run_as_may = "side_by_side";
        max_idle_time_takes_effect_at_once = "max_idle_time";
        max_idle_time_of_loops_takes_effect_at_once = "max_idle_time_of_loops";
        watch_dog_time_takes_effect_at_once = "watch_dog_time";
        maximum_task_info_storage_takes_effect_at_once = "maximum_task_info_storage";
        maximum_queue_line_takes_effect_at_once = "maximum_queue_line";
        changes_under_load_lose_no_task = "changed_under_load";
    }
    "configuration_meeting" {
        of_two_changes_at_once_the_one_that_is_known_is_in_force = "at_once";
        a_change_while_a_task_of_a_pump_is_found_stuck_keeps_line_task_max = "while_found_stuck";
    }
    "threads" {
        the_host_hears_of_a_thread_first_and_last = "first_and_last";
        the_data_of_the_hook_is_dropped_once_and_last = "dropped";
        threads_that_end_by_themselves_say_so = "hibernates";
        a_thread_that_is_slow_to_end_is_replaced_and_waited_for = "slow_to_end";
        a_refused_add_starts_no_thread = "shut_down_while_adding";
        a_thread_may_call_the_library_at_its_start_and_end = "called_from_inside";
    }
    "thread_natures" {
        threads_have_their_names = "names";
        threads_have_their_stack = "stack_size";
        threads_run_where_they_may = "affinity";
        threads_have_their_nice_level = "nice_level";
        every_wrong_wish_for_threads_has_its_sentence = "bad_values";
    }
    "logging" {
        the_log_has_its_sentences = "sentences";
        nothing_is_printed_without_a_listener = "silent";
        a_replaced_listener_hears_nothing_after_its_drop = "replaced";
        a_listener_may_replace_itself = "replaced_from_inside";
        a_listener_may_call_the_library = "calls_back";
        the_lines_of_a_task_come_in_order = "in_order";
    }
}

/// Stops the process for five seconds, one second after its task has begun.
#[track_caller]
fn pause(program: &str, case: &str) {
    let Some(command) = command(program, case) else { return };
    let mut running = start_command(command);
    running.until("its task runs", |running| running.printed() == b"running\n");
    std::thread::sleep(Duration::from_secs(1));
    running.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(5));
    running.signal(libc::SIGCONT);
    assert_eq!(end(running).stderr, "");
}

#[test]
fn a_pause_over_a_deadline_times_nothing_out() {
    pause("timeouts", "paused_in");
}

#[test]
fn a_pause_over_a_deadline_times_no_async_task_out() {
    pause("async_time", "paused");
}

#[test]
fn a_pause_over_a_deadline_times_no_claim_out() {
    pause("claims_time", "paused");
}

#[test]
fn a_pause_before_a_deadline_times_nothing_out() {
    pause("timeouts", "paused_before");
}

#[test]
fn a_pause_makes_nothing_stuck() {
    pause("timeouts", "paused_stopping");
}

/// Runs a case with `TASK_SCHEDULING_CONFIG` naming a file of that content, or one that is missing.
#[track_caller]
fn with_default_file(case: &str, content: Option<&str>) {
    let Some(mut command) = command("configuration_sources", case) else { return };
    let file = scratch(&format!("file-{case}")).join("default.yaml");
    if let Some(content) = content {
        fs::write(&file, content).expect("a file");
    }
    command.env("TASK_SCHEDULING_CONFIG", file);
    assert_eq!(end(start_command(command)).stderr, "");
}

#[test]
fn the_default_scheduler_starts_with_the_file_of_the_environment() {
    with_default_file("default_good", Some("line_task_max: 3\n"));
}

#[test]
fn the_default_scheduler_says_what_is_wrong_with_its_file() {
    with_default_file("default_bad", Some("# here\nline_task_max: many\n"));
    with_default_file("default_missing", None);
}
