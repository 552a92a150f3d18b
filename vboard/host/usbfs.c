// SPDX-License-Identifier: MIT
//
// usbfs over the cable: open files, claims, URBs and synchronous calls of one device.
//
// The rules are those of Linux' drivers/usb/core/devio.c and message.c, said beside each function.
// A class request or an endpoint of an interface that nobody claimed claims it on the way
// (checkintf()); a device that left answers ENODEV to everything but reaping.

#include "vboard/host/usbfs.h"

#include <errno.h>
#include <linux/usbdevice_fs.h>
#include <stdlib.h>
#include <string.h>

// What message.c gives its own control transfers (USB_CTRL_SET_TIMEOUT; USB 2.0 9.2.6.1).
#define CONTROL_TIMEOUT_PS (5 * PS_PER_S)
// The largest control data stage usbfs takes is a page (PAGE_SIZE in do_proc_control()).
#define CONTROL_BYTES_MAX 4096u
// Control, bulk and interrupt URBs: USBFS_XFER_MAX would be 2^31; ours is a bound on our memory.
#define URB_BYTES_MAX (16u << 20)

struct usbfs_file {
    struct usbfs *usbfs;
    struct usbfs_file *next;
    void *ctx;
    unsigned devnum;
    bool connected;
    uint32_t claimed; // a bit an interface
    struct usbfs_urb *submitted;
    struct usbfs_urb *completed;
    struct usbfs_urb **completed_tail;
    struct usbfs_call *reaper;
};

struct usbfs {
    struct timeline *timeline;
    struct cable *cable;
    struct enumerator *enumerator;
    struct usbfs_events events;
    const struct usb_device *device;
    uint8_t configuration;
    uint8_t alternate[USBFS_INTERFACES];
    struct usbfs_file *files;
    struct sync *syncs;
    struct usbfs_file *reset_file;
    struct usbfs_call *reset_call;
    bool closing;
};

// A transfer that a call waits for, or that the kernel makes by itself.
struct sync {
    struct usbfs *usbfs;
    struct sync *next;
    struct usbfs_file *file; // NULL: nobody waits any more
    struct usbfs_call *call;
    void (*after)(struct sync *sync, long result); // may be NULL
    unsigned interface;                            // for after()
    unsigned value;
    struct cable_transfer transfer;
    struct event timeout;
    bool timed_out;
};

struct usbfs *usbfs_new(struct timeline *timeline, struct cable *cable,
                        const struct usbfs_events *events) {
    struct usbfs *usbfs = calloc(1, sizeof *usbfs);
    if (usbfs) {
        usbfs->timeline = timeline;
        usbfs->cable = cable;
        usbfs->events = *events;
    }
    return usbfs;
}

void usbfs_set_enumerator(struct usbfs *usbfs, struct enumerator *enumerator) {
    usbfs->enumerator = enumerator;
}

// -- Descriptors of the configuration in force

// Walks the descriptors behind `at`; NULL at the end or where they are damaged.
static const uint8_t *next_descriptor(const uint8_t *at, const uint8_t *end) {
    if (end - at < 2 || at[0] < 2 || end - at < at[0]) {
        return NULL;
    }
    return at + at[0] < end ? at + at[0] : NULL;
}

static const uint8_t *configuration_descriptor(const struct usbfs *usbfs, unsigned value,
                                               const uint8_t **end) {
    const struct usb_device *device = usbfs->device;
    const uint8_t *all_end = device->descriptors + device->descriptors_len;
    const uint8_t *at = device->descriptors + USB_DEVICE_DESCRIPTOR_LEN;
    while (all_end - at >= (ptrdiff_t)USB_CONFIG_DESCRIPTOR_LEN) {
        uint16_t total = load_le16(at + 2);
        if (total < USB_CONFIG_DESCRIPTOR_LEN || total > all_end - at) {
            return NULL;
        }
        if (at[5] == value) {
            *end = at + total;
            return at;
        }
        at += total;
    }
    return NULL;
}

// Calls back for each interface and endpoint descriptor of the configuration in force until one
// says true. `interface` is the interface descriptor that an endpoint belongs to.
typedef bool (*descriptor_visitor)(const uint8_t *interface, const uint8_t *descriptor, void *ctx);

static bool visit(const struct usbfs *usbfs, descriptor_visitor visitor, void *ctx) {
    const uint8_t *end = NULL;
    const uint8_t *interface = NULL;
    const uint8_t *at = configuration_descriptor(usbfs, usbfs->configuration, &end);
    for (; at; at = next_descriptor(at, end)) {
        if (at[1] == USB_DT_INTERFACE && at[0] >= USB_INTERFACE_DESCRIPTOR_LEN) {
            interface = at;
        }
        bool wanted = at[1] == USB_DT_INTERFACE || (at[1] == USB_DT_ENDPOINT && at[0] >= 7);
        if (wanted && interface && visitor(interface, at, ctx)) {
            return true;
        }
    }
    return false;
}

struct interface_query {
    unsigned number;
    int alternate; // -1: any
};

static bool is_interface(const uint8_t *interface, const uint8_t *descriptor, void *ctx) {
    const struct interface_query *query = ctx;
    return descriptor == interface && interface[2] == query->number &&
           (query->alternate < 0 || interface[3] == query->alternate);
}

static bool has_interface(const struct usbfs *usbfs, unsigned number, int alternate) {
    struct interface_query query = {.number = number, .alternate = alternate};
    return number < USBFS_INTERFACES && visit(usbfs, is_interface, &query);
}

struct endpoint_query {
    unsigned address;
    unsigned interface;
    const uint8_t *descriptor;
};

static bool is_endpoint(const uint8_t *interface, const uint8_t *descriptor, void *ctx) {
    struct endpoint_query *query = ctx;
    if (descriptor[1] != USB_DT_ENDPOINT || descriptor[2] != query->address) {
        return false;
    }
    query->interface = interface[2];
    query->descriptor = descriptor;
    return true;
}

// findintfep(): in any alternate setting.
static bool find_endpoint(const struct usbfs *usbfs, unsigned address,
                          struct endpoint_query *query) {
    *query = (struct endpoint_query){.address = address};
    return visit(usbfs, is_endpoint, query);
}

struct toggle_query {
    struct usbfs *usbfs;
    unsigned interface;
};

static bool restart_toggle(const uint8_t *interface, const uint8_t *descriptor, void *ctx) {
    struct toggle_query *query = ctx;
    if (descriptor[1] == USB_DT_ENDPOINT && interface[2] == query->interface) {
        cable_reset_toggle(query->usbfs->cable, descriptor[2] & 0x0f,
                           (descriptor[2] & USB_DIR_IN) != 0);
    }
    return false;
}

// -- Readiness

static void tell(struct usbfs_file *file) {
    struct usbfs *usbfs = file->usbfs;
    if (!usbfs->closing) {
        usbfs->events.ready(usbfs->events.ctx, file);
        usbfs->events.activity(usbfs->events.ctx);
    }
}

static void finish(struct usbfs *usbfs, struct usbfs_call *call, long result) {
    if (call) {
        call->finish(call, result);
        usbfs->events.activity(usbfs->events.ctx);
    }
}

static void wake_reaper(struct usbfs_file *file, long result) {
    struct usbfs_call *call = file->reaper;
    file->reaper = NULL;
    finish(file->usbfs, call, result);
}

void usbfs_file_ready(const struct usbfs_file *file, bool *urb, bool *gone) {
    *urb = file->completed != NULL;
    *gone = !file->connected;
}

// -- Transfers the kernel makes, and synchronous ones

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

static void sync_unlink(struct sync *sync) {
    struct sync **at = &sync->usbfs->syncs;
    while (*at != sync) {
        at = &(*at)->next;
    }
    *at = sync->next;
}

static void sync_done(struct cable_transfer *transfer, void *ctx) {
    struct sync *sync = ctx;
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
        finish(usbfs, sync->call, result);
    }
    free(sync);
}

static void sync_timeout(void *ctx) {
    struct sync *sync = ctx;
    sync->timed_out = true;
    cable_cancel(sync->usbfs->cable, &sync->transfer); // calls sync_done()
}

static struct sync *sync_new(struct usbfs *usbfs, struct usbfs_file *file,
                             struct usbfs_call *call) {
    struct sync *sync = calloc(1, sizeof *sync);
    if (sync) {
        sync->usbfs = usbfs;
        sync->file = file;
        sync->call = call;
        sync->transfer.address = usbfs->device->address;
        sync->transfer.done = sync_done;
        sync->transfer.ctx = sync;
    }
    return sync;
}

static void sync_start(struct sync *sync, uint64_t timeout_ps) {
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

// A control request without data that the kernel itself makes.
static int kernel_request(struct usbfs *usbfs, struct usbfs_file *file, const struct usb_setup *ask,
                          void (*after)(struct sync *sync, long result), struct usbfs_call *call) {
    struct sync *sync = sync_new(usbfs, file, call);
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

// -- Devices and files

void usbfs_device_ready(struct usbfs *usbfs, const struct usb_device *device) {
    usbfs->device = device;
    usbfs->configuration = device->configuration;
    memset(usbfs->alternate, 0, sizeof usbfs->alternate);
}

// Held calls of a file end with this result.
static void end_calls(struct usbfs_file *file, long result) {
    struct usbfs *usbfs = file->usbfs;
    if (usbfs->reset_file == file) {
        struct usbfs_call *call = usbfs->reset_call;
        usbfs->reset_file = NULL;
        usbfs->reset_call = NULL;
        finish(usbfs, call, result);
    }
    // A cancelled sync unlinks itself, so start over after each.
    for (struct sync *sync = usbfs->syncs; sync;) {
        if (sync->file != file) {
            sync = sync->next;
            continue;
        }
        struct usbfs_call *call = sync->call;
        sync->file = NULL;
        sync->call = NULL;
        sync->after = NULL;
        cable_cancel(usbfs->cable, &sync->transfer);
        finish(usbfs, call, result);
        sync = usbfs->syncs;
    }
}

void usbfs_device_gone(struct usbfs *usbfs) {
    for (struct usbfs_file *file = usbfs->files; file; file = file->next) {
        if (!file->connected) {
            continue;
        }
        while (file->submitted) {
            cable_cancel(usbfs->cable, &file->submitted->transfer);
        }
        file->connected = false;
        file->claimed = 0;
        end_calls(file, -ENODEV);
        if (!file->completed) {
            wake_reaper(file, -ENODEV);
        }
        tell(file);
    }
    // Requests that nobody waits for (interfaces let go).
    while (usbfs->syncs) {
        cable_cancel(usbfs->cable, &usbfs->syncs->transfer);
    }
    usbfs->device = NULL;
}

struct usbfs_file *usbfs_open(struct usbfs *usbfs, unsigned devnum) {
    struct usbfs_file *file = calloc(1, sizeof *file);
    if (!file) {
        return NULL;
    }
    file->usbfs = usbfs;
    file->devnum = devnum;
    file->connected = usbfs->device && usbfs_number(usbfs->device) == devnum;
    file->completed_tail = &file->completed;
    file->next = usbfs->files;
    usbfs->files = file;
    return file;
}

static void let_go(struct usbfs_file *file, unsigned interface) {
    struct usbfs *usbfs = file->usbfs;
    file->claimed &= ~(1u << interface);
    // usb_unbind_interface(): an interface is given back in alternate setting 0.
    if (usbfs->alternate[interface] != 0) {
        struct usb_setup ask = {
            .bmRequestType = USB_RECIPIENT_INTERFACE,
            .bRequest = USB_SET_INTERFACE,
            .wIndex = (uint16_t)interface,
        };
        usbfs->alternate[interface] = 0;
        (void)kernel_request(usbfs, NULL, &ask, NULL, NULL);
    }
}

void usbfs_close(struct usbfs_file *file) {
    struct usbfs *usbfs = file->usbfs;
    while (file->submitted) {
        cable_cancel(usbfs->cable, &file->submitted->transfer); // moves it to completed
    }
    end_calls(file, -ENODEV);
    wake_reaper(file, -ENODEV);
    for (unsigned i = 0; i < USBFS_INTERFACES; i++) {
        if (file->claimed & (1u << i)) {
            let_go(file, i);
        }
    }
    for (struct usbfs_urb *urb = file->completed; urb;) {
        struct usbfs_urb *next = urb->next;
        urb->drop(urb);
        urb = next;
    }
    struct usbfs_file **at = &usbfs->files;
    while (*at != file) {
        at = &(*at)->next;
    }
    *at = file->next;
    free(file);
}

void usbfs_free(struct usbfs *usbfs) {
    if (!usbfs) {
        return;
    }
    usbfs->closing = true;
    while (usbfs->files) {
        usbfs_close(usbfs->files);
    }
    while (usbfs->syncs) {
        cable_cancel(usbfs->cable, &usbfs->syncs->transfer);
    }
    free(usbfs);
}

void usbfs_file_set_ctx(struct usbfs_file *file, void *ctx) {
    file->ctx = ctx;
}

void *usbfs_file_ctx(const struct usbfs_file *file) {
    return file->ctx;
}

bool usbfs_is_connected(const struct usbfs_file *file) {
    return file->connected;
}

enum usb_speed usbfs_speed(const struct usbfs_file *file) {
    return file->connected ? file->usbfs->device->speed : USB_SPEED_NONE;
}

unsigned usbfs_devnum(const struct usbfs_file *file) {
    return file->devnum;
}

bool usbfs_is_busy(const struct usbfs *usbfs) {
    if (usbfs->syncs || usbfs->reset_call) {
        return true;
    }
    for (const struct usbfs_file *file = usbfs->files; file; file = file->next) {
        if (file->submitted) {
            return true;
        }
    }
    return false;
}

// -- Claims

int usbfs_claim(struct usbfs_file *file, unsigned interface) {
    if (interface >= USBFS_INTERFACES) {
        return -EINVAL;
    }
    if (file->claimed & (1u << interface)) {
        return 0;
    }
    if (!has_interface(file->usbfs, interface, -1)) {
        return -ENOENT;
    }
    for (const struct usbfs_file *other = file->usbfs->files; other; other = other->next) {
        if (other->claimed & (1u << interface)) {
            return -EBUSY;
        }
    }
    file->claimed |= 1u << interface;
    return 0;
}

static void released(struct sync *sync, long result) {
    // releaseintf() does not look at what SET_INTERFACE answered.
    finish(sync->usbfs, sync->call, result == -ENODEV ? result : 0);
}

int usbfs_release(struct usbfs_file *file, unsigned interface, struct usbfs_call *call) {
    if (interface >= USBFS_INTERFACES || !(file->claimed & (1u << interface))) {
        return -EINVAL;
    }
    struct usbfs *usbfs = file->usbfs;
    file->claimed &= ~(1u << interface);
    if (usbfs->alternate[interface] == 0) {
        return 0;
    }
    usbfs->alternate[interface] = 0;
    struct usb_setup ask = {
        .bmRequestType = USB_RECIPIENT_INTERFACE,
        .bRequest = USB_SET_INTERFACE,
        .wIndex = (uint16_t)interface,
    };
    return kernel_request(usbfs, file, &ask, released, call);
}

// check_ctrlrecip(): what a request needs to be claimed for.
static int check_recipient(struct usbfs_file *file, const struct usb_setup *setup) {
    struct usbfs *usbfs = file->usbfs;
    if ((setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_VENDOR) {
        return 0;
    }
    unsigned index = setup->wIndex & 0xffu;
    struct endpoint_query endpoint;
    switch (setup->bmRequestType & USB_RECIPIENT_MASK) {
    case USB_RECIPIENT_ENDPOINT:
        if ((index & ~(unsigned)USB_DIR_IN) == 0) {
            return 0;
        }
        if (!find_endpoint(usbfs, index, &endpoint)) {
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

// -- Settings

static void interface_set(struct sync *sync, long result) {
    if (result >= 0) {
        sync->usbfs->alternate[sync->interface] = (uint8_t)sync->value;
        struct toggle_query query = {.usbfs = sync->usbfs, .interface = sync->interface};
        (void)visit(sync->usbfs, restart_toggle, &query);
    }
    finish(sync->usbfs, sync->call, result < 0 ? result : 0);
}

int usbfs_set_interface(struct usbfs_file *file, unsigned interface, unsigned alternate,
                        struct usbfs_call *call) {
    int refused = usbfs_claim(file, interface);
    if (refused) {
        return refused;
    }
    if (alternate > 255 || !has_interface(file->usbfs, interface, (int)alternate)) {
        return -EINVAL;
    }
    struct usb_setup ask = {
        .bmRequestType = USB_RECIPIENT_INTERFACE,
        .bRequest = USB_SET_INTERFACE,
        .wValue = (uint16_t)alternate,
        .wIndex = (uint16_t)interface,
    };
    return kernel_request(file->usbfs, file, &ask, interface_set, call);
}

static void configuration_set(struct sync *sync, long result) {
    struct usbfs *usbfs = sync->usbfs;
    if (result >= 0) {
        usbfs->configuration = (uint8_t)sync->value;
        memset(usbfs->alternate, 0, sizeof usbfs->alternate);
        for (unsigned i = 0; i < USBFS_INTERFACES; i++) {
            struct toggle_query query = {.usbfs = usbfs, .interface = i};
            (void)visit(usbfs, restart_toggle, &query);
        }
    }
    finish(usbfs, sync->call, result < 0 ? result : 0);
}

int usbfs_set_configuration(struct usbfs_file *file, int value, struct usbfs_call *call) {
    struct usbfs *usbfs = file->usbfs;
    for (const struct usbfs_file *other = usbfs->files; other; other = other->next) {
        if (other->claimed) {
            return -EBUSY; // proc_setconfig(): not under anybody's claimed interface
        }
    }
    const uint8_t *end;
    if (value < -1 || value > 255 ||
        (value > 0 && !configuration_descriptor(usbfs, (unsigned)value, &end))) {
        return -EINVAL;
    }
    struct usb_setup ask = {
        .bmRequestType = USB_RECIPIENT_DEVICE,
        .bRequest = USB_SET_CONFIGURATION,
        .wValue = value < 0 ? 0 : (uint16_t)value, // -1 unconfigures
    };
    return kernel_request(usbfs, file, &ask, configuration_set, call);
}

static void halt_cleared(struct sync *sync, long result) {
    if (result >= 0) {
        // Not only toggles: usb_clear_halt() resets the endpoint on the host's side.
        cable_reset_toggle(sync->usbfs->cable, sync->interface & 0x0f,
                           (sync->interface & USB_DIR_IN) != 0);
    }
    finish(sync->usbfs, sync->call, result < 0 ? result : 0);
}

int usbfs_clear_halt(struct usbfs_file *file, unsigned endpoint, struct usbfs_call *call) {
    struct endpoint_query query;
    if (!find_endpoint(file->usbfs, endpoint, &query)) {
        return -ENOENT;
    }
    int refused = usbfs_claim(file, query.interface);
    if (refused) {
        return refused;
    }
    struct usb_setup ask = {
        .bmRequestType = USB_RECIPIENT_ENDPOINT,
        .bRequest = USB_CLEAR_FEATURE,
        .wValue = USB_FEATURE_ENDPOINT_HALT,
        .wIndex = (uint16_t)endpoint,
    };
    return kernel_request(file->usbfs, file, &ask, halt_cleared, call);
}

int usbfs_reset_endpoint(struct usbfs_file *file, unsigned endpoint) {
    struct endpoint_query query;
    if (!find_endpoint(file->usbfs, endpoint, &query)) {
        return -ENOENT;
    }
    int refused = usbfs_claim(file, query.interface);
    if (!refused) {
        cable_reset_toggle(file->usbfs->cable, endpoint & 0x0f, (endpoint & USB_DIR_IN) != 0);
    }
    return refused;
}

static void reset_done(void *ctx, bool ok) {
    struct usbfs *usbfs = ctx;
    struct usbfs_call *call = usbfs->reset_call;
    usbfs->reset_call = NULL;
    usbfs->reset_file = NULL;
    // usb_reset_and_verify_device() puts interfaces back to the settings they had.
    for (unsigned i = 0; ok && usbfs->device && i < USBFS_INTERFACES; i++) {
        if (usbfs->alternate[i] != 0) {
            struct usb_setup ask = {
                .bmRequestType = USB_RECIPIENT_INTERFACE,
                .bRequest = USB_SET_INTERFACE,
                .wValue = usbfs->alternate[i],
                .wIndex = (uint16_t)i,
            };
            (void)kernel_request(usbfs, NULL, &ask, NULL, NULL);
        }
    }
    finish(usbfs, call, ok ? 0 : -ENODEV);
}

int usbfs_reset(struct usbfs_file *file, struct usbfs_call *call) {
    struct usbfs *usbfs = file->usbfs;
    if (usbfs->reset_call) {
        return -EBUSY;
    }
    usbfs->reset_call = call;
    usbfs->reset_file = file;
    enumerator_reset_device(usbfs->enumerator, reset_done, usbfs);
    return USBFS_LATER;
}

int usbfs_get_driver(struct usbfs_file *file, unsigned interface) {
    if (!has_interface(file->usbfs, interface, -1)) {
        return -EINVAL;
    }
    for (const struct usbfs_file *other = file->usbfs->files; other; other = other->next) {
        if (interface < USBFS_INTERFACES && (other->claimed & (1u << interface))) {
            return 0; // bound to "usbfs"
        }
    }
    return -ENODATA;
}

// -- Synchronous transfers

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
    struct sync *sync = sync_new(file->usbfs, file, call);
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
static int take_endpoint(struct usbfs_file *file, unsigned endpoint, struct endpoint_query *query) {
    if (!find_endpoint(file->usbfs, endpoint, query)) {
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
    struct endpoint_query query;
    int refused = take_endpoint(file, endpoint, &query);
    if (refused) {
        return refused;
    }
    struct sync *sync = sync_new(file->usbfs, file, call);
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
    wake_reaper(file, 0);
    tell(file);
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
        struct endpoint_query query;
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
        refused = -EINVAL; // isochronous: no device of ours has it
    }
    if (refused) {
        return refused;
    }
    urb->transfer.address = usbfs->device->address;
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
    tell(file);
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

void usbfs_reap_stop(struct usbfs_file *file, struct usbfs_call *call) {
    if (file->reaper == call) {
        file->reaper = NULL;
    }
}
