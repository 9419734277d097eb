/*
 * fetch: many URLs at once, on one thread.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/fetch.c -o fetch \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./fetch -o folder http://127.0.0.1:8000/one http://127.0.0.1:8000/two
 *     ./fetch -n 2 -t 10 -f list
 *
 * Each host and port is a queue and each URL an async task: no host is asked
 * for more than -n things at a time, and one that is slow holds up nobody else.
 * A task is a state machine: poll_fetch() goes on as far as its socket lets it,
 * and then says what it waits for. Whoever takes longer than -t seconds is
 * stopped by the scheduler, wherever it is; the task knows nothing of that, and
 * end_fetch() closes its connection.
 *
 * -f FILE reads URLs from a file, one a line, "-" is standard input; -o FOLDER
 * keeps the bodies there, the first one as "1", the second as "2"; -c N opens
 * at most N connections at once in all (1000). The exit status is 0 when every
 * URL gave a body with status 200, 1 when one did not, 2 for wrong arguments.
 */
#define _GNU_SOURCE

#include "task_scheduling.h"

#include "http.h"
#include "printable.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SPARE_FILES = 64, REQUEST = 4096, NEWS_EVERY = 100000 /* microseconds */, AT_A_TIME = 16 };

enum stage { START, CONNECT, SEND, RECEIVE };

struct host {
    struct host *next;
    char name[256];             /* the name of its queue */
    struct addrinfo *addresses; /* or NULL, */
    int error;                  /* and getaddrinfo's error */
};

struct fetch {
    size_t number;
    const char *text;
    struct url url;
    struct host *host;
    ts_task_id id;
    /* What poll_fetch() needs between two calls. */
    enum stage stage;
    const struct addrinfo *address;
    int socket, file, tries;
    size_t sent, request_length;
    char *request;
    struct http *http;
    char words[160];            /* what went wrong */
};

static struct {
    const char *folder;
    double timeout;
    long per_host, connections;
    struct fetch *fetches;
    size_t count;
    struct host *hosts;
    atomic_size_t done, good;   /* good: as far as the tasks know */
    atomic_uint_least64_t bytes;
    atomic_long open, most_open;
    double start;
} app = { .timeout = 30, .per_host = 6, .connections = 1000 };

static atomic_bool interrupted;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what, const char *words)
{
    fprintf(stderr, "fetch: %s: %s\n", what, words);
    exit(2);
}

static void check(ts_error error, const char *what)
{
    if (error != TS_OK)
        die(what, ts_last_error_message());
}

/* ---- The task ------------------------------------------------------------ */

static void close_socket(struct fetch *fetch)
{
    if (fetch->socket >= 0) {
        close(fetch->socket);
        fetch->socket = -1;
        atomic_fetch_sub(&app.open, 1);
    }
}

static ts_poll fail(ts_token *token, struct fetch *fetch, const char *what, const char *words)
{
    snprintf(fetch->words, sizeof fetch->words, "%.60s%s%.90s", what, *what ? ": " : "", words);
    ts_set_error(token, fetch->words);
    return TS_POLL_FAILED;
}

static bool keep_body(void *user_data, const char *bytes, size_t size)
{
    struct fetch *fetch = user_data;
    atomic_fetch_add(&app.bytes, size);
    while (fetch->file >= 0 && size > 0) {
        ssize_t written = write(fetch->file, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* Waits until the socket is ready. True when it is already. */
static bool ready(ts_token *token, struct fetch *fetch, uint32_t events)
{
    uint32_t which;
    ts_error error = ts_async_wait_fd(token, fetch->socket, events, &which);
    if (error != TS_OK && error != TS_NOT_YET)
        die("ts_async_wait_fd", ts_last_error_message());
    return error == TS_OK;
}

/* Lets the others of the loop go on: this one is polled again after them. */
static void give_way(ts_token *token)
{
    ts_waker *waker;
    check(ts_waker_clone(token, &waker), "ts_waker_clone");
    ts_waker_wake(waker);
    ts_waker_free(waker);
}

static const char *begin_one(struct fetch *fetch, const struct addrinfo *address)
{
    long open;
    fetch->socket = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fetch->socket < 0)
        return strerror(errno);
    open = atomic_fetch_add(&app.open, 1) + 1;
    if (open > atomic_load(&app.most_open))
        atomic_store(&app.most_open, open);     /* one thread alone opens them */
    if (connect(fetch->socket, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        return strerror(errno);
    return NULL;
}

/* Tries the next address of the host, and those behind it that fail at once. */
static const char *begin_connect(struct fetch *fetch)
{
    for (;;) {
        const char *wrong = begin_one(fetch, fetch->address);
        if (wrong == NULL || fetch->address->ai_next == NULL)
            return wrong;
        close_socket(fetch);
        fetch->address = fetch->address->ai_next;
    }
}

static ts_poll poll_fetch(ts_token *token, void *user_data)
{
    struct fetch *fetch = user_data;
    static char buffer[1 << 16];                /* one loop: one poll at a time */
    const char *wrong;
    int pieces = 0;
    for (;;) {
        switch (fetch->stage) {
        case START:
            fetch->http = calloc(1, sizeof *fetch->http);
            fetch->request = malloc(REQUEST);
            if (fetch->http == NULL || fetch->request == NULL)
                return fail(token, fetch, "", "out of memory");
            fetch->request_length = (size_t)http_request(&fetch->url, fetch->request, REQUEST);
            if (fetch->request_length >= REQUEST)
                return fail(token, fetch, "", "the URL is too long");
            fetch->address = fetch->host->addresses;
            if (fetch->address == NULL)
                return fail(token, fetch, fetch->url.host, gai_strerror(fetch->host->error));
            if ((wrong = begin_connect(fetch)) != NULL)
                return fail(token, fetch, "connect", wrong);
            fetch->stage = CONNECT;
            break;
        case CONNECT: {
            int error = 0;
            socklen_t size = sizeof error;
            if (!ready(token, fetch, TS_WRITABLE))
                return TS_POLL_PENDING;
            if (getsockopt(fetch->socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
                error = errno;
            if (error != 0) {
                close_socket(fetch);
                fetch->address = fetch->address->ai_next;
                if (fetch->address == NULL)
                    return fail(token, fetch, "connect", strerror(error));
                if ((wrong = begin_connect(fetch)) != NULL)
                    return fail(token, fetch, "connect", wrong);
                break;
            }
            fetch->stage = SEND;
            break;
        }
        case SEND: {
            ssize_t sent = send(fetch->socket, fetch->request + fetch->sent,
                                fetch->request_length - fetch->sent, MSG_NOSIGNAL);
            if (sent >= 0) {
                fetch->sent += (size_t)sent;
                if (fetch->sent == fetch->request_length)
                    fetch->stage = RECEIVE;
            } else if (errno == EAGAIN) {
                if (!ready(token, fetch, TS_WRITABLE))
                    return TS_POLL_PENDING;
            } else if (errno != EINTR) {
                return fail(token, fetch, "send", strerror(errno));
            }
            break;
        }
        case RECEIVE: {
            /* From a server that is faster than this there is always more; a task
             * that never waits would hold up all others, and could not be stopped. */
            if (pieces++ == AT_A_TIME) {
                give_way(token);
                return TS_POLL_PENDING;
            }
            ssize_t received = recv(fetch->socket, buffer, sizeof buffer, 0);
            if (received > 0) {
                wrong = http_take(fetch->http, buffer, (size_t)received, keep_body, fetch);
            } else if (received == 0) {
                wrong = http_closed(fetch->http);
            } else if (errno == EAGAIN) {
                if (!ready(token, fetch, TS_READABLE))
                    return TS_POLL_PENDING;
                break;
            } else if (errno == EINTR) {
                break;
            } else {
                return fail(token, fetch, "receive", strerror(errno));
            }
            if (wrong != NULL)
                return fail(token, fetch, "", wrong);
            if (fetch->http->state == HTTP_DONE) {
                if (fetch->http->status == 200)
                    return TS_POLL_READY;
                snprintf(buffer, sizeof buffer, "%d", fetch->http->status);
                return fail(token, fetch, "status", buffer);
            }
            break;
        }
        }
    }
}

/* The drop function: called once, however the task went. What the socket was
 * waited for is disarmed by now. */
static void end_fetch(void *user_data)
{
    struct fetch *fetch = user_data;
    close_socket(fetch);
    if (fetch->file >= 0)
        close(fetch->file);
    fetch->file = -1;
    if (fetch->http != NULL && fetch->http->state == HTTP_DONE && fetch->http->status == 200)
        atomic_fetch_add(&app.good, 1);
    free(fetch->http);
    free(fetch->request);
    fetch->http = NULL;
    fetch->request = NULL;
    atomic_fetch_add(&app.done, 1);
}

/* ---- What is fetched ----------------------------------------------------- */

static void add_url(const char *text)
{
    static size_t room;
    if (app.count == room) {
        room = room ? 2 * room : 64;
        app.fetches = realloc(app.fetches, room * sizeof *app.fetches);
        if (app.fetches == NULL)
            die("memory", strerror(ENOMEM));
    }
    struct fetch *fetch = &app.fetches[app.count];
    memset(fetch, 0, sizeof *fetch);
    fetch->number = ++app.count;
    fetch->socket = fetch->file = -1;
    fetch->text = strdup(text);
    if (fetch->text == NULL)
        die("memory", strerror(ENOMEM));
    if (!parse_url(text, &fetch->url))
        die(text, "not a URL such as http://host:port/path");
}

static void add_list(const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    if (file == NULL)
        die(path, strerror(errno));
    while ((length = getline(&line, &room, file)) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0')
            add_url(line);
    }
    if (ferror(file))
        die(path, strerror(errno));
    free(line);
    if (file != stdin)
        fclose(file);
}

/* Looks every host up before the tasks start: getaddrinfo blocks. */
static void look_up_hosts(void)
{
    for (size_t at = 0; at < app.count; at++) {
        struct fetch *fetch = &app.fetches[at];
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        char raw[300], name[256];
        struct host *host;
        snprintf(raw, sizeof raw, "%.200s:%s", fetch->url.host, fetch->url.port);
        printable(raw, name, sizeof name);
        for (host = app.hosts; host != NULL && strcmp(host->name, name) != 0;)
            host = host->next;
        if (host == NULL) {
            if ((host = calloc(1, sizeof *host)) == NULL)
                die("memory", strerror(ENOMEM));
            memcpy(host->name, name, sizeof name);
            host->error = getaddrinfo(fetch->url.host, fetch->url.port, &hints, &host->addresses);
            if (host->error != 0)
                host->addresses = NULL;
            host->next = app.hosts;
            app.hosts = host;
        }
        fetch->host = host;
    }
}

/* Room for so many connections and files, or fewer connections. */
static void make_room(void)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)app.connections * (app.folder ? 2 : 1) + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        app.connections = ((long)limit.rlim_cur - SPARE_FILES) / (app.folder ? 2 : 1);
        if (app.connections < 1)
            app.connections = 1;
        fprintf(stderr, "fetch: at most %ld connections at once: the limit of open files is %ju\n",
                app.connections, (uintmax_t)limit.rlim_cur);
    }
}

static void show_progress(bool last)
{
    bool terminal = isatty(STDERR_FILENO);
    static double shown;
    double seconds = now() - app.start;
    if (!last && !terminal && seconds - shown < 5)
        return;
    shown = seconds;
    fprintf(stderr, "%s%zu/%zu done, %zu failed, %ld open, %.1f MiB, %.1f s%s", terminal ? "\r\033[K" : "",
            atomic_load(&app.done), app.count, atomic_load(&app.done) - atomic_load(&app.good),
            atomic_load(&app.open), (double)atomic_load(&app.bytes) / (1 << 20), seconds,
            terminal && !last ? "" : "\n");
    fflush(stderr);
}

static void interrupt(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

/* Tells what failed; how many did not. */
static size_t report(ts_scheduler *scheduler)
{
    size_t good = 0;
    for (size_t at = 0; at < app.count; at++) {
        struct fetch *fetch = &app.fetches[at];
        ts_task_status status = TS_TASK_STATUS_INIT;
        char text[200];
        check(ts_get_task_status(scheduler, fetch->id, &status), "status");
        if (status.state == TS_COMPLETED) {
            good++;
            continue;
        }
        printable(fetch->text, text, sizeof text);
        fprintf(stderr, "fetch: %s: %s\n", text,
                status.state == TS_TIMEOUT ? "timed out" :
                status.state == TS_CANCELLED ? "cancelled" : status.error);
    }
    return good;
}

static long number(const char *text, long most)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end != '\0' || end == text || value < 1 || value > most)
        die(text, "not a number that is allowed here");
    return value;
}

static int usage(void)
{
    fputs("usage: fetch [-n PER_HOST] [-c CONNECTIONS] [-t SECONDS] [-o FOLDER] [-f FILE] [URL...]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    ts_scheduler *scheduler;
    char config[256], path[4096], *end;
    int option;
    while ((option = getopt(argc, argv, "n:c:t:o:f:")) != -1) {
        switch (option) {
        case 'n': app.per_host = number(optarg, 100000); break;
        case 'c': app.connections = number(optarg, 1000000); break;
        case 't':
            app.timeout = strtod(optarg, &end);
            if (*end != '\0' || !(app.timeout > 0 && app.timeout < 1e6))
                die(optarg, "not a number of seconds");
            break;
        case 'o': app.folder = optarg; break;
        case 'f': add_list(optarg); break;
        default: return usage();
        }
    }
    while (optind < argc)
        add_url(argv[optind++]);
    if (app.count == 0)
        return usage();
    look_up_hosts();
    make_room();
    if (app.per_host > app.connections)
        app.per_host = app.connections;
    snprintf(config, sizeof config,
             "maximum_event_loop_tasks: %ld\nmaximum_queue_async: 0\nmaximum_task_info_storage: 0\n",
             app.per_host);
    check(ts_scheduler_new(config, &scheduler), "configuration");
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    app.start = now();
    for (size_t at = 0; at < app.count && !atomic_load(&interrupted);) {
        struct fetch *fetch = &app.fetches[at];
        ts_task_options options = TS_TASK_OPTIONS_INIT;
        /* All hosts together: no more are begun than may be open. */
        if (at - atomic_load(&app.done) >= (size_t)app.connections) {
            usleep(1000);
            show_progress(false);
            continue;
        }
        if (app.folder != NULL) {
            snprintf(path, sizeof path, "%s/%zu", app.folder, fetch->number);
            fetch->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
            if (fetch->file < 0)
                die(path, strerror(errno));
        }
        options.name = fetch->host->name;
        options.poll = poll_fetch;
        options.user_data = fetch;
        options.drop = end_fetch;
        options.flags = TS_TIMEOUT_PROCESSING | TS_KEEP;
        options.timeout_seconds = app.timeout;
        check(ts_submit(scheduler, &options, &fetch->id), "adding a task");
        at++;
    }
    while (atomic_load(&app.done) < app.count && !atomic_load(&interrupted)) {
        usleep(app.count < 100 ? 1000 : NEWS_EVERY);
        show_progress(false);
    }
    if (atomic_load(&interrupted)) {
        check(ts_shutdown(scheduler, true), "shutdown");
        fputs("\nfetch: interrupted\n", stderr);
    } else {
        check(ts_shutdown(scheduler, false), "shutdown");
        atomic_store(&app.good, report(scheduler));
    }
    show_progress(true);
    printf("%zu of %zu fetched, %" PRIu64 " bytes, at most %ld connections at once\n",
           atomic_load(&app.good), app.count, (uint64_t)atomic_load(&app.bytes), atomic_load(&app.most_open));
    ts_scheduler_free(scheduler);
    for (struct host *next, *host = app.hosts; host != NULL; host = next) {
        next = host->next;
        if (host->addresses != NULL)
            freeaddrinfo(host->addresses);
        free(host);
    }
    for (size_t at = 0; at < app.count; at++)
        free((char *)app.fetches[at].text);
    free(app.fetches);
    return atomic_load(&app.good) == app.count ? 0 : 1;
}
