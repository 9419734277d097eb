/* What the tests of handles share: how they are opened and added to. */
#ifndef HANDLING_H
#define HANDLING_H

#include "hosting.h"

static inline ts_lane *lane_of(ts_scheduler *scheduler, const char *name, ts_kind kind, size_t width, size_t capacity)
{
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_lane *lane = NULL;
    wanted.name = name;
    wanted.kind = kind;
    wanted.width = width;
    wanted.capacity = capacity;
    MUST(ts_lane_new(scheduler, &wanted, &lane));
    return lane;
}

static inline ts_error open_as(ts_scheduler *scheduler, ts_runner runner, ts_pump *pump, size_t width, size_t capacity,
                               ts_lane **out)
{
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    wanted.name = "name";
    wanted.runner = runner;
    wanted.pump = pump;
    wanted.width = width;
    wanted.capacity = capacity;
    *out = (ts_lane *)&wanted;
    return ts_lane_new(scheduler, &wanted, out);
}

static inline ts_task_id by_handle(ts_lane *lane, ts_task_fn run, void *user_data)
{
    ts_task_id id;
    MUST(ts_lane_add_task(lane, false, run, user_data, NULL, &id));
    return id;
}

static inline ts_poll poll_for_ever(ts_token *token, void *user_data)
{
    ts_error error = ts_async_sleep(token, 1e6);
    CHECK(error == TS_NOT_YET);
    if (user_data != NULL)
        count((int *)user_data);
    return TS_POLL_PENDING;
}

#endif
