/* Names are made by use and gone when nothing is queued under them. */
#include "check.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <time.h>

/* Resident memory in KiB. */
static long resident(void)
{
    long pages = 0, all = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &pages) != 2)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void use_names(ts_scheduler *scheduler, int from, int to)
{
    int at, ran = 0;
    for (at = from; at < to; at++) {
        ts_task_options options = options_of(NULL, run_count, &ran, NULL, TS_WAIT_FOR_ROOM);
        ts_task_id id;
        char name[48];
        snprintf(name, sizeof name, "a name that is used once: %d", at);
        options.name = name;
        options.wait_seconds = TS_FOREVER;
        MUST(ts_submit(scheduler, &options, &id));
    }
    await(&ran, to - from);
}

static void a_million_names_leave_no_memory_behind(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 1000");
    long before;
    use_names(scheduler, 0, 20000);
    before = resident();
    use_names(scheduler, 20000, 1020000);
    CHECK(before > 0);
    CHECK(resident() - before < 3 * 1024);
    ts_scheduler_free(scheduler);
}

/* For so many thousandths of a second. */
static void nap(long milliseconds)
{
    struct timespec time = { 0, 0 };
    time.tv_nsec = milliseconds * 1000000;
    nanosleep(&time, NULL);
}

static int32_t run_until_open(ts_token *token, void *user_data)
{
    (void)token;
    while (counted(user_data) == 0)
        nap(1);
    return 0;
}

/* Whatever many tasks at once took, when nothing has been there for a while. */
static void memory_of_a_burst_goes_when_the_scheduler_hibernates(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0\nmax_idle_time: 0.05");
    int at, ran = 0, open = 0, many = 300000;
    long before, full;
    add(scheduler, "name", run_until_open, &open, NULL);
    before = resident();
    for (at = 0; at < many; at++)
        add(scheduler, "name", run_count, &ran, NULL);
    full = resident();
    CHECK(full - before > 16 * 1024);
    count(&open);
    await(&ran, many);
    /* It comes late on a busy machine, and a hang is told. */
    while (resident() - before > 4 * 1024)
        nap(10);
    ts_scheduler_free(scheduler);
}

/* Its lane may be used up and gone long before it returns. */
static void a_stuck_task_keeps_its_name_when_its_lane_goes_on(void)
{
    ts_scheduler *scheduler = scheduler_with("stuck_grace: 0.01\nmaximum_task_info_storage: 10");
    plug stuck = { 0, 0 };
    ts_task_id id = submit(scheduler, "stuck", run_plug, &stuck, NULL, TS_RELEASE_LANE_WHEN_STUCK);
    await(&stuck.started, 1);
    GIVES(TS_OK, ts_force_stop(scheduler, id));
    CHECK(ended(scheduler, add(scheduler, "stuck", run_nothing, NULL, NULL)) == TS_COMPLETED);
    use_names(scheduler, 0, 40000);
    CHECK(strcmp(status_of(scheduler, id).task_name, "stuck") == 0);
    pull(&stuck);
    CHECK(ended(scheduler, id) == TS_CANCELLED);
    CHECK(strcmp(status_of(scheduler, id).task_name, "stuck") == 0);
    /* And not for ever. */
    use_names(scheduler, 40000, 80000);
    CHECK(state_of(scheduler, id) == (ts_state)0);
    ts_scheduler_free(scheduler);
}

/* What a poll is given. */
typedef struct {
    int open, ended;
} door;

static ts_poll poll_until_open(ts_token *token, void *user_data)
{
    door *its = user_data;
    while (counted(&its->open) == 0)
        if (ts_async_sleep(token, 0.1) != TS_OK)
            return TS_POLL_PENDING;
    count(&its->ended);
    return TS_POLL_READY;
}

static void memory_of_an_async_burst_goes_when_the_loops_do(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_async: 0\nmax_idle_time: 0.05");
    door its = { 0, 0 };
    int at, many = 50000;
    long before = resident(), full;
    for (at = 0; at < many; at++) {
        char name[20];
        ts_task_id id;
        snprintf(name, sizeof name, "name %d", at);
        MUST(ts_add_async_task(scheduler, false, name, poll_until_open, &its, NULL, &id));
    }
    full = resident();
    CHECK(full - before > 8 * 1024);
    count(&its.open);
    await(&its.ended, many);
    /* It comes late on a busy machine, and a hang is told. What the C library keeps of what was freed
     * is not ours. */
    while (resident() - before > (full - before) / 2) {
        nap(10);
#ifdef __GLIBC__
        malloc_trim(0);
#endif
    }
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(a_million_names_leave_no_memory_behind),
    TEST(a_stuck_task_keeps_its_name_when_its_lane_goes_on),
    TEST(memory_of_a_burst_goes_when_the_scheduler_hibernates),
    TEST(memory_of_an_async_burst_goes_when_the_loops_do),
};

CHECK_ALL(tests)
