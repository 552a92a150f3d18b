// SPDX-License-Identifier: MIT
//
// A Unix socket that a program listens at, by its path.

#ifndef VBOARD_HOST_LOCAL_SOCKET_H
#define VBOARD_HOST_LOCAL_SOCKET_H

#include <stdbool.h>

// Listens at a path; the socket is for this user only. A socket there that nobody listens at (its
// program was killed) is replaced; one in use, or anything that is no socket, is refused. Returns the
// descriptor (non-blocking), or -1 with a sentence in `why`.
int local_socket_listen(const char *path, char why[512]);
// The next connection, non-blocking; -1 for none.
int local_socket_accept(int fd);
// Connects; -1 with a sentence in `why`.
int local_socket_connect(const char *path, char why[512]);
// Stops listening and removes the path. `fd` may be -1: nothing happens.
void local_socket_close(int fd, const char *path);

#endif
