/* A name whose tasks have all ended may be given to others at once, by a handle, a
 * claim, a pump, or by asking for nobody: whoever ran them may still be at the last
 * end, in a drop of the host's, and for as long as that takes. */
#include "handling.h"

#include "pumping.h"

/* Who ran the last task of the name. */
typedef enum { BY_WORKERS,
               BY_PUMP,
               BY_CLAIMS,
               WAYS } way;

typedef struct {
    ts_scheduler *scheduler;
    ts_pump *pump;
    way by;
    ts_task_id id;
    int added;
    /* Who ran it is kept in there. */
    plug kept;
    ts_end_fn on_end;
} last_task;

static void hear(const ts_completion *end, void *user_data)
{
    (void)end;
    (void)user_data;
}

static void keep_here(void *user_data)
{
    run_plug(NULL, &((last_task *)user_data)->kept);
}

static ts_task_options keeping(last_task *its)
{
    ts_task_options options = options_of("name", run_nothing, NULL, NULL, 0);
    options.runner = its->by == BY_WORKERS ? TS_WORKERS : its->by == BY_PUMP ? TS_PUMP
                                                                             : TS_CLAIMS;
    options.pump = its->by == BY_PUMP ? its->pump : NULL;
    options.on_end = its->on_end != NULL ? its->on_end : hear;
    options.on_end_data = its;
    options.on_end_drop = its->on_end != NULL ? NULL : keep_here;
    return options;
}

/* Adds the task and, where no worker does it, runs it. */
static void *run_last(void *argument)
{
    last_task *its = argument;
    ts_task_options options = keeping(its);
    ts_claim claimed;
    if (its->by == BY_CLAIMS)
        MUST(ts_claim_submit(its->scheduler, &options, &claimed, &its->id));
    else
        MUST(ts_submit(its->scheduler, &options, &its->id));
    count(&its->added);
    if (its->by == BY_CLAIMS)
        finish(its->scheduler, &claimed);
    if (its->by == BY_PUMP)
        CHECK(run(its->pump, 0) >= 1);
    return NULL;
}

/* Each runner, and nobody, takes the name over. */
enum { AS_LANE_OF_CLAIMS,
       AS_CLAIM,
       AS_LANE_OF_PUMP,
       AS_PUMPED,
       AS_ANY,
       AS_LANE,
       TAKERS };

/* Who asks for those who are at it comes behind what they still do. */
static int stays(way by, int taker)
{
    return by == BY_WORKERS ? taker == AS_ANY || taker == AS_LANE : by == BY_CLAIMS && taker == AS_CLAIM;
}

static void take_over(last_task *its, int taker)
{
    ts_scheduler *scheduler = its->scheduler;
    ts_pump *pump = taker == AS_LANE_OF_PUMP || taker == AS_PUMPED ? pump_of(scheduler) : NULL;
    ts_task_options options = claim_options("name", NULL, NULL, 0);
    ts_lane *lane = NULL;
    ts_claim claimed;
    ts_task_id id;
    int ran = 0;
    switch (taker) {
    case AS_LANE_OF_CLAIMS:
        GIVES(TS_OK, open_as(scheduler, TS_CLAIMS, NULL, 4, 7, &lane));
        break;
    case AS_CLAIM:
        GIVES(TS_OK, ts_claim_submit(scheduler, &options, &claimed, &id));
        CHECK(claimed.token != NULL);
        if (claimed.token != NULL)
            finish(scheduler, &claimed);
        break;
    case AS_LANE_OF_PUMP:
        GIVES(TS_OK, open_as(scheduler, TS_PUMP, pump, 0, 0, &lane));
        break;
    case AS_PUMPED:
        id = pumped(scheduler, pump, "name", run_count, &ran, NULL, 0);
        CHECK(run(pump, 0) == 1 && ran == 1);
        break;
    case AS_ANY:
        /* Who asks for nobody gets a worker. */
        CHECK(ended(scheduler, add(scheduler, "name", run_count, &ran, NULL)) == TS_COMPLETED);
        break;
    case AS_LANE:
        lane = lane_of(scheduler, "name", TS_LINEAR, 0, 0);
        CHECK(ended(scheduler, by_handle(lane, run_count, &ran)) == TS_COMPLETED);
        break;
    }
    if (lane != NULL)
        ts_lane_free(lane);
    if (pump != NULL)
        ts_pump_free(pump);
}

static void a_name_changes_hands_while_somebody_is_at_its_last_end(void)
{
    int by, taker, round;
    for (by = 0; by < WAYS; by++) {
        for (taker = 0; taker < TAKERS; taker++) {
            /* The same lane may be left again and again. */
            last_task all[3];
            pthread_t threads[3];
            ts_scheduler *scheduler;
            ts_pump *pumps[3];
            if (stays((way)by, taker))
                continue;
            memset(all, 0, sizeof all);
            scheduler = scheduler_with("line_task_max: 8");
            for (round = 0; round < 3; round++) {
                last_task *its = &all[round];
                its->scheduler = scheduler;
                its->pump = pumps[round] = pump_of(scheduler);
                its->by = (way)by;
                threads[round] = thread(run_last, its);
                await(&its->added, 1);
                CHECK(ended(scheduler, its->id) == TS_COMPLETED);
                await(&its->kept.started, 1);
                take_over(its, taker);
            }
            for (round = 0; round < 3; round++) {
                pull(&all[round].kept);
                pthread_join(threads[round], NULL);
            }
            /* Who left it has not disturbed it. */
            CHECK(ended(scheduler, add(scheduler, "name", run_nothing, NULL, NULL)) == TS_COMPLETED);
            ts_scheduler_free(scheduler);
            for (round = 0; round < 3; round++)
                ts_pump_free(pumps[round]);
        }
    }
}

/* A drop that comes with the last end may give the name away itself. */
static void open_here(void *user_data)
{
    last_task *its = user_data;
    ts_lane *lane;
    GIVES(TS_OK, open_as(its->scheduler, TS_CLAIMS, NULL, 4, 0, &lane));
    ts_lane_free(lane);
    count(&its->kept.started);
}

static void who_is_at_the_last_end_may_give_the_name_away(void)
{
    last_task its;
    ts_task_options options;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    options = keeping(&its);
    options.on_end_drop = open_here;
    MUST(ts_submit(its.scheduler, &options, &its.id));
    await(&its.kept.started, 1);
    ts_scheduler_free(its.scheduler);
}

static void hear_here(const ts_completion *end, void *user_data)
{
    last_task *its = user_data;
    ts_lane *lane;
    (void)end;
    GIVES(TS_ERROR_IN_USE, open_as(its->scheduler, its->by == BY_CLAIMS ? TS_WORKERS : TS_CLAIMS, NULL, 0, 0, &lane));
    keep_here(its);
}

/* The next of the name comes after on_end has returned, so until then it is in use; who
 * asks for nobody comes to who has it. */
static void a_name_is_in_use_until_on_end_has_returned(void)
{
    int by;
    for (by = 0; by < WAYS; by++) {
        last_task its;
        ts_task_options options;
        ts_task_id next;
        pthread_t runs;
        ts_lane *lane = NULL;
        int ran = 0;
        memset(&its, 0, sizeof its);
        its.scheduler = scheduler_with(NULL);
        its.pump = pump_of(its.scheduler);
        its.by = (way)by;
        its.on_end = hear_here;
        runs = thread(run_last, &its);
        await(&its.added, 1);
        await(&its.kept.started, 1);
        CHECK(ended(its.scheduler, its.id) == TS_COMPLETED);
        options = claim_options("name", NULL, NULL, 0);
        options.runner = by == BY_CLAIMS ? TS_WORKERS : TS_CLAIMS;
        options.run = run_nothing;
        GIVES(TS_ERROR_IN_USE, ts_submit(its.scheduler, &options, &next));
        GIVES(TS_ERROR_IN_USE, open_as(its.scheduler, options.runner, NULL, 0, 0, &lane));
        next = add(its.scheduler, "name", run_count, &ran, NULL);
        CHECK(counted(&ran) == 0 && state_of(its.scheduler, next) == TS_PENDING);
        pull(&its.kept);
        pthread_join(runs, NULL);
        if (by == BY_CLAIMS) {
            ts_claim claimed = take_one(its.scheduler);
            CHECK(same(claimed.id, next));
            finish(its.scheduler, &claimed);
        } else {
            CHECK(ended(its.scheduler, next) == TS_COMPLETED && ran == 1);
        }
        ts_pump_free(its.pump);
        ts_scheduler_free(its.scheduler);
    }
}

/* No worker has time to look what is left of it. */
static void a_name_whose_pending_tasks_were_cancelled_changes_hands(void)
{
    int taker;
    for (taker = 0; taker < TAKERS; taker++) {
        plug blocked;
        last_task its;
        int drops = 0, at;
        if (stays(BY_WORKERS, taker))
            continue;
        memset(&its, 0, sizeof its);
        its.scheduler = plugged("line_task_max: 1", &blocked);
        for (at = 0; at < 3; at++)
            add(its.scheduler, "name", run_nothing, &drops, drop_count);
        GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(its.scheduler, TS_LINEAR, "name", NULL));
        CHECK(counted(&drops) == 3);
        take_over(&its, taker);
        pull(&blocked);
        CHECK(ended(its.scheduler, add(its.scheduler, "name", run_nothing, NULL, NULL)) == TS_COMPLETED);
        ts_scheduler_free(its.scheduler);
    }
}

/* It is in use as long as one of its tasks has not ended, whoever else has. */
static void a_name_is_in_use_while_a_task_of_it_is_alive(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = claim_options("name", NULL, NULL, 0);
    plug running = { 0, 0 };
    ts_task_id first = add(scheduler, "name", run_plug, &running, NULL), last, id;
    ts_lane *lane;
    ts_claim claimed;
    await(&running.started, 1);
    last = add(scheduler, "name", run_nothing, NULL, NULL);
    GIVES(TS_OK, ts_force_stop(scheduler, last));
    GIVES(TS_ERROR_IN_USE, open_as(scheduler, TS_CLAIMS, NULL, 4, 0, &lane));
    GIVES(TS_ERROR_IN_USE, ts_claim_submit(scheduler, &options, &claimed, &id));
    /* Who asks for nobody comes behind it. */
    last = add(scheduler, "name", run_nothing, NULL, NULL);
    pull(&running);
    CHECK(ended(scheduler, first) == TS_COMPLETED && ended(scheduler, last) == TS_COMPLETED);
    claimed = start_one(scheduler, "name", NULL, NULL, 0);
    last = add(scheduler, "name", run_nothing, NULL, NULL);
    finish(scheduler, &claimed);
    claimed = take_one(scheduler);
    CHECK(same(claimed.id, last));
    finish(scheduler, &claimed);
    ts_scheduler_free(scheduler);
}

/* A name that was left stays with the tasks of it that are still readable. */
static void ended_tasks_keep_a_name_that_changed_hands(void)
{
    last_task its;
    ts_claim claimed;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    run_last(&its);
    MUST(ts_wait(its.scheduler, its.id, TS_FOREVER, NULL));
    await(&its.kept.started, 1);
    claimed = start_one(its.scheduler, "name", NULL, NULL, 0);
    finish(its.scheduler, &claimed);
    CHECK(strcmp(status_of(its.scheduler, its.id).task_name, "name") == 0);
    pull(&its.kept);
    CHECK(strcmp(status_of(its.scheduler, its.id).task_name, "name") == 0);
    ts_scheduler_free(its.scheduler);
}

static void keep_and_count(void *user_data)
{
    keep_here(user_data);
    count(&((last_task *)user_data)->added);
}

/* Each round leaves a lane to the one who ran its task. */
static void memory_does_not_grow_with_names_that_change_hands(void)
{
    enum { ROUNDS = 10000 };
    last_task its;
    ts_task_options options;
    long before = 0;
    int round;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with("maximum_task_info_storage: 10");
    options = keeping(&its);
    options.on_end_drop = keep_and_count;
    for (round = 0; round < ROUNDS; round++) {
        ts_claim claimed;
        MUST(ts_submit(its.scheduler, &options, &its.id));
        await(&its.kept.started, round + 1);
        claimed = start_one(its.scheduler, "name", NULL, NULL, 0);
        finish(its.scheduler, &claimed);
        pull(&its.kept);
        await(&its.added, round + 1);
        its.kept.may_go = 0;
        if (round == ROUNDS / 10)
            before = pages();
    }
    CHECK(pages() - before < 200);
    ts_scheduler_free(its.scheduler);
}

static const check_test tests[] = {
    TEST(a_name_changes_hands_while_somebody_is_at_its_last_end),
    TEST(who_is_at_the_last_end_may_give_the_name_away),
    TEST(a_name_is_in_use_until_on_end_has_returned),
    TEST(a_name_whose_pending_tasks_were_cancelled_changes_hands),
    TEST(a_name_is_in_use_while_a_task_of_it_is_alive),
    TEST(ended_tasks_keep_a_name_that_changed_hands),
    TEST(memory_does_not_grow_with_names_that_change_hands),
};

CHECK_ALL(tests)
