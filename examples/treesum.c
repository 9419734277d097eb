/*
 * treesum: a checksum of every regular file below a directory.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/treesum.c -o treesum \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./treesum /usr/share
 *
 * Each top-level directory is a queue and each file a task: the files of one
 * directory are read one after the other, directories side by side.
 *
 * The feeder thread finds the files and adds them; ts_submit() holds it back
 * while as many tasks wait as the scheduler allows. The scheduler's threads
 * call sum_file() for each file, then end_file(). The main thread shows the
 * progress and takes the signals. When one comes, a forced ts_shutdown() stops
 * the running tasks, cancels the waiting ones and lets the feeder go.
 */
#define _POSIX_C_SOURCE 200809L

#include "task_scheduling.h"

#include "cksum.h"
#include "filequeues.h"
#include "findfiles.h"
#include "printable.h"
#include "progress.h"

#include <pthread.h>
#include <signal.h>

enum { BUFFER_SIZE = 65536, FAILURES_SHOWN = 5, TASKS_LISTED = 256 };

static struct {
    const char *root;           /* the options */
    bool list;
    double timeout;
    atomic_bool stop;           /* a signal has come */
    pthread_t main_thread;
    struct queues queues;       /* the feeder's */
    pthread_mutex_t mutex;      /* guards what follows */
    struct progress progress;
    uint64_t summed, failed;
    struct file *ended;         /* the failed ones; with --list, all summed too */
} app = { .root = "/usr/share", .mutex = PTHREAD_MUTEX_INITIALIZER };

static void die(const char *what, const char *words)
{
    fprintf(stderr, "treesum: %s: %s\n", what, words);
    exit(2);
}

static void check(ts_error error, const char *what)
{
    if (error != TS_OK)
        die(what, ts_last_error_message());
}

/* ---- The task ---------------------------------------------------------- */

/* The drop function: called once for each accepted task, however it went. It
 * was summed, failed, was stopped, or was cancelled while it waited. */
static void end_file(void *user_data)
{
    struct file *file = user_data;
    bool failed = file->words != NULL;
    bool keep = failed || (file->summed && app.list);
    atomic_fetch_sub(&file->queue->in_flight, 1);
    pthread_mutex_lock(&app.mutex);
    app.progress.files_done++;
    app.summed += file->summed;
    app.failed += failed;
    if (keep) {
        file->next = app.ended;
        app.ended = file;
    }
    pthread_mutex_unlock(&app.mutex);
    if (!keep)
        free(file);
}

/* Tells the scheduler, and the summary, what went wrong. */
static int32_t fail(ts_token *token, struct file *file, int code, const char *words)
{
    char path[160], message[240];
    size_t length = strlen(file->path);
    printable(file->path + (length > 150 ? length - 150 : 0), path, sizeof path);
    snprintf(message, sizeof message, "%s: %.64s", path, words);
    ts_set_error(token, message);
    file->words = strdup(words);
    return code;
}

/* Returns 0 or an errno. Before each read it looks whether it should stop. */
static int sum_descriptor(ts_token *token, struct file *file, int descriptor)
{
    unsigned char buffer[BUFFER_SIZE];
    struct stat status;
    uint32_t crc = 0;
    uint64_t size = 0;

    if (fstat(descriptor, &status) != 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return ENOENT;          /* something else has taken the file's place */
    while (!ts_should_stop(token)) {
        ssize_t n = read(descriptor, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0) {
            file->crc = cksum_finish(crc, size);
            file->size = size;
            file->summed = true;
            return 0;
        }
        crc = cksum_update(crc, buffer, (size_t)n);
        size += (uint64_t)n;
        pthread_mutex_lock(&app.mutex);
        app.progress.bytes_done += (uint64_t)n;
        pthread_mutex_unlock(&app.mutex);
    }
    return ECANCELED;
}

static int32_t sum_file(ts_token *token, void *user_data)
{
    struct file *file = user_data;
    char words[128];
    int descriptor = open(file->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int error = errno;
    if (descriptor >= 0) {
        error = sum_descriptor(token, file, descriptor);
        close(descriptor);
    }
    if (error == 0)
        return 0;
    if (error == ECANCELED && atomic_load(&app.stop))
        return error;           /* by the shutdown: no fault of the file */
    if (error == ECANCELED)
        return fail(token, file, error, "took longer than the time-out");
    if (strerror_r(error, words, sizeof words) != 0)
        snprintf(words, sizeof words, "error %d", error);
    return fail(token, file, error, words);
}

/* ---- The feeder thread ------------------------------------------------- */

/* A file that never became a task ends here. */
static void end_without_task(struct file *file, const char *words)
{
    file->words = strdup(words);
    atomic_fetch_add(&file->queue->in_flight, 1);
    end_file(file);
}

static void file_found(const char *top, const char *path, uint64_t size, const char *error)
{
    struct file *file = new_file(&app.queues, top, path, size);
    pthread_mutex_lock(&app.mutex);
    app.progress.files++;
    app.progress.bytes += size;
    pthread_mutex_unlock(&app.mutex);
    if (error == NULL)
        append_file(file);
    else
        end_without_task(file, error);
}

static void all_found(void)
{
    sort_queues(&app.queues);
    pthread_mutex_lock(&app.mutex);
    app.progress.all_found = true;
    pthread_mutex_unlock(&app.mutex);
}

static void add_file(struct queue *queue)
{
    struct file *file = queue->files[queue->added++];
    ts_task_id id;
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = queue->name;
    options.run = sum_file;
    options.user_data = file;
    options.drop = end_file;
    options.flags = TS_WAIT_FOR_ROOM;
    options.wait_seconds = TS_FOREVER;
    if (app.timeout > 0) {
        options.flags |= TS_TIMEOUT_PROCESSING;
        options.timeout_seconds = app.timeout;
    }

    atomic_fetch_add(&queue->in_flight, 1);
    ts_error error = ts_submit(NULL, &options, &id);
    if (error == TS_OK) {
        queue->last = id;       /* the file is the task's: not touched again */
        return;
    }
    if (error != TS_ERROR_SHUTTING_DOWN)
        file->words = strdup(ts_last_error_message());
    end_file(file);             /* refused: still ours */
}

/* A queue is first in, first out: when its last task has ended, all have. One
 * that ended long ago is not known any more, which is as good. */
static void wait_for_queues(void)
{
    for (size_t i = 0; i < app.queues.count; i++)
        ts_wait(NULL, app.queues.all[i]->last, TS_FOREVER, NULL);
}

static void *feed(void *unused)
{
    struct queue *queue;
    find_files(app.root, &app.stop, file_found);
    all_found();
    while (!atomic_load(&app.stop) && (queue = choose_queue(&app.queues)) != NULL)
        add_file(queue);
    wait_for_queues();
    pthread_kill(app.main_thread, SIGUSR1);     /* tells watch() */
    return unused;
}

/* ---- The main thread --------------------------------------------------- */

static void watch_progress(double started)
{
    static ts_task_status tasks[TASKS_LISTED];
    size_t count = 0, waiting = 0, stuck = 0;
    char note[64] = "";
    pthread_mutex_lock(&app.mutex);
    struct progress progress = app.progress;
    pthread_mutex_unlock(&app.mutex);
    progress.seconds = now() - started;

    tasks[0].size = sizeof tasks[0];
    ts_list_tasks(NULL, TS_LINEAR, tasks, TASKS_LISTED, &count);
    for (size_t i = 0; i < count && i < TASKS_LISTED; i++) {
        waiting += tasks[i].state == TS_PENDING;
        stuck += (tasks[i].flags & TS_STATUS_STUCK) != 0;
    }
    snprintf(note, sizeof note, ", %zu queued", waiting);
    if (stuck > 0)
        snprintf(note, sizeof note, ", %zu queued, %zu stuck", waiting, stuck);
    show_progress(&progress, note);
}

/* Returns 0 when the feeder is done, or the signal that came before. */
static int watch(const sigset_t *signals, double started)
{
    const struct timespec interval = { .tv_nsec = 200 * 1000 * 1000 };
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &interval);
        if (signal > 0) {
            clear_progress();
            return signal == SIGUSR1 ? 0 : signal;
        }
        watch_progress(started);
    }
}

/* Runs the job; returns 0 or the signal that ended it. The threads that start
 * here inherit the blocked signals, so only watch() ever takes them. */
static int run(double started)
{
    sigset_t signals;
    pthread_t feeder;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    app.main_thread = pthread_self();
    if (pthread_create(&feeder, NULL, feed, NULL) != 0)
        die("thread", strerror(EAGAIN));

    int signal = watch(&signals, started);
    if (signal != 0) {
        atomic_store(&app.stop, true);
        sigdelset(&signals, SIGUSR1);
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);   /* the next one kills */
        check(ts_shutdown(NULL, true), "shutdown");
    }
    pthread_join(feeder, NULL);
    /* Again, for a file that the feeder added just after the first. From here
     * on no task runs, and what the tasks used is ours alone. */
    check(ts_shutdown(NULL, signal != 0), "shutdown");
    return signal;
}

static struct file **sort_ended(size_t *count)
{
    size_t n = 0;
    for (struct file *file = app.ended; file != NULL; file = file->next)
        n++;
    struct file **files = allocate((n + 1) * sizeof *files);
    *count = n;
    for (struct file *file = app.ended; file != NULL; file = file->next)
        files[--n] = file;
    sort_files(files, *count);
    return files;
}

static void print_list(struct file **files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (files[i]->summed)
            printf("%" PRIu32 " %" PRIu64 " %s\n", files[i]->crc, files[i]->size, files[i]->path);
}

static void print_failures(FILE *out, struct file **files, size_t count)
{
    uint64_t shown = 0;
    if (app.failed > 0)
        fprintf(out, "%" PRIu64 " failed:\n", app.failed);
    for (size_t i = 0; i < count && shown < FAILURES_SHOWN; i++) {
        char path[1024];
        if (files[i]->words == NULL)
            continue;
        printable(files[i]->path, path, sizeof path);
        fprintf(out, "  %s: %s\n", path, files[i]->words);
        shown++;
    }
    if (app.failed > shown)
        fprintf(out, "  and %" PRIu64 " more\n", app.failed - shown);
}

static void print_totals(FILE *out, double seconds)
{
    const struct progress *p = &app.progress;
    uint64_t left_out = p->files - app.summed - app.failed;
    char *info = NULL;
    check(ts_get_all_queue_info(NULL, TS_LINEAR, false, &info), "queue info");
    fprintf(out, "%s\n", info);
    ts_string_free(info);
    fprintf(out, "%" PRIu64 " files in %zu queue%s, %.1f MiB in %.2f s: %.0f files/s, %.1f MiB/s\n",
            app.summed, app.queues.count, app.queues.count == 1 ? "" : "s", mib(p->bytes_done), seconds,
            (double)app.summed / seconds, mib(p->bytes_done) / seconds);
    if (left_out > 0)
        fprintf(out, "interrupted: %" PRIu64 " files left out\n", left_out);
}

static void free_all(struct file **ended, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(ended[i]->words);
        free(ended[i]);
    }
    free(ended);
    free_queues(&app.queues);
}

/* ---- Options ----------------------------------------------------------- */

static const char usage[] =
    "usage: treesum [options] [directory]        (default: /usr/share)\n"
    "  --list             print checksum, size and path of every file, as cksum does\n"
    "  --jobs N           read N files at once\n"
    "  --timeout SECONDS  give up a file after so long\n"
    "  --config FILE      the scheduler's configuration (YAML)\n"
    "  --help\n"
    "Exit status: 0, 1 when a file failed, 2 on wrong use, 128 + signal when interrupted.\n";

static void parse_options(char **argument)
{
    for (argument++; *argument != NULL; argument++) {
        const char *option = *argument, *value = argument[1];
        if (option[0] != '-') {
            app.root = option;
        } else if (strcmp(option, "--list") == 0) {
            app.list = true;
        } else if (strcmp(option, "--help") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else if (value == NULL) {
            die(option, "unknown option, or its value is missing (see --help)");
        } else if (strcmp(option, "--jobs") == 0) {
            check(ts_update_config(NULL, "line_task_max", value), option);
            argument++;
        } else if (strcmp(option, "--config") == 0) {
            check(ts_load_config(NULL, value), option);
            argument++;
        } else if (strcmp(option, "--timeout") == 0) {
            char *end;
            app.timeout = strtod(value, &end);
            if (!(app.timeout > 0 && app.timeout < 1e9) || *end != 0)
                die(option, "must be a number of seconds above 0");
            argument++;
        } else {
            die(option, "unknown option (see --help)");
        }
    }
}

int main(int argc, char **argv)
{
    size_t count;
    struct stat status;
    double started = now();
    (void)argc;
    cksum_init();
    parse_options(argv);
    if (stat(app.root, &status) != 0)
        die(app.root, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        die(app.root, strerror(ENOTDIR));

    int signal = run(started);
    FILE *out = app.list ? stderr : stdout;     /* of --list, stdout is the list alone */
    struct file **ended = sort_ended(&count);
    if (app.list)
        print_list(ended, count);
    print_totals(out, now() - started);
    print_failures(out, ended, count);
    int exit_status = signal != 0 ? 128 + signal : app.failed > 0;
    free_all(ended, count);
    if (fflush(stdout) != 0 || ferror(stdout))
        die("standard output", strerror(errno));
    return exit_status;
}
