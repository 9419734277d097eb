/* What tests of time, idleness and configuration share: checks that name their
 * line, common tasks, the log as it was said, and a look at our threads.
 *
 * Each program is a table of cases; its first argument names the one to run. */
#ifndef TESTING_H
#define TESTING_H

#include <task_scheduling.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static atomic_int failures;

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__,   \
                    #what);                                                    \
            failures++;                                                        \
        }                                                                      \
    } while (0)

#define EQUAL(left, right)                                                     \
    do {                                                                       \
        long long left_ = (long long)(left), right_ = (long long)(right);      \
        if (left_ != right_) {                                                 \
            fprintf(stderr, "%s:%d: %s is %lld, not %s, which is %lld\n",      \
                    __FILE__, __LINE__, #left, left_, #right, right_);         \
            failures++;                                                        \
        }                                                                      \
    } while (0)

/* A time in seconds. */
#define BETWEEN(value, low, high)                                              \
    do {                                                                       \
        double value_ = (value);                                               \
        if (!(value_ >= (low) && value_ <= (high))) {                          \
            fprintf(stderr, "%s:%d: %s is %.3f, not from %.3f to %.3f\n",      \
                    __FILE__, __LINE__, #value, value_, (double)(low),         \
                    (double)(high));                                           \
            failures++;                                                        \
        }                                                                      \
    } while (0)

/* The call must succeed. */
#define OK(call)                                                               \
    do {                                                                       \
        ts_error error_ = (call);                                              \
        if (error_ != TS_OK) {                                                 \
            fprintf(stderr, "%s:%d: %s gave %s: %s\n", __FILE__, __LINE__,     \
                    #call, ts_error_name(error_), ts_last_error_message());    \
            failures++;                                                        \
        }                                                                      \
    } while (0)

/* The call must fail with that error. */
#define FAILS(call, error)                                                     \
    do {                                                                       \
        ts_error error_ = (call);                                              \
        if (error_ != (error)) {                                               \
            fprintf(stderr, "%s:%d: %s gave %s, not %s\n", __FILE__, __LINE__, \
                    #call, ts_error_name(error_), ts_error_name(error));       \
            failures++;                                                        \
        }                                                                      \
    } while (0)

/* Waits until the condition holds, and checks that it did in that time. */
#define SOON(seconds, what)                                                    \
    do {                                                                       \
        double until_ = now() + (seconds);                                     \
        bool holds_;                                                           \
        while (!(holds_ = (what)) && now() < until_)                           \
            nap(0.005);                                                        \
        if (!holds_) {                                                         \
            fprintf(stderr, "%s:%d: %s does not hold after %.1f s\n",          \
                    __FILE__, __LINE__, #what, (double)(seconds));             \
            failures++;                                                        \
        }                                                                      \
    } while (0)

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void nap(double seconds)
{
    struct timespec time;
    time.tv_sec = (time_t)seconds;
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        ;
}

/* Our threads ------------------------------------------------------------- */

/* Calls see for the folder of each thread whose name starts with prefix. */
static inline long each_thread(const char *prefix, long (*see)(const char *folder))
{
    long sum = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        char path[300], name[32] = "";
        FILE *file;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(name, sizeof(name), file) != NULL && strncmp(name, prefix, strlen(prefix)) == 0) {
            path[strlen(path) - strlen("/comm")] = '\0';
            sum += see(path);
        }
        fclose(file);
    }
    if (tasks != NULL)
        closedir(tasks);
    return sum;
}

static inline long one(const char *folder)
{
    (void)folder;
    return 1;
}

static inline long its_switches(const char *folder)
{
    char path[320], line[128];
    long count = 0;
    FILE *file;
    snprintf(path, sizeof(path), "%s/status", folder);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        sscanf(line, "voluntary_ctxt_switches: %ld", &count);
    if (file != NULL)
        fclose(file);
    return count;
}

/* How many threads there are whose name starts so: "ts-" is every one of ours. */
static inline long threads(const char *prefix)
{
    return each_thread(prefix, one);
}

/* Whether there is no thread but this one: a thread that has just been made
 * has no name yet. */
static inline bool alone(void)
{
    return threads("") == 1;
}

/* How often threads of ours went to sleep, in all. */
static inline long switches(void)
{
    return each_thread("ts-", its_switches);
}

/* Tasks ------------------------------------------------------------------- */

/* Sleeps for the seconds that user_data points to; 7 when told to stop. */
static inline int32_t sleeper(ts_token *token, void *seconds)
{
    return ts_interruptible_sleep(token, *(double *)seconds) == TS_STOPPED ? 7 : 0;
}

/* Opens once; a task that is deaf to stops waits at it. */
typedef struct {
    atomic_int entered;
    atomic_bool open;
} gate;

static inline int32_t deaf(ts_token *token, void *user_data)
{
    gate *its = user_data;
    (void)token;
    its->entered++;
    while (!its->open)
        nap(0.001);
    return 0;
}

static inline int32_t count_up(ts_token *token, void *user_data)
{
    (void)token;
    ++*(atomic_int *)user_data;
    return 0;
}

static inline void count_drop(void *user_data)
{
    ++*(atomic_int *)user_data;
}

/* What a thread needs that adds a task which counts. */
typedef struct {
    ts_scheduler *scheduler;
    ts_task_id id;
    atomic_int *ran;
} addition;

static inline ts_scheduler *scheduler_with(const char *yaml)
{
    ts_scheduler *scheduler = NULL;
    OK(ts_scheduler_new(yaml, &scheduler));
    return scheduler;
}

/* Adds a linear task, which must be possible. */
static inline ts_task_id submit(ts_scheduler *scheduler, const char *name, ts_task_fn run, void *user_data,
                                uint32_t flags, double timeout)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    options.name = name;
    options.run = run;
    options.user_data = user_data;
    options.flags = flags;
    options.timeout_seconds = timeout;
    OK(ts_submit(scheduler, &options, &id));
    return id;
}

/* What is known of the task; state 0 when nothing is. */
static inline ts_task_status status_of(ts_scheduler *scheduler, ts_task_id id)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    if (ts_get_task_status(scheduler, id, &status) != TS_OK)
        memset(&status, 0, sizeof(status));
    return status;
}

static inline ts_state state_of(ts_scheduler *scheduler, ts_task_id id)
{
    ts_state state = (ts_state)0;
    return ts_get_task_state(scheduler, id, &state) == TS_OK ? state : (ts_state)0;
}

/* Waits for the end, up to 30 seconds. */
static inline ts_task_status end_of(ts_scheduler *scheduler, ts_task_id id)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    OK(ts_wait(scheduler, id, 30.0, &status));
    return status;
}

/* The log ----------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    size_t count;
    struct {
        ts_log_level level;
        double at;
        char text[400];
    } lines[4096];
} said = { PTHREAD_MUTEX_INITIALIZER, 0, { { (ts_log_level)0, 0.0, "" } } };

static inline void hear(ts_log_level level, const char *text, void *user_data)
{
    (void)user_data;
    pthread_mutex_lock(&said.lock);
    if (said.count < sizeof(said.lines) / sizeof(said.lines[0])) {
        said.lines[said.count].level = level;
        said.lines[said.count].at = now();
        snprintf(said.lines[said.count].text, sizeof(said.lines[0].text), "%s", text);
        said.count++;
    }
    pthread_mutex_unlock(&said.lock);
}

/* The number of the first line from `from` on with these words; -1 for none. */
static inline long said_at(size_t from, const char *words)
{
    long found = -1;
    size_t at;
    pthread_mutex_lock(&said.lock);
    for (at = from; at < said.count && found < 0; at++)
        if (strstr(said.lines[at].text, words) != NULL)
            found = (long)at;
    pthread_mutex_unlock(&said.lock);
    return found;
}

/* How many lines have these words. */
static inline long said_times(const char *words)
{
    long count = 0, at;
    for (at = said_at(0, words); at >= 0; at = said_at((size_t)at + 1, words))
        count++;
    return count;
}

/* Cases ------------------------------------------------------------------- */

typedef struct {
    const char *name;
    void (*run)(void);
} test_case;

static inline int run_case(const test_case *cases, size_t count, int argc, char **argv)
{
    size_t at;
    for (at = 0; at < count; at++)
        if (argc > 1 && strcmp(cases[at].name, argv[1]) == 0) {
            cases[at].run();
            return failures != 0;
        }
    fprintf(stderr, "there is no case %s\n", argc > 1 ? argv[1] : "without a name");
    return 2;
}

#define RUN_CASE(cases, argc, argv)                                            \
    run_case(cases, sizeof(cases) / sizeof((cases)[0]), argc, argv)

#endif
