// SPDX-License-Identifier: MIT
//
// Connections of COMMAND's processes and threads: an array, looked through whole, because there are
// a few at a time.

#include "vboard/host/clients.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// How long to wait, in real time, for an armed timerfd to become readable. It is a matter of
// microseconds; the bound is for a machine that stands still.
#define TIMER_WAIT_MS 100

enum wait_state { IDLE, WAITING, WOKEN };

struct timer {
    struct timer *next;
    uint32_t id;
    int fd; // our copy of the program's timerfd
    uint64_t expiry_ns;
    uint64_t interval_ns;
};

struct connection {
    struct connection *next;
    int fd;
    // A process' connection.
    bool is_process;
    uint32_t slot;
    struct timer *timers;
    // A thread's.
    enum wait_state state;
    uint32_t seq;
    uint32_t flags;
    uint64_t deadline_ns;
};

struct clients {
    int listener;
    int epoll;
    struct vboard_page *page;
    struct clients_events events;
    struct connection *connections;
    bool slots[VBOARD_PROCESSES_MAX];
    uint32_t lines[VBOARD_PROCESSES_MAX][CLIENTS_LINE_LEN];
    char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static uint64_t clock_now(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool make_page(struct clients *clients, const char *folder, bool is_fast, uint64_t now_ns) {
    char path[sizeof clients->socket_path + 8];
    (void)snprintf(path, sizeof path, "%.90s/page", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    bool ok = ftruncate(fd, sizeof *clients->page) == 0;
    void *page = ok ? mmap(NULL, sizeof *clients->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                    : MAP_FAILED;
    (void)close(fd);
    if (page == MAP_FAILED) {
        return false;
    }
    clients->page = page;
    clients->page->magic = VBOARD_PAGE_MAGIC;
    clients->page->fast = is_fast;
    // COMMAND's clocks at its start are the real ones, from there they count virtual time.
    clients->page->realtime_ns = clock_now(CLOCK_REALTIME) - now_ns;
    clients->page->monotonic_ns = clock_now(CLOCK_MONOTONIC) - now_ns;
    atomic_store(&clients->page->now_ns, now_ns);
    return true;
}

static bool listen_on(struct clients *clients, const char *folder) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int len = snprintf(at.sun_path, sizeof at.sun_path, "%s/socket", folder);
    if (len < 0 || (size_t)len >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    clients->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    clients->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (clients->listener < 0 || clients->epoll < 0 ||
        bind(clients->listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(clients->listener, SOMAXCONN) != 0) {
        return false;
    }
    strcpy(clients->socket_path, at.sun_path);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    return epoll_ctl(clients->epoll, EPOLL_CTL_ADD, clients->listener, &event) == 0;
}

struct clients *clients_new(const char *folder, bool is_fast, uint64_t now_ns,
                            const struct clients_events *events) {
    struct clients *clients = calloc(1, sizeof *clients);
    if (!clients) {
        return NULL;
    }
    clients->listener = -1;
    clients->epoll = -1;
    clients->events = *events;
    if (!make_page(clients, folder, is_fast, now_ns) || !listen_on(clients, folder)) {
        int saved = errno;
        clients_free(clients);
        errno = saved;
        return NULL;
    }
    return clients;
}

static void drop_timer(struct connection *connection, uint32_t id) {
    for (struct timer **at = &connection->timers; *at; at = &(*at)->next) {
        if ((*at)->id == id) {
            struct timer *timer = *at;
            *at = timer->next;
            (void)close(timer->fd);
            free(timer);
            return;
        }
    }
}

static void disconnect(struct clients *clients, struct connection *connection) {
    struct connection **at = &clients->connections;
    while (*at != connection) {
        at = &(*at)->next;
    }
    *at = connection->next;
    (void)close(connection->fd);
    while (connection->timers) {
        drop_timer(connection, connection->timers->id);
    }
    if (connection->is_process) {
        if (clients->events.process_gone) {
            clients->events.process_gone(clients->events.ctx, connection->slot);
        }
        clients->slots[connection->slot] = false;
        atomic_store(&clients->page->in_call[connection->slot], 0);
    }
    free(connection);
}

void clients_free(struct clients *clients) {
    if (!clients) {
        return;
    }
    clients->events.process_gone = NULL;
    while (clients->connections) {
        disconnect(clients, clients->connections);
    }
    if (clients->listener >= 0) {
        (void)close(clients->listener);
    }
    if (clients->epoll >= 0) {
        (void)close(clients->epoll);
    }
    if (clients->page) {
        (void)munmap(clients->page, sizeof *clients->page);
    }
    free(clients);
}

struct vboard_page *clients_page(struct clients *clients) {
    return clients->page;
}

int clients_fd(const struct clients *clients) {
    return clients->epoll;
}

static void accept_all(struct clients *clients) {
    for (;;) {
        int fd = accept4(clients->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        struct connection *connection = calloc(1, sizeof *connection);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (!connection || epoll_ctl(clients->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            free(connection);
            (void)close(fd); // the client goes on with real time
            continue;
        }
        connection->fd = fd;
        connection->next = clients->connections;
        clients->connections = connection;
    }
}

static void answer(const struct connection *connection, const struct vboard_message *message) {
    // A client that does not read loses its answer with its connection, and nobody else's.
    (void)send(connection->fd, message, sizeof *message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// proc(5): "12 (name) S 11 ..."; a name may hold anything.
static int parent_of(int pid) {
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) {
        (void)fclose(file);
    }
    text[len] = '\0';
    const char *name_end = strrchr(text, ')');
    int parent = 0;
    return name_end && sscanf(name_end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

#define GENERATIONS_MAX 64u

// From the oldest forefather below vboard on. One that has ended meanwhile left its child to vboard.
static void find_line(uint32_t line[CLIENTS_LINE_LEN], int pid) {
    uint32_t up[GENERATIONS_MAX];
    unsigned count = 0;
    for (int at = pid; at > 1 && at != getpid() && count < GENERATIONS_MAX; at = parent_of(at)) {
        up[count++] = (uint32_t)at;
    }
    memset(line, 0, CLIENTS_LINE_LEN * sizeof *line);
    for (unsigned i = 0; i < CLIENTS_LINE_LEN && i < count; i++) {
        line[i] = up[count - 1 - i];
    }
}

const uint32_t *clients_line(const struct clients *clients, uint32_t slot) {
    return clients->lines[slot];
}

static void take_hello(struct clients *clients, struct connection *connection, int pid) {
    for (uint32_t slot = 0; slot < VBOARD_PROCESSES_MAX && !connection->is_process; slot++) {
        if (!clients->slots[slot]) {
            clients->slots[slot] = true;
            connection->slot = slot;
            connection->is_process = true;
            find_line(clients->lines[slot], pid);
        }
    }
    struct vboard_message hello = {.kind = VBOARD_HELLO,
                                   .id = connection->is_process ? connection->slot : UINT32_MAX};
    answer(connection, &hello);
}

static void take_timer(struct connection *connection, const struct vboard_message *message,
                       int fd) {
    drop_timer(connection, message->id);
    struct timer *timer = fd >= 0 ? calloc(1, sizeof *timer) : NULL;
    if (!timer) {
        return;
    }
    timer->id = message->id;
    timer->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    timer->expiry_ns = message->value;
    timer->interval_ns = message->interval;
    timer->next = connection->timers;
    connection->timers = timer;
}

static void take(struct clients *clients, struct connection *connection,
                 const struct vboard_message *message, int fd) {
    switch (message->kind) {
    case VBOARD_HELLO:
        take_hello(clients, connection, (int)message->value);
        break;
    case VBOARD_WAIT:
        connection->state = WAITING;
        connection->seq = message->id;
        connection->deadline_ns = message->value;
        connection->flags = message->flags;
        break;
    case VBOARD_DONE:
        connection->state = IDLE;
        break;
    case VBOARD_TIMER:
        take_timer(connection, message, fd);
        break;
    case VBOARD_TIMER_STOP:
        drop_timer(connection, message->id);
        break;
    default:
        break;
    }
}

// False when the connection ended.
static bool read_one(struct clients *clients, struct connection *connection, bool *any) {
    for (;;) {
        struct vboard_message message;
        struct iovec part = {.iov_base = &message, .iov_len = sizeof message};
        union {
            struct cmsghdr header;
            char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr header = {.msg_iov = &part,
                                .msg_iovlen = 1,
                                .msg_control = control.space,
                                .msg_controllen = sizeof control.space};
        ssize_t got = recvmsg(connection->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return true;
        }
        if (got != sizeof message) {
            return false;
        }
        *any = true;
        int fd = -1;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
            memcpy(&fd, CMSG_DATA(rights), sizeof fd);
        }
        take(clients, connection, &message, fd);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
}

bool clients_read(struct clients *clients) {
    bool any = false;
    struct epoll_event events[32];
    int count;
    do {
        count = epoll_wait(clients->epoll, events, 32, 0);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                accept_all(clients);
            } else if (!read_one(clients, connection, &any)) {
                any = true;
                disconnect(clients, connection);
            }
        }
    } while (count > 0);
    return any;
}

bool clients_is_waking(const struct clients *clients) {
    for (const struct connection *at = clients->connections; at; at = at->next) {
        if (at->state == WOKEN) {
            return true;
        }
    }
    return false;
}

uint64_t clients_deadline(const struct clients *clients) {
    uint64_t deadline = VBOARD_NEVER;
    for (const struct connection *at = clients->connections; at; at = at->next) {
        if (at->state == WAITING && at->deadline_ns < deadline) {
            deadline = at->deadline_ns;
        }
        for (const struct timer *timer = at->timers; timer; timer = timer->next) {
            if (timer->expiry_ns < deadline) {
                deadline = timer->expiry_ns;
            }
        }
    }
    return deadline;
}

bool clients_wait_for_cable(const struct clients *clients) {
    for (const struct connection *at = clients->connections; at; at = at->next) {
        if (at->state == WAITING && (at->flags & VBOARD_WAIT_CABLE)) {
            return true;
        }
    }
    return false;
}

// The expiry must be visible to whoever polls the timerfd before anything else happens.
static void expire(const struct timer *timer) {
    const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};
    if (timerfd_settime(timer->fd, 0, &at_once, NULL) == 0) {
        struct pollfd on = {.fd = timer->fd, .events = POLLIN};
        (void)poll(&on, 1, TIMER_WAIT_MS);
    }
}

static void expire_timers(struct connection *connection, uint64_t now_ns) {
    for (struct timer *timer = connection->timers; timer;) {
        struct timer *next = timer->next;
        if (timer->expiry_ns <= now_ns) {
            expire(timer);
            if (timer->interval_ns == 0) {
                drop_timer(connection, timer->id);
            } else {
                uint64_t periods = (now_ns - timer->expiry_ns) / timer->interval_ns + 1;
                timer->expiry_ns += periods * timer->interval_ns;
            }
        }
        timer = next;
    }
}

void clients_set_now(struct clients *clients, uint64_t now_ns) {
    atomic_store(&clients->page->now_ns, now_ns);
    for (struct connection *at = clients->connections; at; at = at->next) {
        expire_timers(at, now_ns);
        if (at->state == WAITING && at->deadline_ns <= now_ns) {
            struct vboard_message wake = {.kind = VBOARD_WAKE, .id = at->seq};
            at->state = WOKEN;
            answer(at, &wake);
        }
    }
}
