// SPDX-License-Identifier: MIT
//
// usbmon's text (Documentation/usb/usbmon.rst, "1u" with the bus and "0u"/"1t" without it), a line an event:
//
//   ffff8f4c 1234567890 S Co:1:004:0 s 21 01 0000 0000 0005 5 = 41000c00 08
//   ffff8f4c 1234568123 C Co:1:004:0 0 5 >
//
// Microseconds have 32 bits and turn over after 71 minutes.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/assemble.h"
#include "spec/bytes.h"

#define LINE_MAX_BYTES 512u
#define WORDS_MAX      40u

struct line {
    char text[LINE_MAX_BYTES];
    char *words[WORDS_MAX];
    unsigned count;
};

static void split(struct line *line, const char *text, size_t len) {
    len = len < LINE_MAX_BYTES - 1 ? len : LINE_MAX_BYTES - 1;
    memcpy(line->text, text, len);
    line->text[len] = '\0';
    line->count = 0;
    char *rest = line->text;
    for (char *word = strtok_r(line->text, " \t\r", &rest); word && line->count < WORDS_MAX;
         word = strtok_r(NULL, " \t\r", &rest)) {
        line->words[line->count++] = word;
    }
}

static bool number(const char *text, int base, uint64_t *value) {
    char *end;
    *value = strtoull(text, &end, base);
    return end != text && *end == '\0' && *text != '-';
}

// "Co:1:004:0" or "Co:004:00". False: it is no control pipe's.
static bool take_pipe(const char *word, uint16_t *bus, uint8_t *address) {
    unsigned first;
    unsigned second;
    unsigned third;
    char direction;
    int got = sscanf(word, "C%c:%u:%u:%u", &direction, &first, &second, &third);
    if (got < 3 || (direction != 'i' && direction != 'o')) {
        return false;
    }
    *bus = (uint16_t)(got == 4 ? first : 0);
    *address = (uint8_t)(got == 4 ? second : first);
    return (got == 4 ? third : second) == 0;
}

static bool is_event(const struct line *line) {
    uint64_t value;
    return line->count >= 5 && number(line->words[0], 16, &value) &&
           number(line->words[1], 10, &value) && strlen(line->words[2]) == 1 &&
           strchr("SCE", line->words[2][0]) && strlen(line->words[3]) >= 6 &&
           strchr("CZIB", line->words[3][0]) && strchr("io", line->words[3][1]) &&
           line->words[3][2] == ':';
}

bool is_usbmon_line(const char *text, size_t len) {
    struct line line;
    split(&line, text, len);
    return is_event(&line);
}

// The bytes behind "=", in words of up to four.
static uint32_t take_data(const struct line *line, unsigned from, uint8_t *out) {
    uint32_t len = 0;
    if (from >= line->count || strcmp(line->words[from], "=") != 0) {
        return 0;
    }
    for (unsigned i = from + 1; i < line->count; i++) {
        for (const char *at = line->words[i]; at[0] && at[1] && len < ASSEMBLE_DATA_MAX; at += 2) {
            const char pair[] = {at[0], at[1], '\0'};
            uint64_t value;
            if (!number(pair, 16, &value)) {
                return len;
            }
            out[len++] = (uint8_t)value;
        }
    }
    return len;
}

// "s 21 01 0000 0000 0005 5 = ...", its first word at 4.
static void begin(struct assemble *assemble, const struct line *line, uint64_t id, uint64_t at_us,
                  uint16_t bus, uint8_t address) {
    uint64_t field[5];
    uint8_t setup[USB_SETUP_LEN];
    if (line->count < 10 || strcmp(line->words[4], "s") != 0) {
        return;
    }
    for (unsigned i = 0; i < 5; i++) {
        if (!number(line->words[5 + i], 16, &field[i]) || field[i] > 0xffff) {
            return;
        }
    }
    setup[0] = (uint8_t)field[0];
    setup[1] = (uint8_t)field[1];
    store_le16(setup + 2, (uint16_t)field[2]);
    store_le16(setup + 4, (uint16_t)field[3]);
    store_le16(setup + 6, (uint16_t)field[4]);
    struct assemble_open *open = assemble_begin(assemble, id, at_us, setup);
    open->transfer.bus = bus;
    open->transfer.address = address;
    open->transfer.data = open->store;
    open->transfer.data_len = take_data(line, 11, open->store);
}

static void take_line(struct assemble *assemble, const struct line *line, uint64_t at_us) {
    uint64_t id = 0;
    uint16_t bus;
    uint8_t address;
    (void)number(line->words[0], 16, &id);
    if (!take_pipe(line->words[3], &bus, &address)) {
        return;
    }
    if (line->words[2][0] == 'S') {
        begin(assemble, line, id, at_us, bus, address);
        return;
    }
    struct assemble_open *open = assemble_find(assemble, id);
    if (open) {
        uint8_t data[ASSEMBLE_DATA_MAX];
        int status = (int)strtol(line->words[4], NULL, 10);
        uint64_t moved = 0;
        if (line->count > 5) {
            (void)number(line->words[5], 10, &moved);
        }
        assemble_end(assemble, open, at_us, assemble_errno(status), status,
                     moved < UINT32_MAX ? (uint32_t)moved : 0, data, take_data(line, 6, data));
    }
}

bool read_usbmon_text(struct assemble *assemble, const uint8_t *bytes, size_t len) {
    uint64_t turned = 0;
    uint64_t last = 0;
    for (size_t at = 0; at < len;) {
        struct line line;
        const uint8_t *end = memchr(bytes + at, '\n', len - at);
        size_t line_len = end ? (size_t)(end - bytes) - at : len - at;
        split(&line, (const char *)bytes + at, line_len);
        assemble->number++;
        at += line_len + 1;
        if (!is_event(&line)) {
            continue;
        }
        uint64_t us = 0;
        (void)number(line.words[1], 10, &us);
        // A step back by a moment is two processors' clocks, by an hour the counter's turn.
        if (us < last && last - us > UINT32_MAX / 2 && last <= UINT32_MAX) {
            turned += (uint64_t)UINT32_MAX + 1;
        }
        last = us;
        take_line(assemble, &line, us <= UINT32_MAX ? us + turned : us);
    }
    return true;
}
