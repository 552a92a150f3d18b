# SPDX-License-Identifier: MIT
redfu_test(NAME unit/layout SOURCES unit/layout.c LIBRARIES redfu_host)
