#ifndef TASK_SCHEDULING_HPP
#define TASK_SCHEDULING_HPP
#include "task_scheduling/log.hpp"
#include "task_scheduling/scheduler.hpp"
#endif
