# SPDX-License-Identifier: MIT
redfu_test(NAME hosts/package SOURCES hosts/package.c host/shell.c TIMEOUT 300 LABELS e2e)
redfu_runs(test-hosts-package)
