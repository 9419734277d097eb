/*
 * The second half of workloads.h: what is measured, from the first add to the
 * last task, and main.
 */
#ifndef WORKLOADS_RUN_H
#define WORKLOADS_RUN_H

/* W1: tasks without a name. ----------------------------------------------- */

static void without_name(long tasks)
{
    peer_start(0);
    const double begin = now();
    for (long at = 0; at < tasks; at++)
        peer_add(NO_NAME, run_unnamed, NULL);
    until_unnamed(tasks);
    const double took = now() - begin;
    peer_end();
    if (unnamed_ran() != tasks)
        fail("a task ran twice");
    print_figure(took / (double)tasks * 1e9, "ns", "");
}

/* W1k, W2, W3: tasks of names in turns; each producer has names of its own. */

struct producer {
    pthread_t thread;
    long first, step, tasks, names;
};

static void *produce(void *data)
{
    const struct producer *own = (const struct producer *)data;
    long name = own->first, number = 0;
    for (long at = own->first; at < own->tasks; at += own->step) {
        peer_add(name, run_named, numbered(name, number));
        name += own->step;
        if (name >= own->names) {
            name = own->first;
            number++;
        }
    }
    return NULL;
}

static void with_names(long tasks, long names, long producers)
{
    struct producer all[4];
    if (names % producers)
        fail("each producer needs as many names");
    expect(tasks, names);
    peer_start(names);
    const double begin = now();
    for (long at = 0; at < producers; at++) {
        all[at].first = at;
        all[at].step = producers;
        all[at].tasks = tasks;
        all[at].names = names;
        if (producers == 1)
            produce(&all[at]);
        else if (pthread_create(&all[at].thread, NULL, produce, &all[at]))
            fail("no thread");
    }
    for (long at = 0; producers > 1 && at < producers; at++)
        pthread_join(all[at].thread, NULL);
    until_ended();
    peer_end();
    check_all_ran();
    print_figure((ended_at - begin) / (double)tasks * 1e9, "ns", "");
}

/* W4: tasks of 4.6 us, against bare threads with the same work. ------------ */

static long iterations;
static uint64_t sink;

static void work(long count)
{
    uint64_t value = (uint64_t)count;
    for (long at = 0; at < count; at++) {
        value = value * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(value));
    }
    __atomic_store_n(&sink, value, __ATOMIC_RELAXED);
}

TASK(run_work)
{
    (void)data;
    work(iterations);
    if (!own_slot)
        take_slot();
    __atomic_store_n(&own_slot->count, own_slot->count + 1, __ATOMIC_RELAXED);
    TASK_END;
}

static long work_left;

static void *work_bare(void *data)
{
    (void)data;
    while (__atomic_fetch_sub(&work_left, 16, __ATOMIC_RELAXED) > 0)
        for (int at = 0; at < 16; at++)
            work(iterations);
    return NULL;
}

static double bare(long tasks)
{
    pthread_t all[64];
    const long count = threads() < 64 ? threads() : 64;
    const double begin = now();
    work_left = tasks;
    for (long at = 0; at < count; at++)
        if (pthread_create(&all[at], NULL, work_bare, NULL))
            fail("no thread");
    for (long at = 0; at < count; at++)
        pthread_join(all[at], NULL);
    return now() - begin;
}

static void efficiency(long tasks)
{
    double best = 1, begin;
    for (int at = 0; at < 20; at++) {
        begin = now();
        work(1000000);
        if (now() - begin < best)
            best = now() - begin;
    }
    iterations = (long)(4.6e-6 / best * 1e6);
    /* Half before and half after, for a machine that changes its pace. */
    double without = bare(tasks / 2);
    peer_start(0);
    begin = now();
    for (long at = 0; at < tasks; at++)
        peer_add(NO_NAME, run_work, NULL);
    until_unnamed(tasks);
    const double took = now() - begin;
    peer_end();
    if (unnamed_ran() != tasks)
        fail("a task ran twice");
    without += bare(tasks / 2);
    print_figure(without / took, "of 1", "");
}

/* W5, W6: from an add to the start, from a stop to the return. ------------- */

static double reached_at, entered_at;
static int reached, entered;

static void note_reached(void)
{
    reached_at = now();
    __atomic_store_n(&reached, 1, __ATOMIC_RELEASE);
}

static void note_entered(void)
{
    entered_at = now();
    __atomic_store_n(&entered, 1, __ATOMIC_RELEASE);
}

TASK(run_note)
{
    (void)data;
    note_reached();
    TASK_END;
}

/* The caller stays busy: it does not give way to what it waits for. */
static void until_set(int *flag)
{
    const double since = now();
    for (long round = 1; !__atomic_load_n(flag, __ATOMIC_ACQUIRE); round++) {
        pause_briefly();
        if (round % 1000000 == 0)
            guard(since);
    }
}

#ifndef PEER_SLEEPER
/* A peer without a way of its own: a flag with a condition variable. */
static struct gate sleeper_gate;

TASK(run_sleeper)
{
    (void)data;
    note_entered();
    gate_wait(&sleeper_gate);
    note_reached();
    TASK_END;
}

static void sleeper_start(void)
{
    gate_init(&sleeper_gate);
    peer_add(0, run_sleeper, NULL);
}

static void sleeper_stop(void)
{
    gate_open(&sleeper_gate);
}
#else
static void sleeper_start(void);
static void sleeper_stop(void);
#endif

static void latency_with(long times, bool stopping, const char *and_more)
{
    double *took = (double *)malloc(sizeof *took * (size_t)times);
    char more[128];
    if (!took)
        fail("no memory");
    peer_start(1);
    for (long at = 0; at < times; at++) {
        reached = entered = 0;
        if (stopping) {
            sleeper_start();
            until_set(&entered);
        }
        nap(300e-6);
        const double begin = now();
        if (stopping)
            sleeper_stop();
        else
            peer_add(0, run_note, NULL);
        until_set(&reached);
        took[at] = (reached_at - begin) * 1e6;
    }
    peer_end();
    qsort(took, (size_t)times, sizeof *took, compare);
    snprintf(more, sizeof more, ", \"p99\": %.4g%s", took[times * 99 / 100], and_more);
    print_figure(took[times / 2], "us", more);
    free(took);
}

static void latency(long times, bool stopping)
{
    latency_with(times, stopping, "");
}

/* W7: sleepers, all due at one time. --------------------------------------- */

#ifndef PEER_NO_W7
static long slept_count;
static void peer_sleepers(long count, double due);

static void slept(void)
{
    __atomic_fetch_add(&slept_count, 1, __ATOMIC_RELAXED);
}

static void until_slept(long count)
{
    const double since = now();
    while (__atomic_load_n(&slept_count, __ATOMIC_RELAXED) < count) {
        nap(500e-6);
        guard(since);
    }
}

static void sleepers(long count, long seconds)
{
    char more[96];
    peer_start(0);
    peer_sleepers(1, now());
    until_slept(1);
    const double before = resident(), begin = now(), due = begin + (double)seconds;
    peer_sleepers(count, due);
    const double created = now();
    const double bytes = (resident() - before) / (double)count;
    if (created > due - 0.5 || __atomic_load_n(&slept_count, __ATOMIC_RELAXED) != 1)
        fail("creating took too long");
    until_slept(count + 1);
    snprintf(more, sizeof more, ", \"create_ns\": %.4g, \"expire_ns\": %.4g", (created - begin) / (double)count * 1e9,
             (now() - due) / (double)count * 1e9);
    print_figure(bytes, "bytes", more);
    _exit(fflush(stdout) != 0);
}
#endif

/* W8: how often its threads wake while there is nothing to do. ------------- */

/* Of all threads but the one that asks. */
static long wake_ups(void)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    char path[300], line[256], own[32];
    long all = 0, count;
    if (!folder)
        fail("no /proc/self/task");
    snprintf(own, sizeof own, "%d", (int)gettid());
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, own) == 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
                all += count;
        fclose(file);
    }
    closedir(folder);
    return all;
}

static void idle(long seconds)
{
    expect(10000, 100);
    peer_start(100);
    for (long at = 0; at < 10000; at++)
        peer_add(at % 100, run_named, numbered(at % 100, at / 100));
    until_ended();
    nap(1);
    const long before = wake_ups();
    nap((double)seconds);
    const long woke = wake_ups() - before;
    peer_end();
    check_all_ran();
    print_figure((double)woke, "wake-ups", "");
}

/* W9: tasks of a name queued behind one that runs. -------------------------- */

static struct gate started_gate, release_gate;

TASK(run_blocker)
{
    (void)data;
    gate_open(&started_gate);
    gate_wait(&release_gate);
    TASK_END;
}

static void queued(long tasks)
{
    char more[64];
    gate_init(&started_gate);
    gate_init(&release_gate);
    expect(tasks, 1);
    peer_start(1);
    peer_add(0, run_blocker, NULL);
    gate_wait(&started_gate);
    const double before = resident(), begin = now();
    for (long at = 0; at < tasks; at++)
        peer_add(0, run_named, numbered(0, at));
    const double took = now() - begin;
    const double bytes = (resident() - before) / (double)tasks;
    gate_open(&release_gate);
    until_ended();
    peer_end();
    check_all_ran();
    snprintf(more, sizeof more, ", \"add_ns\": %.4g", took / (double)tasks * 1e9);
    print_figure(bytes, "bytes", more);
}

/* ---------------------------------------------------------------------------- */

static bool is(const char *name, const char *reason)
{
    if (strcmp(workload, name) != 0)
        return false;
    if (!reason)
        return true;
    printf("{\"peer\": \"%s\", \"workload\": \"%s\", \"dash\": \"%s\", \"version\": \"%s\"}\n", PEER_NAME, workload,
           reason, peer_version());
    exit(0);
}

#ifndef PEER_NO_W1
#define PEER_NO_W1 NULL
#endif
#ifndef PEER_NO_W4
#define PEER_NO_W4 NULL
#endif
#ifndef PEER_NO_NAMES
#define PEER_NO_NAMES NULL
#endif
#ifndef PEER_NO_W6
#define PEER_NO_W6 NULL
#endif

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: %s W1|W1k|W2|W3|W3x4|W4|W5|W6|W7|W8|W9 [TASKS [NAMES]]\n", arguments[0]);
        return 2;
    }
    const long tasks = count > 2 ? atol(arguments[2]) : 0, names = count > 3 ? atol(arguments[3]) : 0;
    const long million = tasks ? tasks : 1000000;
    workload = arguments[1];
    if (is("W1", PEER_NO_W1))
        without_name(million);
    else if (is("W1k", PEER_NO_NAMES))
        with_names(million, names ? names : 10000, 1);
    else if (is("W2", PEER_NO_NAMES))
        with_names(million, 1, 1);
    else if (is("W3", PEER_NO_NAMES))
        with_names(million, names ? names : 1000, 1);
    else if (is("W3x4", PEER_NO_NAMES))
        with_names(million, names ? names : 1000, 4);
    else if (is("W4", PEER_NO_W4))
        efficiency(tasks ? tasks : 200000);
    else if (is("W5", NULL))
        latency(tasks ? tasks : 1000, false);
    else if (is("W6", PEER_NO_W6))
        latency(tasks ? tasks : 1000, true);
#ifdef PEER_NO_W7
    else if (is("W7", PEER_NO_W7))
        return 0;
#else
    else if (is("W7", NULL))
        sleepers(million, names ? names : 10);
#endif
    else if (is("W8", PEER_NO_NAMES))
        idle(tasks ? tasks : 10);
    else if (is("W9", PEER_NO_NAMES))
        queued(million);
#ifdef PEER_MORE
    else if (is("yardstick", NULL))
        PEER_MORE();
#endif
    else
        fail("no such workload");
    return 0;
}
#endif
