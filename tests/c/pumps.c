/* Pumps: tasks that run only inside ts_pump_run, on one thread. */
#include "pumping.h"

static pthread_t home;
static int elsewhere;

static int32_t run_at_home(ts_token *token, void *user_data)
{
    if (!pthread_equal(pthread_self(), home))
        elsewhere++;
    return run_count(token, user_data);
}

static void drop_at_home(void *user_data)
{
    if (!pthread_equal(pthread_self(), home))
        elsewhere++;
    drop_count(user_data);
}

typedef struct {
    ts_scheduler *scheduler;
    ts_pump *pump;
    ts_task_id id;
    int *ran, *drops, done;
    ts_error error;
} pump_affair;

static void *add_some(void *argument)
{
    pump_affair *its = argument;
    int at;
    for (at = 0; at < 100; at++)
        pumped(its->scheduler, its->pump, at % 3 ? "name" : NULL, run_at_home, its->ran, drop_at_home, 0);
    return NULL;
}

static void tasks_run_on_the_thread_that_pumps_and_no_thread_is_made(void)
{
    pump_affair its;
    int ran = 0;
    ts_task_id id;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with("maximum_queue_line: 0\nmaximum_task_info_storage: 1000");
    its.pump = pump_of(its.scheduler);
    its.ran = &ran;
    home = pthread_self();
    elsewhere = 0;
    CHECK(run(its.pump, 0) == 0);
    pthread_join(thread(add_some, &its), NULL);
    add_some(&its);
    MUST(ts_scheduler_set_runner(its.scheduler, TS_PUMP, its.pump));
    MUST(ts_add_task(its.scheduler, false, "default", run_at_home, &ran, NULL, &id));
    CHECK(counted(&ran) == 0 && state_of(its.scheduler, id) == TS_PENDING);
    CHECK(run(its.pump, 0) == 201);
    /* Each counts its drop too. */
    CHECK(counted(&ran) == 401 && elsewhere == 0);
    CHECK(state_of(its.scheduler, id) == TS_COMPLETED);
    CHECK(run(its.pump, 0) == 0);
    CHECK(threads_of_ours("ts-") == 0);
    ts_pump_free(its.pump);
    ts_scheduler_free(its.scheduler);
}

#define NAMES 3
static int order[300], ordered;

static int32_t run_note(ts_token *token, void *user_data)
{
    (void)token;
    order[ordered++] = *(int *)user_data;
    return 0;
}

static void names_take_turns_and_keep_their_order(void)
{
    static const char *const names[NAMES] = { "red", "green", "blue" };
    static int numbers[300];
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_pump *pump = pump_of(scheduler);
    int at;
    ordered = 0;
    for (at = 0; at < 300; at++) {
        numbers[at] = at;
        pumped(scheduler, pump, names[at / 100], run_note, &numbers[at], NULL, 0);
    }
    CHECK(run(pump, 150) == 150 && ordered == 150);
    CHECK(run(pump, 0) == 150);
    for (at = 0; at < 300; at++)
        CHECK(order[at] == at / 3 + at % 3 * 100);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

static int32_t run_for_long(ts_token *token, void *user_data)
{
    GIVES(TS_OK, ts_interruptible_sleep(token, 0.05));
    return run_count(token, user_data);
}

/* The one that uses it up is the last. */
static void a_budget_is_overrun_by_one_task_at_most(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_pump *pump = pump_of(scheduler);
    size_t got;
    int ran = 0, at;
    for (at = 0; at < 4; at++)
        pumped(scheduler, pump, at % 2 ? "name" : NULL, run_for_long, &ran, NULL, 0);
    GIVES(TS_OK, ts_pump_run(pump, 0, 0.001, &got));
    CHECK(got == 1 && counted(&ran) == 1);
    GIVES(TS_OK, ts_pump_run(pump, 0, 1e-9, &got));
    CHECK(got == 1 && counted(&ran) == 2);
    GIVES(TS_OK, ts_pump_run(pump, 1, 1e9, &got));
    CHECK(got == 1 && counted(&ran) == 3);
    GIVES(TS_OK, ts_pump_run(pump, 0, 1e9, NULL));
    CHECK(counted(&ran) == 4);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

static void *run_elsewhere(void *argument)
{
    pump_affair *its = argument;
    size_t ran = 77;
    its->error = ts_pump_run(its->pump, 0, 0, &ran);
    CHECK(ran == 77);
    GIVES(TS_ERROR_TIMED_OUT, ts_wait(its->scheduler, its->id, 0.001, NULL));
    return NULL;
}

static int32_t run_nested(ts_token *token, void *user_data)
{
    pump_affair *its = user_data;
    size_t ran = 77;
    (void)token;
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_pump_run(its->pump, 0, 0, &ran));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(its->scheduler, its->id, TS_FOREVER, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(its->scheduler, false));
    CHECK(ran == 77);
    count(&its->done);
    return 0;
}

static void it_belongs_to_the_thread_of_its_first_run(void)
{
    pump_affair its;
    ts_task_options options = options_of("name", run_nothing, NULL, NULL, TS_WAIT_FOR_ROOM);
    int ran = 0;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with("maximum_queue_line: 2");
    its.pump = pump_of(its.scheduler);
    CHECK(run(its.pump, 0) == 0);
    pumped(its.scheduler, its.pump, "name", run_nested, &its, NULL, 0);
    its.id = pumped(its.scheduler, its.pump, NULL, run_count, &ran, NULL, 0);
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(its.scheduler, its.id, TS_FOREVER, NULL));
    GIVES(TS_ERROR_NOT_FINISHED, ts_wait(its.scheduler, its.id, 0, NULL));
    options.pump = its.pump;
    options.wait_seconds = TS_FOREVER;
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_submit(its.scheduler, &options, &its.id));
    ts_pump_free(its.pump);
    ts_scheduler_free(its.scheduler);
}

static void another_thread_may_not_run_it(void)
{
    pump_affair its;
    int ran = 0;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    its.pump = pump_of(its.scheduler);
    its.id = pumped(its.scheduler, its.pump, NULL, run_count, &ran, NULL, 0);
    CHECK(run(its.pump, 0) == 1);
    pumped(its.scheduler, its.pump, "name", run_nested, &its, NULL, 0);
    its.id = pumped(its.scheduler, its.pump, NULL, run_count, &ran, NULL, 0);
    pthread_join(thread(run_elsewhere, &its), NULL);
    CHECK(its.error == TS_ERROR_WRONG_THREAD && counted(&ran) == 1);
    CHECK(run(its.pump, 0) == 2 && counted(&its.done) == 1);
    CHECK(ended(its.scheduler, its.id) == TS_COMPLETED);
    ts_pump_free(its.pump);
    ts_scheduler_free(its.scheduler);
}

static int32_t run_other_pump(ts_token *token, void *user_data)
{
    pump_affair *its = user_data;
    ts_error error = ts_pump_run(its->pump, 0, 0, NULL);
    ts_token *own = token;
    CHECK(error == TS_OK || error == TS_ERROR_WOULD_DEADLOCK);
    /* Whatever became of that: this task is still what it was. */
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(its->scheduler, its->id, 1, NULL));
    GIVES(TS_OK, ts_set_error(NULL, "mine"));
    CHECK(!ts_should_stop(own));
    count(&its->done);
    return 1;
}

/* A pump that is run inside another's task, or inside one of the workers'. */
static void a_run_inside_another_task_leaves_that_as_it_was(void)
{
    pump_affair its;
    int ran = 0, which;
    for (which = 0; which < 2; which++) {
        ts_pump *outer;
        memset(&its, 0, sizeof its);
        its.scheduler = scheduler_with(NULL);
        its.pump = pump_of(its.scheduler);
        outer = pump_of(its.scheduler);
        pumped(its.scheduler, its.pump, NULL, run_count, &ran, NULL, 0);
        if (which) {
            plug first = { 0, 0 };
            ts_task_id id = add(its.scheduler, "name", run_plug, &first, NULL);
            its.id = add(its.scheduler, "name", run_other_pump, &its, NULL);
            pull(&first);
            ended(its.scheduler, id);
            await(&its.done, 1);
            CHECK(ended(its.scheduler, its.id) == TS_FAILED);
        } else {
            its.id = pumped(its.scheduler, outer, "name", run_other_pump, &its, NULL, 0);
            CHECK(run(outer, 0) == 1);
            CHECK(state_of(its.scheduler, its.id) == TS_FAILED);
        }
        CHECK(strcmp(status_of(its.scheduler, its.id).error, "mine") == 0);
        ts_pump_free(its.pump);
        ts_pump_free(outer);
        ts_scheduler_free(its.scheduler);
    }
}

static void freeing_cancels_what_is_pending(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_pump_options options = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = NULL;
    ts_lane *lane = NULL;
    ts_task_id ids[10], id = dirty_id();
    int drops = 0, freed = 0, ran = 0, at;
    options.ready = drop_count;
    options.drop = drop_count;
    options.user_data = &freed;
    MUST(ts_pump_new(scheduler, &options, &pump));
    wanted.name = "name";
    wanted.pump = pump;
    MUST(ts_lane_new(scheduler, &wanted, &lane));
    home = pthread_self();
    elsewhere = 0;
    for (at = 0; at < 10; at++)
        ids[at] = pumped(scheduler, pump, at % 2 ? "name" : NULL, run_count, &drops, drop_at_home, 0);
    CHECK(counted(&freed) == 1);
    ts_pump_free(pump);
    CHECK(counted(&drops) == 10 && elsewhere == 0 && counted(&freed) == 2);
    for (at = 0; at < 10; at++)
        CHECK(state_of(scheduler, ids[at]) == TS_CANCELLED);
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_lane_add_task(lane, false, run_count, &ran, drop_count, &id));
    CHECK(is_zero(id));
    id = dirty_id();
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_add_task(scheduler, false, "name", run_count, &ran, drop_count, &id));
    CHECK(is_zero(id) && counted(&ran) == 0);
    ts_lane_free(lane);
    /* Nobody binds the name any more. */
    CHECK(ended(scheduler, add(scheduler, "name", run_count, &ran, NULL)) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

/* What was meant for the pump's thread does not go to others. */
static void after_the_scheduler_s_own_pump_was_freed_adds_are_refused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump *pump = pump_of(scheduler);
    ts_task_id id;
    MUST(ts_scheduler_set_runner(scheduler, TS_PUMP, pump));
    ts_pump_free(pump);
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_add_task(scheduler, false, "name", run_nothing, NULL, NULL, &id));
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_add_task(scheduler, false, NULL, run_nothing, NULL, NULL, &id));
    MUST(ts_scheduler_set_runner(scheduler, TS_WORKERS, NULL));
    CHECK(ended(scheduler, add(scheduler, "name", run_nothing, NULL, NULL)) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

/* What was cancelled binds its name to nobody, wherever its place lies. */
static void a_name_in_which_nothing_is_alive_goes_to_the_new_default(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump *pump = pump_of(scheduler);
    int before = 0, ran = 0;
    size_t count = 0;
    MUST(ts_scheduler_set_runner(scheduler, TS_PUMP, pump));
    add(scheduler, "before", run_count, &before, NULL);
    add(scheduler, "name", run_count, &ran, NULL);
    add(scheduler, "name", run_count, &ran, NULL);
    add(scheduler, "alive", run_count, &before, NULL);
    MUST(ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "name", &count));
    CHECK(count == 2);
    MUST(ts_scheduler_set_runner(scheduler, TS_WORKERS, NULL));
    CHECK(ended(scheduler, add(scheduler, "name", run_count, &ran, NULL)) == TS_COMPLETED);
    CHECK(counted(&ran) == 1 && counted(&before) == 0);
    /* Behind one that is alive it stays where that is. */
    add(scheduler, "alive", run_count, &before, NULL);
    CHECK(run(pump, 0) == 3 && counted(&before) == 3);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

static int32_t run_free(ts_token *token, void *user_data)
{
    pump_affair *its = user_data;
    (void)token;
    ts_pump_free(its->pump);
    count(&its->done);
    return 0;
}

static void it_may_be_freed_in_one_of_its_own_tasks(void)
{
    pump_affair its;
    ts_task_id id, behind, other;
    int drops = 0, ran = 0;
    size_t got = 77;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    its.pump = pump_of(its.scheduler);
    id = pumped(its.scheduler, its.pump, "name", run_free, &its, NULL, 0);
    behind = pumped(its.scheduler, its.pump, "name", run_count, &ran, drop_count, 0);
    other = pumped(its.scheduler, its.pump, NULL, run_count, &drops, drop_count, 0);
    GIVES(TS_OK, ts_pump_run(its.pump, 0, 0, &got));
    CHECK(got == 1 && counted(&its.done) == 1);
    CHECK(counted(&ran) == 1 && counted(&drops) == 1);
    CHECK(state_of(its.scheduler, id) == TS_COMPLETED);
    CHECK(state_of(its.scheduler, behind) == TS_CANCELLED);
    CHECK(state_of(its.scheduler, other) == TS_CANCELLED);
    CHECK(ended(its.scheduler, add(its.scheduler, "name", run_nothing, NULL, NULL)) == TS_COMPLETED);
    ts_scheduler_free(its.scheduler);
}

static ts_poll poll_nothing(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static void it_takes_linear_tasks_only(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL), *other = scheduler_with(NULL);
    ts_pump *pump = pump_of(scheduler), *foreign = pump_of(other);
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_lane *lane = NULL;
    ts_task_id id;
    options.poll = poll_nothing;
    options.pump = pump;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_submit(scheduler, &options, &id));
    wanted.name = "name";
    wanted.kind = TS_ASYNC;
    wanted.pump = pump;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_lane_new(scheduler, &wanted, &lane));
    wanted.kind = TS_LINEAR;
    wanted.width = 2;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_lane_new(scheduler, &wanted, &lane));
    options = options_of(NULL, run_nothing, NULL, NULL, 0);
    options.pump = foreign;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_submit(scheduler, &options, &id));
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_scheduler_set_runner(scheduler, TS_PUMP, foreign));
    ts_pump_free(pump);
    ts_pump_free(foreign);
    ts_scheduler_free(scheduler);
    ts_scheduler_free(other);
}

static int32_t run_until_told(ts_token *token, void *user_data)
{
    ts_error error = ts_interruptible_sleep(token, 1e6);
    CHECK(error == TS_STOPPED && ts_should_stop(NULL));
    return run_count(token, user_data);
}

static void its_tasks_time_out(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump *pump = pump_of(scheduler);
    ts_task_options options = options_of("name", run_until_told, NULL, NULL, TS_TIMEOUT_PROCESSING);
    ts_task_id id;
    int ran = 0;
    options.user_data = &ran;
    options.timeout_seconds = 0.05;
    options.pump = pump;
    MUST(ts_submit(scheduler, &options, &id));
    CHECK(run(pump, 0) == 1 && counted(&ran) == 1);
    CHECK(state_of(scheduler, id) == TS_TIMEOUT);
    CHECK(threads_of_ours("ts-worker") == 0);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

static void *shut_down(void *argument)
{
    pump_affair *its = argument;
    GIVES(TS_OK, ts_shutdown(its->scheduler, true));
    return NULL;
}

static void it_survives_a_shutdown(void)
{
    pump_affair its;
    ts_task_id pending, running;
    int ran = 0, round;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    its.pump = pump_of(its.scheduler);
    for (round = 0; round < 3; round++) {
        int fd;
        pthread_t other;
        MUST(ts_pump_fd(its.pump, &fd));
        pending = pumped(its.scheduler, its.pump, "name", run_count, &ran, drop_count, 0);
        if (round == 1) {
            /* While one runs. */
            running = pumped(its.scheduler, its.pump, NULL, run_until_told, &ran, NULL, 0);
            CHECK(run(its.pump, 1) == 1);
            pending = pumped(its.scheduler, its.pump, "name", run_count, &ran, drop_count, 0);
            other = thread(shut_down, &its);
            CHECK(run(its.pump, 0) <= 2);
            pthread_join(other, NULL);
            CHECK(state_of(its.scheduler, running) == TS_CANCELLED);
        } else {
            /* On its own thread. */
            GIVES(TS_OK, ts_shutdown(its.scheduler, round));
            CHECK(state_of(its.scheduler, pending) == TS_CANCELLED);
        }
        CHECK(run(its.pump, 0) == 0);
        CHECK(!is_readable(fd));
        ran = 0;
        pending = pumped(its.scheduler, its.pump, "name", run_count, &ran, NULL, 0);
        CHECK(is_readable(fd) && run(its.pump, 0) == 1 && counted(&ran) == 1);
        CHECK(state_of(its.scheduler, pending) == TS_COMPLETED);
    }
    ts_pump_free(its.pump);
    ts_scheduler_free(its.scheduler);
}

static void it_outlives_its_scheduler(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump_options options = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = NULL;
    int drops = 0, freed = 0, fd = -7;
    size_t ran = 77;
    options.ready = drop_count;
    options.drop = drop_count;
    options.user_data = &freed;
    MUST(ts_pump_new(scheduler, &options, &pump));
    pumped(scheduler, pump, "name", run_count, &drops, drop_count, 0);
    pumped(scheduler, pump, NULL, run_count, &drops, drop_count, 0);
    ts_scheduler_free(scheduler);
    CHECK(counted(&drops) == 2 && counted(&freed) == 1);
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_pump_run(pump, 0, 0, &ran));
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_pump_fd(pump, &fd));
    CHECK(ran == 77 && fd == -1);
    ts_pump_free(pump);
    CHECK(counted(&freed) == 2);
}

typedef struct {
    ts_scheduler *scheduler;
    ts_lane *lane;
    int accepted, drops, refused, go_on;
} stream;

static void *add_without_end(void *argument)
{
    stream *its = argument;
    while (__atomic_load_n(&its->go_on, __ATOMIC_RELAXED)) {
        ts_task_id id;
        ts_error error = ts_lane_add_task(its->lane, false, run_nothing, &its->drops, drop_count, &id);
        if (error == TS_OK)
            its->accepted++;
        else if (error == TS_ERROR_SHUTTING_DOWN)
            its->refused++;
        else
            GIVES(TS_OK, error);
        if (its->refused > 10)
            break;
    }
    return NULL;
}

/* Whatever was accepted ends, also what meets the free. */
static void adds_that_meet_the_free_are_refused_or_cancelled(void)
{
    int round;
    for (round = 0; round < 400; round++) {
        ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
        stream streams[2];
        pthread_t adders[2];
        ts_pump *pump;
        int at;
        memset(streams, 0, sizeof streams);
        streams[0].scheduler = scheduler_with("maximum_queue_line: 0");
        pump = pump_of(streams[0].scheduler);
        wanted.pump = pump;
        for (at = 0; at < 2; at++) {
            wanted.name = at ? "one" : "two";
            streams[at].scheduler = streams[0].scheduler;
            streams[at].go_on = 1;
            MUST(ts_lane_new(streams[0].scheduler, &wanted, &streams[at].lane));
        }
        for (at = 0; at < 2; at++)
            adders[at] = thread(add_without_end, &streams[at]);
        for (at = 0; at < round % 20; at++)
            run(pump, 20);
        ts_pump_free(pump);
        for (at = 0; at < 2; at++) {
            pthread_join(adders[at], NULL);
            CHECK(counted(&streams[at].drops) == streams[at].accepted);
            ts_lane_free(streams[at].lane);
        }
        CHECK(how_many(streams[0].scheduler, TS_RUNNING) == 0);
        ts_scheduler_free(streams[0].scheduler);
        if (check_failures != 0)
            break;
    }
}

static const check_test tests[] = {
    TEST(tasks_run_on_the_thread_that_pumps_and_no_thread_is_made),
    TEST(names_take_turns_and_keep_their_order),
    TEST(a_budget_is_overrun_by_one_task_at_most),
    TEST(it_belongs_to_the_thread_of_its_first_run),
    TEST(another_thread_may_not_run_it),
    TEST(a_run_inside_another_task_leaves_that_as_it_was),
    TEST(freeing_cancels_what_is_pending),
    TEST(after_the_scheduler_s_own_pump_was_freed_adds_are_refused),
    TEST(a_name_in_which_nothing_is_alive_goes_to_the_new_default),
    TEST(it_may_be_freed_in_one_of_its_own_tasks),
    TEST(it_takes_linear_tasks_only),
    TEST(its_tasks_time_out),
    TEST(it_survives_a_shutdown),
    TEST(it_outlives_its_scheduler),
    TEST(adds_that_meet_the_free_are_refused_or_cancelled),
};

CHECK_ALL(tests)
