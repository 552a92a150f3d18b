// SPDX-License-Identifier: MIT
//
// The bootloader in DFU mode, put together: USB, descriptors, DFU. One struct, owned by the caller;
// several may live in one process.

#ifndef CORE_BOOTLOADER_H
#define CORE_BOOTLOADER_H

#include "core/boot.h"
#include "core/descriptors.h"
#include "core/dfu.h"
#include "core/port.h"
#include "core/region_hash.h"
#include "core/usbd.h"

struct bootloader {
    const struct port *port;
    const struct boot_area *areas;
    struct usbd usbd;
    struct descriptors descriptors;
    struct dfu dfu;
    struct region_hash hash;
};

// Everything passed in must outlive the bootloader; `areas` as in boot_vectors_are_sane(). The device is
// not yet visible: the caller then calls port->usb_connect(true).
void bootloader_init(struct bootloader *bootloader, const struct port *port,
                     const struct identity *identity, const struct boot_area *areas);

// Moves everything on; never waits. The main loop calls it and the port's USB poll in turn, without
// pause while it says true: programming speed and answers depend on it. False: nothing to do until USB
// brings something; but called at least every few milliseconds even so, for what goes by time.
bool bootloader_poll(struct bootloader *bootloader);

#endif
