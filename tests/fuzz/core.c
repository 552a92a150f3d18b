// SPDX-License-Identifier: MIT
//
// libFuzzer: bytes as what a host, an application and the mains do to the bootloader's logic, core/ on the flash of
// tests/power/flash_model.c: control requests of any kind and length, given up at any moment, bus resets, silence,
// resets, and power that goes at any flash operation (before it, in it, after it) or an operation that fails.
//
// Held all the way and at the end:
//
// - flash is used as core/port.h says (busy, ranges, alignment), and an idle bootloader is idle (tests/unit/desk.c);
// - nothing of the bootloader's own sector changes;
// - after a bus reset the device takes an address and a configuration;
// - no value that the application has committed is lost, as long as no host has opened the settings;
// - then, too, the next load is taken, starts, and is in flash to the byte.
//
// A step is a byte that says what (its low half) and how (its high half), and what that kind of step takes.

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/dfu.h"
#include "spec/usb.h"
#include "tests/power/update_hosts.h"

#define STEPS_MAX   64u
// How long the host waits; an erase of the model takes two turns of the main loop, of a millisecond.
#define PATIENCE_US 60000u

enum step {
    REQUEST,
    GIVEN_UP,
    BLOCK,
    COMMAND,
    STATUS,
    CLEAR,
    ABORT,
    UPLOAD,
    LEAVE,
    BUS_RESET,
    CHOOSE,
    SILENCE,
    CUT,
    RESET,
    APPLICATION,
    STEP_COUNT
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bench factory, b; // jmp_buf inside: they must stay where they are
static bool is_made;
static const uint8_t *input;
static size_t left;
static bool is_open;  // a host has chosen the settings; what happens to them is its affair
static bool is_ended; // the input, or all steps

// A claim that core/ keeps, and this program is there to break.
#define claim(is_so) claim_that(is_so, #is_so, __LINE__)

static void claim_that(bool is_so, const char *what, int line) {
    if (!is_so) {
        (void)fprintf(stderr, "tests/fuzz/core.c:%d: %s\n", line, what);
        abort();
    }
}

static uint8_t byte(void) {
    if (left == 0) {
        return 0;
    }
    left--;
    return *input++;
}

static uint16_t half(void) {
    uint8_t low = byte();
    return (uint16_t)(low | byte() << 8);
}

static uint8_t bytes[65536];

static uint8_t *pattern(uint16_t len, uint8_t from) {
    for (unsigned i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(from + i);
    }
    return bytes;
}

static void request(bool is_given_up) {
    uint8_t type = byte(), code = byte();
    uint16_t value = half(), index = half(), len = half();
    if (is_given_up) {
        desk_setup_only(&b.desk, type, code, value, index, len);
        desk_wait_ms(&b.desk, byte() % 8u);
    } else {
        (void)desk_control(&b.desk, type, code, value, index, pattern(len, byte()), &len);
    }
}

// An address of the map, or near it.
static uint32_t address(void) {
    uint8_t at = byte();
    uint32_t off = 256u * (at % 20u) + at / 20u % 4u;
    return at >= 240 ? (uint32_t)half() << 16 : update_map.base + off;
}

static void block(uint8_t how) {
    uint16_t number = how < 12 ? (uint16_t)(2 + how % 6u) : half();
    uint8_t at = byte();
    uint16_t len = at < 128 ? 128 : at < 240 ? at : (uint16_t)(half() % 2100u);
    uint8_t *data = pattern(len, byte());
    if (number == 2 && len >= 8) { // what a processor starts from
        store_le32(data, 0x20010000u);
        store_le32(data + 4, UPDATE_APPLICATION + 0x101u);
    }
    (void)desk_dnload(&b.desk, number, data, len);
}

static void command(uint8_t how) {
    uint8_t data[5] = {how < 7 ? DFUSE_CMD_ERASE : how < 13 ? DFUSE_CMD_SET_ADDRESS : byte()};
    store_le32(data + 1, address());
    (void)desk_dnload(&b.desk, 0, data, how == 13 ? 1 : 5);
}

static void choose(uint8_t how) {
    uint16_t len = 0;
    (void)desk_control(&b.desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, how % 4u, 0, NULL,
                       &len);
}

static void step(void) {
    uint8_t what = byte();
    uint8_t how = what >> 4;
    uint16_t len = 0;
    switch (what % 16u) {
    case REQUEST:
    case GIVEN_UP:
        request(what % 16u == GIVEN_UP);
        break;
    case BLOCK:
        block(how);
        break;
    case COMMAND:
        command(how);
        break;
    case STATUS:
        for (unsigned i = 0; i <= how % 3u; i++) {
            (void)desk_getstatus(&b.desk);
        }
        break;
    case CLEAR:
        (void)desk_simple(&b.desk, DFU_CLRSTATUS);
        break;
    case ABORT:
        (void)desk_simple(&b.desk, DFU_ABORT);
        break;
    case UPLOAD:
        len = how < 12 ? 128 : (uint16_t)(half() % 4097u);
        (void)desk_upload(&b.desk, how % 12u, bytes, &len);
        break;
    case LEAVE:
        (void)desk_dnload(&b.desk, 0, NULL, 0);
        (void)desk_getstatus(&b.desk);
        desk_wait_ms(&b.desk, 20u * how);
        break;
    case BUS_RESET:
        desk_enumerate(&b.desk);
        break;
    case CHOOSE:
        choose(how);
        break;
    case SILENCE:
        desk_wait_ms(&b.desk, how < 8 ? how : 200u * how);
        break;
    case CUT:
        flash_model_cut(&b.m, 1u + byte(), (enum flash_cut)(how % 4u));
        break;
    case RESET:
        flash_model_power_on(&b.m);
        desk_start(&b.desk);
        break;
    case APPLICATION:
        flash_model_power_on(&b.m);
        bench_use_settings(&b, how);
        desk_start(&b.desk);
        break;
    default:
        break;
    }
    is_open = is_open || b.desk.bootloader.dfu.media.chosen ==
                             &b.desk.bootloader.dfu.media.table[MEDIA_SETTINGS];
}

static void look(void) {
    for (unsigned i = 0; i < BOOTLOADER_BYTES / 4; i++) {
        claim(b.m.words[i].bits == bootloader_word(i) && b.m.words[i].weak == 0);
    }
}

// False where power went.
static bool guarded(void (*run)(void)) {
    int how = setjmp(b.m.exit);
    if (how == 0) {
        b.m.has_exit = true;
        run();
    }
    b.m.has_exit = false;
    claim(how != FLASH_EXIT_MISUSE);
    return how == 0;
}

static void begin(void) {
    b.desk.stage_timeout_us = 0;
    bool has_values = bench_enter_dfu(&b);
    claim(has_values || is_open);
    b.desk.stage_timeout_us = PATIENCE_US;
}

static void steps(void) {
    for (unsigned i = 0; i < STEPS_MAX && left != 0; i++) {
        step();
        if (b.desk.ran) { // the application has been started; power is switched off and on
            b.desk.ran = false;
            flash_model_power_on(&b.m);
            begin();
        }
    }
    is_ended = true;
}

static bool is_whole(const struct image *image) {
    const struct flash_word *words = &b.m.words[(UPDATE_APPLICATION - update_map.base) / 4];
    for (uint32_t i = 0; i < image->len / 4; i++) {
        if (words[i].weak != 0 || words[i].bits != load_le32(image->bytes + 4 * i)) {
            return false;
        }
    }
    return true;
}

static void next_load(void) {
    begin();
    b.m.is_lenient = false;
    b.desk.stage_timeout_us = 0;
    if (b.m.seed % 2u == 0) {
        load_on_demand(&b, &images[IMAGE_NEXT]);
    } else {
        load_leave(&b, &images[IMAGE_NEXT]);
    }
    bench_settle(&b);
    claim(is_open || (b.ran && desk_would_start(&b.desk) && is_whole(&images[IMAGE_NEXT])));
}

static void make(void) {
    setenv("CMOCKA_TEST_ABORT", "1", 1); // a failed assertion of the desk is a finding
    update_hosts_init();
    bench_init(&factory, 1);
    bench_init(&b, 1);
    bench_make_old(&factory, 0);
    is_made = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!is_made) {
        make();
    }
    input = data;
    left = size;
    is_open = is_ended = false;
    bench_copy(&b, &factory);
    b.m.is_lenient = true; // a host may write where it has written
    b.desk.now_us = 0;
    // Where the fuzzer does not say it: weak bits have moods.
    b.m.seed = byte();
    flash_model_power_on(&b.m);
    claim(guarded(begin));
    while (!is_ended && !guarded(steps)) {
        look();
        flash_model_power_on(&b.m);
        claim(guarded(begin));
    }
    look();
    flash_model_power_on(&b.m);
    claim(guarded(next_load));
    look();
    return 0;
}
