// SPDX-License-Identifier: MIT
//
// redfu-boot and the blink examples, the images as built, on the virtual board: into DFU and out of
// it by every way there is, a load, and what the application finds. The host is tests/board/host.c,
// transfer by transfer over the cable; unmodified dfu-util has its own tests. Each test runs on every
// board, each with its own image.

#include "tests/board/host.h"
#include "vboard/chip/chip_state.h"

#include <string.h>

#include "spec/bytes.h"

static void blank_board_shows_dfu_and_its_strings(void **state) {
    (void)state;
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    assert_int_equal(load_le16(bench->device->device_descriptor + 8), 0x0483);
    assert_int_equal(load_le16(bench->device->device_descriptor + 10), 0xdf11);
    assert_int_equal(strlen(bench->device->serial), 12);
    assert_int_equal(chip_core_hz(bench->chip), 168000000);
    assert_int_equal(chip_pin(bench->chip, "PD12"), 1);
    // Alternate setting 0's name: the layout. Index 4 is core/descriptors.h's; ask as a host would.
    uint8_t text[255];
    int len = bench_control(bench, 0x80, USB_GET_DESCRIPTOR, USB_DT_STRING << 8 | 4, text, 255);
    char layout[128] = "";
    for (int i = 2; i < len; i += 2) {
        layout[i / 2 - 1] = (char)text[i];
    }
    assert_string_equal(layout, "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg");
    bench_free(bench);
}

static void loads_and_loads_again_over_it(void **state) {
    (void)state;
    static struct image first, second;
    bench_image(&first, "blink-0.1.bin");
    bench_image(&second, "blink-0.2.bin");
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &first);
    bench_dfu_leave(bench);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);
    bench_assert_flash_holds(bench, &first);

    // The button in the running application leads back.
    chip_set_pin(bench->chip, "PA0", 1);
    bench_run_ms(bench, 100);
    chip_set_pin(bench->chip, "PA0", 0);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &second);
    bench_dfu_leave(bench);
    bench_assert_application_runs(bench, BLINK_0_2_EDGES);
    bench_assert_flash_holds(bench, &second);
    bench_free(bench);
}

static void uploads_what_is_there(void **state) {
    (void)state;
    static struct image image;
    bench_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_new(8000000);
    bench_place_application(bench, "blink-0.1.bin");
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_dfu_command(bench, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    assert_int_equal(bench_control(bench, 0x21, DFU_ABORT, 0, NULL, 0), 0);
    uint8_t bytes[BLOCK];
    assert_int_equal(bench_control(bench, 0xa1, DFU_UPLOAD, 2, bytes, BLOCK), BLOCK);
    assert_memory_equal(bytes, image.bytes, image.len);
    bench_free(bench);
}

static void starts_the_application_unless_the_button_is_held(void **state) {
    (void)state;
    struct bench *bench = bench_new(8000000);
    bench_place_application(bench, "blink-0.1.bin");
    chip_power_on(bench->chip);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);

    chip_set_pin(bench->chip, "PA0", 1);
    chip_reset_pin(bench->chip);
    bench_wait_for_device(bench);
    // Leave starts it although the button is still held.
    bench_dfu_leave(bench);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);
    bench_free(bench);
}

static void own_sector_is_refused(void **state) {
    (void)state;
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    static uint8_t before[16384];
    memcpy(before, chip_flash(bench->chip), sizeof before);
    uint8_t erase[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_ERASE};
    store_le32(erase + 1, FLASH_BASE);
    // Refused at once (STALL) or by the status that follows: an error and no change either way.
    (void)bench_control(bench, 0x21, DFU_DNLOAD, 0, erase, sizeof erase);
    uint8_t status[DFU_STATUS_LEN] = {0};
    for (unsigned i = 0; i < 2 && status[4] != DFU_STATE_ERROR; i++) {
        assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
        bench_run_ms(bench, load_le24(status + 1));
    }
    assert_int_equal(status[4], DFU_STATE_ERROR);
    assert_int_equal(status[0], DFU_STATUS_ERR_ADDRESS);
    assert_memory_equal(chip_flash(bench->chip), before, sizeof before);
    bench_free(bench);
}

// A host gives a transfer up at any instant and starts another: that one is answered, and right.
static void transfer_given_up_anywhere_leaves_the_next_whole(void **state) {
    (void)state;
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    // No pause between transfers: the next SETUP comes while the firmware is busy with the last.
    cable_set_transfer_cost(bench->cable, 0);
    const uint64_t step_ps = 250 * PS_PER_NS; // 42 cycles
    for (uint64_t cut_ps = 0; cut_ps < 250 * PS_PER_US; cut_ps += step_ps) {
        uint8_t given_up[255];
        uint8_t device[USB_DEVICE_DESCRIPTOR_LEN];
        struct cable_transfer transfer = {
            .type = USB_XFER_CONTROL,
            .address = bench->device->address,
            .in = true,
            .packet_bytes = 64,
            .data = given_up,
            .length = sizeof given_up,
            .done = bench_transfer_done,
            .ctx = bench,
        };
        const struct usb_setup setup = {0x80, USB_GET_DESCRIPTOR, USB_DT_STRING << 8 | 4, 0, 255};
        usb_setup_store(&setup, transfer.setup);
        cable_submit(bench->cable, &transfer);
        bench_run(bench, cut_ps);
        if (cable_is_busy(bench->cable)) {
            cable_cancel(bench->cable, &transfer);
        }
        assert_int_equal(bench_control(bench, 0x80, USB_GET_DESCRIPTOR, USB_DT_DEVICE << 8, device,
                                       sizeof device),
                         sizeof device);
        assert_memory_equal(device, bench->device->device_descriptor, sizeof device);
    }
    bench_free(bench);
}

static void count_operation(void *ctx, const struct chip_flash_op *op) {
    (void)op;
    ++*(unsigned *)ctx;
}

// The status of one erase command, after what the first answer asks to wait.
static uint8_t erase_status(struct bench *bench, uint32_t addr) {
    uint8_t erase[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_ERASE};
    uint8_t status[DFU_STATUS_LEN] = {0};
    store_le32(erase + 1, addr);
    assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, 0, erase, sizeof erase), sizeof erase);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
        bench_run_ms(bench, load_le24(status + 1));
    }
    return status[0];
}

// 2.75 V is enough for x32 and below the detector's threshold: refused before anything can go wrong.
static void low_supply_is_errWRITE_and_nothing_is_touched(void **state) {
    (void)state;
    static struct image image;
    static uint8_t before[1024 * 1024];
    unsigned operations = 0;
    bench_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_new(8000000);
    bench_place_application(bench, "blink-0.2.bin");
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_run_ms(bench, 1000); // the settings pages are made ready
    memcpy(before, chip_flash(bench->chip), sizeof before);
    chip_on_flash_op(bench->chip, count_operation, &operations);
    chip_set_supply_mv(bench->chip, 2750);
    assert_int_equal(erase_status(bench, APPLICATION), DFU_STATUS_ERR_WRITE);
    assert_int_equal(operations, 0);
    assert_memory_equal(chip_flash(bench->chip), before, sizeof before);
    // The rail is up again: the same session loads, without a reset.
    chip_set_supply_mv(bench->chip, 3300);
    assert_int_equal(bench_control(bench, 0x21, DFU_CLRSTATUS, 0, NULL, 0), 0);
    bench_dfu_load(bench, &image);
    bench_dfu_leave(bench);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);
    bench_assert_flash_holds(bench, &image);
    assert_true(operations > 0);
    bench_free(bench);
}

// A rail that sags during the load ends it with an error; what was not begun stays erased.
static void supply_that_sags_in_a_block_ends_it(void **state) {
    (void)state;
    static struct image image;
    bench_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_dfu_command(bench, DFUSE_CMD_ERASE, APPLICATION);
    bench_dfu_command(bench, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    uint8_t block[BLOCK];
    uint8_t status[DFU_STATUS_LEN] = {0};
    memset(block, 0x5a, sizeof block);
    assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, 2, block, BLOCK), BLOCK);
    // 512 words of 16 us follow the first status, which starts them.
    assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
    bench_run_ms(bench, 3);
    chip_set_supply_mv(bench->chip, 2750);
    bench_run_ms(bench, 20);
    assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
    assert_int_equal(status[4], DFU_STATE_ERROR);
    const uint8_t *flash = chip_flash(bench->chip) + (APPLICATION - FLASH_BASE);
    assert_int_equal(flash[64], 0x5a); // behind the vectors, which come last
    assert_int_equal(flash[BLOCK - 1], 0xff);
    bench_free(bench);
}

static void without_a_crystal_it_blinks_and_tries_again(void **state) {
    (void)state;
    struct bench *bench = bench_new(0);
    chip_power_on(bench->chip);
    bench_run_ms(bench, 500);
    // 50 ms a level (TROUBLE_BLINK_MS): 20 edges a second, now and after the next try.
    assert_in_range(bench_led_edges(bench), 18, 21);
    bench_run_ms(bench, 3000);
    assert_in_range(bench_led_edges(bench), 17, 21);
    assert_null(bench->device);
    bench_free(bench);
}

#define OPTION_RDP  0x0000ff00u // FLASH_OPTCR, RM0090 3.9.10
#define RDP_LEVEL_1 0x00005500u

// Bit 31 of FLASH_CR is LOCK (RM0090 3.9.7). The interface is unlocked only while an operation is under way: a stray store writes nothing.
static void flash_is_locked_whenever_nothing_is_under_way(void **state) {
    (void)state;
    static struct image image;
    bench_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_run_ms(bench, 1000);
    assert_true(bench->chip->flash.cr >> 31);
    bench_dfu_command(bench, DFUSE_CMD_ERASE, APPLICATION);
    assert_true(bench->chip->flash.cr >> 31);
    bench_dfu_load(bench, &image);
    bench_run_ms(bench, 50);
    assert_true(bench->chip->flash.cr >> 31);
    bench_free(bench);
}

// redfu-boot of the example board that allows it, in a chip at this level of protection.
static struct bench *bench_protected(uint32_t level) {
    static struct image image;
    bench_image(&image, "../stm32f4-factory/redfu-boot.bin");
    struct bench *bench = bench_new(8000000);
    memset(chip_flash(bench->chip), 0xff, 16384);
    memcpy(chip_flash(bench->chip), image.bytes, image.len);
    chip_flash_changed(bench->chip);
    bench->chip->flash.option = (bench->chip->flash.option & ~OPTION_RDP) | level;
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_run_ms(bench, 1000);
    return bench;
}

static void read_unprotect_wipes_the_chip_where_board_and_level_allow_it(void **state) {
    (void)state;
    uint8_t command = DFUSE_CMD_READ_UNPROTECT;
    uint8_t bytes[8];
    uint8_t status[DFU_STATUS_LEN] = {0};
    struct bench *bench = bench_protected(0x0000aa00u); // level 0: nothing to take away
    assert_int_equal(bench_control(bench, 0xa1, DFU_UPLOAD, 0, bytes, sizeof bytes), 3);
    assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, 0, &command, 1), -1);
    bench_free(bench);

    bench = bench_protected(RDP_LEVEL_1);
    assert_int_equal(bench_control(bench, 0xa1, DFU_UPLOAD, 0, bytes, sizeof bytes), 4);
    assert_int_equal(bytes[3], DFUSE_CMD_READ_UNPROTECT);
    assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, 0, &command, 1), 1);
    assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
    assert_int_equal(status[4], DFU_STATE_DNBUSY);
    bench_run_ms(bench, 300);
    assert_null(bench->device);     // gone before it begins
    bench->trace.complaints = NULL; // it will say that flash is empty
    bench_run_ms(bench, 40000);
    assert_int_equal(bench->chip->flash.option & OPTION_RDP, 0x0000aa00u);
    for (uint32_t i = 0; i < 1024 * 1024; i++) {
        assert_int_equal(chip_flash(bench->chip)[i], 0xff);
    }
    // That there is nothing to run any more is all there is to complain of.
    assert_int_equal(trace_complaints(&bench->trace, NULL),
                     trace_complaints(&bench->trace, "empty-flash"));
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_EACH(blank_board_shows_dfu_and_its_strings),
        BENCH_EACH(loads_and_loads_again_over_it),
        BENCH_EACH(uploads_what_is_there),
        BENCH_EACH(starts_the_application_unless_the_button_is_held),
        BENCH_EACH(own_sector_is_refused),
        BENCH_EACH(transfer_given_up_anywhere_leaves_the_next_whole),
        BENCH_EACH(low_supply_is_errWRITE_and_nothing_is_touched),
        BENCH_EACH(supply_that_sags_in_a_block_ends_it),
        BENCH_EACH(without_a_crystal_it_blinks_and_tries_again),
        BENCH_EACH(flash_is_locked_whenever_nothing_is_under_way),
        BENCH_ON(read_unprotect_wipes_the_chip_where_board_and_level_allow_it, "stm32f4-discovery"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
