// SPDX-License-Identifier: MIT
//
// Whole programs, instruction by instruction, on vboard's processor and on qemu-system-arm's: PC, all
// registers and xPSR before each. What is not the processor's is taken from QEMU:
//
//   - A load from a peripheral (which QEMU has in part only, and vboard's are not here at all) gives
//     what QEMU's register holds afterwards.
//   - A BusFault where QEMU has nothing at an address.
//   - An interrupt, SysTick's among them, comes where it came in QEMU: time is not compared. What it
//     does from there on is.
//   - Registers of the processor that QEMU has otherwise: other_registers[], one by one.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/qemu_trace.h"
#include "vboard/cpu/cpu_state.h"

#define FLASH_BASE  0x08000000u
#define FLASH_BYTES 0x100000u // netduinoplus2: 1 MB
#define SRAM_BASE   0x20000000u
#define SRAM_BYTES  0x20000u // 128 KB
#define SKIPPED     77       // CTest's SKIP_RETURN_CODE

// Loads from these are given QEMU's value.
static const struct {
    uint32_t addr;
    const char *reason;
} other_registers[] = {
    {0xe000e010, "SYST_CSR: COUNTFLAG goes by QEMU's time"},
    {0xe000e018, "SYST_CVR goes by QEMU's time"},
};
enum { OTHERS = sizeof other_registers / sizeof other_registers[0] };

struct lockstep {
    struct cpu *cpu;
    uint8_t flash[FLASH_BYTES], sram[SRAM_BYTES];
    struct record now, next; // QEMU's, before and behind the instruction under way
    struct op op;            // under way
    unsigned words_read;     // by it
    uint64_t instructions, peripheral_reads, interrupts, faults, others[OTHERS];
};

static unsigned exception_of(uint32_t xpsr) {
    return xpsr & 0x1ff;
}

// The register that the `words`th load of the instruction under way goes to; 16: not known.
static unsigned loaded_register(const struct op *op, unsigned words) {
    unsigned code = op->real;
    if (code >= OP_LDR_I && code <= OP_LDRSH_L) {
        return op->rd;
    }
    switch (code) {
    case OP_LDRT:
    case OP_LDREX:
        return op->rd;
    case OP_LDRD:
        return words == 0 ? op->rd : op->ra;
    case OP_LDM: {
        uint32_t list = op->imm & 0x7fff;
        while (words-- > 0) {
            list &= list - 1;
        }
        return list ? (unsigned)__builtin_ctz(list) : 16;
    }
    default:
        return 16;
    }
}

// Whether the instruction ended in a fault in QEMU.
static bool has_faulted(const struct lockstep *l) {
    unsigned exception = exception_of(l->next.xpsr);
    return exception != exception_of(l->now.xpsr) &&
           (exception == EXC_HARD_FAULT || exception == EXC_BUS_FAULT);
}

static bool bus_read(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    struct lockstep *l = ctx;
    (void)addr;
    if (has_faulted(l)) {
        l->faults++;
        return false;
    }
    unsigned n = loaded_register(&l->op, l->words_read++);
    if (n >= 16) {
        printf("  a load from 0x%08x that this test cannot replay, at 0x%08x\n", addr,
               l->now.r[15]);
        return false;
    }
    *value = size == 4 ? l->next.r[n] : l->next.r[n] & ((1u << size * 8) - 1);
    l->peripheral_reads++;
    return true;
}

// Flash takes no writes in QEMU (no controller is there), peripherals any.
static bool bus_write(void *ctx, uint32_t addr, unsigned size, uint32_t value) {
    struct lockstep *l = ctx;
    (void)addr, (void)size, (void)value;
    l->faults += has_faulted(l);
    return !has_faulted(l);
}

static void make(struct lockstep *l) {
    memset(l, 0, sizeof *l);
    // As QEMU's: Cortex-M4 r0p0, 8 priority bits (the STM32F4 has r0p1 and 4).
    l->cpu = cpu_new(96, 8, 0x410fc240, true);
    cpu_set_bus(l->cpu, &(struct cpu_bus){.ctx = l, .read = bus_read, .write = bus_write});
    cpu_add_region(l->cpu, &(struct cpu_region){0, FLASH_BYTES, l->flash, true, false, false});
    cpu_add_region(l->cpu,
                   &(struct cpu_region){FLASH_BASE, FLASH_BYTES, l->flash, true, false, false});
    cpu_add_region(l->cpu, &(struct cpu_region){SRAM_BASE, SRAM_BYTES, l->sram, true, true, false});
}

static bool load_image(struct lockstep *l, const struct qemu_image *image) {
    FILE *file = fopen(image->file, "rb");
    size_t length = 0;
    if (file) {
        length = fread(l->flash + (image->addr - FLASH_BASE), 1,
                       FLASH_BYTES - (image->addr - FLASH_BASE), file);
        fclose(file);
    }
    return length > 0;
}

// The address a plain load is about to read; 0: no such load.
static uint32_t load_address(const struct lockstep *l) {
    const struct op *op = &l->op;
    const uint32_t *r = l->now.r;
    if (op->real < OP_LDR_I || op->real > OP_LDR_L) {
        return 0;
    }
    switch (op->real - OP_LDR_I) {
    case 0:
    case 2:
        return r[op->rn] + op->imm;
    case 1:
        return r[op->rn] + (r[op->rm] << op->imm);
    case 3:
        return r[op->rn];
    default:
        return op->imm;
    }
}

static void decode_now(struct lockstep *l) {
    uint32_t hw1 = 0, hw2 = 0;
    (void)cpu_peek(l->cpu, l->now.r[15], 2, &hw1);
    (void)cpu_peek(l->cpu, l->now.r[15] + 2, 2, &hw2);
    decode(&l->op, l->now.r[15], (uint16_t)hw1, (uint16_t)hw2, 0);
    l->words_read = 0;
}

static bool is_equal(const struct lockstep *l, const struct record *theirs) {
    const struct cpu_state *s = &l->cpu->s;
    return s->pc == theirs->r[15] && xpsr_get(s) == theirs->xpsr &&
           memcmp(s->r, theirs->r, 15 * sizeof s->r[0]) == 0;
}

static void print_difference(const struct lockstep *l, const struct record *theirs) {
    const struct cpu_state *s = &l->cpu->s;
    printf("  they part behind 0x%08x, instruction %llu:\n", l->now.r[15],
           (unsigned long long)l->instructions);
    for (unsigned i = 0; i < 16; i++) {
        uint32_t ours = i == 15 ? s->pc : s->r[i];
        printf("    r%-2u vboard 0x%08x qemu 0x%08x%s\n", i, ours, theirs->r[i],
               ours == theirs->r[i] ? "" : "  <--");
    }
    printf("    xpsr vboard 0x%08x qemu 0x%08x%s\n", xpsr_get(s), theirs->xpsr,
           xpsr_get(s) == theirs->xpsr ? "" : "  <--");
}

// Executes one instruction, and takes the exception that comes of it or came in QEMU.
static void step(struct lockstep *l) {
    struct cpu *cpu = l->cpu;
    struct cpu_state *s = &cpu->s;
    uint32_t address = load_address(l);
    s->sleeping = AWAKE;                // WFI: QEMU was woken
    s->systick.next_cycle = UINT64_MAX; // SysTick is QEMU's
    (void)cpu_step(cpu);
    for (unsigned i = 0; i < OTHERS; i++) {
        if (address == other_registers[i].addr) {
            s->r[l->op.rd] = l->next.r[l->op.rd];
            l->others[i]++;
        }
    }
    if (exception_take(cpu)) {
        return;
    }
    unsigned exception = exception_of(l->next.xpsr);
    if (exception >= EXC_SYSTICK && exception != exception_of(xpsr_get(s))) {
        exception_pend(cpu, exception);
        (void)exception_take(cpu);
        l->interrupts++;
    }
}

// True: they went together for `limit` instructions, or until the program stays in one place.
static bool compare(struct lockstep *l, struct qemu_trace *trace, uint64_t limit, bool to_the_end) {
    if (!qemu_trace_next(trace, &l->now)) {
        printf("  QEMU logged nothing: does it know netduinoplus2?\n");
        return false;
    }
    cpu_reset(l->cpu);
    xpsr_restore(&l->cpu->s, l->now.xpsr); // the flags are UNKNOWN at reset (ARM DDI 0403 B1.5.5)
    if (!is_equal(l, &l->now)) {
        print_difference(l, &l->now);
        return false;
    }
    while (l->instructions < limit) {
        if (!qemu_trace_next(trace, &l->next)) {
            printf("  QEMU stopped after %llu instructions\n", (unsigned long long)l->instructions);
            return false;
        }
        decode_now(l);
        step(l);
        l->instructions++;
        if (!is_equal(l, &l->next)) {
            print_difference(l, &l->next);
            return false;
        }
        if (l->next.r[15] == l->now.r[15] && l->op.code == OP_B) {
            printf("  ends in place at 0x%08x\n", l->now.r[15]);
            return true; // B .
        }
        l->now = l->next;
    }
    if (to_the_end) {
        printf("  the program does not come to its end\n");
    }
    return !to_the_end;
}

static int run(const struct qemu_image *images, unsigned count, uint64_t limit, bool to_the_end) {
    static struct lockstep lockstep;
    struct lockstep *l = &lockstep;
    make(l);
    for (unsigned i = 0; i < count; i++) {
        printf("%s%s at 0x%08x", i ? ", " : "", images[i].file, images[i].addr);
        if (!load_image(l, &images[i])) {
            printf(": cannot be read\n");
            return 2;
        }
    }
    printf("\n");
    struct qemu_trace *trace = qemu_trace_start(images, count);
    if (!trace) {
        printf("skipped: there is no qemu-system-arm (Debian package qemu-system-arm)\n");
        return SKIPPED;
    }
    bool same = compare(l, trace, limit, to_the_end);
    qemu_trace_stop(trace);
    printf(
        "  %llu instructions, %llu loads from peripherals replayed, %llu interrupts placed, %llu "
        "bus faults\n",
        (unsigned long long)l->instructions, (unsigned long long)l->peripheral_reads,
        (unsigned long long)l->interrupts, (unsigned long long)l->faults);
    for (unsigned i = 0; i < OTHERS; i++) {
        if (l->others[i]) {
            printf("  %llu times %s\n", (unsigned long long)l->others[i],
                   other_registers[i].reason);
        }
    }
    cpu_free(l->cpu);
    return same ? 0 : 1;
}

static void usage(FILE *to) {
    fputs("usage: oracle-lockstep [--limit INSTRUCTIONS] [--to-the-end] IMAGE.bin[@ADDRESS]...\n"
          "\n"
          "Runs raw images (at 0x08000000 unless said otherwise) on vboard's processor and on\n"
          "qemu-system-arm's, and compares all registers before each instruction, for 200000 of\n"
          "them or until the program stays in one place; with --to-the-end it must do that.\n"
          "Exit status: 0 the same, 1 not, 2 bad arguments, 77 there is no qemu-system-arm.\n",
          to);
}

int main(int argc, char **argv) {
    struct qemu_image images[4];
    unsigned count = 0;
    uint64_t limit = 200000;
    bool to_the_end = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            return 0;
        } else if (strcmp(argv[i], "--limit") == 0 && i + 1 < argc) {
            limit = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--to-the-end") == 0) {
            to_the_end = true;
        } else if (argv[i][0] == '-' || count == 4) {
            usage(stderr);
            return 2;
        } else {
            char *at = strchr(argv[i], '@');
            images[count] = (struct qemu_image){argv[i], FLASH_BASE};
            if (at) {
                *at = '\0';
                images[count].addr = (uint32_t)strtoul(at + 1, NULL, 0);
            }
            if (images[count].addr - FLASH_BASE >= FLASH_BYTES) {
                usage(stderr);
                return 2;
            }
            count++;
        }
    }
    if (count == 0 || limit == 0) {
        usage(stderr);
        return 2;
    }
    return run(images, count, limit, to_the_end);
}
