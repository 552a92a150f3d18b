// SPDX-License-Identifier: MIT
//
// --json: one object a line on standard output, in the form of docs/json.md. Nothing else is printed there
// then. Each function prints one line and does nothing without --json.

#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "cli/cli.h"

bool json_is_on(const struct cli *cli);
void json_device(const struct cli *cli, const struct redfu_device *device);
void json_info(const struct cli *cli, const struct info *info);
void json_progress(const struct cli *cli, const struct redfu_progress *progress);
// What a write is about to do, or would with --dry-run.
void json_plan(const struct cli *cli, const struct redfu_plan *plan, uint64_t us);
// What `inspect` found in a file.
struct image;
struct inspect_map;
struct inspect_report;
void json_inspection(const struct cli *cli, const struct image *image,
                     const struct inspect_map *map, const struct inspect_report *report);
// A file that was made; and an image for a new board, with what is in it.
void json_file(const struct cli *cli, const char *path);
void json_image_file(const struct cli *cli, const char *path, uint32_t addr, uint32_t last,
                     unsigned settings);
void json_rules(const struct cli *cli, const char *text);
void json_protection(const struct cli *cli, const struct redfu_protection *protection);
void json_setting(const struct cli *cli, const struct redfu_setting *setting);
// One board of several, done or failed; `fault` is NULL when done.
void json_board(const struct cli *cli, const struct redfu_device *device, uint64_t us,
                const struct redfu_fault *fault);
// One assertion of `doctor --conformance`.
void json_assertion(const struct cli *cli, const char *id, const char *verdict, const char *clause,
                    const char *expected, const char *seen);
// The last line of every run.
void json_end(const struct cli *cli, enum redfu_result result);

#endif
