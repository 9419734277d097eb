/* The whole ladder of docs/stopping.md, one rung after the other, on one
 * scheduler with one worker. */
#include "check.h"

#include "blocking.h"

#include <stdatomic.h>

static struct {
    int stuck; /* under check_lock */
} seen;

static void listen_to(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)user_data;
    if (strstr(text, "was told to stop and is stuck") != NULL)
        count(&seen.stuck);
}

typedef struct {
    int entered, broken, returned;
    int may_go;
} rung;

/* Listens to its token. */
static int32_t run_willing(ts_token *token, void *user_data)
{
    rung *its = user_data;
    count(&its->entered);
    if (ts_interruptible_sleep(token, 1000) == TS_STOPPED)
        count(&its->broken);
    return 0;
}

/* Blocks in a system call, and looks at its token when that ends. */
static int32_t run_blocking(ts_token *token, void *user_data)
{
    rung *its = user_data;
    count(&its->entered);
    while (block_in_read() == EINTR && !ts_should_stop(token))
        ;
    count(&its->broken);
    return 0;
}

/* Neither listens nor gives up: goes on though its calls are broken. */
static int32_t run_stubborn(ts_token *token, void *user_data)
{
    rung *its = user_data;
    struct pollfd none = { -1, 0, 0 };
    (void)token;
    count(&its->entered);
    while (counted(&its->may_go) == 0)
        if (poll(&none, 1, 50) < 0)
            count(&its->broken);
    count(&its->returned);
    return 0;
}

static ts_task_id stopped(ts_scheduler *scheduler, ts_task_fn run, rung *its, uint32_t flags)
{
    ts_task_id id = submit(scheduler, "lane", run, its, NULL, flags);
    await(&its->entered, 1);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    return id;
}

static void the_ladder_from_its_first_rung_to_its_last(void)
{
    static rung rungs[5];
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nstuck_grace: 0.05\n");
    ts_task_id id, behind, beside, releasing;
    ts_task_status status;
    int ran_behind = 0, ran_beside = 0;
    GIVES(TS_OK, ts_set_log_callback(listen_to, NULL, NULL));

    /* 1. Told through its token. */
    id = stopped(scheduler, run_willing, &rungs[0], 0);
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(rungs[0].broken == 1);

    /* 2. Its blocking call is broken. */
    id = stopped(scheduler, run_blocking, &rungs[1], TS_INTERRUPT_BLOCKING);
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(rungs[1].broken == 1);

    /* 3. It goes on all the same: broken again and again, then reported as stuck,
     * its worker replaced, its lane held. */
    id = stopped(scheduler, run_stubborn, &rungs[2], TS_INTERRUPT_BLOCKING);
    behind = submit(scheduler, "lane", run_count, &ran_behind, NULL, 0);
    beside = submit(scheduler, "another", run_count, &ran_beside, NULL, 0);
    await(&rungs[2].broken, 3);
    await(&seen.stuck, 1);
    CHECK(ended(scheduler, beside) == TS_COMPLETED);
    status = status_of(scheduler, id);
    CHECK(status.state == TS_RUNNING && status.stopping == TS_CANCELLED);
    CHECK((status.flags & TS_STATUS_STUCK) != 0);
    CHECK(state_of(scheduler, behind) == TS_PENDING);
    count(&rungs[2].may_go);
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(ended(scheduler, behind) == TS_COMPLETED);

    /* 4. With TS_RELEASE_LANE_WHEN_STUCK its lane goes on beside it. */
    releasing = stopped(scheduler, run_stubborn, &rungs[3], TS_INTERRUPT_BLOCKING | TS_RELEASE_LANE_WHEN_STUCK);
    behind = submit(scheduler, "lane", run_count, &ran_behind, NULL, 0);
    CHECK(ended(scheduler, behind) == TS_COMPLETED);
    CHECK(state_of(scheduler, releasing) == TS_RUNNING);
    CHECK((status_of(scheduler, releasing).flags & TS_STATUS_STUCK) != 0);

    /* What is stopped beside it is broken as ever. */
    id = stopped(scheduler, run_blocking, &rungs[4], TS_INTERRUPT_BLOCKING);
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(rungs[4].broken == 1);
    count(&rungs[3].may_go);
    CHECK(ended(scheduler, releasing) == TS_CANCELLED);
    CHECK(ran_behind == 2 && ran_beside == 1 && seen.stuck == 2);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    GIVES(TS_OK, ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(the_ladder_from_its_first_rung_to_its_last),
};

int main(int argc, char **argv)
{
    if (make_what_blocks() != 0)
        return 2;
    return check_all(tests, sizeof tests / sizeof *tests, argc, argv);
}
