/*
 * task_scheduling: a task scheduler that any program can link. Tasks of the
 * same name queue behind each other; tasks of different names run side by side.
 *
 * A complete program:
 *
 *     #include <stdio.h>
 *     #include <task_scheduling.h>
 *
 *     static int32_t greet(ts_token *token, void *user_data)
 *     {
 *         const char *greeting = user_data;
 *         if (ts_interruptible_sleep(token, 0.1) == TS_STOPPED)
 *             return 1;
 *         printf("%s\n", greeting);
 *         return 0;
 *     }
 *
 *     int main(void)
 *     {
 *         ts_task_id id;
 *         ts_task_status status = TS_TASK_STATUS_INIT;
 *         if (ts_add_task(NULL, true, "greetings", greet, "hello", NULL, &id)
 *             || ts_wait(NULL, id, TS_FOREVER, &status)) {
 *             fprintf(stderr, "%s\n", ts_last_error_message());
 *             return 1;
 *         }
 *         printf("%s, code %d\n", status.task_name, (int)status.code);
 *         return ts_shutdown(NULL, false) != TS_OK;
 *     }
 *
 *     cc hello.c -ltask_scheduling
 *
 * The rules that hold everywhere:
 *
 * Errors. A call that can fail returns TS_OK or what went wrong;
 * ts_last_error_message says it in words. A call that failed did nothing: it
 * took nothing over and called no drop. It sets an id or a handle that it
 * would have given to zero or NULL, and leaves other outputs as they were.
 * errno stays as it was. Unless it is said otherwise, no pointer may be NULL;
 * one that is, and a number that is none of its enumeration's, gives
 * TS_ERROR_INVALID_ARGUMENT. A call on a scheduler may also answer
 * TS_ERROR_FORKED and TS_ERROR_PANIC.
 *
 * Threads. Each function's description ends in a line that says on which
 * thread it may be called, whether it blocks, and whether a task may call it.
 * What holds for a task holds for every function of yours that the library
 * calls: drops and log functions too. The library holds no lock while it calls
 * you. A call that would wait for its own caller does not: it answers
 * TS_ERROR_WOULD_DEADLOCK.
 *
 * Ownership. A pointer of yours travels as user_data with two functions: one
 * that uses it and drop, which frees it. Once a call has taken user_data over,
 * its drop is called exactly once, when the other function can no longer run;
 * drop may be NULL. The drop of a task that ran is called on the thread where
 * it ran, before the task's final state can be seen; the drop of a task that
 * never started on the thread that cancelled it. A result is dropped by
 * whoever lets go of it last. A drop that is caused inside another drop is
 * called after it, on the same thread. All else that you pass in is copied.
 * What you are given says how to free it; freeing NULL does nothing.
 *
 * Functions of yours. They return. One that leaves by longjmp, pthread_exit or
 * a C++ exception ends the process.
 *
 * Ids. A task id is a UUID and is never used again, so an old one is an error,
 * never another task. A ts_scheduler * is a pointer: using one that was freed
 * is undefined.
 *
 * Text is UTF-8 and ends in NUL. Task names have 1 to 255 bytes.
 *
 * Times are in seconds. Points in time count from 1970-01-01 00:00 UTC;
 * durations are 0 to 1e9, and do not care when the clock is set. TS_FOREVER is
 * allowed only where it is said.
 *
 * Structs that begin with size grow in later versions. Start from their _INIT
 * macro, which sets size: a program keeps working with a newer library. In
 * options, zero is the default.
 *
 * fork. The child has none of the parent's threads: schedulers of the parent
 * answer TS_ERROR_FORKED there.
 */

/* Generated from src/ffi/: TS_UPDATE=1 cargo test --test header */

#ifndef TASK_SCHEDULING_H
#define TASK_SCHEDULING_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
