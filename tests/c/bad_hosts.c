/* What is not allowed of lanes, claims, pumps and completion queues: each gets
 * an error and a sentence that names it, and changes nothing. */
#include "hosting.h"

#include <math.h>

static ts_scheduler *ours, *theirs;
static char huge[400];
static int drops;

static ts_poll poll_nothing(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static void begin(void)
{
    memset(huge, 'x', sizeof huge - 1);
    ours = scheduler_with(NULL);
    theirs = scheduler_with(NULL);
    drops = 0;
}

static void end(void)
{
    CHECK(counted(&drops) == 0);
    CHECK(how_many(ours, TS_PENDING) + how_many(ours, TS_RUNNING) + how_many(ours, TS_COMPLETED) +
              how_many(ours, TS_CANCELLED) ==
          0);
    ts_scheduler_free(ours);
    ts_scheduler_free(theirs);
}

/* The call is refused for that reason, in these words or with them. */
static void refused(int line, const char *call, ts_error gave, ts_error wanted, const char *words)
{
    check_error(__FILE__, line, call, gave, wanted);
    if (gave == wanted && strstr(ts_last_error_message(), words) == NULL)
        check_failed(__FILE__, line, ts_last_error_message(), words);
}

#define REFUSED(error, words, call) refused(__LINE__, #call, (call), (error), (words))
#define BAD(words, call) REFUSED(TS_ERROR_INVALID_ARGUMENT, words, call)

static ts_lane *const dirty_lane = (ts_lane *)huge;

static ts_error open_with(ts_lane_options wanted)
{
    ts_lane *lane = dirty_lane;
    ts_error error = ts_lane_new(ours, &wanted, &lane);
    CHECK(error == TS_OK || lane == NULL);
    if (error == TS_OK)
        ts_lane_free(lane);
    return error;
}

static ts_lane_options named(const char *name)
{
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    wanted.name = name;
    return wanted;
}

#define LANE_WITH(field, value, words)             \
    do {                                           \
        ts_lane_options wanted_ = named("name");   \
        wanted_.field = (value);                   \
        BAD(words, open_with(wanted_));            \
    } while (0)

static void lanes(void)
{
    ts_lane_options wanted = named("name");
    ts_lane *lane = dirty_lane;
    ts_pump *pump, *foreign;
    ts_claim claimed;
    ts_task_id id;
    begin();
    MUST(ts_pump_new(ours, NULL, &pump));
    MUST(ts_pump_new(theirs, NULL, &foreign));
    BAD("out_lane", ts_lane_new(ours, &wanted, NULL));
    BAD("options", ts_lane_new(ours, NULL, &lane));
    CHECK(lane == NULL);
    LANE_WITH(name, NULL, "name");
    LANE_WITH(name, "", "1 to 255");
    LANE_WITH(name, huge, "255");
    LANE_WITH(name, "a\xff", "UTF-8");
    LANE_WITH(kind, (ts_kind)3, "kind is 3");
    LANE_WITH(kind, (ts_kind)-1, "kind is -1");
    LANE_WITH(runner, (ts_runner)4, "runner is 4");
    LANE_WITH(runner, (ts_runner)-1, "runner is -1");
    LANE_WITH(runner, TS_PUMP, "pump");
    LANE_WITH(pump, foreign, "another scheduler");
    LANE_WITH(width, 2, "side by side");
    LANE_WITH(width, (size_t)-1, "");
    LANE_WITH(capacity, (size_t)-1, "capacity");
    LANE_WITH(size, 0, "size");
    LANE_WITH(size, sizeof wanted - 1, "size");
    LANE_WITH(size, 5000, "size");
    wanted.pump = pump;
    wanted.runner = TS_CLAIMS;
    BAD("pump", open_with(wanted));
    wanted.runner = TS_PUMP;
    wanted.width = 2;
    BAD("side by side", open_with(wanted));
    wanted.width = 0;
    wanted.kind = TS_ASYNC;
    BAD("async", open_with(wanted));
    wanted = named("name");
    wanted.kind = TS_ASYNC;
    wanted.runner = TS_CLAIMS;
    BAD("async", open_with(wanted));
    GIVES(TS_OK, open_with(named("name")));
    ts_lane_free(NULL);

    wanted = named("name");
    MUST(ts_lane_new(ours, &wanted, &lane));
    id = dirty_id();
    BAD("lane is NULL", ts_lane_add_task(NULL, false, run_nothing, &drops, drop_count, &id));
    CHECK(is_zero(id));
    BAD("run is NULL", ts_lane_add_task(lane, false, NULL, &drops, drop_count, &id));
    BAD("out_id", ts_lane_add_task(lane, false, run_nothing, &drops, drop_count, NULL));
    BAD("lane is NULL", ts_lane_add_async_task(NULL, false, poll_nothing, &drops, drop_count, &id));
    BAD("poll is NULL", ts_lane_add_async_task(lane, false, NULL, &drops, drop_count, &id));
    BAD("out_id", ts_lane_add_async_task(lane, false, poll_nothing, &drops, drop_count, NULL));
    id = dirty_id();
    memset(&claimed, 0x5a, sizeof claimed);
    BAD("lane is NULL", ts_lane_claim_task(NULL, false, run_nothing, &drops, drop_count, &claimed, &id));
    CHECK(is_zero(id) && claimed.token == NULL);
    BAD("out_id", ts_lane_claim_task(lane, false, run_nothing, &drops, drop_count, &claimed, NULL));
    BAD("out_claim", ts_lane_claim_task(lane, false, run_nothing, &drops, drop_count, NULL, &id));
    ts_lane_free(lane);

    BAD("runner is 0", ts_scheduler_set_runner(ours, (ts_runner)0, NULL));
    BAD("runner is 9", ts_scheduler_set_runner(ours, (ts_runner)9, NULL));
    BAD("pump is NULL", ts_scheduler_set_runner(ours, TS_PUMP, NULL));
    BAD("pump", ts_scheduler_set_runner(ours, TS_WORKERS, pump));
    BAD("pump", ts_scheduler_set_runner(ours, TS_CLAIMS, pump));
    BAD("another scheduler", ts_scheduler_set_runner(ours, TS_PUMP, foreign));
    ts_pump_free(pump);
    ts_pump_free(foreign);
    end();
}

static void no_hearing(const ts_completion *ending, void *user_data)
{
    (void)ending;
    count((int *)user_data);
}

static ts_error submit_with(ts_task_options options)
{
    ts_task_id id = dirty_id();
    ts_claim claimed;
    ts_error error = ts_submit(ours, &options, &id), other;
    CHECK(is_zero(id));
    /* A claim is refused for the same reason. */
    id = dirty_id();
    memset(&claimed, 0x5a, sizeof claimed);
    other = ts_claim_submit(ours, &options, &claimed, &id);
    CHECK(is_zero(id) && claimed.token == NULL && is_zero(claimed.id) && other == error);
    return error;
}

static ts_task_options good(void)
{
    ts_task_options options = options_of("name", run_nothing, &drops, drop_count, 0);
    options.on_end = no_hearing;
    options.on_end_data = &drops;
    options.on_end_drop = drop_count;
    return options;
}

#define SUBMIT_WITH(field, value, words)           \
    do {                                           \
        ts_task_options options_ = good();         \
        options_.field = (value);                  \
        BAD(words, submit_with(options_));         \
    } while (0)

static void options(void)
{
    ts_lane_options wanted = named("name");
    ts_lane *lane, *foreign_lane;
    ts_pump *foreign_pump;
    ts_completions *foreign_queue;
    ts_task_options mixed = good();
    begin();
    MUST(ts_pump_new(theirs, NULL, &foreign_pump));
    MUST(ts_completions_new(theirs, &foreign_queue));
    MUST(ts_lane_new(theirs, &wanted, &foreign_lane));
    MUST(ts_lane_new(ours, &wanted, &lane));
    SUBMIT_WITH(runner, (ts_runner)4, "runner is 4");
    SUBMIT_WITH(runner, (ts_runner)-1, "runner is -1");
    SUBMIT_WITH(runner, TS_PUMP, "pump is NULL");
    SUBMIT_WITH(reserved, 1, "reserved");
    SUBMIT_WITH(pump, foreign_pump, "another scheduler");
    SUBMIT_WITH(completions, foreign_queue, "another scheduler");
    mixed.on_end = NULL;
    mixed.on_end_data = NULL;
    mixed.on_end_drop = NULL;
    mixed.completions = NULL;
    mixed.completion_data = &drops;
    REFUSED(TS_ERROR_INVALID_ARGUMENT, "completion_data", submit_with(mixed));
    mixed = good();
    SUBMIT_WITH(on_end, NULL, "on_end");
    SUBMIT_WITH(lane, lane, "not both");
    SUBMIT_WITH(lane, foreign_lane, "another scheduler");
    mixed.name = NULL;
    mixed.lane = lane;
    mixed.run = NULL;
    mixed.poll = poll_nothing;
    REFUSED(TS_ERROR_WRONG_KIND, "kind", submit_with(mixed));
    mixed = good();
    mixed.name = "another name";
    mixed.runner = TS_CLAIMS;
    mixed.flags = TS_INTERRUPT_BLOCKING;
    BAD("system calls", submit_with(mixed));
    mixed = good();
    mixed.run = NULL;
    mixed.poll = poll_nothing;
    mixed.runner = TS_CLAIMS;
    BAD("async", submit_with(mixed));
    mixed = good();
    mixed.run = NULL;
    mixed.runner = TS_WORKERS;
    BAD("run", submit_with(mixed));
    ts_lane_free(lane);
    ts_lane_free(foreign_lane);
    ts_completions_free(foreign_queue);
    ts_pump_free(foreign_pump);
    end();
}

static void claims(void)
{
    ts_task_options tasks[2];
    ts_claim claimed, many[2], kept;
    ts_task_id id = dirty_id(), ids[2];
    ts_value value = { NULL, 3, NULL };
    size_t number = 77;
    begin();
    tasks[0] = tasks[1] = claim_options("name", &drops, drop_count, 0);
    memset(&claimed, 0x5a, sizeof claimed);
    BAD("out_id", ts_claim_submit(ours, tasks, &claimed, NULL));
    BAD("out_claim", ts_claim_submit(ours, tasks, NULL, &id));
    BAD("options", ts_claim_submit(ours, NULL, &claimed, &id));
    CHECK(claimed.token == NULL && is_zero(claimed.id) && is_zero(id));
    tasks[0].size = 3;
    BAD("size", ts_claim_submit(ours, tasks, &claimed, &id));
    tasks[0].size = sizeof tasks[0];

    memset(many, 0x5a, sizeof many);
    memset(ids, 0x5a, sizeof ids);
    BAD("out_added", ts_claims_submit(ours, tasks, 2, many, ids, NULL));
    BAD("tasks", ts_claims_submit(ours, NULL, 2, many, ids, &number));
    BAD("out_claims", ts_claims_submit(ours, tasks, 2, NULL, ids, &number));
    CHECK(number == 0);
    tasks[0].size = 1;
    tasks[1].size = 1;
    number = 77;
    BAD("size", ts_claims_submit(ours, tasks, 2, many, ids, &number));
    CHECK(number == 0 && many[0].token == NULL && many[1].token == NULL && is_zero(ids[0]) && is_zero(ids[1]));
    tasks[0].size = 1 << 20;
    BAD("size", ts_claims_submit(ours, tasks, 1, many, ids, &number));
    tasks[0].size = sizeof tasks[0];

    memset(&claimed, 0, sizeof claimed);
    BAD("claim is NULL", ts_claim_start(ours, NULL));
    BAD("token", ts_claim_start(ours, &claimed));
    BAD("claim is NULL", ts_claim_finish(ours, NULL, 0, NULL, NULL, NULL));
    BAD("token", ts_claim_finish(ours, &claimed, 0, NULL, NULL, NULL));
    BAD("claim is NULL", ts_claim_end(ours, NULL, 0, NULL, NULL, NULL, NULL));
    BAD("token", ts_claim_end(ours, &claimed, 0, NULL, NULL, NULL, NULL));
    number = 77;
    BAD("out_count", ts_claims_finish(ours, many, NULL, 1, many, NULL));
    BAD("claims", ts_claims_finish(ours, NULL, NULL, 1, many, &number));
    BAD("out_next", ts_claims_finish(ours, many, NULL, 1, NULL, &number));
    CHECK(number == 0);

    number = 77;
    BAD("out_count", ts_claims_take(ours, many, 2, 0, NULL));
    BAD("array", ts_claims_take(ours, NULL, 2, 0, &number));
    BAD("capacity", ts_claims_take(ours, many, 0, 0, &number));
    BAD("seconds is not a number", ts_claims_take(ours, many, 2, (double)NAN, &number));
    BAD("seconds is -1", ts_claims_take(ours, many, 2, -1, &number));
    BAD("seconds is -inf", ts_claims_take(ours, many, 2, -TS_FOREVER, &number));
    BAD("seconds is 1e300", ts_claims_take(ours, many, 2, 1e300, &number));
    CHECK(number == 77);
    BAD("out_fd", ts_claims_fd(ours, NULL));

    /* One that is out stays so. */
    kept = start_one(ours, "name", NULL, NULL, 0);
    BAD("data is NULL", ts_claim_finish(ours, &kept, 0, &value, NULL, NULL));
    BAD("UTF-8", ts_claim_finish(ours, &kept, 0, NULL, "\xff", NULL));
    value.data = &drops;
    value.drop = drop_count;
    BAD("UTF-8", ts_claim_finish(ours, &kept, 0, &value, "\xff", NULL));
    CHECK(state_of(ours, kept.id) == TS_RUNNING && counted(&drops) == 0);
    BAD("seconds", ts_interruptible_sleep(kept.token, (double)NAN));
    BAD("data is NULL", ts_set_result(kept.token, NULL, 3, NULL));
    BAD("more than there can be", ts_set_result(kept.token, &drops, SIZE_MAX, NULL));
    REFUSED(TS_ERROR_WRONG_KIND, "", ts_async_sleep(kept.token, 0));
    finish(ours, &kept);
    GIVES(TS_OK, ts_task_forget(ours, kept.id));
    end();
}

/* Structs of a size that no macro sets lie anywhere. */
static void sizes_of_batches(void)
{
    static unsigned char bytes[4096 * 2];
    static const size_t sizes[] = { 73, 79, 80, 200, 201, 4096 };
    size_t at, size;
    begin();
    for (at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        ts_task_options its = claim_options(NULL, NULL, NULL, 0);
        ts_claim claimed[2];
        ts_task_id ids[2];
        size_t added = 77, one;
        size = sizes[at];
        memset(bytes, 0, sizeof bytes);
        its.size = size;
        for (one = 0; one < 2; one++)
            memcpy(bytes + one * size, &its, size < sizeof its ? 72 : sizeof its);
        /* An old struct has no runner: the scheduler says. */
        MUST(ts_scheduler_set_runner(ours, TS_CLAIMS, NULL));
        ts_claims_submit(ours, (const ts_task_options *)(const void *)bytes, 2, claimed, ids, &added);
        CHECK(added <= 2);
        for (one = 0; one < added; one++) {
            CHECK(claimed[one].token != NULL);
            finish(ours, &claimed[one]);
            GIVES(TS_OK, ts_task_forget(ours, ids[one]));
        }
    }
    end();
}

/* What came before the odd one is in. */
static void sizes_that_differ_in_a_batch(void)
{
    ts_task_options tasks[2];
    ts_claim claimed[2];
    ts_task_id ids[2];
    size_t added = 77;
    begin();
    tasks[0] = tasks[1] = claim_options(NULL, NULL, NULL, 0);
    tasks[1].size = 80;
    BAD("tasks[1]", ts_claims_submit(ours, tasks, 2, claimed, ids, &added));
    CHECK(added == 1 && claimed[0].token != NULL && claimed[1].token == NULL && is_zero(ids[1]));
    finish(ours, &claimed[0]);
    GIVES(TS_OK, ts_task_forget(ours, ids[0]));
    end();
}

static void pumps(void)
{
    ts_pump_options wanted = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = (ts_pump *)huge;
    size_t ran = 77;
    int fd = 77;
    begin();
    BAD("out_pump", ts_pump_new(ours, NULL, NULL));
    wanted.user_data = &drops;
    BAD("ready is NULL", ts_pump_new(ours, &wanted, &pump));
    CHECK(pump == NULL);
    wanted.user_data = NULL;
    wanted.drop = drop_count;
    BAD("ready is NULL", ts_pump_new(ours, &wanted, &pump));
    wanted.ready = drop_count;
    wanted.user_data = &drops;
    wanted.size = 8;
    BAD("size", ts_pump_new(ours, &wanted, &pump));
    wanted.size = 5000;
    BAD("size", ts_pump_new(ours, &wanted, &pump));
    ts_pump_free(NULL);
    BAD("pump is NULL", ts_pump_run(NULL, 0, 0, &ran));
    BAD("pump is NULL", ts_pump_fd(NULL, &fd));
    CHECK(fd == -1);
    MUST(ts_pump_new(ours, NULL, &pump));
    BAD("budget_seconds is not a number", ts_pump_run(pump, 0, (double)NAN, &ran));
    BAD("budget_seconds is -1", ts_pump_run(pump, 0, -1, &ran));
    BAD("budget_seconds is infinite", ts_pump_run(pump, 0, TS_FOREVER, &ran));
    BAD("out_fd", ts_pump_fd(pump, NULL));
    CHECK(ran == 77);
    ts_pump_free(pump);
    end();
}

static void completions(void)
{
    ts_completions *queue = (ts_completions *)huge;
    ts_completion ends[2];
    size_t got = 77;
    int fd = 77;
    begin();
    BAD("out_completions", ts_completions_new(ours, NULL));
    ts_completions_free(NULL);
    BAD("completions is NULL", ts_completions_take(NULL, ends, 2, 0, &got));
    BAD("completions is NULL", ts_completions_fd(NULL, &fd));
    CHECK(fd == -1);
    MUST(ts_completions_new(ours, &queue));
    BAD("out_count", ts_completions_take(queue, ends, 2, 0, NULL));
    BAD("array", ts_completions_take(queue, NULL, 2, 0, &got));
    BAD("capacity", ts_completions_take(queue, ends, 0, 0, &got));
    BAD("seconds is not a number", ts_completions_take(queue, ends, 2, (double)NAN, &got));
    BAD("seconds is -1", ts_completions_take(queue, ends, 2, -1, &got));
    BAD("seconds is 1e300", ts_completions_take(queue, ends, 2, 1e300, &got));
    BAD("out_fd", ts_completions_fd(queue, NULL));
    CHECK(got == 77);
    ts_completions_free(queue);
    end();
}

typedef struct {
    ts_scheduler *scheduler;
    ts_completions *queue;
    int done;
} inside;

static int32_t run_takes(ts_token *token, void *user_data)
{
    inside *its = user_data;
    ts_completion ending;
    ts_claim claimed;
    size_t got = 77;
    (void)token;
    GIVES(TS_NOT_YET, ts_claims_take(its->scheduler, &claimed, 1, 0, &got));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_claims_take(its->scheduler, &claimed, 1, TS_FOREVER, &got));
    GIVES(TS_NOT_YET, ts_completions_take(its->queue, &ending, 1, 0, &got));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_completions_take(its->queue, &ending, 1, 1, &got));
    CHECK(got == 77);
    count(&its->done);
    return 0;
}

static void a_task_takes_without_waiting_only(void)
{
    inside its;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    MUST(ts_completions_new(its.scheduler, &its.queue));
    add(its.scheduler, NULL, run_takes, &its, NULL);
    await(&its.done, 1);
    ts_completions_free(its.queue);
    ts_scheduler_free(its.scheduler);
}

static const check_test tests[] = {
    TEST(lanes),
    TEST(options),
    TEST(claims),
    TEST(pumps),
    TEST(completions),
    TEST(a_task_takes_without_waiting_only),
    TEST(sizes_of_batches),
    TEST(sizes_that_differ_in_a_batch),
};

CHECK_ALL(tests)
