// SchedulerOptions: what a scheduler and its threads are to be like.
#ifndef TASK_SCHEDULING_SCHEDULER_OPTIONS_HPP
#define TASK_SCHEDULING_SCHEDULER_OPTIONS_HPP

#include "hand_in.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// What a scheduler is to be like. Fields that begin with thread_ take the
/// place of the configuration's keys of these names. In C++20:
///
///     ts::Scheduler mail({.thread_name = "mail", .thread_affinity = "0"});
struct SchedulerOptions {
    /// The configuration that it starts with, for example "line_task_max: 4".
    std::string config{};
    /// Called on each thread of the scheduler, first and last of all, with the
    /// thread's name. It should return soon; a call that would wait gives
    /// would_deadlock. What it throws is lost. The scheduler has a copy, which
    /// is destroyed when its last thread has gone.
    std::function<void(ThreadEvent, std::string_view name)> on_thread{};
    /// What names of threads begin with, 1 to 11 bytes.
    std::optional<std::string> thread_name{};
    /// The processors that threads may run on, such as "0,2-3"; "" is those of
    /// the thread that starts them.
    std::optional<std::string> thread_affinity{};
    /// Bytes of stack for your callables, 16384 to 1 GiB; 0: as configured.
    std::size_t thread_stack_size = 0;
    /// Nice level of the threads, -20 to 19; 0: as configured.
    int thread_nice = 0;
};

namespace detail {

using OnThread = std::function<void(ThreadEvent, std::string_view)>;

inline void call_on_thread(ts_thread_event event, const char *name, void *data) noexcept
{
    quietly([&] { (*static_cast<OnThread *>(data))(static_cast<ThreadEvent>(event), std::string_view(name)); });
}

inline Result<ts_scheduler *> new_scheduler(const SchedulerOptions &options)
{
    const char *const whats[] = {"the configuration", "thread_name", "thread_affinity"};
    const std::string *const texts[] = {&options.config, options.thread_name ? &*options.thread_name : nullptr,
                                        options.thread_affinity ? &*options.thread_affinity : nullptr};
    for (std::size_t at = 0; at < 3; at++)
        if (texts[at] && texts[at]->find('\0') != std::string::npos)
            return has_nul(whats[at]);
    ts_scheduler_options raw{};
    raw.size = sizeof raw;
    raw.config_yaml = texts[0]->c_str();
    raw.thread_name = texts[1] ? texts[1]->c_str() : nullptr;
    raw.thread_affinity = texts[2] ? texts[2]->c_str() : nullptr;
    raw.thread_stack_size = options.thread_stack_size;
    raw.thread_nice = options.thread_nice;
    if (options.on_thread) {
        raw.on_thread = call_on_thread;
        raw.user_data = new OnThread(options.on_thread);
        raw.drop = drop_callable<OnThread>;
    }
    ts_scheduler *made = nullptr;
    const ts_error error = ts_scheduler_new_with(&raw, &made);
    if (error == TS_OK)
        return made;
    Error said = last_error(error);
    if (raw.user_data)
        raw.drop(raw.user_data);
    return said;
}

} // namespace detail

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
