/* Tasks that wait for others, of either kind. */
#ifndef WAITING_H
#define WAITING_H

#include "async.h"

/* A task that waits for another one when it may. */
typedef struct {
    ts_scheduler *scheduler, *its;
    ts_task_id id, target;
    double seconds;
    int started, may_wait, ended;
    ts_error gave;
    ts_waker *waker;
} waiter;

static inline void begin(waiter *its, ts_scheduler *scheduler)
{
    memset(its, 0, sizeof *its);
    its->scheduler = its->its = scheduler;
    its->seconds = TS_FOREVER;
}

static inline int32_t run_waiter(ts_token *token, void *user_data)
{
    waiter *its = (waiter *)user_data;
    (void)token;
    count(&its->started);
    await(&its->may_wait, 1);
    its->gave = ts_wait(its->its, its->target, its->seconds, NULL);
    count(&its->ended);
    return 0;
}

/* As above. */
static inline ts_poll poll_waiter(ts_token *token, void *user_data)
{
    waiter *its = (waiter *)user_data;
    if (counted(&its->may_wait) == 0) {
        if (its->waker == NULL) {
            MUST(ts_waker_clone(token, &its->waker));
            count(&its->started);
        }
        return TS_POLL_PENDING;
    }
    its->gave = ts_async_wait_task(token, its->target);
    if (its->gave == TS_NOT_YET)
        return TS_POLL_PENDING;
    count(&its->ended);
    return TS_POLL_READY;
}

static inline void add_waiter(waiter *its, const char *name)
{
    its->id = add(its->scheduler, name, run_waiter, its, NULL);
}

/* Starts them all, has them wait for one another as they say, and counts the refused ones. */
static inline int refused_of(waiter *all, int many)
{
    int at, refused = 0;
    for (at = 0; at < many; at++)
        await(&all[at].started, 1);
    for (at = 0; at < many; at++) {
        ts_waker *waker = all[at].waker;
        count(&all[at].may_wait);
        if (waker != NULL) {
            GIVES(TS_OK, ts_waker_wake(waker));
            ts_waker_free(waker);
        }
    }
    for (at = 0; at < many; at++) {
        await(&all[at].ended, 1);
        CHECK(all[at].gave == TS_OK || all[at].gave == TS_ERROR_WOULD_DEADLOCK);
        refused += all[at].gave == TS_ERROR_WOULD_DEADLOCK;
    }
    return refused;
}

static inline void add_async_waiter(waiter *its, const char *name)
{
    its->id = add_async(its->scheduler, name, poll_waiter, its, NULL);
}

static inline ts_claim claim_of(ts_scheduler *scheduler, const char *name, ts_task_id *out_id)
{
    ts_task_options options = options_of(name, NULL, NULL, NULL, TS_KEEP);
    ts_claim claim;
    options.runner = TS_CLAIMS;
    MUST(ts_claim_submit(scheduler, &options, &claim, out_id));
    return claim;
}

#endif
