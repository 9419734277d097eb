/*
 * What one writes in an hour: a list, a mutex, a condition variable, and threads.
 */
#define PEER_NAME "mutex pool +KQ"
#define PEER_NO_W7 "it has no timers"
#include "workloads.h"

#include "keyed.hpp"

#include <condition_variable>
#include <deque>
#include <thread>

static std::mutex mutex;
static std::condition_variable changed;
static std::deque<keyed::Task> waiting;
static bool ending;
static std::vector<std::thread> pool;

static const char *peer_version() { return "C++ " __VERSION__; }

static void spawn(void (*run)(void *), void *data)
{
    {
        const std::lock_guard<std::mutex> lock(mutex);
        waiting.push_back({run, data});
#ifdef RUN_ONE_TWICE
        static bool twice; // for the test that this is found
        if (!std::exchange(twice, true))
            waiting.push_back({run, data});
#endif
    }
    changed.notify_one();
}

static void serve()
{
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
        changed.wait(lock, [] { return ending || !waiting.empty(); });
        if (waiting.empty())
            return;
        const keyed::Task task = waiting.front();
        waiting.pop_front();
        lock.unlock();
        task.run(task.data);
        lock.lock();
    }
}

static void peer_start(long names)
{
    keyed::start(names);
    for (long at = 0; at < threads(); at++)
        pool.emplace_back(serve);
}

static void peer_end()
{
    {
        const std::lock_guard<std::mutex> lock(mutex);
        ending = true;
    }
    changed.notify_all();
    for (std::thread &thread : pool)
        thread.join();
}
