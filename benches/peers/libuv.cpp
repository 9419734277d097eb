/*
 * libuv: uv_queue_work may be called on the loop's thread only, so what others add
 * goes there through a list and uv_async_send, as its manual has it.
 */
#define PEER_NAME "libuv +KQ"
#include "workloads.h"

#include "keyed.hpp"

#include <thread>
#include <uv.h>

struct Work {
    uv_work_t request;
    keyed::Task task;
};

static uv_loop_t loop;
static uv_async_t wake, make_timers;
static std::thread loop_thread;
static std::mutex mutex;
static std::vector<keyed::Task> inbox;
static bool ending;

static const char *peer_version() { return uv_version_string(); }

static void start_work(const keyed::Task &task)
{
    Work *work = new Work;
    work->task = task;
    work->request.data = work;
    uv_queue_work(
        &loop, &work->request,
        [](uv_work_t *request) {
            const keyed::Task &its = static_cast<Work *>(request->data)->task;
            its.run(its.data);
        },
        [](uv_work_t *request, int) { delete static_cast<Work *>(request->data); });
}

static void look(uv_async_t *)
{
    std::vector<keyed::Task> batch;
    bool end;
    {
        const std::lock_guard<std::mutex> lock(mutex);
        batch.swap(inbox);
        end = ending;
    }
    for (const keyed::Task &task : batch)
        start_work(task);
    if (end) {
        uv_close(reinterpret_cast<uv_handle_t *>(&wake), nullptr);
        uv_close(reinterpret_cast<uv_handle_t *>(&make_timers), nullptr);
    }
}

static void spawn(void (*run)(void *), void *data)
{
    bool first;
    {
        const std::lock_guard<std::mutex> lock(mutex);
        first = inbox.empty();
        inbox.push_back({run, data});
    }
    if (first)
        uv_async_send(&wake);
}

/* W7: the loop's thread makes the timers. */
static std::unique_ptr<uv_timer_t[]> timers;
static long timer_count;
static double timers_due;
static struct gate armed;

static void arm(uv_async_t *)
{
    timers.reset(new uv_timer_t[static_cast<std::size_t>(timer_count)]);
    uv_update_time(&loop);
    const double left = timers_due - now();
    const uint64_t after = left > 0 ? static_cast<uint64_t>(left * 1e3) : 0;
    for (long at = 0; at < timer_count; at++) {
        uv_timer_t *timer = &timers[static_cast<std::size_t>(at)];
        uv_timer_init(&loop, timer);
        uv_timer_start(
            timer, [](uv_timer_t *) { slept(); }, after, 0);
    }
    gate_open(&armed);
}

static void peer_sleepers(long count, double due)
{
    gate_init(&armed);
    timer_count = count;
    timers_due = due;
    uv_async_send(&make_timers);
    gate_wait(&armed);
}

static void peer_start(long names)
{
    char count[32];
    std::snprintf(count, sizeof count, "%ld", threads());
    setenv("UV_THREADPOOL_SIZE", count, 1);
    keyed::start(names);
    uv_loop_init(&loop);
    uv_async_init(&loop, &wake, look);
    uv_async_init(&loop, &make_timers, arm);
    loop_thread = std::thread([] { uv_run(&loop, UV_RUN_DEFAULT); });
}

static void peer_end()
{
    {
        const std::lock_guard<std::mutex> lock(mutex);
        ending = true;
    }
    uv_async_send(&wake);
    loop_thread.join();
    uv_loop_close(&loop);
}
