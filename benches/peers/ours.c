/*
 * This library through its C face, with all that it has: ids, states, records,
 * bounds. By name; with BY_HANDLE through lanes that are held.
 */
#define _GNU_SOURCE
#include <task_scheduling.h>

#ifdef BY_HANDLE
#define PEER_NAME "ours by handle"
#else
#define PEER_NAME "ours by name"
#endif
#define PEER_SLEEPER
typedef int32_t task_fn(ts_token *token, void *data);
#define TASK(name) static int32_t name(ts_token *token, void *data)
#define TASK_END                                                               \
    (void)token;                                                               \
    return 0
#include "workloads.h"

static ts_scheduler *scheduler;
static char (*texts)[32];
static ts_lane **lanes;
static long lane_count;

static void check(ts_error error)
{
    if (error != TS_OK) {
        fprintf(stderr, "%s: %s\n", ts_error_name(error), ts_last_error_message());
        _exit(1);
    }
}

static const char *peer_version(void)
{
    return ts_version();
}

static void peer_start(long names)
{
    /* To see what a dial does. */
    const char *key = getenv("TS_BENCH_KEY"), *value = getenv("TS_BENCH_VALUE");
    char yaml[256];
    /* Bounds that are counted and never met. */
    snprintf(yaml, sizeof yaml,
             "line_task_max: %ld\nmaximum_queue_line: 20000000\nmax_idle_time: 1000\n"
             "maximum_queue_async: 0\nmaximum_task_info_storage: 60\n",
             threads());
    check(ts_scheduler_new(yaml, &scheduler));
    if (key && value)
        check(ts_update_config(scheduler, key, value));
    lane_count = names;
    texts = (char(*)[32])calloc((size_t)names + 1, sizeof *texts);
    lanes = (ts_lane **)calloc((size_t)names + 1, sizeof *lanes);
    if (!texts || !lanes)
        fail("no memory");
    for (long at = 0; at < names; at++) {
        snprintf(texts[at], sizeof texts[at], "name-%ld", at);
#ifdef BY_HANDLE
        ts_lane_options options = TS_LANE_OPTIONS_INIT;
        options.name = texts[at];
        check(ts_lane_new(scheduler, &options, &lanes[at]));
#endif
    }
}

static void peer_add(long name, task_fn *run, void *data)
{
    ts_task_id id;
#ifdef HANDICAP_NS
    /* For the test that check-speed finds a slower library. */
    const double until = now() + HANDICAP_NS / 1e9;
    while (now() < until)
        ;
#endif
#ifdef BY_HANDLE
    if (name != NO_NAME) {
        check(ts_lane_add_task(lanes[name], false, run, data, NULL, &id));
        return;
    }
#endif
    check(ts_add_task(scheduler, false, name == NO_NAME ? NULL : texts[name], run, data, NULL, &id));
}

static void peer_end(void)
{
    for (long at = 0; at < lane_count; at++)
        ts_lane_free(lanes[at]);
    ts_scheduler_free(scheduler);
    free(texts);
    free(lanes);
}

/* W6 ----------------------------------------------------------------------- */

static ts_task_id sleeper;

static int32_t sleep_until_stopped(ts_token *token, void *data)
{
    (void)data;
    note_entered();
    while (ts_interruptible_sleep(token, 1000) == TS_OK)
        ;
    note_reached();
    return 0;
}

static void sleeper_start(void)
{
#ifdef BY_HANDLE
    check(ts_lane_add_task(lanes[0], false, sleep_until_stopped, NULL, NULL, &sleeper));
#else
    check(ts_add_task(scheduler, false, texts[0], sleep_until_stopped, NULL, NULL, &sleeper));
#endif
}

static void sleeper_stop(void)
{
    check(ts_force_stop(scheduler, sleeper));
}

/* W7 ----------------------------------------------------------------------- */

static double sleepers_due;
static long asleep;

static ts_poll sleep_until_due(ts_token *token, void *data)
{
    const double left = sleepers_due - now();
    (void)data;
    if (ts_async_sleep(token, left > 0 ? left : 0) == TS_OK) {
        slept();
        return TS_POLL_READY;
    }
    __atomic_fetch_add(&asleep, 1, __ATOMIC_RELAXED);
    return TS_POLL_PENDING;
}

static void peer_sleepers(long count, double due)
{
    ts_task_id id;
    const double since = now();
    sleepers_due = due;
    for (long at = 0; at < count; at++)
        check(ts_add_async_task(scheduler, false, NULL, sleep_until_due, NULL, NULL, &id));
    while (due > since && __atomic_load_n(&asleep, __ATOMIC_RELAXED) < count) {
        nap(500e-6);
        guard(since);
    }
}
