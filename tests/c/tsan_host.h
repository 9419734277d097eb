/* What tsan_host.c does right: each function hands plain data over by one promise of the library's. */
#ifndef TSAN_HOST_H
#define TSAN_HOST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <task_scheduling.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: %s does not hold: %s\n", __FILE__, __LINE__, #condition, \
                    ts_last_error_message());                                               \
            _exit(1);                                                                       \
        }                                                                                   \
    } while (0)
#define MUST(call) CHECK((call) == TS_OK)

static volatile long sink;
static long claimed;
static long ran;    /* tasks, counted by the main thread when it has seen their ends */

/* What a task gets: written by the adder, read and written by the task, by its drop, and by whoever
 * sees the end. */
typedef struct {
    long in, out, dropped, told;
    long *of_name;    /* plain, of all tasks of a name */
} parcel;

static inline parcel *parcel_of(long in, long *of_name)
{
    parcel *made = (parcel *)calloc(1, sizeof *made);
    CHECK(made != NULL);
    made->in = in;
    made->of_name = of_name;
    return made;
}

static inline int32_t work(ts_token *token, void *user_data)
{
    parcel *its = (parcel *)user_data;
    (void)token;
    its->out = its->in + 1;
    if (its->of_name != NULL)
        ++*its->of_name;
    return 0;
}

static inline void drop_parcel(void *user_data)
{
    parcel *its = (parcel *)user_data;
    its->dropped = its->out + its->in + 1;
}

/* The task's own writes, its drop's included, are there; the parcel goes. */
static inline void open_parcel(parcel *its)
{
    CHECK(its->out == its->in + 1 && its->dropped == its->out + its->in + 1);
    free(its);
    ran++;
}

#define NAMES 8
static const char *const names[NAMES] = { "a", "b", "c", "d", "e", "f", "g", "h" };
static long of_names[NAMES];
static const char quick[] = "maximum_queue_line: 0\nmaximum_queue_async: 0\nline_task_max: 4\n"
                            "maximum_task_info_storage: 200\n";

static inline ts_scheduler *scheduler_of(const char *config)
{
    ts_scheduler *made = NULL;
    MUST(ts_scheduler_new(config, &made));
    return made;
}

static inline ts_task_options options_of(const char *name, ts_task_fn run, void *user_data,
                                         ts_drop_fn drop)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = name;
    options.run = run;
    options.user_data = user_data;
    options.drop = drop;
    return options;
}

#include "tsan_host_ends.h"
#include "tsan_host_hosts.h"
#include "tsan_host_stops.h"

static inline int keep_promises(long tasks)
{
    long part = tasks / 10;
    waited(3 * part);
    asked_for_state(part);
    completed(2 * part);
    shut_down(part);
    evicted(part / 2);
    renewed(part / 2);
    claims_of_threads(part);
    pumped(part / 4);
    polled(part / 4);
    stopped(tasks / 1000);
    told_to_stop(tasks / 2000);
    claims_cancelled(tasks / 2000);
    cancelled(tasks / 500);
    heard();
    if (ran < tasks)
        waited(tasks - ran);
    printf("%ld tasks\n", ran);
    return 0;
}

#endif
