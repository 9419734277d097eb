/* What the tests of behaviour share: named tests, checks, and counters that
 * threads wait for. Included first, since it says which POSIX is meant.
 *
 * Nothing here sleeps: who waits, waits for a counter or for a task. Whatever
 * hangs is ended by an alarm, which names the test. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <task_scheduling.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds after which a test hangs. */
#ifndef CHECK_HANGS
#define CHECK_HANGS 60
#endif

typedef struct {
    const char *name;
    void (*run)(void);
} check_test;

#define TEST(name) { #name, name }

static pthread_mutex_t check_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t check_news = PTHREAD_COND_INITIALIZER;
static const char *check_now = "";
static int check_failures;

static inline void check_failed(const char *file, int line, const char *what, const char *gave)
{
    fprintf(stderr, "%s:%d: in %s: %s%s\n", file, line, check_now, what, gave);
    pthread_mutex_lock(&check_lock);
    check_failures++;
    pthread_mutex_unlock(&check_lock);
}

/* The condition holds. */
#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition))                                                         \
            check_failed(__FILE__, __LINE__, #condition, " does not hold");       \
    } while (0)

static inline void check_error(const char *file, int line, const char *call, ts_error gave,
                               ts_error wanted)
{
    char text[1200];
    if (gave == wanted)
        return;
    snprintf(text, sizeof text, " gave %s, not %s: %s", ts_error_name(gave),
             ts_error_name(wanted), ts_last_error_message());
    check_failed(file, line, call, text);
}

/* The call gives this error. */
#define GIVES(wanted, call) check_error(__FILE__, __LINE__, #call, (call), (wanted))

/* The call succeeds; a test cannot go on otherwise. */
#define MUST(call)                                                                \
    do {                                                                          \
        int before_ = check_failures;                                             \
        GIVES(TS_OK, call);                                                       \
        if (check_failures != before_)                                            \
            exit(1);                                                              \
    } while (0)

/* One more; whoever waits looks again. */
static inline void count(int *counter)
{
    pthread_mutex_lock(&check_lock);
    ++*counter;
    pthread_cond_broadcast(&check_news);
    pthread_mutex_unlock(&check_lock);
}

/* How many by now. */
static inline int counted(const int *counter)
{
    int value;
    pthread_mutex_lock(&check_lock);
    value = *counter;
    pthread_mutex_unlock(&check_lock);
    return value;
}

/* Waits until there are so many. */
static inline void await(const int *counter, int least)
{
    pthread_mutex_lock(&check_lock);
    while (*counter < least)
        pthread_cond_wait(&check_news, &check_lock);
    pthread_mutex_unlock(&check_lock);
}

/* A meeting of as many threads as it says, again and again. */
typedef struct {
    int size, here, round;
} meeting;

static inline void meet(meeting *at)
{
    int round;
    pthread_mutex_lock(&check_lock);
    round = at->round;
    if (++at->here == at->size) {
        at->here = 0;
        at->round++;
        pthread_cond_broadcast(&check_news);
    }
    while (at->round == round)
        pthread_cond_wait(&check_news, &check_lock);
    pthread_mutex_unlock(&check_lock);
}

/* A task that is there to occupy a worker: says that it has started, and goes
 * on when it may. */
typedef struct {
    int started, may_go;
} plug;

static inline int32_t run_plug(ts_token *token, void *user_data)
{
    plug *its = (plug *)user_data;
    (void)token;
    count(&its->started);
    await(&its->may_go, 1);
    return 0;
}

static inline void pull(plug *its)
{
    count(&its->may_go);
}

/* A task that does nothing. */
static inline int32_t run_nothing(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return 0;
}

/* A task that counts that it ran, and a drop that counts that it was called. */
static inline int32_t run_count(ts_token *token, void *user_data)
{
    (void)token;
    count((int *)user_data);
    return 0;
}

static inline void drop_count(void *user_data)
{
    count((int *)user_data);
}

static inline ts_scheduler *scheduler_with(const char *config_yaml)
{
    ts_scheduler *scheduler = NULL;
    MUST(ts_scheduler_new(config_yaml, &scheduler));
    return scheduler;
}

static inline ts_task_id add(ts_scheduler *scheduler, const char *name, ts_task_fn run,
                             void *user_data, ts_drop_fn drop)
{
    ts_task_id id;
    MUST(ts_add_task(scheduler, false, name, run, user_data, drop, &id));
    return id;
}

/* A scheduler of that configuration, whose one worker a plug takes up. */
static inline ts_scheduler *plugged(const char *config_yaml, plug *its)
{
    ts_scheduler *scheduler = scheduler_with(config_yaml);
    its->started = its->may_go = 0;
    add(scheduler, "plug", run_plug, its, NULL);
    await(&its->started, 1);
    return scheduler;
}

static inline ts_task_options options_of(const char *name, ts_task_fn run, void *user_data,
                                         ts_drop_fn drop, uint32_t flags)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = name;
    options.run = run;
    options.user_data = user_data;
    options.drop = drop;
    options.flags = flags;
    return options;
}

static inline ts_task_id submit(ts_scheduler *scheduler, const char *name, ts_task_fn run,
                                void *user_data, ts_drop_fn drop, uint32_t flags)
{
    ts_task_options options = options_of(name, run, user_data, drop, flags);
    ts_task_id id;
    MUST(ts_submit(scheduler, &options, &id));
    return id;
}

/* Where the task stands; 0 when it is not known. */
static inline ts_state state_of(ts_scheduler *scheduler, ts_task_id id)
{
    ts_state state = (ts_state)0;
    ts_get_task_state(scheduler, id, &state);
    return state;
}

static inline ts_task_status status_of(ts_scheduler *scheduler, ts_task_id id)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    MUST(ts_get_task_status(scheduler, id, &status));
    return status;
}

/* Waits for the end; where the task stands then. */
static inline ts_state ended(ts_scheduler *scheduler, ts_task_id id)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    MUST(ts_wait(scheduler, id, TS_FOREVER, &status));
    return status.state;
}

/* How many tasks are known in that state. */
static inline size_t how_many(ts_scheduler *scheduler, ts_state state)
{
    size_t known = 0, room, at, found = 0;
    ts_task_status *all;
    MUST(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &known));
    room = known + 64;
    all = (ts_task_status *)calloc(room, sizeof *all);
    if (all == NULL)
        exit(1);
    all[0].size = sizeof *all;
    MUST(ts_list_tasks(scheduler, TS_LINEAR, all, room, &known));
    for (at = 0; at < known && at < room; at++)
        found += all[at].state == state;
    free(all);
    return found;
}

static inline int is_zero(ts_task_id id)
{
    static const ts_task_id zero;
    return memcmp(&id, &zero, sizeof id) == 0;
}

/* An id that a failing call has to set to zero. */
static inline ts_task_id dirty_id(void)
{
    ts_task_id id;
    memset(&id, 0x5a, sizeof id);
    return id;
}

static inline pthread_t thread(void *(*run)(void *), void *argument)
{
    pthread_t made;
    if (pthread_create(&made, NULL, run, argument) != 0) {
        perror("pthread_create");
        exit(1);
    }
    return made;
}

static inline void check_alarm(int number)
{
    static const char words[] = " hangs\n";
    ssize_t ignored;
    (void)number;
    ignored = write(2, check_now, strlen(check_now));
    ignored = write(2, words, sizeof words - 1);
    (void)ignored;
    _exit(1);
}

/* Runs all tests, or those that are named in the arguments. */
static inline int check_all(const check_test *tests, size_t size, int argc, char **argv)
{
    size_t at;
    int failed = 0, named;
    signal(SIGALRM, check_alarm);
    for (at = 0; at < size; at++) {
        int wanted = argc < 2;
        for (named = 1; named < argc; named++)
            wanted |= strcmp(argv[named], tests[at].name) == 0;
        if (!wanted)
            continue;
        check_now = tests[at].name;
        check_failures = 0;
        alarm(CHECK_HANGS);
        tests[at].run();
        alarm(0);
        printf("%s ... %s\n", tests[at].name, check_failures == 0 ? "ok" : "FAILED");
        fflush(stdout);
        failed += check_failures != 0;
    }
    return failed != 0;
}

#define CHECK_ALL(tests) \
    int main(int argc, char **argv) \
    { \
        return check_all(tests, sizeof tests / sizeof *tests, argc, argv); \
    }

#endif
