// Coroutines as tasks.
#ifndef TASK_SCHEDULING_COROUTINE_TASKS_HPP
#define TASK_SCHEDULING_COROUTINE_TASKS_HPP

#include "coroutine.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

template <class T>
inline constexpr bool is_async<Async<T>> = true;

template <class T>
const Async<T> &made_by(const Async<T> &);
template <class Source, class Made = std::invoke_result_t<Source &>>
Made made_by(const Source &);

/// What the coroutine returns that the source is, or makes.
template <class Source>
using Returned = typename std::decay_t<decltype(made_by(std::declval<const Source &>()))>::value_type;

/// A coroutine of a task, from its add to its end. What made it lives as long:
/// the coroutine of a lambda refers to what the lambda has captured.
template <class Source>
class Running {
public:
    template <class From>
    explicit Running(From &&source) : source_(std::forward<From>(source))
    {
    }
    Running(const Running &) = delete;
    Running &operator=(const Running &) = delete;
    ~Running() { root_.destroy(); }

    bool has_begun() const noexcept { return has_begun_; }

    /// False when there is no coroutine. What making it throws goes on.
    bool begin()
    {
        has_begun_ = true;
        if constexpr (is_async<Source>)
            main_ = std::move(source_.owner_);
        else
            main_ = std::move(std::invoke(source_).owner_);
        if (!main_.promise())
            return false;
        main_.begin(root_, nullptr);
        root_.innermost = main_.promise();
        return true;
    }

    /// Goes on as far as it can. True when it has come to its end.
    bool poll(const AsyncToken &token) noexcept
    {
        if (root_.waiting && !root_.waiting->over(*root_.waiting, token))
            return false;
        root_.waiting = nullptr;
        root_.token = &token;
        root_.resume();
        root_.token = nullptr;
        return !root_.innermost;
    }

    Returned<Source> take() { return static_cast<Returning<Returned<Source>> *>(main_.promise())->take(); }

private:
    Source source_;
    Root root_;
    Owner main_{nullptr};
    bool has_begun_ = false;
};

template <class Source>
struct Coroutine {
    using Value = ValueOf<Returned<Source>>;
    using Memory = Box<Value, Running<Source>>;

    static void set(ts_task_options &options) noexcept { options.poll = poll; }

private:
    static ts_poll poll(ts_token *raw, void *data) noexcept
    {
        auto &box = *static_cast<Memory *>(data);
        Running<Source> &running = box.callable();
        if (!running.has_begun() && !begin(raw, box, running))
            return TS_POLL_FAILED;
        if (!running.poll(Access::wrap<AsyncToken>(raw)))
            return TS_POLL_PENDING;
        const auto take = [&running]() -> Returned<Source> { return running.take(); };
        return box.fill(raw, take) == 0 ? TS_POLL_READY : TS_POLL_FAILED;
    }

    static bool begin(ts_token *raw, Memory &box, Running<Source> &running) noexcept
    {
        bool begun = false;
        caught(
            [&] {
                begun = running.begin();
                if (!begun)
                    box.fail(raw, {Errc::invalid_argument, "the ts::Async of this task is empty"});
            },
            [&](std::exception_ptr exception, const char *words, Errc code) {
                box.fail(raw, std::move(exception), words, code);
            });
        return begun;
    }
};

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
