// The box: the one piece of memory that a task needs here. It holds the
// callable, and then what came of it. The scheduler has it as user_data, the
// handle shares it, and a value that is noticed when it is destroyed is the
// task's result in the C face too:
//
//     call     the scheduler may still call. Ends in drop, which destroys the
//              callable, before anybody can see that the task has ended.
//     handle   a Task may still ask for the outcome.
//     result   the scheduler holds the outcome as the task's result. It drops
//              one that a stop has made worthless before it drops the call:
//              that is how the value is destroyed in time.
//
// The last of them to let go frees the box. The outcome is destroyed when
// neither call nor handle is left: nobody can ask for it any more.
#ifndef TASK_SCHEDULING_BOX_HPP
#define TASK_SCHEDULING_BOX_HPP

#include "async_token.hpp"
#include "outcome.hpp"

#include <atomic>
#include <string>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

/// Tells the scheduler of a failure. The code with which the task fails.
inline std::int32_t tell(ts_token *token, const char *words, Errc code) noexcept
{
    set_error(token, words);
    return failure_code(code);
}

/// What the handle knows of the box.
template <class T>
class Shared {
public:
    using Free = void (*)(Shared *) noexcept;

    Shared(Free free, bool has_handle) noexcept : free_(free), holders_(has_handle ? call | handle : call) {}
    Shared(const Shared &) = delete;
    Shared &operator=(const Shared &) = delete;

    /// For who knows that the task has ended, and has the handle.
    Outcome<T> &outcome() noexcept { return outcome_; }

    /// The task was refused: nobody else has the box.
    void refuse() noexcept { free_(this); }

    void release_handle() noexcept { release(handle, call); }

    /// Runs the task's code, and keeps what comes of it. 0 for a value, else
    /// the code of the failure.
    template <class Work>
    std::int32_t fill(ts_token *token, Work &&work) noexcept
    {
        using Returned = std::remove_cv_t<decltype(work())>;
        std::int32_t failure = 0;
        caught(
            [&] {
                if constexpr (Unwrapped<Returned>::is_result) {
                    typename Unwrapped<Returned>::Result returned = work();
                    if (!returned)
                        failure = fail(token, returned.error());
                    else if constexpr (std::is_void_v<T>)
                        outcome_.set([] {});
                    else
                        outcome_.set([&]() -> T { return *std::move(returned); });
                } else {
                    outcome_.set(work);
                }
            },
            [&](std::exception_ptr exception, const char *words, Errc code) {
                failure = fail(token, std::move(exception), words, code);
            });
        if constexpr (Outcome<T>::is_noticed)
            if (outcome_.has_value() && holders_.load(std::memory_order_relaxed) & handle)
                show(token);
        return failure;
    }

    /// Keeps an error, or an exception. The code of the failure.
    std::int32_t fail(ts_token *token, const Error &error) noexcept
    {
        outcome_.set(error);
        return tell(token, error.what(), error.code());
    }
    std::int32_t fail(ts_token *token, std::exception_ptr exception, const char *words, Errc code) noexcept
    {
        outcome_.set(std::move(exception));
        return tell(token, words, code);
    }

protected:
    ~Shared() = default;

    void release_call() noexcept { release(call, handle); }

private:
    enum Role : unsigned char { call = 1, handle = 2, result = 4 };

    /// Makes the outcome the task's result in the C face.
    void show(ts_token *token) noexcept
    {
        holders_.fetch_or(result, std::memory_order_relaxed);
        if (ts_set_result(token, this, 0, drop_result) != TS_OK)
            holders_.fetch_and(static_cast<unsigned char>(~result), std::memory_order_relaxed);
    }

    static void drop_result(void *data) noexcept
    {
        auto *shared = static_cast<Shared *>(data);
        // Before the call is dropped: the task was stopped, and this is lost.
        if (shared->holders_.load(std::memory_order_acquire) & call)
            shared->outcome_.reset();
        shared->let_go(result);
    }

    /// Of call and handle, the one that goes last destroys the outcome.
    void release(Role own, Role other) noexcept
    {
        unsigned char holders = holders_.load(std::memory_order_acquire);
        while (holders & other) {
            const auto without = static_cast<unsigned char>(holders & ~own);
            if (holders_.compare_exchange_weak(holders, without, std::memory_order_acq_rel, std::memory_order_acquire))
                return;
        }
        outcome_.reset();
        let_go(own);
    }

    void let_go(Role own) noexcept
    {
        const auto rest = static_cast<unsigned char>(~own);
        // One that is alone stays so, and need not ask the others.
        if (holders_.load(std::memory_order_acquire) == own ||
            holders_.fetch_and(rest, std::memory_order_acq_rel) == own)
            free_(this);
    }

    const Free free_;
    std::atomic<unsigned char> holders_;
    Outcome<T> outcome_;
};

/// Shared, with the callable.
template <class T, class Callable>
class Box : public Shared<T> {
public:
    template <class From>
    Box(bool has_handle, From &&from) : Shared<T>(&free, has_handle), callable_(std::forward<From>(from))
    {
    }

    Callable &callable() noexcept { return callable_; }

    /// The drop function of the task.
    static void drop(void *data) noexcept
    {
        auto *box = static_cast<Box *>(data);
        quietly([box] { box->callable_.~Callable(); });
        box->has_callable_ = false;
        box->release_call();
    }

private:
    ~Box()
    {
        if (has_callable_)
            quietly([this] { callable_.~Callable(); });
    }

    static void free(Shared<T> *shared) noexcept { delete static_cast<Box *>(shared); }

    union {
        Callable callable_;
    };
    bool has_callable_ = true;
};

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
