/*
 * Steps that ask: states, results, lists, ends in the completion queue, ids that
 * nobody has; and the configuration.
 */

#ifndef LOOKING_H
#define LOOKING_H

#include "hosting.h"

static void look(void)
{
    struct model_task *task = some_task();
    ts_task_status status = TS_TASK_STATUS_INIT;
    if (!task)
        return;
    uint64_t gone = may_be_gone(task) ? OR(TS_ERROR_NOT_FOUND) : 0;
    if (CALL(ts_get_task_status(model.scheduler, task->promise.id, &status), OR(TS_OK) | gone) == TS_OK) {
        SURE(same(status.id, task->promise.id) && status.kind == TS_LINEAR, "the status of another task");
        SURE(!strcmp(status.task_name, task->name == NO_NAME ? "" : texts[task->name]), "named '%s'", status.task_name);
        SURE(status.stopping == 0 || task->where != ENDED, "an ended task stops");
        SURE(task->promise.timed || status.stopping == (task->where == ENDED ? 0 : task->stopping),
             "stopping is %d, not %d", (int)status.stopping, (int)task->stopping);
        SURE((status.ended_at != 0) == (task->where == ENDED), "ended at %f", status.ended_at);
        SURE(status.added_at > 0 && (status.ended_at == 0 || status.ended_at >= status.added_at), "times");
    }
    CALL(ts_wait(model.scheduler, task->promise.id, 0, &status),
         (task->where == ENDED ? OR(TS_OK) : OR(TS_ERROR_NOT_FINISHED) | OR(TS_ERROR_WOULD_DEADLOCK)) | gone);
}

static void take_result(void)
{
    struct model_task *task = some_task();
    ts_value value = { NULL, 0, NULL };
    if (!task)
        return;
    bool has = task->where == ENDED && task->final == TS_COMPLETED && task->leaves && !task->taken &&
               PROMISE_GET(task->promise.runs);
    uint64_t allowed = task->where != ENDED ? OR(TS_ERROR_NOT_FINISHED) : has ? OR(TS_OK) : OR(TS_ERROR_NO_RESULT);
    if (may_be_gone(task))
        allowed |= OR(TS_ERROR_NOT_FOUND);
    if (model.was_shut && has)
        allowed |= OR(TS_ERROR_NO_RESULT);
    if (CALL(ts_get_task_result(model.scheduler, task->promise.id, &value), allowed) != TS_OK)
        return;
    task->taken = true;
    SURE(value.size == sizeof(struct promise_result) && value.data, "a result of %zu bytes", value.size);
    SURE(((struct promise_result *)value.data)->task == &task->promise, "the result of another task");
    ts_value_free(&value);
    SURE(!value.data && !value.drop, "a freed value");
}

static void forget(void)
{
    struct model_task *task = some_task();
    if (!task)
        return;
    uint64_t gone = may_be_gone(task) ? OR(TS_ERROR_NOT_FOUND) : 0;
    if (task->where == ENDED)
        PROMISE_SET(task->promise.forgotten, 1);
    task->promise.keeps = false;
    CALL(ts_task_forget(model.scheduler, task->promise.id), OR(TS_OK) | gone);
}

static int untold(int *first)
{
    int found = 0;
    *first = 1 << 30;
    for (int i = 0; i < model.count; i++)
        if (model.tasks[i].where == ENDED && model.tasks[i].reports) {
            found++;
            if (model.tasks[i].end < *first)
                *first = model.tasks[i].end;
        }
    return found;
}

static void take_ends(void)
{
    ts_completion ends[3];
    size_t count = 0, room = 1 + (size_t)below(&model.input, 3);
    int first, there = untold(&first);
    if (!model.completions)
        return;
    ts_error error = CALL(ts_completions_take(model.completions, ends, room, 0, &count),
                          there ? OR(TS_OK) : OR(TS_NOT_YET));
    SURE(count == (error != TS_OK ? 0 : (size_t)there < room ? (size_t)there : room), "%zu ends of %d", count, there);
    for (size_t i = 0; i < count; i++) {
        struct model_task *task = ends[i].data;
        untold(&first);
        SURE(task == task_of(ends[i].id) && task->where == ENDED && task->reports, "whose end is it");
        SURE(task->end == first, "an end before its turn");
        SURE(ends[i].state == task->final, "ended as %d, not %d", (int)ends[i].state, (int)task->final);
        SURE((ends[i].code != 0) == (task->final == TS_FAILED), "code %d", (int)ends[i].code);
        task->reports = false;
        if (!task->promise.keeps)
            enters(task);
    }
}

static void take_all_ends(void)
{
    int first;
    for (int i = 0; model.completions && i < TASKS && untold(&first); i++)
        take_ends();
}

static void free_completions(void)
{
    int entered = model.entered;
    ts_completions_free(model.completions);
    model.completions = NULL;
    for (int i = 0; i < model.count; i++) {
        struct model_task *task = &model.tasks[i];
        if (task->where == ENDED && task->reports && !task->promise.keeps)
            enters(task);
        task->reports = false;
    }
    end_batch(model.ended, entered);
}

/* Frees the queue, or makes one. */
static void other_completions(void)
{
    if (model.completions)
        free_completions();
    else
        CALL(ts_completions_new(model.scheduler, &model.completions), OR(TS_OK));
}

/* An id that no task has. */
static void stale(void)
{
    struct model_task *task = some_task();
    int how = next_byte(&model.input);
    ts_task_id id = old_ids[how % OLD_IDS];
    ts_state state;
    ts_value value;
    if (how & 16 && task) {
        id = task->promise.id;
        id.bytes[below(&model.input, 16)] ^= (uint8_t)(1 << (how >> 5));
    }
    if (task_of(id))
        return;
    CALL(ts_get_task_state(model.scheduler, id, &state), OR(TS_ERROR_NOT_FOUND));
    CALL(ts_force_stop(model.scheduler, id), OR(TS_ERROR_NOT_FOUND));
    CALL(ts_wait(model.scheduler, id, TS_FOREVER, NULL), OR(TS_ERROR_NOT_FOUND));
    CALL(ts_get_task_result(model.scheduler, id, &value), OR(TS_ERROR_NOT_FOUND));
    CALL(ts_task_forget(model.scheduler, id), OR(TS_ERROR_NOT_FOUND));
}

static void list(void)
{
    ts_task_status statuses[4] = { TS_TASK_STATUS_INIT };
    size_t count = 77;
    char *text = NULL;
    size_t least = 0, most = 0;
    for (int i = 0; i < model.count; i++) {
        most += model.tasks[i].where != NOWHERE && !PROMISE_GET(model.tasks[i].promise.forgotten);
        least += model.tasks[i].where != NOWHERE && !may_be_gone(&model.tasks[i]);
    }
    CALL(ts_list_tasks(model.scheduler, TS_LINEAR, statuses, 4, &count), OR(TS_OK));
    SURE(count >= least && count <= most, "%zu are listed, of %zu to %zu", count, least, most);
    for (size_t i = 0; i < count && i < 4; i++)
        SURE(task_of(statuses[i].id), "an unknown task is listed");
    CALL(ts_get_all_queue_info(model.scheduler, TS_LINEAR, count & 1, &text), OR(TS_OK));
    ts_string_free(text);
}

static void configure(void)
{
    int which = below(&model.input, 3), value = next_byte(&model.input);
    const char *key;
    char text[16];
    switch (which) {
    case 0:
        key = "line_task_max";
        model.most_out = value = 1 + value % 4;
        break;
    case 1:
        key = "maximum_queue_line";
        model.most_waiting = value = value % 12;
        break;
    default:
        key = "maximum_task_info_storage";
        value %= 8;
        if (value < model.least_stored)
            model.least_stored = value;
    }
    snprintf(text, sizeof text, "%d", value);
    CALL(ts_update_config(model.scheduler, key, text), OR(TS_OK));
}

#endif
