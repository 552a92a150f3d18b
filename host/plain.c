// SPDX-License-Identifier: MIT
//
// Plain DFU 1.1 (no DfuSe): a file goes in as blocks 0, 1, 2 ..., comes out the same way, and where it
// lies is the device's business. The device verifies by itself, while it manifests (DFU 1.1 A.2.8).

#include <stdlib.h>
#include <string.h>

#include "host/fault.h"
#include "host/session.h"
#include "spec/dfu.h"

// After the empty DNLOAD: how long a device may manifest, polls included. STM32 parts erase and copy a
// megabyte in half of it.
#define MANIFEST_MAX_MS  60000u
#define MANIFEST_POLL_MS 5000u // a longer bwPollTimeout is asked again after this
// After the reset that ends DFU mode: until the device is back, as whatever it is then.
#define RESET_MAX_MS     5000u
#define RESET_POLL_MS    100u
// Not listed for so long: an application without a DFU interface runs, or none with USB.
#define GONE_MS          1500u
// What is read of a device that never ends an upload; and no more than 65536 blocks, since then their
// numbers begin anew.
#define UPLOAD_MAX       (64u * 1024u * 1024u)

static enum redfu_result begin(struct redfu_session *session, unsigned alternate,
                               enum redfu_phase phase, struct redfu_fault *fault) {
    const struct redfu_device *device = &session->description.device;
    redfui_speak_of(session, REDFU_PHASE_PREPARE, fault);
    if (alternate >= device->alternate_count) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device has no alternate setting %u, only %u of them, from 0",
                           alternate, device->alternate_count);
    }
    if (device->transfer_bytes == 0) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device says it takes 0 bytes a transfer (wTransferSize)");
    }
    enum redfu_result result = redfui_begin_alternate(session, alternate);
    if (result == REDFU_OK) {
        result = redfui_make_idle(&session->link);
    }
    session->link.phase = phase;
    return result;
}

// What a block may hold; blocks of less than wTransferSize are allowed (DFU 1.1 6.1.1).
static uint32_t block_bytes(const struct redfu_session *session) {
    uint32_t size = session->description.device.transfer_bytes;
    return size < TRANSFER_BYTES_MAX ? size : TRANSFER_BYTES_MAX;
}

static bool can_download(const struct redfu_device *device) {
    return (device->attributes & DFU_ATTR_CAN_DNLOAD) != 0;
}

enum redfu_result redfu_download(struct redfu_session *session, unsigned alternate,
                                 const uint8_t *bytes, uint32_t len,
                                 const struct redfu_watch *watch, struct redfu_fault *fault) {
    if (!can_download(&session->description.device)) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device says that it cannot be loaded (bitCanDnload is 0)");
    }
    enum redfu_result result = begin(session, alternate, REDFU_PHASE_WRITE, fault);
    struct redfui_item item = {.watch = watch,
                               .progress = {.phase = REDFU_PHASE_WRITE, .total = len}};
    uint16_t block = 0; // wraps, as dfu-util's does: the device counts for itself
    if (result == REDFU_OK) {
        redfui_begin_item(session, &item, 0, len);
    }
    for (uint32_t done = 0; done < len && result == REDFU_OK;) {
        if (redfui_is_cancelled(watch)) {
            return redfui_cancel(session, true);
        }
        uint32_t full = block_bytes(session);
        uint32_t some = len - done < full ? len - done : full;
        redfui_speak_of_addr(session, done);
        result = redfui_download(&session->link, block++, bytes + done, (uint16_t)some);
        if (result == REDFU_OK) {
            done += some;
            redfui_advance(session, &item, some);
        }
    }
    session->link.has_addr = false;
    return result == REDFU_OK ? redfui_manifest(&session->link, MANIFEST_MAX_MS, MANIFEST_POLL_MS)
                              : result;
}

enum redfu_result redfu_upload(struct redfu_session *session, unsigned alternate, uint8_t **bytes,
                               uint32_t *len, const struct redfu_watch *watch,
                               struct redfu_fault *fault) {
    *bytes = NULL;
    *len = 0;
    if (!(session->description.device.attributes & REDFU_ATTRIBUTE_CAN_UPLOAD)) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device says that it cannot be read (bitCanUpload is 0)");
    }
    enum redfu_result result = begin(session, alternate, REDFU_PHASE_READ, fault);
    uint32_t full = block_bytes(session);
    uint8_t *all = NULL;
    uint32_t room = 0;
    uint32_t done = 0;
    uint16_t moved = (uint16_t)full;
    for (uint32_t block = 0; result == REDFU_OK && moved == full; block++) {
        if (redfui_is_cancelled(watch)) {
            result = redfui_cancel(session, false);
            break;
        }
        if (block > UINT16_MAX || done >= UPLOAD_MAX) {
            result = redfui_fail(fault, REDFU_STUCK,
                                 "the device gave %u bytes and still does not end", done);
            break;
        }
        if (room - done < full) {
            room = 2 * room + full;
            uint8_t *grown = realloc(all, room);
            if (!grown) {
                result = redfui_no_memory(fault);
                break;
            }
            all = grown;
        }
        redfui_speak_of_addr(session, done);
        result =
            redfui_upload_some(&session->link, (uint16_t)block, all + done, (uint16_t)full, &moved);
        done += result == REDFU_OK ? moved : 0;
    }
    if (result == REDFU_OK) { // a short block ended it; some stay in dfuUPLOAD-IDLE all the same
        result = redfui_make_idle(&session->link);
    }
    if (result != REDFU_OK) {
        free(all);
        return result;
    }
    *bytes = all;
    *len = done;
    return REDFU_OK;
}

// Whether the device is anywhere, and then in which mode. One that is not configured is just coming: not there yet.
static bool look_again(struct redfu *redfu, const struct redfu_device *like, bool *is_in_dfu_mode) {
    struct redfu_device *devices;
    struct redfu_fault ignored;
    size_t count;
    bool is_there = false;
    if (redfu_list(redfu, &devices, &count, &ignored) != REDFU_OK) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(devices[i].path, like->path) == 0 &&
            devices[i].kind != REDFU_KIND_UNCONFIGURED) {
            is_there = true;
            *is_in_dfu_mode = redfui_is_programmable(&devices[i]);
        }
    }
    redfu_list_free(devices);
    return is_there;
}

enum redfu_result redfu_reset(struct redfu *redfu, struct redfu_session *session,
                              struct redfu_fault *fault) {
    const struct transport *transport = session->link.transport;
    const struct redfu_device *device = &session->description.device;
    redfui_speak_of(session, REDFU_PHASE_RUN, fault);
    enum transport_result sent = transport->reset(transport->ctx, session->link.handle);
    if (sent == TRANSPORT_DENIED || sent == TRANSPORT_BUSY) {
        return redfui_refuse_transfer(&session->link, TRANSPORT_FAILED, "the reset of its port");
    }
    // Anything else: a device that goes into another mode answers no more. Where it is then tells.
    uint32_t gone_ms = 0;
    for (uint32_t waited = 0; waited < RESET_MAX_MS; waited += RESET_POLL_MS) {
        bool is_in_dfu_mode = false;
        transport->sleep_ms(transport->ctx, RESET_POLL_MS);
        if (!look_again(redfu, device, &is_in_dfu_mode)) {
            gone_ms += RESET_POLL_MS;
            if (gone_ms >= GONE_MS) {
                return REDFU_OK;
            }
        } else if (!is_in_dfu_mode) {
            return REDFU_OK;
        } else if (gone_ms > 0) {
            break; // it went, and came back as it was
        }
    }
    (void)redfui_fail(fault, REDFU_STAYED, "the device is still in DFU mode after a reset");
    fault->phase = REDFU_PHASE_RUN;
    return redfui_advise(fault, "It may have nothing to start. Some devices leave DFU mode only "
                                "when they are plugged in again.");
}
