// SPDX-License-Identifier: MIT
//
// USB 2.0 chapter 9 as a test: what every device has to answer in each of its states, and what the
// bootloader shows besides (BOS, MS OS 1.0 and 2.0, WebUSB). Written from the specifications and knowing
// nothing of core/: it speaks packets' worth of requests to whatever is at the other end.

#ifndef TESTS_SPEC_CHAPTER9_H
#define TESTS_SPEC_CHAPTER9_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/usb.h"

enum chapter9_answer { CHAPTER9_OK, CHAPTER9_STALL, CHAPTER9_SILENCE };

struct chapter9 {
    void *ctx;
    // One control transfer to that address. *moved: bytes of the data stage. Silence: nobody answers
    // at this address.
    enum chapter9_answer (*control)(void *ctx, uint8_t address, const struct usb_setup *setup,
                                    uint8_t *data, uint16_t *moved);
    void (*bus_reset)(void *ctx);
    unsigned alternates;      // alternate settings of interface 0
    bool is_high_speed;       // it can run at high speed
    const char *landing_page; // with its scheme; NULL: none
    bool is_webusb;
    unsigned types; // descriptor types tried, from 0 on: 256 for all
};

// A failed rule is a failed cmocka assertion. The device may be in any state before, and is in the
// default state behind.
void chapter9_descriptors(const struct chapter9 *device);
void chapter9_strings(const struct chapter9 *device);
void chapter9_speeds(const struct chapter9 *device);
void chapter9_addresses(const struct chapter9 *device);
void chapter9_configurations(const struct chapter9 *device);
void chapter9_interfaces(const struct chapter9 *device);
void chapter9_requests(const struct chapter9 *device);
void chapter9_platforms(const struct chapter9 *device);

#endif
