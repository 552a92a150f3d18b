// SPDX-License-Identifier: MIT
//
// Whether COMMAND is asleep: every thread of every process below vboard, at one and the same instant.
//
// In fast pace virtual time may pass only then. The kernel tells the state of each thread and
// how often it gave up the processor; two walks over all threads that find everybody asleep with
// the same counts prove that at the instant between the walks nobody ran.

#ifndef VBOARD_HOST_QUIET_H
#define VBOARD_HOST_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#define QUIET_TASKS_MAX 1024u

// What one walk found.
struct quiet_walk {
    bool is_asleep;
    unsigned count;
    struct {
        int tid;
        uint64_t switches;
    } tasks[QUIET_TASKS_MAX];
};

// False where the kernel does not list children (CONFIG_PROC_CHILDREN).
bool quiet_is_possible(void);
// Walks over the processes below this one (its own threads do not count). Stops at the first that
// is not asleep.
void quiet_walk(struct quiet_walk *walk);
bool quiet_is_same(const struct quiet_walk *first, const struct quiet_walk *second);
// Sends a signal to every process below this one; returns how many there were (zombies too).
unsigned quiet_signal_all(int signal_number);

#endif
