/* The examples of the Python library's README, as far as they use linear tasks:
 * each does here what it is documented to do there. Sleeps are shorter, and
 * what it prints comes as the log's lines. */
#include "check.h"

/* The log, one line after the other. */
static char log_text[1 << 16];
static size_t log_length;

static void keep_log(ts_log_level level, const char *text, void *user_data)
{
    size_t length = strlen(text);
    (void)level;
    (void)user_data;
    pthread_mutex_lock(&check_lock);
    if (log_length + length + 2 < sizeof log_text) {
        memcpy(log_text + log_length, text, length);
        memcpy(log_text + log_length + length, "\n", 2);
        log_length += length + 1;
    }
    pthread_mutex_unlock(&check_lock);
}

static int logged(const char *line)
{
    const char *at = log_text;
    size_t length = strlen(line);
    int found = 0;
    pthread_mutex_lock(&check_lock);
    while (!found && (at = strstr(at, line)) != NULL) {
        found = (at == log_text || at[-1] == '\n') && at[length] == '\n';
        at += length;
    }
    pthread_mutex_unlock(&check_lock);
    return found;
}

static int logged_of(const char *before, ts_task_id id, const char *behind)
{
    char text[37], line[200];
    ts_task_id_format(id, text);
    snprintf(line, sizeof line, "%s%s%s", before, text, behind);
    return logged(line);
}

static int rounds;

/* while True: interruptible_sleep(5); print(input_info) */
static int32_t line_task(ts_token *token, void *input_info)
{
    (void)input_info;
    while (ts_interruptible_sleep(token, 0.001) == TS_OK)
        count(&rounds);
    return 0;
}

/* interruptible_sleep(5); return input_info */
static int32_t line_task_with_result(ts_token *token, void *input_info)
{
    if (ts_interruptible_sleep(token, 0.05) != TS_OK)
        return 1;
    GIVES(TS_OK, ts_set_result(token, input_info, strlen((char *)input_info) + 1, NULL));
    return 0;
}

static char input_info[] = "test";

static void begin(void)
{
    log_length = 0;
    log_text[0] = 0;
    rounds = 0;
    MUST(ts_set_log_callback(keep_log, NULL, NULL));
}

/* except KeyboardInterrupt: shutdown(True) */
static void interrupted(void)
{
    GIVES(TS_OK, ts_shutdown(NULL, true));
    CHECK(logged("All scheduler has been shut down."));
    MUST(ts_set_log_callback(NULL, NULL, NULL));
}

static ts_task_id add_task(const char *name, ts_task_fn run)
{
    ts_task_id id;
    MUST(ts_add_task(NULL, true, name, run, input_info, NULL, &id));
    return id;
}

static void example_add_task(void)
{
    ts_task_id id;
    char text[37];
    begin();
    id = add_task("task1", line_task);
    ts_task_id_format(id, text);
    CHECK(strlen(text) == 36);
    CHECK(logged_of("Io linear task | ", id, " | added successfully"));
    await(&rounds, 2);
    CHECK(state_of(NULL, id) == TS_RUNNING);
    interrupted();
    CHECK(state_of(NULL, id) == TS_CANCELLED);
    CHECK(logged_of("Io linear task | ", id, " | was cancelled"));
}

static void example_ban_task_name(void)
{
    ts_task_id first, id = dirty_id();
    begin();
    first = add_task("task1", line_task);
    GIVES(TS_OK, ts_ban_task_name(NULL, TS_LINEAR, "task1"));
    CHECK(logged("Io linear task | task1 | is banned from execution"));
    GIVES(TS_ERROR_BANNED, ts_add_task(NULL, true, "task1", line_task, input_info, NULL, &id));
    CHECK(is_zero(id));
    /* The seed names an id, which a refused task does not have here. */
    CHECK(logged("Io linear task | task1 | is banned and will be deleted"));
    /* The seed forgets bans at a shutdown; here they stay. */
    interrupted();
    CHECK(state_of(NULL, first) == TS_CANCELLED);
    GIVES(TS_ERROR_BANNED, ts_add_task(NULL, true, "task1", line_task, input_info, NULL, &id));
    GIVES(TS_OK, ts_allow_task_name(NULL, TS_LINEAR, "task1"));
}

static void example_allow_task_name(void)
{
    plug its = { 0, 0 };
    ts_task_id first, second, id;
    begin();
    MUST(ts_add_task(NULL, true, "task1", run_plug, &its, NULL, &first));
    await(&its.started, 1);
    GIVES(TS_OK, ts_ban_task_name(NULL, TS_LINEAR, "task1"));
    GIVES(TS_ERROR_BANNED, ts_add_task(NULL, true, "task1", line_task, input_info, NULL, &id));
    GIVES(TS_OK, ts_allow_task_name(NULL, TS_LINEAR, "task1"));
    CHECK(logged("Io linear task | task1 | is allowed for execution"));
    second = add_task("task1", line_task);
    CHECK(state_of(NULL, first) == TS_RUNNING);
    CHECK(state_of(NULL, second) == TS_PENDING);
    pull(&its);
    await(&rounds, 1);
    CHECK(state_of(NULL, first) == TS_COMPLETED);
    CHECK(state_of(NULL, second) == TS_RUNNING);
    interrupted();
    CHECK(state_of(NULL, second) == TS_CANCELLED);
}

static void example_cancel_all_queued_tasks_by_name(void)
{
    ts_task_id first, second, third;
    size_t cancelled = 0;
    begin();
    first = add_task("task1", line_task);
    await(&rounds, 1);
    second = add_task("task1", line_task);
    third = add_task("task1", line_task);
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(NULL, TS_LINEAR, "task1", &cancelled));
    CHECK(cancelled == 2);
    CHECK(logged("Io linear task | task1 | is waiting to be executed in the queue, "
                 "has been deleted"));
    CHECK(state_of(NULL, first) == TS_RUNNING);
    CHECK(state_of(NULL, second) == TS_CANCELLED);
    CHECK(state_of(NULL, third) == TS_CANCELLED);
    interrupted();
    CHECK(state_of(NULL, first) == TS_CANCELLED);
}

static void example_force_stop_task(void)
{
    ts_task_id id;
    begin();
    id = add_task("task1", line_task);
    await(&rounds, 3);
    GIVES(TS_OK, ts_force_stop(NULL, id));
    CHECK(logged_of("Io linear task | ", id, " | has been forcibly cancelled"));
    /* The seed forgets it; here its record stays. */
    CHECK(ended(NULL, id) == TS_CANCELLED);
    interrupted();
}

static void example_get_task_result(void)
{
    ts_task_id id;
    ts_value value;
    begin();
    id = add_task("sleep", line_task_with_result);
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
    ts_task_id id;
    char *text = NULL, id_text[37], line[120];
    begin();
    id = add_task("task1", line_task);
    await(&rounds, 1);
    ts_task_id_format(id, id_text);
    MUST(ts_get_all_queue_info(NULL, TS_LINEAR, true, &text));
    CHECK(strstr(text, "line queue size: 0, Running tasks count: 1") != NULL);
    snprintf(line, sizeof line, "Name: task1, ID: %s, ", id_text);
    CHECK(strstr(text, line) != NULL);
    CHECK(strstr(text, "Status: running, Elapsed Time: ") != NULL);
    ts_string_free(text);
    MUST(ts_get_all_queue_info(NULL, TS_LINEAR, false, &text));
    CHECK(strstr(text, id_text) == NULL && strstr(text, "Name: task1") != NULL);
    ts_string_free(text);
    MUST(ts_get_all_queue_info(NULL, TS_ASYNC, true, &text));
    CHECK(strstr(text, "asyncio queue size: 0, Running tasks count: 0") != NULL);
    ts_string_free(text);
    interrupted();
}

static void example_get_task_status(void)
{
    ts_task_id id;
    ts_task_status status;
    begin();
    id = add_task("task1", line_task);
    await(&rounds, 1);
    status = status_of(NULL, id);
    /* {'task_name': 'task1', 'start_time': 1737857113.8, 'status': 'running'} */
    CHECK(strcmp(status.task_name, "task1") == 0);
    CHECK(status.started_at > 1.7e9 && status.started_at >= status.added_at - 0.1);
    CHECK(status.state == TS_RUNNING && status.kind == TS_LINEAR);
    interrupted();
}

static void example_shutdown(void)
{
    plug its = { 0, 1 };
    ts_task_id id;
    begin();
    /* Safely shut down and wait for the running task to end. */
    MUST(ts_add_task(NULL, true, "task1", run_plug, &its, NULL, &id));
    await(&its.started, 1);
    GIVES(TS_OK, ts_shutdown(NULL, false));
    CHECK(state_of(NULL, id) == TS_COMPLETED);
    id = add_task("task1", line_task);
    await(&rounds, 1);
    interrupted();
    CHECK(state_of(NULL, id) == TS_CANCELLED);
}

static void example_interruptible_sleep(void)
{
    GIVES(TS_OK, ts_interruptible_sleep(NULL, 0.005));
}

static void example_update_config(void)
{
    static const char *const defaults[][2] = {
        { "line_task_max", "10" },         { "maximum_queue_async", "30" },
        { "maximum_queue_line", "30" },    { "max_idle_time", "60" },
        { "watch_dog_time", "200" },       { "maximum_task_info_storage", "60" },
        { "maximum_event_loop_tasks", "3" }, { "status_check_interval", "800" },
    };
    char *text = NULL;
    size_t at;
    begin();
    for (at = 0; at < sizeof defaults / sizeof *defaults; at++) {
        MUST(ts_get_config(NULL, defaults[at][0], &text));
        CHECK(strcmp(text, defaults[at][1]) == 0);
        ts_string_free(text);
    }
    GIVES(TS_OK, ts_update_config(NULL, "line_task_max", "18"));
    CHECK(logged("Configuration file updated and reloaded successfully: line_task_max = 18"));
    MUST(ts_get_config(NULL, "line_task_max", &text));
    CHECK(strcmp(text, "18") == 0);
    ts_string_free(text);
    GIVES(TS_OK, ts_update_config(NULL, "line_task_max", "10"));
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
    TEST(example_interruptible_sleep),
    TEST(example_update_config),
};

CHECK_ALL(tests)
