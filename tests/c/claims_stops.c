/* Claims and stops: what is cancelled comes out once, in its order, and leaves nothing
 * behind. Who waits where claims are is in claims_waits.c. */
#include "hosting.h"

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

/* Ends a claim; the final state that it tells. */
static ts_state end_told(ts_scheduler *scheduler, const ts_claim *claimed, int32_t code)
{
    ts_state state = TS_PENDING;
    GIVES(TS_OK, ts_claim_end(scheduler, claimed, code, NULL, NULL, &state, NULL));
    return state;
}

static void an_end_tells_the_final_state(void)
{
    /* No record is left to be asked. */
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 0");
    ts_task_options options = claim_options("name", NULL, NULL, TS_TIMEOUT_PROCESSING);
    ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), two;
    ts_state state = TS_RUNNING;
    ts_task_id id;
    CHECK(end_told(scheduler, &one, 0) == TS_COMPLETED);
    one = start_one(scheduler, "name", NULL, NULL, 0);
    CHECK(end_told(scheduler, &one, 7) == TS_FAILED);
    one = start_one(scheduler, "name", NULL, NULL, TS_KEEP | TS_BAN_ON_FAILURE);
    GIVES(TS_OK, ts_force_stop(scheduler, one.id));
    CHECK(end_told(scheduler, &one, 7) == TS_CANCELLED);
    CHECK(state_of(scheduler, one.id) == TS_CANCELLED);
    /* Once; then nothing is said. */
    GIVES(TS_ERROR_ALREADY_FINISHED, ts_claim_end(scheduler, &one, 0, NULL, NULL, &state, NULL));
    CHECK(state == TS_RUNNING);
    options.timeout_seconds = 0.001;
    MUST(ts_claim_submit(scheduler, &options, &one, &id));
    GIVES(TS_STOPPED, ts_interruptible_sleep(one.token, 1e9));
    queue_up(scheduler, "name", NULL, NULL, 0);
    GIVES(TS_OK, ts_claim_end(scheduler, &one, 0, NULL, NULL, &state, &two));
    CHECK(state == TS_TIMEOUT);
    /* The next, in the place of the one before; and who does not ask. */
    id = queue_up(scheduler, "name", NULL, NULL, 0);
    GIVES(TS_OK, ts_claim_end(scheduler, &two, 0, NULL, NULL, NULL, &two));
    CHECK(same(two.id, id));
    id = queue_up(scheduler, "name", NULL, NULL, 0);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    one = take_one(scheduler);
    CHECK(end_told(scheduler, &one, 0) == TS_CANCELLED);
    CHECK(end_told(scheduler, &two, 0) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

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

static const check_test tests[] = {
    TEST(a_cancelled_one_comes_out_once_to_be_finished),
    TEST(a_result_of_a_stopped_one_is_dropped),
    TEST(cancelled_ones_are_only_taken_in_the_order_of_their_stops),
    TEST(a_stop_that_comes_first_decides),
    TEST(an_end_tells_the_final_state),
    TEST(a_stop_wakes_all_who_sleep_on_the_token),
    TEST(a_failure_bans_before_the_next_can_start),
    TEST(a_refused_one_leaves_no_trace),
    TEST(cancelled_ones_leave_no_memory_behind),
};

CHECK_ALL(tests)
