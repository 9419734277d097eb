/* The log: its sentences, who hears them and until when, and that a listener may
 * call whatever it likes. */
#include "testing.h"

#include <unistd.h>

static char *format(ts_task_id id)
{
    static char text[37];
    ts_task_id_format(id, text);
    return text;
}

static int32_t fail(ts_token *token, void *words)
{
    OK(ts_set_error(token, words));
    return 5;
}

static int32_t succeed(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return 0;
}

/* The line with these words was said once, at that level. */
static void check_said(int line, const char *words, ts_log_level level)
{
    long at = said_at(0, words), times = said_times(words);
    if (times != 1 || said.lines[at].level != level || strcmp(said.lines[at].text, words) != 0) {
        fprintf(stderr, "%d: \"%s\" was said %ld times\n", line, words, times);
        failures++;
    }
}

#define SAID(level, ...)                                                       \
    do {                                                                       \
        char words_[400];                                                      \
        snprintf(words_, sizeof(words_), __VA_ARGS__);                         \
        check_said(__LINE__, words_, level);                                   \
    } while (0)

static void sentences(void)
{
    ts_scheduler *scheduler = scheduler_with("stuck_grace: 0.2");
    double seconds = 20.0;
    gate door = { 0, false };
    char words[] = "out of paper";
    size_t count = 0, at;
    ts_task_id completed, failed, late, stopped;
    OK(ts_set_log_callback(hear, NULL, NULL));

    completed = submit(scheduler, "a", succeed, NULL, 0, 0.0);
    end_of(scheduler, completed);
    SOON(5.0, said_times(format(completed)) == 2);
    SAID(TS_LOG_INFO, "Io linear task | %s | added successfully", format(completed));
    SAID(TS_LOG_INFO, "Start running io linear task, task ID: %s", format(completed));

    failed = submit(scheduler, "a", fail, words, 0, 0.0);
    end_of(scheduler, failed);
    SOON(5.0, said_times(format(failed)) == 3);
    SAID(TS_LOG_ERROR, "Io linear task | %s | execution failed: out of paper", format(failed));

    late = submit(scheduler, "a", sleeper, &seconds, TS_TIMEOUT_PROCESSING, 0.1);
    end_of(scheduler, late);
    SAID(TS_LOG_WARNING, "Io linear task | %s | timed out, forced termination", format(late));

    stopped = submit(scheduler, "a", deaf, &door, 0, 0.0);
    SOON(5.0, door.entered == 1);
    submit(scheduler, "a", succeed, NULL, 0, 0.0);
    submit(scheduler, "b", deaf, &door, 0, 0.0);
    SOON(5.0, door.entered == 2);
    OK(ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "a", &count));
    EQUAL(count, 1);
    SAID(TS_LOG_WARNING, "Io linear task | a | is waiting to be executed in the queue, has been deleted");
    OK(ts_force_stop(scheduler, stopped));
    SAID(TS_LOG_WARNING, "Io linear task | %s | has been forcibly cancelled", format(stopped));
    SOON(5.0, said_at(0, "stuck") >= 0);
    FAILS(ts_shutdown_within(scheduler, false, 0.0, NULL), TS_ERROR_TIMED_OUT);
    SAID(TS_LOG_WARNING, "The scheduler has not been shut down: 2 tasks still run");
    door.open = true;
    end_of(scheduler, stopped);
    SAID(TS_LOG_WARNING, "Io linear task | %s | was cancelled", format(stopped));

    OK(ts_ban_task_name(scheduler, TS_LINEAR, "evil"));
    SAID(TS_LOG_WARNING, "Io linear task | evil | is banned from execution");
    OK(ts_allow_task_name(scheduler, TS_LINEAR, "evil"));
    SAID(TS_LOG_INFO, "Io linear task | evil | is allowed for execution");
    OK(ts_ban_task_name(scheduler, TS_ASYNC, "evil"));
    CHECK(said_at(0, "Io asyncio task | evil | ") >= 0);
    OK(ts_update_config(scheduler, "line_task_max", "18"));
    SAID(TS_LOG_INFO, "Configuration file updated and reloaded successfully: line_task_max = 18");
    FAILS(ts_update_config(scheduler, "line_task_max", "0"), TS_ERROR_CONFIG);
    EQUAL(said_times("Configuration"), 1);
    OK(ts_shutdown(scheduler, false));
    SAID(TS_LOG_INFO, "All scheduler has been shut down.");
    for (at = 0; at < said.count; at++) {
        CHECK(said.lines[at].text[0] != '\0' && strchr(said.lines[at].text, '\n') == NULL);
        BETWEEN(said.lines[at].level, TS_LOG_DEBUG, TS_LOG_ERROR);
    }
    OK(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

/* Everything that has something to say, with nobody there to hear. */
static void silent(void)
{
    ts_scheduler *scheduler = scheduler_with("stuck_grace: 0.05\nline_task_max: 2\nmaximum_queue_line: 3\n");
    double seconds = 20.0;
    gate door = { 0, false };
    char words[] = "out of paper";
    ts_task_id id, others[4];
    int at;
    end_of(scheduler, submit(scheduler, "a", fail, words, 0, 0.0));
    end_of(scheduler, submit(scheduler, "a", sleeper, &seconds, TS_TIMEOUT_PROCESSING, 0.05));
    id = submit(scheduler, "a", deaf, &door, 0, 0.0);
    SOON(5.0, door.entered == 1);
    OK(ts_force_stop(scheduler, id));
    nap(0.3);
    for (at = 0; at < 3; at++)
        others[at] = submit(scheduler, "a", succeed, NULL, 0, 0.0);
    FAILS(ts_add_task(scheduler, false, "a", succeed, NULL, NULL, &others[3]), TS_ERROR_QUEUE_FULL);
    OK(ts_force_stop(scheduler, others[0]));
    OK(ts_ban_task_name(scheduler, TS_LINEAR, "a"));
    FAILS(ts_add_task(scheduler, false, "a", succeed, NULL, NULL, &others[3]), TS_ERROR_BANNED);
    OK(ts_allow_task_name(scheduler, TS_LINEAR, "a"));
    FAILS(ts_update_config(scheduler, "a", "b"), TS_ERROR_CONFIG);
    OK(ts_update_config(scheduler, "stuck_grace", "1"));
    door.open = true;
    OK(ts_shutdown(scheduler, true));
    ts_scheduler_free(scheduler);
}

/* Who listens, and for how long ------------------------------------------- */

enum { ALIVE = 0x600d, DEAD = 0xdead };

typedef struct {
    atomic_int life;
    atomic_int heard;
    atomic_int inside;
    atomic_int drops;
} listener;

static atomic_int to_the_dead;

static void listen(ts_log_level level, const char *text, void *user_data)
{
    listener *its = user_data;
    (void)level;
    its->inside++;
    to_the_dead += its->life != ALIVE || text[0] == '\0';
    its->heard++;
    if (its->heard % 16 == 0)
        nap(0.0002);
    to_the_dead += its->life != ALIVE;
    its->inside--;
}

static void die(void *user_data)
{
    listener *its = user_data;
    to_the_dead += its->inside;
    its->life = DEAD;
    its->drops++;
}

static atomic_bool over;

static void *chatter(void *user_data)
{
    ts_scheduler *scheduler = user_data;
    while (!over) {
        ts_task_id id = submit(scheduler, "a", succeed, NULL, 0, 0.0);
        ts_wait(scheduler, id, 20.0, NULL);
        OK(ts_update_config(scheduler, "watch_dog_time", "100"));
    }
    return NULL;
}

static void replaced(void)
{
    enum { LISTENERS = 1000 };
    static listener listeners[LISTENERS];
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    pthread_t chatters[3];
    int at, heard = 0;
    for (at = 0; at < 3; at++)
        pthread_create(&chatters[at], NULL, chatter, scheduler);
    for (at = 0; at < LISTENERS; at++) {
        listeners[at].life = ALIVE;
        OK(ts_set_log_callback(listen, &listeners[at], die));
        if (at % 3 == 0)
            nap(0.001);
        if (at % 100 == 99)
            OK(ts_set_log_callback(NULL, NULL, NULL));
    }
    OK(ts_set_log_callback(NULL, NULL, NULL));
    over = true;
    for (at = 0; at < 3; at++)
        pthread_join(chatters[at], NULL);
    OK(ts_shutdown(scheduler, false));
    for (at = 0; at < LISTENERS; at++) {
        EQUAL(listeners[at].drops, 1);
        heard += listeners[at].heard;
    }
    CHECK(heard > 100);
    EQUAL(to_the_dead, 0);
    /* Nobody listens any more. */
    submit(scheduler, "a", succeed, NULL, 0, 0.0);
    ts_scheduler_free(scheduler);
    for (at = 0; at < LISTENERS; at++)
        heard -= listeners[at].heard;
    EQUAL(heard, 0);
}

static listener first = { ALIVE, 0, 0, 0 };
static listener second = { ALIVE, 0, 0, 0 };

static void hand_over(ts_log_level level, const char *text, void *user_data)
{
    (void)level;
    (void)text;
    (void)user_data;
    first.heard++;
    first.inside++;
    OK(ts_set_log_callback(listen, &second, die));
    /* Still in use, by us. */
    EQUAL(first.drops, 0);
    EQUAL(first.life, ALIVE);
    OK(ts_update_config(NULL, "line_task_max", "11"));
    EQUAL(second.heard, 1);
    first.inside--;
}

/* A drop that says something itself. */
static void die_talking(void *user_data)
{
    die(user_data);
    OK(ts_update_config(NULL, "line_task_max", "12"));
}

static void replaced_from_inside(void)
{
    OK(ts_set_log_callback(hand_over, &first, die_talking));
    OK(ts_update_config(NULL, "line_task_max", "10"));
    EQUAL(first.heard, 1);
    EQUAL(first.drops, 1);
    EQUAL(second.heard, 2);
    EQUAL(second.drops, 0);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    EQUAL(second.drops, 1);
    OK(ts_update_config(NULL, "line_task_max", "10"));
    EQUAL(second.heard, 2);
    EQUAL(to_the_dead, 0);
}

/* A listener that calls back ---------------------------------------------- */

static ts_scheduler *its_scheduler;
static atomic_int calls;
static _Thread_local bool calling;

static void call_back(ts_log_level level, const char *text, void *user_data)
{
    ts_scheduler *scheduler = its_scheduler;
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_task_id id, none = { { 0 } };
    ts_value value;
    ts_state state;
    size_t count;
    char *words = NULL;
    int number;
    hear(level, text, user_data);
    if (calling)
        return;
    calling = true;
    number = calls++;
    if (ts_add_task(scheduler, true, number % 2 ? "inside" : NULL, succeed, NULL, NULL, &id) == TS_OK) {
        OK(ts_get_task_state(scheduler, id, &state));
        OK(ts_get_task_status(scheduler, id, &status));
        ts_get_task_result(scheduler, id, &value);
        ts_wait(scheduler, id, 0.0, NULL);
        if (number % 3 == 0)
            ts_force_stop(scheduler, id);
        if (number % 4 == 0)
            OK(ts_task_forget(scheduler, id));
        else
            CHECK(ts_wait(scheduler, id, 0.001, NULL) != TS_ERROR_INVALID_ARGUMENT);
    }
    FAILS(ts_get_task_state(scheduler, none, &state), TS_ERROR_NOT_FOUND);
    OK(ts_list_tasks(scheduler, TS_LINEAR, NULL, 0, &count));
    OK(ts_get_all_queue_info(scheduler, TS_LINEAR, true, &words));
    ts_string_free(words);
    OK(ts_get_config(scheduler, "line_task_max", &words));
    OK(ts_update_config(scheduler, "line_task_max", words));
    ts_string_free(words);
    ts_ban_task_name(scheduler, TS_LINEAR, "inside too");
    ts_cancel_all_queued_tasks_by_name(scheduler, TS_LINEAR, "inside too", NULL);
    ts_allow_task_name(scheduler, TS_LINEAR, "inside too");
    CHECK(!ts_should_stop(NULL) || true);
    FAILS(ts_shutdown(scheduler, true), TS_ERROR_WOULD_DEADLOCK);
    OK(ts_set_log_callback(call_back, NULL, NULL));
    calling = false;
}

static void calls_back(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0\nstuck_grace: 0.05\nstatus_check_interval: 0.05\n"
                                             "line_task_max: 3\nmax_idle_time: 0.01\nmaximum_task_info_storage: 100000\n");
    double seconds = 20.0;
    gate door = { 0, false };
    char words[] = "out of paper";
    ts_task_id ids[40];
    int at;
    its_scheduler = scheduler;
    OK(ts_set_log_callback(call_back, NULL, NULL));
    for (at = 0; at < 40; at++) {
        static const char *const names[] = { "a", "b", NULL };
        if (at % 4 == 0)
            ids[at] = submit(scheduler, names[at % 3], fail, words, 0, 0.0);
        else if (at % 4 == 1)
            ids[at] = submit(scheduler, names[at % 3], sleeper, &seconds, TS_TIMEOUT_PROCESSING, 0.03);
        else
            ids[at] = submit(scheduler, names[at % 3], succeed, NULL, 0, 0.0);
    }
    for (at = 0; at < 40; at++)
        end_of(scheduler, ids[at]);
    ids[0] = submit(scheduler, "c", deaf, &door, 0, 0.0);
    SOON(5.0, door.entered == 1);
    OK(ts_force_stop(scheduler, ids[0]));
    SOON(5.0, said_times("stuck") >= 2);
    door.open = true;
    EQUAL(end_of(scheduler, ids[0]).state, TS_CANCELLED);
    OK(ts_shutdown(scheduler, true));
    CHECK(calls > 100);
    OK(ts_set_log_callback(NULL, NULL, NULL));
    ts_scheduler_free(scheduler);
}

/* Of one task: added, started, told, ended, in this order, whoever says it. */
static void *add_and_stop(void *user_data)
{
    ts_scheduler *scheduler = user_data;
    double seconds = 0.001;
    char words[] = "out of paper";
    int at;
    for (at = 0; at < 250; at++) {
        ts_task_id id = at % 2 ? submit(scheduler, at % 4 == 1 ? "a" : NULL, sleeper, &seconds, 0, 0.0)
                               : submit(scheduler, NULL, fail, words, 0, 0.0);
        if (at % 3 == 0)
            ts_force_stop(scheduler, id);
        ts_wait(scheduler, id, 20.0, NULL);
    }
    return NULL;
}

static void in_order(void)
{
    static const char *const order[] = { "added successfully", "Start running", "has been forcibly cancelled",
                                         "was cancelled", "execution failed" };
    ts_scheduler *scheduler = scheduler_with("maximum_queue_line: 0");
    static bool seen[4096];
    pthread_t adders[3];
    size_t at, other, tasks = 0;
    OK(ts_set_log_callback(hear, NULL, NULL));
    for (at = 0; at < 3; at++)
        pthread_create(&adders[at], NULL, add_and_stop, scheduler);
    for (at = 0; at < 3; at++)
        pthread_join(adders[at], NULL);
    OK(ts_shutdown(scheduler, false));
    OK(ts_set_log_callback(NULL, NULL, NULL));
    CHECK(said.count < 4096);
    for (at = 0; at < said.count; at++) {
        char id[37] = "";
        const char *text = said.lines[at].text, *found = strstr(text, " | ");
        int last = -1;
        if (seen[at] || strstr(text, "task") == NULL)
            continue;
        found = strstr(text, "task ID: ") != NULL ? strstr(text, "task ID: ") + 9 : found + 3;
        snprintf(id, sizeof(id), "%.36s", found);
        tasks++;
        for (other = at; other < said.count; other++) {
            int is = 0;
            if (strstr(said.lines[other].text, id) == NULL)
                continue;
            seen[other] = true;
            while (is < 5 && strstr(said.lines[other].text, order[is]) == NULL)
                is++;
            if (is <= last) {
                fprintf(stderr, "%s\n  came after \"%s\"\n", said.lines[other].text, order[last]);
                failures++;
            }
            last = is;
        }
    }
    EQUAL(tasks, 750);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "sentences", sentences },
    { "silent", silent },
    { "replaced", replaced },
    { "replaced_from_inside", replaced_from_inside },
    { "calls_back", calls_back },
    { "in_order", in_order },
};

int main(int argc, char **argv)
{
    return RUN_CASE(cases, argc, argv);
}
