/*
 * Tasks of the model: how they are added, in each of the ways there are, what
 * refuses them, and what they do when they run.
 */

#ifndef ADDING_H
#define ADDING_H

#include "model.h"

static void step(void);

/* The name was banned, by a call or by a failure. */
static void ban_now(int name)
{
    model.names[name].banned = true;
    cancel_waiting(name, -1);
    promise_swept(&model.names[name].promise);
}

/* Its function returned that code, or its claim was finished with it. */
static void ended_as(struct model_task *task, int32_t code)
{
    int ended = model.ended, entered = model.entered;
    ends_now(task, task->stopping ? task->stopping : code ? TS_FAILED : TS_COMPLETED);
    if (task->bans && task->final == TS_FAILED)
        ban_now(task->name);
    end_batch(ended, entered);
}

/* What a task does: a few steps of the input, and an answer. */
static int32_t run_task(ts_token *token, void *user_data)
{
    struct model_task *task = user_data;
    bool pumped = task->where == WAITING;
    int script = task->script;
    if (pumped) {
        SURE(task->runner == model.pumps + FIRST_PUMP - 1, "pump %d runs a task of %d", model.pumps, task->runner);
        starts(task, INSIDE);
        model.inside_pump++;
    }
    promise_begins(&task->promise);
    task->executing = true;
    model.depth++;
    while (script-- > 0) {
        step();
        SURE(task->stopping == 0 || task->promise.timed || ts_should_stop(token), "a stop is not heard");
        SURE(task->stopping != 0 || task->promise.timed || !ts_should_stop(token), "nobody said stop");
    }
    model.depth--;
    task->executing = false;
    if (!pumped)
        return promise_returns(&task->promise);
    if (task->leaves) {
        struct promise_result *result = promise_result_new(&task->promise);
        CALL(ts_set_result(token, result, sizeof *result, promise_result_drop), OR(TS_OK));
    }
    model.inside_pump--;
    ended_as(task, task->promise.code);
    return promise_returns(&task->promise);
}

static void drop_task(void *user_data)
{
    promise_drops(user_data);
}

static void hear_end(const ts_completion *end, void *user_data)
{
    struct model_task *task = user_data;
    SURE(same(end->id, task->promise.id), "on_end of another task");
    SURE(PROMISE_GET(task->promise.drops) == task->promise.has_drop, "on_end before drop");
    task->heard++;
}

/* A claim that was handed out. */
static void handed(const ts_claim *claim)
{
    struct model_task *task = task_of(claim->id);
    SURE(task && claim->token && claim->user_data == task && claim->run == run_task, "whose claim is it");
    SURE(task->runner == CLAIMS, "a claim of what others run");
    task->claim = *claim;
    if (task->where == UNTAKEN) {
        task->where = OUT;
        task->only_to_finish = true;
        return;
    }
    starts(task, OUT);
    SURE(places_out(-1) <= model.most_out, "%d claims are out", places_out(-1));
}

/* Who runs a task for which nobody says. */
static int runner_of_lane(int name)
{
    int runner = model.runner;
    for (int i = 0; name != NO_NAME && i < model.count; i++) {
        const struct model_task *task = &model.tasks[i];
        if (task->name == name &&
            (task->where == WAITING || task->where == INSIDE || (task->where == OUT && !task->only_to_finish)))
            runner = task->runner;
    }
    return name != NO_NAME && model.names[name].handles ? model.names[name].runner : runner;
}

static bool is_gone(int runner)
{
    return runner == GONE || (runner >= FIRST_PUMP && (!model.pump || runner != model.pumps + FIRST_PUMP - 1));
}

/* What an add to that name may give: of `must` one has to, if there is any. */
static uint64_t refusals(int name, int runner, int asked, uint64_t *must)
{
    struct model_name *its = &model.names[name];
    uint64_t may = 0;
    int waiting = how_many(-1, WAITING);
    *must = 0;
    if (model.closed)
        *must |= OR(TS_ERROR_SHUTTING_DOWN);
    if (its->banned)
        *must |= OR(TS_ERROR_BANNED);
    if (is_gone(runner))
        *must |= OR(TS_ERROR_SHUTTING_DOWN);
    if ((model.most_waiting && waiting >= model.most_waiting) ||
        (name != NO_NAME && its->handles && its->capacity && how_many(name, WAITING) >= its->capacity)) {
        if (runner == CLAIMS)
            may |= OR(TS_ERROR_QUEUE_FULL); /* Not if it starts at once. */
        else
            *must |= OR(TS_ERROR_QUEUE_FULL);
    }
    if (asked && name != NO_NAME && in_use(name)) {
        if (runner_of_lane(name) != asked)
            *(in_use(name) == 2 ? must : &may) |= OR(TS_ERROR_IN_USE);
    }
    return may;
}

static void add(void)
{
    struct input *input = &model.input;
    if (model.count == TASKS)
        return;
    struct model_task *task = &model.tasks[model.count];
    int way = below(input, 6), shape = next_byte(input), what = next_byte(input);
    int name = shape & 7;
    if (name > NO_NAME)
        name = NO_NAME;
    struct model_name *its = &model.names[name];
    int asked = shape >> 3 & 3; /* 0 and 3: nobody */
    asked = asked == 1 ? CLAIMS : asked == 2 && model.pump ? model.pumps + FIRST_PUMP - 1 : NOBODY;
    if (way >= 3 && !its->lane)
        way -= 3;
    if (way == 0 || way == 3 || way == 4)
        asked = NOBODY;
    if (is_unclear(name, asked))
        return;
    memset(task, 0, sizeof *task);
    task->promise.number = (unsigned)model.count++;
    task->promise.has_drop = what & 1;
    task->name = name;
    task->runner = asked ? asked : runner_of_lane(name);
    task->script = shape >> 5 & 3;
    if (model.depth >= 2)
        task->script = 0;
    if (way != 0 && way < 3) {
        task->promise.keeps = what & 2;
        task->reports = what & 4 && model.completions;
        task->hears = what & 8;
        task->bans = what & 16 && name != NO_NAME;
        task->promise.timed = what & 32 && task->runner == CLAIMS;
    }
    task->leaves = what & 64;
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = texts[name];
    options.run = run_task;
    options.user_data = task;
    options.drop = task->promise.has_drop ? drop_task : NULL;
    options.flags = (task->promise.keeps ? TS_KEEP : 0) | (task->bans ? TS_BAN_ON_FAILURE : 0) |
                    (task->promise.timed ? TS_TIMEOUT_PROCESSING : 0);
    options.timeout_seconds = task->promise.timed ? 1e-9 : 0;
    options.completions = task->reports ? model.completions : NULL;
    options.completion_data = task->reports || task->hears ? task : NULL;
    options.on_end = task->hears ? hear_end : NULL;
    options.on_end_data = task->hears ? task : NULL;
    options.runner = asked == CLAIMS ? TS_CLAIMS : asked ? TS_PUMP : (ts_runner)0;
    options.pump = asked >= FIRST_PUMP ? model.pump : NULL;
    if (its->lane && what & 128) {
        options.name = NULL;
        options.lane = its->lane;
    }
    uint64_t must, may = refusals(name, task->runner, asked, &must);
    uint64_t allowed = must ? must | may : OR(TS_OK) | may;
    ts_claim claim;
    bool has_claim = false;
    size_t added = 0;
    ts_error error;
    memset(&claim, 0, sizeof claim);
    memset(&task->promise.id, 0x5a, sizeof task->promise.id);
    promise_offer(&task->promise, name == NO_NAME || name == WIDE ? NULL : &its->promise, shape & 128 ? 7 : 0);
    switch (way) {
    case 0:
        error = CALL(ts_add_task(model.scheduler, false, texts[name], run_task, task, options.drop,
                                 &task->promise.id), allowed);
        break;
    case 1:
        error = CALL(ts_submit(model.scheduler, &options, &task->promise.id), allowed);
        break;
    case 2:
        error = CALL(ts_claim_submit(model.scheduler, &options, &claim, &task->promise.id), allowed);
        has_claim = true;
        break;
    case 3:
        error = CALL(ts_lane_add_task(its->lane, false, run_task, task, options.drop, &task->promise.id), allowed);
        break;
    case 4:
        error = CALL(ts_lane_claim_task(its->lane, false, run_task, task, options.drop, &claim, &task->promise.id),
                     allowed);
        has_claim = true;
        break;
    default:
        error = CALL(ts_claims_submit(model.scheduler, &options, 1, &claim, &task->promise.id, &added), allowed);
        SURE(added == (error == TS_OK), "%zu were added", added);
        has_claim = true;
    }
    TRACE("  task %u: way %d, name %d, asked %d, runner %d: %s\n", task->promise.number, way, name, asked, task->runner,
          ts_error_name(error));
    promise_answer(&task->promise, error);
    if (error != TS_OK) {
        SURE(!claim.token, "a claim of a refused task");
        return;
    }
    for (int i = 0; i < OLD_IDS; i++)
        SURE(!same(old_ids[i], task->promise.id), "an old id");
    for (struct model_task *other = model.tasks; other < task; other++)
        SURE(!same(other->promise.id, task->promise.id), "the id of another task");
    task->where = WAITING;
    its->lingers = NOBODY;
    if (has_claim && claim.token)
        handed(&claim);
}

#endif
