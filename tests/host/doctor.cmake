# SPDX-License-Identifier: MIT
#
# `vboard doctor`.
redfu_test(NAME host/doctor
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/doctor_test.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 180)
redfu_runs(test-host-doctor NEEDS ward_patients)
target_compile_definitions(test-host-doctor PRIVATE WARD="${CMAKE_BINARY_DIR}/tests/ward")
