// Scheduler: takes tasks, and runs them.
#ifndef TASK_SCHEDULING_SCHEDULER_HPP
#define TASK_SCHEDULING_SCHEDULER_HPP

#include "options.hpp"
#include "task.hpp"
#include "values.hpp"

#include <vector>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// A scheduler: its names, limits and threads. Move-only. Its destructor stops
/// all tasks and waits until they have returned; no task may destroy its own
/// scheduler. Handles of its tasks stay good.
///
/// Any thread may call any function, several at once; none blocks unless that
/// is said. Tasks may call them too, on their own scheduler as well. Each one
/// that throws Error has a twin that begins with try_ and gives a Result.
/// A failed call did nothing. One that was moved from may only be assigned to
/// or destroyed.
class Scheduler {
public:
    /// A scheduler. The text changes the configuration that it starts with,
    /// for example "line_task_max: 4"; its keys stand in task_scheduling.h.
    ///
    /// Errors: config for an unknown key or a value out of range, the words
    /// name the line; out_of_memory.
    static Result<Scheduler> try_create(std::string_view config = {})
    {
        const Result<std::string> yaml = detail::terminated(config, "the configuration");
        if (!yaml)
            return yaml.error();
        ts_scheduler *raw = nullptr;
        const ts_error error = ts_scheduler_new(yaml->c_str(), &raw);
        if (error != TS_OK)
            return detail::last_error(error);
        auto *core = new (std::nothrow) detail::Core(raw);
        if (!core) {
            ts_scheduler_free(raw);
            return Error(Errc::out_of_memory, "there is no memory for a scheduler");
        }
        return Scheduler(core);
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_create; throws Error.
    Scheduler() : Scheduler(std::string_view()) {}
    explicit Scheduler(std::string_view config) : Scheduler(try_create(config).value()) {}
#endif

    Scheduler(Scheduler &&other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    Scheduler &operator=(Scheduler &&other) noexcept
    {
        Scheduler old(std::move(other));
        std::swap(core_, old.core_);
        return *this;
    }
    ~Scheduler()
    {
        if (!core_ || !core_->raw())
            return;
        // First, so that no task makes a handle any more while it is freed.
        ts_shutdown(core_->raw(), true);
        core_->release();
    }

    /// Adds a linear task: the callable will be called once, with a Token if
    /// it takes one, on a thread of the scheduler. Tasks of one name run one
    /// after the other, in the order in which they were added; those of
    /// different names side by side. The callable may be move-only; it is
    /// destroyed on the task's thread before the task's end can be seen.
    ///
    /// What it returns is the task's value; a Result is unwrapped, and an
    /// Error fails the task. So does what it throws. Neither it nor its
    /// destructor may end by pthread_exit.
    ///
    /// Blocks only with wait_for_room.
    ///
    /// Errors: invalid_argument; banned; queue_full when maximum_queue_line
    /// tasks are pending; shutting_down; out_of_memory; system when no thread
    /// can be started; forked; would_deadlock when it would have to wait for
    /// room inside a task. What moving the callable throws is thrown by both.
    template <class Callable>
    auto try_add(const Name &name, Callable &&callable, const Options &options = {})
    {
        return with_handle<detail::Linear<std::decay_t<Callable>>>(name, std::forward<Callable>(callable), options);
    }

    /// Adds an async task: a ts::Async, a callable that makes one (it is
    /// called on the loop's thread, and lives as long as the coroutine), or a
    /// callable that takes an AsyncToken and is polled: its answer is a Poll,
    /// or an optional that is empty while it is not done. None may block.
    ///
    /// At most maximum_event_loop_tasks tasks of a name run at once; up to
    /// maximum_queue_async wait behind them. A stopped task ends where it is:
    /// its callable and its coroutines are destroyed on the loop's thread,
    /// from the inside out.
    ///
    /// Errors: as try_add.
    template <class Source>
    auto try_add_async(const Name &name, Source &&source, const Options &options = {})
    {
        return with_handle<detail::AsyncSource<std::decay_t<Source>>>(name, std::forward<Source>(source), options);
    }

    /// As try_add and try_add_async, without a handle: for tasks of which
    /// nobody wants the value. It costs less; the id is the way to the task
    /// while its record stays.
    template <class Callable>
    Result<TaskId> try_post(const Name &name, Callable &&callable, const Options &options = {})
    {
        return hand_in<detail::Linear<std::decay_t<Callable>>>(name, std::forward<Callable>(callable), options, nullptr);
    }
    template <class Source>
    Result<TaskId> try_post_async(const Name &name, Source &&source, const Options &options = {})
    {
        return hand_in<detail::AsyncSource<std::decay_t<Source>>>(name, std::forward<Source>(source), options, nullptr);
    }

    /// Stops a task; see Task::try_stop. Errors: those; not_found.
    Result<void> try_stop(const TaskId &id) { return detail::done(ts_force_stop(raw(), detail::Access::raw(id))); }

    /// Waits for a task. Errors: not_found for one that ended long ago and has
    /// no handle; would_deadlock.
    Result<void> try_wait(const TaskId &id) const { return detail::wait(*core_, id, forever); }

    /// Waits for some time; a time of 0 only asks. True when it has ended.
    Result<bool> try_wait_for(const TaskId &id, Duration time) const
    {
        return detail::has_ended(detail::wait(*core_, id, time));
    }

    /// Where a task stands, and everything that is known of it. The last
    /// maximum_task_info_storage tasks without a handle stay known.
    Result<State> try_state(const TaskId &id) const { return detail::state(*core_, id); }
    Result<Status> try_status(const TaskId &id) const { return detail::status(*core_, id); }

    /// Every known task of a kind, in the order of their adds.
    Result<std::vector<Status>> try_tasks(Kind kind) const { return detail::tasks(raw(), kind); }

    /// A text for people: the known tasks of a kind, and the last ten errors.
    Result<std::string> try_queue_info(Kind kind, bool show_ids = false) const
    {
        return detail::queue_info(raw(), kind, show_ids);
    }

    /// Bans a name: adding a task of that kind and name gives banned from now
    /// on, and pending ones are cancelled. A running one goes on.
    ///
    /// Errors: already_banned; invalid_argument.
    Result<void> try_ban(Kind kind, const Name &name) { return of_name(ts_ban_task_name, kind, name); }

    /// Lifts the ban. Errors: not_banned; invalid_argument.
    Result<void> try_allow(Kind kind, const Name &name) { return of_name(ts_allow_task_name, kind, name); }

    /// Cancels the pending tasks of a kind and name, and says how many.
    Result<std::size_t> try_cancel_queued(Kind kind, const Name &name)
    {
        std::size_t count = 0;
        const auto cancel = [&](ts_scheduler *scheduler, ts_kind of, const char *text) {
            return ts_cancel_all_queued_tasks_by_name(scheduler, of, text, &count);
        };
        const Result<void> cancelled = of_name(cancel, kind, name);
        if (!cancelled)
            return cancelled.error();
        return count;
    }

    /// The value of a key of the configuration; none for an unknown key.
    Result<std::optional<std::string>> try_config(std::string_view key) const { return detail::config(raw(), key); }

    /// Changes a key, at once: to text as in YAML, a number, or a duration.
    ///
    /// Errors: config for an unknown key or a value out of range.
    template <class Value>
    Result<void> try_set_config(std::string_view key, const Value &value)
    {
        return detail::set_config(raw(), key, detail::config_text(value));
    }

    /// Changes the keys that a YAML file sets. Blocks while it is read.
    ///
    /// Errors: config, and then nothing is changed; the words name the line.
    Result<void> try_load_config(const std::string &path)
    {
        const Result<std::string> text = detail::terminated(path, "the path");
        return text ? detail::done(ts_load_config(raw(), path.c_str())) : text.error();
    }

    /// Takes no new tasks, cancels the pending ones and waits, without bound,
    /// until the running ones have returned; with `force` those are told to
    /// stop first. The next add starts the scheduler afresh.
    ///
    /// Errors: would_deadlock inside a task.
    Result<void> try_shutdown(bool force = false) { return detail::done(ts_shutdown(raw(), force)); }

    /// As try_shutdown, but gives up when the time is over, and says what is
    /// left; none when all has ended. After it has given up, adds give
    /// shutting_down until a later shutdown has come to the end. No time only
    /// begins it, or looks how far it is.
    ///
    /// Errors: would_deadlock inside a task.
    Result<std::optional<Remains>> try_shutdown_within(Duration time, bool force = false)
    {
        return detail::shutdown_within(raw(), force, time);
    }

#if TASK_SCHEDULING_EXCEPTIONS
    // As those above; they throw Error.
    template <class Callable>
    auto add(const Name &name, Callable &&callable, const Options &options = {})
    {
        return try_add(name, std::forward<Callable>(callable), options).value();
    }
    template <class Source>
    auto add_async(const Name &name, Source &&source, const Options &options = {})
    {
        return try_add_async(name, std::forward<Source>(source), options).value();
    }
    template <class Callable>
    TaskId post(const Name &name, Callable &&callable, const Options &options = {})
    {
        return try_post(name, std::forward<Callable>(callable), options).value();
    }
    template <class Source>
    TaskId post_async(const Name &name, Source &&source, const Options &options = {})
    {
        return try_post_async(name, std::forward<Source>(source), options).value();
    }
    bool stop(const TaskId &id) { return detail::was_stopped(try_stop(id)).value(); }
    void wait(const TaskId &id) const { try_wait(id).value(); }
    bool wait_for(const TaskId &id, Duration time) const { return try_wait_for(id, time).value(); }
    State state(const TaskId &id) const { return try_state(id).value(); }
    Status status(const TaskId &id) const { return try_status(id).value(); }
    std::vector<Status> tasks(Kind kind) const { return try_tasks(kind).value(); }
    std::string queue_info(Kind kind, bool show_ids = false) const { return try_queue_info(kind, show_ids).value(); }
    void ban(Kind kind, const Name &name) { try_ban(kind, name).value(); }
    void allow(Kind kind, const Name &name) { try_allow(kind, name).value(); }
    std::size_t cancel_queued(Kind kind, const Name &name) { return try_cancel_queued(kind, name).value(); }
    std::optional<std::string> config(std::string_view key) const { return try_config(key).value(); }
    template <class Value>
    void set_config(std::string_view key, const Value &value)
    {
        try_set_config(key, value).value();
    }
    void load_config(const std::string &path) { try_load_config(path).value(); }
    void shutdown(bool force = false) { try_shutdown(force).value(); }
    std::optional<Remains> shutdown_within(Duration time, bool force = false)
    {
        return try_shutdown_within(time, force).value();
    }
#endif

private:
    friend Scheduler default_scheduler() noexcept;
    explicit Scheduler(detail::Core *core) noexcept : core_(core) {}

    ts_scheduler *raw() const noexcept { return core_->raw(); }

    template <class Function>
    Result<void> of_name(const Function &function, Kind kind, const Name &name) const
    {
        if (name.is_cut())
            return detail::has_nul("the task name");
        return detail::done(function(raw(), detail::raw(kind), name.c_str()));
    }

    /// What needs no options has the shorter way.
    ts_error submit(const ts_task_options &options, ts_task_id &id) const noexcept
    {
        if (options.flags == 0 && options.run)
            return ts_add_task(raw(), false, options.name, options.run, options.user_data, options.drop, &id);
        return ts_submit(raw(), &options, &id);
    }

    /// Hands a task in. With a handle it has one on `made`, and its record is
    /// kept.
    template <class Source, class Callable>
    Result<TaskId> hand_in(const Name &name, Callable &&callable, const Options &options,
                           detail::Shared<typename Source::Value> **made)
    {
        using Memory = typename Source::Memory;
        if (name.is_cut())
            return detail::has_nul("the task name");
        auto *box = new (std::nothrow) Memory(made != nullptr, std::forward<Callable>(callable));
        if (!box)
            return Error(Errc::out_of_memory, "there is no memory for the task");
        ts_task_options raw_options = detail::raw(name, options);
        Source::set(raw_options);
        raw_options.user_data = box;
        raw_options.drop = Memory::drop;
        if (made) {
            raw_options.flags |= TS_KEEP;
            *made = box;
        }
        TaskId id;
        const ts_error error = submit(raw_options, detail::Access::raw(id));
        if (error != TS_OK) {
            Error said = detail::last_error(error);
            box->refuse();
            return said;
        }
        return id;
    }

    template <class Source, class Callable>
    Result<Task<typename Source::Value>> with_handle(const Name &name, Callable &&callable, const Options &options)
    {
        detail::Shared<typename Source::Value> *shared = nullptr;
        const Result<TaskId> id = hand_in<Source>(name, std::forward<Callable>(callable), options, &shared);
        if (!id)
            return id.error();
        return detail::Access::wrap<Task<typename Source::Value>>(shared, core_, &*id);
    }

    detail::Core *core_;
};

/// The default scheduler of the process, which is made when it is first used
/// and never destroyed: what this gives only stands for it, and destroying it
/// does nothing.
inline Scheduler default_scheduler() noexcept { return Scheduler(const_cast<detail::Core *>(&detail::default_core)); }

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
