/* What a task may call, and what its token does; results, and ids. */
#include "check.h"

#include <time.h>

/* Every function, called inside a task, inside a drop, and while a shutdown is
 * under way: what each gives there. */
enum { IN_A_TASK, IN_A_DROP, IN_A_SHUTDOWN, PLACES };
static const char *const place_names[PLACES] = { "a task", "a drop", "a shutdown" };

static struct {
    ts_scheduler *scheduler, *made[PLACES];
    ts_task_id finished, kept[PLACES];
    int place, added, done[PLACES];
} here;

static ts_error call_add_task(void)
{
    ts_task_id id;
    return ts_add_task(here.scheduler, false, "added", run_nothing, NULL, NULL, &id);
}

static ts_error call_submit(void)
{
    ts_task_options options = options_of(NULL, run_nothing, NULL, NULL, 0);
    ts_task_id id;
    return ts_submit(here.scheduler, &options, &id);
}

static ts_error call_submit_with_room(void)
{
    ts_task_options options = options_of("room", run_nothing, NULL, NULL, TS_WAIT_FOR_ROOM);
    ts_task_id id;
    options.wait_seconds = TS_FOREVER;
    return ts_submit(here.scheduler, &options, &id);
}

static ts_poll poll(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static ts_error call_add_async_task(void)
{
    ts_task_id id;
    return ts_add_async_task(here.scheduler, false, "added", poll, NULL, NULL, &id);
}

static ts_error call_force_stop(void)
{
    return ts_force_stop(here.scheduler, here.finished);
}

static ts_error call_ban(void)
{
    return ts_ban_task_name(here.scheduler, TS_LINEAR, "a bad name");
}

static ts_error call_ban_again(void)
{
    return ts_ban_task_name(here.scheduler, TS_LINEAR, "a bad name");
}

static ts_error call_allow(void)
{
    return ts_allow_task_name(here.scheduler, TS_LINEAR, "a bad name");
}

static ts_error call_allow_again(void)
{
    return ts_allow_task_name(here.scheduler, TS_LINEAR, "a bad name");
}

static ts_error call_cancel_all(void)
{
    size_t cancelled;
    return ts_cancel_all_queued_tasks_by_name(here.scheduler, TS_LINEAR, "nobody", &cancelled);
}

static ts_error call_get_task_result(void)
{
    ts_value value;
    return ts_get_task_result(here.scheduler, here.finished, &value);
}

static ts_error call_get_task_state(void)
{
    ts_state state;
    return ts_get_task_state(here.scheduler, here.finished, &state);
}

static ts_error call_get_task_status(void)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    return ts_get_task_status(here.scheduler, here.finished, &status);
}

static ts_error call_wait(void)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    return ts_wait(here.scheduler, here.finished, TS_FOREVER, &status);
}

static ts_error call_wait_for_nobody(void)
{
    ts_task_id zero;
    memset(&zero, 0, sizeof zero);
    return ts_wait(here.scheduler, zero, TS_FOREVER, NULL);
}

static ts_error call_task_forget(void)
{
    return ts_task_forget(here.scheduler, here.kept[here.place]);
}

static ts_error call_list_tasks(void)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    size_t known;
    return ts_list_tasks(here.scheduler, TS_LINEAR, &status, 1, &known);
}

static ts_error call_get_all_queue_info(void)
{
    char *text = NULL;
    ts_error error = ts_get_all_queue_info(here.scheduler, TS_LINEAR, true, &text);
    ts_string_free(text);
    return error;
}

static ts_error call_update_config(void)
{
    return ts_update_config(here.scheduler, "maximum_task_info_storage", "50");
}

static ts_error call_update_config_wrongly(void)
{
    return ts_update_config(here.scheduler, "line_task_max", "0");
}

static ts_error call_load_config(void)
{
    return ts_load_config(here.scheduler, "/nowhere/at/all.yaml");
}

static ts_error call_get_config(void)
{
    char *text = NULL;
    ts_error error = ts_get_config(here.scheduler, "line_task_max", &text);
    ts_string_free(text);
    return error;
}

static ts_error call_shutdown(void)
{
    return ts_shutdown(here.scheduler, false);
}

static ts_error call_shutdown_forced(void)
{
    return ts_shutdown(here.scheduler, true);
}

static ts_error call_scheduler_new(void)
{
    return ts_scheduler_new(NULL, &here.made[here.place]);
}

static ts_error call_use_new_scheduler(void)
{
    ts_task_id id;
    return ts_add_task(here.made[here.place], false, NULL, run_nothing, NULL, NULL, &id);
}

static ts_error call_should_stop(void)
{
    return ts_should_stop(NULL) ? TS_STOPPED : TS_OK;
}

static ts_error call_interruptible_sleep(void)
{
    return ts_interruptible_sleep(NULL, 1e-6);
}

static ts_error call_set_result(void)
{
    return ts_set_result(NULL, &here.place, sizeof here.place, NULL);
}

static ts_error call_set_error(void)
{
    return ts_set_error(NULL, "words");
}

static ts_error call_set_log_callback(void)
{
    return ts_set_log_callback(NULL, NULL, NULL);
}

static ts_error call_task_id(void)
{
    char text[37];
    ts_task_id id;
    ts_task_id_format(here.finished, text);
    return ts_task_id_parse(text, &id);
}

static ts_error call_value_free(void)
{
    int dropped = 0;
    ts_value value = { &dropped, 1, drop_count };
    ts_value_free(here.place == IN_A_DROP ? NULL : &value);
    return here.place == IN_A_DROP || dropped == 1 ? TS_OK : TS_ERROR_PANIC;
}

static ts_error call_words(void)
{
    return strcmp(ts_version(), TS_VERSION) == 0 && *ts_error_name(TS_OK) != 0
            && ts_last_error_message() != NULL ? TS_OK : TS_ERROR_PANIC;
}

#define EVERYWHERE(error) { error, error, error }
#define NOWHERE (ts_error)-1

static const struct {
    const char *name;
    ts_error (*call)(void);
    ts_error gives[PLACES];
} calls[] = {
    { "ts_add_task", call_add_task, { TS_OK, TS_OK, TS_ERROR_SHUTTING_DOWN } },
    { "ts_submit", call_submit, { TS_OK, TS_OK, TS_ERROR_SHUTTING_DOWN } },
    { "ts_submit, wait for room", call_submit_with_room,
      { TS_OK, TS_OK, TS_ERROR_SHUTTING_DOWN } },
    { "ts_add_async_task", call_add_async_task,
      { TS_OK, TS_OK, TS_ERROR_SHUTTING_DOWN } },
    { "ts_force_stop", call_force_stop, EVERYWHERE(TS_ERROR_ALREADY_FINISHED) },
    { "ts_ban_task_name", call_ban, EVERYWHERE(TS_OK) },
    { "ts_ban_task_name again", call_ban_again, EVERYWHERE(TS_ERROR_ALREADY_BANNED) },
    { "ts_allow_task_name", call_allow, EVERYWHERE(TS_OK) },
    { "ts_allow_task_name again", call_allow_again, EVERYWHERE(TS_ERROR_NOT_BANNED) },
    { "ts_cancel_all_queued_tasks_by_name", call_cancel_all, EVERYWHERE(TS_OK) },
    { "ts_get_task_result", call_get_task_result, EVERYWHERE(TS_ERROR_NO_RESULT) },
    { "ts_get_task_state", call_get_task_state, EVERYWHERE(TS_OK) },
    { "ts_get_task_status", call_get_task_status, EVERYWHERE(TS_OK) },
    { "ts_wait", call_wait, EVERYWHERE(TS_OK) },
    { "ts_wait for nobody", call_wait_for_nobody, EVERYWHERE(TS_ERROR_NOT_FOUND) },
    { "ts_task_forget", call_task_forget, EVERYWHERE(TS_OK) },
    { "ts_task_forget again", call_task_forget, EVERYWHERE(TS_ERROR_NOT_FOUND) },
    { "ts_list_tasks", call_list_tasks, EVERYWHERE(TS_OK) },
    { "ts_get_all_queue_info", call_get_all_queue_info, EVERYWHERE(TS_OK) },
    { "ts_update_config", call_update_config, EVERYWHERE(TS_OK) },
    { "ts_update_config wrongly", call_update_config_wrongly, EVERYWHERE(TS_ERROR_CONFIG) },
    { "ts_load_config", call_load_config, EVERYWHERE(TS_ERROR_CONFIG) },
    { "ts_get_config", call_get_config, EVERYWHERE(TS_OK) },
    { "ts_shutdown", call_shutdown,
      { TS_ERROR_WOULD_DEADLOCK, TS_ERROR_WOULD_DEADLOCK, NOWHERE } },
    { "ts_shutdown, forced", call_shutdown_forced,
      { TS_ERROR_WOULD_DEADLOCK, TS_ERROR_WOULD_DEADLOCK, NOWHERE } },
    { "ts_scheduler_new", call_scheduler_new, EVERYWHERE(TS_OK) },
    { "ts_add_task to a new scheduler", call_use_new_scheduler, EVERYWHERE(TS_OK) },
    { "ts_should_stop", call_should_stop, EVERYWHERE(TS_OK) },
    { "ts_interruptible_sleep", call_interruptible_sleep, EVERYWHERE(TS_OK) },
    { "ts_set_result", call_set_result,
      { TS_OK, TS_ERROR_WRONG_THREAD, TS_ERROR_WRONG_THREAD } },
    { "ts_set_error", call_set_error,
      { TS_OK, TS_ERROR_WRONG_THREAD, TS_ERROR_WRONG_THREAD } },
    { "ts_set_log_callback", call_set_log_callback, EVERYWHERE(TS_OK) },
    { "ts_task_id_format and ts_task_id_parse", call_task_id, EVERYWHERE(TS_OK) },
    { "ts_value_free", call_value_free, EVERYWHERE(TS_OK) },
    { "ts_version, ts_error_name, ts_last_error_message", call_words, EVERYWHERE(TS_OK) },
};

static void try_everything(int place)
{
    size_t at;
    here.place = place;
    for (at = 0; at < sizeof calls / sizeof *calls; at++) {
        char text[120];
        if (calls[at].gives[place] == NOWHERE)
            continue;
        snprintf(text, sizeof text, "%s, inside %s,", calls[at].name, place_names[place]);
        check_error(__FILE__, __LINE__, text, calls[at].call(), calls[at].gives[place]);
    }
    count(&here.done[place]);
}

static int32_t run_everything(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    try_everything(IN_A_TASK);
    return 0;
}

static void drop_everything(void *user_data)
{
    (void)user_data;
    try_everything(IN_A_DROP);
}

static void *shut_down(void *argument)
{
    GIVES(TS_OK, ts_shutdown((ts_scheduler *)argument, false));
    return NULL;
}

static void start_here(void)
{
    int at;
    memset(&here, 0, sizeof here);
    here.scheduler = scheduler_with(NULL);
    here.finished = submit(here.scheduler, "finished", run_nothing, NULL, NULL, TS_KEEP);
    for (at = 0; at < PLACES; at++)
        here.kept[at] = submit(here.scheduler, "finished", run_nothing, NULL, NULL, TS_KEEP);
    CHECK(ended(here.scheduler, here.kept[PLACES - 1]) == TS_COMPLETED);
}

static void end_here(void)
{
    int at;
    ts_scheduler_free(here.scheduler);
    for (at = 0; at < PLACES; at++)
        ts_scheduler_free(here.made[at]);
}

static void every_call_inside_a_task_and_its_drop(void)
{
    ts_task_id id;
    start_here();
    id = add(here.scheduler, "here", run_everything, NULL, drop_everything);
    CHECK(ended(here.scheduler, id) == TS_COMPLETED);
    CHECK(here.done[IN_A_TASK] == 1 && here.done[IN_A_DROP] == 1);
    end_here();
}

static void every_call_inside_the_drop_of_a_cancelled_task(void)
{
    plug its = { 0, 0 };
    start_here();
    add(here.scheduler, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    GIVES(TS_OK, ts_force_stop(here.scheduler, add(here.scheduler, "plug", run_nothing, NULL,
                                                   drop_everything)));
    CHECK(here.done[IN_A_DROP] == 1);
    pull(&its);
    end_here();
}

static void every_call_inside_the_drop_of_a_result(void)
{
    ts_value value = { &here, 0, drop_everything };
    start_here();
    ts_value_free(&value);
    CHECK(here.done[IN_A_DROP] == 1);
    end_here();
}

static void every_call_during_a_shutdown(void)
{
    plug its = { 0, 0 };
    int cancelled = 0;
    pthread_t closing;
    start_here();
    add(here.scheduler, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    add(here.scheduler, "plug", run_nothing, &cancelled, drop_count);
    closing = thread(shut_down, here.scheduler);
    await(&cancelled, 1);
    try_everything(IN_A_SHUTDOWN);
    pull(&its);
    pthread_join(closing, NULL);
    end_here();
}

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
    CHECK((double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9
          >= 0.03);
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

static int32_t run_nothing_copied(ts_token *token, void *user_data)
{
    GIVES(TS_OK, ts_set_result(token, user_data, 0, NULL));
    return 0;
}

static int32_t run_null_taken_over(ts_token *token, void *user_data)
{
    (void)user_data;
    GIVES(TS_OK, ts_set_result(token, NULL, 9, drop_everything));
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
    CHECK(value.data == NULL && value.size == 9 && value.drop == drop_everything);
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
    TEST(every_call_inside_a_task_and_its_drop),
    TEST(every_call_inside_the_drop_of_a_cancelled_task),
    TEST(every_call_inside_the_drop_of_a_result),
    TEST(every_call_during_a_shutdown),
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
