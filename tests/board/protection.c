// SPDX-License-Identifier: MIT
//
// What protects the board (docs/protection.md), on the image as built: write protection of the bootloader,
// ranges under random requests, the stack's guard, and that every wait on hardware ends.

#include "tests/board/host.h"

#include <string.h>

#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/region_hash.h"
#include "tests/board/pages.h"
#include "vboard/chip/chip_state.h"

// FLASH, RM0090 3.9.
#define FLASH_SR       0x40023c0cu
#define SR_BUSY        (1u << 16)
#define RCC_CFGR       0x40023808u // RM0090 7.3.3
#define FLASH_OPTCR    0x40023c14u
#define OPTCR_LOCK     1u
#define OPTCR_RDP      0xff00u
#define OPTCR_NWRP_0   (1u << 16)
#define SRAM_END       0x20020000u
#define STACK_BYTES    4096u // redfu-boot.ld

#define CFSR_UNDEFINED (1u << 16)

static struct bench *bench_up(void) {
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_run_ms(bench, 1000); // the settings pages are made ready
    return bench;
}

static void read_report(struct bench *bench, uint8_t bytes[BOOT_REPORT_LEN]) {
    bench_wait_for_device(bench);
    assert_int_equal(bench_control(bench, 0xc0, BOOT_REPORT_REQUEST, 0, bytes, BOOT_REPORT_LEN),
                     BOOT_REPORT_LEN);
}

static struct protection_record protection(struct bench *bench) {
    uint8_t bytes[BOOT_REPORT_LEN];
    read_report(bench, bytes);
    const uint8_t *at = bytes + (PROTECTION_ADDRESS - BOOT_REPORT_ADDRESS);
    struct protection_record record = {load_le32(at), load_le32(at + 4), load_le32(at + 8),
                                       load_le32(at + 12)};
    assert_int_equal(record.magic, PROTECTION_MAGIC);
    assert_int_equal(record.check, protection_check(&record));
    return record;
}

static struct fault_record fault_of(struct bench *bench) {
    uint8_t bytes[BOOT_REPORT_LEN];
    read_report(bench, bytes);
    const uint8_t *at = bytes + (FAULT_ADDRESS - BOOT_REPORT_ADDRESS);
    return (struct fault_record){.magic = load_le32(at),
                                 .count = load_le32(at + 4),
                                 .pc = load_le32(at + 8),
                                 .cfsr = load_le32(at + 16)};
}

// --- Write protection ----------------------------------------------------------------------------

static enum cable_status protect(struct bench *bench, uint16_t value, uint16_t index) {
    const struct usb_setup setup = {USB_TYPE_VENDOR, BOOT_REPORT_REQUEST, value, index, 0};
    uint32_t moved;
    return bench_transfer(bench, &setup, NULL, &moved, 5 * PS_PER_S);
}

static bool is_protected(struct bench *bench) {
    bool is = !(bench->chip->flash.option & OPTCR_NWRP_0);
    assert_int_equal(PROTECTION_NWRP(protection(bench).option) & 1u, !is);
    return is;
}

static void write_protection_is_set_kept_and_lifted(void **state) {
    (void)state;
    static struct image image;
    bench_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_up();
    uint32_t others = bench->chip->flash.option | OPTCR_NWRP_0 | OPTCR_LOCK;
    assert_false(is_protected(bench));
    assert_int_equal(protection(bench).boot_sectors, 1);
    assert_int_equal(protect(bench, 1, BOOT_PROTECT_INDEX), CABLE_OK);
    assert_true(is_protected(bench));
    assert_int_equal(bench->chip->flash.option | OPTCR_NWRP_0 | OPTCR_LOCK, others); // nothing else
    assert_int_equal(protect(bench, 1, BOOT_PROTECT_INDEX), CABLE_OK); // it is so already
    // Everything works as before, also after the power went.
    bench_dfu_load(bench, &image);
    bench_dfu_leave(bench);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);
    bench_assert_flash_holds(bench, &image);
    chip_power_off(bench->chip);
    bench_run_ms(bench, 10);
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    assert_true(is_protected(bench));
    // The way back.
    bench_run_ms(bench, 1000);
    assert_int_equal(protect(bench, 0, BOOT_PROTECT_INDEX), CABLE_OK);
    assert_false(is_protected(bench));
    assert_int_equal(bench->chip->flash.option | OPTCR_LOCK, others);
    bench_free(bench);
}

static void protection_is_refused_where_it_must_be(void **state) {
    (void)state;
    struct bench *bench = bench_up();
    assert_int_equal(protect(bench, 1, 0), CABLE_STALL);
    assert_int_equal(protect(bench, 2, BOOT_PROTECT_INDEX), CABLE_STALL);
    chip_set_supply_mv(bench->chip, 2750);
    assert_int_equal(protect(bench, 1, BOOT_PROTECT_INDEX), CABLE_STALL);
    chip_set_supply_mv(bench->chip, 3300);
    assert_false(is_protected(bench));
    // While a sector is erased: nothing of it is disturbed.
    uint8_t erase[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_ERASE};
    uint8_t status[DFU_STATUS_LEN];
    uint32_t moved;
    store_le32(erase + 1, APPLICATION);
    assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, 0, erase, sizeof erase), sizeof erase);
    const struct usb_setup get = {0xa1, DFU_GETSTATUS, 0, 0, sizeof status};
    assert_int_equal(bench_transfer(bench, &get, status, &moved, 20 * PS_PER_MS), CABLE_CANCELLED);
    assert_int_equal(protect(bench, 1, BOOT_PROTECT_INDEX), CABLE_STALL);
    bench_run_ms(bench, 1000);
    assert_int_equal(bench_dfu_status(bench), DFU_STATE_DNLOAD_IDLE);
    assert_false(is_protected(bench));
    // At level 2 the option bytes are closed for ever: not even tried, which would be a complaint.
    bench->chip->flash.option = (bench->chip->flash.option & ~OPTCR_RDP) | 0xcc00u;
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    bench_wait_for_device(bench);
    bench_run_ms(bench, 1000);
    assert_int_equal(PROTECTION_RDP(protection(bench).option), 0xcc);
    assert_int_equal(protect(bench, 1, BOOT_PROTECT_INDEX), CABLE_STALL);
    bench_free(bench);
}

// Power goes inside the writing of the option bytes, with many seeds of the fault model
// (vboard/chip/flash_fault.c). On this chip the board starts as ever, has all it had, and takes the request
// again; what it may have lost is read protection level 0.
#define OPTION_SEEDS 40u

static void cut_inside(void *ctx, const struct chip_flash_op *op) {
    (void)op;
    struct bench *bench = ctx;
    chip_power_off_inside(bench->chip);
}

static void power_up(struct bench *bench, int button) {
    chip_power_off(bench->chip);
    bench_run_ms(bench, 10);
    chip_set_pin(bench->chip, "PA0", button);
    chip_power_on(bench->chip);
}

static void a_cut_inside_the_option_bytes_leaves_a_board_that_works(void **state) {
    (void)state;
    static struct image image;
    static uint8_t before[APPLICATION - 0x08000000u];
    unsigned level_1 = 0, as_before = 0, done = 0;
    bench_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_up();
    bench_dfu_load(bench, &image);
    bench_dfu_leave(bench);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);
    memcpy(before, chip_flash(bench->chip), sizeof before);
    uint32_t start = bench->chip->flash.option;
    for (uint32_t i = 0; i < 2 * OPTION_SEEDS; i++) {
        uint16_t wanted = i < OPTION_SEEDS;
        chip_power_off(bench->chip);
        bench->chip->flash.option = wanted ? start | OPTCR_NWRP_0 : start & ~OPTCR_NWRP_0;
        power_up(bench, 1);
        bench_wait_for_device(bench);
        chip_set_tear_seed(bench->chip, i);
        chip_on_flash_op(bench->chip, cut_inside, bench);
        assert_int_not_equal(protect(bench, wanted, BOOT_PROTECT_INDEX), CABLE_OK);
        chip_on_flash_op(bench->chip, NULL, NULL);
        assert_false(chip_is_powered(bench->chip));
        power_up(bench, 0);
        bench_assert_application_runs(bench, BLINK_0_1_EDGES);
        power_up(bench, 1);
        uint32_t option = protection(bench).option;
        level_1 += PROTECTION_RDP(option) != 0xaa;
        as_before += (PROTECTION_NWRP(option) & 1u) == wanted;
        done += (PROTECTION_NWRP(option) & 1u) != wanted;
        assert_int_not_equal(PROTECTION_RDP(option), 0xcc);
        assert_int_equal(protect(bench, wanted, BOOT_PROTECT_INDEX), CABLE_OK);
        assert_int_equal(is_protected(bench), wanted);
        assert_memory_equal(chip_flash(bench->chip), before, sizeof before);
        bench_assert_flash_holds(bench, &image);
    }
    print_message(
        "board.protection: %u cuts inside the option bytes: sector 0 as before %u, as asked %u; "
        "read protection at level 1 after %u; every board started\n",
        2 * OPTION_SEEDS, as_before, done, level_1);
    // What the model is for was met.
    assert_true(level_1 > OPTION_SEEDS / 2 && as_before > 5 && done > 5);
    bench_free(bench);
}

// --- Ranges --------------------------------------------------------------------------------------

#define MARK     0x5eedf00du // of every word that the host sends
#define REQUESTS 1500u

static uint32_t draw(uint32_t *seed) { // xorshift32
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    return *seed ^= *seed << 5;
}

// Addresses near every edge, and anything.
static uint32_t draw_address(uint32_t *seed) {
    static const uint32_t edges[] = {0x08000000, 0x08004000, 0x08008000, 0x0800c000, 0x08010000,
                                     0x08100000, 0x1fff0000, 0x1fffc000, 0x20000000, 0x10000000,
                                     0x40023c00, 0x00000000, 0xfffff800};
    uint32_t any = draw(seed);
    uint32_t edge = edges[any % (sizeof edges / sizeof edges[0])];
    switch (any >> 28) {
    case 0:
        return draw(seed);
    case 1:
    case 2:
        return 0x08000000u + draw(seed) % 0x110000u;
    default:
        return edge + draw(seed) % 4096u - 2048u;
    }
}

static void refuse_boot_sector(void *ctx, const struct chip_flash_op *op) {
    (void)ctx;
    assert_true(op->kind == CHIP_FLASH_ERASE || op->kind == CHIP_FLASH_PROGRAM);
    assert_true(op->addr >= 0x08004000u && op->addr + op->len <= 0x08100000u);
}

static void random_requests_reach_the_application_only(void **state) {
    (void)state;
    static uint8_t boot[0x4000], block[BLOCK];
    uint32_t seed = 2463534242u;
    struct bench *bench = bench_up();
    unsigned took = 0, refused = 0;
    bench->trace.complaints = NULL; // it writes over what it has written, and is told so
    memcpy(boot, chip_flash(bench->chip), sizeof boot);
    for (uint32_t off = 0; off < BLOCK; off += 4) {
        store_le32(block + off, MARK);
    }
    chip_on_flash_op(bench->chip, refuse_boot_sector, NULL);
    for (unsigned i = 0; i < REQUESTS; i++) {
        uint8_t command[DFUSE_CMD_WITH_ADDRESS_LEN];
        uint16_t number = 0, len = sizeof command;
        uint8_t *data = command;
        switch (draw(&seed) % 8) {
        case 0:
            (void)bench_control(bench, 0x01, USB_SET_INTERFACE, (uint16_t)(draw(&seed) % 2), NULL,
                                0);
            continue;
        case 1:
            command[0] = DFUSE_CMD_ERASE;
            break;
        case 2:
        case 3:
        case 4:
            command[0] = DFUSE_CMD_SET_ADDRESS;
            break;
        default: // a block, often far from the pointer
            number = (uint16_t)(2 + (draw(&seed) % 4 ? draw(&seed) % 8 : draw(&seed) % 0xfffe));
            data = block;
            len = (uint16_t)(1 + draw(&seed) % BLOCK);
            break;
        }
        store_le32(command + 1, draw_address(&seed));
        uint8_t status[DFU_STATUS_LEN] = {0};
        bool is_sent = bench_control(bench, 0x21, DFU_DNLOAD, number, data, len) == len;
        for (unsigned tries = 0; is_sent && tries < 8; tries++) {
            assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status),
                             6);
            if (status[4] != DFU_STATE_DNBUSY) {
                break;
            }
        }
        bool is_ok = is_sent && status[0] == DFU_STATUS_OK;
        took += is_ok;
        refused += !is_ok;
        (void)bench_control(bench, 0x21, is_ok ? DFU_ABORT : DFU_CLRSTATUS, 0, NULL, 0);
    }
    chip_on_flash_op(bench->chip, NULL, NULL);
    print_message("board.protection: %u requests taken, %u refused\n", took, refused);
    assert_true(took > REQUESTS / 8 && refused > REQUESTS / 8); // it has tried both
    assert_memory_equal(chip_flash(bench->chip), boot, sizeof boot);
    // Nothing of the host's in the settings' sectors, and they are still a store.
    const uint8_t *flash = chip_flash(bench->chip);
    for (uint32_t off = 0x4000; off < APPLICATION - FLASH_BASE; off++) {
        assert_false(load_le32(flash + off) == MARK);
    }
    struct settings_flash pages = pages_at(chip_flash(bench->chip) + PAGES_OFF);
    struct settings settings;
    assert_int_equal(settings_open(&settings, &pages), SETTINGS_OK);
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

// --- The stack -----------------------------------------------------------------------------------

// Back in DFU mode, the fault noted; the bench's complaints about it are the point here.
static struct fault_record comes_back(struct bench *bench, uint32_t count) {
    bench_run_ms(bench, 100);
    struct fault_record fault = fault_of(bench);
    assert_int_equal(fault.magic, FAULT_MAGIC);
    assert_int_equal(fault.count, count);
    return fault;
}

static void a_stack_that_goes_too_deep_is_a_fault_and_dfu_comes_back(void **state) {
    (void)state;
    static const uint8_t spoilt[4] = {0};
    struct bench *bench = bench_up();
    bench->trace.complaints = NULL;
    // One word of the guard, as a frame would overwrite it: found within a turn of the main loop.
    assert_true(chip_poke(bench->chip, SRAM_END - STACK_BYTES + 8, spoilt, 4));
    struct fault_record fault = comes_back(bench, 1);
    assert_int_equal(fault.cfsr, CFSR_UNDEFINED);
    assert_in_range(fault.pc, 0x20000200, SRAM_END - STACK_BYTES);
    // The stack itself, close above its limit: what the main loop calls pushes over the guard.
    cpu_set_register(chip_cpu(bench->chip), 13, SRAM_END - STACK_BYTES + 24);
    (void)comes_back(bench, 2);
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

static void a_stack_pointer_outside_sram_is_a_fault_and_dfu_comes_back(void **state) {
    (void)state;
    static const uint32_t nowhere[] = {0x00000010, 0x1ffffff8, 0x20000008, 0x20040000, 0x60000000};
    for (unsigned i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        struct bench *bench = bench_up();
        bench->trace.complaints = NULL;
        cpu_set_register(chip_cpu(bench->chip), 13, nowhere[i]);
        cpu_set_register(chip_cpu(bench->chip), 15, 0x30000000); // and nothing to execute
        (void)comes_back(bench, 1);
        bench->trace.complaint_count = 0;
        bench_free(bench);
    }
}

// --- Waits ---------------------------------------------------------------------------------------

// A register that never becomes ready: its bits, and what they show for ever.
struct stuck {
    const char *name;
    uint32_t addr, mask, value;
};

// While DFU mode starts: the LED blinks for three seconds, then the application gets its turn, and
// without one the next try. (The ends of OTG_HS's are at the same offsets.)
static void what_fails_at_start_blinks_and_starts_over(void **state) {
    (void)state;
    uint32_t otg = bench_board->usb == BOARD_OTG_HS ? 0x40040000u : 0x50000000u;
    const struct stuck all[] = {
        {"RCC_CR.HSERDY", 0x40023800, 1u << 17, 0},
        {"RCC_CR.PLLRDY", 0x40023800, 1u << 25, 0},
        {"FLASH_ACR.LATENCY", 0x40023c00, 0xf, 0},
        // The clock has changed all the same, to 10.5 times what the blinking counts on.
        {"RCC_CFGR.SWS", RCC_CFGR, 3u << 2, 0},
        {"GINTSTS.CMOD", otg + 0x14, 1, 1},
        {"GRSTCTL.AHBIDL", otg + 0x10, 1u << 31, 0},
        {"GRSTCTL.TXFFLSH", otg + 0x10, 1u << 5, 1u << 5},
        {"GRSTCTL.RXFFLSH", otg + 0x10, 1u << 4, 1u << 4},
    };
    // The clocks are the same on both.
    for (unsigned i = bench_board->usb == BOARD_OTG_HS ? 4 : 0; i < sizeof all / sizeof all[0];
         i++) {
        struct bench *bench = bench_new(8000000);
        bench->trace.complaints = NULL;
        chip_stick(bench->chip, all[i].addr, all[i].mask, all[i].value);
        chip_power_on(bench->chip);
        bench_run_ms(bench, 500);
        unsigned wanted = all[i].addr == RCC_CFGR ? 190 : 20; // 50 ms a level
        for (unsigned tries = 0; tries < 2; tries++) {
            unsigned edges = bench_led_edges(bench);
            if (edges < wanted * 8 / 10 || edges > wanted + 1) {
                fail_msg("%s: %u edges a second", all[i].name, edges);
            }
            bench_run_ms(bench, 3000);
        }
        assert_null(bench->device);
        // Mended, the next try succeeds by itself.
        chip_stick(bench->chip, 0, 0, 0);
        bench_run_ms(bench, 3500);
        bench_wait_for_device(bench);
        bench->trace.complaint_count = 0;
        bench_free(bench);
    }
}

// As GETSTATUS has it, DNBUSY waited out; fails where that takes longer than `max_ms`.
static enum dfu_status command_status(struct bench *bench, const uint8_t *bytes, uint16_t number,
                                      uint16_t len, uint64_t max_ms) {
    uint64_t from_ps = timeline_now(&bench->timeline);
    uint8_t status[DFU_STATUS_LEN] = {0};
    assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, number, (uint8_t *)bytes, len), len);
    do {
        assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
        bench_run_ms(bench, load_le24(status + 1));
        assert_true(timeline_now(&bench->timeline) - from_ps < max_ms * PS_PER_MS);
    } while (status[4] == DFU_STATE_DNBUSY);
    return status[0];
}

// The flash unit stays busy for ever. USB lives; the host is told. (On a chip whatever reads flash
// would hang behind it; vboard's bus does not.)
static void a_flash_unit_that_stays_busy_is_told_in_bounded_time(void **state) {
    (void)state;
    static struct image image;
    bench_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_up();
    bench->trace.complaints = NULL;
    uint8_t erase[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_ERASE};
    store_le32(erase + 1, APPLICATION);
    chip_stick(bench->chip, FLASH_SR, SR_BUSY, SR_BUSY);
    assert_int_not_equal(command_status(bench, erase, 0, sizeof erase, 9000), DFU_STATUS_OK);
    assert_int_equal(bench_control(bench, 0x21, DFU_CLRSTATUS, 0, NULL, 0), 0);
    assert_int_equal(protect(bench, 1, BOOT_PROTECT_INDEX), CABLE_STALL);
    assert_false(is_protected(bench));
    // Mended, the same session loads.
    chip_stick(bench->chip, 0, 0, 0);
    bench_run_ms(bench, 1000);
    bench_dfu_load(bench, &image);
    bench_dfu_leave(bench);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

// BSY goes stuck in the middle of each kind of operation: the erase, a word, the option bytes.
static void stick_busy(void *ctx, const struct chip_flash_op *op) {
    (void)op;
    struct bench *bench = ctx;
    chip_stick(bench->chip, FLASH_SR, SR_BUSY, SR_BUSY);
    chip_on_flash_op(bench->chip, NULL, NULL);
}

static void an_operation_that_never_ends_is_given_up(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct bench *bench = bench_up();
        bench->trace.complaints = NULL;
        uint8_t erase[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_ERASE};
        uint8_t block[BLOCK] = {0};
        store_le32(erase + 1, 0x08010000);
        assert_int_equal(command_status(bench, erase, 0, sizeof erase, 4000), DFU_STATUS_OK);
        bench_dfu_command(bench, DFUSE_CMD_SET_ADDRESS, 0x08010000);
        chip_on_flash_op(bench->chip, stick_busy, bench);
        if (kind == 0) {
            assert_int_equal(command_status(bench, erase, 0, sizeof erase, 9000),
                             DFU_STATUS_ERR_ERASE);
        } else if (kind == 1) {
            enum dfu_status status = command_status(bench, block, 2, BLOCK, 1000);
            if (status == DFU_STATUS_OK) { // told with the next one
                status = command_status(bench, block, 3, BLOCK, 1000);
            }
            assert_int_equal(status, DFU_STATUS_ERR_PROG);
        } else {
            uint64_t from_ps = timeline_now(&bench->timeline);
            assert_int_equal(protect(bench, 1, BOOT_PROTECT_INDEX), CABLE_STALL);
            assert_in_range((timeline_now(&bench->timeline) - from_ps) / PS_PER_MS, 1900, 2300);
        }
        assert_non_null(bench->device);
        (void)protection(bench); // it answers
        bench->trace.complaint_count = 0;
        bench_free(bench);
    }
}

// While it runs: an endpoint that does not let go of a packet. The core starts over with everything.
static void a_usb_core_that_does_not_obey_is_reset(void **state) {
    (void)state;
    uint32_t otg = bench_board->usb == BOARD_OTG_HS ? 0x40040000u : 0x50000000u;
    const struct stuck all[] = {
        {"DIEPINT0.INEPNE", otg + 0x908, 1u << 6, 0},
        {"DIEPINT0.EPDISD", otg + 0x908, 1u << 1, 0},
        {"GRSTCTL.AHBIDL", otg + 0x10, 1u << 31, 0},
        {"GRSTCTL.TXFFLSH", otg + 0x10, 1u << 5, 1u << 5},
    };
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct bench *bench = bench_up();
        bench->trace.complaints = NULL;
        // An answer that the host does not fetch: the next SETUP takes it back.
        uint8_t bytes[255];
        uint32_t moved;
        const struct usb_setup get = {0x80, USB_GET_DESCRIPTOR, 0x0200, 0, sizeof bytes};
        chip_stick(bench->chip, all[i].addr, all[i].mask, all[i].value);
        const struct usb_setup again = {0x80, USB_GET_DESCRIPTOR, 0x0100, 0, 18};
        for (unsigned us = 250; us < 400 && bench->device;
             us++) { // when it is ready and not fetched
            (void)bench_transfer(bench, &get, bytes, &moved, us * PS_PER_US);
            (void)bench_transfer(bench, &again, bytes, &moved, 20 * PS_PER_MS);
        }
        chip_stick(bench->chip, 0, 0, 0);
        bench_run_ms(bench, 3500); // where the start was caught too, it blinks first
        bench_wait_for_device(bench);
        assert_int_equal(bench_transfer(bench, &again, bytes, &moved, PS_PER_S), CABLE_OK);
        uint8_t report[BOOT_REPORT_LEN];
        read_report(bench, report);
        if (!(load_le32(report + 8) & START_CAUSE_SOFTWARE)) {
            fail_msg("%s: no reset", all[i].name);
        }
        bench->trace.complaint_count = 0;
        bench_free(bench);
    }
}

// So that a later bootloader can give them a meaning, and a host can see that this one has none.
static void the_report_is_at_no_other_value_or_index(void **state) {
    (void)state;
    struct bench *bench = bench_up();
    static const uint8_t requests[] = {BOOT_REPORT_REQUEST, REGION_HASH_REQUEST};
    for (unsigned i = 0; i < 2 * sizeof requests; i++) {
        struct usb_setup setup = {USB_DIR_IN | USB_TYPE_VENDOR, requests[i / 2], i % 2, !(i % 2),
                                  8};
        uint8_t bytes[8];
        uint32_t moved;
        assert_int_equal(bench_transfer(bench, &setup, bytes, &moved, 5 * PS_PER_S), CABLE_STALL);
        setup.wValue = setup.wIndex = 0;
        assert_int_equal(bench_transfer(bench, &setup, bytes, &moved, 5 * PS_PER_S), CABLE_OK);
        assert_int_equal(moved, 8);
    }
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_EACH(write_protection_is_set_kept_and_lifted),
        BENCH_ONE(protection_is_refused_where_it_must_be),
        BENCH_ONE(the_report_is_at_no_other_value_or_index),
        BENCH_ONE(a_cut_inside_the_option_bytes_leaves_a_board_that_works),
        BENCH_ONE(random_requests_reach_the_application_only),
        BENCH_EACH(a_stack_that_goes_too_deep_is_a_fault_and_dfu_comes_back),
        BENCH_ONE(a_stack_pointer_outside_sram_is_a_fault_and_dfu_comes_back),
        BENCH_EACH(what_fails_at_start_blinks_and_starts_over),
        BENCH_ONE(a_flash_unit_that_stays_busy_is_told_in_bounded_time),
        BENCH_ONE(an_operation_that_never_ends_is_given_up),
        BENCH_EACH(a_usb_core_that_does_not_obey_is_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
