// SPDX-License-Identifier: MIT
//
// Finds the loop, then what ends it. How, stuck.h says.

#include "vboard/observe/stuck.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/observe/registers.h"
#include "vboard/observe/span.h"

#define SAMPLES       128u
#define SAMPLE_PS     (5 * PS_PER_MS)
// Instructions of the first look; a loop has to come round several times in them.
#define LOOK_STEPS    50000u
// More different instructions than this are no tight loop.
#define LOOP_MAX      512u
#define READS_MAX     16u
// Where a function keeps its own variables, from the stack pointer up.
#define FRAME_BYTES   512u
#define CULPRITS_TOLD 3u
// Words that tell from many: a main loop that looks at everything waits for nothing in particular.
#define CULPRITS_MAX  6u

// Instructions outside the loop that show that it was left for good.
#define OUTSIDE_STEPS 32u

struct sample {
    uint32_t pc;
    uint16_t exception;
    uint32_t writes; // chip_program_writes() so far
};

// Something the loop reads.
struct reading {
    uint32_t addr; // of the word
    uint32_t value;
    bool is_memory; // else a register
};

// A change that ends the loop.
struct culprit {
    const struct reading *reading;
    unsigned bit; // of a register
};

struct stuck {
    struct chip *chip;
    struct cpu *cpu;
    const struct loads *loads;
    struct timeline *timeline;
    struct event event;
    struct sample samples[SAMPLES];
    size_t sample_count, sample_next;

    // The look under way.
    unsigned steps, limit;
    uint32_t start_pc;
    unsigned exception;             // being handled at the start
    uint32_t stack_low, stack_high; // stack pointers met
    uint32_t loop[LOOP_MAX];
    unsigned visits[LOOP_MAX];
    unsigned loop_count;
    unsigned newest_step; // at which an instruction was met first
    bool is_too_wide;
    bool is_writing; // to registers, in the loop
    struct reading readings[READS_MAX];
    unsigned reading_count;
    bool is_learning;
    bool has_left;
    unsigned outside;             // instructions since
    const struct reading *turned; // the one that shows another value
    uint32_t turn;
};

// --- samples --------------------------------------------------------------------------------------

static void sample(void *ctx) {
    struct stuck *stuck = ctx;
    stuck->samples[stuck->sample_next] = (struct sample){
        .pc = cpu_register(stuck->cpu, 15),
        .exception = (uint16_t)(cpu_register(stuck->cpu, 16) & 0x1ff), // IPSR
        .writes = chip_program_writes(stuck->chip),
    };
    stuck->sample_next = (stuck->sample_next + 1) % SAMPLES;
    stuck->sample_count += stuck->sample_count < SAMPLES;
    timeline_schedule(stuck->timeline, &stuck->event, timeline_now(stuck->timeline) + SAMPLE_PS);
}

struct stuck *stuck_new(struct chip *chip, const struct loads *loads, struct timeline *timeline) {
    struct stuck *stuck = calloc(1, sizeof *stuck);
    if (!stuck) {
        return NULL;
    }
    stuck->chip = chip;
    stuck->cpu = chip_cpu(chip);
    stuck->loads = loads;
    stuck->timeline = timeline;
    stuck->event.fire = sample;
    stuck->event.ctx = stuck;
    timeline_schedule(timeline, &stuck->event, timeline_now(timeline) + SAMPLE_PS);
    return stuck;
}

void stuck_free(struct stuck *stuck) {
    if (stuck) {
        timeline_cancel(stuck->timeline, &stuck->event);
        free(stuck);
    }
}

void stuck_reset(struct stuck *stuck) {
    stuck->sample_count = 0;
    stuck->sample_next = 0;
}

// --- the loop -------------------------------------------------------------------------------------

static int find_instruction(const struct stuck *stuck, uint32_t pc) {
    for (unsigned i = 0; i < stuck->loop_count; i++) {
        if (stuck->loop[i] == pc) {
            return (int)i;
        }
    }
    return -1;
}

// Outside the loop, and still on its feet after a few instructions: what only makes the program
// fault, such as a pointer with another bit, frees nothing.
static bool follow(struct stuck *stuck, bool is_inside, unsigned exception) {
    if (is_inside) {
        return !stuck->has_left;
    }
    if (exception != stuck->exception) {
        stuck->has_left = false;
        return false;
    }
    stuck->has_left = true;
    return ++stuck->outside < OUTSIDE_STEPS;
}

static bool step(void *ctx, uint32_t pc, unsigned exception) {
    struct stuck *stuck = ctx;
    if (stuck->steps++ >= stuck->limit) {
        return false;
    }
    int at = find_instruction(stuck, pc);
    uint32_t sp = cpu_register(stuck->cpu, 13);
    stuck->stack_low = sp < stuck->stack_low ? sp : stuck->stack_low;
    stuck->stack_high = sp > stuck->stack_high ? sp : stuck->stack_high;
    if (!stuck->is_learning) {
        return follow(stuck, at >= 0, exception);
    }
    if (at >= 0) {
        stuck->visits[at]++;
        return true;
    }
    if (stuck->loop_count == LOOP_MAX) {
        stuck->is_too_wide = true;
        return false;
    }
    stuck->newest_step = stuck->steps;
    stuck->visits[stuck->loop_count] = 1;
    stuck->loop[stuck->loop_count++] = pc;
    return true;
}

static const struct reading *find_reading(struct stuck *stuck, uint32_t addr) {
    for (unsigned i = 0; i < stuck->reading_count; i++) {
        if (stuck->readings[i].addr == addr) {
            return &stuck->readings[i];
        }
    }
    return NULL;
}

// The word at an address as this look shows it.
static uint32_t shown(struct stuck *stuck, const struct reading *reading, uint32_t value) {
    return reading && reading == stuck->turned ? value ^ stuck->turn : value;
}

// The private peripheral bus (PM0214 2.2): the core's own.
static bool is_core_register(uint32_t addr) {
    return addr >= 0xe0000000u;
}

static bool read_register(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    struct stuck *stuck = ctx;
    uint32_t word_addr = addr & ~3u;
    uint32_t base;
    const struct reading *reading = find_reading(stuck, word_addr);
    if (!reading && stuck->is_learning && stuck->reading_count < READS_MAX &&
        (chip_peripheral_at(stuck->chip, word_addr, &base) || !is_core_register(word_addr))) {
        struct reading *made = &stuck->readings[stuck->reading_count++];
        *made = (struct reading){.addr = word_addr,
                                 .value = chip_peek_register(stuck->chip, word_addr)};
        reading = made;
    }
    // The world stands still: a register keeps the value it had.
    uint32_t word = shown(stuck, reading, reading ? reading->value : 0);
    word >>= (addr & 3) * 8;
    *value = size == 4 ? word : word & ((1u << size * 8) - 1);
    return true;
}

static bool write_register(void *ctx, uint32_t addr, unsigned size, uint32_t value) {
    struct stuck *stuck = ctx;
    (void)addr;
    (void)size;
    (void)value;
    stuck->is_writing = stuck->is_writing || stuck->is_learning;
    return true;
}

static void loaded(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    struct stuck *stuck = ctx;
    const struct reading *reading = find_reading(stuck, addr);
    if (!reading && stuck->is_learning && stuck->reading_count < READS_MAX) {
        struct reading *made = &stuck->readings[stuck->reading_count++];
        *made = (struct reading){.addr = addr, .value = *value, .is_memory = true};
        reading = made;
    }
    *value = shown(stuck, reading, *value);
    if (size < 4) {
        *value &= (1u << size * 8) - 1;
    }
}

static bool look(struct stuck *stuck, unsigned limit) {
    stuck->steps = 0;
    stuck->limit = limit;
    stuck->has_left = false;
    stuck->outside = 0;
    return cpu_probe(stuck->cpu, &(struct cpu_probe){.ctx = stuck,
                                                     .step = step,
                                                     .read = read_register,
                                                     .write = write_register,
                                                     .loaded = loaded});
}

// What a function keeps on its stack is not what it waits for.
static void drop_stack(struct stuck *stuck) {
    unsigned kept = 0;
    for (unsigned i = 0; i < stuck->reading_count; i++) {
        const struct reading *reading = &stuck->readings[i];
        if (!reading->is_memory || reading->addr < stuck->stack_low ||
            reading->addr >= stuck->stack_high + FRAME_BYTES) {
            stuck->readings[kept++] = *reading;
        }
    }
    stuck->reading_count = kept;
}

// Learns the loop the processor is in; false if it is in none.
static bool learn(struct stuck *stuck) {
    stuck->start_pc = cpu_register(stuck->cpu, 15);
    stuck->exception = cpu_register(stuck->cpu, 16) & 0x1ff;
    stuck->stack_low = stuck->stack_high = cpu_register(stuck->cpu, 13);
    stuck->loop_count = 0;
    stuck->reading_count = 0;
    stuck->is_too_wide = false;
    stuck->is_writing = false;
    stuck->turned = NULL;
    stuck->is_learning = true;
    bool is_looked = look(stuck, LOOK_STEPS);
    stuck->is_learning = false;
    drop_stack(stuck);
    // Nothing new for three quarters of the time, and the whole time was used.
    return is_looked && !stuck->is_too_wide && stuck->steps > LOOK_STEPS &&
           stuck->newest_step < LOOK_STEPS / 4;
}

// Drops what is met on the way into the loop but not in it, and says how long it takes to come round.
static unsigned trim(struct stuck *stuck) {
    unsigned kept = 0;
    unsigned rarest = LOOK_STEPS;
    for (unsigned i = 0; i < stuck->loop_count; i++) {
        if (stuck->visits[i] >= 3) {
            rarest = stuck->visits[i] < rarest ? stuck->visits[i] : rarest;
            stuck->visits[kept] = stuck->visits[i];
            stuck->loop[kept++] = stuck->loop[i];
        }
    }
    stuck->loop_count = kept;
    return LOOK_STEPS / rarest + 1;
}

// --- what ends it ---------------------------------------------------------------------------------

static bool is_freed_by(struct stuck *stuck, const struct reading *reading, uint32_t turn,
                        unsigned limit) {
    stuck->turned = reading;
    stuck->turn = turn;
    bool is_looked = look(stuck, limit);
    stuck->turned = NULL;
    return is_looked && stuck->has_left;
}

static bool is_pointer(const struct stuck *stuck, const struct reading *reading) {
    return chip_has_memory(stuck->chip, reading->value & ~3u, 4);
}

// The loop without what is met only on the way into it; how many steps a look at it takes. Where the
// way in is still ahead, or the loop is about to pass a rare place (a time-out that runs out and begins
// again), it would be left whatever is turned over, and nothing could be told: all of it stays then.
static unsigned settle(struct stuck *stuck) {
    uint32_t whole[LOOP_MAX];
    unsigned whole_count = stuck->loop_count;
    memcpy(whole, stuck->loop, whole_count * sizeof *whole);
    unsigned limit = 3 * trim(stuck) + 64;
    if (is_freed_by(stuck, NULL, 0, limit)) {
        memcpy(stuck->loop, whole, whole_count * sizeof *whole);
        stuck->loop_count = whole_count;
    }
    return limit;
}

// Registers, a bit at a time; then variables: a flag that comes up, any other value, time that has
// passed. One more than CULPRITS_MAX at most.
static unsigned find_culprits(struct stuck *stuck, unsigned limit,
                              struct culprit culprits[CULPRITS_MAX + 1]) {
    static const uint32_t turns[] = {1, 0xFFFFFFFFu, 0x40000000u};
    unsigned count = 0;
    for (unsigned i = 0; i < stuck->reading_count; i++) {
        const struct reading *reading = &stuck->readings[i];
        for (unsigned bit = 0; bit < 32 && !reading->is_memory && count <= CULPRITS_MAX; bit++) {
            if (is_freed_by(stuck, reading, 1u << bit, limit)) {
                culprits[count++] = (struct culprit){reading, bit};
            }
        }
    }
    for (unsigned i = 0; i < stuck->reading_count && count <= CULPRITS_MAX; i++) {
        const struct reading *reading = &stuck->readings[i];
        bool is_freed = false;
        bool is_flag = reading->is_memory && !is_pointer(stuck, reading);
        for (unsigned j = 0; j < sizeof turns / sizeof turns[0] && is_flag; j++) {
            is_freed = is_freed || is_freed_by(stuck, reading, turns[j], limit);
        }
        if (is_freed) {
            culprits[count++] = (struct culprit){reading, 0};
        }
    }
    return count;
}

// --- words ----------------------------------------------------------------------------------------

static void add(char text[STUCK_TEXT_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(char text[STUCK_TEXT_MAX], const char *format, ...) {
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + used, STUCK_TEXT_MAX - used, format, args);
    va_end(args);
}

static void add_place(const struct stuck *stuck, char text[STUCK_TEXT_MAX], uint32_t addr) {
    uint32_t offset = 0;
    const char *name = loads_symbol((void *)(uintptr_t)stuck->loads, addr, &offset);
    if (name) {
        add(text, "%.60s+0x%" PRIx32 " (0x%08" PRIx32 ")", name, offset, addr);
    } else {
        add(text, "0x%08" PRIx32, addr);
    }
}

// The functions that the loop goes through besides the one the processor is in, at most three.
static void add_functions(const struct stuck *stuck, char text[STUCK_TEXT_MAX]) {
    const char *told[4] = {0};
    unsigned count = 1;
    uint32_t offset;
    told[0] = loads_symbol((void *)(uintptr_t)stuck->loads, stuck->start_pc, &offset);
    for (unsigned i = 0; i < stuck->loop_count && count < 4; i++) {
        const char *name = loads_symbol((void *)(uintptr_t)stuck->loads, stuck->loop[i], &offset);
        bool is_new = name != NULL;
        for (unsigned j = 0; j < count && is_new; j++) {
            is_new = !told[j] || strcmp(told[j], name) != 0;
        }
        if (is_new) {
            told[count++] = name;
            add(text, "%s%.60s", count == 2 ? ", through " : ", ", name);
        }
    }
}

// "HAL_RCC_OscConfig+0x42 (0x08001234), a loop of 3 instructions at 0x08001230-0x08001236"
static void add_loop(const struct stuck *stuck, char text[STUCK_TEXT_MAX]) {
    uint32_t low = stuck->start_pc;
    uint32_t high = stuck->start_pc;
    for (unsigned i = 0; i < stuck->loop_count; i++) {
        low = stuck->loop[i] < low ? stuck->loop[i] : low;
        high = stuck->loop[i] > high ? stuck->loop[i] : high;
    }
    add_place(stuck, text, stuck->start_pc);
    if (stuck->loop_count == 1) {
        add(text, ", which jumps to itself");
    } else {
        add(text, ", a loop of %u instructions at 0x%08" PRIx32 "-0x%08" PRIx32, stuck->loop_count,
            low, high);
        add_functions(stuck, text);
    }
}

// How many samples there are since the loop was entered. A loop that writes to no register was left between two samples
// if the program did: it prints all the time, say.
static size_t samples_inside(const struct stuck *stuck) {
    size_t count = 0;
    uint32_t writes = chip_program_writes(stuck->chip);
    while (count < stuck->sample_count) {
        const struct sample *at =
            &stuck->samples[(stuck->sample_next + SAMPLES - 1 - count) % SAMPLES];
        // An interrupt in between is nothing of its own.
        if (at->exception == stuck->exception && find_instruction(stuck, at->pc) < 0) {
            break;
        }
        if (stuck->exception == 0 && !stuck->is_writing && at->writes != writes) {
            break;
        }
        count++;
    }
    return count;
}

static void add_since(const struct stuck *stuck, char text[STUCK_TEXT_MAX]) {
    size_t count = samples_inside(stuck);
    char span[SPAN_MAX];
    if (count > 1) {
        add(text, " (there for %s%s)", span_text(count * SAMPLE_PS, span),
            count == SAMPLES ? " or longer" : "");
    }
}

static void add_reading(const struct stuck *stuck, char text[STUCK_TEXT_MAX],
                        const struct reading *reading) {
    uint32_t base = 0;
    uint32_t offset = 0;
    char name[REGISTER_NAME_MAX];
    if (!reading->is_memory) {
        const char *peripheral = chip_peripheral_at(stuck->chip, reading->addr, &base);
        if (peripheral) {
            add(text, "%s (0x%08" PRIx32 ")", register_name(peripheral, reading->addr - base, name),
                reading->addr);
        } else {
            add(text, "0x%08" PRIx32 ", where this chip has no register,", reading->addr);
        }
        return;
    }
    const char *symbol = loads_symbol((void *)(uintptr_t)stuck->loads, reading->addr, &offset);
    if (symbol && offset == 0) {
        add(text, "the variable %.60s (0x%08" PRIx32 ")", symbol, reading->addr);
    } else if (symbol) {
        add(text, "the variable %.60s+0x%" PRIx32 " (0x%08" PRIx32 ")", symbol, offset,
            reading->addr);
    } else {
        add(text, "the memory at 0x%08" PRIx32, reading->addr);
    }
}

static void add_culprit(const struct stuck *stuck, char text[STUCK_TEXT_MAX],
                        const struct culprit *culprit) {
    const struct reading *reading = culprit->reading;
    uint32_t base = 0;
    char name[REGISTER_NAME_MAX];
    add_reading(stuck, text, reading);
    if (reading->is_memory) {
        add(text, " to change from %" PRIu32, reading->value);
        return;
    }
    const char *peripheral = chip_peripheral_at(stuck->chip, reading->addr, &base);
    name[0] = '\0';
    if (peripheral) {
        register_bit_name(peripheral, reading->addr - base, culprit->bit, name);
    }
    add(text, " bit %u%s%s to become %u (it reads 0x%08" PRIx32 ")", culprit->bit,
        name[0] ? " " : "", name, !(reading->value >> culprit->bit & 1), reading->value);
}

static void add_polled(const struct stuck *stuck, char text[STUCK_TEXT_MAX]) {
    unsigned told = 0;
    for (unsigned i = 0; i < stuck->reading_count && told < CULPRITS_TOLD; i++) {
        if (!stuck->readings[i].is_memory) {
            add(text, told++ == 0 ? ", looking at " : ", ");
            add_reading(stuck, text, &stuck->readings[i]);
        }
    }
}

static bool is_fault(unsigned exception) {
    return exception >= 3 && exception <= 6; // PM0214 2.3.2: HardFault to UsageFault
}

static enum stuck_kind describe_loop(struct stuck *stuck, char text[STUCK_TEXT_MAX]) {
    struct culprit culprits[CULPRITS_MAX + 1];
    unsigned limit = settle(stuck);
    unsigned count = find_culprits(stuck, limit, culprits);
    if (is_fault(stuck->exception)) {
        static const char *const names[] = {"HardFault", "MemManage", "BusFault", "UsageFault"};
        add(text, "is in the handler of a %s, in ", names[stuck->exception - 3]);
        add_loop(stuck, text);
        add_since(stuck, text);
        return STUCK_FAULT;
    }
    if (count == 0 || count > CULPRITS_MAX) {
        add(text, "goes round in ");
        add_loop(stuck, text);
        add_polled(stuck, text);
        add_since(stuck, text);
        return STUCK_SPINNING;
    }
    bool is_register = false;
    for (unsigned i = 0; i < count; i++) {
        is_register = is_register || !culprits[i].reading->is_memory;
    }
    add(text, "waits in ");
    add_loop(stuck, text);
    add_since(stuck, text);
    add(text, " for ");
    for (unsigned i = 0; i < count && i < CULPRITS_TOLD; i++) {
        add(text, i == 0 ? "" : ", or ");
        add_culprit(stuck, text, &culprits[i]);
    }
    return is_register && samples_inside(stuck) * SAMPLE_PS >= STUCK_LONG_PS ? STUCK_WAITING_LONG
                                                                             : STUCK_WAITING;
}

bool stuck_is_faulty(const struct stuck *stuck) {
    return chip_is_running(stuck->chip) &&
           (cpu_is_locked_up(stuck->cpu) || is_fault(cpu_register(stuck->cpu, 16) & 0x1ff));
}

enum stuck_kind stuck_look(struct stuck *stuck, char text[STUCK_TEXT_MAX]) {
    text[0] = '\0';
    if (!chip_is_running(stuck->chip)) {
        add(text, "has no power, or is held in reset");
        return STUCK_OFF;
    }
    if (cpu_is_parked(stuck->cpu)) {
        add(text, "stands at ");
        add_place(stuck, text, cpu_register(stuck->cpu, 15));
        add(text, ", where the program ended (SYS_EXIT)");
        return STUCK_ASLEEP;
    }
    if (cpu_is_locked_up(stuck->cpu)) {
        add(text, "is locked up at ");
        add_place(stuck, text, cpu_register(stuck->cpu, 15));
        add(text, ": a fault inside HardFault or NMI; only a reset ends that");
        return STUCK_LOCKED_UP;
    }
    if (cpu_instructions(stuck->cpu) == 0) { // a debugger was waited for
        add(text, "stands before its first instruction, at ");
        add_place(stuck, text, cpu_register(stuck->cpu, 15));
        return STUCK_NOT;
    }
    if (cpu_is_asleep(stuck->cpu)) {
        add(text, "sleeps (WFI or WFE) before ");
        add_place(stuck, text, cpu_register(stuck->cpu, 15));
        return STUCK_ASLEEP;
    }
    if (learn(stuck)) {
        return describe_loop(stuck, text);
    }
    add(text, "was at ");
    add_place(stuck, text, cpu_register(stuck->cpu, 15));
    return STUCK_NOT;
}
