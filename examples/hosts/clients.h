/*
 * The connections of server.c: their buffers, and what epoll tells of them.
 *
 * A client whose connection is closed (fd -1) lives on while requests of it are
 * somewhere; then it is buried, and freed when the events at hand, which may
 * still name it, have been worked on.
 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "task_scheduling.h"

#include "http_request.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIPELINE = 32, UNSENT = 1 << 18, IN_ROOM = HTTP_HEAD + 4 + HTTP_BODY };

struct clients {
    struct client *first, *buried, *touched;
    size_t count, lingering;    /* with a connection; without, and with requests */
    bool ending;                /* no more requests are taken */
};

struct client {
    struct clients *all;
    struct client *next, *before;
    int fd;
    char name[32];              /* of its lane */
    ts_lane *lane;
    size_t requests;            /* taken and not ended */
    unsigned long ran;          /* requests that were started */
    struct request *at_work;    /* the one that a worker works on */
    bool last_request, closing; /* the last one was taken; was answered */
    bool touched;               /* is in the list of those with news */
    struct client *next_touched;
    uint32_t events;            /* what epoll watches for; 0: not added yet */
    double heard;               /* when bytes last came or left */
    char *in, *out;
    size_t taken, in_size, in_room;     /* of in: what was taken, and what is there behind it */
    size_t sent, unsent, out_room;
};

static struct client *new_client(struct clients *clients, int fd, unsigned long number)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL)
        die("memory", strerror(ENOMEM));
    client->all = clients;
    client->fd = fd;
    client->heard = now();
    snprintf(client->name, sizeof client->name, "client %lu", number);
    client->next = clients->first;
    if (client->next != NULL)
        client->next->before = client;
    clients->first = client;
    clients->count++;
    return client;
}

static void close_client(struct client *client)
{
    struct clients *clients = client->all;
    close(client->fd);          /* epoll forgets it with that */
    client->fd = -1;
    clients->count--;
    clients->lingering++;
    if (client->before != NULL)
        client->before->next = client->next;
    else
        clients->first = client->next;
    if (client->next != NULL)
        client->next->before = client->before;
}

static void bury_client(struct client *client)
{
    struct clients *clients = client->all;
    clients->lingering--;
    client->before = clients->buried;
    clients->buried = client;
}

static void free_buried(struct clients *clients)
{
    while (clients->buried != NULL) {
        struct client *client = clients->buried;
        clients->buried = client->before;
        ts_lane_free(client->lane);
        free(client->in);
        free(client->out);
        free(client);
    }
}

/* Something happened to it: it is to be looked after when the event at hand is
 * worked on. Whoever's claim is finished, the next one may be another's. */
static void touch(struct client *client)
{
    struct clients *clients = client->all;
    if (client->touched)
        return;
    client->touched = true;
    client->next_touched = clients->touched;
    clients->touched = client;
}

static struct client *take_touched(struct clients *clients)
{
    struct client *client = clients->touched;
    if (client != NULL) {
        clients->touched = client->next_touched;
        client->touched = false;
    }
    return client;
}

/* ---- Buffers ------------------------------------------------------------- */

/* At least as much room; doubles it. */
static char *grow(char *buffer, size_t *room, size_t needed)
{
    while (*room < needed)
        *room = *room * 2 + 4096;
    buffer = realloc(buffer, *room);
    if (buffer == NULL)
        die("memory", strerror(ENOMEM));
    return buffer;
}

/* One that has enough answers to wait for, or to read, is not asked for more. */
static bool may_ask(const struct client *client)
{
    return !client->last_request && client->requests < PIPELINE && client->unsent < UNSENT;
}

/* Reads what has come, as far as there is room; false when it is gone. */
static bool receive(struct client *client)
{
    if (client->taken > 0) {
        memmove(client->in, client->in + client->taken, client->in_size);
        client->taken = 0;
    }
    while (client->in_size < IN_ROOM) {
        if (client->in_room - client->in_size < 2048)
            client->in = grow(client->in, &client->in_room, client->in_room + 2048);
        ssize_t size = recv(client->fd, client->in + client->in_size,
                            client->in_room - client->in_size, 0);
        if (size <= 0)
            return size < 0 && (errno == EAGAIN || errno == EINTR);
        client->in_size += (size_t)size;
        client->heard = now();
        if (client->in_size < client->in_room)
            break;              /* that was all */
    }
    return true;
}

/* Looks for the next request in what was received; as http_parse. */
static int next_request(const struct client *client, struct http_request *request)
{
    return client->in_size == 0 ? 1
           : http_parse(request, client->in + client->taken, client->in_size);
}

static void take_out(struct client *client, size_t size)
{
    client->taken += size;
    client->in_size -= size;
}

/* Adds to what is to be sent; false when the client is gone. */
static bool put(struct client *client, const char *bytes, size_t size)
{
    if (client->fd < 0)
        return false;
    if (client->sent > 0) {
        memmove(client->out, client->out + client->sent, client->unsent);
        client->sent = 0;
    }
    client->out = grow(client->out, &client->out_room, client->unsent + size);
    memcpy(client->out + client->unsent, bytes, size);
    client->unsent += size;
    return true;
}

/* Sends as much as the connection takes; false when it is gone. */
static bool flush(struct client *client)
{
    while (client->unsent > 0) {
        ssize_t size = send(client->fd, client->out + client->sent, client->unsent, MSG_NOSIGNAL);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR;
        client->sent += (size_t)size;
        client->unsent -= (size_t)size;
        client->heard = now();
    }
    client->sent = 0;
    return true;
}

static void watch_client(int epoll, struct client *client, bool reading)
{
    struct epoll_event event = { .events = EPOLLRDHUP, .data.ptr = client };
    if (client->fd < 0)
        return;
    if (reading)
        event.events |= EPOLLIN;
    if (client->unsent > 0)
        event.events |= EPOLLOUT;
    if (event.events == client->events)
        return;
    if (epoll_ctl(epoll, client->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, client->fd, &event) != 0)
        die("epoll_ctl", strerror(errno));
    client->events = event.events;
}

#endif
