// SPDX-License-Identifier: MIT
//
// The transport over libusb: the only file that knows it. Linux' paths for explanations are here
// too, since they belong to the way USB is reached.

#include <errno.h>
#include <grp.h>
#include <libusb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/fault.h"
#include "host/transport.h"
#include "spec/dfu.h"

// USB's tree is at most seven tiers deep (USB 2.0 4.1.1).
#define PORTS_MAX 7

static enum transport_result result_of(int code) {
    switch (code) {
    case LIBUSB_ERROR_PIPE:
        return TRANSPORT_STALL;
    case LIBUSB_ERROR_TIMEOUT:
        return TRANSPORT_TIMEOUT;
    case LIBUSB_ERROR_NO_DEVICE:
    case LIBUSB_ERROR_NOT_FOUND:
        return TRANSPORT_GONE;
    case LIBUSB_ERROR_ACCESS:
        return TRANSPORT_DENIED;
    case LIBUSB_ERROR_BUSY:
        return TRANSPORT_BUSY;
    default:
        return code >= 0 ? TRANSPORT_OK : TRANSPORT_FAILED;
    }
}

// --- Listing -------------------------------------------------------------------------------------

static bool is_dfu(const struct libusb_interface_descriptor *descriptor) {
    return descriptor->bInterfaceClass == DFU_INTERFACE_CLASS &&
           descriptor->bInterfaceSubClass == DFU_INTERFACE_SUBCLASS;
}

static void take_path(libusb_device *usb, struct redfu_device *device) {
    uint8_t ports[PORTS_MAX];
    int count = libusb_get_port_numbers(usb, ports, PORTS_MAX);
    size_t len =
        (size_t)snprintf(device->path, sizeof device->path, "%u", libusb_get_bus_number(usb));
    for (int i = 0; i < count; i++) {
        len += (size_t)snprintf(device->path + len, sizeof device->path - len, "%c%u",
                                i == 0 ? '-' : '.', ports[i]);
    }
}

// Linux keeps the serial number readable for everybody, also where the device may not be opened.
static void take_sysfs_serial(struct redfu_device *device) {
    char path[128];
    (void)snprintf(path, sizeof path, "/sys/bus/usb/devices/%s/serial", device->path);
    FILE *file = fopen(path, "re");
    if (!file) {
        return;
    }
    if (fgets(device->serial, sizeof device->serial, file)) {
        device->serial[strcspn(device->serial, "\r\n")] = '\0';
    }
    for (char *at = device->serial; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '?';
        }
    }
    (void)fclose(file);
}

static void take_interface(const struct libusb_config_descriptor *config,
                           const struct libusb_interface *interface, struct redfu_device *device) {
    uint8_t protocol = 0;
    for (int i = 0; i < interface->num_altsetting; i++) {
        const struct libusb_interface_descriptor *alternate = &interface->altsetting[i];
        if (!is_dfu(alternate)) {
            continue;
        }
        device->interface = alternate->bInterfaceNumber;
        protocol = alternate->bInterfaceProtocol;
        if (alternate->bAlternateSetting < REDFU_ALTERNATES_MAX) {
            device->alternate_strings[alternate->bAlternateSetting] = alternate->iInterface;
            if (device->alternate_count <= alternate->bAlternateSetting) {
                device->alternate_count = (uint8_t)(alternate->bAlternateSetting + 1);
            }
        }
        redfui_take_functional(device, alternate->extra, (size_t)alternate->extra_length);
    }
    if (device->dfu_version == 0) { // some devices put it behind the configuration instead
        redfui_take_functional(device, config->extra, (size_t)config->extra_length);
    }
    redfui_decide_kind(device, protocol);
}

struct found {
    struct redfu_device *devices;
    size_t count;
};

static bool has_dfu(const struct libusb_interface *interface) {
    for (int i = 0; i < interface->num_altsetting; i++) {
        if (is_dfu(&interface->altsetting[i])) {
            return true;
        }
    }
    return false;
}

// Cameras and Bluetooth adapters often have a run-time DFU interface besides (USB-IF class codes: video 0E;
// wireless controller E0, subclass 01, protocol 01).
static void take_others(const struct libusb_config_descriptor *config,
                        struct redfu_device *device) {
    for (int i = 0; i < config->bNumInterfaces; i++) {
        const struct libusb_interface *interface = &config->interface[i];
        for (int k = 0; k < interface->num_altsetting; k++) {
            const struct libusb_interface_descriptor *one = &interface->altsetting[k];
            device->is_camera |= one->bInterfaceClass == 0x0e;
            device->is_bluetooth |= one->bInterfaceClass == 0xe0 && one->bInterfaceSubClass == 1 &&
                                    one->bInterfaceProtocol == 1;
        }
    }
}

static bool add_device(libusb_device *usb, const struct libusb_device_descriptor *descriptor,
                       const struct libusb_config_descriptor *config, bool is_configured,
                       const struct libusb_interface *interface, struct found *found) {
    struct redfu_device *grown =
        realloc(found->devices, (found->count + 1) * sizeof *found->devices);
    if (!grown) {
        return false;
    }
    found->devices = grown;
    struct redfu_device *device = &grown[found->count++];
    memset(device, 0, sizeof *device);
    device->vendor = descriptor->idVendor;
    device->product = descriptor->idProduct;
    device->release = descriptor->bcdDevice;
    device->bus = libusb_get_bus_number(usb);
    device->address = libusb_get_device_address(usb);
    device->manufacturer_string = descriptor->iManufacturer;
    device->product_string = descriptor->iProduct;
    device->serial_string = descriptor->iSerialNumber;
    take_path(usb, device);
    take_sysfs_serial(device);
    take_interface(config, interface, device);
    take_others(config, device);
    if (!is_configured && device->kind != REDFU_KIND_RUNTIME) {
        device->kind = REDFU_KIND_UNCONFIGURED;
    }
    return true;
}

// Descriptors come from the system's copy: nothing is sent to the device.
static bool add_interfaces(libusb_device *usb, struct found *found) {
    struct libusb_device_descriptor descriptor;
    struct libusb_config_descriptor *config;
    if (libusb_get_device_descriptor(usb, &descriptor) != 0) {
        return true; // going: not ours to judge
    }
    bool is_configured = libusb_get_active_config_descriptor(usb, &config) == 0;
    if (!is_configured && libusb_get_config_descriptor(usb, 0, &config) != 0) {
        return true;
    }
    bool ok = true;
    for (int i = 0; i < config->bNumInterfaces && ok; i++) {
        if (has_dfu(&config->interface[i])) {
            ok = add_device(usb, &descriptor, config, is_configured, &config->interface[i], found);
        }
    }
    libusb_free_config_descriptor(config);
    return ok;
}

static enum transport_result list(void *ctx, struct redfu_device **devices, size_t *count) {
    libusb_device **all;
    ssize_t listed = libusb_get_device_list(ctx, &all);
    if (listed < 0) {
        return TRANSPORT_FAILED;
    }
    struct found found = {0};
    bool ok = true;
    for (ssize_t i = 0; i < listed && ok; i++) {
        ok = add_interfaces(all[i], &found);
    }
    libusb_free_device_list(all, 1);
    if (!ok) {
        free(found.devices);
        return TRANSPORT_FAILED;
    }
    *devices = found.devices;
    *count = found.count;
    return TRANSPORT_OK;
}

// The device at a bus and address, referenced; NULL if there is none any more.
static libusb_device *find(libusb_context *ctx, uint8_t bus, uint8_t address) {
    libusb_device **all;
    ssize_t listed = libusb_get_device_list(ctx, &all);
    libusb_device *usb = NULL;
    for (ssize_t i = 0; i < listed; i++) {
        if (libusb_get_bus_number(all[i]) == bus && libusb_get_device_address(all[i]) == address) {
            usb = libusb_ref_device(all[i]);
        }
    }
    if (listed >= 0) {
        libusb_free_device_list(all, 1);
    }
    return usb;
}

// --- One device ----------------------------------------------------------------------------------

// A transfer that was handed in.
struct queued {
    struct libusb_transfer *transfer; // made when first needed
    uint8_t bytes[LIBUSB_CONTROL_SETUP_SIZE + TRANSPORT_QUEUE_BYTES_MAX];
    uint8_t *data;
    int is_over;
};

struct opened {
    libusb_device_handle *usb;
    struct queued queue[TRANSPORT_QUEUE_MAX];
    unsigned first, count; // of those that nobody awaited yet
};

static enum transport_result open_device(void *ctx, const struct redfu_device *device,
                                         void **handle) {
    struct opened *opened = calloc(1, sizeof *opened);
    if (!opened) {
        return TRANSPORT_FAILED;
    }
    libusb_device *usb = find(ctx, device->bus, device->address);
    if (!usb) {
        free(opened);
        return TRANSPORT_GONE;
    }
    int code = libusb_open(usb, &opened->usb);
    libusb_unref_device(usb);
    if (code == 0) {
        *handle = opened;
    } else {
        free(opened);
    }
    return result_of(code);
}

static void drop(void *ctx, void *handle);

static void close_device(void *ctx, void *handle) {
    struct opened *opened = handle;
    drop(ctx, handle);
    libusb_close(opened->usb); // releases what is claimed
    for (unsigned i = 0; i < TRANSPORT_QUEUE_MAX; i++) {
        libusb_free_transfer(opened->queue[i].transfer); // or NULL
    }
    free(opened);
}

static enum transport_result claim(void *ctx, void *handle, uint8_t interface) {
    (void)ctx;
    return result_of(libusb_claim_interface(((struct opened *)handle)->usb, interface));
}

static enum transport_result set_alternate(void *ctx, void *handle, uint8_t interface,
                                           uint8_t alternate) {
    (void)ctx;
    return result_of(
        libusb_set_interface_alt_setting(((struct opened *)handle)->usb, interface, alternate));
}

static enum transport_result control(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    (void)ctx;
    int code = libusb_control_transfer(((struct opened *)handle)->usb, setup->bmRequestType,
                                       setup->bRequest, setup->wValue, setup->wIndex, data,
                                       setup->wLength, timeout_ms);
    *moved = code > 0 ? (uint16_t)code : 0;
    return result_of(code);
}

static void LIBUSB_CALL on_end(struct libusb_transfer *transfer) {
    ((struct queued *)transfer->user_data)->is_over = 1;
}

static enum transport_result queue(void *ctx, void *handle, const struct usb_setup *setup,
                                   uint8_t *data, uint32_t timeout_ms) {
    (void)ctx;
    struct opened *opened = handle;
    if (opened->count == TRANSPORT_QUEUE_MAX || setup->wLength > TRANSPORT_QUEUE_BYTES_MAX ||
        !(setup->bmRequestType & USB_DIR_IN)) {
        return TRANSPORT_FAILED;
    }
    struct queued *queued = &opened->queue[(opened->first + opened->count) % TRANSPORT_QUEUE_MAX];
    if (!queued->transfer && !(queued->transfer = libusb_alloc_transfer(0))) {
        return TRANSPORT_FAILED;
    }
    libusb_fill_control_setup(queued->bytes, setup->bmRequestType, setup->bRequest, setup->wValue,
                              setup->wIndex, setup->wLength);
    libusb_fill_control_transfer(queued->transfer, opened->usb, queued->bytes, on_end, queued,
                                 timeout_ms);
    queued->data = data;
    queued->is_over = 0;
    int code = libusb_submit_transfer(queued->transfer);
    opened->count += code == 0;
    return result_of(code);
}

// The oldest has ended; it counts no more.
static const struct queued *wait_oldest(libusb_context *ctx, struct opened *opened) {
    struct queued *queued = &opened->queue[opened->first];
    while (!queued->is_over) {
        int code = libusb_handle_events_completed(ctx, &queued->is_over);
        if (code != 0 && code != LIBUSB_ERROR_INTERRUPTED) {
            (void)libusb_cancel_transfer(queued->transfer); // ended all the same, by and by
        }
    }
    opened->first = (opened->first + 1) % TRANSPORT_QUEUE_MAX;
    opened->count--;
    return queued;
}

static enum transport_result await(void *ctx, void *handle, uint16_t *moved) {
    struct opened *opened = handle;
    *moved = 0;
    if (opened->count == 0) {
        return TRANSPORT_FAILED;
    }
    const struct queued *queued = wait_oldest(ctx, opened);
    switch (queued->transfer->status) {
    case LIBUSB_TRANSFER_COMPLETED:
        *moved = (uint16_t)queued->transfer->actual_length;
        memcpy(queued->data, queued->bytes + LIBUSB_CONTROL_SETUP_SIZE, *moved);
        return TRANSPORT_OK;
    case LIBUSB_TRANSFER_STALL:
        return TRANSPORT_STALL;
    case LIBUSB_TRANSFER_TIMED_OUT:
        return TRANSPORT_TIMEOUT;
    case LIBUSB_TRANSFER_NO_DEVICE:
        return TRANSPORT_GONE;
    default:
        return TRANSPORT_FAILED;
    }
}

// From the last one on, so that none of them comes onto the wire because the one before was taken back.
static void drop(void *ctx, void *handle) {
    struct opened *opened = handle;
    for (unsigned i = opened->count; i-- > 0;) {
        // What has ended meanwhile cannot be cancelled any more: no matter.
        (void)libusb_cancel_transfer(
            opened->queue[(opened->first + i) % TRANSPORT_QUEUE_MAX].transfer);
    }
    while (opened->count > 0) {
        (void)wait_oldest(ctx, opened);
    }
}

static enum transport_result reset(void *ctx, void *handle) {
    (void)ctx;
    return result_of(libusb_reset_device(((struct opened *)handle)->usb));
}

static bool present(void *ctx, void *handle) {
    libusb_device *opened = libusb_get_device(((struct opened *)handle)->usb);
    libusb_device *usb =
        find(ctx, libusb_get_bus_number(opened), libusb_get_device_address(opened));
    if (!usb) {
        return false;
    }
    libusb_unref_device(usb);
    return true;
}

// --- Coming and going ----------------------------------------------------------------------------

static int on_change(libusb_context *ctx, libusb_device *usb, libusb_hotplug_event event,
                     void *user_data) {
    (void)ctx;
    (void)usb;
    (void)event;
    *(int *)user_data = 1;
    return 0;
}

static void sleep_ms(void *ctx, uint32_t ms);

static void wait_change(void *ctx, uint32_t timeout_ms) {
    int has_changed = 0;
    libusb_hotplug_callback_handle handle;
    if (!libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG) ||
        libusb_hotplug_register_callback(
            ctx, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
            LIBUSB_HOTPLUG_NO_FLAGS, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
            LIBUSB_HOTPLUG_MATCH_ANY, on_change, &has_changed, &handle) != 0) {
        sleep_ms(ctx, timeout_ms);
        return;
    }
    struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                              .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    (void)libusb_handle_events_timeout_completed(ctx, &timeout, &has_changed);
    libusb_hotplug_deregister_callback(ctx, handle);
}

// --- Explanations --------------------------------------------------------------------------------

static void explain(void *ctx, const struct redfu_device *device, enum transport_result why,
                    struct redfu_fault *fault) {
    (void)ctx;
    char node[64];
    (void)snprintf(node, sizeof node, "/dev/bus/usb/%03u/%03u", device->bus, device->address);
    if (why == TRANSPORT_BUSY) {
        (void)snprintf(fault->text, sizeof fault->text,
                       "another program is using the device at %s (%s)", device->path, node);
        (void)snprintf(fault->advice, sizeof fault->advice,
                       "Close it (a second redfu, dfu-util, fwupd, STM32CubeProgrammer, a browser "
                       "page), then try again. `fuser -v %s` names it.",
                       node);
        return;
    }
    char about[160] = "";
    struct stat status;
    if (stat(node, &status) == 0) {
        const struct passwd *user = getpwuid(status.st_uid);
        const struct group *group = getgrgid(status.st_gid);
        (void)snprintf(about, sizeof about, ": it belongs to %s:%s with mode %04o",
                       user ? user->pw_name : "?", group ? group->gr_name : "?",
                       (unsigned)(status.st_mode & 07777));
    }
    (void)snprintf(fault->text, sizeof fault->text, "no permission to open %s (%04X:%04X at %s)%s",
                   node, device->vendor, device->product, device->path, about);
    char rule[128];
    (void)snprintf(fault->advice, sizeof fault->advice,
                   "Put this line into /etc/udev/rules.d/70-redfu.rules:\n"
                   "  %s\n"
                   "then run `sudo udevadm control --reload` and plug the board in again. `redfu "
                   "udev-rules` writes such a file.",
                   redfu_udev_rule(device->vendor, device->product, rule, sizeof rule));
}

// --- Time and life -------------------------------------------------------------------------------

static uint64_t now_us(void *ctx) {
    (void)ctx;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); // cannot fail with a clock every Linux has
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void sleep_ms(void *ctx, uint32_t ms) {
    (void)ctx;
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static void end(void *ctx) {
    libusb_exit(ctx);
}

enum redfu_result redfui_transport_usb(struct transport *transport, struct redfu_fault *fault) {
    libusb_context *ctx;
    int code = libusb_init(&ctx);
    if (code != 0) {
        (void)redfui_fail(fault, REDFU_NO_USB, "USB cannot be used on this computer (libusb: %s)",
                          libusb_strerror(code));
        return redfui_advise(fault,
                             "In a container or virtual machine, /dev/bus/usb must be passed "
                             "through.");
    }
    (void)libusb_set_option(ctx, LIBUSB_OPTION_LOG_LEVEL, LIBUSB_LOG_LEVEL_NONE);
    *transport = (struct transport){
        .ctx = ctx,
        .list = list,
        .open = open_device,
        .close = close_device,
        .claim = claim,
        .set_alternate = set_alternate,
        .control = control,
        .queue = queue,
        .await = await,
        .drop = drop,
        .reset = reset,
        .present = present,
        .explain = explain,
        .wait_change = wait_change,
        .now_us = now_us,
        .sleep_ms = sleep_ms,
        .free = end,
    };
    return REDFU_OK;
}
