/*
 * As much of HTTP/1.1 as a small server needs: where one request ends in what a
 * client sent, what it asks for, and whether the connection stays. A body comes
 * with a Content-Length. (examples/http.h is the other side.)
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HTTP_HEAD = 8192, HTTP_BODY = 1 << 20, HTTP_PATH = 256 };

struct http_request {
    size_t size;                /* of all of it, when it is complete */
    const char *body;           /* within the bytes that were parsed */
    size_t body_size;
    bool keep_alive, head, get, post;
    char path[HTTP_PATH];
};

/* The value of a header, if the line (of that length) is that header. */
static const char *http_value(const char *line, size_t length, const char *name, size_t *value_length)
{
    size_t n = strlen(name);
    if (length <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    for (n++; n < length && (line[n] == ' ' || line[n] == '\t'); n++) {}
    while (length > n && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    *value_length = length - n;
    return line + n;
}

static bool http_is(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

static int http_request_line(struct http_request *request, const char *line, size_t length)
{
    const char *path = memchr(line, ' ', length), *version;
    size_t rest;
    if (path == NULL)
        return 400;
    request->get = path - line == 3 && memcmp(line, "GET", 3) == 0;
    request->head = path - line == 4 && memcmp(line, "HEAD", 4) == 0;
    request->post = path - line == 4 && memcmp(line, "POST", 4) == 0;
    path++;
    rest = length - (size_t)(path - line);
    version = memchr(path, ' ', rest);
    if (version == NULL || path[0] != '/')
        return 400;
    rest -= (size_t)(version + 1 - path);
    if (!http_is(version + 1, rest, "HTTP/1.1") && !http_is(version + 1, rest, "HTTP/1.0"))
        return 505;
    request->keep_alive = version[rest] == '1';
    if ((size_t)(version - path) >= sizeof request->path)
        return 414;
    memcpy(request->path, path, (size_t)(version - path));
    for (char *p = request->path; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~')
            return 400;         /* what is answered to it is text */
    return request->get || request->head || request->post ? 0 : 405;
}

static int http_header(struct http_request *request, const char *line, size_t length, bool *sized)
{
    const char *value;
    size_t n;
    if ((value = http_value(line, length, "Content-Length", &n)) != NULL) {
        char digits[20], *end;
        if (*sized || n == 0 || n >= sizeof digits || *value < '0' || *value > '9')
            return 400;
        memcpy(digits, value, n);
        digits[n] = '\0';
        request->body_size = strtoull(digits, &end, 10);
        *sized = true;
        return *end != '\0' ? 400 : request->body_size > HTTP_BODY ? 413 : 0;
    }
    if (http_value(line, length, "Transfer-Encoding", &n) != NULL)
        return 501;
    if ((value = http_value(line, length, "Connection", &n)) != NULL) {
        if (http_is(value, n, "close"))
            request->keep_alive = false;
        else if (http_is(value, n, "keep-alive"))
            request->keep_alive = true;
    }
    return 0;
}

/* Looks for one whole request at the start of the bytes. 0: it is there, see
 * request->size. 1: more bytes are needed. Else the status to refuse it with. */
static int http_parse(struct http_request *request, const char *bytes, size_t size)
{
    const char *end = memmem(bytes, size, "\r\n\r\n", 4), *line = bytes;
    bool sized = false;
    if (end == NULL)
        return size < HTTP_HEAD ? 1 : 431;
    if ((size_t)(end - bytes) > HTTP_HEAD)
        return 431;
    memset(request, 0, sizeof *request);
    if (memchr(bytes, '\0', (size_t)(end - bytes)) != NULL)
        return 400;
    while (line < end) {
        const char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        size_t length = (size_t)(next - line);
        int wrong = line == bytes ? http_request_line(request, line, length)
                                  : http_header(request, line, length, &sized);
        if (wrong != 0)
            return wrong;
        line = next + 2;
    }
    if (line == bytes)
        return 400;
    request->body = end + 4;
    request->size = (size_t)(request->body - bytes) + request->body_size;
    return size < request->size ? 1 : 0;
}

#endif
