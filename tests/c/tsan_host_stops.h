/* A stop → who sees it; a cancel → the drop; a function that is set → its calls → the drop of its data. */

/* A running task that is told to stop sees why. */
static inline int32_t sleep_or_ask(ts_token *token, void *user_data)
{
    parcel *its = (parcel *)user_data;
    if (its->in % 2)
        CHECK(ts_interruptible_sleep(token, 1000) == TS_STOPPED);
    else
        while (!ts_should_stop(token))
            ;
    CHECK(its->told == 5);
    its->out = its->in + 1;
    return 1;
}

static inline void stopped(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    long at;
    for (at = 0; at < tasks; at++) {
        parcel *its = parcel_of(at, NULL);
        ts_state state = TS_PENDING;
        ts_task_id id;
        MUST(ts_add_task(scheduler, false, "stopped", sleep_or_ask, its, drop_parcel, &id));
        while (state == TS_PENDING)
            MUST(ts_get_task_state(scheduler, id, &state));
        its->told = 5;
        MUST(ts_force_stop(scheduler, id));
        MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
        open_parcel(its);
    }
    ts_scheduler_free(scheduler);
}

/* So does the drop of one that does not ask, and a task that a shutdown stops. */
static inline ts_poll poll_never(ts_token *token, void *user_data)
{
    ts_error error = ts_async_sleep(token, 1000);
    (void)user_data;
    return error == TS_NOT_YET ? TS_POLL_PENDING : TS_POLL_FAILED;
}

static inline void drop_told(void *user_data)
{
    parcel *its = (parcel *)user_data;
    its->dropped = its->told;
}

static inline void told_to_stop(long tasks)
{
    long at;
    for (at = 0; at < tasks; at += 2) {
        ts_scheduler *scheduler = scheduler_of(quick);
        parcel *asleep = parcel_of(0, NULL), *busy = parcel_of(at & 2 ? 1 : 2, NULL);
        ts_state state = TS_PENDING;
        ts_task_id id;
        MUST(ts_add_task(scheduler, false, "busy", sleep_or_ask, busy, drop_parcel, &id));
        while (state == TS_PENDING)
            MUST(ts_get_task_state(scheduler, id, &state));
        MUST(ts_add_async_task(scheduler, false, "asleep", poll_never, asleep, drop_told, &id));
        for (state = TS_PENDING; state == TS_PENDING;)
            MUST(ts_get_task_state(scheduler, id, &state));
        asleep->told = 6;
        MUST(ts_force_stop(scheduler, id));
        while (state != TS_CANCELLED)
            MUST(ts_get_task_state(scheduler, id, &state));
        CHECK(asleep->dropped == 6);
        busy->told = 5;
        MUST(ts_shutdown(scheduler, true));
        open_parcel(busy);
        free(asleep);
        ran++;
        ts_scheduler_free(scheduler);
    }
}

/* A claim that is cancelled by one thread is taken and finished by another. */
static inline void *take_cancelled(void *argument)
{
    ts_claim claim;
    size_t count;
    (void)argument;
    MUST(ts_claims_take(NULL, &claim, 1, TS_FOREVER, &count));
    CHECK(ts_claim_start(NULL, &claim) == TS_STOPPED);
    CHECK(((parcel *)claim.user_data)->told == 5);
    MUST(ts_claim_finish(NULL, &claim, 0, NULL, NULL, NULL));
    return NULL;
}

static inline void *stop_it(void *argument)
{
    ts_claim *claim = (ts_claim *)argument;
    ((parcel *)claim->user_data)->told = 5;
    MUST(ts_force_stop(NULL, claim->id));
    return NULL;
}

static inline void claims_cancelled(long tasks)
{
    long at;
    for (at = 0; at < tasks; at += 2) {
        ts_task_options options = options_of("claimed", NULL, NULL, NULL);
        ts_claim first, second;
        pthread_t taker, stopper;
        options.runner = TS_CLAIMS;
        MUST(ts_claim_submit(NULL, &options, &first, &first.id));
        CHECK(pthread_create(&taker, NULL, take_cancelled, NULL) == 0);
        options.user_data = parcel_of(0, NULL);
        MUST(ts_claim_submit(NULL, &options, &second, &second.id));
        CHECK(second.token == NULL);
        second.user_data = options.user_data;
        CHECK(pthread_create(&stopper, NULL, stop_it, &second) == 0);
        pthread_join(taker, NULL);
        pthread_join(stopper, NULL);
        MUST(ts_claim_finish(NULL, &first, 0, NULL, NULL, NULL));
        free(options.user_data);
        ran += 2;
    }
    MUST(ts_shutdown(NULL, false));
}

/* The drop of one that never starts, on the thread that cancels it, which added nothing. */
static inline void drop_unrun(void *user_data)
{
    parcel *its = (parcel *)user_data;
    its->dropped = its->in + 1;
}

static inline int32_t cancel_them(ts_token *token, void *user_data)
{
    size_t count, all = 0;
    (void)token;
    while (all < 2) {
        MUST(ts_cancel_all_queued_tasks_by_name((ts_scheduler *)user_data, TS_LINEAR, "queued",
                                                &count));
        all += count;
    }
    return 0;
}

static inline void cancelled(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    long at;
    for (at = 0; at < tasks; at += 4) {
        parcel *its = parcel_of(1, NULL);
        ts_state state = TS_PENDING;
        parcel *queued[2];
        ts_task_id first, canceller, ids[2];
        int one;
        its->told = 5;
        MUST(ts_add_task(scheduler, false, "queued", sleep_or_ask, its, drop_parcel, &first));
        while (state == TS_PENDING)
            MUST(ts_get_task_state(scheduler, first, &state));
        /* Before what it cancels, so that its add orders nothing. */
        MUST(ts_add_task(scheduler, false, "canceller", cancel_them, scheduler, NULL, &canceller));
        for (one = 0; one < 2; one++) {
            queued[one] = parcel_of(9, NULL);
            MUST(ts_add_task(scheduler, false, "queued", sleep_or_ask, queued[one], drop_unrun,
                             &ids[one]));
        }
        for (one = 0; one < 2; one++) {
            MUST(ts_wait(scheduler, ids[one], TS_FOREVER, NULL));
            CHECK(queued[one]->dropped == 10);
            free(queued[one]);
        }
        MUST(ts_wait(scheduler, canceller, TS_FOREVER, NULL));
        MUST(ts_force_stop(scheduler, first));
        MUST(ts_wait(scheduler, first, TS_FOREVER, NULL));
        open_parcel(its);
        ran += 3;
    }
    ts_scheduler_free(scheduler);
}

/* The log, on a thread that was there before its function was set; and the function for threads. */
typedef struct {
    long known, lines, threads;
} listener;

static __thread int has_heard;

static inline void hear(ts_log_level level, const char *text, void *user_data)
{
    listener *its = (listener *)user_data;
    (void)level;
    (void)text;
    CHECK(its->known == 3);
    its->lines++;
    has_heard = 1;
}

static inline void *cause_lines(void *argument)
{
    ts_scheduler *scheduler = (ts_scheduler *)argument;
    while (!has_heard) {
        MUST(ts_ban_task_name(scheduler, TS_LINEAR, "banned"));
        MUST(ts_allow_task_name(scheduler, TS_LINEAR, "banned"));
    }
    return NULL;
}

static inline void on_thread(ts_thread_event event, const char *name, void *user_data)
{
    (void)event;
    (void)name;
    ((listener *)user_data)->threads++;
}

static inline void drop_listener(void *user_data)
{
    listener *its = (listener *)user_data;
    CHECK(its->lines > 0 || its->threads > 1);
}

static inline int32_t bump_nothing(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return 0;
}

static inline void heard(void)
{
    static listener of_log, of_threads;
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    ts_scheduler *scheduler = NULL;
    pthread_t thread;
    int round;
    options.config_yaml = "line_task_max: 1";
    options.on_thread = on_thread;
    options.user_data = &of_threads;
    options.drop = drop_listener;
    MUST(ts_scheduler_new_with(&options, &scheduler));
    CHECK(pthread_create(&thread, NULL, cause_lines, scheduler) == 0);
    of_log.known = 3;
    MUST(ts_set_log_callback(hear, &of_log, drop_listener));
    for (round = 0; round < 10; round++) {
        ts_task_id id;
        MUST(ts_add_task(scheduler, false, "one", bump_nothing, NULL, NULL, &id));
        MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
        ran++;
    }
    pthread_join(thread, NULL);
    MUST(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}
