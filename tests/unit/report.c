// SPDX-License-Identifier: MIT
//
// doctor/report.h: what comes first, what is merged, and that no text from a device breaks a format.

#include "doctor/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *written(void (*write)(const struct report *report, FILE *out),
                     const struct report *report) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    write(report, out);
    assert_int_equal(0, fclose(out));
    return text;
}

static void text_for_people(const struct report *report, FILE *out) {
    report_text(report, out, true);
}

static void every_id_is_there_once_and_has_all_its_words(void **state) {
    (void)state;
    for (unsigned i = 0; i < finding_count; i++) {
        const struct finding *finding = finding_at(i);
        char id[16];
        (void)snprintf(id, sizeof id, "F%u", i + 1);
        assert_string_equal(id, finding->id);
        assert_ptr_equal(finding, finding_named(id));
        assert_true(finding->ways != 0);
        assert_true(finding->title[0] && finding->symptom[0] && finding->meaning[0]);
        assert_true(finding->remedy[0] && finding->told_by[0] && finding->source[0]);
    }
    assert_true(finding_count >= 40);
    assert_null(finding_named("F0"));
    assert_null(finding_at(finding_count));
}

// What is true and not what failed steps behind all but notes; new evidence that makes more of it brings it back.
static void what_is_set_aside_comes_behind_warnings(void **state) {
    (void)state;
    struct report report = {0};
    report_add(&report, "F6", REPORT_CERTAIN, 1, "a fault that nobody met");
    report_add(&report, "F2", REPORT_POSSIBLE, 2, "a warning");
    report_add(&report, "F34", REPORT_CERTAIN, 3, "a note");
    report_add_as(&report, "F9", FINDING_WARNING, REPORT_CERTAIN, 4, "a warning at first");
    report_set_aside(&report, "F6");
    report_set_aside(&report, "F9");
    report_add(&report, "F9", REPORT_CERTAIN, 5, "and then a fault");
    report_sort(&report);
    const char *const order[] = {"F9", "F2", "F6", "F34"};
    for (unsigned i = 0; i < 4; i++) {
        assert_string_equal(order[i], report.findings[i].finding->id);
    }
    report_free(&report);
}

static void severity_goes_before_confidence_before_order(void **state) {
    (void)state;
    struct report report = {0};
    report_add(&report, "F34", REPORT_CERTAIN, 1, "a note");
    report_add(&report, "F2", REPORT_CERTAIN, 2, "a warning");
    report_add(&report, "F8", REPORT_POSSIBLE, 3, "a fault, perhaps");
    report_add(&report, "F13", REPORT_LIKELY, 4, "a fault");
    report_add(&report, "F14", REPORT_LIKELY, 5, "another");
    report_sort(&report);
    const char *const order[] = {"F13", "F14", "F8", "F2", "F34"};
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(order[i], report.findings[i].finding->id);
    }
    assert_int_equal(FINDING_FAULT, report_worst(&report));
    report_free(&report);
    assert_int_equal(0, report.finding_count);
}

static void one_cause_seen_twice_is_one_finding_with_both_evidences(void **state) {
    (void)state;
    struct report report = {0};
    report_add(&report, "F23", REPORT_POSSIBLE, 1, "first %d", 1);
    report_add_as(&report, "F23", FINDING_FAULT, REPORT_CERTAIN, 2, "second");
    report_add_as(&report, "F23", FINDING_NOTE, REPORT_POSSIBLE, 3, "third");
    assert_int_equal(1, report.finding_count);
    assert_int_equal(3, report.findings[0].evidence_count);
    assert_string_equal("first 1", report.findings[0].evidence[0].text);
    assert_int_equal(FINDING_FAULT, report.findings[0].severity);
    assert_int_equal(REPORT_CERTAIN, report.findings[0].confidence);
    report_free(&report);
}

// In each of the three forms.
static void an_explanation_of_its_own_takes_the_place_of_the_tables(void **state) {
    (void)state;
    struct report report = {0};
    report_add(&report, "F34", REPORT_LIKELY, 1, "errNOTDONE");
    report_explain(&report, "F34", "half an image", "load again, whole");
    report_explain(&report, "F2", "nobody's", "nobody's"); // not there: no effect
    static void (*const forms[])(const struct report *, FILE *) = {text_for_people, report_json,
                                                                   report_html};
    for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char *text = written(forms[i], &report);
        assert_non_null(strstr(text, "half an image"));
        assert_non_null(strstr(text, "load again, whole"));
        assert_null(strstr(text, finding_named("F34")->meaning));
        assert_null(strstr(text, "clear the flag"));
        assert_null(strstr(text, "nobody"));
        free(text);
    }
    report_free(&report);
}

static void many_evidences_keep_the_first_ones(void **state) {
    (void)state;
    struct report report = {0};
    for (unsigned i = 0; i < 100; i++) {
        report_add(&report, "F42", REPORT_LIKELY, i, "%u", i);
    }
    assert_int_equal(REPORT_EVIDENCE_MAX, report.findings[0].evidence_count);
    assert_string_equal("0", report.findings[0].evidence[0].text);
    report_free(&report);
}

static void notes_alone_leave_nothing_to_do(void **state) {
    (void)state;
    char verdict[400];
    struct report report = {0};
    report_add(&report, "F34", REPORT_CERTAIN, REPORT_NO_TIME, "stays");
    assert_string_equal("Nothing is wrong, as far as was looked.",
                        report_verdict(&report, verdict, sizeof verdict));
    report_incomplete(&report, "the device went away");
    report_incomplete(&report, "a later reason");
    assert_string_equal(
        "Nothing was found to be wrong; not all was looked at: the device went away.",
        report_verdict(&report, verdict, sizeof verdict));
    report_free(&report);
}

static void the_verdict_names_the_first_of_those_that_need_something(void **state) {
    (void)state;
    char verdict[400];
    struct report report = {0};
    report_add(&report, "F2", REPORT_CERTAIN, 1, "a");
    report_add(&report, "F13", REPORT_LIKELY, 2, "b");
    report_verdict(&report, verdict, sizeof verdict);
    assert_memory_equal("2 things need you: first F13, ", verdict, 30);
    report_free(&report);
}

static void text_from_a_device_breaks_neither_json_nor_a_terminal(void **state) {
    (void)state;
    struct report report = {0};
    report_fact(&report, "device", "product", "%s", "a\"b\\c\n\x1b[31m\xff\xc3\xa9");
    report_add(&report, "F39", REPORT_CERTAIN, 1500000, "%s", "\x01\"");
    char *json = written(report_json, &report);
    assert_non_null(strstr(json, "\"value\":\"a\\\"b\\\\c\\u000a\\u001b[31m?\xc3\xa9\""));
    assert_non_null(
        strstr(json, "{\"type\":\"evidence\",\"seconds\":1.500000,\"text\":\"\\u0001\\\"\"}"));
    assert_non_null(strstr(json, "{\"type\":\"verdict\""));
    free(json);
    char *text = written(text_for_people, &report);
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\x01'));
    free(text);
    report_free(&report);
}

static void the_last_line_is_the_verdict(void **state) {
    (void)state;
    struct report report = {.subject = "a board"};
    const struct report_request request = {
        .at_us = 5, .duration_us = 7, .state = 2, .status = 0, .poll_ms = 1, .words = "GETSTATUS"};
    report_request(&report, &request);
    char *text = written(text_for_people, &report);
    assert_non_null(strstr(text, "GETSTATUS -> dfuIDLE"));
    const char *last = strstr(text, "Nothing is wrong, as far as was looked.\n");
    assert_non_null(last);
    assert_string_equal("Nothing is wrong, as far as was looked.\n", last);
    free(text);
    report_free(&report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_is_there_once_and_has_all_its_words),
        cmocka_unit_test(what_is_set_aside_comes_behind_warnings),
        cmocka_unit_test(severity_goes_before_confidence_before_order),
        cmocka_unit_test(one_cause_seen_twice_is_one_finding_with_both_evidences),
        cmocka_unit_test(an_explanation_of_its_own_takes_the_place_of_the_tables),
        cmocka_unit_test(many_evidences_keep_the_first_ones),
        cmocka_unit_test(notes_alone_leave_nothing_to_do),
        cmocka_unit_test(the_verdict_names_the_first_of_those_that_need_something),
        cmocka_unit_test(text_from_a_device_breaks_neither_json_nor_a_terminal),
        cmocka_unit_test(the_last_line_is_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
