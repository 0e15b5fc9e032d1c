#!/usr/bin/env bash
# lint.sh format                 clang-format over every C++ file (fast: a part of the tests)
# lint.sh fix                    the same, and writes what it would have
# lint.sh tidy BUILD [BUILD..]   that, and clang-tidy over the files each build compiles
set -euo pipefail
cd "$(dirname "$0")/.."

# Versions of clang-format lay some lines out differently; Debian 12's is the one that counts.
readonly version=14

format() {
  local program=clang-format-$version
  command -v "$program" >/dev/null || program=clang-format
  if [[ $("$program" --version) != *"version $version."* ]]; then
    echo "lint: format not checked: clang-format $version is not here" >&2
    return 77
  fi
  # Files git tracks or would: never what a build left.
  git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cpp' |
    while IFS= read -r -d '' file; do [[ ! -f $file ]] || printf '%s\0' "$file"; done |
    xargs -0 -r -n 50 "$program" "$@"
}

# sources BUILD: our files that BUILD compiles.
sources() {
  sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$1/compile_commands.json" |
    grep -E '/(matlora|tests)/[^/]+/([a-z_]+/)?[^/]+\.cpp$' | sort -u
}

tidy() {
  local build seen=$'\n' files file failed=0
  for build in "$@"; do
    [[ -f $build/compile_commands.json ]] || { echo "lint: $build is not configured" >&2; exit 1; }
    files=()
    while IFS= read -r file; do
      # A torch-free file was checked in the first build, without torch's headers.
      [[ $seen == *$'\n'"$file"$'\n'* ]] || files+=("$file")
      seen+=$file$'\n'
    done < <(sources "$build")
    echo "lint: clang-tidy, ${#files[@]} files of $build" >&2
    ((${#files[@]})) || continue
    # GCC's precompiled headers and a few of its flags mean nothing to clang.
    local commands
    commands=$(mktemp -d)
    sed -E 's/-include [^ ]*cmake_pch\.hxx//g; s/-Winvalid-pch|-Wshadow=local|-Wno-restrict|-fopenmp//g; s/-fpch-preprocess//g' \
      "$build/compile_commands.json" > "$commands/compile_commands.json"
    printf '%s\0' "${files[@]}" |
      xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$commands" || failed=1
    rm -r "$commands"
  done
  return $failed
}

case ${1:-} in
  format) format --dry-run -Werror ;;
  fix) format -i ;;
  tidy) shift; format --dry-run -Werror || (($? == 77)); tidy "$@" ;;
  *) echo "usage: tools/lint.sh format | fix | tidy BUILD.." >&2; exit 2 ;;
esac
