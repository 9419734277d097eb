/* What who waits lends to others: its own, once, and nothing where the wait is refused. */
#include "async.h"
#include "pumping.h"

#include <sched.h>

/* A worker of one scheduler runs a pump of another, whose task waits. */

static struct {
    ts_scheduler *mine, *other;
    ts_pump *pump;
    ts_task_id held;
    int total, seen;
} far;

static int32_t far_last(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    GIVES(TS_ERROR_TIMED_OUT, ts_wait(far.mine, far.held, 0.01, NULL));
    far.seen++;
    return 0;
}

static int32_t far_run(ts_token *token, void *user_data)
{
    size_t ran = 0;
    int at;
    (void)token;
    (void)user_data;
    for (at = 0; at < far.total; at++)
        pumped(far.other, far.pump, NULL, at + 1 == far.total ? far_last : run_nothing, NULL, NULL, 0);
    GIVES(TS_OK, ts_pump_run(far.pump, 0, 0, &ran));
    CHECK(ran == (size_t)far.total);
    return 0;
}

static void a_wait_in_a_pump_of_another_scheduler(void)
{
    plug its = { 0, 0 };
    ts_task_id id;
    far.total = 70000;
    far.mine = scheduler_with("line_task_max: 4");
    far.other = scheduler_with("maximum_queue_line: 0");
    far.pump = pump_of(far.other);
    far.held = add(far.mine, NULL, run_plug, &its, NULL);
    await(&its.started, 1);
    id = add(far.mine, NULL, far_run, NULL, NULL);
    CHECK(ended(far.mine, id) == TS_COMPLETED);
    CHECK(far.seen == 1);
    pull(&its);
    ts_pump_free(far.pump);
    ts_scheduler_free(far.mine);
    ts_scheduler_free(far.other);
}

/* A task that waits, is stopped and stuck, and gets no substitute. */

static struct {
    ts_scheduler *scheduler;
    ts_task_id target;
    int step, done, go;
} stays;

static int32_t run_stays(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    count(&stays.step);
    await(&stays.go, 1);
    GIVES(TS_OK, ts_wait(stays.scheduler, stays.target, TS_FOREVER, NULL));
    count(&stays.done);
    return 0;
}

static void await_stuck(ts_scheduler *scheduler, ts_task_id id)
{
    while ((status_of(scheduler, id).flags & TS_STATUS_STUCK) == 0)
        nap(0.002);
}

static void a_waiting_task_that_is_stuck_without_a_substitute_lends_its_place(void)
{
    plug its = { 0, 0 };
    ts_task_id id;
    memset(&stays, 0, sizeof stays);
    stays.scheduler = scheduler_with("line_task_max: 1\nstuck_grace: 0.02\nstuck_task_max: 0");
    id = add(stays.scheduler, NULL, run_stays, NULL, NULL);
    await(&stays.step, 1);
    add(stays.scheduler, "name", run_plug, &its, NULL);
    stays.target = submit(stays.scheduler, "name", run_nothing, NULL, NULL, TS_KEEP);
    count(&stays.go);
    await(&its.started, 1);
    GIVES(TS_OK, ts_force_stop(stays.scheduler, id));
    await_stuck(stays.scheduler, id);
    nap(0.05);
    pull(&its);
    await(&stays.done, 1);
    ts_scheduler_free(stays.scheduler);
}

static void *hold_and_wait_for_claim(void *argument)
{
    ts_claim *its = argument;
    ts_task_options options = claim_options(NULL, NULL, NULL, 0);
    *its = start_one(stays.scheduler, NULL, NULL, NULL, 0);
    GIVES(TS_OK, ts_claim_start(stays.scheduler, its));
    MUST(ts_submit(stays.scheduler, &options, &stays.target));
    count(&stays.step);
    GIVES(TS_OK, ts_wait(stays.scheduler, stays.target, TS_FOREVER, NULL));
    finish(stays.scheduler, its);
    count(&stays.done);
    return NULL;
}

static void a_waiting_claim_that_is_stuck_without_a_substitute_is_lent(void)
{
    ts_claim its, taken;
    pthread_t other;
    size_t got = 0;
    memset(&stays, 0, sizeof stays);
    stays.scheduler = scheduler_with("line_task_max: 1\nstuck_grace: 0.02\nstuck_task_max: 0");
    other = thread(hold_and_wait_for_claim, &its);
    await(&stays.step, 1);
    nap(0.05);
    GIVES(TS_OK, ts_force_stop(stays.scheduler, its.id));
    await_stuck(stays.scheduler, its.id);
    nap(0.05);
    GIVES(TS_OK, ts_claims_take(stays.scheduler, &taken, 1, 3, &got));
    if (got == 1)
        finish(stays.scheduler, &taken);
    await(&stays.done, 1);
    pthread_join(other, NULL);
    ts_scheduler_free(stays.scheduler);
}

/* A stuck task whose substitute goes with it. */

static struct {
    ts_scheduler *scheduler;
    ts_task_id first, second;
    plug one, other;
    ts_error gave[2];
} subs;

static int32_t run_first(ts_token *token, void *user_data)
{
    (void)user_data;
    run_plug(token, &subs.one);
    subs.gave[0] = ts_wait(subs.scheduler, subs.first, TS_FOREVER, NULL);
    return 0;
}

static int32_t run_second(ts_token *token, void *user_data)
{
    (void)user_data;
    run_plug(token, &subs.other);
    subs.gave[1] = ts_wait(subs.scheduler, subs.second, TS_FOREVER, NULL);
    return 0;
}

/* The one that waits behind the other, and that one, have the places: there is none for what the other waits
 * for once the stuck one has returned, and its substitute has left. */
static void a_substitute_is_no_place_for_who_waits(void)
{
    plug deaf = { 0, 0 };
    ts_task_id stuck, first, second;
    memset(&subs, 0, sizeof subs);
    subs.scheduler = scheduler_with("line_task_max: 1\nstuck_grace: 0.01\nmaximum_queue_line: 0");
    stuck = add(subs.scheduler, NULL, run_plug, &deaf, NULL);
    await(&deaf.started, 1);
    GIVES(TS_OK, ts_force_stop(subs.scheduler, stuck));
    await_stuck(subs.scheduler, stuck);
    first = submit(subs.scheduler, NULL, run_first, NULL, NULL, TS_KEEP);
    await(&subs.one.started, 1);
    second = submit(subs.scheduler, "name", run_second, NULL, NULL, TS_KEEP);
    subs.first = submit(subs.scheduler, "name", run_nothing, NULL, NULL, TS_KEEP);
    pull(&subs.one);
    await(&subs.other.started, 1);
    subs.second = submit(subs.scheduler, NULL, run_nothing, NULL, NULL, TS_KEEP);
    pull(&subs.other);
    /* Time to begin to wait; it passes too if that takes longer. */
    nap(0.05);
    pull(&deaf);
    CHECK(ended(subs.scheduler, second) == TS_COMPLETED);
    CHECK(ended(subs.scheduler, first) == TS_COMPLETED);
    GIVES(TS_OK, subs.gave[0]);
    GIVES(TS_ERROR_WOULD_DEADLOCK, subs.gave[1]);
    ts_scheduler_free(subs.scheduler);
}

/* A wait that is refused lends nothing. */

static struct {
    ts_scheduler *scheduler;
    ts_task_id behind;
    int stop, over, rounds;
} refused;

static void *take_over(void *argument)
{
    (void)argument;
    while (!__atomic_load_n(&refused.stop, __ATOMIC_RELAXED)) {
        ts_claim taken;
        size_t got;
        if (ts_claims_take(refused.scheduler, &taken, 1, 0, &got) == TS_OK) {
            refused.over++;
            finish(refused.scheduler, &taken);
            {
                ts_task_options options = claim_options(NULL, NULL, NULL, 0);
                ts_task_id id;
                MUST(ts_submit(refused.scheduler, &options, &id));
            }
        }
    }
    return NULL;
}

static void a_wait_that_is_refused_lends_no_claim(void)
{
    ts_claim one;
    pthread_t other;
    ts_task_options options = claim_options(NULL, NULL, NULL, 0);
    ts_task_id id;
    memset(&refused, 0, sizeof refused);
    refused.scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0");
    one = start_one(refused.scheduler, "name", NULL, NULL, 0);
    refused.behind = queue_up(refused.scheduler, "name", NULL, NULL, 0);
    MUST(ts_submit(refused.scheduler, &options, &id));
    other = thread(take_over, NULL);
    for (refused.rounds = 0; refused.rounds < 30000; refused.rounds++)
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(refused.scheduler, refused.behind, TS_FOREVER, NULL));
    __atomic_store_n(&refused.stop, 1, __ATOMIC_RELAXED);
    pthread_join(other, NULL);
    CHECK(refused.over == 0);
    finish(refused.scheduler, &one);
    {
        ts_claim taken[8];
        size_t got;
        while (ts_claims_take(refused.scheduler, taken, 1, 0, &got) == TS_OK)
            finish(refused.scheduler, taken);
    }
    ts_scheduler_free(refused.scheduler);
}

static int32_t run_refused(ts_token *token, void *user_data)
{
    plug *its = (plug *)user_data;
    run_plug(token, its);
    for (refused.rounds = 0; refused.rounds < 30000 && counted(&refused.over) == 0; refused.rounds++)
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(refused.scheduler, refused.behind, TS_FOREVER, NULL));
    CHECK(counted(&refused.over) == 0);
    __atomic_store_n(&refused.stop, 1, __ATOMIC_RELAXED);
    return 0;
}

static void *change_on(void *argument)
{
    (void)argument;
    while (!__atomic_load_n(&refused.stop, __ATOMIC_RELAXED))
        MUST(ts_update_config(refused.scheduler, "watch_dog_time", "100"));
    return NULL;
}

static void a_wait_that_is_refused_lends_no_worker(void)
{
    pthread_t other;
    ts_task_id id;
    plug its = { 0, 0 };
    memset(&refused, 0, sizeof refused);
    refused.scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0");
    id = add(refused.scheduler, "name", run_refused, &its, NULL);
    await(&its.started, 1);
    refused.behind = add(refused.scheduler, "name", run_nothing, NULL, NULL);
    add(refused.scheduler, NULL, run_count, &refused.over, NULL);
    other = thread(change_on, NULL);
    pull(&its);
    CHECK(ended(refused.scheduler, id) == TS_COMPLETED);
    pthread_join(other, NULL);
    ts_scheduler_free(refused.scheduler);
}

/* Room that meets a wait that is refused. */

static void *refuse_on(void *argument)
{
    (void)argument;
    while (!__atomic_load_n(&refused.stop, __ATOMIC_RELAXED)) {
        GIVES(TS_ERROR_WOULD_DEADLOCK, ts_wait(refused.scheduler, refused.behind, TS_FOREVER, NULL));
        refused.rounds++;
    }
    return NULL;
}

static void *hold_and_refuse(void *argument)
{
    ts_claim one = start_one(refused.scheduler, "name", NULL, NULL, 0);
    refused.behind = queue_up(refused.scheduler, "name", NULL, NULL, 0);
    count(&refused.over);
    refuse_on(argument);
    finish(refused.scheduler, &one);
    return NULL;
}

static void room_that_meets_a_wait_that_is_refused_is_told(void)
{
    pthread_t other;
    ts_task_options options = claim_options(NULL, NULL, NULL, 0);
    ts_claim now, taken[4];
    ts_task_id id;
    int round, fd, lost = 0;
    size_t got;
    memset(&refused, 0, sizeof refused);
    refused.scheduler = scheduler_with("line_task_max: 2\nmaximum_queue_line: 0");
    MUST(ts_claims_fd(refused.scheduler, &fd));
    now = start_one(refused.scheduler, NULL, NULL, NULL, 0);
    other = thread(hold_and_refuse, NULL);
    await(&refused.over, 1);
    for (round = 0; round < 30000; round++) {
        struct pollfd its;
        int spins;
        MUST(ts_submit(refused.scheduler, &options, &id));
        finish(refused.scheduler, &now);
        its.fd = fd;
        its.events = POLLIN;
        its.revents = 0;
        if (poll(&its, 1, 200) != 1)
            lost++;
        spins = 0;
        while (ts_claims_take(refused.scheduler, &now, 1, 0, &got) != TS_OK && ++spins < 1000000)
            ;
        if (lost > 5)
            break;
    }
    __atomic_store_n(&refused.stop, 1, __ATOMIC_RELAXED);
    pthread_join(other, NULL);
    CHECK(lost == 0);
    finish(refused.scheduler, &now);
    while (ts_claims_take(refused.scheduler, taken, 1, 0, &got) == TS_OK)
        finish(refused.scheduler, taken);
    ts_scheduler_free(refused.scheduler);
}

/* A wait of who received claims that others finish. */

static struct {
    ts_scheduler *scheduler;
    ts_claim claim;
    ts_task_id target;
    int go, gone, stop;
} handed_over;

static void spin_until(int *at, int least)
{
    int spins = 0;
    while (__atomic_load_n(at, __ATOMIC_ACQUIRE) < least)
        if (++spins % 2000 == 0)
            sched_yield();
}

static void *finish_on(void *argument)
{
    int round;
    (void)argument;
    for (round = 1;; round++) {
        volatile int left;
        spin_until(&handed_over.go, round);
        if (handed_over.stop)
            return NULL;
        for (left = round % 64 * 8; left > 0; left--)
            ;
        finish(handed_over.scheduler, &handed_over.claim);
        __atomic_store_n(&handed_over.gone, round, __ATOMIC_RELEASE);
    }
}

static void room_that_meets_a_wait_of_who_received_the_claim_is_told(void)
{
    pthread_t other;
    plug its = { 0, 0 };
    ts_task_options options = claim_options(NULL, NULL, NULL, 0);
    ts_task_id id;
    int round, fd, lost = 0, skipped = 0;
    size_t got;
    memset(&handed_over, 0, sizeof handed_over);
    handed_over.scheduler = scheduler_with("line_task_max: 1\nmaximum_queue_line: 0");
    MUST(ts_claims_fd(handed_over.scheduler, &fd));
    handed_over.target = add(handed_over.scheduler, NULL, run_plug, &its, NULL);
    await(&its.started, 1);
    handed_over.claim = start_one(handed_over.scheduler, NULL, NULL, NULL, 0);
    other = thread(finish_on, NULL);
    for (round = 1; round <= 60000; round++) {
        struct pollfd pfd;
        int spins = 0;
        MUST(ts_submit(handed_over.scheduler, &options, &id));
        __atomic_store_n(&handed_over.go, round, __ATOMIC_RELEASE);
        ts_wait(handed_over.scheduler, handed_over.target, 1e-9, NULL);
        spin_until(&handed_over.gone, round);
        pfd.fd = fd;
        pfd.events = POLLIN;
        pfd.revents = 0;
        if (poll(&pfd, 1, 200) != 1)
            lost++;
        while (ts_claims_take(handed_over.scheduler, &handed_over.claim, 1, 0, &got) != TS_OK && ++spins < 1000000)
            ;
        skipped += spins > 0;
        if (lost > 5)
            break;
    }
    handed_over.stop = 1;
    __atomic_store_n(&handed_over.go, round + 1, __ATOMIC_RELEASE);
    pthread_join(other, NULL);
    CHECK(lost == 0);
    finish(handed_over.scheduler, &handed_over.claim);
    pull(&its);
    ts_scheduler_free(handed_over.scheduler);
}

static const check_test tests[] = {
    TEST(a_wait_in_a_pump_of_another_scheduler),
    TEST(a_waiting_task_that_is_stuck_without_a_substitute_lends_its_place),
    TEST(a_waiting_claim_that_is_stuck_without_a_substitute_is_lent),
    TEST(a_substitute_is_no_place_for_who_waits),
    TEST(a_wait_that_is_refused_lends_no_claim),
    TEST(a_wait_that_is_refused_lends_no_worker),
    TEST(room_that_meets_a_wait_that_is_refused_is_told),
    TEST(room_that_meets_a_wait_of_who_received_the_claim_is_told),
};

CHECK_ALL(tests)
