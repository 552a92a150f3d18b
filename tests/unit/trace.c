// SPDX-License-Identifier: MIT
//
// The trace's lines and a person's complaints, to the character.

#include "vboard/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct timeline timeline;
    struct trace trace;
    char *file, *shown;
    size_t file_len, shown_len;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    timeline_init(&f->timeline);
    trace_init(&f->trace, &f->timeline);
    f->trace.file = open_memstream(&f->file, &f->file_len);
    f->trace.complaints = open_memstream(&f->shown, &f->shown_len);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    fclose(f->trace.file);
    fclose(f->trace.complaints);
    trace_free(&f->trace);
    timeline_free(&f->timeline);
    free(f->file);
    free(f->shown);
    free(f);
    return 0;
}

static void read_back(struct fixture *f) {
    fflush(f->trace.file);
    fflush(f->trace.complaints);
}

static void
a_line_has_microseconds_truncated_to_three_decimals_source_word_and_pairs(void **state) {
    struct fixture *f = *state;

    timeline_run(&f->timeline, 1234567250999); // 0.999 ns short of .251
    trace_event(&f->trace, TRACE_USB, "dnload", "block=%d len=%d", 2, 2048);
    trace_event(&f->trace, TRACE_RESET, "halt", "%s", "");
    trace_event(&f->trace, TRACE_PIN, "PD12", "level=1");
    read_back(f);
    assert_string_equal(f->file, "1234567.250 usb dnload block=2 len=2048\n"
                                 "1234567.250 reset halt \n"
                                 "1234567.250 pin PD12 level=1\n");
}

static void a_line_names_its_board_when_there_are_several(void **state) {
    struct fixture *f = *state;

    f->trace.board = "left";
    trace_event(&f->trace, TRACE_FLASH, "unlock", "pc=0x08000000");
    read_back(f);
    assert_string_equal(f->file, "0.000 flash unlock board=left pc=0x08000000\n");
}

static void a_complaint_is_quoted_in_the_trace_and_shown_once_a_key(void **state) {
    struct fixture *f = *state;

    trace_complaint(&f->trace, "odd", "a", "say \"%s\" \\ and\nmore", "so");
    trace_complaint(&f->trace, "odd", "a", "again");
    trace_complaint(&f->trace, "odd", "b", "elsewhere");
    trace_complaint(&f->trace, "even", "a", "another word");
    read_back(f);
    assert_string_equal(f->file, "0.000 complaint odd text=\"say \\\"so\\\" \\\\ and\\nmore\"\n"
                                 "0.000 complaint odd text=\"again\"\n"
                                 "0.000 complaint odd text=\"elsewhere\"\n"
                                 "0.000 complaint even text=\"another word\"\n");
    assert_string_equal(f->shown, "vboard: odd: say \"so\" \\ and\nmore\n"
                                  "vboard: odd: elsewhere\n"
                                  "vboard: even: another word\n");
    assert_int_equal(trace_complaints(&f->trace, "odd"), 3);
    assert_int_equal(trace_complaints(&f->trace, "even"), 1);
    assert_int_equal(trace_complaints(&f->trace, "none"), 0);
    assert_int_equal(trace_complaints(&f->trace, NULL), 4);
}

static void the_trace_gets_a_hundred_complaints_of_a_word_and_then_says_so(void **state) {
    struct fixture *f = *state;
    unsigned lines = 0;

    for (int i = 0; i < 500; i++) {
        trace_complaint(&f->trace, "odd", "a", "text");
    }
    trace_complaint(&f->trace, "even", "a", "still told");
    read_back(f);
    for (const char *at = f->file; (at = strchr(at, '\n')); at++) {
        lines++;
    }
    assert_int_equal(lines, 102);
    assert_non_null(strstr(f->file, "left out"));
    assert_non_null(strstr(f->file, "still told"));
    assert_int_equal(trace_complaints(&f->trace, "odd"), 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_line_has_microseconds_truncated_to_three_decimals_source_word_and_pairs, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_line_names_its_board_when_there_are_several, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_complaint_is_quoted_in_the_trace_and_shown_once_a_key,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_trace_gets_a_hundred_complaints_of_a_word_and_then_says_so, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
