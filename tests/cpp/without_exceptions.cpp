// What there is when the compiler has neither exceptions nor type information:
// the functions that give a Result. Compiled with them, it does the same.
#include <task_scheduling_coroutines.hpp>

#include "check.hpp"

#include <memory>

using namespace std::chrono_literals;
using check::Count;
using check::Counted;

namespace {

ts::Async<int> one() { co_return 1; }

ts::Async<ts::Result<int>> reads(int fd)
{
    const ts::Result<void> ready = co_await ts::as_result(ts::readable(fd));
    if (!ready)
        co_return ready.error();
    co_return co_await one();
}

} // namespace

TEST(a_task_gives_its_value)
{
    auto scheduler = ts::Scheduler::try_create("line_task_max: 2");
    CHECK(scheduler.has_value());
    Count count;
    auto task = scheduler->try_add("a", [&count, number = std::make_unique<int>(3)] { return Counted(count, *number); });
    const ts::Result<Counted> value = task->try_get();
    EQUAL(value->number, 3);
    EQUAL(count.alive, 1);
    GIVES(ts::Errc::no_result, task->try_get());
    auto nothing = scheduler->try_add("a", [](ts::Token token) { CHECK(*token.try_sleep_for(1us)); });
    CHECK(nothing->try_get().has_value());
    GIVES(ts::Errc::config, ts::Scheduler::try_create("nonsense: 1"));
}

TEST(a_task_fails_by_its_result)
{
    auto scheduler = ts::Scheduler::try_create();
    auto task = scheduler->try_add("a", []() -> ts::Result<int> { return ts::Error("no paper"); });
    const ts::Result<int> value = task->try_get();
    EQUAL(value.error().what(), "no paper");
    EQUAL(value.error().code(), ts::Errc::task_failed);
    EQUAL(*task->try_state(), ts::State::failed);
    EQUAL(task->try_status()->error, "no paper");
}

TEST(a_stopped_task_says_so)
{
    auto scheduler = ts::Scheduler::try_create();
    Count count;
    auto task = scheduler->try_add("a", [&count](ts::Token token) {
        while (*token.try_sleep_for(1h))
            ;
        return Counted(count);
    });
    CHECK(task->try_stop().has_value());
    GIVES(ts::Errc::task_cancelled, task->try_get());
    EQUAL(count.alive, 0);
    ts::Options options;
    options.timeout = 1ms;
    auto slow = scheduler->try_add("b", [](ts::Token token) { return *token.try_sleep_for(1h); }, options);
    GIVES(ts::Errc::task_timed_out, slow->try_get());
}

TEST(coroutines_give_and_fail)
{
    auto scheduler = ts::Scheduler::try_create();
    EQUAL(*scheduler->try_add_async("a", one())->try_get(), 1);
    GIVES(ts::Errc::invalid_argument, scheduler->try_add_async("a", reads(-1))->try_get());
    int ends[2];
    CHECK(pipe(ends) == 0);
    auto task = scheduler->try_add_async("a", reads(ends[0]));
    CHECK(!*task->try_wait_for(0s));
    CHECK(write(ends[1], "x", 1) == 1);
    EQUAL(*task->try_get(), 1);
    auto stopped = scheduler->try_add_async("a", reads(ends[0]));
    CHECK(stopped.has_value());
    close(ends[1]);
    CHECK(stopped->try_wait().has_value());
    close(ends[0]);
    auto awaits = scheduler->try_add_async("a", [&]() -> ts::Async<ts::Result<int>> {
        auto other = scheduler->try_add("b", []() -> ts::Result<int> { return ts::Error("inside"); });
        co_return co_await ts::as_result(*other);
    });
    EQUAL(awaits->try_get().error().what(), "inside");
}

CHECK_ALL
