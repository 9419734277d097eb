// Token: what a running linear task has of the scheduler.
#ifndef TASK_SCHEDULING_TOKEN_HPP
#define TASK_SCHEDULING_TOKEN_HPP

#include "status.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

namespace detail {

/// Words that are not UTF-8, as text that the scheduler takes.
struct Plain {
    char text[256];

    explicit Plain(const char *words) noexcept
    {
        std::size_t length = 0;
        for (; words[length] != '\0' && length + 1 < sizeof text; length++) {
            const bool ascii = static_cast<unsigned char>(words[length]) < 0x80;
            text[length] = ascii ? words[length] : '?';
        }
        text[length] = '\0';
    }
};

/// The words of a failure.
inline void set_error(ts_token *token, const char *words) noexcept
{
    if (ts_set_error(token, words) != TS_OK)
        ts_set_error(token, Plain(words).text);
}

/// A sleep that a stop ends early. True when the time has passed.
inline Result<bool> sleep(ts_token *token, Duration time)
{
    const ts_error error = ts_interruptible_sleep(token, limited(time));
    if (error != TS_OK && error != TS_STOPPED)
        return last_error(error);
    return error == TS_OK;
}

template <class Clock, class Time>
Result<bool> sleep_until(ts_token *token, const std::chrono::time_point<Clock, Time> &until)
{
    for (;;) {
        const Duration time = left(until);
        Result<bool> slept = sleep(token, time);
        // The clock may have been set meanwhile.
        if (!slept || !*slept || time.count() <= 0)
            return slept;
    }
}

} // namespace detail

/// A linear task's view of itself: the task's callable is called with one, if
/// it takes one. It reads like a std::stop_token that can also sleep. It is
/// small, to be handed on by value, and valid while the task's call lasts; of
/// its threads only the task's own may sleep with it.
///
/// A task that works for long asks stop_requested() from time to time, and
/// sleeps with it. One that does neither runs to its end, whoever stops it.
class Token {
public:
    /// Whether the task was told to stop: then tidy up and return soon. Asking
    /// costs next to nothing. From any thread.
    bool stop_requested() const noexcept { return ts_should_stop(raw_); }

    /// A task can always be told to stop.
    bool stop_possible() const noexcept { return true; }

    /// Sleeps. True when the time has passed; false, at once, when the task is
    /// told to stop or was before.
    ///
    /// Errors: invalid_argument for NaN; wrong_thread.
    Result<bool> try_sleep_for(Duration time) const { return detail::sleep(raw_, time); }

    /// The same, until a point in time of any clock.
    template <class Clock, class Time>
    Result<bool> try_sleep_until(const std::chrono::time_point<Clock, Time> &until) const
    {
        return detail::sleep_until(raw_, until);
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_sleep_for; throws Error.
    bool sleep_for(Duration time) const { return try_sleep_for(time).value(); }

    /// As try_sleep_until; throws Error.
    template <class Clock, class Time>
    bool sleep_until(const std::chrono::time_point<Clock, Time> &until) const
    {
        return try_sleep_until(until).value();
    }
#endif

private:
    friend struct detail::Access;
    explicit Token(ts_token *raw) noexcept : raw_(raw) {}

    ts_token *raw_;
};

/// The linear task that the calling thread is running, for code deep inside
/// that was not handed its token. Outside any task nobody asks to stop, and a
/// sleep is a plain one.
namespace this_task {

inline bool stop_requested() noexcept { return ts_should_stop(nullptr); }

/// As Token::try_sleep_for. Errors: wrong_kind in an async task, too.
inline Result<bool> try_sleep_for(Duration time) { return detail::sleep(nullptr, time); }

#if TASK_SCHEDULING_EXCEPTIONS
/// As try_sleep_for; throws Error.
inline bool sleep_for(Duration time) { return try_sleep_for(time).value(); }

/// As Token::sleep_until.
template <class Clock, class Time>
bool sleep_until(const std::chrono::time_point<Clock, Time> &until)
{
    return detail::sleep_until(nullptr, until).value();
}
#endif

} // namespace this_task
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
