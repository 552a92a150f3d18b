// SPDX-License-Identifier: MIT
//
// Listening TCP sockets of vboard's, on the loopback interface unless a person names another address:
// whoever reaches one can do anything to the board, and nothing more.

#ifndef VBOARD_HOST_TCP_SOCKET_H
#define VBOARD_HOST_TCP_SOCKET_H

#include <stdbool.h>

#define TCP_PLACE_FORM "[ADDRESS:]PORT, as in 3333 or 0.0.0.0:3333"

struct tcp_place {
    char address[64]; // of an interface, in digits
    unsigned port;    // 0: any that is free
};

// Reads "[ADDRESS:]PORT" ("[::1]:3333" for IPv6). False: it is none.
bool tcp_place_read(const char *text, struct tcp_place *place);
// A listening socket, non-blocking; `place` gets the port that was taken. -1 with a sentence in `why`.
int tcp_listen(struct tcp_place *place, char why[512]);
// The next connection, non-blocking and without delay of small packets; -1: there is none.
int tcp_accept(int fd);

#endif
