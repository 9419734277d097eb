/* Many short tasks in a row: what has ended is known as if each had ended
 * alone. */
#include "check.h"

#include <time.h>

#define KNOWN 5
#define BURST 20

static void drop_nothing(void *user_data)
{
    (void)user_data;
}

/* A task whose result counts that it was dropped. */
static int32_t run_result(ts_token *token, void *user_data)
{
    MUST(ts_set_result(token, user_data, sizeof(int), drop_count));
    return 0;
}

/* A worker that has begun its next task owes nothing to who looks. */
static void what_ended_is_known_while_the_next_task_runs(void)
{
    static const char *const settings = "maximum_task_info_storage: 5\nline_task_max: 1";
    ts_scheduler *scheduler = scheduler_with(settings);
    plug first = { 0, 0 }, next = { 0, 0 };
    ts_task_id ids[BURST];
    int at, ran = 0;
    add(scheduler, "name", run_plug, &first, NULL);
    await(&first.started, 1);
    for (at = 0; at < BURST; at++)
        ids[at] = add(scheduler, "name", run_count, &ran, NULL);
    add(scheduler, "name", run_plug, &next, NULL);
    pull(&first);
    await(&next.started, 1);
    for (at = 0; at < BURST; at++) {
        ts_state state = (ts_state)0;
        ts_error error = ts_get_task_state(scheduler, ids[at], &state);
        CHECK(error == (at < BURST - KNOWN ? TS_ERROR_NOT_FOUND : TS_OK));
        CHECK(state == (at < BURST - KNOWN ? (ts_state)0 : TS_COMPLETED));
    }
    CHECK(how_many(scheduler, TS_COMPLETED) == KNOWN);
    pull(&next);
    ts_scheduler_free(scheduler);
}

/* Of these, which one worker ran in this order, the last so many are known. */
static void check_known(ts_scheduler *scheduler, const ts_task_id *ids, int many, int limit)
{
    int at;
    for (at = 0; at < many; at++) {
        ts_state state = (ts_state)0;
        ts_error error = ts_get_task_state(scheduler, ids[at], &state);
        CHECK(error == (at < many - limit ? TS_ERROR_NOT_FOUND : TS_OK));
        CHECK(state == (at < many - limit ? (ts_state)0 : TS_COMPLETED));
    }
}

/* More tasks than a worker can note, of which fewer are to be known, or more than it keeps noted. */
static void the_last_of_a_long_burst_are_known(void)
{
    enum { MANY = 1000 };
    static const int limits[] = { 1, 5, 60, 128, 129, 200, 900 };
    size_t round;
    for (round = 0; round < sizeof limits / sizeof *limits; round++) {
        const int limit = limits[round];
        static const char *const form =
            "maximum_task_info_storage: %d\nline_task_max: 1\nmaximum_queue_line: 0";
        char settings[100];
        snprintf(settings, sizeof settings, form, limit);
        ts_scheduler *scheduler = scheduler_with(settings);
        plug first = { 0, 0 }, next = { 0, 0 };
        ts_task_id ids[MANY];
        int at, ran = 0;
        add(scheduler, "name", run_plug, &first, NULL);
        await(&first.started, 1);
        for (at = 0; at < MANY; at++)
            ids[at] = add(scheduler, "name", run_count, &ran, NULL);
        add(scheduler, "name", run_plug, &next, NULL);
        pull(&first);
        await(&next.started, 1);
        CHECK(counted(&ran) == MANY);
        check_known(scheduler, ids, MANY, limit);
        CHECK(how_many(scheduler, TS_COMPLETED) == (size_t)limit);
        pull(&next);
        ts_shutdown(scheduler, false);
        CHECK(how_many(scheduler, TS_COMPLETED) == (size_t)limit);
        ts_scheduler_free(scheduler);
    }
}

/* However it is asked for. */
static void an_evicted_end_is_gone_for_every_call(void)
{
    static const char *const settings = "maximum_task_info_storage: 5\nline_task_max: 1";
    ts_scheduler *scheduler = scheduler_with(settings);
    ts_task_status status = TS_TASK_STATUS_INIT;
    plug firsts[3], nexts[3];
    ts_task_id ids[3][BURST];
    int round, at, ran = 0;
    memset(firsts, 0, sizeof firsts);
    memset(nexts, 0, sizeof nexts);
    for (round = 0; round < 3; round++) {
        plug *first = &firsts[round], *next = &nexts[round];
        add(scheduler, "name", run_plug, first, NULL);
        await(&first->started, 1);
        for (at = 0; at < BURST; at++)
            ids[round][at] = add(scheduler, "name", run_count, &ran, NULL);
        add(scheduler, "name", run_plug, next, NULL);
        pull(first);
        await(&next->started, 1);
        /* Of the first call alone it is sure that nobody has looked before. */
        if (round == 0)
            GIVES(TS_ERROR_NOT_FOUND, ts_wait(scheduler, ids[round][0], 0, NULL));
        if (round == 1)
            GIVES(TS_ERROR_NOT_FOUND, ts_wait(scheduler, ids[round][0], TS_FOREVER, &status));
        if (round == 2)
            GIVES(TS_ERROR_NOT_FOUND, ts_force_stop(scheduler, ids[round][0]));
        GIVES(TS_OK, ts_wait(scheduler, ids[round][BURST - 1], 0, NULL));
        GIVES(TS_ERROR_ALREADY_FINISHED, ts_force_stop(scheduler, ids[round][BURST - 1]));
        pull(next);
    }
    ts_scheduler_free(scheduler);
}

/* Two workers are held up by first and start; behind these three ends each, of
 * "long" the old ones, and of "others" then other. */
static void queue_two_bursts(ts_scheduler *scheduler, plug *first, plug *start, plug *other,
                             ts_task_id old[3])
{
    int at;
    add(scheduler, "long", run_plug, first, NULL);
    add(scheduler, "others", run_plug, start, NULL);
    await(&first->started, 1);
    await(&start->started, 1);
    for (at = 0; at < 3; at++)
        add(scheduler, "others", run_nothing, NULL, NULL);
    add(scheduler, "others", run_plug, other, NULL);
    for (at = 0; at < 3; at++)
        old[at] = add(scheduler, "long", run_nothing, NULL, NULL);
}

/* What one worker noted before a long task is older than the burst of another. */
static void an_end_from_before_a_long_task_is_not_the_newest(void)
{
    static const char *const settings = "maximum_task_info_storage: 5\nline_task_max: 2";
    ts_scheduler *scheduler = scheduler_with(settings);
    const struct timespec pause = { 0, 50000000 };
    plug start = { 0, 0 }, first = { 0, 0 }, other = { 0, 0 }, next = { 0, 0 };
    ts_task_id old[3], last;
    int at, ran = 0;
    queue_two_bursts(scheduler, &first, &start, &other, old);
    add(scheduler, "long", run_plug, &next, NULL);
    for (at = 0; at < BURST; at++)
        last = add(scheduler, "others", run_count, &ran, NULL);
    pull(&start);
    await(&other.started, 1);
    pull(&first);
    await(&next.started, 1);
    /* So long that the clock by which ends are told apart has moved on. */
    nanosleep(&pause, NULL);
    pull(&other);
    await(&ran, BURST);
    for (at = 0; at < 3; at++)
        CHECK(state_of(scheduler, old[at]) == (ts_state)0);
    CHECK(ended(scheduler, last) == TS_COMPLETED);
    pull(&next);
    ts_scheduler_free(scheduler);
}

/* Also when it leaves something to drop, and so enters at once. */
static void an_end_from_before_a_long_task_with_a_drop_is_not_the_newest(void)
{
    static const char *const settings = "maximum_task_info_storage: 5\nline_task_max: 2";
    ts_scheduler *scheduler = scheduler_with(settings);
    const struct timespec pause = { 0, 50000000 };
    plug start = { 0, 0 }, first = { 0, 0 }, other = { 0, 0 }, slow = { 0, 0 }, next = { 0, 0 };
    ts_task_id old[3];
    int at, ran = 0;
    queue_two_bursts(scheduler, &first, &start, &other, old);
    add(scheduler, "long", run_plug, &slow, drop_nothing);
    add(scheduler, "long", run_plug, &next, NULL);
    for (at = 0; at < BURST; at++)
        add(scheduler, "others", run_count, &ran, NULL);
    pull(&start);
    await(&other.started, 1);
    pull(&first);
    await(&slow.started, 1);
    nanosleep(&pause, NULL);
    pull(&other);
    await(&ran, BURST);
    pull(&slow);
    await(&next.started, 1);
    for (at = 0; at < 3; at++)
        CHECK(state_of(scheduler, old[at]) == (ts_state)0);
    pull(&next);
    ts_scheduler_free(scheduler);
}

/* Though the worker that ended it is in a long task by then. */
static void a_result_is_dropped_by_who_evicts_it(void)
{
    static const char *const settings = "maximum_task_info_storage: 1\nline_task_max: 2";
    ts_scheduler *scheduler = scheduler_with(settings);
    plug first = { 0, 0 }, slow = { 0, 0 }, other = { 0, 0 };
    ts_task_id last;
    int at, dropped = 0;
    add(scheduler, "long", run_plug, &first, NULL);
    last = add(scheduler, "other", run_plug, &other, NULL);
    await(&first.started, 1);
    await(&other.started, 1);
    for (at = 0; at < 3; at++)
        add(scheduler, "long", run_nothing, NULL, NULL);
    add(scheduler, "long", run_result, &dropped, NULL);
    add(scheduler, "long", run_plug, &slow, NULL);
    add(scheduler, "long", run_nothing, NULL, NULL);
    pull(&first);
    await(&slow.started, 1);
    CHECK(counted(&dropped) == 0);
    pull(&other);
    CHECK(ended(scheduler, last) == TS_COMPLETED);
    CHECK(counted(&dropped) == 1);
    pull(&slow);
    ts_scheduler_free(scheduler);
    CHECK(counted(&dropped) == 1);
}

/* What other workers noted before does not push it out later, when somebody
 * looks. */
static void a_result_that_is_gone_was_dropped(void)
{
    static const char *const settings = "maximum_task_info_storage: 1\nline_task_max: 2";
    int round, at;
    for (round = 0; round < 30; round++) {
        ts_scheduler *scheduler = scheduler_with(settings);
        plug first = { 0, 0 }, start = { 0, 0 }, slow = { 0, 0 }, other = { 0, 0 };
        ts_task_id result;
        int dropped = 0;
        add(scheduler, "long", run_plug, &first, NULL);
        add(scheduler, "others", run_plug, &start, NULL);
        await(&first.started, 1);
        await(&start.started, 1);
        for (at = 0; at < 3; at++) {
            add(scheduler, "long", run_nothing, NULL, NULL);
            add(scheduler, "others", run_nothing, NULL, NULL);
        }
        add(scheduler, "long", run_plug, &slow, NULL);
        add(scheduler, "long", run_nothing, NULL, NULL);
        result = add(scheduler, "others", run_result, &dropped, NULL);
        add(scheduler, "others", run_plug, &other, NULL);
        add(scheduler, "others", run_nothing, NULL, NULL);
        pull(&first);
        pull(&start);
        await(&slow.started, 1);
        await(&other.started, 1);
        CHECK(state_of(scheduler, result) == (counted(&dropped) ? (ts_state)0 : TS_COMPLETED));
        pull(&slow);
        pull(&other);
        ts_scheduler_free(scheduler);
        CHECK(counted(&dropped) == 1);
    }
}

static void a_burst_of_two_workers_leaves_as_many_known_as_may_be(void)
{
    const int many = 40000, names = 7;
    static const char *const settings =
        "maximum_task_info_storage: 40\nline_task_max: 2\nmaximum_queue_line: 0";
    ts_scheduler *scheduler = scheduler_with(settings);
    int at, ran = 0;
    for (at = 0; at < many; at++) {
        char name[8];
        snprintf(name, sizeof name, "%d", at % names);
        add(scheduler, at % 2 == 0 ? name : NULL, run_count, &ran, NULL);
    }
    await(&ran, many);
    ts_shutdown(scheduler, false);
    CHECK(how_many(scheduler, TS_COMPLETED) == 40);
    ts_scheduler_free(scheduler);
}

/* Two workers in bursts, of which one notes many ends and then the other one five: how many of those five
 * are not known. */
static int newest_lost(int notes, const char *earlier, const char *later)
{
    enum { NEWEST = 5 };
    static const char *const settings = "line_task_max: 2\nmaximum_queue_line: 0";
    ts_scheduler *scheduler = scheduler_with(settings);
    plug plugs[6];
    ts_task_id newest[NEWEST];
    int at, lost = 0;
    memset(plugs, 0, sizeof plugs);
    add(scheduler, earlier, run_plug, &plugs[0], NULL);
    await(&plugs[0].started, 1);
    add(scheduler, later, run_plug, &plugs[1], NULL);
    await(&plugs[1].started, 1);
    for (at = 0; at < 2; at++) {
        add(scheduler, at == 0 ? "a" : "b", run_nothing, NULL, NULL);
        add(scheduler, at == 0 ? "a" : "b", run_plug, &plugs[2 + at], NULL);
    }
    for (at = 0; at < notes; at++)
        add(scheduler, "a", run_nothing, NULL, NULL);
    add(scheduler, "a", run_plug, &plugs[4], NULL);
    for (at = 0; at < NEWEST; at++)
        newest[at] = add(scheduler, "b", run_nothing, NULL, NULL);
    add(scheduler, "b", run_plug, &plugs[5], NULL);
    for (at = 0; at < 4; at++) {
        /* The plugs of "a" come first in each pair, whichever worker has it. */
        pull(&plugs[at < 2 && *earlier == 'b' ? 1 - at : at]);
        await(&plugs[2 + at].started, 1);
    }
    for (at = 0; at < NEWEST; at++)
        lost += state_of(scheduler, newest[at]) == (ts_state)0;
    pull(&plugs[4]);
    pull(&plugs[5]);
    ts_scheduler_free(scheduler);
    return lost;
}

/* Of the last 60 ends of both these are the last. */
static void the_newest_ends_of_two_bursts_are_known(void)
{
    int notes;
    for (notes = 30; notes < 300; notes += 50) {
        CHECK(newest_lost(notes, "a", "b") == 0);
        CHECK(newest_lost(notes, "b", "a") == 0);
    }
}

static int32_t run_failing(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return -1;
}

static void until_the_coarse_clock_ticks(void)
{
    struct timespec then, now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &then);
    do
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    while (now.tv_sec == then.tv_sec && now.tv_nsec == then.tv_nsec);
}

/* Nine ends later, of 60 that are to be known. */
static void an_end_of_another_worker_outlives_few_of_a_burst(void)
{
    int notes;
    for (notes = 216; notes <= 262; notes += 2) {
        static const char *const settings = "line_task_max: 2\nmaximum_queue_line: 0";
        ts_scheduler *scheduler = scheduler_with(settings);
        plug plugs[6];
        ts_task_id dropping, failing;
        int at;
        memset(plugs, 0, sizeof plugs);
        add(scheduler, "others", run_plug, &plugs[0], NULL);
        add(scheduler, "long", run_plug, &plugs[1], NULL);
        await(&plugs[0].started, 1);
        await(&plugs[1].started, 1);
        add(scheduler, "others", run_plug, &plugs[2], NULL);
        dropping = add(scheduler, "others", run_nothing, NULL, drop_nothing);
        failing = add(scheduler, "others", run_failing, NULL, NULL);
        add(scheduler, "others", run_plug, &plugs[4], NULL);
        for (at = 0; at < notes; at++)
            add(scheduler, "long", run_nothing, NULL, NULL);
        add(scheduler, "long", run_plug, &plugs[3], NULL);
        for (at = 0; at < 8; at++)
            add(scheduler, "long", run_nothing, NULL, NULL);
        add(scheduler, "long", run_plug, &plugs[5], NULL);
        pull(&plugs[0]);
        await(&plugs[2].started, 1);
        pull(&plugs[1]);
        await(&plugs[3].started, 1);
        until_the_coarse_clock_ticks();
        pull(&plugs[2]);
        await(&plugs[4].started, 1);
        pull(&plugs[3]);
        await(&plugs[5].started, 1);
        CHECK(state_of(scheduler, dropping) == TS_COMPLETED);
        CHECK(state_of(scheduler, failing) == TS_FAILED);
        pull(&plugs[4]);
        pull(&plugs[5]);
        ts_scheduler_free(scheduler);
    }
}

static const check_test tests[] = {
    TEST(what_ended_is_known_while_the_next_task_runs),
    TEST(the_last_of_a_long_burst_are_known),
    TEST(an_evicted_end_is_gone_for_every_call),
    TEST(an_end_from_before_a_long_task_is_not_the_newest),
    TEST(an_end_from_before_a_long_task_with_a_drop_is_not_the_newest),
    TEST(a_result_is_dropped_by_who_evicts_it),
    TEST(a_result_that_is_gone_was_dropped),
    TEST(a_burst_of_two_workers_leaves_as_many_known_as_may_be),
    TEST(the_newest_ends_of_two_bursts_are_known),
    TEST(an_end_of_another_worker_outlives_few_of_a_burst),
};

CHECK_ALL(tests)
