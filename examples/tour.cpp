/*
 * tour: the README of the Python package task_scheduling, function by function.
 *
 *     cargo build --release
 *     c++ -std=c++20 -O2 -Iinclude -Ibindings/cpp examples/tour.cpp -o tour \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./tour
 *
 * It prints what tour.c prints, which says where the package does something
 * else. The README's asyncio tasks are coroutines here.
 */
#include <task_scheduling_coroutines.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

const std::string input_info = "test";

std::mutex mutex;
std::vector<std::string> lines;
std::atomic<int> linear_printed{0}, asyncio_printed{0};

std::optional<ts::Scheduler> scheduler;

/// The text with # for what stands between the marks.
std::string mask(std::string text, const std::string &before, const std::string &behind, const std::string &with)
{
    for (std::size_t at = text.find(before); at != text.npos; at = text.find(before, at)) {
        at += before.size();
        const std::size_t end = text.find(behind, at);
        if (end == text.npos)
            break;
        text.replace(at, end - at, with);
    }
    return text;
}

void line_task(const std::string &info, const ts::Token &token)
{
    while (token.sleep_for(10ms))
        linear_printed += info == "test";
}

ts::Async<> asyncio_task(std::string info)
{
    for (;;) {
        co_await ts::sleep_for(10ms);
        asyncio_printed += info == "test";
    }
}

std::string line_task_with_result(std::string info, const ts::Token &token)
{
    token.sleep_for(50ms);
    return info;
}

ts::Async<std::string> asyncio_task_with_result(std::string info)
{
    co_await ts::sleep_for(50ms);
    co_return info;
}

/// What the README gives as True.
ts::Options timeout_processing()
{
    ts::Options options;
    options.timeout_processing = true;
    return options;
}

void failing_task() { throw std::runtime_error("no paper"); }

template <class Task>
auto add_line(const char *name, Task task)
{
    return scheduler->try_add(
        name, [task, info = input_info](ts::Token token) { return task(info, token); }, timeout_processing());
}

template <class T>
auto add_async(const char *name, ts::Async<T> task)
{
    return scheduler->try_add_async(name, std::move(task), timeout_processing());
}

template <class Condition>
void until(const Condition &condition)
{
    while (!condition())
        std::this_thread::sleep_for(1ms);
}

void until_both_printed()
{
    until([] { return linear_printed > 0 && asyncio_printed > 0; });
}

template <class Value>
void say(const std::string &what, const Value &value)
{
    std::cout << "  " << what << ": ";
    if constexpr (std::is_same_v<Value, bool>)
        std::cout << (value ? "yes" : "no") << '\n';
    else
        std::cout << value << '\n';
}

void said(const std::string &sentence)
{
    const std::lock_guard<std::mutex> lock(mutex);
    say("said '" + sentence + "'", std::find(lines.begin(), lines.end(), sentence) != lines.end());
}

std::vector<std::string> info_lines(ts::Kind kind)
{
    std::istringstream text(scheduler->queue_info(kind, true));
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);)
        if (!line.empty())
            all.push_back(mask(mask(line, "ID: ", ",", "#"), "Time: ", " ", "0.00"));
    return all;
}

void tour_add_task()
{
    const auto one = add_line("task1", line_task);
    const auto two = add_async("task2", asyncio_task(input_info));
    until_both_printed();
    say("ids", std::to_string(to_string(one->id()).size()) + " and " + std::to_string(to_string(two->id()).size()) +
                   " characters");
    say("ids differ", one->id() != two->id());
    say("both printed test", true);
    std::string order;
    for (const char *number : {" 1", " 2"})
        scheduler->post("task3", [&order, number] { order += number; });
    scheduler->add("task3", [&order] { order += " 3"; }).get();
    std::cout << "  + three of a name ran in the order:" << order << '\n';
}

void tour_ban_task_name()
{
    const auto one = add_line("task1", line_task);
    scheduler->ban(ts::Kind::linear, "task1");
    say("task1 added again", add_line("task1", line_task).has_value());
    const auto two = add_async("task2", asyncio_task(input_info));
    scheduler->ban(ts::Kind::async, "task2");
    say("task2 added again", add_async("task2", asyncio_task(input_info)).has_value());
    said("Io linear task | task1 | is banned from execution");
    ts::Options bans;
    bans.ban_on_failure = true;
    scheduler->add("task3", failing_task, bans).wait();
    say("+ added again after a failure that bans", scheduler->try_add("task3", failing_task).has_value());
}

void tour_allow_task_name()
{
    scheduler->ban(ts::Kind::linear, "task1");
    say("task1 added", add_line("task1", line_task).has_value());
    scheduler->allow(ts::Kind::linear, "task1");
    const auto one = add_line("task1", line_task);
    say("task1 added again", one.has_value());
    scheduler->ban(ts::Kind::async, "task2");
    say("task2 added", add_async("task2", asyncio_task(input_info)).has_value());
    scheduler->allow(ts::Kind::async, "task2");
    const auto two = add_async("task2", asyncio_task(input_info));
    say("task2 added again", two.has_value());
    until_both_printed();
    said("Io linear task | task1 | is allowed for execution");
    said("Io asyncio task | task2 | is allowed for execution");
}

void tour_cancel_all_queued_tasks_by_name()
{
    const auto first = add_line("task1", line_task);
    const auto second = add_line("task1", line_task);
    const auto third = add_async("task2", asyncio_task(input_info));
    const auto fourth = add_async("task2", asyncio_task(input_info));
    for (const ts::TaskId &id : {first->id(), third->id(), fourth->id()})
        until([&] { return scheduler->state(id) == ts::State::running; });
    const std::size_t cancelled = scheduler->cancel_queued(ts::Kind::linear, "task1");
    scheduler->cancel_queued(ts::Kind::async, "task2");
    say("linear", info_lines(ts::Kind::linear).front());
    say("asyncio", info_lines(ts::Kind::async).front());
    said("Io linear task | task1 | is waiting to be executed in the queue, has been deleted");
    say("+ so many were cancelled", cancelled);
}

void tour_force_stop_task()
{
    const auto one = add_line("task1", line_task);
    const auto two = add_async("task1", asyncio_task(input_info));
    until_both_printed();
    const auto waiting = add_line("task1", line_task);
    const bool stopped = waiting->try_stop().has_value();
    say("linear stopped", one->try_stop().has_value());
    say("asyncio stopped", two->try_stop().has_value());
    one->wait();
    two->wait();
    say("none runs", true);
    std::cout << "  + they are known as: " << to_string(one->state()) << " and " << to_string(two->state()) << '\n';
    say("+ one that waited stopped", stopped && waiting->state() == ts::State::cancelled);
}

void tour_get_task_result()
{
    auto one = add_line("sleep", line_task_with_result);
    auto two = add_async("sleep", asyncio_task_with_result(input_info));
    const auto endless = add_line("task1", line_task);
    say("Task result", one->get());
    say("Task result", two->get());
    say("+ not finished", !endless->wait_for(0s));
}

void tour_get_all_queue_info()
{
    const auto one = add_line("task1", line_task);
    const auto two = add_async("task1", asyncio_task(input_info));
    until_both_printed();
    for (const std::string &line : info_lines(ts::Kind::linear))
        say("line", line);
    for (const std::string &line : info_lines(ts::Kind::async))
        say("asyncio", line);
}

void tour_get_task_status()
{
    const auto one = add_line("task1", line_task);
    const auto two = add_async("task1", asyncio_task(input_info));
    until_both_printed();
    for (const ts::Status &status : {one->status(), two->status()}) {
        say("task_name", status.name);
        say("status", to_string(status.state));
        say("started just now", *status.started_at > std::chrono::system_clock::now() - 10min);
    }
    const auto failed = scheduler->add("task2", failing_task);
    failed.wait();
    std::cout << "  + one that failed: " << to_string(failed.state()) << ", " << failed.status().error << '\n';
}

void tour_shutdown()
{
    scheduler->shutdown(true);
    said("All scheduler has been shut down.");
    const auto one = add_line("sleep", line_task_with_result);
    const auto two = add_async("sleep", asyncio_task_with_result(input_info));
    until([&] { return one->state() != ts::State::pending && two->state() != ts::State::pending; });
    scheduler->shutdown();
    say("one that ran was waited for", to_string(one->state()));
    say("+ so was an asyncio one", to_string(two->state()));
}

void tour_interruptible_sleep()
{
    const auto begin = std::chrono::steady_clock::now();
    ts::this_task::sleep_for(50ms);
    say("slept as long", std::chrono::steady_clock::now() - begin >= 50ms);
}

void tour_update_config()
{
    say("line_task_max", *scheduler->config("line_task_max"));
    scheduler->set_config("line_task_max", 18);
    say("line_task_max", *scheduler->config("line_task_max"));
    const auto refused = scheduler->try_set_config("line_task_min", 1);
    say("+ an unknown key is refused", !refused && refused.error().code() == ts::Errc::config);
}

void run(const char *name, void (*example)())
{
    lines.clear();
    linear_printed = asyncio_printed = 0;
    std::cout << name << '\n';
    scheduler.emplace();
    example();
    scheduler.reset();
}

} // namespace

int main()
{
    ts::set_log([](ts::LogLevel, std::string_view text) {
        const std::lock_guard<std::mutex> lock(mutex);
        lines.emplace_back(text);
    });
    run("add_task", tour_add_task);
    run("ban_task_name", tour_ban_task_name);
    run("allow_task_name", tour_allow_task_name);
    run("cancel_all_queued_tasks_by_name", tour_cancel_all_queued_tasks_by_name);
    run("force_stop_task", tour_force_stop_task);
    run("get_task_result", tour_get_task_result);
    run("get_all_queue_info", tour_get_all_queue_info);
    run("get_task_status", tour_get_task_status);
    run("shutdown", tour_shutdown);
    run("interruptible_sleep", tour_interruptible_sleep);
    run("update_config", tour_update_config);
    ts::reset_log();
    return 0;
}
