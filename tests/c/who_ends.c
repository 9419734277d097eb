/* Who ends a task runs code of the host's meanwhile, which may not wait for that task: it would wait for
 * itself. */
#include "async.h"
#include "pumping.h"

/* The finish of a claim pushes a result out, whose drop waits for the claim. */

static struct {
    ts_scheduler *scheduler;
    ts_task_id target;
    int called;
    ts_error gave;
} waiting;

static void drop_waits(void *user_data)
{
    (void)user_data;
    waiting.gave = ts_wait(waiting.scheduler, waiting.target, 2, NULL);
    count(&waiting.called);
}

/* The next end pushes a result out whose drop waits. */
static void leave_what_waits(void)
{
    ts_claim first;
    ts_value result;
    memset(&waiting, 0, sizeof waiting);
    waiting.scheduler = scheduler_with("maximum_task_info_storage: 1");
    first = start_one(waiting.scheduler, NULL, NULL, NULL, 0);
    result.data = &waiting;
    result.size = 0;
    result.drop = drop_waits;
    GIVES(TS_OK, ts_claim_finish(waiting.scheduler, &first, 0, &result, NULL, NULL));
}

static void a_result_pushed_out_by_a_claim_may_not_wait_for_it(void)
{
    ts_claim second;
    leave_what_waits();
    second = start_one(waiting.scheduler, NULL, NULL, NULL, 0);
    waiting.target = second.id;
    finish(waiting.scheduler, &second);
    CHECK(waiting.called == 1);
    GIVES(TS_ERROR_WOULD_DEADLOCK, waiting.gave);
    ts_scheduler_free(waiting.scheduler);
}

static void a_result_pushed_out_by_a_claim_may_not_wait_for_the_next_of_its_lane(void)
{
    ts_claim second, third;
    leave_what_waits();
    second = start_one(waiting.scheduler, "name", NULL, NULL, 0);
    waiting.target = queue_up(waiting.scheduler, "name", NULL, NULL, 0);
    third = finish_for_next(waiting.scheduler, &second);
    CHECK(waiting.called == 1);
    GIVES(TS_ERROR_WOULD_DEADLOCK, waiting.gave);
    finish(waiting.scheduler, &third);
    ts_scheduler_free(waiting.scheduler);
}

/* The drop of a claim waits for it. */

static void the_drop_of_a_claim_may_not_wait_for_it(void)
{
    int code, stopped;
    for (code = 0; code < 2; code++)
        for (stopped = 0; stopped < 3; stopped++) {
            ts_claim its;
            memset(&waiting, 0, sizeof waiting);
            waiting.scheduler = scheduler_with(NULL);
            if (stopped == 2) {
                ts_task_options options = claim_options(NULL, NULL, drop_waits, 0);
                MUST(ts_submit(waiting.scheduler, &options, &waiting.target));
                GIVES(TS_OK, ts_force_stop(waiting.scheduler, waiting.target));
                its = take_one(waiting.scheduler);
            } else {
                its = start_one(waiting.scheduler, NULL, NULL, drop_waits, 0);
                waiting.target = its.id;
                if (stopped == 1)
                    GIVES(TS_OK, ts_force_stop(waiting.scheduler, its.id));
            }
            GIVES(TS_OK, ts_claim_finish(waiting.scheduler, &its, code, NULL, NULL, NULL));
            CHECK(waiting.called == 1);
            GIVES(TS_ERROR_WOULD_DEADLOCK, waiting.gave);
            ts_scheduler_free(waiting.scheduler);
        }
}

/* An earlier result, where another thread than the holder finishes. */

static void *take_and_set(void *argument)
{
    ts_claim *its = argument;
    *its = start_one(waiting.scheduler, NULL, NULL, NULL, 0);
    GIVES(TS_OK, ts_claim_start(waiting.scheduler, its));
    waiting.target = its->id;
    GIVES(TS_OK, ts_set_result(its->token, &waiting, 0, drop_waits));
    return NULL;
}

static void an_earlier_result_may_not_wait_for_the_claim_that_is_being_finished(void)
{
    ts_claim its;
    ts_value result;
    int other = 0;
    memset(&waiting, 0, sizeof waiting);
    waiting.scheduler = scheduler_with(NULL);
    pthread_join(thread(take_and_set, &its), NULL);
    result.data = &other;
    result.size = 0;
    result.drop = drop_count;
    GIVES(TS_OK, ts_claim_finish(waiting.scheduler, &its, 0, &result, NULL, NULL));
    CHECK(waiting.called == 1);
    GIVES(TS_ERROR_WOULD_DEADLOCK, waiting.gave);
    ts_scheduler_free(waiting.scheduler);
    CHECK(other == 1);
}

/* The log of a pending task that is cancelled. */

static void hear_cancelled(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)user_data;
    if (strstr(text, "was cancelled") != NULL) {
        waiting.gave = ts_wait(waiting.scheduler, waiting.target, 2, NULL);
        count(&waiting.called);
    }
}

static void the_log_of_a_cancelled_task_may_not_wait_for_it(void)
{
    plug its;
    memset(&waiting, 0, sizeof waiting);
    waiting.scheduler = plugged("line_task_max: 1", &its);
    waiting.target = add(waiting.scheduler, NULL, run_nothing, NULL, NULL);
    MUST(ts_set_log_callback(hear_cancelled, NULL, NULL));
    GIVES(TS_OK, ts_force_stop(waiting.scheduler, waiting.target));
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    CHECK(waiting.called == 1);
    GIVES(TS_ERROR_WOULD_DEADLOCK, waiting.gave);
    pull(&its);
    ts_scheduler_free(waiting.scheduler);
}

/* A lost result of a task that ends inside a drop. */

static struct {
    ts_scheduler *scheduler;
    ts_claim claim;
    int lost, down, seen_final_before_drop, finished;
} inside_drop;

static void drop_lost(void *user_data)
{
    ts_state state = (ts_state)0;
    (void)user_data;
    count(&inside_drop.lost);
    CHECK(counted(&inside_drop.down) == 0);
    if (ts_get_task_state(inside_drop.scheduler, inside_drop.claim.id, &state) == TS_OK && state > TS_RUNNING)
        inside_drop.seen_final_before_drop = 1;
}

static void drop_finishes(void *user_data)
{
    ts_value result;
    (void)user_data;
    result.data = &inside_drop;
    result.size = 0;
    result.drop = drop_lost;
    GIVES(TS_OK, ts_claim_finish(inside_drop.scheduler, &inside_drop.claim, 0, &result, NULL, NULL));
    count(&inside_drop.finished);
    await(&inside_drop.down, 1);
}

static void *shut_inside(void *argument)
{
    (void)argument;
    await(&inside_drop.finished, 1);
    GIVES(TS_OK, ts_shutdown(inside_drop.scheduler, false));
    count(&inside_drop.down);
    return NULL;
}

static void a_lost_result_of_a_task_that_ends_in_a_drop_is_dropped_before_its_end(void)
{
    pthread_t other;
    ts_value value;
    memset(&inside_drop, 0, sizeof inside_drop);
    inside_drop.scheduler = scheduler_with(NULL);
    inside_drop.claim = start_one(inside_drop.scheduler, NULL, NULL, NULL, 0);
    GIVES(TS_OK, ts_force_stop(inside_drop.scheduler, inside_drop.claim.id));
    other = thread(shut_inside, NULL);
    value.data = &inside_drop;
    value.size = 0;
    value.drop = drop_finishes;
    ts_value_free(&value);
    CHECK(inside_drop.lost == 1 && !inside_drop.seen_final_before_drop);
    pthread_join(other, NULL);
    ts_scheduler_free(inside_drop.scheduler);
}

/* A free ends what nobody has taken, one after the other. */

static void drop_untaken(void *user_data)
{
    if (counted(&waiting.called) == 0)
        drop_waits(user_data);
    else
        count(&waiting.called);
}

static void the_drop_of_a_claim_that_a_free_ends_may_not_wait_for_the_next(void)
{
    ts_task_options options = claim_options(NULL, NULL, drop_untaken, 0);
    ts_task_id id;
    memset(&waiting, 0, sizeof waiting);
    waiting.scheduler = scheduler_with(NULL);
    MUST(ts_submit(waiting.scheduler, &options, &id));
    MUST(ts_submit(waiting.scheduler, &options, &waiting.target));
    ts_scheduler_free(waiting.scheduler);
    CHECK(waiting.called == 2);
    GIVES(TS_ERROR_WOULD_DEADLOCK, waiting.gave);
}

/* On threads of the library that others count on. */

static struct {
    ts_scheduler *scheduler;
    ts_task_id target;
    int called;
    ts_error gave;
    const char *words;
} there;

/* The id is known first. */
static int await_id, id_is_known;

static void hear(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)user_data;
    if (strstr(text, there.words) != NULL && counted(&there.called) == 0) {
        count(&there.called);
        if (await_id)
            await(&id_is_known, 1);
        there.gave = ts_wait(there.scheduler, there.target, 3, NULL);
        count(&there.called);
    }
}

static int32_t run_sleeps(ts_token *token, void *user_data)
{
    (void)user_data;
    ts_interruptible_sleep(token, 1e6);
    return 0;
}

static void the_log_of_the_watchdog_may_not_wait_for_a_time_out(void)
{
    plug deaf = { 0, 0 };
    ts_task_id id;
    ts_task_options o = options_of(NULL, run_sleeps, NULL, NULL, TS_TIMEOUT_PROCESSING | TS_KEEP);
    memset(&there, 0, sizeof there);
    there.words = "is stuck";
    there.scheduler = scheduler_with("stuck_grace: 0.05");
    id = add(there.scheduler, NULL, run_plug, &deaf, NULL);
    await(&deaf.started, 1);
    o.timeout_seconds = 0.3;
    MUST(ts_submit(there.scheduler, &o, &there.target));
    MUST(ts_set_log_callback(hear, NULL, NULL));
    GIVES(TS_OK, ts_force_stop(there.scheduler, id));
    await(&there.called, 2);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, there.gave);
    pull(&deaf);
    CHECK(ended(there.scheduler, there.target) == TS_TIMEOUT);
    ts_scheduler_free(there.scheduler);
}

static void ready_waits(void *user_data)
{
    (void)user_data;
    if (counted(&there.called) != 1)
        return;
    there.gave = ts_wait(there.scheduler, there.target, 3, NULL);
    count(&there.called);
}

static void *run_pump(void *argument)
{
    ts_pump_run((ts_pump *)argument, 1, 0, NULL);
    return NULL;
}

static void the_ready_of_a_pump_may_not_wait_on_the_watchdog(void)
{
    plug deaf = { 0, 0 };
    ts_task_id id;
    ts_pump *pump;
    pthread_t other;
    ts_pump_options p = TS_PUMP_OPTIONS_INIT;
    ts_task_options o = options_of(NULL, run_sleeps, NULL, NULL, TS_TIMEOUT_PROCESSING | TS_KEEP);
    memset(&there, 0, sizeof there);
    there.scheduler = scheduler_with("stuck_grace: 0.05");
    p.ready = ready_waits;
    MUST(ts_pump_new(there.scheduler, &p, &pump));
    id = pumped(there.scheduler, pump, "name", run_plug, &deaf, NULL, TS_RELEASE_LANE_WHEN_STUCK);
    pumped(there.scheduler, pump, "name", run_nothing, NULL, NULL, 0);
    other = thread(run_pump, pump);
    await(&deaf.started, 1);
    o.timeout_seconds = 0.3;
    MUST(ts_submit(there.scheduler, &o, &there.target));
    count(&there.called);
    GIVES(TS_OK, ts_force_stop(there.scheduler, id));
    await(&there.called, 2);
    GIVES(TS_ERROR_WOULD_DEADLOCK, there.gave);
    pull(&deaf);
    pthread_join(other, NULL);
    ts_pump_free(pump);
    ts_scheduler_free(there.scheduler);
}

/* Its nice level is refused, and the log says so before it has begun. */
static void the_log_of_a_thread_that_starts_may_not_wait(void)
{
    if (geteuid() == 0 && setuid(65534) != 0)
        exit(1);
    memset(&there, 0, sizeof there);
    there.words = "runs without its";
    there.scheduler = scheduler_with("line_task_max: 1\nthread_nice: -20");
    MUST(ts_set_log_callback(hear, NULL, NULL));
    await_id = 1;
    there.target = add(there.scheduler, NULL, run_nothing, NULL, NULL);
    count(&id_is_known);
    await(&there.called, 2);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, there.gave);
    ts_scheduler_free(there.scheduler);
}

static const check_test tests[] = {
    TEST(a_result_pushed_out_by_a_claim_may_not_wait_for_it),
    TEST(a_result_pushed_out_by_a_claim_may_not_wait_for_the_next_of_its_lane),
    TEST(the_drop_of_a_claim_may_not_wait_for_it),
    TEST(an_earlier_result_may_not_wait_for_the_claim_that_is_being_finished),
    TEST(the_log_of_a_cancelled_task_may_not_wait_for_it),
    TEST(a_lost_result_of_a_task_that_ends_in_a_drop_is_dropped_before_its_end),
    TEST(the_drop_of_a_claim_that_a_free_ends_may_not_wait_for_the_next),
    TEST(the_log_of_the_watchdog_may_not_wait_for_a_time_out),
    TEST(the_ready_of_a_pump_may_not_wait_on_the_watchdog),
    /* Last: it is somebody else then. */
    TEST(the_log_of_a_thread_that_starts_may_not_wait),
};

CHECK_ALL(tests)
