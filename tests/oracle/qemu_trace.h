// SPDX-License-Identifier: MIT
//
// qemu-system-arm (netduinoplus2, an STM32F405) executing an image, instruction by instruction, as
// its own log tells it: -singlestep -d exec,cpu. The log comes through a pipe, never to the disk.

#ifndef TESTS_ORACLE_QEMU_TRACE_H
#define TESTS_ORACLE_QEMU_TRACE_H

#include <stdbool.h>
#include <stdint.h>

// The processor before one instruction.
struct record {
    uint32_t r[16]; // r[15]: where the instruction is
    uint32_t xpsr;
};

struct qemu_trace;

struct qemu_image {
    const char *file; // raw
    uint32_t addr;
};

// Starts QEMU with the images in its flash. NULL: there is no qemu-system-arm.
struct qemu_trace *qemu_trace_start(const struct qemu_image *images, unsigned count);
// The next instruction that was executed. False: QEMU has ended, or it did not go on for a minute.
bool qemu_trace_next(struct qemu_trace *trace, struct record *record);
// Ends QEMU.
void qemu_trace_stop(struct qemu_trace *trace);

#endif
