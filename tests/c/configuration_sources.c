/* The configuration: where it comes from, and what it may be. The second argument is a
 * folder for files. */
#include "configuring.h"

#include <sys/stat.h>

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

#define IS(scheduler, key, value) CHECK(strcmp(get(scheduler, key), value) == 0)

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
                           "line_task_max: [*b,*b,*b,*b,*b,*b,*b,*b]\n",
                           &scheduler),
          TS_ERROR_CONFIG);
    CHECK(scheduler == NULL);
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
                          "e: &e [*d,*d,*d,*d]\nline_task_max: *e\n",
                  1);
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

static const test_case cases[] = {
    { "new_with_yaml", new_with_yaml },
    { "files", files },
    { "default_good", default_good },
    { "default_bad", default_bad },
    { "default_missing", default_missing },
    { "every_key", every_key },
};

int main(int argc, char **argv)
{
    folder = argc > 2 ? argv[2] : ".";
    return RUN_CASE(cases, argc, argv);
}
