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
    X(COMMAND_WRITE, "write", "FILE[@ADDRESS]...")                                                 \
    X(COMMAND_VERIFY, "verify", "FILE[@ADDRESS]...")                                               \
    X(COMMAND_READ, "read", "[ADDRESS LENGTH] FILE")                                               \
    X(COMMAND_ERASE, "erase", "ADDRESS LENGTH | --all [--all-boards]")                             \
    X(COMMAND_RUN, "run", "[ADDRESS]")                                                             \
    X(COMMAND_PROTECT, "protect", "on | off")                                                      \
    X(COMMAND_SEAL, "seal", "FILE[@ADDRESS] OUTPUT")                                               \
    X(COMMAND_CONVERT, "convert", "FILE[@ADDRESS]... OUTPUT")                                      \
    X(COMMAND_FWUPD, "fwupd-package", "FILE[@ADDRESS]... OUTPUT.cab")                              \
    X(COMMAND_UDEV, "udev-rules", "")                                                              \
    X(COMMAND_INSPECT, "inspect", "FILE[@ADDRESS]")                                                \
    X(COMMAND_FACTORY, "factory", "OUTPUT --boot FILE --app FILE")                                 \
    X(COMMAND_STATION, "station", "FILE[@ADDRESS]... [--settings FILE.csv] [--log FILE.csv]")      \
    X(COMMAND_DOCTOR, "doctor",                                                                    \
      "[--sector ADDRESS] [--leave] [--yes] [--conformance] [--log FILE]")                         \
    X(COMMAND_SETTINGS, "settings",                                                                \
      "list | get KEY | set KEY VALUE | delete KEY | backup FILE | restore FILE | import FILE")

enum command {
    COMMAND_NONE = 0, // --help or --version alone
#define X(name, word, operands) name,
    COMMANDS(X)
#undef X
};

// What `redfu settings` is to do: a word, and how many follow it.
#define SETTINGS_ACTIONS(X)                                                                        \
    X(SETTINGS_ACTION_LIST, "list", 0)                                                             \
    X(SETTINGS_ACTION_GET, "get", 1)                                                               \
    X(SETTINGS_ACTION_SET, "set", 2)                                                               \
    X(SETTINGS_ACTION_DELETE, "delete", 1)                                                         \
    X(SETTINGS_ACTION_BACKUP, "backup", 1)                                                         \
    X(SETTINGS_ACTION_RESTORE, "restore", 1)                                                       \
    X(SETTINGS_ACTION_IMPORT, "import", 1)

enum settings_action {
#define X(name, word, operands) name,
    SETTINGS_ACTIONS(X)
#undef X
};

// An operand FILE[@ADDRESS].
struct option_file {
    const char *path;
    bool has_addr;
    uint32_t addr;
};
#define OPTIONS_FILES_MAX 16u

// An option with a value that only some commands have, as typed. Some may be given several times.
struct option_given {
    const char *name, *value;
};
#define OPTIONS_GIVEN_MAX 48u

struct options {
    enum command command;
    enum settings_action settings_action;
    bool protect;            // on
    const char *key, *value; // settings get, set and delete: as typed
    // The file, or the first of several; points into argv, or into file_bytes when an address was cut
    // off, which is then `addr`.
    const char *file;
    char file_bytes[16384];
    struct option_file files[OPTIONS_FILES_MAX];
    unsigned file_count;
    bool has_addr;
    uint32_t addr;
    uint32_t len;
    const char *output; // seal, convert, factory: the file to make
    bool has_alternate;
    unsigned alternate;
    struct option_given given[OPTIONS_GIVEN_MAX];
    unsigned given_count;
    bool json, verbose, again, yes, conformance, leave;
    bool all, all_boards, discard, force, no_run, no_verify, verify_read, force_vectors, dry_run,
        full, keep, no_retry, quiet, seal, help, version;
    struct redfu_filter filter; // texts point into argv
};

// Reads argv[1] and on. REDFU_USAGE with the reason. argv must outlive the options.
enum redfu_result options_parse(int argc, char *const *argv, struct options *options,
                                struct redfu_fault *fault) __attribute__((warn_unused_result));

// The value of an option such as "--fill", the last one if it was given several times; NULL if it was not.
const char *options_given(const struct options *options, const char *name);

// "0483:DF11" into vendor and product; false if it is none.
bool options_usb_id(const char *text, struct redfu_filter *filter);
// "1.2" or "0x0102": a version as bcdDevice has it. False if it is none.
bool options_release(const char *text, uint16_t *release);

// A number in decimal or, after 0x, hexadecimal; K and M after it multiply by 1024 and 1048576.
// The whole text has to be one, below 2^32.
bool options_number(const char *text, uint32_t *value);

#endif
