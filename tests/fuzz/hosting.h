/*
 * Steps that run, stop and refuse tasks: pumps, claims, lanes by handle, bans,
 * shutdowns; and what the model expects of each.
 */

#ifndef FUZZ_HOSTING_H
#define FUZZ_HOSTING_H

#include "adding.h"

static struct model_task *some_task(void)
{
    struct model_task *task = model.count ? &model.tasks[below(&model.input, model.count)] : NULL;
    return task && task->where != NOWHERE ? task : NULL;
}

static void run_pump(void)
{
    size_t most = (size_t)below(&model.input, 3), ran = 77;
    ts_pump *pump = model.pump;
    int before = model.ended;
    if (!pump)
        return;
    /* Inside a task of a pump that was freed there, the next pump may run. */
    int inside = how_many(-1, INSIDE);
    for (int i = 0; i < model.count; i++)
        if (model.tasks[i].where == INSIDE && model.tasks[i].runner == model.pumps + FIRST_PUMP - 1) {
            CALL(ts_pump_run(pump, most, 0, &ran), OR(TS_ERROR_WOULD_DEADLOCK));
            return;
        }
    CALL(ts_pump_run(pump, most, 0, &ran), OR(TS_OK));
    SURE(ran <= (size_t)(model.ended - before) && (!most || ran <= most), "%zu ran", ran);
    SURE(how_many(-1, INSIDE) == inside, "a task is left inside");
    if (model.pump != pump || (most && ran == most))
        return;
    for (int i = 0; i < model.count; i++)
        SURE(model.tasks[i].where != WAITING || model.tasks[i].runner == CLAIMS, "a pump left task %d", i);
    looked(model.pumps + FIRST_PUMP - 1);
}

static void take_claims(void)
{
    ts_claim claims[3];
    size_t count = 0, room = 1 + (size_t)below(&model.input, 3);
    ts_error error = CALL(ts_claims_take(model.scheduler, claims, room, 0, &count), OR(TS_OK) | OR(TS_NOT_YET));
    SURE(count <= room && (count > 0) == (error == TS_OK), "%zu claims", count);
    for (size_t i = 0; i < count; i++)
        handed(&claims[i]);
    if (error == TS_OK)
        return;
    SURE(!how_many(-1, UNTAKEN), "a cancelled claim does not come");
    for (int i = 0; i < model.count; i++) {
        struct model_task *task = &model.tasks[i];
        SURE(task->where != WAITING || task->runner != CLAIMS || places_out(-1) >= model.most_out ||
                 (task->name != NO_NAME && places_out(task->name) > 0),
             "task %d may start and does not come", i);
    }
    looked(CLAIMS);
}

/* A claim that is out and that is not being run; or none. */
static struct model_task *some_claim(void)
{
    int from = below(&model.input, TASKS);
    for (int i = 0; i < TASKS; i++) {
        struct model_task *task = &model.tasks[(from + i) % TASKS];
        if (task->where == OUT && !task->executing)
            return task;
    }
    return NULL;
}

static bool starts_claim(struct model_task *task)
{
    uint64_t allowed = task->stopping ? OR(TS_STOPPED) : OR(TS_OK);
    if (task->promise.timed)
        allowed |= OR(TS_STOPPED);
    return CALL(ts_claim_start(model.scheduler, &task->claim), allowed) == TS_OK;
}

static void start_claim(void)
{
    struct model_task *task = some_claim();
    if (task)
        starts_claim(task);
}

static void finish_claim(void)
{
    struct model_task *task = some_claim();
    int how = next_byte(&model.input);
    int32_t code = 0;
    ts_value value = { NULL, 0, promise_result_drop };
    ts_claim next;
    if (!task)
        return;
    if (!PROMISE_GET(task->promise.runs) && (starts_claim(task) || task->promise.timed) && !task->only_to_finish)
        code = task->claim.run(task->claim.token, task->claim.user_data);
    else if (how & 2)
        code = 5; /* It does not count: the stop does. */
    bool sets = task->leaves && PROMISE_GET(task->promise.runs);
    if (sets) {
        value.data = promise_result_new(&task->promise);
        value.size = sizeof(struct promise_result);
    }
    if (task->promise.timed && !task->stopping) {
        ts_task_status status = TS_TASK_STATUS_INIT;
        CALL(ts_get_task_status(model.scheduler, task->promise.id, &status), OR(TS_OK));
        task->stopping = status.stopping;
    }
    task->taken = !sets;
    ended_as(task, code);
    memset(&next, 0x5a, sizeof next);
    CALL(ts_claim_finish(model.scheduler, &task->claim, code, sets ? &value : NULL, how & 4 ? "words" : NULL,
                         how & 8 ? &next : NULL),
         OR(TS_OK));
    if (how & 8 && next.token)
        handed(&next);
    CALL(ts_claim_finish(model.scheduler, &task->claim, 0, NULL, NULL, NULL),
         OR(TS_ERROR_ALREADY_FINISHED) | OR(TS_ERROR_NOT_FOUND));
}

/* Calls about claims that are none. */
static void wrong_claim(void)
{
    struct model_task *task = some_task();
    ts_claim claim;
    if (!task || task->where == OUT)
        return;
    memset(&claim, 0, sizeof claim);
    claim.id = task->promise.id;
    claim.token = (ts_token *)&claim;
    uint64_t allowed = task->where == ENDED ? OR(TS_ERROR_ALREADY_FINISHED) | OR(TS_ERROR_NOT_FOUND) |
                                                  OR(TS_ERROR_INVALID_ARGUMENT)
                                            : OR(TS_ERROR_INVALID_ARGUMENT);
    CALL(ts_claim_start(model.scheduler, &claim), allowed);
    CALL(ts_claim_finish(model.scheduler, &claim, 1, NULL, NULL, NULL), allowed);
}

static void stop_task(void)
{
    struct model_task *task = some_task();
    uint64_t allowed = OR(TS_OK);
    if (!task)
        return;
    if (task->where == ENDED)
        allowed = OR(TS_ERROR_ALREADY_FINISHED) | (may_be_gone(task) ? OR(TS_ERROR_NOT_FOUND) : 0);
    else if (task->stopping || task->promise.timed)
        allowed |= OR(TS_ERROR_ALREADY_STOPPING);
    PROMISE_SET(task->promise.stop_asked, 1);
    bool waits = task->where == WAITING;
    /* For who looks whether it becomes stuck; that thread may take a moment to leave. */
    if (task->where == INSIDE)
        model.watched = true;
    /* It ends inside the call, if it does. */
    if (waits)
        model.names[task->name].lingers = task->runner;
    if (waits && task->runner == CLAIMS)
        task->where = UNTAKEN;
    else if (waits)
        ends_now(task, TS_CANCELLED);
    ts_error error = CALL(ts_force_stop(model.scheduler, task->promise.id), allowed);
    promise_stopped(&task->promise, error);
    if (error == TS_OK)
        task->stopping = TS_CANCELLED;
}

static void ban_or_allow(void)
{
    int name = below(&model.input, NAMES);
    struct model_name *its = &model.names[name];
    if (next_byte(&model.input) & 1) {
        CALL(ts_allow_task_name(model.scheduler, TS_LINEAR, texts[name]),
             its->banned ? OR(TS_OK) : OR(TS_ERROR_NOT_BANNED));
        its->banned = false;
        return;
    }
    bool before = its->banned;
    if (!before)
        ban_now(name);
    CALL(ts_ban_task_name(model.scheduler, TS_LINEAR, texts[name]),
         before ? OR(TS_ERROR_ALREADY_BANNED) : OR(TS_OK));
}

static void cancel_name(void)
{
    int name = below(&model.input, NAMES);
    size_t told = 77;
    int cancelled = cancel_waiting(name, -1);
    CALL(ts_cancel_all_queued_tasks_by_name(model.scheduler, TS_LINEAR, texts[name], &told), OR(TS_OK));
    SURE(told == (size_t)cancelled, "%zu were cancelled, not %d", told, cancelled);
    promise_swept(&model.names[name].promise);
}

static void free_handle(int name)
{
    struct model_name *its = &model.names[name];
    ts_lane_free(its->lane);
    its->lane = NULL;
    its->handles = 0;
}

static void lane_handle(void)
{
    int name = below(&model.input, NAMES), how = next_byte(&model.input);
    struct model_name *its = &model.names[name];
    ts_lane_options options = TS_LANE_OPTIONS_INIT;
    if (its->lane) {
        free_handle(name);
        return;
    }
    int asked = how & 1 ? CLAIMS : how & 2 && model.pump ? model.pumps + FIRST_PUMP - 1 : NOBODY;
    options.name = texts[name];
    options.runner = asked == CLAIMS ? TS_CLAIMS : asked ? TS_PUMP : (ts_runner)0;
    options.pump = asked >= FIRST_PUMP ? model.pump : NULL;
    options.width = name == WIDE && how & 4 ? 2 : 0;
    options.capacity = (size_t)(how >> 3 & 7);
    if (is_unclear(name, asked))
        return;
    int used = in_use(name), runner = asked ? asked : runner_of_lane(name);
    uint64_t allowed = OR(TS_OK);
    /* Without a handle a lane in use has its own width, and the scheduler's capacity. */
    if (used && (runner != runner_of_lane(name) || options.width || options.capacity))
        allowed = OR(TS_ERROR_IN_USE) | (used == 1 ? OR(TS_OK) : 0);
    if (is_gone(runner))
        allowed = (allowed & ~OR(TS_OK)) | OR(TS_ERROR_SHUTTING_DOWN) | (used ? OR(TS_OK) : 0);
    if (options.width > 1 && runner != CLAIMS)
        allowed = (allowed & ~OR(TS_OK)) | OR(TS_ERROR_INVALID_ARGUMENT);
    if (CALL(ts_lane_new(model.scheduler, &options, &its->lane), allowed) != TS_OK) {
        SURE(!its->lane, "a handle of a failed call");
        return;
    }
    its->handles = 1;
    its->lingers = NOBODY;
    its->runner = runner;
    its->capacity = (int)options.capacity;
}

static void choose_runner(void)
{
    bool pump = model.pump && next_byte(&model.input) & 1;
    CALL(ts_scheduler_set_runner(model.scheduler, pump ? TS_PUMP : TS_CLAIMS, pump ? model.pump : NULL), OR(TS_OK));
    model.runner = pump ? model.pumps + FIRST_PUMP - 1 : CLAIMS;
}

static void free_pump(void)
{
    ts_pump *pump = model.pump;
    int number = model.pumps + FIRST_PUMP - 1;
    if (!pump)
        return;
    model.pump = NULL;
    looked(number);
    if (PROMISE_GET(promise_quiet) == 0)
        cancel_waiting(-1, number);
    ts_pump_free(pump);
}

/* Frees the pump, or makes one. */
static void other_pump(void)
{
    if (model.pump) {
        free_pump();
        return;
    }
    CALL(ts_pump_new(model.scheduler, NULL, &model.pump), OR(TS_OK));
    model.pumps++;
}

static void shut_down(void)
{
    int how = next_byte(&model.input);
    bool force = how & 1;
    ts_shutdown_report report = TS_SHUTDOWN_REPORT_INIT;
    if (model.inside_pump) {
        CALL(ts_shutdown_within(model.scheduler, force, 0, &report), OR(TS_ERROR_WOULD_DEADLOCK));
        CALL(ts_shutdown(model.scheduler, force), OR(TS_ERROR_WOULD_DEADLOCK));
        return;
    }
    model.closed = model.was_shut = true;
    cancel_waiting(-1, -1);
    for (int i = 0; force && i < model.count; i++)
        if (model.tasks[i].where == OUT && !model.tasks[i].stopping) {
            PROMISE_SET(model.tasks[i].promise.stop_asked, 1);
            if (!model.tasks[i].promise.timed)
                model.tasks[i].stopping = TS_CANCELLED;
        }
    int out = places_out(-1), cancelled = how_many(-1, UNTAKEN) + how_many(-1, OUT) - out;
    bool rests = out + cancelled == 0;
    if (rests && how & 2) {
        CALL(ts_shutdown(model.scheduler, force), OR(TS_OK));
    } else {
        uint64_t allowed = !rests ? OR(TS_ERROR_TIMED_OUT) : OR(TS_OK) | (model.watched ? OR(TS_ERROR_TIMED_OUT) : 0);
        rests = CALL(ts_shutdown_within(model.scheduler, force, 0, &report), allowed) == TS_OK;
        SURE(report.running == (size_t)out && report.claims == (size_t)cancelled && report.threads <= model.watched,
             "%zu run, %zu claims, %zu threads", report.running, report.claims, report.threads);
    }
    model.closed = !rests;
}

#endif
