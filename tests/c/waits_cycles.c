/* Tasks that wait for tasks in a circle: one of them is refused, and what is no circle
 * goes on. */
#include "waiting.h"

static void of_two_that_wait_for_each_other_one_is_refused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round;
    for (round = 0; round < 300; round++) {
        waiter all[2];
        begin(&all[0], scheduler);
        begin(&all[1], scheduler);
        add_waiter(&all[0], "a");
        add_waiter(&all[1], "b");
        all[0].target = all[1].id;
        all[1].target = all[0].id;
        CHECK(refused_of(all, 2) == 1);
        CHECK(ended(scheduler, all[0].id) == TS_COMPLETED);
        CHECK(ended(scheduler, all[1].id) == TS_COMPLETED);
    }
    ts_scheduler_free(scheduler);
}

static void a_cycle_through_two_schedulers_is_refused(void)
{
    ts_scheduler *one = scheduler_with(NULL), *two = scheduler_with(NULL);
    int round;
    for (round = 0; round < 50; round++) {
        waiter all[2];
        begin(&all[0], one);
        begin(&all[1], two);
        all[0].its = two;
        all[1].its = one;
        add_waiter(&all[0], "a");
        add_waiter(&all[1], "a");
        all[0].target = all[1].id;
        all[1].target = all[0].id;
        CHECK(refused_of(all, 2) == 1);
        CHECK(ended(one, all[0].id) == TS_COMPLETED && ended(two, all[1].id) == TS_COMPLETED);
    }
    ts_scheduler_free(one);
    ts_scheduler_free(two);
}

/* A waits for B, and B for one that is queued behind A. */
static void a_cycle_through_a_queue_is_refused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round, ran = 0;
    for (round = 0; round < 100; round++) {
        waiter all[2];
        begin(&all[0], scheduler);
        begin(&all[1], scheduler);
        add_waiter(&all[0], "a");
        add_waiter(&all[1], "b");
        await(&all[0].started, 1);
        all[0].target = all[1].id;
        add(scheduler, "a", run_nothing, NULL, NULL);
        all[1].target = submit(scheduler, "a", run_count, &ran, NULL, TS_KEEP);
        CHECK(refused_of(all, 2) == 1);
        CHECK(ended(scheduler, all[1].target) == TS_COMPLETED);
    }
    CHECK(counted(&ran) == 100);
    ts_scheduler_free(scheduler);
}

static void of_async_tasks_that_wait_for_each_other_one_is_refused(void)
{
    /* On one loop and on several, of names of their own and without. */
    static const char *const yamls[] = { "event_loop_threads: 1", "event_loop_threads: 4" };
    static const char *const names[] = { "a", "b", "c", "d", NULL, NULL };
    int which, many, round, at;
    for (which = 0; which < 2; which++) {
        ts_scheduler *scheduler = scheduler_with(yamls[which]);
        for (round = 0; round < 100; round++)
            for (many = 1; many <= 6; many++) {
                waiter all[6];
                for (at = 0; at < many; at++) {
                    begin(&all[at], scheduler);
                    add_async_waiter(&all[at], names[at]);
                }
                for (at = 0; at < many; at++)
                    all[at].target = all[(at + 1) % many].id;
                CHECK(refused_of(all, many) == 1);
                for (at = 0; at < many; at++)
                    CHECK(ended(scheduler, all[at].id) == TS_COMPLETED);
            }
        ts_scheduler_free(scheduler);
    }
}

static void a_cycle_of_all_kinds_is_refused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round;
    for (round = 0; round < 200; round++) {
        waiter all[2];
        ts_task_id id;
        ts_claim claim = claim_of(scheduler, "claim", &id);
        ts_error gave;
        CHECK(claim.token != NULL);
        /* The linear one waits for the async one, that for the claim, and whoever holds that
         * for the linear one. */
        begin(&all[0], scheduler);
        begin(&all[1], scheduler);
        add_waiter(&all[0], "a");
        add_async_waiter(&all[1], round % 2 ? "a" : NULL);
        all[0].target = all[1].id;
        all[1].target = id;
        await(&all[0].started, 1);
        await(&all[1].started, 1);
        count(&all[0].may_wait);
        count(&all[1].may_wait);
        GIVES(TS_OK, ts_waker_wake(all[1].waker));
        ts_waker_free(all[1].waker);
        gave = ts_wait(scheduler, all[0].id, TS_FOREVER, NULL);
        CHECK(gave == TS_OK || gave == TS_ERROR_WOULD_DEADLOCK);
        GIVES(TS_OK, ts_claim_finish(scheduler, &claim, 0, NULL, NULL, NULL));
        await(&all[0].ended, 1);
        await(&all[1].ended, 1);
        CHECK((gave != TS_OK) + (all[0].gave != TS_OK) + (all[1].gave != TS_OK) == 1);
        GIVES(TS_OK, ts_task_forget(scheduler, id));
        CHECK(ended(scheduler, all[1].id) == TS_COMPLETED);
    }
    ts_scheduler_free(scheduler);
}

static void a_cycle_through_the_thread_of_a_pump_is_refused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump *pump = NULL;
    int round, ran = 0;
    MUST(ts_pump_new(scheduler, NULL, &pump));
    MUST(ts_pump_run(pump, 0, 0, NULL));
    for (round = 0; round < 100; round++) {
        ts_task_options options = options_of("pumped", run_count, &ran, NULL, TS_KEEP);
        waiter its;
        ts_error gave;
        options.runner = TS_PUMP;
        options.pump = pump;
        begin(&its, scheduler);
        add_waiter(&its, "a");
        MUST(ts_submit(scheduler, &options, &its.target));
        await(&its.started, 1);
        count(&its.may_wait);
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(scheduler, its.target, TS_FOREVER, NULL));
        gave = ts_wait(scheduler, its.id, TS_FOREVER, NULL);
        CHECK(gave == TS_OK || gave == TS_ERROR_WOULD_DEADLOCK);
        MUST(ts_pump_run(pump, 0, 0, NULL));
        await(&its.ended, 1);
        CHECK((gave != TS_OK) + (its.gave != TS_OK) == 1);
        CHECK(ended(scheduler, its.id) == TS_COMPLETED);
        GIVES(TS_OK, ts_task_forget(scheduler, its.target));
    }
    CHECK(counted(&ran) == 100);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

/* A task that runs a pump of its own, whose task waits for it. */
static waiter nested;

static int32_t run_pump_inside(ts_token *token, void *user_data)
{
    ts_task_options options = options_of(NULL, run_waiter, &nested, NULL, 0);
    ts_pump *pump = NULL;
    ts_task_id id;
    (void)token;
    await((int *)user_data, 1);
    GIVES(TS_OK, ts_pump_new(nested.scheduler, NULL, &pump));
    options.runner = TS_PUMP;
    options.pump = pump;
    GIVES(TS_OK, ts_submit(nested.scheduler, &options, &id));
    GIVES(TS_OK, ts_pump_run(pump, 0, 0, NULL));
    ts_pump_free(pump);
    return 0;
}

static void a_task_of_a_pump_cannot_wait_for_the_task_around_it(void)
{
    int may_go = 0;
    begin(&nested, scheduler_with(NULL));
    nested.may_wait = 1;
    nested.target = add(nested.scheduler, "outer", run_pump_inside, &may_go, NULL);
    count(&may_go);
    CHECK(ended(nested.scheduler, nested.target) == TS_COMPLETED);
    CHECK(nested.gave == TS_ERROR_WOULD_DEADLOCK);
    ts_scheduler_free(nested.scheduler);
}

/* What is no cycle ---------------------------------------------------------- */

static void a_chain_that_ends_is_no_cycle(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 4");
    int round, at;
    for (round = 0; round < 100; round++) {
        /* 0 and 1 wait for 2, that for 3 (async), that for 4 (async), that for the plug. */
        static const int targets[] = { 2, 2, 3, 4 };
        plug its = { 0, 0 };
        waiter all[5];
        for (at = 0; at < 5; at++)
            begin(&all[at], scheduler);
        for (at = 0; at < 3; at++)
            add_waiter(&all[at], NULL);
        add_async_waiter(&all[3], "x");
        add_async_waiter(&all[4], "y");
        for (at = 0; at < 4; at++)
            all[at].target = all[targets[at]].id;
        all[4].target = add(scheduler, "x", run_plug, &its, NULL);
        pull(&its);
        CHECK(refused_of(all, 5) == 0);
        for (at = 0; at < 5; at++)
            CHECK(ended(scheduler, all[at].id) == TS_COMPLETED);
    }
    ts_scheduler_free(scheduler);
}

static void a_wait_with_a_time_holds_up_nobody(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round;
    for (round = 0; round < 20; round++) {
        waiter all[2];
        int at;
        begin(&all[0], scheduler);
        begin(&all[1], scheduler);
        add_waiter(&all[0], "a");
        add_waiter(&all[1], "b");
        all[0].target = all[1].id;
        all[1].target = all[0].id;
        all[0].seconds = 0.01;
        for (at = 0; at < 2; at++) {
            await(&all[at].started, 1);
            count(&all[at].may_wait);
        }
        await(&all[0].ended, 1);
        await(&all[1].ended, 1);
        /* Refused only if it came second: then it could not have succeeded. */
        CHECK(all[0].gave == TS_ERROR_TIMED_OUT || all[0].gave == TS_ERROR_WOULD_DEADLOCK);
        CHECK(all[1].gave == TS_OK);
        CHECK(ended(scheduler, all[1].id) == TS_COMPLETED);
    }
    ts_scheduler_free(scheduler);
}

/* An async task that waits for another one, or until it is woken. */
static ts_poll poll_either(ts_token *token, void *user_data)
{
    waiter *its = (waiter *)user_data;
    if (its->waker == NULL)
        MUST(ts_waker_clone(token, &its->waker));
    its->gave = ts_async_wait_task(token, its->target);
    count(&its->started);
    return counted(&its->may_wait) > 0 ? TS_POLL_READY : TS_POLL_PENDING;
}

static void who_waits_for_more_than_a_task_holds_up_nobody(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    waiter linear, either;
    begin(&linear, scheduler);
    begin(&either, scheduler);
    add_waiter(&linear, "a");
    either.target = linear.id;
    either.id = add_async(scheduler, "a", poll_either, &either, NULL);
    await(&either.started, 1);
    CHECK(either.gave == TS_NOT_YET);
    linear.target = either.id;
    await(&linear.started, 1);
    count(&linear.may_wait);
    /* It waits, or is about to: either has its waker still. */
    count(&either.may_wait);
    GIVES(TS_OK, ts_waker_wake(either.waker));
    await(&linear.ended, 1);
    CHECK(linear.gave == TS_OK);
    CHECK(either.gave == TS_NOT_YET || either.gave == TS_ERROR_WOULD_DEADLOCK);
    ts_waker_free(either.waker);
    CHECK(ended(scheduler, linear.id) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(of_two_that_wait_for_each_other_one_is_refused),
    TEST(a_cycle_through_two_schedulers_is_refused),
    TEST(a_cycle_through_a_queue_is_refused),
    TEST(of_async_tasks_that_wait_for_each_other_one_is_refused),
    TEST(a_cycle_of_all_kinds_is_refused),
    TEST(a_cycle_through_the_thread_of_a_pump_is_refused),
    TEST(a_task_of_a_pump_cannot_wait_for_the_task_around_it),
    TEST(a_chain_that_ends_is_no_cycle),
    TEST(a_wait_with_a_time_holds_up_nobody),
    TEST(who_waits_for_more_than_a_task_holds_up_nobody),
};

CHECK_ALL(tests)
