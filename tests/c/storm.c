/* A host with signals at 1 kHz, whose handlers do not ask for calls to be begun
 * again: every call that waits waits its time, and hears what it waits for; no
 * signal comes to a thread of the library; errno is kept. Linked with eintr.c it
 * shows the same of waits that end for nothing.
 *
 * The signals are a profiler's SIGPROF, and one of a timer, which comes while
 * the thread sleeps too. SIGALRM is the guard's. */
#define _GNU_SOURCE
#include "hosting.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

static atomic_int heard, elsewhere;
static pthread_t host;

static void hear(int number)
{
    (void)number;
    heard++;
    if (!pthread_equal(pthread_self(), host))
        elsewhere++;
}

static timer_t storm;

static void begin_storm(void)
{
    struct sigaction action;
    struct sigevent event;
    struct itimerspec often = { { 0, 1000000 }, { 0, 1000000 } };
    struct itimerval busy = { { 0, 1000 }, { 0, 1000 } };
    host = pthread_self();
    heard = elsewhere = 0;
    memset(&action, 0, sizeof action);
    action.sa_handler = hear;
    CHECK(sigaction(SIGPROF, &action, NULL) == 0 && sigaction(SIGUSR2, &action, NULL) == 0);
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR2;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &storm) == 0);
    CHECK(timer_settime(storm, 0, &often, NULL) == 0);
    CHECK(setitimer(ITIMER_PROF, &busy, NULL) == 0);
}

static void end_storm(void)
{
    struct itimerval never = { { 0, 0 }, { 0, 0 } };
    CHECK(setitimer(ITIMER_PROF, &never, NULL) == 0);
    CHECK(timer_delete(storm) == 0);
    CHECK(heard > 0 && elsewhere == 0);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The call gives this, so long after that moment at least, and with errno as it was. */
#define LASTS_FROM(begin, seconds, wanted, call)                                  \
    do {                                                                          \
        errno = 77;                                                               \
        GIVES(wanted, call);                                                      \
        CHECK(errno == 77);                                                       \
        CHECK(now() - (begin) >= (seconds)-0.001);                                \
    } while (0)

/* As above, from its own beginning; again and again, until some signals came. On a
 * busy machine many come as one. */
#define LASTS(seconds, wanted, call)                                              \
    do {                                                                          \
        int before_ = heard;                                                      \
        do {                                                                      \
            double begin_ = now();                                                \
            LASTS_FROM(begin_, seconds, wanted, call);                            \
        } while (heard - before_ < SOME);                                         \
    } while (0)

enum { SOME = 3 };

/* Until some signals came. */
static int32_t sleep_through_some(ts_token *token, void *user_data)
{
    int before = heard;
    (void)user_data;
    do {
        if (ts_interruptible_sleep(token, 0.1) != TS_OK)
            return 1;
    } while (heard - before < SOME);
    return 0;
}

/* The same, once a shutdown has begun. */
static int32_t sleep_in_a_shutdown(ts_token *token, void *user_data)
{
    ts_scheduler *scheduler = (ts_scheduler *)user_data;
    ts_task_id id;
    while (ts_add_task(scheduler, false, NULL, run_nothing, NULL, NULL, &id) != TS_ERROR_SHUTTING_DOWN)
        ;
    return sleep_through_some(token, NULL);
}

static void every_wait_lasts_its_time(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 1");
    plug blocked = { 0, 0 };
    ts_completions *completions = NULL;
    ts_completion end;
    ts_claim claimed;
    ts_task_options options = options_of("a", run_nothing, NULL, NULL, TS_WAIT_FOR_ROOM);
    ts_task_id running = add(scheduler, "a", run_plug, &blocked, NULL), id;
    size_t counted_;
    int round;
    await(&blocked.started, 1);
    add(scheduler, "a", run_nothing, NULL, NULL);
    MUST(ts_completions_new(scheduler, &completions));
    begin_storm();
    options.wait_seconds = 0.05;
    for (round = 0; round < 6; round++) {
        LASTS(0.05, TS_ERROR_TIMED_OUT, ts_wait(scheduler, running, 0.05, NULL));
        LASTS(0.05, TS_ERROR_TIMED_OUT, ts_claims_take(scheduler, &claimed, 1, 0.05, &counted_));
        LASTS(0.05, TS_ERROR_TIMED_OUT, ts_completions_take(completions, &end, 1, 0.05, &counted_));
        LASTS(0.05, TS_OK, ts_interruptible_sleep(NULL, 0.05));
        LASTS(0.05, TS_ERROR_QUEUE_FULL, ts_submit(scheduler, &options, &id));
    }
    for (round = 0; round < 6; round++)
        LASTS(0.05, TS_ERROR_TIMED_OUT, ts_shutdown_within(scheduler, false, 0.05, NULL));
    end_storm();
    pull(&blocked);
    MUST(ts_shutdown(scheduler, false));
    ts_completions_free(completions);
    ts_scheduler_free(scheduler);
}

static void who_waits_for_an_end_hears_it(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump *pump = NULL;
    ts_task_options options = options_of(NULL, sleep_through_some, NULL, NULL, 0);
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_task_id id;
    double begin;
    int round;
    MUST(ts_pump_new(scheduler, NULL, &pump));
    begin_storm();
    begin = now();
    id = add(scheduler, "a", sleep_through_some, NULL, NULL);
    LASTS_FROM(begin, 0.1, TS_OK, ts_wait(scheduler, id, TS_FOREVER, &status));
    CHECK(status.state == TS_COMPLETED);
    for (round = 0; round < 500; round++)
        CHECK(ended(scheduler, add(scheduler, "a", run_nothing, NULL, NULL)) == TS_COMPLETED);
    /* A task of a pump sleeps on this thread. */
    options.pump = pump;
    MUST(ts_submit(scheduler, &options, &id));
    begin = now();
    LASTS_FROM(begin, 0.1, TS_OK, ts_pump_run(pump, 0, 0, NULL));
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    id = add(scheduler, "a", sleep_in_a_shutdown, scheduler, NULL);
    while (state_of(scheduler, id) != TS_RUNNING)
        sched_yield();
    begin = now();
    LASTS_FROM(begin, 0.1, TS_OK, ts_shutdown(scheduler, false));
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    end_storm();
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

static ts_poll sleep_async(ts_token *token, void *user_data)
{
    (void)user_data;
    return ts_async_sleep(token, 0.1) == TS_OK ? TS_POLL_READY : TS_POLL_PENDING;
}

static int32_t until_stopped(ts_token *token, void *user_data)
{
    (void)user_data;
    return ts_interruptible_sleep(token, 1000) == TS_STOPPED ? 0 : 1;
}

static void deadlines_and_sleeps_come_as_ever(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = options_of("late", until_stopped, NULL, NULL, TS_TIMEOUT_PROCESSING);
    ts_task_options claims = claim_options("claimed", NULL, NULL, TS_TIMEOUT_PROCESSING);
    ts_task_id late, asleep, claimed_id;
    ts_claim claimed;
    double begin;
    options.timeout_seconds = claims.timeout_seconds = 0.1;
    begin_storm();
    begin = now();
    MUST(ts_submit(scheduler, &options, &late));
    MUST(ts_claim_submit(scheduler, &claims, &claimed, &claimed_id));
    MUST(ts_add_async_task(scheduler, false, "asleep", sleep_async, NULL, NULL, &asleep));
    LASTS_FROM(begin, 0.1, TS_OK, ts_wait(scheduler, late, TS_FOREVER, NULL));
    CHECK(state_of(scheduler, late) == TS_TIMEOUT);
    CHECK(ended(scheduler, asleep) == TS_COMPLETED);
    while (status_of(scheduler, claimed_id).stopping == 0)
        GIVES(TS_OK, ts_interruptible_sleep(NULL, 0.01));
    finish(scheduler, &claimed);
    CHECK(ended(scheduler, claimed_id) == TS_TIMEOUT);
    end_storm();
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(every_wait_lasts_its_time),
    TEST(who_waits_for_an_end_hears_it),
    TEST(deadlines_and_sleeps_come_as_ever),
};

CHECK_ALL(tests)
