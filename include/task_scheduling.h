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

/*
 * Errors ---------------------------------------------------------------------
 *
 * Every call that can fail returns a ts_error. Its numbers never change; new
 * ones may be added at the end.
 */

/// What came of a call.
typedef enum {
    /// Done.
    TS_OK = 0,
    /// A sleep ended early: the task was told to stop.
    TS_STOPPED = 1,
    /// Not ready yet: ask again later.
    TS_NOT_YET = 2,
    /// A parameter has a value that is not allowed. The message says which
    /// parameter, and what it may be.
    TS_ERROR_INVALID_ARGUMENT = 3,
    /// No such task: it was never added, its record is gone, or the id belongs
    /// to another scheduler.
    TS_ERROR_NOT_FOUND = 4,
    /// The task name is banned.
    TS_ERROR_BANNED = 5,
    /// The task name was banned before.
    TS_ERROR_ALREADY_BANNED = 6,
    /// The task name is not banned.
    TS_ERROR_NOT_BANNED = 7,
    /// As many tasks are pending as the configuration allows.
    TS_ERROR_QUEUE_FULL = 8,
    /// A shutdown is under way.
    TS_ERROR_SHUTTING_DOWN = 9,
    /// The task has not ended.
    TS_ERROR_NOT_FINISHED = 10,
    /// The task has ended.
    TS_ERROR_ALREADY_FINISHED = 11,
    /// The task is being stopped for another reason, which came first.
    TS_ERROR_ALREADY_STOPPING = 12,
    /// The task set no result, or its result was taken or dropped.
    TS_ERROR_NO_RESULT = 13,
    /// The time to wait is over.
    TS_ERROR_TIMED_OUT = 14,
    /// The call would wait for its own caller.
    TS_ERROR_WOULD_DEADLOCK = 15,
    /// The call does not fit the kind of the task.
    TS_ERROR_WRONG_KIND = 16,
    /// The call belongs to another thread.
    TS_ERROR_WRONG_THREAD = 17,
    /// The configuration is not allowed: an unknown key, a value out of range,
    /// a file that cannot be read. The message says where.
    TS_ERROR_CONFIG = 18,
    /// Memory ran out.
    TS_ERROR_OUT_OF_MEMORY = 19,
    /// The operating system refused, for example a new thread.
    TS_ERROR_SYSTEM = 20,
    /// The scheduler was made before a fork, by the parent process.
    TS_ERROR_FORKED = 21,
    /// A fault inside the library was caught. Please report it.
    TS_ERROR_PANIC = 22,
} ts_error;

/// The name of an error, such as "TS_ERROR_BANNED"; "unknown" for a number
/// that is none. Never NULL; nothing to free.
///
/// Any thread. Never blocks. From a task: yes.
const char *ts_error_name(ts_error error);

/// What was wrong with what, in words, when a call of this thread last
/// returned anything but TS_OK; "" before that. Never NULL; nothing to free.
/// The text holds until this thread's next such call.
///
/// Any thread. Never blocks. From a task: yes.
const char *ts_last_error_message(void);

/*
 * Schedulers -----------------------------------------------------------------
 *
 * A scheduler is a set of names with their queues, its own limits and its
 * own threads. Wherever a ts_scheduler * is asked for, NULL means the default
 * one of the process, which is made at its first use and never freed.
 */

/// A scheduler.
typedef struct ts_scheduler ts_scheduler;

/// Makes a scheduler. config_yaml changes the built-in configuration, for
/// example "line_task_max: 4"; NULL or "" leaves it as it is. The keys stand
/// under "Configuration". Give the scheduler back with ts_scheduler_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG when the text is not
/// allowed, with the line; TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_scheduler_new(const char *config_yaml, ts_scheduler **out);

/// Shuts the scheduler down as ts_shutdown with force_cleanup does, for good,
/// and frees it. NULL is allowed and does nothing. No other thread may be
/// using the scheduler, or use it later.
///
/// From inside a task or callback nothing is freed, and the log says so.
///
/// Any thread. Blocks until running tasks have returned. From a task: no.
void ts_scheduler_free(ts_scheduler *scheduler);

/// Takes no new tasks, cancels the pending ones and waits, without bound,
/// until the running ones have returned. With force_cleanup those are told to
/// stop first. Results that nobody took are dropped; statuses, bans and the
/// configuration stay.
///
/// When it has returned, no function of yours is running and none is called,
/// until a task is added again: that starts the scheduler afresh.
///
/// Errors: TS_ERROR_WOULD_DEADLOCK inside a task or callback.
///
/// Any thread. Blocks until running tasks have returned. From a task: no.
ts_error ts_shutdown(ts_scheduler *scheduler, bool force_cleanup);

/*
 * Tasks ----------------------------------------------------------------------
 *
 * A task is one call of one of your functions. Tasks of the same name and
 * kind run in the order in which they were added, linear ones one at a time;
 * tasks of different names run side by side.
 *
 *     added -> TS_PENDING -> TS_RUNNING -> TS_COMPLETED   it returned 0
 *                  |              |------> TS_FAILED      it returned not 0
 *                  |              |------> TS_TIMEOUT     it ran for too long
 *                  `--------------`------> TS_CANCELLED   it was told to stop
 *
 * A running task that is told to stop stays TS_RUNNING until its function has
 * returned. Whatever the function then returns, the stop decides the state.
 */

/// A duration without end, for waits.
#define TS_FOREVER ((double)INFINITY)

/// The id of a task: a UUID, never used twice. All zeroes is no task's.
typedef struct {
    /// In the order in which a UUID is written.
    uint8_t bytes[16];
} ts_task_id;

/// What sort of function a task is.
typedef enum {
    /// An ordinary function, which may block; one at a time per name.
    TS_LINEAR = 1,
    /// A function that is polled and never blocks; a few at a time per name.
    TS_ASYNC = 2,
} ts_kind;

/// Where a task stands. The last four are final.
typedef enum {
    /// Added, not started.
    TS_PENDING = 1,
    /// Its function was called and has not returned.
    TS_RUNNING = 2,
    /// Its function returned 0.
    TS_COMPLETED = 3,
    /// Its function returned another number.
    TS_FAILED = 4,
    /// It ran for too long, was told to stop, and has returned.
    TS_TIMEOUT = 5,
    /// It was told to stop, by you or by a shutdown, and has returned or never
    /// started.
    TS_CANCELLED = 6,
} ts_state;

/// A running task's view of itself; see "Inside a task". Valid until the
/// task's function returns.
typedef struct ts_token ts_token;

/// The function of a linear task. Return 0 for completed, any other number for
/// failed with that code.
typedef int32_t (*ts_task_fn)(ts_token *token, void *user_data);

/// What the function of an async task answers.
typedef enum {
    /// Not done: call again when there is something to do.
    TS_POLL_PENDING = 0,
    /// Completed.
    TS_POLL_READY = 1,
    /// Failed.
    TS_POLL_FAILED = 2,
} ts_poll;

/// The function of an async task. It does what it can without blocking and
/// answers whether it is done.
typedef ts_poll (*ts_poll_fn)(ts_token *token, void *user_data);

/// Frees what user_data points to. Called exactly once for each user_data that
/// was taken over, when the function that goes with it can no longer run.
typedef void (*ts_drop_fn)(void *user_data);

/// Flag: stop the task when it has run for timeout_seconds.
#define TS_TIMEOUT_PROCESSING 1
/// Flag: when the task fails, ban its name before the next of that name starts.
#define TS_BAN_ON_FAILURE 2
/// Flag: keep the task's record until ts_task_forget.
#define TS_KEEP 4
/// Flag: when the queue is full, wait up to wait_seconds for room.
#define TS_WAIT_FOR_ROOM 8
/// Flag: when the task is told to stop, break the system call that it blocks
/// in.
#define TS_INTERRUPT_BLOCKING 16
/// Flag: when the task is told to stop and does not, for longer than
/// stuck_grace, let the next of its name start although this one still runs.
#define TS_RELEASE_LANE_WHEN_STUCK 32

/// A task with every option. Start from TS_TASK_OPTIONS_INIT, then set either
/// run or poll, and what else you need.
typedef struct {
    /// sizeof(ts_task_options).
    size_t size;
    /// 1 to 255 bytes. NULL is no name: such a task queues behind no other.
    const char *name;
    /// The function of a linear task, or NULL.
    ts_task_fn run;
    /// The function of an async task, or NULL.
    ts_poll_fn poll;
    /// Handed to the function.
    void *user_data;
    /// Frees user_data; NULL for nothing to free.
    ts_drop_fn drop;
    /// With TS_TIMEOUT_PROCESSING: how long the task may run; 0 takes
    /// watch_dog_time from the configuration.
    double timeout_seconds;
    /// With TS_WAIT_FOR_ROOM: how long to wait; may be TS_FOREVER.
    double wait_seconds;
    /// 0: follows from which of run and poll is set.
    ts_kind kind;
    /// The flags above, joined with |.
    uint32_t flags;
} ts_task_options;

/// Options with the size set and all else at its default.
#define TS_TASK_OPTIONS_INIT                                                  \
    { sizeof(ts_task_options), NULL, NULL, NULL, NULL, NULL, 0.0, 0.0,         \
      (ts_kind)0, 0 }

/// Adds a linear task: run will be called once with user_data, on a thread of
/// the scheduler. With timeout_processing it is told to stop when it has run
/// for watch_dog_time seconds. task_name may be NULL, and so may drop.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_BANNED when the name is;
/// TS_ERROR_QUEUE_FULL when maximum_queue_line tasks are pending;
/// TS_ERROR_SHUTTING_DOWN; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_SYSTEM when no
/// thread can be started; TS_ERROR_FORKED. The task was then not added, and
/// user_data is still yours.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_add_task(ts_scheduler *scheduler,
                     bool timeout_processing,
                     const char *task_name,
                     ts_task_fn run,
                     void *user_data,
                     ts_drop_fn drop,
                     ts_task_id *out_id);

/// Adds a task with every option; the other ways to add are short for it.
///
///     ts_task_options options = TS_TASK_OPTIONS_INIT;
///     options.name = "thumbnails";
///     options.run = make_thumbnail;
///     options.user_data = path;
///     options.drop = free;
///     options.flags = TS_WAIT_FOR_ROOM;
///     options.wait_seconds = TS_FOREVER;
///     error = ts_submit(NULL, &options, &id);
///
/// Errors: as ts_add_task; TS_ERROR_QUEUE_FULL with TS_WAIT_FOR_ROOM when the
/// time to wait is over; TS_ERROR_WOULD_DEADLOCK when it would have to wait
/// for room inside a task or callback.
///
/// Any thread. Never blocks without TS_WAIT_FOR_ROOM. From a task: yes.
ts_error ts_submit(ts_scheduler *scheduler,
                   const ts_task_options *options,
                   ts_task_id *out_id);

/// Stops a task. A pending one is cancelled on the spot; a running one is told
/// to stop: its sleep returns at once, and ts_should_stop says true. TS_OK is
/// a promise: the task ends as TS_CANCELLED and has no result. Use ts_wait to
/// know when. Stopping a task again is TS_OK too.
///
/// Errors: TS_ERROR_NOT_FOUND; TS_ERROR_ALREADY_FINISHED;
/// TS_ERROR_ALREADY_STOPPING when a time-out or a shutdown came first.
///
/// Any thread. Never blocks. From a task: yes, also for itself.
ts_error ts_force_stop(ts_scheduler *scheduler, ts_task_id id);

/// Bans a name: tasks of that kind and name can no longer be added, and
/// pending ones are cancelled. Running ones go on.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_ALREADY_BANNED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_ban_task_name(ts_scheduler *scheduler,
                          ts_kind kind,
                          const char *task_name);

/// Lifts the ban of a name. Tasks that it cancelled stay cancelled.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_BANNED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_allow_task_name(ts_scheduler *scheduler,
                            ts_kind kind,
                            const char *task_name);

/// Cancels every pending task of a kind and name, and says how many they were.
/// A running one goes on. out_cancelled may be NULL.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_cancel_all_queued_tasks_by_name(ts_scheduler *scheduler,
                                            ts_kind kind,
                                            const char *task_name,
                                            size_t *out_cancelled);

/*
 * Inside a task --------------------------------------------------------------
 *
 * What a task does with its token. Only the thread that runs the task may use
 * it, except for ts_should_stop. Where a linear task passes NULL, its own
 * token is meant: code deep inside a task need not be handed the token.
 *
 * A task that works for long asks ts_should_stop from time to time, and
 * sleeps with ts_interruptible_sleep. One that does neither cannot be
 * stopped, only waited for.
 */

/// Whether the task was told to stop: then tidy up and return soon. Costs next
/// to nothing. With NULL outside any task: false.
///
/// Any thread, while the task's function runs. Never blocks. From a task: yes.
bool ts_should_stop(const ts_token *token);

/// Sleeps. Returns TS_OK when the time has passed, and TS_STOPPED at once when
/// the task is told to stop or was before. With NULL outside any task it is a
/// plain sleep.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT when seconds is not a number, negative or
/// without end; TS_ERROR_WRONG_KIND in an async task, which may not block.
///
/// The task's thread. Blocks for the time. From a task: yes, if linear.
ts_error ts_interruptible_sleep(ts_token *token, double seconds);

/// Sets the task's result, which ts_get_task_result hands out when the task
/// has completed. With drop the pointer itself is the result and is taken
/// over; size is yours to use. Without drop, size bytes are copied from data.
/// Setting it again drops the earlier one.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT when there are bytes to copy and data is
/// NULL; TS_ERROR_WRONG_THREAD outside the task; TS_ERROR_OUT_OF_MEMORY. Then
/// data is still yours and an earlier result stays.
///
/// The task's thread. Never blocks. From a task: yes, there only.
ts_error ts_set_result(ts_token *token,
                       void *data,
                       size_t size,
                       ts_drop_fn drop);

/// Sets the words that stand in the status when the task fails. The return
/// value alone decides whether it does. The text is copied, and cut after 255
/// bytes.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_THREAD outside the task.
///
/// The task's thread. Never blocks. From a task: yes, there only.
ts_error ts_set_error(ts_token *token, const char *message);

/*
 * Async tasks ----------------------------------------------------------------
 *
 * An async task is a function that is called again and again until it is
 * done, on one thread with many others: it must never block.
 *
 * This version knows the names but has no event loop yet: adding an async
 * task is answered with TS_ERROR_WRONG_KIND.
 */

/// Adds an async task; otherwise as ts_add_task.
///
/// Errors: as ts_add_task; TS_ERROR_WRONG_KIND, see above.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_add_async_task(ts_scheduler *scheduler,
                           bool timeout_processing,
                           const char *task_name,
                           ts_poll_fn poll,
                           void *user_data,
                           ts_drop_fn drop,
                           ts_task_id *out_id);

/*
 * Information ----------------------------------------------------------------
 *
 * What is known of tasks. A finished task stays known, with its result until
 * that is taken, while it is among the last maximum_task_info_storage ones;
 * with TS_KEEP it stays known until ts_task_forget.
 */

/// Bit of a status's flags: the task was told to stop longer than stuck_grace
/// seconds ago and still runs.
#define TS_STATUS_STUCK 1

/// Everything that is known of a task at one moment. Start from
/// TS_TASK_STATUS_INIT.
typedef struct {
    /// sizeof(ts_task_status).
    size_t size;
    /// Its id.
    ts_task_id id;
    /// When it was added.
    double added_at;
    /// When its function was called; 0 while it has not been.
    double started_at;
    /// When it ended; 0 while it has not.
    double ended_at;
    /// Where it stands.
    ts_state state;
    /// Its kind.
    ts_kind kind;
    /// The state in which it will end, when it was told to stop and still
    /// runs; else 0.
    ts_state stopping;
    /// What its function returned.
    int32_t code;
    /// TS_STATUS_STUCK, or 0.
    uint32_t flags;
    /// 0.
    uint32_t reserved;
    /// Its name; "" for none.
    char task_name[256];
    /// What went wrong, in words, when it failed; else "".
    char error[256];
} ts_task_status;

/// A status with the size set and all else zero.
#define TS_TASK_STATUS_INIT                                                   \
    { sizeof(ts_task_status), { { 0 } }, 0.0, 0.0, 0.0, (ts_state)0,           \
      (ts_kind)0, (ts_state)0, 0, 0, 0, "", "" }

/// Where the task stands: the fast way to ask.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_get_task_state(ts_scheduler *scheduler,
                           ts_task_id id,
                           ts_state *out_state);

/// Everything that is known of the task. out_status->size must be set.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_get_task_status(ts_scheduler *scheduler,
                            ts_task_id id,
                            ts_task_status *out_status);

/// Waits until the task has ended. 0 seconds only ask, TS_FOREVER waits
/// without bound. out_status may be NULL; if not, its size must be set.
///
/// When it returns TS_OK, the task's function has returned and its drop was
/// called: what the task used may be freed.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_NOT_FINISHED when only asked; TS_ERROR_TIMED_OUT;
/// TS_ERROR_WOULD_DEADLOCK when it would have to wait inside a task or
/// callback.
///
/// Any thread. Blocks up to the time. From a task: only with 0 seconds.
ts_error ts_wait(ts_scheduler *scheduler,
                 ts_task_id id,
                 double seconds,
                 ts_task_status *out_status);

/// A result: the bytes, or whatever pointer the task set.
typedef struct {
    /// The bytes, or the task's own pointer.
    void *data;
    /// How many bytes, or what the task said.
    size_t size;
    /// Frees data; NULL for nothing to free. ts_value_free calls it.
    ts_drop_fn drop;
} ts_value;

/// Moves the result of a completed task out; it is then yours, and a second
/// call finds none. Free it with ts_value_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_NOT_FINISHED; TS_ERROR_NO_RESULT when the task set none, did not
/// complete, or the result was taken.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_get_task_result(ts_scheduler *scheduler,
                            ts_task_id id,
                            ts_value *out_value);

/// Calls the value's drop, if it has one, and sets all of it to zero, so that
/// freeing it again does nothing. NULL is allowed.
///
/// Any thread. Never blocks. From a task: yes.
void ts_value_free(ts_value *value);

/// Gives up the record of a finished task: its result is dropped, and its id
/// answers TS_ERROR_NOT_FOUND from now on. For tasks with TS_KEEP, and for
/// whoever wants the memory back early.
///
/// Errors: TS_ERROR_NOT_FOUND; TS_ERROR_NOT_FINISHED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_task_forget(ts_scheduler *scheduler, ts_task_id id);

/// Writes the status of every known task of a kind into array, as many as fit
/// into capacity, and into out_count how many there are, which may be more.
/// array[0].size must be set, and counts for all of them. With capacity 0,
/// array may be NULL, and the tasks are only counted.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_list_tasks(ts_scheduler *scheduler,
                       ts_kind kind,
                       ts_task_status *array,
                       size_t capacity,
                       size_t *out_count);

/// A text for people: the tasks of a kind that run and wait, with times, and
/// the last ten errors. With show_id the ids stand in it too. Free it with
/// ts_string_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_get_all_queue_info(ts_scheduler *scheduler,
                               ts_kind kind,
                               bool show_id,
                               char **out_text);

/// Frees a text that this library handed out. NULL is allowed.
///
/// Any thread. Never blocks. From a task: yes.
void ts_string_free(char *text);

/// Writes the id as text into out: 36 characters in lower case, such as
/// "cf478b6e-5e02-89b8-9031-4adc6ff915c2", and a NUL. Does nothing when out is
/// NULL.
///
/// Any thread. Never blocks. From a task: yes.
///
void ts_task_id_format(ts_task_id id, char out[37]);

/// Reads an id from its text, in lower or upper case.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_task_id_parse(const char *text, ts_task_id *out_id);

/*
 * Configuration --------------------------------------------------------------
 *
 * Each scheduler has its own. Durations are in seconds.
 *
 *     key                       default
 *     line_task_max                  10  linear tasks that run at once, 1 to 4096
 *     maximum_queue_line             30  pending linear tasks in all; 0: any
 *     maximum_queue_async            30  pending async tasks per name; 0: any
 *     maximum_event_loop_tasks        3  async tasks of a name that run at once
 *     watch_dog_time                200  how long a task with a time-out may run
 *     maximum_task_info_storage      60  finished tasks that stay known
 *     max_idle_time                  60  idle for so long: end the threads
 *     stuck_grace                     5  told to stop for so long: stuck
 *     status_check_interval         800  how often a stuck task is reported
 *     stuck_task_max                 64  stuck tasks that a fresh thread replaces
 */

/// Changes one key, at once. value is written as in YAML: "18".
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG for an unknown key or a
/// value out of range. Nothing is then changed.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_update_config(ts_scheduler *scheduler,
                          const char *key,
                          const char *value);

/// Changes the keys that stand in a YAML file.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG when the file cannot be
/// read or is not allowed, with the line. Nothing is then changed.
///
/// Any thread. Blocks while the file is read. From a task: yes.
ts_error ts_load_config(ts_scheduler *scheduler, const char *path);

/// The value of a key, as text. Free it with ts_string_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG for an unknown key;
/// TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_get_config(ts_scheduler *scheduler,
                       const char *key,
                       char **out_value);

/*
 * Log ------------------------------------------------------------------------
 *
 * The library prints nothing. Who wants to hear what it does sets a function.
 */

/// How much a line of the log matters.
typedef enum {
    /// For who looks for a fault.
    TS_LOG_DEBUG = 1,
    /// The normal course.
    TS_LOG_INFO = 2,
    /// Something was refused, stopped or cancelled.
    TS_LOG_WARNING = 3,
    /// A task failed, or the system refused something.
    TS_LOG_ERROR = 4,
} ts_log_level;

/// Takes a line of the log, which has no line end and holds until the function
/// returns.
typedef void (*ts_log_fn)(ts_log_level level, const char *text, void *user_data);

/// Sets the function that takes the log of every scheduler of the process, in
/// the place of an earlier one, whose drop is called when it can no longer run.
/// NULL: none. The function may be called on any thread, also on several at
/// once.
///
/// Errors: TS_ERROR_OUT_OF_MEMORY; user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_set_log_callback(ts_log_fn log, void *user_data, ts_drop_fn drop);

/*
 * Version --------------------------------------------------------------------
 *
 * The macros say with which version a program was compiled, the function with
 * which it runs.
 */

#define TS_VERSION_MAJOR 0
#define TS_VERSION_MINOR 1
#define TS_VERSION_PATCH 0
#define TS_VERSION "0.1.0"

/// The version of the library, such as "1.2.3". Nothing to free.
///
/// Any thread. Never blocks. From a task: yes.
const char *ts_version(void);

#ifdef __cplusplus
}
#endif

#endif /* TASK_SCHEDULING_H */
