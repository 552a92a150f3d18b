# SPDX-License-Identifier: MIT
#
# CTest runs a part of the sweep; script/power-sweep the whole.
add_executable(test-power-commit ${CMAKE_CURRENT_LIST_DIR}/commit.c ${CMAKE_CURRENT_LIST_DIR}/aftermath.c)
set_target_properties(test-power-commit PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(test-power-commit PRIVATE board_host board_pages)
add_test(NAME power/commit COMMAND test-power-commit --jobs 1 --every $<IF:$<BOOL:${REDFU_SANITIZE}>,401,41>)
set_tests_properties(power/commit PROPERTIES TIMEOUT 300 LABELS long)
