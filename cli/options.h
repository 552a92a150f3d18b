// SPDX-License-Identifier: MIT
//
// The command line of redfu: what was asked for. Doing it is left to commands.c.

#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/redfu.h"

// Name and what follows it.
#define COMMANDS(X)                                                                                \
    X(COMMAND_LIST, "list", "")                                                                    \
    X(COMMAND_INFO, "info", "")                                                                    \
    X(COMMAND_WRITE, "write", "FILE[@ADDRESS]")                                                    \
    X(COMMAND_VERIFY, "verify", "FILE[@ADDRESS]")                                                  \
    X(COMMAND_READ, "read", "ADDRESS LENGTH FILE")                                                 \
    X(COMMAND_ERASE, "erase", "ADDRESS LENGTH | --all")                                            \
    X(COMMAND_RUN, "run", "[ADDRESS]")                                                             \
    X(COMMAND_SEAL, "seal", "FILE[@ADDRESS] OUTPUT")

enum command {
    COMMAND_NONE = 0, // --help or --version alone
#define X(name, word, operands) name,
    COMMANDS(X)
#undef X
};

struct options {
    enum command command;
    const char *file; // points into argv, or into file_bytes when an address was cut off
    char file_bytes[4096];
    bool has_addr;
    uint32_t addr;
    uint32_t len;
    const char *output; // seal: the file to make
    unsigned alternate;
    bool all, no_run, no_verify, force_vectors, quiet, help, version;
    struct redfu_filter filter; // texts point into argv
};

// Reads argv[1] and on. REDFU_USAGE with the reason. argv must outlive the options.
enum redfu_result options_parse(int argc, char *const *argv, struct options *options,
                                struct redfu_fault *fault) __attribute__((warn_unused_result));

// A number in decimal or, after 0x, hexadecimal; K and M after it multiply by 1024 and 1048576.
// The whole text has to be one, below 2^32.
bool options_number(const char *text, uint32_t *value);

#endif
