# SPDX-License-Identifier: MIT
redfu_test(NAME unit/seal SOURCES unit/seal.c LIBRARIES image spec)
