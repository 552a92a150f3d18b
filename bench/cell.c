// SPDX-License-Identifier: MIT

#include "bench/cell.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COST_US       250.0 // vboard's --transfer-cost, as it is unless told otherwise
#define CHANGED_BYTES 200u  // one function
#define IMAGE_MIN     1024u
#define FWUPD_DEVICE  "d787669ee4a103fe0b361fe31c10ea037c72f27c" // of what is plugged in at 1-1

double floor_ms(uint32_t addr, uint32_t len) {
    uint32_t start = FLASH_BASE;
    double ms = (double)((len + 3) / 4) * 0.016;
    while (start < addr + len) {
        uint32_t off = start - FLASH_BASE;
        uint32_t bytes = off < 0x10000 ? 0x4000 : off < 0x20000 ? 0x10000 : 0x20000;
        if (start + bytes > addr) {
            ms += bytes == 0x4000 ? 250 : bytes == 0x10000 ? 550 : 1000;
        }
        start += bytes;
    }
    return ms;
}

// The one sector that a changed function lies in, and the words of the image there.
static double one_sector_ms(uint32_t addr, uint32_t len, uint32_t changed) {
    uint32_t off = changed - FLASH_BASE;
    uint32_t bytes = off < 0x10000 ? 0x4000 : off < 0x20000 ? 0x10000 : 0x20000;
    uint32_t start = changed & ~(bytes - 1);
    uint32_t from = start < addr ? addr : start;
    uint32_t to = start + bytes < addr + len ? start + bytes : addr + len;
    return floor_ms(from, to - from);
}

static uint8_t before[FLASH_MAX], after[FLASH_MAX];

// Random bytes that begin as an application does; what it does is nothing.
static void make_image(uint8_t *bytes, uint32_t len, uint64_t seed, uint32_t addr) {
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        bytes[i] = (uint8_t)x;
    }
    uint32_t vectors[2] = {0x20020000u, addr + 0x201u};
    (void)memcpy(bytes, vectors, sizeof vectors);
    bytes[0x200] = 0xfe; // a branch to itself
    bytes[0x201] = 0xe7;
    bytes[len - 1] = 0x5a; // blank ends are not told from none
}

// Half way through the image.
static uint32_t changed_off(uint32_t len) {
    return len / 2;
}

static void make_images(const struct subject *subject, uint32_t len, enum change change) {
    make_image(before, len, 1, subject->addr);
    make_image(after, len, change == ALL ? 2 : 1, subject->addr);
    if (change == FUNCTION) {
        (void)memset(after + changed_off(len), 0x33, CHANGED_BYTES);
    }
}

static void make_flash(const struct subject *subject, const char *from, uint32_t len) {
    static uint8_t flash[FLASH_MAX];
    if (read_whole(from, flash, sizeof flash) != subject->flash_bytes) {
        fail("%s: cannot be read", from);
    }
    (void)memcpy(flash + (subject->addr - FLASH_BASE), before, len);
    write_whole(work_path("flash.bin"), flash, subject->flash_bytes);
}

static void say_program(struct words *words, const struct subject *subject, enum program program) {
    static char place[64], file[600], alternate[16];
    (void)snprintf(alternate, sizeof alternate, "%d", subject->alternate);
    switch (program) {
    case DFU_UTIL:
        (void)snprintf(place, sizeof place, "0x%08X:leave", subject->addr);
        say(words, "dfu-util");
        say(words, "-d");
        say(words, subject->vid_pid);
        say(words, "-a");
        say(words, alternate);
        say(words, "-s");
        say(words, place);
        say(words, "-D");
        say(words, work_path("image.bin"));
        break;
    case FWUPDTOOL: {
        struct words pack = {0};
        static char from[600];
        (void)snprintf(place, sizeof place, "0x%08X", subject->addr);
        (void)snprintf(from, sizeof from, "%s@%s", work_path("image.bin"), place);
        (void)snprintf(file, sizeof file, "%s", work_path("image.dfu"));
        say(&pack, REDFU);
        say(&pack, "convert");
        say(&pack, from);
        say(&pack, file);
        say(&pack, "--usb-id");
        say(&pack, subject->vid_pid);
        // fwupd's search for a sector is off by one where read-only ones come first, so redfu-boot has a second
        // setting without them.
        (void)snprintf(alternate, sizeof alternate, "%d",
                       subject->fwupd_alternate ? subject->fwupd_alternate : subject->alternate);
        say(&pack, "--alt");
        say(&pack, alternate);
        (void)remove(file);
        if (run(&pack) != 0) {
            char text[256];
            last_line(text, sizeof text);
            fail("redfu convert made no DfuSe file: %s", text);
        }
        say(words, "fwupdtool");
        say(words, "install-blob");
        say(words, file);
        say(words, FWUPD_DEVICE);
        say(words, "--plugins");
        say(words, "dfu");
        say(words, "-y");
        say(words, "--allow-reinstall");
        say(words, "--no-reboot-check");
        say(words, "--force");
        break;
    }
    case REDFU_WRITE:
    default:
        (void)snprintf(file, sizeof file, "%s@0x%08X", work_path("image.bin"), subject->addr);
        say(words, REDFU);
        say(words, "write");
        say(words, file);
        say(words, "--usb-id");
        say(words, subject->vid_pid);
        break;
    }
}

void measure(const struct subject *subject, const char *base, uint32_t len, enum program program,
             enum change change, struct cell *cell) {
    static uint8_t flash[FLASH_MAX];
    *cell = (struct cell){
        .floor_ms = change == ALL ? floor_ms(subject->addr, len)
                    : change == NOTHING
                        ? 0
                        : one_sector_ms(subject->addr, len, subject->addr + changed_off(len))};
    if (subject->trouble[0]) {
        (void)snprintf(cell->trouble, sizeof cell->trouble, "%s", subject->trouble);
        return;
    }
    if (len > subject->room) {
        (void)snprintf(cell->trouble, sizeof cell->trouble, "does not fit: %u KB are announced",
                       subject->room / 1024);
        return;
    }
    if (len < IMAGE_MIN) {
        fail("an image of %u bytes: %u are the least", len, IMAGE_MIN);
    }
    make_images(subject, len, change);
    make_flash(subject, base, len);
    write_whole(work_path("image.bin"), after, len);
    struct words command = {0};
    say_board(&command, subject, work_path("flash.bin"));
    say(&command, "--limit");
    say(&command, "100ms");
    static char trace[600];
    (void)snprintf(trace, sizeof trace, "%s", work_path("trace.txt"));
    say(&command, "--trace");
    say(&command, trace);
    say_command(&command, subject);
    say_program(&command, subject, program);
    int status = run(&command);
    char said[200];
    last_line(said, sizeof said);
    bool is_there =
        read_whole(work_path("flash.bin"), flash, sizeof flash) == subject->flash_bytes &&
        memcmp(flash + (subject->addr - FLASH_BASE), after, len) == 0;
    if (status != 0 &&
        (!is_there || change == NOTHING || !timing_read(trace, COST_US, &cell->timing))) {
        (void)snprintf(cell->trouble, sizeof cell->trouble, "exit status %d: %.180s", status, said);
    } else if (status != 0) {
        // A bootloader that resets before its last answer, for one. An image that was there before proves nothing.
        (void)snprintf(cell->remark, sizeof cell->remark,
                       "the image is there, though: exit status %d: %.180s", status, said);
    } else if (!is_there) {
        (void)snprintf(cell->trouble, sizeof cell->trouble,
                       "said to be loaded, and the flash holds something else");
    } else if (!timing_read(trace, COST_US, &cell->timing)) {
        (void)snprintf(cell->trouble, sizeof cell->trouble, "no request of a load on the trace");
    }
}
