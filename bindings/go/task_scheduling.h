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

/*
 * Errors ---------------------------------------------------------------------
 *
 * The numbers never change; later versions may add some at the end.
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
    /// The task has ended, or its function has returned.
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
    /// Others hold it now: tasks of the name are run by somebody else, or a
    /// handle of its lane asks for something else.
    TS_ERROR_IN_USE = 23,
} ts_error;

/// The name of an error, such as "TS_ERROR_BANNED"; "unknown" for any other
/// number. Never NULL; nothing to free.
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
 * A scheduler has its own names, queues, limits and threads. Wherever a
 * function takes a ts_scheduler *, NULL means the default one of the process,
 * which is made when it is first used and never freed. In a forked child it is
 * a new one.
 */

/// A scheduler.
typedef struct ts_scheduler ts_scheduler;

/// Makes a scheduler. config_yaml changes the configuration it starts with,
/// for example "line_task_max: 4"; NULL or "" changes nothing. The keys stand
/// under "Configuration". Free the scheduler with ts_scheduler_free.
/// ts_scheduler_new_with, under "Threads", takes every option.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG for an unknown key or a
/// value out of range; the message names the line. TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_scheduler_new(const char *config_yaml, ts_scheduler **out);

/// Shuts the scheduler down as ts_shutdown with force_cleanup does, and frees
/// it. NULL does nothing. No other thread may be using the scheduler, and one
/// that waits in ts_wait or ts_submit is: call ts_shutdown, which ends what it
/// waits for, join your threads, then free.
///
/// Inside a task or another callback, and on a thread that holds a claim of it,
/// nothing is freed, and the log says so: finish your claims first. Claims that
/// other threads hold are waited for, and only to be finished. Cancelled ones
/// that nobody has taken end here, with their drop: shut down first to take
/// them.
///
/// Any thread. Blocks until running tasks have returned. From a task: no.
void ts_scheduler_free(ts_scheduler *scheduler);

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
 * A task that is told to stop is TS_RUNNING until its function has returned.
 * Then the stop decides the state, whatever the function returned.
 */

/// A duration without end, for waits.
#define TS_FOREVER ((double)INFINITY)

/// The id of a task. No task has the id that is all zeroes.
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
    /// Its function was called, and it or its drop has not returned.
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

/// What a running task has of the scheduler: see "Inside a task". Valid during
/// one call of the task's function. An async task gets its token anew with
/// every poll: do not keep it between polls, take a waker.
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

/// Flag: tell the task to stop when it has run for timeout_seconds.
#define TS_TIMEOUT_PROCESSING 1
/// Flag: when the task fails, ban its name before the next of that name starts.
#define TS_BAN_ON_FAILURE 2
/// Flag: keep the task's record until ts_task_forget.
#define TS_KEEP 4
/// Flag: when the queue is full, wait up to wait_seconds for room.
#define TS_WAIT_FOR_ROOM 8
/// Flag: when the task is told to stop, break the system call that it blocks
/// in: it ends with EINTR, and so do later ones, until the function has
/// returned. Look at ts_should_stop then. For that a signal is sent to the
/// task's thread: by default the real-time signal 50 (interrupt_signal under
/// "Configuration"). Its handler is installed at the first such stop and passes
/// on what is not ours. Reads and writes of regular files, and code that calls
/// again after EINTR, are not broken. Without effect for async tasks, and where
/// the system is not Linux.
#define TS_INTERRUPT_BLOCKING 16
/// Flag: when the task still runs stuck_grace seconds after it was told to
/// stop, let the next of its name start beside it.
#define TS_RELEASE_LANE_WHEN_STUCK 32

/// A lane that you hold: see "Lanes".
typedef struct ts_lane ts_lane;

/// Runs tasks on a thread of yours: see "Pumps".
typedef struct ts_pump ts_pump;

/// Where ends of tasks are kept for you: see "Completions".
typedef struct ts_completions ts_completions;

/// Who runs a linear task. Async tasks always run on the scheduler's event
/// loops.
typedef enum {
    /// Threads of the scheduler.
    TS_WORKERS = 1,
    /// You do, in your own way: see "Claims".
    TS_CLAIMS = 2,
    /// A pump.
    TS_PUMP = 3,
} ts_runner;

/// How a task ended.
typedef struct {
    /// The task.
    ts_task_id id;
    /// The completion_data of its options.
    void *data;
    /// Its final state.
    ts_state state;
    /// What its function returned, if it failed; else 0.
    int32_t code;
} ts_completion;

/// Hears how a task ended. end is valid until the function returns.
typedef void (*ts_end_fn)(const ts_completion *end, void *user_data);

/// A task with every option. Start from TS_TASK_OPTIONS_INIT, then set run or
/// poll, and what else you need.
typedef struct {
    /// sizeof(ts_task_options).
    size_t size;
    /// The name. NULL is none: the task queues behind no other.
    const char *name;
    /// The function of a linear task, or NULL.
    ts_task_fn run;
    /// The function of an async task, or NULL.
    ts_poll_fn poll;
    /// Handed to the function.
    void *user_data;
    /// Frees user_data; NULL for nothing to free.
    ts_drop_fn drop;
    /// How long the task may run, with TS_TIMEOUT_PROCESSING; without that
    /// flag it has no effect. 0 takes watch_dog_time from the configuration.
    double timeout_seconds;
    /// With TS_WAIT_FOR_ROOM: how long to wait; may be TS_FOREVER.
    double wait_seconds;
    /// 0: follows from which of run and poll is set.
    ts_kind kind;
    /// The flags above, joined with |.
    uint32_t flags;
    /// In place of name: a lane of the same scheduler.
    ts_lane *lane;
    /// Who runs it. 0: who runs its lane, or TS_PUMP where pump is set.
    ts_runner runner;
    /// 0.
    uint32_t reserved;
    /// With TS_PUMP: the pump.
    ts_pump *pump;
    /// Where the task's end is to be kept for you, or NULL.
    ts_completions *completions;
    /// Handed back with its end, in the queue and to on_end.
    void *completion_data;
    /// Called last, after drop, when the task can be waited for and its result
    /// be taken; or NULL. Before the next of its name starts, so be quick. An
    /// end that it brings about itself is told of when it has returned; then
    /// the next of that name may have started.
    ts_end_fn on_end;
    /// Handed to on_end.
    void *on_end_data;
    /// Frees on_end_data, after on_end; NULL for nothing to free.
    ts_drop_fn on_end_drop;
} ts_task_options;

/// Options with the size set and all else at its default.
#define TS_TASK_OPTIONS_INIT                                                   \
    { sizeof(ts_task_options), NULL, NULL, NULL, NULL, NULL, 0.0, 0.0,         \
      (ts_kind)0, 0, NULL, (ts_runner)0, 0, NULL, NULL, NULL, NULL, NULL, NULL }

/// Adds a linear task: run will be called once, with user_data, on a thread of
/// the scheduler. With timeout_processing the task is told to stop when it has
/// run for watch_dog_time seconds. task_name may be NULL for no name: the task
/// then queues behind no other.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_BANNED;
/// TS_ERROR_QUEUE_FULL when maximum_queue_line tasks are pending;
/// TS_ERROR_SHUTTING_DOWN; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_SYSTEM when no
/// thread can be started; TS_ERROR_FORKED. user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_add_task(ts_scheduler *scheduler,
                     bool timeout_processing,
                     const char *task_name,
                     ts_task_fn run,
                     void *user_data,
                     ts_drop_fn drop,
                     ts_task_id *out_id);

/// Adds a task with every option; ts_add_task and ts_add_async_task are short
/// for it.
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
/// for room inside a task, on a thread that holds a claim of the scheduler, or
/// on that of the pump that is to run it.
///
/// Any thread. Never blocks without TS_WAIT_FOR_ROOM. From a task: yes.
ts_error ts_submit(ts_scheduler *scheduler,
                   const ts_task_options *options,
                   ts_task_id *out_id);

/// Stops a task. A pending one is cancelled on the spot; one that is run by
/// claims ends when its claim is finished. A running one is told to stop:
/// ts_should_stop says true, and ts_interruptible_sleep returns at once. TS_OK
/// is a promise: the task ends as TS_CANCELLED, without a result; ts_wait tells
/// when. Stopping it again gives TS_OK too.
///
/// Errors: TS_ERROR_NOT_FOUND; TS_ERROR_ALREADY_FINISHED once its function
/// has returned, even if its drop has not; TS_ERROR_ALREADY_STOPPING when a
/// time-out or a shutdown came first.
///
/// Any thread. Never blocks. From a task: yes, also for itself.
ts_error ts_force_stop(ts_scheduler *scheduler, ts_task_id id);

/// Bans a name: adding a task of that kind and name gives TS_ERROR_BANNED from
/// now on, and pending ones are cancelled. A running one goes on.
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

/// Cancels the pending tasks of a kind and name, and says how many there were.
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
 * it, except with ts_should_stop. NULL means the token of the linear task that
 * the calling thread is running, so code deep inside a task need not be handed
 * its token.
 *
 * A task that works for long asks ts_should_stop from time to time, and
 * sleeps with ts_interruptible_sleep. One that does neither runs to its end,
 * whoever stops it.
 */

/// Whether the task was told to stop: then tidy up and return soon. Asking
/// costs next to nothing. With NULL outside any task: false.
///
/// Any thread, while the task's function runs. Never blocks. From a task: yes.
bool ts_should_stop(const ts_token *token);

/// Sleeps. Returns TS_OK when the time has passed, and TS_STOPPED at once when
/// the task is told to stop or was before. With NULL outside any task it is a
/// plain sleep.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_KIND in an async task,
/// which may not block; TS_ERROR_WRONG_THREAD with another thread's token.
///
/// The task's thread, or any with NULL. Blocks. From a task: yes, if linear.
ts_error ts_interruptible_sleep(ts_token *token, double seconds);

/// Sets the task's result, which ts_get_task_result hands out when the task
/// has completed. With drop, data itself is the result and is taken over; size
/// is handed on as it is. With drop NULL, size bytes are copied from data,
/// which may be NULL when there are none. A result that was set before is
/// dropped.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_THREAD outside the task;
/// TS_ERROR_OUT_OF_MEMORY. Then data is still yours, and an earlier result
/// stays.
///
/// The task's thread. Never blocks. From a task: yes, there only.
ts_error ts_set_result(ts_token *token,
                       void *data,
                       size_t size,
                       ts_drop_fn drop);

/// Sets the words that the status shows when the task fails. Whether it fails,
/// its return value alone decides. The text is cut after 255 bytes.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_THREAD outside the task.
///
/// The task's thread. Never blocks. From a task: yes, there only.
ts_error ts_set_error(ts_token *token, const char *message);

/*
 * Async tasks ----------------------------------------------------------------
 *
 * An async task is a function that is polled: called again and again, on the
 * thread of an event loop that it shares with many others, until it says that
 * it is done. It must never block. Before it returns TS_POLL_PENDING it arms
 * what will have it polled again: a sleep, a file descriptor, another task's
 * end, or a waker that it hands to somebody; any number of these at once.
 *
 * A stopped async task ends where it is, whether it cooperates or not: it is
 * not polled again, what it armed is disarmed, and drop is called on the
 * loop's thread. What its poll function needs between two calls lies in
 * user_data, and drop frees it.
 *
 */

/// Adds an async task; otherwise as ts_add_task.
///
/// At most maximum_event_loop_tasks tasks of a name run at once; up to
/// maximum_queue_async wait behind them. Tasks without a name have no limit.
///
/// Errors: as ts_add_task; TS_ERROR_QUEUE_FULL when maximum_queue_async tasks
/// of the name are pending.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_add_async_task(ts_scheduler *scheduler,
                           bool timeout_processing,
                           const char *task_name,
                           ts_poll_fn poll,
                           void *user_data,
                           ts_drop_fn drop,
                           ts_task_id *out_id);

/// A sleep of an async task: TS_OK once the time has passed. The first call
/// starts it and gives TS_NOT_YET; the task will be polled when it is over.
/// Later calls give TS_NOT_YET and change nothing, whatever their seconds,
/// until one has given TS_OK; the next one then starts another sleep. 0
/// seconds give TS_OK at once.
///
/// Errors: TS_NOT_YET; TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_KIND of a
/// linear task; TS_ERROR_WRONG_THREAD outside the task's poll function.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
ts_error ts_async_sleep(ts_token *token, double seconds);

/// Ends a sleep that has not given TS_OK; the next ts_async_sleep starts
/// another. Without one it does nothing.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_KIND;
/// TS_ERROR_WRONG_THREAD.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
ts_error ts_async_sleep_cancel(ts_token *token);

/// A file descriptor is ready to be read. Errors and hang-ups count as ready.
#define TS_READABLE 1
/// A file descriptor is ready to be written.
#define TS_WRITABLE 2

/// Waits for a file descriptor of a socket, pipe, eventfd and the like: TS_OK
/// when it is ready for some of events, which is TS_READABLE, TS_WRITABLE or
/// both, and then out_ready says for which. Otherwise TS_NOT_YET, and the task
/// will be polled when it is; then ask again. One task may wait to read a file
/// descriptor and one to write it. Keep it open while the task waits: until
/// TS_OK, or until drop.
///
/// Errors: TS_NOT_YET; TS_ERROR_INVALID_ARGUMENT for one that is not open, is
/// a regular file, or that another task waits for; TS_ERROR_WRONG_KIND;
/// TS_ERROR_WRONG_THREAD; TS_ERROR_SYSTEM.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
ts_error ts_async_wait_fd(ts_token *token,
                          int fd,
                          uint32_t events,
                          uint32_t *out_ready);

/// Waits for the end of another task, of either kind: TS_OK when it has ended.
/// Otherwise TS_NOT_YET, and this task will be polled when it has.
///
/// Errors: TS_NOT_YET; TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_WOULD_DEADLOCK for the task itself, and for one that cannot end
/// before this one, as with ts_wait: that may turn out later, when the task is
/// polled again; TS_ERROR_WRONG_KIND; TS_ERROR_WRONG_THREAD.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
ts_error ts_async_wait_task(ts_token *token, ts_task_id id);

/// Wakes one async task. It may outlive the task and the scheduler.
typedef struct ts_waker ts_waker;

/// A waker of the task, to be handed to whoever will know when to poll it
/// again. Every one is to be freed with ts_waker_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_KIND;
/// TS_ERROR_WRONG_THREAD.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
ts_error ts_waker_clone(ts_token *token, ts_waker **out_waker);

/// Has the waker's task polled again, any number of times. When the task has
/// ended it does nothing.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SHUTTING_DOWN when the task's
/// scheduler was freed.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_waker_wake(const ts_waker *waker);

/// Frees a waker. NULL is fine.
///
/// Any thread. Never blocks. From a task: yes.
void ts_waker_free(ts_waker *waker);

/*
 * Information ----------------------------------------------------------------
 *
 * What is known of tasks. A finished task stays known, with its result until
 * that is taken, while it is among the last maximum_task_info_storage ones;
 * with TS_KEEP it stays known until ts_task_forget.
 */

/// Bit of a status's flags: the task still runs, more than stuck_grace seconds
/// after it was told to stop.
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
    /// While it runs after it was told to stop, and while a cancelled claim is
    /// to be finished: the state in which it will end. Else 0.
    ts_state stopping;
    /// Of a failed task what its function returned; of an async one 1. Else 0.
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
#define TS_TASK_STATUS_INIT                                                    \
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

/// Waits until the task has ended. 0 seconds only asks; TS_FOREVER waits
/// without bound. out_status may be NULL; if it is not, its size must be set.
///
/// While a linear task waits another one may run in its place: line_task_max
/// counts those that do not wait. At most line_task_max places are lent. A stop
/// of the task that waits does not end the wait.
///
/// After TS_OK the task's function has returned and its drop was called: what
/// the task used may be freed.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_NOT_FINISHED when only asked; TS_ERROR_TIMED_OUT;
/// TS_ERROR_WOULD_DEADLOCK where the task cannot end before the wait is over:
/// inside a task for the task itself, for one that queues behind it, and for
/// one that waits for it, be it by others; inside a poll, a drop or on_end of
/// an async task, and the function for threads for any that has not ended.
/// docs/threads.md has it in full. A task that ended and is no longer
/// among the last maximum_task_info_storage gives TS_ERROR_NOT_FOUND: use
/// TS_KEEP to wait for one at any time later. A wait that began before its end
/// gets TS_OK.
///
/// Any thread. Blocks up to the time. From a task: yes; if async, with 0 only.
ts_error ts_wait(ts_scheduler *scheduler,
                 ts_task_id id,
                 double seconds,
                 ts_task_status *out_status);

/// A result, as ts_set_result set it.
typedef struct {
    /// The copied bytes, or the task's own pointer.
    void *data;
    /// The size that the task set.
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

/// Calls the value's drop, if it has one, and sets the value to zero, so that
/// freeing it again does nothing. NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
void ts_value_free(ts_value *value);

/// Gives up the record of a task, with TS_KEEP or without. Of a finished one
/// the result is dropped, and its id gives TS_ERROR_NOT_FOUND from now on; any
/// other goes on, and its record will be kept no longer than one without
/// TS_KEEP.
///
/// Errors: TS_ERROR_NOT_FOUND.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_task_forget(ts_scheduler *scheduler, ts_task_id id);

/// Writes the statuses of the known tasks of a kind into array, at most
/// capacity of them, and how many there are into out_count, which may be more.
/// array[0].size must be set and counts for every element. With capacity 0 the
/// tasks are only counted, and array may be NULL. Each status is of one moment,
/// the list as a whole is not.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_list_tasks(ts_scheduler *scheduler,
                       ts_kind kind,
                       ts_task_status *array,
                       size_t capacity,
                       size_t *out_count);

/// A text for people: the tasks of a kind that are known, finished ones
/// included, in the order of their adds, of several threads to some
/// milliseconds, and with the time that each ran, NaN for one that never
/// started; and the last ten errors. With show_id also the ids. Free it with
/// ts_string_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_get_all_queue_info(ts_scheduler *scheduler,
                               ts_kind kind,
                               bool show_id,
                               char **out_text);

/// Frees a text that the library gave you. NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
void ts_string_free(char *text);

/// Writes the id as text into out: 36 characters in lower case, such as
/// "cf478b6e-5e02-89b8-9031-4adc6ff915c2", and a NUL. Does nothing when out is
/// NULL.
///
/// Any thread. Never blocks. From a task: yes.
void ts_task_id_format(ts_task_id id, char out[37]);

/// Reads an id from its text, in lower or upper case.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_task_id_parse(const char *text, ts_task_id *out_id);

/*
 * Shutting down --------------------------------------------------------------
 *
 * How a scheduler comes to rest: for good with ts_scheduler_free, or until the
 * next task with these.
 */

/// Takes no new tasks, cancels the pending ones and waits, without bound,
/// until the running ones have returned. With force_cleanup those are told to
/// stop first. Results that nobody took are dropped; statuses, bans and the
/// configuration stay. ts_shutdown_within has a bound.
///
/// When it has returned, no function of yours is running, no thread of the
/// library is left, and none of both is until a task is added again, which
/// starts the scheduler afresh.
///
/// Errors: TS_ERROR_WOULD_DEADLOCK inside a task, a drop or another callback,
/// and on a thread that holds a claim of the scheduler.
///
/// Any thread. Blocks until running tasks have returned. From a task: no.
ts_error ts_shutdown(ts_scheduler *scheduler, bool force_cleanup);

/// What a shutdown within a time has left. Start from TS_SHUTDOWN_REPORT_INIT;
/// tasks and capacity are yours to set, the rest is told.
typedef struct {
    /// sizeof(ts_shutdown_report).
    size_t size;
    /// How many tasks still run, those included whose drop does.
    size_t running;
    /// How many cancelled tasks are only to be taken with ts_claims_take and
    /// finished, or were taken and not finished.
    size_t claims;
    /// How many threads of the library are still there.
    size_t threads;
    /// Where to write the statuses of those that still run, at most capacity
    /// of them, in the order of their adds, of several threads to some
    /// milliseconds; NULL with capacity 0. tasks[0].size must be set and counts
    /// for every element.
    ts_task_status *tasks;
    /// How many fit there.
    size_t capacity;
} ts_shutdown_report;

/// A report with the size set and room for no status.
#define TS_SHUTDOWN_REPORT_INIT                                                \
    { sizeof(ts_shutdown_report), 0, 0, 0, NULL, 0 }

/// As ts_shutdown, but gives up when the time is over. Then report, which may
/// be NULL, says what is left; after TS_OK it says 0 of everything. 0 seconds
/// only begin the shutdown, or look how far it is; TS_FOREVER has no bound.
///
/// After TS_ERROR_TIMED_OUT the scheduler stays shut: adds give
/// TS_ERROR_SHUTTING_DOWN until a later ts_shutdown or ts_shutdown_within has
/// given TS_OK. What still runs goes on and ends as ever, its drop is called
/// where it ran, and the thread leaves then. So a program that must end within
/// 5 seconds calls this, writes down what still runs, and ends by _exit, since
/// exit would run destructors beside those threads; one that cannot block
/// calls it with 0 seconds, goes on taking claims and running its pumps, and
/// calls again until it gives TS_OK.
///
/// Errors: TS_ERROR_TIMED_OUT; TS_ERROR_INVALID_ARGUMENT;
/// TS_ERROR_WOULD_DEADLOCK inside a task, a drop or another callback, and,
/// unless seconds is 0, on a thread that holds a claim of the scheduler.
///
/// Any thread. Blocks up to the time. From a task: no.
ts_error ts_shutdown_within(ts_scheduler *scheduler,
                            bool force_cleanup,
                            double seconds,
                            ts_shutdown_report *report);

/*
 * Lanes ----------------------------------------------------------------------
 *
 * A lane is the queue of one kind and name. It comes into being when the name
 * is used, and goes when it is empty. A handle keeps it: tasks added by handle
 * and by name are in one order and under the same limits, but an add by handle
 * need not look the name up. While a handle is open its options hold.
 *
 * Tasks of one name are run by one runner at a time. Asking for another one
 * gives TS_ERROR_IN_USE while one of them has not ended, or its on_end has not
 * returned, or another handle is open; so does asking for another width or
 * capacity than an open handle.
 *
 * A handle may outlive its scheduler: adds then give TS_ERROR_SHUTTING_DOWN.
 * It is still to be freed.
 */

/// What a lane is to be like. Start from TS_LANE_OPTIONS_INIT, then set name.
typedef struct {
    /// sizeof(ts_lane_options).
    size_t size;
    /// The name, 1 to 255 bytes.
    const char *name;
    /// The kind; 0 for TS_LINEAR.
    ts_kind kind;
    /// Who runs its tasks. 0: as the scheduler says, or TS_PUMP where pump is
    /// set.
    ts_runner runner;
    /// With TS_PUMP: the pump.
    ts_pump *pump;
    /// How many tasks of it may run at once. 0: of linear ones 1, of async ones
    /// maximum_event_loop_tasks. More than 1 only for async tasks and for
    /// TS_CLAIMS; at most 2147483648.
    size_t width;
    /// How many tasks of it may be pending. 0: what the configuration says; for
    /// linear ones that is a limit for all names together, which holds too. At
    /// most 2147483648.
    size_t capacity;
} ts_lane_options;

/// Options with the size set and all else at its default.
#define TS_LANE_OPTIONS_INIT                                                   \
    { sizeof(ts_lane_options), NULL, (ts_kind)0, (ts_runner)0, NULL, 0, 0 }

/// Opens a handle of the lane of a name. Free it with ts_lane_free. A banned
/// name has a lane too; adds to it are refused.
///
///     ts_lane_options options = TS_LANE_OPTIONS_INIT;
///     options.name = "thumbnails";
///     options.capacity = 100;
///     error = ts_lane_new(NULL, &options, &lane);
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_IN_USE; TS_ERROR_SHUTTING_DOWN
/// when the scheduler's own pump was freed; TS_ERROR_OUT_OF_MEMORY;
/// TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_lane_new(ts_scheduler *scheduler,
                     const ts_lane_options *options,
                     ts_lane **out_lane);

/// Closes a handle. Tasks of the lane go on. NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
void ts_lane_free(ts_lane *lane);

/// Adds a linear task to a lane; otherwise as ts_add_task.
///
/// Errors: as ts_add_task; TS_ERROR_QUEUE_FULL also when as many tasks of the
/// lane are pending as its capacity; TS_ERROR_WRONG_KIND of an async lane.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_lane_add_task(ts_lane *lane,
                          bool timeout_processing,
                          ts_task_fn run,
                          void *user_data,
                          ts_drop_fn drop,
                          ts_task_id *out_id);

/// Adds an async task to a lane; otherwise as ts_add_async_task.
///
/// Errors: as ts_add_async_task; TS_ERROR_WRONG_KIND of a linear lane.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_lane_add_async_task(ts_lane *lane,
                                bool timeout_processing,
                                ts_poll_fn poll,
                                void *user_data,
                                ts_drop_fn drop,
                                ts_task_id *out_id);

/// Says who runs linear tasks whose lane and options say nothing: of names
/// that are not in use, and tasks without a name, from now on. pump is NULL
/// but for TS_PUMP. A new scheduler runs them on its own threads.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_scheduler_set_runner(ts_scheduler *scheduler,
                                 ts_runner runner,
                                 ts_pump *pump);

/*
 * Completions ----------------------------------------------------------------
 *
 * A completion queue brings the ends of tasks to a loop of yours: tasks that
 * are submitted with it report there, in the order in which they end. Nothing
 * is lost however slow the reader is, and the memory for it is taken when the
 * task is submitted. A task's record stays until its completion was taken.
 *
 * A queue may outlive its scheduler: what is left can be taken, and after that
 * it gives TS_ERROR_SHUTTING_DOWN. It is still to be freed.
 */

/// Makes a completion queue, for tasks of this scheduler. Free it with
/// ts_completions_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_completions_new(ts_scheduler *scheduler,
                            ts_completions **out_completions);

/// Frees a completion queue. Its tasks go on; ends that were not taken are
/// forgotten, and later ones reported nowhere. No other thread may be using it.
/// NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
void ts_completions_free(ts_completions *completions);

/// Takes up to capacity ends out of the queue and writes them into array, the
/// oldest first, and how many into out_count, at least one. Waits so long for
/// the first one; 0 seconds only ask, TS_FOREVER waits without bound. A task
/// whose claim this thread holds, or whose pump it runs, does not end
/// meanwhile.
///
/// Errors: TS_NOT_YET when 0 seconds found none; TS_ERROR_TIMED_OUT;
/// TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SHUTTING_DOWN when the scheduler was
/// freed and none is left; TS_ERROR_WOULD_DEADLOCK when it would have to wait
/// inside a task; TS_ERROR_FORKED.
///
/// Any thread. Blocks up to the time. From a task: yes, with 0 only.
ts_error ts_completions_take(ts_completions *completions,
                             ts_completion *array,
                             size_t capacity,
                             double seconds,
                             size_t *out_count);

/// A file descriptor that is readable while there is something to take, and
/// when the scheduler was freed, for epoll, poll or another loop. It belongs to
/// the queue: only poll it.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SYSTEM when none can be made;
/// TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_completions_fd(ts_completions *completions, int *out_fd);

/*
 * Pumps ----------------------------------------------------------------------
 *
 * A pump runs linear tasks on a thread of yours, and only while that is inside
 * ts_pump_run: the main thread of a game, once per frame. Tasks go there by
 * their options, by their lane, or by ts_scheduler_set_runner. Tasks of a name
 * keep their order; names take turns.
 *
 * Tasks that are pending in a pump count for maximum_queue_line, and none for
 * line_task_max. A pump belongs to the thread that runs it first. It may
 * outlive its scheduler: ts_pump_run then gives TS_ERROR_SHUTTING_DOWN. It is
 * still to be freed.
 */

/// Hears that there is something to do.
typedef void (*ts_ready_fn)(void *user_data);

/// What a pump is to be like. Start from TS_PUMP_OPTIONS_INIT.
typedef struct {
    /// sizeof(ts_pump_options).
    size_t size;
    /// Called when there is something to run and was nothing before, on the
    /// thread that brought that about: it added the task, or ended or stopped
    /// the one before it, or is the library's own that looks after time-outs;
    /// and at the end of a ts_pump_run that leaves something. Or NULL.
    ts_ready_fn ready;
    /// Handed to ready.
    void *user_data;
    /// Frees user_data, when the pump is freed; NULL for nothing to free.
    ts_drop_fn drop;
} ts_pump_options;

/// Options with the size set and all else at its default.
#define TS_PUMP_OPTIONS_INIT { sizeof(ts_pump_options), NULL, NULL, NULL }

/// Makes a pump. options may be NULL for none. Free it with ts_pump_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_FORKED.
/// user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_pump_new(ts_scheduler *scheduler,
                     const ts_pump_options *options,
                     ts_pump **out_pump);

/// Frees a pump: cancels its pending tasks, and adds that would go to it by
/// their lane or by ts_scheduler_set_runner give TS_ERROR_SHUTTING_DOWN from
/// now on. Inside one of its own tasks that task
/// goes on, and the run ends after it. NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
void ts_pump_free(ts_pump *pump);

/// Runs tasks on this thread until none is ready, max_tasks have run, or
/// budget_seconds are used up, which the last task may overrun. 0 max_tasks are
/// any number, 0 seconds any time, which TS_FOREVER is not. out_ran, which may
/// be NULL, is how many ran; that there was none is no error.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_THREAD on another thread
/// than the first; TS_ERROR_WOULD_DEADLOCK inside one of its own tasks;
/// TS_ERROR_SHUTTING_DOWN when the scheduler was freed; TS_ERROR_FORKED.
///
/// Any thread, always the same. Blocks. From a task: yes, of another pump.
ts_error ts_pump_run(ts_pump *pump,
                     size_t max_tasks,
                     double budget_seconds,
                     size_t *out_ran);

/// A file descriptor that is readable while something can run, and when the
/// scheduler was freed, for epoll, poll or another loop. It belongs to the
/// pump: only poll it. When it is readable ts_pump_run may still find nothing.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SYSTEM when none can be made;
/// TS_ERROR_SHUTTING_DOWN; TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_pump_fd(ts_pump *pump, int *out_fd);

/*
 * Claims ---------------------------------------------------------------------
 *
 * Tasks that you run yourself, on goroutines, fibers, an engine's jobs or in
 * an event loop: the scheduler decides when, and hands you the right to run
 * one task now, a claim. TS_CLAIMS in a task's options, in its lane's, or with
 * ts_scheduler_set_runner makes it so.
 *
 *     ts_claim_submit --- may start now ---> claim --.
 *            | queued                                |  ts_claim_start, run it,
 *            v                                       |  ts_claim_finish
 *     ts_claims_take ----------------------> claim --|
 *            ^                                       |
 *            `-- no next, or not asked for <--- next claim of its lane --> ...
 *
 * A claim that is out counts as running and holds its place in its lane until
 * it is finished; at most line_task_max are out at once, beside what the
 * scheduler's own threads run. Its token is valid until then, on any thread,
 * and is never meant by a NULL token. What is pending counts for
 * maximum_queue_line.
 *
 * A stop may come first: then ts_claim_start gives TS_STOPPED, and the claim
 * is only to be finished. So ask it of every claim before you run it, and
 * finish every claim. A task that is cancelled before it was handed out comes
 * out of ts_claims_take, and of nothing else, as such a claim, so user_data
 * needs no drop. It holds no place, and stays TS_PENDING until it is finished;
 * a shutdown waits for that, so go on taking until it has returned. A host
 * with one thread has ts_shutdown_within, with 0 seconds.
 *
 * The time of a claim begins when it is handed out. Deadlines are looked at by
 * whoever takes claims, and by a thread of the library until ts_claims_fd was
 * called. One that nobody looked at before the finish has no effect.
 */

/// The right, and duty, to run one task now.
typedef struct {
    /// Its token. NULL: no claim. A later claim may have the same.
    ts_token *token;
    /// The task.
    ts_task_id id;
    /// The function that was submitted, or NULL.
    ts_task_fn run;
    /// What was submitted with it.
    void *user_data;
} ts_claim;

/// Adds a task that you run. If it may start now, out_claim is its claim; else
/// out_claim has no token, and the claim comes later, out of ts_claim_finish or
/// ts_claims_take. run may be NULL: you know what to do with user_data. A task
/// that its lane or options give to others is added all the same.
///
/// Errors: as ts_submit; TS_ERROR_INVALID_ARGUMENT also with
/// TS_INTERRUPT_BLOCKING.
///
/// Any thread. Never blocks without TS_WAIT_FOR_ROOM. From a task: yes.
ts_error ts_claim_submit(ts_scheduler *scheduler,
                         const ts_task_options *options,
                         ts_claim *out_claim,
                         ts_task_id *out_id);

/// As ts_lane_add_task, of a task that you run: adds it to a lane, with its
/// claim if it may start now, as ts_claim_submit does. The short way.
///
/// Errors: as ts_lane_add_task.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_lane_claim_task(ts_lane *lane,
                            bool timeout_processing,
                            ts_task_fn run,
                            void *user_data,
                            ts_drop_fn drop,
                            ts_claim *out_claim,
                            ts_task_id *out_id);

/// Whether to run a claim: TS_OK, or TS_STOPPED when a stop came first. From
/// now on this thread counts as the one that holds it, for calls that would
/// wait for their own caller; before, that is the one that received it.
///
/// Errors: TS_STOPPED; TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_ALREADY_FINISHED; TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_claim_start(ts_scheduler *scheduler, const ts_claim *claim);

/// Ends a claim, by its id: completed with code 0, else failed with that code.
/// result, which may be NULL, is what the task leaves, as with ts_set_result;
/// error, which may be NULL, the words of a failure. out_next, which may be
/// NULL, is the next claim of the lane, or of another one that waited, to be
/// run, or has no token. Without out_next what comes next comes out of
/// ts_claims_take.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT, also for a task that was not handed out;
/// TS_ERROR_NOT_FOUND; TS_ERROR_ALREADY_FINISHED when it was finished before;
/// TS_ERROR_OUT_OF_MEMORY; TS_ERROR_FORKED. The result is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_claim_finish(ts_scheduler *scheduler,
                         const ts_claim *claim,
                         int32_t code,
                         const ts_value *result,
                         const char *error,
                         ts_claim *out_next);

/// As ts_claim_finish, and says how the task ended. out_state, which may be
/// NULL, is its final state: TS_COMPLETED or TS_FAILED, or TS_CANCELLED or
/// TS_TIMEOUT when a stop came first, whatever the code.
///
/// Errors: as ts_claim_finish. out_state is then untouched.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_claim_end(ts_scheduler *scheduler,
                      const ts_claim *claim,
                      int32_t code,
                      const ts_value *result,
                      const char *error,
                      ts_state *out_state,
                      ts_claim *out_next);

/// Adds count tasks that you run, in order, as ts_claim_submit does, until one
/// is refused: that is the error, and out_added how many came before it.
/// out_claims has count places, of which that of a task that is queued gets no
/// token; out_ids, which may be NULL, too.
///
/// Errors: as ts_claim_submit, of the first task that was refused.
///
/// Any thread. Never blocks without TS_WAIT_FOR_ROOM. From a task: yes.
ts_error ts_claims_submit(ts_scheduler *scheduler,
                          const ts_task_options *tasks,
                          size_t count,
                          ts_claim *out_claims,
                          ts_task_id *out_ids,
                          size_t *out_added);

/// Ends count claims, each with its code of codes; codes may be NULL for all 0.
/// Claims that come next are written into out_next, which has count places, and
/// how many into out_count. Every claim is tried; the error is that of the
/// first one that could not be finished.
///
/// Errors: as ts_claim_finish.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_claims_finish(ts_scheduler *scheduler,
                          const ts_claim *claims,
                          const int32_t *codes,
                          size_t count,
                          ts_claim *out_next,
                          size_t *out_count);

/// Takes up to capacity claims that did not come out of an add or a finish, or
/// are only to be finished, and writes them into array, and how many into
/// out_count, at least one. Waits so long for the first one; 0 seconds only
/// ask, TS_FOREVER waits without bound. Works during a shutdown too.
///
/// Errors: TS_NOT_YET when 0 seconds found none; TS_ERROR_TIMED_OUT;
/// TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WOULD_DEADLOCK when it would have to
/// wait inside a task; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_FORKED.
///
/// Any thread. Blocks up to the time. From a task: yes, with 0 only.
ts_error ts_claims_take(ts_scheduler *scheduler,
                        ts_claim *array,
                        size_t capacity,
                        double seconds,
                        size_t *out_count);

/// A file descriptor that is readable while ts_claims_take has something to do:
/// a claim to give, or a deadline that has passed. For epoll, poll or another
/// loop; it belongs to the scheduler: only poll it. When it is readable
/// ts_claims_take may still find nothing. From the first call on no
/// thread of the library looks at deadlines of claims: call ts_claims_take with
/// 0 seconds whenever it is readable.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SYSTEM when none can be made;
/// TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_claims_fd(ts_scheduler *scheduler, int *out_fd);

/*
 * Configuration --------------------------------------------------------------
 *
 * Each scheduler has its own. Durations are in seconds.
 *
 *     key                       default
 *     line_task_max                  10  linear tasks at once, 1 to 4096
 *     maximum_queue_line             30  pending linear tasks in all; 0: any
 *     maximum_queue_async            30  pending async tasks per name; 0: any
 *     maximum_event_loop_tasks        3  async tasks of a name that run at once
 *     watch_dog_time                200  how long a task may run, if limited
 *     event_loop_threads              1  event loops, until the next shutdown
 *     maximum_task_info_storage      60  finished tasks that stay known
 *     max_idle_time                  60  idle for so long: end the threads
 *     stuck_grace                     5  told to stop for so long: stuck
 *     status_check_interval         800  how often a stuck task is reported
 *     stuck_task_max                 64  stuck tasks that get a substitute
 *     interrupt_signal               50  breaks blocking calls; 0: none does
 *     spin_microseconds              10  a worker looks on before it sleeps
 *     thread_name                    ts  what names of threads begin with
 *     thread_affinity                    processors for threads, as 0,2-3
 *     thread_stack_size               0  bytes; 0: as the system gives
 *     thread_nice                     0  -20 to 19; 0: of who starts them
 *
 * What begins with thread_ concerns threads that start afterwards.
 */

/// Changes one key, at once. value is a number, written as in YAML, for example
/// "18"; or a text as it is, without quotes.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG for an unknown key or a
/// value out of range. Nothing is then changed.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_update_config(ts_scheduler *scheduler,
                          const char *key,
                          const char *value);

/// Changes the keys that a YAML file sets.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG when the file cannot be
/// read, or for an unknown key or a value out of range; the message names the
/// line. Nothing is then changed.
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
 * Threads --------------------------------------------------------------------
 *
 * A scheduler has worker threads for linear tasks, a thread for each event
 * loop, and a watchdog while something can time out. They start when there
 * is something to do, and end after max_idle_time and in a shutdown. They
 * take no signals, but for the one that breaks a blocking call of a task with
 * TS_INTERRUPT_BLOCKING, while that task runs. The configuration, or
 * ts_scheduler_options, says their names, stacks, processors and nice level;
 * and a function of yours can be called on each, for a profiler or a virtual
 * machine that must know of threads.
 *
 * Names are ts-worker-0, ts-loop-0 and ts-watchdog, with another beginning if
 * you like. The system may cut them: Linux does at 15 bytes.
 *
 * A thread takes processors and nice level from the one that starts it, which
 * is yours when you add the first task, unless they are set. What the system
 * refuses (a negative nice level needs a privilege) the thread does without,
 * and the log says so.
 */

/// What has become of a thread.
typedef enum {
    /// It has started, and has called no other function of yours.
    TS_THREAD_STARTED = 1,
    /// It ends, and will call no other function of yours.
    TS_THREAD_STOPPING = 2,
} ts_thread_event;

/// Called on each thread of a scheduler: first of all your functions and last
/// of them, each once. name is the thread's, not cut, and valid until the
/// function returns. It may call what a task may call, and add tasks, but not
/// where it is a shutdown that ends the thread; a call that would wait gives
/// TS_ERROR_WOULD_DEADLOCK. It should return soon: the
/// thread's tasks, or all time-outs, wait for it.
typedef void (*ts_thread_fn)(ts_thread_event event,
                             const char *name,
                             void *user_data);

/// A scheduler with every option. Start from TS_SCHEDULER_OPTIONS_INIT. The
/// fields that begin with thread_ take the place of the configuration's keys
/// of these names.
typedef struct {
    /// sizeof(ts_scheduler_options).
    size_t size;
    /// As for ts_scheduler_new.
    const char *config_yaml;
    /// Called on each thread, or NULL.
    ts_thread_fn on_thread;
    /// Handed to the function.
    void *user_data;
    /// Frees user_data when the scheduler is freed and its last thread has
    /// gone; NULL for nothing to free.
    ts_drop_fn drop;
    /// What names of threads begin with, 1 to 11 bytes; or NULL.
    const char *thread_name;
    /// The processors that threads may run on, such as "0,2-3"; or NULL. ""
    /// is those of the thread that starts them.
    const char *thread_affinity;
    /// Bytes of stack of each thread for your functions, 16384 to 1 GiB; or 0.
    size_t thread_stack_size;
    /// Nice level of the threads, -20 to 19; or 0.
    int32_t thread_nice;
    /// 0.
    uint32_t reserved;
} ts_scheduler_options;

/// Options with the size set and all else at its default.
#define TS_SCHEDULER_OPTIONS_INIT                                              \
    { sizeof(ts_scheduler_options), NULL, NULL, NULL, NULL, NULL, NULL, 0, 0,  \
      0 }

/// Makes a scheduler as ts_scheduler_new does, with every option.
///
///     ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
///     options.on_thread = tell_profiler;
///     options.thread_name = "mail";
///     options.thread_affinity = "0-3";
///     error = ts_scheduler_new_with(&options, &scheduler);
///
/// Errors: TS_ERROR_INVALID_ARGUMENT, also for a processor that does not
/// exist, and for what threads of this system cannot have; TS_ERROR_CONFIG for
/// config_yaml; TS_ERROR_OUT_OF_MEMORY. user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_scheduler_new_with(const ts_scheduler_options *options,
                               ts_scheduler **out);

/*
 * Log ------------------------------------------------------------------------
 *
 * The library prints nothing. What it has to say goes to a function of yours.
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

/// Takes one line of the log. text has no line end, and is valid until the
/// function returns.
typedef void (*ts_log_fn)(ts_log_level level, const char *text,
                          void *user_data);

/// Sets the function that takes the log of every scheduler of the process, in
/// place of an earlier one. NULL sets none, and this user_data is then dropped
/// at once. The function is called on any thread, on several at once too; the
/// drop of an earlier one tells that it is not called any more. A forked child
/// has it too, and drops nothing of its parent's.
///
/// Errors: TS_ERROR_OUT_OF_MEMORY; user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
ts_error ts_set_log_callback(ts_log_fn log, void *user_data, ts_drop_fn drop);

/*
 * Version --------------------------------------------------------------------
 *
 * The macros tell the version that a program was compiled with, ts_version the
 * one that it runs with.
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
