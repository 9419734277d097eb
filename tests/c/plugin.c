/* What a plug-in does with the library; see unloading.c. */
#include <task_scheduling.h>

#include <stddef.h>

int plugin_use(int round);
int plugin_touch(void);

static int ran;

static int32_t run(ts_token *token, void *user_data)
{
    (void)token;
    ++*(int *)user_data;
    return 0;
}

static ts_poll poll(ts_token *token, void *user_data)
{
    if (ts_async_sleep(token, 0.0001) == TS_NOT_YET)
        return TS_POLL_PENDING;
    ++*(int *)user_data;
    return TS_POLL_READY;
}

static int use(ts_scheduler *scheduler)
{
    ts_task_id id;
    ts_task_status status = TS_TASK_STATUS_INIT;
    int before = ran;
    return ts_add_task(scheduler, true, "plug-in", run, &ran, NULL, &id) == TS_OK &&
           ts_wait(scheduler, id, TS_FOREVER, &status) == TS_OK && status.state == TS_COMPLETED &&
           ts_add_async_task(scheduler, false, "plug-in", poll, &ran, NULL, &id) == TS_OK &&
           ts_wait(scheduler, id, TS_FOREVER, &status) == TS_OK && status.state == TS_COMPLETED &&
           ran == before + 2;
}

/* Leaves the threads of the default scheduler behind. */
int plugin_use(int round)
{
    ts_scheduler *own;
    int done;
    ran = 0;
    if (ts_scheduler_new("thread_name: plugin", &own) != TS_OK)
        return 0;
    done = use(own) && use(NULL);
    if (round % 2)
        ts_shutdown(own, true);
    ts_scheduler_free(own);
    return done;
}

/* Makes no thread, and leaves nothing behind. */
int plugin_touch(void)
{
    ts_scheduler *own;
    if (ts_scheduler_new(NULL, &own) != TS_OK)
        return 0;
    ts_scheduler_free(own);
    return 1;
}
