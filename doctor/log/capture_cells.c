// SPDX-License-Identifier: MIT
//
// A capture against the state table of DFU 1.1 annex A (doctor/conformance/dfu11_table.h): the states that the device may
// be in are a set, which each request narrows or widens by the table's rows; an answer that no row of them gives is
// a departure. What depends on things a capture does not show (is a block still being written, does the device
// agree that all has come) is granted. Departures that hosts rely on are no finding: they are listed here, too.

#include "doctor/conformance/dfu11_table.h"
#include "doctor/log/capture.h"
#include "spec/dfu.h"

static bool event_of(const struct usb_setup *setup, enum dfu11_event *event) {
    bool is_empty = setup->wLength == 0;
    switch (setup->bRequest) {
    case DFU_DETACH:
        *event = DFU11_DETACH;
        return true;
    case DFU_DNLOAD:
        *event = is_empty ? DFU11_DNLOAD_ZERO : DFU11_DNLOAD_DATA;
        return true;
    case DFU_UPLOAD:
        *event = is_empty ? DFU11_UPLOAD_ZERO : DFU11_UPLOAD;
        return true;
    case DFU_GETSTATUS:
        *event = DFU11_GETSTATUS;
        return true;
    case DFU_CLRSTATUS:
        *event = DFU11_CLRSTATUS;
        return true;
    case DFU_GETSTATE:
        *event = DFU11_GETSTATE;
        return true;
    case DFU_ABORT:
        *event = DFU11_ABORT;
        return true;
    default:
        return false;
    }
}

static unsigned bit(unsigned state) {
    return state < DFU_STATE_COUNT ? 1u << state : 0;
}

// DfuSe's own ways and what ST's and others' devices tolerate, as in doctor/conformance/cells.c.
static unsigned tolerated(unsigned states, enum dfu11_event event, bool is_stall) {
    unsigned next = 0;
    if (event == DFU11_DNLOAD_ZERO && !is_stall && (states & bit(DFU_STATE_IDLE))) {
        next |= bit(DFU_STATE_MANIFEST_SYNC); // leave
    }
    if ((event == DFU11_UPLOAD || event == DFU11_UPLOAD_ZERO) && is_stall) {
        next |= states & bit(DFU_STATE_DNLOAD_IDLE); // waits for ABORT
    }
    if (event == DFU11_CLRSTATUS && !is_stall) {
        next |= states | bit(DFU_STATE_IDLE) | bit(DFU_STATE_ERROR); // the last one: ST's class
    }
    if (event == DFU11_ABORT && !is_stall) {
        next |= states; // acknowledged and without effect: ST's class
    }
    if (event == DFU11_GETSTATUS && !is_stall && (states & bit(DFU_STATE_DNBUSY))) {
        next |= bit(DFU_STATE_DNBUSY); // asked before bwPollTimeout: most answer
    }
    if (is_stall) {
        // Refused with the state kept: ST's class. dfuERROR: what was wrong with the request may be what the
        // table does not look at (its length).
        next |= states | bit(DFU_STATE_ERROR);
    }
    return next;
}

void wire_cell(struct wire *wire, const struct capture_transfer *transfer, int told) {
    wire->before = wire->states;
    enum dfu11_event event;
    if (!event_of(&transfer->setup, &event) ||
        (transfer->end != CAPTURE_DONE && transfer->end != CAPTURE_STALL)) {
        wire->states = WIRE_EVENT_ALL;
        return;
    }
    bool is_stall = transfer->end == CAPTURE_STALL;
    // bwPollTimeout may have elapsed meanwhile.
    unsigned states = wire->states;
    states |= states & bit(DFU_STATE_DNBUSY) ? bit(DFU_STATE_DNLOAD_SYNC) : 0;
    states |= states & bit(DFU_STATE_MANIFEST) ? bit(DFU_STATE_MANIFEST_SYNC) : 0;
    unsigned next = 0;
    const char *clause = NULL;
    for (size_t i = 0; i < sizeof dfu11_rows / sizeof dfu11_rows[0]; i++) {
        const struct dfu11_row *row = &dfu11_rows[i];
        if (!(states & bit(row->state)) || row->event != event) {
            continue;
        }
        clause = row->clause;
        next |= row->stall == is_stall ? bit(row->next_state) : 0;
        next |= row->other_stall == is_stall ? bit(row->other_next_state) : 0;
        // Any time the device may find a fault by itself.
        next |= !is_stall && event == DFU11_GETSTATUS ? bit(DFU_STATE_ERROR) : 0;
    }
    unsigned soft = tolerated(states, event, is_stall);
    bool is_told = told >= 0;
    bool is_held = is_told ? ((next | soft) & bit((unsigned)told)) != 0 : (next | soft) != 0;
    if (is_held) {
        wire->held++;
    } else if (wire->departed++ == 0 || wire->departed <= REPORT_EVIDENCE_MAX) {
        report_add(wire->report, "F44", REPORT_CERTAIN, transfer->at_us,
                   "packet %lu: %s in %s was %s%s%s (DFU 1.1 %s)", transfer->number,
                   dfu_request_name(transfer->setup.bRequest),
                   wire->state >= 0 ? dfu_state_name((unsigned)wire->state) : "an unknown state",
                   is_stall ? "refused" : "acknowledged", is_told ? ", then " : "",
                   is_told ? dfu_state_name((unsigned)told) : "", clause ? clause : "annex A");
    }
    wire->states = is_told ? bit((unsigned)told) : next | soft;
    wire->states = wire->states ? wire->states : WIRE_EVENT_ALL;
}
