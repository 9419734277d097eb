/* The configuration: that a change takes effect at once. */
#include "configuring.h"

/* line_task_max ----------------------------------------------------------- */

typedef struct {
    atomic_int running;
    atomic_int most;
    atomic_int may_end; /* So many may still go. */
} crowd;

static int32_t member(ts_token *token, void *user_data)
{
    crowd *its = user_data;
    int now_running = ++its->running, most = its->most;
    (void)token;
    while (most < now_running && !atomic_compare_exchange_weak(&its->most, &most, now_running))
        ;
    for (;;) {
        int left = its->may_end;
        if (left > 0 && atomic_compare_exchange_strong(&its->may_end, &left, left - 1))
            break;
        nap(0.001);
    }
    its->running--;
    return 0;
}

static void line_task_max(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    crowd crowd = { 0, 0, 0 };
    ts_task_id ids[30];
    char name[16];
    int at;
    for (at = 0; at < 30; at++) {
        snprintf(name, sizeof(name), "task %d", at);
        ids[at] = submit(scheduler, name, member, &crowd, 0, 0.0);
    }
    SOON(5.0, crowd.running == 10);
    nap(0.3);
    EQUAL(crowd.running, 10);
    OK(ts_update_config(scheduler, "line_task_max", "18"));
    SOON(5.0, crowd.running == 18);
    nap(0.3);
    EQUAL(crowd.running, 18);
    EQUAL(threads("ts-worker"), 18);
    /* Lower: nothing is stopped, and none starts until fewer than four run. */
    OK(ts_update_config(scheduler, "line_task_max", "4"));
    nap(0.3);
    EQUAL(crowd.running, 18);
    crowd.may_end = 14;
    SOON(5.0, crowd.running == 4);
    SOON(5.0, threads("ts-worker") == 4);
    nap(0.3);
    EQUAL(crowd.running, 4);
    /* From here on four at once, and every task runs. */
    crowd.most = 0;
    crowd.may_end = 16;
    for (at = 0; at < 30; at++)
        EQUAL(end_of(scheduler, ids[at]).state, TS_COMPLETED);
    EQUAL(crowd.most <= 4, 1);
    EQUAL(threads("ts-worker"), 4);
    /* One at a time, also of those that wait in a lane. */
    OK(ts_update_config(scheduler, "line_task_max", "1"));
    crowd.most = 0;
    for (at = 0; at < 30; at++) {
        snprintf(name, sizeof(name), "task %d", at % 5);
        ids[at] = submit(scheduler, name, member, &crowd, 0, 0.0);
    }
    crowd.may_end = 30;
    for (at = 0; at < 30; at++)
        EQUAL(end_of(scheduler, ids[at]).state, TS_COMPLETED);
    EQUAL(crowd.most, 1);
    ts_scheduler_free(scheduler);
}

/* As many run side by side as may, however they block and wherever they wait. */
static void side_by_side(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 10\nmaximum_queue_line: 0\n");
    ts_task_id ids[25];
    char name[16];
    int round, at;
    for (round = 0; round < 300 && failures == 0; round++) {
        crowd crowd = { 0, 0, 0 };
        for (at = 0; at < 25; at++) {
            snprintf(name, sizeof(name), "task %d", at);
            ids[at] = submit(scheduler, at % 3 == 0 ? NULL : name, member, &crowd, 0, 0.0);
            if (at % 7 == round % 7)
                nap(0.00005 * (round % 5));
        }
        SOON(5.0, crowd.running == 10);
        crowd.may_end = 8;
        SOON(5.0, crowd.may_end == 0 && crowd.running == 10);
        crowd.may_end = 17;
        for (at = 0; at < 25; at++)
            EQUAL(end_of(scheduler, ids[at]).state, TS_COMPLETED);
        EQUAL(crowd.most, 10);
    }
    ts_scheduler_free(scheduler);
}

/* The others that take effect at once ------------------------------------- */

static void max_idle_time(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double seconds = 0.1;
    ts_task_id ids[4];
    int at;
    for (at = 0; at < 4; at++)
        ids[at] = submit(scheduler, NULL, sleeper, &seconds, 0, 0.0);
    for (at = 0; at < 4; at++)
        end_of(scheduler, ids[at]);
    nap(0.3);
    /* They are parked for a minute; they must hear of it. */
    CHECK(threads("ts-worker") >= 2);
    OK(ts_update_config(scheduler, "max_idle_time", "1.5"));
    nap(0.2);
    CHECK(threads("ts-worker") >= 2);
    SOON(5.0, threads("ts-") == 0);
    end_of(scheduler, submit(scheduler, NULL, sleeper, &seconds, 0, 0.0));
    /* Longer: who was about to leave stays. */
    OK(ts_update_config(scheduler, "max_idle_time", "60"));
    nap(2.0);
    CHECK(threads("ts-worker") >= 1);
    OK(ts_load_config(scheduler, file_of("idle", "max_idle_time: 0\n", 1)));
    SOON(5.0, threads("ts-") == 0);
    ts_scheduler_free(scheduler);
}

static ts_poll at_once(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

/* The same for event loops. */
static void max_idle_time_of_loops(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_id id;
    OK(ts_add_async_task(scheduler, false, "a", at_once, NULL, NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    nap(0.3);
    CHECK(threads("ts-loop") >= 1);
    OK(ts_update_config(scheduler, "max_idle_time", "1.5"));
    nap(0.2);
    CHECK(threads("ts-loop") >= 1);
    SOON(5.0, alone());
    OK(ts_add_async_task(scheduler, false, "a", at_once, NULL, NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    OK(ts_update_config(scheduler, "max_idle_time", "60"));
    nap(2.0);
    CHECK(threads("ts-loop") >= 1);
    OK(ts_update_config(scheduler, "max_idle_time", "0"));
    SOON(5.0, alone());
    ts_scheduler_free(scheduler);
}

static void watch_dog_time(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double seconds = 20.0, brief = 0.5;
    ts_task_id id;
    OK(ts_update_config(scheduler, "watch_dog_time", "0.2"));
    OK(ts_add_task(scheduler, true, "a", sleeper, &seconds, NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    OK(ts_update_config(scheduler, "watch_dog_time", "30"));
    OK(ts_add_task(scheduler, true, "a", sleeper, &brief, NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static int32_t with_result(ts_token *token, void *drops)
{
    OK(ts_set_result(token, drops, 1, count_drop));
    return 0;
}

static void maximum_task_info_storage(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    atomic_int drops = 0;
    ts_task_id ids[10];
    size_t count = 0;
    int at;
    for (at = 0; at < 10; at++) {
        ids[at] = submit(scheduler, "a", with_result, &drops, at == 0 ? TS_KEEP : 0, 0.0);
        end_of(scheduler, ids[at]);
    }
    OK(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &count));
    EQUAL(count, 10);
    OK(ts_update_config(scheduler, "maximum_task_info_storage", "3"));
    OK(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &count));
    EQUAL(count, 4);
    EQUAL(drops, 6);
    EQUAL(state_of(scheduler, ids[0]), TS_COMPLETED);
    EQUAL(state_of(scheduler, ids[6]), 0);
    EQUAL(state_of(scheduler, ids[7]), TS_COMPLETED);
    OK(ts_update_config(scheduler, "maximum_task_info_storage", "0"));
    EQUAL(drops, 9);
    EQUAL(state_of(scheduler, ids[9]), 0);
    OK(ts_update_config(scheduler, "maximum_task_info_storage", "5"));
    for (at = 1; at < 10; at++)
        end_of(scheduler, ids[at] = submit(scheduler, "a", with_result, &drops, 0, 0.0));
    OK(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &count));
    EQUAL(count, 6);
    ts_scheduler_free(scheduler);
    EQUAL(drops, 19);
}

static void *wait_for_room(void *user_data)
{
    addition *its = user_data;
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.run = count_up;
    options.user_data = its->ran;
    options.flags = TS_WAIT_FOR_ROOM;
    options.wait_seconds = 20.0;
    OK(ts_submit(its->scheduler, &options, &its->id));
    return NULL;
}

static void maximum_queue_line(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 2\n");
    gate door = { 0, false };
    atomic_int ran = 0;
    addition waiting = { scheduler, { { 0 } }, &ran };
    ts_task_id id;
    pthread_t thread;
    double begin;
    submit(scheduler, "a", deaf, &door, 0, 0.0);
    SOON(5.0, door.entered == 1);
    submit(scheduler, "b", count_up, &ran, 0, 0.0);
    submit(scheduler, "b", count_up, &ran, 0, 0.0);
    FAILS(ts_add_task(scheduler, false, "b", count_up, &ran, NULL, &id), TS_ERROR_QUEUE_FULL);
    SAYS("maximum_queue_line");
    begin = now();
    pthread_create(&thread, NULL, wait_for_room, &waiting);
    nap(0.2);
    OK(ts_update_config(scheduler, "maximum_queue_line", "3"));
    pthread_join(thread, NULL);
    CHECK(now() - begin < 10.0);
    FAILS(ts_add_task(scheduler, false, "b", count_up, &ran, NULL, &id), TS_ERROR_QUEUE_FULL);
    OK(ts_update_config(scheduler, "maximum_queue_line", "0"));
    OK(ts_add_task(scheduler, false, "b", count_up, &ran, NULL, &id));
    OK(ts_update_config(scheduler, "maximum_queue_line", "1"));
    FAILS(ts_add_task(scheduler, false, "b", count_up, &ran, NULL, &id), TS_ERROR_QUEUE_FULL);
    EQUAL(ran, 0);
    door.open = true;
    SOON(5.0, ran == 4);
    ts_scheduler_free(scheduler);
}

/* Many threads change many keys while tasks run: nothing hangs, nothing is torn. */
static atomic_bool over;

static void *change_often(void *scheduler)
{
    static const char *const values[] = { "1", "2", "3", "4" };
    int round;
    for (round = 0; !over; round++) {
        OK(ts_update_config(scheduler, "line_task_max", values[round % 4]));
        OK(ts_update_config(scheduler, "max_idle_time", round % 3 ? "0" : "60"));
        OK(ts_update_config(scheduler, "maximum_task_info_storage", values[round % 4]));
        CHECK(strlen(get(scheduler, "line_task_max")) == 1);
    }
    return NULL;
}

static void changed_under_load(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    atomic_int ran = 0;
    pthread_t changer;
    char name[16];
    int at;
    pthread_create(&changer, NULL, change_often, scheduler);
    for (at = 0; at < 20000; at++) {
        snprintf(name, sizeof(name), "%d", at % 7);
        submit(scheduler, name, count_up, &ran, at % 2 ? TS_TIMEOUT_PROCESSING : 0, 0.0);
        if (at % 50 == 0)
            nap(0.0005);
    }
    SOON(30.0, ran == 20000);
    over = true;
    pthread_join(changer, NULL);
    OK(ts_shutdown(scheduler, false));
    EQUAL(ran, 20000);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "line_task_max", line_task_max },
    { "side_by_side", side_by_side },
    { "max_idle_time", max_idle_time },
    { "max_idle_time_of_loops", max_idle_time_of_loops },
    { "watch_dog_time", watch_dog_time },
    { "maximum_task_info_storage", maximum_task_info_storage },
    { "maximum_queue_line", maximum_queue_line },
    { "changed_under_load", changed_under_load },
};

int main(int argc, char **argv)
{
    folder = argc > 2 ? argv[2] : ".";
    return RUN_CASE(cases, argc, argv);
}
