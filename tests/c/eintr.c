/* System calls that end early, for any program that is linked with
 * --wrap=syscall and the like: of the library's futex waits each sixth gives
 * EINTR at once, as when a signal came, as many end as if woken, and each fifth
 * begins late; wakes come late now and then; waits for descriptors are cut too. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_uint waits, wakes, polls, cut;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_epoll_wait(int fd, struct epoll_event *events, int most, int milliseconds);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int milliseconds);
int __real_poll(struct pollfd *fds, nfds_t count, int milliseconds);
int __wrap_poll(struct pollfd *fds, nfds_t count, int milliseconds);

static int interrupted(void)
{
    cut++;
    errno = EINTR;
    return -1;
}

static void late(long microseconds)
{
    struct timespec time = { 0, 1000 * microseconds };
    nanosleep(&time, NULL);
}

long __wrap_syscall(long number, ...)
{
    va_list list;
    long a[6];
    va_start(list, number);
    for (int at = 0; at < 6; at++)
        a[at] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex) {
        int operation = (int)a[1] & FUTEX_CMD_MASK;
        if (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) {
            unsigned count = waits++;
            if (count % 6 == 1)
                return interrupted();
            if (count % 6 == 4) {
                cut++;
                return 0; /* As if woken: a futex may be for nothing. */
            }
            if (count % 5 == 0)
                late(100);
        } else if (operation == FUTEX_WAKE && wakes++ % 64 == 0) {
            late(100);
        }
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_epoll_wait(int fd, struct epoll_event *events, int most, int milliseconds)
{
    return polls++ % 3 == 1 ? interrupted() : __real_epoll_wait(fd, events, most, milliseconds);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int milliseconds)
{
    return polls++ % 3 == 1 && milliseconds != 0 ? interrupted() : __real_poll(fds, count, milliseconds);
}

/* What was cut; a test that cuts nothing proves nothing. */
__attribute__((destructor)) static void tell(void)
{
    printf("%u calls were cut\n", cut);
}
