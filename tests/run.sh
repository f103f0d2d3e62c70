#!/bin/sh
# tests/run.sh [STAGE...]: installs what is missing, builds and tests everything; with names, only those stages (list:
# tests/run.sh --list). Ends with "N passed, N failed, N skipped" over all stages, and fails when one did.
# A stage's log is build/logs/STAGE.log. A stage that runs past its limit fails; the limits are several times what an
# idle machine of two cores needs. fleet-report, fleet-values and matrix run only when named; the first never fails, the
# second counts instructions anew for tests/fleet/instructions.json, the third takes the matrix walks to Debian sid's
# drivers, which move: it compiles them and runs them on a lavapipe that has cooperative matrix.
set -u
cd "$(dirname "$0")/.." || exit 2
. samples/install_packages.sh
logs=build/logs
fuzz_seconds=${OCTAVO_FUZZ_SECONDS:-25}
jobs=$(getconf _NPROCESSORS_ONLN)
all_stages='packages build-dev unit gpu-lvp-128 gpu-lvp-256 gpu-lvp-512 gpu-swiftshader validation random install fleet
build-clang unit-clang build-asan asan build-tsan tsan build-fuzz fuzz'

# A stage reports with these; each line adds to the sum.
report() { echo "COUNT $1 $2 $3"; }
one() { # one COMMAND...: a stage that is one check
    if "$@"; then report 1 0 0; else report 0 1 0; fi
}

configure_and_build() { # PRESET BUILD_FOLDER [CMAKE_OPTION...]
    preset=$1 folder=$2
    shift 2
    cmake --preset "$preset" -B "$folder" "$@" && cmake --build "$folder"
}

# tests FOLDER DEVICE CTEST_ARGUMENT...: DEVICE is what software_device.sh takes, or none
run_ctest() {
    folder=$1 device=$2
    shift 2
    environment=''
    if [ "$device" != none ]; then
        export GALLIVM_PERF=nopt # lavapipe without LLVM's optimiser, 40 % of its time; stage random has it at 256 bits
        environment=$(sh tests/fleet/software_device.sh "$device") || { report 0 1 0; return; }
    fi
    results=$PWD/$logs/ctest-$stage.xml
    rm -f "$results"
    env $environment ctest --test-dir "$folder" --output-on-failure --no-tests=error --parallel "$jobs" \
        --output-junit "$results" "$@" || echo "ctest returned $?"
    # <testsuite ... tests="5" failures="0" disabled="0" skipped="1" ...>
    counts=$(sed -n '1,/>/p' "$results" 2>/dev/null | tr '\n\t' '  ')
    attribute() { echo "$counts" | sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p"; }
    total=$(attribute tests) failures=$(attribute failures) skips=$(attribute skipped) disabled=$(attribute disabled)
    if [ -z "$total" ] || [ "$total" = 0 ]; then
        report 0 1 0
    else
        skips=$((skips + disabled))
        report $((total - failures - skips)) "$failures" "$skips"
    fi
}

stage_packages() { one install_packages "$octavo_build_tools $octavo_test_tools" $octavo_build_packages $octavo_test_packages; }
stage_build_dev() { one configure_and_build dev build/dev; }
stage_unit() { run_ctest build/dev none -LE 'gpu|install|fleet'; }
# test_bench is of the tool, not of the kernels, and most of its time is what the tool measures: it runs once, its cases
# shared out among validation, which has least to do and takes the one that tunes, and asan. What lavapipe compiled at 256
# bits is there for the stages of that width that follow.
stage_gpu_lvp_128() { run_ctest build/dev lvp:128 -L gpu -E '^test_bench'; }
stage_gpu_lvp_256() { run_ctest build/dev lvp:256 -L gpu -E '^test_bench'; }
stage_gpu_lvp_512() { run_ctest build/dev lvp:512 -L gpu -E '^test_bench'; }
stage_gpu_swiftshader() { run_ctest build/dev sws -L gpu -E '^test_bench'; }
stage_install() { run_ctest build/dev lvp:256 -L install; }

# The tests' support turns every message of the layer into a failure, and first proves that there is a layer.
stage_validation() {
    OCTAVO_TEST_VALIDATION=1 # the tests load the layer themselves: by VK_INSTANCE_LAYERS the loader would speak too
    export OCTAVO_TEST_VALIDATION
    run_ctest build/dev lvp:256 -L gpu -E '^test_bench_rows$'
}

# at_once FUNCTION ARGUMENT...: calls the function with each argument, as many at once as there are processors
at_once() {
    function=$1
    shift
    started=0
    for word in "$@"; do
        "$function" "$word" &
        started=$((started + 1))
        [ $((started % jobs)) != 0 ] || wait
    done
    wait
}

# Random problems on every software device (the fixed ones are a gpu test); the seed changes every day and is in the log.
# Each of two jobs has one of the two devices that take longest. LLVM's optimiser is on at 256 bits.
stage_random() {
    seed=${OCTAVO_RANDOM_SEED:-$(date +%Y%m%d)}
    at_once random_problems 'lvp:512 sws' 'lvp:256 lvp:128'
}
random_problems() { # DEVICES
    for device in $1; do
        count=6 first=$seed perf=GALLIVM_PERF=nopt
        case $device in
        sws) count=12 ;;
        lvp:256) first=$((seed + 6)) perf='' ;;
        lvp:512) first=$((seed + 12)) ;;
        esac
        log=$logs/random-$(echo "$device" | tr : -).log
        one env $perf $(sh tests/fleet/software_device.sh "$device") build/dev/octavo selftest --no-fixed --random $count \
            --limit 29 --seed "$first" >"$log" 2>&1
        echo "$device, seed $first"
        cat "$log"
    done
}

# A compiler that is out of time says nothing about the shaders: it counts as skipped (see fleet_check.sh), and so does the
# whole gate where its drivers cannot be fetched.
stage_fleet() {
    if ! timeout -k 5 900 sh tests/fleet/fleet_setup.sh trixie; then
        echo "skipped: the drivers could not be unpacked"
        report 0 0 1
        return
    fi
    one sh tests/fleet/prebuilt_check.sh
    one sh tests/fleet/fleet_values.sh --check
    FLEET_LIMIT=${FLEET_LIMIT:-600} FLEET_OUTPUT=$PWD/build/fleet \
        sh tests/fleet/fleet_check.sh gate -- "$(fleet_program build/dev)" >"$logs/fleet-gate.txt"
    cat "$logs/fleet-gate.txt"
    report_fleet "$logs/fleet-gate.txt"
    matrix_units trixie amd:navi31 intel:dg2
}
matrix_units() { # SUITE DEVICE...
    suite=$1
    shift
    at_once matrix_unit "$@"
}
matrix_unit() { # DEVICE
    text=$logs/matrix-$suite-$(echo "$1" | tr : _).txt
    FLEET_LIMIT=${FLEET_LIMIT:-600} FLEET_OUTPUT=$PWD/build/fleet \
        sh tests/fleet/matrix_check.sh "$suite" "$(fleet_program build/dev)" "$1" >"$text"
    cat "$text"
    report_fleet "$text"
}
stage_matrix() {
    sh tests/fleet/fleet_setup.sh sid || { report 0 1 0; return; }
    matrix_units sid amd:navi31 amd:gfx1201 intel:dg2 intel:bmg nv:162 nv:172
    for test in test_matrix_emulated test_matrix_poison; do # they take the variants that the device has
        one env OCTAVO_TEST_ALL_SHAPES=1 sh tests/fleet/fleet_run.sh sid lvp:256 "build/dev/tests/$test"
    done
    one sh tests/fleet/fleet_run.sh sid lvp:256 build/dev/octavo selftest --random 30 --limit 22 \
        --seed "${OCTAVO_RANDOM_SEED:-$(date +%Y%m%d)}" --variant prefill_tiles
}
fleet_program() { find "$PWD/$1" -name octavo_fleet_compile -type f | head -n 1; }
report_fleet() {
    line=$(tail -n 1 "$1" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
    report ${line:-0 1 0}
}

with_fleet_arm64() {
    install_packages aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user && build_fleet_arm64 &&
        FLEET_ARM64=$(fleet_program build/fleet-arm64) && export FLEET_ARM64
}
stage_fleet_values() {
    with_fleet_arm64
    sh tests/fleet/fleet_setup.sh trixie && sh tests/fleet/fleet_setup.sh sid amd64 arm64
    one sh tests/fleet/fleet_values.sh "$(fleet_program build/dev)"
    sh tests/fleet/fleet_values.sh --markdown
}
stage_fleet_report() {
    with_fleet_arm64
    FLEET_OUTPUT=$PWD/build/fleet FLEET_LIMIT=${FLEET_LIMIT:-120} timeout -k 5 "${OCTAVO_REPORT_SECONDS:-600}" \
        sh tests/fleet/fleet_check.sh report -- "$(fleet_program build/dev)"
    echo "(a report: nothing of it counts)"
}
build_fleet_arm64() {
    folder=build/fleet-arm64
    mkdir -p "$folder"
    # Debian's xxhash.h holds the implementation; the library for arm64 would be a foreign package.
    printf '#define XXH_IMPLEMENTATION\n#define XXH_STATIC_LINKING_ONLY\n#include <xxhash.h>\n' >"$folder/xxhash.c"
    aarch64-linux-gnu-gcc -O2 -fPIC -c "$folder/xxhash.c" -o "$folder/xxhash.o" &&
        aarch64-linux-gnu-ar rcs "$folder/libxxhash.a" "$folder/xxhash.o" &&
        cmake -G Ninja -S tests/fleet -B "$folder" --toolchain "$PWD/tests/fleet/aarch64_toolchain.cmake" \
            -DCMAKE_BUILD_TYPE=Release -DOCTAVO_XXHASH_LIBRARY="$PWD/$folder/libxxhash.a" &&
        cmake --build "$folder" --target octavo_fleet_compile
}

stage_build_clang() { one configure_and_build dev build/clang -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++; }
stage_unit_clang() { run_ctest build/clang none -LE 'gpu|install|fleet'; }
stage_build_asan() { one configure_and_build asan build/asan; }
stage_build_tsan() { one configure_and_build tsan build/tsan; }
# Left out: what the kernels make of numbers that are not finite, by calls that the other tests make too.
stage_asan() {
    LSAN_OPTIONS=suppressions=$PWD/tests/leak_suppressions.txt
    export LSAN_OPTIONS
    run_ctest build/asan lvp:256 -LE 'install|fleet' -E '^test_(bench_tuned|poison_.*|matrix_poison)$'
}
# The software drivers are not instrumented. Left out: pure functions on one thread, most of the time of the others.
stage_tsan() {
    run_ctest build/tsan none -LE 'gpu|install|fleet' \
        -E '^test_(append_entries|attention_worklist|format_quantiser|kernel_tuning_.*|mask_tile_runs|oracle)$'
}

stage_build_fuzz() { one configure_and_build fuzz build/fuzz; }
stage_fuzz() {
    targets=$(find build/fuzz -name 'fuzz_*' -type f -perm -u+x)
    [ -n "$targets" ] || report 0 1 0
    at_once fuzz_target $targets
}
fuzz_target() {
    name=$(basename "$1")
    seeds=''
    [ -d "tests/fuzz/$name" ] && seeds=tests/fuzz/$name
    mkdir -p "build/fuzz/corpus/$name"
    one "$1" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$logs/$name-" "build/fuzz/corpus/$name" $seeds >"$logs/$name.log" 2>&1
    cat "$logs/$name.log"
}

stage_seconds() { # STAGE: its limit
    case $1 in
    unit* | build-*) echo 900 ;;
    fleet) echo 3000 ;;
    fleet-values) echo 14400 ;;
    matrix) echo 3600 ;;
    fleet-report) echo $((${OCTAVO_REPORT_SECONDS:-600} + 300)) ;;
    random | gpu-swiftshader) echo 2700 ;;
    fuzz) echo $((fuzz_seconds * 4 + 600)) ;;
    *) echo 1500 ;;
    esac
}

if [ "${1:-}" = --one ]; then # internal: the stage itself
    stage=$2
    "stage_$(echo "$stage" | tr - _)"
    exit 0
fi
if [ "${1:-}" = --list ]; then
    echo "$all_stages fleet-report fleet-values matrix" | tr -s ' ' '\n'
    exit 0
fi
[ $# -gt 0 ] || set -- $all_stages
mkdir -p "$logs"
passed=0 failed=0 skipped=0 start=$(date +%s) running=''
trap 'kill $running; exit 130' INT TERM # a limited stage is a process group of its own
for stage in "$@"; do
    case " $(echo $all_stages) fleet-report fleet-values matrix " in
    *" $stage "*) ;;
    *) echo "no stage '$stage'; tests/run.sh --list" >&2; exit 2 ;;
    esac
    printf '%-16s ' "$stage"
    stage_start=$(date +%s)
    limit=$(stage_seconds "$stage")
    timeout -k 10 "$limit" sh tests/run.sh --one "$stage" >"$logs/$stage.log" 2>&1 </dev/null &
    running=$!
    wait "$running"
    case $? in
    124 | 137) printf 'Ended at its limit of %s s.\nCOUNT 0 1 0\n' "$limit" >>"$logs/$stage.log" ;;
    esac
    set_counts=$(awk '$1 == "COUNT" && NF == 4 {p += $2; f += $3; s += $4} END {print p + 0, f + 0, s + 0}' "$logs/$stage.log")
    stage_passed=${set_counts%% *} stage_skipped=${set_counts##* }
    stage_failed=${set_counts#* }
    stage_failed=${stage_failed% *}
    if [ "$stage" = fleet-report ]; then
        stage_passed=0 stage_failed=0 stage_skipped=0
    elif [ "$set_counts" = '0 0 0' ]; then
        stage_failed=1 # it ended before it could count
    fi
    printf '%4s passed %3s failed %3s skipped %5s s\n' "$stage_passed" "$stage_failed" "$stage_skipped" $(($(date +%s) - stage_start))
    if [ "$stage_failed" -gt 0 ]; then
        tail -n 40 "$logs/$stage.log" | sed 's/^/    /'
    fi
    passed=$((passed + stage_passed)) failed=$((failed + stage_failed)) skipped=$((skipped + stage_skipped))
done
case " $* " in *" fleet-report "*) cat "$logs/fleet-report.log" ;; esac
echo "logs in $logs; $(($(date +%s) - start)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
