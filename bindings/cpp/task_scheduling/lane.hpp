// Lane: the queue of one name.
#ifndef TASK_SCHEDULING_LANE_HPP
#define TASK_SCHEDULING_LANE_HPP

#include "scheduler.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// What a lane is to be like. In C++20:
///
///     ts::Lane lane(scheduler, {.name = "thumbnails", .capacity = 100});
struct LaneOptions {
    /// The name, 1 to 255 bytes.
    std::string name{};
    Kind kind = Kind::linear;
    /// Who runs its tasks; otherwise as the scheduler says.
    std::optional<Runner> runner{};
    /// The Pump that runs them.
    detail::Ref<ts_pump> pump{};
    /// How many tasks of it may run at once. 0: of linear ones 1, of async ones
    /// maximum_event_loop_tasks. More than 1 only for async tasks and claims.
    std::size_t width = 0;
    /// How many may be pending. 0: what the configuration says.
    std::size_t capacity = 0;
};

/// A handle of the queue of one kind and name. Tasks added by it and by the
/// name are in one order and under the same limits, but an add by the handle
/// need not look the name up. While it is open its options hold.
///
/// Tasks of one name are run by one runner at a time: asking for another one
/// gives in_use while the lane is not empty or another handle is open.
///
///     ts::Lane lane(scheduler, {"thumbnails"});
///     ts::Task<int> task = lane.add([] { return 42; });
///
/// Move-only. When it is destroyed its tasks go on. It may outlive its
/// scheduler: adds then give shutting_down. Functions that are const may be
/// called from any thread, by several at once.
class Lane {
public:
    /// Errors: invalid_argument; in_use; shutting_down when the pump has gone;
    /// out_of_memory; forked.
    static Result<Lane> try_create(const Scheduler &scheduler, const LaneOptions &options)
    {
        const Result<std::string> name = detail::terminated(options.name, "the lane's name");
        if (!name)
            return name.error();
        ts_lane_options wanted{};
        wanted.size = sizeof wanted;
        wanted.name = name->c_str();
        wanted.kind = detail::raw(options.kind);
        wanted.runner = detail::raw(options.runner);
        wanted.pump = options.pump.get();
        wanted.width = options.width;
        wanted.capacity = options.capacity;
        ts_lane *raw = nullptr;
        const ts_error error = ts_lane_new(scheduler.raw(), &wanted, &raw);
        if (error != TS_OK)
            return detail::last_error(error);
        return Lane(raw, scheduler.core_);
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_create; throws Error.
    Lane(const Scheduler &scheduler, const LaneOptions &options) : Lane(try_create(scheduler, options).value()) {}
#endif

    Lane(Lane &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)), core_(std::exchange(other.core_, nullptr)) {}
    Lane &operator=(Lane &&other) noexcept
    {
        Lane old(std::move(other));
        std::swap(raw_, old.raw_);
        std::swap(core_, old.core_);
        return *this;
    }
    ~Lane()
    {
        ts_lane_free(raw_);
        if (core_)
            core_->release();
    }

    /// Adds a linear task, as Scheduler::try_add does; the lane takes the place
    /// of what the options say of one.
    ///
    /// Errors: as there; queue_full also when as many tasks of the lane are
    /// pending as its capacity; wrong_kind of an async lane; shutting_down when
    /// the scheduler has gone; invalid_argument when it was moved from.
    template <class Callable>
    auto try_add(Callable &&callable, const Options &options = {}) const
    {
        return with_handle<Linear<Callable>>(std::forward<Callable>(callable), options, submit);
    }

    /// Adds an async task, as Scheduler::try_add_async does. Errors: as try_add;
    /// wrong_kind of a linear lane.
    template <class Source>
    auto try_add_async(Source &&source, const Options &options = {}) const
    {
        return with_handle<Async<Source>>(std::forward<Source>(source), options, submit);
    }

    /// As those, without a handle; without options it is the shortest way in.
    template <class Callable>
    Result<TaskId> try_post(Callable &&callable, const Options &options = {}) const
    {
        return hand_in<Linear<Callable>>(std::forward<Callable>(callable), options, submit);
    }
    template <class Source>
    Result<TaskId> try_post_async(Source &&source, const Options &options = {}) const
    {
        return hand_in<Async<Source>>(std::forward<Source>(source), options, submit);
    }

    /// Adds a task that you run; see Scheduler::try_submit_claim and
    /// Scheduler::try_post_claim. Errors: those, and those of try_add.
    template <class Callable>
    auto try_submit_claim(Callable &&callable, const Options &options = {}) const
    {
        ts_claim claim{};
        auto task = with_handle<Linear<Callable>>(std::forward<Callable>(callable), options, submit_to(claim));
        return detail::submitted(std::move(task), claim, core_);
    }
    template <class Callable>
    Result<Posted> try_post_claim(Callable &&callable, const Options &options = {}) const
    {
        ts_claim claim{};
        const auto id = hand_in<Linear<Callable>>(std::forward<Callable>(callable), options, submit_to(claim));
        return detail::posted(id, claim, core_);
    }

#if TASK_SCHEDULING_EXCEPTIONS
    // As those above; they throw Error.
    template <class Callable>
    auto add(Callable &&callable, const Options &options = {}) const
    {
        return try_add(std::forward<Callable>(callable), options).value();
    }
    template <class Source>
    auto add_async(Source &&source, const Options &options = {}) const
    {
        return try_add_async(std::forward<Source>(source), options).value();
    }
    template <class Callable>
    TaskId post(Callable &&callable, const Options &options = {}) const
    {
        return try_post(std::forward<Callable>(callable), options).value();
    }
    template <class Source>
    TaskId post_async(Source &&source, const Options &options = {}) const
    {
        return try_post_async(std::forward<Source>(source), options).value();
    }
    template <class Callable>
    auto submit_claim(Callable &&callable, const Options &options = {}) const
    {
        return try_submit_claim(std::forward<Callable>(callable), options).value();
    }
    template <class Callable>
    Posted post_claim(Callable &&callable, const Options &options = {}) const
    {
        return try_post_claim(std::forward<Callable>(callable), options).value();
    }
#endif

private:
    friend struct detail::Access;
    template <class Callable>
    using Linear = detail::Linear<std::decay_t<Callable>>;
    template <class Source>
    using Async = detail::AsyncSource<std::decay_t<Source>>;

    Lane(ts_lane *raw, detail::Core *core) noexcept : raw_(raw), core_(core) { core_->keep(); }

    ts_lane *raw() const noexcept { return raw_; }

    /// What needs no options has the shorter way.
    static ts_error submit(ts_scheduler *scheduler, const ts_task_options &task, ts_task_id &id) noexcept
    {
        if (!detail::is_plain(task))
            return ts_submit(scheduler, &task, &id);
        const bool timeout = detail::has_timeout(task);
        if (task.run)
            return ts_lane_add_task(task.lane, timeout, task.run, task.user_data, task.drop, &id);
        return ts_lane_add_async_task(task.lane, timeout, task.poll, task.user_data, task.drop, &id);
    }

    struct SubmitClaim {
        ts_claim *claim;

        ts_error operator()(ts_scheduler *scheduler, const ts_task_options &task, ts_task_id &id) const noexcept
        {
            if (!detail::is_plain(task))
                return ts_claim_submit(scheduler, &task, claim, &id);
            const bool timeout = detail::has_timeout(task);
            return ts_lane_claim_task(task.lane, timeout, task.run, task.user_data, task.drop, claim, &id);
        }
    };
    static SubmitClaim submit_to(ts_claim &claim) noexcept { return {&claim}; }

    /// Why nothing can be added.
    std::optional<Error> refusal() const
    {
        if (!raw_)
            return Error(Errc::invalid_argument, "the lane is empty: it was moved from");
        if (core_->is_closed())
            return Error(Errc::shutting_down, "the scheduler of the lane was destroyed");
        return std::nullopt;
    }

    /// What hands a task of this lane in.
    template <class Submit>
    auto into_lane(const Submit &submit_it) const noexcept
    {
        return [this, &submit_it](const ts_task_options &options, ts_task_id &id) noexcept {
            ts_task_options task = options;
            task.lane = raw_;
            const ts_error error = submit_it(core_->raw(), task, id);
            // The scheduler went meanwhile, and may not have seen this one.
            if (error == TS_OK && core_->is_closed())
                ts_shutdown(core_->raw(), true);
            return error;
        };
    }

    template <class Source, class Callable, class Submit>
    Result<TaskId> hand_in(Callable &&callable, const Options &options, const Submit &submit_it) const
    {
        if (std::optional<Error> why = refusal())
            return *std::move(why);
        return detail::hand_in<Source>(no_name, std::forward<Callable>(callable), options, nullptr, into_lane(submit_it));
    }

    template <class Source, class Callable, class Submit>
    Result<Task<typename Source::Value>> with_handle(Callable &&callable, const Options &options,
                                                     const Submit &submit_it) const
    {
        if (std::optional<Error> why = refusal())
            return *std::move(why);
        return detail::with_handle<Source>(core_, no_name, std::forward<Callable>(callable), options,
                                           into_lane(submit_it));
    }

    ts_lane *raw_;
    detail::Core *core_;
};

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
