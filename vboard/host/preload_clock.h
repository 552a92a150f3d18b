// SPDX-License-Identifier: MIT
//
// What preload_device.c needs of the virtual clock.

#ifndef VBOARD_HOST_PRELOAD_CLOCK_H
#define VBOARD_HOST_PRELOAD_CLOCK_H

#include <stdint.h>
#include <time.h>

// The virtual instant at which a relative timeout ends; NULL: never.
uint64_t clock_deadline(const struct timespec *timeout);
// A descriptor was closed: its timer, if it was one, is no more.
void clock_fd_closed(int fd);

#endif
