// SPDX-License-Identifier: MIT
//
// The ward's patients, one after the other, before the doctor: the right cause first. The table of patients and findings
// is printed.

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/shell.h"

// Its lines but the requests, which are many.
#define DOCTOR       "f=$(mktemp); timeout 250 " VBOARD " doctor --json --board stm32f407-hs --pin PA0=1 "
#define FINDINGS     " >$f; s=$?; grep '\"finding\"' $f; rm $f; exit $s"
#define FINDINGS_MAX 12u
// An application that switches SysTick's interrupts on and leaves VTOR alone; made by the test.
#define TICKS        WARD "/ticks.bin"

struct patient {
    const char *name;
    const char *causes; // in this order, first of all; "" : nothing above a note
    const char *also;   // what may be found beside it, by what the mistake brings about
    const char *more;   // options
    const char
        *usb; // the first cause that shows over USB alone; "": none, and it says nothing false
    // NULL in `usb`: it never becomes a device, or its map, sound by itself, lets no one try the sector.
    const char *beside; // and what may stand beside it there
};

static const struct patient patients[] = {
    {"healthy", "", "", "", "", ""},
    {"f01", "F1", "", "", "F1", ""},
    {"f02", "F2", "", "", "F2", ""},
    {"f02-place", "F2", "", "--app " BLINK "@0x0800C000 ", NULL, ""},
    {"f03", "F3", "", "", "F3", ""},
    {"f04", "F4", "", "", "F4", ""},
    {"f05", "F5", "", "", "F5", ""},
    {"f06", "F6", "", "", "", ""},
    {"f08", "F8", "", "", "F8", ""},
    {"f09", "F9", "F43", "", "F9", "F43"},
    {"f09-abort", "F9", "F10 F43", "", "F9", "F43"},
    {"f10", "F10", "", "", "F10", ""},
    {"f11", "F11", "F48", "", "F11", ""}, // its manner, then that it refuses,
    {"f12", "F12", "", "", "F12", ""},
    {"f12-vendor", "F12", "F11", "", "F12", "F11"},
    {"f12-named", "F12", "", "", "F48", ""},
    {"f12-kept", "F12", "", "", "F48", ""},
    {"f13", "F13", "", "", "F13", ""},
    {"f13-later", "F13", "", "", "F13", ""}, // and no write protection
    {"f13-empty", "F13", "", "", "F13", ""},
    {"f14", "F14", "", "", "F14", "F13 F20"},
    {"f15", "F15", "", "", "F15", ""},
    {"f16", "F16", "", "", "F16", ""},
    {"f17", "F17", "", "", "F17", ""},
    {"f18", "F18", "F23", "", "F18", ""}, // eight seconds in one GETSTATUS
    {"f18-below", "F18", "", "", "F18", ""},
    {"f19", "F19", "", "", "", ""},
    {"f20", "F20", "", "", "F20", "F14 F13"},
    {"f20-told", "F20", "", "", "F48", ""}, // no word of sector boundaries
    {"f21", "F21", "", "", "F48", ""},
    {"f22", "F22", "", "", "F22", ""},
    {"f23", "F23", "", "", "", ""},
    {"f23-poll", "F23", "", "", "F23", ""},
    {"f24", "F24", "", "", "F24", ""},
    {"f25", "F25", "", "", "F25", ""},
    {"f25-short", "F25", "", "", "F25", ""},
    {"f28", "F28", "", "", NULL, ""},
    {"f29", "F29", "F42", "", NULL, ""},
    {"f30", "F30", "", "", "", ""},
    {"f31", "F31", "", "", "", ""},
    {"f31-vectors", "", "", "", "", ""}, // many applications see to it themselves
    {"f31-vectors", "F31", "", "--app " TICKS "@0x0800C000 ", "", ""},
    {"f32", "F32", "", "", "F32", ""},
    {"f33", "F33", "", "", "F23 F33", ""}, // ST's own ways, two notes
    {"f34", "F34", "", "", "F34", ""},
    {"f34-stays", "F10 F34", "", "", "F34", ""}, // for ever in dfuMANIFEST
    {"f35", "F35", "", "", "", ""},
    {"healthy", "F36", "", "--app " WARD "/elsewhere.bin@0x0800C000 ", "", ""},
    {"f40", "F40", "", "", "F40", ""},
    {"f42-deaf", "F42", "", "", "F42", ""},
    {"f43", "F43", "", "", "F43", "F25"},
    {"f47-last", "F47", "F35", "", "", ""},
    {"f47", "F47", "F35", "", "F47", ""},
    {"f48", "F48", "", "", "F48", ""},
    {"f49", "F49", "", "", "", ""}, // by itself a note
    {"f50", "F50", "", "", "", ""},
    {"healthy", "F50", "", "--hse 25MHz ", NULL, ""}, // another crystal than the code is for
    {"f51", "F51", "", "", NULL, ""},
    {"f23-f50", "F23 F50", "", "", "", ""}, // a bus clock hurries no update
    {"f01-f06", "F1 F6", "", "", "F1", ""},
    {"f13-f08", "F8 F13", "", "", "F8", ""},
};
#define PATIENT_COUNT (sizeof patients / sizeof patients[0])

struct found {
    char id[8];
    char severity[12];
};

static unsigned read_findings(struct found found[FINDINGS_MAX]) {
    static const char mark[] = "{\"type\":\"finding\",\"id\":\"";
    unsigned count = 0;
    for (const char *at = output; (at = strstr(at, mark)) != NULL && count < FINDINGS_MAX;) {
        at += sizeof mark - 1;
        assert_int_equal(
            sscanf(at, "%7[^\"]\",\"severity\":\"%11[^\"]", found[count].id, found[count].severity),
            2);
        count++;
    }
    return count;
}

static bool is_in(const char *list, const char *id) {
    size_t len = strlen(id);
    for (const char *at = list; (at = strstr(at, id)) != NULL; at += len) {
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

// Vectors for 0x0800C000; then r0 = STK_CTRL, STK_LOAD = 0xFFFF, STK_CTRL = 7, and an endless loop (PM0214 4.5).
static void make_ticks(void) {
    static const uint8_t code[] = {
        0x00,          0x00, 0x02, 0x20, 0x41, 0xc0, 0x00, 0x08, // 0x20020000, 0x0800C041
        [0x40] = 0x4e, 0xf2, 0x10, 0x00,                         // movw r0, #0xe010
        0xce,          0xf2, 0x00, 0x00,                         // movt r0, #0xe000
        0x4f,          0xf6, 0xff, 0x71,                         // movw r1, #0xffff
        0x41,          0x60,                                     // str r1, [r0, #4]
        0x07,          0x21,                                     // movs r1, #7
        0x01,          0x60,                                     // str r1, [r0]
        0xfe,          0xe7,                                     // b .
    };
    FILE *file = fopen(TICKS, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(code, 1, sizeof code, file), sizeof code);
    assert_int_equal(fclose(file), 0);
}

// Those the patient has come first, and nothing else is claimed above a note.
static bool is_right(const char *causes, const char *also, const struct found *found,
                     unsigned count) {
    unsigned wanted = 0;
    for (const char *at = causes; *at; at += strcspn(at, " "), at += *at == ' ') {
        char id[8];
        assert_int_equal(sscanf(at, "%7[^ ]", id), 1);
        if (wanted >= count || strcmp(found[wanted].id, id) != 0) {
            return false;
        }
        wanted++;
    }
    for (unsigned i = wanted; i < count; i++) {
        if (strcmp(found[i].severity, "note") != 0 && !is_in(also, found[i].id)) {
            return false;
        }
    }
    return true;
}

// A row of the table.
static void say_row(const char *name, const char *wanted, const struct found *found, unsigned count,
                    bool is_well) {
    print_message("ward: %-9s %-7s", name, wanted[0] ? wanted : "-");
    for (unsigned i = 0; i < count; i++) {
        print_message(" %s(%s)", found[i].id, found[i].severity);
    }
    print_message("%s\n", is_well ? "" : "   WRONG");
}

// script/evidence
static void say_evidence(const char *side, unsigned patients_looked_at, unsigned wrong) {
    print_message("evidence: ward side=%s patients=%u right=%u\n", side, patients_looked_at,
                  patients_looked_at - wrong);
}

static void every_patient_is_diagnosed_from_inside(void **state) {
    (void)state;
    unsigned wrong = 0;
    make_ticks();
    for (size_t i = 0; i < PATIENT_COUNT; i++) {
        const struct patient *patient = &patients[i];
        struct found found[FINDINGS_MAX];
        char line[512];
        (void)snprintf(line, sizeof line, DOCTOR "%s" WARD "/%s.elf" FINDINGS, patient->more,
                       patient->name);
        int status = shell(line);
        unsigned count = read_findings(found);
        bool is_well = is_right(patient->causes, patient->also, found, count) &&
                       status == (patient->causes[0] && strcmp(patient->causes, "F33") != 0);
        say_row(patient->name, patient->causes, found, count, is_well);
        wrong += !is_well;
    }
    say_evidence("inside", PATIENT_COUNT, wrong);
    assert_int_equal(wrong, 0);
}

// What `redfu doctor` would see of them, with two sectors that hold something: of many that is all there is to see.
static void over_usb_the_right_cause_comes_first(void **state) {
    (void)state;
    unsigned wrong = 0;
    unsigned silent = 0;
    for (size_t i = 0; i < PATIENT_COUNT; i++) {
        const struct patient *patient = &patients[i];
        struct found found[FINDINGS_MAX];
        char line[1200];
        if (!patient->usb) {
            silent++;
            continue;
        }
        // A page of emulated EEPROM is in use (f17 mistakes the application for the other one). Flash is as it was
        // after the start, unless nothing can be put back: f24's watchdog bites in the middle of each erase,
        // f13-later takes none after the first write, f42-deaf takes nothing more, f47 writes no block whole, and below
        // the application f18-below erases what nobody may write. f20 protects sector 4. What goes wrong with leaving shows
        // when there is an application to start, and nobody holds the button any more.
        bool must_leave = is_in("f32 f33 f34 f34-stays", patient->name);
        (void)snprintf(
            line, sizeof line,
            "D=$(mktemp -d) && cd $D && trap 'rm -rf $D' EXIT && "
            "printf '\\0\\0\\377\\377' >page.bin && "
            "V='" VBOARD "'; B='--board stm32f407-hs --pin PA0=1%s --flash f'; "
            "A=%s; tail -c +513 $A >rest.bin; $V run $B --load " WARD
            "/%s.elf --load page.bin@0x08008000 --load $A@0x0800C000 --load "
            "rest.bin@0x08010000 --load $A@0x08080000 --limit 300ms >log 2>&1; cp f g && "
            "timeout 250 $V doctor --json $B --outside --sector 0x0800C000 --sector %s %s "
            ">json; s=$?; grep '\"finding\"' json; cmp f g; echo same $?; exit $s",
            must_leave ? "@0+200ms" : "", must_leave ? BLINK : WARD "/elsewhere.bin", patient->name,
            strcmp(patient->name, "f20") == 0 ? "0x08010000" : "0x08080000",
            must_leave ? "--leave" : "");
        int status = shell(line);
        unsigned count = read_findings(found);
        bool is_same = strstr(output, "\nsame 0\n") || strncmp(output, "same 0\n", 7) == 0;
        bool is_well = is_right(patient->usb, patient->beside, found, count) &&
                       status == (patient->usb[0] != 0 && !is_in(patient->usb, "F33")) &&
                       is_same == !is_in("f24 f13-later f18-below f42-deaf f47", patient->name);
        say_row(patient->name, patient->usb, found, count, is_well);
        wrong += !is_well;
    }
    say_evidence("usb", PATIENT_COUNT - silent, wrong);
    assert_int_equal(wrong, 0);
}

// An erased application behind a page of emulated EEPROM is nobody's fault, whatever image lies further up.
static void over_usb_an_erased_application_is_no_fault(void **state) {
    (void)state;
    exits(0,
          DOCTOR "--outside --load " WARD "/elsewhere.bin@0x08010000 " WARD
                 "/healthy.elf >$f; s=$?; cat $f; rm $f; exit $s",
          "\"type\":");
    assert_null(strstr(output, "\"F17\""));
    exits(0, DOCTOR "--outside " WARD "/healthy.elf >$f; s=$?; cat $f; rm $f; exit $s",
          "\"type\":");
    assert_null(strstr(output, "\"F17\""));
}

// Last of all, and with flash as it was; a button that is held is no fault of the firmware's, and said to be possible.
static void leaving_is_tried_when_it_is_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *pin, *load, *options, *words;
    } cases[] = {
        {"PA0=1@0+700ms", "--load " BLINK "@0x0800C000", "--leave",
         "went away [0-9]* ms after it was told to, and has not come back in DFU mode"},
        {"PA0=1", "--load " BLINK "@0x0800C000", "--leave",
         "a button or a jumper that is held does that, too"},
        {"PA0=1", "", "--leave",
         "leaving was not tried: at 0x0800C000 begins no application that could be started"},
        {"PA0=1", "--load " WARD "/elsewhere.bin@0x0800C000", "--leave",
         "leaving was not tried: at 0x0800C000 begins no application that could be started"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[700];
        (void)snprintf(line, sizeof line,
                       "timeout 250 " VBOARD " doctor --json --outside --board stm32f407-hs --pin "
                       "%s %s %s " WARD "/healthy.elf 2>&1 | grep '%s'",
                       cases[i].pin, cases[i].load, cases[i].options, cases[i].words);
        exits(0, line, "");
    }
    exits(125, VBOARD " doctor --leave " WARD "/healthy.elf",
          "--leave goes with --outside; from inside it is always tried");
}

// The evidence names what was called, and the instruction.
static void the_evidence_names_the_place(void **state) {
    (void)state;
    exits(1, DOCTOR WARD "/f13.elf" FINDINGS,
          "MEM_If_Erase_HS(0x0800C000) was called; FLASH_CR <- LOCK SER SNB=3 x32 at "
          "FLASH_Erase_Sector+");
    exits(1, DOCTOR WARD "/f12.elf" FINDINGS,
          "PGSERR was set by the access to 0x08000000 at "
          "user_code_begin+");
    exits(1, DOCTOR WARD "/f17.elf" FINDINGS,
          "erases flash at 0x0800C000, where the application is");
}

// The original report: the first load works, every later one does not, and the erase function is never called.
static void patient_zero_loads_once(void **state) {
    (void)state;
    static const struct {
        const char *name, *first, *second;
    } cases[] = {
        {"f02", "dfu-util: done",
         "0 erases sent, 0 refused, 0 lost; MEM_If_Erase_HS called 0 times"},
        {"f10", "2 erases sent, 0 refused, 0 lost; MEM_If_Erase_HS called 2 times",
         "MEM_If_Erase_HS called 0 times"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[512];
        (void)snprintf(line, sizeof line,
                       "timeout 250 " VBOARD
                       " doctor --verbose --board stm32f407-hs --pin PA0=1 " WARD
                       "/%s.elf 2>/dev/null | grep 'first load\\|second load' | grep '%s'",
                       cases[i].name, i == 0 ? "dfu-util" : "cubeprogrammer");
        assert_int_equal(shell(line), 0);
        const char *first = strstr(output, "first load");
        const char *second = strstr(output, "second load");
        assert_true(first && second && first < second);
        const char *found = strstr(first, cases[i].first);
        assert_true(found && found < second);
        assert_non_null(strstr(second, cases[i].second));
    }
}

// Without a word from inside, with "usb" from outside.
int main(int argc, char **argv) {
    const struct CMUnitTest outside[] = {
        cmocka_unit_test(over_usb_the_right_cause_comes_first),
        cmocka_unit_test(over_usb_an_erased_application_is_no_fault),
        cmocka_unit_test(leaving_is_tried_when_it_is_asked_for),
    };
    if (argc > 1 && strcmp(argv[1], "usb") == 0) {
        return cmocka_run_group_tests_name("ward/usb", outside, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_patient_is_diagnosed_from_inside),
        cmocka_unit_test(the_evidence_names_the_place),
        cmocka_unit_test(patient_zero_loads_once),
    };
    return cmocka_run_group_tests_name("ward/ward", tests, NULL, NULL);
}
