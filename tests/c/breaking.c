/* TS_INTERRUPT_BLOCKING: the blocking system call that a task is in ends when
 * the task is told to stop, and nothing else is hit by the signal.
 *
 * Tasks are told to stop as soon as they have said that they are about to
 * block, so that many a signal comes before they do. */
#define _GNU_SOURCE
#include "check.h"

#include "blocking.h"

#include <sched.h>
#include <stdatomic.h>

/* So many tasks are stopped in each call. */
enum { TIMES = 2000, OUR_SIGNAL = 50 };

/* Guards a batch against hanging. */
#define BATCH_SECONDS 60

static ts_scheduler *breaking_scheduler(const char *more)
{
    char yaml[300];
    snprintf(yaml, sizeof yaml, "maximum_queue_line: 0\nstuck_grace: 30\n%s", more);
    return scheduler_with(yaml);
}

/* What it blocks in, and what that gave. */
typedef struct {
    int (*block)(void);
    atomic_int entered;
    int gave;
} blocked;

static int32_t run_blocked(ts_token *token, void *user_data)
{
    static atomic_uint runs;
    blocked *its = user_data;
    /* Half of the time it is slow to block, and the first signal is lost. */
    volatile unsigned spin = runs++ % 8 * 1000;
    its->entered = 1;
    if (spin > 3000)
        while (spin-- > 0)
            ;
    do
        its->gave = its->block();
    while (its->gave == EINTR && !ts_should_stop(token));
    return 0;
}

static void until(const atomic_int *flag)
{
    while (!*flag)
        sched_yield();
}

/* Stops that many tasks in that call. */
static void stop_many(ts_scheduler *scheduler, int (*block)(void), int times)
{
    int at;
    alarm(BATCH_SECONDS);
    for (at = 0; at < times; at++) {
        blocked its = { block, 0, 0 };
        ts_task_id id = submit(scheduler, "a", run_blocked, &its, NULL, TS_INTERRUPT_BLOCKING);
        until(&its.entered);
        /* Now and then it is left time to block. */
        if (at % 16 == 0)
            usleep(200);
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        CHECK(ended(scheduler, id) == TS_CANCELLED);
        CHECK(its.gave == EINTR);
    }
    alarm(CHECK_HANGS);
}

static void stop_many_in(int (*block)(void))
{
    ts_scheduler *scheduler = breaking_scheduler("");
    stop_many(scheduler, block, TIMES);
    ts_scheduler_free(scheduler);
}

static void a_sleep_ends(void)
{
    stop_many_in(block_in_sleep);
}

static void a_nanosleep_ends(void)
{
    stop_many_in(block_in_nanosleep);
}

static void a_read_of_a_pipe_ends(void)
{
    stop_many_in(block_in_read);
}

static void an_accept_ends(void)
{
    stop_many_in(block_in_accept);
}

static void a_poll_ends(void)
{
    stop_many_in(block_in_poll);
}

static void a_flock_ends(void)
{
    stop_many_in(block_in_flock);
}

static void a_sem_wait_ends(void)
{
    stop_many_in(block_in_sem_wait);
}

static void a_waitpid_ends(void)
{
    stop_many_in(block_in_waitpid);
}

/* Who tells it to stop -------------------------------------------------------- */

static void a_timeout_ends_the_call(void)
{
    ts_scheduler *scheduler = breaking_scheduler("");
    int at;
    for (at = 0; at < 20; at++) {
        blocked its = { block_in_read, 0, 0 };
        ts_task_options options = options_of("a", run_blocked, &its, NULL,
                                             TS_INTERRUPT_BLOCKING | TS_TIMEOUT_PROCESSING);
        ts_task_id id;
        options.timeout_seconds = 0.005;
        MUST(ts_submit(scheduler, &options, &id));
        CHECK(ended(scheduler, id) == TS_TIMEOUT);
        CHECK(its.gave == EINTR);
    }
    ts_scheduler_free(scheduler);
}

static void a_forced_shutdown_ends_the_calls(void)
{
    ts_scheduler *scheduler = breaking_scheduler("line_task_max: 8\nmaximum_task_info_storage: 100\n");
    int round, at;
    for (round = 0; round < 50; round++) {
        blocked its[8];
        for (at = 0; at < 8; at++) {
            its[at].block = block_in_poll;
            its[at].entered = its[at].gave = 0;
            submit(scheduler, NULL, run_blocked, &its[at], NULL, TS_INTERRUPT_BLOCKING);
        }
        /* Some may not have started, and never do. */
        until(&its[round % 8].entered);
        GIVES(TS_OK, ts_shutdown(scheduler, true));
        for (at = 0; at < 8; at++)
            CHECK(its[at].gave == (its[at].entered ? EINTR : 0));
    }
    ts_scheduler_free(scheduler);
}

/* A task that has not come as far as its function is found later. */
static void a_stop_before_the_function_ends_its_call(void)
{
    ts_scheduler *scheduler = breaking_scheduler("");
    int at, ran = 0;
    alarm(BATCH_SECONDS);
    for (at = 0; at < TIMES || ran == 0; at++) {
        blocked its = { block_in_poll, 0, 0 };
        ts_task_id id = submit(scheduler, NULL, run_blocked, &its, NULL, TS_INTERRUPT_BLOCKING);
        while (state_of(scheduler, id) == TS_PENDING)
            ;
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        CHECK(ended(scheduler, id) == TS_CANCELLED);
        ran += its.entered;
    }
    ts_scheduler_free(scheduler);
}

/* Without the flag ------------------------------------------------------------- */

typedef struct {
    sigset_t mask;
    atomic_int entered;
    int gave;
} plain;

static int32_t run_plain(ts_token *token, void *user_data)
{
    plain *its = user_data;
    struct pollfd wanted = { 0, POLLIN, 0 };
    (void)token;
    wanted.fd = pipe_ends[0];
    pthread_sigmask(SIG_SETMASK, NULL, &its->mask);
    its->entered = 1;
    its->gave = poll(&wanted, 1, 100) >= 0 ? 0 : errno;
    return 0;
}

static int blocks_all(const sigset_t *mask)
{
    int number, all = 1;
    for (number = 1; number <= SIGRTMAX; number++)
        /* Two are the C library's own, and two are never blocked. */
        if (number != SIGKILL && number != SIGSTOP && (number < 32 || number >= SIGRTMIN))
            all = all && sigismember(mask, number) == 1;
    return all;
}

static void without_the_flag_nothing_is_broken(void)
{
    ts_scheduler *scheduler = breaking_scheduler("");
    plain its;
    ts_task_id id;
    memset(&its, 0, sizeof its);
    id = submit(scheduler, "a", run_plain, &its, NULL, 0);
    until(&its.entered);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(its.gave == 0 && blocks_all(&its.mask));
    /* Nor with it, when no signal is to be used. */
    GIVES(TS_OK, ts_update_config(scheduler, "interrupt_signal", "0"));
    memset(&its, 0, sizeof its);
    id = submit(scheduler, "a", run_plain, &its, NULL, TS_INTERRUPT_BLOCKING);
    until(&its.entered);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(its.gave == 0 && blocks_all(&its.mask));
    ts_scheduler_free(scheduler);
}

/* The next task ---------------------------------------------------------------- */

static atomic_int unexpected, unmasked, looked;

/* Counts what should not be there, on the thread where a stopped task was. */
static int32_t run_sensitive(ts_token *token, void *user_data)
{
    struct timespec time = { 0, 50000 };
    sigset_t mask, pending;
    (void)token;
    (void)user_data;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (!blocks_all(&mask))
        unmasked++;
    if (sigpending(&pending) == 0 && sigismember(&pending, OUR_SIGNAL))
        unexpected++;
    if (nanosleep(&time, NULL) != 0)
        unexpected++;
    looked++;
    return 0;
}

static void drop_sensitive(void *user_data)
{
    run_sensitive(NULL, user_data);
}

static void on_end_sensitive(const ts_completion *end, void *user_data)
{
    (void)end;
    run_sensitive(NULL, user_data);
}

/* Returns by itself at about the moment at which it is stopped, and may have
 * blocked the signal meanwhile. */
static int32_t run_brief(ts_token *token, void *user_data)
{
    atomic_int *its = user_data;
    unsigned spin = (unsigned)*its * 7919u % 3000u, at;
    sigset_t all;
    *its = -1;
    if (spin % 4 == 0) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, NULL);
    }
    for (at = 0; at < spin && !(spin % 8 == 1 && ts_should_stop(token)); at++)
        ;
    return 0;
}

/* One that stays until it is stopped must not be hit by what was for the last. */
static atomic_int early;

static int32_t run_flagged_next(ts_token *token, void *user_data)
{
    struct timespec time = { 0, 50000 };
    (void)user_data;
    if (nanosleep(&time, NULL) != 0 && !ts_should_stop(token))
        early++;
    looked++;
    return 0;
}

static void the_next_task_is_never_hit(void)
{
    ts_scheduler *scheduler = breaking_scheduler("line_task_max: 1\n");
    int at;
    unexpected = unmasked = looked = early = 0;
    alarm(50);
    for (at = 1; at <= 3 * TIMES; at++) {
        atomic_int spin;
        ts_task_options options = options_of("a", run_brief, NULL, drop_sensitive, TS_INTERRUPT_BLOCKING);
        ts_task_id first, next, last;
        spin = at;
        options.user_data = &spin;
        options.on_end = on_end_sensitive;
        MUST(ts_submit(scheduler, &options, &first));
        next = submit(scheduler, "a", run_flagged_next, NULL, NULL, TS_INTERRUPT_BLOCKING);
        last = submit(scheduler, "a", run_sensitive, NULL, NULL, 0);
        while (spin != -1)
            ;
        ts_force_stop(scheduler, first);
        ended(scheduler, first);
        CHECK(ended(scheduler, next) == TS_COMPLETED);
        CHECK(ended(scheduler, last) == TS_COMPLETED);
    }
    CHECK(unexpected == 0);
    CHECK(unmasked == 0);
    CHECK(early == 0);
    CHECK(looked == 4 * 3 * TIMES);
    ts_scheduler_free(scheduler);
}

/* Tasks with and without the flag on some threads, stopped from some others. */
static struct {
    ts_scheduler *scheduler;
    atomic_int stops;
} crowd;

static void *stop_some(void *name)
{
    int at;
    for (at = 0; at < TIMES / 2; at++) {
        blocked its = { block_in_poll, 0, 0 };
        ts_task_id id = submit(crowd.scheduler, name, run_blocked, &its, drop_count, TS_INTERRUPT_BLOCKING);
        ts_task_id next = submit(crowd.scheduler, name, run_sensitive, NULL, NULL, 0);
        until(&its.entered);
        GIVES(TS_OK, ts_force_stop(crowd.scheduler, id));
        CHECK(ended(crowd.scheduler, id) == TS_CANCELLED);
        CHECK(ended(crowd.scheduler, next) == TS_COMPLETED);
        crowd.stops++;
    }
    return NULL;
}

static void no_task_of_a_crowd_is_hit(void)
{
    static char names[][2] = { "a", "b", "c" };
    pthread_t stoppers[3];
    int at;
    unexpected = unmasked = looked = 0;
    crowd.stops = 0;
    crowd.scheduler = breaking_scheduler("line_task_max: 4\nmaximum_task_info_storage: 100000\n");
    for (at = 0; at < 3; at++)
        stoppers[at] = thread(stop_some, names[at]);
    for (at = 0; at < 3; at++)
        pthread_join(stoppers[at], NULL);
    CHECK(unexpected == 0);
    CHECK(unmasked == 0);
    CHECK(crowd.stops == 3 * (TIMES / 2) && looked == 3 * (TIMES / 2));
    ts_scheduler_free(crowd.scheduler);
}

/* A task that blocks the signal is not broken. */
static int32_t run_deaf_to_signals(ts_token *token, void *user_data)
{
    blocked *its = user_data;
    sigset_t all, pending;
    siginfo_t info;
    struct timespec none = { 0, 0 };
    int found = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    its->entered = 1;
    while (!ts_should_stop(token) || sigpending(&pending) != 0 || !sigismember(&pending, OUR_SIGNAL))
        ;
    sigemptyset(&all);
    sigaddset(&all, OUR_SIGNAL);
    while (sigtimedwait(&all, &info, &none) == OUR_SIGNAL)
        found++;
    its->gave = found;
    return 0;
}

static void a_task_may_block_the_signal(void)
{
    ts_scheduler *scheduler = breaking_scheduler("");
    blocked its = { NULL, 0, 0 };
    ts_task_id id = submit(scheduler, "a", run_deaf_to_signals, &its, NULL, TS_INTERRUPT_BLOCKING);
    until(&its.entered);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(its.gave >= 1);
    /* Though those never came to the handler, the next task is broken. */
    stop_many(scheduler, block_in_read, 20);
    ts_scheduler_free(scheduler);
}

/* Pumps ------------------------------------------------------------------------- */

static void *stop_when_entered(void *user_data)
{
    blocked *its = user_data;
    until(&its->entered);
    GIVES(TS_OK, ts_force_stop(crowd.scheduler, *(ts_task_id *)(its + 1)));
    return NULL;
}

static void a_pump_breaks_calls_and_leaves_the_mask(void)
{
    struct {
        blocked its;
        ts_task_id id;
    } both;
    ts_pump_options options = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = NULL;
    sigset_t before, after, ours;
    int at, number;
    sigemptyset(&ours);
    sigaddset(&ours, OUR_SIGNAL);
    sigaddset(&ours, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &ours, NULL);
    crowd.scheduler = breaking_scheduler("");
    MUST(ts_pump_new(crowd.scheduler, &options, &pump));
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    for (at = 0; at < 200; at++) {
        pthread_t stopper;
        ts_task_options task;
        size_t ran = 0;
        both.its.block = block_in_poll;
        both.its.entered = both.its.gave = 0;
        task = options_of("a", run_blocked, &both.its, NULL, TS_INTERRUPT_BLOCKING);
        task.runner = TS_PUMP;
        task.pump = pump;
        MUST(ts_submit(crowd.scheduler, &task, &both.id));
        stopper = thread(stop_when_entered, &both);
        GIVES(TS_OK, ts_pump_run(pump, 0, 0, &ran));
        CHECK(ran == 1 && both.its.gave == EINTR);
        pthread_join(stopper, NULL);
        pthread_sigmask(SIG_SETMASK, NULL, &after);
        for (number = 1; number <= SIGRTMAX; number++)
            CHECK(sigismember(&before, number) == sigismember(&after, number));
    }
    ts_pump_free(pump);
    ts_scheduler_free(crowd.scheduler);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

static const check_test tests[] = {
    TEST(a_sleep_ends),
    TEST(a_nanosleep_ends),
    TEST(a_read_of_a_pipe_ends),
    TEST(an_accept_ends),
    TEST(a_poll_ends),
    TEST(a_flock_ends),
    TEST(a_sem_wait_ends),
    TEST(a_waitpid_ends),
    TEST(a_timeout_ends_the_call),
    TEST(a_forced_shutdown_ends_the_calls),
    TEST(a_stop_before_the_function_ends_its_call),
    TEST(without_the_flag_nothing_is_broken),
    TEST(the_next_task_is_never_hit),
    TEST(no_task_of_a_crowd_is_hit),
    TEST(a_task_may_block_the_signal),
    TEST(a_pump_breaks_calls_and_leaves_the_mask),
};

int main(int argc, char **argv)
{
    if (make_what_blocks() != 0)
        return 2;
    return check_all(tests, sizeof tests / sizeof *tests, argc, argv);
}
