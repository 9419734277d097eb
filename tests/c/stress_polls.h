/*
 * Async tasks in the stress of stress_async.c: what their polls do and promise, and the
 * errands that threads run for them.
 *
 * Whoever includes this has said how many NAMES there are, how many of a name run at
 * most at once (WIDEST), and says what a random_call is.
 */

#ifndef STRESS_POLLS_H
#define STRESS_POLLS_H

#include "stressing.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>

enum { LATE = 400 };

/* What a task does. */
enum work { READY, SLEEPS, WOKEN, HEARS, FOLLOWS, RACES, IDLES, CALLS };

/* A lane of a name; last is plain, since a name stays on one thread. */
struct name {
    char text[32];
    pthread_mutex_t adding;
    long accepted;
    long last;
    atomic_int running;
    ts_lane *lane;              /* a handle, or NULL */
};

struct task {
    struct name *name;
    long order;
    enum work work;
    int left;                   /* how many things it still waits for */
    bool timed, fails, bans, keeps, has_result, linear;
    uint64_t random;
    int fd;                     /* its own, closed in its drop */
    struct task *target;
    ts_task_id id;

    int plain_polls, plain_drops;   /* plain: the library orders them */
    ts_poll answered;               /* plain */
    pthread_t runner;

    atomic_int published, refused, inside, polls, after_stop, drops, results_made, results_dropped;
    atomic_int stop_asked, stop_ok, final, forced, forgotten;
};

/* What threads have to do for tasks: wake one, or have a descriptor ready. */
struct errand {
    struct errand *next;
    ts_waker *waker;
    int fd, dice;
};

static struct name names[NAMES];
static struct task *tasks;
static int capacity, quota;
static bool stores_all;
static atomic_int stop_errands;
static atomic_long seen[8], polls, errands_done;
static pthread_rwlock_t adding;
static ts_waker *late[LATE];
static int late_count;
static pthread_mutex_t errand_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t errand_news = PTHREAD_COND_INITIALIZER;
static struct errand *errands, **errands_end = &errands;

_Noreturn static void broken(const struct task *task, const char *what)
{
    promise_broken(NULL,
                   "%s: task %ld, work %d, name %s, order %ld, polls %d, drops %d, inside %d, "
                   "answered %d, stop asked %d ok %d, final %d, timed %d, target %ld",
                   what, (long)(task - tasks), (int)task->work, task->name ? task->name->text : "(none)",
                   task->order, PROMISE_GET(task->polls), PROMISE_GET(task->drops),
                   PROMISE_GET(task->inside), (int)task->answered, PROMISE_GET(task->stop_asked),
                   PROMISE_GET(task->stop_ok), PROMISE_GET(task->final), (int)task->timed,
                   task->target ? (long)(task->target - tasks) : -1L);
}

/* Errands ----------------------------------------------------------------- */

static void ask(ts_waker *waker, int fd, int dice)
{
    struct errand *errand = malloc(sizeof *errand);
    if (!errand)
        abort();
    *errand = (struct errand){ NULL, waker, fd, dice };
    pthread_mutex_lock(&errand_mutex);
    *errands_end = errand;
    errands_end = &errand->next;
    pthread_cond_signal(&errand_news);
    pthread_mutex_unlock(&errand_mutex);
}

static void *do_errands(void *argument)
{
    struct random random = random_of(seed * 77, (uint64_t)(intptr_t)argument);
    for (;;) {
        pthread_mutex_lock(&errand_mutex);
        while (!errands && !PROMISE_GET(stop_errands))
            pthread_cond_wait(&errand_news, &errand_mutex);
        struct errand *errand = errands;
        if (!errand) {
            pthread_mutex_unlock(&errand_mutex);
            return NULL;
        }
        errands = errand->next;
        if (!errands)
            errands_end = &errands;
        pthread_mutex_unlock(&errand_mutex);
        if (one_in(&random, 50))
            nap(below(&random, 300));
        PROMISE_ADD(errands_done, 1);
        if (errand->fd >= 0) {
            uint64_t one = 1;
            /* An eventfd, or the writing end of a pipe: a hang-up will do there too. */
            if (errand->dice == 0 || !one_in(&random, 4))
                if (write(errand->fd, &one, 8) != 8 && errno != EPIPE)
                    promise_broken(NULL, "a descriptor was closed by somebody else");
            close(errand->fd);
        }
        if (errand->waker) {
            for (int i = 1 + below(&random, 3); i > 0; i--)
                CALL(ts_waker_wake, (errand->waker), OR(TS_OK));
            pthread_mutex_lock(&errand_mutex);
            bool keep = late_count < LATE && one_in(&random, 8);
            if (keep)
                late[late_count++] = errand->waker;
            pthread_mutex_unlock(&errand_mutex);
            if (!keep)
                ts_waker_free(errand->waker);
        }
        free(errand);
    }
}

/* Tasks ------------------------------------------------------------------- */

static void random_call(struct random *random, bool inside);

static void drop_result(void *data)
{
    struct task *task = data;
    if (PROMISE_ADD(task->results_dropped, 1) >= PROMISE_GET(task->results_made))
        broken(task, "a result is dropped again");
}

static ts_poll answer(struct task *task, ts_token *token)
{
    if (task->has_result) {
        PROMISE_ADD(task->results_made, 1);
        CALL(ts_set_result, (token, task, sizeof *task, drop_result), OR(TS_OK));
    }
    if (task->fails)
        CALL(ts_set_error, (token, "it fails"), OR(TS_OK));
    return task->fails ? TS_POLL_FAILED : TS_POLL_READY;
}

static ts_poll step(struct task *task, ts_token *token, struct random *random)
{
    ts_waker *waker = NULL;
    uint32_t ready = 0;
    ts_error error;
    char bytes[8];
    switch (task->work) {
    case SLEEPS:
        while (task->left > 0) {
            if (CALL(ts_async_sleep, (token, 1e-6 * below(random, 3000)), OR(TS_OK) | OR(TS_NOT_YET)) ==
                TS_NOT_YET) {
                if (one_in(random, 10)) {
                    CALL(ts_async_sleep_cancel, (token), OR(TS_OK));
                    CALL(ts_async_sleep, (token, 1e-3), OR(TS_NOT_YET));
                }
                return TS_POLL_PENDING;
            }
            task->left--;
        }
        return answer(task, token);
    case WOKEN:
        if (task->left-- == 0)
            return answer(task, token);
        CALL(ts_waker_clone, (token, &waker), OR(TS_OK));
        if (one_in(random, 10))
            CALL(ts_waker_wake, (waker), OR(TS_OK));
        ask(waker, -1, 0);
        return TS_POLL_PENDING;
    case HEARS:
        if (task->fd < 0) {
            int ends[2], dice = one_in(random, 2);
            if (dice) {
                if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
                    abort();
            } else {
                ends[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
                ends[1] = dup(ends[0]);
            }
            if (ends[0] < 0 || ends[1] < 0)
                abort();
            task->fd = ends[0];
            if (one_in(random, 2))
                CALL(ts_async_wait_fd, (token, task->fd, TS_READABLE, &ready), OR(TS_NOT_YET));
            ask(NULL, ends[1], dice);
        }
        if (CALL(ts_async_wait_fd, (token, task->fd, TS_READABLE, &ready), OR(TS_OK) | OR(TS_NOT_YET)) ==
            TS_NOT_YET)
            return TS_POLL_PENDING;
        if (ready != TS_READABLE || read(task->fd, bytes, sizeof bytes) < 0)
            broken(task, "told of a descriptor that is not ready");
        if (one_in(random, 2)) {
            close(task->fd);
            task->fd = -1;
        }
        return answer(task, token);
    case FOLLOWS:
        error = CALL(ts_async_wait_task, (token, task->target->id),
                     OR(TS_OK) | OR(TS_NOT_YET) | OR(TS_ERROR_NOT_FOUND));
        if (error == TS_NOT_YET)
            return TS_POLL_PENDING;
        if (PROMISE_GET(task->target->drops) != 1)
            broken(task->target, "it has ended before its drop");
        if (task->target->plain_drops != 1)
            broken(task->target, "it has ended, and what its drop wrote is not seen");
        return answer(task, token);
    case RACES:
        if (task->left-- == 0)
            return answer(task, token);
        CALL(ts_async_sleep, (token, 1e-6 * below(random, 1000)), OR(TS_OK) | OR(TS_NOT_YET));
        CALL(ts_waker_clone, (token, &waker), OR(TS_OK));
        ask(waker, -1, 0);
        return TS_POLL_PENDING;
    case IDLES:
        /* Only a stop or its time-out ends it. */
        if (task->left-- > 0)
            CALL(ts_async_sleep, (token, 1e5), OR(TS_NOT_YET));
        return TS_POLL_PENDING;
    case CALLS:
        random_call(random, true);
        return answer(task, token);
    default:
        return answer(task, token);
    }
}

static ts_poll poll_task(ts_token *token, void *user_data)
{
    struct task *task = user_data;
    struct name *name = task->name;
    struct random random = { task->random };
    PROMISE_ADD(polls, 1);
    if (PROMISE_ADD(task->inside, 1))
        broken(task, "polled while it is polled");
    if (PROMISE_GET(promise_quiet))
        broken(task, "polled after a shutdown has returned");
    if (PROMISE_GET(task->refused))
        broken(task, "a refused task is polled");
    if (PROMISE_GET(task->final) || PROMISE_GET(task->drops) || task->answered != TS_POLL_PENDING)
        broken(task, "polled after its end");
    /* The stop may come just when the poll begins. */
    if (PROMISE_GET(task->stop_ok) && PROMISE_ADD(task->after_stop, 1))
        broken(task, "polled again after it was stopped");
    if (PROMISE_ADD(task->polls, 1) == 0) {
        task->runner = pthread_self();
        if (name) {
            if (PROMISE_ADD(name->running, 1) >= WIDEST)
                broken(task, "too many of a name at once");
            if (name->last >= task->order)
                broken(task, "started after one that was added later");
            name->last = task->order;
        }
    }
    if (!pthread_equal(task->runner, pthread_self()))
        broken(task, "polled on another thread");
    task->plain_polls++;
    if (atomic_load_explicit(&task->stop_ok, memory_order_acquire) && !ts_should_stop(token))
        broken(task, "stopped, and ts_should_stop says false");
    task->answered = step(task, token, &random);
    task->random = random.state;
    ts_poll answered = task->answered;
    PROMISE_ADD(task->inside, -1);
    return answered;
}

static void drop_task(void *user_data)
{
    struct task *task = user_data;
    struct random random = { task->random };
    if (PROMISE_GET(promise_quiet))
        broken(task, "dropped after a shutdown has returned");
    if (PROMISE_ADD(task->drops, 1))
        broken(task, "dropped twice");
    if (PROMISE_GET(task->refused))
        broken(task, "a refused task is dropped");
    if (PROMISE_GET(task->inside))
        broken(task, "dropped in its poll");
    if (PROMISE_GET(task->final))
        broken(task, "dropped after its end was seen");
    if (PROMISE_GET(task->polls) > 0 && !pthread_equal(task->runner, pthread_self()))
        broken(task, "dropped on another thread");
    if (task->plain_polls != PROMISE_GET(task->polls))
        broken(task, "its drop does not see what its polls wrote");
    task->plain_drops++;
    if (task->fd >= 0)
        close(task->fd);
    if (task->name && PROMISE_GET(task->polls) > 0)
        PROMISE_ADD(task->name->running, -1);
    if (one_in(&random, 20))
        random_call(&random, true);
}

#endif
