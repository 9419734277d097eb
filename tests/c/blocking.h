/* System calls that block until a signal comes. Each gives 0, or the errno that
 * it ended with. */
#ifndef BLOCKING_H
#define BLOCKING_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pipe_ends[2], listener, lock_file, other_lock;
static pid_t child;
static sem_t semaphore;

static inline int block_in_sleep(void)
{
    return sleep(100) > 0 ? EINTR : 0;
}

static inline int block_in_nanosleep(void)
{
    struct timespec time = { 100, 0 };
    return nanosleep(&time, NULL) == 0 ? 0 : errno;
}

static inline int block_in_read(void)
{
    char byte;
    return read(pipe_ends[0], &byte, 1) >= 0 ? 0 : errno;
}

static inline int block_in_accept(void)
{
    return accept(listener, NULL, NULL) >= 0 ? 0 : errno;
}

static inline int block_in_poll(void)
{
    struct pollfd wanted = { 0, POLLIN, 0 };
    wanted.fd = pipe_ends[0];
    return poll(&wanted, 1, -1) >= 0 ? 0 : errno;
}

static inline int block_in_flock(void)
{
    return flock(other_lock, LOCK_EX) == 0 ? 0 : errno;
}

static inline int block_in_sem_wait(void)
{
    return sem_wait(&semaphore) == 0 ? 0 : errno;
}

static inline int block_in_waitpid(void)
{
    int status;
    return waitpid(child, &status, 0) >= 0 ? 0 : errno;
}

/* Before any of the above; 0 when they can be used. */
static inline int make_what_blocks(void)
{
    struct sockaddr_in address;
    char name[] = "/tmp/ts-blocking-XXXXXX";
    int life[2];
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (pipe(pipe_ends) != 0 || pipe(life) != 0 || sem_init(&semaphore, 0, 0) != 0)
        return 1;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0
        || listen(listener, 5) != 0)
        return 1;
    lock_file = mkstemp(name);
    other_lock = open(name, O_RDWR);
    if (lock_file < 0 || other_lock < 0 || flock(lock_file, LOCK_EX) != 0)
        return 1;
    unlink(name);
    /* Ends with this process, which holds the other end of its pipe. */
    child = fork();
    if (child == 0) {
        char byte;
        close(life[1]);
        while (read(life[0], &byte, 1) < 0)
            ;
        _exit(0);
    }
    close(life[0]);
    return child < 0;
}

typedef struct {
    const char *name;
    int (*block)(void);
} blocking_call;

static const blocking_call blocking_calls[] = {
    { "sleep", block_in_sleep },       { "nanosleep", block_in_nanosleep },
    { "read", block_in_read },         { "accept", block_in_accept },
    { "poll", block_in_poll },         { "flock", block_in_flock },
    { "sem_wait", block_in_sem_wait }, { "waitpid", block_in_waitpid },
};

enum { BLOCKING_CALLS = sizeof blocking_calls / sizeof *blocking_calls };

#endif
