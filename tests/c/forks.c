/* What a forked child can do with the library. */
#include "check.h"

#include <sys/types.h>
#include <sys/wait.h>

static int failed_in_child(void (*run)(ts_scheduler *), ts_scheduler *scheduler)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        check_failures = 0;
        alarm(20);
        run(scheduler);
        _exit(check_failures != 0);
    }
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void use_parents(ts_scheduler *scheduler)
{
    static const ts_task_id none;
    ts_task_id id;
    ts_state state;
    ts_scheduler *own;
    int ran = 0;
    GIVES(TS_ERROR_FORKED, ts_add_task(scheduler, false, "name", run_count, &ran, NULL, &id));
    GIVES(TS_ERROR_FORKED, ts_force_stop(scheduler, none));
    GIVES(TS_ERROR_FORKED, ts_wait(scheduler, none, TS_FOREVER, NULL));
    GIVES(TS_ERROR_FORKED, ts_get_task_state(scheduler, none, &state));
    GIVES(TS_ERROR_FORKED, ts_ban_task_name(scheduler, TS_LINEAR, "name"));
    GIVES(TS_ERROR_FORKED, ts_update_config(scheduler, "line_task_max", "3"));
    GIVES(TS_ERROR_FORKED, ts_shutdown(scheduler, true));
    ts_scheduler_free(scheduler);
    /* The default one is fresh, and so is what the child makes. */
    MUST(ts_add_task(NULL, false, "name", run_count, &ran, NULL, &id));
    MUST(ts_wait(NULL, id, TS_FOREVER, NULL));
    MUST(ts_shutdown(NULL, false));
    MUST(ts_scheduler_new(NULL, &own));
    MUST(ts_add_task(own, false, "name", run_count, &ran, NULL, &id));
    MUST(ts_wait(own, id, TS_FOREVER, NULL));
    ts_scheduler_free(own);
    CHECK(ran == 2);
}

static void a_child_leaves_its_parents_schedulers_alone(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    plug blocked = { 0, 0 };
    ts_task_id id, in_default;
    int ran = 0;
    id = add(scheduler, "name", run_plug, &blocked, NULL);
    await(&blocked.started, 1);
    in_default = add(NULL, "name", run_count, &ran, NULL);
    MUST(ts_wait(NULL, in_default, TS_FOREVER, NULL));
    CHECK(!failed_in_child(use_parents, scheduler));
    /* The parent goes on as before. */
    pull(&blocked);
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    in_default = add(NULL, "name", run_count, &ran, NULL);
    MUST(ts_wait(NULL, in_default, TS_FOREVER, NULL));
    CHECK(ran == 2);
    ts_scheduler_free(scheduler);
    MUST(ts_shutdown(NULL, false));
}

static void count_drop(void *counter)
{
    count(counter);
}

static void a_log_without_a_function_drops_its_data(void)
{
    int drops = 0;
    MUST(ts_set_log_callback(NULL, &drops, count_drop));
    CHECK(drops == 1);
}

static const check_test tests[] = {
    TEST(a_child_leaves_its_parents_schedulers_alone),
    TEST(a_log_without_a_function_drops_its_data),
};

CHECK_ALL(tests)
