/*
 * As much of HTTP/1.1 as a client needs for GET: what it sends, and a parser
 * that takes the answer in pieces of any size. Bodies come with a
 * Content-Length, in chunks, or end with the connection.
 */
#ifndef HTTP_H
#define HTTP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HTTP_LINE = 8192 };

enum http_state {
    HTTP_STATUS, HTTP_HEADER, HTTP_SIZED, HTTP_UNTIL_CLOSED,
    HTTP_CHUNK_SIZE, HTTP_CHUNK, HTTP_CHUNK_END, HTTP_TRAILER, HTTP_DONE
};

struct http {
    enum http_state state;
    int status;
    bool chunked, sized;
    uint64_t left;              /* of the body, or of its chunk */
    uint64_t received;          /* of the body */
    size_t line_length;
    char line[HTTP_LINE];       /* the line that is being read */
};

/* Takes a piece of the body; false ends the reading. */
typedef bool (*http_body)(void *user_data, const char *bytes, size_t size);

static const char *http_end_of_line(struct http *http)
{
    char *line = http->line;
    unsigned long long number;
    char *end;
    switch (http->state) {
    case HTTP_STATUS:
        if (sscanf(line, "HTTP/1.%*1[01] %3d", &http->status) != 1)
            return "the answer is not HTTP/1.1";
        http->state = HTTP_HEADER;
        return NULL;
    case HTTP_HEADER:
        if (line[0] == '\0') {
            if (http->status / 100 == 1)
                http->state = HTTP_STATUS;      /* the real answer follows */
            else if (http->status == 204 || http->status == 304)
                http->state = HTTP_DONE;
            else if (http->chunked)
                http->state = HTTP_CHUNK_SIZE;
            else if (http->sized)
                http->state = http->left > 0 ? HTTP_SIZED : HTTP_DONE;
            else
                http->state = HTTP_UNTIL_CLOSED;
        } else if (strncasecmp(line, "content-length:", 15) == 0) {
            number = strtoull(line + 15, &end, 10);
            if (strspn(line + 15, " 0123456789\t") != strlen(line + 15) || end == line + 15)
                return "the content's length is not a number";
            http->sized = true;
            http->left = number;
        } else if (strncasecmp(line, "transfer-encoding:", 18) == 0) {
            http->chunked = strcasestr(line + 18, "chunked") != NULL;
        }
        return NULL;
    case HTTP_CHUNK_SIZE:
        number = strtoull(line, &end, 16);
        if (end == line || (*end != '\0' && *end != ';' && *end != ' '))
            return "the size of a chunk is not a number";
        http->left = number;
        http->state = number > 0 ? HTTP_CHUNK : HTTP_TRAILER;
        return NULL;
    case HTTP_CHUNK_END:
        if (line[0] != '\0')
            return "a chunk is longer than it says";
        http->state = HTTP_CHUNK_SIZE;
        return NULL;
    default:
        if (line[0] == '\0')
            http->state = HTTP_DONE;
        return NULL;
    }
}

/* Takes bytes that came; NULL, or what is wrong with them. */
static const char *http_take(struct http *http, const char *bytes, size_t size, http_body body,
                             void *user_data)
{
    while (size > 0 && http->state != HTTP_DONE) {
        if (http->state == HTTP_SIZED || http->state == HTTP_CHUNK || http->state == HTTP_UNTIL_CLOSED) {
            size_t piece = size;
            if (http->state != HTTP_UNTIL_CLOSED && http->left < piece)
                piece = (size_t)http->left;
            if (!body(user_data, bytes, piece))
                return "the body cannot be kept";
            http->received += piece;
            bytes += piece;
            size -= piece;
            if (http->state != HTTP_UNTIL_CLOSED && (http->left -= piece) == 0)
                http->state = http->state == HTTP_SIZED ? HTTP_DONE : HTTP_CHUNK_END;
            continue;
        }
        size--;
        if (*bytes != '\n') {
            if (http->line_length == HTTP_LINE - 1 || *bytes == '\0')
                return "a line of the answer is too long, or no text";
            http->line[http->line_length++] = *bytes++;
            continue;
        }
        bytes++;
        if (http->line_length > 0 && http->line[http->line_length - 1] == '\r')
            http->line_length--;
        http->line[http->line_length] = '\0';
        http->line_length = 0;
        const char *wrong = http_end_of_line(http);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

/* The connection was closed; NULL when that was the end of the answer. */
static const char *http_closed(struct http *http)
{
    if (http->state == HTTP_UNTIL_CLOSED)
        http->state = HTTP_DONE;
    return http->state == HTTP_DONE ? NULL : "the connection ended before the answer";
}

/* A URL in its parts: "http://host:port/path". */
struct url {
    char host[256], port[8], path[2048];
};

static bool parse_url(const char *text, struct url *url)
{
    const char *host, *end, *port;
    size_t length;
    if (strncasecmp(text, "http://", 7) != 0)
        return false;
    host = text + 7;
    if (*host == '[') {         /* an address of IPv6 */
        host++;
        end = strchr(host, ']');
        if (end == NULL)
            return false;
        port = end + 1;
    } else {
        end = host + strcspn(host, ":/?#");
        port = end;
    }
    length = (size_t)(end - host);
    if (length == 0 || length >= sizeof url->host)
        return false;
    memcpy(url->host, host, length);
    url->host[length] = '\0';
    strcpy(url->port, "80");
    if (*port == ':') {
        length = strspn(port + 1, "0123456789");
        if (length == 0 || length >= sizeof url->port)
            return false;
        memcpy(url->port, port + 1, length);
        url->port[length] = '\0';
        port += 1 + length;
    }
    length = strcspn(port, "#");
    if (*port != '\0' && *port != '/' && *port != '?' && *port != '#')
        return false;
    if (length + 2 > sizeof url->path || strcspn(port, " \t\r\n") < length)
        return false;
    snprintf(url->path, sizeof url->path, "%s%.*s", *port == '/' ? "" : "/", (int)length, port);
    return true;
}

static int http_request(const struct url *url, char *out, size_t room)
{
    bool six = strchr(url->host, ':') != NULL;
    return snprintf(out, room,
                    "GET %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: fetch\r\n"
                    "Accept: */*\r\nConnection: close\r\n\r\n",
                    url->path, six ? "[" : "", url->host, six ? "]" : "", url->port);
}

#endif
