// SPDX-License-Identifier: MIT
//
// What can be asked of a device in dfuIDLE without changing flash: its commands, where it can be read, whether the
// same place gives the same bytes, how block numbers count, and the time of each answer. Sends Set Address and UPLOAD
// of block 0 and of blocks from 2.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor/exam_parts.h"

#define CONNECT_BYTES   1024u // what STM32CubeProgrammer reads on connecting
#define PROBE_BYTES     64u
#define PIECE_BYTES_MAX 0x8000u // read in one go, once block numbers are known to count right
// Held longer than this without an announcement, a GETSTATUS is told of as a note.
#define HELD_US         1000000u

static void commands(struct exam *x) {
    uint8_t list[16];
    uint16_t moved = 0;
    enum device_result result = exam_request(x, DFU_UPLOAD, 0, list, sizeof list, &moved);
    if (result != DEVICE_OK) {
        if (result == DEVICE_STALL) {
            report_add(x->report, "F44", REPORT_CERTAIN, exam_now(x),
                       "the list of commands (UPLOAD of block 0) is refused");
        }
        (void)exam_heal(x);
        return;
    }
    char text[64] = "";
    for (unsigned i = 0; i < moved; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s0x%02X", i ? " " : "",
                       list[i]);
    }
    report_fact(x->report, "commands", "get commands", "%s", text);
    if (memchr(list, DFUSE_CMD_SET_ADDRESS, moved) == NULL ||
        memchr(list, DFUSE_CMD_ERASE, moved) == NULL) {
        report_add(x->report, "F44", REPORT_CERTAIN, exam_now(x),
                   "the list of commands is %s; Set Address is 0x21, Erase 0x41", text);
    }
    (void)exam_heal(x);
}

// True when the address pointer is there and the device in dfuIDLE.
static bool set_address(struct exam *x, uint32_t addr, struct exam_work *work) {
    *work = exam_command(x, DFUSE_CMD_SET_ADDRESS, addr);
    bool is_done = work->is_done;
    return exam_heal(x) && is_done;
}

// UPLOAD of blocks from 2 on, `skip` numbers apart, to each `stride` bytes of `out`; false: refused.
static bool read_blocks(struct exam *x, uint8_t *out, uint32_t len, uint32_t stride, unsigned skip,
                        uint16_t block) {
    uint16_t number = DFUSE_BLOCK_FIRST_DATA;
    for (uint32_t off = 0; off < len; off += stride) {
        uint16_t moved = 0;
        if (exam_request(x, DFU_UPLOAD, number, out + off, block, &moved) != DEVICE_OK ||
            moved != block) {
            return false;
        }
        number = (uint16_t)(number + skip);
    }
    return true;
}

// From one address, which blocks count on from 2.
static bool read_run(struct exam *x, uint32_t addr, uint8_t *out, uint32_t len, uint32_t stride,
                     unsigned skip, uint16_t block) {
    struct exam_work work = exam_command(x, DFUSE_CMD_SET_ADDRESS, addr);
    if (!work.is_done || exam_request(x, DFU_ABORT, 0, NULL, 0, NULL) != DEVICE_OK) {
        (void)exam_heal(x);
        return false;
    }
    if (read_blocks(x, out, len, stride, skip, block)) {
        return exam_request(x, DFU_ABORT, 0, NULL, 0, NULL) == DEVICE_OK;
    }
    int state = exam_state(x);
    if (state > DFU_STATE_ERROR) {
        report_add(x->report, "F9", REPORT_CERTAIN, exam_now(x),
                   "UPLOAD from 0x%08" PRIX32
                   " left the device in state %d, which DFU does not have",
                   addr, state);
    }
    (void)exam_heal(x);
    return false;
}

// A multiple of the block and of the stride. Where blocks are counted by less than they hold, numbers are left out;
// where by more, what lies between is read from addresses of its own.
static bool read_piece(struct exam *x, uint32_t addr, uint8_t *out, uint32_t len, uint16_t block) {
    if (x->stride <= block) {
        return read_run(x, addr, out, len, block, block / x->stride, block);
    }
    for (uint32_t off = 0; off < x->stride; off += block) {
        if (!read_run(x, addr + off, out + off, len - off, x->stride, 1, block)) {
            return false;
        }
    }
    return true;
}

bool exam_read(struct exam *x, uint32_t addr, uint8_t *out, uint32_t len) {
    uint16_t block = x->transfer_bytes < EXAM_BLOCK_MAX ? x->transfer_bytes : EXAM_BLOCK_MAX;
    uint32_t unit = x->stride > block ? x->stride : block;
    for (uint32_t off = 0; off < len;) {
        uint32_t left = len - off;
        uint32_t most = left < PIECE_BYTES_MAX ? left : PIECE_BYTES_MAX;
        uint32_t piece = left < block ? left : block;
        bool ok;
        if (block == 0) {
            return false;
        }
        if (x->stride != 0 && most / unit > 0) {
            piece = most / unit * unit;
            ok = read_piece(x, addr + off, out + off, piece, block);
        } else {
            ok = read_run(x, addr + off, out + off, piece, piece, 1, (uint16_t)piece);
        }
        if (!ok) {
            return false;
        }
        off += piece;
    }
    return exam_heal(x);
}

// The first status of Set Address: dfu-util and pydfu insist on dfuDNBUSY.
static void judge_set_address(struct exam *x, uint32_t addr) {
    struct exam_work work;
    bool is_done = set_address(x, addr, &work);
    report_fact(x->report, "timing", "Set Address",
                "%" PRIu64 " us, first state %s, announced %" PRIu32 " ms", work.us,
                dfu_state_name(work.first_state), work.first_poll_ms);
    if (!is_done) {
        report_add(x->report, "F43", REPORT_CERTAIN, exam_now(x),
                   "Set Address 0x%08" PRIX32 ", where the layout begins, is refused (%s, %s): "
                   "STM32CubeProgrammer does that on connecting",
                   addr, dfu_state_name(x->state), dfu_status_name(x->status));
    } else if (work.first_state != DFU_STATE_DNBUSY) {
        report_add(
            x->report, "F5", REPORT_CERTAIN, exam_now(x),
            "the first status after Set Address is %s, not dfuDNBUSY: dfu-util ends with \"Wrong "
            "state after command\"",
            dfu_state_name(work.first_state));
    }
    if (work.longest_us > HELD_US && work.longest_us > work.first_poll_ms * 1000ull) {
        report_add_as(x->report, "F23", FINDING_NOTE, REPORT_CERTAIN, exam_now(x),
                      "a GETSTATUS after Set Address was held for %" PRIu64 " ms",
                      work.longest_us / 1000);
    }
}

// A whole block, as every host but STM32CubeProgrammer asks for it: less than that means that memory ends there. What
// comes is what the rest of the examination reads and writes by.
static void judge_block_size(struct exam *x, const struct layout_run *run) {
    uint16_t block = x->transfer_bytes < EXAM_BLOCK_MAX ? x->transfer_bytes : EXAM_BLOCK_MAX;
    struct exam_work work;
    uint16_t moved = 0;
    if (block == 0 || layout_run_end(run) - run->addr < block ||
        !set_address(x, run->addr, &work)) {
        return;
    }
    uint64_t at_us = exam_now(x);
    bool is_read =
        exam_request(x, DFU_UPLOAD, DFUSE_BLOCK_FIRST_DATA, x->buffer, block, &moved) == DEVICE_OK;
    (void)exam_heal(x);
    if (!is_read || moved == 0 || moved >= block) {
        return; // what is refused is judge_reading()'s
    }
    report_add(x->report, "F25", REPORT_CERTAIN, at_us,
               "wTransferSize says %u bytes, and UPLOAD of %u bytes at 0x%08" PRIX32
               " gives %u: hosts take that for the end of the memory",
               x->transfer_bytes, block, run->addr, moved);
    report_explain(x->report, "F25", FINDING_SHORT_BLOCK_MEANING, FINDING_SHORT_BLOCK_REMEDY);
    x->transfer_bytes = moved;
}

// The same place twice, as much as STM32CubeProgrammer reads on connecting.
static void judge_reading(struct exam *x, uint32_t addr, const char *what) {
    static uint8_t first[CONNECT_BYTES];
    static uint8_t second[CONNECT_BYTES];
    uint64_t at_us = exam_now(x);
    if (!exam_read(x, addr, first, sizeof first)) {
        if (!x->is_over) {
            report_add(x->report, "F43", REPORT_CERTAIN, at_us,
                       "%u bytes at 0x%08" PRIX32
                       " (%s), which the layout marks as readable, cannot be "
                       "read: STM32CubeProgrammer says \"Data read failed\" there",
                       CONNECT_BYTES, addr, what);
        }
        return;
    }
    report_touch(x->report, at_us, REPORT_READ, addr, sizeof first);
    if (exam_read(x, addr, second, sizeof second) && memcmp(first, second, sizeof first) != 0) {
        report_add_as(x->report, "F43", FINDING_FAULT, REPORT_CERTAIN, at_us,
                      "%u bytes at 0x%08" PRIX32 " read twice are not the same", CONNECT_BYTES,
                      addr);
        return;
    }
    if (exam_read(x, addr + PROBE_BYTES, second, PROBE_BYTES) &&
        memcmp(first + PROBE_BYTES, second, PROBE_BYTES) != 0) {
        report_add_as(x->report, "F43", FINDING_FAULT, REPORT_CERTAIN, at_us,
                      "%u bytes read by their own address, 0x%08" PRIX32
                      ", are not those that come from there when 0x%08" PRIX32 " is read on%s",
                      PROBE_BYTES, addr + PROBE_BYTES, addr,
                      memcmp(first, second, PROBE_BYTES) == 0 ? ": Set Address has no effect" : "");
    }
}

static bool is_blank(const uint8_t *bytes, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != 0xff) {
            return false;
        }
    }
    return true;
}

// The one distance at which block 3 was found behind block 2, of those that bootloaders count by; 0: at none, at
// several, since the same bytes come again, or nothing that tells.
static uint32_t find_stride(struct exam *x, uint32_t addr, const uint8_t *third) {
    static const uint16_t sizes[] = {64, 128, 256, 512, 1024, 2048, 4096};
    uint16_t block = x->transfer_bytes;
    uint8_t bytes[EXAM_BLOCK_MAX];
    uint32_t found = 0;
    if (is_blank(third, block)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if ((sizes[i] % block != 0 && block % sizes[i] != 0) ||
            !exam_read(x, addr + sizes[i], bytes, block) || memcmp(bytes, third, block) != 0) {
            continue;
        }
        if (found != 0) {
            return 0;
        }
        found = sizes[i];
    }
    return found;
}

// Block 3 right behind block 2 holds what the address pointer moved by wTransferSize shows.
static void judge_block_numbers(struct exam *x, uint32_t addr) {
    uint16_t block = x->transfer_bytes;
    static uint8_t straight[EXAM_BLOCK_MAX];
    struct exam_work work;
    uint16_t moved = 0;
    if (block == 0 || block > EXAM_BLOCK_MAX || !exam_read(x, addr + block, straight, block) ||
        !set_address(x, addr, &work)) {
        return;
    }
    uint64_t at_us = exam_now(x);
    bool ok = exam_request(x, DFU_UPLOAD, DFUSE_BLOCK_FIRST_DATA, x->buffer, block, &moved) ==
                  DEVICE_OK &&
              exam_request(x, DFU_UPLOAD, DFUSE_BLOCK_FIRST_DATA + 1, x->buffer, block, &moved) ==
                  DEVICE_OK &&
              moved == block;
    (void)exam_heal(x);
    if (!ok) {
        return;
    }
    if (memcmp(straight, x->buffer, block) == 0) {
        if (!x->miscounts) { // elsewhere it did not, where the bytes may have told more
            x->stride = block;
        }
        return;
    }
    uint8_t third[EXAM_BLOCK_MAX];
    memcpy(third, x->buffer, block);
    x->stride = x->miscounts ? x->stride : 0;
    uint32_t found = find_stride(x, addr, third);
    x->miscounts = true;
    if (found != 0) {
        x->stride = found;
    }
    char words[40] = "something else";
    if (x->stride != 0) {
        (void)snprintf(words, sizeof words, "%" PRIu32, x->stride);
    }
    report_add(x->report, "F25", REPORT_CERTAIN, at_us,
               "read from 0x%08" PRIX32 " on, block 3 is not what lies %u bytes (wTransferSize) "
               "behind block 2: block numbers are multiplied by %s",
               addr, block, words);
}

// Where the layout says that it can be read: the first and the last bytes of each run of sectors.
static void judge_ends(struct exam *x) {
    for (unsigned i = 0; i < x->layout.run_count && !x->is_over && !exam_is_cancelled(x); i++) {
        const struct layout_run *run = &x->layout.runs[i];
        uint32_t last = layout_run_end(run) - PROBE_BYTES;
        uint8_t bytes[PROBE_BYTES];
        char name[64];
        if (!(run->type & LAYOUT_READABLE) || run->count * run->sector_bytes < PROBE_BYTES) {
            continue;
        }
        uint64_t at_us = exam_now(x);
        bool is_first = exam_read(x, run->addr, bytes, sizeof bytes);
        bool is_last = exam_read(x, last, bytes, sizeof bytes);
        (void)snprintf(name, sizeof name, "0x%08" PRIX32 "-0x%08" PRIX32, run->addr,
                       layout_run_end(run) - 1);
        report_fact(x->report, "readable", name, "%s",
                    is_first && is_last ? "yes"
                    : is_first          ? "its end is not"
                                        : "no");
        if ((is_first && is_last) || run->addr < FLASH_BASE || run->addr >= FLASH_END) {
            continue;
        }
        if (x->is_over ||
            (x->status == DFU_STATUS_ERR_TARGET || x->status == DFU_STATUS_ERR_ADDRESS) ||
            run->addr >= FLASH_BASE + 0x80000u) {
            report_add(x->report, "F4", REPORT_LIKELY, at_us,
                       "the layout names 0x%08" PRIX32 " as readable, and reading there fails: the "
                       "flash of this chip may end before",
                       is_first ? last : run->addr);
        }
    }
}

// AN3969's page status words, in a page's first halfword; behind it a table of (value, virtual address) pairs.
#define EE_VALID      0x0000u
#define EE_RECEIVE    0xeeeeu
#define EE_PAGE_BYTES 0x4000u

static bool is_ee_page(const uint8_t *bytes) {
    unsigned status = load_le16(bytes);
    // An application begins with a stack pointer, whose upper halfword is RAM's; the halfword behind a page's status
    // is never programmed.
    return (status == EE_VALID || status == EE_RECEIVE) && load_le16(bytes + 2) == 0xffffu;
}

// An image's first words: a stack pointer in SRAM or CCM, and an odd address in flash.
bool exam_is_vector_table(const uint8_t *bytes) {
    uint32_t stack = load_le32(bytes);
    uint32_t entry = load_le32(bytes + 4);
    return (stack >> 20 == 0x200u || stack >> 20 == 0x100u) && (entry & 1u) &&
           entry >= FLASH_BASE && entry < FLASH_END;
}

// A page's worth from `addr` on holds nothing, and behind its sector goes on what has no beginning of its own.
static bool is_hole(struct exam *x, uint32_t addr, uint32_t sector_bytes) {
    static uint8_t here[EE_PAGE_BYTES];
    uint32_t len = sector_bytes < sizeof here ? sector_bytes : sizeof here;
    uint8_t next[PROBE_BYTES];
    return exam_read(x, addr, here, len) && is_blank(here, len) &&
           exam_read(x, addr + sector_bytes, next, sizeof next) && !is_blank(next, sizeof next) &&
           !exam_is_vector_table(next);
}

// Emulated EEPROM where an application is: a page of it, or an application without its beginning. One that is gone
// altogether may have been erased by anybody, and is nothing to be told.
static void judge_eeprom(struct exam *x) {
    uint32_t page_end = 0;
    for (unsigned i = 0; i < x->layout.run_count && !x->is_over; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        bool is_flash = run->addr >= FLASH_BASE && run->addr < FLASH_END;
        // In a map that begins with what can be loaded, as the ROM's does, pages may lie anywhere.
        bool is_loadable = (run->type & LAYOUT_WRITABLE) != 0 && run->addr != FLASH_BASE;
        for (uint32_t n = 0; n < run->count && n < 4 && (run->type & LAYOUT_READABLE) && is_flash;
             n++) {
            uint32_t addr = run->addr + n * run->sector_bytes;
            uint8_t here[PROBE_BYTES];
            if (addr == FLASH_BASE || !exam_read(x, addr, here, sizeof here)) {
                continue;
            }
            bool is_page = is_ee_page(here);
            if (is_page && is_loadable) {
                report_add(x->report, "F17", REPORT_LIKELY, exam_now(x),
                           "0x%08" PRIX32
                           ", where an application may be loaded, begins with the mark of an "
                           "AN3969 page (%04X FFFF)",
                           addr, load_le16(here));
            } else if (page_end == addr && is_loadable && is_hole(x, addr, run->sector_bytes)) {
                report_add_as(
                    x->report, "F17", FINDING_WARNING, REPORT_POSSIBLE, exam_now(x),
                    "the sector in front of 0x%08" PRIX32
                    " is an AN3969 page; this one is blank, and behind it there are data: "
                    "an application without its vector table (a load that was broken off "
                    "looks the same)",
                    addr);
            }
            page_end = is_page ? addr + run->sector_bytes : 0;
        }
    }
}

const struct layout_run *exam_loadable_run(const struct exam *x) {
    for (unsigned i = 0; i < x->layout.run_count; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        if ((run->type & LAYOUT_WRITABLE) && (run->type & LAYOUT_READABLE)) {
            return run;
        }
    }
    return NULL;
}

void exam_reading(struct exam *x) {
    if (!x->is_dfuse) {
        return;
    }
    exam_says(x, "commands and reading");
    (void)exam_control(x, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE,
                       (uint16_t)x->options->alternate, x->interface, NULL, 0, NULL,
                       EXAM_TIMEOUT_MS);
    commands(x);
    if (!x->has_layout) {
        return;
    }
    judge_set_address(x, x->layout.runs[0].addr);
    if (!(x->attributes & DFU_ATTR_CAN_UPLOAD)) {
        report_fact(x->report, "readable", "all", "no: bitCanUpload is 0");
        for (unsigned i = 0; i < x->layout.run_count; i++) {
            if (x->layout.runs[i].type & LAYOUT_READABLE) {
                report_add(x->report, "F43", REPORT_CERTAIN, exam_now(x),
                           "bitCanUpload is 0, and the layout marks 0x%08" PRIX32
                           " as readable: nothing can be verified, and STM32CubeProgrammer, which "
                           "reads on connecting, says \"Data read failed\"",
                           x->layout.runs[i].addr);
                break;
            }
        }
        return;
    }
    const struct layout_run *loadable = exam_loadable_run(x);
    if (x->layout.runs[0].type & LAYOUT_READABLE) {
        judge_block_size(x, &x->layout.runs[0]);
        judge_reading(x, x->layout.runs[0].addr, "where the layout begins");
    }
    if (loadable && !x->is_over) {
        judge_reading(x, loadable->addr, "where an application goes");
        judge_block_numbers(x, loadable->addr);
        if (x->layout.runs[0].type & LAYOUT_READABLE) { // blank memory proves nothing
            judge_block_numbers(x, x->layout.runs[0].addr);
        }
    }
    judge_eeprom(x);
    judge_ends(x); // last: a device whose map is wrong may not survive it
}
