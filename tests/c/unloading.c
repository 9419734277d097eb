/* Loads a plug-in, or the library itself, uses and closes it 200 times: threads,
 * descriptors and heap do not grow, and the library's threads go on. What has
 * the library's code in it is never unloaded, though nothing of it was left.
 *
 * Arguments: the file, and "plugin", "library", or "linked" for a plug-in that
 * has none of the code in it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <task_scheduling.h>
#include <unistd.h>

enum { ROUNDS = 200, WARM = 100 };

typedef struct {
    size_t threads, descriptors, heap;
} held;

static size_t entries(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

static held now(void)
{
    held held = { 0, 0, 0 };
    held.threads = entries("/proc/self/task");
    held.descriptors = entries("/proc/self/fd");
    held.heap = mallinfo2().uordblks;
    return held;
}

static int ran;

static int32_t run(ts_token *token, void *user_data)
{
    (void)token;
    ++*(int *)user_data;
    return 0;
}

/* ISO C has no way from an object's pointer to a function's. */
static void *find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found;
}

static int use_library(void *library)
{
    ts_error (*add)(ts_scheduler *, bool, const char *, ts_task_fn, void *, ts_drop_fn, ts_task_id *);
    ts_error (*wait)(ts_scheduler *, ts_task_id, double, ts_task_status *);
    ts_task_id id;
    ran = 0;
    return find(library, "ts_add_task", &add) != NULL && find(library, "ts_wait", &wait) != NULL &&
           add(NULL, false, "name", run, &ran, NULL, &id) == TS_OK &&
           wait(NULL, id, TS_FOREVER, NULL) == TS_OK && ran == 1;
}

static int use_plugin(void *plugin, int round)
{
    int (*use)(int);
    return find(plugin, "plugin_use", &use) != NULL && use(round);
}

/* On a thread that ends before the file is closed. */
static void *touch(void *loaded)
{
    int (*plugin)(void);
    ts_error (*make)(const char *, ts_scheduler **);
    void (*give_up)(ts_scheduler *);
    ts_scheduler *own;
    if (find(loaded, "plugin_touch", &plugin) != NULL)
        return plugin() ? loaded : NULL;
    if (find(loaded, "ts_scheduler_new", &make) == NULL || make(NULL, &own) != TS_OK ||
        find(loaded, "ts_scheduler_free", &give_up) == NULL)
        return NULL;
    give_up(own);
    return loaded;
}

static int stays(const char *path)
{
    void *loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL), *touched = NULL;
    pthread_t toucher;
    if (loaded == NULL || pthread_create(&toucher, NULL, touch, loaded) != 0 ||
        pthread_join(toucher, &touched) != 0 || touched == NULL || dlclose(loaded) != 0)
        return 0;
    return dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL;
}

int main(int argc, char **argv)
{
    int round, is_plugin;
    held first = { 0, 0, 0 }, last;
    if (argc != 3)
        return 2;
    alarm(120);
    is_plugin = strcmp(argv[2], "library") != 0;
    if (strcmp(argv[2], "linked") != 0 && !stays(argv[1])) {
        fprintf(stderr, "it does not stay\n");
        return 1;
    }
    for (round = 0; round < ROUNDS; round++) {
        void *loaded = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (loaded == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        if (!(is_plugin ? use_plugin(loaded, round) : use_library(loaded))) {
            fprintf(stderr, "round %d went wrong\n", round);
            return 1;
        }
        if (dlclose(loaded) != 0)
            return 1;
        if (round == WARM)
            first = now();
    }
    last = now();
    /* A worker that is still busy with an end may get a second one beside it; a leak would be of one a
     * round. */
    if (last.threads > first.threads + 3 || last.descriptors > first.descriptors ||
        last.heap > first.heap + 16384) {
        fprintf(stderr, "threads %zu, then %zu; descriptors %zu, then %zu; heap %zu, then %zu\n",
                first.threads, last.threads, first.descriptors, last.descriptors, first.heap, last.heap);
        return 1;
    }
    printf("%zu threads, %zu descriptors, %zu bytes, and then %zu more\n", last.threads,
           last.descriptors, first.heap, last.heap - first.heap);
    return 0;
}
