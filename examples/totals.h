/*
 * The totals of spool.c, in a SQLite file. A file is counted in one
 * transaction with the note that it was, so that a crash loses none and counts
 * none twice. One thread at a time.
 */
#ifndef TOTALS_H
#define TOTALS_H

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct totals {
    sqlite3 *database;
    sqlite3_stmt *add, *note, *noted, *forget;
};

static bool totals_prepare(struct totals *totals, const char *sql, sqlite3_stmt **statement)
{
    return sqlite3_prepare_v2(totals->database, sql, -1, statement, NULL) == SQLITE_OK;
}

/* False: totals_words() says why not. */
static bool totals_open(struct totals *totals, const char *path)
{
    return sqlite3_open(path, &totals->database) == SQLITE_OK &&
           sqlite3_busy_timeout(totals->database, 10000) == SQLITE_OK &&
           sqlite3_exec(totals->database,
                        "PRAGMA journal_mode = WAL;"
                        "CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, amount INTEGER, lines INTEGER);"
                        "CREATE TABLE IF NOT EXISTS counted (file TEXT PRIMARY KEY);",
                        NULL, NULL, NULL) == SQLITE_OK &&
           totals_prepare(totals,
                          "INSERT INTO totals VALUES (?1, ?2, 1) ON CONFLICT (name) DO UPDATE "
                          "SET amount = amount + ?2, lines = lines + 1",
                          &totals->add) &&
           totals_prepare(totals, "INSERT INTO counted VALUES (?1)", &totals->note) &&
           totals_prepare(totals, "SELECT 1 FROM counted WHERE file = ?1", &totals->noted) &&
           totals_prepare(totals, "DELETE FROM counted WHERE file = ?1", &totals->forget);
}

static const char *totals_words(const struct totals *totals)
{
    return sqlite3_errmsg(totals->database);
}

static void totals_close(struct totals *totals)
{
    sqlite3_finalize(totals->add);
    sqlite3_finalize(totals->note);
    sqlite3_finalize(totals->noted);
    sqlite3_finalize(totals->forget);
    sqlite3_close(totals->database);
}

/* Runs one of the statements with its text; SQLITE_ROW or SQLITE_DONE. */
static int totals_step(sqlite3_stmt *statement, const char *text)
{
    sqlite3_bind_text(statement, 1, text, -1, SQLITE_TRANSIENT);
    int what = sqlite3_step(statement);
    int end = sqlite3_reset(statement);
    return end == SQLITE_OK ? what : end;
}

static bool totals_add(struct totals *totals, const char *name, long long amount)
{
    sqlite3_bind_int64(totals->add, 2, amount);
    return totals_step(totals->add, name) == SQLITE_DONE;
}

/* Counts the lines "name amount" of a file, all or none. mark is the file's
 * own for all times. NULL, or what is wrong; *bad tells that the file is. */
static const char *totals_count(struct totals *totals, FILE *file, const char *mark, bool *bad)
{
    char *line = NULL;
    size_t room = 0;
    const char *wrong = NULL;
    *bad = false;
    if (totals_step(totals->noted, mark) == SQLITE_ROW)
        return NULL;            /* before a crash */
    if (sqlite3_exec(totals->database, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return totals_words(totals);
    while (wrong == NULL && getline(&line, &room, file) > 0) {
        char *end, *space;
        line[strcspn(line, "\n")] = '\0';
        space = strrchr(line, ' ');
        errno = 0;
        long long amount = space == NULL ? 0 : strtoll(space + 1, &end, 10);
        *bad = space == NULL || space == line || end == space + 1 || *end != '\0' || errno == ERANGE;
        if (*bad) {
            wrong = "a line is no \"name amount\"";
        } else {
            *space = '\0';
            wrong = totals_add(totals, line, amount) ? NULL : totals_words(totals);
        }
    }
    free(line);
    if (wrong == NULL && ferror(file))
        wrong = strerror(errno);
    if (wrong == NULL && (totals_step(totals->note, mark) != SQLITE_DONE ||
                          sqlite3_exec(totals->database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK))
        wrong = totals_words(totals);
    if (wrong != NULL)
        sqlite3_exec(totals->database, "ROLLBACK", NULL, NULL, NULL);
    return wrong;
}

static void totals_print(struct totals *totals)
{
    sqlite3_stmt *all = NULL;
    if (totals_prepare(totals, "SELECT name, amount, lines FROM totals ORDER BY name", &all))
        while (sqlite3_step(all) == SQLITE_ROW)
            printf("%s %lld in %lld lines\n", (const char *)sqlite3_column_text(all, 0),
                   (long long)sqlite3_column_int64(all, 1), (long long)sqlite3_column_int64(all, 2));
    sqlite3_finalize(all);
}

#endif
