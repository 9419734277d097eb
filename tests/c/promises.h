/*
 * What the library promises of tasks, as code: a harness tells what it did and
 * saw, and the first promise that is broken ends the program with a sentence.
 *
 * What is counted here is counted with relaxed atomics, which order nothing: a
 * checker of data races sees the order that the library gives, and no other.
 * The fields that are called plain are no atomics on purpose. The library has
 * to order them: added before run, run before drop, drop before a final state
 * is seen, and one task of a name before the next.
 *
 *     struct promise_task task = { .number = 1, .has_drop = true };
 *     promise_offer(&task, &name, code);           with the name's mutex held
 *     error = ts_add_task(..., &task.id);
 *     promise_answer(&task, error);                with the mutex still held
 *
 * and in the task's function, first and last:
 *
 *     promise_begins(&task);
 *     return promise_returns(&task);
 */

#ifndef PROMISES_H
#define PROMISES_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <task_scheduling.h>

#define PROMISE_GET(counter) atomic_load_explicit(&(counter), memory_order_relaxed)
#define PROMISE_SET(counter, value) atomic_store_explicit(&(counter), (value), memory_order_relaxed)
#define PROMISE_ADD(counter, value) atomic_fetch_add_explicit(&(counter), (value), memory_order_relaxed)

/* A task name. Who adds under it, bans it or cancels its queue holds the mutex,
 * so that the order of acceptance is known. */
struct promise_name {
    char text[64];
    pthread_mutex_t adding;
    long accepted;              /* under the mutex */
    long last;                  /* plain: the last task that was started */
    atomic_int running;         /* from the start to the drop */
    atomic_long swept;          /* tasks before this one were cancelled, if pending */
    atomic_int late;            /* of those, how many began all the same */
};

enum { PROMISE_OFFERED, PROMISE_ACCEPTED, PROMISE_REFUSED };

/* A task. Zero, but for what the harness decides. */
struct promise_task {
    unsigned number;
    bool has_drop;
    bool keeps;                 /* with TS_KEEP */
    bool timed;                 /* may time out */
    struct promise_name *name;  /* or NULL */
    long order;                 /* among those of its name */
    int32_t code;               /* what it will return */
    int shutdowns, forced;      /* how many had ended when it was added */
    ts_task_id id;

    int ran, dropped;           /* plain */
    bool left_result;           /* plain */
    pthread_t runner;           /* plain */

    atomic_int answer, runs, returns, drops;
    atomic_int stop_asked, stop_ok, forgotten, final;
    atomic_int results_made, results_dropped, results_asked, results_taken;
};

/* A result of a task, taken over by the library. */
struct promise_result {
    unsigned alive;
    struct promise_task *task;
};
#define PROMISE_ALIVE 0xa11fe5u

static char promise_context[160];   /* printed with what is broken */
static atomic_int promise_quiet;    /* a shutdown has returned and nothing was added since */
static atomic_int promise_shutdowns, promise_forced; /* begun */
static atomic_int promise_shutdowns_ended, promise_forced_ended;
static atomic_int promise_running, promise_most_running;
static atomic_int promise_limit;    /* line_task_max: the most that it has been */
static atomic_int promise_results_after_shutdown;
static _Thread_local int promise_own_call;  /* this thread is freeing a value that it holds */
static _Thread_local int promise_in_call;   /* this thread is inside a call of the library */

_Noreturn static inline void promise_broken(const struct promise_task *task, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (task)
        fprintf(stderr,
                "BROKEN PROMISE: %s\n  task %u, name %s, order %ld, answer %d, runs %d, returns %d, "
                "drops %d, stop asked %d ok %d, final %d, code %d\n  %s\n",
                text, task->number, task->name ? task->name->text : "(none)", task->order,
                PROMISE_GET(task->answer), PROMISE_GET(task->runs), PROMISE_GET(task->returns),
                PROMISE_GET(task->drops), PROMISE_GET(task->stop_asked), PROMISE_GET(task->stop_ok),
                PROMISE_GET(task->final), (int)task->code, promise_context);
    else
        fprintf(stderr, "BROKEN PROMISE: %s\n  %s\n", text, promise_context);
    fflush(NULL);
    _Exit(1);
}

static inline void promise_name_init(struct promise_name *name)
{
    pthread_mutex_init(&name->adding, NULL);
    name->last = -1;
}

/* Before the add. */
static inline void promise_offer(struct promise_task *task, struct promise_name *name, int32_t code)
{
    task->name = name;
    task->order = name ? name->accepted : 0;
    task->code = code;
    task->shutdowns = PROMISE_GET(promise_shutdowns_ended);
    task->forced = PROMISE_GET(promise_forced_ended);
}

/* After the add. A refused task was not touched, nor will it be. */
static inline void promise_answer(struct promise_task *task, ts_error error)
{
    static const ts_task_id zero;
    if (error == TS_OK) {
        if (!memcmp(&task->id, &zero, sizeof zero))
            promise_broken(task, "an accepted task got no id");
        if (task->name)
            task->name->accepted++;
        PROMISE_SET(task->answer, PROMISE_ACCEPTED);
        return;
    }
    PROMISE_SET(task->answer, PROMISE_REFUSED);
    if (memcmp(&task->id, &zero, sizeof zero))
        promise_broken(task, "a refused task got an id");
    if (PROMISE_GET(task->runs) || PROMISE_GET(task->drops))
        promise_broken(task, "a refused task was run or dropped");
}

/* First thing in the task's function. */
static inline void promise_begins(struct promise_task *task)
{
    struct promise_name *name = task->name;
    int now = PROMISE_ADD(promise_running, 1) + 1, most = PROMISE_GET(promise_most_running);
    /* One that waits for another lends its place; at most as many are lent as there are. */
    if (now > 2 * PROMISE_GET(promise_limit))
        promise_broken(task, "%d linear tasks at once", now);
    while (now > most && !atomic_compare_exchange_weak_explicit(&promise_most_running, &most, now,
                                                                memory_order_relaxed,
                                                                memory_order_relaxed))
        ;
    if (PROMISE_GET(promise_quiet))
        promise_broken(task, "a task starts after a shutdown has returned");
    if (PROMISE_GET(task->answer) == PROMISE_REFUSED)
        promise_broken(task, "a refused task runs");
    if (PROMISE_ADD(task->runs, 1))
        promise_broken(task, "a task runs again");
    if (PROMISE_GET(task->final))
        promise_broken(task, "a task starts after its end was seen");
    if (PROMISE_GET(task->drops))
        promise_broken(task, "a task starts after its drop");
    if (name) {
        if (PROMISE_ADD(name->running, 1))
            promise_broken(task, "two tasks of a name at once");
        if (name->last >= task->order)
            promise_broken(task, "started after number %ld of its name", name->last);
        name->last = task->order;
        /* One had perhaps been claimed when the others were cancelled. */
        if (task->order < PROMISE_GET(name->swept) && PROMISE_ADD(name->late, 1) > 0)
            promise_broken(task, "a task starts whose name's queue was cancelled");
    }
    task->runner = pthread_self();
}

/* Last thing in the task's function. */
static inline int32_t promise_returns(struct promise_task *task)
{
    if (task->ran++)
        promise_broken(task, "a task returns again");
    PROMISE_ADD(task->returns, 1);
    PROMISE_ADD(promise_running, -1);
    if (task->name && !task->has_drop)
        PROMISE_ADD(task->name->running, -1);
    return task->code;
}

/* In the drop of the task's user_data. */
static inline void promise_drops(struct promise_task *task)
{
    if (PROMISE_GET(promise_quiet))
        promise_broken(task, "a drop after a shutdown has returned");
    if (!task->has_drop || PROMISE_GET(task->answer) == PROMISE_REFUSED)
        promise_broken(task, "a drop that was not handed over");
    if (PROMISE_ADD(task->drops, 1))
        promise_broken(task, "a second drop");
    int runs = PROMISE_GET(task->runs);
    if (runs != PROMISE_GET(task->returns) || task->ran != runs)
        promise_broken(task, "a drop before the function has returned");
    if (runs && !pthread_equal(task->runner, pthread_self()))
        promise_broken(task, "a drop on another thread than the task's");
    if (PROMISE_GET(task->final))
        promise_broken(task, "a drop after the end was seen");
    if (runs && (task->code || PROMISE_GET(task->stop_ok)) &&
        PROMISE_GET(task->results_made) != PROMISE_GET(task->results_dropped))
        promise_broken(task, "a lost result is dropped after user_data");
    task->dropped = 1;
    if (runs && task->name)
        PROMISE_ADD(task->name->running, -1);
}

static inline struct promise_result *promise_result_new(struct promise_task *task)
{
    struct promise_result *result = malloc(sizeof *result);
    if (!result)
        abort();
    *result = (struct promise_result){ PROMISE_ALIVE, task };
    PROMISE_ADD(task->results_made, 1);
    return result;
}

/* The drop of a result. */
static inline void promise_result_drop(void *data)
{
    struct promise_result *result = data;
    struct promise_task *task = result->task;
    if (result->alive != PROMISE_ALIVE)
        promise_broken(NULL, "a result is dropped again");
    if (PROMISE_GET(promise_quiet) && !promise_own_call) {
        /* A host's own call, such as a forget, may still be on its way. */
        if (!promise_in_call)
            promise_broken(task, "a result is dropped after a shutdown has returned");
        PROMISE_ADD(promise_results_after_shutdown, 1);
    }
    PROMISE_ADD(task->results_dropped, 1);
    result->alive = 0;
    free(result);
}

/* A state that was seen. `before` is task->final from before the call, and
 * `begun` is task->runs from then. */
static inline void promise_state(struct promise_task *task, ts_state state, int before, int begun)
{
    if (before && before != (int)state)
        promise_broken(task, "final state %d, and then %d", before, (int)state);
    if (state == TS_PENDING) {
        if (begun)
            promise_broken(task, "pending after it began");
        return;
    }
    if (state == TS_RUNNING)
        return;
    int none = 0;
    if (!atomic_compare_exchange_strong_explicit(&task->final, &none, (int)state,
                                                 memory_order_relaxed, memory_order_relaxed) &&
        none != (int)state)
        promise_broken(task, "final states %d and %d", none, (int)state);
    int runs = PROMISE_GET(task->runs);
    if (runs != PROMISE_GET(task->returns) || task->ran != runs)
        promise_broken(task, "ended as %d while its function runs", (int)state);
    if (task->dropped != task->has_drop)
        promise_broken(task, "ended as %d before its drop", (int)state);
    switch (state) {
    case TS_COMPLETED:
        if (!runs || task->code)
            promise_broken(task, "completed");
        break;
    case TS_FAILED:
        if (!runs || !task->code)
            promise_broken(task, "failed");
        break;
    case TS_CANCELLED:
        if (runs && !PROMISE_GET(task->stop_asked) && PROMISE_GET(promise_forced) == task->forced)
            promise_broken(task, "cancelled, and nobody stopped it");
        break;
    case TS_TIMEOUT:
        if (!runs || !task->timed)
            promise_broken(task, "timed out");
        break;
    default:
        promise_broken(task, "state %d", (int)state);
    }
    if (state != TS_CANCELLED && PROMISE_GET(task->stop_ok))
        promise_broken(task, "ended as %d after ts_force_stop gave TS_OK", (int)state);
}

/* The id was not found: the task has ended and its record is gone. */
static inline void promise_not_found(struct promise_task *task)
{
    if (PROMISE_GET(task->runs) != PROMISE_GET(task->returns))
        promise_broken(task, "not found while it runs");
    if (PROMISE_GET(task->drops) != task->has_drop)
        promise_broken(task, "not found before its drop");
    if (task->keeps && !PROMISE_GET(task->forgotten))
        promise_broken(task, "a kept task is not found");
}

/* What ts_force_stop gave; stop_asked was set before. */
static inline void promise_stopped(struct promise_task *task, ts_error error)
{
    if (error == TS_OK) {
        atomic_store_explicit(&task->stop_ok, 1, memory_order_release);
        int final = PROMISE_GET(task->final);
        if (final && final != TS_CANCELLED)
            promise_broken(task, "ts_force_stop gave TS_OK after the end");
    } else if (error == TS_ERROR_NOT_FOUND) {
        promise_not_found(task);
    }
}

/* The pending tasks of the name were cancelled. With the mutex held. */
static inline void promise_swept(struct promise_name *name)
{
    PROMISE_SET(name->late, 0);
    PROMISE_SET(name->swept, name->accepted);
}

/* When nothing runs any more and nothing is added; results too if `results`. */
static inline void promise_audit(struct promise_task *task, bool results)
{
    int runs = PROMISE_GET(task->runs), drops = PROMISE_GET(task->drops);
    if (PROMISE_GET(task->answer) != PROMISE_ACCEPTED) {
        if (runs || drops)
            promise_broken(task, "a refused task was run or dropped");
        return;
    }
    if (runs > 1 || runs != PROMISE_GET(task->returns))
        promise_broken(task, "at the end: not run to its end");
    if (drops != task->has_drop)
        promise_broken(task, "at the end: dropped %d times", drops);
    int final = PROMISE_GET(task->final);
    if (final && final != TS_CANCELLED && PROMISE_GET(task->stop_ok))
        promise_broken(task, "ended as %d after ts_force_stop gave TS_OK", final);
    if (results && PROMISE_GET(task->results_made) != PROMISE_GET(task->results_dropped))
        promise_broken(task, "at the end: %d results made, %d dropped",
                       PROMISE_GET(task->results_made), PROMISE_GET(task->results_dropped));
}

static inline int promise_compare_ids(const void *one, const void *other)
{
    return memcmp(one, other, sizeof(ts_task_id));
}

/* No id was used twice. Sorts them. */
static inline void promise_ids(ts_task_id *ids, size_t count)
{
    qsort(ids, count, sizeof *ids, promise_compare_ids);
    for (size_t i = 1; i < count; i++)
        if (!memcmp(&ids[i - 1], &ids[i], sizeof *ids))
            promise_broken(NULL, "an id was used again");
}

#endif
