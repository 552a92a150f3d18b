// SPDX-License-Identifier: MIT
//
// Connections from a process of COMMAND to vboard. See preload_protocol.h for what is said.
//
// Nothing here prints or exits: where vboard cannot be reached, everything behaves as without it.

#include "vboard/host/preload_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

// Starting a program costs this much virtual time, so that a loop of programs that neither wait nor
// transfer anything comes to an end.
#define PROCESS_START_NS 1000000u
// A thread that looks at a clock that stands still this often waits for OBSERVE_NS.
#define OBSERVATIONS_MAX 1000u
#define OBSERVE_NS       1000000u
#define HIDDEN_FD_MIN    900

static struct {
    bool tried;
    bool is_up;
    pid_t pid;
    int fd;
    uint32_t slot;
    struct vboard_page *page;
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
} self = {.fd = -1};

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t send_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_key;

static bool had_threads;     // when it last forked
static pid_t threaded_child; // this process, if its parent had threads when it forked; else 0

static __thread int thread_fd = -1;
static __thread uint32_t thread_seq;
static __thread uint64_t observed_ns;
static __thread unsigned observations;

// umockdev's library sits behind ours and wraps some of these; ours are no business of it. Nor may they be: it holds a lock
// meanwhile, which in the child of a process with threads may be held for ever by one that is not there.
static int raw_close(int fd) {
    return (int)syscall(SYS_close, fd);
}

static ssize_t raw_send(int fd, const struct vboard_message *message) {
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    return sendmsg(fd, &header, MSG_NOSIGNAL);
}

static ssize_t raw_receive(int fd, struct vboard_message *message, int flags) {
    return recvfrom(fd, message, sizeof *message, flags, NULL, NULL);
}

int link_hide_fd(int fd) {
    int hidden = fcntl(fd, F_DUPFD_CLOEXEC, HIDDEN_FD_MIN);
    if (hidden < 0) {
        return fd; // a small limit on open files
    }
    (void)raw_close(fd);
    return hidden;
}

static int link_connect(void) {
    int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%.90s/socket", self.folder);
    if (syscall(SYS_connect, fd, &to, sizeof to) != 0) {
        (void)raw_close(fd);
        return -1;
    }
    return link_hide_fd(fd);
}

static bool map_page(void) {
    char path[sizeof self.folder + 8];
    (void)snprintf(path, sizeof path, "%s/page", self.folder);
    REAL(open)
    int fd = real_open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    void *page = mmap(NULL, sizeof *self.page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)raw_close(fd);
    if (page == MAP_FAILED) {
        return false;
    }
    self.page = page;
    return self.page->magic == VBOARD_PAGE_MAGIC;
}

static bool say_hello(void) {
    self.fd = link_connect();
    if (self.fd < 0) {
        return false;
    }
    struct vboard_message hello = {.kind = VBOARD_HELLO, .value = (uint64_t)getpid()};
    if (raw_send(self.fd, &hello) != sizeof hello) {
        return false;
    }
    ssize_t got;
    do {
        got = raw_receive(self.fd, &hello, 0);
    } while (got < 0 && errno == EINTR);
    if (got != sizeof hello || hello.kind != VBOARD_HELLO || hello.id >= VBOARD_PROCESSES_MAX) {
        return false;
    }
    self.slot = hello.id;
    self.pid = getpid();
    return true;
}

static void thread_ends(void *fd_plus_one) {
    (void)raw_close((int)(intptr_t)fd_plus_one - 1);
    thread_fd = -1;
}

static void start(void) {
    const char *socket_path = getenv(VBOARD_SOCKET_ENV);
    const char *slash = socket_path ? strrchr(socket_path, '/') : NULL;
    if (!slash || (size_t)(slash - socket_path) >= sizeof self.folder) {
        return;
    }
    memcpy(self.folder, socket_path, (size_t)(slash - socket_path));
    self.is_up = pthread_key_create(&thread_key, thread_ends) == 0 && map_page() && say_hello();
}

static void before_fork(void) {
    (void)pthread_mutex_lock(&send_lock);
    had_threads = !__libc_single_threaded;
}

static void after_fork_in_parent(void) {
    (void)pthread_mutex_unlock(&send_lock);
}

static void after_fork_in_child(void) {
    (void)pthread_mutex_unlock(&send_lock);
    threaded_child = had_threads ? getpid() : 0;
    if (!self.is_up) {
        return;
    }
    (void)raw_close(self.fd);
    if (thread_fd >= 0) {
        (void)raw_close(thread_fd);
        thread_fd = -1;
        (void)pthread_setspecific(thread_key, NULL);
    }
    device_after_fork();
    self.is_up = say_hello();
}

static bool begin(void) {
    if (!__atomic_load_n(&self.tried, __ATOMIC_ACQUIRE)) {
        int saved = errno;
        (void)pthread_mutex_lock(&start_lock);
        if (!self.tried) {
            start();
            __atomic_store_n(&self.tried, true, __ATOMIC_RELEASE);
        }
        (void)pthread_mutex_unlock(&start_lock);
        errno = saved;
    }
    return self.is_up;
}

__attribute__((constructor)) static void on_load(void) {
    int saved = errno;
    if (begin()) {
        (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
        if (link_fast()) {
            (void)link_sleep_until(link_now() + PROCESS_START_NS);
        }
    }
    errno = saved;
}

bool link_up(void) {
    return begin() && self.pid == getpid();
}

bool link_fast(void) {
    return begin() && self.page->fast && self.pid == getpid();
}

const struct vboard_page *link_page(void) {
    return self.page;
}

uint64_t link_now(void) {
    return atomic_load(&self.page->now_ns);
}

const char *link_folder(void) {
    return self.folder;
}

uint32_t link_slot(void) {
    return self.slot;
}

void link_call_begin(void) {
    atomic_fetch_add(&self.page->in_call[self.slot], 1);
}

void link_call_end(void) {
    atomic_fetch_sub(&self.page->in_call[self.slot], 1);
}

void link_wait_begin(struct link_wait *wait, uint64_t deadline_ns, uint32_t flags) {
    int saved = errno;
    struct vboard_message message = {
        .kind = VBOARD_WAIT, .id = ++thread_seq, .value = deadline_ns, .flags = flags};
    wait->seq = thread_seq;
    wait->fd = -1;
    // A program may have closed the descriptor under us (closefrom()): connect once more.
    for (unsigned tries = 0; tries < 2 && wait->fd < 0; tries++) {
        if (thread_fd < 0) {
            thread_fd = link_connect();
            if (thread_fd < 0) {
                break;
            }
            (void)pthread_setspecific(thread_key, (void *)(intptr_t)(thread_fd + 1));
        }
        if (raw_send(thread_fd, &message) == sizeof message) {
            wait->fd = thread_fd;
        } else {
            thread_fd = -1;
        }
    }
    errno = saved;
}

bool link_wait_is_over(struct link_wait *wait) {
    struct vboard_message message;
    int saved = errno;
    bool over = false;
    while (!over) {
        ssize_t got = raw_receive(wait->fd, &message, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        // An end of file: vboard died, and nobody will ever wake us.
        over = got <= 0 || (message.kind == VBOARD_WAKE && message.id == wait->seq);
    }
    errno = saved;
    return over;
}

void link_wait_end(const struct link_wait *wait) {
    int saved = errno;
    if (wait->fd >= 0) {
        struct vboard_message message = {.kind = VBOARD_DONE, .id = wait->seq};
        (void)raw_send(wait->fd, &message);
    }
    errno = saved;
}

int link_sleep_until(uint64_t deadline_ns) {
    struct link_wait wait;
    link_wait_begin(&wait, deadline_ns, 0);
    int result = 0;
    REAL(ppoll)
    while (wait.fd >= 0 && !link_wait_is_over(&wait)) {
        struct pollfd on = {.fd = wait.fd, .events = POLLIN};
        if (real_ppoll(&on, 1, NULL, NULL) < 0 && errno == EINTR) {
            result = EINTR;
            break;
        }
    }
    link_wait_end(&wait);
    return result;
}

void link_observe(void) {
    uint64_t now = link_now();
    if (now != observed_ns) {
        observed_ns = now;
        observations = 0;
    } else if (++observations >= OBSERVATIONS_MAX) {
        observations = 0;
        int saved = errno;
        (void)link_sleep_until(now + OBSERVE_NS);
        errno = saved;
    }
}

void link_timer(int fd, uint64_t expiry_ns, uint64_t interval_ns) {
    struct vboard_message message = {
        .kind = VBOARD_TIMER, .id = (uint32_t)fd, .value = expiry_ns, .interval = interval_ns};
    struct iovec part = {.iov_base = &message, .iov_len = sizeof message};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.space,
                            .msg_controllen = sizeof control.space};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    (void)pthread_mutex_lock(&send_lock);
    (void)sendmsg(self.fd, &header, MSG_NOSIGNAL);
    (void)pthread_mutex_unlock(&send_lock);
}

bool link_has_forked_from_threads(void) {
    return threaded_child != 0 && threaded_child == getpid();
}

void link_timer_stop(int fd) {
    struct vboard_message message = {.kind = VBOARD_TIMER_STOP, .id = (uint32_t)fd};
    (void)pthread_mutex_lock(&send_lock);
    (void)raw_send(self.fd, &message);
    (void)pthread_mutex_unlock(&send_lock);
}

bool link_owns_fd(int fd) {
    return self.is_up && self.pid == getpid() && fd >= 0 && (fd == self.fd || fd == thread_fd);
}
