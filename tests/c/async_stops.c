/* Async tasks that are stopped, cancelled by name, banned or shut down: while they are
 * pending, in their poll, or asleep. */
#include "async.h"

static void a_ban_refuses_adds_and_cancels_what_is_pending(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 2");
    held tasks[5];
    ts_task_id ids[5], id = dirty_id();
    int at, ran = 0, dropped = 0;
    for (at = 0; at < 5; at++)
        ids[at] = hold(scheduler, "a", &tasks[at]);
    await(&tasks[0].polls, 1);
    await(&tasks[1].polls, 1);
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_ASYNC, "a"));
    GIVES(TS_ERROR_ALREADY_BANNED, ts_ban_task_name(scheduler, TS_ASYNC, "a"));
    for (at = 2; at < 5; at++) {
        /* On the spot, with its drop on this thread. */
        CHECK(state_of(scheduler, ids[at]) == TS_CANCELLED);
        CHECK(counted(&tasks[at].dropped) == 1 && counted(&tasks[at].polls) == 0);
        CHECK(pthread_equal(tasks[at].dropped_on, pthread_self()));
    }
    GIVES(TS_ERROR_BANNED,
          ts_add_async_task(scheduler, true, "a", poll_count, &dropped, drop_count, &id));
    CHECK(is_zero(id) && counted(&dropped) == 0);
    /* Those that run go on. */
    for (at = 0; at < 2; at++) {
        CHECK(state_of(scheduler, ids[at]) == TS_RUNNING);
        let_go(&tasks[at]);
        CHECK(ended(scheduler, ids[at]) == TS_COMPLETED);
    }
    GIVES(TS_OK, ts_allow_task_name(scheduler, TS_ASYNC, "a"));
    GIVES(TS_ERROR_NOT_BANNED, ts_allow_task_name(scheduler, TS_ASYNC, "a"));
    CHECK(state_of(scheduler, ids[4]) == TS_CANCELLED);
    id = add_async(scheduler, "a", poll_count, &ran, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED && counted(&ran) == 1);
    free_held(tasks, 5);
    ts_scheduler_free(scheduler);
}

static void ban_on_failure_comes_before_the_next_of_the_name(void)
{
    static char words[] = "out of paper";
    int round;
    for (round = 0; round < 200; round++) {
        ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1");
        int ran = 0, dropped = 0;
        ts_task_id bad, next, id;
        ts_task_status status;
        held plug_;
        hold(scheduler, "a", &plug_);
        bad = submit_async(scheduler, "a", poll_fail, words, NULL, TS_BAN_ON_FAILURE);
        next = add_async(scheduler, "a", poll_count, &ran, drop_count);
        await(&plug_.polls, 1);
        let_go(&plug_);
        CHECK(ended(scheduler, next) == TS_CANCELLED);
        CHECK(ended(scheduler, bad) == TS_FAILED);
        status = status_of(scheduler, bad);
        CHECK(strcmp(status.error, words) == 0);
        CHECK(counted(&ran) == 1 && counted(&dropped) == 0);
        GIVES(TS_ERROR_BANNED, ts_add_async_task(scheduler, false, "a", poll_count, &ran, NULL, &id));
        free_held(&plug_, 1);
        ts_scheduler_free(scheduler);
    }
}

static void cancel_queued_cancels_the_pending_ones_alone(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1");
    held tasks[4];
    ts_task_id ids[4];
    size_t cancelled = 9;
    int at;
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_ASYNC, "a", &cancelled));
    CHECK(cancelled == 0);
    for (at = 0; at < 4; at++)
        ids[at] = hold(scheduler, "a", &tasks[at]);
    await(&tasks[0].polls, 1);
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_ASYNC, "a", &cancelled));
    CHECK(cancelled == 3);
    for (at = 1; at < 4; at++)
        CHECK(state_of(scheduler, ids[at]) == TS_CANCELLED && counted(&tasks[at].dropped) == 1);
    /* The lane goes on. */
    ids[1] = hold(scheduler, "a", &tasks[1]);
    CHECK(counted(&tasks[1].polls) == 0);
    let_go(&tasks[0]);
    await(&tasks[1].polls, 1);
    let_go(&tasks[1]);
    CHECK(ended(scheduler, ids[1]) == TS_COMPLETED);
    free_held(tasks, 4);
    ts_scheduler_free(scheduler);
}

typedef struct {
    held *others;
    ts_task_id *ids;
    ts_scheduler *scheduler;
    int done;
} canceller;

/* Adds tasks of a name of its own loop, which cannot be polled before this
 * poll returns, and cancels them while they have a place. */
static ts_poll poll_add_and_cancel(ts_token *token, void *user_data)
{
    canceller *its = (canceller *)user_data;
    size_t cancelled = 0;
    int at;
    (void)token;
    for (at = 0; at < 5; at++)
        its->ids[at] = hold(its->scheduler, "a", &its->others[at]);
    GIVES(TS_OK, ts_force_stop(its->scheduler, its->ids[0]));
    CHECK(state_of(its->scheduler, its->ids[0]) == TS_CANCELLED);
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(its->scheduler, TS_ASYNC, "a", &cancelled));
    CHECK(cancelled == 4);
    for (at = 0; at < 5; at++) {
        CHECK(state_of(its->scheduler, its->ids[at]) == TS_CANCELLED);
        CHECK(counted(&its->others[at].dropped) == 1);
    }
    /* Cancelled ones hold no place. */
    for (at = 0; at < 5; at++)
        its->ids[at] = hold(its->scheduler, "a", &its->others[at]);
    return TS_POLL_READY;
}

static void a_task_that_was_not_polled_yet_is_pending_and_can_be_cancelled(void)
{
    int round, at;
    for (round = 0; round < 50; round++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        held others[5];
        ts_task_id ids[5], id;
        canceller its = { NULL, NULL, NULL, 0 };
        its.others = others;
        its.ids = ids;
        its.scheduler = scheduler;
        id = add_async(scheduler, "canceller", poll_add_and_cancel, &its, NULL);
        CHECK(ended(scheduler, id) == TS_COMPLETED);
        for (at = 0; at < 5; at++) {
            await(&others[at].polls, 1);
            if (at < 2)
                CHECK(counted(&others[at + 3].polls) == 0);
            let_go(&others[at]);
            CHECK(ended(scheduler, ids[at]) == TS_COMPLETED);
        }
        free_held(others, 5);
        ts_scheduler_free(scheduler);
    }
}

static void a_stopped_task_is_never_polled_again_and_drops_on_its_loop(void)
{
    int round;
    for (round = 0; round < 200; round++) {
        ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1");
        held task, next;
        ts_task_id id = hold(scheduler, "a", &task), other = hold(scheduler, "a", &next);
        await(&task.polls, 1);
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        GIVES(TS_OK, ts_waker_wake(task.waker));
        CHECK(ended(scheduler, id) == TS_CANCELLED);
        CHECK(counted(&task.dropped) == 1);
        CHECK(pthread_equal(task.dropped_on, task.polled_on));
        GIVES(TS_OK, ts_waker_wake(task.waker));
        await(&next.polls, 1);
        CHECK(counted(&task.polls) == 1);
        let_go(&next);
        CHECK(ended(scheduler, other) == TS_COMPLETED);
        GIVES(TS_ERROR_ALREADY_FINISHED, ts_force_stop(scheduler, id));
        free_held(&task, 1);
        free_held(&next, 1);
        ts_scheduler_free(scheduler);
    }
}

/* A task that says that it is in its poll, and returns what it shall when it
 * may. */
typedef struct {
    int entered, may_go, polls, dropped, results_dropped;
    ts_poll answer;
    bool saw_stop;
} blocker;

static void drop_result(void *user_data)
{
    count(&((blocker *)user_data)->results_dropped);
}

static void drop_blocker(void *user_data)
{
    blocker *its = (blocker *)user_data;
    CHECK(counted(&its->results_dropped) == 1);
    count(&its->dropped);
}

static ts_poll poll_blocker(ts_token *token, void *user_data)
{
    blocker *its = (blocker *)user_data;
    count(&its->polls);
    GIVES(TS_OK, ts_set_result(token, its, 1, drop_result));
    GIVES(TS_NOT_YET, ts_async_sleep(token, 0.0005));
    CHECK(!ts_should_stop(token));
    count(&its->entered);
    await(&its->may_go, 1);
    its->saw_stop = ts_should_stop(token);
    return its->answer;
}

static void a_task_stopped_in_its_poll_ends_when_that_returns(void)
{
    static const ts_poll answers[] = { TS_POLL_PENDING, TS_POLL_READY, TS_POLL_FAILED };
    int which;
    for (which = 0; which < 3; which++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        blocker its;
        ts_task_id id;
        ts_task_status status;
        ts_value value;
        memset(&its, 0, sizeof its);
        its.answer = answers[which];
        id = add_async(scheduler, "a", poll_blocker, &its, drop_blocker);
        await(&its.entered, 1);
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        status = status_of(scheduler, id);
        CHECK(status.state == TS_RUNNING && status.stopping == TS_CANCELLED);
        CHECK(counted(&its.dropped) == 0);
        count(&its.may_go);
        CHECK(ended(scheduler, id) == TS_CANCELLED);
        CHECK(its.saw_stop && counted(&its.polls) == 1 && counted(&its.dropped) == 1);
        CHECK(counted(&its.results_dropped) == 1);
        GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, id, &value));
        ts_scheduler_free(scheduler);
    }
}

typedef struct {
    ts_scheduler *scheduler;
    ts_task_id id;
    int ready, dropped;
} own_stop;

static ts_poll poll_stop_myself(ts_token *token, void *user_data)
{
    own_stop *its = (own_stop *)user_data;
    await(&its->ready, 1);
    GIVES(TS_OK, ts_force_stop(its->scheduler, its->id));
    CHECK(ts_should_stop(token));
    return TS_POLL_READY;
}

static void drop_own_stop(void *user_data)
{
    count(&((own_stop *)user_data)->dropped);
}

static void a_task_may_stop_itself(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    own_stop its;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler;
    its.id = add_async(scheduler, "a", poll_stop_myself, &its, drop_own_stop);
    count(&its.ready);
    CHECK(ended(scheduler, its.id) == TS_CANCELLED && counted(&its.dropped) == 1);
    ts_scheduler_free(scheduler);
}

static void a_shutdown_waits_for_running_tasks_and_cancels_pending_ones(void)
{
    int force;
    for (force = 0; force < 2; force++) {
        ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 2");
        held tasks[5];
        ts_task_id ids[5];
        int at, ran = 0;
        for (at = 0; at < 5; at++)
            ids[at] = hold(scheduler, "a", &tasks[at]);
        await(&tasks[0].polls, 1);
        await(&tasks[1].polls, 1);
        /* Unforced, those behind them may still start. */
        for (at = 0; at < 5 && !force; at++)
            count(&tasks[at].go);
        for (at = 0; at < 2 && !force; at++)
            GIVES(TS_OK, ts_waker_wake(tasks[at].waker));
        GIVES(TS_OK, ts_shutdown(scheduler, force != 0));
        for (at = 0; at < 5; at++) {
            ts_state state = state_of(scheduler, ids[at]);
            CHECK(counted(&tasks[at].dropped) == 1);
            CHECK(state == TS_CANCELLED || (!force && state == TS_COMPLETED));
            CHECK(!force || state == TS_CANCELLED);
            if (at < 2)
                CHECK(force || state == TS_COMPLETED);
        }
        /* Wakers of ended tasks do nothing. */
        for (at = 0; at < 5; at++)
            if (tasks[at].waker != NULL)
                GIVES(TS_OK, ts_waker_wake(tasks[at].waker));
        /* It starts afresh. */
        for (at = 0; at < 10; at++)
            add_async(scheduler, "a", poll_count, &ran, NULL);
        await(&ran, 10);
        free_held(tasks, 5);
        ts_scheduler_free(scheduler);
    }
}

static ts_poll poll_sleep_once(ts_token *token, void *user_data)
{
    int *rounds = (int *)user_data;
    ts_error error = ts_async_sleep(token, 0.05);
    count(rounds);
    return error == TS_OK ? TS_POLL_READY : TS_POLL_PENDING;
}

static void an_unforced_shutdown_lets_a_sleeper_sleep(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int polls = 0;
    ts_task_id id = add_async(scheduler, "a", poll_sleep_once, &polls, NULL);
    await(&polls, 1);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    CHECK(state_of(scheduler, id) == TS_COMPLETED && counted(&polls) == 2);
    ts_scheduler_free(scheduler);
}

static void a_forced_stop_reaches_each_of_several_loops(void)
{
    enum { MANY = 64 };
    static held tasks[MANY];
    ts_task_id ids[MANY];
    ts_scheduler *scheduler = scheduler_with("event_loop_threads: 3\nmaximum_task_info_storage: 100");
    int at;
    for (at = 0; at < MANY; at++) {
        char text[16];
        snprintf(text, sizeof text, "name %d", at);
        ids[at] = hold(scheduler, text, &tasks[at]);
    }
    for (at = 0; at < MANY; at++)
        await(&tasks[at].polls, 1);
    for (at = 0; at < MANY; at++)
        GIVES(TS_OK, ts_force_stop(scheduler, ids[at]));
    for (at = 0; at < MANY; at++) {
        CHECK(ended(scheduler, ids[at]) == TS_CANCELLED);
        CHECK(pthread_equal(tasks[at].dropped_on, tasks[at].polled_on));
    }
    free_held(tasks, MANY);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(a_ban_refuses_adds_and_cancels_what_is_pending),
    TEST(ban_on_failure_comes_before_the_next_of_the_name),
    TEST(cancel_queued_cancels_the_pending_ones_alone),
    TEST(a_task_that_was_not_polled_yet_is_pending_and_can_be_cancelled),
    TEST(a_stopped_task_is_never_polled_again_and_drops_on_its_loop),
    TEST(a_task_stopped_in_its_poll_ends_when_that_returns),
    TEST(a_task_may_stop_itself),
    TEST(a_shutdown_waits_for_running_tasks_and_cancels_pending_ones),
    TEST(an_unforced_shutdown_lets_a_sleeper_sleep),
    TEST(a_forced_stop_reaches_each_of_several_loops),
};

CHECK_ALL(tests)
