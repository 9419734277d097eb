/* The calls of the table: tasks, what is known of them, shutdowns, and the small ones. */
#ifndef EVERYWHERE_CALLS_H
#define EVERYWHERE_CALLS_H

#include "everywhere.h"

/* What a function without an error has done. */
static inline ts_error did(int done)
{
    return done ? TS_OK : TS_ERROR_PANIC;
}

static inline ts_poll poll_nothing(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static inline ts_error add_task(stage *on)
{
    ts_task_id id;
    return ts_add_task(on->scheduler, false, "added", run_nothing, NULL, NULL, &id);
}

static inline ts_error add_async_task(stage *on)
{
    ts_task_id id;
    return ts_add_async_task(on->scheduler, false, "added", poll_nothing, NULL, NULL, &id);
}

static inline ts_error submit_task(stage *on)
{
    ts_task_options options = options_of("submitted", run_nothing, NULL, NULL, TS_WAIT_FOR_ROOM);
    ts_task_id id;
    return ts_submit(on->scheduler, &options, &id);
}

static inline ts_error force_stop(stage *on)
{
    return ts_force_stop(on->scheduler, on->queued);
}

static inline ts_error ban(stage *on)
{
    return ts_ban_task_name(on->scheduler, TS_LINEAR, "bad");
}

static inline ts_error allow(stage *on)
{
    return ts_allow_task_name(on->scheduler, TS_LINEAR, "bad");
}

static inline ts_error cancel_all(stage *on)
{
    return ts_cancel_all_queued_tasks_by_name(on->scheduler, TS_LINEAR, "runs", NULL);
}

static inline ts_error should_stop(stage *on)
{
    return did(!ts_should_stop(on->token));
}

static inline ts_error interruptible_sleep(stage *on)
{
    return ts_interruptible_sleep(on->token, 1e-6);
}

static inline ts_error set_result(stage *on)
{
    return ts_set_result(on->token, &on->place, sizeof on->place, NULL);
}

static inline ts_error set_error(stage *on)
{
    return ts_set_error(on->token, "words");
}

static inline ts_error async_sleep(stage *on)
{
    return ts_async_sleep(on->token, 1000);
}

static inline ts_error async_sleep_cancel(stage *on)
{
    return ts_async_sleep_cancel(on->token);
}

static inline ts_error async_wait_fd(stage *on)
{
    uint32_t ready;
    return ts_async_wait_fd(on->token, on->pipe[0], TS_READABLE, &ready);
}

static inline ts_error async_wait_task(stage *on)
{
    return ts_async_wait_task(on->token, on->ended);
}

static inline ts_error async_wait_running(stage *on)
{
    return ts_async_wait_task(on->token, on->runs);
}

static inline ts_error waker_clone(stage *on)
{
    ts_waker *waker = NULL;
    ts_error error = ts_waker_clone(on->token, &waker);
    ts_waker_free(waker);
    return error;
}

static inline ts_error waker_wake(stage *on)
{
    return ts_waker_wake(on->wakers[0]);
}

static inline ts_error waker_free(stage *on)
{
    ts_waker_free(on->wakers[1]);
    on->wakers[1] = NULL;
    return TS_OK;
}

static inline ts_error get_task_state(stage *on)
{
    ts_state state;
    return ts_get_task_state(on->scheduler, on->runs, &state);
}

static inline ts_error get_task_status(stage *on)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    return ts_get_task_status(on->scheduler, on->ended, &status);
}

static inline ts_error wait_ended(stage *on)
{
    return ts_wait(on->scheduler, on->ended, TS_FOREVER, NULL);
}

static inline ts_error wait_running_0(stage *on)
{
    return ts_wait(on->scheduler, on->runs, 0, NULL);
}

static inline ts_error wait_running(stage *on)
{
    return ts_wait(on->scheduler, on->runs, 0.001, NULL);
}

static inline ts_error wait_own(stage *on)
{
    return ts_wait(on->scheduler, on->own, TS_FOREVER, NULL);
}

static inline ts_error get_task_result(stage *on)
{
    ts_value value;
    ts_error error = ts_get_task_result(on->scheduler, on->ended, &value);
    if (error == TS_OK)
        ts_value_free(&value);
    return error;
}

static inline ts_error value_free(stage *on)
{
    ts_value value = { NULL, 0, drop_count };
    value.data = &on->freed;
    ts_value_free(&value);
    /* Inside a drop it comes after that. */
    return did(value.drop == NULL);
}

static inline ts_error task_forget(stage *on)
{
    return ts_task_forget(on->scheduler, on->kept);
}

static inline ts_error list_tasks(stage *on)
{
    size_t known;
    return ts_list_tasks(on->scheduler, TS_LINEAR, NULL, 0, &known);
}

static inline ts_error get_all_queue_info(stage *on)
{
    char *text = NULL;
    ts_error error = ts_get_all_queue_info(on->scheduler, TS_LINEAR, true, &text);
    ts_string_free(text);
    return error;
}

static inline ts_error task_id_format(stage *on)
{
    char text[37] = "";
    ts_task_id_format(on->ended, text);
    return did(strlen(text) == 36);
}

static inline ts_error task_id_parse(stage *on)
{
    ts_task_id id;
    (void)on;
    return ts_task_id_parse("cf478b6e-5e02-89b8-9031-4adc6ff915c2", &id);
}

static inline ts_error shut_down(stage *on)
{
    return ts_shutdown(on->scheduler, false);
}

static inline ts_error shut_down_other(stage *on)
{
    return ts_shutdown(on->other, true);
}

static inline ts_error shut_down_within(stage *on)
{
    return ts_shutdown_within(on->scheduler, false, 0.001, NULL);
}

static inline ts_error shut_down_within_0(stage *on)
{
    return ts_shutdown_within(on->scheduler, false, 0, NULL);
}

/* It says nothing, so its effect is looked at. */
static inline ts_error scheduler_free(stage *on)
{
    ts_scheduler_free(on->other);
    return counted(&on->other_dropped) ? TS_OK : TS_ERROR_WOULD_DEADLOCK;
}

static inline ts_error scheduler_new(stage *on)
{
    return ts_scheduler_new(NULL, &on->made[0]);
}

static inline ts_error scheduler_new_with(stage *on)
{
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    return ts_scheduler_new_with(&options, &on->made[1]);
}

static inline ts_error update_config(stage *on)
{
    return ts_update_config(on->scheduler, "watch_dog_time", "300");
}

static inline ts_error load_config(stage *on)
{
    return ts_load_config(on->scheduler, "/dev/null");
}

static inline ts_error get_config(stage *on)
{
    char *text = NULL;
    ts_error error = ts_get_config(on->scheduler, "line_task_max", &text);
    ts_string_free(text);
    return error;
}

static inline ts_error string_free(stage *on)
{
    char *text = NULL;
    if (ts_get_config(on->scheduler, "line_task_max", &text) == TS_OK)
        ts_string_free(text);
    return TS_OK;
}

static inline ts_error set_log_callback(stage *on)
{
    (void)on;
    return ts_set_log_callback(NULL, NULL, NULL);
}

static inline ts_error error_name(stage *on)
{
    (void)on;
    return did(strcmp(ts_error_name(TS_OK), "TS_OK") == 0);
}

static inline ts_error last_error_message(stage *on)
{
    return did(ts_get_config(on->scheduler, NULL, NULL) == TS_ERROR_INVALID_ARGUMENT
               && *ts_last_error_message() != 0);
}

static inline ts_error version(stage *on)
{
    (void)on;
    return did(strcmp(ts_version(), TS_VERSION) == 0);
}

#endif
