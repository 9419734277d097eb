/*
 * The requests of server.c: what each asks for, and what it is answered.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "task_scheduling.h"

#include "cksum.h"
#include "clients.h"

enum answer { REFUSE, NOT_FOUND, HELLO, SHORT, BODY_SUM, QUEUES, SUM, SLEEP, DEAF };

struct request {
    struct client *client;
    enum answer answer;
    int status;                 /* to refuse it with */
    bool head, keep_alive;
    unsigned long number;       /* the how-many-th of its client; counts as they run */
    unsigned long amount;       /* bytes, milliseconds, or what came of it */
    ts_claim claim;             /* of a long one, while a worker does the work */
    ts_task_id work;
    size_t body_size;
    char *body, path[HTTP_PATH];
};

static enum answer route(const struct http_request *http, unsigned long *amount)
{
    static const struct { const char *start; enum answer answer; } long_ones[] = {
        { "/sum/", SUM }, { "/sleep/", SLEEP }, { "/deaf/", DEAF }
    };
    const char *path = http->path;
    if (http->post)
        return strcmp(path, "/sum") == 0 ? BODY_SUM : NOT_FOUND;
    for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++) {
        size_t n = strlen(long_ones[i].start), digits = strlen(path) > n ? strlen(path + n) : 0;
        if (strncmp(path, long_ones[i].start, n) == 0 && digits > 0 && digits < 12 &&
            strspn(path + n, "0123456789") == digits) {
            *amount = strtoul(path + n, NULL, 10);
            return long_ones[i].answer;
        }
    }
    return strcmp(path, "/") == 0 ? HELLO : strncmp(path, "/short/", 7) == 0 ? SHORT :
           strcmp(path, "/queues") == 0 ? QUEUES : NOT_FOUND;
}

/* Of what was parsed; or, with a status, of what is to be refused with that. */
static struct request *new_request(struct client *client, const struct http_request *http, int wrong)
{
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL)
        die("memory", strerror(ENOMEM));
    request->client = client;
    request->status = wrong;
    strcpy(request->path, "-");
    if (wrong == 0) {
        request->answer = route(http, &request->amount);
        request->keep_alive = http->keep_alive;
        request->head = http->head;
        strcpy(request->path, http->path);
        if (http->body_size > 0) {
            request->body = malloc(http->body_size);
            if (request->body == NULL)
                die("memory", strerror(ENOMEM));
            memcpy(request->body, http->body, http->body_size);
            request->body_size = http->body_size;
        }
    }
    client->requests++;
    client->last_request = !request->keep_alive;
    return request;
}

/* The drop of a request's task. Claims are finished on the loop's thread, so it
 * is called there. */
static void free_request(void *user_data)
{
    struct request *request = user_data;
    struct client *client = request->client;
    if (--client->requests == 0 && client->fd < 0)
        bury_client(client);
    free(request->body);
    free(request);
}

static void answer(struct request *request, int status, const char *body, size_t size)
{
    char head[256];
    struct client *client = request->client;
    /* Who was told close reads no further: at the end only the last answer says it. */
    bool close = !request->keep_alive || (client->all->ending && client->requests == 1);
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                     "Connection: %s\r\n\r\n",
                     status, status == 200 ? "OK" : "no", size, close ? "close" : "keep-alive");
    if (!put(client, head, (size_t)n) || (!request->head && !put(client, body, size)))
        client->closing = true;
    if (!request->keep_alive)
        client->closing = true;
    touch(client);
}

/* "NUMBER PATH RESULT": the number shows the order in which they ran. */
static void answer_line(struct request *request, int status, const char *result)
{
    char line[HTTP_PATH + 64];
    int n = snprintf(line, sizeof line, "%lu %s %s\n", request->number, request->path, result);
    answer(request, status, line, (size_t)n);
}

/* The answer to what is not handed to a worker. */
static void answer_short(ts_scheduler *scheduler, struct request *request)
{
    char words[64], *text;
    uint32_t crc;
    switch (request->answer) {
    case BODY_SUM:
        crc = cksum_finish(cksum_update(0, request->body, request->body_size), request->body_size);
        snprintf(words, sizeof words, "%lu %zu", (unsigned long)crc, request->body_size);
        answer_line(request, 200, words);
        break;
    case QUEUES:
        must(ts_get_all_queue_info(scheduler, TS_LINEAR, false, &text), "queues");
        answer(request, 200, text, strlen(text));
        ts_string_free(text);
        break;
    case REFUSE:
        answer_line(request, request->status, "refused");
        break;
    case NOT_FOUND:
        answer_line(request, 404, "not found");
        break;
    case HELLO:
        answer_line(request, 200, request->client->name);
        break;
    default:
        answer_line(request, 200, "done");
    }
}

/* The work of a long request, on a worker. */
static int32_t work(ts_token *token, void *user_data)
{
    struct request *request = user_data;
    static const char zeroes[1 << 16];
    if (request->answer == SLEEP)
        return ts_interruptible_sleep(token, (double)request->amount / 1e3) == TS_OK ? 0 : 1;
    if (request->answer == DEAF) {
        struct timespec time = { (time_t)(request->amount / 1000), (long)(request->amount % 1000) * 1000000 };
        while (nanosleep(&time, &time) != 0) {}
        return 0;
    }
    uint32_t crc = 0;
    unsigned long left = request->amount;
    while (left > 0 && !ts_should_stop(token)) {
        size_t piece = left < sizeof zeroes ? left : sizeof zeroes;
        crc = cksum_update(crc, zeroes, piece);
        left -= piece;
    }
    request->amount = cksum_finish(crc, request->amount);
    return left == 0 ? 0 : 1;
}

#endif
