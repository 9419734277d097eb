/* What the tests of forks share: what a child does with the library, from which
 * it must come back whatever its parent's threads held. Nothing here takes a
 * lock of the test's, which another thread may hold too. */
#ifndef FORKING_H
#define FORKING_H

#include "check.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <sys/wait.h>

/* In a child: the line that is wrong is its exit status. */
#define CHILD(condition)                                                       \
    do {                                                                       \
        if (!(condition))                                                      \
            _exit(child_wrong(__LINE__, #condition));                          \
    } while (0)

static inline int child_wrong(int line, const char *what)
{
    char text[400];
    int length = snprintf(text, sizeof text, "in a child, line %d: %s: %s\n", line, what,
                          ts_last_error_message());
    ssize_t ignored = write(2, text, (size_t)length);
    (void)ignored;
    return 1;
}

static inline int32_t child_run(ts_token *token, void *user_data)
{
    (void)token;
    atomic_fetch_add((atomic_int *)user_data, 1);
    return 0;
}

static inline ts_poll child_poll(ts_token *token, void *user_data)
{
    if (ts_async_sleep(token, 0.0001) == TS_NOT_YET)
        return TS_POLL_PENDING;
    atomic_fetch_add((atomic_int *)user_data, 1);
    return TS_POLL_READY;
}

static inline void child_drop(void *user_data)
{
    atomic_fetch_add((atomic_int *)user_data, 100);
}

static inline void child_log(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    atomic_fetch_add((atomic_int *)user_data, 1);
}

/* Waits inside a task for another one. */
static inline int32_t child_wait(ts_token *token, void *user_data)
{
    ts_task_id id;
    (void)token;
    CHILD(ts_add_task(NULL, false, "inner", child_run, user_data, NULL, &id) == TS_OK);
    CHILD(ts_wait(NULL, id, TS_FOREVER, NULL) == TS_OK);
    return 0;
}

/* The default scheduler is fresh, and so is what the child makes. `inside`: on a
 * thread that is inside a task of its parent's. */
static inline void child_uses(bool inside)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_completions *queue;
    ts_completion end;
    ts_scheduler *own;
    ts_pump *pump;
    ts_claim claim;
    ts_task_id id, other;
    atomic_int ran = 0, said = 0;
    size_t number = 0;
    char *text;
    CHILD(ts_list_tasks(NULL, TS_LINEAR, NULL, 0, &number) == TS_OK && number == 0);
    CHILD(ts_get_config(NULL, "line_task_max", &text) == TS_OK && strcmp(text, "10") == 0);
    ts_string_free(text);
    CHILD(ts_set_log_callback(child_log, &said, child_drop) == TS_OK);
    CHILD(ts_add_task(NULL, true, "name", child_run, &ran, child_drop, &id) == TS_OK);
    CHILD(ts_wait(NULL, id, TS_FOREVER, &status) == TS_OK && status.added_at > 1e9);
    CHILD(ran == 101 && said > 0);
    CHILD(ts_set_log_callback(NULL, NULL, NULL) == TS_OK && said > 100);
    CHILD(ts_add_async_task(NULL, true, "name", child_poll, &ran, NULL, &id) == TS_OK);
    CHILD(ts_wait(NULL, id, TS_FOREVER, NULL) == TS_OK);
    CHILD(ts_add_task(NULL, false, NULL, child_wait, &ran, NULL, &id) == TS_OK);
    CHILD(ts_wait(NULL, id, TS_FOREVER, NULL) == TS_OK && ran == 103);
    CHILD(ts_ban_task_name(NULL, TS_LINEAR, "name") == TS_OK);
    CHILD(ts_add_task(NULL, false, "name", child_run, &ran, NULL, &other) == TS_ERROR_BANNED);
    CHILD(ts_update_config(NULL, "line_task_max", "3") == TS_OK);
    CHILD(ts_scheduler_new("line_task_max: 2", &own) == TS_OK);
    CHILD(ts_get_task_state(own, id, &status.state) == TS_ERROR_NOT_FOUND);
    CHILD(ts_completions_new(own, &queue) == TS_OK && ts_pump_new(own, NULL, &pump) == TS_OK);
    options.run = child_run;
    options.user_data = &ran;
    options.completions = queue;
    CHILD(ts_submit(own, &options, &id) == TS_OK);
    if (inside) {
        CHILD(ts_wait(own, id, TS_FOREVER, NULL) == TS_OK);
        CHILD(ts_completions_take(queue, &end, 1, TS_FOREVER, &number) == TS_ERROR_WOULD_DEADLOCK);
    } else {
        CHILD(ts_completions_take(queue, &end, 1, TS_FOREVER, &number) == TS_OK);
    }
    options.pump = pump;
    CHILD(ts_submit(own, &options, &id) == TS_OK);
    CHILD(ts_pump_run(pump, 0, 0, &number) == TS_OK && number == 1 && ran == 105);
    options.pump = NULL;
    options.runner = TS_CLAIMS;
    CHILD(ts_claim_submit(own, &options, &claim, &id) == TS_OK && claim.token != NULL);
    CHILD(ts_claim_start(own, &claim) == TS_OK);
    CHILD(ts_claim_finish(own, &claim, 0, NULL, NULL, NULL) == TS_OK);
    ts_pump_free(pump);
    ts_completions_free(queue);
    CHILD(ts_shutdown(NULL, true) == (inside ? TS_ERROR_WOULD_DEADLOCK : TS_OK));
    if (!inside)
        ts_scheduler_free(own);
}

/* As far as one may who may not wait, or has used it before. */
static inline void child_adds(void)
{
    static atomic_int ran;
    ts_task_id id;
    ts_state state;
    CHILD(ts_add_task(NULL, true, NULL, child_run, &ran, NULL, &id) == TS_OK);
    CHILD(ts_get_task_state(NULL, id, &state) == TS_OK);
}

/* A scheduler of its parent's, and handles of it, or NULL. */
typedef struct {
    ts_scheduler *scheduler;
    ts_lane *lane;
    ts_pump *pump;
    ts_completions *queue;
    ts_claim claim;
    ts_waker *waker;
} parents;

/* They answer so, and freeing them does nothing. */
static inline void child_leaves(const parents *its)
{
    static const ts_task_id none;
    ts_completion end;
    ts_task_id id;
    size_t number;
    ts_state state;
    atomic_int ran = 0;
    if (its->scheduler) {
        CHILD(ts_add_task(its->scheduler, false, "name", child_run, &ran, NULL, &id) == TS_ERROR_FORKED);
        CHILD(ts_get_task_state(its->scheduler, none, &state) == TS_ERROR_FORKED);
        CHILD(ts_wait(its->scheduler, none, TS_FOREVER, NULL) == TS_ERROR_FORKED);
        CHILD(ts_shutdown_within(its->scheduler, true, 0, NULL) == TS_ERROR_FORKED);
    }
    if (its->lane)
        CHILD(ts_lane_add_task(its->lane, false, child_run, &ran, NULL, &id) == TS_ERROR_FORKED);
    if (its->pump)
        CHILD(ts_pump_run(its->pump, 0, 0, &number) == TS_ERROR_FORKED);
    if (its->queue)
        CHILD(ts_completions_take(its->queue, &end, 1, TS_FOREVER, &number) == TS_ERROR_FORKED);
    if (its->claim.token) {
        CHILD(ts_claim_start(its->scheduler, &its->claim) == TS_ERROR_FORKED);
        CHILD(ts_set_result(its->claim.token, NULL, 0, NULL) == TS_ERROR_FORKED);
        CHILD(ts_claim_finish(its->scheduler, &its->claim, 0, NULL, NULL, NULL) == TS_ERROR_FORKED);
    }
    if (its->waker)
        CHILD(ts_waker_wake(its->waker) == TS_ERROR_FORKED);
    ts_waker_free(its->waker);
    ts_lane_free(its->lane);
    ts_pump_free(its->pump);
    ts_completions_free(its->queue);
    ts_scheduler_free(its->scheduler);
    CHILD(ran == 0);
}

/* A child that does both and ends; whether all was well there. */
static inline int fork_one(const parents *its)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(20);
        child_leaves(its);
        child_uses(false);
        _exit(0);
    }
    if (child < 0)
        return 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
