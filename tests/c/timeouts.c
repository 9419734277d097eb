/* Time-outs: of whom, when, and when not. */
#include "testing.h"

#include <unistd.h>

static atomic_int drops;

/* Sets a result, sleeps, and returns 0 whether it was told to stop or not. */
static int32_t stubborn(ts_token *token, void *seconds)
{
    OK(ts_set_result(token, &drops, 1, count_drop));
    ts_interruptible_sleep(token, *(double *)seconds);
    return 0;
}

static void own_timeout(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double seconds = 20.0, begin = now();
    ts_task_id id = submit(scheduler, "a", stubborn, &seconds, TS_TIMEOUT_PROCESSING, 0.3);
    ts_task_status status = end_of(scheduler, id);
    ts_value value;
    BETWEEN(now() - begin, 0.29, 5.0);
    BETWEEN(status.ended_at - status.started_at, 0.25, 5.0);
    EQUAL(status.state, TS_TIMEOUT);
    EQUAL(drops, 1);
    FAILS(ts_get_task_result(scheduler, id, &value), TS_ERROR_NO_RESULT);
    FAILS(ts_force_stop(scheduler, id), TS_ERROR_ALREADY_FINISHED);
    ts_scheduler_free(scheduler);
    EQUAL(drops, 1);
}

static void watch_dog_time(void)
{
    ts_scheduler *scheduler = scheduler_with("watch_dog_time: 0.3");
    double seconds = 20.0, brief = 0.05;
    ts_task_id late, early;
    ts_task_status status;
    OK(ts_add_task(scheduler, true, "late", sleeper, &seconds, NULL, &late));
    OK(ts_add_task(scheduler, true, "early", sleeper, &brief, NULL, &early));
    status = end_of(scheduler, late);
    EQUAL(status.state, TS_TIMEOUT);
    BETWEEN(status.ended_at - status.started_at, 0.25, 5.0);
    EQUAL(end_of(scheduler, early).state, TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

/* While the function of a timed-out task has not returned, its status says so. */
static void told(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    gate door = { 0, false };
    ts_task_id id = submit(scheduler, "a", deaf, &door, TS_TIMEOUT_PROCESSING, 0.2);
    ts_task_status status;
    SOON(5.0, status_of(scheduler, id).stopping == TS_TIMEOUT);
    status = status_of(scheduler, id);
    EQUAL(status.state, TS_RUNNING);
    EQUAL(status.ended_at, 0);
    FAILS(ts_force_stop(scheduler, id), TS_ERROR_ALREADY_STOPPING);
    door.open = true;
    EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    EQUAL(status_of(scheduler, id).stopping, 0);
    ts_scheduler_free(scheduler);
}

static void from_the_start(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double first = 1.2, second = 0.2;
    ts_task_id id;
    ts_task_status status;
    submit(scheduler, "a", sleeper, &first, 0, 0.0);
    id = submit(scheduler, "a", sleeper, &second, TS_TIMEOUT_PROCESSING, 0.9);
    status = end_of(scheduler, id);
    EQUAL(status.state, TS_COMPLETED);
    CHECK(status.ended_at - status.added_at > 1.3);
    ts_scheduler_free(scheduler);
}

static void only_with_the_flag(void)
{
    ts_scheduler *scheduler = scheduler_with("watch_dog_time: 0.1");
    double seconds = 0.7;
    ts_task_id options, plain;
    options = submit(scheduler, "options", sleeper, &seconds, 0, 0.1);
    OK(ts_add_task(scheduler, false, "plain", sleeper, &seconds, NULL, &plain));
    nap(0.3);
    EQUAL(threads("ts-watchdog"), 0);
    EQUAL(end_of(scheduler, options).state, TS_COMPLETED);
    EQUAL(end_of(scheduler, plain).state, TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

/* A time-out of its own waits where the start will be noted: nobody sees it there. */
static void no_start_before_the_start(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    gate door = { 0, false };
    ts_task_status status, listed[3] = { TS_TASK_STATUS_INIT };
    ts_task_id first = submit(scheduler, "a", deaf, &door, TS_TIMEOUT_PROCESSING, 1e9);
    ts_task_id next = submit(scheduler, "a", deaf, &door, TS_TIMEOUT_PROCESSING, 1e9);
    ts_task_id never = submit(scheduler, "a", deaf, &door, TS_TIMEOUT_PROCESSING, 1e-9);
    size_t count, at;
    SOON(5.0, door.entered == 1);
    EQUAL(status_of(scheduler, next).started_at, 0);
    EQUAL(status_of(scheduler, never).started_at, 0);
    OK(ts_list_tasks(scheduler, TS_LINEAR, listed, 3, &count));
    EQUAL(count, 3);
    for (at = 0; at < count; at++)
        EQUAL(listed[at].started_at != 0, listed[at].state == TS_RUNNING);
    OK(ts_force_stop(scheduler, never));
    EQUAL(status_of(scheduler, never).started_at, 0);
    door.open = true;
    EQUAL(end_of(scheduler, first).state, TS_COMPLETED);
    status = end_of(scheduler, next);
    EQUAL(status.state, TS_COMPLETED);
    BETWEEN(status.started_at - status.added_at, 0.0, 100.0);
    ts_scheduler_free(scheduler);
}

static void earlier_deadline(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double seconds = 30.0, soonest = 30.0;
    ts_task_id late, early;
    ts_task_status status;
    int at;
    late = submit(scheduler, "late", sleeper, &seconds, TS_TIMEOUT_PROCESSING, 25.0);
    nap(0.2);
    EQUAL(threads("ts-watchdog"), 1);
    for (at = 0; at < 4; at++) { /* On a busy machine one may come late. */
        early = submit(scheduler, "early", sleeper, &seconds, TS_TIMEOUT_PROCESSING, 0.1);
        status = end_of(scheduler, early);
        EQUAL(status.state, TS_TIMEOUT);
        if (status.ended_at - status.started_at < soonest)
            soonest = status.ended_at - status.started_at;
    }
    /* Sooner than a watchdog that looks once a second would see it four times. */
    BETWEEN(soonest, 0.08, 0.5);
    EQUAL(state_of(scheduler, late), TS_RUNNING);
    OK(ts_force_stop(scheduler, late));
    EQUAL(end_of(scheduler, late).state, TS_CANCELLED);
    ts_scheduler_free(scheduler);
}

static int32_t brief(ts_token *token, void *user_data)
{
    double end = now() + 0.0001;
    while (now() < end)
        ;
    *(atomic_int *)user_data += ts_should_stop(token);
    return 0;
}

static void short_tasks(void)
{
    enum { TASKS = 10000 };
    static ts_task_id ids[TASKS];
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0\nmaximum_task_info_storage: 10000\n"
                                             "watch_dog_time: 5\n");
    static const char *const names[] = { "a", "b", "c", NULL };
    atomic_int stopped = 0;
    int at, completed = 0;
    for (at = 0; at < TASKS; at++)
        ids[at] = submit(scheduler, names[at % 4], brief, &stopped, TS_TIMEOUT_PROCESSING, at % 2 ? 4.0 : 0.0);
    for (at = 0; at < TASKS; at++)
        completed += end_of(scheduler, ids[at]).state == TS_COMPLETED;
    EQUAL(completed, TASKS);
    EQUAL(stopped, 0);
    ts_scheduler_free(scheduler);
}

static void watchdog_gone(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double seconds = 0.3;
    gate door = { 0, false };
    ts_task_id untimed, timed;
    EQUAL(threads("ts-"), 0);
    untimed = submit(scheduler, "untimed", deaf, &door, 0, 0.0);
    nap(0.1);
    EQUAL(threads("ts-watchdog"), 0);
    /* A task with a deadline ends long before it, while another has none. */
    timed = submit(scheduler, "timed", sleeper, &seconds, TS_TIMEOUT_PROCESSING, 25.0);
    SOON(5.0, threads("ts-watchdog") == 1);
    EQUAL(end_of(scheduler, timed).state, TS_COMPLETED);
    SOON(5.0, threads("ts-watchdog") == 0);
    door.open = true;
    EQUAL(end_of(scheduler, untimed).state, TS_COMPLETED);
    /* And while nothing runs at all. */
    timed = submit(scheduler, "timed", sleeper, &seconds, TS_TIMEOUT_PROCESSING, 25.0);
    EQUAL(end_of(scheduler, timed).state, TS_COMPLETED);
    SOON(1.0, threads("ts-watchdog") == 0);
    CHECK(threads("ts-worker") > 0);
    ts_scheduler_free(scheduler);
}

/* Works for a while of which a pause of the process is no part. */
static int32_t worker(ts_token *token, void *user_data)
{
    int left = *(int *)user_data;
    while (left-- > 0) {
        if (ts_should_stop(token))
            return 7;
        nap(0.01);
    }
    return 0;
}

/* The parent stops this process for five seconds while the task runs. */
static void paused(double timeout)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int steps = 250;
    double late = 60.0, begin;
    ts_task_id id = submit(scheduler, "a", worker, &steps, TS_TIMEOUT_PROCESSING, timeout);
    printf("running\n");
    fflush(stdout);
    begin = now();
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    CHECK(now() - begin > timeout); /* Else it was not stopped. */
    /* Later time-outs are not off by the pause. */
    begin = now();
    id = submit(scheduler, "a", sleeper, &late, TS_TIMEOUT_PROCESSING, 0.3);
    EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    BETWEEN(now() - begin, 0.29, 5.0);
    ts_scheduler_free(scheduler);
}

/* From 1 s to 6 s: the deadline is in the pause. */
static void paused_in(void)
{
    paused(3.5);
}

/* The deadline is behind the pause, but not as far as the work that is left. */
static void paused_before(void)
{
    paused(6.5);
}

/* A task that was told to stop just before the pause is not stuck for it. */
static void paused_stopping(void)
{
    ts_scheduler *scheduler = scheduler_with("stuck_grace: 3");
    gate door = { 0, false };
    ts_task_id id = submit(scheduler, "a", deaf, &door, 0, 0.0);
    double begin = now();
    SOON(5.0, door.entered == 1);
    OK(ts_set_log_callback(hear, NULL, NULL));
    OK(ts_force_stop(scheduler, id));
    printf("running\n");
    fflush(stdout);
    SOON(20.0, now() - begin > 5.0);
    nap(0.5);
    EQUAL(status_of(scheduler, id).flags, 0);
    EQUAL(said_times("stuck"), 0);
    door.open = true;
    EQUAL(end_of(scheduler, id).state, TS_CANCELLED);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

static atomic_bool enough;

static void *spin(void *unused)
{
    while (!enough)
        ;
    return unused;
}

static void busy_machine(void)
{
    enum { SPINNERS = 64, TASKS = 60 };
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    pthread_t spinners[SPINNERS];
    ts_task_id ids[TASKS];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int steps = 10, at, count = processors * 4 < SPINNERS ? (int)processors * 4 : SPINNERS;
    for (at = 0; at < count; at++)
        pthread_create(&spinners[at], NULL, spin, NULL);
    for (at = 0; at < TASKS; at++)
        ids[at] = submit(scheduler, NULL, worker, &steps, TS_TIMEOUT_PROCESSING, 3.0);
    for (at = 0; at < TASKS; at++)
        EQUAL(end_of(scheduler, ids[at]).state, TS_COMPLETED);
    enough = true;
    for (at = 0; at < count; at++)
        pthread_join(spinners[at], NULL);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "own_timeout", own_timeout },
    { "watch_dog_time", watch_dog_time },
    { "told", told },
    { "from_the_start", from_the_start },
    { "only_with_the_flag", only_with_the_flag },
    { "no_start_before_the_start", no_start_before_the_start },
    { "earlier_deadline", earlier_deadline },
    { "short_tasks", short_tasks },
    { "watchdog_gone", watchdog_gone },
    { "paused_in", paused_in },
    { "paused_before", paused_before },
    { "paused_stopping", paused_stopping },
    { "busy_machine", busy_machine },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
