/*
 * What memory comes back, through the C face:
 *
 *     cargo build --release
 *     cc -O2 -Iinclude benches/memory.c target/release/libtask_scheduling.a \
 *         -lpthread -ldl -lm -o memory && ./memory
 *
 * The resident memory before a burst of 1,000,000 tasks queued behind one,
 * while they wait, and when they have run; three times. Before that 1,000,000
 * names, each used once, three times, no name twice; and after it, what is left
 * when the scheduler hibernates, and when it is freed.
 */
#define _GNU_SOURCE
#include "task_scheduling.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 1000000,
       TIMES = 3 };

static atomic_long done;
static atomic_bool started, release;

static void check(ts_error error)
{
    if (error != TS_OK) {
        fprintf(stderr, "%s: %s\n", ts_error_name(error), ts_last_error_message());
        exit(1);
    }
}

static void nap(void)
{
    struct timespec time = { 0, 500000 };
    nanosleep(&time, NULL);
}

static double megabytes(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &ignored, &pages) != 2)
        exit(1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static int32_t count(ts_token *token, void *data)
{
    (void)token;
    (void)data;
    atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
    return 0;
}

static int32_t block(ts_token *token, void *data)
{
    (void)token;
    (void)data;
    atomic_store(&started, true);
    while (!atomic_load(&release))
        nap();
    return 0;
}

static void until_done(long number)
{
    while (atomic_load(&done) < number)
        nap();
}

static void bursts(ts_scheduler *scheduler)
{
    ts_task_id id;
    for (int time = 0; time < TIMES; time++) {
        double before = megabytes(), full;
        atomic_store(&done, 0);
        atomic_store(&started, false);
        atomic_store(&release, false);
        check(ts_add_task(scheduler, false, "burst", block, NULL, NULL, &id));
        while (!atomic_load(&started))
            nap();
        for (int task = 0; task < TASKS; task++)
            check(ts_add_task(scheduler, false, "burst", count, NULL, NULL, &id));
        full = megabytes();
        atomic_store(&release, true);
        until_done(TASKS);
        printf("a burst of 1,000,000 tasks: %6.1f MB before, %6.1f MB queued, %6.1f MB after\n", before, full,
               megabytes());
    }
}

static void names(ts_scheduler *scheduler)
{
    char name[32];
    ts_task_id id;
    double before = megabytes();
    atomic_store(&done, 0);
    for (long used = 0; used < (long)TIMES * TASKS; used++) {
        snprintf(name, sizeof name, "once %ld", used);
        check(ts_add_task(scheduler, false, name, count, NULL, NULL, &id));
        if ((used + 1) % 1000 == 0) /* no burst: what stays is of names, not of tasks that wait */
            until_done(used + 1);
        if ((used + 1) % TASKS == 0) {
            printf("%ld,000,000 names used once:  %6.1f MB before, %6.1f MB after\n", (used + 1) / TASKS, before,
                   megabytes());
        }
    }
}

int main(void)
{
    ts_scheduler *scheduler;
    ts_task_id id;
    check(ts_scheduler_new("maximum_queue_line: 0\nmax_idle_time: 1000", &scheduler));
    for (int task = 0; task < 10000; task++) /* threads and tables are there */
        check(ts_add_task(scheduler, false, NULL, count, NULL, NULL, &id));
    until_done(10000);
    names(scheduler);
    bursts(scheduler);
    check(ts_update_config(scheduler, "max_idle_time", "0.1"));
    check(ts_add_task(scheduler, false, NULL, count, NULL, NULL, &id));
    for (int time = 0; time < 2000; time++) /* a second without a task, ten times the time to hibernate */
        nap();
    printf("hibernated:                  %6.1f MB\n", megabytes());
    ts_scheduler_free(scheduler);
    printf("without the scheduler:       %6.1f MB\n", megabytes());
    return 0;
}
