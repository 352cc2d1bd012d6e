# SPDX-License-Identifier: MIT
#
# Counts lines that hold code: not blank, not only a comment. Prints one line per top directory and the
# sum; fails when the sum reaches `limit`.

FNR == 1 { in_comment = 0; split(FILENAME, parts, "/"); part = parts[1] }

{
    code = ""
    rest = $0
    while (rest != "") {
        if (in_comment) {
            end = index(rest, "*/")
            if (!end)
                break
            rest = substr(rest, end + 2)
            in_comment = 0
        } else {
            start = index(rest, "/*")
            line_comment = index(rest, "//")
            if (line_comment && (!start || line_comment < start)) {
                code = code substr(rest, 1, line_comment - 1)
                break
            }
            if (!start) {
                code = code rest
                break
            }
            code = code substr(rest, 1, start - 1)
            rest = substr(rest, start + 2)
            in_comment = 1
        }
    }
    if (code ~ /[^ \t]/) {
        count[part]++
        total++
    }
}

END {
    for (part in count)
        printf "%-8s %6d\n", part, count[part]
    printf "%-8s %6d of %d\n", "all", total, limit
    exit total >= limit
}
