// Task: the handle of a task.
#ifndef TASK_SCHEDULING_TASK_HPP
#define TASK_SCHEDULING_TASK_HPP

#include "callables.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

/// A scheduler of the C face, which stays as long as it or a handle of one of
/// its tasks does. The default one of the process stays for ever.
class Core {
public:
    constexpr Core() noexcept = default;
    explicit Core(ts_scheduler *raw) noexcept : raw_(raw) {}

    ts_scheduler *raw() const noexcept { return raw_; }

    /// The Scheduler itself goes; only handles are left.
    void close() noexcept { is_closed_.store(true, std::memory_order_release); }
    bool is_closed() const noexcept { return is_closed_.load(std::memory_order_acquire); }

    void keep() noexcept
    {
        if (raw_)
            owners_.fetch_add(1, std::memory_order_relaxed);
    }
    void release() noexcept
    {
        if (!raw_ || owners_.fetch_sub(1, std::memory_order_acq_rel) != 1)
            return;
        ts_scheduler_free(raw_);
        delete this;
    }

private:
    ts_scheduler *raw_ = nullptr;
    std::atomic<std::size_t> owners_{1};
    std::atomic<bool> is_closed_{false};
};

/// Never changed: one without a scheduler of the C face does not count.
inline constexpr Core default_core;

inline Result<void> wait(const Core &core, const TaskId &id, Duration time)
{
    return done(ts_wait(core.raw(), Access::raw(id), patience(time), nullptr));
}

/// An exception as an error.
inline Error described(const std::exception_ptr &exception)
{
    Error error(std::string{});
    caught([&] { std::rethrow_exception(exception); },
           [&](const std::exception_ptr &, const char *words, Errc code) { error = Error(code, words); });
    return error;
}

/// Whether it has ended: a wait whose time was over is no error.
inline Result<bool> has_ended(const Result<void> &waited)
{
    if (!waited && waited.error().code() != Errc::timed_out && waited.error().code() != Errc::not_finished)
        return waited.error();
    return waited.has_value();
}

template <class Clock, class Time>
Result<bool> wait_until(const Core &core, const TaskId &id, const std::chrono::time_point<Clock, Time> &until)
{
    for (;;) {
        const Duration time = left(until);
        const Result<bool> ended = has_ended(wait(core, id, time));
        if (!ended || *ended || time.count() <= 0)
            return ended;
    }
}

inline Result<State> state(const Core &core, const TaskId &id)
{
    ts_state state{};
    const ts_error error = ts_get_task_state(core.raw(), Access::raw(id), &state);
    if (error != TS_OK)
        return last_error(error);
    return static_cast<State>(state);
}

inline Result<Status> status(const Core &core, const TaskId &id)
{
    ts_task_status raw = raw_status();
    const ts_error error = ts_get_task_status(core.raw(), Access::raw(id), &raw);
    if (error != TS_OK)
        return last_error(error);
    return status(raw);
}

/// True when the task will end as cancelled; false when it ended before, or
/// another stop came first.
inline Result<bool> was_stopped(const Result<void> &stopped)
{
    if (!stopped && stopped.error().code() != Errc::already_finished && stopped.error().code() != Errc::already_stopping)
        return stopped.error();
    return stopped.has_value();
}

} // namespace detail

/// The handle of a task that gives a T; move-only, like std::future. While it
/// lives, what is known of the task stays known. When it is destroyed the task
/// goes on by itself, and its result is destroyed with the task's end.
///
/// A handle may outlive the scheduler: the task has ended then, get() gives
/// what came of it, and only the last handle gives the scheduler's memory
/// back. (Not inside a task, where the C library frees no scheduler: that
/// memory is lost then, and the log says so.)
///
/// Functions that are const may be called from any thread, by several at once.
/// Each one that throws has a twin that begins with try_ and gives a Result; a
/// handle that is empty, because it was moved from, gives invalid_argument.
template <class T = void>
class Task {
public:
    using value_type = T;

    /// An empty handle.
    Task() noexcept = default;
    Task(Task &&other) noexcept
        : shared_(std::exchange(other.shared_, nullptr)), core_(std::exchange(other.core_, nullptr)),
          id_(std::exchange(other.id_, {}))
    {
    }
    Task &operator=(Task &&other) noexcept
    {
        Task old(std::move(other));
        swap(old);
        return *this;
    }
    ~Task() { detach(); }

    /// Lets go of the task, which goes on. The handle is empty then.
    void detach() noexcept
    {
        if (!shared_)
            return;
        ts_task_forget(core_->raw(), detail::Access::raw(id_));
        std::exchange(shared_, nullptr)->release_handle();
        std::exchange(core_, nullptr)->release();
        id_ = {};
    }

    /// Whether it is the handle of a task.
    bool valid() const noexcept { return shared_ != nullptr; }

    /// The task's id; an empty one of an empty handle.
    const TaskId &id() const noexcept { return id_; }

    /// Waits until the task has ended, and gives what came of it: its value,
    /// which is moved out, once; or the error with which it failed; or
    /// task_cancelled or task_timed_out when it was stopped. An exception that
    /// it threw becomes task_failed with the words of what().
    ///
    /// Errors: those; no_result for a value that was taken; would_deadlock
    /// when the task waits for the caller.
    Result<T> try_get()
    {
        const Result<State> ended = final_state();
        if (!ended)
            return ended.error();
        if (*ended == State::completed)
            return take();
        return failure(*ended);
    }

    /// Waits until the task has ended. What the task used may be freed then.
    ///
    /// Errors: would_deadlock when the task waits for the caller.
    Result<void> try_wait() const
    {
        if (!valid())
            return empty();
        return detail::wait(*core_, id_, forever);
    }

    /// Waits for some time; a time of 0 only asks. True when it has ended.
    Result<bool> try_wait_for(Duration time) const
    {
        if (!valid())
            return empty();
        return detail::has_ended(detail::wait(*core_, id_, time));
    }
    template <class Clock, class Time>
    Result<bool> try_wait_until(const std::chrono::time_point<Clock, Time> &until) const
    {
        if (!valid())
            return empty();
        return detail::wait_until(*core_, id_, until);
    }

    /// Stops the task: a pending one is cancelled on the spot, a running one
    /// is told to stop. When that succeeds it is a promise: the task ends as
    /// cancelled, whatever it returns.
    ///
    /// Errors: already_finished; already_stopping when a time-out or a
    /// shutdown came first.
    Result<void> try_stop() const
    {
        if (!valid())
            return empty();
        return detail::done(ts_force_stop(core_->raw(), detail::Access::raw(id_)));
    }

    /// Where the task stands: the fast way to ask.
    Result<State> try_state() const
    {
        if (!valid())
            return empty();
        return detail::state(*core_, id_);
    }

    /// Everything that is known of it.
    Result<Status> try_status() const
    {
        if (!valid())
            return empty();
        return detail::status(*core_, id_);
    }

    void swap(Task &other) noexcept
    {
        std::swap(shared_, other.shared_);
        std::swap(core_, other.core_);
        std::swap(id_, other.id_);
    }
    friend void swap(Task &left, Task &right) noexcept { left.swap(right); }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_get. What the task threw is thrown again as it was; of other
    /// errors TaskCancelled, TaskTimedOut or Error.
    T get()
    {
        const Result<State> ended = final_state();
        if (ended && *ended == State::failed)
            if (const std::exception_ptr *exception = shared_->outcome().exception())
                std::rethrow_exception(*exception);
        if (ended && *ended == State::completed)
            return take().value();
        detail::raise(ended ? failure(*ended) : ended.error());
    }

    void wait() const { try_wait().value(); }
    bool wait_for(Duration time) const { return try_wait_for(time).value(); }
    template <class Clock, class Time>
    bool wait_until(const std::chrono::time_point<Clock, Time> &until) const
    {
        return try_wait_until(until).value();
    }

    /// As try_stop: false for already_finished and already_stopping.
    bool stop() const { return detail::was_stopped(try_stop()).value(); }

    State state() const { return try_state().value(); }
    Status status() const { return try_status().value(); }
#endif

private:
    friend struct detail::Access;
    Task(detail::Shared<T> *shared, detail::Core *core, const TaskId *id) noexcept : shared_(shared), core_(core), id_(*id)
    {
        core_->keep();
    }

    static Error empty() { return {Errc::invalid_argument, "the task handle is empty"}; }

    Result<State> final_state() const
    {
        const Result<void> waited = try_wait();
        if (!waited)
            return waited.error();
        return try_state();
    }

    Result<T> take()
    {
        auto &outcome = shared_->outcome();
        if (!outcome.has_value())
            return Error(Errc::no_result, "the result of this task was taken before");
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            Result<T> taken(outcome.take());
            outcome.reset();
            return taken;
        }
    }

    /// Why the task has no value.
    Error failure(State ended) const
    {
        const auto &outcome = shared_->outcome();
        if (ended == State::failed && outcome.error())
            return *outcome.error();
        if (ended == State::failed && outcome.exception())
            return detail::described(*outcome.exception());
        const Result<Status> known = try_status();
        if (!known)
            return known.error();
        if (ended == State::failed)
            return {Errc::task_failed, known->error.empty() ? "the task failed" : known->error};
        const std::string name = known->name.empty() ? "the task " : "the task '" + known->name + "' ";
        if (ended == State::timeout)
            return {Errc::task_timed_out, name + "ran for too long and was stopped"};
        return {Errc::task_cancelled, name + "was cancelled"};
    }

    detail::Shared<T> *shared_ = nullptr;
    detail::Core *core_ = nullptr;
    TaskId id_;
};

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
