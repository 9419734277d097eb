/* Shutdown and restart, and schedulers beside each other. */
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

static const check_test tests[] = {
    TEST(a_shutdown_cancels_what_is_pending_and_waits),
    TEST(a_forced_shutdown_tells_running_tasks_to_stop),
    TEST(a_shutdown_without_a_task_is_fine),
    TEST(the_next_add_starts_afresh),
    TEST(nothing_is_called_after_a_shutdown),
    TEST(schedulers_do_not_touch_each_other),
    TEST(a_free_stops_and_waits),
};

CHECK_ALL(tests)
