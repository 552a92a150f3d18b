// SPDX-License-Identifier: MIT
//
// What the bootloader needs of a machine: one table of functions with a context pointer.
//
// port/stm32f4 fills it with registers; tests fill it with a strict flash model and a scripted
// host. Nothing here waits: every function starts something or reports, and returns at once.
// All are called from one thread of control (the main loop), never from an interrupt.

#ifndef CORE_PORT_H
#define CORE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/flash_map.h"

// Largest packet of endpoint zero, both directions (USB 2.0 5.5.3: 64 at high speed, and allowed at full).
#define PORT_EP0_BYTES 64u

enum flash_result {
    FLASH_OK = 0,    // done (poll), or accepted (start)
    FLASH_BUSY,      // still working
    FLASH_PROTECTED, // write protection (WRPERR)
    FLASH_FAILED,    // any other error the hardware reports, or it never finished
    FLASH_UNSAFE,    // supply too low to begin; nothing was touched
};

struct port {
    void *ctx;
    const struct flash_map *map;

    // --- USB, endpoint zero -----------------------------------------------------------------
    //
    // The port calls usbd_bus_reset(), usbd_setup(), usbd_out() and usbd_in_done() (core/usbd.h)
    // from its poll function. SETUP packets are always accepted and end whatever was armed.

    // Shows or hides the pull-up. After hiding it the port need not report anything.
    void (*usb_connect)(void *ctx, bool connected);
    // Takes a new device address. Called before the status stage of SET_ADDRESS; the OTG core
    // itself keeps answering the old one until that stage is over (RM0090 34.17.4).
    void (*usb_address)(void *ctx, uint8_t address);
    // Queues one packet of 0 to PORT_EP0_BYTES bytes for the host's next IN; `data` is not used
    // after the return. usbd_in_done() follows when the host has acknowledged it.
    void (*ep0_send)(void *ctx, const uint8_t *data, unsigned len);
    // Lets the next OUT packet in; until then the host's OUTs are NAKed. usbd_out() brings it.
    void (*ep0_receive)(void *ctx);
    // Answers STALL to IN and OUT until the next SETUP.
    void (*ep0_stall)(void *ctx);

    // --- Flash -------------------------------------------------------------------------------
    //
    // One operation at a time: start, then flash_poll() until it says something other than
    // FLASH_BUSY. From start to then nothing may read flash, by data or by fetch
    // (RM0090 3.6: the bus stalls until the operation is over).

    // Starts erasing one sector. Its words read 0xFFFFFFFF when poll reports FLASH_OK; after any
    // other end its contents are undefined.
    enum flash_result (*flash_erase)(void *ctx, unsigned sector);
    // Starts programming `len` bytes, a multiple of 4, at a multiple of 4. `data`, of any
    // alignment, must stay until the end. Programs in ascending order; stops at the first error.
    enum flash_result (*flash_program)(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len);
    // Moves the operation on and reports it. FLASH_OK when none is under way.
    enum flash_result (*flash_poll)(void *ctx);
    // Copies flash to `out`. Not while an operation is under way.
    void (*flash_read)(void *ctx, uint32_t addr, uint8_t *out, uint32_t len);
    // What lies at map->base, if flash can be read there as well, at the same times: faster by far where single
    // words are looked at (the settings). NULL: it cannot.
    const uint8_t *flash;
    // crc32_update() (spec/crc.h) over flash: a multiple of 4 bytes, more than none, at a multiple of 4.
    // Not while an operation is under way.
    uint32_t (*flash_crc)(void *ctx, uint32_t crc, uint32_t addr, uint32_t len);

    // --- The rest ----------------------------------------------------------------------------

    // Milliseconds since start, wrapping; resolution 1 ms.
    uint32_t (*millis)(void *ctx);
    // Resets the system and starts the application afterwards, whatever the button says
    // (the mailbox's MAILBOX_RUN). Does not return on a chip; a test double may.
    void (*run_application)(void *ctx);
    // BOOT_REPORT_LEN bytes for a host that asks why the board is in DFU mode (spec/boot.h); NULL:
    // the request is refused.
    const uint8_t *report;

    // Sets or lifts write protection of the bootloader's sectors, in the chip's option bytes. Only while
    // no flash operation is under way. It waits, unlike the rest: some hundred milliseconds, in which
    // hosts see NAKs. Whether the option bytes now say so. NULL: the request is refused.
    bool (*protect)(void *ctx, bool is_wanted);

    // NULL where the board never lets a host take the chip's read protection away (the default).
    // Whether it can be taken away: the chip is protected, and not for ever (RM0090 3.7.3, level 1).
    bool (*may_unprotect)(void *ctx);
    // Takes it away, which erases all of flash, this bootloader included, and resets. Does not return
    // on a chip; a test double may. Only after may_unprotect() has said yes.
    void (*unprotect)(void *ctx);
};

#endif
