// SPDX-License-Identifier: MIT
//
// The DfuSe layout string: what a device says of its memory.
//
//     @name/0xADDR/n*sizeUT,n*sizeUT.../0xADDR/...      (UM0424 4.3.2)
//
// As tolerant as dfu-util and DfuSe Demo are together (blanks, a missing unit, several address
// blocks), and no more: a wrong map means erasing the wrong sectors, so what is not understood is
// refused with its place in the string.

#include "host/redfu.h"

#include <string.h>

#include "host/fault.h"

// More in one group than any flash has; keeps a hostile string from asking for gigabytes of plan.
#define GROUP_SECTORS_MAX 65535u

struct reader {
    const char *text;
    const char *at;
    struct redfu_fault *fault;
};

static enum redfu_result refuse(const struct reader *reader, const char *what) {
    (void)redfui_fail(reader->fault, REDFU_BAD_DEVICE,
                      "the memory layout cannot be read: %s at character %u of \"%s\"", what,
                      (unsigned)(reader->at - reader->text) + 1, reader->text);
    return redfui_advise(reader->fault,
                         "The string comes from the device's firmware (iInterface of its DFU "
                         "interface). A right one looks like\n"
                         "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg");
}

static void skip_blanks(struct reader *reader) {
    while (*reader->at == ' ') {
        reader->at++;
    }
}

static int digit_value(char c, unsigned base) {
    int value = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    return value < (int)base ? value : -1;
}

// A number below 2^32 with at least one digit; leading zeros and blanks are taken.
static bool read_number(struct reader *reader, unsigned base, uint32_t *value) {
    skip_blanks(reader);
    uint64_t sum = 0;
    const char *first = reader->at;
    for (int digit; (digit = digit_value(*reader->at, base)) >= 0; reader->at++) {
        sum = sum * base + (unsigned)digit;
        if (sum > UINT32_MAX) {
            return false;
        }
    }
    *value = (uint32_t)sum;
    return reader->at != first;
}

static bool is_type(char c) {
    return c >= 'a' && c <= 'g';
}

// Unit and type letter: "Kg", " e", "Bg", or the type alone (ST's STM32L0 ROM). Some strings have
// more blanks before the type.
static bool read_unit_and_type(struct reader *reader, uint32_t *unit, uint8_t *can) {
    *unit = 1;
    switch (*reader->at) {
    case 'M':
        *unit = 1024 * 1024;
        reader->at++;
        break;
    case 'K':
        *unit = 1024;
        reader->at++;
        break;
    case 'B':
        reader->at++;
        break;
    default:
        break;
    }
    skip_blanks(reader);
    if (!is_type(*reader->at)) {
        return false;
    }
    *can = (uint8_t)(*reader->at++ & 7);
    return true;
}

static uint64_t group_end(const struct redfu_group *group) {
    return group->addr + (uint64_t)group->count * group->sector_bytes;
}

static enum redfu_result add_group(struct reader *reader, struct redfu_layout *layout,
                                   const struct redfu_group *group) {
    if (layout->group_count == REDFU_LAYOUT_GROUPS_MAX) {
        return refuse(reader, "too many groups of sectors");
    }
    for (unsigned i = 0; i < layout->group_count; i++) {
        const struct redfu_group *other = &layout->groups[i];
        if (group->addr < group_end(other) && other->addr < group_end(group)) {
            return refuse(reader, "sectors that lie over others");
        }
    }
    layout->groups[layout->group_count++] = *group;
    return REDFU_OK;
}

// "n*sizeUT" at *addr, which moves past it.
static enum redfu_result read_group(struct reader *reader, struct redfu_layout *layout,
                                    uint64_t *addr) {
    struct redfu_group group = {.addr = (uint32_t)*addr};
    uint32_t unit;
    if (!read_number(reader, 10, &group.count) || group.count == 0 ||
        group.count > GROUP_SECTORS_MAX) {
        return refuse(reader, "no number of sectors from 1 to 65535");
    }
    skip_blanks(reader);
    if (*reader->at != '*') {
        return refuse(reader, "no '*' after the number of sectors");
    }
    reader->at++;
    uint32_t size;
    if (!read_number(reader, 10, &size) || size == 0) {
        return refuse(reader, "no sector size");
    }
    if (!read_unit_and_type(reader, &unit, &group.can)) {
        return refuse(reader, "no unit (B, K, M) and type letter (a to g)");
    }
    // Each factor is below 2^32, so the products are formed one at a time.
    uint64_t bytes = (uint64_t)size * unit;
    uint64_t left = (UINT64_C(1) << 32) - *addr;
    if (bytes > left || group.count > left / bytes) {
        return refuse(reader, "sectors that pass the end of the address space");
    }
    group.sector_bytes = (uint32_t)bytes;
    enum redfu_result result = add_group(reader, layout, &group);
    *addr += bytes * group.count;
    return result;
}

// "/0xADDR/group,group..." up to the next '/' or the end.
static enum redfu_result read_block(struct reader *reader, struct redfu_layout *layout) {
    reader->at++; // the '/'
    skip_blanks(reader);
    if (reader->at[0] != '0' || (reader->at[1] != 'x' && reader->at[1] != 'X')) {
        return refuse(reader, "no address beginning with 0x");
    }
    reader->at += 2;
    uint32_t first;
    if (!read_number(reader, 16, &first)) {
        return refuse(reader, "no address of eight hexadecimal digits");
    }
    skip_blanks(reader);
    if (*reader->at != '/') {
        return refuse(reader, "no '/' after the address");
    }
    uint64_t addr = first;
    do {
        reader->at++; // the '/' or ','
        enum redfu_result result = read_group(reader, layout, &addr);
        if (result != REDFU_OK) {
            return result;
        }
        skip_blanks(reader);
    } while (*reader->at == ',');
    return REDFU_OK;
}

// Bytes that are no ASCII text: leftovers of a longer string in some devices' buffers (a
// BigTreeTech board's string ends "07*128Kg" and four ideographs; dfu-util gives up there).
static bool is_garbage(char c) {
    return (unsigned char)c >= 0x7f || (unsigned char)c < ' ';
}

enum redfu_result redfu_layout_parse(const char *text, struct redfu_layout *layout,
                                     struct redfu_fault *fault) {
    struct reader reader = {.text = text, .at = text, .fault = fault};
    memset(layout, 0, sizeof *layout);
    if (*reader.at != '@') {
        return refuse(&reader, "no '@'");
    }
    reader.at++;
    size_t len = strcspn(reader.at, "/");
    if (len >= sizeof layout->name) {
        return refuse(&reader, "too long a name");
    }
    memcpy(layout->name, reader.at, len);
    while (len > 0 && layout->name[len - 1] == ' ') {
        len--;
    }
    layout->name[len] = '\0';
    reader.at += strcspn(reader.at, "/");
    if (*reader.at != '/') {
        return refuse(&reader, "no '/' after the name");
    }
    while (*reader.at == '/') {
        enum redfu_result result = read_block(&reader, layout);
        if (result != REDFU_OK) {
            memset(layout, 0, sizeof *layout);
            return result;
        }
    }
    layout->has_garbage = is_garbage(*reader.at) && *reader.at != '\0';
    if (*reader.at != '\0' && !layout->has_garbage) {
        memset(layout, 0, sizeof *layout);
        return refuse(&reader, "something that belongs to no sector");
    }
    return REDFU_OK;
}

unsigned redfu_layout_sector_count(const struct redfu_layout *layout) {
    unsigned count = 0;
    for (unsigned i = 0; i < layout->group_count; i++) {
        count += layout->groups[i].count; // at most 2^32 bytes in all, so it cannot wrap
    }
    return count;
}

bool redfu_layout_sector(const struct redfu_layout *layout, unsigned number,
                         struct redfu_sector *sector) {
    unsigned first = 0;
    for (unsigned i = 0; i < layout->group_count; i++) {
        const struct redfu_group *group = &layout->groups[i];
        if (number - first < group->count) {
            *sector = (struct redfu_sector){
                .number = number,
                .addr = group->addr + (number - first) * group->sector_bytes,
                .bytes = group->sector_bytes,
                .can = group->can,
            };
            return true;
        }
        first += group->count;
    }
    return false;
}

bool redfu_layout_sector_at(const struct redfu_layout *layout, uint32_t addr,
                            struct redfu_sector *sector) {
    unsigned first = 0;
    for (unsigned i = 0; i < layout->group_count; i++) {
        const struct redfu_group *group = &layout->groups[i];
        if (addr >= group->addr && addr < group_end(group)) {
            return redfu_layout_sector(layout, first + (addr - group->addr) / group->sector_bytes,
                                       sector);
        }
        first += group->count;
    }
    return false;
}

bool redfu_layout_application(const struct redfu_layout *layout, uint32_t *addr, uint32_t *bytes) {
    const uint8_t wanted = REDFU_CAN_ERASE | REDFU_CAN_WRITE;
    for (unsigned i = 0; i < layout->group_count; i++) {
        if ((layout->groups[i].can & wanted) != wanted) {
            continue;
        }
        *addr = layout->groups[i].addr;
        uint64_t end = group_end(&layout->groups[i]);
        for (i++; i < layout->group_count && layout->groups[i].addr == end &&
                  (layout->groups[i].can & wanted) == wanted;
             i++) {
            end = group_end(&layout->groups[i]);
        }
        // The whole address space is one byte more than can be said.
        uint64_t len = end - *addr;
        *bytes = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
        return true;
    }
    return false;
}
