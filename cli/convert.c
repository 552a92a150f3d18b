// SPDX-License-Identifier: MIT
//
// `redfu convert`: files in, one file out, in another format. What the output cannot hold is refused where it
// is bytes, and told where it is words about them (a USB identity, an alternate setting).

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/input.h"
#include "cli/target.h"
#include "image/edit.h"
#include "image/save.h"

// What ST's tools and redfu-boot go by, and dfuse-pack writes when nothing is said.
#define DEFAULT_VENDOR  0x0483u
#define DEFAULT_PRODUCT 0xdf11u

struct conversion {
    struct image_contents out;
    // Of the inputs: what may be lost.
    bool has_identity;
    uint16_t vendor, product, release;
    const char *identity_file;
    bool is_for_alternate; // other than 0
    uint32_t skipped_blocks;
    // --range
    bool has_range;
    uint32_t first, last;
};

// --- Values --------------------------------------------------------------------------------------

static enum redfu_result find_format(struct cli *cli, enum image_format *format) {
    const char *to = options_given(cli->options, "--to");
    *format = to ? image_format_named(to) : image_format_of_path(cli->options->output);
    if (*format != IMAGE_ANY) {
        return REDFU_OK;
    }
    return to ? cli_refuse(cli, REDFU_USAGE,
                           "--to wants bin, hex, srec, elf, dfuse, dfu or uf2, not \"%s\"", to)
              : cli_refuse(
                    cli, REDFU_USAGE,
                    "%s: what format that is to be its name does not say (.bin, .hex, .srec, "
                    ".elf, .dfu, .uf2): use --to",
                    cli->options->output);
}

// "0x0800C000+16K", or the first and the last byte: "0x0800C000-0x0800FFFF".
static bool take_range(const char *text, uint32_t *first, uint32_t *last) {
    char from[32];
    size_t len = strcspn(text, "+-");
    uint32_t second;
    if (text[len] == '\0' || len >= sizeof from) {
        return false;
    }
    (void)snprintf(from, sizeof from, "%.*s", (int)len, text);
    if (!options_number(from, first) || !options_number(text + len + 1, &second)) {
        return false;
    }
    if (text[len] == '+') {
        *last = *first + (second - 1);
        return second > 0 && *last >= *first;
    }
    *last = second;
    return second >= *first;
}

static enum redfu_result check_values(struct cli *cli, struct conversion *conversion) {
    const struct options *options = cli->options;
    const char *range = options_given(options, "--range");
    const char *target = options_given(options, "--target");
    uint32_t number;
    if (range && !take_range(range, &conversion->first, &conversion->last)) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--range wants FIRST-LAST or FIRST+LENGTH, such as 0x0800C000+16K, not "
                          "\"%s\"",
                          range);
    }
    conversion->has_range = range != NULL;
    const char *fill = options_given(options, "--fill");
    if (fill && (!options_number(fill, &number) || number > 0xff)) {
        return cli_refuse(cli, REDFU_USAGE, "--fill wants a byte such as 0xFF, not \"%s\"", fill);
    }
    const char *from = options_given(options, "--from-alt");
    if (from && (!options_number(from, &number) || number > 0xff)) {
        return cli_refuse(cli, REDFU_USAGE, "--from-alt wants a number from 0 to 255, not \"%s\"",
                          from);
    }
    if (target && conversion->out.format != IMAGE_DFUSE) {
        return cli_refuse(cli, REDFU_USAGE, "--target names a DfuSe target; the output is %s",
                          image_format_text(conversion->out.format));
    }
    if (target && (strlen(target) >= IMAGE_TARGET_NAME_MAX || target[0] == '\0')) {
        return cli_refuse(cli, REDFU_USAGE, "--target wants a name of 1 to %u characters",
                          IMAGE_TARGET_NAME_MAX - 1);
    }
    const char *release = options_given(options, "--release");
    bool has_suffix = conversion->out.format == IMAGE_DFUSE || conversion->out.format == IMAGE_DFU;
    if ((release || options->filter.has_usb_id) && !has_suffix) {
        return cli_refuse(
            cli, REDFU_USAGE,
            "--usb-id and --release go into a DFU suffix; the output is %s, which has "
            "none",
            image_format_text(conversion->out.format));
    }
    if (options->has_alternate && conversion->out.format != IMAGE_DFUSE) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--alt goes into a DfuSe file; the output is %s (--from-alt takes one "
                          "out of the input)",
                          image_format_text(conversion->out.format));
    }
    return !release || options_release(release, &conversion->out.release)
               ? REDFU_OK
               : cli_refuse(cli, REDFU_USAGE,
                            "--release wants a version such as 1.2 or a number such as 0x0120, not "
                            "\"%s\"",
                            release);
}

// --- Inputs --------------------------------------------------------------------------------------

static enum redfu_result take_identity(struct cli *cli, struct conversion *conversion,
                                       const struct image_contents *contents, const char *path) {
    if (!contents->has_suffix) {
        return REDFU_OK;
    }
    if (conversion->has_identity && !cli->options->filter.has_usb_id &&
        (conversion->vendor != contents->vendor || conversion->product != contents->product)) {
        return cli_refuse(cli, REDFU_BAD_FILE,
                          "%s: is for %04X:%04X, but %s is for %04X:%04X; --usb-id says which to "
                          "write",
                          path, contents->vendor, contents->product, conversion->identity_file,
                          conversion->vendor, conversion->product);
    }
    conversion->has_identity = true;
    conversion->vendor = contents->vendor;
    conversion->product = contents->product;
    conversion->release = contents->release;
    conversion->identity_file = path;
    return REDFU_OK;
}

static enum redfu_result take_target(struct cli *cli, struct conversion *conversion,
                                     const struct image_target *target, const char *path) {
    unsigned alternate = cli->options->has_alternate ? cli->options->alternate : target->alternate;
    struct image_target *into = image_contents_target(&conversion->out, alternate);
    if (!into) {
        return cli_refuse(cli, REDFU_INTERNAL, "out of memory");
    }
    const char *name = options_given(cli->options, "--target");
    (void)snprintf(into->name, sizeof into->name, "%s", name ? name : target->name);
    conversion->is_for_alternate = conversion->is_for_alternate || target->alternate != 0;
    return input_merge(&into->image, &target->image, path, &cli->fault);
}

static enum redfu_result take_contents(struct cli *cli, struct conversion *conversion,
                                       const struct image_contents *contents, const char *path) {
    char alternates[64];
    image_contents_alternates(contents, alternates, sizeof alternates);
    bool is_flat = conversion->out.format == IMAGE_BIN || conversion->out.format == IMAGE_DFU;
    if (contents->needs_address && (!is_flat || cli->options->file_count > 1)) {
        return cli_refuse(
            cli, REDFU_USAGE,
            "%s: a raw binary has no address, and the output wants one: say it, as in "
            "%s@0x0800C000",
            path, path);
    }
    const char *from = options_given(cli->options, "--from-alt");
    if (from && contents->has_alternates) {
        uint32_t alternate = 0;
        (void)options_number(from, &alternate); // check_values() did
        const struct image_target *target = image_contents_find(contents, alternate);
        return target ? take_target(cli, conversion, target, path)
                      : cli_refuse(cli, REDFU_USAGE,
                                   "%s: holds nothing for alternate setting %u, but for %s", path,
                                   alternate, alternates);
    }
    if (contents->target_count > 1 &&
        (cli->options->has_alternate || conversion->out.format != IMAGE_DFUSE)) {
        return cli_refuse(
            cli, REDFU_USAGE,
            "%s: holds images for the alternate settings %s, and only one can go into "
            "the output: choose with --from-alt",
            path, alternates);
    }
    enum redfu_result result = REDFU_OK;
    for (size_t i = 0; i < contents->target_count && result == REDFU_OK; i++) {
        result = take_target(cli, conversion, &contents->targets[i], path);
    }
    return result;
}

static enum redfu_result take_file(struct cli *cli, struct conversion *conversion,
                                   const struct option_file *file) {
    struct image_contents contents;
    enum redfu_result result = input_read(&contents, file, cli->options, &cli->fault);
    if (result == REDFU_OK) {
        result = take_identity(cli, conversion, &contents, file->path);
    }
    if (result == REDFU_OK) {
        result = take_contents(cli, conversion, &contents, file->path);
    }
    if (contents.has_family) {
        conversion->out.has_family = true;
        conversion->out.family = contents.family;
    }
    conversion->skipped_blocks += contents.skipped_blocks;
    image_contents_free(&contents);
    return result;
}

// --- The output ----------------------------------------------------------------------------------

static void settle_identity(const struct cli *cli, struct conversion *conversion) {
    const struct redfu_filter *id = &cli->options->filter;
    struct image_contents *out = &conversion->out;
    bool is_dfuse = out->format == IMAGE_DFUSE;
    out->has_suffix = true;
    out->vendor = id->has_usb_id             ? id->vendor
                  : conversion->has_identity ? conversion->vendor
                  : is_dfuse                 ? DEFAULT_VENDOR
                                             : IMAGE_ANY_ID;
    out->product = id->has_usb_id             ? id->product
                   : conversion->has_identity ? conversion->product
                   : is_dfuse                 ? DEFAULT_PRODUCT
                                              : IMAGE_ANY_ID;
    if (!options_given(cli->options, "--release")) {
        out->release = conversion->has_identity ? conversion->release : IMAGE_ANY_ID;
    }
    const char *family = options_given(cli->options, "--family");
    if (family) {
        out->has_family = true;
        if (!image_family_named(family, &out->family)) {
            (void)options_number(family, &out->family); // input_read() did
        }
    }
}

static enum redfu_result shape(struct cli *cli, struct conversion *conversion,
                               struct image_target *target) {
    struct image_fault why;
    struct image *image = &target->image;
    if (conversion->has_range && !image_cut(image, conversion->first, conversion->last, &why)) {
        return cli_refuse(cli, REDFU_INTERNAL, "%s", why.text);
    }
    const char *fill = options_given(cli->options, "--fill");
    if (image->segment_count == 0 && !(fill && conversion->has_range)) {
        return cli_refuse(cli, REDFU_BAD_FILE,
                          "nothing lies in 0x%08" PRIX32 "-0x%08" PRIX32 " (--range): %s would be "
                          "empty",
                          conversion->first, conversion->last, cli->options->output);
    }
    if (!fill) {
        return REDFU_OK;
    }
    uint32_t byte = 0;
    (void)options_number(fill, &byte); // check_values() did
    uint32_t from = conversion->first;
    uint32_t to = conversion->last;
    if (!conversion->has_range) {
        const struct image_segment *last = &image->segments[image->segment_count - 1];
        from = image->segments[0].addr;
        to = last->addr + (last->len - 1);
    }
    return image_fill(image, from, to, (uint8_t)byte, &why)
               ? REDFU_OK
               : cli_refuse(cli, file_status(&why, REDFU_USAGE), "--fill: %s", why.text);
}

// One line a target, and one for everything that did not come along.
static void say_result(const struct cli *cli, const struct conversion *conversion) {
    const struct image_contents *out = &conversion->out;
    const char *path = cli->options->output;
    bool has_suffix = out->format == IMAGE_DFUSE || out->format == IMAGE_DFU;
    for (size_t i = 0; i < out->target_count; i++) {
        const struct image *image = &out->targets[i].image;
        const struct image_segment *last = &image->segments[image->segment_count - 1];
        uint64_t bytes = 0;
        for (size_t j = 0; j < image->segment_count; j++) {
            bytes += image->segments[j].len;
        }
        cli_say(cli, "%s: %s, %" PRIu64 " bytes in %zu piece%s, 0x%08" PRIX32 "-0x%08" PRIX32, path,
                image_format_text(out->format), bytes, image->segment_count,
                image->segment_count == 1 ? "" : "s", image->segments[0].addr,
                last->addr + (last->len - 1));
        if (out->format == IMAGE_DFUSE) {
            cli_say(cli, ", alternate setting %u", out->targets[i].alternate);
        }
        if (has_suffix && out->vendor == IMAGE_ANY_ID && out->product == IMAGE_ANY_ID) {
            cli_say(cli, ", for any device");
        } else if (has_suffix) {
            cli_say(cli, ", for %04X:%04X", out->vendor, out->product);
        }
        cli_say(cli, "\n");
    }
    if (out->format == IMAGE_BIN || out->format == IMAGE_DFU) {
        cli_say(cli, "Not in it: the address\n");
    }
    if (conversion->has_identity && !has_suffix) {
        cli_say(cli, "Not in it: the USB identity %04X:%04X of %s\n", conversion->vendor,
                conversion->product, conversion->identity_file);
    }
    if (conversion->is_for_alternate && out->format != IMAGE_DFUSE) {
        cli_say(cli, "Not in it: the alternate setting it was for\n");
    }
    if (conversion->skipped_blocks > 0) {
        cli_say(cli, "Not in it: %" PRIu32 " UF2 blocks that are not for flash\n",
                conversion->skipped_blocks);
    }
}

static enum redfu_result write_output(struct cli *cli, struct conversion *conversion) {
    enum redfu_result result = REDFU_OK;
    for (size_t i = 0; i < conversion->out.target_count && result == REDFU_OK; i++) {
        result = shape(cli, conversion, &conversion->out.targets[i]);
    }
    if (result != REDFU_OK) {
        return result;
    }
    settle_identity(cli, conversion);
    struct image_fault why;
    if (!image_contents_check(&conversion->out, cli->options->output, &why)) {
        (void)cli_refuse(cli, file_status(&why, REDFU_USAGE), "%s", why.text);
        return conversion->out.target_count == 1
                   ? cli_advise(cli, "--fill 0xFF fills gaps as erased flash reads; --range "
                                     "FIRST-LAST takes a part.")
                   : REDFU_USAGE;
    }
    if (!image_contents_save(&conversion->out, cli->options->output, &why)) {
        return cli_refuse(cli, file_status(&why, REDFU_CANNOT_SAVE), "%s", why.text);
    }
    say_result(cli, conversion);
    return REDFU_OK;
}

enum redfu_result convert_files(struct cli *cli) {
    struct conversion conversion = {0};
    enum redfu_result result = find_format(cli, &conversion.out.format);
    if (result == REDFU_OK) {
        result = check_values(cli, &conversion);
    }
    for (unsigned i = 0; i < cli->options->file_count && result == REDFU_OK; i++) {
        result = take_file(cli, &conversion, &cli->options->files[i]);
    }
    if (result == REDFU_OK) {
        result = write_output(cli, &conversion);
    }
    image_contents_free(&conversion.out);
    return result;
}
