/* The end of a process that uses the library: exit while tasks run and threads
 * add, handlers and destructors that call in, late and early. No crash, no hang,
 * and the status that was asked for.
 *
 * Each test is a child, in which the library was not used before. */
#define _DEFAULT_SOURCE
#include "check.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <sys/wait.h>

static atomic_int running, called;
static ts_scheduler *own;

/* How a child ended that runs this; -1 when not by itself. */
static int status_of_child(void (*run)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(30);
        run();
        _exit(100);
    }
    CHECK(child > 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        fprintf(stderr, "the child was ended by signal %d\n", WTERMSIG(status));
    else if (WEXITSTATUS(status) >= 100)
        fprintf(stderr, "the child ended with %d: %s\n", WEXITSTATUS(status), WEXITSTATUS(status) == 100 ? "it went on" : "something in it is wrong");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int32_t run_long(ts_token *token, void *user_data)
{
    (void)user_data;
    running++;
    while (ts_interruptible_sleep(token, 1000) == TS_OK)
        ;
    return 0;
}

static int32_t run_hard(ts_token *token, void *user_data)
{
    (void)token;
    running++;
    while (user_data == NULL)
        sched_yield();
    return 0;
}

static ts_poll poll_short(ts_token *token, void *user_data)
{
    (void)user_data;
    return ts_async_sleep(token, 0.0001) == TS_NOT_YET ? TS_POLL_PENDING : TS_POLL_READY;
}

static void *add_on(void *scheduler)
{
    for (;;) {
        ts_task_id id;
        ts_task_status status = TS_TASK_STATUS_INIT;
        if (ts_add_task((ts_scheduler *)scheduler, true, "name", run_nothing, NULL, NULL, &id) == TS_OK)
            ts_wait((ts_scheduler *)scheduler, id, 0.001, &status);
        ts_add_async_task((ts_scheduler *)scheduler, true, "name", poll_short, NULL, NULL, &id);
        ts_add_task((ts_scheduler *)scheduler, false, NULL, run_nothing, NULL, NULL, &id);
        called++;
    }
    return NULL;
}

/* Adds a task beside threads that keep the queue full. */
static void add_at_last(ts_scheduler *scheduler, const char *name, ts_task_fn run)
{
    ts_task_id id;
    ts_error error;
    while ((error = ts_add_task(scheduler, true, name, run, NULL, NULL, &id)) == TS_ERROR_QUEUE_FULL)
        sched_yield();
    MUST(error);
}

/* Threads of the host's, which nobody waits for, and tasks. */
static void be_busy(void)
{
    int at;
    MUST(ts_scheduler_new(NULL, &own));
    for (at = 0; at < 4; at++)
        pthread_detach(thread(add_on, at % 2 ? own : NULL));
    add_at_last(NULL, "long", run_long);
    add_at_last(own, "long", run_hard);
    while (running < 2 || called < 100)
        sched_yield();
}

static void exit_busily(void)
{
    be_busy();
    exit(5);
}

static void exit_while_tasks_run_and_threads_add(void)
{
    int round;
    for (round = 0; round < 20; round++)
        CHECK(status_of_child(exit_busily) == 5);
}

static void quit_busily(void)
{
    be_busy();
    quick_exit(5);
}

/* A handler that makes calls, and ends the program otherwise if they are wrong. */
static void call_in(void)
{
    ts_task_id id;
    ts_state state;
    ts_scheduler *late;
    int ran = 0;
    if (ts_add_task(NULL, true, NULL, run_count, &ran, NULL, &id) == TS_OK &&
        (ts_wait(NULL, id, TS_FOREVER, NULL) != TS_OK || ran != 1))
        _exit(101);
    if (ts_scheduler_new(NULL, &late) != TS_OK ||
        ts_add_async_task(late, true, NULL, poll_short, NULL, NULL, &id) != TS_OK ||
        ts_wait(late, id, TS_FOREVER, NULL) != TS_OK || ts_get_task_state(late, id, &state) != TS_OK)
        _exit(102);
    ts_scheduler_free(late);
    called = -1000000;
}

static void shut_in(void)
{
    if (ts_shutdown(NULL, true) != TS_OK)
        _exit(103);
    call_in();
}

static void exit_with_handlers(void)
{
    atexit(shut_in);
    atexit(call_in);
    be_busy();
    atexit(call_in);
    atexit(shut_in);
    exit(6);
}

static void quit_with_handlers(void)
{
    at_quick_exit(shut_in);
    be_busy();
    at_quick_exit(call_in);
    quick_exit(6);
}

/* Runs at the very end, after every handler. */
static atomic_int at_the_end;

__attribute__((destructor)) static void destroy(void)
{
    if (at_the_end) {
        call_in();
        shut_in();
        if (at_the_end > 1)
            _exit(at_the_end);
    }
}

static void exit_with_destructors(void)
{
    at_the_end = 7;
    be_busy();
    exit(1);
}

static void exit_before_the_first_use(void)
{
    at_the_end = 7;
    exit(1);
}

static void handlers_and_destructors_may_call_in(void)
{
    CHECK(status_of_child(exit_with_handlers) == 6);
    CHECK(status_of_child(quit_busily) == 5);
    CHECK(status_of_child(quit_with_handlers) == 6);
    CHECK(status_of_child(exit_with_destructors) == 7);
    CHECK(status_of_child(exit_before_the_first_use) == 7);
}

/* Inside a task what would wait for it is refused, in a handler too. */
static void refused(void)
{
    if (ts_shutdown(NULL, true) != TS_ERROR_WOULD_DEADLOCK)
        _exit(104);
    ts_scheduler_free(own);
}

static int32_t run_exit(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    exit(8);
    return 0;
}

static ts_poll poll_exit(ts_token *token, void *user_data)
{
    return (ts_poll)run_exit(token, user_data);
}

static void exit_in_a_task(void)
{
    atexit(refused);
    be_busy();
    add_at_last(own, "exit", run_exit);
    for (;;)
        pause();
}

static void exit_in_a_poll(void)
{
    ts_task_id id;
    atexit(refused);
    be_busy();
    MUST(ts_add_async_task(own, false, "exit", poll_exit, NULL, NULL, &id));
    for (;;)
        pause();
}

static void exit_on_a_hosts_thread_while_main_waits(void)
{
    ts_task_id id;
    pthread_t ends;
    MUST(ts_add_task(NULL, false, "long", run_hard, NULL, NULL, &id));
    ends = thread((void *(*)(void *))exit_busily, NULL);
    (void)ends;
    ts_wait(NULL, id, TS_FOREVER, NULL);
}

static void exit_inside_a_task_and_beside_a_wait(void)
{
    CHECK(status_of_child(exit_in_a_task) == 8);
    CHECK(status_of_child(exit_in_a_poll) == 8);
    CHECK(status_of_child(exit_on_a_hosts_thread_while_main_waits) == 5);
}

/* The last destructors of a thread, when those of the library have run. */
static pthread_key_t key;
static atomic_int late_calls;

static void call_late(void *rounds)
{
    call_in();
    late_calls++;
    if ((char *)rounds > (char *)&key)
        pthread_setspecific(key, (char *)rounds - 1);
}

static void *use_and_end(void *unused)
{
    pthread_setspecific(key, (char *)&key + 3);
    call_in();
    return unused;
}

static void end_threads_late(void)
{
    int at;
    pthread_t ends[4];
    pthread_key_create(&key, call_late);
    for (at = 0; at < 4; at++)
        ends[at] = thread(use_and_end, NULL);
    for (at = 0; at < 4; at++)
        pthread_join(ends[at], NULL);
    if (late_calls != 16)
        _exit(105);
    /* And with those of the main thread, beside the end of the process. */
    pthread_setspecific(key, (char *)&key + 3);
    pthread_detach(thread(use_and_end, NULL));
    exit(9);
}

static void *end_main(void *unused)
{
    (void)unused;
    be_busy();
    exit(10);
}

static void end_main_first(void)
{
    thread(end_main, NULL);
    pthread_exit(NULL);
}

static void late_thread_locals_may_call_in(void)
{
    CHECK(status_of_child(end_threads_late) == 9);
    CHECK(status_of_child(end_main_first) == 10);
}

static const check_test tests[] = {
    TEST(exit_while_tasks_run_and_threads_add),
    TEST(handlers_and_destructors_may_call_in),
    TEST(exit_inside_a_task_and_beside_a_wait),
    TEST(late_thread_locals_may_call_in),
};

CHECK_ALL(tests)
