/* Names are made by use and gone when nothing is queued under them. */
#include "check.h"

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

static const check_test tests[] = {
    TEST(a_million_names_leave_no_memory_behind),
};

CHECK_ALL(tests)
