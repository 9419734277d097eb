// What a host program has: lanes, pumps, claims, completions, and its say in
// who runs a task and what the threads are like.
#include <task_scheduling.hpp>

#include "check.hpp"

#include <array>
#include <memory>
#include <poll.h>

using namespace std::chrono_literals;
using check::Count;
using check::Counted;
using check::Event;

namespace {

bool is_readable(int fd)
{
    pollfd polled{fd, POLLIN, 0};
    return poll(&polled, 1, 0) == 1;
}

ts::LaneOptions lane_for_claims(std::size_t width = 0)
{
    ts::LaneOptions options;
    options.name = "claims";
    options.runner = ts::Runner::claims;
    options.width = width;
    return options;
}

} // namespace

TEST(a_lane_runs_its_tasks_in_the_order_of_adds_by_name_and_by_handle)
{
    ts::Scheduler scheduler;
    ts::Lane lane(scheduler, {"a"});
    std::vector<int> order;
    lane.post([&order] { order.push_back(1); });
    scheduler.post("a", [&order] { order.push_back(2); });
    ts::Options options;
    options.lane = lane;
    scheduler.post(ts::no_name, [&order] { order.push_back(3); }, options);
    EQUAL(lane.add([&order] { return order.size(); }).get(), 3U);
    CHECK((order == std::vector<int>{1, 2, 3}));
    THROWS(std::out_of_range, lane.add([] { throw std::out_of_range("far"); }).get(), true);
}

TEST(a_lane_has_a_kind_and_a_capacity)
{
    ts::Scheduler scheduler;
    ts::LaneOptions options;
    options.name = "a";
    options.capacity = 1;
    const ts::Lane lane(scheduler, options);
    Event started, door;
    lane.post([&] {
        started.set();
        door.wait();
    });
    started.wait();
    Count count;
    lane.post([kept = Counted(count)] {});
    GIVES(ts::Errc::queue_full, lane.try_post([kept = Counted(count)] {}));
    GIVES(ts::Errc::queue_full, lane.try_add([kept = Counted(count)] {}));
    EQUAL(count.alive, 1);
    door.set();

    options.kind = ts::Kind::async;
    options.capacity = 0;
    const ts::Lane polled(scheduler, options);
    GIVES(ts::Errc::wrong_kind, polled.try_post([] {}));
    EQUAL(polled.add_async([](const ts::AsyncToken &) { return std::optional<int>(5); }).get(), 5);
    polled.post_async([](const ts::AsyncToken &) { return ts::Poll::ready; });
}

TEST(a_lane_has_one_runner_while_it_is_in_use)
{
    ts::Scheduler scheduler;
    const ts::Lane lane(scheduler, {"claims"});
    GIVES(ts::Errc::in_use, ts::Lane::try_create(scheduler, lane_for_claims()));
    EQUAL(make_error_code(ts::Errc::in_use).message(), "in use");
    GIVES(ts::Errc::invalid_argument, ts::Lane::try_create(scheduler, {std::string("a\0b", 3)}));
}

TEST(a_lane_outlives_its_scheduler_and_refuses)
{
    auto scheduler = std::make_unique<ts::Scheduler>();
    ts::Lane lane(*scheduler, {"a"});
    EQUAL(lane.add([] { return 1; }).get(), 1);
    scheduler.reset();
    GIVES(ts::Errc::shutting_down, lane.try_post([] {}));
    const ts::Lane other = std::move(lane);
    GIVES(ts::Errc::invalid_argument, lane.try_add([] { return 1; }));
    GIVES(ts::Errc::shutting_down, other.try_add([] { return 1; }));
    const ts::Lane of_default(ts::default_scheduler(), {"a lane of the default one"});
    EQUAL(of_default.add([] { return 2; }).get(), 2);
}

TEST(a_pump_runs_its_tasks_on_the_thread_that_asks)
{
    ts::Scheduler scheduler;
    std::atomic<int> heard{0};
    ts::Pump pump(scheduler, [&heard] { heard++; });
    ts::LaneOptions lane_options;
    lane_options.name = "b";
    lane_options.pump = pump;
    const ts::Lane lane(scheduler, lane_options);
    ts::Options options;
    options.pump = pump;
    const auto here = [] { return std::this_thread::get_id(); };
    CHECK(!is_readable(pump.fd()));
    auto one = scheduler.add("a", here, options);
    auto two = lane.add(here);
    CHECK(is_readable(pump.fd()));
    CHECK(heard > 0);
    EQUAL(pump.run(1), 1U);
    EQUAL(pump.run(0, 10s), 1U);
    EQUAL(pump.run(), 0U);
    CHECK(one.get() == here());
    CHECK(two.get() == here());
    std::thread([&pump] { GIVES(ts::Errc::wrong_thread, pump.try_run()); }).join();
}

TEST(a_pump_that_has_no_time_runs_one_task)
{
    ts::Scheduler scheduler;
    ts::Pump pump(scheduler);
    scheduler.set_runner(ts::Runner::pump, pump);
    scheduler.post("a", [] {});
    scheduler.post("a", [] {});
    CHECK(pump.run(0, 0s) <= 1);
    CHECK(pump.run(0, ts::forever) >= 1);
}

TEST(a_pump_that_goes_cancels_its_tasks_and_destroys_its_callable)
{
    ts::Scheduler scheduler;
    Count count;
    ts::Options options;
    ts::Task<> task;
    {
        ts::Pump pump(scheduler, [kept = std::make_shared<Counted>(count)] {});
        EQUAL(count.alive, 1);
        options.pump = pump;
        task = scheduler.add("a", [] {}, options);
        options.pump = {};
    }
    EQUAL(count.alive, 0);
    task.wait();
    EQUAL(task.state(), ts::State::cancelled);
    GIVES(ts::Errc::invalid_argument, scheduler.try_set_runner(ts::Runner::pump));
}

TEST(completions_give_every_end_in_order_with_its_data)
{
    ts::Scheduler scheduler("maximum_queue_line: 100");
    ts::Completions ends(scheduler);
    CHECK(!is_readable(ends.fd()));
    std::array<ts::Completion, 40> taken;
    EQUAL(ends.take(taken), 0U);
    EQUAL(ends.take(taken, 1ms), 0U);
    ts::Options options;
    options.completions = ends;
    std::vector<int> data(70);
    for (int &number : data) {
        options.data = &number;
        scheduler.post("a", [] {}, options);
    }
    options.data = nullptr;
    const ts::TaskId last = scheduler.post("a", []() -> ts::Error { return {ts::Errc::banned, "no"}; }, options);
    scheduler.wait(last);
    CHECK(is_readable(ends.fd()));
    EQUAL(ends.take(taken, ts::forever), 40U);
    for (std::size_t at = 0; at < taken.size(); at++) {
        CHECK(taken[at].data == &data[at]);
        EQUAL(taken[at].state, ts::State::completed);
    }
    std::vector<ts::Completion> rest(100);
    // The last one comes when it can be waited for, so perhaps a moment after that.
    std::size_t count = ends.take(rest, ts::forever);
    if (count == 30) {
        std::array<ts::Completion, 1> late;
        count += ends.take(late, ts::forever);
        rest[30] = late[0];
    }
    EQUAL(count, 31U);
    CHECK(rest[30].id == last);
    EQUAL(rest[30].state, ts::State::failed);
    EQUAL(rest[30].code, static_cast<int>(ts::Errc::banned));
    rest.clear();
    GIVES(ts::Errc::invalid_argument, ends.try_take(rest));
}

TEST(on_end_is_called_when_the_task_can_be_waited_for_and_destroyed_after_that)
{
    ts::Scheduler scheduler;
    Count count;
    Event done;
    ts::Completion heard;
    ts::TaskId id;
    {
        ts::Options options;
        options.on_end = [&, kept = std::make_shared<Counted>(count)](const ts::Completion &end) {
            heard = end;
            CHECK(scheduler.wait_for(end.id, 0s));
            done.set();
            throw std::runtime_error("nobody hears of this");
        };
        id = scheduler.post("a", [] { throw 1; }, options);
        GIVES(ts::Errc::invalid_argument, scheduler.try_post("", [] {}, options));
    }
    done.wait();
    CHECK(heard.id == id);
    EQUAL(heard.state, ts::State::failed);
    EQUAL(heard.code, 1);
    scheduler.shutdown();
    EQUAL(count.alive, 0);
}

TEST(a_claim_runs_here_and_its_finish_gives_the_next_of_its_lane)
{
    ts::Scheduler scheduler;
    auto [one, claim] = scheduler.submit_claim("a", [](const ts::Token &token) { return token.stop_requested() ? 0 : 1; });
    auto [two, none] = scheduler.submit_claim("a", [] { throw std::out_of_range("far"); });
    CHECK(claim.has_value());
    CHECK(!none.has_value());
    CHECK(claim->id() == one.id());
    EQUAL(one.state(), ts::State::running);
    CHECK(claim->run());
    GIVES(ts::Errc::invalid_argument, claim->try_run());
    claim = claim->finish();
    EQUAL(one.get(), 1);
    CHECK(claim && claim->id() == two.id());
    CHECK(claim->run());
    CHECK(!claim->finish());
    CHECK(!claim->valid());
    GIVES(ts::Errc::invalid_argument, claim->try_finish());
    THROWS(std::out_of_range, two.get(), true);
}

TEST(a_claim_that_is_destroyed_is_finished_and_fails_a_task_that_was_not_run)
{
    ts::Scheduler scheduler;
    Count count;
    auto one = scheduler.submit_claim("a", [kept = Counted(count)] { return 1; });
    auto two = scheduler.submit_claim("a", [] { return 2; });
    one.claim.reset();
    EQUAL(count.alive, 0);
    THROWS(ts::Error, one.task.get(), std::string_view(error.what()) == "the claim was destroyed before the task was run");
    EQUAL(one.task.state(), ts::State::failed);
    auto next = scheduler.take_claims(5, ts::forever);
    EQUAL(next.size(), 1U);
    next[0].run();
    next.clear();
    EQUAL(two.task.get(), 2);
    EQUAL(scheduler.take_claims(5).size(), 0U);
}

TEST(a_claim_whose_task_was_stopped_is_not_run)
{
    ts::Scheduler scheduler;
    auto one = scheduler.submit_claim("a", [] {});
    auto two = scheduler.submit_claim("a", [] {});
    two.task.stop();
    CHECK(is_readable(scheduler.claims_fd()));
    auto stopped = scheduler.take_claims(5);
    EQUAL(stopped.size(), 1U);
    CHECK(stopped[0].id() == two.task.id());
    CHECK(!stopped[0].run());
    stopped[0].end();
    EQUAL(two.task.state(), ts::State::cancelled);
    one.task.stop();
    CHECK(one.claim->token().stop_requested());
    CHECK(!one.claim->start());
    CHECK(!one.claim->finish());
    EQUAL(one.task.state(), ts::State::cancelled);
}

TEST(a_claim_that_is_run_in_another_way_ends_as_is_said)
{
    ts::Scheduler scheduler;
    auto one = scheduler.submit_claim("a", [] {});
    CHECK(one.claim->start());
    CHECK(!one.claim->fail({ts::Errc::system, "no disk"}));
    EQUAL(one.task.status().code, static_cast<int>(ts::Errc::system));
    EQUAL(one.task.status().error, "no disk");
    auto two = scheduler.post_claim("a", [] {});
    two.claim->end();
    EQUAL(scheduler.state(two.id), ts::State::completed);
}

TEST(a_claim_fails_with_words_of_any_bytes)
{
    ts::Scheduler scheduler;
    auto one = scheduler.submit_claim("a", [] {});
    CHECK(!one.claim->fail(ts::Error("caf\xE9!")));
    EQUAL(one.task.status().error, "caf?!");
}

TEST(a_finish_tells_the_final_state)
{
    ts::Scheduler scheduler;
    ts::State state = ts::State::pending;
    auto one = scheduler.submit_claim("a", [] {});
    CHECK(one.claim->run());
    CHECK(!one.claim->finish(state));
    EQUAL(state, ts::State::completed);
    auto two = scheduler.submit_claim("a", [] {});
    CHECK(two.claim->run());
    two.task.stop();
    CHECK(!two.claim->finish(state));
    EQUAL(state, ts::State::cancelled);
    state = ts::State::pending;
    GIVES(ts::Errc::invalid_argument, two.claim->try_finish(state));
    EQUAL(state, ts::State::pending);
}

TEST(a_lane_of_claims_has_as_many_out_as_it_is_wide)
{
    ts::Scheduler scheduler;
    const ts::Lane lane(scheduler, lane_for_claims(2));
    auto one = lane.submit_claim([] { return 1; });
    auto two = lane.post_claim([] {});
    auto three = lane.post_claim([] {});
    CHECK(one.claim && two.claim && !three.claim);
    one.claim->run();
    auto next = one.claim->finish();
    EQUAL(one.task.get(), 1);
    CHECK(next && next->id() == three.id);
    two.claim.reset();
    next->run();
    next->end();
    // By the lane's runner an ordinary add is a claim too.
    auto four = lane.add([] { return 4; });
    auto taken = scheduler.take_claims(1);
    EQUAL(taken.size(), 1U);
    taken[0].run();
    taken[0].end();
    EQUAL(four.get(), 4);
}

TEST(many_claims_are_posted_and_finished_at_once)
{
    ts::Scheduler scheduler("maximum_queue_line: 3");
    int sum = 0;
    Count count;
    const auto task = [&](int number) { return [&sum, number, kept = Counted(count)] { sum += number; }; };
    std::vector<decltype(task(1))> tasks;
    for (int number = 1; number <= 8; number++)
        tasks.push_back(task(number));
    auto all = scheduler.try_post_claims("a", std::move(tasks));
    // One is out, three are pending.
    EQUAL(all.posted.size(), 4U);
    CHECK(all.refused && all.refused->code() == ts::Errc::queue_full);
    EQUAL(count.alive, 4);
    std::vector<ts::Claim> claims;
    claims.push_back(*std::move(all.posted[0].claim));
    while (!claims.empty()) {
        for (ts::Claim &claim : claims)
            claim.run();
        scheduler.finish_claims(claims);
    }
    EQUAL(sum, 1 + 2 + 3 + 4);
    EQUAL(count.alive, 0);
}

TEST(a_claim_may_be_let_go_of_after_its_scheduler)
{
    auto scheduler = std::make_unique<ts::Scheduler>();
    Count count;
    auto one = scheduler->submit_claim("a", [kept = Counted(count)] {});
    scheduler.reset();
    one.claim.reset();
    EQUAL(count.alive, 0);
}

TEST(on_thread_is_called_first_and_last_on_each_thread_with_its_name)
{
    std::mutex mutex;
    std::vector<std::string> heard;
    Count count;
    {
        ts::SchedulerOptions options;
        options.config = "line_task_max: 1";
        options.thread_name = "mail";
        options.thread_stack_size = 256 * 1024;
        options.on_thread = [&, kept = std::make_shared<Counted>(count)](ts::ThreadEvent event, std::string_view name) {
            const std::lock_guard<std::mutex> lock(mutex);
            heard.push_back(std::string(name) + " " + std::string(to_string(event)));
        };
        ts::Scheduler scheduler(options);
        options.on_thread = nullptr;
        EQUAL(count.alive, 1);
        scheduler.add("a", [] {}).get();
    }
    EQUAL(count.alive, 0);
    CHECK((heard == std::vector<std::string>{"mail-worker-0 started", "mail-worker-0 stopping"}));
    ts::SchedulerOptions wrong;
    wrong.thread_name = "far too long for a thread";
    wrong.on_thread = [kept = std::make_shared<Counted>(count)](ts::ThreadEvent, std::string_view) {};
    GIVES(ts::Errc::invalid_argument, ts::Scheduler::try_create(wrong));
    wrong.on_thread = nullptr;
    EQUAL(count.alive, 0);
    wrong = {};
    wrong.thread_affinity = std::string("0\0", 2);
    GIVES(ts::Errc::invalid_argument, ts::Scheduler::try_create(wrong));
    wrong = {};
    wrong.config = "nonsense: 1";
    GIVES(ts::Errc::config, ts::Scheduler::try_create(wrong));
}

CHECK_ALL
