// task_scheduling for C++17 and later: a task scheduler that any program can
// link. Tasks of the same name queue behind each other; tasks of different
// names run side by side.
//
// A complete program:
//
//     #include <task_scheduling.hpp>
//
//     #include <chrono>
//     #include <iostream>
//     #include <stdexcept>
//     #include <string>
//
//     int main()
//     {
//         using namespace std::chrono_literals;
//         ts::Scheduler scheduler;
//
//         // Any callable; what it returns, get() gives.
//         ts::Task<std::string> greeting = scheduler.add("greetings", [name = std::string("world")] {
//             return "hello, " + name;
//         });
//         std::cout << greeting.get() << '\n';
//
//         // A task that sleeps, or works for long, takes a token.
//         ts::Options options;
//         options.timeout = 50ms;
//         auto slow = scheduler.add("slow", [](ts::Token token) { token.sleep_for(1h); }, options);
//         try {
//             slow.get();
//         } catch (const ts::TaskTimedOut &error) {
//             std::cout << error.what() << '\n';
//         }
//
//         // What it throws is thrown again, as it was.
//         auto bad = scheduler.add("bad", [] { throw std::out_of_range("no such page"); });
//         try {
//             bad.get();
//         } catch (const std::out_of_range &error) {
//             std::cout << error.what() << ": " << ts::to_string(bad.state()) << '\n';
//         }
//         return 0;
//     }
//
//     c++ -std=c++17 hello.cpp -ltask_scheduling
//
// The wrapper is these headers alone, on top of task_scheduling.h, whose rules
// hold here too. What there is:
//
//     Scheduler            takes tasks: add(), add_async(), post()     scheduler.hpp
//     default_scheduler()  the one of the process
//     SchedulerOptions     its threads, and who hears of them          scheduler_options.hpp
//     Options              time-outs and the like                      options.hpp
//     Task<T>              the handle of a task: get(), stop()         task.hpp
//     Token, this_task     what a running task has                     token.hpp
//     AsyncToken, Waker    what a polled task has                      async_token.hpp
//     TaskId               comparable, hashable, printable             task_id.hpp
//     Lane                 the queue of one name, without look-ups     lane.hpp
//     Pump                 runs tasks on a thread of yours             pump.hpp
//     Claim                a task that you run in your own way         claim.hpp
//     Completions          ends of tasks, for a loop of yours          completions.hpp
//     Status, State, Kind  what is known of a task                     status.hpp
//     Error, Errc          what was wrong                              error.hpp
//     Result<T>            a value or an Error                         result.hpp
//     set_log()            who takes the log                           log.hpp
//
// Coroutines are in task_scheduling_coroutines.hpp, which needs C++20.
//
// Errors. A function that can fail throws ts::Error, with a code and words.
// Its twin that begins with try_ gives a ts::Result instead, and throws only
// what your own types throw when they are moved. What a failed call was given
// is destroyed, and nothing else has happened.
//
// Exceptions. None passes the library: what a task throws makes it failed, and
// get() throws it again, with its own type. What the destructor of a callable
// or of a value throws where the scheduler destroys it is lost. Only
// pthread_exit and pthread_cancel, which must not be swallowed, end the process
// when they leave a task.
//
// With -fno-exceptions there are only the try_ functions, and get() is
// try_get(); a task fails by returning an Error in a Result. -fno-rtti changes
// nothing. A program may mix files of both sorts, but cannot hand these types
// from the one to the other.
//
// Threads. Every function may be called from any thread and from inside a
// task, unless it says otherwise. A function that is const may be called by
// several threads at once, and so may those of a Scheduler.
//
// Ownership. A callable is moved or copied into the one piece of memory that a
// task needs here. It is destroyed where the task ran (or was cancelled),
// before anybody can see that the task has ended: who has waited for a task
// may free what it used. A value stays until get() takes it or the handle
// goes; one that a stop has made worthless is destroyed at once, as the
// callable is.
//
// Times are std::chrono's. A negative duration is one that has passed.
// Durations are cut at 1e9 seconds; waits that are longer have no end.
#ifndef TASK_SCHEDULING_HPP
#define TASK_SCHEDULING_HPP

#include "task_scheduling/completions.hpp"
#include "task_scheduling/lane.hpp"
#include "task_scheduling/log.hpp"
#include "task_scheduling/pump.hpp"
#include "task_scheduling/scheduler.hpp"

#endif
