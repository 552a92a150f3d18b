# SPDX-License-Identifier: MIT
#
# script/stack's work: reads script/stack.list, then call graphs as gcc writes them (VCG), one after the
# other in one file, and finds the deepest path from each root.
#
# A node is known by its title: an exported function's name, or unit:name for one that only its unit sees, so two of
# the same name are told apart. The list names functions as the source does; what the compiler has
# made of one (name.isra.0, name.lto_priv.1) counts as it.

function wrong(text) {
    printf "script/stack: %s\n", text > "/dev/stderr"
    failed = 1
    exit 1
}

# The n-th "quoted" text of the line.
function quoted(line, n,    parts) {
    split(line, parts, "\"")
    return parts[2 * n]
}

function key(title) {
    return title ~ /:/ ? unit "#" title : title
}

# name.isra.0 of unit:name.isra.0, and name of that.
function plain(title) {
    sub(/.*:/, "", title)
    sub(/\..*/, "", title)
    return title
}

# "core/gate.c:39:12" of a path that ends so: where the build's folder lay when this was compiled does not matter.
function place_of(label) {
    if (match(label, /(app|core|port|settings|spec)\/[^:]*:[0-9]+:[0-9]+$/)) {
        # The last such folder: the path before it may have one, too.
        while (match(substr(label, 2), /\/(app|core|port|settings|spec)\/[^:]*:[0-9]+:[0-9]+$/)) {
            label = substr(label, RSTART + 2)
        }
    }
    return label
}

# The source from there on, this line and the next.
function source_at(place,    parts, path, text, number, line) {
    split(place, parts, ":")
    path = parts[1] ~ /^\// ? parts[1] : root "/" parts[1]
    text = ""
    number = 0
    while ((getline line < path) > 0) {
        number++
        if (number == parts[2]) {
            text = substr(line, parts[3])
        } else if (number == parts[2] + 1) {
            text = text " " line
        }
    }
    close(path)
    return text
}

# Which functions an indirect call may reach: a row of the list.
function resolve(caller, place,    text, member) {
    text = source_at(place)
    if (match(text, /[A-Za-z_0-9]+(->|\.)[A-Za-z_0-9]+\)?\(/)) {
        member = substr(text, RSTART, RLENGTH)
        sub(/\)?\($/, "", member)
        sub(/\./, "->", member)
        if (member in targets) {
            return targets[member]
        }
        sub(/.*->/, "", member)
        if (member in targets) {
            return targets[member]
        }
    }
    # A function's name by itself, a parameter.
    if (match(text, /[A-Za-z_0-9]+\(/)) {
        member = substr(text, RSTART, RLENGTH - 1)
        if (member in targets) {
            return targets[member]
        }
    }
    wrong("script/stack.list does not know what is called through a pointer in " plain(caller) \
        " at " place ": " text)
}

function add_edge(from, to) {
    if (!((from, to) in is_edge)) {
        is_edge[from, to] = 1
        edge[from, ++edges[from]] = to
    }
}

# Equal functions of one unit are one in the code: the copies (name.lto_priv.1 ...) are called and not there.
function twin(node,    i, count, nodes, its_unit) {
    its_unit = node
    sub(/#.*/, "", its_unit)
    count = split(by_name[plain(node)], nodes, "\n")
    for (i = 1; i < count; i++) {
        if (index(nodes[i], its_unit "#") == 1) {
            return nodes[i]
        }
    }
    return ""
}

# Deepest stack from a node on, its own included.
function depth(node,    i, best, here, to) {
    if (node in known) {
        return known[node]
    }
    if (!(node in bytes) && (twin(node) in bytes)) {
        next_of[node] = twin(node)
        bytes[node] = 0
        known[node] = depth(next_of[node])
        return known[node]
    }
    if (!(node in bytes)) {
        wrong(plain(node) " is called and nothing is known of its stack")
    }
    if (active[node]) {
        wrong(plain(node) " calls itself, by way of others perhaps, and script/stack.list does not say how deep")
    }
    active[node] = 1
    best = 0
    for (i = 1; i <= edges[node]; i++) {
        to = edge[node, i]
        if (to == node && (plain(node) in deep)) {
            continue
        }
        here = depth(to)
        if (here > best || next_of[node] == "") {
            best = here
            next_of[node] = to
        }
    }
    active[node] = 0
    known[node] = bytes[node] * ((plain(node) in deep) ? deep[plain(node)] : 1) + best
    return known[node]
}

function print_path(node,    frame) {
    for (; node != ""; node = next_of[node]) {
        frame = bytes[node] * ((plain(node) in deep) ? deep[plain(node)] : 1)
        printf "    %5d  %s%s\n", frame, plain(node), (plain(node) in deep) ? " x " deep[plain(node)] : ""
    }
}

FNR == NR {
    if ($1 == "call") {
        targets[$2] = " "
        for (i = 3; i <= NF; i++) {
            targets[$2] = targets[$2] $i " "
        }
    } else if ($1 == "jump") {
        jumps[$2] = $3
    } else if ($1 == "deep") {
        deep[$2] = $3
    } else if ($1 == "root") {
        roots[++root_count] = $2
        pushed[$2] = $3
        what[$2] = $0
        sub(/root [^ ]+ [^ ]+ /, "", what[$2])
    } else if ($1 !~ /^#/ && NF > 0) {
        wrong("script/stack.list:" FNR ": no such word: " $1)
    }
    next
}

/^graph:/ { unit++ }

/^node:/ {
    title = quoted($0, 1)
    label = quoted($0, 2)
    if (match(label, /[0-9]+ bytes \([a-z,]*\)$/)) {
        size = substr(label, RSTART, RLENGTH)
        if (size !~ /\(static\)|bounded/) {
            wrong(plain(title) " takes a stack that depends on its arguments")
        }
        node = key(title)
        bytes[node] = size + 0
        by_name[plain(title)] = by_name[plain(title)] node "\n"
    }
}

/^edge:/ {
    from = key(quoted($0, 1))
    to = quoted($0, 2)
    if (to == "__indirect_call") {
        pending++
        pending_from[pending] = from
        pending_place[pending] = place_of(quoted($0, 3))
    } else {
        add_edge(from, key(to))
    }
}

# Every function of that name.
function add_named(from, name,    i, count, nodes) {
    if (!(name in by_name)) {
        return 0
    }
    count = split(by_name[name], nodes, "\n")
    for (i = 1; i < count; i++) {
        add_edge(from, nodes[i])
    }
    return count - 1
}

END {
    if (failed) {
        exit 1
    }
    if (unit == 0 || pending == 0) {
        printf "script/stack: no call graph of redfu-boot in it\n" > "/dev/stderr"
        exit 2
    }
    for (i = 1; i <= pending; i++) {
        list = resolve(pending_from[i], pending_place[i])
        count = split(list, names, " ")
        for (j = 1; j <= count; j++) {
            name = names[j]
            sub(/\?$/, "", name)
            if (name != "" && add_named(pending_from[i], name) == 0 && names[j] !~ /\?$/) {
                wrong("script/stack.list: there is no " name " to be called from " plain(pending_from[i]))
            }
        }
    }
    for (name in jumps) {
        count = split(by_name[name], nodes, "\n")
        for (i = 1; i < count; i++) {
            if (add_named(nodes[i], jumps[name]) == 0) {
                wrong("script/stack.list: there is no " jumps[name])
            }
        }
    }
    worst = 0
    for (i = 1; i <= root_count; i++) {
        name = roots[i]
        if (!(name in by_name)) {
            wrong("there is no " name " in this call graph")
        }
        split(by_name[name], nodes, "\n")
        sum[name] = pushed[name] + depth(nodes[1])
        if (pushed[name] > 0) {
            on_top = sum[name]
        } else if (sum[name] > worst) {
            worst = sum[name]
        }
        if (form != "bytes") {
            printf "%s: %d bytes\n", what[name], sum[name]
            if (pushed[name] > 0) {
                printf "    %5d  pushed by the processor\n", pushed[name]
            }
            print_path(nodes[1])
        }
    }
    if (form == "bytes") {
        print worst + on_top
    } else {
        printf "the stack needs %d bytes\n", worst + on_top
    }
}
