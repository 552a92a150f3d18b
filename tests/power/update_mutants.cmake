# SPDX-License-Identifier: MIT
#
# Broken bootloaders that the sweep of update.c has to find (tests/mutants/mutant.cmake).

# update_mutant(NAME FILE TEXT REPLACEMENT [TEXT REPLACEMENT]...)
function(update_mutant name file)
    cmake_parse_arguments(PARSE_ARGV 2 TEXTS "" "" "") # keeps each ';' inside its text
    mutant_source(mutant update_${name} ${file} ${TEXTS_UNPARSED_ARGUMENTS})
    mutant_programs(${name} ${mutant} ${file})
    set(target test-power-update-mutant-${name})
    # The mutant's object comes before the library, whose own file of that name is then not linked.
    add_executable(${target} ${mutant} ${CMAKE_SOURCE_DIR}/tests/power/update.c
        ${CMAKE_SOURCE_DIR}/tests/power/update_hosts.c ${CMAKE_SOURCE_DIR}/tests/power/flash_model.c)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${target} PRIVATE desk_device PkgConfig::CMOCKA)
    add_test(NAME power/update/mutant/${name} COMMAND ${target} --expect-detection)
    set_tests_properties(power/update/mutant/${name} PROPERTIES TIMEOUT 300 LABELS long)
endfunction()

# Nothing is recorded.
update_mutant(no_record core/gate.c
    "enum settings_result result = settings_receiving_open(&gate->settings);"
    "gate->is_receiving = true; return GATE_GO; enum settings_result result = SETTINGS_OK;")
# The record is on its way, which is taken for there.
update_mutant(record_too_late core/gate.c
    "gate->step = GATE_OPENING;\n    } else if" "gate->step = GATE_OPENING;\n        return GATE_GO;\n    } else if")
# The first words are programmed as soon as they have come.
update_mutant(first_words_first core/gate.c "        gate->is_block_new = false;\n        if (gate->close_waits &&"
    "        if (gate->is_block_new) { gate->is_block_new = false; update_program_vectors(gate->update); return; }\n        if (gate->close_waits &&")
# The record goes before the first words come.
update_mutant(closes_before_first_words core/gate.c "if (!update_program_vectors(gate->update))" "if (true)"
    "    end_close(gate, gate->store == SETTINGS_OK ?" "    update_program_vectors(gate->update); end_close(gate, gate->store == SETTINGS_OK ?")
# The first words of a block that erases on demand are dropped.
update_mutant(erase_drops_first_words core/update.c
    "update->sector = sector;" "update->sector = sector;\n    update->vectors_mask = 0;")
# The boot stage takes a store that wants a turnover for empty.
update_mutant(boot_is_not_in_doubt settings/settings.c "return s->step == IDLE && s->has_store &&"
    "return readiness(s) == SETTINGS_OK &&")
# A host that clears errors away may leave all the same.
update_mutant(forgives_failures core/gate.c "if (gate->failed != 0 || (!is_known" "if ((!is_known")
# Blank is erased.
update_mutant(trusts_blank core/update.c "update->distrusts_blank || " "")
# The settings are taken as a cut has left them.
update_mutant(no_turnover core/gate.c "if (gate->store == SETTINGS_TURNOVER ||" "if (false &&")
