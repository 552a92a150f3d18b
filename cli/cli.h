// SPDX-License-Identifier: MIT
//
// The program redfu without its surroundings, so that tests can run it whole: where it prints, how it
// reaches USB and how it learns of Ctrl-C are given.

#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"
#include "host/redfu.h"

struct input;

struct surroundings {
    FILE *out;        // results and progress
    FILE *err;        // errors
    bool has_color;   // and NO_COLOR is not set
    bool is_terminal; // `out` is one: progress is redrawn in place
    unsigned
        columns; // of the terminal: a line that is redrawn has to fit. 0: not known, 80 are taken
    void *ctx;
    enum redfu_result (*connect)(void *ctx, struct redfu **redfu, struct redfu_fault *fault);
    bool (*is_cancelled)(void *ctx);
    // NULL: progress is printed to `out`. Else it is told here, with ctx.
    void (*progress)(void *ctx, const struct redfu_progress *progress);
};

// Returns the exit status: an enum redfu_result.
int cli_main(int argc, char *const *argv, const struct surroundings *surroundings);

// How many characters a line may have that is redrawn: in the last column some terminals go to the next line.
unsigned cli_line_room(const struct surroundings *surroundings);

// --- For commands.c and its helpers --------------------------------------------------------------

struct cli {
    const struct surroundings *surroundings;
    const struct options *options;
    struct redfu_fault fault;
    bool line_is_open; // progress was printed without its newline
    unsigned percent;  // shown last
    // For one board of several (fleet.c): the device meant; NULL: the one that passes the filter.
    const struct redfu_device *device;
    struct trace *trace;       // trace.c; never NULL while a command runs
    const struct input *input; // its file, loaded already; NULL: to be loaded
    unsigned lead;             // see struct redfu_plan; 0: its own
    bool is_told;              // why it failed is on `out` already
};

// cli.c: a sentence on `err`, and what to do about it.
void cli_print_fault(FILE *err, const struct redfu_fault *fault);

// help.c
void help_print(FILE *out, enum command command);

// commands.c
enum redfu_result commands_run(struct cli *cli);

// seal.c: `redfu seal`, which needs no device.
enum redfu_result seal_file(struct cli *cli);

// convert.c: `redfu convert`, neither.
enum redfu_result convert_files(struct cli *cli);

// fwupd.c and udev.c: `redfu fwupd-package` and `redfu udev-rules`, neither.
enum redfu_result fwupd_package(struct cli *cli);
enum redfu_result udev_rules(struct cli *cli);
// inspect.c: `redfu inspect`, which needs no device, and the memories that --chip names.
enum redfu_result inspect_file(struct cli *cli);
struct inspect_map;
enum redfu_result inspect_map_of(struct cli *cli, struct inspect_map *map)
    __attribute__((warn_unused_result));

// factory.c: `redfu factory`, which needs no device.
enum redfu_result factory_file(struct cli *cli);

// settings.c: `redfu settings ...`.
enum redfu_result settings_command(struct cli *cli);

// cli.c: lines of text, indented and broken where they are long; lines that begin with a blank stay whole.
void cli_print_advice(FILE *out, const char *text);

// What info has found out. A text says why something is not known; NULL: it is.
struct info {
    const struct redfu_description *description;
    struct redfu_image image;
    const char *image_unknown;
    bool has_gate; // redfu-boot's: it tells
    bool is_receiving;
    struct redfu_stamp stamp;
    const char *stamp_unknown;
    struct redfu_settings settings;
    const char *settings_unknown;
    bool has_start, has_protection;
    struct redfu_start start;
    struct redfu_protection protection;
};

// info.c
enum redfu_result info_command(struct cli *cli);

// describe.c: list's and info's words.
void describe_device(FILE *out, const struct redfu_device *device);
void describe_info(FILE *out, const struct info *info);

// progress.c: what operations are told to call; NULL-free, silent with --quiet.
struct redfu_watch progress_watch(struct cli *cli);
// Ends a line that was left open by a failure.
void progress_break(struct cli *cli);
// "16 KB", "1000 bytes".
const char *words_size(uint64_t bytes, char *out, size_t size);
// "251 ms", "1.25 s".
const char *words_time(uint64_t us, char *out, size_t size);

#endif
