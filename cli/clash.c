// SPDX-License-Identifier: MIT

#include "cli/clash.h"

#include <string.h>
#include <sys/stat.h>

#include "cli/file.h"
#include "cli/target.h"

#define NAMES_MAX (OPTIONS_FILES_MAX + OPTIONS_GIVEN_MAX + 2u)

enum use { USE_READ, USE_OUTPUT, USE_MADE };

struct name {
    const char *path, *what;
    enum use use;
};

struct names {
    struct name all[NAMES_MAX];
    unsigned count;
};

static void add(struct names *names, const char *path, const char *what, enum use use) {
    if (path && names->count < NAMES_MAX) {
        names->all[names->count++] = (struct name){path, what, use};
    }
}

static void add_given(struct names *names, const struct options *options) {
    static const struct {
        const char *option;
        bool is_made;
    } rows[] = {{"--boot", false}, {"--app", false},  {"--trace", true},
                {"--html", true},  {"--quirk", true}, {"--output", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        add(names, options_given(options, rows[i].option), rows[i].option,
            rows[i].is_made ? USE_MADE : USE_READ);
    }
    bool is_station = options->command == COMMAND_STATION;
    add(names, options_given(options, "--log"), "--log", is_station ? USE_MADE : USE_READ);
    if (is_station) {
        add(names, options_given(options, "--settings"), "--settings", USE_READ);
    }
}

static bool is_one(const char *a, const char *b) {
    struct stat about;
    if (stat(a, &about) == 0 && !S_ISREG(about.st_mode)) {
        return false; // /dev/null may be several
    }
    return strcmp(a, b) == 0 || file_is_same(a, b);
}

enum redfu_result clash_check(struct cli *cli) {
    const struct options *options = cli->options;
    struct names names = {.count = 0};
    for (unsigned i = 0; i < options->file_count; i++) {
        add(&names, options->files[i].path, "", USE_READ);
    }
    // Of read and settings: there or to be made, nobody else's in any case.
    if (options->file_count == 0) {
        add(&names, options->file, "", USE_READ);
    }
    add(&names, options->output, "", USE_OUTPUT);
    add_given(&names, options);
    for (unsigned i = 0; i < names.count; i++) {
        const struct name *made = &names.all[i];
        for (unsigned j = 0; j < names.count && made->use == USE_MADE; j++) {
            const struct name *other = &names.all[j];
            if (i != j && is_one(made->path, other->path)) {
                (void)cli_refuse(cli, REDFU_USAGE, "%s %s is also what %s names", made->what,
                                 made->path, other->what[0] ? other->what : "the command");
                return cli_advise(cli, "It would be overwritten: give one of them another name. "
                                       "Nothing was done.");
            }
        }
    }
    return REDFU_OK;
}
