/* Async tasks that wait for file descriptors. */
#include "async.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static void nonblocking(int fd)
{
    CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

static void open_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        exit(1);
    nonblocking(ends[0]);
    nonblocking(ends[1]);
}

static void open_pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        exit(1);
    nonblocking(ends[0]);
    nonblocking(ends[1]);
}

static void put(int fd, const char *text)
{
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void fill(int fd)
{
    static const char much[4096];
    while (write(fd, much, sizeof much) > 0)
        ;
    while (write(fd, much, 1) > 0)
        ;
    CHECK(errno == EAGAIN);
}

static void drain(int fd)
{
    static char much[65536];
    while (read(fd, much, sizeof much) > 0)
        ;
}

/* A task that waits for a file descriptor so many times. */
typedef struct {
    int fd;
    uint32_t events, ready;
    int rounds, polls, done, dropped, close_in_drop, take;
    ts_error error;
    char words[160];
} watcher;

static ts_poll poll_watcher(ts_token *token, void *user_data)
{
    watcher *its = (watcher *)user_data;
    uint32_t ready = 99;
    its->error = ts_async_wait_fd(token, its->fd, its->events, &ready);
    if (its->error != TS_OK)
        snprintf(its->words, sizeof its->words, "%s", ts_last_error_message());
    if (its->error == TS_OK) {
        char byte;
        its->ready = ready;
        if (its->take)
            CHECK(read(its->fd, &byte, 1) == 1);
        count(&its->done);
        its->rounds--;
        /* Armed again at once; what is ready still answers at once. */
        if (its->rounds > 0) {
            count(&its->polls);
            return poll_watcher(token, user_data);
        }
    } else {
        CHECK(ready == 99);
    }
    count(&its->polls);
    if (its->error == TS_OK)
        return TS_POLL_READY;
    return its->error == TS_NOT_YET ? TS_POLL_PENDING : TS_POLL_FAILED;
}

static void drop_watcher(void *user_data)
{
    watcher *its = (watcher *)user_data;
    if (its->close_in_drop)
        CHECK(close(its->fd) == 0);
    count(&its->dropped);
}

static ts_task_id watch(ts_scheduler *scheduler, watcher *its, int fd, uint32_t events)
{
    memset(its, 0, sizeof *its);
    its->fd = fd;
    its->events = events;
    its->rounds = 1;
    return add_async(scheduler, NULL, poll_watcher, its, drop_watcher);
}

static void a_task_is_polled_when_its_descriptor_is_ready(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int ends[2], kind;
    for (kind = 0; kind < 2; kind++) {
        watcher reads, writes;
        ts_task_id one, two;
        if (kind)
            open_pair(ends);
        else
            open_pipe(ends);
        one = watch(scheduler, &reads, ends[0], TS_READABLE);
        await(&reads.polls, 1);
        CHECK(reads.error == TS_NOT_YET);
        put(ends[1], "x");
        CHECK(ended(scheduler, one) == TS_COMPLETED);
        CHECK(reads.ready == TS_READABLE && reads.polls == 2);
        drain(ends[0]);
        /* What is ready is so at once. */
        two = watch(scheduler, &writes, ends[1], TS_WRITABLE);
        CHECK(ended(scheduler, two) == TS_COMPLETED);
        CHECK(writes.ready == TS_WRITABLE && writes.polls == 1);
        fill(ends[1]);
        two = watch(scheduler, &writes, ends[1], TS_WRITABLE);
        await(&writes.polls, 1);
        CHECK(writes.error == TS_NOT_YET);
        drain(ends[0]);
        CHECK(ended(scheduler, two) == TS_COMPLETED);
        CHECK(writes.ready == TS_WRITABLE);
        close(ends[0]);
        close(ends[1]);
    }
    ts_scheduler_free(scheduler);
}

static void what_is_still_readable_answers_at_once(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int ends[2], at;
    watcher its;
    ts_task_id id;
    open_pair(ends);
    put(ends[1], "abcdefghij");
    /* Ten bytes, one poll; and then it is not ready, without being polled. */
    memset(&its, 0, sizeof its);
    its.fd = ends[0];
    its.events = TS_READABLE;
    its.rounds = 12;
    its.take = 1;
    id = add_async(scheduler, NULL, poll_watcher, &its, drop_watcher);
    await(&its.done, 10);
    for (at = 0; at < 50; at++)
        round_trip(scheduler, NULL);
    nap(0.05);
    CHECK(counted(&its.polls) <= 12);
    put(ends[1], "k");
    await(&its.done, 11);
    put(ends[1], "l");
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    /* Nobody took it, so the next one is told too, and the one after that. */
    put(ends[1], "m");
    for (at = 0; at < 3; at++) {
        id = watch(scheduler, &its, ends[0], TS_READABLE);
        CHECK(ended(scheduler, id) == TS_COMPLETED && its.polls == 1);
    }
    close(ends[0]);
    close(ends[1]);
    ts_scheduler_free(scheduler);
}

static void news_wakes_again_and_again(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int ends[2], at;
    watcher its;
    ts_task_id id;
    open_pipe(ends);
    memset(&its, 0, sizeof its);
    its.fd = ends[0];
    its.events = TS_READABLE;
    its.rounds = 1000;
    its.take = 1;
    id = add_async(scheduler, NULL, poll_watcher, &its, drop_watcher);
    for (at = 0; at < 1000; at++) {
        put(ends[1], "x");
        await(&its.done, at + 1);
    }
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    close(ends[0]);
    close(ends[1]);
    ts_scheduler_free(scheduler);
}

static void readers_and_writers_share_a_descriptor(void)
{
    int round;
    for (round = 0; round < 50; round++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        int ends[2];
        watcher reads, writes;
        ts_task_id one, two;
        open_pair(ends);
        fill(ends[0]);
        one = watch(scheduler, &reads, ends[0], TS_READABLE);
        two = watch(scheduler, &writes, ends[0], TS_WRITABLE);
        await(&reads.polls, 1);
        await(&writes.polls, 1);
        CHECK(reads.error == TS_NOT_YET && writes.error == TS_NOT_YET);
        if (round % 2) {
            put(ends[1], "x");
            CHECK(ended(scheduler, one) == TS_COMPLETED && reads.ready == TS_READABLE);
            CHECK(state_of(scheduler, two) == TS_RUNNING);
            drain(ends[1]);
            CHECK(ended(scheduler, two) == TS_COMPLETED && writes.ready == TS_WRITABLE);
        } else {
            if (round % 4) {
                GIVES(TS_OK, ts_force_stop(scheduler, one));
                CHECK(ended(scheduler, one) == TS_CANCELLED);
            }
            drain(ends[1]);
            CHECK(ended(scheduler, two) == TS_COMPLETED && writes.ready == TS_WRITABLE);
            if (round % 4 == 0) {
                CHECK(state_of(scheduler, one) == TS_RUNNING);
                put(ends[1], "x");
                CHECK(ended(scheduler, one) == TS_COMPLETED && reads.ready == TS_READABLE);
            }
        }
        close(ends[0]);
        close(ends[1]);
        ts_scheduler_free(scheduler);
    }
}

static void one_task_waits_in_each_direction(void)
{
    static const uint32_t directions[] = { TS_READABLE, TS_WRITABLE };
    int which;
    for (which = 0; which < 2; which++) {
        ts_scheduler *scheduler = scheduler_with(NULL);
        int ends[2];
        watcher first, second;
        ts_task_id one, two;
        open_pair(ends);
        fill(ends[0]);
        one = watch(scheduler, &first, ends[0], directions[which]);
        await(&first.polls, 1);
        two = watch(scheduler, &second, ends[0], directions[which]);
        CHECK(ended(scheduler, two) == TS_FAILED);
        CHECK(second.error == TS_ERROR_INVALID_ARGUMENT);
        CHECK(strstr(second.words, which ? "another task waits already to write the file descriptor"
                                         : "another task waits already to read the file descriptor") != NULL);
        two = watch(scheduler, &second, ends[0], TS_READABLE | TS_WRITABLE);
        CHECK(ended(scheduler, two) == TS_FAILED && second.error == TS_ERROR_INVALID_ARGUMENT);
        /* The first did not notice. */
        put(ends[1], "x");
        drain(ends[1]);
        CHECK(ended(scheduler, one) == TS_COMPLETED && first.ready == directions[which]);
        close(ends[0]);
        close(ends[1]);
        ts_scheduler_free(scheduler);
    }
}

/* A task that arms both directions of a descriptor, each by a call of its own. */
typedef struct {
    int fd, polls, got;
    uint32_t ready;
} both;

static ts_poll poll_both(ts_token *token, void *user_data)
{
    both *its = (both *)user_data;
    uint32_t ready = 0;
    char byte;
    if (ts_async_wait_fd(token, its->fd, TS_READABLE, &ready) == TS_OK) {
        its->got = read(its->fd, &byte, 1) == 1;
        count(&its->polls);
        return TS_POLL_READY;
    }
    if (ts_async_wait_fd(token, its->fd, TS_WRITABLE, &ready) == TS_OK)
        its->ready |= ready;
    count(&its->polls);
    return TS_POLL_PENDING;
}

static void a_direction_that_is_ready_leaves_the_other_armed(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int ends[2];
    both its;
    ts_task_id id;
    memset(&its, 0, sizeof its);
    open_pair(ends);
    its.fd = ends[0];
    /* It may be written to at once, and waits on to be read. */
    id = add_async(scheduler, NULL, poll_both, &its, NULL);
    await(&its.polls, 1);
    CHECK(its.ready == TS_WRITABLE);
    put(ends[1], "x");
    CHECK(ended(scheduler, id) == TS_COMPLETED && its.got);
    close(ends[0]);
    close(ends[1]);
    ts_scheduler_free(scheduler);
}

static void both_directions_tell_which_is_ready(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int ends[2];
    watcher its;
    ts_task_id id;
    open_pair(ends);
    id = watch(scheduler, &its, ends[0], TS_READABLE | TS_WRITABLE);
    CHECK(ended(scheduler, id) == TS_COMPLETED && its.ready == TS_WRITABLE);
    put(ends[1], "x");
    id = watch(scheduler, &its, ends[0], TS_READABLE | TS_WRITABLE);
    CHECK(ended(scheduler, id) == TS_COMPLETED && its.ready == (TS_READABLE | TS_WRITABLE));
    fill(ends[0]);
    id = watch(scheduler, &its, ends[0], TS_READABLE | TS_WRITABLE);
    CHECK(ended(scheduler, id) == TS_COMPLETED && its.ready == TS_READABLE);
    drain(ends[0]);
    id = watch(scheduler, &its, ends[0], TS_READABLE | TS_WRITABLE);
    await(&its.polls, 1);
    CHECK(its.error == TS_NOT_YET);
    put(ends[1], "x");
    CHECK(ended(scheduler, id) == TS_COMPLETED && its.ready == TS_READABLE);
    close(ends[0]);
    close(ends[1]);
    ts_scheduler_free(scheduler);
}

static void a_hang_up_counts_as_ready(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int ends[2], kind;
    for (kind = 0; kind < 2; kind++) {
        watcher its;
        ts_task_id id;
        if (kind)
            open_pair(ends);
        else
            open_pipe(ends);
        id = watch(scheduler, &its, ends[0], TS_READABLE);
        await(&its.polls, 1);
        close(ends[1]);
        CHECK(ended(scheduler, id) == TS_COMPLETED && its.ready == TS_READABLE);
        id = watch(scheduler, &its, ends[0], TS_READABLE);
        CHECK(ended(scheduler, id) == TS_COMPLETED);
        close(ends[0]);
        /* And of the writing end, when the reader is gone. */
        if (kind)
            open_pair(ends);
        else
            open_pipe(ends);
        fill(ends[1]);
        id = watch(scheduler, &its, ends[1], TS_WRITABLE);
        await(&its.polls, 1);
        close(ends[0]);
        CHECK(ended(scheduler, id) == TS_COMPLETED && its.ready == TS_WRITABLE);
        close(ends[1]);
    }
    ts_scheduler_free(scheduler);
}

static int udp(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(fd, (struct sockaddr *)address, sizeof *address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)address, &size) == 0);
    nonblocking(fd);
    return fd;
}

/* A datagram that nobody takes comes back as an error of the socket, which is
 * neither data nor a hang-up; and when it was asked for it is gone. */
static void an_error_counts_as_ready_until_it_is_taken(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    struct sockaddr_in own, other;
    int fd = udp(&own), gone = udp(&other), error = 0, round, at, watched;
    socklen_t size = sizeof error;
    close(gone);
    CHECK(connect(fd, (struct sockaddr *)&other, sizeof other) == 0);
    for (round = 0; round < 5; round++) {
        watcher its;
        ts_task_id id = watch(scheduler, &its, fd, TS_READABLE);
        await(&its.polls, 1);
        CHECK(its.error == TS_NOT_YET);
        put(fd, "x");
        CHECK(ended(scheduler, id) == TS_COMPLETED && its.ready == TS_READABLE);
        CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNREFUSED);
    }
    /* While one registration stays: the loop goes on, and does not spin. */
    for (round = 0; round < 5; round++) {
        watcher its;
        ts_task_id id;
        memset(&its, 0, sizeof its);
        its.fd = fd;
        its.events = TS_READABLE;
        its.rounds = 2;
        id = add_async(scheduler, NULL, poll_watcher, &its, NULL);
        await(&its.polls, 1);
        put(fd, "x");
        await(&its.done, 2);
        CHECK(ended(scheduler, id) == TS_COMPLETED);
        CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
        watched = counted(&its.polls);
        for (at = 0; at < 20; at++)
            round_trip(scheduler, NULL);
        CHECK(counted(&its.polls) == watched);
    }
    close(fd);
    ts_scheduler_free(scheduler);
}

static void stopping_disarms_before_drop_and_the_number_may_be_used_again(void)
{
    ts_scheduler *scheduler = scheduler_with("maximum_task_info_storage: 1000");
    int round;
    for (round = 0; round < 300; round++) {
        int ends[2], again[2];
        watcher its, next;
        ts_task_id id, other;
        if (round % 2)
            open_pipe(ends);
        else
            open_pair(ends);
        memset(&its, 0, sizeof its);
        its.fd = ends[0];
        its.events = round % 2 ? TS_READABLE : TS_READABLE | TS_WRITABLE;
        its.rounds = 1;
        its.close_in_drop = 1;
        if (round % 2 == 0)
            fill(ends[0]);
        id = add_async(scheduler, NULL, poll_watcher, &its, drop_watcher);
        await(&its.polls, 1);
        CHECK(its.error == TS_NOT_YET);
        if (round % 3 == 0) {
            put(ends[1], "x");
            CHECK(ended(scheduler, id) == TS_COMPLETED);
        } else {
            GIVES(TS_OK, ts_force_stop(scheduler, id));
            CHECK(ended(scheduler, id) == TS_CANCELLED);
        }
        /* The same number, for something else. */
        open_pipe(again);
        CHECK(again[0] == ends[0]);
        other = watch(scheduler, &next, again[0], TS_READABLE);
        await(&next.polls, 1);
        CHECK(next.error == TS_NOT_YET && next.polls == 1);
        put(again[1], "x");
        CHECK(ended(scheduler, other) == TS_COMPLETED);
        CHECK(its.polls <= 2);
        close(ends[1]);
        close(again[0]);
        close(again[1]);
    }
    ts_scheduler_free(scheduler);
}

static void a_closed_descriptor_is_an_error_and_leaves_nothing_behind(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    int round;
    for (round = 0; round < 20; round++) {
        int ends[2], again[2];
        watcher its, next;
        held other;
        ts_task_id id, second;
        open_pipe(ends);
        /* A task that waits, while the host breaks its promise to keep it open;
         * woken, it asks again. */
        id = watch(scheduler, &its, ends[0], TS_READABLE);
        await(&its.polls, 1);
        hold(scheduler, "x", &other);
        await(&other.polls, 1);
        close(ends[0]);
        close(ends[1]);
        second = watch(scheduler, &next, ends[0], TS_READABLE);
        CHECK(ended(scheduler, second) == TS_FAILED);
        CHECK(next.error == TS_ERROR_INVALID_ARGUMENT);
        CHECK(strstr(next.words, "is not open") != NULL);
        GIVES(TS_OK, ts_force_stop(scheduler, id));
        CHECK(ended(scheduler, id) == TS_CANCELLED);
        /* Its number is like new. */
        open_pipe(again);
        second = watch(scheduler, &next, again[0], TS_READABLE);
        await(&next.polls, 1);
        CHECK(next.error == TS_NOT_YET);
        put(again[1], "x");
        CHECK(ended(scheduler, second) == TS_COMPLETED);
        close(again[0]);
        close(again[1]);
        let_go(&other);
        await(&other.dropped, 1);
        free_held(&other, 1);
    }
    ts_scheduler_free(scheduler);
}

/* Its descriptor is closed between two polls, and it asks again. */
typedef struct {
    int fd, polls;
    ts_waker *waker;
    ts_error first, second;
} asks_again;

static ts_poll poll_asks_again(ts_token *token, void *user_data)
{
    asks_again *its = (asks_again *)user_data;
    uint32_t ready;
    if (its->waker == NULL) {
        MUST(ts_waker_clone(token, &its->waker));
        its->first = ts_async_wait_fd(token, its->fd, TS_READABLE, &ready);
        count(&its->polls);
        return TS_POLL_PENDING;
    }
    its->second = ts_async_wait_fd(token, its->fd, TS_READABLE, &ready);
    count(&its->polls);
    return TS_POLL_READY;
}

static void who_asks_for_a_closed_descriptor_again_is_disarmed(void)
{
    ts_scheduler *scheduler = scheduler_with(NULL);
    asks_again its;
    watcher next;
    int ends[2], again[2];
    ts_task_id id;
    memset(&its, 0, sizeof its);
    open_pipe(ends);
    its.fd = ends[0];
    id = add_async(scheduler, NULL, poll_asks_again, &its, NULL);
    await(&its.polls, 1);
    close(ends[0]);
    close(ends[1]);
    GIVES(TS_OK, ts_waker_wake(its.waker));
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    CHECK(its.first == TS_NOT_YET && its.second == TS_ERROR_INVALID_ARGUMENT);
    ts_waker_free(its.waker);
    open_pipe(again);
    CHECK(again[0] == ends[0]);
    id = watch(scheduler, &next, again[0], TS_READABLE);
    await(&next.polls, 1);
    CHECK(next.error == TS_NOT_YET);
    put(again[1], "x");
    CHECK(ended(scheduler, id) == TS_COMPLETED);
    close(again[0]);
    close(again[1]);
    ts_scheduler_free(scheduler);
}

/* A task that wakes itself in every poll, until it may end. */
typedef struct {
    int polls, may_end;
} spinner;

static ts_poll poll_spinner(ts_token *token, void *user_data)
{
    spinner *its = (spinner *)user_data;
    ts_waker *waker = NULL;
    count(&its->polls);
    if (counted(&its->may_end) > 0)
        return TS_POLL_READY;
    MUST(ts_waker_clone(token, &waker));
    GIVES(TS_OK, ts_waker_wake(waker));
    ts_waker_free(waker);
    return TS_POLL_PENDING;
}

static void who_wakes_himself_again_and_again_keeps_nobody_from_a_descriptor(void)
{
    /* Far more than a loop may go on without looking at its descriptors. */
    enum { POLLS = 50000 };
    ts_scheduler *scheduler = scheduler_with("event_loop_threads: 1");
    int ends[2], at;
    for (at = 0; at < 3; at++) {
        spinner spins = { 0, 0 };
        watcher its;
        ts_task_id id, other;
        int before;
        open_pipe(ends);
        id = watch(scheduler, &its, ends[0], TS_READABLE);
        await(&its.polls, 1);
        CHECK(its.error == TS_NOT_YET);
        other = add_async(scheduler, NULL, poll_spinner, &spins, NULL);
        await(&spins.polls, 1000);
        put(ends[1], "x");
        before = counted(&spins.polls);
        while (counted(&its.done) == 0 && counted(&spins.polls) < before + POLLS)
            nap(0.001);
        CHECK(counted(&its.done) == 1);
        count(&spins.may_end);
        CHECK(ended(scheduler, other) == TS_COMPLETED);
        CHECK(ended(scheduler, id) == TS_COMPLETED && its.ready == TS_READABLE);
        close(ends[0]);
        close(ends[1]);
    }
    ts_scheduler_free(scheduler);
}

static const check_test tests[] = {
    TEST(a_task_is_polled_when_its_descriptor_is_ready),
    TEST(what_is_still_readable_answers_at_once),
    TEST(news_wakes_again_and_again),
    TEST(readers_and_writers_share_a_descriptor),
    TEST(one_task_waits_in_each_direction),
    TEST(a_direction_that_is_ready_leaves_the_other_armed),
    TEST(both_directions_tell_which_is_ready),
    TEST(a_hang_up_counts_as_ready),
    TEST(an_error_counts_as_ready_until_it_is_taken),
    TEST(stopping_disarms_before_drop_and_the_number_may_be_used_again),
    TEST(a_closed_descriptor_is_an_error_and_leaves_nothing_behind),
    TEST(who_asks_for_a_closed_descriptor_again_is_disarmed),
    TEST(who_wakes_himself_again_and_again_keeps_nobody_from_a_descriptor),
};

CHECK_ALL(tests)
