// SPDX-License-Identifier: MIT
//
// `redfu station`: one board after the other on a bench, until stopped.

#ifndef CLI_STATION_H
#define CLI_STATION_H

#include "cli/cli.h"

// REDFU_OK when it was stopped, or had --count boards, and all passed; REDFU_SOME_FAILED when one failed;
// REDFU_NO_ROW when the table has no row for the next board; and what is refused before the first board.
enum redfu_result station_run(struct cli *cli) __attribute__((warn_unused_result));

#endif
