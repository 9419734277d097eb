/*
 * What stress.c and stress_hosts.c share: a linear task, what it does and what is
 * promised of it, and a table of them with their names for a round.
 *
 * Whoever includes this has said how many NAMES there are, and says what a
 * random_call is.
 */

#ifndef STRESS_LINEAR_H
#define STRESS_LINEAR_H

#include "stressing.h"

/* What a task does, beside returning. */
enum work { NOTHING, SLEEPS, LINGERS, SPINS, CALLS, AWAITS_STOP };

struct task {
    struct promise_task promise;
    enum work work;
    int results;                /* how often it sets one */
    bool copies, says, calls_in_drop;
    uint64_t random;            /* of its own, for what it calls */
    atomic_int published;
    /* Of stress_hosts.c. */
    bool calls_on_end, wide, has_end, has_queue;
    atomic_int handed, heard, heard_drops, reported;
};

/* user_data of tasks with a drop: freed there, so that a late use is found. */
struct box {
    struct task *task;
};

static struct promise_name *names;
static struct task *tasks;
static int capacity, quota;
static bool stores_all;
static bool all_have_threads;       /* of ours, where NULL stands for a token */
static atomic_int no_adds;
static pthread_rwlock_t adding;
static ts_task_id *old_ids;         /* of the tasks of earlier rounds */
static int old_count;
static void (*task_begins)(struct task *task);      /* or NULL */
static void (*task_returns)(struct task *task);     /* or NULL */

static void random_call(struct random *random, bool inside);

/* A task ------------------------------------------------------------------ */

static int32_t work(ts_token *token, struct task *task)
{
    struct promise_task *promise = &task->promise;
    struct random random = { task->random };
    promise_begins(promise);
    if (task_begins)
        task_begins(task);
    switch (task->work) {
    case SLEEPS: {
        ts_token *its = all_have_threads && one_in(&random, 2) ? NULL : token;
        if (CALL(ts_interruptible_sleep, (its, 1e-6 * below(&random, 400)), OR(TS_OK) | OR(TS_STOPPED)) ==
            TS_STOPPED && !ts_should_stop(token))
            promise_broken(promise, "a sleep was broken off, and the task may go on");
        break;
    }
    case LINGERS:
        CALL(ts_interruptible_sleep, (token, 1e-6 * below(&random, 6000)), OR(TS_OK) | OR(TS_STOPPED));
        break;
    case AWAITS_STOP:
        CALL(ts_interruptible_sleep, (token, 1e6), OR(TS_STOPPED));
        break;
    case SPINS:
        for (int i = below(&random, 3000); i > 0 && !ts_should_stop(token); i--)
            ;
        break;
    case CALLS:
        for (int i = 1 + below(&random, 2); i > 0; i--)
            random_call(&random, true);
        break;
    default:
        break;
    }
    for (int i = 0; i < task->results; i++) {
        if (task->copies) {
            CALL(ts_set_result, (token, &promise->number, sizeof promise->number, NULL), OR(TS_OK));
        } else {
            struct promise_result *result = promise_result_new(promise);
            CALL(ts_set_result, (token, result, sizeof *result, promise_result_drop), OR(TS_OK));
        }
        promise->left_result = true;
    }
    if (task->says) {
        char text[32];
        snprintf(text, sizeof text, "task %u", promise->number);
        CALL(ts_set_error, (all_have_threads ? NULL : token, text), OR(TS_OK));
    }
    if (atomic_load_explicit(&promise->stop_ok, memory_order_acquire) && !ts_should_stop(token))
        promise_broken(promise, "stopped, and ts_should_stop says false");
    task->random = random.state;
    if (task_returns)
        task_returns(task);
    return promise_returns(promise);
}

static int32_t run_plain(ts_token *token, void *user_data)
{
    return work(token, user_data);
}

static int32_t run_boxed(ts_token *token, void *user_data)
{
    struct box *box = user_data;
    return work(token, box->task);
}

static void drop_box(void *user_data)
{
    struct box *box = user_data;
    struct task *task = box->task;
    struct random random = { task->random };
    free(box);
    if (task->calls_in_drop)
        random_call(&random, true);
    promise_drops(&task->promise);
}

/* A task that is new, with its options; NULL when there are enough. */
static struct task *make_up(struct random *random, struct promise_name *name, ts_task_options *options)
{
    int at = PROMISE_ADD(next_task, 1);
    if (at >= capacity)
        return NULL;
    struct task *task = &tasks[at];
    struct promise_task *promise = &task->promise;
    int dice = below(random, 100);
    task->work = dice < 60 ? NOTHING : dice < 75 ? SLEEPS : dice < 90 ? SPINS : CALLS;
    task->results = one_in(random, 4) ? 1 + one_in(random, 4) : 0;
    task->copies = one_in(random, 2);
    task->random = random_of(seed, (uint64_t)at).state;
    promise->number = (unsigned)at;
    promise->has_drop = one_in(random, 2);
    promise_offer(promise, name, one_in(random, 6) ? 1 + at : 0);
    task->says = one_in(random, promise->code ? 2 : 20);
    *options = (ts_task_options)TS_TASK_OPTIONS_INIT;
    options->name = name ? name->text : NULL;
    options->run = promise->has_drop ? run_boxed : run_plain;
    options->user_data = task;
    if (promise->has_drop) {
        struct box *box = malloc(sizeof *box);
        if (!box)
            abort();
        box->task = task;
        options->user_data = box;
        options->drop = drop_box;
    }
    memset(&promise->id, 0xff, sizeof promise->id);
    return task;
}

/* Its flags, where it is added with options; one in so many waits for room. */
static void choose_flags(struct random *random, struct task *task, ts_task_options *options, int waits)
{
    struct promise_task *promise = &task->promise;
    if (one_in(random, 5)) {
        options->flags |= TS_KEEP;
        promise->keeps = true;
    }
    if (promise->name && promise->code && one_in(random, 8))
        options->flags |= TS_BAN_ON_FAILURE;
    if (one_in(random, waits)) {
        options->flags |= TS_WAIT_FOR_ROOM;
        options->wait_seconds = 1e-6 * below(random, 2000);
    }
    if (one_in(random, 8)) {
        options->flags |= TS_TIMEOUT_PROCESSING;
        promise->timed = one_in(random, 2);
        options->timeout_seconds = promise->timed ? 1e-6 * (1 + below(random, 3000)) : 1000;
        if (promise->timed)
            task->work = LINGERS;
    }
}

static void was_answered(struct task *task, const ts_task_options *options, ts_error error)
{
    promise_answer(&task->promise, error);
    if (error == TS_OK) {
        PROMISE_ADD(accepted, 1);
        atomic_store_explicit(&task->published, 1, memory_order_release);
        return;
    }
    PROMISE_ADD(refused, 1);
    if (PROMISE_GET(task->heard) || PROMISE_GET(task->heard_drops) || PROMISE_GET(task->reported))
        promise_broken(&task->promise, "the end of a refused task is heard");
    if (task->promise.has_drop)
        free(options->user_data);
}

/* One that has been added ------------------------------------------------- */

static struct task *some_task(struct random *random)
{
    int count = PROMISE_GET(next_task);
    if (count > capacity)
        count = capacity;
    if (count == 0)
        return NULL;
    /* Half of the time one of the latest. */
    int at = one_in(random, 2) ? below(random, count) : count - 1 - below(random, count < 40 ? count : 40);
    struct task *task = &tasks[at];
    return atomic_load_explicit(&task->published, memory_order_acquire) ? task : NULL;
}

static void stop(struct task *task)
{
    struct promise_task *promise = &task->promise;
    PROMISE_SET(promise->stop_asked, 1);
    int before = PROMISE_GET(promise->final);
    ts_error error = CALL(ts_force_stop, (scheduler, promise->id),
                          OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_ALREADY_FINISHED) |
                          OR(TS_ERROR_ALREADY_STOPPING));
    if (before && (error == TS_OK || error == TS_ERROR_ALREADY_STOPPING))
        promise_broken(promise, "ts_force_stop gave %s after the end", ts_error_name(error));
    promise_stopped(promise, error);
}

/* Nobody else has to do anything for it to end. */
static void await_end(struct task *task, uint64_t errors)
{
    ts_error error = CALL(ts_wait, (scheduler, task->promise.id, 20, NULL),
                          OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_TIMED_OUT) | errors);
    if (error == TS_ERROR_TIMED_OUT)
        promise_broken(&task->promise, "it does not end");
}

/* Names ------------------------------------------------------------------- */

/* The name, with its mutex; NULL when it is not to be had at once. */
static struct promise_name *lock_name(struct random *random, bool inside)
{
    int one = below(random, NAMES), other = below(random, NAMES);
    struct promise_name *name = &names[one < other ? one : other];
    if (inside ? pthread_mutex_trylock(&name->adding) : pthread_mutex_lock(&name->adding))
        return NULL;
    return name;
}

static void unlock_name(struct promise_name *name)
{
    if (name)
        pthread_mutex_unlock(&name->adding);
}

static void raise_limit(atomic_int *of, int limit)
{
    int now = PROMISE_GET(*of);
    while (now < limit && !atomic_compare_exchange_weak(of, &now, limit))
        ;
}

/* A round ----------------------------------------------------------------- */

/* Room for the ids of so many tasks; a round may accept a few more than its share. */
static void make_room_for_ids(long count, long per_round)
{
    long rounds = (count + per_round - 1) / per_round;
    if (!(old_ids = calloc((size_t)(count + rounds * 256), sizeof *old_ids)))
        abort();
}

static void begin_round(int count)
{
    quota = count;
    capacity = 3 * count + 64;
    tasks = calloc((size_t)capacity, sizeof *tasks);
    names = calloc(NAMES, sizeof *names);
    if (!tasks || !names)
        abort();
    for (int i = 0; i < NAMES; i++) {
        promise_name_init(&names[i]);
        snprintf(names[i].text, sizeof names[i].text, "name %d", i);
    }
    PROMISE_SET(next_task, 0);
    PROMISE_SET(accepted, 0);
    PROMISE_SET(stop_threads, 0);
}

/* Lets the callers call until enough is accepted, with quiet shutdowns in between. */
static void let_call(void *(*caller)(void *), int threads, void (*quiet)(struct random *), struct random *random)
{
    pthread_t callers[MOST_THREADS];
    int next_quiet = quota / 4;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&callers[i], NULL, caller, (void *)(intptr_t)i))
            abort();
    while (PROMISE_GET(accepted) < quota && PROMISE_GET(next_task) < capacity) {
        nap(200);
        if (PROMISE_GET(accepted) >= next_quiet) {
            quiet(random);
            next_quiet += quota / 4;
        }
    }
    PROMISE_SET(stop_threads, 1);
    for (int i = 0; i < threads; i++)
        pthread_join(callers[i], NULL);
}

/* How many there are, now that nobody calls any more. */
static int tasks_used(void)
{
    return PROMISE_GET(next_task) < capacity ? PROMISE_GET(next_task) : capacity;
}

static void await_all(int used)
{
    for (int i = 0; i < used; i++)
        if (PROMISE_GET(tasks[i].published))
            await_end(&tasks[i], 0);
}

/* All were forgotten, and none is left. */
static void none_is_listed(void)
{
    size_t left = 1;
    CALL(ts_list_tasks, (scheduler, TS_LINEAR, NULL, 0, &left), OR(TS_OK));
    if (left != 0)
        promise_broken(NULL, "%zu tasks are listed after all were forgotten", left);
}

static void end_round(void)
{
    for (int i = 0; i < NAMES; i++) {
        if (PROMISE_GET(names[i].running))
            promise_broken(NULL, "at the end: %s runs", names[i].text);
        pthread_mutex_destroy(&names[i].adding);
    }
    if (PROMISE_GET(promise_running))
        promise_broken(NULL, "at the end: %d tasks run", PROMISE_GET(promise_running));
    PROMISE_SET(promise_quiet, 0);
    PROMISE_SET(no_adds, 0);
    free(tasks);
    free(names);
}

#endif
