// SPDX-License-Identifier: MIT
//
// Reading the command line. Options may stand anywhere; "--name value" and "--name=value" are the
// same; after "--" everything is an operand.

#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPERANDS_MAX 3

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
static bool take_usb_id(const char *text, struct redfu_filter *filter) {
    unsigned vendor;
    unsigned product;
    int end = 0;
    if (sscanf(text, "%4x:%4x%n", &vendor, &product, &end) != 2 || text[end] != '\0') {
        return false;
    }
    filter->has_usb_id = true;
    filter->vendor = (uint16_t)vendor;
    filter->product = (uint16_t)product;
    return true;
}

// --- Options -------------------------------------------------------------------------------------

static enum redfu_result take_value(struct reader *reader, const char *name, const char *value) {
    struct options *options = reader->options;
    if (strcmp(name, "--serial") == 0) {
        options->filter.serial = value;
    } else if (strcmp(name, "--path") == 0) {
        options->filter.path = value;
    } else if (strcmp(name, "--usb-id") == 0) {
        if (!take_usb_id(value, &options->filter)) {
            return refuse(reader->fault, "--usb-id wants VID:PID such as 0483:DF11, not \"%s\"",
                          value);
        }
    } else {
        uint32_t number;
        if (!options_number(value, &number) || number >= REDFU_ALTERNATES_MAX) {
            return refuse(reader->fault, "--alt wants a number from 0 to %u, not \"%s\"",
                          REDFU_ALTERNATES_MAX - 1, value);
        }
        options->alternate = number;
    }
    return REDFU_OK;
}

static bool takes_value(const char *name, size_t len) {
    static const char *const names[] = {"--serial", "--path", "--usb-id", "--alt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == len && strncmp(names[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool *flag_named(struct options *options, const char *name) {
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--all", &options->all},
        {"--no-run", &options->no_run},
        {"--no-verify", &options->no_verify},
        {"--force-vectors", &options->force_vectors},
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
        char name[16];
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
    options->file = operand;
    const char *at = strrchr(operand, '@');
    if (!at || !options_number(at + 1, &options->addr)) {
        return REDFU_OK;
    }
    size_t len = (size_t)(at - operand);
    if (len == 0 || len >= sizeof options->file_bytes) {
        return refuse(reader->fault, "\"%s\" names no file", operand);
    }
    memcpy(options->file_bytes, operand, len);
    options->file_bytes[len] = '\0';
    options->file = options->file_bytes;
    options->has_addr = true;
    return REDFU_OK;
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
    reader->options->has_addr = result == REDFU_OK;
    return result;
}

static enum redfu_result take_operands(struct reader *reader) {
    struct options *options = reader->options;
    unsigned count = reader->operand_count;
    switch (options->command) {
    case COMMAND_WRITE:
    case COMMAND_VERIFY:
        if (count == 1) {
            return take_file(reader, reader->operands[0]);
        }
        break;
    case COMMAND_SEAL:
        if (count == 2) {
            options->output = reader->operands[1];
            return take_file(reader, reader->operands[0]);
        }
        break;
    case COMMAND_READ:
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
    case COMMAND_LIST:
    case COMMAND_INFO:
    case COMMAND_NONE:
    default:
        if (count == 0) {
            return REDFU_OK;
        }
        break;
    }
    return refuse(reader->fault, "the form is: %s", usage_of(options->command));
}

// A flag that would do nothing here was meant for something else.
static enum redfu_result check_flags(const struct options *options, struct redfu_fault *fault) {
    enum command command = options->command;
    if (options->all && command != COMMAND_ERASE) {
        return refuse(fault, "--all belongs to erase");
    }
    if ((options->no_run || options->no_verify || options->force_vectors) &&
        command != COMMAND_WRITE) {
        return refuse(fault, "--no-run, --no-verify and --force-vectors belong to write");
    }
    return REDFU_OK;
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
        return refuse(fault,
                      "a command is missing: list, info, write, verify, read, erase, run or seal");
    }
    result = check_flags(options, fault);
    return result == REDFU_OK ? take_operands(&reader) : result;
}
