/*
 * What the programs in this folder and in hosts/ share: the time, and leaving
 * when a call that cannot fail here has failed.
 */
#ifndef HOST_H
#define HOST_H

#include "task_scheduling.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what, const char *words)
{
    fprintf(stderr, "%s: %s\n", what, words);
    exit(2);
}

static void must(ts_error error, const char *what)
{
    if (error != TS_OK)
        die(what, ts_last_error_message());
}

#endif
