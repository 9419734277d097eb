/*
 * What a task costs, in nanoseconds, through the C face, with ids, states,
 * cancellation and records on:
 *
 *     cargo build --release
 *     cc -O2 -Iinclude benches/tasks.c target/release/libtask_scheduling.a \
 *         -lpthread -ldl -lm -o tasks && ./tasks
 *
 * Every figure is the median of some runs of 1,000,000 tasks. Only ratios of
 * figures of one run mean something: the last lines give what a bare mutex and
 * a bare futex wake cost in the same minute.
 */
#define _GNU_SOURCE
#include "task_scheduling.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TASKS = 1000000, RUNS = 7, MOST_NAMES = 10000 };

static atomic_long done;
static char names[MOST_NAMES][16];

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

static int32_t empty(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    atomic_store_explicit(&done, atomic_load_explicit(&done, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return 0;
}

static int32_t count(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
    return 0;
}

static int32_t divide(ts_token *token, void *user_data)
{
    static volatile double one = 1, three = 3;
    one = one / three * three;
    return count(token, user_data);
}

static int32_t leave_result(ts_token *token, void *user_data)
{
    check(ts_set_result(token, names[0], sizeof names[0], NULL));
    return count(token, user_data);
}

static void drop_nothing(void *user_data)
{
    (void)user_data;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count_of)
{
    qsort(values, (size_t)count_of, sizeof *values, by_value);
    return values[count_of / 2];
}

static ts_scheduler *fresh(const char *config)
{
    ts_scheduler *scheduler;
    check(ts_scheduler_new(config, &scheduler));
    return scheduler;
}

/* 1,000,000 tasks over so many names (0: without), from one thread. */
static double tasks_of(int name_count, ts_task_fn run_it, ts_drop_fn drop)
{
    double runs[RUNS];
    for (int run = 0; run < RUNS; run++) {
        ts_scheduler *scheduler = fresh("maximum_queue_line: 0");
        ts_task_id id;
        double start = now();
        atomic_store(&done, 0);
        for (int task = 0; task < TASKS; task++) {
            const char *name = name_count ? names[task % name_count] : NULL;
            check(ts_add_task(scheduler, false, name, run_it, names[0], drop, &id));
        }
        while (atomic_load(&done) < TASKS)
            usleep(100);
        runs[run] = (now() - start) / TASKS * 1e9;
        ts_scheduler_free(scheduler);
    }
    return median(runs, RUNS);
}

static double empty_tasks(int name_count)
{
    return tasks_of(name_count, count, NULL);
}

struct producer {
    ts_scheduler *scheduler;
    int number;
};

static void *produce(void *data)
{
    struct producer *own = data;
    ts_task_id id;
    for (int task = 0; task < TASKS / 4; task++)
        check(ts_add_task(own->scheduler, false, names[(task * 4 + own->number) % 1000], count,
                          NULL, NULL, &id));
    return NULL;
}

static double four_producers(void)
{
    double runs[RUNS];
    for (int run = 0; run < RUNS; run++) {
        ts_scheduler *scheduler = fresh("maximum_queue_line: 0");
        pthread_t threads[4];
        struct producer producers[4];
        double start = now();
        atomic_store(&done, 0);
        for (int i = 0; i < 4; i++) {
            producers[i] = (struct producer){scheduler, i};
            pthread_create(&threads[i], NULL, produce, &producers[i]);
        }
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        while (atomic_load(&done) < TASKS)
            usleep(100);
        runs[run] = (now() - start) / TASKS * 1e9;
        ts_scheduler_free(scheduler);
    }
    return median(runs, RUNS);
}

static long resident(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &ignored, &pages) != 2)
        exit(1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static int32_t until_stopped(ts_token *token, void *user_data)
{
    atomic_store((atomic_int *)user_data, 1);
    while (ts_interruptible_sleep(token, 1000) == TS_OK)
        ;
    return 0;
}

/* 1,000,000 tasks queued behind one: what adding costs, and the memory. */
static void queued(double *add, double *bytes)
{
    ts_scheduler *scheduler = fresh("maximum_queue_line: 0");
    ts_task_id first, id;
    atomic_int started = 0;
    check(ts_add_task(scheduler, false, "lane", until_stopped, &started, NULL, &first));
    while (!atomic_load(&started))
        usleep(100);
    long before = resident();
    double start = now();
    for (int task = 0; task < TASKS; task++)
        check(ts_add_task(scheduler, false, "lane", empty, NULL, NULL, &id));
    *add = (now() - start) / TASKS * 1e9;
    *bytes = (double)(resident() - before) / TASKS;
    check(ts_force_stop(scheduler, first));
    ts_scheduler_free(scheduler);
}

static double states(void)
{
    enum { KNOWN = 1024, ROUNDS = 20000 };
    static ts_task_id ids[KNOWN];
    ts_scheduler *scheduler = fresh("maximum_queue_line: 0\nmaximum_task_info_storage: 2000");
    for (int i = 0; i < KNOWN; i++)
        check(ts_add_task(scheduler, false, names[i], empty, NULL, NULL, &ids[i]));
    double start = now();
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < KNOWN; i++) {
            ts_state state;
            if (ts_get_task_state(scheduler, ids[i], &state) != TS_OK)
                exit(1);
        }
    double seconds = now() - start;
    ts_scheduler_free(scheduler);
    return (double)KNOWN * ROUNDS / seconds / 1e6;
}

static _Atomic double reached;

static int32_t note(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    atomic_store(&reached, now());
    return 0;
}

/* From an add to its start when every worker is parked, in microseconds. */
static double add_to_start(void)
{
    enum { TIMES = 1000 };
    static double times[TIMES];
    ts_scheduler *scheduler = fresh("");
    for (int i = 0; i < TIMES; i++) {
        ts_task_id id;
        atomic_store(&reached, 0);
        usleep(300);
        double start = now();
        check(ts_add_task(scheduler, false, "a", note, NULL, NULL, &id));
        while (atomic_load(&reached) == 0)
            ;
        times[i] = (atomic_load(&reached) - start) * 1e6;
    }
    ts_scheduler_free(scheduler);
    return median(times, TIMES);
}

static int32_t sleep_and_note(ts_token *token, void *user_data)
{
    atomic_store((atomic_int *)user_data, 1);
    ts_interruptible_sleep(token, 1000);
    atomic_store(&reached, now());
    return 0;
}

/* From a force stop to the return of a sleeping task, in microseconds. */
static double stop_to_return(void)
{
    enum { TIMES = 1000 };
    static double times[TIMES];
    ts_scheduler *scheduler = fresh("");
    for (int i = 0; i < TIMES; i++) {
        ts_task_id id;
        atomic_int started = 0;
        atomic_store(&reached, 0);
        check(ts_add_task(scheduler, false, "a", sleep_and_note, &started, NULL, &id));
        while (!atomic_load(&started))
            ;
        usleep(300);
        double start = now();
        check(ts_force_stop(scheduler, id));
        while (atomic_load(&reached) == 0)
            ;
        times[i] = (atomic_load(&reached) - start) * 1e6;
        check(ts_wait(scheduler, id, TS_FOREVER, NULL));
    }
    ts_scheduler_free(scheduler);
    return median(times, TIMES);
}

static atomic_int word;

static void *wait_on_word(void *data)
{
    (void)data;
    for (;;) {
        while (atomic_load(&word) == 0)
            syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        if (atomic_load(&word) == 2)
            return NULL;
        atomic_store(&word, 0);
        atomic_store(&reached, now());
    }
}

/* A bare futex wake, in microseconds. */
static double bare_wake(void)
{
    enum { TIMES = 1000 };
    static double times[TIMES];
    pthread_t thread;
    pthread_create(&thread, NULL, wait_on_word, NULL);
    for (int i = 0; i < TIMES; i++) {
        atomic_store(&reached, 0);
        usleep(300);
        double start = now();
        atomic_store(&word, 1);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        while (atomic_load(&reached) == 0)
            ;
        times[i] = (atomic_load(&reached) - start) * 1e6;
    }
    atomic_store(&word, 2);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    pthread_join(thread, NULL);
    return median(times, TIMES);
}

static double bare_mutex(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    double start = now();
    for (int i = 0; i < 10 * TASKS; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
    return (now() - start) / (10 * TASKS) * 1e9;
}

int main(void)
{
    double add, bytes;
    for (int i = 0; i < MOST_NAMES; i++)
        snprintf(names[i], sizeof names[i], "name-%d", i);
    printf("1,000,000 empty tasks, no name          %8.1f ns each\n", empty_tasks(0));
    printf("1,000,000 empty tasks, 1,000 names      %8.1f ns each\n", empty_tasks(1000));
    printf("1,000,000 empty tasks, 10,000 names     %8.1f ns each\n", empty_tasks(10000));
    printf("1,000,000 empty tasks, one name         %8.1f ns each\n", empty_tasks(1));
    printf("the same, each divides                  %8.1f ns each\n", tasks_of(1, divide, NULL));
    printf("the same, each has something to drop    %8.1f ns each\n", tasks_of(1, count, drop_nothing));
    printf("the same, each leaves a result          %8.1f ns each\n", tasks_of(1, leave_result, NULL));
    printf("empty, 1,000 names, 4 producers         %8.1f ns each\n", four_producers());
    queued(&add, &bytes);
    printf("1,000,000 queued behind one             %8.1f ns to add, %.1f bytes each\n", add, bytes);
    printf("states looked up                        %8.1f million a second\n", states());
    printf("add to start on a parked worker         %8.1f us\n", add_to_start());
    printf("stop to return of a sleeping task       %8.1f us\n", stop_to_return());
    printf("a bare futex wake                       %8.1f us\n", bare_wake());
    printf("a bare mutex locked and unlocked        %8.1f ns\n", bare_mutex());
    return 0;
}
