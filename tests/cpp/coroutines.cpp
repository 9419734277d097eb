// Coroutines as tasks: what they give and throw, what they await, and that a
// stop destroys them where they are.
#include <task_scheduling_coroutines.hpp>

#include "check.hpp"

#include <fcntl.h>
#include <memory>
#include <optional>

using namespace std::chrono_literals;
using check::Count;
using check::Counted;
using check::Event;

namespace {

/// How many awaits must not need more stack than a few.
constexpr int many = 1000000;
/// How deep a chain may be: frames are memory.
constexpr int deep = 20000;

ts::Async<int> one() { co_return 1; }

/// Where the stack is.
[[gnu::noinline]] std::uintptr_t stack()
{
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

/// A pipe that is closed at the end.
struct Pipe {
    int ends[2];

    Pipe()
    {
        if (pipe2(ends, O_NONBLOCK) != 0)
            std::abort();
    }
    Pipe(const Pipe &) = delete;
    Pipe &operator=(const Pipe &) = delete;
    ~Pipe()
    {
        close(ends[0]);
        close(ends[1]);
    }
    void put(char byte) const
    {
        if (write(ends[1], &byte, 1) != 1)
            std::abort();
    }
    char take() const
    {
        char byte = 0;
        return read(ends[0], &byte, 1) == 1 ? byte : '\0';
    }
};

/// Writes its name into a list when it is destroyed, and on which thread.
struct Trace {
    std::string *list;
    const char *name;
    std::thread::id *where;

    Trace(std::string &list, const char *name, std::thread::id &where) : list(&list), name(name), where(&where) {}
    Trace(const Trace &) = delete;
    Trace &operator=(const Trace &) = delete;
    ~Trace()
    {
        *list += name;
        *where = std::this_thread::get_id();
    }
};

struct Place {
    std::string list;
    std::thread::id destroyed, ran;
    Event there;
    Count count;
    Pipe pipe;
};

/// A clock whose hand the test sets.
struct Wall {
    using duration = std::chrono::seconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Wall>;
    [[maybe_unused]] static constexpr bool is_steady = false;
    static time_point now() { return time_point(duration(hand)); }
    static inline std::atomic<long> hand{0};
};

enum class Waits { asleep, until_a_time, for_a_file, for_a_task, for_an_id, for_a_waker, nested };

ts::Async<> innermost(Place &place, Waits waits, ts::Scheduler &scheduler)
{
    const Trace trace(place.list, "c", place.destroyed);
    const Counted counted(place.count);
    auto other = scheduler.add("other", [](ts::Token token) { token.sleep_for(1h); });
    place.ran = std::this_thread::get_id();
    place.there.set();
    switch (waits) {
    case Waits::asleep: co_await ts::sleep_for(1h); break;
    case Waits::until_a_time: co_await ts::sleep_until(std::chrono::system_clock::now() + 1h); break;
    case Waits::for_a_file: co_await ts::readable(place.pipe.ends[0]); break;
    case Waits::for_a_task: co_await other; break;
    case Waits::for_an_id: co_await ts::ended(other.id()); break;
    case Waits::for_a_waker: co_await ts::until([] { return false; }); break;
    case Waits::nested:
        co_await [](Place &at) -> ts::Async<> {
            const Trace deeper(at.list, "d", at.destroyed);
            const Counted another(at.count);
            co_await ts::sleep_for(1h);
        }(place);
        break;
    }
    place.list += "not to be reached";
}

ts::Async<int> middle(Place &place, Waits waits, ts::Scheduler &scheduler)
{
    const Trace trace(place.list, "b", place.destroyed);
    const Counted counted(place.count);
    co_await innermost(place, waits, scheduler);
    co_return 1;
}

ts::Async<Counted> outermost(Place &place, Waits waits, ts::Scheduler &scheduler)
{
    const Trace trace(place.list, "a", place.destroyed);
    const Counted counted(place.count, co_await middle(place, waits, scheduler));
    co_return Counted(place.count);
}

ts::Async<long> chain(int depth, Event *bottom)
{
    if (depth > 0)
        co_return 1 + co_await chain(depth - 1, bottom);
    if (!bottom)
        co_return 0;
    bottom->set();
    co_await ts::sleep_for(1h);
    co_return 0;
}

} // namespace

TEST(a_coroutine_gives_and_throws_like_a_callable)
{
    ts::Scheduler scheduler;
    EQUAL(scheduler.add_async("a", one()).get(), 1);
    EQUAL(scheduler.add_async("a", one).get(), 1);
    EQUAL(scheduler.add_async("a", [number = std::make_unique<int>(7)]() -> ts::Async<int> {
                       co_await ts::sleep_for(1ms);
                       co_return *number;
                   }).get(),
          7);
    scheduler.add_async("a", []() -> ts::Async<> { co_return; }).get();
    Count count;
    EQUAL(scheduler.add_async("a", [&count]() -> ts::Async<Counted> { co_return Counted(count, 3); }).get().number, 3);
    EQUAL(count.alive, 0);
    int number = 0;
    int &same = scheduler.add_async("a", [&number]() -> ts::Async<int &> { co_return number; }).get();
    EQUAL(&same, &number);

    auto bad = scheduler.add_async("a", []() -> ts::Async<int> {
        co_await ts::sleep_for(1us);
        throw std::out_of_range("page 3");
    });
    THROWS(std::out_of_range, bad.get(), std::string(error.what()) == "page 3");
    EQUAL(bad.status().error, "page 3");
    EQUAL(bad.status().kind, ts::Kind::async);
    auto unmade = scheduler.add_async("a", []() -> ts::Async<int> { throw std::domain_error("not even made"); });
    THROWS(std::domain_error, unmade.get(), true);
    auto result = scheduler.add_async("a", []() -> ts::Async<ts::Result<int>> { co_return ts::Error("no luck"); });
    static_assert(std::is_same_v<decltype(result), ts::Task<int>>);
    THROWS(ts::Error, result.get(), std::string(error.what()) == "no luck");
    ts::Async<int> emptied = one();
    const ts::Async<int> taken = std::move(emptied);
    auto empty = scheduler.add_async("a", std::move(emptied)); // NOLINT: that is what is tested
    GIVES(ts::Errc::invalid_argument, empty.try_get());
    scheduler.wait(scheduler.post_async(ts::no_name, [&count]() -> ts::Async<Counted> { co_return Counted(count); }));
    EQUAL(count.alive, 0);
}

TEST(exceptions_pass_from_coroutine_to_coroutine)
{
    ts::Scheduler scheduler;
    Count count;
    const auto throws = [](Count &counts) -> ts::Async<Counted> {
        const Counted local(counts);
        co_await ts::sleep_for(1us);
        throw std::length_error("inside");
    };
    auto task = scheduler.add_async("a", [&]() -> ts::Async<int> {
        const Counted local(count);
        bool caught = false;
        try {
            co_await throws(count);
        } catch (const std::length_error &) {
            caught = true;
        }
        co_return caught ? co_await one() : 0;
    });
    EQUAL(task.get(), 1);
    EQUAL(count.alive, 0);
}

TEST(awaits_need_no_stack)
{
    ts::Scheduler scheduler;
    std::uintptr_t lowest = UINTPTR_MAX, highest = 0;
    const auto look = [&]() -> ts::Async<int> {
        const std::uintptr_t here = stack();
        lowest = here < lowest ? here : lowest;
        highest = here > highest ? here : highest;
        co_return 1;
    };
    auto loops = scheduler.add_async("a", [&look]() -> ts::Async<long> {
        long sum = 0;
        for (int at = 0; at < many; at++)
            sum += co_await look();
        co_return sum;
    });
    EQUAL(loops.get(), static_cast<long>(many));
    CHECK(highest - lowest < 256 * 1024);
    EQUAL(scheduler.add_async("a", chain(deep, nullptr)).get(), static_cast<long>(deep));
}

TEST(a_deep_chain_is_destroyed_without_stack)
{
    ts::Scheduler scheduler;
    Event bottom;
    auto task = scheduler.add_async("a", chain(deep, &bottom));
    bottom.wait();
    CHECK(task.stop());
    THROWS(ts::TaskCancelled, task.get(), true);
    const ts::Async<long> never_begun = chain(10, nullptr);
}

TEST(a_stop_destroys_the_coroutines_where_they_are)
{
    for (const Waits waits : {Waits::asleep, Waits::until_a_time, Waits::for_a_file, Waits::for_a_task, Waits::for_an_id,
                              Waits::for_a_waker, Waits::nested}) {
        // A shutdown stops the other task too, whose end may come first.
        const bool with_other = waits == Waits::for_a_task || waits == Waits::for_an_id;
        for (int how = 0; how < (with_other ? 2 : 4); how++) {
            Place place;
            std::optional<ts::Scheduler> scheduler(std::in_place);
            ts::Options options;
            if (how == 1)
                options.timeout = 1ms;
            auto task = scheduler->add_async("a", outermost(place, waits, *scheduler), options);
            place.there.wait();
            if (how == 0)
                CHECK(task.stop());
            if (how == 2)
                scheduler->shutdown(true);
            if (how == 3)
                scheduler.reset();
            task.wait();
            EQUAL(place.list, waits == Waits::nested ? "dcba" : "cba");
            EQUAL(place.count.alive, 0);
            CHECK(place.ran == place.destroyed);
            CHECK(place.ran != std::this_thread::get_id());
            GIVES(how == 1 ? ts::Errc::task_timed_out : ts::Errc::task_cancelled, task.try_get());
            if (how < 2) {
                scheduler->shutdown(true);
            }
        }
    }
}

TEST(a_coroutine_that_never_began_is_destroyed_too)
{
    ts::Scheduler scheduler("maximum_event_loop_tasks: 1");
    Count count;
    Event began;
    auto first = scheduler.add_async("a", [&began]() -> ts::Async<> {
        began.set();
        co_await ts::sleep_for(1h);
    });
    const auto takes = [](Counted) -> ts::Async<> { co_return; };
    auto second = scheduler.add_async("a", takes(Counted(count)));
    auto third = scheduler.add_async("a", [counted = Counted(count)]() -> ts::Async<> { co_return; });
    began.wait();
    EQUAL(count.alive, 2);
    CHECK(second.stop());
    CHECK(third.stop());
    EQUAL(count.alive, 0);
    scheduler.ban(ts::Kind::async, "banned");
    GIVES(ts::Errc::banned, scheduler.try_add_async("banned", takes(Counted(count))));
    EQUAL(count.alive, 0);
    CHECK(first.stop());
}

/// Leaving it throws.
struct Bitter {
    Bitter() = default;
    Bitter(const Bitter &) = delete;
    Bitter &operator=(const Bitter &) = delete;
    ~Bitter() noexcept(false) { throw std::logic_error("bitter"); }
};

TEST(a_destructor_that_throws_at_a_stop_does_no_harm)
{
    ts::Scheduler scheduler;
    Event there;
    auto task = scheduler.add_async("a", [&there]() -> ts::Async<> {
        const Bitter bitter;
        there.set();
        co_await ts::sleep_for(1h);
    });
    there.wait();
    CHECK(task.stop());
    task.wait();
    EQUAL(scheduler.add_async("a", one()).get(), 1);
}

TEST(a_value_that_another_end_takes_the_place_of_is_destroyed)
{
    ts::Scheduler scheduler;
    Count count;
    {
        auto throws = scheduler.add_async("a", [&count]() -> ts::Async<Counted> {
            const Bitter bitter;
            co_return Counted(count, 1);
        });
        THROWS(std::logic_error, throws.get(), true);
        auto again = scheduler.add_async("a", [&count]() -> ts::Async<Counted> {
            try {
                const Bitter bitter;
                co_return Counted(count, 1);
            } catch (const std::logic_error &) {
            }
            co_return Counted(count, 2);
        });
        EQUAL(again.get().number, 2);
    }
    EQUAL(count.alive, 0);
}

TEST(spurious_polls_wake_nobody_early)
{
    ts::Scheduler scheduler;
    Pipe pipe;
    Event armed;
    ts::Waker waker;
    int rounds = 0;
    auto reads = scheduler.add_async("a", [&]() -> ts::Async<char> {
        waker = co_await ts::this_waker();
        armed.set();
        co_await ts::readable(pipe.ends[0]);
        const char first = pipe.take();
        co_await ts::sleep_for(1ms);
        rounds++;
        co_await ts::sleep_for(0s);
        co_await ts::sleep_for(-1s);
        co_await ts::sleep_until(std::chrono::steady_clock::now() + 1ms);
        co_return first;
    });
    armed.wait();
    for (int at = 0; at < 1000; at++)
        waker.wake();
    CHECK(!reads.wait_for(0s));
    pipe.put('x');
    for (int at = 0; at < 1000; at++)
        waker.wake();
    EQUAL(reads.get(), 'x');
    EQUAL(rounds, 1);
    waker.wake(); // it has ended
    CHECK(waker.try_wake().has_value());
}

TEST(a_clock_that_is_set_ends_a_sleep_until_then_and_no_other)
{
    ts::Scheduler scheduler;
    Event armed;
    ts::Waker waker;
    auto task = scheduler.add_async("a", [&]() -> ts::Async<int> {
        waker = co_await ts::this_waker();
        armed.set();
        co_await ts::sleep_until(Wall::time_point(1h));
        co_await ts::sleep_for(1us); // not what is left of the hour
        co_return 1;
    });
    armed.wait();
    waker.wake();
    CHECK(!task.wait_for(0s));
    Wall::hand = 7200;
    waker.wake();
    EQUAL(task.get(), 1);
}

TEST(a_task_of_either_kind_can_be_awaited)
{
    ts::Scheduler scheduler;
    auto linear = scheduler.add("l", [] { return std::string("linear"); });
    auto async = scheduler.add_async("a", []() -> ts::Async<std::string> {
        co_await ts::sleep_for(1ms);
        co_return " async";
    });
    auto bad = scheduler.add("b", [] { throw std::overflow_error("too much"); });
    auto all = scheduler.add_async("w", [&]() -> ts::Async<std::string> {
        std::string text = co_await linear;
        text += co_await async;
        text += co_await scheduler.add("l", [] { return std::string(" at once"); });
        try {
            co_await bad;
        } catch (const std::overflow_error &error) {
            text += error.what();
        }
        const ts::Result<void> again = co_await ts::as_result(bad);
        EQUAL(again.error().what(), "too much");
        auto stopped = scheduler.add("s", [](ts::Token token) { token.sleep_for(1h); });
        CHECK(stopped.stop());
        EQUAL((co_await ts::as_result(stopped)).error().code(), ts::Errc::task_cancelled);
        co_await ts::ended(stopped.id());
        EQUAL((co_await ts::as_result(ts::ended(ts::TaskId()))).error().code(), ts::Errc::not_found);
        EQUAL((co_await ts::as_result(ts::Task<int>())).error().code(), ts::Errc::invalid_argument);
        EQUAL((co_await ts::as_result(scheduler.add("l", [] { return 5; }))).value(), 5);
        co_return text;
    });
    EQUAL(all.get(), "linear async at oncetoo much");
    GIVES(ts::Errc::no_result, linear.try_get());
}

TEST(a_task_of_another_scheduler_is_not_found)
{
    ts::Scheduler here, there;
    auto other = there.add("a", [] {});
    auto task = here.add_async("a", [&other]() -> ts::Async<> { co_await other; });
    THROWS(ts::Error, task.get(), error.code() == ts::Errc::not_found);
}

TEST(file_descriptors_can_be_awaited)
{
    ts::Scheduler scheduler;
    Pipe pipe;
    auto task = scheduler.add_async("a", [&pipe]() -> ts::Async<std::string> {
        std::string text;
        co_await ts::writable(pipe.ends[1]);
        for (const char letter : {'a', 'b', 'c'}) {
            pipe.put(letter);
            co_await ts::readable(pipe.ends[0]);
            text += pipe.take();
        }
        EQUAL(co_await ts::ready_for(pipe.ends[1], ts::Ready::both), ts::Ready::writable);
        EQUAL((co_await ts::as_result(ts::readable(-1))).error().code(), ts::Errc::invalid_argument);
        try {
            co_await ts::writable(-1);
        } catch (const ts::Error &error) {
            text += error.code() == ts::Errc::invalid_argument ? "!" : "?";
        }
        co_return text;
    });
    EQUAL(task.get(), "abc!");
}

TEST(a_waker_brings_in_what_other_threads_do)
{
    ts::Scheduler scheduler;
    std::thread other;
    std::atomic<int> answer{0};
    auto task = scheduler.add_async("a", [&]() -> ts::Async<int> {
        ts::Waker waker = co_await ts::this_waker();
        other = std::thread([&answer, own = std::move(waker)] {
            for (int step = 1; step <= 100; step++) {
                answer = step;
                own.wake();
            }
        });
        co_await ts::until([&answer] { return answer >= 100; });
        try {
            co_await ts::until([]() -> bool { throw std::runtime_error("asked"); });
        } catch (const std::runtime_error &) {
            co_return answer;
        }
        co_return 0;
    });
    EQUAL(task.get(), 100);
    other.join();
    // It may outlive everything.
    ts::Waker late;
    {
        ts::Scheduler brief;
        late = brief.add_async("a", []() -> ts::Async<ts::Waker> { co_return co_await ts::this_waker(); }).get();
    }
    late.wake();
    GIVES(ts::Errc::shutting_down, late.try_wake());
    GIVES(ts::Errc::invalid_argument, ts::Waker().try_wake());
    ts::Waker().wake();
}

TEST(yield_lets_the_others_go_first)
{
    ts::Scheduler scheduler;
    std::atomic<bool> other_ran{false};
    auto busy = scheduler.add_async("a", [&]() -> ts::Async<int> {
        auto other = scheduler.add_async("b", [&other_ran]() -> ts::Async<> {
            other_ran = true;
            co_return;
        });
        int rounds = 0;
        for (; !other_ran; rounds++)
            co_await ts::yield();
        co_return rounds;
    });
    CHECK(busy.get() > 0);
}

TEST(a_coroutine_type_can_be_moved_and_dropped)
{
    Count count;
    const auto takes = [](Counted counted) -> ts::Async<int> { co_return counted.number; };
    {
        ts::Async<int> first = takes(Counted(count, 1));
        ts::Async<int> second = takes(Counted(count, 2));
        EQUAL(count.alive, 2);
        first = std::move(second);
        EQUAL(count.alive, 1);
        CHECK(first.valid() && !second.valid()); // NOLINT: that is what is tested
        ts::Scheduler scheduler;
        EQUAL(scheduler.add_async("a", std::move(first)).get(), 2);
    }
    EQUAL(count.alive, 0);
}

CHECK_ALL
