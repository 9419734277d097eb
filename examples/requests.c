/*
 * requests: HTTP requests to many servers, those to one server in order.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/requests.c -o requests \
 *         $(pkg-config --cflags --libs libcurl) \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./requests -t 10 <<END
 *     PUT http://127.0.0.1:8000/apple red
 *     GET http://127.0.0.1:8000/apple
 *     GET http://127.0.0.1:8001/
 *     END
 *
 * Each line of standard input is "METHOD URL", with a body behind it if you
 * like. Each server, a scheme with host and port, is a queue, and each request
 * a task: so they reach a server one after the other, as they stand in the
 * list, and a server that is slow holds up nobody but itself. A queue has a
 * handle of libcurl, which no two tasks use at once, and so one connection that
 * is kept open. With -n N it is N queues for each server, whose requests go N
 * at a time and in no order.
 *
 * What takes longer than -t seconds (30) is stopped by the scheduler, and so is
 * the transfer: transfer.h has that.
 *
 * Requests are printed as they end, by the main thread, which takes them from a
 * completion queue. The exit status is 0 when every answer had a status below
 * 400, 1 when one had not, 2 for wrong use or when the list cannot be read or
 * the answers not be written.
 */
#define _GNU_SOURCE

#include "task_scheduling.h"

#include "host.h"
#include "printable.h"
#include "transfer.h"

#include <errno.h>
#include <unistd.h>

enum { SHOWN = 60,
       AT_ONCE = 64 };

struct queue {
    struct queue *next;
    CURL *curl;
    size_t requests;            /* counted for all queues of a server in the first */
    char name[256];
};

struct request {
    size_t number;
    char *method, *url, *body;  /* in one piece of memory, method's */
    struct queue *queue;
    struct transfer transfer;
};

static struct {
    double timeout;
    size_t per_server, count, room, good;
    struct queue *queues;
    struct request **requests;
    ts_scheduler *scheduler;
    ts_completions *completions;
} app = { .timeout = 30, .per_server = 1 };

/* ---- The task ------------------------------------------------------------ */

static int32_t run_request(ts_token *token, void *user_data)
{
    struct request *request = user_data;
    struct queue *queue = request->queue;
    struct transfer *transfer = &request->transfer;
    if (queue->curl == NULL && (queue->curl = curl_easy_init()) == NULL)
        return 1;
    transfer->token = token;
    transfer->most = SHOWN;
    transfer_run(transfer, queue->curl, request->method, request->url, request->body);
    return transfer->status == 0 || transfer->status >= 400;
}

/* ---- The list ------------------------------------------------------------ */

static struct queue *find_queue(const char *name)
{
    struct queue **place = &app.queues;
    for (; *place != NULL; place = &(*place)->next)
        if (strcmp((*place)->name, name) == 0)
            return *place;
    *place = calloc(1, sizeof **place);
    if (*place == NULL)
        die("memory", strerror(ENOMEM));
    snprintf((*place)->name, sizeof(*place)->name, "%s", name);
    return *place;
}

static struct queue *choose_queue(const char *server)
{
    char raw[256], name[256];
    snprintf(raw, sizeof raw, "%s #1", server);
    printable(raw, name, sizeof name);
    struct queue *first = find_queue(name);
    size_t number = first->requests++ % app.per_server + 1;
    if (number == 1)
        return first;
    snprintf(raw, sizeof raw, "%s #%zu", server, number);
    printable(raw, name, sizeof name);
    return find_queue(name);
}

static void read_request(const char *line)
{
    struct request *request = calloc(1, sizeof *request);
    char server[200], *rest;
    if (request == NULL || (request->method = strdup(line)) == NULL)
        die("memory", strerror(ENOMEM));
    rest = strchr(request->method, ' ');
    if (rest == NULL)
        die(line, "a line is \"METHOD URL\"");
    *rest++ = '\0';
    request->url = rest;
    rest = strchr(rest, ' ');
    if (rest != NULL) {
        *rest++ = '\0';
        request->body = rest;
    }
    CURLU *url = curl_url();
    if (url == NULL || curl_url_set(url, CURLUPART_URL, request->url, 0) != CURLUE_OK ||
        !transfer_server(url, server, sizeof server))
        die(request->url, "no URL of http or https, or too long a name");
    curl_url_cleanup(url);
    request->number = app.count + 1;
    request->queue = choose_queue(server);
    if (app.count == app.room) {
        app.room = app.room * 2 + 16;
        app.requests = realloc(app.requests, app.room * sizeof *app.requests);
        if (app.requests == NULL)
            die("memory", strerror(ENOMEM));
    }
    app.requests[app.count++] = request;
}

static void read_requests(void)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            read_request(line);
    }
    if (ferror(stdin))
        die("standard input", strerror(errno));
    free(line);
}

static void add_request(struct request *request)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    options.name = request->queue->name;
    options.run = run_request;
    options.user_data = request;
    options.flags = TS_TIMEOUT_PROCESSING | TS_INTERRUPT_BLOCKING;
    options.timeout_seconds = app.timeout;
    options.completions = app.completions;
    options.completion_data = request;
    must(ts_submit(app.scheduler, &options, &id), request->url);
}

/* ---- The ends ------------------------------------------------------------ */

static void print_end(const ts_completion *end)
{
    const struct request *request = end->data;
    const struct transfer *transfer = &request->transfer;
    char beginning[4 * SHOWN + 1], url[512];
    printable(request->url, url, sizeof url);
    printf("%zu %s %s: ", request->number, request->method, url);
    if (end->state == TS_TIMEOUT) {
        printf("stopped after %g s\n", app.timeout);
    } else if (transfer->status == 0) {
        printf("%s\n", transfer->words);
    } else {
        printable(transfer->bytes == NULL ? "" : transfer->bytes, beginning, sizeof beginning);
        printf("%ld, %zu bytes%s%s\n", transfer->status, transfer->received, *beginning ? ": " : "", beginning);
    }
    app.good += end->state == TS_COMPLETED;
    fflush(stdout);
}

static void print_ends(void)
{
    ts_completion ends[AT_ONCE];
    size_t taken;
    for (size_t left = app.count; left > 0; left -= taken) {
        must(ts_completions_take(app.completions, ends, AT_ONCE, TS_FOREVER, &taken), "ends");
        for (size_t at = 0; at < taken; at++)
            print_end(&ends[at]);
    }
}

static void free_all(void)
{
    ts_completions_free(app.completions);
    ts_scheduler_free(app.scheduler);
    for (struct queue *next, *queue = app.queues; queue != NULL; queue = next) {
        next = queue->next;
        curl_easy_cleanup(queue->curl);
        free(queue);
    }
    for (size_t at = 0; at < app.count; at++) {
        free(app.requests[at]->transfer.bytes);
        free(app.requests[at]->method);
        free(app.requests[at]);
    }
    free(app.requests);
    curl_global_cleanup();
}

int main(int argc, char **argv)
{
    double started = now();
    must(ts_scheduler_new("maximum_queue_line: 0\nline_task_max: 100", &app.scheduler), "scheduler");
    must(ts_completions_new(app.scheduler, &app.completions), "completions");
    for (int option; (option = getopt(argc, argv, "n:t:")) != -1;) {
        if (option == 'n')
            app.per_server = strtoul(optarg, NULL, 10);
        else if (option == 't')
            app.timeout = strtod(optarg, NULL);
        if (option == '?' || app.per_server < 1 || !(app.timeout > 0 && app.timeout < 1e9))
            die("usage", "requests [-n connections per server] [-t seconds] <list");
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        die("libcurl", "it cannot begin");
    read_requests();
    for (size_t at = 0; at < app.count; at++)
        add_request(app.requests[at]);
    print_ends();
    fprintf(stderr, "%zu of %zu good, in %.2f s\n", app.good, app.count, now() - started);
    int status = app.good < app.count;
    if (ferror(stdout))
        die("standard output", "it cannot be written");
    free_all();
    return status;
}
