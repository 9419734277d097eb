/* What the configuration limits: pending tasks, running tasks, finished tasks
 * that stay known. */
#include "check.h"

static const char *name_of(int at)
{
    static const char *const some[] = { NULL, "one", "two", NULL, "three", "plug" };
    return some[at % 6];
}

/* An add that has to be refused leaves no trace. */
static void refused(ts_scheduler *scheduler, ts_error wanted, uint32_t flags, double seconds)
{
    int at;
    for (at = 0; at < 6; at++) {
        int dropped = 0;
        ts_task_id id = dirty_id();
        ts_task_options options =
            options_of(name_of(at), run_nothing, &dropped, drop_count, flags);
        options.wait_seconds = seconds;
        GIVES(wanted, ts_submit(scheduler, &options, &id));
        CHECK(is_zero(id));
        CHECK(counted(&dropped) == 0);
    }
}

static void the_thirty_first_pending_task_is_refused(void)
{
    plug its;
    ts_scheduler *scheduler = plugged("line_task_max: 1", &its);
    ts_task_id ids[30], more;
    int at, ran = 0, dropped = 0;
    for (at = 0; at < 30; at++)
        ids[at] = add(scheduler, name_of(at), run_count, &ran, NULL);
    refused(scheduler, TS_ERROR_QUEUE_FULL, 0, 0);
    more = dirty_id();
    GIVES(TS_ERROR_QUEUE_FULL,
          ts_add_task(scheduler, true, "one", run_nothing, &dropped, drop_count, &more));
    CHECK(is_zero(more) && counted(&dropped) == 0);
    CHECK(how_many(scheduler, TS_PENDING) == 30);
    /* One that is cancelled makes room for exactly one. */
    GIVES(TS_OK, ts_force_stop(scheduler, ids[7]));
    more = add(scheduler, NULL, run_count, &ran, NULL);
    refused(scheduler, TS_ERROR_QUEUE_FULL, 0, 0);
    pull(&its);
    for (at = 0; at < 30; at++)
        CHECK(ended(scheduler, ids[at]) == (at == 7 ? TS_CANCELLED : TS_COMPLETED));
    CHECK(ended(scheduler, more) == TS_COMPLETED);
    CHECK(counted(&ran) == 30);
    ts_scheduler_free(scheduler);
}

static void running_tasks_do_not_count_as_pending(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    plug plugs[10];
    int at, ran = 0;
    memset(plugs, 0, sizeof plugs);
    for (at = 0; at < 10; at++)
        add(scheduler, NULL, run_plug, &plugs[at], NULL);
    for (at = 0; at < 10; at++)
        await(&plugs[at].started, 1);
    for (at = 0; at < 30; at++)
        add(scheduler, name_of(at), run_count, &ran, NULL);
    refused(scheduler, TS_ERROR_QUEUE_FULL, 0, 0);
    for (at = 0; at < 10; at++)
        pull(&plugs[at]);
    await(&ran, 30);
    ts_scheduler_free(scheduler);
}

static void waiting_for_room_ends_with_its_time(void)
{
    plug its;
    ts_scheduler *scheduler = plugged("line_task_max: 1\nmaximum_queue_line: 2", &its);
    add(scheduler, "one", run_nothing, NULL, NULL);
    add(scheduler, NULL, run_nothing, NULL, NULL);
    refused(scheduler, TS_ERROR_QUEUE_FULL, TS_WAIT_FOR_ROOM, 0);
    refused(scheduler, TS_ERROR_QUEUE_FULL, TS_WAIT_FOR_ROOM, 0.002);
    /* wait_seconds without the flag means nothing. */
    refused(scheduler, TS_ERROR_QUEUE_FULL, 0, TS_FOREVER);
    pull(&its);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    int about_to, ran;
    ts_task_id id;
} waiter;

static void *wait_for_room(void *argument)
{
    waiter *its = (waiter *)argument;
    ts_task_options options =
        options_of("waiter", run_count, &its->ran, NULL, TS_WAIT_FOR_ROOM);
    options.wait_seconds = TS_FOREVER;
    count(&its->about_to);
    MUST(ts_submit(its->scheduler, &options, &its->id));
    return NULL;
}

static void room_comes_from_a_cancel(ts_scheduler *scheduler, ts_task_id pending, plug *its)
{
    (void)its;
    GIVES(TS_OK, ts_force_stop(scheduler, pending));
}

static void room_comes_from_a_start(ts_scheduler *scheduler, ts_task_id pending, plug *its)
{
    (void)scheduler;
    (void)pending;
    pull(its);
}

static void room_comes_from_a_higher_bound(ts_scheduler *scheduler, ts_task_id pending, plug *its)
{
    (void)pending;
    (void)its;
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_line", "3"));
}

static void room_comes_from_a_ban(ts_scheduler *scheduler, ts_task_id pending, plug *its)
{
    (void)pending;
    (void)its;
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_LINEAR, "one"));
}

static void waiting_for_room_succeeds_when_there_is_some(void)
{
    void (*const ways[])(ts_scheduler *, ts_task_id, plug *) = {
        room_comes_from_a_cancel, room_comes_from_a_start, room_comes_from_a_higher_bound,
        room_comes_from_a_ban,
    };
    int round;
    for (round = 0; round < 100; round++) {
        plug its;
        ts_scheduler *scheduler = plugged("line_task_max: 1\nmaximum_queue_line: 2", &its);
        ts_task_id pending = add(scheduler, "one", run_nothing, NULL, NULL);
        waiter waits;
        pthread_t waiting;
        memset(&waits, 0, sizeof waits);
        waits.scheduler = scheduler;
        add(scheduler, NULL, run_nothing, NULL, NULL);
        waiting = thread(wait_for_room, &waits);
        await(&waits.about_to, 1);
        ways[round % 4](scheduler, pending, &its);
        pthread_join(waiting, NULL);
        if (its.may_go == 0)
            pull(&its);
        CHECK(ended(scheduler, waits.id) == TS_COMPLETED);
        CHECK(counted(&waits.ran) == 1);
        ts_scheduler_free(scheduler);
    }
}

static void *wait_in_vain(void *argument)
{
    waiter *its = (waiter *)argument;
    ts_task_options options =
        options_of("waiter", run_nothing, NULL, NULL, TS_WAIT_FOR_ROOM);
    options.wait_seconds = TS_FOREVER;
    its->id = dirty_id();
    count(&its->about_to);
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_submit(its->scheduler, &options, &its->id));
    return NULL;
}

static void *shut_down(void *argument)
{
    GIVES(TS_OK, ts_shutdown((ts_scheduler *)argument, false));
    return NULL;
}

static void a_shutdown_ends_waiting_for_room(void)
{
    int round;
    for (round = 0; round < 50; round++) {
        plug its;
        ts_scheduler *scheduler = plugged("line_task_max: 1\nmaximum_queue_line: 1", &its);
        waiter waits;
        pthread_t waiting, closing;
        memset(&waits, 0, sizeof waits);
        waits.scheduler = scheduler;
        add(scheduler, "one", run_nothing, NULL, NULL);
        waiting = thread(wait_in_vain, &waits);
        await(&waits.about_to, 1);
        closing = thread(shut_down, scheduler);
        pthread_join(waiting, NULL);
        CHECK(is_zero(waits.id));
        pull(&its);
        pthread_join(closing, NULL);
        /* The room of cancelled tasks is free afterwards. */
        CHECK(ended(scheduler, add(scheduler, "one", run_nothing, NULL, NULL)) == TS_COMPLETED);
        ts_scheduler_free(scheduler);
    }
}

typedef struct {
    ts_scheduler *scheduler;
    int started, filled;
} inside;

static int32_t run_wait_for_room(ts_token *token, void *user_data)
{
    inside *its = (inside *)user_data;
    ts_task_options options = options_of("mine", run_nothing, NULL, NULL, TS_WAIT_FOR_ROOM);
    ts_task_id id;
    (void)token;
    options.wait_seconds = TS_FOREVER;
    /* With room there is nothing to wait for. */
    GIVES(TS_OK, ts_submit(its->scheduler, &options, &id));
    count(&its->started);
    await(&its->filled, 1);
    refused(its->scheduler, TS_ERROR_WOULD_DEADLOCK, TS_WAIT_FOR_ROOM, TS_FOREVER);
    refused(its->scheduler, TS_ERROR_WOULD_DEADLOCK, TS_WAIT_FOR_ROOM, 0.001);
    refused(its->scheduler, TS_ERROR_QUEUE_FULL, 0, 0);
    return 0;
}

static void waiting_for_room_inside_a_task_would_deadlock(void)
{
    inside its = { NULL, 0, 0 };
    ts_task_id id;
    its.scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 2");
    id = add(its.scheduler, "outer", run_wait_for_room, &its, NULL);
    await(&its.started, 1);
    add(its.scheduler, "one", run_nothing, NULL, NULL);
    count(&its.filled);
    CHECK(ended(its.scheduler, id) == TS_COMPLETED);
    ts_scheduler_free(its.scheduler);
}

/* Tasks that wait at a gate and know how many of them run. */
static struct {
    int running, most, may_go, done;
} gate;

static int32_t run_gate(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    pthread_mutex_lock(&check_lock);
    if (++gate.running > gate.most)
        gate.most = gate.running;
    pthread_cond_broadcast(&check_news);
    while (!gate.may_go)
        pthread_cond_wait(&check_news, &check_lock);
    gate.running--;
    gate.done++;
    pthread_cond_broadcast(&check_news);
    pthread_mutex_unlock(&check_lock);
    return 0;
}

static void a_higher_line_task_max_takes_effect_at_once(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    char *text = NULL;
    int at;
    memset(&gate, 0, sizeof gate);
    /* The first ten are seen to run before the others come: at most thirty may
     * be pending. */
    for (at = 0; at < 10; at++)
        add(scheduler, NULL, run_gate, NULL, NULL);
    await(&gate.running, 10);
    for (at = 10; at < 30; at++) {
        char name[32];
        snprintf(name, sizeof name, "name %d", at);
        add(scheduler, at % 2 ? NULL : name, run_gate, NULL, NULL);
    }
    CHECK(how_many(scheduler, TS_RUNNING) == 10);
    CHECK(how_many(scheduler, TS_PENDING) == 20);
    GIVES(TS_OK, ts_update_config(scheduler, "line_task_max", "18"));
    await(&gate.running, 18);
    MUST(ts_get_config(scheduler, "line_task_max", &text));
    CHECK(strcmp(text, "18") == 0);
    ts_string_free(text);
    count(&gate.may_go);
    await(&gate.done, 30);
    CHECK(gate.most == 18);
    ts_scheduler_free(scheduler);
}

/* Queued behind those at the gate: never more than two run at once. */
static int few, most_of_few, few_done;

static int32_t run_few(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    pthread_mutex_lock(&check_lock);
    if (gate.running + ++few > most_of_few)
        most_of_few = gate.running + few;
    pthread_mutex_unlock(&check_lock);
    pthread_mutex_lock(&check_lock);
    few--;
    few_done++;
    pthread_cond_broadcast(&check_news);
    pthread_mutex_unlock(&check_lock);
    return 0;
}

static void a_lower_line_task_max_takes_effect_at_once(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    int at;
    memset(&gate, 0, sizeof gate);
    few = most_of_few = few_done = 0;
    for (at = 0; at < 10; at++)
        add(scheduler, at % 2 ? "a name" : NULL, run_gate, NULL, NULL);
    await(&gate.running, 6);
    for (at = 0; at < 200; at++)
        add(scheduler, at % 3 ? NULL : "a name", run_few, NULL, NULL);
    /* Six at the gate; the four other workers run what they may, and stop. */
    await(&few_done, 133);
    GIVES(TS_OK, ts_update_config(scheduler, "line_task_max", "2"));
    CHECK(how_many(scheduler, TS_RUNNING) >= 6);
    pthread_mutex_lock(&check_lock);
    most_of_few = 0;
    pthread_mutex_unlock(&check_lock);
    for (at = 0; at < 200; at++)
        add(scheduler, at % 3 ? NULL : "another", run_few, NULL, NULL);
    count(&gate.may_go);
    await(&gate.done, 10);
    await(&few_done, 400);
    CHECK(most_of_few <= 2);
    ts_scheduler_free(scheduler);
}

static void the_queue_bound_changes_at_once(void)
{
    plug its;
    ts_scheduler *scheduler = plugged("line_task_max: 1", &its);
    int at, ran = 0;
    for (at = 0; at < 30; at++)
        add(scheduler, name_of(at), run_count, &ran, NULL);
    refused(scheduler, TS_ERROR_QUEUE_FULL, 0, 0);
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_line", "32"));
    add(scheduler, "one", run_count, &ran, NULL);
    add(scheduler, NULL, run_count, &ran, NULL);
    refused(scheduler, TS_ERROR_QUEUE_FULL, 0, 0);
    /* Lowered: what is there stays. */
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_line", "5"));
    refused(scheduler, TS_ERROR_QUEUE_FULL, 0, 0);
    CHECK(how_many(scheduler, TS_PENDING) == 32);
    /* None at all. */
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_line", "0"));
    for (at = 0; at < 1000; at++)
        add(scheduler, name_of(at), run_count, &ran, NULL);
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_line", "30"));
    refused(scheduler, TS_ERROR_QUEUE_FULL, 0, 0);
    pull(&its);
    await(&ran, 1032);
    ts_scheduler_free(scheduler);
}

/* A task that leaves a result, whose drop counts. */
static int results_dropped;

static void drop_result(void *data)
{
    (void)data;
    count(&results_dropped);
}

static int32_t run_result(ts_token *token, void *user_data)
{
    static int thing;
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, &thing, sizeof thing, drop_result));
    return 0;
}

static void only_the_last_finished_tasks_stay_known(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_task_id ids[100];
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_value value;
    int at;
    results_dropped = 0;
    for (at = 0; at < 100; at++)
        ids[at] = add(scheduler, "name", run_result, NULL, NULL);
    CHECK(ended(scheduler, ids[99]) == TS_COMPLETED);
    CHECK(counted(&results_dropped) == 40);
    for (at = 0; at < 40; at++) {
        ts_state state;
        GIVES(TS_ERROR_NOT_FOUND, ts_get_task_state(scheduler, ids[at], &state));
        GIVES(TS_ERROR_NOT_FOUND, ts_get_task_status(scheduler, ids[at], &status));
        GIVES(TS_ERROR_NOT_FOUND, ts_get_task_result(scheduler, ids[at], &value));
        GIVES(TS_ERROR_NOT_FOUND, ts_wait(scheduler, ids[at], TS_FOREVER, NULL));
        GIVES(TS_ERROR_NOT_FOUND, ts_force_stop(scheduler, ids[at]));
        GIVES(TS_ERROR_NOT_FOUND, ts_task_forget(scheduler, ids[at]));
    }
    for (at = 40; at < 100; at++)
        CHECK(state_of(scheduler, ids[at]) == TS_COMPLETED);
    CHECK(how_many(scheduler, TS_COMPLETED) == 60);
    /* One that is taken is the host's. */
    MUST(ts_get_task_result(scheduler, ids[70], &value));
    /* Fewer at once. */
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_task_info_storage", "5"));
    CHECK(counted(&results_dropped) == 40 + 54);
    CHECK(how_many(scheduler, TS_COMPLETED) == 5);
    CHECK(state_of(scheduler, ids[94]) == (ts_state)0);
    CHECK(state_of(scheduler, ids[95]) == TS_COMPLETED);
    /* None: a task that has ended is gone, but who waits for it is told. */
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_task_info_storage", "0"));
    CHECK(counted(&results_dropped) == 99);
    ts_scheduler_free(scheduler);
    CHECK(counted(&results_dropped) == 99);
    ts_value_free(&value);
    CHECK(counted(&results_dropped) == 100);
}

static void who_waits_is_told_even_when_nothing_stays_known(void)
{
    ts_scheduler *scheduler =
        scheduler_with("maximum_task_info_storage: 0\nmaximum_queue_line: 0");
    int round;
    for (round = 0; round < 200; round++) {
        plug its = { 0, 0 };
        ts_task_id id = add(scheduler, "name", run_plug, &its, NULL);
        ts_task_status status = TS_TASK_STATUS_INIT;
        ts_error error;
        pull(&its);
        error = ts_wait(scheduler, id, TS_FOREVER, &status);
        CHECK(error == TS_ERROR_NOT_FOUND
              || (error == TS_OK && status.state == TS_COMPLETED));
        GIVES(TS_ERROR_NOT_FOUND, ts_wait(scheduler, id, 0, NULL));
    }
    ts_scheduler_free(scheduler);
}

static void kept_records_stay_until_they_are_forgotten(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_task_id kept[5], running, pending, last;
    plug its = { 0, 0 };
    int at;
    results_dropped = 0;
    for (at = 0; at < 5; at++)
        kept[at] = submit(scheduler, "kept", run_result, NULL, NULL, TS_KEEP);
    for (at = 0; at < 5; at++)
        CHECK(ended(scheduler, kept[at]) == TS_COMPLETED);
    for (at = 0; at < 200; at++)
        last = add(scheduler, "others", run_nothing, NULL, NULL);
    CHECK(ended(scheduler, last) == TS_COMPLETED);
    /* They do not take the place of others. */
    CHECK(how_many(scheduler, TS_COMPLETED) == 65);
    CHECK(counted(&results_dropped) == 0);
    for (at = 0; at < 4; at++) {
        CHECK(strcmp(status_of(scheduler, kept[at]).task_name, "kept") == 0);
        GIVES(TS_OK, ts_task_forget(scheduler, kept[at]));
        CHECK(counted(&results_dropped) == at + 1);
        CHECK(state_of(scheduler, kept[at]) == (ts_state)0);
        GIVES(TS_ERROR_NOT_FOUND, ts_task_forget(scheduler, kept[at]));
    }
    /* One without TS_KEEP can be forgotten too. */
    GIVES(TS_OK, ts_task_forget(scheduler, last));
    CHECK(state_of(scheduler, last) == (ts_state)0);
    CHECK(how_many(scheduler, TS_COMPLETED) == 60);
    /* Forgotten before its end, a task goes on and is then like any other. */
    running = submit(scheduler, "plug", run_plug, &its, NULL, TS_KEEP);
    pending = submit(scheduler, "plug", run_result, NULL, NULL, TS_KEEP);
    await(&its.started, 1);
    GIVES(TS_OK, ts_task_forget(scheduler, running));
    GIVES(TS_OK, ts_task_forget(scheduler, pending));
    CHECK(state_of(scheduler, running) == TS_RUNNING);
    CHECK(state_of(scheduler, pending) == TS_PENDING);
    pull(&its);
    CHECK(ended(scheduler, pending) == TS_COMPLETED);
    for (at = 0; at < 60; at++)
        last = add(scheduler, "others", run_nothing, NULL, NULL);
    CHECK(ended(scheduler, last) == TS_COMPLETED);
    CHECK(state_of(scheduler, running) == (ts_state)0);
    CHECK(state_of(scheduler, pending) == (ts_state)0);
    CHECK(counted(&results_dropped) == 5);
    CHECK(state_of(scheduler, kept[4]) == TS_COMPLETED);
    /* The record stays over a shutdown, the result does not. */
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    CHECK(state_of(scheduler, kept[4]) == TS_COMPLETED);
    CHECK(counted(&results_dropped) == 6);
    ts_scheduler_free(scheduler);
    CHECK(counted(&results_dropped) == 6);
}

static const check_test tests[] = {
    TEST(the_thirty_first_pending_task_is_refused),
    TEST(running_tasks_do_not_count_as_pending),
    TEST(waiting_for_room_ends_with_its_time),
    TEST(waiting_for_room_succeeds_when_there_is_some),
    TEST(a_shutdown_ends_waiting_for_room),
    TEST(waiting_for_room_inside_a_task_would_deadlock),
    TEST(a_higher_line_task_max_takes_effect_at_once),
    TEST(a_lower_line_task_max_takes_effect_at_once),
    TEST(the_queue_bound_changes_at_once),
    TEST(only_the_last_finished_tasks_stay_known),
    TEST(who_waits_is_told_even_when_nothing_stays_known),
    TEST(kept_records_stay_until_they_are_forgotten),
};

CHECK_ALL(tests)
