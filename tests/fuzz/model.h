/*
 * What is expected of one scheduler whose tasks all run on one thread: where
 * each task stands, the order in each name, what is pending and out, and which
 * ends were not told yet. tests/c/promises.h watches runs and drops besides.
 */

#ifndef MODEL_H
#define MODEL_H

#include "input.h"

/* So that the fuzzer keeps the input of a broken promise. */
#define _Exit(code) abort()
#include "../c/promises.h"

enum { NAMES = 4, WIDE = 3, NO_NAME = NAMES, TASKS = 40, OLD_IDS = 16 };

/* The last name may have two tasks out at once, by a handle that asks for it. */
static const char *const texts[NAMES + 1] = { "one", "two", "three", "wide", NULL };

/* WAITING: in its queue. UNTAKEN: cancelled before it was handed out, and to be
 * finished. OUT: handed out as a claim. INSIDE: a pump runs it. */
enum where { NOWHERE, WAITING, UNTAKEN, OUT, INSIDE, ENDED };

/* Who runs: 0 nobody said, GONE a pump that was freed, CLAIMS, or a pump by its number. */
enum { NOBODY, GONE, CLAIMS, FIRST_PUMP };

struct model_task {
    struct promise_task promise;    /* first: it is user_data */
    enum where where;
    int name, runner, script;
    bool bans, reports, hears, leaves, taken, executing;
    bool only_to_finish;            /* its claim was handed out after it was cancelled */
    ts_state stopping, final;
    int end, entered, heard;        /* which end it was, when it was told; how often on_end was called */
    ts_claim claim;
};

struct model_name {
    struct promise_name promise;
    bool banned;
    int handles, runner, capacity;
    int lingers;                    /* whose it may still be, though it is empty */
    ts_lane *lane;
};

static struct model {
    struct input input;
    ts_scheduler *scheduler;
    ts_pump *pump;
    ts_completions *completions;
    struct model_task tasks[TASKS];
    struct model_name names[NAMES + 1];
    int count, most_out, most_waiting, least_stored, pumps, runner;
    int ended, entered;
    int inside_pump, depth;
    bool closed, was_shut, watched;
} model;

/* Of earlier inputs: no scheduler knows them. */
static ts_task_id old_ids[OLD_IDS];

static inline bool same(ts_task_id one, ts_task_id other)
{
    return !memcmp(&one, &other, sizeof one);
}

static inline struct model_task *task_of(ts_task_id id)
{
    for (int i = 0; i < model.count; i++)
        if (model.tasks[i].where != NOWHERE && same(model.tasks[i].promise.id, id))
            return &model.tasks[i];
    return NULL;
}

/* How many of a name (-1: of all) are there. */
static inline int how_many(int name, enum where where)
{
    int found = 0;
    for (int i = 0; i < model.count; i++)
        found += model.tasks[i].where == where && (name < 0 || model.tasks[i].name == name);
    return found;
}

/* How many claims hold a place. */
static inline int places_out(int name)
{
    int found = 0;
    for (int i = 0; i < model.count; i++)
        found += model.tasks[i].where == OUT && !model.tasks[i].only_to_finish &&
                 (name < 0 || model.tasks[i].name == name);
    return found;
}

/* Is its record perhaps gone? */
static inline bool may_be_gone(const struct model_task *task)
{
    if (task->where != ENDED)
        return false;
    if (PROMISE_GET(task->promise.forgotten))
        return true;
    return task->entered && model.entered - task->entered >= model.least_stored;
}

/* Is among the finished ones that may be let go: at its end, or when that was told. */
static inline void enters(struct model_task *task)
{
    task->entered = ++model.entered;
}

/* Ends of one batch come in any order: all have the number of its first one. */
static inline void ends_now(struct model_task *task, ts_state state)
{
    task->where = ENDED;
    task->final = state;
    task->end = ++model.ended;
    if (!task->reports && !task->promise.keeps)
        enters(task);
    TRACE("  way: task %u ends as %d, number %d\n", task->promise.number, (int)state, task->end);
}

static inline void end_batch(int first, int entered)
{
    for (int i = 0; i < model.count; i++) {
        struct model_task *task = &model.tasks[i];
        if (task->where == ENDED && task->end > first)
            task->end = first + 1;
        if (task->entered > entered)
            task->entered = entered + 1;
    }
}

/* Cancels what waits, of a name or of all (-1), of a runner or of any (-1): how many. */
static inline int cancel_waiting(int name, int runner)
{
    int first = model.ended, entered = model.entered, cancelled = 0;
    for (int i = 0; i < model.count; i++) {
        struct model_task *task = &model.tasks[i];
        if (task->where != WAITING || (name >= 0 && task->name != name) ||
            (runner >= 0 && task->runner != runner))
            continue;
        PROMISE_SET(task->promise.stop_asked, 1);
        task->stopping = TS_CANCELLED;
        model.names[task->name].lingers = task->runner;
        if (task->runner == CLAIMS)
            task->where = UNTAKEN;
        else
            ends_now(task, TS_CANCELLED);
        cancelled++;
    }
    end_batch(first, entered);
    return cancelled;
}

/* Whether something of a name is alive; perhaps, where only cancelled claims are. */
static inline int in_use(int name)
{
    if (model.names[name].handles || how_many(name, WAITING) || how_many(name, INSIDE) || places_out(name))
        return 2;
    return how_many(name, UNTAKEN) || how_many(name, OUT) ? 1 : 0;
}

/* That runner has looked at all that was there. */
static inline void looked(int runner)
{
    for (int i = 0; i < NAMES; i++)
        if (model.names[i].lingers == runner)
            model.names[i].lingers = NOBODY;
}

/* Whether a name in which nothing is alive may still be another's, who has not looked since: where only
 * cancelled claims are in it, for who asks for a runner; and inside the run of a pump, which has taken
 * some of its entries along. */
static inline bool is_unclear(int name, int asked)
{
    const struct model_name *its = &model.names[name];
    return name != NO_NAME && its->lingers && in_use(name) < 2 &&
           ((asked != NOBODY && in_use(name) == 1) || model.inside_pump);
}

/* A task starts: the first that waits of its name, and no more of it than may be. */
static inline void starts(struct model_task *task, enum where where)
{
    SURE(task->where == WAITING, "a task starts that is %d", task->where);
    task->where = where;
    if (task->name == NO_NAME)
        return;
    for (struct model_task *other = model.tasks; other < task; other++)
        SURE(other->where != WAITING || other->name != task->name,
             "task %td of '%s' starts before task %td", task - model.tasks, texts[task->name], other - model.tasks);
    int now = places_out(task->name) + how_many(task->name, INSIDE);
    SURE(now <= (task->name == WIDE ? 2 : 1), "%d of a name at once", now);
}

/* Each known task is where it should be. */
static inline void check_all(void)
{
    for (int i = 0; i < model.count; i++) {
        struct model_task *task = &model.tasks[i];
        ts_state state = (ts_state)0;
        if (task->where == NOWHERE)
            continue;
        int before = PROMISE_GET(task->promise.final), begun = PROMISE_GET(task->promise.runs);
        ts_error error = CALL(ts_get_task_state(model.scheduler, task->promise.id, &state),
                              OR(TS_OK) | (may_be_gone(task) ? OR(TS_ERROR_NOT_FOUND) : 0));
        if (error != TS_OK) {
            promise_not_found(&task->promise);
            continue;
        }
        SURE(task->where != ENDED || !PROMISE_GET(task->promise.forgotten), "a forgotten task is found");
        promise_state(&task->promise, state, before, begun);
        ts_state wanted = task->where == ENDED ? task->final
                          : task->where == INSIDE || (task->where == OUT && !task->only_to_finish) ? TS_RUNNING
                                                                                                   : TS_PENDING;
        SURE(state == wanted, "task %d is in state %d, not %d", i, (int)state, (int)wanted);
        SURE(task->heard == (task->hears && task->where == ENDED), "on_end was called %d times", task->heard);
    }
}

#endif
