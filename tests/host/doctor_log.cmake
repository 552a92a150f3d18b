# SPDX-License-Identifier: MIT
#
# `redfu doctor --log`.
redfu_test(NAME host/doctor_log
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/doctor_log.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 300 LABELS e2e)
redfu_runs(test-host-doctor_log NEEDS ward_patients)
target_compile_definitions(test-host-doctor_log PRIVATE
    LOGS="${CMAKE_CURRENT_SOURCE_DIR}/vectors/logs"
    WARD="${CMAKE_BINARY_DIR}/tests/ward")
