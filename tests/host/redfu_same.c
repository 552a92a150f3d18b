// SPDX-License-Identifier: MIT
//
// What `redfu write` leaves out since the board has it, what it keeps, and what it tries again; with the
// region hash and, by reading, without.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spec/dfu.h"
#include "tests/host/folder.h"
#include "tests/host/redfu_run.h"

// Sectors 3, 4 and a part of 5, as the application's first three.
#define IMAGE_BYTES  (0x14000u + 9000u)
#define SECTOR_5     0x08020000u
#define SECTOR_5_OFF (SECTOR_5 - DESK_APPLICATION)

static char folder[] = "/tmp/redfu-same-XXXXXX";
static char home[256];
static uint8_t image[IMAGE_BYTES];

static int set_up(void **unused) {
    (void)unused;
    assert_non_null(getcwd(home, sizeof home));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0); // where --keep saves
    for (unsigned i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 11 + i / 253);
    }
    store_le32(image, 0x20020000u);
    store_le32(image + 4, DESK_APPLICATION + 0x201u);
    folder_put(folder, "good.bin", image, sizeof image);
    image[SECTOR_5_OFF + 8000] ^= 1;
    folder_put(folder, "changed.bin", image, sizeof image);
    image[SECTOR_5_OFF + 8000] ^= 1;
    memset(image + 0x5000, 0xff, 0x8000);
    folder_put(folder, "holes.bin", image, sizeof image);
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    assert_int_equal(chdir(home), 0);
    return folder_remove(folder);
}

// Runs it, and the application afterwards has what was loaded.
static struct outcome run(struct bench *bench, const char *words, int status) {
    bench->desk->hidden_at_us = 0;
    struct outcome outcome = cli_run(bench, folder, words, false);
    if (outcome.status != status) {
        fail_msg("%s: status %d\n%s%s", words, outcome.status, outcome.out, outcome.err);
    }
    return outcome;
}

static void assert_run(struct bench *bench, const char *words, const char *says) {
    struct outcome outcome = run(bench, words, 0);
    cli_says(outcome.out, says);
    outcome_free(&outcome);
}

static void power_cycle(struct bench *bench) {
    desk_wait_ms(bench->desk, 300);
    bench->desk->hidden_at_us = 0;
    bench_power_cycle(bench);
    desk_wait_ms(bench->desk, 100);
    memset(bench->desk->erases, 0, sizeof bench->desk->erases);
    bench->desk->words_programmed = 0;
}

static void assert_holds(struct bench *bench, const char *name) {
    static uint8_t bytes[IMAGE_BYTES];
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_int_equal(fclose(file), 0);
    assert_memory_equal(bench_flash(bench, DESK_APPLICATION), bytes, sizeof bytes);
}

static struct bench *loaded(bool no_sums) {
    struct bench *bench = bench_new();
    bench->no_sums = no_sums;
    assert_run(bench, "write %/good.bin",
               "Plan: erase 3 sectors (208 KB), write 88.7 KB; about 2.");
    power_cycle(bench);
    assert_holds(bench, "good.bin");
    return bench;
}

static void an_image_that_is_there_is_started_and_not_written(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = loaded(i == 1);
        struct outcome outcome = run(bench, "write %/good.bin", 0);
        cli_says(outcome.out, "Plan: nothing to write, the device holds it already\nRunning");
        assert_null(strstr(outcome.out, "Erasing"));
        outcome_free(&outcome);
        desk_wait_ms(bench->desk, 200);
        assert_true(bench->desk->ran);
        assert_int_equal(bench->desk->words_programmed, 0);
        for (unsigned sector = 0; sector < 12; sector++) {
            assert_int_equal(bench->desk->erases[sector], 0);
        }
        assert_int_equal(bench_count(bench, 0, DFU_UPLOAD) > 0, i == 1);
        power_cycle(bench);
        assert_run(bench, "write %/good.bin --no-run",
                   "Done: the device holds it; the board stays in DFU mode");
        bench_free(bench);
    }
}

static void only_the_sector_that_differs_is_written(void **unused) {
    (void)unused;
    static const char *const lines[] = {"write %/changed.bin", "write %/changed.bin --no-run",
                                        "write %/changed.bin --verify=read",
                                        "write %/changed.bin --no-run --verify=read"};
    for (unsigned i = 0; i < 2 * sizeof lines / sizeof lines[0]; i++) {
        struct bench *bench = loaded(i % 2 == 1);
        assert_run(
            bench, lines[i / 2],
            "Plan: erase 1 sector (128 KB), write 9000 bytes; 2 sectors (80 KB of the image) "
            "hold it already; about ");
        desk_wait_ms(bench->desk, 700);
        assert_int_equal(bench->desk->erases[3] + bench->desk->erases[4], 0);
        assert_int_equal(bench->desk->erases[5], 1);
        assert_holds(bench, "changed.bin");
        assert_true(desk_would_start(bench->desk)); // the record is closed
        bench_free(bench);
    }
}

// Something else behind the image, where a full write would erase it: not the same.
static void the_rest_of_a_sector_counts(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = loaded(i == 1);
        *bench_flash(bench, SECTOR_5 + 0x1fffe) = 0;
        assert_run(bench, "write %/good.bin", "Plan: erase 1 sector (128 KB)");
        assert_int_equal(*bench_flash(bench, SECTOR_5 + 0x1fffe), 0xff);
        bench_free(bench);
    }
}

static void full_writes_everything(void **unused) {
    (void)unused;
    struct bench *bench = loaded(false);
    struct outcome outcome = run(bench, "write %/good.bin --full", 0);
    cli_says(outcome.out, "Plan: erase 3 sectors (208 KB), write 88.7 KB; about");
    outcome_free(&outcome);
    assert_int_equal(bench->desk->erases[3], 1);
    bench_free(bench);
}

// A load that never ended: the board has every byte and does not know it. The beginning is written
// again, and then it does.
static void a_load_that_never_ended_is_ended(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = loaded(i == 1);
        desk_set_interface(bench->desk);
        assert_int_equal(desk_command(bench->desk, DFUSE_CMD_ERASE, 0x080e0000u).status,
                         DFU_STATUS_OK); // opens the record, and closes nothing
        desk_set_interface(bench->desk);
        assert_false(desk_would_start(bench->desk));
        assert_run(bench, "write %/good.bin", "Plan: erase 1 sector (16 KB)");
        desk_wait_ms(bench->desk, 700);
        assert_true(desk_would_start(bench->desk));
        assert_holds(bench, "good.bin");
        bench_free(bench);
    }
}

static void blanks_are_left_out_and_the_load_is_whole_all_the_same(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = bench_new();
        assert_run(bench, i == 0 ? "write %/holes.bin --no-run" : "write %/holes.bin",
                   "write 56.7 KB; 32 KB blank; about");
        desk_wait_ms(bench->desk, 700);
        assert_true(desk_would_start(bench->desk));
        assert_holds(bench, "holes.bin");
        bench_free(bench);
    }
}

static void dry_run_tells_the_plan_and_writes_nothing(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = loaded(i == 1);
        struct outcome outcome = run(bench, "write %/changed.bin --dry-run", 0);
        cli_says(outcome.out, "\n  erase sector 5   0x08020000  128 KB\n"
                              "  write            0x08020000  9000 bytes\n"
                              "Nothing was written (--dry-run)\n");
        outcome_free(&outcome);
        assert_int_equal(bench->desk->erases[5], 0);
        assert_int_equal(bench->desk->words_programmed, 0);
        assert_holds(bench, "good.bin");
        bench_free(bench);
    }
}

static double number_behind(const char *text, const char *name) {
    const char *at = strstr(text, name);
    assert_non_null(at);
    return at ? strtod(at + strlen(name), NULL) : 0;
}

// Devices as ST's ROM and ST's class: no region hash, and each block has to be waited for.
static void the_plan_counts_how_long_a_device_asks_to_be_left_alone(void **unused) {
    (void)unused;
    static const unsigned polls[] = {0, 20, 50, 104, 300};
    static const char *const ways[] = {"", "--full", "--no-verify"};
    bool ok = true;
    for (unsigned at = 0; at < 15; at++) {
        unsigned i = at / 3;
        struct bench *bench = bench_new();
        char words[128];
        bench->no_upload = at % 3 == 2; // libopencm3's DFU bootloaders
        bench->no_sums = bench->no_settings = true;
        bench->poll_ms = polls[i];
        // 250, 550 and 1000 ms (DS8626 table 40), and each the same.
        bench->desk->erase_us = 600000;
        uint64_t start_us = bench->desk->now_us;
        (void)snprintf(words, sizeof words, "write %%/good.bin --json --dry-run %s", ways[at % 3]);
        struct outcome outcome = run(bench, words, 0);
        const char *plan = strstr(outcome.out, "{\"type\":\"plan\"");
        assert_non_null(plan);
        double told = number_behind(plan ? plan : "", "\"seconds\":");
        outcome_free(&outcome);
        double dry = (double)(bench->desk->now_us - start_us) / 1e6;
        start_us = bench->desk->now_us;
        (void)snprintf(words, sizeof words, "write %%/good.bin --json --no-run %s", ways[at % 3]);
        outcome = run(bench, words, 0);
        outcome_free(&outcome);
        double taken = (double)(bench->desk->now_us - start_us) / 1e6 - dry;
        print_message("poll %u ms %s: %.2f s told, %.2f s taken\n", polls[i], ways[at % 3], told,
                      taken);
        ok = ok && told > 0.8 * taken && told < 1.2 * taken;
        bench_free(bench);
    }
    assert_true(ok);
}

static void info_tells_of_the_image_and_of_a_load_that_has_not_ended(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    assert_run(bench, "info", "Image          at 0x0800C000: none, blank\n");
    assert_run(bench, "write %/good.bin --no-run", "Done");
    assert_run(bench, "info",
               "Image          at 0x0800C000: stack 0x20020000, reset vector 0x0800C201\n");
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_IDLE);
    desk_set_interface(bench->desk);
    assert_int_equal(desk_command(bench->desk, DFUSE_CMD_ERASE, 0x080e0000u).status, DFU_STATUS_OK);
    assert_int_equal(desk_simple(bench->desk, DFU_ABORT), DESK_OK);
    assert_run(bench, "info", "; a load was begun and has not ended\n");
    // The other memory in force: the address is refused there, and nothing of that is left.
    uint16_t len = 0;
    assert_int_equal(
        desk_control(bench->desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, 2, 0, NULL, &len),
        DESK_OK);
    assert_run(bench, "info", "State          dfuIDLE");
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_IDLE);
    assert_int_equal(desk_getstatus(bench->desk).status, DFU_STATUS_OK);
    bench_free(bench);
}

static const struct usb_setup *interface_set(const struct bench *bench, unsigned nth) {
    for (unsigned i = 0; i < bench->log_count; i++) {
        const struct usb_setup *setup = &bench->log[i];
        if (setup->bRequest == USB_SET_INTERFACE &&
            setup->bmRequestType == USB_RECIPIENT_INTERFACE && nth-- == 0) {
            return setup;
        }
    }
    return NULL;
}

static uint8_t alternate_of(struct bench *bench) {
    uint8_t alternate = 0xff;
    uint16_t len = 1;
    assert_int_equal(desk_control(bench->desk, USB_DIR_IN | USB_RECIPIENT_INTERFACE,
                                  USB_GET_INTERFACE, 0, 0, &alternate, &len),
                     DESK_OK);
    return alternate;
}

// With the settings read, and everything in force again that was.
static void info_tells_of_settings_and_leaves_the_alternate_setting_as_found(void **unused) {
    (void)unused;
    for (uint8_t found = 0; found < 3; found++) {
        struct bench *bench = bench_new();
        uint16_t len = 0;
        assert_run(bench, "info",
                   "Settings       0, 152 of 16384 bytes of the page used; boot mode: not set, "
                   "application\n");
        assert_run(bench, "settings set 5 text:abc", "Done");
        assert_run(bench, "settings set boot-mode dfu", "Done");
        assert_int_equal(desk_control(bench->desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE,
                                      found, 0, NULL, &len),
                         DESK_OK);
        bench_arm(bench);
        assert_run(bench, "info",
                   "Settings       2, 184 of 16384 bytes of the page used; boot mode: dfu\n");
        assert_int_equal(alternate_of(bench), found);
        assert_int_equal(desk_getstate(bench->desk), DFU_STATE_IDLE);
        assert_int_equal(interface_set(bench, 0)->wValue, 2);
        if (found != 2) {
            assert_int_equal(interface_set(bench, 1)->wValue, found);
        }
        assert_run(bench, "info --json",
                   "\"settings\":{\"count\":2,\"page_bytes\":16384,\"room\":16200,"
                   "\"turnovers\":1,\"foreign\":false,\"boot_mode\":1}");
        bench_free(bench);
    }
}

// To the gate SET_INTERFACE is another session, whose ABORT or leave proves nothing.
static void info_does_not_end_a_load(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    assert_run(bench, "write %/good.bin --no-run", "Done");
    desk_set_interface(bench->desk);
    assert_int_equal(desk_command(bench->desk, DFUSE_CMD_ERASE, 0x080e0000u).status, DFU_STATUS_OK);
    assert_int_equal(desk_simple(bench->desk, DFU_ABORT), DESK_OK);
    bench_arm(bench);
    assert_run(bench, "info",
               "Settings       not known: a load was begun and has not ended, and reading them "
               "would be another session to the device");
    assert_run(bench, "info", "  Whole        no; no stamp (not sealed)\n");
    assert_run(bench, "info --json", "\"settings_unknown\":\"a load was begun");
    assert_run(bench, "info --json", "\"receiving\":true}");
    assert_null(interface_set(bench, 0));
    bench_free(bench);
}

static void info_says_what_the_stamp_says(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    assert_run(bench, "seal %/good.bin %/sealed.bin", "sealed");
    assert_run(bench, "write %/sealed.bin --no-run", "Done");
    char line[128];
    uint32_t crc =
        load_le32(bench_flash(bench, DESK_APPLICATION) + (IMAGE_BYTES + 15) / 16 * 16 + 8);
    (void)snprintf(line, sizeof line,
                   "  Whole        yes; its stamp is right: %u bytes, CRC-32 %08X\n",
                   (IMAGE_BYTES + 15) / 16 * 16, crc);
    assert_run(bench, "info", line);
    (void)snprintf(line, sizeof line, "\"stamp\":{\"seal\":\"right\",\"bytes\":%u,\"crc\":%u}",
                   (IMAGE_BYTES + 15) / 16 * 16, crc);
    assert_run(bench, "info --json", line);
    // A smaller image in front of it, whose load did not reach the stamp's sector: not its stamp.
    static uint8_t small[1000];
    store_le32(small, 0x20020000u);
    store_le32(small + 4, DESK_APPLICATION + 0x201u);
    folder_put(folder, "small.bin", small, sizeof small);
    assert_run(bench, "write %/small.bin --no-run", "Done");
    (void)snprintf(line, sizeof line,
                   "  Whole        taken for it, its load has ended; a stamp that does not fit it: "
                   "%u bytes, CRC-32 %08X\n",
                   (IMAGE_BYTES + 15) / 16 * 16, crc);
    assert_run(bench, "info", line);
    assert_run(bench, "info --json", "\"stamp\":{\"seal\":\"wrong\",\"bytes\":");
    // And a sealed one before the old stamp: the right one counts.
    assert_run(bench, "seal %/small.bin %/sealed.bin", "sealed");
    assert_run(bench, "write %/sealed.bin --no-run", "Done");
    assert_run(bench, "info", "  Whole        yes; its stamp is right: 1008 bytes, CRC-32 ");
    bench_free(bench);
}

static void info_says_what_cannot_be_known(void **unused) {
    (void)unused;
    struct bench *bench = loaded(true); // no region hash
    assert_run(bench, "info",
               "  Whole        not known: only redfu-boot's region hash tells it soon; `redfu "
               "verify FILE` compares\n"
               "Settings       not known: reading them might end a load; `redfu settings list` "
               "does\n");
    bench->no_settings = true;
    assert_run(bench, "info", "Settings       not known: the device offers none over USB\n");
    bench->no_upload = true;
    assert_run(bench, "info", "Image          not known: the device cannot be read back\n");
    bench->no_upload = bench->no_settings = false;
    bench->no_sums = false;
    assert_int_equal(desk_simple(bench->desk, DFU_DETACH), DESK_STALL); // dfuERROR
    bench_arm(bench);
    assert_run(bench, "info",
               "Image          not known: the device was not found ready to be read, and is left "
               "as it is\n"
               "Settings       not known: reading them would change the state the device is in\n");
    assert_run(bench, "info --json",
               "\"stamp_unknown\":\"looking would change the state the device is in\"");
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_ERROR);
    assert_null(interface_set(bench, 0));
    bench->kinds[0] = REDFU_KIND_DFU;
    assert_run(bench, "info",
               "Image          not known: plain DFU has no addresses, and what is read");
    bench_free(bench);
}

// --- --keep --------------------------------------------------------------------------------------

#define KEPT "redfu-kept-0123456789AB.hex"

static void keep_writes_the_rest_of_a_sector_back(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = loaded(i == 1);
        memcpy(bench_flash(bench, SECTOR_5 + 0x8001), "calibration", 11);
        struct outcome outcome = run(bench, "write %/changed.bin --keep", 0);
        cli_says(outcome.out, "119.2 KB kept");
        cli_says(outcome.out, "What is kept lies in " KEPT);
        outcome_free(&outcome);
        assert_memory_equal(bench_flash(bench, SECTOR_5 + 0x8001), "calibration", 11);
        assert_int_not_equal(access(KEPT, F_OK), 0);
        power_cycle(bench);
        assert_holds(bench, "changed.bin");
        // And what is beside it is no difference then.
        assert_run(bench, "write %/changed.bin --keep", "nothing to write");
        bench_free(bench);
    }
}

static void what_was_kept_outlives_a_pulled_cable(void **unused) {
    (void)unused;
    struct bench *bench = loaded(false);
    memcpy(bench_flash(bench, SECTOR_5 + 0x8001), "calibration", 11);
    bench->gone_at = 100;
    struct outcome outcome = run(bench, "write %/changed.bin --keep", REDFU_UNPLUGGED);
    cli_says(outcome.err, "What was to be kept is in " KEPT);
    outcome_free(&outcome);
    power_cycle(bench);
    // Not overwritten: what is on the board now is not what it was. And where nothing is left that could be
    // kept, the same command again does not pass for done.
    outcome = run(bench, "write %/good.bin@0x08080000 --no-run --force-vectors --keep",
                  REDFU_CANNOT_SAVE);
    cli_says(outcome.err, KEPT " exists already");
    outcome_free(&outcome);
    assert_int_equal(*bench_flash(bench, 0x08080000u), 0xff);
    memcpy(bench_flash(bench, SECTOR_5 + 0x9000), "else", 4);
    outcome = run(bench, "write %/good.bin --keep", REDFU_CANNOT_SAVE);
    cli_says(outcome.err, KEPT " exists already");
    outcome_free(&outcome);
    // As it is told: the image, then the file with --keep.
    outcome = run(bench, "write %/changed.bin", 0);
    outcome_free(&outcome);
    power_cycle(bench);
    outcome = run(bench, "write %/" KEPT " --keep --no-run", 0);
    cli_says(outcome.out, "What is kept lies in redfu-kept-0123456789AB-2.hex");
    outcome_free(&outcome);
    assert_memory_equal(bench_flash(bench, SECTOR_5 + 0x8001), "calibration", 11);
    assert_holds(bench, "changed.bin");
    assert_int_not_equal(access("redfu-kept-0123456789AB-2.hex", F_OK), 0);
    assert_int_equal(unlink(KEPT), 0);
    bench_free(bench);
}

static void keep_is_refused_where_nothing_can_be_read(void **unused) {
    (void)unused;
    struct bench *bench = loaded(true);
    bench->no_upload = true;
    struct outcome outcome = run(bench, "write %/changed.bin --keep --no-verify", REDFU_BAD_DEVICE);
    cli_says(outcome.err, "the rest of sector 3 (0x0800C000) cannot be kept");
    outcome_free(&outcome);
    assert_int_equal(bench->desk->words_programmed, 0);
    bench_free(bench);
}

// --- Trying again --------------------------------------------------------------------------------

// At every transfer of a load, once: lost, refused, unplugged. In the end the board holds the image.
static void a_load_that_breaks_off_is_begun_anew(void **unused) {
    (void)unused;
    for (unsigned at = 1, is_over = 0; !is_over; at += 7) {
        struct bench *bench = bench_new();
        bench->desk->erase_us = 1000;
        bench->comes_back = true;
        bench->no_sums = at % 2 == 0;
        switch (at % 3) {
        case 0:
            bench->gone_at = at;
            break;
        case 1:
            bench->lose_at = at;
            break;
        default:
            bench->stall_at = at;
            break;
        }
        struct outcome outcome = cli_run(bench, folder, "write %/good.bin --no-run", false);
        if (outcome.status != 0) {
            fail_msg("at %u: status %d\n%s%s", at, outcome.status, outcome.out, outcome.err);
        }
        is_over = bench->transfers < at;
        desk_wait_ms(bench->desk, 700);
        assert_holds(bench, "good.bin");
        assert_true(desk_would_start(bench->desk));
        outcome_free(&outcome);
        bench_free(bench);
    }
}

static void with_no_retry_it_ends_at_once(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->comes_back = true;
    bench->gone_at = 40;
    struct outcome outcome = run(bench, "write %/good.bin --no-retry", REDFU_UNPLUGGED);
    assert_null(strstr(outcome.out, "Trying again"));
    outcome_free(&outcome);
    bench_free(bench);
}

static void an_error_the_device_reports_ends_at_once(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench_fail_next(bench, FLASH_PROTECTED);
    struct outcome outcome = run(bench, "write %/good.bin", REDFU_DEVICE_ERROR);
    assert_null(strstr(outcome.out, "Trying again"));
    outcome_free(&outcome);
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_that_is_there_is_started_and_not_written),
        cmocka_unit_test(only_the_sector_that_differs_is_written),
        cmocka_unit_test(the_rest_of_a_sector_counts),
        cmocka_unit_test(full_writes_everything),
        cmocka_unit_test(a_load_that_never_ended_is_ended),
        cmocka_unit_test(blanks_are_left_out_and_the_load_is_whole_all_the_same),
        cmocka_unit_test(dry_run_tells_the_plan_and_writes_nothing),
        cmocka_unit_test(the_plan_counts_how_long_a_device_asks_to_be_left_alone),
        cmocka_unit_test(info_tells_of_the_image_and_of_a_load_that_has_not_ended),
        cmocka_unit_test(info_tells_of_settings_and_leaves_the_alternate_setting_as_found),
        cmocka_unit_test(info_does_not_end_a_load),
        cmocka_unit_test(info_says_what_the_stamp_says),
        cmocka_unit_test(info_says_what_cannot_be_known),
        cmocka_unit_test(keep_writes_the_rest_of_a_sector_back),
        cmocka_unit_test(what_was_kept_outlives_a_pulled_cable),
        cmocka_unit_test(keep_is_refused_where_nothing_can_be_read),
        cmocka_unit_test(a_load_that_breaks_off_is_begun_anew),
        cmocka_unit_test(with_no_retry_it_ends_at_once),
        cmocka_unit_test(an_error_the_device_reports_ends_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
