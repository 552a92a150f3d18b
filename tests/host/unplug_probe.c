// SPDX-License-Identifier: MIT
//
// A libusb program for vboard to run: tells the bootloader to leave and sees the device go, in a wait
// without a timeout; what it does with the device afterwards must fail as on a real machine.

#include <libusb.h>
#include <stdio.h>
#include <string.h>

#include "spec/dfu.h"

#define OUT_REQUEST 0x21u // host to device, class, interface (DFU 1.1 table 3.2)
#define IN_REQUEST  0xa1u

static int left;

static int on_left(libusb_context *usb, libusb_device *device, libusb_hotplug_event event,
                   void *ctx) {
    (void)usb;
    (void)device;
    (void)event;
    (void)ctx;
    left = 1;
    return 0;
}

static int say(const char *what, int got) {
    printf("%s: %s\n", what, libusb_error_name(got));
    return 1;
}

int main(void) {
    libusb_context *usb;
    if (libusb_init(&usb) != 0) {
        return 2;
    }
    libusb_hotplug_callback_handle handle;
    libusb_hotplug_register_callback(usb, LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0, 0x0483, 0xdf11,
                                     LIBUSB_HOTPLUG_MATCH_ANY, on_left, NULL, &handle);
    libusb_device_handle *device = libusb_open_device_with_vid_pid(usb, 0x0483, 0xdf11);
    if (!device) {
        return say("open", 0);
    }
    int got = libusb_claim_interface(device, 0);
    if (got != 0) {
        return say("claim", got);
    }
    // Another program's claim is refused meanwhile.
    libusb_device_handle *other = libusb_open_device_with_vid_pid(usb, 0x0483, 0xdf11);
    got = other ? libusb_claim_interface(other, 0) : 0;
    if (got != LIBUSB_ERROR_BUSY) {
        return say("a second claim", got);
    }
    libusb_close(other);
    // A request nobody knows is answered with STALL.
    got = libusb_control_transfer(device, IN_REQUEST, 0x55, 0, 0, (unsigned char[8]){0}, 8, 1000);
    if (got != LIBUSB_ERROR_PIPE) {
        return say("an unknown request", got);
    }
    unsigned char status[6];
    unsigned char address[5] = {0x21, 0x00, 0xC0, 0x00, 0x08}; // DfuSe set address (AN3156 3.5)
    libusb_control_transfer(device, OUT_REQUEST, DFU_CLRSTATUS, 0, 0, NULL, 0, 1000);
    got = libusb_control_transfer(device, OUT_REQUEST, DFU_DNLOAD, 0, 0, address, 5, 1000);
    for (int i = 0; i < 2; i++) {
        libusb_control_transfer(device, IN_REQUEST, DFU_GETSTATUS, 0, 0, status, 6, 5000);
    }
    got = got < 0 ? got
                  : libusb_control_transfer(device, OUT_REQUEST, DFU_DNLOAD, 2, 0, NULL, 0, 1000);
    if (got < 0) {
        return say("leave", got);
    }
    libusb_control_transfer(device, IN_REQUEST, DFU_GETSTATUS, 0, 0, status, 6, 5000);
    while (!left) {
        libusb_handle_events(usb);
    }
    got = libusb_control_transfer(device, IN_REQUEST, DFU_GETSTATUS, 0, 0, status, 6, 1000);
    if (got != LIBUSB_ERROR_NO_DEVICE) {
        return say("a transfer after the device left", got);
    }
    libusb_close(device);
    libusb_device **list;
    ssize_t count = libusb_get_device_list(usb, &list);
    if (count != 1) { // the root hub
        printf("%d devices are left\n", (int)count);
        return 1;
    }
    libusb_free_device_list(list, 1);
    libusb_exit(usb);
    printf("left\n");
    return 0;
}
