/*
 * What the stress programs share: seeded dice, calls whose answers are checked,
 * and a guard that tells what hangs. Included first, since it says which system
 * is meant.
 */

#ifndef STRESSING_H
#define STRESSING_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "promises.h"
#include "resources.h"
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 16 };

struct random {
    uint64_t state;
};

static ts_scheduler *scheduler;     /* NULL: the default one */
static unsigned long seed;
static int round_number;
static const char *phase = "start";
static const char *stress_program;
static void (*stress_tell)(void);   /* prints what else there is to say of a hang */
static atomic_int next_task, accepted, refused, stop_threads;
static atomic_long calls[32];
static struct resources resources_before;
static _Atomic(const char *) doing[MOST_THREADS + 1];    /* the last: tasks, and the main thread */
static _Thread_local int thread_number = MOST_THREADS;

static inline void nap(int microseconds)
{
    struct timespec time = { microseconds / 1000000, 1000L * (microseconds % 1000000) };
    nanosleep(&time, NULL);
}

static inline uint64_t next_random(struct random *random)
{
    uint64_t x = random->state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random->state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static inline struct random random_of(uint64_t one, uint64_t two)
{
    struct random random = { (one + 1) * UINT64_C(0x9e3779b97f4a7c15) ^
                             (two + 1) * UINT64_C(0xd1b54a32d192ed03) };
    if (!random.state)
        random.state = 1;
    for (int i = 0; i < 4; i++)
        next_random(&random);
    return random;
}

static inline int below(struct random *random, int limit)
{
    return (int)(next_random(random) % (uint64_t)limit);
}

static inline bool one_in(struct random *random, int n)
{
    return below(random, n) == 0;
}

/* The call's answer has to be one of these. */
#define OR(error) (UINT64_C(1) << (error))
static inline ts_error check(const char *call, ts_error error, uint64_t allowed)
{
    promise_in_call--;
    if ((unsigned)error > TS_ERROR_IN_USE || !(allowed >> error & 1))
        promise_broken(NULL, "%s gave %s: %s", call, ts_error_name(error), ts_last_error_message());
    PROMISE_ADD(calls[error], 1);
    return error;
}
#define CALL(call, arguments, allowed)                                                             \
    (PROMISE_SET(doing[thread_number], #call), promise_in_call++, check(#call, call arguments, (allowed)))

static inline void shut_down(bool force)
{
    PROMISE_ADD(promise_shutdowns, 1);
    if (force)
        PROMISE_ADD(promise_forced, 1);
    CALL(ts_shutdown, (scheduler, force), OR(TS_OK));
    PROMISE_ADD(promise_shutdowns_ended, 1);
    if (force)
        PROMISE_ADD(promise_forced_ended, 1);
}

/* Waits for the alarm, and tells what hangs. */
static inline void *stress_guard(void *argument)
{
    sigset_t *set = argument;
    int signal;
    sigwait(set, &signal);
    fprintf(stderr, "HANGS: %s\n  in %s, round %d, %d accepted\n", promise_context, phase, round_number,
            PROMISE_GET(accepted));
    for (int i = 0; i <= MOST_THREADS; i++)
        if (PROMISE_GET(doing[i]))
            fprintf(stderr, "  thread %d: %s\n", i, PROMISE_GET(doing[i]));
    if (stress_tell)
        stress_tell();
    fflush(NULL);
    _Exit(3);
}

static inline long stress_number(const char *text, long least, long most)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < least || value > most) {
        fprintf(stderr, "usage: %s [tasks [seed [threads]]]\n", stress_program);
        exit(2);
    }
    return value;
}

/* Reads [tasks [seed [threads]]], and starts the guard: how many tasks. The two
 * that are given are what is meant where nothing is said. */
static inline long stress_begin(const char *program, int argc, char **argv, long count, int *threads)
{
    static sigset_t set;
    pthread_t guardian;
    const char *seconds = getenv("STRESS_SECONDS");
    stress_program = program;
    if (argc > 1)
        count = stress_number(argv[1], 1, 100000000);
    seed = (unsigned long)(argc > 2 ? stress_number(argv[2], 0, 1000000000) : 1);
    if (argc > 3)
        *threads = (int)stress_number(argv[3], 1, MOST_THREADS);
    snprintf(promise_context, sizeof promise_context, "again: %s %ld %lu %d", program, count, seed, *threads);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&guardian, NULL, stress_guard, &set))
        abort();
    pthread_detach(guardian);
    alarm(seconds ? (unsigned)stress_number(seconds, 1, 100000) : 60);
    resources_before = resources_now();
    return count;
}

/* All schedulers were freed, and what the harness had too. How many calls of the
 * library were checked. */
static inline long stress_end(void)
{
    const char *wrong = resources_gone_wrong(&resources_before, 1 << 20);
    long all = 0;
    if (wrong)
        promise_broken(NULL, "at the end: %s", wrong);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        all += PROMISE_GET(calls[i]);
    alarm(0);
    return all;
}

/* A lock that writers get soon, however many read. */
static inline void writers_first(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attributes);
}

static inline double seconds_between(struct timespec start, struct timespec end)
{
    return (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
}

#endif
