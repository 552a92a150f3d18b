// SPDX-License-Identifier: MIT
//
// A board with redfu-boot on a bench, and a host that talks DfuSe to it in this process, transfer
// by transfer over the cable. For tests: everything that goes wrong is a failed cmocka assertion
// (outside a cmocka test: a message and the end of the process).

#ifndef TESTS_BOARD_HOST_H
#define TESTS_BOARD_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spec/dfu.h"
#include "vboard/chip/chip.h"
#include "vboard/usb/cable.h"
#include "vboard/usb/enumerate.h"

#define FLASH_BASE      0x08000000u
#define APPLICATION     0x0800c000u
#define BLOCK           2048u
// Edges a second of the green LED: 250 ms on, 250 ms off; three flashes.
#define BLINK_0_1_EDGES 4u
#define BLINK_0_2_EDGES 6u

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct chip *chip;
    struct cable *cable;
    struct enumerator *enumerator;
    const struct usb_device *device; // NULL: none
    // Called whenever time has passed and the simulation stands; NULL: nobody.
    void (*after_run)(struct bench *bench);
    void *after_run_ctx;
};

struct image {
    uint8_t bytes[65536];
    uint32_t len;
};

// An image as the build made it: "blink-0.1.bin".
void bench_image(struct image *image, const char *name);
// A board with redfu-boot in it, cable plugged, power not yet on.
struct bench *bench_new(uint32_t hse_hz);
// Asserts that nothing was done that silicon would suffer from in silence, and that no flash access
// met a busy unit.
void bench_free(struct bench *bench);
// Puts an application there without any host.
void bench_place_application(struct bench *bench, const char *name);

void bench_run(struct bench *bench, uint64_t ps);
void bench_run_ms(struct bench *bench, uint64_t ms);
// Two seconds at most.
void bench_wait_for_device(struct bench *bench);

// done() of a transfer that bench_run() is to wait for; ctx is the bench.
void bench_transfer_done(struct cable_transfer *transfer, void *ctx);
// Bytes moved in the data stage; -1 for anything but success. To interface 0.
int bench_control(struct bench *bench, uint8_t bmRequestType, uint8_t bRequest, uint16_t wValue,
                  uint8_t *data, uint16_t len);
// GETSTATUS and the poll timeout; the status is OK.
enum dfu_state bench_dfu_status(struct bench *bench);
void bench_dfu_command(struct bench *bench, uint8_t command, uint32_t addr);
// Erases what the image touches (sectors 3 and 4 at most), and writes it.
void bench_dfu_load(struct bench *bench, struct image *image);
void bench_dfu_leave(struct bench *bench);

void bench_assert_flash_holds(struct bench *bench, const struct image *image);
// The green LED's edges in the next second, looked for each quarter of a millisecond.
unsigned bench_led_edges(struct bench *bench);
void bench_assert_application_runs(struct bench *bench, unsigned edges_a_second);

#endif
