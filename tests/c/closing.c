/* What calls give while a shutdown is under way: it has cancelled what was pending,
 * and waits for a task that runs. What they give inside of something is in
 * everywhere_table.h. */
#include "check.h"

static struct {
    ts_scheduler *scheduler, *made;
    ts_task_id finished, kept;
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
    return ts_task_forget(here.scheduler, here.kept);
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

static ts_error call_scheduler_new(void)
{
    return ts_scheduler_new(NULL, &here.made);
}

static ts_error call_use_new_scheduler(void)
{
    ts_task_id id;
    return ts_add_task(here.made, false, NULL, run_nothing, NULL, NULL, &id);
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
    return ts_set_result(NULL, "result", 7, NULL);
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
    ts_value_free(&value);
    return dropped == 1 ? TS_OK : TS_ERROR_PANIC;
}

static ts_error call_words(void)
{
    return strcmp(ts_version(), TS_VERSION) == 0 && *ts_error_name(TS_OK) != 0 && ts_last_error_message() != NULL ? TS_OK : TS_ERROR_PANIC;
}

static const struct {
    const char *name;
    ts_error (*call)(void);
    ts_error gives;
} calls[] = {
    { "ts_add_task", call_add_task, TS_ERROR_SHUTTING_DOWN },
    { "ts_submit", call_submit, TS_ERROR_SHUTTING_DOWN },
    { "ts_submit, wait for room", call_submit_with_room, TS_ERROR_SHUTTING_DOWN },
    { "ts_add_async_task", call_add_async_task, TS_ERROR_SHUTTING_DOWN },
    { "ts_force_stop", call_force_stop, TS_ERROR_ALREADY_FINISHED },
    { "ts_ban_task_name", call_ban, TS_OK },
    { "ts_ban_task_name again", call_ban_again, TS_ERROR_ALREADY_BANNED },
    { "ts_allow_task_name", call_allow, TS_OK },
    { "ts_allow_task_name again", call_allow_again, TS_ERROR_NOT_BANNED },
    { "ts_cancel_all_queued_tasks_by_name", call_cancel_all, TS_OK },
    { "ts_get_task_result", call_get_task_result, TS_ERROR_NO_RESULT },
    { "ts_get_task_state", call_get_task_state, TS_OK },
    { "ts_get_task_status", call_get_task_status, TS_OK },
    { "ts_wait", call_wait, TS_OK },
    { "ts_wait for nobody", call_wait_for_nobody, TS_ERROR_NOT_FOUND },
    { "ts_task_forget", call_task_forget, TS_OK },
    { "ts_task_forget again", call_task_forget, TS_ERROR_NOT_FOUND },
    { "ts_list_tasks", call_list_tasks, TS_OK },
    { "ts_get_all_queue_info", call_get_all_queue_info, TS_OK },
    { "ts_update_config", call_update_config, TS_OK },
    { "ts_update_config wrongly", call_update_config_wrongly, TS_ERROR_CONFIG },
    { "ts_load_config", call_load_config, TS_ERROR_CONFIG },
    { "ts_get_config", call_get_config, TS_OK },
    { "ts_scheduler_new", call_scheduler_new, TS_OK },
    { "ts_add_task to a new scheduler", call_use_new_scheduler, TS_OK },
    { "ts_should_stop", call_should_stop, TS_OK },
    { "ts_interruptible_sleep", call_interruptible_sleep, TS_OK },
    { "ts_set_result", call_set_result, TS_ERROR_WRONG_THREAD },
    { "ts_set_error", call_set_error, TS_ERROR_WRONG_THREAD },
    { "ts_set_log_callback", call_set_log_callback, TS_OK },
    { "ts_task_id_format and ts_task_id_parse", call_task_id, TS_OK },
    { "ts_value_free", call_value_free, TS_OK },
    { "ts_version, ts_error_name, ts_last_error_message", call_words, TS_OK },
};

static void *shut_down(void *argument)
{
    GIVES(TS_OK, ts_shutdown((ts_scheduler *)argument, false));
    return NULL;
}

static void every_call_answers_during_a_shutdown(void)
{
    plug its = { 0, 0 };
    int cancelled = 0;
    pthread_t closing;
    size_t at;
    here.scheduler = scheduler_with(NULL);
    here.finished = submit(here.scheduler, "finished", run_nothing, NULL, NULL, TS_KEEP);
    here.kept = submit(here.scheduler, "finished", run_nothing, NULL, NULL, TS_KEEP);
    CHECK(ended(here.scheduler, here.kept) == TS_COMPLETED);
    add(here.scheduler, "plug", run_plug, &its, NULL);
    await(&its.started, 1);
    add(here.scheduler, "plug", run_nothing, &cancelled, drop_count);
    closing = thread(shut_down, here.scheduler);
    await(&cancelled, 1);
    for (at = 0; at < sizeof calls / sizeof *calls; at++) {
        char text[120];
        snprintf(text, sizeof text, "%s during a shutdown", calls[at].name);
        check_error(__FILE__, __LINE__, text, calls[at].call(), calls[at].gives);
    }
    pull(&its);
    pthread_join(closing, NULL);
    ts_scheduler_free(here.scheduler);
    ts_scheduler_free(here.made);
}

static const check_test tests[] = {
    TEST(every_call_answers_during_a_shutdown),
};

CHECK_ALL(tests)
