// SPDX-License-Identifier: MIT
//
// Requests one by one, as none of the programs would: with patience, and with a look at what the chip does meanwhile.

#include <stdio.h>
#include <string.h>

#include "doctor/inside/examine.h"
#include "doctor/record.h"

#define CLASS_OUT       (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
#define CLASS_IN        (USB_DIR_IN | CLASS_OUT)
#define LANGID_ENGLISH  0x0409u
#define STANDARD_MS     5000u
// Longer than an operation of flash takes (mass erase aside, which is made of many where it is done by a driver).
#define PATIENT_MS      40000u
#define SHORTEST_POLL   20u
// No operation of flash takes longer (DS8626 table 40: 4 s).
#define IDLE_FLASH_US   5000000u
#define SAME_ERASES_MAX 3u
#define LONGEST_US      60000000u
#define APPEAR_MS       30000u

uint64_t talk_now(const struct examine *x) {
    return x->bench->device->now_us(x->bench->device->ctx);
}

struct witness_window talk_window(const struct examine *x, size_t from) {
    return (struct witness_window){x->bench->witness, from, x->bench->witness->count};
}

// --- the device, with what passes written down ---------------------------------------------------------------

static void write_down(struct examine *x, const struct usb_setup *setup, const uint8_t *data,
                       uint16_t moved, enum device_result result, uint64_t at_us) {
    struct report_request request = {.at_us = at_us,
                                     .duration_us = talk_now(x) - at_us,
                                     .result = (enum report_result)result,
                                     .state = -1,
                                     .status = -1,
                                     .poll_ms = -1};
    if (setup->bmRequestType == CLASS_IN && setup->bRequest == DFU_GETSTATUS &&
        moved == DFU_STATUS_LEN) {
        request.status = data[0];
        request.poll_ms = load_le24(data + 1);
        request.state = data[4];
    }
    (void)record_words(setup, data, request.words, sizeof request.words);
    report_request(x->report, &request);
}

// No answer at all: the firmware may have come to grief.
static void judge_silence(const struct examine *x, const struct usb_setup *setup, uint8_t *data,
                          uint64_t at_us) {
    char text[INSIDE_FAULT_MAX];
    char words[112];
    if (!report_has(x->report, "F42") && x->bench->is_faulty(x->bench->ctx, text)) {
        report_add(x->report, "F42", REPORT_CERTAIN, at_us, "%s: no answer, since %s",
                   record_words(setup, data, words, sizeof words), text);
    }
}

static bool is_erase(const struct usb_setup *setup, const uint8_t *data) {
    return setup->bmRequestType == CLASS_OUT && setup->bRequest == DFU_DNLOAD &&
           setup->wValue == DFUSE_BLOCK_COMMAND && data && setup->wLength >= 1 &&
           setup->wLength <= DFUSE_CMD_WITH_ADDRESS_LEN && data[0] == DFUSE_CMD_ERASE;
}

// A host may poll for ever (for minutes, in these scripts). What would come of it is known after a while.
#define BUSY_LEAST 5u

void talk_begin_load(struct examine *x) {
    x->erases_sent = x->erases_refused = x->erases_lost = 0;
    x->busy.count = 0;
    x->busy.most = 0;
    x->busy.is_cut_short = false;
}

static uint64_t last_operation_us(struct witness_window window, uint64_t began_us,
                                  unsigned *same_erases);

static void count_busy(struct examine *x, bool is_busy) {
    unsigned same_erases = 0;
    if (!is_busy) {
        x->busy.count = 0;
        return;
    }
    x->busy.most = x->busy.count + 1 > x->busy.most ? x->busy.count + 1 : x->busy.most;
    if (x->busy.count++ == 0) {
        x->busy.since_us = talk_now(x);
        x->busy.from = witness_mark(x->bench->witness);
    }
    uint64_t last_us =
        last_operation_us(talk_window(x, x->busy.from), x->busy.since_us, &same_erases);
    x->busy.is_cut_short = x->busy.is_cut_short ||
                           (x->busy.count > BUSY_LEAST && (same_erases >= SAME_ERASES_MAX ||
                                                           talk_now(x) - last_us > IDLE_FLASH_US));
}

static enum device_result control(void *ctx, const struct usb_setup *setup, uint8_t *data,
                                  uint16_t *moved, uint32_t timeout_ms) {
    struct examine *x = ctx;
    const struct device *device = x->bench->device;
    uint64_t at_us = talk_now(x);
    if (x->busy.is_cut_short) {
        *moved = 0;
        return DEVICE_GONE;
    }
    enum device_result result = device->control(device->ctx, setup, data, moved, timeout_ms);
    if (result == DEVICE_TIMEOUT && !x->may_fall_silent) {
        judge_silence(x, setup, data, at_us);
    }
    if (is_erase(setup, data)) {
        x->erases_sent++;
        x->erases_refused += result == DEVICE_STALL;
        x->erases_lost += result != DEVICE_STALL && result != DEVICE_OK;
    }
    if (setup->bmRequestType == CLASS_IN && setup->bRequest == DFU_GETSTATUS) {
        count_busy(x,
                   result == DEVICE_OK && *moved == DFU_STATUS_LEN && data[4] == DFU_STATE_DNBUSY);
    }
    write_down(x, setup, data, *moved, result, at_us);
    return result;
}

// No operation of flash takes so long (DS8626 table 40: 32 s for a mass erase at x8), and nobody need wait for it here.
#define WAIT_MAX_MS 35000u
#define WAIT_CUT_MS 500u

static void sleep_ms(void *ctx, uint32_t ms) {
    struct examine *x = ctx;
    const struct device *device = x->bench->device;
    if (ms > WAIT_MAX_MS) {
        x->longest_wait_ms = ms > x->longest_wait_ms ? ms : x->longest_wait_ms;
        ms = WAIT_CUT_MS;
    }
    device->sleep(device->ctx, ms);
}

static uint64_t now_us(void *ctx) {
    return talk_now(ctx);
}

static enum device_result reset(void *ctx) {
    const struct device *device = ((struct examine *)ctx)->bench->device;
    return device->reset(device->ctx);
}

void talk_begin(struct examine *x) {
    x->device = (struct device){
        .ctx = x, .control = control, .sleep = sleep_ms, .now_us = now_us, .reset = reset};
}

// --- requests ------------------------------------------------------------------------------------------------

enum device_result talk_request(const struct examine *x, uint8_t request, uint16_t value,
                                uint8_t *data, uint16_t len, uint16_t *moved, uint32_t timeout_ms) {
    bool is_in = request == DFU_UPLOAD || request == DFU_GETSTATUS || request == DFU_GETSTATE;
    const struct usb_setup setup = {is_in ? CLASS_IN : CLASS_OUT, request, value, 0, len};
    uint16_t ignored;
    return x->device.control(x->device.ctx, &setup, data, moved ? moved : &ignored, timeout_ms);
}

int talk_state(const struct examine *x) {
    uint8_t state = 0;
    uint16_t moved = 0;
    enum device_result result =
        talk_request(x, DFU_GETSTATE, 0, &state, sizeof state, &moved, STANDARD_MS);
    return result == DEVICE_OK && moved == sizeof state ? state : -1;
}

static bool status(const struct examine *x, struct talk_outcome *outcome, uint32_t *poll_ms) {
    uint8_t bytes[DFU_STATUS_LEN] = {0};
    uint16_t moved = 0;
    uint64_t began_us = talk_now(x);
    outcome->last = talk_request(x, DFU_GETSTATUS, 0, bytes, sizeof bytes, &moved, PATIENT_MS);
    uint64_t held_us = talk_now(x) - began_us;
    outcome->held_us = held_us > outcome->held_us ? held_us : outcome->held_us;
    if (outcome->last != DEVICE_OK || moved != sizeof bytes) {
        outcome->last = outcome->last == DEVICE_OK ? DEVICE_STALL : outcome->last;
        return false;
    }
    outcome->status = bytes[0];
    outcome->state = bytes[4];
    *poll_ms = load_le24(bytes + 1);
    outcome->poll_ms = *poll_ms > outcome->poll_ms ? *poll_ms : outcome->poll_ms;
    return true;
}

static uint64_t last_operation_us(struct witness_window window, uint64_t began_us,
                                  unsigned *same_erases) {
    uint64_t last_us = began_us;
    const struct witness_event *first = witness_first(window, WITNESS_ERASE, NULL);
    *same_erases = 0;
    for (size_t i = window.from; i < window.to; i++) {
        const struct witness_event *event = &window.witness->events[i];
        if (event->kind == WITNESS_ERASE || event->kind == WITNESS_PROGRAM) {
            last_us = event->at_us;
            *same_erases += event->kind == WITNESS_ERASE && event->addr == first->addr;
        }
    }
    return last_us;
}

static bool is_hopeless(const struct examine *x, const struct talk_outcome *outcome, size_t from) {
    unsigned same_erases = 0;
    uint64_t last_us = last_operation_us(talk_window(x, from), outcome->at_us, &same_erases);
    uint64_t now = talk_now(x);
    return same_erases >= SAME_ERASES_MAX || now - outcome->at_us > LONGEST_US ||
           (outcome->busy >= 3 && now - last_us > IDLE_FLASH_US);
}

struct talk_outcome talk_download(const struct examine *x, uint16_t block, const uint8_t *bytes,
                                  uint16_t len) {
    size_t from = witness_mark(x->bench->witness);
    struct talk_outcome outcome = {.at_us = talk_now(x), .last = DEVICE_GONE};
    uint8_t copy[4096];
    memcpy(copy, bytes, len);
    outcome.dnload = talk_request(x, DFU_DNLOAD, block, copy, len, NULL, STANDARD_MS);
    uint32_t poll_ms = 0;
    while (outcome.dnload == DEVICE_OK && status(x, &outcome, &poll_ms) &&
           (outcome.state == DFU_STATE_DNBUSY || outcome.state == DFU_STATE_DNLOAD_SYNC)) {
        outcome.busy++;
        if (is_hopeless(x, &outcome, from) || x->bench->is_over(x->bench->ctx)) {
            outcome.is_forever = true;
            break;
        }
        x->device.sleep(x->device.ctx, poll_ms > SHORTEST_POLL ? poll_ms : SHORTEST_POLL);
    }
    outcome.window = talk_window(x, from);
    return outcome;
}

struct talk_outcome talk_command(const struct examine *x, uint8_t command, uint32_t addr) {
    uint8_t bytes[DFUSE_CMD_WITH_ADDRESS_LEN] = {command};
    store_le32(bytes + 1, addr);
    return talk_download(x, DFUSE_BLOCK_COMMAND, bytes, sizeof bytes);
}

bool talk_went_well(const struct talk_outcome *outcome) {
    return outcome->dnload == DEVICE_OK && outcome->last == DEVICE_OK && !outcome->is_forever &&
           outcome->status == DFU_STATUS_OK && outcome->state == DFU_STATE_DNLOAD_IDLE;
}

struct talk_outcome talk_erase_there(const struct examine *x) {
    struct talk_outcome outcome = talk_command(x, DFUSE_CMD_ERASE, x->image_addr);
    return talk_went_well(&outcome) ? talk_command(x, DFUSE_CMD_SET_ADDRESS, x->image_addr)
                                    : outcome;
}

const char *talk_words(const struct talk_outcome *outcome, char text[96]) {
    static const char *const results[] = {"", "STALL", "no answer", "the device is gone"};
    if (outcome->dnload != DEVICE_OK) {
        (void)snprintf(text, 96, "%s at DNLOAD", results[outcome->dnload]);
    } else if (outcome->last != DEVICE_OK) {
        (void)snprintf(text, 96, "%s at GETSTATUS", results[outcome->last]);
    } else if (outcome->is_forever) {
        (void)snprintf(text, 96, "%s without end (%u times)", dfu_state_name(outcome->state),
                       outcome->busy);
    } else {
        (void)snprintf(text, 96, "%s in %s", dfu_status_name(outcome->status),
                       dfu_state_name(outcome->state));
    }
    return text;
}

// --- ways back -----------------------------------------------------------------------------------------------

bool talk_start(const struct examine *x) {
    x->bench->power_cycle(x->bench->ctx, INSIDE_AS_ASKED);
    return x->bench->wait_for_device(x->bench->ctx, APPEAR_MS);
}

bool talk_recover(const struct examine *x) {
    int state = talk_state(x);
    for (unsigned i = 0; i < 2 && state > 0 && state != DFU_STATE_IDLE; i++) {
        bool is_error = state == DFU_STATE_ERROR;
        (void)talk_request(x, is_error ? DFU_CLRSTATUS : DFU_ABORT, 0, NULL, 0, NULL, STANDARD_MS);
        state = talk_state(x);
    }
    return state == DFU_STATE_IDLE || talk_start(x);
}

// --- descriptors ---------------------------------------------------------------------------------------------

static uint16_t descriptor(const struct examine *x, uint8_t type, uint8_t index, uint8_t out[255]) {
    uint16_t moved = 0;
    const struct usb_setup setup = {USB_DIR_IN, USB_GET_DESCRIPTOR, (uint16_t)(type << 8 | index),
                                    type == USB_DT_STRING ? LANGID_ENGLISH : 0, 255};
    enum device_result result = x->device.control(x->device.ctx, &setup, out, &moved, STANDARD_MS);
    return result == DEVICE_OK ? moved : 0;
}

static void read_name(const struct examine *x, uint8_t index, char name[EXAMINE_NAME_MAX]) {
    uint8_t text[255];
    uint16_t len = index ? descriptor(x, USB_DT_STRING, index, text) : 0;
    unsigned count = 0;
    for (unsigned i = 2; i + 1 < len && count + 1 < EXAMINE_NAME_MAX; i += 2) {
        name[count++] = text[i + 1] == 0 && text[i] < 0x7f ? (char)text[i] : '?';
    }
    name[count] = '\0';
}

static void read_interface(struct examine *x, const uint8_t *d) {
    struct host_layout layout;
    char name[EXAMINE_NAME_MAX];
    if (d[3] < EXAMINE_ALTS_MAX) {
        read_name(x, d[8], name);
        x->alternates[d[3]] = layout_parse(name, &layout) ? layout.runs[0].addr : 0;
        if (d[3] == 0) {
            memcpy(x->name, name, sizeof name);
        }
    }
}

bool talk_describe(struct examine *x) {
    uint8_t bytes[255];
    bool is_dfu = false;
    uint16_t got = descriptor(x, USB_DT_CONFIGURATION, 0, bytes);
    for (unsigned at = 0; at + 2 <= got && bytes[at] >= 2 && at + bytes[at] <= got;
         at += bytes[at]) {
        const uint8_t *d = bytes + at;
        if (d[1] == USB_DT_INTERFACE && d[0] >= USB_INTERFACE_DESCRIPTOR_LEN &&
            d[5] == DFU_INTERFACE_CLASS && d[6] == DFU_INTERFACE_SUBCLASS &&
            d[7] == DFU_PROTOCOL_DFU) {
            is_dfu = true;
            read_interface(x, d);
        }
        if (d[1] == DFU_DT_FUNCTIONAL && d[0] >= 7) {
            x->transfer_bytes = load_le16(d + 5);
            x->version = d[0] >= DFU_FUNCTIONAL_LEN ? load_le16(d + 7) : 0;
        }
    }
    x->has_layout = layout_parse(x->name, &x->layout);
    return is_dfu;
}
