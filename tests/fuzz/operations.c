/*
 * Bytes become calls on one scheduler: adds of every way, a pump, claims, lanes
 * by handle, completions, stops, bans, configuration, shutdowns, ids good and
 * stale; also from inside the tasks. All of it on one thread and without threads
 * of the library, so an input does the same each time. Every few steps each
 * task is where the model has it; at the end all have ended.
 */
#include "hosting.h"

#include "looking.h"

enum { STEPS = 64 };

static int left;

static void step(void)
{
    static const struct {
        const char *name;
        void (*take)(void);
    } ways[] = {
#define WAY(function) { #function, function }
        WAY(add), WAY(add), WAY(add), WAY(add), WAY(add), WAY(run_pump), WAY(take_claims), WAY(finish_claim),
        WAY(finish_claim), WAY(start_claim), WAY(stop_task), WAY(ban_or_allow), WAY(cancel_name), WAY(look),
        WAY(take_result), WAY(forget), WAY(take_ends), WAY(lane_handle), WAY(configure), WAY(shut_down),
        WAY(stale), WAY(list), WAY(choose_runner), WAY(other_pump), WAY(other_completions), WAY(wrong_claim),
    };
    enum { WAYS = sizeof ways / sizeof *ways };
    if (left-- <= 0 || model.input.size == 0)
        return;
    int way = below(&model.input, WAYS);
    TRACE("%*sstep %d: way %s\n", 4 * model.depth, "", STEPS - left, ways[way].name);
    ways[way].take();
    if (left % 4 == 0)
        check_all();
}

static void begin(const uint8_t *bytes, size_t size)
{
    char yaml[160];
    int fd;
    memset(&model, 0, sizeof model);
    model.input = (struct input){ bytes, size };
    model.most_out = 1 + below(&model.input, 4);
    model.most_waiting = below(&model.input, 12);
    model.least_stored = below(&model.input, 8);
    model.runner = CLAIMS;
    PROMISE_SET(promise_limit, 4096);
    PROMISE_SET(promise_quiet, 0);
    for (int i = 0; i < NAMES; i++) {
        promise_name_init(&model.names[i].promise);
        strcpy(model.names[i].promise.text, texts[i]);
    }
    snprintf(yaml, sizeof yaml,
             "line_task_max: %d\nmaximum_queue_line: %d\nmaximum_task_info_storage: %d\nstuck_grace: 1e9\n",
             model.most_out, model.most_waiting, model.least_stored);
    CALL(ts_scheduler_new(yaml, &model.scheduler), OR(TS_OK));
    CALL(ts_scheduler_set_runner(model.scheduler, TS_CLAIMS, NULL), OR(TS_OK));
    /* So no thread looks at deadlines. */
    CALL(ts_claims_fd(model.scheduler, &fd), OR(TS_OK));
    other_pump();
    other_completions();
    left = STEPS;
}

/* What was accepted ends, now that all is run that comes. */
static void drain(void)
{
    left = 0;
    for (int round = 0; round < 4 * TASKS; round++) {
        run_pump();
        take_claims();
        for (int i = 0; i < TASKS && how_many(-1, OUT); i++)
            finish_claim();
        check_all();
        if (!how_many(-1, WAITING) && !how_many(-1, UNTAKEN) && !how_many(-1, OUT))
            return;
    }
    SURE(false, "%d wait and %d are out that do not end", how_many(-1, WAITING), how_many(-1, OUT));
}

static void end(int order)
{
    size_t ran;
    take_all_ends();
    if (order & 1)
        free_completions();
    if (order & 2)
        for (int i = 0; i < NAMES; i++)
            free_handle(i);
    if (order & 4)
        free_pump();
    ts_scheduler_free(model.scheduler);
    PROMISE_SET(promise_quiet, 1);
    for (int i = 0; i < model.count; i++)
        promise_audit(&model.tasks[i].promise, true);
    /* What outlives its scheduler. */
    if (model.pump)
        CALL(ts_pump_run(model.pump, 0, 0, &ran), OR(TS_ERROR_SHUTTING_DOWN));
    if (model.completions) {
        ts_completion one;
        CALL(ts_completions_take(model.completions, &one, 1, 0, &ran), OR(TS_ERROR_SHUTTING_DOWN));
    }
    for (int i = 0; i < NAMES; i++) {
        ts_task_id id;
        if (model.names[i].lane)
            CALL(ts_lane_add_task(model.names[i].lane, false, run_task, NULL, NULL, &id),
                 OR(TS_ERROR_SHUTTING_DOWN));
        free_handle(i);
        pthread_mutex_destroy(&model.names[i].promise.adding);
    }
    free_completions();
    free_pump();
    for (int i = 0; i < model.count; i++)
        if (model.tasks[i].where == ENDED)
            old_ids[i % OLD_IDS] = model.tasks[i].promise.id;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    begin(bytes, size);
    while (left > 0 && model.input.size > 0)
        step();
    int order = size ? bytes[size - 1] : 0;
    drain();
    end(order);
    return 0;
}
