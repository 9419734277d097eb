/* Time-outs of claims, and claims that never come back. */
#include "testing.h"

#include <poll.h>

/* Adds a task that the host runs; its claim, which must be there. */
static ts_claim started(ts_scheduler *scheduler, const char *name, uint32_t flags, double timeout)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_claim claim;
    ts_task_id id;
    options.name = name;
    options.runner = TS_CLAIMS;
    options.flags = flags;
    options.timeout_seconds = timeout;
    OK(ts_claim_submit(scheduler, &options, &claim, &id));
    CHECK(claim.token != NULL);
    return claim;
}

/* Adds one that has to wait. */
static ts_task_id queued(ts_scheduler *scheduler, const char *name)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_claim claim;
    ts_task_id id;
    options.name = name;
    options.runner = TS_CLAIMS;
    OK(ts_claim_submit(scheduler, &options, &claim, &id));
    CHECK(claim.token == NULL);
    return id;
}

static void finish(ts_scheduler *scheduler, const ts_claim *claim)
{
    OK(ts_claim_finish(scheduler, claim, 0, NULL, NULL, NULL));
}

static ts_claim take(ts_scheduler *scheduler, double seconds)
{
    ts_claim claim;
    size_t count = 0;
    memset(&claim, 0, sizeof(claim));
    OK(ts_claims_take(scheduler, &claim, 1, seconds, &count));
    EQUAL(count, 1);
    return claim;
}

static bool readable(int fd, double seconds)
{
    struct pollfd its;
    its.fd = fd;
    its.events = POLLIN;
    its.revents = 0;
    return poll(&its, 1, (int)(seconds * 1000)) == 1;
}

static bool is_same(ts_task_id one, ts_task_id other)
{
    return memcmp(&one, &other, sizeof(one)) == 0;
}

/* Without anybody who takes, a thread of the library looks. */
static void watched(void)
{
    ts_scheduler *scheduler = scheduler_with("watch_dog_time: 0.3");
    double begin = now();
    ts_claim own = started(scheduler, "own", TS_TIMEOUT_PROCESSING, 0.2);
    ts_claim general = started(scheduler, "general", TS_TIMEOUT_PROCESSING, 0.0);
    ts_claim none = started(scheduler, "none", 0, 0.0);
    ts_value value = { &failures, 1, count_drop }, got;
    int before = failures;
    SOON(10.0, threads("ts-watchdog") == 1);
    EQUAL(threads("ts-worker"), 0);
    FAILS(ts_interruptible_sleep(own.token, 30.0), TS_STOPPED);
    BETWEEN(now() - begin, 0.19, 10.0);
    FAILS(ts_interruptible_sleep(general.token, 30.0), TS_STOPPED);
    BETWEEN(now() - begin, 0.29, 10.0);
    EQUAL(status_of(scheduler, own.id).stopping, TS_TIMEOUT);
    FAILS(ts_force_stop(scheduler, own.id), TS_ERROR_ALREADY_STOPPING);
    FAILS(ts_claim_start(scheduler, &own), TS_STOPPED);
    CHECK(!ts_should_stop(none.token));
    OK(ts_claim_finish(scheduler, &own, 0, &value, NULL, NULL));
    EQUAL(failures, before + 1);
    failures = before;
    finish(scheduler, &general);
    finish(scheduler, &none);
    EQUAL(state_of(scheduler, own.id), TS_TIMEOUT);
    EQUAL(state_of(scheduler, general.id), TS_TIMEOUT);
    EQUAL(state_of(scheduler, none.id), TS_COMPLETED);
    FAILS(ts_get_task_result(scheduler, own.id, &got), TS_ERROR_NO_RESULT);
    SOON(10.0, threads("ts-") == 0);
    ts_scheduler_free(scheduler);
}

/* One that waits for claims looks at deadlines too, and sleeps past none. */
static void taken(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim late, early, other;
    size_t count;
    int fd;
    double begin = now();
    OK(ts_claims_fd(scheduler, &fd));
    late = started(scheduler, "late", TS_TIMEOUT_PROCESSING, 0.5);
    early = started(scheduler, "early", TS_TIMEOUT_PROCESSING, 0.2);
    FAILS(ts_claims_take(scheduler, &other, 1, 1.5, &count), TS_ERROR_TIMED_OUT);
    BETWEEN(now() - begin, 1.49, 20.0);
    CHECK(ts_should_stop(early.token) && ts_should_stop(late.token));
    EQUAL(threads("ts-"), 0);
    finish(scheduler, &early);
    finish(scheduler, &late);
    EQUAL(state_of(scheduler, early.id), TS_TIMEOUT);
    EQUAL(state_of(scheduler, late.id), TS_TIMEOUT);
    ts_scheduler_free(scheduler);
}

static void *await_the_stop(void *argument)
{
    ts_claim *claim = argument;
    FAILS(ts_interruptible_sleep(claim->token, 60.0), TS_STOPPED);
    finish((ts_scheduler *)claim->user_data, claim);
    return NULL;
}

/* Who waits without bound is woken for a deadline that was set meanwhile. */
static void taken_meanwhile(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim claim, next;
    pthread_t other;
    size_t count;
    int fd;
    OK(ts_claims_fd(scheduler, &fd));
    claim = started(scheduler, "name", TS_TIMEOUT_PROCESSING, 0.4);
    queued(scheduler, "name");
    claim.user_data = scheduler;
    pthread_create(&other, NULL, await_the_stop, &claim);
    /* What ends this is the other's finish, which the time-out brings about. */
    OK(ts_claims_take(scheduler, &next, 1, TS_FOREVER, &count));
    EQUAL(count, 1);
    pthread_join(other, NULL);
    EQUAL(state_of(scheduler, claim.id), TS_TIMEOUT);
    EQUAL(threads("ts-"), 0);
    finish(scheduler, &next);
    ts_scheduler_free(scheduler);
}

/* With a descriptor there is no thread of the library; it is readable when a
 * deadline has passed. */
static void polled(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim claim, other;
    size_t count;
    int fd, rounds = 0;
    double begin;
    OK(ts_claims_fd(scheduler, &fd));
    begin = now();
    claim = started(scheduler, "name", TS_TIMEOUT_PROCESSING, 0.7);
    CHECK(!readable(fd, 0.0));
    EQUAL(threads("ts-"), 0);
    while (!ts_should_stop(claim.token) && rounds < 100) {
        CHECK(readable(fd, 60.0));
        FAILS(ts_claims_take(scheduler, &other, 1, 0.0, &count), TS_NOT_YET);
        rounds++;
    }
    BETWEEN(now() - begin, 0.69, 60.0);
    CHECK(!readable(fd, 0.0));
    EQUAL(threads("ts-"), 0);
    finish(scheduler, &claim);
    EQUAL(state_of(scheduler, claim.id), TS_TIMEOUT);
    /* Deadlines that are gone are heard of once, if at all. */
    for (rounds = 0; rounds < 100; rounds++) {
        claim = started(scheduler, "name", TS_TIMEOUT_PROCESSING, 0.2);
        finish(scheduler, &claim);
    }
    if (readable(fd, 0.6))
        FAILS(ts_claims_take(scheduler, &other, 1, 0.0, &count), TS_NOT_YET);
    CHECK(!readable(fd, 0.6));
    EQUAL(threads("ts-"), 0);
    ts_scheduler_free(scheduler);
}

/* It is readable for a deadline that has passed, and not now and then before. */
static void polled_exactly(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim claim, other;
    size_t count;
    int fd;
    double begin;
    OK(ts_claims_fd(scheduler, &fd));
    begin = now();
    claim = started(scheduler, "name", TS_TIMEOUT_PROCESSING, 7.0);
    CHECK(readable(fd, 60.0));
    BETWEEN(now() - begin, 6.99, 60.0);
    FAILS(ts_claims_take(scheduler, &other, 1, 0.0, &count), TS_NOT_YET);
    CHECK(ts_should_stop(claim.token));
    finish(scheduler, &claim);
    ts_scheduler_free(scheduler);
}

/* A descriptor that comes late: the thread that looked is not needed any more. */
static void polled_later(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim claim = started(scheduler, "name", TS_TIMEOUT_PROCESSING, 1.5), other;
    size_t count;
    int fd, rounds = 0;
    SOON(10.0, threads("ts-watchdog") == 1);
    OK(ts_claims_fd(scheduler, &fd));
    while (!ts_should_stop(claim.token) && rounds++ < 100) {
        CHECK(readable(fd, 60.0));
        FAILS(ts_claims_take(scheduler, &other, 1, 0.0, &count), TS_NOT_YET);
    }
    SOON(10.0, threads("ts-") == 0);
    finish(scheduler, &claim);
    EQUAL(state_of(scheduler, claim.id), TS_TIMEOUT);
    ts_scheduler_free(scheduler);
}

#define QUICK "stuck_grace: 0.3\nstatus_check_interval: 0.4\nline_task_max: 1\n"

static bool stuck(ts_scheduler *scheduler, ts_task_id id)
{
    return (status_of(scheduler, id).flags & TS_STATUS_STUCK) != 0;
}

/* Takes until something is there or the task is stuck. */
static void look_until_stuck(ts_scheduler *scheduler, int fd, ts_task_id id)
{
    ts_claim claim;
    size_t count;
    int rounds = 0;
    while (!stuck(scheduler, id) && rounds++ < 1000) {
        CHECK(readable(fd, 60.0));
        FAILS(ts_claims_take(scheduler, &claim, 1, 0.0, &count), TS_NOT_YET);
    }
}

/* With and without a descriptor. */
static void reported_as(bool with_fd)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    char text[37], words[100];
    ts_claim claim, other;
    size_t count;
    int fd;
    double begin;
    if (with_fd)
        OK(ts_claims_fd(scheduler, &fd));
    OK(ts_set_log_callback(hear, NULL, NULL));
    claim = started(scheduler, "name", 0, 0.0);
    begin = now();
    OK(ts_force_stop(scheduler, claim.id));
    ts_task_id_format(claim.id, text);
    snprintf(words, sizeof(words), "Io linear task | %s | was told to stop and is stuck", text);
    if (with_fd)
        look_until_stuck(scheduler, fd, claim.id);
    else
        SOON(10.0, stuck(scheduler, claim.id));
    BETWEEN(now() - begin, 0.29, 60.0);
    EQUAL(status_of(scheduler, claim.id).state, TS_RUNNING);
    EQUAL(status_of(scheduler, claim.id).stopping, TS_CANCELLED);
    /* Again and again. */
    if (with_fd) {
        while (said_times(words) < 3 && now() - begin < 60.0) {
            CHECK(readable(fd, 60.0));
            FAILS(ts_claims_take(scheduler, &other, 1, 0.0, &count), TS_NOT_YET);
        }
        EQUAL(threads("ts-"), 0);
    }
    SOON(10.0, said_times(words) >= 3);
    finish(scheduler, &claim);
    EQUAL(state_of(scheduler, claim.id), TS_CANCELLED);
    CHECK(!stuck(scheduler, claim.id));
    SOON(10.0, threads("ts-") == 0);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

static void reported(void)
{
    reported_as(false);
}

static void reported_by_fd(void)
{
    reported_as(true);
}

/* One that timed out and does not come back is stuck too. */
static void timed_out_and_stuck(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    ts_claim claim;
    int fd;
    OK(ts_claims_fd(scheduler, &fd));
    claim = started(scheduler, "name", TS_TIMEOUT_PROCESSING, 0.2);
    look_until_stuck(scheduler, fd, claim.id);
    EQUAL(status_of(scheduler, claim.id).stopping, TS_TIMEOUT);
    CHECK(stuck(scheduler, claim.id));
    EQUAL(threads("ts-"), 0);
    finish(scheduler, &claim);
    EQUAL(state_of(scheduler, claim.id), TS_TIMEOUT);
    ts_scheduler_free(scheduler);
}

/* It holds its lane, but another may be out in its place; when it comes back
 * there is one too many, which the next of its name must not make worse. */
static void replaced(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    ts_claim claim = started(scheduler, "name", 0, 0.0), instead, next;
    ts_task_id behind = queued(scheduler, "name"), other = queued(scheduler, "other");
    size_t count;
    FAILS(ts_claims_take(scheduler, &instead, 1, 0.0, &count), TS_NOT_YET);
    OK(ts_force_stop(scheduler, claim.id));
    instead = take(scheduler, 60.0);
    CHECK(is_same(instead.id, other));
    CHECK(stuck(scheduler, claim.id));
    FAILS(ts_claims_take(scheduler, &next, 1, 0.0, &count), TS_NOT_YET);
    OK(ts_claim_finish(scheduler, &claim, 0, NULL, NULL, &next));
    CHECK(next.token == NULL);
    EQUAL(state_of(scheduler, behind), TS_PENDING);
    if (next.token == NULL) {
        OK(ts_claim_finish(scheduler, &instead, 0, NULL, NULL, &next));
        CHECK(is_same(next.id, behind));
    } else {
        finish(scheduler, &instead);
    }
    finish(scheduler, &next);
    ts_scheduler_free(scheduler);
}

static void lane_released(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    ts_claim claim = started(scheduler, "name", TS_RELEASE_LANE_WHEN_STUCK, 0.0), next, third;
    ts_task_id second = queued(scheduler, "name"), last = queued(scheduler, "name");
    size_t count;
    OK(ts_force_stop(scheduler, claim.id));
    next = take(scheduler, 60.0);
    CHECK(is_same(next.id, second));
    EQUAL(state_of(scheduler, claim.id), TS_RUNNING);
    EQUAL(state_of(scheduler, last), TS_PENDING);
    /* The one that lost its lane hands on nothing of it. */
    OK(ts_claim_finish(scheduler, &claim, 0, NULL, NULL, &third));
    CHECK(third.token == NULL);
    FAILS(ts_claims_take(scheduler, &third, 1, 0.0, &count), TS_NOT_YET);
    OK(ts_claim_finish(scheduler, &next, 0, NULL, NULL, &third));
    CHECK(is_same(third.id, last));
    finish(scheduler, &third);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    ts_claim claim;
    atomic_int step;
} errand;

static void *take_and_hold(void *argument)
{
    errand *its = argument;
    its->claim = take(its->scheduler, 60.0);
    its->step = 1;
    SOON(60.0, its->step == 2);
    finish(its->scheduler, &its->claim);
    return NULL;
}

/* Who lost the lane does not hold it up: a wait for its next ones is a wait. */
static void lane_lost(void)
{
    ts_scheduler *scheduler = scheduler_with("stuck_grace: 0.3\nstatus_check_interval: 0.4\n");
    ts_claim claim = started(scheduler, "name", TS_RELEASE_LANE_WHEN_STUCK, 0.0), last;
    ts_task_id second = queued(scheduler, "name"), third = queued(scheduler, "name");
    errand its;
    pthread_t other;
    its.scheduler = scheduler;
    its.step = 0;
    FAILS(ts_wait(scheduler, second, 0.01, NULL), TS_ERROR_WOULD_DEADLOCK);
    OK(ts_force_stop(scheduler, claim.id));
    pthread_create(&other, NULL, take_and_hold, &its);
    SOON(60.0, its.step == 1);
    CHECK(is_same(its.claim.id, second));
    FAILS(ts_wait(scheduler, second, 0.01, NULL), TS_ERROR_TIMED_OUT);
    FAILS(ts_wait(scheduler, third, 0.01, NULL), TS_ERROR_TIMED_OUT);
    FAILS(ts_wait(scheduler, claim.id, 0.01, NULL), TS_ERROR_WOULD_DEADLOCK);
    its.step = 2;
    pthread_join(other, NULL);
    last = take(scheduler, 60.0);
    CHECK(is_same(last.id, third));
    finish(scheduler, &last);
    finish(scheduler, &claim);
    ts_scheduler_free(scheduler);
}

static void *take_for_long(void *argument)
{
    ts_claim *claim = argument;
    size_t count;
    OK(ts_claims_take((ts_scheduler *)claim->user_data, claim, 1, TS_FOREVER, &count));
    return NULL;
}

/* A lane that a time-out frees: its next one comes to who takes. */
static void freed_by_a_timeout(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim claim = started(scheduler, "name", TS_TIMEOUT_PROCESSING, 0.3), next;
    ts_task_id second = queued(scheduler, "name");
    pthread_t taker;
    memset(&next, 0, sizeof(next));
    next.user_data = scheduler;
    pthread_create(&taker, NULL, take_for_long, &next);
    FAILS(ts_interruptible_sleep(claim.token, 60.0), TS_STOPPED);
    finish(scheduler, &claim);
    pthread_join(taker, NULL);
    CHECK(is_same(next.id, second));
    finish(scheduler, &next);
    ts_scheduler_free(scheduler);
}

/* Who waits for a deadline sleeps: a taker, and the library's own thread. */
static void asleep(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    struct timespec before, after;
    ts_claim claim, other;
    size_t count;
    claim = started(scheduler, "name", TS_TIMEOUT_PROCESSING, 600.0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    FAILS(ts_claims_take(scheduler, &other, 1, 2.0, &count), TS_ERROR_TIMED_OUT);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    BETWEEN((double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec),
            0.0, 0.5);
    finish(scheduler, &claim);
    ts_scheduler_free(scheduler);
}

/* The parent stops this process from 1 s to 6 s: the deadline is in the pause. What is left of it
 * when the pause begins is left when it ends. */
static void paused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim claim = started(scheduler, "a", TS_TIMEOUT_PROCESSING, 3.5);
    double begin = now();
    int naps = 0;
    printf("running\n");
    fflush(stdout);
    while (now() - begin < 7.0 && !ts_should_stop(claim.token)) {
        nap(0.01);
        naps++;
    }
    EQUAL(status_of(scheduler, claim.id).stopping, 0);
    CHECK(now() - begin >= 7.0 && naps < 400); /* Else it was not stopped. */
    FAILS(ts_interruptible_sleep(claim.token, 60.0), TS_STOPPED);
    EQUAL(status_of(scheduler, claim.id).stopping, TS_TIMEOUT);
    finish(scheduler, &claim);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "watched", watched },
    { "taken", taken },
    { "taken_meanwhile", taken_meanwhile },
    { "polled", polled },
    { "polled_exactly", polled_exactly },
    { "polled_later", polled_later },
    { "reported", reported },
    { "reported_by_fd", reported_by_fd },
    { "timed_out_and_stuck", timed_out_and_stuck },
    { "replaced", replaced },
    { "lane_released", lane_released },
    { "lane_lost", lane_lost },
    { "freed_by_a_timeout", freed_by_a_timeout },
    { "asleep", asleep },
    { "paused", paused },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
