// program.c as a coroutine, in C++20.
#include <chrono>
#include <iostream>
#include <task_scheduling_coroutines.hpp>

ts::Async<int> doubled(int number)
{
    co_await ts::sleep_for(std::chrono::milliseconds(1));
    co_return 2 * number;
}

int main()
{
    ts::Scheduler scheduler;
    std::cout << scheduler.add_async("numbers", doubled(21)).get() << '\n';
}
