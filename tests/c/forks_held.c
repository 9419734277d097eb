/* A fork at every moment at which the library asks for memory or for the time,
 * on whichever thread: all that it holds at such a moment is held for ever in
 * the child, which has none of these threads. The child uses the library all
 * the same.
 *
 * Linked with --wrap=pthread_atfork,clock_gettime. */
#define _GNU_SOURCE
#include "forking.h"

#include <sched.h>
#include <semaphore.h>
#include <stddef.h>
#include <time.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

static atomic_int armed, forks, wrong, left, busy;
static sem_t ask, answer;
static pthread_t forker;
static _Thread_local int is_harness;

/* The library is at some moment: another thread forks now. */
static void moment(void)
{
    int none = 0, saved = errno;
    if (!atomic_load(&armed) || is_harness)
        return;
    while (!atomic_compare_exchange_strong(&busy, &none, 1)) {
        sched_yield();
        none = 0;
    }
    if (atomic_load(&armed) && atomic_fetch_sub(&left, 1) > 0) {
        sem_post(&ask);
        while (sem_wait(&answer) != 0)
            ;
    }
    atomic_store(&busy, 0);
    errno = saved;
}

void *malloc(size_t size)
{
    moment();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    moment();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    moment();
    return __libc_realloc(memory, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    moment();
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? ENOMEM : 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    moment();
    return __real_clock_gettime(clock, time);
}

int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    moment();
    return __real_pthread_atfork(prepare, parent, child);
}

static void *run_forker(void *unused)
{
    static const parents nothing;
    is_harness = 1;
    for (;;) {
        while (sem_wait(&ask) != 0)
            ;
        if (!atomic_load(&armed))
            return unused;
        forks++;
        atomic_store(&armed, 0);
        wrong += !fork_one(&nothing);
        atomic_store(&armed, 1);
        sem_post(&answer);
    }
}

static void arm(int most)
{
    static int made;
    if (!made++) {
        is_harness = 1;
        sem_init(&ask, 0, 0);
        sem_init(&answer, 0, 0);
        forker = thread(run_forker, NULL);
        is_harness = 0;
    }
    forks = wrong = 0;
    left = most;
    atomic_store(&armed, 1);
}

static void disarm(void)
{
    int none = 0;
    while (!atomic_compare_exchange_strong(&busy, &none, 1))
        none = 0;
    atomic_store(&armed, 0);
    atomic_store(&busy, 0);
}

static void quiet(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
}

/* First of all: whatever is made at the first use is being made. */
static void at_every_moment_of_the_first_use(void)
{
    ts_task_id id;
    ts_task_status status = TS_TASK_STATUS_INIT;
    arm(1000);
    MUST(ts_set_log_callback(quiet, NULL, NULL));
    MUST(ts_add_task(NULL, true, "name", run_nothing, NULL, NULL, &id));
    MUST(ts_wait(NULL, id, TS_FOREVER, &status));
    disarm();
    CHECK(forks > 20 && wrong == 0);
    MUST(ts_shutdown(NULL, false));
    MUST(ts_set_log_callback(NULL, NULL, NULL));
}

static int32_t run_failing(ts_token *token, void *user_data)
{
    (void)user_data;
    ts_set_error(token, "on purpose");
    ts_set_result(token, &armed, sizeof armed, NULL);
    return 1;
}

static int32_t run_waiting(ts_token *token, void *scheduler)
{
    ts_task_id id;
    (void)token;
    GIVES(TS_OK, ts_add_task((ts_scheduler *)scheduler, false, "inner", run_nothing, NULL, NULL, &id));
    GIVES(TS_OK, ts_wait((ts_scheduler *)scheduler, id, TS_FOREVER, NULL));
    /* For one that queues behind this one. */
    GIVES(TS_OK, ts_add_task((ts_scheduler *)scheduler, false, "outer", run_nothing, NULL, NULL, &id));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait((ts_scheduler *)scheduler, id, TS_FOREVER, NULL));
    return 0;
}

static void drop_twice(void *user_data)
{
    ts_value value = { NULL, 0, drop_count };
    value.data = user_data;
    ts_value_free(&value);
}

static void use_everything(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0\nmax_idle_time: 0.001");
    ts_task_options options = options_of("name", run_failing, NULL, NULL, TS_KEEP | TS_BAN_ON_FAILURE);
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_completions *queue;
    ts_completion end;
    ts_claim claim;
    ts_pump *pump;
    ts_lane *lane;
    ts_task_id id;
    size_t number;
    char *text;
    int drops = 0, fd;
    wanted.name = "lane";
    MUST(ts_set_log_callback(quiet, NULL, NULL));
    MUST(ts_lane_new(scheduler, &wanted, &lane));
    MUST(ts_pump_new(scheduler, NULL, &pump));
    MUST(ts_completions_new(scheduler, &queue));
    MUST(ts_completions_fd(queue, &fd));
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    MUST(ts_task_forget(scheduler, id));
    MUST(ts_allow_task_name(scheduler, TS_LINEAR, "name"));
    MUST(ts_add_task(scheduler, true, "outer", run_waiting, scheduler, NULL, &id));
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    MUST(ts_add_async_task(scheduler, true, "name", child_poll, &left, NULL, &id));
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    options = options_of(NULL, run_nothing, &drops, drop_twice, TS_TIMEOUT_PROCESSING);
    options.completions = queue;
    options.lane = lane;
    options.timeout_seconds = 10;
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_completions_take(queue, &end, 1, TS_FOREVER, &number));
    options.lane = NULL;
    options.pump = pump;
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_pump_run(pump, 0, 0, &number));
    options.pump = NULL;
    options.runner = TS_CLAIMS;
    MUST(ts_claim_submit(scheduler, &options, &claim, &id));
    MUST(ts_claim_finish(scheduler, &claim, 1, NULL, "on purpose", NULL));
    options = options_of("slow", run_nothing, NULL, NULL, 0);
    MUST(ts_update_config(scheduler, "thread_name", "other"));
    MUST(ts_get_all_queue_info(scheduler, TS_LINEAR, true, &text));
    ts_string_free(text);
    MUST(ts_ban_task_name(scheduler, TS_LINEAR, "slow"));
    GIVES(TS_ERROR_BANNED, ts_submit(scheduler, &options, &id));
    ts_lane_free(lane);
    ts_pump_free(pump);
    ts_completions_free(queue);
    MUST(ts_shutdown(scheduler, true));
    ts_scheduler_free(scheduler);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    CHECK(drops == 3);
}

static void at_every_moment_of_everything_else(void)
{
    arm(2000);
    use_everything();
    disarm();
    CHECK(forks > 100 && wrong == 0);
}

static const check_test tests[] = {
    TEST(at_every_moment_of_the_first_use),
    TEST(at_every_moment_of_everything_else),
};

CHECK_ALL(tests)
