/* The configuration: where it comes from, what it may be, and that a change
 * takes effect at once. The second argument is a folder for files. */
#include "testing.h"

#include <sys/stat.h>

static const char *folder;

typedef struct {
    const char *key;
    const char *preset;
    const char *lowest;
    const char *highest;
    const char *below;
    const char *above;
    bool whole;
} row;

static const row rows[] = {
    { "line_task_max", "10", "1", "4096", "0", "4097", true },
    { "maximum_queue_async", "30", "0", "2147483648", "-1", "2147483649", true },
    { "maximum_queue_line", "30", "0", "2147483648", "-1", "2147483649", true },
    { "max_idle_time", "60", "0", "1000000000", "-0.5", "1000000001", false },
    { "watch_dog_time", "200", "0.001", "1000000000", "0.0009", "1e10", false },
    { "maximum_task_info_storage", "60", "0", "1000000", "-1", "1000001", true },
    { "maximum_event_loop_tasks", "3", "1", "2147483648", "0", "2147483649", true },
    { "event_loop_threads", "1", "1", "64", "0", "65", true },
    { "status_check_interval", "800", "0.001", "1000000000", "0", "1e10", false },
    { "stuck_grace", "5", "0", "1000000000", "-1", "1e10", false },
    { "stuck_task_max", "64", "0", "4096", "-1", "4097", true },
    { "spin_microseconds", "10", "0", "10000", "-1", "10001", true },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *get(ts_scheduler *scheduler, const char *key)
{
    static char text[64];
    char *value = NULL;
    OK(ts_get_config(scheduler, key, &value));
    snprintf(text, sizeof(text), "%s", value == NULL ? "" : value);
    ts_string_free(value);
    return text;
}

#define IS(scheduler, key, value) CHECK(strcmp(get(scheduler, key), value) == 0)

static bool message_has(const char *words)
{
    if (strstr(ts_last_error_message(), words) != NULL)
        return true;
    fprintf(stderr, "\"%s\" lacks \"%s\"\n", ts_last_error_message(), words);
    return false;
}

#define SAYS(words) CHECK(message_has(words))

/* Everything is at its built-in value. */
static void all_preset(ts_scheduler *scheduler)
{
    int at;
    for (at = 0; at < ROWS; at++)
        IS(scheduler, rows[at].key, rows[at].preset);
    /* Tested in threads.c. */
    IS(scheduler, "thread_name", "ts");
    IS(scheduler, "thread_affinity", "");
    IS(scheduler, "thread_stack_size", "0");
    IS(scheduler, "thread_nice", "0");
    IS(scheduler, "interrupt_signal", "50");
}

static void new_with_yaml(void)
{
    static const char *const nothing[] = { NULL, "", "\n", "# nothing\n", "---\n", "{}" };
    ts_scheduler *scheduler;
    size_t at;
    for (at = 0; at < sizeof(nothing) / sizeof(nothing[0]); at++) {
        scheduler = scheduler_with(nothing[at]);
        all_preset(scheduler);
        ts_scheduler_free(scheduler);
    }
    scheduler = scheduler_with("# two keys\nline_task_max: 4\n\nstuck_grace: 0.25 # seconds\n");
    IS(scheduler, "line_task_max", "4");
    IS(scheduler, "stuck_grace", "0.25");
    IS(scheduler, "max_idle_time", "60");
    ts_scheduler_free(scheduler);

    scheduler = (ts_scheduler *)&at;
    FAILS(ts_scheduler_new("line_task_max: 4\nlinetaskmax: 5\n", &scheduler), TS_ERROR_CONFIG);
    CHECK(scheduler == NULL);
    SAYS("linetaskmax");
    SAYS("line 2");
    FAILS(ts_scheduler_new("line_task_max: 4\n\nstuck_task_max: 5000\n", &scheduler), TS_ERROR_CONFIG);
    SAYS("stuck_task_max");
    SAYS("5000");
    SAYS("line 3");
    SAYS("from 0 to 4096");
    FAILS(ts_scheduler_new("line_task_max: 4\nline_task_max: 4\n", &scheduler), TS_ERROR_CONFIG);
    SAYS("line_task_max");
    SAYS("line 2");
    FAILS(ts_scheduler_new("line_task_max: \"4\"\n", &scheduler), TS_ERROR_CONFIG);
    SAYS("line 1");
    {
        /* A parser that takes the square of the depth would need minutes. */
        static char deep[60000];
        double begin = now();
        strcpy(deep, "line_task_max: ");
        memset(deep + 15, '[', sizeof(deep) - 16);
        FAILS(ts_scheduler_new(deep, &scheduler), TS_ERROR_CONFIG);
        memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2 - 1);
        FAILS(ts_scheduler_new(deep, &scheduler), TS_ERROR_CONFIG);
        BETWEEN(now() - begin, 0.0, 2.0);
        SAYS("line 1");
    }
    FAILS(ts_scheduler_new("a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
                           "line_task_max: [*b,*b,*b,*b,*b,*b,*b,*b]\n", &scheduler), TS_ERROR_CONFIG);
    CHECK(scheduler == NULL);
}

/* Writes a file, its text repeated so many times, and returns its path. */
static const char *file_of(const char *name, const char *text, size_t times)
{
    static char path[512];
    FILE *file;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    while (file != NULL && times-- > 0)
        fputs(text, file);
    CHECK(file != NULL && fclose(file) == 0);
    return path;
}

static void files(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    char path[512];
    const char *bad;
    double begin;
    OK(ts_load_config(scheduler, file_of("good", "line_task_max: 7\nmax_idle_time: 12.5\n", 1)));
    IS(scheduler, "line_task_max", "7");
    IS(scheduler, "max_idle_time", "12.5");
    /* What a file does not name stays, also when it was changed before. */
    OK(ts_load_config(scheduler, file_of("more", "watch_dog_time: 9\n", 1)));
    IS(scheduler, "line_task_max", "7");
    IS(scheduler, "watch_dog_time", "9");
    OK(ts_load_config(scheduler, file_of("windows", "\xef\xbb\xbfline_task_max: 8\r\nwatch_dog_time: 3\r\n", 1)));
    IS(scheduler, "line_task_max", "8");
    OK(ts_load_config(scheduler, file_of("empty", "", 0)));
    OK(ts_update_config(scheduler, "line_task_max", "10"));
    OK(ts_update_config(scheduler, "max_idle_time", "60"));
    OK(ts_update_config(scheduler, "watch_dog_time", "200"));
    all_preset(scheduler);

    snprintf(path, sizeof(path), "%s/missing", folder);
    FAILS(ts_load_config(scheduler, path), TS_ERROR_CONFIG);
    SAYS(path);
    SAYS("No such file");
    FAILS(ts_load_config(scheduler, folder), TS_ERROR_CONFIG);
    SAYS(folder);
    SAYS("directory");
    begin = now();
    bad = file_of("huge", "line_task_max: 5 # 5 \xc3\xa4\n", 10u << 20 >> 4);
    FAILS(ts_load_config(scheduler, bad), TS_ERROR_CONFIG);
    SAYS(bad);
    SAYS("65536 bytes");
    FAILS(ts_load_config(scheduler, "/dev/zero"), TS_ERROR_CONFIG);
    SAYS("65536 bytes");
    CHECK(now() - begin < 20.0);
    snprintf(path, sizeof(path), "%s/pipe", folder);
    CHECK(mkfifo(path, 0600) == 0);
    FAILS(ts_load_config(scheduler, path), TS_ERROR_CONFIG);
    SAYS("it is a pipe");
    bad = file_of("latin", "line_task_max: 5\n# caf\xe9\n", 1);
    FAILS(ts_load_config(scheduler, bad), TS_ERROR_CONFIG);
    SAYS(bad);
    SAYS("UTF-8");
    SAYS("line 2");
    bad = file_of("nested", "[", 60000);
    FAILS(ts_load_config(scheduler, bad), TS_ERROR_CONFIG);
    SAYS(bad);
    bad = file_of("bomb", "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\n"
                          "e: &e [*d,*d,*d,*d]\nline_task_max: *e\n", 1);
    FAILS(ts_load_config(scheduler, bad), TS_ERROR_CONFIG);
    SAYS(bad);
    bad = file_of("half", "line_task_max: 5\nstuck_grace: 1\nwatch_dog_time: soon\n", 1);
    FAILS(ts_load_config(scheduler, bad), TS_ERROR_CONFIG);
    SAYS(bad);
    SAYS("watch_dog_time");
    SAYS("line 3");
    SAYS("seconds from 0.001 to 1000000000");
    all_preset(scheduler);
    ts_scheduler_free(scheduler);
}

/* TASK_SCHEDULING_CONFIG names a file with line_task_max: 3. */
static void default_good(void)
{
    ts_scheduler *other = scheduler_with(NULL);
    IS(NULL, "line_task_max", "3");
    IS(NULL, "watch_dog_time", "200");
    IS(other, "line_task_max", "10");
    OK(ts_update_config(NULL, "line_task_max", "5"));
    IS(NULL, "line_task_max", "5");
    IS(other, "line_task_max", "10");
    ts_scheduler_free(other);
}

/* It names a file with "line_task_max: many" on line 2. */
static void default_bad(void)
{
    ts_scheduler *other;
    ts_task_id id;
    atomic_int ran = 0;
    char *text = NULL;
    int again;
    for (again = 0; again < 2; again++) {
        FAILS(ts_add_task(NULL, false, "a", count_up, &ran, NULL, &id), TS_ERROR_CONFIG);
        SAYS(getenv("TASK_SCHEDULING_CONFIG"));
        SAYS("line_task_max");
        SAYS("line 2");
        SAYS("from 1 to 4096");
        FAILS(ts_get_config(NULL, "line_task_max", &text), TS_ERROR_CONFIG);
    }
    /* Schedulers of one's own have nothing to do with it. */
    other = scheduler_with(NULL);
    all_preset(other);
    id = submit(other, "a", count_up, &ran, 0, 0.0);
    EQUAL(end_of(other, id).state, TS_COMPLETED);
    ts_scheduler_free(other);
    EQUAL(ran, 1);
    /* Once the file is mended the default one can be made. */
    setenv("TASK_SCHEDULING_CONFIG", file_of("mended", "line_task_max: 6\n", 1), 1);
    IS(NULL, "line_task_max", "6");
}

static void default_missing(void)
{
    char *text = NULL;
    FAILS(ts_get_config(NULL, "line_task_max", &text), TS_ERROR_CONFIG);
    SAYS(getenv("TASK_SCHEDULING_CONFIG"));
    SAYS("No such file");
}

static void every_key(void)
{
    static const char *const wrong[] = { "", " ", "many", "true", "1 2", "[1]", "0x10", ".nan", "nan", "inf", ".inf",
                                         "-1", "1e400", "1,5", "~", "null", "\"1\"", "1_000", "18 # eighteen" };
    ts_scheduler *scheduler = scheduler_with(NULL);
    char *text = NULL;
    int at;
    size_t other;
    for (at = 0; at < ROWS; at++) {
        const row *its = &rows[at];
        OK(ts_update_config(scheduler, its->key, its->lowest));
        IS(scheduler, its->key, its->lowest);
        OK(ts_update_config(scheduler, its->key, its->highest));
        IS(scheduler, its->key, its->highest);
        /* What comes out may go in. */
        OK(ts_update_config(scheduler, its->key, get(scheduler, its->key)));
        IS(scheduler, its->key, its->highest);
        OK(ts_update_config(scheduler, its->key, its->preset));
        FAILS(ts_update_config(scheduler, its->key, its->below), TS_ERROR_CONFIG);
        SAYS(its->key);
        SAYS(its->below);
        SAYS(its->lowest);
        FAILS(ts_update_config(scheduler, its->key, its->above), TS_ERROR_CONFIG);
        SAYS(its->key);
        SAYS(its->highest);
        for (other = 0; other < sizeof(wrong) / sizeof(wrong[0]); other++) {
            FAILS(ts_update_config(scheduler, its->key, wrong[other]), TS_ERROR_CONFIG);
            SAYS(its->key);
        }
        if (its->whole) {
            FAILS(ts_update_config(scheduler, its->key, "2.5"), TS_ERROR_CONFIG);
            SAYS("whole number");
        } else {
            OK(ts_update_config(scheduler, its->key, "2.5"));
            IS(scheduler, its->key, "2.5");
            OK(ts_update_config(scheduler, its->key, its->preset));
        }
        all_preset(scheduler);
    }
    FAILS(ts_update_config(scheduler, "line_task_maximum", "4"), TS_ERROR_CONFIG);
    SAYS("line_task_maximum");
    SAYS("line_task_max, maximum_queue_async");
    FAILS(ts_update_config(scheduler, "", "4"), TS_ERROR_CONFIG);
    FAILS(ts_update_config(scheduler, "LINE_TASK_MAX", "4"), TS_ERROR_CONFIG);
    FAILS(ts_get_config(scheduler, "line_task_maximum", &text), TS_ERROR_CONFIG);
    SAYS("line_task_maximum");
    CHECK(text == NULL);
    all_preset(scheduler);
    ts_scheduler_free(scheduler);
}

/* line_task_max ----------------------------------------------------------- */

typedef struct {
    atomic_int running;
    atomic_int most;
    atomic_int may_end; /* So many may still go. */
} crowd;

static int32_t member(ts_token *token, void *user_data)
{
    crowd *its = user_data;
    int now_running = ++its->running, most = its->most;
    (void)token;
    while (most < now_running && !atomic_compare_exchange_weak(&its->most, &most, now_running))
        ;
    for (;;) {
        int left = its->may_end;
        if (left > 0 && atomic_compare_exchange_strong(&its->may_end, &left, left - 1))
            break;
        nap(0.001);
    }
    its->running--;
    return 0;
}

static void line_task_max(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    crowd crowd = { 0, 0, 0 };
    ts_task_id ids[30];
    char name[16];
    int at;
    for (at = 0; at < 30; at++) {
        snprintf(name, sizeof(name), "task %d", at);
        ids[at] = submit(scheduler, name, member, &crowd, 0, 0.0);
    }
    SOON(5.0, crowd.running == 10);
    nap(0.3);
    EQUAL(crowd.running, 10);
    OK(ts_update_config(scheduler, "line_task_max", "18"));
    SOON(5.0, crowd.running == 18);
    nap(0.3);
    EQUAL(crowd.running, 18);
    EQUAL(threads("ts-worker"), 18);
    /* Lower: nothing is stopped, and none starts until fewer than four run. */
    OK(ts_update_config(scheduler, "line_task_max", "4"));
    nap(0.3);
    EQUAL(crowd.running, 18);
    crowd.may_end = 14;
    SOON(5.0, crowd.running == 4);
    SOON(5.0, threads("ts-worker") == 4);
    nap(0.3);
    EQUAL(crowd.running, 4);
    /* From here on four at once, and every task runs. */
    crowd.most = 0;
    crowd.may_end = 16;
    for (at = 0; at < 30; at++)
        EQUAL(end_of(scheduler, ids[at]).state, TS_COMPLETED);
    EQUAL(crowd.most <= 4, 1);
    EQUAL(threads("ts-worker"), 4);
    /* One at a time, also of those that wait in a lane. */
    OK(ts_update_config(scheduler, "line_task_max", "1"));
    crowd.most = 0;
    for (at = 0; at < 30; at++) {
        snprintf(name, sizeof(name), "task %d", at % 5);
        ids[at] = submit(scheduler, name, member, &crowd, 0, 0.0);
    }
    crowd.may_end = 30;
    for (at = 0; at < 30; at++)
        EQUAL(end_of(scheduler, ids[at]).state, TS_COMPLETED);
    EQUAL(crowd.most, 1);
    ts_scheduler_free(scheduler);
}

/* As many run side by side as may, however they block and wherever they wait. */
static void side_by_side(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 10\nmaximum_queue_line: 0\n");
    ts_task_id ids[25];
    char name[16];
    int round, at;
    for (round = 0; round < 300 && failures == 0; round++) {
        crowd crowd = { 0, 0, 0 };
        for (at = 0; at < 25; at++) {
            snprintf(name, sizeof(name), "task %d", at);
            ids[at] = submit(scheduler, at % 3 == 0 ? NULL : name, member, &crowd, 0, 0.0);
            if (at % 7 == round % 7)
                nap(0.00005 * (round % 5));
        }
        SOON(5.0, crowd.running == 10);
        crowd.may_end = 8;
        SOON(5.0, crowd.may_end == 0 && crowd.running == 10);
        crowd.may_end = 17;
        for (at = 0; at < 25; at++)
            EQUAL(end_of(scheduler, ids[at]).state, TS_COMPLETED);
        EQUAL(crowd.most, 10);
    }
    ts_scheduler_free(scheduler);
}

/* The others that take effect at once ------------------------------------- */

static void max_idle_time(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double seconds = 0.1;
    ts_task_id ids[4];
    int at;
    for (at = 0; at < 4; at++)
        ids[at] = submit(scheduler, NULL, sleeper, &seconds, 0, 0.0);
    for (at = 0; at < 4; at++)
        end_of(scheduler, ids[at]);
    nap(0.3);
    /* They are parked for a minute; they must hear of it. */
    CHECK(threads("ts-worker") >= 2);
    OK(ts_update_config(scheduler, "max_idle_time", "1.5"));
    nap(0.2);
    CHECK(threads("ts-worker") >= 2);
    SOON(5.0, threads("ts-") == 0);
    end_of(scheduler, submit(scheduler, NULL, sleeper, &seconds, 0, 0.0));
    /* Longer: who was about to leave stays. */
    OK(ts_update_config(scheduler, "max_idle_time", "60"));
    nap(2.0);
    CHECK(threads("ts-worker") >= 1);
    OK(ts_load_config(scheduler, file_of("idle", "max_idle_time: 0\n", 1)));
    SOON(5.0, threads("ts-") == 0);
    ts_scheduler_free(scheduler);
}

static ts_poll at_once(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return TS_POLL_READY;
}

/* The same for event loops. */
static void max_idle_time_of_loops(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    ts_task_id id;
    OK(ts_add_async_task(scheduler, false, "a", at_once, NULL, NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    nap(0.3);
    CHECK(threads("ts-loop") >= 1);
    OK(ts_update_config(scheduler, "max_idle_time", "1.5"));
    nap(0.2);
    CHECK(threads("ts-loop") >= 1);
    SOON(5.0, alone());
    OK(ts_add_async_task(scheduler, false, "a", at_once, NULL, NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    OK(ts_update_config(scheduler, "max_idle_time", "60"));
    nap(2.0);
    CHECK(threads("ts-loop") >= 1);
    OK(ts_update_config(scheduler, "max_idle_time", "0"));
    SOON(5.0, alone());
    ts_scheduler_free(scheduler);
}

static void watch_dog_time(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    double seconds = 20.0, brief = 0.5;
    ts_task_id id;
    OK(ts_update_config(scheduler, "watch_dog_time", "0.2"));
    OK(ts_add_task(scheduler, true, "a", sleeper, &seconds, NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    OK(ts_update_config(scheduler, "watch_dog_time", "30"));
    OK(ts_add_task(scheduler, true, "a", sleeper, &brief, NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static int32_t with_result(ts_token *token, void *drops)
{
    OK(ts_set_result(token, drops, 1, count_drop));
    return 0;
}

static void maximum_task_info_storage(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    atomic_int drops = 0;
    ts_task_id ids[10];
    size_t count = 0;
    int at;
    for (at = 0; at < 10; at++) {
        ids[at] = submit(scheduler, "a", with_result, &drops, at == 0 ? TS_KEEP : 0, 0.0);
        end_of(scheduler, ids[at]);
    }
    OK(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &count));
    EQUAL(count, 10);
    OK(ts_update_config(scheduler, "maximum_task_info_storage", "3"));
    OK(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &count));
    EQUAL(count, 4);
    EQUAL(drops, 6);
    EQUAL(state_of(scheduler, ids[0]), TS_COMPLETED);
    EQUAL(state_of(scheduler, ids[6]), 0);
    EQUAL(state_of(scheduler, ids[7]), TS_COMPLETED);
    OK(ts_update_config(scheduler, "maximum_task_info_storage", "0"));
    EQUAL(drops, 9);
    EQUAL(state_of(scheduler, ids[9]), 0);
    OK(ts_update_config(scheduler, "maximum_task_info_storage", "5"));
    for (at = 1; at < 10; at++)
        end_of(scheduler, ids[at] = submit(scheduler, "a", with_result, &drops, 0, 0.0));
    OK(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &count));
    EQUAL(count, 6);
    ts_scheduler_free(scheduler);
    EQUAL(drops, 19);
}

static void *wait_for_room(void *user_data)
{
    addition *its = user_data;
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.run = count_up;
    options.user_data = its->ran;
    options.flags = TS_WAIT_FOR_ROOM;
    options.wait_seconds = 20.0;
    OK(ts_submit(its->scheduler, &options, &its->id));
    return NULL;
}

static void maximum_queue_line(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 2\n");
    gate door = { 0, false };
    atomic_int ran = 0;
    addition waiting = { scheduler, { { 0 } }, &ran };
    ts_task_id id;
    pthread_t thread;
    double begin;
    submit(scheduler, "a", deaf, &door, 0, 0.0);
    SOON(5.0, door.entered == 1);
    submit(scheduler, "b", count_up, &ran, 0, 0.0);
    submit(scheduler, "b", count_up, &ran, 0, 0.0);
    FAILS(ts_add_task(scheduler, false, "b", count_up, &ran, NULL, &id), TS_ERROR_QUEUE_FULL);
    SAYS("maximum_queue_line");
    begin = now();
    pthread_create(&thread, NULL, wait_for_room, &waiting);
    nap(0.2);
    OK(ts_update_config(scheduler, "maximum_queue_line", "3"));
    pthread_join(thread, NULL);
    CHECK(now() - begin < 10.0);
    FAILS(ts_add_task(scheduler, false, "b", count_up, &ran, NULL, &id), TS_ERROR_QUEUE_FULL);
    OK(ts_update_config(scheduler, "maximum_queue_line", "0"));
    OK(ts_add_task(scheduler, false, "b", count_up, &ran, NULL, &id));
    OK(ts_update_config(scheduler, "maximum_queue_line", "1"));
    FAILS(ts_add_task(scheduler, false, "b", count_up, &ran, NULL, &id), TS_ERROR_QUEUE_FULL);
    EQUAL(ran, 0);
    door.open = true;
    SOON(5.0, ran == 4);
    ts_scheduler_free(scheduler);
}

/* Many threads change many keys while tasks run: nothing hangs, nothing is torn. */
static atomic_bool over;

static void *change_often(void *scheduler)
{
    static const char *const values[] = { "1", "2", "3", "4" };
    int round;
    for (round = 0; !over; round++) {
        OK(ts_update_config(scheduler, "line_task_max", values[round % 4]));
        OK(ts_update_config(scheduler, "max_idle_time", round % 3 ? "0" : "60"));
        OK(ts_update_config(scheduler, "maximum_task_info_storage", values[round % 4]));
        CHECK(strlen(get(scheduler, "line_task_max")) == 1);
    }
    return NULL;
}

static void changed_under_load(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    atomic_int ran = 0;
    pthread_t changer;
    char name[16];
    int at;
    pthread_create(&changer, NULL, change_often, scheduler);
    for (at = 0; at < 20000; at++) {
        snprintf(name, sizeof(name), "%d", at % 7);
        submit(scheduler, name, count_up, &ran, at % 2 ? TS_TIMEOUT_PROCESSING : 0, 0.0);
        if (at % 50 == 0)
            nap(0.0005);
    }
    SOON(30.0, ran == 20000);
    over = true;
    pthread_join(changer, NULL);
    OK(ts_shutdown(scheduler, false));
    EQUAL(ran, 20000);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "new_with_yaml", new_with_yaml },
    { "files", files },
    { "default_good", default_good },
    { "default_bad", default_bad },
    { "default_missing", default_missing },
    { "every_key", every_key },
    { "line_task_max", line_task_max },
    { "side_by_side", side_by_side },
    { "max_idle_time", max_idle_time },
    { "max_idle_time_of_loops", max_idle_time_of_loops },
    { "watch_dog_time", watch_dog_time },
    { "maximum_task_info_storage", maximum_task_info_storage },
    { "maximum_queue_line", maximum_queue_line },
    { "changed_under_load", changed_under_load },
};

int main(int argc, char **argv)
{
    folder = argc > 2 ? argv[2] : ".";
    return RUN_CASE(cases, argc, argv);
}
