// Scheduler: takes tasks, and runs them.
#ifndef TASK_SCHEDULING_SCHEDULER_HPP
#define TASK_SCHEDULING_SCHEDULER_HPP

#include "claim.hpp"
#include "scheduler_options.hpp"
#include "values.hpp"

#include <vector>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// A scheduler: its names, limits and threads. Move-only. Its destructor stops
/// all tasks and waits until they have returned, and until its claims were
/// finished, also those that nobody has taken; no task may destroy its own
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
        return own(raw);
    }

    /// The same, with every option. Errors: also invalid_argument for what
    /// threads of this system cannot have.
    static Result<Scheduler> try_create(const SchedulerOptions &options)
    {
        const Result<ts_scheduler *> raw = detail::new_scheduler(options);
        if (!raw)
            return raw.error();
        return own(*raw);
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_create; throws Error.
    Scheduler() : Scheduler(std::string_view()) {}
    explicit Scheduler(std::string_view config) : Scheduler(try_create(config).value()) {}
    explicit Scheduler(const SchedulerOptions &options) : Scheduler(try_create(options).value()) {}
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
        core_->close();
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
        return detail::with_handle<Linear<Callable>>(core_, name, std::forward<Callable>(callable), options, submit());
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
        return detail::with_handle<Async<Source>>(core_, name, std::forward<Source>(source), options, submit());
    }

    /// As try_add and try_add_async, without a handle: for tasks of which
    /// nobody wants the value. It costs less; the id is the way to the task
    /// while its record stays.
    template <class Callable>
    Result<TaskId> try_post(const Name &name, Callable &&callable, const Options &options = {})
    {
        return detail::hand_in<Linear<Callable>>(name, std::forward<Callable>(callable), options, nullptr, submit());
    }
    template <class Source>
    Result<TaskId> try_post_async(const Name &name, Source &&source, const Options &options = {})
    {
        return detail::hand_in<Async<Source>>(name, std::forward<Source>(source), options, nullptr, submit());
    }

    /// Adds a linear task that you run yourself, where you like; see Claim.
    /// Gives its handle, and its claim if it may start now; else that comes out
    /// of the finish of another one, or of take_claims. At most line_task_max
    /// claims are out at once. A task whose options name another runner, or a
    /// lane with another one, is added all the same, without a claim.
    ///
    /// Errors: as try_add; in_use while others run the tasks of the name.
    template <class Callable>
    auto try_submit_claim(const Name &name, Callable &&callable, const Options &options = {})
    {
        ts_claim claim{};
        auto task = detail::with_handle<Linear<Callable>>(core_, name, std::forward<Callable>(callable), options,
                                                          submit_to(claim));
        return detail::submitted(std::move(task), claim, core_);
    }

    /// The same without a handle; and of many of one type, in order, until one
    /// is refused.
    template <class Callable>
    Result<Posted> try_post_claim(const Name &name, Callable &&callable, const Options &options = {})
    {
        ts_claim claim{};
        const auto id = detail::hand_in<Linear<Callable>>(name, std::forward<Callable>(callable), options, nullptr,
                                                          submit_to(claim));
        return detail::posted(id, claim, core_);
    }
    template <class Callable>
    PostedAll try_post_claims(const Name &name, std::vector<Callable> callables, const Options &options = {})
    {
        return detail::post_claims(core_, name, std::move(callables), options);
    }

    /// Takes up to so many claims that did not come out of a submit or a
    /// finish, or whose task was stopped before and is only to be finished.
    /// None when the time was over. Waits so long for the first one; a time of
    /// 0 only asks. Works during a shutdown too.
    ///
    /// Errors: invalid_argument for 0 claims; would_deadlock when it would have
    /// to wait inside a task; out_of_memory; forked.
    Result<std::vector<Claim>> try_take_claims(std::size_t most, Duration time = Duration(0))
    {
        return detail::take_claims(core_, most, time);
    }

    /// Finishes every claim, as Claim::try_finish does, and puts those that
    /// come next in their place. Errors: that of the first one that could not
    /// be finished.
    Result<void> try_finish_claims(std::vector<Claim> &claims)
    {
        std::vector<ts_claim> raws;
        std::vector<std::int32_t> codes;
        std::vector<ts_claim> next(claims.size());
        std::vector<Claim> made;
        raws.reserve(claims.size());
        codes.reserve(claims.size());
        made.reserve(claims.size());
        for (const Claim &claim : claims) {
            raws.push_back(claim.raw_);
            codes.push_back(claim.code_);
        }
        if (raws.empty())
            return {};
        std::size_t count = 0;
        const ts_error error = ts_claims_finish(raw(), raws.data(), codes.data(), raws.size(), next.data(), &count);
        Result<void> done = detail::done(error);
        for (std::size_t at = 0; at < count; at++)
            made.push_back(Claim(&next[at], core_));
        if (done)
            for (Claim &claim : claims)
                claim.let_go();
        // Of some that could not be finished each tries again as it goes.
        claims.swap(made);
        return done;
    }

    /// A file descriptor that is readable while take_claims has something to
    /// do, for epoll, poll or another loop: only poll it. From the first call
    /// on no thread of the library looks at deadlines of claims: call
    /// take_claims whenever it is readable.
    ///
    /// Errors: system when none can be made; forked.
    Result<int> try_claims_fd()
    {
        int fd = -1;
        const ts_error error = ts_claims_fd(raw(), &fd);
        if (error != TS_OK)
            return detail::last_error(error);
        return fd;
    }

    /// Says who runs linear tasks whose lane and options say nothing: of names
    /// that are not in use, and tasks without a name, from now on. A Pump goes
    /// with Runner::pump only.
    ///
    /// Errors: invalid_argument; forked.
    Result<void> try_set_runner(Runner runner, detail::Ref<ts_pump> pump = {})
    {
        return detail::done(ts_scheduler_set_runner(raw(), detail::raw(runner), pump.get()));
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
    template <class Callable>
    auto submit_claim(const Name &name, Callable &&callable, const Options &options = {})
    {
        return try_submit_claim(name, std::forward<Callable>(callable), options).value();
    }
    template <class Callable>
    Posted post_claim(const Name &name, Callable &&callable, const Options &options = {})
    {
        return try_post_claim(name, std::forward<Callable>(callable), options).value();
    }
    std::vector<Claim> take_claims(std::size_t most, Duration time = Duration(0))
    {
        return try_take_claims(most, time).value();
    }
    void finish_claims(std::vector<Claim> &claims) { try_finish_claims(claims).value(); }
    int claims_fd() { return try_claims_fd().value(); }
    void set_runner(Runner runner, detail::Ref<ts_pump> pump = {}) { try_set_runner(runner, pump).value(); }
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
    friend struct detail::Access;
    friend class Lane;
    template <class Callable>
    using Linear = detail::Linear<std::decay_t<Callable>>;
    template <class Source>
    using Async = detail::AsyncSource<std::decay_t<Source>>;

    explicit Scheduler(detail::Core *core) noexcept : core_(core) {}

    static Result<Scheduler> own(ts_scheduler *raw)
    {
        auto *core = new (std::nothrow) detail::Core(raw);
        if (!core) {
            ts_scheduler_free(raw);
            return detail::no_memory_for("a scheduler");
        }
        return Scheduler(core);
    }

    ts_scheduler *raw() const noexcept { return core_->raw(); }

    template <class Function>
    Result<void> of_name(const Function &function, Kind kind, const Name &name) const
    {
        if (name.is_cut())
            return detail::has_nul("the task name");
        return detail::done(function(raw(), detail::raw(kind), name.c_str()));
    }

    detail::Submit submit() const noexcept { return {raw()}; }
    detail::SubmitClaim submit_to(ts_claim &claim) const noexcept { return {raw(), &claim}; }

    detail::Core *core_;
};

/// The default scheduler of the process, which is made when it is first used
/// and never destroyed: what this gives only stands for it, and destroying it
/// does nothing.
inline Scheduler default_scheduler() noexcept { return Scheduler(const_cast<detail::Core *>(&detail::default_core)); }

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
