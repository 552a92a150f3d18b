// SPDX-License-Identifier: MIT
//
// Lazy stacking for lockstep.c to hold against QEMU: floating-point contexts of threads and handlers,
// what FPCCR, FPCAR, FPDSCR, CONTROL and EXC_RETURN say meanwhile, and what the frames hold. As in
// exceptions_firmware.c nothing is judged here; what matters is loaded into a core register. It ends in
// place. CCR.STKALIGN stays set: without it QEMU 7.2 does not align extended frames, as PushStack()
// does (B1.5.6; tests/unit/cpu_fpu.c).

#include <stdint.h>

#define REG(addr) (*(volatile uint32_t *)(addr))

enum {
    ICSR = 0xe000ed04,
    SHPR2 = 0xe000ed1c,
    SHCSR = 0xe000ed24,
    CFSR = 0xe000ed28,
    CPACR = 0xe000ed88,
    FPCCR = 0xe000ef34,
    FPCAR = 0xe000ef38,
    FPDSCR = 0xe000ef3c,
};

#define PENDSV        (1u << 28)
#define FULL_ACCESS   0x00f00000u
#define ASPEN         0x80000000u
#define LSPEN         0x40000000u
// MONRDY goes by a debug monitor that vboard does not have, bit 2 by ARMv8-M's states.
#define FPCCR_MEANING 0xc000007bu

extern uint32_t stack_top[];
static volatile uint32_t seen[64];
static volatile unsigned seen_count;
static uint32_t process_stack[128] __attribute__((aligned(8)));
static volatile uint32_t svc_uses_fp, svc_pends;
static volatile float shared = 1.5f;

void svc_handler_c(const uint32_t *frame, uint32_t exc_return);
void fault_handler_c(uint32_t *frame);
void reset_handler(void);

static __attribute__((noinline)) void see(uint32_t value) {
    seen[seen_count++ % 64] = value;
}

static void see_context(void) {
    uint32_t control;
    __asm__ volatile("mrs %0, control" : "=r"(control));
    see(control);
    see(REG(FPCCR) & FPCCR_MEANING);
    see(REG(FPCAR));
}

static void see_words(const uint32_t *word, unsigned count) {
    while (count--) {
        see(*(const volatile uint32_t *)word++);
    }
}

static uint32_t fpscr(void) {
    uint32_t value;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(value));
    return value;
}

// All the registers a call may change, different for each seed; FPSCR's flags and rounding too.
static void fill(uint32_t seed) {
    __asm__ volatile("vmov s0, %0\n vmov s1, %0\n vcvt.f32.u32 s2, s0\n vmov.f32 s3, #3.0\n"
                     "vadd.f32 s4, s2, s3\n vmul.f32 s5, s4, s3\n vdiv.f32 s6, s5, s4\n"
                     "vmov d4, %0, %0\n vmov s10, %0\n vneg.f32 s11, s5\n vabs.f32 s12, s11\n"
                     "vsqrt.f32 s13, s12\n vcmp.f32 s12, s11\n vmov s14, %0\n vmov s15, %0"
                     :
                     : "r"(seed)
                     : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s8", "s9", "s10", "s11", "s12",
                       "s13", "s14", "s15", "cc");
}

static void see_registers(void) {
    static uint32_t copy[16];
    uint32_t state = fpscr();
    __asm__ volatile("vstmia %0, {s0-s15}" : : "r"(copy) : "memory");
    see_words(copy, 16);
    see(state);
}

// --- handlers ------------------------------------------------------------------------------------

void svc_handler_c(const uint32_t *frame, uint32_t exc_return) {
    see(exc_return);
    see_context();
    if (svc_pends) {
        REG(ICSR) = PENDSV; // more urgent: at once
        see_context();
    }
    if (svc_uses_fp) {
        fill(0x00123456);
        see(fpscr());
        see_context();
    }
    if (!(exc_return & 0x10)) {
        see_words(frame, 8 + 17);
    }
}

static __attribute__((naked)) void svc_handler(void) {
    __asm__ volatile("tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n mov r1, lr\n"
                     "b svc_handler_c");
}

static void pendsv_handler(void) {
    see_context();
    shared = shared * 1.25f + 0.5f;
    fill(0x00777777);
    see_context();
    see((uint32_t)(int32_t)(shared * 1000.0f));
}

// A UsageFault, escalated: steps over the instruction, four bytes long.
void fault_handler_c(uint32_t *frame) {
    see(REG(CFSR));
    see_context();
    REG(CFSR) = REG(CFSR);
    frame[6] += 4;
}

static __attribute__((naked)) void fault_handler(void) {
    __asm__ volatile("tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n b fault_handler_c");
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top,
    reset_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    0,
    0,
    0,
    0,
    svc_handler,
    0,
    0,
    pendsv_handler,
    0,
};

// --- what is done --------------------------------------------------------------------------------

static void call(uint32_t seed, uint32_t uses_fp, uint32_t pends) {
    svc_uses_fp = uses_fp;
    svc_pends = pends;
    fill(seed);
    __asm__ volatile("svc #0" : : : "memory");
    see_registers();
    see_context();
    // SP at 4 beside 8: the frame is moved and marked so.
    fill(seed + 1);
    __asm__ volatile("sub sp, #4\n svc #0\n add sp, #4" : : : "memory");
    see_registers();
}

static void calls(uint32_t seed) {
    call(seed, 0, 0);
    call(seed + 16, 1, 0);
    call(seed + 32, 0, 1);
    call(seed + 48, 1, 1);
}

static void no_context(void) {
    __asm__ volatile("mrs r4, control\n bic r4, #4\n msr control, r4\n isb\n svc #0\n"
                     "mrs r4, control"
                     :
                     :
                     : "r4", "memory");
    see_context();
}

static void on_process_stack(uint32_t seed) {
    __asm__ volatile("msr psp, %0\n mov r4, sp\n mrs r5, control\n orr r5, #2\n msr control, r5\n"
                     "isb\n vmov s0, %1\n vmov s15, %1\n svc #0\n vmov r6, s0\n vmov r7, s15\n"
                     "mrs r5, psp\n mrs r5, control\n bic r5, #2\n msr control, r5\n isb\n"
                     "mov r5, sp"
                     :
                     : "r"(process_stack + 128), "r"(seed)
                     : "r4", "r5", "r6", "r7", "s0", "s15", "memory");
    see_context();
}

static void unprivileged(uint32_t seed) {
    // CPACR for privileged code only: VMOV is a UsageFault (NOCP). The handler is no way back to
    // privilege: this comes last.
    REG(CPACR) = FULL_ACCESS;
    svc_uses_fp = 1;
    svc_pends = 0;
    __asm__ volatile("mrs r5, control\n orr r5, #1\n msr control, r5\n isb\n vmov s0, %0\n"
                     "vadd.f32 s1, s0, s0\n svc #0\n vmov r6, s0\n vmov r7, s1"
                     :
                     : "r"(seed)
                     : "r5", "r6", "r7", "s0", "s1", "memory");
}

static void faults(void) {
    // BusFault and MemManage. Not UsageFault: QEMU would show ARMv8-M's FPCCR.UFRDY.
    REG(SHCSR) = 3u << 16;
    REG(CPACR) = 0;
    __asm__ volatile("dsb\n isb\n vmov s0, r0\n vmrs r4, fpscr" : : : "r4", "memory");
    REG(CPACR) = FULL_ACCESS;
    __asm__ volatile("dsb\n isb\n .short 0xee30, 0x0b00" : : : "memory"); // vadd.f64: UNDEFINED
}

void reset_handler(void) {
    REG(CPACR) = FULL_ACCESS;
    __asm__ volatile("dsb\n isb" : : : "memory");
    see_context();
    seen_count = 0;
    shared = 1.5f; // .data is not copied
    REG(SHPR2) = 0x80000000;
    see(REG(SHPR2));
    see(fpscr());
    calls(0x00100000);
    no_context();
    svc_uses_fp = 1;
    on_process_stack(0x00200000);
    REG(FPDSCR) = 0x07c00000;
    see(REG(FPDSCR));
    calls(0x00300000);
    no_context();
    REG(FPDSCR) = 0;
    REG(FPCCR) = ASPEN;
    calls(0x00400000);
    on_process_stack(0x00500000);
    REG(FPCCR) = LSPEN;
    no_context();
    fill(0x00600000);
    __asm__ volatile("svc #0" : : : "memory");
    REG(FPCCR) = ASPEN | LSPEN;
    faults();
    unprivileged(0x00800000);
    for (;;) {
    }
}
