/* Threads: the host hears of each one's start before it runs anything of the host's, and
 * of its end after. What threads are is in thread_natures.c. */
#include "hooks.h"

/* Tasks --------------------------------------------------------------------- */

static void first_and_last(void)
{
    ts_scheduler *scheduler = new_with(hooked("event_loop_threads: 3\nmaximum_queue_line: 0\n"));
    size_t before;
    ts_task_id id;
    int round;
    OK(ts_set_log_callback(say, NULL, NULL));
    EQUAL(happened(), 0);
    OK(ts_ban_task_name(scheduler, TS_LINEAR, "evil"));
    OK(ts_ban_task_name(scheduler, TS_ASYNC, "evil"));
    for (round = 0; round < 20; round++) {
        use_every_thread(scheduler);
        OK(ts_shutdown(scheduler, round % 2));
        /* All of them are gone, and have said so. */
        CHECK(alone());
        check_lives();
        EQUAL(times(STARTED, "ts-watchdog") > round && times(STARTED, "ts-worker-") > round && times(STARTED, "ts-loop-") > round, 1);
        /* What is refused starts none. */
        before = (size_t)times(STARTED, "");
        FAILS(ts_add_task(scheduler, false, "evil", run, NULL, drop, &id), TS_ERROR_BANNED);
        FAILS(ts_add_async_task(scheduler, false, "evil", poll, NULL, drop, &id), TS_ERROR_BANNED);
        FAILS(ts_add_task(scheduler, false, "\xff", run, NULL, drop, &id), TS_ERROR_INVALID_ARGUMENT);
        FAILS(ts_add_async_task(scheduler, false, "\xff", poll, NULL, drop, &id), TS_ERROR_INVALID_ARGUMENT);
        CHECK(alone());
        EQUAL(times(STARTED, ""), before);
    }
    use_every_thread(scheduler);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    free_hooked(scheduler);
}

static void dropped(void)
{
    atomic_int counted = 0;
    ts_scheduler *scheduler = (ts_scheduler *)&seen;
    ts_scheduler_options options = hooked("line_task_max: 0");
    /* Nothing was taken over. */
    FAILS(ts_scheduler_new_with(&options, &scheduler), TS_ERROR_CONFIG);
    CHECK(scheduler == NULL);
    EQUAL(happened(), 0);
    options = hooked("");
    options.thread_name = "";
    FAILS(ts_scheduler_new_with(&options, &scheduler), TS_ERROR_INVALID_ARGUMENT);
    EQUAL(happened(), 0);
    /* Without a function too. */
    options = hooked(NULL);
    options.on_thread = NULL;
    scheduler = new_with(options);
    end_of(scheduler, submit(scheduler, NULL, count_up, &counted, 0, 0.0));
    EQUAL(happened(), 0);
    ts_scheduler_free(scheduler);
    EQUAL(times(LAST, ""), 1);
    EQUAL(happened(), 1);
}

/* A thread that ends by itself ------------------------------------------------ */

static void hibernates(void)
{
    ts_scheduler *scheduler = new_with(hooked("max_idle_time: 0\nline_task_max: 4\n"));
    long before;
    int round;
    for (round = 0; round < 50; round++) {
        use_every_thread(scheduler);
        SOON(10.0, all_gone());
        check_lives();
        EQUAL(times(STARTED, "") > 3 * round, 1);
    }
    /* Surplus ones too. */
    OK(ts_update_config(scheduler, "max_idle_time", "60"));
    before = times(STOPPING, "worker");
    {
        gate door = { 0, false };
        int at;
        for (at = 0; at < 4; at++)
            submit(scheduler, NULL, deaf, &door, 0, 0.0);
        SOON(10.0, door.entered == 4);
        OK(ts_update_config(scheduler, "line_task_max", "1"));
        door.open = true;
        SOON(10.0, times(STOPPING, "worker") == before + 3);
    }
    free_hooked(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    atomic_bool returned;
} closing;

static void *shut_down(void *user_data)
{
    closing *its = user_data;
    OK(ts_shutdown(its->scheduler, false));
    check_lives();
    its->returned = true;
    return NULL;
}

/* While threads are in their end, others take their place; and a shutdown
 * waits for them. */
static void slow_to_end(void)
{
    static const char *const names[] = { "worker", "loop", "watchdog" };
    size_t at;
    ts_scheduler *scheduler = new_with(hooked("max_idle_time: 0\nline_task_max: 1\n"));
    for (at = 0; at < 3; at++) {
        closing closing = { scheduler, false };
        pthread_t thread;
        hold.held = 0;
        hold.open = false;
        hold.name = names[at];
        use_every_thread(scheduler);
        SOON(10.0, hold.held >= 1);
        use_every_thread(scheduler);
        SOON(10.0, hold.held >= 2);
        use_every_thread(scheduler);
        pthread_create(&thread, NULL, shut_down, &closing);
        nap(0.1);
        CHECK(!closing.returned);
        hold.open = true;
        pthread_join(thread, NULL);
        CHECK(closing.returned && alone());
        hold.name = NULL;
    }
    free_hooked(scheduler);
}

/* Adds that are refused, and adds that come while a shutdown is under way,
 * start no thread after it unless they are accepted. */
static atomic_int window, under_way, accepted, over;

static void *add_at_the_wrong_time(void *scheduler)
{
    ts_task_id id;
    int round = 0;
    while (!over) {
        under_way++;
        if (window) {
            round++;
            accepted += ts_add_task(scheduler, false, round % 2 ? "x" : NULL, run, NULL, NULL, &id) == TS_OK;
            accepted += ts_add_async_task(scheduler, false, "x", poll, NULL, NULL, &id) == TS_OK;
        }
        ts_add_task(scheduler, false, "evil", run, NULL, NULL, &id);
        ts_add_async_task(scheduler, false, "evil", poll, NULL, NULL, &id);
        under_way--;
        if (!window)
            nap(0.00005);
    }
    return NULL;
}

static void shut_down_while_adding(void)
{
    ts_scheduler *scheduler = new_with(hooked("line_task_max: 2\nmaximum_queue_line: 0\n"));
    pthread_t threads[2];
    int round, quiet = 0;
    OK(ts_ban_task_name(scheduler, TS_LINEAR, "evil"));
    OK(ts_ban_task_name(scheduler, TS_ASYNC, "evil"));
    pthread_create(&threads[0], NULL, add_at_the_wrong_time, scheduler);
    pthread_create(&threads[1], NULL, add_at_the_wrong_time, scheduler);
    for (round = 0; round < 400; round++) {
        size_t after;
        int before;
        end_of(scheduler, submit(scheduler, "a", run, NULL, 0, 0.0));
        end_of(scheduler, add_poll(scheduler, poll, NULL));
        before = accepted;
        window = round % 2;
        OK(ts_shutdown(scheduler, true));
        after = happened();
        window = 0;
        SOON(10.0, under_way == 0);
        if (accepted == before) {
            nap(0.001);
            EQUAL(happened(), after);
            quiet++;
        }
        OK(ts_shutdown(scheduler, true));
        pthread_mutex_lock(&seen.lock);
        seen.count = 0;
        pthread_mutex_unlock(&seen.lock);
    }
    CHECK(quiet >= 200);
    over = 1;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    free_hooked(scheduler);
}

/* Calls from inside ----------------------------------------------------------- */

static ts_scheduler *inside;
static atomic_int called, refused, ran, waited;

static void call_everything(ts_thread_event event)
{
    ts_task_id id, other;
    ts_error error;
    char *text = NULL;
    size_t count;
    if (called++ >= 60)
        return;
    FAILS(ts_shutdown(inside, true), TS_ERROR_WOULD_DEADLOCK);
    error = ts_add_task(inside, true, event == TS_THREAD_STARTED ? "early" : "late", count_up, &ran, NULL, &id);
    CHECK(error == TS_OK || error == TS_ERROR_SHUTTING_DOWN);
    if (error == TS_OK) {
        error = ts_wait(inside, id, TS_FOREVER, NULL);
        CHECK(error == TS_OK || error == TS_ERROR_WOULD_DEADLOCK);
        waited += error == TS_ERROR_WOULD_DEADLOCK;
    } else {
        refused++;
    }
    error = ts_add_async_task(inside, true, "polled", poll, NULL, NULL, &other);
    CHECK(error == TS_OK || error == TS_ERROR_SHUTTING_DOWN);
    if (error == TS_OK) {
        error = ts_force_stop(inside, other);
        CHECK(error == TS_OK || error == TS_ERROR_ALREADY_FINISHED);
    }
    OK(ts_get_config(inside, "thread_name", &text));
    ts_string_free(text);
    OK(ts_update_config(inside, "line_task_max", called % 2 ? "3" : "4"));
    OK(ts_update_config(inside, "maximum_event_loop_tasks", called % 2 ? "3" : "4"));
    OK(ts_list_tasks(inside, TS_LINEAR, NULL, 0, &count));
    OK(ts_get_all_queue_info(inside, TS_ASYNC, true, &text));
    ts_string_free(text);
    OK(ts_interruptible_sleep(NULL, 0.001));
    CHECK(!ts_should_stop(NULL));
}

static void called_from_inside(void)
{
    int round;
    inside = new_with(hooked("max_idle_time: 0\nmaximum_queue_line: 0\nmaximum_queue_async: 0\n"
                             "maximum_task_info_storage: 10000\n"));
    and_then = call_everything;
    use_every_thread(inside);
    SOON(20.0, called >= 60);
    OK(ts_shutdown(inside, false));
    CHECK(alone());
    check_lives();
    CHECK(ran > 0 && waited > 0);
    OK(ts_update_config(inside, "max_idle_time", "60"));
    for (round = 0; round < 30; round++) {
        called = 0;
        use_every_thread(inside);
        OK(ts_shutdown(inside, false));
        CHECK(alone());
        check_lives();
    }
    CHECK(refused > 0);
    called = 60;
    free_hooked(inside);
}

static const test_case cases[] = {
    { "first_and_last", first_and_last },
    { "dropped", dropped },
    { "hibernates", hibernates },
    { "slow_to_end", slow_to_end },
    { "shut_down_while_adding", shut_down_while_adding },
    { "called_from_inside", called_from_inside },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
