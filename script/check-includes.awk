# SPDX-License-Identifier: MIT
#
# The rules behind script/check-includes, which feeds it: the list of C files, the #include lines
# ("file:line:text") and what compilers opened ("object<TAB>path"). Variables: `root` (with a
# trailing slash) and `table` (the document that holds the table).

BEGIN {
    # C11 4p6: what a freestanding implementation has.
    count = split("float iso646 limits stdalign stdarg stdbool stddef stdint stdnoreturn", name, " ")
    for (i = 1; i <= count; i++) {
        freestanding[name[i] ".h"] = 1
    }
    read_table()
}

# ---- the table --------------------------------------------------------------------------------

function give_up(why) {
    print "check-includes: " table ": " why > "/dev/stderr"
    broken = 1
    exit 2
}

function trim(text) {
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    return text
}

# Rows between "| folder | may include, ..." and the next line that is no row.
function read_table(    line, inside, cell) {
    while ((getline line < table) > 0) {
        if (line ~ /^\| *folder *\| *may include/) {
            inside = 1
        } else if (inside && line !~ /^\|/) {
            break
        } else if (inside && line !~ /^\|[-| ]*$/) {
            split(line, cell, "|")
            read_row(trim(cell[2]), trim(cell[3]))
        }
    }
    if (!inside || rows == 0) {
        give_up("the table 'who may include whom' is not there")
    }
    close_over_table()
}

function read_row(folders, allowed,    names, n, words, count, i, j) {
    rows++
    sub(/[;:].*/, "", allowed) # after a colon or semicolon comes an explanation for people
    n = split(folders, names, ",")
    count = split(allowed, words, ",")
    for (i = 1; i <= n; i++) {
        row[trim(names[i])] = allowed
        for (j = 1; j <= count; j++) {
            read_word(trim(names[i]), trim(words[j]))
        }
    }
}

function read_word(folder, word) {
    if (word == "anything") {
        anything[folder] = hosted[folder] = 1
    } else if (word == "hosted C") {
        hosted[folder] = 1
    } else if (word == "freestanding C headers only") {
        # What every folder may; nothing to note.
    } else if (word ~ /^[a-z0-9]+'s public header$/) {
        sub(/'s.*/, "", word)
        public[folder, word] = may_see[folder, word] = 1
    } else if (word ~ /^[a-z0-9\/]+$/) {
        may[folder, word] = may_see[folder, word] = 1
    } else {
        give_up("row '" folder "' says '" word "', which script/check-includes.awk does not understand")
    }
}

# What a folder may see through the headers it includes.
function close_over_table(    changed, a, b, c) {
    do {
        changed = 0
        for (a in row) {
            for (b in row) {
                for (c in row) {
                    if ((a, b) in may_see && (b, c) in may_see && !((a, c) in may_see)) {
                        may_see[a, c] = changed = 1
                    }
                }
            }
        }
    } while (changed)
}

# The folder of the table a file belongs to: the longest that is a prefix of its path.
function folder_of(path,    folder, best) {
    best = ""
    for (folder in row) {
        if (index(path, folder "/") == 1 && length(folder) > length(best)) {
            best = folder
        }
    }
    return best
}

# ---- the verdicts -----------------------------------------------------------------------------

function violation(where, what, rule) {
    print where ": " what ": " rule
    violations++
}

function rule_of(folder) {
    return folder " may include " row[folder] " (" table ")"
}

function check_line(where, file, text,    folder, target) {
    folder = folder_of(file)
    if (folder == "") {
        violation(where, text, "no row of the table in " table " covers this folder")
        return
    }
    if (match(text, /include[ \t]*["<][^">]+[">]/) == 0 || text ~ /include_next/) {
        violation(where, text, "only #include \"path\" and #include <name>: anything else cannot be checked")
        return
    }
    target = substr(text, RSTART, RLENGTH)
    sub(/include[ \t]*["<]/, "", target)
    target = substr(target, 1, length(target) - 1)
    if ((folder == "port/stm32f4" || folder == "examples" || folder in anything) && text ~ /"board\.h"/) {
        return # the one include that the build resolves: boards/<name>/board.h of the board it is for
    }
    if (target in exists) {
        check_ours(where, folder, target, rule_of(folder))
    } else if (text ~ /"/) {
        violation(where, "\"" target "\"", "not a file below the repository's root, where includes are written from")
    } else {
        check_system(where, file, folder, target)
    }
}

function check_ours(where, folder, target, rule,    owner) {
    owner = folder_of(target)
    if (owner == folder || folder in anything || (folder, owner) in may) {
        return
    }
    if ((folder, owner) in public && target == owner "/redfu.h") {
        return
    }
    violation(where, "\"" target "\"", rule)
}

function check_system(where, file, folder, target) {
    if (target ~ /(^|\/)\.\.\//) {
        violation(where, "<" target ">", "a path with ../ hides what it includes")
        return
    }
    if (folder in anything || target in freestanding) {
        return
    }
    if (!(folder in hosted)) {
        violation(where, "<" target ">", folder " has only the freestanding C headers besides what the table allows")
    } else if (target ~ /(^|\/)libusb\.h$/) {
        if (folder != "host") {
            violation(where, "<" target ">", "libusb.h is for one file of host/ only")
        } else if (libusb_file != "" && libusb_file != file) {
            violation(where, "<" target ">", "libusb.h is for one file of host/ only, and " libusb_file " has it")
        }
        libusb_file = file
    }
}

# A compilation of `source` opened `path`.
function check_opened(source, path,    folder, owner) {
    folder = folder_of(source)
    if (folder == "") {
        return # generated, or a compiler's trial
    }
    owner = folder_of(path)
    if (owner == "" || owner == folder || folder in anything || (folder, owner) in may_see) {
        return
    }
    violation(source, "its compiler opened " path, rule_of(folder))
}

# Removes ./ and x/../ from an absolute path.
function plain(path) {
    while (sub(/\/\.\//, "/", path) || sub(/\/[^\/]+\/\.\.\//, "/", path)) {
    }
    return path
}

FNR == 1 { input++ }

input == 1 { exists[$0] = 1 }

input == 2 {
    split($0, part, ":")
    text = substr($0, length(part[1]) + length(part[2]) + 3)
    check_line(part[1] ":" part[2], part[1], text)
    lines++
}

input == 3 {
    tab = index($0, "\t")
    object = substr($0, 1, tab - 1)
    path = plain(substr($0, tab + 1))
    ours = index(path, root) == 1
    if (ours) {
        path = substr(path, length(root) + 1)
    }
    if (object != last_object) { # the first file of a compilation is its source
        last_object = object
        source = ours ? path : ""
        compilations++
    } else if (ours && source != "") {
        check_opened(source, path)
    }
}

END {
    if (broken) {
        exit 2
    }
    if (lines == 0) {
        print "check-includes: no #include line to check" > "/dev/stderr"
        exit 2
    }
    summary = lines " includes"
    if (compilations) {
        summary = summary " and " compilations " compilations"
    }
    if (violations) {
        print "check-includes: " summary ", " violations " against the table" > "/dev/stderr"
        exit 1
    }
    print "check-includes: " summary ", all within the table"
}
