/*
 * Claims in the stress of stress_hosts.c: received, sent on, run and finished, alone
 * and in batches, by whoever got them and by threads that take them.
 *
 * Whoever includes this has said how many are at most in a BATCH.
 */

#ifndef STRESS_CLAIMS_H
#define STRESS_CLAIMS_H

#include "stress_ends.h"

/* A claim that somebody else is to run. */
struct parcel {
    struct parcel *next;
    ts_claim claim;
};

static atomic_int claims_out, claims_limit;
static atomic_long claimed, taken_stopped;
static pthread_mutex_t parcel_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct parcel *parcels;

static struct task *task_of(const ts_claim *claim)
{
    return claim->run == run_boxed ? ((struct box *)claim->user_data)->task : claim->user_data;
}

/* A claim that was just received. */
static void receive(const ts_claim *claim)
{
    struct task *task = task_of(claim);
    ts_state state = (ts_state)0;
    if (!claim->token)
        promise_broken(NULL, "a claim without a token");
    if (atomic_load_explicit(&task->published, memory_order_acquire) &&
        memcmp(&claim->id, &task->promise.id, sizeof claim->id))
        promise_broken(&task->promise, "its claim has another id");
    if (PROMISE_ADD(task->handed, 1))
        promise_broken(&task->promise, "it is handed out again");
    if (PROMISE_GET(promise_quiet))
        promise_broken(&task->promise, "it is handed out after a shutdown has returned");
    CALL(ts_get_task_state, (scheduler, claim->id, &state), OR(TS_OK));
    if (state == TS_RUNNING) {
        int now = PROMISE_ADD(claims_out, 1) + 1;
        if (now > 2 * PROMISE_GET(claims_limit))    /* half of them by places that are lent */
            promise_broken(&task->promise, "%d claims are out", now);
        PROMISE_ADD(claimed, 1);
    } else if (state == TS_PENDING) {
        PROMISE_ADD(taken_stopped, 1);
    } else {
        promise_broken(&task->promise, "a claim in state %d", (int)state);
    }
}

/* Leaves it to whoever takes claims. */
static void send_parcel(const ts_claim *claim)
{
    struct parcel *parcel = malloc(sizeof *parcel);
    if (!parcel)
        abort();
    pthread_mutex_lock(&parcel_mutex);
    *parcel = (struct parcel){ parcels, *claim };
    parcels = parcel;
    pthread_mutex_unlock(&parcel_mutex);
}

static bool fetch_parcel(ts_claim *claim)
{
    pthread_mutex_lock(&parcel_mutex);
    struct parcel *parcel = parcels;
    if (parcel) {
        *claim = parcel->claim;
        parcels = parcel->next;
    }
    pthread_mutex_unlock(&parcel_mutex);
    free(parcel);
    return parcel != NULL;
}

/* Runs a received claim, and those that come after it. */
static void run_claims(ts_claim claim, struct random *random)
{
    while (claim.token) {
        struct task *task = task_of(&claim);
        struct promise_task *promise = &task->promise;
        ts_error started = CALL(ts_claim_start, (scheduler, &claim), OR(TS_OK) | OR(TS_STOPPED));
        ts_state state = (ts_state)0;
        ts_claim next = { NULL, { { 0 } }, NULL, NULL }, again = claim;
        ts_value value = { NULL, 0, NULL };
        bool with_value = false;
        int32_t code = 0;
        CALL(ts_get_task_state, (scheduler, claim.id, &state), OR(TS_OK));
        if (state == TS_PENDING && started == TS_OK)
            promise_broken(promise, "a pending one may be run");
        if (started == TS_STOPPED && !ts_should_stop(claim.token))
            promise_broken(promise, "stopped, and ts_should_stop says false");
        if (state == TS_RUNNING) {
            /* Only to be given back: it counts as run all the same. */
            if (started == TS_STOPPED)
                task->work = NOTHING;
            code = claim.run(claim.token, claim.user_data);
            PROMISE_ADD(claims_out, -1);
        }
        /* The drop is where it is finished. */
        promise->runner = pthread_self();
        if (state == TS_RUNNING && !task->copies && task->results && one_in(random, 2)) {
            value = (ts_value){ promise_result_new(promise), sizeof(struct promise_result), promise_result_drop };
            with_value = true;
        }
        bool wants_next = !one_in(random, 3);
        CALL(ts_claim_end, (scheduler, &claim, code, with_value ? &value : NULL, NULL, &state, wants_next ? &next : NULL), OR(TS_OK));
        if (state < TS_COMPLETED || (started == TS_STOPPED && state < TS_TIMEOUT))
            promise_broken(promise, "it ended in another state than it had to");
        if (one_in(random, 20))
            CALL(ts_claim_finish, (scheduler, &again, 0, NULL, NULL, NULL),
                 OR(TS_ERROR_ALREADY_FINISHED) | OR(TS_ERROR_NOT_FOUND));
        if (next.token) {
            receive(&next);
            if (one_in(random, 8)) {
                send_parcel(&next);
                next.token = NULL;
            }
        }
        claim = next;
    }
}

/* Runs received claims, and ends them together. */
static void run_batch(ts_claim *claims, size_t count, struct random *random)
{
    int32_t codes[BATCH];
    ts_claim next[BATCH];
    size_t got = 0;
    for (size_t i = 0; i < count; i++) {
        struct task *task = task_of(&claims[i]);
        ts_state state = (ts_state)0;
        ts_error started = CALL(ts_claim_start, (scheduler, &claims[i]), OR(TS_OK) | OR(TS_STOPPED));
        CALL(ts_get_task_state, (scheduler, claims[i].id, &state), OR(TS_OK));
        codes[i] = 0;
        if (state == TS_RUNNING) {
            if (started == TS_STOPPED)
                task->work = NOTHING;
            codes[i] = claims[i].run(claims[i].token, claims[i].user_data);
            PROMISE_ADD(claims_out, -1);
        }
        task->promise.runner = pthread_self();
    }
    CALL(ts_claims_finish, (scheduler, claims, codes, count, next, &got), OR(TS_OK));
    if (got > count)
        promise_broken(NULL, "more claims come next than were finished");
    for (size_t i = 0; i < got; i++)
        receive(&next[i]);
    for (size_t i = 0; i < got; i++)
        run_claims(next[i], random);
}

static void *taker(void *argument)
{
    thread_number = (int)(intptr_t)argument;
    struct random random = random_of(seed * 77 + (uint64_t)round_number, (uint64_t)thread_number);
    int fd = -1;
    if (one_in(&random, 2))
        CALL(ts_claims_fd, (scheduler, &fd), OR(TS_OK));
    while (!PROMISE_GET(stop_helpers)) {
        ts_claim claims[BATCH];
        size_t count = 0;
        double seconds = one_in(&random, 2) ? 0 : 0.001;
        if (fetch_parcel(&claims[0])) {
            run_claims(claims[0], &random);
            continue;
        }
        if (fd >= 0 && seconds == 0) {
            struct pollfd its = { fd, POLLIN, 0 };
            poll(&its, 1, 1);
        }
        ts_error error = CALL(ts_claims_take, (scheduler, claims, (size_t)(1 + below(&random, BATCH)), seconds, &count),
                              OR(TS_OK) | OR(TS_NOT_YET) | OR(TS_ERROR_TIMED_OUT));
        if (error != TS_OK)
            count = 0;
        else if (!count)
            promise_broken(NULL, "ts_claims_take gave TS_OK and no claim");
        for (size_t i = 0; i < count; i++)
            receive(&claims[i]);
        if (count && one_in(&random, 4))
            run_batch(claims, count, &random);
        else
            for (size_t i = 0; i < count; i++)
                run_claims(claims[i], &random);
        PROMISE_SET(doing[thread_number], "nothing");
    }
    return NULL;
}

#endif
