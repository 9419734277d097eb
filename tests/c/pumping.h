/* What the tests of pumps share: a pump, tasks for it, and a run. */
#ifndef PUMPING_H
#define PUMPING_H

#include "hosting.h"

static inline ts_pump *pump_of(ts_scheduler *scheduler)
{
    ts_pump *pump = NULL;
    MUST(ts_pump_new(scheduler, NULL, &pump));
    return pump;
}

static inline size_t run(ts_pump *pump, size_t most)
{
    size_t ran = 77;
    GIVES(TS_OK, ts_pump_run(pump, most, 0, &ran));
    return ran;
}

static inline ts_task_id pumped(ts_scheduler *scheduler, ts_pump *pump, const char *name, ts_task_fn run,
                         void *user_data, ts_drop_fn drop, uint32_t flags)
{
    ts_task_options options = options_of(name, run, user_data, drop, flags);
    ts_task_id id;
    options.pump = pump;
    MUST(ts_submit(scheduler, &options, &id));
    return id;
}

#endif
