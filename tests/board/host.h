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
#include "vboard/boards.h"
#include "vboard/chip/chip.h"
#include "vboard/snapshot.h"
#include "vboard/usb/cable.h"
#include "vboard/usb/cable_device.h"
#include "vboard/usb/enumerate.h"

#define FLASH_BASE      0x08000000u
#define APPLICATION     0x0800c000u
#define BLOCK           2048u
// Edges a second of the green LED: 250 ms on, 250 ms off; three flashes.
#define BLINK_0_1_EDGES 4u
#define BLINK_0_2_EDGES 6u

// Which board the next bench_new() makes and whose images bench_image() reads; the first of
// vboard/boards.c until set.
extern const struct board *bench_board;
// How many of vboard's boards, from the first on, redfu-boot is built for (firmware/cross).
#define BENCH_BOARDS 2u

// Rows of a table of cmocka tests, on a board of that name; on the two that redfu-boot has its cores tested on.
int bench_set_board(void **state);
#define BENCH_ON(test, at)                                                                         \
    { #test "#" at, test, bench_set_board, NULL, (void *)board_find(at) }
#define BENCH_ONE(test)  BENCH_ON(test, "stm32f4-discovery")
#define BENCH_EACH(test) BENCH_ONE(test), BENCH_ON(test, "stm32f407-hs")

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct chip *chip;
    struct cable *cable;
    struct enumerator *enumerator;
    const struct usb_device *device; // NULL: none
    // Called whenever time has passed and the simulation stands, also where somebody else than
    // bench_transfer_done() called timeline_stop(); NULL: nobody.
    void (*after_run)(struct bench *bench);
    void *after_run_ctx;
    bool has_ended;           // the transfer that bench_run() waits for
    struct cable_device host; // tests/board/cable_device.h
    struct event pause;
    uint64_t pause_ps;
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

// From now on the simulation stands each `ps`, for after_run.
void bench_pause_every(struct bench *bench, uint64_t ps);
// Everything on the bench, the host and its transfer included (vboard/snapshot.h).
struct snapshot *bench_take(struct bench *bench);

void bench_run(struct bench *bench, uint64_t ps);
void bench_run_ms(struct bench *bench, uint64_t ms);
// Two seconds at most.
void bench_wait_for_device(struct bench *bench);

// done() of a transfer that bench_run() is to wait for; ctx is the bench.
void bench_transfer_done(struct cable_transfer *transfer, void *ctx);
// One control transfer to the device there is (CABLE_GONE: none), taken back with CABLE_CANCELLED after
// `timeout_ps`. *moved: bytes of the data stage.
enum cable_status bench_transfer(struct bench *bench, const struct usb_setup *setup, uint8_t *data,
                                 uint32_t *moved, uint64_t timeout_ps);
// The same to a device address, whatever is there.
enum cable_status bench_transfer_to(struct bench *bench, uint8_t address,
                                    const struct usb_setup *setup, uint8_t *data, uint32_t *moved,
                                    uint64_t timeout_ps);
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
