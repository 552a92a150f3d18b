// SPDX-License-Identifier: MIT
//
// Device nodes and waiting for descriptors, inside COMMAND.
//
// A device node of the test bed is a plain file, which poll() calls always ready and epoll refuses.
// Here it stands in a poll set by a FIFO that is readable exactly while a URB can be reaped or the
// device is gone (usbdev_poll() in the kernel). With `--pace fast` a timed wait takes virtual time.
//
// umockdev's library comes next in line and does the redirection of paths and ioctls.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vboard/host/preload_clock.h"
#include "vboard/host/preload_link.h"

#define NODE_PREFIX "/dev/bus/usb/"
#define FDS_MAX     4096
#define EPOLLS_MAX  256

enum fd_kind { FD_PLAIN, FD_NODE, FD_HOTPLUG, FD_EPOLL_CABLE };

static struct {
    uint8_t kind;
    uint32_t file;
    int fifo;
} fds[FDS_MAX];

// A node in an epoll set: events come back by the program's own data.
static struct {
    int epoll;
    int fd;
    uint32_t events;
    epoll_data_t data;
} registered[EPOLLS_MAX];
static pthread_mutex_t registered_lock = PTHREAD_MUTEX_INITIALIZER;

static enum fd_kind kind_of(int fd) {
    return fd >= 0 && fd < FDS_MAX ? (enum fd_kind)fds[fd].kind : FD_PLAIN;
}

void device_after_fork(void) {
    // Nodes stay usable in the child through the descriptors it inherited; hot-plug sockets too.
    (void)pthread_mutex_init(&registered_lock, NULL);
}

// -- Opening, closing, calling

// False for a node that is not in the test bed: umockdev's library then opens the real machine's,
// which is none of COMMAND's business.
static bool node_opened(int fd) {
    REAL(ioctl)
    REAL(open)
    struct vboard_identify identify = {.slot = link_slot(), .file = UINT32_MAX};
    link_call_begin();
    int result = real_ioctl(fd, VBOARD_IOCTL_IDENTIFY, &identify);
    link_call_end();
    if (result != 0 || identify.file >= VBOARD_FILES_MAX) {
        return false;
    }
    char path[160];
    (void)snprintf(path, sizeof path, "%.120s/ready-%u", link_folder(), identify.file);
    int fifo = real_open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fifo < 0) {
        return false;
    }
    fds[fd].file = identify.file;
    fds[fd].fifo = link_hide_fd(fifo);
    fds[fd].kind = FD_NODE;
    return true;
}

// "/dev/bus/usb/001/002"; the folders above are nothing special.
static bool is_node_path(const char *path) {
    unsigned bus;
    unsigned device;
    return path && strncmp(path, NODE_PREFIX, strlen(NODE_PREFIX)) == 0 &&
           sscanf(path + strlen(NODE_PREFIX), "%3u/%3u", &bus, &device) == 2;
}

static int opened(int fd, const char *path) {
    if (fd < 0 || !is_node_path(path) || !link_up()) {
        return fd;
    }
    int saved = errno;
    if (fd >= FDS_MAX || !node_opened(fd)) {
        REAL(close)
        (void)real_close(fd);
        errno = fd >= FDS_MAX ? EMFILE : ENOENT;
        return -1;
    }
    errno = saved;
    return fd;
}

// Whether umockdev's library would redirect the path.
static bool is_in_test_bed(const char *path) {
    char there[PATH_MAX];
    const char *root = getenv("UMOCKDEV_DIR");
    int len = root ? snprintf(there, sizeof there, "%s%s", root, path) : -1;
    return len > 0 && (size_t)len < sizeof there && *path == '/' &&
           syscall(SYS_access, there, F_OK) == 0;
}

// A program that closes what it inherited and opens /dev/null before it executes another.
static bool is_past_umockdev(const char *path) {
    return path && link_has_forked_from_threads() && !is_in_test_bed(path);
}

static mode_t mode_argument(int flags, va_list args) {
    bool has_mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    return has_mode ? va_arg(args, mode_t) : 0;
}

#define WRAP_OPEN(name)                                                                            \
    EXPORT int name(const char *path, int flags, ...) {                                            \
        REAL(name)                                                                                 \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_argument(flags, args);                                                  \
        va_end(args);                                                                              \
        if (is_past_umockdev(path)) {                                                              \
            return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);                          \
        }                                                                                          \
        return opened(real_##name(path, flags, mode), path);                                       \
    }

#define WRAP_OPENAT(name)                                                                          \
    EXPORT int name(int folder, const char *path, int flags, ...) {                                \
        REAL(name)                                                                                 \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_argument(flags, args);                                                  \
        va_end(args);                                                                              \
        if (is_past_umockdev(path)) {                                                              \
            return (int)syscall(SYS_openat, folder, path, flags, mode);                            \
        }                                                                                          \
        return opened(real_##name(folder, path, flags, mode), path);                               \
    }

#define WRAP_OPEN_2(name)                                                                          \
    int name(const char *path, int flags);                                                         \
    EXPORT int name(const char *path, int flags) {                                                 \
        REAL(name)                                                                                 \
        return opened(real_##name(path, flags), path);                                             \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)
WRAP_OPEN_2(__open_2)
WRAP_OPEN_2(__open64_2)

static void node_closes(int fd) {
    REAL(ioctl)
    REAL(close)
    fds[fd].kind = FD_PLAIN;
    link_call_begin();
    (void)real_ioctl(fd, VBOARD_IOCTL_CLOSE, NULL);
    link_call_end();
    (void)real_close(fds[fd].fifo);
}

EXPORT int close(int fd) {
    REAL(close)
    if (link_owns_fd(fd)) {
        return 0; // a loop over all descriptors
    }
    if (link_has_forked_from_threads()) {
        if (fd >= 0 && fd < FDS_MAX) {
            fds[fd].kind = FD_PLAIN; // a node stays the parent's
        }
        return (int)syscall(SYS_close, fd);
    }
    if (link_up()) {
        int saved = errno;
        if (kind_of(fd) == FD_NODE) {
            node_closes(fd);
        } else if (fd >= 0 && fd < FDS_MAX) {
            fds[fd].kind = FD_PLAIN;
        }
        clock_fd_closed(fd);
        (void)pthread_mutex_lock(&registered_lock);
        for (unsigned i = 0; i < EPOLLS_MAX; i++) {
            if (registered[i].events && (registered[i].fd == fd || registered[i].epoll == fd)) {
                registered[i].events = 0;
            }
        }
        (void)pthread_mutex_unlock(&registered_lock);
        errno = saved;
    }
    return real_close(fd);
}

EXPORT int socket(int domain, int type, int protocol) {
    REAL(socket)
    int fd = real_socket(domain, type, protocol);
    if (fd >= 0 && fd < FDS_MAX && domain == AF_NETLINK && protocol == NETLINK_KOBJECT_UEVENT &&
        link_up()) {
        fds[fd].kind = FD_HOTPLUG;
    }
    return fd;
}

EXPORT int ioctl(int fd, unsigned long request, ...) {
    REAL(ioctl)
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    if (kind_of(fd) != FD_NODE || !link_up()) {
        return real_ioctl(fd, request, argument);
    }
    link_call_begin();
    int result = real_ioctl(fd, request, argument);
    int saved = errno;
    link_call_end();
    if (result < 0 && saved == EAGAIN && request == USBDEVFS_REAPURBNDELAY && link_fast()) {
        link_observe();
    }
    errno = saved;
    return result;
}

EXPORT ssize_t read(int fd, void *buffer, size_t len) {
    REAL(read)
    if (kind_of(fd) != FD_NODE || !link_up()) {
        return real_read(fd, buffer, len);
    }
    link_call_begin();
    ssize_t result = real_read(fd, buffer, len);
    int saved = errno;
    link_call_end();
    errno = saved;
    return result;
}

// -- poll

// What usbdev_poll() in the kernel says.
static short node_events(int fd, short wanted) {
    uint32_t ready = atomic_load(&link_page()->ready[fds[fd].file]);
    short events = 0;
    if (ready & VBOARD_URB_READY) {
        events |= (short)(wanted & (POLLOUT | POLLWRNORM));
    }
    if (ready & VBOARD_DEVICE_GONE) {
        events |= POLLHUP | POLLERR;
    }
    return events;
}

static bool is_cable(int fd) {
    return kind_of(fd) != FD_PLAIN;
}

// A poll set with FIFOs in the place of nodes, and one more place for vboard's word.
struct poll_set {
    struct pollfd *fds;
    struct pollfd small[32];
    struct pollfd *program;
    nfds_t count;
    bool has_cable;
};

static bool set_make(struct poll_set *set, struct pollfd *program, nfds_t count) {
    *set = (struct poll_set){.fds = set->small, .program = program, .count = count};
    if (count + 1 > sizeof set->small / sizeof set->small[0]) {
        set->fds = malloc((count + 1) * sizeof *set->fds);
        if (!set->fds) {
            errno = ENOMEM;
            return false;
        }
    }
    for (nfds_t i = 0; i < count; i++) {
        set->fds[i] = program[i];
        set->has_cable = set->has_cable || is_cable(program[i].fd);
        if (kind_of(program[i].fd) == FD_NODE) {
            set->fds[i].fd = fds[program[i].fd].fifo;
            set->fds[i].events = POLLIN;
            // Completed URBs are no reason to wake somebody who asked for something else.
            uint32_t ready = atomic_load(&link_page()->ready[fds[program[i].fd].file]);
            if (!(program[i].events & (POLLOUT | POLLWRNORM)) && !(ready & VBOARD_DEVICE_GONE)) {
                set->fds[i].fd = -1;
            }
        }
    }
    return true;
}

static void set_free(struct poll_set *set) {
    if (set->fds != set->small) {
        free(set->fds);
    }
}

// Puts what was found into the program's array; returns how many are ready.
static int set_results(struct poll_set *set) {
    int ready = 0;
    for (nfds_t i = 0; i < set->count; i++) {
        struct pollfd *program = &set->program[i];
        program->revents = kind_of(program->fd) == FD_NODE
                               ? node_events(program->fd, program->events)
                               : set->fds[i].revents;
        ready += program->revents != 0;
    }
    return ready;
}

static int set_look(struct poll_set *set) {
    REAL(ppoll)
    const struct timespec at_once = {0};
    int result = real_ppoll(set->fds, set->count, &at_once, NULL);
    return result < 0 ? result : set_results(set);
}

static int wait_virtual(struct poll_set *set, const struct timespec *timeout,
                        const sigset_t *mask) {
    REAL(ppoll)
    int result = set_look(set);
    if (result != 0) {
        return result;
    }
    if (timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0) {
        link_observe();
        return 0;
    }
    struct link_wait wait;
    link_wait_begin(&wait, clock_deadline(timeout), set->has_cable ? VBOARD_WAIT_CABLE : 0);
    if (wait.fd < 0) {
        result = real_ppoll(set->fds, set->count, timeout, mask);
        return result < 0 ? result : set_results(set);
    }
    struct pollfd *vboard = &set->fds[set->count];
    for (bool over = false; result == 0 && !over;) {
        *vboard = (struct pollfd){.fd = wait.fd, .events = POLLIN};
        result = real_ppoll(set->fds, set->count + 1, NULL, mask);
        if (result > 0) {
            over = vboard->revents && link_wait_is_over(&wait);
            result = over ? set_look(set) : set_results(set);
        }
    }
    link_wait_end(&wait);
    return result;
}

static int poll_wait(struct pollfd *program, nfds_t count, const struct timespec *timeout,
                     const sigset_t *mask) {
    REAL(ppoll)
    bool is_fast = link_fast();
    bool has_node = false;
    bool has_cable = false;
    for (nfds_t i = 0; i < count; i++) {
        has_node = has_node || kind_of(program[i].fd) == FD_NODE;
        has_cable = has_cable || is_cable(program[i].fd);
    }
    // Without a timeout and without the cable there is nothing for vboard to know.
    if (!link_up() || (!has_node && (!is_fast || (!timeout && !has_cable)))) {
        return real_ppoll(program, count, timeout, mask);
    }
    struct poll_set set;
    if (!set_make(&set, program, count)) {
        return -1;
    }
    int result;
    if (is_fast) {
        result = wait_virtual(&set, timeout, mask);
    } else {
        result = real_ppoll(set.fds, count, timeout, mask);
        result = result >= 0 ? set_results(&set) : result;
    }
    int saved = errno;
    set_free(&set);
    errno = saved;
    return result;
}

EXPORT int poll(struct pollfd *program, nfds_t count, int timeout_ms) {
    struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                               .tv_nsec = timeout_ms % 1000 * 1000000L};
    return poll_wait(program, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

EXPORT int ppoll(struct pollfd *program, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask) {
    return poll_wait(program, count, timeout, mask);
}

// What _FORTIFY_SOURCE turns them into; the size of the array was checked by the compiler's side.
int __poll_chk(struct pollfd *program, nfds_t count, int timeout_ms, size_t size);
EXPORT int __poll_chk(struct pollfd *program, nfds_t count, int timeout_ms, size_t size) {
    if (size / sizeof *program < count) {
        abort();
    }
    return poll(program, count, timeout_ms);
}

int __ppoll_chk(struct pollfd *program, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t size);
EXPORT int __ppoll_chk(struct pollfd *program, nfds_t count, const struct timespec *timeout,
                       const sigset_t *mask, size_t size) {
    if (size / sizeof *program < count) {
        abort();
    }
    return ppoll(program, count, timeout, mask);
}

// -- select, as poll

static int select_wait(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
                       const struct timespec *timeout, const sigset_t *mask) {
    struct pollfd *set = malloc((size_t)(count > 0 ? count : 1) * sizeof *set);
    if (!set) {
        errno = ENOMEM;
        return -1;
    }
    nfds_t used = 0;
    for (int fd = 0; fd < count; fd++) {
        short events = 0;
        events |= reads && FD_ISSET(fd, reads) ? POLLIN : 0;
        events |= writes && FD_ISSET(fd, writes) ? POLLOUT : 0;
        events |= excepts && FD_ISSET(fd, excepts) ? POLLPRI : 0;
        if (events) {
            set[used++] = (struct pollfd){.fd = fd, .events = events};
        }
    }
    int result = poll_wait(set, used, timeout, mask);
    if (result >= 0) {
        result = 0;
        for (nfds_t i = 0; i < used; i++) {
            short got = set[i].revents;
            if (got & POLLNVAL) {
                errno = EBADF;
                result = -1;
                break;
            }
            // The kernel's POLLIN_SET, POLLOUT_SET and POLLEX_SET (fs/select.c).
            bool is_read = (set[i].events & POLLIN) && (got & (POLLIN | POLLHUP | POLLERR));
            bool is_write = (set[i].events & POLLOUT) && (got & (POLLOUT | POLLERR));
            bool is_except = (set[i].events & POLLPRI) && (got & POLLPRI);
            if (reads && !is_read) {
                FD_CLR(set[i].fd, reads);
            }
            if (writes && !is_write) {
                FD_CLR(set[i].fd, writes);
            }
            if (excepts && !is_except) {
                FD_CLR(set[i].fd, excepts);
            }
            result += is_read + is_write + is_except;
        }
    }
    int saved = errno;
    free(set);
    errno = saved;
    return result;
}

static bool select_concerns(int count, const fd_set *a, const fd_set *b, const fd_set *c,
                            bool has_timeout) {
    if (!link_up() || count < 0 || count > FD_SETSIZE) {
        return false;
    }
    if (link_fast() && has_timeout) {
        return true;
    }
    for (int fd = 0; fd < count; fd++) {
        if (is_cable(fd) &&
            ((a && FD_ISSET(fd, a)) || (b && FD_ISSET(fd, b)) || (c && FD_ISSET(fd, c)))) {
            return true;
        }
    }
    return false;
}

EXPORT int select(int count, fd_set *restrict reads, fd_set *restrict writes,
                  fd_set *restrict excepts, struct timeval *restrict timeout) {
    if (!select_concerns(count, reads, writes, excepts, timeout != NULL)) {
        REAL(select)
        return real_select(count, reads, writes, excepts, timeout);
    }
    struct timespec limit = {0};
    if (timeout) {
        limit.tv_sec = timeout->tv_sec;
        limit.tv_nsec = timeout->tv_usec * 1000L;
    }
    uint64_t deadline = link_fast() && timeout ? clock_deadline(&limit) : 0;
    int result = select_wait(count, reads, writes, excepts, timeout ? &limit : NULL, NULL);
    if (deadline) {
        // Linux writes back what is left.
        uint64_t now = link_now();
        uint64_t left = deadline > now ? deadline - now : 0;
        timeout->tv_sec = (time_t)(left / 1000000000u);
        timeout->tv_usec = (suseconds_t)(left % 1000000000u / 1000);
    }
    return result;
}

EXPORT int pselect(int count, fd_set *restrict reads, fd_set *restrict writes,
                   fd_set *restrict excepts, const struct timespec *restrict timeout,
                   const sigset_t *restrict mask) {
    if (!select_concerns(count, reads, writes, excepts, timeout != NULL)) {
        REAL(pselect)
        return real_pselect(count, reads, writes, excepts, timeout, mask);
    }
    return select_wait(count, reads, writes, excepts, timeout, mask);
}

// -- epoll

static uint32_t fifo_events(uint32_t events) {
    uint32_t kept = events & (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP);
    return kept | EPOLLIN;
}

EXPORT int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) {
    REAL(epoll_ctl)
    if (!link_up() || !is_cable(fd)) {
        return real_epoll_ctl(epoll, operation, fd, event);
    }
    if (epoll >= 0 && epoll < FDS_MAX && kind_of(epoll) == FD_PLAIN) {
        fds[epoll].kind = FD_EPOLL_CABLE;
    }
    if (kind_of(fd) != FD_NODE) {
        return real_epoll_ctl(epoll, operation, fd, event);
    }
    struct epoll_event changed = {0};
    if (event) {
        changed = *event;
        changed.events = fifo_events(event->events);
    }
    (void)pthread_mutex_lock(&registered_lock);
    int result = real_epoll_ctl(epoll, operation, fds[fd].fifo, event ? &changed : NULL);
    unsigned place = EPOLLS_MAX;
    for (unsigned i = 0; i < EPOLLS_MAX; i++) {
        if (registered[i].events && registered[i].epoll == epoll && registered[i].fd == fd) {
            place = i;
        } else if (!registered[i].events && place == EPOLLS_MAX && operation == EPOLL_CTL_ADD) {
            place = i;
        }
    }
    if (result == 0 && place < EPOLLS_MAX) {
        registered[place].epoll = epoll;
        registered[place].fd = fd;
        registered[place].events =
            operation == EPOLL_CTL_DEL ? 0 : event->events | EPOLLHUP | EPOLLERR;
        if (event) {
            registered[place].data = event->data;
        }
    }
    (void)pthread_mutex_unlock(&registered_lock);
    return result;
}

static void translate(int epoll, struct epoll_event *events, int count) {
    (void)pthread_mutex_lock(&registered_lock);
    for (int e = 0; e < count; e++) {
        for (unsigned i = 0; i < EPOLLS_MAX; i++) {
            if (registered[i].events && registered[i].epoll == epoll &&
                registered[i].data.u64 == events[e].data.u64) {
                // EPOLL* and POLL* have the same values (linux/eventpoll.h).
                events[e].events =
                    (uint32_t)node_events(registered[i].fd, (short)registered[i].events);
                break;
            }
        }
    }
    (void)pthread_mutex_unlock(&registered_lock);
}

static int epoll_wait_for(int epoll, struct epoll_event *events, int max,
                          const struct timespec *timeout, const sigset_t *mask) {
    REAL(epoll_pwait)
    REAL(ppoll)
    int timeout_ms = -1;
    if (timeout) {
        int64_t ms = (int64_t)timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000;
        timeout_ms = ms > INT32_MAX ? INT32_MAX : (int)ms;
    }
    bool has_cable = kind_of(epoll) == FD_EPOLL_CABLE;
    if (!link_fast() || (!timeout && !has_cable)) {
        int result = real_epoll_pwait(epoll, events, max, timeout_ms, mask);
        if (result > 0 && has_cable && link_up()) {
            translate(epoll, events, result);
        }
        return result;
    }
    int result = real_epoll_pwait(epoll, events, max, 0, mask);
    if (result == 0 && timeout_ms == 0) {
        link_observe();
        return 0;
    }
    struct link_wait wait = {.fd = -1};
    if (result == 0) {
        link_wait_begin(&wait, clock_deadline(timeout), has_cable ? VBOARD_WAIT_CABLE : 0);
        if (wait.fd < 0) {
            return real_epoll_pwait(epoll, events, max, timeout_ms, mask);
        }
    }
    for (bool over = false; result == 0 && !over;) {
        struct pollfd on[2] = {{.fd = epoll, .events = POLLIN}, {.fd = wait.fd, .events = POLLIN}};
        result = real_ppoll(on, 2, NULL, mask);
        if (result > 0) {
            over = on[1].revents && link_wait_is_over(&wait);
            result = real_epoll_pwait(epoll, events, max, 0, NULL);
        }
    }
    link_wait_end(&wait);
    if (result > 0) {
        translate(epoll, events, result);
    }
    return result;
}

EXPORT int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms) {
    return epoll_pwait(epoll, events, max, timeout_ms, NULL);
}

EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout_ms,
                       const sigset_t *mask) {
    struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                               .tv_nsec = timeout_ms % 1000 * 1000000L};
    return epoll_wait_for(epoll, events, max, timeout_ms < 0 ? NULL : &timeout, mask);
}

EXPORT int epoll_pwait2(int epoll, struct epoll_event *events, int max,
                        const struct timespec *timeout, const sigset_t *mask) {
    return epoll_wait_for(epoll, events, max, timeout, mask);
}
