// SPDX-License-Identifier: MIT
//
// Every matching board at once (--all-boards, and --all where it can mean nothing else).
//
// Each board has a thread that runs the command as it would run alone, with a libredfu context of its
// own. One board's failure is that board's.

#ifndef CLI_FLEET_H
#define CLI_FLEET_H

#include "cli/cli.h"

// Runs cli->options->command on every DfuSe device that passes the filter. REDFU_NO_DEVICE where there is
// none, REDFU_SOME_FAILED when a board failed, REDFU_CANCELLED after Ctrl-C; the table printed at the end
// tells of each board.
enum redfu_result fleet_run(struct cli *cli) __attribute__((warn_unused_result));

#endif
