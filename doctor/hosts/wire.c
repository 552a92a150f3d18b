// SPDX-License-Identifier: MIT

#include "doctor/hosts/wire.h"

#include <stdio.h>
#include <string.h>

#define CLASS_OUT        (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
#define CLASS_IN         (USB_DIR_IN | CLASS_OUT)
#define LANGID_ENGLISH   0x0409u
#define DESCRIPTOR_BYTES 255u
// What libusb and Linux grant a standard request.
#define STANDARD_MS      5000u

// --- Ends ----------------------------------------------------------------------------------------

static bool over(struct wire *w, enum host_end end, const char *why, uint32_t addr) {
    if (w->outcome.end == HOST_DONE) {
        w->outcome.end = end;
        w->outcome.why = why;
        w->outcome.addr = addr;
    }
    return false;
}

bool wire_gives_up(struct wire *w, const char *why, uint32_t addr) {
    return over(w, HOST_GAVE_UP, why, addr);
}

bool wire_refused(struct wire *w, const char *why, uint32_t addr) {
    if (w->job->is_stubborn) {
        return wire_simple(w, DFU_CLRSTATUS);
    }
    return over(w, HOST_REFUSED, why, addr);
}

bool wire_differs(struct wire *w, uint32_t addr) {
    return over(w, HOST_DIFFERS, "what is there is not what was written", addr);
}

bool wire_dies(struct wire *w) {
    if (w->job->dies_after_write) {
        (void)over(w, HOST_DIED, "the host died behind its last block", 0);
    }
    return w->job->dies_after_write;
}

// A transfer that failed: over, unless the host is stubborn about STALLs.
static bool failed(struct wire *w, enum device_result result, const char *request) {
    static const char *const why[][4] = {
        {"GETSTATUS failed", "GETSTATUS stalled", "GETSTATUS timed out", "no device at GETSTATUS"},
        {"DNLOAD failed", "DNLOAD stalled", "DNLOAD timed out", "no device at DNLOAD"},
        {"UPLOAD failed", "UPLOAD stalled", "UPLOAD timed out", "no device at UPLOAD"},
        {"request failed", "request stalled", "request timed out", "no device"},
    };
    unsigned row = *request == 'G' ? 0 : *request == 'D' ? 1 : *request == 'U' ? 2 : 3;
    if (w->job->is_stubborn && result == DEVICE_STALL) {
        return true;
    }
    return over(w, HOST_FAILED, why[row][result], 0);
}

// --- Requests ------------------------------------------------------------------------------------

static enum device_result control(struct wire *w, uint8_t type, uint8_t request, uint16_t value,
                                  uint16_t index, void *data, uint32_t len, uint32_t *got,
                                  uint32_t timeout_ms) {
    const struct usb_setup setup = {type, request, value, index, (uint16_t)len};
    uint16_t moved = 0;
    w->outcome.transfers++;
    enum device_result result =
        w->device->control(w->device->ctx, &setup, len > 0 ? data : NULL, &moved, timeout_ms);
    if (got != NULL) {
        *got = moved;
    }
    return result;
}

enum device_result wire_try_status(struct wire *w, uint32_t timeout_ms) {
    uint8_t bytes[DFU_STATUS_LEN] = {0};
    uint32_t got = 0;
    enum device_result result =
        control(w, CLASS_IN, DFU_GETSTATUS, 0, 0, bytes, sizeof bytes, &got, timeout_ms);
    if (result == DEVICE_OK && got == sizeof bytes) {
        w->outcome.status = w->status = bytes[0];
        w->poll_ms = load_le24(bytes + 1);
        w->outcome.state = w->state = bytes[4];
        w->string = bytes[5];
        return DEVICE_OK;
    }
    return result == DEVICE_OK ? DEVICE_STALL : result;
}

enum device_result wire_try_upload(struct wire *w, unsigned block, uint32_t len, uint32_t *got) {
    return control(w, CLASS_IN, DFU_UPLOAD, (uint16_t)block, 0, w->buffer, len, got, w->timeout_ms);
}

bool wire_status_within(struct wire *w, uint32_t timeout_ms) {
    enum device_result result = wire_try_status(w, timeout_ms);
    return result == DEVICE_OK || failed(w, result, "GETSTATUS");
}

bool wire_status(struct wire *w) {
    return wire_status_within(w, w->timeout_ms);
}

bool wire_dnload(struct wire *w, unsigned block, const void *bytes, uint32_t len) {
    if (len > 0) {
        memcpy(w->buffer, bytes, len);
    }
    enum device_result result =
        control(w, CLASS_OUT, DFU_DNLOAD, (uint16_t)block, 0, w->buffer, len, NULL, w->timeout_ms);
    return result == DEVICE_OK || failed(w, result, "DNLOAD");
}

bool wire_upload(struct wire *w, unsigned block, uint32_t len, uint32_t *got) {
    enum device_result result = wire_try_upload(w, block, len, got);
    return result == DEVICE_OK || failed(w, result, "UPLOAD");
}

bool wire_simple(struct wire *w, enum dfu_request_code request) {
    enum device_result result =
        control(w, CLASS_OUT, (uint8_t)request, 0, 0, NULL, 0, NULL, w->timeout_ms);
    return result == DEVICE_OK || failed(w, result, "request");
}

bool wire_command(struct wire *w, uint8_t command, uint32_t addr) {
    uint8_t bytes[DFUSE_CMD_WITH_ADDRESS_LEN] = {command};
    store_le32(bytes + 1, addr);
    return wire_dnload(w, DFUSE_BLOCK_COMMAND, bytes, sizeof bytes);
}

bool wire_set_interface(struct wire *w, unsigned alternate) {
    enum device_result result = control(w, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE,
                                        (uint16_t)alternate, 0, NULL, 0, NULL, STANDARD_MS);
    return result == DEVICE_OK || failed(w, result, "request");
}

bool wire_set_configuration(struct wire *w) {
    enum device_result result =
        control(w, USB_RECIPIENT_DEVICE, USB_SET_CONFIGURATION, 1, 0, NULL, 0, NULL, STANDARD_MS);
    return result == DEVICE_OK || failed(w, result, "request");
}

void wire_sleep(struct wire *w, uint32_t ms) {
    if (ms > 0) {
        w->device->sleep(w->device->ctx, ms);
    }
}

uint64_t wire_now_ms(const struct wire *w) {
    return w->device->now_us(w->device->ctx) / 1000;
}

bool wire_is_same(struct wire *w, const struct host_element *element, uint32_t off, uint32_t len) {
    return memcmp(w->buffer, element->bytes + off, len) == 0 ||
           wire_differs(w, element->addr + off);
}

// --- Reading -------------------------------------------------------------------------------------

void wire_copy(const struct wire *w, uint8_t *out, uint32_t len) {
    memcpy(out, w->buffer, len);
}

bool wire_read_blocks(struct wire *w, uint32_t addr, uint8_t *out, uint32_t len) {
    for (uint32_t off = 0, got; off < len; off += got) {
        if (!wire_upload(w, DFUSE_BLOCK_FIRST_DATA + off / w->block_bytes, wire_piece(w, len, off),
                         &got)) {
            return false;
        }
        if (got != wire_piece(w, len, off)) {
            return wire_gives_up(w, "fewer bytes than asked for", addr + off);
        }
        wire_copy(w, out + off, got);
    }
    return true;
}

bool wire_verify_blocks(struct wire *w, const struct host_element *element) {
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        uint32_t len = wire_piece(w, element->len, off);
        uint32_t got = 0;
        if (!wire_upload(w, DFUSE_BLOCK_FIRST_DATA + off / w->block_bytes, len, &got)) {
            return false;
        }
        if (got != len ? !wire_differs(w, element->addr + off + got)
                       : !wire_is_same(w, element, off, len)) {
            return false;
        }
    }
    return true;
}

// --- Descriptors ---------------------------------------------------------------------------------

static uint32_t descriptor(struct wire *w, uint8_t type, uint8_t index, uint16_t language,
                           uint8_t out[DESCRIPTOR_BYTES]) {
    uint32_t got = 0;
    enum device_result result =
        control(w, USB_DIR_IN, USB_GET_DESCRIPTOR, (uint16_t)(type << 8 | index), language, out,
                DESCRIPTOR_BYTES, &got, STANDARD_MS);
    return result == DEVICE_OK ? got : 0;
}

static void read_name(struct wire *w, uint8_t index, char name[WIRE_NAME_MAX]) {
    uint8_t bytes[DESCRIPTOR_BYTES];
    uint32_t got = descriptor(w, USB_DT_STRING, index, LANGID_ENGLISH, bytes);
    unsigned count = 0;
    for (; got > 2 && 2 * count + 3 < got && 2 * count + 3 < bytes[0]; count++) {
        uint16_t c = load_le16(bytes + 2 + 2 * count);
        name[count] = c < 0x80 ? (char)c : '?';
    }
    name[count] = '\0';
}

void wire_read_string(struct wire *w, uint8_t index) {
    char text[WIRE_NAME_MAX];
    read_name(w, index, text);
}

static void take_descriptor(struct wire *w, const uint8_t *at) {
    if (at[1] == USB_DT_INTERFACE && at[0] >= USB_INTERFACE_DESCRIPTOR_LEN &&
        at[5] == DFU_INTERFACE_CLASS && at[6] == DFU_INTERFACE_SUBCLASS && at[3] < WIRE_ALTS_MAX) {
        if (at[3] >= w->alternate_count) {
            w->alternate_count = at[3] + 1u;
        }
        if (at[8] != 0) {
            read_name(w, at[8], w->names[at[3]]);
        }
    }
    if (at[1] == DFU_DT_FUNCTIONAL && at[0] >= DFU_FUNCTIONAL_LEN) {
        w->attributes = at[2];
        w->block_bytes = load_le16(at + 5);
    }
}

bool wire_open(struct wire *w, const struct device *device, const struct host_job *job,
               uint32_t timeout_ms) {
    memset(w, 0, sizeof *w);
    w->device = device;
    w->job = job;
    w->timeout_ms = timeout_ms;
    uint8_t bytes[DESCRIPTOR_BYTES];
    uint32_t got = descriptor(w, USB_DT_CONFIGURATION, 0, 0, bytes);
    for (uint32_t at = 0; at + 2 <= got && bytes[at] >= 2 && at + bytes[at] <= got;
         at += bytes[at]) {
        take_descriptor(w, bytes + at);
    }
    if (job->block_bytes > 0) {
        w->block_bytes = job->block_bytes;
    }
    if (w->block_bytes > WIRE_BLOCK_MAX) {
        w->block_bytes = WIRE_BLOCK_MAX;
    }
    if (w->block_bytes == 0 || job->alternate >= w->alternate_count) {
        return wire_gives_up(w, "no DFU interface with such an alternate setting", 0);
    }
    if (job->layout != NULL) {
        w->layout = *job->layout;
    } else if (!layout_parse(w->names[job->alternate], &w->layout)) {
        return wire_gives_up(w, "the alternate setting names no memory layout", 0);
    }
    w->outcome.transfers = 0; // what an operating system has read already does not count
    return true;
}

const char *host_outcome_text(const struct host_outcome *outcome, char *out, unsigned size) {
    (void)snprintf(out, size, "%s (%s in %s) at 0x%08x, %u transfers",
                   outcome->why ? outcome->why : "done", dfu_status_name(outcome->status),
                   dfu_state_name(outcome->state), outcome->addr, outcome->transfers);
    return out;
}
