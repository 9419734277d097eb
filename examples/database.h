/*
 * What queries.c asks of a database: to open a connection, to run a statement
 * on it, and to give up where a task is when it is told to stop. The rows of
 * the answer are written as text, one a line.
 */
#ifndef DATABASE_H
#define DATABASE_H

#include "task_scheduling.h"

#include <stdbool.h>
#include <stdio.h>

struct database {
    /* A connection to what the program was given, or NULL. */
    void *(*open)(ts_token *token, const char *target, char words[200]);
    /* Runs SQL; false with words when it failed. */
    bool (*run)(ts_token *token, void *connection, const char *sql, FILE *rows, char words[200]);
    void (*close)(void *connection);
};

/* A row's columns; NULL is one that has no value. */
static void write_column(FILE *rows, int column, const char *text)
{
    fprintf(rows, "%s%s", column == 0 ? "    " : " | ", text == NULL ? "NULL" : text);
}

#endif
