// The wrapper needs one piece of memory for a task, aligned as the task needs
// it, and gives it back.
#include <task_scheduling.hpp>

#include "check.hpp"

#include <new>

namespace {

std::atomic<long> alive{0};
thread_local long made = 0;
thread_local long fail_at = -1;

void *allocate(std::size_t size)
{
    if (fail_at >= 0 && fail_at-- == 0)
        return nullptr;
    made++;
    alive++;
    return std::malloc(size);
}

struct Wide {
    alignas(128) char bytes[128];
};

void release(void *memory)
{
    if (memory)
        alive--;
    std::free(memory);
}

} // namespace

void *operator new(std::size_t size)
{
    void *const memory = allocate(size);
    if (!memory)
        throw std::bad_alloc();
    return memory;
}
void *operator new(std::size_t size, const std::nothrow_t &) noexcept { return allocate(size); }
void operator delete(void *memory) noexcept { release(memory); }
void operator delete(void *memory, std::size_t) noexcept { release(memory); }
void operator delete(void *memory, const std::nothrow_t &) noexcept { release(memory); }

TEST(an_add_allocates_once)
{
    ts::Scheduler scheduler;
    const std::string name = "a name that is too long for the small string optimisation of anybody";
    std::atomic<long> sum{0};
    long numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const long before = alive;
    made = 0;
    auto task = scheduler.add(std::string_view(name), [&sum, numbers] { return sum += numbers[7]; });
    EQUAL(made, 1);
    EQUAL(task.get(), 8);
    EQUAL(made, 1);
    task.detach();
    scheduler.wait(scheduler.post(name, [&sum, numbers] { sum += numbers[0]; }));
    EQUAL(made, 2);
    EQUAL(alive, before);
    EQUAL(sum, 9);
    scheduler.add_async(name, [](ts::AsyncToken &) { return ts::Poll::ready; }).get();
    EQUAL(made, 3);
    EQUAL(alive, before);
}

TEST(without_memory_an_add_is_refused)
{
    ts::Scheduler scheduler;
    check::Count count;
    fail_at = 0;
    GIVES(ts::Errc::out_of_memory, scheduler.try_add("a", [counted = check::Counted(count)] {}));
    fail_at = -1;
    EQUAL(count.alive, 0);
    EQUAL(scheduler.add("a", [] { return 1; }).get(), 1);
}

TEST(callables_and_values_may_be_aligned_as_they_like)
{
    ts::Scheduler scheduler;
    const auto aligned = [](const Wide &wide) { return reinterpret_cast<std::uintptr_t>(&wide) % alignof(Wide); };
    EQUAL(scheduler.add("a", [wide = Wide(), aligned] { return aligned(wide); }).get(), 0U);
    const Wide value = scheduler.add("a", [] { return Wide(); }).get();
    EQUAL(aligned(value), 0U);
}

CHECK_ALL
