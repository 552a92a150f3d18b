// SPDX-License-Identifier: MIT
//
// A file and a device: `redfu write` and `redfu verify`, and how an application is started.

#ifndef CLI_WRITE_H
#define CLI_WRITE_H

#include "cli/cli.h"

// The files of the command line.
enum redfu_result write_load(struct cli *cli, struct input *input)
    __attribute__((warn_unused_result));
// For write everything that can be refused is refused before the device is touched.
enum redfu_result write_command(struct cli *cli) __attribute__((warn_unused_result));
enum redfu_result verify_command(struct cli *cli) __attribute__((warn_unused_result));
// Leaves DFU mode, and says so.
enum redfu_result write_start(struct cli *cli, struct redfu_session *session, uint32_t addr)
    __attribute__((warn_unused_result));

#endif
