/*
 * Ends of tasks in the stress of stress_hosts.c: heard by on_end, then its drop, then
 * read from a queue; each once, and of the task that it is said to be of.
 *
 * Whoever includes this has said how many QUEUES there are.
 */

#ifndef STRESS_ENDS_H
#define STRESS_ENDS_H

#include "stress_linear.h"
#include <poll.h>

static ts_completions *queues[QUEUES];
static atomic_int stop_helpers;     /* who takes claims, runs a pump or reads ends */
static atomic_long ends_read, ends_heard;

static void end_was_seen(struct task *task, const ts_completion *end, int before)
{
    struct promise_task *promise = &task->promise;
    if (atomic_load_explicit(&task->published, memory_order_acquire) &&
        memcmp(&end->id, &promise->id, sizeof end->id))
        promise_broken(promise, "the end of another task");
    if (end->code != (end->state == TS_FAILED ? promise->code : 0))
        promise_broken(promise, "an end with code %d", (int)end->code);
    promise_state(promise, end->state, before, PROMISE_GET(promise->runs));
}

static void hear_end(const ts_completion *end, void *user_data)
{
    struct task *task = user_data;
    struct promise_task *promise = &task->promise;
    if (PROMISE_GET(promise_quiet))
        promise_broken(promise, "its end is heard after a shutdown has returned");
    if (PROMISE_ADD(task->heard, 1))
        promise_broken(promise, "its end is heard again");
    if (PROMISE_GET(task->reported))
        promise_broken(promise, "its end is heard after it was taken from the queue");
    end_was_seen(task, end, PROMISE_GET(promise->final));
    if (promise->name && PROMISE_GET(promise->runs) && promise->name->last != promise->order)
        promise_broken(promise, "the next of its name began before its end was heard");
    PROMISE_ADD(ends_heard, 1);
    if (task->calls_on_end) {
        struct random random = { task->random };
        random_call(&random, true);
    }
}

static void drop_end(void *user_data)
{
    struct task *task = user_data;
    if (PROMISE_GET(promise_quiet))
        promise_broken(&task->promise, "the drop of on_end after a shutdown has returned");
    if (PROMISE_GET(task->heard) != 1 || PROMISE_ADD(task->heard_drops, 1))
        promise_broken(&task->promise, "the drop of on_end before its call, or again");
}

static void read_ends(ts_completions *queue, size_t room, double seconds)
{
    ts_completion ends[32];
    size_t count = 0;
    ts_error error = CALL(ts_completions_take, (queue, ends, room, seconds, &count),
                          OR(TS_OK) | OR(TS_NOT_YET) | OR(TS_ERROR_TIMED_OUT));
    for (size_t i = 0; error == TS_OK && i < count; i++) {
        struct task *task = ends[i].data;
        if (!task->has_queue || PROMISE_ADD(task->reported, 1))
            promise_broken(&task->promise, "an end is reported that should not be, or again");
        if (task->has_end && PROMISE_GET(task->heard_drops) != 1)
            promise_broken(&task->promise, "its end is reported before it was heard");
        end_was_seen(task, &ends[i], PROMISE_GET(task->promise.final));
        PROMISE_ADD(ends_read, 1);
    }
}

static void *reader(void *argument)
{
    thread_number = (int)(intptr_t)argument;
    struct random random = random_of(seed * 79 + (uint64_t)round_number, (uint64_t)thread_number);
    while (!PROMISE_GET(stop_helpers)) {
        if (one_in(&random, 3)) {
            struct pollfd its = { -1, POLLIN, 0 };
            CALL(ts_completions_fd, (queues[below(&random, QUEUES)], &its.fd), OR(TS_OK));
            poll(&its, 1, 1);
        }
        read_ends(queues[below(&random, QUEUES)], (size_t)(1 + below(&random, 32)), one_in(&random, 2) ? 0 : 0.0005);
        if (one_in(&random, 20))
            nap(3000);
        PROMISE_SET(doing[thread_number], "nothing");
    }
    return NULL;
}

#endif
