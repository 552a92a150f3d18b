# SPDX-License-Identifier: MIT
#
# CTest runs a part of the sweep; script/power-sweep the whole. Under the sanitizers, ten times
# slower, a smaller part.
add_executable(test-power-board ${CMAKE_CURRENT_LIST_DIR}/board.c
    ${CMAKE_CURRENT_LIST_DIR}/aftermath.c ${CMAKE_SOURCE_DIR}/tests/board/cable_device.c)
set_target_properties(test-power-board PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(test-power-board PRIVATE board_host board_pages doctor)
add_test(NAME power/board
    COMMAND test-power-board --jobs 1 --every $<IF:$<BOOL:${REDFU_SANITIZE}>,2000,40>)
set_tests_properties(power/board PROPERTIES TIMEOUT 300 LABELS long)
