/* What the tests of claims, pumps, completions and lanes share: claims that are
 * added, taken and finished, descriptors, and a look at the library's threads. */
#ifndef HOSTING_H
#define HOSTING_H

#include "check.h"

#include <dirent.h>
#include <poll.h>

/* Options of a task that the host runs by claims. */
static inline ts_task_options claim_options(const char *name, void *user_data, ts_drop_fn drop,
                                            uint32_t flags)
{
    ts_task_options options = options_of(name, NULL, user_data, drop, flags);
    options.runner = TS_CLAIMS;
    return options;
}

/* Adds such a task; its claim, without a token if it has to wait. */
static inline ts_claim claim(ts_scheduler *scheduler, const char *name, void *user_data,
                             ts_drop_fn drop, uint32_t flags, ts_task_id *out_id)
{
    ts_task_options options = claim_options(name, user_data, drop, flags);
    ts_claim claimed;
    ts_task_id id;
    MUST(ts_claim_submit(scheduler, &options, &claimed, &id));
    if (out_id != NULL)
        *out_id = id;
    CHECK(claimed.token == NULL || memcmp(&claimed.id, &id, sizeof id) == 0);
    return claimed;
}

/* Adds one that has to wait; its id. */
static inline ts_task_id queue_up(ts_scheduler *scheduler, const char *name, void *user_data,
                                  ts_drop_fn drop, uint32_t flags)
{
    ts_task_id id;
    CHECK(claim(scheduler, name, user_data, drop, flags, &id).token == NULL);
    return id;
}

/* Adds one that may start at once. */
static inline ts_claim start_one(ts_scheduler *scheduler, const char *name, void *user_data,
                                 ts_drop_fn drop, uint32_t flags)
{
    ts_claim claimed = claim(scheduler, name, user_data, drop, flags, NULL);
    if (claimed.token == NULL) {
        CHECK(!"it may start at once");
        exit(1);
    }
    return claimed;
}

/* Takes one claim, which must be there. */
static inline ts_claim take_one(ts_scheduler *scheduler)
{
    ts_claim taken;
    size_t count = 77;
    memset(&taken, 0, sizeof taken);
    MUST(ts_claims_take(scheduler, &taken, 1, 0, &count));
    CHECK(count == 1 && taken.token != NULL);
    return taken;
}

/* There is nothing to take. */
static inline void take_none(ts_scheduler *scheduler)
{
    ts_claim taken;
    size_t count = 77;
    GIVES(TS_NOT_YET, ts_claims_take(scheduler, &taken, 1, 0, &count));
    CHECK(count == 77);
}

static inline void finish(ts_scheduler *scheduler, const ts_claim *claimed)
{
    GIVES(TS_OK, ts_claim_finish(scheduler, claimed, 0, NULL, NULL, NULL));
}

/* Finishes one; the claim that comes next. */
static inline ts_claim finish_for_next(ts_scheduler *scheduler, const ts_claim *claimed)
{
    ts_claim next;
    memset(&next, 0x5a, sizeof next);
    GIVES(TS_OK, ts_claim_finish(scheduler, claimed, 0, NULL, NULL, &next));
    return next;
}

static inline int same(ts_task_id one, ts_task_id other)
{
    return memcmp(&one, &other, sizeof one) == 0;
}

static inline int is_readable(int fd)
{
    struct pollfd its;
    its.fd = fd;
    its.events = POLLIN;
    its.revents = 0;
    CHECK(poll(&its, 1, 0) >= 0);
    return its.revents != 0;
}

/* Waits until it is. */
static inline void await_readable(int fd)
{
    struct pollfd its;
    its.fd = fd;
    its.events = POLLIN;
    its.revents = 0;
    CHECK(poll(&its, 1, CHECK_HANGS * 1000) == 1);
}

/* How many threads of the library there are whose name begins so. */
static inline int threads_of_ours(const char *prefix)
{
    int found = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        char path[300], name[32] = "";
        FILE *file;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(name, sizeof name, file) != NULL && strncmp(name, prefix, strlen(prefix)) == 0)
            found++;
        fclose(file);
    }
    if (tasks != NULL)
        closedir(tasks);
    return found;
}

/* How much memory the process has, in pages. */
static inline long pages(void)
{
    long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &resident) != 2)
        resident = -1;
    if (file != NULL)
        fclose(file);
    return resident;
}

/* Ends, as they come out of a queue. */
static inline ts_completions *queue_of(ts_scheduler *scheduler)
{
    ts_completions *queue = NULL;
    MUST(ts_completions_new(scheduler, &queue));
    return queue;
}

static inline ts_completion next_end(ts_completions *queue)
{
    ts_completion end;
    size_t got = 77;
    memset(&end, 0, sizeof end);
    MUST(ts_completions_take(queue, &end, 1, TS_FOREVER, &got));
    CHECK(got == 1);
    return end;
}

static inline void no_end(ts_completions *queue)
{
    ts_completion end;
    size_t got = 77;
    GIVES(TS_NOT_YET, ts_completions_take(queue, &end, 1, 0, &got));
    CHECK(got == 77);
}

static inline int32_t run_seven(ts_token *token, void *user_data)
{
    (void)token;
    (void)user_data;
    return 7;
}

#endif
