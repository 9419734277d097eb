/* Threads that cannot be made, each in turn, and descriptors that run out: an
 * error on the call that needed them, or fewer threads; never an abort, nor a
 * task that does not end.
 *
 * Linked with --wrap=pthread_create. */
#define _GNU_SOURCE
#include "check.h"

#include "blocking.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* So many may be made before some fail. */
static atomic_int left, to_fail, failed;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    if (left-- <= 0 && to_fail-- > 0) {
        failed++;
        return EAGAIN;
    }
    return __real_pthread_create(thread, attributes, run, argument);
}

/* The next fail, from the one with that number on. */
static void fail_from(int number, int times)
{
    failed = 0;
    left = number;
    to_fail = times;
}

static atomic_int drops;

static void drop(void *user_data)
{
    (void)user_data;
    drops++;
}

static int32_t run_blocked(ts_token *token, void *user_data)
{
    volatile int spin = 200000;
    *(atomic_int *)user_data = 1;
    /* The first signal comes with the stop, and is lost: it blocks later. */
    while (!ts_should_stop(token))
        sched_yield();
    while (spin-- > 0)
        ;
    CHECK(block_in_poll() == EINTR);
    return 0;
}

static ts_poll poll_twice(ts_token *token, void *user_data)
{
    static _Thread_local int polls;
    (void)user_data;
    if (polls++ % 2 == 0 && ts_async_sleep(token, 0.001) == TS_OK)
        return TS_POLL_PENDING;
    return TS_POLL_READY;
}

/* If there could be no watchdog, such an add tries again. Its own thread may be
 * the one that fails. */
static void add_with_wish(ts_scheduler *scheduler)
{
    ts_task_options options = options_of("b", run_nothing, NULL, NULL, TS_BAN_ON_FAILURE);
    ts_task_id id;
    ts_error gave = ts_submit(scheduler, &options, &id);
    CHECK(gave == TS_OK || (gave == TS_ERROR_SYSTEM && failed > 0));
}

enum { IDS = 7 };

/* Some of everything that needs a thread. What was accepted ends, and is dropped
 * once; what was not says why. */
static void use(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 4\nstuck_grace: 0.02\nmax_idle_time: 0.001");
    ts_task_id ids[IDS];
    atomic_int entered[2];
    int at, accepted = 0, round;
    drops = 0;
    for (round = 0; round < 2; round++) {
        ts_error gave[IDS];
        entered[0] = entered[1] = 0;
        for (at = 0; at < IDS; at++) {
            ts_task_options options = TS_TASK_OPTIONS_INIT;
            options.drop = drop;
            if (at < 2) {
                options.run = run_blocked;
                options.user_data = &entered[at];
                options.flags = TS_INTERRUPT_BLOCKING | (at == 1 ? TS_TIMEOUT_PROCESSING : 0);
                options.timeout_seconds = at == 1 ? 0.002 : 0;
            } else if (at < 4) {
                options.run = run_nothing;
            } else {
                options.poll = poll_twice;
                options.name = at == 4 ? "a" : "b";
            }
            gave[at] = ts_submit(scheduler, &options, &ids[at]);
            CHECK(gave[at] == TS_OK || gave[at] == TS_ERROR_SYSTEM);
            if (gave[at] == TS_OK)
                accepted++;
            else
                CHECK(failed > 0 && is_zero(ids[at]) && strstr(ts_last_error_message(), "could be made") != NULL);
        }
        for (at = 0; at < IDS; at++) {
            if (gave[at] != TS_OK)
                continue;
            if (at == 0) {
                while (!entered[0])
                    sched_yield();
                GIVES(TS_OK, ts_force_stop(scheduler, ids[0]));
            }
            if (at == 1) {
                while (!entered[1])
                    sched_yield();
                add_with_wish(scheduler);
            }
            GIVES(TS_OK, ts_wait(scheduler, ids[at], TS_FOREVER, NULL));
        }
        if (round == 0)
            GIVES(TS_OK, ts_shutdown(scheduler, true));
    }
    ts_scheduler_free(scheduler);
    CHECK(drops == accepted);
}

static void any_one_thread_may_fail(void)
{
    int number;
    for (number = 0;; number++) {
        fail_from(number, 1);
        use();
        if (failed == 0)
            break;
    }
    CHECK(number > 4);
}

static void all_threads_may_fail_from_one_on(void)
{
    int number;
    /* The last threads are watchdogs; without one a task that runs too long is
     * not told: so here nothing has a time-out. One worker at most: an add that
     * sees the first one busy with its task already may make a second, and then
     * that is the second thread, not the loop. */
    for (number = 0; number < 3; number++) {
        atomic_int entered = 0;
        ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
        ts_task_options options = options_of("a", run_blocked, &entered, drop, TS_INTERRUPT_BLOCKING);
        ts_task_id id, other;
        ts_error gave, async;
        fail_from(number, 1 << 30);
        gave = ts_submit(scheduler, &options, &id);
        async = ts_add_async_task(scheduler, false, "a", poll_twice, NULL, NULL, &other);
        CHECK(gave == (number >= 1 ? TS_OK : TS_ERROR_SYSTEM));
        CHECK(async == (number >= 2 ? TS_OK : TS_ERROR_SYSTEM));
        if (gave == TS_OK) {
            while (!entered)
                sched_yield();
            GIVES(TS_OK, ts_force_stop(scheduler, id));
            CHECK(ended(scheduler, id) == TS_CANCELLED);
        }
        if (async == TS_OK)
            CHECK(ended(scheduler, other) == TS_COMPLETED);
        fail_from(1 << 30, 0);
        /* With threads again, all is well. */
        CHECK(ended(scheduler, add(scheduler, "a", run_nothing, NULL, NULL)) == TS_COMPLETED);
        MUST(ts_add_async_task(scheduler, false, "a", poll_twice, NULL, NULL, &other));
        CHECK(ended(scheduler, other) == TS_COMPLETED);
        ts_scheduler_free(scheduler);
    }
}

/* The time-out of a task that came when no watchdog could be made is not lost:
 * the next add with a wish tries again. */
static int32_t until_told(ts_token *token, void *user_data)
{
    *(atomic_int *)user_data = 1;
    return ts_interruptible_sleep(token, 100) == TS_STOPPED;
}

static void a_watchdog_is_tried_again(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    atomic_int entered = 0;
    ts_task_options options = options_of("a", until_told, &entered, NULL, TS_TIMEOUT_PROCESSING);
    ts_task_id id;
    options.timeout_seconds = 0.001;
    fail_from(1, 1 << 30);
    MUST(ts_submit(scheduler, &options, &id));
    while (!entered)
        sched_yield();
    GIVES(TS_ERROR_TIMED_OUT, ts_wait(scheduler, id, 0.05, NULL));
    fail_from(1 << 30, 0);
    CHECK(ended(scheduler, submit(scheduler, "b", run_nothing, NULL, NULL, TS_BAN_ON_FAILURE)) == TS_COMPLETED);
    CHECK(ended(scheduler, id) == TS_TIMEOUT);
    ts_scheduler_free(scheduler);
}

static void descriptors_may_run_out(void)
{
    struct rlimit before, few;
    int first = dup(0), more, made = 0, refused = 0;
    CHECK(first >= 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
    close(first);
    fail_from(1 << 30, 0);
    for (more = 0; more < 12; more++) {
        ts_scheduler *scheduler = scheduler_with("event_loop_threads: 1");
        ts_task_id id, linear;
        ts_error gave;
        few = before;
        few.rlim_cur = (rlim_t)(first + more);
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        gave = ts_add_async_task(scheduler, false, "a", poll_twice, NULL, drop, &id);
        CHECK(gave == TS_OK || gave == TS_ERROR_SYSTEM);
        if (gave == TS_OK)
            CHECK(ended(scheduler, id) == TS_COMPLETED);
        else
            CHECK(is_zero(id));
        made += gave == TS_OK;
        refused += gave != TS_OK;
        /* Linear ones need none. */
        linear = add(scheduler, "a", run_nothing, NULL, NULL);
        CHECK(ended(scheduler, linear) == TS_COMPLETED);
        CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
        MUST(ts_add_async_task(scheduler, false, "a", poll_twice, NULL, NULL, &id));
        CHECK(ended(scheduler, id) == TS_COMPLETED);
        ts_scheduler_free(scheduler);
    }
    CHECK(made > 0 && refused > 0);
}

static const check_test tests[] = {
    TEST(any_one_thread_may_fail),
    TEST(all_threads_may_fail_from_one_on),
    TEST(a_watchdog_is_tried_again),
    TEST(descriptors_may_run_out),
};

int main(int argc, char **argv)
{
    if (make_what_blocks() != 0)
        return 2;
    return check_all(tests, sizeof tests / sizeof *tests, argc, argv);
}
