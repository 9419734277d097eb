// AsyncToken: what an async task has of the scheduler in its poll; and Waker,
// which has it polled again.
#ifndef TASK_SCHEDULING_ASYNC_TOKEN_HPP
#define TASK_SCHEDULING_ASYNC_TOKEN_HPP

#include "token.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// What the callable of an async task answers that has no result.
enum class Poll : int {
    pending = TS_POLL_PENDING, ///< Not done: call again when there is something to do.
    ready = TS_POLL_READY,     ///< Completed.
    failed = TS_POLL_FAILED,   ///< Failed; AsyncToken::set_error has the words.
};

/// What a file descriptor may be ready for. Errors and hang-ups count as both.
enum class Ready : unsigned {
    none = 0,
    readable = TS_READABLE,
    writable = TS_WRITABLE,
    both = TS_READABLE | TS_WRITABLE,
};

/// Whether the two have something in common.
constexpr bool intersects(Ready left, Ready right) noexcept
{
    return (static_cast<unsigned>(left) & static_cast<unsigned>(right)) != 0;
}

/// Has one async task polled again, from any thread. Move-only. It may outlive
/// the task and the scheduler; waking does nothing then. An empty one wakes
/// nobody.
class Waker {
public:
    Waker() noexcept = default;
    Waker(Waker &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Waker &operator=(Waker &&other) noexcept
    {
        Waker old(std::move(other));
        swap(old);
        return *this;
    }
    ~Waker() { ts_waker_free(raw_); }

    /// Wakes, any number of times. Never blocks.
    void wake() const noexcept
    {
        if (raw_)
            ts_waker_wake(raw_);
    }

    /// The same. Errors: invalid_argument of an empty one; shutting_down when
    /// the scheduler was destroyed.
    Result<void> try_wake() const { return detail::done(ts_waker_wake(raw_)); }

    explicit operator bool() const noexcept { return raw_ != nullptr; }
    void swap(Waker &other) noexcept { std::swap(raw_, other.raw_); }
    friend void swap(Waker &left, Waker &right) noexcept { left.swap(right); }

private:
    friend struct detail::Access;
    explicit Waker(ts_waker *raw) noexcept : raw_(raw) {}

    ts_waker *raw_ = nullptr;
};

/// An async task's view of itself, during one poll: every poll gets its own.
/// What does not block says whether it is done, and if not, has the task
/// polled again when it is. Coroutines need none: they have co_await.
class AsyncToken {
public:
    /// A sleep: true once the time has passed. The first call starts it; later
    /// ones change nothing, whatever their time, until one has given true.
    ///
    /// Errors of this and all that follow: invalid_argument; wrong_thread
    /// outside the poll; system.
    Result<bool> try_sleep_for(Duration time) const { return over(ts_async_sleep(raw_, detail::limited(time))); }

    /// Ends a sleep that has not given true. Without one it does nothing.
    Result<void> try_cancel_sleep() const { return detail::done(ts_async_sleep_cancel(raw_)); }

    /// What of `wanted` the file descriptor (of a socket, pipe, eventfd or the
    /// like) is ready for; Ready::none when nothing. Keep it open until then,
    /// or until the task has ended.
    Result<Ready> try_wait(int fd, Ready wanted) const
    {
        std::uint32_t ready = 0;
        const Result<bool> ended = over(ts_async_wait_fd(raw_, fd, static_cast<std::uint32_t>(wanted), &ready));
        if (!ended)
            return ended.error();
        return *ended ? static_cast<Ready>(ready) : Ready::none;
    }

    /// Whether another task of the same scheduler has ended.
    ///
    /// Errors: not_found; would_deadlock for the task itself.
    Result<bool> try_wait(const TaskId &id) const { return over(ts_async_wait_task(raw_, detail::Access::raw(id))); }

    /// A waker, for whoever will know when to poll again.
    Result<Waker> try_waker() const
    {
        ts_waker *waker = nullptr;
        const ts_error error = ts_waker_clone(raw_, &waker);
        if (error != TS_OK)
            return detail::last_error(error);
        return detail::Access::wrap<Waker>(waker);
    }

    /// The words that go with Poll::failed.
    void set_error(const std::string &words) const noexcept { detail::set_error(raw_, words.c_str()); }

#if TASK_SCHEDULING_EXCEPTIONS
    // As those above; they throw Error.
    bool sleep_for(Duration time) const { return try_sleep_for(time).value(); }
    void cancel_sleep() const { try_cancel_sleep().value(); }
    Ready wait(int fd, Ready wanted) const { return try_wait(fd, wanted).value(); }
    bool wait(const TaskId &id) const { return try_wait(id).value(); }
    Waker waker() const { return try_waker().value(); }
#endif

private:
    friend struct detail::Access;
    explicit AsyncToken(ts_token *raw) noexcept : raw_(raw) {}

    static Result<bool> over(ts_error error)
    {
        if (error != TS_OK && error != TS_NOT_YET)
            return detail::last_error(error);
        return error == TS_OK;
    }

    ts_token *raw_;
};

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
