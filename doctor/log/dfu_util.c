// SPDX-License-Identifier: MIT
//
// dfu-util, 0.7 to 0.11, with or without -v. Its sentences are those of its sources (dfuse.c, dfuse_mem.c, dfu_load.c,
// main.c); what users saw with them is in public issues.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/log/lines.h"
#include "spec/dfu.h"

struct dfu_util {
    struct session_log session;
    struct lines *lines;
    int found_state; // before anything was sent; -1: not told
    int last_status; // of the last "DFU state ... status" line
    bool is_downloaded, has_areas, was_leave_asked, is_leaving, wrote;
    uint64_t area_end, area_start;
};

static bool has(const struct dfu_util *log, const char *word) {
    return strstr(log->lines->text, word) != NULL;
}

static const char *after(const struct dfu_util *log, const char *start) {
    return lines_after(log->lines->text, start);
}

// -- What the device is

static void take_device(struct dfu_util *log) {
    const char *value;
    if ((value = after(log, "dfu-util ")) && !log->session.version[0] && value[0] >= '0' &&
        value[0] <= '9') {
        (void)sscanf(value, "%23[0-9.]", log->session.version);
        log->session.version_line = log->lines->number;
    } else if ((value = after(log, "Device ID ")) || (value = after(log, "ID "))) {
        log_fact(&log->session, "device", "ID", value);
    } else if ((value = after(log, "DFU mode device DFU version "))) {
        log_fact(&log->session, "device", "DFU version", value);
        if (strncmp(value, "011a", 4) != 0) {
            log_found_as(&log->session, "F40", FINDING_NOTE, REPORT_CERTAIN, NULL);
        }
    } else if ((value = after(log, "Device returned transfer size "))) {
        log_fact(&log->session, "device", "wTransferSize", value);
    } else if ((value = after(log, "DfuSe interface name: "))) {
        log_fact(&log->session, "device", "layout's name", value);
        if (strstr(value, "UNKNOWN")) {
            log_found(&log->session, "F1", REPORT_CERTAIN, NULL);
        }
    }
    if (strstr(log->lines->text, "--wait") && strcmp(log->session.version, "0.11") == 0) {
        log_found_as(&log->session, "F26", FINDING_NOTE, REPORT_POSSIBLE,
                     "0.11 takes what follows --wait for its argument; -w works");
    }
    if (has(log, ":leave")) {
        log->was_leave_asked = true;
    }
}

// "Memory segment at 0x08000000   4 x 16384 = 65536 (rew)"
static void take_area(struct dfu_util *log) {
    unsigned addr;
    unsigned count;
    unsigned bytes;
    char letters[8];
    const char *text = after(log, "Memory segment at ");
    if (!text ||
        sscanf(text, "0x%x %u x %u = %*u (%7[rew])", &addr, &count, &bytes, letters) != 4) {
        return;
    }
    struct report_area area = {
        .addr = addr,
        .sector_bytes = bytes,
        .count = count,
        .can = (uint8_t)((strchr(letters, 'r') ? 1 : 0) | (strchr(letters, 'e') ? 2 : 0) |
                         (strchr(letters, 'w') ? 4 : 0)),
        .name = "as dfu-util read it",
    };
    report_area(log->session.report, &area);
    log->has_areas = true;
}

static bool is_in_areas(const struct dfu_util *log, uint64_t addr) {
    const struct report *report = log->session.report;
    for (size_t i = 0; i < report->area_count; i++) {
        const struct report_area *area = &report->areas[i];
        if (addr >= area->addr && addr < area->addr + (uint64_t)area->sector_bytes * area->count) {
            return true;
        }
    }
    return false;
}

// -- States and requests

// "state = dfuIDLE, status = 0" (to 0.10) and "DFU state(2) = dfuIDLE, status(0) = ..." (0.11).
static void take_state(struct dfu_util *log) {
    uint64_t number;
    char name[32] = "";
    const char *text = strstr(log->lines->text, "state");
    if (!text || !(has(log, "status = ") || has(log, "status("))) {
        return;
    }
    if (sscanf(text, "state = %31[A-Za-z-]", name) != 1 &&
        sscanf(text, "state(%*u) = %31[A-Za-z-]", name) != 1) {
        return;
    }
    int state = -1;
    for (unsigned i = 0; i < DFU_STATE_COUNT; i++) {
        state = strcmp(dfu_state_name(i), name) == 0 ? (int)i : state;
    }
    if (lines_number(log->lines->text, "status = ", &number) ||
        lines_number(log->lines->text, "status(", &number)) {
        log->last_status = (int)(number & 0xff);
    }
    struct report_request *request = log_request(&log->session, "GETSTATUS");
    if (request) {
        request->state = state;
        request->status = log->last_status;
    }
    if (log->found_state < 0 && state >= 0) {
        log->found_state = state;
        if (state != DFU_STATE_IDLE && state > DFU_STATE_APP_DETACH) {
            log_found_as(&log->session, "F10", FINDING_NOTE, REPORT_CERTAIN,
                         "an earlier session's state was still there; dfu-util mends that");
        }
    }
    if (log->last_status == DFU_STATUS_ERR_VENDOR) {
        log_found(&log->session, "F11", REPORT_POSSIBLE, NULL);
    }
}

static bool is_end(const struct dfu_util *log) {
    return after(log, "File downloaded successfully") || after(log, "Download done") ||
           after(log, "Upload done") || after(log, "done parsing DfuSe file") ||
           after(log, "Done parsing DfuSe file") || after(log, "Found DFU:");
}

static void take_progress(struct dfu_util *log) {
    unsigned first;
    unsigned last;
    unsigned bytes;
    const char *text = log->lines->text;
    if (sscanf(text, "Erasing page size %u at address 0x%x", &bytes, &first) == 2) {
        log->session.step = LOG_ERASE;
        (void)log_request(&log->session, "DNLOAD block 0: erase 0x%08X", first);
        report_touch(log->session.report, log->lines->at_us, REPORT_ERASED, first, bytes);
    } else if (sscanf(text, "Download from image offset %*x to memory %x-%x, size %u", &first,
                      &last, &bytes) == 3) {
        log->session.step = LOG_WRITE;
        log->wrote = true;
        report_touch(log->session.report, log->lines->at_us, REPORT_WRITTEN, first, bytes);
    } else if (after(log, "Erase ")) {
        log->session.step = LOG_ERASE;
    } else if (after(log, "Download ") && !has(log, "done") && strchr(text, '[')) {
        log->session.step = LOG_WRITE;
        log->wrote = true;
    } else if (after(log, "Upload ")) {
        log->session.step = LOG_READ;
    } else if (after(log, "File downloaded successfully")) {
        log->is_downloaded = true;
        log->session.step = LOG_LEAVE;
    } else if (after(log, "Submitting leave request") ||
               after(log, "Transitioning to dfuMANIFEST") || after(log, "state(7)") ||
               has(log, "dfuMANIFEST")) {
        log->is_leaving = true;
    } else if (after(log, "Downloading")) {
        log_fact(&log->session, "image", "where", text);
    }
}

// -- Errors

// What a special command's refusal can be, by the status that the device told.
static void refused(struct dfu_util *log) {
    switch (log->last_status) {
    case DFU_STATUS_ERR_VENDOR:
        log_found(&log->session, "F11", REPORT_LIKELY, "errVENDOR");
        break;
    case DFU_STATUS_ERR_ADDRESS:
    case DFU_STATUS_ERR_TARGET:
        log_found(&log->session, "F2", REPORT_LIKELY, "the device refuses that address");
        break;
    case DFU_STATUS_ERR_WRITE:
    case DFU_STATUS_ERR_CHECK_ERASED:
        log_found(&log->session, "F20", REPORT_POSSIBLE, NULL);
        break;
    default:
        log_found(&log->session, "F12", REPORT_POSSIBLE, "if a second try works, this is it");
        log_found(&log->session, "F20", REPORT_POSSIBLE, NULL);
    }
}

static void special_command(struct dfu_util *log) {
    bool is_erase = has(log, "ERASE");
    log_failed(&log->session, is_erase ? LOG_ERASE : log->session.step);
    if (has(log, "get_status")) {
        log_found_as(&log->session, "F23", FINDING_FAULT, REPORT_LIKELY,
                     "no answer to GETSTATUS in time, or the device went");
        log_found(&log->session, is_erase ? "F24" : "F27", REPORT_POSSIBLE, NULL);
    } else {
        log_found(&log->session, "F10", REPORT_LIKELY,
                  "the command was refused by a STALL: the device was in no state to take it");
        log_found(&log->session, "F9", REPORT_POSSIBLE, NULL);
    }
}

static void not_writeable(struct dfu_util *log) {
    uint64_t addr = 0;
    const char *at = strstr(log->lines->text, "0x");
    if (at) {
        addr = strtoull(at, NULL, 16);
    }
    log_failed(&log->session, LOG_ERASE);
    if (log->has_areas && !is_in_areas(log, addr)) {
        log_found(&log->session, "F7", REPORT_LIKELY,
                  "the layout has no such address: another alternate setting, another bootloader, "
                  "or the wrong address");
    } else if (log->has_areas) {
        log_found_as(&log->session, "F2", FINDING_FAULT, REPORT_CERTAIN,
                     "the layout does not mark it as writable");
    } else {
        log_found(&log->session, "F7", REPORT_POSSIBLE,
                  "outside of the layout, or in a sector marked read-only: -v shows it");
        log_found(&log->session, "F2", REPORT_POSSIBLE, NULL);
    }
}

static void take_error(struct dfu_util *log) {
    if (has(log, "is not writeable")) {
        not_writeable(log);
    } else if (has(log, "Failed to parse memory layout") || has(log, "Parsing type identifier") ||
               has(log, "Could not read name, sscanf")) {
        log_failed(&log->session, LOG_CONNECT);
        log_found(&log->session, "F1", REPORT_LIKELY, NULL);
        log_found(&log->session, "F5", REPORT_POSSIBLE, "or only dfu-util cannot read it");
    } else if (has(log, "Error during download get_status")) {
        if (log->is_downloaded) { // particle device-os issue 599, monome crow issue 128
            log_failed(&log->session, LOG_LEAVE);
            log_found(&log->session, "F33", REPORT_LIKELY, "all had been loaded before it");
        } else {
            log_failed(&log->session, log->session.step);
            log_found(&log->session, "F27", REPORT_LIKELY, NULL);
        }
    } else if (has(log, "Error during special command")) {
        special_command(log);
    } else if (has(log, "not correctly executed")) {
        log_failed(&log->session, has(log, "ERASE") ? LOG_ERASE : log->session.step);
        refused(log);
    } else if (has(log, "Wrong state after command")) {
        log_failed(&log->session, log->session.step);
        log_found_as(&log->session, "F44", FINDING_WARNING, REPORT_LIKELY,
                     "dfu-util wants dfuDNBUSY in the first answer after a command");
    } else if (has(log, "Device stuck after special command")) {
        log_failed(&log->session, LOG_ERASE);
        log_found(&log->session, "F8", REPORT_LIKELY, NULL);
    } else if (has(log, "LIBUSB_ERROR_ACCESS") || has(log, "Cannot open DFU device")) {
        log_failed(&log->session, LOG_CONNECT);
        log_found(&log->session, "F38", REPORT_LIKELY, NULL);
    } else if (has(log, "No DFU capable USB device")) {
        log_failed(&log->session, LOG_CONNECT);
        log_found(&log->session, "F38", REPORT_POSSIBLE,
                  "or no device is in DFU mode, or another one is meant");
    } else if (has(log, "Lost device after RESET")) {
        log_failed(&log->session, LOG_CONNECT);
        log_found(&log->session, "F32", REPORT_POSSIBLE, NULL);
    } else if (has(log, "Error sending dfu") || has(log, "Error during download")) {
        log_failed(&log->session, log->session.step);
        log_found(&log->session, "F27", REPORT_POSSIBLE, NULL);
    } else if (after(log, "dfu-util:") && !has(log, "Warning") && !has(log, "DFU suffix")) {
        log_unknown(&log->session);
    }
}

bool log_is_dfu_util(const uint8_t *bytes, size_t len) {
    struct lines lines;
    lines_begin(&lines, bytes, len);
    while (lines_next(&lines)) {
        const char *version = lines_after(lines.text, "dfu-util ");
        if ((version && version[0] >= '0' && version[0] <= '9') ||
            lines_after(lines.text, "dfu-util:") ||
            lines_after(lines.text, "DfuSe interface name:") ||
            lines_after(lines.text, "Opening DFU capable USB device")) {
            return true;
        }
    }
    return false;
}

void log_dfu_util(struct session_log *session) {
    struct dfu_util log = {.session = *session, .lines = session->lines, .found_state = -1};
    while (lines_next(log.lines)) {
        take_device(&log);
        take_area(&log);
        take_state(&log);
        take_progress(&log);
        log.session.has_end |= is_end(&log);
        take_error(&log);
    }
    if (log.is_downloaded && !log.is_leaving && !log.was_leave_asked && !log.session.has_failed) {
        report_add(log.session.report, "F34", REPORT_POSSIBLE, REPORT_NO_TIME,
                   "nothing in the log asks the device to leave");
    }
    log_version_judge(&log.session, "dfu-util",
                      log.session.has_failed && log.session.failed == LOG_ERASE);
    log_finish(&log.session, "dfu-util");
}
