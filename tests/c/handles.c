/* Lanes by handle: one order with adds by name, and options that hold while a handle
 * is open. Width and capacity are in handle_limits.c. */
#include "handling.h"

static int order, running;
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

static int32_t run_in_order(ts_token *token, void *user_data)
{
    (void)token;
    pthread_mutex_lock(&check_lock);
    if (order++ != *(int *)user_data || running++ != 0)
        check_failures++;
    pthread_mutex_unlock(&check_lock);
    pthread_mutex_lock(&check_lock);
    running--;
    pthread_cond_broadcast(&check_news);
    pthread_mutex_unlock(&check_lock);
    return 0;
}

#define TASKS 8000
static int places[TASKS], added;

typedef struct {
    ts_scheduler *scheduler;
    ts_lane *lanes[2];
} mixture;

static void *add_in_any_way(void *argument)
{
    mixture *its = argument;
    int more = 1;
    while (more) {
        ts_task_options options = options_of(NULL, run_in_order, NULL, NULL, 0);
        ts_task_id id;
        pthread_mutex_lock(&adding);
        more = added < TASKS;
        if (more) {
            places[added] = added;
            switch (added % 4) {
            case 0:
                add(its->scheduler, "name", run_in_order, &places[added], NULL);
                break;
            case 1:
                by_handle(its->lanes[0], run_in_order, &places[added]);
                break;
            case 2:
                by_handle(its->lanes[1], run_in_order, &places[added]);
                break;
            default:
                options.lane = its->lanes[0];
                options.user_data = &places[added];
                MUST(ts_submit(its->scheduler, &options, &id));
            }
            added++;
        }
        pthread_mutex_unlock(&adding);
    }
    return NULL;
}

static void adds_by_handle_and_by_name_are_in_one_order(void)
{
    mixture its;
    pthread_t threads[3];
    int at;
    order = running = added = 0;
    its.scheduler = scheduler_with("maximum_queue_line: 0");
    for (at = 0; at < 2; at++)
        its.lanes[at] = lane_of(its.scheduler, "name", TS_LINEAR, 0, 0);
    for (at = 0; at < 3; at++)
        threads[at] = thread(add_in_any_way, &its);
    for (at = 0; at < 3; at++)
        pthread_join(threads[at], NULL);
    await(&order, TASKS);
    ts_lane_free(its.lanes[0]);
    ts_lane_free(its.lanes[1]);
    ts_scheduler_free(its.scheduler);
}

static void handles_of_a_lane_want_the_same(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump *pump = NULL;
    ts_lane *one, *two, *three;
    ts_task_options options = options_of("name", run_nothing, NULL, NULL, 0);
    ts_task_id id;
    ts_claim out;
    MUST(ts_pump_new(scheduler, NULL, &pump));
    GIVES(TS_OK, open_as(scheduler, TS_CLAIMS, NULL, 4, 9, &one));
    /* The same, or nothing of its own. */
    GIVES(TS_OK, open_as(scheduler, TS_CLAIMS, NULL, 4, 9, &two));
    GIVES(TS_OK, open_as(scheduler, (ts_runner)0, NULL, 0, 0, &three));
    ts_lane_free(three);
    GIVES(TS_OK, open_as(scheduler, (ts_runner)0, NULL, 4, 0, &three));
    ts_lane_free(three);
    GIVES(TS_ERROR_IN_USE, open_as(scheduler, TS_CLAIMS, NULL, 3, 0, &three));
    CHECK(three == NULL);
    GIVES(TS_ERROR_IN_USE, open_as(scheduler, TS_CLAIMS, NULL, 0, 8, &three));
    GIVES(TS_ERROR_IN_USE, open_as(scheduler, TS_WORKERS, NULL, 0, 0, &three));
    GIVES(TS_ERROR_IN_USE, open_as(scheduler, TS_PUMP, pump, 0, 0, &three));
    options.runner = TS_WORKERS;
    GIVES(TS_ERROR_IN_USE, ts_submit(scheduler, &options, &id));
    options.runner = (ts_runner)0;
    options.pump = pump;
    GIVES(TS_ERROR_IN_USE, ts_submit(scheduler, &options, &id));
    /* One is as good as many. */
    ts_lane_free(one);
    GIVES(TS_ERROR_IN_USE, open_as(scheduler, TS_WORKERS, NULL, 0, 0, &three));
    ts_lane_free(two);
    GIVES(TS_OK, open_as(scheduler, TS_WORKERS, NULL, 0, 0, &three));
    ts_lane_free(three);
    /* While something is in it, too. */
    out = start_one(scheduler, "name", NULL, NULL, 0);
    GIVES(TS_ERROR_IN_USE, open_as(scheduler, TS_WORKERS, NULL, 0, 0, &three));
    GIVES(TS_ERROR_IN_USE, open_as(scheduler, TS_CLAIMS, NULL, 2, 0, &three));
    GIVES(TS_ERROR_IN_USE, ts_submit(scheduler, &options, &id));
    GIVES(TS_OK, open_as(scheduler, TS_CLAIMS, NULL, 0, 0, &three));
    ts_lane_free(three);
    finish(scheduler, &out);
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_pump_run(pump, 0, 0, NULL));
    CHECK(state_of(scheduler, id) == TS_COMPLETED);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

static void a_lane_that_is_empty_goes_back_to_the_workers(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_lane *lane;
    ts_claim out, next;
    ts_task_id id, last;
    int ran = 0;
    MUST(open_as(scheduler, TS_CLAIMS, NULL, 2, 2, &lane));
    out = start_one(scheduler, "name", NULL, NULL, 0);
    next = start_one(scheduler, "name", NULL, NULL, 0);
    id = by_handle(lane, run_count, &ran);
    last = add(scheduler, "name", run_count, &ran, NULL);
    ts_lane_free(lane);
    /* As long as something is there it stays whose it was; one at a time now. */
    GIVES(TS_OK, ts_claim_finish(scheduler, &out, 0, NULL, NULL, NULL));
    take_none(scheduler);
    out = finish_for_next(scheduler, &next);
    CHECK(same(out.id, id));
    next = finish_for_next(scheduler, &out);
    CHECK(same(next.id, last));
    finish(scheduler, &next);
    CHECK(ended(scheduler, add(scheduler, "name", run_count, &ran, NULL)) == TS_COMPLETED);
    CHECK(counted(&ran) == 1);
    ts_scheduler_free(scheduler);
}

static void bans_hold_for_handles(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_lane *lane, *other;
    ts_task_id id = dirty_id();
    int drops = 0;
    MUST(ts_ban_task_name(scheduler, TS_LINEAR, "name"));
    lane = lane_of(scheduler, "name", TS_LINEAR, 0, 0);
    GIVES(TS_ERROR_BANNED, ts_lane_add_task(lane, false, run_count, &drops, drop_count, &id));
    CHECK(is_zero(id));
    MUST(ts_allow_task_name(scheduler, TS_LINEAR, "name"));
    CHECK(ended(scheduler, by_handle(lane, run_nothing, NULL)) == TS_COMPLETED);
    MUST(ts_ban_task_name(scheduler, TS_LINEAR, "name"));
    GIVES(TS_ERROR_BANNED, ts_lane_add_task(lane, false, run_count, &drops, drop_count, &id));
    other = lane_of(scheduler, "name", TS_LINEAR, 0, 0);
    GIVES(TS_ERROR_BANNED, ts_lane_add_task(other, false, run_count, &drops, drop_count, &id));
    /* The async lane of the name is another. */
    ts_lane_free(other);
    other = lane_of(scheduler, "name", TS_ASYNC, 0, 0);
    GIVES(TS_ERROR_WRONG_KIND, ts_lane_add_task(other, false, run_count, &drops, drop_count, &id));
    GIVES(TS_ERROR_WRONG_KIND, ts_lane_add_async_task(lane, false, poll_for_ever, NULL, NULL, &id));
    ts_lane_free(other);
    ts_lane_free(lane);
    /* And so is it remembered without a lane. */
    GIVES(TS_ERROR_BANNED, ts_add_task(scheduler, false, "name", run_count, &drops, drop_count, &id));
    CHECK(counted(&drops) == 0);
    ts_scheduler_free(scheduler);
}

static void a_handle_outlives_its_scheduler(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_lane *lane = lane_of(scheduler, "name", TS_LINEAR, 0, 5);
    ts_lane *async = lane_of(scheduler, "name", TS_ASYNC, 7, 5), *claims = NULL;
    ts_task_id id = dirty_id();
    int drops = 0, round;
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    wanted.name = "claims";
    wanted.runner = TS_CLAIMS;
    wanted.width = 3;
    MUST(ts_lane_new(scheduler, &wanted, &claims));
    for (round = 0; round < 3; round++) {
        CHECK(ended(scheduler, by_handle(lane, run_nothing, NULL)) == TS_COMPLETED);
        /* Shutdowns it does not notice. */
        GIVES(TS_OK, ts_shutdown(scheduler, round == 1));
    }
    by_handle(lane, run_nothing, NULL);
    MUST(ts_lane_add_task(claims, false, run_nothing, &drops, drop_count, &id));
    MUST(ts_lane_add_async_task(async, false, poll_for_ever, NULL, NULL, &id));
    ts_scheduler_free(scheduler);
    CHECK(counted(&drops) == 1);
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_lane_add_task(lane, false, run_count, &drops, drop_count, &id));
    CHECK(is_zero(id));
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_lane_add_task(claims, false, run_count, &drops, drop_count, &id));
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_lane_add_async_task(async, false, poll_for_ever, NULL, NULL, &id));
    CHECK(counted(&drops) == 1);
    ts_lane_free(lane);
    ts_lane_free(async);
    ts_lane_free(claims);
}

/* Whoever has waited for the last task may give the name to others. */
static void a_name_whose_last_task_was_waited_for_is_not_in_use(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_lane *lane;
    int round;
    for (round = 0; round < 2000 && check_failures == 0; round++) {
        ts_task_options options = claim_options("name", NULL, NULL, 0);
        ts_claim one;
        ts_task_id id;
        CHECK(ended(scheduler, add(scheduler, "name", run_nothing, NULL, NULL)) == TS_COMPLETED);
        if (round % 2) {
            GIVES(TS_OK, open_as(scheduler, TS_CLAIMS, NULL, 4, 0, &lane));
            ts_lane_free(lane);
        } else {
            GIVES(TS_OK, ts_claim_submit(scheduler, &options, &one, &id));
            if (one.token != NULL)
                finish(scheduler, &one);
        }
    }
    ts_scheduler_free(scheduler);
}

static int32_t run_free(ts_token *token, void *user_data)
{
    (void)token;
    ts_lane_free((ts_lane *)user_data);
    return 0;
}

static void a_handle_may_be_freed_in_a_task_of_it(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round, ran = 0;
    for (round = 0; round < 500; round++) {
        ts_lane *lane;
        plug first = { 0, 0 };
        ts_task_id id;
        char name[32];
        snprintf(name, sizeof name, "name %d", round);
        lane = lane_of(scheduler, name, TS_LINEAR, 0, round % 2 ? 4 : 0);
        add(scheduler, name, run_plug, &first, NULL);
        await(&first.started, 1);
        by_handle(lane, run_free, lane);
        by_handle(lane, run_count, &ran);
        id = by_handle(lane, run_count, &ran);
        pull(&first);
        CHECK(ended(scheduler, id) == TS_COMPLETED);
    }
    CHECK(counted(&ran) == 1000);
    ts_scheduler_free(scheduler);
}

static void memory_does_not_grow_with_names_that_had_handles(void)
{
    enum { NAMES = 100000 };
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 0");
    long before = 0;
    int at, ran = 0;
    for (at = 0; at < NAMES; at++) {
        char name[32];
        ts_lane *lane, *again;
        snprintf(name, sizeof name, "name %d", at);
        lane = lane_of(scheduler, name, at % 2 ? TS_ASYNC : TS_LINEAR, 0, (size_t)at % 3);
        again = lane_of(scheduler, name, at % 2 ? TS_ASYNC : TS_LINEAR, 0, 0);
        if (at % 16 == 0) {
            int before_it = counted(&ran);
            by_handle(lane, run_count, &ran);
            await(&ran, before_it + 1);
        }
        ts_lane_free(lane);
        ts_lane_free(again);
        if (at == NAMES / 10)
            before = pages();
    }
    CHECK(pages() - before < 700);
    ts_scheduler_free(scheduler);
}

/* The name of an open handle is not forgotten among ever so many others. */
static void an_open_handle_keeps_its_lane(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 0\nmaximum_queue_line: 0");
    ts_lane *lane = lane_of(scheduler, "kept", TS_LINEAR, 0, 1);
    plug first = { 0, 0 };
    ts_task_id id;
    int at, ran = 0;
    for (at = 0; at < 5000; at++) {
        char name[32];
        snprintf(name, sizeof name, "name %d", at);
        add(scheduler, name, run_count, &ran, NULL);
    }
    await(&ran, 5000);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    by_handle(lane, run_plug, &first);
    await(&first.started, 1);
    add(scheduler, "kept", run_nothing, NULL, NULL);
    GIVES(TS_ERROR_QUEUE_FULL, ts_lane_add_task(lane, false, run_nothing, NULL, NULL, &id));
    pull(&first);
    ts_lane_free(lane);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    int stop, added, ran, in_use;
} toggled;

static void *toggle(void *argument)
{
    toggled *its = argument;
    ts_claim out;
    while (!__atomic_load_n(&its->stop, __ATOMIC_RELAXED)) {
        ts_task_options options = claim_options("name", NULL, NULL, 0);
        ts_task_id id;
        size_t got;
        ts_error error = ts_claim_submit(its->scheduler, &options, &out, &id);
        CHECK(error == TS_OK || error == TS_ERROR_IN_USE);
        while (error == TS_OK && out.token != NULL) {
            if (out.run != NULL)
                out.run(out.token, out.user_data);
            out = finish_for_next(its->scheduler, &out);
        }
        while (ts_claims_take(its->scheduler, &out, 1, 0, &got) == TS_OK) {
            if (out.run != NULL)
                out.run(out.token, out.user_data);
            GIVES(TS_OK, ts_claim_finish(its->scheduler, &out, 0, NULL, NULL, NULL));
        }
    }
    return NULL;
}

/* A name goes to and fro between the host and workers that are mostly not there;
 * whoever it is, somebody runs it. */
static void a_name_that_changes_hands_loses_no_task(void)
{
    toggled its;
    pthread_t other;
    int at;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with("max_idle_time: 0");
    other = thread(toggle, &its);
    for (at = 0; at < 20000; at++) {
        add(its.scheduler, "name", run_count, &its.ran, NULL);
        await(&its.ran, at + 1);
    }
    __atomic_store_n(&its.stop, 1, __ATOMIC_RELAXED);
    pthread_join(other, NULL);
    ts_scheduler_free(its.scheduler);
}

/* Whoever ran them has others before them, and has not looked yet. */
static void a_name_whose_tasks_were_cancelled_is_nobodys(void)
{
    int to_claims;
    for (to_claims = 0; to_claims < 2; to_claims++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        ts_pump *pump = NULL;
        ts_task_options options = options_of("before", run_nothing, NULL, NULL, 0);
        ts_task_options others = options_of("name", run_nothing, NULL, NULL, 0);
        ts_lane *lane;
        ts_claim taken;
        ts_task_id id, second;
        size_t ran = 0;
        MUST(ts_pump_new(scheduler, NULL, &pump));
        options.runner = to_claims ? TS_PUMP : TS_CLAIMS;
        options.pump = to_claims ? pump : NULL;
        others.runner = to_claims ? TS_CLAIMS : TS_PUMP;
        others.pump = to_claims ? NULL : pump;
        MUST(ts_submit(scheduler, &options, &id));
        options.name = "name";
        MUST(ts_submit(scheduler, &options, &id));
        MUST(ts_submit(scheduler, &options, &second));
        GIVES(TS_ERROR_IN_USE, ts_submit(scheduler, &others, &id));
        GIVES(TS_OK, ts_force_stop(scheduler, second));
        GIVES(TS_ERROR_IN_USE, ts_submit(scheduler, &others, &second));
        GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "name", NULL));
        GIVES(TS_OK, open_as(scheduler, others.runner, others.pump, 0, 0, &lane));
        ts_lane_free(lane);
        MUST(ts_submit(scheduler, &others, &id));
        GIVES(TS_OK, ts_pump_run(pump, 0, 0, &ran));
        CHECK(ran == 1);
        while (ts_claims_take(scheduler, &taken, 1, 0, &ran) == TS_OK)
            finish(scheduler, &taken);
        CHECK(ended(scheduler, id) == TS_COMPLETED);
        ts_pump_free(pump);
        ts_scheduler_free(scheduler);
    }
}

/* There is a worker, made for a task that was refused, and no task has ever been. */
static void the_first_task_of_all_comes_by_a_handle(void)
{
    ts_scheduler *scheduler = scheduler_with("");
    ts_lane *claimed = NULL, *lane = NULL;
    ts_task_id id;
    ts_task_options options = options_of("name", run_nothing, NULL, NULL, 0);
    MUST(open_as(scheduler, TS_CLAIMS, NULL, 0, 0, &claimed));
    options.runner = TS_WORKERS;
    GIVES(TS_ERROR_IN_USE, ts_submit(scheduler, &options, &id));
    lane = lane_of(scheduler, "other", TS_LINEAR, 0, 0);
    MUST(ts_lane_add_task(lane, false, run_nothing, NULL, NULL, &id));
    GIVES(TS_OK, ts_wait(scheduler, id, TS_FOREVER, NULL));
    ts_lane_free(claimed);
    ts_lane_free(lane);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(a_name_whose_tasks_were_cancelled_is_nobodys),
    TEST(adds_by_handle_and_by_name_are_in_one_order),
    TEST(handles_of_a_lane_want_the_same),
    TEST(a_lane_that_is_empty_goes_back_to_the_workers),
    TEST(bans_hold_for_handles),
    TEST(a_handle_outlives_its_scheduler),
    TEST(a_name_whose_last_task_was_waited_for_is_not_in_use),
    TEST(a_handle_may_be_freed_in_a_task_of_it),
    TEST(memory_does_not_grow_with_names_that_had_handles),
    TEST(an_open_handle_keeps_its_lane),
    TEST(a_name_that_changes_hands_loses_no_task),
    TEST(the_first_task_of_all_comes_by_a_handle),
};

CHECK_ALL(tests)
