/* What the tests of async tasks share, beside check.h: tasks that hold their
 * place until they are let go, and the lines of the log. */
#ifndef ASYNC_H
#define ASYNC_H

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void nap(double seconds)
{
    struct timespec time;
    time.tv_sec = (time_t)seconds;
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        ;
}

static inline ts_task_options async_options(const char *name, ts_poll_fn poll, void *user_data,
                                            ts_drop_fn drop, uint32_t flags)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = name;
    options.poll = poll;
    options.user_data = user_data;
    options.drop = drop;
    options.flags = flags;
    return options;
}

static inline ts_task_id submit_async(ts_scheduler *scheduler, const char *name, ts_poll_fn poll,
                                      void *user_data, ts_drop_fn drop, uint32_t flags)
{
    ts_task_options options = async_options(name, poll, user_data, drop, flags);
    ts_task_id id;
    MUST(ts_submit(scheduler, &options, &id));
    return id;
}

static inline ts_task_id add_async(ts_scheduler *scheduler, const char *name, ts_poll_fn poll,
                                   void *user_data, ts_drop_fn drop)
{
    ts_task_id id;
    MUST(ts_add_async_task(scheduler, false, name, poll, user_data, drop, &id));
    return id;
}

/* A task that waits for its waker. It looks for `go` whenever it is polled. */
typedef struct {
    int polls, go, dropped;
    pthread_t polled_on, dropped_on;
    ts_waker *waker;
} held;

static inline ts_poll poll_held(ts_token *token, void *user_data)
{
    held *its = (held *)user_data;
    its->polled_on = pthread_self();
    if (its->waker == NULL)
        MUST(ts_waker_clone(token, &its->waker));
    count(&its->polls);
    return counted(&its->go) > 0 ? TS_POLL_READY : TS_POLL_PENDING;
}

static inline void drop_held(void *user_data)
{
    held *its = (held *)user_data;
    its->dropped_on = pthread_self();
    count(&its->dropped);
}

/* Adds one. */
static inline ts_task_id hold(ts_scheduler *scheduler, const char *name, held *its)
{
    memset(its, 0, sizeof *its);
    return add_async(scheduler, name, poll_held, its, drop_held);
}

/* Lets it end, now that it runs. */
static inline void let_go(held *its)
{
    count(&its->go);
    GIVES(TS_OK, ts_waker_wake(its->waker));
}

/* After its end. */
static inline void free_held(held *its, int many)
{
    int at;
    for (at = 0; at < many; at++) {
        ts_waker_free(its[at].waker);
        its[at].waker = NULL;
    }
}

static inline ts_poll poll_ready(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static inline ts_poll poll_count(ts_token *token, void *user_data)
{
    (void)token;
    count((int *)user_data);
    return TS_POLL_READY;
}

/* Goes once through the round of the name's loop: what was told to it before has been looked at when this returns. */
static inline void round_trip(ts_scheduler *scheduler, const char *name)
{
    ts_task_id id = submit_async(scheduler, name, poll_ready, NULL, NULL, TS_KEEP);
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    MUST(ts_task_forget(scheduler, id));
}

static inline size_t known(ts_scheduler *scheduler, ts_kind kind, ts_state state)
{
    size_t many = 0, room, at, found = 0;
    ts_task_status *all;
    MUST(ts_list_tasks(scheduler, kind, NULL, 0, &many));
    room = many + 64;
    all = (ts_task_status *)calloc(room, sizeof *all);
    if (all == NULL)
        exit(1);
    all[0].size = sizeof *all;
    MUST(ts_list_tasks(scheduler, kind, all, room, &many));
    for (at = 0; at < many && at < room; at++)
        found += all[at].state == state && all[at].kind == kind;
    free(all);
    return found;
}

/* The log, one line after the other. */
static char log_text[1 << 17];
static size_t log_length;

static inline void keep_log(ts_log_level level, const char *text, void *user_data)
{
    size_t length = strlen(text);
    (void)level;
    (void)user_data;
    pthread_mutex_lock(&check_lock);
    if (log_length + length + 2 < sizeof log_text) {
        memcpy(log_text + log_length, text, length);
        memcpy(log_text + log_length + length, "\n", 2);
        log_length += length + 1;
    }
    pthread_mutex_unlock(&check_lock);
}

static inline void log_from_here(void)
{
    pthread_mutex_lock(&check_lock);
    log_length = 0;
    log_text[0] = 0;
    pthread_mutex_unlock(&check_lock);
    MUST(ts_set_log_callback(keep_log, NULL, NULL));
}

/* How often these words were said. */
static inline int logged_times(const char *words)
{
    const char *at = log_text;
    int found = 0;
    pthread_mutex_lock(&check_lock);
    while ((at = strstr(at, words)) != NULL) {
        found++;
        at += strlen(words);
    }
    pthread_mutex_unlock(&check_lock);
    return found;
}

static inline int logged_of(const char *before, ts_task_id id, const char *behind)
{
    char text[37], line[400];
    ts_task_id_format(id, text);
    snprintf(line, sizeof line, "%s%s%s\n", before, text, behind);
    return logged_times(line);
}

/* Fails. */
static inline ts_poll poll_fail(ts_token *token, void *user_data)
{
    if (user_data != NULL)
        GIVES(TS_OK, ts_set_error(token, (char *)user_data));
    return TS_POLL_FAILED;
}

#endif
