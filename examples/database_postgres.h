/*
 * PostgreSQL. The server works, and the task waits for its socket. The task's
 * flag TS_INTERRUPT_BLOCKING breaks that wait when it is told to stop; then the
 * server is told to cancel the statement, and its answer is waited for. So the
 * connection is good for the next one.
 */
#ifndef DATABASE_POSTGRES_H
#define DATABASE_POSTGRES_H

#include "database.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

/* False: the task was told to stop. */
static bool postgres_wait(ts_token *token, PGconn *connection, short events)
{
    struct pollfd socket = { .fd = PQsocket(connection), .events = events };
    while (!ts_should_stop(token))
        if (poll(&socket, 1, -1) > 0)
            return true;
    return false;
}

static void postgres_words(PGconn *connection, char words[200])
{
    const char *all = PQerrorMessage(connection);
    snprintf(words, 200, "%.*s", (int)strcspn(all, "\n"), all);
}

static void postgres_close(void *connection)
{
    PQfinish(connection);
}

/* What libpq begins with PQconnectStart or PQresetStart, to its end. */
static bool postgres_connect(ts_token *token, PGconn *connection, PostgresPollingStatusType (*go_on)(PGconn *))
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (PQstatus(connection) != CONNECTION_BAD &&
           (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) &&
           postgres_wait(token, connection, next == PGRES_POLLING_READING ? POLLIN : POLLOUT))
        next = go_on(connection);
    return next == PGRES_POLLING_OK;
}

static void *postgres_open(ts_token *token, const char *target, char words[200])
{
    PGconn *connection = PQconnectStart(target);
    if (connection == NULL || postgres_connect(token, connection, PQconnectPoll))
        return connection;
    postgres_words(connection, words);
    postgres_close(connection);
    return NULL;
}

/* Another connection in the place of one that broke. */
static bool postgres_mend(ts_token *token, PGconn *connection, char words[200])
{
    if (PQstatus(connection) == CONNECTION_OK && PQtransactionStatus(connection) != PQTRANS_ACTIVE)
        return true;
    if (PQresetStart(connection) == 1 && postgres_connect(token, connection, PQresetPoll))
        return true;
    postgres_words(connection, words);
    return false;
}

static void postgres_cancel(PGconn *connection)
{
    char words[256];
    PGcancel *cancel = PQgetCancel(connection);
    if (cancel != NULL)
        PQcancel(cancel, words, sizeof words);
    PQfreeCancel(cancel);
}

static void postgres_write_rows(const PGresult *result, FILE *rows)
{
    for (int row = 0; row < PQntuples(result); row++) {
        for (int column = 0; column < PQnfields(result); column++)
            write_column(rows, column, PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column));
        fputc('\n', rows);
    }
}

/* Waits until the next result can be read; a stop cancels the statement once. */
static bool postgres_await(ts_token *token, PGconn *connection, bool *cancelled)
{
    while (!*cancelled && PQisBusy(connection)) {
        if (!postgres_wait(token, connection, POLLIN)) {
            postgres_cancel(connection);
            *cancelled = true;  /* the answer comes soon */
        } else if (PQconsumeInput(connection) != 1) {
            return false;
        }
    }
    return true;
}

static bool postgres_run(ts_token *token, void *connection, const char *sql, FILE *rows, char words[200])
{
    bool good = true, cancelled = false;
    if (!postgres_mend(token, connection, words))
        return false;
    if (PQsendQuery(connection, sql) != 1) {
        postgres_words(connection, words);
        return false;
    }
    for (PGresult *result;; PQclear(result)) {
        if (!postgres_await(token, connection, &cancelled)) {
            postgres_words(connection, words);
            return false;
        }
        result = PQgetResult(connection);
        if (result == NULL)
            return good;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_TUPLES_OK) {
            postgres_write_rows(result, rows);
        } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
            const char *all = PQresultErrorMessage(result);
            snprintf(words, 200, "%.*s", (int)strcspn(all, "\n"), all);
            good = false;
        }
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            snprintf(words, 200, "COPY has no place here");
            PQclear(result);
            return false;       /* postgres_mend() leaves it */
        }
    }
}

static const struct database postgres = { postgres_open, postgres_run, postgres_close };

#endif
