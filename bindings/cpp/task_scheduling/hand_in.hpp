// How a task is handed in: its box, and what the C face is told of it.
#ifndef TASK_SCHEDULING_HAND_IN_HPP
#define TASK_SCHEDULING_HAND_IN_HPP

#include "options.hpp"
#include "task.hpp"

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

using OnEnd = std::function<void(const Completion &)>;

inline void call_on_end(const ts_completion *end, void *data) noexcept
{
    quietly([&] { (*static_cast<OnEnd *>(data))(completion(*end)); });
}

/// The drop of any callable that was made by new.
template <class Callable>
void drop_callable(void *data) noexcept
{
    quietly([data] { delete static_cast<Callable *>(data); });
}

/// A task that is ready to be handed in. Unless it is, it is destroyed.
template <class Source>
class Prepared {
    using Memory = typename Source::Memory;

public:
    template <class Callable>
    Prepared(bool has_handle, const Name &name, Callable &&callable, const Options &options)
        : raw_(detail::raw(name, options)),
          box_(new (std::nothrow) Memory(has_handle, std::forward<Callable>(callable)))
    {
        Source::set(raw_);
        raw_.user_data = box_.get();
        raw_.drop = Memory::drop;
        if (has_handle)
            raw_.flags |= TS_KEEP;
        if (!box_ || !options.on_end)
            return;
        auto *on_end = new (std::nothrow) OnEnd();
        raw_.on_end = call_on_end;
        raw_.on_end_data = on_end;
        raw_.on_end_drop = drop_callable<OnEnd>;
        on_end_.reset(on_end);
        if (on_end)
            *on_end = options.on_end;
    }
    /// Whether there was memory.
    bool is_whole() const noexcept { return box_ && (!raw_.on_end || on_end_); }

    const ts_task_options &raw() const noexcept { return raw_; }

    /// The scheduler has it.
    Memory *taken() noexcept
    {
        static_cast<void>(on_end_.release());
        return box_.release();
    }

private:
    struct Refuse {
        void operator()(Memory *box) const noexcept { box->refuse(); }
    };
    struct DropOnEnd {
        void operator()(OnEnd *on_end) const noexcept { drop_callable<OnEnd>(on_end); }
    };

    ts_task_options raw_;
    std::unique_ptr<Memory, Refuse> box_;
    std::unique_ptr<OnEnd, DropOnEnd> on_end_;
};

inline Error no_memory_for(const char *what) { return {Errc::out_of_memory, std::string("there is no memory for ") + what}; }

/// Hands a task in, by submit(const ts_task_options &, ts_task_id &). With a
/// handle it has one on `made`, and its record is kept.
template <class Source, class Callable, class Submit>
Result<TaskId> hand_in(const Name &name, Callable &&callable, const Options &options,
                       Shared<typename Source::Value> **made, const Submit &submit)
{
    if (name.is_cut())
        return has_nul("the task name");
    Prepared<Source> prepared(made != nullptr, name, std::forward<Callable>(callable), options);
    if (!prepared.is_whole())
        return no_memory_for("the task");
    TaskId id;
    const ts_error error = submit(prepared.raw(), Access::raw(id));
    if (error != TS_OK)
        return last_error(error);
    auto *box = prepared.taken();
    if (made)
        *made = box;
    return id;
}

/// The same, with a handle.
template <class Source, class Callable, class Submit>
Result<Task<typename Source::Value>> with_handle(Core *core, const Name &name, Callable &&callable,
                                                 const Options &options, const Submit &submit)
{
    Shared<typename Source::Value> *shared = nullptr;
    const Result<TaskId> id = hand_in<Source>(name, std::forward<Callable>(callable), options, &shared, submit);
    if (!id)
        return id.error();
    return Access::wrap<Task<typename Source::Value>>(shared, core, &*id);
}

/// Whether nothing is asked for but what the short calls have.
inline bool is_plain(const ts_task_options &options) noexcept
{
    const std::uint32_t flags = options.flags & ~static_cast<std::uint32_t>(TS_TIMEOUT_PROCESSING);
    // NaN is for the other way to refuse.
    return flags == 0 && options.timeout_seconds <= 0 && options.runner == ts_runner{} && !options.pump &&
           !options.completions && !options.on_end;
}

inline bool has_timeout(const ts_task_options &options) noexcept { return (options.flags & TS_TIMEOUT_PROCESSING) != 0; }

/// What needs no options has the shorter way.
inline ts_error submit(ts_scheduler *scheduler, const ts_task_options &options, ts_task_id &id) noexcept
{
    if (options.run && !options.lane && is_plain(options))
        return ts_add_task(scheduler, has_timeout(options), options.name, options.run, options.user_data, options.drop, &id);
    return ts_submit(scheduler, &options, &id);
}

struct Submit {
    ts_scheduler *scheduler;

    ts_error operator()(const ts_task_options &options, ts_task_id &id) const noexcept
    {
        return submit(scheduler, options, id);
    }
};

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
