// SPDX-License-Identifier: MIT
//
// Options of tools that meet the board while it runs: --gdb, --usbip.

#include <string.h>

#include "vboard/options_internal.h"

// [ADDRESS:]PORT[,wait]
enum options_result options_set_gdb(struct options *options, const char *text,
                                    struct options_fault *fault) {
    struct gdb_option *gdb = &options->gdb;
    char place[80];
    const char *comma = strchr(text, ',');
    size_t len = comma ? (size_t)(comma - text) : strlen(text);
    if (options->has_gdb) {
        return options_wrong(fault, "--gdb %.60s: this board has a debugger's port already", text);
    }
    if (len >= sizeof place || (comma && strcmp(comma, ",wait") != 0)) {
        return options_wrong(fault,
                             "--gdb %.60s: not " TCP_PLACE_FORM "; with ,wait behind it the "
                             "board waits for gdb",
                             text);
    }
    memcpy(place, text, len);
    place[len] = '\0';
    if (!tcp_place_read(place, &gdb->place)) {
        return options_wrong(fault, "--gdb %.60s: not " TCP_PLACE_FORM, text);
    }
    options->has_gdb = true;
    gdb->waits = comma != NULL;
    return OPTIONS_RUN;
}

// [ADDRESS:]PORT
enum options_result options_set_usbip(struct options *options, const char *text,
                                      struct options_fault *fault) {
    if (!tcp_place_read(text, &options->usbip)) {
        return options_wrong(fault, "--usbip %.60s: not [ADDRESS:]PORT, as in 3240 or 0.0.0.0:3240",
                             text);
    }
    options->has_usbip = true;
    return OPTIONS_RUN;
}
