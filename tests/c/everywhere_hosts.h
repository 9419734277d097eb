/* The calls of the table: full queues, lanes, completions, pumps and claims. What a call makes, it
 * ends. */
#ifndef EVERYWHERE_HOSTS_H
#define EVERYWHERE_HOSTS_H

#include "everywhere_calls.h"

static inline ts_lane *lane_like(ts_scheduler *scheduler, const char *name, ts_kind kind,
                                 ts_runner runner)
{
    ts_lane_options options = TS_LANE_OPTIONS_INIT;
    ts_lane *lane = NULL;
    options.name = name;
    options.kind = kind;
    options.runner = runner;
    options.capacity = 1;
    MUST(ts_lane_new(scheduler, &options, &lane));
    return lane;
}

static inline ts_error submit_to_full(stage *on)
{
    ts_task_options options = options_of("submitted", run_nothing, NULL, NULL, TS_WAIT_FOR_ROOM);
    ts_task_id id;
    options.wait_seconds = 0.001;
    return ts_submit(on->full, &options, &id);
}

static inline ts_error submit_to_full_lane(stage *on)
{
    ts_task_options options = options_of(NULL, run_nothing, NULL, NULL, TS_WAIT_FOR_ROOM);
    ts_task_id id;
    options.lane = on->full_lane;
    options.wait_seconds = 0.001;
    return ts_submit(on->scheduler, &options, &id);
}

static inline ts_error lane_new(stage *on)
{
    ts_lane_options options = TS_LANE_OPTIONS_INIT;
    ts_lane *lane = NULL;
    ts_error error;
    options.name = "new lane";
    error = ts_lane_new(on->scheduler, &options, &lane);
    ts_lane_free(lane);
    return error;
}

static inline ts_error lane_free(stage *on)
{
    ts_lane_free(on->async_lane);
    on->async_lane = NULL;
    return TS_OK;
}

static inline ts_error lane_add_task(stage *on)
{
    ts_task_id id;
    return ts_lane_add_task(on->lane, false, run_nothing, NULL, NULL, &id);
}

static inline ts_error lane_add_async_task(stage *on)
{
    ts_task_id id;
    return ts_lane_add_async_task(on->async_lane, false, poll_nothing, NULL, NULL, &id);
}

static inline ts_error set_runner(stage *on)
{
    return ts_scheduler_set_runner(on->scheduler, TS_WORKERS, NULL);
}

static inline ts_error completions_new(stage *on)
{
    ts_completions *made = NULL;
    ts_error error = ts_completions_new(on->scheduler, &made);
    ts_completions_free(made);
    return error;
}

static inline ts_error completions_free(stage *on)
{
    ts_completions_free(on->no_ends);
    on->no_ends = NULL;
    return TS_OK;
}

static inline ts_error take_ends(ts_completions *from, double seconds)
{
    ts_completion end;
    size_t count;
    return ts_completions_take(from, &end, 1, seconds, &count);
}

static inline ts_error completions_take_one(stage *on)
{
    return take_ends(on->ends, 0);
}

static inline ts_error completions_take_none(stage *on)
{
    return take_ends(on->no_ends, 0);
}

static inline ts_error completions_take_wait(stage *on)
{
    return take_ends(on->no_ends, 0.001);
}

static inline ts_error completions_fd(stage *on)
{
    int fd;
    return ts_completions_fd(on->ends, &fd);
}

static inline ts_error pump_new(stage *on)
{
    ts_pump *made = NULL;
    ts_error error = ts_pump_new(on->scheduler, NULL, &made);
    ts_pump_free(made);
    return error;
}

static inline ts_error pump_free(stage *on)
{
    ts_pump_free(on->pump);
    on->pump = NULL;
    return TS_OK;
}

static inline ts_error pump_run(stage *on)
{
    return ts_pump_run(on->pump, 0, 0, NULL);
}

static inline ts_error pump_run_task(stage *on)
{
    ts_task_options options = options_of("pumped", run_nothing, NULL, NULL, 0);
    ts_task_id id;
    size_t count = 0;
    ts_error error;
    options.pump = on->pump;
    MUST(ts_submit(on->scheduler, &options, &id));
    error = ts_pump_run(on->pump, 0, 0, &count);
    return error == TS_OK && count != 1 ? TS_ERROR_PANIC : error;
}

static inline ts_error pump_run_own(stage *on)
{
    return ts_pump_run(on->own_pump, 0, 0, NULL);
}

static inline ts_error pump_fd(stage *on)
{
    int fd;
    return ts_pump_fd(on->pump, &fd);
}

static inline ts_error claim_submit(stage *on)
{
    ts_task_options options = options_of("claimed", NULL, NULL, NULL, 0);
    ts_task_id id;
    ts_error error;
    options.runner = TS_CLAIMS;
    error = ts_claim_submit(on->scheduler, &options, &on->claim, &id);
    return error == TS_OK && on->claim.token == NULL ? TS_NOT_YET : error;
}

static inline ts_error claim_start(stage *on)
{
    return ts_claim_start(on->scheduler, &on->claim);
}

static inline ts_error claim_finish(stage *on)
{
    return ts_claim_finish(on->scheduler, &on->claim, 0, NULL, NULL, NULL);
}

static inline ts_error claim_end(stage *on)
{
    ts_state state = TS_PENDING;
    ts_claim made;
    ts_task_id id;
    ts_error error;
    MUST(ts_lane_claim_task(on->claims_lane, false, NULL, NULL, NULL, &made, &id));
    error = ts_claim_end(on->scheduler, &made, 0, NULL, NULL, &state, NULL);
    CHECK(state == TS_COMPLETED);
    return error;
}

static inline ts_error lane_claim_task(stage *on)
{
    ts_claim made;
    ts_task_id id;
    ts_error error = ts_lane_claim_task(on->claims_lane, false, NULL, NULL, NULL, &made, &id);
    if (error == TS_OK)
        MUST(ts_claim_finish(on->scheduler, &made, 0, NULL, NULL, NULL));
    return error;
}

static inline ts_error claims_submit(stage *on)
{
    ts_task_options options = options_of("of many", NULL, NULL, NULL, 0);
    size_t added, count;
    ts_claim made, next;
    ts_error error;
    options.runner = TS_CLAIMS;
    error = ts_claims_submit(on->scheduler, &options, 1, &made, NULL, &added);
    if (error == TS_OK)
        MUST(ts_claims_finish(on->scheduler, &made, NULL, 1, &next, &count));
    return error;
}

static inline ts_error claims_finish(stage *on)
{
    ts_claim made = start_one(on->scheduler, "of many", NULL, NULL, 0), next;
    size_t count;
    return ts_claims_finish(on->scheduler, &made, NULL, 1, &next, &count);
}

static inline ts_error take_claim(stage *on, double seconds)
{
    ts_claim taken;
    size_t count;
    ts_error error = ts_claims_take(on->scheduler, &taken, 1, seconds, &count);
    if (error == TS_OK)
        MUST(ts_claim_finish(on->scheduler, &taken, 0, NULL, NULL, NULL));
    return error;
}

static inline ts_error claims_take_one(stage *on)
{
    ts_task_options options = options_of("to take", NULL, NULL, NULL, 0);
    ts_task_id id;
    options.runner = TS_CLAIMS;
    MUST(ts_submit(on->scheduler, &options, &id));
    return take_claim(on, 0);
}

static inline ts_error claims_take_none(stage *on)
{
    return take_claim(on, 0);
}

static inline ts_error claims_take_wait(stage *on)
{
    return take_claim(on, 0.001);
}

static inline ts_error claims_fd(stage *on)
{
    int fd;
    return ts_claims_fd(on->scheduler, &fd);
}

#endif
