# The few commands of daily work; CMakePresets.json and tools/ hold the rest.
#   make TORCH_INDEX=URL      the pip index for torch (which CPU or CUDA build)
#   make LIBTORCH=/path       an unpacked LibTorch instead of the wheel
#   make demo DATA=file.jsonl your own problems
# A line behind ## is what `make help` says of a target.
.PHONY: help setup setup-ref build program install golden asan test test-fast interop fuzz bench bench-micro lint format demo clean
.DEFAULT_GOAL := build

JOBS ?= 2
# Said by the user, for tools/setup.sh; else the wheel's, looked up when it is there.
export TORCH_INDEX
USER_LIBTORCH := $(LIBTORCH)
WITH_TORCH = LIBTORCH="$(or $(USER_LIBTORCH),$(shell ls -d $(CURDIR)/.venv/lib/python3*/site-packages/torch/share/cmake))"

export MATLORA_MODEL ?= $(CURDIR)/.models/SmolLM2-135M-Instruct.Q4_1.gguf
export MATLORA_GOLDEN ?= $(CURDIR)/build/golden
GSM8K := $(abspath $(firstword $(dir $(wildcard $(addsuffix /test.jsonl,../shared/data/gsm8k .data/gsm8k)))))
ifneq ($(GSM8K),)
export MATLORA_GSM8K ?= $(GSM8K)
endif

CTEST = ctest --output-on-failure --no-tests=error -j$(JOBS)

help: ## what each target does
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Debian packages, LibTorch in .venv, a small model in .models; only what is missing
	@LIBTORCH="$(USER_LIBTORCH)" tools/setup.sh

setup-ref: setup ## the reference implementations (transformers, PEFT, ..) in .venv-ref
	@tools/setup.sh ref

build: setup ## build/release/matlora and its tests; what a plain `make` does
	@$(WITH_TORCH) cmake --preset release --log-level=WARNING
	@cmake --build --preset release -j$(JOBS)

program: setup ## build/release/matlora without the tests
	@$(WITH_TORCH) cmake --preset release --log-level=WARNING
	@cmake --build --preset release -j$(JOBS) --target matlora_exe

# The first folder of PREFIX that is there decides whether it takes root. LibTorch is not copied.
PREFIX ?= /usr/local
install: program ## the program, headers and CMake package into PREFIX (/usr/local)
	@there=$(DESTDIR)$(abspath $(PREFIX)); until [ -e "$$there" ]; do there=$$(dirname "$$there"); done; \
	if [ -w "$$there" ]; then root=; else root=sudo; fi; \
	$$root env DESTDIR=$(DESTDIR) cmake --install build/release --prefix $(abspath $(PREFIX)) >/dev/null
	@echo "installed $(DESTDIR)$(abspath $(PREFIX))/bin/matlora"
	@echo "It loads LibTorch from the folder it was built with; keep that:"
	@sed -n "s/^TORCH_LIBRARY:[A-Z]*=//p" build/release/CMakeCache.txt

# Files from the reference implementations; quick when no script has changed.
golden: setup-ref ## the files that tests compare with, in build/golden
	@.venv-ref/bin/python tools/golden/make.py build/golden

# The readers of foreign bytes under ASan and UBSan.
asan: setup ## the folders without torch, with ASan and UBSan
	@cmake --preset asan --log-level=WARNING
	@cmake --build --preset asan -j$(JOBS)

# llama.cpp is compiled once, some ten minutes.
interop: program setup-ref golden ## llama.cpp reads what `export` and `merge` write
	@tools/setup.sh llama
	@.venv-llama/bin/python tests/interop/llama_cpp_test.py build/release/matlora

# Each target TIME seconds, JOBS at once; what is found stays in build/fuzz/NAME. Needs clang, which it installs.
TIME ?= 60
fuzz: setup ## libFuzzer over every reader of foreign bytes, TIME=600 seconds each
	@tools/fuzz.sh $(TIME) $(JOBS)

# The release run is last, so that its summary closes the output.
test: build asan golden ## every test
	$(CTEST) --test-dir build/asan
	$(CTEST) --test-dir build/release

test-fast: build golden ## without the tests that take minutes
	$(CTEST) --test-dir build/release -LE 'parity|slow|package'

# Side by side with what one would use instead; two hours on an idle machine. PARTS="train_compare .." for some
PARTS ?= train_compare sweep_compare generate_compare tasks_compare scaling
bench: build setup-ref ## speed compared with other tools; two hours
	@$(WITH_TORCH) cmake --build --preset release -j$(JOBS) --target matlora_replay
	@DATA="$(DATA)" GSM8K="$(MATLORA_GSM8K)" tools/bench.sh $(PARTS)

bench-micro: build ## speed of single kernels
	@cmake --build --preset release -j$(JOBS) --target matlora_bench
	@GOMP_SPINCOUNT=2000 MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=2147483647 \
	  build/release/bench/matlora_bench

lint: build asan ## clang-format and clang-tidy over all sources
	@tools/lint.sh tidy build/asan build/release

format: ## clang-format repairs the sources
	@tools/lint.sh fix

demo: program ## trains, sweeps, cuts and asks; DATA=file.jsonl for your own records
	@tools/demo.sh $(if $(DATA),"$(DATA)")

clean: ## removes build/ (demo/ and .models/ stay)
	rm -rf build
