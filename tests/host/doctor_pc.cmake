# SPDX-License-Identifier: MIT
redfu_test(NAME host/doctor_pc SOURCES host/doctor_pc.c host/redfu_run.c
    LIBRARIES redfu_bench redfu_cli)
