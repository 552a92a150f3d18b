// SPDX-License-Identifier: MIT
//
// The judgment: one function a question, each adds what it finds. The first questions are about where
// bytes go, the others about what lies at the start of the application.

#include "image/inspect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/crc.h"
#include "spec/stamp.h"

// ST's bootloader examples start an application only if (SP & mask) == 0x20000000: the older mask, in most
// CubeMX projects, rejects a stack that begins at the end of 128 KB, the newer one does not.
#define ST_MASK_OLD     0x2ffe0000u
#define ST_MASK_NEW     0x2ffc0000u
#define ST_MASK_RESULT  0x20000000u

#define SYSTEM_VECTORS  16u // PM0214 table 17
#define FAULT_VECTORS   7u  // up to UsageFault: what any table has
// A gap worth a word: less is alignment.
#define GAP_BYTES       1024u
// RM0090 table 5.
#define OPTION_BYTES    0x1fffc000u
#define SYSTEM_MEMORY   0x1fff0000u
// PM0214 4.4: the system control block, and VTOR in it; STR Rt, [Rn, #8] as a 16-bit instruction.
#define SCB             0xe000ed00u
#define VTOR            0xe000ed08u
#define STR_8           0x6080u
#define STR_8_MASK      0xffc0u
// STR.W Rt, [Rn, #0xD08], from the start of the system control space, as it lies in memory.
#define STR_W_VTOR      0x0d08f8c0u
#define STR_W_VTOR_MASK 0x0ffffff0u

const char *inspect_word(enum inspect_id id) {
    static const char *const words[] = {
#define X(name, word, severity) [name] = word,
        INSPECT_FINDINGS(X)
#undef X
    };
    return words[id];
}

enum inspect_severity inspect_severity(enum inspect_id id) {
    static const enum inspect_severity severities[] = {
#define X(name, word, severity) [name] = severity,
        INSPECT_FINDINGS(X)
#undef X
    };
    return severities[id];
}

// --- The report --------------------------------------------------------------------------------------

struct inspection {
    const struct image *image;
    const struct inspect_map *map;
    struct inspect_report *report;
    const struct image_segment *first; // the one at the start of the application, or NULL
    struct inspect_finding no_room;    // written where the report is full, never read
};

static struct inspect_finding *add(struct inspection *in, enum inspect_id id, uint32_t addr,
                                   const char *format, ...) __attribute__((format(printf, 4, 5)));
static struct inspect_finding *add(struct inspection *in, enum inspect_id id, uint32_t addr,
                                   const char *format, ...) {
    struct inspect_report *report = in->report;
    report->errors += inspect_severity(id) == INSPECT_ERROR;
    struct inspect_finding *finding =
        report->count < INSPECT_FINDINGS_MAX ? &report->findings[report->count++] : &in->no_room;
    memset(finding, 0, sizeof *finding);
    finding->id = id;
    finding->addr = addr;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
    return finding;
}

static void advise(struct inspect_finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void advise(struct inspect_finding *finding, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(finding->advice, sizeof finding->advice, format, args);
    va_end(args);
}

static uint64_t end_of(const struct image_segment *segment) {
    return (uint64_t)segment->addr + segment->len;
}

static uint64_t flash_end(const struct inspect_map *map) {
    return (uint64_t)map->flash_addr + map->flash_bytes;
}

static uint32_t application_kb(const struct inspect_map *map) {
    return (uint32_t)(flash_end(map) - map->application_addr) / 1024u;
}

// Whether an address lies in an area or, with `at_end`, right behind it.
static bool lies_in(uint32_t addr, uint32_t first, uint32_t bytes, bool at_end) {
    return addr - first < bytes || (at_end && bytes != 0 && addr - first == bytes);
}

static bool is_in_image(const struct image *image, uint32_t addr) {
    for (size_t i = 0; i < image->segment_count; i++) {
        if (lies_in(addr, image->segments[i].addr, image->segments[i].len, false)) {
            return true;
        }
    }
    return false;
}

// The lines to change in a CubeMX project.
static void advise_linker(struct inspect_finding *finding, const struct inspect_map *map) {
    advise(finding,
           "Link the application for its place. In the linker script (STM32...FLASH.ld):\n"
           "    FLASH (rx) : ORIGIN = 0x%08" PRIX32 ", LENGTH = %" PRIu32 "K\n"
           "and in system_stm32f4xx.c, where it sets SCB->VTOR:\n"
           "    #define USER_VECT_TAB_ADDRESS\n"
           "    #define VECT_TAB_OFFSET 0x%08" PRIX32,
           map->application_addr, application_kb(map), map->application_addr - map->flash_addr);
}

// --- Where bytes go ----------------------------------------------------------------------------------

static void judge_place(struct inspection *in, const struct image_segment *segment) {
    const struct inspect_map *map = in->map;
    uint32_t last = (uint32_t)(end_of(segment) - 1);
    if (lies_in(segment->addr, map->sram_addr, map->sram_bytes, false) ||
        lies_in(segment->addr, map->ccm_addr, map->ccm_bytes, false)) {
        advise(
            add(in, INSPECT_IN_RAM, segment->addr,
                "%" PRIu32 " bytes are to be loaded at 0x%08" PRIX32 ", into RAM: an update "
                "writes flash, and they would be missing when the application starts",
                segment->len, segment->addr),
            "A section of the linker script goes to RAM without a place in flash. Give it one, and "
            "copy it at start-up as .data is:\n"
            "    .name : { ... } >RAM AT> FLASH\n"
            "A section that holds nothing at start-up is marked (NOLOAD).");
        return;
    }
    if (segment->addr < map->flash_addr || segment->addr >= flash_end(map)) {
        const char *what = segment->addr - OPTION_BYTES < 16         ? " (the option bytes)"
                           : segment->addr - SYSTEM_MEMORY < 0x10000 ? " (ST's system memory)"
                           : segment->addr < map->flash_bytes
                               ? " (an alias of flash, or a file without its address)"
                               : "";
        advise(add(in, INSPECT_OUTSIDE, segment->addr,
                   "0x%08" PRIX32 "-0x%08" PRIX32 "%s lies outside the flash of an %s, "
                   "0x%08" PRIX32 "-0x%08" PRIX32,
                   segment->addr, last, what, map->chip, map->flash_addr,
                   (uint32_t)(flash_end(map) - 1)),
               "Leave it out of the file that is loaded, or link it elsewhere. Another chip is "
               "named with "
               "--chip.");
        return;
    }
    if (end_of(segment) > flash_end(map)) {
        advise(add(in, INSPECT_OUTSIDE, (uint32_t)flash_end(map),
                   "the image reaches 0x%08" PRIX32
                   ", past the end of an %s's flash at 0x%08" PRIX64,
                   last, map->chip, flash_end(map)),
               "%" PRIu32
               " KB is all there is for the application. Another chip is named with --chip.",
               application_kb(map));
    }
    if (segment->addr < map->settings_addr) {
        struct inspect_finding *finding =
            add(in, INSPECT_WRONG_BASE, segment->addr,
                "the image begins at 0x%08" PRIX32 ", in the bootloader's sector; the bootloader "
                "refuses that, and starts what lies at 0x%08" PRIX32,
                segment->addr, map->application_addr);
        advise_linker(finding, map);
    } else if (segment->addr < map->application_addr) {
        advise(add(in, INSPECT_IN_SETTINGS, segment->addr,
                   "0x%08" PRIX32 "-0x%08" PRIX32
                   " lies in the sectors of the settings (or of an emulated "
                   "EEPROM), 0x%08" PRIX32 "-0x%08" PRIX32,
                   segment->addr, last, map->settings_addr, map->application_addr - 1),
               "Nothing of an application may be linked there. Initial settings come with `redfu "
               "factory --set`, or from the application at its first start.");
    }
}

static void judge_gaps(struct inspection *in) {
    const struct image *image = in->image;
    for (size_t i = 1; i < image->segment_count; i++) {
        uint64_t from = end_of(&image->segments[i - 1]);
        if (image->segments[i].addr - from >= GAP_BYTES && from >= in->map->flash_addr &&
            image->segments[i].addr < flash_end(in->map)) {
            (void)add(
                in, INSPECT_GAP, (uint32_t)from,
                "nothing is loaded from 0x%08" PRIX64 " to 0x%08" PRIX32 ", %" PRIu64
                " bytes: sectors in between keep what they hold, those that are touched become "
                "0xFF",
                from, image->segments[i].addr - 1, image->segments[i].addr - from);
        }
    }
}

// --- The vector table --------------------------------------------------------------------------------

static uint32_t vector(const struct inspection *in, unsigned number) {
    return load_le32(in->first->bytes + (in->map->application_addr - in->first->addr) +
                     4u * number);
}

// How many words from the start of the application on are there to be read.
static unsigned words_there(const struct inspection *in) {
    uint64_t bytes = end_of(in->first) - in->map->application_addr;
    unsigned most = SYSTEM_VECTORS + in->map->irq_count;
    return bytes / 4u < most ? (unsigned)(bytes / 4u) : most;
}

static bool is_reserved(unsigned number) {
    return (number >= 7 && number <= 10) || number == 13; // PM0214 table 17
}

static const char *symbol_words(const struct image *image, uint32_t addr, char out[80]) {
    const struct image_symbol *symbol = image_symbol_at(image, addr & ~1u);
    out[0] = '\0';
    if (symbol != NULL) {
        (void)snprintf(out, 80, " (%.60s)", symbol->name);
    }
    return out;
}

static void judge_stack(struct inspection *in) {
    const struct inspect_map *map = in->map;
    uint32_t sp = in->report->stack_pointer;
    bool is_in_sram = lies_in(sp, map->sram_addr + 4, map->sram_bytes - 4, true);
    bool is_in_ccm =
        map->ccm_bytes != 0 && lies_in(sp, map->ccm_addr + 4, map->ccm_bytes - 4, true);
    if (sp % 4 != 0) {
        advise(add(in, INSPECT_STACK, map->application_addr,
                   "the initial stack pointer, 0x%08" PRIX32 ", is no multiple of 4: the "
                   "bootloader takes it for no vector table",
                   sp),
               "_estack in the linker script; a multiple of 8 is what the procedure call standard "
               "wants.");
        return;
    }
    if (!is_in_sram && !is_in_ccm) {
        char ccm[64] = "";
        if (map->ccm_bytes != 0) {
            (void)snprintf(ccm, sizeof ccm, ", or 0x%08" PRIX32 "-0x%08" PRIX32, map->ccm_addr + 4,
                           map->ccm_addr + map->ccm_bytes);
        }
        advise(add(in, INSPECT_STACK, map->application_addr,
                   "the initial stack pointer, 0x%08" PRIX32
                   ", lies outside the RAM of an %s: a stack "
                   "begins in 0x%08" PRIX32 "-0x%08" PRIX32 "%s",
                   sp, map->chip, map->sram_addr + 4, map->sram_addr + map->sram_bytes, ccm),
               "_estack in the linker script: ORIGIN(RAM) + LENGTH(RAM), with the RAM of this "
               "chip. Another "
               "chip is named with --chip.");
        return;
    }
    if ((sp & ST_MASK_OLD) != ST_MASK_RESULT) {
        advise(
            add(in, INSPECT_STACK_MASK, map->application_addr,
                "the initial stack pointer is 0x%08" PRIX32 ": bootloaders made from ST's examples "
                "start an application only if (SP & 0x2FFE0000) == 0x20000000, and this is "
                "0x%08" PRIX32 "%s. redfu-boot starts it",
                sp, sp & ST_MASK_OLD,
                (sp & ST_MASK_NEW) == ST_MASK_RESULT ? " (newer ones, with 0x2FFC0000, do)" : ""),
            "For such a bootloader, begin the stack lower: _estack = 0x2001FFF8 in the linker "
            "script.");
    }
}

static void judge_reset(struct inspection *in) {
    const struct inspect_map *map = in->map;
    uint32_t reset = in->report->reset_vector;
    char name[80];
    if ((reset & 1u) == 0) {
        advise(add(in, INSPECT_RESET, map->application_addr + 4,
                   "the reset vector, 0x%08" PRIX32
                   "%s, is even: a Cortex-M starts Thumb code only, bit 0 "
                   "has to be 1",
                   reset, symbol_words(in->image, reset, name)),
               "In assembly, .thumb_func or `.type Reset_Handler, %%function` before the label "
               "sets it.");
        return;
    }
    if (is_in_image(in->image, reset & ~1u)) {
        return;
    }
    struct inspect_finding *finding =
        add(in, INSPECT_RESET, map->application_addr + 4,
            "the reset vector, 0x%08" PRIX32 ", points outside the image%s", reset,
            lies_in(reset, map->flash_addr, map->flash_bytes, false)
                ? ": it was linked for another address"
                : "");
    if (lies_in(reset, map->flash_addr, map->flash_bytes, false)) {
        advise_linker(finding, map);
    } else {
        advise(finding,
               "Is this file an application's? Its second word is to be the address of its first "
               "instruction, plus 1.");
    }
}

// Length of the table: that of a symbol there, or as far as words look like vectors.
static void count_vectors(struct inspection *in) {
    struct inspect_report *report = in->report;
    unsigned there = words_there(in);
    const struct image_symbol *table = image_symbol_at(in->image, in->map->application_addr);
    if (table != NULL && table->addr == in->map->application_addr && table->kind == IMAGE_OBJECT &&
        table->size >= 8 && table->size / 4u <= there) {
        report->vector_count = table->size / 4u;
        report->is_vector_count_sure = true;
        return;
    }
    // Code that follows a short table does not look like addresses of flash.
    unsigned count = there < FAULT_VECTORS ? there : FAULT_VECTORS;
    for (; count < there; count++) {
        uint32_t word = vector(in, count);
        if (word != 0 && start_promised(word) == 0 &&
            !lies_in(word, in->map->flash_addr, in->map->flash_bytes, false)) {
            break;
        }
    }
    report->vector_count = count;
}

static void judge_handlers(struct inspection *in) {
    unsigned wrong = 0, first = 0;
    for (unsigned i = 2; i < in->report->vector_count; i++) {
        uint32_t word = vector(in, i);
        bool is_right = (word & 1u) != 0 && is_in_image(in->image, word & ~1u);
        bool is_in_ram =
            (word & 1u) != 0 && (lies_in(word, in->map->sram_addr, in->map->sram_bytes, false));
        if (word == 0 || is_right || is_in_ram || is_reserved(i)) {
            continue;
        }
        first = wrong++ == 0 ? i : first;
    }
    if (wrong == 0) {
        return;
    }
    uint32_t word = vector(in, first);
    char others[48] = "";
    if (wrong > 1) {
        (void)snprintf(others, sizeof others, ", and so %s %u more", wrong == 2 ? "does" : "do",
                       wrong - 1);
    }
    advise(add(in, INSPECT_HANDLER, in->map->application_addr + 4u * first,
               "vector %u is 0x%08" PRIX32 ", which %s%s: that exception ends in a fault", first,
               word,
               (word & 1u) == 0 ? "is no Thumb address (bit 0 is 0)" : "points outside the image",
               others),
           "A table of handlers holds addresses of this image, each plus 1, or 0 for what never "
           "happens. "
           "If all of them are off by the same distance, the file was linked for another address.");
}

// --- Code that moves the vector table ----------------------------------------------------------------

static const struct image_symbol *symbol_named(const struct image *image, const char *name) {
    for (size_t i = 0; i < image->symbol_count; i++) {
        if (strcmp(image->symbols[i].name, name) == 0) {
            return &image->symbols[i];
        }
    }
    return NULL;
}

static const uint8_t *bytes_at(const struct image *image, uint32_t addr, uint32_t len) {
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        if (addr >= segment->addr && addr + (uint64_t)len <= end_of(segment)) {
            return segment->bytes + (addr - segment->addr);
        }
    }
    return NULL;
}

// A guess, from SystemInit() as ST's system files have it: it addresses the SCB, stores at VTOR's offset, and
// the application's address is not among its constants.
static void judge_vtor(struct inspection *in) {
    const struct image_symbol *init = symbol_named(in->image, "SystemInit");
    const uint8_t *code =
        init != NULL && init->size >= 8 ? bytes_at(in->image, init->addr, init->size) : NULL;
    if (code == NULL) {
        return;
    }
    bool has_scb = false, has_store = false, has_own = false, has_vtor = false;
    for (uint32_t off = 0; off + 2 <= init->size; off += 2) {
        uint32_t word = off + 4 <= init->size ? load_le32(code + off) : 0;
        has_store = has_store || (load_le16(code + off) & STR_8_MASK) == STR_8;
        has_scb = has_scb || word == SCB;
        has_vtor = has_vtor || word == VTOR || (word & STR_W_VTOR_MASK) == STR_W_VTOR;
        has_own = has_own || word == in->map->application_addr;
    }
    if (((has_scb && has_store) || has_vtor) && !has_own) {
        advise(add(in, INSPECT_VTOR, init->addr,
                   "SystemInit seems to set SCB->VTOR to something else than 0x%08" PRIX32
                   " (a guess from its code): interrupts would then go to the bootloader's "
                   "vectors, and "
                   "the application stop at the first one",
                   in->map->application_addr),
               "In system_stm32f4xx.c:\n"
               "    #define VECT_TAB_OFFSET 0x%08" PRIX32 "\n"
               "or no USER_VECT_TAB_ADDRESS at all: redfu-boot sets VTOR before it starts the "
               "application.",
               in->map->application_addr - in->map->flash_addr);
    }
}

// --- The bootloader's records in RAM -----------------------------------------------------------------

// spec/boot.h: mailbox, start record and fault record, from the start of SRAM on.
#define RECORDS_END (FAULT_ADDRESS + 32u)

// An application that wants to confirm its start, with a variable of its own where it would have to read it.
static void judge_records(struct inspection *in) {
    const char *wants = in->report->promised != 0 ? "it promises to confirm its starts" : NULL;
    static const char *const readers[] = {"redfu_confirm_start", "redfu_reset_cause"};
    uint32_t addr;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0] && wants == NULL; i++) {
        wants = image_symbol_find(in->image, readers[i], &addr) ? readers[i] : NULL;
    }
    for (size_t i = 0; i < in->image->symbol_count && wants != NULL; i++) {
        const struct image_symbol *symbol = &in->image->symbols[i];
        if (symbol->kind == IMAGE_OBJECT && symbol->size != 0 && symbol->addr < RECORDS_END &&
            symbol->addr + (uint64_t)symbol->size > in->map->sram_addr) {
            advise(add(in, INSPECT_RECORDS, symbol->addr,
                       "%s%s, and its variable %.100s lies in the first 64 bytes of RAM, where "
                       "redfu-boot leaves "
                       "the record of this start: redfu_confirm_start() will return false",
                       wants, in->report->promised != 0 ? "" : "() is in it", symbol->name),
                   "In the linker script (STM32...FLASH.ld):\n"
                   "    RAM (xrw) : ORIGIN = 0x20000040, LENGTH = %" PRIu32 "K - 64",
                   in->map->sram_bytes / 1024u);
            return;
        }
    }
}

// --- The stamp ---------------------------------------------------------------------------------------

static void judge_stamp(struct inspection *in) {
    const uint8_t *bytes = in->first->bytes + (in->map->application_addr - in->first->addr);
    uint32_t len = (uint32_t)(end_of(in->first) - in->map->application_addr);
    struct stamp stamp;
    for (uint32_t at = STAMP_ALIGN; at + STAMP_BYTES <= len; at += STAMP_ALIGN) {
        if (!stamp_load(bytes + at, at, &stamp)) {
            continue;
        }
        in->report->has_stamp = true;
        if (stamp.crc != crc32_update(CRC32_START, bytes, at)) {
            advise(add(in, INSPECT_STALE_STAMP, in->map->application_addr + at,
                       "the stamp does not fit the %" PRIu32
                       " bytes before it: something was changed "
                       "after `redfu seal`, and redfu-boot will not start the image",
                       at),
                   "Make `redfu seal` the last step of the build.");
        }
        return;
    }
    advise(
        add(in, INSPECT_UNSEALED, in->map->application_addr,
            "there is no stamp: redfu-boot judges by how the load ended whether the image is "
            "whole"),
        "`redfu seal` puts one behind it; then length and CRC decide, whichever program loads it.");
}

static int graver(const void *left, const void *right) {
    const struct inspect_finding *a = left;
    const struct inspect_finding *b = right;
    int by_severity = (int)inspect_severity(b->id) - (int)inspect_severity(a->id);
    return by_severity != 0 ? by_severity : (int)a->id - (int)b->id;
}

static void find_first(struct inspection *in) {
    for (size_t i = 0; i < in->image->segment_count; i++) {
        const struct image_segment *segment = &in->image->segments[i];
        if (lies_in(in->map->application_addr, segment->addr, segment->len, false)) {
            in->first = segment;
        }
    }
}

static void judge_start(struct inspection *in) {
    struct inspect_report *report = in->report;
    uint32_t application = in->map->application_addr;
    if (in->first == NULL) {
        if (report->errors == 0) {
            struct inspect_finding *finding =
                add(in, INSPECT_NO_START, in->image->segments[0].addr,
                    "the image begins at 0x%08" PRIX32 ", and there is nothing at 0x%08" PRIX32
                    ", where the bootloader looks for the application's vector table",
                    in->image->segments[0].addr, application);
            advise_linker(finding, in->map);
        }
        return;
    }
    // Of an image for 0x08000000 that is longer than 48 KB, code lies here: nothing to be judged.
    if (in->first->addr < application) {
        return;
    }
    if (words_there(in) < 2 || vector(in, 0) == 0xffffffffu) {
        advise(add(in, INSPECT_NO_VECTORS, application,
                   "there is no vector table at 0x%08" PRIX32 "%s", application,
                   words_there(in) < 2 ? ": fewer than 8 bytes" : ": the first word is 0xFFFFFFFF"),
               "The section with the vectors (.isr_vector) has to come first in flash, and to be "
               "kept: "
               "KEEP(*(.isr_vector)).");
        return;
    }
    report->has_vectors = true;
    report->stack_pointer = vector(in, 0);
    report->reset_vector = vector(in, 1);
    count_vectors(in);
    report->promised = report->vector_count > START_PROMISE_WORD
                           ? start_promised(vector(in, START_PROMISE_WORD))
                           : 0;
    size_t before = report->errors;
    judge_stack(in);
    judge_reset(in);
    // Where the first two words are wrong, the others are of no interest.
    if (report->errors == before) {
        judge_handlers(in);
        judge_vtor(in);
        judge_records(in);
    }
    judge_stamp(in);
}

void inspect(const struct image *image, const struct inspect_map *map,
             struct inspect_report *report) {
    struct inspection in = {.image = image, .map = map, .report = report};
    memset(report, 0, sizeof *report);
    for (size_t i = 0; i < image->segment_count; i++) {
        judge_place(&in, &image->segments[i]);
    }
    find_first(&in);
    judge_start(&in);
    judge_gaps(&in);
    qsort(report->findings, report->count, sizeof report->findings[0], graver);
}
