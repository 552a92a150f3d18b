# SPDX-License-Identifier: MIT
#
# Seeded bugs: a file of core/ or settings/ with texts replaced. Not patches, whose context breaks with every change
# nearby, and not -D, which would put switches into the logic: a text that is not there exactly once stops the build, so a
# mutant cannot quietly become the real thing.

# mutant_source(OUT NAME FILE TEXT REPLACEMENT [TEXT REPLACEMENT]...): the mutated file, in the variable OUT.
function(mutant_source out name file)
    set(original ${CMAKE_SOURCE_DIR}/${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${original})
    file(READ ${original} source)
    math(EXPR last_arg "${ARGC} - 1")
    foreach(i RANGE 3 ${last_arg} 2)
        math(EXPR j "${i} + 1")
        set(text "${ARGV${i}}")
        string(FIND "${source}" "${text}" first)
        string(FIND "${source}" "${text}" last REVERSE)
        if(first EQUAL -1 OR NOT first EQUAL last)
            message(FATAL_ERROR "mutant ${name}: not in ${file} exactly once: ${text}")
        endif()
        string(REPLACE "${text}" "${ARGV${j}}" source "${source}")
    endforeach()
    set(mutant ${CMAKE_BINARY_DIR}/mutants/${name}.c)
    file(CONFIGURE OUTPUT ${mutant} CONTENT "${source}" @ONLY)
    set_source_files_properties(${mutant} PROPERTIES COMPILE_OPTIONS -w)
    set(${out} ${mutant} PARENT_SCOPE)
endfunction()

# The sweeps that script/mutants puts each mutant before; their own objects are built once.
add_library(mutants_update OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/power/update.c
    ${CMAKE_SOURCE_DIR}/tests/power/update_hosts.c ${CMAKE_SOURCE_DIR}/tests/power/flash_model.c)
target_link_libraries(mutants_update PRIVATE desk_device PkgConfig::CMOCKA)
add_library(mutants_settings OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/power/settings.c
    ${CMAKE_SOURCE_DIR}/tests/power/flash_model.c)
target_link_libraries(mutants_settings PRIVATE settings spec PkgConfig::CMOCKA)
add_custom_target(mutants)
file(WRITE ${CMAKE_BINARY_DIR}/mutants/list "")

# mutant_programs(NAME SOURCE FILE): tests/mutant-NAME-SWEEP for each sweep, built by `mutants` only. The mutant's object
# comes before the libraries, whose own file of that name is then not linked.
function(mutant_programs name source file)
    set(sweeps update explore)
    if(file MATCHES "^settings/")
        list(PREPEND sweeps settings)
    endif()
    add_library(mutant-${name} OBJECT EXCLUDE_FROM_ALL ${source})
    foreach(sweep ${sweeps})
        set(objects $<TARGET_OBJECTS:mutants_${sweep}>)
        if(sweep STREQUAL explore)
            set(objects $<TARGET_OBJECTS:explore_world>)
        endif()
        set(target mutant-${name}-${sweep})
        add_executable(${target} EXCLUDE_FROM_ALL $<TARGET_OBJECTS:mutant-${name}> ${objects})
        set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/mutants)
        target_link_libraries(${target} PRIVATE desk_device PkgConfig::CMOCKA)
        add_dependencies(mutants ${target})
    endforeach()
    list(JOIN sweeps " " words)
    file(APPEND ${CMAKE_BINARY_DIR}/mutants/list "${name} ${file} ${words}\n")
endfunction()

# seeded(NAME FILE TEXT REPLACEMENT...): one for script/mutants alone.
function(seeded name file)
    cmake_parse_arguments(PARSE_ARGV 2 TEXTS "" "" "") # keeps each ';' inside its text
    mutant_source(source seeded_${name} ${file} ${TEXTS_UNPARSED_ARGUMENTS})
    mutant_programs(${name} ${source} ${file})
endfunction()
