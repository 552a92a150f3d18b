// SPDX-License-Identifier: MIT
//
// The private peripheral bus: system control block (PM0214 4.4), and the little of DWT, ITM, FPB,
// CoreDebug and FPU registers that firmware touches. NVIC and SysTick have files of their own.
//
// Not there: breakpoints, watchpoints, trace packets. What is written to an
// ITM stimulus port that is on goes out by itself (bus.stimulus), without the TPIU and its clock; the ports
// read "ready", so that polling loops end. Time stamps and DWT packets are dropped.

#include <inttypes.h>

#include "vboard/cpu/cpu_state.h"
#include "vboard/cpu/fpu.h"

enum {
    ITM_STIM = 0xe0000000,
    ITM_STIM_END = 0xe0000080,
    ITM_TER = 0xe0000e00, // ARM DDI 0403 C1.7.3
    ITM_TCR = 0xe0000e80,
    DWT_CTRL = 0xe0001000,
    DWT_CYCCNT = 0xe0001004,
    ACTLR = 0xe000e008,
    SYST_CSR = 0xe000e010,
    NVIC_FIRST = 0xe000e100,
    CPUID = 0xe000ed00,
    ICSR = 0xe000ed04,
    VTOR = 0xe000ed08,
    AIRCR = 0xe000ed0c,
    SCR = 0xe000ed10,
    CCR = 0xe000ed14,
    SHPR1 = 0xe000ed18,
    SHPR3 = 0xe000ed20,
    SHCSR = 0xe000ed24,
    CFSR = 0xe000ed28,
    HFSR = 0xe000ed2c,
    DFSR = 0xe000ed30,
    MMFAR = 0xe000ed34,
    BFAR = 0xe000ed38,
    AFSR = 0xe000ed3c,
    CPACR = 0xe000ed88,
    MPU_FIRST = 0xe000ed90,
    MPU_END = 0xe000edbc,
    DHCSR = 0xe000edf0,
    DEMCR = 0xe000edfc,
    STIR = 0xe000ef00,
    FPCCR = 0xe000ef34,
    FPCAR = 0xe000ef38,
    FPDSCR = 0xe000ef3c,
    MVFR0 = 0xe000ef40,
    MVFR1 = 0xe000ef44,
};

// More than anybody reads it for another reason than to wait.
#define STILL_READS 1000u

enum { DEMCR_TRCENA = 1 << 24, DWT_CYCCNTENA = 1 };
enum { AIRCR_SYSRESETREQ = 1 << 2, AIRCR_VECTCLRACTIVE = 1 << 1 };

// SHCSR: bit number of each exception's state (PM0214 4.4.9).
static const struct {
    uint8_t bit, number, map; // map: 0 active, 1 pending, 2 enabled
} shcsr_bits[] = {
    {0, EXC_MEM_MANAGE, 0}, {1, EXC_BUS_FAULT, 0},     {3, EXC_USAGE_FAULT, 0},
    {7, EXC_SVCALL, 0},     {8, EXC_DEBUG_MONITOR, 0}, {10, EXC_PENDSV, 0},
    {11, EXC_SYSTICK, 0},   {12, EXC_USAGE_FAULT, 1},  {13, EXC_MEM_MANAGE, 1},
    {14, EXC_BUS_FAULT, 1}, {15, EXC_SVCALL, 1},       {16, EXC_MEM_MANAGE, 2},
    {17, EXC_BUS_FAULT, 2}, {18, EXC_USAGE_FAULT, 2},
};

static uint32_t *shcsr_map(struct cpu_state *s, unsigned which) {
    return which == 0 ? s->active : which == 1 ? s->pending : s->enabled;
}

static uint32_t shcsr_read(struct cpu_state *s) {
    uint32_t value = 0;
    for (unsigned i = 0; i < sizeof shcsr_bits / sizeof shcsr_bits[0]; i++) {
        value |= (uint32_t)bit_get(shcsr_map(s, shcsr_bits[i].map), shcsr_bits[i].number)
                 << shcsr_bits[i].bit;
    }
    return value;
}

static void shcsr_write(struct cpu_state *s, uint32_t value) {
    for (unsigned i = 0; i < sizeof shcsr_bits / sizeof shcsr_bits[0]; i++) {
        bit_put(shcsr_map(s, shcsr_bits[i].map), shcsr_bits[i].number,
                value >> shcsr_bits[i].bit & 1);
    }
}

static uint32_t icsr_read(const struct cpu *cpu) {
    const struct cpu_state *s = &cpu->s;
    uint32_t value = s->ipsr;
    // PM0214 4.4.3: 1 when no exception but the executing one is active.
    value |= (uint32_t)(active_count(s) <= 1) << 11;
    value |= (uint32_t)exception_best(cpu, 256) << 12; // whatever masks there are
    bool irq_pending = s->pending[0] >> EXC_IRQ0;
    for (unsigned i = 1; i < EXC_WORDS; i++) {
        irq_pending |= s->pending[i] != 0;
    }
    value |= (uint32_t)irq_pending << 22;
    value |= (uint32_t)bit_get(s->pending, EXC_SYSTICK) << 26;
    value |= (uint32_t)bit_get(s->pending, EXC_PENDSV) << 28;
    value |= (uint32_t)bit_get(s->pending, EXC_NMI) << 31;
    return value;
}

static void icsr_write(struct cpu *cpu, uint32_t value) {
    struct cpu_state *s = &cpu->s;
    if (value & (1u << 25)) {
        bit_put(s->pending, EXC_SYSTICK, false);
    }
    if (value & (1u << 26)) {
        exception_pend(cpu, EXC_SYSTICK);
    }
    if (value & (1u << 27)) {
        bit_put(s->pending, EXC_PENDSV, false);
    }
    if (value & (1u << 28)) {
        exception_pend(cpu, EXC_PENDSV);
    }
    if (value & (1u << 31)) {
        exception_pend(cpu, EXC_NMI);
    }
}

static bool cyccnt_runs(const struct cpu_state *s) {
    return (s->demcr & DEMCR_TRCENA) && (s->dwt_control & DWT_CYCCNTENA);
}

static uint32_t cyccnt(const struct cpu_state *s) {
    return cyccnt_runs(s) ? (uint32_t)s->cycles - s->dwt_base : s->dwt_base;
}

// A delay that waits for a counter which nobody has switched on: on a desk it works as long as a debugger is there.
static void told_of_still_counter(struct cpu *cpu) {
    if (cyccnt_runs(&cpu->s)) {
        cpu->still_reads = 0;
    } else if (++cpu->still_reads == STILL_READS) {
        cpu_complain(cpu, "cycle-counter-off",
                     "DWT_CYCCNT was read %u times at 0x%08" PRIx32
                     " and does not count: %s is 0 (a debugger may set it; without one the "
                     "firmware has to)",
                     STILL_READS, cpu_pc(cpu),
                     cpu->s.demcr & DEMCR_TRCENA ? "DWT_CTRL.CYCCNTENA" : "DEMCR.TRCENA");
    }
}

// dwt_base is the count itself while it stands still, else the cycle at which it was 0.
static void cyccnt_set(struct cpu_state *s, uint32_t count) {
    s->dwt_base = cyccnt_runs(s) ? (uint32_t)s->cycles - count : count;
}

static uint32_t priorities(const struct cpu_state *s, uint32_t addr) {
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        value |= (uint32_t)s->priority[4 + (addr - SHPR1) + i] << 8 * i;
    }
    return value;
}

bool scs_read(struct cpu *cpu, uint32_t addr, uint32_t *value, bool side_effects) {
    struct cpu_state *s = &cpu->s;
    if (addr >= SYST_CSR && addr < SYST_CSR + 16) {
        *value = systick_read(cpu, addr & 15, side_effects);
        return true;
    }
    if ((addr >= NVIC_FIRST && addr < NVIC_FIRST + 0x400)) {
        return nvic_read(cpu, addr, value);
    }
    if (addr >= MPU_FIRST && addr < MPU_END) {
        *value = mpu_read(cpu, addr);
        return true;
    }
    *value = 0;
    switch (addr) {
    case DWT_CTRL: // NUMCOMP 4 (ARM 100166 table 9-1)
        *value = 0x40000000 | s->dwt_control;
        break;
    case DWT_CYCCNT:
        *value = cyccnt(s);
        if (side_effects) {
            told_of_still_counter(cpu);
        }
        break;
    case ACTLR:
        *value = s->actlr;
        break;
    case CPUID:
        *value = cpu->cpuid;
        break;
    case ICSR:
        *value = icsr_read(cpu);
        break;
    case VTOR:
        *value = s->vtor;
        break;
    case AIRCR:
        *value = 0xfa050000 | s->prigroup << 8;
        break;
    case SCR:
        *value = s->scr;
        break;
    case CCR:
        *value = s->ccr;
        break;
    case SHPR1:
    case SHPR1 + 4:
    case SHPR3:
        *value = priorities(s, addr);
        break;
    case SHCSR:
        *value = shcsr_read(s);
        break;
    case CFSR:
        *value = s->cfsr;
        break;
    case HFSR:
        *value = s->hfsr;
        break;
    case DFSR:
        *value = s->dfsr;
        break;
    case MMFAR:
        *value = s->mmfar;
        break;
    case BFAR:
        *value = s->bfar;
        break;
    case CPACR:
        *value = s->cpacr;
        break;
    case DHCSR: // C_DEBUGEN (ARM DDI 0403 C1.6.2): programs ask it before they use BKPT
        *value = cpu->debug.is_attached || cpu->bus.semihosting;
        break;
    case ITM_TER:
        *value = cpu->itm_ter;
        break;
    case ITM_TCR:
        *value = cpu->itm_tcr;
        break;
    case DEMCR:
        *value = s->demcr;
        break;
    case FPCCR: // these five read as zero without an FPU, which nothing else sets then
        *value = s->fpccr;
        break;
    case FPCAR:
        *value = s->fpcar;
        break;
    case FPDSCR:
        *value = s->fpdscr;
        break;
    case MVFR0: // Cortex-M4 FPU (ARM 100166 table 7-2)
        *value = cpu->has_fpu ? 0x10110021 : 0;
        break;
    case MVFR1:
        *value = cpu->has_fpu ? 0x11000011 : 0;
        break;
    case 0xe000ed40: // ID_PFR0, ID_PFR1, ID_DFR0, ID_MMFR0.., ID_ISAR0.. (ARM 100166 table 4-1)
        *value = 0x00000030;
        break;
    case 0xe000ed44:
        *value = 0x00000200;
        break;
    case 0xe000ed48:
        *value = 0x00100000;
        break;
    case 0xe000ed50:
        *value = 0x00100030;
        break;
    case 0xe000ed58:
        *value = 0x01000000;
        break;
    case 0xe000ed60:
        *value = 0x01141110;
        break;
    case 0xe000ed64:
        *value = 0x02111000;
        break;
    case 0xe000ed68:
        *value = 0x21112231;
        break;
    case 0xe000ed6c:
        *value = 0x01111110;
        break;
    case 0xe000ed70:
        *value = 0x01310132;
        break;
    default:
        *value = addr < ITM_STIM_END && addr >= ITM_STIM ? 1 : 0;
        break;
    }
    return true;
}

static void merge(uint32_t *target, uint32_t value, uint32_t mask) {
    *target = (*target & ~mask) | (value & mask);
}

// C1.7.5: a byte, half-word or word, as it was written.
static void itm_write(struct cpu *cpu, unsigned port, uint32_t value, uint32_t mask) {
    unsigned shift = (unsigned)__builtin_ctz(mask);
    unsigned size = (unsigned)__builtin_popcount(mask) / 8;
    if (cpu->bus.stimulus && (cpu->itm_tcr & ITM_TCR_ITMENA) && (cpu->itm_ter >> port & 1)) {
        cpu->bus.stimulus(cpu->bus.ctx, port, size, (value & mask) >> shift);
    }
}

static void aircr_write(struct cpu *cpu, uint32_t value) {
    struct cpu_state *s = &cpu->s;
    if (value >> 16 != 0x05fa) {
        cpu_complain(cpu, "aircr-key", "write of 0x%08x to AIRCR without its key, at 0x%08x", value,
                     s->pc);
        return;
    }
    s->prigroup = value >> 8 & 7;
    if ((value & AIRCR_SYSRESETREQ) && cpu->bus.reset_request) {
        cpu->bus.reset_request(cpu->bus.ctx);
    }
}

static void read_only(struct cpu *cpu, uint32_t addr) {
    cpu_complain(cpu, "read-only-system-register",
                 "write to the read-only system register 0x%08x, at 0x%08x", addr, cpu->s.pc);
}

bool scs_write(struct cpu *cpu, uint32_t addr, uint32_t value, uint32_t mask) {
    struct cpu_state *s = &cpu->s;
    cpu_attention(cpu);
    if (addr >= SYST_CSR && addr < SYST_CSR + 16) {
        systick_write(cpu, addr & 15, value);
        return true;
    }
    if ((addr >= NVIC_FIRST && addr < NVIC_FIRST + 0x400) || addr == STIR) {
        return nvic_write(cpu, addr, value, mask);
    }
    if (addr >= MPU_FIRST && addr < MPU_END) {
        mpu_write(cpu, addr, (mpu_read(cpu, addr) & ~mask) | (value & mask));
        return true;
    }
    if (!cpu->has_fpu && (addr == CPACR || (addr >= FPCCR && addr <= FPDSCR))) {
        return true;
    }
    switch (addr) {
    case DWT_CTRL: {
        uint32_t count = cyccnt(s);
        merge(&s->dwt_control, value & 0x0fffffff, mask);
        cyccnt_set(s, count);
        break;
    }
    case DWT_CYCCNT:
        cyccnt_set(s, value);
        break;
    case ACTLR:
        merge(&s->actlr, value & 0x307, mask);
        break;
    case ICSR:
        icsr_write(cpu, value & mask);
        break;
    case VTOR: // TBLOFF is bits 29:9 (PM0214 4.4.4)
        merge(&s->vtor, value & 0x3ffffe00, mask);
        if (cpu->bus.vector_table) {
            cpu->bus.vector_table(cpu->bus.ctx, s->vtor);
        }
        break;
    case AIRCR:
        aircr_write(cpu, value);
        break;
    case SCR:
        merge(&s->scr, value & (SCR_SLEEPONEXIT | SCR_SLEEPDEEP | SCR_SEVONPEND), mask);
        break;
    case CCR:
        merge(&s->ccr,
              value & (CCR_NONBASETHRDENA | CCR_USERSETMPEND | CCR_UNALIGN_TRP | CCR_DIV_0_TRP |
                       CCR_BFHFNMIGN | CCR_STKALIGN),
              mask);
        break;
    case SHPR1:
    case SHPR1 + 4:
    case SHPR3:
        for (unsigned i = 0; i < 4; i++) {
            unsigned number = 4 + (addr - SHPR1) + i;
            bool exists = number <= EXC_USAGE_FAULT || number == EXC_SVCALL ||
                          number == EXC_DEBUG_MONITOR || number >= EXC_PENDSV;
            if ((mask >> 8 * i & 1) && exists) {
                s->priority[number] = (uint8_t)(value >> 8 * i) & cpu->priority_mask;
            }
        }
        break;
    case SHCSR:
        shcsr_write(s, (shcsr_read(s) & ~mask) | (value & mask));
        break;
    case CFSR: // write one to clear, lane by lane
        s->cfsr &= ~(value & mask);
        break;
    case HFSR:
        s->hfsr &= ~(value & mask);
        break;
    case DFSR:
        s->dfsr &= ~(value & mask);
        break;
    case MMFAR:
        merge(&s->mmfar, value, mask);
        break;
    case BFAR:
        merge(&s->bfar, value, mask);
        break;
    case CPACR: // CP10 and CP11
        merge(&s->cpacr, value & 0x00f00000, mask);
        break;
    case DEMCR: {
        uint32_t count = cyccnt(s);
        merge(&s->demcr, value & 0x010f07f1, mask);
        cyccnt_set(s, count);
        break;
    }
    case FPCCR:
        merge(&s->fpccr,
              value & (FPCCR_ASPEN | FPCCR_LSPEN | FPCCR_MONRDY | FPCCR_BFRDY | FPCCR_MMRDY |
                       FPCCR_HFRDY | FPCCR_THREAD | FPCCR_USER | FPCCR_LSPACT),
              mask);
        break;
    case FPCAR:
        merge(&s->fpcar, value & ~7u, mask);
        break;
    case FPDSCR:
        merge(&s->fpdscr, value & FPSCR_DEFAULT, mask);
        break;
    case CPUID:
    case MVFR0:
    case MVFR1:
        read_only(cpu, addr);
        break;
    case ITM_TER:
        merge(&cpu->itm_ter, value, mask);
        break;
    case ITM_TCR:
        merge(&cpu->itm_tcr, value & 0x007f0f1fu, mask);
        break;
    default: // TPIU, FPB, DWT comparators, DHCSR: taken and dropped
        if (addr < ITM_STIM_END && addr >= ITM_STIM) {
            itm_write(cpu, (addr - ITM_STIM) / 4, value, mask);
        }
        break;
    }
    return true;
}
