/* Every function of the header, called from everywhere: everywhere_table.h says what each call gives.
 * With --table that is printed, a line for each row; with --places, what comes out. */
#include "everywhere_stage.h"
#include "everywhere_table.h"

#define ROWS (sizeof table / sizeof *table)

static const char *const place_names[PLACES] = {
    "PLAINLY", "IN_TASK", "IN_POLL", "IN_DROP", "IN_ASYNC_DROP", "IN_CANCELLED_DROP",
    "IN_RESULT_DROP", "IN_END", "IN_END_DROP", "IN_ASYNC_END", "IN_READY", "IN_PUMP_TASK",
    "WITH_CLAIM", "IN_LOG", "IN_THREAD_START", "IN_THREAD_STOP",
};

static int prints;
/* The next function that hears of something is to make the calls: only the first one. */
static int armed;
static pthread_t main_thread;

static int disarm(void)
{
    int was;
    pthread_mutex_lock(&check_lock);
    was = armed;
    armed = 0;
    pthread_mutex_unlock(&check_lock);
    return was;
}

/* Makes the calls, here. */
static void try_here(ts_token *token)
{
    size_t at;
    await(&on.may_call, 1);
    on.token = token;
    for (at = 0; at < ROWS; at++) {
        char wanted = code_at(&table[at], on.place), gave, text[200];
        if (wanted == NO_CALL)
            continue;
        gave = letter_of(table[at].call(&on));
        if (prints)
            printf("%s %s %s %c\n", place_names[on.place], table[at].function, table[at].how, gave);
        else if (gave != wanted) {
            snprintf(text, sizeof text, "%s %s, %s, gives %c, not %c: %s", table[at].function,
                     table[at].how, place_names[on.place], gave, wanted, ts_last_error_message());
            check_failed(__FILE__, __LINE__, text, "");
        }
    }
    count(&on.called);
}

static int32_t run_here(ts_token *token, void *user_data)
{
    (void)user_data;
    try_here(token);
    return 0;
}

static ts_poll poll_here(ts_token *token, void *user_data)
{
    (void)user_data;
    try_here(token);
    return TS_POLL_READY;
}

static void drop_here(void *user_data)
{
    (void)user_data;
    try_here(NULL);
}

static void end_here(const ts_completion *end, void *user_data)
{
    (void)end;
    (void)user_data;
    try_here(NULL);
}

static void end_nowhere(const ts_completion *end, void *user_data)
{
    (void)end;
    (void)user_data;
}

static void ready_here(void *user_data)
{
    (void)user_data;
    if (disarm())
        try_here(NULL);
}

static void log_here(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
    if (pthread_equal(pthread_self(), main_thread) && disarm())
        try_here(NULL);
}

static void thread_here(ts_thread_event event, const char *name, void *user_data)
{
    (void)user_data;
    if (event == (on.place == IN_THREAD_START ? TS_THREAD_STARTED : TS_THREAD_STOPPING)
        && strstr(name, "worker") != NULL && disarm())
        try_here(NULL);
}

static int32_t leave_result(ts_token *token, void *user_data)
{
    return ts_set_result(token, user_data, 1, drop_here) != TS_OK;
}

/* The own task, of whatever options; what is added on this thread makes its calls at once. */
static void submit_own(const ts_task_options *options, int at_once)
{
    if (at_once)
        count(&on.may_call);
    MUST(ts_submit(on.scheduler, options, &on.own));
    if (!at_once)
        count(&on.may_call);
}

static void go_there(place where)
{
    ts_task_options task = options_of("own", run_nothing, NULL, NULL, 0);
    ts_claim claimed;
    plug more = { 0, 0 };
    int at;
    set_up(where, where == IN_READY ? ready_here : NULL, thread_here);
    switch (where) {
    case IN_TASK:
        task.run = run_here;
        submit_own(&task, 0);
        break;
    case IN_POLL:
        task.run = NULL;
        task.poll = poll_here;
        submit_own(&task, 0);
        break;
    case IN_DROP:
    case IN_ASYNC_DROP:
        task.run = where == IN_DROP ? run_nothing : NULL;
        task.poll = where == IN_DROP ? NULL : poll_nothing;
        task.drop = drop_here;
        submit_own(&task, 0);
        break;
    case IN_CANCELLED_DROP:
        task.name = "runs";
        task.drop = drop_here;
        submit_own(&task, 0);
        MUST(ts_force_stop(on.scheduler, on.own));
        break;
    case IN_RESULT_DROP:
        task.run = leave_result;
        task.flags = TS_KEEP;
        submit_own(&task, 0);
        CHECK(ended(on.scheduler, on.own) == TS_COMPLETED);
        MUST(ts_task_forget(on.scheduler, on.own));
        break;
    case IN_ASYNC_END:
        task.run = NULL;
        task.poll = poll_nothing;
        task.on_end = end_here;
        submit_own(&task, 0);
        break;
    case IN_END:
    case IN_END_DROP:
        task.on_end = where == IN_END ? end_here : end_nowhere;
        task.on_end_drop = where == IN_END ? NULL : drop_here;
        submit_own(&task, 0);
        break;
    case IN_READY:
        armed = 1;
        task.pump = on.own_pump;
        submit_own(&task, 1);
        break;
    case IN_PUMP_TASK:
        task.run = run_here;
        task.pump = on.own_pump;
        submit_own(&task, 0);
        run(on.own_pump, 0);
        break;
    case WITH_CLAIM:
        claimed = start_one(on.scheduler, "own", NULL, NULL, 0);
        on.own = claimed.id;
        MUST(ts_claim_start(on.scheduler, &claimed));
        count(&on.may_call);
        try_here(claimed.token);
        finish(on.scheduler, &claimed);
        break;
    case IN_LOG:
        armed = 1;
        MUST(ts_set_log_callback(log_here, NULL, NULL));
        count(&on.may_call);
        MUST(ts_ban_task_name(on.scheduler, TS_LINEAR, "worse"));
        break;
    case IN_THREAD_START:
    case IN_THREAD_STOP:
        count(&on.may_call);
        pthread_mutex_lock(&check_lock);
        armed = 1;
        pthread_mutex_unlock(&check_lock);
        /* More than there are idle threads; or one, that is idle soon. */
        for (at = 0; at < (where == IN_THREAD_START ? 8 : 1); at++)
            add(on.scheduler, NULL, where == IN_THREAD_START ? run_plug : run_nothing, &more, NULL);
        break;
    default:
        count(&on.may_call);
        try_here(NULL);
    }
    await(&on.called, 1);
    pull(&more);
    tear_down();
}

#define GO(name, where) static void name(void) { go_there(where); }
GO(every_call_plainly, PLAINLY)
GO(every_call_in_a_task, IN_TASK)
GO(every_call_in_a_poll, IN_POLL)
GO(every_call_in_a_drop, IN_DROP)
GO(every_call_in_an_async_drop, IN_ASYNC_DROP)
GO(every_call_in_the_drop_of_a_cancelled_task, IN_CANCELLED_DROP)
GO(every_call_in_the_drop_of_a_result, IN_RESULT_DROP)
GO(every_call_in_on_end, IN_END)
GO(every_call_in_the_drop_of_on_end, IN_END_DROP)
GO(every_call_in_on_end_of_an_async_task, IN_ASYNC_END)
GO(every_call_in_ready, IN_READY)
GO(every_call_in_a_task_of_a_pump, IN_PUMP_TASK)
GO(every_call_with_a_claim, WITH_CLAIM)
GO(every_call_in_the_log, IN_LOG)
GO(every_call_in_the_start_of_a_thread, IN_THREAD_START)
GO(every_call_in_the_end_of_a_thread, IN_THREAD_STOP)

static const check_test tests[] = {
    TEST(every_call_plainly),
    TEST(every_call_in_a_task),
    TEST(every_call_in_a_poll),
    TEST(every_call_in_a_drop),
    TEST(every_call_in_an_async_drop),
    TEST(every_call_in_the_drop_of_a_cancelled_task),
    TEST(every_call_in_the_drop_of_a_result),
    TEST(every_call_in_on_end),
    TEST(every_call_in_the_drop_of_on_end),
    TEST(every_call_in_on_end_of_an_async_task),
    TEST(every_call_in_ready),
    TEST(every_call_in_a_task_of_a_pump),
    TEST(every_call_with_a_claim),
    TEST(every_call_in_the_log),
    TEST(every_call_in_the_start_of_a_thread),
    TEST(every_call_in_the_end_of_a_thread),
};

int main(int argc, char **argv)
{
    size_t at;
    main_thread = pthread_self();
    prints = argc > 1 && strcmp(argv[1], "--places") == 0;
    for (at = 0; at < ROWS && argc > 1 && strcmp(argv[1], "--table") == 0; at++)
        printf("%s|%s|%s\n", table[at].function, table[at].how, table[at].codes);
    if (at > 0)
        return 0;
    return check_all(tests, sizeof tests / sizeof *tests, prints ? 1 : argc, argv);
}
