/* The configuration, where a change meets something else: another change, or a task that is just found stuck. */
#include "configuring.h"

#include <sched.h>
#include <signal.h>

/* Two that change a key at once: one is interrupted at any point of its change, where the other makes its own. */
static struct {
    ts_scheduler *scheduler;
    atomic_int begun, over; /* rounds */
    atomic_bool interrupted, changed;
} race;

enum { CHANGES = 20000 };

/* Not for ever: the other waits for this thread if it was interrupted under a lock. */
static void wait_a_little(int signal)
{
    int spins;
    (void)signal;
    race.interrupted = true;
    for (spins = 0; spins < 60000 && !race.changed; spins++)
        ;
}

static void spin_until(atomic_int *counter, int round)
{
    int spins = 0;
    while (*counter < round)
        if (++spins % 50000 == 0)
            sched_yield();
}

static void *change_until_interrupted(void *user_data)
{
    int round;
    for (round = 1; round <= CHANGES; round++) {
        spin_until(&race.begun, round);
        while (!race.interrupted)
            OK(ts_update_config(race.scheduler, "line_task_max", "3"));
        race.over = round;
    }
    return user_data;
}

/* What is known to be in force is: as many claims are out. */
static void at_once(void)
{
    struct sigaction action;
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    pthread_t other;
    int round, turns;
    size_t at;
    memset(&action, 0, sizeof(action));
    action.sa_handler = wait_a_little;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    race.scheduler = scheduler_with("maximum_queue_line: 0");
    options.runner = TS_CLAIMS;
    for (at = 0; at < 8; at++)
        OK(ts_submit(race.scheduler, &options, &id));
    pthread_create(&other, NULL, change_until_interrupted, NULL);
    for (round = 1; round <= CHANGES; round++) {
        ts_claim claims[8];
        size_t count = 0;
        race.interrupted = race.changed = false;
        race.begun = round;
        /* It begins, and is interrupted now here, now there. */
        for (turns = round % 1000; turns > 0; turns--)
            atomic_thread_fence(memory_order_seq_cst);
        pthread_kill(other, SIGUSR1);
        while (!race.interrupted)
            sched_yield();
        OK(ts_update_config(race.scheduler, "line_task_max", "5"));
        race.changed = true;
        spin_until(&race.over, round);
        OK(ts_claims_take(race.scheduler, claims, 8, 0.0, &count));
        if (failures == 0)
            EQUAL(count, atoi(get(race.scheduler, "line_task_max")));
        for (at = 0; at < count; at++) {
            OK(ts_claim_finish(race.scheduler, &claims[at], 0, NULL, NULL, NULL));
            OK(ts_submit(race.scheduler, &options, &id));
        }
    }
    pthread_join(other, NULL);
    ts_scheduler_free(race.scheduler);
}

/* A pump whose tasks are its thread's own: a stuck one of them takes no worker's place. */
typedef struct {
    ts_scheduler *scheduler;
    atomic_bool armed;
    atomic_int rung;
} bell;

/* When the lane is let go on, by who just found the stuck one. */
static void ring(void *user_data)
{
    bell *its = user_data;
    if (its->armed) {
        its->armed = false;
        OK(ts_update_config(its->scheduler, "max_idle_time", "60"));
        its->rung++;
    }
}

static int32_t deaf_until_it_rings(ts_token *token, void *user_data)
{
    bell *its = user_data;
    (void)token;
    its->armed = true;
    SOON(60.0, its->rung == 1);
    return 0;
}

typedef struct {
    atomic_int running, most, ran;
} crowd;

static int32_t pass(ts_token *token, void *user_data)
{
    crowd *its = user_data;
    int now_running = ++its->running, most = its->most;
    (void)token;
    while (most < now_running && !atomic_compare_exchange_weak(&its->most, &most, now_running))
        ;
    nap(0.002);
    its->running--;
    its->ran++;
    return 0;
}

static void while_found_stuck(void)
{
    ts_scheduler *scheduler = scheduler_with("line_task_max: 2\nstuck_grace: 0.05\nmaximum_queue_line: 0");
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_pump_options wanted = TS_PUMP_OPTIONS_INIT;
    ts_pump *pump = NULL;
    atomic_int behind = 0;
    crowd crowd = { 0, 0, 0 };
    bell bell = { NULL, false, 0 };
    ts_task_id id;
    int at;
    bell.scheduler = scheduler;
    wanted.ready = ring;
    wanted.user_data = &bell;
    OK(ts_pump_new(scheduler, &wanted, &pump));
    options.name = "a";
    options.pump = pump;
    options.run = deaf_until_it_rings;
    options.user_data = &bell;
    options.flags = TS_TIMEOUT_PROCESSING | TS_RELEASE_LANE_WHEN_STUCK;
    options.timeout_seconds = 0.05;
    OK(ts_submit(scheduler, &options, &id));
    options.run = count_up;
    options.user_data = &behind;
    options.flags = 0;
    OK(ts_submit(scheduler, &options, &id));
    OK(ts_pump_run(pump, 0, 0.0, NULL));
    EQUAL(behind, 1);
    for (at = 0; at < 100; at++)
        submit(scheduler, NULL, pass, &crowd, 0, 0.0);
    SOON(60.0, crowd.ran == 100);
    CHECK(crowd.most <= 2);
    ts_pump_free(pump);
    ts_scheduler_free(scheduler);
}

static const test_case cases[] = {
    { "at_once", at_once },
    { "while_found_stuck", while_found_stuck },
};

int main(int argc, char **argv)
{
    folder = argc > 2 ? argv[2] : ".";
    return RUN_CASE(cases, argc, argv);
}
