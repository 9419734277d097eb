/* The n-th allocation of a call fails, for every n, and so do all from the n-th
 * on: the call gives TS_ERROR_OUT_OF_MEMORY, says so, and has changed nothing;
 * then the same call succeeds. */
#define _GNU_SOURCE
#include "check.h"

#include "failing_memory.h"

/* What calls are tried on. */
static ts_scheduler *scheduler;
static ts_lane *lane, *async_lane;
static ts_pump *pump;
static ts_completions *queue;
static plug blocked;
static int dropped, heard;

/* What a call made. */
static ts_task_id made[4];
static ts_claim claims[4];
static size_t added;
/* So many ends are to be heard of yet. */
static size_t expected;
static void *handle;
static char *text;

static void drop(void *user_data)
{
    (void)user_data;
    dropped++;
}

static void hear(const ts_completion *end, void *user_data)
{
    (void)end;
    (void)user_data;
    heard++;
}

static ts_poll poll_once(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

/* Never the same. */
static const char *new_name(void)
{
    static int number;
    static char name[32];
    snprintf(name, sizeof name, "name %d", number++);
    return name;
}

static const char *name_now;

static ts_task_options every_option(void)
{
    ts_task_options options = options_of(name_now, run_nothing, &dropped, drop,
                                         TS_TIMEOUT_PROCESSING | TS_KEEP | TS_BAN_ON_FAILURE);
    options.timeout_seconds = 100;
    options.completions = queue;
    options.completion_data = &queue;
    options.on_end = hear;
    options.on_end_data = &heard;
    options.on_end_drop = drop;
    return options;
}

static ts_error add_plain(void)
{
    return ts_add_task(scheduler, false, NULL, run_nothing, &dropped, drop, &made[0]);
}

static ts_error add_named(void)
{
    return ts_add_task(scheduler, true, name_now, run_nothing, &dropped, drop, &made[0]);
}

static ts_error add_async(void)
{
    return ts_add_async_task(scheduler, true, name_now, poll_once, &dropped, drop, &made[0]);
}

static ts_error add_with_everything(void)
{
    ts_task_options options = every_option();
    return ts_submit(scheduler, &options, &made[0]);
}

static ts_error add_async_with_everything(void)
{
    ts_task_options options = every_option();
    options.run = NULL;
    options.poll = poll_once;
    return ts_submit(scheduler, &options, &made[0]);
}

static ts_error add_to_lane(void)
{
    return ts_lane_add_task(lane, true, run_nothing, &dropped, drop, &made[0]);
}

static ts_error add_to_async_lane(void)
{
    return ts_lane_add_async_task(async_lane, true, poll_once, &dropped, drop, &made[0]);
}

static ts_error add_to_lane_with_everything(void)
{
    ts_task_options options = every_option();
    options.name = NULL;
    options.lane = lane;
    return ts_submit(scheduler, &options, &made[0]);
}

static ts_error add_to_pump(void)
{
    ts_task_options options = every_option();
    options.pump = pump;
    return ts_submit(scheduler, &options, &made[0]);
}

static ts_error add_to_pump_without_a_name(void)
{
    ts_task_options options = options_of(NULL, run_nothing, &dropped, drop, 0);
    options.pump = pump;
    return ts_submit(scheduler, &options, &made[0]);
}

static ts_error add_claim(void)
{
    ts_task_options options = every_option();
    options.runner = TS_CLAIMS;
    return ts_claim_submit(scheduler, &options, &claims[0], &made[0]);
}

static ts_error add_queued_claim(void)
{
    ts_task_options options = every_option();
    options.runner = TS_CLAIMS;
    return ts_submit(scheduler, &options, &made[0]);
}

static ts_error add_claims(void)
{
    ts_task_options options[2];
    options[0] = options[1] = every_option();
    options[0].runner = options[1].runner = TS_CLAIMS;
    options[1].name = NULL;
    return ts_claims_submit(scheduler, options, 2, claims, made, &added);
}

static ts_error make_lane(void)
{
    ts_lane_options options = TS_LANE_OPTIONS_INIT;
    options.name = name_now;
    options.capacity = 10;
    return ts_lane_new(scheduler, &options, (ts_lane **)&handle);
}

static void free_lane(void)
{
    ts_lane_free((ts_lane *)handle);
}

static ts_error ban(void)
{
    return ts_ban_task_name(scheduler, TS_LINEAR, name_now);
}

static void allow(void)
{
    MUST(ts_allow_task_name(scheduler, TS_LINEAR, name_now));
}

static ts_error change_number(void)
{
    return ts_update_config(scheduler, "stuck_task_max", "17");
}

static ts_error change_text(void)
{
    return ts_update_config(scheduler, "thread_name", "another");
}

static ts_error grow_history(void)
{
    return ts_update_config(scheduler, "maximum_task_info_storage", "5000");
}

static void change_back(void)
{
    MUST(ts_update_config(scheduler, "stuck_task_max", "64"));
    MUST(ts_update_config(scheduler, "thread_name", "ts"));
    MUST(ts_update_config(scheduler, "maximum_task_info_storage", "60"));
}

static ts_error get_config(void)
{
    return ts_get_config(scheduler, "thread_name", &text);
}

static ts_error get_text(void)
{
    return ts_get_all_queue_info(scheduler, TS_LINEAR, true, &text);
}

static void free_text(void)
{
    ts_string_free(text);
}

static ts_error get_status(void)
{
    static ts_task_status status = TS_TASK_STATUS_INIT;
    return ts_get_task_status(scheduler, made[3], &status);
}

static ts_error wait_for_ended(void)
{
    static ts_task_status status = TS_TASK_STATUS_INIT;
    return ts_wait(scheduler, made[3], TS_FOREVER, &status);
}

static ts_error list(void)
{
    static ts_task_status all[8];
    size_t count;
    all[0].size = sizeof all[0];
    return ts_list_tasks(scheduler, TS_LINEAR, all, 8, &count);
}

static void log_nothing(ts_log_level level, const char *line, void *user_data)
{
    (void)level;
    (void)line;
    (void)user_data;
}

static void do_nothing(void)
{
}

/* Ends what was added. Who has waited for an end may be here before those who
 * asked to hear of it: the completion comes after all of them. */
static void undo_adds(void)
{
    static const ts_claim none;
    ts_completion ends[8];
    size_t count;
    int at;
    ts_force_stop(scheduler, made[0]);
    ts_force_stop(scheduler, made[1]);
    for (at = 0; at < 2; at++)
        if (claims[at].token != NULL)
            MUST(ts_claim_finish(scheduler, &claims[at], 0, NULL, NULL, NULL));
    claims[0] = claims[1] = none;
    while (ts_claims_take(scheduler, claims, 1, 0, &count) == TS_OK)
        MUST(ts_claim_finish(scheduler, &claims[0], 0, NULL, NULL, NULL));
    claims[0] = none;
    for (at = 0; at < 2; at++)
        if (!is_zero(made[at]))
            ts_wait(scheduler, made[at], TS_FOREVER, NULL);
    for (; expected > 0; expected -= count)
        MUST(ts_completions_take(queue, ends, 8, TS_FOREVER, &count));
    for (at = 0; at < 2; at++)
        if (!is_zero(made[at]))
            ts_task_forget(scheduler, made[at]);
    memset(made, 0, 2 * sizeof *made);
}

/* What may not change. */
typedef struct {
    size_t linear, async;
    int dropped, heard;
    char numbers[16], name[16], stored[16];
    bool banned;
} things;

static things look(void)
{
    things seen;
    char *value;
    memset(&seen, 0, sizeof seen);
    MUST(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &seen.linear));
    MUST(ts_list_tasks(scheduler, TS_ASYNC, NULL, 0, &seen.async));
    seen.dropped = dropped;
    seen.heard = heard;
    MUST(ts_get_config(scheduler, "stuck_task_max", &value));
    snprintf(seen.numbers, sizeof seen.numbers, "%s", value);
    ts_string_free(value);
    MUST(ts_get_config(scheduler, "thread_name", &value));
    snprintf(seen.name, sizeof seen.name, "%s", value);
    ts_string_free(value);
    MUST(ts_get_config(scheduler, "maximum_task_info_storage", &value));
    snprintf(seen.stored, sizeof seen.stored, "%s", value);
    ts_string_free(value);
    seen.banned = ts_allow_task_name(scheduler, TS_LINEAR, name_now) == TS_OK;
    return seen;
}

typedef struct {
    const char *name;
    ts_error (*call)(void);
    void (*undo)(void);
    /* How many ends come into the queue when it succeeds. */
    size_t ends;
    /* It may do without, for a time: a watchdog is made later. */
    bool may_do;
} tried;

#define TRIED(call, undo) { #call, call, undo, 0, false }
#define REPORTS(call, ends) { #call, call, undo_adds, ends, false }
#define MAY_DO(call, ends) { #call, call, undo_adds, ends, true }

static const tried all[] = {
    TRIED(add_plain, undo_adds),
    TRIED(add_named, undo_adds),
    TRIED(add_async, undo_adds),
    REPORTS(add_with_everything, 1),
    REPORTS(add_async_with_everything, 1),
    TRIED(add_to_lane, undo_adds),
    TRIED(add_to_async_lane, undo_adds),
    REPORTS(add_to_lane_with_everything, 1),
    REPORTS(add_to_pump, 1),
    TRIED(add_to_pump_without_a_name, undo_adds),
    MAY_DO(add_claim, 1),
    REPORTS(add_queued_claim, 1),
    MAY_DO(add_claims, 2),
    TRIED(make_lane, free_lane),
    TRIED(ban, allow),
    TRIED(change_number, change_back),
    TRIED(change_text, change_back),
    TRIED(grow_history, change_back),
    TRIED(get_config, free_text),
    TRIED(get_text, free_text),
    TRIED(get_status, do_nothing),
    TRIED(wait_for_ended, do_nothing),
    TRIED(list, do_nothing),
};

/* It succeeded: what it made ends. */
static void undo(const tried *one)
{
    expected = one->ends;
    one->undo();
}

/* Its allocations from that one on fail, so many; how many did. */
static long try_one(const tried *one, long number, long times, bool logs)
{
    things before, after;
    ts_error gave;
    long failed;
    name_now = new_name();
    before = look();
    added = 0;
    fail_memory(number, times);
    gave = one->call();
    failed = restore_memory();
    if (gave == TS_OK) {
        if (failed > 0 && !logs && !one->may_do)
            check_failed(__FILE__, __LINE__, one->name, " did without memory that it asked for");
        undo(one);
        return failed;
    }
    if (gave != TS_ERROR_OUT_OF_MEMORY)
        fprintf(stderr, "%s, allocation %ld: %s: %s\n", one->name, number, ts_error_name(gave), ts_last_error_message());
    CHECK(gave == TS_ERROR_OUT_OF_MEMORY && failed > 0);
    CHECK(strcmp(ts_last_error_message(), "memory ran out") == 0);
    if (one->call == add_claims) {
        CHECK(added <= 1);
        expected = added;
        undo_adds();
        return failed;
    }
    after = look();
    if (memcmp(&before, &after, sizeof before) != 0) {
        fprintf(stderr, "%s, allocation %ld: it changed something\n", one->name, number);
        CHECK(!"nothing is changed");
    }
    CHECK(is_zero(made[0]) && is_zero(made[1]) && claims[0].token == NULL);
    GIVES(TS_OK, one->call());
    undo(one);
    return failed;
}

static const char *trying = "";

static void say_abort(int number)
{
    ssize_t ignored = write(2, trying, strlen(trying));
    ignored = write(2, " ends the process\n", 18);
    (void)ignored;
    (void)number;
    _exit(1);
}

static void begin(void)
{
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_task_id id;
    wanted.name = "lane";
    signal(SIGABRT, say_abort);
    memset(&blocked, 0, sizeof blocked);
    scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0\nmaximum_queue_async: 0");
    MUST(ts_lane_new(scheduler, &wanted, &lane));
    wanted.kind = TS_ASYNC;
    MUST(ts_lane_new(scheduler, &wanted, &async_lane));
    MUST(ts_pump_new(scheduler, NULL, &pump));
    MUST(ts_completions_new(scheduler, &queue));
    MUST(ts_add_async_task(scheduler, true, NULL, poll_once, NULL, NULL, &id));
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    made[3] = submit(scheduler, NULL, run_nothing, NULL, NULL, TS_KEEP);
    MUST(ts_wait(scheduler, made[3], TS_FOREVER, NULL));
    add(scheduler, NULL, run_plug, &blocked, NULL);
    await(&blocked.started, 1);
}

static void end(void)
{
    pull(&blocked);
    ts_lane_free(lane);
    ts_lane_free(async_lane);
    ts_pump_free(pump);
    ts_completions_free(queue);
    ts_scheduler_free(scheduler);
    signal(SIGABRT, SIG_DFL);
}

static void try_all(bool logs)
{
    size_t at;
    long failures = 0;
    begin();
    if (logs)
        MUST(ts_set_log_callback(log_nothing, NULL, NULL));
    for (at = 0; at < sizeof all / sizeof *all; at++) {
        static const long times[] = { 1, 1000000 };
        int sweep;
        trying = all[at].name;
        /* Again and again, since what names hang in grows now and then only. */
        for (sweep = 0; sweep < 20; sweep++) {
            long number = 0;
            while (try_one(&all[at], number, times[sweep % 2], logs) > 0) {
                failures++;
                number++;
            }
        }
    }
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    CHECK(failures > 100);
    end();
}

static void a_call_without_memory_changes_nothing(void)
{
    try_all(false);
}

static void a_line_of_the_log_is_lost_at_most(void)
{
    try_all(true);
}

static const check_test tests[] = {
    TEST(a_call_without_memory_changes_nothing),
    TEST(a_line_of_the_log_is_lost_at_most),
};

CHECK_ALL(tests)
