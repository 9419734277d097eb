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
 * What takes longer than -t seconds (30) is stopped by the scheduler: libcurl
 * asks show_progress() whether to go on, and that asks the token. The
 * interruption of the task's blocking call has it ask at once.
 *
 * Requests are printed as they end, by the main thread, which takes them from a
 * completion queue. The exit status is 0 when every answer had a status below
 * 400, 1 when one had not, 2 for wrong use.
 */
#define _GNU_SOURCE

#include "task_scheduling.h"

#include "host.h"
#include "printable.h"

#include <curl/curl.h>
#include <errno.h>
#include <unistd.h>

enum { SHOWN = 60, AT_ONCE = 64 };

struct queue {
    struct queue *next;
    CURL *curl;
    char name[256];
};

struct request {
    size_t number;
    char *method, *url, *body;  /* in one piece of memory, method's */
    struct queue *queue;
    ts_token *token;            /* while it runs */
    long status;
    size_t received;
    char beginning[SHOWN + 1];  /* of the answer */
    char words[CURL_ERROR_SIZE];
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

static size_t take_bytes(char *bytes, size_t size, size_t count, void *user_data)
{
    struct request *request = user_data;
    size *= count;
    for (size_t at = 0; at < size && request->received + at < SHOWN; at++)
        request->beginning[request->received + at] = bytes[at];
    request->received += size;
    return size;
}

/* libcurl calls it about once a second, and after each interrupted wait. Not 0
 * ends the transfer. */
static int show_progress(void *user_data, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    const struct request *request = user_data;
    (void)down_all, (void)down, (void)up_all, (void)up;
    return ts_should_stop(request->token);
}

static CURLcode perform(CURL *curl, struct request *request)
{
    curl_easy_reset(curl);      /* the options: the connection stays */
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "requests");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, request);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request->words);
    if (request->body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    else if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    return curl_easy_perform(curl);
}

static int32_t run_request(ts_token *token, void *user_data)
{
    struct request *request = user_data;
    struct queue *queue = request->queue;
    request->token = token;
    if (queue->curl == NULL)
        queue->curl = curl_easy_init();
    CURLcode code = queue->curl == NULL ? CURLE_OUT_OF_MEMORY : perform(queue->curl, request);
    if (code == CURLE_OK) {
        curl_easy_getinfo(queue->curl, CURLINFO_RESPONSE_CODE, &request->status);
        return request->status < 400 ? 0 : 1;
    }
    if (request->words[0] == '\0')
        snprintf(request->words, sizeof request->words, "%s", curl_easy_strerror(code));
    return 1;
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
    snprintf((*place)->name, sizeof (*place)->name, "%s", name);
    return *place;
}

/* The server of a URL, such as "http://127.0.0.1:8000"; false when it has none. */
static bool find_server(const char *text, char name[200])
{
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool good = url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                strncmp(scheme, "http", 4) == 0 &&
                snprintf(name, 200, "%s://%s:%s", scheme, host, port) < 200;
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return good;
}

static void read_request(const char *line)
{
    struct request *request = calloc(1, sizeof *request);
    char server[200], raw[256], name[256], *rest;
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
    if (!find_server(request->url, server))
        die(request->url, "no URL of http or https, or too long a name");
    request->number = app.count + 1;
    snprintf(raw, sizeof raw, "%s #%zu", server, app.count % app.per_server + 1);
    printable(raw, name, sizeof name);
    request->queue = find_queue(name);
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
    char beginning[4 * SHOWN + 1], url[512];
    printable(request->url, url, sizeof url);
    printf("%zu %s %s: ", request->number, request->method, url);
    if (end->state == TS_TIMEOUT) {
        printf("stopped after %g s\n", app.timeout);
    } else if (request->status == 0) {
        printf("%s\n", request->words);
    } else {
        printable(request->beginning, beginning, sizeof beginning);
        printf("%ld, %zu bytes: %s\n", request->status, request->received, beginning);
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
    free_all();
    return status;
}
