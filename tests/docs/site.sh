#!/bin/sh
# What `./dev docs` makes, without a warning, in a directory that goes again: site.sh mkdocs|doxygen TOOL, in the project's root.
set -eu
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
case $1 in
  mkdocs)
    "$2" build --quiet --site-dir "$output"
    test -s "$output/guide.html"
    ;;
  doxygen)
    { cat docs/Doxyfile && echo "OUTPUT_DIRECTORY = $output"; } | "$2" -
    # Where the filter failed, which is none of Doxygen's warnings, the comments are missing.
    grep -q 'waits while a gating consumer' "$output/api/classringbolt_1_1Publisher.html"
    ;;
esac
