/* What has an async task polled again: sleeps and wakers. The end of another task is
 * in async_waits.c. */
#include "async.h"

/* Steps --------------------------------------------------------------------- */

/* A task that goes from step to step; each is one call of its poll function. */
typedef struct stepper stepper;
typedef ts_poll (*step)(stepper *its, ts_token *token);
struct stepper {
    const step *steps;
    int at, polls, dropped;
    double begin, woken;
    ts_scheduler *scheduler;
    ts_task_id id;
    ts_waker *waker;
    int ready;
    void *more;
};

static ts_poll poll_stepper(ts_token *token, void *user_data)
{
    stepper *its = (stepper *)user_data;
    ts_poll answer;
    its->woken = now();
    answer = its->steps[its->at++](its, token);
    count(&its->polls);
    return answer;
}

static void drop_stepper(void *user_data)
{
    count(&((stepper *)user_data)->dropped);
}

static void start_steps(ts_scheduler *scheduler, stepper *its, const step *steps)
{
    memset(its, 0, sizeof *its);
    its->steps = steps;
    its->scheduler = scheduler;
    its->begin = now();
    its->id = add_async(scheduler, NULL, poll_stepper, its, drop_stepper);
}

static void steps_end_well(const step *steps, int polls)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    stepper its;
    start_steps(scheduler, &its, steps);
    CHECK(ended(scheduler, its.id) == TS_COMPLETED);
    CHECK(its.polls == polls && its.dropped == 1);
    ts_scheduler_free(scheduler);
}

static ts_poll step_oops(stepper *its, ts_token *token)
{
    (void)token;
    CHECK(!"polled once too often");
    its->at--;
    return TS_POLL_FAILED;
}

static ts_poll step_done(stepper *its, ts_token *token)
{
    (void)its;
    (void)token;
    return TS_POLL_READY;
}

/* Sleeps -------------------------------------------------------------------- */

static ts_poll step_sleep(stepper *its, ts_token *token)
{
    (void)its;
    GIVES(TS_NOT_YET, ts_async_sleep(token, 0.02));
    /* Later calls leave it alone, whatever their seconds. */
    GIVES(TS_NOT_YET, ts_async_sleep(token, 1000));
    GIVES(TS_NOT_YET, ts_async_sleep(token, 0));
    GIVES(TS_NOT_YET, ts_async_sleep(token, 1e-9));
    return TS_POLL_PENDING;
}

static ts_poll step_slept(stepper *its, ts_token *token)
{
    CHECK(its->woken - its->begin >= 0.02);
    /* Reported once; the next call starts another. */
    GIVES(TS_OK, ts_async_sleep(token, 1000));
    GIVES(TS_NOT_YET, ts_async_sleep(token, 0.02));
    return TS_POLL_PENDING;
}

static ts_poll step_slept_again(stepper *its, ts_token *token)
{
    CHECK(its->woken - its->begin >= 0.04);
    GIVES(TS_OK, ts_async_sleep(token, 0.02));
    /* 0 seconds are over at once, again and again. */
    GIVES(TS_OK, ts_async_sleep(token, 0));
    GIVES(TS_OK, ts_async_sleep(token, 0));
    return TS_POLL_READY;
}

static void a_sleep_is_started_once_and_reported_once(void)
{
    static const step steps[] = { step_sleep, step_slept, step_slept_again, step_oops };
    steps_end_well(steps, 3);
}

static ts_poll step_cancel(stepper *its, ts_token *token)
{
    (void)its;
    GIVES(TS_OK, ts_async_sleep_cancel(token));
    GIVES(TS_NOT_YET, ts_async_sleep(token, 1000));
    GIVES(TS_OK, ts_async_sleep_cancel(token));
    GIVES(TS_OK, ts_async_sleep_cancel(token));
    GIVES(TS_NOT_YET, ts_async_sleep(token, 0.02));
    return TS_POLL_PENDING;
}

static ts_poll step_cancel_due(stepper *its, ts_token *token)
{
    CHECK(its->woken - its->begin >= 0.02);
    /* Also one that is over and was not reported. */
    GIVES(TS_OK, ts_async_sleep_cancel(token));
    its->begin = now();
    GIVES(TS_NOT_YET, ts_async_sleep(token, 0.02));
    return TS_POLL_PENDING;
}

static ts_poll step_after(stepper *its, ts_token *token)
{
    CHECK(its->woken - its->begin >= 0.02);
    GIVES(TS_OK, ts_async_sleep(token, 5));
    return TS_POLL_READY;
}

static void a_cancelled_sleep_is_disarmed(void)
{
    static const step steps[] = { step_cancel, step_cancel_due, step_after, step_oops };
    steps_end_well(steps, 3);
}

static ts_poll step_arm_both(stepper *its, ts_token *token)
{
    GIVES(TS_NOT_YET, ts_async_sleep(token, 0.03));
    MUST(ts_waker_clone(token, &its->waker));
    GIVES(TS_OK, ts_waker_wake(its->waker));
    return TS_POLL_PENDING;
}

static ts_poll step_early(stepper *its, ts_token *token)
{
    (void)its;
    /* Polled for another reason: it goes on. */
    GIVES(TS_NOT_YET, ts_async_sleep(token, 7));
    return TS_POLL_PENDING;
}

static ts_poll step_due(stepper *its, ts_token *token)
{
    CHECK(its->woken - its->begin >= 0.03);
    GIVES(TS_OK, ts_async_sleep(token, 7));
    ts_waker_free(its->waker);
    return TS_POLL_READY;
}

static void a_poll_for_another_reason_leaves_the_sleep_alone(void)
{
    static const step steps[] = { step_arm_both, step_early, step_due, step_oops };
    steps_end_well(steps, 3);
}

typedef struct {
    double seconds;
    double begin, end;
} sleeper;

static ts_poll poll_sleeper(ts_token *token, void *user_data)
{
    sleeper *its = (sleeper *)user_data;
    if (its->begin == 0)
        its->begin = now();
    if (ts_async_sleep(token, its->seconds) == TS_NOT_YET)
        return TS_POLL_PENDING;
    its->end = now();
    return TS_POLL_READY;
}

static void no_sleep_ends_early_and_none_is_forgotten(void)
{
    enum { MANY = 3000 };
    static sleeper tasks[MANY];
    ts_scheduler *scheduler = scheduler_with(NULL);
    int at;
    double worst = 0;
    memset(tasks, 0, sizeof tasks);
    for (at = 0; at < MANY; at++) {
        /* Up to half a second, most of them short. */
        tasks[at].seconds = 0.5 * (at * 7919 % MANY) * (at * 104729 % MANY) / (double)MANY / MANY;
        add_async(scheduler, NULL, poll_sleeper, &tasks[at], NULL);
    }
    /* All have started. */
    round_trip(scheduler, NULL);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    for (at = 0; at < MANY; at++) {
        double late = tasks[at].end - tasks[at].begin - tasks[at].seconds;
        CHECK(tasks[at].end != 0 && late >= 0);
        worst = late > worst ? late : worst;
    }
    /* The machine may be busy. */
    CHECK(worst < 5);
    ts_scheduler_free(scheduler);
}

static void stopped_sleepers_are_disarmed(void)
{
    enum { MANY = 1000 };
    static sleeper tasks[MANY];
    static ts_task_id ids[MANY];
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 5000");
    int at, round;
    for (round = 0; round < 3; round++) {
        for (at = 0; at < MANY; at++) {
            memset(&tasks[at], 0, sizeof tasks[at]);
            tasks[at].seconds = at % 2 ? 1e9 : 0.001 * (at % 100);
            ids[at] = add_async(scheduler, NULL, poll_sleeper, &tasks[at], NULL);
        }
        round_trip(scheduler, NULL);
        for (at = 1; at < MANY; at += 2)
            GIVES(TS_OK, ts_force_stop(scheduler, ids[at]));
        for (at = 0; at < MANY; at++)
            CHECK(ended(scheduler, ids[at]) == (at % 2 ? TS_CANCELLED : TS_COMPLETED));
    }
    ts_scheduler_free(scheduler);
}

/* Wakers -------------------------------------------------------------------- */

static ts_poll step_wake_myself(stepper *its, ts_token *token)
{
    int at;
    if (its->waker == NULL)
        MUST(ts_waker_clone(token, &its->waker));
    /* Before pending is returned, and often: one more poll. */
    for (at = 0; at < 100; at++)
        GIVES(TS_OK, ts_waker_wake(its->waker));
    return TS_POLL_PENDING;
}

static ts_poll step_wake_and_end(stepper *its, ts_token *token)
{
    (void)token;
    GIVES(TS_OK, ts_waker_wake(its->waker));
    return TS_POLL_READY;
}

static void a_wake_before_pending_is_returned_counts_and_many_are_one(void)
{
    static const step steps[] = { step_wake_myself, step_wake_myself, step_wake_and_end, step_oops };
    ts_scheduler *scheduler = scheduler_with(NULL);
    stepper its;
    int at;
    start_steps(scheduler, &its, steps);
    CHECK(ended(scheduler, its.id) == TS_COMPLETED);
    /* After the end it does nothing. */
    for (at = 0; at < 100; at++)
        GIVES(TS_OK, ts_waker_wake(its.waker));
    round_trip(scheduler, NULL);
    CHECK(its.polls == 3 && its.dropped == 1);
    /* Nor while the scheduler is shut down. */
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    GIVES(TS_OK, ts_waker_wake(its.waker));
    round_trip(scheduler, NULL);
    GIVES(TS_OK, ts_waker_wake(its.waker));
    ts_scheduler_free(scheduler);
    /* Nor after it was freed, but then it says so. */
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_waker_wake(its.waker));
    CHECK(strcmp(ts_last_error_message(), "the scheduler of this waker was freed") == 0);
    ts_waker_free(its.waker);
    ts_waker_free(NULL);
}

typedef struct {
    held *task;
    int times;
} waking;

static void *wake_often(void *user_data)
{
    waking *its = (waking *)user_data;
    int at;
    for (at = 0; at < its->times; at++)
        GIVES(TS_OK, ts_waker_wake(its->task->waker));
    return NULL;
}

static void any_thread_may_wake_at_any_time(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    held task;
    ts_task_id id = hold(scheduler, "a", &task);
    waking its = { NULL, 2000 };
    pthread_t threads[4];
    int at, polls;
    its.task = &task;
    await(&task.polls, 1);
    for (at = 0; at < 4; at++)
        threads[at] = thread(wake_often, &its);
    for (at = 0; at < 4; at++)
        pthread_join(threads[at], NULL);
    await(&task.polls, 2);
    round_trip(scheduler, "b");
    CHECK(counted(&task.polls) <= 8001);
    /* No wake is lost: each one from here on is a poll of its own. */
    for (at = 0; at < 500; at++) {
        polls = counted(&task.polls);
        GIVES(TS_OK, ts_waker_wake(task.waker));
        await(&task.polls, polls + 1);
    }
    /* They go on while it ends. */
    for (at = 0; at < 4; at++)
        threads[at] = thread(wake_often, &its);
    let_go(&task);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    for (at = 0; at < 4; at++)
        pthread_join(threads[at], NULL);
    free_held(&task, 1);
    ts_scheduler_free(scheduler);
}

static void a_waker_never_wakes_who_took_the_place_of_its_task(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 0");
    ts_waker *old[50];
    held task;
    int at, other;
    for (at = 0; at < 50; at++) {
        hold(scheduler, "a", &task);
        await(&task.polls, 1);
        for (other = 0; other < at; other++)
            GIVES(TS_OK, ts_waker_wake(old[other]));
        round_trip(scheduler, "b");
        CHECK(counted(&task.polls) == 1);
        old[at] = task.waker;
        let_go(&task);
        await(&task.dropped, 1);
    }
    for (at = 0; at < 50; at++)
        ts_waker_free(old[at]);
    ts_scheduler_free(scheduler);
}

static ts_poll step_many_wakers(stepper *its, ts_token *token)
{
    ts_waker **wakers = (ts_waker **)its->more;
    int at;
    for (at = 0; at < 10; at++)
        MUST(ts_waker_clone(token, &wakers[at]));
    return TS_POLL_PENDING;
}

static ts_poll step_again(stepper *its, ts_token *token)
{
    (void)its;
    (void)token;
    return TS_POLL_PENDING;
}

static void every_clone_wakes_and_lives_for_itself(void)
{
    static const step steps[] = { step_many_wakers, step_again, step_again, step_again,
                                  step_again, step_again, step_again, step_again,
                                  step_again, step_again, step_done, step_oops };
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_waker *wakers[10];
    stepper its;
    int at;
    memset(&its, 0, sizeof its);
    its.steps = steps;
    its.more = wakers;
    its.id = add_async(scheduler, NULL, poll_stepper, &its, drop_stepper);
    for (at = 0; at < 10; at++) {
        await(&its.polls, at + 1);
        GIVES(TS_OK, ts_waker_wake(wakers[at]));
        ts_waker_free(wakers[at]);
    }
    CHECK(ended(scheduler, its.id) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

/* Nothing armed ------------------------------------------------------------- */

static ts_poll step_nothing(stepper *its, ts_token *token)
{
    (void)its;
    (void)token;
    return TS_POLL_PENDING;
}

static ts_poll step_waker_freed(stepper *its, ts_token *token)
{
    ts_waker *waker;
    (void)its;
    MUST(ts_waker_clone(token, &waker));
    ts_waker_free(waker);
    return TS_POLL_PENDING;
}

static ts_poll step_cancelled_sleep(stepper *its, ts_token *token)
{
    (void)its;
    GIVES(TS_NOT_YET, ts_async_sleep(token, 5));
    GIVES(TS_OK, ts_async_sleep_cancel(token));
    return TS_POLL_PENDING;
}

static void pending_with_nothing_armed_is_said_once(void)
{
    static const step ways[][2] = { { step_nothing, step_oops },
                                    { step_waker_freed, step_oops },
                                    { step_cancelled_sleep, step_oops } };
    size_t which;
    for (which = 0; which < sizeof ways / sizeof *ways; which++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        stepper its;
        log_from_here();
        memset(&its, 0, sizeof its);
        its.steps = ways[which];
        its.id = add_async(scheduler, "the forgetful", poll_stepper, &its, drop_stepper);
        await(&its.polls, 1);
        round_trip(scheduler, NULL);
        CHECK(logged_of("Io asyncio task | ", its.id,
                        " | 'the forgetful' returned pending with nothing armed to wake it") == 1);
        /* It can still be stopped. */
        GIVES(TS_OK, ts_force_stop(scheduler, its.id));
        CHECK(ended(scheduler, its.id) == TS_CANCELLED && its.dropped == 1);
        MUST(ts_set_log_callback(NULL, NULL, NULL));
        ts_scheduler_free(scheduler);
    }
}

static ts_poll step_sleep_short(stepper *its, ts_token *token)
{
    (void)its;
    GIVES(TS_NOT_YET, ts_async_sleep(token, 0.002));
    return TS_POLL_PENDING;
}

static ts_poll step_keep_waker(stepper *its, ts_token *token)
{
    MUST(ts_waker_clone(token, &its->waker));
    return TS_POLL_PENDING;
}

static void who_has_armed_something_is_not_blamed(void)
{
    /* A sleep that is over and was not asked for counts too. */
    static const step sleeps[] = { step_sleep_short, step_nothing };
    static const step wakes[] = { step_keep_waker, step_done };
    ts_scheduler *scheduler = scheduler_with(NULL);
    stepper one, two;
    log_from_here();
    start_steps(scheduler, &one, sleeps);
    start_steps(scheduler, &two, wakes);
    await(&one.polls, 2);
    await(&two.polls, 1);
    GIVES(TS_OK, ts_waker_wake(two.waker));
    CHECK(ended(scheduler, two.id) == TS_COMPLETED);
    round_trip(scheduler, NULL);
    CHECK(logged_times("returned pending with nothing armed") == 0);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    ts_waker_free(two.waker);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(a_sleep_is_started_once_and_reported_once),
    TEST(a_cancelled_sleep_is_disarmed),
    TEST(a_poll_for_another_reason_leaves_the_sleep_alone),
    TEST(no_sleep_ends_early_and_none_is_forgotten),
    TEST(stopped_sleepers_are_disarmed),
    TEST(a_wake_before_pending_is_returned_counts_and_many_are_one),
    TEST(any_thread_may_wake_at_any_time),
    TEST(a_waker_never_wakes_who_took_the_place_of_its_task),
    TEST(every_clone_wakes_and_lives_for_itself),
    TEST(pending_with_nothing_armed_is_said_once),
    TEST(who_has_armed_something_is_not_blamed),
};

CHECK_ALL(tests)
