/* Every function of the header leaves errno as it was, and the mask of signals;
 * and arithmetic, however odd: here it rounds up, traps what is inexact, and has
 * an exception flagged. */
#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#ifdef __x86_64__
enum { PLAIN = 0x1f80, ODD = 0x4f82 };
static void set_arithmetic(unsigned int how)
{
    _mm_setcsr(how);
}
static unsigned int arithmetic(void)
{
    return _mm_getcsr();
}
#else
enum { PLAIN = 0, ODD = 0 };
static void set_arithmetic(unsigned int how)
{
    (void)how;
}
static unsigned int arithmetic(void)
{
    return 0;
}
#endif

static _Thread_local sigset_t mask_before;

static void make_odd(void)
{
    pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    errno = 77;
    set_arithmetic(ODD);
}

static void check_odd(int line, const char *call)
{
    unsigned int now = arithmetic();
    int number = errno;
    sigset_t mask_now;
    int at;
    set_arithmetic(PLAIN);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_now);
    if (number != 77)
        check_failed(__FILE__, line, call, " changes errno");
    if (now != ODD)
        check_failed(__FILE__, line, call, " changes MXCSR");
    for (at = 1; at < 65; at++)
        if (sigismember(&mask_before, at) != sigismember(&mask_now, at))
            check_failed(__FILE__, line, call, " changes the mask");
}

/* The call gives this, and keeps all else. */
#define KEEPS(wanted, call)                                                    \
    do {                                                                       \
        ts_error gave_;                                                        \
        make_odd();                                                            \
        gave_ = (call);                                                        \
        check_odd(__LINE__, #call);                                            \
        check_error(__FILE__, __LINE__, #call, gave_, wanted);                 \
    } while (0)

/* The same of a call that gives no error. */
#define DOES(call)                                                             \
    do {                                                                       \
        make_odd();                                                            \
        (call);                                                                \
        check_odd(__LINE__, #call);                                            \
    } while (0)

static ts_scheduler *scheduler;
static int ready_fds[2];
static ts_task_id other;

static int32_t run_inside(ts_token *token, void *user_data)
{
    volatile bool stops;
    (void)user_data;
    DOES(stops = ts_should_stop(token));
    DOES(stops = ts_should_stop(NULL));
    KEEPS(TS_OK, ts_interruptible_sleep(token, 0.00123));
    KEEPS(TS_OK, ts_set_result(NULL, &ready_fds, sizeof ready_fds, NULL));
    KEEPS(TS_OK, ts_set_error(NULL, "words"));
    KEEPS(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(scheduler, true));
    (void)stops;
    return 0;
}

static ts_poll poll_inside(ts_token *token, void *user_data)
{
    static ts_waker *waker;
    int *polls = user_data;
    uint32_t ready = 0;
    switch ((*polls)++) {
    case 0:
        KEEPS(TS_NOT_YET, ts_async_sleep(token, 1000.1));
        KEEPS(TS_OK, ts_async_sleep_cancel(token));
        KEEPS(TS_NOT_YET, ts_async_sleep(token, 0.00123));
        return TS_POLL_PENDING;
    case 1:
        KEEPS(TS_NOT_YET, ts_async_wait_fd(token, ready_fds[0], TS_READABLE, &ready));
        KEEPS(TS_OK, ts_async_wait_task(token, other));
        KEEPS(TS_OK, ts_waker_clone(token, &waker));
        KEEPS(TS_OK, ts_waker_wake(waker));
        DOES(ts_waker_free(waker));
        return TS_POLL_PENDING;
    default:
        return TS_POLL_READY;
    }
}

static void log_nothing(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
}

static void use_everything(void)
{
    ts_scheduler_options made = TS_SCHEDULER_OPTIONS_INIT;
    ts_lane_options wanted = TS_LANE_OPTIONS_INIT;
    ts_task_options options = options_of("b", run_nothing, NULL, NULL, TS_KEEP | TS_TIMEOUT_PROCESSING);
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_shutdown_report report = TS_SHUTDOWN_REPORT_INIT;
    ts_value value = { NULL, 0, NULL };
    ts_completion end;
    ts_completions *queue;
    ts_scheduler *second;
    ts_claim claims[2], next;
    ts_state state;
    ts_lane *lane, *async_lane;
    ts_pump *pump;
    ts_task_id id, ids[2];
    size_t number;
    const char *volatile words;
    char *text, written[37];
    int fd, polls = 0;
    options.timeout_seconds = 99.9;
    CHECK(pipe(ready_fds) == 0);
    KEEPS(TS_OK, ts_scheduler_new("stuck_grace: 0.3", &scheduler));
    made.thread_stack_size = 100000;
    KEEPS(TS_OK, ts_scheduler_new_with(&made, &second));
    DOES(words = ts_error_name(TS_ERROR_BANNED));
    DOES(words = ts_last_error_message());
    DOES(words = ts_version());
    KEEPS(TS_OK, ts_add_task(scheduler, true, "a", run_inside, NULL, NULL, &id));
    KEEPS(TS_OK, ts_wait(scheduler, id, 1000.1, &status));
    KEEPS(TS_OK, ts_get_task_result(scheduler, id, &value));
    DOES(ts_value_free(&value));
    KEEPS(TS_OK, ts_get_task_state(scheduler, id, &state));
    KEEPS(TS_OK, ts_get_task_status(scheduler, id, &status));
    KEEPS(TS_ERROR_ALREADY_FINISHED, ts_force_stop(scheduler, id));
    other = id;
    KEEPS(TS_OK, ts_add_async_task(scheduler, true, "a", poll_inside, &polls, NULL, &id));
    KEEPS(TS_OK, ts_wait(scheduler, id, TS_FOREVER, &status));
    CHECK(polls == 3);
    KEEPS(TS_OK, ts_submit(scheduler, &options, &id));
    KEEPS(TS_OK, ts_wait(scheduler, id, TS_FOREVER, NULL));
    KEEPS(TS_OK, ts_task_forget(scheduler, id));
    KEEPS(TS_ERROR_NOT_FOUND, ts_wait(scheduler, id, 0, NULL));
    KEEPS(TS_OK, ts_interruptible_sleep(NULL, 0.00123));
    KEEPS(TS_OK, ts_ban_task_name(scheduler, TS_LINEAR, "banned"));
    KEEPS(TS_OK, ts_allow_task_name(scheduler, TS_LINEAR, "banned"));
    KEEPS(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "a", &number));
    KEEPS(TS_OK, ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &number));
    KEEPS(TS_OK, ts_get_all_queue_info(scheduler, TS_LINEAR, true, &text));
    DOES(ts_string_free(text));
    DOES(ts_task_id_format(other, written));
    KEEPS(TS_OK, ts_task_id_parse(written, &id));
    wanted.name = "lane";
    KEEPS(TS_OK, ts_lane_new(scheduler, &wanted, &lane));
    wanted.kind = TS_ASYNC;
    KEEPS(TS_OK, ts_lane_new(scheduler, &wanted, &async_lane));
    KEEPS(TS_OK, ts_lane_add_task(lane, true, run_nothing, NULL, NULL, &id));
    KEEPS(TS_OK, ts_wait(scheduler, id, TS_FOREVER, NULL));
    polls = 2;
    KEEPS(TS_OK, ts_lane_add_async_task(async_lane, true, poll_inside, &polls, NULL, &id));
    KEEPS(TS_OK, ts_wait(scheduler, id, TS_FOREVER, NULL));
    DOES(ts_lane_free(lane));
    DOES(ts_lane_free(async_lane));
    KEEPS(TS_OK, ts_completions_new(scheduler, &queue));
    KEEPS(TS_OK, ts_completions_fd(queue, &fd));
    KEEPS(TS_OK, ts_pump_new(scheduler, NULL, &pump));
    KEEPS(TS_OK, ts_pump_fd(pump, &fd));
    options.completions = queue;
    options.pump = pump;
    KEEPS(TS_OK, ts_submit(scheduler, &options, &id));
    KEEPS(TS_OK, ts_pump_run(pump, 0, 1.1, &number));
    KEEPS(TS_OK, ts_completions_take(queue, &end, 1, 1.1, &number));
    KEEPS(TS_NOT_YET, ts_completions_take(queue, &end, 1, 0, &number));
    DOES(ts_pump_free(pump));
    options.completions = NULL;
    options.pump = NULL;
    options.runner = TS_CLAIMS;
    KEEPS(TS_OK, ts_claims_fd(scheduler, &fd));
    KEEPS(TS_OK, ts_claim_submit(scheduler, &options, &next, &id));
    KEEPS(TS_OK, ts_claim_start(scheduler, &next));
    KEEPS(TS_OK, ts_claim_finish(scheduler, &next, 1, NULL, "words", &next));
    options.name = NULL;
    KEEPS(TS_OK, ts_claims_submit(scheduler, &options, 1, claims, ids, &number));
    KEEPS(TS_OK, ts_claims_finish(scheduler, claims, NULL, 1, claims + 1, &number));
    KEEPS(TS_ERROR_TIMED_OUT, ts_claims_take(scheduler, claims, 1, 0.00123, &number));
    KEEPS(TS_OK, ts_scheduler_set_runner(scheduler, TS_CLAIMS, NULL));
    wanted.name = "claimed";
    wanted.kind = TS_LINEAR;
    KEEPS(TS_OK, ts_lane_new(scheduler, &wanted, &lane));
    KEEPS(TS_OK, ts_lane_claim_task(lane, true, NULL, NULL, NULL, &next, &id));
    KEEPS(TS_OK, ts_claim_end(scheduler, &next, 0, NULL, NULL, &state, NULL));
    DOES(ts_lane_free(lane));
    DOES(ts_completions_free(queue));
    KEEPS(TS_OK, ts_update_config(scheduler, "stuck_grace", "1.23456789"));
    KEEPS(TS_ERROR_CONFIG, ts_update_config(scheduler, "stuck_grace", "1e300"));
    KEEPS(TS_ERROR_CONFIG, ts_load_config(scheduler, "/nowhere/at/all"));
    KEEPS(TS_OK, ts_get_config(scheduler, "stuck_grace", &text));
    DOES(ts_string_free(text));
    KEEPS(TS_OK, ts_shutdown(scheduler, true));
    KEEPS(TS_OK, ts_shutdown_within(scheduler, false, 1.1, &report));
    DOES(ts_scheduler_free(second));
    DOES(ts_scheduler_free(scheduler));
    (void)words;
}

static void every_call_keeps_errno_masks_and_arithmetic(void)
{
    use_everything();
    /* And with all that is said of it. */
    KEEPS(TS_OK, ts_set_log_callback(log_nothing, NULL, NULL));
    use_everything();
    KEEPS(TS_OK, ts_set_log_callback(NULL, NULL, NULL));
}

static const check_test tests[] = { TEST(every_call_keeps_errno_masks_and_arithmetic) };

CHECK_ALL(tests)
