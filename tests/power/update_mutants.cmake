# SPDX-License-Identifier: MIT
#
# Broken bootloaders that the sweep of update.c has to find: each is one file of core/ with one text
# replaced. A text that is not there exactly once stops the build, so a mutant cannot quietly become
# the real thing.

# update_mutant(NAME FILE TEXT REPLACEMENT [TEXT REPLACEMENT]...)
function(update_mutant name file)
    set(original ${CMAKE_SOURCE_DIR}/core/${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${original})
    file(READ ${original} source)
    math(EXPR last_arg "${ARGC} - 1")
    foreach(i RANGE 2 ${last_arg} 2)
        math(EXPR j "${i} + 1")
        set(text "${ARGV${i}}")
        string(FIND "${source}" "${text}" first)
        string(FIND "${source}" "${text}" last REVERSE)
        if(first EQUAL -1 OR NOT first EQUAL last)
            message(FATAL_ERROR "update mutant ${name}: not in core/${file} exactly once: ${text}")
        endif()
        string(REPLACE "${text}" "${ARGV${j}}" source "${source}")
    endforeach()
    set(mutant ${CMAKE_BINARY_DIR}/mutants/update_${name}.c)
    file(CONFIGURE OUTPUT ${mutant} CONTENT "${source}" @ONLY)
    set(target test-power-update-mutant-${name})
    # The mutant's object comes before the library, whose own file of that name is then not linked.
    add_executable(${target} ${mutant} ${CMAKE_SOURCE_DIR}/tests/power/update.c
        ${CMAKE_SOURCE_DIR}/tests/power/update_hosts.c ${CMAKE_SOURCE_DIR}/tests/power/flash_model.c)
    set_source_files_properties(${mutant} PROPERTIES COMPILE_OPTIONS -w)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${target} PRIVATE desk core PkgConfig::CMOCKA)
    add_test(NAME power/update/mutant/${name} COMMAND ${target} --expect-detection)
    set_tests_properties(power/update/mutant/${name} PROPERTIES TIMEOUT 300)
endfunction()

# Nothing is recorded.
update_mutant(no_record gate.c
    "enum settings_result result = settings_receiving_open(&gate->settings);"
    "gate->is_receiving = true; return GATE_GO; enum settings_result result = SETTINGS_OK;")
# The record is on its way, which is taken for there.
update_mutant(record_too_late gate.c
    "gate->step = GATE_OPENING;\n    } else if" "gate->step = GATE_OPENING;\n        return GATE_GO;\n    } else if")
# The first words are programmed as soon as they have come.
update_mutant(first_words_first gate.c "        gate->is_block_new = false;\n        if (gate->close_wanted) {"
    "        if (gate->is_block_new) { gate->is_block_new = false; update_program_vectors(gate->update); return; }\n        if (gate->close_wanted) {")
# The record goes before the first words come.
update_mutant(closes_before_first_words gate.c "if (!update_program_vectors(gate->update))" "if (true)"
    "    end_close(gate, gate->store == SETTINGS_OK ?" "    update_program_vectors(gate->update); end_close(gate, gate->store == SETTINGS_OK ?")
# The first words of a block that erases on demand are dropped.
update_mutant(erase_drops_first_words update.c
    "update->sector = sector;" "update->sector = sector;\n    update->vectors_mask = 0;")
# The boot stage takes a store that wants a turnover for empty.
update_mutant(boot_is_not_in_doubt boot.c "settings->is_unconfirmed = false" "settings->is_unconfirmed = is_unconfirmed")
# A host that clears errors away may leave all the same.
update_mutant(forgives_failures gate.c "if (gate->failed != 0 || (gate->stamp_addr" "if ((gate->stamp_addr")
# Blank is erased.
update_mutant(trusts_blank update.c "update->distrusts_blank || " "")
# The settings are taken as a cut has left them.
update_mutant(no_turnover gate.c "if (gate->store == SETTINGS_TURNOVER ||" "if (false &&")
