# SPDX-License-Identifier: MIT
#
# Disturbed loads in a row; script/soak loads runs a thousand.
add_executable(soak-loads ${CMAKE_CURRENT_LIST_DIR}/loads.c)
set_target_properties(soak-loads PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
redfu_runs(soak-loads BOARD stm32f4-discovery NEEDS vboard-preload)
target_compile_definitions(soak-loads PRIVATE STACK_SCRIPT="${CMAKE_SOURCE_DIR}/script/stack")
add_test(NAME soak/loads COMMAND soak-loads 24)
set_tests_properties(soak/loads PROPERTIES LABELS "e2e;long" TIMEOUT 600)
