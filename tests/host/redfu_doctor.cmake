# SPDX-License-Identifier: MIT
#
# `redfu doctor`.
redfu_test(NAME host/redfu_doctor
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/redfu_doctor.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 1200 LABELS e2e long)
redfu_runs(test-host-redfu_doctor NEEDS ward_patients)
target_compile_definitions(test-host-redfu_doctor PRIVATE WARD="${CMAKE_BINARY_DIR}/tests/ward")
