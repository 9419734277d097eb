/* Claims, where two calls meet. */
#include "hosting.h"

#include <sched.h>

enum { MEETINGS = 20000 };

/* Spins, since they are to meet, but not for long: there may be one processor. */
static void await_round(int *at, int round)
{
    int spins = 0;
    while (counted(at) < round)
        if (++spins % 2000 == 0)
            sched_yield();
}

typedef struct {
    ts_scheduler *scheduler;
    ts_task_id pending;
    int go, gone; /* the round that may begin, and the last one that is over */
} stopper;

static void *stop_each(void *argument)
{
    stopper *its = argument;
    int round;
    for (round = 1; round <= MEETINGS; round++) {
        await_round(&its->go, round);
        ts_force_stop(its->scheduler, its->pending);
        count(&its->gone);
    }
    return NULL;
}

/* A stop takes away the place that was on its way to the stopped one; a task that comes just then found
 * none free, and that one is still for it. */
static void an_add_that_meets_a_stop_is_handed_out(void)
{
    stopper its;
    pthread_t other;
    int round, delay;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler_with(NULL);
    other = thread(stop_each, &its);
    for (round = 1; round <= MEETINGS; round++) {
        ts_claim one = start_one(its.scheduler, "name", NULL, NULL, 0), next;
        int left = 2;
        its.pending = queue_up(its.scheduler, "name", NULL, NULL, 0);
        finish(its.scheduler, &one);
        count(&its.go);
        for (delay = round % 500 * 8; delay > 0; delay--)
            counted(&its.gone);
        next = claim(its.scheduler, "name", NULL, NULL, 0, NULL);
        await_round(&its.gone, round);
        if (next.token != NULL) {
            finish(its.scheduler, &next);
            left--;
        }
        /* Whichever is left comes. */
        for (; left > 0; left--) {
            size_t got = 0;
            GIVES(TS_OK, ts_claims_take(its.scheduler, &next, 1, TS_FOREVER, &got));
            finish(its.scheduler, &next);
        }
        if (check_failures != 0)
            break;
    }
    pthread_join(other, NULL);
    take_none(its.scheduler);
    ts_scheduler_free(its.scheduler);
}

/* Before whoever waits there at once. */
static void open_gate(int *gate)
{
    __atomic_store_n(gate, 1, __ATOMIC_RELEASE);
}

/* Without a lock, which would have the two go one after the other. */
static void await_gate(int *gate)
{
    int spins = 0;
    while (!__atomic_load_n(gate, __ATOMIC_ACQUIRE))
        if (++spins % 2000 == 0)
            sched_yield();
}

static void dawdle(int turns)
{
    volatile int left = turns;
    while (left > 0)
        left--;
}

/* Another thread that finishes a claim, of scheduler after scheduler. */
typedef struct {
    ts_scheduler *scheduler;
    int begin, gone; /* rounds */
    int held, go;
} finisher;

enum { FREES = 5000 };

static void *finish_each(void *argument)
{
    finisher *its = argument;
    int round;
    for (round = 1; round <= FREES; round++) {
        ts_claim one;
        await(&its->begin, round);
        one = start_one(its->scheduler, "name", NULL, NULL, 0);
        GIVES(TS_OK, ts_claim_start(its->scheduler, &one));
        open_gate(&its->held);
        await_gate(&its->go);
        dawdle(round % 200 * (round % 4 * 20));
        finish(its->scheduler, &one);
        count(&its->gone);
    }
    return NULL;
}

/* The free waits for the claim, and the finish is not over when that has ended. */
static void a_free_that_meets_the_last_finish_lets_it_return(void)
{
    finisher its;
    pthread_t other;
    int round;
    memset(&its, 0, sizeof its);
    other = thread(finish_each, &its);
    for (round = 1; round <= FREES; round++) {
        its.held = its.go = 0;
        its.scheduler = scheduler_with(NULL);
        count(&its.begin);
        await_gate(&its.held);
        open_gate(&its.go);
        ts_scheduler_free(its.scheduler);
        await(&its.gone, round);
    }
    pthread_join(other, NULL);
}

/* A task that stops claims which nobody took. */
typedef struct {
    ts_scheduler *scheduler;
    ts_task_id claims[4];
    int ready, go;
} untaken;

enum { UNTAKEN = sizeof((untaken *)0)->claims / sizeof(ts_task_id) };

static int32_t stop_untaken(ts_token *token, void *user_data)
{
    untaken *its = user_data;
    int at;
    (void)token;
    open_gate(&its->ready);
    await_gate(&its->go);
    /* Those that the free came to first have ended. */
    for (at = 0; at < UNTAKEN; at++)
        ts_force_stop(its->scheduler, its->claims[UNTAKEN - 1 - at]);
    return 0;
}

/* Nobody takes what is stopped while the free looks for what was not taken: whoever comes second ends it. */
static void a_free_that_meets_a_stop_leaves_no_claim_to_wait_for(void)
{
    int round, at;
    for (round = 1; round <= FREES; round++) {
        ts_task_options options;
        untaken its;
        int drops = 0;
        memset(&its, 0, sizeof its);
        options = claim_options(NULL, &drops, drop_count, 0);
        its.scheduler = scheduler_with(NULL);
        for (at = 0; at < UNTAKEN; at++)
            MUST(ts_submit(its.scheduler, &options, &its.claims[at]));
        add(its.scheduler, NULL, stop_untaken, &its, NULL);
        await_gate(&its.ready);
        open_gate(&its.go);
        dawdle(round % 200 * 5);
        ts_scheduler_free(its.scheduler);
        CHECK(counted(&drops) == UNTAKEN);
    }
}

/* Claims that are stopped just when they are handed out. */
enum { HANDED = 300 };

typedef struct {
    ts_scheduler *scheduler;
    ts_task_id ids[HANDED];
    int at; /* how many may be stopped */
} handed;

static void *stop_handed(void *argument)
{
    handed *its = argument;
    int at, spins = 0;
    for (at = 0; at < HANDED; at++) {
        while (__atomic_load_n(&its->at, __ATOMIC_ACQUIRE) <= at)
            if (++spins % 2000 == 0)
                sched_yield();
        ts_force_stop(its->scheduler, its->ids[at]);
    }
    return NULL;
}

static int is_stuck(ts_scheduler *scheduler, ts_task_id id)
{
    return (status_of(scheduler, id).flags & TS_STATUS_STUCK) != 0;
}

/* Takes them one by one, and has each stopped meanwhile; how many came out. */
static int take_while_stopped(handed *its, ts_claim *claims)
{
    pthread_t other = thread(stop_handed, its);
    int at, taken = 0;
    size_t got;
    for (at = 0; at < HANDED; at++) {
        __atomic_store_n(&its->at, at + 1, __ATOMIC_RELEASE);
        dawdle(at % 100 * 2);
        taken += ts_claims_take(its->scheduler, &claims[taken], 1, 0, &got) == TS_OK;
    }
    pthread_join(other, NULL);
    while (ts_claims_take(its->scheduler, &claims[taken], 1, 0, &got) == TS_OK)
        taken++;
    return taken;
}

/* With a descriptor the looks at deadlines are the host's: whichever comes first, the stop or where the claim
 * can be found, it is watched from then on. */
static void a_stop_that_meets_a_hand_out_is_found_stuck(void)
{
    int round;
    for (round = 0; round < 150; round++) {
        static handed its;
        static ts_claim claims[HANDED + 1];
        ts_task_options options = claim_options(NULL, NULL, NULL, 0);
        int at, fd, taken;
        size_t got;
        its.at = 0;
        its.scheduler = scheduler_with("line_task_max: 4096\nmaximum_queue_line: 0\nstuck_grace: 0.002");
        MUST(ts_claims_fd(its.scheduler, &fd));
        for (at = 0; at < HANDED; at++)
            MUST(ts_submit(its.scheduler, &options, &its.ids[at]));
        taken = take_while_stopped(&its, claims);
        CHECK(taken == HANDED);
        /* One that is stopped last: when it is found, so are those before it. */
        claims[taken] = start_one(its.scheduler, NULL, NULL, NULL, 0);
        GIVES(TS_OK, ts_force_stop(its.scheduler, claims[taken].id));
        while (!is_stuck(its.scheduler, claims[taken].id)) {
            ts_claim none;
            await_readable(fd);
            GIVES(TS_NOT_YET, ts_claims_take(its.scheduler, &none, 1, 0, &got));
        }
        for (at = 0; at <= taken; at++) {
            ts_task_status status = status_of(its.scheduler, claims[at].id);
            if (status.state == TS_RUNNING && status.stopping == TS_CANCELLED)
                CHECK((status.flags & TS_STATUS_STUCK) != 0);
            finish(its.scheduler, &claims[at]);
        }
        ts_scheduler_free(its.scheduler);
        if (check_failures != 0)
            break;
    }
}

static const check_test tests[] = {
    TEST(an_add_that_meets_a_stop_is_handed_out),
    TEST(a_free_that_meets_the_last_finish_lets_it_return),
    TEST(a_free_that_meets_a_stop_leaves_no_claim_to_wait_for),
    TEST(a_stop_that_meets_a_hand_out_is_found_stuck),
};

CHECK_ALL(tests)
