// SPDX-License-Identifier: MIT
//
// What redfu-boot tells of the chip's option bytes, and write protection of its own sectors
// (docs/protection.md). Vendor requests outside a session's operations, which other bootloaders refuse.

#include "host/fault.h"
#include "host/session.h"
#include "spec/boot.h"
#include "spec/bytes.h"

// Option bytes may take 2 s; a control transfer may take 5 (USB 2.0 9.2.6.4).
#define REQUEST_TIMEOUT_MS 5000u
// The settings store is being made or turned over when a board has just come up: flash is busy then.
#define BUSY_MAX_MS        3000u
#define BUSY_POLL_MS       50u

static enum transport_result ask(const struct redfu_session *session, const struct usb_setup *setup,
                                 uint8_t *data, uint16_t *moved) {
    const struct transport *transport = session->link.transport;
    return transport->control(transport->ctx, session->link.handle, setup, data, moved,
                              REQUEST_TIMEOUT_MS);
}

bool redfu_protection(const struct redfu_session *session, struct redfu_protection *protection) {
    const struct usb_setup setup = {
        .bmRequestType = USB_DIR_IN | USB_TYPE_VENDOR,
        .bRequest = BOOT_REPORT_REQUEST,
        .wLength = BOOT_REPORT_LEN,
    };
    uint8_t bytes[BOOT_REPORT_LEN];
    uint16_t moved = 0;
    *protection = (struct redfu_protection){0};
    if (ask(session, &setup, bytes, &moved) != TRANSPORT_OK || moved != BOOT_REPORT_LEN) {
        return false;
    }
    const uint8_t *at = bytes + (PROTECTION_ADDRESS - BOOT_REPORT_ADDRESS);
    const struct protection_record record = {load_le32(at), load_le32(at + 4), load_le32(at + 8),
                                             load_le32(at + 12)};
    if (record.magic != PROTECTION_MAGIC || record.check != protection_check(&record)) {
        return false;
    }
    uint32_t rdp = PROTECTION_RDP(record.option);
    uint32_t shut = ~PROTECTION_NWRP(record.option) & record.boot_sectors;
    protection->option = record.option;
    protection->read_level = rdp == 0xaau ? 0 : rdp == 0xccu ? 2 : 1;
    protection->brown_out_level = (uint8_t)(3u - PROTECTION_BOR(record.option));
    protection->is_boot_protected = shut == record.boot_sectors;
    protection->is_partly = shut != 0 && shut != record.boot_sectors;
    return true;
}

enum redfu_result redfu_protect(struct redfu_session *session, bool is_wanted,
                                struct redfu_fault *fault) {
    struct redfu_protection protection;
    if (!redfu_protection(session, &protection)) {
        return redfui_fail(
            fault, REDFU_BAD_DEVICE,
            "the device does not tell of its option bytes: it is no redfu-boot of release "
            "1.10 or later");
    }
    const struct transport *transport = session->link.transport;
    const struct usb_setup setup = {
        .bmRequestType = USB_TYPE_VENDOR,
        .bRequest = BOOT_REPORT_REQUEST,
        .wValue = is_wanted,
        .wIndex = BOOT_PROTECT_INDEX,
    };
    uint16_t moved = 0;
    enum transport_result result = ask(session, &setup, NULL, &moved);
    for (uint32_t waited = 0; result == TRANSPORT_STALL && waited < BUSY_MAX_MS;
         waited += BUSY_POLL_MS) {
        transport->sleep_ms(transport->ctx, BUSY_POLL_MS);
        result = ask(session, &setup, NULL, &moved);
    }
    if (result == TRANSPORT_STALL) {
        (void)redfui_fail(fault, REDFU_DEVICE_ERROR,
                          "the device refuses to %s the write protection of its bootloader",
                          is_wanted ? "set" : "lift");
        return redfui_advise(fault, "%s",
                             protection.read_level == 2
                                 ? "Read protection level 2 has closed the option bytes for ever."
                                 : "The supply may be below 2.9 V, or its board leaves this out "
                                   "(BOARD_PROTECT 0).");
    }
    if (result != TRANSPORT_OK) {
        return redfui_fail(
            fault, REDFU_TRANSFER,
            "the device did not answer while its option bytes were being changed; what "
            "they say now, `redfu info` shows");
    }
    if (!redfu_protection(session, &protection) || protection.is_boot_protected != is_wanted) {
        return redfui_fail(fault, REDFU_DEVICE_ERROR,
                           "the device took the request, but its option bytes do not say so");
    }
    return REDFU_OK;
}
