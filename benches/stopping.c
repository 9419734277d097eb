/*
 * How long it takes from a force stop until the task has returned from the call
 * that it blocks in, with TS_INTERRUPT_BLOCKING, in microseconds; and what the
 * flag costs a task that is not stopped:
 *
 *     cargo build --release
 *     cc -O2 -Iinclude benches/stopping.c target/release/libtask_scheduling.a \
 *         -lpthread -ldl -lm -o stopping && ./stopping
 *
 * "blocked": the task has had time to block. "just before": it is stopped when it
 * is about to, so that now and then the first signal is lost.
 */
#define _GNU_SOURCE
#include "task_scheduling.h"

#include "../tests/c/blocking.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMES = 1000, TASKS = 200000, RUNS = 5 };

static atomic_int entered;
static _Atomic double returned;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(ts_error error)
{
    if (error != TS_OK) {
        fprintf(stderr, "%s: %s\n", ts_error_name(error), ts_last_error_message());
        exit(1);
    }
}

static int32_t blocked(ts_token *token, void *user_data)
{
    const blocking_call *its = user_data;
    atomic_store(&entered, 1);
    while (its->block() == EINTR && !ts_should_stop(token))
        ;
    atomic_store(&returned, now());
    return 0;
}

static int32_t empty(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static ts_task_id add(ts_scheduler *scheduler, ts_task_fn run, const void *data, uint32_t flags)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    options.name = "a";
    options.run = run;
    options.user_data = (void *)data;
    options.flags = flags;
    check(ts_submit(scheduler, &options, &id));
    return id;
}

static void stop_to_return(const blocking_call *call, unsigned lead)
{
    static double times[TIMES];
    ts_scheduler *scheduler;
    check(ts_scheduler_new(NULL, &scheduler));
    for (int i = 0; i < TIMES; i++) {
        atomic_store(&entered, 0);
        ts_task_id id = add(scheduler, blocked, call, TS_INTERRUPT_BLOCKING);
        while (!atomic_load(&entered))
            ;
        if (lead > 0)
            usleep(lead);
        double start = now();
        check(ts_force_stop(scheduler, id));
        check(ts_wait(scheduler, id, TS_FOREVER, NULL));
        times[i] = (atomic_load(&returned) - start) * 1e6;
    }
    qsort(times, TIMES, sizeof *times, by_value);
    printf("%-10s %-12s median %8.1f us, 99 of 100 %8.1f us, longest %8.1f us\n", call->name,
           lead > 0 ? "blocked" : "just before", times[TIMES / 2], times[TIMES * 99 / 100], times[TIMES - 1]);
    ts_scheduler_free(scheduler);
}

static double cost(uint32_t flags)
{
    double runs[RUNS];
    for (int run = 0; run < RUNS; run++) {
        ts_scheduler *scheduler;
        ts_task_id last = { { 0 } };
        check(ts_scheduler_new("maximum_queue_line: 0", &scheduler));
        double start = now();
        for (int task = 0; task < TASKS; task++)
            last = add(scheduler, empty, NULL, flags);
        check(ts_wait(scheduler, last, TS_FOREVER, NULL));
        runs[run] = (now() - start) / TASKS * 1e9;
        ts_scheduler_free(scheduler);
    }
    qsort(runs, RUNS, sizeof *runs, by_value);
    return runs[RUNS / 2];
}

int main(void)
{
    if (make_what_blocks() != 0)
        return 1;
    for (int call = 0; call < BLOCKING_CALLS; call++)
        stop_to_return(&blocking_calls[call], 300);
    for (int call = 0; call < BLOCKING_CALLS; call++)
        stop_to_return(&blocking_calls[call], 0);
    printf("an empty task of one name, without the flag %8.1f ns\n", cost(0));
    printf("the same with TS_INTERRUPT_BLOCKING         %8.1f ns\n", cost(TS_INTERRUPT_BLOCKING));
    return 0;
}
