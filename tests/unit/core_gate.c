// SPDX-License-Identifier: MIT
//
// The gate, rule by rule (design D4). Whether the board would start the application at its next
// reset is asked of flash alone, as the boot stage does. Hosts that die: core_gate_dead_hosts.c.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/crc.h"
#include "spec/stamp.h"
#include "tests/unit/desk.h"

#define SECTOR_4    0x08010000u
#define DATA_SECTOR 0x080e0000u
#define SECTOR_5    0x08020000u
// Ends 2 KB into sector 4: so sectors 3 and 4 are touched.
#define IMAGE_BYTES (16u * 1024 + 2048)
#define BLOCK       2048u

static struct desk *new_desk(void) {
    struct desk *desk = desk_new();
    // Times do not matter here but that they are there: a turn in which flash is busy.
    desk->erase_us = 300;
    desk->word_us = 1;
    return desk;
}

static int setup(void **state) {
    *state = new_desk();
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

static void make_image(uint8_t *image, uint32_t len, unsigned seed) {
    for (uint32_t i = 0; i < len; i++) {
        image[i] = (uint8_t)(seed + i * 7 + (i >> 8));
    }
    store_le32(image, 0x20020000u);
    store_le32(image + 4, DESK_APPLICATION + 0x101u + 2 * seed);
}

// Puts a stamp behind `len` bytes; there must be room.
static void seal(uint8_t *image, uint32_t len, uint32_t crc_error) {
    struct stamp stamp = {len, crc32_update(CRC32_START, image, len) ^ crc_error};
    stamp_store(&stamp, image + len);
}

static const uint8_t *flash_at(const struct desk *desk, uint32_t addr) {
    return desk->flash + addr - DESK_FLASH_BASE;
}

static void assert_ok(struct desk_status status) {
    assert_int_equal(status.result, DESK_OK);
    assert_string_equal(dfu_status_name(status.status), dfu_status_name(DFU_STATUS_OK));
    assert_string_equal(dfu_state_name(status.state), dfu_state_name(DFU_STATE_DNLOAD_IDLE));
}

static void erase(struct desk *desk, uint32_t addr) {
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, addr));
}

// Set address and one block, as dfu-util and pydfu send it.
static void block(struct desk *desk, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, addr));
    assert_ok(desk_block(desk, 2, bytes, (uint16_t)len));
}

static void write_from(struct desk *desk, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    for (uint32_t done = 0; done < len; done += BLOCK) {
        block(desk, addr + done, bytes + done, len - done < BLOCK ? len - done : BLOCK);
    }
}

static void load(struct desk *desk, const uint8_t *image, uint32_t len) {
    for (unsigned sector = 3; flash_sector_address(&desk_map, sector) < DESK_APPLICATION + len;
         sector++) {
        erase(desk, flash_sector_address(&desk_map, sector));
    }
    write_from(desk, DESK_APPLICATION, image, len);
}

static void abort_to_idle(struct desk *desk) {
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
}

static unsigned leave(struct desk *desk) {
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    struct desk_status status = desk_getstatus(desk);
    assert_int_equal(status.result, DESK_OK);
    assert_int_equal(status.state,
                     status.status == DFU_STATUS_OK ? DFU_STATE_MANIFEST : DFU_STATE_ERROR);
    return status.status;
}

static void power_cycle(struct desk *desk) {
    desk_start(desk);
}

// Long enough for a last block, a CRC over all of flash, the silence after an ABORT and a settings
// record.
static void settle(struct desk *desk) {
    desk_wait_ms(desk, 50);
    desk->poll_us = 1000;
    desk_wait_ms(desk, GATE_QUIET_MS + 50);
    desk->poll_us = 1;
    assert_true(update_is_idle(&desk->bootloader.dfu.update));
    assert_int_equal(desk->bootloader.dfu.gate.step, GATE_IDLE);
}

static bool starts_after_settling(struct desk *desk) {
    settle(desk);
    return desk_would_start(desk);
}

static void assert_holds(struct desk *desk, const uint8_t *image, uint32_t len) {
    assert_memory_equal(flash_at(desk, DESK_APPLICATION), image, len);
}

// A whole old application that starts, put there by a load of its own.
static void put_old(struct desk *desk) {
    static uint8_t old[IMAGE_BYTES];
    make_image(old, sizeof old, 1);
    load(desk, old, sizeof old);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
    power_cycle(desk);
    settle(desk);
}

// --- Leave ---------------------------------------------------------------------------------------

static void an_image_starts_after_leave(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 2);
    load(desk, image, sizeof image);
    assert_false(starts_after_settling(desk));
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(desk_would_start(desk)); // before the host has had its answer
    assert_holds(desk, image, sizeof image);
    desk_wait_ms(desk, 200);
    assert_true(desk->ran);
}

static void leave_without_a_record_just_starts(void **state) {
    struct desk *desk = *state;
    put_old(desk);
    desk->words_programmed = 0;
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    desk_wait_ms(desk, 200);
    assert_true(desk->ran);
    assert_int_equal(desk->words_programmed, 0);
}

static void set_interface(struct desk *desk) {
    desk_set_interface(desk);
}

static void set_configuration(struct desk *desk) {
    uint16_t len = 0;
    assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len), DESK_OK);
}

static void bus_reset(struct desk *desk) {
    uint16_t len = 0;
    usbd_bus_reset(&desk->bootloader.usbd);
    assert_int_equal(desk_control(desk, 0, USB_SET_ADDRESS, 5, 0, NULL, &len), DESK_OK);
    set_configuration(desk);
}

// By a tool that says nothing of the kind: it finds a session that is not its own.
static void abort_after_silence(struct desk *desk) {
    desk_wait_ms(desk, DFU_SILENCE_MS + 10);
    (void)desk_getstatus(desk);
    abort_to_idle(desk);
}

static void clrstatus_after_silence(struct desk *desk) {
    desk_wait_ms(desk, DFU_SILENCE_MS + 10);
    (void)desk_getstatus(desk);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
}

static void (*const restarts[])(struct desk *desk) = {set_interface, set_configuration, bus_reset,
                                                      abort_after_silence, clrstatus_after_silence};
#define RESTARTS (sizeof restarts / sizeof restarts[0])

static void leave_in_another_hosts_session_is_errNOTDONE(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    for (unsigned i = 0; i < RESTARTS; i++) {
        put_old(desk);
        load(desk, image, sizeof image);
        restarts[i](desk);
        assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
        assert_false(starts_after_settling(desk));
        desk_wait_ms(desk, 200);
        assert_false(desk->ran);
        // The next load finds no obstacle.
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
        load(desk, image, sizeof image);
        assert_int_equal(leave(desk), DFU_STATUS_OK);
        assert_true(starts_after_settling(desk));
        power_cycle(desk);
    }
}

static void leave_after_a_power_cycle_is_errNOTDONE(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    put_old(desk);
    erase(desk, SECTOR_4); // the old vectors stay
    power_cycle(desk);
    settle(desk);
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
}

// A predecessor died; somebody loads a few bytes of data into a sector of their own. That makes the half
// image neither whole nor startable, however the small load ends, and whatever came between.
static void a_small_load_elsewhere_does_not_make_a_dead_hosts_image_whole(void **state) {
    (void)state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    for (unsigned restart = 0; restart <= RESTARTS; restart++) {
        for (unsigned ends_by_leave = 0; ends_by_leave < 2; ends_by_leave++) {
            struct desk *desk = new_desk();
            put_old(desk);
            load(desk, image, sizeof image - BLOCK);
            if (restart == RESTARTS) {
                power_cycle(desk);
                settle(desk);
            } else {
                restarts[restart](desk);
            }
            erase(desk, DATA_SECTOR);
            block(desk, DATA_SECTOR, image, BLOCK);
            if (ends_by_leave) {
                unsigned status = leave(desk);
                assert_true(status == DFU_STATUS_ERR_NOTDONE || status == DFU_STATUS_ERR_FIRMWARE);
            } else {
                abort_to_idle(desk);
            }
            assert_false(starts_after_settling(desk));
            desk_free(desk);
        }
    }
}

// Whoever pauses and goes on is the same host; and one that erases, waits and looks, then loads only a part.
static void a_pause_in_the_middle_of_a_load_changes_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    load(desk, image, sizeof image - BLOCK);
    desk_wait_ms(desk, 3 * DFU_SILENCE_MS);
    write_from(desk, DESK_APPLICATION + IMAGE_BYTES - BLOCK, image + IMAGE_BYTES - BLOCK, BLOCK);
    abort_to_idle(desk);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
    power_cycle(desk);
    settle(desk);
    erase(desk, DATA_SECTOR);
    desk_wait_ms(desk, 3 * DFU_SILENCE_MS);
    abort_to_idle(desk);
    block(desk, DATA_SECTOR, image, BLOCK);
    desk_wait_ms(desk, 3 * DFU_SILENCE_MS);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

// Two loads in one session: the first one's blocks say nothing for the second.
static void a_block_before_the_record_opened_does_not_count(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    load(desk, image, sizeof image);
    abort_to_idle(desk);
    assert_true(starts_after_settling(desk));
    erase(desk, SECTOR_4);
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
}

// What was erased last may be part of the image, whose other blocks have all come.
static void leave_with_nothing_written_since_the_last_erase_is_errNOTDONE(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    for (unsigned is_new = 0; is_new < 2; is_new++) {
        put_old(desk);
        load(desk, image, sizeof image);
        erase(desk, is_new ? DATA_SECTOR : SECTOR_4);
        assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
        assert_false(starts_after_settling(desk));
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
        block(desk, is_new ? DATA_SECTOR : SECTOR_4, image + 16 * 1024, BLOCK);
        assert_int_equal(leave(desk), DFU_STATUS_OK);
        assert_true(starts_after_settling(desk));
        power_cycle(desk);
    }
}

static void mass_erase(struct desk *desk) {
    static const uint8_t command[] = {DFUSE_CMD_ERASE};
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    while (desk_getstatus(desk).state == DFU_STATE_DNBUSY) {
    }
    assert_ok(desk_getstatus(desk));
}

// As fwupd 2.0 does: it erases the sector below an element that begins on a sector's boundary, and the element
// before may have written that. It ends with leave.
static void a_sector_erased_after_its_blocks_must_be_written_again(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES], more[BLOCK];
    make_image(image, sizeof image, 3);
    make_image(more, sizeof more, 4);
    load(desk, image, sizeof image);
    abort_to_idle(desk);
    erase(desk, SECTOR_4);
    block(desk, SECTOR_5, more, sizeof more);
    abort_to_idle(desk);
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    block(desk, SECTOR_4, image + 16 * 1024, BLOCK);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void write_and_erase_data(struct desk *desk) {
    static const uint8_t bytes[BLOCK] = {1};
    erase(desk, DATA_SECTOR);
    block(desk, DATA_SECTOR, bytes, BLOCK);
    erase(desk, DATA_SECTOR);
}

// Blocks that came before the first erase of a session are none that were erased after.
static void what_came_before_the_first_erase_is_not_gone(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    put_old(desk);
    block(desk, SECTOR_5, image, BLOCK); // a host that leaves sectors out of its list
    erase(desk, SECTOR_4);
    block(desk, SECTOR_4, image + 16 * 1024, BLOCK);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

// A host may erase more than it writes: what an earlier load wrote there does not count.
static void a_new_load_need_not_write_what_the_one_before_had_written(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    for (unsigned restart = 0; restart < RESTARTS; restart++) {
        write_and_erase_data(desk);
        restarts[restart](desk);
        write_from(desk, DESK_APPLICATION, image, sizeof image); // erased on demand
        assert_int_equal(leave(desk), DFU_STATUS_OK);
        assert_true(starts_after_settling(desk));
        power_cycle(desk);
    }
    settle(desk);
    write_and_erase_data(desk);
    load(desk, image, sizeof image); // erases the application's first sector
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    power_cycle(desk);
    settle(desk);
    write_and_erase_data(desk);
    mass_erase(desk);
    write_from(desk, DESK_APPLICATION, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    power_cycle(desk);
    settle(desk);
    load(desk, image, sizeof image);
    erase(desk, DATA_SECTOR);
    block(desk, DATA_SECTOR, image, BLOCK);
    abort_to_idle(desk); // a whole load
    assert_true(starts_after_settling(desk));
    erase(desk, DATA_SECTOR);
    erase(desk, SECTOR_4);
    block(desk, SECTOR_4, image + 16 * 1024, BLOCK);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void an_erased_sector_of_the_application_is_not_made_good_by_a_load_elsewhere(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    put_old(desk);
    erase(desk, SECTOR_4); // the old vectors stay
    power_cycle(desk);
    settle(desk);
    erase(desk, DATA_SECTOR);
    block(desk, DATA_SECTOR, image, BLOCK);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
}

static void a_load_elsewhere_leaves_a_whole_application_startable(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    put_old(desk);
    set_interface(desk);
    erase(desk, DATA_SECTOR);
    block(desk, DATA_SECTOR, image, BLOCK);
    abort_to_idle(desk);
    assert_true(starts_after_settling(desk));
}

static void a_new_load_from_the_start_makes_the_application_whole_again(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    load(desk, image, sizeof image - BLOCK);
    set_interface(desk);
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void leave_without_a_vector_table_closes_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[64] = {0};
    block(desk, SECTOR_5, bytes, sizeof bytes);
    assert_int_equal(leave(desk), DFU_STATUS_ERR_FIRMWARE);
    settle(desk);
    desk_put_application(desk);
    assert_false(desk_would_start(desk));
}

static void upload_never_closes(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 4);
    load(desk, image, sizeof image);
    desk_wait_ms(desk, GATE_ABORT_WITHIN_MS + 10);
    desk_assert_reads(desk, DESK_APPLICATION, image, sizeof image);
    assert_false(starts_after_settling(desk));
}

static void idleness_never_closes(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 4);
    load(desk, image, sizeof image);
    desk->poll_us = 1000;
    desk_wait_ms(desk, 3600 * 1000);
    assert_false(desk_would_start(desk));
}

// --- ABORT ---------------------------------------------------------------------------------------

static void abort_at_the_end_of_a_load_closes(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    put_old(desk);
    load(desk, image, sizeof image);
    desk_wait_ms(desk, GATE_ABORT_WITHIN_MS - 20);
    abort_to_idle(desk);
    assert_true(starts_after_settling(desk));
    assert_holds(desk, image, sizeof image);
}

static void abort_more_than_a_second_after_the_last_block_does_not_close(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image);
    desk_wait_ms(desk, GATE_ABORT_WITHIN_MS - 20);
    assert_ok(desk_getstatus(desk)); // asking once more is not news
    desk_wait_ms(desk, 40);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
    assert_int_equal(leave(desk), DFU_STATUS_OK); // the same session's leave still does
    assert_true(starts_after_settling(desk));
}

static void abort_before_the_blocks_final_getstatus_does_not_close(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image - BLOCK);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, SECTOR_4));
    assert_int_equal(desk_dnload(desk, 2, image + 16 * 1024, BLOCK), DESK_OK);
    assert_int_equal(desk_getstatus(desk).state, DFU_STATE_DNBUSY);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
}

// The ABORT that dropped nothing but a wait, and another one of a host that goes on from there.
static void nor_does_a_later_abort_while_nobody_has_read_how_the_block_ended(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image - BLOCK);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, SECTOR_4));
    assert_int_equal(desk_dnload(desk, 2, image + 16 * 1024, BLOCK), DESK_OK);
    assert_int_equal(desk_getstatus(desk).state, DFU_STATE_DNBUSY);
    desk_wait_ms(desk, 5);
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNLOAD_SYNC); // taken, and not told
    abort_to_idle(desk);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
    assert_holds(desk, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_int_equal(leave(desk),
                     DFU_STATUS_OK); // the same session's leave closes: nothing is missing
    assert_true(starts_after_settling(desk));
    assert_holds(desk, image, sizeof image);
}

// The load is over and the record gone; a tool that looks around sends a command and ABORT once more, soon enough.
static void a_second_abort_after_the_end_of_a_load_writes_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image);
    abort_to_idle(desk);
    desk_wait_ms(desk, GATE_QUIET_MS + 50);
    assert_true(desk_would_start(desk));
    unsigned words = desk->words_programmed;
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    abort_to_idle(desk);
    assert_true(starts_after_settling(desk));
    assert_int_equal(desk->words_programmed, words);
    // And it counts for nothing in the load after it.
    erase(desk, DESK_APPLICATION);
    block(desk, DESK_APPLICATION, image, BLOCK);
    assert_false(starts_after_settling(desk));
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void abort_after_a_restart_does_not_close(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    for (unsigned i = 0; i < 3; i++) {
        load(desk, image, sizeof image);
        restarts[i](desk);
        abort_to_idle(desk);
        assert_false(starts_after_settling(desk));
        // Not even from dfuDNLOAD-IDLE, where a command leads without a block.
        assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
        abort_to_idle(desk);
        assert_false(starts_after_settling(desk));
    }
}

static void abort_with_an_erased_sector_not_written_does_not_close(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    erase(desk, SECTOR_5);
    load(desk, image, sizeof image);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
}

static void abort_with_a_gap_in_the_middle_does_not_close(void **state) {
    struct desk *desk = *state;
    uint8_t image[BLOCK];
    make_image(image, sizeof image, 5);
    erase(desk, DESK_APPLICATION);
    erase(desk, SECTOR_4);
    erase(desk, SECTOR_5);
    block(desk, DESK_APPLICATION, image, BLOCK);
    block(desk, SECTOR_5, image, BLOCK);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
}

static void abort_with_the_highest_write_far_above_the_erase_list_does_not_close(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image);
    block(desk, SECTOR_5 + 0x20000, image, 64);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
}

// What fwupd does with an image that ends in the first block of a sector.
static void abort_closes_though_the_last_sector_was_left_out_of_the_erase_list(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image);
    block(desk, SECTOR_5, image, 64);
    abort_to_idle(desk);
    assert_true(starts_after_settling(desk));
}

static void abort_without_any_erase_does_not_close(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    write_from(desk, DESK_APPLICATION, image, sizeof image);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
}

static void a_failure_after_the_last_block_keeps_abort_from_closing(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image - BLOCK);
    settle(desk);
    desk->fail_next = FLASH_FAILED;
    block(desk, SECTOR_4, image + 16 * 1024, BLOCK); // told only by the next status
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
}

// A host that clears the error away and goes on (CubeProgrammer counts such a sector as erased).
static void a_sector_in_which_something_failed_must_be_erased_before_anything_closes(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    put_old(desk);
    erase(desk, DESK_APPLICATION);
    desk->fail_next = FLASH_PROTECTED;
    assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, SECTOR_4).status, DFU_STATUS_ERR_WRITE);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    write_from(desk, DESK_APPLICATION, image, 16 * 1024);
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    erase(desk, SECTOR_4); // a second trial, as DfuSe Demo makes three
    block(desk, SECTOR_4, image + 16 * 1024, BLOCK);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
    assert_holds(desk, image, sizeof image);
}

static void a_failure_does_not_outlive_its_session(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    erase(desk, DESK_APPLICATION);
    desk->fail_next = FLASH_FAILED;
    assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, SECTOR_5).status, DFU_STATUS_ERR_ERASE);
    set_interface(desk);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    load(desk, image, sizeof image); // needs no sector 5
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void the_erase_list_restarts_at_the_first_erase_after_a_restart(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    for (unsigned i = 0; i < 3; i++) {
        erase(desk, SECTOR_5); // by a host that died
        restarts[i](desk);
        load(desk, image, sizeof image);
        abort_to_idle(desk);
        assert_true(starts_after_settling(desk));
    }
}

static void erasing_a_written_sector_again_takes_it_off_the_list(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image);
    erase(desk, DESK_APPLICATION);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
}

static void a_later_change_opens_the_gate_again(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 5);
    load(desk, image, sizeof image);
    abort_to_idle(desk);
    assert_true(starts_after_settling(desk));
    erase(desk, SECTOR_5); // nothing of the image
    assert_false(starts_after_settling(desk));
    power_cycle(desk);
    assert_false(starts_after_settling(desk));
}

// --- Hosts ---------------------------------------------------------------------------------------

static void dfu_util_aborts_then_leaves(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 6);
    put_old(desk);
    load(desk, image, sizeof image);
    abort_to_idle(desk);
    assert_int_equal(desk_getstatus(desk).state, DFU_STATE_IDLE);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    desk_wait_ms(desk, 200);
    assert_true(desk->ran);
    assert_true(desk_would_start(desk));
    assert_holds(desk, image, sizeof image);
}

static void pydfu_goes_sector_by_sector_and_leaves(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 7);
    put_old(desk);
    erase(desk, DESK_APPLICATION);
    write_from(desk, DESK_APPLICATION, image, 16 * 1024);
    assert_false(starts_after_settling(desk));
    erase(desk, SECTOR_4);
    write_from(desk, SECTOR_4, image + 16 * 1024, BLOCK);
    assert_false(starts_after_settling(desk));
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
    assert_holds(desk, image, sizeof image);
}

// fwupd sends ABORT after each element of a file: the first one closes nothing, whether the next one
// comes at once or after the first has been read back.
static void fwupd_aborts_after_each_element(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES], more[BLOCK];
    make_image(image, sizeof image, 8);
    make_image(more, sizeof more, 9);
    put_old(desk);
    load(desk, image, sizeof image);
    abort_to_idle(desk);
    for (uint32_t off = 0; off < sizeof image; off += BLOCK) {
        desk_assert_reads(desk, DESK_APPLICATION + off, image + off, BLOCK);
        desk_wait_ms(desk, GATE_QUIET_MS - 20);
        assert_false(desk_would_start(desk));
    }
    erase(desk, SECTOR_5);
    assert_false(starts_after_settling(desk));
    block(desk, SECTOR_5, more, sizeof more);
    assert_false(starts_after_settling(desk));
    block(desk, SECTOR_5, more, sizeof more);
    abort_to_idle(desk);
    assert_true(starts_after_settling(desk));
    assert_memory_equal(flash_at(desk, SECTOR_5), more, sizeof more);
    assert_holds(desk, image, sizeof image);
}

static void elements_in_any_order_close_at_the_end(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES], more[BLOCK];
    make_image(image, sizeof image, 8);
    make_image(more, sizeof more, 9);
    put_old(desk);
    erase(desk, SECTOR_5);
    block(desk, SECTOR_5, more, sizeof more);
    assert_false(starts_after_settling(desk)); // with the old image still whole below
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

// Set address once, consecutive blocks, upload to verify, ABORTs between; no start.
static void cube_programmer_without_start_closes(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 10);
    put_old(desk);
    abort_to_idle(desk);
    erase(desk, DESK_APPLICATION);
    erase(desk, SECTOR_4);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    for (uint32_t done = 0; done < sizeof image; done += BLOCK) {
        assert_ok(desk_block(desk, (uint16_t)(2 + done / BLOCK), image + done, BLOCK));
    }
    desk_assert_reads(desk, DESK_APPLICATION, image, sizeof image);
    assert_true(starts_after_settling(desk));
}

static void dfuse_demo_ends_in_EnsureIdle_and_closes(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 11);
    set_interface(desk);
    load(desk, image, sizeof image);
    assert_ok(desk_getstatus(desk));
    assert_ok(desk_getstatus(desk));
    abort_to_idle(desk);
    assert_int_equal(desk_getstatus(desk).state, DFU_STATE_IDLE);
    assert_true(starts_after_settling(desk));
    assert_false(desk->ran);
}

// --- Stamps --------------------------------------------------------------------------------------

#define SEALED_BYTES (IMAGE_BYTES - 64)

static void a_right_stamp_closes_without_a_word_from_the_host(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0);
    put_old(desk);
    load(desk, image, sizeof image);
    assert_true(starts_after_settling(desk));
    assert_holds(desk, image, sizeof image);
}

static void a_wrong_stamp_keeps_leave_and_abort_from_closing(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0x100);
    load(desk, image, sizeof image);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
}

static void a_stamp_may_lie_in_two_blocks_that_come_in_any_order(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0);
    for (unsigned order = 0; order < 2; order++) {
        erase(desk, DESK_APPLICATION);
        erase(desk, SECTOR_4);
        uint32_t cut = SEALED_BYTES + 8;
        for (unsigned half = 0; half < 2; half++) {
            assert_false(starts_after_settling(desk));
            if (half == order) {
                write_from(desk, DESK_APPLICATION, image, cut);
            } else {
                block(desk, DESK_APPLICATION + cut, image + cut, IMAGE_BYTES - cut);
            }
        }
        assert_true(starts_after_settling(desk));
    }
}

static void a_stamped_image_loaded_backwards_closes_by_leave(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0);
    erase(desk, DESK_APPLICATION);
    erase(desk, SECTOR_4);
    for (uint32_t off = IMAGE_BYTES; off > 0; off -= BLOCK) {
        block(desk, DESK_APPLICATION + off - BLOCK, image + off - BLOCK, BLOCK);
        assert_false(starts_after_settling(desk));
    }
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void a_stamped_image_loaded_backwards_closes_by_abort(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0);
    erase(desk, DESK_APPLICATION);
    erase(desk, SECTOR_4);
    for (uint32_t off = IMAGE_BYTES; off > 0; off -= BLOCK) {
        block(desk, DESK_APPLICATION + off - BLOCK, image + off - BLOCK, BLOCK);
        assert_false(starts_after_settling(desk));
        // After each: only the last one finds the image whole. Too late for an ABORT without a stamp.
        desk_wait_ms(desk, GATE_ABORT_WITHIN_MS);
        abort_to_idle(desk);
        assert_true(starts_after_settling(desk) == (off == BLOCK));
    }
    assert_holds(desk, image, sizeof image);
}

// ABORT asks for the decision, the next turn of the main loop begins it: a host that is quicker waits for it.
static void what_comes_right_behind_abort_waits_until_the_stamp_has_decided(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    make_image(image, sizeof image, 12);
    for (unsigned right = 0; right < 2; right++) {
        for (unsigned leaves = 0; leaves < 2; leaves++) {
            seal(image, SEALED_BYTES, right ? 0 : 0x100);
            load(desk, image, sizeof image - BLOCK);
            // Its first block again, so that a right stamp does not close before the ABORT.
            erase(desk, DESK_APPLICATION);
            block(desk, SECTOR_4, image + 16 * 1024, BLOCK);
            write_from(desk, DESK_APPLICATION, image, 16 * 1024);
            settle(desk);
            assert_false(desk_would_start(desk));
            uint64_t before = desk->now_us;
            abort_to_idle(desk);
            assert_int_equal(desk->now_us, before);
            if (leaves) {
                assert_int_equal(leave(desk), right ? DFU_STATUS_OK : DFU_STATUS_ERR_NOTDONE);
                assert_true(desk_would_start(desk) == right);
            } else {
                store_le32(command + 1, SECTOR_5);
                assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
                assert_int_equal(desk_getstatus(desk).state, DFU_STATE_DNBUSY);
                assert_int_equal(desk->erases[5], 1);
                assert_ok(desk_getstatus(desk));
                assert_false(starts_after_settling(desk)); // the erase has opened it (again)
            }
            power_cycle(desk);
            settle(desk);
            memset(desk->erases, 0, sizeof desk->erases);
        }
    }
}

// The old image was longer and its stamp is still there, higher up.
static void a_stale_stamp_decides_nothing_for_an_image_that_shrank(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES], small[4096];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0);
    make_image(small, sizeof small, 13);
    for (unsigned same_power = 0; same_power < 2; same_power++) {
        load(desk, image, sizeof image);
        assert_true(starts_after_settling(desk));
        if (!same_power) {
            power_cycle(desk);
        }
        erase(desk, DESK_APPLICATION);
        write_from(desk, DESK_APPLICATION, small, sizeof small);
        assert_false(starts_after_settling(desk));
        assert_int_equal(leave(desk), DFU_STATUS_OK);
        assert_true(starts_after_settling(desk));
        power_cycle(desk);
    }
}

static void a_stamp_left_by_a_dead_host_decides_nothing_for_the_next_one(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES], small[4096];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0x100); // never right
    make_image(small, sizeof small, 13);
    load(desk, image, sizeof image);
    set_interface(desk);
    erase(desk, DESK_APPLICATION);
    write_from(desk, DESK_APPLICATION, small, sizeof small);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void a_stamp_that_was_erased_decides_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES], small[4096];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0x100);
    make_image(small, sizeof small, 13);
    load(desk, image, sizeof image);
    erase(desk, SECTOR_4);
    erase(desk, DESK_APPLICATION); // and it is the same session
    write_from(desk, DESK_APPLICATION, small, sizeof small);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void a_stamp_outlives_the_erase_of_another_sector(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0x100); // in sector 4, and wrong
    load(desk, image, sizeof image);
    settle(desk);
    // Without the stamp this would be the end of a load, for ABORT and for leave.
    erase(desk, SECTOR_5);
    block(desk, SECTOR_5, image, BLOCK);
    abort_to_idle(desk);
    assert_false(starts_after_settling(desk));
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
}

// The beginning of the image is a whole sealed image itself.
static void the_last_stamp_decides_and_not_one_inside(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, 1024, 0);
    seal(image, SEALED_BYTES, 0x100);
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
}

static void a_stamped_image_that_shrank_goes_by_its_own_stamp(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES], small[4096];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0);
    make_image(small, sizeof small, 13);
    seal(small, sizeof small - 16, 0);
    load(desk, image, sizeof image);
    assert_true(starts_after_settling(desk));
    erase(desk, DESK_APPLICATION);
    write_from(desk, DESK_APPLICATION, small, sizeof small);
    assert_true(starts_after_settling(desk));
    assert_holds(desk, small, sizeof small);
}

// A cut after the vectors and before the record is gone.
static void entering_dfu_mode_with_a_rightly_stamped_image_closes(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0);
    for (unsigned wrong = 0; wrong < 3; wrong++) {
        erase(desk, SECTOR_5);
        memcpy(desk->flash + 0xc000, image, sizeof image);
        desk->flash[0xc000 + 100] ^= (uint8_t)(wrong == 1);
        if (wrong == 2) {
            // Right, behind stale ones that are not.
            seal(desk->flash + 0xc000, 1024, 1);
            seal(desk->flash + 0xc000, SEALED_BYTES, 0);
        }
        power_cycle(desk);
        assert_true(starts_after_settling(desk) == (wrong != 1));
        assert_true((leave(desk) == DFU_STATUS_OK) == (wrong != 1));
        settle(desk);
        power_cycle(desk);
    }
}

static void a_load_that_begins_while_a_stamp_is_looked_for_goes_first(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 12);
    seal(image, SEALED_BYTES, 0);
    erase(desk, SECTOR_5);
    memcpy(desk->flash + 0xc000, image, sizeof image);
    power_cycle(desk);
    assert_int_equal(desk->bootloader.dfu.gate.step, GATE_CHECKING);
    erase(desk, SECTOR_4);
    assert_false(starts_after_settling(desk));
}

// --- The first words -----------------------------------------------------------------------------

static void the_first_words_are_programmed_last_and_shown_before(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 14);
    load(desk, image, sizeof image);
    settle(desk);
    for (unsigned i = 0; i < UPDATE_VECTOR_BYTES; i++) {
        assert_int_equal(flash_at(desk, DESK_APPLICATION)[i], 0xff);
    }
    desk_assert_reads(desk, DESK_APPLICATION, image, sizeof image);
    uint8_t bytes[16];
    for (unsigned off = 1; off < 9; off++) {
        uint16_t len = 7;
        assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION + off));
        abort_to_idle(desk);
        assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_OK);
        assert_memory_equal(bytes, image + off, 7);
        abort_to_idle(desk);
    }
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    settle(desk);
    assert_holds(desk, image, sizeof image);
}

static void an_erase_drops_the_words_held_back(void **state) {
    struct desk *desk = *state;
    uint8_t image[BLOCK], blank[BLOCK];
    make_image(image, sizeof image, 14);
    memset(blank, 0xff, sizeof blank);
    load(desk, image, sizeof image);
    erase(desk, SECTOR_4);
    desk_assert_reads(desk, DESK_APPLICATION, image, 16);
    erase(desk, DESK_APPLICATION);
    desk_assert_reads(desk, DESK_APPLICATION, blank, 16);
    // The record stays open: no words wait, and there is no application.
    assert_int_equal(leave(desk), DFU_STATUS_ERR_FIRMWARE);
}

static void an_erase_on_demand_keeps_the_words_of_the_block_that_demands_it(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 15);
    put_old(desk);
    write_from(desk, DESK_APPLICATION, image, sizeof image); // no erase at all
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
    assert_holds(desk, image, sizeof image);
}

static void the_first_words_may_come_in_pieces(void **state) {
    struct desk *desk = *state;
    uint8_t image[64];
    make_image(image, sizeof image, 16);
    for (unsigned piece = 1; piece <= 8; piece++) {
        erase(desk, DESK_APPLICATION);
        for (unsigned off = 0; off < sizeof image; off += piece) {
            unsigned len = sizeof image - off < piece ? (unsigned)sizeof image - off : piece;
            block(desk, DESK_APPLICATION + off, image + off, len);
        }
        assert_false(starts_after_settling(desk));
        assert_int_equal(leave(desk), DFU_STATUS_OK);
        assert_true(starts_after_settling(desk));
        assert_holds(desk, image, sizeof image);
        power_cycle(desk);
    }
}

static void only_half_of_the_first_words_starts_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t image[64];
    make_image(image, sizeof image, 16);
    erase(desk, DESK_APPLICATION);
    block(desk, DESK_APPLICATION, image, 4);
    block(desk, DESK_APPLICATION + 8, image + 8, 56);
    assert_int_equal(leave(desk), DFU_STATUS_ERR_FIRMWARE);
    assert_false(starts_after_settling(desk));
}

static void a_failure_in_the_first_words_is_told_and_needs_an_erase(void **state) {
    struct desk *desk = *state;
    uint8_t image[BLOCK];
    make_image(image, sizeof image, 16);
    load(desk, image, sizeof image);
    settle(desk);
    desk->fail_next = FLASH_FAILED;
    assert_int_equal(leave(desk), DFU_STATUS_ERR_PROG);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static enum flash_result (*programs)(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len);

// The supply sags when it is the first words' turn.
static enum flash_result too_low_for_the_first_words(void *ctx, uint32_t addr, const uint8_t *data,
                                                     uint32_t len) {
    return addr < DESK_APPLICATION + UPDATE_VECTOR_BYTES && addr >= DESK_APPLICATION
               ? FLASH_UNSAFE
               : programs(ctx, addr, data, len);
}

static void first_words_that_flash_refuses_keep_the_record_open(void **state) {
    struct desk *desk = *state;
    uint8_t image[BLOCK];
    make_image(image, sizeof image, 16);
    programs = desk->port.flash_program;
    for (unsigned aborts = 0; aborts < 2; aborts++) {
        desk->port.flash_program = too_low_for_the_first_words;
        load(desk, image, sizeof image);
        settle(desk);
        if (aborts) {
            abort_to_idle(desk);
            settle(desk);
            assert_int_equal(desk_getstatus(desk).status, DFU_STATUS_ERR_WRITE); // told, if late
        } else {
            assert_int_equal(leave(desk), DFU_STATUS_ERR_WRITE);
        }
        desk->port.flash_program = programs;
        assert_false(starts_after_settling(desk));
        assert_true(gate_is_receiving(&desk->bootloader.dfu.gate));
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
        assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
    assert_holds(desk, image, sizeof image);
}

// A bit of theirs has become 0 since the erase: what would be there is a vector table, but not the one that was sent.
static void first_words_that_read_back_differently_start_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t image[BLOCK], blank[8];
    memset(blank, 0xff, sizeof blank);
    make_image(image, sizeof image, 16);
    load(desk, image, sizeof image);
    settle(desk);
    assert_holds(desk, blank, sizeof blank);
    assert_int_equal(image[4] & 0x20, 0x20);
    desk->flash[DESK_APPLICATION - DESK_FLASH_BASE + 4] = 0xdf;
    assert_int_equal(leave(desk), DFU_STATUS_ERR_VERIFY);
    assert_false(starts_after_settling(desk));
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

// To the gate alone, without a host between: leave is for a flash that is free.
static void leave_waits_while_flash_works(void **state) {
    struct desk *desk = *state;
    struct gate *gate = &desk->bootloader.dfu.gate;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 16);
    load(desk, image, sizeof image);
    settle(desk);
    block(desk, SECTOR_4, image + 16 * 1024, BLOCK); // the same once more
    assert_true(desk->busy);
    gate_leave_begin(gate);
    assert_int_equal(gate_leave(gate), GATE_WAIT);
    assert_int_equal(gate->step, GATE_IDLE); // and has begun nothing
    desk_wait_ms(desk, 5);
    assert_int_equal(gate_leave(gate), GATE_WAIT); // now it has
    assert_int_equal(gate->step, GATE_VECTORS);
    assert_true(gate_is_busy(gate));
    desk_wait_ms(desk, 5);
    assert_false(gate_is_busy(gate));
    assert_int_equal(gate_leave(gate), GATE_GO);
    assert_true(desk_would_start(desk));
}

// --- The record and its store --------------------------------------------------------------------

static void refused_before_anything_is_touched(struct desk *desk) {
    uint8_t *before = malloc(DESK_FLASH_BYTES);
    assert_non_null(before);
    power_cycle(desk);
    desk_wait_ms(desk, DESK_PREPARED_MS);
    memcpy(before, desk->flash, DESK_FLASH_BYTES);
    uint8_t image[64] = {0};
    struct desk_status status = desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION);
    assert_int_equal(status.status, DFU_STATUS_ERR_WRITE);
    assert_int_equal(status.string, DESCRIPTORS_NO_RECORD_STRING);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    status = desk_block(desk, 2, image, sizeof image);
    assert_int_equal(status.status, DFU_STATUS_ERR_WRITE);
    assert_int_equal(status.string, DESCRIPTORS_NO_RECORD_STRING);
    uint8_t string[64];
    uint16_t len = sizeof string;
    assert_int_equal(desk_control(desk, USB_DIR_IN, USB_GET_DESCRIPTOR,
                                  (uint16_t)(USB_DT_STRING << 8 | status.string), 0x409, string,
                                  &len),
                     DESK_OK);
    assert_true(len > 20); // a sentence
    assert_memory_equal(desk->flash, before, DESK_FLASH_BYTES);
    free(before);
}

static void foreign_pages_are_left_alone_and_a_change_is_refused(void **state) {
    struct desk *desk = *state;
    put_old(desk);
    for (unsigned page = 0; page < 2; page++) {
        memset(desk->flash + 0x4000, 0xff, 0x8000);
        store_le32(desk->flash + 0x4000 + page * 0x4000, 0xffff0000u); // AN3969: valid page
        refused_before_anything_is_touched(desk);
        assert_true(desk_would_start(desk));
        power_cycle(desk);
        assert_int_equal(leave(desk), DFU_STATUS_OK); // reading and starting go on
        settle(desk);
    }
}

static enum flash_result supply_too_low(void *ctx, uint32_t addr, const uint8_t *data,
                                        uint32_t len) {
    (void)ctx, (void)addr, (void)data, (void)len;
    return FLASH_UNSAFE;
}

static void a_supply_too_low_for_the_record_costs_one_try_each_and_no_reset(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 3);
    enum flash_result (*program)(void *, uint32_t, const uint8_t *, uint32_t) =
        desk->port.flash_program;
    desk->port.flash_program = supply_too_low;
    for (unsigned i = 0; i < 2 * GATE_FAILURES_MAX; i++) {
        struct desk_status status = desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION);
        assert_int_equal(status.status, DFU_STATUS_ERR_WRITE);
        assert_int_equal(status.string, DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_WRITE));
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    assert_int_equal(desk->erases[3], 0);
    desk->port.flash_program = program;
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void a_record_that_flash_refuses_is_tried_eight_times(void **state) {
    struct desk *desk = *state;
    for (unsigned i = 0; i < GATE_FAILURES_MAX + 4; i++) {
        desk->fail_next = FLASH_FAILED;
        assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION).status,
                         DFU_STATUS_ERR_WRITE);
        assert_int_equal(desk->fail_next, i < GATE_FAILURES_MAX ? FLASH_OK : FLASH_FAILED);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    assert_int_equal(desk->erases[3], 0);
}

// Failures are counted wherever they come from; the count stays at its end, however many follow.
static void a_worn_out_page_costs_no_more_writes_by_the_gate(void **state) {
    struct desk *desk = *state;
    struct gate *gate = &desk->bootloader.dfu.gate;
    const enum flash_result results[] = {FLASH_PROTECTED, FLASH_FAILED};
    const uint8_t value = 1;
    for (unsigned i = 0; i < 300; i++) {
        desk->fail_next = results[i % 2];
        enum settings_result result = settings_set(&gate->settings, 1, &value, 1);
        if (result == SETTINGS_TURNOVER) {
            result = settings_turnover(&gate->settings);
        }
        while (result == SETTINGS_BUSY) {
            desk->now_us += 1000;
            result = settings_poll(&gate->settings);
        }
        assert_int_equal(result, SETTINGS_FAILED);
        assert_int_equal(gate->failures, i + 1 < GATE_FAILURES_MAX ? i + 1 : GATE_FAILURES_MAX);
    }
    // The gate tries by itself once, and then no more.
    for (unsigned i = 0; i < 4; i++) {
        desk->fail_next = FLASH_FAILED;
        assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION).status,
                         DFU_STATUS_ERR_WRITE);
        assert_int_equal(desk->fail_next, i == 0 ? FLASH_OK : FLASH_FAILED);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    assert_int_equal(desk->erases[3], 0);
    // After a reset it does, and with a page that works all is well.
    desk->fail_next = FLASH_OK;
    power_cycle(desk);
    settle(desk);
    erase(desk, DESK_APPLICATION);
}

static unsigned tries;
static enum flash_result refusal;

static enum flash_result refuse_program(void *ctx, uint32_t addr, const uint8_t *data,
                                        uint32_t len) {
    (void)ctx, (void)addr, (void)data, (void)len;
    tries++;
    return refusal;
}

static enum flash_result refuse_erase(void *ctx, unsigned sector) {
    (void)ctx, (void)sector;
    tries++;
    return refusal;
}

// A board's first start, with pages that cannot be written: the record has no store to go to.
static void a_store_that_cannot_be_made_is_tried_eight_times(void **state) {
    struct desk *desk = *state;
    struct port port = desk->port;
    memset(desk->flash + 0x4000, 0xff, 0x8000);
    desk->port.flash_program = refuse_program;
    desk->port.flash_erase = refuse_erase;
    refusal = FLASH_PROTECTED;
    tries = 0;
    power_cycle(desk);
    settle(desk);
    assert_int_equal(tries, 1);
    for (unsigned i = 0; i < GATE_FAILURES_MAX + 2; i++) {
        assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION).status,
                         DFU_STATUS_ERR_WRITE);
        assert_int_equal(tries, i + 2 < GATE_FAILURES_MAX ? i + 2 : GATE_FAILURES_MAX);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    desk->port.flash_program = port.flash_program;
    desk->port.flash_erase = port.flash_erase;
    assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION).status,
                     DFU_STATUS_ERR_WRITE); // not before the next reset
    power_cycle(desk);
    settle(desk);
    erase(desk, DESK_APPLICATION);
}

// Nothing is touched, so nothing is counted: each change is refused, and the first one after that goes well.
static void a_supply_too_low_to_make_a_store_is_told_each_time(void **state) {
    struct desk *desk = *state;
    struct port port = desk->port;
    memset(desk->flash + 0x4000, 0xff, 0x8000);
    desk->port.flash_program = refuse_program;
    desk->port.flash_erase = refuse_erase;
    refusal = FLASH_UNSAFE;
    tries = 0;
    power_cycle(desk);
    settle(desk);
    for (unsigned i = 0; i < 2 * GATE_FAILURES_MAX; i++) {
        assert_int_equal(tries, i + 1);
        struct desk_status status = desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION);
        assert_int_equal(status.status, DFU_STATUS_ERR_WRITE);
        assert_int_equal(status.string, DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_WRITE));
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    desk->port.flash_program = port.flash_program;
    desk->port.flash_erase = port.flash_erase;
    erase(desk, DESK_APPLICATION);
}

static uint32_t words_read;
static void (*reads)(void *ctx, uint32_t addr, uint8_t *out, uint32_t len);

static void read_and_count(void *ctx, uint32_t addr, uint8_t *out, uint32_t len) {
    words_read += (len + 3) / 4;
    reads(ctx, addr, out, len);
}

static void put_value(struct desk *desk, uint16_t key, uint32_t len, uint8_t fill) {
    struct gate *gate = &desk->bootloader.dfu.gate;
    uint8_t value[SETTINGS_VALUE_MAX];
    memset(value, fill, sizeof value);
    enum settings_result result = settings_set(&gate->settings, key, value, len);
    while (result == SETTINGS_BUSY) {
        desk->now_us += 1000;
        result = settings_poll(&gate->settings);
    }
    assert_int_equal(result, SETTINGS_OK);
}

static bool store_has_room_for_values(struct desk *desk) {
    return settings_room(&desk->bootloader.dfu.gate.settings) >=
           SETTINGS_RECORD_MAX + SETTINGS_RESERVE;
}

static void a_foreign_spare_page_does_not_matter_while_there_is_room(void **state) {
    struct desk *desk = *state;
    uint8_t image[BLOCK];
    make_image(image, sizeof image, 17);
    unsigned spare = desk->bootloader.dfu.gate.settings.page ^ 1u;
    uint8_t *foreign = desk->flash + 0x4000 + spare * 0x4000;
    memset(foreign, 0x55, 0x4000);
    store_le32(foreign, 0xffff0000u);
    power_cycle(desk);
    for (unsigned i = 0; settings_room(&desk->bootloader.dfu.gate.settings) > 300; i++) {
        put_value(desk, (uint16_t)(i % 4), 200, (uint8_t)i);
    }
    power_cycle(desk); // too little room for comfort, and no turnover to be had
    desk_wait_ms(desk, DESK_PREPARED_MS);
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
    // When it is used up a change is refused, and the application that is there still starts.
    unsigned loads = 0;
    struct desk_status status;
    do {
        power_cycle(desk);
        desk_wait_ms(desk, DESK_PREPARED_MS);
        status = desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION);
        if (status.status == DFU_STATUS_OK) {
            write_from(desk, DESK_APPLICATION, image, sizeof image);
            assert_int_equal(leave(desk), DFU_STATUS_OK);
        }
    } while (status.status == DFU_STATUS_OK && loads++ < 100);
    assert_int_equal(status.status, DFU_STATUS_ERR_WRITE);
    assert_int_equal(status.string, DESCRIPTORS_NO_RECORD_STRING);
    assert_true(starts_after_settling(desk));
    assert_int_equal(load_le32(foreign), 0xffff0000u);
    assert_int_equal(foreign[4], 0x55);
}

static void settings_pages_turn_over_on_entering_dfu_mode_and_not_in_mid_download(void **state) {
    struct desk *desk = *state;
    uint8_t image[IMAGE_BYTES];
    make_image(image, sizeof image, 18);
    for (unsigned i = 0; store_has_room_for_values(desk); i++) {
        put_value(desk, (uint16_t)(i % 8), 200, (uint8_t)i);
    }
    while (settings_room(&desk->bootloader.dfu.gate.settings) > 32) {
        put_value(desk, 9, 4, (uint8_t)settings_room(&desk->bootloader.dfu.gate.settings));
    }
    uint32_t before = settings_turnovers(&desk->bootloader.dfu.gate.settings);
    power_cycle(desk);
    desk_wait_ms(desk, DESK_PREPARED_MS);
    assert_int_equal(settings_turnovers(&desk->bootloader.dfu.gate.settings), before + 1);
    unsigned erases = desk->erases[1] + desk->erases[2];
    for (unsigned round = 0; round < 4; round++) {
        load(desk, image, sizeof image);
        abort_to_idle(desk);
        assert_true(starts_after_settling(desk));
    }
    assert_int_equal(desk->erases[1] + desk->erases[2], erases);
}

static void values_that_fill_more_than_half_a_page_cost_no_turnover_at_each_start(void **state) {
    struct desk *desk = *state;
    // Live values in 60 parts of 100, and then in all that settings_set() gives.
    for (unsigned part = 60; part <= 100; part += 40) {
        uint32_t wanted = 16000 * (100 - part) / 100;
        for (unsigned i = 0; settings_room(&desk->bootloader.dfu.gate.settings) >= wanted + 212;
             i++) {
            put_value(desk, (uint16_t)(part * 100 + i), 200, (uint8_t)i);
        }
        power_cycle(desk);
        desk_wait_ms(desk, DESK_PREPARED_MS);
        unsigned erases = desk->erases[1] + desk->erases[2];
        for (unsigned round = 0; round < 4; round++) {
            power_cycle(desk);
            desk_wait_ms(desk, DESK_PREPARED_MS);
        }
        assert_int_equal(desk->erases[1] + desk->erases[2], erases);
    }
}

static void the_values_of_others_survive_a_load(void **state) {
    struct desk *desk = *state;
    uint8_t image[BLOCK], value[64];
    uint32_t len;
    make_image(image, sizeof image, 18);
    put_value(desk, 0x5555, 40, 0x77);
    load(desk, image, sizeof image);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    power_cycle(desk);
    desk_wait_ms(desk, DESK_PREPARED_MS);
    assert_int_equal(
        settings_get(&desk->bootloader.dfu.gate.settings, 0x5555, value, sizeof value, &len),
        SETTINGS_OK);
    assert_int_equal(len, 40);
    assert_int_equal(value[39], 0x77);
}

// As on the chip. Only faster: what it finds and does is the same.
static void pages_that_can_be_read_as_memory_are_the_same_store(void **state) {
    (void)state;
    uint8_t image[BLOCK], *flash[2];
    uint32_t counts[2];
    make_image(image, sizeof image, 18);
    for (unsigned is_mapped = 0; is_mapped < 2; is_mapped++) {
        struct desk *desk = new_desk();
        reads = desk->port.flash_read;
        desk->port.flash_read = read_and_count;
        desk->port.flash = is_mapped ? desk->flash : NULL;
        power_cycle(desk);
        settle(desk);
        for (unsigned i = 0; i < 90; i++) { // so many that a turnover comes with them
            if (!store_has_room_for_values(desk)) {
                power_cycle(desk);
                settle(desk);
            }
            put_value(desk, (uint16_t)(i % 7), 200 + i % 9, (uint8_t)i);
        }
        erase(desk, DESK_APPLICATION);
        power_cycle(desk);
        assert_false(starts_after_settling(desk));
        load(desk, image, sizeof image);
        assert_int_equal(leave(desk), DFU_STATUS_OK);
        words_read = 0;
        power_cycle(desk);
        counts[is_mapped] = words_read;
        assert_true(starts_after_settling(desk));
        assert_true(settings_turnovers(&desk->bootloader.dfu.gate.settings) > 1);
        flash[is_mapped] = desk->flash;
        desk->flash = NULL;
        desk_free(desk);
    }
    assert_memory_equal(flash[0], flash[1], DESK_FLASH_BYTES);
    assert_true(counts[1] < counts[0] / 4);
    free(flash[0]);
    free(flash[1]);
}

static void the_record_survives_power_cycles(void **state) {
    struct desk *desk = *state;
    put_old(desk);
    erase(desk, SECTOR_5);
    for (unsigned i = 0; i < 20; i++) {
        power_cycle(desk);
        assert_false(starts_after_settling(desk));
        assert_true(gate_is_receiving(&desk->bootloader.dfu.gate));
    }
}

static void the_record_is_there_before_anything_changes(void **state) {
    struct desk *desk = *state;
    put_old(desk);
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    store_le32(command + 1, SECTOR_5);
    uint8_t *before = malloc(DESK_FLASH_BYTES);
    assert_non_null(before);
    memcpy(before, desk->flash, DESK_FLASH_BYTES);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    desk_setup_only(desk, USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_GETSTATUS, 0,
                    0, DFU_STATUS_LEN);
    desk->queued = false;
    usbd_in_done(&desk->bootloader.usbd);
    bool was_closed = false;
    while (!desk->busy || desk->program || desk->sector != 5) {
        was_closed |= !desk->busy && desk_would_start(desk);
        assert_memory_equal(desk->flash + 0xc000, before + 0xc000, DESK_FLASH_BYTES - 0xc000);
        desk_poll(desk);
    }
    assert_true(was_closed); // it was looked at from before the record to after it
    desk->busy = false;
    assert_false(desk_would_start(desk));
    free(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(an_image_starts_after_leave),
        TEST(leave_without_a_record_just_starts),
        TEST(leave_in_another_hosts_session_is_errNOTDONE),
        TEST(leave_after_a_power_cycle_is_errNOTDONE),
        TEST(a_small_load_elsewhere_does_not_make_a_dead_hosts_image_whole),
        TEST(a_pause_in_the_middle_of_a_load_changes_nothing),
        TEST(a_block_before_the_record_opened_does_not_count),
        TEST(leave_with_nothing_written_since_the_last_erase_is_errNOTDONE),
        TEST(a_sector_erased_after_its_blocks_must_be_written_again),
        TEST(what_came_before_the_first_erase_is_not_gone),
        TEST(a_new_load_need_not_write_what_the_one_before_had_written),
        TEST(an_erased_sector_of_the_application_is_not_made_good_by_a_load_elsewhere),
        TEST(a_load_elsewhere_leaves_a_whole_application_startable),
        TEST(a_new_load_from_the_start_makes_the_application_whole_again),
        TEST(leave_without_a_vector_table_closes_nothing),
        TEST(upload_never_closes),
        TEST(idleness_never_closes),
        TEST(abort_at_the_end_of_a_load_closes),
        TEST(abort_more_than_a_second_after_the_last_block_does_not_close),
        TEST(abort_before_the_blocks_final_getstatus_does_not_close),
        TEST(nor_does_a_later_abort_while_nobody_has_read_how_the_block_ended),
        TEST(a_second_abort_after_the_end_of_a_load_writes_nothing),
        TEST(abort_after_a_restart_does_not_close),
        TEST(abort_with_an_erased_sector_not_written_does_not_close),
        TEST(abort_with_a_gap_in_the_middle_does_not_close),
        TEST(abort_with_the_highest_write_far_above_the_erase_list_does_not_close),
        TEST(abort_closes_though_the_last_sector_was_left_out_of_the_erase_list),
        TEST(abort_without_any_erase_does_not_close),
        TEST(a_failure_after_the_last_block_keeps_abort_from_closing),
        TEST(a_sector_in_which_something_failed_must_be_erased_before_anything_closes),
        TEST(a_failure_does_not_outlive_its_session),
        TEST(the_erase_list_restarts_at_the_first_erase_after_a_restart),
        TEST(erasing_a_written_sector_again_takes_it_off_the_list),
        TEST(a_later_change_opens_the_gate_again),
        TEST(dfu_util_aborts_then_leaves),
        TEST(pydfu_goes_sector_by_sector_and_leaves),
        TEST(fwupd_aborts_after_each_element),
        TEST(elements_in_any_order_close_at_the_end),
        TEST(cube_programmer_without_start_closes),
        TEST(dfuse_demo_ends_in_EnsureIdle_and_closes),
        TEST(a_right_stamp_closes_without_a_word_from_the_host),
        TEST(a_wrong_stamp_keeps_leave_and_abort_from_closing),
        TEST(a_stamp_may_lie_in_two_blocks_that_come_in_any_order),
        TEST(a_stamped_image_loaded_backwards_closes_by_leave),
        TEST(a_stamped_image_loaded_backwards_closes_by_abort),
        TEST(what_comes_right_behind_abort_waits_until_the_stamp_has_decided),
        TEST(a_stale_stamp_decides_nothing_for_an_image_that_shrank),
        TEST(a_stamp_left_by_a_dead_host_decides_nothing_for_the_next_one),
        TEST(a_stamp_that_was_erased_decides_nothing),
        TEST(a_stamp_outlives_the_erase_of_another_sector),
        TEST(the_last_stamp_decides_and_not_one_inside),
        TEST(a_stamped_image_that_shrank_goes_by_its_own_stamp),
        TEST(entering_dfu_mode_with_a_rightly_stamped_image_closes),
        TEST(a_load_that_begins_while_a_stamp_is_looked_for_goes_first),
        TEST(the_first_words_are_programmed_last_and_shown_before),
        TEST(an_erase_drops_the_words_held_back),
        TEST(an_erase_on_demand_keeps_the_words_of_the_block_that_demands_it),
        TEST(the_first_words_may_come_in_pieces),
        TEST(only_half_of_the_first_words_starts_nothing),
        TEST(a_failure_in_the_first_words_is_told_and_needs_an_erase),
        TEST(first_words_that_flash_refuses_keep_the_record_open),
        TEST(first_words_that_read_back_differently_start_nothing),
        TEST(leave_waits_while_flash_works),
        TEST(foreign_pages_are_left_alone_and_a_change_is_refused),
        TEST(a_supply_too_low_for_the_record_costs_one_try_each_and_no_reset),
        TEST(a_record_that_flash_refuses_is_tried_eight_times),
        TEST(a_worn_out_page_costs_no_more_writes_by_the_gate),
        TEST(a_store_that_cannot_be_made_is_tried_eight_times),
        TEST(a_supply_too_low_to_make_a_store_is_told_each_time),
        TEST(a_foreign_spare_page_does_not_matter_while_there_is_room),
        TEST(settings_pages_turn_over_on_entering_dfu_mode_and_not_in_mid_download),
        TEST(values_that_fill_more_than_half_a_page_cost_no_turnover_at_each_start),
        TEST(the_values_of_others_survive_a_load),
        TEST(pages_that_can_be_read_as_memory_are_the_same_store),
        TEST(the_record_survives_power_cycles),
        TEST(the_record_is_there_before_anything_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
