/* The structs are laid out as the library believes, and the macros can be used
 * where a program needs them. Compiled as C99 to C17 and as C++. */
#include <task_scheduling.h>

#if defined(__cplusplus) || __STDC_VERSION__ >= 201112L
#ifndef __cplusplus
#define static_assert _Static_assert
#endif
#define HOLDS(what) static_assert(what, #what)
#else
#define HOLDS_NAMED(what, line) typedef char holds_##line[(what) ? 1 : -1]
#define HOLDS_AT(what, line) HOLDS_NAMED(what, line)
#define HOLDS(what) HOLDS_AT(what, __LINE__)
#endif

#define IN_OPTIONS(field, at) HOLDS(offsetof(ts_task_options, field) == (at))
#define IN_SCHEDULER(field, at) HOLDS(offsetof(ts_scheduler_options, field) == (at))
#define IN_REPORT(field, at) HOLDS(offsetof(ts_shutdown_report, field) == (at))
#define IN_STATUS(field, at) HOLDS(offsetof(ts_task_status, field) == (at))

HOLDS(sizeof(ts_task_id) == 16);
HOLDS(sizeof(ts_error) == 4);
HOLDS(sizeof(ts_kind) == 4);
HOLDS(sizeof(ts_state) == 4);
HOLDS(sizeof(ts_poll) == 4);
HOLDS(sizeof(ts_log_level) == 4);
HOLDS(sizeof(ts_thread_event) == 4);

#if UINTPTR_MAX == UINT64_MAX
HOLDS(sizeof(ts_value) == 24);
HOLDS(offsetof(ts_value, data) == 0);
HOLDS(offsetof(ts_value, size) == 8);
HOLDS(offsetof(ts_value, drop) == 16);

HOLDS(sizeof(ts_task_options) == 136);
IN_OPTIONS(size, 0);
IN_OPTIONS(name, 8);
IN_OPTIONS(run, 16);
IN_OPTIONS(poll, 24);
IN_OPTIONS(user_data, 32);
IN_OPTIONS(drop, 40);
IN_OPTIONS(timeout_seconds, 48);
IN_OPTIONS(wait_seconds, 56);
IN_OPTIONS(kind, 64);
IN_OPTIONS(flags, 68);
IN_OPTIONS(lane, 72);
IN_OPTIONS(runner, 80);
IN_OPTIONS(reserved, 84);
IN_OPTIONS(pump, 88);
IN_OPTIONS(completions, 96);
IN_OPTIONS(completion_data, 104);
IN_OPTIONS(on_end, 112);
IN_OPTIONS(on_end_data, 120);
IN_OPTIONS(on_end_drop, 128);

HOLDS(sizeof(ts_lane_options) == 48);
HOLDS(sizeof(ts_pump_options) == 32);
HOLDS(sizeof(ts_claim) == 40);
HOLDS(sizeof(ts_completion) == 32);

HOLDS(sizeof(ts_shutdown_report) == 48);
IN_REPORT(size, 0);
IN_REPORT(running, 8);
IN_REPORT(claims, 16);
IN_REPORT(threads, 24);
IN_REPORT(tasks, 32);
IN_REPORT(capacity, 40);

HOLDS(sizeof(ts_scheduler_options) == 72);
IN_SCHEDULER(size, 0);
IN_SCHEDULER(config_yaml, 8);
IN_SCHEDULER(on_thread, 16);
IN_SCHEDULER(user_data, 24);
IN_SCHEDULER(drop, 32);
IN_SCHEDULER(thread_name, 40);
IN_SCHEDULER(thread_affinity, 48);
IN_SCHEDULER(thread_stack_size, 56);
IN_SCHEDULER(thread_nice, 64);
IN_SCHEDULER(reserved, 68);

HOLDS(sizeof(ts_task_status) == 584);
IN_STATUS(size, 0);
IN_STATUS(id, 8);
IN_STATUS(added_at, 24);
IN_STATUS(started_at, 32);
IN_STATUS(ended_at, 40);
IN_STATUS(state, 48);
IN_STATUS(kind, 52);
IN_STATUS(stopping, 56);
IN_STATUS(code, 60);
IN_STATUS(flags, 64);
IN_STATUS(reserved, 68);
IN_STATUS(task_name, 72);
IN_STATUS(error, 328);
#endif

HOLDS(TS_OK == 0 && TS_ERROR_PANIC == 22 && TS_ERROR_IN_USE == 23);
HOLDS(TS_LINEAR == 1 && TS_ASYNC == 2);
HOLDS(TS_PENDING == 1 && TS_CANCELLED == 6);
HOLDS(TS_THREAD_STARTED == 1 && TS_THREAD_STOPPING == 2);
HOLDS(TS_POLL_PENDING == 0 && TS_POLL_READY == 1 && TS_POLL_FAILED == 2);
HOLDS((TS_TIMEOUT_PROCESSING | TS_BAN_ON_FAILURE | TS_KEEP | TS_WAIT_FOR_ROOM
       | TS_INTERRUPT_BLOCKING | TS_RELEASE_LANE_WHEN_STUCK) == 63);

ts_task_options options_at_file_scope = TS_TASK_OPTIONS_INIT;
ts_scheduler_options scheduler_at_file_scope = TS_SCHEDULER_OPTIONS_INIT;
ts_shutdown_report report_at_file_scope = TS_SHUTDOWN_REPORT_INIT;
ts_task_status status_at_file_scope = TS_TASK_STATUS_INIT;
double forever_at_file_scope = TS_FOREVER;
const char *version = "built with " TS_VERSION;

int main(void)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_status status = TS_TASK_STATUS_INIT;
    options.wait_seconds = TS_FOREVER;
    options.flags = TS_KEEP | TS_WAIT_FOR_ROOM;
    return options.size == sizeof status || status.size == sizeof options;
}
