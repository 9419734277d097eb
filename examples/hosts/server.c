/*
 * server: HTTP on one thread and epoll, with a queue per client.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude -Iexamples examples/hosts/server.c -o server \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./server 8080 &                     # 0: a free port; it says which
 *     curl http://127.0.0.1:8080/sum/10000000
 *     wrk -t2 -c50 -d3s http://127.0.0.1:8080/short/1
 *
 * Every request is a task in the lane of its connection, and this program runs
 * those itself, by claims: handing one in mostly answers "run it", and so does
 * finishing the one before it. A short request is answered within the loop,
 * without another thread waking up. A long one (/sum/BYTES, /sleep/MS) keeps its
 * claim, and with it the lane, while a worker of the same scheduler does the
 * work; the worker's end comes back to epoll through a completion queue. So one
 * connection's requests are run and answered in order, short or long, and a
 * long one holds up nobody else.
 *
 *     /            /short/ANYTHING     POST /sum      /queues
 *     /sum/BYTES   /sleep/MS           /deaf/MS       (sleeps, and heeds no stop)
 *
 * A client that closes its side is gone: what it asked for is cancelled. One
 * that does not read its answers is not read from either, and dropped after -i
 * seconds (30). Work that takes longer than -t seconds (60) is stopped, and the
 * answer is 504. SIGTERM and SIGINT close the door, let the requests that were
 * taken end for -g seconds (5), and then say what was still running, stop it,
 * and leave within another second. The exit status is 0 when nothing had to be
 * stopped, 1 when something had to, 3 when something did not heed that.
 */
#define _GNU_SOURCE

#include "../host.h"

#include "requests.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/signalfd.h>

enum { AT_ONCE = 64, LISTENING = 511, MOST_CLIENTS = 900 };

static struct {
    ts_scheduler *scheduler;
    ts_completions *completions;
    int epoll, listener, signals, claims_fd, completions_fd;
    double grace, idle, limit, deadline, swept; /* deadline: of the end */
    bool stopped, full;         /* full: nobody is let in */
    struct clients clients;
    size_t most_clients;
    unsigned long accepted, requests, on_loop, on_workers, cancelled, dropped;
} server = { .grace = 5, .idle = 30, .limit = 60, .most_clients = MOST_CLIENTS };

/* ---- Requests ------------------------------------------------------------ */

/* Has a worker do it; the claim is finished when its end comes back. */
static ts_error start_work(struct request *request)
{
    char name[256];
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    snprintf(name, sizeof name, "%s %.200s", request->client->name, request->path);
    options.name = name;
    options.run = work;
    options.user_data = request;
    options.completions = server.completions;
    options.completion_data = request;
    options.flags = TS_TIMEOUT_PROCESSING;
    options.timeout_seconds = server.limit;
    return ts_submit(server.scheduler, &options, &request->work);
}

/* Runs a claim, and whatever becomes runnable by its end: mostly the next one of
 * its lane, but another client's when as many were out as may be. */
static void run(ts_claim claim)
{
    while (claim.token != NULL) {
        struct request *request = claim.user_data;
        ts_claim next;
        int32_t code = 0;
        if (ts_claim_start(server.scheduler, &claim) != TS_OK) {
            server.cancelled++;
            code = 1;
        } else {
            request->number = request->client->ran++;
            if (request->answer >= SUM) {
                request->claim = claim;
                if (start_work(request) == TS_OK) {
                    request->client->at_work = request;
                    return;
                }
                answer_line(request, 503, ts_last_error_message());
                code = 1;
            } else {
                server.on_loop++;
                answer_short(server.scheduler, request);
            }
        }
        must(ts_claim_finish(server.scheduler, &claim, code, NULL, NULL, &next), "finish");
        claim = next;
    }
}

static void work_ended(const ts_completion *end)
{
    char words[32];
    struct request *request = end->data;
    struct client *client = request->client;
    ts_claim next;
    client->at_work = NULL;
    server.on_workers++;
    if (client->fd < 0) {
        server.cancelled++;
    } else if (end->state == TS_COMPLETED) {
        snprintf(words, sizeof words, "%lu", request->amount);
        answer_line(request, 200, request->answer == SUM ? words : "done");
    } else if (end->state == TS_TIMEOUT) {
        answer_line(request, 504, "took too long");
    } else {
        answer_line(request, 500, "stopped");
    }
    must(ts_claim_finish(server.scheduler, &request->claim, end->code, NULL, NULL, &next), "finish");
    run(next);                  /* the request may be gone */
}

/* A request was read: it becomes a task, which may be run at once. A wrong one
 * too, so that the refusal comes behind the answers to those before it. */
static void submit(struct client *client, const struct http_request *http, int wrong)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    ts_claim claim;
    struct request *request = new_request(client, http, wrong);
    server.requests++;
    options.lane = client->lane;        /* which says TS_CLAIMS */
    options.kind = TS_LINEAR;
    options.user_data = request;
    options.drop = free_request;
    must(ts_claim_submit(server.scheduler, &options, &claim, &id), "submit");
    run(claim);
}

/* ---- Clients ------------------------------------------------------------- */

static void drop_client(struct client *client)
{
    if (client->at_work != NULL) {
        ts_force_stop(server.scheduler, client->at_work->claim.id);
        ts_force_stop(server.scheduler, client->at_work->work);
    }
    /* What waits behind it comes out of ts_claims_take, to be finished. */
    if (client->requests > 0)
        must(ts_cancel_all_queued_tasks_by_name(server.scheduler, TS_LINEAR, client->name, NULL), "cancel");
    server.dropped += client->requests > 0;
    close_client(client);
    if (client->requests == 0)
        bury_client(client);
}

/* Does for a client what can be done: takes its requests as long as it has
 * room for the answers, sends these, and says what epoll shall tell of it. */
static void serve(struct client *client)
{
    struct http_request http;
    int wrong;
    while (client->fd >= 0) {
        while (may_ask(client) && !server.clients.ending &&
               (wrong = next_request(client, &http)) != 1) {
            submit(client, &http, wrong);
            take_out(client, wrong == 0 ? http.size : client->in_size);
        }
        if (!flush(client) || (client->unsent == 0 && client->requests == 0 &&
                               (client->closing || client->last_request || server.clients.ending))) {
            drop_client(client);
            return;
        }
        if (server.clients.ending || !may_ask(client) || next_request(client, &http) == 1)
            break;
    }
    watch_client(server.epoll, client, !server.clients.ending && may_ask(client));
}

static void accept_clients(void)
{
    while (server.clients.count < server.most_clients) {
        int fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE) && server.clients.count > 0)
            server.most_clients = server.clients.count;     /* as many as there can be */
        if (fd < 0)
            return;
        struct client *client = new_client(&server.clients, fd, ++server.accepted);
        ts_lane_options options = TS_LANE_OPTIONS_INIT;
        options.name = client->name;
        options.runner = TS_CLAIMS;
        must(ts_lane_new(server.scheduler, &options, &client->lane), "lane");
        watch_client(server.epoll, client, true);
    }
}

/* With as many clients as may be, epoll shall not tell of those at the door. */
static void watch_door(void)
{
    bool full = server.clients.count >= server.most_clients;
    struct epoll_event event = { .events = full ? 0 : EPOLLIN, .data.ptr = &server.listener };
    if (full == server.full || server.clients.ending)
        return;
    if (epoll_ctl(server.epoll, EPOLL_CTL_MOD, server.listener, &event) != 0)
        die("epoll_ctl", strerror(errno));
    server.full = full;
}

static void client_event(struct client *client, uint32_t events)
{
    if (client->fd < 0)
        return;                 /* it went while this batch of events was worked on */
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 ||
        ((events & EPOLLIN) != 0 && !receive(client)))
        drop_client(client);
    else
        touch(client);
}

/* ---- The loop ------------------------------------------------------------ */

static void watch(int fd, void *what)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };
    if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl", strerror(errno));
}

static void take_claims(void)
{
    ts_claim claims[AT_ONCE];
    size_t count;
    while (ts_claims_take(server.scheduler, claims, AT_ONCE, 0, &count) == TS_OK)
        for (size_t i = 0; i < count; i++)
            run(claims[i]);
}

static void take_completions(void)
{
    ts_completion ends[AT_ONCE];
    size_t count;
    while (ts_completions_take(server.completions, ends, AT_ONCE, 0, &count) == TS_OK)
        for (size_t i = 0; i < count; i++)
            work_ended(&ends[i]);
}

static void list_tasks(void)
{
    static ts_task_status all[AT_ONCE];
    struct timespec time;
    size_t count, known;
    clock_gettime(CLOCK_REALTIME, &time);
    all[0].size = sizeof all[0];
    must(ts_list_tasks(server.scheduler, TS_LINEAR, all, AT_ONCE, &count), "ts_list_tasks");
    known = count < AT_ONCE ? count : AT_ONCE;
    for (size_t i = 0; i < known; i++)
        if (all[i].state == TS_RUNNING)
            printf("still running: %s, for %.1f s\n", all[i].task_name,
                   (double)time.tv_sec + (double)time.tv_nsec / 1e9 - all[i].started_at);
        else if (all[i].state == TS_PENDING)
            printf("still waiting: %s\n", all[i].task_name);
}

static void every_client(void (*what)(struct client *))
{
    for (struct client *client = server.clients.first, *next; client != NULL; client = next) {
        next = client->next;    /* a dropped one stays readable until the batch is done */
        what(client);
    }
}

static void drop_idle(struct client *client)
{
    if (client->fd >= 0 && (client->requests == 0 || client->unsent > 0) &&
        now() - client->heard > server.idle)
        drop_client(client);
}

static void begin_to_end(void)
{
    if (server.clients.ending)
        return;
    server.clients.ending = true;
    server.deadline = now() + server.grace;
    close(server.listener);
    /* It was heard. Nobody reads it, so epoll would tell of it without end. */
    epoll_ctl(server.epoll, EPOLL_CTL_DEL, server.signals, NULL);
    every_client(serve);        /* those who wait for nothing leave at once */
}

/* True when there is nothing left to wait for, or no time. */
static bool is_over(void)
{
    if (!server.clients.ending || (server.clients.count == 0 && server.clients.lingering == 0))
        return server.clients.ending;
    if (now() < server.deadline)
        return false;
    if (server.stopped)
        return true;
    list_tasks();
    server.stopped = true;
    server.deadline = now() + 1;
    every_client(drop_client);
    return false;
}

static void loop(void)
{
    struct epoll_event events[AT_ONCE];
    struct client *client;
    do {
        double wait = server.clients.ending ? server.deadline - now() : 1;
        int count = epoll_wait(server.epoll, events, AT_ONCE, wait > 0 ? (int)(wait * 1e3) + 1 : 0);
        if (count < 0 && errno != EINTR)
            die("epoll_wait", strerror(errno));
        for (int i = 0; i < count; i++) {
            void *what = events[i].data.ptr;
            if (what == &server.listener)
                accept_clients();
            else if (what == &server.signals)
                begin_to_end();
            else if (what == &server.claims_fd)
                take_claims();
            else if (what == &server.completions_fd)
                take_completions();
            else
                client_event(what, events[i].events);
            while ((client = take_touched(&server.clients)) != NULL)
                serve(client);
        }
        if (now() - server.swept >= 1) {
            server.swept = now();
            every_client(drop_idle);
        }
        watch_door();
        free_buried(&server.clients);
    } while (!is_over());
}

static void set_up(const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    sigset_t set;
    int yes = 1;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    cksum_init();

    must(ts_scheduler_new("line_task_max: 64\nmaximum_queue_line: 0", &server.scheduler), "scheduler");
    must(ts_completions_new(server.scheduler, &server.completions), "completions");
    must(ts_completions_fd(server.completions, &server.completions_fd), "completions");
    must(ts_claims_fd(server.scheduler, &server.claims_fd), "claims");
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    server.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)atoi(port));
    if (server.epoll < 0 || server.signals < 0 || server.listener < 0 ||
        setsockopt(server.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(server.listener, (struct sockaddr *)&address, size) != 0 ||
        listen(server.listener, LISTENING) != 0 ||
        getsockname(server.listener, (struct sockaddr *)&address, &size) != 0)
        die(port, strerror(errno));
    watch(server.listener, &server.listener);
    watch(server.signals, &server.signals);
    watch(server.claims_fd, &server.claims_fd);
    watch(server.completions_fd, &server.completions_fd);
    printf("listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "g:i:t:")) != -1) {
        if (option == 'g')
            server.grace = atof(optarg);
        else if (option == 'i')
            server.idle = atof(optarg);
        else if (option == 't')
            server.limit = atof(optarg);
        else
            return 2;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: server [-g seconds] [-i seconds] [-t seconds] port\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    set_up(argv[optind]);
    loop();
    printf("%lu clients, %lu requests: %lu answered on the loop, %lu worked on by workers; %lu cancelled, "
           "of %lu clients that went\n", server.accepted, server.requests, server.on_loop,
           server.on_workers, server.cancelled, server.dropped);
    if (server.clients.lingering > 0) {
        list_tasks();
        printf("that did not heed the stop\n");
        fflush(stdout);
        _exit(3);               /* a shutdown would wait for it */
    }
    must(ts_shutdown(server.scheduler, false), "shutdown");
    ts_completions_free(server.completions);
    ts_scheduler_free(server.scheduler);
    return server.stopped ? 1 : 0;
}
