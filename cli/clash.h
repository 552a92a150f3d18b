// SPDX-License-Identifier: MIT
//
// Names on one command line that are one file.

#ifndef CLI_CLASH_H
#define CLI_CLASH_H

#include "cli/cli.h"

// A file that is to be made (--trace, --html, --log of station, --quirk, OUTPUT) must be no other one of the command's: it would
// be emptied before it is read, or overwritten by what comes later. Only OUTPUT may be one of the images it is made of; its
// command judges that. Before anything is opened. REDFU_USAGE.
enum redfu_result clash_check(struct cli *cli) __attribute__((warn_unused_result));

#endif
