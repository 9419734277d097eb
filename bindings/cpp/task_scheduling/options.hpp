// How a task is added: its name and its options.
#ifndef TASK_SCHEDULING_OPTIONS_HPP
#define TASK_SCHEDULING_OPTIONS_HPP

#include "result.hpp"
#include "status.hpp"

#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// No name: the task queues behind no other, and cannot be banned.
inline constexpr std::nullopt_t no_name = std::nullopt;

/// The name of tasks, for parameters: text of 1 to 255 bytes of UTF-8, or
/// no_name. It refers to the text, which must stay as long as it does.
class Name {
public:
    Name(std::nullopt_t) noexcept {}
    Name(const char *text) noexcept : text_(text) {}
    Name(const std::string &text) noexcept : Name(text.c_str(), text.size()) {}
    Name(std::string_view text) noexcept
    {
        // The scheduler says of what is cut here that it is too long.
        const std::size_t size = text.size() < sizeof copy_ ? text.size() : sizeof copy_ - 1;
        text.copy(copy_, size); // which may be of nothing, at NULL
        copy_[size] = '\0';
        *this = Name(copy_, size);
    }
    Name(const Name &) = delete;

    /// Whether there is a NUL inside, where the C face would see the end.
    bool is_cut() const noexcept { return is_cut_; }

    /// NULL for no name.
    const char *c_str() const noexcept { return text_; }

private:
    Name(const char *text, std::size_t size) noexcept : text_(text), is_cut_(std::memchr(text, 0, size) != nullptr) {}
    Name &operator=(const Name &other) noexcept
    {
        text_ = other.text_;
        is_cut_ = other.is_cut_;
        return *this;
    }

    const char *text_ = nullptr;
    bool is_cut_ = false;
    char copy_[300];
};

/// How a task is to be treated. In C++20:
///
///     scheduler.add("thumbnails", make_thumbnail, {.timeout = 30s, .ban_on_failure = true});
struct Options {
    /// Tell the task to stop when it has run for watch_dog_time, a key of the
    /// configuration.
    bool timeout_processing = false;
    /// Tell it to stop when it has run for so long instead.
    std::optional<Duration> timeout{};
    /// When it fails, ban its name before the next task of that name starts.
    bool ban_on_failure = false;
    /// When the queue is full, wait so long for room; may be ts::forever. Not
    /// from inside a task.
    std::optional<Duration> wait_for_room{};
    /// When it still runs stuck_grace seconds after it was told to stop, let
    /// the next of its name start beside it.
    bool release_lane_when_stuck = false;
    /// When it is told to stop, break the system call that it blocks in: it ends
    /// with EINTR, and so do later ones. Not for claims; without effect for async
    /// tasks, and where the system is not Linux.
    bool interrupt_blocking = false;
    /// A Lane of the same scheduler, in place of a name. One that was moved
    /// from is none.
    detail::Ref<ts_lane> lane{};
    /// Who runs the task; otherwise who runs its lane.
    std::optional<Runner> runner{};
    /// The Pump that runs it.
    detail::Ref<ts_pump> pump{};
    /// The Completions where its end is to be kept, with this data.
    detail::Ref<ts_completions> completions{};
    void *data = nullptr;
    /// Called last, when the task can be waited for: before the next of its
    /// name starts, so be quick. The task has a copy, which is destroyed after
    /// the call; what it throws is lost.
    std::function<void(const Completion &)> on_end{};
};

namespace detail {

/// The options of a task, but for its function.
inline ts_task_options raw(const Name &name, const Options &options) noexcept
{
    ts_task_options raw{};
    raw.size = sizeof raw;
    raw.name = name.c_str();
    if (options.timeout_processing)
        raw.flags |= TS_TIMEOUT_PROCESSING;
    if (options.timeout) {
        // 0 would be the configuration's time, and is the shortest here.
        constexpr double shortest = 1e-9;
        const double seconds = limited(*options.timeout);
        raw.flags |= TS_TIMEOUT_PROCESSING;
        raw.timeout_seconds = seconds < shortest ? shortest : seconds;
    }
    if (options.ban_on_failure)
        raw.flags |= TS_BAN_ON_FAILURE;
    if (options.wait_for_room) {
        raw.flags |= TS_WAIT_FOR_ROOM;
        raw.wait_seconds = patience(*options.wait_for_room);
    }
    if (options.interrupt_blocking)
        raw.flags |= TS_INTERRUPT_BLOCKING;
    if (options.release_lane_when_stuck)
        raw.flags |= TS_RELEASE_LANE_WHEN_STUCK;
    raw.lane = options.lane.get();
    raw.runner = detail::raw(options.runner);
    raw.pump = options.pump.get();
    raw.completions = options.completions.get();
    raw.completion_data = options.data;
    return raw;
}

inline Error has_nul(const char *what) { return {Errc::invalid_argument, std::string(what) + " has a NUL in it"}; }

/// Text for the C face.
inline Result<std::string> terminated(std::string_view text, const char *what)
{
    if (text.find('\0') != text.npos)
        return has_nul(what);
    return std::string(text);
}

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
