/* Async tasks under their names: order, limits, loops, and what is told of them. */
#include "async.h"

static void at_most_so_many_of_a_name_run_at_once(void)
{
    static const char *const limits[] = { NULL, "maximum_event_loop_tasks: 1",
                                          "maximum_event_loop_tasks: 7" };
    static const int widths[] = { 3, 1, 7 };
    int which, at, width;
    for (which = 0; which < 3; which++) {
        ts_scheduler *scheduler = scheduler_with(limits[which]);
        held tasks[20];
        ts_task_id ids[20];
        width = widths[which];
        for (at = 0; at < 20; at++)
            ids[at] = hold(scheduler, "a", &tasks[at]);
        for (at = 0; at < 20; at++) {
            /* The first ones run, and no other, until one of them ends. */
            int last = at + width < 20 ? at + width : 20, other;
            for (other = at; other < last; other++)
                await(&tasks[other].polls, 1);
            round_trip(scheduler, "b");
            for (other = last; other < 20; other++)
                CHECK(state_of(scheduler, ids[other]) == TS_PENDING &&
                      counted(&tasks[other].polls) == 0);
            let_go(&tasks[at]);
            CHECK(ended(scheduler, ids[at]) == TS_COMPLETED);
        }
        free_held(tasks, 20);
        ts_scheduler_free(scheduler);
    }
}

typedef struct {
    int *next;
    int number;
} in_order;

static ts_poll poll_in_order(ts_token *token, void *user_data)
{
    in_order *its = (in_order *)user_data;
    (void)token;
    CHECK(counted(its->next) == its->number);
    count(its->next);
    return TS_POLL_READY;
}

static void tasks_of_a_name_start_in_the_order_of_their_adds(void)
{
    enum { MANY = 3000 };
    static in_order tasks[MANY];
    ts_scheduler *scheduler = scheduler_with("maximum_queue_async: 0");
    int next = 0, at;
    held plugs[3];
    for (at = 0; at < 3; at++)
        hold(scheduler, "a", &plugs[at]);
    for (at = 0; at < MANY; at++) {
        tasks[at].next = &next;
        tasks[at].number = at;
        add_async(scheduler, "a", poll_in_order, &tasks[at], NULL);
    }
    for (at = 0; at < 3; at++)
        await(&plugs[at].polls, 1);
    CHECK(counted(&next) == 0);
    for (at = 0; at < 3; at++)
        let_go(&plugs[at]);
    await(&next, MANY);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    free_held(plugs, 3);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    in_order tasks[6];
    int next;
} adder;

static ts_poll poll_adds(ts_token *token, void *user_data)
{
    adder *its = (adder *)user_data;
    int at;
    (void)token;
    for (at = 0; at < 6; at++) {
        its->tasks[at].next = &its->next;
        its->tasks[at].number = at;
        add_async(its->scheduler, "a", poll_in_order, &its->tasks[at], NULL);
    }
    return TS_POLL_READY;
}

/* The first of them has a place at once, and the end of this poll gives its own
 * to the second. */
static void so_do_those_that_are_added_by_one_of_their_name(void)
{
    int round;
    for (round = 0; round < 100; round++) {
        ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 2");
        adder its;
        its.scheduler = scheduler;
        its.next = 0;
        add_async(scheduler, "a", poll_adds, &its, NULL);
        await(&its.next, 6);
        ts_scheduler_free(scheduler);
    }
}

static void the_thirty_first_pending_task_of_a_name_is_refused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    held running[3];
    ts_task_id ids[30], id;
    int at, round, ran = 0, dropped = 0;
    for (at = 0; at < 3; at++)
        hold(scheduler, "a", &running[at]);
    for (at = 0; at < 3; at++)
        await(&running[at].polls, 1);
    for (at = 0; at < 30; at++)
        ids[at] = add_async(scheduler, "a", poll_count, &ran, NULL);
    for (round = 0; round < 3; round++) {
        id = dirty_id();
        GIVES(TS_ERROR_QUEUE_FULL,
              ts_add_async_task(scheduler, true, "a", poll_count, &ran, drop_count, &id));
        CHECK(is_zero(id) && counted(&dropped) == 0);
        CHECK(strcmp(ts_last_error_message(),
                     "the queue is full: 30 async tasks of this name are pending "
                     "(maximum_queue_async)") == 0);
    }
    CHECK(known(scheduler, TS_ASYNC, TS_PENDING) == 30);
    /* Other names, no name, and linear tasks of the same name have room. */
    round_trip(scheduler, "b");
    round_trip(scheduler, NULL);
    id = add(scheduler, "a", run_nothing, NULL, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    /* One that is cancelled makes room for exactly one. */
    GIVES(TS_OK, ts_force_stop(scheduler, ids[7]));
    add_async(scheduler, "a", poll_count, &ran, NULL);
    GIVES(TS_ERROR_QUEUE_FULL,
          ts_add_async_task(scheduler, true, "a", poll_count, &ran, drop_count, &id));
    /* So does one that starts. */
    let_go(&running[0]);
    await(&ran, 30);
    for (at = 1; at < 3; at++)
        let_go(&running[at]);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    CHECK(counted(&ran) == 30 && counted(&dropped) == 0);
    free_held(running, 3);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    int ran, accepted;
} burst;

static ts_poll poll_burst(ts_token *token, void *user_data)
{
    burst *its = (burst *)user_data;
    ts_task_id id;
    (void)token;
    while (ts_add_async_task(its->scheduler, false, "b", poll_count, &its->ran, NULL, &id) == TS_OK)
        its->accepted++;
    return TS_POLL_READY;
}

/* Three have places, though none of them can have started. */
static void those_that_have_a_place_do_not_count_as_pending(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    burst its = { NULL, 0, 0 };
    its.scheduler = scheduler;
    CHECK(ended(scheduler, add_async(scheduler, "a", poll_burst, &its, NULL)) == TS_COMPLETED);
    CHECK(its.accepted == 33);
    await(&its.ran, 33);
    ts_scheduler_free(scheduler);
}

static void waiting_for_room_does_not_hang_in_a_full_async_lane(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1\nmaximum_queue_async: 1");
    held running;
    ts_task_id first = hold(scheduler, "a", &running), second, third;
    ts_task_options options;
    int ran = 0;
    await(&running.polls, 1);
    second = add_async(scheduler, "a", poll_count, &ran, NULL);
    options = async_options("a", poll_count, &ran, NULL, TS_WAIT_FOR_ROOM);
    options.wait_seconds = 0.05;
    GIVES(TS_ERROR_QUEUE_FULL, ts_submit(scheduler, &options, &third));
    let_go(&running);
    options.wait_seconds = TS_FOREVER;
    MUST(ts_submit(scheduler, &options, &third));
    CHECK(ended(scheduler, first) == TS_COMPLETED);
    CHECK(ended(scheduler, second) == TS_COMPLETED);
    CHECK(ended(scheduler, third) == TS_COMPLETED);
    free_held(&running, 1);
    ts_scheduler_free(scheduler);
}

static void changed_limits_take_effect_at_once(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    held tasks[12];
    ts_task_id ids[12], id;
    int at, ran = 0;
    for (at = 0; at < 12; at++)
        ids[at] = hold(scheduler, "a", &tasks[at]);
    for (at = 0; at < 3; at++)
        await(&tasks[at].polls, 1);
    /* Wider: the next two start. */
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_event_loop_tasks", "5"));
    for (at = 3; at < 5; at++)
        await(&tasks[at].polls, 1);
    round_trip(scheduler, "b");
    CHECK(state_of(scheduler, ids[5]) == TS_PENDING);
    /* Narrower: nothing starts before all but one have ended. */
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_event_loop_tasks", "2"));
    for (at = 0; at < 3; at++) {
        let_go(&tasks[at]);
        CHECK(ended(scheduler, ids[at]) == TS_COMPLETED);
    }
    round_trip(scheduler, "b");
    CHECK(state_of(scheduler, ids[5]) == TS_PENDING);
    let_go(&tasks[3]);
    await(&tasks[5].polls, 1);
    CHECK(state_of(scheduler, ids[6]) == TS_PENDING);
    /* The queue's limit: six are pending. */
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_async", "6"));
    GIVES(TS_ERROR_QUEUE_FULL, ts_add_async_task(scheduler, false, "a", poll_count, &ran, NULL, &id));
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_async", "7"));
    add_async(scheduler, "a", poll_count, &ran, NULL);
    GIVES(TS_ERROR_QUEUE_FULL, ts_add_async_task(scheduler, false, "a", poll_count, &ran, NULL, &id));
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_async", "0"));
    for (at = 0; at < 100; at++)
        add_async(scheduler, "a", poll_count, &ran, NULL);
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_event_loop_tasks", "1000"));
    await(&ran, 101);
    for (at = 4; at < 12; at++) {
        await(&tasks[at].polls, 1);
        let_go(&tasks[at]);
    }
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    free_held(tasks, 12);
    ts_scheduler_free(scheduler);
}

static void a_name_of_both_kinds_is_two_lanes(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1");
    held tasks[2];
    plug its = { 0, 0 };
    size_t cancelled = 9;
    int ran = 0;
    ts_task_id async1 = hold(scheduler, "a", &tasks[0]), async2 = hold(scheduler, "a", &tasks[1]);
    ts_task_id linear1 = add(scheduler, "a", run_plug, &its, NULL);
    ts_task_id linear2 = add(scheduler, "a", run_count, &ran, NULL), id;
    await(&tasks[0].polls, 1);
    await(&its.started, 1);
    /* Cancel and ban one kind, and the other does not notice. */
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_ASYNC, "a", &cancelled));
    CHECK(cancelled == 1 && state_of(scheduler, async2) == TS_CANCELLED);
    CHECK(state_of(scheduler, linear2) == TS_PENDING);
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_LINEAR, "a"));
    CHECK(state_of(scheduler, linear2) == TS_CANCELLED);
    CHECK(state_of(scheduler, async1) == TS_RUNNING);
    async2 = add_async(scheduler, "a", poll_count, &ran, NULL);
    GIVES(TS_ERROR_NOT_BANNED, ts_allow_task_name(scheduler, TS_ASYNC, "a"));
    GIVES(TS_ERROR_BANNED, ts_add_task(scheduler, false, "a", run_count, &ran, NULL, &id));
    let_go(&tasks[0]);
    CHECK(ended(scheduler, async2) == TS_COMPLETED);
    CHECK(state_of(scheduler, linear1) == TS_RUNNING);
    pull(&its);
    CHECK(ended(scheduler, linear1) == TS_COMPLETED);
    CHECK(known(scheduler, TS_ASYNC, TS_COMPLETED) == 2 && known(scheduler, TS_LINEAR, TS_COMPLETED) == 1);
    free_held(tasks, 2);
    ts_scheduler_free(scheduler);
}

static ts_poll poll_result(ts_token *token, void *user_data)
{
    GIVES(TS_OK, ts_set_result(token, user_data, strlen((char *)user_data) + 1, NULL));
    return TS_POLL_READY;
}

static ts_poll poll_unknown(ts_token *token, void *user_data)
{
    (void)token;
    return (ts_poll) * (int *)user_data;
}

static void status_result_and_wait_work_as_for_linear_tasks(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    static char text[] = "a result";
    held task;
    ts_task_id id = hold(scheduler, "a", &task);
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_value value;
    int unknown = 7;
    await(&task.polls, 1);
    status = status_of(scheduler, id);
    CHECK(status.kind == TS_ASYNC && status.state == TS_RUNNING && status.ended_at == 0);
    CHECK(status.started_at >= status.added_at - 0.1 && strcmp(status.task_name, "a") == 0);
    GIVES(TS_ERROR_NOT_FINISHED, ts_wait(scheduler, id, 0, NULL));
    GIVES(TS_ERROR_TIMED_OUT, ts_wait(scheduler, id, 0.002, NULL));
    GIVES(TS_ERROR_NOT_FINISHED, ts_get_task_result(scheduler, id, &value));
    let_go(&task);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    CHECK(counted(&task.dropped) == 1);
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, id, &value));
    GIVES(TS_ERROR_ALREADY_FINISHED, ts_force_stop(scheduler, id));
    id = add_async(scheduler, NULL, poll_result, text, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    MUST(ts_get_task_result(scheduler, id, &value));
    CHECK(value.size == sizeof text && strcmp((char *)value.data, text) == 0);
    ts_value_free(&value);
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, id, &value));
    id = add_async(scheduler, "a", poll_fail, NULL, NULL);
    CHECK(ended(scheduler, id) == TS_FAILED);
    status = status_of(scheduler, id);
    CHECK(status.code != 0 && status.ended_at >= status.started_at && status.error[0] == 0);
    /* A number that ts_poll does not have. */
    id = add_async(scheduler, "a", poll_unknown, &unknown, NULL);
    CHECK(ended(scheduler, id) == TS_FAILED);
    status = status_of(scheduler, id);
    CHECK(strcmp(status.error, "the poll function returned 7; it is 0 to 2") == 0);
    GIVES(TS_OK, ts_task_forget(scheduler, id));
    GIVES(TS_ERROR_NOT_FOUND, ts_get_task_status(scheduler, id, &status));
    free_held(&task, 1);
    ts_scheduler_free(scheduler);
}

static void the_queue_text_shows_async_tasks(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1");
    held task;
    ts_task_id id = hold(scheduler, "some name", &task), bad;
    char *text = NULL, shown[37], line[200];
    static char words[] = "it broke";
    await(&task.polls, 1);
    add_async(scheduler, "some name", poll_ready, NULL, NULL);
    bad = add_async(scheduler, NULL, poll_fail, words, NULL);
    CHECK(ended(scheduler, bad) == TS_FAILED);
    MUST(ts_get_all_queue_info(scheduler, TS_ASYNC, true, &text));
    ts_task_id_format(id, shown);
    snprintf(line, sizeof line, "Name: some name, ID: %s, ", shown);
    CHECK(strstr(text, "asyncio queue size: 1, Running tasks count: 1") != NULL);
    CHECK(strstr(text, line) != NULL);
    CHECK(strstr(text, words) != NULL);
    ts_string_free(text);
    MUST(ts_get_all_queue_info(scheduler, TS_LINEAR, true, &text));
    CHECK(strstr(text, "line queue size: 0, Running tasks count: 0") != NULL);
    CHECK(strstr(text, words) == NULL);
    ts_string_free(text);
    let_go(&task);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    free_held(&task, 1);
    ts_scheduler_free(scheduler);
}

static void tasks_without_a_name_have_no_limit(void)
{
    enum { MANY = 500 };
    static held tasks[MANY];
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1\nmaximum_queue_async: 1");
    int at;
    for (at = 0; at < MANY; at++)
        hold(scheduler, NULL, &tasks[at]);
    for (at = 0; at < MANY; at++)
        await(&tasks[at].polls, 1);
    for (at = 0; at < MANY; at++)
        let_go(&tasks[at]);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    free_held(tasks, MANY);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    int left, *ran;
} chain;

static ts_poll poll_chain(ts_token *token, void *user_data)
{
    chain *its = (chain *)user_data;
    (void)token;
    count(its->ran);
    if (its->left-- > 0)
        add_async(its->scheduler, its->left % 2 ? "a" : NULL, poll_chain, its, NULL);
    return TS_POLL_READY;
}

static int32_t run_add_async(ts_token *token, void *user_data)
{
    chain *its = (chain *)user_data;
    (void)token;
    add_async(its->scheduler, "a", poll_chain, its, NULL);
    return 0;
}

static void a_poll_and_a_linear_task_may_add(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int ran = 0;
    chain its;
    its.scheduler = scheduler;
    its.left = 1000;
    its.ran = &ran;
    add(scheduler, NULL, run_add_async, &its, NULL);
    await(&ran, 1001);
    ts_scheduler_free(scheduler);
}

static ts_poll poll_where(ts_token *token, void *user_data)
{
    pthread_t *where = (pthread_t *)user_data;
    (void)token;
    *where = pthread_self();
    return TS_POLL_READY;
}

static void a_name_stays_on_one_loop_of_several(void)
{
    enum { NAMES = 40, ROUNDS = 25 };
    ts_scheduler *scheduler = scheduler_with("event_loop_threads: 4\nmaximum_queue_async: 0\n"
                                             "maximum_task_info_storage: 2000");
    static pthread_t where[NAMES][ROUNDS];
    static ts_task_id ids[NAMES][ROUNDS];
    int name, round, loops = 0;
    pthread_t seen[NAMES];
    for (round = 0; round < ROUNDS; round++)
        for (name = 0; name < NAMES; name++) {
            char text[16];
            snprintf(text, sizeof text, "name %d", name);
            ids[name][round] = add_async(scheduler, text, poll_where, &where[name][round], NULL);
        }
    for (round = 0; round < ROUNDS; round++)
        for (name = 0; name < NAMES; name++)
            CHECK(ended(scheduler, ids[name][round]) == TS_COMPLETED);
    for (name = 0; name < NAMES; name++) {
        int other, is_new = 1;
        pthread_t first = where[name][0];
        for (round = 1; round < ROUNDS; round++)
            CHECK(pthread_equal(where[name][round], first));
        for (other = 0; other < loops; other++)
            is_new &= !pthread_equal(seen[other], first);
        if (is_new)
            seen[loops++] = first;
    }
    CHECK(loops > 1 && loops <= 4);
    ts_scheduler_free(scheduler);
}

static void finished_tasks_of_both_kinds_share_the_storage(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 2");
    ts_task_id first = add_async(scheduler, "a", poll_ready, NULL, NULL), second, third;
    ts_state state;
    int at;
    MUST(ts_wait(scheduler, first, TS_FOREVER, NULL));
    second = add(scheduler, "a", run_nothing, NULL, NULL);
    MUST(ts_wait(scheduler, second, TS_FOREVER, NULL));
    CHECK(state_of(scheduler, first) == TS_COMPLETED);
    third = submit_async(scheduler, "b", poll_ready, NULL, NULL, TS_KEEP);
    MUST(ts_wait(scheduler, third, TS_FOREVER, NULL));
    for (at = 0; at < 2; at++)
        MUST(ts_wait(scheduler, add_async(scheduler, "c", poll_ready, NULL, NULL), TS_FOREVER, NULL));
    GIVES(TS_ERROR_NOT_FOUND, ts_get_task_state(scheduler, first, &state));
    GIVES(TS_ERROR_NOT_FOUND, ts_get_task_state(scheduler, second, &state));
    CHECK(state_of(scheduler, third) == TS_COMPLETED);
    GIVES(TS_OK, ts_task_forget(scheduler, third));
    GIVES(TS_ERROR_NOT_FOUND, ts_get_task_state(scheduler, third, &state));
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(at_most_so_many_of_a_name_run_at_once),
    TEST(tasks_of_a_name_start_in_the_order_of_their_adds),
    TEST(so_do_those_that_are_added_by_one_of_their_name),
    TEST(the_thirty_first_pending_task_of_a_name_is_refused),
    TEST(those_that_have_a_place_do_not_count_as_pending),
    TEST(waiting_for_room_does_not_hang_in_a_full_async_lane),
    TEST(changed_limits_take_effect_at_once),
    TEST(a_name_of_both_kinds_is_two_lanes),
    TEST(status_result_and_wait_work_as_for_linear_tasks),
    TEST(the_queue_text_shows_async_tasks),
    TEST(tasks_without_a_name_have_no_limit),
    TEST(a_poll_and_a_linear_task_may_add),
    TEST(a_name_stays_on_one_loop_of_several),
    TEST(finished_tasks_of_both_kinds_share_the_storage),
};

CHECK_ALL(tests)
