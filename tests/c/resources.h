/*
 * What the process has: threads, descriptors, heap, and what signals do. After
 * all schedulers were freed it has what it had before the first.
 */

#ifndef RESOURCES_H
#define RESOURCES_H

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct resources {
    int threads, descriptors;
    size_t heap;                /* 0 where the allocator is a checker's */
    void (*handlers[65])(void);
};

static inline int resources_entries(const char *folder)
{
    int count = 0;
    DIR *entries = opendir(folder);
    struct dirent *entry;
    if (!entries)
        abort();
    while ((entry = readdir(entries)))
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RESOURCES_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RESOURCES_CHECKED 1
#endif
#endif

/* Bytes in use. */
static inline size_t resources_heap(void)
{
#ifdef RESOURCES_CHECKED
    return 0;
#else
    return mallinfo2().uordblks;
#endif
}

static inline struct resources resources_now(void)
{
    struct resources now;
    memset(&now, 0, sizeof now);
    now.threads = resources_entries("/proc/self/task");
    now.descriptors = resources_entries("/proc/self/fd");
    now.heap = resources_heap();
    for (int at = 1; at < 65; at++) {
        struct sigaction action;
        if (!sigaction(at, NULL, &action))
            now.handlers[at] = action.sa_flags & SA_SIGINFO ? (void (*)(void))action.sa_sigaction
                                                            : (void (*)(void))action.sa_handler;
    }
    return now;
}

/* What there is more of than before, in words; NULL for nothing. A handler that
 * the library installed stays, for its own signal. */
static inline const char *resources_gone_wrong(const struct resources *before, size_t more_heap)
{
    static char text[160];
    struct resources now;
    /* A thread that was joined may be listed for a moment. */
    for (int look = 0; look < 1000; look++) {
        now = resources_now();
        if (now.threads <= before->threads)
            break;
        usleep(1000);
    }
#ifdef RESOURCES_CHECKED
    /* A checker talks to its symbolizer through some of its own. */
    now.descriptors = before->descriptors;
#endif
    if (now.threads != before->threads || now.descriptors != before->descriptors) {
        snprintf(text, sizeof text, "%d threads and %d descriptors, and before %d and %d", now.threads,
                 now.descriptors, before->threads, before->descriptors);
        return text;
    }
    if (now.heap > before->heap + more_heap) {
        snprintf(text, sizeof text, "%zu bytes in use, and before %zu", now.heap, before->heap);
        return text;
    }
    for (int at = 1; at < 65; at++) {
        if (at != 50 && now.handlers[at] != before->handlers[at]) {
            snprintf(text, sizeof text, "signal %d has another handler", at);
            return text;
        }
    }
    return NULL;
}

#endif
