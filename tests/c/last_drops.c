/* Results that nobody keeps any more, beside a shutdown: each is dropped, and that is waited for. */
#include "async.h"
#include "pumping.h"

/* A shutdown and the drop of a result on a thread of the host's. */

static struct {
    ts_scheduler *scheduler;
    ts_claim claim;
    int entered, left, down;
} slowly;

static void drop_slowly(void *user_data)
{
    (void)user_data;
    count(&slowly.entered);
    nap(0.5);
    CHECK(counted(&slowly.down) == 0);
    count(&slowly.left);
}

static void *finish_slowly(void *argument)
{
    ts_value result;
    (void)argument;
    slowly.claim = start_one(slowly.scheduler, NULL, NULL, NULL, 0);
    result.data = &slowly;
    result.size = 0;
    result.drop = drop_slowly;
    GIVES(TS_OK, ts_claim_finish(slowly.scheduler, &slowly.claim, 0, &result, NULL, NULL));
    return NULL;
}

static void shut_down_beside(void *(*ends_slowly)(void *))
{
    pthread_t other;
    memset(&slowly, 0, sizeof slowly);
    slowly.scheduler = scheduler_with("maximum_task_info_storage: 0");
    other = thread(ends_slowly, NULL);
    await(&slowly.entered, 1);
    GIVES(TS_OK, ts_shutdown(slowly.scheduler, false));
    count(&slowly.down);
    CHECK(counted(&slowly.left) == 1);
    pthread_join(other, NULL);
    ts_scheduler_free(slowly.scheduler);
}

static void a_shutdown_waits_for_the_drop_of_a_result_that_nobody_keeps(void)
{
    shut_down_beside(finish_slowly);
}

static int32_t run_slowly(ts_token *token, void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, &slowly, 0, drop_slowly));
    return 0;
}

static void *pump_slowly(void *argument)
{
    ts_pump *pump = pump_of(slowly.scheduler);
    (void)argument;
    pumped(slowly.scheduler, pump, NULL, run_slowly, NULL, NULL, 0);
    run(pump, 0);
    ts_pump_free(pump);
    return NULL;
}

static void a_shutdown_waits_for_the_drop_of_a_result_in_a_pump(void)
{
    shut_down_beside(pump_slowly);
}

/* Forget, and a shutdown, where a completion was not taken. */

static int32_t run_leave_result(ts_token *token, void *user_data)
{
    GIVES(TS_OK, ts_set_result(token, user_data, 0, drop_count));
    return 0;
}

static ts_task_id with_completion(ts_scheduler *scheduler, ts_completions *queue, int *dropped)
{
    ts_task_options options = options_of(NULL, run_leave_result, dropped, NULL, 0);
    ts_task_id id;
    options.completions = queue;
    MUST(ts_submit(scheduler, &options, &id));
    return id;
}

static void a_forget_drops_the_result_though_the_completion_was_not_taken(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_completions *queue = queue_of(scheduler);
    int dropped = 0;
    ts_task_id id = with_completion(scheduler, queue, &dropped);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    GIVES(TS_OK, ts_task_forget(scheduler, id));
    CHECK(counted(&dropped) == 1);
    next_end(queue);
    CHECK(counted(&dropped) == 1);
    ts_completions_free(queue);
    ts_scheduler_free(scheduler);
}

static void a_shutdown_drops_the_result_of_what_was_forgotten(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_completions *queue = queue_of(scheduler);
    int dropped = 0;
    ts_task_id id = with_completion(scheduler, queue, &dropped);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    GIVES(TS_OK, ts_task_forget(scheduler, id));
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    CHECK(counted(&dropped) == 1);
    ts_scheduler_free(scheduler);
    CHECK(counted(&dropped) == 1);
    ts_completions_free(queue);
    CHECK(counted(&dropped) == 1);
}

/* An adder that is slow to tell the log. */

static struct {
    ts_scheduler *scheduler;
    int heard, may_go, dropped, ran;
} slow_add;

static void hear_add(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)user_data;
    if (strstr(text, "added successfully") != NULL) {
        count(&slow_add.heard);
        await(&slow_add.may_go, 1);
    }
}

static int32_t run_slow_add(ts_token *token, void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, &slow_add.dropped, 0, drop_count));
    count(&slow_add.ran);
    return 0;
}

static void *add_slowly(void *argument)
{
    (void)argument;
    add(slow_add.scheduler, NULL, run_slow_add, NULL, NULL);
    return NULL;
}

static void a_shutdown_drops_the_result_of_a_task_whose_add_is_being_told(void)
{
    pthread_t other;
    memset(&slow_add, 0, sizeof slow_add);
    slow_add.scheduler = scheduler_with("maximum_task_info_storage: 0");
    MUST(ts_set_log_callback(hear_add, NULL, NULL));
    other = thread(add_slowly, NULL);
    await(&slow_add.heard, 1);
    await(&slow_add.ran, 1);
    GIVES(TS_OK, ts_shutdown(slow_add.scheduler, false));
    CHECK(counted(&slow_add.dropped) == 1);
    count(&slow_add.may_go);
    pthread_join(other, NULL);
    CHECK(counted(&slow_add.dropped) == 1);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(slow_add.scheduler);
}

/* What a thread drops when its wait is over is no wait. */

static struct {
    ts_scheduler *scheduler;
    ts_pump *pump;
    ts_task_id target;
    int step, called, ran;
} over;

static void drop_over(void *user_data)
{
    (void)user_data;
    add(over.scheduler, NULL, run_count, &over.ran, NULL);
    nap(0.1);
    CHECK(counted(&over.ran) == 0);
    count(&over.called);
}

static int32_t run_over(ts_token *token, void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, &over, 0, drop_over));
    return 0;
}

static int32_t run_waits_over(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    count(&over.step);
    GIVES(TS_OK, ts_wait(over.scheduler, over.target, TS_FOREVER, NULL));
    CHECK(over.called == 1);
    return 0;
}

static void what_a_waiter_drops_is_no_wait(void)
{
    ts_task_id id;
    memset(&over, 0, sizeof over);
    over.scheduler = scheduler_with("line_task_max: 1\nmaximum_task_info_storage: 0");
    over.pump = pump_of(over.scheduler);
    over.target = pumped(over.scheduler, over.pump, NULL, run_over, NULL, NULL, 0);
    id = submit(over.scheduler, NULL, run_waits_over, NULL, NULL, TS_KEEP);
    await(&over.step, 1);
    nap(0.05);
    run(over.pump, 0);
    CHECK(ended(over.scheduler, id) == TS_COMPLETED);
    await(&over.ran, 1);
    ts_pump_free(over.pump);
    ts_scheduler_free(over.scheduler);
}

/* What a drop inside a drop puts off, beside a shutdown. */

static struct {
    ts_scheduler *scheduler;
    ts_task_id kept;
    int step, down, dropped;
} putoff;

static void drop_put_off(void *user_data)
{
    (void)user_data;
    CHECK(counted(&putoff.down) == 0);
    count(&putoff.dropped);
}

static int32_t run_put_off(ts_token *token, void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, &putoff, 0, drop_put_off));
    return 0;
}

static void drop_forgets(void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_task_forget(putoff.scheduler, putoff.kept));
    count(&putoff.step);
    nap(0.2);
}

static void *shut_put_off(void *argument)
{
    (void)argument;
    await(&putoff.step, 1);
    GIVES(TS_OK, ts_shutdown(putoff.scheduler, false));
    count(&putoff.down);
    return NULL;
}

static void a_shutdown_waits_for_what_a_drop_puts_off(void)
{
    pthread_t other;
    ts_value value;
    memset(&putoff, 0, sizeof putoff);
    putoff.scheduler = scheduler_with(NULL);
    putoff.kept = submit(putoff.scheduler, NULL, run_put_off, NULL, NULL, TS_KEEP);
    CHECK(ended(putoff.scheduler, putoff.kept) == TS_COMPLETED);
    other = thread(shut_put_off, NULL);
    value.data = &putoff;
    value.size = 0;
    value.drop = drop_forgets;
    ts_value_free(&value);
    pthread_join(other, NULL);
    CHECK(counted(&putoff.dropped) == 1);
    ts_scheduler_free(putoff.scheduler);
}

/* The ready of a pump: when something is added, and when a run leaves something. */

static struct {
    ts_scheduler *scheduler;
    ts_pump *pump;
    int adds, entered, left, down;
} rung;

static void ready_slowly(void *user_data)
{
    (void)user_data;
    count(&rung.entered);
    nap(0.2);
    CHECK(counted(&rung.down) == 0);
    count(&rung.left);
}

static void *add_or_run(void *argument)
{
    (void)argument;
    if (rung.adds)
        pumped(rung.scheduler, rung.pump, NULL, run_nothing, NULL, NULL, 0);
    else
        run(rung.pump, 1);
    return NULL;
}

static void a_shutdown_waits_for_the_ready_of_a_pump(void)
{
    int adds;
    for (adds = 0; adds < 2; adds++) {
        pthread_t other;
        ts_pump_options options = TS_PUMP_OPTIONS_INIT;
        int before = 0;
        memset(&rung, 0, sizeof rung);
        rung.adds = adds;
        rung.scheduler = scheduler_with(NULL);
        options.ready = ready_slowly;
        MUST(ts_pump_new(rung.scheduler, &options, &rung.pump));
        if (!adds) {
            /* One is left behind. */
            pumped(rung.scheduler, rung.pump, NULL, run_nothing, NULL, NULL, 0);
            pumped(rung.scheduler, rung.pump, NULL, run_nothing, NULL, NULL, 0);
            before = 1;
        }
        other = thread(add_or_run, NULL);
        await(&rung.entered, before + 1);
        GIVES(TS_OK, ts_shutdown(rung.scheduler, false));
        CHECK(counted(&rung.left) == before + 1);
        count(&rung.down);
        pthread_join(other, NULL);
        ts_pump_free(rung.pump);
        ts_scheduler_free(rung.scheduler);
    }
}

static const check_test tests[] = {
    TEST(a_shutdown_waits_for_the_drop_of_a_result_that_nobody_keeps),
    TEST(a_shutdown_waits_for_the_drop_of_a_result_in_a_pump),
    TEST(a_forget_drops_the_result_though_the_completion_was_not_taken),
    TEST(a_shutdown_drops_the_result_of_what_was_forgotten),
    TEST(a_shutdown_drops_the_result_of_a_task_whose_add_is_being_told),
    TEST(what_a_waiter_drops_is_no_wait),
    TEST(a_shutdown_waits_for_what_a_drop_puts_off),
    TEST(a_shutdown_waits_for_the_ready_of_a_pump),
};

CHECK_ALL(tests)
