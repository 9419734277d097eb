/* Threads: the host hears of each one's start before it runs anything of the
 * host's, and of its end after; and they are what the configuration says. */
#define _GNU_SOURCE
#include "testing.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static long this_thread(void)
{
    return syscall(SYS_gettid);
}

/* What has happened, in order --------------------------------------------- */

enum { STARTED = TS_THREAD_STARTED, STOPPING = TS_THREAD_STOPPING, RAN, DROPPED, SAID, LAST };

typedef struct {
    long thread;
    int what;
    char name[32];
} event;

static struct {
    pthread_mutex_t lock;
    size_t count;
    event all[1 << 16];
} seen = { PTHREAD_MUTEX_INITIALIZER, 0, { { 0, 0, "" } } };

static void note(int what, const char *name)
{
    pthread_mutex_lock(&seen.lock);
    if (seen.count < sizeof(seen.all) / sizeof(seen.all[0])) {
        event *its = &seen.all[seen.count++];
        its->thread = this_thread();
        its->what = what;
        snprintf(its->name, sizeof(its->name), "%s", name);
    } else {
        failures++;
    }
    pthread_mutex_unlock(&seen.lock);
}

static size_t happened(void)
{
    size_t count;
    pthread_mutex_lock(&seen.lock);
    count = seen.count;
    pthread_mutex_unlock(&seen.lock);
    return count;
}

/* How often that has happened on threads whose name contains this. */
static long times(int what, const char *name)
{
    long count = 0;
    size_t at;
    pthread_mutex_lock(&seen.lock);
    for (at = 0; at < seen.count; at++)
        count += seen.all[at].what == what && strstr(seen.all[at].name, name) != NULL;
    pthread_mutex_unlock(&seen.lock);
    return count;
}

/* Each thread but the host's own started once, then ran things, then stopped
 * once; and none is between the two. */
static void check_lives(void)
{
    size_t at, other;
    pthread_mutex_lock(&seen.lock);
    for (at = 0; at < seen.count; at++) {
        const event *its = &seen.all[at];
        int before = STOPPING, after = 0;
        if (its->thread == getpid() || its->what == LAST)
            continue;
        for (other = at; other-- > 0;)
            if (seen.all[other].thread == its->thread && seen.all[other].what <= STOPPING) {
                before = seen.all[other].what;
                break;
            }
        for (other = at + 1; other < seen.count; other++)
            if (seen.all[other].thread == its->thread) {
                after = seen.all[other].what;
                break;
            }
        /* The system may give a number again: so a start may follow a stop. */
        if ((its->what == STARTED) != (before == STOPPING) || (its->what == STOPPING && after > STARTED)
            || (its->what != STOPPING && after == 0)) {
            fprintf(stderr, "event %zu, a %d on '%s' (%ld), comes after a %d and before a %d\n", at, its->what,
                    its->name, its->thread, before, after);
            failures++;
        }
    }
    pthread_mutex_unlock(&seen.lock);
    EQUAL(times(STARTED, ""), times(STOPPING, ""));
}

/* Whether every thread has ended. A list of threads may miss one that was
 * made while it was read, by one that ended then. */
static bool all_gone(void)
{
    return alone() && times(STARTED, "") == times(STOPPING, "") && alone();
}

/* The hook ------------------------------------------------------------------ */

/* Threads whose name contains this stay in their end until they may go. */
static struct {
    const char *name;
    atomic_int held;
    atomic_bool open;
} hold;

/* What else the hook is to do. */
static void (*and_then)(ts_thread_event event);

static void on_thread(ts_thread_event event, const char *name, void *user_data)
{
    char own[32] = "";
    CHECK(user_data == &seen);
    CHECK(event == TS_THREAD_STARTED || event == TS_THREAD_STOPPING);
    /* As much of the name as the system keeps. */
    CHECK(pthread_getname_np(pthread_self(), own, sizeof(own)) == 0);
    CHECK(strncmp(own, name, 15) == 0 && strlen(own) == (strlen(name) > 15 ? 15 : strlen(name)));
    note(event, name);
    if (event == TS_THREAD_STOPPING && hold.name != NULL && strstr(name, hold.name) != NULL) {
        hold.held++;
        while (!hold.open)
            nap(0.001);
    }
    if (and_then != NULL)
        and_then(event);
}

static void on_drop(void *user_data)
{
    CHECK(user_data == &seen);
    note(LAST, "");
}

static ts_scheduler_options hooked(const char *yaml)
{
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    options.config_yaml = yaml;
    options.on_thread = on_thread;
    options.user_data = &seen;
    options.drop = on_drop;
    return options;
}

static ts_scheduler *new_with(ts_scheduler_options options)
{
    ts_scheduler *scheduler = NULL;
    OK(ts_scheduler_new_with(&options, &scheduler));
    return scheduler;
}

/* Frees it, after which nothing happens but the drop, once. */
static void free_hooked(ts_scheduler *scheduler)
{
    ts_scheduler_free(scheduler);
    EQUAL(times(LAST, ""), 1);
    CHECK(seen.count > 0 && seen.all[seen.count - 1].what == LAST);
    check_lives();
    CHECK(alone());
}

/* Tasks --------------------------------------------------------------------- */

static int32_t run(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    note(RAN, "");
    return 0;
}

static ts_poll poll(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    note(RAN, "");
    return TS_POLL_READY;
}

static void drop(void *user_data)
{
    (void)user_data;
    note(DROPPED, "");
}

static int32_t until_told(ts_token *token, void *user_data)
{
    (void)user_data;
    note(RAN, "");
    return ts_interruptible_sleep(token, 60.0) == TS_STOPPED;
}

static void say(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
    note(SAID, "");
}

static ts_task_id add_poll(ts_scheduler *scheduler, ts_poll_fn function, void *user_data)
{
    ts_task_id id;
    OK(ts_add_async_task(scheduler, false, "polled", function, user_data, drop, &id));
    return id;
}

/* A worker, a loop and a watchdog come to be, and tasks end on each. */
static void use_every_thread(ts_scheduler *scheduler)
{
    static const char *const names[] = { "a", "b", "c", NULL };
    ts_task_id ids[20], polled, late;
    int at;
    for (at = 0; at < 20; at++)
        OK(ts_add_task(scheduler, false, names[at % 4], run, NULL, drop, &ids[at]));
    polled = add_poll(scheduler, poll, NULL);
    late = submit(scheduler, "late", until_told, NULL, TS_TIMEOUT_PROCESSING, 0.05);
    for (at = 0; at < 20; at++)
        end_of(scheduler, ids[at]);
    EQUAL(end_of(scheduler, polled).state, TS_COMPLETED);
    EQUAL(end_of(scheduler, late).state, TS_TIMEOUT);
}

static void first_and_last(void)
{
    ts_scheduler *scheduler = new_with(hooked("event_loop_threads: 3\nmaximum_queue_line: 0\n"));
    size_t before;
    ts_task_id id;
    int round;
    OK(ts_set_log_callback(say, NULL, NULL));
    EQUAL(happened(), 0);
    OK(ts_ban_task_name(scheduler, TS_LINEAR, "evil"));
    OK(ts_ban_task_name(scheduler, TS_ASYNC, "evil"));
    for (round = 0; round < 20; round++) {
        use_every_thread(scheduler);
        OK(ts_shutdown(scheduler, round % 2));
        /* All of them are gone, and have said so. */
        CHECK(alone());
        check_lives();
        EQUAL(times(STARTED, "ts-watchdog") > round && times(STARTED, "ts-worker-") > round
                  && times(STARTED, "ts-loop-") > round, 1);
        /* What is refused starts none. */
        before = (size_t)times(STARTED, "");
        FAILS(ts_add_task(scheduler, false, "evil", run, NULL, drop, &id), TS_ERROR_BANNED);
        FAILS(ts_add_async_task(scheduler, false, "evil", poll, NULL, drop, &id), TS_ERROR_BANNED);
        FAILS(ts_add_task(scheduler, false, "\xff", run, NULL, drop, &id), TS_ERROR_INVALID_ARGUMENT);
        FAILS(ts_add_async_task(scheduler, false, "\xff", poll, NULL, drop, &id), TS_ERROR_INVALID_ARGUMENT);
        CHECK(alone());
        EQUAL(times(STARTED, ""), before);
    }
    use_every_thread(scheduler);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    free_hooked(scheduler);
}

static void dropped(void)
{
    atomic_int counted = 0;
    ts_scheduler *scheduler = (ts_scheduler *)&seen;
    ts_scheduler_options options = hooked("line_task_max: 0");
    /* Nothing was taken over. */
    FAILS(ts_scheduler_new_with(&options, &scheduler), TS_ERROR_CONFIG);
    CHECK(scheduler == NULL);
    EQUAL(happened(), 0);
    options = hooked("");
    options.thread_name = "";
    FAILS(ts_scheduler_new_with(&options, &scheduler), TS_ERROR_INVALID_ARGUMENT);
    EQUAL(happened(), 0);
    /* Without a function too. */
    options = hooked(NULL);
    options.on_thread = NULL;
    scheduler = new_with(options);
    end_of(scheduler, submit(scheduler, NULL, count_up, &counted, 0, 0.0));
    EQUAL(happened(), 0);
    ts_scheduler_free(scheduler);
    EQUAL(times(LAST, ""), 1);
    EQUAL(happened(), 1);
}

/* A thread that ends by itself ------------------------------------------------ */

static void hibernates(void)
{
    ts_scheduler *scheduler = new_with(hooked("max_idle_time: 0\nline_task_max: 4\n"));
    long before;
    int round;
    for (round = 0; round < 50; round++) {
        use_every_thread(scheduler);
        SOON(10.0, all_gone());
        check_lives();
        EQUAL(times(STARTED, "") > 3 * round, 1);
    }
    /* Surplus ones too. */
    OK(ts_update_config(scheduler, "max_idle_time", "60"));
    before = times(STOPPING, "worker");
    {
        gate door = { 0, false };
        int at;
        for (at = 0; at < 4; at++)
            submit(scheduler, NULL, deaf, &door, 0, 0.0);
        SOON(10.0, door.entered == 4);
        OK(ts_update_config(scheduler, "line_task_max", "1"));
        door.open = true;
        SOON(10.0, times(STOPPING, "worker") == before + 3);
    }
    free_hooked(scheduler);
}

typedef struct {
    ts_scheduler *scheduler;
    atomic_bool returned;
} closing;

static void *shut_down(void *user_data)
{
    closing *its = user_data;
    OK(ts_shutdown(its->scheduler, false));
    check_lives();
    its->returned = true;
    return NULL;
}

/* While threads are in their end, others take their place; and a shutdown
 * waits for them. */
static void slow_to_end(void)
{
    static const char *const names[] = { "worker", "loop", "watchdog" };
    size_t at;
    ts_scheduler *scheduler = new_with(hooked("max_idle_time: 0\nline_task_max: 1\n"));
    for (at = 0; at < 3; at++) {
        closing closing = { scheduler, false };
        pthread_t thread;
        hold.held = 0;
        hold.open = false;
        hold.name = names[at];
        use_every_thread(scheduler);
        SOON(10.0, hold.held >= 1);
        use_every_thread(scheduler);
        SOON(10.0, hold.held >= 2);
        use_every_thread(scheduler);
        pthread_create(&thread, NULL, shut_down, &closing);
        nap(0.1);
        CHECK(!closing.returned);
        hold.open = true;
        pthread_join(thread, NULL);
        CHECK(closing.returned && alone());
        hold.name = NULL;
    }
    free_hooked(scheduler);
}

/* Adds that are refused, and adds that come while a shutdown is under way,
 * start no thread after it unless they are accepted. */
static atomic_int window, under_way, accepted, over;

static void *add_at_the_wrong_time(void *scheduler)
{
    ts_task_id id;
    int round = 0;
    while (!over) {
        under_way++;
        if (window) {
            round++;
            accepted += ts_add_task(scheduler, false, round % 2 ? "x" : NULL, run, NULL, NULL, &id) == TS_OK;
            accepted += ts_add_async_task(scheduler, false, "x", poll, NULL, NULL, &id) == TS_OK;
        }
        ts_add_task(scheduler, false, "evil", run, NULL, NULL, &id);
        ts_add_async_task(scheduler, false, "evil", poll, NULL, NULL, &id);
        under_way--;
        if (!window)
            nap(0.00005);
    }
    return NULL;
}

static void shut_down_while_adding(void)
{
    ts_scheduler *scheduler = new_with(hooked("line_task_max: 2\nmaximum_queue_line: 0\n"));
    pthread_t threads[2];
    int round, quiet = 0;
    OK(ts_ban_task_name(scheduler, TS_LINEAR, "evil"));
    OK(ts_ban_task_name(scheduler, TS_ASYNC, "evil"));
    pthread_create(&threads[0], NULL, add_at_the_wrong_time, scheduler);
    pthread_create(&threads[1], NULL, add_at_the_wrong_time, scheduler);
    for (round = 0; round < 400; round++) {
        size_t after;
        int before;
        end_of(scheduler, submit(scheduler, "a", run, NULL, 0, 0.0));
        end_of(scheduler, add_poll(scheduler, poll, NULL));
        before = accepted;
        window = round % 2;
        OK(ts_shutdown(scheduler, true));
        after = happened();
        window = 0;
        SOON(10.0, under_way == 0);
        if (accepted == before) {
            nap(0.001);
            EQUAL(happened(), after);
            quiet++;
        }
        OK(ts_shutdown(scheduler, true));
        pthread_mutex_lock(&seen.lock);
        seen.count = 0;
        pthread_mutex_unlock(&seen.lock);
    }
    CHECK(quiet >= 200);
    over = 1;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    free_hooked(scheduler);
}

/* Calls from inside ----------------------------------------------------------- */

static ts_scheduler *inside;
static atomic_int called, refused, ran, waited;

static void call_everything(ts_thread_event event)
{
    ts_task_id id, other;
    ts_error error;
    char *text = NULL;
    size_t count;
    if (called++ >= 60)
        return;
    FAILS(ts_shutdown(inside, true), TS_ERROR_WOULD_DEADLOCK);
    error = ts_add_task(inside, true, event == TS_THREAD_STARTED ? "early" : "late", count_up, &ran, NULL, &id);
    CHECK(error == TS_OK || error == TS_ERROR_SHUTTING_DOWN);
    if (error == TS_OK) {
        error = ts_wait(inside, id, TS_FOREVER, NULL);
        CHECK(error == TS_OK || error == TS_ERROR_WOULD_DEADLOCK);
        waited += error == TS_ERROR_WOULD_DEADLOCK;
    } else {
        refused++;
    }
    error = ts_add_async_task(inside, true, "polled", poll, NULL, NULL, &other);
    CHECK(error == TS_OK || error == TS_ERROR_SHUTTING_DOWN);
    if (error == TS_OK) {
        error = ts_force_stop(inside, other);
        CHECK(error == TS_OK || error == TS_ERROR_ALREADY_FINISHED);
    }
    OK(ts_get_config(inside, "thread_name", &text));
    ts_string_free(text);
    OK(ts_update_config(inside, "line_task_max", called % 2 ? "3" : "4"));
    OK(ts_update_config(inside, "maximum_event_loop_tasks", called % 2 ? "3" : "4"));
    OK(ts_list_tasks(inside, TS_LINEAR, NULL, 0, &count));
    OK(ts_get_all_queue_info(inside, TS_ASYNC, true, &text));
    ts_string_free(text);
    OK(ts_interruptible_sleep(NULL, 0.001));
    CHECK(!ts_should_stop(NULL));
}

static void called_from_inside(void)
{
    int round;
    inside = new_with(hooked("max_idle_time: 0\nmaximum_queue_line: 0\nmaximum_queue_async: 0\n"
                             "maximum_task_info_storage: 10000\n"));
    and_then = call_everything;
    use_every_thread(inside);
    SOON(20.0, called >= 60);
    OK(ts_shutdown(inside, false));
    CHECK(alone());
    check_lives();
    CHECK(ran > 0 && waited > 0);
    OK(ts_update_config(inside, "max_idle_time", "60"));
    for (round = 0; round < 30; round++) {
        called = 0;
        use_every_thread(inside);
        OK(ts_shutdown(inside, false));
        CHECK(alone());
        check_lives();
    }
    CHECK(refused > 0);
    called = 60;
    free_hooked(inside);
}

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
    { "first_and_last", first_and_last },
    { "dropped", dropped },
    { "hibernates", hibernates },
    { "slow_to_end", slow_to_end },
    { "shut_down_while_adding", shut_down_while_adding },
    { "called_from_inside", called_from_inside },
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
