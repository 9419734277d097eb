/*
 * SQLite. It works on the task's own thread, so it is asked to give up from
 * there: between steps of a statement, and between two looks at a lock that
 * another connection holds.
 */
#ifndef DATABASE_SQLITE_H
#define DATABASE_SQLITE_H

#include "database.h"

#include <sqlite3.h>
#include <stdlib.h>

enum { STEPS_BETWEEN_LOOKS = 1000 };

struct sqlite {
    sqlite3 *database;
    ts_token *token;            /* of the task that runs now */
};

/* Not 0 ends the statement, as sqlite3_interrupt() would. */
static int sqlite_should_stop(void *user_data)
{
    const struct sqlite *sqlite = user_data;
    return ts_should_stop(sqlite->token);
}

/* 0 gives the lock up. */
static int sqlite_wait_for_lock(void *user_data, int times)
{
    const struct sqlite *sqlite = user_data;
    double seconds = times < 10 ? 0.001 * (times + 1) : 0.01;
    return ts_interruptible_sleep(sqlite->token, seconds) == TS_OK;
}

static void sqlite_close(void *connection)
{
    struct sqlite *sqlite = connection;
    sqlite3_close(sqlite->database);
    free(sqlite);
}

static void *sqlite_open(ts_token *token, const char *target, char words[200])
{
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    (void)token;
    if (sqlite == NULL)
        return NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(target, &sqlite->database, flags, NULL) != SQLITE_OK) {
        snprintf(words, 200, "%.199s", sqlite3_errmsg(sqlite->database));
        sqlite_close(sqlite);
        return NULL;
    }
    sqlite3_progress_handler(sqlite->database, STEPS_BETWEEN_LOOKS, sqlite_should_stop, sqlite);
    sqlite3_busy_handler(sqlite->database, sqlite_wait_for_lock, sqlite);
    return sqlite;
}

/* Runs the first statement of the text; gives the rest, or NULL. */
static const char *sqlite_run_one(sqlite3 *database, const char *sql, FILE *rows)
{
    sqlite3_stmt *statement;
    const char *rest;
    int what = sqlite3_prepare_v2(database, sql, -1, &statement, &rest);
    if (what != SQLITE_OK)
        return NULL;
    if (statement == NULL)
        return rest;            /* a comment, or nothing */
    while ((what = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int column = 0; column < sqlite3_column_count(statement); column++)
            write_column(rows, column, (const char *)sqlite3_column_text(statement, column));
        fputc('\n', rows);
    }
    sqlite3_finalize(statement);
    return what == SQLITE_DONE ? rest : NULL;
}

static bool sqlite_run(ts_token *token, void *connection, const char *sql, FILE *rows, char words[200])
{
    struct sqlite *sqlite = connection;
    sqlite->token = token;
    while (sql != NULL && *sql != '\0')
        sql = sqlite_run_one(sqlite->database, sql, rows);
    if (sql == NULL)
        snprintf(words, 200, "%.199s", sqlite3_errmsg(sqlite->database));
    return sql != NULL;
}

static const struct database sqlite = { sqlite_open, sqlite_run, sqlite_close };

#endif
