// Coroutines for task_scheduling, in C++20 and later: async tasks that are
// written as if they blocked.
//
// A complete program:
//
//     #include <task_scheduling_coroutines.hpp>
//
//     #include <chrono>
//     #include <iostream>
//
//     using namespace std::chrono_literals;
//
//     ts::Async<int> ticks(int count)
//     {
//         for (int tick = 1; tick <= count; tick++) {
//             co_await ts::sleep_for(10ms);
//             std::cout << "tick " << tick << '\n';
//         }
//         co_return count;
//     }
//
//     int main()
//     {
//         ts::Scheduler scheduler;
//         auto squares = scheduler.add("squares", [] { return 12 * 12; });
//         auto all = scheduler.add_async("clock", [&squares]() -> ts::Async<int> {
//             const int counted = co_await ticks(3);
//             co_return counted + co_await squares;
//         });
//         std::cout << all.get() << '\n';
//         return 0;
//     }
//
//     c++ -std=c++20 ticks.cpp -ltask_scheduling
//
// A coroutine runs on the thread of an event loop that it shares with many
// others, so nothing in it may block: it awaits instead, and others go on.
// What there is to await:
//
//     an Async<T>                 another coroutine                coroutine.hpp
//     a Task<T>                   the end of a task, and its value
//     sleep_for, sleep_until      time                             awaitables.hpp
//     readable, writable          a file descriptor
//     ready_for                   the same, for either
//     ended                       the end of a task by its id
//     this_waker, until, yield    whatever else there is
//     as_result                   the above without exceptions
//
// A stop, a time-out and a forced shutdown end the task at the co_await where
// it is: its coroutines are destroyed there, the innermost first, on the
// loop's thread. What must be tidied up belongs into destructors. Those must not
// throw there: what one throws is lost, and with it the memory of its coroutine.
//
// The usual care with coroutines: one refers to its reference parameters, and
// that of a lambda to the lambda. A lambda that is handed to add_async lives
// as long as its coroutine; one that is called anywhere else has to be kept.
#ifndef TASK_SCHEDULING_COROUTINES_HPP
#define TASK_SCHEDULING_COROUTINES_HPP

#include "task_scheduling.hpp"

#include "task_scheduling/awaitables.hpp"
#include "task_scheduling/coroutine_tasks.hpp"

#endif
