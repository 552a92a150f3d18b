// SPDX-License-Identifier: MIT
//
// `redfu inspect`: what image/inspect.h finds, in words. Needs no device.

#include "image/inspect.h"

#include <inttypes.h>

#include "cli/cli.h"
#include "cli/input.h"
#include "cli/json.h"
#include "cli/target.h"

static void print_summary(const struct cli *cli, const struct image *image,
                          const struct inspect_map *map, const struct inspect_report *report) {
    const struct image_segment *last = &image->segments[image->segment_count - 1];
    uint64_t bytes = 0;
    for (size_t i = 0; i < image->segment_count; i++) {
        bytes += image->segments[i].len;
    }
    cli_say(cli,
            "%s: %" PRIu64 " bytes at 0x%08" PRIX32 "-0x%08" PRIX32 ", for an %s, application from "
            "0x%08" PRIX32 "\n",
            cli->options->file, bytes, image->segments[0].addr, last->addr + (last->len - 1),
            map->chip, map->application_addr);
    if (!report->has_vectors) {
        return;
    }
    const struct image_symbol *reset = image_symbol_at(image, report->reset_vector & ~1u);
    cli_say(cli, "  vectors        %s%u words\n", report->is_vector_count_sure ? "" : "about ",
            report->vector_count);
    cli_say(cli, "  stack pointer  0x%08" PRIX32 "\n", report->stack_pointer);
    cli_say(cli, "  reset vector   0x%08" PRIX32 "%s%s%s\n", report->reset_vector,
            reset ? " (" : "", reset ? reset->name : "", reset ? ")" : "");
    cli_say(cli, "  stamp          %s\n", report->has_stamp ? "yes" : "none");
    if (report->promised != 0) {
        cli_say(cli, "  promise        to confirm its starts; DFU mode after %u that fail\n",
                report->promised);
    }
}

static void print_finding(const struct cli *cli, const struct inspect_finding *finding) {
    static const char *const words[] = {
        [INSPECT_NOTE] = "note", [INSPECT_WARNING] = "warning", [INSPECT_ERROR] = "error"};
    cli_say(cli, "\n%s %s, at 0x%08" PRIX32 "\n", words[inspect_severity(finding->id)],
            inspect_word(finding->id), finding->addr);
    cli_print_advice(cli->surroundings->out, finding->text);
    cli_print_advice(cli->surroundings->out, finding->advice);
}

static enum redfu_result judge(struct cli *cli, const struct input *input,
                               const struct inspect_map *map) {
    struct inspect_report report;
    inspect(&input->image, map, &report);
    print_summary(cli, &input->image, map, &report);
    json_inspection(cli, &input->image, map, &report);
    for (size_t i = 0; i < report.count && !cli->options->quiet && !cli->options->json; i++) {
        print_finding(cli, &report.findings[i]);
    }
    if (report.errors != 0) {
        return cli_refuse(cli, REDFU_UNFIT, "%s: %zu error%s; it would not run as it is",
                          cli->options->file, report.errors, report.errors == 1 ? "" : "s");
    }
    size_t warnings = 0;
    for (size_t i = 0; i < report.count; i++) {
        warnings += inspect_severity(report.findings[i].id) == INSPECT_WARNING;
    }
    cli_say(cli, "\nDone: no error%s\n", warnings == 0 ? "" : ", but read the warnings above");
    return REDFU_OK;
}

enum redfu_result inspect_map_of(struct cli *cli, struct inspect_map *map) {
    *map = inspect_default_map;
    const char *chip = options_given(cli->options, "--chip");
    if (chip != NULL && !inspect_chip(map, chip)) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--chip wants an STM32F4 such as STM32F407VG or STM32F411, not \"%s\"",
                          chip);
    }
    return REDFU_OK;
}

enum redfu_result inspect_file(struct cli *cli) {
    const struct options *options = cli->options;
    struct inspect_map map;
    struct input input;
    enum redfu_result result = inspect_map_of(cli, &map);
    if (result == REDFU_OK) {
        result = input_load_at(&input, options, map.application_addr, &cli->fault);
    }
    if (result == REDFU_OK) {
        result = judge(cli, &input, &map);
        input_free(&input);
    }
    return result;
}
