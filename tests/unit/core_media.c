// SPDX-License-Identifier: MIT
//
// What lies behind the alternate settings, and the commands that concern a medium as a whole: mass
// erase and read unprotect.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "spec/dfu.h"
#include "spec/settings_list.h"
#include "tests/unit/desk.h"

// Nine sectors make 7.8 s, the typical time of the F407 (DS8626 table 40).
#define TYPICAL_US (7800000u / 9u)

static int setup(void **state) {
    *state = desk_new();
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

static void assert_status(struct desk_status got, unsigned status, unsigned state) {
    assert_int_equal(got.result, DESK_OK);
    assert_string_equal(dfu_status_name(got.status), dfu_status_name(status));
    assert_string_equal(dfu_state_name(got.state), dfu_state_name(state));
}

static void assert_ok(struct desk_status got) {
    assert_status(got, DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
}

static enum desk_result set_interface(struct desk *desk, unsigned alternate) {
    uint16_t len = 0;
    return desk_control(desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, (uint16_t)alternate, 0,
                        NULL, &len);
}

static enum desk_result command_byte(struct desk *desk, uint8_t command) {
    return desk_dnload(desk, 0, &command, 1);
}

static void make_image(uint8_t *image, unsigned len) {
    for (unsigned i = 0; i < len; i++) {
        image[i] = (uint8_t)(i * 5 + 1);
    }
    store_le32(image, 0x20010000);
    store_le32(image + 4, DESK_APPLICATION + 0x101);
}

// --- Mass erase ----------------------------------------------------------------------------------

static void mass_erase_as_dfu_util(struct desk *desk) {
    assert_int_equal(command_byte(desk, DFUSE_CMD_ERASE), DESK_OK);
    struct desk_status status = desk_getstatus(desk);
    assert_status(status, DFU_STATUS_OK, DFU_STATE_DNBUSY);
    while (status.state == DFU_STATE_DNBUSY) {
        assert_in_range(status.poll_ms, 1, 20000);
        assert_int_not_equal(status.poll_ms, 100); // which it would take for 35 s
        desk_wait_ms(desk, status.poll_ms);
        status = desk_getstatus(desk);
    }
    assert_ok(status);
}

static void mass_erase_takes_the_application_and_nothing_else(void **state) {
    struct desk *desk = *state;
    memset(desk->flash, 0x5a, 0x4000);
    memset(desk->flash + 0xc000, 0, DESK_FLASH_BYTES - 0xc000);
    desk->poll_us = 100;
    mass_erase_as_dfu_util(desk);
    for (unsigned i = 0; i < DESK_FLASH_BYTES; i++) {
        if (i < 0x4000) {
            assert_int_equal(desk->flash[i], 0x5a);
        } else if (i >= 0xc000) {
            assert_int_equal(desk->flash[i], 0xff);
        }
    }
    for (unsigned sector = 0; sector < 12; sector++) {
        assert_int_equal(desk->erases[sector], sector >= 3);
    }
}

static void mass_erase_asks_for_the_time_it_takes(void **state) {
    struct desk *desk = *state;
    desk->poll_us = 100;
    desk->erase_us = TYPICAL_US;
    assert_int_equal(command_byte(desk, DFUSE_CMD_ERASE), DESK_OK);
    uint64_t began = desk->now_us;
    struct desk_status status = desk_getstatus(desk);
    assert_status(status, DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_true(desk->now_us - began <= 4001000);
    assert_in_range(status.poll_ms, 3500, 4200); // what is left of 7.8 s
    desk_wait_ms(desk, status.poll_ms);
    assert_ok(desk_getstatus(desk)); // a host that waited is not told "busy" again
}

// It asks again at once, and gives up on a second dfuDNBUSY.
static void mass_erase_by_pydfu_is_over_at_the_second_status(void **state) {
    struct desk *desk = *state;
    desk->poll_us = 100;
    desk->erase_us = TYPICAL_US;
    assert_int_equal(command_byte(desk, DFUSE_CMD_ERASE), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_ok(desk_getstatus(desk));
}

static void a_slow_mass_erase_is_told_by_polls_and_clrstatus_does_not_end_it(void **state) {
    struct desk *desk = *state;
    desk->poll_us = 100;
    desk->erase_us = 2000000; // the maximum for each sector: 18 s
    assert_int_equal(command_byte(desk, DFUSE_CMD_ERASE), DESK_OK);
    uint64_t began = desk->now_us;
    unsigned busy = 0;
    struct desk_status status = desk_getstatus(desk);
    uint32_t poll_before = UINT32_MAX;
    for (; status.state == DFU_STATE_DNBUSY; status = desk_getstatus(desk), busy++) {
        assert_true(busy < 2 || status.poll_ms < poll_before); // progress is to be seen
        poll_before = status.poll_ms;
        // What STM32CubeProgrammer does then.
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    assert_ok(status);
    assert_in_range(desk->now_us - began, 18000000, 18700000);
    assert_int_equal(desk->erases[11], 1);
    assert_int_equal(busy, 4);
}

static void mass_erase_then_load_then_leave_starts(void **state) {
    struct desk *desk = *state;
    uint8_t image[2048];
    make_image(image, sizeof image);
    desk_put_application(desk);
    desk->poll_us = 10;
    mass_erase_as_dfu_util(desk);
    assert_false(desk_would_start(desk));
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    assert_ok(desk_block(desk, 2, image, sizeof image));
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST);
    desk_wait_ms(desk, 200);
    assert_true(desk->ran);
    assert_true(desk_would_start(desk));
}

// The rule that ABORT ends a load goes by the list of erased sectors, and there is none.
static void mass_erase_adds_nothing_to_the_erase_list(void **state) {
    struct desk *desk = *state;
    uint8_t image[2048];
    make_image(image, sizeof image);
    desk->poll_us = 10;
    for (unsigned with_dead_host = 0; with_dead_host < 2; with_dead_host++) {
        if (with_dead_host) { // its list is not the next host's
            assert_ok(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION));
            assert_int_equal(set_interface(desk, 0), DESK_OK);
        }
        mass_erase_as_dfu_util(desk);
        assert_ok(desk_block(desk, 2, image, sizeof image));
        assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
        desk_wait_ms(desk, GATE_QUIET_MS + 100);
        assert_false(desk_would_start(desk));
    }
}

static void a_failing_mass_erase_stops_there_and_says_so(void **state) {
    struct desk *desk = *state;
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION)); // opens the gate
    assert_int_equal(command_byte(desk, DFUSE_CMD_ERASE), DESK_OK);
    desk->fail_next = FLASH_FAILED;
    desk->erase_us = 1000;
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_status(desk_getstatus(desk), DFU_STATUS_ERR_ERASE, DFU_STATE_ERROR);
    assert_int_equal(desk->erases[4], 0);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    mass_erase_as_dfu_util(desk); // and can be repeated
}

static void a_bus_reset_during_a_mass_erase_leaves_a_usable_device(void **state) {
    struct desk *desk = *state;
    uint16_t len = 0;
    desk->poll_us = 100;
    desk->erase_us = TYPICAL_US;
    assert_int_equal(command_byte(desk, DFUSE_CMD_ERASE), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    usbd_bus_reset(&desk->bootloader.usbd);
    assert_int_equal(desk_control(desk, 0, USB_SET_ADDRESS, 6, 0, NULL, &len), DESK_OK);
    assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len), DESK_OK);
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION));
    assert_int_equal(desk->erases[3], 2);
    assert_int_equal(desk->erases[11], 0); // nobody waits for it
}

static void bus_reset(struct desk *desk) {
    uint16_t len = 0;
    usbd_bus_reset(&desk->bootloader.usbd);
    assert_int_equal(desk_control(desk, 0, USB_SET_ADDRESS, 6, 0, NULL, &len), DESK_OK);
    assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len), DESK_OK);
}

static void open_anew(struct desk *desk) {
    assert_int_equal(set_interface(desk, 0), DESK_OK);
}

// Not allowed while busy; so the device is in dfuERROR, and the erase goes on.
static void ask_for_the_wrong_thing(struct desk *desk) {
    uint8_t bytes[16];
    uint16_t len = sizeof bytes;
    assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_STALL);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
}

// Flash cannot be read while it is erased, and nobody waits for eighteen seconds.
static void a_mass_erase_given_up_ends_with_its_sector(void **state) {
    (void)state;
    static void (*const ways[])(struct desk * desk) = {bus_reset, open_anew,
                                                       ask_for_the_wrong_thing};
    uint8_t image[2048];
    make_image(image, sizeof image);
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct desk *desk = desk_new();
        uint16_t len = sizeof image;
        uint8_t bytes[sizeof image];
        desk->poll_us = 100;
        desk->erase_us = 2000000; // a sector's maximum
        desk_put_application(desk);
        assert_int_equal(command_byte(desk, DFUSE_CMD_ERASE), DESK_OK);
        assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
        ways[i](desk);
        uint64_t began = desk->now_us;
        assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_OK);
        assert_in_range(desk->now_us - began, 0, 2100000);
        assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
        desk_wait_ms(desk, 20000);
        assert_int_equal(desk->erases[11], 0);
        assert_false(desk_would_start(desk));
        assert_ok(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION));
        assert_ok(desk_block(desk, 2, image, sizeof image));
        assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
        assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST);
        assert_true(desk_would_start(desk));
        desk_free(desk);
    }
}

// --- Read unprotect ------------------------------------------------------------------------------

static bool is_protected, is_wiped;

static bool may_unprotect(void *ctx) {
    (void)ctx;
    return is_protected;
}

static void unprotect(void *ctx) {
    (void)ctx;
    is_wiped = true;
}

static unsigned commands(struct desk *desk, uint8_t bytes[8]) {
    uint16_t len = 8;
    assert_int_equal(desk_upload(desk, 0, bytes, &len), DESK_OK);
    return len;
}

static void assert_unprotect_is_refused(struct desk *desk) {
    uint8_t bytes[8];
    assert_int_equal(commands(desk, bytes), 3);
    assert_memory_equal(bytes, "\x00\x21\x41", 3);
    assert_int_equal(command_byte(desk, DFUSE_CMD_READ_UNPROTECT), DESK_STALL);
    struct desk_status status = desk_getstatus(desk);
    assert_status(status, DFU_STATUS_ERR_STALLEDPKT, DFU_STATE_ERROR);
    assert_int_equal(status.string, DESCRIPTORS_PROTECTED_STRING);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    desk_wait_ms(desk, 2000);
    assert_false(is_wiped);
}

static void read_unprotect_is_refused_unless_board_and_chip_allow_it(void **state) {
    struct desk *desk = *state;
    is_wiped = false;
    is_protected = true;
    assert_unprotect_is_refused(desk); // the board does not
    desk->port.may_unprotect = may_unprotect;
    desk->port.unprotect = unprotect;
    is_protected = false;
    assert_unprotect_is_refused(desk); // the chip is not protected
}

static void read_unprotect_disconnects_then_wipes(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[8];
    is_wiped = false;
    is_protected = true;
    desk->port.may_unprotect = may_unprotect;
    desk->port.unprotect = unprotect;
    desk->connected = true;
    assert_int_equal(commands(desk, bytes), 4);
    assert_memory_equal(bytes, "\x00\x21\x41\x92", 4);
    assert_int_equal(desk_dnload(desk, 0, "\x92\0\0\0\0", 5), DESK_STALL); // of a wrong length
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_int_equal(command_byte(desk, DFUSE_CMD_READ_UNPROTECT), DESK_OK);
    desk_wait_ms(desk, 2000);
    assert_false(is_wiped); // nothing happens before the host has asked
    uint64_t began = desk->now_us;
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_true(desk->now_us - began < 10000); // not held: dfu-util returns after this one
    assert_true(desk->connected);
    desk_wait_ms(desk, 200);
    assert_false(desk->connected);
    assert_true(is_wiped);
    assert_false(desk->ran);
}

// --- Alternate settings --------------------------------------------------------------------------

static void set_interface_takes_what_there_is_and_get_interface_tells(void **state) {
    struct desk *desk = *state;
    for (unsigned alternate = 0; alternate < 3; alternate++) {
        uint8_t value = 0xff;
        uint16_t len = 1;
        assert_int_equal(set_interface(desk, alternate), DESK_OK);
        assert_int_equal(set_interface(desk, 3), DESK_STALL);
        assert_int_equal(set_interface(desk, 0x100 + alternate), DESK_STALL);
        assert_int_equal(desk_control(desk, USB_DIR_IN | USB_RECIPIENT_INTERFACE, USB_GET_INTERFACE,
                                      0, 0, &value, &len),
                         DESK_OK);
        assert_int_equal(value, alternate);
    }
}

static void a_board_can_show_the_flash_alone(void **state) {
    struct desk *desk = *state;
    struct identity identity = *desk->bootloader.descriptors.identity;
    identity.only_flash = true;
    bootloader_init(&desk->bootloader, &desk->port, &identity, desk->areas);
    usbd_bus_reset(&desk->bootloader.usbd);
    uint16_t len = 0;
    uint8_t data[64];
    assert_int_equal(desk_control(desk, 0, USB_SET_ADDRESS, 5, 0, NULL, &len), DESK_OK);
    assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len), DESK_OK);
    assert_int_equal(set_interface(desk, 0), DESK_OK);
    assert_int_equal(set_interface(desk, 1), DESK_STALL);
    len = sizeof data;
    assert_int_equal(desk_control(desk, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_CONFIGURATION << 8,
                                  0, data, &len),
                     DESK_OK);
    assert_int_equal(len, 27);
    assert_int_equal(desk_control(desk, USB_DIR_IN, USB_GET_DESCRIPTOR,
                                  USB_DT_STRING << 8 | (DESCRIPTORS_ALTERNATE_STRING + 1), 0x409,
                                  data, &len),
                     DESK_STALL);
}

static void the_pointer_starts_where_the_medium_says(void **state) {
    struct desk *desk = *state;
    static const uint32_t starts[] = {DESK_APPLICATION, DESK_APPLICATION, SETTINGS_LIST_ADDRESS};
    for (unsigned alternate = 0; alternate < 3; alternate++) {
        assert_int_equal(set_interface(desk, alternate), DESK_OK);
        assert_int_equal(desk->bootloader.dfu.pointer, starts[alternate]);
        assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, starts[alternate] + 256));
        assert_int_equal(set_interface(desk, alternate), DESK_OK);
        assert_int_equal(desk->bootloader.dfu.pointer, starts[alternate]);
    }
}

static void a_bus_reset_resets_the_pointer_and_chooses_alternate_0(void **state) {
    struct desk *desk = *state;
    uint16_t len = 0;
    uint8_t bytes[64];
    memset(desk->flash + 0xc000, 0x11, 64);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x08040000));
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    usbd_bus_reset(&desk->bootloader.usbd);
    assert_int_equal(desk_control(desk, 0, USB_SET_ADDRESS, 6, 0, NULL, &len), DESK_OK);
    assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len), DESK_OK);
    len = sizeof bytes;
    assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_OK);
    assert_int_equal(len, 64);
    assert_memory_equal(bytes, desk->flash + 0xc000, 64);
}

static void an_address_belongs_to_its_medium(void **state) {
    struct desk *desk = *state;
    static const struct {
        unsigned alternate;
        uint32_t addr;
        bool is_inside;
    } cases[] = {
        {0, 0x08000000, true},
        {0, SETTINGS_LIST_ADDRESS, false},
        {1, 0x08000000, false},
        {1, 0x0800bfff, false},
        {1, 0x0800c000, true},
        {1, 0x080fffff, true},
        {1, 0x08100000, false},
        {2, 0x0800c000, false},
        {2, SETTINGS_LIST_ADDRESS - 1, false},
        {2, SETTINGS_LIST_ADDRESS + SETTINGS_LIST_BYTES - 1, true},
        {2, SETTINGS_LIST_ADDRESS + SETTINGS_LIST_BYTES, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(set_interface(desk, cases[i].alternate), DESK_OK);
        struct desk_status status = desk_command(desk, DFUSE_CMD_SET_ADDRESS, cases[i].addr);
        assert_int_equal(status.status,
                         cases[i].is_inside ? DFU_STATUS_OK : DFU_STATUS_ERR_ADDRESS);
        assert_int_equal(desk_simple(desk, cases[i].is_inside ? DFU_ABORT : DFU_CLRSTATUS),
                         DESK_OK);
    }
}

static void the_application_can_be_loaded_and_read_by_alternate_1(void **state) {
    struct desk *desk = *state;
    uint8_t image[2048];
    make_image(image, sizeof image);
    assert_int_equal(set_interface(desk, 1), DESK_OK);
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION));
    assert_ok(desk_block(desk, 2, image, sizeof image)); // the pointer is there already
    desk_wait_ms(desk, 20);
    assert_false(desk_would_start(desk));
    desk_assert_reads(desk, DESK_APPLICATION, image, sizeof image);
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST);
    assert_true(desk_would_start(desk));
}

// --- Settings ------------------------------------------------------------------------------------

static unsigned read_list(struct desk *desk, uint8_t *list) {
    uint16_t len = 2048;
    assert_int_equal(desk_upload(desk, 2, list, &len), DESK_OK);
    return len;
}

static unsigned put(uint8_t *at, unsigned key, const char *value) {
    store_le32(at, key | (uint32_t)strlen(value) << 16 | SETTINGS_LIST_VALUE << 24);
    memcpy(at + SETTINGS_LIST_HEAD, value, strlen(value));
    return SETTINGS_LIST_HEAD + (unsigned)strlen(value);
}

static void settings_are_written_and_read_back_and_last(void **state) {
    struct desk *desk = *state;
    uint8_t list[2048], changes[64];
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    unsigned empty = read_list(desk, list);
    assert_int_equal(empty, SETTINGS_LIST_HEAD + SETTINGS_LIST_INFO_LEN);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE); // a short frame
    unsigned len = put(changes, 0x1234, "blue");
    assert_ok(desk_block(desk, 2, changes, (uint16_t)len));
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(read_list(desk, list), empty + len);
        assert_memory_equal(list + empty, changes, len);
        desk_start(desk); // power comes anew
        desk_wait_ms(desk, 50);
        assert_int_equal(set_interface(desk, 2), DESK_OK);
    }
    assert_int_equal(desk->erases[3], 0);
}

static void assert_errWRITE(struct desk *desk, const uint8_t *changes, unsigned len,
                            unsigned string) {
    struct desk_status status = desk_block(desk, 2, changes, (uint16_t)len);
    assert_status(status, DFU_STATUS_ERR_WRITE, DFU_STATE_ERROR);
    assert_int_equal(status.string, string);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
}

static void settings_beside_foreign_pages_are_errWRITE_with_the_way_out(void **state) {
    struct desk *desk = *state;
    uint8_t changes[64], before[0x8000];
    memset(desk->flash + 0x4000, 0xff, 0x8000);
    store_le32(desk->flash + 0x4000, 0xffff0000u); // AN3969: valid page
    store_le32(desk->flash + 0x4004, 0x55551234u);
    memcpy(before, desk->flash + 0x4000, sizeof before);
    desk_start(desk);
    desk_wait_ms(desk, DESK_PREPARED_MS);
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    unsigned len = put(changes, 0x1234, "blue");
    assert_errWRITE(desk, changes, len, DESCRIPTORS_NO_RECORD_STRING);
    assert_memory_equal(desk->flash + 0x4000, before, sizeof before);
    // What `redfu settings import` sends: begin, beside the page, which stays.
    len = put(changes, SETTINGS_LIST_BEGIN, "");
    len += put(changes + len, 0x1234, "blue");
    assert_ok(desk_block(desk, 2, changes, (uint16_t)len));
    assert_int_equal(load_le32(desk->flash + 0x4000), 0xffff0000u);
    assert_int_equal(load_le32(desk->flash + 0x4004), 0x55551234u);
}

static void a_setting_for_which_there_is_no_room_is_errWRITE_and_changes_nothing(void **state) {
    struct desk *desk = *state;
    struct settings *settings = &desk->bootloader.dfu.gate.settings;
    uint8_t changes[64], value[SETTINGS_VALUE_MAX] = {1};
    enum settings_result result = SETTINGS_OK;
    for (uint16_t key = 0; result == SETTINGS_OK; key++) {
        result = settings_set(settings, key, value, sizeof value);
        while (result == SETTINGS_BUSY) {
            desk->now_us += 5000;
            result = settings_poll(settings);
        }
    }
    assert_int_equal(result, SETTINGS_FULL);
    uint32_t room = settings_room(settings);
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    char text[201];
    memset(text, 'x', 200);
    text[200] = '\0';
    uint8_t large[256];
    assert_errWRITE(desk, large, put(large, 0x3000, text), DESCRIPTORS_FULL_STRING);
    assert_int_equal(settings_room(settings), room);
    // And goes on: one that is given up makes room for it.
    store_le32(changes, 3u | SETTINGS_LIST_REMOVAL << 24);
    assert_ok(desk_block(desk, 2, changes, SETTINGS_LIST_HEAD));
    assert_ok(desk_block(desk, 2, large, (uint16_t)put(large, 0x3000, text)));
}

static void settings_can_be_written_while_the_application_is_half_loaded(void **state) {
    struct desk *desk = *state;
    uint8_t image[2048], changes[64];
    make_image(image, sizeof image);
    assert_ok(desk_block(desk, 2, image, sizeof image));
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    assert_ok(desk_block(desk, 2, changes, (uint16_t)put(changes, 0x1234, "blue")));
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    desk_wait_ms(desk, GATE_QUIET_MS + 100);
    assert_false(desk_would_start(desk)); // and do not make it whole
    assert_true(gate_is_receiving(&desk->bootloader.dfu.gate));
}

static void a_host_cannot_touch_the_receiving_record(void **state) {
    struct desk *desk = *state;
    uint8_t image[2048], changes[64];
    make_image(image, sizeof image);
    assert_ok(desk_block(desk, 2, image, sizeof image));
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    store_le32(changes, SETTINGS_KEY_RECEIVING | SETTINGS_LIST_REMOVAL << 24);
    struct desk_status status = desk_block(desk, 2, changes, 4);
    assert_status(status, DFU_STATUS_ERR_FILE, DFU_STATE_ERROR);
    assert_int_equal(status.string, DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_FILE));
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_false(desk_would_start(desk));
}

static void the_settings_cannot_be_erased(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[8];
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    assert_int_equal(commands(desk, bytes), 2);
    assert_memory_equal(bytes, "\x00\x21", 2);
    assert_status(desk_command(desk, DFUSE_CMD_ERASE, SETTINGS_LIST_ADDRESS),
                  DFU_STATUS_ERR_ADDRESS, DFU_STATE_ERROR);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_int_equal(command_byte(desk, DFUSE_CMD_ERASE), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_status(desk_getstatus(desk), DFU_STATUS_ERR_ADDRESS, DFU_STATE_ERROR);
    for (unsigned sector = 0; sector < 12; sector++) {
        assert_int_equal(desk->erases[sector], 0);
    }
}

static void a_settings_block_past_the_end_is_refused(void **state) {
    struct desk *desk = *state;
    uint8_t changes[64];
    uint16_t len = (uint16_t)put(changes, 0x1234, "blue");
    uint16_t past = 2 + SETTINGS_LIST_BYTES / UPDATE_BLOCK_BYTES;
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    assert_ok(desk_block(desk, (uint16_t)(past - 1), changes, len));
    assert_status(desk_block(desk, past, changes, len), DFU_STATUS_ERR_ADDRESS, DFU_STATE_ERROR);
}

static void a_bus_reset_while_settings_are_written_loses_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t list[2048], changes[64];
    uint16_t none = 0;
    unsigned len = put(changes, 0x1234, "blue");
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    assert_int_equal(desk_dnload(desk, 2, changes, (uint16_t)len), DESK_OK);
    desk->word_us = 500; // so that there is something to interrupt
    desk_setup_only(desk, USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_GETSTATUS, 0,
                    0, DFU_STATUS_LEN);
    desk->queued = false;
    usbd_in_done(&desk->bootloader.usbd);
    for (unsigned i = 0; i < 10 && !desk->busy; i++) {
        desk_poll(desk);
    }
    assert_true(desk->busy);
    usbd_bus_reset(&desk->bootloader.usbd);
    assert_int_equal(desk_control(desk, 0, USB_SET_ADDRESS, 6, 0, NULL, &none), DESK_OK);
    assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &none), DESK_OK);
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION)); // waits for the store
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    assert_int_equal(read_list(desk, list), SETTINGS_LIST_HEAD + SETTINGS_LIST_INFO_LEN + len);
}

// A list of a hundred values on slow flash, and the host loses patience.
static void a_list_given_up_ends_with_its_record(void **state) {
    struct desk *desk = *state;
    uint8_t list[2048], changes[2048];
    unsigned len = 0;
    for (unsigned i = 0; i < 100; i++) {
        len += put(changes + len, 0x1000 + i, "a value");
    }
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    desk->poll_us = 100;
    desk->word_us = 20000; // 10 s in all
    assert_int_equal(desk_dnload(desk, 2, changes, (uint16_t)len), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_int_equal(set_interface(desk, 2), DESK_OK);
    uint64_t began = desk->now_us;
    unsigned got = read_list(desk, list) - SETTINGS_LIST_HEAD - SETTINGS_LIST_INFO_LEN;
    assert_in_range(desk->now_us - began, 0, 500000);
    assert_in_range(got, 10, len - 1);
    assert_memory_equal(list + SETTINGS_LIST_HEAD + SETTINGS_LIST_INFO_LEN, changes, got);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(mass_erase_takes_the_application_and_nothing_else),
        TEST(mass_erase_asks_for_the_time_it_takes),
        TEST(mass_erase_by_pydfu_is_over_at_the_second_status),
        TEST(a_slow_mass_erase_is_told_by_polls_and_clrstatus_does_not_end_it),
        TEST(mass_erase_then_load_then_leave_starts),
        TEST(mass_erase_adds_nothing_to_the_erase_list),
        TEST(a_failing_mass_erase_stops_there_and_says_so),
        TEST(a_bus_reset_during_a_mass_erase_leaves_a_usable_device),
        TEST(a_mass_erase_given_up_ends_with_its_sector),
        TEST(read_unprotect_is_refused_unless_board_and_chip_allow_it),
        TEST(read_unprotect_disconnects_then_wipes),
        TEST(set_interface_takes_what_there_is_and_get_interface_tells),
        TEST(a_board_can_show_the_flash_alone),
        TEST(the_pointer_starts_where_the_medium_says),
        TEST(a_bus_reset_resets_the_pointer_and_chooses_alternate_0),
        TEST(an_address_belongs_to_its_medium),
        TEST(the_application_can_be_loaded_and_read_by_alternate_1),
        TEST(settings_are_written_and_read_back_and_last),
        TEST(settings_beside_foreign_pages_are_errWRITE_with_the_way_out),
        TEST(a_setting_for_which_there_is_no_room_is_errWRITE_and_changes_nothing),
        TEST(settings_can_be_written_while_the_application_is_half_loaded),
        TEST(a_host_cannot_touch_the_receiving_record),
        TEST(the_settings_cannot_be_erased),
        TEST(a_settings_block_past_the_end_is_refused),
        TEST(a_bus_reset_while_settings_are_written_loses_nothing),
        TEST(a_list_given_up_ends_with_its_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
