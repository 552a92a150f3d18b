// SPDX-License-Identifier: MIT
//
// Plain DFU 1.1 devices: write, verify, read and run without addresses.

#ifndef CLI_PLAIN_H
#define CLI_PLAIN_H

#include "cli/input.h"
#include "cli/target.h"

bool plain_is(const struct target *target);

enum redfu_result plain_write(struct cli *cli, struct target *target, struct input *input)
    __attribute__((warn_unused_result));
enum redfu_result plain_verify(struct cli *cli, struct target *target, struct input *input)
    __attribute__((warn_unused_result));
// *bytes from malloc().
enum redfu_result plain_read(struct cli *cli, struct target *target, uint8_t **bytes, uint32_t *len)
    __attribute__((warn_unused_result));
enum redfu_result plain_run(struct cli *cli, struct target *target)
    __attribute__((warn_unused_result));

#endif
