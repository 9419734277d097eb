// The examples of the README of the Python package task_scheduling, in C++:
// what tests/cpp/seed.py prints of them with that package, this prints too.
#include <task_scheduling_coroutines.hpp>

#include "check.hpp"

#include <algorithm>
#include <iostream>
#include <optional>
#include <sstream>

using namespace std::chrono_literals;

namespace {

const std::string input_info = "test";

std::mutex mutex;
std::vector<std::string> lines;
std::atomic<int> linear_printed{0}, asyncio_printed{0};

ts::Scheduler scheduler = ts::default_scheduler();
std::optional<ts::Options> timeout_processing;

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

template <class Task>
auto add_line(const char *name, Task task)
{
    return scheduler.try_add(
        name, [task, info = input_info](ts::Token token) { return task(info, token); }, *timeout_processing);
}

template <class T>
auto add_async(const char *name, ts::Async<T> task)
{
    return scheduler.try_add_async(name, std::move(task), *timeout_processing);
}

template <class Condition>
void until(const Condition &condition)
{
    while (!condition())
        std::this_thread::sleep_for(5ms);
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
    std::istringstream text(scheduler.queue_info(kind, true));
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);)
        if (!line.empty())
            all.push_back(mask(mask(line, "ID: ", ",", "#"), "Time: ", " ", "0.00"));
    return all;
}

void example_add_task()
{
    const auto one = add_line("task1", line_task);
    const auto two = add_async("task2", asyncio_task(input_info));
    until_both_printed();
    say("ids", std::to_string(to_string(one->id()).size()) + " and " + std::to_string(to_string(two->id()).size()) +
                   " characters");
    say("ids differ", one->id() != two->id());
    say("both printed test", true);
}

void example_ban_task_name()
{
    const auto one = add_line("task1", line_task);
    scheduler.ban(ts::Kind::linear, "task1");
    say("task1 added again", add_line("task1", line_task).has_value());
    const auto two = add_async("task2", asyncio_task(input_info));
    scheduler.ban(ts::Kind::async, "task2");
    say("task2 added again", add_async("task2", asyncio_task(input_info)).has_value());
    said("Io linear task | task1 | is banned from execution");
    // There a shutdown forgets bans; here they stay.
    scheduler.allow(ts::Kind::linear, "task1");
    scheduler.allow(ts::Kind::async, "task2");
}

void example_allow_task_name()
{
    scheduler.ban(ts::Kind::linear, "task1");
    say("task1 added", add_line("task1", line_task).has_value());
    scheduler.allow(ts::Kind::linear, "task1");
    const auto one = add_line("task1", line_task);
    say("task1 added again", one.has_value());
    scheduler.ban(ts::Kind::async, "task2");
    say("task2 added", add_async("task2", asyncio_task(input_info)).has_value());
    scheduler.allow(ts::Kind::async, "task2");
    const auto two = add_async("task2", asyncio_task(input_info));
    say("task2 added again", two.has_value());
    until_both_printed();
    said("Io linear task | task1 | is allowed for execution");
    said("Io asyncio task | task2 | is allowed for execution");
}

void example_cancel_all_queued_tasks_by_name()
{
    const auto first = add_line("task1", line_task);
    until([] { return linear_printed > 0; });
    const auto second = add_line("task1", line_task);
    const auto third = add_async("task2", asyncio_task(input_info));
    const auto fourth = add_async("task2", asyncio_task(input_info));
    until([&] { return fourth->state() == ts::State::running && third->state() == ts::State::running; });
    scheduler.cancel_queued(ts::Kind::linear, "task1");
    scheduler.cancel_queued(ts::Kind::async, "task2");
    say("linear", info_lines(ts::Kind::linear).front());
    say("asyncio", info_lines(ts::Kind::async).front());
    said("Io linear task | task1 | is waiting to be executed in the queue, has been deleted");
}

void example_force_stop_task()
{
    const auto one = add_line("task1", line_task);
    const auto two = add_async("task1", asyncio_task(input_info));
    until_both_printed();
    say("linear stopped", one->stop());
    say("asyncio stopped", two->stop());
    one->wait();
    two->wait();
    say("none runs", is_final(one->state()) && is_final(two->state()));
}

void example_get_task_result()
{
    auto one = add_line("sleep", line_task_with_result);
    auto two = add_async("sleep", asyncio_task_with_result(input_info));
    say("Task result", one->get());
    say("Task result", two->get());
}

void example_get_all_queue_info()
{
    const auto one = add_line("task1", line_task);
    const auto two = add_async("task1", asyncio_task(input_info));
    until_both_printed();
    for (const std::string &line : info_lines(ts::Kind::linear))
        say("line", line);
    for (const std::string &line : info_lines(ts::Kind::async))
        say("asyncio", line);
}

void example_get_task_status()
{
    const auto one = add_line("task1", line_task);
    const auto two = add_async("task1", asyncio_task(input_info));
    until_both_printed();
    for (const ts::Status &status : {one->status(), two->status()}) {
        say("task_name", status.name);
        say("status", to_string(status.state));
        say("started just now", *status.started_at > std::chrono::system_clock::now() - 10min);
    }
}

void example_shutdown()
{
    scheduler.shutdown(true);
    said("All scheduler has been shut down.");
}

void example_interruptible_sleep()
{
    const auto begin = std::chrono::steady_clock::now();
    ts::this_task::sleep_for(50ms);
    say("slept as long", std::chrono::steady_clock::now() - begin >= 50ms);
}

void example_update_config()
{
    say("line_task_max", *scheduler.config("line_task_max"));
    scheduler.set_config("line_task_max", 18);
    say("line_task_max", *scheduler.config("line_task_max"));
}

void run(const char *name, void (*example)())
{
    ts::set_log([](ts::LogLevel, std::string_view text) {
        const std::lock_guard<std::mutex> lock(mutex);
        lines.emplace_back(text);
    });
    lines.clear();
    linear_printed = asyncio_printed = 0;
    // There each example has a process, here a record of its own.
    scheduler.set_config("maximum_task_info_storage", 0);
    scheduler.set_config("maximum_task_info_storage", 60);
    std::cout << name << '\n';
    example();
    scheduler.shutdown(true);
    ts::reset_log();
}

} // namespace

int main()
{
    std::signal(SIGALRM, check::hangs);
    alarm(120);
    timeout_processing.emplace().timeout_processing = true;
    run("add_task", example_add_task);
    run("ban_task_name", example_ban_task_name);
    run("allow_task_name", example_allow_task_name);
    run("cancel_all_queued_tasks_by_name", example_cancel_all_queued_tasks_by_name);
    run("force_stop_task", example_force_stop_task);
    run("get_task_result", example_get_task_result);
    run("get_all_queue_info", example_get_all_queue_info);
    run("get_task_status", example_get_task_status);
    run("shutdown", example_shutdown);
    run("interruptible_sleep", example_interruptible_sleep);
    run("update_config", example_update_config);
    return 0;
}
