// The other file of two_units.cpp.
#include <task_scheduling.hpp>
#include <task_scheduling.hpp>

int other_file(int number);

int other_file(int number)
{
    auto scheduler = ts::Scheduler::try_create();
    auto task = scheduler->try_add("a", [number]() -> ts::Result<int> { return number + 1; });
    return *task->try_get();
}
