/* Who waits where claims are: shutdowns, waits for tasks, and adds that wait for room. */
#include "hosting.h"

static void *shut_down(void *argument)
{
    affair *its = argument;
    GIVES(TS_OK, ts_shutdown(its->scheduler, its->force));
    count(&its->done);
    return NULL;
}

/* Plain and forced; taking goes on until the last claim is finished. */
static void a_shutdown_waits_for_claims_and_they_are_taken_meanwhile(void)
{
    affair its;
    int drops = 0, force;
    memset(&its, 0, sizeof its);
    for (force = 0; force < 2; force++) {
        ts_claim one, stopped[4];
        ts_task_id ids[3];
        pthread_t other;
        size_t got, taken = 0, at;
        its.scheduler = scheduler_with("line_task_max: 1");
        its.done = 0;
        its.force = force;
        one = start_one(its.scheduler, "name", &drops, drop_count, 0);
        ids[0] = queue_up(its.scheduler, "name", &drops, drop_count, 0);
        ids[1] = queue_up(its.scheduler, "another", &drops, drop_count, 0);
        ids[2] = queue_up(its.scheduler, NULL, &drops, drop_count, 0);
        other = thread(shut_down, &its);
        while (taken < 3) {
            MUST(ts_claims_take(its.scheduler, stopped, 4, TS_FOREVER, &got));
            for (at = 0; at < got; at++) {
                GIVES(TS_STOPPED, ts_claim_start(its.scheduler, &stopped[at]));
                finish(its.scheduler, &stopped[at]);
            }
            taken += got;
        }
        CHECK(taken == 3 && counted(&its.done) == 0);
        take_none(its.scheduler);
        for (at = 0; at < 3; at++)
            CHECK(state_of(its.scheduler, ids[at]) == TS_CANCELLED);
        if (force)
            GIVES(TS_STOPPED, ts_interruptible_sleep(one.token, 1e6));
        else
            CHECK(!ts_should_stop(one.token));
        CHECK(state_of(its.scheduler, one.id) == TS_RUNNING);
        CHECK(finish_for_next(its.scheduler, &one).token == NULL);
        pthread_join(other, NULL);
        CHECK(state_of(its.scheduler, one.id) == (force ? TS_CANCELLED : TS_COMPLETED));
        CHECK(counted(&drops) == 4 * (force + 1));
        /* And on it goes. */
        one = start_one(its.scheduler, "name", &drops, NULL, 0);
        queue_up(its.scheduler, "name", &drops, NULL, 0);
        one = finish_for_next(its.scheduler, &one);
        CHECK(one.token != NULL);
        finish(its.scheduler, &one);
        ts_scheduler_free(its.scheduler);
    }
}

static void *take_over(void *argument)
{
    affair *its = argument;
    GIVES(TS_OK, ts_claim_start(its->scheduler, &its->claim));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(its->scheduler, true));
    /* Nothing is freed. */
    ts_scheduler_free(its->scheduler);
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(its->scheduler, its->claim.id, 1, NULL));
    count(&its->step);
    await(&its->done, 1);
    finish(its->scheduler, &its->claim);
    return NULL;
}

static void who_holds_a_claim_cannot_shut_down(void)
{
    affair its;
    pthread_t other;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    its.claim = start_one(its.scheduler, "name", NULL, NULL, 0);
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(its.scheduler, false));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(its.scheduler, true));
    ts_scheduler_free(its.scheduler);
    CHECK(state_of(its.scheduler, its.claim.id) == TS_RUNNING);
    CHECK(!ts_should_stop(its.claim.token));
    other = thread(take_over, &its);
    await(&its.step, 1);
    /* It is the other's now, so this one may wait. */
    GIVES(TS_ERROR_TIMED_OUT, ts_wait(its.scheduler, its.claim.id, 0.001, NULL));
    count(&its.done);
    GIVES(TS_OK, ts_shutdown(its.scheduler, false));
    pthread_join(other, NULL);
    CHECK(state_of(its.scheduler, its.claim.id) == TS_COMPLETED);
    ts_scheduler_free(its.scheduler);
}

/* One that is only to be finished is held too. */
static void who_holds_a_stopped_one_cannot_shut_down(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = claim_options("name", NULL, NULL, 0);
    ts_claim stopped;
    ts_task_id id;
    MUST(ts_submit(scheduler, &options, &id));
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    stopped = take_one(scheduler);
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(scheduler, true));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(scheduler, id, TS_FOREVER, NULL));
    finish(scheduler, &stopped);
    ts_scheduler_free(scheduler);
}

/* Freeing ends those that were not taken, on this thread. */
static void a_free_ends_what_was_not_taken(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = claim_options("name", NULL, drop_count, 0);
    ts_task_id id;
    int drops = 0, at;
    options.user_data = &drops;
    for (at = 0; at < 10; at++) {
        options.name = at % 2 ? "name" : NULL;
        MUST(ts_submit(scheduler, &options, &id));
        if (at % 3 == 0)
            GIVES(TS_OK, ts_force_stop(scheduler, id));
    }
    ts_scheduler_free(scheduler);
    CHECK(counted(&drops) == 10);
}

static void a_wait_for_what_one_holds_up_is_refused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_lane *lane = NULL;
    ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), two;
    ts_task_id behind = queue_up(scheduler, "name", NULL, NULL, 0);
    ts_task_id elsewhere = add(scheduler, NULL, run_nothing, NULL, NULL);
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(scheduler, one.id, TS_FOREVER, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(scheduler, behind, TS_FOREVER, NULL));
    GIVES(TS_ERROR_NOT_FINISHED, ts_wait(scheduler, behind, 0, NULL));
    CHECK(ended(scheduler, elsewhere) == TS_COMPLETED);
    two = finish_for_next(scheduler, &one);
    CHECK(ended(scheduler, one.id) == TS_COMPLETED);
    finish(scheduler, &two);
    /* A wide lane is held up by all of its claims only. */
    wanted.name = "wide";
    wanted.runner = TS_CLAIMS;
    wanted.width = 2;
    MUST(ts_lane_new(scheduler, &wanted, &lane));
    one = start_one(scheduler, "wide", NULL, NULL, 0);
    two = start_one(scheduler, "wide", NULL, NULL, 0);
    behind = queue_up(scheduler, "wide", NULL, NULL, 0);
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(scheduler, behind, TS_FOREVER, NULL));
    finish(scheduler, &one);
    GIVES(TS_ERROR_TIMED_OUT, ts_wait(scheduler, behind, 0.001, NULL));
    finish(scheduler, &two);
    one = take_one(scheduler);
    finish(scheduler, &one);
    ts_lane_free(lane);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    ts_task_options options;
    ts_claim claim;
    ts_task_id id;
    int begun, done;
} patient;

static void *add_when_there_is_room(void *argument)
{
    patient *its = argument;
    its->options.flags |= TS_WAIT_FOR_ROOM;
    its->options.wait_seconds = TS_FOREVER;
    count(&its->begun);
    GIVES(TS_OK, ts_claim_submit(its->scheduler, &its->options, &its->claim, &its->id));
    count(&its->done);
    return NULL;
}

/* With no other limit than the lane's, too. */
static void room_in_a_lane_of_claims_is_heard_of(void)
{
    static const char *const configs[2] = { "maximum_queue_line: 0", "maximum_queue_line: 1000" };
    int which, how;
    for (which = 0; which < 2; which++)
        for (how = 0; how < 3; how++) {
            patient its;
            ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
            ts_lane *lane = NULL;
            ts_claim one, two;
            ts_task_id id;
            pthread_t other;
            memset(&its, 0, sizeof its);
            its.scheduler = scheduler_with(configs[which]);
            wanted.name = "narrow";
            wanted.runner = TS_CLAIMS;
            wanted.capacity = 1;
            MUST(ts_lane_new(its.scheduler, &wanted, &lane));
            its.options = claim_options("narrow", NULL, NULL, 0);
            one = start_one(its.scheduler, "narrow", NULL, NULL, 0);
            id = queue_up(its.scheduler, "narrow", NULL, NULL, 0);
            GIVES(TS_ERROR_QUEUE_FULL, ts_claim_submit(its.scheduler, &its.options, &two, &its.id));
            other = thread(add_when_there_is_room, &its);
            await(&its.begun, 1);
            /* Time to fall asleep; it passes too if that takes longer. */
            ts_interruptible_sleep(NULL, 0.05);
            CHECK(counted(&its.done) == 0);
            if (how == 0) {
                two = finish_for_next(its.scheduler, &one);
            } else if (how == 1) {
                finish(its.scheduler, &one);
                two = take_one(its.scheduler);
            } else {
                GIVES(TS_OK, ts_force_stop(its.scheduler, id));
                two = take_one(its.scheduler);
                finish(its.scheduler, &two);
                two = one;
            }
            await(&its.done, 1);
            pthread_join(other, NULL);
            CHECK(its.claim.token == NULL);
            one = finish_for_next(its.scheduler, &two);
            CHECK(same(one.id, its.id));
            finish(its.scheduler, &one);
            ts_lane_free(lane);
            ts_scheduler_free(its.scheduler);
        }
}

static void *take_when_there_is_one(void *argument)
{
    patient *its = argument;
    size_t got;
    GIVES(TS_OK, ts_claims_take(its->scheduler, &its->claim, 1, TS_FOREVER, &got));
    count(&its->done);
    return NULL;
}

/* Who waits for room does not keep the only place from what fills the queue. */
static void who_waits_for_room_is_not_in_the_way(void)
{
    patient adder, taker;
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 1\nline_task_max: 1");
    ts_task_options options = claim_options("name", NULL, NULL, 0);
    pthread_t adding, taking;
    ts_claim last;
    ts_task_id id;
    memset(&adder, 0, sizeof adder);
    memset(&taker, 0, sizeof taker);
    adder.scheduler = taker.scheduler = scheduler;
    adder.options = options;
    MUST(ts_submit(scheduler, &options, &id));
    adding = thread(add_when_there_is_room, &adder);
    await(&adder.begun, 1);
    /* Time to fall asleep; it passes too if that takes longer. */
    ts_interruptible_sleep(NULL, 0.05);
    taking = thread(take_when_there_is_one, &taker);
    await(&taker.done, 1);
    await(&adder.done, 1);
    pthread_join(taking, NULL);
    pthread_join(adding, NULL);
    CHECK(same(taker.claim.id, id) && adder.claim.token == NULL);
    last = finish_for_next(scheduler, &taker.claim);
    CHECK(same(last.id, adder.id));
    finish(scheduler, &last);
    ts_scheduler_free(scheduler);
}

static void who_holds_a_claim_may_not_wait_for_room(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 1");
    ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), two;
    ts_task_options options = claim_options("name", NULL, NULL, TS_WAIT_FOR_ROOM);
    ts_task_id id;
    options.wait_seconds = TS_FOREVER;
    MUST(ts_claim_submit(scheduler, &options, &two, &id));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_claim_submit(scheduler, &options, &two, &id));
    finish(scheduler, &one);
    one = take_one(scheduler);
    finish(scheduler, &one);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(a_shutdown_waits_for_claims_and_they_are_taken_meanwhile),
    TEST(who_holds_a_claim_cannot_shut_down),
    TEST(who_holds_a_stopped_one_cannot_shut_down),
    TEST(a_free_ends_what_was_not_taken),
    TEST(a_wait_for_what_one_holds_up_is_refused),
    TEST(who_holds_a_claim_may_not_wait_for_room),
    TEST(room_in_a_lane_of_claims_is_heard_of),
    TEST(who_waits_for_room_is_not_in_the_way),
};

CHECK_ALL(tests)
