# The header as doxygen reads it: its first comment is the main page, and each section, which begins with
#
#     /*
#      * Tasks -------
#
# is a group, with what stands between the sections in it. No line is added, so that line numbers are right.

NR == 1 { print "/** @mainpage"; next }

/^\/\*$/ { held = 1; next }

held && / -----/ {
    title = $0
    sub(/^ \* /, "", title)
    sub(/ -+$/, "", title)
    name = tolower(title)
    gsub(/[^a-z]+/, "_", name)
    printf "%s/** @defgroup %s %s\n *\n", open ? "/** @} */ " : "", name, title
    held = 0
    open = section = 1
    next
}
held { print "/*"; held = 0 }

section && /\*\/$/ { sub(/\*\/$/, "@{ */"); section = 0 }

/^#ifdef __cplusplus$/ && open { printf "/** @} */ "; open = 0 }

# Their section describes them; doxygen wants that of each.
/^#define TS_VERSION/ { print $0 " /**< Of the header: see above. */"; next }

{ print }
