#!/usr/bin/env bash
# README's commands run as shown, in a folder like the one that `make demo` leaves, with a tiny model;
# the targets, options and files that its text names are there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

root=$(cd "$here/../.." && pwd)
readme=$root/README.md
mkdir -p checkout/build/release checkout/.models
ln -s "$program" checkout/build/release/matlora
ln -s "$model.gguf" checkout/.models/SmolLM2-135M-Instruct.Q4_1.gguf

# The blocks marked sh, one after the other in one shell.
{
  echo 'set -euo pipefail'
  sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$readme"
} >commands.sh
[[ $(grep -c '^matlora ' commands.sh) -ge 6 ]] || fail "README shows too few commands: $(cat commands.sh)"
(cd checkout && bash "$work/commands.sh" >"$work/out.txt" 2>"$work/err.txt") ||
  fail "README's commands: $(tail -n 3 err.txt)"
mine=checkout/demo/mine
expect_file $mine/sweep/report.html $mine/out-r4/adapter_config.json $mine/answers.jsonl \
  $mine/again/run.toml $mine/compare/report.html
grep -q '"base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct"' \
  $mine/out-r4/adapter_config.json || fail "the slice does not name the base"

# Installed, elsewhere: the same commands, without the first line that is for the checkout.
mkdir -p installed/bin installed/elsewhere/.models
ln -s "$program" installed/bin/matlora
ln -s "$model.gguf" installed/elsewhere/.models/SmolLM2-135M-Instruct.Q4_1.gguf
grep -v '^export PATH=' commands.sh >installed.sh
(cd installed/elsewhere && PATH=$work/installed/bin:$PATH bash "$work/installed.sh" \
  >"$work/out.txt" 2>"$work/err.txt") || fail "README's commands, installed: $(tail -n 3 err.txt)"

# Every option that the text names is one of the program's.
for command in train sweep slice export merge compress generate tokenize inspect; do "$program" $command --help; done >help.txt
for option in $(grep -oE -- '(^|[^-a-z])--[a-z][a-z-]+' "$readme" | grep -oE -- '--.*' | sort -u); do
  grep -qE -- "(^| |,)$option( |,|\$)" help.txt || fail "README names $option, which no command has"
done
# Every target, and every file that it links to.
for target in $(grep -oE 'make [a-z-]+' "$readme" | cut -d' ' -f2 | sort -u); do
  grep -qE "^$target:" "$root/Makefile" || fail "README names make $target"
done
for link in $(grep -oE '\]\([^)#]+' "$readme" | cut -c3- | sort -u); do
  [[ -e $root/$link ]] || fail "README links to $link"
done
# The demo builds the program alone; install goes where it is told. Only what make would do is read.
make -n -C "$root" demo >make.txt 2>&1 || fail "make -n demo: $(tail -n 2 make.txt)"
! grep -E 'cmake --build' make.txt | grep -v -- '--target matlora_exe' || fail "make demo builds more than the program"
make -n -C "$root" install PREFIX=/opt/some >make.txt 2>&1 || fail "make -n install: $(tail -n 2 make.txt)"
grep -q -- '--prefix /opt/some' make.txt || fail "make install PREFIX=: $(cat make.txt)"
# `make help` has a line for every target that is meant for people.
make --no-print-directory -C "$root" help >targets.txt
for target in $(sed -n 's/^\.PHONY: //p' "$root/Makefile"); do
  grep -q "^make $target " targets.txt || fail "make help does not say what $target is"
done

finish
