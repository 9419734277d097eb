/*
 * uv: compresses the files below a directory from a program on libuv's loop.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude -Iexamples examples/hosts/uv.c -o uv \
 *         $(pkg-config --cflags --libs libuv zlib) \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./uv directory folder
 *
 * Every file becomes folder/1.gz, folder/2.gz, … in the order of their paths.
 * Each file is a queue, named after it, of two tasks: one packs it, one
 * unpacks what the first wrote and compares. No line of code makes the second
 * wait for the first: they have the same name.
 *
 * The loop's thread hands out tasks as long as the queue has room, and learns
 * of their ends from a completion queue, whose file descriptor it polls like
 * any other. It never blocks: a timer of 10 ms shows how long the loop was ever
 * away. Ctrl-C stops what runs, cancels what waits, and leaves when every task
 * has said that it ended. The exit status is 0 when every file came back as it
 * was, 1 when one did not.
 */
#define _GNU_SOURCE

#include "../host.h"

#include "findfiles.h"
#include "printable.h"

#include <inttypes.h>
#include <signal.h>
#include <uv.h>
#include <zlib.h>

enum { TICK = 10 /* ms */, NEWS_EVERY = 50 /* ticks */, PIECE = 1 << 16, SHOWN = 4 };

enum step { PACK, CHECK, STEPS };

struct file {
    size_t number;
    char *path, name[256];
    uint64_t size;              /* as packed */
    ts_task_id ids[STEPS];
    int added;                  /* steps that were handed over */
    bool ended[STEPS];
};

static struct {
    const char *directory, *folder;
    struct file *files;
    size_t count, capacity, next;   /* the file whose step is to be added next */
    size_t in_flight, good, bad, unread;
    uint64_t bytes;
    bool found, interrupted;
    atomic_bool stop_looking;
    ts_scheduler *scheduler;
    ts_completions *completions;
    ts_task_id search;
    double started, last_tick, largest_gap;
    size_t ticks;
} app;

static uv_loop_t *loop;
static uv_poll_t ends;
static uv_timer_t timer;
static uv_signal_t signals[2];

/* ---- Tasks: on the library's threads ------------------------------------- */

static void found(const char *top, const char *path, uint64_t size, const char *error)
{
    (void)top;
    (void)size;
    if (error != NULL) {
        fprintf(stderr, "uv: %s: %s\n", path, error);
        app.unread++;
        return;
    }
    if (app.count == app.capacity) {
        app.capacity = app.capacity * 2 + 64;
        app.files = realloc(app.files, app.capacity * sizeof *app.files);
        if (app.files == NULL)
            die("memory", strerror(ENOMEM));
    }
    struct file *file = &app.files[app.count++];
    *file = (struct file){ .path = strdup(path) };
    if (file->path == NULL)
        die("memory", strerror(ENOMEM));
}

static int by_path(const void *left, const void *right)
{
    return strcmp(((const struct file *)left)->path, ((const struct file *)right)->path);
}

/* The end of this task hands app.files to the loop. */
static int32_t search(ts_token *token, void *unused)
{
    (void)token;
    (void)unused;
    find_files(app.directory, &app.stop_looking, found);
    if (app.count > 0)
        qsort(app.files, app.count, sizeof *app.files, by_path);
    for (size_t i = 0; i < app.count; i++) {
        app.files[i].number = i + 1;
        printable(app.files[i].path, app.files[i].name, sizeof app.files[i].name);
    }
    return 0;
}

static int32_t failed(ts_token *token, const char *words)
{
    ts_set_error(token, words);
    return 1;
}

/* With a mode for gzopen, one of its own for the other side. */
static bool open_both(const struct file *file, const char *mode, FILE **plain, gzFile *packed)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%zu.gz", app.folder, file->number);
    *plain = fopen(file->path, "rb");
    *packed = *plain == NULL ? NULL : gzopen(path, mode);
    if (*plain != NULL && *packed == NULL)
        fclose(*plain);
    return *packed != NULL;
}

static int32_t pack(ts_token *token, void *user_data)
{
    struct file *file = user_data;
    char piece[PIECE];
    size_t size;
    FILE *plain;
    gzFile packed;
    bool good = true;
    if (!open_both(file, "wb6", &plain, &packed))
        return failed(token, strerror(errno));
    while (good && !ts_should_stop(token) && (size = fread(piece, 1, sizeof piece, plain)) > 0) {
        good = gzwrite(packed, piece, (unsigned)size) == (int)size;
        file->size += size;
    }
    good = !ferror(plain) && good;
    good = gzclose(packed) == Z_OK && good;
    fclose(plain);
    return good ? 0 : failed(token, "it cannot be read, or not be packed");
}

static int32_t check(ts_token *token, void *user_data)
{
    const struct file *file = user_data;
    char one[PIECE], other[PIECE];
    size_t size;
    FILE *plain;
    gzFile packed;
    bool same = true;
    if (!open_both(file, "rb", &plain, &packed))
        return failed(token, strerror(errno));
    do {
        size = fread(one, 1, sizeof one, plain);
        same = gzread(packed, other, sizeof other) == (int)size && memcmp(one, other, size) == 0;
    } while (same && size > 0 && !ts_should_stop(token));
    gzclose(packed);
    fclose(plain);
    return same ? 0 : failed(token, "what was packed is not what was read");
}

/* ---- The loop ------------------------------------------------------------ */

static ts_error add(const char *name, ts_task_fn run, void *data, ts_task_id *id)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = name;
    options.run = run;
    options.user_data = data;
    options.completions = app.completions;
    options.completion_data = data;
    return ts_submit(app.scheduler, &options, id);
}

/* Hands over as much as there is room for; the next end makes more. */
static void add_more(void)
{
    while (!app.interrupted && app.next < app.count) {
        struct file *file = &app.files[app.next];
        ts_task_fn run = file->added == PACK ? pack : check;
        ts_error error = add(file->name, run, file, &file->ids[file->added]);
        if (error == TS_ERROR_QUEUE_FULL && app.in_flight > 0)
            return;
        must(error, file->path);
        app.in_flight++;
        if (++file->added == STEPS)
            app.next++;
    }
}

static void file_ended(const ts_completion *end)
{
    struct file *file = end->data;
    enum step step = memcmp(&end->id, &file->ids[PACK], sizeof end->id) == 0 ? PACK : CHECK;
    ts_task_status status = TS_TASK_STATUS_INIT;
    file->ended[step] = true;
    if (end->state == TS_COMPLETED) {
        app.good += step == CHECK;
        app.bytes += step == PACK ? file->size : 0;
    } else {
        app.bad += step == CHECK;
        if (end->state == TS_FAILED && ts_get_task_status(app.scheduler, end->id, &status) == TS_OK)
            fprintf(stderr, "uv: %s: %s: %s\n", file->name, step == PACK ? "pack" : "check",
                    status.error);
    }
}

static void leave(void)
{
    uv_close((uv_handle_t *)&ends, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&signals[i], NULL);
}

static void on_ends(uv_poll_t *poll, int status, int events)
{
    ts_completion some[64];
    size_t count;
    (void)events;
    if (status < 0)
        die("uv_poll", uv_strerror(status));
    while (ts_completions_take(app.completions, some, 64, 0, &count) == TS_OK)
        for (size_t i = 0; i < count; i++) {
            app.in_flight--;
            if (some[i].data != NULL)
                file_ended(&some[i]);
            else
                app.found = true;
        }
    if (app.found)
        add_more();
    if (app.in_flight == 0 && !uv_is_closing((uv_handle_t *)poll))
        leave();
}

/* What the queues look like: the loop asks, nobody waits. */
static void print_news(void)
{
    size_t count, pending = 0, running = 0;
    char shown[SHOWN * 260] = "";
    ts_task_status all[128];
    all[0] = (ts_task_status)TS_TASK_STATUS_INIT;
    must(ts_list_tasks(app.scheduler, TS_LINEAR, all, 128, &count), "ts_list_tasks");
    for (size_t i = 0; i < count && i < 128; i++) {
        pending += all[i].state == TS_PENDING;
        if (all[i].state == TS_RUNNING && running++ < SHOWN)
            snprintf(shown + strlen(shown), sizeof shown - strlen(shown), " %s", all[i].task_name);
    }
    printf("%zu of %zu files, %zu tasks wait, %zu run:%s\n", app.good + app.bad, app.count, pending,
           running, shown);
}

static void on_tick(uv_timer_t *handle)
{
    double time = now();
    (void)handle;
    if (time - app.last_tick > app.largest_gap)
        app.largest_gap = time - app.last_tick;
    app.last_tick = time;
    if (++app.ticks % NEWS_EVERY == 0 && app.found)
        print_news();
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number;
    app.interrupted = true;
    atomic_store(&app.stop_looking, true);
    if (app.found)
        for (size_t i = 0; i < app.count; i++)
            for (int step = 0; step < app.files[i].added; step++)
                if (!app.files[i].ended[step])
                    ts_force_stop(app.scheduler, app.files[i].ids[step]);
    /* on_ends leaves when the last of them has ended. */
}

static void start(void)
{
    int fd;
    /* More records than tasks that can end between an end and the look at its status. */
    must(ts_scheduler_new("line_task_max: 4\nmaximum_queue_line: 64\nmaximum_task_info_storage: 256",
                          &app.scheduler), "scheduler");
    must(ts_completions_new(app.scheduler, &app.completions), "completions");
    must(ts_completions_fd(app.completions, &fd), "completions");
    loop = uv_default_loop();
    if (uv_poll_init(loop, &ends, fd) != 0 || uv_poll_start(&ends, UV_READABLE, on_ends) != 0 ||
        uv_timer_init(loop, &timer) != 0 || uv_timer_start(&timer, on_tick, TICK, TICK) != 0)
        die("libuv", "the loop cannot be set up");
    for (int i = 0; i < 2; i++)
        if (uv_signal_init(loop, &signals[i]) != 0 ||
            uv_signal_start(&signals[i], on_signal, i == 0 ? SIGINT : SIGTERM) != 0)
            die("libuv", "signals cannot be watched");
    app.started = app.last_tick = now();
    must(add("search", search, NULL, &app.search), "search");
    app.in_flight = 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: uv directory folder\n");
        return 2;
    }
    app.directory = argv[1];
    app.folder = argv[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    start();
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    /* Every task has ended: this waits for nothing. */
    must(ts_shutdown(app.scheduler, false), "shutdown");
    ts_completions_free(app.completions);
    ts_scheduler_free(app.scheduler);

    printf("%s%zu of %zu files packed and the same, %" PRIu64 " bytes in %.2f s\n",
           app.interrupted ? "interrupted: " : "", app.good, app.count, app.bytes,
           now() - app.started);
    printf("the loop's timer of %d ms ran %zu times; the largest gap was %.1f ms\n", TICK, app.ticks,
           app.largest_gap * 1e3);
    bool good = app.good == app.count && app.unread == 0 && !app.interrupted;
    for (size_t i = 0; i < app.count; i++)
        free(app.files[i].path);
    free(app.files);
    return good ? 0 : 1;
}
