/* What a forked child can do with the library. */
#include "async.h"

#include <sys/types.h>
#include <sys/wait.h>

static int failed_in_child(void (*run)(ts_scheduler *), ts_scheduler *scheduler)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        check_failures = 0;
        alarm(20);
        run(scheduler);
        _exit(check_failures != 0);
    }
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void use_parents(ts_scheduler *scheduler)
{
    static const ts_task_id none;
    ts_task_id id;
    ts_state state;
    ts_scheduler *own;
    int ran = 0;
    GIVES(TS_ERROR_FORKED, ts_add_task(scheduler, false, "name", run_count, &ran, NULL, &id));
    GIVES(TS_ERROR_FORKED, ts_force_stop(scheduler, none));
    GIVES(TS_ERROR_FORKED, ts_wait(scheduler, none, TS_FOREVER, NULL));
    GIVES(TS_ERROR_FORKED, ts_get_task_state(scheduler, none, &state));
    GIVES(TS_ERROR_FORKED, ts_ban_task_name(scheduler, TS_LINEAR, "name"));
    GIVES(TS_ERROR_FORKED, ts_update_config(scheduler, "line_task_max", "3"));
    GIVES(TS_ERROR_FORKED, ts_shutdown(scheduler, true));
    ts_scheduler_free(scheduler);
    /* The default one is fresh, and so is what the child makes. */
    MUST(ts_add_task(NULL, false, "name", run_count, &ran, NULL, &id));
    MUST(ts_wait(NULL, id, TS_FOREVER, NULL));
    MUST(ts_shutdown(NULL, false));
    MUST(ts_scheduler_new(NULL, &own));
    MUST(ts_add_task(own, false, "name", run_count, &ran, NULL, &id));
    MUST(ts_wait(own, id, TS_FOREVER, NULL));
    ts_scheduler_free(own);
    CHECK(ran == 2);
}

static void a_child_leaves_its_parents_schedulers_alone(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    plug blocked = { 0, 0 };
    ts_task_id id, in_default;
    int ran = 0;
    id = add(scheduler, "name", run_plug, &blocked, NULL);
    await(&blocked.started, 1);
    in_default = add(NULL, "name", run_count, &ran, NULL);
    MUST(ts_wait(NULL, in_default, TS_FOREVER, NULL));
    CHECK(!failed_in_child(use_parents, scheduler));
    /* The parent goes on as before. */
    pull(&blocked);
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    in_default = add(NULL, "name", run_count, &ran, NULL);
    MUST(ts_wait(NULL, in_default, TS_FOREVER, NULL));
    CHECK(ran == 2);
    ts_scheduler_free(scheduler);
    MUST(ts_shutdown(NULL, false));
}

/* What the parent made of its scheduler. */
static struct {
    ts_lane *lane, *async;
    ts_pump *pump;
    ts_completions *queue;
    ts_claim claim;
} made;

static ts_poll poll_nothing(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static void use_what_the_parent_made(ts_scheduler *scheduler)
{
    ts_task_options options = options_of("name", run_nothing, NULL, NULL, 0);
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_completion end;
    ts_claim claim;
    ts_task_id id;
    ts_pump *pump;
    ts_lane *lane;
    ts_completions *queue;
    size_t number;
    int fd, ran = 0;
    wanted.name = "name";
    GIVES(TS_ERROR_FORKED, ts_lane_new(scheduler, &wanted, &lane));
    GIVES(TS_ERROR_FORKED, ts_pump_new(scheduler, NULL, &pump));
    GIVES(TS_ERROR_FORKED, ts_completions_new(scheduler, &queue));
    CHECK(lane == NULL && pump == NULL && queue == NULL);
    GIVES(TS_ERROR_FORKED, ts_scheduler_set_runner(scheduler, TS_CLAIMS, NULL));
    GIVES(TS_ERROR_FORKED, ts_lane_add_task(made.lane, false, run_nothing, NULL, NULL, &id));
    GIVES(TS_ERROR_FORKED, ts_lane_add_async_task(made.async, false, poll_nothing, NULL, NULL, &id));
    GIVES(TS_ERROR_FORKED, ts_lane_claim_task(made.lane, false, run_nothing, NULL, NULL, &claim, &id));
    GIVES(TS_ERROR_FORKED, ts_claim_submit(scheduler, &options, &claim, &id));
    GIVES(TS_ERROR_FORKED, ts_claims_submit(scheduler, &options, 1, &claim, &id, &number));
    GIVES(TS_ERROR_FORKED, ts_claim_start(scheduler, &made.claim));
    GIVES(TS_ERROR_FORKED, ts_claim_finish(scheduler, &made.claim, 0, NULL, NULL, NULL));
    GIVES(TS_ERROR_FORKED, ts_claim_end(scheduler, &made.claim, 0, NULL, NULL, NULL, NULL));
    GIVES(TS_ERROR_FORKED, ts_claims_finish(scheduler, &made.claim, NULL, 1, &claim, &number));
    GIVES(TS_ERROR_FORKED, ts_claims_take(scheduler, &claim, 1, TS_FOREVER, &number));
    GIVES(TS_ERROR_FORKED, ts_claims_fd(scheduler, &fd));
    GIVES(TS_ERROR_FORKED, ts_pump_run(made.pump, 0, 0, &number));
    GIVES(TS_ERROR_FORKED, ts_pump_fd(made.pump, &fd));
    GIVES(TS_ERROR_FORKED, ts_completions_take(made.queue, &end, 1, TS_FOREVER, &number));
    GIVES(TS_ERROR_FORKED, ts_completions_fd(made.queue, &fd));
    /* What is another scheduler's is not for the child's own either. */
    options.pump = made.pump;
    CHECK(ts_submit(NULL, &options, &id) != TS_OK);
    options.pump = NULL;
    options.completions = made.queue;
    CHECK(ts_submit(NULL, &options, &id) != TS_OK);
    options.completions = NULL;
    options.name = NULL;
    options.lane = made.lane;
    CHECK(ts_submit(NULL, &options, &id) != TS_OK);
    GIVES(TS_ERROR_FORKED, ts_submit(scheduler, &options, &id));
    ts_lane_free(made.lane);
    ts_lane_free(made.async);
    ts_pump_free(made.pump);
    ts_completions_free(made.queue);
    ts_scheduler_free(scheduler);
    /* Its own are as good as ever. */
    MUST(ts_lane_new(NULL, &wanted, &lane));
    MUST(ts_pump_new(NULL, NULL, &pump));
    MUST(ts_completions_new(NULL, &queue));
    options = options_of(NULL, run_count, &ran, NULL, 0);
    options.lane = lane;
    options.completions = queue;
    MUST(ts_submit(NULL, &options, &id));
    MUST(ts_completions_take(queue, &end, 1, TS_FOREVER, &number));
    options.lane = NULL;
    options.pump = pump;
    MUST(ts_submit(NULL, &options, &id));
    MUST(ts_pump_run(pump, 0, 0, &number));
    options.pump = NULL;
    options.runner = TS_CLAIMS;
    MUST(ts_claim_submit(NULL, &options, &claim, &id));
    MUST(ts_claim_finish(NULL, &claim, 0, NULL, NULL, NULL));
    MUST(ts_shutdown(NULL, false));
    ts_lane_free(lane);
    ts_pump_free(pump);
    ts_completions_free(queue);
    CHECK(ran == 2 && number == 1);
}

static void a_child_leaves_what_its_parent_made_alone(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = options_of("claim", NULL, NULL, NULL, 0);
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_completion end;
    ts_task_id id;
    size_t number = 0;
    int ran = 0, fd;
    wanted.name = "name";
    MUST(ts_lane_new(scheduler, &wanted, &made.lane));
    wanted.kind = TS_ASYNC;
    MUST(ts_lane_new(scheduler, &wanted, &made.async));
    MUST(ts_pump_new(scheduler, NULL, &made.pump));
    MUST(ts_pump_fd(made.pump, &fd));
    MUST(ts_completions_new(scheduler, &made.queue));
    MUST(ts_claims_fd(scheduler, &fd));
    options.runner = TS_CLAIMS;
    options.flags = TS_TIMEOUT_PROCESSING;
    MUST(ts_claim_submit(scheduler, &options, &made.claim, &id));
    options = options_of(NULL, run_count, &ran, NULL, 0);
    options.pump = made.pump;
    options.completions = made.queue;
    MUST(ts_submit(scheduler, &options, &id));
    CHECK(!failed_in_child(use_what_the_parent_made, scheduler));
    /* The parent goes on as before. */
    MUST(ts_pump_run(made.pump, 0, 0, &number));
    CHECK(number == 1 && ran == 1);
    MUST(ts_completions_take(made.queue, &end, 1, 0, &number));
    CHECK(number == 1 && end.state == TS_COMPLETED);
    MUST(ts_claim_finish(scheduler, &made.claim, 0, NULL, NULL, NULL));
    MUST(ts_lane_add_task(made.lane, false, run_count, &ran, NULL, &id));
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    ts_lane_free(made.lane);
    ts_lane_free(made.async);
    ts_completions_free(made.queue);
    ts_pump_free(made.pump);
    ts_scheduler_free(scheduler);
}

/* A task of the parent's that waits for its waker. */
static held waiting;

static void wake_the_parents_task(ts_scheduler *scheduler)
{
    (void)scheduler;
    GIVES(TS_ERROR_FORKED, ts_waker_wake(waiting.waker));
    ts_waker_free(waiting.waker);
}

static void a_child_leaves_its_parents_wakers_alone(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_id id = hold(scheduler, "name", &waiting);
    await(&waiting.polls, 1);
    CHECK(!failed_in_child(wake_the_parents_task, scheduler));
    let_go(&waiting);
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    free_held(&waiting, 1);
    ts_scheduler_free(scheduler);
}

static void count_drop(void *counter)
{
    count(counter);
}

static void a_log_without_a_function_drops_its_data(void)
{
    int drops = 0;
    MUST(ts_set_log_callback(NULL, &drops, count_drop));
    CHECK(drops == 1);
}

static const check_test tests[] = {
    TEST(a_child_leaves_its_parents_schedulers_alone),
    TEST(a_child_leaves_what_its_parent_made_alone),
    TEST(a_child_leaves_its_parents_wakers_alone),
    TEST(a_log_without_a_function_drops_its_data),
};

CHECK_ALL(tests)
