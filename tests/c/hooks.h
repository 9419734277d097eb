/* What the tests of threads share: a hook that keeps what happened on which thread, and
 * tasks that have every thread come to be. */
#ifndef HOOKS_H
#define HOOKS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "testing.h"

#include <sys/syscall.h>
#include <unistd.h>

static inline long this_thread(void)
{
    return syscall(SYS_gettid);
}

enum { STARTED = TS_THREAD_STARTED, STOPPING = TS_THREAD_STOPPING, RAN, DROPPED, SAID, LAST };

typedef struct {
    long thread;
    int what;
    char name[32];
} event;

static struct {
    pthread_mutex_t lock;
    size_t count;
    event all[1 << 16];
} seen = { PTHREAD_MUTEX_INITIALIZER, 0, { { 0, 0, "" } } };

static inline void note(int what, const char *name)
{
    pthread_mutex_lock(&seen.lock);
    if (seen.count < sizeof(seen.all) / sizeof(seen.all[0])) {
        event *its = &seen.all[seen.count++];
        its->thread = this_thread();
        its->what = what;
        snprintf(its->name, sizeof(its->name), "%s", name);
    } else {
        failures++;
    }
    pthread_mutex_unlock(&seen.lock);
}

static inline size_t happened(void)
{
    size_t count;
    pthread_mutex_lock(&seen.lock);
    count = seen.count;
    pthread_mutex_unlock(&seen.lock);
    return count;
}

/* How often that has happened on threads whose name contains this. */
static inline long times(int what, const char *name)
{
    long count = 0;
    size_t at;
    pthread_mutex_lock(&seen.lock);
    for (at = 0; at < seen.count; at++)
        count += seen.all[at].what == what && strstr(seen.all[at].name, name) != NULL;
    pthread_mutex_unlock(&seen.lock);
    return count;
}

/* Each thread but the host's own started once, then ran things, then stopped
 * once; and none is between the two. */
static inline void check_lives(void)
{
    size_t at, other;
    pthread_mutex_lock(&seen.lock);
    for (at = 0; at < seen.count; at++) {
        const event *its = &seen.all[at];
        int before = STOPPING, after = 0;
        if (its->thread == getpid() || its->what == LAST)
            continue;
        for (other = at; other-- > 0;)
            if (seen.all[other].thread == its->thread && seen.all[other].what <= STOPPING) {
                before = seen.all[other].what;
                break;
            }
        for (other = at + 1; other < seen.count; other++)
            if (seen.all[other].thread == its->thread) {
                after = seen.all[other].what;
                break;
            }
        /* The system may give a number again: so a start may follow a stop. */
        if ((its->what == STARTED) != (before == STOPPING) || (its->what == STOPPING && after > STARTED)
            || (its->what != STOPPING && after == 0)) {
            fprintf(stderr, "event %zu, a %d on '%s' (%ld), comes after a %d and before a %d\n", at, its->what,
                    its->name, its->thread, before, after);
            failures++;
        }
    }
    pthread_mutex_unlock(&seen.lock);
    EQUAL(times(STARTED, ""), times(STOPPING, ""));
}

/* Whether every thread has ended. A list of threads may miss one that was
 * made while it was read, by one that ended then. */
static inline bool all_gone(void)
{
    return alone() && times(STARTED, "") == times(STOPPING, "") && alone();
}

/* Threads whose name contains this stay in their end until they may go. */
static struct {
    const char *name;
    atomic_int held;
    atomic_bool open;
} hold;

/* What else the hook is to do. */
static void (*and_then)(ts_thread_event event);

static inline void on_thread(ts_thread_event event, const char *name, void *user_data)
{
    char own[32] = "";
    CHECK(user_data == &seen);
    CHECK(event == TS_THREAD_STARTED || event == TS_THREAD_STOPPING);
    /* As much of the name as the system keeps. */
    CHECK(pthread_getname_np(pthread_self(), own, sizeof(own)) == 0);
    CHECK(strncmp(own, name, 15) == 0 && strlen(own) == (strlen(name) > 15 ? 15 : strlen(name)));
    note(event, name);
    if (event == TS_THREAD_STOPPING && hold.name != NULL && strstr(name, hold.name) != NULL) {
        hold.held++;
        while (!hold.open)
            nap(0.001);
    }
    if (and_then != NULL)
        and_then(event);
}

static inline void on_drop(void *user_data)
{
    CHECK(user_data == &seen);
    note(LAST, "");
}

static inline ts_scheduler_options hooked(const char *yaml)
{
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    options.config_yaml = yaml;
    options.on_thread = on_thread;
    options.user_data = &seen;
    options.drop = on_drop;
    return options;
}

static inline ts_scheduler *new_with(ts_scheduler_options options)
{
    ts_scheduler *scheduler = NULL;
    OK(ts_scheduler_new_with(&options, &scheduler));
    return scheduler;
}

/* Frees it, after which nothing happens but the drop, once. */
static inline void free_hooked(ts_scheduler *scheduler)
{
    ts_scheduler_free(scheduler);
    EQUAL(times(LAST, ""), 1);
    CHECK(seen.count > 0 && seen.all[seen.count - 1].what == LAST);
    check_lives();
    CHECK(alone());
}

static inline int32_t run(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    note(RAN, "");
    return 0;
}

static inline ts_poll poll(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    note(RAN, "");
    return TS_POLL_READY;
}

static inline void drop(void *user_data)
{
    (void)user_data;
    note(DROPPED, "");
}

static inline int32_t until_told(ts_token *token, void *user_data)
{
    (void)user_data;
    note(RAN, "");
    return ts_interruptible_sleep(token, 60.0) == TS_STOPPED;
}

static inline void say(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
    note(SAID, "");
}

static inline ts_task_id add_poll(ts_scheduler *scheduler, ts_poll_fn function, void *user_data)
{
    ts_task_id id;
    OK(ts_add_async_task(scheduler, false, "polled", function, user_data, drop, &id));
    return id;
}

/* A worker, a loop and a watchdog come to be, and tasks end on each. */
static inline void use_every_thread(ts_scheduler *scheduler)
{
    static const char *const names[] = { "a", "b", "c", NULL };
    ts_task_id ids[20], polled, late;
    int at;
    for (at = 0; at < 20; at++)
        OK(ts_add_task(scheduler, false, names[at % 4], run, NULL, drop, &ids[at]));
    polled = add_poll(scheduler, poll, NULL);
    late = submit(scheduler, "late", until_told, NULL, TS_TIMEOUT_PROCESSING, 0.05);
    for (at = 0; at < 20; at++)
        end_of(scheduler, ids[at]);
    EQUAL(end_of(scheduler, polled).state, TS_COMPLETED);
    EQUAL(end_of(scheduler, late).state, TS_TIMEOUT);
}

#endif
