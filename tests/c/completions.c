/* Completion queues: every end comes out of them, once and in order. */
#include "hosting.h"

static ts_task_options reporting(ts_completions *queue, const char *name, ts_task_fn run, void *user_data,
                                 void *data)
{
    ts_task_options options = options_of(name, run, user_data, NULL, 0);
    options.completions = queue;
    options.completion_data = data;
    return options;
}

static ts_task_id reported(ts_scheduler *scheduler, ts_completions *queue, const char *name, ts_task_fn run,
                           void *user_data, void *data)
{
    ts_task_options options = reporting(queue, name, run, user_data, data);
    ts_task_id id;
    MUST(ts_submit(scheduler, &options, &id));
    return id;
}

static int32_t run_result(ts_token *token, void *user_data)
{
    GIVES(TS_OK, ts_set_result(token, user_data, 4, drop_count));
    return 0;
}

static int32_t run_until_told(ts_token *token, void *user_data)
{
    (void)user_data;
    CHECK(ts_interruptible_sleep(token, 1e6) == TS_STOPPED);
    return 0;
}

#define MANY 100000
static int numbers[MANY];

static void no_end_is_lost_and_all_come_in_order(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0\nmaximum_task_info_storage: 0");
    ts_completions *queue = queue_of(scheduler);
    ts_completion ends[64];
    size_t got, at;
    int next = 0, made;
    ts_task_id last;
    memset(&last, 0, sizeof last);
    for (made = 0; made < MANY; made++)
        last = reported(scheduler, queue, "name", run_nothing, NULL, &numbers[made]);
    /* Until all have ended nobody reads. */
    MUST(ts_wait(scheduler, last, TS_FOREVER, NULL));
    while (next < MANY) {
        MUST(ts_completions_take(queue, ends, 1 + (size_t)next % 64, TS_FOREVER, &got));
        CHECK(got == 1 + (size_t)next % 64 || next + (int)got == MANY);
        for (at = 0; at < got; at++) {
            if (ends[at].data != &numbers[next] || ends[at].state != TS_COMPLETED || ends[at].code != 0)
                check_failed(__FILE__, __LINE__, "an end", " is another");
            if (next++ % 1000 == 0)
                CHECK(state_of(scheduler, ends[at].id) == 0);
        }
    }
    no_end(queue);
    ts_completions_free(queue);
    ts_scheduler_free(scheduler);
}

static void memory_does_not_grow_with_the_ends_that_were_taken(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 0");
    ts_completions *queue = queue_of(scheduler);
    long before = 0;
    int round;
    for (round = 0; round < MANY; round++) {
        reported(scheduler, queue, round % 2 ? "name" : NULL, run_nothing, NULL, NULL);
        next_end(queue);
        if (round == MANY / 10)
            before = pages();
    }
    CHECK(pages() - before < 400);
    ts_completions_free(queue);
    ts_scheduler_free(scheduler);
}

static void a_record_stays_until_its_end_was_taken(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 1");
    int storage, results = 0, kept;
    for (storage = 1; storage >= 0; storage--)
        for (kept = 0; kept < 2; kept++) {
            ts_completions *queue = queue_of(scheduler);
            ts_task_options options = reporting(queue, "name", run_result, &results, &numbers[3]);
            ts_task_id ids[20];
            ts_value value;
            ts_completion end;
            int at, before = counted(&results);
            MUST(ts_update_config(scheduler, "maximum_task_info_storage", storage ? "1" : "0"));
            if (kept)
                options.flags = TS_KEEP;
            for (at = 0; at < 20; at++)
                MUST(ts_submit(scheduler, &options, &ids[at]));
            for (at = 0; at < 20; at++)
                MUST(ts_wait(scheduler, ids[at], TS_FOREVER, NULL));
            for (at = 0; at < 20; at++) {
                CHECK(status_of(scheduler, ids[at]).state == TS_COMPLETED);
                if (at % 2) {
                    GIVES(TS_OK, ts_get_task_result(scheduler, ids[at], &value));
                    ts_value_free(&value);
                }
            }
            CHECK(counted(&results) == before + 10);
            for (at = 0; at < 20; at++) {
                end = next_end(queue);
                CHECK(same(end.id, ids[at]) && end.data == &numbers[3]);
                CHECK(state_of(scheduler, ids[at]) == (kept || storage ? TS_COMPLETED : 0));
                if (at > 0)
                    CHECK(state_of(scheduler, ids[at - 1]) == (kept ? TS_COMPLETED : 0));
            }
            for (at = 0; at < 20; at++)
                GIVES(kept || (storage && at == 19) ? TS_OK : TS_ERROR_NOT_FOUND,
                      ts_task_forget(scheduler, ids[at]));
            CHECK(counted(&results) == before + 20);
            ts_completions_free(queue);
        }
    ts_scheduler_free(scheduler);
}

/* Before the start, while it runs, after its end, after the take; kept or not. */
static void forgetting_loses_no_end(void)
{
    int when, kept, storage;
    for (storage = 0; storage < 2; storage++)
        for (when = 0; when < 4; when++)
            for (kept = 0; kept < 2; kept++) {
                ts_scheduler *scheduler = scheduler_with(storage ? "" : "maximum_task_info_storage: 0");
                ts_completions *queue = queue_of(scheduler);
                plug first = { 0, 0 }, its = { 0, 0 };
                ts_task_id id, blocker = add(scheduler, "name", run_plug, &first, NULL);
                ts_task_options options = reporting(queue, "name", run_plug, &its, &its);
                ts_completion end;
                if (kept)
                    options.flags = TS_KEEP;
                await(&first.started, 1);
                MUST(ts_submit(scheduler, &options, &id));
                if (when == 0)
                    GIVES(TS_OK, ts_task_forget(scheduler, id));
                pull(&first);
                await(&its.started, 1);
                if (when == 1)
                    GIVES(TS_OK, ts_task_forget(scheduler, id));
                CHECK(state_of(scheduler, id) == TS_RUNNING);
                pull(&its);
                MUST(ts_wait(scheduler, id, TS_FOREVER, NULL));
                CHECK(state_of(scheduler, id) == TS_COMPLETED);
                if (when == 2) {
                    GIVES(TS_OK, ts_task_forget(scheduler, id));
                    CHECK(state_of(scheduler, id) == 0);
                    GIVES(TS_ERROR_NOT_FOUND, ts_task_forget(scheduler, id));
                }
                end = next_end(queue);
                CHECK(same(end.id, id) && end.data == &its && end.state == TS_COMPLETED);
                no_end(queue);
                if (when == 3)
                    GIVES(kept || storage ? TS_OK : TS_ERROR_NOT_FOUND, ts_task_forget(scheduler, id));
                CHECK(state_of(scheduler, id) ==
                      (when < 2 && storage ? TS_COMPLETED : 0));
                (void)blocker;
                ts_completions_free(queue);
                ts_scheduler_free(scheduler);
            }
}

static void the_descriptor_is_readable_while_there_is_an_end(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_completions *queue = queue_of(scheduler);
    ts_completion ends[3];
    size_t got;
    int fd = -7, again;
    reported(scheduler, queue, NULL, run_nothing, NULL, NULL);
    next_end(queue);
    MUST(ts_completions_fd(queue, &fd));
    MUST(ts_completions_fd(queue, &again));
    CHECK(fd == again && !is_readable(fd));
    reported(scheduler, queue, NULL, run_nothing, NULL, NULL);
    await_readable(fd);
    MUST(ts_wait(scheduler, reported(scheduler, queue, NULL, run_nothing, NULL, NULL), TS_FOREVER, NULL));
    next_end(queue);
    await_readable(fd);
    MUST(ts_completions_take(queue, ends, 3, TS_FOREVER, &got));
    CHECK(got == 1 && !is_readable(fd));
    ts_completions_free(queue);
    ts_scheduler_free(scheduler);
}

static void every_queue_gets_its_own(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    ts_completions *queues[3];
    int at;
    for (at = 0; at < 3; at++)
        queues[at] = queue_of(scheduler);
    for (at = 0; at < 300; at++)
        reported(scheduler, queues[at % 3], "name", at % 2 ? run_seven : run_nothing, NULL, &numbers[at]);
    for (at = 0; at < 300; at++) {
        ts_completion end = next_end(queues[at % 3]);
        CHECK(end.data == &numbers[at] && end.state == (at % 2 ? TS_FAILED : TS_COMPLETED));
        CHECK(end.code == (at % 2 ? 7 : 0));
    }
    for (at = 0; at < 3; at++) {
        no_end(queues[at]);
        ts_completions_free(queues[at]);
    }
    ts_scheduler_free(scheduler);
}

/* Ends that nobody took, tasks that run, and tasks that wait. */
static void a_queue_may_be_freed_at_any_time(void)
{
    int round;
    for (round = 0; round < 2; round++) {
        ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 0");
        ts_completions *queue = queue_of(scheduler);
        plug its = { 0, 0 };
        ts_task_id done, runs, waits;
        int results = 0, ran = 0, fd;
        done = reported(scheduler, queue, "result", run_result, &results, NULL);
        MUST(ts_wait(scheduler, done, TS_FOREVER, NULL));
        runs = reported(scheduler, queue, "name", run_plug, &its, NULL);
        await(&its.started, 1);
        waits = reported(scheduler, queue, "name", run_count, &ran, NULL);
        /* Its end is there, which may take a moment longer than a wait. */
        MUST(ts_completions_fd(queue, &fd));
        await_readable(fd);
        CHECK(state_of(scheduler, done) == TS_COMPLETED && counted(&results) == 0);
        ts_completions_free(queue);
        /* Nothing keeps it now. */
        CHECK(state_of(scheduler, done) == 0 && counted(&results) == 1);
        CHECK(state_of(scheduler, runs) == TS_RUNNING && state_of(scheduler, waits) == TS_PENDING);
        if (round == 0) {
            pull(&its);
            await(&ran, 1);
        } else {
            MUST(ts_force_stop(scheduler, waits));
            CHECK(state_of(scheduler, waits) == 0);
            pull(&its);
        }
        ts_scheduler_free(scheduler);
    }
}

typedef struct {
    ts_completions *queue;
    ts_completion end;
    size_t got;
    ts_error error;
    int began;
} reader;

static void *read_one(void *argument)
{
    reader *its = argument;
    count(&its->began);
    its->error = ts_completions_take(its->queue, &its->end, 1, TS_FOREVER, &its->got);
    return NULL;
}

static void who_waits_for_an_end_is_woken(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_completions *queue = queue_of(scheduler);
    reader readers[3];
    pthread_t threads[3];
    ts_completion end;
    size_t got = 77;
    int at;
    GIVES(TS_ERROR_TIMED_OUT, ts_completions_take(queue, &end, 1, 0.001, &got));
    CHECK(got == 77);
    memset(readers, 0, sizeof readers);
    for (at = 0; at < 3; at++) {
        readers[at].queue = queue;
        threads[at] = thread(read_one, &readers[at]);
    }
    for (at = 0; at < 3; at++)
        await(&readers[at].began, 1);
    reported(scheduler, queue, NULL, run_nothing, NULL, &numbers[0]);
    reported(scheduler, queue, NULL, run_nothing, NULL, &numbers[0]);
    reported(scheduler, queue, NULL, run_nothing, NULL, &numbers[0]);
    for (at = 0; at < 3; at++) {
        pthread_join(threads[at], NULL);
        CHECK(readers[at].error == TS_OK && readers[at].got == 1 && readers[at].end.data == &numbers[0]);
    }
    ts_completions_free(queue);
    ts_scheduler_free(scheduler);
}

static void a_queue_outlives_its_scheduler(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_completions *queue = queue_of(scheduler), *left = queue_of(scheduler);
    plug its = { 0, 0 };
    reader readers[2];
    pthread_t threads[2];
    ts_completion end;
    size_t got = 77;
    int at, fd, results = 0;
    MUST(ts_completions_fd(left, &fd));
    memset(readers, 0, sizeof readers);
    for (at = 0; at < 2; at++) {
        readers[at].queue = queue;
        threads[at] = thread(read_one, &readers[at]);
        await(&readers[at].began, 1);
    }
    reported(scheduler, left, "result", run_result, &results, &numbers[1]);
    await_readable(fd);
    reported(scheduler, left, "name", run_until_told, NULL, &numbers[2]);
    reported(scheduler, left, "name", run_nothing, &its, &numbers[3]);
    ts_scheduler_free(scheduler);
    CHECK(counted(&results) == 1);
    for (at = 0; at < 2; at++) {
        pthread_join(threads[at], NULL);
        CHECK(readers[at].error == TS_ERROR_SHUTTING_DOWN);
    }
    CHECK(is_readable(fd));
    for (at = 0; at < 3; at++) {
        end = next_end(left);
        /* What waits behind a task that is cancelled before it started may start in its place. */
        CHECK(end.data != &numbers[2] || end.state == TS_CANCELLED);
    }
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_completions_take(left, &end, 1, 0, &got));
    GIVES(TS_ERROR_SHUTTING_DOWN, ts_completions_take(left, &end, 1, TS_FOREVER, &got));
    CHECK(got == 77);
    ts_completions_free(left);
    ts_completions_free(queue);
    /* Freed with what is left in it. */
    scheduler = scheduler_with(NULL);
    queue = queue_of(scheduler);
    MUST(ts_wait(scheduler, reported(scheduler, queue, NULL, run_nothing, NULL, NULL), TS_FOREVER, NULL));
    ts_scheduler_free(scheduler);
    ts_completions_free(queue);
}

static void cancelled_ones_report_too(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_completions *queue = queue_of(scheduler);
    plug first = { 0, 0 };
    ts_completion end;
    int at;
    add(scheduler, "name", run_plug, &first, NULL);
    for (at = 0; at < 3; at++) {
        ts_task_id id = reported(scheduler, queue, "name", run_nothing, NULL, &numbers[at]);
        if (at == 0)
            MUST(ts_force_stop(scheduler, id));
        else if (at == 1)
            MUST(ts_ban_task_name(scheduler, TS_LINEAR, "name"));
        if (at == 1)
            MUST(ts_allow_task_name(scheduler, TS_LINEAR, "name"));
        if (at < 2) {
            end = next_end(queue);
            CHECK(same(end.id, id) && end.state == TS_CANCELLED && end.data == &numbers[at]);
        }
    }
    pull(&first);
    GIVES(TS_OK, ts_shutdown(scheduler, true));
    end = next_end(queue);
    CHECK(end.data == &numbers[2]);
    no_end(queue);
    ts_completions_free(queue);
    ts_scheduler_free(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    ts_completions *queue;
    int stop, ended;
} crowd;

static void *add_many(void *argument)
{
    crowd *its = argument;
    int at;
    for (at = 0; at < 400; at++)
        reported(its->scheduler, its->queue, at % 2 ? "name" : NULL, run_nothing, NULL, NULL);
    return NULL;
}

/* The free meets ends that are just being reported. */
static void a_free_may_meet_ends(void)
{
    int round;
    for (round = 0; round < 200; round++) {
        crowd its;
        memset(&its, 0, sizeof its);
        its.scheduler = scheduler_with("maximum_queue_line: 0\nmaximum_task_info_storage: 0");
        its.queue = queue_of(its.scheduler);
        add_many(&its);
        ts_completions_free(its.queue);
        GIVES(TS_OK, ts_shutdown(its.scheduler, false));
        CHECK(how_many(its.scheduler, TS_COMPLETED) + how_many(its.scheduler, TS_CANCELLED) == 0);
        ts_scheduler_free(its.scheduler);
    }
}

static const check_test tests[] = {
    TEST(no_end_is_lost_and_all_come_in_order),
    TEST(memory_does_not_grow_with_the_ends_that_were_taken),
    TEST(a_record_stays_until_its_end_was_taken),
    TEST(forgetting_loses_no_end),
    TEST(the_descriptor_is_readable_while_there_is_an_end),
    TEST(every_queue_gets_its_own),
    TEST(a_queue_may_be_freed_at_any_time),
    TEST(who_waits_for_an_end_is_woken),
    TEST(a_queue_outlives_its_scheduler),
    TEST(cancelled_ones_report_too),
    TEST(a_free_may_meet_ends),
};

CHECK_ALL(tests)
