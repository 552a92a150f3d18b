// SPDX-License-Identifier: MIT
//
// cli_main() with the desk for its surroundings.

#include "tests/host/redfu_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "host/fault.h"
#include "spec/bytes.h"
#include "tests/host/folder.h"

static enum redfu_result connect_desk(void *ctx, struct redfu **redfu, struct redfu_fault *fault) {
    struct bench *bench = ctx;
    *redfu = redfui_new(&bench->transport);
    return *redfu ? REDFU_OK : redfui_no_memory(fault);
}

struct outcome cli_run(struct bench *bench, const char *folder, const char *words,
                       bool is_terminal) {
    char text[16384];
    char name[] = "redfu";
    char *argv[128] = {name};
    int argc = 1;
    size_t len = 0;
    for (const char *at = words; *at; at++) {
        len += (size_t)snprintf(text + len, sizeof text - len, *at == '%' ? "%s" : "%.1s",
                                *at == '%' ? folder : at);
    }
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    struct outcome outcome = {0};
    size_t out_len;
    size_t err_len;
    struct surroundings surroundings = {
        .out = open_memstream(&outcome.out, &out_len),
        .err = open_memstream(&outcome.err, &err_len),
        .is_terminal = is_terminal,
        .columns = bench->columns,
        .ctx = bench,
        .connect = connect_desk,
        .is_cancelled = bench_is_cancelled,
    };
    bench_arm(bench);
    outcome.status = cli_main(argc, argv, &surroundings);
    bench->armed = false;
    (void)fclose(surroundings.out);
    (void)fclose(surroundings.err);
    return outcome;
}

void outcome_free(struct outcome *outcome) {
    free(outcome->out);
    free(outcome->err);
}

void cli_ends(struct bench *bench, const char *folder, const char *words, int status,
              const char *sentence) {
    struct outcome outcome = cli_run(bench, folder, words, false);
    if (outcome.status != status || !strstr(outcome.err, sentence)) {
        fail_msg("redfu %.60s: status %d instead of %d, or no \"%s\" in:\n%s", words,
                 outcome.status, status, sentence, outcome.err);
    }
    assert_int_equal(strncmp(outcome.err, "redfu: ", 7), 0);
    outcome_free(&outcome);
}

void cli_says(const char *text, const char *wanted) {
    if (!strstr(text, wanted)) {
        fail_msg("\"%s\" is not in:\n%s", wanted, text);
    }
}

void cli_put_startable(const char *folder) {
    uint8_t startable[200] = {0};
    store_le32(startable, 0x20020000u);
    store_le32(startable + 4, DESK_APPLICATION + 0x81u);
    folder_put(folder, "good.bin", startable, sizeof startable);
}
