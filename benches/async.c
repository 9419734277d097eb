/*
 * What an async task costs, through the C face:
 *
 *     cargo build --release
 *     cc -O2 -Iinclude benches/async.c target/release/libtask_scheduling.a \
 *         -lpthread -ldl -lm -o async && ./async
 *
 * 1,000,000 tasks asleep at once, in a process of their own: bytes each, and
 * nanoseconds each to create and to expire. Then nanoseconds for a task that is
 * ready at once, and how long it takes from a waker to the poll.
 */
#define _GNU_SOURCE
#include "task_scheduling.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 1000000, RUNS = 5, WAKES = 20000 };

static atomic_long asleep, done;
static double due;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void nap(double seconds)
{
    struct timespec time = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
    nanosleep(&time, NULL);
}

static void check(ts_error error)
{
    if (error != TS_OK) {
        fprintf(stderr, "%s: %s\n", ts_error_name(error), ts_last_error_message());
        exit(1);
    }
}

static ts_scheduler *scheduler_with(const char *yaml)
{
    ts_scheduler *scheduler;
    check(ts_scheduler_new(yaml, &scheduler));
    return scheduler;
}

static void one_more(atomic_long *counter)
{
    /* The loop alone counts. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void until(atomic_long *counter, long count)
{
    while (atomic_load_explicit(counter, memory_order_relaxed) < count)
        nap(0.0005);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double part(double *values, size_t count, double which)
{
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)(which * (double)(count - 1))];
}

static double resident(void)
{
    long pages = 0, all = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &pages) != 2)
        exit(1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Asleep ------------------------------------------------------------------ */

static ts_poll sleep_until_due(ts_token *token, void *user_data)
{
    double left;
    (void)user_data;
    left = due - now();
    if (ts_async_sleep(token, left > 0 ? left : 0) == TS_OK) {
        one_more(&done);
        return TS_POLL_READY;
    }
    one_more(&asleep);
    return TS_POLL_PENDING;
}

static void many_asleep(void)
{
    ts_scheduler *scheduler = scheduler_with("max_idle_time: 1000");
    ts_task_id id;
    double begin, created, before, all;
    due = now();
    check(ts_add_async_task(scheduler, false, NULL, sleep_until_due, NULL, NULL, &id));
    until(&done, 1);
    before = resident();
    begin = now();
    due = begin + 6;
    for (long at = 0; at < TASKS; at++)
        check(ts_add_async_task(scheduler, false, NULL, sleep_until_due, NULL, NULL, &id));
    until(&asleep, TASKS);
    created = now() - begin;
    all = resident() - before;
    if (now() > due - 0.5) {
        printf("asleep: creating took too long on this machine (%.1f s)\n", created);
        exit(1);
    }
    until(&done, TASKS + 1);
    printf("asleep: %d tasks at once: %.0f bytes each, %.0f ns each to create, %.0f ns each to expire\n",
           TASKS, all / TASKS, created / TASKS * 1e9, (now() - due) / TASKS * 1e9);
    ts_scheduler_free(scheduler);
}

/* Ready ------------------------------------------------------------------- */

static ts_poll ready(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    one_more(&done);
    return TS_POLL_READY;
}

static void ready_at_once(const char *what, int names, const char *yaml)
{
    double each[RUNS];
    for (int run = 0; run < RUNS; run++) {
        ts_scheduler *scheduler = scheduler_with(yaml);
        static char text[64][16];
        ts_task_id id;
        double begin;
        for (int at = 0; at < 64; at++)
            snprintf(text[at], sizeof text[at], "name %d", at);
        atomic_store(&done, 0);
        begin = now();
        for (long at = 0; at < TASKS; at++)
            check(ts_add_async_task(scheduler, false, names ? text[at % names] : NULL, ready, NULL, NULL, &id));
        until(&done, TASKS);
        each[run] = (now() - begin) / TASKS * 1e9;
        ts_scheduler_free(scheduler);
    }
    printf("ready at once, %s: %.0f ns each\n", what, part(each, RUNS, 0.5));
}

/* Wakers ------------------------------------------------------------------ */

static ts_waker *waker;
static _Atomic double polled_at;
static atomic_bool stop;

static ts_poll note_time(ts_token *token, void *user_data)
{
    (void)user_data;
    if (atomic_load(&stop))
        return TS_POLL_READY;
    if (waker == NULL)
        check(ts_waker_clone(token, &waker));
    atomic_store(&polled_at, now());
    return TS_POLL_PENDING;
}

static void wake_to_poll(const char *what, double pause)
{
    static double each[WAKES];
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_id id;
    long wakes = pause > 0 ? 5000 : WAKES;
    waker = NULL;
    atomic_store(&stop, false);
    atomic_store(&polled_at, 0.0);
    check(ts_add_async_task(scheduler, false, "a", note_time, NULL, NULL, &id));
    while (atomic_load(&polled_at) == 0)
        ;
    for (long at = 0; at < wakes; at++) {
        double begin;
        if (pause > 0)
            nap(pause);
        begin = now();
        check(ts_waker_wake(waker));
        while (atomic_load(&polled_at) < begin)
            ;
        each[at] = (atomic_load(&polled_at) - begin) * 1e6;
    }
    atomic_store(&stop, true);
    check(ts_waker_wake(waker));
    check(ts_wait(scheduler, id, TS_FOREVER, NULL));
    printf("waker to poll, %s: %.1f us (median), %.1f us (99 in 100)\n", what,
           part(each, (size_t)wakes, 0.5), part(each, (size_t)wakes, 0.99));
    ts_waker_free(waker);
    ts_scheduler_free(scheduler);
}

int main(int argc, char **argv)
{
    char command[1024];
    if (argc > 1 && strcmp(argv[1], "asleep") == 0) {
        many_asleep();
        return 0;
    }
    snprintf(command, sizeof command, "'%s' asleep", argv[0]);
    fflush(stdout);
    if (system(command) != 0)
        return 1;
    ready_at_once("without a name", 0, NULL);
    ready_at_once("64 names, 3 at once", 64, "maximum_queue_async: 0");
    ready_at_once("one name, 3 at once", 1, "maximum_queue_async: 0");
    wake_to_poll("the loop asleep", 0.0002);
    wake_to_poll("one after the other", 0);
    return 0;
}
