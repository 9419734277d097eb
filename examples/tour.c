/*
 * tour: the README of the Python package task_scheduling, function by function.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/tour.c -o tour \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./tour
 *
 * tour.cpp and tour/main.go print the same. The sleeps of the README are
 * shorter here, and what it leaves running ends with each function's scheduler.
 *
 * The package prints the lines without a "+" too (1.1.10, by
 * tests/tour/seed.py). Those with one are where this library does something
 * else, or has something more:
 *
 *   - tasks of a name run in the order of their adds; the package puts one that
 *     has to wait back at the end of its queue, so the order is lost
 *   - "when a task fails it can be added to the disabled list" is a flag,
 *     TS_BAN_ON_FAILURE; in the package nothing does that
 *   - a cancel says how many it cancelled; the package says it in the log
 *   - a stopped task stays known, as cancelled, and one that waits can be
 *     stopped; the package forgets the first and refuses the second
 *   - of a task that has not ended the result is an error that says so; the
 *     package gives None, as of one that returned nothing
 *   - a task that failed is shown as failed, with its words; the package shows
 *     it as running for ever
 *   - a shutdown that is not forced waits for asyncio tasks too; the package
 *     waits for linear ones only
 *   - a key of the configuration that does not exist is refused; the package
 *     takes it
 */
#define _GNU_SOURCE

#include "task_scheduling.h"

#include "host.h"
#include "tour.h"

#include <stdatomic.h>

static char input_info[] = "test";
static atomic_int linear_printed, asyncio_printed;

/* ---- The tasks of the README --------------------------------------------- */

static int32_t line_task(ts_token *token, void *info)
{
    while (ts_interruptible_sleep(token, 0.01) == TS_OK)
        atomic_fetch_add(&linear_printed, strcmp(info, "test") == 0);
    return 0;
}

/* Polled whenever its sleep is over. */
static ts_poll asyncio_task(ts_token *token, void *info)
{
    while (ts_async_sleep(token, 0.01) == TS_OK)
        atomic_fetch_add(&asyncio_printed, strcmp(info, "test") == 0);
    return TS_POLL_PENDING;
}

static int32_t line_task_with_result(ts_token *token, void *info)
{
    ts_interruptible_sleep(token, 0.05);
    return ts_set_result(token, info, strlen(info) + 1, NULL) != TS_OK;
}

static ts_poll asyncio_task_with_result(ts_token *token, void *info)
{
    if (ts_async_sleep(token, 0.05) != TS_OK)
        return TS_POLL_PENDING;
    return ts_set_result(token, info, strlen(info) + 1, NULL) == TS_OK ? TS_POLL_READY : TS_POLL_FAILED;
}

static int32_t failing_task(ts_token *token, void *unused)
{
    (void)unused;
    ts_set_error(token, "no paper");
    return 1;
}

static ts_task_id add(const char *name, ts_task_fn run)
{
    ts_task_id id;
    must(ts_add_task(scheduler, true, name, run, input_info, NULL, &id), name);
    return id;
}

static ts_task_id add_async(const char *name, ts_poll_fn poll)
{
    ts_task_id id;
    must(ts_add_async_task(scheduler, true, name, poll, input_info, NULL, &id), name);
    return id;
}

/* Adds as the README does; false when the name is banned. */
static bool is_added(ts_kind kind, const char *name)
{
    ts_task_id id;
    ts_error error = kind == TS_LINEAR
                         ? ts_add_task(scheduler, true, name, line_task, input_info, NULL, &id)
                         : ts_add_async_task(scheduler, true, name, asyncio_task, input_info, NULL, &id);
    if (error != TS_ERROR_BANNED)
        must(error, name);
    return error == TS_OK;
}

static void until_both_printed(void)
{
    while (atomic_load(&linear_printed) == 0 || atomic_load(&asyncio_printed) == 0)
        pause_a_little();
}

/* ---- Function by function ------------------------------------------------ */

static char order[8];

static int32_t note_order(ts_token *token, void *number)
{
    (void)token;
    strcat(order, number);
    return 0;
}

static void tour_add_task(void)
{
    char one_text[37], two_text[37];
    ts_task_id one = add("task1", line_task), two = add_async("task2", asyncio_task), last = { { 0 } };
    until_both_printed();
    ts_task_id_format(one, one_text);
    ts_task_id_format(two, two_text);
    printf("  ids: %zu and %zu characters\n", strlen(one_text), strlen(two_text));
    say_whether("ids differ", strcmp(one_text, two_text) != 0);
    say_whether("both printed test", true);
    static char numbers[3][3] = { " 1", " 2", " 3" };
    for (int at = 0; at < 3; at++)
        must(ts_add_task(scheduler, true, "task3", note_order, numbers[at], NULL, &last), "task3");
    ended(last);
    printf("  + three of a name ran in the order:%s\n", order);
}

static void tour_ban_task_name(void)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    add("task1", line_task);
    must(ts_ban_task_name(scheduler, TS_LINEAR, "task1"), "ban");
    say_whether("task1 added again", is_added(TS_LINEAR, "task1"));
    add_async("task2", asyncio_task);
    must(ts_ban_task_name(scheduler, TS_ASYNC, "task2"), "ban");
    say_whether("task2 added again", is_added(TS_ASYNC, "task2"));
    say_said("Io linear task | task1 | is banned from execution");
    options.name = "task3";
    options.run = failing_task;
    options.flags = TS_BAN_ON_FAILURE;
    must(ts_submit(scheduler, &options, &id), "task3");
    ended(id);
    say_whether("+ added again after a failure that bans", is_added(TS_LINEAR, "task3"));
}

static void tour_allow_task_name(void)
{
    must(ts_ban_task_name(scheduler, TS_LINEAR, "task1"), "ban");
    say_whether("task1 added", is_added(TS_LINEAR, "task1"));
    must(ts_allow_task_name(scheduler, TS_LINEAR, "task1"), "allow");
    say_whether("task1 added again", is_added(TS_LINEAR, "task1"));
    must(ts_ban_task_name(scheduler, TS_ASYNC, "task2"), "ban");
    say_whether("task2 added", is_added(TS_ASYNC, "task2"));
    must(ts_allow_task_name(scheduler, TS_ASYNC, "task2"), "allow");
    say_whether("task2 added again", is_added(TS_ASYNC, "task2"));
    until_both_printed();
    say_said("Io linear task | task1 | is allowed for execution");
    say_said("Io asyncio task | task2 | is allowed for execution");
}

static void tour_cancel_all_queued_tasks_by_name(void)
{
    size_t cancelled;
    ts_task_id tasks[3] = { add("task1", line_task) };
    add("task1", line_task);
    tasks[1] = add_async("task2", asyncio_task);
    tasks[2] = add_async("task2", asyncio_task);
    for (int at = 0; at < 3; at++)
        while (state_of(tasks[at]) != TS_RUNNING)
            pause_a_little();
    must(ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "task1", &cancelled), "cancel");
    must(ts_cancel_all_queued_tasks_by_name(scheduler, TS_ASYNC, "task2", NULL), "cancel");
    say_info("linear", TS_LINEAR, 1);
    say_info("asyncio", TS_ASYNC, 1);
    say_said("Io linear task | task1 | is waiting to be executed in the queue, has been deleted");
    printf("  + so many were cancelled: %zu\n", cancelled);
}

static void tour_force_stop_task(void)
{
    ts_task_id one = add("task1", line_task), two = add_async("task1", asyncio_task);
    until_both_printed();
    ts_task_id waiting = add("task1", line_task);
    ts_error stopped = ts_force_stop(scheduler, waiting);
    say_whether("linear stopped", ts_force_stop(scheduler, one) == TS_OK);
    say_whether("asyncio stopped", ts_force_stop(scheduler, two) == TS_OK);
    ts_state states[2] = { ended(one).state, ended(two).state };
    say_whether("none runs", true);
    printf("  + they are known as: %s and %s\n", word(states[0]), word(states[1]));
    say_whether("+ one that waited stopped", stopped == TS_OK && state_of(waiting) == TS_CANCELLED);
}

static void tour_get_task_result(void)
{
    ts_value value = { 0 };
    ts_task_id tasks[2] = { add("sleep", line_task_with_result), add_async("sleep", asyncio_task_with_result) };
    ts_task_id endless = add("task1", line_task);
    for (int at = 0; at < 2; at++) {
        ended(tasks[at]);
        must(ts_get_task_result(scheduler, tasks[at], &value), "result");
        say("Task result", value.data);
        ts_value_free(&value);
    }
    say_whether("+ not finished", ts_get_task_result(scheduler, endless, &value) == TS_ERROR_NOT_FINISHED);
}

static void tour_get_all_queue_info(void)
{
    add("task1", line_task);
    add_async("task1", asyncio_task);
    until_both_printed();
    say_info("line", TS_LINEAR, 100);
    say_info("asyncio", TS_ASYNC, 100);
}

static void tour_get_task_status(void)
{
    struct timespec time;
    ts_task_id tasks[2] = { add("task1", line_task), add_async("task1", asyncio_task) };
    until_both_printed();
    clock_gettime(CLOCK_REALTIME, &time);
    for (int at = 0; at < 2; at++) {
        ts_task_status status = TS_TASK_STATUS_INIT;
        must(ts_get_task_status(scheduler, tasks[at], &status), "status");
        say("task_name", status.task_name);
        say("status", word(status.state));
        double ago = (double)time.tv_sec - status.started_at;
        say_whether("started just now", ago > -600 && ago < 600);
    }
    ts_task_status failed = ended(add("task2", failing_task));
    printf("  + one that failed: %s, %s\n", word(failed.state), failed.error);
}

static void tour_shutdown(void)
{
    must(ts_shutdown(scheduler, true), "shutdown");
    say_said("All scheduler has been shut down.");
    ts_task_id one = add("sleep", line_task_with_result), two = add_async("sleep", asyncio_task_with_result);
    while (state_of(one) == TS_PENDING || state_of(two) == TS_PENDING)
        pause_a_little();
    must(ts_shutdown(scheduler, false), "shutdown");
    say("one that ran was waited for", word(state_of(one)));
    say("+ so was an asyncio one", word(state_of(two)));
}

static void tour_interruptible_sleep(void)
{
    double begin = now();
    ts_interruptible_sleep(NULL, 0.05);
    say_whether("slept as long", now() - begin >= 0.05);
}

static void tour_update_config(void)
{
    for (int round = 0; round < 2; round++) {
        char *value;
        must(ts_get_config(scheduler, "line_task_max", &value), "configuration");
        say("line_task_max", value);
        ts_string_free(value);
        must(ts_update_config(scheduler, "line_task_max", "18"), "configuration");
    }
    say_whether("+ an unknown key is refused", ts_update_config(scheduler, "line_task_min", "1") == TS_ERROR_CONFIG);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } stops[] = {
        { "add_task", tour_add_task },
        { "ban_task_name", tour_ban_task_name },
        { "allow_task_name", tour_allow_task_name },
        { "cancel_all_queued_tasks_by_name", tour_cancel_all_queued_tasks_by_name },
        { "force_stop_task", tour_force_stop_task },
        { "get_task_result", tour_get_task_result },
        { "get_all_queue_info", tour_get_all_queue_info },
        { "get_task_status", tour_get_task_status },
        { "shutdown", tour_shutdown },
        { "interruptible_sleep", tour_interruptible_sleep },
        { "update_config", tour_update_config },
    };
    must(ts_set_log_callback(write_journal, NULL, NULL), "log");
    for (size_t at = 0; at < sizeof stops / sizeof *stops; at++) {
        must(ts_scheduler_new(NULL, &scheduler), "scheduler");
        atomic_store(&linear_printed, 0);
        atomic_store(&asyncio_printed, 0);
        journal.count = 0;
        printf("%s\n", stops[at].name);
        stops[at].run();
        ts_scheduler_free(scheduler);
    }
    return 0;
}
