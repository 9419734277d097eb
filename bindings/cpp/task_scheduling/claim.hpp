// Claim: the right, and duty, to run one task now.
#ifndef TASK_SCHEDULING_CLAIM_HPP
#define TASK_SCHEDULING_CLAIM_HPP

#include "callables.hpp"
#include "hand_in.hpp"

#include <vector>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// A task that you run yourself, on fibers, an engine's jobs or in an event
/// loop: the scheduler decides when. One comes out of submit_claim if the task
/// may start now, else out of the finish of another one, or take_claims.
/// Move-only; any thread may run and finish it, one at a time.
///
///     auto [task, claim] = scheduler.submit_claim("sum", [] { return 1 + 1; });
///     while (claim) {
///         claim->run();
///         claim = claim->finish();
///     }
///
/// While it is out its task counts as running and holds its place in its lane.
/// One that is destroyed, or assigned to, is finished by that, so that no lane
/// stays held: after run() with what came of it, and before as failed, as the
/// task was not run. What comes next then comes out of take_claims.
///
/// A shutdown, and the destructor of the scheduler, wait for claims: while one
/// runs, others go on taking and finishing them. Claims that a thread holds it
/// lets go of before it destroys the scheduler.
class [[nodiscard]] Claim {
public:
    /// No claim.
    Claim() noexcept = default;
    Claim(Claim &&other) noexcept
        : raw_(std::exchange(other.raw_, {})), core_(std::exchange(other.core_, nullptr)), code_(other.code_),
          has_run_(other.has_run_)
    {
    }
    Claim &operator=(Claim &&other) noexcept
    {
        Claim old(std::move(other));
        std::swap(raw_, old.raw_);
        std::swap(core_, old.core_);
        std::swap(code_, old.code_);
        std::swap(has_run_, old.has_run_);
        return *this;
    }
    ~Claim()
    {
        if (!valid())
            return;
        const char *const words = "the claim was destroyed before the task was run";
        ts_claim_finish(core_->raw(), &raw_, has_run_ ? code_ : 1, nullptr, has_run_ ? nullptr : words, nullptr);
        core_->release();
    }

    /// Whether it is a claim: it was not moved from, nor finished.
    bool valid() const noexcept { return raw_.token != nullptr; }

    /// The task.
    TaskId id() const noexcept { return detail::Access::id(raw_.id); }

    /// The task's token, good on any thread until the claim is finished.
    Token token() const noexcept { return detail::Access::wrap<Token>(raw_.token); }

    /// Whether to run it: false when a stop came first. From now on this thread
    /// counts as the one that holds it. For who runs it without run().
    ///
    /// Errors: invalid_argument when it is no claim; forked.
    Result<bool> try_start() const
    {
        const ts_error error = ts_claim_start(core(), &raw_);
        if (error != TS_OK && error != TS_STOPPED)
            return detail::last_error(error);
        return error == TS_OK;
    }

    /// Starts it and calls the callable, on this thread. What that returns or
    /// throws is kept for the task's handle, as of any task. False when a stop
    /// came first: it is not called then.
    ///
    /// Errors: as try_start; invalid_argument when it has no callable, or was
    /// run before.
    Result<bool> try_run()
    {
        if (valid() && (!raw_.run || has_run_))
            return Error(Errc::invalid_argument, has_run_ ? "the claim was run before" : "the claim has no callable");
        Result<bool> started = try_start();
        if (started && *started) {
            has_run_ = true;
            code_ = raw_.run(raw_.token, raw_.user_data);
        }
        return started;
    }

    /// Ends it: as run() says, and completed without run(). The callable is
    /// destroyed on this thread. Gives the next claim of the lane, or of another
    /// one that waited, which is to be run: one that is not is failed.
    ///
    /// Errors: invalid_argument when it is no claim; out_of_memory; forked.
    Result<std::optional<Claim>> try_finish() { return finished(code_, nullptr, true); }

    /// As try_finish; out_state is the final state of its task: cancelled or
    /// timeout when a stop came first, whatever run() gave.
    Result<std::optional<Claim>> try_finish(State &out_state) { return finished(code_, nullptr, true, &out_state); }

    /// Ends it as failed, with an error's code and words.
    Result<std::optional<Claim>> try_fail(const Error &error)
    {
        return finished(detail::failure_code(error.code()), error.what(), true);
    }

    /// As try_finish, for who does not want the next one: it comes out of
    /// take_claims.
    Result<void> try_end()
    {
        const Result<std::optional<Claim>> ended = finished(code_, nullptr, false);
        return ended ? Result<void>() : ended.error();
    }

#if TASK_SCHEDULING_EXCEPTIONS
    // As those above; they throw Error.
    bool start() const { return try_start().value(); }
    bool run() { return try_run().value(); }
    [[nodiscard]] std::optional<Claim> finish() { return try_finish().value(); }
    [[nodiscard]] std::optional<Claim> finish(State &out_state) { return try_finish(out_state).value(); }
    [[nodiscard]] std::optional<Claim> fail(const Error &error) { return try_fail(error).value(); }
    void end() { try_end().value(); }
#endif

private:
    friend struct detail::Access;
    friend class Scheduler;
    Claim(const ts_claim *raw, detail::Core *core) noexcept : raw_(*raw), core_(core) { core_->keep(); }

    ts_scheduler *core() const noexcept { return core_ ? core_->raw() : nullptr; }

    /// It was finished.
    void let_go() noexcept
    {
        raw_ = {};
        std::exchange(core_, nullptr)->release();
    }

    Result<std::optional<Claim>> finished(std::int32_t code, const char *words, bool wants_next,
                                          State *out_state = nullptr)
    {
        ts_claim next{};
        ts_state state{};
        const auto end = [&](const char *as) {
            return ts_claim_end(core(), &raw_, code, nullptr, as, &state, wants_next ? &next : nullptr);
        };
        ts_error error = end(words);
        if (error == TS_ERROR_INVALID_ARGUMENT && words)
            error = end(detail::Plain(words).text); // they may not be UTF-8
        if (error != TS_OK)
            return detail::last_error(error);
        if (out_state)
            *out_state = static_cast<State>(state);
        std::optional<Claim> made = next.token ? std::optional<Claim>(Claim(&next, core_)) : std::nullopt;
        let_go();
        return made;
    }

    ts_claim raw_{};
    detail::Core *core_ = nullptr;
    std::int32_t code_ = 0;
    bool has_run_ = false;
};

/// A task that was submitted to be run as a claim: its handle, and its claim if
/// it may start now.
template <class T>
struct Submitted {
    Task<T> task;
    std::optional<Claim> claim;
};

/// The same without a handle.
struct Posted {
    TaskId id;
    std::optional<Claim> claim;
};

/// Many of them, of which one may have been refused: then the rest was not
/// submitted.
struct PostedAll {
    std::vector<Posted> posted;
    std::optional<Error> refused;
};

namespace detail {

inline std::optional<Claim> claim_if(const ts_claim &raw, Core *core) noexcept
{
    if (!raw.token)
        return std::nullopt;
    return Access::wrap<Claim>(&raw, core);
}

/// Options that say nothing of who runs a task mean claims here.
inline void run_by_claims(ts_task_options &options) noexcept
{
    if (!options.lane && !options.pump && options.runner == ts_runner{})
        options.runner = TS_CLAIMS;
}

inline ts_error submit_claim(ts_scheduler *scheduler, ts_task_options options, ts_claim &claim, ts_task_id &id) noexcept
{
    run_by_claims(options);
    return ts_claim_submit(scheduler, &options, &claim, &id);
}

struct SubmitClaim {
    ts_scheduler *scheduler;
    ts_claim *claim;

    ts_error operator()(const ts_task_options &options, ts_task_id &id) const noexcept
    {
        return submit_claim(scheduler, options, *claim, id);
    }
};

template <class T>
Result<Submitted<T>> submitted(Result<Task<T>> task, const ts_claim &raw, Core *core)
{
    if (!task)
        return task.error();
    return Submitted<T>{*std::move(task), claim_if(raw, core)};
}

inline Result<Posted> posted(const Result<TaskId> &id, const ts_claim &raw, Core *core)
{
    if (!id)
        return id.error();
    return Posted{*id, claim_if(raw, core)};
}

/// Submits many tasks without handles.
template <class Callable>
PostedAll post_claims(Core *core, const Name &name, std::vector<Callable> callables, const Options &options)
{
    PostedAll all;
    if (name.is_cut()) {
        all.refused = has_nul("the task name");
        return all;
    }
    std::vector<Prepared<Linear<Callable>>> tasks;
    std::vector<ts_task_options> raws;
    std::vector<ts_claim> claims(callables.size());
    std::vector<ts_task_id> ids(callables.size());
    tasks.reserve(callables.size());
    raws.reserve(callables.size());
    all.posted.reserve(callables.size());
    for (Callable &callable : callables) {
        tasks.emplace_back(false, name, std::move(callable), options);
        if (!tasks.back().is_whole()) {
            all.refused = no_memory_for("the task");
            return all;
        }
        raws.push_back(tasks.back().raw());
        run_by_claims(raws.back());
    }
    if (raws.empty())
        return all;
    std::size_t added = 0;
    const ts_error error = ts_claims_submit(core->raw(), raws.data(), raws.size(), claims.data(), ids.data(), &added);
    if (error != TS_OK)
        all.refused = last_error(error);
    for (std::size_t at = 0; at < added; at++) {
        tasks[at].taken();
        all.posted.push_back({Access::id(ids[at]), claim_if(claims[at], core)});
    }
    return all;
}

inline Result<std::vector<Claim>> take_claims(Core *core, std::size_t most, Duration time)
{
    std::vector<ts_claim> raws(most);
    std::vector<Claim> taken;
    taken.reserve(most);
    std::size_t count = 0;
    const ts_error error = ts_claims_take(core->raw(), raws.data(), most, patience(time), &count);
    if (error != TS_OK && error != TS_NOT_YET && error != TS_ERROR_TIMED_OUT)
        return last_error(error);
    for (std::size_t at = 0; at < count; at++)
        taken.push_back(Access::wrap<Claim>(&raws[at], core));
    return taken;
}

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
