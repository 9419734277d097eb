/* The examples of the Python library's README, as far as they use asyncio: each
 * does here what it is documented to do there. Sleeps are shorter, and what it
 * prints comes as the log's lines. */
#include "async.h"

static int rounds;
static char input_info[] = "test";

/* while True: await asyncio.sleep(5); print(input_info) */
static ts_poll asyncio_task(ts_token *token, void *input)
{
    CHECK(input == input_info);
    while (ts_async_sleep(token, 0.001) == TS_OK)
        count(&rounds);
    return TS_POLL_PENDING;
}

/* await asyncio.sleep(5); return input_info */
static ts_poll asyncio_task_with_result(ts_token *token, void *input)
{
    if (ts_async_sleep(token, 0.05) != TS_OK)
        return TS_POLL_PENDING;
    GIVES(TS_OK, ts_set_result(token, input, strlen((char *)input) + 1, NULL));
    return TS_POLL_READY;
}

/* while True: interruptible_sleep(5); print(input_info) */
static int32_t line_task(ts_token *token, void *input)
{
    (void)input;
    while (ts_interruptible_sleep(token, 0.001) == TS_OK)
        ;
    return 0;
}

static int logged(const char *line)
{
    char text[200];
    snprintf(text, sizeof text, "%s\n", line);
    return logged_times(text) > 0;
}

static void begin(void)
{
    rounds = 0;
    log_from_here();
}

/* except KeyboardInterrupt: shutdown(True) */
static void interrupted(void)
{
    GIVES(TS_OK, ts_shutdown(NULL, true));
    CHECK(logged("All scheduler has been shut down."));
    MUST(ts_set_log_callback(NULL, NULL, NULL));
}

static ts_task_id add_task(const char *name, ts_poll_fn poll)
{
    ts_task_id id;
    MUST(ts_add_async_task(NULL, true, name, poll, input_info, NULL, &id));
    return id;
}

static void example_add_task(void)
{
    ts_task_id one, two;
    begin();
    MUST(ts_add_task(NULL, true, "task1", line_task, input_info, NULL, &one));
    two = add_task("task2", asyncio_task);
    CHECK(memcmp(&one, &two, sizeof one) != 0);
    CHECK(logged_of("Io asyncio task | ", two, " | added successfully"));
    await(&rounds, 2);
    CHECK(state_of(NULL, two) == TS_RUNNING);
    interrupted();
    CHECK(state_of(NULL, one) == TS_CANCELLED);
    CHECK(state_of(NULL, two) == TS_CANCELLED);
    CHECK(logged_of("Io asyncio task | ", two, " | was cancelled"));
}

static void example_ban_task_name(void)
{
    ts_task_id first, id = dirty_id();
    begin();
    first = add_task("task2", asyncio_task);
    await(&rounds, 1);
    GIVES(TS_OK, ts_ban_task_name(NULL, TS_ASYNC, "task2"));
    CHECK(logged("Io asyncio task | task2 | is banned from execution"));
    GIVES(TS_ERROR_BANNED, ts_add_async_task(NULL, true, "task2", asyncio_task, input_info, NULL, &id));
    CHECK(is_zero(id));
    CHECK(logged("Io asyncio task | task2 | is banned and will be deleted"));
    CHECK(state_of(NULL, first) == TS_RUNNING);
    interrupted();
    CHECK(state_of(NULL, first) == TS_CANCELLED);
    GIVES(TS_OK, ts_allow_task_name(NULL, TS_ASYNC, "task2"));
}

static void example_allow_task_name(void)
{
    ts_task_id first, second, id;
    begin();
    first = add_task("task2", asyncio_task);
    GIVES(TS_OK, ts_ban_task_name(NULL, TS_ASYNC, "task2"));
    CHECK(logged("Io asyncio task | task2 | is banned from execution"));
    GIVES(TS_ERROR_BANNED, ts_add_async_task(NULL, true, "task2", asyncio_task, input_info, NULL, &id));
    CHECK(logged("Io asyncio task | task2 | is banned and will be deleted"));
    GIVES(TS_OK, ts_allow_task_name(NULL, TS_ASYNC, "task2"));
    CHECK(logged("Io asyncio task | task2 | is allowed for execution"));
    second = add_task("task2", asyncio_task);
    await(&rounds, 2);
    interrupted();
    CHECK(state_of(NULL, first) == TS_CANCELLED);
    CHECK(state_of(NULL, second) == TS_CANCELLED);
}

static void example_cancel_all_queued_tasks_by_name(void)
{
    ts_task_id ids[5];
    size_t cancelled = 0;
    int at;
    begin();
    /* Three run at once; the seed's example adds three, and nothing is queued. */
    for (at = 0; at < 5; at++)
        ids[at] = add_task("task2", asyncio_task);
    round_trip(NULL, "task3");
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(NULL, TS_ASYNC, "task2", &cancelled));
    CHECK(cancelled == 2);
    CHECK(logged("Io asyncio task | task2 | is waiting to be executed in the queue, "
                 "has been deleted"));
    for (at = 0; at < 5; at++)
        CHECK(state_of(NULL, ids[at]) == (at < 3 ? TS_RUNNING : TS_CANCELLED));
    interrupted();
    for (at = 0; at < 5; at++)
        CHECK(state_of(NULL, ids[at]) == TS_CANCELLED);
}

static void example_force_stop_task(void)
{
    ts_task_id linear, id;
    begin();
    /* The same name in both kinds. */
    MUST(ts_add_task(NULL, true, "task1", line_task, input_info, NULL, &linear));
    id = add_task("task1", asyncio_task);
    await(&rounds, 3);
    GIVES(TS_OK, ts_force_stop(NULL, linear));
    GIVES(TS_OK, ts_force_stop(NULL, id));
    CHECK(logged_of("Io asyncio task | ", id, " | has been forcibly cancelled"));
    /* The seed forgets it; here its record stays. */
    CHECK(ended(NULL, id) == TS_CANCELLED);
    interrupted();
}

static void example_get_task_result(void)
{
    ts_task_id id;
    ts_value value;
    begin();
    id = add_task("sleep", asyncio_task_with_result);
    /* if result is not None */
    GIVES(TS_ERROR_NOT_FINISHED, ts_get_task_result(NULL, id, &value));
    CHECK(ended(NULL, id) == TS_COMPLETED);
    GIVES(TS_OK, ts_get_task_result(NULL, id, &value));
    CHECK(strcmp((char *)value.data, "test") == 0);
    ts_value_free(&value);
    interrupted();
}

static void example_get_all_queue_info(void)
{
    ts_task_id linear, id;
    char *text = NULL, id_text[37], line[120];
    begin();
    MUST(ts_add_task(NULL, true, "task1", line_task, input_info, NULL, &linear));
    id = add_task("task1", asyncio_task);
    await(&rounds, 1);
    ts_task_id_format(id, id_text);
    MUST(ts_get_all_queue_info(NULL, TS_ASYNC, true, &text));
    CHECK(strstr(text, "asyncio queue size: 0, Running tasks count: 1") != NULL);
    snprintf(line, sizeof line, "Name: task1, ID: %s, ", id_text);
    CHECK(strstr(text, line) != NULL);
    CHECK(strstr(text, "Status: running, Elapsed Time: ") != NULL);
    ts_string_free(text);
    MUST(ts_get_all_queue_info(NULL, TS_ASYNC, false, &text));
    CHECK(strstr(text, id_text) == NULL && strstr(text, "Name: task1") != NULL);
    ts_string_free(text);
    MUST(ts_get_all_queue_info(NULL, TS_LINEAR, true, &text));
    CHECK(strstr(text, id_text) == NULL);
    ts_string_free(text);
    interrupted();
}

static void example_get_task_status(void)
{
    ts_task_id id;
    ts_task_status status;
    begin();
    id = add_task("task1", asyncio_task);
    await(&rounds, 1);
    status = status_of(NULL, id);
    /* {'task_name': 'task1', 'start_time': 1737857113.8, 'status': 'running'} */
    CHECK(strcmp(status.task_name, "task1") == 0);
    CHECK(status.started_at > 1.7e9 && status.started_at >= status.added_at - 0.1);
    CHECK(status.state == TS_RUNNING && status.kind == TS_ASYNC);
    interrupted();
}

static void example_shutdown(void)
{
    ts_task_id id;
    ts_value value;
    begin();
    /* Safely shut down and wait for the running task to end. */
    id = add_task("task1", asyncio_task_with_result);
    round_trip(NULL, "task2");
    GIVES(TS_OK, ts_shutdown(NULL, false));
    CHECK(state_of(NULL, id) == TS_COMPLETED);
    GIVES(TS_ERROR_NO_RESULT, ts_get_task_result(NULL, id, &value));
    id = add_task("task1", asyncio_task);
    await(&rounds, 1);
    interrupted();
    CHECK(state_of(NULL, id) == TS_CANCELLED);
}

/* "Set to True to enable timeout detection, tasks that do not finish within the
 * runtime will be forcibly terminated" */
static void timeout_processing_ends_what_runs_for_too_long(void)
{
    ts_task_id id, other;
    begin();
    MUST(ts_update_config(NULL, "watch_dog_time", "0.05"));
    id = add_task("task1", asyncio_task);
    MUST(ts_add_async_task(NULL, false, "task1", asyncio_task, input_info, NULL, &other));
    CHECK(ended(NULL, id) == TS_TIMEOUT);
    CHECK(logged_of("Io asyncio task | ", id, " | timed out, forced termination"));
    CHECK(state_of(NULL, other) == TS_RUNNING);
    MUST(ts_update_config(NULL, "watch_dog_time", "200"));
    interrupted();
}

static const check_test tests[] = {
    TEST(example_add_task),
    TEST(example_ban_task_name),
    TEST(example_allow_task_name),
    TEST(example_cancel_all_queued_tasks_by_name),
    TEST(example_force_stop_task),
    TEST(example_get_task_result),
    TEST(example_get_all_queue_info),
    TEST(example_get_task_status),
    TEST(example_shutdown),
    TEST(timeout_processing_ends_what_runs_for_too_long),
};

CHECK_ALL(tests)
