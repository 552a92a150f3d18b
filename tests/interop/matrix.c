// SPDX-License-Identifier: MIT
//
// Runs the matrix and prints it. usage: interop [quick] [vm] [bring], or interop cell PROGRAM COLUMN CORE for one of it.
// quick: one board; vm: also through Debian's kernel in QEMU (script/vm; the guest has to be there); bring: also programs
// that Debian does not have, fetched if need be. Exit status: 0 every cell held or has its reason, 1 one did not, 2 it
// could not run, 77 the cell's program is not here.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/interop/interop.h"

static const char *const columns[COLUMNS] = {"first load", "second load",  "verify",
                                             "read back",  "leave",        "mass erase",
                                             "refused",    "unplug, again"};
static const struct stand stands[] = {{"stm32f4-discovery", "OTG_FS"}, {"stm32f407-hs", "OTG_HS"}};

static char work[] = "/tmp/redfu-interop-XXXXXX";
static unsigned held, failed, none, not_run;
// Reasons, each once, as footnotes.
static const char *reasons[32];
static unsigned reason_count;

static unsigned footnote(const char *why) {
    for (unsigned i = 0; i < reason_count; i++) {
        if (strcmp(reasons[i], why) == 0) {
            return i + 1;
        }
    }
    if (reason_count < sizeof reasons / sizeof reasons[0]) {
        reasons[reason_count++] = why;
    }
    return reason_count;
}

static bool prepare(const struct stand *stand) {
    char line[2048];
    (void)snprintf(line, sizeof line,
                   "exec >%s/prepare.out 2>&1 && cd %s && cp %s/%s/blink-0.1.bin one.bin && cp "
                   "%s/%s/blink-0.2.bin two.bin && "
                   "rm -f *.flash *.dfu && %s run --board %s --load %s/%s/redfu-boot.elf --flash "
                   "empty.flash --limit 1ms && "
                   "cat two.bin %s | head -c 150000 >big.bin && "
                   "cp empty.flash one.flash && %s run --board %s --flash one.flash --pin "
                   "button=1@0+500ms --limit 10ms -- "
                   "%s write one.bin && for f in one two; do %s convert $f.bin@0x0800C000 $f.dfu "
                   "--alt 1; done && "
                   "%s convert one.bin@0x08000000 low.dfu --alt 1",
                   work, work, FIRMWARE_FOLDER, stand->name, FIRMWARE_FOLDER, stand->name, VBOARD,
                   stand->name, FIRMWARE_FOLDER, stand->name, VBOARD, VBOARD, stand->name, REDFU,
                   REDFU, REDFU);
    if (system(line) != 0) {
        (void)snprintf(line, sizeof line, "cat %s/prepare.out", work);
        (void)system(line);
        return false;
    }
    return true;
}

static void put(enum verdict verdict, const char *why) {
    char cell[32];
    switch (verdict) {
    case HELD:
        held++;
        (void)snprintf(cell, sizeof cell, "held");
        break;
    case FAILED:
        failed++;
        (void)snprintf(cell, sizeof cell, "FAILED");
        break;
    case NOT_RUN:
        not_run++;
        (void)snprintf(cell, sizeof cell, "not run (%u)", footnote(why));
        break;
    default:
        none++;
        (void)snprintf(cell, sizeof cell, "- (%u)", footnote(why));
        break;
    }
    (void)printf(" %s |", cell);
    (void)fflush(stdout);
}

static void put_head(void) {
    (void)printf("| host program | bus | core |");
    for (unsigned i = 0; i < COLUMNS; i++) {
        (void)printf(" %s |", columns[i]);
    }
    (void)printf("\n|---|---|---|");
    for (unsigned i = 0; i < COLUMNS; i++) {
        (void)printf("---|");
    }
    (void)printf("\n");
}

static void program_row(unsigned program, const struct stand *stand, bool in_vm) {
    const char *missing;
    bool is_here = program_is_here(program, &missing);
    (void)printf("| %s | %s | %s |", program_name(program), in_vm ? "Linux in QEMU" : "umockdev",
                 stand->core);
    for (unsigned i = 0; i < COLUMNS; i++) {
        const char *why = missing;
        enum verdict verdict =
            is_here ? program_cell(program, stand, in_vm, (enum column)i, work, &why) : NOT_RUN;
        put(verdict, why);
    }
    (void)printf("\n");
}

static void script_row(unsigned script, const struct stand *stand) {
    (void)printf("| %s (script) | cable | %s |", script_name(script), stand->core);
    for (unsigned i = 0; i < COLUMNS; i++) {
        const char *why = "";
        enum verdict verdict = script_cell(script, stand, (enum column)i, &why);
        put(verdict, why);
    }
    (void)printf("\n");
}

static bool run_board(const struct stand *stand, bool in_vm, bool brings) {
    if (!prepare(stand)) {
        return false;
    }
    for (unsigned i = 0; i < program_count; i++) {
        if (program_is_brought(i) && !brings) {
            continue;
        }
        program_row(i, stand, false);
        if (in_vm && program_in_vm(i)) {
            program_row(i, stand, true);
        }
    }
    for (unsigned i = 0; i < script_count; i++) {
        script_row(i, stand);
    }
    return true;
}

static int matrix(bool is_quick, bool in_vm, bool brings) {
    put_head();
    for (unsigned i = 0; i < (is_quick ? 1u : 2u); i++) {
        if (!run_board(&stands[i], in_vm, brings)) {
            return 2;
        }
    }
    (void)printf("\n");
    for (unsigned i = 0; i < reason_count; i++) {
        (void)printf("(%u) %s.\n", i + 1, reasons[i]);
    }
    (void)printf("\nevidence: interop held=%u failed=%u not_applicable=%u not_run=%u vm=%s\n", held,
                 failed, none, not_run, in_vm ? "yes" : "no");
    return failed != 0;
}

static int cell(const char *program, const char *column, const char *core) {
    unsigned p = 0, c = 0;
    const struct stand *stand = &stands[strcmp(stands[1].core, core) == 0];
    while (p < program_count && strcmp(program_name(p), program) != 0) {
        p++;
    }
    while (c < COLUMNS && strcmp(columns[c], column) != 0) {
        c++;
    }
    if (p == program_count || c == COLUMNS) {
        return 2;
    }
    const char *why;
    if (!program_is_here(p, &why)) {
        (void)printf("%s\n", why);
        return 77;
    }
    if (!prepare(stand)) {
        return 2;
    }
    return program_cell(p, stand, false, (enum column)c, work, &why) != HELD;
}

int main(int argc, char **argv) {
    bool is_quick = false, in_vm = false, brings = false;
    for (int i = 1; i < argc; i++) {
        is_quick = is_quick || strcmp(argv[i], "quick") == 0;
        in_vm = in_vm || strcmp(argv[i], "vm") == 0;
        brings = brings || strcmp(argv[i], "bring") == 0;
    }
    if (!mkdtemp(work)) {
        return 2;
    }
    int status = argc == 5 && strcmp(argv[1], "cell") == 0 ? cell(argv[2], argv[3], argv[4])
                                                           : matrix(is_quick, in_vm, brings);
    char line[64];
    (void)snprintf(line, sizeof line, "rm -rf %s", work);
    return system(line) != 0 ? 2 : status;
}
