/* A fork inside a function of the host's that the library called, which returns
 * in the child: on a thread of the library's the child ends there, on the host's
 * own the call gives TS_ERROR_FORKED. Nothing of the parent's is gone on with. */
#include "forking.h"

static atomic_int in_child, drops;
static int child_status;
static parents made;

/* Forks; the parent waits for the child's end. */
static void fork_here(void)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(20);
        in_child = 1;
        return;
    }
    child_status = -1;
    CHECK(child > 0);
    while (waitpid(child, &child_status, 0) < 0 && errno == EINTR)
        ;
}

/* The child ended by itself, with that status. */
static int child_gave(int status)
{
    int right = WIFEXITED(child_status) && WEXITSTATUS(child_status) == status;
    if (!right)
        fprintf(stderr, "the child's status is %#x, not %d\n", (unsigned)child_status, status);
    return right;
}

/* Of the parent's, and never called in a child. */
static void drop(void *user_data)
{
    (void)user_data;
    CHILD(!in_child);
    drops++;
}

/* What a child forked inside a task has of it. */
static void look_around(ts_token *token)
{
    CHILD(!ts_should_stop(token) && !ts_should_stop(NULL));
    CHILD(ts_interruptible_sleep(token, 10) == TS_ERROR_FORKED);
    CHILD(ts_interruptible_sleep(NULL, 10) == TS_ERROR_FORKED);
    CHILD(ts_set_result(token, NULL, 0, NULL) == TS_ERROR_FORKED);
    CHILD(ts_set_error(NULL, "words") == TS_ERROR_FORKED);
    child_leaves(&made);
    child_uses(true);
}

static int32_t run_fork(ts_token *token, void *code)
{
    fork_here();
    if (in_child)
        look_around(token);
    return in_child ? *(int *)code : 0;
}

static void a_childs_task_that_returns_ends_it_with_its_code(void)
{
    int codes[] = { 0, 7, 255, 256, -1 }, wanted[] = { 0, 7, 255, 1, 255 };
    size_t at;
    for (at = 0; at < sizeof codes / sizeof *codes; at++) {
        ts_task_id id;
        made.scheduler = scheduler_with(NULL);
        drops = 0;
        id = submit(made.scheduler, "name", run_fork, &codes[at], drop, TS_TIMEOUT_PROCESSING | TS_INTERRUPT_BLOCKING);
        CHECK(ended(made.scheduler, id) == TS_COMPLETED);
        CHECK(child_gave(wanted[at]) && drops == 1);
        ts_scheduler_free(made.scheduler);
        made.scheduler = NULL;
    }
}

static void a_pump_whose_task_forked_says_so_in_the_child(void)
{
    ts_task_options options = options_of("name", run_fork, &drops, drop, TS_INTERRUPT_BLOCKING);
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump *pump;
    ts_task_id id;
    size_t ran = 0;
    drops = 0;
    MUST(ts_pump_new(scheduler, NULL, &pump));
    options.pump = pump;
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_submit(scheduler, &options, &id));
    if (ts_pump_run(pump, 1, 0, &ran) != TS_OK) {
        /* The child, outside again. */
        CHILD(in_child && ts_pump_run(pump, 1, 0, &ran) == TS_ERROR_FORKED && ran == 0);
        child_adds();
        CHILD(ts_shutdown(NULL, false) == TS_OK);
        _exit(3);
    }
    CHECK(ran == 1 && drops == 1 && child_gave(3));
    ts_pump_free(pump);
    CHECK(drops == 2);
    ts_scheduler_free(scheduler);
}

static ts_poll answers;

static ts_poll poll_fork(ts_token *token, void *user_data)
{
    static const ts_task_id none;
    ts_waker *waker;
    uint32_t ready;
    (void)user_data;
    fork_here();
    if (!in_child)
        return TS_POLL_READY;
    CHILD(ts_async_sleep(token, 1) == TS_ERROR_FORKED);
    CHILD(ts_async_sleep_cancel(token) == TS_ERROR_FORKED);
    CHILD(ts_async_wait_fd(token, 0, TS_READABLE, &ready) == TS_ERROR_FORKED);
    CHILD(ts_async_wait_task(token, none) == TS_ERROR_FORKED);
    CHILD(ts_waker_clone(token, &waker) == TS_ERROR_FORKED && waker == NULL);
    CHILD(ts_set_error(token, "words") == TS_ERROR_FORKED);
    return answers;
}

static void a_childs_poll_that_returns_ends_it(void)
{
    ts_poll all[] = { TS_POLL_READY, TS_POLL_PENDING, TS_POLL_FAILED };
    int at, wanted[] = { 0, 0, 1 };
    for (at = 0; at < 3; at++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        ts_task_id id;
        drops = 0;
        answers = all[at];
        MUST(ts_add_async_task(scheduler, true, NULL, poll_fork, &drops, drop, &id));
        CHECK(ended(scheduler, id) == TS_COMPLETED && child_gave(wanted[at]) && drops == 1);
        ts_scheduler_free(scheduler);
    }
}

/* Forks and is a drop. */
static void drop_fork(void *user_data)
{
    (void)user_data;
    fork_here();
    if (in_child)
        child_adds();
}

static void hear_fork(const ts_completion *end, void *user_data)
{
    (void)end;
    drop_fork(user_data);
}

static void ready_fork(void *user_data)
{
    drop_fork(user_data);
}

static void thread_fork(ts_thread_event event, const char *name, void *user_data)
{
    (void)event;
    (void)name;
    drop_fork(user_data);
}

static void a_drop_or_an_on_end_on_our_thread_ends_the_child(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = options_of("name", run_nothing, &drops, drop_fork, 0);
    ts_task_id id = add(scheduler, "name", run_nothing, &drops, drop_fork);
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    CHECK(child_gave(0));
    drops = 0;
    options.drop = drop;
    options.on_end = hear_fork;
    options.on_end_drop = drop;
    child_status = -1;
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    MUST(ts_shutdown(scheduler, false));
    ts_scheduler_free(scheduler);
    CHECK(child_gave(0) && drops == 2);
}

static void a_function_for_threads_ends_the_child(void)
{
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    ts_scheduler *scheduler;
    ts_task_id id;
    options.on_thread = thread_fork;
    MUST(ts_scheduler_new_with(&options, &scheduler));
    MUST(ts_add_task(scheduler, false, NULL, run_nothing, NULL, NULL, &id));
    ts_scheduler_free(scheduler);
    CHECK(child_gave(0));
}

static void a_drop_on_the_hosts_thread_gives_its_call_back(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    ts_value value = { &drops, 1, drop_fork };
    plug blocked = { 0, 0 };
    ts_task_id id, other;
    ts_error gave;
    ts_value_free(&value);
    if (in_child) {
        CHILD(value.data == NULL);
        child_adds();
        CHILD(ts_shutdown(NULL, false) == TS_OK);
        _exit(4);
    }
    CHECK(child_gave(4));
    add(scheduler, NULL, run_plug, &blocked, NULL);
    await(&blocked.started, 1);
    id = add(scheduler, NULL, run_nothing, NULL, drop_fork);
    other = add(scheduler, NULL, run_nothing, NULL, drop);
    gave = ts_force_stop(scheduler, id);
    if (in_child) {
        CHILD(gave == TS_ERROR_FORKED && ts_force_stop(scheduler, other) == TS_ERROR_FORKED);
        child_adds();
        CHILD(ts_shutdown(NULL, false) == TS_OK);
        _exit(5);
    }
    CHECK(gave == TS_OK && child_gave(5) && state_of(scheduler, id) == TS_CANCELLED);
    pull(&blocked);
    ts_scheduler_free(scheduler);
}

static void many_drops_at_a_free_are_not_gone_on_with(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    plug blocked = { 0, 1 };
    int at;
    add(scheduler, NULL, run_plug, &blocked, NULL);
    add(scheduler, NULL, run_nothing, NULL, NULL);
    MUST(ts_scheduler_set_runner(scheduler, TS_CLAIMS, NULL));
    drops = 0;
    for (at = 0; at < 5; at++)
        add(scheduler, "name", run_nothing, NULL, at == 2 ? drop_fork : drop);
    ts_scheduler_free(scheduler);
    if (in_child) {
        child_adds();
        CHILD(ts_shutdown(NULL, false) == TS_OK);
        _exit(6);
    }
    CHECK(child_gave(6) && drops == 4);
}

static void a_bell_gives_its_call_back(void)
{
    ts_task_options options = options_of("name", run_nothing, NULL, drop, 0);
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_pump_options wanted = TS_PUMP_OPTIONS_INIT;
    ts_task_id id;
    ts_error gave;
    drops = 0;
    wanted.ready = ready_fork;
    wanted.drop = drop;
    wanted.user_data = &drops;
    MUST(ts_pump_new(scheduler, &wanted, &options.pump));
    id = dirty_id();
    gave = ts_submit(scheduler, &options, &id);
    if (in_child) {
        CHILD(gave == TS_ERROR_FORKED && is_zero(id));
        ts_pump_free(options.pump);
        child_adds();
        CHILD(ts_shutdown(NULL, false) == TS_OK);
        _exit(7);
    }
    CHECK(gave == TS_OK && child_gave(7));
    ts_pump_free(options.pump);
    ts_scheduler_free(scheduler);
    CHECK(drops == 2);
}

static atomic_int log_forks;

static void log_fork(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
    if (log_forks-- == 1)
        fork_here();
}

static void a_log_on_the_hosts_thread_gives_its_call_back(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_id id = dirty_id();
    ts_error gave;
    drops = 0;
    MUST(ts_set_log_callback(log_fork, &drops, drop));
    log_forks = 1;
    gave = ts_update_config(scheduler, "line_task_max", "2");
    if (in_child) {
        CHILD(gave == TS_ERROR_FORKED && strstr(ts_last_error_message(), "forked") != NULL);
        /* The log is the parent's function still, and its data is not dropped. */
        log_forks = 0;
        CHILD(ts_update_config(NULL, "line_task_max", "2") == TS_OK && log_forks < 0);
        MUST(ts_update_config(NULL, "line_task_max", "10"));
        child_adds();
        CHILD(ts_shutdown(NULL, false) == TS_OK);
        _exit(8);
    }
    CHECK(gave == TS_OK && child_gave(8));
    /* Added, started: the second is said by the adder or by the worker. */
    log_forks = 2;
    gave = ts_add_task(scheduler, false, "name", run_nothing, NULL, NULL, &id);
    if (in_child) {
        CHILD(gave == TS_ERROR_FORKED);
        _exit(0);
    }
    CHECK(gave == TS_OK);
    MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
    MUST(ts_shutdown(scheduler, false));
    CHECK(child_gave(0));
    CHECK(drops == 0);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    CHECK(drops == 1);
    ts_scheduler_free(scheduler);
}

/* A call inside a task of a pump gives the error to the task, and then the task
 * returns into the pump. */
static int32_t run_call(ts_token *token, void *scheduler)
{
    ts_error gave;
    (void)token;
    log_forks = 1;
    gave = ts_update_config((ts_scheduler *)scheduler, "line_task_max", "2");
    if (!in_child)
        return 0;
    CHILD(gave == TS_ERROR_FORKED);
    CHILD(ts_interruptible_sleep(NULL, 1) == TS_ERROR_FORKED);
    CHILD(ts_shutdown(NULL, false) == TS_ERROR_WOULD_DEADLOCK);
    return 0;
}

static void calls_inside_calls_are_left_one_by_one(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = options_of("name", run_call, scheduler, NULL, 0);
    ts_task_id id;
    ts_error gave;
    drops = 0;
    MUST(ts_pump_new(scheduler, NULL, &options.pump));
    log_forks = 0;
    MUST(ts_set_log_callback(log_fork, &drops, drop));
    MUST(ts_submit(scheduler, &options, &id));
    gave = ts_pump_run(options.pump, 0, 0, NULL);
    if (in_child) {
        CHILD(gave == TS_ERROR_FORKED);
        child_adds();
        CHILD(ts_shutdown(NULL, false) == TS_OK);
        _exit(9);
    }
    CHECK(gave == TS_OK && child_gave(9));
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    ts_pump_free(options.pump);
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(a_childs_task_that_returns_ends_it_with_its_code),
    TEST(a_pump_whose_task_forked_says_so_in_the_child),
    TEST(a_childs_poll_that_returns_ends_it),
    TEST(a_drop_or_an_on_end_on_our_thread_ends_the_child),
    TEST(a_function_for_threads_ends_the_child),
    TEST(a_drop_on_the_hosts_thread_gives_its_call_back),
    TEST(many_drops_at_a_free_are_not_gone_on_with),
    TEST(a_bell_gives_its_call_back),
    TEST(a_log_on_the_hosts_thread_gives_its_call_back),
    TEST(calls_inside_calls_are_left_one_by_one),
};

CHECK_ALL(tests)
