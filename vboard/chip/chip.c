// SPDX-License-Identifier: MIT
//
// Puts the chip together: processor, memories and peripherals. Its time is chip_run.c's, its resets are
// chip_reset.c's; bus.c decides who answers an access; what a register does is decided in the peripheral's own file.

#include "spec/bytes.h"
#include "vboard/chip/chip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/chip/chip_internal.h"
#include "vboard/chip/flash_internal.h"
#include "vboard/chip/otg_wiring.h"

#define DBGMCU_BASE          0xE0042000u

#define CPUID_CORTEX_M4_R0P1 0x410FC241u // PM0214 4.4.2
#define PRIORITY_BITS        4u          // RM0090 12.1.1: 16 levels
// RM0090 figure 21 (clock tree): HCLK / 8 to the Cortex system timer.
#define SYSTICK_DIVIDER      8u

#define HSI_HZ               16000000u // RM0090 7.2.2

// --- what the processor asks besides memory -----------------------------------------------------

static void bus_reset_request(void *ctx) {
    struct chip *chip = ctx;
    if (chip->pending_reset == RESET_NONE) {
        chip->pending_reset = RESET_SOFTWARE;
    }
    cpu_break(chip->cpu);
}

// Where one program hands the processor to another, as a rule.
static void bus_vector_table(void *ctx, uint32_t addr) {
    const struct chip *chip = ctx;
    trace_event(chip->trace, TRACE_CPU, "vtor", "value=0x%08x", addr);
    if (chip->observer.vector_table) {
        chip->observer.vector_table(chip->observer.ctx, addr);
    }
}

static void bus_exception(void *ctx, unsigned number, bool enter) {
    const struct chip *chip = ctx;
    chip->observer.exception(chip->observer.ctx, number, enter);
}

static void bus_marked(void *ctx, uint32_t addr) {
    const struct chip *chip = ctx;
    if (chip->observer.marked) {
        chip->observer.marked(chip->observer.ctx, addr);
    }
}

static enum cpu_semihosting bus_semihosting(void *ctx) {
    const struct chip *chip = ctx;
    return chip->semihosting_hook(chip->semihosting_ctx);
}

static void bus_stimulus(void *ctx, unsigned port, unsigned size, uint32_t value) {
    const struct chip *chip = ctx;
    chip->stimulus_hook(chip->stimulus_ctx, port, size, value);
}

// Flash does not begin with a vector table.
static void complain_of_start(struct chip *chip) {
    const uint8_t *bytes = chip->flash.bytes + flash_off(chip, FLASH_BASE);
    uint32_t vector = chip_reset_vector(chip);
    uint32_t first = 0; // that is not blank
    if (chip->has_no_start) {
        trace_complaint(chip->trace, "no-vector-table", "",
                        "nothing starts: flash begins with 0x%08" PRIx32 " and 0x%08" PRIx32
                        ", where a stack pointer and a reset vector should be, and the vector %s; "
                        "an image for another chip or address?",
                        load_le32(bytes), vector,
                        vector & 1 ? "leads to no memory" : "is even, so not Thumb code");
        return;
    }
    while (first < chip->model->flash_bytes && chip->flash.bytes[first] == 0xff) {
        first++;
    }
    if (first == chip->model->flash_bytes) {
        trace_complaint(chip->trace, "empty-flash", "",
                        "there is nothing to run: flash is empty at its start, where the stack "
                        "pointer and the reset vector should be (--load or --flash puts something "
                        "there)");
    } else {
        trace_complaint(chip->trace, "empty-flash", "",
                        "there is nothing to run: flash is empty at its start, where the stack "
                        "pointer and the reset vector should be; what it holds begins at "
                        "0x%08" PRIx32 ": an application without its bootloader?",
                        FLASH_BASE + first);
    }
}

static void bus_complaint(void *ctx, const char *what, const char *sentence) {
    struct chip *chip = ctx;
    uint32_t offset = 0;
    char where[WHERE_MAX];
    bool is_hard_fault = strcmp(what, "hardfault") == 0;

    chip_where(chip, where);
    if ((chip->is_empty || chip->has_no_start) && (is_hard_fault || strcmp(what, "lockup") == 0)) {
        // What a processor does that starts from 0xFFFFFFFF is not what a person wants to hear.
        if (is_hard_fault) {
            complain_of_start(chip);
        }
        return;
    }
    // The sentence has the address; the name of the place is ours.
    const char *name =
        chip->symbol ? chip->symbol(chip->symbol_ctx, cpu_pc(chip->cpu), &offset) : NULL;
    if (name) {
        trace_complaint(chip->trace, what, where, "%s (in %.60s+0x%" PRIx32 ")", sentence, name,
                        offset);
    } else {
        trace_complaint(chip->trace, what, where, "%s", sentence);
    }
}

// --- putting together -------------------------------------------------------------------------------------

#define PERIPHERALS_MAX 96u

// Peripherals of which there are several alike.
static void add_arrays(struct chip *chip) {
    for (unsigned i = 0; i < USARTS; i++) {
        chip->usart[i].chip = chip;
        chip->usart[i].index = i;
        chip_add_peripheral(chip, &usart_peripherals[i], &chip->usart[i]);
    }
    for (unsigned i = 0; i < TIMS; i++) {
        chip->tim[i].chip = chip;
        chip->tim[i].index = i;
        chip_add_peripheral(chip, &tim_peripherals[i], &chip->tim[i]);
    }
    for (unsigned i = 0; i < DMAS; i++) {
        chip->dma[i].chip = chip;
        chip->dma[i].index = i;
        for (unsigned stream = 0; stream < DMA_STREAMS; stream++) {
            chip->dma[i].stream[stream].dma = &chip->dma[i];
        }
        chip_add_peripheral(chip, &dma_peripherals[i], &chip->dma[i]);
    }
    chip_add_peripheral(chip, &rng_peripheral, chip);
    chip_add_peripheral(chip, &sdio_peripheral, chip);
    chip_add_peripheral(chip, &dac_peripheral, chip);
    chip_add_peripheral(chip, &adc_peripheral, chip);
    for (unsigned i = 0; i < SPIS; i++) {
        chip->spi[i].chip = chip;
        chip->spi[i].index = i;
        chip_add_peripheral(chip, &spi_peripherals[i], &chip->spi[i]);
    }
    for (unsigned i = 0; i < I2CS; i++) {
        chip->i2c[i].chip = chip;
        chip->i2c[i].index = i;
        chip_add_peripheral(chip, &i2c_peripherals[i], &chip->i2c[i]);
    }
    for (unsigned i = 0; i < CANS; i++) {
        chip->can[i].chip = chip;
        chip->can[i].index = i;
        chip_add_peripheral(chip, &can_peripherals[i], &chip->can[i]);
    }
}

// One address and enable bit, another name with SDRAM in it.
static bool has_that_name(const struct chip_line *line, const struct peripheral *peripheral) {
    return peripheral->base != FSMC_BASE || line->has_fmc == (strcmp(peripheral->name, "FMC") == 0);
}

static bool add_peripherals(struct chip *chip) {
    for (size_t i = 0; i < unmodelled_count; i++) {
        if (rcc_has(chip->model->line, &unmodelled_peripherals[i]) &&
            has_that_name(chip->model->line, &unmodelled_peripherals[i])) {
            chip_place(chip, &unmodelled_peripherals[i]);
        }
    }
    chip_add_peripheral(chip, &rcc_peripheral, chip);
    chip_add_peripheral(chip, &pwr_peripheral, chip);
    chip_add_peripheral(chip, &rtc_peripheral, chip);
    chip_add_peripheral(chip, &bkpsram_peripheral, chip);
    chip_add_peripheral(chip, &flash_peripheral, chip);
    chip_add_peripheral(chip, &syscfg_peripheral, chip);
    chip_add_peripheral(chip, &exti_peripheral, chip);
    chip_add_peripheral(chip, &dbgmcu_peripheral, chip);
    chip_add_peripheral(chip, &iwdg_peripheral, chip);
    chip_add_peripheral(chip, &wwdg_peripheral, chip);
    chip_add_peripheral(chip, &crc_peripheral, chip);
    for (unsigned port = 0; port < GPIO_PORTS; port++) {
        chip->gpio[port].chip = chip;
        chip->gpio[port].index = port;
        memset(chip->gpio[port].outside, -1, sizeof(chip->gpio[port].outside));
        memset(chip->gpio[port].shown, -1, sizeof(chip->gpio[port].shown));
        memset(chip->gpio[port].observed, -1, sizeof(chip->gpio[port].observed));
        chip_add_peripheral(chip, &gpio_peripherals[port], &chip->gpio[port]);
    }
    add_arrays(chip);
    return otg_wiring_add(chip);
}

static void connect_bus(struct chip *chip) {
    cpu_set_bus(chip->cpu, &(struct cpu_bus){
                               .ctx = chip,
                               .read = chip_bus_read,
                               .write = chip_bus_write,
                               .guarded = chip_bus_guarded,
                               .watched_fetch = art_watched_fetch,
                               .watched_load = art_watched_load,
                               .reset_request = bus_reset_request,
                               .complaint = bus_complaint,
                               .exception = chip->observer.exception ? bus_exception : NULL,
                               .marked = bus_marked,
                               .semihosting = chip->semihosting_hook ? bus_semihosting : NULL,
                               .stimulus = chip->stimulus_hook ? bus_stimulus : NULL,
                               .vector_table = bus_vector_table,
                               .systick_reference_divider = SYSTICK_DIVIDER,
                           });
}

static void add_memories(struct chip *chip) {
    const struct chip_model *model = chip->model;
    struct cpu *cpu = chip->cpu;

    uint32_t half = model->flash_bytes / chip->flash_regions;
    for (unsigned i = 0; i < chip->flash_regions; i++) {
        uint8_t *bytes = chip->flash.bytes + i * half;
        chip->boot_region[i] =
            cpu_add_region(cpu, &(struct cpu_region){i * half, half, bytes, true, false, false});
        chip->flash_region[i] = cpu_add_region(
            cpu, &(struct cpu_region){FLASH_BASE + i * half, half, bytes, true, false, false});
    }
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
    connect_bus(chip);
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
    chip->supply.mv = SUPPLY_MV;
    chip->flash_regions = model->line->has_two_banks ? FLASH_BANKS : 1;
    chip->cpu = cpu_new(model->line->irq_count, PRIORITY_BITS, CPUID_CORTEX_M4_R0P1, true);
    chip->flash.bytes = malloc(model->flash_bytes);
    chip->flash.weak = calloc(1, model->flash_bytes);
    chip->flash.pages = flash_pages_new();
    chip->sram = calloc(1, model->sram_bytes);
    chip->ccm = calloc(1, model->ccm_bytes ? model->ccm_bytes : 1);
    chip->system = malloc(SYSTEM_SIZE);
    chip->peripherals = calloc(PERIPHERALS_MAX, sizeof(*chip->peripherals));
    if (!chip->cpu || !chip->flash.bytes || !chip->flash.weak || !chip->flash.pages ||
        !chip->sram || !chip->ccm || !chip->system || !chip->peripherals) {
        chip_free(chip);
        return NULL;
    }
    memset(chip->flash.bytes, 0xFF, model->flash_bytes);
    // Level 0, no write protection, software watchdog, BOR off (RM0090 3.9.9 reset value).
    chip->flash.option = 0x0FFFAAEDu;
    chip->flash.option1 = 0x0FFF0000u;
    system_memory_fill(chip);
    add_memories(chip);
    if (!add_peripherals(chip)) {
        chip_free(chip);
        return NULL;
    }
    const struct runner runner = chip_runner(chip);
    timeline_add_runner(timeline, &runner);
    return chip;
}

// The timeline keeps the runner: it never runs again after this.
void chip_free(struct chip *chip) {
    if (!chip) {
        return;
    }
    flash_free(chip);
    art_free(chip);
    watchdogs_free(chip);
    usart_free(chip);
    tim_free(chip);
    dma_free(chip);
    rng_free(chip);
    sdio_free(chip);
    rtc_free(chip);
    spi_free(chip);
    adc_free(chip);
    can_free(chip);
    i2c_free(chip);
    rcc_free(chip);
    otg_wiring_free(chip);
    if (chip->cpu) {
        cpu_free(chip->cpu);
    }
    free(chip->flash.bytes);
    free(chip->flash.weak);
    flash_pages_free(chip->flash.pages);
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

void chip_observe(struct chip *chip, const struct chip_observer *observer) {
    chip->observer = observer ? *observer : (struct chip_observer){0};
    connect_bus(chip);
}

void chip_on_semihosting(struct chip *chip, chip_semihosting_hook hook, void *ctx) {
    chip->semihosting_hook = hook;
    chip->semihosting_ctx = ctx;
    connect_bus(chip);
}

void chip_on_stimulus(struct chip *chip, uint32_t ports, chip_stimulus_hook hook, void *ctx) {
    chip->stimulus_hook = hook;
    chip->stimulus_ctx = ctx;
    cpu_itm_enable(chip->cpu, ports);
    connect_bus(chip);
}

uint8_t *chip_flash(struct chip *chip) {
    return chip->flash.bytes;
}

void chip_flash_changed(struct chip *chip) {
    flash_forget_weak(chip, 0, chip->model->flash_bytes);
    flash_announce_change(chip, 0, chip->model->flash_bytes);
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
        if (off > memories[i].size || len > memories[i].size - off) {
            continue;
        }
        if (memories[i].base != FLASH_BASE || !chip->is_bank_swapped) {
            return memories[i].bytes + off;
        }
        uint32_t half = chip->model->flash_bytes / 2;
        return off % half + len <= half ? memories[i].bytes + flash_off(chip, addr) : NULL;
    }
    return NULL;
}

static bool is_ccm(const struct chip *chip, uint32_t addr) {
    return addr - CCM_BASE < chip->model->ccm_bytes;
}

bool chip_master_load(void *ctx, uint32_t addr, uint8_t *data, uint32_t len) {
    const struct chip *chip = ctx;
    const uint8_t *memory = is_ccm(chip, addr) ? NULL : memory_at(chip, addr, len);

    if (!memory) {
        return false;
    }
    memcpy(data, memory, len);
    return true;
}

bool chip_master_store(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len) {
    struct chip *chip = ctx;

    if (addr - SRAM_BASE >= chip->model->sram_bytes || !memory_at(chip, addr, len)) {
        return false;
    }
    memcpy(memory_at(chip, addr, len), data, len);
    cpu_code_changed(chip->cpu, addr, len);
    return true;
}

bool chip_poke(struct chip *chip, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    uint8_t *memory = memory_at(chip, addr, len);

    if (!memory) {
        return false;
    }
    memcpy(memory, bytes, len);
    cpu_code_changed(chip->cpu, addr, len);
    if (addr - FLASH_BASE < chip->model->flash_bytes) {
        flash_forget_weak(chip, flash_off(chip, addr), len);
        flash_announce_change(chip, flash_off(chip, addr), len);
    }
    return true;
}

bool chip_has_memory(const struct chip *chip, uint32_t addr, uint32_t len) {
    return memory_at(chip, addr, len) != NULL;
}

bool chip_set_pin(struct chip *chip, const char *name, int level) {
    unsigned port, pin;

    if (strcmp(name, "BOOT0") == 0) {
        if (chip->boot0 != (level == 1)) {
            trace_event(chip->trace, TRACE_PIN, name, "driven=%d", level == 1);
        }
        chip->boot0 = level == 1;
        return true;
    }
    if (!gpio_find_pin(chip, name, &port, &pin)) {
        return false;
    }
    if (chip->gpio[port].outside[pin] != level) {
        trace_event(chip->trace, TRACE_PIN, name, level < 0 ? "driven=none" : "driven=%d", level);
    }
    gpio_drive(chip, port, pin, level);
    return true;
}

int chip_pin(const struct chip *chip, const char *name) {
    unsigned port, pin;
    if (strcmp(name, "BOOT0") == 0) {
        return chip->boot0;
    }
    return gpio_find_pin(chip, name, &port, &pin) ? gpio_level(chip, port, pin) : -1;
}

void chip_on_instruction(struct chip *chip, uint64_t number, chip_instruction_hook hook,
                         void *ctx) {
    chip->hook_number = number > cpu_instructions(chip->cpu) ? number : 0;
    chip->instruction_hook = hook;
    chip->instruction_ctx = ctx;
}

void chip_on_debug_stop(struct chip *chip, chip_debug_hook hook, void *ctx) {
    chip->debug_hook = hook;
    chip->debug_ctx = ctx;
}

struct cpu *chip_cpu(struct chip *chip) {
    return chip->cpu;
}

bool chip_is_running(const struct chip *chip) {
    return chip_has_power(chip) && !chip->supply.is_held;
}

uint64_t chip_core_hz(const struct chip *chip) {
    return chip->core_hz;
}
