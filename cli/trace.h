// SPDX-License-Identifier: MIT
//
// What goes over the wire: -v, a line for each transfer, and --trace FILE.pcapng, a capture that Wireshark
// takes apart.

#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include <pthread.h>

#include "capture/pcapng.h"
#include "cli/cli.h"

struct trace {
    pthread_mutex_t lock; // boards of a fleet share one
    FILE *lines;          // NULL: no -v
    const char *path;     // NULL: no --trace
    int fd;
    struct pcapng pcapng;
    uint64_t start_us;
};

// Opens what the options ask for; REDFU_CANNOT_SAVE. Nothing is written before the first transfer.
enum redfu_result trace_begin(struct trace *trace, struct cli *cli)
    __attribute__((warn_unused_result));
// Listens to a context.
void trace_listen(struct trace *trace, struct redfu *redfu);
// Ends the file; REDFU_CANNOT_SAVE when not all of it could be written.
enum redfu_result trace_end(struct trace *trace, struct cli *cli)
    __attribute__((warn_unused_result));

#endif
