// SPDX-License-Identifier: MIT
//
// The mailbox: four words at the start of SRAM by which an application asks the bootloader for
// something across a system reset, at no cost in flash wear. This is an ABI: applications in the
// field keep using it when the bootloader is replaced, so numbers are added and never reused.
//
//   0x20000000  magic     MAILBOX_MAGIC
//   0x20000004  request   enum mailbox_request
//   0x20000008  argument  meaning depends on the request; 0 where none is named
//   0x2000000C  check     ~(magic + request + argument), so that chance contents do not pass
//
// SRAM keeps its contents through a system reset (RM0090 2.3.1, 7.1.1: only the power-on reset
// makes them undefined). The writer fills the words as the very last thing before it resets, with
// interrupts off, so whatever else lives at that address (stack, .bss, heap) does no harm: nothing
// uses it any more. The bootloader reads the words before it uses any SRAM, and clears them,
// so that a request is honoured once.

#ifndef SPEC_MAILBOX_H
#define SPEC_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#define MAILBOX_ADDRESS 0x20000000u
#define MAILBOX_MAGIC   0x52444655u // "UFDR" in memory order

enum mailbox_request {
    MAILBOX_NONE = 0,
    MAILBOX_DFU = 1,  // stay in the bootloader and speak DFU
    MAILBOX_RUN = 2,  // start the application even if the button is held (DFU leave uses it)
    MAILBOX_MODE = 3, // this boot mode for one start (argument: enum boot_mode, spec/boot.h)
};

struct mailbox {
    uint32_t magic;
    uint32_t request;
    uint32_t argument;
    uint32_t check;
};

static inline uint32_t mailbox_check(const struct mailbox *box) {
    return ~(box->magic + box->request + box->argument);
}

static inline void mailbox_fill(struct mailbox *box, enum mailbox_request request,
                                uint32_t argument) {
    box->magic = MAILBOX_MAGIC;
    box->request = (uint32_t)request;
    box->argument = argument;
    box->check = mailbox_check(box);
}

// Writes a request into the mailbox itself, the magic last. The caller has interrupts off, and resets
// once the words are in SRAM (dsb, PM0214 2.2.4).
static inline void mailbox_post(volatile struct mailbox *at, enum mailbox_request request,
                                uint32_t argument) {
    struct mailbox box;
    mailbox_fill(&box, request, argument);
    at->request = box.request;
    at->argument = box.argument;
    at->check = box.check;
    at->magic = box.magic;
}

static inline bool mailbox_is_valid(const struct mailbox *box) {
    return box->magic == MAILBOX_MAGIC && box->check == mailbox_check(box);
}

#endif
