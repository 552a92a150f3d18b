// SPDX-License-Identifier: MIT
//
// Where a hot-plug monitor inside COMMAND gets its messages.
//
// umockdev's library (0.17) gives a monitor the Unix socket <test bed>/event<descriptor> in the place of its
// netlink socket, and removes what has that name first. The descriptor is mostly the same number in each
// process, so a second program takes the messages of the first, and two that start together meet with
// EADDRINUSE, which libusb_init() answers with LIBUSB_ERROR_OTHER. Here the name has the process in it, too.

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "vboard/host/preload_link.h"

// The library's socket() has made a Unix socket of what the program takes for a netlink one.
static bool is_monitor(int fd, const struct sockaddr *addr) {
    int domain = 0;
    socklen_t len = sizeof domain;
    return addr && addr->sa_family == AF_NETLINK &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t addrlen) {
    REAL(bind)
    const char *root = getenv("UMOCKDEV_DIR");
    if (!root || !is_monitor(fd, addr)) {
        return real_bind(fd, addr, addrlen);
    }
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    int len = snprintf(own.sun_path, sizeof own.sun_path, "%s/event%d-%d", root, (int)getpid(), fd);
    if (len < 0 || (size_t)len >= sizeof own.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    (void)unlink(own.sun_path); // of an earlier monitor with this descriptor
    // Not by real_bind(): the library knows the descriptor and would put its own name in.
    return (int)syscall(SYS_bind, fd, &own, sizeof own);
}
