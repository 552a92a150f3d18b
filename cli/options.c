// SPDX-License-Identifier: MIT
//
// Reading the command line. Options may stand anywhere; "--name value" and "--name=value" are the
// same; after "--" everything is an operand.

#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPERANDS_MAX (OPTIONS_FILES_MAX + 1)
#define HEX_DIGITS   "0123456789abcdefABCDEF"

struct reader {
    int argc;
    char *const *argv;
    int at;
    const char *operands[OPERANDS_MAX];
    unsigned operand_count;
    struct options *options;
    struct redfu_fault *fault;
};

static enum redfu_result refuse(struct redfu_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enum redfu_result refuse(struct redfu_fault *fault, const char *format, ...) {
    memset(fault, 0, sizeof *fault);
    fault->result = REDFU_USAGE;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    (void)snprintf(fault->advice, sizeof fault->advice,
                   "`redfu --help` and `redfu COMMAND --help` show what there is, with examples.");
    return REDFU_USAGE;
}

bool options_number(const char *text, uint32_t *value) {
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned base = is_hex ? 16 : 10;
    const char *at = is_hex ? text + 2 : text;
    const char *first = at;
    uint64_t sum = 0;
    for (;; at++) {
        unsigned digit = *at >= '0' && *at <= '9'             ? (unsigned)(*at - '0')
                         : is_hex && *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a') + 10
                         : is_hex && *at >= 'A' && *at <= 'F' ? (unsigned)(*at - 'A') + 10
                                                              : base;
        if (digit >= base) {
            break;
        }
        sum = sum * base + digit;
        if (sum > UINT32_MAX) {
            return false;
        }
    }
    if (at == first) {
        return false;
    }
    if (*at == 'K' || *at == 'k' || *at == 'M' || *at == 'm') {
        sum *= *at == 'K' || *at == 'k' ? 1024 : 1024 * 1024;
        at++;
    }
    *value = (uint32_t)sum;
    return *at == '\0' && sum <= UINT32_MAX;
}

// "0483:DF11"
bool options_usb_id(const char *text, struct redfu_filter *filter) {
    unsigned vendor;
    unsigned product;
    int end = 0;
    const char *colon = strchr(text, ':');
    // sscanf() takes blanks, signs and 0x, too.
    if (!colon || strspn(text, HEX_DIGITS) != (size_t)(colon - text) || colon[1] == '\0' ||
        strspn(colon + 1, HEX_DIGITS) != strlen(colon + 1)) {
        return false;
    }
    if (sscanf(text, "%4x:%4x%n", &vendor, &product, &end) != 2 || text[end] != '\0') {
        return false;
    }
    filter->has_usb_id = true;
    filter->vendor = (uint16_t)vendor;
    filter->product = (uint16_t)product;
    return true;
}

bool options_release(const char *text, uint16_t *release) {
    uint32_t number;
    unsigned major;
    unsigned minor;
    int end = 0;
    bool is_plain = strspn(text, "0123456789.") == strlen(text); // sscanf() takes signs, too
    if (is_plain && sscanf(text, "%2u.%2u%n", &major, &minor, &end) == 2 && text[end] == '\0') {
        *release = (uint16_t)(major / 10 << 12 | major % 10 << 8 | minor / 10 << 4 | minor % 10);
        return true;
    }
    if (!options_number(text, &number) || number > 0xffff) {
        return false;
    }
    *release = (uint16_t)number;
    return true;
}

// --- Options that belong to some commands -----------------------------------------------------------

#define BIT(command) (1u << (command))
#define READS_FILES                                                                                \
    (BIT(COMMAND_WRITE) | BIT(COMMAND_VERIFY) | BIT(COMMAND_SEAL) | BIT(COMMAND_CONVERT) |         \
     BIT(COMMAND_FWUPD) | BIT(COMMAND_INSPECT) | BIT(COMMAND_STATION))

static const struct {
    const char *name;
    unsigned commands; // BIT()s
    const char *belongs;
} owned_options[] = {
    {"--format", READS_FILES, "write, verify, seal, convert, fwupd-package and inspect"},
    {"--family", READS_FILES, "write, verify, seal, convert, fwupd-package and inspect"},
    {"--chip", BIT(COMMAND_INSPECT) | BIT(COMMAND_FACTORY), "inspect and factory"},
    {"--boot", BIT(COMMAND_FACTORY), "factory"},
    {"--app", BIT(COMMAND_FACTORY), "factory"},
    {"--set", BIT(COMMAND_FACTORY), "factory"},
    {"--to", BIT(COMMAND_CONVERT), "convert"},
    {"--from-alt", BIT(COMMAND_CONVERT), "convert"},
    {"--target", BIT(COMMAND_CONVERT), "convert"},
    {"--range", BIT(COMMAND_CONVERT), "convert"},
    {"--fill", BIT(COMMAND_CONVERT), "convert"},
    {"--release", BIT(COMMAND_CONVERT) | BIT(COMMAND_FWUPD), "convert and fwupd-package"},
    {"--runtime-usb-id", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--guid", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--id", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--name", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--vendor", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--summary", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--description", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--changes", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--license", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--homepage", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--date", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--quirk", BIT(COMMAND_FWUPD), "fwupd-package"},
    {"--output", BIT(COMMAND_UDEV), "udev-rules"},
    {"--trace", ~BIT(COMMAND_NONE), "every command"},
    {"--settings", BIT(COMMAND_STATION), "station"},
    {"--log", BIT(COMMAND_STATION) | BIT(COMMAND_DOCTOR), "station and doctor"},
    {"--count", BIT(COMMAND_STATION), "station"},
    {"--sector", BIT(COMMAND_DOCTOR), "doctor"},
    {"--html", BIT(COMMAND_DOCTOR), "doctor"},
};
#define OWNED_COUNT (sizeof owned_options / sizeof owned_options[0])

// The table's own text, so that it outlives the reader; NULL if there is none.
static const char *owned_option(const char *name) {
    for (size_t i = 0; i < OWNED_COUNT; i++) {
        if (strcmp(owned_options[i].name, name) == 0) {
            return owned_options[i].name;
        }
    }
    return NULL;
}

const char *options_given(const struct options *options, const char *name) {
    for (unsigned i = options->given_count; i > 0; i--) {
        if (strcmp(options->given[i - 1].name, name) == 0) {
            return options->given[i - 1].value;
        }
    }
    return NULL;
}

static enum redfu_result check_owned(const struct options *options, struct redfu_fault *fault) {
    for (unsigned i = 0; i < options->given_count; i++) {
        for (size_t j = 0; j < OWNED_COUNT; j++) {
            if (strcmp(owned_options[j].name, options->given[i].name) == 0 &&
                !(owned_options[j].commands & BIT(options->command))) {
                return refuse(fault, "%s belongs to %s", options->given[i].name,
                              owned_options[j].belongs);
            }
        }
    }
    return REDFU_OK;
}

// --- Options -------------------------------------------------------------------------------------

static enum redfu_result take_value(struct reader *reader, const char *name, const char *value) {
    struct options *options = reader->options;
    const char *owned = owned_option(name);
    if (strcmp(name, "-o") == 0) {
        owned = "--output";
    }
    bool is_usb_id = strcmp(name, "--usb-id") == 0;
    if (owned || is_usb_id) {
        if (options->given_count == OPTIONS_GIVEN_MAX) {
            return refuse(reader->fault, "%s is one option too many", name);
        }
        // Several identities mean something to udev-rules.
        options->given[options->given_count++] =
            (struct option_given){is_usb_id ? "--usb-id" : owned, value};
    }
    if (owned) {
        return REDFU_OK;
    }
    if (strcmp(name, "--serial") == 0) {
        options->filter.serial = value;
    } else if (strcmp(name, "--path") == 0) {
        options->filter.path = value;
    } else if (is_usb_id) {
        if (!options_usb_id(value, &options->filter)) {
            return refuse(reader->fault, "--usb-id wants VID:PID such as 0483:DF11, not \"%s\"",
                          value);
        }
    } else {
        uint32_t number;
        if (!options_number(value, &number) || number >= REDFU_ALTERNATES_MAX) {
            return refuse(reader->fault, "--alt wants a number from 0 to %u, not \"%s\"",
                          REDFU_ALTERNATES_MAX - 1, value);
        }
        options->has_alternate = true;
        options->alternate = number;
    }
    return REDFU_OK;
}

static bool takes_value(const char *name, size_t len) {
    static const char *const names[] = {"--serial", "--path", "--usb-id", "--alt", "-o"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == len && strncmp(names[i], name, len) == 0) {
            return true;
        }
    }
    char owned[24];
    (void)snprintf(owned, sizeof owned, "%.*s", (int)len, name);
    return owned_option(owned) != NULL;
}

static bool *flag_named(struct options *options, const char *name) {
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--all", &options->all},
        {"--all-boards", &options->all_boards},
        {"--json", &options->json},
        {"--verbose", &options->verbose},
        {"-v", &options->verbose},
        {"--again", &options->again},
        {"--yes", &options->yes},
        {"--conformance", &options->conformance},
        {"--leave", &options->leave},
        {"--discard", &options->discard},
        {"--force", &options->force},
        {"--seal", &options->seal},
        {"--no-run", &options->no_run},
        {"--no-verify", &options->no_verify},
        {"--verify=read", &options->verify_read},
        {"--force-vectors", &options->force_vectors},
        {"--dry-run", &options->dry_run},
        {"--full", &options->full},
        {"--no-skip", &options->full},
        {"--keep", &options->keep},
        {"--no-retry", &options->no_retry},
        {"--quiet", &options->quiet},
        {"-q", &options->quiet},
        {"--help", &options->help},
        {"-h", &options->help},
        {"--version", &options->version},
        {"-V", &options->version},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(flags[i].name, name) == 0) {
            return flags[i].flag;
        }
    }
    return NULL;
}

static enum redfu_result take_option(struct reader *reader) {
    const char *option = reader->argv[reader->at];
    size_t len = strcspn(option, "=");
    if (takes_value(option, len)) {
        char name[24];
        (void)snprintf(name, sizeof name, "%.*s", (int)len, option);
        if (option[len] == '=') {
            return take_value(reader, name, option + len + 1);
        }
        if (reader->at + 1 >= reader->argc) {
            return refuse(reader->fault, "%s wants a value after it", name);
        }
        return take_value(reader, name, reader->argv[++reader->at]);
    }
    bool *flag = flag_named(reader->options, option);
    if (!flag) {
        return refuse(reader->fault, "there is no option %s", option);
    }
    *flag = true;
    return REDFU_OK;
}

// --- Commands and operands -----------------------------------------------------------------------

static enum command command_named(const char *word) {
#define X(name, text, operands)                                                                    \
    if (strcmp(word, text) == 0) {                                                                 \
        return name;                                                                               \
    }
    COMMANDS(X)
#undef X
    return COMMAND_NONE;
}

static const char *usage_of(enum command command) {
    switch (command) {
#define X(name, text, operands)                                                                    \
    case name:                                                                                     \
        return "redfu " text " " operands;
        COMMANDS(X)
#undef X
    case COMMAND_NONE:
    default:
        return "redfu COMMAND";
    }
}

static enum redfu_result take_address(struct reader *reader, const char *text, const char *what,
                                      uint32_t *value) {
    return options_number(text, value)
               ? REDFU_OK
               : refuse(reader->fault,
                        "\"%s\" is no %s: a number such as 0x0800C000, 4096 or 16K "
                        "is wanted",
                        text, what);
}

// FILE[@ADDRESS]; an '@' not followed by a number belongs to the name.
static enum redfu_result take_file(struct reader *reader, const char *operand) {
    struct options *options = reader->options;
    struct option_file *file = &options->files[options->file_count++];
    file->path = operand;
    const char *at = strrchr(operand, '@');
    if (at && options_number(at + 1, &file->addr)) {
        size_t used = 0;
        while (used < sizeof options->file_bytes && options->file_bytes[used] != '\0') {
            used += strlen(options->file_bytes + used) + 1;
        }
        size_t len = (size_t)(at - operand);
        if (len == 0 || used + len + 2 > sizeof options->file_bytes) {
            return refuse(reader->fault, "\"%s\" names no file", operand);
        }
        memcpy(options->file_bytes + used, operand, len); // the rest is zero
        file->path = options->file_bytes + used;
        file->has_addr = true;
    }
    if (options->file_count == 1) {
        options->file = file->path;
        options->has_addr = file->has_addr;
        options->addr = file->addr;
    }
    return REDFU_OK;
}

// All operands but the last `kept`.
static enum redfu_result take_files(struct reader *reader, unsigned kept) {
    enum redfu_result result = REDFU_OK;
    for (unsigned i = 0; i + kept < reader->operand_count && result == REDFU_OK; i++) {
        result = take_file(reader, reader->operands[i]);
    }
    return result;
}

static enum redfu_result take_range(struct reader *reader) {
    enum redfu_result result =
        take_address(reader, reader->operands[0], "address", &reader->options->addr);
    if (result == REDFU_OK) {
        result = take_address(reader, reader->operands[1], "length", &reader->options->len);
    }
    if (result == REDFU_OK && reader->options->len == 0) {
        result = refuse(reader->fault, "a length of 0 is nothing to do");
    }
    if (result == REDFU_OK && reader->options->len - 1 > UINT32_MAX - reader->options->addr) {
        result = refuse(reader->fault, "%s bytes from %s on pass the end of the address space",
                        reader->operands[1], reader->operands[0]);
    }
    reader->options->has_addr = result == REDFU_OK;
    return result;
}

static enum redfu_result take_settings(struct reader *reader) {
    static const struct {
        const char *word;
        unsigned operands;
    } actions[] = {
#define X(name, word, operands) [name] = {word, operands},
        SETTINGS_ACTIONS(X)
#undef X
    };
    struct options *options = reader->options;
    const char *first = reader->operands[1];
    for (unsigned i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (reader->operand_count == actions[i].operands + 1u &&
            strcmp(reader->operands[0], actions[i].word) == 0) {
            options->settings_action = (enum settings_action)i;
            bool has_key =
                i == SETTINGS_ACTION_GET || i == SETTINGS_ACTION_SET || i == SETTINGS_ACTION_DELETE;
            options->key = has_key ? first : NULL;
            options->file = has_key ? NULL : first;
            options->value = reader->operands[2];
            if (options->force && i != SETTINGS_ACTION_BACKUP) {
                return refuse(reader->fault, "--force belongs to settings backup");
            }
            return options->discard && i != SETTINGS_ACTION_IMPORT
                       ? refuse(reader->fault, "--discard belongs to settings import")
                       : REDFU_OK;
        }
    }
    return refuse(reader->fault, "the form is: %s", usage_of(options->command));
}

static enum redfu_result take_operands(struct reader *reader) {
    struct options *options = reader->options;
    unsigned count = reader->operand_count;
    switch (options->command) {
    case COMMAND_WRITE:
    case COMMAND_VERIFY:
    case COMMAND_STATION:
        if (count >= 1 && count <= OPTIONS_FILES_MAX) {
            return take_files(reader, 0);
        }
        break;
    case COMMAND_CONVERT:
    case COMMAND_FWUPD:
        if (count >= 2) {
            options->output = reader->operands[count - 1];
            return take_files(reader, 1);
        }
        break;
    case COMMAND_INSPECT:
        if (count == 1) {
            return take_file(reader, reader->operands[0]);
        }
        break;
    case COMMAND_FACTORY:
        options->output = reader->operands[0];
        if (count == 1 && options_given(options, "--boot") && options_given(options, "--app")) {
            return REDFU_OK;
        }
        break;
    case COMMAND_SEAL:
        if (count == 2) {
            options->output = reader->operands[1];
            return take_file(reader, reader->operands[0]);
        }
        break;
    case COMMAND_READ:
        if (count == 1) { // plain DFU: all of it
            options->file = reader->operands[0];
            return REDFU_OK;
        }
        if (count == 3) {
            options->file = reader->operands[2];
            return take_range(reader);
        }
        break;
    case COMMAND_ERASE:
        if (options->all && count == 0) {
            return REDFU_OK;
        }
        if (!options->all && count == 2) {
            return take_range(reader);
        }
        break;
    case COMMAND_RUN:
        if (count <= 1) {
            options->has_addr = count == 1;
            return count == 0
                       ? REDFU_OK
                       : take_address(reader, reader->operands[0], "address", &options->addr);
        }
        break;
    case COMMAND_PROTECT:
        if (count == 1) {
            options->protect = strcmp(reader->operands[0], "on") == 0;
            if (options->protect || strcmp(reader->operands[0], "off") == 0) {
                return REDFU_OK;
            }
        }
        break;
    case COMMAND_SETTINGS:
        return take_settings(reader);
    case COMMAND_LIST:
    case COMMAND_INFO:
    case COMMAND_DOCTOR:
    case COMMAND_UDEV:
    case COMMAND_NONE:
    default:
        if (count == 0) {
            return REDFU_OK;
        }
        break;
    }
    return refuse(reader->fault, "the form is: %s", usage_of(options->command));
}

// What can be done to several boards at once. `erase --all` is all sectors, so there it takes --all-boards.
static bool has_boards(enum command command) {
    return command == COMMAND_WRITE || command == COMMAND_VERIFY || command == COMMAND_RUN ||
           command == COMMAND_ERASE;
}

// A flag that would do nothing here was meant for something else.
static enum redfu_result check_flags(const struct options *options, struct redfu_fault *fault) {
    enum command command = options->command;
    if (options->all && command != COMMAND_ERASE && !has_boards(command)) {
        return refuse(fault, "--all belongs to write, verify, run and erase");
    }
    if (options->all_boards && !has_boards(command)) {
        return refuse(fault, "--all-boards belongs to write, verify, run and erase");
    }
    if (options->discard && command != COMMAND_SETTINGS) {
        return refuse(fault, "--discard belongs to settings import");
    }
    if (options->force && command != COMMAND_SETTINGS) {
        return refuse(fault, "--force belongs to settings backup");
    }
    if (options->seal && command != COMMAND_FACTORY) {
        return refuse(fault, "--seal belongs to factory");
    }
    if ((options->yes || options->conformance || options->leave) && command != COMMAND_DOCTOR) {
        return refuse(fault, "--yes, --leave and --conformance belong to doctor");
    }
    if (options->again && command != COMMAND_STATION) {
        return refuse(fault, "--again belongs to station");
    }
    if (command == COMMAND_STATION && (options->no_run || options->dry_run || options->keep)) {
        return refuse(fault, "--no-run, --dry-run and --keep belong to write");
    }
    bool is_writing = command == COMMAND_WRITE || command == COMMAND_STATION;
    if ((options->no_run || options->no_verify || options->force_vectors) && !is_writing) {
        return refuse(fault, "--no-run, --no-verify and --force-vectors belong to write");
    }
    if ((options->dry_run || options->full || options->keep || options->no_retry) && !is_writing) {
        return refuse(fault, "--dry-run, --full, --keep and --no-retry belong to write");
    }
    if (options->verify_read && !is_writing && command != COMMAND_VERIFY) {
        return refuse(fault, "--verify=read belongs to write and verify");
    }
    if (options->verify_read && options->no_verify) {
        return refuse(fault, "--verify=read and --no-verify contradict each other");
    }
    return REDFU_OK;
}

// The file that the command makes; NULL: it makes none.
static const char *output_of(const struct options *options) {
    bool is_saving = options->settings_action == SETTINGS_ACTION_BACKUP ||
                     options->settings_action == SETTINGS_ACTION_IMPORT;
    if (options->command == COMMAND_READ || (options->command == COMMAND_SETTINGS && is_saving)) {
        return options->file;
    }
    return options->output ? options->output : options_given(options, "--output");
}

// Standard output has the words, and a file called "-" nobody means.
static enum redfu_result check_output(const struct options *options, struct redfu_fault *fault) {
    const char *output = output_of(options);
    return output && strcmp(output, "-") == 0
               ? refuse(fault, "\"-\" names no file, and nothing is written to standard output: "
                               "./- is a file of that name")
               : REDFU_OK;
}

static enum redfu_result take_word(struct reader *reader, const char *word) {
    if (reader->options->command == COMMAND_NONE) {
        reader->options->command = command_named(word);
        return reader->options->command != COMMAND_NONE
                   ? REDFU_OK
                   : refuse(reader->fault, "there is no command \"%s\"", word);
    }
    if (reader->operand_count == OPERANDS_MAX) {
        return refuse(reader->fault, "\"%s\" is one too many: %s", word,
                      usage_of(reader->options->command));
    }
    reader->operands[reader->operand_count++] = word;
    return REDFU_OK;
}

enum redfu_result options_parse(int argc, char *const *argv, struct options *options,
                                struct redfu_fault *fault) {
    memset(options, 0, sizeof *options);
    struct reader reader = {
        .argc = argc, .argv = argv, .at = 1, .options = options, .fault = fault};
    bool only_operands = false;
    enum redfu_result result = REDFU_OK;
    for (; reader.at < argc && result == REDFU_OK; reader.at++) {
        const char *word = argv[reader.at];
        if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (!only_operands && word[0] == '-' && word[1] != '\0') {
            result = take_option(&reader);
        } else {
            result = take_word(&reader, word);
        }
    }
    if (result != REDFU_OK || options->help || options->version) {
        return result;
    }
    if (options->command == COMMAND_NONE) {
        return refuse(
            fault,
            "a command is missing: list, info, write, verify, read, erase, run, seal, "
            "convert, fwupd-package, udev-rules, inspect, factory, protect, station, doctor or "
            "settings");
    }
    result = check_flags(options, fault);
    if (result == REDFU_OK) {
        result = check_owned(options, fault);
    }
    options->all_boards |= options->all && options->command != COMMAND_ERASE;
    if (result == REDFU_OK) {
        result = take_operands(&reader);
    }
    return result == REDFU_OK ? check_output(options, fault) : result;
}
