/* Tasks of one name queue behind each other; tasks of different names run side
 * by side, as many as line_task_max says. */
#include "check.h"

#include <sched.h>

#define NAMES 3
#define TASKS 10000

static const char *const names[NAMES] = { "red", "green", "blue" };

/* What is known of each name: how many were added, started, and run now. */
static struct {
    pthread_mutex_t adding;
    int added, started, running;
} lanes[NAMES];

typedef struct {
    int lane, number;
} place;

static place places[TASKS];
static int done;

static int32_t run_in_order(ts_token *token, void *user_data)
{
    const place *its = (const place *)user_data;
    (void)token;
    pthread_mutex_lock(&check_lock);
    if (lanes[its->lane].started++ != its->number || lanes[its->lane].running++ != 0)
        check_failures++;
    pthread_mutex_unlock(&check_lock);
    if (its->number % 16 == 0)
        sched_yield();
    pthread_mutex_lock(&check_lock);
    lanes[its->lane].running--;
    done++;
    pthread_cond_broadcast(&check_news);
    pthread_mutex_unlock(&check_lock);
    return 0;
}

static ts_scheduler *in_order;

/* Adds every step-th task, from the first on, each in its turn of its name. */
static void add_in_order(int first, int step)
{
    int at;
    for (at = first; at < TASKS; at += step) {
        int lane = (at / step) % NAMES;
        pthread_mutex_lock(&lanes[lane].adding);
        places[at].lane = lane;
        places[at].number = lanes[lane].added++;
        add(in_order, names[lane], run_in_order, &places[at], NULL);
        pthread_mutex_unlock(&lanes[lane].adding);
    }
}

static void *one_of_four(void *argument)
{
    add_in_order(*(int *)argument, 4);
    return NULL;
}

static void start_over(void)
{
    int lane;
    for (lane = 0; lane < NAMES; lane++) {
        pthread_mutex_init(&lanes[lane].adding, NULL);
        lanes[lane].added = lanes[lane].started = lanes[lane].running = 0;
    }
    done = 0;
    in_order = scheduler_with("maximum_queue_line: 0");
}

static void same_name_is_fifo_and_one_at_a_time(void)
{
    start_over();
    add_in_order(0, 1);
    await(&done, TASKS);
    ts_scheduler_free(in_order);
}

static void same_name_is_fifo_from_four_threads(void)
{
    pthread_t threads[4];
    int firsts[4], at;
    start_over();
    for (at = 0; at < 4; at++) {
        firsts[at] = at;
        threads[at] = thread(one_of_four, &firsts[at]);
    }
    for (at = 0; at < 4; at++)
        pthread_join(threads[at], NULL);
    await(&done, TASKS);
    ts_scheduler_free(in_order);
}

/* Tasks that meet: each goes on only when as many as the meeting says run at
 * once. The highest number seen is kept. */
static struct {
    meeting meeting;
    int running, most, done;
} crowd;

static int32_t run_meet(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    pthread_mutex_lock(&check_lock);
    if (++crowd.running > crowd.most)
        crowd.most = crowd.running;
    pthread_mutex_unlock(&check_lock);
    meet(&crowd.meeting);
    pthread_mutex_lock(&check_lock);
    crowd.running--;
    crowd.done++;
    pthread_cond_broadcast(&check_news);
    pthread_mutex_unlock(&check_lock);
    return 0;
}

static void start_crowd(int size)
{
    memset(&crowd, 0, sizeof crowd);
    crowd.meeting.size = size;
}

static void line_task_max_run_at_once_and_no_more(void)
{
    static const int sizes[] = { 1, 2, 7, 10, 33 };
    size_t which;
    for (which = 0; which < sizeof sizes / sizeof *sizes; which++) {
        char config[80];
        ts_scheduler *scheduler;
        int at, size = sizes[which];
        snprintf(config, sizeof config, "line_task_max: %d\nmaximum_queue_line: 0", size);
        scheduler = scheduler_with(config);
        start_crowd(size);
        /* Nameless ones and names that each occur once. */
        for (at = 0; at < 20 * size; at++) {
            char name[32];
            snprintf(name, sizeof name, "name %d", at);
            add(scheduler, at % 2 ? name : NULL, run_meet, NULL, NULL);
        }
        await(&crowd.done, 20 * size);
        CHECK(crowd.most == size);
        ts_scheduler_free(scheduler);
    }
}

static void names_run_side_by_side(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 4\nmaximum_queue_line: 0");
    static const char *const four[4] = { "north", "east", "south", "west" };
    int at;
    start_crowd(4);
    /* One name after the other, so that each has a queue. */
    for (at = 0; at < 100; at++)
        add(scheduler, four[at / 25], run_meet, NULL, NULL);
    await(&crowd.done, 100);
    CHECK(crowd.most == 4);
    ts_scheduler_free(scheduler);
}

/* Two workers are taken up while the queue fills; then one of the tasks in it
 * blocks, first, in the middle, or last. All others run nevertheless. */
static void block_at(int position)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 2");
    plug plugs[2] = { { 0, 0 }, { 0, 0 } }, blocker = { 0, 0 };
    ts_task_id ids[29], blocked, behind;
    int at, ran = 0, behind_ran = 0;
    memset(&behind, 0, sizeof behind);
    memset(&blocked, 0, sizeof blocked);
    add(scheduler, NULL, run_plug, &plugs[0], NULL);
    add(scheduler, NULL, run_plug, &plugs[1], NULL);
    await(&plugs[0].started, 1);
    await(&plugs[1].started, 1);
    for (at = 0; at <= 28; at++) {
        char name[32];
        if (at == position) {
            blocked = add(scheduler, "blocked", run_plug, &blocker, NULL);
            behind = add(scheduler, "blocked", run_count, &behind_ran, NULL);
        }
        snprintf(name, sizeof name, "name %d", at % 5);
        if (at < 28)
            ids[at] = add(scheduler, at % 2 ? NULL : name, run_count, &ran, NULL);
    }
    pull(&plugs[0]);
    pull(&plugs[1]);
    for (at = 0; at < 28; at++)
        CHECK(ended(scheduler, ids[at]) == TS_COMPLETED);
    await(&blocker.started, 1);
    CHECK(counted(&ran) == 28);
    CHECK(state_of(scheduler, blocked) == TS_RUNNING);
    CHECK(state_of(scheduler, behind) == TS_PENDING);
    CHECK(counted(&behind_ran) == 0);
    pull(&blocker);
    CHECK(ended(scheduler, behind) == TS_COMPLETED);
    CHECK(state_of(scheduler, blocked) == TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static void a_blocking_task_holds_up_only_its_own_lane(void)
{
    int round;
    for (round = 0; round < 10; round++) {
        block_at(0);
        block_at(1);
        block_at(14);
        block_at(28);
    }
}

static void all_but_one_worker_may_block(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    plug plugs[9];
    char name[32];
    int at, ran = 0;
    memset(plugs, 0, sizeof plugs);
    for (at = 0; at < 9; at++) {
        snprintf(name, sizeof name, "blocked %d", at);
        add(scheduler, name, run_plug, &plugs[at], NULL);
    }
    for (at = 0; at < 20; at++) {
        snprintf(name, sizeof name, "name %d", at);
        add(scheduler, at % 2 ? NULL : name, run_count, &ran, NULL);
    }
    await(&ran, 20);
    for (at = 0; at < 9; at++)
        await(&plugs[at].started, 1);
    for (at = 0; at < 9; at++)
        pull(&plugs[at]);
    ts_scheduler_free(scheduler);
}

/* A name that is never idle: each of its tasks adds the next. */
typedef struct {
    ts_scheduler *scheduler;
    const char *name;
    int over;
} busy_name;

static int32_t run_busy(ts_token *token, void *user_data)
{
    busy_name *busy = user_data;
    (void)token;
    /* Without the lock, which nobody else would ever get. */
    if (!__atomic_load_n(&busy->over, __ATOMIC_RELAXED)) {
        ts_task_id id;
        ts_error error = ts_add_task(busy->scheduler, false, busy->name, run_busy, busy, NULL, &id);
        CHECK(error == TS_OK || error == TS_ERROR_SHUTTING_DOWN);
    }
    return 0;
}

static void a_busy_name_starves_no_other(void)
{
    enum { QUIET = 64 };
    ts_scheduler *scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0");
    busy_name busy = { NULL, "busy", 0 };
    char name[32];
    int at, ran = 0;
    busy.scheduler = scheduler;
    /* Some in a row, so that the name always has one that is ready. */
    for (at = 0; at < 4; at++)
        add(scheduler, busy.name, run_busy, &busy, NULL);
    for (at = 0; at < QUIET; at++) {
        snprintf(name, sizeof name, "quiet %d", at);
        add(scheduler, at % 4 ? name : NULL, run_count, &ran, NULL);
        await(&ran, at + 1);
    }
    __atomic_store_n(&busy.over, 1, __ATOMIC_RELAXED);
    ts_scheduler_free(scheduler);
}

static void nameless_tasks_queue_behind_nothing_but_count(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 3");
    plug plugs[3] = { { 0, 0 }, { 0, 0 }, { 0, 0 } };
    ts_task_id nameless, named;
    int at, ran = 0;
    /* Three at once, so none is behind another. */
    for (at = 0; at < 3; at++)
        add(scheduler, NULL, run_plug, &plugs[at], NULL);
    for (at = 0; at < 3; at++)
        await(&plugs[at].started, 1);
    nameless = add(scheduler, NULL, run_count, &ran, NULL);
    named = add(scheduler, "name", run_count, &ran, NULL);
    CHECK(how_many(scheduler, TS_RUNNING) == 3);
    CHECK(how_many(scheduler, TS_PENDING) == 2);
    CHECK(strcmp(status_of(scheduler, nameless).task_name, "") == 0);
    CHECK(strcmp(status_of(scheduler, named).task_name, "name") == 0);
    CHECK(counted(&ran) == 0);
    pull(&plugs[1]);
    CHECK(ended(scheduler, nameless) == TS_COMPLETED);
    CHECK(ended(scheduler, named) == TS_COMPLETED);
    pull(&plugs[0]);
    pull(&plugs[2]);
    ts_scheduler_free(scheduler);
}

/* Also what one thread adds within one tick of the clock, however names and records are spread. */
static void a_list_is_in_the_order_of_the_adds(void)
{
    static ts_task_status listed[1000];
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0\nmaximum_task_info_storage: 1000");
    ts_task_id ids[1000];
    size_t count = 0;
    int at, turn;
    /* The second turn finds records that were used. */
    for (turn = 0; turn < 2; turn++) {
        ts_pump *pump = NULL;
        MUST(ts_pump_new(scheduler, NULL, &pump));
        MUST(ts_scheduler_set_runner(scheduler, TS_PUMP, pump));
        for (at = 0; at < 1000; at++) {
            char name[16];
            sprintf(name, "name %d", at * 7 % 50);
            ids[at] = add(scheduler, at % 3 ? name : NULL, run_nothing, NULL, NULL);
        }
        listed[0].size = sizeof listed[0];
        MUST(ts_list_tasks(scheduler, TS_LINEAR, listed, 1000, &count));
        CHECK(count == 1000);
        for (at = 0; at < 1000; at++)
            CHECK(memcmp(&listed[at].id, &ids[at], sizeof ids[at]) == 0);
        MUST(ts_scheduler_set_runner(scheduler, TS_WORKERS, NULL));
        ts_pump_free(pump);
        for (at = 0; at < 1000; at++)
            MUST(ts_task_forget(scheduler, ids[at]));
    }
    ts_scheduler_free(scheduler);
}

/* A lane that is never empty: each of its tasks adds the next one. */
typedef struct {
    ts_scheduler *scheduler;
    int pause, paused, resume, stop, stopped;
    plug behind;
} endless;

static int32_t run_endless(ts_token *token, void *user_data)
{
    endless *its = user_data;
    (void)token;
    if (counted(&its->pause) && !counted(&its->paused)) {
        count(&its->paused);
        await(&its->resume, 1);
    }
    if (counted(&its->stop))
        count(&its->stopped);
    else
        add(its->scheduler, "endless", run_endless, its, NULL);
    return 0;
}

/* What a worker has taken along with a task that blocks is fetched by one who would never run out. */
static void what_was_taken_with_a_task_that_blocks_does_not_wait_for_it(void)
{
    for (int round = 0; round < 4; round++) {
        endless its;
        plug other;
        memset(&its, 0, sizeof its);
        memset(&other, 0, sizeof other);
        its.scheduler = scheduler_with("line_task_max: 2");
        add(its.scheduler, "endless", run_endless, &its, NULL);
        add(its.scheduler, NULL, run_plug, &other, NULL);
        await(&other.started, 1);
        count(&its.pause);
        await(&its.paused, 1);
        /* Both workers are held: these are taken together, by the one that goes on first. */
        add(its.scheduler, NULL, run_plug, &its.behind, NULL);
        add(its.scheduler, NULL, run_count, &its.behind.may_go, NULL);
        count(&its.resume);
        await(&its.behind.started, 1);
        pull(&other);
        await(&its.behind.may_go, 1);
        count(&its.stop);
        await(&its.stopped, 1);
        ts_scheduler_free(its.scheduler);
    }
}

static const check_test tests[] = {
    TEST(same_name_is_fifo_and_one_at_a_time),
    TEST(same_name_is_fifo_from_four_threads),
    TEST(line_task_max_run_at_once_and_no_more),
    TEST(names_run_side_by_side),
    TEST(a_blocking_task_holds_up_only_its_own_lane),
    TEST(all_but_one_worker_may_block),
    TEST(a_busy_name_starves_no_other),
    TEST(a_list_is_in_the_order_of_the_adds),
    TEST(nameless_tasks_queue_behind_nothing_but_count),
    TEST(what_was_taken_with_a_task_that_blocks_does_not_wait_for_it),
};

CHECK_ALL(tests)
