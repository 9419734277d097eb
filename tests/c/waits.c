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

static ts_poll poll_waiter(ts_token *token, void *user_data)
{
    waiter *its = (waiter *)user_data;
    if (its->started == 0) {
        count(&its->started);
        await(&its->may_wait, 1);
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
    for (at = 0; at < many; at++)
        count(&all[at].may_wait);
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

/* A task that adds the next one and waits for it, as deep as it goes. */
static struct {
    ts_scheduler *scheduler;
    int depth, refused, ended, threads, most;
} deep;

static int32_t run_deep(ts_token *token, void *user_data)
{
    ts_task_id id = submit(deep.scheduler, NULL, run_deep, user_data, NULL, TS_KEEP);
    ts_error gave;
    (void)token;
    count(&deep.depth);
    gave = ts_wait(deep.scheduler, id, TS_FOREVER, NULL);
    if (gave != TS_OK) {
        GIVES(TS_ERROR_WOULD_DEADLOCK, gave);
        if (counted(&deep.refused) == 0)
            GIVES(TS_OK, ts_force_stop(deep.scheduler, id));
        count(&deep.refused);
    }
    count(&deep.ended);
    return 0;
}

static void count_threads(ts_thread_event event, const char *name, void *user_data)
{
    (void)user_data;
    if (strstr(name, "worker") == NULL)
        return;
    pthread_mutex_lock(&check_lock);
    deep.threads += event == TS_THREAD_STARTED ? 1 : -1;
    if (deep.threads > deep.most)
        deep.most = deep.threads;
    pthread_mutex_unlock(&check_lock);
}

static void at_most_line_task_max_threads_are_lent(void)
{
    int most;
    for (most = 1; most <= 3; most++) {
        ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
        char yaml[40];
        memset(&deep, 0, sizeof deep);
        snprintf(yaml, sizeof yaml, "line_task_max: %d", most);
        options.config_yaml = yaml;
        options.on_thread = count_threads;
        MUST(ts_scheduler_new_with(&options, &deep.scheduler));
        submit(deep.scheduler, NULL, run_deep, NULL, NULL, 0);
        await(&deep.refused, 1);
        await(&deep.ended, 2 * most);
        CHECK(deep.depth == 2 * most && deep.refused == 1);
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

static const check_test tests[] = {
    TEST(ten_tasks_that_wait_for_queued_ones_go_on),
    TEST(ten_tasks_in_turn_go_on_with_one_worker),
    TEST(at_most_line_task_max_threads_are_lent),
    TEST(places_are_given_back_after_the_wait),
    TEST(of_two_that_wait_for_each_other_one_is_refused),
    TEST(a_cycle_through_two_schedulers_is_refused),
    TEST(a_cycle_through_a_queue_is_refused),
};

CHECK_ALL(tests)
