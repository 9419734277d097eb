/*
 * The log in the stress of stress.c: lines come until the function was replaced, and
 * then never.
 */

#ifndef STRESS_LOG_H
#define STRESS_LOG_H

#include "stressing.h"

enum { LOGS = 64 };

struct log {
    atomic_int used, inside, dropped;
    atomic_long lines;
};
static struct log logs[LOGS];
static atomic_int log_count;

static void log_line(ts_log_level level, const char *text, void *user_data)
{
    struct log *log = user_data;
    PROMISE_ADD(log->inside, 1);
    PROMISE_ADD(log->lines, 1);
    if (PROMISE_GET(log->dropped))
        promise_broken(NULL, "a line of the log after the drop of its function");
    if (level < TS_LOG_DEBUG || level > TS_LOG_ERROR || !*text || strchr(text, '\n'))
        promise_broken(NULL, "a line of the log with level %d: %s", (int)level, text);
    PROMISE_ADD(log->inside, -1);
}

static void drop_log(void *user_data)
{
    struct log *log = user_data;
    if (PROMISE_ADD(log->dropped, 1))
        promise_broken(NULL, "a log function is dropped again");
    if (PROMISE_GET(log->inside))
        promise_broken(NULL, "a log function is dropped while it runs");
}

static void set_log(bool on)
{
    int at = on ? PROMISE_ADD(log_count, 1) : LOGS;
    if (at >= LOGS) {
        CALL(ts_set_log_callback, (NULL, NULL, NULL), OR(TS_OK));
        return;
    }
    PROMISE_SET(logs[at].used, 1);
    CALL(ts_set_log_callback, (log_line, &logs[at], drop_log), OR(TS_OK));
}

/* How many lines came; all functions were dropped by now. */
static long log_lines(void)
{
    long lines = 0;
    for (int i = 0; i < LOGS; i++) {
        lines += PROMISE_GET(logs[i].lines);
        if (PROMISE_GET(logs[i].used) != PROMISE_GET(logs[i].dropped))
            promise_broken(NULL, "a log function was not dropped");
    }
    return lines;
}

#endif
