/*
 * One HTTP request by libcurl inside a task, on a handle that no other task
 * uses meanwhile. A task that is told to stop ends its transfer: libcurl asks
 * transfer_progress() whether to go on about once a second, and at once when the
 * wait that it blocks in was broken (TS_INTERRUPT_BLOCKING).
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "task_scheduling.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

struct transfer {
    ts_token *token;
    size_t most;                /* so many bytes are kept, all are counted */
    char *bytes;                /* NUL behind them; free() it; may be NULL */
    size_t kept, received;
    long status;                /* 0: no answer, and words say why */
    char words[CURL_ERROR_SIZE];
};

static size_t transfer_take(char *bytes, size_t one, size_t count, void *user_data)
{
    struct transfer *transfer = user_data;
    size_t room = transfer->most - transfer->kept, size = count * one;
    size_t keep = size < room ? size : room;
    char *grown = realloc(transfer->bytes, transfer->kept + keep + 1);
    if (grown == NULL)
        return 0;
    transfer->bytes = grown;
    memcpy(grown + transfer->kept, bytes, keep);
    transfer->kept += keep;
    grown[transfer->kept] = '\0';
    transfer->received += size;
    return size;
}

static int transfer_progress(void *user_data, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    const struct transfer *transfer = user_data;
    (void)down_all, (void)down, (void)up_all, (void)up;
    return ts_should_stop(transfer->token);
}

/* body may be NULL. */
static void transfer_run(struct transfer *transfer, CURL *curl, const char *method, const char *url, const char *body)
{
    curl_easy_reset(curl);      /* the options: the connection stays */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "task_scheduling-example");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, transfer_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, transfer_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->words);
    if (body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    else if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);  /* the handle outlives it */
    if (code == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer->status);
    else if (transfer->words[0] == '\0')
        strncat(transfer->words, curl_easy_strerror(code), sizeof transfer->words - 1);
}

/* The server of a URL, such as "http://127.0.0.1:8000"; false when it has none. */
static bool transfer_server(CURLU *url, char *name, size_t size)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool good = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    if (good) {
        int length = snprintf(name, size, "%s://%s:%s", scheme, host, port);
        good = length > 0 && (size_t)length < size;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return good;
}

#endif
