/*
 * The files that treesum has still to add, in one queue per top-level
 * directory, and the choice of the next one. Only the feeder uses them; what
 * others touch is atomic.
 */
#ifndef FILEQUEUES_H
#define FILEQUEUES_H

#include "task_scheduling.h"

#include "findfiles.h"
#include "printable.h"

#include <stdbool.h>

/* A file belongs to its queue until it is added, then to its task, and after
 * that to the list of ended files, if that needs it. */
struct file {
    struct file *next;
    struct queue *queue;
    uint64_t size;              /* as found; once summed, as read */
    uint32_t crc;
    bool summed;
    char *words;                /* why it failed */
    char path[];
};

struct queue {
    char name[256];             /* the name of its tasks */
    struct file **files;        /* those from `added` on are still to be added */
    size_t count, capacity, added;
    atomic_size_t in_flight;    /* added and not ended */
    ts_task_id last;            /* the latest that was accepted */
};

struct queues {
    struct queue **all;         /* the first `active` have files to add */
    size_t count, capacity, active, cursor;
};

static void *resize(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (memory == NULL) {
        perror("memory");
        exit(2);
    }
    return memory;
}

static struct queue *new_queue(struct queues *queues, const char *name)
{
    struct queue *queue = allocate(sizeof *queue);
    memset(queue, 0, sizeof *queue);
    strcpy(queue->name, name);
    if (queues->count == queues->capacity) {
        queues->capacity = queues->capacity * 2 + 16;
        queues->all = resize(queues->all, queues->capacity * sizeof queue);
    }
    queues->all[queues->count++] = queue;
    return queue;
}

/* A file of the top-level directory `top`; those of one come one after the
 * other. It is not among the queue's files yet. */
static struct file *new_file(struct queues *queues, const char *top, const char *path,
                             uint64_t size)
{
    char name[256];
    size_t length = strlen(path) + 1;
    struct file *file = allocate(sizeof *file + length);
    struct queue *queue = queues->count > 0 ? queues->all[queues->count - 1] : NULL;

    printable(top, name, sizeof name);
    if (queue == NULL || strcmp(queue->name, name) != 0)
        queue = new_queue(queues, name);
    *file = (struct file){ .queue = queue, .size = size };
    memcpy(file->path, path, length);
    return file;
}

static void append_file(struct file *file)
{
    struct queue *queue = file->queue;
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity * 2 + 16;
        queue->files = resize(queue->files, queue->capacity * sizeof file);
    }
    queue->files[queue->count++] = file;
}

static int by_path(const void *left, const void *right)
{
    struct file *const *a = left, *const *b = right;
    return strcmp((*a)->path, (*b)->path);
}

static void sort_files(struct file **files, size_t count)
{
    if (count > 1)
        qsort(files, count, sizeof *files, by_path);
}

/* All files have been found. */
static void sort_queues(struct queues *queues)
{
    for (size_t i = 0; i < queues->count; i++)
        sort_files(queues->all[i]->files, queues->all[i]->count);
    queues->active = queues->count;
}

/* The next queue with nothing in flight, or else the one with least: so a slow
 * queue cannot fill the waiting room and shut the others out. NULL when there
 * are no more files. */
static struct queue *choose_queue(struct queues *queues)
{
    struct queue *best = NULL;
    size_t least = 0;
    for (size_t looked = 0; looked < queues->active && (best == NULL || least > 0);) {
        size_t i = queues->cursor++ % queues->active;
        struct queue *queue = queues->all[i];
        if (queue->added == queue->count) {
            queues->all[i] = queues->all[--queues->active];
            queues->all[queues->active] = queue;
            continue;
        }
        size_t in_flight = atomic_load(&queue->in_flight);
        if (best == NULL || in_flight < least) {
            best = queue;
            least = in_flight;
        }
        looked++;
    }
    return best;
}

static void free_queues(struct queues *queues)
{
    for (size_t i = 0; i < queues->count; i++) {
        struct queue *queue = queues->all[i];
        while (queue->added < queue->count)
            free(queue->files[queue->added++]);
        free(queue->files);
        free(queue);
    }
    free(queues->all);
}

#endif
