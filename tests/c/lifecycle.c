/* Shutdown and restart, schedulers beside each other, and calls that would
 * wait for their own caller. */
#include "check.h"

/* A drop that tells that the shutdown has begun, and tries to add. */
typedef struct {
    ts_scheduler *scheduler;
    int dropped;
    ts_error add_gave, shutdown_gave;
} herald;

static void drop_herald(void *user_data)
{
    herald *its = (herald *)user_data;
    ts_task_id id;
    its->add_gave = ts_add_task(its->scheduler, false, NULL, run_nothing, NULL, NULL, &id);
    its->shutdown_gave = ts_shutdown(its->scheduler, false);
    count(&its->dropped);
}

typedef struct {
    ts_scheduler *scheduler;
    bool force;
    int done;
} closer;

static void *shut_down(void *argument)
{
    closer *its = (closer *)argument;
    GIVES(TS_OK, ts_shutdown(its->scheduler, its->force));
    count(&its->done);
    return NULL;
}

static int runs;

static int32_t run_count_runs(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    count(&runs);
    return 0;
}

static void a_shutdown_cancels_what_is_pending_and_waits(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    plug its = { 0, 0 };
    herald herald_of = { NULL, 0, TS_OK, TS_OK };
    closer closing = { NULL, false, 0 };
    ts_task_id running, pending[3], id = dirty_id();
    pthread_t closing_thread;
    int dropped = 0, at;
    runs = 0;
    herald_of.scheduler = closing.scheduler = scheduler;
    running = add(scheduler, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    pending[0] = add(scheduler, "plug", run_nothing, &herald_of, drop_herald);
    pending[1] = add(scheduler, "other", run_count_runs, &dropped, drop_count);
    pending[2] = add(scheduler, NULL, run_count_runs, &dropped, drop_count);
    closing_thread = thread(shut_down, &closing);
    await(&herald_of.dropped, 1);
    await(&dropped, 2);
    /* Under way: nothing comes in, and what runs is not told to stop. */
    GIVES(TS_ERROR_SHUTTING_DOWN,
          ts_add_task(scheduler, false, "late", run_nothing, &dropped, drop_count, &id));
    CHECK(is_zero(id) && counted(&dropped) == 2);
    CHECK(herald_of.add_gave == TS_ERROR_SHUTTING_DOWN);
    CHECK(herald_of.shutdown_gave == TS_ERROR_WOULD_DEADLOCK);
    CHECK(status_of(scheduler, running).stopping == (ts_state)0);
    CHECK(counted(&closing.done) == 0);
    pull(&its);
    pthread_join(closing_thread, NULL);
    CHECK(state_of(scheduler, running) == TS_COMPLETED);
    for (at = 0; at < 3; at++)
        CHECK(state_of(scheduler, pending[at]) == TS_CANCELLED);
    CHECK(counted(&runs) == 0);
    ts_scheduler_free(scheduler);
}

typedef struct {
    plug gate;
    int told;
} stubborn;

/* Sleeps until it is told to stop, then goes on until it may end. */
static int32_t run_stubborn(ts_token *token, void *user_data)
{
    stubborn *its = (stubborn *)user_data;
    count(&its->gate.started);
    GIVES(TS_STOPPED, ts_interruptible_sleep(token, 1e6));
    count(&its->told);
    await(&its->gate.may_go, 1);
    return 0;
}

static void a_forced_shutdown_tells_running_tasks_to_stop(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    stubborn its = { { 0, 0 }, 0 };
    closer closing = { NULL, true, 0 };
    pthread_t closing_thread;
    ts_task_id id = add(scheduler, "stubborn", run_stubborn, &its, NULL);
    closing.scheduler = scheduler;
    await(&its.gate.started, 1);
    closing_thread = thread(shut_down, &closing);
    await(&its.told, 1);
    CHECK(status_of(scheduler, id).state == TS_RUNNING);
    CHECK(status_of(scheduler, id).stopping == TS_CANCELLED);
    GIVES(TS_ERROR_ALREADY_STOPPING, ts_force_stop(scheduler, id));
    CHECK(counted(&closing.done) == 0);
    pull(&its.gate);
    pthread_join(closing_thread, NULL);
    CHECK(state_of(scheduler, id) == TS_CANCELLED);
    GIVES(TS_ERROR_ALREADY_FINISHED, ts_force_stop(scheduler, id));
    ts_scheduler_free(scheduler);
}

static void a_shutdown_without_a_task_is_fine(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    GIVES(TS_OK, ts_shutdown(scheduler, true));
    CHECK(ended(scheduler, add(scheduler, NULL, run_nothing, NULL, NULL)) == TS_COMPLETED);
    GIVES(TS_OK, ts_shutdown(scheduler, true));
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    ts_scheduler_free(scheduler);
    scheduler = scheduler_with(NULL);
    ts_scheduler_free(scheduler);
    ts_scheduler_free(NULL);
}

static int results_dropped;

static void drop_result(void *data)
{
    (void)data;
    count(&results_dropped);
}

static int32_t run_result(ts_token *token, void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, &results_dropped, 1, drop_result));
    return 0;
}

static void the_next_add_starts_afresh(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 3");
    ts_task_id first, taken, id;
    ts_value value;
    char *text = NULL;
    int round;
    results_dropped = 0;
    first = add(scheduler, "first", run_result, NULL, NULL);
    taken = add(scheduler, "first", run_result, NULL, NULL);
    CHECK(ended(scheduler, taken) == TS_COMPLETED);
    MUST(ts_get_task_result(scheduler, taken, &value));
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_LINEAR, "banned"));
    GIVES(TS_OK, ts_update_config(scheduler, "watch_dog_time", "77"));
    for (round = 0; round < 30; round++) {
        GIVES(TS_OK, ts_shutdown(scheduler, round % 2));
        CHECK(counted(&results_dropped) == 1);
        CHECK(state_of(scheduler, first) == TS_COMPLETED);
        CHECK(strcmp(status_of(scheduler, first).task_name, "first") == 0);
        GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, first, &value));
        GIVES(TS_ERROR_BANNED,
              ts_add_task(scheduler, false, "banned", run_nothing, NULL, NULL, &id));
        MUST(ts_get_config(scheduler, "watch_dog_time", &text));
        CHECK(strcmp(text, "77") == 0);
        ts_string_free(text);
        id = add(scheduler, "first", run_nothing, NULL, NULL);
        CHECK(ended(scheduler, id) == TS_COMPLETED);
        CHECK(memcmp(&id, &first, sizeof id) != 0);
    }
    GIVES(TS_OK, ts_allow_task_name(scheduler, TS_LINEAR, "banned"));
    CHECK(ended(scheduler, add(scheduler, "banned", run_nothing, NULL, NULL)) == TS_COMPLETED);
    CHECK(value.drop == drop_result);
    ts_value_free(&value);
    CHECK(counted(&results_dropped) == 2);
    ts_scheduler_free(scheduler);
    CHECK(counted(&results_dropped) == 2);
}

/* Threads that add until they are refused. */
static struct {
    ts_scheduler *scheduler;
    int refused, over, late, dropped, ran;
} storm;

static void storm_call(int *counter)
{
    pthread_mutex_lock(&check_lock);
    storm.late += storm.over;
    ++*counter;
    pthread_mutex_unlock(&check_lock);
}

static int32_t run_storm(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    storm_call(&storm.ran);
    return 0;
}

static void drop_storm(void *user_data)
{
    (void)user_data;
    storm_call(&storm.dropped);
}

static void *add_until_refused(void *argument)
{
    static const char *const names[] = { NULL, "a", "b", "c" };
    int *added = (int *)argument;
    for (;;) {
        ts_task_id id;
        ts_error error = ts_add_task(storm.scheduler, false, names[*added % 4], run_storm, NULL,
                                     drop_storm, &id);
        if (error != TS_OK) {
            GIVES(TS_ERROR_SHUTTING_DOWN, error);
            break;
        }
        ++*added;
    }
    count(&storm.refused);
    return NULL;
}

static void nothing_is_called_after_a_shutdown(void)
{
    int round, at;
    for (round = 0; round < 40; round++) {
        pthread_t threads[4], closing_thread;
        int added[4] = { 0, 0, 0, 0 };
        plug its = { 0, 0 };
        closer closing = { NULL, false, 0 };
        memset(&storm, 0, sizeof storm);
        storm.scheduler = closing.scheduler = scheduler_with("maximum_queue_line: 0");
        closing.force = round % 2;
        /* Keeps the shutdown from ending before all adders have noticed. */
        add(storm.scheduler, "plug", run_plug, &its, NULL);
        await(&its.started, 1);
        for (at = 0; at < 4; at++)
            threads[at] = thread(add_until_refused, &added[at]);
        closing_thread = thread(shut_down, &closing);
        await(&storm.refused, 4);
        pull(&its);
        pthread_join(closing_thread, NULL);
        pthread_mutex_lock(&check_lock);
        storm.over = 1;
        pthread_mutex_unlock(&check_lock);
        for (at = 0; at < 4; at++)
            pthread_join(threads[at], NULL);
        CHECK(storm.dropped == added[0] + added[1] + added[2] + added[3]);
        CHECK(storm.ran <= storm.dropped);
        ts_scheduler_free(storm.scheduler);
        CHECK(storm.late == 0);
    }
}

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

static void schedulers_do_not_touch_each_other(void)
{
    ts_scheduler *one = scheduler_with("line_task_max: 1"), *two = NULL;
    plug its = { 0, 0 };
    ts_task_id running, id, theirs;
    ts_state state;
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_value value;
    size_t cancelled = 9;
    char *text = NULL;
    running = add(one, "name", run_plug, &its, NULL);
    await(&its.started, 1);
    /* NULL is the default one: its tasks of that name queue behind nothing. */
    theirs = add(two, "name", run_nothing, NULL, NULL);
    CHECK(ended(two, theirs) == TS_COMPLETED);
    GIVES(TS_ERROR_NOT_FOUND, ts_get_task_state(two, running, &state));
    GIVES(TS_ERROR_NOT_FOUND, ts_get_task_state(one, theirs, &state));
    GIVES(TS_ERROR_NOT_FOUND, ts_get_task_status(two, running, &status));
    GIVES(TS_ERROR_NOT_FOUND, ts_get_task_result(one, theirs, &value));
    GIVES(TS_ERROR_NOT_FOUND, ts_force_stop(two, running));
    GIVES(TS_ERROR_NOT_FOUND, ts_wait(two, running, TS_FOREVER, NULL));
    GIVES(TS_ERROR_NOT_FOUND, ts_task_forget(one, theirs));
    GIVES(TS_OK, ts_ban_task_name(one, TS_LINEAR, "name"));
    id = add(two, "name", run_nothing, NULL, NULL);
    CHECK(ended(two, id) == TS_COMPLETED);
    GIVES(TS_ERROR_NOT_BANNED, ts_allow_task_name(two, TS_LINEAR, "name"));
    id = add(one, "queued", run_nothing, NULL, NULL);
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(two, TS_LINEAR, "queued", &cancelled));
    CHECK(cancelled == 0 && state_of(one, id) == TS_PENDING);
    MUST(ts_get_config(two, "line_task_max", &text));
    CHECK(strcmp(text, "10") == 0);
    ts_string_free(text);
    GIVES(TS_OK, ts_shutdown(two, true));
    CHECK(state_of(one, id) == TS_PENDING);
    CHECK(state_of(one, running) == TS_RUNNING);
    CHECK(status_of(one, running).stopping == (ts_state)0);
    pull(&its);
    CHECK(ended(one, id) == TS_COMPLETED);
    ts_scheduler_free(one);
    CHECK(ended(two, add(two, "name", run_nothing, NULL, NULL)) == TS_COMPLETED);
    GIVES(TS_OK, ts_shutdown(two, false));
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

static int freed;

static void *free_scheduler(void *argument)
{
    ts_scheduler_free((ts_scheduler *)argument);
    count(&freed);
    return NULL;
}

static void a_free_stops_and_waits(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    stubborn its = { { 0, 0 }, 0 };
    int dropped = 0, ran = 0;
    pthread_t freeing;
    freed = 0;
    results_dropped = 0;
    CHECK(ended(scheduler, add(scheduler, "result", run_result, NULL, NULL)) == TS_COMPLETED);
    add(scheduler, "stubborn", run_stubborn, &its, NULL);
    add(scheduler, "stubborn", run_nothing, &dropped, drop_count);
    add(scheduler, "stubborn", run_count, &ran, NULL);
    await(&its.gate.started, 1);
    freeing = thread(free_scheduler, scheduler);
    await(&its.told, 1);
    CHECK(counted(&freed) == 0);
    pull(&its.gate);
    pthread_join(freeing, NULL);
    CHECK(counted(&dropped) == 1 && counted(&ran) == 0);
    CHECK(counted(&results_dropped) == 1);
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
    TEST(a_shutdown_cancels_what_is_pending_and_waits),
    TEST(a_forced_shutdown_tells_running_tasks_to_stop),
    TEST(a_shutdown_without_a_task_is_fine),
    TEST(the_next_add_starts_afresh),
    TEST(nothing_is_called_after_a_shutdown),
    TEST(a_shutdown_inside_a_task_or_drop_would_deadlock),
    TEST(schedulers_do_not_touch_each_other),
    TEST(a_free_inside_a_task_frees_nothing),
    TEST(a_free_stops_and_waits),
    TEST(waiting_for_oneself_would_deadlock),
    TEST(a_drop_inside_a_task_cannot_wait_for_it_either),
    TEST(a_drop_cannot_wait_for_what_ends_on_its_thread),
    TEST(a_drop_can_wait_for_another_schedulers_task),
    TEST(a_chain_of_drops_needs_no_stack),
};

CHECK_ALL(tests)
