// What a coroutine can await, besides another coroutine.
//
// Each is a Leaf: it is asked whether what it waits for has come, when it is
// awaited and then in every poll of the task, of which some are spurious. What
// asking arms has the task polled again.
#ifndef TASK_SCHEDULING_AWAITABLES_HPP
#define TASK_SCHEDULING_AWAITABLES_HPP

#include "coroutine.hpp"
#include "task.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

/// Self has Result<bool> ask(const AsyncToken &), whether it has come, and
/// Result<T> result() for then.
template <class Self>
class Leaf : public Waiting {
public:
    Leaf() noexcept : Waiting{over_} {}

    bool await_ready() const noexcept { return false; }

    template <class P>
    bool await_suspend(std::coroutine_handle<P> coroutine) noexcept
    {
        Root &root = *coroutine.promise().root;
        if (over_(*this, *root.token))
            return false;
        root.waiting = this;
        return true;
    }

    auto await_resume() { return static_cast<Self *>(this)->result().value(); }

protected:
    /// What was wrong when it was asked.
    Result<void> asked_;

private:
    static bool over_(Waiting &waiting, const AsyncToken &token) noexcept
    {
        auto &self = static_cast<Self &>(waiting);
        const Result<bool> has_come = self.ask(token);
        if (!has_come)
            self.asked_ = has_come.error();
        return !has_come || *has_come;
    }
};

/// A Leaf is its own awaiter.
struct LeafAwaitable {
    template <class Thing>
    static Thing &&awaiter(Thing &&leaf) noexcept
    {
        return std::forward<Thing>(leaf);
    }
};

class Sleep : public Leaf<Sleep> {
public:
    explicit Sleep(Duration time) noexcept : time_(time) {}
    Result<bool> ask(const AsyncToken &token) const { return token.try_sleep_for(time_); }
    Result<void> result() const { return asked_; }

private:
    Duration time_;
};

template <class Clock, class Time>
class SleepUntil : public Leaf<SleepUntil<Clock, Time>> {
public:
    explicit SleepUntil(const std::chrono::time_point<Clock, Time> &until) noexcept : until_(until) {}
    Result<bool> ask(const AsyncToken &token) const
    {
        for (;;) {
            const Duration time = left(until_);
            if (time.count() <= 0) {
                const Result<void> cancelled = token.try_cancel_sleep();
                return cancelled ? Result<bool>(true) : cancelled.error();
            }
            const Result<bool> slept = token.try_sleep_for(time);
            if (!slept || !*slept)
                return slept;
        }
    }
    Result<void> result() const { return this->asked_; }

private:
    std::chrono::time_point<Clock, Time> until_;
};

/// Waits for a file descriptor; gives a Ready, or nothing to who knows.
template <class T>
class Descriptor : public Leaf<Descriptor<T>> {
public:
    Descriptor(int fd, Ready wanted) noexcept : fd_(fd), wanted_(wanted) {}
    Result<bool> ask(const AsyncToken &token)
    {
        const Result<Ready> ready = token.try_wait(fd_, wanted_);
        if (!ready)
            return ready.error();
        ready_ = *ready;
        return ready_ != Ready::none;
    }
    Result<T> result() const
    {
        if (!this->asked_)
            return this->asked_.error();
        if constexpr (std::is_void_v<T>)
            return {};
        else
            return ready_;
    }

private:
    int fd_;
    Ready wanted_;
    Ready ready_ = Ready::none;
};

class End : public Leaf<End> {
public:
    explicit End(const TaskId &id) noexcept : id_(id) {}
    Result<bool> ask(const AsyncToken &token) const { return token.try_wait(id_); }
    Result<void> result() const { return asked_; }

private:
    TaskId id_;
};

/// Waits for a task's end; then gives what came of it. Handle is Task<T>, or a
/// reference to one.
template <class T, class Handle>
class TaskResult : public Leaf<TaskResult<T, Handle>> {
public:
    explicit TaskResult(Handle &&task) noexcept : task_(std::forward<Handle>(task)) {}
    Result<bool> ask(const AsyncToken &token) const
    {
        if (!task_.valid())
            return true; // result() says so
        return token.try_wait(task_.id());
    }
    Result<T> result()
    {
        if (!this->asked_)
            return this->asked_.error();
        return task_.try_get();
    }
#if TASK_SCHEDULING_EXCEPTIONS
    T await_resume()
    {
        this->asked_.value();
        return task_.get();
    }
#endif

private:
    Handle task_;
};

class GetWaker : public Leaf<GetWaker> {
public:
    Result<bool> ask(const AsyncToken &token)
    {
        waker_ = token.try_waker();
        return true;
    }
    Result<Waker> result() { return std::move(waker_); }

private:
    Result<Waker> waker_{Waker()};
};

/// Lets everybody else on the loop go first.
class Yield : public Leaf<Yield> {
public:
    Result<bool> ask(const AsyncToken &token)
    {
        if (std::exchange(asked_before_, true))
            return true;
        const Result<Waker> waker = token.try_waker();
        if (!waker)
            return waker.error();
        waker->wake();
        return false;
    }
    Result<void> result() const { return asked_; }

private:
    bool asked_before_ = false;
};

template <class Predicate>
class Until : public Leaf<Until<Predicate>> {
public:
    explicit Until(Predicate &&predicate) : predicate_(std::move(predicate)) {}
    Result<bool> ask(const AsyncToken &)
    {
        bool holds = true;
        caught([&] { holds = predicate_(); },
               [&](std::exception_ptr exception, const char *, Errc) { thrown_ = std::move(exception); });
        return holds;
    }
    Result<void> result() const
    {
        if (thrown_)
            return described(thrown_);
        return {};
    }
#if TASK_SCHEDULING_EXCEPTIONS
    void await_resume()
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
    }
#endif

private:
    Predicate predicate_;
    std::exception_ptr thrown_;
};

/// Gives the Result, and throws nothing.
template <class Inner>
class AsResult : public Inner {
public:
    explicit AsResult(Inner &&inner) : Inner(std::move(inner)) {}
    auto await_resume() { return Inner::result(); }
};

template <>
struct Awaitable<Sleep> : LeafAwaitable {};
template <class Clock, class Time>
struct Awaitable<SleepUntil<Clock, Time>> : LeafAwaitable {};
template <class T>
struct Awaitable<Descriptor<T>> : LeafAwaitable {};
template <>
struct Awaitable<End> : LeafAwaitable {};
template <>
struct Awaitable<GetWaker> : LeafAwaitable {};
template <>
struct Awaitable<Yield> : LeafAwaitable {};
template <class Predicate>
struct Awaitable<Until<Predicate>> : LeafAwaitable {};
template <class Inner>
struct Awaitable<AsResult<Inner>> : LeafAwaitable {};

template <class T>
struct Awaitable<Task<T>> {
    static TaskResult<T, Task<T> &> awaiter(Task<T> &task) noexcept { return TaskResult<T, Task<T> &>(task); }
    static TaskResult<T, Task<T>> awaiter(Task<T> &&task) noexcept { return TaskResult<T, Task<T>>(std::move(task)); }
};

} // namespace detail

/// Awaited, each of these gives nothing unless that is said, and throws Error
/// when it cannot wait: for as_result see below. All must be awaited where
/// they are made.
///
///     co_await ts::sleep_for(1s);
inline detail::Sleep sleep_for(Duration time) noexcept { return detail::Sleep(time); }

/// The same, until a point in time of any clock.
template <class Clock, class Time>
detail::SleepUntil<Clock, Time> sleep_until(const std::chrono::time_point<Clock, Time> &until) noexcept
{
    return detail::SleepUntil<Clock, Time>(until);
}

/// Until the file descriptor (of a socket, pipe, eventfd or the like) can be
/// read or written. Errors and hang-ups count as ready: the read or write then
/// tells. One task at a time may wait to read it, and one to write it. Keep it
/// open until then, or until the coroutine is destroyed.
///
/// Errors: invalid_argument for one that is not open, is a regular file, or
/// that another task waits for; system.
inline detail::Descriptor<void> readable(int fd) noexcept { return {fd, Ready::readable}; }
inline detail::Descriptor<void> writable(int fd) noexcept { return {fd, Ready::writable}; }

/// Until it is ready for some of `wanted`. Gives the Ready for which.
inline detail::Descriptor<Ready> ready_for(int fd, Ready wanted) noexcept { return {fd, wanted}; }

/// Until a task of the same scheduler, of either kind, has ended. A Task is
/// awaited as it is, `co_await task`, and gives what task.get() does.
///
/// Errors: not_found; would_deadlock for the task itself.
inline detail::End ended(const TaskId &id) noexcept { return detail::End(id); }

/// Gives a Waker of the task, at once.
inline detail::GetWaker this_waker() noexcept { return {}; }

/// Until the predicate holds. It is asked now, and whenever the task's waker
/// is used, on the loop's thread. What it throws is thrown here.
///
///     ts::Waker waker = co_await ts::this_waker();
///     start_something([&answer, waker = std::move(waker)](int number) {
///         answer = number;            // a std::atomic<int>
///         waker.wake();
///     });
///     co_await ts::until([&answer] { return answer != 0; });
template <class Predicate>
detail::Until<std::decay_t<Predicate>> until(Predicate &&predicate)
{
    return detail::Until<std::decay_t<Predicate>>(std::decay_t<Predicate>(std::forward<Predicate>(predicate)));
}

/// Lets the other tasks of the loop go on first.
inline detail::Yield yield() noexcept { return {}; }

/// Awaits one of the above, or a Task, and gives a Result instead of throwing.
///
///     ts::Result<void> ready = co_await ts::as_result(ts::readable(socket));
template <class Thing>
auto as_result(Thing &&thing)
{
    using Inner = std::decay_t<decltype(detail::Awaitable<std::decay_t<Thing>>::awaiter(std::forward<Thing>(thing)))>;
    return detail::AsResult<Inner>(detail::Awaitable<std::decay_t<Thing>>::awaiter(std::forward<Thing>(thing)));
}

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
