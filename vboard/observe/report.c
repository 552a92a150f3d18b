// SPDX-License-Identifier: MIT
//
// Collects what nobody else keeps (resets, faults, the flash as it was), and puts all into words.

#include "vboard/observe/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/observe/span.h"

// How far below the initial stack pointer it is looked at, and how many bytes in a row that are as they were when power
// came tell that this is no stack any more. A frame that leaves as many of its own untouched hides what is below.
#define VECTORS_ADDR 0x08000000u // RM0090 table 5: flash
#define STACK_BYTES  65536u
#define STACK_GAP    256u
// Resets and moves of the vector table that are told one by one; the others are counted.
#define BOOTS_MAX    32u
#define INDENT       "    "

struct boot {
    uint64_t at_ps;
    const char *cause;     // of a reset; NULL: the vector table was moved
    uint32_t vector_table; // where to
    bool has_place;
    uint32_t pc;
};

struct run_report {
    const struct options *options;
    const struct loads *loads;
    struct chip *chip;
    const struct timeline *timeline;
    const struct trace *trace;
    FILE *file;
    uint8_t *before; // the flash
    struct boot boots[BOOTS_MAX];
    uint64_t boot_count;
    uint64_t faults[7]; // by exception number, 3 to 6
    // Memory below the initial stack pointer when power came, which is undefined then; 0: it points into none.
    uint8_t under_stack[STACK_BYTES];
    uint32_t stack_top, stack_len;
    uint32_t stack_used; // the most of all power-ups
};

struct run_report *run_report_new(const struct options *options, const struct loads *loads,
                                  struct chip *chip, const struct timeline *timeline,
                                  const struct trace *trace, char why[512]) {
    struct run_report *report = calloc(1, sizeof *report);
    const char *path = options->report_path;
    if (!report) {
        (void)snprintf(why, 512, "out of memory");
        return NULL;
    }
    *report = (struct run_report){
        .options = options, .loads = loads, .chip = chip, .timeline = timeline, .trace = trace};
    report->file = !path ? stderr : strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!report->file) {
        (void)snprintf(why, 512, "--report=%.300s: %s", path, strerror(errno));
        free(report);
        return NULL;
    }
    return report;
}

void run_report_start(struct run_report *report) {
    size_t len = report->options->board->chip->flash_bytes;
    report->before = malloc(len);
    if (report->before) {
        memcpy(report->before, chip_flash(report->chip), len);
    }
}

static struct boot *next_boot(struct run_report *report) {
    report->boot_count++;
    return report->boot_count <= BOOTS_MAX ? &report->boots[report->boot_count - 1] : NULL;
}

static uint32_t word_at(const struct run_report *report, uint32_t addr) {
    uint32_t word = 0;
    return cpu_peek(chip_cpu(report->chip), addr, 4, &word) ? word : 0;
}

static void keep_stack(struct run_report *report) {
    uint32_t top = word_at(report, VECTORS_ADDR) & ~3u, len = STACK_BYTES;
    while (len > 0 && !chip_has_memory(report->chip, top - len, len)) {
        len /= 2;
    }
    report->stack_top = top;
    report->stack_len = top > len ? len : 0;
    for (uint32_t off = 0; off < report->stack_len; off += 4) {
        uint32_t word = word_at(report, top - report->stack_len + off);
        memcpy(report->under_stack + off, &word, 4);
    }
}

// What differs from then was written.
static void look_at_stack(struct run_report *report) {
    uint32_t gap = 0;
    for (uint32_t depth = 4; depth <= report->stack_len && gap < STACK_GAP; depth += 4) {
        uint32_t word = word_at(report, report->stack_top - depth);
        bool is_written = memcmp(report->under_stack + report->stack_len - depth, &word, 4) != 0;
        gap = is_written ? 0 : gap + 4;
        if (is_written && depth > report->stack_used) {
            report->stack_used = depth;
        }
    }
}

void run_report_reset(struct run_report *report, const char *cause) {
    // Both lose what SRAM held, before they are told.
    if (strcmp(cause, "power-on") == 0 || strcmp(cause, "standby") == 0) {
        keep_stack(report);
    } else {
        look_at_stack(report);
    }
    struct boot *boot = next_boot(report);
    if (boot) {
        *boot = (struct boot){.at_ps = timeline_now(report->timeline),
                              .cause = cause,
                              .has_place = strcmp(cause, "power-on") != 0,
                              .pc = cpu_pc(chip_cpu(report->chip))};
    }
}

void run_report_vector_table(struct run_report *report, uint32_t addr) {
    struct boot *boot = next_boot(report);
    if (boot) {
        *boot = (struct boot){.at_ps = timeline_now(report->timeline),
                              .vector_table = addr,
                              .has_place = true,
                              .pc = cpu_pc(chip_cpu(report->chip))};
    }
}

void run_report_exception(struct run_report *report, unsigned number) {
    if (number < sizeof report->faults / sizeof report->faults[0]) {
        report->faults[number]++;
    }
}

// --- words ----------------------------------------------------------------------------------------

static void say_boots(const struct run_report *report) {
    FILE *to = report->file;
    char text[SPAN_MAX];
    (void)fprintf(to, "\nresets and starts\n");
    for (uint64_t i = 0; i < report->boot_count && i < BOOTS_MAX; i++) {
        const struct boot *boot = &report->boots[i];
        uint32_t offset = 0;
        const char *name = loads_symbol((void *)(uintptr_t)report->loads, boot->pc, &offset);
        (void)fprintf(to, INDENT "%10s  ", span_text(boot->at_ps, text));
        if (boot->cause && strcmp(boot->cause, "power-off") == 0) {
            (void)fprintf(to, "power went");
        } else if (boot->cause) {
            (void)fprintf(to, "reset: %s", boot->cause);
        } else {
            (void)fprintf(to, "vector table moved to 0x%08" PRIx32, boot->vector_table);
        }
        if (boot->has_place && name) {
            (void)fprintf(to, ", at 0x%08" PRIx32 " (%s+0x%" PRIx32 ")", boot->pc, name, offset);
        } else if (boot->has_place) {
            (void)fprintf(to, ", at 0x%08" PRIx32, boot->pc);
        }
        (void)fputc('\n', to);
    }
    if (report->boot_count > BOOTS_MAX) {
        (void)fprintf(to, INDENT "and %" PRIu64 " more\n", report->boot_count - BOOTS_MAX);
    }
}

static uint32_t used_bytes(const uint8_t *bytes, uint32_t len) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < len; i++) {
        used += bytes[i] != 0xFF;
    }
    return used;
}

static void say_sector(const struct run_report *report, unsigned sector, uint32_t addr,
                       uint32_t len) {
    uint32_t off = addr - 0x08000000u; // FLASH_BASE: RM0090 table 5
    const uint8_t *after = chip_flash(report->chip) + off;
    uint32_t used = used_bytes(after, len);
    (void)fprintf(report->file,
                  INDENT "%2u  0x%08" PRIx32 " %4" PRIu32 "K  %6" PRIu32 "  %10" PRIu64, sector,
                  addr, len / 1024, chip_flash_erase_count(report->chip, sector),
                  chip_flash_programmed_bytes(report->chip, sector));
    if (!report->before) {
        (void)fprintf(report->file, "  %10s  %10" PRIu32 "\n", "?", used);
        return;
    }
    bool is_same = memcmp(report->before + off, after, len) == 0;
    (void)fprintf(report->file, "  %10" PRIu32 "  %10" PRIu32 "  %s\n",
                  used_bytes(report->before + off, len), used, is_same ? "" : "changed");
}

static void say_flash(const struct run_report *report) {
    uint32_t addr;
    uint32_t len;
    char text[SPAN_MAX];
    (void)fprintf(report->file,
                  "\nflash (bytes that are not 0xFF, before and after)\n" INDENT
                  "    address    size  erased  programmed      before       after\n");
    for (unsigned sector = 0; sector < CHIP_FLASH_SECTORS_MAX; sector++) {
        if (chip_flash_sector(report->chip, sector, &addr, &len)) {
            say_sector(report, sector, addr, len);
        }
    }
    struct chip_flash_stalls stalls = chip_flash_stalls(report->chip);
    if (stalls.count > 0) {
        (void)fprintf(report->file,
                      INDENT "the processor stood still %" PRIu64 " times, %s in all, because it "
                             "touched flash while that was busy\n",
                      stalls.count, span_text(stalls.ps, text));
    }
}

static void say_faults(const struct run_report *report) {
    static const char *const names[] = {
        [3] = "HardFault", [4] = "MemManage", [5] = "BusFault", [6] = "UsageFault"};
    for (unsigned i = 3; i < sizeof report->faults / sizeof report->faults[0]; i++) {
        if (report->faults[i] > 0) {
            (void)fprintf(report->file, INDENT "%s was taken %" PRIu64 " time%s\n", names[i],
                          report->faults[i], report->faults[i] == 1 ? "" : "s");
        }
    }
}

static void say_complaints(const struct run_report *report) {
    const struct trace *trace = report->trace;
    char first[SPAN_MAX];
    char last[SPAN_MAX];
    (void)fprintf(report->file, "\ncomplaints\n");
    if (trace->grievance_count == 0) {
        (void)fprintf(report->file, INDENT "none\n");
    }
    for (size_t i = 0; i < trace->grievance_count; i++) {
        const struct trace_grievance *grievance = &trace->grievances[i];
        (void)fprintf(report->file, INDENT "%s, %s%s", grievance->what,
                      grievance->count > 1 ? "first at " : "at ",
                      span_text(grievance->first_ps, first));
        if (grievance->count > 1) {
            (void)fprintf(report->file, ", %lu times, last at %s", grievance->count,
                          span_text(grievance->last_ps, last));
        }
        (void)fprintf(report->file, "\n" INDENT INDENT "%s\n", grievance->sentence);
    }
    say_faults(report);
}

bool run_report_end(struct run_report *report, const struct usb_count *usb,
                    const struct watch *watch, const char *processor, char why[512]) {
    FILE *to = report->file;
    const struct board *board = report->options->board;
    const char *name = report->trace->board; // of several
    char text[SPAN_MAX];
    (void)fprintf(to,
                  "vboard report\n\n" INDENT "board %s%s%s (%s), %s of virtual time, %" PRIu64
                  " instructions\n" INDENT "at the end the processor %s\n",
                  name ? name : "", name ? ": " : "", board->name, board->chip->name,
                  span_text(timeline_now(report->timeline), text),
                  cpu_instructions(chip_cpu(report->chip)), processor);
    look_at_stack(report);
    if (report->stack_len > 0) {
        (void)fprintf(
            to, INDENT "the stack below 0x%08" PRIx32 " was used to a depth of %" PRIu32 " bytes\n",
            report->stack_top, report->stack_used);
    }
    say_boots(report);
    say_flash(report);
    (void)fprintf(to, "\nUSB\n");
    usb_count_say(usb, to, INDENT);
    if (watch) {
        (void)fprintf(to, "\nwatched functions\n");
        watch_say(watch, to, INDENT, NULL);
    }
    say_complaints(report);
    bool is_written = fflush(to) == 0 && !ferror(to);
    if (to != stdout && to != stderr) {
        is_written = fclose(to) == 0 && is_written;
    }
    report->file = NULL;
    if (!is_written) {
        (void)snprintf(why, 512, "--report=%.300s: the report could not be written",
                       report->options->report_path ? report->options->report_path : "");
    }
    return is_written;
}

void run_report_free(struct run_report *report) {
    if (report) {
        if (report->file && report->file != stdout && report->file != stderr) {
            (void)fclose(report->file);
        }
        free(report->before);
        free(report);
    }
}
