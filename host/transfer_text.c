// SPDX-License-Identifier: MIT
//
// A control transfer in the words of the specifications. Bytes come from a device or a program: nothing
// is taken for granted of them.

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/redfu_tap.h"
#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/dfu.h"
#include "spec/usb.h"

struct text {
    char *out;
    size_t len;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...) {
    size_t room = REDFU_TRANSFER_TEXT_MAX - text->len;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text->out + text->len, room, format, args);
    va_end(args);
    text->len += wanted < 0 ? 0 : (size_t)wanted < room ? (size_t)wanted : room - 1;
}

// DfuSe's commands go in block 0 (UM0424 6.2, AN2662).
static void add_command(struct text *text, const struct redfu_transfer *transfer, uint16_t len) {
    const uint8_t *data = transfer->data;
    if (data[0] == DFUSE_CMD_SET_ADDRESS && len == DFUSE_CMD_WITH_ADDRESS_LEN) {
        add(text, "DNLOAD set address 0x%08" PRIX32, load_le32(data + 1));
    } else if (data[0] == DFUSE_CMD_ERASE && len == DFUSE_CMD_WITH_ADDRESS_LEN) {
        add(text, "DNLOAD erase the sector at 0x%08" PRIX32, load_le32(data + 1));
    } else if (data[0] == DFUSE_CMD_ERASE && len == 1) {
        add(text, "DNLOAD erase everything");
    } else if (data[0] == DFUSE_CMD_READ_UNPROTECT && len == 1) {
        add(text, "DNLOAD lift read protection, which erases everything");
    } else {
        add(text, "DNLOAD block 0, %u bytes (command 0x%02X)", len, data[0]);
    }
}

static void add_class(struct text *text, const struct redfu_transfer *transfer) {
    uint8_t request = transfer->setup[1];
    uint16_t value = load_le16(transfer->setup + 2);
    uint16_t len = load_le16(transfer->setup + 6);
    switch (request) {
    case DFU_DNLOAD:
        if (len == 0) {
            add(text, "DNLOAD block %u, empty: the end", value);
        } else if (value == DFUSE_BLOCK_COMMAND && transfer->data) {
            add_command(text, transfer, len);
        } else {
            add(text, "DNLOAD block %u, %u bytes", value, len);
        }
        break;
    case DFU_UPLOAD:
        add(text, "UPLOAD block %u, %u bytes", value, len);
        break;
    case DFU_DETACH:
        add(text, "DETACH within %u ms", value);
        break;
    case DFU_GETSTATUS:
        add(text, "GETSTATUS");
        break;
    case DFU_CLRSTATUS:
        add(text, "CLRSTATUS");
        break;
    case DFU_GETSTATE:
        add(text, "GETSTATE");
        break;
    case DFU_ABORT:
        add(text, "ABORT");
        break;
    default:
        add(text, "class request 0x%02X, value 0x%04X, %u bytes", request, value, len);
        break;
    }
}

static void add_standard(struct text *text, const struct redfu_transfer *transfer) {
    uint16_t value = load_le16(transfer->setup + 2);
    uint16_t index = load_le16(transfer->setup + 4);
    switch (transfer->setup[1]) {
    case USB_GET_DESCRIPTOR:
        if (value >> 8 == USB_DT_STRING) {
            add(text, "GET_DESCRIPTOR string %u", value & 0xffu);
        } else {
            add(text, "GET_DESCRIPTOR type %u", (unsigned)value >> 8);
        }
        break;
    case USB_GET_INTERFACE:
        add(text, "GET_INTERFACE %u", index);
        break;
    case USB_SET_INTERFACE:
        add(text, "SET_INTERFACE %u, alternate setting %u", index, value);
        break;
    default:
        add(text, "standard request %u, value 0x%04X", transfer->setup[1], value);
        break;
    }
}

static void add_answer(struct text *text, const struct redfu_transfer *transfer) {
    bool is_in = (transfer->setup[0] & USB_DIR_IN) != 0;
    bool is_class = (transfer->setup[0] & USB_TYPE_MASK) == USB_TYPE_CLASS;
    const uint8_t *data = transfer->data;
    if (is_class && transfer->setup[1] == DFU_GETSTATUS && transfer->len == DFU_STATUS_LEN) {
        add(text, "%s, poll %" PRIu32 " ms, %s", dfu_status_name(data[0]), load_le24(data + 1),
            dfu_state_name(data[4]));
        if (data[5] != 0) {
            add(text, ", iString %u", data[5]);
        }
    } else if (is_class && transfer->setup[1] == DFU_GETSTATE && transfer->len == 1) {
        add(text, "%s", dfu_state_name(data[0]));
    } else if (is_in) {
        add(text, "%u byte%s", transfer->len, transfer->len == 1 ? "" : "s");
    } else {
        add(text, "done");
    }
}

const char *redfu_transfer_text(const struct redfu_transfer *transfer,
                                char out[REDFU_TRANSFER_TEXT_MAX]) {
    struct text text = {.out = out};
    uint8_t type = transfer->setup[0] & USB_TYPE_MASK;
    out[0] = '\0';
    if (type == USB_TYPE_CLASS) {
        add_class(&text, transfer);
    } else if (type == USB_TYPE_STANDARD) {
        add_standard(&text, transfer);
    } else {
        add(&text, "vendor request 0x%02X%s, value 0x%04X, index 0x%04X, %u bytes",
            transfer->setup[1],
            transfer->setup[1] == BOOT_REPORT_REQUEST ? " (redfu-boot's report)" : "",
            load_le16(transfer->setup + 2), load_le16(transfer->setup + 4),
            load_le16(transfer->setup + 6));
    }
    if (!transfer->is_over) {
        return out;
    }
    add(&text, ": ");
    switch (transfer->end) {
    case REDFU_TRANSFER_DONE:
        add_answer(&text, transfer);
        break;
    case REDFU_TRANSFER_STALL:
        add(&text, "STALL");
        break;
    case REDFU_TRANSFER_NO_ANSWER:
        add(&text, "no answer in time");
        break;
    case REDFU_TRANSFER_GONE:
        add(&text, "the device is gone");
        break;
    case REDFU_TRANSFER_BROKEN:
    default:
        add(&text, "broken off");
        break;
    }
    return out;
}
