// SPDX-License-Identifier: MIT
//
// What hosts may rely on when they load an application: addresses, blocks, erasing, status,
// leaving. The bare state table is tests/spec's.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "spec/dfu.h"
#include "tests/unit/desk.h"

#define CLASS_OUT (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
#define CLASS_IN  (USB_DIR_IN | CLASS_OUT)

static int setup(void **state) {
    *state = desk_new();
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

static const uint8_t *flash_at(const struct desk *desk, uint32_t addr) {
    return desk->flash + addr - DESK_FLASH_BASE;
}

static void fill(uint8_t *bytes, unsigned len, unsigned seed) {
    for (unsigned i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(seed + i * 7 + (i >> 8));
    }
}

// Opens the gate with a first, harmless change, so that what follows is timed alone.
static void open_gate(struct desk *desk) {
    assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, 0x080e0000).state, DFU_STATE_DNLOAD_IDLE);
    desk->words_programmed = 0;
}

static void assert_status(struct desk_status got, unsigned status, unsigned state) {
    assert_int_equal(got.result, DESK_OK);
    assert_string_equal(dfu_status_name(got.status), dfu_status_name(status));
    assert_string_equal(dfu_state_name(got.state), dfu_state_name(state));
}

static void loads_an_image_the_way_dfu_util_does(void **state) {
    struct desk *desk = *state;
    uint8_t image[5000];
    fill(image, sizeof image, 3);
    memset(desk->flash + 0xc000, 0, 0x4000); // an old application
    assert_status(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    for (unsigned done = 0; done < sizeof image; done += 2048) {
        unsigned len = sizeof image - done < 2048 ? (unsigned)sizeof image - done : 2048;
        assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION + done),
                      DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
        assert_status(desk_block(desk, 2, image + done, (uint16_t)len), DFU_STATUS_OK,
                      DFU_STATE_DNLOAD_IDLE);
    }
    desk_assert_reads(desk, DESK_APPLICATION, image, sizeof image);
    assert_int_equal(desk->erases[3], 1);
}

static void a_second_load_over_the_first_works_too(void **state) {
    struct desk *desk = *state;
    for (unsigned round = 0; round < 3; round++) {
        uint8_t image[2048];
        fill(image, sizeof image, round * 31 + 1);
        assert_status(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION), DFU_STATUS_OK,
                      DFU_STATE_DNLOAD_IDLE);
        assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                      DFU_STATE_DNLOAD_IDLE);
        assert_status(desk_block(desk, 2, image, sizeof image), DFU_STATUS_OK,
                      DFU_STATE_DNLOAD_IDLE);
        desk_assert_reads(desk, DESK_APPLICATION, image, sizeof image);
    }
    assert_int_equal(desk->erases[3], 3);
}

static void sequential_blocks_follow_the_length_of_block_2(void **state) {
    struct desk *desk = *state;
    uint8_t image[3000];
    fill(image, sizeof image, 9);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, image, 1024), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 3, image + 1024, 1024), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 4, image + 2048, 952), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    desk_assert_reads(desk, DESK_APPLICATION, image, sizeof image);
}

static void blocks_may_come_in_any_order(void **state) {
    struct desk *desk = *state;
    uint8_t image[3 * 2048];
    fill(image, sizeof image, 77);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    static const unsigned order[] = {4, 2, 3};
    for (unsigned i = 0; i < 3; i++) {
        assert_status(desk_block(desk, (uint16_t)order[i], image + (order[i] - 2) * 2048, 2048),
                      DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    }
    desk_assert_reads(desk, DESK_APPLICATION, image, sizeof image);
}

static void odd_addresses_and_lengths_are_written_exactly(void **state) {
    struct desk *desk = *state;
    uint8_t image[101];
    fill(image, sizeof image, 5);
    for (unsigned off = 1; off < 4; off++) {
        uint32_t addr = DESK_APPLICATION + 256 * off + off;
        assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, addr), DFU_STATUS_OK,
                      DFU_STATE_DNLOAD_IDLE);
        assert_status(desk_block(desk, 2, image, (uint16_t)(sizeof image - off)), DFU_STATUS_OK,
                      DFU_STATE_DNLOAD_IDLE);
        desk_wait_ms(desk, 5);
        assert_memory_equal(flash_at(desk, addr), image, sizeof image - off);
        assert_int_equal(*flash_at(desk, addr - 1), 0xff);
        assert_int_equal(*flash_at(desk, addr + sizeof image - off), 0xff);
    }
}

static void a_block_is_taken_while_the_one_before_is_programmed(void **state) {
    struct desk *desk = *state;
    open_gate(desk);
    uint8_t image[2048];
    fill(image, sizeof image, 1);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    uint64_t began = desk->now_us;
    assert_status(desk_block(desk, 2, image, sizeof image), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_true(desk->now_us - began < 1000); // 8.2 ms of programming are still to come
    assert_true(desk->busy);
    assert_status(desk_block(desk, 3, image, sizeof image), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_true(desk->now_us - began >= 8000); // the second had to wait for the first
}

static void a_status_stage_is_held_until_the_sector_is_erased(void **state) {
    struct desk *desk = *state;
    open_gate(desk);
    desk->erase_us = 1900000;
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    uint64_t began = desk->now_us;
    struct desk_status status = desk_getstatus(desk);
    assert_status(status, DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_int_equal(status.poll_ms, 1);
    assert_in_range(desk->now_us - began, 1900000, 1901000);
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNLOAD_SYNC);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
}

static void an_erase_beyond_four_seconds_is_told_by_polls(void **state) {
    struct desk *desk = *state;
    open_gate(desk);
    desk->erase_us = 8500000;
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    uint64_t began = desk->now_us;
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_in_range(desk->now_us - began, 3999000, 4001000);
    began = desk->now_us;
    struct desk_status status = desk_getstatus(desk); // put off, in case it ends meanwhile
    assert_status(status, DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_in_range(desk->now_us - began, 3999000, 4001000);
    assert_in_range(status.poll_ms, DFU_BUSY_POLL_MS, DFU_BUSY_POLL_MS + 1);
    began = desk->now_us;
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_in_range(desk->now_us - began, 490000, 510000);
}

static void the_bootloader_cannot_be_erased_or_written(void **state) {
    struct desk *desk = *state;
    static const uint32_t places[] = {0x08000000, 0x08003ffc, 0x08004000, 0x08008000, 0x0800bfff};
    memset(desk->flash, 0x5a, 0xc000);
    for (unsigned i = 0; i < 5; i++) {
        assert_status(desk_command(desk, DFUSE_CMD_ERASE, places[i]), DFU_STATUS_ERR_ADDRESS,
                      DFU_STATE_ERROR);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
        assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, places[i]), DFU_STATUS_OK,
                      DFU_STATE_DNLOAD_IDLE);
        assert_status(desk_block(desk, 2, "abcdefgh", 8), DFU_STATUS_ERR_ADDRESS, DFU_STATE_ERROR);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    for (unsigned i = 0; i < 0xc000; i++) {
        assert_int_equal(desk->flash[i], 0x5a);
    }
    assert_int_equal(desk->words_programmed, 0);
}

static void a_block_that_starts_below_the_application_writes_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t image[64] = {0};
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION - 32), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, image, sizeof image), DFU_STATUS_ERR_ADDRESS,
                  DFU_STATE_ERROR);
    assert_int_equal(desk->words_programmed, 0);
}

static void a_block_that_passes_the_end_of_flash_writes_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t image[64] = {0};
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x080fffe0), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, image, sizeof image), DFU_STATUS_ERR_ADDRESS,
                  DFU_STATE_ERROR);
    assert_int_equal(desk->words_programmed, 0);
}

static void block_numbers_that_would_wrap_the_address_are_refused_by_status(void **state) {
    struct desk *desk = *state;
    uint8_t image[64] = {0};
    static const unsigned blocks[] = {0xffff, 0x8000, 600};
    for (unsigned i = 0; i < 3; i++) {
        assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x080f0000), DFU_STATUS_OK,
                      DFU_STATE_DNLOAD_IDLE);
        assert_status(desk_block(desk, (uint16_t)blocks[i], image, sizeof image),
                      DFU_STATUS_ERR_ADDRESS, DFU_STATE_ERROR);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    assert_int_equal(desk->words_programmed, 0);
}

static void addresses_outside_the_map_are_errADDRESS(void **state) {
    struct desk *desk = *state;
    static const uint32_t places[] = {0, 0x07ffffff, 0x08100000, 0x20000000, 0xffffffff};
    for (unsigned i = 0; i < 5; i++) {
        assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, places[i]), DFU_STATUS_ERR_ADDRESS,
                      DFU_STATE_ERROR);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
        assert_status(desk_command(desk, DFUSE_CMD_ERASE, places[i]), DFU_STATUS_ERR_ADDRESS,
                      DFU_STATE_ERROR);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
}

// The sentence is there, and says what was wrong with the request.
static void assert_refused_because(struct desk *desk, unsigned string) {
    struct desk_status status = desk_getstatus(desk);
    assert_status(status, DFU_STATUS_ERR_STALLEDPKT, DFU_STATE_ERROR);
    assert_int_equal(status.string, string);
    uint8_t text[64];
    uint16_t len = sizeof text;
    assert_int_equal(desk_control(desk, USB_DIR_IN, USB_GET_DESCRIPTOR,
                                  (uint16_t)(USB_DT_STRING << 8 | string), 0x0409, text, &len),
                     DESK_OK);
    assert_in_range(len, 10, sizeof text);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
}

// Block 1 is reserved; in other bootloaders (1 - 2) x size wraps and writes below the pointer.
static void block_1_is_refused_both_ways(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[64] = {0};
    uint16_t len = sizeof bytes;
    assert_int_equal(desk_dnload(desk, 1, bytes, sizeof bytes), DESK_STALL);
    assert_refused_because(desk, DESCRIPTORS_BLOCK_STRING);
    assert_int_equal(desk_upload(desk, 1, bytes, &len), DESK_STALL);
    assert_refused_because(desk, DESCRIPTORS_BLOCK_STRING);
}

static void a_block_longer_than_wTransferSize_is_refused_before_a_byte_is_taken(void **state) {
    struct desk *desk = *state;
    static uint8_t bytes[UPDATE_BLOCK_BYTES + 1];
    uint16_t len = sizeof bytes;
    assert_int_equal(desk_dnload(desk, 2, bytes, sizeof bytes), DESK_STALL);
    assert_refused_because(desk, DESCRIPTORS_BLOCK_STRING);
    assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_STALL);
    assert_refused_because(desk, DESCRIPTORS_BLOCK_STRING);
    // What the state forbids is still told so, whatever its size.
    assert_int_equal(desk_dnload(desk, 0, bytes, 1), DESK_STALL); // no command: leads to dfuERROR
    assert_int_equal(desk_dnload(desk, 2, bytes, sizeof bytes), DESK_STALL);
    assert_refused_because(desk, DESCRIPTORS_COMMAND_STRING); // the first error stays
    assert_int_equal(desk_simple(desk, DFU_DETACH), DESK_STALL);
    assert_refused_because(desk, DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_STALLEDPKT));
}

static void unknown_commands_are_refused(void **state) {
    struct desk *desk = *state;
    static const uint8_t commands[][6] = {{1, 0x99},    {5, 0x99, 0, 0, 0, 0}, {4, 0x21, 0, 0, 0},
                                          {2, 0x41, 0}, {5, 0x92, 0, 0, 0, 0}, {1, 0x21},
                                          {1, 0x00}};
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(desk_dnload(desk, 0, commands[i] + 1, commands[i][0]), DESK_STALL);
        if (commands[i][1] == DFUSE_CMD_READ_UNPROTECT) {
            assert_refused_because(desk, DESCRIPTORS_PROTECTED_STRING);
        } else {
            assert_refused_because(desk, DESCRIPTORS_COMMAND_STRING);
        }
    }
    uint8_t longer[UPDATE_BLOCK_BYTES] = {DFUSE_CMD_SET_ADDRESS};
    assert_int_equal(desk_dnload(desk, 0, longer, sizeof longer), DESK_STALL);
    assert_refused_because(desk, DESCRIPTORS_COMMAND_STRING);
}

static void upload_block_0_names_the_commands(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[64];
    uint16_t len = sizeof bytes;
    assert_int_equal(desk_upload(desk, 0, bytes, &len), DESK_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "\x00\x21\x41", 3);
}

static void upload_gives_the_bytes_of_flash_and_ends_short(void **state) {
    struct desk *desk = *state;
    fill(desk->flash + 0xff000, 0x1000, 4);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x080ff000), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    static uint8_t bytes[2048];
    uint16_t len = 2048;
    assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_OK);
    assert_int_equal(len, 2048);
    assert_memory_equal(bytes, desk->flash + 0xff000, 2048);
    assert_int_equal(desk_upload(desk, 3, bytes, &len), DESK_OK);
    assert_int_equal(len, 2048);
    assert_memory_equal(bytes, desk->flash + 0xff800, 2048);
    assert_int_equal(desk_getstate(desk), DFU_STATE_UPLOAD_IDLE);
    assert_int_equal(desk_upload(desk, 4, bytes, &len), DESK_OK); // one too far: empty, no STALL
    assert_int_equal(len, 0);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
}

static void the_bootloaders_own_area_can_be_read(void **state) {
    struct desk *desk = *state;
    fill(desk->flash, 1024, 8);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_FLASH_BASE), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    uint8_t bytes[1024];
    uint16_t len = sizeof bytes;
    assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_OK);
    assert_memory_equal(bytes, desk->flash, 1024);
}

static void upload_waits_for_programming_to_end(void **state) {
    struct desk *desk = *state;
    uint8_t image[2048];
    fill(image, sizeof image, 6);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, image, sizeof image), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    assert_true(desk->busy);
    uint8_t bytes[2048];
    uint16_t len = sizeof bytes;
    assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_OK);
    assert_memory_equal(bytes, image, sizeof image);
}

static void upload_in_dfuDNLOAD_IDLE_stalls_and_keeps_the_state(void **state) {
    struct desk *desk = *state;
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    uint8_t bytes[64];
    uint16_t len = sizeof bytes;
    assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_STALL);
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNLOAD_IDLE);
}

static void an_erase_failure_is_errERASE(void **state) {
    struct desk *desk = *state;
    open_gate(desk);
    desk->fail_next = FLASH_FAILED;
    assert_status(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION), DFU_STATUS_ERR_ERASE,
                  DFU_STATE_ERROR);
    desk_simple(desk, DFU_CLRSTATUS);
    desk->fail_next = FLASH_PROTECTED;
    struct desk_status status = desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION);
    assert_status(status, DFU_STATUS_ERR_WRITE, DFU_STATE_ERROR);
    assert_int_equal(status.string, DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_WRITE));
    desk_simple(desk, DFU_CLRSTATUS);
    assert_status(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
}

static void
a_programming_failure_is_told_by_the_next_status_and_nothing_more_is_written(void **state) {
    struct desk *desk = *state;
    open_gate(desk);
    uint8_t image[2048] = {0};
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    desk->fail_next = FLASH_FAILED;
    assert_status(desk_block(desk, 2, image, sizeof image), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    // The next block is already on its way when the failure is known: it must not be written.
    assert_status(desk_block(desk, 3, image, sizeof image), DFU_STATUS_ERR_PROG, DFU_STATE_ERROR);
    desk_wait_ms(desk, 20);
    assert_int_equal(desk->words_programmed, 0);
}

static void the_last_blocks_failure_keeps_the_application_from_being_left_to(void **state) {
    struct desk *desk = *state;
    desk_put_application(desk);
    uint8_t image[2048] = {0};
    open_gate(desk);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x08010000), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    desk->fail_next = FLASH_FAILED;
    assert_status(desk_block(desk, 2, image, sizeof image), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_ERR_PROG, DFU_STATE_ERROR);
    desk_wait_ms(desk, 500);
    assert_false(desk->ran);
}

static void writing_over_what_was_not_erased_is_errVERIFY(void **state) {
    struct desk *desk = *state;
    uint8_t zeros[64] = {0};
    uint8_t ones[64];
    memset(ones, 0xff, sizeof ones);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, zeros, 64), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, ones, 64), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    desk_wait_ms(desk, 5);
    assert_status(desk_getstatus(desk), DFU_STATUS_ERR_VERIFY, DFU_STATE_ERROR);
}

// fwupd leaves the last sector out of its erase list when the image ends in its first block.
static void a_block_into_a_sector_nobody_erased_erases_it_first(void **state) {
    struct desk *desk = *state;
    memset(desk->flash + 0xc000, 0, 0x14000); // sectors 3 and 4 full of an old image
    uint8_t image[4096];
    fill(image, sizeof image, 2);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x0800f800), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, image, 2048), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 3, image + 2048, 2048), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    desk_wait_ms(desk, 600);
    assert_memory_equal(flash_at(desk, 0x0800f800), image, sizeof image);
    assert_int_equal(desk->erases[3], 1);
    assert_int_equal(desk->erases[4], 1);
}

static void a_block_across_two_sectors_erases_both(void **state) {
    struct desk *desk = *state;
    memset(desk->flash + 0xc000, 0, 0x14000);
    uint8_t image[2048];
    fill(image, sizeof image, 2);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x0800fc00), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, image, 2048), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    desk_wait_ms(desk, 600);
    assert_memory_equal(flash_at(desk, 0x0800fc00), image, sizeof image);
    assert_int_equal(desk->erases[3], 1);
    assert_int_equal(desk->erases[4], 1);
}

static void leave_answers_dfuMANIFEST_then_disconnects_then_runs(void **state) {
    struct desk *desk = *state;
    desk_put_application(desk);
    desk->connected = true;
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk_dnload(desk, 2, NULL, 0), DESK_OK);
    assert_int_equal(desk_getstate(desk), DFU_STATE_MANIFEST_SYNC);
    desk_wait_ms(desk, 500);
    assert_false(desk->ran); // nothing happens before the host has been told
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST);
    uint64_t told = desk->now_us;
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST); // asking again is fine
    desk_wait_ms(desk, 200);
    assert_true(desk->ran);
    assert_in_range(desk->hidden_at_us - told, 49000, 52000);
    assert_in_range(desk->ran_at_us - desk->hidden_at_us, 49000, 52000);
}

// A host that has read dfuMANIFEST and vanishes, or asks for something else in the status stage.
static void leave_does_not_wait_for_ever_for_the_status_stage(void **state) {
    struct desk *desk = *state;
    desk_put_application(desk);
    desk->connected = true;
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    desk_setup_only(desk, CLASS_IN, DFU_GETSTATUS, 0, 0, 6);
    while (!desk->queued) {
        desk_poll(desk);
    }
    desk_wait_ms(desk, 3000);
    assert_true(desk->connected); // not read, so nothing was told
    desk->queued = false;
    usbd_in_done(&desk->bootloader.usbd);
    desk_wait_ms(desk, DFU_LEAVE_BOUND_MS - 20);
    assert_true(desk->connected);
    desk_wait_ms(desk, 40);
    assert_false(desk->connected);
    desk_wait_ms(desk, 100);
    assert_true(desk->ran);
}

// What a host's driver does when it is closed, or its hub when the port is reset: the host has been told.
static void once_told_nothing_keeps_the_device_from_leaving(void **state) {
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        struct desk *desk = desk_new();
        uint16_t len = 0;
        desk_put_application(desk);
        desk->connected = true;
        assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
        assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST);
        uint64_t told = desk->now_us;
        if (way == 0) {
            desk_set_interface(desk);
        } else if (way == 1) {
            assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len),
                             DESK_OK);
        } else {
            desk_enumerate(desk);
        }
        assert_int_equal(desk_getstate(desk), DFU_STATE_MANIFEST);
        assert_int_equal(desk_dnload(desk, 0, "\x41", 1), DESK_STALL); // too late for a load
        desk_wait_ms(desk, 200);
        assert_false(desk->connected);
        assert_true(desk->ran);
        assert_in_range(desk->hidden_at_us - told, 49000, 52000);
        desk_free(desk);
    }
}

// GETSTATUS without room for an answer, while one would have to wait: there is nothing to wait for.
static void a_status_of_no_bytes_is_not_waited_for(void **state) {
    struct desk *desk = *state;
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    uint16_t len = 0;
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    desk->stage_timeout_us = 1000;
    assert_int_equal(desk_getstatus(desk).result, DESK_TIMEOUT); // held: the host gives up
    assert_true(desk->busy);
    assert_int_equal(desk_control(desk, CLASS_IN, DFU_GETSTATUS, 0, 0, NULL, &len), DESK_STALL);
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNBUSY);
    desk->stage_timeout_us = 0;
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk->erases[3], 1);
}

static void leave_works_with_any_block_number_and_from_dfuIDLE(void **state) {
    (void)state;
    static const unsigned blocks[] = {0, 1, 2, 500, 0xffff};
    for (unsigned i = 0; i < 5; i++) {
        struct desk *desk = desk_new();
        desk_put_application(desk);
        assert_int_equal(desk_dnload(desk, (uint16_t)blocks[i], NULL, 0), DESK_OK);
        assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST);
        desk_wait_ms(desk, 200);
        assert_true(desk->ran);
        desk_free(desk);
    }
}

static void leave_without_an_application_is_errFIRMWARE(void **state) {
    struct desk *desk = *state;
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_ERR_FIRMWARE, DFU_STATE_ERROR);
    desk_wait_ms(desk, 500);
    assert_false(desk->ran);
}

static void leave_waits_for_the_last_block(void **state) {
    struct desk *desk = *state;
    uint8_t image[2048];
    fill(image, sizeof image, 1);
    store_le32(image, 0x20020000);
    store_le32(image + 4, DESK_APPLICATION + 0x101);
    assert_status(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_status(desk_block(desk, 2, image, sizeof image), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_true(desk->busy);
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST);
    assert_false(desk->busy);
    assert_memory_equal(flash_at(desk, DESK_APPLICATION), image, sizeof image);
}

static void clrstatus_while_busy_changes_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    store_le32(command + 1, DESK_APPLICATION);
    open_gate(desk);
    desk->erase_us = 9000000;
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    // STM32CubeProgrammer sends it twice here and counts the sector as erased.
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk->erases[3], 1);
}

static void a_host_that_gives_up_on_the_held_status_finds_a_sane_device(void **state) {
    struct desk *desk = *state;
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    desk_setup_only(desk, CLASS_IN, DFU_GETSTATUS, 0, 0, 6);
    desk->queued = false;
    usbd_in_done(&desk->bootloader.usbd); // the data stage is read, the status stage never comes
    desk_wait_ms(desk, 10);
    assert_true(desk->busy);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
    assert_false(desk->busy);
    assert_int_equal(desk->erases[3], 1);
}

static void a_getstatus_whose_answer_was_never_read_starts_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    desk_setup_only(desk, CLASS_IN, DFU_GETSTATUS, 0, 0, 6);
    desk_wait_ms(desk, 10);
    assert_false(desk->busy);
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNLOAD_SYNC);
}

static void a_bus_reset_during_an_erase_leaves_a_usable_device(void **state) {
    struct desk *desk = *state;
    open_gate(desk);
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    desk_setup_only(desk, CLASS_IN, DFU_GETSTATUS, 0, 0, 6);
    desk->queued = false;
    usbd_in_done(&desk->bootloader.usbd);
    assert_true(desk->busy);
    usbd_bus_reset(&desk->bootloader.usbd);
    uint16_t len = 0;
    assert_int_equal(desk_control(desk, 0, USB_SET_ADDRESS, 6, 0, NULL, &len), DESK_OK);
    assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len), DESK_OK);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
    assert_status(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION), DFU_STATUS_OK,
                  DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk->erases[3], 2);
}

static void a_data_stage_cut_short_by_a_new_setup_changes_nothing(void **state) {
    struct desk *desk = *state;
    desk_setup_only(desk, CLASS_OUT, DFU_DNLOAD, 2, 0, 2048);
    uint8_t packet[64] = {0};
    desk->armed = false;
    usbd_out(&desk->bootloader.usbd, packet, 64);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_IDLE);
    assert_int_equal(desk->words_programmed, 0);
}

static void requests_for_another_interface_do_not_touch_the_state(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[6];
    uint16_t len = 6;
    assert_int_equal(desk_control(desk, CLASS_IN, DFU_GETSTATUS, 0, 1, bytes, &len), DESK_STALL);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
    assert_int_equal(desk_control(desk, CLASS_IN, 7, 0, 0, bytes, &len), DESK_STALL);
    assert_int_equal(desk_getstate(desk), DFU_STATE_ERROR);
}

static void getstatus_gives_exactly_the_bytes_asked_for(void **state) {
    struct desk *desk = *state;
    for (uint16_t wanted = 1; wanted <= 8; wanted++) {
        uint8_t bytes[8];
        uint16_t len = wanted;
        assert_int_equal(desk_control(desk, CLASS_IN, DFU_GETSTATUS, 0, 0, bytes, &len), DESK_OK);
        assert_int_equal(len, wanted < 6 ? wanted : 6);
    }
}

static void getstate_a_thousand_times_changes_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t command[5] = {DFUSE_CMD_SET_ADDRESS};
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(desk_getstate(desk), DFU_STATE_DNLOAD_SYNC);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(loads_an_image_the_way_dfu_util_does),
        TEST(a_second_load_over_the_first_works_too),
        TEST(sequential_blocks_follow_the_length_of_block_2),
        TEST(blocks_may_come_in_any_order),
        TEST(odd_addresses_and_lengths_are_written_exactly),
        TEST(a_block_is_taken_while_the_one_before_is_programmed),
        TEST(a_status_stage_is_held_until_the_sector_is_erased),
        TEST(an_erase_beyond_four_seconds_is_told_by_polls),
        TEST(the_bootloader_cannot_be_erased_or_written),
        TEST(a_block_that_starts_below_the_application_writes_nothing),
        TEST(a_block_that_passes_the_end_of_flash_writes_nothing),
        TEST(block_numbers_that_would_wrap_the_address_are_refused_by_status),
        TEST(addresses_outside_the_map_are_errADDRESS),
        TEST(block_1_is_refused_both_ways),
        TEST(a_block_longer_than_wTransferSize_is_refused_before_a_byte_is_taken),
        TEST(unknown_commands_are_refused),
        TEST(upload_block_0_names_the_commands),
        TEST(upload_gives_the_bytes_of_flash_and_ends_short),
        TEST(the_bootloaders_own_area_can_be_read),
        TEST(upload_waits_for_programming_to_end),
        TEST(upload_in_dfuDNLOAD_IDLE_stalls_and_keeps_the_state),
        TEST(an_erase_failure_is_errERASE),
        TEST(a_programming_failure_is_told_by_the_next_status_and_nothing_more_is_written),
        TEST(the_last_blocks_failure_keeps_the_application_from_being_left_to),
        TEST(writing_over_what_was_not_erased_is_errVERIFY),
        TEST(a_block_into_a_sector_nobody_erased_erases_it_first),
        TEST(a_block_across_two_sectors_erases_both),
        TEST(leave_answers_dfuMANIFEST_then_disconnects_then_runs),
        TEST(leave_does_not_wait_for_ever_for_the_status_stage),
        TEST(once_told_nothing_keeps_the_device_from_leaving),
        TEST(a_status_of_no_bytes_is_not_waited_for),
        TEST(leave_works_with_any_block_number_and_from_dfuIDLE),
        TEST(leave_without_an_application_is_errFIRMWARE),
        TEST(leave_waits_for_the_last_block),
        TEST(clrstatus_while_busy_changes_nothing),
        TEST(a_host_that_gives_up_on_the_held_status_finds_a_sane_device),
        TEST(a_getstatus_whose_answer_was_never_read_starts_nothing),
        TEST(a_bus_reset_during_an_erase_leaves_a_usable_device),
        TEST(a_data_stage_cut_short_by_a_new_setup_changes_nothing),
        TEST(requests_for_another_interface_do_not_touch_the_state),
        TEST(getstatus_gives_exactly_the_bytes_asked_for),
        TEST(getstate_a_thousand_times_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
