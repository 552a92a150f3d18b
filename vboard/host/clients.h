// SPDX-License-Identifier: MIT
//
// vboard's end of the preloaded library's line (preload_protocol.h): who waits until when, timers,
// and the shared page.
//
// One thread calls all of this: the simulation's.

#ifndef VBOARD_HOST_CLIENTS_H
#define VBOARD_HOST_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/host/preload_protocol.h"

struct clients;

struct clients_events {
    void *ctx;
    // The process image in this slot is no more (exit or exec): what it had open is closed.
    void (*process_gone)(void *ctx, uint32_t slot);
};

// Makes `socket` and `page` in `folder` (which exists). NULL with errno set on failure.
struct clients *clients_new(const char *folder, bool is_fast, uint64_t now_ns,
                            const struct clients_events *events);
void clients_free(struct clients *clients);
struct vboard_page *clients_page(struct clients *clients);
// Where the process in a slot stands among its fellows: the numbers of its forefathers below vboard, then
// its own, then zeros. A shell's children stand in the order in which it started them, whichever of them
// gets to its first transfer first.
#define CLIENTS_LINE_LEN 6u
const uint32_t *clients_line(const struct clients *clients, uint32_t slot);
// Readable when there is something for clients_read().
int clients_fd(const struct clients *clients);
// Takes all messages there are. True if there were any.
bool clients_read(struct clients *clients);

// A deadline was told and its thread has not been heard of since: it is about to run.
bool clients_is_waking(const struct clients *clients);
// The earliest deadline of a wait or timer; VBOARD_NEVER if there is none.
uint64_t clients_deadline(const struct clients *clients);
// Some thread waits for the cable, without end or with.
bool clients_wait_for_cable(const struct clients *clients);
// Sets the clock and wakes those whose time has come.
void clients_set_now(struct clients *clients, uint64_t now_ns);

#endif
