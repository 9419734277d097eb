/* The descriptor of the claims: readable while there is something to take, and quiet
 * else, whatever was stopped meanwhile. */
#include "hosting.h"

static void the_descriptor_is_readable_while_there_is_something(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = claim_options(NULL, NULL, NULL, 0);
    ts_claim one, two;
    ts_task_id id;
    int fd = -7, again = -8;
    MUST(ts_claims_fd(scheduler, &fd));
    MUST(ts_claims_fd(scheduler, &again));
    CHECK(fd >= 0 && fd == again && !is_readable(fd));
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_submit(scheduler, &options, &id));
    CHECK(is_readable(fd));
    one = take_one(scheduler);
    CHECK(is_readable(fd));
    two = take_one(scheduler);
    CHECK(!is_readable(fd));
    finish(scheduler, &one);
    finish(scheduler, &two);
    /* A lane that goes on. */
    one = start_one(scheduler, "name", NULL, NULL, 0);
    id = queue_up(scheduler, "name", NULL, NULL, 0);
    CHECK(!is_readable(fd));
    finish(scheduler, &one);
    CHECK(is_readable(fd));
    two = take_one(scheduler);
    CHECK(!is_readable(fd));
    /* One that is only to be finished. */
    id = queue_up(scheduler, "name", NULL, NULL, 0);
    MUST(ts_force_stop(scheduler, id));
    CHECK(is_readable(fd));
    one = take_one(scheduler);
    CHECK(!is_readable(fd));
    finish(scheduler, &one);
    finish(scheduler, &two);
    CHECK(!is_readable(fd));
    ts_scheduler_free(scheduler);
}

/* At the limit nothing can be taken, so nothing is readable. */
static void the_descriptor_is_quiet_at_the_limit(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    ts_claim one = start_one(scheduler, NULL, NULL, NULL, 0), two;
    int fd;
    MUST(ts_claims_fd(scheduler, &fd));
    queue_up(scheduler, NULL, NULL, NULL, 0);
    CHECK(!is_readable(fd));
    finish(scheduler, &one);
    CHECK(is_readable(fd));
    two = take_one(scheduler);
    queue_up(scheduler, "name", NULL, NULL, 0);
    CHECK(!is_readable(fd));
    MUST(ts_update_config(scheduler, "line_task_max", "2"));
    CHECK(is_readable(fd));
    one = take_one(scheduler);
    finish(scheduler, &one);
    finish(scheduler, &two);
    ts_scheduler_free(scheduler);
}

/* A task without a name that was stopped, and was taken as that, leaves nothing. */
static void the_descriptor_is_quiet_when_only_dead_tasks_are_left(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = claim_options(NULL, NULL, NULL, 0);
    ts_claim one;
    ts_task_id id;
    int fd;
    MUST(ts_claims_fd(scheduler, &fd));
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_force_stop(scheduler, id));
    one = take_one(scheduler);
    CHECK(!is_readable(fd));
    finish(scheduler, &one);
    /* With a name. */
    options.name = "name";
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_force_stop(scheduler, id));
    one = take_one(scheduler);
    CHECK(!is_readable(fd));
    finish(scheduler, &one);
    CHECK(!is_readable(fd));
    ts_scheduler_free(scheduler);
}

/* Two of a wide lane end, and one waits: it comes once. */
static void the_descriptor_is_quiet_when_more_end_than_wait(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_lane *lane = NULL;
    ts_claim one, two, three;
    int fd;
    wanted.name = "wide";
    wanted.runner = TS_CLAIMS;
    wanted.width = 2;
    MUST(ts_claims_fd(scheduler, &fd));
    MUST(ts_lane_new(scheduler, &wanted, &lane));
    one = start_one(scheduler, "wide", NULL, NULL, 0);
    two = start_one(scheduler, "wide", NULL, NULL, 0);
    queue_up(scheduler, "wide", NULL, NULL, 0);
    finish(scheduler, &one);
    finish(scheduler, &two);
    CHECK(is_readable(fd));
    three = take_one(scheduler);
    CHECK(!is_readable(fd));
    finish(scheduler, &three);
    ts_lane_free(lane);
    ts_scheduler_free(scheduler);
}

/* Whatever lies before it: a stopped one, or a live one. */
static void the_descriptor_is_quiet_when_what_lay_behind_is_dead(void)
{
    int which, fd;
    for (which = 0; which < 2; which++) {
        ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
        ts_claim one = start_one(scheduler, "name", NULL, NULL, 0), two, taken;
        int at;
        MUST(ts_claims_fd(scheduler, &fd));
        for (at = 0; at < 3; at++)
            queue_up(scheduler, "name", NULL, NULL, 0);
        if (which) {
            two = start_one(scheduler, "other", NULL, NULL, 0);
            queue_up(scheduler, "other", NULL, NULL, 0);
            finish(scheduler, &two);
        }
        finish(scheduler, &one);
        CHECK(is_readable(fd));
        MUST(ts_ban_task_name(scheduler, TS_LINEAR, "name"));
        for (at = 0; at < 3; at++) {
            CHECK(is_readable(fd));
            taken = take_one(scheduler);
            GIVES(TS_STOPPED, ts_claim_start(scheduler, &taken));
            finish(scheduler, &taken);
        }
        if (which) {
            CHECK(is_readable(fd));
            taken = take_one(scheduler);
            CHECK(!is_readable(fd));
            finish(scheduler, &taken);
        }
        CHECK(!is_readable(fd));
        take_none(scheduler);
        ts_scheduler_free(scheduler);
    }
}

static const check_test tests[] = {
    TEST(the_descriptor_is_readable_while_there_is_something),
    TEST(the_descriptor_is_quiet_at_the_limit),
    TEST(the_descriptor_is_quiet_when_only_dead_tasks_are_left),
    TEST(the_descriptor_is_quiet_when_more_end_than_wait),
    TEST(the_descriptor_is_quiet_when_what_lay_behind_is_dead),
};

CHECK_ALL(tests)
