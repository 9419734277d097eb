/* Calls that would wait for their own caller, inside tasks and drops; and drops that
 * come about inside drops. */
#include "check.h"

static ts_scheduler *other_scheduler;

static void drop_that_shuts_down(void *user_data)
{
    ts_scheduler *scheduler = (ts_scheduler *)user_data;
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(scheduler, false));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(scheduler, true));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(NULL, true));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(other_scheduler, true));
}

static int32_t run_that_shuts_down(ts_token *token, void *user_data)
{
    drop_that_shuts_down(user_data);
    CHECK(!ts_should_stop(token));
    return 0;
}

static void a_shutdown_inside_a_task_or_drop_would_deadlock(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    plug its = { 0, 0 };
    ts_task_id other, pending, id;
    ts_value value = { NULL, 0, drop_that_shuts_down };
    other_scheduler = scheduler_with(NULL);
    other = add(other_scheduler, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    id = add(scheduler, "inside", run_that_shuts_down, scheduler, drop_that_shuts_down);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    /* A drop on the thread that cancels, and one that frees a value. */
    pending = add(other_scheduler, "plug", run_nothing, other_scheduler, drop_that_shuts_down);
    GIVES(TS_OK, ts_force_stop(other_scheduler, pending));
    value.data = scheduler;
    ts_value_free(&value);
    /* No effect on any other task. */
    CHECK(state_of(other_scheduler, other) == TS_RUNNING);
    CHECK(status_of(other_scheduler, other).stopping == (ts_state)0);
    CHECK(ended(scheduler, add(scheduler, NULL, run_nothing, NULL, NULL)) == TS_COMPLETED);
    pull(&its);
    CHECK(ended(other_scheduler, other) == TS_COMPLETED);
    ts_scheduler_free(other_scheduler);
    ts_scheduler_free(scheduler);
}

static char log_line[256];

static void keep_log(ts_log_level level, const char *text, void *user_data)
{
    (void)user_data;
    pthread_mutex_lock(&check_lock);
    if (level == TS_LOG_ERROR && strstr(text, "ts_scheduler_free") != NULL)
        snprintf(log_line, sizeof log_line, "%s", text);
    pthread_mutex_unlock(&check_lock);
}

static int32_t run_that_frees(ts_token *token, void *user_data)
{
    (void)token;
    ts_scheduler_free((ts_scheduler *)user_data);
    return 0;
}

static void drop_that_frees(void *user_data)
{
    ts_scheduler_free((ts_scheduler *)user_data);
}

static void a_free_inside_a_task_frees_nothing(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    plug its = { 0, 0 };
    ts_task_id running, id;
    MUST(ts_set_log_callback(keep_log, NULL, NULL));
    running = add(scheduler, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    id = add(scheduler, "inside", run_that_frees, scheduler, drop_that_frees);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    CHECK(strstr(log_line, "nothing was freed") != NULL);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    CHECK(state_of(scheduler, running) == TS_RUNNING);
    CHECK(status_of(scheduler, running).stopping == (ts_state)0);
    CHECK(ended(scheduler, add(scheduler, NULL, run_nothing, NULL, NULL)) == TS_COMPLETED);
    pull(&its);
    ts_scheduler_free(scheduler);
}

/* Waits that would wait for their own caller. */
static struct {
    ts_scheduler *scheduler;
    ts_task_id self, behind, victim, second;
    int started, may_go;
} waits;

static void wait_for_self_and_behind(void)
{
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(waits.scheduler, waits.self, TS_FOREVER, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(waits.scheduler, waits.self, 0.001, NULL));
    GIVES(TS_ERROR_NOT_FINISHED, ts_wait(waits.scheduler, waits.self, 0, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(waits.scheduler, waits.behind, TS_FOREVER, NULL));
    GIVES(TS_ERROR_NOT_FINISHED, ts_wait(waits.scheduler, waits.behind, 0, NULL));
}

static int32_t run_that_waits(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    count(&waits.started);
    await(&waits.may_go, 1);
    wait_for_self_and_behind();
    return 0;
}

static void drop_that_waits(void *user_data)
{
    (void)user_data;
    wait_for_self_and_behind();
}

static void start_waits(ts_task_fn run, ts_drop_fn drop)
{
    memset(&waits, 0, sizeof waits);
    waits.scheduler = scheduler_with(NULL);
    waits.self = add(waits.scheduler, "waits", run, NULL, drop);
    await(&waits.started, 1);
    waits.behind = add(waits.scheduler, "waits", run_nothing, NULL, NULL);
}

static void end_waits(ts_state state)
{
    count(&waits.may_go);
    CHECK(ended(waits.scheduler, waits.self) == state);
    CHECK(ended(waits.scheduler, waits.behind) == TS_COMPLETED);
    ts_scheduler_free(waits.scheduler);
}

static void waiting_for_oneself_would_deadlock(void)
{
    start_waits(run_that_waits, drop_that_waits);
    end_waits(TS_COMPLETED);
}

/* The drop of a task that another one cancels runs inside that one's call. */
static void drop_victim_that_waits(void *user_data)
{
    (void)user_data;
    wait_for_self_and_behind();
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(waits.scheduler, waits.victim, TS_FOREVER, NULL));
}

static int32_t run_that_cancels(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    count(&waits.started);
    await(&waits.may_go, 1);
    GIVES(TS_OK, ts_force_stop(waits.scheduler, waits.victim));
    GIVES(TS_OK, ts_wait(waits.scheduler, waits.victim, TS_FOREVER, NULL));
    wait_for_self_and_behind();
    return 0;
}

static void a_drop_inside_a_task_cannot_wait_for_it_either(void)
{
    start_waits(run_that_cancels, NULL);
    GIVES(TS_OK, ts_update_config(waits.scheduler, "line_task_max", "1"));
    waits.victim = add(waits.scheduler, "victim", run_nothing, NULL, drop_victim_that_waits);
    end_waits(TS_COMPLETED);
}

/* A drop that cancels another task, which ends when the first has. */
static void drop_second(void *user_data)
{
    (void)user_data;
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(waits.scheduler, waits.victim, TS_FOREVER, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(waits.scheduler, waits.second, TS_FOREVER, NULL));
}

static void drop_first(void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_force_stop(waits.scheduler, waits.second));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(waits.scheduler, waits.second, TS_FOREVER, NULL));
    GIVES(TS_ERROR_NOT_FINISHED, ts_wait(waits.scheduler, waits.second, 0, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(waits.scheduler, waits.victim, TS_FOREVER, NULL));
}

static void a_drop_cannot_wait_for_what_ends_on_its_thread(void)
{
    plug its = { 0, 0 };
    memset(&waits, 0, sizeof waits);
    waits.scheduler = scheduler_with("line_task_max: 1");
    add(waits.scheduler, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    waits.victim = add(waits.scheduler, "plug", run_nothing, NULL, drop_first);
    waits.second = add(waits.scheduler, "other", run_nothing, NULL, drop_second);
    GIVES(TS_OK, ts_force_stop(waits.scheduler, waits.victim));
    CHECK(state_of(waits.scheduler, waits.victim) == TS_CANCELLED);
    CHECK(state_of(waits.scheduler, waits.second) == TS_CANCELLED);
    pull(&its);
    ts_scheduler_free(waits.scheduler);
}

/* A task of another scheduler with the same place: that one can be waited for. */
static ts_scheduler *neighbour;
static ts_task_id neighbours[40];
static plug neighbours_plug;

static void drop_that_waits_next_door(void *user_data)
{
    int at;
    (void)user_data;
    GIVES(TS_OK, ts_force_stop(waits.scheduler, waits.second));
    for (at = 0; at < 20; at++)
        GIVES(TS_ERROR_TIMED_OUT, ts_wait(neighbour, neighbours[at], 1e-6, NULL));
    pull(&neighbours_plug);
    for (at = 0; at < 20; at++)
        GIVES(TS_OK, ts_wait(neighbour, neighbours[at], TS_FOREVER, NULL));
}

static void a_drop_can_wait_for_another_schedulers_task(void)
{
    plug its = { 0, 0 };
    int at;
    memset(&waits, 0, sizeof waits);
    neighbours_plug.started = neighbours_plug.may_go = 0;
    waits.scheduler = scheduler_with("line_task_max: 1");
    neighbour = scheduler_with("line_task_max: 1");
    add(waits.scheduler, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    neighbours[0] = add(neighbour, "plug", run_plug, &neighbours_plug, NULL);
    for (at = 1; at < 20; at++)
        neighbours[at] = add(neighbour, "plug", run_nothing, NULL, NULL);
    waits.victim = add(waits.scheduler, "plug", run_nothing, NULL, drop_that_waits_next_door);
    waits.second = add(waits.scheduler, "plug", run_nothing, NULL, NULL);
    GIVES(TS_OK, ts_force_stop(waits.scheduler, waits.victim));
    pull(&its);
    ts_scheduler_free(neighbour);
    ts_scheduler_free(waits.scheduler);
}

/* Each drop cancels the next task. */
#define CHAIN 100000
static struct {
    ts_scheduler *scheduler;
    ts_task_id ids[CHAIN];
    int links[CHAIN], dropped, nested;
} chain;

static void drop_link(void *user_data)
{
    static int depth;
    int next = *(int *)user_data + 1;
    chain.nested += depth != 0;
    depth++;
    chain.dropped++;
    if (next < CHAIN)
        GIVES(TS_OK, ts_force_stop(chain.scheduler, chain.ids[next]));
    depth--;
}

static void *pull_chain(void *argument)
{
    (void)argument;
    GIVES(TS_OK, ts_force_stop(chain.scheduler, chain.ids[0]));
    return NULL;
}

static void a_chain_of_drops_needs_no_stack(void)
{
    static const char *const names[] = { NULL, "plug", "chain" };
    int which, at;
    for (which = 0; which < 3; which++) {
        plug its = { 0, 0 };
        pthread_attr_t small;
        pthread_t pulling;
        chain.scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0");
        chain.dropped = chain.nested = 0;
        add(chain.scheduler, "plug", run_plug, &its, NULL);
        await(&its.started, 1);
        for (at = 0; at < CHAIN; at++) {
            chain.links[at] = at;
            chain.ids[at] = add(chain.scheduler, names[which], run_nothing, &chain.links[at],
                                drop_link);
        }
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 256 * 1024);
        CHECK(pthread_create(&pulling, &small, pull_chain, NULL) == 0);
        pthread_join(pulling, NULL);
        pthread_attr_destroy(&small);
        CHECK(chain.dropped == CHAIN && chain.nested == 0);
        CHECK(how_many(chain.scheduler, TS_PENDING) == 0);
        CHECK(state_of(chain.scheduler, chain.ids[CHAIN - 1]) == TS_CANCELLED);
        pull(&its);
        ts_scheduler_free(chain.scheduler);
    }
}

static const check_test tests[] = {
    TEST(a_shutdown_inside_a_task_or_drop_would_deadlock),
    TEST(a_free_inside_a_task_frees_nothing),
    TEST(waiting_for_oneself_would_deadlock),
    TEST(a_drop_inside_a_task_cannot_wait_for_it_either),
    TEST(a_drop_cannot_wait_for_what_ends_on_its_thread),
    TEST(a_drop_can_wait_for_another_schedulers_task),
    TEST(a_chain_of_drops_needs_no_stack),
};

CHECK_ALL(tests)
