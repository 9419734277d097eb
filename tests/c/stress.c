/*
 * Random calls from several threads, from tasks and from drops, with every
 * promise of promises.h watched:
 *
 *     stress [tasks [seed [threads]]]
 *
 * The seed decides what each thread does; how the threads interleave it cannot
 * decide. A broken promise prints one sentence and the seed, and exits with 1;
 * a hang does so after STRESS_SECONDS (default 60), with 3.
 */

enum { NAMES = 24, ROUND_TASKS = 2500 };

#include "stress_linear.h"
#include "stress_log.h"
#include <math.h>

static atomic_int no_calls;
static atomic_long refusals[32];
static pthread_rwlock_t calling;
static double latest_start;         /* the most that a start was before its add */
static pthread_mutex_t latest_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Calls ------------------------------------------------------------------- */

static void add(struct random *random, bool inside)
{
    if (PROMISE_GET(no_adds) || PROMISE_GET(accepted) >= quota)
        return;
    struct promise_name *name = NULL;
    if (!one_in(random, 4) && !(name = lock_name(random, inside)))
        return;
    if (pthread_rwlock_tryrdlock(&adding)) {
        unlock_name(name);
        return;
    }
    ts_task_options options;
    struct task *task = make_up(random, name, &options);
    if (!task) {
        pthread_rwlock_unlock(&adding);
        unlock_name(name);
        return;
    }
    struct promise_task *promise = &task->promise;
    bool stop_it = !inside && one_in(random, 100), await_it = !inside && one_in(random, 50);
    if (stop_it)
        task->work = AWAITS_STOP;
    task->calls_in_drop = promise->has_drop && one_in(random, 8);
    uint64_t errors = OR(TS_OK) | OR(TS_ERROR_QUEUE_FULL) | OR(TS_ERROR_SHUTTING_DOWN);
    if (name)
        errors |= OR(TS_ERROR_BANNED);
    ts_error error;
    if (one_in(random, 2)) {
        error = CALL(ts_add_task, (scheduler, one_in(random, 8), options.name, options.run,
                                   options.user_data, options.drop, &promise->id), errors);
    } else {
        choose_flags(random, task, &options, 3);
        if (inside && options.flags & TS_WAIT_FOR_ROOM)
            errors |= OR(TS_ERROR_WOULD_DEADLOCK);
        error = CALL(ts_submit, (scheduler, &options, &promise->id), errors);
    }
    was_answered(task, &options, error);
    if (error != TS_OK)
        PROMISE_ADD(refusals[error], 1);
    if (!inside && error == TS_ERROR_SHUTTING_DOWN)
        nap(50);
    pthread_rwlock_unlock(&adding);
    unlock_name(name);
    if (error != TS_OK)
        return;
    if (stop_it) {
        nap(below(random, 200));
        stop(task);
    }
    if (await_it)
        await_end(task, 0);
}

static void look_at_status(struct task *its, const ts_task_status *status, int before, int begun)
{
    struct promise_task *task = &its->promise;
    bool says = its->says;
    char text[32];
    promise_state(task, status->state, before, begun);
    if (memcmp(&status->id, &task->id, sizeof task->id))
        promise_broken(task, "the status has another id");
    if (strcmp(status->task_name, task->name ? task->name->text : ""))
        promise_broken(task, "the status has another name: %s", status->task_name);
    if (status->kind != TS_LINEAR)
        promise_broken(task, "the status has another kind");
    if (status->state == TS_FAILED) {
        snprintf(text, sizeof text, "task %u", task->number);
        if (status->code != task->code)
            promise_broken(task, "the status has code %d", (int)status->code);
        if (strcmp(status->error, says ? text : ""))
            promise_broken(task, "the status says \"%s\"", status->error);
    } else if (status->error[0]) {
        promise_broken(task, "state %d and \"%s\"", (int)status->state, status->error);
    }
    if (status->stopping && status->state != TS_RUNNING && status->state != TS_PENDING)
        promise_broken(task, "ended, and still stopping");
    if (status->started_at != 0 && status->ended_at != 0 && status->ended_at < status->started_at)
        promise_broken(task, "ended %f s before its start", status->started_at - status->ended_at);
    if (status->started_at != 0 && status->added_at - status->started_at > 0) {
        pthread_mutex_lock(&latest_mutex);
        if (status->added_at - status->started_at > latest_start)
            latest_start = status->added_at - status->started_at;
        pthread_mutex_unlock(&latest_mutex);
    }
    if (status->state > TS_RUNNING && status->ended_at == 0)
        promise_broken(task, "ended, and when is not known");
}

static void look(struct random *random, bool inside)
{
    struct task *task = some_task(random);
    if (!task)
        return;
    struct promise_task *promise = &task->promise;
    int before = PROMISE_GET(promise->final), begun = PROMISE_GET(promise->runs);
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_state state;
    ts_error error;
    switch (below(random, 3)) {
    case 0:
        error = CALL(ts_get_task_state, (scheduler, promise->id, &state),
                     OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
        if (error == TS_OK)
            promise_state(promise, state, before, begun);
        break;
    case 1:
        error = CALL(ts_get_task_status, (scheduler, promise->id, &status),
                     OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
        if (error == TS_OK)
            look_at_status(task, &status, before, begun);
        break;
    default: {
        bool now = one_in(random, 2);
        uint64_t errors = OR(TS_OK) | OR(TS_ERROR_NOT_FOUND);
        errors |= now ? OR(TS_ERROR_NOT_FINISHED) : OR(TS_ERROR_TIMED_OUT);
        if (inside && !now)
            errors |= OR(TS_ERROR_WOULD_DEADLOCK);
        error = CALL(ts_wait, (scheduler, promise->id, now ? 0 : 1e-6 * (1 + below(random, 1000)),
                               one_in(random, 3) ? NULL : &status), errors);
        if (error == TS_OK && status.state)
            look_at_status(task, &status, before, begun);
        else if (error == TS_ERROR_NOT_FINISHED && before)
            promise_broken(promise, "not finished after its end was seen");
    }
    }
    if (error == TS_ERROR_NOT_FOUND)
        promise_not_found(promise);
}

static void result(struct random *random)
{
    struct task *task = some_task(random);
    if (!task)
        return;
    struct promise_task *promise = &task->promise;
    int before = PROMISE_GET(promise->final), asked = PROMISE_ADD(promise->results_asked, 1);
    ts_value value = { NULL, 0, NULL };
    ts_error error = CALL(ts_get_task_result, (scheduler, promise->id, &value),
                          OR(TS_OK) | OR(TS_ERROR_NOT_FOUND) | OR(TS_ERROR_NOT_FINISHED) |
                          OR(TS_ERROR_NO_RESULT));
    if (error == TS_ERROR_NOT_FINISHED) {
        if (before)
            promise_broken(promise, "no result yet after its end was seen");
        PROMISE_ADD(promise->results_asked, -1);
    } else if (error == TS_ERROR_NOT_FOUND) {
        promise_not_found(promise);
    } else if (error == TS_ERROR_NO_RESULT) {
        if (before == TS_COMPLETED && promise->left_result && asked == 0 &&
            PROMISE_GET(promise->results_asked) == 1 &&
            PROMISE_GET(promise_shutdowns) == promise->shutdowns)
            promise_broken(promise, "its result is gone");
    } else {
        promise_state(promise, TS_COMPLETED, before, 1);
        if (!promise->left_result)
            promise_broken(promise, "a result that it did not set");
        if (PROMISE_ADD(promise->results_taken, 1))
            promise_broken(promise, "its result is handed out again");
        if (task->copies) {
            if (value.size != sizeof promise->number ||
                memcmp(value.data, &promise->number, value.size))
                promise_broken(promise, "another result than it set");
        } else {
            struct promise_result *its = value.data;
            if (its->alive != PROMISE_ALIVE || its->task != promise)
                promise_broken(promise, "another result than it set");
        }
        promise_own_call++;
        ts_value_free(&value);
        ts_value_free(&value);
        promise_own_call--;
    }
}

static void forget(struct random *random)
{
    struct task *task = some_task(random);
    if (!task)
        return;
    struct promise_task *promise = &task->promise;
    int before = PROMISE_GET(promise->final);
    PROMISE_SET(promise->forgotten, 1);
    ts_error error = CALL(ts_task_forget, (scheduler, promise->id),
                          OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
    ts_state state;
    if (before && error == TS_OK)
        CALL(ts_get_task_state, (scheduler, promise->id, &state), OR(TS_ERROR_NOT_FOUND));
}

/* Cancels or bans a name, or allows it. */
static void sweep(struct random *random, bool inside)
{
    struct promise_name *name = lock_name(random, inside);
    if (!name)
        return;
    int dice = below(random, 10);
    size_t count;
    ts_error error;
    if (dice < 3) {
        CALL(ts_cancel_all_queued_tasks_by_name,
             (scheduler, TS_LINEAR, name->text, one_in(random, 2) ? NULL : &count), OR(TS_OK));
        promise_swept(name);
    } else if (dice < 5) {
        error = CALL(ts_ban_task_name, (scheduler, TS_LINEAR, name->text),
                     OR(TS_OK) | OR(TS_ERROR_ALREADY_BANNED));
        if (error == TS_OK)
            promise_swept(name);
        ts_task_id id;
        CALL(ts_add_task, (scheduler, false, name->text, run_plain, NULL, NULL, &id),
             OR(TS_ERROR_BANNED) | OR(TS_ERROR_SHUTTING_DOWN));
    } else {
        CALL(ts_allow_task_name, (scheduler, TS_LINEAR, name->text),
             OR(TS_OK) | OR(TS_ERROR_NOT_BANNED));
    }
    unlock_name(name);
}

static char config_path[] = "/tmp/stress-XXXXXX";

/* What is loaded while tasks run. */
static void write_config(void)
{
    static const char text[] = "line_task_max: 4\nmaximum_queue_line: 100\n";
    int fd = mkstemp(config_path);
    if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1)
        abort();
    close(fd);
}

static void configure(struct random *random)
{
    static const char *const lines[] = { "1", "2", "3", "5", "12" };
    static const char *const queues[] = { "0", "10", "30", "300", "0" };
    static const char *const stores[] = { "0", "1", "60", "1000", "100000" };
    char *text = NULL;
    int pick = below(random, 5);
    switch (below(random, 5)) {
    case 3:
        raise_limit(&promise_limit, 4);
        CALL(ts_load_config, (scheduler, config_path), OR(TS_OK));
        break;
    case 0:
        raise_limit(&promise_limit, atoi(lines[pick]));
        CALL(ts_update_config, (scheduler, "line_task_max", lines[pick]), OR(TS_OK));
        break;
    case 1:
        CALL(ts_update_config, (scheduler, "maximum_queue_line", queues[pick]), OR(TS_OK));
        break;
    case 2:
        if (stores_all)
            break;
        CALL(ts_update_config, (scheduler, "maximum_task_info_storage", stores[pick]), OR(TS_OK));
        break;
    default:
        CALL(ts_get_config, (scheduler, "line_task_max", &text), OR(TS_OK));
        if (atoi(text) < 1)
            promise_broken(NULL, "line_task_max is %s", text);
        ts_string_free(text);
    }
}

static void list(struct random *random)
{
    size_t count = 0, room = (size_t)below(random, 40);
    char *text = NULL;
    ts_task_status *statuses;
    if (one_in(random, 3)) {
        CALL(ts_get_all_queue_info, (scheduler, TS_LINEAR, one_in(random, 2), &text), OR(TS_OK));
        if (!*text)
            promise_broken(NULL, "the queue info is empty");
        ts_string_free(text);
        return;
    }
    if (!(statuses = calloc(room + 1, sizeof *statuses)))
        abort();
    statuses[0].size = sizeof *statuses;
    CALL(ts_list_tasks, (scheduler, TS_LINEAR, statuses, room, &count), OR(TS_OK));
    for (size_t i = 0; i < count && i < room; i++)
        if (statuses[i].state < TS_PENDING || statuses[i].state > TS_CANCELLED ||
            strlen(statuses[i].task_name) > 255 ||
            (statuses[i].task_name[0] && strncmp(statuses[i].task_name, "name ", 5)))
            promise_broken(NULL, "a listed task in state %d with name \"%s\"",
                           (int)statuses[i].state, statuses[i].task_name);
    free(statuses);
}

/* An id that names no task of this round. */
static void stale(struct random *random)
{
    ts_task_id id;
    ts_state state;
    ts_value value;
    char text[37];
    uint64_t gone = OR(TS_ERROR_NOT_FOUND);
    if (old_count == 0 || one_in(random, 3)) {
        for (size_t i = 0; i < sizeof id.bytes; i++)
            id.bytes[i] = (uint8_t)next_random(random);
    } else {
        id = old_ids[below(random, old_count)];
        ts_task_id_format(id, text);
        memset(&id, 0, sizeof id);
        CALL(ts_task_id_parse, (text, &id), OR(TS_OK));
    }
    switch (below(random, 5)) {
    case 0:
        if (CALL(ts_get_task_state, (scheduler, id, &state), gone | OR(TS_OK)) == TS_OK &&
            state <= TS_RUNNING)
            promise_broken(NULL, "a task of an earlier round is in state %d", (int)state);
        break;
    case 1:
        CALL(ts_force_stop, (scheduler, id), gone | OR(TS_ERROR_ALREADY_FINISHED));
        break;
    case 2:
        CALL(ts_wait, (scheduler, id, TS_FOREVER, NULL), gone | OR(TS_OK));
        break;
    case 3:
        CALL(ts_get_task_result, (scheduler, id, &value), gone | OR(TS_ERROR_NO_RESULT));
        break;
    default:
        CALL(ts_task_forget, (scheduler, id), gone | OR(TS_OK));
    }
}

static void random_call(struct random *random, bool inside)
{
    int dice = below(random, 1000);
    if (dice < 560) {
        add(random, inside);
    } else if (dice < 650) {
        struct task *task = some_task(random);
        if (task)
            stop(task);
    } else if (dice < 830)
        look(random, inside);
    else if (dice < 890)
        result(random);
    else if (dice < 915)
        forget(random);
    else if (dice < 950)
        sweep(random, inside);
    else if (dice < 970)
        stale(random);
    else if (dice < 985)
        configure(random);
    else if (dice < 994)
        list(random);
    else if (dice < 997)
        set_log(one_in(random, 2));
    else if (inside)
        CALL(ts_shutdown, (scheduler, one_in(random, 2)), OR(TS_ERROR_WOULD_DEADLOCK));
    else if (one_in(random, 20))
        shut_down(one_in(random, 2));
}

static void *caller(void *argument)
{
    thread_number = (int)(intptr_t)argument;
    struct random random = random_of(seed * 1000 + (uint64_t)round_number, (uint64_t)thread_number);
    while (!PROMISE_GET(stop_threads)) {
        if (PROMISE_GET(no_calls))
            usleep(100);
        pthread_rwlock_rdlock(&calling);
        for (int i = 0; i < 8; i++)
            random_call(&random, false);
        pthread_rwlock_unlock(&calling);
        PROMISE_SET(doing[thread_number], "nothing");
    }
    return NULL;
}

/* Rounds ------------------------------------------------------------------ */

/* A shutdown while nobody adds, perhaps while others make no call at all: from
 * its return on nothing of the host is called, until it is told otherwise. */
static void quiet_shutdown(struct random *random)
{
    bool alone = one_in(random, 2);
    phase = "quiet shutdown";
    PROMISE_SET(no_adds, 1);
    if (alone) {
        PROMISE_SET(no_calls, 1);
        pthread_rwlock_wrlock(&calling);
    }
    pthread_rwlock_wrlock(&adding);
    shut_down(one_in(random, 2));
    PROMISE_SET(promise_quiet, 1);
    nap(1000 + below(random, 3000));
    PROMISE_SET(promise_quiet, 0);
    pthread_rwlock_unlock(&adding);
    if (alone) {
        PROMISE_SET(no_calls, 0);
        pthread_rwlock_unlock(&calling);
    }
    PROMISE_SET(no_adds, 0);
    phase = "calls";
}

struct totals {
    long accepted, refused, ran, completed, failed, timed_out, cancelled;
    int most_running;
};

static void play_round(int count, int threads, struct totals *totals)
{
    struct random random = random_of(seed, UINT64_C(1) << 40 | (uint64_t)round_number);
    bool own = round_number % 3 != 0;
    stores_all = own && one_in(&random, 2);     /* so that the end of every task can be seen */
    char yaml[128];
    begin_round(count);
    PROMISE_SET(refused, 0);
    PROMISE_SET(promise_limit, 5);
    scheduler = NULL;
    if (own) {
        snprintf(yaml, sizeof yaml, "line_task_max: 5\nmaximum_queue_line: %d\n", one_in(&random, 2) ? 0 : 100);
        if (stores_all)
            strcat(yaml, "maximum_task_info_storage: 100000\n");
        CALL(ts_scheduler_new, (yaml, &scheduler), OR(TS_OK));
    } else {
        CALL(ts_update_config, (NULL, "line_task_max", "5"), OR(TS_OK));
    }
    set_log(one_in(&random, 3));

    phase = "calls";
    let_call(caller, threads, quiet_shutdown, &random);

    phase = "the end of a round";
    int used = tasks_used();
    bool ends_by_free = own && !stores_all;
    PROMISE_SET(no_adds, 1);
    if (one_in(&random, 2))
        await_all(used);
    if (ends_by_free) {
        PROMISE_ADD(promise_forced, 1);
        PROMISE_ADD(promise_shutdowns, 1);
        PROMISE_SET(doing[thread_number], "ts_scheduler_free");
        ts_scheduler_free(scheduler);
        PROMISE_SET(promise_quiet, 1);
    } else {
        shut_down(one_in(&random, 2));
        PROMISE_SET(promise_quiet, 1);
        for (int i = 0; i < used; i++)
            promise_audit(&tasks[i].promise, true);
        for (int i = 0; i < used; i++) {
            struct promise_task *task = &tasks[i].promise;
            if (!PROMISE_GET(tasks[i].published))
                continue;
            ts_task_status status = TS_TASK_STATUS_INIT;
            int before = PROMISE_GET(task->final);
            ts_error error = CALL(ts_wait, (scheduler, task->id, 0, &status),
                                  OR(TS_OK) | OR(TS_ERROR_NOT_FOUND));
            if (error == TS_OK)
                look_at_status(&tasks[i], &status, before, PROMISE_GET(task->runs));
            else
                promise_not_found(task);
            if (error == TS_OK && CALL(ts_task_forget, (scheduler, task->id), OR(TS_OK)) == TS_OK)
                CALL(ts_wait, (scheduler, task->id, 0, &status), OR(TS_ERROR_NOT_FOUND));
        }
        none_is_listed();
        for (int i = 0; i < NAMES; i++)
            CALL(ts_allow_task_name, (scheduler, TS_LINEAR, names[i].text),
                 OR(TS_OK) | OR(TS_ERROR_NOT_BANNED));
        ts_scheduler_free(scheduler);
    }
    nap(500);
    for (int i = 0; i < used; i++) {
        struct promise_task *task = &tasks[i].promise;
        promise_audit(task, true);
        if (PROMISE_GET(task->answer) == PROMISE_ACCEPTED) {
            old_ids[old_count++] = task->id;
            int final = PROMISE_GET(task->final);
            totals->ran += PROMISE_GET(task->runs);
            totals->completed += final == TS_COMPLETED;
            totals->failed += final == TS_FAILED;
            totals->timed_out += final == TS_TIMEOUT;
            totals->cancelled += final == TS_CANCELLED;
        }
    }
    end_round();
    totals->accepted += PROMISE_GET(accepted);
    totals->refused += PROMISE_GET(refused);
    totals->most_running = PROMISE_GET(promise_most_running);
}

int main(int argc, char **argv)
{
    int threads = 4;
    long count = stress_begin("stress", argc, argv, 20000, &threads);
    all_have_threads = true;
    writers_first(&adding);
    writers_first(&calling);
    write_config();

    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    make_room_for_ids(count, ROUND_TASKS);
    struct totals totals = { 0, 0, 0, 0, 0, 0, 0, 0 };
    for (long left = count; totals.accepted < count; left = count - totals.accepted, round_number++)
        play_round(left < ROUND_TASKS ? (int)left : ROUND_TASKS, threads, &totals);
    promise_ids(old_ids, (size_t)old_count);
    set_log(false);
    long lines = log_lines();
    free(old_ids);
    clock_gettime(CLOCK_MONOTONIC, &end);
    unlink(config_path);
    long all = stress_end();

    printf("stress %ld %lu %d: %ld accepted, %ld refused (%ld full, %ld banned, %ld shutting down), "
           "%ld ran, at most %d at once; seen: %ld completed, %ld failed, %ld timed out, %ld cancelled; "
           "%d shutdowns, %ld log lines, %d results dropped late, starts up to %.3f s before their add; %ld calls; %.2f s\n",
           count, seed, threads, totals.accepted, totals.refused, refusals[TS_ERROR_QUEUE_FULL],
           refusals[TS_ERROR_BANNED], refusals[TS_ERROR_SHUTTING_DOWN], totals.ran, totals.most_running,
           totals.completed, totals.failed, totals.timed_out, totals.cancelled, PROMISE_GET(promise_shutdowns), lines,
           PROMISE_GET(promise_results_after_shutdown), latest_start,
           all, seconds_between(start, end));
    return 0;
}
