# SPDX-License-Identifier: MIT
#
# vboard's processor against libunicorn's. libunicorn calls functions of its own by names that we
# have too (cpu_reset), so none of ours may be visible to it.

pkg_check_modules(UNICORN IMPORTED_TARGET unicorn)
if(TARGET vboard_cpu AND UNICORN_FOUND)
    set(here ${CMAKE_CURRENT_LIST_DIR})
    add_executable(oracle-instructions ${here}/instructions.c ${here}/encodings.c
        ${here}/encoding_rules.c ${here}/vboard.c ${here}/unicorn.c)
    set_target_properties(oracle-instructions PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_options(oracle-instructions PRIVATE -fvisibility=hidden)
    target_link_options(oracle-instructions PRIVATE -Wl,--exclude-libs,ALL)
    target_link_libraries(oracle-instructions PRIVATE vboard_cpu PkgConfig::UNICORN)
    add_test(NAME oracle/instructions COMMAND oracle-instructions)
    set_tests_properties(oracle/instructions PROPERTIES TIMEOUT 300)
else()
    message(STATUS "no libunicorn: vboard's processor is not held against it (oracle/instructions)")
endif()
