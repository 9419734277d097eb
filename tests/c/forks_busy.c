/* Forks from threads while other threads make every kind of call: the child,
 * whatever was held, leaves its parent's things alone and uses its own. */
#include "forking.h"

#include <sched.h>

enum { FORKERS = 2, FORKS = 150 };

static atomic_int over, wrong;
static parents made;

static int32_t run_adding(ts_token *token, void *user_data)
{
    ts_task_id id;
    (void)user_data;
    ts_interruptible_sleep(token, 0.0001);
    ts_set_result(token, &over, sizeof over, NULL);
    ts_add_task(made.scheduler, false, NULL, run_nothing, NULL, NULL, &id);
    ts_wait(made.scheduler, id, 0.001, NULL);
    return 1;
}

static void *add_all(void *unused)
{
    while (!over) {
        ts_task_options options = options_of("name", run_adding, NULL, NULL, TS_KEEP);
        ts_task_id id;
        if (ts_submit(made.scheduler, &options, &id) == TS_OK) {
            ts_force_stop(made.scheduler, id);
            ts_wait(made.scheduler, id, 1, NULL);
            ts_task_forget(made.scheduler, id);
        }
        if (ts_add_async_task(made.scheduler, true, "name", child_poll, &wrong + 1, NULL, &id) == TS_OK)
            ts_wait(made.scheduler, id, 1, NULL);
        ts_add_task(NULL, true, "name", run_nothing, NULL, NULL, &id);
        ts_lane_add_task(made.lane, false, run_adding, NULL, NULL, &id);
    }
    return unused;
}

static void quiet(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
}

static void free_it(void *memory)
{
    free(memory);
}

static void *change_all(void *unused)
{
    while (!over) {
        ts_scheduler *own;
        ts_task_id id;
        char *text;
        size_t number;
        ts_set_log_callback(quiet, malloc(1), free_it);
        ts_update_config(made.scheduler, "line_task_max", "3");
        ts_update_config(made.scheduler, "thread_name", "busy");
        ts_ban_task_name(made.scheduler, TS_LINEAR, "banned");
        ts_allow_task_name(made.scheduler, TS_LINEAR, "banned");
        if (ts_get_all_queue_info(made.scheduler, TS_LINEAR, true, &text) == TS_OK)
            ts_string_free(text);
        ts_list_tasks(made.scheduler, TS_ASYNC, NULL, 0, &number);
        ts_cancel_all_queued_tasks_by_name(made.scheduler, TS_LINEAR, "name", NULL);
        if (ts_scheduler_new(NULL, &own) == TS_OK) {
            ts_add_task(own, true, "name", run_nothing, NULL, NULL, &id);
            ts_scheduler_free(own);
        }
        ts_set_log_callback(NULL, NULL, NULL);
    }
    return unused;
}

static void *host_all(void *unused)
{
    ts_completion ends[8];
    ts_claim claim, next;
    ts_task_id id;
    size_t number;
    while (!over) {
        ts_task_options options = options_of("hosted", run_nothing, NULL, NULL, TS_TIMEOUT_PROCESSING);
        options.completions = made.queue;
        options.pump = made.pump;
        ts_submit(made.scheduler, &options, &id);
        ts_pump_run(made.pump, 0, 0, NULL);
        options.pump = NULL;
        options.name = "claimed";
        options.runner = TS_CLAIMS;
        ts_claim_submit(made.scheduler, &options, &claim, &id);
        ts_claim_submit(made.scheduler, &options, &next, &id);
        while (claim.token) {
            ts_claim_start(made.scheduler, &claim);
            ts_claim_finish(made.scheduler, &claim, 1, NULL, "words", &claim);
        }
        ts_claims_take(made.scheduler, &claim, 1, 0, &number);
        ts_completions_take(made.queue, ends, 8, 0.0001, &number);
    }
    return unused;
}

static void *shut_down(void *unused)
{
    while (!over) {
        ts_shutdown_within(NULL, true, 0.01, NULL);
        ts_shutdown_within(NULL, true, 1, NULL);
        sched_yield();
    }
    return unused;
}

static void *fork_all(void *unused)
{
    int at;
    for (at = 0; at < FORKS; at++) {
        parents its = made;
        its.claim.token = NULL;
        wrong += !fork_one(&its);
    }
    return unused;
}

static int32_t run_forks(ts_token *token, void *user_data)
{
    int at;
    (void)token;
    (void)user_data;
    for (at = 0; at < FORKS; at++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            signal(SIGALRM, SIG_DFL);
            alarm(20);
            child_leaves(&made);
            child_uses(true);
            return 0;
        }
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        wrong += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    return 0;
}

static void children_of_a_busy_parent_get_on(void)
{
    static void *(*const calls[])(void *) = { add_all, change_all, host_all, shut_down };
    pthread_t busy[4], forkers[FORKERS];
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_task_id id;
    int at;
    wanted.name = "lane";
    made.scheduler = scheduler_with("line_task_max: 4\nmax_idle_time: 0.0001");
    MUST(ts_lane_new(made.scheduler, &wanted, &made.lane));
    MUST(ts_pump_new(made.scheduler, NULL, &made.pump));
    MUST(ts_completions_new(made.scheduler, &made.queue));
    for (at = 0; at < 4; at++)
        busy[at] = thread(calls[at], NULL);
    id = submit(made.scheduler, "forks", run_forks, NULL, NULL, TS_KEEP);
    for (at = 0; at < FORKERS; at++)
        forkers[at] = thread(fork_all, NULL);
    for (at = 0; at < FORKERS; at++)
        pthread_join(forkers[at], NULL);
    CHECK(ended(made.scheduler, id) == TS_COMPLETED);
    over = 1;
    for (at = 0; at < 4; at++)
        pthread_join(busy[at], NULL);
    CHECK(wrong == 0);
    ts_lane_free(made.lane);
    ts_pump_free(made.pump);
    ts_completions_free(made.queue);
    ts_scheduler_free(made.scheduler);
    MUST(ts_shutdown(NULL, true));
}

static const check_test tests[] = { TEST(children_of_a_busy_parent_get_on) };

CHECK_ALL(tests)
