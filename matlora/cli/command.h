// What every command shares: options, streams, exit codes. main.cpp lists the commands.
#pragma once

#include <ATen/core/Tensor.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "matlora/adapter/attach.h"
#include "matlora/data/examples.h"
#include "matlora/model/adapter_io.h"
#include "matlora/model/load.h"

namespace matlora::cli {

namespace fs = std::filesystem;

/// Options that every command has.
struct Common {
  int threads = 0;  // 0: all
  std::string device = "auto", dtype = "auto";
  bool quiet = false;
};

/// The device and dtype that the flags ask for. Throws UserError for unknown names and for a device
/// that is not there. `auto` is CUDA where it is there; bfloat16 on CUDA and on processors with
/// AVX512-BF16, else float32.
at::Device choose_device(const Common& common);
at::ScalarType choose_dtype(const Common& common, at::Device device);

/// The flag's word for a dtype.
const char* dtype_name(at::ScalarType dtype);

/// Loads the base model as the common flags say.
model::Model load_model(const fs::path& path, const Common& common,
                        model::Weights weights = model::Weights::in_memory);

/// Loads an adapter onto the CPU without a base model; of `base`, where it is given, only the
/// configuration is read (model::load_adapter). A note names the layers that its target_modules
/// name and its file does not have (PEFT warns of missing keys).
/// mapped: its matrices may stay in the file (map_adapter).
model::LoadedAdapter open_adapter(const fs::path& path, const fs::path& base = {},
                                  bool mapped = false);

/// Prints an adapter's notes, and that one. `missing`: what the targets name and the file lacks.
void say_notes(const model::LoadedAdapter& loaded, const std::vector<std::string>& missing);

/// Loads an adapter, with its notes, onto the base's device. Throws UserError unless it fits the
/// base, changes it, and was trained on it (`any_base`: or on another).
model::LoadedAdapter open_adapter_of(const fs::path& directory, model::Model& base, bool any_base);

/// Reads records for this base: its EOS ends them, its context bounds them. Says how many were cut.
data::Examples read_examples(const model::Model& base, const fs::path& path,
                             data::ExampleOptions options, bool quiet);

/// Throws UserError when `input` (a path, or empty) is `output` or is in it: --force would remove
/// it.
void keep_input(const fs::path& input, const fs::path& output);

/// The largest count of anything that an option takes: records, steps, tokens.
constexpr int64_t kMaxCount = 1'000'000'000;

/// For CLI11's check(): an integer in lowest..highest, in decimal digits. Every numeric option has
/// this one or finite(): CLI11's own print limits of 300 digits and let NaN pass. Messages show at
/// most 40 characters of what was given.
CLI::Validator integer(int64_t lowest, int64_t highest = kMaxCount);

/// For CLI11's check(): a finite number in lowest..highest.
CLI::Validator finite(double lowest, double highest);

/// For CLI11's check(): an integer in 0..2^64-1 (CLI11 takes the largest for any beyond it).
CLI::Validator seed();

/// Throws UserError naming `flag` and the range unless lowest <= rank <= the adapter's. lowest: 0,
/// or 1 where the base model alone will not do.
void check_rank(int64_t rank, const adapter::Adapter& adapter, const std::string& flag,
                int64_t lowest = 0);

/// What an adapter's PEFT files call its base: --base-name (`given`), else what the model says of
/// itself (model/base_name.h). Where that is nothing PEFT could load, "", and a note says what to
/// do.
std::string choose_base_name(const std::string& given, const fs::path& model, bool quiet);

/// dtype_help() of a command whose --dtype is of what it writes.
inline constexpr char kWrittenDtype[] =
    "of what is written: auto (float32)|float32|bfloat16|float16";

/// Its own CLI::App per command: options are bound to a configuration, then run() is called.
class Command {
 public:
  virtual ~Command() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;      ///< one line
  virtual std::string example() const = 0;      ///< shown below --help
  virtual void add_options(CLI::App& app) = 0;  ///< besides the common ones
  /// Of --dtype.
  virtual std::string dtype_help() const {
    return "of the base model: auto|float32|bfloat16|float16";
  }
  /// Returns the exit code.
  virtual int run(const Common& common, CLI::App& app) = 0;
};

std::unique_ptr<Command> make_train();
std::unique_ptr<Command> make_sweep();
std::unique_ptr<Command> make_slice();
std::unique_ptr<Command> make_export();
std::unique_ptr<Command> make_merge();
std::unique_ptr<Command> make_compress();
std::unique_ptr<Command> make_generate();
std::unique_ptr<Command> make_tokenize();
std::unique_ptr<Command> make_inspect();

}  // namespace matlora::cli
