// SPDX-License-Identifier: MIT
//
// How much stack redfu-boot is seen to use, by what is left of a pattern in SRAM, against what script/stack says
// it can need at most. It takes every path through the code for possible, so the bound is the larger one; were
// it the smaller one, the script would have missed a path.

#include "tests/board/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/usb.h"

#define STACK_TOP    0x20020000u
#define LOOKED_AT    2048u // above the guard at the stack's end
#define PATTERN_WORD 0x5aa5c33cu

// What script/stack says of a part: its line "NAME: N bytes"; or of all, "the stack needs N bytes".
static unsigned bound_of(const char *words) {
    unsigned bytes = 0;
    char line[256];
    FILE *pipe = popen(STACK_SCRIPT " " CALL_GRAPH, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe)) {
        if (strncmp(line, words, strlen(words)) == 0) {
            bytes = (unsigned)strtoul(line + strlen(words), NULL, 10);
        }
    }
    assert_int_equal(pclose(pipe), 0);
    assert_true(bytes > 0);
    return bytes;
}

// From the stack's end up to here: nothing that is in use.
static void fill(struct bench *bench, uint32_t end) {
    static uint32_t words[LOOKED_AT / 4];
    for (size_t i = 0; i < LOOKED_AT / 4; i++) {
        words[i] = PATTERN_WORD;
    }
    uint32_t from = STACK_TOP - LOOKED_AT;
    assert_true(chip_poke(bench->chip, from, (const uint8_t *)words, end - from));
}

static unsigned used(struct bench *bench) {
    for (uint32_t at = STACK_TOP - LOOKED_AT; at < STACK_TOP; at += 4) {
        uint32_t word;
        assert_true(cpu_peek(chip_cpu(bench->chip), at, 4, &word));
        if (word != PATTERN_WORD) {
            return STACK_TOP - at;
        }
    }
    return 0;
}

static void holds(const char *part, unsigned seen, unsigned bound) {
    print_message("board.stack: %s: %u bytes seen, %u possible\n", part, seen, bound);
    assert_true(seen > 0 && seen <= bound);
    // A bound several times too large would be of no use; a pattern that was not looked at either.
    assert_true(seen >= bound / 2);
}

static void ask_for_every_descriptor(struct bench *bench) {
    static const uint8_t kinds[] = {USB_DIR_IN, USB_DIR_IN | USB_TYPE_VENDOR, 0xc1};
    uint8_t bytes[255];
    for (unsigned type = 1; type < 0x30; type++) {
        for (unsigned index = 0; index < 0x28; index++) {
            (void)bench_control(bench, USB_DIR_IN, USB_GET_DESCRIPTOR,
                                (uint16_t)(type << 8 | index), bytes, sizeof bytes);
        }
    }
    for (unsigned kind = 1; kind < sizeof kinds; kind++) {
        for (unsigned request = 0; request < 256; request++) {
            (void)bench_control(bench, kinds[kind], (uint8_t)request, 0, bytes, sizeof bytes);
        }
    }
}

static void read_back(struct bench *bench, uint16_t alternate) {
    static uint8_t bytes[BLOCK];
    assert_int_equal(
        bench_control(bench, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, alternate, NULL, 0), 0);
    for (uint16_t block = 2; block < 6; block++) {
        (void)bench_control(bench, 0xa1, DFU_UPLOAD, block, bytes, sizeof bytes);
    }
    assert_int_equal(bench_control(bench, 0x21, DFU_ABORT, 0, NULL, 0), 0);
}

// A power-up that finds a load unfinished (what is there is searched for a stamp), the load that follows, with all
// that hosts ask besides, and leaving, which checks the stamp.
static void a_session_stays_within_the_bound(void **state) {
    (void)state;
    static struct image image;
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_image(&image, "updater.bin"); // it is sealed; it does not run here
    bench_dfu_load(bench, &image);
    bench_run_ms(bench, 100); // its last block is still being programmed

    fill(bench, STACK_TOP);
    bench->device = NULL;
    chip_reset_pin(bench->chip);
    bench_wait_for_device(bench);
    holds("boot stage", used(bench), bound_of("the boot stage: "));

    fill(bench, cpu_register(chip_cpu(bench->chip), 13));
    ask_for_every_descriptor(bench);
    bench_dfu_load(bench, &image);
    read_back(bench, 0);
    read_back(bench, 1);
    read_back(bench, 2);
    read_back(bench, 0);
    bench_dfu_load(bench, &image);
    bench_dfu_leave(bench);
    holds("DFU mode", used(bench), bound_of("DFU mode: "));
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_stays_within_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
