// SPDX-License-Identifier: MIT
//
// USB 2.0 chapter 9, as far as a program beyond an operating system reaches: the standard requests to device,
// interface and endpoint zero, right and wrong. SET_ADDRESS is the host's own and not here.

#include <stdio.h>

#include "doctor/conformance/suite.h"

#define STD_OUT(recipient) (USB_TYPE_STANDARD | (recipient))
#define STD_IN(recipient)  (USB_DIR_IN | USB_TYPE_STANDARD | (recipient))

static enum conformance_verdict held(bool ok) {
    return ok ? CONFORMANCE_HELD : CONFORMANCE_FAILED;
}

// An IN request that is answered with `bytes` bytes of which the first is `first` (-1: any).
static void answers(struct suite *s, const char *id, const char *clause, uint8_t recipient,
                    uint8_t request, uint16_t value, uint16_t index, uint16_t bytes, int first) {
    uint8_t data[8] = {0};
    uint16_t moved = 0;
    char expected[48];
    enum device_result result =
        suite_control(s, STD_IN(recipient), request, value, index, data, bytes, &moved);
    (void)snprintf(expected, sizeof expected, first < 0 ? "%u bytes" : "%u bytes, the first %d",
                   bytes, first);
    suite_judge(s, id, clause,
                held(result == DEVICE_OK && moved == bytes && (first < 0 || data[0] == first)),
                expected, "%s, %u bytes, the first %u", suite_result_name(result), moved, data[0]);
}

static void refuses(struct suite *s, const char *id, const char *clause, uint8_t type,
                    uint8_t request, uint16_t value, uint16_t index, uint16_t len) {
    uint8_t data[8] = {0};
    enum device_result result = suite_control(s, type, request, value, index, data, len, NULL);
    suite_judge(s, id, clause, held(result == DEVICE_STALL), "STALL", "%s",
                suite_result_name(result));
}

static void accepts(struct suite *s, const char *id, const char *clause, uint8_t type,
                    uint8_t request, uint16_t value, uint16_t index) {
    enum device_result result = suite_control(s, type, request, value, index, NULL, 0, NULL);
    suite_judge(s, id, clause, held(result == DEVICE_OK), "acknowledged", "%s",
                suite_result_name(result));
}

static void status(struct suite *s) {
    answers(s, "GET_STATUS/device", "USB 2.0 9.4.5", USB_RECIPIENT_DEVICE, USB_GET_STATUS, 0, 0, 2,
            -1);
    answers(s, "GET_STATUS/interface", "USB 2.0 9.4.5", USB_RECIPIENT_INTERFACE, USB_GET_STATUS, 0,
            s->interface, 2, 0);
    answers(s, "GET_STATUS/endpoint-0", "USB 2.0 9.4.5", USB_RECIPIENT_ENDPOINT, USB_GET_STATUS, 0,
            0, 2, 0);
    refuses(s, "GET_STATUS/interface-99", "USB 2.0 9.4.5", STD_IN(USB_RECIPIENT_INTERFACE),
            USB_GET_STATUS, 0, 99, 2);
    refuses(s, "GET_STATUS/endpoint-15", "USB 2.0 9.4.5", STD_IN(USB_RECIPIENT_ENDPOINT),
            USB_GET_STATUS, 0, 15, 2);
    refuses(s, "GET_STATUS/endpoint-8Fh", "USB 2.0 9.4.5", STD_IN(USB_RECIPIENT_ENDPOINT),
            USB_GET_STATUS, 0, 0x8f, 2);
}

static void features(struct suite *s) {
    bool wakes = s->config[7] & 0x20;
    refuses(s, "SET_FEATURE/device-42", "USB 2.0 9.4.9", STD_OUT(USB_RECIPIENT_DEVICE),
            USB_SET_FEATURE, 42, 0, 0);
    refuses(s, "CLEAR_FEATURE/device-42", "USB 2.0 9.4.1", STD_OUT(USB_RECIPIENT_DEVICE),
            USB_CLEAR_FEATURE, 42, 0, 0);
    refuses(s, "SET_FEATURE/interface-0", "USB 2.0 9.4.9", STD_OUT(USB_RECIPIENT_INTERFACE),
            USB_SET_FEATURE, 0, s->interface, 0);
    refuses(s, "CLEAR_FEATURE/interface-0", "USB 2.0 9.4.1", STD_OUT(USB_RECIPIENT_INTERFACE),
            USB_CLEAR_FEATURE, 0, s->interface, 0);
    refuses(s, "SET_FEATURE/halt-endpoint-15", "USB 2.0 9.4.9", STD_OUT(USB_RECIPIENT_ENDPOINT),
            USB_SET_FEATURE, USB_FEATURE_ENDPOINT_HALT, 15, 0);
    refuses(s, "CLEAR_FEATURE/halt-endpoint-15", "USB 2.0 9.4.1", STD_OUT(USB_RECIPIENT_ENDPOINT),
            USB_CLEAR_FEATURE, USB_FEATURE_ENDPOINT_HALT, 15, 0);
    if (wakes) {
        accepts(s, "SET_FEATURE/remote-wakeup", "USB 2.0 9.4.9", STD_OUT(USB_RECIPIENT_DEVICE),
                USB_SET_FEATURE, USB_FEATURE_DEVICE_REMOTE_WAKEUP, 0);
        accepts(s, "CLEAR_FEATURE/remote-wakeup", "USB 2.0 9.4.1", STD_OUT(USB_RECIPIENT_DEVICE),
                USB_CLEAR_FEATURE, USB_FEATURE_DEVICE_REMOTE_WAKEUP, 0);
    } else {
        refuses(s, "SET_FEATURE/remote-wakeup", "USB 2.0 9.2.5.2", STD_OUT(USB_RECIPIENT_DEVICE),
                USB_SET_FEATURE, USB_FEATURE_DEVICE_REMOTE_WAKEUP, 0, 0);
    }
}

static void configurations(struct suite *s) {
    static const char clause[] = "USB 2.0 9.4.7; 9.1.1.5";
    answers(s, "GET_CONFIGURATION/configured", "USB 2.0 9.4.2", USB_RECIPIENT_DEVICE,
            USB_GET_CONFIGURATION, 0, 0, 1, s->configuration);
    refuses(s, "SET_CONFIGURATION/99", clause, STD_OUT(USB_RECIPIENT_DEVICE), USB_SET_CONFIGURATION,
            99, 0, 0);
    answers(s, "GET_CONFIGURATION/after-a-refused-one", "USB 2.0 9.4.2", USB_RECIPIENT_DEVICE,
            USB_GET_CONFIGURATION, 0, 0, 1, s->configuration);
    accepts(s, "SET_CONFIGURATION/the-same-again", clause, STD_OUT(USB_RECIPIENT_DEVICE),
            USB_SET_CONFIGURATION, s->configuration, 0);
    accepts(s, "SET_CONFIGURATION/0", clause, STD_OUT(USB_RECIPIENT_DEVICE), USB_SET_CONFIGURATION,
            0, 0);
    answers(s, "GET_CONFIGURATION/addressed", "USB 2.0 9.4.2", USB_RECIPIENT_DEVICE,
            USB_GET_CONFIGURATION, 0, 0, 1, 0);
    refuses(s, "GET_INTERFACE/addressed", "USB 2.0 9.4.4", STD_IN(USB_RECIPIENT_INTERFACE),
            USB_GET_INTERFACE, 0, s->interface, 1);
    refuses(s, "SET_INTERFACE/addressed", "USB 2.0 9.4.10", STD_OUT(USB_RECIPIENT_INTERFACE),
            USB_SET_INTERFACE, 0, s->interface, 0);
    refuses(s, "GET_STATUS/interface-addressed", "USB 2.0 9.4.5", STD_IN(USB_RECIPIENT_INTERFACE),
            USB_GET_STATUS, 0, s->interface, 2);
    accepts(s, "SET_CONFIGURATION/back", clause, STD_OUT(USB_RECIPIENT_DEVICE),
            USB_SET_CONFIGURATION, s->configuration, 0);
    answers(s, "GET_CONFIGURATION/back", "USB 2.0 9.4.2", USB_RECIPIENT_DEVICE,
            USB_GET_CONFIGURATION, 0, 0, 1, s->configuration);
    bool ok = suite_heal(s);
    suite_judge(s, "SET_CONFIGURATION/DFU-goes-on", "DFU 1.1 4.2", held(ok), "dfuIDLE", "%s",
                ok ? "dfuIDLE" : "it cannot be led there");
}

static void interfaces(struct suite *s) {
    for (unsigned alternate = 0; alternate < s->alternate_count && alternate < 8; alternate++) {
        (void)snprintf(s->id, sizeof s->id, "SET_INTERFACE/%u", alternate);
        accepts(s, s->id, "USB 2.0 9.4.10", STD_OUT(USB_RECIPIENT_INTERFACE), USB_SET_INTERFACE,
                (uint16_t)alternate, s->interface);
        (void)snprintf(s->id, sizeof s->id, "GET_INTERFACE/%u", alternate);
        answers(s, s->id, "USB 2.0 9.4.4", USB_RECIPIENT_INTERFACE, USB_GET_INTERFACE, 0,
                s->interface, 1, (int)alternate);
    }
    refuses(s, "SET_INTERFACE/an-alternate-too-many", "USB 2.0 9.4.10",
            STD_OUT(USB_RECIPIENT_INTERFACE), USB_SET_INTERFACE, (uint16_t)s->alternate_count,
            s->interface, 0);
    refuses(s, "SET_INTERFACE/interface-99", "USB 2.0 9.4.10", STD_OUT(USB_RECIPIENT_INTERFACE),
            USB_SET_INTERFACE, 0, 99, 0);
    refuses(s, "GET_INTERFACE/interface-99", "USB 2.0 9.4.4", STD_IN(USB_RECIPIENT_INTERFACE),
            USB_GET_INTERFACE, 0, 99, 1);
    accepts(s, "SET_INTERFACE/0-again", "USB 2.0 9.4.10", STD_OUT(USB_RECIPIENT_INTERFACE),
            USB_SET_INTERFACE, 0, s->interface);
}

static void others(struct suite *s) {
    refuses(s, "SET_DESCRIPTOR/string", "USB 2.0 9.4.8", STD_OUT(USB_RECIPIENT_DEVICE),
            USB_SET_DESCRIPTOR, USB_DT_STRING << 8 | 1, 0x0409, 0);
    refuses(s, "SYNCH_FRAME/endpoint-0", "USB 2.0 9.4.11", STD_IN(USB_RECIPIENT_ENDPOINT),
            USB_SYNCH_FRAME, 0, 0, 2);
    refuses(s, "standard/bRequest-2", "USB 2.0 table 9-4", STD_OUT(USB_RECIPIENT_DEVICE), 2, 0, 0,
            0);
    refuses(s, "standard/bRequest-4", "USB 2.0 table 9-4", STD_OUT(USB_RECIPIENT_DEVICE), 4, 0, 0,
            0);
    refuses(s, "standard/bRequest-FFh", "USB 2.0 table 9-4", STD_OUT(USB_RECIPIENT_DEVICE), 0xff, 0,
            0, 0);
    refuses(s, "reserved-type/in", "USB 2.0 table 9-2", USB_DIR_IN | 0x60, 0, 0, 0, 2);
    uint8_t data[32];
    uint16_t moved;
    enum device_result result = suite_control(s, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_STRING << 8,
                                              0, data, sizeof data, &moved);
    suite_judge(
        s, "strings/list-of-languages", "USB 2.0 9.6.7",
        held(result == DEVICE_OK && moved >= 4 && data[0] == moved && data[1] == USB_DT_STRING),
        "at least one language", "%s, %u bytes", suite_result_name(result), moved);
    if (load_le16(s->device_descriptor + 2) >= 0x0201) {
        result =
            suite_control(s, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_BOS << 8, 0, data, 5, &moved);
        suite_judge(
            s, "BOS/header", "USB 3.2 9.6.2",
            held(result == DEVICE_OK && moved == 5 && data[0] == 5 && data[1] == USB_DT_BOS),
            "5 bytes", "%s, %u bytes", suite_result_name(result), moved);
    }
    for (unsigned i = 0; i < 16; i++) { // a stall is over with the next SETUP, each time
        (void)suite_control(s, STD_OUT(USB_RECIPIENT_DEVICE), 0xff, 0, 0, NULL, 0, NULL);
    }
    result =
        suite_control(s, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 0, data, 18, &moved);
    suite_judge(s, "stall/ends-by-itself", "USB 2.0 8.5.3.4",
                held(result == DEVICE_OK && moved == 18), "acknowledged, after 16 stalls in a row",
                "%s, %u bytes", suite_result_name(result), moved);
}

void suite_chapter9(struct suite *s) {
    status(s);
    features(s);
    interfaces(s);
    configurations(s);
    others(s);
}
