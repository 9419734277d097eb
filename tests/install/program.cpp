// program.c in C++17.
#include <iostream>
#include <task_scheduling.hpp>

int main()
{
    ts::Scheduler scheduler;
    std::cout << scheduler.add("numbers", [number = 21] { return 2 * number; }).get() << '\n';
}
