/* Each argument that is not allowed gets its own error and sentence, and
 * changes nothing. Checked before any scheduler is asked. */
#include <task_scheduling.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
static int drops;

static void expect(int line, const char *what, ts_error error, const char *words)
{
    if (error != TS_ERROR_INVALID_ARGUMENT || strcmp(ts_last_error_message(), words) != 0) {
        fprintf(stderr, "%d: %s\n  gave %s: %s\n  not  %s\n", line, what, ts_error_name(error),
                ts_last_error_message(), words);
        failures++;
    }
}

static void check(int line, const char *what, int holds)
{
    if (!holds) {
        fprintf(stderr, "%d: %s does not hold\n", line, what);
        failures++;
    }
}

#define EXPECT(call, words) expect(__LINE__, #call, (call), (words))
#define CHECK(what) check(__LINE__, #what, (what))

static int32_t run(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return 0;
}

static ts_poll poll(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

static void drop(void *user_data)
{
    (void)user_data;
    drops++;
}

static const ts_task_id zero;
static ts_task_id id;
static char *long_name;

/* An id that a failing call has to set to zero. */
static ts_task_id *dirty(void)
{
    memset(&id, 0x5a, sizeof id);
    return &id;
}

#define EXPECT_NO_ID(call, words)                    \
    do {                                             \
        EXPECT(call, words);                         \
        CHECK(memcmp(&id, &zero, sizeof id) == 0);   \
    } while (0)

static ts_error submit(ts_task_options options)
{
    return ts_submit(NULL, &options, dirty());
}

static ts_task_options good(void)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = "name";
    options.run = run;
    options.drop = drop;
    return options;
}

#define SUBMIT_WITH(field, value, words)             \
    do {                                             \
        ts_task_options options = good();            \
        options.field = (value);                     \
        EXPECT_NO_ID(submit(options), words);        \
    } while (0)

static void adding(void)
{
    static const char name_words[] = "the task name is empty; a name has 1 to 255 bytes";
    EXPECT(ts_add_task(NULL, false, "name", run, NULL, drop, NULL), "out_id is NULL");
    EXPECT_NO_ID(ts_add_task(NULL, false, "name", NULL, NULL, drop, dirty()), "run is NULL");
    EXPECT_NO_ID(ts_add_task(NULL, false, "", run, NULL, drop, dirty()), name_words);
    EXPECT_NO_ID(ts_add_task(NULL, false, long_name, run, NULL, drop, dirty()),
                 "the task name is longer than 255 bytes");
    EXPECT_NO_ID(ts_add_task(NULL, false, "ab\xff", run, NULL, drop, dirty()),
                 "the task name is not UTF-8 at byte 2");
    EXPECT(ts_add_async_task(NULL, false, "name", poll, NULL, drop, NULL), "out_id is NULL");
    EXPECT_NO_ID(ts_add_async_task(NULL, false, "name", NULL, NULL, drop, dirty()), "poll is NULL");
    EXPECT_NO_ID(ts_add_async_task(NULL, false, "", poll, NULL, drop, dirty()), name_words);
}

static void submitting(void)
{
    struct {
        ts_task_options known;
        unsigned char more[64];
    } newer;
    ts_task_options options = good();
    EXPECT(ts_submit(NULL, &options, NULL), "out_id is NULL");
    EXPECT_NO_ID(ts_submit(NULL, NULL, dirty()), "options is NULL");

    SUBMIT_WITH(name, "", "the task name is empty; a name has 1 to 255 bytes");
    SUBMIT_WITH(name, long_name, "the task name is longer than 255 bytes");
    SUBMIT_WITH(run, NULL, "run and poll are both NULL; a task has one of them, unless you run it by claims");
    SUBMIT_WITH(poll, poll, "run and poll are both set; a task has one of them");
    SUBMIT_WITH(kind, (ts_kind)3, "kind is 3; it is TS_LINEAR (1) or TS_ASYNC (2)");
    SUBMIT_WITH(kind, (ts_kind)-1, "kind is -1; it is TS_LINEAR (1) or TS_ASYNC (2)");
    SUBMIT_WITH(kind, TS_ASYNC, "kind is TS_ASYNC, but run is set; an async task has poll");
    SUBMIT_WITH(flags, 64, "flags has the unknown bits 0x40; known are 0x3f");
    SUBMIT_WITH(timeout_seconds, (double)NAN, "timeout_seconds is not a number; it is 0 to 1e9");
    SUBMIT_WITH(timeout_seconds, TS_FOREVER, "timeout_seconds is infinite; it is 0 to 1e9");
    SUBMIT_WITH(timeout_seconds, -1.0, "timeout_seconds is -1e0; it is 0 to 1e9");
    SUBMIT_WITH(timeout_seconds, 1e300, "timeout_seconds is 1e300; it is 0 to 1e9");
    SUBMIT_WITH(wait_seconds, (double)NAN,
                "wait_seconds is not a number; it is 0 to 1e9, or TS_FOREVER");
    SUBMIT_WITH(wait_seconds, -1.0, "wait_seconds is -1e0; it is 0 to 1e9, or TS_FOREVER");
    SUBMIT_WITH(wait_seconds, 1e300, "wait_seconds is 1e300; it is 0 to 1e9, or TS_FOREVER");

    options = good();
    options.run = NULL;
    options.poll = poll;
    options.kind = TS_LINEAR;
    EXPECT_NO_ID(submit(options), "kind is TS_LINEAR, but poll is set; a linear task has run");

#if UINTPTR_MAX == UINT64_MAX
    SUBMIT_WITH(size, 0,
                "the size in options is 0; it is 72 to 4096, and TS_TASK_OPTIONS_INIT sets it");
    SUBMIT_WITH(size, 71,
                "the size in options is 71; it is 72 to 4096, and TS_TASK_OPTIONS_INIT sets it");
    SUBMIT_WITH(size, 4097,
                "the size in options is 4097; it is 72 to 4096, and TS_TASK_OPTIONS_INIT sets it");
    /* A newer host's struct: what is not known here must be zero. */
    memset(&newer, 0, sizeof newer);
    newer.known = good();
    newer.known.size = sizeof newer;
    newer.more[63] = 1;
    EXPECT_NO_ID(ts_submit(NULL, &newer.known, dirty()),
                 "options asks for something that this version of the library does not have: "
                 "a field behind its first 136 bytes is not 0");
    newer.more[63] = 0;
    newer.known.flags = 64;
    EXPECT_NO_ID(ts_submit(NULL, &newer.known, dirty()),
                 "flags has the unknown bits 0x40; known are 0x3f");
#endif
}

static void on_thread(ts_thread_event event, const char *name, void *user_data)
{
    (void)event;
    (void)name;
    (void)user_data;
}

static ts_scheduler_options good_scheduler(void)
{
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    options.on_thread = on_thread;
    options.drop = drop;
    return options;
}

#define EXPECT_NO_SCHEDULER(options, words)                         \
    do {                                                            \
        ts_scheduler *made = (ts_scheduler *)&id;                   \
        EXPECT(ts_scheduler_new_with((options), &made), words);     \
        CHECK(made == NULL);                                        \
    } while (0)

#define MAKE_WITH(field, value, words)                              \
    do {                                                            \
        ts_scheduler_options its_options = good_scheduler();        \
        its_options.field = (value);                                \
        EXPECT_NO_SCHEDULER(&its_options, words);                   \
    } while (0)

static void making(void)
{
    static const char name_words[] = "; allowed is a text of 1 to 11 bytes without a NUL";
    static const char list_words[] =
        "; allowed is a list of processors such as 0,2-3, or an empty text";
    static const char size_words[] = "; allowed is 0, or a whole number from 16384 to 1073741824";
    struct {
        ts_scheduler_options known;
        unsigned char more[64];
    } newer;
    char words[200];
    ts_scheduler *scheduler = NULL;
    ts_scheduler_options options = good_scheduler();

#define JOINED(text, rest) (strcat(strcpy(words, text), rest))
    EXPECT(ts_scheduler_new_with(&options, NULL), "out is NULL");
    EXPECT_NO_SCHEDULER(NULL, "options is NULL");
    MAKE_WITH(config_yaml, "\xff", "config_yaml is not UTF-8 at byte 0");
    MAKE_WITH(thread_name, "", JOINED("thread_name is ''", name_words));
    MAKE_WITH(thread_name, "twelve bytes", JOINED("thread_name is 'twelve bytes'", name_words));
    MAKE_WITH(thread_name, "a\xff", "thread_name is not UTF-8 at byte 1");
    MAKE_WITH(thread_name, long_name, "thread_name is longer than 65535 bytes");
    MAKE_WITH(thread_affinity, "one",
              JOINED("thread_affinity is 'one': 'one' is no processor's number", list_words));
    MAKE_WITH(thread_affinity, "3-1",
              JOINED("thread_affinity is '3-1': 3-1 ends before it begins", list_words));
    MAKE_WITH(thread_affinity, long_name, "thread_affinity is longer than 65535 bytes");
    MAKE_WITH(thread_stack_size, 16383, JOINED("thread_stack_size is 16383", size_words));
    MAKE_WITH(thread_stack_size, (size_t)1 << 30 | 1,
              JOINED("thread_stack_size is 1073741825", size_words));
    MAKE_WITH(thread_nice, 20, "thread_nice is 20; allowed is a whole number from -20 to 19");
    MAKE_WITH(thread_nice, -21, "thread_nice is -21; allowed is a whole number from -20 to 19");
    MAKE_WITH(reserved, 7, "reserved is 7; it is 0");
#undef JOINED

    options.thread_affinity = "70000";
    CHECK(ts_scheduler_new_with(&options, &scheduler) == TS_ERROR_INVALID_ARGUMENT);
    CHECK(strstr(ts_last_error_message(), "there is no processor 70000; there are 0") != NULL);
    /* The configuration has its own error, in the options too. */
    options = good_scheduler();
    options.config_yaml = "thread_nice: 20";
    CHECK(ts_scheduler_new_with(&options, &scheduler) == TS_ERROR_CONFIG);
    CHECK(scheduler == NULL);

#if UINTPTR_MAX == UINT64_MAX
    MAKE_WITH(size, 0,
              "the size in options is 0; it is 72 to 4096, and TS_SCHEDULER_OPTIONS_INIT sets it");
    MAKE_WITH(size, 71,
              "the size in options is 71; it is 72 to 4096, and TS_SCHEDULER_OPTIONS_INIT sets it");
    MAKE_WITH(size, 4097,
              "the size in options is 4097; it is 72 to 4096, "
              "and TS_SCHEDULER_OPTIONS_INIT sets it");
    memset(&newer, 0, sizeof newer);
    newer.known = good_scheduler();
    newer.known.size = sizeof newer;
    newer.more[63] = 1;
    EXPECT_NO_SCHEDULER(&newer.known,
                        "options asks for something that this version of the library does not "
                        "have: a field behind its first 72 bytes is not 0");
    CHECK(drops == 0);
    newer.more[63] = 0;
    CHECK(ts_scheduler_new_with(&newer.known, &scheduler) == TS_OK && scheduler != NULL);
    ts_scheduler_free(scheduler);
    CHECK(drops == 1);
    drops = 0;
#endif
}

static void names_and_kinds(void)
{
    size_t count = 77;
    char *text = (char *)&count;
    static const char words[] = "kind is 7; it is TS_LINEAR (1) or TS_ASYNC (2)";
    EXPECT(ts_ban_task_name(NULL, TS_LINEAR, NULL), "task_name is NULL");
    EXPECT(ts_ban_task_name(NULL, TS_LINEAR, ""),
           "task_name is empty; a name has 1 to 255 bytes");
    EXPECT(ts_ban_task_name(NULL, (ts_kind)7, "name"), words);
    EXPECT(ts_ban_task_name(NULL, TS_LINEAR, long_name), "task_name is longer than 255 bytes");
    EXPECT(ts_allow_task_name(NULL, TS_LINEAR, NULL), "task_name is NULL");
    EXPECT(ts_allow_task_name(NULL, (ts_kind)7, "name"), words);
    EXPECT(ts_cancel_all_queued_tasks_by_name(NULL, TS_LINEAR, NULL, &count), "task_name is NULL");
    EXPECT(ts_cancel_all_queued_tasks_by_name(NULL, (ts_kind)7, "name", &count), words);
    EXPECT(ts_get_all_queue_info(NULL, (ts_kind)7, false, &text), words);
    EXPECT(ts_get_all_queue_info(NULL, TS_LINEAR, false, NULL), "out_text is NULL");
    CHECK(count == 77 && text == (char *)&count);
}

static void information(void)
{
    ts_task_status status = TS_TASK_STATUS_INIT, before;
    size_t count = 77;
    status.code = 5;
    before = status;
    EXPECT(ts_get_task_state(NULL, zero, NULL), "out_state is NULL");
    EXPECT(ts_get_task_status(NULL, zero, NULL), "out_status is NULL");
    EXPECT(ts_get_task_result(NULL, zero, NULL), "out_value is NULL");
    EXPECT(ts_wait(NULL, zero, (double)NAN, &status),
           "seconds is not a number; it is 0 to 1e9, or TS_FOREVER");
    EXPECT(ts_wait(NULL, zero, -0.5, NULL), "seconds is -5e-1; it is 0 to 1e9, or TS_FOREVER");
    EXPECT(ts_wait(NULL, zero, -TS_FOREVER, NULL), "seconds is -inf; it is 0 to 1e9, or TS_FOREVER");
    EXPECT(ts_wait(NULL, zero, 1e300, &status), "seconds is 1e300; it is 0 to 1e9, or TS_FOREVER");
    EXPECT(ts_list_tasks(NULL, TS_LINEAR, &status, 1, NULL), "out_count is NULL");
    EXPECT(ts_list_tasks(NULL, TS_LINEAR, NULL, 1, &count), "array is NULL");
    EXPECT(ts_list_tasks(NULL, (ts_kind)0, &status, 1, &count),
           "kind is 0; it is TS_LINEAR (1) or TS_ASYNC (2)");
    CHECK(memcmp(&status, &before, sizeof status) == 0 && count == 77);
#if UINTPTR_MAX == UINT64_MAX
    status.size = 0;
    EXPECT(ts_get_task_status(NULL, zero, &status),
           "the size in out_status is 0; it is 584 to 4096, and TS_TASK_STATUS_INIT sets it");
    EXPECT(ts_wait(NULL, zero, 0, &status),
           "the size in out_status is 0; it is 584 to 4096, and TS_TASK_STATUS_INIT sets it");
    status.size = 583;
    EXPECT(ts_list_tasks(NULL, TS_LINEAR, &status, 1, &count),
           "the size in array[0] is 583; it is 584 to 4096, and TS_TASK_STATUS_INIT sets it");
#endif
}

static void shutting_down(void)
{
    ts_task_id running;
    ts_shutdown_report report = TS_SHUTDOWN_REPORT_INIT, before;
    ts_task_status status = TS_TASK_STATUS_INIT;
    report.running = report.claims = report.threads = 77;
    before = report;
    EXPECT(ts_shutdown_within(NULL, false, (double)NAN, &report),
           "seconds is not a number; it is 0 to 1e9, or TS_FOREVER");
    EXPECT(ts_shutdown_within(NULL, false, -1.0, NULL),
           "seconds is -1e0; it is 0 to 1e9, or TS_FOREVER");
    EXPECT(ts_shutdown_within(NULL, true, 1e300, &report),
           "seconds is 1e300; it is 0 to 1e9, or TS_FOREVER");
    report.capacity = before.capacity = 1;
    EXPECT(ts_shutdown_within(NULL, true, 0, &report), "tasks in report is NULL");
#if UINTPTR_MAX == UINT64_MAX
    status.size = 583;
    report.tasks = before.tasks = &status;
    EXPECT(ts_shutdown_within(NULL, true, 0, &report),
           "the size in tasks[0] in report is 583; it is 584 to 4096, "
           "and TS_TASK_STATUS_INIT sets it");
    report.size = 47;
    EXPECT(ts_shutdown_within(NULL, true, 0, &report),
           "the size in report is 47; it is 48 to 4096, and TS_SHUTDOWN_REPORT_INIT sets it");
    report.size = sizeof report;
#endif
    CHECK(memcmp(&report, &before, sizeof report) == 0);
    /* None of these has shut anything. */
    CHECK(ts_add_task(NULL, false, "name", run, NULL, NULL, &running) == TS_OK);
    CHECK(ts_shutdown_within(NULL, true, TS_FOREVER, NULL) == TS_OK);
}

static void the_rest(void)
{
    ts_scheduler *scheduler = (ts_scheduler *)&id;
    char *text = NULL;
    char formatted[37] = "untouched";
    static const char wrong[] = "cf478b6e-5e02-89b8-9031-4adc6ff915cg";
    static const char right[] = "cf478b6e-5e02-89b8-9031-4adc6ff915c2";
    static const char words[] =
        "a task id is 36 characters: 8-4-4-4-12 hexadecimal digits with hyphens";

    EXPECT(ts_scheduler_new(NULL, NULL), "out is NULL");
    EXPECT(ts_scheduler_new("\xff", &scheduler), "config_yaml is not UTF-8 at byte 0");
    CHECK(scheduler == NULL);
    ts_scheduler_free(NULL);

    EXPECT(ts_update_config(NULL, NULL, "1"), "key is NULL");
    EXPECT(ts_update_config(NULL, "line_task_max", NULL), "value is NULL");
    EXPECT(ts_update_config(NULL, long_name, "1"), "key is longer than 255 bytes");
    EXPECT(ts_update_config(NULL, "line_task_max", long_name), "value is longer than 65535 bytes");
    EXPECT(ts_load_config(NULL, NULL), "path is NULL");
    EXPECT(ts_load_config(NULL, long_name), "path is longer than 4095 bytes");
    EXPECT(ts_get_config(NULL, NULL, &text), "key is NULL");
    EXPECT(ts_get_config(NULL, "line_task_max", NULL), "out_value is NULL");

    EXPECT(ts_interruptible_sleep(NULL, (double)NAN), "seconds is not a number; it is 0 to 1e9");
    EXPECT(ts_interruptible_sleep(NULL, -1), "seconds is -1e0; it is 0 to 1e9");
    EXPECT(ts_interruptible_sleep(NULL, TS_FOREVER), "seconds is infinite; it is 0 to 1e9");
    EXPECT(ts_interruptible_sleep(NULL, 1e300), "seconds is 1e300; it is 0 to 1e9");
    EXPECT(ts_set_result(NULL, NULL, 3, NULL),
           "data is NULL, but size asks for 3 bytes to be copied");

    EXPECT(ts_task_id_parse(right, NULL), "out_id is NULL");
    EXPECT_NO_ID(ts_task_id_parse(NULL, dirty()), "text is NULL");
    EXPECT_NO_ID(ts_task_id_parse("", dirty()), words);
    EXPECT_NO_ID(ts_task_id_parse(wrong, dirty()), words);
    EXPECT_NO_ID(ts_task_id_parse(long_name, dirty()), "text is longer than 36 bytes");
    CHECK(ts_task_id_parse(right, dirty()) == TS_OK);
    ts_task_id_format(id, formatted);
    CHECK(strcmp(formatted, right) == 0);
    ts_task_id_format(id, NULL);

    CHECK(strcmp(ts_error_name((ts_error)-1), "unknown") == 0);
    CHECK(strcmp(ts_error_name((ts_error)24), "unknown") == 0);
    CHECK(strcmp(ts_error_name(TS_ERROR_PANIC), "TS_ERROR_PANIC") == 0);
    CHECK(strcmp(ts_version(), TS_VERSION) == 0);
    ts_string_free(NULL);
}

static void values(void)
{
    ts_value value = { &drops, 9, drop };
    drops = 0;
    ts_value_free(&value);
    CHECK(drops == 1 && value.data == NULL && value.size == 0 && value.drop == NULL);
    ts_value_free(&value);
    ts_value_free(NULL);
    CHECK(drops == 1);
}

int main(void)
{
    long_name = (char *)malloc(1 << 20);
    if (long_name == NULL)
        return 1;
    memset(long_name, 'x', 1 << 20);
    long_name[(1 << 20) - 1] = 0;

    CHECK(strcmp(ts_last_error_message(), "") == 0);
    errno = 77;
    adding();
    submitting();
    making();
    names_and_kinds();
    information();
    the_rest();
    shutting_down();
    CHECK(drops == 0);
    CHECK(errno == 77);
    values();
    free(long_name);
    return failures != 0;
}
