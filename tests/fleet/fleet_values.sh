#!/bin/sh
# fleet_values.sh PROGRAM [DEVICE...]: counts on devices of the fleet how many instructions the decode walk takes for each
# cached value (fleet_values.h says how) and writes tests/fleet/instructions.json; PROGRAM is octavo_fleet_compile (amd64),
# FLEET_ARM64 an arm64 build of it. Without names: all devices, with Debian sid's drivers, and those of the gate also with
# Debian 13's, as in amd:navi31@trixie. With names only these are counted again.
# fleet_values.sh --markdown: the README's table, from that file. --check: whether the README has it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
json=$here/instructions.json

if [ "${1:-}" = --markdown ]; then
    # first the chips with accelerated integer dot products, with the ratio to the best of them
    awk '
        function number(key) {
            return match($0, "\"" key "\": [0-9.]+") ? substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 4) + 0 : 0
        }
        function text(key) {
            return match($0, "\"" key "\": \"[^\"]*\"") ? substr($0, RSTART + length(key) + 5, RLENGTH - length(key) - 6) : ""
        }
        function cells(chip, group) {
            if (!((chip, group) in per)) return " - | - |"
            return sprintf(" %.2f | %s |", per[chip, group], dot[chip] ? sprintf("%.2f", per[chip, group] / best[group]) : "-")
        }
        function spoken(chip) {sub(/@trixie/, ", Debian 13", chip); return chip}
        function row(chip) {printf "| %s | %s |%s%s\n", spoken(chip), name[chip], cells(chip, 1), cells(chip, 4)}
        /"instructions_per_value"/ {
            chip = text("chip")
            if (!(chip in name)) chips[++count] = chip
            kernel = text("kernel")
            group = kernel ~ / group 4 / ? 4 : 1
            sub(/ .*/, "", kernel)
            sub(/^walk_/, "", kernel)
            name[chip] = kernel (/"spills": true/ ? ", spills" : "")
            dot[chip] = /"int8_dot": true/
            value = per[chip, group] = number("instructions_per_value")
            if (dot[chip] && (!best[group] || value < best[group])) best[group] = value
        }
        /"reason"/ {missing = missing (missing ? "; " : "") spoken(text("chip")) ": " text("reason")}
        END {
            print "| chip | kernel | 1 query head | to the best | 4 query heads | to the best |"
            print "|---|---|---:|---:|---:|---:|"
            for (i = 1; i <= count; i++) if (dot[chips[i]]) row(chips[i])
            for (i = 1; i <= count; i++) if (!dot[chips[i]]) row(chips[i])
            if (missing) print "\nWithout a number: " missing "."
        }' "$json"
    exit 0
fi

if [ "${1:-}" = --check ]; then
    sh "$0" --markdown | while IFS= read -r line; do
        [ -z "$line" ] || grep -qxF -e "$line" "$here/../../README.md" || { echo "not in README.md: $line"; exit 1; }
    done
    exit
fi

[ $# -ge 1 ] || { sed -n '2,7s/^# //p' "$0" >&2; exit 2; }
program=$1
shift
all='amd:polaris10@trixie amd:polaris10 amd:vega10 amd:navi10 amd:navi21 amd:navi31@trixie amd:navi31 amd:strix1 amd:gfx1201
intel:skl intel:tgl intel:dg2@trixie intel:dg2 intel:bmg intel:ptl
nv:132 nv:162@trixie nv:162 nv:172@trixie nv:172 nv:192 nv:1b2
adreno:630 adreno:660 adreno:740 adreno:830 mali:7212 mali:a867 mali:ac74 apple:13 v3d pvr'
[ $# -gt 0 ] || set -- $all
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
limit=${FLEET_LIMIT:-600} # seconds for one device

count() { # DEVICE: lines of JSON into a file of its name
    suite=sid binary=$program device=${1%@*}
    case $1 in *@*) suite=${1#*@} ;; esac
    case $device in
    mali:* | v3d | pvr) binary=${FLEET_ARM64:-} ;;
    esac
    file=$results/$(echo "$1" | tr : _)
    [ -n "$binary" ] || { printf '{"chip": "%s", "reason": "no arm64 program was given"}\n' "$1" >"$file"; return; }
    status=0
    timeout -k 5 "$limit" sh "$here/fleet_run.sh" "$suite" "$device" "$binary" --values "$1" >"$file" 2>"$file.log" || status=$?
    if [ "$(wc -l <"$file")" -lt 2 ]; then
        case $status in
        124 | 137) reason="its compiler takes more than $limit s" ;;
        *) reason=$(sed -n 's/^the library refuses .*: \(Vulkan 1\.0\).*/\1/p; s/^walk_.*: \([^:]*\)$/\1/p' "$file.log" | tail -n 1) ;;
        esac
        printf '{"chip": "%s", "reason": "%s"}\n' "$1" "${reason:-exit status $status}" >>"$file"
    fi
    echo "$1: $(sed -n 's/.*"instructions_per_value": \([0-9.]*\).*/\1/p; s/.*"reason": "\(.*\)".*/\1/p' "$file" | tr '\n' ' ')" >&2
}
workers=$(getconf _NPROCESSORS_ONLN)
running=0
for name in "$@"; do
    count "$name" &
    running=$((running + 1))
    [ "$running" -lt "$workers" ] || { wait; running=0; }
done
wait

# what was counted now takes the place of the same chip's rows; the order is that of the list
{
    for name in $all; do
        file=$results/$(echo "$name" | tr : _)
        if [ -e "$file" ]; then
            cat "$file"
        else
            grep -F "{\"chip\": \"$name\"," "$json" 2>/dev/null | sed 's/,$//' || true
        fi
    done
} | awk -v date="$(date -u +%Y-%m-%d)" '
    BEGIN {printf "{\"schema\": \"octavo-fleet-instructions-1\", \"date\": \"%s\", \"rows\": [", date}
    {printf "%s\n%s", (NR > 1 ? "," : ""), $0}
    END {print "\n]}"}' >"$json.new"
mv "$json.new" "$json"
