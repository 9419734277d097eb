/* Tasks that the host runs, by claims and on a pump, and async tasks. */

/* Claims of the same names, on two threads that know nothing of each other. */
static inline void *take_claims(void *argument)
{
    ts_scheduler *scheduler = (ts_scheduler *)argument;
    ts_claim claim;
    size_t count;
    for (;;) {
        MUST(ts_claims_take(scheduler, &claim, 1, TS_FOREVER, &count));
        while (claim.token != NULL) {
            if (claim.run == NULL) {
                MUST(ts_claim_finish(scheduler, &claim, 0, NULL, NULL, NULL));
                return NULL;
            }
            MUST(ts_claim_start(scheduler, &claim));
            MUST(ts_claim_finish(scheduler, &claim, claim.run(claim.token, claim.user_data), NULL,
                                 NULL, &claim));
        }
    }
}

/* One of them ends. */
static inline void end_taker(ts_scheduler *scheduler)
{
    ts_task_options options = options_of(NULL, NULL, NULL, NULL);
    ts_task_id id;
    options.runner = TS_CLAIMS;
    MUST(ts_submit(scheduler, &options, &id));
}

static inline void claims_of_threads(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    enum { BATCH = 5000 };
    static parcel *parcels[BATCH];
    static ts_task_id ids[BATCH];
    long done, at, count;
    MUST(ts_scheduler_set_runner(scheduler, TS_CLAIMS, NULL));
    for (done = 0; done < tasks; done += count) {
        pthread_t threads[2];
        count = tasks - done < BATCH ? tasks - done : BATCH;
        /* Started before the adds, so that starting them orders nothing. */
        for (at = 0; at < 2; at++)
            CHECK(pthread_create(&threads[at], NULL, take_claims, scheduler) == 0);
        for (at = 0; at < count; at++) {
            parcels[at] = parcel_of(at, &of_names[at % NAMES]);
            MUST(ts_add_task(scheduler, false, names[at % NAMES], work, parcels[at], drop_parcel,
                             &ids[at]));
        }
        for (at = 0; at < count; at++) {
            ts_error error = ts_wait(scheduler, ids[at], TS_FOREVER, NULL);
            /* Pushed out of what stays known: then its thread's end has to do. */
            if (error == TS_OK)
                open_parcel(parcels[at]);
            if (error == TS_OK)
                parcels[at] = NULL;
        }
        for (at = 0; at < 2; at++)
            end_taker(scheduler);
        for (at = 0; at < 2; at++)
            pthread_join(threads[at], NULL);
        for (at = 0; at < count; at++)
            if (parcels[at] != NULL)
                open_parcel(parcels[at]);
    }
    ts_scheduler_free(scheduler);
}

/* A pump on this thread; its ready is called on that of the adder, which was there before the pump,
 * and reads what was written before the pump was made. */
typedef struct {
    ts_scheduler *scheduler;
    long known, tasks;
} bell;

static __thread int has_rung;

static inline void ring(void *user_data)
{
    bell *its = (bell *)user_data;
    CHECK(its->known == 77);
    has_rung = 1;
}

static inline void drop_bell(void *user_data)
{
    bell *its = (bell *)user_data;
    its->known = 0;
}

static inline void *add_to_pump(void *argument)
{
    bell *its = (bell *)argument;
    while (its->tasks > 0 || !has_rung) {
        ts_task_id id;
        MUST(ts_add_task(its->scheduler, false, names[its->tasks & (NAMES - 1)], work,
                         parcel_of(its->tasks, &of_names[its->tasks & (NAMES - 1)]),
                         (ts_drop_fn)free, &id));
        its->tasks--;
    }
    return NULL;
}

static inline void pumped(long tasks)
{
    static bell its;
    ts_pump_options options = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = NULL;
    pthread_t adder;
    its.scheduler = scheduler_of(quick);
    its.tasks = tasks;
    CHECK(pthread_create(&adder, NULL, add_to_pump, &its) == 0);
    options.ready = ring;
    options.user_data = &its;
    options.drop = drop_bell;
    its.known = 77;
    MUST(ts_pump_new(its.scheduler, &options, &pump));
    MUST(ts_scheduler_set_runner(its.scheduler, TS_PUMP, pump));
    while (pthread_tryjoin_np(adder, NULL) != 0)
        MUST(ts_pump_run(pump, 0, 0, NULL));
    MUST(ts_pump_run(pump, 0, 0, NULL));
    ts_pump_free(pump);
    ts_scheduler_free(its.scheduler);
    ran += tasks - its.tasks;
}

/* Async tasks: polled twice, the second time by a waker that a linear task wakes; one waits for the
 * end of another. */
typedef struct {
    parcel *its;
    ts_waker *waker;
    ts_scheduler *scheduler;
    int polls;
} slow;

static inline int32_t wake(ts_token *token, void *user_data)
{
    slow *it = (slow *)user_data;
    work(token, it->its);
    MUST(ts_waker_wake(it->waker));
    return 0;
}

static inline ts_poll poll_slow(ts_token *token, void *user_data)
{
    slow *it = (slow *)user_data;
    ts_task_id id;
    if (it->polls++ == 0) {
        MUST(ts_waker_clone(token, &it->waker));
        MUST(ts_add_task(it->scheduler, false, names[it->its->in % NAMES], wake, it, NULL, &id));
        return TS_POLL_PENDING;
    }
    CHECK(it->its->out == it->its->in + 1);
    ts_waker_free(it->waker);
    return TS_POLL_READY;
}

static inline void drop_slow(void *user_data)
{
    slow *it = (slow *)user_data;
    drop_parcel(it->its);
    free(it);
}

typedef struct {
    ts_task_id id;
    parcel *its;
} follower;

static inline ts_poll poll_follower(ts_token *token, void *user_data)
{
    follower *it = (follower *)user_data;
    ts_error error = ts_async_wait_task(token, it->id);
    if (error == TS_NOT_YET)
        return TS_POLL_PENDING;
    CHECK(error == TS_OK && it->its->dropped != 0);
    it->its->told = 1;
    return TS_POLL_READY;
}

static inline void polled(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    long done;
    MUST(ts_update_config(scheduler, "event_loop_threads", "2"));
    for (done = 0; done + 3 <= tasks; done += 3) {
        slow *it = (slow *)calloc(1, sizeof *it);
        follower after;
        ts_task_id last;
        parcel *its = parcel_of(done, NULL);
        CHECK(it != NULL);
        it->its = its;
        it->scheduler = scheduler;
        after.its = its;
        MUST(ts_add_async_task(scheduler, false, "slow", poll_slow, it, drop_slow, &after.id));
        MUST(ts_add_async_task(scheduler, false, "follower", poll_follower, &after, NULL, &last));
        MUST(ts_wait(scheduler, last, TS_FOREVER, NULL));
        CHECK(its->told == 1);
        open_parcel(its);
        ran += 2;
    }
    ts_scheduler_free(scheduler);
}
