# SPDX-License-Identifier: MIT
#
# Broken settings stores that the sweep of settings.c has to find (tests/mutants/mutant.cmake).

function(settings_mutant name text replacement)
    mutant_source(mutant settings_${name} settings/settings.c "${text}" "${replacement}")
    mutant_programs(settings_${name} ${mutant} settings/settings.c)
    set(target test-power-settings-mutant-${name})
    add_executable(${target} ${mutant} ${CMAKE_SOURCE_DIR}/tests/power/settings.c
        ${CMAKE_SOURCE_DIR}/tests/power/flash_model.c)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${target} PRIVATE spec PkgConfig::CMOCKA)
    add_test(NAME power/settings/mutant/${name} COMMAND ${target} --expect-detection)
    set_tests_properties(power/settings/mutant/${name} PROPERTIES TIMEOUT 400 LABELS long)
endfunction()

# The store is erased before its copy is sealed.
settings_mutant(erases_the_store "return s->flash->erase(s->flash->ctx, other)"
    "return s->flash->erase(s->flash->ctx, s->goal == GOAL_REBUILD && s->has_store ? s->page : other)")
# Blank flash passes for erased.
settings_mutant(trusts_blank "? PAGE_BLANK :" "? PAGE_SPARE :")
# The mark stays while the page is in use.
settings_mutant(keeps_the_mark "return zero(s, other, MARK_AT, MARK_LEN)" "return SETTINGS_FLASH_DONE")
# A header counts without its seal.
settings_mutant(ignores_header_seal "== WORD_ERASED ? PAGE_UNSEALED : PAGE_SEALED" "? PAGE_SEALED : PAGE_SEALED")
# A record counts without its seal.
settings_mutant(ignores_record_seal "s->is_in_doubt = size != 0" "s->is_in_doubt = false")
# No check over the record.
settings_mutant(ignores_record_check "return load_le32(r + size - 8) == crc32_update(CRC32_START, r, size - 8)" "return true")
# Nothing is put where an earlier session may have begun a word.
settings_mutant(no_filler "s->end += 4" "return SETTINGS_FLASH_DONE")
# The last seal of an earlier session is taken as it is.
settings_mutant(no_second_seal "return zero(s, s->page, s->end - 4, 4);\n    case FILL" "return SETTINGS_FLASH_DONE;\n    case FILL")
# Two headers at once are taken as they are.
settings_mutant(no_confirmation "s->is_unconfirmed = other == PAGE_SEALED || other == PAGE_UNSEALED" "s->is_unconfirmed = false")
# The mark outlives the header it goes with.
settings_mutant(undoes_check_only "return zero(s, page, MARK_AT, CHECK_AT + 4 - MARK_AT)" "return zero(s, page, CHECK_AT, 4)")
# The record in doubt is not decided first.
settings_mutant(decides_late "s->decided_key = load_le16(s->record)" "s->decided_key = SETTINGS_KEY_NONE")
# Nothing is made stable before the first write of a session.
settings_mutant(never_settles "return begin(s, GOAL_APPEND, s->is_settled ? BODY : CONFIRM)"
    "return begin(s, GOAL_APPEND, BODY)")
# A half-erased page may show its old header.
settings_mutant(erases_unkilled "s->step = s->goal == GOAL_CONFIRM ? DONE : ERASE;\n        return undo_header(s, other)"
    "s->step = s->goal == GOAL_CONFIRM ? DONE : ERASE;\n        return SETTINGS_FLASH_DONE")
# A foreign page beside a store with traces of a cut: consent does not help.
settings_mutant(no_way_past_foreign "s->has_store && s->is_in_doubt && is_foreign" "false && is_foreign")
# A store is begun where the foreign page lies.
settings_mutant(formats_over_foreign "s->page = s->foreign == 1 ? 0 : 1" "s->page = s->foreign == 1 ? 1 : 0")
