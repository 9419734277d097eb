/* Tasks of the host's that end inside a drop: each drop before its end can be seen. */
#include "pumping.h"

typedef struct {
    ts_scheduler *scheduler;
    ts_pump *pump;
    ts_claim claim;
    ts_task_id id;
    int dropped, heard, left;
} ending;

static void drop_its_own(void *user_data)
{
    ending *its = user_data;
    CHECK(its->heard == 0);
    its->dropped++;
}

static void hear_of_it(const ts_completion *end, void *user_data)
{
    ending *its = user_data;
    CHECK(end->state == TS_COMPLETED && its->dropped == 1);
    its->heard++;
}

static void has_ended(ending *its)
{
    CHECK(its->dropped == 1);
    CHECK(ended(its->scheduler, its->id) == TS_COMPLETED);
    its->left++;
}

static void drop_finishes(void *user_data)
{
    ending *its = user_data;
    finish(its->scheduler, &its->claim);
    has_ended(its);
}

static void drop_runs_the_pump(void *user_data)
{
    ending *its = user_data;
    CHECK(run(its->pump, 0) == 1);
    has_ended(its);
}

static void a_claim_that_is_finished_in_a_drop_is_dropped_before_its_end(void)
{
    ending its;
    ts_claim outer;
    ts_task_options options;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    outer = start_one(its.scheduler, "outer", &its, drop_finishes, 0);
    options = claim_options("inner", &its, drop_its_own, 0);
    options.on_end = hear_of_it;
    options.on_end_data = &its;
    MUST(ts_claim_submit(its.scheduler, &options, &its.claim, &its.id));
    finish(its.scheduler, &outer);
    CHECK(its.left == 1 && its.heard == 1);
    ts_scheduler_free(its.scheduler);
}

static void a_task_that_a_pump_runs_in_a_drop_is_dropped_before_its_end(void)
{
    ending its;
    ts_value value;
    ts_task_options options;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    its.pump = pump_of(its.scheduler);
    options = options_of("inner", run_nothing, &its, drop_its_own, 0);
    options.pump = its.pump;
    options.on_end = hear_of_it;
    options.on_end_data = &its;
    MUST(ts_submit(its.scheduler, &options, &its.id));
    value.data = &its;
    value.size = 1;
    value.drop = drop_runs_the_pump;
    ts_value_free(&value);
    CHECK(its.left == 1 && its.heard == 1);
    ts_pump_free(its.pump);
    ts_scheduler_free(its.scheduler);
}

static const check_test tests[] = {
    TEST(a_claim_that_is_finished_in_a_drop_is_dropped_before_its_end),
    TEST(a_task_that_a_pump_runs_in_a_drop_is_dropped_before_its_end),
};

CHECK_ALL(tests)
