/* How a host hears that its pump has something to run: a callback, and a descriptor. */
#include "pumping.h"

static void it_is_heard_when_there_is_something_and_was_nothing(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_pump_options wanted = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = NULL;
    int heard = 0, ran = 0, fd = -7;
    wanted.ready = drop_count;
    wanted.user_data = &heard;
    MUST(ts_pump_new(scheduler, &wanted, &pump));
    MUST(ts_pump_fd(pump, &fd));
    CHECK(!is_readable(fd) && counted(&heard) == 0);
    pumped(scheduler, pump, "one", run_count, &ran, NULL, 0);
    CHECK(is_readable(fd) && counted(&heard) == 1);
    pumped(scheduler, pump, "two", run_count, &ran, NULL, 0);
    pumped(scheduler, pump, NULL, run_count, &ran, NULL, 0);
    CHECK(is_readable(fd) && counted(&heard) == 1);
    CHECK(run(pump, 0) == 3);
    CHECK(!is_readable(fd) && counted(&heard) == 1);
    pumped(scheduler, pump, "one", run_count, &ran, NULL, 0);
    CHECK(is_readable(fd) && counted(&heard) == 2);
    CHECK(run(pump, 0) == 1);
    CHECK(!is_readable(fd));
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
    CHECK(counted(&ran) == 4);
}

typedef struct {
    ts_scheduler *scheduler;
    ts_pump *pump;
    int heard, before, ran, fd, last;
} inside;

static int32_t run_adds(ts_token *token, void *user_data)
{
    inside *its = user_data;
    (void)token;
    if (its->last) {
        /* It was the only one: now there is something. */
        CHECK(!is_readable(its->fd));
        pumped(its->scheduler, its->pump, NULL, run_count, &its->ran, NULL, 0);
        CHECK(counted(&its->heard) == its->before + 1);
    } else {
        /* Others wait all the same. */
        CHECK(is_readable(its->fd));
        pumped(its->scheduler, its->pump, NULL, run_count, &its->ran, NULL, 0);
        CHECK(counted(&its->heard) == its->before);
    }
    CHECK(is_readable(its->fd));
    return 0;
}

static void it_is_heard_in_its_own_tasks_too(void)
{
    ts_pump_options wanted = TS_PUMP_OPTIONS_INIT;
    inside its;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with("maximum_queue_line: 0");
    wanted.ready = drop_count;
    wanted.user_data = &its.heard;
    MUST(ts_pump_new(its.scheduler, &wanted, &its.pump));
    MUST(ts_pump_fd(its.pump, &its.fd));
    for (its.last = 0; its.last < 2; its.last++) {
        pumped(its.scheduler, its.pump, "one", run_adds, &its, NULL, 0);
        if (!its.last) {
            pumped(its.scheduler, its.pump, "two", run_count, &its.ran, NULL, 0);
            pumped(its.scheduler, its.pump, NULL, run_count, &its.ran, NULL, 0);
        }
        its.before = counted(&its.heard);
        CHECK(run(its.pump, 0) == (its.last ? 2 : 4));
        CHECK(!is_readable(its.fd));
    }
    ts_pump_free(its.pump);
    ts_scheduler_free(its.scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    ts_task_id other;
} stopping;

static int32_t run_stops_the_other(ts_token *token, void *user_data)
{
    stopping *its = user_data;
    (void)token;
    GIVES(TS_OK, ts_force_stop(its->scheduler, its->other));
    return 0;
}

/* A run has taken both, and is over after the first. */
static void what_a_run_leaves_dead_is_nothing_to_be_heard(void)
{
    ts_pump_options wanted = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = NULL;
    stopping its;
    int heard = 0, ran = 0, fd = -7;
    its.scheduler = scheduler_with("maximum_queue_line: 0");
    wanted.ready = drop_count;
    wanted.user_data = &heard;
    MUST(ts_pump_new(its.scheduler, &wanted, &pump));
    MUST(ts_pump_fd(pump, &fd));
    pumped(its.scheduler, pump, NULL, run_stops_the_other, &its, NULL, 0);
    its.other = pumped(its.scheduler, pump, NULL, run_count, &ran, NULL, 0);
    CHECK(counted(&heard) == 1);
    CHECK(run(pump, 1) == 1);
    CHECK(!is_readable(fd) && counted(&heard) == 1);
    CHECK(run(pump, 0) == 0 && counted(&ran) == 0);
    ts_pump_free(pump);
    ts_scheduler_free(its.scheduler);
}

/* The level: what was cancelled is nothing to run. */
static void what_was_cancelled_is_not_readable(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_pump *pump = pump_of(scheduler);
    int ran = 0, fd, which;
    MUST(ts_pump_fd(pump, &fd));
    for (which = 0; which < 2; which++) {
        ts_task_id id = pumped(scheduler, pump, which ? "name" : NULL, run_count, &ran, NULL, 0);
        CHECK(is_readable(fd));
        MUST(ts_force_stop(scheduler, id));
        CHECK(state_of(scheduler, id) == TS_CANCELLED);
        CHECK(!is_readable(fd));
        CHECK(run(pump, 0) == 0);
        CHECK(!is_readable(fd));
    }
    CHECK(counted(&ran) == 0);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

/* Who runs the pump whenever it is heard forgets nothing, whatever a run leaves. */
static void what_a_run_leaves_is_heard_of_once(void)
{
    static const char *const names[2][5] = { { "a", "a", "a", "a", "a" }, { NULL, "a", "b", NULL, "a" } };
    int which, mixed;
    for (mixed = 0; mixed < 2; mixed++) {
        for (which = 0; which < 2; which++) {
            ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
            ts_pump_options wanted = TS_PUMP_OPTIONS_INIT;
            ts_pump *pump = NULL;
            int heard = 0, ran = 0, at, fd;
            wanted.ready = drop_count;
            wanted.user_data = &heard;
            MUST(ts_pump_new(scheduler, &wanted, &pump));
            MUST(ts_pump_fd(pump, &fd));
            for (at = 0; at < 5; at++)
                pumped(scheduler, pump, names[mixed][at], run_count, &ran, NULL, 0);
            CHECK(counted(&heard) == 1);
            for (at = 1; at <= 5; at++) {
                /* By their number, or by the time that they take. */
                size_t done = 0;
                GIVES(TS_OK, ts_pump_run(pump, which == 0, which == 0 ? 0 : 1e-9, &done));
                CHECK(done == 1);
                CHECK(counted(&heard) == (at < 5 ? at + 1 : 5));
                CHECK(is_readable(fd) == (at < 5));
            }
            CHECK(run(pump, 0) == 0 && counted(&heard) == 5);
            ts_pump_free(pump);
            ts_scheduler_free(scheduler);
        }
    }
}

typedef struct {
    ts_pump *pump;
    int heard;
    ts_error errors[8];
} eager;

static void run_at_once(void *user_data)
{
    eager *its = user_data;
    int which = its->heard++ % 8;
    its->errors[which] = ts_pump_run(its->pump, 1, 0, NULL);
}

static int32_t run_adds_two(ts_token *token, void *user_data)
{
    inside *its = user_data;
    (void)token;
    pumped(its->scheduler, its->pump, NULL, run_count, &its->ran, NULL, 0);
    pumped(its->scheduler, its->pump, NULL, run_count, &its->ran, NULL, 0);
    return 0;
}

/* It does not run itself from there without end. */
static void who_hears_of_the_rest_is_still_in_the_run(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump_options wanted = TS_PUMP_OPTIONS_INIT;
    eager its;
    inside in;
    memset(&its, 0, sizeof its);
    memset(&in, 0, sizeof in);
    wanted.ready = run_at_once;
    wanted.user_data = &its;
    MUST(ts_pump_new(scheduler, &wanted, &its.pump));
    in.scheduler = scheduler;
    in.pump = its.pump;
    /* Added, heard of, and run, in one call; its own adds are heard of in the run. */
    pumped(scheduler, its.pump, NULL, run_adds_two, &in, NULL, 0);
    CHECK(its.heard == 3 && its.errors[0] == TS_OK && counted(&in.ran) == 0);
    GIVES(TS_ERROR_WOULD_DEADLOCK, its.errors[1]);
    GIVES(TS_ERROR_WOULD_DEADLOCK, its.errors[2]);
    CHECK(run(its.pump, 0) == 2 && its.heard == 3);
    ts_pump_free(its.pump);
    ts_scheduler_free(scheduler);
}

static void the_descriptor_says_that_the_scheduler_is_gone(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_completions *queue = NULL;
    ts_completion end;
    ts_pump *pump = pump_of(scheduler);
    size_t got = 77;
    int fds[2];
    MUST(ts_completions_new(scheduler, &queue));
    MUST(ts_pump_fd(pump, &fds[0]));
    MUST(ts_completions_fd(queue, &fds[1]));
    CHECK(!is_readable(fds[0]) && !is_readable(fds[1]));
    ts_scheduler_free(scheduler);
    CHECK(is_readable(fds[0]) && is_readable(fds[1]));
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_pump_run(pump, 0, 0, NULL));
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_completions_take(queue, &end, 1, 0, &got));
    ts_pump_free(pump);
    ts_completions_free(queue);
}

static const check_test tests[] = {
    TEST(it_is_heard_when_there_is_something_and_was_nothing),
    TEST(it_is_heard_in_its_own_tasks_too),
    TEST(what_a_run_leaves_dead_is_nothing_to_be_heard),
    TEST(what_a_run_leaves_is_heard_of_once),
    TEST(who_hears_of_the_rest_is_still_in_the_run),
    TEST(what_was_cancelled_is_not_readable),
    TEST(the_descriptor_says_that_the_scheduler_is_gone),
};

CHECK_ALL(tests)
