/* What the calls work on: made for each place, and taken down after it. */
#ifndef EVERYWHERE_STAGE_H
#define EVERYWHERE_STAGE_H

#include "everywhere_hosts.h"

static stage on;

static inline int32_t leave_copy(ts_token *token, void *user_data)
{
    (void)user_data;
    return ts_set_result(token, "x", 1, NULL) != TS_OK;
}

/* Waits for its waker. */
static inline ts_poll poll_wakers(ts_token *token, void *user_data)
{
    int *polls = (int *)user_data;
    if (++*polls > 1)
        return TS_POLL_READY;
    MUST(ts_waker_clone(token, &on.wakers[0]));
    MUST(ts_waker_clone(token, &on.wakers[1]));
    count(&on.freed);
    return TS_POLL_PENDING;
}

static inline ts_pump *pump_that(ts_ready_fn ready)
{
    ts_pump_options options = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = NULL;
    options.ready = ready;
    MUST(ts_pump_new(on.scheduler, &options, &pump));
    return pump;
}

/* ready is its own pump's, on_thread the scheduler's. */
static inline void set_up(place where, ts_ready_fn ready, ts_thread_fn on_thread)
{
    static int polls;
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    ts_task_options task = options_of("reported", run_nothing, NULL, NULL, 0);
    ts_task_id id;
    int fd;
    memset(&on, 0, sizeof on);
    on.place = where;
    options.user_data = &on.other_dropped;
    options.drop = drop_count;
    MUST(ts_scheduler_new_with(&options, &on.other));
    options.config_yaml = "line_task_max: 20\nmax_idle_time: 0.05";
    options.on_thread = on_thread;
    options.user_data = NULL;
    options.drop = NULL;
    MUST(ts_scheduler_new_with(&options, &on.scheduler));
    on.full = scheduler_with("maximum_queue_line: 1");
    add(on.full, "plug", run_plug, &on.full_plug, NULL);
    await(&on.full_plug.started, 1);
    add(on.full, "plug", run_nothing, NULL, NULL);
    on.runs = add(on.scheduler, "runs", run_plug, &on.plug, NULL);
    on.queued = add(on.scheduler, "runs", run_nothing, NULL, NULL);
    await(&on.plug.started, 1);
    on.ended = submit(on.scheduler, NULL, leave_copy, NULL, NULL, TS_KEEP);
    on.kept = submit(on.scheduler, NULL, run_nothing, NULL, NULL, TS_KEEP);
    CHECK(ended(on.scheduler, on.ended) == TS_COMPLETED);
    CHECK(ended(on.scheduler, on.kept) == TS_COMPLETED);
    MUST(ts_completions_new(on.scheduler, &on.ends));
    MUST(ts_completions_new(on.scheduler, &on.no_ends));
    task.completions = on.ends;
    MUST(ts_submit(on.scheduler, &task, &id));
    MUST(ts_completions_fd(on.ends, &fd));
    await_readable(fd);
    on.pump = pump_that(NULL);
    on.own_pump = pump_that(ready);
    on.lane = lane_like(on.scheduler, "lane", TS_LINEAR, (ts_runner)0);
    on.async_lane = lane_like(on.scheduler, "lane", TS_ASYNC, (ts_runner)0);
    on.claims_lane = lane_like(on.scheduler, "claims lane", TS_LINEAR, TS_CLAIMS);
    on.full_lane = lane_like(on.scheduler, "full lane", TS_LINEAR, (ts_runner)0);
    MUST(ts_lane_add_task(on.full_lane, false, run_plug, &on.plug, NULL, &id));
    await(&on.plug.started, 2);
    MUST(ts_lane_add_task(on.full_lane, false, run_nothing, NULL, NULL, &id));
    polls = 0;
    MUST(ts_add_async_task(on.scheduler, false, NULL, poll_wakers, &polls, NULL, &id));
    await(&on.freed, 1);
    CHECK(pipe(on.pipe) == 0);
}

static inline void tear_down(void)
{
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    pull(&on.plug);
    pull(&on.full_plug);
    ts_scheduler_free(on.scheduler);
    ts_scheduler_free(on.full);
    if (on.other_dropped == 0)
        ts_scheduler_free(on.other);
    ts_scheduler_free(on.made[0]);
    ts_scheduler_free(on.made[1]);
    ts_completions_free(on.ends);
    ts_completions_free(on.no_ends);
    ts_pump_free(on.pump);
    ts_pump_free(on.own_pump);
    ts_lane_free(on.lane);
    ts_lane_free(on.async_lane);
    ts_lane_free(on.claims_lane);
    ts_lane_free(on.full_lane);
    ts_waker_free(on.wakers[0]);
    ts_waker_free(on.wakers[1]);
    close(on.pipe[0]);
    close(on.pipe[1]);
}

#endif
