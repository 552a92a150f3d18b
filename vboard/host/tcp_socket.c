// SPDX-License-Identifier: MIT

#include "vboard/host/tcp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK "127.0.0.1"
#define BACKLOG  4

static bool is_numeric(const char *address) {
    uint8_t binary[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, address, binary) == 1 || inet_pton(AF_INET6, address, binary) == 1;
}

bool tcp_place_read(const char *text, struct tcp_place *place) {
    const char *colon = strrchr(text, ':');
    const char *port = colon ? colon + 1 : text;
    size_t digits = strspn(port, "0123456789");
    if (digits == 0 || digits > 5 || port[digits] != '\0' || atoi(port) > 65535) {
        return false;
    }
    place->port = (unsigned)atoi(port);
    if (!colon) {
        strcpy(place->address, LOOPBACK);
        return true;
    }
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof place->address) {
        return false;
    }
    memcpy(place->address, text, len);
    place->address[len] = '\0';
    return is_numeric(place->address);
}

static unsigned port_of(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } own;
    socklen_t len = sizeof own;
    memset(&own, 0, sizeof own);
    (void)getsockname(fd, &own.any, &len);
    return ntohs(own.any.sa_family == AF_INET6 ? own.v6.sin6_port : own.v4.sin_port);
}

int tcp_listen(struct tcp_place *place, char why[512]) {
    char port[8];
    struct addrinfo *found = NULL;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    (void)snprintf(port, sizeof port, "%u", place->port % 65536u);
    int fault = getaddrinfo(place->address, port, &wanted, &found);
    if (fault != 0) {
        (void)snprintf(why, 512, "%s: no address to listen at: %s", place->address,
                       gai_strerror(fault));
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1;
    bool is_listening =
        fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int reason = errno;
    freeaddrinfo(found);
    if (!is_listening) {
        (void)snprintf(why, 512, "cannot listen at %s:%s: %s", place->address, port,
                       strerror(reason));
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    place->port = port_of(fd);
    return fd;
}

int tcp_accept(int fd) {
    int yes = 1;
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection >= 0) {
        (void)setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    return connection;
}
