/*
 * stream: a moving average for each key of a stream, in real time.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/stream.c -o stream \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     printf 'oven 200\nroom 20\noven 210\n' | ./stream
 *
 * Standard input, a pipe or a socket, brings lines "key value", with keys of up
 * to 255 bytes. Each key is a lane and each line a task of it: the lines of a
 * key are taken in the order in which they came, so what belongs to a key needs
 * no lock; keys go side by side. For every line "key count average" is printed.
 *
 * No more than -q lines (1000) wait. When as many do, the reader waits in
 * ts_submit() and does not read: the pipe fills up, and whoever writes into it
 * waits too. So a slow reader of the output slows the source down, and memory
 * stays as it is.
 *
 * SIGTERM and SIGINT end the reading. What was read by then is worked off, as
 * at the end of the input; a second signal kills. The summary on standard error
 * says how long lines were on their way. The exit status is 0, 1 when a line
 * was no "key value", 2 for wrong use or when the output cannot be written.
 */
#define _GNU_SOURCE

#include "task_scheduling.h"

#include "host.h"
#include "latency.h"
#include "printable.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { LINE = 1024,
       PIECE = 1 << 16,
       BUCKETS = 4096 };

struct key {
    struct key *next;
    ts_lane *lane;
    char name[256];
    uint64_t count;             /* these two are its tasks' */
    double average;
};

struct line {
    struct key *key;
    double value, read_at;
};

static struct {
    ts_scheduler *scheduler;
    struct key *keys[BUCKETS];  /* the reader's, and so is what follows */
    size_t key_count, bad, held_up;
    uint64_t lines;
    bool interrupted;
    struct latency latency;
    pthread_mutex_t mutex;      /* guards what follows */
    pthread_cond_t none_left;
    size_t in_memory, most_in_memory;
} app = { .mutex = PTHREAD_MUTEX_INITIALIZER, .none_left = PTHREAD_COND_INITIALIZER };

/* ---- The task ------------------------------------------------------------ */

static int32_t take_line(ts_token *token, void *user_data)
{
    struct line *line = user_data;
    struct key *key = line->key;
    (void)token;
    key->count++;
    key->average = key->count == 1 ? line->value : 0.9 * key->average + 0.1 * line->value;
    /* Blocks while nobody reads: that is what holds the source back. When the
     * reader is gone no signal says so, since the library's threads take none. */
    if (printf("%s %" PRIu64 " %.6f\n", key->name, key->count, key->average) < 0) {
        fprintf(stderr, "standard output: %s\n", strerror(errno));
        _exit(2);               /* exit() is for one thread, and others may be here too */
    }
    latency_add(&app.latency, now() - line->read_at);
    return 0;
}

static void end_line(void *user_data)
{
    free(user_data);
    pthread_mutex_lock(&app.mutex);
    if (--app.in_memory == 0)
        pthread_cond_signal(&app.none_left);
    pthread_mutex_unlock(&app.mutex);
}

/* ---- The reader ---------------------------------------------------------- */

static struct key *find_key(const char *name)
{
    uint32_t hash = 2166136261u;
    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    struct key **place = &app.keys[hash % BUCKETS];
    for (; *place != NULL; place = &(*place)->next)
        if (strcmp((*place)->name, name) == 0)
            return *place;
    struct key *key = calloc(1, sizeof *key);
    ts_lane_options options = TS_LANE_OPTIONS_INIT;
    if (key == NULL)
        die("memory", strerror(ENOMEM));
    snprintf(key->name, sizeof key->name, "%s", name);
    options.name = key->name;
    must(ts_lane_new(app.scheduler, &options, &key->lane), key->name);
    app.key_count++;
    return *place = key;
}

/* Waits while too many lines wait. */
static void add_line(struct line *line)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    options.lane = line->key->lane;
    options.run = take_line;
    options.user_data = line;
    options.drop = end_line;
    pthread_mutex_lock(&app.mutex);
    if (++app.in_memory > app.most_in_memory)
        app.most_in_memory = app.in_memory;
    pthread_mutex_unlock(&app.mutex);
    ts_error error = ts_submit(app.scheduler, &options, &id);
    if (error == TS_ERROR_QUEUE_FULL) {
        if (app.held_up++ == 0)
            fprintf(stderr, "stream: the source is held up\n");
        options.flags = TS_WAIT_FOR_ROOM;
        options.wait_seconds = TS_FOREVER;
        error = ts_submit(app.scheduler, &options, &id);
    }
    must(error, "a line");
}

static void read_line(char *text)
{
    char name[256], *end, *space = strrchr(text, ' ');
    app.lines++;
    if (space == NULL || space == text) {
        app.bad++;
        return;
    }
    *space = '\0';
    double value = strtod(space + 1, &end);
    /* Longer ones, cut to the length of a name, might be one. */
    bool too_long = (size_t)(space - text) >= sizeof name;
    if (too_long || end == space + 1 || *end != '\0') {
        app.bad++;
        return;
    }
    struct line *line = malloc(sizeof *line);
    if (line == NULL)
        die("memory", strerror(ENOMEM));
    printable(text, name, sizeof name);
    *line = (struct line){ .key = find_key(name), .value = value, .read_at = now() };
    add_line(line);
}

static volatile sig_atomic_t told_to_end;

static void tell_to_end(int number)
{
    if (told_to_end) {
        signal(number, SIG_DFL);
        raise(number);
    }
    told_to_end = 1;
}

/* Waits for input; false when a signal comes first. Between the look at it and
 * the wait none can come, so none is missed. */
static bool can_read(void)
{
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    int ready = told_to_end ? -1 : ppoll(&input, 1, NULL, &before);
    if (ready < 0 && !told_to_end && errno != EINTR)
        die("poll", strerror(errno));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !told_to_end;
}

/* Takes the lines out of what came; gives what is left of the last one. */
static size_t take_lines(char *bytes, size_t size)
{
    char *begin = bytes, *end;
    while ((end = memchr(begin, '\n', size - (size_t)(begin - bytes))) != NULL) {
        *end = '\0';
        read_line(begin);
        begin = end + 1;
    }
    size -= (size_t)(begin - bytes);
    if (size >= LINE)
        die("standard input", "a line is too long");
    memmove(bytes, begin, size);
    return size;
}

static void read_all(void)
{
    static char bytes[LINE + PIECE + 1];
    size_t kept = 0;
    while (can_read()) {
        ssize_t got = read(STDIN_FILENO, bytes + kept, PIECE);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            die("standard input", strerror(errno));
        if (got == 0 && kept > 0) {     /* the last line may have no end */
            bytes[kept] = '\n';
            take_lines(bytes, kept + 1);
        }
        if (got == 0)
            return;
        if (got > 0)
            kept = take_lines(bytes, kept + (size_t)got);
    }
    app.interrupted = true;
}

/* ---- All of it ----------------------------------------------------------- */

/* ts_shutdown() would cancel what waits. */
static void work_off(void)
{
    pthread_mutex_lock(&app.mutex);
    while (app.in_memory > 0)
        pthread_cond_wait(&app.none_left, &app.mutex);
    pthread_mutex_unlock(&app.mutex);
    must(ts_shutdown(app.scheduler, false), "shutdown");
}

static void summarize(double seconds)
{
    fprintf(stderr, "%s%" PRIu64 " lines of %zu keys in %.2f s, %zu were no \"key value\"\n",
            app.interrupted ? "interrupted: " : "", app.lines, app.key_count, seconds, app.bad);
    fprintf(stderr, "at most %zu in memory, the source was held up %zu times\n", app.most_in_memory,
            app.held_up);
    fprintf(stderr, "on their way: half below %.3f ms, 99 of 100 below %.3f ms, all below %.3f ms\n",
            latency_below(&app.latency, 0.5), latency_below(&app.latency, 0.99),
            latency_below(&app.latency, 1));
}

static void free_all(void)
{
    for (size_t at = 0; at < BUCKETS; at++) {
        for (struct key *next, *key = app.keys[at]; key != NULL; key = next) {
            next = key->next;
            ts_lane_free(key->lane);
            free(key);
        }
    }
    ts_scheduler_free(app.scheduler);
}

int main(int argc, char **argv)
{
    const struct sigaction action = { .sa_handler = tell_to_end, .sa_flags = SA_RESTART };
    double started = now();
    must(ts_scheduler_new("maximum_queue_line: 1000", &app.scheduler), "scheduler");
    for (int option; (option = getopt(argc, argv, "j:q:")) != -1;) {
        if (option == '?')
            die("usage", "stream [-j tasks at once] [-q lines that wait]");
        must(ts_update_config(app.scheduler, option == 'j' ? "line_task_max" : "maximum_queue_line", optarg),
             "option");
    }
    setvbuf(stdout, NULL, _IOLBF, 0);   /* each line at once */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    read_all();
    work_off();
    if (fflush(stdout) != 0 || ferror(stdout))
        die("standard output", strerror(errno));
    summarize(now() - started);
    free_all();
    return app.bad > 0;
}
