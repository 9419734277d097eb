// Async: a coroutine, and how coroutines await each other.
//
// A task has one root coroutine; each one that is suspended in an await of
// another Async is its parent. So the suspended ones are a chain, and only its
// innermost is ever resumed. What they share is the Root:
//
//     innermost   the one to resume
//     waiting     what it waits for; empty while it runs
//
// To begin an awaited coroutine, and to go back to its parent at its end, the
// one hands over to the other by symmetric transfer: the stack does not grow.
// Where a compiler does not make that a jump (without optimisation, under
// sanitizers), it would; so every so often the transfer goes by way of the
// poll function, which starts from an empty stack.
//
// The chain is destroyed from the innermost outwards, in a loop: a parent's
// locals go after those of what it awaits, and a deep chain needs no stack.
#ifndef TASK_SCHEDULING_COROUTINE_HPP
#define TASK_SCHEDULING_COROUTINE_HPP

#include "box.hpp"
#include "callables.hpp"

#if !defined(__cpp_impl_coroutine)
#error "task_scheduling_coroutines.hpp needs C++20 with coroutines"
#endif

#include <coroutine>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

template <class T>
class Async;

namespace detail {

struct Promise;
template <class Source>
class Running;

/// What the innermost coroutine waits for. `over` says whether that has come,
/// and if not, has the task polled again when it may have.
struct Waiting {
    bool (*over)(Waiting &, const AsyncToken &) noexcept;
};

/// What the coroutines of a task and its poll function share.
struct Root {
    Promise *innermost = nullptr;
    Waiting *waiting = nullptr;
    const AsyncToken *token = nullptr; ///< During a poll.
    unsigned transfers = 0;            ///< In this poll.

    std::coroutine_handle<> transfer_to(Promise &next) noexcept;

    /// Resumes the innermost until it waits, or the root has come to its end.
    void resume() noexcept;

    /// Destroys the chain, from the innermost outwards.
    void destroy() noexcept;
};

/// What a coroutine of any type has.
struct Promise {
    std::coroutine_handle<> self;
    Root *root = nullptr;
    Promise *parent = nullptr;      ///< Who awaits it.
    Promise **owner = nullptr;      ///< Who would destroy it.

    struct Final {
        bool await_ready() const noexcept { return false; }
        template <class P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) const noexcept
        {
            Promise &promise = ended.promise();
            if (promise.parent)
                return promise.root->transfer_to(*promise.parent);
            promise.root->innermost = nullptr;
            return std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
};

inline std::coroutine_handle<> Root::transfer_to(Promise &next) noexcept
{
    constexpr unsigned at_once = 64;
    innermost = &next;
    if (++transfers % at_once == 0)
        return std::noop_coroutine();
    return next.self;
}

inline void Root::resume() noexcept
{
    while (innermost && !waiting)
        innermost->self.resume();
}

inline void Root::destroy() noexcept
{
    while (innermost) {
        Promise &ends = *innermost;
        innermost = ends.parent;
        // Its owner, in the parent's frame, finds nothing to destroy.
        *ends.owner = nullptr;
        quietly([&ends] { ends.self.destroy(); });
    }
}

/// The one who destroys a coroutine.
class Owner {
public:
    explicit Owner(Promise *promise) noexcept : promise_(promise) {}
    Owner(Owner &&other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
    Owner &operator=(Owner &&other) noexcept
    {
        Owner old(std::move(other));
        std::swap(promise_, old.promise_);
        return *this;
    }
    ~Owner()
    {
        if (promise_)
            promise_->self.destroy();
    }

    Promise *promise() const noexcept { return promise_; }

    /// From now on the coroutine is part of a chain, and this stays here.
    void begin(Root &root, Promise *parent) noexcept
    {
        promise_->root = &root;
        promise_->parent = parent;
        promise_->owner = &promise_;
    }

private:
    Promise *promise_;
};

/// How a coroutine ends that gives a T.
template <class T>
struct Returning : Promise {
    Outcome<T> outcome;

    void unhandled_exception() noexcept { outcome.set(std::current_exception()); }

    /// What it returned; what it threw is thrown again.
    T take()
    {
#if TASK_SCHEDULING_EXCEPTIONS
        if (outcome.exception())
            std::rethrow_exception(*outcome.exception());
#endif
        return outcome.take();
    }
};

template <class T>
struct AsyncPromise : Returning<T> {
    template <class U = T>
    void return_value(U &&value)
    {
        this->outcome.set([&]() -> T { return static_cast<T>(std::forward<U>(value)); });
    }
};
template <>
struct AsyncPromise<void> : Returning<void> {
    void return_void() noexcept
    {
        outcome.set([] {});
    }
};

/// What co_await makes of a thing: see awaitables.hpp for others.
template <class T>
struct Awaitable {
    template <class Thing>
    static void awaiter(Thing &&)
    {
        static_assert(!sizeof(T), "a ts::Async awaits what task_scheduling_coroutines.hpp has, and nothing else; "
                                  "where something else is to resume it, hand over a ts::Waker");
    }
};

/// Awaits another coroutine, and owns it.
template <class T>
class AsyncAwaiter {
public:
    explicit AsyncAwaiter(Owner &&owner) noexcept : owner_(std::move(owner)) {}

    bool await_ready() const noexcept { return !owner_.promise(); }

    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept
    {
        Root &root = *parent.promise().root;
        owner_.begin(root, &parent.promise());
        return root.transfer_to(*owner_.promise());
    }

    T await_resume()
    {
        if (!owner_.promise())
            raise({Errc::invalid_argument, "the awaited ts::Async is empty"});
        return static_cast<Returning<T> *>(owner_.promise())->take();
    }

private:
    Owner owner_;
};

} // namespace detail

/// A coroutine that gives a T, and the type that such a coroutine returns. It
/// begins when it is awaited by another, or is added to a scheduler. Move-only;
/// it is awaited once: `co_await std::move(it)`, or at once where it was made.
///
/// Inside, co_await takes what this header has: another Async, a Task, sleeps,
/// file descriptors, wakers. It takes nothing else, as what resumes a
/// coroutine from a foreign thread could do so while a stop destroys it: hand
/// a ts::Waker over there.
///
/// What it throws goes to who awaits it, or becomes the task's failure. A
/// Result that it returns is unwrapped by the task, not by who awaits it.
template <class T = void>
class [[nodiscard]] Async {
public:
    struct promise_type : detail::AsyncPromise<T> {
        Async get_return_object() noexcept
        {
            this->self = std::coroutine_handle<promise_type>::from_promise(*this);
            return Async(this);
        }

        template <class Thing>
        decltype(auto) await_transform(Thing &&thing) noexcept
        {
            return detail::Awaitable<std::decay_t<Thing>>::awaiter(std::forward<Thing>(thing));
        }
    };

    using value_type = T;

    Async(Async &&) noexcept = default;
    Async &operator=(Async &&) noexcept = default;

    /// Whether there is a coroutine: not once it was awaited or moved from.
    bool valid() const noexcept { return owner_.promise() != nullptr; }

private:
    friend struct detail::Awaitable<Async>;
    template <class Source>
    friend class detail::Running;

    explicit Async(detail::Promise *promise) noexcept : owner_(promise) {}

    detail::Owner owner_;
};

namespace detail {

template <class T>
struct Awaitable<Async<T>> {
    static AsyncAwaiter<T> awaiter(Async<T> &&async) noexcept { return AsyncAwaiter<T>(std::move(async.owner_)); }
};

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
