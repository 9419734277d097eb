/* Async tasks and time: time-outs, polls that do not return, idleness. */
#include "testing.h"

#define QUICK "stuck_grace: 0.3\nstatus_check_interval: 0.5\n"

static ts_task_id submit_async(ts_scheduler *scheduler, const char *name, ts_poll_fn poll, void *user_data,
                               uint32_t flags, double timeout)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    options.name = name;
    options.poll = poll;
    options.user_data = user_data;
    options.drop = NULL;
    options.flags = flags;
    options.timeout_seconds = timeout;
    OK(ts_submit(scheduler, &options, &id));
    return id;
}

static ts_poll sleep_on(ts_token *token, void *seconds)
{
    return ts_async_sleep(token, *(double *)seconds) == TS_OK ? TS_POLL_READY : TS_POLL_PENDING;
}

static ts_poll at_once(ts_token *token, void *user_data)
{
    (void)token;
    if (user_data != NULL)
        ++*(atomic_int *)user_data;
    return TS_POLL_READY;
}

static ts_poll deaf_poll(ts_token *token, void *user_data)
{
    gate *its = user_data;
    (void)token;
    its->entered++;
    while (!its->open)
        nap(0.001);
    return TS_POLL_READY;
}

/* Tasks end by their time-outs, each by its own, and not before. */
static void timeouts(void)
{
    enum { MANY = 200 };
    ts_scheduler *scheduler = scheduler_with("watch_dog_time: 0.3\nmaximum_task_info_storage: 1000\n");
    static double forever = 1e6, brief = 0.01;
    ts_task_id ids[MANY], watched, free_one, quick;
    double begin = now();
    int at;
    for (at = 0; at < MANY; at++)
        ids[at] = submit_async(scheduler, NULL, sleep_on, &forever, TS_TIMEOUT_PROCESSING, 0.01 + 0.005 * (at * 7 % MANY));
    watched = submit_async(scheduler, "a", sleep_on, &forever, TS_TIMEOUT_PROCESSING, 0.0);
    free_one = submit_async(scheduler, "a", sleep_on, &forever, 0, 0.0);
    quick = submit_async(scheduler, "a", sleep_on, &brief, TS_TIMEOUT_PROCESSING, 100.0);
    for (at = 0; at < MANY; at++) {
        ts_task_status status = end_of(scheduler, ids[at]);
        EQUAL(status.state, TS_TIMEOUT);
        BETWEEN(status.ended_at - status.started_at, 0.01 + 0.005 * (at * 7 % MANY) - 0.01, 10.0);
    }
    EQUAL(end_of(scheduler, watched).state, TS_TIMEOUT);
    CHECK(now() - begin >= 0.3);
    EQUAL(end_of(scheduler, quick).state, TS_COMPLETED);
    EQUAL(state_of(scheduler, free_one), TS_RUNNING);
    ts_scheduler_free(scheduler);
}

/* One whose poll lasts for longer than its time-out is told, and ends with the
 * poll. */
static ts_poll until_told(ts_token *token, void *user_data)
{
    ++*(atomic_int *)user_data;
    while (!ts_should_stop(token))
        nap(0.001);
    return TS_POLL_READY;
}

static void timeout_in_a_poll(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    atomic_int entered = 0;
    double begin = now();
    ts_task_id id = submit_async(scheduler, "a", until_told, &entered, TS_TIMEOUT_PROCESSING, 0.1);
    EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    CHECK(now() - begin >= 0.1);
    EQUAL(entered, 1);
    ts_scheduler_free(scheduler);
}

/* A poll that does not return is stuck and reported; the other names of its
 * loop wait, and run when it has returned after all. */
static void stuck(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    gate door = { 0, false };
    atomic_int ran = 0;
    char text[37], words[120], *info = NULL;
    ts_task_id id, others[3], linear;
    OK(ts_set_log_callback(hear, NULL, NULL));
    id = submit_async(scheduler, "a", deaf_poll, &door, 0, 0.0);
    SOON(5.0, door.entered == 1);
    others[0] = submit_async(scheduler, "a", at_once, &ran, 0, 0.0);
    others[1] = submit_async(scheduler, "b", at_once, &ran, 0, 0.0);
    others[2] = submit_async(scheduler, NULL, at_once, &ran, 0, 0.0);
    OK(ts_force_stop(scheduler, id));
    ts_task_id_format(id, text);
    snprintf(words, sizeof(words), "Io asyncio task | %s | was told to stop and is stuck", text);
    SOON(5.0, (status_of(scheduler, id).flags & TS_STATUS_STUCK) != 0);
    SOON(5.0, said_times(words) >= 2);
    OK(ts_get_all_queue_info(scheduler, TS_ASYNC, false, &info));
    CHECK(info != NULL && strstr(info, "Name: a, Status: running (Task stuck), Elapsed Time: ") != NULL);
    ts_string_free(info);
    EQUAL(status_of(scheduler, id).state, TS_RUNNING);
    EQUAL(status_of(scheduler, id).stopping, TS_CANCELLED);
    EQUAL(ran, 0);
    EQUAL(state_of(scheduler, others[1]), TS_PENDING);
    linear = submit(scheduler, "a", count_up, &ran, 0, 0.0);
    EQUAL(end_of(scheduler, linear).state, TS_COMPLETED);
    door.open = true;
    EQUAL(end_of(scheduler, id).state, TS_CANCELLED);
    EQUAL(end_of(scheduler, others[0]).state, TS_COMPLETED);
    EQUAL(end_of(scheduler, others[1]).state, TS_COMPLETED);
    EQUAL(end_of(scheduler, others[2]).state, TS_COMPLETED);
    EQUAL(ran, 4);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

/* So is one that timed out in its poll. */
static void stuck_by_timeout(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    gate door = { 0, false };
    ts_task_id id = submit_async(scheduler, "a", deaf_poll, &door, TS_TIMEOUT_PROCESSING, 0.05);
    SOON(5.0, status_of(scheduler, id).stopping == TS_TIMEOUT);
    SOON(5.0, (status_of(scheduler, id).flags & TS_STATUS_STUCK) != 0);
    door.open = true;
    EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    ts_scheduler_free(scheduler);
}

/* Another loop's names go on beside a poll that does not return. */
static void other_loops_go_on(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK "event_loop_threads: 4\n");
    gate door = { 0, false };
    atomic_int ran = 0;
    ts_task_id id = submit_async(scheduler, "a", deaf_poll, &door, 0, 0.0);
    int at;
    SOON(5.0, door.entered == 1);
    for (at = 0; at < 40; at++) {
        char name[16];
        snprintf(name, sizeof(name), "name %d", at);
        submit_async(scheduler, name, at_once, &ran, 0, 0.0);
    }
    SOON(5.0, ran > 10);
    CHECK(ran < 40);
    door.open = true;
    SOON(5.0, ran == 40);
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

/* No thread of ours wakes for ten seconds while a task only waits to be woken
 * and others sleep for long. */
static ts_poll wait_for_waker(ts_token *token, void *user_data)
{
    ts_waker **waker = user_data;
    if (*waker != NULL)
        return TS_POLL_READY;
    OK(ts_waker_clone(token, waker));
    return TS_POLL_PENDING;
}

static void no_wakeups(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_async: 0\nevent_loop_threads: 2\n");
    double brief = 0.05, long_ = 1000.0;
    static ts_waker *waker;
    ts_task_id ids[40], last, sleeper_;
    long before, there;
    int at;
    static const char *const names[] = { "a", "b", "c", "d", NULL };
    for (at = 0; at < 40; at++) /* Deadlines that would fall into the ten seconds. */
        ids[at] = submit_async(scheduler, names[at % 5], sleep_on, &brief, at % 2 ? TS_TIMEOUT_PROCESSING : 0,
                               4.0 + at * 0.2);
    for (at = 0; at < 40; at++)
        end_of(scheduler, ids[at]);
    sleeper_ = submit_async(scheduler, "a", sleep_on, &long_, 0, 0.0);
    last = submit_async(scheduler, "b", wait_for_waker, &waker, 0, 0.0);
    nap(0.5);
    there = threads("ts-");
    CHECK(there > 0);
    before = switches();
    nap(10.0);
    EQUAL(switches(), before);
    EQUAL(threads("ts-"), there);
    OK(ts_waker_wake(waker));
    EQUAL(end_of(scheduler, last).state, TS_COMPLETED);
    EQUAL(state_of(scheduler, sleeper_), TS_RUNNING);
    ts_waker_free(waker);
    ts_scheduler_free(scheduler);
}

/* Loops hibernate, and the next add starts them; bans stay, and wakers of what
 * ended do nothing. */
static void hibernates(void)
{
    ts_scheduler *scheduler = scheduler_with("max_idle_time: 0.2\nevent_loop_threads: 3\n");
    atomic_int ran = 0;
    static ts_waker *waker;
    ts_task_id id, kept;
    int round;
    OK(ts_ban_task_name(scheduler, TS_ASYNC, "evil"));
    id = submit_async(scheduler, "a", wait_for_waker, &waker, 0, 0.0);
    nap(0.6);
    /* One that waits keeps its loop. */
    EQUAL(threads("ts-loop"), 1);
    OK(ts_waker_wake(waker));
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    for (round = 0; round < 3; round++) {
        int at;
        SOON(10.0, threads("ts-") == 0);
        OK(ts_waker_wake(waker));
        EQUAL(threads("ts-"), 0);
        FAILS(ts_add_async_task(scheduler, false, "evil", at_once, &ran, NULL, &kept), TS_ERROR_BANNED);
        EQUAL(state_of(scheduler, id), TS_COMPLETED);
        for (at = 0; at < 9; at++) {
            static const char *const names[] = { "a", "b", "c", "d", NULL };
            submit_async(scheduler, names[at % 5], at_once, &ran, 0, 0.0);
        }
        SOON(10.0, ran == 9 * (round + 1));
        CHECK(threads("ts-loop") > 0);
    }
    ts_waker_free(waker);
    ts_scheduler_free(scheduler);
}

/* Adds meet a loop that is just leaving. */
static void meets_leaving(void)
{
    static const char *const idles[] = { "max_idle_time: 0\n", "max_idle_time: 0.001\n" };
    int which, at;
    for (which = 0; which < 2; which++) {
        ts_scheduler *scheduler = scheduler_with(idles[which]);
        atomic_int ran = 0;
        double end = now() + 3.0;
        for (at = 0; at < 20000 && now() < end; at++) {
            submit_async(scheduler, at % 2 ? "a" : NULL, at_once, &ran, 0, 0.0);
            while (ran <= at)
                if (now() > end + 20) {
                    CHECK(!"the task runs");
                    return;
                }
            if (at % 3 == 0)
                nap(0.0001 * (at % 20));
        }
        CHECK(at > 100);
        ts_scheduler_free(scheduler);
    }
}

/* Works for a while, in short sleeps. */
static ts_poll work_on(ts_token *token, void *user_data)
{
    int *left = user_data;
    while (*left > 0) {
        if (ts_async_sleep(token, 0.01) != TS_OK)
            return TS_POLL_PENDING;
        --*left;
    }
    return TS_POLL_READY;
}

/* The parent stops this process from 1 s to 6 s: the deadline is in the pause. */
static void paused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    static double forever = 1e6;
    int steps = 200;
    double begin = now();
    ts_task_id id = submit_async(scheduler, "a", work_on, &steps, TS_TIMEOUT_PROCESSING, 3.5);
    printf("running\n");
    fflush(stdout);
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    CHECK(now() - begin > 3.5); /* Else it was not stopped. */
    begin = now();
    id = submit_async(scheduler, "a", sleep_on, &forever, TS_TIMEOUT_PROCESSING, 0.3);
    EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    BETWEEN(now() - begin, 0.29, 5.0);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "timeouts", timeouts },
    { "timeout_in_a_poll", timeout_in_a_poll },
    { "stuck", stuck },
    { "stuck_by_timeout", stuck_by_timeout },
    { "other_loops_go_on", other_loops_go_on },
    { "no_wakeups", no_wakeups },
    { "hibernates", hibernates },
    { "meets_leaving", meets_leaving },
    { "paused", paused },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
