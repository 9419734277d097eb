/*
 * Numbers of every sort as times: waits, sleeps, time-outs, budgets, and values
 * of the configuration. A duration is 0 to 1e9, or TS_FOREVER where that may be,
 * and all else is refused, wherever it is given. Calls are set up so that none
 * waits: what it would wait for is there, or was told to stop.
 */
#include "input.h"

static bool is_duration(double seconds)
{
    return seconds >= 0 && seconds <= 1e9;
}

static bool is_wait(double seconds)
{
    return is_duration(seconds) || seconds == TS_FOREVER;
}

static uint64_t when(bool good)
{
    return good ? OR(TS_OK) : OR(TS_ERROR_INVALID_ARGUMENT);
}

/* Most of the bits of a double are dull; here are some that are not. */
static double time_of(struct input *input)
{
    static const double edges[] = {
        0.0, -0.0, 1e9, 1e300, -1e300, 4.9e-324, 1e-310, 2.2250738585072014e-308, 1e-9, 1e-10, 1.0, 1e9 + 1e-6, 0.1,
        -4.9e-324, 1.7976931348623157e308, 1e18, 9223372036.854775807, 18446744073.709551616, 4294967296.0, 1e-3,
    };
    enum { EDGES = sizeof edges / sizeof *edges };
    int which = next_byte(input);
    switch (which & 3) {
    case 0:
        return edges[which / 4 % EDGES];
    case 1:
        return which & 4 ? NAN : which & 8 ? INFINITY : -INFINITY;
    case 2:
        return nextafter(edges[which / 4 % EDGES], which & 128 ? INFINITY : -INFINITY);
    default:
        return next_real(input);
    }
}

static int32_t return_zero(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return 0;
}

/* What a task of claims, or of a pump, may be told of times; and what then waits for it. */
static void host_calls(ts_scheduler *scheduler, struct input *input)
{
    double timeout = time_of(input), room = time_of(input), wait = time_of(input), budget = time_of(input);
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_pump *pump = NULL;
    ts_completions *completions = NULL;
    ts_task_id id, second;
    ts_claim claim, taken[2];
    ts_completion end;
    ts_task_status status = TS_TASK_STATUS_INIT;
    size_t count = 0;
    CALL(ts_completions_new(scheduler, &completions), OR(TS_OK));
    options.name = "claims";
    options.run = return_zero;
    options.runner = TS_CLAIMS;
    options.completions = completions;
    options.flags = TS_TIMEOUT_PROCESSING | TS_WAIT_FOR_ROOM | TS_KEEP;
    options.timeout_seconds = timeout;
    options.wait_seconds = room;
    bool good = is_duration(timeout) && is_wait(room);
    if (CALL(ts_claim_submit(scheduler, &options, &claim, &id), when(good)) == TS_OK) {
        SURE(claim.token, "it may start at once");
        options.completions = NULL;
        CALL(ts_submit(scheduler, &options, &second), OR(TS_OK));
        CALL(ts_force_stop(scheduler, second), OR(TS_OK));
        /* The cancelled claim is there to be taken. */
        CALL(ts_claims_take(scheduler, taken, 2, wait, &count), when(is_wait(wait)));
        if (!is_wait(wait))
            CALL(ts_claims_take(scheduler, taken, 2, 0, &count), OR(TS_OK));
        SURE(count == 1 && !memcmp(&taken[0].id, &second, sizeof second), "the cancelled claim");
        CALL(ts_get_task_status(scheduler, id, &status), OR(TS_OK));
        /* 0 is watch_dog_time; a second is not over. */
        SURE((timeout != 0 && timeout < 1) || status.stopping == 0, "a time-out of %a came", timeout);
        CALL(ts_claim_finish(scheduler, &taken[0], 0, NULL, NULL, NULL), OR(TS_OK));
        CALL(ts_claim_finish(scheduler, &claim, 0, NULL, NULL, NULL), OR(TS_OK));
        CALL(ts_wait(scheduler, id, wait, &status), when(is_wait(wait)));
        CALL(ts_completions_take(completions, &end, 1, budget, &count), when(is_wait(budget)));
        SURE(!is_wait(wait) || status.state == TS_COMPLETED || (timeout < 1 && status.state == TS_TIMEOUT),
             "state %d", (int)status.state);
    }
    CALL(ts_pump_new(scheduler, NULL, &pump), OR(TS_OK));
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.run = return_zero;
    options.pump = pump;
    CALL(ts_submit(scheduler, &options, &id), OR(TS_OK));
    ts_error error = CALL(ts_pump_run(pump, 1, budget, &count), when(is_duration(budget)));
    SURE(error != TS_OK || count <= 1, "%zu ran", count);
    ts_pump_free(pump);
    ts_completions_free(completions);
    /* The watchdog, which a stop of a pump's task brings, takes a moment to leave. */
    CALL(ts_shutdown_within(scheduler, true, wait, NULL),
         when(is_wait(wait)) | (is_wait(wait) && wait < 10 ? OR(TS_ERROR_TIMED_OUT) : 0));
    CALL(ts_shutdown(scheduler, true), OR(TS_OK));
}

struct sleeper {
    ts_scheduler *scheduler;
    ts_task_id id;
    double seconds;
};

/* It stops itself, so it does not sleep. */
static int32_t stop_and_sleep(ts_token *token, void *user_data)
{
    struct sleeper *its = user_data;
    uint64_t allowed = is_duration(its->seconds) ? OR(TS_STOPPED) : OR(TS_ERROR_INVALID_ARGUMENT);
    CALL(ts_force_stop(its->scheduler, its->id), OR(TS_OK));
    CALL(ts_interruptible_sleep(token, its->seconds), allowed);
    CALL(ts_interruptible_sleep(NULL, its->seconds), allowed);
    return 0;
}

static void sleeps(ts_scheduler *scheduler, struct input *input)
{
    struct sleeper its = { scheduler, { { 0 } }, time_of(input) };
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_pump *pump = NULL;
    CALL(ts_pump_new(scheduler, NULL, &pump), OR(TS_OK));
    options.run = stop_and_sleep;
    options.user_data = &its;
    options.pump = pump;
    CALL(ts_submit(scheduler, &options, &its.id), OR(TS_OK));
    CALL(ts_pump_run(pump, 0, 0, NULL), OR(TS_OK));
    ts_pump_free(pump);
    if (!is_duration(its.seconds) || its.seconds < 1e-4)
        CALL(ts_interruptible_sleep(NULL, its.seconds), when(is_duration(its.seconds)));
}

/* Starts sleeps, ends them, and is done: timers come and go, however far they are. */
static ts_poll poll_sleeps(ts_token *token, void *user_data)
{
    struct input *input = user_data;
    while (input->size > 0) {
        double seconds = time_of(input);
        uint64_t allowed = !is_duration(seconds) ? OR(TS_ERROR_INVALID_ARGUMENT)
                           : seconds == 0        ? OR(TS_OK)
                           : seconds < 1e-6      ? OR(TS_OK) | OR(TS_NOT_YET)
                                                 : OR(TS_NOT_YET);
        if (CALL(ts_async_sleep(token, seconds), allowed) == TS_NOT_YET)
            CALL(ts_async_sleep_cancel(token), OR(TS_OK));
    }
    return TS_POLL_READY;
}

static void async_sleeps(ts_scheduler *scheduler, struct input *input)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_task_id id;
    CALL(ts_add_async_task(scheduler, false, NULL, poll_sleeps, input, NULL, &id), OR(TS_OK));
    CALL(ts_wait(scheduler, id, TS_FOREVER, &status), OR(TS_OK));
    SURE(status.state == TS_COMPLETED, "state %d", (int)status.state);
}

/* Keys whose values are seconds. */
static void configuration(ts_scheduler *scheduler, struct input *input)
{
    static const char *const keys[] = { "watch_dog_time", "max_idle_time", "stuck_grace", "status_check_interval" };
    const char *key = keys[below(input, 4)];
    double seconds = time_of(input), least = key == keys[0] || key == keys[3] ? 0.001 : 0;
    char text[64], *back = NULL;
    snprintf(text, sizeof text, "%.17g", seconds);
    CALL(ts_update_config(scheduler, key, text),
         seconds >= least && seconds <= 1e9 ? OR(TS_OK) : OR(TS_ERROR_CONFIG));
    CALL(ts_get_config(scheduler, key, &back), OR(TS_OK));
    CALL(ts_update_config(scheduler, key, back), OR(TS_OK));
    ts_string_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = { bytes, size };
    ts_scheduler *scheduler = NULL;
    int fd;
    CALL(ts_scheduler_new(NULL, &scheduler), OR(TS_OK));
    CALL(ts_claims_fd(scheduler, &fd), OR(TS_OK)); /* No thread of the library looks at deadlines. */
    for (int i = 0; i < 8 && input.size > 0; i++)
        switch (below(&input, 4)) {
        case 0:
            host_calls(scheduler, &input);
            break;
        case 1:
            sleeps(scheduler, &input);
            break;
        case 2:
            async_sleeps(scheduler, &input);
            break;
        default:
            configuration(scheduler, &input);
        }
    ts_scheduler_free(scheduler);
    return 0;
}
