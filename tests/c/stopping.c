/* How tasks end: stopped while pending, running or asleep, failed, banned; and
 * in which order what belongs to a task is dropped. */
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

/* One worker, which a plug takes up. */
static ts_scheduler *plugged(plug *its)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0");
    its->started = its->may_go = 0;
    add(scheduler, "plug", run_plug, its, NULL);
    await(&its->started, 1);
    return scheduler;
}

static void a_pending_task_is_cancelled_on_the_spot(void)
{
    static const char *const names[] = { "plug", "other", NULL };
    plug its;
    ts_scheduler *scheduler = plugged(&its);
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
        ts_scheduler *scheduler = plugged(&its);
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
        CHECK((error == TS_OK && state == TS_CANCELLED)
              || (error == TS_ERROR_ALREADY_FINISHED && state == TS_COMPLETED));
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

typedef struct {
    int32_t code;
    const char *words;
    int dropped;
} verdict;

static int32_t run_verdict(ts_token *token, void *user_data)
{
    verdict *its = (verdict *)user_data;
    if (its->words != NULL)
        GIVES(TS_OK, ts_set_error(token, its->words));
    GIVES(TS_OK, ts_set_result(token, &its->dropped, 1, drop_count));
    return its->code;
}

static void the_return_value_alone_decides(void)
{
    static char words[300];
    verdict all[] = {
        { 0, NULL, 0 },        { 0, "only words", 0 },       { 7, NULL, 0 },
        { 7, "it broke", 0 },  { -1, "gr\xc3\xbc\xc3\x9f", 0 }, { INT32_MIN, "", 0 },
        { INT32_MAX, words, 0 },
    };
    ts_scheduler *scheduler = scheduler_with(NULL);
    size_t at;
    memset(words, 'w', sizeof words - 1);
    for (at = 0; at < sizeof all / sizeof *all; at++) {
        ts_task_id id = add(scheduler, "verdict", run_verdict, &all[at], NULL);
        ts_task_status status = TS_TASK_STATUS_INIT;
        ts_value value;
        MUST(ts_wait(scheduler, id, TS_FOREVER, &status));
        CHECK(status.code == all[at].code);
        if (all[at].code == 0) {
            CHECK(status.state == TS_COMPLETED);
            CHECK(strcmp(status.error, "") == 0);
            GIVES(TS_OK, ts_get_task_result(scheduler, id, &value));
            CHECK(all[at].dropped == 0);
            ts_value_free(&value);
        } else {
            const char *wanted = all[at].words == NULL ? "" : all[at].words;
            CHECK(status.state == TS_FAILED);
            CHECK(strncmp(status.error, wanted, 255) == 0);
            CHECK(strlen(status.error) == (strlen(wanted) > 255 ? 255 : strlen(wanted)));
            GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, id, &value));
        }
        CHECK(all[at].dropped == 1);
    }
    ts_scheduler_free(scheduler);
}

/* Ends as the plug is pulled, with a code. */
static int32_t run_fail(ts_token *token, void *user_data)
{
    run_plug(token, user_data);
    return 3;
}

static void a_failure_bans_before_its_lane_goes_on(void)
{
    int round, at;
    for (round = 0; round < 50; round++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        plug its = { 0, 0 };
        int ran = 0, dropped = 0;
        ts_task_id bad, behind[5], id = dirty_id();
        bad = submit(scheduler, "bad", run_fail, &its, NULL, TS_BAN_ON_FAILURE);
        for (at = 0; at < 5; at++)
            behind[at] = add(scheduler, "bad", at == 4 ? run_count : run_nothing,
                             at == 4 ? &ran : &dropped, at == 4 ? NULL : drop_count);
        await(&its.started, 1);
        pull(&its);
        CHECK(ended(scheduler, bad) == TS_FAILED);
        /* Cancelled by then: the ban comes before the end is seen. */
        for (at = 0; at < 5; at++)
            CHECK(state_of(scheduler, behind[at]) == TS_CANCELLED);
        CHECK(counted(&ran) == 0 && counted(&dropped) == 4);
        GIVES(TS_ERROR_BANNED,
              ts_add_task(scheduler, false, "bad", run_nothing, &dropped, drop_count, &id));
        CHECK(is_zero(id) && counted(&dropped) == 4);
        GIVES(TS_ERROR_ALREADY_BANNED, ts_ban_task_name(scheduler, TS_LINEAR, "bad"));
        CHECK(ended(scheduler, add(scheduler, "good", run_nothing, NULL, NULL)) == TS_COMPLETED);
        GIVES(TS_OK, ts_allow_task_name(scheduler, TS_LINEAR, "bad"));
        CHECK(ended(scheduler, add(scheduler, "bad", run_count, &ran, NULL)) == TS_COMPLETED);
        CHECK(counted(&ran) == 1);
        ts_scheduler_free(scheduler);
    }
}

static void only_a_failure_with_the_flag_bans(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    plug its = { 0, 1 };
    ts_task_id id;
    /* A failure without the flag, a success with it, a nameless failure. */
    CHECK(ended(scheduler, add(scheduler, "a", run_fail, &its, NULL)) == TS_FAILED);
    CHECK(ended(scheduler, submit(scheduler, "a", run_nothing, NULL, NULL, TS_BAN_ON_FAILURE))
          == TS_COMPLETED);
    CHECK(ended(scheduler, submit(scheduler, NULL, run_fail, &its, NULL, TS_BAN_ON_FAILURE))
          == TS_FAILED);
    CHECK(ended(scheduler, add(scheduler, NULL, run_nothing, NULL, NULL)) == TS_COMPLETED);
    /* One that was stopped is cancelled, whatever it returns. */
    its.started = its.may_go = 0;
    id = submit(scheduler, "a", run_fail, &its, NULL, TS_BAN_ON_FAILURE);
    await(&its.started, 1);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    pull(&its);
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(ended(scheduler, add(scheduler, "a", run_nothing, NULL, NULL)) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static void a_ban_cancels_what_is_pending_and_lets_run_what_runs(void)
{
    plug its;
    ts_scheduler *scheduler = plugged(&its);
    ts_task_id running, pending[6], other, id = dirty_id();
    int at, ran = 0, dropped = 0;
    plug next = { 0, 0 };
    running = add(scheduler, "banned", run_plug, &next, NULL);
    pull(&its);
    await(&next.started, 1);
    for (at = 0; at < 6; at++)
        pending[at] = add(scheduler, "banned", run_nothing, &dropped, drop_count);
    other = add(scheduler, "other", run_count, &ran, NULL);
    /* The other kind is another name. */
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_ASYNC, "banned"));
    CHECK(counted(&dropped) == 0);
    GIVES(TS_ERROR_NOT_BANNED, ts_allow_task_name(scheduler, TS_LINEAR, "banned"));
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_LINEAR, "banned"));
    CHECK(counted(&dropped) == 6);
    for (at = 0; at < 6; at++)
        CHECK(state_of(scheduler, pending[at]) == TS_CANCELLED);
    CHECK(state_of(scheduler, running) == TS_RUNNING);
    CHECK(status_of(scheduler, running).stopping == (ts_state)0);
    CHECK(state_of(scheduler, other) == TS_PENDING);
    GIVES(TS_ERROR_ALREADY_BANNED, ts_ban_task_name(scheduler, TS_LINEAR, "banned"));
    GIVES(TS_ERROR_BANNED,
          ts_add_task(scheduler, false, "banned", run_nothing, &dropped, drop_count, &id));
    CHECK(is_zero(id));
    GIVES(TS_OK, ts_allow_task_name(scheduler, TS_LINEAR, "banned"));
    GIVES(TS_ERROR_NOT_BANNED, ts_allow_task_name(scheduler, TS_LINEAR, "banned"));
    /* Nothing is revived. */
    for (at = 0; at < 6; at++)
        CHECK(state_of(scheduler, pending[at]) == TS_CANCELLED);
    pull(&next);
    CHECK(ended(scheduler, running) == TS_COMPLETED);
    CHECK(ended(scheduler, other) == TS_COMPLETED);
    id = add(scheduler, "banned", run_count, &ran, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    CHECK(counted(&ran) == 2 && counted(&dropped) == 6);
    /* A name that was never used can be banned, too. */
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_LINEAR, "unheard of"));
    GIVES(TS_ERROR_BANNED,
          ts_add_task(scheduler, false, "unheard of", run_nothing, NULL, NULL, &id));
    ts_scheduler_free(scheduler);
}

static void a_cancel_by_name_says_how_many(void)
{
    plug its;
    ts_scheduler *scheduler = plugged(&its);
    size_t cancelled = 99;
    int at, dropped = 0, ran = 0;
    for (at = 0; at < 7; at++) {
        add(scheduler, "plug", run_nothing, &dropped, drop_count);
        add(scheduler, "queue", run_nothing, &dropped, drop_count);
        add(scheduler, at % 2 ? NULL : "other", run_count, &ran, NULL);
    }
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_ASYNC, "plug", &cancelled));
    CHECK(cancelled == 0);
    /* Behind a running task, which goes on. */
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "plug", &cancelled));
    CHECK(cancelled == 7 && counted(&dropped) == 7);
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "plug", &cancelled));
    CHECK(cancelled == 0);
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "queue", NULL));
    CHECK(counted(&dropped) == 14);
    GIVES(TS_OK,
          ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "nobody", &cancelled));
    CHECK(cancelled == 0);
    CHECK(how_many(scheduler, TS_PENDING) == 7);
    pull(&its);
    await(&ran, 7);
    CHECK(ended(scheduler, add(scheduler, "queue", run_nothing, NULL, NULL)) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static void the_last_ten_errors_are_told(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 2");
    char words[12][32], id_text[12][37], *text = NULL;
    verdict all[12];
    int at;
    for (at = 0; at < 12; at++) {
        ts_task_id id;
        snprintf(words[at], sizeof words[at], "fault number %02d", at);
        all[at].code = at + 1;
        all[at].words = words[at];
        all[at].dropped = 0;
        id = add(scheduler, "faulty", run_verdict, &all[at], NULL);
        CHECK(ended(scheduler, id) == TS_FAILED);
        ts_task_id_format(id, id_text[at]);
    }
    MUST(ts_get_all_queue_info(scheduler, TS_LINEAR, true, &text));
    for (at = 0; at < 12; at++) {
        CHECK((strstr(text, words[at]) != NULL) == (at >= 2));
        CHECK((strstr(text, id_text[at]) != NULL) == (at >= 2));
        if (at > 2)
            CHECK(strstr(text, words[at - 1]) < strstr(text, words[at]));
    }
    ts_string_free(text);
    /* They belong to their kind. */
    MUST(ts_get_all_queue_info(scheduler, TS_ASYNC, true, &text));
    CHECK(strstr(text, "fault") == NULL);
    ts_string_free(text);
    ts_scheduler_free(scheduler);
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
    TEST(the_return_value_alone_decides),
    TEST(a_failure_bans_before_its_lane_goes_on),
    TEST(only_a_failure_with_the_flag_bans),
    TEST(a_ban_cancels_what_is_pending_and_lets_run_what_runs),
    TEST(a_cancel_by_name_says_how_many),
    TEST(the_last_ten_errors_are_told),
};

CHECK_ALL(tests)
