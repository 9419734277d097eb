/*
 * "+KQ": the per-key queue that people write on top of a pool which has none. A
 * lane is a list under a mutex; the first task of an idle lane hands the lane to
 * the pool, and whoever drains it takes all that waits at once.
 *
 * A peer with a pool defines spawn(run, data), which runs run(data) some time on
 * some thread, and gets peer_add and the lanes from here.
 */
#ifndef KEYED_HPP
#define KEYED_HPP

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

static void spawn(void (*run)(void *), void *data);

namespace keyed {

struct Task {
    void (*run)(void *);
    void *data;
};

struct alignas(64) Lane {
    std::mutex mutex;
    std::vector<Task> waiting;
    bool busy = false;
};

static std::unique_ptr<Lane[]> lanes;

inline void drain(void *data)
{
    Lane &lane = *static_cast<Lane *>(data);
    std::vector<Task> batch;
    for (;;) {
        {
            const std::lock_guard<std::mutex> lock(lane.mutex);
            batch.clear();
            if (lane.waiting.empty()) {
                lane.busy = false;
                return;
            }
            batch.swap(lane.waiting);
        }
        for (const Task &task : batch)
            task.run(task.data);
    }
}

inline void start(long names) { lanes.reset(new Lane[static_cast<std::size_t>(names)]); }

inline void add(long name, void (*run)(void *), void *data)
{
    Lane &lane = lanes[static_cast<std::size_t>(name)];
    {
        const std::lock_guard<std::mutex> lock(lane.mutex);
        lane.waiting.push_back({run, data});
#ifdef BREAK_ORDER
        if (lane.waiting.size() > 1) // for the test that a wrong order is found
            std::swap(lane.waiting.back(), lane.waiting.front());
#endif
        if (lane.busy)
            return;
        lane.busy = true;
    }
    spawn(drain, &lane);
}

} // namespace keyed

static void peer_add(long name, task_fn *run, void *data)
{
    if (name == NO_NAME)
        spawn(run, data);
    else
        keyed::add(name, run, data);
}

#endif
