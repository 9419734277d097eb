/* What the library leaves alone in its host's process: what signals do, errno,
 * masks of signals, and how arithmetic rounds, traps and flags. */
#define _GNU_SOURCE
#include "check.h"

#include "blocking.h"

#include <fenv.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

enum { SIGNALS = 64 };

/* Signals ----------------------------------------------------------------------- */

static void look_at(struct sigaction all[SIGNALS + 1])
{
    int number;
    memset(all, 0, (SIGNALS + 1) * sizeof *all);
    for (number = 1; number <= SIGNALS; number++)
        sigaction(number, NULL, &all[number]);
}

/* How many are not as they were, but for one. */
static int differ(const struct sigaction before[SIGNALS + 1], int but_for)
{
    struct sigaction now[SIGNALS + 1];
    int number, found = 0, bit;
    look_at(now);
    for (number = 1; number <= SIGNALS; number++) {
        int same = before[number].sa_sigaction == now[number].sa_sigaction
                   && before[number].sa_flags == now[number].sa_flags;
        for (bit = 1; bit <= SIGNALS; bit++)
            same = same && sigismember(&before[number].sa_mask, bit) == sigismember(&now[number].sa_mask, bit);
        found += !same && number != but_for;
    }
    return found;
}

typedef struct {
    int (*block)(void);
    atomic_int entered, gave;
} blocked;

static int32_t run_blocked(ts_token *token, void *user_data)
{
    blocked *its = user_data;
    its->entered = 1;
    do
        its->gave = its->block();
    while (its->gave == EINTR && !ts_should_stop(token));
    return 0;
}

static void until(const atomic_int *flag, int value)
{
    while (*flag != value)
        sched_yield();
}

/* What a stopped task's call gave. */
static int stop_in(ts_scheduler *scheduler, int (*block)(void))
{
    blocked its = { block, 0, 0 };
    ts_task_id id = submit(scheduler, "a", run_blocked, &its, NULL, TS_INTERRUPT_BLOCKING);
    until(&its.entered, 1);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    return its.gave;
}

static ts_poll poll_once(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static int32_t until_told(ts_token *token, void *user_data)
{
    (void)user_data;
    return ts_interruptible_sleep(token, 60) == TS_STOPPED;
}

/* Some of everything. */
static void use(ts_scheduler *scheduler)
{
    ts_task_options timed = options_of("b", until_told, NULL, NULL, TS_TIMEOUT_PROCESSING);
    ts_pump *pump = NULL;
    ts_task_id id;
    char *text = NULL;
    CHECK(ended(scheduler, add(scheduler, "a", run_nothing, NULL, NULL)) == TS_COMPLETED);
    MUST(ts_add_async_task(scheduler, true, "a", poll_once, NULL, NULL, &id));
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    timed.timeout_seconds = 0.011;
    MUST(ts_submit(scheduler, &timed, &id));
    CHECK(ended(scheduler, id) == TS_TIMEOUT);
    MUST(ts_pump_new(scheduler, NULL, &pump));
    timed.name = NULL;
    timed.pump = pump;
    MUST(ts_submit(scheduler, &timed, &id));
    GIVES(TS_OK, ts_pump_run(pump, 0, 0.333, NULL));
    CHECK(ended(scheduler, id) == TS_TIMEOUT);
    ts_pump_free(pump);
    GIVES(TS_OK, ts_get_all_queue_info(scheduler, TS_LINEAR, true, &text));
    ts_string_free(text);
    id = add(scheduler, "a", until_told, NULL, NULL);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    GIVES(TS_OK, ts_wait(scheduler, id, TS_FOREVER, NULL));
    GIVES(TS_OK, ts_wait(scheduler, id, 0.1234567, NULL));
    GIVES(TS_OK, ts_interruptible_sleep(NULL, 0.00123));
    GIVES(TS_OK, ts_update_config(scheduler, "stuck_grace", "12.3456789"));
    GIVES(TS_ERROR_CONFIG, ts_update_config(scheduler, "stuck_grace", "1e300"));
    GIVES(TS_ERROR_CONFIG, ts_update_config(scheduler, "line_task_max", "0.1"));
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_wait(scheduler, id, -1e-3, NULL));
    GIVES(TS_ERROR_NOT_FOUND, ts_wait(scheduler, (ts_task_id){ { 1 } }, TS_FOREVER, NULL));
}

static void only_one_signal_is_taken_and_only_when_it_is_needed(void)
{
    struct sigaction before[SIGNALS + 1], now;
    ts_scheduler *scheduler;
    look_at(before);
    scheduler = scheduler_with(NULL);
    use(scheduler);
    GIVES(TS_OK, ts_shutdown(scheduler, true));
    CHECK(differ(before, 0) == 0);
    /* Nor for a task that might have been broken. */
    CHECK(ended(scheduler, submit(scheduler, "a", run_nothing, NULL, NULL, TS_INTERRUPT_BLOCKING))
          == TS_COMPLETED);
    CHECK(differ(before, 0) == 0);
    CHECK(stop_in(scheduler, block_in_read) == EINTR);
    CHECK(differ(before, 50) == 0);
    sigaction(50, NULL, &now);
    CHECK((now.sa_flags & (SA_SIGINFO | SA_ONSTACK | SA_RESTART)) == (SA_SIGINFO | SA_ONSTACK));
    ts_scheduler_free(scheduler);
    CHECK(differ(before, 50) == 0);
}

static atomic_int heard, value_heard;

static void hear_info(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    value_heard = info->si_value.sival_int;
    heard++;
}

static void hear(int number)
{
    (void)number;
    heard++;
}

static void handle_with(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    CHECK(sigaction(number, &action, NULL) == 0);
}

static ts_scheduler *scheduler_using(int number)
{
    char yaml[64];
    snprintf(yaml, sizeof yaml, "interrupt_signal: %d\n", number);
    return scheduler_with(yaml);
}

static void a_handler_that_was_there_before_is_still_called(void)
{
    ts_scheduler *scheduler = scheduler_using(51);
    struct sigaction action;
    union sigval value;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = hear_info;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(51, &action, NULL) == 0);
    heard = 0;
    CHECK(stop_in(scheduler, block_in_poll) == EINTR);
    CHECK(heard == 0);
    value.sival_int = 4711;
    CHECK(sigqueue(getpid(), 51, value) == 0);
    CHECK(heard == 1 && value_heard == 4711);
    CHECK(raise(51) == 0);
    CHECK(heard == 2);
    /* One that takes the number alone; a change of the signal takes effect. */
    handle_with(52, hear);
    GIVES(TS_OK, ts_update_config(scheduler, "interrupt_signal", "52"));
    CHECK(stop_in(scheduler, block_in_poll) == EINTR);
    CHECK(heard == 2);
    CHECK(raise(52) == 0);
    CHECK(heard == 3);
    ts_scheduler_free(scheduler);
}

static void what_the_system_does_with_a_signal_is_still_done(void)
{
    ts_scheduler *scheduler = scheduler_using(53);
    int status = 0;
    pid_t victim;
    handle_with(53, SIG_IGN);
    CHECK(stop_in(scheduler, block_in_poll) == EINTR);
    CHECK(raise(53) == 0);
    GIVES(TS_OK, ts_update_config(scheduler, "interrupt_signal", "54"));
    CHECK(stop_in(scheduler, block_in_poll) == EINTR);
    victim = fork();
    if (victim == 0) {
        raise(54);
        _exit(0);
    }
    CHECK(waitpid(victim, &status, 0) == victim);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == 54);
    ts_scheduler_free(scheduler);
}

static int poll_a_little(void)
{
    struct timespec time = { 0, 2000000 };
    return nanosleep(&time, NULL) == 0 ? EINTR : -1;
}

static atomic_int taken_away;

static void listen_for_it(ts_log_level level, const char *text, void *user_data)
{
    (void)user_data;
    if (level == TS_LOG_WARNING && strstr(text, "its handler was taken away") != NULL)
        taken_away++;
}

static void a_handler_that_is_installed_later_has_the_last_word(void)
{
    ts_scheduler *scheduler = scheduler_using(55);
    CHECK(stop_in(scheduler, block_in_poll) == EINTR);
    heard = 0;
    handle_with(55, hear);
    CHECK(stop_in(scheduler, block_in_poll) == EINTR);
    CHECK(heard > 0);
    /* The default would end the process: nothing is sent. */
    GIVES(TS_OK, ts_set_log_callback(listen_for_it, NULL, NULL));
    handle_with(55, SIG_DFL);
    CHECK(stop_in(scheduler, poll_a_little) == EINTR);
    CHECK(taken_away == 1);
    handle_with(55, SIG_IGN);
    CHECK(stop_in(scheduler, poll_a_little) == EINTR);
    CHECK(taken_away == 2);
    GIVES(TS_OK, ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

static void signals_that_may_be_somebodys_are_refused(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    char text[16], *now = NULL;
    int number;
    for (number = -1; number <= 200; number++) {
        int good = number == 0 || (number >= SIGRTMIN && number <= SIGRTMAX);
        snprintf(text, sizeof text, "%d", number);
        GIVES(good ? TS_OK : TS_ERROR_CONFIG, ts_update_config(scheduler, "interrupt_signal", text));
        if (!good) {
            CHECK(strstr(ts_last_error_message(), "interrupt_signal") != NULL);
            CHECK(strstr(ts_last_error_message(), "SIGRTMIN to SIGRTMAX") != NULL);
        }
    }
    GIVES(TS_ERROR_CONFIG, ts_update_config(scheduler, "interrupt_signal", "50.5"));
    GIVES(TS_ERROR_CONFIG, ts_update_config(scheduler, "interrupt_signal", "SIGURG"));
    GIVES(TS_OK, ts_get_config(scheduler, "interrupt_signal", &now));
    snprintf(text, sizeof text, "%d", SIGRTMAX);
    CHECK(now != NULL && strcmp(now, text) == 0);
    ts_string_free(now);
    ts_scheduler_free(scheduler);
}

/* errno --------------------------------------------------------------------------- */

#define KEEPS(call)         \
    do {                    \
        errno = 77;         \
        (void)(call);       \
        CHECK(errno == 77); \
    } while (0)

static void errno_is_kept(void)
{
    ts_scheduler *scheduler = NULL;
    ts_task_id id = { { 0 } };
    ts_task_options options = options_of("a", run_nothing, NULL, NULL, 0);
    size_t found;
    char *text = NULL;
    KEEPS(ts_scheduler_new("line_task_max: 2", &scheduler));
    KEEPS(ts_scheduler_new("line_task_max: many", &scheduler));
    KEEPS(ts_load_config(NULL, "/nowhere/at/all"));
    KEEPS(ts_scheduler_new(NULL, &scheduler));
    KEEPS(ts_submit(scheduler, &options, &id));
    KEEPS(ts_wait(scheduler, id, TS_FOREVER, NULL));
    KEEPS(ts_wait(scheduler, id, -1, NULL));
    KEEPS(ts_add_async_task(scheduler, true, "a", poll_once, NULL, NULL, &id));
    KEEPS(ts_wait(scheduler, id, 5, NULL));
    KEEPS(ts_interruptible_sleep(NULL, 0.001));
    KEEPS(stop_in(scheduler, block_in_poll));
    KEEPS(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &found));
    KEEPS(ts_get_all_queue_info(scheduler, TS_LINEAR, true, &text));
    KEEPS(ts_string_free(text));
    KEEPS(ts_shutdown(scheduler, true));
    KEEPS(ts_scheduler_free(scheduler));
}

/* Arithmetic ------------------------------------------------------------------------ */

#ifdef __x86_64__

typedef struct {
    unsigned sse;
    unsigned short x87, x87_flags;
} arithmetic;

static arithmetic arithmetic_now(void)
{
    arithmetic now;
    now.sse = _mm_getcsr();
    __asm__ volatile("fnstcw %0" : "=m"(now.x87));
    __asm__ volatile("fnstsw %0" : "=m"(now.x87_flags));
    now.x87_flags &= 0x3f;
    return now;
}

/* But for flags. */
static int is_plain(arithmetic now)
{
    return (now.sse & ~0x3fu) == 0x1f80 && now.x87 == 0x37f;
}

static void calls_leave_arithmetic_alone(void)
{
    static const int roundings[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    int at;
    for (at = 0; at < 12; at++) {
        arithmetic before, after;
        fesetenv(FE_DFL_ENV);
        fesetround(roundings[at % 4]);
        if (at % 3 == 1)
            feraiseexcept(FE_DIVBYZERO | FE_INEXACT);
        /* Nothing of ours may be trapped, either. */
        if (at % 3 == 2)
            feenableexcept(FE_ALL_EXCEPT);
        if (at % 2 == 1)
            _mm_setcsr(_mm_getcsr() | 0x8040); /* small numbers are zero */
        before = arithmetic_now();
        use(scheduler);
        after = arithmetic_now();
        CHECK(after.sse == before.sse);
        CHECK(after.x87 == before.x87);
        CHECK(after.x87_flags == before.x87_flags);
    }
    fesetenv(FE_DFL_ENV);
    ts_scheduler_free(scheduler);
}

static volatile double one = 1.0, three = 3.0;
static volatile long double third;

static void spoil(int how)
{
    switch (how % 6) {
    case 0:
        fesetround(FE_DOWNWARD);
        break;
    case 1:
        feraiseexcept(FE_ALL_EXCEPT);
        break;
    case 2:
        feenableexcept(FE_DIVBYZERO | FE_INVALID);
        break;
    case 3:
        one = one / three * three;
        break;
    case 4:
        _mm_setcsr(_mm_getcsr() | 0x8040);
        break;
    default: {
        unsigned short word = 0x27f; /* long double has the precision of double */
        __asm__ volatile("fldcw %0" : : "m"(word));
    }
    }
}

static atomic_int spoilt, not_plain;

static int32_t run_spoil(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    not_plain += !is_plain(arithmetic_now());
    spoil(spoilt++);
    return 0;
}

static ts_poll poll_spoil(ts_token *token, void *user_data)
{
    run_spoil(token, user_data);
    return TS_POLL_READY;
}

static atomic_int flagged;

static int32_t run_third(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    third = (long double)one / three;
    one = one / three * three;
    return 0;
}

static int32_t run_look(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    flagged = arithmetic_now().x87_flags != 0 || arithmetic_now().sse != 0x1f80;
    return 0;
}

static void drop_spoil(void *user_data)
{
    (void)user_data;
    not_plain += !is_plain(arithmetic_now());
}

static void arithmetic_is_not_left_to_the_next_task(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0\nmaximum_queue_async: 0\n"
                                             "maximum_task_info_storage: 1000");
    ts_pump *pump = NULL;
    ts_task_options pumped = options_of("b", run_spoil, NULL, drop_spoil, TS_INTERRUPT_BLOCKING);
    ts_task_id linear, async;
    int at;
    spoilt = not_plain = 0;
    /* A thread inherits what the one that makes it has. */
    fesetround(FE_UPWARD);
    feraiseexcept(FE_ALL_EXCEPT);
    for (at = 0; at < 60; at++) {
        ts_task_options timed = options_of("a", run_spoil, NULL, drop_spoil, TS_TIMEOUT_PROCESSING);
        timed.timeout_seconds = 12.345678901234;
        MUST(ts_submit(scheduler, &timed, &linear));
        MUST(ts_add_async_task(scheduler, at % 2, "a", poll_spoil, NULL, drop_spoil, &async));
    }
    CHECK(ended(scheduler, linear) == TS_COMPLETED);
    CHECK(ended(scheduler, async) == TS_COMPLETED);
    GIVES(TS_OK, ts_shutdown(scheduler, false));
    CHECK(spoilt == 120);
    /* Flags are there until the thread sleeps. */
    add(scheduler, "a", run_third, NULL, NULL);
    for (flagged = 1; flagged;) {
        usleep(1000);
        ended(scheduler, add(scheduler, "a", run_look, NULL, NULL));
    }
    fesetenv(FE_DFL_ENV);
    MUST(ts_pump_new(scheduler, NULL, &pump));
    pumped.pump = pump;
    for (at = 0; at < 10; at++) /* the last one only raises a flag */
        MUST(ts_submit(scheduler, &pumped, &linear));
    GIVES(TS_OK, ts_pump_run(pump, 0, 3.21, NULL));
    CHECK(is_plain(arithmetic_now()) && arithmetic_now().sse == 0x1f80 && arithmetic_now().x87_flags == 0);
    CHECK(spoilt == 130);
    CHECK(not_plain == 0);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

#endif

/* Masks ------------------------------------------------------------------------------- */

static int32_t unblock(ts_token *token, void *user_data)
{
    sigset_t one_signal;
    (void)token;
    (void)user_data;
    sigemptyset(&one_signal);
    sigaddset(&one_signal, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &one_signal, NULL);
    return 0;
}

static int32_t is_unblocked(ts_token *token, void *user_data)
{
    sigset_t mask;
    (void)token;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    *(atomic_int *)user_data = !sigismember(&mask, SIGUSR1);
    return 0;
}

static void a_mask_is_put_back(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1");
    atomic_int left = 1;
    /* With the flag, before the next task. */
    submit(scheduler, "a", unblock, NULL, NULL, TS_INTERRUPT_BLOCKING);
    ended(scheduler, submit(scheduler, "a", is_unblocked, &left, NULL, 0));
    CHECK(!left);
    /* Without, before the thread sleeps. */
    add(scheduler, "a", unblock, NULL, NULL);
    for (left = 1; left;) {
        usleep(1000);
        ended(scheduler, add(scheduler, "a", is_unblocked, &left, NULL));
    }
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(only_one_signal_is_taken_and_only_when_it_is_needed),
    TEST(a_handler_that_was_there_before_is_still_called),
    TEST(what_the_system_does_with_a_signal_is_still_done),
    TEST(a_handler_that_is_installed_later_has_the_last_word),
    TEST(signals_that_may_be_somebodys_are_refused),
    TEST(errno_is_kept),
#ifdef __x86_64__
    TEST(calls_leave_arithmetic_alone),
    TEST(arithmetic_is_not_left_to_the_next_task),
#endif
    TEST(a_mask_is_put_back),
};

int main(int argc, char **argv)
{
    if (make_what_blocks() != 0)
        return 2;
    return check_all(tests, sizeof tests / sizeof *tests, argc, argv);
}
