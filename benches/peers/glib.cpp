/*
 * GLib: GThreadPool. It hands its one function a pointer, so each task is allocated.
 */
#define PEER_NAME "GLib +KQ"
#define PEER_NO_W7 "its thread pool has no timers"
#include "workloads.h"

#include "keyed.hpp"

#include <glib.h>

static GThreadPool *pool;

static const char *peer_version()
{
    static char text[32];
    std::snprintf(text, sizeof text, "%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
    return text;
}

static void spawn(void (*run)(void *), void *data)
{
    g_thread_pool_push(pool, new keyed::Task{run, data}, nullptr);
}

static void serve(void *pushed, void *)
{
    const std::unique_ptr<keyed::Task> task(static_cast<keyed::Task *>(pushed));
    task->run(task->data);
}

static void peer_start(long names)
{
    keyed::start(names);
    pool = g_thread_pool_new(serve, nullptr, static_cast<int>(threads()), TRUE, nullptr);
}

static void peer_end() { g_thread_pool_free(pool, FALSE, TRUE); }
