/* A shutdown that gives up at a deadline: what it says, what it leaves, and how
 * it is brought to its end. */
#include "async.h"

static ts_shutdown_report report;
static ts_task_status left[4];

/* A look at the shutdown, or its begin, with room for so many statuses. */
static ts_error look(ts_scheduler *scheduler, bool force, double seconds, size_t capacity)
{
    static const ts_shutdown_report fresh = TS_SHUTDOWN_REPORT_INIT;
    report = fresh;
    memset(left, 0x5a, sizeof left);
    left[0].size = sizeof left[0];
    report.tasks = left;
    report.capacity = capacity;
    return ts_shutdown_within(scheduler, force, seconds, &report);
}

static int is_refused(ts_scheduler *scheduler)
{
    ts_task_id id = dirty_id();
    ts_error gave = ts_add_task(scheduler, false, NULL, run_nothing, NULL, NULL, &id);
    ts_error async = ts_add_async_task(scheduler, false, NULL, poll_ready, NULL, NULL, &id);
    return gave == TS_ERROR_SHUTTING_DOWN && async == TS_ERROR_SHUTTING_DOWN && is_zero(id);
}

/* It works as if nothing had been. */
static void works(ts_scheduler *scheduler)
{
    CHECK(ended(scheduler, add(scheduler, "works", run_nothing, NULL, NULL)) == TS_COMPLETED);
    CHECK(ended(scheduler, add_async(scheduler, "works", poll_ready, NULL, NULL)) == TS_COMPLETED);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    CHECK(ended(scheduler, add(scheduler, NULL, run_nothing, NULL, NULL)) == TS_COMPLETED);
}

static void what_ends_in_time_is_a_shutdown(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round, ran = 0;
    for (round = 0; round < 20; round++) {
        ts_task_id first = add(scheduler, "a", run_count, &ran, NULL);
        ts_task_id second = add_async(scheduler, "a", poll_ready, NULL, NULL);
        report.running = report.claims = report.threads = 9;
        GIVES(TS_OK, look(scheduler, round % 2, round % 3 ? 30 : TS_FOREVER, 4));
        CHECK(report.running == 0 && report.claims == 0 && report.threads == 0);
        CHECK(state_of(scheduler, first) > TS_RUNNING && state_of(scheduler, second) > TS_RUNNING);
        GIVES(TS_OK, ts_shutdown_within(scheduler, false, 0, NULL));
        works(scheduler);
    }
    ts_scheduler_free(scheduler);
}

static void what_still_runs_is_named(void)
{
    int force;
    for (force = 0; force < 2; force++) {
        ts_scheduler *scheduler = scheduler_with("line_task_max: 4");
        plug its = { 0, 0 }, others = { 0, 0 };
        int at, ran = 0, dropped = 0;
        ts_task_id running[3], pending, id;
        for (at = 0; at < 3; at++) {
            static const char *const names[] = { "one", "two", "three" };
            running[at] = add(scheduler, names[at], run_plug, at == 0 ? &its : &others, NULL);
        }
        await(&its.started, 1);
        await(&others.started, 2);
        pending = add(scheduler, "one", run_count, &ran, NULL);
        id = add(scheduler, "one", run_nothing, &dropped, drop_count);
        GIVES(TS_ERROR_TIMED_OUT, look(scheduler, force, 0.001, 2));
        CHECK(strstr(ts_last_error_message(), "3 tasks still run") != NULL);
        CHECK(report.running == 3 && report.claims == 0 && report.threads >= 3);
        CHECK(memcmp(&left[0].id, &running[0], sizeof id) == 0);
        CHECK(strcmp(left[0].task_name, "one") == 0 && strcmp(left[1].task_name, "two") == 0);
        CHECK(left[0].state == TS_RUNNING && left[0].kind == TS_LINEAR);
        CHECK(left[0].stopping == (force ? TS_CANCELLED : (ts_state)0));
        CHECK(left[0].size == sizeof left[0] && left[1].size == sizeof left[0]);
        CHECK(*(unsigned char *)&left[2] == 0x5a);
        /* What was pending is cancelled, and nothing comes in. */
        CHECK(state_of(scheduler, pending) == TS_CANCELLED && counted(&dropped) == 1);
        CHECK(state_of(scheduler, id) == TS_CANCELLED);
        CHECK(is_refused(scheduler));
        pull(&others);
        CHECK(ended(scheduler, running[1]) == (force ? TS_CANCELLED : TS_COMPLETED));
        CHECK(ended(scheduler, running[2]) == (force ? TS_CANCELLED : TS_COMPLETED));
        /* The threads that have nothing to do leave; the watchdog looks after who was told. */
        do {
            GIVES(TS_ERROR_TIMED_OUT, look(scheduler, force, 0, 4));
            CHECK(report.running == 1);
        } while (report.threads > (force ? 2 : 1));
        CHECK(is_refused(scheduler));
        GIVES(TS_ERROR_TIMED_OUT, ts_shutdown_within(scheduler, force, 0, NULL));
        /* A late return is as any other. */
        pull(&its);
        CHECK(ended(scheduler, running[0]) == (force ? TS_CANCELLED : TS_COMPLETED));
        CHECK(is_refused(scheduler));
        GIVES(TS_OK, look(scheduler, force, 30, 4));
        CHECK(report.running == 0 && report.threads == 0);
        CHECK(counted(&ran) == 0);
        works(scheduler);
        ts_scheduler_free(scheduler);
    }
}

/* Returns when the scheduler is about to be freed, and leaves a result. */
typedef struct {
    plug gate;
    int dropped, result;
} late;

static int32_t run_late(ts_token *token, void *user_data)
{
    late *its = (late *)user_data;
    run_plug(token, &its->gate);
    GIVES(TS_OK, ts_set_result(token, &its->result, 1, drop_count));
    return 0;
}

static void drop_late(void *user_data)
{
    count(&((late *)user_data)->dropped);
}

static void *pull_late(void *argument)
{
    pull(&((late *)argument)->gate);
    return NULL;
}

static void a_free_after_it_waits_without_bound(void)
{
    int round;
    for (round = 0; round < 20; round++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        late its;
        pthread_t pulling;
        memset(&its, 0, sizeof its);
        add(scheduler, "late", run_late, &its, drop_late);
        await(&its.gate.started, 1);
        GIVES(TS_ERROR_TIMED_OUT, look(scheduler, round % 2, 0, 4));
        pulling = thread(pull_late, &its);
        ts_scheduler_free(scheduler);
        CHECK(counted(&its.dropped) == 1 && counted(&its.result) == 1);
        pthread_join(pulling, NULL);
    }
}

/* A poll that does not return. */
static ts_poll poll_plug(ts_token *token, void *user_data)
{
    (void)token;
    run_plug(NULL, user_data);
    return TS_POLL_READY;
}

static void a_poll_that_does_not_return_is_named(void)
{
    int force;
    for (force = 0; force < 2; force++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        plug its = { 0, 0 };
        ts_task_id id = add_async(scheduler, "poll", poll_plug, &its, NULL);
        await(&its.started, 1);
        GIVES(TS_ERROR_TIMED_OUT, look(scheduler, force, 0.001, 1));
        CHECK(report.running == 1 && report.threads >= 1);
        CHECK(left[0].kind == TS_ASYNC && memcmp(&left[0].id, &id, sizeof id) == 0);
        CHECK(is_refused(scheduler));
        pull(&its);
        GIVES(TS_OK, look(scheduler, force, 30, 1));
        CHECK(state_of(scheduler, id) == (force ? TS_CANCELLED : TS_COMPLETED));
        works(scheduler);
        ts_scheduler_free(scheduler);
    }
}

/* A thread that is slow to end: the host's function for threads holds it. */
static plug slow;

static void slow_to_end(ts_thread_event event, const char *name, void *user_data)
{
    (void)name;
    (void)user_data;
    if (event == TS_THREAD_STOPPING)
        run_plug(NULL, &slow);
}

static void a_thread_that_does_not_end_is_told(void)
{
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    ts_scheduler *scheduler = NULL;
    options.on_thread = slow_to_end;
    slow.started = slow.may_go = 0;
    MUST(ts_scheduler_new_with(&options, &scheduler));
    CHECK(ended(scheduler, add(scheduler, NULL, run_nothing, NULL, NULL)) == TS_COMPLETED);
    GIVES(TS_ERROR_TIMED_OUT, look(scheduler, true, 0.001, 4));
    CHECK(report.running == 0 && report.threads == 1);
    await(&slow.started, 1);
    GIVES(TS_ERROR_TIMED_OUT, look(scheduler, true, 0, 4));
    CHECK(report.threads == 1 && is_refused(scheduler));
    pull(&slow);
    GIVES(TS_OK, look(scheduler, true, TS_FOREVER, 4));
    CHECK(report.threads == 0);
    works(scheduler);
    ts_scheduler_free(scheduler);
}

/* A host with one thread, which runs its tasks by claims. */
static void a_host_of_claims_drives_it_to_its_end(void)
{
    int force;
    for (force = 0; force < 2; force++) {
        ts_scheduler *scheduler = scheduler_with("line_task_max: 2");
        ts_claim out[2], taken[8];
        ts_task_id ids[6];
        size_t many = 0, at, finished = 0;
        int dropped = 0, looks = 0;
        for (at = 0; at < 6; at++) {
            ts_task_options options =
                options_of(at % 2 ? "odd" : "even", run_nothing, &dropped, drop_count, TS_KEEP);
            ts_claim claim;
            options.runner = TS_CLAIMS;
            MUST(ts_claim_submit(scheduler, &options, &claim, &ids[at]));
            CHECK((claim.token != NULL) == (at < 2));
            if (at < 2)
                out[at] = claim;
        }
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(scheduler, force));
        GIVES(TS_ERROR_WOULD_DEADLOCK, look(scheduler, force, 1, 4));
        /* That began nothing. */
        CHECK(state_of(scheduler, ids[5]) == TS_PENDING);
        GIVES(TS_ERROR_TIMED_OUT, look(scheduler, force, 0, 4));
        CHECK(report.running == 2 && report.claims == 4);
        CHECK(memcmp(&left[1].id, &ids[1], sizeof ids[1]) == 0);
        CHECK(is_refused(scheduler));
        for (at = 0; at < 2; at++) {
            GIVES(force ? TS_STOPPED : TS_OK, ts_claim_start(scheduler, &out[at]));
            GIVES(TS_OK, ts_claim_finish(scheduler, &out[at], 0, NULL, NULL, NULL));
        }
        while (look(scheduler, force, 0, 4) == TS_ERROR_TIMED_OUT) {
            looks++;
            if (report.claims == 0)
                continue;
            CHECK(report.running == 0 && report.claims == 4 - finished);
            /* One at a time, the taken one first. */
            GIVES(TS_OK, ts_claims_take(scheduler, taken, 1, 0, &many));
            CHECK(many == 1);
            GIVES(TS_ERROR_TIMED_OUT, look(scheduler, force, 0, 4));
            CHECK(report.claims == 4 - finished);
            GIVES(TS_STOPPED, ts_claim_start(scheduler, &taken[0]));
            GIVES(TS_OK, ts_claim_finish(scheduler, &taken[0], 0, NULL, NULL, NULL));
            finished++;
        }
        CHECK(finished == 4 && looks >= 4 && counted(&dropped) == 6);
        CHECK(report.running == 0 && report.claims == 0 && report.threads == 0);
        CHECK(state_of(scheduler, ids[0]) == (force ? TS_CANCELLED : TS_COMPLETED));
        CHECK(state_of(scheduler, ids[5]) == TS_CANCELLED);
        works(scheduler);
        ts_scheduler_free(scheduler);
    }
}

/* A host with one thread, which runs its tasks by a pump. */
static struct {
    ts_scheduler *scheduler;
    int ran, dropped;
} pumped;

static int32_t run_pumped(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown_within(pumped.scheduler, true, 0, NULL));
    count(&pumped.ran);
    return 0;
}

static void a_host_with_a_pump_drives_it_to_its_end(void)
{
    int force;
    for (force = 0; force < 2; force++) {
        ts_pump *pump = NULL;
        ts_task_id id = dirty_id();
        int at;
        memset(&pumped, 0, sizeof pumped);
        pumped.scheduler = scheduler_with(NULL);
        MUST(ts_pump_new(pumped.scheduler, NULL, &pump));
        for (at = 0; at < 5; at++) {
            ts_task_options options =
                options_of("pumped", run_pumped, &pumped.dropped, drop_count, 0);
            options.runner = TS_PUMP;
            options.pump = pump;
            MUST(ts_submit(pumped.scheduler, &options, &id));
        }
        MUST(ts_pump_run(pump, 2, 0, NULL));
        while (look(pumped.scheduler, force, 0, 4) != TS_OK)
            MUST(ts_pump_run(pump, 0, 0, NULL));
        CHECK(pumped.ran == 2 && pumped.dropped == 5);
        CHECK(state_of(pumped.scheduler, id) == TS_CANCELLED);
        works(pumped.scheduler);
        ts_pump_free(pump);
        ts_scheduler_free(pumped.scheduler);
    }
}

/* Several at once. */
static struct {
    ts_scheduler *scheduler;
    int given_up, done;
} several;

static void *shut_down_at_once(void *argument)
{
    int which = *(int *)argument;
    if (which == 0) {
        GIVES(TS_OK, ts_shutdown(several.scheduler, false));
    } else {
        ts_error gave;
        while ((gave = ts_shutdown_within(several.scheduler, which == 2, 0.0005, NULL))
               == TS_ERROR_TIMED_OUT)
            count(&several.given_up);
        GIVES(TS_OK, gave);
    }
    count(&several.done);
    return NULL;
}

static void several_at_once_come_to_one_end(void)
{
    int round;
    for (round = 0; round < 60; round++) {
        static int which[] = { 0, 1, 2 };
        pthread_t threads[3];
        plug its = { 0, 0 };
        int at;
        memset(&several, 0, sizeof several);
        several.scheduler = scheduler_with(NULL);
        add(several.scheduler, "plug", run_plug, &its, NULL);
        await(&its.started, 1);
        for (at = 0; at < 3; at++)
            threads[at] = thread(shut_down_at_once, &which[at]);
        await(&several.given_up, 3);
        CHECK(counted(&several.done) == 0 && is_refused(several.scheduler));
        pull(&its);
        for (at = 0; at < 3; at++)
            pthread_join(threads[at], NULL);
        works(several.scheduler);
        ts_scheduler_free(several.scheduler);
    }
}

/* A task that waits for a queued one when the shutdown comes. */
static ts_scheduler *waiting_in;
static ts_task_id waited;
static int waits;

static int32_t run_that_waits(ts_token *token, void *user_data)
{
    (void)token;
    await((int *)user_data, 1);
    count(&waits);
    GIVES(TS_OK, ts_wait(waiting_in, waited, TS_FOREVER, NULL));
    return 0;
}

static void a_task_that_waits_hears_that_the_other_was_cancelled(void)
{
    plug its = { 0, 0 };
    int may_wait = 0;
    ts_task_id id;
    waits = 0;
    waiting_in = scheduler_with(NULL);
    add(waiting_in, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    waited = submit(waiting_in, "plug", run_nothing, NULL, NULL, TS_KEEP);
    id = add(waiting_in, "waits", run_that_waits, &may_wait, NULL);
    count(&may_wait);
    await(&waits, 1);
    GIVES(TS_ERROR_TIMED_OUT, look(waiting_in, false, 0, 4));
    CHECK(ended(waiting_in, id) == TS_COMPLETED && state_of(waiting_in, waited) == TS_CANCELLED);
    pull(&its);
    GIVES(TS_OK, look(waiting_in, false, TS_FOREVER, 4));
    works(waiting_in);
    ts_scheduler_free(waiting_in);
}

/* Where it would wait for its own caller. */
static struct {
    ts_scheduler *scheduler;
    int calls;
} inside;

static void refused_here(void)
{
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(inside.scheduler, false));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown_within(inside.scheduler, true, 0, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown_within(inside.scheduler, true, 1, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown_within(NULL, true, TS_FOREVER, NULL));
    count(&inside.calls);
}

static int32_t run_inside(ts_token *token, void *user_data)
{
    (void)user_data;
    refused_here();
    CHECK(!ts_should_stop(token));
    return 0;
}

static ts_poll poll_inside(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    refused_here();
    return TS_POLL_READY;
}

static void drop_inside(void *user_data)
{
    (void)user_data;
    refused_here();
}

static void end_inside(const ts_completion *end, void *user_data)
{
    (void)end;
    (void)user_data;
    refused_here();
}

static void log_inside(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
    refused_here();
}

static void thread_inside(ts_thread_event event, const char *name, void *user_data)
{
    (void)event;
    (void)name;
    (void)user_data;
    if (inside.scheduler != NULL)
        refused_here();
}

static void ready_inside(void *user_data)
{
    (void)user_data;
    refused_here();
}

static void it_is_refused_inside_every_callback(void)
{
    ts_scheduler_options its = TS_SCHEDULER_OPTIONS_INIT;
    ts_pump_options pump_options = TS_PUMP_OPTIONS_INIT;
    ts_task_options options = options_of("a", run_inside, NULL, drop_inside, 0);
    ts_pump *pump = NULL;
    ts_task_id id;
    memset(&inside, 0, sizeof inside);
    its.on_thread = thread_inside;
    MUST(ts_scheduler_new_with(&its, &inside.scheduler));
    options.on_end = end_inside;
    MUST(ts_submit(inside.scheduler, &options, &id));
    await(&inside.calls, 4);
    id = add_async(inside.scheduler, "a", poll_inside, NULL, drop_inside);
    CHECK(ended(inside.scheduler, id) == TS_COMPLETED);
    await(&inside.calls, 7);
    pump_options.ready = ready_inside;
    MUST(ts_pump_new(inside.scheduler, &pump_options, &pump));
    options = options_of("b", run_inside, NULL, NULL, 0);
    options.runner = TS_PUMP;
    options.pump = pump;
    MUST(ts_submit(inside.scheduler, &options, &id));
    MUST(ts_pump_run(pump, 0, 0, NULL));
    await(&inside.calls, 9);
    MUST(ts_set_log_callback(log_inside, NULL, NULL));
    GIVES(TS_OK, ts_update_config(inside.scheduler, "watch_dog_time", "70"));
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    await(&inside.calls, 10);
    ts_pump_free(pump);
    GIVES(TS_OK, ts_shutdown_within(inside.scheduler, false, TS_FOREVER, NULL));
    ts_scheduler_free(inside.scheduler);
}

static const check_test tests[] = {
    TEST(what_ends_in_time_is_a_shutdown),
    TEST(what_still_runs_is_named),
    TEST(a_free_after_it_waits_without_bound),
    TEST(a_poll_that_does_not_return_is_named),
    TEST(a_thread_that_does_not_end_is_told),
    TEST(a_host_of_claims_drives_it_to_its_end),
    TEST(a_host_with_a_pump_drives_it_to_its_end),
    TEST(several_at_once_come_to_one_end),
    TEST(a_task_that_waits_hears_that_the_other_was_cancelled),
    TEST(it_is_refused_inside_every_callback),
};

CHECK_ALL(tests)
