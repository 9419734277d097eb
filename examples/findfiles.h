/*
 * find_files() calls found() for every regular file below a directory, and for
 * every directory or entry that cannot be looked at, then with the reason.
 * `top` is the name of the top-level directory that the file is in, "." for
 * files of the root itself; files of one `top` come one after the other.
 * Symbolic links below the root are not followed.
 */
#ifndef FINDFILES_H
#define FINDFILES_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef void (*found_fn)(const char *top, const char *path, uint64_t size, const char *error);

/* A directory still to be read. The list is a stack: its subdirectories are
 * read before its neighbours, and no more than one is open at a time. */
struct directory {
    struct directory *next;
    size_t top, top_length;     /* where in the path the name of its top is */
    char path[];
};

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL) {
        perror("memory");
        exit(2);
    }
    return memory;
}

static void top_of(const struct directory *directory, char top[256])
{
    snprintf(top, 256, "%.*s", (int)directory->top_length, directory->path + directory->top);
    if (directory->top_length == 0)
        strcpy(top, ".");
}

/* Tells of a file, puts a directory on the stack, passes over anything else. */
static void find_entry(const struct directory *in, int descriptor, const char *name,
                       struct directory **stack, found_fn found)
{
    struct stat status;
    size_t length = strlen(in->path), room = length + strlen(name) + 2;
    size_t slash = in->path[length - 1] != '/';
    struct directory *entry = allocate(sizeof *entry + room);
    char top[256];

    top_of(in, top);
    snprintf(entry->path, room, "%s%s%s", in->path, slash ? "/" : "", name);
    if (fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        found(top, entry->path, 0, strerror(errno));
    } else if (S_ISREG(status.st_mode)) {
        found(top, entry->path, (uint64_t)status.st_size, NULL);
    } else if (S_ISDIR(status.st_mode)) {
        entry->top = in->top_length > 0 ? in->top : length + slash;
        entry->top_length = in->top_length > 0 ? in->top_length : strlen(name);
        entry->next = *stack;
        *stack = entry;
        return;
    }
    free(entry);
}

static void find_in(const struct directory *directory, const atomic_bool *stop,
                    struct directory **stack, found_fn found)
{
    struct dirent *entry = NULL;
    DIR *stream = opendir(directory->path);
    while (stream != NULL && !atomic_load(stop)) {
        errno = 0;
        entry = readdir(stream);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            find_entry(directory, dirfd(stream), entry->d_name, stack, found);
    }
    if (entry == NULL && errno != 0) {
        char top[256];
        const char *words = strerror(errno);
        top_of(directory, top);
        found(top, directory->path, 0, words);
    }
    if (stream != NULL)
        closedir(stream);
}

/* Leaves early when *stop becomes true. */
static void find_files(const char *root, const atomic_bool *stop, found_fn found)
{
    struct directory *stack = allocate(sizeof *stack + strlen(root) + 1);
    *stack = (struct directory){ .next = NULL };
    strcpy(stack->path, root);
    while (stack != NULL) {
        struct directory *directory = stack;
        stack = directory->next;
        if (!atomic_load(stop))
            find_in(directory, stop, &stack, found);
        free(directory);
    }
}

#endif
