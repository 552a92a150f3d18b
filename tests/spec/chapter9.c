// SPDX-License-Identifier: MIT
//
// The rules. Numbers in brackets are USB 2.0's sections.

#include "tests/spec/chapter9.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spec/bytes.h"

#define ADDRESS     5u
#define IN          USB_DIR_IN
#define TO_IF       USB_RECIPIENT_INTERFACE
#define TO_EP       USB_RECIPIENT_ENDPOINT
#define FUNCTIONAL  0x21u // DFU 1.1 4.1.3
#define US_ENGLISH  0x0409u
#define LONG_ENOUGH 1024u

// --- Asking --------------------------------------------------------------------------------------

static enum chapter9_answer ask(const struct chapter9 *d, uint8_t address, uint8_t type,
                                uint8_t request, uint16_t value, uint16_t index, uint16_t len,
                                uint8_t *data, uint16_t *moved) {
    const struct usb_setup setup = {type, request, value, index, len};
    *moved = 0;
    return d->control(d->ctx, address, &setup, data, moved);
}

// Which one it was, for a failure.
static void expect(const struct chapter9 *d, enum chapter9_answer wanted, uint8_t type,
                   uint8_t request, uint16_t value, uint16_t index, uint16_t len) {
    uint8_t data[LONG_ENOUGH] = {0};
    uint16_t moved;
    enum chapter9_answer got = ask(d, ADDRESS, type, request, value, index, len, data, &moved);
    if (got != wanted) {
        fail_msg("request %02x %02x value %04x index %04x length %u: %s, not %s", type, request,
                 value, index, len, got == CHAPTER9_OK ? "answered" : "not answered",
                 wanted == CHAPTER9_OK ? "answered" : "refused");
    }
}

static void accepts(const struct chapter9 *d, uint8_t type, uint8_t request, uint16_t value,
                    uint16_t index) {
    expect(d, CHAPTER9_OK, type, request, value, index, 0);
}

static void says(const struct chapter9 *d, uint8_t type, uint8_t request, uint16_t index,
                 const void *bytes, uint16_t len) {
    uint8_t data[8];
    uint16_t moved;
    assert_int_equal(ask(d, ADDRESS, type, request, 0, index, len, data, &moved), CHAPTER9_OK);
    assert_int_equal(moved, len);
    assert_memory_equal(data, bytes, len);
}

// The whole of what an IN request gives, and that any shorter wLength gives its beginning.
static uint16_t whole(const struct chapter9 *d, uint8_t address, uint8_t type, uint8_t request,
                      uint16_t value, uint16_t index, uint8_t *out) {
    uint16_t len;
    assert_int_equal(ask(d, address, type, request, value, index, LONG_ENOUGH, out, &len),
                     CHAPTER9_OK);
    for (uint16_t wanted = 0; wanted <= len + 2u; wanted++) {
        uint8_t part[LONG_ENOUGH];
        uint16_t moved;
        assert_int_equal(ask(d, address, type, request, value, index, wanted, part, &moved),
                         CHAPTER9_OK);
        assert_int_equal(moved, wanted < len ? wanted : len);
        assert_memory_equal(part, out, moved);
    }
    return len;
}

static uint16_t descriptor(const struct chapter9 *d, uint8_t address, unsigned type, unsigned index,
                           uint8_t *out) {
    return whole(d, address, IN, USB_GET_DESCRIPTOR, (uint16_t)(type << 8 | index), 0, out);
}

static void to_default(const struct chapter9 *d) {
    d->bus_reset(d->ctx);
}

static void to_address(const struct chapter9 *d) {
    uint8_t nothing[1];
    uint16_t moved;
    to_default(d);
    assert_int_equal(ask(d, 0, 0, USB_SET_ADDRESS, ADDRESS, 0, 0, nothing, &moved), CHAPTER9_OK);
}

static void to_configured(const struct chapter9 *d) {
    to_address(d);
    accepts(d, 0, USB_SET_CONFIGURATION, 1, 0);
}

// --- Descriptors (9.4.3, 9.6) --------------------------------------------------------------------

static bool exists(const struct chapter9 *d, unsigned type, unsigned index) {
    switch (type) {
    case USB_DT_DEVICE:
    case USB_DT_CONFIGURATION:
    case USB_DT_BOS:
    case FUNCTIONAL:
        return index == 0;
    case USB_DT_DEVICE_QUALIFIER:
    case USB_DT_OTHER_SPEED_CONFIGURATION:
        return index == 0 && d->is_high_speed;
    default:
        return false;
    }
}

static void check_device(const uint8_t *at, uint16_t len) {
    assert_int_equal(len, 18);
    assert_int_equal(at[0], 18);
    assert_int_equal(at[1], USB_DT_DEVICE);
    assert_int_equal(load_le16(at + 2), 0x0210); // there is a BOS
    assert_int_equal(at[7], 64);
    assert_int_equal(at[17], 1);
}

static void check_configuration(const struct chapter9 *d, const uint8_t *at, uint16_t len,
                                unsigned type) {
    assert_int_equal(load_le16(at + 2), len);
    assert_int_equal(at[0], 9);
    assert_int_equal(at[1], type);
    assert_int_equal(at[4], 1);           // interfaces
    assert_int_equal(at[5], 1);           // bConfigurationValue
    assert_int_equal(at[7] & 0xa0, 0x80); // bit 7 set, no remote wake-up (9.6.3)
    unsigned alternate = 0;
    for (unsigned off = 9; off < len; off += at[off]) {
        assert_true(at[off] >= 2 && off + at[off] <= len);
        if (at[off + 1] == USB_DT_INTERFACE) {
            assert_int_equal(at[off], 9);
            assert_int_equal(at[off + 2], 0);
            assert_int_equal(at[off + 3], alternate++);
            assert_int_equal(at[off + 4], 0);
        } else {
            assert_int_equal(at[off], 9);
            assert_int_equal(at[off + 1], FUNCTIONAL);
        }
    }
    assert_int_equal(alternate, d->alternates);
}

static void in_this_state(const struct chapter9 *d, uint8_t address) {
    uint8_t bytes[LONG_ENOUGH];
    check_device(bytes, descriptor(d, address, USB_DT_DEVICE, 0, bytes));
    uint16_t len = descriptor(d, address, USB_DT_CONFIGURATION, 0, bytes);
    check_configuration(d, bytes, len, USB_DT_CONFIGURATION);
    assert_int_equal(descriptor(d, address, FUNCTIONAL, 0, bytes), 9);
    len = descriptor(d, address, USB_DT_BOS, 0, bytes);
    assert_int_equal(load_le16(bytes + 2), len);
}

void chapter9_descriptors(const struct chapter9 *d) {
    to_default(d);
    in_this_state(d, 0);
    to_address(d);
    in_this_state(d, ADDRESS);
    to_configured(d);
    in_this_state(d, ADDRESS);
    for (unsigned type = 0; type < d->types; type++) {
        for (unsigned index = 0; index < 256; index++) {
            if (type != USB_DT_STRING) {
                expect(d, exists(d, type, index) ? CHAPTER9_OK : CHAPTER9_STALL, IN,
                       USB_GET_DESCRIPTOR, (uint16_t)(type << 8 | index), 0, 255);
            }
        }
    }
    // Of an interface only its class's; of an endpoint none.
    expect(d, CHAPTER9_OK, IN | TO_IF, USB_GET_DESCRIPTOR, FUNCTIONAL << 8, 0, 9);
    expect(d, CHAPTER9_STALL, IN | TO_IF, USB_GET_DESCRIPTOR, FUNCTIONAL << 8, 1, 9);
    for (uint16_t type = USB_DT_DEVICE; type <= USB_DT_BOS; type++) {
        expect(d, CHAPTER9_STALL, IN | TO_IF, USB_GET_DESCRIPTOR, (uint16_t)(type << 8), 0, 18);
        expect(d, CHAPTER9_STALL, IN | TO_EP, USB_GET_DESCRIPTOR, (uint16_t)(type << 8), 0, 18);
    }
    to_default(d);
}

// --- Strings (9.6.7) -----------------------------------------------------------------------------

// Length, type, whole characters, none that is a control or half a surrogate pair.
static uint16_t string(const struct chapter9 *d, unsigned index, uint8_t *out) {
    uint16_t len = descriptor(d, ADDRESS, USB_DT_STRING, index, out);
    assert_int_equal(out[0], len);
    assert_int_equal(out[1], USB_DT_STRING);
    assert_true(len > 2 && len % 2 == 0);
    for (unsigned off = 2; off < len && index > 0; off += 2) {
        assert_in_range(load_le16(out + off), 0x20, 0x7e);
    }
    return len;
}

static bool is_named(const struct chapter9 *d, unsigned index) {
    uint8_t bytes[LONG_ENOUGH];
    uint16_t len = descriptor(d, ADDRESS, USB_DT_DEVICE, 0, bytes);
    if (index == bytes[14] || index == bytes[15] || index == bytes[16]) {
        return true;
    }
    len = descriptor(d, ADDRESS, USB_DT_CONFIGURATION, 0, bytes);
    for (unsigned off = 0; off < len; off += bytes[off]) {
        if (bytes[off + 1] == USB_DT_INTERFACE && bytes[off + 8] == index) {
            return true;
        }
    }
    return false;
}

void chapter9_strings(const struct chapter9 *d) {
    uint8_t bytes[LONG_ENOUGH], again[LONG_ENOUGH];
    to_configured(d);
    assert_int_equal(string(d, 0, bytes), 4); // one language
    assert_int_equal(load_le16(bytes + 2), US_ENGLISH);
    unsigned named = 0;
    for (unsigned index = 1; index < 16; index++) {
        bool is = is_named(d, index);
        named += is;
        uint16_t moved;
        enum chapter9_answer got =
            ask(d, ADDRESS, IN, USB_GET_DESCRIPTOR, (uint16_t)(USB_DT_STRING << 8 | index),
                US_ENGLISH, 255, bytes, &moved);
        assert_int_equal(got, is ? CHAPTER9_OK : CHAPTER9_STALL);
    }
    assert_int_equal(named, 3 + d->alternates);
    for (unsigned index = 1; index < 256; index++) {
        uint16_t len = 0, moved = 0;
        enum chapter9_answer got =
            ask(d, ADDRESS, IN, USB_GET_DESCRIPTOR, (uint16_t)(USB_DT_STRING << 8 | index),
                US_ENGLISH, 255, bytes, &len);
        assert_int_not_equal(got, CHAPTER9_SILENCE);
        // In every language there is the same: a host that asks for another one gets English.
        static const uint16_t languages[] = {0, 0x0407, 0xffff};
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(ask(d, ADDRESS, IN, USB_GET_DESCRIPTOR,
                                 (uint16_t)(USB_DT_STRING << 8 | index), languages[i], 255, again,
                                 &moved),
                             got);
            assert_int_equal(moved, len);
            assert_memory_equal(again, bytes, len);
        }
        if (got == CHAPTER9_OK && index != 0xee) {
            assert_int_equal(string(d, index, again), len);
        }
    }
    // The serial number: 12 upper-case hexadecimal digits.
    assert_int_equal(descriptor(d, ADDRESS, USB_DT_DEVICE, 0, bytes), 18);
    assert_int_equal(string(d, bytes[16], again), 2 + 2 * 12);
    for (unsigned off = 2; off < 2 + 2 * 12; off += 2) {
        assert_non_null(strchr("0123456789ABCDEF", again[off]));
    }
    to_default(d);
}

// --- Speeds (9.2.6.6, 9.6.2, 9.6.4) --------------------------------------------------------------

void chapter9_speeds(const struct chapter9 *d) {
    uint8_t bytes[LONG_ENOUGH], device[LONG_ENOUGH];
    to_configured(d);
    if (!d->is_high_speed) {
        expect(d, CHAPTER9_STALL, IN, USB_GET_DESCRIPTOR, USB_DT_DEVICE_QUALIFIER << 8, 0, 10);
        expect(d, CHAPTER9_STALL, IN, USB_GET_DESCRIPTOR, USB_DT_OTHER_SPEED_CONFIGURATION << 8, 0,
               9);
        to_default(d);
        return;
    }
    descriptor(d, ADDRESS, USB_DT_DEVICE, 0, device);
    assert_int_equal(descriptor(d, ADDRESS, USB_DT_DEVICE_QUALIFIER, 0, bytes), 10);
    assert_int_equal(bytes[0], 10);
    assert_int_equal(bytes[1], USB_DT_DEVICE_QUALIFIER);
    assert_memory_equal(bytes + 2, device + 2, 6); // bcdUSB, class, bMaxPacketSize0
    assert_int_equal(bytes[8], device[17]);
    assert_int_equal(bytes[9], 0);
    uint16_t len = descriptor(d, ADDRESS, USB_DT_OTHER_SPEED_CONFIGURATION, 0, bytes);
    check_configuration(d, bytes, len, USB_DT_OTHER_SPEED_CONFIGURATION);
    to_default(d);
}

// --- Addresses (9.4.6) ---------------------------------------------------------------------------

static enum chapter9_answer is_there(const struct chapter9 *d, uint8_t address) {
    uint8_t bytes[18];
    uint16_t moved;
    return ask(d, address, IN, USB_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 0, 18, bytes, &moved);
}

static enum chapter9_answer set_address(const struct chapter9 *d, uint8_t at, uint16_t to) {
    uint8_t nothing[1];
    uint16_t moved;
    return ask(d, at, 0, USB_SET_ADDRESS, to, 0, 0, nothing, &moved);
}

void chapter9_addresses(const struct chapter9 *d) {
    to_default(d);
    assert_int_equal(set_address(d, 0, 0), CHAPTER9_OK); // remains in the default state
    assert_int_equal(is_there(d, 0), CHAPTER9_OK);
    assert_int_equal(set_address(d, 0, 128), CHAPTER9_STALL);
    assert_int_equal(set_address(d, 0, 127), CHAPTER9_OK);
    assert_int_equal(is_there(d, 127), CHAPTER9_OK);
    assert_int_equal(is_there(d, 0), CHAPTER9_SILENCE);
    assert_int_equal(set_address(d, 127, 1), CHAPTER9_OK); // another one
    assert_int_equal(is_there(d, 127), CHAPTER9_SILENCE);
    assert_int_equal(is_there(d, 1), CHAPTER9_OK);
    assert_int_equal(set_address(d, 1, 0), CHAPTER9_OK); // back to the default state
    assert_int_equal(is_there(d, 1), CHAPTER9_SILENCE);
    assert_int_equal(is_there(d, 0), CHAPTER9_OK);
    // Configured, it may do as it likes, but it is somewhere behind, and a reset brings it back.
    to_configured(d);
    uint8_t where = set_address(d, ADDRESS, 9) == CHAPTER9_OK ? 9 : ADDRESS;
    assert_int_equal(is_there(d, where), CHAPTER9_OK);
    to_default(d);
    assert_int_equal(is_there(d, 0), CHAPTER9_OK);
    assert_int_equal(is_there(d, where), CHAPTER9_SILENCE);
}

// --- Configurations (9.4.2, 9.4.7) ---------------------------------------------------------------

static void is_configured(const struct chapter9 *d, uint8_t value) {
    says(d, IN, USB_GET_CONFIGURATION, 0, &value, 1);
}

void chapter9_configurations(const struct chapter9 *d) {
    to_address(d);
    is_configured(d, 0);
    accepts(d, 0, USB_SET_CONFIGURATION, 0, 0);
    is_configured(d, 0);
    static const uint16_t bad[] = {2, 3, 128, 255};
    for (unsigned i = 0; i < 4; i++) {
        expect(d, CHAPTER9_STALL, 0, USB_SET_CONFIGURATION, bad[i], 0, 0);
        is_configured(d, 0);
    }
    accepts(d, 0, USB_SET_CONFIGURATION, 1, 0);
    is_configured(d, 1);
    accepts(d, 0, USB_SET_CONFIGURATION, 1, 0);
    for (unsigned i = 0; i < 4; i++) {
        expect(d, CHAPTER9_STALL, 0, USB_SET_CONFIGURATION, bad[i], 0, 0);
        is_configured(d, 1);
    }
    accepts(d, 0, USB_SET_CONFIGURATION, 0, 0); // back to the address state
    is_configured(d, 0);
    expect(d, CHAPTER9_STALL, IN | TO_IF, USB_GET_INTERFACE, 0, 0, 1);
    to_configured(d);
    to_address(d); // by a reset
    is_configured(d, 0);
    to_default(d);
}

// --- Interfaces (9.4.4, 9.4.10) ------------------------------------------------------------------

void chapter9_interfaces(const struct chapter9 *d) {
    to_address(d);
    expect(d, CHAPTER9_STALL, IN | TO_IF, USB_GET_INTERFACE, 0, 0, 1);
    expect(d, CHAPTER9_STALL, TO_IF, USB_SET_INTERFACE, 0, 0, 0);
    to_configured(d);
    for (uint16_t i = 0; i < d->alternates; i++) {
        uint8_t alternate = (uint8_t)(d->alternates - 1u - i);
        accepts(d, TO_IF, USB_SET_INTERFACE, alternate, 0);
        says(d, IN | TO_IF, USB_GET_INTERFACE, 0, &alternate, 1);
        for (uint16_t bad = (uint16_t)d->alternates; bad < 256; bad++) {
            expect(d, CHAPTER9_STALL, TO_IF, USB_SET_INTERFACE, bad, 0, 0);
        }
        for (uint16_t interface = 1; interface < 4; interface++) {
            expect(d, CHAPTER9_STALL, TO_IF, USB_SET_INTERFACE, 0, interface, 0);
            expect(d, CHAPTER9_STALL, IN | TO_IF, USB_GET_INTERFACE, 0, interface, 1);
        }
        says(d, IN | TO_IF, USB_GET_INTERFACE, 0, &alternate, 1); // none of these has changed it
    }
    accepts(d, TO_IF, USB_SET_INTERFACE, (uint16_t)(d->alternates - 1u), 0);
    accepts(d, 0, USB_SET_CONFIGURATION, 1, 0); // begins with 0 again (9.1.1.5)
    says(d, IN | TO_IF, USB_GET_INTERFACE, 0, "\0", 1);
    to_default(d);
}

// --- Status, features, and what does not exist (9.4, table 9-3) ----------------------------------

static void in_state(const struct chapter9 *d, bool is_configured) {
    enum chapter9_answer configured = is_configured ? CHAPTER9_OK : CHAPTER9_STALL;
    says(d, IN, USB_GET_STATUS, 0, "\0\0", 2); // bus powered, no remote wake-up
    says(d, IN | TO_EP, USB_GET_STATUS, 0, "\0\0", 2);
    says(d, IN | TO_EP, USB_GET_STATUS, 0x80, "\0\0", 2);
    expect(d, configured, IN | TO_IF, USB_GET_STATUS, 0, 0, 2);
    expect(d, CHAPTER9_STALL, IN | TO_IF, USB_GET_STATUS, 0, 1, 2);
    for (uint16_t endpoint = 1; endpoint < 16; endpoint++) {
        expect(d, CHAPTER9_STALL, IN | TO_EP, USB_GET_STATUS, 0, endpoint, 2);
        expect(d, CHAPTER9_STALL, IN | TO_EP, USB_GET_STATUS, 0, endpoint | 0x80u, 2);
        expect(d, CHAPTER9_STALL, TO_EP, USB_CLEAR_FEATURE, USB_FEATURE_ENDPOINT_HALT, endpoint, 0);
        expect(d, CHAPTER9_STALL, TO_EP, USB_SET_FEATURE, USB_FEATURE_ENDPOINT_HALT, endpoint, 0);
        expect(d, CHAPTER9_STALL, IN | TO_EP, USB_SYNCH_FRAME, 0, endpoint, 2);
    }
    accepts(d, TO_EP, USB_CLEAR_FEATURE, USB_FEATURE_ENDPOINT_HALT, 0);
    // Remote wake-up is not offered; endpoint zero need not halt (9.4.5); the rest does not exist.
    for (uint16_t feature = 0; feature < 8; feature++) {
        expect(d, CHAPTER9_STALL, 0, USB_SET_FEATURE, feature, 0, 0);
        expect(d, CHAPTER9_STALL, 0, USB_CLEAR_FEATURE, feature, 0, 0);
        expect(d, CHAPTER9_STALL, TO_IF, USB_SET_FEATURE, feature, 0, 0);
        expect(d, CHAPTER9_STALL, TO_IF, USB_CLEAR_FEATURE, feature, 0, 0);
        expect(d, CHAPTER9_STALL, TO_EP, USB_SET_FEATURE, feature, 0, 0);
        if (feature != USB_FEATURE_ENDPOINT_HALT) {
            expect(d, CHAPTER9_STALL, TO_EP, USB_CLEAR_FEATURE, feature, 0, 0);
        }
    }
    says(d, IN, USB_GET_STATUS, 0, "\0\0", 2);
    // Requests that are there, of a recipient or in a direction that is none of theirs.
    static const struct {
        uint8_t request, type;
    } right[] = {
        {USB_SET_ADDRESS, 0},       {USB_GET_CONFIGURATION, IN},
        {USB_SET_CONFIGURATION, 0}, {USB_GET_INTERFACE, IN | TO_IF},
        {USB_SET_INTERFACE, TO_IF},
    };
    for (unsigned i = 0; i < sizeof right / sizeof right[0]; i++) {
        for (unsigned recipient = 0; recipient < 32; recipient++) {
            for (unsigned way = 0; way <= IN; way += IN) {
                uint8_t type = (uint8_t)(way | recipient);
                if (type != right[i].type) {
                    expect(d, CHAPTER9_STALL, type, right[i].request, 0, 0, way ? 1 : 0);
                }
            }
        }
    }
    // No such standard request.
    for (unsigned request = 0; request < 256; request++) {
        if (request > USB_SYNCH_FRAME || request == 2 || request == 4 ||
            request == USB_SET_DESCRIPTOR) {
            for (uint8_t recipient = 0; recipient < 4; recipient++) {
                expect(d, CHAPTER9_STALL, recipient, (uint8_t)request, 0, 0, 0);
                expect(d, CHAPTER9_STALL, IN | recipient, (uint8_t)request, 0, 0, 2);
            }
        }
    }
    uint8_t value = is_configured;
    says(d, IN, USB_GET_CONFIGURATION, 0, &value, 1); // and nothing of it has moved the device
}

void chapter9_requests(const struct chapter9 *d) {
    to_address(d);
    in_state(d, false);
    to_configured(d);
    in_state(d, true);
    to_default(d);
}

// --- BOS, Windows, browsers ----------------------------------------------------------------------

static void check_utf16(const uint8_t *at, const char *text, unsigned characters) {
    for (unsigned i = 0; i < characters; i++) {
        assert_int_equal(load_le16(at + 2 * i), i < strlen(text) ? text[i] : 0);
    }
}

// Name and list behind their lengths; a GUID of the form that Windows reads.
static void check_property(const uint8_t *name, const uint8_t *list) {
    check_utf16(name, "DeviceInterfaceGUIDs", 21);
    assert_int_equal(load_le16(list), '{');
    for (unsigned i = 1; i < 37; i++) {
        bool is_dash = i == 9 || i == 14 || i == 19 || i == 24;
        uint16_t at = load_le16(list + 2 * i);
        assert_true(is_dash ? at == '-' : at < 128 && strchr("0123456789ABCDEF", at) != NULL);
    }
    assert_int_equal(load_le16(list + 2 * 37), '}');
    assert_int_equal(load_le32(list + 2 * 38), 0);
}

static void check_os_20(const struct chapter9 *d, uint8_t code, uint16_t total) {
    uint8_t set[LONG_ENOUGH];
    assert_int_equal(whole(d, ADDRESS, IN | USB_TYPE_VENDOR, code, 0, 7, set), total);
    assert_memory_equal(set, "\x0a\0\0\0\0\0\3\6", 8); // header; Windows 8.1
    assert_int_equal(load_le16(set + 8), total);
    // Features at once: a subset of a function (type 2) is for devices of several interfaces.
    unsigned off = 10, features = 0;
    while (off < total) {
        uint16_t len = load_le16(set + off), type = load_le16(set + off + 2);
        assert_true(len >= 4 && off + len <= total);
        if (type == 3) {
            assert_int_equal(len, 20);
            assert_memory_equal(set + off + 4, "WINUSB\0\0\0\0\0\0\0\0\0\0", 16);
            features |= 1;
        } else {
            assert_int_equal(type, 4);
            assert_int_equal(load_le16(set + off + 4), 7);  // REG_MULTI_SZ
            assert_int_equal(load_le16(set + off + 6), 42); // characters, end included
            assert_int_equal(load_le16(set + off + 8 + 42), 80);
            assert_int_equal(len, 8 + 42 + 2 + 80);
            check_property(set + off + 8, set + off + 8 + 42 + 2);
            features |= 2;
        }
        off += len;
    }
    assert_int_equal(features, 3);
}

static void check_os_10(const struct chapter9 *d) {
    uint8_t bytes[LONG_ENOUGH];
    assert_int_equal(descriptor(d, ADDRESS, USB_DT_STRING, 0xee, bytes), 18);
    assert_memory_equal(bytes, "\x12\3M\0S\0F\0T\0001\0000\0000\0", 16);
    uint8_t code = bytes[16];
    assert_int_equal(bytes[17], 0);
    uint16_t len = whole(d, ADDRESS, IN | USB_TYPE_VENDOR, code, 0, 4, bytes);
    assert_int_equal(len, 40);
    assert_int_equal(load_le32(bytes), len);
    assert_memory_equal(bytes + 4, "\0\1\4\0\1\0\0\0\0\0\0\0\0\1WINUSB\0\0\0\0\0\0\0\0\0\0", 30);
    // Asked of the interface by the specification, of the device by some Windows.
    for (uint8_t recipient = 0; recipient <= TO_IF; recipient++) {
        len = whole(d, ADDRESS, IN | USB_TYPE_VENDOR | recipient, code, 0, 5, bytes);
        assert_int_equal(load_le32(bytes), len);
        assert_memory_equal(bytes + 4, "\0\1\5\0\1\0", 6);
        assert_int_equal(load_le32(bytes + 10), len - 10u);
        assert_int_equal(load_le32(bytes + 14), 7);
        assert_int_equal(load_le16(bytes + 18), 42);
        assert_int_equal(load_le32(bytes + 20 + 42), 80);
        assert_int_equal(len, 20 + 42 + 4 + 80);
        check_property(bytes + 20, bytes + 20 + 42 + 4);
    }
    expect(d, CHAPTER9_STALL, IN | USB_TYPE_VENDOR | TO_IF, code, 0x0100, 5, 255); // interface 1
    expect(d, CHAPTER9_STALL, IN | USB_TYPE_VENDOR | TO_EP, code, 0, 5, 255);
    expect(d, CHAPTER9_STALL, USB_TYPE_VENDOR, code, 0, 4, 0);
    for (uint16_t index = 0; index < 16; index++) {
        if (index != 4 && index != 5 && index != 7) {
            expect(d, CHAPTER9_STALL, IN | USB_TYPE_VENDOR, code, 0, index, 255);
        }
    }
}

static void check_webusb(const struct chapter9 *d, uint8_t code, uint8_t page) {
    uint8_t bytes[LONG_ENOUGH];
    assert_int_equal(page != 0, d->landing_page != NULL);
    if (page != 0) {
        uint16_t len = whole(d, ADDRESS, IN | USB_TYPE_VENDOR, code, page, 2, bytes);
        assert_int_equal(bytes[0], len);
        assert_int_equal(bytes[1], 3);
        assert_int_equal(bytes[2], 1); // https://
        char url[LONG_ENOUGH];
        (void)snprintf(url, sizeof url, "https://%.*s", len - 3, (const char *)bytes + 3);
        assert_string_equal(url, d->landing_page);
    }
    expect(d, CHAPTER9_STALL, IN | USB_TYPE_VENDOR, code, 0, 2, 255);
    expect(d, CHAPTER9_STALL, IN | USB_TYPE_VENDOR, code, page + 1u, 2, 255);
    expect(d, CHAPTER9_STALL, IN | USB_TYPE_VENDOR, code, page, 1, 255);
}

void chapter9_platforms(const struct chapter9 *d) {
    uint8_t bos[LONG_ENOUGH];
    to_configured(d);
    uint16_t len = descriptor(d, ADDRESS, USB_DT_BOS, 0, bos);
    assert_int_equal(bos[0], 5);
    assert_int_equal(load_le16(bos + 2), len);
    unsigned count = 0, codes = 0, off = 5;
    for (; off < len; off += bos[off], count++) {
        const uint8_t *at = bos + off;
        assert_true(at[0] >= 20 && off + at[0] <= len);
        assert_memory_equal(at + 1, "\x10\5\0", 3); // platform capability
        if (memcmp(at + 4, "\xdf\x60\xdd\xd8\x89\x45\xc7\x4c\x9c\xd2\x65\x9d\x9e\x64\x8a\x9f",
                   16) == 0) {
            assert_int_equal(at[0], 28);
            assert_int_equal(load_le32(at + 20), 0x06030000);
            assert_int_equal(at[27], 0); // no alternate enumeration
            check_os_20(d, at[26], load_le16(at + 24));
            codes |= 1;
        } else {
            assert_memory_equal(
                at + 4, "\x38\xb6\x08\x34\xa9\x09\xa0\x47\x8b\xfd\xa0\x76\x88\x15\xb6\x65", 16);
            assert_int_equal(at[0], 24);
            assert_int_equal(load_le16(at + 20), 0x0100);
            check_webusb(d, at[22], at[23]);
            codes |= 2;
        }
    }
    assert_int_equal(off, len);
    assert_int_equal(count, bos[4]);
    assert_int_equal(codes, d->is_webusb ? 3 : 1);
    check_os_10(d);
    to_default(d);
}
