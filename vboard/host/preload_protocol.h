// SPDX-License-Identifier: MIT
//
// What vboard and the library it preloads into COMMAND say to each other.
//
// Three channels, all in one folder (the one that holds $VBOARD_SOCKET):
//
// `socket`   Unix SOCK_SEQPACKET. One connection a process (HELLO first; it lives as long as the
//            process image, so its end means: exited or exec'ed), and one a thread that ever waits.
// `page`     a shared page: the clock, and counters that say who is in the middle of a call.
// `ready-N`  a FIFO for each open device node N: readable exactly while a URB can be reaped or the
//            device is gone. Polls for the node wait for the FIFO instead.
//
// Waiting, on a thread's connection: WAIT says until when and for what; vboard answers WAKE when
// virtual time has come there; the thread says DONE when it has stopped waiting for whatever
// reason. Between WAKE and DONE vboard lets no time pass, so a thread wakes at the very instant
// it asked for. A WAKE that crosses a DONE is known by its old `seq` and dropped.

#ifndef VBOARD_HOST_PRELOAD_PROTOCOL_H
#define VBOARD_HOST_PRELOAD_PROTOCOL_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define VBOARD_SOCKET_ENV "VBOARD_SOCKET"
#define VBOARD_PAGE_MAGIC 0x76626431u // "vbd1"

// Processes of COMMAND alive at once, and device nodes open at once.
#define VBOARD_PROCESSES_MAX 512u
#define VBOARD_FILES_MAX     512u

#define VBOARD_NEVER UINT64_MAX

enum vboard_ready { VBOARD_URB_READY = 1, VBOARD_DEVICE_GONE = 2 };

struct vboard_page {
    uint32_t magic;
    uint32_t fast; // 1: virtual clocks and waits; 0: only the readiness of device nodes
    // The clocks' readings at power-on; virtual time counts from them.
    uint64_t realtime_ns;
    uint64_t monotonic_ns;
    _Atomic uint64_t now_ns; // virtual, since power-on
    // Calls on device nodes that have not returned, by process slot. vboard compares them with the
    // calls it is holding back, and so knows when an answer is still on its way.
    _Atomic uint32_t in_call[VBOARD_PROCESSES_MAX];
    _Atomic uint32_t ready[VBOARD_FILES_MAX]; // enum vboard_ready
};

enum vboard_message_kind {
    VBOARD_HELLO = 1,  // process: value = pid. Answer: HELLO with id = slot
    VBOARD_WAIT,       // thread: id = seq, value = deadline (virtual ns), flags
    VBOARD_WAKE,       // answer: id = seq
    VBOARD_DONE,       // thread: id = seq
    VBOARD_TIMER,      // process: id, value = expiry (virtual ns), interval; the timerfd goes along
    VBOARD_TIMER_STOP, // process: id
};

enum vboard_wait_flags {
    VBOARD_WAIT_CABLE = 1, // device nodes or a hot-plug socket are among what is waited for
};

struct vboard_message {
    uint32_t kind;
    uint32_t id;
    uint64_t value;
    uint64_t interval;
    uint32_t flags;
    uint32_t reserved;
};

// Private calls on a device node. IDENTIFY comes right after open(): the library says its process
// slot, vboard answers with the number of the open file. CLOSE comes right before close(), so that
// interfaces are free again when close() returns, as with a kernel.
struct vboard_identify {
    uint32_t slot;
    uint32_t file;
};
#define VBOARD_IOCTL_IDENTIFY _IOWR('U', 0xf0, struct vboard_identify)
#define VBOARD_IOCTL_CLOSE    _IO('U', 0xf1)

#endif
