/* A program that was compiled with an older header has smaller structs, one that was compiled with a
 * newer header larger ones. Of every struct that begins with its size: from the size that it had when
 * it first came out up to 4096 bytes it is taken, and not a byte is read or written behind it; what a
 * newer one has set that is not known here is refused. */
#include "hosting.h"

#include <sys/mman.h>

#define LARGEST 4096

static ts_scheduler *scheduler;
static ts_task_id known;

/* So many bytes, with nothing behind them that can be touched. */
static unsigned char *at_the_edge(size_t size)
{
    static unsigned char *pages;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 3 * LARGEST / page * page + page;
    if (pages == NULL) {
        int fd = fileno(tmpfile());
        CHECK(fd >= 0 && ftruncate(fd, (off_t)(room + page)) == 0);
        pages = (unsigned char *)mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        CHECK(pages != MAP_FAILED && mprotect(pages + room, page, PROT_NONE) == 0);
    }
    memset(pages, 0, room);
    /* Aligned, as a struct is. */
    return pages + room - (size + 7) / 8 * 8;
}

/* What takes a struct; count of them stand one behind the other. */
typedef struct {
    const char *name;
    ts_error (*take)(void *place);
    const void *like;
    size_t smallest, now, count;
    int written;    /* by the library, zeroes where it knows nothing */
} taker;

static ts_error take_submit(void *place)
{
    ts_task_id id;
    return ts_submit(scheduler, (ts_task_options *)place, &id);
}

static ts_error take_claim_submit(void *place)
{
    ts_claim claimed;
    ts_task_id id;
    ts_error error = ts_claim_submit(scheduler, (ts_task_options *)place, &claimed, &id);
    if (error == TS_OK && claimed.token != NULL)
        finish(scheduler, &claimed);
    return error;
}

static ts_error take_claims_submit(void *place)
{
    ts_claim claimed[2];
    size_t added = 0;
    ts_error error = ts_claims_submit(scheduler, (ts_task_options *)place, 2, claimed, NULL, &added);
    CHECK(added == (error == TS_OK ? 2 : 0));
    return error;
}

static ts_error take_lane_new(void *place)
{
    ts_lane *lane = NULL;
    ts_error error = ts_lane_new(scheduler, (ts_lane_options *)place, &lane);
    ts_lane_free(lane);
    return error;
}

static ts_error take_pump_new(void *place)
{
    ts_pump *pump = NULL;
    ts_error error = ts_pump_new(scheduler, (ts_pump_options *)place, &pump);
    ts_pump_free(pump);
    return error;
}

static ts_error take_scheduler_new(void *place)
{
    ts_scheduler *made = NULL;
    ts_error error = ts_scheduler_new_with((ts_scheduler_options *)place, &made);
    ts_scheduler_free(made);
    return error;
}

static ts_error take_status(void *place)
{
    return ts_get_task_status(scheduler, known, (ts_task_status *)place);
}

static ts_error take_wait(void *place)
{
    return ts_wait(scheduler, known, 0, (ts_task_status *)place);
}

static ts_error take_list(void *place)
{
    size_t count;
    return ts_list_tasks(scheduler, TS_LINEAR, (ts_task_status *)place, 2, &count);
}

static ts_error take_report(void *place)
{
    ts_scheduler *shut = scheduler_with(NULL);
    ts_error error = ts_shutdown_within(shut, false, 1, (ts_shutdown_report *)place);
    ts_scheduler_free(shut);
    return error;
}

static ts_error take_report_tasks(void *place)
{
    ts_scheduler *shut = scheduler_with(NULL);
    ts_shutdown_report report = TS_SHUTDOWN_REPORT_INIT;
    plug its = { 0, 0 };
    ts_error error;
    add(shut, "one", run_plug, &its, NULL);
    add(shut, "two", run_plug, &its, NULL);
    await(&its.started, 2);
    report.tasks = (ts_task_status *)place;
    report.capacity = 2;
    error = ts_shutdown_within(shut, false, 0, &report);
    CHECK(error != TS_ERROR_TIMED_OUT || report.running == 2);
    pull(&its);
    ts_scheduler_free(shut);
    return error == TS_ERROR_TIMED_OUT ? TS_OK : error;
}

static ts_task_options task;
static const ts_lane_options lane = { sizeof lane, "lane", (ts_kind)0, (ts_runner)0, NULL, 0, 0 };
static const ts_pump_options pump = TS_PUMP_OPTIONS_INIT;
static const ts_scheduler_options made = TS_SCHEDULER_OPTIONS_INIT;
static const ts_task_status status = TS_TASK_STATUS_INIT;
static const ts_shutdown_report report = TS_SHUTDOWN_REPORT_INIT;

/* The sizes of version 0.1.0 never change; the macros' do. */
static const taker takers[] = {
    { "ts_submit", take_submit, &task, 72, sizeof task, 1, 0 },
    { "ts_claim_submit", take_claim_submit, &task, 72, sizeof task, 1, 0 },
    { "ts_claims_submit", take_claims_submit, &task, 72, sizeof task, 2, 0 },
    { "ts_lane_new", take_lane_new, &lane, 48, sizeof lane, 1, 0 },
    { "ts_pump_new", take_pump_new, &pump, 32, sizeof pump, 1, 0 },
    { "ts_scheduler_new_with", take_scheduler_new, &made, 72, sizeof made, 1, 0 },
    { "ts_get_task_status", take_status, &status, 584, sizeof status, 1, 1 },
    { "ts_wait", take_wait, &status, 584, sizeof status, 1, 1 },
    { "ts_list_tasks", take_list, &status, 584, sizeof status, 2, 1 },
    { "ts_shutdown_within", take_report, &report, 48, sizeof report, 1, 0 },
    { "tasks of ts_shutdown_within", take_report_tasks, &status, 584, sizeof status, 2, 1 },
};

#define TAKERS (sizeof takers / sizeof *takers)

/* Such structs of that size, at the edge. */
static unsigned char *place_for(const taker *its, size_t size)
{
    unsigned char *place = at_the_edge(its->count * size);
    size_t at;
    for (at = 0; at < its->count; at++) {
        memcpy(place + at * size, its->like, size < its->now ? size : its->now);
        memcpy(place + at * size, &size, sizeof size);
    }
    return place;
}

static void check_taker(const taker *its, size_t size, ts_error wanted)
{
    char what[100];
    snprintf(what, sizeof what, "%s with a size of %u", its->name, (unsigned)size);
    check_error(__FILE__, __LINE__, what, its->take(place_for(its, size)), wanted);
}

static void set_up(void)
{
    task = options_of("sizes", run_nothing, NULL, NULL, 0);
    scheduler = scheduler_with("maximum_queue_line: 0");
    known = submit(scheduler, "known", run_nothing, NULL, NULL, TS_KEEP);
    CHECK(ended(scheduler, known) == TS_COMPLETED);
    submit(scheduler, "known", run_nothing, NULL, NULL, TS_KEEP);
}

static void every_size_that_there_was_is_taken(void)
{
    size_t at, size;
    set_up();
    for (at = 0; at < TAKERS; at++) {
        CHECK(takers[at].smallest <= takers[at].now);
        for (size = takers[at].smallest; size <= takers[at].now; size += 8)
            check_taker(&takers[at], size, TS_OK);
        check_taker(&takers[at], 8, TS_ERROR_INVALID_ARGUMENT);
        check_taker(&takers[at], takers[at].smallest - 1, TS_ERROR_INVALID_ARGUMENT);
    }
    ts_scheduler_free(scheduler);
}

static void sizes_that_are_to_come_are_taken(void)
{
    size_t at;
    set_up();
    for (at = 0; at < TAKERS; at++) {
        check_taker(&takers[at], takers[at].now + 8, TS_OK);
        check_taker(&takers[at], takers[at].now + 64, TS_OK);
        check_taker(&takers[at], LARGEST, TS_OK);
    }
    ts_scheduler_free(scheduler);
}

static void what_is_not_known_here_is_refused_unless_it_is_zero(void)
{
    size_t at, byte;
    set_up();
    for (at = 0; at < TAKERS; at++) {
        const taker *its = &takers[at];
        size_t size = its->now + 64;
        for (byte = its->now; byte < size; byte += 7) {
            unsigned char *place = place_for(its, size);
            place[byte] = 1;
            GIVES(its->written ? TS_OK : TS_ERROR_INVALID_ARGUMENT, its->take(place));
            CHECK(!its->written || place[byte] == 0);
        }
    }
    ts_scheduler_free(scheduler);
}

static void what_is_too_large_is_refused(void)
{
    size_t at;
    set_up();
    for (at = 0; at < TAKERS; at++) {
        size_t size = LARGEST + 1;
        unsigned char *place = place_for(&takers[at], takers[at].now);
        memcpy(place, &size, sizeof size);
        GIVES(TS_ERROR_INVALID_ARGUMENT, takers[at].take(place));
    }
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(every_size_that_there_was_is_taken),
    TEST(sizes_that_are_to_come_are_taken),
    TEST(what_is_not_known_here_is_refused_unless_it_is_zero),
    TEST(what_is_too_large_is_refused),
};

CHECK_ALL(tests)
