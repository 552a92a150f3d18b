// SPDX-License-Identifier: MIT
//
// What the requests of a capture mean. A capture has what logs lack: the data. So what was read can be held against
// what was written before, and times are the wire's.

#include "doctor/log/capture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "spec/dfu.h"

#define CLASS_IN          (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
#define CLASS_OUT         (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
// No sector or page of an STM32 is erased in less than 20 ms (L4: 22 ms; F4: 250 ms for 16 KB).
#define QUICK_ERASE_US    15000u
// Half of the typical time of a word, 16 us (DS8626 table 40): faster than this nothing was programmed.
#define WORD_US           8u
#define BLOCKS_BYTES_MIN  8192u
// The longest erase of a sector at x8 takes 4 s (DS8626 table 40).
#define LONGEST_ERASE_US  5000000u
#define POLLS_MAX         20u
#define WIRE_TAKES_DNLOAD (1u << DFU_STATE_IDLE | 1u << DFU_STATE_DNLOAD_IDLE)

static const char *step_of(enum wire_command command) {
    switch (command) {
    case WIRE_ERASE:
    case WIRE_MASS_ERASE:
        return "erase";
    case WIRE_BLOCK:
        return "write";
    case WIRE_LEAVE:
        return "leave";
    case WIRE_SET_ADDRESS:
        return "setting of the address";
    default:
        return "connect";
    }
}

void wire_failed(struct wire *wire, const char *step, const struct capture_transfer *transfer) {
    const struct report *report = wire->report;
    for (size_t i = 0; i < report->fact_count; i++) {
        if (strcmp(report->facts[i].name, "step that failed") == 0) {
            return;
        }
    }
    report_fact(wire->report, "session", "step that failed", "%s (packet %lu)", step,
                transfer->number);
}

// What is erased or written again is forgotten.
static void forget(struct wire *wire, uint32_t addr, uint32_t len) {
    for (size_t i = 0; i < wire->written_count;) {
        struct wire_bytes *written = &wire->written[i];
        if ((uint64_t)written->addr + written->len > addr && written->addr < (uint64_t)addr + len) {
            free(written->bytes);
            *written = wire->written[--wire->written_count];
        } else {
            i++;
        }
    }
}

static void keep_written(struct wire *wire, const struct capture_transfer *transfer,
                         uint32_t addr) {
    forget(wire, addr, transfer->setup.wLength);
    if (transfer->data_len == 0 || wire->written_count == WIRE_BLOCKS_MAX) {
        return;
    }
    if (wire->written_count == wire->written_room) {
        size_t wanted = wire->written_room ? wire->written_room * 2 : 64;
        struct wire_bytes *more = realloc(wire->written, wanted * sizeof *more);
        if (!more) {
            wire->report->is_short = true;
            return;
        }
        wire->written = more;
        wire->written_room = wanted;
    }
    uint8_t *bytes = malloc(transfer->data_len);
    if (!bytes) {
        wire->report->is_short = true;
        return;
    }
    memcpy(bytes, transfer->data, transfer->data_len);
    wire->written[wire->written_count++] =
        (struct wire_bytes){addr, transfer->data_len, bytes, transfer->number};
}

static uint32_t sector_bytes_at(const struct wire *wire, uint32_t addr) {
    const struct layout_run *run = wire->has_layout ? layout_run_at(&wire->layout, addr) : NULL;
    return run ? run->sector_bytes : 0;
}

// -- Commands

static void end_command(struct wire *wire) {
    wire->command = WIRE_NONE;
    wire->polls = 0;
}

static void begin_erase(struct wire *wire, const struct capture_transfer *transfer) {
    const struct layout_run *run =
        wire->has_layout ? layout_run_at(&wire->layout, wire->command_addr) : NULL;
    if (run && !(run->type & LAYOUT_ERASABLE)) {
        report_add(wire->report, "F2", REPORT_CERTAIN, transfer->at_us,
                   "packet %lu: erase of 0x%08" PRIX32
                   ", which the layout does not mark as erasable",
                   transfer->number, wire->command_addr);
    }
}

static void take_command(struct wire *wire, const struct capture_transfer *transfer) {
    uint8_t code = transfer->data_len != 0 ? transfer->data[0] : 0;
    bool has_addr = transfer->setup.wLength == DFUSE_CMD_WITH_ADDRESS_LEN &&
                    transfer->data_len == DFUSE_CMD_WITH_ADDRESS_LEN;
    wire->command_addr = has_addr ? load_le32(transfer->data + 1) : 0;
    if (code == DFUSE_CMD_ERASE && has_addr) {
        wire->command = WIRE_ERASE;
        begin_erase(wire, transfer);
    } else if (code == DFUSE_CMD_ERASE && transfer->setup.wLength == 1) {
        wire->command = WIRE_MASS_ERASE;
    } else if (code == DFUSE_CMD_SET_ADDRESS && has_addr) {
        wire->command = WIRE_SET_ADDRESS;
        wire->pointer = wire->command_addr;
        wire->has_pointer = true;
        wire->block_bytes = 0;
    } else {
        wire->command = WIRE_OTHER;
    }
}

static uint32_t block_addr(struct wire *wire, const struct capture_transfer *transfer) {
    if (wire->block_bytes == 0 || transfer->setup.wValue == DFUSE_BLOCK_FIRST_DATA) {
        wire->block_bytes = transfer->setup.wLength;
    }
    return wire->pointer + (transfer->setup.wValue - DFUSE_BLOCK_FIRST_DATA) * wire->block_bytes;
}

static void take_block(struct wire *wire, const struct capture_transfer *transfer) {
    wire->command = WIRE_BLOCK;
    if (wire->blocks++ == 0) {
        wire->blocks_begin_us = transfer->at_us;
    }
    if (!wire->has_pointer || transfer->setup.wValue < DFUSE_BLOCK_FIRST_DATA) {
        return;
    }
    uint32_t addr = block_addr(wire, transfer);
    wire->command_addr = addr;
    const struct layout_run *run = wire->has_layout ? layout_run_at(&wire->layout, addr) : NULL;
    if (run && !(run->type & LAYOUT_WRITABLE)) {
        report_add_as(wire->report, "F2", FINDING_FAULT, REPORT_CERTAIN, transfer->at_us,
                      "packet %lu: a block for 0x%08" PRIX32
                      ", which the layout does not mark as writable",
                      transfer->number, addr);
    }
    keep_written(wire, transfer, addr);
    report_touch(wire->report, transfer->at_us, REPORT_WRITTEN, addr, transfer->setup.wLength);
}

// What every DfuSe device has to take in dfuIDLE.
static bool is_usual(const struct wire *wire, const struct capture_transfer *transfer) {
    const struct usb_setup *setup = &transfer->setup;
    if (setup->wValue >= DFUSE_BLOCK_FIRST_DATA) {
        return setup->wLength != 0 &&
               (wire->transfer_bytes == 0 || setup->wLength <= wire->transfer_bytes);
    }
    return setup->wValue == DFUSE_BLOCK_COMMAND && setup->wLength == DFUSE_CMD_WITH_ADDRESS_LEN &&
           transfer->data_len != 0 &&
           (transfer->data[0] == DFUSE_CMD_SET_ADDRESS || transfer->data[0] == DFUSE_CMD_ERASE);
}

static void take_dnload(struct wire *wire, const struct capture_transfer *transfer) {
    // Nothing of this session has changed the state: what is in the way was there before.
    bool is_old = wire->commands == 0 && wire->first_state >= 0 && wire->state == wire->first_state;
    end_command(wire);
    wire->command_us = transfer->at_us;
    wire->command_packet = transfer->number;
    if (transfer->end == CAPTURE_STALL) {
        bool is_data = transfer->setup.wValue >= DFUSE_BLOCK_FIRST_DATA;
        wire_failed(wire, is_data ? "write" : "erase", transfer);
        bool is_idle = wire->state == DFU_STATE_IDLE || wire->state == DFU_STATE_DNLOAD_IDLE;
        bool is_fit = is_usual(wire, transfer);
        if (is_old && !is_idle) {
            report_add_as(wire->report, "F10", FINDING_FAULT, REPORT_LIKELY, transfer->at_us,
                          "packet %lu: DNLOAD in %s (%d) is refused", transfer->number,
                          dfu_state_name((unsigned)wire->state), wire->state);
        } else if (is_idle && is_fit && (wire->before & ~WIRE_TAKES_DNLOAD) == 0) {
            // In any other state DFU 1.1 wants it refused.
            report_add(wire->report, "F9", REPORT_POSSIBLE, transfer->at_us,
                       "packet %lu: DNLOAD is refused though the state was last told as %s",
                       transfer->number, dfu_state_name((unsigned)wire->state));
        }
        return;
    }
    if (transfer->end != CAPTURE_DONE) {
        return;
    }
    wire->commands++;
    if (transfer->setup.wLength == 0) {
        wire->command = WIRE_LEAVE;
        wire->has_left = true;
    } else if (transfer->setup.wValue == DFUSE_BLOCK_COMMAND &&
               (!wire->has_functional || wire->version == DFUSE_VERSION)) {
        take_command(wire, transfer);
    } else {
        take_block(wire, transfer);
    }
}

// -- What becomes of a command

static void command_done(struct wire *wire, const struct capture_transfer *transfer) {
    uint64_t took_us = transfer->at_us + transfer->duration_us - wire->command_us;
    switch (wire->command) {
    case WIRE_ERASE: {
        uint32_t bytes = sector_bytes_at(wire, wire->command_addr);
        wire->erases++;
        wire->quick_erases += took_us < QUICK_ERASE_US;
        if (bytes != 0) {
            forget(wire, wire->command_addr, bytes);
            report_touch(wire->report, wire->command_us, REPORT_ERASED, wire->command_addr, bytes);
        }
        if (wire->has_failed_addr && wire->failed_addr == wire->command_addr) {
            report_add_as(wire->report, "F12", FINDING_FAULT, REPORT_LIKELY, wire->command_us,
                          "packet %lu: the erase of 0x%08" PRIX32 " that had failed works now",
                          wire->command_packet, wire->command_addr);
        }
        break;
    }
    case WIRE_MASS_ERASE:
        if (took_us < QUICK_ERASE_US * 10) {
            report_add(wire->report, "F6", REPORT_LIKELY, wire->command_us,
                       "packet %lu: mass erase (0x41 alone) was done with after %.1f ms, which no "
                       "flash is",
                       wire->command_packet, (double)took_us / 1e3);
        }
        break;
    case WIRE_BLOCK:
        wire->blocks_bytes += wire->block_bytes;
        wire->blocks_end_us = transfer->at_us + transfer->duration_us;
        break;
    default:
        break;
    }
    end_command(wire);
}

static void command_failed(struct wire *wire, const struct capture_transfer *transfer) {
    unsigned status = (unsigned)wire->status;
    wire_failed(wire, step_of(wire->command), transfer);
    if (wire->command == WIRE_ERASE) {
        wire->failed_addr = wire->command_addr;
        wire->has_failed_addr = true;
    }
    if (status == DFU_STATUS_ERR_VENDOR) {
        report_add(wire->report, "F11", wire->was_read_well ? REPORT_LIKELY : REPORT_POSSIBLE,
                   transfer->at_us, "packet %lu: errVENDOR to the %s of 0x%08" PRIX32 "%s",
                   transfer->number, step_of(wire->command), wire->command_addr,
                   wire->was_read_well ? ", while reading works" : "");
    } else if (wire->command == WIRE_BLOCK && wire->erases != 0 &&
               wire->quick_erases == wire->erases) {
        report_add(wire->report, "F13", REPORT_LIKELY, transfer->at_us,
                   "packet %lu: %s to the first block, after erases of less than 15 ms",
                   transfer->number, dfu_status_name(status));
    } else if (wire->has_layout && !layout_run_at(&wire->layout, wire->command_addr)) {
        // The device is right. To set the pointer there does no harm by itself.
        if (wire->command != WIRE_SET_ADDRESS) {
            report_add(wire->report, "F7", REPORT_LIKELY, transfer->at_us,
                       "packet %lu: %s to the %s of 0x%08" PRIX32
                       ", which the layout does not have",
                       transfer->number, dfu_status_name(status), step_of(wire->command),
                       wire->command_addr);
        }
    } else if (status == DFU_STATUS_ERR_ADDRESS || status == DFU_STATUS_ERR_TARGET) {
        report_add_as(wire->report, "F2", FINDING_FAULT, REPORT_LIKELY, transfer->at_us,
                      "packet %lu: %s to the %s of 0x%08" PRIX32, transfer->number,
                      dfu_status_name(status), step_of(wire->command), wire->command_addr);
    } else {
        report_add_as(wire->report, "F12", FINDING_FAULT, REPORT_POSSIBLE, transfer->at_us,
                      "packet %lu: %s to the %s of 0x%08" PRIX32, transfer->number,
                      dfu_status_name(status), step_of(wire->command), wire->command_addr);
    }
    end_command(wire);
}

static void take_getstatus(struct wire *wire, const struct capture_transfer *transfer) {
    bool is_flash = wire->command == WIRE_ERASE || wire->command == WIRE_MASS_ERASE;
    if (transfer->end == CAPTURE_DONE && transfer->data_len != DFU_STATUS_LEN &&
        transfer->setup.wLength >= DFU_STATUS_LEN && transfer->data_len == transfer->moved) {
        report_add_as(wire->report, "F44", FINDING_WARNING, REPORT_CERTAIN, transfer->at_us,
                      "packet %lu: GETSTATUS answers %u bytes, not 6 (DFU 1.1 6.1.2)",
                      transfer->end_number, transfer->moved);
        return;
    }
    if (transfer->end != CAPTURE_DONE || transfer->data_len != DFU_STATUS_LEN) {
        return;
    }
    wire->polls++;
    if (is_flash && wire->polls == 1 &&
        transfer->duration_us > 100000u + (uint64_t)wire->poll_ms * 1000) {
        report_add_as(wire->report, "F23", FINDING_NOTE, REPORT_CERTAIN, transfer->at_us,
                      "packet %lu: GETSTATUS was held for %.0f ms, and bwPollTimeout is %" PRId64
                      " ms",
                      transfer->number, (double)transfer->duration_us / 1e3, wire->poll_ms);
    }
    if (wire->state >= (int)DFU_STATE_COUNT) {
        report_add(wire->report, "F9", REPORT_CERTAIN, transfer->at_us,
                   "packet %lu: state %d, which DFU does not have", transfer->end_number,
                   wire->state);
    }
    if (wire->command == WIRE_NONE || wire->command == WIRE_LEAVE) {
        return;
    }
    if (wire->state == DFU_STATE_DNLOAD_IDLE || wire->state == DFU_STATE_IDLE) {
        command_done(wire, transfer);
    } else if (wire->state == DFU_STATE_ERROR || wire->status != DFU_STATUS_OK) {
        command_failed(wire, transfer);
    } else if (wire->state == DFU_STATE_DNBUSY && wire->command == WIRE_ERASE &&
               wire->polls == POLLS_MAX && transfer->at_us - wire->command_us > LONGEST_ERASE_US) {
        wire_failed(wire, "erase", transfer);
        report_add(
            wire->report, "F8", REPORT_LIKELY, transfer->at_us,
            "packet %lu: still dfuDNBUSY with status OK, %.1f s after the erase of 0x%08" PRIX32,
            transfer->number, (double)(transfer->at_us - wire->command_us) / 1e6,
            wire->command_addr);
    }
}

static void take_clrstatus(struct wire *wire, const struct capture_transfer *transfer) {
    bool is_busy = wire->state == DFU_STATE_DNBUSY && wire->polls >= 2;
    if (is_busy && (wire->command == WIRE_ERASE || wire->command == WIRE_BLOCK)) {
        wire_failed(wire, step_of(wire->command), transfer);
        report_add(wire->report, "F8", REPORT_LIKELY, transfer->at_us,
                   "packet %lu: the host gives up dfuDNBUSY with CLRSTATUS, %.1f s after the %s of "
                   "0x%08" PRIX32,
                   transfer->number, (double)(transfer->at_us - wire->command_us) / 1e6,
                   step_of(wire->command), wire->command_addr);
        end_command(wire);
    }
}

// -- Reading

static void compare(struct wire *wire, const struct capture_transfer *transfer, uint32_t addr) {
    for (size_t i = 0; i < wire->written_count && wire->compared < WIRE_COMPARED_MAX; i++) {
        const struct wire_bytes *written = &wire->written[i];
        wire->compared++;
        uint64_t from = addr > written->addr ? addr : written->addr;
        uint64_t read_end = (uint64_t)addr + transfer->data_len;
        uint64_t written_end = (uint64_t)written->addr + written->len;
        uint64_t end = read_end < written_end ? read_end : written_end;
        for (uint64_t at = from; at < end; at++) {
            uint8_t seen = transfer->data[at - addr];
            uint8_t wanted = written->bytes[at - written->addr];
            if (seen == wanted) {
                wire->matches++;
                continue;
            }
            wire->blank_mismatches += seen == 0xff;
            if (wire->mismatches++ == 0) {
                wire_failed(wire, "verify", transfer);
                report_add(wire->report, "F46", REPORT_CERTAIN, transfer->at_us,
                           "packet %lu: 0x%08" PRIX64 " holds 0x%02X, and packet %lu had written "
                           "0x%02X there",
                           transfer->end_number, at, seen, written->packet, wanted);
                report_touch(wire->report, transfer->at_us, REPORT_UNCHANGED, (uint32_t)at,
                             (uint32_t)(end - at));
                uint32_t off = (uint32_t)at - written->addr;
                if (off == 0 && wire->matches != 0 && seen != 0xff) {
                    report_add(wire->report, "F25", REPORT_POSSIBLE, transfer->at_us,
                               "packet %lu: the first difference is at the beginning of a block",
                               transfer->end_number);
                }
            }
        }
    }
}

static void take_upload(struct wire *wire, const struct capture_transfer *transfer) {
    if (transfer->end != CAPTURE_DONE || !wire->has_pointer ||
        transfer->setup.wValue < DFUSE_BLOCK_FIRST_DATA || transfer->moved == 0) {
        return;
    }
    uint32_t addr = block_addr(wire, transfer);
    wire->was_read_well = true;
    report_touch(wire->report, transfer->at_us, REPORT_READ, addr, transfer->moved);
    compare(wire, transfer, addr);
}

// -- The bus

static void take_end(struct wire *wire, const struct capture_transfer *transfer) {
    bool is_flash = wire->command == WIRE_ERASE || wire->command == WIRE_MASS_ERASE;
    bool is_last = wire->has_left && (wire->command == WIRE_LEAVE || wire->command == WIRE_NONE);
    if (transfer->end == CAPTURE_DONE || transfer->end == CAPTURE_STALL ||
        transfer->end == CAPTURE_UNENDED) {
        return;
    }
    if (is_last) {
        if (transfer->setup.bRequest == DFU_GETSTATUS && !wire->is_gone_after_leave) {
            wire->is_gone_after_leave = true;
            report_add(wire->report, "F33", REPORT_CERTAIN, transfer->at_us,
                       "packet %lu: GETSTATUS after leave was not answered (%d)", transfer->number,
                       transfer->code);
        }
        return;
    }
    wire_failed(wire, step_of(wire->command), transfer);
    if (transfer->end == CAPTURE_GONE) {
        report_add(wire->report, is_flash ? "F24" : "F27",
                   is_flash ? REPORT_LIKELY : REPORT_POSSIBLE, transfer->at_us,
                   "packet %lu: the device went away (%d)%s", transfer->end_number, transfer->code,
                   is_flash ? " during an erase" : "");
    } else if (transfer->end == CAPTURE_CANCELLED) {
        report_add_as(wire->report, is_flash ? "F23" : "F42",
                      is_flash ? FINDING_FAULT : finding_named("F42")->severity, REPORT_LIKELY,
                      transfer->at_us, "packet %lu: the host took it back after %.0f ms",
                      transfer->number, (double)transfer->duration_us / 1e3);
    } else {
        report_add(wire->report, "F27", REPORT_LIKELY, transfer->at_us,
                   "packet %lu: an error of the bus (%d)", transfer->end_number, transfer->code);
    }
}

void wire_judge(struct wire *wire, const struct capture_transfer *transfer) {
    const struct usb_setup *setup = &transfer->setup;
    bool is_class = setup->bmRequestType == CLASS_OUT || setup->bmRequestType == CLASS_IN;
    if (is_class && setup->wIndex != wire->interface) {
        return;
    }
    if (setup->bmRequestType == CLASS_OUT && setup->bRequest == DFU_DNLOAD) {
        take_dnload(wire, transfer);
    } else if (setup->bmRequestType == CLASS_OUT && setup->bRequest == DFU_CLRSTATUS) {
        take_clrstatus(wire, transfer);
    } else if (setup->bmRequestType == CLASS_IN && setup->bRequest == DFU_GETSTATUS) {
        take_getstatus(wire, transfer);
    } else if (setup->bmRequestType == CLASS_IN && setup->bRequest == DFU_UPLOAD) {
        take_upload(wire, transfer);
    }
    take_end(wire, transfer);
}

// -- The end

static void judge_programming(struct wire *wire) {
    uint64_t took_us = wire->blocks_end_us - wire->blocks_begin_us;
    bool is_too_fast = wire->blocks_bytes >= BLOCKS_BYTES_MIN && wire->blocks_end_us != 0 &&
                       took_us < wire->blocks_bytes / 4 * WORD_US;
    bool is_quick = wire->erases != 0 && wire->quick_erases == wire->erases;
    if (is_too_fast) {
        report_add(wire->report, "F14", wire->mismatches ? REPORT_CERTAIN : REPORT_LIKELY,
                   wire->blocks_begin_us,
                   "%" PRIu64
                   " bytes were written in %.1f ms: programming them takes %.0f at least",
                   wire->blocks_bytes, (double)took_us / 1e3,
                   (double)wire->blocks_bytes / 4 * WORD_US / 1e3);
    }
    if (is_quick && wire->mismatches != 0) {
        report_add(wire->report, "F13", REPORT_POSSIBLE, REPORT_NO_TIME,
                   "each of %u erases was done in less than 15 ms, and what is read is not what "
                   "was written",
                   wire->erases);
    }
    if (wire->mismatches != 0 && wire->mismatches == wire->blank_mismatches && !is_quick) {
        report_add(wire->report, "F14", REPORT_POSSIBLE, REPORT_NO_TIME,
                   "all that differs is blank: nothing was programmed");
        report_add(wire->report, "F15", REPORT_POSSIBLE, REPORT_NO_TIME,
                   "all that differs is blank: if it was not before, the erase worked and the "
                   "writes did not");
    }
}

void wire_judge_end(struct wire *wire) {
    if (wire->has_functional) {
        report_fact(wire->report, "descriptors", "functional",
                    "bcdDFUVersion %04x, wTransferSize %u", wire->version, wire->transfer_bytes);
        if (wire->version != DFUSE_VERSION) {
            report_add_as(wire->report, "F40", FINDING_NOTE, REPORT_CERTAIN, REPORT_NO_TIME,
                          "bcdDFUVersion is %04x", wire->version);
        }
        if (wire->transfer_bytes < 8) { // no control pipe is narrower (USB 2.0 5.5.3)
            report_add(wire->report, "F45", REPORT_CERTAIN, REPORT_NO_TIME, "wTransferSize is %u",
                       wire->transfer_bytes);
        }
    }
    if (wire->first_state > DFU_STATE_IDLE && !report_has(wire->report, "F10")) {
        report_add_as(wire->report, "F10", FINDING_NOTE, REPORT_CERTAIN, wire->first_us,
                      "packet %lu: it was found in %s", wire->first_packet,
                      dfu_state_name((unsigned)wire->first_state));
    }
    judge_programming(wire);
    if (wire->blocks != 0 && !wire->has_left && wire->mismatches == 0) {
        report_add(wire->report, "F34", REPORT_CERTAIN, REPORT_NO_TIME,
                   "%u blocks were written, and no DNLOAD of length 0 came after them",
                   wire->blocks);
    }
    report_fact(wire->report, "session", "requests of DFU", "%s%u erases, %u blocks", wire->prefix,
                wire->erases, wire->blocks);
}

void wire_free(struct wire *wire) {
    for (size_t i = 0; i < wire->written_count; i++) {
        free(wire->written[i].bytes);
    }
    free(wire->written);
    wire->written = NULL;
    wire->written_count = 0;
}
