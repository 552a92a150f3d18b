# SPDX-License-Identifier: MIT
redfu_test(NAME unit/log SOURCES unit/log.c LIBRARIES doctor)
target_compile_definitions(test-unit-log PRIVATE LOGS="${CMAKE_CURRENT_SOURCE_DIR}/vectors/logs")
