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
#include "core/usbd.h"

struct bootloader {
    const struct port *port;
    const struct boot_ram *rams;
    unsigned ram_count;
    struct usbd usbd;
    struct descriptors descriptors;
    struct dfu dfu;
};

// Everything passed in must outlive the bootloader. The device is not yet visible: the caller then
// calls port->usb_connect(true).
void bootloader_init(struct bootloader *bootloader, const struct port *port,
                     const struct identity *identity, const struct boot_ram *rams,
                     unsigned ram_count);

// Moves everything on; never waits. The main loop calls it and the port's USB poll in turn, without
// pause: programming speed and answers depend on it.
void bootloader_poll(struct bootloader *bootloader);

#endif
