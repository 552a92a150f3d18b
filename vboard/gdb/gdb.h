// SPDX-License-Identifier: MIT
//
// A board in front of a debugger: GDB's remote serial protocol (GDB manual, appendix E) on a socket.
//
// One thread, the caller's, which owns the simulation: it calls gdb_serve() between two
// timeline_run(), and does not call timeline_run() while gdb_holds(). So while the processor is stopped
// time stands still for everything on the bench: a host that waits for the device sees it answer
// nothing, and nothing is lost. One debugger at a time; it may go (the board runs on) and come again.

#ifndef VBOARD_GDB_GDB_H
#define VBOARD_GDB_GDB_H

#include <poll.h>
#include <stdbool.h>

#include "vboard/chip/chip.h"
#include "vboard/host/tcp_socket.h"
#include "vboard/timeline.h"

struct gdb;

// The chip and the timeline stay the caller's. NULL: out of memory.
struct gdb *gdb_new(struct chip *chip, struct timeline *timeline);
// Closes what is open. Before chip_free().
void gdb_free(struct gdb *gdb);

// Waits for a debugger there; `place` gets the port. `holds`: the board stands still until one was
// there. False with a sentence in `why`.
bool gdb_listen(struct gdb *gdb, struct tcp_place *place, bool holds, char why[512]);
// A debugger is connected by this socket, which is closed in the end; the board stops. False, and the
// socket is the caller's still, if there is one already.
bool gdb_open(struct gdb *gdb, int fd);
bool gdb_is_open(const struct gdb *gdb);

// What to poll for.
#define GDB_FDS_MAX 2u
unsigned gdb_poll(const struct gdb *gdb, struct pollfd on[GDB_FDS_MAX]);
// Takes connections and packets, and answers. Between two timeline_run(). A line that is no packet is
// asked for again or dropped; only its end ends a connection, or an answer that nobody takes.
void gdb_serve(struct gdb *gdb);
// Time must not pass.
bool gdb_holds(const struct gdb *gdb);

#endif
