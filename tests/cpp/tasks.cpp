// Linear tasks: what they may be, what comes of them, and who destroys what.
#include <task_scheduling.hpp>

#include "check.hpp"

#include <any>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>

using namespace std::chrono_literals;
using check::Count;
using check::Counted;
using check::Event;

namespace {

/// Waits until it is told to stop.
void wait_for_stop(const ts::Token &token)
{
    while (token.sleep_for(1h))
        ;
}

/// Runs until the door is opened.
struct Plug {
    Event started, door;

    auto task()
    {
        return [this] {
            started.set();
            door.wait();
        };
    }
};

int free_function(ts::Token token) { return token.stop_requested() ? 1 : 2; }

} // namespace

TEST(get_gives_what_the_callable_returns)
{
    ts::Scheduler scheduler;
    EQUAL(scheduler.add("a", [] { return 42; }).get(), 42);
    EQUAL(scheduler.add("a", [] { return std::string("text"); }).get(), "text");
    EQUAL(*scheduler.add("a", [] { return std::make_unique<int>(7); }).get(), 7);
    Count count;
    EQUAL(scheduler.add("a", [&count] { return Counted(count, 3); }).get().number, 3);
    EQUAL(count.alive, 0);
    int number = 0;
    int &same = scheduler.add("a", [&number]() -> int & { return number; }).get();
    EQUAL(&same, &number);
    scheduler.add("a", [] {}).get();
    const auto constant = [&count]() -> const Counted { return Counted(count, 4); };
    static_assert(std::is_same_v<decltype(scheduler.add("a", constant)), ts::Task<Counted>>);
    EQUAL(scheduler.add("a", [] { return std::any(5); }).get().has_value(), true);
    EQUAL(*scheduler.add("a", [] { return std::optional<int>(6); }).get(), 6);
}

TEST(any_callable_may_be_a_task)
{
    ts::Scheduler scheduler;
    EQUAL(scheduler.add("a", free_function).get(), 2);
    EQUAL(scheduler.add("a", &free_function).get(), 2);
    EQUAL(scheduler.add("a", std::function<int()>([] { return 3; })).get(), 3);
    EQUAL(scheduler.add("a", [](ts::Token &token) { return token.stop_possible(); }).get(), true);
    EQUAL(scheduler.add("a", [](const ts::Token &token) { return token.stop_requested(); }).get(), false);
    EQUAL(scheduler.add("a", [number = std::make_unique<int>(4)] { return *number; }).get(), 4);
    EQUAL(scheduler.add("a", [number = 5]() mutable { return ++number; }).get(), 6);
    EQUAL(scheduler.add("a", std::bind(free_function, std::placeholders::_1)).get(), 2);
    const auto named = [] { return 8; };
    EQUAL(scheduler.add("a", named).get(), 8);
    struct Once {
        int operator()() && { return 9; }
    };
    EQUAL(scheduler.add("a", Once()).get(), 9);
}

TEST(exceptions_come_back_with_their_own_type)
{
    ts::Scheduler scheduler;
    auto range = scheduler.add("a", [] { throw std::out_of_range("page 12"); });
    THROWS(std::out_of_range, range.get(), std::string(error.what()) == "page 12");
    THROWS(std::out_of_range, range.get(), true); // and again
    const ts::Status status = range.status();
    EQUAL(status.state, ts::State::failed);
    EQUAL(status.error, "page 12");
    EQUAL(status.code, 1);
    GIVES(ts::Errc::task_failed, range.try_get());
    EQUAL(range.try_get().error().what(), "page 12");

    auto number = scheduler.add("a", []() -> int { throw 12; });
    THROWS(int, number.get(), error == 12);
    EQUAL(number.status().error, "an exception that is no std::exception");

    auto own = scheduler.add("a", [] { throw ts::Error(ts::Errc::config, "no such key"); });
    THROWS(ts::Error, own.get(), error.code() == ts::Errc::config);
    EQUAL(own.status().code, static_cast<int>(ts::Errc::config));
    GIVES(ts::Errc::config, own.try_get());

    auto moved = scheduler.add("a", []() -> int { throw std::make_unique<int>(3); });
    THROWS(std::unique_ptr<int>, moved.get(), *error == 3);
}

TEST(a_result_that_is_an_error_fails_the_task)
{
    ts::Scheduler scheduler;
    const auto halve = [&scheduler](int number) {
        return scheduler.add("halve", [number]() -> ts::Result<int> {
            if (number % 2)
                return ts::Error("an odd number");
            return number / 2;
        });
    };
    EQUAL(halve(12).get(), 6);
    auto odd = halve(13);
    THROWS(ts::Error, odd.get(), error.code() == ts::Errc::task_failed && std::string(error.what()) == "an odd number");
    EQUAL(odd.status().error, "an odd number");
    EQUAL(odd.status().code, 1);
    auto only = scheduler.add("a", [] { return ts::Error("in any case"); });
    static_assert(std::is_same_v<decltype(only), ts::Task<void>>);
    THROWS(ts::Error, only.get(), std::string(error.what()) == "in any case");
    auto nothing = scheduler.add("a", []() -> ts::Result<void> { return {}; });
    static_assert(std::is_same_v<decltype(nothing), ts::Task<void>>);
    nothing.get();
    auto system = scheduler.add("a", []() -> ts::Result<void> { return ts::Error(ts::Errc::system, "no disk"); });
    THROWS(ts::Error, system.get(), error.code() == ts::Errc::system);
    EQUAL(system.status().code, static_cast<int>(ts::Errc::system));
}

TEST(get_moves_a_value_out_once)
{
    ts::Scheduler scheduler;
    Count count;
    auto task = scheduler.add("a", [&count] { return Counted(count, 1); });
    {
        const Counted value = task.get();
        EQUAL(count.alive, 1);
        EQUAL(value.number, 1);
    }
    EQUAL(count.alive, 0);
    GIVES(ts::Errc::no_result, task.try_get());
    THROWS(ts::Error, task.get(), error.code() == ts::Errc::no_result);
    EQUAL(task.state(), ts::State::completed);
    auto nothing = scheduler.add("a", [] {});
    nothing.get();
    nothing.get();
}

TEST(a_stopped_task_is_cancelled_and_a_slow_one_times_out)
{
    ts::Scheduler scheduler;
    Plug plug;
    auto first = scheduler.add("one", plug.task());
    plug.started.wait();
    auto waiting = scheduler.add("one", [] { return 1; });
    CHECK(waiting.stop());
    CHECK(!waiting.stop()); // it has ended
    THROWS(ts::TaskCancelled, waiting.get(), std::string(error.what()) == "the task 'one' was cancelled");
    EQUAL(waiting.status().started_at.has_value(), false);
    plug.door.set();
    first.get();
    CHECK(!first.stop());
    GIVES(ts::Errc::already_finished, first.try_stop());

    auto running = scheduler.add("two", wait_for_stop);
    while (running.state() != ts::State::running)
        std::this_thread::yield();
    CHECK(running.stop());
    static_cast<void>(running.try_stop()); // again: no harm
    THROWS(ts::TaskCancelled, running.get(), error.code() == ts::Errc::task_cancelled);
    GIVES(ts::Errc::task_cancelled, running.try_get());

    ts::Options options;
    options.timeout = 1ms;
    auto slow = scheduler.add("three", wait_for_stop, options);
    THROWS(ts::TaskTimedOut, slow.get(), error.code() == ts::Errc::task_timed_out);
    EQUAL(slow.status().state, ts::State::timeout);
}

TEST(a_value_that_a_stop_made_worthless_is_destroyed_before_the_end_is_seen)
{
    ts::Scheduler scheduler;
    Count count;
    auto task = scheduler.add("a", [&count](ts::Token token) {
        wait_for_stop(token);
        return Counted(count);
    });
    CHECK(task.stop());
    task.wait();
    EQUAL(count.made, task.status().started_at ? 1 : 0);
    EQUAL(count.alive, 0);
    THROWS(ts::TaskCancelled, task.get(), true);
    // Surely started.
    Event started;
    auto again = scheduler.add("a", [&](ts::Token token) {
        started.set();
        wait_for_stop(token);
        return Counted(count);
    });
    started.wait();
    const int before = count.made;
    CHECK(again.stop());
    again.wait();
    EQUAL(count.made, before + 1);
    EQUAL(count.alive, 0);
}

TEST(a_callable_is_destroyed_on_the_task_s_thread_before_the_end_is_seen)
{
    ts::Scheduler scheduler;
    struct Witness {
        std::thread::id *where;
        std::unique_ptr<int> only_once = std::make_unique<int>();
        Witness(std::thread::id *where) : where(where) {}
        Witness(Witness &&) = default;
        ~Witness()
        {
            if (only_once)
                *where = std::this_thread::get_id();
        }
    };
    std::thread::id ran, destroyed;
    auto task = scheduler.add("a", [&ran, witness = Witness(&destroyed)] { ran = std::this_thread::get_id(); });
    task.wait();
    CHECK(ran == destroyed);
    CHECK(ran != std::this_thread::get_id());
}

TEST(a_refused_callable_is_destroyed_and_never_called)
{
    ts::Scheduler scheduler;
    Count count;
    bool called = false;
    scheduler.ban(ts::Kind::linear, "banned");
    GIVES(ts::Errc::banned, scheduler.try_add("banned", [&called, counted = Counted(count)] { called = true; }));
    EQUAL(count.alive, 0);
    GIVES(ts::Errc::banned, scheduler.try_post("banned", [&called, counted = Counted(count)] { called = true; }));
    THROWS(ts::Error, scheduler.add("banned", [counted = Counted(count)] {}), error.code() == ts::Errc::banned);
    EQUAL(count.alive, 0);
    CHECK(!called);
}

TEST(a_handle_keeps_the_record_and_dropping_it_detaches)
{
    ts::Scheduler scheduler("maximum_task_info_storage: 2");
    std::optional<ts::Task<int>> kept = scheduler.add("a", [] { return 5; });
    kept->wait();
    const ts::TaskId id = kept->id();
    for (int at = 0; at < 20; at++)
        scheduler.wait(scheduler.post("b", [] {}));
    EQUAL(scheduler.tasks(ts::Kind::linear).size(), 3U);
    EQUAL(kept->status().name, "a");
    EQUAL(kept->get(), 5);
    EQUAL(scheduler.status(id).state, ts::State::completed);
    kept.reset();
    GIVES(ts::Errc::not_found, scheduler.try_status(id));

    // One that is dropped early goes on, and its value goes with its end.
    Plug plug;
    Count count;
    ts::TaskId early;
    {
        auto task = scheduler.add("c", [&plug, &count] {
            plug.task()();
            return Counted(count);
        });
        early = task.id();
    }
    plug.started.wait();
    plug.door.set();
    scheduler.wait(early);
    EQUAL(count.made, 1);
    EQUAL(count.alive, 0);
    EQUAL(scheduler.state(early), ts::State::completed);

    // A value that nobody took goes with the handle.
    {
        auto task = scheduler.add("d", [&count] { return Counted(count); });
        task.wait();
        EQUAL(count.alive, 1);
    }
    EQUAL(count.alive, 0);
}

TEST(posted_tasks_run_and_leave_nothing)
{
    ts::Scheduler scheduler;
    Count count;
    const ts::TaskId id = scheduler.post("a", [&count, counted = Counted(count)] { return Counted(count); });
    scheduler.wait(id);
    EQUAL(count.made, 2);
    EQUAL(count.alive, 0);
    EQUAL(scheduler.status(id).state, ts::State::completed);
    const ts::TaskId bad = scheduler.post(ts::no_name, [] { throw std::runtime_error("lost"); });
    scheduler.wait(bad);
    EQUAL(scheduler.status(bad).error, "lost");
}

TEST(a_handle_outlives_its_scheduler)
{
    Count count;
    ts::Task<Counted> done, stopped;
    ts::Task<void> failed, pending;
    Event started;
    {
        ts::Scheduler scheduler;
        done = scheduler.add("done", [&count] { return Counted(count, 6); });
        failed = scheduler.add("failed", [] { throw std::range_error("far"); });
        done.wait();
        failed.wait();
        stopped = scheduler.add("stopped", [&](ts::Token token) {
            started.set();
            wait_for_stop(token);
            return Counted(count);
        });
        pending = scheduler.add("stopped", [] {});
        started.wait();
    }
    EQUAL(count.alive, 1);
    EQUAL(done.get().number, 6);
    EQUAL(count.alive, 0);
    EQUAL(done.status().name, "done");
    THROWS(std::range_error, failed.get(), true);
    THROWS(ts::TaskCancelled, stopped.get(), true);
    THROWS(ts::TaskCancelled, pending.get(), true);
    CHECK(!done.stop());
    done = {};
    CHECK(!done.valid());
}

TEST(an_empty_handle_says_so)
{
    ts::Scheduler scheduler;
    ts::Task<int> task = scheduler.add("a", [] { return 1; });
    ts::Task<int> other(std::move(task));
    CHECK(!task.valid()); // NOLINT: that is what is tested
    CHECK(!task.id());
    GIVES(ts::Errc::invalid_argument, task.try_get());
    GIVES(ts::Errc::invalid_argument, task.try_wait());
    GIVES(ts::Errc::invalid_argument, task.try_stop());
    GIVES(ts::Errc::invalid_argument, task.try_state());
    GIVES(ts::Errc::invalid_argument, task.try_status());
    GIVES(ts::Errc::invalid_argument, task.try_wait_for(0s));
    swap(task, other);
    EQUAL(task.get(), 1);
    auto &same = task;
    task = std::move(same);
    EQUAL(task.state(), ts::State::completed);
    task.detach();
    task.detach();
    CHECK(!task.valid());
    std::vector<ts::Task<int>> many;
    for (int at = 0; at < 10; at++)
        many.push_back(scheduler.add("a", [at] { return at; }));
    for (int at = 0; at < 10; at++)
        EQUAL(many[static_cast<std::size_t>(at)].get(), at);
}

TEST(waits_know_how_long)
{
    ts::Scheduler scheduler;
    Plug plug;
    auto task = scheduler.add("a", plug.task());
    plug.started.wait();
    CHECK(!task.wait_for(0s));
    CHECK(!task.wait_for(-5min));
    CHECK(!task.wait_for(1ms));
    CHECK(!task.wait_until(std::chrono::steady_clock::now() + 1ms));
    CHECK(!task.wait_until(std::chrono::system_clock::time_point::min()));
    CHECK(!scheduler.wait_for(task.id(), 1ms));
    GIVES(ts::Errc::invalid_argument, task.try_wait_for(ts::Duration(std::numeric_limits<double>::quiet_NaN())));
    plug.door.set();
    CHECK(task.wait_until(std::chrono::steady_clock::time_point::max()));
    CHECK(task.wait_for(std::chrono::hours::max()));
    CHECK(task.wait_for(ts::forever));
    CHECK(scheduler.wait_for(task.id(), 1s));
    Event told;
    ts::Task<void> self;
    self = scheduler.add("a", [&] {
        told.wait();
        GIVES(ts::Errc::would_deadlock, self.try_wait());
        GIVES(ts::Errc::would_deadlock, self.try_get());
    });
    told.set();
    self.get();
}

TEST(a_sleep_ends_when_the_task_is_told_to_stop)
{
    ts::Scheduler scheduler;
    for (int way = 0; way < 4; way++) {
        Event started;
        bool slept = true;
        auto task = scheduler.add("a", [&started, &slept, way](ts::Token token) {
            started.set();
            slept = way == 0   ? token.sleep_for(1h)
                    : way == 1 ? token.sleep_until(std::chrono::steady_clock::time_point::max())
                    : way == 2 ? ts::this_task::sleep_for(1h)
                               : ts::this_task::sleep_until(std::chrono::system_clock::now() + 1h);
            CHECK(token.stop_requested());
            CHECK(ts::this_task::stop_requested());
        });
        started.wait();
        CHECK(task.stop());
        task.wait();
        CHECK(!slept);
    }
    scheduler
        .add("b",
             [](ts::Token token) {
                 CHECK(token.sleep_for(1us));
                 CHECK(token.sleep_for(-1s));
                 CHECK(token.sleep_until(std::chrono::steady_clock::now() + 1ms));
                 CHECK(token.sleep_until(std::chrono::system_clock::time_point::min()));
                 GIVES(ts::Errc::invalid_argument, token.try_sleep_for(ts::Duration(std::nan(""))));
             })
        .get();
    CHECK(ts::this_task::sleep_for(1us));
    CHECK(!ts::this_task::stop_requested());
}

TEST(each_option_reaches_the_scheduler)
{
    ts::Scheduler scheduler("watch_dog_time: 0.001\nline_task_max: 4\nmaximum_queue_line: 1\nstuck_grace: 0.001");
    ts::Options watched;
    watched.timeout_processing = true;
    EQUAL(scheduler.add("a", wait_for_stop, watched).try_get().error().code(), ts::Errc::task_timed_out);

    ts::Options at_once; // not the configuration's time, which 0 is in C
    scheduler.set_config("watch_dog_time", 1h);
    at_once.timeout = 0s;
    EQUAL(scheduler.add("a", wait_for_stop, at_once).try_get().error().code(), ts::Errc::task_timed_out);
    at_once.timeout = -1s;
    EQUAL(scheduler.add("a", wait_for_stop, at_once).try_get().error().code(), ts::Errc::task_timed_out);

    ts::Options banning;
    banning.ban_on_failure = true;
    banning.interrupt_blocking = true;
    scheduler.add("bad", [] { throw std::runtime_error("bad"); }, banning).wait();
    GIVES(ts::Errc::banned, scheduler.try_add("bad", [] {}));

    // One runs, one waits, and there is no room.
    Plug plug;
    auto runs = scheduler.add("full", plug.task());
    plug.started.wait();
    auto waits = scheduler.add("full", [] {});
    GIVES(ts::Errc::queue_full, scheduler.try_add("full", [] {}));
    ts::Options patient;
    patient.wait_for_room = 1ms;
    GIVES(ts::Errc::queue_full, scheduler.try_add("full", [] {}, patient));
    patient.wait_for_room = ts::forever;
    std::thread opens([&plug] { plug.door.set(); });
    scheduler.add("full", [] {}, patient).get();
    opens.join();
    runs.get();
    waits.get();

    ts::Options releasing;
    releasing.release_lane_when_stuck = true;
    Plug deaf;
    auto stuck = scheduler.add("lane", deaf.task(), releasing);
    deaf.started.wait();
    CHECK(stuck.stop());
    scheduler.add("lane", [] {}).get(); // beside it
    CHECK(stuck.status().stuck);
    EQUAL(*stuck.status().stopping, ts::State::cancelled);
    deaf.door.set();
    stuck.wait();
    GIVES(ts::Errc::invalid_argument,
          scheduler.try_add("a", [] {}, [] {
              ts::Options bad;
              bad.timeout = ts::Duration(std::nan(""));
              return bad;
          }()));
#if defined(__cpp_designated_initializers)
    EQUAL(scheduler.add("a", [] { return 1; }, {.timeout = 30s, .wait_for_room = ts::forever}).get(), 1);
#endif
}

TEST(a_stop_breaks_a_blocking_call_where_that_was_asked_for)
{
    ts::Scheduler scheduler;
    int ends[2];
    CHECK(pipe(ends) == 0);
    ts::Options options;
    options.interrupt_blocking = true;
    Event started;
    auto reads = scheduler.add(
        "a",
        [&](ts::Token token) {
            char byte = 0;
            started.set();
            while (read(ends[0], &byte, 1) != 1 && !token.stop_requested())
                ;
        },
        options);
    started.wait();
    CHECK(reads.stop());
    reads.wait();
    close(ends[0]);
    close(ends[1]);
    GIVES(ts::Errc::invalid_argument, scheduler.try_post_claim("b", [] {}, options));
}

TEST(a_time_that_is_no_number_is_refused_by_every_add)
{
    ts::Scheduler scheduler;
    ts::Lane lane(scheduler, {"lane"});
    ts::Options options;
    options.timeout = ts::Duration(std::nan(""));
    GIVES(ts::Errc::invalid_argument, scheduler.try_add("a", [] {}, options));
    GIVES(ts::Errc::invalid_argument, scheduler.try_post("a", [] {}, options));
    GIVES(ts::Errc::invalid_argument, lane.try_add([] {}, options));
    GIVES(ts::Errc::invalid_argument, lane.try_post([] {}, options));
}

TEST(an_error_of_any_type_and_code_fails_the_task)
{
    ts::Scheduler scheduler;
    auto derived = scheduler.add("a", [] { return ts::TaskTimedOut("too late"); });
    static_assert(std::is_same_v<decltype(derived), ts::Task<void>>);
    THROWS(ts::TaskTimedOut, derived.get(), std::string(error.what()) == "too late");
    EQUAL(derived.state(), ts::State::failed);
    auto none = scheduler.add("a", [] { throw ts::Error(ts::Errc(), "no code"); });
    THROWS(ts::Error, none.get(), std::string(error.what()) == "no code");
    EQUAL(none.state(), ts::State::failed);
    auto claimed = scheduler.submit_claim("claims", [] {});
    CHECK(!claimed.claim->fail({ts::Errc(), "no code"}));
    EQUAL(claimed.task.state(), ts::State::failed);
}

TEST(a_name_may_be_any_text)
{
    ts::Scheduler scheduler;
    const std::string text = "grüße";
    EQUAL(scheduler.add(text, [] {}).status().name, text);
    EQUAL(scheduler.add(std::string_view("grapes").substr(0, 5), [] {}).status().name, "grape");
    EQUAL(scheduler.add(ts::no_name, [] {}).status().name, "");
    EQUAL(scheduler.add(std::string(255, 'x'), [] {}).status().name, std::string(255, 'x'));
    for (const std::string &bad : {std::string(), std::string(256, 'x'), std::string(5000, 'x'), std::string("a\0b", 3),
                                   std::string("\0", 1), std::string("\xFF")}) {
        GIVES(ts::Errc::invalid_argument, scheduler.try_add(bad, [] {}));
        GIVES(ts::Errc::invalid_argument, scheduler.try_add(std::string_view(bad), [] {}));
        GIVES(ts::Errc::invalid_argument, scheduler.try_ban(ts::Kind::linear, bad));
        GIVES(ts::Errc::invalid_argument, scheduler.try_cancel_queued(ts::Kind::async, bad));
    }
    GIVES(ts::Errc::invalid_argument, scheduler.try_add(std::string_view(), [] {}));
}

TEST(what_moves_throw_comes_to_who_moves)
{
    struct Heavy {
        int *moves;
        explicit Heavy(int *moves) : moves(moves) {}
        Heavy(Heavy &&other) : moves(other.moves)
        {
            if (--*moves < 0)
                throw std::length_error("too heavy");
        }
    };
    ts::Scheduler scheduler;
    int moves = 0;
    Count count;
    const auto add = [&] {
        return scheduler.add("a", [heavy = Heavy(&moves), counted = Counted(count)] { static_cast<void>(heavy); });
    };
    THROWS(std::length_error, add(), true);
    EQUAL(count.alive, 0);
    moves = 1000;
    add().get();
    // The value is made in its place; get() moves it.
    int no_moves = 0;
    auto task = scheduler.add("a", [&no_moves] { return Heavy(&no_moves); });
    task.wait();
    EQUAL(task.state(), ts::State::completed);
    THROWS(std::length_error, task.get(), true);
}

TEST(what_destructors_throw_is_lost)
{
    struct Bitter {
        bool armed = true;
        Bitter() = default;
        Bitter(Bitter &&other) noexcept : armed(std::exchange(other.armed, false)) {}
        ~Bitter() noexcept(false)
        {
            if (armed)
                throw std::logic_error("bitter");
        }
    };
    ts::Scheduler scheduler;
    Count count;
    auto task = scheduler.add("a", [bitter = Bitter(), counted = Counted(count)] {});
    task.get();
    EQUAL(count.alive, 0);
    {
        auto value = scheduler.add("a", [] { return Bitter(); });
        value.wait();
    }
    scheduler.wait(scheduler.post("a", [bitter = Bitter()] { return Bitter(); }));
    EQUAL(scheduler.add("a", [] { return 1; }).get(), 1);
}

TEST(a_task_may_use_the_scheduler_it_runs_on)
{
    ts::Scheduler scheduler;
    auto outer = scheduler.add("outer", [&scheduler] {
        auto inner = scheduler.add("inner", [] { return 20; });
        return inner.get() + 1;
    });
    EQUAL(outer.get(), 21);
    // A handle inside a callable, and one that is dropped by its own task.
    auto chained = scheduler.add("outer", [task = scheduler.add("inner", [] { return 4; })]() mutable { return task.get(); });
    EQUAL(chained.get(), 4);
}

TEST(handles_may_be_asked_by_many_threads)
{
    ts::Scheduler scheduler;
    Plug plug;
    const auto task = scheduler.add("a", plug.task());
    plug.started.wait();
    std::vector<std::thread> threads;
    for (int at = 0; at < 4; at++)
        threads.emplace_back([&task] {
            static_cast<void>(task.wait_for(0s));
            EQUAL(task.status().name, "a");
            task.wait();
            EQUAL(task.state(), ts::State::completed);
        });
    plug.door.set();
    for (std::thread &thread : threads)
        thread.join();
}

CHECK_ALL
