/* What must not be done with async tasks, and in their polls: each gets its own
 * error and sentence, and changes nothing. */
#include "async.h"

#include <math.h>

#define SAYS(wanted, words, call)                                                  \
    do {                                                                           \
        GIVES(wanted, call);                                                       \
        if (strcmp(ts_last_error_message(), words) != 0)                           \
            check_failed(__FILE__, __LINE__, #call " says: ", ts_last_error_message()); \
    } while (0)

/* Does something in a poll, which must not be polled again. */
typedef struct {
    void (*act)(ts_token *token, void *more);
    void *more;
    int polls, dropped;
} actor;

static ts_poll poll_actor(ts_token *token, void *user_data)
{
    actor *its = (actor *)user_data;
    its->act(token, its->more);
    count(&its->polls);
    return TS_POLL_READY;
}

static void drop_actor(void *user_data)
{
    count(&((actor *)user_data)->dropped);
}

static void in_a_poll_of(ts_scheduler *scheduler, void (*act)(ts_token *, void *), void *more)
{
    actor its;
    ts_task_id id;
    memset(&its, 0, sizeof its);
    its.act = act;
    its.more = more;
    id = add_async(scheduler, "a", poll_actor, &its, drop_actor);
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    CHECK(its.polls == 1 && its.dropped == 1);
}

static void in_a_poll(void (*act)(ts_token *, void *))
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    in_a_poll_of(scheduler, act, scheduler);
    ts_scheduler_free(scheduler);
}

static void act_sleep(ts_token *token, void *more)
{
    (void)more;
    SAYS(TS_ERROR_INVALID_ARGUMENT, "seconds is not a number; it is 0 to 1e9",
         ts_async_sleep(token, (double)NAN));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "seconds is -1e0; it is 0 to 1e9", ts_async_sleep(token, -1));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "seconds is infinite; it is 0 to 1e9",
         ts_async_sleep(token, TS_FOREVER));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "seconds is 1e300; it is 0 to 1e9",
         ts_async_sleep(token, 1e300));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "token is NULL", ts_async_sleep(NULL, 1));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "token is NULL", ts_async_sleep_cancel(NULL));
    /* The longest that there is. */
    GIVES(TS_NOT_YET, ts_async_sleep(token, 1e9));
    GIVES(TS_OK, ts_async_sleep_cancel(token));
}

static void sleeping_for_no_time_that_there_is(void)
{
    in_a_poll(act_sleep);
}

static void act_descriptors(ts_token *token, void *more)
{
    uint32_t ready = 77;
    int file = open("/proc/self/exe", O_RDONLY), folder = open("/tmp", O_RDONLY), at;
    int regular = fileno(tmpfile());
    char words[160];
    (void)more;
    SAYS(TS_ERROR_INVALID_ARGUMENT, "events is 0x0; it is TS_READABLE (1), TS_WRITABLE (2) or both",
         ts_async_wait_fd(token, 0, 0, &ready));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "events is 0x5; it is TS_READABLE (1), TS_WRITABLE (2) or both",
         ts_async_wait_fd(token, 0, 5, &ready));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "out_ready is NULL", ts_async_wait_fd(token, 0, 1, NULL));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "token is NULL", ts_async_wait_fd(NULL, 0, 1, &ready));
    for (at = -3; at < 0; at++) {
        snprintf(words, sizeof words, "the file descriptor %d is not open", at);
        SAYS(TS_ERROR_INVALID_ARGUMENT, words, ts_async_wait_fd(token, at, 1, &ready));
    }
    SAYS(TS_ERROR_INVALID_ARGUMENT, "the file descriptor 2147483647 is not open",
         ts_async_wait_fd(token, 2147483647, 3, &ready));
    for (at = 0; at < 3; at++) {
        int fd = at == 0 ? file : at == 1 ? folder : regular;
        CHECK(fd >= 0);
        snprintf(words, sizeof words,
                 "the file descriptor %d is of a kind that is always ready, as a regular file is", fd);
        SAYS(TS_ERROR_INVALID_ARGUMENT, words, ts_async_wait_fd(token, fd, TS_READABLE, &ready));
    }
    close(file);
    close(folder);
    snprintf(words, sizeof words, "the file descriptor %d is not open", folder);
    SAYS(TS_ERROR_INVALID_ARGUMENT, words, ts_async_wait_fd(token, folder, TS_READABLE, &ready));
    CHECK(ready == 77);
}

static void descriptors_that_nobody_can_wait_for(void)
{
    in_a_poll(act_descriptors);
}

static void act_same_twice(ts_token *token, void *more)
{
    uint32_t ready;
    int ends[2];
    (void)more;
    if (pipe(ends) != 0)
        exit(1);
    /* By the same task: it is armed once. */
    GIVES(TS_NOT_YET, ts_async_wait_fd(token, ends[0], TS_READABLE, &ready));
    GIVES(TS_NOT_YET, ts_async_wait_fd(token, ends[0], TS_READABLE, &ready));
    CHECK(write(ends[1], "x", 1) == 1);
    GIVES(TS_OK, ts_async_wait_fd(token, ends[0], TS_READABLE, &ready));
    close(ends[0]);
    close(ends[1]);
}

static void the_same_descriptor_twice_by_one_task(void)
{
    in_a_poll(act_same_twice);
}

static void act_wait(ts_token *token, void *more)
{
    ts_scheduler *scheduler = (ts_scheduler *)more;
    ts_task_id other = add_async(scheduler, "a", poll_ready, NULL, NULL), zero, done;
    ts_task_status status = TS_TASK_STATUS_INIT;
    memset(&zero, 0, sizeof zero);
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(scheduler, other, TS_FOREVER, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(scheduler, other, 0.001, &status));
    GIVES(TS_ERROR_NOT_FINISHED, ts_wait(scheduler, other, 0, NULL));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(scheduler, true));
    GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(scheduler, false));
    GIVES(TS_ERROR_NOT_FOUND, ts_async_wait_task(token, zero));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "token is NULL", ts_async_wait_task(NULL, other));
    done = other;
    GIVES(TS_OK, ts_force_stop(scheduler, done));
    GIVES(TS_OK, ts_async_wait_task(token, done));
}

static void waiting_inside_a_poll(void)
{
    in_a_poll(act_wait);
}

static void act_free(ts_token *token, void *more)
{
    (void)token;
    ts_scheduler_free((ts_scheduler *)more);
}

static void freeing_the_scheduler_inside_a_poll(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    log_from_here();
    in_a_poll_of(scheduler, act_free, scheduler);
    CHECK(logged_times("ts_scheduler_free was called from inside a task or callback: nothing was freed\n") == 1);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

static void act_linear_things(ts_token *token, void *more)
{
    (void)more;
    SAYS(TS_ERROR_WRONG_KIND, "an async task would hold up its loop: use ts_async_sleep",
         ts_interruptible_sleep(token, 0.001));
    SAYS(TS_ERROR_WRONG_KIND, "an async task would hold up its loop: use ts_async_sleep",
         ts_interruptible_sleep(token, 0));
    SAYS(TS_ERROR_WRONG_KIND, "an async task would hold up its loop: use ts_async_sleep",
         ts_interruptible_sleep(NULL, 0.001));
}

static void sleeping_in_a_poll_as_a_linear_task_does(void)
{
    in_a_poll(act_linear_things);
}

typedef struct {
    ts_waker *waker;
    int done;
} linear_user;

static int32_t run_async_things(ts_token *token, void *user_data)
{
    linear_user *its = (linear_user *)user_data;
    uint32_t ready;
    ts_task_id zero;
    ts_waker *waker = (ts_waker *)&zero;
    memset(&zero, 0, sizeof zero);
    SAYS(TS_ERROR_WRONG_KIND, "a linear task waits by blocking", ts_async_sleep(token, 0.001));
    SAYS(TS_ERROR_WRONG_KIND, "a linear task waits by blocking", ts_async_sleep_cancel(token));
    SAYS(TS_ERROR_WRONG_KIND, "a linear task waits by blocking", ts_async_wait_fd(token, 0, 1, &ready));
    SAYS(TS_ERROR_WRONG_KIND, "a linear task waits by blocking", ts_async_wait_task(token, zero));
    SAYS(TS_ERROR_WRONG_KIND, "a linear task waits by blocking", ts_waker_clone(token, &waker));
    CHECK(waker == NULL);
    count(&its->done);
    return 0;
}

static void async_calls_in_a_linear_task(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    linear_user its = { NULL, 0 };
    ts_task_id id = add(scheduler, "a", run_async_things, &its, NULL);
    CHECK(ended(scheduler, id) == TS_COMPLETED && its.done == 1);
    ts_scheduler_free(scheduler);
}

/* Another thread gets hold of the token while the poll lasts. */
static void *use_foreign_token(void *token_)
{
    static const char words[] =
        "only the poll function itself, on its loop's thread, may say what it waits for";
    ts_token *token = (ts_token *)token_;
    uint32_t ready;
    ts_task_id zero;
    ts_waker *waker = (ts_waker *)&zero;
    memset(&zero, 0, sizeof zero);
    SAYS(TS_ERROR_WRONG_THREAD, words, ts_async_sleep(token, 0.001));
    SAYS(TS_ERROR_WRONG_THREAD, words, ts_async_sleep_cancel(token));
    SAYS(TS_ERROR_WRONG_THREAD, words, ts_async_wait_fd(token, 0, 1, &ready));
    SAYS(TS_ERROR_WRONG_THREAD, words, ts_async_wait_task(token, zero));
    SAYS(TS_ERROR_WRONG_THREAD, words, ts_waker_clone(token, &waker));
    CHECK(waker == NULL);
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_error(token, "x"));
    GIVES(TS_ERROR_WRONG_THREAD, ts_set_result(token, NULL, 0, NULL));
    CHECK(!ts_should_stop(token));
    return NULL;
}

static void act_lend_token(ts_token *token, void *more)
{
    (void)more;
    pthread_join(thread(use_foreign_token, token), NULL);
}

static void arming_from_another_thread(void)
{
    in_a_poll(act_lend_token);
}

static void act_wakers(ts_token *token, void *more)
{
    (void)more;
    SAYS(TS_ERROR_INVALID_ARGUMENT, "out_waker is NULL", ts_waker_clone(token, NULL));
    SAYS(TS_ERROR_INVALID_ARGUMENT, "waker is NULL", ts_waker_wake(NULL));
    ts_waker_free(NULL);
}

static void wakers_that_are_null(void)
{
    in_a_poll(act_wakers);
}

static void adds_of_what_is_no_async_task(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_options options = async_options("a", poll_ready, NULL, NULL, 0);
    ts_task_id id = dirty_id();
    int dropped = 0;
    SAYS(TS_ERROR_INVALID_ARGUMENT, "poll is NULL",
         ts_add_async_task(scheduler, false, "a", NULL, &dropped, drop_count, &id));
    CHECK(is_zero(id) && dropped == 0);
    id = dirty_id();
    GIVES(TS_ERROR_INVALID_ARGUMENT,
          ts_add_async_task(scheduler, false, "", poll_ready, &dropped, drop_count, &id));
    CHECK(is_zero(id) && dropped == 0);
    options.run = run_nothing;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_submit(scheduler, &options, &id));
    options.run = NULL;
    options.kind = TS_LINEAR;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_submit(scheduler, &options, &id));
    options.kind = TS_ASYNC;
    MUST(ts_submit(scheduler, &options, &id));
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static void act_ban_inside(ts_token *token, void *more)
{
    ts_scheduler *scheduler = (ts_scheduler *)more;
    ts_task_id id = dirty_id();
    int dropped = 0;
    (void)token;
    /* Adds that are refused inside a poll. */
    GIVES(TS_OK, ts_ban_task_name(scheduler, TS_ASYNC, "x"));
    GIVES(TS_ERROR_BANNED, ts_add_async_task(scheduler, false, "x", poll_ready, &dropped, drop_count, &id));
    CHECK(is_zero(id) && dropped == 0);
    GIVES(TS_OK, ts_allow_task_name(scheduler, TS_ASYNC, "x"));
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_event_loop_tasks", "1"));
    GIVES(TS_OK, ts_update_config(scheduler, "maximum_queue_async", "1"));
    add_async(scheduler, "x", poll_count, &dropped, NULL);
    add_async(scheduler, "x", poll_count, &dropped, NULL);
    GIVES(TS_ERROR_QUEUE_FULL,
          ts_add_async_task(scheduler, false, "x", poll_ready, &dropped, drop_count, &id));
    {
        ts_task_options options = async_options("x", poll_ready, NULL, NULL, TS_WAIT_FOR_ROOM);
        options.wait_seconds = TS_FOREVER;
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_submit(scheduler, &options, &id));
    }
    GIVES(TS_OK, ts_cancel_all_queued_tasks_by_name(scheduler, TS_ASYNC, "x", NULL));
    CHECK(dropped == 0);
}

static void adds_inside_a_poll_that_are_refused(void)
{
    in_a_poll(act_ban_inside);
}

static const check_test tests[] = {
    TEST(sleeping_for_no_time_that_there_is),
    TEST(descriptors_that_nobody_can_wait_for),
    TEST(the_same_descriptor_twice_by_one_task),
    TEST(waiting_inside_a_poll),
    TEST(freeing_the_scheduler_inside_a_poll),
    TEST(sleeping_in_a_poll_as_a_linear_task_does),
    TEST(async_calls_in_a_linear_task),
    TEST(arming_from_another_thread),
    TEST(wakers_that_are_null),
    TEST(adds_of_what_is_no_async_task),
    TEST(adds_inside_a_poll_that_are_refused),
};

CHECK_ALL(tests)
