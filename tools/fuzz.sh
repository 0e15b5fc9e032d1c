#!/usr/bin/env bash
# libFuzzer over every reader of foreign bytes: tools/fuzz.sh SECONDS JOBS
# Readers that make tensors run in the release build, with mutants that no coverage guides.
# Starts from fuzz/corpus/NAME; what is new is collected in build/fuzz/found/NAME, an input that ends
# the program in build/fuzz/crash/NAME-*. Mended findings are put into fuzz/corpus/NAME by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1 jobs=$2

wanted=(clang libclang-rt-14-dev)
apt-cache show libclang-rt-14-dev >/dev/null 2>&1 || wanted=(clang)
if ! command -v clang++ >/dev/null || ! echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -x c++ - -fsanitize=fuzzer -o /dev/null 2>/dev/null; then
  root=()
  ((EUID == 0)) || root=(sudo)
  echo "fuzz: apt-get install ${wanted[*]}" >&2
  "${root[@]}" apt-get install -qy --no-install-recommends "${wanted[@]}"
fi
cmake --preset fuzz --log-level=WARNING
cmake --build --preset fuzz -j"$jobs" --target fuzz/all
mkdir -p build/fuzz/found build/fuzz/crash

run() {
  local name=${1##*/fuzz_}
  mkdir -p "build/fuzz/found/$name"
  if ! "$1" "build/fuzz/found/$name" "fuzz/corpus/$name" -max_total_time="$2" -timeout=20 -rss_limit_mb=3000 \
      -max_len=65536 -artifact_prefix="build/fuzz/crash/$name-" -print_final_stats=1 > "build/fuzz/$name.log" 2>&1; then
    echo "fuzz: $name: FOUND; build/fuzz/$name.log, build/fuzz/crash/$name-*"
    return 1
  fi
  awk -v name="$name" '/stat::number_of_executed_units/ { n = $2 } END { print "fuzz: " name ": " n " inputs, nothing found" }' "build/fuzz/$name.log"
}
export -f run

# Without libFuzzer: the mutant that ends the program is the last that was saved.
run_plain() {
  local name=${1##*/fuzz_}
  if ! "$1" "fuzz/corpus/$name" --seconds "$2" --seed "$(date +%s)" --save "build/fuzz/crash/$name-last" > "build/fuzz/$name.log" 2>&1; then
    echo "fuzz: $name: FOUND; build/fuzz/$name.log, build/fuzz/crash/$name-last"
    return 1
  fi
  rm -f "build/fuzz/crash/$name-last"
  echo "fuzz: $(tail -1 "build/fuzz/$name.log"), nothing found"
}
export -f run_plain
find build/fuzz/fuzz -maxdepth 1 -name 'fuzz_*' -type f -executable | sort | xargs -P "$jobs" -I{} bash -c "run {} $seconds"
find build/release/fuzz -maxdepth 1 -name 'fuzz_*' -type f -executable 2>/dev/null | sort | xargs -P "$jobs" -I{} bash -c "run_plain {} $seconds"
