// Pump: runs linear tasks on a thread of yours.
#ifndef TASK_SCHEDULING_PUMP_HPP
#define TASK_SCHEDULING_PUMP_HPP

#include "scheduler.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

namespace detail {

template <class Callable>
void call_ready(void *data) noexcept
{
    quietly([data] { (*static_cast<Callable *>(data))(); });
}

} // namespace detail

/// Runs linear tasks on a thread of yours, and only while that is inside run():
/// the main thread of a game, once per frame. Tasks go there by their options,
/// by their lane, or by Scheduler::set_runner.
///
///     ts::Pump pump(scheduler);
///     ts::Options options;
///     options.pump = pump;
///     scheduler.post("draw", [] {}, options);
///     const std::size_t ran = pump.run(100, 5ms);
///
/// Move-only. It belongs to the thread that runs it first, and may outlive its
/// scheduler. Its destructor cancels its pending tasks; adds that would go to
/// it give shutting_down from then on. Options refer to it, so it must outlive
/// the add.
class Pump {
public:
    /// Errors: out_of_memory; forked.
    static Result<Pump> try_create(const Scheduler &scheduler) { return make(scheduler, nullptr); }

    /// The callable is called without parameters when there is something to
    /// run and was nothing before, on the thread that brought that about (see
    /// ts_pump_options). What it throws is lost. It is destroyed with the pump.
    template <class Ready>
    static Result<Pump> try_create(const Scheduler &scheduler, Ready &&ready)
    {
        using Callable = std::decay_t<Ready>;
        static_assert(std::is_invocable_v<Callable &>, "what hears of a pump is a callable that takes nothing");
        auto *copy = new (std::nothrow) Callable(std::forward<Ready>(ready));
        if (!copy)
            return detail::no_memory_for("the pump's callable");
        ts_pump_options options{};
        options.size = sizeof options;
        options.ready = detail::call_ready<Callable>;
        options.user_data = copy;
        options.drop = detail::drop_callable<Callable>;
        Result<Pump> made = make(scheduler, &options);
        if (!made)
            detail::drop_callable<Callable>(copy);
        return made;
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_create; throws Error.
    explicit Pump(const Scheduler &scheduler) : Pump(try_create(scheduler).value()) {}
    template <class Ready>
    Pump(const Scheduler &scheduler, Ready &&ready) : Pump(try_create(scheduler, std::forward<Ready>(ready)).value())
    {
    }
#endif

    Pump(Pump &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Pump &operator=(Pump &&other) noexcept
    {
        Pump old(std::move(other));
        std::swap(raw_, old.raw_);
        return *this;
    }
    ~Pump() { ts_pump_free(raw_); }

    /// Runs tasks on this thread until none is ready, so many have run, or the
    /// time is used up, which the last task may overrun. How many ran. 0 tasks
    /// are any number; without a time, or with ts::forever, it takes any.
    ///
    /// Errors: wrong_thread on another thread than the first; would_deadlock
    /// inside one of its own tasks; shutting_down when the scheduler has gone;
    /// invalid_argument; forked.
    Result<std::size_t> try_run(std::size_t max_tasks = 0, std::optional<Duration> budget = std::nullopt)
    {
        std::size_t ran = 0;
        const ts_error error = ts_pump_run(raw_, max_tasks, budget ? seconds(*budget) : 0, &ran);
        if (error != TS_OK)
            return detail::last_error(error);
        return ran;
    }

    /// A file descriptor that is readable while something can run, for epoll,
    /// poll or another loop. It belongs to the pump: only poll it.
    ///
    /// Errors: system when none can be made; shutting_down; forked.
    Result<int> try_fd() const
    {
        int fd = -1;
        const ts_error error = ts_pump_fd(raw_, &fd);
        if (error != TS_OK)
            return detail::last_error(error);
        return fd;
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_run and try_fd; they throw Error.
    std::size_t run(std::size_t max_tasks = 0, std::optional<Duration> budget = std::nullopt)
    {
        return try_run(max_tasks, budget).value();
    }
    int fd() const { return try_fd().value(); }
#endif

private:
    friend struct detail::Access;
    explicit Pump(ts_pump *raw) noexcept : raw_(raw) {}
    ts_pump *raw() const noexcept { return raw_; }

    static Result<Pump> make(const Scheduler &scheduler, const ts_pump_options *options)
    {
        ts_pump *raw = nullptr;
        const ts_error error = ts_pump_new(detail::Access::handle(scheduler), options, &raw);
        if (error != TS_OK)
            return detail::last_error(error);
        return Pump(raw);
    }

    /// 0 would be any time, and is the shortest here.
    static double seconds(Duration budget) noexcept
    {
        if (budget.count() > detail::longest)
            return 0;
        constexpr double shortest = 1e-9;
        const double some = detail::limited(budget);
        return some < shortest ? shortest : some;
    }

    ts_pump *raw_;
};

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
