// SPDX-License-Identifier: MIT
//
// What it costs to fetch from a slow memory (the flash: wait states, prefetch, ART caches; RM0090 3.5).
// All of it is settled when an instruction is first decoded and stands in its cycle count, so running
// costs nothing more.
//
// The model, W being the wait states and a line 128 bits (RM0090 3.5.2):
//
//   without the instruction cache
//     going on into the next line                     W; with prefetch W - 4, not below 0: the
//                                                     manual gives a line at least 4 cycles
//     a branch taken to another line, or one whose
//     target is not in the instruction                W
//   with it
//     a line executed for the first time              W, once
//     a line executed before                          0
//   a literal (PC-relative load) without data cache   W, with it 0
//
// So both caches are taken as large as the flash (they have 64 lines and 8), a loop that does not fit
// is too fast here, and so is any other load from flash. Fetching from SRAM costs nothing, though the
// system bus there makes instructions and data wait for each other. Exceptions add no wait states.
// Nothing of this was compared with silicon.

#include "vboard/cpu/cpu_state.h"

#define LINE_BYTES  16u
// Cycles that the previous line runs at least, under which a prefetch hides.
#define LINE_CYCLES 4u

static uint32_t line(uint32_t addr) {
    return addr / LINE_BYTES;
}

static unsigned added(unsigned cycles, unsigned more) {
    return cycles + more < 255 ? cycles + more : 255; // wait states are 15 at most
}

static bool is_literal_load(unsigned code) {
    return code == OP_LDR_L || code == OP_VLDR_L || code == OP_LDRB_L || code == OP_LDRH_L ||
           code == OP_LDRSB_L || code == OP_LDRSH_L;
}

// A line of which nothing was decoded yet.
static bool is_new_line(const struct op *op, uint32_t addr) {
    const struct op *first = op - addr % LINE_BYTES / 2;
    for (unsigned i = 0; i < LINE_BYTES / 2; i++) {
        if (&first[i] != op && first[i].code != OP_DECODE && first[i].code != OP_EDGE) {
            return false;
        }
    }
    return true;
}

static unsigned branch_wait(const struct cpu_fetch *fetch, uint32_t from, uint32_t to) {
    return fetch->instruction_cache || line(from) == line(to) ? 0 : fetch->wait_states;
}

// Going on into the line that the instruction begins or ends in.
static unsigned sequential_wait(const struct cpu_fetch *fetch, uint32_t addr, uint32_t last) {
    unsigned hidden = fetch->prefetch ? LINE_CYCLES : 0;
    if (fetch->instruction_cache || (addr % LINE_BYTES != 0 && line(addr) == line(last))) {
        return 0;
    }
    return fetch->wait_states > hidden ? fetch->wait_states - hidden : 0;
}

void fetch_charge(struct cpu *cpu, unsigned region, struct op *op) {
    const struct cpu_fetch *fetch = &cpu->code[region].fetch;
    uint32_t addr = cpu->code_base + (uint32_t)(op - cpu->code_ops) * 2;
    unsigned wait = fetch->wait_states;
    unsigned more = sequential_wait(fetch, addr, addr + op->halfwords * 2u - 1);

    switch (op->real) {
    case OP_BEQ ... OP_BLE:
    case OP_CBZ:
    case OP_CBNZ:
        op->ra = (uint8_t)added(op->cycles, more); // where it is not taken
        more += CPU_REFILL + branch_wait(fetch, addr, op->imm);
        break;
    case OP_B:
    case OP_BL:
        more += branch_wait(fetch, addr, op->imm);
        break;
    case OP_BX:
    case OP_BLX:
    case OP_MOV_PC:
    case OP_ADD_PC:
    case OP_TBB:
    case OP_TBH:
    case OP_LDR_PC:
        more += fetch->instruction_cache ? 0 : wait;
        break;
    default:
        more += is_literal_load(op->real) && !fetch->data_cache ? wait : 0;
        break;
    }
    op->cycles = (uint8_t)added(op->cycles, more);
    if (wait > 0 && fetch->instruction_cache && is_new_line(op, addr)) {
        cpu->s.cycles += wait;
    }
}
