/* Tasks that were told to stop and go on: how they are found, what takes their
 * place, and what does not. */
#include "testing.h"

#define QUICK "stuck_grace: 0.3\nstatus_check_interval: 0.5\nline_task_max: 1\n"

static bool is_stuck(ts_scheduler *scheduler, ts_task_id id)
{
    return (status_of(scheduler, id).flags & TS_STATUS_STUCK) != 0;
}

static bool text_has(ts_scheduler *scheduler, const char *words)
{
    char *text = NULL;
    bool has;
    OK(ts_get_all_queue_info(scheduler, TS_LINEAR, false, &text));
    has = text != NULL && strstr(text, words) != NULL;
    ts_string_free(text);
    return has;
}

/* Adds a deaf task, waits until it runs, and tells it to stop. */
static ts_task_id told_deaf(ts_scheduler *scheduler, const char *name, gate *door, uint32_t flags)
{
    ts_task_id id = submit(scheduler, name, deaf, door, flags, 0.0);
    SOON(5.0, door->entered == 1);
    OK(ts_force_stop(scheduler, id));
    return id;
}

static void reported(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    gate door = { 0, false };
    char text[37], words[100];
    ts_task_id id;
    double begin;
    long first, second;
    OK(ts_set_log_callback(hear, NULL, NULL));
    begin = now();
    id = told_deaf(scheduler, "a", &door, 0);
    ts_task_id_format(id, text);
    snprintf(words, sizeof(words), "Io linear task | %s | was told to stop and is stuck", text);
    CHECK(!is_stuck(scheduler, id) || now() - begin > 0.3);
    CHECK(!text_has(scheduler, "stuck") || now() - begin > 0.3);
    SOON(5.0, is_stuck(scheduler, id));
    BETWEEN(now() - begin, 0.29, 5.0);
    EQUAL(status_of(scheduler, id).state, TS_RUNNING);
    EQUAL(status_of(scheduler, id).stopping, TS_CANCELLED);
    CHECK(text_has(scheduler, "Name: a, Status: running (Task stuck), Elapsed Time: "));
    SOON(5.0, said_times(words) >= 3);
    first = said_at(0, words);
    second = said_at((size_t)first + 1, words);
    EQUAL(said.lines[first].level, TS_LOG_WARNING);
    BETWEEN(said.lines[second].at - said.lines[first].at, 0.4, 5.0);
    door.open = true;
    EQUAL(end_of(scheduler, id).state, TS_CANCELLED);
    CHECK(!is_stuck(scheduler, id));
    CHECK(!text_has(scheduler, "stuck"));
    OK(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

/* A task that returns in time after it was told is never reported. */
static void not_reported(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    gate door = { 0, false };
    ts_task_id id;
    OK(ts_set_log_callback(hear, NULL, NULL));
    id = told_deaf(scheduler, "a", &door, 0);
    door.open = true;
    EQUAL(end_of(scheduler, id).state, TS_CANCELLED);
    nap(0.8);
    EQUAL(said_times("stuck"), 0);
    EQUAL(threads("ts-watchdog"), 0);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

static void replaced(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    gate door = { 0, false };
    atomic_int others = 0, same = 0;
    ts_task_id id, next, other;
    double begin = now();
    id = submit(scheduler, "a", deaf, &door, TS_TIMEOUT_PROCESSING, 0.2);
    SOON(5.0, door.entered == 1);
    next = submit(scheduler, "a", count_up, &same, 0, 0.0);
    other = submit(scheduler, "b", count_up, &others, 0, 0.0);
    CHECK(threads("ts-worker") == 1 || now() - begin > 0.5);
    EQUAL(end_of(scheduler, other).state, TS_COMPLETED);
    CHECK(is_stuck(scheduler, id));
    EQUAL(status_of(scheduler, id).stopping, TS_TIMEOUT);
    EQUAL(threads("ts-worker"), 2);
    /* The place is taken, the lane is not. */
    nap(0.5);
    EQUAL(state_of(scheduler, next), TS_PENDING);
    EQUAL(same, 0);
    /* Only one place: tasks after it do not run side by side. */
    door.open = true;
    EQUAL(end_of(scheduler, id).state, TS_TIMEOUT);
    EQUAL(end_of(scheduler, next).state, TS_COMPLETED);
    /* max_idle_time is far away: it is the surplus that leaves. */
    SOON(5.0, threads("ts-worker") == 1);
    /* The limit is the old one again. */
    {
        gate two = { 0, false };
        ts_task_id ids[2];
        ids[0] = submit(scheduler, "c", deaf, &two, 0, 0.0);
        ids[1] = submit(scheduler, "d", deaf, &two, 0, 0.0);
        nap(0.5);
        EQUAL(two.entered, 1);
        EQUAL(threads("ts-worker"), 1);
        two.open = true;
        EQUAL(end_of(scheduler, ids[0]).state, TS_COMPLETED);
        EQUAL(end_of(scheduler, ids[1]).state, TS_COMPLETED);
    }
    ts_scheduler_free(scheduler);
}

/* The function returns while its substitute is busy: then it is the old one that leaves. */
static void returns_while_the_substitute_works(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    gate door = { 0, false }, work = { 0, false };
    ts_task_id id = told_deaf(scheduler, "a", &door, 0);
    ts_task_id other = submit(scheduler, "b", deaf, &work, 0, 0.0), last;
    atomic_int ran = 0;
    SOON(5.0, work.entered == 1);
    EQUAL(threads("ts-worker"), 2);
    door.open = true;
    EQUAL(end_of(scheduler, id).state, TS_CANCELLED);
    SOON(5.0, threads("ts-worker") == 1);
    last = submit(scheduler, "c", count_up, &ran, 0, 0.0);
    nap(0.3);
    EQUAL(state_of(scheduler, last), TS_PENDING);
    work.open = true;
    EQUAL(end_of(scheduler, other).state, TS_COMPLETED);
    EQUAL(end_of(scheduler, last).state, TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static void at_most(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK "stuck_task_max: 2\n");
    gate doors[3] = { { 0, false }, { 0, false }, { 0, false } };
    static const char *const names[] = { "a", "b", "c" };
    atomic_int ran = 0;
    ts_task_id ids[3], other;
    int at;
    for (at = 0; at < 3; at++) {
        ids[at] = told_deaf(scheduler, names[at], &doors[at], 0);
        SOON(5.0, is_stuck(scheduler, ids[at]));
    }
    other = submit(scheduler, "d", count_up, &ran, 0, 0.0);
    nap(0.8);
    EQUAL(state_of(scheduler, other), TS_PENDING);
    EQUAL(threads("ts-worker"), 3);
    /* A higher limit takes effect at once. */
    OK(ts_update_config(scheduler, "stuck_task_max", "3"));
    EQUAL(end_of(scheduler, other).state, TS_COMPLETED);
    EQUAL(threads("ts-worker"), 4);
    for (at = 0; at < 3; at++)
        doors[at].open = true;
    for (at = 0; at < 3; at++)
        EQUAL(end_of(scheduler, ids[at]).state, TS_CANCELLED);
    SOON(5.0, threads("ts-worker") == 1);
    SOON(5.0, threads("ts-watchdog") == 0);
    ts_scheduler_free(scheduler);
}

static void lane_released(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    gate door = { 0, false }, second = { 0, false }, third = { 0, false };
    double begin = now();
    ts_task_id ids[3];
    ids[0] = told_deaf(scheduler, "a", &door, TS_RELEASE_LANE_WHEN_STUCK);
    ids[1] = submit(scheduler, "a", deaf, &second, 0, 0.0);
    ids[2] = submit(scheduler, "a", deaf, &third, 0, 0.0);
    SOON(5.0, second.entered == 1);
    BETWEEN(now() - begin, 0.29, 5.0);
    CHECK(is_stuck(scheduler, ids[0]));
    /* Past the stuck one, but one by one as ever. */
    OK(ts_update_config(scheduler, "line_task_max", "4"));
    nap(0.3);
    EQUAL(third.entered, 0);
    /* The stuck one returns: its lane is no longer its own to hand on. */
    door.open = true;
    EQUAL(end_of(scheduler, ids[0]).state, TS_CANCELLED);
    nap(0.3);
    EQUAL(third.entered, 0);
    second.open = true;
    SOON(5.0, third.entered == 1);
    EQUAL(end_of(scheduler, ids[1]).state, TS_COMPLETED);
    third.open = true;
    EQUAL(end_of(scheduler, ids[2]).state, TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

/* However many names come and go after its lane went on. */
static void name_stays(void)
{
    enum { NAMES = 40000 };
    ts_scheduler *scheduler =
        scheduler_with(QUICK "maximum_queue_line: 0\nmaximum_task_info_storage: 5");
    gate door = { 0, false };
    atomic_int ran = 0;
    ts_task_id id = told_deaf(scheduler, "its own", &door, TS_RELEASE_LANE_WHEN_STUCK);
    int at;
    SOON(5.0, is_stuck(scheduler, id));
    for (at = 0; at < NAMES; at++) {
        char name[8];
        snprintf(name, sizeof name, "%d", at);
        submit(scheduler, name, count_up, &ran, 0, 0.0);
    }
    SOON(60.0, ran == NAMES);
    CHECK(strcmp(status_of(scheduler, id).task_name, "its own") == 0);
    door.open = true;
    CHECK(strcmp(end_of(scheduler, id).task_name, "its own") == 0);
    ts_scheduler_free(scheduler);
}

static void lane_held(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK "stuck_task_max: 4\n");
    gate door = { 0, false };
    atomic_int ran = 0;
    ts_task_id id = told_deaf(scheduler, "a", &door, 0), next, stopping;
    /* That the next one asks for it is not enough: the stuck one must have. */
    next = submit(scheduler, "a", count_up, &ran, TS_RELEASE_LANE_WHEN_STUCK, 0.0);
    SOON(5.0, is_stuck(scheduler, id));
    OK(ts_update_config(scheduler, "line_task_max", "8"));
    nap(1.0);
    EQUAL(ran, 0);
    EQUAL(state_of(scheduler, next), TS_PENDING);
    door.open = true;
    EQUAL(end_of(scheduler, next).state, TS_COMPLETED);
    EQUAL(end_of(scheduler, id).state, TS_CANCELLED);
    /* A task that asks for it and was never told to stop holds its lane, too. */
    door.open = false;
    door.entered = 0;
    stopping = submit(scheduler, "a", deaf, &door, TS_RELEASE_LANE_WHEN_STUCK, 0.0);
    next = submit(scheduler, "a", count_up, &ran, 0, 0.0);
    SOON(5.0, door.entered == 1);
    nap(0.8);
    EQUAL(state_of(scheduler, next), TS_PENDING);
    door.open = true;
    EQUAL(end_of(scheduler, stopping).state, TS_COMPLETED);
    EQUAL(end_of(scheduler, next).state, TS_COMPLETED);
    ts_scheduler_free(scheduler);
}

static void *open_later(void *door)
{
    nap(0.8);
    ((gate *)door)->open = true;
    return NULL;
}

/* A forced shutdown waits for a stuck task, and the scheduler works afterwards. */
static void shut_down(void)
{
    ts_scheduler *scheduler = scheduler_with(QUICK);
    gate door = { 0, false };
    atomic_int ran = 0;
    pthread_t opener;
    ts_task_id id = told_deaf(scheduler, "a", &door, TS_RELEASE_LANE_WHEN_STUCK), next;
    pthread_create(&opener, NULL, open_later, &door);
    OK(ts_shutdown(scheduler, true));
    CHECK(door.open);
    EQUAL(state_of(scheduler, id), TS_CANCELLED);
    EQUAL(threads("ts-"), 0);
    pthread_join(opener, NULL);
    next = submit(scheduler, "a", count_up, &ran, 0, 0.0);
    EQUAL(end_of(scheduler, next).state, TS_COMPLETED);
    EQUAL(threads("ts-worker"), 1);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "reported", reported },
    { "not_reported", not_reported },
    { "replaced", replaced },
    { "returns_while_the_substitute_works", returns_while_the_substitute_works },
    { "at_most", at_most },
    { "lane_released", lane_released },
    { "name_stays", name_stays },
    { "lane_held", lane_held },
    { "shut_down", shut_down },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
