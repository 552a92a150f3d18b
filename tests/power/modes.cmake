# SPDX-License-Identifier: MIT
#
# CTest runs all first cuts and a part of the second ones; `test-power-modes` all of them.
add_executable(test-power-modes ${CMAKE_CURRENT_LIST_DIR}/modes.c)
set_target_properties(test-power-modes PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(test-power-modes PRIVATE board_host board_pages)
add_test(NAME power/modes COMMAND test-power-modes --every 60)
set_tests_properties(power/modes PROPERTIES TIMEOUT 400 LABELS long)
