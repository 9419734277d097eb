/*
 * The workloads, once for every peer in C and C++. docs/benchmarks.md says what
 * each is and why. A peer is one file that defines what stands below, includes
 * this, and is then a program:
 *
 *     <peer> WORKLOAD [TASKS [NAMES]]        W7: [TASKS [SECONDS]]
 *
 * It prints one line of JSON with its figure, or with a dash and its reason. It
 * fails when a task was lost or ran twice, or when two tasks of a name did not
 * run in the order of their adds.
 *
 * Before the include:
 *
 *     PEER_NAME                 what the table calls it
 *     TASK(name), TASK_END      a task's function with its `void *data`
 *     task_fn                   its type
 *     PEER_NO_W1 ... PEER_NO_W9 the reason for a dash, a string
 *     PEER_MORE                 a function for the workload "yardstick"
 *     PEER_SLEEPER              it has a way of its own to stop a sleeping task
 *
 * after it:
 *
 *     peer_version()
 *     peer_start(names)             threads and names 0 to names - 1 are there
 *     peer_add(name, run, data)     NO_NAME: behind no other
 *     peer_end()                    joins the threads
 *     peer_sleepers(count, due)     unless PEER_NO_W7: each calls slept()
 *     sleeper_start, sleeper_stop   with PEER_SLEEPER
 *
 * Threads: as many as processors, for every peer.
 */
#ifndef WORKLOADS_H
#define WORKLOADS_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef TASK
typedef void task_fn(void *data);
#define TASK(name) static void name(void *data)
#define TASK_END
#endif

enum { NO_NAME = -1 };

static const char *peer_version(void);
static void peer_start(long names);
static void peer_add(long name, task_fn *run, void *data);
static void peer_end(void);
#ifdef PEER_MORE
static void PEER_MORE(void);
#endif

/* Helpers ----------------------------------------------------------------- */

static const char *workload;

static void fail(const char *why)
{
    fprintf(stderr, "%s %s: %s\n", PEER_NAME, workload, why);
    _exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void nap(double seconds)
{
    struct timespec time;
    time.tv_sec = (time_t)seconds;
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

static void pause_briefly(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

static long threads(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN);
}

static double resident(void)
{
    long all = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &all, &pages) != 2)
        fail("no /proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Nothing takes so long unless it hangs. */
static void guard(double since)
{
    if (now() - since > 120)
        fail("hangs: a task did not run");
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Opens once. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open;
};

static void gate_init(struct gate *gate)
{
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, NULL);
    gate->open = false;
}

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_signal(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static void gate_wait(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void print_figure(double figure, const char *unit, const char *more)
{
    printf("{\"peer\": \"%s\", \"workload\": \"%s\", \"figure\": %.5g, \"unit\": \"%s\", \"version\": \"%s\"%s}\n",
           PEER_NAME, workload, figure, unit, peer_version(), more);
}

/* Tasks that check -------------------------------------------------------- */

/* Of a name: the number its next task must have. A line of the cache each, or
 * names that run side by side would slow each other. */
struct name_check {
    uint64_t next, count;
    char rest[48];
};

static struct name_check *checks;
static long name_count, names_done, out_of_order;
static double ended_at;
static int ended;

/* data holds the name and the task's number in it. */
static void *numbered(long name, long number)
{
    return (void *)(uintptr_t)((uint64_t)name << 32 | (uint64_t)number);
}

TASK(run_named)
{
    const uint64_t number = (uint64_t)(uintptr_t)data & 0xffffffff;
    struct name_check *own = &checks[(uint64_t)(uintptr_t)data >> 32];
    if (own->next != number)
        __atomic_fetch_add(&out_of_order, 1, __ATOMIC_RELAXED);
    own->next = number + 1;
    if (number + 1 == own->count && __atomic_add_fetch(&names_done, 1, __ATOMIC_ACQ_REL) == name_count) {
        ended_at = now();
        __atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
    }
    TASK_END;
}

static void expect(long tasks, long names)
{
    checks = (struct name_check *)aligned_alloc(64, sizeof *checks * (size_t)names);
    if (!checks)
        fail("no memory");
    memset(checks, 0, sizeof *checks * (size_t)names);
    for (long name = 0; name < names; name++)
        checks[name].count = (uint64_t)(tasks / names + (name < tasks % names));
    name_count = tasks < names ? tasks : names;
    names_done = 0;
    ended = 0;
}

static void until_ended(void)
{
    const double since = now();
    while (!__atomic_load_n(&ended, __ATOMIC_ACQUIRE)) {
        nap(50e-6);
        guard(since);
    }
}

static void check_all_ran(void)
{
    if (out_of_order)
        fail("tasks of a name did not run in the order of their adds");
    for (long name = 0; name < name_count; name++)
        if (checks[name].next != checks[name].count)
            fail("a task was lost, or ran twice");
    free(checks);
}

/* Without a name each thread counts for itself. */
struct slot {
    long count;
    char rest[56];
};

enum { SLOTS = 1024 };
static struct slot slots[SLOTS];
static long slots_taken;
static __thread struct slot *own_slot;

static void take_slot(void)
{
    const long at = __atomic_fetch_add(&slots_taken, 1, __ATOMIC_RELAXED);
    if (at >= SLOTS)
        fail("more threads than slots");
    own_slot = &slots[at];
}

TASK(run_unnamed)
{
    (void)data;
    if (!own_slot)
        take_slot();
    __atomic_store_n(&own_slot->count, own_slot->count + 1, __ATOMIC_RELAXED);
    TASK_END;
}

static long unnamed_ran(void)
{
    long all = 0;
    for (int at = 0; at < SLOTS; at++)
        all += __atomic_load_n(&slots[at].count, __ATOMIC_RELAXED);
    return all;
}

static void until_unnamed(long count)
{
    const double since = now();
    while (unnamed_ran() < count) {
        nap(50e-6);
        guard(since);
    }
}

#include "workloads_run.h"
#endif
