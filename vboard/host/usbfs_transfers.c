// SPDX-License-Identifier: MIT
//
// Transfers that a program waits for, those it submits as URBs, and those the kernel makes by itself.

#include <errno.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/host/usbfs_internal.h"

// What message.c gives its own control transfers (USB_CTRL_SET_TIMEOUT; USB 2.0 9.2.6.1).
#define CONTROL_TIMEOUT_PS (5 * PS_PER_S)
// The largest control data stage usbfs takes is a page (PAGE_SIZE in do_proc_control()).
#define CONTROL_BYTES_MAX  4096u
// Control, bulk and interrupt URBs: USBFS_XFER_MAX would be 2^31; ours is a bound on our memory.
#define URB_BYTES_MAX      (16u << 20)

static int errno_of(enum cable_status status) {
    switch (status) {
    case CABLE_OK:
        return 0;
    case CABLE_STALL:
        return -EPIPE;
    case CABLE_NO_ANSWER:
        return -EPROTO;
    case CABLE_BABBLE:
        return -EOVERFLOW;
    case CABLE_CANCELLED:
        return -EPROTO; // by a bus reset; a program's own cancel is seen before
    case CABLE_GONE:
        return -ESHUTDOWN;
    }
    return -EPROTO;
}

// -- Synchronous transfers

static void sync_unlink(struct usbfs_sync *sync) {
    struct usbfs_sync **at = &sync->usbfs->syncs;
    while (*at != sync) {
        at = &(*at)->next;
    }
    *at = sync->next;
}

static void sync_done(struct cable_transfer *transfer, void *ctx) {
    struct usbfs_sync *sync = ctx;
    struct usbfs *usbfs = sync->usbfs;
    timeline_cancel(usbfs->timeline, &sync->timeout);
    sync_unlink(sync);
    long result = sync->timed_out ? -ETIMEDOUT : errno_of(transfer->status);
    if (result == -ESHUTDOWN) {
        result = -ENODEV;
    }
    if (result == 0) {
        result = (long)transfer->actual;
    }
    if (sync->after) {
        sync->after(sync, result);
    } else {
        usbfs_finish(usbfs, sync->call, result);
    }
    free(sync);
}

static void sync_timeout(void *ctx) {
    struct usbfs_sync *sync = ctx;
    sync->timed_out = true;
    cable_cancel(sync->usbfs->cable, &sync->transfer); // calls sync_done()
}

static struct usbfs_sync *sync_new(struct usbfs *usbfs, struct usbfs_file *file,
                                   struct usbfs_call *call) {
    struct usbfs_sync *sync = calloc(1, sizeof *sync);
    if (sync) {
        sync->usbfs = usbfs;
        sync->file = file;
        sync->call = call;
        sync->transfer.address = usbfs->device->address;
        if (file) {
            memcpy(sync->transfer.line, file->line, sizeof file->line);
        }
        sync->transfer.done = sync_done;
        sync->transfer.ctx = sync;
    }
    return sync;
}

static void sync_start(struct usbfs_sync *sync, uint64_t timeout_ps) {
    struct usbfs *usbfs = sync->usbfs;
    sync->next = usbfs->syncs;
    usbfs->syncs = sync;
    if (timeout_ps > 0) {
        sync->timeout.fire = sync_timeout;
        sync->timeout.ctx = sync;
        timeline_schedule(usbfs->timeline, &sync->timeout,
                          timeline_now(usbfs->timeline) + timeout_ps);
    }
    cable_submit(usbfs->cable, &sync->transfer);
}

static void fill_control(struct usbfs *usbfs, struct cable_transfer *transfer,
                         const uint8_t setup[USB_SETUP_LEN], uint8_t *data) {
    transfer->type = USB_XFER_CONTROL;
    transfer->endpoint = 0;
    transfer->in = (setup[0] & USB_DIR_IN) != 0;
    transfer->packet_bytes = usbfs->device->device_descriptor[7]; // bMaxPacketSize0
    memcpy(transfer->setup, setup, USB_SETUP_LEN);
    transfer->data = data;
    transfer->length = load_le16(setup + 6);
}

int usbfs_kernel_request(struct usbfs *usbfs, struct usbfs_file *file, const struct usb_setup *ask,
                         void (*after)(struct usbfs_sync *sync, long result),
                         struct usbfs_call *call) {
    struct usbfs_sync *sync = sync_new(usbfs, file, call);
    if (!sync) {
        return -ENOMEM;
    }
    uint8_t setup[USB_SETUP_LEN];
    usb_setup_store(ask, setup);
    fill_control(usbfs, &sync->transfer, setup, NULL);
    sync->after = after;
    sync->interface = ask->wIndex;
    sync->value = ask->wValue;
    sync_start(sync, CONTROL_TIMEOUT_PS);
    return USBFS_LATER;
}

// check_ctrlrecip(): what a request needs to be claimed for.
static int check_recipient(struct usbfs_file *file, const struct usb_setup *setup) {
    struct usbfs *usbfs = file->usbfs;
    if ((setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_VENDOR) {
        return 0;
    }
    unsigned index = setup->wIndex & 0xffu;
    struct usbfs_endpoint endpoint;
    switch (setup->bmRequestType & USB_RECIPIENT_MASK) {
    case USB_RECIPIENT_ENDPOINT:
        if ((index & ~(unsigned)USB_DIR_IN) == 0) {
            return 0;
        }
        if (!usbfs_find_endpoint(usbfs, index, &endpoint)) {
            return -ENOENT;
        }
        return usbfs_claim(file, endpoint.interface);
    case USB_RECIPIENT_INTERFACE:
        return usbfs_claim(file, index);
    default:
        return 0;
    }
}

// SET_ADDRESS would take the device from under the host controller's feet; Linux' controllers
// send it themselves (xhci_address_device()).
static bool is_set_address(const struct usb_setup *setup) {
    return setup->bmRequestType == USB_RECIPIENT_DEVICE && setup->bRequest == USB_SET_ADDRESS;
}

int usbfs_control(struct usbfs_file *file, const uint8_t setup[8], uint8_t *data,
                  unsigned timeout_ms, struct usbfs_call *call) {
    struct usb_setup ask = usb_setup_load(setup);
    if (is_set_address(&ask)) {
        return -EPERM;
    }
    if (ask.wLength > CONTROL_BYTES_MAX) {
        return -EINVAL;
    }
    int refused = check_recipient(file, &ask);
    if (refused) {
        return refused;
    }
    struct usbfs_sync *sync = sync_new(file->usbfs, file, call);
    if (!sync) {
        return -ENOMEM;
    }
    fill_control(file->usbfs, &sync->transfer, setup, data);
    sync_start(sync, timeout_ms * PS_PER_MS);
    return USBFS_LATER;
}

// bmAttributes bits 1..0 of an endpoint descriptor (USB 2.0 table 9-13).
#define ENDPOINT_TYPE_MASK 3u

static void fill_endpoint(struct cable_transfer *transfer, const uint8_t *descriptor) {
    transfer->type = (enum usb_transfer_type)(descriptor[3] & ENDPOINT_TYPE_MASK);
    transfer->endpoint = descriptor[2] & 0x0f;
    transfer->in = (descriptor[2] & USB_DIR_IN) != 0;
    transfer->packet_bytes = load_le16(descriptor + 4) & 0x7ffu;
    transfer->interval = descriptor[6];
}

// The endpoint for a bulk or interrupt transfer, with its interface claimed. 0 or -errno.
static int take_endpoint(struct usbfs_file *file, unsigned endpoint, struct usbfs_endpoint *query) {
    if (!usbfs_find_endpoint(file->usbfs, endpoint, query)) {
        return -ENOENT;
    }
    unsigned type = query->descriptor[3] & ENDPOINT_TYPE_MASK;
    if ((type != USB_XFER_BULK && type != USB_XFER_INTERRUPT) ||
        (load_le16(query->descriptor + 4) & 0x7ffu) == 0) {
        return -EINVAL;
    }
    return usbfs_claim(file, query->interface);
}

int usbfs_bulk(struct usbfs_file *file, unsigned endpoint, uint8_t *data, unsigned len,
               unsigned timeout_ms, struct usbfs_call *call) {
    struct usbfs_endpoint query;
    int refused = take_endpoint(file, endpoint, &query);
    if (refused) {
        return refused;
    }
    struct usbfs_sync *sync = sync_new(file->usbfs, file, call);
    if (!sync) {
        return -ENOMEM;
    }
    fill_endpoint(&sync->transfer, query.descriptor);
    sync->transfer.data = data;
    sync->transfer.length = len;
    sync_start(sync, timeout_ms * PS_PER_MS);
    return USBFS_LATER;
}

// -- URBs

static void urb_done(struct cable_transfer *transfer, void *ctx) {
    struct usbfs_urb *urb = ctx;
    struct usbfs_file *file = urb->file;
    struct usbfs_urb **at = &file->submitted;
    while (*at != urb) {
        at = &(*at)->next;
    }
    *at = urb->next;
    urb->next = NULL;
    *file->completed_tail = urb;
    file->completed_tail = &urb->next;
    urb->done = true;
    urb->actual = transfer->actual;
    urb->status = errno_of(transfer->status);
    if (urb->discarded && transfer->status == CABLE_CANCELLED) {
        urb->status = -ENOENT; // usb_kill_urb()
    } else if (urb->status == 0 && (urb->flags & USBDEVFS_URB_SHORT_NOT_OK) && transfer->in &&
               transfer->actual < transfer->length) {
        urb->status = -EREMOTEIO;
    }
    usbfs_wake_reaper(file, 0);
    usbfs_tell(file);
}

static int prepare_control_urb(struct usbfs_file *file, struct usbfs_urb *urb) {
    if (urb->length < USB_SETUP_LEN) {
        return -EINVAL;
    }
    struct usb_setup ask = usb_setup_load(urb->buffer);
    if (urb->length - USB_SETUP_LEN < ask.wLength) {
        return -EINVAL;
    }
    if (is_set_address(&ask)) {
        return -EPERM;
    }
    int refused = check_recipient(file, &ask);
    if (!refused) {
        fill_control(file->usbfs, &urb->transfer, urb->buffer, urb->buffer + USB_SETUP_LEN);
    }
    return refused;
}

static int refuse_isochronous(struct usbfs *usbfs, const struct usbfs_urb *urb) {
    char key[8];
    (void)snprintf(key, sizeof key, "%02x", urb->endpoint);
    trace_complaint(usbfs->trace, "isochronous", key,
                    "COMMAND wants isochronous transfers at endpoint 0x%02X, which vboard does not "
                    "carry: they fail (EINVAL); its other transfers go on",
                    urb->endpoint);
    return -EINVAL;
}

int usbfs_submit(struct usbfs_file *file, struct usbfs_urb *urb) {
    struct usbfs *usbfs = file->usbfs;
    if (urb->length > URB_BYTES_MAX) {
        return -EINVAL;
    }
    memset(&urb->transfer, 0, sizeof urb->transfer);
    int refused;
    if (urb->type == USBDEVFS_URB_TYPE_CONTROL) {
        refused = prepare_control_urb(file, urb);
    } else if (urb->type == USBDEVFS_URB_TYPE_BULK || urb->type == USBDEVFS_URB_TYPE_INTERRUPT) {
        struct usbfs_endpoint query;
        refused = take_endpoint(file, urb->endpoint, &query);
        if (!refused) {
            fill_endpoint(&urb->transfer, query.descriptor);
            bool is_bulk = urb->transfer.type == USB_XFER_BULK;
            // An interrupt URB is for interrupt endpoints; a bulk one is turned (devio.c).
            refused = is_bulk && urb->type == USBDEVFS_URB_TYPE_INTERRUPT ? -EINVAL : 0;
            urb->transfer.zero_packet = (urb->flags & USBDEVFS_URB_ZERO_PACKET) && is_bulk;
        }
        urb->transfer.data = urb->buffer;
        urb->transfer.length = urb->length;
    } else {
        refused = refuse_isochronous(usbfs, urb);
    }
    if (refused) {
        return refused;
    }
    urb->transfer.address = usbfs->device->address;
    memcpy(urb->transfer.line, file->line, sizeof file->line);
    urb->transfer.done = urb_done;
    urb->transfer.ctx = urb;
    urb->file = file;
    urb->done = false;
    urb->discarded = false;
    urb->next = file->submitted;
    file->submitted = urb;
    cable_submit(usbfs->cable, &urb->transfer);
    return 0;
}

int usbfs_discard(struct usbfs_file *file, uint64_t key) {
    for (struct usbfs_urb *urb = file->submitted; urb; urb = urb->next) {
        if (urb->key == key) {
            urb->discarded = true;
            cable_cancel(file->usbfs->cable, &urb->transfer);
            return 0;
        }
    }
    return -EINVAL;
}

struct usbfs_urb *usbfs_reap(struct usbfs_file *file) {
    struct usbfs_urb *urb = file->completed;
    if (!urb) {
        return NULL;
    }
    file->completed = urb->next;
    if (!file->completed) {
        file->completed_tail = &file->completed;
    }
    urb->next = NULL;
    usbfs_tell(file);
    return urb;
}

int usbfs_reap_wait(struct usbfs_file *file, struct usbfs_call *call) {
    if (file->completed) {
        return 0;
    }
    if (!file->connected) {
        return -ENODEV;
    }
    if (file->reaper) {
        return -EBUSY;
    }
    file->reaper = call;
    return USBFS_LATER;
}
