# SPDX-License-Identifier: MIT
redfu_test(NAME hosts/convert SOURCES hosts/convert.c host/shell.c TIMEOUT 300 LABELS e2e long)
redfu_runs(test-hosts-convert)
