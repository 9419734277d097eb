#define _GNU_SOURCE
#include "bridge.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One line of a log. */
typedef struct line {
    struct line *next;
    int32_t level;
    char text[];
} line;

struct tsgo_scheduler {
    ts_scheduler *scheduler;
    int32_t logs;
    /* Under the lock; the count may be read without. */
    pthread_mutex_t lock;
    line *first, **last;
    int32_t count;
};

/* The library has one log for all schedulers of a process. With claims it is
 * always heard on the thread that calls, so what that calls says whose a line
 * is. */
static __thread tsgo_scheduler *logging;

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_users;

static void keep_line(ts_log_level level, const char *text, void *user_data)
{
    tsgo_scheduler *its = logging;
    size_t size = strlen(text) + 1;
    line *new;
    (void)user_data;
    if (its == NULL || (new = malloc(sizeof *new + size)) == NULL)
        return;
    new->next = NULL;
    new->level = (int32_t)level;
    memcpy(new->text, text, size);
    pthread_mutex_lock(&its->lock);
    *its->last = new;
    its->last = &new->next;
    __atomic_add_fetch(&its->count, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&its->lock);
}

static void use_log(int more)
{
    pthread_mutex_lock(&log_lock);
    log_users += more;
    if (more > 0 && log_users == 1)
        ts_set_log_callback(keep_line, NULL, NULL);
    else if (more < 0 && log_users == 0)
        ts_set_log_callback(NULL, NULL, NULL);
    pthread_mutex_unlock(&log_lock);
}

/* Every call begins with this, and what it says lands in its log, until it
 * ends with the next one. */
static ts_scheduler *enter(tsgo_scheduler *its)
{
    logging = its->logs ? its : NULL;
    return its->scheduler;
}

static void leave(void)
{
    logging = NULL;
}

/* The message is this thread's, and Go may be on another one after the call. */
static char *message(ts_error error)
{
    return error == TS_OK ? NULL : strdup(ts_last_error_message());
}

static tsgo_outcome outcome(ts_error error)
{
    tsgo_outcome its = { message(error), (int32_t)error };
    leave();
    return its;
}

tsgo_outcome tsgo_new(const char *config, int32_t logs, tsgo_scheduler **out)
{
    tsgo_scheduler *its = calloc(1, sizeof *its);
    ts_error error;
    if (its == NULL) {
        tsgo_outcome none = { NULL, TS_ERROR_OUT_OF_MEMORY };
        return none;
    }
    logging = NULL;
    error = ts_scheduler_new(config, &its->scheduler);
    if (error == TS_OK) {
        error = ts_scheduler_set_runner(its->scheduler, TS_CLAIMS, NULL);
        if (error != TS_OK)
            ts_scheduler_free(its->scheduler);
    }
    if (error != TS_OK) {
        tsgo_outcome failed = outcome(error);
        free(its);
        return failed;
    }
    pthread_mutex_init(&its->lock, NULL);
    its->last = &its->first;
    its->logs = logs;
    if (logs)
        use_log(1);
    *out = its;
    return outcome(TS_OK);
}

void tsgo_free(tsgo_scheduler *its)
{
    line *each, *next;
    logging = NULL;
    ts_scheduler_free(its->scheduler);
    if (its->logs)
        use_log(-1);
    for (each = its->first; each != NULL; each = next) {
        next = each->next;
        free(each);
    }
    pthread_mutex_destroy(&its->lock);
    free(its);
}

tsgo_outcome tsgo_fd(tsgo_scheduler *its, int *out_fd)
{
    int fd, copy;
    ts_error error = ts_claims_fd(enter(its), &fd);
    if (error != TS_OK)
        return outcome(error);
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0 || fcntl(copy, F_SETFL, fcntl(copy, F_GETFL) | O_NONBLOCK) < 0) {
        tsgo_outcome none = { strdup("no file descriptor is left"), TS_ERROR_SYSTEM };
        if (copy >= 0)
            close(copy);
        leave();
        return none;
    }
    *out_fd = copy;
    return outcome(TS_OK);
}

int32_t tsgo_readable(int fd)
{
    struct pollfd wanted = { fd, POLLIN, 0 };
    return poll(&wanted, 1, 0) == 1;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec its;
    clock_gettime(clock, &its);
    return (int64_t)its.tv_sec * 1000000000 + its.tv_nsec;
}

int64_t tsgo_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* The kernel's last tick: some nanoseconds to read, and never in the future. */
static int64_t last_tick(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

/* A claim out of an add or an end is to be run: a stop that comes later finds
 * the task in Go. */
static void receive(const ts_claim *claim, int64_t since, tsgo_claim *out)
{
    out->token = (uintptr_t)claim->token;
    out->key = (uintptr_t)claim->user_data;
    out->id = claim->id;
    out->since = since;
    out->stopped = 0;
}

/* What came of an add, of which the library has said this. */
static void was_added(tsgo_added *added, ts_error error, const ts_claim *claim, int64_t since,
                      tsgo_claim *out_claim)
{
    added->error = (int32_t)error;
    added->is_out = error == TS_OK && claim->token != NULL;
    if (added->is_out)
        receive(claim, since, out_claim);
    if (error != TS_OK)
        added->message = message(error);
    leave();
}

tsgo_added tsgo_add(tsgo_scheduler *its, ts_lane *lane, uintptr_t key, tsgo_claim *out_claim)
{
    tsgo_added added = { 0 };
    ts_claim claim;
    ts_error error;
    enter(its);
    error = ts_lane_claim_task(lane, false, NULL, (void *)key, NULL, &claim, &added.id);
    was_added(&added, error, &claim, 0, out_claim);
    return added;
}

tsgo_added tsgo_add_with(tsgo_scheduler *its, ts_lane *lane, uint32_t flags, double timeout,
                         uintptr_t key, tsgo_claim *out_claim)
{
    tsgo_added added = { 0 };
    ts_scheduler *scheduler = enter(its);
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    int64_t since = flags & TS_TIMEOUT_PROCESSING ? last_tick() : 0;
    ts_claim claim;
    ts_error error;
    options.lane = lane;
    options.runner = lane == NULL ? TS_CLAIMS : (ts_runner)0;
    options.user_data = (void *)key;
    options.flags = flags;
    options.timeout_seconds = timeout;
    error = ts_claim_submit(scheduler, &options, &claim, &added.id);
    was_added(&added, error, &claim, since, out_claim);
    return added;
}

int32_t tsgo_end(tsgo_scheduler *its, const tsgo_claim *claim, int32_t code, const char *text,
                 size_t length, int32_t is_stopped, tsgo_claim *out_next)
{
    ts_scheduler *scheduler = enter(its);
    ts_claim ended = { 0 }, next = { 0 };
    ts_state state = (ts_state)0;
    int64_t since = last_tick();
    char words[256];
    ended.token = (ts_token *)claim->token;
    ended.id = claim->id;
    if (text != NULL) {
        length = length < sizeof words - 1 ? length : sizeof words - 1;
        memcpy(words, text, length);
        words[length] = 0;
    }
    if (is_stopped)
        ts_force_stop(scheduler, ended.id);
    /* The claim ends, whatever becomes of the words: there may be no memory for them. */
    if (text == NULL || ts_claim_end(scheduler, &ended, code, NULL, words, &state, &next) != TS_OK)
        ts_claim_end(scheduler, &ended, code, NULL, NULL, &state, &next);
    receive(&next, since, out_next);
    leave();
    return (int32_t)state;
}

size_t tsgo_take(tsgo_scheduler *its, tsgo_claim *out, size_t capacity)
{
    ts_claim claims[16];
    ts_scheduler *scheduler = enter(its);
    int64_t since = last_tick();
    size_t count = 0, at;
    if (capacity > sizeof claims / sizeof *claims)
        capacity = sizeof claims / sizeof *claims;
    if (ts_claims_take(scheduler, claims, capacity, 0, &count) != TS_OK)
        count = 0;
    for (at = 0; at < count; at++) {
        receive(&claims[at], since, &out[at]);
        out[at].stopped = ts_claim_start(scheduler, &claims[at]) != TS_OK;
    }
    leave();
    return count;
}

int32_t tsgo_stop(tsgo_scheduler *its, ts_task_id id)
{
    ts_error error = ts_force_stop(enter(its), id);
    leave();
    return (int32_t)error;
}

int32_t tsgo_stopping(tsgo_scheduler *its, ts_task_id id)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    if (ts_get_task_status(enter(its), id, &status) != TS_OK)
        status.stopping = (ts_state)0;
    leave();
    return (int32_t)status.stopping;
}

/* Go's texts have a length, and were looked over there: 1 to 255 bytes. */
typedef struct {
    char text[256];
} name;

static name name_of(const char *text, size_t length)
{
    name its;
    length = length < sizeof its.text - 1 ? length : sizeof its.text - 1;
    memcpy(its.text, text, length);
    its.text[length] = 0;
    return its;
}

tsgo_outcome tsgo_lane_new(tsgo_scheduler *its, const char *text, size_t length, size_t width,
                           size_t capacity, ts_lane **out_lane)
{
    name its_name = name_of(text, length);
    ts_lane_options options = TS_LANE_OPTIONS_INIT;
    options.name = its_name.text;
    options.runner = TS_CLAIMS;
    options.width = width;
    options.capacity = capacity;
    return outcome(ts_lane_new(enter(its), &options, out_lane));
}

tsgo_outcome tsgo_name(tsgo_scheduler *its, int32_t what, const char *text, size_t length,
                       size_t *out_count)
{
    name its_name = name_of(text, length);
    ts_scheduler *scheduler = enter(its);
    switch (what) {
    case TSGO_BAN:
        return outcome(ts_ban_task_name(scheduler, TS_LINEAR, its_name.text));
    case TSGO_ALLOW:
        return outcome(ts_allow_task_name(scheduler, TS_LINEAR, its_name.text));
    default:
        return outcome(ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, its_name.text,
                                                          out_count));
    }
}

tsgo_outcome tsgo_status(tsgo_scheduler *its, ts_task_id id, ts_task_status *out_status)
{
    out_status->size = sizeof *out_status;
    return outcome(ts_get_task_status(enter(its), id, out_status));
}

tsgo_outcome tsgo_forget(tsgo_scheduler *its, ts_task_id id)
{
    return outcome(ts_task_forget(enter(its), id));
}

tsgo_outcome tsgo_list(tsgo_scheduler *its, ts_task_status *array, size_t capacity,
                       size_t *out_count)
{
    if (capacity > 0)
        array[0].size = sizeof *array;
    return outcome(ts_list_tasks(enter(its), TS_LINEAR, array, capacity, out_count));
}

tsgo_outcome tsgo_info(tsgo_scheduler *its, int32_t show_id, char **out_text)
{
    return outcome(ts_get_all_queue_info(enter(its), TS_LINEAR, show_id != 0, out_text));
}

tsgo_outcome tsgo_set(tsgo_scheduler *its, const char *key, const char *value)
{
    return outcome(ts_update_config(enter(its), key, value));
}

tsgo_outcome tsgo_get(tsgo_scheduler *its, const char *key, char **out_value)
{
    return outcome(ts_get_config(enter(its), key, out_value));
}

tsgo_outcome tsgo_load(tsgo_scheduler *its, const char *path)
{
    return outcome(ts_load_config(enter(its), path));
}

tsgo_outcome tsgo_shutdown(tsgo_scheduler *its, size_t *out_running)
{
    ts_shutdown_report report = TS_SHUTDOWN_REPORT_INIT;
    tsgo_outcome ended = outcome(ts_shutdown_within(enter(its), false, 0, &report));
    *out_running = report.running;
    return ended;
}

char *tsgo_log_take(tsgo_scheduler *its, int32_t *out_level)
{
    line *first;
    char *text = NULL;
    pthread_mutex_lock(&its->lock);
    first = its->first;
    if (first != NULL) {
        its->first = first->next;
        if (its->first == NULL)
            its->last = &its->first;
        __atomic_sub_fetch(&its->count, 1, __ATOMIC_RELEASE);
        *out_level = first->level;
        text = strdup(first->text);
        free(first);
    }
    pthread_mutex_unlock(&its->lock);
    return text;
}

int32_t tsgo_log_some(const tsgo_scheduler *its)
{
    return __atomic_load_n(&its->count, __ATOMIC_ACQUIRE) > 0;
}
