// SPDX-License-Identifier: MIT
//
// A wire a pin. Changes of one instant stand under one time, in the order they came.

#include "vboard/observe/vcd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_PINS 16u
#define PORTS_MAX 16u

struct vcd {
    const struct timeline *timeline;
    const char *path;
    FILE *file;
    uint64_t told_ps; // the last time written
};

// Identifiers are of printable characters, '!' to '~': two digits of base 94 do for all pins.
static void identifier(unsigned port, unsigned pin, char text[3]) {
    unsigned number = port * PORT_PINS + pin;
    text[0] = (char)('!' + number % 94);
    text[1] = (char)('!' + number / 94);
    text[2] = '\0';
}

static const char *word_of(const struct board *board, const char *pin) {
    for (size_t i = 0; i < board->pin_count; i++) {
        if (strcmp(board->pins[i].pin, pin) == 0) {
            return board->pins[i].name;
        }
    }
    return NULL;
}

static void declare(const struct vcd *vcd, const struct board *board, const struct chip *chip) {
    char name[8], id[3];
    (void)fprintf(vcd->file, "$version vboard " VBOARD_VERSION " $end\n$timescale 1 ps $end\n");
    (void)fprintf(vcd->file, "$scope module %s $end\n", board->name);
    for (unsigned port = 0; port < PORTS_MAX; port++) {
        for (unsigned pin = 0; pin < PORT_PINS; pin++) {
            if (chip_pin_name(chip, port, pin, name)) {
                const char *word = word_of(board, name);
                identifier(port, pin, id);
                (void)fprintf(vcd->file, "$var wire 1 %s %s%s%s $end\n", id, name, word ? "_" : "",
                              word ? word : "");
            }
        }
    }
    (void)fprintf(vcd->file, "$upscope $end\n$enddefinitions $end\n#0\n$dumpvars\n");
    for (unsigned port = 0; port < PORTS_MAX; port++) {
        for (unsigned pin = 0; pin < PORT_PINS; pin++) {
            if (chip_pin_name(chip, port, pin, name)) {
                identifier(port, pin, id);
                (void)fprintf(vcd->file, "z%s\n", id);
            }
        }
    }
    (void)fprintf(vcd->file, "$end\n");
}

struct vcd *vcd_new(const char *path, const struct board *board, const struct chip *chip,
                    const struct timeline *timeline, char why[512]) {
    struct vcd *vcd = calloc(1, sizeof *vcd);
    if (!vcd) {
        (void)snprintf(why, 512, "out of memory");
        return NULL;
    }
    *vcd = (struct vcd){.timeline = timeline, .path = path};
    vcd->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!vcd->file) {
        (void)snprintf(why, 512, "--vcd %.300s: %s", path, strerror(errno));
        free(vcd);
        return NULL;
    }
    declare(vcd, board, chip);
    return vcd;
}

static void tell_time(struct vcd *vcd) {
    uint64_t now_ps = timeline_now(vcd->timeline);
    if (now_ps >
        vcd->told_ps) { // a snapshot may have set the clock back: then time stands still here
        vcd->told_ps = now_ps;
        (void)fprintf(vcd->file, "#%" PRIu64 "\n", now_ps);
    }
}

void vcd_pin(struct vcd *vcd, unsigned port, unsigned pin, int level) {
    char id[3];
    identifier(port, pin, id);
    tell_time(vcd);
    (void)fprintf(vcd->file, "%c%s\n", level < 0 ? 'z' : '0' + (level != 0), id);
}

static bool close_file(struct vcd *vcd) {
    bool ok = fflush(vcd->file) == 0 && !ferror(vcd->file);
    ok = (vcd->file == stdout || fclose(vcd->file) == 0) && ok;
    vcd->file = NULL;
    return ok;
}

bool vcd_end(struct vcd *vcd, char why[512]) {
    tell_time(vcd);
    if (!close_file(vcd)) {
        (void)snprintf(why, 512, "--vcd %.300s: the waveform could not be written: %s", vcd->path,
                       strerror(errno));
        return false;
    }
    return true;
}

void vcd_free(struct vcd *vcd) {
    if (vcd) {
        if (vcd->file) {
            (void)close_file(vcd);
        }
        free(vcd);
    }
}
