// SPDX-License-Identifier: MIT
//
// Marks: addresses at which somebody is told before the instruction there is executed. A mark takes
// the place of the decoded instruction's code and passes on to it, so what is not marked runs as
// fast as ever, and what is marked takes the cycles it always took.

#include <stdlib.h>

#include "vboard/cpu/cpu_state.h"

struct cpu_mark *mark_find(struct cpu *cpu, uint32_t addr) {
    for (unsigned i = 0; i < cpu->mark_count; i++) {
        if (cpu->marks[i].addr == addr) {
            return &cpu->marks[i];
        }
    }
    return NULL;
}

// The cache entry of an address, NULL where no code can be.
static struct op *op_at(struct cpu *cpu, uint32_t addr) {
    int index = region_at(cpu, addr);
    if (index < 0 || !cpu->code[index].ops) {
        return NULL;
    }
    return cpu->code[index].ops + (addr - cpu->regions[index].base) / 2;
}

void mark_decoded(struct cpu *cpu, uint32_t addr, struct op *op) {
    struct cpu_mark *mark = mark_find(cpu, addr);
    if (mark) {
        mark->code = op->code;
        op->code = OP_MARK;
    }
}

void cpu_mark(struct cpu *cpu, uint32_t addr) {
    struct cpu_mark *mark = mark_find(cpu, addr);
    if (mark) {
        mark->users++;
        return;
    }
    struct cpu_mark *marks = realloc(cpu->marks, (cpu->mark_count + 1) * sizeof *marks);
    if (!marks) {
        abort(); // a few dozen bytes
    }
    cpu->marks = marks;
    marks[cpu->mark_count++] = (struct cpu_mark){.addr = addr, .users = 1};
    struct op *op = op_at(cpu, addr);
    if (op && op->code != OP_DECODE) {
        mark_decoded(cpu, addr, op);
    }
}

void cpu_unmark(struct cpu *cpu, uint32_t addr) {
    struct cpu_mark *mark = mark_find(cpu, addr);
    if (!mark || --mark->users > 0) {
        return;
    }
    struct op *op = op_at(cpu, addr);
    if (op && op->code == OP_MARK) {
        op->code = mark->code;
    }
    *mark = cpu->marks[--cpu->mark_count];
}

void marks_take_out(const struct cpu *cpu, uint32_t addr, struct op *ops, uint32_t count) {
    for (unsigned i = 0; i < cpu->mark_count; i++) {
        uint32_t off = cpu->marks[i].addr - addr;
        if (off / 2 < count && ops[off / 2].code == OP_MARK) {
            ops[off / 2].code = cpu->marks[i].code;
        }
    }
}

void marks_put_back(struct cpu *cpu) {
    for (unsigned i = 0; i < cpu->mark_count; i++) {
        struct op *op = op_at(cpu, cpu->marks[i].addr);
        if (op && op->code != OP_DECODE && op->code != OP_MARK) {
            cpu->marks[i].code = op->code;
            op->code = OP_MARK;
        }
    }
}

enum op_code mark_reached(struct cpu *cpu, struct op *op) {
    const struct cpu_mark *mark = mark_find(cpu, cpu->s.pc);
    enum op_code code = mark ? mark->code : OP_DECODE;
    if (mark && debug_stops_at(cpu, mark)) {
        return code;
    }
    if (mark && cpu->bus.marked) {
        // May mark and unmark, this very address too.
        cpu->bus.marked(cpu->bus.ctx, cpu->s.pc);
    }
    // The mark stays where it was met, unless it was taken out meanwhile; then `op` is as decoded.
    return op->code == OP_MARK ? code : op->code;
}
