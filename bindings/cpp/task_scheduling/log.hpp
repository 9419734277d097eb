// The log, and the version.
#ifndef TASK_SCHEDULING_LOG_HPP
#define TASK_SCHEDULING_LOG_HPP

#include "status.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

template <class Callable>
void call_log(ts_log_level level, const char *text, void *data) noexcept
{
    auto &callable = *static_cast<Callable *>(data);
    quietly([&] { callable(static_cast<LogLevel>(level), std::string_view(text)); });
}

template <class Callable>
void drop_log(void *data) noexcept
{
    quietly([data] { delete static_cast<Callable *>(data); });
}

} // namespace detail

/// Sets the callable that takes the log of every scheduler of the process, in
/// place of an earlier one. It is called with a LogLevel and a
/// std::string_view without line end, on any thread, on several at once too;
/// what it throws is lost. It is destroyed when the last call has returned.
///
///     ts::set_log([](ts::LogLevel, std::string_view text) { std::cerr << text << '\n'; });
///
/// Errors: out_of_memory. Never blocks.
template <class Callable>
Result<void> try_set_log(Callable &&callable)
{
    using Decayed = std::decay_t<Callable>;
    static_assert(std::is_invocable_v<Decayed &, LogLevel, std::string_view>,
                  "the log is a callable that takes a ts::LogLevel and a std::string_view");
    auto *copy = new (std::nothrow) Decayed(std::forward<Callable>(callable));
    if (!copy)
        return Error(Errc::out_of_memory, "there is no memory for the log's callable");
    const ts_error error = ts_set_log_callback(detail::call_log<Decayed>, copy, detail::drop_log<Decayed>);
    if (error == TS_OK)
        return {};
    Error said = detail::last_error(error);
    detail::drop_log<Decayed>(copy);
    return said;
}

/// From now on nobody takes the log.
inline Result<void> try_reset_log() { return detail::done(ts_set_log_callback(nullptr, nullptr, nullptr)); }

#if TASK_SCHEDULING_EXCEPTIONS
/// As try_set_log; throws Error.
template <class Callable>
void set_log(Callable &&callable)
{
    try_set_log(std::forward<Callable>(callable)).value();
}
inline void reset_log() { try_reset_log().value(); }
#endif

/// The version of the library that the program runs with, such as "1.2.3".
inline std::string_view version() noexcept { return ts_version(); }

/// The version that it was compiled with.
struct HeaderVersion {
    static constexpr int major_number = TS_VERSION_MAJOR;
    static constexpr int minor_number = TS_VERSION_MINOR;
    static constexpr int patch_number = TS_VERSION_PATCH;
    static constexpr std::string_view text = TS_VERSION;
};

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
