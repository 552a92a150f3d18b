// SPDX-License-Identifier: MIT
//
// DFU requests, and how long each may take.

#include "host/link.h"

#include <stdio.h>
#include <string.h>

#include "host/fault.h"
#include "spec/bytes.h"
#include "spec/dfu.h"
#include "spec/usb.h"
#include "spec/usb_text.h"

// What a control transfer may take (USB 2.0 9.2.6.4), and what dfu-util grants.
#define REQUEST_TIMEOUT_MS 5000u
// ST's class works inside GETSTATUS: a block may erase two sectors on demand (4 s each at x8).
#define STATUS_TIMEOUT_MS  10000u
// And the slowest erase known to be done there: what fwupd grants the first GETSTATUS.
#define ERASE_TIMEOUT_MS   35000u
// How long a device may stay dfuDNBUSY over one command, polls included.
#define BUSY_MAX_MS        40000u
#define BUSY_POLL_MAX_MS   5000u // a longer bwPollTimeout is asked again after this
// STALLed GETSTATUS is asked again this often: STM32L4's ROM does that while it erases (dfu-util
// tolerates three).
#define STATUS_STALLS_MAX  3u
#define STATUS_STALL_MS    10u
// Leading a device to dfuIDLE: requests sent, and waits while it works on.
#define IDLE_ROUNDS_MAX    8u
#define IDLE_POLL_MS       50u
#define IDLE_PATIENCE_MS   5000u // dfuDNBUSY longer than this: perhaps ST's class, stuck for ever
// After leave: until the device is gone. ST's ROM and redfu-boot take about 0.1 s.
#define LEAVE_MAX_MS       5000u
#define LEAVE_POLL_MS      20u
#define LEAVE_REQUEST_MS   500u
// After a broken transfer: until the system notices that the device is gone.
#define GONE_TRIES         5u
#define GONE_POLL_MS       100u

#define LANGID_US_ENGLISH  0x0409u

static enum transport_result control(const struct link *link, uint8_t type, uint8_t request,
                                     uint16_t value, uint16_t index, uint8_t *data, uint16_t len,
                                     uint16_t *moved, uint32_t timeout_ms) {
    struct usb_setup setup = {type, request, value, index, len};
    uint16_t ignored;
    return link->transport->control(link->transport->ctx, link->handle, &setup, data,
                                    moved ? moved : &ignored, timeout_ms);
}

static enum transport_result class_out(const struct link *link, uint8_t request, uint16_t value,
                                       const uint8_t *data, uint16_t len) {
    return control(link, USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, request, value, link->interface,
                   (uint8_t *)data, len, NULL, REQUEST_TIMEOUT_MS);
}

static enum transport_result class_in(const struct link *link, uint8_t request, uint16_t value,
                                      uint8_t *data, uint16_t len, uint16_t *moved,
                                      uint32_t timeout_ms) {
    return control(link, USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, request, value,
                   link->interface, data, len, moved, timeout_ms);
}

static uint64_t now_ms(const struct link *link) {
    return link->transport->now_us(link->transport->ctx) / 1000;
}

static void sleep_ms(const struct link *link, uint32_t ms) {
    link->transport->sleep_ms(link->transport->ctx, ms);
}

// --- Strings -------------------------------------------------------------------------------------

bool redfui_string(const struct link *link, uint8_t index, char text[REDFU_TEXT_MAX]) {
    uint8_t bytes[255];
    uint16_t moved = 0;
    uint16_t language = LANGID_US_ENGLISH;
    if (index == 0) {
        return false;
    }
    if (control(link, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_STRING << 8, 0, bytes, sizeof bytes,
                &moved, REQUEST_TIMEOUT_MS) == TRANSPORT_OK &&
        moved >= 4 && bytes[1] == USB_DT_STRING) {
        language = load_le16(bytes + 2);
    }
    moved = 0;
    if (control(link, USB_DIR_IN, USB_GET_DESCRIPTOR, (uint16_t)(USB_DT_STRING << 8 | index),
                language, bytes, sizeof bytes, &moved, REQUEST_TIMEOUT_MS) != TRANSPORT_OK ||
        moved < 2 || bytes[1] != USB_DT_STRING) {
        return false;
    }
    // Some ROMs give a bLength larger than what they send.
    size_t len = bytes[0] < moved ? bytes[0] : moved;
    size_t count = 0;
    while (2 * count + 4 <= len && load_le16(bytes + 2 + 2 * count) != 0) {
        count++; // some devices count a C string's end in
    }
    (void)usb_text(bytes + 2, count, text);
    return true;
}

// --- Failures ------------------------------------------------------------------------------------

// "while writing 0x0800C800"
static const char *place(const struct link *link, char *out, size_t size) {
    if (link->has_addr) {
        (void)snprintf(out, size, "%s 0x%08X", redfu_phase_text(link->phase), link->addr);
    } else {
        (void)snprintf(out, size, "%s", redfu_phase_text(link->phase));
    }
    return out;
}

static enum redfu_result locate(const struct link *link) {
    link->fault->phase = link->phase;
    link->fault->has_addr = link->has_addr;
    link->fault->addr = link->addr;
    return link->fault->result;
}

static bool is_gone(const struct link *link) {
    for (unsigned i = 0; i < GONE_TRIES; i++) {
        if (!link->transport->present(link->transport->ctx, link->handle)) {
            return true;
        }
        sleep_ms(link, GONE_POLL_MS);
    }
    return false;
}

static enum redfu_result refuse_unplugged(const struct link *link) {
    char where[64];
    bool is_changing = link->phase == REDFU_PHASE_ERASE || link->phase == REDFU_PHASE_WRITE;
    (void)redfui_fail(link->fault, REDFU_UNPLUGGED,
                      "the device was unplugged, or lost its power, while %s",
                      place(link, where, sizeof where));
    (void)redfui_advise(
        link->fault,
        "%sPlug the board in and give the command again. If it does not come back "
        "in DFU mode by itself, hold its DFU button while it starts.",
        is_changing && !link->has_settings ? "The image on the board is incomplete. " : "");
    return locate(link);
}

enum redfu_result redfui_refuse_transfer(const struct link *link, enum transport_result result,
                                         const char *request) {
    char where[64];
    bool is_silent = result == TRANSPORT_TIMEOUT || result == TRANSPORT_FAILED;
    if (result == TRANSPORT_GONE || (is_silent && is_gone(link))) {
        return refuse_unplugged(link);
    }
    (void)redfui_fail(link->fault, REDFU_TRANSFER, "%s: %s to %s", place(link, where, sizeof where),
                      result == TRANSPORT_STALL     ? "the device answered STALL"
                      : result == TRANSPORT_TIMEOUT ? "the device gave no answer in time"
                                                    : "the USB transfer broke off in the answer",
                      request);
    (void)redfui_advise(link->fault,
                        "Try again; then another cable or port, without a hub. Nothing "
                        "more was sent to the device.");
    return locate(link);
}

// What usually lies behind a status. Never a proposal to lift read protection: that erases the chip.
static const char *advice_for(uint8_t status, bool is_explained) {
    switch (status) {
    case DFU_STATUS_ERR_WRITE: // redfu-boot's sentence knows which of several it is
        return is_explained
                   ? ""
                   : "The sector may be write-protected (option bytes), or the supply too low.";
    case DFU_STATUS_ERR_ERASE:
    case DFU_STATUS_ERR_PROG:
    case DFU_STATUS_ERR_VERIFY:
        return "Check the supply (2.7 V or more) and write protection, then load again.";
    case DFU_STATUS_ERR_TARGET:
    case DFU_STATUS_ERR_ADDRESS:
        return "The device does not let this address be changed: see `redfu info` for its map.";
    case DFU_STATUS_ERR_NOTDONE:
        return "The image on the device is incomplete: load it again.";
    case DFU_STATUS_ERR_FIRMWARE:
        return "There is no startable image on the device: load one that is linked for its "
               "application area.";
    case DFU_STATUS_ERR_VENDOR:
        return "On ST's ROM this means read protection. Firmware made with CubeMX also says so "
               "when "
               "an erase or a write failed for any reason.";
    default:
        return "The device is left as it is; `redfu info` shows its state.";
    }
}

static enum redfu_result refuse_status(const struct link *link, const struct dfu_answer *answer) {
    char where[64];
    struct redfu_fault *fault = link->fault;
    char says[REDFU_TEXT_MAX] = "";
    (void)redfui_string(link, answer->string, says);
    (void)redfui_fail(
        fault, REDFU_DEVICE_ERROR, "%s failed: the device reports %s (%u) in %s%s%s%s",
        place(link, where, sizeof where), dfu_status_name(answer->status), answer->status,
        dfu_state_name(answer->state), says[0] ? ": \"" : "", says, says[0] ? "\"" : "");
    (void)redfui_advise(fault, "%s", advice_for(answer->status, says[0] != '\0'));
    (void)snprintf(fault->device_says, sizeof fault->device_says, "%s", says);
    fault->has_status = true;
    fault->status = answer->status;
    fault->state = answer->state;
    return locate(link);
}

// A request was STALLed: the device knows why.
static enum redfu_result refuse_stall(struct link *link, const char *request) {
    struct dfu_answer answer;
    enum redfu_result result = redfui_getstatus(link, &answer);
    if (result != REDFU_OK) {
        return result;
    }
    return answer.status != DFU_STATUS_OK ? refuse_status(link, &answer)
                                          : redfui_refuse_transfer(link, TRANSPORT_STALL, request);
}

static enum redfu_result refuse_stuck(const struct link *link, uint8_t state, const char *why) {
    char where[64];
    (void)redfui_fail(link->fault, REDFU_STUCK, "%s: %s (state %u, %s)",
                      place(link, where, sizeof where), why, state, dfu_state_name(state));
    (void)redfui_advise(link->fault, "Unplug the board or reset it, bring it into DFU mode again, "
                                     "and give the command again.");
    link->fault->state = state;
    return locate(link);
}

// --- Requests ------------------------------------------------------------------------------------

enum redfu_result redfui_getstate(struct link *link, uint8_t *state) {
    uint16_t moved = 0;
    enum transport_result result =
        class_in(link, DFU_GETSTATE, 0, state, 1, &moved, REQUEST_TIMEOUT_MS);
    if (result == TRANSPORT_OK && moved != 1) {
        result = TRANSPORT_FAILED;
    }
    return result == TRANSPORT_OK ? REDFU_OK : redfui_refuse_transfer(link, result, "GETSTATE");
}

static enum transport_result ask_status(const struct link *link, struct dfu_answer *answer) {
    uint8_t bytes[DFU_STATUS_LEN];
    uint16_t moved = 0;
    enum transport_result result =
        class_in(link, DFU_GETSTATUS, 0, bytes, sizeof bytes, &moved,
                 link->phase == REDFU_PHASE_ERASE ? ERASE_TIMEOUT_MS : STATUS_TIMEOUT_MS);
    if (result != TRANSPORT_OK) {
        return result;
    }
    if (moved != sizeof bytes) {
        return TRANSPORT_FAILED;
    }
    *answer = (struct dfu_answer){bytes[0], load_le24(bytes + 1), bytes[4], bytes[5]};
    return TRANSPORT_OK;
}

enum redfu_result redfui_getstatus(struct link *link, struct dfu_answer *answer) {
    enum transport_result result = ask_status(link, answer);
    for (unsigned i = 0; result == TRANSPORT_STALL && i < STATUS_STALLS_MAX; i++) {
        sleep_ms(link, STATUS_STALL_MS);
        result = ask_status(link, answer);
    }
    return result == TRANSPORT_OK ? REDFU_OK : redfui_refuse_transfer(link, result, "GETSTATUS");
}

enum redfu_result redfui_check(struct link *link) {
    struct dfu_answer answer;
    enum redfu_result result = redfui_getstatus(link, &answer);
    return result == REDFU_OK && answer.status != DFU_STATUS_OK ? refuse_status(link, &answer)
                                                                : result;
}

enum redfu_result redfui_abort(struct link *link) {
    enum transport_result result = class_out(link, DFU_ABORT, 0, NULL, 0);
    return result == TRANSPORT_OK      ? REDFU_OK
           : result == TRANSPORT_STALL ? refuse_stall(link, "ABORT")
                                       : redfui_refuse_transfer(link, result, "ABORT");
}

enum redfu_result redfui_set_alternate(struct link *link, uint8_t alternate) {
    enum transport_result result = link->transport->set_alternate(
        link->transport->ctx, link->handle, link->interface, alternate);
    if (result == TRANSPORT_OK) {
        return REDFU_OK;
    }
    if (result == TRANSPORT_STALL) {
        (void)redfui_fail(link->fault, REDFU_BAD_DEVICE,
                          "the device refuses its own alternate setting %u", alternate);
        return locate(link);
    }
    return redfui_refuse_transfer(link, result, "SET_INTERFACE");
}

// --- To dfuIDLE ----------------------------------------------------------------------------------

// The request that leads out of a state; DFU_REQUEST_COUNT for waiting. CLRSTATUS for numbers DFU
// does not know as well: ST's class 2.11.2 and later puts an error code (15) there, and leaves it with two
// CLRSTATUS.
static unsigned way_out(uint8_t state, bool is_patient) {
    switch (state) {
    case DFU_STATE_DNLOAD_SYNC: // not GETSTATUS: that would set a dead host's last request going
    case DFU_STATE_DNLOAD_IDLE:
    case DFU_STATE_MANIFEST_SYNC:
    case DFU_STATE_UPLOAD_IDLE:
        return DFU_ABORT;
    case DFU_STATE_DNBUSY: // ST's class up to 2.11.1 stays here for ever when an erase fails
        return is_patient ? DFU_REQUEST_COUNT : DFU_CLRSTATUS;
    case DFU_STATE_MANIFEST:
    case DFU_STATE_MANIFEST_WAIT_RESET:
        return DFU_REQUEST_COUNT;
    default:
        return DFU_CLRSTATUS;
    }
}

enum redfu_result redfui_make_idle(struct link *link) {
    uint64_t start = now_ms(link);
    uint8_t state = DFU_STATE_ERROR;
    for (unsigned rounds = 0; rounds < IDLE_ROUNDS_MAX;) {
        enum redfu_result result = redfui_getstate(link, &state);
        if (result != REDFU_OK || state == DFU_STATE_IDLE) {
            return result;
        }
        if (state == DFU_STATE_APP_IDLE || state == DFU_STATE_APP_DETACH) {
            return refuse_stuck(link, state, "the device is not in DFU mode");
        }
        uint64_t waited = now_ms(link) - start;
        unsigned request = way_out(state, waited < IDLE_PATIENCE_MS);
        if (request == DFU_REQUEST_COUNT) {
            if (waited >= BUSY_MAX_MS) {
                break;
            }
            sleep_ms(link, IDLE_POLL_MS);
            continue;
        }
        rounds++;
        enum transport_result sent = class_out(link, (uint8_t)request, 0, NULL, 0);
        if (sent != TRANSPORT_OK && sent != TRANSPORT_STALL) {
            return redfui_refuse_transfer(link, sent, request == DFU_ABORT ? "ABORT" : "CLRSTATUS");
        }
    }
    return refuse_stuck(link, state, "the device cannot be led to dfuIDLE");
}

// --- Commands and blocks -------------------------------------------------------------------------

// Asks until the device has done what it was sent. *told_ms: the time it asks for, when it is asked first.
static enum redfu_result wait_done(struct link *link, uint32_t *told_ms) {
    uint64_t start = now_ms(link);
    *told_ms = 0;
    for (;;) {
        struct dfu_answer answer;
        enum redfu_result result = redfui_getstatus(link, &answer);
        if (result != REDFU_OK) {
            return result;
        }
        if (answer.status != DFU_STATUS_OK || answer.state == DFU_STATE_ERROR) {
            return refuse_status(link, &answer);
        }
        if (answer.state == DFU_STATE_DNLOAD_IDLE) {
            return REDFU_OK;
        }
        if (answer.state != DFU_STATE_DNBUSY && answer.state != DFU_STATE_DNLOAD_SYNC) {
            return refuse_stuck(link, answer.state, "the device went into an unexpected state");
        }
        if (now_ms(link) - start >= BUSY_MAX_MS) {
            return refuse_stuck(link, answer.state, "the device stays busy");
        }
        // At least 1: a device that says 0 while busy is not to be asked without pause.
        uint32_t poll_ms = answer.poll_ms > 0 ? answer.poll_ms : 1;
        poll_ms = poll_ms < BUSY_POLL_MAX_MS ? poll_ms : BUSY_POLL_MAX_MS;
        *told_ms = *told_ms > 0 ? *told_ms : poll_ms;
        sleep_ms(link, poll_ms);
    }
}

static enum redfu_result download(struct link *link, uint16_t block, const uint8_t *bytes,
                                  uint16_t len, uint32_t *told_ms) {
    enum transport_result sent = class_out(link, DFU_DNLOAD, block, bytes, len);
    if (sent == TRANSPORT_STALL) {
        return refuse_stall(link, "DNLOAD");
    }
    return sent == TRANSPORT_OK ? wait_done(link, told_ms)
                                : redfui_refuse_transfer(link, sent, "DNLOAD");
}

enum redfu_result redfui_download(struct link *link, uint16_t block, const uint8_t *bytes,
                                  uint16_t len) {
    uint32_t ignored;
    return download(link, block, bytes, len, &ignored);
}

static enum redfu_result command(struct link *link, uint8_t code, uint32_t addr,
                                 uint32_t *told_ms) {
    uint8_t bytes[DFUSE_CMD_WITH_ADDRESS_LEN] = {code};
    store_le32(bytes + 1, addr);
    return download(link, DFUSE_BLOCK_COMMAND, bytes, sizeof bytes, told_ms);
}

enum redfu_result redfui_set_address(struct link *link, uint32_t addr) {
    return command(link, DFUSE_CMD_SET_ADDRESS, addr, &link->command_ms);
}

enum redfu_result redfui_erase(struct link *link, uint32_t addr) {
    uint32_t ignored;
    return command(link, DFUSE_CMD_ERASE, addr, &ignored);
}

enum redfu_result redfui_upload_some(struct link *link, uint16_t block, uint8_t *bytes,
                                     uint16_t len, uint16_t *moved) {
    *moved = 0;
    enum transport_result result =
        class_in(link, DFU_UPLOAD, block, bytes, len, moved, STATUS_TIMEOUT_MS);
    if (result == TRANSPORT_STALL) {
        return refuse_stall(link, "UPLOAD");
    }
    return result == TRANSPORT_OK ? REDFU_OK : redfui_refuse_transfer(link, result, "UPLOAD");
}

enum redfu_result redfui_upload(struct link *link, uint16_t block, uint8_t *bytes, uint16_t len) {
    uint16_t moved;
    enum redfu_result result = redfui_upload_some(link, block, bytes, len, &moved);
    if (result == REDFU_OK && moved != len) {
        char where[64];
        (void)redfui_fail(link->fault, REDFU_TRANSFER, "%s: the device gave %u bytes instead of %u",
                          place(link, where, sizeof where), moved, len);
        return locate(link);
    }
    return result;
}

bool redfui_can_queue(const struct link *link) {
    return link->transport->queue != NULL;
}

enum transport_result redfui_queue_upload(const struct link *link, uint16_t block, uint8_t *bytes,
                                          uint16_t len) {
    struct usb_setup setup = {USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_UPLOAD,
                              block, link->interface, len};
    return link->transport->queue(link->transport->ctx, link->handle, &setup, bytes,
                                  STATUS_TIMEOUT_MS);
}

enum transport_result redfui_await_upload(const struct link *link, uint16_t len) {
    uint16_t moved;
    enum transport_result result =
        link->transport->await(link->transport->ctx, link->handle, &moved);
    return result == TRANSPORT_OK && moved != len ? TRANSPORT_FAILED : result;
}

void redfui_drop_uploads(const struct link *link) {
    link->transport->drop(link->transport->ctx, link->handle);
}

// --- Leaving -------------------------------------------------------------------------------------

// Waits until the device is gone. A device that no longer answers but that the system still lists is
// taken for gone: its application may keep the pull-up.
static enum redfu_result wait_gone(struct link *link) {
    uint64_t start = now_ms(link);
    bool was_reset = false;
    for (;;) {
        sleep_ms(link, LEAVE_POLL_MS);
        if (!link->transport->present(link->transport->ctx, link->handle)) {
            return REDFU_OK;
        }
        uint8_t state = DFU_STATE_MANIFEST;
        uint16_t moved;
        enum transport_result result =
            class_in(link, DFU_GETSTATE, 0, &state, 1, &moved, LEAVE_REQUEST_MS);
        if (result == TRANSPORT_GONE) {
            return REDFU_OK;
        }
        if (result == TRANSPORT_OK && state == DFU_STATE_ERROR) {
            struct dfu_answer answer;
            enum redfu_result asked = redfui_getstatus(link, &answer);
            return asked == REDFU_OK ? refuse_status(link, &answer) : asked;
        }
        if (result == TRANSPORT_OK && state == DFU_STATE_MANIFEST_WAIT_RESET && !was_reset) {
            was_reset = true; // DFU 1.1 A.2.9: a bus reset is what it waits for
            (void)link->transport->reset(link->transport->ctx, link->handle);
        }
        if (now_ms(link) - start >= LEAVE_MAX_MS) {
            return result != TRANSPORT_OK && result != TRANSPORT_STALL
                       ? REDFU_OK
                       : refuse_stuck(link, state, "the device is still in DFU mode");
        }
    }
}

enum redfu_result redfui_leave(struct link *link) {
    enum transport_result sent =
        class_out(link, DFU_DNLOAD, DFUSE_BLOCK_FIRST_DATA, NULL, 0); // the block dfu-util says
    if (sent == TRANSPORT_STALL) {
        return refuse_stall(link, "DNLOAD");
    }
    if (sent == TRANSPORT_GONE) {
        return REDFU_OK;
    }
    if (sent != TRANSPORT_OK) {
        return redfui_refuse_transfer(link, sent, "DNLOAD");
    }
    // GETSTATUS sets leaving going. Many devices (ST's stack) are gone before they have answered it;
    // that is no failure.
    struct dfu_answer answer;
    sent = ask_status(link, &answer);
    if (sent == TRANSPORT_OK &&
        (answer.status != DFU_STATUS_OK || answer.state == DFU_STATE_ERROR)) {
        return refuse_status(link, &answer);
    }
    enum redfu_result result = sent == TRANSPORT_GONE ? REDFU_OK : wait_gone(link);
    if (result == REDFU_STUCK) {
        link->fault->result = result = REDFU_STAYED;
    }
    return result;
}

// --- Manifestation -------------------------------------------------------------------------------

enum redfu_result redfui_manifest(struct link *link, uint32_t max_ms, uint32_t poll_max_ms) {
    enum transport_result sent = class_out(link, DFU_DNLOAD, 0, NULL, 0);
    uint64_t start = now_ms(link);
    if (sent == TRANSPORT_STALL) {
        return refuse_stall(link, "the empty DNLOAD that ends the file");
    }
    if (sent != TRANSPORT_OK) {
        return redfui_refuse_transfer(link, sent, "the empty DNLOAD that ends the file");
    }
    for (;;) {
        struct dfu_answer answer;
        sent = ask_status(link, &answer);
        // Many devices leave without a word: the host finds them gone, or silent in what A.2.8 calls dfuMANIFEST.
        if (sent == TRANSPORT_GONE || (sent == TRANSPORT_FAILED && is_gone(link))) {
            return REDFU_OK;
        }
        if (sent != TRANSPORT_OK) {
            return redfui_refuse_transfer(link, sent, "GETSTATUS while it manifests");
        }
        if (answer.status != DFU_STATUS_OK || answer.state == DFU_STATE_ERROR) {
            return refuse_status(link, &answer);
        }
        if (answer.state == DFU_STATE_IDLE || answer.state == DFU_STATE_MANIFEST_WAIT_RESET) {
            return REDFU_OK;
        }
        if (answer.state != DFU_STATE_MANIFEST_SYNC && answer.state != DFU_STATE_MANIFEST) {
            return refuse_stuck(link, answer.state, "the device went into an unexpected state");
        }
        if (now_ms(link) - start >= max_ms) {
            return refuse_stuck(link, answer.state, "the device stays busy manifesting");
        }
        uint32_t poll_ms = answer.poll_ms > 0 ? answer.poll_ms : 1;
        sleep_ms(link, poll_ms < poll_max_ms ? poll_ms : poll_max_ms);
    }
}
