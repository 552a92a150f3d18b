// SPDX-License-Identifier: MIT
//
// Anything that a debugger may send, against the port and a whole chip behind it. Found here is what a
// sanitizer finds, an assertion, or a time that does not end; and that a debugger that went has left
// no breakpoint behind.
//
// The input is a program of small steps, so that the fuzzer gets behind the frames: packets that begin as
// some packet does and go on with the input's bytes, raw bytes, time passing, a debugger that comes and goes.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vboard/chip/chip.h"
#include "vboard/cpu/debug.h"
#include "vboard/gdb/gdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 64u

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct chip *
        chip; // kept, and the trace with it, whose complaints it counts: its caches of decoded instructions take megabytes
    struct gdb *gdb;
    int fd; // the debugger's end; -1: none
    const uint8_t *at, *end;
};

static uint8_t byte(struct bench *b) {
    return b->at < b->end ? *b->at++ : 0;
}

// A loop with loads, stores, a call and an IT block, and a SysTick handler.
static const uint16_t program[0x100] = {
    0x1000,
    0x2000,
    0x0101,
    0x0800,
    0,
    0,
    0x0141,
    0x0800,
    [0x3c / 2] = 0x0181,
    0x0800,
    [0x100 / 2] = 0x2000,
    0x4904,
    0x3001,
    0x6008,
    0x680a,
    0xe7fb,
    [0x114 / 2] = 0x0100,
    0x2000,
    [0x140 / 2] = 0xbf18,
    0x3201,
    0xe7fe,
    [0x180 / 2] = 0x3501,
    0x4770,
};

static void connect_debugger(struct bench *b) {
    int pair[2];
    if (b->fd >= 0 || gdb_is_open(b->gdb) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return;
    }
    b->fd = pair[0];
    if (!gdb_open(b->gdb, pair[1])) {
        abort();
    }
}

static void hang_up(struct bench *b) {
    if (b->fd >= 0) {
        (void)close(b->fd);
        b->fd = -1;
    }
}

static void put(struct bench *b, const void *bytes, size_t len) {
    if (b->fd >= 0) {
        (void)send(b->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void serve(struct bench *b) {
    char bytes[4096];
    gdb_serve(b->gdb);
    while (b->fd >= 0 && recv(b->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    if (!gdb_is_open(b->gdb)) {
        hang_up(b);
    }
}

static void any_packet(struct bench *b) {
    static const char *const begins[] = {
        "m2000",
        "M20000000,4:",
        "X20000000,4:",
        "g",
        "G",
        "p",
        "P1=",
        "P10=",
        "Z0,8000",
        "Z1,8000104,",
        "Z2,20000100,",
        "Z4,",
        "z",
        "vCont;s",
        "vCont;c",
        "vFlashErase:800",
        "vFlashErase:8000000,8000",
        "vFlashWrite:8000100:",
        "vFlashDone",
        "qSupported:",
        "qXfer:features:read:target.xml:",
        "qXfer:memory-map:read::",
        "qRcmd,",
        "qRcmd,7265736574",
        "qCRC:8000000,",
        "QStartNoAckMode",
        "?",
        "s",
        "c",
        "c8000",
        "D",
        "R",
        "!",
        "k",
        "vRun",
        "m4002",
        "M4002",
        "Me000e",
        "P19=",
        "",
    };
    char frame[256];
    unsigned which = byte(b) % (sizeof begins / sizeof begins[0]);
    size_t len = (size_t)snprintf(frame, sizeof frame, "$%s", begins[which]);
    unsigned more = byte(b) % 64u, sum = 0;
    for (unsigned i = 0; i < more; i++) {
        uint8_t next = byte(b);
        // As a rule a character of packets.
        frame[len++] = next < 0xc0 ? "0123456789abcdef,;:=0123456789ab"[next & 31] : (char)next;
    }
    for (size_t i = 1; i < len; i++) {
        sum += (uint8_t)frame[i];
    }
    (void)snprintf(frame + len, 4, "#%02x", sum & 0xff);
    put(b, frame, len + 3);
}

static void step(struct bench *b) {
    uint8_t raw[32];
    switch (byte(b) & 7) {
    case 0:
        for (unsigned i = 0; i < sizeof raw; i++) {
            raw[i] = byte(b);
        }
        put(b, raw, raw[0] & 31u);
        break;
    case 1:
        put(b, "\003", 1);
        break;
    case 2:
        connect_debugger(b);
        break;
    case 3:
        if (byte(b) > 0xc0) {
            hang_up(b);
        }
        break;
    case 4:
        if (!gdb_holds(b->gdb)) {
            (void)timeline_run(&b->timeline,
                               timeline_now(&b->timeline) + (1 + byte(b)) * PS_PER_US);
        }
        break;
    default:
        any_packet(b);
        break;
    }
    serve(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct bench bench;
    struct bench *b = &bench;
    if (!b->chip) {
        timeline_init(&b->timeline);
        trace_init(&b->trace, &b->timeline);
        b->chip = chip_new(&chip_models[STM32F407VG], &(struct chip_wiring){.hse_hz = 8000000},
                           &b->timeline, &b->trace);
        b->gdb = gdb_new(b->chip, &b->timeline);
        b->fd = -1;
    }
    memset(chip_flash(b->chip), 0xff, 1u << 20);
    memcpy(chip_flash(b->chip), program, sizeof program);
    chip_flash_changed(b->chip);
    cpu_code_changed(chip_cpu(b->chip), 0x08000000, 1u << 20);
    chip_power_on(b->chip);
    b->at = data;
    b->end = data + size;
    connect_debugger(b);
    for (unsigned i = 0; i < STEPS_MAX && b->at < b->end; i++) {
        step(b);
    }
    hang_up(b);
    gdb_serve(b->gdb);
    if (gdb_holds(b->gdb) || gdb_is_open(b->gdb) || cpu_debug_is_attached(chip_cpu(b->chip)) ||
        cpu_breakpoint_remove(chip_cpu(b->chip), 0x08000104)) {
        abort();
    }
    (void)timeline_run(&b->timeline, timeline_now(&b->timeline) + 10 * PS_PER_US);
    chip_power_off(b->chip);
    return 0;
}
