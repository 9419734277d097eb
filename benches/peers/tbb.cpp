/*
 * oneTBB: an arena into which any thread may put tasks.
 */
#define PEER_NAME "oneTBB +KQ"
#define PEER_NO_W7 "it has no timers"
#include "workloads.h"

#include "keyed.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/version.h>

namespace tbb_ = oneapi::tbb;

static std::unique_ptr<tbb_::global_control> control;
static std::unique_ptr<tbb_::task_arena> arena;

static const char *peer_version() { return TBB_runtime_version(); }

static void spawn(void (*run)(void *), void *data)
{
    arena->enqueue([run, data] { run(data); });
}

static void peer_start(long names)
{
    keyed::start(names);
    /* The thread that adds counts as one, though it runs none. */
    control.reset(new tbb_::global_control(tbb_::global_control::max_allowed_parallelism,
                                           static_cast<std::size_t>(threads() + 1)));
    arena.reset(new tbb_::task_arena(static_cast<int>(threads()), 0));
    arena->initialize();
}

static void peer_end() { arena.reset(); }
