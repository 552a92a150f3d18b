// SPDX-License-Identifier: MIT
//
// Runs the matrix and prints it. usage: interop [quick] [vm]. quick: one board; vm: also through Debian's
// kernel in QEMU (script/vm; the guest has to be there). Exit status: 0 every cell held or has its reason, 1 one did not, 2 it could not run.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/interop/interop.h"

static const char *const columns[COLUMNS] = {"first load", "second load",  "verify",
                                             "read back",  "leave",        "mass erase",
                                             "refused",    "unplug, again"};
static const struct stand stands[] = {{"stm32f4-discovery", "OTG_FS"}, {"stm32f407-hs", "OTG_HS"}};

static char work[] = "/tmp/redfu-interop-XXXXXX";
static unsigned held, failed, none;
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
                   "cp empty.flash one.flash && %s run --board %s --flash one.flash --pin "
                   "button=1@0+500ms --limit 10ms -- "
                   "%s write one.bin && for f in one two; do %s convert $f.bin@0x0800C000 $f.dfu "
                   "--alt 1; done && "
                   "%s convert one.bin@0x08000000 low.dfu --alt 1",
                   work, work, FIRMWARE_FOLDER, stand->name, FIRMWARE_FOLDER, stand->name, VBOARD,
                   stand->name, FIRMWARE_FOLDER, stand->name, VBOARD, stand->name, REDFU, REDFU,
                   REDFU);
    if (system(line) != 0) {
        (void)snprintf(line, sizeof line, "cat %s/prepare.out", work);
        (void)system(line);
        return false;
    }
    return true;
}

static void put(enum verdict verdict, const char *why) {
    char cell[16];
    switch (verdict) {
    case HELD:
        held++;
        (void)snprintf(cell, sizeof cell, "held");
        break;
    case FAILED:
        failed++;
        (void)snprintf(cell, sizeof cell, "FAILED");
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
    (void)printf("| %s | %s | %s |", program_name(program), in_vm ? "Linux in QEMU" : "umockdev",
                 stand->core);
    for (unsigned i = 0; i < COLUMNS; i++) {
        const char *why = "";
        enum verdict verdict = program_cell(program, stand, in_vm, (enum column)i, work, &why);
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

static bool run_board(const struct stand *stand, bool in_vm) {
    if (!prepare(stand)) {
        return false;
    }
    for (unsigned i = 0; i < program_count; i++) {
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

int main(int argc, char **argv) {
    bool is_quick = false, in_vm = false;
    for (int i = 1; i < argc; i++) {
        is_quick = is_quick || strcmp(argv[i], "quick") == 0;
        in_vm = in_vm || strcmp(argv[i], "vm") == 0;
    }
    if (!mkdtemp(work)) {
        return 2;
    }
    put_head();
    for (unsigned i = 0; i < (is_quick ? 1u : 2u); i++) {
        if (!run_board(&stands[i], in_vm)) {
            return 2;
        }
    }
    (void)printf("\n");
    for (unsigned i = 0; i < reason_count; i++) {
        (void)printf("(%u) %s.\n", i + 1, reasons[i]);
    }
    (void)printf("\nevidence: interop held=%u failed=%u not_applicable=%u vm=%s\n", held, failed,
                 none, in_vm ? "yes" : "no");
    char line[64];
    (void)snprintf(line, sizeof line, "rm -rf %s", work);
    return system(line) != 0 || failed != 0;
}
