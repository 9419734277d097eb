// Errors: what can be wrong, and the exception that says so.
#ifndef TASK_SCHEDULING_ERROR_HPP
#define TASK_SCHEDULING_ERROR_HPP

#include "config.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// What was wrong. The numbers never change; later versions may add some.
enum class Errc : int {
    stopped = TS_STOPPED,                                   ///< A sleep ended early.
    not_yet = TS_NOT_YET,                                   ///< Not ready: ask again later.
    invalid_argument = TS_ERROR_INVALID_ARGUMENT,           ///< A value is not allowed.
    not_found = TS_ERROR_NOT_FOUND,                         ///< No such task, or not any more.
    banned = TS_ERROR_BANNED,                               ///< The task name is banned.
    already_banned = TS_ERROR_ALREADY_BANNED,               ///< It was banned before.
    not_banned = TS_ERROR_NOT_BANNED,                       ///< It is not banned.
    queue_full = TS_ERROR_QUEUE_FULL,                       ///< As many are pending as may be.
    shutting_down = TS_ERROR_SHUTTING_DOWN,                 ///< A shutdown is under way.
    not_finished = TS_ERROR_NOT_FINISHED,                   ///< The task has not ended.
    already_finished = TS_ERROR_ALREADY_FINISHED,           ///< The task has ended.
    already_stopping = TS_ERROR_ALREADY_STOPPING,           ///< Another stop came first.
    no_result = TS_ERROR_NO_RESULT,                         ///< The result was taken.
    timed_out = TS_ERROR_TIMED_OUT,                         ///< The time to wait is over.
    would_deadlock = TS_ERROR_WOULD_DEADLOCK,               ///< It would wait for its caller.
    wrong_kind = TS_ERROR_WRONG_KIND,                       ///< Not for tasks of this kind.
    wrong_thread = TS_ERROR_WRONG_THREAD,                   ///< The call is another thread's.
    config = TS_ERROR_CONFIG,                               ///< A key or value is not allowed.
    out_of_memory = TS_ERROR_OUT_OF_MEMORY,                 ///< Memory ran out.
    system = TS_ERROR_SYSTEM,                               ///< The operating system refused.
    forked = TS_ERROR_FORKED,                               ///< The parent's scheduler.
    panic = TS_ERROR_PANIC,                                 ///< A fault in the library.
    in_use = TS_ERROR_IN_USE,                               ///< Others hold it now.
    // How a task ended of whom a result was asked. No call of C gives these.
    task_failed = 1000,                                     ///< It failed.
    task_cancelled = 1001,                                  ///< It was stopped.
    task_timed_out = 1002,                                  ///< It ran for too long.
};

namespace detail {

class Category final : public std::error_category {
public:
    const char *name() const noexcept override { return "task_scheduling"; }

    /// Such as "already banned".
    std::string message(int code) const override
    {
        switch (code) {
        case static_cast<int>(Errc::task_failed): return "task failed";
        case static_cast<int>(Errc::task_cancelled): return "task cancelled";
        case static_cast<int>(Errc::task_timed_out): return "task timed out";
        default: break;
        }
        std::string text = ts_error_name(static_cast<ts_error>(code));
        for (const char *prefix : {"TS_ERROR_", "TS_"})
            if (text.rfind(prefix, 0) == 0)
                text.erase(0, std::char_traits<char>::length(prefix));
        for (char &letter : text)
            letter = letter == '_' ? ' ' : letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
        return text;
    }
};

} // namespace detail

/// The category of these errors in std::error_code.
inline const std::error_category &category() noexcept
{
    // Never destroyed: an error_code may be looked at late.
    static const auto &instance = *new detail::Category;
    return instance;
}

inline std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), category()}; }

/// An error: a code, and what() says in words what was wrong with what. It is
/// thrown by the functions that can fail, and is in the Result of those that
/// begin with try_. A task may throw it, or return it, to fail with its words.
class Error : public std::runtime_error {
public:
    explicit Error(const std::string &words) : Error(Errc::task_failed, words) {}
    Error(Errc code, const std::string &words) : std::runtime_error(words), code_(code) {}

    /// Compares with Errc, and converts to std::error_code.
    Errc code() const noexcept { return code_; }

private:
    Errc code_;
};

/// Thrown when the result is asked for of a task that was stopped, by you or
/// by a shutdown.
class TaskCancelled : public Error {
public:
    explicit TaskCancelled(const std::string &words) : Error(Errc::task_cancelled, words) {}
};

/// Thrown when the result is asked for of a task that ran for too long.
class TaskTimedOut : public Error {
public:
    explicit TaskTimedOut(const std::string &words) : Error(Errc::task_timed_out, words) {}
};

namespace detail {

/// What the last call of this thread that failed has to say.
inline Error last_error(ts_error error) { return {static_cast<Errc>(error), ts_last_error_message()}; }

/// The code with which a task fails by an error, never 0: that is none.
inline int failure_code(Errc code) noexcept
{
    return code == Errc::task_failed || code == Errc() ? 1 : static_cast<int>(code);
}

/// Throws the error as the type that goes with its code. Without exceptions
/// the process ends: who has none asks first.
[[noreturn]] inline void raise(const Error &error)
{
#if TASK_SCHEDULING_EXCEPTIONS
    if (error.code() == Errc::task_cancelled)
        throw TaskCancelled(error.what());
    if (error.code() == Errc::task_timed_out)
        throw TaskTimedOut(error.what());
    throw error;
#else
    std::fprintf(stderr, "task_scheduling: %s\n", error.what());
    std::abort();
#endif
}

/// Calls work. What it throws goes no further, but to
/// thrown(std::exception_ptr, const char *words, Errc).
template <class Work, class Thrown>
void caught(Work &&work, Thrown &&thrown) noexcept
{
#if TASK_SCHEDULING_EXCEPTIONS
    try {
        work();
    } catch (const Error &error) {
        thrown(std::current_exception(), error.what(), error.code());
    } catch (const std::exception &exception) {
        thrown(std::current_exception(), exception.what(), Errc::task_failed);
    } catch (...) {
        thrown(std::current_exception(), "an exception that is no std::exception", Errc::task_failed);
    }
#else
    static_cast<void>(thrown);
    work();
#endif
}

/// Calls a destructor. What it throws is lost, as nobody is there to take it.
template <class Work>
void quietly(Work &&work) noexcept
{
    caught(std::forward<Work>(work), [](const std::exception_ptr &, const char *, Errc) {});
}

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

template <>
struct std::is_error_code_enum<ts::Errc> : std::true_type {};

#endif
