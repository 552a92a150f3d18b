// SPDX-License-Identifier: MIT
//
// doctor/inside's bench: a board as board_run.h has it, with a witness who notes what the chip tells its observer.

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/inside/inside.h"
#include "vboard/chip/chip.h"
#include "vboard/clinic_internal.h"
#include "vboard/host/command.h"

#define FLASH_BASE    0x08000000u // RM0090 table 5
#define SRAM_BASE     0x20000000u
#define CODE_END      0x40000000u // code and SRAM (PM0214 2.2)
// How long a person leaves a board without power.
#define OFF_PS        (100 * PS_PER_MS)
#define BLANK_BYTES   4096u // so many in a row, and a bootloader in flash has ended
#define EXIT_FAULTS   1

// PM0214 4.5.1, 4.3.2; RM0090 7.3.3.
#define STK_CTRL      0xe000e010u
#define NVIC_ISER     0xe000e100u
#define NVIC_WORDS    3u
#define RCC_CFGR      0x40023808u
#define RCC_AHB1LPENR 0x40023850u
#define CFGR_SWS      0xcu
#define IPSR          0x1ffu
#define HARD_FAULT    3u // PM0214 table 17
#define USAGE_FAULT   6u
#define CONTROL_USE   3u // nPRIV, SPSEL

struct function {
    uint32_t addr;
    const char *name;
};

struct inside {
    struct clinic *clinic;
    struct witness witness;
    struct function *functions;
    size_t function_count;
    uint32_t entry; // 0: none
};

// --- the witness ---------------------------------------------------------------------------------------------

static uint64_t now_us(const struct inside *inside) {
    return timeline_now(inside->clinic->board->timeline) / PS_PER_US;
}

static struct cpu *processor(const struct inside *inside) {
    return chip_cpu(inside->clinic->board->chip);
}

static void see(struct inside *inside, struct witness_event event) {
    event.at_us = now_us(inside);
    event.pc = cpu_pc(processor(inside));
    witness_see(&inside->witness, &event);
}

static uint32_t peek(struct cpu *cpu, uint32_t addr) {
    uint32_t value = 0;
    return cpu_peek(cpu, addr, sizeof value, &value) ? value : 0;
}

static struct witness_handover look(void *ctx) {
    const struct inside *inside = ctx;
    struct cpu *cpu = processor(inside);
    const struct board_run *board = inside->clinic->board;
    unsigned interrupts = 0;
    for (unsigned i = 0; i < NVIC_WORDS; i++) {
        interrupts += (unsigned)__builtin_popcount(peek(cpu, NVIC_ISER + 4 * i));
    }
    return (struct witness_handover){
        .ticks = peek(cpu, STK_CTRL),
        .interrupts = interrupts,
        .exception = cpu_register(cpu, 16) & IPSR,
        .are_masked = cpu_register(cpu, CPU_PRIMASK) || cpu_register(cpu, CPU_BASEPRI) ||
                      cpu_register(cpu, CPU_FAULTMASK),
        .is_unprivileged = (cpu_register(cpu, CPU_CONTROL) & CONTROL_USE) != 0,
        .vectors = cpu_vtor(cpu),
        .stack = cpu_register(cpu, 13),
        .is_clock_changed = (chip_peek_register(board->chip, RCC_CFGR) & CFGR_SWS) != 0,
        .is_attached = cable_is_attached(board->cable),
    };
}

static void marked(void *ctx, uint32_t addr) {
    struct inside *inside = ctx;
    if (inside->entry != 0 && addr == inside->entry) {
        // The application's loop comes by again and again.
        const struct witness_event *last =
            inside->witness.count ? &inside->witness.events[inside->witness.count - 1] : NULL;
        if (!last || last->kind != WITNESS_ENTRY) {
            inside->witness.handover = look(inside);
            see(inside, (struct witness_event){.kind = WITNESS_ENTRY, .addr = addr});
        }
    }
    for (size_t i = 0; i < inside->function_count; i++) {
        if (inside->functions[i].addr == addr) {
            see(inside, (struct witness_event){.kind = WITNESS_CALL,
                                               .addr = addr,
                                               .value = cpu_register(processor(inside), 0),
                                               .name = inside->functions[i].name});
        }
    }
}

static void reset(void *ctx, const char *cause) {
    see(ctx, (struct witness_event){.kind = WITNESS_RESET, .name = cause});
}

static void flash_news(void *ctx, const struct chip_flash_news *news) {
    static const enum witness_kind kinds[] = {[CHIP_FLASH_STARTED] = WITNESS_PROGRAM,
                                              [CHIP_FLASH_FAILED] = WITNESS_FAILED,
                                              [CHIP_FLASH_LOCKED] = WITNESS_LOCKED,
                                              [CHIP_FLASH_NO_SECTOR] = WITNESS_NO_SECTOR};
    const struct inside *inside = ctx;
    bool is_elsewhere =
        news->what == CHIP_FLASH_STARTED &&
        news->addr - FLASH_BASE >= inside->clinic->board->options->board->chip->flash_bytes;
    if (!is_elsewhere) { // option bytes, OTP
        see(ctx, (struct witness_event){.kind = news->what == CHIP_FLASH_STARTED && news->is_erase
                                                    ? WITNESS_ERASE
                                                    : kinds[news->what],
                                        .addr = news->addr,
                                        .len = news->len,
                                        .value = news->cr,
                                        .flags = news->sr});
    }
}

// --- functions by name ---------------------------------------------------------------------------------------

static bool is_named(const char *name) {
    for (size_t i = 0; inside_functions[i]; i++) {
        size_t len = strcspn(inside_functions[i], "*");
        bool is_open = inside_functions[i][len] == '*';
        if (strncmp(name, inside_functions[i], len) == 0 && (is_open || name[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static void mark_functions(struct inside *inside) {
    const struct loads *loads = &inside->clinic->board->loads;
    for (size_t i = 0; i < loads->count; i++) {
        for (size_t j = 0; j < loads->images[i].symbol_count; j++) {
            const struct image_symbol *symbol = &loads->images[i].symbols[j];
            if (symbol->kind != IMAGE_FUNCTION || symbol->addr >= CODE_END ||
                !is_named(symbol->name)) {
                continue;
            }
            struct function *grown = realloc(inside->functions, (inside->function_count + 1) *
                                                                    sizeof *inside->functions);
            if (!grown) {
                return; // fewer names, nothing else
            }
            inside->functions = grown;
            inside->functions[inside->function_count++] =
                (struct function){symbol->addr, symbol->name};
            cpu_mark(processor(inside), symbol->addr);
        }
    }
}

// --- the bench -----------------------------------------------------------------------------------------------

static void changed(void *ctx) {
    chip_flash_changed(((struct inside *)ctx)->clinic->board->chip);
}

// Numbers may have a gap between two banks.
static bool sector(void *ctx, unsigned index, uint32_t *addr, uint32_t *len) {
    const struct inside *inside = ctx;
    for (unsigned number = 0; number < CHIP_FLASH_SECTORS_MAX; number++) {
        if (chip_flash_sector(inside->clinic->board->chip, number, addr, len) && index-- == 0) {
            return true;
        }
    }
    return false;
}

static void power_cycle(void *ctx, enum inside_start start) {
    const struct inside *inside = ctx;
    struct clinic *clinic = inside->clinic;
    board_run_power_off(clinic->board);
    clinic_wait(clinic, OFF_PS);
    clinic->has_failed = false;
    board_run_power_on(clinic->board, start == INSIDE_AS_ASKED);
}

static void let_go(void *ctx) {
    board_run_let_go(((struct inside *)ctx)->clinic->board);
}

static bool wait_for_device(void *ctx, uint32_t ms) {
    return clinic_wait_for_device(((struct inside *)ctx)->clinic, ms * PS_PER_MS);
}

static uint64_t last_detach_us(void *ctx) {
    return ((struct inside *)ctx)->clinic->detached_us;
}

static void watch_entry(void *ctx, uint32_t addr) {
    struct inside *inside = ctx;
    if (inside->entry != 0) {
        cpu_unmark(processor(inside), inside->entry);
    }
    inside->entry = addr;
    if (addr != 0) {
        cpu_mark(processor(inside), addr);
    }
}

static const char *place(void *ctx, uint32_t addr, char text[INSIDE_PLACE_MAX]) {
    struct inside *inside = ctx;
    uint32_t off = 0;
    const char *name = loads_symbol(&inside->clinic->board->loads, addr, &off);
    if (name) {
        (void)snprintf(text, INSIDE_PLACE_MAX, "%.60s+0x%" PRIx32, name, off);
    } else {
        (void)snprintf(text, INSIDE_PLACE_MAX, "0x%08" PRIX32, addr);
    }
    return text;
}

// What was complained of last tells where it began.
static bool is_faulty(void *ctx, char text[INSIDE_FAULT_MAX]) {
    struct inside *inside = ctx;
    struct cpu *cpu = processor(inside);
    const struct trace *trace = &inside->clinic->board->trace;
    uint32_t exception = cpu_register(cpu, 16) & IPSR;
    char where[INSIDE_PLACE_MAX];
    bool is_fault = exception >= HARD_FAULT && exception <= USAGE_FAULT;
    if (!is_fault && !cpu_is_locked_up(cpu)) {
        uint32_t mask = cpu_register(cpu, CPU_PRIMASK) | cpu_register(cpu, CPU_FAULTMASK);
        (void)snprintf(text, INSIDE_FAULT_MAX,
                       "interrupts are masked (PRIMASK or FAULTMASK), and the processor is at %s",
                       place(ctx, cpu_pc(cpu), where));
        return mask != 0;
    }
    (void)snprintf(text, INSIDE_FAULT_MAX, "the processor is in the handler of a fault, at %s",
                   place(ctx, cpu_pc(cpu), where));
    for (size_t i = 0; i < trace->grievance_count; i++) {
        if (strcmp(trace->grievances[i].what, "hardfault") == 0 ||
            strcmp(trace->grievances[i].what, "lockup") == 0 ||
            strcmp(trace->grievances[i].what, "no-vector-table") == 0) {
            (void)snprintf(text, INSIDE_FAULT_MAX, "%.250s", trace->grievances[i].sentence);
        }
    }
    return true;
}

static bool has_function(void *ctx, const char *name) {
    const struct inside *inside = ctx;
    for (size_t i = 0; i < inside->function_count; i++) {
        if (strcmp(inside->functions[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_over(void *ctx) {
    (void)ctx;
    return clinic_is_interrupted();
}

// Where the bootloader is: what was loaded into flash, or what --flash begins with.
static void find_firmware(const struct inside *inside, struct inside_bench *bench) {
    const struct loads *loads = &inside->clinic->board->loads;
    uint32_t begin = UINT32_MAX;
    uint32_t end = 0;
    for (size_t i = 0; i < loads->count; i++) {
        for (size_t j = 0; j < loads->images[i].segment_count; j++) {
            const struct image_segment *segment = &loads->images[i].segments[j];
            if (segment->addr - FLASH_BASE < bench->flash_bytes) {
                begin = segment->addr < begin ? segment->addr : begin;
                end = segment->addr + segment->len > end ? segment->addr + segment->len : end;
            }
        }
    }
    if (end == 0) {
        unsigned blank = 0;
        begin = FLASH_BASE;
        for (end = 0; end < bench->flash_bytes && blank < BLANK_BYTES; end++) {
            blank = bench->flash[end] == 0xff ? blank + 1 : 0;
        }
        end += FLASH_BASE - blank;
    }
    bench->firmware_addr = begin;
    bench->firmware_end = end;
}

// --- all of it -----------------------------------------------------------------------------------------------

int clinic_say(const struct clinic *clinic, struct report *report) {
    report_sort(report);
    if (clinic->board->options->is_json) {
        report_json(report, stdout);
    } else {
        report_text(report, stdout, clinic->board->options->shows_all);
    }
    if (clinic->page) {
        report_html(report, clinic->page);
    }
    if (clinic_is_interrupted()) {
        return clinic_signal_status();
    }
    return report_worst(report) > FINDING_NOTE ? EXIT_FAULTS : 0;
}

static bool usb_trouble(const struct chip *chip, struct inside_trouble *told) {
    struct chip_usb_trouble trouble = chip_usb_trouble(chip);
    if (trouble.has_dma_missed) {
        told->id = "F29";
        (void)snprintf(
            told->text, sizeof told->text,
            "OTG_HS was to send from 0x%08" PRIX32
            " by DMA (GAHBCFG.DMAEN is 1), where its bus master reaches no memory: zeros "
            "went out",
            trouble.dma_missed);
    } else if (trouble.was_stopped_asleep) {
        told->id = "F28";
        (void)snprintf(told->text, sizeof told->text,
                       "OTG_HS stood still while the processor slept (WFI), with the host asking: "
                       "RCC_AHB1LPENR is 0x%08" PRIX32 " (OTGHSLPEN bit 29, OTGHSULPILPEN bit 30)",
                       chip_peek_register(chip, RCC_AHB1LPENR));
    }
    return trouble.has_dma_missed || trouble.was_stopped_asleep;
}

// Complaints that are the cause of a failed update, or of one that will fail some day.
static const char *finding_of(const char *complaint) {
    static const char *const clocks[] = {"usb-clock", "clock-too-fast", "flash-wait-states",
                                         "pll-configuration"};
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        if (strcmp(complaint, clocks[i]) == 0) {
            return "F50";
        }
    }
    return NULL;
}

// Neither flash nor the USB core runs at a bus clock (RM0090 7.2): that is another day's trouble.
static bool is_of_bus_clock(const struct trace_grievance *grievance) {
    return strcmp(grievance->what, "clock-too-fast") == 0 &&
           strncmp(grievance->sentence, "PCLK", 4) == 0;
}

static bool trouble(void *ctx, unsigned index, struct inside_trouble *told) {
    const struct inside *inside = ctx;
    const struct trace *trace = &inside->clinic->board->trace;
    *told = (struct inside_trouble){0};
    if (usb_trouble(inside->clinic->board->chip, told) && index-- == 0) {
        return true;
    }
    for (size_t i = 0; i < trace->grievance_count; i++) {
        const struct trace_grievance *grievance = &trace->grievances[i];
        told->id = finding_of(grievance->what);
        if (told->id && index-- == 0) {
            told->is_elsewhere = is_of_bus_clock(grievance);
            (void)snprintf(told->text, sizeof told->text, "%.250s", grievance->sentence);
            return true;
        }
    }
    return false;
}

static bool is_configured(void *ctx) {
    const struct usb_device *device = enumerator_device(((struct inside *)ctx)->clinic->enumerator);
    return device && device->configuration != 0;
}

static const char *enumeration_failure(void *ctx) {
    const struct clinic *clinic = ((struct inside *)ctx)->clinic;
    return clinic->has_failed ? clinic->why : "";
}

int clinic_look_inside(struct clinic *clinic) {
    struct board_run *board = clinic->board;
    const struct options *options = board->options;
    const struct chip_model *model = options->board->chip;
    struct inside inside = {.clinic = clinic};
    struct inside_bench bench = {
        .ctx = &inside,
        .device = &clinic->device,
        .witness = &inside.witness,
        .flash = chip_flash(board->chip),
        .flash_addr = FLASH_BASE,
        .flash_bytes = model->flash_bytes,
        .changed = changed,
        .sector = sector,
        .power_cycle = power_cycle,
        .let_go = let_go,
        .wait_for_device = wait_for_device,
        .last_detach_us = last_detach_us,
        .look = look,
        .watch_entry = watch_entry,
        .place = place,
        .is_faulty = is_faulty,
        .trouble = trouble,
        .is_configured = is_configured,
        .enumeration_failure = enumeration_failure,
        .has_function = has_function,
        .is_over = is_over,
        .has_pins = options->pin_count > 0,
        .sram_end = SRAM_BASE + model->sram_bytes,
    };
    find_firmware(&inside, &bench);
    const struct inside_job job = {
        .image = clinic->app->bytes,
        .image_len = clinic->app->len,
        .image_addr = clinic->app->len ? clinic->app->addr : INSIDE_NO_ADDRESS,
    };
    const struct chip_observer observer = {
        .ctx = &inside, .marked = marked, .reset = reset, .flash = flash_news};
    struct report report = {0};
    (void)snprintf(report.subject, sizeof report.subject, "%s",
                   options->load_count ? options->loads[0].text : options->flash_path);
    mark_functions(&inside);
    observe_also(board->observe, &observer);
    bool is_examined = inside_examine(&bench, &job, &report);
    int status = clinic_say(clinic, &report);
    if (!is_examined && status == 0) {
        status = EXIT_VBOARD_FAILED;
    }
    observe_also(board->observe, NULL);
    for (size_t i = 0; i < inside.function_count; i++) {
        cpu_unmark(processor(&inside), inside.functions[i].addr);
    }
    report_free(&report);
    witness_free(&inside.witness);
    free(inside.functions);
    return status;
}

// --- --app ---------------------------------------------------------------------------------------------------

bool clinic_read_app(const struct options *options, struct clinic_app *app,
                     struct image_fault *fault) {
    *app = (struct clinic_app){0};
    if (!options->has_app) {
        return true;
    }
    struct image image;
    image_init(&image);
    bool is_read = image_load(&image, options->app.path, options->app.addr, fault);
    if (is_read && image.segment_count > 0) {
        const struct image_segment *last = &image.segments[image.segment_count - 1];
        app->addr = image.segments[0].addr;
        app->len = last->addr + last->len - app->addr;
        is_read = app->addr - FLASH_BASE < options->board->chip->flash_bytes &&
                  app->len <= options->board->chip->flash_bytes - (app->addr - FLASH_BASE);
        app->bytes = is_read ? malloc(app->len) : NULL;
        if (!app->bytes) {
            (void)snprintf(fault->text, sizeof fault->text,
                           "--app %.300s: 0x%08" PRIX32 " and %" PRIu32
                           " bytes from there are not in the flash of the %s",
                           options->app.text, app->addr, app->len, options->board->chip->name);
            is_read = false;
        }
    }
    for (size_t i = 0; is_read && i < image.segment_count; i++) {
        const struct image_segment *segment = &image.segments[i];
        uint32_t off = segment->addr - app->addr;
        uint32_t gap =
            i + 1 < image.segment_count ? image.segments[i + 1].addr - segment->addr : segment->len;
        memset(app->bytes + off, 0xff, gap);
        memcpy(app->bytes + off, segment->bytes, segment->len);
    }
    image_free(&image);
    return is_read;
}

bool clinic_open_page(const struct options *options, FILE **page, char why[512]) {
    *page = options->html_path ? fopen(options->html_path, "we") : NULL;
    (void)snprintf(why, 512, "--html %.300s: %s", options->html_path ? options->html_path : "",
                   strerror(errno));
    return !options->html_path || *page;
}
