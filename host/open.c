// SPDX-License-Identifier: MIT
//
// Opening a device and describing it: requests that change nothing.

#include <stdlib.h>

#include "host/fault.h"
#include "host/session.h"
#include "spec/dfu.h"

// GETSTATUS is asked only where DFU 1.1 A.2 and ST's class agree that it changes nothing: in
// dfuDNLOAD-SYNC, dfuDNBUSY and dfuMANIFEST-SYNC it sets work going.
static bool status_is_harmless(uint8_t state) {
    return state == DFU_STATE_IDLE || state == DFU_STATE_DNLOAD_IDLE ||
           state == DFU_STATE_UPLOAD_IDLE || state == DFU_STATE_ERROR;
}

static enum redfu_result find_state(struct redfu_session *session) {
    struct redfu_description *description = &session->description;
    enum redfu_result result = redfui_getstate(&session->link, &description->state);
    if (result != REDFU_OK) {
        return result == REDFU_TRANSFER ? REDFU_OK : result; // told as unknown
    }
    description->has_state = true;
    if (!status_is_harmless(description->state)) {
        return REDFU_OK;
    }
    struct dfu_answer answer;
    result = redfui_getstatus(&session->link, &answer);
    if (result != REDFU_OK) {
        return result == REDFU_TRANSFER ? REDFU_OK : result;
    }
    description->has_status = true;
    description->status = answer.status;
    if (answer.status != DFU_STATUS_OK) {
        (void)redfui_string(&session->link, answer.string, description->device_says);
    }
    return REDFU_OK;
}

static void read_alternates(struct redfu_session *session) {
    const struct redfu_device *device = &session->description.device;
    for (unsigned i = 0; i < device->alternate_count; i++) {
        struct redfu_alternate *alternate = &session->description.alternates[i];
        if (device->kind != REDFU_KIND_DFUSE) {
            (void)redfui_string(&session->link, device->alternate_strings[i], alternate->text);
        } else if (!redfui_string(&session->link, device->alternate_strings[i], alternate->text)) {
            (void)redfui_fail(&alternate->fault, REDFU_BAD_DEVICE,
                              "alternate setting %u has no name, so its memory layout is unknown "
                              "(iInterface %u gives no string)",
                              i, device->alternate_strings[i]);
            (void)redfui_advise(&alternate->fault, "Firmware made with CubeMX does that unless "
                                                   "USBD_SUPPORT_USER_STRING_DESC is 1.");
        } else {
            alternate->has_layout = redfu_layout_parse(alternate->text, &alternate->layout,
                                                       &alternate->fault) == REDFU_OK;
        }
    }
}

static enum redfu_result refuse_open(const struct transport *transport,
                                     const struct redfu_device *device, enum transport_result why,
                                     struct redfu_fault *fault) {
    switch (why) {
    case TRANSPORT_GONE:
        return redfui_fail(fault, REDFU_UNPLUGGED, "the device at %s is not connected any more",
                           device->path);
    case TRANSPORT_DENIED:
    case TRANSPORT_BUSY:
        (void)redfui_fail(fault, why == TRANSPORT_DENIED ? REDFU_DENIED : REDFU_BUSY, "%s", "");
        transport->explain(transport->ctx, device, why, fault);
        return fault->result;
    default:
        return redfui_fail(fault, REDFU_TRANSFER, "the device at %s cannot be opened",
                           device->path);
    }
}

enum redfu_result redfu_open(struct redfu *redfu, const struct redfu_device *device,
                             struct redfu_session **out, struct redfu_fault *fault) {
    *out = NULL;
    if (device->kind == REDFU_KIND_RUNTIME) {
        (void)redfui_fail(fault, REDFU_NOT_DFUSE, "%s at %s runs its application, not DFU mode",
                          device->product_name[0] ? device->product_name : "the device",
                          device->path);
        return redfui_advise(fault, "Bring it into DFU mode first: by its button, or by its "
                                    "application.");
    }
    if (device->kind == REDFU_KIND_UNCONFIGURED) {
        (void)redfui_fail(fault, REDFU_BAD_DEVICE, "%s at %s is not configured by the system",
                          device->product_name[0] ? device->product_name : "the device",
                          device->path);
        return redfui_advise(fault, "It refused SET_CONFIGURATION, is just coming, or was not "
                                    "authorised; `redfu doctor` says more.");
    }
    struct redfu_session *session = calloc(1, sizeof *session);
    if (!session) {
        return redfui_no_memory(fault);
    }
    const struct transport *transport = &redfu->transport;
    session->description.device = *device;
    session->link = (struct link){
        .transport = transport,
        .interface = device->interface,
        .phase = REDFU_PHASE_OPEN,
        .fault = fault,
    };
    enum transport_result opened = transport->open(transport->ctx, device, &session->link.handle);
    if (opened != TRANSPORT_OK) {
        free(session);
        return refuse_open(transport, device, opened, fault);
    }
    opened = transport->claim(transport->ctx, session->link.handle, device->interface);
    enum redfu_result result = opened == TRANSPORT_OK
                                   ? find_state(session)
                                   : refuse_open(transport, device, opened, fault);
    if (result != REDFU_OK) {
        redfu_close(session);
        return result;
    }
    read_alternates(session);
    *out = session;
    return REDFU_OK;
}

void redfu_close(struct redfu_session *session) {
    if (session) {
        session->link.transport->close(session->link.transport->ctx, session->link.handle);
        free(session);
    }
}

const struct redfu_description *redfu_describe(const struct redfu_session *session) {
    return &session->description;
}

enum redfu_result redfu_layout(const struct redfu_session *session, unsigned alternate,
                               const struct redfu_layout **layout, struct redfu_fault *fault) {
    const struct redfu_device *device = &session->description.device;
    *layout = NULL;
    if (device->kind != REDFU_KIND_DFUSE) {
        (void)redfui_fail(fault, REDFU_NOT_DFUSE,
                          "%s speaks plain DFU (bcdDFUVersion %04X), without ST's DfuSe extension: "
                          "it has no addresses and no memory layout",
                          device->product_name[0] ? device->product_name : "the device",
                          device->dfu_version);
        return redfui_advise(
            fault, "`redfu write FILE`, `redfu verify FILE`, `redfu read FILE` and `redfu run` "
                   "work without.");
    }
    if (alternate >= device->alternate_count) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device has no alternate setting %u, only %u of them, from 0",
                           alternate, device->alternate_count);
    }
    if (device->transfer_bytes == 0) {
        return redfui_fail(fault, REDFU_BAD_DEVICE,
                           "the device says it takes 0 bytes a transfer (wTransferSize)");
    }
    const struct redfu_alternate *found = &session->description.alternates[alternate];
    if (!found->has_layout) {
        *fault = found->fault;
        return fault->result;
    }
    *layout = &found->layout;
    return REDFU_OK;
}

bool redfu_fault_is_stall(const struct redfu_fault *fault) {
    return fault->has_status && fault->status == DFU_STATUS_ERR_STALLEDPKT;
}
