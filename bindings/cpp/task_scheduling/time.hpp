// Times: std::chrono outside, seconds in the C face.
#ifndef TASK_SCHEDULING_TIME_HPP
#define TASK_SCHEDULING_TIME_HPP

#include "config.hpp"

#include <chrono>
#include <limits>
#include <optional>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// A duration. Every one of std::chrono converts to it.
using Duration = std::chrono::duration<double>;

/// A duration without end, for waits.
inline constexpr Duration forever{std::numeric_limits<double>::infinity()};

/// A point in time, by the clock on the wall.
using TimePoint = std::chrono::system_clock::time_point;

namespace detail {

/// The longest that the scheduler knows, some thirty years.
inline constexpr double longest = 1e9;

/// How long to sleep or to run: one that has passed is none. NaN stays, and is
/// refused.
inline double limited(Duration time) noexcept
{
    return time.count() < 0 ? 0 : time.count() > longest ? longest : time.count();
}

/// How long to wait: what is longer than the longest has no end.
inline double patience(Duration time) noexcept
{
    return time.count() > longest ? forever.count() : limited(time);
}

/// How long until then; less than nothing once it has passed.
template <class Clock, class Time>
Duration left(const std::chrono::time_point<Clock, Time> &until)
{
    const auto now = Clock::now();
    // In seconds before they are subtracted: nothing runs over.
    return Duration(until.time_since_epoch()) - Duration(now.time_since_epoch());
}

inline TimePoint time_point(double seconds) noexcept
{
    return TimePoint(std::chrono::duration_cast<TimePoint::duration>(Duration(seconds)));
}

/// 0 says that it has not been.
inline std::optional<TimePoint> time_point_if(double seconds) noexcept
{
    if (!(seconds > 0))
        return std::nullopt;
    return time_point(seconds);
}

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
