/* An add → the task; a task → the next of its name; its end → whoever sees it. */

/* By ts_wait: in batches over names, and without. */
static inline void waited(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    enum { BATCH = 100 };
    parcel *parcels[BATCH];
    ts_task_id ids[BATCH];
    long done, at;
    for (done = 0; done < tasks; done += at) {
        for (at = 0; at < BATCH && done + at < tasks; at++) {
            long name = at % (NAMES + 1);
            parcels[at] = parcel_of(at, name < NAMES ? &of_names[name] : NULL);
            MUST(ts_add_task(scheduler, false, name < NAMES ? names[name] : NULL, work,
                             parcels[at], drop_parcel, &ids[at]));
        }
        for (long all = at, one = 0; one < all; one++) {
            MUST(ts_wait(scheduler, ids[one], TS_FOREVER, NULL));
            open_parcel(parcels[one]);
        }
    }
    ts_scheduler_free(scheduler);
}

/* By ts_get_task_state and ts_get_task_status, whichever sees it. */
static inline void asked_for_state(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    long at;
    for (at = 0; at < tasks; at++) {
        parcel *its = parcel_of(at, NULL);
        ts_task_id id;
        ts_task_status status = TS_TASK_STATUS_INIT;
        MUST(ts_add_task(scheduler, false, names[at % NAMES], work, its, drop_parcel, &id));
        do
            if (at % 2)
                MUST(ts_get_task_state(scheduler, id, &status.state));
            else
                MUST(ts_get_task_status(scheduler, id, &status));
        while (status.state != TS_COMPLETED);
        open_parcel(its);
    }
    ts_scheduler_free(scheduler);
}

/* By its completion; what on_end did comes before that too. */
static inline void tell(const ts_completion *end, void *user_data)
{
    parcel *its = (parcel *)user_data;
    its->told = its->dropped + (end->state == TS_COMPLETED);
    if (its->of_name != NULL)
        ++*its->of_name;
}

static inline void completed(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    ts_completions *completions = NULL;
    ts_completion ends[64];
    long added = 0, taken = 0;
    MUST(ts_completions_new(scheduler, &completions));
    while (taken < tasks) {
        size_t count, at;
        for (at = 0; at < 64 && added < tasks; at++, added++) {
            parcel *its = parcel_of(added, NULL);
            ts_task_options options =
                options_of(names[added % NAMES], work, its, drop_parcel);
            ts_task_id id;
            options.completions = completions;
            options.completion_data = its;
            options.on_end = tell;
            options.on_end_data = its;
            MUST(ts_submit(scheduler, &options, &id));
        }
        MUST(ts_completions_take(completions, ends, 64, TS_FOREVER, &count));
        for (at = 0; at < count; at++) {
            parcel *its = (parcel *)ends[at].data;
            CHECK(its->told == its->dropped + 1);
            open_parcel(its);
        }
        taken += (long)count;
    }
    ts_completions_free(completions);
    ts_scheduler_free(scheduler);
}

/* By a shutdown, and nothing else. */
static inline void shut_down(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    enum { BATCH = 5000 };
    static parcel *parcels[BATCH];
    long done, at, count;
    for (done = 0; done < tasks; done += count) {
        count = tasks - done < BATCH ? tasks - done : BATCH;
        for (at = 0; at < count; at++) {
            ts_task_options options;
            ts_task_id id;
            parcels[at] = parcel_of(at, &of_names[at % NAMES]);
            options = options_of(names[at % NAMES], work, parcels[at], drop_parcel);
            options.on_end = tell;
            options.on_end_data = parcels[at];
            MUST(ts_submit(scheduler, &options, &id));
        }
        /* Pending ones would be cancelled: the last of each name has started when it is not. */
        for (;;) {
            size_t known;
            long left = 0;
            ts_task_status all[256];
            all[0].size = sizeof *all;
            MUST(ts_list_tasks(scheduler, TS_LINEAR, all, 256, &known));
            for (size_t one = 0; one < known && one < 256; one++)
                left += all[one].state == TS_PENDING;
            if (known <= 256 && left == 0)
                break;
        }
        MUST(ts_shutdown(scheduler, false));
        for (at = 0; at < count; at++) {
            CHECK(parcels[at]->told == parcels[at]->dropped + 1);
            open_parcel(parcels[at]);
        }
    }
    ts_scheduler_free(scheduler);
}

/* A result goes from the task to who takes it, or to the thread that drops it: of a later task whose
 * end pushed it out, of who gives the record up, of the shutdown. */
static inline void drop_result(void *result)
{
    parcel *its = (parcel *)result;
    CHECK(its->out == its->in + 1);
    free(its);
}

static inline int32_t leave(ts_token *token, void *user_data)
{
    parcel *its = (parcel *)user_data, copy;
    work(token, its);
    copy = *its;
    if (its->in % 3 != 0) {
        MUST(ts_set_result(token, its, sizeof *its, drop_result));
        return 0;
    }
    MUST(ts_set_result(token, &copy, sizeof copy, NULL));
    free(its);
    return 0;
}

static inline void evicted(long tasks)
{
    ts_scheduler *scheduler = scheduler_of(quick);
    long at;
    /* Few, so that each is dropped soon, while others run. */
    MUST(ts_update_config(scheduler, "maximum_task_info_storage", "3"));
    for (at = 0; at < tasks; at++) {
        ts_task_id id;
        ts_value value;
        MUST(ts_add_task(scheduler, false, names[at % NAMES], leave, parcel_of(at, NULL), NULL, &id));
        ran++;
        if (at % 100 == 1)
            while (ts_task_forget(scheduler, id) != TS_ERROR_NOT_FOUND)
                ;
        if (at % 100 == 0) {
            ts_error error;
            while ((error = ts_get_task_result(scheduler, id, &value)) == TS_ERROR_NOT_FINISHED)
                ;
            if (error == TS_OK) {
                parcel *its = (parcel *)value.data;
                CHECK(its->in == at && its->out == at + 1);
                ts_value_free(&value);
            }
        }
    }
    ts_scheduler_free(scheduler);
}

/* A name that was out of use for so long that nothing of it was left: its tasks still come after each
 * other, on whichever threads. */
static inline void renewed(long tasks)
{
    ts_scheduler *scheduler = scheduler_of("line_task_max: 4\nmaximum_queue_line: 0\n"
                                           "maximum_task_info_storage: 0\n");
    static long of_renewed[16];
    long at;
    for (at = 0; at < tasks; at++) {
        char name[32];
        ts_task_id id;
        long one = at % 4000;
        snprintf(name, sizeof name, "renewed %ld", one);
        MUST(ts_add_task(scheduler, false, name, work,
                         parcel_of(at, one < 16 ? &of_renewed[one] : NULL), (ts_drop_fn)free, &id));
        ran++;
    }
    /* A shutdown would cancel what is pending. */
    for (at = 0; at < 16; at++) {
        char name[32];
        ts_task_id id;
        snprintf(name, sizeof name, "renewed %ld", at);
        MUST(ts_add_task(scheduler, false, name, work, parcel_of(at, NULL), (ts_drop_fn)free, &id));
        ts_wait(scheduler, id, TS_FOREVER, NULL);
        ran++;
    }
    ts_scheduler_free(scheduler);
}
