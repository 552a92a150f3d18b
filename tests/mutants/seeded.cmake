# SPDX-License-Identifier: MIT
#
# Seeded bugs that script/mutants puts before the sweeps, besides those of tests/power/*_mutants.cmake, which
# are tests of their own.

# --- core/gate.c: who may close
# Not here, because nobody could tell: a record found at power-up that is not called inherited (the bus reset that
# follows calls it so), and a restart that keeps may_end (what is inherited is not closed by it either).
# Nor what these sweeps are too short for, by several actions of hosts; unit/core_gate_lost_blocks finds each of them: a lost block
# that need not be written again, and an ABORT that ends a load with a lost block, or one that a restart drops.
seeded(leave_needs_no_block core/gate.c "!(gate->may_end && gone == 0 && is_own(gate))" "!(gone == 0 && is_own(gate))")
seeded(leave_closes_inherited core/gate.c "!(gate->may_end && gone == 0 && is_own(gate))"
    "!(gate->may_end && gone == 0)")
seeded(leave_after_an_erase core/gate.c "    gate->may_end = false;\n    if (gate->erase_list_ends) {" "    if (gate->erase_list_ends) {")
seeded(gone_sectors_are_fine core/gate.c "gate->brought & gate->erased & ~gate->written" "0")
seeded(abort_ends_any_load core/gate.c "gate->is_block_told && list_is_complete(gate) &&" "gate->is_block_told &&")
seeded(abort_closes_inherited core/gate.c "                     is_own(gate) && millis" "                     millis")
seeded(restart_inherits_nothing core/gate.c "gate->is_inherited = (gate->is_receiving ||"
    "gate->is_inherited = false && (gate->is_receiving ||")
seeded(restart_keeps_first_words core/gate.c "!gate->close_waits;\n    gate->vector_bytes = 0;" "!gate->close_waits;")
seeded(any_stamp_will_do core/gate.c "stamp.crc == gate->crc" "true")
# --- core/gate.c: what is lost
seeded(lost_block_is_forgotten core/gate.c "    gate->failed |= sectors;" "")
seeded(failure_is_forgotten core/gate.c "    gate->failed |=\n        update->len > 0" "    uint32_t none =\n        update->len > 0"
    "1u << update->sector;" "1u << update->sector; (void)none;")
seeded(opens_though_it_failed core/gate.c "gate->is_receiving = gate->store == SETTINGS_OK &&"
    "gate->is_receiving = gate->store != SETTINGS_OK ||")
seeded(trusts_blank_after_a_cut core/gate.c "update->distrusts_blank = gate->is_receiving" "update->distrusts_blank = false")
seeded(no_second_try_to_open core/gate.c "(result == SETTINGS_TURNOVER || result == SETTINGS_OK) &&"
    "result == SETTINGS_TURNOVER &&")
seeded(no_second_try_to_close core/gate.c "if (gate->store == SETTINGS_TURNOVER) {\n        gate->store" "if (false) {\n        gate->store")
# --- core/update.c
seeded(first_words_at_once core/update.c "update->vectors_mask |= (uint8_t)(1u << i);\n            bytes[off] = 0xff;" "(void)0;")
seeded(no_verify core/update.c "if (have[i] != want[i] &&" "if (false && have[i] != want[i] &&")
seeded(erases_written_sectors core/update.c "if (update->prepared & (1u << sector)) {\n            continue"
    "if (false) {\n            continue")
seeded(failed_erase_looks_blank core/update.c "update->distrusts_blank |= update->job == UPDATE_ERASING && status != DFU_STATUS_OK;" "")
seeded(failed_program_is_fine core/update.c "erased ? DFU_STATUS_ERR_ERASE : DFU_STATUS_ERR_PROG" "DFU_STATUS_OK")
seeded(erase_is_never_done core/update.c "if (update->distrusts_blank || !sector_is_blank(update, sector)) {" "if (false) {")
seeded(one_first_word_is_enough core/update.c "uint32_t to = update->vectors_mask & 0xf0u ? UPDATE_VECTOR_BYTES : WORD_BYTES;"
    "uint32_t to = WORD_BYTES;")
# --- core/media.c, core/dfu.c, core/boot.c, core/settings_medium.c
seeded(does_not_wait_for_the_record core/media.c "case GATE_WAIT:\n        return MEDIA_WAIT;" "case GATE_WAIT:\n        break;")
seeded(any_address core/media.c "!flash_application_holds(map, job->addr, len)" "!flash_holds(map, job->addr, len)")
seeded(block_is_not_told core/media.c "gate_block(gate, job->addr, len);" "")
seeded(drops_blocks_silently core/dfu.c "    if (dfu->work == DFU_WORK_JOB && dfu->job.work == MEDIA_WRITE) {\n        media_block_lost"
    "    if (false) {\n        media_block_lost")
seeded(bus_reset_is_none core/dfu.c "    (void)media_choose(&dfu->media, 0);\n    drop_transfer(dfu);" "    (void)media_choose(&dfu->media, 0);")
seeded(receiving_starts core/boot.c "if (facts->receiving) {" "if (false) {")
seeded(hosts_may_take_the_record core/settings_medium.c "? key != SETTINGS_KEY_RECEIVING" "? key != SETTINGS_KEY_NONE")
# --- settings/settings.c
seeded(newest_is_not_looked_for settings/settings.c "sequences[page] > sequences[0]" "sequences[page] < sequences[0]")
seeded(superseded_values_return settings/settings.c "key == s->decided_key || is_superseded(s, s->from, key) ||" "key == s->decided_key ||")

# The state-space check can fail.
foreach(name leave_closes_inherited opens_though_it_failed)
    set_target_properties(mutant-${name} mutant-${name}-explore PROPERTIES EXCLUDE_FROM_ALL OFF)
    add_test(NAME explore/mutant/${name}
        COMMAND mutant-${name}-explore --states 30000 --depth 12 --fails --expect-detection)
    set_tests_properties(explore/mutant/${name} PROPERTIES TIMEOUT 300 LABELS long)
endforeach()
