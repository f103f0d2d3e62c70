#!/bin/sh
# fleet_check.sh gate|report|DEVICE... -- PROGRAM [ARGUMENT...]: runs octavo_fleet_compile (amd64) on devices of the fleet
# and ends with "N passed, N failed, N skipped", counting compiled modules; skipped are modules that a device lacks a
# feature for, or that have no answer when its FLEET_LIMIT seconds are over. gate: Debian 13's drivers, exit 1 when a
# module fails to compile or the last rung of a chosen one spills. report: sid's, never fails. Device names alone: those
# of sid. A device+INDEX/COUNT takes only that part of the shapes (--part of the program): Turing and Ampere share
# them out, since NVK gave each module that both compile the same registers and spills on either. FLEET_ARM64 names
# an arm64 build of the program for the devices that need one. Tables and logs go to FLEET_OUTPUT (default build/fleet),
# one .tsv a device.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
gate_devices='sws nv:172+0/2 nv:162+1/2 intel:dg2 lvp:256 amd:navi31 amd:polaris10' # the longest first: none is left alone
report_devices='adreno:630 adreno:660 adreno:740 adreno:830 mali:7212 mali:a867 apple:13 nv:192 nv:1b2 nv:132 v3d pvr
amd:gfx1201 amd:strix1 amd:navi21 amd:navi10 amd:vega10 intel:bmg intel:tgl intel:skl intel:ptl mali:ac74 lvp:256'

# One device: restarts after a job that killed the compiler, or that ran past the limit. Internal, used by xargs below.
if [ "${1:-}" = one ]; then
    suite=$2 device=$3
    shift 3
    case $device in
    *+*)
        set -- "$@" --part "${device#*+}"
        device=${device%+*}
        ;;
    esac
    case $device in
    mali:* | v3d | pvr | lvp64*)
        [ -n "${FLEET_ARM64:-}" ] || { echo "$device: needs an arm64 program: left out"; exit 0; }
        shift
        set -- "$FLEET_ARM64" "$@"
        ;;
    esac
    program=$1
    shift
    base=$FLEET_OUTPUT/$suite/$(echo "$device" | tr : _)
    mkdir -p "$FLEET_OUTPUT/$suite"
    : >"$base.tsv"
    : >"$base.log"
    start=$(date +%s) from=0 status=0 crashes=0
    while :; do
        left=$((FLEET_LIMIT - $(date +%s) + start))
        [ "$left" -gt 0 ] || break
        status=0
        timeout -k 5 "$left" sh "$here/fleet_run.sh" "$suite" "$device" "$program" --from "$from" "$@" \
            >>"$base.tsv" 2>>"$base.log" || status=$?
        [ "$status" -gt 3 ] && [ "$crashes" -lt 20 ] || break
        crashed=$(awk '/^job [0-9]+ of [0-9]+: /{number = $2} END {print number}' "$base.log")
        [ -n "$crashed" ] || break
        module=$(sed -n "s/^job $crashed of [0-9]*: //p" "$base.log" | tail -n 1)
        outcome=crashed
        case $status in 124 | 137) outcome='no answer in time' ;; esac
        printf '%s\t%s\t%s\tchosen\t0\t-\t-\t-\t-\t-\texit status %s\n' "$device" "$module" "$outcome" "$status" \
            >>"$base.tsv"
        from=$((crashed + 1))
        crashes=$((crashes + 1))
    done
    awk -F '\t' -v device="$device" -v status="$status" -v seconds=$(($(date +%s) - start)) '
        $3 == "ok" || ($3 == "spills" && $4 == "-") {passed++}
        $3 == "failed" || $3 == "crashed" || (($3 == "spills" || $3 == "unsupported") && $4 == "chosen") {
            failed++
            names = names "\n    " $2 ": " $3
        }
        $3 == "unsupported" && $4 != "chosen" {skipped++}
        $3 == "no answer in time" {late++; names = names "\n    " $2 ": " $3 ", it and what comes after it were left out"}
        $3 == "spills" && $4 == "-" {spilling++}
        $3 == "spills" && $4 == "tried" {tried++}
        END {
            skipped += late
            if (!failed && !late && status) {failed = 1; names = "\n    exit status " status}
            if (!passed && !failed && !late) {failed = 1; names = "\n    nothing compiled"}
            printf "%s: %d passed, %d failed, %d skipped; %d rungs spill, %d not chosen ones; %d s%s\n", device, passed,
                failed, skipped, tried, spilling, seconds, names
        }' "$base.tsv"
    exit 0
fi

suite=sid devices=''
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
    gate) suite=trixie devices=$gate_devices ;;
    report) devices=$report_devices ;;
    *) devices="$devices $1" ;;
    esac
    shift
done
[ $# -ge 2 ] && [ -n "$devices" ] || { sed -n '2,9s/^# //p' "$0" >&2; exit 2; }
shift
FLEET_OUTPUT=${FLEET_OUTPUT:-build/fleet}
FLEET_LIMIT=${FLEET_LIMIT:-300} # seconds for one device
export FLEET_OUTPUT FLEET_LIMIT
mkdir -p "$FLEET_OUTPUT"
if [ -n "${FLEET_ARM64:-}" ]; then
    sh "$here/fleet_setup.sh" "$suite" amd64 arm64
else
    sh "$here/fleet_setup.sh" "$suite"
fi
echo "$devices" | tr -s ' ' '\n' | sed '/^$/d' |
    xargs -P "$(getconf _NPROCESSORS_ONLN)" -I DEVICE sh "$0" one "$suite" DEVICE "$@" | tee "$FLEET_OUTPUT/$suite.txt"
awk '/ passed, /{for (i = 2; i <= NF; i++) {if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^failed/) f += $(i - 1)
    if ($i ~ /^skipped/) s += $(i - 1)}} END {printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || !p}' \
    "$FLEET_OUTPUT/$suite.txt" || [ "$suite" = sid ]
