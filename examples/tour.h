/*
 * How tour.c says what came of each function, and looks at tasks: what it was
 * told, and what the log said, without what differs each time.
 */
#ifndef TOUR_H
#define TOUR_H

#include "host.h"

#include <pthread.h>
#include <string.h>

static ts_scheduler *scheduler;     /* NULL would be the one of the process */

static struct {
    pthread_mutex_t mutex;
    char lines[1000][200];
    int count;
} journal = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void write_journal(ts_log_level level, const char *text, void *unused)
{
    (void)level, (void)unused;
    pthread_mutex_lock(&journal.mutex);
    if (journal.count < 1000)
        snprintf(journal.lines[journal.count++], sizeof journal.lines[0], "%s", text);
    pthread_mutex_unlock(&journal.mutex);
}

static void say(const char *what, const char *value)
{
    printf("  %s: %s\n", what, value);
}

static void say_whether(const char *what, bool yes)
{
    say(what, yes ? "yes" : "no");
}

static void say_said(const char *sentence)
{
    bool found = false;
    pthread_mutex_lock(&journal.mutex);
    for (int at = 0; at < journal.count; at++)
        found = found || strcmp(journal.lines[at], sentence) == 0;
    pthread_mutex_unlock(&journal.mutex);
    printf("  said '%s': %s\n", sentence, found ? "yes" : "no");
}

static ts_state state_of(ts_task_id id)
{
    ts_state state = TS_PENDING;
    must(ts_get_task_state(scheduler, id, &state), "state");
    return state;
}

static ts_task_status ended(ts_task_id id)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    must(ts_wait(scheduler, id, TS_FOREVER, &status), "wait");
    return status;
}

static const char *word(ts_state state)
{
    static const char *const words[] = { "none", "pending", "running", "completed", "failed", "timeout", "cancelled" };
    return words[state];
}

static void pause_a_little(void)
{
    ts_interruptible_sleep(NULL, 0.001);
}

/* Puts text in the place of what stands between the two marks. */
static void mask(char *line, size_t size, const char *before, char behind, const char *text)
{
    char rest[300], *at = strstr(line, before), *end = at == NULL ? NULL : strchr(at += strlen(before), behind);
    if (end == NULL)
        return;
    snprintf(rest, sizeof rest, "%s", end);
    snprintf(at, size - (size_t)(at - line), "%s%s", text, rest);
}

/* The first lines of the text for people, without what differs each time. */
static void say_info(const char *what, ts_kind kind, int most)
{
    char *text, *rest, line[300];
    must(ts_get_all_queue_info(scheduler, kind, true, &text), "queue info");
    rest = text;
    for (char *next; most > 0 && (next = strsep(&rest, "\n")) != NULL;) {
        if (*next == '\0')
            continue;
        snprintf(line, sizeof line, "%s", next);
        mask(line, sizeof line, "ID: ", ',', "#");
        mask(line, sizeof line, "Time: ", ' ', "0.00");
        say(what, line);
        most--;
    }
    ts_string_free(text);
}

#endif
