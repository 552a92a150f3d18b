// SPDX-License-Identifier: MIT
//
// A small real-time kernel that checks itself: four tasks on process stacks, switched by PendSV, which SysTick pends at
// ever other intervals. Two tasks compute with the FPU in different rounding modes, one takes a CRC without it, one
// yields by SVC; SysTick's handler uses the FPU too, so that registers are saved lazily in the middle of
// anything. What each task's round comes to is known from a run before the first switch, so a register that a
// switch lost shows as a difference; a counter that all of them increment by LDREX and STREX must be the sum
// of theirs.

#include <stdint.h>

#define REG(addr) (*(volatile uint32_t *)(addr))

enum {
    SYST_CSR = 0xE000E010,
    SYST_RVR = 0xE000E014,
    SYST_CVR = 0xE000E018,
    ICSR = 0xE000ED04,
    SHPR3 = 0xE000ED20,
    CPACR = 0xE000ED88,
    PENDSVSET = 1 << 28,
};

#define TASKS       4u
#define STACK_WORDS 256u
#define CASES       8u         // rounds with different inputs
#define TO_ZERO     (3u << 22) // FPSCR.RMode

// Read by tests/soak/rtos.c, at the beginning of SRAM.
struct results {
    uint32_t magic;
    uint32_t ticks, switches, errors;
    uint32_t rounds[TASKS];
    uint32_t counted; // by all tasks
};
__attribute__((section(".results"))) volatile struct results results;

extern uint32_t bss_begin[], bss_end[], stack_top[];
void start(void);
void systick(void);
void pendsv(void);
void svcall(void);
void fault(void);
uint32_t *switch_task(uint32_t *stack_pointer);

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    [0] = (uintptr_t)stack_top, [1] = (uintptr_t)start,   [2] = (uintptr_t)fault,
    [3] = (uintptr_t)fault,     [4] = (uintptr_t)fault,   [5] = (uintptr_t)fault,
    [6] = (uintptr_t)fault,     [11] = (uintptr_t)svcall, [14] = (uintptr_t)pendsv,
    [15] = (uintptr_t)systick,
};

// --- what tasks compute -------------------------------------------------------------------------------

static uint32_t bits_of(float value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

// S16 to S31, which no exception saves by itself and compiled code rarely uses: holds `value` in each for a while.
__attribute__((noinline)) static uint32_t hold(uint32_t value, uint32_t turns) {
    uint32_t sum = 0, word;
#define REGISTERS(X)                                                                               \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define PUT(n) "vmov s" #n ", %2\n add %2, %2, %2, ror #7\n"
#define GET(n) "vmov %3, s" #n "\n eor %0, %3, %0, ror #5\n"
    __asm__ volatile(REGISTERS(PUT) "1: subs %1, %1, #1\n bne 1b\n" REGISTERS(GET)
                     : "+r"(sum), "+r"(turns), "+r"(value), "=&r"(word)
                     :
                     : "cc", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25",
                       "s26", "s27", "s28", "s29", "s30", "s31");
    return sum;
}

// Chaos: a bit lost anywhere is a very different end.
__attribute__((noinline)) static uint32_t chaos(uint32_t number) {
    float x[6];
    uint32_t sum = hold(number + 1, 100);
    for (unsigned i = 0; i < 6; i++) {
        x[i] = 0.1f + 0.01f * (float)(number * 6 + i);
    }
    for (unsigned turn = 0; turn < 40; turn++) {
        for (unsigned i = 0; i < 6; i++) {
            x[i] = 3.9f * x[i] * (1.0f - x[i]);
        }
        sum = sum * 31 + bits_of(x[turn % 6]);
    }
    return sum + bits_of(x[0] / x[1] + __builtin_sqrtf(x[2]) + x[3] * x[4] + x[5]);
}

__attribute__((noinline)) static uint32_t matrices(uint32_t number) {
    float a[4][4], b[4][4], c[4][4];
    uint32_t sum = hold(number + 100, 60);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < 4; j++) {
            a[i][j] = 1.0f / (float)(1 + i + j + number);
            b[i][j] = i == j ? 1.0f : 0.0f;
        }
    }
    for (unsigned turn = 0; turn < 4; turn++) {
        for (unsigned i = 0; i < 4; i++) {
            for (unsigned j = 0; j < 4; j++) {
                float s = 0;
                for (unsigned k = 0; k < 4; k++) {
                    s += a[i][k] * b[k][j];
                }
                c[i][j] = s;
            }
        }
        __builtin_memcpy(b, c, sizeof b);
        sum = sum * 31 + bits_of(b[turn][3]);
    }
    return sum;
}

__attribute__((noinline)) static uint32_t crc(uint32_t number) {
    uint32_t value = ~number;
    for (unsigned i = 0; i < 200; i++) {
        value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        value += __builtin_bswap32(value) / (number + 3);
    }
    return value;
}

// Packed halfwords: GE and Q are part of a task's state.
__attribute__((noinline)) static uint32_t packed(uint32_t number) {
    uint32_t a = 0x00010203u * (number + 1), b = 0x7ffe8001u, sum = 0;
    for (unsigned i = 0; i < 60; i++) {
        uint32_t c, d;
        __asm__ volatile("uadd8 %0, %2, %3\n sel %1, %2, %3" : "=&r"(c), "=&r"(d) : "r"(a), "r"(b));
        __asm__ volatile("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(c), "r"(d));
        a = c + i;
        b ^= d << 1;
    }
    return sum;
}

static uint32_t (*const work[TASKS])(uint32_t number) = {chaos, matrices, crc, packed};
static uint32_t expected[TASKS][CASES];

static void set_rounding(uint32_t mode) {
    uint32_t fpscr;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(fpscr));
    __asm__ volatile("vmsr fpscr, %0" : : "r"((fpscr & ~TO_ZERO) | mode));
}

static void prepare(void) {
    for (unsigned task = 0; task < TASKS; task++) {
        set_rounding(task == 1 ? TO_ZERO : 0);
        for (unsigned i = 0; i < CASES; i++) {
            expected[task][i] = work[task](i);
        }
    }
    set_rounding(0);
}

static void count(volatile uint32_t *counter) {
    uint32_t value, failed;
    do {
        __asm__ volatile("ldrex %0, [%2]\n add %0, %0, #1\n strex %1, %0, [%2]"
                         : "=&r"(value), "=&r"(failed)
                         : "r"(counter)
                         : "memory");
    } while (failed);
}

static void run_task(unsigned task) {
    if (task == 1) {
        set_rounding(TO_ZERO);
    }
    for (uint32_t round = 0;; round++) {
        if (work[task](round % CASES) != expected[task][round % CASES]) {
            count(&results.errors);
        }
        count(&results.counted);
        results.rounds[task]++;
        if (task == 3) {
            __asm__ volatile("svc 0");
        }
    }
}

// --- the kernel ---------------------------------------------------------------------------------------

static uint32_t stacks[TASKS][STACK_WORDS] __attribute__((aligned(8)));
static uint32_t *saved[TASKS + 1]; // the last is nobody's
static unsigned current;

static void make_task(unsigned task) {
    uint32_t *sp = &stacks[task][STACK_WORDS];
    *--sp = 0x01000000; // xPSR
    *--sp = (uint32_t)(uintptr_t)run_task;
    sp -= 5; // LR, R12, R3, R2, R1
    *--sp = task;
    *--sp = 0xfffffffd; // EXC_RETURN: thread, process stack, no floating-point frame
    sp -= 8;            // R11 to R4
    saved[task] = sp;
}

// Whose turn it is: not simply the next one's.
__attribute__((used)) uint32_t *switch_task(uint32_t *stack_pointer) {
    saved[current] = stack_pointer;
    current = (current + 1 + results.switches / 7 % (TASKS - 1)) % TASKS;
    results.switches++;
    return saved[current];
}

__attribute__((naked)) void pendsv(void) {
    __asm__ volatile("mrs r0, psp\n"
                     "tst lr, #0x10\n"
                     "it eq\n"
                     "vstmdbeq r0!, {s16-s31}\n"
                     "stmdb r0!, {r4-r11, lr}\n"
                     "bl switch_task\n"
                     "ldmia r0!, {r4-r11, lr}\n"
                     "tst lr, #0x10\n"
                     "it eq\n"
                     "vldmiaeq r0!, {s16-s31}\n"
                     "msr psp, r0\n"
                     "bx lr\n");
}

void svcall(void) {
    REG(ICSR) = PENDSVSET;
}

static float clock_s;

void systick(void) {
    static uint32_t noise;
    noise = noise * 1664525u + 1013904223u;
    REG(SYST_RVR) = 300 + (noise >> 20); // 300 to 4395 cycles from the next one on
    clock_s = clock_s * 0.5f + (float)(noise >> 8);
    results.ticks++;
    REG(ICSR) = PENDSVSET;
}

__attribute__((noinline)) void fault(void) {
    results.errors = 0xdead0000u;
    for (;;) {
    }
}

// The first task's frame is taken by the return of the first PendSV: what "runs" before it is nobody, on a
// stack of its own.
void start(void) {
    static uint32_t nobody[STACK_WORDS] __attribute__((aligned(8)));
    for (uint32_t *to = bss_begin; to < bss_end; to++) {
        *to = 0;
    }
    REG(CPACR) = 0x00f00000;
    __asm__ volatile("dsb\n isb" : : : "memory");
    prepare();
    for (unsigned task = 0; task < TASKS; task++) {
        make_task(task);
    }
    current = TASKS;
    results.magic = 0x52544f53;
    REG(SHPR3) = 0x40ff0000; // PendSV last, SysTick before it
    __asm__ volatile("msr psp, %0\n mov r0, #2\n msr control, r0\n isb" // also clears FPCA
                     :
                     : "r"(nobody + STACK_WORDS)
                     : "r0", "memory");
    REG(SYST_RVR) = 1000;
    REG(SYST_CVR) = 0;
    REG(SYST_CSR) = 7;
    REG(ICSR) = PENDSVSET;
    for (;;) {
    }
}
