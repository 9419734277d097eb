// One fault each, for scripts/check-sanitizers to see that it is reported in
// what the wrapper makes.
//
//     sanitizers FAULT
#include <task_scheduling_coroutines.hpp>

#include "check.hpp"

#include <memory>

using namespace std::chrono_literals;

namespace {

ts::Async<int> inner(int *number)
{
    co_await ts::sleep_for(1ms);
    co_return *number;
}

ts::Async<int> outer(int *number) { co_return co_await inner(number); }

} // namespace

int main(int argc, char **argv)
{
    const std::string fault = argc > 1 ? argv[1] : "";
    ts::Scheduler scheduler;
    int number = 1;
    if (fault == "none") {
        check::Event there;
        auto stopped = scheduler.add_async("a", [&there]() -> ts::Async<> {
            const auto local = std::make_unique<int>(2);
            there.set();
            co_await ts::sleep_for(1h);
        });
        there.wait();
        stopped.stop();
        scheduler.add_async("a", outer(&number)).get();
        for (int at = 0; at < 2000; at++)
            scheduler.add("a", [&number] { number++; }).wait();
    } else if (fault == "leaked-frame") {
        // A coroutine whose owner is never destroyed.
        auto *volatile lost = new ts::Async<int>(outer(&number));
        lost = nullptr;
        static_cast<void>(lost);
    } else if (fault == "leaked-box") {
        // A handle whose destructor never runs.
        auto *volatile lost = new ts::Task<std::string>(scheduler.add("a", [] { return std::string(100, 'x'); }));
        lost->wait();
        lost = nullptr;
        static_cast<void>(lost);
    } else if (fault == "use-after-frame") {
        const int *local = nullptr;
        check::Event there;
        auto stopped = scheduler.add_async("a", [&]() -> ts::Async<> {
            const int in_the_frame = 3;
            local = &in_the_frame;
            there.set();
            co_await ts::sleep_for(1h);
            static_cast<void>(in_the_frame);
        });
        there.wait();
        stopped.stop();
        stopped.wait();
        return *local == 3;
    } else if (fault == "race") {
        // Tasks of two names need a lock. They meet by what orders nothing else.
        std::atomic<int> here{0};
        const auto meet_and_count = [&number, &here] {
            here.fetch_add(1, std::memory_order_relaxed);
            while (here.load(std::memory_order_relaxed) < 2)
                std::this_thread::yield();
            for (int at = 0; at < 1000; at++)
                number++;
        };
        auto one = scheduler.add("one", meet_and_count);
        scheduler.add("two", meet_and_count).wait();
        one.wait();
    } else {
        std::fprintf(stderr, "usage: sanitizers FAULT\n");
        return 2;
    }
    return 0;
}
