// SPDX-License-Identifier: MIT
//
// `redfu seal`: an image in, the same image with its stamp out. Where the stamp goes is image/seal.h's.

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/input.h"
#include "cli/target.h"
#include "image/save.h"
#include "image/seal.h"

// The largest flash of the family (STM32F42x, 2 MB): what spans more has a segment astray.
#define SEAL_MOST (2u * 1024u * 1024u)

static enum redfu_result fail(struct cli *cli, enum redfu_result result, const char *path,
                              const char *text) {
    memset(&cli->fault, 0, sizeof cli->fault);
    cli->fault.result = result;
    (void)snprintf(cli->fault.text, sizeof cli->fault.text, "%s%s%s", path, *path ? ": " : "",
                   text);
    return result;
}

static enum redfu_result seal_input(struct cli *cli, struct input *input) {
    const struct options *options = cli->options;
    enum image_format format = output_format(options->output);
    if (format != IMAGE_BIN && input->needs_address) {
        char text[128];
        (void)snprintf(text, sizeof text,
                       "a raw file has no address for %s: say it, as in FILE@0x0800C000",
                       image_format_text(format));
        return fail(cli, REDFU_USAGE, options->file, text);
    }
    struct image_seal seal;
    struct image_fault why;
    if (!image_seal(&input->image, SEAL_MOST, &seal, &why)) {
        return fail(cli, file_status(&why, REDFU_BAD_FILE), options->file, why.text);
    }
    if (!image_save(&input->image, options->output, format, &why)) {
        return fail(cli, file_status(&why, REDFU_CANNOT_SAVE), "", why.text);
    }
    cli_say(cli, "%s: %u bytes, CRC-32 %08X, %s\n", options->output,
            seal.stamp.length + STAMP_BYTES, seal.stamp.crc,
            seal.was_sealed ? "was sealed already" : "sealed");
    return REDFU_OK;
}

enum redfu_result seal_file(struct cli *cli) {
    const struct options *options = cli->options;
    struct input input;
    enum redfu_result result = input_load(&input, options, &cli->fault);
    if (result == REDFU_OK) {
        result = seal_input(cli, &input);
        input_free(&input);
    }
    return result;
}
