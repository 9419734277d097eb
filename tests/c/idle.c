/* Idleness costs nothing, and hibernation changes nothing. */
#include "testing.h"

#include <malloc.h>

/* Is done when it is polled for the second time. */
static ts_poll twice(ts_token *token, void *user_data)
{
    (void)token;
    return ++*(atomic_int *)user_data > 1 ? TS_POLL_READY : TS_POLL_PENDING;
}

/* No thread of ours goes to sleep, since none wakes, for ten seconds. */
static void no_wakeups(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    double seconds = 0.05;
    ts_task_id ids[40];
    atomic_int polls = 0;
    ts_task_options polled = TS_TASK_OPTIONS_INIT;
    long before, there;
    int at;
    static const char *const names[] = { "a", "b", "c", "d", NULL };
    for (at = 0; at < 40; at++) /* Deadlines that would fall into the ten seconds. */
        ids[at] = submit(scheduler, names[at % 5], sleeper, &seconds, at % 2 ? TS_TIMEOUT_PROCESSING : 0,
                         2.0 + at * 0.2);
    OK(ts_force_stop(scheduler, ids[38]));
    polled.poll = twice; /* Ends by a stop, long before its deadline. */
    polled.user_data = &polls;
    polled.flags = TS_TIMEOUT_PROCESSING;
    polled.timeout_seconds = 5.0;
    OK(ts_submit(scheduler, &polled, &ids[0]));
    SOON(5.0, polls == 1);
    OK(ts_force_stop(scheduler, ids[0]));
    for (at = 0; at < 40; at++)
        end_of(scheduler, ids[at]);
    nap(0.5);
    there = threads("ts-");
    CHECK(there > 0);
    before = switches();
    nap(10.0);
    EQUAL(switches(), before);
    EQUAL(threads("ts-"), there);
    EQUAL(threads("ts-watchdog"), 0);
    ts_scheduler_free(scheduler);
}

static int32_t leave_result(ts_token *token, void *user_data)
{
    char *text = user_data;
    OK(ts_set_result(token, text, strlen(text) + 1, NULL));
    return 0;
}

static int32_t fail(ts_token *token, void *user_data)
{
    (void)user_data;
    OK(ts_set_error(token, "out of paper"));
    return 3;
}

static void *add_there(void *user_data)
{
    addition *its = user_data;
    its->id = submit(its->scheduler, "later", count_up, its->ran, TS_TIMEOUT_PROCESSING, 20.0);
    return NULL;
}

static void hibernates(void)
{
    ts_scheduler *scheduler = scheduler_with("max_idle_time: 0.3\nline_task_max: 5\nmaximum_task_info_storage: 3\n");
    atomic_int ran = 0;
    addition other = { NULL, { { 0 } }, NULL };
    char first[] = "first", kept[] = "kept", *text = NULL;
    ts_task_id failed, left, pinned;
    ts_task_status status;
    ts_value value;
    double begin;
    pthread_t thread;
    int at;
    pinned = submit(scheduler, "a", leave_result, kept, TS_KEEP, 0.0);
    end_of(scheduler, pinned);
    failed = submit(scheduler, "a", fail, NULL, 0, 0.0);
    left = submit(scheduler, "a", leave_result, first, TS_TIMEOUT_PROCESSING, 30.0);
    OK(ts_ban_task_name(scheduler, TS_LINEAR, "evil"));
    OK(ts_update_config(scheduler, "watch_dog_time", "77"));
    end_of(scheduler, left);
    begin = now();
    EQUAL(threads("ts-watchdog") <= 1, 1);
    CHECK(threads("ts-worker") > 0);
    SOON(10.0, alone());
    CHECK(now() - begin > 0.2);
    /* Everything is as it was. */
    status = status_of(scheduler, failed);
    EQUAL(status.state, TS_FAILED);
    EQUAL(status.code, 3);
    CHECK(strcmp(status.error, "out of paper") == 0);
    FAILS(ts_add_task(scheduler, false, "evil", count_up, &ran, NULL, &other.id), TS_ERROR_BANNED);
    SOON(10.0, alone());
    OK(ts_get_config(scheduler, "watch_dog_time", &text));
    CHECK(text != NULL && strcmp(text, "77") == 0);
    ts_string_free(text);
    /* The next add, from a thread that the scheduler never saw. */
    other.scheduler = scheduler;
    other.ran = &ran;
    pthread_create(&thread, NULL, add_there, &other);
    pthread_join(thread, NULL);
    EQUAL(end_of(scheduler, other.id).state, TS_COMPLETED);
    EQUAL(ran, 1);
    CHECK(threads("ts-worker") > 0);
    OK(ts_get_task_result(scheduler, left, &value));
    CHECK(value.size == 6 && strcmp(value.data, "first") == 0);
    ts_value_free(&value);
    SOON(10.0, alone());
    /* Again and again, with time-outs that work. */
    for (at = 0; at < 3; at++) {
        double seconds = 30.0;
        ts_task_id timed = submit(scheduler, "timed", sleeper, &seconds, TS_TIMEOUT_PROCESSING, 0.1);
        EQUAL(end_of(scheduler, timed).state, TS_TIMEOUT);
        SOON(10.0, alone());
    }
    EQUAL(state_of(scheduler, failed), 0); /* Pushed out by those. */
    OK(ts_get_task_result(scheduler, pinned, &value));
    CHECK(value.size == 5 && strcmp(value.data, "kept") == 0);
    ts_value_free(&value);
    FAILS(ts_add_task(scheduler, false, "evil", count_up, &ran, NULL, &other.id), TS_ERROR_BANNED);
    OK(ts_allow_task_name(scheduler, TS_LINEAR, "evil"));
    ts_scheduler_free(scheduler);
}

/* Threads do not pile up that have ended and that nobody has waited for. */
static long mapped_kilobytes(void)
{
    char line[128];
    long size = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        sscanf(line, "VmSize: %ld", &size);
    if (file != NULL)
        fclose(file);
    return size;
}

static void no_growth(void)
{
    ts_scheduler *scheduler = scheduler_with("max_idle_time: 0");
    atomic_int ran = 0;
    long before = 0;
    int round;
    mallopt(M_ARENA_MAX, 1); /* Else each thread may reserve 64 MiB. */
    for (round = 0; round < 600; round++) {
        end_of(scheduler, submit(scheduler, "a", count_up, &ran, TS_TIMEOUT_PROCESSING, 20.0));
        SOON(10.0, alone());
        if (round == 100)
            before = mapped_kilobytes();
    }
    /* A stack that is kept would be some megabytes each. */
    CHECK(mapped_kilobytes() - before < 64 * 1024);
    ts_scheduler_free(scheduler);
}

enum { ADDERS = 4, ROUNDS = 3000 };

typedef struct {
    ts_scheduler *scheduler;
    unsigned seed;
    atomic_int ran;
    int lost;
} adder;

static void *add_at_odd_moments(void *user_data)
{
    adder *its = user_data;
    int round;
    for (round = 0; round < ROUNDS && its->lost == 0; round++) {
        ts_task_options options = TS_TASK_OPTIONS_INIT;
        ts_task_id id;
        unsigned gap = rand_r(&its->seed) % 400;
        double end = now() + gap / 1e6;
        options.name = round % 3 == 0 ? "shared" : NULL;
        options.run = count_up;
        options.user_data = &its->ran;
        options.flags = round % 2 == 0 ? TS_TIMEOUT_PROCESSING : 0;
        options.timeout_seconds = 30.0;
        if (ts_submit(its->scheduler, &options, &id) != TS_OK || ts_wait(its->scheduler, id, 20.0, NULL) != TS_OK) {
            fprintf(stderr, "round %d: %s\n", round, ts_last_error_message());
            its->lost++;
        }
        if (gap > 200)
            nap(gap / 1e6);
        else
            while (now() < end)
                ;
    }
    return NULL;
}

static void add_against_the_last_thread(const char *yaml)
{
    ts_scheduler *scheduler = scheduler_with(yaml);
    static adder adders[ADDERS];
    pthread_t ids[ADDERS];
    int at;
    OK(ts_update_config(scheduler, "maximum_task_info_storage", "100"));
    for (at = 0; at < ADDERS; at++) {
        adders[at].scheduler = scheduler;
        adders[at].seed = (unsigned)at + 1;
        adders[at].ran = 0;
        pthread_create(&ids[at], NULL, add_at_odd_moments, &adders[at]);
    }
    for (at = 0; at < ADDERS; at++) {
        pthread_join(ids[at], NULL);
        EQUAL(adders[at].lost, 0);
        EQUAL(adders[at].ran, ROUNDS);
    }
    SOON(10.0, alone());
    ts_scheduler_free(scheduler);
}

static void stress_at_once(void)
{
    add_against_the_last_thread("max_idle_time: 0");
}

static void stress_soon(void)
{
    add_against_the_last_thread("max_idle_time: 0.0001");
}

static void stress_one_worker(void)
{
    add_against_the_last_thread("max_idle_time: 0.0002\nline_task_max: 1");
}

static const test_case cases[] = {
    { "no_wakeups", no_wakeups },
    { "hibernates", hibernates },
    { "no_growth", no_growth },
    { "stress_at_once", stress_at_once },
    { "stress_soon", stress_soon },
    { "stress_one_worker", stress_one_worker },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
