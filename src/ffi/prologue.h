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
 * Errors. A call that can fail returns a ts_error; ts_last_error_message says
 * in words what was wrong. A failed call did nothing: it took nothing over and
 * called no drop. An id or handle that it should have given is zero or NULL, a
 * file descriptor -1; other outputs are as they were. errno is kept. No pointer
 * may be NULL unless the description says so; a wrong NULL, and a number that
 * its enumeration does not have, give TS_ERROR_INVALID_ARGUMENT. Any call can
 * give TS_ERROR_PANIC, one that has something to copy or to keep
 * TS_ERROR_OUT_OF_MEMORY, and one on the default scheduler TS_ERROR_CONFIG
 * while the file that the environment names cannot be used. What was freed must
 * not be used again.
 *
 * Threads. Each description ends in one line: which thread may make the call,
 * whether it blocks, and whether a task may make it. What a task may do, every
 * function of yours may do that the library calls, drops included: no lock is
 * held meanwhile. A call that would wait for its own caller gives
 * TS_ERROR_WOULD_DEADLOCK instead.
 *
 * Ownership. What you hand to a function of yours travels as three parameters:
 * the function, user_data, and drop, which frees user_data. user_data and drop
 * may be NULL. When the call succeeds, user_data is taken over: drop is called
 * exactly once, when the function can no longer run. For a task that ran, that
 * is on the thread where it ran, before its final state can be seen; for one
 * that never started, on the thread that cancelled it. A drop that happens
 * inside another drop is called after it, on the same thread; but that of a
 * task which ran, and ends there by a claim or a pump, is called at once.
 * Everything else that you pass is copied. What you receive says how to free
 * it; freeing NULL does nothing.
 *
 * Functions of yours return. One that leaves by longjmp, pthread_exit or a C++
 * exception ends the process.
 *
 * Ids. A task id is a UUID. It is never used again, so an old one gives an
 * error, never another task. A ts_scheduler * is a pointer: using one after it
 * was freed is undefined.
 *
 * Text is UTF-8 and ends in NUL. A task name has 1 to 255 bytes.
 *
 * Times are in seconds. Points in time count from 1970-01-01 00:00 UTC.
 * Durations are 0 to 1e9 and do not notice when the clock is set; TS_FOREVER
 * is allowed only where the description says so.
 *
 * Structs that begin with size may grow in later versions. Start from the
 * _INIT macro, which sets size: the program then works with newer libraries
 * too. In options, zero means the default.
 *
 * After fork the child has none of the parent's threads. There, NULL is a new
 * default scheduler, calls on the parent's schedulers and on what was made of
 * them give TS_ERROR_FORKED, and freeing those does nothing. A child that was
 * forked inside a task or callback still counts as inside. If it returns from
 * there, the call that it was inside of gives TS_ERROR_FORKED; on a thread of
 * the library the child ends, as by _exit, with what the task returned.
 * docs/fork-and-exit.md has it in full.
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
