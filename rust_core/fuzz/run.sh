#!/bin/sh
# Runs every fuzz target, SECONDS in all (60 unless told otherwise): rust_core/fuzz/run.sh 60
#
# cargo-fuzz wants a nightly compiler for its sanitizers. The coverage that libFuzzer steers by is an LLVM pass that the
# stable compiler has too, so the targets are built here with that alone; nothing has to be installed but a C++ compiler.
set -eu
cd "$(dirname "$0")"
targets="walk spool"
seconds=$(( ${1:-60} / 2 ))
host=$(rustc -vV | sed -n 's/^host: //p')

export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
# Separate from the workspace's target folder, whose builds have other flags. With --target build scripts stay plain.
cargo build --quiet --release --target "$host" --target-dir target

for target in $targets; do
    mkdir -p "corpus/$target" "artifacts/$target"
    echo "fuzzing $target for $seconds s"
    "target/$host/release/$target" "corpus/$target" "seeds/$target" -artifact_prefix="artifacts/$target/" \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 2>&1 |
        tee "artifacts/$target.log" | grep -E "^(stat::|Done|==|thread|SUMMARY|.*ERROR)|panicked|assertion" || true
    # The pipe hides the exit status of the fuzzer; only a run to its end says this.
    grep -q "^Done" "artifacts/$target.log" || { tail -30 "artifacts/$target.log"; exit 1; }
done
