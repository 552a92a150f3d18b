// SPDX-License-Identifier: MIT

#include "vboard/host/local_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4

static bool set_address(struct sockaddr_un *address, const char *path, char why[512]) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (*path == '\0' || strlen(path) >= sizeof address->sun_path) {
        (void)snprintf(why, 512, "%.300s: a socket's path has 1 to %zu characters", path,
                       sizeof address->sun_path - 1);
        return false;
    }
    strcpy(address->sun_path, path);
    return true;
}

// True when the path is free, or was a dead socket and is free now.
static bool make_way(const struct sockaddr_un *address, char why[512]) {
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return true; // bind() says what else is wrong with it
    }
    if (!S_ISSOCK(status.st_mode)) {
        (void)snprintf(why, 512, "%s: this exists and is no socket", address->sun_path);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_dead = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!is_dead) {
        (void)snprintf(why, 512, "%s: another program listens at this socket", address->sun_path);
        return false;
    }
    (void)unlink(address->sun_path);
    return true;
}

// A socket is in the folder from bind() on, and refuses until listen(): it is bound under another name and gets
// its own when it listens, so that whoever waits for the file may connect. A path as long as may be has no
// room for another name.
static int bind_and_listen(const struct sockaddr_un *address, int fd) {
    struct sockaddr_un bound = *address;
    size_t len = strlen(bound.sun_path);
    if (len + 1 < sizeof bound.sun_path) {
        bound.sun_path[len] = '~';
        (void)unlink(bound.sun_path);
    }
    if (bind(fd, (const struct sockaddr *)&bound, sizeof bound) != 0) {
        return errno;
    }
    bool is_there = listen(fd, BACKLOG) == 0 && (strcmp(bound.sun_path, address->sun_path) == 0 ||
                                                 rename(bound.sun_path, address->sun_path) == 0);
    int fault = errno;
    if (!is_there) {
        (void)unlink(bound.sun_path);
    }
    return is_there ? 0 : fault;
}

int local_socket_listen(const char *path, char why[512]) {
    struct sockaddr_un address;
    if (!set_address(&address, path, why) || !make_way(&address, why)) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(077);
    int fault = fd < 0 ? errno : bind_and_listen(&address, fd);
    (void)umask(mask);
    if (fault == 0) {
        return fd;
    }
    (void)snprintf(why, 512, "%s: cannot listen there: %s", path, strerror(fault));
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

int local_socket_accept(int fd) {
    return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int local_socket_connect(const char *path, char why[512]) {
    struct sockaddr_un address;
    if (!set_address(&address, path, why)) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        return fd;
    }
    (void)snprintf(why, 512, "%s: no board is served there: %s", path, strerror(errno));
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

void local_socket_close(int fd, const char *path) {
    if (fd >= 0) {
        (void)unlink(path);
        (void)close(fd);
    }
}
