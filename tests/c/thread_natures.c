/* Threads are what the configuration says: names, stacks, processors and nice level. */
#include "hooks.h"

#include <sched.h>
#include <sys/resource.h>

/* What threads are -------------------------------------------------------------- */

typedef struct {
    cpu_set_t processors;
    size_t stack;
    int nice;
} nature;

static nature own_nature(void)
{
    nature own;
    pthread_attr_t attributes;
    void *address;
    memset(&own, 0, sizeof(own));
    CHECK(sched_getaffinity(0, sizeof(own.processors), &own.processors) == 0);
    own.nice = getpriority(PRIO_PROCESS, (id_t)this_thread());
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstack(&attributes, &address, &own.stack) == 0);
    pthread_attr_destroy(&attributes);
    return own;
}

static int32_t tell_nature(ts_token *token, void *user_data)
{
    (void)token;
    *(nature *)user_data = own_nature();
    return 0;
}

static ts_poll tell_nature_async(ts_token *token, void *user_data)
{
    tell_nature(token, user_data);
    return TS_POLL_READY;
}

static void *tell_nature_of_a_thread(void *user_data)
{
    tell_nature(NULL, user_data);
    return NULL;
}

/* Of a worker and of a loop that start now. */
static void natures(ts_scheduler *scheduler, nature *both)
{
    ts_task_id id;
    SOON(10.0, all_gone());
    EQUAL(end_of(scheduler, submit(scheduler, NULL, tell_nature, &both[0], 0, 0.0)).state, TS_COMPLETED);
    OK(ts_add_async_task(scheduler, false, NULL, tell_nature_async, &both[1], NULL, &id));
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
}

static bool is(ts_scheduler *scheduler, const char *key, const char *value)
{
    char *text = NULL;
    bool same;
    OK(ts_get_config(scheduler, key, &text));
    same = text != NULL && strcmp(text, value) == 0;
    if (!same)
        fprintf(stderr, "%s is '%s', not '%s'\n", key, text, value);
    ts_string_free(text);
    return same;
}

static void names(void)
{
    ts_scheduler_options options = hooked("thread_name: fish\nmax_idle_time: 0.2\n");
    ts_scheduler *scheduler = scheduler_with("thread_name: bird");
    gate door = { 0, false };
    ts_task_id id;
    OK(ts_add_async_task(scheduler, true, "a", tell_nature_async, &(nature){ .nice = 0 }, NULL, &id));
    submit(scheduler, NULL, deaf, &door, TS_TIMEOUT_PROCESSING, 30.0);
    submit(scheduler, NULL, deaf, &door, 0, 0.0);
    SOON(10.0, threads("bird-worker-0") == 1 && threads("bird-worker-1") == 1);
    SOON(10.0, threads("bird-loop-0") == 1 && threads("bird-watchdog") == 1);
    EQUAL(threads("ts-"), 0);
    door.open = true;
    ts_scheduler_free(scheduler);

    /* The options say it over the configuration, and a change over both. */
    options.thread_name = "elevenbytes";
    scheduler = new_with(options);
    CHECK(is(scheduler, "thread_name", "elevenbytes"));
    use_every_thread(scheduler);
    CHECK(times(STARTED, "elevenbytes-worker-0") == 1 && times(STARTED, "elevenbytes-watchdog") >= 1);
    SOON(10.0, all_gone());
    OK(ts_update_config(scheduler, "thread_name", "two words"));
    CHECK(is(scheduler, "thread_name", "two words"));
    use_every_thread(scheduler);
    EQUAL(times(STARTED, "elevenbytes-worker-0"), 1);
    CHECK(times(STARTED, "two words-worker-0") == 1 && times(STARTED, "two words-loop-0") == 1);
    free_hooked(scheduler);
}

/* Nearly as much as the least that may be asked for. */
static int32_t use_stack(ts_token *token, void *user_data)
{
    volatile char all[16384 - 512];
    size_t at;
    (void)token;
    (void)user_data;
    for (at = 0; at < sizeof(all); at += 64)
        all[at] = 1;
    return all[64] - 1;
}

static ts_poll use_stack_async(ts_token *token, void *user_data)
{
    return use_stack(token, user_data) == 0 ? TS_POLL_READY : TS_POLL_FAILED;
}

static void stack_size(void)
{
    ts_task_id id;
    ts_scheduler_options options = hooked("max_idle_time: 0\n");
    ts_scheduler *scheduler = new_with(options);
    nature both[2], plain;
    pthread_t thread;
    char least[32];
    /* By default, as that of any thread. */
    pthread_create(&thread, NULL, tell_nature_of_a_thread, &plain);
    pthread_join(thread, NULL);
    natures(scheduler, both);
    EQUAL(both[0].stack, plain.stack);
    EQUAL(both[1].stack, plain.stack);
    OK(ts_update_config(scheduler, "thread_stack_size", "300000"));
    natures(scheduler, both);
    BETWEEN(both[0].stack, 300000, 300000 + 65536);
    BETWEEN(both[1].stack, 300000, 300000 + 65536);
    OK(ts_update_config(scheduler, "thread_stack_size", "0"));
    natures(scheduler, both);
    EQUAL(both[0].stack, plain.stack);
    /* The least is enough for what is not the host's. */
    snprintf(least, sizeof(least), "%ld", sysconf(_SC_THREAD_STACK_MIN) > 16384 ? sysconf(_SC_THREAD_STACK_MIN) : 16384L);
    SOON(10.0, all_gone());
    OK(ts_update_config(scheduler, "thread_stack_size", least));
    OK(ts_set_log_callback(say, NULL, NULL));
    use_every_thread(scheduler);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    /* All of it may be used. */
    EQUAL(end_of(scheduler, submit(scheduler, NULL, use_stack, NULL, 0, 0.0)).state, TS_COMPLETED);
    id = add_poll(scheduler, use_stack_async, NULL);
    EQUAL(end_of(scheduler, id).state, TS_COMPLETED);
    free_hooked(scheduler);

    seen.count = 0;
    options.thread_stack_size = 700000;
    scheduler = new_with(options);
    natures(scheduler, both);
    BETWEEN(both[0].stack, 700000, 700000 + 65536);
    CHECK(is(scheduler, "thread_stack_size", "700000"));
    free_hooked(scheduler);
}

static bool only(const cpu_set_t *set, int processor)
{
    return CPU_COUNT(set) == 1 && CPU_ISSET(processor, set);
}

typedef struct {
    ts_scheduler *scheduler;
    nature next;
} passing;

/* Has another worker made, by the thread that this one runs on. */
static int32_t make_another(ts_token *token, void *user_data)
{
    passing *its = user_data;
    ts_task_id id;
    (void)token;
    OK(ts_update_config(its->scheduler, "thread_affinity", ""));
    OK(ts_update_config(its->scheduler, "thread_nice", "0"));
    id = submit(its->scheduler, NULL, tell_nature, &its->next, 0, 0.0);
    end_of(its->scheduler, id);
    return 0;
}

static void affinity(void)
{
    ts_scheduler_options options = hooked("max_idle_time: 0\n");
    ts_scheduler *scheduler = new_with(options);
    nature both[2], own = own_nature();
    passing passing = { scheduler, { .nice = 0 } };
    char text[64];
    int first = 0, last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(first, &own.processors))
        first++;
    while (!CPU_ISSET(last, &own.processors))
        last--;
    natures(scheduler, both);
    CHECK(CPU_EQUAL(&both[0].processors, &own.processors) && CPU_EQUAL(&both[1].processors, &own.processors));
    snprintf(text, sizeof(text), "%d", first);
    OK(ts_update_config(scheduler, "thread_affinity", text));
    natures(scheduler, both);
    CHECK(only(&both[0].processors, first) && only(&both[1].processors, first));
    snprintf(text, sizeof(text), " %d , %d-%d", last, last, last);
    OK(ts_update_config(scheduler, "thread_affinity", text));
    CHECK(is(scheduler, "thread_affinity", text));
    natures(scheduler, both);
    CHECK(only(&both[0].processors, last) && only(&both[1].processors, last));
    /* What a bound thread is made by is not what it makes. */
    SOON(10.0, all_gone());
    end_of(scheduler, submit(scheduler, NULL, make_another, &passing, 0, 0.0));
    CHECK(CPU_EQUAL(&passing.next.processors, &own.processors));
    /* The host's own threads are as they were. */
    both[0] = own_nature();
    CHECK(CPU_EQUAL(&both[0].processors, &own.processors));
    free_hooked(scheduler);

    seen.count = 0;
    snprintf(text, sizeof(text), "%d", last);
    options.thread_affinity = text;
    scheduler = new_with(options);
    natures(scheduler, both);
    CHECK(only(&both[0].processors, last) && only(&both[1].processors, last));
    free_hooked(scheduler);
}

/* A level that any thread may go to; 0 would be none. */
static int nicer(int nice)
{
    return nice + 3 > 19 ? 19 : nice + 3 == 0 ? 1 : nice + 3;
}

/* Whether a thread may go back: for some that is a privilege. */
static void *try_to_return(void *user_data)
{
    long *its = user_data;
    id_t own = (id_t)this_thread();
    setpriority(PRIO_PROCESS, own, 19);
    *its = setpriority(PRIO_PROCESS, own, (int)*its) == 0;
    return NULL;
}

static void nice_level(void)
{
    nature both[2], own = own_nature();
    struct rlimit none = { 0, 0 };
    ts_scheduler_options options;
    ts_scheduler *scheduler;
    char yaml[64];
    pthread_t thread;
    long may_return = own.nice;
    snprintf(yaml, sizeof(yaml), "max_idle_time: 0\nthread_nice: %d\n", nicer(own.nice));
    options = hooked(yaml);
    scheduler = new_with(options);
    natures(scheduler, both);
    EQUAL(both[0].nice, nicer(own.nice));
    EQUAL(both[1].nice, nicer(own.nice));
    OK(ts_update_config(scheduler, "thread_nice", "19"));
    natures(scheduler, both);
    EQUAL(both[0].nice, 19);
    EQUAL(both[1].nice, 19);
    EQUAL(own_nature().nice, own.nice);
    pthread_create(&thread, NULL, try_to_return, &may_return);
    pthread_join(thread, NULL);
    if (may_return) {
        passing passing = { scheduler, { .nice = 0 } };
        SOON(10.0, all_gone());
        end_of(scheduler, submit(scheduler, NULL, make_another, &passing, 0, 0.0));
        EQUAL(passing.next.nice, own.nice);
    }
    free_hooked(scheduler);

    seen.count = 0;
    options.config_yaml = "max_idle_time: 0\n";
    options.thread_nice = nicer(own.nice);
    scheduler = new_with(options);
    natures(scheduler, both);
    EQUAL(both[0].nice, nicer(own.nice));
    SOON(10.0, all_gone());

    /* What the system refuses is said, and tasks run all the same. */
    CHECK(setrlimit(RLIMIT_NICE, &none) == 0);
    CHECK(geteuid() != 0 || seteuid(65534) == 0);
    OK(ts_set_log_callback(hear, NULL, NULL));
    OK(ts_update_config(scheduler, "thread_nice", "-20"));
    natures(scheduler, both);
    EQUAL(both[0].nice, own.nice);
    EQUAL(both[1].nice, own.nice);
    CHECK(said_at(0, "ts-worker-0 runs without its thread_nice: ") >= 0);
    CHECK(said_at(0, "ts-loop-0 runs without its thread_nice: ") >= 0);
    EQUAL(said.lines[said_at(0, "thread_nice: ")].level, TS_LOG_WARNING);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    free_hooked(scheduler);
}

/* Each has a sentence of its own, and changes nothing. */
static void bad_values(void)
{
    static const struct {
        const char *key, *value, *words;
    } bad[] = {
        { "thread_name", "", "thread_name is ''; allowed is a text of 1 to 11 bytes without a NUL" },
        { "thread_name", "twelve bytes", "thread_name is 'twelve bytes'; allowed is a text of 1 to 11 bytes" },
        { "thread_affinity", "x", "thread_affinity is 'x': 'x' is no processor's number; allowed is a list" },
        { "thread_affinity", "0,", "'' is no processor's number" },
        { "thread_affinity", "0 1", "'0 1' is no processor's number" },
        { "thread_affinity", "1-0", "1-0 ends before it begins" },
        { "thread_affinity", "-1", "'' is no processor's number" },
        { "thread_affinity", "0-4000", "there is no processor " },
        { "thread_affinity", "99999999999999999999", "there is no processor 18446744073709551615; there are 0" },
        { "thread_stack_size", "1", "thread_stack_size is 1; allowed is 0, or a whole number from 16384 to 1073741824" },
        { "thread_stack_size", "16383", "thread_stack_size is 16383; allowed is 0, or" },
        { "thread_stack_size", "1073741825", "thread_stack_size is 1073741825; allowed is 0, or" },
        { "thread_stack_size", "65536.5", "thread_stack_size is 65536.5; allowed is 0, or" },
        { "thread_stack_size", "-1", "thread_stack_size is -1; allowed is 0, or" },
        { "thread_stack_size", "much", "thread_stack_size is 'much'; allowed is 0, or" },
        { "thread_nice", "20", "thread_nice is 20; allowed is a whole number from -20 to 19" },
        { "thread_nice", "-21", "thread_nice is -21; allowed is a whole number from -20 to 19" },
        { "thread_nice", "1.5", "thread_nice is 1.5; allowed is a whole number" },
        { "thread_nice", "", "thread_nice is ''; allowed is a whole number" },
    };
    static const char preset[][2][20] = {
        { "thread_name", "ts" }, { "thread_affinity", "" }, { "thread_stack_size", "0" }, { "thread_nice", "0" },
    };
    ts_scheduler *scheduler = new_with(hooked(NULL));
    size_t at, other;
    for (at = 0; at < sizeof(bad) / sizeof(bad[0]); at++) {
        FAILS(ts_update_config(scheduler, bad[at].key, bad[at].value), TS_ERROR_CONFIG);
        if (strstr(ts_last_error_message(), bad[at].words) == NULL) {
            fprintf(stderr, "\"%s\" lacks \"%s\"\n", ts_last_error_message(), bad[at].words);
            failures++;
        }
        for (other = 0; other < 4; other++)
            CHECK(is(scheduler, preset[other][0], preset[other][1]));
    }
    OK(ts_update_config(scheduler, "thread_nice", "-20"));
    CHECK(is(scheduler, "thread_nice", "-20"));
    OK(ts_update_config(scheduler, "thread_stack_size", "1073741824"));
    CHECK(is(scheduler, "thread_stack_size", "1073741824"));
    EQUAL(happened(), 0);
    free_hooked(scheduler);
}

static const test_case cases[] = {
    { "names", names },
    { "stack_size", stack_size },
    { "affinity", affinity },
    { "nice_level", nice_level },
    { "bad_values", bad_values },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
