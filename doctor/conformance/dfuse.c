// SPDX-License-Identifier: MIT
//
// ST's extension (AN2662 4.3 to 4.5, UM0424), as far as it changes nothing: the commands a device lists, the
// address pointer, what lies outside the memory map, reserved block numbers, unknown commands. Erase and
// Read Unprotect are never sent.

#include <stdio.h>
#include <string.h>

#include "doctor/conformance/suite.h"

static enum conformance_verdict held(bool ok) {
    return ok ? CONFORMANCE_HELD : CONFORMANCE_FAILED;
}

// A DNLOAD of commands and what becomes of it. DEVICE_OK and s->state, or how it was refused at once.
static enum device_result command(struct suite *s, const uint8_t *bytes, uint16_t len) {
    if (!suite_heal(s)) {
        return DEVICE_GONE;
    }
    enum device_result result =
        suite_request(s, DFU_DNLOAD, DFUSE_BLOCK_COMMAND, (void *)(uintptr_t)bytes, len, NULL);
    for (unsigned i = 0; result == DEVICE_OK && i < 4; i++) {
        result = suite_status(s);
        if (result == DEVICE_OK && s->state != DFU_STATE_DNBUSY &&
            s->state != DFU_STATE_DNLOAD_SYNC) {
            return DEVICE_OK;
        }
        s->device->sleep(s->device->ctx, s->poll_ms < 5000 ? s->poll_ms + 1 : 5000);
    }
    return result;
}

static void commands(struct suite *s) {
    uint16_t moved = 0;
    uint8_t list[16];
    static const char clause[] = "AN2662 4.4";
    (void)suite_heal(s);
    enum device_result result = suite_request(s, DFU_UPLOAD, 0, list, sizeof list, &moved);
    bool ok = result == DEVICE_OK && moved >= 2 && moved < sizeof list;
    suite_judge(s, "get-commands/answers", clause, held(ok), "2 to 15 bytes", "%s, %u bytes",
                suite_result_name(result), moved);
    if (!ok) {
        return;
    }
    suite_judge(s, "get-commands/first-is-itself", clause, held(list[0] == DFUSE_CMD_GET_COMMANDS),
                "0x00", "0x%02X", list[0]);
    suite_judge(s, "get-commands/has-set-address", clause,
                held(memchr(list, DFUSE_CMD_SET_ADDRESS, moved) != NULL), "0x21 among them", "%s",
                memchr(list, DFUSE_CMD_SET_ADDRESS, moved) ? "there" : "missing");
    bool known = true;
    for (unsigned i = 0; i < moved; i++) {
        known = known && (list[i] == DFUSE_CMD_GET_COMMANDS || list[i] == DFUSE_CMD_SET_ADDRESS ||
                          list[i] == DFUSE_CMD_ERASE || list[i] == DFUSE_CMD_READ_UNPROTECT);
    }
    suite_judge(s, "get-commands/all-are-defined", clause, held(known), "0x00, 0x21, 0x41, 0x92",
                "%u bytes, first %02X %02X", moved, list[0], list[1]);
    int state = suite_state(s);
    suite_judge(s, "get-commands/ends-by-a-short-frame", "DFU 1.1 6.2",
                state == DFU_STATE_IDLE          ? CONFORMANCE_HELD
                : state == DFU_STATE_UPLOAD_IDLE ? CONFORMANCE_DEPARTS
                                                 : CONFORMANCE_FAILED,
                "dfuIDLE", "%s%s", state == DFU_STATE_UPLOAD_IDLE ? "A.2.3 against 6.2: " : "",
                dfu_state_name((unsigned)state));
}

static void set_address(struct suite *s) {
    static const char clause[] = "AN2662 4.5.2";
    uint8_t bytes[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_SET_ADDRESS};
    store_le32(bytes + 1, s->address);
    enum device_result result = command(s, bytes, sizeof bytes);
    suite_judge(s, "set-address/start-of-the-map", clause,
                held(result == DEVICE_OK && s->state == DFU_STATE_DNLOAD_IDLE &&
                     s->status == DFU_STATUS_OK),
                "dfuDNLOAD-IDLE, OK", "%s, %s", suite_result_name(result),
                dfu_status_name(s->status));
    // Hosts insist on the first answer (dfu-util "Wrong state after command", pydfu).
    (void)suite_heal(s);
    result = suite_harmless_dnload(s);
    bool ok = result == DEVICE_OK && suite_status(s) == DEVICE_OK;
    suite_judge(s, "set-address/first-status-is-dfuDNBUSY", "AN2662 4.5.2",
                held(ok && s->state == DFU_STATE_DNBUSY), "dfuDNBUSY", "%s",
                ok ? dfu_state_name(s->state) : "no answer");
    static const struct {
        const char *id;
        uint32_t address;
    } outside[] = {{"set-address/0xFFFFFFFF", 0xffffffffu},
                   {"set-address/0x00000000", 0},
                   {"set-address/0x90000000", 0x90000000u}};
    for (unsigned i = 0; i < 3; i++) {
        store_le32(bytes + 1, outside[i].address);
        result = command(s, bytes, sizeof bytes);
        bool refused =
            result == DEVICE_STALL || (result == DEVICE_OK && s->state == DFU_STATE_ERROR);
        bool is_named = s->status == DFU_STATUS_ERR_TARGET || s->status == DFU_STATUS_ERR_ADDRESS;
        // ST's class takes any address and lets the media layer see.
        bool late = result == DEVICE_OK && s->state == DFU_STATE_DNLOAD_IDLE;
        suite_judge(s, outside[i].id, clause,
                    late ? CONFORMANCE_DEPARTS
                         : held(refused && (result == DEVICE_STALL || is_named)),
                    "errTARGET or errADDRESS", "%s%s, %s",
                    late ? "ST's class: an address is judged when it is used: " : "",
                    suite_result_name(result), dfu_status_name(s->status));
    }
    (void)suite_heal(s);
}

static void wrong_commands(struct suite *s) {
    static const struct {
        const char *id;
        uint8_t bytes[6];
        uint16_t len;
    } wrong[] = {{"command/unknown-5-bytes", {0x55, 0, 0, 0, 0}, 5},
                 {"command/unknown-1-byte", {0x55}, 1},
                 {"command/set-address-4-bytes", {0x21, 0, 0, 0}, 4},
                 {"command/set-address-6-bytes", {0x21, 0, 0, 0, 8, 0}, 6},
                 {"command/set-address-1-byte", {0x21}, 1}};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        enum device_result result = command(s, wrong[i].bytes, wrong[i].len);
        bool refused =
            result == DEVICE_STALL || (result == DEVICE_OK && s->state == DFU_STATE_ERROR);
        suite_judge(s, wrong[i].id, "AN2662 4.5", held(refused), "STALL, or dfuERROR", "%s, %s",
                    suite_result_name(result),
                    result == DEVICE_OK ? dfu_state_name(s->state) : "-");
    }
    (void)suite_heal(s);
}

static void reserved_block(struct suite *s) {
    // UPLOAD of block 1 leads ST's class into a state 15 that it is not easily led out of: it is asked last.
    (void)suite_heal(s);
    enum device_result result = suite_request(s, DFU_UPLOAD, 1, s->buffer, 16, NULL);
    int state = suite_state(s);
    suite_judge(s, "UPLOAD/wBlockNum-1-is-refused", "AN2662 4.3", held(result == DEVICE_STALL),
                "STALL", "%s", suite_result_name(result));
    suite_judge(s, "UPLOAD/wBlockNum-1-leaves-a-DFU-state", "DFU 1.1 6.1.2",
                held(state >= 0 && state <= DFU_STATE_ERROR), "a state from 0 to 10", "%d", state);
    bool ok = suite_heal(s);
    suite_judge(s, "UPLOAD/wBlockNum-1-can-be-left", "DFU 1.1 A.2.11", held(ok),
                "dfuIDLE by ABORT or CLRSTATUS", "%s", ok ? "dfuIDLE" : "not without a reset");
}

static void reading(struct suite *s) {
    static uint8_t whole[512];
    static uint8_t second[256];
    uint16_t moved = 0;
    bool ok = suite_enter(s, DFU_STATE_DNLOAD_IDLE) && suite_heal(s) &&
              suite_request(s, DFU_UPLOAD, DFUSE_BLOCK_FIRST_DATA, whole, sizeof whole, &moved) ==
                  DEVICE_OK &&
              moved == sizeof whole;
    if (!ok) {
        suite_judge(s, "reading/from-the-start-of-the-map", "AN2662 4.3", CONFORMANCE_FAILED,
                    "512 bytes", "%u bytes", moved);
        return;
    }
    suite_judge(s, "reading/from-the-start-of-the-map", "AN2662 4.3", CONFORMANCE_HELD, "512 bytes",
                "512 bytes");
    // Address = pointer + (wBlockNum - 2) x length asked for.
    ok = suite_enter(s, DFU_STATE_DNLOAD_IDLE) && suite_heal(s) &&
         suite_request(s, DFU_UPLOAD, DFUSE_BLOCK_FIRST_DATA, second, sizeof second, &moved) ==
             DEVICE_OK &&
         suite_request(s, DFU_UPLOAD, DFUSE_BLOCK_FIRST_DATA + 1, second, sizeof second, &moved) ==
             DEVICE_OK &&
         moved == sizeof second;
    bool is_next = ok && memcmp(second, whole + 256, 256) == 0;
    suite_judge(s, "reading/blocks-count-in-the-length-asked-for", "AN2662 4.3",
                is_next ? CONFORMANCE_HELD
                : ok    ? CONFORMANCE_DEPARTS
                        : CONFORMANCE_FAILED,
                "block 3 of 256 bytes follows block 2", "%s",
                is_next ? "it does"
                : ok    ? "ST's class counts in its own wTransferSize"
                        : "it cannot be read");
    (void)suite_heal(s);
}

void suite_dfuse(struct suite *s) {
    if (!s->is_dfuse) {
        suite_untried(s, "DfuSe", "UM0424", "bcdDFUVersion 0x011A", "this is a plain DFU device");
        return;
    }
    commands(s);
    if (!s->has_address) {
        suite_untried(s, "set-address", "AN2662 4.5.2", "an address that can be read",
                      "no memory layout names one");
        return;
    }
    set_address(s);
    reading(s);
    wrong_commands(s);
    reserved_block(s);
}
