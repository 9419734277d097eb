/* A host that is built with ThreadSanitizer, and links the library as it is built for everybody.
 *
 *     tsan_host TASKS     everything here is right: plain data, handed over by the library's promises
 *                         alone. Not one report may come.
 *     tsan_host SEED      makes the mistake of that name. A report must come.
 *
 * No lock, atomic or condition of the host's own orders what the tests of promises look at: that
 * would hide a promise that the library does not tell the checker of. */
#include "tsan_host.h"

/* What the library does among itself is not for this checker, which sees only what the library does
 * through functions of the C library. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libtask_scheduling.so\n";
}

/* Runs until another thread has asked for something that orders nothing: so that a mistake is not
 * ordered by accident. */
static void linger(void)
{
    struct timespec moment = { 0, 2000000 };
    nanosleep(&moment, NULL);
}

/* Mistake: tasks of different names share a counter. */
static int32_t bump(ts_token *token, void *user_data)
{
    int round;
    (void)token;
    for (round = 0; round < 20; round++) {
        ++*(long *)user_data;
        linger();
    }
    return 0;
}

static void shared_counter(void)
{
    static long shared;
    ts_task_id one, other;
    MUST(ts_add_task(NULL, false, "one", bump, &shared, NULL, &one));
    MUST(ts_add_task(NULL, false, "other", bump, &shared, NULL, &other));
    MUST(ts_wait(NULL, one, TS_FOREVER, NULL));
    MUST(ts_wait(NULL, other, TS_FOREVER, NULL));
}

/* Mistake: what a task reads is written after its add. */
static int32_t look(ts_token *token, void *user_data)
{
    (void)token;
    linger();
    sink = *(long *)user_data;
    return 0;
}

static void written_after_the_add(void)
{
    static long late;
    ts_task_id id;
    MUST(ts_add_task(NULL, false, "late", look, &late, NULL, &id));
    late = 1;
    MUST(ts_wait(NULL, id, TS_FOREVER, NULL));
}

/* Mistake: what a task writes is read before its end was seen. */
static void read_before_the_end(void)
{
    static long early;
    ts_task_id id;
    ts_state state;
    MUST(ts_add_task(NULL, false, "early", bump, &early, NULL, &id));
    linger();
    MUST(ts_get_task_state(NULL, id, &state));
    CHECK(state != TS_COMPLETED);
    sink = early;
    MUST(ts_wait(NULL, id, TS_FOREVER, NULL));
}

/* Mistake: two claims of different names, on two threads, share a counter. */
static void *run_claim(void *argument)
{
    ts_claim *claim = (ts_claim *)argument;
    ++claimed;
    linger();
    MUST(ts_claim_finish(NULL, claim, 0, NULL, NULL, NULL));
    return NULL;
}

static void claims_that_share(void)
{
    const char *names[2] = { "one", "other" };
    pthread_t threads[2];
    ts_claim claims[2];
    int at;
    for (at = 0; at < 2; at++) {
        ts_task_options options = TS_TASK_OPTIONS_INIT;
        ts_task_id id;
        options.name = names[at];
        options.runner = TS_CLAIMS;
        MUST(ts_claim_submit(NULL, &options, &claims[at], &id));
    }
    for (at = 0; at < 2; at++)
        pthread_create(&threads[at], NULL, run_claim, &claims[at]);
    for (at = 0; at < 2; at++)
        pthread_join(threads[at], NULL);
}

static const struct {
    const char *name;
    void (*make)(void);
} seeds[] = {
    { "shared_counter", shared_counter },
    { "written_after_the_add", written_after_the_add },
    { "read_before_the_end", read_before_the_end },
    { "claims_that_share", claims_that_share },
};

int main(int argc, char **argv)
{
    size_t at;
    long tasks = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    if (argc > 1 && tasks == 0) {
        for (at = 0; at < sizeof seeds / sizeof *seeds; at++)
            if (strcmp(argv[1], seeds[at].name) == 0)
                break;
        if (at == sizeof seeds / sizeof *seeds)
            return 2;
        seeds[at].make();
        MUST(ts_shutdown(NULL, false));
        return 0;
    }
    return keep_promises(tasks);
}
