// Completions: where ends of tasks are kept for a loop of yours.
#ifndef TASK_SCHEDULING_COMPLETIONS_HPP
#define TASK_SCHEDULING_COMPLETIONS_HPP

#include "scheduler.hpp"

#include <iterator>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// Brings the ends of tasks to a loop of yours: tasks that are added with it in
/// their options report here, in the order in which they end. Nothing is lost
/// however slow the reader is. A task stays known until its end was taken.
///
///     ts::Completions ends(scheduler);
///     ts::Options options;
///     options.completions = ends;
///     scheduler.post("sum", [] {}, options);
///     std::array<ts::Completion, 8> taken;
///     const std::size_t count = ends.take(taken, 1s);
///
/// Move-only. It may outlive its scheduler. Its destructor forgets what was not
/// taken; the tasks go on. Options refer to it, so it must outlive the add, and
/// no other thread may be using it when it is destroyed.
class Completions {
public:
    /// For tasks of this scheduler. Errors: out_of_memory; forked.
    static Result<Completions> try_create(const Scheduler &scheduler)
    {
        ts_completions *raw = nullptr;
        const ts_error error = ts_completions_new(detail::Access::handle(scheduler), &raw);
        if (error != TS_OK)
            return detail::last_error(error);
        return Completions(raw);
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_create; throws Error.
    explicit Completions(const Scheduler &scheduler) : Completions(try_create(scheduler).value()) {}
#endif

    Completions(Completions &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Completions &operator=(Completions &&other) noexcept
    {
        Completions old(std::move(other));
        std::swap(raw_, old.raw_);
        return *this;
    }
    ~Completions() { ts_completions_free(raw_); }

    /// Takes as many ends as there are, but no more than the array, vector or
    /// span has elements, the oldest first, into those. How many: 0 when the
    /// time was over. Waits so long for the first one; a time of 0 only asks.
    ///
    /// Errors: invalid_argument for no elements; shutting_down when the
    /// scheduler has gone and none is left; would_deadlock when it would have to
    /// wait inside a task; forked.
    template <class Elements>
    Result<std::size_t> try_take(Elements &&into, Duration time = Duration(0))
    {
        return take_some(std::data(into), std::size(into), time);
    }

    /// A file descriptor that is readable while there is something to take, for
    /// epoll, poll or another loop. It belongs to the queue: only poll it.
    ///
    /// Errors: system when none can be made; forked.
    Result<int> try_fd() const
    {
        int fd = -1;
        const ts_error error = ts_completions_fd(raw_, &fd);
        if (error != TS_OK)
            return detail::last_error(error);
        return fd;
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_take and try_fd; they throw Error.
    template <class Elements>
    std::size_t take(Elements &&into, Duration time = Duration(0))
    {
        return try_take(std::forward<Elements>(into), time).value();
    }
    int fd() const { return try_fd().value(); }
#endif

private:
    friend struct detail::Access;
    explicit Completions(ts_completions *raw) noexcept : raw_(raw) {}
    ts_completions *raw() const noexcept { return raw_; }

    Result<std::size_t> take_some(Completion *into, std::size_t capacity, Duration time)
    {
        constexpr std::size_t at_once = 32;
        ts_completion raws[at_once];
        std::size_t taken = 0;
        do {
            const std::size_t room = capacity - taken < at_once ? capacity - taken : at_once;
            const double seconds = taken == 0 ? detail::patience(time) : 0;
            std::size_t count = 0;
            const ts_error error = ts_completions_take(raw_, raws, room, seconds, &count);
            if (error != TS_OK && taken == 0 && error != TS_NOT_YET && error != TS_ERROR_TIMED_OUT)
                return detail::last_error(error);
            if (error != TS_OK)
                break;
            for (std::size_t at = 0; at < count; at++)
                into[taken + at] = detail::completion(raws[at]);
            taken += count;
            if (count < room)
                break;
        } while (taken < capacity);
        return taken;
    }

    ts_completions *raw_;
};

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
