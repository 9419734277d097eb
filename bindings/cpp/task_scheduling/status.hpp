// Kinds, states, and everything that is known of a task.
#ifndef TASK_SCHEDULING_STATUS_HPP
#define TASK_SCHEDULING_STATUS_HPP

#include "task_id.hpp"
#include "time.hpp"

#include <vector>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// What sort of task.
enum class Kind : int {
    linear = TS_LINEAR, ///< An ordinary function, which may block; one at a time per name.
    async = TS_ASYNC,   ///< Polled, or a coroutine, never blocks; a few at a time per name.
};

/// Where a task stands. The last four are final.
enum class State : int {
    pending = TS_PENDING,     ///< Added, not started.
    running = TS_RUNNING,     ///< Started; while it is told to stop, too.
    completed = TS_COMPLETED, ///< It returned.
    failed = TS_FAILED,       ///< It threw, or returned an error.
    timeout = TS_TIMEOUT,     ///< It ran for too long, and has ended.
    cancelled = TS_CANCELLED, ///< It was told to stop, and has ended or never started.
};

/// Whether a task in that state has ended.
constexpr bool is_final(State state) noexcept { return state != State::pending && state != State::running; }

/// Who runs a linear task. Async tasks always run on the scheduler's event
/// loops.
enum class Runner : int {
    workers = TS_WORKERS, ///< Threads of the scheduler.
    claims = TS_CLAIMS,   ///< You do, in your own way: see Claim.
    pump = TS_PUMP,       ///< A Pump.
};

/// What has become of a thread of the scheduler.
enum class ThreadEvent : int {
    started = TS_THREAD_STARTED,   ///< It has started, and has run nothing else of yours.
    stopping = TS_THREAD_STOPPING, ///< It ends, and will run nothing else of yours.
};

/// How much a line of the log matters.
enum class LogLevel : int {
    debug = TS_LOG_DEBUG,     ///< For who looks for a fault.
    info = TS_LOG_INFO,       ///< The normal course.
    warning = TS_LOG_WARNING, ///< Something was refused, stopped or cancelled.
    error = TS_LOG_ERROR,     ///< A task failed, or the system refused something.
};

/// The word for it, such as "running". "unknown" for a number that has none.
constexpr std::string_view to_string(State state) noexcept
{
    switch (state) {
    case State::pending: return "pending";
    case State::running: return "running";
    case State::completed: return "completed";
    case State::failed: return "failed";
    case State::timeout: return "timeout";
    case State::cancelled: return "cancelled";
    }
    return "unknown";
}
constexpr std::string_view to_string(Kind kind) noexcept
{
    switch (kind) {
    case Kind::linear: return "linear";
    case Kind::async: return "async";
    }
    return "unknown";
}
constexpr std::string_view to_string(Runner runner) noexcept
{
    switch (runner) {
    case Runner::workers: return "workers";
    case Runner::claims: return "claims";
    case Runner::pump: return "pump";
    }
    return "unknown";
}
constexpr std::string_view to_string(ThreadEvent event) noexcept
{
    switch (event) {
    case ThreadEvent::started: return "started";
    case ThreadEvent::stopping: return "stopping";
    }
    return "unknown";
}
constexpr std::string_view to_string(LogLevel level) noexcept
{
    switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
    }
    return "unknown";
}

/// Everything that is known of a task at one moment.
struct Status {
    TaskId id;
    std::string name;                    ///< "" for none.
    Kind kind = Kind::linear;
    State state = State::pending;
    std::optional<State> stopping;       ///< While it runs after it was told to stop: how it will end.
    std::int32_t code = 0;               ///< Of a failed task: the Errc of the ts::Error, else 1.
    std::string error;                   ///< Of a failed task: its words, up to 255 bytes.
    bool stuck = false;                  ///< It runs on, long after it was told to stop.
    TimePoint added_at;
    std::optional<TimePoint> started_at; ///< Not while it has not been.
    std::optional<TimePoint> ended_at;   ///< Not while it has not.
};

/// How a task ended.
struct Completion {
    TaskId id;
    void *data = nullptr;           ///< The data of its options.
    State state = State::completed; ///< Its final state.
    std::int32_t code = 0;          ///< As in Status.
};

/// What a shutdown that gave up has left.
struct Remains {
    static constexpr std::size_t most = 64; ///< So many statuses at most.

    std::vector<Status> tasks; ///< The first of those that still run, in the order of their adds.
    std::size_t running = 0;   ///< How many still run.
    std::size_t claims = 0;    ///< Cancelled ones that whoever takes claims has to finish.
    std::size_t threads = 0;   ///< Threads of the library that are still there.
};

namespace detail {

/// The way from the public types to those of C, for the wrapper alone.
struct Access {
    static const ts_task_id &raw(const TaskId &id) noexcept { return id.raw_; }
    static ts_task_id &raw(TaskId &id) noexcept { return id.raw_; }

    static TaskId id(const ts_task_id &raw) noexcept
    {
        TaskId id;
        id.raw_ = raw;
        return id;
    }

    /// What a handle is a handle of; NULL of an empty one.
    template <class Handle>
    static auto handle(const Handle &handle) noexcept -> decltype(handle.raw())
    {
        return handle.raw();
    }

    template <class Wrapper, class... Raw>
    static Wrapper wrap(Raw... raw) noexcept
    {
        return Wrapper(raw...);
    }
};

/// Refers to a Lane, a Pump or Completions, which must stay as long; or to none.
template <class Raw>
class Ref {
public:
    constexpr Ref() noexcept = default;
    template <class Handle,
              std::enable_if_t<std::is_same_v<decltype(Access::handle(std::declval<const Handle &>())), Raw *>, int> = 0>
    Ref(const Handle &handle) noexcept : raw_(Access::handle(handle))
    {
    }

    Raw *get() const noexcept { return raw_; }

private:
    Raw *raw_ = nullptr;
};

constexpr ts_kind raw(Kind kind) noexcept { return static_cast<ts_kind>(kind); }

constexpr ts_runner raw(std::optional<Runner> runner) noexcept
{
    return runner ? static_cast<ts_runner>(*runner) : ts_runner{};
}

inline Completion completion(const ts_completion &raw) noexcept
{
    return {Access::id(raw.id), raw.data, static_cast<State>(raw.state), raw.code};
}

inline ts_task_status raw_status() noexcept
{
    ts_task_status status{};
    status.size = sizeof status;
    return status;
}

inline Status status(const ts_task_status &raw)
{
    Status status;
    status.id = Access::id(raw.id);
    status.name = raw.task_name;
    status.kind = static_cast<Kind>(raw.kind);
    status.state = static_cast<State>(raw.state);
    if (raw.stopping != 0)
        status.stopping = static_cast<State>(raw.stopping);
    status.code = raw.code;
    status.error = raw.error;
    status.stuck = (raw.flags & TS_STATUS_STUCK) != 0;
    status.added_at = time_point(raw.added_at);
    status.started_at = time_point_if(raw.started_at);
    status.ended_at = time_point_if(raw.ended_at);
    return status;
}

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
