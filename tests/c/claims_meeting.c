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

static const check_test tests[] = {
    TEST(an_add_that_meets_a_stop_is_handed_out),
};

CHECK_ALL(tests)
