/* Claims and stops, shutdowns, waits, and what is full. */
#include "hosting.h"

#include <sched.h>

/* Ways in which a pending task is cancelled. */
enum { BY_STOP, BY_NAME, BY_BAN, WAYS };

static void cancel(ts_scheduler *scheduler, int way, ts_task_id id)
{
    size_t cancelled = 77;
    switch (way) {
    case BY_STOP:
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        break;
    case BY_NAME:
        GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "name", &cancelled));
        CHECK(cancelled == 1);
        break;
    default:
        GIVES(TS_OK, ts_ban_task_name(scheduler, TS_LINEAR, "name"));
    }
}

static void a_cancelled_one_comes_out_once_to_be_finished(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int way, with_drop, drops = 0, data;
    for (way = 0; way < WAYS; way++)
        for (with_drop = 0; with_drop < 2; with_drop++) {
            ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), stopped;
            ts_task_id id = queue_up(scheduler, "name", with_drop ? &drops : &data,
                                     with_drop ? drop_count : NULL, 0);
            int before = counted(&drops);
            cancel(scheduler, way, id);
            CHECK(status_of(scheduler, id).stopping == TS_CANCELLED);
            GIVES(TS_ERROR_NOT_FINISHED, ts_wait(scheduler, id, 0, NULL));
            stopped = take_one(scheduler);
            CHECK(same(stopped.id, id));
            CHECK(stopped.user_data == (with_drop ? &drops : &data));
            take_none(scheduler);
            GIVES(TS_STOPPED, ts_claim_start(scheduler, &stopped));
            GIVES(TS_STOPPED, ts_claim_start(scheduler, &stopped));
            CHECK(ts_should_stop(stopped.token));
            GIVES(TS_STOPPED, ts_interruptible_sleep(stopped.token, 30));
            CHECK(counted(&drops) == before);
            finish(scheduler, &stopped);
            CHECK(counted(&drops) == before + with_drop);
            CHECK(state_of(scheduler, id) == TS_CANCELLED);
            CHECK(status_of(scheduler, id).started_at == 0);
            GIVES(TS_ERROR_ALREADY_FINISHED, ts_claim_finish(scheduler, &stopped, 0, NULL, NULL, NULL));
            take_none(scheduler);
            /* The one that is out goes on. */
            GIVES(TS_OK, ts_claim_start(scheduler, &one));
            CHECK(finish_for_next(scheduler, &one).token == NULL);
            CHECK(state_of(scheduler, one.id) == TS_COMPLETED);
            if (way == BY_BAN)
                GIVES(TS_OK, ts_allow_task_name(scheduler, TS_LINEAR, "name"));
        }
    ts_scheduler_free(scheduler);
    CHECK(counted(&drops) == WAYS);
}

/* What it was given does not count, and is dropped before user_data. */
static void a_result_of_a_stopped_one_is_dropped(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int results = 0, with_finish;
    for (with_finish = 0; with_finish < 2; with_finish++) {
        ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), stopped;
        ts_task_id id = queue_up(scheduler, "name", NULL, NULL, 0);
        ts_value value = { NULL, 1, drop_count }, got;
        ts_error error;
        value.data = &results;
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        stopped = take_one(scheduler);
        if (!with_finish)
            GIVES(TS_OK, ts_set_result(stopped.token, &results, 1, drop_count));
        GIVES(TS_OK, ts_claim_finish(scheduler, &stopped, 0, with_finish ? &value : NULL, "words", NULL));
        CHECK(state_of(scheduler, id) == TS_CANCELLED);
        CHECK(strcmp(status_of(scheduler, id).error, "") == 0);
        CHECK(counted(&results) == with_finish + 1);
        error = ts_get_task_result(scheduler, id, &got);
        GIVES(TS_ERROR_NO_RESULT, error);
        CHECK(finish_for_next(scheduler, &one).token == NULL);
    }
    ts_scheduler_free(scheduler);
}

/* A finish gives what is to be run, past those that are not. */
static void cancelled_ones_are_only_taken_in_the_order_of_their_stops(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0");
    ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), next, claims[2];
    ts_task_id ids[5];
    size_t got = 0;
    int at;
    for (at = 0; at < 5; at++)
        ids[at] = queue_up(scheduler, at % 2 ? NULL : "name", NULL, NULL, 0);
    GIVES(TS_OK, ts_force_stop(scheduler, ids[0]));
    GIVES(TS_OK, ts_force_stop(scheduler, ids[1]));
    GIVES(TS_OK, ts_force_stop(scheduler, ids[4]));
    next = finish_for_next(scheduler, &one);
    CHECK(next.token != NULL && same(next.id, ids[2]));
    GIVES(TS_OK, ts_claim_start(scheduler, &next));
    MUST(ts_claims_finish(scheduler, &next, NULL, 1, claims, &got));
    CHECK(got == 1 && same(claims[0].id, ids[3]));
    next = finish_for_next(scheduler, &claims[0]);
    CHECK(next.token == NULL);
    for (at = 0; at < 3; at++) {
        ts_claim stopped = take_one(scheduler);
        CHECK(same(stopped.id, ids[at == 2 ? 4 : at]));
        GIVES(TS_STOPPED, ts_claim_start(scheduler, &stopped));
        CHECK(finish_for_next(scheduler, &stopped).token == NULL);
    }
    take_none(scheduler);
    ts_scheduler_free(scheduler);
}

static void a_stop_that_comes_first_decides(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim one;
    ts_value got, value = { NULL, 1, drop_count };
    int drops = 0, code, results = 0;
    value.data = &results;
    for (code = 0; code < 2; code++) {
        one = start_one(scheduler, "name", &drops, drop_count, 0);
        if (code)
            GIVES(TS_OK, ts_claim_start(scheduler, &one));
        GIVES(TS_OK, ts_force_stop(scheduler, one.id));
        GIVES(TS_OK, ts_force_stop(scheduler, one.id));
        GIVES(TS_STOPPED, ts_claim_start(scheduler, &one));
        CHECK(state_of(scheduler, one.id) == TS_RUNNING);
        CHECK(status_of(scheduler, one.id).stopping == TS_CANCELLED);
        take_none(scheduler);
        GIVES(TS_OK, ts_claim_finish(scheduler, &one, code, &value, NULL, NULL));
        CHECK(state_of(scheduler, one.id) == TS_CANCELLED);
        CHECK(counted(&drops) == code + 1 && counted(&results) == code + 1);
        GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, one.id, &got));
        GIVES(TS_ERROR_ALREADY_FINISHED, ts_force_stop(scheduler, one.id));
    }
    ts_scheduler_free(scheduler);
}

/* A claim and who has to do with it. */
typedef struct {
    ts_scheduler *scheduler;
    ts_claim claim;
    ts_task_id id;
    int step, done, force;
    ts_error error;
} affair;

static void *sleep_on_it(void *argument)
{
    affair *its = argument;
    count(&its->step);
    its->error = ts_interruptible_sleep(its->claim.token, 1e6);
    return NULL;
}

static void a_stop_wakes_all_who_sleep_on_the_token(void)
{
    affair its[3];
    pthread_t sleepers[3];
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim one = start_one(scheduler, NULL, NULL, NULL, 0);
    int at;
    memset(its, 0, sizeof its);
    for (at = 0; at < 3; at++) {
        its[at].claim = one;
        sleepers[at] = thread(sleep_on_it, &its[at]);
        await(&its[at].step, 1);
    }
    GIVES(TS_OK, ts_force_stop(scheduler, one.id));
    for (at = 0; at < 3; at++) {
        pthread_join(sleepers[at], NULL);
        CHECK(its[at].error == TS_STOPPED);
    }
    finish(scheduler, &one);
    ts_scheduler_free(scheduler);
}

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

static void a_failure_bans_before_the_next_can_start(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim one = start_one(scheduler, "name", NULL, NULL, TS_BAN_ON_FAILURE | TS_KEEP), next, stopped;
    ts_task_options options = claim_options("name", NULL, NULL, 0);
    ts_task_id behind = queue_up(scheduler, "name", NULL, NULL, 0), id = dirty_id();
    GIVES(TS_OK, ts_claim_finish(scheduler, &one, 1, NULL, NULL, &next));
    CHECK(status_of(scheduler, behind).stopping == TS_CANCELLED);
    GIVES(TS_ERROR_BANNED, ts_claim_submit(scheduler, &options, &stopped, &id));
    CHECK(is_zero(id) && stopped.token == NULL);
    CHECK(next.token == NULL);
    stopped = take_one(scheduler);
    CHECK(same(stopped.id, behind));
    GIVES(TS_STOPPED, ts_claim_start(scheduler, &stopped));
    finish(scheduler, &stopped);
    CHECK(state_of(scheduler, behind) == TS_CANCELLED);
    /* It was to be kept. */
    MUST(ts_update_config(scheduler, "maximum_task_info_storage", "0"));
    CHECK(state_of(scheduler, behind) == 0 && state_of(scheduler, one.id) == TS_FAILED);
    GIVES(TS_OK, ts_task_forget(scheduler, one.id));
    CHECK(state_of(scheduler, one.id) == 0);
    ts_scheduler_free(scheduler);
}

static void a_refused_one_leaves_no_trace(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 1\nline_task_max: 1");
    ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), dirty;
    ts_task_options options;
    ts_task_id id;
    int drops = 0, at;
    queue_up(scheduler, "name", NULL, NULL, 0);
    for (at = 0; at < 3; at++) {
        memset(&dirty, 0x5a, sizeof dirty);
        id = dirty_id();
        options = claim_options(at ? "name" : NULL, &drops, drop_count, 0);
        if (at == 2)
            options.flags = TS_INTERRUPT_BLOCKING;
        GIVES(at == 2 ? TS_ERROR_INVALID_ARGUMENT : TS_ERROR_QUEUE_FULL,
              ts_claim_submit(scheduler, &options, &dirty, &id));
        CHECK(is_zero(id) && dirty.token == NULL && is_zero(dirty.id));
        GIVES(at == 2 ? TS_ERROR_INVALID_ARGUMENT : TS_ERROR_QUEUE_FULL,
              ts_submit(scheduler, &options, &id));
    }
    take_none(scheduler);
    CHECK(counted(&drops) == 0);
    one = finish_for_next(scheduler, &one);
    /* No place is left taken by what was refused. */
    finish(scheduler, &one);
    one = start_one(scheduler, NULL, NULL, NULL, 0);
    finish(scheduler, &one);
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

/* While no more may be out, tasks come and are cancelled; nothing is left of them. */
static void cancelled_ones_leave_no_memory_behind(void)
{
    enum { ROUNDS = 200000 };
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    static const char *const names[2] = { NULL, "name" };
    int which, at;
    for (which = 0; which < 2; which++) {
        ts_claim one = start_one(scheduler, names[which], NULL, NULL, 0), stopped;
        long before = 0;
        for (at = 0; at < ROUNDS; at++) {
            ts_task_id id = queue_up(scheduler, names[which], NULL, NULL, 0);
            GIVES(TS_OK, ts_force_stop(scheduler, id));
            stopped = take_one(scheduler);
            finish(scheduler, &stopped);
            if (at == ROUNDS / 10)
                before = pages();
        }
        /* A record alone is 64 bytes, so all of them would be 2800 pages. */
        CHECK(pages() - before < 700);
        finish(scheduler, &one);
    }
    ts_scheduler_free(scheduler);
}

enum { MEETINGS = 20000 };

/* Spins, since they are to meet, but not for long: there may be one processor. */
static void await_round(int *at, int round)
{
    int spins = 0;
    while (counted(at) < round)
        if (++spins % 2000 == 0)
            sched_yield();
}

typedef struct {
    ts_scheduler *scheduler;
    ts_task_id pending;
    int go, gone; /* the round that may begin, and the last one that is over */
} stopper;

static void *stop_each(void *argument)
{
    stopper *its = argument;
    int round;
    for (round = 1; round <= MEETINGS; round++) {
        await_round(&its->go, round);
        ts_force_stop(its->scheduler, its->pending);
        count(&its->gone);
    }
    return NULL;
}

/* A stop takes away the place that was on its way to the stopped one; a task that comes just then found
 * none free, and that one is still for it. */
static void an_add_that_meets_a_stop_is_handed_out(void)
{
    stopper its;
    pthread_t other;
    int round, delay;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    other = thread(stop_each, &its);
    for (round = 1; round <= MEETINGS; round++) {
        ts_claim one = start_one(its.scheduler, "name", NULL, NULL, 0), next;
        int left = 2;
        its.pending = queue_up(its.scheduler, "name", NULL, NULL, 0);
        finish(its.scheduler, &one);
        count(&its.go);
        for (delay = round % 500 * 8; delay > 0; delay--)
            counted(&its.gone);
        next = claim(its.scheduler, "name", NULL, NULL, 0, NULL);
        await_round(&its.gone, round);
        if (next.token != NULL) {
            finish(its.scheduler, &next);
            left--;
        }
        /* Whichever is left comes. */
        for (; left > 0; left--) {
            size_t got = 0;
            GIVES(TS_OK, ts_claims_take(its.scheduler, &next, 1, TS_FOREVER, &got));
            finish(its.scheduler, &next);
        }
        if (check_failures != 0)
            break;
    }
    pthread_join(other, NULL);
    take_none(its.scheduler);
    ts_scheduler_free(its.scheduler);
}

static const check_test tests[] = {
    TEST(a_cancelled_one_comes_out_once_to_be_finished),
    TEST(a_result_of_a_stopped_one_is_dropped),
    TEST(cancelled_ones_are_only_taken_in_the_order_of_their_stops),
    TEST(a_stop_that_comes_first_decides),
    TEST(a_stop_wakes_all_who_sleep_on_the_token),
    TEST(a_shutdown_waits_for_claims_and_they_are_taken_meanwhile),
    TEST(who_holds_a_claim_cannot_shut_down),
    TEST(who_holds_a_stopped_one_cannot_shut_down),
    TEST(a_free_ends_what_was_not_taken),
    TEST(a_wait_for_what_one_holds_up_is_refused),
    TEST(a_failure_bans_before_the_next_can_start),
    TEST(a_refused_one_leaves_no_trace),
    TEST(who_holds_a_claim_may_not_wait_for_room),
    TEST(cancelled_ones_leave_no_memory_behind),
    TEST(an_add_that_meets_a_stop_is_handed_out),
    TEST(room_in_a_lane_of_claims_is_heard_of),
    TEST(who_waits_for_room_is_not_in_the_way),
};

CHECK_ALL(tests)
