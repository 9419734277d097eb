/*
 * One fault each, for scripts/check-sanitizers to see that it is reported: in
 * this program (compiled by the C compiler), or in the library's own code.
 *
 *     sanitizers FAULT
 */

#define _POSIX_C_SOURCE 200809L
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <task_scheduling.h>

enum { TASKS = 2000 };

static long counter;
static ts_task_id last;
static ts_state shared_state;

static void need(ts_error error)
{
    if (error != TS_OK) {
        fprintf(stderr, "%s: %s\n", ts_error_name(error), ts_last_error_message());
        exit(2);
    }
}

static int32_t count(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    counter++;
    return 0;
}

/* As count, on two threads: they meet by what orders nothing else. */
static int32_t meet_and_count(ts_token *token, void *user_data)
{
    static atomic_int here;
    atomic_fetch_add_explicit(&here, 1, memory_order_relaxed);
    while (atomic_load_explicit(&here, memory_order_relaxed) < 2)
        sched_yield();
    for (int i = 0; i < TASKS; i++)
        count(token, user_data);
    return 0;
}

static int32_t read_data(ts_token *token, void *user_data)
{
    volatile int *number = user_data;
    (void)token;
    return *number;
}

static void *ask(void *argument)
{
    for (int i = 0; i < TASKS; i++)
        need(ts_get_task_state(NULL, last, &shared_state));
    return argument;
}

int main(int argc, char **argv)
{
    const char *fault = argc > 1 ? argv[1] : "";
    need(ts_update_config(NULL, "maximum_queue_line", "0"));
    need(ts_add_task(NULL, false, "one", count, NULL, NULL, &last));

    if (!strcmp(fault, "none")) {
        /* Tasks of one name need no lock of their own. */
        for (int i = 0; i < TASKS; i++)
            need(ts_add_task(NULL, false, "one", count, NULL, NULL, &last));
    } else if (!strcmp(fault, "race")) {
        /* Tasks of two names do. */
        need(ts_add_task(NULL, false, "one", meet_and_count, NULL, NULL, &last));
        need(ts_add_task(NULL, false, "two", meet_and_count, NULL, NULL, &last));
    } else if (!strcmp(fault, "race-in-library")) {
        /* Two calls write to one place of ours. */
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            if (pthread_create(&threads[i], NULL, ask, NULL))
                return 2;
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
    } else if (!strcmp(fault, "use-after-free")) {
        int *number = calloc(1, sizeof *number);
        free(number);
        need(ts_add_task(NULL, false, NULL, read_data, number, NULL, &last));
    } else if (!strcmp(fault, "use-after-free-in-library")) {
        ts_scheduler *scheduler;
        ts_state state;
        need(ts_scheduler_new(NULL, &scheduler));
        ts_scheduler_free(scheduler);
        ts_get_task_state(scheduler, last, &state);
    } else if (!strcmp(fault, "leak")) {
        char *volatile lost = malloc(100);
        lost = NULL;
        (void)lost;
    } else if (!strcmp(fault, "undefined")) {
        volatile int most = INT_MAX;
        most = most + 1;
    } else {
        fprintf(stderr, "usage: sanitizers FAULT\n");
        return 2;
    }
    need(ts_wait(NULL, last, TS_FOREVER, NULL));
    need(ts_shutdown(NULL, false));
    return 0;
}
