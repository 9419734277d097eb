/* A process at its limits, of descriptors and of threads, set by the system and
 * not by a stand-in: what needs one more gives TS_ERROR_SYSTEM, or does with
 * what there is; nothing hangs, and all is well when the limit is lifted. */
#define _GNU_SOURCE
#include "hosting.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void limit(int resource, rlim_t most)
{
    struct rlimit its;
    CHECK(getrlimit(resource, &its) == 0);
    its.rlim_cur = most < its.rlim_max ? most : its.rlim_max;
    CHECK(setrlimit(resource, &its) == 0);
}

static ts_poll poll_twice(ts_token *token, void *user_data)
{
    int *polls = user_data;
    return (*polls)++ == 0 && ts_async_sleep(token, 0.001) == TS_NOT_YET ? TS_POLL_PENDING : TS_POLL_READY;
}

/* Each descriptor that a host may ask for, with so many to be had. */
static void every_descriptor_may_be_one_too_many(void)
{
    int first = dup(0), more, made = 0, refused = 0;
    close(first);
    for (more = 0; more < 10; more++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        ts_pump *pump = NULL;
        ts_completions *completions = NULL;
        ts_claim claimed;
        int fds[3], again, at, polls = 0;
        ts_error gave[3], async;
        ts_task_id id;
        MUST(ts_pump_new(scheduler, NULL, &pump));
        MUST(ts_completions_new(scheduler, &completions));
        limit(RLIMIT_NOFILE, (rlim_t)(first + more));
        gave[0] = ts_claims_fd(scheduler, &fds[0]);
        gave[1] = ts_pump_fd(pump, &fds[1]);
        gave[2] = ts_completions_fd(completions, &fds[2]);
        async = ts_add_async_task(scheduler, false, "a", poll_twice, &polls, NULL, &id);
        for (at = 0; at < 3; at++) {
            CHECK(gave[at] == TS_OK || gave[at] == TS_ERROR_SYSTEM);
            CHECK((fds[at] >= 0) == (gave[at] == TS_OK));
            made += gave[at] == TS_OK;
            refused += gave[at] != TS_OK;
        }
        CHECK(async == TS_OK || (async == TS_ERROR_SYSTEM && is_zero(id)));
        if (async == TS_OK)
            CHECK(ended(scheduler, id) == TS_COMPLETED);
        /* Claims, and tasks of workers, need none. */
        claimed = start_one(scheduler, "b", NULL, NULL, 0);
        finish(scheduler, &claimed);
        CHECK(ended(scheduler, add(scheduler, "c", run_nothing, NULL, NULL)) == TS_COMPLETED);
        limit(RLIMIT_NOFILE, RLIM_INFINITY);
        MUST(ts_claims_fd(scheduler, &again));
        CHECK(gave[0] != TS_OK || again == fds[0]);
        MUST(ts_pump_fd(pump, &again));
        MUST(ts_completions_fd(completions, &again));
        ts_completions_free(completions);
        ts_pump_free(pump);
        ts_scheduler_free(scheduler);
    }
    CHECK(made > 0 && refused > 0);
}

static void *nothing(void *unused)
{
    return unused;
}

static int32_t until_stopped(ts_token *token, void *user_data)
{
    (void)user_data;
    return ts_interruptible_sleep(token, 1000) == TS_STOPPED ? 0 : 1;
}

static int dropped;

/* With room for so many threads more: how many tasks were refused; -1 when the
 * system does not keep the limit. */
static int with_threads(int more)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 4\nstuck_grace: 0.01");
    ts_task_options options = options_of(NULL, until_stopped, &dropped, drop_count, TS_TIMEOUT_PROCESSING);
    ts_task_id ids[6], asleep;
    ts_error gave[6], async;
    int at, refused = 0, accepted = 0, polls = 0, before = dropped;
    pthread_t one;
    limit(RLIMIT_NPROC, (rlim_t)(1 + more));
    if (more == 0 && pthread_create(&one, NULL, nothing, NULL) == 0) {
        pthread_join(one, NULL);
        return -1;
    }
    options.timeout_seconds = 0.001;
    for (at = 0; at < 6; at++) {
        gave[at] = ts_submit(scheduler, &options, &ids[at]);
        CHECK(gave[at] == TS_OK || (gave[at] == TS_ERROR_SYSTEM && is_zero(ids[at])));
        accepted += gave[at] == TS_OK;
        refused += gave[at] != TS_OK;
    }
    async = ts_add_async_task(scheduler, false, "a", poll_twice, &polls, NULL, &asleep);
    CHECK(async == TS_OK || async == TS_ERROR_SYSTEM);
    /* Where no watchdog could be made nobody else stops them. */
    for (at = 0; at < 6; at++)
        if (gave[at] == TS_OK) {
            ts_error stopped = ts_force_stop(scheduler, ids[at]);
            CHECK(stopped == TS_OK || stopped == TS_ERROR_ALREADY_STOPPING || stopped == TS_ERROR_ALREADY_FINISHED);
            CHECK(ended(scheduler, ids[at]) >= TS_TIMEOUT);
        }
    if (async == TS_OK)
        CHECK(ended(scheduler, asleep) == TS_COMPLETED);
    CHECK(dropped - before == accepted);
    limit(RLIMIT_NPROC, RLIM_INFINITY);
    polls = 0;
    MUST(ts_add_async_task(scheduler, false, "a", poll_twice, &polls, NULL, &asleep));
    CHECK(ended(scheduler, asleep) == TS_COMPLETED);
    CHECK(ended(scheduler, add(scheduler, "b", run_nothing, NULL, NULL)) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
    return refused;
}

/* In a child that is a user of its own, of whom there is no other thread: a limit
 * of processes does not bind root. */
static void every_thread_may_be_one_too_many(void)
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int more, refused;
        alarm(CHECK_HANGS);
        if (setgid(54321) != 0 || setuid(54321) != 0)
            _exit(77);
        refused = with_threads(0);
        if (refused < 0)
            _exit(77);
        CHECK(refused == 6);
        for (more = 1; more < 8; more++)
            CHECK(with_threads(more) == 0);
        _exit(check_failures != 0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        fprintf(stderr, "SKIP the limit of processes: only root can be another user, and the system must keep it\n");
    else
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const check_test tests[] = {
    TEST(every_descriptor_may_be_one_too_many),
    TEST(every_thread_may_be_one_too_many),
};

CHECK_ALL(tests)
