// SPDX-License-Identifier: MIT
//
// The programs: what one types for each column. In a line, $R is redfu, and $W a page in Chromium around a package
// in $P (tests/browser/webusb.sh).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/interop/interop.h"

// fwupd's name of the only device there is: a hash of where it is plugged in.
#define FWUPD_LOAD(file)                                                                           \
    "fwupdtool install-blob " file " d787669ee4a103fe0b361fe31c10ea037c72f27c --plugins dfu -y "   \
    "--allow-reinstall --allow-older --no-reboot-check --force"

// Packages of the npm registry, fetched once. The cable is pulled and put in by the page's own progress, in the same page.
#define BRING "$W fetch $P"
#define AGAIN "UNPLUG=\"$V ctl ctl unplug\" PLUG=\"$V ctl ctl plug\" $W again "

struct program {
    const char *name;
    bool in_vm;
    // Sleeps by the wall clock, whatever time it is on the board.
    bool is_real;
    const char *bring; // 0 if the program is here; else says in its last line what is missing
    const char *lines[COLUMNS]; // NULL: see `none`
    const char *none[COLUMNS];
};

// A line ends with 0 if the program did what it should: `!` where it has to refuse.
static const struct program programs[] = {
    {.name = "dfu-util",
     .in_vm = true,
     .lines =
         {[FIRST_LOAD] = "dfu-util -a 0 -s 0x0800C000 -D one.bin",
          [SECOND_LOAD] = "dfu-util -a 0 -s 0x0800C000 -D two.bin",
          [READ_BACK] =
              "rm -f back.bin; dfu-util -a 0 -s 0x0800C000:$(stat -c %s one.bin) -U back.bin && "
              "cmp one.bin back.bin",
          [LEAVE] = "dfu-util -a 0 -s 0x0800C000:leave -D one.bin",
          // With leave: behind a mass erase, ABORT does not say that an image is whole (docs/protocol.md).
          [MASS_ERASE] = "dfu-util -a 0 -s 0x0800C000:mass-erase:force:leave -D one.bin",
          [REFUSED] = "! dfu-util -a 0 -s 0x08000000 -D one.bin",
          [UNPLUG] = "dfu-util -a 0 -s 0x0800C000 -D two.bin"},
     .none = {[VERIFY] = "it has none; see read back"}},
    {.name = "redfu",
     .lines = {[FIRST_LOAD] = "$R write --no-run one.bin",
               [SECOND_LOAD] = "$R write --no-run two.bin",
               [VERIFY] = "$R verify one.bin && ! $R verify two.bin",
               [READ_BACK] = "rm -f back.bin; $R read 0x0800C000 $(stat -c %s one.bin) back.bin && "
                             "cmp one.bin back.bin",
               [LEAVE] = "$R write --full one.bin",
               [MASS_ERASE] = "$R erase --all && $R write --no-run one.bin",
               [REFUSED] = "! $R write one.bin@0x08000000",
               [UNPLUG] = "$R write --no-retry two.bin"}},
    {.name = "fwupdtool",
     .lines = {[FIRST_LOAD] = FWUPD_LOAD("one.dfu"),
               [SECOND_LOAD] = FWUPD_LOAD("two.dfu"),
               [LEAVE] = FWUPD_LOAD("one.dfu"),
               [REFUSED] = "! " FWUPD_LOAD("low.dfu"),
               [UNPLUG] = FWUPD_LOAD("two.dfu")},
     .none = {[VERIFY] = "part of each load",
              [READ_BACK] = "part of each load",
              [MASS_ERASE] = "it has none"}},
    {.name = "webdfu 1.0.5 in Chromium",
     .is_real = true,
     .bring = BRING,
     .lines = {[FIRST_LOAD] = "$W load $P/webdfu one.bin",
               [SECOND_LOAD] = "$W load $P/webdfu two.bin",
               [READ_BACK] = "rm -f back.bin; $W read $P/webdfu one.bin && cmp one.bin back.bin",
               [LEAVE] = "$W run $P/webdfu one.bin",
               [REFUSED] = "$W load $P/webdfu one.bin 0x08000000; test $? = 3",
               [UNPLUG] = AGAIN "$P/webdfu big.bin"},
     .none = {[VERIFY] = "it has none; see read back", [MASS_ERASE] = "it has none"}},
    {.name = "dfu 0.1.5 in Chromium",
     .is_real = true,
     .bring = BRING,
     // It always leaves.
     .lines = {[FIRST_LOAD] = "$W load $P/dfu one.bin",
               [SECOND_LOAD] = "$W load $P/dfu two.bin",
               [READ_BACK] = "rm -f back.bin; $W read $P/dfu one.bin && cmp one.bin back.bin",
               [LEAVE] = "$W run $P/dfu one.bin",
               [REFUSED] = "$W load $P/dfu one.bin 0x08000000; test $? = 3",
               [UNPLUG] = AGAIN "$P/dfu big.bin"},
     .none = {[VERIFY] = "it has none; see read back", [MASS_ERASE] = "it has none"}},
};
const unsigned program_count = sizeof programs / sizeof programs[0];

const char *program_name(unsigned program) {
    return programs[program].name;
}

bool program_in_vm(unsigned program) {
    return programs[program].in_vm;
}

// What all lines know, from the build's folder on.
static const char known[] = "TOP=" SOURCE_DIR " BUILD=" BUILD_NAME " V=" VBOARD " R=" REDFU
                            "\nW=$TOP/tests/browser/webusb.sh P=$TOP/$BUILD/webusb\n"
                            "export V R W P\n";

bool program_is_brought(unsigned program) {
    return programs[program].bring != NULL;
}

bool program_is_here(unsigned program, const char **why) {
    static char said[512];
    *why = "";
    if (!programs[program].bring) {
        return true;
    }
    char line[4096];
    (void)snprintf(line, sizeof line, "%s%s 2>&1", known, programs[program].bring);
    FILE *in = popen(line, "re");
    while (in && fgets(said, sizeof said, in)) {
        said[strcspn(said, "\n")] = '\0';
        *why = said;
    }
    return in && pclose(in) == 0;
}

static int shell(const char *work, const char *script) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/cell.sh", work);
    FILE *out = fopen(path, "we");
    if (!out || fprintf(out, "cd %s || exit\n%s\n", work, script) < 0 || fclose(out) != 0) {
        (void)printf("interop: %s cannot be written\n", path);
        return -1;
    }
    char line[600];
    (void)snprintf(line, sizeof line, "sh -eu %s >%s/cell.out 2>&1 </dev/null", path, work);
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void tell(const char *work, const char *script) {
    char line[600];
    (void)fprintf(stderr, "interop: this did not hold:\n%s\n", script);
    (void)snprintf(line, sizeof line, "tail -n 15 %s/cell.out >&2", work);
    (void)system(line);
}

// What has to be in flash where an application lies, afterwards. redfu-boot writes the first 8 bytes last: on leave, or
// half a second after the ABORT with which a program ends that says no leave. So the board goes on for a second.
static const char *wanted(enum column column) {
    return column == SECOND_LOAD || column == UNPLUG ? "two.bin" : "one.bin";
}

// The board is switched on with an application in it that is the image before, or none.
static void prepare(enum column column, char *out, size_t size) {
    (void)snprintf(out, size, "cp %s.flash flash.bin\n", column == FIRST_LOAD ? "empty" : "one");
}

static void in_umockdev(const struct program *program, const struct stand *stand,
                        enum column column, char *out, size_t size) {
    const char *line = program->lines[column];
    if (column == UNPLUG && !program->is_real) {
        (void)snprintf(
            out, size,
            "! $V run --board %s --flash flash.bin --pin button=1@0+500ms --unplug 1s --limit 10ms "
            "-- sh -c '%s'\n"
            "$V run --board %s --flash flash.bin --pin button=1@0+500ms --limit 1s -- sh -c '%s'\n",
            stand->name, line, stand->name, line);
    } else {
        (void)snprintf(out, size,
                       "$V run --board %s --flash flash.bin --pin button=1@0+500ms %s --limit 1s "
                       "--trace trace -- sh -c '%s'\n",
                       stand->name, program->is_real ? "--pace real --socket ctl" : "", line);
    }
}

static void in_guest(const struct program *program, const struct stand *stand, enum column column,
                     char *out, size_t size) {
    const char *line = program->lines[column];
    int len = snprintf(out, size,
                       "(cd $TOP && script/vm --build-dir $BUILD --board %s --flash "
                       "$OLDPWD/flash.bin --pin button=1@0+500ms --pace 5 "
                       "--add $OLDPWD/one.bin --add $OLDPWD/two.bin <<'LINES'\n@wait 0483:df11\n",
                       stand->name);
    if (len < 0 || (size_t)len >= size) {
        return;
    }
    if (column == UNPLUG) {
        (void)snprintf(out + len, size - (size_t)len,
                       "cd /add; (%s; echo $? >/tmp/ended) >/tmp/log 2>&1 & sleep 0.2\n@unplug\n"
                       "sleep 2; test $(cat /tmp/ended) != 0\n@plug\n@wait 0483:df11\ncd /add; "
                       "%s\nsleep 1\nLINES\n)\n",
                       line, line);
    } else {
        (void)snprintf(out + len, size - (size_t)len,
                       "cd /add; %s\nsleep 1\nLINES\n)\ncp $TOP/$BUILD/vm-own/%s.trace trace\n",
                       line, stand->name);
    }
}

enum verdict program_cell(unsigned number, const struct stand *stand, bool in_vm,
                          enum column column, const char *work, const char **why) {
    const struct program *program = &programs[number];
    if (!program->lines[column]) {
        *why = program->none[column];
        return NONE;
    }
    static char script[8192];
    char start[64], act[4096];
    prepare(column, start, sizeof start);
    (in_vm ? in_guest : in_umockdev)(program, stand, column, act, sizeof act);
    // Without a hand on the reset button: the trace of the load itself has the application's start.
    const char *left = column == LEAVE ? "grep -q 'cpu vtor value=0x0800c000' trace\n" : "";
    int len =
        snprintf(script, sizeof script,
                 "%sexport FWUPD_LOCALSTATEDIR=%s FWUPD_SYSCONFDIR=%s\n%s%s%s"
                 "$V run --board %s --flash flash.bin --limit 400ms --trace after\n"
                 "cmp -n 16384 empty.flash flash.bin\n"
                 "cmp -n $(stat -c %%s %s) -i 0:49152 %s flash.bin\n"
                 "grep -q 'cpu vtor value=0x0800c000' after\n",
                 known, work, work, start, act, left, stand->name, wanted(column), wanted(column));
    if (len < 0 || (size_t)len >= sizeof script || shell(work, script) != 0) {
        tell(work, script);
        return FAILED;
    }
    return HELD;
}
