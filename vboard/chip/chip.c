// SPDX-License-Identifier: MIT
//
// Puts the chip together: processor, memories and peripherals, the clock that ties the processor's
// cycles to virtual time, sleep, and reset. bus.c decides who answers an access; what a register
// does is decided in the peripheral's own file.

#include "vboard/chip/chip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/chip/chip_state.h"
#include "vboard/chip/flash_internal.h"
#include "vboard/chip/otg_wiring.h"

#define SRAM_BASE            0x20000000u
#define CCM_BASE             0x10000000u
#define DBGMCU_BASE          0xE0042000u

#define CPUID_CORTEX_M4_R0P1 0x410FC241u // PM0214 4.4.2
#define PRIORITY_BITS        4u          // RM0090 12.1.1: 16 levels
// RM0090 figure 21 (clock tree): HCLK / 8 to the Cortex system timer.
#define SYSTICK_DIVIDER      8u

#define HSI_HZ               16000000u // RM0090 7.2.2

const struct chip_model chip_stm32f407vg = {
    .name = "STM32F407VG",
    .flash_bytes = 1024 * 1024,
    .sram_bytes = 128 * 1024,
    .ccm_bytes = 64 * 1024,
    // Device 0x413, revision 0x1001 (RM0090 38.6.1; read from silicon).
    .idcode = 0x10016413u,
    .irq_count = 82, // RM0090 table 62: positions 0 to 81
    .has_otg_hs = true,
};

// --- time -----------------------------------------------------------------------------------------

static uint64_t time_now(const struct chip *chip) {
    uint64_t cycles = cpu_cycles(chip->cpu) - chip->base_cycles;
    return chip->base_ps + (uint64_t)((unsigned __int128)cycles * PS_PER_S / chip->core_hz);
}

// The first cycle that is not before an instant.
static uint64_t cycle_at(const struct chip *chip, uint64_t at_ps) {
    if (at_ps <= chip->base_ps) {
        return chip->base_cycles;
    }
    unsigned __int128 scaled = (unsigned __int128)(at_ps - chip->base_ps) * chip->core_hz;
    return chip->base_cycles + (uint64_t)((scaled + PS_PER_S - 1) / PS_PER_S);
}

static void let_pass(struct chip *chip, uint64_t until_ps) {
    uint64_t target = cycle_at(chip, until_ps);
    uint64_t cycles = cpu_cycles(chip->cpu);

    if (target > cycles) {
        cpu_stall(chip->cpu, target - cycles);
    }
}

void chip_set_core_hz(struct chip *chip, uint64_t hz) {
    if (hz == chip->core_hz) {
        return;
    }
    chip->base_ps = time_now(chip);
    chip->base_cycles = cpu_cycles(chip->cpu);
    chip->core_hz = hz;
    // The cycle at which the slice ends was worked out for the old clock.
    cpu_break(chip->cpu);
}

void chip_stand_still(struct chip *chip, uint64_t until_ps) {
    while (chip->is_running && chip->pending_reset == RESET_NONE) {
        uint64_t now_ps = time_now(chip);
        uint64_t limit_ps = timeline_limit(chip->timeline);
        if (now_ps >= until_ps) {
            return;
        }
        uint64_t step_ps = timeline_next(chip->timeline);
        step_ps = step_ps < until_ps ? step_ps : until_ps;
        step_ps = step_ps < limit_ps ? step_ps : limit_ps;
        step_ps = step_ps > now_ps ? step_ps : now_ps;
        let_pass(chip, step_ps);
        timeline_pass(chip->timeline, step_ps);
        if (chip->timeline->stop || step_ps >= limit_ps) {
            // The run ends in the middle of the stall. The processor cannot be left inside an
            // access, so it finishes this one instruction with its clock at the stall's end, and
            // the timeline does not run it before that instant. Events until then still fire at
            // their time; only this instruction does not see what they do.
            break;
        }
    }
    if (chip->pending_reset == RESET_NONE) {
        let_pass(chip, until_ps);
    }
}

// --- what the processor asks besides memory -----------------------------------------------------

static void bus_reset_request(void *ctx) {
    struct chip *chip = ctx;
    if (chip->pending_reset == RESET_NONE) {
        chip->pending_reset = RESET_SOFTWARE;
    }
    cpu_break(chip->cpu);
}

static void bus_complaint(void *ctx, const char *what, const char *sentence) {
    struct chip *chip = ctx;
    char where[WHERE_MAX];
    chip_where(chip, where);
    trace_complaint(chip->trace, what, where, "%s at %s", sentence, where);
}

// --- reset ---------------------------------------------------------------------------------------------

void chip_remap(struct chip *chip, unsigned mode) {
    // RM0090 9.2.1 MEM_MODE; FSMC (2) has nothing behind it here.
    static const struct {
        uint8_t boot;
        bool writable;
    } map[4] = {{BOOT_FLASH, false}, {BOOT_SYSTEM, false}, {BOOT_FSMC, false}, {BOOT_SRAM, true}};
    uint8_t *const bytes[4] = {chip->flash.bytes, chip->system, chip->system, chip->sram};
    const uint32_t sizes[4] = {chip->model->flash_bytes, SYSTEM_SIZE, 0, chip->model->sram_bytes};

    chip->boot = map[mode & 3].boot;
    cpu_region_set_bytes(chip->cpu, chip->boot_region, bytes[mode & 3], sizes[mode & 3],
                         map[mode & 3].writable);
    chip_guard_flash(chip, chip->flash.is_busy);
}

void chip_guard_flash(struct chip *chip, bool is_guarded) {
    cpu_region_guard(chip->cpu, chip->flash_region, is_guarded);
    cpu_region_guard(chip->cpu, chip->boot_region,
                     chip->boot == BOOT_SYSTEM || (chip->boot == BOOT_FLASH && is_guarded));
}

void chip_reset_peripherals(struct chip *chip, uint32_t enable_register, uint32_t bits) {
    for (size_t i = 0; i < chip->peripheral_count; i++) {
        const struct peripheral *peripheral = &chip->peripherals[i];
        if (peripheral->enable_register == enable_register && (peripheral->enable_bit & bits) &&
            peripheral->reset) {
            peripheral->reset(peripheral->ctx);
        }
    }
}

// SRAM after power-on holds anything but what a program hopes for, each time something else.
static void fill_undefined(uint8_t *bytes, uint32_t len, uint32_t power_ups) {
    uint32_t word = 0x5EEDF00Du + power_ups * 0x3C6EF372u; // odd whatever is added

    for (uint32_t off = 0; off + 4 <= len; off += 4) {
        word ^= word << 13; // xorshift32 (Marsaglia 2003): never zero
        word ^= word >> 17;
        word ^= word << 5;
        memcpy(bytes + off, &word, 4);
    }
}

static void perform_reset(struct chip *chip, enum reset_cause cause) {
    // RM0090 7.1: which flags each source leaves in RCC_CSR. A software reset pulls NRST as well.
    static const struct {
        const char *name;
        uint32_t flags;
    } causes[] = {
        [RESET_POWER_ON] = {"power-on", RCC_CSR_PORRSTF | RCC_CSR_BORRSTF | RCC_CSR_PINRSTF},
        [RESET_PIN] = {"pin", RCC_CSR_PINRSTF},
        [RESET_SOFTWARE] = {"software", RCC_CSR_SFTRSTF | RCC_CSR_PINRSTF},
    };

    chip->pending_reset = RESET_NONE;
    trace_event(chip->trace, TRACE_RESET, "reset", "cause=%s", causes[cause].name);
    for (size_t i = 0; i < chip->peripheral_count; i++) {
        const struct peripheral *peripheral = &chip->peripherals[i];
        if (cause == RESET_POWER_ON && peripheral->power_on) {
            peripheral->power_on(peripheral->ctx);
        }
        if (peripheral->reset) {
            peripheral->reset(peripheral->ctx);
        }
    }
    rcc_set_reset_flags(chip, causes[cause].flags);
    chip_remap(chip, BOOT_FLASH);
    cpu_reset(chip->cpu);
}

// Everything is as it will be found at the next power-on, the pull-up and the pins released.
static void perform_power_off(struct chip *chip) {
    chip->pending_reset = RESET_NONE;
    chip->is_powered = false;
    // The last first: none is to find its clock gone before it.
    for (size_t i = chip->peripheral_count; i-- > 0;) {
        const struct peripheral *peripheral = &chip->peripherals[i];
        if (peripheral->power_on) {
            peripheral->power_on(peripheral->ctx);
        }
        if (peripheral->reset) {
            peripheral->reset(peripheral->ctx);
        }
    }
    chip->flash.is_cut_inside = false;
}

static void request_reset(struct chip *chip, enum reset_cause cause) {
    if (!chip_has_power(chip) && cause != RESET_POWER_ON) {
        return;
    }
    if (chip->is_running) {
        chip->pending_reset = cause;
        cpu_break(chip->cpu);
    } else {
        perform_reset(chip, cause);
    }
}

// --- the processor as a runner of the timeline ---------------------------------------------------------

static void skip_sleep(struct chip *chip, uint64_t until_cycle) {
    uint64_t cycles = cpu_cycles(chip->cpu);
    uint64_t wake = cpu_next_wake(chip->cpu);
    uint64_t target = wake < until_cycle ? wake : until_cycle;

    // At least one cycle, so that a processor that finds nothing to wake for makes way.
    cpu_stall(chip->cpu, target > cycles ? target - cycles : 1);
}

static uint64_t run(void *ctx, uint64_t until_ps) {
    struct chip *chip = ctx;

    if (!chip->is_powered) {
        return until_ps;
    }
    chip->is_running = true;
    chip->is_interrupted = false;
    while (chip->is_powered && !chip->is_interrupted && time_now(chip) < until_ps) {
        uint64_t until_cycle = cycle_at(chip, until_ps);
        enum cpu_stop stop = cpu_run(chip->cpu, until_cycle);

        if (chip->pending_reset == RESET_POWER_OFF) {
            perform_power_off(chip);
        } else if (chip->pending_reset != RESET_NONE) {
            perform_reset(chip, chip->pending_reset);
        } else if (stop == CPU_STOP_SLEEP && !chip->is_interrupted) {
            skip_sleep(chip, until_cycle);
        } else if (stop == CPU_STOP_LOCKUP) {
            let_pass(chip, until_ps);
        }
    }
    chip->is_running = false;
    return time_now(chip);
}

static void interrupt(void *ctx) {
    struct chip *chip = ctx;
    chip->is_interrupted = true;
    cpu_break(chip->cpu);
}

static uint64_t runner_now(void *ctx) {
    return time_now(ctx);
}

// --- putting together -------------------------------------------------------------------------------------

#define PERIPHERALS_MAX 32u

static bool add_peripherals(struct chip *chip) {
    for (size_t i = 0; i < unmodelled_count; i++) {
        chip_place(chip, &unmodelled_peripherals[i]);
    }
    chip_add_peripheral(chip, &rcc_peripheral, chip);
    chip_add_peripheral(chip, &pwr_peripheral, chip);
    chip_add_peripheral(chip, &rtc_peripheral, chip);
    chip_add_peripheral(chip, &bkpsram_peripheral, chip);
    chip_add_peripheral(chip, &flash_peripheral, chip);
    chip_add_peripheral(chip, &syscfg_peripheral, chip);
    chip_add_peripheral(chip, &exti_peripheral, chip);
    chip_add_peripheral(chip, &dbgmcu_peripheral, chip);
    for (unsigned port = 0; port < GPIO_PORTS; port++) {
        chip->gpio[port].chip = chip;
        chip->gpio[port].index = port;
        memset(chip->gpio[port].outside, -1, sizeof(chip->gpio[port].outside));
        memset(chip->gpio[port].shown, -1, sizeof(chip->gpio[port].shown));
        chip_add_peripheral(chip, &gpio_peripherals[port], &chip->gpio[port]);
    }
    return otg_wiring_add(chip);
}

static void add_memories(struct chip *chip) {
    const struct chip_model *model = chip->model;
    struct cpu *cpu = chip->cpu;

    chip->boot_region = cpu_add_region(
        cpu, &(struct cpu_region){0, model->flash_bytes, chip->flash.bytes, true, false, false});
    chip->flash_region =
        cpu_add_region(cpu, &(struct cpu_region){FLASH_BASE, model->flash_bytes, chip->flash.bytes,
                                                 true, false, false});
    // Guarded for good, to notice a jump to the ROM bootloader.
    chip->system_region = cpu_add_region(
        cpu, &(struct cpu_region){SYSTEM_BASE, SYSTEM_SIZE, chip->system, true, false, true});
    cpu_add_region(
        cpu, &(struct cpu_region){SRAM_BASE, model->sram_bytes, chip->sram, true, true, false});
    if (model->ccm_bytes) {
        // Only the D-bus reaches it: no code runs there (RM0090 2.3.1).
        cpu_add_region(
            cpu, &(struct cpu_region){CCM_BASE, model->ccm_bytes, chip->ccm, false, true, false});
    }
    cpu_set_bus(cpu, &(struct cpu_bus){
                         .ctx = chip,
                         .read = chip_bus_read,
                         .write = chip_bus_write,
                         .guarded = chip_bus_guarded,
                         .reset_request = bus_reset_request,
                         .complaint = bus_complaint,
                         .systick_reference_divider = SYSTICK_DIVIDER,
                     });
}

struct chip *chip_new(const struct chip_model *model, const struct chip_wiring *wiring,
                      struct timeline *timeline, struct trace *trace) {
    struct chip *chip = calloc(1, sizeof(*chip));
    if (!chip) {
        return NULL;
    }
    chip->model = model;
    chip->wiring = *wiring;
    chip->timeline = timeline;
    chip->trace = trace;
    chip->core_hz = HSI_HZ;
    chip->cpu = cpu_new(model->irq_count, PRIORITY_BITS, CPUID_CORTEX_M4_R0P1);
    chip->flash.bytes = malloc(model->flash_bytes);
    chip->flash.weak = calloc(1, model->flash_bytes);
    chip->sram = calloc(1, model->sram_bytes);
    chip->ccm = calloc(1, model->ccm_bytes ? model->ccm_bytes : 1);
    chip->system = malloc(SYSTEM_SIZE);
    chip->peripherals = calloc(PERIPHERALS_MAX, sizeof(*chip->peripherals));
    if (!chip->cpu || !chip->flash.bytes || !chip->flash.weak || !chip->sram || !chip->ccm ||
        !chip->system || !chip->peripherals) {
        chip_free(chip);
        return NULL;
    }
    memset(chip->flash.bytes, 0xFF, model->flash_bytes);
    // Level 0, no write protection, software watchdog, BOR off (RM0090 3.9.9 reset value).
    chip->flash.option = 0x0FFFAAEDu;
    system_memory_fill(chip);
    add_memories(chip);
    if (!add_peripherals(chip)) {
        chip_free(chip);
        return NULL;
    }
    timeline_add_runner(timeline, &(struct runner){run, interrupt, runner_now, chip});
    return chip;
}

// The timeline keeps the runner: it never runs again after this.
void chip_free(struct chip *chip) {
    if (!chip) {
        return;
    }
    flash_free(chip);
    rcc_free(chip);
    otg_wiring_free(chip);
    if (chip->cpu) {
        cpu_free(chip->cpu);
    }
    free(chip->flash.bytes);
    free(chip->flash.weak);
    free(chip->sram);
    free(chip->ccm);
    free(chip->system);
    free(chip->peripherals);
    free(chip);
}

void chip_set_symbolizer(struct chip *chip, chip_symbolizer symbol, void *ctx) {
    chip->symbol = symbol;
    chip->symbol_ctx = ctx;
}

void chip_power_on(struct chip *chip) {
    fill_undefined(chip->sram, chip->model->sram_bytes, chip->power_ups);
    fill_undefined(chip->ccm, chip->model->ccm_bytes, chip->power_ups);
    chip->power_ups++;
    cpu_code_changed(chip->cpu, SRAM_BASE, chip->model->sram_bytes);
    if (!chip->is_powered) {
        chip->is_powered = true;
        chip->base_ps = timeline_now(chip->timeline);
        chip->base_cycles = cpu_cycles(chip->cpu);
    }
    request_reset(chip, RESET_POWER_ON);
}

bool chip_has_power(const struct chip *chip) {
    return chip->is_powered && chip->pending_reset != RESET_POWER_OFF;
}

void chip_power_off(struct chip *chip) {
    if (!chip_has_power(chip)) {
        return;
    }
    flash_end_run(chip);
    trace_event(chip->trace, TRACE_RESET, "power-off", "");
    if (chip->is_running) {
        chip->pending_reset = RESET_POWER_OFF;
        cpu_break(chip->cpu);
    } else {
        perform_power_off(chip);
    }
}

void chip_reset_pin(struct chip *chip) {
    request_reset(chip, RESET_PIN);
}

uint8_t *chip_flash(struct chip *chip) {
    return chip->flash.bytes;
}

void chip_flash_changed(struct chip *chip) {
    flash_forget_weak(chip, 0, chip->model->flash_bytes);
    cpu_code_changed(chip->cpu, FLASH_BASE, chip->model->flash_bytes);
    cpu_code_changed(chip->cpu, 0, chip->model->flash_bytes);
}

// The bytes behind an address, all `len` of them, or NULL.
static uint8_t *memory_at(const struct chip *chip, uint32_t addr, uint32_t len) {
    const struct {
        uint32_t base, size;
        uint8_t *bytes;
    } memories[] = {
        {FLASH_BASE, chip->model->flash_bytes, chip->flash.bytes},
        {SRAM_BASE, chip->model->sram_bytes, chip->sram},
        {CCM_BASE, chip->model->ccm_bytes, chip->ccm},
    };

    for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++) {
        uint32_t off = addr - memories[i].base;
        if (off <= memories[i].size && len <= memories[i].size - off) {
            return memories[i].bytes + off;
        }
    }
    return NULL;
}

bool chip_poke(struct chip *chip, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    uint8_t *memory = memory_at(chip, addr, len);

    if (!memory) {
        return false;
    }
    memcpy(memory, bytes, len);
    cpu_code_changed(chip->cpu, addr, len);
    if (addr - FLASH_BASE < chip->model->flash_bytes) {
        flash_forget_weak(chip, addr - FLASH_BASE, len);
        cpu_code_changed(chip->cpu, addr - FLASH_BASE, len);
    }
    return true;
}

bool chip_has_memory(const struct chip *chip, uint32_t addr, uint32_t len) {
    return memory_at(chip, addr, len) != NULL;
}

bool chip_set_pin(struct chip *chip, const char *name, int level) {
    unsigned port, pin;

    if (!gpio_find_pin(name, &port, &pin)) {
        return false;
    }
    gpio_drive(chip, port, pin, level);
    return true;
}

int chip_pin(const struct chip *chip, const char *name) {
    unsigned port, pin;
    return gpio_find_pin(name, &port, &pin) ? gpio_level(chip, port, pin) : -1;
}

struct cpu *chip_cpu(struct chip *chip) {
    return chip->cpu;
}

uint64_t chip_core_hz(const struct chip *chip) {
    return chip->core_hz;
}
