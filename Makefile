# The few commands of daily work; CMakePresets.json and tools/ hold the rest.
#   make TORCH_INDEX=URL      the pip index for torch (which CPU or CUDA build)
#   make LIBTORCH=/path       an unpacked LibTorch instead of the wheel
#   make demo DATA=file.jsonl your own problems
.PHONY: setup setup-ref build golden asan test test-fast bench bench-micro lint format demo clean
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

setup:
	@LIBTORCH="$(USER_LIBTORCH)" tools/setup.sh

setup-ref: setup
	@tools/setup.sh ref

build: setup
	@$(WITH_TORCH) cmake --preset release --log-level=WARNING
	@cmake --build --preset release -j$(JOBS)

# Files from the reference implementations; quick when no script has changed.
golden: setup-ref
	@.venv-ref/bin/python tools/golden/make.py build/golden

# The readers of foreign bytes under ASan and UBSan.
asan: setup
	@cmake --preset asan --log-level=WARNING
	@cmake --build --preset asan -j$(JOBS)

# The release run is last, so that its summary closes the output.
test: build asan golden
	$(CTEST) --test-dir build/asan
	$(CTEST) --test-dir build/release

test-fast: build golden
	$(CTEST) --test-dir build/release -LE 'parity|slow|package'

# Side by side with what one would use instead; two hours on an idle machine. PARTS="train_compare .." for some
PARTS ?= train_compare sweep_compare generate_compare tasks_compare scaling
bench: build setup-ref
	@$(WITH_TORCH) cmake --build --preset release -j$(JOBS) --target matlora_replay
	@DATA="$(DATA)" GSM8K="$(MATLORA_GSM8K)" tools/bench.sh $(PARTS)

bench-micro: build
	@cmake --build --preset release -j$(JOBS) --target matlora_bench
	@GOMP_SPINCOUNT=2000 MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=2147483647 \
	  build/release/bench/matlora_bench

lint: build asan
	@tools/lint.sh tidy build/asan build/release

format:
	@tools/lint.sh fix

demo: build
	@tools/demo.sh $(DATA)

clean:
	rm -rf build demo
