// SPDX-License-Identifier: MIT
//
// The state x request table of the USB Device Firmware Upgrade specification, revision 1.1
// (5 August 2004), as data. It decides nothing about any device: it says what the
// specification says, so that an implementation can be held against a table that was written
// without looking at it. Where redfu departs on purpose, the test lists the departure; this file
// is not bent.
//
// Where it comes from:
// - The text of annex A.2.1 to A.2.11, read in the published document (DFU_1.1.pdf, 143186 bytes,
//   47 pages, sha256 bbe4a3341c3bfc80cc6ba31b676998c379dcc42602f4b2ca7c5ea8b8dccd5c0d), and
//   figure A.1 (page 28), read as a picture, as well as sections 3, 5.1, 6.1.1 to 6.2.1 and 7.
//   Every row was written from that text.
// - Compared with two transcriptions by other people: Atmel's AT91 DFU class driver (functions
//   AT91F_DfuDescState0 to State10, whose comments quote the table) and OpenPCD's dfu.c by Harald
//   Welte (written against revision 1.0). Atmel's agrees in all eleven states, except that it has
//   no answer for "device disagrees" (A.2.6), does not take the short frame back to dfuIDLE in its
//   state function (A.2.10), and may refuse a DETACH by the functional descriptor. OpenPCD's
//   agrees in states 1, 2 (zero length), 4, 7, 9 and 10, leaves several transitions as "FIXME",
//   stalls GETSTATUS and GETSTATE in appIDLE (allowed), and does not set errSTALLEDPKT. Both stall
//   DFU_ABORT in states 3 and 6, as A.2.4 and A.2.7 have it and figure A.1 does not.
//
// What the specification leaves open, and how a row shows it (enum dfu11_grade):
// - DISPUTED: it contradicts itself. DFU_ABORT in dfuDNLOAD-SYNC and dfuMANIFEST-SYNC (the tables
//   stall, the figure goes to dfuIDLE); a short first DFU_UPLOAD (A.2.3 says dfuUPLOAD-IDLE, 6.2
//   says that a short frame ends the upload); DFU_UPLOAD with wLength 0 in dfuUPLOAD-IDLE.
// - OPTIONAL: GETSTATUS and GETSTATE at run time (A.2.1; table 3.2 marks both optional for
//   protocol 1, so also in appDETACH, where A.2.2 does not repeat it).
// - UNDEFINED: what the wire shows in dfuMANIFEST-WAIT-RESET (A.2.9 "do nothing"), and a bRequest
//   that table 3.2 does not define: A.1 speaks of "a request" without saying whether an unknown
//   code counts as one, so stalling without a change of state is accepted too.
//
// What could not be verified or is not there: errata to revision 1.1 were not searched for, and a
// second copy of its text was seen for A.2.1 and A.2.2 only. A.2 names no bStatus; the
// status column is from the meanings in 6.1.2, 6.1.3 and 6.1.4, and DFU11_STATUS_UNSAID where
// those do not settle it (the status after a stall in dfuERROR; after a reset with corrupt
// firmware, where errFIRMWARE, errUSBR and errPOR all fit). Not in A.2 and so not here: wLength
// above wTransferSize ("should not", 6.1.1), a wrong wIndex or wValue, GETSTATUS in
// dfuMANIFEST-SYNC with manifestation complete but bitManifestationTolerant 0 (cannot be
// reached, A.2.8), power on in appIDLE, suspend (A.1 excludes it), and the detach-attach sequence
// a device with bitWillDetach makes by itself in appDETACH and dfuMANIFEST-WAIT-RESET (5.1, 7).

#ifndef DOCTOR_CONFORMANCE_DFU11_TABLE_H
#define DOCTOR_CONFORMANCE_DFU11_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/dfu.h"

// What arrives, on any of the "input tapes" of A.1. A block "fully received" is no event of the
// specification's: its state is entered when the status stage of the DNLOAD completes (figure 6.1).
enum dfu11_event {
    DFU11_DETACH,
    DFU11_DNLOAD_DATA, // wLength > 0
    DFU11_DNLOAD_ZERO, // wLength = 0
    DFU11_UPLOAD,      // wLength > 0
    DFU11_UPLOAD_ZERO, // wLength = 0
    DFU11_GETSTATUS,
    DFU11_CLRSTATUS,
    DFU11_GETSTATE,
    DFU11_ABORT,
    DFU11_UNKNOWN_REQUEST, // class request to the interface, bRequest not in table 3.2 (7..255)
    DFU11_DETACH_TIMEOUT,
    DFU11_POLL_TIMEOUT, // bwPollTimeout of the last GETSTATUS answer elapsed
    DFU11_USB_RESET,
    DFU11_POWER_ON_RESET,
    DFU11_FAULT, // the device finds an error by itself: "any status except OK" (figure A.1)
};
#define DFU11_EVENT_COUNT   15u
#define DFU11_REQUEST_COUNT 10u // the first ten are requests and have a stall or accept answer

// What must hold for a row to apply. One state and event have either one DFU11_ALWAYS row or a
// set of rows whose conditions exclude each other.
enum dfu11_condition {
    DFU11_ALWAYS,
    DFU11_IF_CAN_DNLOAD,
    DFU11_IF_CANNOT_DNLOAD,
    DFU11_IF_CAN_UPLOAD_FULL,  // bitCanUpload 1 and the answer is wLength bytes long
    DFU11_IF_CAN_UPLOAD_SHORT, // bitCanUpload 1 and the answer is shorter than wLength
    DFU11_IF_CAN_UPLOAD,       // bitCanUpload 1 and nothing can be short (wLength 0)
    DFU11_IF_CANNOT_UPLOAD,
    DFU11_IF_FULL_FRAME,
    DFU11_IF_SHORT_FRAME,
    DFU11_IF_BLOCK_BUSY,     // "block transfer still in progress"
    DFU11_IF_BLOCK_COMPLETE, // and without error
    DFU11_IF_BLOCK_FAILED,
    DFU11_IF_DEVICE_AGREES, // with the host that all data came
    DFU11_IF_DEVICE_DISAGREES,
    DFU11_IF_MANIFEST_PENDING, // "in progress", which by section 7 includes not yet begun
    DFU11_IF_MANIFEST_DONE_TOLERANT,
    DFU11_IF_MANIFEST_FAILED,
    DFU11_IF_TOLERANT, // bitManifestationTolerant 1
    DFU11_IF_NOT_TOLERANT,
    DFU11_IF_DETACH_TIMER_RUNS,
    DFU11_IF_FIRMWARE_VALID,
    DFU11_IF_FIRMWARE_CORRUPT,
};
#define DFU11_CONDITION_COUNT 22u

enum dfu11_grade {
    DFU11_REQUIRED,
    DFU11_OPTIONAL,
    DFU11_DISPUTED,
    DFU11_UNDEFINED,
};

// The bStatus that holds afterwards, where the specification says.
enum dfu11_status {
    DFU11_STATUS_UNSAID = -1,
    DFU11_STATUS_OK = DFU_STATUS_OK,
    DFU11_STATUS_ERR_NOTDONE = DFU_STATUS_ERR_NOTDONE,
    DFU11_STATUS_ERR_STALLEDPKT = DFU_STATUS_ERR_STALLEDPKT,
};

// One cell. `stall` is meaningless (false) for events that are no requests. A row whose grade is
// not REQUIRED carries the second reading in other_*; in a REQUIRED row both readings are equal.
//
// A GETSTATUS answer names the state that follows it (6.1.2 "about to enter"), so its bState is
// next_state; a GETSTATE answer names the present one (6.1.5), which never changes. GETSTATUS
// answers 6 bytes, GETSTATE 1, UPLOAD 0 to wLength; the others have no IN data.
struct dfu11_row {
    enum dfu_state state;
    enum dfu11_event event;
    enum dfu11_condition condition;
    bool stall;
    enum dfu_state next_state;
    enum dfu11_status status;
    enum dfu11_grade grade;
    bool other_stall;
    enum dfu_state other_next_state;
    const char *clause;
};

// Shapes of a row: DFU11_R has one reading and is REQUIRED, DFU11_2 has two. Columns: state,
// event, condition, stall, next state, status, then the second stall and next state.
#define DFU11_2(grade_, state_, event_, condition_, stall_, next_, status_, stall2_, next2_,       \
                text_)                                                                             \
    {                                                                                              \
        .state = DFU_STATE_##state_, .event = DFU11_##event_, .condition = DFU11_##condition_,     \
        .stall = (stall_), .next_state = DFU_STATE_##next_, .status = DFU11_STATUS_##status_,      \
        .grade = DFU11_##grade_, .other_stall = (stall2_), .other_next_state = DFU_STATE_##next2_, \
        .clause = (text_),                                                                         \
    }
#define DFU11_R(state_, event_, condition_, stall_, next_, status_, text_)                         \
    DFU11_2(REQUIRED, state_, event_, condition_, stall_, next_, status_, stall_, next_, text_)

static const struct dfu11_row dfu11_rows[] = {
    // A.2.1 State 0 appIDLE
    DFU11_R(APP_IDLE, DETACH, ALWAYS, false, APP_DETACH, UNSAID, "A.2.1; 5.1"),
    DFU11_2(OPTIONAL, APP_IDLE, GETSTATUS, ALWAYS, false, APP_IDLE, UNSAID, true, APP_IDLE,
            "A.2.1, support is optional"),
    DFU11_2(OPTIONAL, APP_IDLE, GETSTATE, ALWAYS, false, APP_IDLE, UNSAID, true, APP_IDLE,
            "A.2.1, support is optional"),
    DFU11_R(APP_IDLE, DNLOAD_DATA, ALWAYS, true, APP_IDLE, UNSAID, "A.2.1, any other request"),
    DFU11_R(APP_IDLE, DNLOAD_ZERO, ALWAYS, true, APP_IDLE, UNSAID, "A.2.1, any other request"),
    DFU11_R(APP_IDLE, UPLOAD, ALWAYS, true, APP_IDLE, UNSAID, "A.2.1, any other request"),
    DFU11_R(APP_IDLE, UPLOAD_ZERO, ALWAYS, true, APP_IDLE, UNSAID, "A.2.1, any other request"),
    DFU11_R(APP_IDLE, CLRSTATUS, ALWAYS, true, APP_IDLE, UNSAID, "A.2.1, any other request"),
    DFU11_R(APP_IDLE, ABORT, ALWAYS, true, APP_IDLE, UNSAID, "A.2.1, any other request"),
    DFU11_2(UNDEFINED, APP_IDLE, UNKNOWN_REQUEST, ALWAYS, true, APP_IDLE, UNSAID, true, APP_IDLE,
            "A.2.1, any other request; A.1"),
    DFU11_R(APP_IDLE, USB_RESET, ALWAYS, false, APP_IDLE, UNSAID, "5.1, perform as normal; A.2.2"),
    // A.2.2 State 1 appDETACH
    DFU11_2(OPTIONAL, APP_DETACH, GETSTATUS, ALWAYS, false, APP_DETACH, UNSAID, true, APP_IDLE,
            "A.2.2; table 3.2, optional in protocol 1"),
    DFU11_2(OPTIONAL, APP_DETACH, GETSTATE, ALWAYS, false, APP_DETACH, UNSAID, true, APP_IDLE,
            "A.2.2; table 3.2, optional in protocol 1"),
    DFU11_R(APP_DETACH, DETACH, ALWAYS, true, APP_IDLE, UNSAID, "A.2.2, any other request"),
    DFU11_R(APP_DETACH, DNLOAD_DATA, ALWAYS, true, APP_IDLE, UNSAID, "A.2.2, any other request"),
    DFU11_R(APP_DETACH, DNLOAD_ZERO, ALWAYS, true, APP_IDLE, UNSAID, "A.2.2, any other request"),
    DFU11_R(APP_DETACH, UPLOAD, ALWAYS, true, APP_IDLE, UNSAID, "A.2.2, any other request"),
    DFU11_R(APP_DETACH, UPLOAD_ZERO, ALWAYS, true, APP_IDLE, UNSAID, "A.2.2, any other request"),
    DFU11_R(APP_DETACH, CLRSTATUS, ALWAYS, true, APP_IDLE, UNSAID, "A.2.2, any other request"),
    DFU11_R(APP_DETACH, ABORT, ALWAYS, true, APP_IDLE, UNSAID, "A.2.2, any other request"),
    DFU11_2(UNDEFINED, APP_DETACH, UNKNOWN_REQUEST, ALWAYS, true, APP_IDLE, UNSAID, true,
            APP_DETACH, "A.2.2, any other request; A.1"),
    DFU11_R(APP_DETACH, DETACH_TIMEOUT, ALWAYS, false, APP_IDLE, UNSAID,
            "A.2.2, timeout of the detach timer"),
    DFU11_R(APP_DETACH, POWER_ON_RESET, ALWAYS, false, APP_IDLE, UNSAID, "A.2.2, power on reset"),
    DFU11_R(APP_DETACH, USB_RESET, IF_DETACH_TIMER_RUNS, false, IDLE, OK, "A.2.2, USB reset; 5.1"),
    // A.2.3 State 2 dfuIDLE
    DFU11_R(IDLE, DNLOAD_DATA, IF_CAN_DNLOAD, false, DNLOAD_SYNC, UNSAID, "A.2.3"),
    DFU11_R(IDLE, DNLOAD_DATA, IF_CANNOT_DNLOAD, true, ERROR, ERR_STALLEDPKT,
            "A.2.3, bitCanDnload = 0"),
    DFU11_R(IDLE, DNLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.3, a zero-length download is not considered useful"),
    DFU11_R(IDLE, UPLOAD, IF_CAN_UPLOAD_FULL, false, UPLOAD_IDLE, UNSAID, "A.2.3"),
    DFU11_2(DISPUTED, IDLE, UPLOAD, IF_CAN_UPLOAD_SHORT, false, UPLOAD_IDLE, UNSAID, false, IDLE,
            "A.2.3 against 6.2, short frame is the end of file"),
    DFU11_R(IDLE, UPLOAD, IF_CANNOT_UPLOAD, true, ERROR, ERR_STALLEDPKT, "A.2.3, bitCanUpload = 0"),
    DFU11_R(IDLE, UPLOAD_ZERO, IF_CAN_UPLOAD, false, UPLOAD_IDLE, UNSAID,
            "A.2.3, no condition on wLength"),
    DFU11_R(IDLE, UPLOAD_ZERO, IF_CANNOT_UPLOAD, true, ERROR, ERR_STALLEDPKT,
            "A.2.3, bitCanUpload = 0"),
    DFU11_R(IDLE, ABORT, ALWAYS, false, IDLE, OK, "A.2.3, do nothing; 6.1.4"),
    DFU11_R(IDLE, GETSTATUS, ALWAYS, false, IDLE, UNSAID, "A.2.3"),
    DFU11_R(IDLE, GETSTATE, ALWAYS, false, IDLE, UNSAID, "A.2.3"),
    DFU11_R(IDLE, DETACH, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.3, any other request"),
    DFU11_R(IDLE, CLRSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.3, any other request"),
    DFU11_2(UNDEFINED, IDLE, UNKNOWN_REQUEST, ALWAYS, true, ERROR, UNSAID, true, IDLE,
            "A.2.3, any other request; A.1"),
    DFU11_R(IDLE, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.3, reset, firmware valid"),
    DFU11_R(IDLE, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.3, reset, firmware corrupt"),
    DFU11_R(IDLE, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.3, reset, firmware valid"),
    DFU11_R(IDLE, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.3, reset, firmware corrupt"),
    DFU11_R(IDLE, FAULT, ALWAYS, false, ERROR, UNSAID, "figure A.1, any status except OK; 6.1.3"),
    // A.2.4 State 3 dfuDNLOAD-SYNC
    DFU11_R(DNLOAD_SYNC, GETSTATUS, IF_BLOCK_BUSY, false, DNBUSY, OK,
            "A.2.4, block transfer still in progress"),
    DFU11_R(DNLOAD_SYNC, GETSTATUS, IF_BLOCK_COMPLETE, false, DNLOAD_IDLE, OK,
            "A.2.4, block complete"),
    DFU11_R(DNLOAD_SYNC, GETSTATUS, IF_BLOCK_FAILED, false, ERROR, UNSAID,
            "6.1.3; figure A.1, any status except OK"),
    DFU11_R(DNLOAD_SYNC, GETSTATE, ALWAYS, false, DNLOAD_SYNC, UNSAID, "A.2.4"),
    DFU11_R(DNLOAD_SYNC, DETACH, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.4, any other request"),
    DFU11_R(DNLOAD_SYNC, DNLOAD_DATA, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.4, any other request"),
    DFU11_R(DNLOAD_SYNC, DNLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.4, any other request"),
    DFU11_R(DNLOAD_SYNC, UPLOAD, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.4, any other request"),
    DFU11_R(DNLOAD_SYNC, UPLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.4, any other request"),
    DFU11_R(DNLOAD_SYNC, CLRSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.4; A.1 gives this cell as its example"),
    DFU11_2(DISPUTED, DNLOAD_SYNC, ABORT, ALWAYS, true, ERROR, UNSAID, false, IDLE,
            "A.2.4, any other request, against figure A.1, DFU_ABORT"),
    DFU11_2(UNDEFINED, DNLOAD_SYNC, UNKNOWN_REQUEST, ALWAYS, true, ERROR, UNSAID, true, DNLOAD_SYNC,
            "A.2.4, any other request; A.1"),
    DFU11_R(DNLOAD_SYNC, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.4, reset, firmware valid"),
    DFU11_R(DNLOAD_SYNC, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.4, reset, firmware corrupt"),
    DFU11_R(DNLOAD_SYNC, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.4, reset, firmware valid"),
    DFU11_R(DNLOAD_SYNC, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.4, reset, firmware corrupt"),
    DFU11_R(DNLOAD_SYNC, FAULT, ALWAYS, false, ERROR, UNSAID,
            "figure A.1, any status except OK; 6.1.3"),
    // A.2.5 State 4 dfuDNBUSY
    DFU11_R(DNBUSY, DETACH, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_R(DNBUSY, DNLOAD_DATA, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_R(DNBUSY, DNLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_R(DNBUSY, UPLOAD, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_R(DNBUSY, UPLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_R(DNBUSY, GETSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_R(DNBUSY, CLRSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_R(DNBUSY, GETSTATE, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_R(DNBUSY, ABORT, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.5, any request before bwPollTimeout"),
    DFU11_2(UNDEFINED, DNBUSY, UNKNOWN_REQUEST, ALWAYS, true, ERROR, UNSAID, true, DNBUSY,
            "A.2.5, any other request; A.1"),
    DFU11_R(DNBUSY, POLL_TIMEOUT, ALWAYS, false, DNLOAD_SYNC, UNSAID,
            "A.2.5, bwPollTimeout elapsed"),
    DFU11_R(DNBUSY, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.5, reset, firmware valid"),
    DFU11_R(DNBUSY, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.5, reset, firmware corrupt"),
    DFU11_R(DNBUSY, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.5, reset, firmware valid"),
    DFU11_R(DNBUSY, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.5, reset, firmware corrupt"),
    DFU11_R(DNBUSY, FAULT, ALWAYS, false, ERROR, UNSAID, "figure A.1, any status except OK; 6.1.3"),
    // A.2.6 State 5 dfuDNLOAD-IDLE
    DFU11_R(DNLOAD_IDLE, DNLOAD_DATA, ALWAYS, false, DNLOAD_SYNC, UNSAID, "A.2.6"),
    DFU11_R(DNLOAD_IDLE, DNLOAD_ZERO, IF_DEVICE_AGREES, false, MANIFEST_SYNC, UNSAID,
            "A.2.6, device agrees"),
    DFU11_R(DNLOAD_IDLE, DNLOAD_ZERO, IF_DEVICE_DISAGREES, true, ERROR, ERR_NOTDONE,
            "A.2.6, device disagrees; 6.1.2 errNOTDONE"),
    DFU11_R(DNLOAD_IDLE, ABORT, ALWAYS, false, IDLE, OK, "A.2.6; 6.1.4"),
    DFU11_R(DNLOAD_IDLE, GETSTATUS, ALWAYS, false, DNLOAD_IDLE, UNSAID, "A.2.6"),
    DFU11_R(DNLOAD_IDLE, GETSTATE, ALWAYS, false, DNLOAD_IDLE, UNSAID, "A.2.6"),
    DFU11_R(DNLOAD_IDLE, DETACH, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.6, any other request"),
    DFU11_R(DNLOAD_IDLE, UPLOAD, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.6, any other request"),
    DFU11_R(DNLOAD_IDLE, UPLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.6, any other request"),
    DFU11_R(DNLOAD_IDLE, CLRSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.6, any other request"),
    DFU11_2(UNDEFINED, DNLOAD_IDLE, UNKNOWN_REQUEST, ALWAYS, true, ERROR, UNSAID, true, DNLOAD_IDLE,
            "A.2.6, any other request; A.1"),
    DFU11_R(DNLOAD_IDLE, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.6, reset, firmware valid"),
    DFU11_R(DNLOAD_IDLE, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.6, reset, firmware corrupt"),
    DFU11_R(DNLOAD_IDLE, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.6, reset, firmware valid"),
    DFU11_R(DNLOAD_IDLE, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.6, reset, firmware corrupt"),
    DFU11_R(DNLOAD_IDLE, FAULT, ALWAYS, false, ERROR, UNSAID,
            "figure A.1, any status except OK; 6.1.3"),
    // A.2.7 State 6 dfuMANIFEST-SYNC
    DFU11_R(MANIFEST_SYNC, GETSTATUS, IF_MANIFEST_PENDING, false, MANIFEST, OK,
            "A.2.7, manifestation phase in progress"),
    DFU11_R(MANIFEST_SYNC, GETSTATUS, IF_MANIFEST_DONE_TOLERANT, false, IDLE, OK,
            "A.2.7, phase complete and bitManifestationTolerant = 1"),
    DFU11_R(MANIFEST_SYNC, GETSTATUS, IF_MANIFEST_FAILED, false, ERROR, UNSAID,
            "6.1.3; figure A.1, any status except OK"),
    DFU11_R(MANIFEST_SYNC, GETSTATE, ALWAYS, false, MANIFEST_SYNC, UNSAID, "A.2.7"),
    DFU11_R(MANIFEST_SYNC, DETACH, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.7, any other request"),
    DFU11_R(MANIFEST_SYNC, DNLOAD_DATA, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.7, any other request"),
    DFU11_R(MANIFEST_SYNC, DNLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.7, any other request"),
    DFU11_R(MANIFEST_SYNC, UPLOAD, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.7, any other request"),
    DFU11_R(MANIFEST_SYNC, UPLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.7, any other request"),
    DFU11_R(MANIFEST_SYNC, CLRSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.7, any other request"),
    DFU11_2(DISPUTED, MANIFEST_SYNC, ABORT, ALWAYS, true, ERROR, UNSAID, false, IDLE,
            "A.2.7, any other request, against figure A.1, DFU_ABORT"),
    DFU11_2(UNDEFINED, MANIFEST_SYNC, UNKNOWN_REQUEST, ALWAYS, true, ERROR, UNSAID, true,
            MANIFEST_SYNC, "A.2.7, any other request; A.1"),
    DFU11_R(MANIFEST_SYNC, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.7, reset, firmware valid"),
    DFU11_R(MANIFEST_SYNC, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.7, reset, firmware corrupt"),
    DFU11_R(MANIFEST_SYNC, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.7, reset, firmware valid"),
    DFU11_R(MANIFEST_SYNC, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.7, reset, firmware corrupt"),
    DFU11_R(MANIFEST_SYNC, FAULT, ALWAYS, false, ERROR, UNSAID,
            "figure A.1, any status except OK; 6.1.3"),
    // A.2.8 State 7 dfuMANIFEST
    DFU11_R(MANIFEST, DETACH, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_R(MANIFEST, DNLOAD_DATA, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_R(MANIFEST, DNLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_R(MANIFEST, UPLOAD, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_R(MANIFEST, UPLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_R(MANIFEST, GETSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_R(MANIFEST, CLRSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_R(MANIFEST, GETSTATE, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_R(MANIFEST, ABORT, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.8, any request"),
    DFU11_2(UNDEFINED, MANIFEST, UNKNOWN_REQUEST, ALWAYS, true, ERROR, UNSAID, true, MANIFEST,
            "A.2.8, any other request; A.1"),
    DFU11_R(MANIFEST, POLL_TIMEOUT, IF_TOLERANT, false, MANIFEST_SYNC, UNSAID,
            "A.2.8, bitManifestationTolerant = 1"),
    DFU11_R(MANIFEST, POLL_TIMEOUT, IF_NOT_TOLERANT, false, MANIFEST_WAIT_RESET, UNSAID,
            "A.2.8, bitManifestationTolerant = 0"),
    DFU11_R(MANIFEST, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.8, reset, firmware valid"),
    DFU11_R(MANIFEST, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.8, reset, firmware corrupt"),
    DFU11_R(MANIFEST, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.8, reset, firmware valid"),
    DFU11_R(MANIFEST, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.8, reset, firmware corrupt"),
    DFU11_R(MANIFEST, FAULT, ALWAYS, false, ERROR, UNSAID,
            "figure A.1, any status except OK; 6.1.3"),
    // A.2.9 State 8 dfuMANIFEST-WAIT-RESET
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, DETACH, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID,
            true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, DNLOAD_DATA, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID,
            true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, DNLOAD_ZERO, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID,
            true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, UPLOAD, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID,
            true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, UPLOAD_ZERO, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID,
            true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, GETSTATUS, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID,
            true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, CLRSTATUS, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID,
            true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, GETSTATE, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID,
            true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, ABORT, ALWAYS, false, MANIFEST_WAIT_RESET, UNSAID, true,
            MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_2(UNDEFINED, MANIFEST_WAIT_RESET, UNKNOWN_REQUEST, ALWAYS, false, MANIFEST_WAIT_RESET,
            UNSAID, true, MANIFEST_WAIT_RESET, "A.2.9, do nothing"),
    DFU11_R(MANIFEST_WAIT_RESET, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.9, reset, firmware valid"),
    DFU11_R(MANIFEST_WAIT_RESET, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.9, reset, firmware corrupt"),
    DFU11_R(MANIFEST_WAIT_RESET, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.9, reset, firmware valid"),
    DFU11_R(MANIFEST_WAIT_RESET, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.9, reset, firmware corrupt"),
    DFU11_R(MANIFEST_WAIT_RESET, FAULT, ALWAYS, false, ERROR, UNSAID,
            "figure A.1, any status except OK; 6.1.3"),
    // A.2.10 State 9 dfuUPLOAD-IDLE
    DFU11_R(UPLOAD_IDLE, UPLOAD, IF_FULL_FRAME, false, UPLOAD_IDLE, UNSAID, "A.2.10, wLength > 0"),
    DFU11_R(UPLOAD_IDLE, UPLOAD, IF_SHORT_FRAME, false, IDLE, UNSAID, "A.2.10, short frame"),
    DFU11_2(DISPUTED, UPLOAD_IDLE, UPLOAD_ZERO, ALWAYS, true, ERROR, UNSAID, false, UPLOAD_IDLE,
            "A.2.10, only wLength > 0 is listed, against figure A.1, DFU_UPLOAD"),
    DFU11_R(UPLOAD_IDLE, ABORT, ALWAYS, false, IDLE, OK, "A.2.10; 6.1.4"),
    DFU11_R(UPLOAD_IDLE, GETSTATUS, ALWAYS, false, UPLOAD_IDLE, UNSAID, "A.2.10"),
    DFU11_R(UPLOAD_IDLE, GETSTATE, ALWAYS, false, UPLOAD_IDLE, UNSAID, "A.2.10"),
    DFU11_R(UPLOAD_IDLE, DETACH, ALWAYS, true, ERROR, ERR_STALLEDPKT, "A.2.10, any other request"),
    DFU11_R(UPLOAD_IDLE, DNLOAD_DATA, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.10, any other request"),
    DFU11_R(UPLOAD_IDLE, DNLOAD_ZERO, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.10, any other request"),
    DFU11_R(UPLOAD_IDLE, CLRSTATUS, ALWAYS, true, ERROR, ERR_STALLEDPKT,
            "A.2.10, any other request"),
    DFU11_2(UNDEFINED, UPLOAD_IDLE, UNKNOWN_REQUEST, ALWAYS, true, ERROR, UNSAID, true, UPLOAD_IDLE,
            "A.2.10, any other request; A.1"),
    DFU11_R(UPLOAD_IDLE, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.10, reset, firmware valid"),
    DFU11_R(UPLOAD_IDLE, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.10, reset, firmware corrupt"),
    DFU11_R(UPLOAD_IDLE, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.10, reset, firmware valid"),
    DFU11_R(UPLOAD_IDLE, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.10, reset, firmware corrupt"),
    DFU11_R(UPLOAD_IDLE, FAULT, ALWAYS, false, ERROR, UNSAID,
            "figure A.1, any status except OK; 6.1.3"),
    // A.2.11 State 10 dfuERROR
    DFU11_R(ERROR, GETSTATUS, ALWAYS, false, ERROR, UNSAID, "A.2.11"),
    DFU11_R(ERROR, GETSTATE, ALWAYS, false, ERROR, UNSAID, "A.2.11"),
    DFU11_R(ERROR, CLRSTATUS, ALWAYS, false, IDLE, OK, "A.2.11, clear status to OK; 6.1.3"),
    DFU11_R(ERROR, DETACH, ALWAYS, true, ERROR, UNSAID, "A.2.11, any other request"),
    DFU11_R(ERROR, DNLOAD_DATA, ALWAYS, true, ERROR, UNSAID, "A.2.11, any other request"),
    DFU11_R(ERROR, DNLOAD_ZERO, ALWAYS, true, ERROR, UNSAID, "A.2.11, any other request"),
    DFU11_R(ERROR, UPLOAD, ALWAYS, true, ERROR, UNSAID, "A.2.11, any other request"),
    DFU11_R(ERROR, UPLOAD_ZERO, ALWAYS, true, ERROR, UNSAID, "A.2.11, any other request"),
    DFU11_R(ERROR, ABORT, ALWAYS, true, ERROR, UNSAID, "A.2.11, any other request"),
    DFU11_2(UNDEFINED, ERROR, UNKNOWN_REQUEST, ALWAYS, true, ERROR, UNSAID, true, ERROR,
            "A.2.11, any other request; A.1"),
    DFU11_R(ERROR, USB_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.11, reset, firmware valid"),
    DFU11_R(ERROR, USB_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.11, reset, firmware corrupt"),
    DFU11_R(ERROR, POWER_ON_RESET, IF_FIRMWARE_VALID, false, APP_IDLE, UNSAID,
            "A.2.11, reset, firmware valid"),
    DFU11_R(ERROR, POWER_ON_RESET, IF_FIRMWARE_CORRUPT, false, ERROR, UNSAID,
            "A.2.11, reset, firmware corrupt"),
};
#define DFU11_ROW_COUNT (sizeof dfu11_rows / sizeof dfu11_rows[0])

// True if the answer seen is one the row allows. For an event that is no request pass stalled =
// false. A test of a product that has chosen between two readings compares the fields itself.
static inline bool dfu11_allows(const struct dfu11_row *row, bool stalled, enum dfu_state next) {
    return (stalled == row->stall && next == row->next_state) ||
           (stalled == row->other_stall && next == row->other_next_state);
}

#endif
