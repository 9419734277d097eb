/* Tasks that wait for tasks: those that would wait for their own caller are
 * refused, all others go on, and a worker that waits lends its place. */
#include "async.h"

/* A task that waits for another one when it may. */
typedef struct {
    ts_scheduler *scheduler, *its;
    ts_task_id id, target;
    double seconds;
    int started, may_wait, ended;
    ts_error gave;
    ts_waker *waker;
} waiter;

static void begin(waiter *its, ts_scheduler *scheduler)
{
    memset(its, 0, sizeof *its);
    its->scheduler = its->its = scheduler;
    its->seconds = TS_FOREVER;
}

static int32_t run_waiter(ts_token *token, void *user_data)
{
    waiter *its = (waiter *)user_data;
    (void)token;
    count(&its->started);
    await(&its->may_wait, 1);
    its->gave = ts_wait(its->its, its->target, its->seconds, NULL);
    count(&its->ended);
    return 0;
}

/* As above. */
static ts_poll poll_waiter(ts_token *token, void *user_data)
{
    waiter *its = (waiter *)user_data;
    if (counted(&its->may_wait) == 0) {
        if (its->waker == NULL) {
            MUST(ts_waker_clone(token, &its->waker));
            count(&its->started);
        }
        return TS_POLL_PENDING;
    }
    its->gave = ts_async_wait_task(token, its->target);
    if (its->gave == TS_NOT_YET)
        return TS_POLL_PENDING;
    count(&its->ended);
    return TS_POLL_READY;
}

static void add_waiter(waiter *its, const char *name)
{
    its->id = add(its->scheduler, name, run_waiter, its, NULL);
}

/* Starts them all, has them wait for one another as they say, and counts the refused ones. */
static int refused_of(waiter *all, int many)
{
    int at, refused = 0;
    for (at = 0; at < many; at++)
        await(&all[at].started, 1);
    for (at = 0; at < many; at++) {
        ts_waker *waker = all[at].waker;
        count(&all[at].may_wait);
        if (waker != NULL) {
            GIVES(TS_OK, ts_waker_wake(waker));
            ts_waker_free(waker);
        }
    }
    for (at = 0; at < many; at++) {
        await(&all[at].ended, 1);
        CHECK(all[at].gave == TS_OK || all[at].gave == TS_ERROR_WOULD_DEADLOCK);
        refused += all[at].gave == TS_ERROR_WOULD_DEADLOCK;
    }
    return refused;
}

static void ten_tasks_that_wait_for_queued_ones_go_on(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 10");
    waiter all[10];
    int at, ran = 0;
    for (at = 0; at < 10; at++) {
        begin(&all[at], scheduler);
        add_waiter(&all[at], NULL);
    }
    for (at = 0; at < 10; at++)
        await(&all[at].started, 1);
    for (at = 0; at < 10; at++)
        all[at].target = submit(scheduler, NULL, run_count, &ran, NULL, TS_KEEP);
    CHECK(refused_of(all, 10) == 0);
    CHECK(counted(&ran) == 10);
    ts_scheduler_free(scheduler);
}

/* Adds a task and waits for it, one after the other in one lane. */
static struct {
    ts_scheduler *scheduler;
    int ran, ended;
} turns;

static int32_t run_turn(ts_token *token, void *user_data)
{
    ts_task_id id = submit(turns.scheduler, NULL, run_count, &turns.ran, NULL, TS_KEEP);
    (void)token;
    (void)user_data;
    GIVES(TS_OK, ts_wait(turns.scheduler, id, TS_FOREVER, NULL));
    GIVES(TS_OK, ts_task_forget(turns.scheduler, id));
    count(&turns.ended);
    return 0;
}

static void ten_tasks_in_turn_go_on_with_one_worker(void)
{
    int at;
    memset(&turns, 0, sizeof turns);
    turns.scheduler = scheduler_with("line_task_max: 1");
    for (at = 0; at < 10; at++)
        add(turns.scheduler, "turn", run_turn, NULL, NULL);
    await(&turns.ended, 10);
    CHECK(counted(&turns.ran) == 10);
    ts_scheduler_free(turns.scheduler);
}

/* Tasks of which each adds the next one and waits for it. One that is refused
 * returns, and leaves its place to the next. */
#define DEEP 60
static struct {
    ts_scheduler *scheduler;
    int added, refused, ended, inside, most;
} deep;

/* Each is inside on a thread of its own. */
static void change_inside(int by)
{
    pthread_mutex_lock(&check_lock);
    deep.inside += by;
    if (deep.inside > deep.most)
        deep.most = deep.inside;
    pthread_mutex_unlock(&check_lock);
}

static int32_t run_deep(ts_token *token, void *user_data)
{
    ts_task_id id;
    ts_error gave;
    (void)token;
    change_inside(1);
    if (counted(&deep.added) < DEEP) {
        count(&deep.added);
        id = submit(deep.scheduler, NULL, run_deep, user_data, NULL, TS_KEEP);
        gave = ts_wait(deep.scheduler, id, TS_FOREVER, NULL);
        if (gave != TS_OK) {
            GIVES(TS_ERROR_WOULD_DEADLOCK, gave);
            count(&deep.refused);
        }
    }
    change_inside(-1);
    count(&deep.ended);
    return 0;
}

static void at_most_line_task_max_threads_are_lent(void)
{
    int most;
    for (most = 1; most <= 3; most++) {
        char yaml[40];
        memset(&deep, 0, sizeof deep);
        snprintf(yaml, sizeof yaml, "line_task_max: %d", most);
        deep.scheduler = scheduler_with(yaml);
        submit(deep.scheduler, NULL, run_deep, NULL, NULL, 0);
        await(&deep.ended, DEEP + 1);
        /* They get on by nothing else. */
        CHECK(deep.refused > 0);
        ts_scheduler_free(deep.scheduler);
        CHECK(deep.most == 2 * most);
    }
}

static void places_are_given_back_after_the_wait(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    plug one = { 0, 0 }, two = { 0, 0 };
    int round, ran = 0;
    for (round = 0; round < 20; round++) {
        waiter its;
        ts_task_id last;
        begin(&its, scheduler);
        add_waiter(&its, NULL);
        await(&its.started, 1);
        its.target = submit(scheduler, NULL, run_count, &ran, NULL, TS_KEEP);
        CHECK(refused_of(&its, 1) == 0);
        CHECK(ended(scheduler, its.id) == TS_COMPLETED);
        /* One at a time, as before. */
        one.started = one.may_go = two.started = two.may_go = 0;
        add(scheduler, NULL, run_plug, &one, NULL);
        last = add(scheduler, NULL, run_plug, &two, NULL);
        await(&one.started, 1);
        CHECK(counted(&two.started) == 0);
        pull(&one);
        await(&two.started, 1);
        pull(&two);
        CHECK(ended(scheduler, last) == TS_COMPLETED);
    }
    ts_scheduler_free(scheduler);
}

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

static void add_async_waiter(waiter *its, const char *name)
{
    its->id = add_async(its->scheduler, name, poll_waiter, its, NULL);
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

/* Waits for a claim, and finishes it. */
static void *finish_taken(void *argument)
{
    ts_scheduler *scheduler = (ts_scheduler *)argument;
    ts_claim claim;
    size_t many = 0;
    GIVES(TS_OK, ts_claims_take(scheduler, &claim, 1, TS_FOREVER, &many));
    GIVES(TS_OK, ts_claim_finish(scheduler, &claim, 0, NULL, NULL, NULL));
    return NULL;
}

static ts_claim claim_of(ts_scheduler *scheduler, const char *name, ts_task_id *out_id)
{
    ts_task_options options = options_of(name, NULL, NULL, NULL, TS_KEEP);
    ts_claim claim;
    options.runner = TS_CLAIMS;
    MUST(ts_claim_submit(scheduler, &options, &claim, out_id));
    return claim;
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

static void a_thread_that_waits_lends_the_place_of_its_claim(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    int round;
    for (round = 0; round < 20; round++) {
        ts_task_id one, two;
        ts_claim first = claim_of(scheduler, "one", &one), second = claim_of(scheduler, "two", &two);
        pthread_t taker = thread(finish_taken, scheduler);
        CHECK(first.token != NULL && second.token == NULL);
        GIVES(TS_OK, ts_wait(scheduler, two, TS_FOREVER, NULL));
        pthread_join(taker, NULL);
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(scheduler, one, TS_FOREVER, NULL));
        GIVES(TS_OK, ts_claim_finish(scheduler, &first, 0, NULL, NULL, NULL));
        GIVES(TS_OK, ts_task_forget(scheduler, one));
        GIVES(TS_OK, ts_task_forget(scheduler, two));
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

static void a_place_beside_the_one_that_waits_is_enough(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 2");
    int round;
    for (round = 0; round < 50; round++) {
        waiter all[2];
        int ran = 0;
        ts_task_id behind;
        /* The second of the name runs beside the first; the third is behind one of both. */
        begin(&all[0], scheduler);
        begin(&all[1], scheduler);
        add_async_waiter(&all[0], "wide");
        add_async_waiter(&all[1], "wide");
        await(&all[0].started, 1);
        await(&all[1].started, 1);
        behind = add_async(scheduler, "wide", poll_count, &ran, NULL);
        all[0].target = all[1].target = behind;
        /* When both wait for it, it never starts. */
        CHECK(refused_of(all, 2) == 1);
        CHECK(ended(scheduler, behind) == TS_COMPLETED);
        CHECK(ended(scheduler, all[0].id) == TS_COMPLETED);
        CHECK(ended(scheduler, all[1].id) == TS_COMPLETED);
        CHECK(counted(&ran) == 1);
    }
    ts_scheduler_free(scheduler);
}

static void a_worker_more_than_may_wait_is_enough(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    waiter one, two;
    held its;
    int ran = 0;
    /* The first one waits for what will end; the second, on the lent place, for a queued one:
     * that starts when the first has ended. */
    begin(&one, scheduler);
    begin(&two, scheduler);
    one.target = hold(scheduler, "its", &its);
    await(&its.polls, 1);
    add_waiter(&one, NULL);
    await(&one.started, 1);
    add_waiter(&two, NULL);
    count(&one.may_wait);
    await(&two.started, 1);
    two.target = submit(scheduler, NULL, run_count, &ran, NULL, TS_KEEP);
    count(&two.may_wait);
    let_go(&its);
    await(&one.ended, 1);
    await(&two.ended, 1);
    CHECK(one.gave == TS_OK && two.gave == TS_OK && counted(&ran) == 1);
    free_held(&its, 1);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(ten_tasks_that_wait_for_queued_ones_go_on),
    TEST(ten_tasks_in_turn_go_on_with_one_worker),
    TEST(at_most_line_task_max_threads_are_lent),
    TEST(places_are_given_back_after_the_wait),
    TEST(of_two_that_wait_for_each_other_one_is_refused),
    TEST(a_cycle_through_two_schedulers_is_refused),
    TEST(a_cycle_through_a_queue_is_refused),
    TEST(of_async_tasks_that_wait_for_each_other_one_is_refused),
    TEST(a_cycle_of_all_kinds_is_refused),
    TEST(a_thread_that_waits_lends_the_place_of_its_claim),
    TEST(a_cycle_through_the_thread_of_a_pump_is_refused),
    TEST(a_task_of_a_pump_cannot_wait_for_the_task_around_it),
    TEST(a_chain_that_ends_is_no_cycle),
    TEST(a_wait_with_a_time_holds_up_nobody),
    TEST(who_waits_for_more_than_a_task_holds_up_nobody),
    TEST(a_place_beside_the_one_that_waits_is_enough),
    TEST(a_worker_more_than_may_wait_is_enough),
};

CHECK_ALL(tests)
