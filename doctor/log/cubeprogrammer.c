// SPDX-License-Identifier: MIT
//
// STM32CubeProgrammer, console or log file. What its sentences mean was learnt from logs that users published, with
// the bootloader's firmware beside them where they did (the program itself is closed): each rule says which.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/log/lines.h"
#include "spec/dfu.h"

#define ERASES_MAX     64u
// The shortest erase of an STM32's sector or page takes 20 ms; of one of 16 KB 250 (DS8626 table 40).
#define QUICK_ERASE_US 15000u

struct cube {
    struct session_log session;
    struct lines *lines;
    bool is_swd; // an ST-Link, not USB
    bool has_file, has_size;
    uint32_t file_addr;
    uint64_t file_bytes;
    // The layout as it was printed (verbosity 2 and more).
    struct report_area area;
    bool has_area;
    // Erasing
    unsigned erase_count, erase_requests, quick_erases, missing_sectors;
    uint32_t erased[ERASES_MAX];
    bool is_erase_pending;
    uint64_t erase_sent_us;
    uint32_t erase_addr;
    // GETSTATUS
    int status, state;
    int first_state;
    unsigned busy_in_row, clears_in_row, errors_in_row;
    bool was_written, was_refused;
};

static bool has(const struct cube *cube, const char *word) {
    return strstr(cube->lines->text, word) != NULL;
}

static const char *after(const struct cube *cube, const char *start) {
    return lines_after(cube->lines->text, start);
}

// -- What the device is

static void take_area(struct cube *cube) {
    char name[48] = "";
    char letters[8] = "";
    char unit[4] = "";
    unsigned number;
    unsigned long addr;
    unsigned long size;
    const char *text = cube->lines->text;
    const char *at = strstr(text, " 0x");
    // "Internal Flash 0000 0x08000000 0016 KB REW", and without the name from the second sector on.
    if (!at || sscanf(at, " 0x%lx %lu %3s %7s", &addr, &size, unit, letters) != 4 ||
        strspn(letters, "REW") != strlen(letters) || addr > UINT32_MAX || size > UINT32_MAX) {
        return;
    }
    const char *digits = at;
    while (digits > text && digits[-1] >= '0' && digits[-1] <= '9') {
        digits--;
    }
    if (sscanf(digits, "%u", &number) != 1) {
        return;
    }
    size_t name_len = (size_t)(digits - text);
    name_len = name_len < sizeof name - 1 ? name_len : sizeof name - 1;
    memcpy(name, text, name_len);
    while (name_len > 0 && name[name_len - 1] == ' ') {
        name_len--;
    }
    name[name_len] = '\0';
    uint64_t bytes = size * (strcmp(unit, "KB") == 0   ? 1024ull
                             : strcmp(unit, "MB") == 0 ? 1048576ull
                                                       : 1);
    if (bytes > UINT32_MAX) {
        return;
    }
    struct report_area area = {
        .addr = (uint32_t)addr,
        .sector_bytes = (uint32_t)bytes,
        .count = 1,
        .can = (uint8_t)((strchr(letters, 'R') ? 1 : 0) | (strchr(letters, 'E') ? 2 : 0) |
                         (strchr(letters, 'W') ? 4 : 0)),
    };
    struct report_area *last = &cube->area;
    bool is_next = cube->has_area && !name[0] && area.sector_bytes == last->sector_bytes &&
                   area.can == last->can &&
                   area.addr == last->addr + (uint64_t)last->count * last->sector_bytes;
    if (is_next) {
        last->count++;
        return;
    }
    if (cube->has_area) {
        report_area(cube->session.report, last);
        area.alternate = last->alternate + (name[0] ? 1 : 0);
        (void)snprintf(area.name, sizeof area.name, "%s", name[0] ? name : last->name);
    } else {
        (void)snprintf(area.name, sizeof area.name, "%s", name);
    }
    cube->area = area;
    cube->has_area = true;
}

static uint32_t sector_bytes_at(const struct cube *cube, uint32_t addr) {
    const struct report *report = cube->session.report;
    for (size_t i = 0; i < report->area_count; i++) {
        const struct report_area *area = &report->areas[i];
        uint64_t end = area->addr + (uint64_t)area->sector_bytes * area->count;
        if (addr >= area->addr && addr < end) {
            return area->sector_bytes;
        }
    }
    return 0;
}

// "Manuf. ID : " and nothing, with the next text one line late: strings are shifted or garbled (863049, 153778).
static void take_string(struct cube *cube, const char *name, const char *value) {
    value += strspn(value, " :");
    log_fact(&cube->session, "device", name, value);
    bool is_garbled = !*value;
    for (const char *at = value; *at; at++) {
        is_garbled = is_garbled || *at == '?' || (unsigned char)*at >= 0x80;
    }
    if (is_garbled) {
        log_found(&cube->session, "F39", REPORT_POSSIBLE,
                  "a string is empty or garbled; some versions of the program show sound ones so, "
                  "too");
    }
}

static void take_device(struct cube *cube) {
    static const char *const facts[] = {"USB speed",  "DFU protocol", "Device name", "Flash size",
                                        "Device CPU", "Board",        "BL Version"};
    static const char *const strings[] = {"Manuf. ID", "Product ID", "SN"};
    const char *value;
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if ((value = after(cube, facts[i])) && *(value + strspn(value, " ")) == ':') {
            log_fact(&cube->session, "device", facts[i], value);
        }
    }
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        if ((value = after(cube, strings[i])) && *(value + strspn(value, " ")) == ':') {
            take_string(cube, strings[i], value);
        }
    }
    if ((value = after(cube, "Device ID"))) {
        log_fact(&cube->session, "device", "Device ID", value);
        if (strstr(value, "IAP")) {
            report_fact(cube->session.report, "device", "kind",
                        "a bootloader of the product's own (\"IAP\"); that it has no Device ID and "
                        "no sector list is no fault");
        }
    }
    if (after(cube, "ST-LINK SN") || after(cube, "SWD freq")) {
        cube->is_swd = true;
    }
    const char *version = strstr(cube->lines->text, "STM32CubeProgrammer");
    if (version && !cube->session.version[0] && (version = strstr(version, " v"))) {
        (void)sscanf(version, " v%23[0-9.]", cube->session.version);
        cube->session.version_line = cube->lines->number;
    }
    take_area(cube);
}

static void take_file(struct cube *cube) {
    uint64_t number;
    const char *value;
    if ((value = after(cube, "File")) && *(value + strspn(value, " ")) == ':') {
        log_fact(&cube->session, "image", "file", value);
    } else if ((value = after(cube, "Size")) && *(value + strspn(value, " ")) == ':' &&
               cube->session.step >= LOG_ERASE) {
        log_fact(&cube->session, "image", "size", value);
        double size = strtod(value + strspn(value, " :"), NULL);
        if (size >= 0 && size < 4e9) {
            cube->file_bytes = (uint64_t)(size * (strstr(value, "KB")   ? 1024
                                                  : strstr(value, "MB") ? 1048576
                                                                        : 1));
            cube->has_size = true;
        }
    } else if ((value = after(cube, "Address")) && cube->session.step >= LOG_ERASE &&
               lines_number(value, ":", &number) && number <= UINT32_MAX && !cube->has_file) {
        log_fact(&cube->session, "image", "address", value);
        cube->file_addr = (uint32_t)number;
        cube->has_file = true;
    }
}

// -- The wire, at verbosity 3

static void take_status(struct cube *cube) {
    uint64_t number;
    if (after(cube, "DFU status =") && lines_number(cube->lines->text, "=", &number)) {
        cube->status = (int)(number & 0xff);
        return;
    }
    if (!after(cube, "DFU State =") || !lines_number(cube->lines->text, "=", &number)) {
        return;
    }
    cube->state = (int)(number & 0xff);
    cube->first_state = cube->first_state < 0 ? cube->state : cube->first_state;
    struct report_request *request = log_request(&cube->session, "GETSTATUS");
    if (request) {
        request->state = cube->state;
        request->status = cube->status;
    }
    cube->errors_in_row = 0;
    cube->busy_in_row = cube->state == DFU_STATE_DNBUSY ? cube->busy_in_row + 1 : 0;
    cube->clears_in_row = cube->state == DFU_STATE_DNBUSY ? cube->clears_in_row : 0;
    if (cube->state >= (int)DFU_STATE_COUNT) {
        log_found(&cube->session, "F9", REPORT_CERTAIN, "DFU has no such state");
    }
    if (cube->status == DFU_STATUS_ERR_VENDOR) {
        log_found(&cube->session, "F11", REPORT_POSSIBLE,
                  "status 11 is errVENDOR: never lift a protection on that alone");
    }
}

static void take_wire(struct cube *cube) {
    uint64_t addr;
    take_status(cube);
    if (after(cube, "sending an abort request")) {
        (void)log_request(&cube->session, "ABORT");
    } else if (after(cube, "setting the address pointer to address") &&
               lines_number(cube->lines->text, "address:", &addr)) {
        (void)log_request(&cube->session, "DNLOAD block 0: set address 0x%08X", (unsigned)addr);
    } else if (after(cube, "sending a page erase request")) {
        addr = 0;
        (void)lines_number(cube->lines->text, "@", &addr);
        (void)log_request(&cube->session, "DNLOAD block 0: erase 0x%08X", (unsigned)addr);
        cube->erase_requests++;
        cube->erase_addr = (uint32_t)addr;
        cube->is_erase_pending = true;
        cube->erase_sent_us = cube->lines->at_us;
        cube->busy_in_row = 0;
    } else if (after(cube, "sending a clear status request")) {
        (void)log_request(&cube->session, "CLRSTATUS");
        // 234209: dfuDNBUSY twice, then CLRSTATUS twice, and the sector counts as erased.
        if (cube->is_erase_pending && cube->busy_in_row >= 2 && ++cube->clears_in_row == 1) {
            log_found(&cube->session, "F8", REPORT_LIKELY,
                      "the device stayed in dfuDNBUSY; after two of these the program counts the "
                      "sector as erased");
        }
    } else if (has(cube, "libusb control transfer error")) {
        struct report *report = cube->session.report;
        if (report->request_count != 0) {
            report->requests[report->request_count - 1].result =
                has(cube, "PIPE") || has(cube, "-9")      ? REPORT_STALLED
                : has(cube, "TIMEOUT") || has(cube, "-7") ? REPORT_TIMED_OUT
                                                          : REPORT_GONE;
        }
        cube->errors_in_row++;
        bool is_stall = has(cube, "PIPE") || has(cube, "-9");
        if (is_stall && cube->is_erase_pending) {
            log_failed(&cube->session, LOG_ERASE);
            log_found(&cube->session, "F10", REPORT_LIKELY,
                      "the erase was refused by a STALL: the device was in no state to take it");
        } else if (cube->errors_in_row == 3) {
            log_failed(&cube->session, cube->session.step);
            log_found(&cube->session, is_stall ? "F9" : "F27", REPORT_POSSIBLE,
                      is_stall ? "refused again and again" : "the bus failed again and again");
        }
    }
}

// -- Steps

static void take_erase(struct cube *cube) {
    uint64_t addr = 0;
    uint64_t number = 0;
    if (after(cube, "Erasing memory") || after(cube, "Erase sector") || after(cube, "MASS ERASE") ||
        after(cube, "Flash sector erase") || after(cube, "Mass erase")) {
        cube->session.step = LOG_ERASE;
    }
    if (after(cube, "erasing sector") && lines_number(cube->lines->text, "@", &addr)) {
        (void)lines_number(cube->lines->text, "sector", &number);
        if (number >= 1000) { // STM32Cube_MCU_Overall_Offer issue 34: "erasing sector 38308"
            log_found(&cube->session, "F26", REPORT_LIKELY, "no chip has so many sectors");
        }
        if (cube->is_erase_pending && cube->lines->has_milliseconds &&
            cube->lines->at_us - cube->erase_sent_us < QUICK_ERASE_US) {
            cube->quick_erases++;
        }
        cube->is_erase_pending = false;
        if (cube->erase_count < ERASES_MAX) {
            cube->erased[cube->erase_count] = (uint32_t)addr;
        }
        cube->erase_count++;
        uint32_t bytes = sector_bytes_at(cube, (uint32_t)addr);
        if (bytes != 0 && has(cube, "done")) {
            report_touch(cube->session.report, cube->lines->at_us, REPORT_ERASED, (uint32_t)addr,
                         bytes);
        }
    }
    if (after(cube, "sector") && has(cube, "does not exist")) {
        if (cube->missing_sectors++ == 0) {
            bool is_unknown = !cube->session.version[0];
            bool is_bad = strcmp(cube->session.version, "2.16.0") == 0;
            log_failed(&cube->session, LOG_ERASE);
            if (is_unknown || is_bad) { // rusefi issue 6274, ardupilot issue 26706
                log_found_as(&cube->session, "F26", FINDING_FAULT,
                             is_bad ? REPORT_CERTAIN : REPORT_LIKELY,
                             "so speaks 2.16.0 of sectors that are there");
            } else {
                log_found(&cube->session, "F4", REPORT_LIKELY, NULL);
            }
        }
    }
    if (has(cube, "Not flash Memory")) {
        log_found(&cube->session, "F7", REPORT_POSSIBLE, "this part of the image is not for flash");
    }
}

// Blocks of 128 KB that begin at no multiple of it, and so on: sectors of one size lie at multiples of it in every
// STM32 (122482: "04*016Ka, 01*016Ka" had one sector too many, and 0x08024000 was erased).
static void judge_boundaries(struct cube *cube) {
    unsigned count = cube->erase_count < ERASES_MAX ? cube->erase_count : ERASES_MAX;
    for (unsigned i = 0; i + 1 < count; i++) {
        uint32_t bytes = cube->erased[i + 1] - cube->erased[i];
        bool is_size = bytes >= 1024 && (bytes & (bytes - 1)) == 0;
        if (is_size && cube->erased[i] % bytes != 0 && cube->erased[i + 1] % bytes != 0) {
            report_add(cube->session.report, "F3", REPORT_LIKELY, REPORT_NO_TIME,
                       "sectors of %u KB were erased at 0x%08X and 0x%08X: no chip has them there, "
                       "so the layout string has one or more too many or too few before",
                       bytes / 1024, cube->erased[i], cube->erased[i + 1]);
            return;
        }
    }
    for (unsigned i = 0; i < count && cube->has_file && count == cube->erase_count; i++) {
        if (cube->erased[i] <= cube->file_addr) {
            return;
        }
    }
    if (count != 0 && cube->has_file && cube->was_refused) {
        report_add(cube->session.report, "F3", REPORT_POSSIBLE, REPORT_NO_TIME,
                   "no sector that holds 0x%08X, where the image begins, was erased",
                   cube->file_addr);
    }
}

static void failed_to_erase(struct cube *cube) {
    bool is_sent = cube->erase_requests != 0 || cube->erase_count != 0;
    log_failed(&cube->session, LOG_ERASE);
    if (is_sent) {
        if (!report_has(cube->session.report, "F8") && !report_has(cube->session.report, "F10") &&
            !report_has(cube->session.report, "F11")) {
            log_found(&cube->session, "F12", REPORT_POSSIBLE,
                      "an erase was sent and refused; if a second try works, this is it");
            log_found(&cube->session, "F20", REPORT_POSSIBLE, NULL);
        }
        return;
    }
    // 124605: between "Erasing memory" and this there is no "erasing sector", where sound sessions have one.
    const char *why = "no erase was sent before it: the program found no sector for the image";
    log_found(&cube->session, "F1", REPORT_POSSIBLE, why);
    log_found(&cube->session, "F2", REPORT_POSSIBLE, why);
    if (!cube->session.version[0]) {
        log_found(&cube->session, "F26", REPORT_POSSIBLE,
                  "2.16.0 does this of itself, and the log names no version");
    }
    log_found(&cube->session, "F10", REPORT_POSSIBLE,
              "or the device answered in no state to erase: only the first load works, then");
}

static void mismatch(struct cube *cube) {
    uint64_t addr = 0;
    uint64_t seen = 0;
    uint64_t wanted = 0;
    bool has_all = lines_number(cube->lines->text, "address", &addr) &&
                   lines_number(cube->lines->text, "byte =", &seen) &&
                   lines_number(cube->lines->text, "instead of", &wanted);
    log_failed(&cube->session, LOG_VERIFY);
    if (addr <= UINT32_MAX) {
        report_touch(cube->session.report, cube->lines->at_us, REPORT_UNCHANGED, (uint32_t)addr, 1);
    }
    log_found(&cube->session, "F46", REPORT_CERTAIN, NULL);
    bool is_quick = cube->quick_erases != 0 && cube->quick_erases == cube->erase_count;
    if (is_quick) {
        log_found(&cube->session, "F14", REPORT_LIKELY,
                  "each erase was done in less than 15 ms, which no sector is");
        log_found(&cube->session, "F13", REPORT_POSSIBLE, "or flash was locked");
    } else if (has_all && seen == 0xff && wanted != 0xff && cube->erase_count != 0) {
        log_found(&cube->session, "F15", REPORT_POSSIBLE,
                  "blank where something was written: the erase worked, the write did not");
    } else if (has_all && cube->erase_count == 0 && cube->missing_sectors == 0) {
        log_found(&cube->session, "F2", REPORT_POSSIBLE, "and no sector was erased before");
    } else if (has_all && cube->missing_sectors == 0 && seen != wanted && (seen & wanted) == seen) {
        log_found(&cube->session, "F20", REPORT_POSSIBLE,
                  "bits are missing, as when a sector was not erased before it was written");
    }
    if (has_all && cube->has_file && addr > cube->file_addr &&
        (addr - cube->file_addr) % 1024 == 0 && seen != 0xff) {
        log_found(&cube->session, "F25", REPORT_POSSIBLE, "a multiple of a block's size");
    }
}

static void take_error(struct cube *cube) {
    if (has(cube, "failed to erase memory") ||
        has(cube, "error occured during the flash sector erase")) {
        failed_to_erase(cube);
    } else if (has(cube, "Data mismatch found")) {
        mismatch(cube);
    } else if (has(cube, "Data read failed")) {
        // sboot_stm32 issue 25, 848084: 1024 bytes at 0x08000000 are read on connecting.
        log_failed(&cube->session, LOG_READ);
        log_found(&cube->session, "F43", REPORT_LIKELY,
                  "on connecting, 1 KB at the first address is read: the bootloader refuses it");
        log_found(&cube->session, "F40", REPORT_POSSIBLE, "or it speaks plain DFU");
        log_found(&cube->session, "F14", REPORT_POSSIBLE, "or Read() is a stub that returns NULL");
    } else if (has(cube, "exceeds memory limits")) {
        log_failed(&cube->session, LOG_ERASE);
        log_found(&cube->session, "F7", REPORT_LIKELY, NULL);
    } else if (has(cube, "Write failed at address") || has(cube, "failed to download Segment")) {
        cube->was_refused = true;
        log_failed(&cube->session, LOG_WRITE);
        if (cube->erase_count == 0) {
            log_found(&cube->session, "F2", REPORT_POSSIBLE, "and no sector was erased before it");
        } else {
            log_found(&cube->session, "F13", REPORT_POSSIBLE, "erased, and the write was refused");
        }
        // 122749: LIBUSB_ERROR_PIPE at changing addresses, cured by a hub.
        log_found(&cube->session, "F27", REPORT_POSSIBLE, "if the address changes from try to try");
    } else if (has(cube, "Start operation failed")) {
        log_failed(&cube->session, LOG_LEAVE);
        log_found(&cube->session, "F33", REPORT_POSSIBLE, NULL);
    } else if (has(cube, "Target device not found") || has(cube, "No STM32 target found") ||
               has(cube, "Establishing connection with the device failed") ||
               has(cube, "Unable to open USB") || has(cube, "No debug probe detected")) {
        log_failed(&cube->session, LOG_CONNECT);
        log_found(&cube->session, "F38", REPORT_POSSIBLE, NULL);
    } else if (after(cube, "Error:")) {
        log_unknown(&cube->session);
    }
}

static bool is_end(const struct cube *cube) {
    return has(cube, "File download complete") || has(cube, "Download verified successfully") ||
           has(cube, "Data read successfully") || has(cube, "Start operation achieved") ||
           has(cube, "erase successfully") || has(cube, "erased successfully");
}

static void take_step(struct cube *cube) {
    if (after(cube, "Memory Programming") || after(cube, "Opening and parsing file")) {
        cube->session.step = LOG_ERASE;
    } else if (after(cube, "UPLOADING")) {
        cube->session.step = LOG_READ;
    } else if (after(cube, "Download in Progress")) {
        cube->session.step = LOG_WRITE;
    } else if (after(cube, "File download complete")) {
        cube->was_written = true;
        if (cube->has_file && cube->has_size && cube->file_bytes <= UINT32_MAX) {
            report_touch(cube->session.report, cube->lines->at_us, REPORT_WRITTEN, cube->file_addr,
                         (uint32_t)cube->file_bytes);
        }
    } else if (after(cube, "Verifying")) {
        cube->session.step = LOG_VERIFY;
    } else if (after(cube, "RUNNING Program") || after(cube, "Start operation")) {
        cube->session.step = LOG_LEAVE;
    } else if ((has(cube, "is lost") || has(cube, "Connection to device")) &&
               cube->session.step == LOG_ERASE && cube->is_erase_pending) {
        log_failed(&cube->session, LOG_ERASE);
        log_found(&cube->session, "F24", REPORT_LIKELY, "it went while a sector was being erased");
    }
    if ((has(cube, "read protect") || has(cube, "Read Out Protection") ||
         has(cube, "read-protected")) &&
        !after(cube, "RDP")) {
        log_found(&cube->session, "F11", REPORT_POSSIBLE,
                  "a custom bootloader's failed erase looks the same to the program; lifting the "
                  "protection wipes the chip");
    }
}

bool log_is_cubeprogrammer(const uint8_t *bytes, size_t len) {
    static const char *const sentences[] = {"Memory Programming ...",
                                            "Opening and parsing file",
                                            "Erasing memory corresponding",
                                            "sending a page erase request",
                                            "DFU protocol:",
                                            "Error: failed to erase memory",
                                            "UPLOADING OPTION BYTES",
                                            "DFU State ="};
    struct lines lines;
    lines_begin(&lines, bytes, len);
    while (lines_next(&lines)) {
        if (lines_after(lines.text, "STM32CubeProgrammer v") ||
            lines_after(lines.text, "STM32CubeProgrammer API v")) {
            return true;
        }
        for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
            if (lines_after(lines.text, sentences[i])) {
                return true;
            }
        }
    }
    return false;
}

void log_cubeprogrammer(struct session_log *session) {
    struct cube cube = {.session = *session, .lines = session->lines, .first_state = -1};
    while (lines_next(cube.lines)) {
        take_device(&cube);
        if (cube.is_swd) { // other sentences, other causes
            continue;
        }
        take_file(&cube);
        take_step(&cube);
        take_wire(&cube);
        take_erase(&cube);
        take_error(&cube);
        cube.session.has_end |= is_end(&cube);
    }
    if (cube.has_area) {
        report_area(cube.session.report, &cube.area);
    }
    if (cube.session.has_failed && cube.session.failed == LOG_VERIFY) {
        cube.was_refused = true;
    }
    judge_boundaries(&cube);
    // Its known fault shows as sectors that are not there, or as a write with no erase before it.
    bool has_symptom =
        cube.missing_sectors != 0 ||
        (cube.session.has_failed && cube.session.failed == LOG_ERASE && cube.erase_count == 0) ||
        (cube.session.has_failed && cube.session.failed == LOG_VERIFY && cube.erase_count == 0);
    log_version_judge(&cube.session, "STM32CubeProgrammer", has_symptom);
    if (cube.is_swd) {
        report_incomplete(cube.session.report,
                          "the log is of an ST-Link, not of an update over USB");
    }
    log_finish(&cube.session, "STM32CubeProgrammer");
}
