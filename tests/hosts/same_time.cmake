# SPDX-License-Identifier: MIT
redfu_test(NAME hosts/same_time SOURCES hosts/same_time.c host/shell.c TIMEOUT 300 LABELS e2e long)
redfu_runs(test-hosts-same_time)
