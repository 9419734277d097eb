/* The wall clock jumps by a day, forwards and back: nobody notices.
 *
 * The program has its own clock_gettime, which the shared library uses too, and
 * watches the system calls that wait: none may wait by the wall clock, nor any
 * timer of a descriptor. */
#include "testing.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>

static atomic_long jump;
static atomic_int wall_readings, waits, wall_waits, timers, wall_timers;

/* All declared anew: the system's headers say more about them than we may. */
int clock_gettime(clockid_t clock, struct timespec *time);
long syscall(long number, ...);
int timerfd_create(int clock, int flags);

static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL)
        abort();
    return function;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*its)(clockid_t, struct timespec *);
    int result;
    if (its == NULL)
        *(void **)&its = real("clock_gettime");
    result = its(clock, time);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
        wall_readings++;
        time->tv_sec += jump;
    }
    return result;
}

long syscall(long number, ...)
{
    static long (*its)(long, ...);
    va_list list;
    long a[6];
    int at;
    if (its == NULL)
        *(void **)&its = real("syscall");
    va_start(list, number);
    for (at = 0; at < 6; at++)
        a[at] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex && a[3] != 0) {
        int operation = (int)a[1] & FUTEX_CMD_MASK;
        if (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) {
            waits++;
            wall_waits += (a[1] & FUTEX_CLOCK_REALTIME) != 0;
        }
    }
    return its(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int timerfd_create(int clock, int flags)
{
    static int (*its)(int, int);
    if (its == NULL)
        *(void **)&its = real("timerfd_create");
    timers++;
    wall_timers += clock != CLOCK_MONOTONIC;
    return its(clock, flags);
}

enum { DAY = 24 * 60 * 60 };
static const long jumps_to[] = { 0, DAY, -DAY, 0 };

static void jumps(void)
{
    ts_scheduler *scheduler = scheduler_with("max_idle_time: 5\nstuck_grace: 5");
    double brief = 0.3, added = 0.0;
    int at, readings = 0;
    for (at = 0; at < 4; at++) {
        double begin = now(), seconds = 30.0;
        ts_task_id in_time, late, waited;
        ts_task_status status;
        gate door = { 0, false };
        in_time = submit(scheduler, "in_time", sleeper, &brief, TS_TIMEOUT_PROCESSING, 2.0);
        late = submit(scheduler, "late", sleeper, &seconds, TS_TIMEOUT_PROCESSING, 0.6);
        waited = submit(scheduler, "waited", deaf, &door, 0, 0.0);
        nap(0.1);
        jump = jumps_to[at];
        FAILS(ts_wait(scheduler, waited, 0.3, NULL), TS_ERROR_TIMED_OUT);
        BETWEEN(now() - begin, 0.4, 2.0);
        status = end_of(scheduler, in_time);
        EQUAL(status.state, TS_COMPLETED);
        BETWEEN(status.ended_at - status.started_at, 0.28, 2.0);
        /* Points in time keep their order, whatever the wall clock says. */
        CHECK(status.added_at > added && status.started_at >= status.added_at);
        added = status.added_at;
        status = end_of(scheduler, late);
        EQUAL(status.state, TS_TIMEOUT);
        BETWEEN(status.ended_at - status.started_at, 0.55, 3.0);
        OK(ts_force_stop(scheduler, waited));
        nap(0.1);
        EQUAL(status_of(scheduler, waited).flags, 0); /* Not stuck yet. */
        door.open = true;
        end_of(scheduler, waited);
        CHECK(threads("ts-worker") > 0);
        if (at == 0)
            readings = wall_readings;
    }
    CHECK(waits > 0); /* Else ours was not the one that was called. */
    EQUAL(wall_waits, 0);
    EQUAL(readings, 1); /* To say points in time as the host sees them. */
    EQUAL(wall_readings, readings);
    ts_scheduler_free(scheduler);
}

static ts_poll sleep_once(ts_token *token, void *seconds)
{
    return ts_async_sleep(token, *(double *)seconds) == TS_OK ? TS_POLL_READY : TS_POLL_PENDING;
}

static ts_task_id submit_async(ts_scheduler *scheduler, double *seconds, double timeout)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    options.poll = sleep_once;
    options.user_data = seconds;
    options.flags = TS_TIMEOUT_PROCESSING;
    options.timeout_seconds = timeout;
    OK(ts_submit(scheduler, &options, &id));
    return id;
}

/* The same of sleeps and deadlines on an event loop, and of claims that show on
 * a descriptor. */
static void jumps_beside_loops(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double brief = 0.3, seconds = 30.0;
    struct pollfd claims = { -1, POLLIN, 0 };
    int at;
    OK(ts_claims_fd(scheduler, &claims.fd));
    for (at = 0; at < 4; at++) {
        ts_task_options options = TS_TASK_OPTIONS_INIT;
        ts_task_status status;
        ts_task_id in_time, late, id;
        ts_claim claim, none;
        size_t count;
        double begin = now();
        in_time = submit_async(scheduler, &brief, 5.0);
        late = submit_async(scheduler, &seconds, 0.6);
        options.name = "claimed";
        options.runner = TS_CLAIMS;
        options.flags = TS_TIMEOUT_PROCESSING;
        options.timeout_seconds = 0.8;
        OK(ts_claim_submit(scheduler, &options, &claim, &id));
        nap(0.1);
        jump = jumps_to[at];
        status = end_of(scheduler, in_time);
        EQUAL(status.state, TS_COMPLETED);
        BETWEEN(now() - begin, 0.29, 5.0);
        status = end_of(scheduler, late);
        EQUAL(status.state, TS_TIMEOUT);
        BETWEEN(now() - begin, 0.59, 5.0);
        EQUAL(poll(&claims, 1, 20000), 1);
        BETWEEN(now() - begin, 0.79, 10.0);
        FAILS(ts_claims_take(scheduler, &none, 1, 0, &count), TS_NOT_YET);
        EQUAL(status_of(scheduler, id).stopping, TS_TIMEOUT);
        OK(ts_claim_finish(scheduler, &claim, 0, NULL, NULL, NULL));
        EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    }
    CHECK(timers > 0);
    EQUAL(wall_timers, 0);
    EQUAL(wall_waits, 0);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "jumps_beside_loops", jumps_beside_loops },
    { "jumps", jumps },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
