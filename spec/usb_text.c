// SPDX-License-Identifier: MIT

#include "spec/usb_text.h"

#include "spec/bytes.h"

#define REPLACEMENT 0xfffdu

static size_t put_utf8(uint32_t code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static uint32_t harmless(uint32_t code) {
    if (code < 0x20 || code == 0x7f) {
        return '?';
    }
    return (code >= 0xd800 && code < 0xe000) || (code >= 0x80 && code < 0xa0) ? REPLACEMENT : code;
}

size_t usb_text(const uint8_t *units, size_t count, char *text) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t code = load_le16(units + 2 * i);
        uint32_t next = i + 1 < count ? load_le16(units + 2 * i + 2) : 0;
        if ((code & 0xfc00) == 0xd800 && (next & 0xfc00) == 0xdc00) {
            code = 0x10000 + ((code & 0x3ff) << 10) + (next & 0x3ff);
            i++;
        }
        len += put_utf8(harmless(code), text + len);
    }
    text[len] = '\0';
    return len;
}
