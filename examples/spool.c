/*
 * spool: background jobs on a folder, now and again.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/spool.c -o spool \
 *         $(pkg-config --cflags --libs sqlite3) \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./spool folder &
 *     printf 'apples 3\npears 2\n' >folder/in/1.part && mv folder/in/1.part folder/in/1
 *     kill $! && ./spool -t folder
 *
 * Every -a seconds (1) "aggregate" adds up the lines "name amount" of the files
 * in folder/in, into the SQLite file folder/totals, and moves them to
 * folder/out; a file with another line goes to folder/bad. Every -c seconds (60)
 * "clean up" removes what has been in folder/out for -k seconds (3600). After an
 * aggregation that found something "hook" runs the command -x, once for all that
 * were found while it waited for its turn. Writers give a file a name that ends
 * in .part until it is whole.
 *
 * The main thread is the clock: it adds a job when its time has come, unless
 * the one before has not ended. A job has a name, so two of it never overlap,
 * and what it uses needs no lock.
 *
 * SIGTERM and SIGINT let what runs end, for -g seconds (5). Then it says what
 * still ran, and tells that to stop; what does not heed this within a second is
 * left behind. -t prints the totals. The exit status is 0, 1 when a job had to
 * be stopped, 3 when one did not heed that, 2 for wrong use.
 */
#define _GNU_SOURCE

#include "task_scheduling.h"

#include "host.h"
#include "printable.h"
#include "totals.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHOWN = 8 };

static struct {
    double keep, grace;
    const char *hook;
    struct totals totals;       /* the aggregation's */
    DIR *in;
    ts_task_id last_hook;       /* the aggregation's, too */
    atomic_size_t aggregated, bad, removed, hooks;
    atomic_int child;           /* the hook's process, or 0 */
} app = { .keep = 3600, .grace = 5 };

/* ---- Jobs ---------------------------------------------------------------- */

static int32_t fail(ts_token *token, const char *what, const char *words)
{
    char name[160], message[240];
    printable(what, name, sizeof name);
    snprintf(message, sizeof message, "%s: %.70s", name, words);
    ts_set_error(token, message);
    fprintf(stderr, "spool: %s\n", message);
    return 1;
}

static int32_t run_hook(ts_token *token, void *unused)
{
    char *arguments[] = { "sh", "-c", (char *)app.hook, NULL };
    int status;
    sigset_t none;
    (void)unused;
    atomic_fetch_add(&app.hooks, 1);
    pid_t child = fork();
    if (child == 0) {
        sigemptyset(&none);     /* it would have its thread's mask */
        sigprocmask(SIG_SETMASK, &none, NULL);
        setpgid(0, 0);
        execv("/bin/sh", arguments);
        _exit(127);
    }
    if (child < 0)
        return fail(token, "hook", strerror(errno));
    setpgid(child, child);
    atomic_store(&app.child, child);
    /* A stop breaks the wait: TS_INTERRUPT_BLOCKING. */
    while (waitpid(child, &status, 0) < 0)
        if (ts_should_stop(token))
            kill(-child, SIGTERM);
    atomic_store(&app.child, 0);
    return status == 0 ? 0 : fail(token, "hook", "it failed");
}

static void add_job(const char *name, ts_task_fn run, uint32_t flags, ts_task_id *id)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = name;
    options.run = run;
    options.flags = flags;
    ts_error error = ts_submit(NULL, &options, id);
    if (error != TS_ERROR_SHUTTING_DOWN)
        must(error, name);
}

/* Counts a file and moves it out. A crash between the two leaves a mark, by
 * which the next round knows that it is counted. */
static const char *take_file(int folder, const char *name, bool *bad)
{
    char mark[512], target[512];
    struct stat status;
    int descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "r");
    *bad = false;
    if (file == NULL)
        return strerror(errno);
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        fclose(file);
        *bad = true;
        return "no regular file";
    }
    snprintf(mark, sizeof mark, "%s %ju %jd.%09ld", name, (uintmax_t)status.st_ino, (intmax_t)status.st_mtim.tv_sec,
             status.st_mtim.tv_nsec);
    const char *wrong = totals_count(&app.totals, file, mark, bad);
    fclose(file);
    if (wrong != NULL)
        return wrong;
    snprintf(target, sizeof target, "../out/%s", name);
    if (renameat(folder, name, folder, target) != 0)
        return strerror(errno);
    utimensat(folder, target, NULL, 0);         /* when it went out */
    totals_step(app.totals.forget, mark);
    return NULL;
}

static bool is_pending(ts_task_id id)
{
    ts_state state;
    return ts_get_task_state(NULL, id, &state) == TS_OK && state == TS_PENDING;
}

static bool is_whole(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && (dot == NULL || strcmp(dot, ".part") != 0);
}

static int32_t aggregate(ts_token *token, void *unused)
{
    int32_t code = 0;
    size_t found = 0;
    (void)unused;
    rewinddir(app.in);
    for (struct dirent *entry; !ts_should_stop(token) && (entry = readdir(app.in)) != NULL;) {
        char target[512];
        bool bad;
        if (!is_whole(entry->d_name))
            continue;
        const char *wrong = take_file(dirfd(app.in), entry->d_name, &bad);
        if (wrong == NULL) {
            found++;
            atomic_fetch_add(&app.aggregated, 1);
            continue;
        }
        code = fail(token, entry->d_name, wrong);
        snprintf(target, sizeof target, "../bad/%s", entry->d_name);
        if (bad && renameat(dirfd(app.in), entry->d_name, dirfd(app.in), target) == 0)
            atomic_fetch_add(&app.bad, 1);
    }
    /* One that waits comes after this: were each added, a hook that takes longer
     * than files keep away would fill the queue. */
    if (found > 0 && app.hook != NULL && !is_pending(app.last_hook))
        add_job("hook", run_hook, TS_INTERRUPT_BLOCKING, &app.last_hook);
    return code;
}

static int32_t clean_up(ts_token *token, void *unused)
{
    DIR *out = opendir("out");
    struct stat status;
    struct timespec time;
    (void)unused;
    if (out == NULL)
        return fail(token, "out", strerror(errno));
    clock_gettime(CLOCK_REALTIME, &time);
    for (struct dirent *entry; !ts_should_stop(token) && (entry = readdir(out)) != NULL;)
        if (fstatat(dirfd(out), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
            difftime(time.tv_sec, status.st_mtim.tv_sec) >= app.keep && unlinkat(dirfd(out), entry->d_name, 0) == 0)
            atomic_fetch_add(&app.removed, 1);
    closedir(out);
    return 0;
}

/* ---- The clock ----------------------------------------------------------- */

static struct job {
    const char *name;
    ts_task_fn run;
    double period, due;
    size_t late;
    ts_task_id last;
} jobs[] = {
    { .name = "aggregate", .run = aggregate, .period = 1 },
    { .name = "clean up", .run = clean_up, .period = 60 },
};
enum { JOBS = sizeof jobs / sizeof *jobs };

/* Has ended, or is not known any more: long ago. */
static bool has_ended(ts_task_id id)
{
    ts_state state;
    return ts_get_task_state(NULL, id, &state) != TS_OK || state >= TS_COMPLETED;
}

/* Adds what is due; the seconds until something will be. */
static double add_due_jobs(void)
{
    double time = now(), next = 1e9;
    for (struct job *job = jobs; job < jobs + JOBS; job++) {
        if (job->due <= time) {
            job->due = time + job->period;
            if (has_ended(job->last))
                add_job(job->name, job->run, 0, &job->last);
            else
                job->late++;
        }
        next = job->due - time < next ? job->due - time : next;
    }
    return next;
}

static void keep_time(const sigset_t *signals)
{
    for (;;) {
        double next = add_due_jobs();
        struct timespec interval = { .tv_sec = (time_t)next };
        interval.tv_nsec = (long)((next - (double)interval.tv_sec) * 1e9);
        if (sigtimedwait(signals, NULL, &interval) > 0)
            return;
    }
}

/* ---- The end ------------------------------------------------------------- */

static bool shut_down(bool force, double seconds, const char *words)
{
    ts_task_status running[SHOWN];
    ts_shutdown_report report = TS_SHUTDOWN_REPORT_INIT;
    struct timespec time;
    running[0].size = sizeof running[0];
    report.tasks = running;
    report.capacity = SHOWN;
    ts_error error = ts_shutdown_within(NULL, force, seconds, &report);
    if (error == TS_OK)
        return true;
    if (error != TS_ERROR_TIMED_OUT)
        die("shutdown", ts_last_error_message());
    clock_gettime(CLOCK_REALTIME, &time);
    for (size_t at = 0; at < report.running && at < SHOWN; at++)
        printf("%s: %s, for %.1f s\n", words, running[at].task_name,
               (double)time.tv_sec + (double)time.tv_nsec / 1e9 - running[at].started_at);
    fflush(stdout);
    return false;
}

static int end(void)
{
    int status = 0;
    if (!shut_down(false, app.grace, "still running")) {
        status = 1;
        if (!shut_down(true, 1, "does not heed the stop")) {
            int child = atomic_load(&app.child);
            if (child != 0)
                kill(-child, SIGKILL);
            _exit(3);           /* what runs uses what exit() would take away */
        }
    }
    printf("%zu files aggregated, %zu bad, %zu removed; %zu hooks; late:", atomic_load(&app.aggregated),
           atomic_load(&app.bad), atomic_load(&app.removed), atomic_load(&app.hooks));
    for (size_t at = 0; at < JOBS; at++)
        printf(" %s %zu%s", jobs[at].name, jobs[at].late, at + 1 < JOBS ? "," : "\n");
    return status;
}

static double number(const char *text)
{
    char *rest;
    double value = strtod(text, &rest);
    if (!(value >= 0 && value < 1e9) || rest == text || *rest != '\0')
        die(text, "must be a number of seconds");
    return value;
}

int main(int argc, char **argv)
{
    bool print = false;
    sigset_t signals;
    for (int option; (option = getopt(argc, argv, "a:c:g:k:x:t")) != -1;)
        switch (option) {
        case 'a': jobs[0].period = number(optarg); break;
        case 'c': jobs[1].period = number(optarg); break;
        case 'g': app.grace = number(optarg); break;
        case 'k': app.keep = number(optarg); break;
        case 'x': app.hook = optarg; break;
        case 't': print = true; break;
        default: return 2;
        }
    if (optind + 1 != argc || jobs[0].period == 0 || jobs[1].period == 0)
        die("usage", "spool [-a seconds] [-c seconds] [-g seconds] [-k seconds] [-x command] [-t] folder");
    if ((mkdir(argv[optind], 0777) != 0 && errno != EEXIST) || chdir(argv[optind]) != 0)
        die(argv[optind], strerror(errno));
    mkdir("in", 0777);
    mkdir("out", 0777);
    mkdir("bad", 0777);
    app.in = opendir("in");
    if (app.in == NULL)
        die("in", strerror(errno));
    if (!totals_open(&app.totals, "totals"))
        die("totals", totals_words(&app.totals));

    int status = 0;
    if (print) {
        totals_print(&app.totals);
    } else {
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        pthread_sigmask(SIG_BLOCK, &signals, NULL);
        signal(SIGCHLD, SIG_DFL);       /* who started this may have ignored it: no child could be waited for */
        keep_time(&signals);
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);   /* the next one kills */
        status = end();
    }
    totals_close(&app.totals);
    closedir(app.in);
    return status;
}
