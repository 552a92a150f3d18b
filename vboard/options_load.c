// SPDX-License-Identifier: MIT
//
// Options of files with firmware: --load, --app, --symbols; and --sector.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "vboard/options_internal.h"

static bool address(const char *text, uint64_t *addr) {
    char *end;
    if (*text == '\0' || *text == '-' || *text == '+' || *text == ' ') {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (errno != 0 || *end != '\0' || value > UINT32_MAX) {
        return false;
    }
    *addr = value;
    return true;
}

void options_put_load(struct options *options, const struct load_option *load) {
    options->loads = options_grow(options->loads, options->load_count, sizeof *options->loads);
    options->loads[options->load_count++] = *load;
}

// FILE[@ADDRESS]
static enum options_result read_load(const char *option, const char *text, struct load_option *load,
                                     struct options_fault *fault) {
    uint64_t addr = IMAGE_NO_ADDRESS;
    const char *at = strrchr(text, '@');
    size_t path_len = strlen(text);
    if (at) {
        if (address(at + 1, &addr)) {
            path_len = (size_t)(at - text);
        } else if (at[1] >= '0' && at[1] <= '9') {
            return options_wrong(fault, "%s %s: '%s' is no 32-bit address", option, text, at + 1);
        }
        // Otherwise the @ belongs to the file's name.
    }
    if (path_len == 0) {
        return options_wrong(fault, "%s %s: no file name", option, text);
    }
    *load = (struct load_option){.text = text, .path = strndup(text, path_len), .addr = addr};
    return OPTIONS_RUN;
}

enum options_result options_add_load(struct options *options, const char *text,
                                     struct options_fault *fault) {
    struct load_option load;
    enum options_result result = read_load("--load", text, &load, fault);
    if (result == OPTIONS_RUN) {
        options_put_load(options, &load);
    }
    return result;
}

enum options_result options_set_app(struct options *options, const char *text,
                                    struct options_fault *fault) {
    if (options->has_app) {
        return options_wrong(fault, "--app %s: there is one already, %s", text, options->app.text);
    }
    options->has_app = true;
    return read_load("--app", text, &options->app, fault);
}

enum options_result options_add_sector(struct options *options, const char *text,
                                       struct options_fault *fault) {
    uint64_t addr;
    if (!address(text, &addr)) {
        return options_wrong(fault, "--sector %s: no 32-bit address", text);
    }
    if (options->sector_count == OPTIONS_SECTORS_MAX) {
        return options_wrong(fault, "--sector %s: %u are enough", text, OPTIONS_SECTORS_MAX);
    }
    options->sectors[options->sector_count++] = (uint32_t)addr;
    return OPTIONS_RUN;
}
