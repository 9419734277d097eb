// One program of two files, each of which includes the headers twice. The
// other may be compiled without exceptions.
#include <task_scheduling.hpp>
#include <task_scheduling.hpp>

#include "check.hpp"

int other_file(int number);

TEST(two_files_are_one_program)
{
    ts::Scheduler scheduler;
    EQUAL(scheduler.add("a", [] { return other_file(20); }).get(), 21);
    auto bad = scheduler.add("a", []() -> int { throw std::out_of_range("far"); });
    THROWS(std::out_of_range, bad.get(), true);
}

CHECK_ALL
