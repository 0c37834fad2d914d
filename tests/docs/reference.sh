#!/bin/sh
# The reference of the public headers, without a warning: reference.sh DOXYGEN OUTPUT, from the root of the project.
set -eu
rm -rf "$2/api"
{ cat docs/Doxyfile && echo "OUTPUT_DIRECTORY = $2"; } | "$1" -
# Where the filter failed, which is none of Doxygen's warnings, the comments are missing.
grep -q 'waits while a gating consumer' "$2/api/classringbolt_1_1Publisher.html"
