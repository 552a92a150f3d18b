// SPDX-License-Identifier: MIT
//
// Hosts that vanish in the middle of a load, at each packet of it, and the tool that somebody tries
// next: whatever that begins with, a half image does not start after a power cycle. Flash is small
// here, so that every packet of every load can be tried.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/desk.h"

static const struct flash_run runs[] = {{1, 1024}, {2, 2048}, {1, 1024}, {3, 2048}};
static const struct flash_map map = {.base = DESK_FLASH_BASE,
                                     .runs = runs,
                                     .run_count = 4,
                                     .settings_first = 1,
                                     .application_first = 3};
#define APPLICATION 0x08001400u
#define SECTOR_4    0x08001800u
#define BLOCK       256u
// All of sector 3, half of sector 4.
#define IMAGE_BYTES 2048u

static uint8_t old_image[IMAGE_BYTES], new_image[IMAGE_BYTES];

static void make_image(uint8_t *image, unsigned seed) {
    for (uint32_t i = 0; i < IMAGE_BYTES; i++) {
        image[i] = (uint8_t)(seed + i * 7 + (i >> 8));
    }
    store_le32(image, 0x20020000u);
    store_le32(image + 4, APPLICATION + 0x101u + 2 * seed);
}

// --- The load that is broken off -----------------------------------------------------------------

static jmp_buf vanished;
static unsigned packets_left;

static void count_packet(struct desk *desk) {
    (void)desk;
    if (packets_left-- == 0) {
        longjmp(vanished, 1);
    }
}

static void write_sector(struct desk *desk, uint32_t addr, uint32_t len) {
    for (uint32_t done = 0; done < len; done += BLOCK) {
        (void)desk_command(desk, DFUSE_CMD_SET_ADDRESS, addr + done);
        (void)desk_block(desk, 2, new_image + (addr + done - APPLICATION), BLOCK);
    }
}

static void erase_first(struct desk *desk) {
    (void)desk_command(desk, DFUSE_CMD_ERASE, APPLICATION);
    (void)desk_command(desk, DFUSE_CMD_ERASE, SECTOR_4);
    write_sector(desk, APPLICATION, IMAGE_BYTES);
}

// pydfu.
static void sector_by_sector(struct desk *desk) {
    (void)desk_command(desk, DFUSE_CMD_ERASE, APPLICATION);
    write_sector(desk, APPLICATION, 1024);
    (void)desk_command(desk, DFUSE_CMD_ERASE, SECTOR_4);
    write_sector(desk, SECTOR_4, 1024);
}

// The old image's first words stay longest.
static void high_sector_first(struct desk *desk) {
    (void)desk_command(desk, DFUSE_CMD_ERASE, SECTOR_4);
    write_sector(desk, SECTOR_4, 1024);
    (void)desk_command(desk, DFUSE_CMD_ERASE, APPLICATION);
    write_sector(desk, APPLICATION, 1024);
}

static void without_erasing(struct desk *desk) {
    (void)desk_command(desk, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    for (uint32_t done = 0; done < IMAGE_BYTES; done += BLOCK) {
        (void)desk_block(desk, (uint16_t)(2 + done / BLOCK), new_image + done, BLOCK);
    }
}

static void (*const victims[])(struct desk *desk) = {erase_first, sector_by_sector,
                                                     high_sector_first, without_erasing};
#define VICTIMS (sizeof victims / sizeof victims[0])

// --- What the next tool begins with; most of it may be refused -----------------------------------

static void nothing(struct desk *desk) {
    (void)desk;
}

// Within a second of the last block an ABORT may end a load: whose, it does not say (docs).
static void late_abort(struct desk *desk) {
    desk->poll_us = 1000;
    desk_wait_ms(desk, GATE_ABORT_WITHIN_MS + 10);
    desk->poll_us = 10;
    (void)desk_simple(desk, DFU_ABORT);
    (void)desk_getstatus(desk);
    (void)desk_simple(desk, DFU_ABORT);
}

static void clrstatus(struct desk *desk) {
    (void)desk_simple(desk, DFU_CLRSTATUS);
    (void)desk_getstatus(desk);
    (void)desk_simple(desk, DFU_CLRSTATUS);
}

static void getstatus(struct desk *desk) {
    for (unsigned i = 0; i < 5; i++) {
        (void)desk_getstatus(desk);
    }
}

static void upload(struct desk *desk) {
    uint8_t bytes[1024];
    uint16_t len = sizeof bytes;
    (void)desk_upload(desk, 2, bytes, &len);
    (void)desk_getstatus(desk);
}

static void set_address(struct desk *desk) {
    uint8_t command[5] = {DFUSE_CMD_SET_ADDRESS};
    store_le32(command + 1, DESK_FLASH_BASE);
    (void)desk_dnload(desk, 0, command, sizeof command);
    (void)desk_getstatus(desk);
    (void)desk_getstatus(desk);
}

static void set_interface_and_abort(struct desk *desk) {
    desk_set_interface(desk);
    (void)desk_simple(desk, DFU_ABORT);
    set_address(desk);
    (void)desk_simple(desk, DFU_ABORT);
}

static void set_configuration(struct desk *desk) {
    uint16_t len = 0;
    (void)desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len);
}

static void bus_reset_and_abort(struct desk *desk) {
    uint16_t len = 0;
    usbd_bus_reset(&desk->bootloader.usbd);
    (void)desk_control(desk, 0, USB_SET_ADDRESS, 5, 0, NULL, &len);
    set_configuration(desk);
    (void)desk_simple(desk, DFU_ABORT);
    (void)desk_getstatus(desk);
}

static void leave(struct desk *desk) {
    set_address(desk);
    (void)desk_dnload(desk, 0, NULL, 0);
    (void)desk_getstatus(desk);
}

static void set_interface_and_leave(struct desk *desk) {
    desk_set_interface(desk);
    (void)desk_simple(desk, DFU_CLRSTATUS);
    (void)desk_simple(desk, DFU_ABORT);
    leave(desk);
}

static void as_cube_programmer_connects(struct desk *desk) {
    set_configuration(desk);
    (void)desk_simple(desk, DFU_ABORT);
    set_address(desk);
    upload(desk);
    (void)desk_simple(desk, DFU_ABORT);
    upload(desk);
    (void)desk_simple(desk, DFU_ABORT);
}

// A tool that sends no SET_INTERFACE (a browser, for alternate setting 0). It asks where the device is first, and may be told the end
// of a block that is none of its own.
static void find_it_in_the_middle(struct desk *desk) {
    desk->poll_us = 1000;
    desk_wait_ms(desk, DFU_SILENCE_MS + 10);
    desk->poll_us = 10;
    getstatus(desk);
}

static void late_abort_and_leave(struct desk *desk) {
    find_it_in_the_middle(desk);
    (void)desk_simple(desk, DFU_ABORT);
    (void)desk_getstatus(desk);
    leave(desk);
}

// webdfu, Betaflight Configurator.
static void late_clrstatus_and_leave(struct desk *desk) {
    find_it_in_the_middle(desk);
    (void)desk_simple(desk, DFU_CLRSTATUS);
    (void)desk_getstatus(desk);
    leave(desk);
}

static void (*const openings[])(struct desk *desk) = {nothing,
                                                      late_abort,
                                                      late_abort_and_leave,
                                                      late_clrstatus_and_leave,
                                                      clrstatus,
                                                      getstatus,
                                                      upload,
                                                      set_address,
                                                      set_interface_and_abort,
                                                      bus_reset_and_abort,
                                                      set_interface_and_leave,
                                                      as_cube_programmer_connects};
#define OPENINGS (sizeof openings / sizeof openings[0])

// --- One case, and all of them -------------------------------------------------------------------

// Until flash work is done.
static void settle(struct desk *desk) {
    desk_wait_ms(desk, 10);
    desk->poll_us = 5000;
    desk_wait_ms(desk, GATE_QUIET_MS + 20);
    desk->poll_us = 10;
    assert_true(update_is_idle(&desk->bootloader.dfu.update));
    assert_int_equal(desk->bootloader.dfu.gate.step, GATE_IDLE);
}

static bool holds(const struct desk *desk, const uint8_t *image) {
    return memcmp(desk->flash + APPLICATION - DESK_FLASH_BASE, image, IMAGE_BYTES) == 0;
}

static bool lives_to_the_end(struct desk *desk, void (*victim)(struct desk *desk)) {
    if (setjmp(vanished) != 0) {
        return false;
    }
    desk->before_packet = count_packet;
    victim(desk);
    return true;
}

// The old image may start, whole, if nothing was changed yet. The new one may not: all its
// packets but the last few may have come, but nobody has said that these were all.
static void no_packet_is_a_good_one_to_vanish_at(void **state) {
    struct desk *desk = *state;
    unsigned cases = 0, started = 0;
    for (unsigned victim = 0; victim < VICTIMS; victim++) {
        for (unsigned opening = 0; opening < OPENINGS; opening++) {
            bool is_over = false;
            for (unsigned packets = 0; !is_over; packets++) {
                memset(desk->flash, 0xff, flash_end(&map) - DESK_FLASH_BASE);
                memcpy(desk->flash + APPLICATION - DESK_FLASH_BASE, old_image, IMAGE_BYTES);
                desk_start(desk);
                settle(desk);
                desk_set_interface(desk);
                packets_left = packets;
                is_over = lives_to_the_end(desk, victims[victim]);
                desk->before_packet = NULL;
                openings[opening](desk);
                settle(desk);
                desk_start(desk);
                settle(desk);
                bool starts = desk_would_start(desk);
                if (starts && (!holds(desk, old_image) || is_over)) {
                    fail_msg("unit.core_gate_dead_hosts#victim=%u,opening=%u,packets=%u", victim,
                             opening, packets);
                }
                cases++;
                started += starts;
            }
        }
    }
    printf("unit.core_gate_dead_hosts: %u cases, the old image started after %u\n", cases, started);
    // All of it happened: a load has more than 100 packets, and the first few change nothing.
    assert_true(cases > VICTIMS * OPENINGS * 100);
    assert_in_range(started, VICTIMS * OPENINGS * 2, cases / 10);
}

static int setup(void **state) {
    struct desk *desk = desk_new_with(&map);
    desk->poll_us = 10;
    desk->erase_us = 300;
    desk->word_us = 1;
    make_image(old_image, 1);
    make_image(new_image, 2);
    *state = desk;
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_packet_is_a_good_one_to_vanish_at, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
