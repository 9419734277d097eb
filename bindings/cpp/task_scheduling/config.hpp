// What every part of the wrapper starts from: the C header, whether there are
// exceptions, and the names under which the parts are compiled.
#ifndef TASK_SCHEDULING_CONFIG_HPP
#define TASK_SCHEDULING_CONFIG_HPP

#include <task_scheduling.h>

#if !defined(__cplusplus) || __cplusplus < 201703L
#error "task_scheduling.hpp needs C++17 or later"
#endif

// What is compiled with exceptions and what is compiled without differ. They
// have different names, so that one program may have files of both sorts.
#if defined(__cpp_exceptions)
#define TASK_SCHEDULING_EXCEPTIONS 1
#define TASK_SCHEDULING_ABI with_exceptions
#else
#define TASK_SCHEDULING_EXCEPTIONS 0
#define TASK_SCHEDULING_ABI without_exceptions
#endif

#endif
