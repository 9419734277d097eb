/* What the calls of everywhere_calls.h work on, and how a row of the table is told. */
#ifndef EVERYWHERE_H
#define EVERYWHERE_H

#include "pumping.h"

/* From where a function may be called. */
typedef enum {
    PLAINLY,            /* on a thread of the host's, inside nothing */
    IN_TASK,            /* a linear task, on a worker */
    IN_POLL,            /* an async task, on its loop */
    IN_DROP,            /* a drop of user_data, after a linear task has run */
    IN_ASYNC_DROP,      /* the same, of an async task */
    IN_CANCELLED_DROP,  /* the same, of one that never ran, in ts_force_stop */
    IN_RESULT_DROP,     /* a drop of a result, in ts_task_forget */
    IN_END,             /* on_end */
    IN_END_DROP,        /* on_end_drop */
    IN_ASYNC_END,       /* on_end of an async task, on its loop */
    IN_READY,           /* ready of a pump, on the thread of the add */
    IN_PUMP_TASK,       /* a task, in ts_pump_run */
    WITH_CLAIM,         /* on a thread of the host's that has started a claim */
    IN_LOG,             /* the log function */
    IN_THREAD_START,    /* the function for threads, of a worker */
    IN_THREAD_STOP,
    PLACES
} place;

/* Everything is made anew for each place. */
typedef struct {
    place place;
    ts_scheduler *scheduler;    /* what calls it, too */
    ts_scheduler *other;        /* runs nothing */
    ts_scheduler *full;         /* has no room */
    int other_dropped;          /* the other one was freed */
    ts_token *token;            /* of the task that calls, or NULL */
    ts_task_id own;             /* the task that calls */
    ts_task_id ended;           /* has a result */
    ts_task_id kept;
    ts_task_id runs;            /* until it is pulled */
    ts_task_id queued;          /* behind it */
    plug plug, full_plug;
    ts_completions *ends;       /* one end is in it */
    ts_completions *no_ends;
    ts_pump *pump;              /* idle; any thread may be its first */
    ts_pump *own_pump;          /* whose function calls */
    ts_lane *lane, *async_lane, *claims_lane;
    ts_lane *full_lane;         /* of the scheduler's; has no room */
    ts_waker *wakers[2];
    ts_claim claim;
    int pipe[2];                /* nothing comes */
    ts_scheduler *made[2];
    int freed, may_call, called;
} stage;

typedef struct {
    const char *codes;  /* a letter for each place; blanks do not count */
    const char *function;
    const char *how;    /* or "" */
    ts_error (*call)(stage *on);
} row;

/* The letters of the table. */
static const struct {
    char letter;
    ts_error error;
} letters[] = {
    { 'o', TS_OK },
    { 'Y', TS_NOT_YET },
    { 'I', TS_ERROR_INVALID_ARGUMENT },
    { 'F', TS_ERROR_QUEUE_FULL },
    { 'N', TS_ERROR_NOT_FINISHED },
    { 'T', TS_ERROR_TIMED_OUT },
    { 'D', TS_ERROR_WOULD_DEADLOCK },
    { 'K', TS_ERROR_WRONG_KIND },
    { 'W', TS_ERROR_WRONG_THREAD },
};

/* There is no such call in this place. */
#define NO_CALL '.'

static inline char letter_of(ts_error error)
{
    size_t at;
    for (at = 0; at < sizeof letters / sizeof *letters; at++)
        if (letters[at].error == error)
            return letters[at].letter;
    return '?';
}

static inline char code_at(const row *its, place where)
{
    const char *code = its->codes;
    int left = (int)where;
    for (; *code != 0; code++)
        if (*code != ' ' && left-- == 0)
            return *code;
    return 0;
}

#endif
