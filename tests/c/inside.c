/* What a task may call, and what its token does; results, and ids. */
#include "check.h"

#include <time.h>

/* Deep inside a task, without its token. */
static void leave_result(const char *text)
{
    char own[32];
    snprintf(own, sizeof own, "%s", text);
    GIVES(TS_OK, ts_set_result(NULL, own, strlen(own) + 1, NULL));
    memset(own, 'x', sizeof own);
}

static int32_t run_without_token(ts_token *token, void *user_data)
{
    (void)token;
    CHECK(!ts_should_stop(NULL));
    leave_result((const char *)user_data);
    GIVES(TS_OK, ts_set_error(NULL, "from deep inside"));
    GIVES(TS_OK, ts_interruptible_sleep(NULL, 0));
    return *(const char *)user_data == 'f';
}

static void no_token_is_the_current_task(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    char good[] = "good", failed[] = "failed";
    ts_task_id id = add(scheduler, "name", run_without_token, good, NULL);
    ts_value value;
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    MUST(ts_get_task_result(scheduler, id, &value));
    CHECK(value.size == 5 && strcmp((char *)value.data, "good") == 0);
    ts_value_free(&value);
    id = add(scheduler, "name", run_without_token, failed, NULL);
    CHECK(ended(scheduler, id) == TS_FAILED);
    CHECK(strcmp(status_of(scheduler, id).error, "from deep inside") == 0);
    ts_scheduler_free(scheduler);
}

static void a_sleep_outside_a_task_is_a_plain_one(void)
{
    struct timespec before, after;
    double passed;
    clock_gettime(CLOCK_MONOTONIC, &before);
    GIVES(TS_OK, ts_interruptible_sleep(NULL, 0.03));
    clock_gettime(CLOCK_MONOTONIC, &after);
    passed = (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    CHECK(passed >= 0.03);
    CHECK(!ts_should_stop(NULL));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_result(NULL, &before, 1, NULL));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_error(NULL, "words"));
}

static int32_t run_sleep(ts_token *token, void *user_data)
{
    struct timespec before, after;
    (void)user_data;
    clock_gettime(CLOCK_MONOTONIC, &before);
    GIVES(TS_OK, ts_interruptible_sleep(token, 0.03));
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9 >= 0.03);
    return 0;
}

static void a_sleep_inside_a_task_lasts_its_time(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    CHECK(ended(scheduler, add(scheduler, NULL, run_sleep, NULL, NULL)) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

/* Results. */
static int dropped[3];

static int32_t run_two_results(ts_token *token, void *user_data)
{
    char words[] = "copied";
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, &dropped[0], 7, drop_count));
    CHECK(dropped[0] == 0);
    GIVES(TS_OK, ts_set_result(token, words, sizeof words, NULL));
    CHECK(dropped[0] == 1);
    /* One that is refused leaves the earlier one. */
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_set_result(token, NULL, 3, NULL));
    GIVES(TS_OK, ts_set_result(token, &dropped[1], 12345, drop_count));
    return 0;
}

static void a_second_result_drops_the_first(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_id id;
    ts_value value;
    memset(dropped, 0, sizeof dropped);
    id = add(scheduler, NULL, run_two_results, NULL, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    CHECK(dropped[0] == 1 && dropped[1] == 0);
    MUST(ts_get_task_result(scheduler, id, &value));
    CHECK(value.data == (void *)&dropped[1] && value.size == 12345 && value.drop == drop_count);
    ts_scheduler_free(scheduler);
    /* It was taken, so it is ours. */
    CHECK(dropped[1] == 0);
    ts_value_free(&value);
    CHECK(dropped[1] == 1 && value.data == NULL);
    ts_value_free(&value);
    CHECK(dropped[1] == 1);
}

/* The data is NULL. */
static void drop_nobody(void *user_data)
{
    CHECK(user_data == NULL);
}

static int32_t run_nothing_copied(ts_token *token, void *user_data)
{
    GIVES(TS_OK, ts_set_result(token, user_data, 0, NULL));
    return 0;
}

static int32_t run_null_taken_over(ts_token *token, void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, NULL, 9, drop_nobody));
    return 0;
}

static void an_empty_result_is_one_too(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_id id = add(scheduler, NULL, run_nothing_copied, NULL, NULL);
    ts_value value = { &dropped, 1, NULL };
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    GIVES(TS_OK, ts_get_task_result(scheduler, id, &value));
    CHECK(value.size == 0);
    ts_value_free(&value);
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, id, &value));
    id = add(scheduler, NULL, run_null_taken_over, NULL, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    GIVES(TS_OK, ts_get_task_result(scheduler, id, &value));
    CHECK(value.data == NULL && value.size == 9 && value.drop == drop_nobody);
    ts_scheduler_free(scheduler);
}

static int32_t run_result_then_plug(ts_token *token, void *user_data)
{
    GIVES(TS_OK, ts_set_result(token, "words", 6, NULL));
    return run_plug(token, user_data);
}

static void a_result_moves_out_once(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    plug its = { 0, 0 };
    ts_task_id id = add(scheduler, "name", run_result_then_plug, &its, NULL);
    ts_task_id behind = add(scheduler, "name", run_nothing, NULL, NULL);
    ts_value value = { &its, 77, NULL };
    await(&its.started, 1);
    GIVES(TS_ERROR_NOT_FINISHED, ts_get_task_result(scheduler, id, &value));
    GIVES(TS_ERROR_NOT_FINISHED, ts_get_task_result(scheduler, behind, &value));
    CHECK(value.data == (void *)&its && value.size == 77);
    pull(&its);
    CHECK(ended(scheduler, behind) == TS_COMPLETED);
    GIVES(TS_OK, ts_get_task_result(scheduler, id, &value));
    CHECK(value.size == 6 && memcmp(value.data, "words", 6) == 0);
    ts_value_free(&value);
    value.size = 77;
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, id, &value));
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(scheduler, behind, &value));
    CHECK(value.size == 77);
    ts_scheduler_free(scheduler);
}

/* A drop that frees a value: that one's drop comes when this one has returned. */
static int inner_dropped;

static void drop_outer(void *user_data)
{
    ts_value inner = { user_data, 0, drop_count };
    ts_value_free(&inner);
    CHECK(inner.drop == NULL && counted(&inner_dropped) == 0);
}

static void a_drop_inside_a_drop_comes_after_it(void)
{
    ts_value outer = { &inner_dropped, 0, drop_outer };
    ts_value_free(&outer);
    CHECK(counted(&inner_dropped) == 1);
}

/* A token in other hands. */
static struct {
    ts_token *token;
    ts_scheduler *scheduler;
    ts_task_id id;
    int started, may_go;
} lent;

static int32_t run_lend(ts_token *token, void *user_data)
{
    (void)user_data;
    lent.token = token;
    count(&lent.started);
    await(&lent.may_go, 1);
    return 0;
}

static int32_t run_borrow(ts_token *token, void *user_data)
{
    (void)user_data;
    CHECK(!ts_should_stop(token));
    CHECK(ts_should_stop(lent.token));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_result(lent.token, "x", 1, NULL));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_error(lent.token, "x"));
    return 0;
}

static void only_its_thread_may_set_a_tasks_result(void)
{
    ts_task_id id;
    ts_value value;
    memset(&lent, 0, sizeof lent);
    lent.scheduler = scheduler_with(NULL);
    lent.id = add(lent.scheduler, "lend", run_lend, NULL, NULL);
    await(&lent.started, 1);
    CHECK(!ts_should_stop(lent.token));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_result(lent.token, "x", 1, NULL));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_error(lent.token, "x"));
    GIVES(TS_OK, ts_force_stop(lent.scheduler, lent.id));
    CHECK(ts_should_stop(lent.token));
    id = add(lent.scheduler, "borrow", run_borrow, NULL, NULL);
    CHECK(ended(lent.scheduler, id) == TS_COMPLETED);
    count(&lent.may_go);
    CHECK(ended(lent.scheduler, lent.id) == TS_CANCELLED);
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(lent.scheduler, lent.id, &value));
    ts_scheduler_free(lent.scheduler);
}

/* Ids. */
static void ids_survive_the_round_trip(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    int at;
    for (at = 0; at < 1000; at++) {
        ts_task_id id = add(scheduler, NULL, run_nothing, NULL, NULL), back = dirty_id();
        char text[37], upper[37];
        size_t letter;
        ts_task_id_format(id, text);
        CHECK(strlen(text) == 36 && text[14] == '8');
        MUST(ts_task_id_parse(text, &back));
        CHECK(memcmp(&id, &back, sizeof id) == 0);
        for (letter = 0; letter < 37; letter++)
            upper[letter] = (char)(text[letter] >= 'a' ? text[letter] - 'a' + 'A' : text[letter]);
        back = dirty_id();
        MUST(ts_task_id_parse(upper, &back));
        CHECK(memcmp(&id, &back, sizeof id) == 0);
    }
    ts_scheduler_free(scheduler);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(ts_task_id));
}

#define IDS 100000

static void ids_are_unique(void)
{
    static ts_task_id ids[IDS];
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    int at, same = 0, ran = 0;
    for (at = 0; at < IDS; at++) {
        /* Bursts, and memory given back between them. */
        if (at % (IDS / 5) == 0)
            GIVES(TS_OK, ts_shutdown(scheduler, false));
        ids[at] = add(scheduler, at % 3 ? "name" : NULL, run_count, &ran, NULL);
        CHECK(!is_zero(ids[at]));
    }
    qsort(ids, IDS, sizeof *ids, compare_ids);
    for (at = 1; at < IDS; at++)
        same += compare_ids(&ids[at - 1], &ids[at]) == 0;
    CHECK(same == 0);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(no_token_is_the_current_task),
    TEST(a_sleep_outside_a_task_is_a_plain_one),
    TEST(a_sleep_inside_a_task_lasts_its_time),
    TEST(a_second_result_drops_the_first),
    TEST(an_empty_result_is_one_too),
    TEST(a_result_moves_out_once),
    TEST(a_drop_inside_a_drop_comes_after_it),
    TEST(only_its_thread_may_set_a_tasks_result),
    TEST(ids_survive_the_round_trip),
    TEST(ids_are_unique),
};

CHECK_ALL(tests)
