// SPDX-License-Identifier: MIT
//
// What a device without addresses can be asked for, in words.

#include "cli/plain.h"

#include <stdlib.h>
#include <string.h>

#define MANIFEST_TOLERANT 0x04u // bmAttributes, DFU 1.1 4.1.3

bool plain_is(const struct target *target) {
    return redfu_describe(target->session)->device.kind == REDFU_KIND_DFU;
}

// One file, one stretch: where it goes only the device knows.
static enum redfu_result check_input(struct cli *cli, const struct input *input) {
    const struct options *options = cli->options;
    if (options->has_addr) {
        (void)cli_refuse(cli, REDFU_USAGE, "the device speaks plain DFU, which has no addresses");
        return cli_advise(cli, "Give the file without @ADDRESS: where it goes is the device's "
                               "business. --alt chooses among its memories.");
    }
    if (input->count != 1) {
        return cli_refuse(
            cli, REDFU_BAD_FILE,
            "%s: %zu separate stretches of memory, and plain DFU has no addresses: it "
            "takes one",
            options->file, input->count);
    }
    return options->keep
               ? cli_refuse(
                     cli, REDFU_NOT_DFUSE,
                     "--keep is for devices with a memory layout; this one speaks plain DFU, "
                     "which has no sectors")
               : REDFU_OK;
}

static void say_what(const struct cli *cli, const struct target *target,
                     const struct input *input) {
    const struct redfu_device *device = &redfu_describe(target->session)->device;
    cli_say(cli, "%s: %u bytes for %s %s at %s, plain DFU, alternate %u\n", cli->options->file,
            input->segments[0].len, device->product_name[0] ? device->product_name : "the device",
            device->serial, device->path, cli->options->alternate);
    if (!input->needs_address) {
        cli_say(cli, "The file's address 0x%08X is not used: plain DFU has none\n",
                input->segments[0].addr);
    }
}

// The blocks that a bootloader with a cipher writes by: those of TEA, Blowfish, DES.
#define CIPHER_BYTES 8u

static enum redfu_result compare(struct cli *cli, struct target *target,
                                 const struct input *input) {
    const struct redfu_segment *segment = &input->segments[0];
    struct redfu_watch watch = progress_watch(cli);
    uint8_t *bytes;
    uint32_t len;
    enum redfu_result result =
        redfu_upload(target->session, cli->options->alternate, &bytes, &len, &watch, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    uint32_t off = 0;
    while (off < len && off < segment->len && bytes[off] == segment->bytes[off]) {
        off++;
    }
    if (off < segment->len && off < len) {
        (void)cli_refuse(
            cli, REDFU_MISMATCH,
            "byte %u is 0x%02X on the device, 0x%02X in the file: the first difference", off,
            bytes[off], segment->bytes[off]);
    } else if (off < segment->len) {
        (void)cli_refuse(cli, REDFU_MISMATCH, "the device gives %u bytes, the file has %u", len,
                         segment->len);
    }
    if (off < segment->len) {
        bool is_in_rest = off >= segment->len / CIPHER_BYTES * CIPHER_BYTES;
        result = cli_advise(
            cli, is_in_rest
                     ? "It is in the last bytes, which are less than 8: devices that decrypt "
                       "write whole blocks of 8 or 16 only, and lose the rest. Pad the file "
                       "with bytes FF to a multiple of 16, then load it again."
                     : "Some devices give something else than they were loaded with.");
    }
    free(bytes);
    return result;
}

enum redfu_result plain_write(struct cli *cli, struct target *target, struct input *input) {
    const struct options *options = cli->options;
    const struct redfu_segment *segment = &input->segments[0];
    bool is_tolerant =
        (redfu_describe(target->session)->device.attributes & MANIFEST_TOLERANT) != 0;
    enum redfu_result result = check_input(cli, input);
    if (result == REDFU_OK && options->verify_read && !is_tolerant) {
        result = cli_refuse(cli, REDFU_BAD_DEVICE,
                            "--verify=read is not possible: the device leaves DFU mode when it has "
                            "been loaded (it is not manifestation tolerant)");
    }
    if (result != REDFU_OK) {
        return result;
    }
    say_what(cli, target, input);
    if (options->dry_run) {
        cli_say(cli,
                "Plan: send %u bytes; what it erases is the device's business\n"
                "Nothing was written (--dry-run)\n",
                segment->len);
        return REDFU_OK;
    }
    struct redfu_watch watch = progress_watch(cli);
    result = redfu_download(target->session, options->alternate, segment->bytes, segment->len,
                            &watch, &cli->fault);
    if (result == REDFU_OK && options->verify_read) {
        result = compare(cli, target, input);
    }
    if (result != REDFU_OK) {
        return result;
    }
    if (options->no_run) {
        cli_say(cli, "Done: written%s; %s\n",
                options->verify_read ? " and verified" : ", and the device has taken it",
                is_tolerant ? "the device stays in DFU mode" : "the device waits for a reset");
        return REDFU_OK;
    }
    result = plain_run(cli, target);
    if (result != REDFU_OK) {
        cli_add_success(cli, "The file was written, and the device has taken it.");
    }
    return result;
}

enum redfu_result plain_verify(struct cli *cli, struct target *target, struct input *input) {
    enum redfu_result result = check_input(cli, input);
    if (result == REDFU_OK) {
        result = compare(cli, target, input);
    }
    if (result == REDFU_OK) {
        cli_say(cli, "Done: the device holds %s\n", cli->options->file);
    }
    return result;
}

enum redfu_result plain_read(struct cli *cli, struct target *target, uint8_t **bytes,
                             uint32_t *len) {
    if (cli->options->has_addr) {
        (void)cli_refuse(cli, REDFU_USAGE, "the device speaks plain DFU, which has no addresses");
        return cli_advise(cli, "`redfu read FILE` reads all that it gives.");
    }
    struct redfu_watch watch = progress_watch(cli);
    return redfu_upload(target->session, cli->options->alternate, bytes, len, &watch, &cli->fault);
}

enum redfu_result plain_run(struct cli *cli, struct target *target) {
    cli_say(cli, "Running           a reset ... ");
    cli->line_is_open = !cli->options->quiet;
    enum redfu_result result = redfu_reset(target->redfu, target->session, &cli->fault);
    if (result == REDFU_OK) {
        cli_say(cli, "the device left DFU mode\n");
        cli->line_is_open = false;
    }
    return result;
}
