#!/bin/sh
# matrix_check.sh SUITE PROGRAM DEVICE...: compiles the walks of prefill with matrix units (octavo_fleet_compile
# --matrix) on devices of the fleet, and fails where one spills on its last rung or where its assembly has no instruction
# of matrix units (WMMA, DPAS, HMMA). A device whose driver offers no matrices, or gives no answer in FLEET_LIMIT seconds,
# is skipped. Ends with "N passed, N failed, N skipped"; tables go to FLEET_OUTPUT (default build/fleet) as
# SUITE/matrix_DEVICE.tsv.
set -eu
[ $# -ge 3 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
suite=$1 program=$2
shift 2
output=${FLEET_OUTPUT:-build/fleet}/$suite
limit=${FLEET_LIMIT:-300} # seconds for one device
mkdir -p "$output"
passed=0 failed=0 skipped=0
for device in "$@"; do
    base=$output/matrix_$(echo "$device" | tr : _)
    status=0
    timeout -k 5 "$limit" sh "$here/fleet_run.sh" "$suite" "$device" "$program" --matrix >"$base.tsv" 2>"$base.log" || status=$?
    # device, module, result, chosen, subgroup, registers, spills, scratch, instructions, occupancy, matrix
    awk -F '\t' -v device="$device" 'NR > 1 && $4 == "chosen" {
        printf "%s\t%s\t%s\t%s registers\t%s instructions\t%s of matrix units\n", device, $2, $3, $6, $9, $11}' "$base.tsv"
    case $status in
    0) passed=$((passed + 1)) ;;
    4 | 124 | 137) skipped=$((skipped + 1)); echo "$device: skipped, $(tail -n 1 "$base.log")" ;;
    *) failed=$((failed + 1)); echo "$device: FAILED, exit status $status" ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
