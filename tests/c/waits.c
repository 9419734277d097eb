/* Tasks that wait for tasks: a worker that waits lends its place, so all go on. Those that
 * would wait for their own caller are in waits_cycles.c. */
#include "waiting.h"

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
        await(&one.started, 1);
        last = add(scheduler, NULL, run_plug, &two, NULL);
        CHECK(counted(&two.started) == 0);
        pull(&one);
        await(&two.started, 1);
        pull(&two);
        CHECK(ended(scheduler, last) == TS_COMPLETED);
    }
    ts_scheduler_free(scheduler);
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

/* What is no cycle ---------------------------------------------------------- */

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
    TEST(a_thread_that_waits_lends_the_place_of_its_claim),
    TEST(a_place_beside_the_one_that_waits_is_enough),
    TEST(a_worker_more_than_may_wait_is_enough),
};

CHECK_ALL(tests)
