/*
 * One line that says how far a job over many files has come: to a terminal it
 * is redrawn, elsewhere a new one is printed every five seconds.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct progress {
    bool all_found;             /* files and bytes are the final totals */
    uint64_t files, bytes, files_done, bytes_done;
    double seconds;             /* since the start */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

/* Opening a file is taken to cost as much as reading 16 KiB. */
static double seconds_left(const struct progress *p)
{
    double all = (double)p->bytes + 16384.0 * (double)p->files;
    double done = (double)p->bytes_done + 16384.0 * (double)p->files_done;
    return done > 0 && all > done ? p->seconds * (all - done) / done : 0;
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static void show_progress(const struct progress *p, const char *note)
{
    static double shown;
    bool terminal = isatty(STDERR_FILENO);
    double seconds = p->seconds > 0 ? p->seconds : 1;
    if (!terminal && p->seconds - shown < 5)
        return;
    shown = p->seconds;
    clear_progress();
    if (!p->all_found)
        fprintf(stderr, "finding files: %" PRIu64, p->files);
    else
        fprintf(stderr, "%" PRIu64 "/%" PRIu64 " files %.0f/%.0f MiB, %.0f/s %.0f MiB/s, %.0f s left%s",
                p->files_done, p->files, mib(p->bytes_done), mib(p->bytes),
                (double)p->files_done / seconds, mib(p->bytes_done) / seconds,
                seconds_left(p), note);
    fputs(terminal ? "" : "\n", stderr);
    fflush(stderr);
}

#endif
