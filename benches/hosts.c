/* What a task costs that the host runs: by claims, on a pump, and with its end in a completion queue.
 * One thread of the host's does everything.
 *
 *     hosts [TASKS [WHICH]]        (default: 1000000 of each)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <task_scheduling.h>

enum { NAMES = 1000, BATCH = 64 };

static char names[NAMES][16];
static size_t ran;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void must(ts_error error)
{
    if (error == TS_OK)
        return;
    fprintf(stderr, "%s: %s\n", ts_error_name(error), ts_last_error_message());
    exit(1);
}

static ts_scheduler *new_scheduler(void)
{
    ts_scheduler *scheduler;
    must(ts_scheduler_new("maximum_queue_line: 0\nline_task_max: 4096", &scheduler));
    return scheduler;
}

static int32_t work(ts_token *token, void *user_data)
{
    (void)token, (void)user_data;
    ran++;
    return 0;
}

static void check(size_t wanted)
{
    if (ran != wanted) {
        fprintf(stderr, "%zu tasks ran, not %zu\n", ran, wanted);
        exit(1);
    }
    ran = 0;
}

static void print(const char *what, size_t tasks, double seconds)
{
    printf("%-58s %7.1f ns per task\n", what, seconds * 1e9 / (double)tasks);
}

static void run(ts_scheduler *scheduler, ts_claim claim)
{
    while (claim.token != NULL) {
        must(ts_claim_start(scheduler, &claim));
        claim.run(claim.token, claim.user_data);
        must(ts_claim_finish(scheduler, &claim, 0, NULL, NULL, &claim));
    }
}

/* Each is started by its add. */
static double claims_at_once(size_t tasks, size_t count, int by_handle)
{
    ts_scheduler *scheduler = new_scheduler();
    ts_lane *lanes[NAMES] = { NULL };
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    for (size_t at = 0; at < count && by_handle; at++) {
        ts_lane_options lane = TS_LANE_OPTIONS_INIT;
        lane.name = names[at];
        lane.runner = TS_CLAIMS;
        must(ts_lane_new(scheduler, &lane, &lanes[at]));
    }
    options.run = work;
    options.runner = TS_CLAIMS;
    double start = now();
    for (size_t at = 0; at < tasks; at++) {
        ts_claim claim;
        ts_task_id id;
        if (by_handle)
            options.lane = lanes[at % count];
        else
            options.name = names[at % count];
        must(ts_claim_submit(scheduler, &options, &claim, &id));
        run(scheduler, claim);
    }
    double seconds = now() - start;
    check(tasks);
    for (size_t at = 0; at < count; at++)
        ts_lane_free(lanes[at]);
    ts_scheduler_free(scheduler);
    return seconds;
}

/* All queue behind one, and come out of its finish, each out of that of the one before. */
static double claims_in_a_chain(size_t tasks)
{
    ts_scheduler *scheduler = new_scheduler();
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_claim first, claim;
    ts_task_id id;
    options.name = names[0];
    options.run = work;
    options.runner = TS_CLAIMS;
    double start = now();
    must(ts_claim_submit(scheduler, &options, &first, &id));
    for (size_t at = 1; at < tasks; at++)
        must(ts_claim_submit(scheduler, &options, &claim, &id));
    run(scheduler, first);
    double seconds = now() - start;
    check(tasks);
    ts_scheduler_free(scheduler);
    return seconds;
}

/* Added by ts_submit, taken in batches. */
static double claims_taken(size_t tasks)
{
    ts_scheduler *scheduler = new_scheduler();
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.run = work;
    options.runner = TS_CLAIMS;
    double start = now();
    for (size_t done = 0; done < tasks;) {
        ts_claim claims[BATCH];
        ts_task_id id;
        size_t count;
        for (size_t at = 0; at < BATCH; at++) {
            options.name = names[(done + at) % NAMES];
            must(ts_submit(scheduler, &options, &id));
        }
        for (size_t left = BATCH; left > 0; left -= count) {
            must(ts_claims_take(scheduler, claims, BATCH, 0, &count));
            for (size_t at = 0; at < count; at++)
                run(scheduler, claims[at]);
        }
        done += BATCH;
    }
    double seconds = now() - start;
    check((tasks + BATCH - 1) / BATCH * BATCH);
    ts_scheduler_free(scheduler);
    return seconds;
}

static double pumped(size_t tasks, size_t count)
{
    ts_scheduler *scheduler = new_scheduler();
    ts_pump *pump;
    ts_task_id id;
    must(ts_pump_new(scheduler, NULL, &pump));
    must(ts_scheduler_set_runner(scheduler, TS_PUMP, pump));
    double start = now();
    for (size_t done = 0; done < tasks; done += BATCH) {
        for (size_t at = 0; at < BATCH; at++) {
            const char *name = count > 0 ? names[(done + at) % count] : NULL;
            must(ts_add_task(scheduler, false, name, work, NULL, NULL, &id));
        }
        must(ts_pump_run(pump, 0, 0, NULL));
    }
    double seconds = now() - start;
    check((tasks + BATCH - 1) / BATCH * BATCH);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
    return seconds;
}

/* Pumped tasks again, with and without their ends in a queue. */
static double completed(size_t tasks, int reported)
{
    ts_scheduler *scheduler = new_scheduler();
    ts_completions *completions;
    ts_pump *pump;
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    must(ts_pump_new(scheduler, NULL, &pump));
    must(ts_completions_new(scheduler, &completions));
    options.run = work;
    options.pump = pump;
    options.completions = reported ? completions : NULL;
    double start = now();
    for (size_t done = 0; done < tasks; done += BATCH) {
        ts_completion ends[BATCH];
        size_t count;
        for (size_t at = 0; at < BATCH; at++) {
            options.name = names[(done + at) % NAMES];
            must(ts_submit(scheduler, &options, &id));
        }
        must(ts_pump_run(pump, 0, 0, NULL));
        for (size_t left = reported ? BATCH : 0; left > 0; left -= count)
            must(ts_completions_take(completions, ends, BATCH, 0, &count));
    }
    double seconds = now() - start;
    check((tasks + BATCH - 1) / BATCH * BATCH);
    ts_completions_free(completions);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
    return seconds;
}

int main(int argc, char **argv)
{
    size_t tasks = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    for (size_t at = 0; at < NAMES; at++)
        snprintf(names[at], sizeof names[at], "name-%zu", at);
    const char *only = argc > 2 ? argv[2] : "";
#define BENCH(what, seconds)                                                                       \
    if (strstr(what, only) != NULL)                                                                \
        print(what, tasks, seconds)
    for (int round = 0; round < 2; round++) {
        BENCH("claims: one name, started by the add", claims_at_once(tasks, 1, 0));
        BENCH("claims: one name, by handle", claims_at_once(tasks, 1, 1));
        BENCH("claims: 1,000 names, started by the add", claims_at_once(tasks, NAMES, 0));
        BENCH("claims: 1,000 names, by handle", claims_at_once(tasks, NAMES, 1));
        BENCH("claims: one name, queued and handed on", claims_in_a_chain(tasks));
        BENCH("claims: 1,000 names, taken in batches of 64", claims_taken(tasks));
        BENCH("pump: no name", pumped(tasks, 0));
        BENCH("pump: one name", pumped(tasks, 1));
        BENCH("pump: 1,000 names", pumped(tasks, NAMES));
        BENCH("pump: 1,000 names, ts_submit", completed(tasks, 0));
        BENCH("pump: 1,000 names, ts_submit, completion queue", completed(tasks, 1));
    }
    return 0;
}
