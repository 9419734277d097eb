/* Functions that hear how a task ended: when, how often, and what they may do. */
#include "hosting.h"

static int32_t run_until_told(ts_token *token, void *user_data)
{
    (void)user_data;
    CHECK(ts_interruptible_sleep(token, 1e6) == TS_STOPPED);
    return 0;
}

/* What is told of an end, by on_end. */
typedef struct {
    ts_scheduler *scheduler;
    ts_completions *queue;
    ts_completion end;
    ts_task_id other;
    int dropped, heard, heard_drop, data, results;
    int dropped_before, not_before;
    int what;               /* for what it does */
    ts_error error;
} listener;

static void drop_of_task(void *user_data)
{
    listener *its = user_data;
    if (counted(&its->heard) != 0)
        its->not_before = 1;
    count(&its->dropped);
}

static void drop_of_listener(void *user_data)
{
    listener *its = user_data;
    if (counted(&its->heard) != 1)
        its->not_before = 1;
    count(&its->heard_drop);
}

static void hear(const ts_completion *end, void *user_data)
{
    listener *its = user_data;
    its->end = *end;
    its->dropped_before = counted(&its->dropped);
    count(&its->heard);
}

static ts_task_options heard(listener *its, const char *name, ts_task_fn run)
{
    ts_task_options options = options_of(name, run, its, drop_of_task, 0);
    options.on_end = hear;
    options.on_end_data = its;
    options.on_end_drop = drop_of_listener;
    options.completion_data = its;
    return options;
}

static listener fresh(ts_scheduler *scheduler)
{
    listener its;
    memset(&its, 0, sizeof its);
    its.scheduler = scheduler;
    return its;
}

/* It was called once, last, before its drop, and told this. */
#define HEARD(its, its_state, its_code)                                            \
    do {                                                                           \
        await(&(its).heard_drop, 1);                                               \
        CHECK(counted(&(its).heard) == 1 && counted(&(its).heard_drop) == 1);      \
        CHECK(counted(&(its).dropped) == 1 && (its).dropped_before == 1);          \
        CHECK(!(its).not_before);                                                  \
        CHECK((its).end.state == (its_state) && (its).end.code == (its_code));     \
    } while (0)

static ts_poll poll_ready(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static ts_poll poll_failed(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_FAILED;
}

static ts_poll poll_for_ever(ts_token *token, void *user_data)
{
    (void)user_data;
    GIVES(TS_NOT_YET, ts_async_sleep(token, 1e6));
    return TS_POLL_PENDING;
}

static void every_end_is_heard_once_and_last(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    listener its = fresh(scheduler);
    ts_task_options options = heard(&its, "name", run_nothing);
    plug first = { 0, 0 };
    ts_pump *pump;
    ts_claim one;
    ts_task_id id;
    int at;

    MUST(ts_submit(scheduler, &options, &id));
    HEARD(its, TS_COMPLETED, 0);
    CHECK(same(its.end.id, id) && its.end.data == &its);

    its = fresh(scheduler);
    options = heard(&its, "name", run_seven);
    MUST(ts_submit(scheduler, &options, &id));
    HEARD(its, TS_FAILED, 7);

    its = fresh(scheduler);
    options = heard(&its, "name", run_until_told);
    options.flags = TS_TIMEOUT_PROCESSING;
    options.timeout_seconds = 0.02;
    MUST(ts_submit(scheduler, &options, &id));
    HEARD(its, TS_TIMEOUT, 0);

    its = fresh(scheduler);
    options = heard(&its, "name", run_until_told);
    MUST(ts_submit(scheduler, &options, &id));
    MUST(ts_force_stop(scheduler, id));
    HEARD(its, TS_CANCELLED, 0);

    /* One that never starts: heard before the call returns. */
    add(scheduler, "name", run_plug, &first, NULL);
    await(&first.started, 1);
    for (at = 0; at < 3; at++) {
        its = fresh(scheduler);
        options = heard(&its, "name", run_nothing);
        MUST(ts_submit(scheduler, &options, &id));
        if (at == 0)
            MUST(ts_force_stop(scheduler, id));
        else if (at == 1)
            MUST(ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "name", NULL));
        else
            MUST(ts_ban_task_name(scheduler, TS_LINEAR, "name"));
        CHECK(counted(&its.heard_drop) == 1);
        HEARD(its, TS_CANCELLED, 0);
    }
    pull(&first);
    MUST(ts_allow_task_name(scheduler, TS_LINEAR, "name"));

    for (at = 0; at < 4; at++) {
        its = fresh(scheduler);
        options = heard(&its, "async", NULL);
        options.poll = at == 0 ? poll_ready : at == 1 ? poll_failed : poll_for_ever;
        if (at == 3) {
            options.flags = TS_TIMEOUT_PROCESSING;
            options.timeout_seconds = 0.02;
        }
        MUST(ts_submit(scheduler, &options, &id));
        if (at == 2)
            MUST(ts_force_stop(scheduler, id));
        HEARD(its, at == 0 ? TS_COMPLETED : at == 1 ? TS_FAILED : at == 2 ? TS_CANCELLED : TS_TIMEOUT,
              at == 1);
    }

    for (at = 0; at < 3; at++) {
        its = fresh(scheduler);
        options = heard(&its, "claims", NULL);
        options.runner = TS_CLAIMS;
        if (at < 2) {
            MUST(ts_claim_submit(scheduler, &options, &one, &id));
        } else {
            MUST(ts_submit(scheduler, &options, &id));
            MUST(ts_force_stop(scheduler, id));
            one = take_one(scheduler);
        }
        CHECK(counted(&its.heard) == 0);
        MUST(ts_claim_finish(scheduler, &one, at == 1 ? -5 : 0, NULL, NULL, NULL));
        CHECK(counted(&its.heard_drop) == 1);
        HEARD(its, at == 0 ? TS_COMPLETED : at == 1 ? TS_FAILED : TS_CANCELLED, at == 1 ? -5 : 0);
    }

    MUST(ts_pump_new(scheduler, NULL, &pump));
    for (at = 0; at < 3; at++) {
        its = fresh(scheduler);
        options = heard(&its, "pump", at == 1 ? run_seven : run_nothing);
        options.pump = pump;
        MUST(ts_submit(scheduler, &options, &id));
        if (at == 2)
            MUST(ts_force_stop(scheduler, id));
        MUST(ts_pump_run(pump, 0, 0, NULL));
        CHECK(counted(&its.heard_drop) == 1);
        HEARD(its, at == 0 ? TS_COMPLETED : at == 1 ? TS_FAILED : TS_CANCELLED, at == 1 ? 7 : 0);
    }
    its = fresh(scheduler);
    options = heard(&its, "pump", run_nothing);
    options.pump = pump;
    MUST(ts_submit(scheduler, &options, &id));
    ts_pump_free(pump);
    HEARD(its, TS_CANCELLED, 0);
    ts_scheduler_free(scheduler);
}

static void nothing_is_heard_after_a_shutdown(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    enum { TASKS = 60 };
    static listener its[TASKS];
    int round, at;
    for (round = 0; round < 50; round++) {
        for (at = 0; at < TASKS; at++) {
            ts_task_options options;
            ts_task_id id;
            its[at] = fresh(scheduler);
            options = heard(&its[at], at % 3 ? "name" : NULL, at % 7 ? run_nothing : run_until_told);
            MUST(ts_submit(scheduler, &options, &id));
        }
        if (round == 49)
            ts_scheduler_free(scheduler);
        else
            GIVES(TS_OK, ts_shutdown(scheduler, true));
        for (at = 0; at < TASKS; at++)
            if (counted(&its[at].heard) != 1 || counted(&its[at].heard_drop) != 1 ||
                counted(&its[at].dropped) != 1 || its[at].not_before)
                check_failed(__FILE__, __LINE__, "an end", " was not heard in time");
    }
}

static int32_t run_listeners_result(ts_token *token, void *user_data)
{
    listener *its = user_data;
    GIVES(TS_OK, ts_set_result(token, &its->results, 4, drop_count));
    return 0;
}

enum { TAKES_RESULT = 1, WAITS, ADDS, FORGETS, FREES_QUEUE, TAKES_END, SHUTS_DOWN, WAITS_FOR_NEXT, STOPS };

static void act(const ts_completion *end, void *user_data)
{
    listener *its = user_data;
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_completion none;
    ts_value value;
    size_t got;
    its->end = *end;
    its->dropped_before = counted(&its->dropped);
    CHECK(state_of(its->scheduler, end->id) == end->state);
    switch (its->what) {
    case TAKES_RESULT:
        GIVES(TS_OK, ts_get_task_result(its->scheduler, end->id, &value));
        CHECK(value.data == &its->results);
        ts_value_free(&value);
        CHECK(counted(&its->results) == 1);
        break;
    case WAITS:
        GIVES(TS_OK, ts_wait(its->scheduler, end->id, TS_FOREVER, &status));
        CHECK(status.state == end->state);
        GIVES(TS_OK, ts_wait(its->scheduler, end->id, 0, NULL));
        break;
    case ADDS:
        MUST(ts_add_task(its->scheduler, false, "name", run_count, &its->data, NULL, &its->other));
        MUST(ts_add_task(its->scheduler, false, NULL, run_count, &its->data, NULL, &its->other));
        break;
    case FORGETS:
        GIVES(TS_OK, ts_task_forget(its->scheduler, end->id));
        CHECK(state_of(its->scheduler, end->id) == 0);
        CHECK(counted(&its->results) == 0 || counted(&its->results) == 1);
        break;
    case FREES_QUEUE:
        ts_completions_free(its->queue);
        its->queue = NULL;
        break;
    case TAKES_END:
        GIVES(TS_NOT_YET, ts_completions_take(its->queue, &none, 1, 0, &got));
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_completions_take(its->queue, &none, 1, TS_FOREVER, &got));
        break;
    case SHUTS_DOWN:
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_shutdown(its->scheduler, false));
        break;
    case WAITS_FOR_NEXT:
        /* That one starts when this has returned. */
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(its->scheduler, its->other, 2, NULL));
        break;
    default:
        GIVES(TS_ERROR_ALREADY_FINISHED, ts_force_stop(its->scheduler, end->id));
    }
    count(&its->heard);
}

/* By workers, as a claim, on a pump, and by a task that was cancelled before. */
static void who_hears_of_an_end_may_call_everything(void)
{
    int what, how;
    for (how = 0; how < 4; how++)
        for (what = TAKES_RESULT; what <= STOPS; what++) {
            ts_scheduler *scheduler = scheduler_with(what % 2 ? "" : "maximum_task_info_storage: 0");
            listener its = fresh(scheduler);
            ts_task_options options = options_of("name", run_listeners_result, &its, drop_of_task, 0);
            ts_pump *pump;
            plug first = { 0, 0 };
            ts_claim one, two;
            ts_task_id id;
            MUST(ts_pump_new(scheduler, NULL, &pump));
            MUST(ts_completions_new(scheduler, &its.queue));
            its.what = what;
            options.completions = its.queue;
            options.on_end = act;
            options.on_end_data = &its;
            options.on_end_drop = drop_of_listener;
            if (how == 3 && (what == TAKES_RESULT || what == WAITS_FOR_NEXT))
                its.what = WAITS;
            if (how != 0 && what == ADDS)
                its.what = WAITS;
            switch (how) {
            case 0:
            case 3:
                add(scheduler, "name", run_plug, &first, NULL);
                await(&first.started, 1);
                MUST(ts_submit(scheduler, &options, &id));
                its.other = add(scheduler, "name", run_nothing, NULL, NULL);
                if (how == 3)
                    MUST(ts_force_stop(scheduler, id));
                pull(&first);
                break;
            case 1:
                options.runner = TS_CLAIMS;
                MUST(ts_claim_submit(scheduler, &options, &one, &id));
                its.other = queue_up(scheduler, "name", NULL, NULL, 0);
                GIVES(TS_OK, ts_set_result(one.token, &its.results, 4, drop_count));
                two = finish_for_next(scheduler, &one);
                CHECK(same(two.id, its.other));
                finish(scheduler, &two);
                break;
            default:
                options.pump = pump;
                MUST(ts_submit(scheduler, &options, &id));
                options = options_of("name", run_nothing, NULL, NULL, 0);
                options.pump = pump;
                MUST(ts_submit(scheduler, &options, &its.other));
                MUST(ts_pump_run(pump, 0, 0, NULL));
            }
            HEARD(its, how == 3 ? TS_CANCELLED : TS_COMPLETED, 0);
            if (its.what == ADDS)
                await(&its.data, 2);
            if (its.queue != NULL) {
                ts_completion end = next_end(its.queue);
                CHECK(same(end.id, id));
                ts_completions_free(its.queue);
            }
            ts_pump_free(pump);
            ts_scheduler_free(scheduler);
            CHECK(counted(&its.results) == (how != 3));
        }
}

/* A chain of tasks, each of which is ended by who hears of the end before it. */
typedef struct {
    ts_scheduler *scheduler;
    ts_pump *pump;          /* never run */
    int how, left, depth, deepest, ends, drops;
    ts_task_id last;
} chain;

static void drop_of_chain(void *user_data)
{
    chain *its = user_data;
    count(&its->drops);
}

static void end_another(const ts_completion *end, void *user_data)
{
    chain *its = user_data;
    ts_state state = (ts_state)0;
    its->depth++;
    its->deepest = its->depth > its->deepest ? its->depth : its->deepest;
    GIVES(TS_OK, ts_get_task_state(its->scheduler, end->id, &state));
    CHECK(state == end->state);
    if (its->left-- > 0) {
        ts_task_options options = options_of(its->how == 1 ? NULL : "chain", run_nothing, its, drop_of_chain, 0);
        ts_task_id id = dirty_id();
        options.on_end = end_another;
        options.on_end_data = its;
        if (its->how < 2) {
            options.pump = its->pump;
            MUST(ts_submit(its->scheduler, &options, &id));
            GIVES(TS_OK, ts_force_stop(its->scheduler, id));
        } else {
            ts_claim claimed;
            options.runner = TS_CLAIMS;
            options.run = NULL;
            options.name = NULL;
            MUST(ts_claim_submit(its->scheduler, &options, &claimed, &id));
            MUST(ts_claim_start(its->scheduler, &claimed));
            finish(its->scheduler, &claimed);
        }
        /* It has ended, though nobody has heard of that yet. */
        GIVES(TS_OK, ts_wait(its->scheduler, id, TS_FOREVER, NULL));
        its->last = id;
    }
    its->depth--;
    count(&its->ends);
}

static void *begin_chain(void *argument)
{
    chain *its = argument;
    ts_task_options options = options_of(NULL, NULL, its, drop_of_chain, 0);
    ts_claim claimed;
    options.runner = TS_CLAIMS;
    options.on_end = end_another;
    options.on_end_data = its;
    MUST(ts_claim_submit(its->scheduler, &options, &claimed, &claimed.id));
    finish(its->scheduler, &claimed);
    return NULL;
}

static void ends_that_bring_about_others_need_no_stack(void)
{
    const int length = 100000;
    int how;
    for (how = 0; how < 3; how++) {
        pthread_attr_t small;
        pthread_t beginner;
        chain its;
        memset(&its, 0, sizeof its);
        its.scheduler = scheduler_with("maximum_queue_line: 0");
        MUST(ts_pump_new(its.scheduler, NULL, &its.pump));
        its.how = how;
        its.left = length;
        CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 256 * 1024) == 0);
        CHECK(pthread_create(&beginner, &small, begin_chain, &its) == 0);
        pthread_join(beginner, NULL);
        pthread_attr_destroy(&small);
        /* All of it, before the call that began it has returned. */
        CHECK(counted(&its.ends) == length + 1 && counted(&its.drops) == length + 1);
        CHECK(its.deepest == 1 && its.depth == 0);
        ts_pump_free(its.pump);
        ts_scheduler_free(its.scheduler);
    }
}

static void drop_and_wait(void *user_data)
{
    listener *its = user_data;
    its->error = ts_wait(its->scheduler, its->other, 2, NULL);
    count(&its->dropped);
}

/* The drop of user_data is part of the end, so the lane is still held up. */
static void a_drop_may_not_wait_for_the_next_of_its_name(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int how;
    for (how = 0; how < 2; how++) {
        listener its = fresh(scheduler);
        plug first = { 0, 0 };
        ts_claim one, two;
        if (how == 0) {
            add(scheduler, "name", run_plug, &first, NULL);
            await(&first.started, 1);
            add(scheduler, "name", run_nothing, &its, drop_and_wait);
            its.other = add(scheduler, "name", run_nothing, NULL, NULL);
            pull(&first);
        } else {
            one = start_one(scheduler, "claims", &its, drop_and_wait, 0);
            its.other = queue_up(scheduler, "claims", NULL, NULL, 0);
            two = finish_for_next(scheduler, &one);
            finish(scheduler, &two);
        }
        await(&its.dropped, 1);
        check_error(__FILE__, __LINE__, "ts_wait in a drop", its.error, TS_ERROR_WOULD_DEADLOCK);
        ended(scheduler, its.other);
    }
    ts_scheduler_free(scheduler);
}

static void act_on_loop(const ts_completion *end, void *user_data)
{
    listener *its = user_data;
    its->error = ts_wait(its->scheduler, its->other, 2, NULL);
    hear(end, user_data);
}

/* On a loop nothing may wait: the other task might run on that very loop. */
static void who_hears_of_an_async_end_holds_up_no_loop(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    listener its = fresh(scheduler);
    ts_task_options options = options_of("name", NULL, NULL, NULL, 0);
    ts_task_id id;
    options.poll = poll_for_ever;
    MUST(ts_submit(scheduler, &options, &its.other));
    options = heard(&its, NULL, NULL);
    options.poll = poll_ready;
    options.on_end = act_on_loop;
    MUST(ts_submit(scheduler, &options, &id));
    HEARD(its, TS_COMPLETED, 0);
    check_error(__FILE__, __LINE__, "ts_wait on a loop", its.error, TS_ERROR_WOULD_DEADLOCK);
    ts_scheduler_free(scheduler);
}

static void a_refused_add_reports_nothing(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 1"), *other = scheduler_with(NULL);
    ts_completions *queue = queue_of(scheduler), *foreign = queue_of(other);
    listener its = fresh(scheduler);
    plug first = { 0, 0 };
    ts_task_options options = heard(&its, "name", run_nothing);
    ts_task_id id;
    options.completions = queue;
    add(scheduler, "name", run_plug, &first, NULL);
    await(&first.started, 1);
    add(scheduler, "name", run_nothing, NULL, NULL);
    GIVES(TS_ERROR_QUEUE_FULL, ts_submit(scheduler, &options, &id));
    MUST(ts_ban_task_name(scheduler, TS_LINEAR, "banned"));
    options.name = "banned";
    GIVES(TS_ERROR_BANNED, ts_submit(scheduler, &options, &id));
    options.flags = 64;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_submit(scheduler, &options, &id));
    options.flags = 0;
    options.completions = foreign;
    GIVES(TS_ERROR_INVALID_ARGUMENT, ts_submit(scheduler, &options, &id));
    no_end(queue);
    pull(&first);
    ts_completions_free(queue);
    ts_completions_free(foreign);
    ts_scheduler_free(other);
    ts_scheduler_free(scheduler);
    CHECK(counted(&its.heard) == 0 && counted(&its.heard_drop) == 0 && counted(&its.dropped) == 0);
}

static const check_test tests[] = {
    TEST(every_end_is_heard_once_and_last),
    TEST(nothing_is_heard_after_a_shutdown),
    TEST(who_hears_of_an_end_may_call_everything),
    TEST(ends_that_bring_about_others_need_no_stack),
    TEST(a_drop_may_not_wait_for_the_next_of_its_name),
    TEST(who_hears_of_an_async_end_holds_up_no_loop),
    TEST(a_refused_add_reports_nothing),
};

CHECK_ALL(tests)
