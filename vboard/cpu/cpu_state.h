// SPDX-License-Identifier: MIT
//
// What a processor is made of, shared by the files of this folder only. struct cpu_state is plain:
// assign it for a snapshot. Everything else in struct cpu is wiring or can be made again.

#ifndef VBOARD_CPU_CPU_STATE_H
#define VBOARD_CPU_CPU_STATE_H

#include "vboard/cpu/cpu.h"
#include "vboard/cpu/debug.h"
#include "vboard/cpu/ops.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "memory is accessed in the host's byte order, which must be the Cortex-M's"
#endif

// Exception numbers (PM0214 table 16).
enum {
    EXC_RESET = 1,
    EXC_NMI = 2,
    EXC_HARD_FAULT = 3,
    EXC_MEM_MANAGE = 4,
    EXC_BUS_FAULT = 5,
    EXC_USAGE_FAULT = 6,
    EXC_SVCALL = 11,
    EXC_DEBUG_MONITOR = 12,
    EXC_PENDSV = 14,
    EXC_SYSTICK = 15,
    EXC_IRQ0 = 16,
    EXC_WORDS = 4, // bit maps of exceptions
    EXC_MAX = 128,
};

// CFSR bits (PM0214 4.4.10).
enum {
    CFSR_IACCVIOL = 1 << 0,
    CFSR_DACCVIOL = 1 << 1,
    CFSR_MUNSTKERR = 1 << 3,
    CFSR_MSTKERR = 1 << 4,
    CFSR_MLSPERR = 1 << 5,
    CFSR_MMARVALID = 1 << 7,
    CFSR_IBUSERR = 1 << 8,
    CFSR_PRECISERR = 1 << 9,
    CFSR_IMPRECISERR = 1 << 10,
    CFSR_UNSTKERR = 1 << 11,
    CFSR_STKERR = 1 << 12,
    CFSR_LSPERR = 1 << 13,
    CFSR_BFARVALID = 1 << 15,
    CFSR_UNDEFINSTR = 1 << 16,
    CFSR_INVSTATE = 1 << 17,
    CFSR_INVPC = 1 << 18,
    CFSR_NOCP = 1 << 19,
    CFSR_UNALIGNED = 1 << 24,
    CFSR_DIVBYZERO = 1 << 25,
};

// HFSR bits (PM0214 4.4.11).
#define HFSR_VECTTBL  (1u << 1)
#define HFSR_FORCED   (1u << 30)
#define HFSR_DEBUGEVT (1u << 31)

// CCR bits (PM0214 4.4.7).
enum {
    CCR_NONBASETHRDENA = 1 << 0,
    CCR_USERSETMPEND = 1 << 1,
    CCR_UNALIGN_TRP = 1 << 3,
    CCR_DIV_0_TRP = 1 << 4,
    CCR_BFHFNMIGN = 1 << 8,
    CCR_STKALIGN = 1 << 9,
};

enum { SCR_SLEEPONEXIT = 1 << 1, SCR_SLEEPDEEP = 1 << 2, SCR_SEVONPEND = 1 << 4 };
enum { CONTROL_NPRIV = 1, CONTROL_SPSEL = 2, CONTROL_FPCA = 4 };
// FPCCR bits (PM0214 4.6.2).
#define FPCCR_ASPEN  (1u << 31)
#define FPCCR_LSPEN  (1u << 30)
#define FPCCR_MONRDY (1u << 8)
#define FPCCR_BFRDY  (1u << 6)
#define FPCCR_MMRDY  (1u << 5)
#define FPCCR_HFRDY  (1u << 4)
#define FPCCR_THREAD (1u << 3)
#define FPCCR_USER   (1u << 1)
#define FPCCR_LSPACT (1u << 0)
enum { SP_MAIN, SP_PROCESS };
enum sleep { AWAKE, SLEEP_WFI, SLEEP_WFE };

struct systick {
    uint32_t control; // ENABLE, TICKINT, CLKSOURCE
    uint32_t reload;
    uint32_t value;      // at base
    uint64_t base;       // tick (cycles / divider) at which value held
    uint64_t next_cycle; // at which it next reaches 0; UINT64_MAX: never
    bool count_flag;
};

#define CPU_MPU_REGIONS 8u

struct cpu_state {
    uint32_t r[16]; // r[13] is the stack pointer in use; r[15] scratch for operands that name PC
    // Flags as the operations leave them: N is bit 31 of n, V bit 31 of v, Z is z == 0, C is c.
    uint32_t n, z, c, v;
    uint32_t q;  // 0 or 1
    uint32_t ge; // 4 bits
    uint32_t pc; // of the next instruction, or of the one under way in callbacks
    uint32_t banked_sp[2];
    uint8_t it; // ITSTATE
    bool thumb; // EPSR.T
    bool in_process_stack;
    uint16_t ipsr;
    uint8_t control, primask, faultmask, basepri;
    bool exclusive;
    bool event;
    bool locked_up;
    bool is_parked; // with locked_up, which it then is not
    enum sleep sleeping;
    uint64_t cycles, instructions;

    uint32_t enabled[EXC_WORDS], pending[EXC_WORDS], active[EXC_WORDS], level[EXC_WORDS];
    uint8_t priority[EXC_MAX];
    unsigned prigroup;

    uint32_t vtor, scr, ccr, cfsr, hfsr, dfsr, mmfar, bfar, cpacr;
    uint32_t fpccr, fpcar, fpdscr;
    uint32_t demcr, dwt_control, dwt_base, actlr;
    struct systick systick;

    uint32_t fp[32], fpscr; // S0 to S31

    uint32_t mpu_ctrl, mpu_rnr;
    struct cpu_mpu_region {
        uint32_t rbar, rasr; // address alone; attributes, size and enable
    } mpu[CPU_MPU_REGIONS];
};

#define MAP_SHIFT  14 // granule of the address map: 16 KB
#define PAGE_SHIFT 6  // granule of "code was decoded from here": 64 bytes

// A region as the fast paths see it: rlimit and wlimit are 0 where they must not be taken.
struct cpu_fast {
    uint32_t base, rlimit, wlimit;
    uint8_t *bytes;
    uint8_t *page_has_code;
};

struct cpu_code {
    struct op *ops;    // one a halfword, and two OP_EDGE behind; NULL when not executable
    uint32_t capacity; // bytes the array has room for
    struct cpu_fetch fetch;
    bool watches_fetches, watches_loads;
};

struct cpu_mark {
    uint32_t addr;
    unsigned users;
    unsigned breakpoints; // of the users
    uint16_t code;        // of the instruction there, while it is decoded
};

struct cpu_watchpoint {
    uint32_t addr, len;
    enum cpu_watch_kind kind;
};

// A debugger's (debug.h); no part of a snapshot.
struct cpu_debug {
    bool is_attached, catches_hard_fault, steps, masks_interrupts, is_lockup_told;
    enum cpu_debug_why why; // NONE: nothing wants a stop
    uint32_t addr;
    enum cpu_debug_why told_why;
    uint32_t told_addr;
    enum cpu_watch_kind kind;
    // Where it stopped: a breakpoint there is not met before an instruction was executed.
    uint32_t passed_pc;
    uint64_t passed_count;
    unsigned watch_count;
    struct cpu_watchpoint watches[CPU_WATCHPOINTS_MAX];
};

struct cpu {
    struct cpu_state s;

    // The code region under execution, as execute.c wants it.
    uint32_t code_base, code_size;
    struct op *code_ops;
    uint64_t deadline; // cycle at which execute() returns

    bool break_requested, reset_requested, executing;
    unsigned irq_count, exception_count;
    unsigned still_reads; // of DWT_CYCCNT since it counted last
    uint8_t priority_mask;
    bool has_fpu;
    uint32_t cpuid;
    struct cpu_bus bus;
    uint32_t itm_ter, itm_tcr; // no reset but power's reaches them

    unsigned region_count;
    struct cpu_region regions[CPU_REGIONS_MAX];
    struct cpu_code code[CPU_REGIONS_MAX];
    struct cpu_mark *marks;
    unsigned mark_count;
    struct cpu_debug debug;
    struct op *retired;                        // a cache replaced while it was executing
    struct cpu_fast fast[CPU_REGIONS_MAX + 1]; // [0] serves nothing
    uint8_t map[1 << (32 - MAP_SHIFT)];        // index into fast
};

static inline bool is_handler(const struct cpu_state *s) {
    return s->ipsr != 0;
}

static inline bool is_privileged(const struct cpu_state *s) {
    return s->ipsr != 0 || !(s->control & CONTROL_NPRIV);
}

static inline bool bit_get(const uint32_t *map, unsigned n) {
    return map[n / 32] >> (n % 32) & 1;
}

static inline void bit_put(uint32_t *map, unsigned n, bool value) {
    map[n / 32] = (map[n / 32] & ~(1u << n % 32)) | (uint32_t)value << n % 32;
}

// Makes execute() return after the instruction under way.
static inline void cpu_attention(struct cpu *cpu) {
    cpu->deadline = cpu->s.cycles;
}

#define ITM_TCR_ITMENA 1u // ARM DDI 0403 C1.7.6

static inline uint8_t it_advance(uint8_t it) {
    return (it & 7) ? (uint8_t)((it & 0xe0) | ((it << 1) & 0x1f)) : 0;
}

// decode.c: the instruction at `addr` whose halfwords are hw1 and (if it is a long one) hw2.
void decode(struct op *op, uint32_t addr, uint16_t hw1, uint16_t hw2, uint8_t it);
static inline bool is_long(uint16_t hw1) {
    return hw1 >= 0xe800;
}
// decode32.c
void decode_long(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2);
// decode_fpu.c: leaves op->code alone where the instruction is UNDEFINED.
void decode_fpu(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2);
// Left in op.cond by a decoder: an operand names PC.
enum { DECODED_READS_PC = 1 };
// Shared by the decoders.
void op_alu(struct op *op, enum op_code first, bool flags, unsigned rd, unsigned rn, unsigned rm,
            enum shift_type type, unsigned amount);
void op_alu_imm(struct op *op, enum op_code first, bool flags, unsigned rd, unsigned rn,
                uint32_t imm);

// execute.c: runs from s.pc in the code region set until the deadline, a fault or a branch away.
void execute(struct cpu *cpu);
// dsp.c
void dsp_execute(struct cpu_state *s, const struct op *op);

// fpu.c. The next floating-point instruction needs nothing done before it.
static inline bool fpu_is_ready(const struct cpu_state *s) {
    return (s->cpacr & 0x00f00000) == 0x00f00000 && (s->control & CONTROL_FPCA) &&
           !(s->fpccr & FPCCR_LSPACT);
}
// Where it is not: makes it so. False: a fault was raised, and the instruction must not be executed.
bool fpu_prepare(struct cpu *cpu);
bool fpu_is_enabled(const struct cpu *cpu, bool privileged);
void fpu_execute(struct cpu_state *s, const struct op *op);
void fpu_move(struct cpu_state *s, const struct op *op);
// S0 to S15 and FPSCR, 17 words, on a stack. False: an access failed.
// (The MPU is asked by who calls it: mpu_allows_words().)
bool fpu_store_frame(struct cpu *cpu, uint32_t addr);
bool fpu_load_frame(struct cpu *cpu, uint32_t addr);
// UpdateFPCCR() (B1.5.7): room is left at `addr`, to be filled before the registers change.
void fpu_start_lazy(struct cpu *cpu, uint32_t addr);

// memory.c. False: a fault was raised. `privileged` is what the access claims to be.
bool memory_load(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value);
bool memory_store(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value);
bool memory_load_unprivileged(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value);
bool memory_store_unprivileged(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value);
bool memory_load_words(struct cpu *cpu, uint32_t addr, unsigned count, uint32_t *words);
bool memory_store_words(struct cpu *cpu, uint32_t addr, unsigned count, const uint32_t *words);
// Without raising a fault or minding the alignment trap: stacking and vector fetches.
bool memory_read_quiet(struct cpu *cpu, uint32_t addr, uint32_t *value);
bool memory_write_quiet(struct cpu *cpu, uint32_t addr, uint32_t value);

// regions.c
int region_at(const struct cpu *cpu, uint32_t addr); // -1: none
// Chooses the code region for s.pc; false: a fault was raised.
bool memory_set_code(struct cpu *cpu, bool *guarded);
// The fast views again, after watchpoints changed.
void regions_refresh(struct cpu *cpu);
// Fills the cache entry at `op`, in the code region set.
void memory_decode(struct cpu *cpu, struct op *op);
// Forgets what was decoded from these bytes, in every region that shows them.
void code_forget(struct cpu *cpu, const uint8_t *bytes, uint32_t len);

// marks.c: puts the mark of an address, if it has one, over what was just decoded; and a mark was
// met at s.pc: tells, and returns what to execute; cpu->debug.why says whether nothing is.
void mark_decoded(struct cpu *cpu, uint32_t addr, struct op *op);
enum op_code mark_reached(struct cpu *cpu, struct op *op);
// Marks are no part of a snapshot: takes them out of a copy of `count` instructions decoded from
// `addr` on, and puts them over what came out of a snapshot.
void marks_take_out(const struct cpu *cpu, uint32_t addr, struct op *ops, uint32_t count);
void marks_put_back(struct cpu *cpu);

struct cpu_mark *mark_find(struct cpu *cpu, uint32_t addr);

// debug.c: wants a stop at the next instruction boundary; a mark's breakpoint does; a data access was
// made; whether a watchpoint is in these bytes; the stop is told; where it is it goes on.
void debug_stop(struct cpu *cpu, enum cpu_debug_why why, uint32_t addr);
bool debug_stops_at(struct cpu *cpu, const struct cpu_mark *mark);
void debug_access(struct cpu *cpu, uint32_t addr, unsigned size, enum cpu_watch_kind kind);
bool debug_watches(const struct cpu *cpu, uint32_t base, uint32_t size, enum cpu_watch_kind kind);
void debug_tell(struct cpu *cpu);
void debug_pass(struct cpu *cpu);
// memory.c, for cpu_poke()
bool memory_poke(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value);

// mpu.c. Whether the MPU lets an access pass; false: nothing was raised yet.
enum mpu_access { MPU_FETCH, MPU_READ, MPU_WRITE };
bool mpu_allows(const struct cpu *cpu, uint32_t addr, enum mpu_access access, bool privileged);
static inline bool mpu_is_on(const struct cpu_state *s) {
    return s->mpu_ctrl & 1;
}
static inline bool mpu_allows_words(const struct cpu *cpu, uint32_t addr, unsigned count,
                                    enum mpu_access access, bool privileged) {
    for (unsigned i = 0; mpu_is_on(&cpu->s) && i < count; i++) {
        if (!mpu_allows(cpu, addr + i * 4, access, privileged)) {
            return false;
        }
    }
    return true;
}
uint32_t mpu_read(const struct cpu *cpu, uint32_t addr);
void mpu_write(struct cpu *cpu, uint32_t addr, uint32_t value);

// fetch.c: adds what fetching the instruction costs, and the miss of a line not fetched before.
void fetch_charge(struct cpu *cpu, unsigned region, struct op *op);

// exceptions.c
uint32_t xpsr_get(const struct cpu_state *s);
void xpsr_restore(struct cpu_state *s, uint32_t xpsr); // all but IPSR
void stack_pointer_select(struct cpu_state *s);
uint32_t stack_pointer_get(const struct cpu_state *s, unsigned which);
void stack_pointer_put(struct cpu_state *s, unsigned which, uint32_t value);
int execution_priority(const struct cpu *cpu);
// The pending exception that would be taken at `priority`, 0 for none.
unsigned exception_best(const struct cpu *cpu, int priority);
void exception_pend(struct cpu *cpu, unsigned number);
// Takes a pending exception if one may be; true if it did (or locked up).
bool exception_take(struct cpu *cpu);
void exception_return(struct cpu *cpu, uint32_t exc_return);
// A synchronous fault at s.pc: sets the status bits and pends it, escalated where need be.
void fault_raise(struct cpu *cpu, unsigned number, uint32_t cfsr_bits);
void fault_raise_at(struct cpu *cpu, unsigned number, uint32_t cfsr_bits, uint32_t addr);
// Whether pending it now would have it taken.
bool exception_is_ready(const struct cpu *cpu, unsigned number);
// Lazy stacking hit a bus error, or the MPU. True: its exception is taken now.
bool exception_lazy_fault(struct cpu *cpu, bool is_mpu);
void exception_svc(struct cpu *cpu);
void exception_bkpt(struct cpu *cpu, uint32_t comment);
bool sleep_ends(const struct cpu *cpu);
unsigned active_count(const struct cpu_state *s);

// scs.c and nvic.c: word registers of the private peripheral bus (0xE0000000-0xE00FFFFF). `mask`
// has ones in the bytes accessed. False: nothing answers there.
bool scs_read(struct cpu *cpu, uint32_t addr, uint32_t *value, bool side_effects);
bool scs_write(struct cpu *cpu, uint32_t addr, uint32_t value, uint32_t mask);
bool nvic_read(struct cpu *cpu, uint32_t addr, uint32_t *value);
bool nvic_write(struct cpu *cpu, uint32_t addr, uint32_t value, uint32_t mask);

// special.c: MRS and MSR, CPS.
uint32_t special_read(const struct cpu *cpu, unsigned sysm);
void special_write(struct cpu *cpu, unsigned sysm, unsigned mask, uint32_t value);
void special_cps(struct cpu *cpu, unsigned operands);

// systick.c
void systick_reset(struct cpu *cpu);
void systick_sync(struct cpu *cpu); // brings it up to s.cycles
uint32_t systick_read(struct cpu *cpu, unsigned off, bool side_effects);
void systick_write(struct cpu *cpu, unsigned off, uint32_t value);

void cpu_complain(struct cpu *cpu, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
