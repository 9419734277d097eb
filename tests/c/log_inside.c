/* Inside the function that hears the log: what a line tells has taken effect, and may be waited for; on the
 * thread of a loop nothing may. */
#include "async.h"

/* What it waits for, at which words, and what that gave. */
static struct {
    ts_scheduler *scheduler;
    ts_task_id target;
    const char *words;
    pthread_t only_on; /* where it waits, if not anywhere */
    int anywhere, heard;
    ts_error gave;
} wait_here;

static void wait_inside(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)user_data;
    if (strstr(text, wait_here.words) == NULL || counted(&wait_here.heard) > 0)
        return;
    if (!wait_here.anywhere && !pthread_equal(pthread_self(), wait_here.only_on))
        return;
    wait_here.gave = ts_wait(wait_here.scheduler, wait_here.target, 5, NULL);
    count(&wait_here.heard);
}

/* From here on it waits for that task, where these words are heard. */
static void wait_at(ts_scheduler *scheduler, ts_task_id target, const char *words)
{
    memset(&wait_here, 0, sizeof wait_here);
    wait_here.scheduler = scheduler;
    wait_here.target = target;
    wait_here.words = words;
    wait_here.anywhere = 1;
    MUST(ts_set_log_callback(wait_inside, NULL, NULL));
}

/* It waited, and heard that. */
static void check_heard(ts_error wanted)
{
    await(&wait_here.heard, 1);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    GIVES(wanted, wait_here.gave);
}

/* What was told has taken effect ---------------------------------------------- */

static ts_poll poll_asleep(ts_token *token, void *user_data)
{
    GIVES(TS_NOT_YET, ts_async_sleep(token, 1e6));
    count((int *)user_data);
    return TS_POLL_PENDING;
}

static void a_stop_of_an_async_task_that_the_log_tells_of_has_taken_effect(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int polls = 0;
    ts_task_id id = add_async(scheduler, "name", poll_asleep, &polls, NULL);
    await(&polls, 1);
    /* Its poll has returned. */
    round_trip(scheduler, NULL);
    wait_at(scheduler, id, "has been forcibly cancelled");
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    check_heard(TS_OK);
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    ts_scheduler_free(scheduler);
}

typedef struct {
    int ends[2], started;
} blocked;

static int32_t run_blocked(ts_token *token, void *user_data)
{
    blocked *its = (blocked *)user_data;
    char byte;
    count(&its->started);
    while (!ts_should_stop(token))
        CHECK(read(its->ends[0], &byte, 1) < 0 && errno == EINTR);
    return 0;
}

static void a_stop_of_a_blocked_task_that_the_log_tells_of_has_taken_effect(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    blocked its = { { -1, -1 }, 0 };
    ts_task_id id;
    if (pipe(its.ends) != 0)
        exit(1);
    id = submit(scheduler, "name", run_blocked, &its, NULL, TS_INTERRUPT_BLOCKING);
    await(&its.started, 1);
    /* Time to block; it passes too if that takes longer. */
    nap(0.05);
    wait_at(scheduler, id, "has been forcibly cancelled");
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    check_heard(TS_OK);
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    close(its.ends[0]);
    close(its.ends[1]);
    ts_scheduler_free(scheduler);
}

static void a_ban_that_the_log_tells_of_has_taken_effect(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1");
    plug linear = { 0, 0 };
    held async;
    ts_task_id pending;
    add(scheduler, "name", run_plug, &linear, NULL);
    hold(scheduler, "name", &async);
    await(&linear.started, 1);
    await(&async.polls, 1);
    pending = add(scheduler, "name", run_nothing, NULL, NULL);
    wait_at(scheduler, pending, "is banned from");
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_LINEAR, "name"));
    check_heard(TS_OK);
    CHECK(state_of(scheduler, pending) == TS_CANCELLED);
    pending = add_async(scheduler, "name", poll_ready, NULL, NULL);
    wait_at(scheduler, pending, "is banned from");
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_ASYNC, "name"));
    check_heard(TS_OK);
    CHECK(state_of(scheduler, pending) == TS_CANCELLED);
    pull(&linear);
    let_go(&async);
    await(&async.dropped, 1);
    free_held(&async, 1);
    ts_scheduler_free(scheduler);
}

/* On a loop ------------------------------------------------------------------- */

static ts_poll poll_unarmed(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_PENDING;
}

/* Neither where a task is started nor behind its poll: the loop stands still meanwhile. */
static void the_log_on_a_loop_cannot_wait_for_a_task_of_the_loop(void)
{
    static const char *const lines[] = { "Start running io asyncio", "nothing armed" };
    int which;
    for (which = 0; which < 2; which++) {
        ts_scheduler *scheduler = scheduler_with("event_loop_threads: 1\nmaximum_event_loop_tasks: 1");
        held target, first;
        ts_task_id id = hold(scheduler, NULL, &target), behind;
        hold(scheduler, "name", &first);
        /* It starts when the add has long been told, so it is the loop that tells of the start. */
        behind = add_async(scheduler, "name", poll_unarmed, NULL, NULL);
        await(&target.polls, 1);
        await(&first.polls, 1);
        wait_at(scheduler, id, lines[which]);
        wait_here.only_on = target.polled_on;
        wait_here.anywhere = 0;
        let_go(&first);
        check_heard(TS_ERROR_WOULD_DEADLOCK);
        GIVES(TS_OK, ts_force_stop(scheduler, behind));
        let_go(&target);
        CHECK(ended(scheduler, id) == TS_COMPLETED);
        CHECK(ended(scheduler, behind) == TS_CANCELLED);
        free_held(&first, 1);
        free_held(&target, 1);
        ts_scheduler_free(scheduler);
    }
}

static const check_test tests[] = {
    TEST(a_stop_of_an_async_task_that_the_log_tells_of_has_taken_effect),
    TEST(a_stop_of_a_blocked_task_that_the_log_tells_of_has_taken_effect),
    TEST(a_ban_that_the_log_tells_of_has_taken_effect),
    TEST(the_log_on_a_loop_cannot_wait_for_a_task_of_the_loop),
};

CHECK_ALL(tests)
