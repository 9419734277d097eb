// The scheduler's other functions, ids, errors, the log; and async tasks that
// are polled.
#include <task_scheduling.hpp>

#include "check.hpp"

#include <clocale>
#include <cmath>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <unordered_set>

using namespace std::chrono_literals;
using check::Count;
using check::Counted;
using check::Event;

namespace {

/// The log, until the end of the test.
class Heard {
public:
    Heard()
    {
        ts::set_log([this](ts::LogLevel level, std::string_view text) {
            const std::lock_guard<std::mutex> lock(mutex_);
            lines_.push_back(std::string(to_string(level)) + ": " + std::string(text));
        });
    }
    Heard(const Heard &) = delete;
    Heard &operator=(const Heard &) = delete;
    ~Heard() { ts::reset_log(); }

    bool has(const std::string &words)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const std::string &line : lines_)
            if (line.find(words) != line.npos)
                return true;
        return false;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

} // namespace

TEST(ids_are_values)
{
    ts::Scheduler scheduler;
    const ts::TaskId first = scheduler.add("a", [] {}).id();
    const ts::TaskId second = scheduler.post("a", [] {});
    CHECK(first && second && !ts::TaskId());
    CHECK(first != second);
    CHECK((first < second) != (second < first));
    CHECK((first <= second) != (first > second) && first >= first);
    EQUAL(first.to_string().size(), 36U);
    CHECK(ts::TaskId::parse(first.to_string()) == first);
    std::string shout = to_string(second);
    for (char &letter : shout)
        letter = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    CHECK(*ts::TaskId::try_parse(shout) == second);
    for (const std::string &bad : {std::string(), std::string("x"), first.to_string() + "0", first.to_string() + '\0'})
        GIVES(ts::Errc::invalid_argument, ts::TaskId::try_parse(bad));
    THROWS(ts::Error, ts::TaskId::parse("none"), error.code() == ts::Errc::invalid_argument);
    std::ostringstream out;
    out << first;
    EQUAL(out.str(), first.to_string());
    std::unordered_set<ts::TaskId> hashed;
    std::set<ts::TaskId> sorted;
    std::set<std::size_t> hashes;
    for (int at = 0; at < 1000; at++) {
        const ts::TaskId id = scheduler.add("b", [] {}, [] {
            ts::Options options;
            options.wait_for_room = ts::forever;
            return options;
        }()).id();
        hashed.insert(id);
        sorted.insert(id);
        hashes.insert(std::hash<ts::TaskId>()(id));
    }
    EQUAL(hashed.size(), 1000U);
    EQUAL(sorted.size(), 1000U);
    CHECK(hashes.size() > 990);
}

TEST(errors_have_codes_and_words)
{
    const std::error_code code = ts::Errc::already_banned;
    CHECK(code == ts::Errc::already_banned && code != ts::Errc::banned);
    CHECK(code.category() == ts::category());
    EQUAL(code.category().name(), "task_scheduling");
    EQUAL(code.message(), "already banned");
    EQUAL(make_error_code(ts::Errc::not_yet).message(), "not yet");
    EQUAL(make_error_code(ts::Errc::task_timed_out).message(), "task timed out");
    CHECK(!std::error_code(0, ts::category()));
    ts::Scheduler scheduler;
    const ts::Result<ts::Task<void>> bad = scheduler.try_add("", [] {});
    CHECK(std::string(bad.error().what()).find("1 to 255 bytes") != std::string::npos);
    THROWS(std::runtime_error, bad.value(), true);
    const std::error_code of_error = bad.error().code();
    CHECK(of_error == ts::Errc::invalid_argument);
}

TEST(words_of_any_bytes_and_length_are_kept)
{
    ts::Scheduler scheduler;
    const std::string words(1000, 'x');
    auto wordy = scheduler.add("a", [&words] { throw std::runtime_error(words); });
    EQUAL(wordy.try_get().error().what(), words);
    EQUAL(wordy.status().error, words.substr(0, 255));
    auto binary = scheduler.add("a", [] { throw std::runtime_error("caf\xE9!"); });
    EQUAL(binary.try_get().error().what(), "caf\xE9!");
    EQUAL(binary.status().error, "caf?!");
    auto polled = scheduler.add_async("a", [](ts::AsyncToken &token) {
        token.set_error("caf\xE9!");
        return ts::Poll::failed;
    });
    EQUAL(polled.try_get().error().what(), "caf?!");
}

TEST(durations_are_written_alike_in_every_locale)
{
    ts::Scheduler scheduler;
    // Where there is one with another decimal point.
    for (const char *locale : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"})
        if (std::setlocale(LC_NUMERIC, locale))
            break;
    scheduler.set_config("stuck_grace", 500ms);
    std::setlocale(LC_NUMERIC, "C");
    EQUAL(*scheduler.config("stuck_grace"), "0.5");
}

TEST(a_result_is_a_value_or_an_error)
{
    ts::Result<std::string> good = "text";
    CHECK(good && good.has_value());
    EQUAL(*good, "text");
    EQUAL(good->size(), 4U);
    EQUAL(good.value_or("other"), "text");
    EQUAL(std::move(good).value(), "text");
    const ts::Result<std::string> bad = ts::Error("no");
    CHECK(!bad);
    EQUAL(bad.value_or("other"), "other");
    THROWS(ts::Error, bad.value(), std::string(error.what()) == "no");
    const ts::Result<std::string> cancelled = ts::Error(ts::Errc::task_cancelled, "gone");
    THROWS(ts::TaskCancelled, cancelled.value(), true);
    ts::Result<std::unique_ptr<int>> moved = std::make_unique<int>(3);
    const std::unique_ptr<int> out = *std::move(moved);
    EQUAL(*out, 3);
    int number = 1;
    ts::Result<int &> reference = number;
    *reference = 2;
    EQUAL(number, 2);
    const ts::Result<void> done, failed = ts::Error("no");
    CHECK(done && !failed);
    done.value();
    THROWS(ts::Error, failed.value(), true);
}

TEST(the_configuration_is_read_and_changed)
{
    ts::Scheduler scheduler("line_task_max: 4");
    EQUAL(*scheduler.config("line_task_max"), "4");
    CHECK(!scheduler.config("no_such_key"));
    CHECK(!scheduler.config(""));
    scheduler.set_config("line_task_max", 5);
    scheduler.set_config("watch_dog_time", 1500ms);
    scheduler.set_config("max_idle_time", 2.5);
    scheduler.set_config("maximum_queue_line", "6");
    scheduler.set_config(std::string("maximum_queue_async"), std::string("7"));
    EQUAL(*scheduler.config("line_task_max"), "5");
    EQUAL(*scheduler.config("watch_dog_time"), "1.5");
    EQUAL(*scheduler.config("max_idle_time"), "2.5");
    EQUAL(*scheduler.config("maximum_queue_line"), "6");
    EQUAL(*scheduler.config("maximum_queue_async"), "7");
    GIVES(ts::Errc::config, scheduler.try_set_config("line_task_max", -1));
    GIVES(ts::Errc::config, scheduler.try_set_config("no_such_key", 1));
    GIVES(ts::Errc::invalid_argument, scheduler.try_set_config(std::string_view("line_task_max\0", 14), 1));
    GIVES(ts::Errc::invalid_argument, scheduler.try_config(std::string_view("\0", 1)));
    GIVES(ts::Errc::config, ts::Scheduler::try_create("nonsense: 1"));
    GIVES(ts::Errc::invalid_argument, ts::Scheduler::try_create(std::string_view("\0", 1)));
    THROWS(ts::Error, ts::Scheduler("line_task_max: 0"), error.code() == ts::Errc::config);

    const std::string path = std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/ts-config-" +
                             std::to_string(getpid());
    std::ofstream(path) << "line_task_max: 8\n";
    scheduler.load_config(path);
    EQUAL(*scheduler.config("line_task_max"), "8");
    std::ofstream(path) << "line_task_max: 0\n";
    GIVES(ts::Errc::config, scheduler.try_load_config(path));
    std::remove(path.c_str());
    GIVES(ts::Errc::config, scheduler.try_load_config(path));
    EQUAL(*scheduler.config("line_task_max"), "8");
}

TEST(names_are_banned_allowed_and_emptied)
{
    ts::Scheduler scheduler;
    Event started, door;
    auto runs = scheduler.add("a", [&] {
        started.set();
        door.wait();
    });
    started.wait();
    auto waits = scheduler.add("a", [] {});
    EQUAL(scheduler.cancel_queued(ts::Kind::linear, "a"), 1U);
    EQUAL(scheduler.cancel_queued(ts::Kind::async, "a"), 0U);
    EQUAL(waits.state(), ts::State::cancelled);
    auto next = scheduler.add("a", [] {});
    scheduler.ban(ts::Kind::linear, "a");
    EQUAL(next.state(), ts::State::cancelled);
    EQUAL(runs.state(), ts::State::running);
    GIVES(ts::Errc::already_banned, scheduler.try_ban(ts::Kind::linear, "a"));
    THROWS(ts::Error, scheduler.add("a", [] {}), error.code() == ts::Errc::banned);
    scheduler.allow(ts::Kind::linear, "a");
    GIVES(ts::Errc::not_banned, scheduler.try_allow(ts::Kind::linear, "a"));
    GIVES(ts::Errc::invalid_argument, scheduler.try_ban(ts::Kind::linear, ts::no_name));
    GIVES(ts::Errc::invalid_argument, scheduler.try_ban(static_cast<ts::Kind>(77), "a"));
    auto last = scheduler.add("a", [] { return 1; });
    door.set();
    EQUAL(last.get(), 1);
}

TEST(what_is_known_of_tasks_can_be_seen)
{
    ts::Scheduler scheduler;
    const auto before = std::chrono::system_clock::now();
    Event started, door;
    auto runs = scheduler.add("runs", [&] {
        started.set();
        door.wait();
    });
    started.wait();
    auto bad = scheduler.add("bad", [] { throw std::runtime_error("no paper"); });
    bad.wait();
    auto waits = scheduler.add("runs", [] {});
    const std::vector<ts::Status> all = scheduler.tasks(ts::Kind::linear);
    EQUAL(all.size(), 3U);
    EQUAL(all[0].name, "runs");
    CHECK(all[0].id == runs.id());
    EQUAL(all[0].state, ts::State::running);
    EQUAL(all[1].error, "no paper");
    EQUAL(all[2].state, ts::State::pending);
    CHECK(all[0].added_at > before - 5s && all[0].added_at < before + 1h);
    CHECK(all[0].started_at && *all[0].started_at >= all[0].added_at - 1s && !all[0].ended_at);
    CHECK(all[1].ended_at && !all[2].started_at && !all[0].stopping && !all[0].stuck);
    EQUAL(scheduler.tasks(ts::Kind::async).size(), 0U);
    const std::string info = scheduler.queue_info(ts::Kind::linear, true);
    CHECK(info.find(runs.id().to_string()) != info.npos && info.find("no paper") != info.npos);
    CHECK(scheduler.queue_info(ts::Kind::linear).find("Name: runs, Status: running") != info.npos);
    EQUAL(scheduler.state(runs.id()), ts::State::running);
    EQUAL(scheduler.status(bad.id()).code, 1);
    CHECK(scheduler.stop(waits.id()));
    CHECK(!scheduler.stop(bad.id()));
    GIVES(ts::Errc::not_found, scheduler.try_stop(ts::TaskId()));
    THROWS(ts::Error, scheduler.status(ts::TaskId()), error.code() == ts::Errc::not_found);
    CHECK(ts::is_final(bad.state()) && !ts::is_final(runs.state()));
    EQUAL(to_string(bad.state()), "failed");
    EQUAL(to_string(ts::Kind::async), "async");
    EQUAL(to_string(static_cast<ts::State>(99)), "unknown");
    door.set();
    // More than there is room for at first.
    std::vector<ts::Task<void>> many;
    for (int at = 0; at < 25; at++)
        many.push_back(scheduler.add(ts::no_name, [] {}));
    EQUAL(scheduler.tasks(ts::Kind::linear).size(), 28U);
}

TEST(a_shutdown_within_a_time_says_what_is_left)
{
    ts::Scheduler scheduler;
    Event started, door;
    auto slow = scheduler.add("slow", [&] {
        started.set();
        door.wait();
    });
    started.wait();
    const std::optional<ts::Remains> left = scheduler.shutdown_within(0s);
    CHECK(left && left->running == 1 && left->claims == 0 && left->threads >= 1);
    CHECK(left && left->tasks.size() == 1 && left->tasks[0].name == "slow" && left->tasks[0].id == slow.id());
    GIVES(ts::Errc::shutting_down, scheduler.try_add("a", [] {}));
    GIVES(ts::Errc::invalid_argument, scheduler.try_shutdown_within(ts::Duration(std::nan(""))));
    door.set();
    CHECK(!scheduler.shutdown_within(ts::forever));
    slow.get();
    auto inside = scheduler.add("a", [&scheduler] { GIVES(ts::Errc::would_deadlock, scheduler.try_shutdown_within(0s)); });
    inside.get();
    CHECK(!scheduler.shutdown_within(1h, true));
}

TEST(a_shutdown_waits_or_stops)
{
    ts::Scheduler scheduler;
    Count count;
    auto brief = scheduler.add("a", [&count] { return Counted(count, 2); });
    scheduler.shutdown();
    EQUAL(brief.state(), brief.status().started_at ? ts::State::completed : ts::State::cancelled);
    Event started;
    auto slow = scheduler.add("a", [&started](ts::Token token) {
        started.set();
        token.sleep_for(1h);
    });
    started.wait();
    auto done = scheduler.add("b", [&count] { return Counted(count, 3); });
    done.wait();
    scheduler.shutdown(true);
    EQUAL(slow.state(), ts::State::cancelled);
    EQUAL(done.get().number, 3); // the handle's, not the scheduler's
    auto inside = scheduler.add("a", [&scheduler] { GIVES(ts::Errc::would_deadlock, scheduler.try_shutdown()); });
    inside.get();
}

TEST(a_scheduler_can_be_moved)
{
    ts::Scheduler first;
    auto task = first.add("a", [](ts::Token token) { return token.sleep_for(1h); });
    ts::Scheduler second(std::move(first));
    EQUAL(second.state(task.id()), task.state());
    ts::Scheduler third;
    auto other = third.add("a", [](ts::Token token) { return token.sleep_for(1h); });
    third = std::move(second);
    GIVES(ts::Errc::task_cancelled, other.try_get());
    CHECK(!ts::is_final(task.state()));
    first = ts::Scheduler();
    EQUAL(first.add("a", [] { return 1; }).get(), 1);
}

TEST(the_default_scheduler_is_the_process_s)
{
    ts::TaskId id;
    {
        auto scheduler = ts::default_scheduler();
        id = scheduler.post("a", [] {});
    }
    ts::default_scheduler().wait(id);
    EQUAL(ts::default_scheduler().status(id).name, "a");
    auto task = ts::default_scheduler().add("a", [] { return 3; });
    EQUAL(task.get(), 3);
    ts::default_scheduler().shutdown();
}

TEST(the_log_goes_to_a_callable)
{
    ts::Scheduler scheduler;
    Count count;
    {
        Heard heard;
        auto task = scheduler.add("a", [] { throw std::runtime_error("no ink"); });
        task.wait();
        CHECK(heard.has("info: Io linear task | " + task.id().to_string() + " | added successfully"));
        CHECK(heard.has("error: Io linear task | " + task.id().to_string() + " | execution failed: no ink"));
        scheduler.ban(ts::Kind::linear, "b");
        CHECK(heard.has("warning: Io linear task | b | is banned from execution"));
    }
    ts::set_log([counted = Counted(count)](ts::LogLevel, std::string_view) { throw 1; });
    EQUAL(count.alive, 1);
    scheduler.add("a", [] {}).get();
    ts::reset_log();
    EQUAL(count.alive, 0);
    EQUAL(ts::version(), ts::HeaderVersion::text);
}

TEST(a_callable_is_polled_until_it_is_done)
{
    ts::Scheduler scheduler;
    int polls = 0;
    auto counts = scheduler.add_async("a", [&polls](ts::AsyncToken token) {
        while (token.sleep_for(1ms))
            if (++polls == 3)
                return ts::Poll::ready;
        return ts::Poll::pending;
    });
    static_assert(std::is_same_v<decltype(counts), ts::Task<void>>);
    counts.get();
    EQUAL(polls, 3);
    auto text = scheduler.add_async("a", [](ts::AsyncToken &token) -> std::optional<std::string> {
        if (!token.sleep_for(1ms))
            return std::nullopt;
        return "done";
    });
    EQUAL(text.get(), "done");
    auto failed = scheduler.add_async("a", [](ts::AsyncToken &token) {
        token.set_error("out of ink");
        return ts::Poll::failed;
    });
    THROWS(ts::Error, failed.get(), std::string(error.what()) == "out of ink" && error.code() == ts::Errc::task_failed);
    auto thrown = scheduler.add_async("a", [](ts::AsyncToken &) -> std::optional<int> { throw std::out_of_range("far"); });
    THROWS(std::out_of_range, thrown.get(), true);
    auto wrong = scheduler.add_async("a", [](ts::AsyncToken &) { return static_cast<ts::Poll>(9); });
    GIVES(ts::Errc::task_failed, wrong.try_get());
}

TEST(a_polled_task_waits_for_files_tasks_and_wakers)
{
    ts::Scheduler scheduler;
    int ends[2];
    CHECK(pipe(ends) == 0);
    auto reads = scheduler.add_async("a", [&ends](ts::AsyncToken &token) -> std::optional<char> {
        GIVES(ts::Errc::invalid_argument, token.try_wait(-1, ts::Ready::readable));
        GIVES(ts::Errc::invalid_argument, token.try_wait(ends[0], ts::Ready::none));
        if (!intersects(token.wait(ends[0], ts::Ready::readable), ts::Ready::readable))
            return std::nullopt;
        char byte = 0;
        return read(ends[0], &byte, 1) == 1 ? byte : '\0';
    });
    auto follows = scheduler.add_async("a", [&reads](ts::AsyncToken &token) -> std::optional<int> {
        GIVES(ts::Errc::not_found, token.try_wait(ts::TaskId()));
        if (!token.wait(reads.id()))
            return std::nullopt;
        return 4;
    });
    CHECK(!reads.wait_for(0s));
    CHECK(write(ends[1], "x", 1) == 1);
    EQUAL(reads.get(), 'x');
    EQUAL(follows.get(), 4);
    close(ends[0]);
    close(ends[1]);

    Event armed;
    ts::Waker waker;
    std::atomic<bool> go{false};
    auto woken = scheduler.add_async("a", [&](ts::AsyncToken &token) {
        if (!waker) {
            waker = token.waker();
            armed.set();
        }
        return go ? ts::Poll::ready : ts::Poll::pending;
    });
    armed.wait();
    waker.wake();
    go = true;
    waker.wake();
    woken.get();
}

TEST(a_stopped_polled_task_is_destroyed_on_its_loop)
{
    ts::Scheduler scheduler;
    Count count;
    Event armed;
    std::thread::id loop;
    auto task = scheduler.add_async("a", [&, counted = Counted(count)](ts::AsyncToken &token) {
        loop = std::this_thread::get_id();
        CHECK(!token.sleep_for(1h));
        token.cancel_sleep();
        CHECK(!token.sleep_for(1h));
        armed.set();
        return ts::Poll::pending;
    });
    armed.wait();
    EQUAL(count.alive, 1);
    CHECK(task.stop());
    task.wait();
    EQUAL(count.alive, 0);
    THROWS(ts::TaskCancelled, task.get(), true);
    auto blocks = scheduler.add_async("a", [](ts::AsyncToken &) -> std::optional<int> {
        GIVES(ts::Errc::wrong_kind, ts::this_task::try_sleep_for(1s));
        return 1;
    });
    EQUAL(blocks.get(), 1);
}

CHECK_ALL
