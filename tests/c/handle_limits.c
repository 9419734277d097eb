/* Width and capacity of lanes by handle: exact, whoever runs their tasks. */
#include "handling.h"

/* As many may be pending as it says, whoever adds them, and whatever happened
 * to others. */
static void a_capacity_is_exact_on_workers_lanes(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_lane *lane = lane_of(scheduler, "name", TS_LINEAR, 0, 3);
    int round, ran = 0;
    for (round = 0; round < 100; round++) {
        plug first = { 0, 0 };
        ts_task_id ids[3], id, last;
        int at;
        id = by_handle(lane, run_plug, &first);
        await(&first.started, 1);
        for (at = 0; at < 3; at++)
            ids[at] = at == 1 ? by_handle(lane, run_count, &ran) : add(scheduler, "name", run_count, &ran, NULL);
        GIVES(TS_ERROR_QUEUE_FULL, ts_lane_add_task(lane, false, run_count, &ran, NULL, &last));
        GIVES(TS_ERROR_QUEUE_FULL, ts_add_task(scheduler, false, "name", run_count, &ran, NULL, &last));
        /* A cancel makes room for exactly one. */
        MUST(ts_force_stop(scheduler, ids[round % 3]));
        ids[round % 3] = by_handle(lane, run_count, &ran);
        GIVES(TS_ERROR_QUEUE_FULL, ts_lane_add_task(lane, false, run_count, &ran, NULL, &last));
        if (round % 4 == 1) {
            size_t cancelled;
            MUST(ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "name", &cancelled));
            CHECK(cancelled == 3);
            for (at = 0; at < 3; at++)
                ids[at] = by_handle(lane, run_count, &ran);
            GIVES(TS_ERROR_QUEUE_FULL, ts_lane_add_task(lane, false, run_count, &ran, NULL, &last));
        }
        pull(&first);
        CHECK(ended(scheduler, id) == TS_COMPLETED);
        for (at = 0; at < 3; at++)
            ended(scheduler, ids[at]);
    }
    CHECK(counted(&ran) == 300);
    ts_lane_free(lane);
    ts_scheduler_free(scheduler);
}

/* Of one that a pump or the host runs, too. */
static void a_capacity_is_exact_on_lanes_of_others(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_pump *pump = NULL;
    int which;
    MUST(ts_pump_new(scheduler, NULL, &pump));
    for (which = 0; which < 2; which++) {
        ts_lane *lane;
        ts_task_id ids[4];
        int at, ran = 0, accepted = 0;
        MUST(open_as(scheduler, which ? TS_PUMP : TS_CLAIMS, which ? pump : NULL, 0, 2, &lane));
        /* Nothing was started: all of them are pending. */
        for (at = 0; at < 4; at++) {
            ts_error error = ts_lane_add_task(lane, false, run_count, &ran, NULL, &ids[at]);
            CHECK(error == TS_OK || error == TS_ERROR_QUEUE_FULL);
            accepted += error == TS_OK;
        }
        CHECK(accepted == 2);
        CHECK(how_many(scheduler, TS_PENDING) == 2);
        if (which) {
            MUST(ts_pump_run(pump, 0, 0, NULL));
        } else {
            ts_claim one = take_one(scheduler);
            while (one.token != NULL)
                one = finish_for_next(scheduler, &one);
        }
        ts_lane_free(lane);
    }
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

static void a_capacity_is_exact_on_claims_lanes(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_lane *lane;
    ts_task_options options = claim_options("name", NULL, NULL, 0);
    ts_claim out[2], one;
    ts_task_id ids[3], id;
    int round, at;
    MUST(open_as(scheduler, TS_CLAIMS, NULL, 2, 3, &lane));
    for (round = 0; round < 50; round++) {
        for (at = 0; at < 2; at++)
            out[at] = start_one(scheduler, "name", NULL, NULL, 0);
        for (at = 0; at < 3; at++)
            ids[at] = queue_up(scheduler, "name", NULL, NULL, 0);
        GIVES(TS_ERROR_QUEUE_FULL, ts_claim_submit(scheduler, &options, &one, &id));
        GIVES(TS_ERROR_QUEUE_FULL, ts_lane_add_task(lane, false, run_nothing, NULL, NULL, &id));
        MUST(ts_force_stop(scheduler, ids[round % 3]));
        ids[round % 3] = queue_up(scheduler, "name", NULL, NULL, 0);
        GIVES(TS_ERROR_QUEUE_FULL, ts_claim_submit(scheduler, &options, &one, &id));
        one = take_one(scheduler);
        finish(scheduler, &one);
        GIVES(TS_ERROR_QUEUE_FULL, ts_claim_submit(scheduler, &options, &one, &id));
        out[0] = finish_for_next(scheduler, &out[0]);
        id = queue_up(scheduler, "name", NULL, NULL, 0);
        GIVES(TS_ERROR_QUEUE_FULL, ts_claim_submit(scheduler, &options, &one, &id));
        for (at = 0; at < 2; at++)
            while (out[at].token != NULL)
                out[at] = finish_for_next(scheduler, &out[at]);
    }
    ts_lane_free(lane);
    ts_scheduler_free(scheduler);
}

static void width_and_capacity_hold_on_async_lanes(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1\nmaximum_queue_async: 0");
    ts_lane *lane = lane_of(scheduler, "name", TS_ASYNC, 2, 3);
    ts_task_id ids[5], id;
    int round, at, begun = 0;
    for (round = 0; round < 50; round++) {
        begun = 0;
        for (at = 0; at < 2; at++)
            MUST(at ? ts_lane_add_async_task(lane, false, poll_for_ever, &begun, NULL, &ids[at])
                    : ts_add_async_task(scheduler, false, "name", poll_for_ever, &begun, NULL, &ids[at]));
        await(&begun, 2);
        for (at = 2; at < 5; at++)
            MUST(ts_lane_add_async_task(lane, false, poll_for_ever, &begun, NULL, &ids[at]));
        GIVES(TS_ERROR_QUEUE_FULL, ts_lane_add_async_task(lane, false, poll_for_ever, NULL, NULL, &id));
        GIVES(TS_ERROR_QUEUE_FULL, ts_add_async_task(scheduler, false, "name", poll_for_ever, NULL, NULL, &id));
        MUST(ts_force_stop(scheduler, ids[3]));
        MUST(ts_lane_add_async_task(lane, false, poll_for_ever, &begun, NULL, &ids[3]));
        GIVES(TS_ERROR_QUEUE_FULL, ts_lane_add_async_task(lane, false, poll_for_ever, NULL, NULL, &id));
        CHECK(counted(&begun) == 2);
        for (at = 0; at < 5; at++)
            ts_force_stop(scheduler, ids[at]);
        for (at = 0; at < 5; at++)
            CHECK(ended(scheduler, ids[at]) == TS_CANCELLED);
    }
    ts_lane_free(lane);
    /* The scheduler's own limits hold again. */
    begun = 0;
    for (at = 0; at < 3; at++)
        MUST(ts_add_async_task(scheduler, false, "name", poll_for_ever, &begun, NULL, &ids[at]));
    await(&begun, 1);
    CHECK(state_of(scheduler, ids[1]) == TS_PENDING);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    ts_lane *lane;
    ts_task_id id;
    int begun, done, ran;
} patient;

static void *add_when_there_is_room(void *argument)
{
    patient *its = argument;
    ts_task_options options = options_of(NULL, run_count, &its->ran, NULL, TS_WAIT_FOR_ROOM);
    if (its->lane != NULL)
        options.lane = its->lane;
    else
        options.name = "name";
    options.wait_seconds = TS_FOREVER;
    count(&its->begun);
    GIVES(TS_OK, ts_submit(its->scheduler, &options, &its->id));
    count(&its->done);
    return NULL;
}

/* A start, a cancel, a cancel by name, or the end of the limit itself. */
static void room_in_a_lane_is_heard_of(void)
{
    int how, with_limit;
    for (with_limit = 0; with_limit < 2; with_limit++)
        for (how = 0; how < 4; how++) {
            patient its;
            plug first = { 0, 0 };
            ts_task_id behind;
            ts_lane *lane;
            pthread_t waiter;
            int ran = 0;
            memset(&its, 0, sizeof its);
            its.scheduler = scheduler_with(with_limit ? "" : "maximum_queue_line: 0");
            lane = lane_of(its.scheduler, "name", TS_LINEAR, 0, 1);
            its.lane = how == 3 ? NULL : lane;
            by_handle(lane, run_plug, &first);
            await(&first.started, 1);
            behind = by_handle(lane, run_count, &ran);
            waiter = thread(add_when_there_is_room, &its);
            await(&its.begun, 1);
            /* Time to fall asleep; it passes too if that takes longer. */
            ts_interruptible_sleep(NULL, 0.05);
            CHECK(counted(&its.done) == 0);
            switch (how) {
            case 0:
                pull(&first);
                break;
            case 1:
                MUST(ts_force_stop(its.scheduler, behind));
                break;
            case 2:
                MUST(ts_cancel_all_queued_tasks_by_name(its.scheduler, TS_LINEAR, "name", NULL));
                break;
            default:
                ts_lane_free(lane);
                lane = NULL;
            }
            await(&its.done, 1);
            pthread_join(waiter, NULL);
            if (how != 0)
                pull(&first);
            await(&its.ran, 1);
            ts_lane_free(lane);
            ts_scheduler_free(its.scheduler);
        }
}

static const check_test tests[] = {
    TEST(a_capacity_is_exact_on_workers_lanes),
    TEST(a_capacity_is_exact_on_lanes_of_others),
    TEST(a_capacity_is_exact_on_claims_lanes),
    TEST(width_and_capacity_hold_on_async_lanes),
    TEST(room_in_a_lane_is_heard_of),
};

CHECK_ALL(tests)
