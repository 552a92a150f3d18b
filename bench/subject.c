// SPDX-License-Identifier: MIT

#include "bench/subject.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/redfu_plan.h"

void say_board(struct words *words, const struct subject *subject, const char *flash) {
    say(words, VBOARD);
    say(words, "run");
    say(words, subject->chip ? "--chip" : "--board");
    say(words, subject->chip ? subject->chip : subject->board);
    if (subject->hse) {
        say(words, "--hse");
        say(words, subject->hse);
    }
    if (subject->usb) {
        say(words, "--usb");
        say(words, subject->usb);
    }
    for (unsigned i = 0; i < subject->pin_count; i++) {
        say(words, "--pin");
        say(words, subject->pins[i]);
    }
    say(words, "--flash");
    say(words, flash);
}

void say_command(struct words *words, const struct subject *subject) {
    say(words, "--");
    if (subject->wait_s) {
        say(words, "sh");
        say(words, "-c");
        say(words, "sleep \"$0\"; exec \"$@\"");
        say(words, subject->wait_s);
    }
}

// The writable bytes from an address on, without a gap, as the layout string announces them.
static uint32_t writable_from(const struct redfu_layout *layout, uint32_t addr) {
    struct redfu_sector sector;
    uint32_t end = addr;
    while (redfu_layout_sector_at(layout, end, &sector) && (sector.can & REDFU_CAN_WRITE)) {
        end = sector.addr + sector.bytes;
    }
    return end - addr;
}

// Takes alt and layout of a line of dfu-util -l: Found DFU: [0483:df11] ..., alt=0, name="@...", serial="...".
static bool take_device(struct subject *subject, const char *line, struct redfu_layout *layout) {
    const char *id = strstr(line, "Found DFU: ["), *alt = strstr(line, ", alt="),
               *name = strstr(line, "name=\"");
    struct redfu_fault fault;
    char text[256];
    if (!id || !alt || !name || sscanf(name + 6, "%255[^\"]", text) != 1 ||
        (subject->usb_id && strncasecmp(id + 12, subject->usb_id, 9) != 0)) {
        return false;
    }
    int number = (int)strtol(alt + 6, NULL, 10);
    if (subject->alternate >= 0 && number != subject->alternate) {
        return false;
    }
    (void)snprintf(subject->vid_pid, sizeof subject->vid_pid, "%.9s", id + 12);
    uint32_t addr, bytes;
    if (redfu_layout_parse(text, layout, &fault) != REDFU_OK) {
        (void)snprintf(subject->trouble, sizeof subject->trouble,
                       "alternate setting %d is no DfuSe memory: \"%.180s\"", number, text);
        return false;
    }
    if (!redfu_layout_application(layout, &addr, &bytes)) {
        (void)snprintf(subject->trouble, sizeof subject->trouble,
                       "alternate setting %d announces nothing that can be erased and written",
                       number);
        return false;
    }
    subject->alternate = number;
    subject->trouble[0] = '\0';
    if (subject->addr == 0) {
        subject->addr = addr;
    }
    return true;
}

static uint32_t end_of_bytes(const uint8_t *flash, uint32_t end) {
    while (end > 0 && flash[end - 1] == 0xff) {
        end--;
    }
    return FLASH_BASE + end;
}

void find_room(struct subject *subject, const char *flash_file) {
    static uint8_t flash[FLASH_MAX];
    static char text[65536];
    struct words words = {0};
    say_board(&words, subject, flash_file);
    say(&words, "--load");
    say(&words, subject->elf);
    say_command(&words, subject);
    say(&words, "dfu-util");
    say(&words, "-l");
    (void)remove(flash_file);
    int status = run(&words);
    // As long as the chip's flash is, once vboard has begun.
    subject->flash_bytes = (uint32_t)read_whole(flash_file, flash, sizeof flash);
    if (subject->flash_bytes == 0) {
        vboard_line(text, sizeof text, false);
        fail("%s: vboard did not run it (exit status %d): %s", subject->elf, status, text);
    }
    char why[200];
    vboard_line(why, sizeof why, true);
    (void)read_output(text, sizeof text);
    const uint32_t given = subject->addr;
    struct redfu_layout layout;
    struct subject found = *subject;
    bool is_found = false;
    (void)snprintf(found.trouble, sizeof found.trouble, "dfu-util -l finds no DFU device%s%s%s%s",
                   subject->usb_id ? " " : "", subject->usb_id ? subject->usb_id : "",
                   why[0] ? "; vboard: " : "", why);
    // The lowest alternate setting with a layout is meant, if none is named.
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        struct subject copy = *subject;
        struct redfu_layout candidate;
        bool is_one = take_device(&copy, line, &candidate);
        if (is_one && (!is_found || copy.alternate < found.alternate)) {
            found = copy;
            layout = candidate;
            is_found = true;
        } else if (!is_one && !is_found && copy.trouble[0]) {
            found = copy;
        }
    }
    *subject = found;
    if (!is_found) {
        return;
    }
    // Some announce their own sectors as writable. They are not measured by what destroys them.
    uint32_t end = end_of_bytes(flash, subject->flash_bytes);
    if (given == 0 && subject->addr < end) {
        uint32_t named = subject->addr;
        struct redfu_sector sector;
        while (subject->addr < end && redfu_layout_sector_at(&layout, subject->addr, &sector)) {
            subject->addr = sector.addr + sector.bytes;
        }
        (void)snprintf(subject->remark, sizeof subject->remark,
                       "announces its own sectors as writable (from 0x%08X); images go behind its "
                       "last byte",
                       named);
    }
    subject->room = writable_from(&layout, subject->addr);
    if (subject->room == 0) {
        (void)snprintf(subject->trouble, sizeof subject->trouble,
                       "0x%08X is not announced as writable", subject->addr);
        return;
    }
    const uint32_t off = subject->addr - FLASH_BASE;
    if (subject->addr < FLASH_BASE || off >= subject->flash_bytes) {
        (void)snprintf(
            subject->trouble, sizeof subject->trouble,
            "0x%08X is outside the chip's %u KB of flash, the memory that is measured here",
            subject->addr, subject->flash_bytes / 1024);
    } else if (subject->room > subject->flash_bytes - off) {
        subject->room = subject->flash_bytes - off; // it announces more than there is
    }
}
