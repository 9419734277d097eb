// A task that leaves by pthread_exit: the process ends, as task_scheduling.h
// says, and does not hang.
#include <task_scheduling.hpp>

#include <cstdio>
#include <pthread.h>
#include <unistd.h>

int main()
{
    alarm(60);
    ts::Scheduler scheduler;
    scheduler.add("a", [] { pthread_exit(nullptr); }).wait();
    std::puts("it went on");
    return 0;
}
