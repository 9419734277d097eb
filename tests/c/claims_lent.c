/* Places that who holds claims lends while he waits: as many as he has, and each once. */
#include "hosting.h"

/* Takes claims that wait as long as there is a place, and finishes them; how many were out at once. */
static int take_and_finish(ts_scheduler *scheduler)
{
    ts_claim claims[8];
    size_t count = 0, at;
    if (ts_claims_take(scheduler, claims, 8, 0, &count) != TS_OK)
        return 0;
    for (at = 0; at < count; at++)
        finish(scheduler, &claims[at]);
    return (int)count;
}

/* Takes a claim when there is a place; who is asked so waits for one that is lent. */
static ts_claim take_when_lent(ts_scheduler *scheduler)
{
    ts_claim taken;
    size_t count = 0;
    memset(&taken, 0, sizeof taken);
    MUST(ts_claims_take(scheduler, &taken, 1, TS_FOREVER, &count));
    CHECK(count == 1);
    return taken;
}

/* The last one's id. */
static ts_task_id add_claims(ts_scheduler *scheduler, int many)
{
    ts_task_options options = claim_options(NULL, NULL, NULL, 0);
    ts_task_id id = dirty_id();
    while (many-- > 0)
        MUST(ts_submit(scheduler, &options, &id));
    return id;
}

/* One that was cancelled before it was handed out. */
static ts_claim take_stopped(ts_scheduler *scheduler)
{
    ts_claim stopped;
    ts_task_id id = add_claims(scheduler, 1);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    stopped = take_one(scheduler);
    CHECK(same(stopped.id, id));
    return stopped;
}

/* Those that are only to be finished ------------------------------------------ */

static void *take_two_and_ask(void *argument)
{
    affair *its = argument;
    ts_claim lent;
    its->claim = start_one(its->scheduler, NULL, NULL, NULL, 0);
    its->id = its->claim.id;
    count(&its->step);
    /* Of those three claims one has a place, which is lent. */
    lent = take_when_lent(its->scheduler);
    CHECK(take_and_finish(its->scheduler) == 0);
    finish(its->scheduler, &lent);
    finish(its->scheduler, &its->claim);
    return NULL;
}

static void claims_that_are_only_to_be_finished_are_not_lent(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 2\nmaximum_queue_line: 0");
    ts_claim one = start_one(scheduler, NULL, NULL, NULL, 0), stopped[2];
    affair its;
    pthread_t other;
    int at;
    for (at = 0; at < 2; at++)
        stopped[at] = take_stopped(scheduler);
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler;
    other = thread(take_two_and_ask, &its);
    await(&its.step, 1);
    add_claims(scheduler, 4);
    GIVES(TS_OK, ts_wait(scheduler, its.id, TS_FOREVER, NULL));
    pthread_join(other, NULL);
    for (at = 0; at < 2; at++)
        finish(scheduler, &stopped[at]);
    finish(scheduler, &one);
    CHECK(take_and_finish(scheduler) == 2);
    ts_scheduler_free(scheduler);
}

/* A task that holds claims, and waits for another one which nobody took yet. */
static int32_t run_holder(ts_token *token, void *user_data)
{
    affair *its = user_data;
    ts_claim stopped[2];
    int at;
    (void)token;
    for (at = 0; at < 2; at++)
        stopped[at] = take_stopped(its->scheduler);
    its->id = add_claims(its->scheduler, 1);
    count(&its->step);
    await(&its->force, 1);
    its->error = ts_wait(its->scheduler, its->id, TS_FOREVER, NULL);
    for (at = 0; at < 2; at++)
        finish(its->scheduler, &stopped[at]);
    count(&its->done);
    return 0;
}

static int32_t run_take_all(ts_token *token, void *user_data)
{
    affair *its = user_data;
    (void)token;
    while (take_and_finish(its->scheduler) > 0)
        ;
    return 0;
}

static void claims_that_are_only_to_be_finished_keep_no_other_from_being_taken(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0");
    affair its;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler;
    add(scheduler, NULL, run_holder, &its, NULL);
    await(&its.step, 1);
    /* There is one worker's place: it runs when the holder waits, or was refused. */
    add(scheduler, NULL, run_take_all, &its, NULL);
    count(&its.force);
    await(&its.done, 1);
    GIVES(TS_OK, its.error);
    ts_scheduler_free(scheduler);
}

/* Stuck ones, and those that another thread finishes --------------------------- */

static int stuck_ones;

static void hear_of_stuck(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)user_data;
    if (strstr(text, "is stuck") != NULL)
        count(&stuck_ones);
}

static void *hold_and_wait(void *argument)
{
    affair *its = argument;
    its->claim = start_one(its->scheduler, NULL, NULL, NULL, 0);
    GIVES(TS_OK, ts_claim_start(its->scheduler, &its->claim));
    count(&its->step);
    GIVES(TS_OK, ts_wait(its->scheduler, its->id, TS_FOREVER, NULL));
    count(&its->done);
    return NULL;
}

/* A scheduler with room for one claim, which another thread holds while it waits: until the plug is pulled. */
static pthread_t lend(affair *its, plug *until)
{
    pthread_t other;
    ts_claim lent;
    memset(its, 0, sizeof *its);
    until->started = until->may_go = 0;
    its->scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0\nstuck_grace: 0.02");
    its->id = add(its->scheduler, NULL, run_plug, until, NULL);
    other = thread(hold_and_wait, its);
    await(&its->step, 1);
    add_claims(its->scheduler, 20);
    lent = take_when_lent(its->scheduler);
    CHECK(take_and_finish(its->scheduler) == 0);
    finish(its->scheduler, &lent);
    CHECK(take_and_finish(its->scheduler) == 1);
    return other;
}

static void end_lending(affair *its, plug *until, pthread_t other)
{
    pull(until);
    pthread_join(other, NULL);
    CHECK(take_and_finish(its->scheduler) == 1);
    ts_scheduler_free(its->scheduler);
}

static void make_stuck(affair *its)
{
    stuck_ones = 0;
    MUST(ts_set_log_callback(hear_of_stuck, NULL, NULL));
    GIVES(TS_OK, ts_force_stop(its->scheduler, its->claim.id));
    await(&stuck_ones, 1);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
}

static void a_lent_claim_that_is_stuck_has_one_substitute(void)
{
    affair its;
    plug until;
    pthread_t other = lend(&its, &until);
    make_stuck(&its);
    CHECK(take_and_finish(its.scheduler) == 1);
    /* It waits no more, and is stuck. */
    pull(&until);
    pthread_join(other, NULL);
    CHECK(take_and_finish(its.scheduler) == 1);
    finish(its.scheduler, &its.claim);
    CHECK(take_and_finish(its.scheduler) == 1);
    ts_scheduler_free(its.scheduler);
}

static void a_lent_claim_that_another_finishes_is_lent_no_more(void)
{
    affair its;
    plug until;
    pthread_t other = lend(&its, &until);
    finish(its.scheduler, &its.claim);
    CHECK(take_and_finish(its.scheduler) == 1);
    end_lending(&its, &until, other);
    /* Nor when it was stuck. */
    other = lend(&its, &until);
    make_stuck(&its);
    finish(its.scheduler, &its.claim);
    CHECK(take_and_finish(its.scheduler) == 1);
    end_lending(&its, &until, other);
}

static const check_test tests[] = {
    TEST(claims_that_are_only_to_be_finished_are_not_lent),
    TEST(claims_that_are_only_to_be_finished_keep_no_other_from_being_taken),
    TEST(a_lent_claim_that_is_stuck_has_one_substitute),
    TEST(a_lent_claim_that_another_finishes_is_lent_no_more),
};

CHECK_ALL(tests)
