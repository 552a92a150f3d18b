# SPDX-License-Identifier: MIT
#
# Of the parts' list (script/evidence) and docs/evidence.md, README.md's summary: a row for each part, what it is, how
# much of it, and whether it held. Nothing is known here but what stands in the document: numbers as they were printed,
# and times too. A part whose lines are not understood says so.

# 1234567 as 1,234,567.
function many(number,    text, tail) {
    text = number ""
    tail = ""
    while (text ~ /^[0-9][0-9][0-9][0-9]+$/) {
        tail = "," substr(text, length(text) - 2) tail
        text = substr(text, 1, length(text) - 3)
    }
    return text tail
}

# GitHub's anchor of a heading, as script/check-docs has it.
function anchor(title) {
    title = tolower(title)
    gsub(/ /, "-", title)
    gsub(/[^a-z0-9_-]/, "", title)
    return title
}

# The words KEY=NUMBER of a line into value[].
function keys(line,    words, n, i, at) {
    delete value
    n = split(line, words, /[ ()]+/)
    for (i = 1; i <= n; i++) {
        at = index(words[i], "=")
        if (at > 1) {
            value[substr(words[i], 1, at - 1)] = substr(words[i], at + 1)
        }
    }
}

function add(name, text) {
    much[name] = much[name] (much[name] == "" ? "" : "; ") text
}

# The number of KEY; a line without it is not one that is understood here.
function of(key) {
    if (!(key in value)) {
        is_strange[name] = 1
        return 0
    }
    return value[key]
}

# One line of the section of part NAME.
function look(name, line) {
    if (line ~ /^evidence: /) {
        keys(line)
        if (name == "interop") {
            add(name, many(of("held")) " cells held, " of("failed") " failed, " of("not_applicable") " do not apply, " \
                of("not_run") " not run" (of("vm") == "yes" ? "" : "; without the Linux in QEMU"))
            if (of("not_run") != 0) {
                but[name] = "not all run"
            }
        } else if (name == "soak") {
            add(name, many(of("loads")) " loads, " many(of("disturbed")) " of them disturbed, " of("failed") " failed")
        } else if (name == "power") {
            if (line ~ /^evidence: power_cuts /) { # the others are parts of it
                add(name, many(of("cuts")) " cuts, " of("failed") " failed")
            }
        } else if (name == "explore") {
            add(name, many(of("states")) " states, " many(of("transitions")) " transitions, " many(of("cuts")) \
                " cuts, " of("failed") " ends of paths broke a promise")
        } else if (name == "mutants") {
            add(name, many(of("count")) " bugs put in, " many(of("found")) " found, " of("survived") " survived")
        } else if (name == "skip") {
            add(name, of("situation") ": " many(of("points")) " instructions, " of("survivors") " survivors")
        } else if (name == "fuzz_image") {
            add(name, many(of("runs")) " runs, " many(of("instructions")) " instructions reached, " of("failed") " failed")
        } else if (name == "fuzz") {
            targets++
            runs += of("runs")
            failed += of("failed")
            much[name] = targets " targets, " many(sprintf("%.0f", runs)) " runs, " failed " of the targets failed"
        } else if (name == "ward") {
            add(name, of("side") ": " of("patients") " patients, " of("right") " diagnosed right")
        } else if (name == "coverage") {
            add(name, "lines " of("lines") ", branches " of("branches"))
            # Printed since there is a list of them.
            if ("excused_lines" in value) {
                add(name, of("excused_lines") " and " of("excused_branches") " out of reach, with a reason in a list")
            }
            split(of("lines"), l, "/")
            split(of("branches"), b, "/")
            if (l[1] != l[2] || b[1] != b[2]) {
                but[name] = "goal (all) missed"
            }
        } else if (name == "static") {
            add(name, many(of("findings")) " findings, " many(of("excused")) " with a reason in a list, " \
                of("failed") " without")
        }
    } else if (name == "fuzz_cpu" && line ~ /instructions, [0-9]+ differences$/) {
        split(line, part, /[:, ]+/)
        add(name, many(part[3]) " instructions, " part[5] " differences")
    } else if (name == "rtos" && line ~ /^run [0-9]+: [0-9]+ instructions/) {
        split(line, part, " ")
        rounds++
        right += line ~ /: right$/
        length_ = part[3]
        much[name] = rounds " runs of " many(length_) " instructions, " right " right"
    } else if (name == "conformance" && line ~ /assertions: /) {
        add(name, line)
    } else if (name == "bench" && line ~ /\t(met|missed)$/) {
        met += line ~ /\tmet$/
        missed += line ~ /\tmissed$/
        much[name] = met + missed " figures with a goal, " met " met, " missed " missed"
        if (missed) {
            but[name] = "goals missed"
        }
    } else if (name == "load" && split(line, part, /[ ]*\|[ ]*/) == 9 && part[4] ~ /^[0-9]+ KB/) {
        size = part[4] + 0
        if (size > largest) {
            largest = size
            much[name] = size " KB (in brackets, times what the flash takes alone):"
        }
        if (size == largest) {
            much[name] = much[name] (much[name] ~ /:$/ ? " " : "; ") part[2] " by " part[3] " in " part[6]
        }
    } else if (name == "size" && line ~ /^total /) {
        most = 0
        split(line, part, " ")
        for (i = 2; i in part && (i + 1) in part; i++) { # the last is no board's: bytes of .bss
            boards = i - 1
            most = part[i] > most ? part[i] + 0 : most
        }
        much[name] = boards " boards, the largest " many(most) " bytes"
    } else if (name == "size" && line ~ /^goal /) {
        add(name, line)
        if (line ~ /missed/) {
            but[name] = "goal missed"
        }
    }
}

# The list of parts.
FNR == NR {
    split($0, field, "|")
    order[++count] = field[1]
    title[field[1]] = field[2]
    name_of[field[2]] = field[1]
    long[field[1]] = field[3]
    next
}

/^```/ { is_fenced = !is_fenced }

!is_fenced && /^## / {
    name = name_of[substr($0, 4)]
    next
}

# `COMMAND`, WHEN UTC, exit status N.
name != "" && !(name in status) && match($0, /, exit status [0-9]+\.$/) {
    status[name] = substr($0, RSTART + 14) + 0
    command = $0
    sub(/`, [0-9].*/, "", command)
    is_short[name] = substr(command, 2) != long[name]
    next
}

name != "" { look(name, $0) }

END {
    print "| what was run | how much | result |"
    print "|---|---|---|"
    for (i = 1; i <= count; i++) {
        name = order[i]
        if (!(name in status)) {
            result = "not run"
        } else if (status[name] != 0) {
            result = "**did not hold**"
        } else if (much[name] == "") {
            result = "no figures were printed"
        } else if (name in is_strange) {
            result = "figures not understood"
        } else if (name == "load") {
            result = "measured"
        } else if (name in but) {
            result = "held, " but[name]
        } else {
            result = "held"
        }
        printf "| [%s](docs/evidence.md#%s) | %s%s | %s |\n", title[name], anchor(title[name]),
            ((name in status) && is_short[name] ? "the short form: " : ""), much[name], result
    }
}
