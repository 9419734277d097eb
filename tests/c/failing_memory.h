/* Memory that runs out: the program's own malloc and its like, and mmap, which
 * fail when they are told to. */
#ifndef FAILING_MEMORY_H
#define FAILING_MEMORY_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* Of this thread: so many succeed, then so many fail. */
static _Thread_local long may_succeed = -1, to_fail, have_failed;
/* Of every thread but those that said that they are the host's. */
static atomic_bool theirs_fail;
static _Thread_local bool is_hosts;
static atomic_long theirs_failed;

static bool memory_fails(void)
{
    if (atomic_load_explicit(&theirs_fail, memory_order_relaxed) && !is_hosts) {
        theirs_failed++;
        return true;
    }
    if (may_succeed < 0)
        return false;
    if (may_succeed > 0) {
        may_succeed--;
        return false;
    }
    if (to_fail == 0)
        return false;
    to_fail--;
    have_failed++;
    return true;
}

/* From the one with this number on, so many fail. */
static void fail_memory(long number, long times)
{
    have_failed = 0;
    to_fail = times;
    may_succeed = number;
}

/* It is as ever; how many have failed. */
static long restore_memory(void)
{
    may_succeed = -1;
    return have_failed;
}

static void *given(void *memory)
{
    if (memory == NULL)
        errno = ENOMEM;
    return memory;
}

void *malloc(size_t size)
{
    return given(memory_fails() ? NULL : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return given(memory_fails() ? NULL : __libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    return given(memory_fails() ? NULL : __libc_realloc(memory, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *memory = memory_fails() ? NULL : __libc_memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *out = memory;
    return 0;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return given(memory_fails() ? NULL : __libc_memalign(alignment, size));
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (memory_fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

#endif
