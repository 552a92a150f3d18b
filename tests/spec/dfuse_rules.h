// SPDX-License-Identifier: MIT
//
// ST's extension of DFU 1.1, DfuSe, as data for tests: only what differs from, or adds to,
// dfu11_table.h. What no row here mentions is as in DFU 1.1. It decides nothing about redfu-boot.
//
// Where it comes from:
// - AN2662 revision 1 (STM32F105/107 bootloader) sections 4.3 to 4.5.5, pages 69, 70 and 72 to 80,
//   read as text; the words of its flow charts (figures 55 to 60) without their arrows. It is the
//   text that AN3156 took over for all STM32: AN3156 has the same commands under section 4 (upload:
//   4.1 read memory, 4.2 get command) and section 5 (download: 5.1 write memory, 5.2 set address
//   pointer, 5.3 erase), by its table of contents. Clauses below name AN2662.
// - Compared with ST's USB device class usbd_dfu.c (newer and older revision, "ST class") and
//   ST's Open Bootloader (errVENDOR for read protection), read in part. The state after leave was
//   seen only in a derivative of the ST class, not in ST's own file.
//
// What could not be verified: the body of AN3156 and the whole of UM0424 were not to be had, so
// differences between AN2662 and AN3156 are unknown; figures 53 and 54 (upload) were not seen, so
// wBlockNum 1 in UPLOAD is from DFU 1.1's general rule alone; the moment at which figure 55
// stalls (before or after the data stage) cannot be told from its words. AN2662 writes the pair
// as "Status = dfuERROR, State = errTARGET", with the two names exchanged. The silicon's own
// behaviour was not measured. Beyond this table: every status in AN2662 is errTARGET or errVENDOR;
// errADDRESS, errERASE, errWRITE and errPROG, which DFU 1.1 6.1.2 defines for these faults, occur
// nowhere in it.

#ifndef TESTS_SPEC_DFUSE_RULES_H
#define TESTS_SPEC_DFUSE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/dfu.h"

enum dfuse_event {
    DFUSE_DNLOAD_SET_ADDRESS,    // wBlockNum 0, 5 bytes: 0x21, address, least significant first
    DFUSE_DNLOAD_ERASE_PAGE,     // wBlockNum 0, 5 bytes: 0x41, address, least significant first
    DFUSE_DNLOAD_MASS_ERASE,     // wBlockNum 0, 1 byte: 0x41
    DFUSE_DNLOAD_READ_UNPROTECT, // wBlockNum 0, 1 byte: 0x92
    DFUSE_DNLOAD_GET_COMMANDS,   // wBlockNum 0, 1 byte: 0x00
    DFUSE_DNLOAD_UNKNOWN,        // wBlockNum 0, any other first byte
    DFUSE_DNLOAD_RESERVED,       // wBlockNum 1
    DFUSE_DNLOAD_DATA,           // wBlockNum >= 2
    DFUSE_DNLOAD_LEAVE,          // wLength 0, any wBlockNum
    DFUSE_UPLOAD_COMMANDS,       // wBlockNum 0
    DFUSE_UPLOAD_RESERVED,       // wBlockNum 1
    DFUSE_UPLOAD_DATA,           // wBlockNum >= 2
    DFUSE_GETSTATUS_FIRST,       // the one that starts the command or block
    DFUSE_GETSTATUS_SECOND,      // the one that asks for its result, bwPollTimeout after the first
};
#define DFUSE_EVENT_COUNT 14u

enum dfuse_condition {
    DFUSE_ALWAYS,
    DFUSE_IF_DONE,
    DFUSE_IF_ADDRESS_REFUSED, // by set address, erase or write: wrong or unsupported
    DFUSE_IF_READ_PROTECTED,  // erase, write or read with read protection active
    DFUSE_IF_UNKNOWN_COMMAND,
    DFUSE_IF_UNPROTECT_FAILED,
    DFUSE_IF_LONGER_ASKED, // wLength greater than the number of commands: a short frame
    DFUSE_IF_NO_LONGER_ASKED,
    DFUSE_IF_READABLE,
};

enum dfuse_grade {
    DFUSE_WRITTEN,  // AN2662 says so
    DFUSE_DERIVED,  // follows from AN2662 or the ST class together with DFU 1.1
    DFUSE_DISPUTED, // the sources differ: other_* is the second reading
};

#define DFUSE_STATUS_UNSAID (-1)

// As struct dfu11_row. `status` is enum dfu_status or DFUSE_STATUS_UNSAID.
struct dfuse_row {
    enum dfu_state state;
    enum dfuse_event event;
    enum dfuse_condition condition;
    bool stall;
    enum dfu_state next_state;
    int status;
    enum dfuse_grade grade;
    bool other_stall;
    enum dfu_state other_next_state;
    const char *clause;
};

#define DFUSE_2(grade_, state_, event_, condition_, stall_, next_, status_, stall2_, next2_,       \
                text_)                                                                             \
    {                                                                                              \
        .state = DFU_STATE_##state_, .event = DFUSE_##event_, .condition = DFUSE_##condition_,     \
        .stall = (stall_), .next_state = DFU_STATE_##next_, .status = (status_),                   \
        .grade = DFUSE_##grade_, .other_stall = (stall2_), .other_next_state = DFU_STATE_##next2_, \
        .clause = (text_),                                                                         \
    }
#define DFUSE_1(grade_, state_, event_, condition_, stall_, next_, status_, text_)                 \
    DFUSE_2(grade_, state_, event_, condition_, stall_, next_, status_, stall_, next_, text_)

static const struct dfuse_row dfuse_rows[] = {
    // Commands and data are taken in dfuIDLE and dfuDNLOAD-IDLE; nothing is executed yet.
    DFUSE_1(WRITTEN, IDLE, DNLOAD_SET_ADDRESS, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.2, figure 55"),
    DFUSE_1(WRITTEN, IDLE, DNLOAD_ERASE_PAGE, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.3, figure 55"),
    DFUSE_1(WRITTEN, IDLE, DNLOAD_MASS_ERASE, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.3, figure 55"),
    DFUSE_1(WRITTEN, IDLE, DNLOAD_READ_UNPROTECT, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.4, figure 55"),
    DFUSE_1(WRITTEN, IDLE, DNLOAD_DATA, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.1, figure 55"),
    DFUSE_1(WRITTEN, DNLOAD_IDLE, DNLOAD_SET_ADDRESS, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.2, figure 55"),
    DFUSE_1(WRITTEN, DNLOAD_IDLE, DNLOAD_ERASE_PAGE, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.3, figure 55"),
    DFUSE_1(WRITTEN, DNLOAD_IDLE, DNLOAD_MASS_ERASE, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.3, figure 55"),
    DFUSE_1(WRITTEN, DNLOAD_IDLE, DNLOAD_READ_UNPROTECT, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.4, figure 55"),
    DFUSE_1(WRITTEN, DNLOAD_IDLE, DNLOAD_DATA, ALWAYS, false, DNLOAD_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.1, figure 55"),
    // 0x00 as a download is in no list of AN2662 4.5, but the ST class takes it and does nothing.
    // An unknown command is found when it is decoded, which figure 55 does after dfuDNBUSY; a
    // device that decodes on receipt may stall at once.
    DFUSE_2(DISPUTED, IDLE, DNLOAD_GET_COMMANDS, ALWAYS, false, DNLOAD_SYNC, DFUSE_STATUS_UNSAID,
            true, ERROR, "ST class, against AN2662 4.5 and figure 55"),
    DFUSE_2(DISPUTED, DNLOAD_IDLE, DNLOAD_GET_COMMANDS, ALWAYS, false, DNLOAD_SYNC,
            DFUSE_STATUS_UNSAID, true, ERROR, "ST class, against AN2662 4.5 and figure 55"),
    DFUSE_2(DISPUTED, IDLE, DNLOAD_UNKNOWN, ALWAYS, false, DNLOAD_SYNC, DFUSE_STATUS_UNSAID, true,
            ERROR, "AN2662 figure 55, order of steps not certain"),
    DFUSE_2(DISPUTED, DNLOAD_IDLE, DNLOAD_UNKNOWN, ALWAYS, false, DNLOAD_SYNC, DFUSE_STATUS_UNSAID,
            true, ERROR, "AN2662 figure 55, order of steps not certain"),
    // Figure 55 stalls wBlockNum 1; the ST class accepts it and writes nothing.
    DFUSE_2(DISPUTED, IDLE, DNLOAD_RESERVED, ALWAYS, true, ERROR, DFUSE_STATUS_UNSAID, false,
            DNLOAD_SYNC, "AN2662 figure 55, against the ST class"),
    DFUSE_2(DISPUTED, DNLOAD_IDLE, DNLOAD_RESERVED, ALWAYS, true, ERROR, DFUSE_STATUS_UNSAID, false,
            DNLOAD_SYNC, "AN2662 figure 55, against the ST class"),
    // Leave is acknowledged in both idle states: in dfuIDLE DFU 1.1 A.2.3 would stall.
    DFUSE_1(WRITTEN, IDLE, DNLOAD_LEAVE, ALWAYS, false, MANIFEST_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.5; next state by a derivative of the ST class"),
    DFUSE_1(WRITTEN, DNLOAD_IDLE, DNLOAD_LEAVE, ALWAYS, false, MANIFEST_SYNC, DFU_STATUS_OK,
            "AN2662 4.5.5; next state by DFU 1.1 A.2.6"),
    // The first GETSTATUS executes and always says dfuDNBUSY; anything else means an error.
    DFUSE_1(WRITTEN, DNLOAD_SYNC, GETSTATUS_FIRST, ALWAYS, false, DNBUSY, DFU_STATUS_OK,
            "AN2662 4.3, 4.5.1 to 4.5.4"),
    // The second says how it went. With the poll time gone the state is dfuDNLOAD-SYNC (A.2.5).
    DFUSE_1(WRITTEN, DNLOAD_SYNC, GETSTATUS_SECOND, IF_DONE, false, DNLOAD_IDLE, DFU_STATUS_OK,
            "AN2662 figures 57 to 59"),
    DFUSE_1(WRITTEN, DNLOAD_SYNC, GETSTATUS_SECOND, IF_ADDRESS_REFUSED, false, ERROR,
            DFU_STATUS_ERR_TARGET, "AN2662 4.5.1, 4.5.2, 4.5.3"),
    DFUSE_1(WRITTEN, DNLOAD_SYNC, GETSTATUS_SECOND, IF_READ_PROTECTED, false, ERROR,
            DFU_STATUS_ERR_VENDOR, "AN2662 4.5.3, figures 57 and 59"),
    DFUSE_1(WRITTEN, DNLOAD_SYNC, GETSTATUS_SECOND, IF_UNKNOWN_COMMAND, false, ERROR,
            DFU_STATUS_ERR_STALLEDPKT, "AN2662 figure 55"),
    DFUSE_1(WRITTEN, DNLOAD_SYNC, GETSTATUS_SECOND, IF_UNPROTECT_FAILED, false, ERROR,
            DFU_STATUS_ERR_UNKNOWN, "AN2662 figure 60"),
    // Leave too is executed by the GETSTATUS, which must say dfuMANIFEST; then the device
    // disconnects (it is not manifestation-tolerant) and jumps.
    DFUSE_1(WRITTEN, MANIFEST_SYNC, GETSTATUS_FIRST, ALWAYS, false, MANIFEST, DFU_STATUS_OK,
            "AN2662 4.5.5"),
    // UPLOAD. Block 0 answers the command codes; AN2662 does not say which state follows.
    DFUSE_1(DERIVED, IDLE, UPLOAD_COMMANDS, IF_LONGER_ASKED, false, IDLE, DFU_STATUS_OK,
            "AN2662 4.4.2; ST class; DFU 1.1 6.2, short frame"),
    DFUSE_1(DERIVED, IDLE, UPLOAD_COMMANDS, IF_NO_LONGER_ASKED, false, UPLOAD_IDLE, DFU_STATUS_OK,
            "AN2662 4.4.2; ST class; DFU 1.1 A.2.3"),
    DFUSE_1(DERIVED, UPLOAD_IDLE, UPLOAD_COMMANDS, IF_LONGER_ASKED, false, IDLE, DFU_STATUS_OK,
            "AN2662 4.4.2; ST class; DFU 1.1 A.2.10"),
    DFUSE_1(DERIVED, UPLOAD_IDLE, UPLOAD_COMMANDS, IF_NO_LONGER_ASKED, false, UPLOAD_IDLE,
            DFU_STATUS_OK, "AN2662 4.4.2; ST class; DFU 1.1 A.2.10"),
    DFUSE_1(DERIVED, IDLE, UPLOAD_RESERVED, ALWAYS, true, ERROR, DFU_STATUS_ERR_STALLEDPKT,
            "AN2662 4.4 lists only 0 and > 1; DFU 1.1 A.1"),
    DFUSE_1(DERIVED, UPLOAD_IDLE, UPLOAD_RESERVED, ALWAYS, true, ERROR, DFU_STATUS_ERR_STALLEDPKT,
            "AN2662 4.4 lists only 0 and > 1; DFU 1.1 A.1"),
    DFUSE_1(DERIVED, IDLE, UPLOAD_DATA, IF_READABLE, false, UPLOAD_IDLE, DFU_STATUS_OK,
            "AN2662 4.4.1; DFU 1.1 A.2.3"),
    DFUSE_1(DERIVED, UPLOAD_IDLE, UPLOAD_DATA, IF_READABLE, false, UPLOAD_IDLE, DFU_STATUS_OK,
            "AN2662 4.4.1; DFU 1.1 A.2.10"),
    // Whether the refused read stalls is not said; the Open Bootloader sends a zero-length answer.
    DFUSE_2(DISPUTED, IDLE, UPLOAD_DATA, IF_READ_PROTECTED, true, ERROR, DFU_STATUS_ERR_VENDOR,
            false, ERROR, "AN2662 4.4.1"),
    DFUSE_2(DISPUTED, UPLOAD_IDLE, UPLOAD_DATA, IF_READ_PROTECTED, true, ERROR,
            DFU_STATUS_ERR_VENDOR, false, ERROR, "AN2662 4.4.1"),
};
#define DFUSE_ROW_COUNT (sizeof dfuse_rows / sizeof dfuse_rows[0])

// The answer to UPLOAD of block 0, AN2662 4.4.2. The ST class sends the first three only.
static const uint8_t dfuse_commands[] = {
    DFUSE_CMD_GET_COMMANDS,
    DFUSE_CMD_SET_ADDRESS,
    DFUSE_CMD_ERASE,
    DFUSE_CMD_READ_UNPROTECT,
};

// The address pointer before any Set Address, for read and for leave (AN2662 4.4.1, 4.5.5).
#define DFUSE_POINTER_DEFAULT 0x08000000u

// Where block `block` (>= 2) is read or written: AN2662 4.4.1, and 4.5.1 "the same formula". The
// transfer length is "the length of the requested data buffer", that is wLength, in AN2662, and the
// constant wTransferSize in the ST class: the two differ in a last, shorter block.
static inline uint32_t dfuse_block_address(uint32_t pointer, uint16_t block,
                                           uint32_t transfer_len) {
    return pointer + ((uint32_t)block - DFUSE_BLOCK_FIRST_DATA) * transfer_len;
}

// Rules that are no cells, for whoever writes the test:
// - Set Address is executed with read protection active too (AN2662 4.5.2, note).
// - Erasing a write-protected sector reports no error (AN2662 4.5.3, note).
// - Read and write sizes are 2 to 2048 bytes (AN2662 4.4.1, 4.5.1).
// - Read Unprotect: after dfuDNBUSY the device erases flash and RAM, disconnects and resets; a
//   second GETSTATUS has an answer only if it failed (AN2662 4.5.4).
// - Leave jumps to the address pointer; the last Write Memory sets the pointer too (AN2662 4.5.5).
// - DETACH has no meaning to the bootloader (AN2662, note before 4.3, page 69).
// - A host may be in any state when it starts: it clears an error with CLRSTATUS until dfuIDLE, and
//   sends DNLOAD in dfuIDLE or dfuDNLOAD-IDLE and UPLOAD in dfuIDLE or dfuUPLOAD-IDLE only
//   (AN2662, notes on pages 72 and 74).

#endif
