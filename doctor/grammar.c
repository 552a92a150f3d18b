// SPDX-License-Identifier: MIT
//
// The grammars, each after the source named; where a program's scanf() or regular expression decides, what it would
// decide is followed by hand.

#include "doctor/grammar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/hosts/layout.h"

static bool refuse(char *why, size_t size, const char *what, const char *at) {
    (void)snprintf(why, size, "%s at \"%.24s\"", what, at);
    return false;
}

static const char *skip_blanks(const char *at) {
    while (isspace((unsigned char)*at)) {
        at++;
    }
    return at;
}

// A decimal number, as %d: blanks before it are skipped. NULL: none.
static const char *number(const char *at, unsigned long *value) {
    char *end;
    at = skip_blanks(at);
    if (!isdigit((unsigned char)*at)) {
        return NULL;
    }
    *value = strtoul(at, &end, 10);
    return end;
}

// "/0xADDR/": what is behind it. NULL: none.
static const char *segment_address(const char *at) {
    if (at[0] != '/' || at[1] != '0' || (at[2] != 'x' && at[2] != 'X')) {
        return NULL;
    }
    char *end;
    (void)strtoul(at + 1, &end, 16);
    return *end == '/' && end > at + 3 ? end + 1 : NULL;
}

// dfu-util 0.11, dfuse_mem.c, parse_memory_layout(): "@%[^/]", "/0x%x/", "%d*%d%c%[^,/]". The type has to be one
// character; blanks before numbers are skipped; what follows the last sector ends the search.
static bool dfu_util_takes(const char *text, char *why, size_t size) {
    const char *at = text[0] == '@' ? strchr(text, '/') : NULL;
    if (!at || at == text + 1) {
        return refuse(why, size, "\"Could not read name\": no '@name/'", text);
    }
    const char *list = segment_address(at);
    if (!list) {
        return refuse(why, size, "\"Parsing address failed\": no /0xADDRESS/", at);
    }
    unsigned runs = 0;
    while (list) {
        unsigned long count;
        unsigned long bytes;
        at = number(list, &count);
        if (!at || *at != '*' || !(at = number(at + 1, &bytes)) || *at == '\0') {
            return runs ? true : refuse(why, size, "\"Parsing sector failed\"", list);
        }
        // %c is the multiplier, or, if it is a letter from a to g with nothing behind it, the type.
        const char *type = at + 1;
        size_t len = strcspn(type, ",/");
        if (len > 1) {
            return refuse(why, size, "\"Parsing type identifier failed\": more than one letter",
                          type);
        }
        if (len == 0 && !(*at >= 'a' && *at <= 'g')) {
            return refuse(why, size, "\"Parsing type identifier failed\": no letter", at);
        }
        runs++;
        at = type + len;
        list = *at == ',' ? at + 1 : *at == '/' ? segment_address(at) : NULL;
        if (*at == '/' && !list) {
            return refuse(why, size, "\"Parsing address failed\"", at);
        }
    }
    return true;
}

// DfuSe 3.0.6, STDFUPRT, CreateMappingFromDevice(): begins with '@', one '*' a run, unit and type exactly two
// characters, then ',' or the end.
static bool dfuse_demo_takes(const char *text, char *why, size_t size) {
    if (text[0] != '@') {
        return refuse(why, size, "it does not begin with '@', so no alternate setting is mapped",
                      text);
    }
    const char *at = strchr(text, '/');
    const char *list = at ? segment_address(at) : NULL;
    while (list) {
        unsigned long count;
        unsigned long bytes;
        at = number(list, &count);
        if (!at || *at != '*' || !(at = number(at + 1, &bytes))) {
            return refuse(why, size, "no count*size", list);
        }
        if (*at == 'g' && (at[1] == ',' || at[1] == '\0' || at[1] == '/')) {
            at++; // its "STM32L0 workaround"
        } else if (at[0] == '\0' || at[1] == '\0') {
            return refuse(why, size, "unit and type are not two characters", at);
        } else {
            at += 2;
        }
        if (*at != ',' && *at != '/' && *at != '\0') {
            return refuse(why, size, "something between the type and the comma", at);
        }
        list = *at == ',' ? at + 1 : *at == '/' ? segment_address(at) : NULL;
        if (*at == '/' && !list) {
            return refuse(why, size, "no /0xADDRESS/", at);
        }
    }
    return at && *at == '\0' ? true : refuse(why, size, "no /0xADDRESS/", text);
}

// WebDFU dfuse.js, parseMemoryDescriptor(): "/0x([0-9a-f]{1,8})/([^/]+)", and in the list
// "([0-9]+)*([0-9]+) *([ BKM]) *([abcdefg]) *,?". What its expression does not find it passes over.
static bool webdfu_takes(const char *text, char *why, size_t size) {
    const char *at = text[0] == '@' ? strchr(text, '/') : NULL;
    const char *list = at && at != text + 1 ? strstr(at, "/0x") : NULL;
    list = list ? segment_address(list) : NULL;
    if (!list) {
        return refuse(why, size, "\"Not a DfuSe memory descriptor\"", text);
    }
    unsigned long count;
    unsigned long bytes;
    at = number(list, &count);
    if (!at || *at != '*' || !(at = number(at + 1, &bytes))) {
        return refuse(why, size, "no count*size", list);
    }
    at = skip_blanks(at);
    if (*at == 'B' || *at == 'K' || *at == 'M') {
        at = skip_blanks(at + 1);
    }
    return *at >= 'a' && *at <= 'g' ? true : refuse(why, size, "no letter from a to g", at);
}

// fwupd 2.0, plugins/dfu/fu-dfu-sector parsing in fu-dfu-target-stm.c: at most 999 sectors of at most 999, a
// multiplier of ' ', 'B', 'K' or 'M', one letter from a to g.
static bool fwupd_takes(const char *text, char *why, size_t size) {
    const char *at = text[0] == '@' ? strchr(text, '/') : NULL;
    const char *list = at ? segment_address(at) : NULL;
    if (!list) {
        return refuse(why, size, "no @name/0xADDRESS/", text);
    }
    while (list) {
        unsigned long count;
        unsigned long bytes;
        at = number(list, &count);
        if (!at || *at != '*' || !(at = number(at + 1, &bytes))) {
            return refuse(why, size, "\"failed to parse sector\"", list);
        }
        if (count > 999 || bytes > 999) {
            return refuse(why, size, "a number above 999", list);
        }
        if (*at == '\0' || !strchr(" BKM", *at)) {
            return refuse(why, size, "no multiplier (blank, B, K or M)", at);
        }
        if (at[1] < 'a' || at[1] > 'g') {
            return refuse(why, size, "no letter from a to g", at + 1);
        }
        at += 2;
        if (*at != ',' && *at != '/' && *at != '\0') {
            return refuse(why, size, "something behind the type", at);
        }
        list = *at == ',' ? at + 1 : *at == '/' ? segment_address(at) : NULL;
        if (*at == '/' && !list) {
            return refuse(why, size, "no /0xADDRESS/", at);
        }
    }
    return true;
}

// From published logs: blanks behind a comma are tolerated, trailing bytes have never been seen to work.
static bool cubeprogrammer_takes(const char *text, char *why, size_t size) {
    char packed[256];
    size_t used = 0;
    const char *list = strchr(text, '/');
    for (const char *at = text; *at && used + 1 < sizeof packed; at++) {
        bool is_behind_comma = list && at > list && *at == ' ' && (at[-1] == ',' || at[-1] == ' ');
        if (!is_behind_comma) {
            packed[used++] = *at;
        }
    }
    packed[used] = '\0';
    struct host_layout layout;
    return layout_parse(packed, &layout)
               ? true
               : refuse(why, size, "not the form that is known to work", list ? list : text);
}

static const struct grammar grammars[] = {
    {"dfu-util", false, dfu_util_takes},
    {"DfuSe Demo", false, dfuse_demo_takes},
    {"WebDFU", false, webdfu_takes},
    {"fwupd", false, fwupd_takes},
    {"STM32CubeProgrammer", true, cubeprogrammer_takes},
};

const unsigned grammar_count = sizeof grammars / sizeof grammars[0];

const struct grammar *grammar_at(unsigned index) {
    return index < grammar_count ? &grammars[index] : NULL;
}
