/* How tasks are stopped: pending, running or asleep; and in which order what belongs to
 * a task is dropped. */
#include "check.h"

#include <stdint.h>

/* What a drop saw of its task. */
typedef struct {
    ts_scheduler *scheduler;
    ts_task_id id;
    int drops, ran;
    ts_state state;
    pthread_t thread;
} witness;

static void drop_witness(void *user_data)
{
    witness *its = (witness *)user_data;
    its->state = state_of(its->scheduler, its->id);
    its->thread = pthread_self();
    count(&its->drops);
}

static int32_t run_witness(ts_token *token, void *user_data)
{
    (void)token;
    count(&((witness *)user_data)->ran);
    return 0;
}

static void a_pending_task_is_cancelled_on_the_spot(void)
{
    static const char *const names[] = { "plug", "other", NULL };
    plug its;
    ts_scheduler *scheduler = plugged("line_task_max: 1\nmaximum_queue_line: 0", &its);
    ts_task_id last;
    witness all[3];
    int at;
    memset(all, 0, sizeof all);
    for (at = 0; at < 3; at++) {
        all[at].scheduler = scheduler;
        all[at].id = add(scheduler, names[at], run_witness, &all[at], drop_witness);
    }
    last = add(scheduler, "plug", run_nothing, NULL, NULL);
    for (at = 0; at < 3; at++) {
        ts_task_status status;
        ts_value value;
        GIVES(TS_OK, ts_force_stop(scheduler, all[at].id));
        CHECK(all[at].drops == 1);
        CHECK(pthread_equal(all[at].thread, pthread_self()));
        CHECK(all[at].state == TS_PENDING);
        status = status_of(scheduler, all[at].id);
        CHECK(status.state == TS_CANCELLED && status.stopping == (ts_state)0);
        CHECK(status.started_at == 0 && status.ended_at >= status.added_at - 0.1);
        CHECK(status.code == 0 && strcmp(status.error, "") == 0);
        GIVES(TS_OK, ts_wait(scheduler, all[at].id, 0, NULL));
        GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, all[at].id, &value));
        GIVES(TS_ERROR_ALREADY_FINISHED, ts_force_stop(scheduler, all[at].id));
    }
    pull(&its);
    CHECK(ended(scheduler, last) == TS_COMPLETED);
    CHECK(ended(scheduler, add(scheduler, "other", run_nothing, NULL, NULL)) == TS_COMPLETED);
    for (at = 0; at < 3; at++)
        CHECK(all[at].ran == 0 && all[at].drops == 1);
    ts_scheduler_free(scheduler);
}

/* A drop that lasts until its task's queue is empty and its name is forgotten. */
static struct {
    ts_scheduler *scheduler;
    ts_task_id id;
    plug running;
    ts_task_id first;
} forgotten;

static void use_other_names(void)
{
    int at;
    for (at = 0; at < 3000; at++) {
        char name[32];
        snprintf(name, sizeof name, "other %d", at);
        CHECK(ended(forgotten.scheduler, submit(forgotten.scheduler, name, run_nothing, NULL,
                                                NULL, TS_KEEP)) == TS_COMPLETED);
    }
}

static void drop_slowly(void *user_data)
{
    (void)user_data;
    pull(&forgotten.running);
    GIVES(TS_OK, ts_wait(forgotten.scheduler, forgotten.first, TS_FOREVER, NULL));
    GIVES(TS_OK, ts_task_forget(forgotten.scheduler, forgotten.first));
    use_other_names();
    CHECK(strcmp(status_of(forgotten.scheduler, forgotten.id).task_name, "mine") == 0);
}

static void a_cancelled_task_keeps_its_name(void)
{
    memset(&forgotten, 0, sizeof forgotten);
    forgotten.scheduler = scheduler_with(NULL);
    forgotten.first = add(forgotten.scheduler, "mine", run_plug, &forgotten.running, NULL);
    await(&forgotten.running.started, 1);
    forgotten.id = add(forgotten.scheduler, "mine", run_nothing, NULL, drop_slowly);
    GIVES(TS_OK, ts_force_stop(forgotten.scheduler, forgotten.id));
    CHECK(strcmp(status_of(forgotten.scheduler, forgotten.id).task_name, "mine") == 0);
    ts_scheduler_free(forgotten.scheduler);
}

static void many_cancelled_tasks_leave_the_others_in_order(void)
{
    enum { MANY = 1000 };
    static const char *const names[] = { "plug", NULL };
    int which, at;
    for (which = 0; which < 2; which++) {
        plug its;
        ts_scheduler *scheduler = plugged("line_task_max: 1\nmaximum_queue_line: 0", &its);
        static ts_task_id ids[MANY];
        static witness all[MANY];
        int dropped = 0, ran = 0;
        memset(all, 0, sizeof all);
        for (at = 0; at < MANY; at++) {
            all[at].scheduler = scheduler;
            ids[at] = all[at].id = add(scheduler, names[which], run_witness, &all[at],
                                       drop_witness);
        }
        for (at = 0; at < MANY; at++)
            if (at % 10 != 3)
                GIVES(TS_OK, ts_force_stop(scheduler, ids[at]));
        pull(&its);
        for (at = 3; at < MANY; at += 10)
            await(&all[at].drops, 1);
        for (at = 0; at < MANY; at++) {
            CHECK(all[at].ran == (at % 10 == 3));
            ran += all[at].ran;
            dropped += all[at].drops;
        }
        CHECK(ran == MANY / 10 && dropped == MANY);
        ts_scheduler_free(scheduler);
    }
}

/* Sets a result and waits for its gate, deaf to any stop; ends as it is told. */
typedef struct {
    witness user, result;
    plug gate;
    int32_t code;
    int told;
} deaf;

static int32_t run_deaf(ts_token *token, void *user_data)
{
    deaf *its = (deaf *)user_data;
    GIVES(TS_OK, ts_set_result(token, &its->result, 1, drop_witness));
    count(&its->gate.started);
    await(&its->gate.may_go, 1);
    its->told = ts_should_stop(token);
    return its->code;
}

static void drop_deaf(void *user_data)
{
    deaf *its = (deaf *)user_data;
    /* The result came first where it was lost. */
    its->user.ran = its->result.drops;
    drop_witness(&its->user);
}

static void start_deaf(deaf *its, ts_scheduler *scheduler, int32_t code)
{
    memset(its, 0, sizeof *its);
    its->code = code;
    its->user.scheduler = its->result.scheduler = scheduler;
    its->user.id = its->result.id = add(scheduler, "deaf", run_deaf, its, drop_deaf);
    await(&its->gate.started, 1);
}

static void a_stop_of_a_running_task_is_a_promise(void)
{
    static const int32_t codes[] = { 0, 5 };
    int which;
    for (which = 0; which < 2; which++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        deaf its;
        ts_task_status status;
        ts_value value;
        start_deaf(&its, scheduler, codes[which]);
        status = status_of(scheduler, its.user.id);
        CHECK(status.state == TS_RUNNING && status.stopping == (ts_state)0);
        CHECK(status.started_at > 0 && status.ended_at == 0);
        GIVES(TS_OK, ts_force_stop(scheduler, its.user.id));
        status = status_of(scheduler, its.user.id);
        CHECK(status.state == TS_RUNNING && status.stopping == TS_CANCELLED);
        CHECK(status.ended_at == 0);
        GIVES(TS_OK, ts_force_stop(scheduler, its.user.id));
        GIVES(TS_ERROR_NOT_FINISHED, ts_wait(scheduler, its.user.id, 0, NULL));
        GIVES(TS_ERROR_NOT_FINISHED, ts_get_task_result(scheduler, its.user.id, &value));
        CHECK(its.result.drops == 0 && its.user.drops == 0);
        pull(&its.gate);
        CHECK(ended(scheduler, its.user.id) == TS_CANCELLED);
        CHECK(its.told == 1);
        CHECK(its.result.drops == 1 && its.user.drops == 1 && its.user.ran == 1);
        status = status_of(scheduler, its.user.id);
        CHECK(status.state == TS_CANCELLED && status.stopping == (ts_state)0);
        CHECK(status.ended_at > 0 && strcmp(status.error, "") == 0);
        GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, its.user.id, &value));
        GIVES(TS_ERROR_ALREADY_FINISHED, ts_force_stop(scheduler, its.user.id));
        ts_scheduler_free(scheduler);
        CHECK(its.result.drops == 1 && its.user.drops == 1);
    }
}

static void the_end_is_seen_after_the_drops(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    static const int32_t codes[] = { 0, 7, 0 };
    static const ts_state ends[] = { TS_COMPLETED, TS_FAILED, TS_CANCELLED };
    int which;
    for (which = 0; which < 3; which++) {
        deaf its;
        start_deaf(&its, scheduler, codes[which]);
        if (ends[which] == TS_CANCELLED)
            GIVES(TS_OK, ts_force_stop(scheduler, its.user.id));
        pull(&its.gate);
        CHECK(ended(scheduler, its.user.id) == ends[which]);
        /* Both drops have been called, each once, while the task was running
         * still; the result's first, if it was lost. */
        CHECK(its.user.drops == 1 && its.user.state == TS_RUNNING);
        CHECK(!pthread_equal(its.user.thread, pthread_self()));
        if (ends[which] == TS_COMPLETED) {
            ts_value value;
            CHECK(its.result.drops == 0);
            MUST(ts_get_task_result(scheduler, its.user.id, &value));
            ts_value_free(&value);
            CHECK(its.result.drops == 1 && its.result.state == TS_COMPLETED);
        } else {
            CHECK(its.result.drops == 1 && its.result.state == TS_RUNNING);
            CHECK(its.user.ran == 1);
        }
    }
    ts_scheduler_free(scheduler);
}

typedef struct {
    int started, may_sleep;
    ts_error first, second;
} sleeper;

static int32_t run_sleeper(ts_token *token, void *user_data)
{
    sleeper *its = (sleeper *)user_data;
    count(&its->started);
    await(&its->may_sleep, 1);
    its->first = ts_interruptible_sleep(token, 1e6);
    its->second = ts_interruptible_sleep(NULL, 1e9);
    return 0;
}

static void a_stop_wakes_sleepers(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round;
    for (round = 0; round < 200; round++) {
        sleeper its;
        ts_task_id id;
        memset(&its, 0, sizeof its);
        its.may_sleep = round % 2;
        id = add(scheduler, "sleeper", run_sleeper, &its, NULL);
        await(&its.started, 1);
        /* Before the sleep begins, or while it may have begun. */
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        count(&its.may_sleep);
        CHECK(ended(scheduler, id) == TS_CANCELLED);
        CHECK(its.first == TS_STOPPED && its.second == TS_STOPPED);
    }
    ts_scheduler_free(scheduler);
}

static void a_stop_races_with_the_end_and_one_of_them_wins(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round, stopped = 0, late = 0;
    for (round = 0; round < 3000; round++) {
        int ran = 0, dropped = 0;
        ts_task_id id = add(scheduler, "racer", run_count, &ran, NULL);
        ts_error error;
        ts_state state;
        (void)dropped;
        if (round % 3 == 1)
            await(&ran, 1);
        error = ts_force_stop(scheduler, id);
        state = ended(scheduler, id);
        CHECK((error == TS_OK && state == TS_CANCELLED) || (error == TS_ERROR_ALREADY_FINISHED && state == TS_COMPLETED));
        stopped += error == TS_OK;
        late += error != TS_OK;
    }
    CHECK(stopped + late == 3000);
    ts_scheduler_free(scheduler);
}

static int32_t run_stop_itself(ts_token *token, void *user_data)
{
    deaf *its = (deaf *)user_data;
    count(&its->gate.started);
    await(&its->gate.may_go, 1);
    CHECK(!ts_should_stop(token));
    GIVES(TS_OK, ts_force_stop(its->user.scheduler, its->user.id));
    CHECK(ts_should_stop(token) && ts_should_stop(NULL));
    GIVES(TS_STOPPED, ts_interruptible_sleep(token, 1e6));
    return 0;
}

static void a_task_may_stop_itself(void)
{
    deaf its;
    memset(&its, 0, sizeof its);
    its.user.scheduler = scheduler_with(NULL);
    its.user.id = add(its.user.scheduler, "self", run_stop_itself, &its, NULL);
    pull(&its.gate);
    CHECK(ended(its.user.scheduler, its.user.id) == TS_CANCELLED);
    ts_scheduler_free(its.user.scheduler);
}

static void a_stale_or_foreign_id_is_not_found(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 1");
    ts_scheduler *other = scheduler_with(NULL);
    ts_task_id ids[6], id;
    int which, at;
    memset(ids, 0, sizeof ids);
    MUST(ts_task_id_parse("cf478b6e-5e02-49b8-9031-4adc6ff915c2", &ids[1]));
    MUST(ts_task_id_parse("ffffffff-ffff-8fff-bfff-ffffffffffff", &ids[2]));
    ids[3] = add(other, "name", run_nothing, NULL, NULL);
    CHECK(ended(other, ids[3]) == TS_COMPLETED);
    ids[4] = add(scheduler, "name", run_nothing, NULL, NULL);
    CHECK(ended(scheduler, ids[4]) == TS_COMPLETED);
    id = add(scheduler, "name", run_nothing, NULL, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    /* The next task of that place, which is not there yet. */
    ids[5] = id;
    ids[5].bytes[8] ^= 1;
    for (which = 0; which < 6; which++) {
        ts_task_status status = TS_TASK_STATUS_INIT, before = status;
        ts_state state = TS_FAILED;
        ts_value value = { &value, 3, NULL };
        GIVES(TS_ERROR_NOT_FOUND, ts_force_stop(scheduler, ids[which]));
        GIVES(TS_ERROR_NOT_FOUND, ts_get_task_state(scheduler, ids[which], &state));
        GIVES(TS_ERROR_NOT_FOUND, ts_get_task_status(scheduler, ids[which], &status));
        GIVES(TS_ERROR_NOT_FOUND, ts_get_task_result(scheduler, ids[which], &value));
        GIVES(TS_ERROR_NOT_FOUND, ts_wait(scheduler, ids[which], 0, &status));
        GIVES(TS_ERROR_NOT_FOUND, ts_wait(scheduler, ids[which], TS_FOREVER, &status));
        GIVES(TS_ERROR_NOT_FOUND, ts_task_forget(scheduler, ids[which]));
        CHECK(state == TS_FAILED && value.data == (void *)&value && value.size == 3);
        CHECK(memcmp(&status, &before, sizeof status) == 0);
    }
    /* Every single bit counts. */
    for (at = 0; at < 128; at++) {
        ts_task_id wrong = id;
        ts_state state;
        wrong.bytes[at / 8] ^= (uint8_t)(1 << at % 8);
        GIVES(TS_ERROR_NOT_FOUND, ts_get_task_state(scheduler, wrong, &state));
        GIVES(TS_ERROR_NOT_FOUND, ts_force_stop(scheduler, wrong));
    }
    CHECK(state_of(scheduler, id) == TS_COMPLETED);
    CHECK(state_of(other, ids[3]) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
    ts_scheduler_free(other);
}

static const check_test tests[] = {
    TEST(a_pending_task_is_cancelled_on_the_spot),
    TEST(a_cancelled_task_keeps_its_name),
    TEST(many_cancelled_tasks_leave_the_others_in_order),
    TEST(a_stop_of_a_running_task_is_a_promise),
    TEST(the_end_is_seen_after_the_drops),
    TEST(a_stop_wakes_sleepers),
    TEST(a_stop_races_with_the_end_and_one_of_them_wins),
    TEST(a_task_may_stop_itself),
    TEST(a_stale_or_foreign_id_is_not_found),
};

CHECK_ALL(tests)
