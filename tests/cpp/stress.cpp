// Handles, values and callables against ends, stops and shutdowns that come at
// any moment: whatever was made is destroyed once, and every end is one that
// may be.
//
//     stress [ROUNDS]
#include <task_scheduling.hpp>
#if __cplusplus >= 202002L
#include <task_scheduling_coroutines.hpp>
#endif

#include "check.hpp"

#include <memory>
#include <random>

using namespace std::chrono_literals;
using check::Count;
using check::Counted;

namespace {

std::atomic<long> rounds_left{0};
Count count;

void expect(bool holds, const char *what)
{
    if (!holds)
        check::failed(__FILE__, __LINE__, what);
}

/// The task that this number is of, which gives the number.
template <class Next>
ts::Result<ts::Task<Counted>> add(ts::Scheduler &scheduler, Next &&next)
{
    static const char *const names[] = {"a", "b", "c"};
    const ts::Name name(names[next(3)]);
    ts::Options options;
    if (next(8) == 0)
        options.timeout = std::chrono::microseconds(next(200));
    const int number = next(1000);
    const int how = next(6);
    Counted counted(count, number);
    if (how == 0)
        return scheduler.try_add(name, [counted = std::move(counted)](ts::Token token) {
            token.sleep_for(std::chrono::microseconds(counted.number));
            return Counted(count, counted.number);
        }, options);
    if (how == 1)
        return scheduler.try_add(name, [counted = std::move(counted)]() -> Counted { throw counted.number; }, options);
#if __cplusplus >= 202002L
    if (how == 2)
        return scheduler.try_add_async(name, [counted = std::move(counted)]() -> ts::Async<Counted> {
            const auto inner = [](int wait) -> ts::Async<Counted> {
                const Counted local(count);
                co_await ts::sleep_for(std::chrono::microseconds(wait));
                co_return Counted(count, wait);
            };
            const Counted local(count);
            Counted value = co_await inner(counted.number);
            co_return value;
        }, options);
    if (how == 3)
        return scheduler.try_add_async(name, [](Counted own, ts::Scheduler &on) -> ts::Async<Counted> {
            auto other = on.try_add("other", [number = own.number] { return Counted(count, number); });
            if (!other)
                co_return own;
            auto value = co_await ts::as_result(*other);
            co_return value ? *std::move(value) : std::move(own);
        }(std::move(counted), scheduler), options);
#endif
    return scheduler.try_add(name, [counted = std::move(counted)] { return Counted(count, counted.number); }, options);
}

void round(ts::Scheduler &scheduler, std::mt19937 &random, std::vector<ts::Task<Counted>> &kept)
{
    const auto next = [&random](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    ts::Result<ts::Task<Counted>> task = add(scheduler, next);
    if (!task) {
        const ts::Errc code = task.error().code();
        expect(code == ts::Errc::queue_full || code == ts::Errc::shutting_down, "a refusal that should not be");
        return;
    }
    switch (next(6)) {
    case 0: break; // the handle is dropped at once
    case 1: task->try_stop().has_value(); break;
    case 2: kept.push_back(*std::move(task)); break;
    case 3:
        if (task->try_stop())
            expect(task->try_get().error().code() == ts::Errc::task_cancelled, "a stop was promised");
        break;
    default:
        try {
            task->get();
        } catch (const ts::TaskCancelled &) {
        } catch (const ts::TaskTimedOut &) {
        } catch (int) {
        }
    }
    if (kept.size() > 20)
        kept.erase(kept.begin(), kept.begin() + 10);
    if (next(500) == 0)
        static_cast<void>(scheduler.try_shutdown(next(2) == 0));
}

} // namespace

int main(int argc, char **argv)
{
    std::signal(SIGALRM, check::hangs);
    check::current = "stress";
    alarm(500);
    rounds_left = argc > 1 ? std::atol(argv[1]) : 20000;
    std::vector<std::vector<ts::Task<Counted>>> kept(3);
    {
        ts::Scheduler scheduler("maximum_queue_line: 50");
        std::vector<std::thread> threads;
        for (unsigned at = 0; at < kept.size(); at++)
            threads.emplace_back([&scheduler, &mine = kept[at], at] {
                std::mt19937 random(at + 1);
                while (rounds_left-- > 0)
                    round(scheduler, random, mine);
            });
        for (std::thread &thread : threads)
            thread.join();
    }
    kept.clear(); // after the scheduler
    expect(count.alive == 0, "something is left");
    std::printf("stress ok\n");
    return check::failures != 0;
}
