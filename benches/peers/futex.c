/*
 * A bare futex: the least that W5 and W6 can cost on this machine. With the
 * workload "yardstick" it prints what a wake and a mutex cost now, so that the
 * driver sees whether the machine keeps its pace.
 */
#define _GNU_SOURCE
#define PEER_NAME "bare futex"
#define PEER_NO_W1 "it has no tasks"
#define PEER_NO_W4 "it has no tasks"
#define PEER_NO_NAMES "it has no tasks"
#define PEER_NO_W7 "it has no timers"
#define PEER_SLEEPER
#define PEER_MORE yardstick
#include "workloads.h"

#include <linux/futex.h>
#include <sys/syscall.h>

static pthread_t thread;
static int word;
static task_fn *its_run;

static const char *peer_version(void)
{
    return "-";
}

static void wake(int value)
{
    __atomic_store_n(&word, value, __ATOMIC_RELEASE);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *serve(void *data)
{
    (void)data;
    for (;;) {
        int value;
        while ((value = __atomic_load_n(&word, __ATOMIC_ACQUIRE)) == 0)
            syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        if (value == 2)
            return NULL;
        __atomic_store_n(&word, 0, __ATOMIC_RELAXED);
        its_run(NULL);
    }
}

static void peer_start(long names)
{
    (void)names;
    if (pthread_create(&thread, NULL, serve, NULL))
        fail("no thread");
}

static void peer_add(long name, task_fn *run, void *data)
{
    (void)name;
    (void)data;
    its_run = run;
    wake(1);
}

static void peer_end(void)
{
    wake(2);
    pthread_join(thread, NULL);
}

/* A stop is a wake too: the thread sleeps on its word anyway. */
static void sleeper_start(void)
{
    note_entered();
}

static void sleeper_stop(void)
{
    peer_add(0, run_note, NULL);
}

static void yardstick(void)
{
    enum { LOCKS = 2000000 };
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    char more[64];
    const double begin = now();
    for (int at = 0; at < LOCKS; at++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
    snprintf(more, sizeof more, ", \"mutex_ns\": %.4g", (now() - begin) / LOCKS * 1e9);
    latency_with(200, false, more);
}
