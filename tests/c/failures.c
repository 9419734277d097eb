/* Tasks that fail, and names that are banned or cancelled: what the return value decides,
 * and what becomes of those that are behind. */
#include "check.h"

#include <stdint.h>

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
    ts_scheduler *scheduler = plugged("line_task_max: 1\nmaximum_queue_line: 0", &its);
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
    ts_scheduler *scheduler = plugged("line_task_max: 1\nmaximum_queue_line: 0", &its);
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
    TEST(the_return_value_alone_decides),
    TEST(a_failure_bans_before_its_lane_goes_on),
    TEST(only_a_failure_with_the_flag_bans),
    TEST(a_ban_cancels_what_is_pending_and_lets_run_what_runs),
    TEST(a_cancel_by_name_says_how_many),
    TEST(the_last_ten_errors_are_told),
};

CHECK_ALL(tests)
