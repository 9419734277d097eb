/*
 * Random async tasks: ready ones, sleepers, ones that threads wake, that wait
 * for file descriptors or for each other, with stops, time-outs, bans, changed
 * limits and shutdowns in between; and what the library promises is watched.
 *
 *     stress_async [tasks [seed [threads]]]
 *
 * The seed decides what each thread does; how the threads interleave it cannot
 * decide. A broken promise prints one sentence and the seed, and exits with 1;
 * a hang does so after STRESS_SECONDS (default 60), with 3.
 */

enum { NAMES = 24, ROUND_TASKS = 20000, WIDEST = 6 };

#include "stress_polls.h"

/* Calls ------------------------------------------------------------------- */

static struct task *some_task(struct random *random)
{
    int count = PROMISE_GET(next_task);
    count = count > capacity ? capacity : count;
    if (count == 0)
        return NULL;
    int at = one_in(random, 2) ? below(random, count) : count - 1 - below(random, count < 60 ? count : 60);
    return atomic_load_explicit(&tasks[at].published, memory_order_acquire) ? &tasks[at] : NULL;
}

static void see(struct task *task, ts_state state, int before, int begun)
{
    if (before && before != (int)state)
        broken(task, "its final state changes");
    if (state == TS_PENDING && begun)
        broken(task, "pending after it began");
    if (state <= TS_RUNNING)
        return;
    int none = 0;
    if (atomic_compare_exchange_strong_explicit(&task->final, &none, (int)state, memory_order_relaxed,
                                                memory_order_relaxed))
        PROMISE_ADD(seen[state], 1);
    else if (none != (int)state)
        broken(task, "two final states");
    if (PROMISE_GET(task->drops) != 1 || task->plain_drops != 1)
        broken(task, "ended before its drop");
    if (PROMISE_GET(task->inside))
        broken(task, "ended in its poll");
    if (state != TS_CANCELLED && PROMISE_GET(task->stop_ok))
        broken(task, "stopped, and it ended in another way");
    switch (state) {
    case TS_COMPLETED:
        if (task->answered != TS_POLL_READY)
            broken(task, "completed");
        break;
    case TS_FAILED:
        if (task->answered != TS_POLL_FAILED)
            broken(task, "failed");
        break;
    case TS_TIMEOUT:
        if (!task->timed)
            broken(task, "timed out");
        break;
    default:
        if (PROMISE_GET(task->polls) && !PROMISE_GET(task->stop_asked) &&
            PROMISE_GET(promise_forced) == PROMISE_GET(task->forced))
            broken(task, "cancelled, and nobody stopped it");
    }
}

static void stop(struct task *task)
{
    PROMISE_ADD(task->stop_asked, 1);
    if (CALL(ts_force_stop, (scheduler, task->id),
             OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_ALREADY_FINISHED) |
             OR(TS_ERROR_ALREADY_STOPPING)) == TS_OK) {
        atomic_store_explicit(&task->stop_ok, 1, memory_order_release);
        int final = PROMISE_GET(task->final);
        if (final && final != TS_CANCELLED)
            broken(task, "ts_force_stop gave TS_OK after the end");
    }
}

static void look(struct task *task, struct random *random, bool inside)
{
    int before = PROMISE_GET(task->final), begun = PROMISE_GET(task->polls);
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_state state = TS_PENDING;
    ts_error error;
    switch (below(random, 3)) {
    case 0:
        error = CALL(ts_get_task_state, (scheduler, task->id, &state), OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
        break;
    case 1:
        error = CALL(ts_get_task_status, (scheduler, task->id, &status), OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
        state = status.state;
        if (error == TS_OK && (status.kind != TS_ASYNC ||
                               strcmp(status.task_name, task->name ? task->name->text : "") != 0))
            broken(task, "its status has another kind or name");
        break;
    default:
        error = CALL(ts_wait, (scheduler, task->id, inside ? 0 : 1e-6 * below(random, 500), &status),
                     OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_NOT_FINISHED) | OR(TS_ERROR_TIMED_OUT));
        state = status.state;
    }
    if (error == TS_OK)
        see(task, state, before, begun);
    if (error == TS_ERROR_NOT_FOUND) {
        if (PROMISE_GET(task->drops) != 1 || PROMISE_GET(task->inside))
            broken(task, "not found before its end");
        if (task->keeps && !PROMISE_GET(task->forgotten))
            broken(task, "kept, and not found");
    }
}

static void add(struct random *random, bool inside)
{
    if (PROMISE_GET(accepted) >= quota)
        return;
    struct name *name = one_in(random, 3) ? NULL : &names[below(random, 1 + below(random, NAMES))];
    if (name && (inside ? pthread_mutex_trylock(&name->adding) : pthread_mutex_lock(&name->adding)))
        return;
    if (pthread_rwlock_tryrdlock(&adding)) {
        if (name)
            pthread_mutex_unlock(&name->adding);
        return;
    }
    int at = PROMISE_ADD(next_task, 1);
    if (at < capacity) {
        struct task *task = &tasks[at];
        int dice = below(random, 100);
        task->work = dice < 40 ? READY : dice < 60 ? SLEEPS : dice < 75 ? WOKEN : dice < 83 ? HEARS :
                     dice < 88 ? FOLLOWS : dice < 93 ? RACES : dice < 96 ? IDLES : CALLS;
        /* Only earlier ones, so that there is no circle. */
        if (task->work == FOLLOWS && (!(task->target = some_task(random)) || task->target >= task))
            task->work = READY;
        task->name = name;
        task->order = name ? name->accepted : 0;
        task->left = 1 + below(random, 3);
        task->fails = one_in(random, 6);
        task->has_result = one_in(random, 4);
        task->keeps = one_in(random, 30);
        task->random = random_of(seed + (uint64_t)round_number, (uint64_t)at).state;
        task->fd = -1;
        task->answered = TS_POLL_PENDING;
        PROMISE_SET(task->forced, PROMISE_GET(promise_forced_ended));
        ts_task_options options = TS_TASK_OPTIONS_INIT;
        options.name = name ? name->text : NULL;
        options.poll = poll_task;
        options.user_data = task;
        options.drop = drop_task;
        task->timed = task->work == IDLES || one_in(random, 8);
        if (task->timed) {
            options.flags |= TS_TIMEOUT_PROCESSING;
            options.timeout_seconds = 1e-6 * (50 + below(random, 5000));
        }
        if (task->keeps)
            options.flags |= TS_KEEP;
        if (name && task->fails && one_in(random, 30))
            options.flags |= TS_BAN_ON_FAILURE;
        uint64_t errors = OR(TS_OK) | OR(TS_ERROR_SHUTTING_DOWN);
        if (name)
            errors |= OR(TS_ERROR_QUEUE_FULL) | OR(TS_ERROR_BANNED);
        ts_error error;
        if (!options.flags && !name && one_in(random, 2))
            error = CALL(ts_add_async_task, (scheduler, false, NULL, poll_task, task, drop_task, &task->id), errors);
        else if (!options.flags && name && name->lane && one_in(random, 2))
            error = CALL(ts_lane_add_async_task, (name->lane, false, poll_task, task, drop_task, &task->id), errors);
        else
            error = CALL(ts_submit, (scheduler, &options, &task->id), errors);
        if (error == TS_OK) {
            if (name)
                name->accepted++;
            PROMISE_ADD(accepted, 1);
            atomic_store_explicit(&task->published, 1, memory_order_release);
        } else {
            PROMISE_SET(task->refused, 1);
            PROMISE_ADD(refused, 1);
            if (PROMISE_GET(task->polls) || PROMISE_GET(task->drops))
                broken(task, "refused, and polled or dropped");
        }
        if (error == TS_OK && one_in(random, 25)) {
            if (one_in(random, 2) && !inside)
                nap(below(random, 300));
            stop(task);
        }
        pthread_rwlock_unlock(&adding);
        if (name)
            pthread_mutex_unlock(&name->adding);
        if (error == TS_ERROR_QUEUE_FULL && !inside)
            nap(20);
        if (error == TS_OK && !inside && one_in(random, 2000)) {
            ts_task_status status = TS_TASK_STATUS_INIT;
            error = CALL(ts_wait, (scheduler, task->id, 30, &status),
                         OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_TIMED_OUT));
            if (error == TS_ERROR_TIMED_OUT)
                broken(task, "it does not end");
            if (error == TS_OK)
                see(task, status.state, 0, 1);
        }
        return;
    }
    pthread_rwlock_unlock(&adding);
    if (name)
        pthread_mutex_unlock(&name->adding);
}

static void random_call(struct random *random, bool inside)
{
    static const char *const widths[] = { "1", "2", "3", "6" }, *const queues[] = { "1", "30", "0", "200" };
    int dice = below(random, 1000);
    struct task *task;
    const char *name = names[below(random, NAMES)].text;
    if (dice < 700) {
        add(random, inside);
    } else if (dice < 760) {
        if ((task = some_task(random)) != NULL)
            stop(task);
    } else if (dice < 930) {
        if ((task = some_task(random)) != NULL)
            look(task, random, inside);
    } else if (dice < 960) {
        ts_value value;
        if ((task = some_task(random)) != NULL &&
            CALL(ts_get_task_result, (scheduler, task->id, &value),
                 OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_NOT_FINISHED) | OR(TS_ERROR_NO_RESULT)) ==
                TS_OK) {
            if (value.data != task || !task->has_result || PROMISE_GET(task->stop_ok))
                broken(task, "it has a result");
            ts_value_free(&value);
        }
    } else if (dice < 970) {
        if ((task = some_task(random)) != NULL && !stores_all) {
            PROMISE_SET(task->forgotten, 1);
            CALL(ts_task_forget, (scheduler, task->id), OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
        }
    } else if (dice < 978) {
        if (CALL(ts_ban_task_name, (scheduler, TS_ASYNC, name), OR(TS_OK) | OR(TS_ERROR_ALREADY_BANNED)) == TS_OK &&
            !inside)
            nap(below(random, 200));
        CALL(ts_allow_task_name, (scheduler, TS_ASYNC, name), OR(TS_OK) | OR(TS_ERROR_NOT_BANNED));
    } else if (dice < 984) {
        CALL(ts_allow_task_name, (scheduler, TS_ASYNC, name), OR(TS_OK) | OR(TS_ERROR_NOT_BANNED));
    } else if (dice < 990) {
        size_t cancelled;
        CALL(ts_cancel_all_queued_tasks_by_name, (scheduler, TS_ASYNC, name, &cancelled), OR(TS_OK));
    } else if (dice < 994) {
        CALL(ts_update_config, (scheduler, "maximum_event_loop_tasks", widths[below(random, 4)]), OR(TS_OK));
    } else if (dice < 998) {
        CALL(ts_update_config, (scheduler, "maximum_queue_async", queues[below(random, 4)]), OR(TS_OK));
    } else if (one_in(random, 20)) {
        char *text = NULL;
        CALL(ts_get_all_queue_info, (scheduler, TS_ASYNC, true, &text), OR(TS_OK));
        ts_string_free(text);
    }
}

static void *caller(void *argument)
{
    struct random random = random_of(seed * 1000 + (uint64_t)round_number, (uint64_t)(intptr_t)argument);
    while (!PROMISE_GET(stop_threads))
        random_call(&random, false);
    return NULL;
}

/* Rounds ------------------------------------------------------------------ */

static long play_round(int count, int threads)
{
    struct random random = random_of(seed, UINT64_C(1) << 40 | (uint64_t)round_number);
    char yaml[160];
    pthread_t callers[MOST_THREADS], runners[2];
    quota = count;
    capacity = 2 * count + 64;
    stores_all = one_in(&random, 2);
    tasks = calloc((size_t)capacity, sizeof *tasks);
    if (!tasks)
        abort();
    for (int i = 0; i < NAMES; i++) {
        names[i].accepted = 0;
        names[i].last = -1;
        PROMISE_SET(names[i].running, 0);
    }
    PROMISE_SET(next_task, 0);
    PROMISE_SET(accepted, 0);
    PROMISE_SET(stop_threads, 0);
    PROMISE_SET(stop_errands, 0);
    PROMISE_SET(promise_quiet, 0);
    late_count = 0;
    snprintf(yaml, sizeof yaml, "event_loop_threads: %d\nmaximum_task_info_storage: %d\nmax_idle_time: %s\n",
             1 + below(&random, 3), stores_all ? 100000 : 60, one_in(&random, 4) ? "0.0005" : "60");
    CALL(ts_scheduler_new, (yaml, &scheduler), OR(TS_OK));
    for (int i = 0; i < NAMES; i++) {
        ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
        wanted.name = names[i].text;
        wanted.kind = TS_ASYNC;
        names[i].lane = NULL;
        if (one_in(&random, 2))
            CALL(ts_lane_new, (scheduler, &wanted, &names[i].lane), OR(TS_OK));
    }
    phase = "calls";
    for (int i = 0; i < threads; i++)
        if (pthread_create(&callers[i], NULL, caller, (void *)(intptr_t)i))
            abort();
    for (int i = 0; i < 2; i++)
        if (pthread_create(&runners[i], NULL, do_errands, (void *)(intptr_t)i))
            abort();
    int next_shutdown = count / 3;
    while (PROMISE_GET(accepted) < quota && PROMISE_GET(next_task) < capacity) {
        nap(200);
        if (PROMISE_GET(accepted) >= next_shutdown) {
            next_shutdown += count / 3;
            phase = "shutdown";
            shut_down(one_in(&random, 2));
            phase = "quiet shutdown";
            pthread_rwlock_wrlock(&adding);
            shut_down(one_in(&random, 2));
            PROMISE_SET(promise_quiet, 1);
            nap(1000);
            PROMISE_SET(promise_quiet, 0);
            pthread_rwlock_unlock(&adding);
            phase = "calls";
        }
    }
    PROMISE_SET(stop_threads, 1);
    for (int i = 0; i < threads; i++)
        pthread_join(callers[i], NULL);
    phase = "the last shutdown";
    int used = PROMISE_GET(next_task) < capacity ? PROMISE_GET(next_task) : capacity;
    bool by_free = !stores_all && one_in(&random, 2);
    if (by_free) {
        PROMISE_ADD(promise_forced, 1);
    } else {
        shut_down(one_in(&random, 2));
        PROMISE_SET(promise_quiet, 1);
        used = PROMISE_GET(next_task) < capacity ? PROMISE_GET(next_task) : capacity;
        for (int i = 0; i < used; i++) {
            ts_state state;
            if (!PROMISE_GET(tasks[i].published))
                continue;
            ts_error error = CALL(ts_get_task_state, (scheduler, tasks[i].id, &state),
                                  OR(TS_OK) | (stores_all ? 0 : OR(TS_ERROR_NOT_FOUND)));
            if (error == TS_OK && state <= TS_RUNNING)
                broken(&tasks[i], "not ended after a shutdown");
            if (error == TS_OK)
                see(&tasks[i], state, PROMISE_GET(tasks[i].final), PROMISE_GET(tasks[i].polls));
        }
    }
    /* Wakers are used until the scheduler is freed, and after. */
    if (!by_free) {
        PROMISE_SET(stop_errands, 1);
        pthread_mutex_lock(&errand_mutex);
        pthread_cond_broadcast(&errand_news);
        pthread_mutex_unlock(&errand_mutex);
        for (int i = 0; i < 2; i++)
            pthread_join(runners[i], NULL);
    } else {
        shut_down(true);
        PROMISE_SET(stop_errands, 1);
        pthread_mutex_lock(&errand_mutex);
        pthread_cond_broadcast(&errand_news);
        pthread_mutex_unlock(&errand_mutex);
        for (int i = 0; i < 2; i++)
            pthread_join(runners[i], NULL);
    }
    for (int i = 0; i < NAMES / 2; i++)
        ts_lane_free(names[i].lane);
    ts_scheduler_free(scheduler);
    for (int i = NAMES / 2; i < NAMES; i++)
        ts_lane_free(names[i].lane);
    for (int i = 0; i < late_count; i++) {
        CALL(ts_waker_wake, (late[i]), OR(TS_ERROR_SHUTTING_DOWN));
        ts_waker_free(late[i]);
    }
    phase = "audit";
    used = PROMISE_GET(next_task) < capacity ? PROMISE_GET(next_task) : capacity;
    for (int i = 0; i < used; i++) {
        struct task *task = &tasks[i];
        if (PROMISE_GET(task->published)) {
            if (PROMISE_GET(task->drops) != 1 || PROMISE_GET(task->inside))
                broken(task, "at the end: not dropped once");
        } else if (PROMISE_GET(task->drops) || PROMISE_GET(task->polls)) {
            broken(task, "at the end: refused, and polled or dropped");
        }
        if (PROMISE_GET(task->results_made) != PROMISE_GET(task->results_dropped))
            broken(task, "at the end: its result was not dropped once");
    }
    for (int i = 0; i < NAMES; i++)
        if (PROMISE_GET(names[i].running))
            promise_broken(NULL, "at the end: %s runs", names[i].text);
    free(tasks);
    return PROMISE_GET(accepted);
}

/* What is left of a hang. */
static void tell(void)
{
    int shown = 0;
    for (int i = 0; i < PROMISE_GET(next_task) && i < capacity && shown < 10; i++)
        if (PROMISE_GET(tasks[i].published) && !PROMISE_GET(tasks[i].drops)) {
            ts_task_status status = TS_TASK_STATUS_INIT;
            ts_get_task_status(scheduler, tasks[i].id, &status);
            fprintf(stderr, "  task %d: work %d, name %s, order %ld, polls %d, inside %d, stop ok %d, state %d, stopping %d\n",
                    i, (int)tasks[i].work, tasks[i].name ? tasks[i].name->text : "(none)", tasks[i].order,
                    PROMISE_GET(tasks[i].polls), PROMISE_GET(tasks[i].inside), PROMISE_GET(tasks[i].stop_ok),
                    (int)status.state, (int)status.stopping);
            shown++;
        }
}

int main(int argc, char **argv)
{
    int threads = 3;
    signal(SIGPIPE, SIG_IGN);
    long count = stress_begin("stress_async", argc, argv, 200000, &threads), done = 0;
    stress_tell = tell;
    writers_first(&adding);
    for (int i = 0; i < NAMES; i++) {
        pthread_mutex_init(&names[i].adding, NULL);
        snprintf(names[i].text, sizeof names[i].text, "name %d", i);
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long left = count; left > 0; left = count - done, round_number++)
        done += play_round(left < ROUND_TASKS ? (int)left : ROUND_TASKS, threads);
    clock_gettime(CLOCK_MONOTONIC, &end);
    long all = stress_end();
    printf("stress_async %ld %lu %d: %ld accepted, %d refused (%ld full, %ld banned, %ld shutting down), "
           "%ld polls, %ld errands; seen: %ld completed, %ld failed, %ld timed out, %ld cancelled; "
           "%d shutdowns; %ld calls; %.2f s\n",
           count, seed, threads, done, PROMISE_GET(refused), calls[TS_ERROR_QUEUE_FULL],
           calls[TS_ERROR_BANNED], calls[TS_ERROR_SHUTTING_DOWN], polls, errands_done,
           seen[TS_COMPLETED], seen[TS_FAILED], seen[TS_TIMEOUT], seen[TS_CANCELLED],
           PROMISE_GET(promise_shutdowns), all, seconds_between(start, end));
    return 0;
}
