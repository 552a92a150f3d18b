// SPDX-License-Identifier: MIT
//
// The file of what is kept: Intel HEX, in the current folder, named after the board.

#include "cli/keep.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "cli/file.h"
#include "image/save.h"

#define NAME_BYTES 512u

static bool is_loaded(const struct cli *cli, const char *name) {
    for (unsigned i = 0; i < cli->options->file_count; i++) {
        if (file_is_same(cli->options->files[i].path, name)) {
            return true;
        }
    }
    return false;
}

// redfu-kept-SERIAL.hex, or by socket where there is no serial number. A serial number may hold anything. With -2 where
// the first is what is being put back.
static const char *file_name(const struct cli *cli, const struct target *target,
                             char name[NAME_BYTES]) {
    const struct redfu_device *device = &redfu_describe(target->session)->device;
    int len = snprintf(name, NAME_BYTES, "redfu-kept-%s",
                       device->serial[0] ? device->serial : device->path);
    for (int i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '.') {
            name[i] = '-';
        }
    }
    (void)snprintf(name + len, NAME_BYTES - (size_t)len, ".hex");
    if (is_loaded(cli, name)) {
        (void)snprintf(name + len, NAME_BYTES - (size_t)len, "-2.hex");
    }
    return name;
}

enum redfu_result keep_save(struct cli *cli, const struct target *target,
                            const struct redfu_plan *plan) {
    char name[NAME_BYTES];
    if (file_exists(file_name(cli, target, name))) {
        (void)cli_refuse(cli, REDFU_CANNOT_SAVE,
                         "%s exists already: a write with --keep may have ended before it had put "
                         "that back",
                         name);
        return cli_advise(cli,
                          "Nothing was written. Put it back with `redfu write %s --keep --no-run`, "
                          "then remove it; or remove it if the board has it.",
                          name);
    }
    if (plan->kept_count == 0) {
        return REDFU_OK;
    }
    struct image image;
    struct image_fault why;
    bool ok = true;
    image_init(&image);
    for (size_t i = 0; i < plan->kept_count && ok; i++) {
        const struct redfu_segment *kept = &plan->kept[i];
        ok = image_add(&image, kept->addr, kept->bytes, kept->len, &why);
    }
    ok = ok && image_save(&image, name, IMAGE_HEX, &why);
    image_free(&image);
    if (!ok) {
        (void)cli_refuse(cli, file_status(&why, REDFU_CANNOT_SAVE),
                         "what is to be kept cannot be saved: %s", why.text);
        return cli_advise(cli, "Nothing was written. Give the command in a folder that files can "
                               "be made in.");
    }
    cli_say(cli, "What is kept lies in %s until it is written back\n", name);
    return REDFU_OK;
}

enum redfu_result keep_end(struct cli *cli, const struct target *target, enum redfu_result result) {
    char name[NAME_BYTES];
    (void)file_name(cli, target, name);
    if (result == REDFU_OK) {
        (void)unlink(name);
        return result;
    }
    char advice[sizeof cli->fault.advice];
    (void)snprintf(
        advice, sizeof advice,
        "What was to be kept is in %.300s: load the image again without --keep, then that "
        "file with --keep.\n%.1500s",
        name, cli->fault.advice);
    memcpy(cli->fault.advice, advice, sizeof advice);
    return result;
}
