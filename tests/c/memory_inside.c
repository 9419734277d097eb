/* No thread of the library's gets any memory: what was accepted runs and ends
 * all the same, with its results, drops, stops and bans. */
#define _GNU_SOURCE
#include "check.h"

#include "failing_memory.h"

enum { TASKS = 300 };

static atomic_int drops, heard;

static void drop(void *user_data)
{
    (void)user_data;
    drops++;
}

static void hear(const ts_completion *end, void *user_data)
{
    (void)end;
    (void)user_data;
    heard++;
}

static ts_poll poll_sleep(ts_token *token, void *user_data)
{
    (void)user_data;
    return ts_async_sleep(token, 0.002) == TS_OK ? TS_POLL_READY : TS_POLL_PENDING;
}

static ts_poll poll_long(ts_token *token, void *user_data)
{
    *(atomic_int *)user_data = 1;
    (void)ts_async_sleep(token, 1000);
    return TS_POLL_PENDING;
}

static int32_t run_long(ts_token *token, void *user_data)
{
    *(atomic_int *)user_data = 1;
    return ts_interruptible_sleep(token, 1000) == TS_STOPPED;
}

static int32_t run_wrong(ts_token *token, void *user_data)
{
    /* There may be no memory for the words, and then that is said. */
    ts_error gave = ts_set_error(token, "on purpose");
    (void)user_data;
    CHECK(gave == TS_OK || gave == TS_ERROR_OUT_OF_MEMORY);
    gave = ts_set_result(token, &drops, 0, drop);
    if (gave == TS_OK)
        heard--;
    else
        CHECK(gave == TS_ERROR_OUT_OF_MEMORY);
    return 7;
}

static ts_task_id ids[TASKS];
static ts_state wanted[TASKS];

/* One of each sort in turn; how many drops there will be. */
static int add_tasks(ts_scheduler *scheduler, ts_completions *queue)
{
    static char names[TASKS][16];
    int at, owed = 0;
    for (at = 0; at < TASKS; at++) {
        ts_task_options options = options_of(NULL, run_nothing, &drops, drop, TS_KEEP);
        snprintf(names[at], sizeof names[at], "name %d", at % 7);
        wanted[at] = TS_COMPLETED;
        owed++;
        switch (at % 6) {
        case 0:
            break;
        case 1:
            options.name = names[at];
            break;
        case 2:
            options.run = NULL;
            options.poll = poll_sleep;
            options.name = at % 4 ? names[at] : NULL;
            break;
        case 3:
            options.completions = queue;
            options.on_end = hear;
            options.flags |= TS_TIMEOUT_PROCESSING;
            options.timeout_seconds = 100;
            break;
        case 4:
            options.run = run_wrong;
            wanted[at] = TS_FAILED;
            break;
        default:
            options.run = NULL;
            options.poll = poll_sleep;
            options.flags |= TS_TIMEOUT_PROCESSING;
            break;
        }
        MUST(ts_submit(scheduler, &options, &ids[at]));
    }
    return owed;
}

static void what_was_accepted_runs_and_ends(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 2\nmaximum_queue_line: 0\nmaximum_queue_async: 0");
    ts_completions *queue;
    ts_completion ends[TASKS];
    plug blocked = { 0, 0 };
    size_t taken = 0, count;
    int at, owed;
    ts_task_id id;
    is_hosts = true;
    drops = heard = 0;
    MUST(ts_completions_new(scheduler, &queue));
    add(scheduler, NULL, run_plug, &blocked, NULL);
    add(scheduler, NULL, run_plug, &blocked, NULL);
    await(&blocked.started, 2);
    MUST(ts_add_async_task(scheduler, true, NULL, poll_sleep, NULL, NULL, &id));
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    theirs_failed = 0;
    atomic_store(&theirs_fail, true);
    owed = add_tasks(scheduler, queue);
    pull(&blocked);
    for (at = 0; at < TASKS; at++)
        CHECK(ended(scheduler, ids[at]) == wanted[at]);
    while (taken < TASKS / 6 && ts_completions_take(queue, ends, TASKS, TS_FOREVER, &count) == TS_OK)
        taken += count;
    atomic_store(&theirs_fail, false);
    for (at = 0; at < TASKS; at++)
        MUST(ts_task_forget(scheduler, ids[at]));
    CHECK(drops >= owed && theirs_failed > 0);
    ts_completions_free(queue);
    ts_scheduler_free(scheduler);
}

static void what_runs_can_be_stopped(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 2\nstuck_grace: 0");
    atomic_int entered[4] = { 0, 0, 0, 0 };
    ts_task_id linear, async, timed, warm;
    ts_task_options options = options_of("timed", NULL, NULL, NULL, TS_KEEP | TS_TIMEOUT_PROCESSING);
    is_hosts = true;
    linear = submit(scheduler, "linear", run_long, &entered[0], NULL, TS_KEEP);
    options.poll = poll_long;
    options.user_data = &entered[1];
    options.timeout_seconds = 0.05;
    MUST(ts_submit(scheduler, &options, &timed));
    options.name = "async";
    options.user_data = &entered[2];
    options.flags = TS_KEEP;
    MUST(ts_submit(scheduler, &options, &async));
    options.name = "warm";
    options.user_data = &entered[3];
    MUST(ts_submit(scheduler, &options, &warm));
    while (!entered[0] || !entered[1] || !entered[2] || !entered[3])
        ;
    atomic_store(&theirs_fail, true);
    MUST(ts_force_stop(scheduler, linear));
    CHECK(ended(scheduler, linear) == TS_CANCELLED);
    CHECK(ended(scheduler, timed) == TS_TIMEOUT);
    MUST(ts_force_stop(scheduler, warm));
    CHECK(ended(scheduler, warm) == TS_CANCELLED);
    /* The host's own thread has none either; it has woken the loop before. */
    fail_memory(0, 1000000);
    ts_force_stop(scheduler, async);
    restore_memory();
    CHECK(ended(scheduler, async) == TS_CANCELLED);
    atomic_store(&theirs_fail, false);
    ts_scheduler_free(scheduler);
}

static ts_task_id behind;

/* What was cancelled and forgotten hangs before the next of the name. */
static int32_t run_cancels_the_next(ts_token *token, void *user_data)
{
    (void)token;
    MUST(ts_force_stop(user_data, behind));
    MUST(ts_task_forget(user_data, behind));
    fail_memory(0, 1000000);
    return 0;
}

static void a_pump_passes_over_what_was_cancelled(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = options_of("name", run_cancels_the_next, scheduler, NULL, 0);
    ts_task_id id;
    size_t ran = 77;
    MUST(ts_pump_new(scheduler, NULL, &options.pump));
    MUST(ts_submit(scheduler, &options, &id));
    options.run = run_nothing;
    options.flags = TS_KEEP;
    MUST(ts_submit(scheduler, &options, &behind));
    MUST(ts_submit(scheduler, &options, &id));
    GIVES(TS_OK, ts_pump_run(options.pump, 0, 0, &ran));
    CHECK(restore_memory() >= 0 && ran == 2);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    ts_pump_free(options.pump);
    ts_scheduler_free(scheduler);
}

static ts_poll poll_until(ts_token *token, void *user_data)
{
    atomic_int *go = user_data;
    if (*go == 2)
        return TS_POLL_READY;
    *go = *go ? *go : 1;
    (void)ts_async_sleep(token, 0.001);
    return TS_POLL_PENDING;
}

static void a_loop_passes_over_what_was_cancelled(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_event_loop_tasks: 1");
    atomic_int go = 0;
    ts_task_options options = options_of("name", NULL, &go, NULL, TS_KEEP);
    ts_task_id first, last;
    is_hosts = true;
    options.poll = poll_until;
    MUST(ts_submit(scheduler, &options, &first));
    MUST(ts_submit(scheduler, &options, &behind));
    MUST(ts_submit(scheduler, &options, &last));
    while (go != 1)
        ;
    MUST(ts_force_stop(scheduler, behind));
    CHECK(ended(scheduler, behind) == TS_CANCELLED);
    MUST(ts_task_forget(scheduler, behind));
    atomic_store(&theirs_fail, true);
    go = 2;
    CHECK(ended(scheduler, first) == TS_COMPLETED && ended(scheduler, last) == TS_COMPLETED);
    atomic_store(&theirs_fail, false);
    ts_scheduler_free(scheduler);
}

enum { CROWD = 20 };

typedef struct {
    ts_scheduler *scheduler;
    ts_task_id waited_for;
    atomic_int asked;
} crowd;

static ts_poll poll_waits(ts_token *token, void *user_data)
{
    crowd *its = user_data;
    /* To ask once more would need memory. */
    if (state_of(its->scheduler, its->waited_for) == TS_COMPLETED)
        return TS_POLL_READY;
    GIVES(TS_NOT_YET, ts_async_wait_task(token, its->waited_for));
    its->asked++;
    return TS_POLL_PENDING;
}

static void end_beside_a_crowd(ts_scheduler *scheduler, bool fails)
{
    plug blocked = { 0, 0 };
    crowd all = { scheduler, { { 0 } }, 0 };
    ts_task_id waits[CROWD], id;
    int at;
    all.waited_for = submit(scheduler, NULL, run_plug, &blocked, NULL, TS_KEEP);
    await(&blocked.started, 1);
    for (at = 0; at < CROWD; at++) {
        ts_task_options options = options_of(NULL, NULL, &all, NULL, TS_KEEP);
        options.poll = poll_waits;
        MUST(ts_submit(scheduler, &options, &waits[at]));
    }
    while (all.asked < CROWD)
        ;
    /* Behind the last of them on its loop: it is known by then who waits. */
    MUST(ts_add_async_task(scheduler, false, NULL, poll_sleep, NULL, NULL, &id));
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    atomic_store(&theirs_fail, fails);
    pull(&blocked);
    for (at = 0; at < CROWD; at++)
        CHECK(ended(scheduler, waits[at]) == TS_COMPLETED);
    atomic_store(&theirs_fail, false);
}

static void an_end_wakes_all_who_wait_for_it(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_async: 0");
    is_hosts = true;
    /* The worker has woken the loop before. */
    end_beside_a_crowd(scheduler, false);
    theirs_failed = 0;
    end_beside_a_crowd(scheduler, true);
    CHECK(theirs_failed > 0);
    ts_scheduler_free(scheduler);
}

/* More than are looked through at once. */
static void all_of_a_name_can_be_cancelled(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0\nmaximum_task_info_storage: 5");
    ts_task_options options = options_of("name", run_nothing, NULL, NULL, 0);
    size_t cancelled = 0;
    int at;
    ts_task_id id;
    MUST(ts_pump_new(scheduler, NULL, &options.pump));
    for (at = 0; at < TASKS; at++)
        MUST(ts_submit(scheduler, &options, &id));
    fail_memory(0, 1000000);
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "name", &cancelled));
    CHECK(restore_memory() > 0);
    CHECK(cancelled == TASKS);
    ts_pump_free(options.pump);
    ts_scheduler_free(scheduler);
}

/* With a descriptor the host looks at when a claim is stuck: without memory to note that, it is not found. */
static void a_claim_can_be_stopped(void)
{
    int may_note;
    for (may_note = 0; may_note < 2; may_note++) {
        ts_scheduler *scheduler = scheduler_with("stuck_grace: 0");
        ts_task_options options = options_of(NULL, NULL, NULL, NULL, 0);
        ts_claim claim, none;
        ts_task_id id;
        size_t got;
        int fd;
        options.runner = TS_CLAIMS;
        MUST(ts_claims_fd(scheduler, &fd));
        MUST(ts_claim_submit(scheduler, &options, &claim, &id));
        if (may_note)
            GIVES(TS_OK, ts_force_stop(scheduler, id));
        fail_memory(0, 1000000);
        if (!may_note)
            GIVES(TS_OK, ts_force_stop(scheduler, id));
        GIVES(TS_NOT_YET, ts_claims_take(scheduler, &none, 1, 0, &got));
        restore_memory();
        GIVES(TS_OK, ts_claim_finish(scheduler, &claim, 0, NULL, NULL, NULL));
        CHECK(state_of(scheduler, id) == TS_CANCELLED);
        ts_scheduler_free(scheduler);
    }
}

static const check_test tests[] = {
    TEST(what_was_accepted_runs_and_ends),
    TEST(what_runs_can_be_stopped),
    TEST(a_pump_passes_over_what_was_cancelled),
    TEST(a_loop_passes_over_what_was_cancelled),
    TEST(an_end_wakes_all_who_wait_for_it),
    TEST(all_of_a_name_can_be_cancelled),
    TEST(a_claim_can_be_stopped),
};

CHECK_ALL(tests)
