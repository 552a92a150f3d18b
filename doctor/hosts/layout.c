// SPDX-License-Identifier: MIT

#include "doctor/hosts/layout.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// "04*016Kg": false if it is not one, or wraps around the address space.
static bool parse_run(const char **at, uint32_t *addr, struct layout_run *run) {
    char *end;
    unsigned long count = strtoul(*at, &end, 10);
    if (end == *at || *end != '*') {
        return false;
    }
    const char *digits = end + 1;
    unsigned long bytes = strtoul(digits, &end, 10);
    if (end == digits) {
        return false;
    }
    switch (*end) {
    case 'K':
        bytes *= 1024;
        break;
    case 'M':
        bytes *= 1024 * 1024;
        break;
    case 'B':
    case ' ':
        break;
    default:
        return false;
    }
    char type = end[1];
    if (type < 'a' || type > 'g' || count == 0 || bytes == 0 || count > UINT32_MAX / bytes ||
        count * bytes > UINT32_MAX - *addr) {
        return false;
    }
    *run = (struct layout_run){
        .addr = *addr,
        .sector_bytes = (uint32_t)bytes,
        .count = (uint32_t)count,
        .type = (uint8_t)(type - 'a' + 1),
    };
    *addr += (uint32_t)(count * bytes);
    *at = end + 2;
    return true;
}

bool layout_parse(const char *text, struct host_layout *layout) {
    layout->run_count = 0;
    const char *at = text[0] == '@' ? strchr(text, '/') : NULL;
    while (at != NULL && *at == '/') {
        char *end;
        unsigned long base = strtoul(at + 1, &end, 16);
        if (end == at + 1 || *end != '/' || base > UINT32_MAX) {
            return false;
        }
        uint32_t addr = (uint32_t)base;
        at = end;
        do {
            at++;
            if (layout->run_count == LAYOUT_RUNS_MAX ||
                !parse_run(&at, &addr, &layout->runs[layout->run_count])) {
                return false;
            }
            layout->run_count++;
        } while (*at == ',');
    }
    return layout->run_count > 0 && at != NULL && *at == '\0';
}

const struct layout_run *layout_run_at(const struct host_layout *layout, uint32_t addr) {
    for (unsigned i = 0; i < layout->run_count; i++) {
        const struct layout_run *run = &layout->runs[i];
        if (addr >= run->addr && addr < layout_run_end(run)) {
            return run;
        }
    }
    return NULL;
}
