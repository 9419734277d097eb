/*
 * Asio: a thread pool, and a strand for each name.
 */
#define PEER_NAME "Asio strand"
#define PEER_SLEEPER
#include "workloads.h"

#include <asio.hpp>

#include <memory>
#include <vector>

using Executor = asio::thread_pool::executor_type;

static std::unique_ptr<asio::thread_pool> pool;
static std::vector<asio::strand<Executor>> strands;
static std::unique_ptr<asio::steady_timer> sleeper;
static std::vector<asio::steady_timer> timers;

static const char *peer_version()
{
    static char text[32];
    std::snprintf(text, sizeof text, "%d.%d.%d", ASIO_VERSION / 100000, ASIO_VERSION / 100 % 1000, ASIO_VERSION % 100);
    return text;
}

static void peer_start(long names)
{
    pool.reset(new asio::thread_pool(static_cast<std::size_t>(threads())));
    strands.reserve(static_cast<std::size_t>(names));
    for (long at = 0; at < names; at++)
        strands.push_back(asio::make_strand(pool->get_executor()));
}

static void peer_add(long name, task_fn *run, void *data)
{
    if (name == NO_NAME)
        asio::post(*pool, [run, data] { run(data); });
    else
        asio::post(strands[static_cast<std::size_t>(name)], [run, data] { run(data); });
}

static void peer_end()
{
    pool->join();
    sleeper.reset();
    timers.clear();
    strands.clear();
    pool.reset();
}

/* A timer that is cancelled. */
static void sleeper_start()
{
    asio::post(strands[0], [] {
        sleeper.reset(new asio::steady_timer(strands[0], std::chrono::seconds(1000)));
        sleeper->async_wait([](const asio::error_code &) { note_reached(); });
        note_entered();
    });
}

static void sleeper_stop()
{
    asio::post(strands[0], [] { sleeper->cancel(); });
}

static void peer_sleepers(long count, double due)
{
    const auto when = std::chrono::steady_clock::now() +
                      std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                          std::chrono::duration<double>(due - now()));
    timers.clear();
    timers.reserve(static_cast<std::size_t>(count));
    for (long at = 0; at < count; at++) {
        timers.emplace_back(*pool, when);
        timers.back().async_wait([](const asio::error_code &) { slept(); });
    }
}
