// SPDX-License-Identifier: MIT
//
// The note of a fault. A fault is our own bug: start over in DFU mode, never in the application, since
// a host that wants to load something must still find us. A fault that comes again is counted, and
// core/boot.h has the last word on that.

#include "port/stm32f4/fault.h"

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "port/stm32f4/registers/core.h"
#include "port/stm32f4/reset.h"
#include "spec/boot.h"

// The frame that the exception pushed (PM0214 2.3.7): r0-r3, r12, lr, pc, xPSR.
#define FRAME_LR 5
#define FRAME_PC 6

#define SRAM_END ((uint32_t)CHIP_SRAM_BASE + CHIP_SRAM_BYTES)

// A stack that has left SRAM has no frame, and what reads it would fault again, which is lock-up
// (PM0214 2.4.4).
static bool is_frame(uint32_t addr) {
    return addr >= CHIP_SRAM_BASE && addr <= SRAM_END - (FRAME_PC + 2u) * 4u;
}

static __attribute__((used)) _Noreturn void note_fault(const uint32_t *frame) {
    struct fault_record *fault = (struct fault_record *)FAULT_ADDRESS;
    fault->count = fault->magic == FAULT_MAGIC ? fault->count + 1u : 1u;
    fault->magic = FAULT_MAGIC;
    bool has_frame = is_frame((uint32_t)frame);
    fault->lr = has_frame ? frame[FRAME_LR] : 0;
    fault->pc = has_frame ? frame[FRAME_PC] : 0;
    fault->cfsr = SCB_CFSR;
    fault->hfsr = SCB_HFSR;
    fault->mmfar = SCB_MMFAR;
    fault->bfar = SCB_BFAR;
    reset_into(MAILBOX_DFU, 0);
}

// The handler's own stack: the old one may be what went wrong. In what redfu-boot.ld keeps free below DFU mode's
// stack, away from the frame, which lies at the end of SRAM when little was pushed.
#define FRESH_STACK (SRAM_END - 6144u)

// Thread mode uses the main stack throughout, so the frame is at MSP.
__attribute__((naked)) void fault_handler(void) {
    __asm volatile("mrs r0, msp\n"
                   "movw r1, %0\n"
                   "movt r1, %1\n"
                   "mov sp, r1\n"
                   "b note_fault\n"
                   :
                   : "i"(FRESH_STACK & 0xffffu), "i"(FRESH_STACK >> 16));
}
