/* Waits that look like a circle, where one who waits in it will be polled, or ended, all the same: none of
 * them is refused. */
#include "waiting.h"

/* A poll that holds up its loop until it may go. */
static ts_poll poll_plug(ts_token *token, void *user_data)
{
    return run_plug(token, user_data) == 0 ? TS_POLL_READY : TS_POLL_FAILED;
}

static int32_t run_pull(ts_token *token, void *user_data)
{
    (void)token;
    pull((plug *)user_data);
    return 0;
}

/* There is one worker's place, and the linear waiter has it: what lets the loop go on runs when that is lent,
 * since the linear one waits, or free, since it was refused. */
static void let_go_on_when_it_waits(waiter *linear, plug *loop)
{
    add(linear->scheduler, NULL, run_pull, loop, NULL);
    count(&linear->may_wait);
    await(&linear->ended, 1);
    GIVES(TS_OK, linear->gave);
}

/* Woken by itself, and then waiting for another: it is polled again. */
static ts_poll poll_woken(ts_token *token, void *user_data)
{
    waiter *its = (waiter *)user_data;
    ts_waker *waker = NULL;
    if (counted(&its->started) > 0)
        return TS_POLL_READY;
    MUST(ts_waker_clone(token, &waker));
    GIVES(TS_OK, ts_waker_wake(waker));
    ts_waker_free(waker);
    its->gave = ts_async_wait_task(token, its->target);
    count(&its->started);
    return TS_POLL_PENDING;
}

static void who_was_woken_waits_for_nobody_though_its_wakers_are_back(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nevent_loop_threads: 1");
    plug before = { 0, 0 }, behind = { 0, 0 };
    waiter linear, woken;
    begin(&linear, scheduler);
    begin(&woken, scheduler);
    add_waiter(&linear, "a");
    await(&linear.started, 1);
    /* Until both are there, so that the second holds the loop when the first is woken. */
    add_async(scheduler, NULL, poll_plug, &before, NULL);
    await(&before.started, 1);
    woken.target = linear.id;
    woken.id = add_async(scheduler, NULL, poll_woken, &woken, NULL);
    add_async(scheduler, NULL, poll_plug, &behind, NULL);
    pull(&before);
    await(&behind.started, 1);
    CHECK(woken.gave == TS_NOT_YET);
    linear.target = woken.id;
    let_go_on_when_it_waits(&linear, &behind);
    CHECK(ended(scheduler, woken.id) == TS_COMPLETED);
    CHECK(ended(scheduler, linear.id) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static ts_poll poll_until_stopped(ts_token *token, void *user_data)
{
    waiter *its = (waiter *)user_data;
    its->gave = ts_async_wait_task(token, its->target);
    count(&its->started);
    return TS_POLL_PENDING;
}

/* It ends where it is, and does not wait any more. */
static void who_was_told_to_stop_holds_no_lane_shut(void)
{
    ts_scheduler *scheduler =
        scheduler_with("line_task_max: 1\nevent_loop_threads: 1\nmaximum_event_loop_tasks: 1");
    plug loop = { 0, 0 };
    waiter linear, stopped;
    begin(&linear, scheduler);
    begin(&stopped, scheduler);
    add_waiter(&linear, "a");
    await(&linear.started, 1);
    stopped.target = linear.id;
    stopped.id = add_async(scheduler, "lane", poll_until_stopped, &stopped, NULL);
    await(&stopped.started, 1);
    CHECK(stopped.gave == TS_NOT_YET);
    linear.target = add_async(scheduler, "lane", poll_ready, NULL, NULL);
    /* The loop hears of the stop when the linear one waits already. */
    add_async(scheduler, NULL, poll_plug, &loop, NULL);
    await(&loop.started, 1);
    CHECK(state_of(scheduler, linear.target) == TS_PENDING);
    GIVES(TS_OK, ts_force_stop(scheduler, stopped.id));
    let_go_on_when_it_waits(&linear, &loop);
    CHECK(ended(scheduler, stopped.id) == TS_CANCELLED);
    CHECK(ended(scheduler, linear.id) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(who_was_woken_waits_for_nobody_though_its_wakers_are_back),
    TEST(who_was_told_to_stop_holds_no_lane_shut),
};

CHECK_ALL(tests)
