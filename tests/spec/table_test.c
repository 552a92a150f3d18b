// SPDX-License-Identifier: MIT
//
// Holds the transcribed tables to what annex A.1 promises of them: an answer for every request in
// every state, no two rows for one situation, and the figure's lists of states. It tests the
// tables, not an implementation.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/conformance/dfu11_table.h"
#include "tests/spec/dfuse_rules.h"

static unsigned rows_of(unsigned state, unsigned event, bool *always) {
    unsigned count = 0;
    *always = false;
    for (size_t i = 0; i < DFU11_ROW_COUNT; i++) {
        if (dfu11_rows[i].state == state && dfu11_rows[i].event == event) {
            count++;
            *always = *always || dfu11_rows[i].condition == DFU11_ALWAYS;
        }
    }
    return count;
}

static void every_request_in_every_state_has_an_answer(void **unused) {
    (void)unused;
    for (unsigned state = 0; state < DFU_STATE_COUNT; state++) {
        for (unsigned event = 0; event < DFU11_REQUEST_COUNT; event++) {
            bool always;
            unsigned count = rows_of(state, event, &always);
            if (count == 0 || (always && count != 1) || (!always && count < 2)) {
                fail_msg("%s, event %u: %u rows, always %d", dfu_state_name(state), event, count,
                         always);
            }
        }
    }
}

static void no_situation_has_two_rows(void **unused) {
    (void)unused;
    for (size_t i = 0; i < DFU11_ROW_COUNT; i++) {
        for (size_t j = i + 1; j < DFU11_ROW_COUNT; j++) {
            const struct dfu11_row *a = &dfu11_rows[i];
            const struct dfu11_row *b = &dfu11_rows[j];
            if (a->state == b->state && a->event == b->event && a->condition == b->condition) {
                fail_msg("rows %zu and %zu", i, j);
            }
        }
    }
    for (size_t i = 0; i < DFUSE_ROW_COUNT; i++) {
        for (size_t j = i + 1; j < DFUSE_ROW_COUNT; j++) {
            const struct dfuse_row *a = &dfuse_rows[i];
            const struct dfuse_row *b = &dfuse_rows[j];
            if (a->state == b->state && a->event == b->event && a->condition == b->condition) {
                fail_msg("DfuSe rows %zu and %zu", i, j);
            }
        }
    }
}

// Figure A.1, read from the picture, against the rows, written from the tables A.2.x.
static void figure_and_tables_agree_on_who_answers_getstate(void **unused) {
    (void)unused;
    static const bool figure[DFU_STATE_COUNT] = {
        [0] = true, [1] = true, [2] = true, [3] = true,
        [5] = true, [6] = true, [9] = true, [10] = true,
    };
    for (size_t i = 0; i < DFU11_ROW_COUNT; i++) {
        const struct dfu11_row *row = &dfu11_rows[i];
        if (row->event == DFU11_GETSTATE && row->grade != DFU11_UNDEFINED) {
            assert_int_equal(!row->stall, figure[row->state]);
            assert_true(row->stall || row->next_state == row->state);
        }
    }
}

static void figure_and_tables_disagree_on_abort_only_where_marked(void **unused) {
    (void)unused;
    static const bool figure[DFU_STATE_COUNT] = {
        [2] = true, [3] = true, [5] = true, [6] = true, [9] = true,
    };
    for (size_t i = 0; i < DFU11_ROW_COUNT; i++) {
        const struct dfu11_row *row = &dfu11_rows[i];
        if (row->event == DFU11_ABORT && row->grade != DFU11_UNDEFINED) {
            bool agree = (!row->stall) == figure[row->state];
            assert_int_equal(agree, row->grade == DFU11_REQUIRED);
            if (figure[row->state]) {
                assert_true(dfu11_allows(row, false, DFU_STATE_IDLE));
            }
        }
    }
}

// A.1: an unexpected request leads to dfuERROR, except at run time (and A.2.9, which answers
// nothing); nothing leads from DFU mode to the run-time states but a reset.
static void a_stall_leads_to_error_except_at_run_time(void **unused) {
    (void)unused;
    for (size_t i = 0; i < DFU11_ROW_COUNT; i++) {
        const struct dfu11_row *row = &dfu11_rows[i];
        bool is_run_time = row->state <= DFU_STATE_APP_DETACH;
        bool is_request = row->event < DFU11_REQUEST_COUNT;
        assert_true(is_request || !row->stall);
        if (row->stall) {
            assert_int_equal(row->next_state, is_run_time ? DFU_STATE_APP_IDLE : DFU_STATE_ERROR);
        }
        if (!is_run_time && row->next_state <= DFU_STATE_APP_DETACH) {
            assert_true(row->event == DFU11_USB_RESET || row->event == DFU11_POWER_ON_RESET);
        }
        if (row->grade == DFU11_REQUIRED) {
            assert_true(row->stall == row->other_stall && row->next_state == row->other_next_state);
        }
        assert_non_null(strpbrk(row->clause, "123456789"));
    }
}

static void block_two_is_at_the_pointer(void **unused) {
    (void)unused;
    assert_int_equal(dfuse_block_address(0x0800c000u, 2, 2048), 0x0800c000u);
    assert_int_equal(dfuse_block_address(0x0800c000u, 3, 2048), 0x0800c800u);
    assert_int_equal(dfuse_block_address(0x08000000u, 0xffffu, 1024), 0x0bfff400u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_in_every_state_has_an_answer),
        cmocka_unit_test(no_situation_has_two_rows),
        cmocka_unit_test(figure_and_tables_agree_on_who_answers_getstate),
        cmocka_unit_test(figure_and_tables_disagree_on_abort_only_where_marked),
        cmocka_unit_test(a_stall_leads_to_error_except_at_run_time),
        cmocka_unit_test(block_two_is_at_the_pointer),
    };
    return cmocka_run_group_tests_name("spec.table", tests, NULL, NULL);
}
