/*
 * What a task costs through the C++ wrapper, beside the plain C call:
 *
 *     cargo build --release
 *     c++ -std=c++17 -O2 -Iinclude -Ibindings/cpp benches/wrapper.cpp \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm -o wrapper && ./wrapper
 *
 * Each figure is from the first add to the end of the last of 100,000 tasks
 * without a name that count. The ways take turns, so that each has its share
 * of whatever else the machine does; a ratio is the median of those of the
 * rounds. Compared are two pairs of twins:
 *
 *     without a handle   ts_add_task with user_data from malloc, which drop
 *                        frees; scheduler.post with a callable that has
 *                        captured as much
 *     with a handle      ts_submit with TS_KEEP and the same user_data, then
 *                        ts_task_forget; scheduler.add, and the handle is
 *                        dropped at once
 *
 * and ts_add_task without any data, which has no twin: a callable needs memory.
 */
#include <task_scheduling.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr long tasks = 100000;
constexpr int rounds = 41;

std::atomic<long> done{0};

/// What each task is handed.
struct State {
    std::atomic<long> *counter;
    long step;
};

void count(const State &state) { state.counter->fetch_add(state.step, std::memory_order_relaxed); }

void check(ts_error error)
{
    if (error != TS_OK) {
        std::fprintf(stderr, "%s: %s\n", ts_error_name(error), ts_last_error_message());
        std::exit(1);
    }
}

std::int32_t run_plain(ts_token *, void *)
{
    count({&done, 1});
    return 0;
}

std::int32_t run_state(ts_token *, void *data)
{
    count(*static_cast<State *>(data));
    return 0;
}

State *new_state()
{
    auto *state = static_cast<State *>(std::malloc(sizeof(State)));
    if (!state)
        std::abort();
    *state = {&done, 1};
    return state;
}

struct CScheduler {
    CScheduler() { check(ts_scheduler_new("maximum_queue_line: 0", &raw)); }
    ~CScheduler() { ts_scheduler_free(raw); }

    ts_scheduler *raw = nullptr;
};

struct Plain : CScheduler {
    void add()
    {
        ts_task_id id;
        check(ts_add_task(raw, false, nullptr, run_plain, nullptr, nullptr, &id));
    }
};

struct WithState : CScheduler {
    void add()
    {
        ts_task_id id;
        check(ts_add_task(raw, false, nullptr, run_state, new_state(), std::free, &id));
    }
};

struct Kept : CScheduler {
    void add()
    {
        ts_task_options options = TS_TASK_OPTIONS_INIT;
        ts_task_id id;
        options.run = run_state;
        options.user_data = new_state();
        options.drop = std::free;
        options.flags = TS_KEEP;
        check(ts_submit(raw, &options, &id));
        check(ts_task_forget(raw, id));
    }
};

struct CppScheduler {
    ts::Scheduler scheduler{"maximum_queue_line: 0"};
};

struct Post : CppScheduler {
    void add() { scheduler.post(ts::no_name, [state = State{&done, 1}] { count(state); }); }
};

struct Add : CppScheduler {
    void add() { scheduler.add(ts::no_name, [state = State{&done, 1}] { count(state); }); }
};

/// Nanoseconds per task.
template <class Way>
double measure()
{
    Way way;
    done = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (long at = 0; at < tasks; at++)
        way.add();
    while (done < tasks)
        std::this_thread::sleep_for(std::chrono::microseconds(20));
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() / tasks;
}

double median(std::vector<double> values)
{
    std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

} // namespace

int main()
{
    constexpr std::array<double (*)(), 5> ways = {measure<Plain>, measure<WithState>, measure<Post>, measure<Kept>,
                                                  measure<Add>};
    std::array<std::vector<double>, 5> times;
    std::array<std::vector<double>, 5> ratios;
    for (int round = 0; round < rounds; round++) {
        for (std::size_t way = 0; way < ways.size(); way++)
            times[way].push_back(ways[way]());
        for (const std::size_t twin : {2, 4})
            ratios[twin].push_back(times[twin].back() / times[twin - 1].back());
        ratios[0].push_back(times[2].back() / times[0].back());
    }
    std::printf("without data: ts_add_task                 %6.1f ns a task; post is %.2f times that\n", median(times[0]),
                median(ratios[0]));
    std::printf("without a handle: ts_add_task with data   %6.1f ns a task\n", median(times[1]));
    std::printf("                  scheduler.post          %6.1f ns a task: %.2f times the C call\n", median(times[2]),
                median(ratios[2]));
    std::printf("with a handle: ts_submit, ts_task_forget  %6.1f ns a task\n", median(times[3]));
    std::printf("               scheduler.add              %6.1f ns a task: %.2f times the C calls\n", median(times[4]),
                median(ratios[4]));
    return 0;
}
