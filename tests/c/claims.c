/* Tasks that the host runs by claims: which may start, when, in what order, and
 * how they come back. What stops have to do with it is in claims_stops.c. */
#include "hosting.h"

#define CHAIN 1000

static int numbers[CHAIN];

/* Each finish answers with the next of the name. */
static void a_chain_of_one_name_needs_no_thread_of_ours(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_claim claimed = start_one(scheduler, "chain", &numbers[0], NULL, 0);
    int at;
    CHECK(threads_of_ours("ts-") == 0);
    for (at = 1; at < CHAIN; at++)
        queue_up(scheduler, "chain", &numbers[at], NULL, 0);
    CHECK(threads_of_ours("ts-") == 0);
    for (at = 0; at < CHAIN; at++) {
        CHECK(claimed.token != NULL && claimed.user_data == &numbers[at]);
        GIVES(TS_OK, ts_claim_start(scheduler, &claimed));
        CHECK(state_of(scheduler, claimed.id) == TS_RUNNING);
        if (at % 100 == 50)
            CHECK(threads_of_ours("ts-") == 0);
        claimed = finish_for_next(scheduler, &claimed);
    }
    CHECK(claimed.token == NULL && is_zero(claimed.id));
    CHECK(claimed.user_data == NULL && claimed.run == NULL);
    CHECK(threads_of_ours("ts-") == 0);
    take_none(scheduler);
    ts_scheduler_free(scheduler);
}

/* By ts_add_task, ts_submit, a lane's handle and as claims, finished with and
 * without an answer: there is one order. */
static void starts_come_in_the_order_of_the_adds(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_lane *lane = NULL;
    ts_claim claimed, claimed_too;
    ts_task_id id;
    int at;
    MUST(ts_scheduler_set_runner(scheduler, TS_CLAIMS, NULL));
    wanted.name = "mixed";
    MUST(ts_lane_new(scheduler, &wanted, &lane));
    claimed = start_one(scheduler, "mixed", &numbers[0], NULL, 0);
    for (at = 1; at < CHAIN; at++) {
        ts_task_options options = options_of(NULL, run_nothing, &numbers[at], NULL, 0);
        switch (at % 5) {
        case 4:
            MUST(ts_lane_claim_task(lane, false, run_nothing, &numbers[at], NULL, &claimed_too, &id));
            CHECK(claimed_too.token == NULL);
            break;
        case 0:
            queue_up(scheduler, "mixed", &numbers[at], NULL, 0);
            break;
        case 1:
            MUST(ts_add_task(scheduler, false, "mixed", run_nothing, &numbers[at], NULL, &id));
            break;
        case 2:
            options.lane = lane;
            MUST(ts_submit(scheduler, &options, &id));
            break;
        default:
            MUST(ts_lane_add_task(lane, false, run_nothing, &numbers[at], NULL, &id));
        }
    }
    for (at = 0; at < CHAIN; at++) {
        CHECK(claimed.user_data == &numbers[at]);
        CHECK((claimed.run == run_nothing) == (at % 5 != 0));
        take_none(scheduler);
        if (at == CHAIN - 1 || at % 3 != 0) {
            claimed = finish_for_next(scheduler, &claimed);
            CHECK((claimed.token == NULL) == (at == CHAIN - 1));
        } else {
            finish(scheduler, &claimed);
            claimed = take_one(scheduler);
        }
    }
    MUST(ts_lane_claim_task(lane, true, NULL, NULL, NULL, &claimed, &id));
    CHECK(claimed.token != NULL && same(claimed.id, id) && claimed.run == NULL);
    CHECK(finish_for_next(scheduler, &claimed).token == NULL);
    ts_lane_free(lane);
    ts_scheduler_free(scheduler);
}

static void a_claim_holds_its_lane_until_it_is_finished(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim first = start_one(scheduler, "name", NULL, NULL, 0), second;
    ts_task_id id = queue_up(scheduler, "name", NULL, NULL, 0);
    ts_task_status status;
    CHECK(state_of(scheduler, first.id) == TS_RUNNING);
    CHECK(state_of(scheduler, id) == TS_PENDING);
    take_none(scheduler);
    GIVES(TS_ERROR_NOT_FINISHED, ts_wait(scheduler, first.id, 0, NULL));
    second = finish_for_next(scheduler, &first);
    CHECK(same(second.id, id));
    CHECK(state_of(scheduler, first.id) == TS_COMPLETED);
    CHECK(state_of(scheduler, id) == TS_RUNNING);
    finish(scheduler, &second);
    status = status_of(scheduler, id);
    CHECK(status.state == TS_COMPLETED && status.code == 0 && status.kind == TS_LINEAR);
    CHECK(status.started_at >= status.added_at && status.ended_at >= status.started_at);
    CHECK(strcmp(status.task_name, "name") == 0);
    /* And then the name is anybody's again. */
    CHECK(ended(scheduler, add(scheduler, "name", run_nothing, NULL, NULL)) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static void a_wide_lane_has_so_many_claims_out(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_lane *lane = NULL;
    ts_claim out[3];
    int at, next = 3;
    wanted.name = "wide";
    wanted.runner = TS_CLAIMS;
    wanted.width = 3;
    MUST(ts_lane_new(scheduler, &wanted, &lane));
    for (at = 0; at < 3; at++)
        out[at] = start_one(scheduler, "wide", &numbers[at], NULL, 0);
    for (at = 3; at < 60; at++)
        queue_up(scheduler, "wide", &numbers[at], NULL, 0);
    take_none(scheduler);
    /* Whichever is finished, the next one comes. */
    for (at = 0; next < 60; at = (at + 2) % 3) {
        if (next % 2) {
            out[at] = finish_for_next(scheduler, &out[at]);
        } else {
            finish(scheduler, &out[at]);
            out[at] = take_one(scheduler);
        }
        CHECK(out[at].user_data == &numbers[next++]);
        take_none(scheduler);
    }
    for (at = 0; at < 3; at++)
        CHECK(finish_for_next(scheduler, &out[at]).token == NULL);
    ts_lane_free(lane);
    ts_scheduler_free(scheduler);
}

static void line_task_max_bounds_the_claims_that_are_out(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 2");
    ts_claim one = start_one(scheduler, "one", NULL, NULL, 0), two, out[4];
    size_t count;
    two = start_one(scheduler, NULL, NULL, NULL, 0);
    queue_up(scheduler, "three", NULL, NULL, 0);
    queue_up(scheduler, NULL, NULL, NULL, 0);
    queue_up(scheduler, "five", NULL, NULL, 0);
    take_none(scheduler);
    /* Room for one more. */
    finish(scheduler, &one);
    out[0] = take_one(scheduler);
    take_none(scheduler);
    /* And one that comes with an answer, though of another name. */
    out[1] = finish_for_next(scheduler, &two);
    CHECK(out[1].token != NULL);
    take_none(scheduler);
    /* A limit that is raised. */
    MUST(ts_update_config(scheduler, "line_task_max", "4"));
    MUST(ts_claims_take(scheduler, &out[2], 2, 0, &count));
    CHECK(count == 1);
    take_none(scheduler);
    finish(scheduler, &out[2]);
    finish(scheduler, &out[1]);
    finish(scheduler, &out[0]);
    ts_scheduler_free(scheduler);
}

static void *take_with_patience(void *argument)
{
    ts_claim *taken = argument;
    size_t count;
    GIVES(TS_OK, ts_claims_take((ts_scheduler *)taken->user_data, taken, 1, TS_FOREVER, &count));
    return NULL;
}

static void who_takes_hears_of_a_raised_limit(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    ts_claim one = start_one(scheduler, NULL, NULL, NULL, 0), taken;
    ts_task_id id = queue_up(scheduler, NULL, NULL, NULL, 0);
    pthread_t taker;
    memset(&taken, 0, sizeof taken);
    taken.user_data = scheduler;
    taker = thread(take_with_patience, &taken);
    MUST(ts_update_config(scheduler, "line_task_max", "2"));
    pthread_join(taker, NULL);
    CHECK(same(taken.id, id));
    finish(scheduler, &one);
    finish(scheduler, &taken);
    ts_scheduler_free(scheduler);
}

/* Four chains are under way when the limit is lowered to one: they do not all go
 * on for ever. */
static void a_lowered_limit_ends_chains(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 4");
    static const char *const names[4] = { "north", "east", "south", "west" };
    ts_claim out[4], next;
    int at, ran = 0, left = 0;
    for (at = 0; at < 4; at++) {
        out[at] = start_one(scheduler, names[at], NULL, NULL, 0);
        queue_up(scheduler, names[at], NULL, NULL, 0);
    }
    MUST(ts_update_config(scheduler, "line_task_max", "1"));
    for (at = 0; at < 4; at++) {
        next = finish_for_next(scheduler, &out[at]);
        if (next.token != NULL)
            out[left++] = next;
    }
    CHECK(left == 1);
    CHECK(how_many(scheduler, TS_RUNNING) == 1);
    /* All of them come in their turn. */
    while (left > 0) {
        next = finish_for_next(scheduler, &out[--left]);
        ran++;
        if (next.token != NULL)
            out[left++] = next;
    }
    CHECK(ran == 4);
    ts_scheduler_free(scheduler);
}

static void batches_do_as_the_others_do(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 3");
    ts_task_options tasks[8];
    ts_claim claims[8], next[8];
    ts_task_id ids[8];
    int32_t codes[3] = { 0, 7, 0 };
    size_t added = 77, count = 77, at;
    int drops = 0;
    for (at = 0; at < 8; at++)
        tasks[at] = claim_options(at % 2 ? "odd" : "even", &drops, drop_count, 0);
    /* Two start, three wait, the sixth is refused. */
    GIVES(TS_ERROR_QUEUE_FULL, ts_claims_submit(scheduler, tasks, 8, claims, ids, &added));
    CHECK(added == 5);
    for (at = 0; at < 8; at++) {
        CHECK((claims[at].token != NULL) == (at < 2));
        CHECK(is_zero(ids[at]) == (at >= 5));
    }
    CHECK(counted(&drops) == 0);
    /* One array for both, and a claim that is not there in the middle. */
    claims[2] = claims[1];
    memset(&claims[1], 0, sizeof claims[1]);
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_claims_finish(scheduler, claims, codes, 3, claims, &count));
    CHECK(count == 2 && same(claims[0].id, ids[2]) && same(claims[1].id, ids[3]));
    CHECK(state_of(scheduler, ids[0]) == TS_COMPLETED);
    CHECK(state_of(scheduler, ids[1]) == TS_COMPLETED);
    MUST(ts_claims_finish(scheduler, claims, codes, 2, next, &count));
    CHECK(count == 1 && same(next[0].id, ids[4]));
    CHECK(status_of(scheduler, ids[3]).code == 7);
    MUST(ts_claims_finish(scheduler, next, NULL, 1, claims, &count));
    CHECK(count == 0 && counted(&drops) == 5);
    MUST(ts_claims_submit(scheduler, NULL, 0, NULL, NULL, &added));
    MUST(ts_claims_finish(scheduler, NULL, NULL, 0, NULL, &count));
    CHECK(added == 0 && count == 0);
    ts_scheduler_free(scheduler);
}

static void what_comes_from_elsewhere_is_taken(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = options_of("name", run_seven, &numbers[1], NULL, 0);
    ts_claim taken[4];
    ts_task_id id, other;
    size_t count;
    /* Asked for by the task, */
    options.runner = TS_CLAIMS;
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_claims_take(scheduler, taken, 4, TS_FOREVER, &count));
    CHECK(count == 1 && same(taken[0].id, id));
    CHECK(taken[0].run == run_seven && taken[0].user_data == &numbers[1]);
    CHECK(ts_claim_start(scheduler, &taken[0]) == TS_OK);
    GIVES(TS_OK, ts_claim_finish(scheduler, &taken[0], taken[0].run(NULL, NULL), NULL, NULL, NULL));
    CHECK(status_of(scheduler, id).state == TS_FAILED && status_of(scheduler, id).code == 7);
    /* or by the scheduler. */
    MUST(ts_scheduler_set_runner(scheduler, TS_CLAIMS, NULL));
    id = add(scheduler, NULL, run_seven, NULL, NULL);
    other = add(scheduler, "other", run_seven, NULL, NULL);
    MUST(ts_claims_take(scheduler, taken, 4, 0, &count));
    CHECK(count == 2 && same(taken[0].id, id) && same(taken[1].id, other));
    finish(scheduler, &taken[1]);
    finish(scheduler, &taken[0]);
    CHECK(threads_of_ours("ts-") == 0);
    /* What is for others goes to them, however it is added. */
    MUST(ts_scheduler_set_runner(scheduler, TS_WORKERS, NULL));
    options.runner = TS_WORKERS;
    MUST(ts_claim_submit(scheduler, &options, &taken[0], &id));
    CHECK(taken[0].token == NULL);
    CHECK(ended(scheduler, id) == TS_FAILED);
    ts_scheduler_free(scheduler);
}

static ts_value value_of(void *data, size_t size, ts_drop_fn drop)
{
    ts_value value;
    value.data = data;
    value.size = size;
    value.drop = drop;
    return value;
}

static void results_and_errors_are_those_of_the_finish(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_value value, got;
    ts_claim one;
    ts_task_status status;
    int drops = 0, other = 0, data = 0;
    /* Taken over. */
    one = start_one(scheduler, "name", &data, drop_count, 0);
    value = value_of(&drops, 5, drop_count);
    GIVES(TS_OK, ts_claim_finish(scheduler, &one, 0, &value, "not shown", NULL));
    CHECK(counted(&data) == 1 && counted(&drops) == 0);
    CHECK(strcmp(status_of(scheduler, one.id).error, "") == 0);
    GIVES(TS_OK, ts_get_task_result(scheduler, one.id, &got));
    CHECK(got.data == &drops && got.size == 5);
    ts_value_free(&got);
    CHECK(counted(&drops) == 1);
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, one.id, &got));
    /* Copied; and in place of one that the token was given. */
    one = start_one(scheduler, "name", NULL, NULL, 0);
    GIVES(TS_OK, ts_set_result(one.token, &other, 1, drop_count));
    value = value_of((void *)"bytes", 6, NULL);
    GIVES(TS_OK, ts_claim_finish(scheduler, &one, 0, &value, NULL, NULL));
    CHECK(counted(&other) == 1);
    GIVES(TS_OK, ts_get_task_result(scheduler, one.id, &got));
    CHECK(got.size == 6 && strcmp((const char *)got.data, "bytes") == 0);
    ts_value_free(&got);
    /* A failure loses it, and says why. */
    one = start_one(scheduler, "name", &data, drop_count, 0);
    value = value_of(&drops, 5, drop_count);
    GIVES(TS_OK, ts_claim_finish(scheduler, &one, -3, &value, "out of paper", NULL));
    CHECK(counted(&drops) == 2 && counted(&data) == 2);
    status = status_of(scheduler, one.id);
    CHECK(status.state == TS_FAILED && status.code == -3);
    CHECK(strcmp(status.error, "out of paper") == 0);
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, one.id, &got));
    ts_scheduler_free(scheduler);
    CHECK(counted(&drops) == 2 && counted(&other) == 1);
}

/* A claim, and what another thread does with it. */
typedef struct {
    ts_scheduler *scheduler;
    ts_claim claim;
    ts_error error;
    int at_it, drops;
    meeting *meeting;
} held;

static void *give_a_result(void *argument)
{
    held *its = argument;
    GIVES(TS_OK, ts_set_result(its->claim.token, &its->drops, 9, drop_count));
    GIVES(TS_OK, ts_set_error(its->claim.token, "from elsewhere"));
    CHECK(!ts_should_stop(its->claim.token));
    GIVES(TS_OK, ts_interruptible_sleep(its->claim.token, 0.001));
    return NULL;
}

static void a_token_is_good_on_any_thread(void)
{
    held its;
    ts_value got;
    int round;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    for (round = 0; round < 2; round++) {
        its.claim = start_one(its.scheduler, NULL, NULL, NULL, 0);
        pthread_join(thread(give_a_result, &its), NULL);
        GIVES(TS_OK, ts_claim_finish(its.scheduler, &its.claim, round, NULL, NULL, NULL));
        if (round == 0) {
            GIVES(TS_OK, ts_get_task_result(its.scheduler, its.claim.id, &got));
            CHECK(got.data == &its.drops && got.size == 9);
            ts_value_free(&got);
        }
        CHECK(counted(&its.drops) == round + 1);
    }
    CHECK(strcmp(status_of(its.scheduler, its.claim.id).error, "from elsewhere") == 0);
    ts_scheduler_free(its.scheduler);
}

static void null_never_means_a_claim(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_claim one = start_one(scheduler, NULL, NULL, NULL, 0);
    GIVES(TS_OK, ts_claim_start(scheduler, &one));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_result(NULL, NULL, 0, NULL));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_error(NULL, "words"));
    GIVES(TS_OK, ts_force_stop(scheduler, one.id));
    CHECK(ts_should_stop(one.token) && !ts_should_stop(NULL));
    GIVES(TS_OK, ts_interruptible_sleep(NULL, 0.001));
    finish(scheduler, &one);
    ts_scheduler_free(scheduler);
}

static void *finish_at_once(void *argument)
{
    held *its = argument;
    meet(its->meeting);
    its->error = ts_claim_finish(its->scheduler, &its->claim, 0, NULL, NULL, NULL);
    return NULL;
}

static void of_two_that_finish_one_does(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 5");
    meeting start = { 2, 0, 0 };
    int round, drops = 0;
    for (round = 0; round < 2000; round++) {
        held sides[2];
        pthread_t other;
        memset(sides, 0, sizeof sides);
        sides[0].scheduler = scheduler;
        sides[0].meeting = &start;
        sides[0].claim = start_one(scheduler, round % 2 ? "name" : NULL, &drops, drop_count, 0);
        sides[1] = sides[0];
        other = thread(finish_at_once, &sides[1]);
        finish_at_once(&sides[0]);
        pthread_join(other, NULL);
        CHECK((sides[0].error == TS_OK) != (sides[1].error == TS_OK));
        GIVES(TS_ERROR_ALREADY_FINISHED, sides[sides[0].error == TS_OK].error);
        CHECK(counted(&drops) == round + 1);
    }
    ts_scheduler_free(scheduler);
}

static void only_what_is_out_can_be_finished(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 1"), *other;
    ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), two, made, next;
    plug blocked = { 0, 0 };
    int drops = 0;
    ts_value value = value_of(&drops, 1, drop_count);
    other = scheduler_with(NULL);
    made = one;
    /* One that waits, or that a worker runs. */
    made.id = queue_up(scheduler, "name", NULL, NULL, 0);
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_claim_finish(scheduler, &made, 0, &value, NULL, NULL));
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_claim_start(scheduler, &made));
    made.id = add(scheduler, "worker's", run_plug, &blocked, NULL);
    await(&blocked.started, 1);
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_claim_finish(scheduler, &made, 0, &value, NULL, NULL));
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_claim_start(scheduler, &made));
    pull(&blocked);
    CHECK(ended(scheduler, made.id) == TS_COMPLETED);
    GIVES(TS_ERROR_ALREADY_FINISHED, ts_claim_finish(scheduler, &made, 0, &value, NULL, NULL));
    /* Another scheduler's, one that nobody made, and none. */
    GIVES(TS_ERROR_NOT_FOUND, ts_claim_finish(other, &one, 0, &value, NULL, NULL));
    GIVES(TS_ERROR_NOT_FOUND, ts_claim_start(other, &one));
    memset(&made.id, 0x5a, sizeof made.id);
    GIVES(TS_ERROR_NOT_FOUND, ts_claim_finish(scheduler, &made, 0, &value, NULL, NULL));
    made.token = NULL;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_claim_finish(scheduler, &made, 0, &value, NULL, NULL));
    /* Again, and when nobody knows it any more. */
    two = finish_for_next(scheduler, &one);
    memset(&next, 0x5a, sizeof next);
    GIVES(TS_ERROR_ALREADY_FINISHED, ts_claim_finish(scheduler, &one, 0, &value, NULL, &next));
    CHECK(next.token == NULL && is_zero(next.id));
    GIVES(TS_ERROR_ALREADY_FINISHED, ts_claim_start(scheduler, &one));
    finish(scheduler, &two);
    GIVES(TS_ERROR_NOT_FOUND, ts_claim_finish(scheduler, &one, 0, &value, NULL, NULL));
    CHECK(counted(&drops) == 0);
    ts_scheduler_free(other);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(a_chain_of_one_name_needs_no_thread_of_ours),
    TEST(starts_come_in_the_order_of_the_adds),
    TEST(a_claim_holds_its_lane_until_it_is_finished),
    TEST(a_wide_lane_has_so_many_claims_out),
    TEST(line_task_max_bounds_the_claims_that_are_out),
    TEST(who_takes_hears_of_a_raised_limit),
    TEST(a_lowered_limit_ends_chains),
    TEST(batches_do_as_the_others_do),
    TEST(what_comes_from_elsewhere_is_taken),
    TEST(results_and_errors_are_those_of_the_finish),
    TEST(a_token_is_good_on_any_thread),
    TEST(null_never_means_a_claim),
    TEST(of_two_that_finish_one_does),
    TEST(only_what_is_out_can_be_finished),
};

CHECK_ALL(tests)
