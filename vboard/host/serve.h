// SPDX-License-Identifier: MIT
//
// `vboard serve`: a board that runs by itself at the wall clock's pace until it is stopped, with its
// USB cable in another machine (usbredir.h) and a socket for commands (control.h).
//
// One thread, the caller's. Between slices of at most a millisecond it serves both sockets; a
// packet that arrives while the board waits for the wall clock is taken at once.

#ifndef VBOARD_HOST_SERVE_H
#define VBOARD_HOST_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/gdb/gdb.h"
#include "vboard/host/control.h"
#include "vboard/host/tcp_socket.h"
#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/cable.h"

struct serve_config {
    struct timeline *timeline;
    struct trace *trace;
    struct gdb *gdb;               // NULL: no debugger may come
    struct cable *cable;           // the device is connected; not plugged in yet
    const char *usbredir_path;     // NULL: the cable's other end is nowhere
    const struct tcp_place *usbip; // NULL: no USB/IP; not beside usbredir
    const char *control_path;      // NULL: no commands
    unsigned pace_times;           // so many times the wall clock's pace
    bool has_limit;
    uint64_t limit_ps;
    // Somebody who watches, called between slices; NULL: nobody.
    void (*look)(void *ctx);
    void *look_ctx;
    control_do act; // a command; serve_stop() may be called from it
    void *ctx;
};

struct serve;

// Takes the sockets and the signals, and starts nothing. NULL with a sentence in `why`; nothing is
// left behind then. `config` stays the caller's and valid.
struct serve *serve_new(const struct serve_config *config, char why[512]);
// Plugs the cable in and runs until Ctrl-C, another signal, the limit or serve_stop(). The board has
// power. Returns vboard's exit status: 0; 125 when a client sent what is not its protocol (it
// is said when it happens, the client is disconnected, the board runs on); 128+n after signal n.
int serve_run(struct serve *serve);
void serve_stop(struct serve *serve);
// The timeline was set to another time (vboard/snapshot.h): the wall clock's pace goes on from there.
void serve_time_was_set(struct serve *serve);
// True while a client has the device, or with usbredir is connected.
bool serve_has_guest(const struct serve *serve);
// Closes the sockets. Before cable_free(); the timeline does not run after it.
void serve_free(struct serve *serve);

#endif
