// SPDX-License-Identifier: MIT
//
// The preloaded library's line to vboard: the shared page, the process' connection and a
// connection a waiting thread. What calls are turned into waits is left to preload_clock.c and
// preload_device.c.

#ifndef VBOARD_HOST_PRELOAD_LINK_H
#define VBOARD_HOST_PRELOAD_LINK_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vboard/host/preload_protocol.h"

#define EXPORT __attribute__((visibility("default")))

// The next definition of a function: libc's, or umockdev's library before it.
#define REAL(name)                                                                                 \
    static __typeof__(&name) real_##name;                                                          \
    if (!real_##name) {                                                                            \
        *(void **)(&real_##name) = dlsym(RTLD_NEXT, #name);                                        \
    }

// True when there is a vboard to talk to and this is the process that said hello (not a vfork'ed
// child in somebody else's memory).
bool link_up(void);
// link_up(), and clocks and waits are virtual.
bool link_fast(void);
const struct vboard_page *link_page(void);
uint64_t link_now(void);
const char *link_folder(void);
uint32_t link_slot(void);

// Around every call on a device node.
void link_call_begin(void);
void link_call_end(void);

struct link_wait {
    int fd; // readable when vboard has something to say; -1: vboard is gone, wait for real
    uint32_t seq;
};
// Tells vboard that this thread waits until `deadline_ns` (VBOARD_NEVER: without end).
void link_wait_begin(struct link_wait *wait, uint64_t deadline_ns, uint32_t flags);
// Whether vboard says that the deadline has come. Does not block.
bool link_wait_is_over(struct link_wait *wait);
void link_wait_end(const struct link_wait *wait);
// Sleeps in virtual time. 0, or EINTR.
int link_sleep_until(uint64_t deadline_ns);
// Something looked at the clock, or polled, without waiting. A thread that does nothing else for
// long is made to wait a little, or a busy loop on a clock that stands still would never end.
void link_observe(void);

// Keeps a virtual timer in vboard, which makes `fd` (a timerfd) expire.
void link_timer(int fd, uint64_t expiry_ns, uint64_t interval_ns);
void link_timer_stop(int fd);

// Moves a descriptor of ours out of the way of shells, which like low numbers.
int link_hide_fd(int fd);
// True for the library's own sockets, which a program's close() is not to close.
bool link_owns_fd(int fd);

// In the child of a process that had threads, until it executes another program: only what is safe in a signal handler may
// be called there (fork(2)), which the wrappers of umockdev's library are not.
bool link_has_forked_from_threads(void);

// preload_device.c: forgets what the parent had open for itself.
void device_after_fork(void);

#endif
