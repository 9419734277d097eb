/*
 * Random linear tasks that workers, the host by claims, and a pump run; added by
 * name, by handle, as claims and in batches, with completions read and ends
 * heard, stops, bans, time-outs, changed limits and shutdowns in between; and
 * every promise of promises.h is watched.
 *
 *     stress_hosts [tasks [seed [threads]]]
 *
 * The seed decides what each thread does; how the threads interleave it cannot
 * decide. A broken promise prints one sentence and the seed, and exits with 1;
 * a hang does so after STRESS_SECONDS (default 60), with 3.
 */

enum { NAMES = 16, ROUND_TASKS = 2500, TAKERS = 2, QUEUES = 2, WIDTH = 3, BATCH = 4 };

#include "stress_linear.h"
#include "stress_ends.h"
#include "stress_claims.h"

static ts_lane *wide;
static atomic_int wide_running;
static atomic_long pumped;
static _Thread_local bool pumping;

static void begins(struct task *task)
{
    if (pumping)
        PROMISE_ADD(pumped, 1);
    if (task->wide && PROMISE_ADD(wide_running, 1) >= WIDTH)
        promise_broken(&task->promise, "more of a wide lane at once than its width");
}

static void returns(struct task *task)
{
    if (task->wide)
        PROMISE_ADD(wide_running, -1);
}

/* A pump ------------------------------------------------------------------ */

static ts_pump *pump;

static void *pumper(void *argument)
{
    thread_number = (int)(intptr_t)argument;
    struct random random = random_of(seed * 78 + (uint64_t)round_number, (uint64_t)thread_number);
    int fd = -1;
    CALL(ts_pump_fd, (pump, &fd), OR(TS_OK));
    while (!PROMISE_GET(stop_helpers)) {
        struct pollfd its = { fd, POLLIN, 0 };
        size_t most = (size_t)below(&random, 4), ran = 0;
        poll(&its, 1, 1);
        pumping = true;
        CALL(ts_pump_run, (pump, most, one_in(&random, 3) ? 1e-5 : 0, &ran), OR(TS_OK));
        pumping = false;
        if (most && ran > most)
            promise_broken(NULL, "a pump ran more than it was to");
        PROMISE_SET(doing[thread_number], "nothing");
    }
    return NULL;
}

/* Calls ------------------------------------------------------------------- */

/* As make_up, with what hosts may ask for. */
static struct task *make_up_more(struct random *random, struct promise_name *name, ts_task_options *options)
{
    struct task *task = make_up(random, name, options);
    if (!task)
        return NULL;
    if (one_in(random, 3)) {
        task->has_end = true;
        task->calls_on_end = one_in(random, 4);
        options->on_end = hear_end;
        options->on_end_data = task;
        options->on_end_drop = drop_end;
    }
    if (one_in(random, 3)) {
        task->has_queue = true;
        options->completions = queues[below(random, QUEUES)];
        options->completion_data = task;
    }
    choose_flags(random, task, options, 4);
    return task;
}

#define ADD_ERRORS (OR(TS_OK) | OR(TS_ERROR_QUEUE_FULL) | OR(TS_ERROR_SHUTTING_DOWN) | OR(TS_ERROR_BANNED) | \
                    OR(TS_ERROR_IN_USE) | OR(TS_ERROR_WOULD_DEADLOCK))

/* A batch of claims without names. */
static void add_batch(struct random *random, bool inside)
{
    struct task *its[BATCH];
    ts_task_options options[BATCH];
    ts_claim claims[BATCH];
    ts_task_id ids[BATCH];
    size_t count = 0, added = 0;
    int wanted = 1 + below(random, BATCH);
    while ((int)count < wanted && (its[count] = make_up_more(random, NULL, &options[count]))) {
        options[count].flags &= ~(uint32_t)TS_WAIT_FOR_ROOM;
        options[count].wait_seconds = 0;
        options[count++].runner = TS_CLAIMS;
    }
    ts_error error = CALL(ts_claims_submit, (scheduler, options, count, claims, ids, &added), ADD_ERRORS);
    if ((error == TS_OK) != (added == count))
        promise_broken(NULL, "a batch of %d with %d added gave %s", (int)count, (int)added, ts_error_name(error));
    for (size_t i = 0; i < count; i++) {
        its[i]->promise.id = ids[i];
        was_answered(its[i], &options[i], i < added ? TS_OK : error);
    }
    for (size_t i = 0; i < count; i++)
        if (claims[i].token)
            receive(&claims[i]);
    for (size_t i = 0; i < count; i++) {
        if (claims[i].token && (inside || one_in(random, 3)))
            send_parcel(&claims[i]);
        else if (claims[i].token)
            run_claims(claims[i], random);
    }
}

/* What a thread holds of lanes. */
static _Thread_local struct {
    ts_lane *lane;
    struct promise_name *name;
} handle;

static void add(struct random *random, bool inside)
{
    if (PROMISE_GET(no_adds) || PROMISE_GET(accepted) >= quota)
        return;
    if (pthread_rwlock_tryrdlock(&adding))
        return;
    if (one_in(random, 16)) {
        add_batch(random, inside);
        pthread_rwlock_unlock(&adding);
        return;
    }
    struct promise_name *name = NULL;
    bool is_wide = one_in(random, 8), by_handle = !is_wide && !inside && handle.lane && one_in(random, 2);
    if (by_handle && pthread_mutex_lock(&handle.name->adding) == 0)
        name = handle.name;
    else if (!is_wide && !one_in(random, 5) && !(name = lock_name(random, true))) {
        pthread_rwlock_unlock(&adding);
        return;
    }
    ts_task_options options;
    struct task *task = make_up_more(random, name, &options);
    if (!task) {
        pthread_rwlock_unlock(&adding);
        unlock_name(name);
        return;
    }
    struct promise_task *promise = &task->promise;
    task->wide = is_wide;
    bool stop_it = !inside && one_in(random, 100), await_it = !inside && one_in(random, 50);
    if (stop_it)
        task->work = AWAITS_STOP;
    ts_claim claim = { NULL, { { 0 } }, NULL, NULL };
    ts_error error;
    if (is_wide) {
        options.lane = wide;
        options.name = NULL;
    } else if (by_handle) {
        options.lane = handle.lane;
        options.name = NULL;
    } else {
        int dice = below(random, 8);
        options.runner = dice < 4 ? (ts_runner)0 : dice < 5 ? TS_WORKERS : dice < 7 ? TS_CLAIMS : TS_PUMP;
        if (options.runner == TS_PUMP)
            options.pump = pump;
    }
    bool briefly = by_handle && !task->has_end && !task->has_queue && !options.flags;
    if (briefly && one_in(random, 2))
        error = CALL(ts_lane_claim_task, (handle.lane, false, options.run, options.user_data, options.drop, &claim,
                                          &promise->id), ADD_ERRORS);
    else if (briefly)
        error = CALL(ts_lane_add_task, (handle.lane, false, options.run, options.user_data, options.drop, &promise->id),
                     ADD_ERRORS);
    else if (options.runner == TS_CLAIMS || is_wide || one_in(random, 4))
        error = CALL(ts_claim_submit, (scheduler, &options, &claim, &promise->id), ADD_ERRORS);
    else
        error = CALL(ts_submit, (scheduler, &options, &promise->id), ADD_ERRORS);
    was_answered(task, &options, error);
    if (claim.token)
        receive(&claim);
    pthread_rwlock_unlock(&adding);
    unlock_name(name);
    if (error != TS_OK) {
        if (!inside && error == TS_ERROR_SHUTTING_DOWN)
            nap(50);
        return;
    }
    if (claim.token) {
        if (inside || stop_it || one_in(random, 3))
            send_parcel(&claim);
        else
            run_claims(claim, random);
    }
    if (stop_it) {
        nap(below(random, 200));
        stop(task);
    }
    /* Nobody here has to do anything for it to end. */
    if (await_it)
        await_end(task, OR(TS_ERROR_WOULD_DEADLOCK));
}

static void look(struct random *random)
{
    struct task *task = some_task(random);
    if (!task)
        return;
    struct promise_task *promise = &task->promise;
    int before = PROMISE_GET(promise->final), begun = PROMISE_GET(promise->runs);
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_error error;
    if (one_in(random, 2)) {
        error = CALL(ts_get_task_status, (scheduler, promise->id, &status), OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
    } else {
        double seconds = one_in(random, 2) ? 0 : 1e-6 * (1 + below(random, 1000));
        error = CALL(ts_wait, (scheduler, promise->id, seconds, &status),
                     OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_NOT_FINISHED) | OR(TS_ERROR_TIMED_OUT) |
                     OR(TS_ERROR_WOULD_DEADLOCK));
    }
    if (error == TS_OK) {
        promise_state(promise, status.state, before, begun);
        if (memcmp(&status.id, &promise->id, sizeof status.id))
            promise_broken(promise, "the status has another id");
        if (strcmp(status.task_name, task->wide ? "wide" : promise->name ? promise->name->text : ""))
            promise_broken(promise, "the status has another name: %s", status.task_name);
        if (status.state == TS_FAILED && status.code != promise->code)
            promise_broken(promise, "the status has code %d", (int)status.code);
    } else if (error == TS_ERROR_NOT_FOUND) {
        promise_not_found(promise);
    }
}

static void result(struct random *random)
{
    struct task *task = some_task(random);
    if (!task)
        return;
    struct promise_task *promise = &task->promise;
    ts_value value = { NULL, 0, NULL };
    int before = PROMISE_GET(promise->final);
    ts_error error = CALL(ts_get_task_result, (scheduler, promise->id, &value),
                          OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_NOT_FINISHED) | OR(TS_ERROR_NO_RESULT));
    if (error == TS_ERROR_NOT_FINISHED && before)
        promise_broken(promise, "no result yet after its end was seen");
    if (error != TS_OK)
        return;
    promise_state(promise, TS_COMPLETED, before, 1);
    if (PROMISE_ADD(promise->results_taken, 1))
        promise_broken(promise, "its result is handed out again");
    promise_own_call++;
    ts_value_free(&value);
    promise_own_call--;
}

static void forget(struct random *random)
{
    struct task *task = some_task(random);
    if (!task)
        return;
    PROMISE_SET(task->promise.forgotten, 1);
    CALL(ts_task_forget, (scheduler, task->promise.id), OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
}

static void sweep(struct random *random, bool inside)
{
    struct promise_name *name = lock_name(random, inside);
    if (!name)
        return;
    int dice = below(random, 10);
    if (dice < 3) {
        CALL(ts_cancel_all_queued_tasks_by_name, (scheduler, TS_LINEAR, name->text, NULL), OR(TS_OK));
        promise_swept(name);
    } else if (dice < 5) {
        if (CALL(ts_ban_task_name, (scheduler, TS_LINEAR, name->text),
                 OR(TS_OK) | OR(TS_ERROR_ALREADY_BANNED)) == TS_OK)
            promise_swept(name);
    } else {
        CALL(ts_allow_task_name, (scheduler, TS_LINEAR, name->text), OR(TS_OK) | OR(TS_ERROR_NOT_BANNED));
    }
    unlock_name(name);
}

static void configure(struct random *random)
{
    static const char *const lines[] = { "1", "2", "3", "5", "8" };
    static const char *const bounds[] = { "0", "10", "30", "300", "0" };
    static const char *const stores[] = { "0", "1", "60", "1000", "100000" };
    int pick = below(random, 5);
    switch (below(random, 4)) {
    case 0:
        raise_limit(&claims_limit, atoi(lines[pick]));
        raise_limit(&promise_limit, 2 * atoi(lines[pick]) + 1);
        CALL(ts_update_config, (scheduler, "line_task_max", lines[pick]), OR(TS_OK));
        break;
    case 1:
        CALL(ts_update_config, (scheduler, "maximum_queue_line", bounds[pick]), OR(TS_OK));
        break;
    case 2:
        if (!stores_all)
            CALL(ts_update_config, (scheduler, "maximum_task_info_storage", stores[pick]), OR(TS_OK));
        break;
    default:
        pick = 1 + pick % 3;
        CALL(ts_scheduler_set_runner, (scheduler, (ts_runner)pick, pick == TS_PUMP ? pump : NULL), OR(TS_OK));
    }
}

/* Opens a handle, or closes the one there is. */
static void handle_lanes(struct random *random)
{
    if (handle.lane) {
        ts_lane_free(handle.lane);
        handle.lane = NULL;
        return;
    }
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    int dice = below(random, 6);
    handle.name = &names[below(random, NAMES)];
    wanted.name = handle.name->text;
    wanted.runner = dice < 3 ? (ts_runner)0 : (ts_runner)(dice - 2);
    if (wanted.runner == TS_PUMP)
        wanted.pump = pump;
    wanted.capacity = one_in(random, 2) ? 0 : (size_t)(1 + below(random, 10));
    if (CALL(ts_lane_new, (scheduler, &wanted, &handle.lane), OR(TS_OK) | OR(TS_ERROR_IN_USE)) != TS_OK &&
        handle.lane)
        promise_broken(NULL, "a handle from a call that failed");
}

static void random_call(struct random *random, bool inside)
{
    int dice = below(random, 1000);
    if (dice < 580) {
        add(random, inside);
    } else if (dice < 660) {
        struct task *task = some_task(random);
        if (task)
            stop(task);
    } else if (dice < 820) {
        look(random);
    } else if (dice < 870) {
        result(random);
    } else if (dice < 890) {
        forget(random);
    } else if (dice < 920) {
        sweep(random, inside);
    } else if (dice < 945) {
        configure(random);
    } else if (dice < 985) {
        if (!inside)
            handle_lanes(random);
    } else if (!inside && one_in(random, 40)) {
        bool force = one_in(random, 2);
        PROMISE_ADD(promise_shutdowns, 1);
        PROMISE_ADD(promise_forced, force);
        /* A claim that was sent on may still count as this thread's. */
        if (one_in(random, 2)) {
            CALL(ts_shutdown, (scheduler, force), OR(TS_OK) | OR(TS_ERROR_WOULD_DEADLOCK));
        } else {
            /* Begun, and looked at until it has come to its end. */
            while (CALL(ts_shutdown_within, (scheduler, force, 0, NULL), OR(TS_OK) | OR(TS_ERROR_TIMED_OUT)) != TS_OK)
                nap(below(random, 300));
        }
        PROMISE_ADD(promise_shutdowns_ended, 1);
    }
}

static void *caller(void *argument)
{
    thread_number = (int)(intptr_t)argument;
    struct random random = random_of(seed * 1000 + (uint64_t)round_number, (uint64_t)thread_number);
    while (!PROMISE_GET(stop_threads)) {
        random_call(&random, false);
        PROMISE_SET(doing[thread_number], "nothing");
    }
    if (handle.lane)
        ts_lane_free(handle.lane);
    handle.lane = NULL;
    return NULL;
}

/* Rounds ------------------------------------------------------------------ */

/* A shutdown while nobody adds: from its return on nothing is called or handed
 * out, until it is told otherwise. */
static void quiet_shutdown(struct random *random)
{
    phase = "quiet shutdown";
    PROMISE_SET(no_adds, 1);
    pthread_rwlock_wrlock(&adding);
    shut_down(one_in(random, 2));
    PROMISE_SET(promise_quiet, 1);
    nap(1000 + below(random, 2000));
    PROMISE_SET(promise_quiet, 0);
    pthread_rwlock_unlock(&adding);
    PROMISE_SET(no_adds, 0);
    phase = "calls";
}

static atomic_int threads_there;

static void count_thread(ts_thread_event event, const char *name, void *user_data)
{
    (void)user_data;
    if (strncmp(name, "ts-", 3))
        promise_broken(NULL, "a thread is called %s", name);
    if (PROMISE_ADD(threads_there, event == TS_THREAD_STARTED ? 1 : -1) + (event == TS_THREAD_STARTED) <= 0)
        promise_broken(NULL, "a thread stops that had not started");
    if (PROMISE_GET(promise_quiet))
        promise_broken(NULL, "a thread is heard of after a shutdown has returned");
}

struct totals {
    long accepted, refused, ran, seen[TS_CANCELLED + 1];
};

static void audit(int used, struct totals *totals, bool queues_were_read)
{
    for (int i = 0; i < used; i++) {
        struct task *task = &tasks[i];
        bool was_accepted = PROMISE_GET(task->promise.answer) == PROMISE_ACCEPTED;
        promise_audit(&task->promise, true);
        if (PROMISE_GET(task->heard) != (was_accepted && task->has_end) ||
            PROMISE_GET(task->heard_drops) != (was_accepted && task->has_end))
            promise_broken(&task->promise, "at the end: its end was heard %d times", PROMISE_GET(task->heard));
        if (queues_were_read && PROMISE_GET(task->reported) != (was_accepted && task->has_queue))
            promise_broken(&task->promise, "at the end: its end was reported %d times", PROMISE_GET(task->reported));
        if (!was_accepted)
            continue;
        old_ids[old_count++] = task->promise.id;
        totals->ran += PROMISE_GET(task->promise.runs);
        totals->seen[PROMISE_GET(task->promise.final)]++;
    }
}

static void play_round(int count, int threads, struct totals *totals)
{
    struct random random = random_of(seed, UINT64_C(1) << 40 | (uint64_t)round_number);
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    char yaml[160];
    stores_all = one_in(&random, 2);
    begin_round(count);
    PROMISE_SET(stop_helpers, 0);
    PROMISE_SET(claims_limit, 5);
    PROMISE_SET(promise_limit, 11);
    snprintf(yaml, sizeof yaml, "line_task_max: 5\nstuck_grace: 1000\nmaximum_queue_line: %d\nmaximum_task_info_storage: %d\n",
             one_in(&random, 2) ? 0 : 100, stores_all ? 100000 : 60);
    ts_scheduler_options made = TS_SCHEDULER_OPTIONS_INIT;
    made.config_yaml = yaml;
    made.on_thread = count_thread;
    CALL(ts_scheduler_new_with, (&made, &scheduler), OR(TS_OK));
    CALL(ts_pump_new, (scheduler, NULL, &pump), OR(TS_OK));
    for (int i = 0; i < QUEUES; i++)
        CALL(ts_completions_new, (scheduler, &queues[i]), OR(TS_OK));
    wanted.name = "wide";
    wanted.runner = TS_CLAIMS;
    wanted.width = WIDTH;
    wanted.capacity = one_in(&random, 2) ? 0 : 12;
    CALL(ts_lane_new, (scheduler, &wanted, &wide), OR(TS_OK));

    phase = "calls";
    pthread_t helpers[TAKERS + 2];
    for (int i = 0; i < TAKERS + 2; i++)
        if (pthread_create(&helpers[i], NULL, i < TAKERS ? taker : i == TAKERS ? pumper : reader,
                           (void *)(intptr_t)(threads + i)))
            abort();
    let_call(caller, threads, quiet_shutdown, &random);

    phase = "the end of a round";
    PROMISE_SET(no_adds, 1);
    int used = tasks_used();
    if (one_in(&random, 2))
        await_all(used);
    shut_down(one_in(&random, 2));
    PROMISE_SET(promise_quiet, 1);
    PROMISE_SET(stop_helpers, 1);
    for (int i = 0; i < TAKERS + 2; i++)
        pthread_join(helpers[i], NULL);
    if (parcels)
        promise_broken(NULL, "a shutdown returned while claims were out");
    bool read_all = one_in(&random, 2), free_first = one_in(&random, 2);
    if (free_first) {
        ts_scheduler_free(scheduler);
        ts_pump_free(pump);
    }
    for (int i = 0; i < QUEUES; i++) {
        ts_completion one;
        size_t got;
        while (read_all) {
            ts_error error = CALL(ts_completions_take, (queues[i], &one, 1, 0, &got),
                                  OR(TS_OK) | OR(TS_NOT_YET) | OR(TS_ERROR_SHUTTING_DOWN));
            if (error != TS_OK)
                break;
            struct task *task = one.data;
            if (PROMISE_ADD(task->reported, 1))
                promise_broken(&task->promise, "an end is reported again");
            end_was_seen(task, &one, PROMISE_GET(task->promise.final));
        }
        ts_completions_free(queues[i]);
    }
    ts_lane_free(wide);
    if (!free_first) {
        for (int i = 0; i < used; i++) {
            struct promise_task *task = &tasks[i].promise;
            ts_state state;
            if (!PROMISE_GET(tasks[i].published))
                continue;
            int before = PROMISE_GET(task->final);
            if (CALL(ts_get_task_state, (scheduler, task->id, &state), OR(TS_OK) | OR(TS_ERROR_NOT_FOUND)) == TS_OK) {
                if (state <= TS_RUNNING)
                    promise_broken(task, "not ended after a shutdown");
                promise_state(task, state, before, PROMISE_GET(task->runs));
                CALL(ts_task_forget, (scheduler, task->id), OR(TS_OK));
            } else {
                promise_not_found(task);
            }
        }
        none_is_listed();
        ts_pump_free(pump);
        ts_scheduler_free(scheduler);
    }
    audit(used, totals, read_all);
    if (PROMISE_GET(threads_there))
        promise_broken(NULL, "at the end: %d threads have not stopped", PROMISE_GET(threads_there));
    if (PROMISE_GET(claims_out) || PROMISE_GET(wide_running))
        promise_broken(NULL, "at the end: %d claims are out", PROMISE_GET(claims_out));
    end_round();
    totals->accepted += PROMISE_GET(accepted);
}

/* What is left of a hang. */
static void tell(void)
{
    int shown = 0;
    fprintf(stderr, "  %d run, %d claims out\n", PROMISE_GET(promise_running), PROMISE_GET(claims_out));
    for (int i = 0; i < PROMISE_GET(next_task) && i < capacity && shown < 20; i++) {
        struct task *task = &tasks[i];
        ts_task_status status = TS_TASK_STATUS_INIT;
        if (!PROMISE_GET(task->published) || PROMISE_GET(task->promise.final) ||
            ts_get_task_status(scheduler, task->promise.id, &status) != TS_OK || status.state > TS_RUNNING)
            continue;
        fprintf(stderr, "  task %d: work %d, name %s, order %ld, wide %d, handed %d, runs %d, returns %d, state %d, stopping %d\n",
                i, (int)task->work, task->promise.name ? task->promise.name->text : "(none)", task->promise.order,
                task->wide, PROMISE_GET(task->handed), PROMISE_GET(task->promise.runs),
                PROMISE_GET(task->promise.returns), (int)status.state, (int)status.stopping);
        shown++;
    }
}

int main(int argc, char **argv)
{
    int threads = 3;
    long count = stress_begin("stress_hosts", argc, argv, 20000, &threads);
    if (threads > MOST_THREADS - TAKERS - 2)
        threads = MOST_THREADS - TAKERS - 2;
    stress_tell = tell;
    task_begins = begins;
    task_returns = returns;
    writers_first(&adding);
    struct timespec start, end;
    struct totals totals = { 0, 0, 0, { 0 } };
    clock_gettime(CLOCK_MONOTONIC, &start);
    make_room_for_ids(count, ROUND_TASKS);
    for (long left = count; totals.accepted < count; left = count - totals.accepted, round_number++)
        play_round(left < ROUND_TASKS ? (int)left : ROUND_TASKS, threads, &totals);
    promise_ids(old_ids, (size_t)old_count);
    free(old_ids);
    clock_gettime(CLOCK_MONOTONIC, &end);
    long all = stress_end();
    printf("stress_hosts %ld %lu %d: %ld accepted, %d refused (%ld full, %ld banned, %ld in use, %ld shutting down), "
           "%ld ran, %ld of them claimed, %ld pumped; %ld stopped ones taken, %ld ends read, %ld heard; "
           "seen: %ld completed, %ld failed, %ld timed out, %ld cancelled; %d shutdowns; %ld calls; %.2f s\n",
           count, seed, threads, totals.accepted, PROMISE_GET(refused), calls[TS_ERROR_QUEUE_FULL],
           calls[TS_ERROR_BANNED], calls[TS_ERROR_IN_USE], calls[TS_ERROR_SHUTTING_DOWN], totals.ran, claimed, pumped,
           taken_stopped, ends_read, ends_heard, totals.seen[TS_COMPLETED], totals.seen[TS_FAILED],
           totals.seen[TS_TIMEOUT], totals.seen[TS_CANCELLED], PROMISE_GET(promise_shutdowns),
           all, seconds_between(start, end));
    return 0;
}
