// What may be a task: a callable, linear or polled, as the functions that the
// scheduler calls.
//
// A source says how a callable becomes a task: Value is what the task gives,
// Memory its box, and set() puts the function into the options. That of
// coroutines is in coroutine_tasks.hpp.
#ifndef TASK_SCHEDULING_CALLABLES_HPP
#define TASK_SCHEDULING_CALLABLES_HPP

#include "box.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

template <class Returned>
using ValueOf = typename Unwrapped<std::remove_cv_t<Returned>>::type;

template <class Callable>
constexpr auto linear_returns()
{
    if constexpr (std::is_invocable_v<Callable, Token &>) {
        return std::common_type<std::invoke_result<Callable, Token &>>();
    } else {
        static_assert(std::is_invocable_v<Callable>, "a task is a callable that takes a ts::Token or nothing");
        return std::common_type<std::invoke_result<Callable>>();
    }
}

/// A callable that is called once, with a token if it takes one.
template <class Callable>
struct Linear {
    using Value = ValueOf<typename decltype(linear_returns<Callable>())::type::type>;
    using Memory = Box<Value, Callable>;

    static void set(ts_task_options &options) noexcept { options.run = run; }

private:
    static std::int32_t run(ts_token *raw, void *data) noexcept
    {
        auto &box = *static_cast<Memory *>(data);
        return box.fill(raw, [&]() -> decltype(auto) {
            if constexpr (std::is_invocable_v<Callable, Token &>) {
                Token token = Access::wrap<Token>(raw);
                return std::invoke(std::move(box.callable()), token);
            } else {
                return std::invoke(std::move(box.callable()));
            }
        });
    }
};

/// What the answer of a polled callable says: that of ts::Poll, or of an
/// optional that is empty while the task is not done.
template <class Answer>
struct PollAnswer {
    static_assert(std::is_same_v<Answer, Poll>, "an async task's callable returns a ts::Poll, a std::optional, or a "
                                                "ts::Async, which is in task_scheduling_coroutines.hpp");
    using Value = void;
    static Poll poll(Poll answer) noexcept { return answer; }
    static void value(Poll) noexcept {}
};
template <class T>
struct PollAnswer<std::optional<T>> {
    using Value = T;
    static Poll poll(const std::optional<T> &answer) noexcept { return answer ? Poll::ready : Poll::pending; }
    static T value(std::optional<T> &answer) { return *std::move(answer); }
};

/// A callable that is called with an AsyncToken until its answer is there.
template <class Callable>
struct Polled {
    static_assert(std::is_invocable_v<Callable &, AsyncToken &>,
                  "an async task is a callable that takes a ts::AsyncToken, or a ts::Async, which is in "
                  "task_scheduling_coroutines.hpp");
    using Answer = PollAnswer<std::decay_t<std::invoke_result_t<Callable &, AsyncToken &>>>;
    using Value = typename Answer::Value;
    using Memory = Box<Value, Callable>;

    static void set(ts_task_options &options) noexcept { options.poll = poll; }

private:
    static ts_poll poll(ts_token *raw, void *data) noexcept
    {
        auto &box = *static_cast<Memory *>(data);
        Poll poll = Poll::failed;
        caught(
            [&] {
                AsyncToken token = Access::wrap<AsyncToken>(raw);
                auto answer = std::invoke(box.callable(), token);
                poll = Answer::poll(answer);
                if (poll == Poll::ready && box.fill(raw, [&]() -> Value { return Answer::value(answer); }) != 0)
                    poll = Poll::failed;
            },
            [&](std::exception_ptr exception, const char *words, Errc code) {
                poll = Poll::failed;
                box.fail(raw, std::move(exception), words, code);
            });
        return static_cast<ts_poll>(poll);
    }
};

/// Whether the type is a ts::Async.
template <class T>
inline constexpr bool is_async = false;

template <class Source, bool = std::is_invocable_v<Source &>>
inline constexpr bool makes_async = false;
template <class Source>
inline constexpr bool makes_async<Source, true> = is_async<std::decay_t<std::invoke_result_t<Source &>>>;

/// A coroutine, or a callable that makes one.
template <class Source>
struct Coroutine;

template <class Source>
using AsyncSource = typename std::conditional_t<is_async<Source> || makes_async<Source>, std::common_type<Coroutine<Source>>,
                                                std::common_type<Polled<Source>>>::type;

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
