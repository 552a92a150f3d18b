// SPDX-License-Identifier: MIT
//
// write --keep: what is read of partly covered sectors lies in a file while the device does not hold it.

#ifndef CLI_KEEP_H
#define CLI_KEEP_H

#include "cli/target.h"

// Saves plan->kept, if there is any; refuses where such a file exists already, for it may be the only copy, unless it
// is one of those being loaded. REDFU_CANNOT_SAVE.
enum redfu_result keep_save(struct cli *cli, const struct target *target,
                            const struct redfu_plan *plan) __attribute__((warn_unused_result));
// After the write: removes the file if that succeeded, else says where it is. Returns the result.
enum redfu_result keep_end(struct cli *cli, const struct target *target, enum redfu_result result)
    __attribute__((warn_unused_result));

#endif
