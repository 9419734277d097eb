/* Between Go and the library: each function is one call from Go, made of the
 * calls that belong together. Nothing here calls Go. A struct that goes back
 * holds no pointer that Go's collector would look at; a message is allocated
 * with malloc and belongs to the caller. */
#ifndef TSGO_BRIDGE_H
#define TSGO_BRIDGE_H

#include "task_scheduling.h"

/* A scheduler, and where the lines of its log are kept until Go takes them. */
typedef struct tsgo_scheduler tsgo_scheduler;

/* The right to run a task. */
typedef struct {
    uintptr_t token;  /* 0: none */
    uintptr_t key;    /* what Go gave with the task */
    ts_task_id id;
    int64_t since;    /* it was handed out then or a little later; see tsgo_now */
    int32_t stopped;  /* a stop came first: only to be ended */
} tsgo_claim;

/* What came of an add. */
typedef struct {
    ts_task_id id;
    char *message;
    int32_t error;
    int32_t is_out;  /* it may start: its claim was written */
} tsgo_added;

/* What came of any other call. */
typedef struct {
    char *message;
    int32_t error;
} tsgo_outcome;

tsgo_outcome tsgo_new(const char *config, int32_t logs, tsgo_scheduler **out);
void tsgo_free(tsgo_scheduler *its);
/* A copy of the descriptor of its claims, which the caller closes. */
tsgo_outcome tsgo_fd(tsgo_scheduler *its, int *out_fd);
int32_t tsgo_readable(int fd);

/* The claim of a task that is queued is not written: it may come to somebody
 * else meanwhile. */
tsgo_added tsgo_add(tsgo_scheduler *its, ts_lane *lane, uintptr_t key,
                    tsgo_claim *out_claim);
tsgo_added tsgo_add_with(tsgo_scheduler *its, ts_lane *lane, uint32_t flags,
                         double timeout, uintptr_t key, tsgo_claim *out_claim);
/* The final state. Without a next one out_next has no token. */
int32_t tsgo_end(tsgo_scheduler *its, const tsgo_claim *claim, int32_t code,
                 const char *text, size_t length, int32_t is_stopped,
                 tsgo_claim *out_next);
size_t tsgo_take(tsgo_scheduler *its, tsgo_claim *out, size_t capacity);
int32_t tsgo_stop(tsgo_scheduler *its, ts_task_id id);
/* The state in which a running task that was told to stop will end, or 0. */
int32_t tsgo_stopping(tsgo_scheduler *its, ts_task_id id);
/* The library's clock: nanoseconds. */
int64_t tsgo_now(void);

tsgo_outcome tsgo_lane_new(tsgo_scheduler *its, const char *name, size_t length,
                           size_t width, size_t capacity, ts_lane **out_lane);

#define TSGO_BAN 1
#define TSGO_ALLOW 2
#define TSGO_CANCEL_QUEUED 3
tsgo_outcome tsgo_name(tsgo_scheduler *its, int32_t what, const char *name,
                       size_t length, size_t *out_count);

tsgo_outcome tsgo_status(tsgo_scheduler *its, ts_task_id id,
                         ts_task_status *out_status);
tsgo_outcome tsgo_forget(tsgo_scheduler *its, ts_task_id id);
tsgo_outcome tsgo_list(tsgo_scheduler *its, ts_task_status *array,
                       size_t capacity, size_t *out_count);
tsgo_outcome tsgo_info(tsgo_scheduler *its, int32_t show_id, char **out_text);
tsgo_outcome tsgo_set(tsgo_scheduler *its, const char *key, const char *value);
tsgo_outcome tsgo_get(tsgo_scheduler *its, const char *key, char **out_value);
tsgo_outcome tsgo_load(tsgo_scheduler *its, const char *path);
/* Begins a shutdown, or looks how far it is; never waits. */
tsgo_outcome tsgo_shutdown(tsgo_scheduler *its, size_t *out_running);

/* The oldest line of the log, to be freed, or NULL. */
char *tsgo_log_take(tsgo_scheduler *its, int32_t *out_level);
/* Whether there is one; for any thread at any time. */
int32_t tsgo_log_some(const tsgo_scheduler *its);

#endif
