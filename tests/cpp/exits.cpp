// Objects with schedulers that live until the end of the program: what is
// destroyed early, late, and by a thread, while tasks are there.
#include <task_scheduling.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

void must(bool right, const char *what)
{
    if (right)
        return;
    std::fprintf(stderr, "%s\n", what);
    _exit(1);
}

// Destroyed last: everything else is gone.
struct Last {
    ~Last()
    {
        ts::Scheduler own;
        must(own.add("late", [] { return 3; }).get() == 3, "a scheduler at the very end");
        std::printf("schedulers_may_outlive_main ... ok\n");
        std::fflush(stdout);
    }
} last;

std::atomic<int> dropped{0};

struct Counted {
    Counted() = default;
    Counted(Counted &&) noexcept = default;
    Counted(const Counted &) = delete;
    Counted &operator=(const Counted &) = delete;
    Counted &operator=(Counted &&) = delete;
    ~Counted() { dropped++; }
};

// Its tasks run, and are pending, when it is destroyed.
struct Owner {
    ts::Scheduler scheduler;

    ~Owner()
    {
        must(scheduler.add("in the destructor", [] { return 1; }).get() == 1, "an add in a destructor");
    }
} owner;

struct PerThread {
    ts::Scheduler scheduler;
    ~PerThread() { must(scheduler.add("thread", [] { return 2; }).get() == 2, "a thread's destructor"); }
};

} // namespace

int main()
{
    std::thread([] {
        static thread_local PerThread mine;
        must(mine.scheduler.add("thread", [] { return 4; }).get() == 4, "a thread's scheduler");
    }).join();
    static thread_local PerThread mains;
    must(mains.scheduler.add("main", [] { return 5; }).get() == 5, "main's scheduler");
    for (int at = 0; at < 8; at++)
        owner.scheduler.add("long", [counted = Counted{}](ts::Token token) { token.sleep_for(1h); });
    return 0;
}
