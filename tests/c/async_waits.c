/* An async task that waits for the end of another task, of either kind. */
#include "async.h"

/* Other tasks --------------------------------------------------------------- */

typedef struct {
    ts_task_id target;
    int polls;
    ts_error error;
} follower;

static ts_poll poll_follower(ts_token *token, void *user_data)
{
    follower *its = (follower *)user_data;
    its->error = ts_async_wait_task(token, its->target);
    count(&its->polls);
    if (its->error == TS_NOT_YET)
        return TS_POLL_PENDING;
    return its->error == TS_OK ? TS_POLL_READY : TS_POLL_FAILED;
}

static void an_async_task_waits_for_one_of_either_kind(void)
{
    int round;
    for (round = 0; round < 200; round++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        plug linear = { 0, 0 };
        held async;
        follower its[6];
        ts_task_id ids[6], first = add(scheduler, "a", run_plug, &linear, NULL);
        ts_task_id second = hold(scheduler, "a", &async);
        int at;
        memset(its, 0, sizeof its);
        for (at = 0; at < 6; at++) {
            its[at].target = at % 2 ? first : second;
            ids[at] = add_async(scheduler, NULL, poll_follower, &its[at], NULL);
        }
        for (at = 0; at < 6; at++)
            await(&its[at].polls, 1);
        await(&async.polls, 1);
        /* One of them is stopped meanwhile. */
        GIVES(TS_OK, ts_force_stop(scheduler, ids[0]));
        if (round % 2) {
            pull(&linear);
            let_go(&async);
        } else {
            GIVES(TS_OK, ts_force_stop(scheduler, first));
            GIVES(TS_OK, ts_force_stop(scheduler, second));
            pull(&linear);
        }
        for (at = 0; at < 6; at++)
            CHECK(ended(scheduler, ids[at]) == (at == 0 ? TS_CANCELLED : TS_COMPLETED));
        for (at = 1; at < 6; at++)
            CHECK(its[at].polls == 2);
        free_held(&async, 1);
        ts_scheduler_free(scheduler);
    }
}

static void a_task_that_has_ended_needs_no_wait(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    follower its = { { { 0 } }, 0, TS_OK };
    ts_task_id id;
    its.target = add(scheduler, "a", run_nothing, NULL, NULL);
    MUST(ts_wait(scheduler, its.target, TS_FOREVER, NULL));
    id = add_async(scheduler, NULL, poll_follower, &its, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED && its.polls == 1);
    /* One that is forgotten is not known. */
    GIVES(TS_OK, ts_task_forget(scheduler, its.target));
    id = add_async(scheduler, NULL, poll_follower, &its, NULL);
    CHECK(ended(scheduler, id) == TS_FAILED && its.error == TS_ERROR_NOT_FOUND);
    ts_scheduler_free(scheduler);
}

static void a_task_that_is_waited_for_may_be_forgotten(void)
{
    int round;
    for (round = 0; round < 100; round++) {
        ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 0");
        held async;
        follower its = { { { 0 } }, 0, TS_OK };
        ts_task_id id;
        its.target = hold(scheduler, "a", &async);
        await(&async.polls, 1);
        id = submit_async(scheduler, NULL, poll_follower, &its, NULL, TS_KEEP);
        await(&its.polls, 1);
        if (round % 2)
            GIVES(TS_OK, ts_task_forget(scheduler, its.target));
        let_go(&async);
        CHECK(ended(scheduler, id) == TS_COMPLETED && its.error == TS_OK);
        free_held(&async, 1);
        ts_scheduler_free(scheduler);
    }
}

static void a_pending_task_that_is_cancelled_has_ended_too(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1");
    held async;
    follower its = { { { 0 } }, 0, TS_OK };
    ts_task_id id;
    hold(scheduler, "a", &async);
    its.target = add_async(scheduler, "a", poll_ready, NULL, NULL);
    id = add_async(scheduler, NULL, poll_follower, &its, NULL);
    await(&its.polls, 1);
    GIVES(TS_OK, ts_force_stop(scheduler, its.target));
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
    free_held(&async, 1);
}

static void a_chain_of_waiting_tasks_ends_from_its_end(void)
{
    /* Each wait looks along the whole chain: a longer one takes its time, and shows no more. */
    enum { MANY = 200 };
    static follower its[MANY];
    ts_scheduler *scheduler = scheduler_with("event_loop_threads: 2\nmaximum_event_loop_tasks: 100000");
    held async;
    ts_task_id last = hold(scheduler, "a", &async);
    int at;
    memset(its, 0, sizeof its);
    for (at = 0; at < MANY; at++) {
        static const char *const names[] = { "b", "c", "d", "e", NULL };
        its[at].target = last;
        last = submit_async(scheduler, names[at % 5], poll_follower, &its[at], NULL, TS_KEEP);
    }
    for (at = 0; at < MANY; at++)
        await(&its[at].polls, 1);
    await(&async.polls, 1);
    let_go(&async);
    CHECK(ended(scheduler, last) == TS_COMPLETED);
    free_held(&async, 1);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(an_async_task_waits_for_one_of_either_kind),
    TEST(a_task_that_has_ended_needs_no_wait),
    TEST(a_task_that_is_waited_for_may_be_forgotten),
    TEST(a_pending_task_that_is_cancelled_has_ended_too),
    TEST(a_chain_of_waiting_tasks_ends_from_its_end),
};

CHECK_ALL(tests)
