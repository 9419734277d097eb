/*
 * How long things took, without keeping each: a count per power of two of
 * microseconds. Any thread may add; who reads waits until all have.
 */
#ifndef LATENCY_H
#define LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

enum { LATENCY_STEPS = 40 };

struct latency {
    atomic_uint_least64_t counts[LATENCY_STEPS];    /* [n]: below 2^n us */
};

static void latency_add(struct latency *latency, double seconds)
{
    int step = 0;
    for (double below = 1e-6; step < LATENCY_STEPS - 1 && seconds >= below; below *= 2)
        step++;
    atomic_fetch_add(&latency->counts[step], 1);
}

/* The milliseconds that this share of all stayed below; 0 when there is none. */
static double latency_below(const struct latency *latency, double share)
{
    uint64_t all = 0, seen = 0;
    double below = 1e-3;
    for (int step = 0; step < LATENCY_STEPS; step++)
        all += atomic_load(&latency->counts[step]);
    for (int step = 0; step < LATENCY_STEPS && all > 0; step++, below *= 2) {
        seen += atomic_load(&latency->counts[step]);
        if ((double)seen >= share * (double)all)
            return below;
    }
    return 0;
}

#endif
