#include "matlora/cli/command.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "matlora/base/error.h"
#include "matlora/base/input.h"
#include "matlora/base/progress.h"
#include "matlora/model/adapter_for.h"
#include "matlora/model/base_name.h"

namespace matlora::cli {

at::Device choose_device(const Common& common) {
  const std::string& text = common.device;
  const bool has_cuda = at::hasCUDA();
  if (text == "auto") return at::Device(has_cuda ? at::kCUDA : at::kCPU);
  if (text == "cpu") return at::Device(at::kCPU);
  const bool is_cuda =
      text == "cuda" || (text.rfind("cuda:", 0) == 0 && text.size() > 5 && text.size() < 8 &&
                         text.find_first_not_of("0123456789", 5) == text.npos);
  if (!is_cuda) {
    fail("--device", "unknown device '", printable(text), "'; expected auto|cpu|cuda[:N]");
  }
  const int index = text == "cuda" ? 0 : std::stoi(text.substr(5));
  const int count = has_cuda ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0;
  if (index >= count) {
    fail("--device", "'", text, "' is not there: this machine and LibTorch have ", count,
         " CUDA devices");
  }
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

at::ScalarType choose_dtype(const Common& common, at::Device device) {
  const std::string& text = common.dtype;
  if (text == "float32") return at::kFloat;
  if (text == "bfloat16") return at::kBFloat16;
  if (text == "float16") return at::kHalf;
  if (text != "auto") {
    fail("--dtype", "unknown dtype '", printable(text),
         "'; expected auto|float32|bfloat16|float16");
  }
#if defined(__x86_64__)
  const bool fast_bfloat16 = __builtin_cpu_supports("avx512bf16");
#else
  const bool fast_bfloat16 = false;
#endif
  return device.is_cuda() || fast_bfloat16 ? at::kBFloat16 : at::kFloat;
}

const char* dtype_name(at::ScalarType dtype) {
  if (dtype == at::kFloat) return "float32";
  if (dtype == at::kBFloat16) return "bfloat16";
  check(dtype == at::kHalf, "dtype ", dtype);
  return "float16";
}

model::Model load_model(const fs::path& path, const Common& common, model::Weights weights) {
  const at::Device device = choose_device(common);
  const at::ScalarType dtype = choose_dtype(common, device);
  say_now(common.quiet, cat("loading ", path.string()));
  return model::load(path, dtype, device, weights);
}

namespace {

/// The names that a base model's modules can have in target_modules.
std::vector<std::string> module_names(nn::Decoder& decoder) {
  std::vector<std::string> names = {"lm_head", "model.embed_tokens"};
  nn::for_each_linear(decoder,
                      [&](const std::string& name, nn::Linear&) { names.push_back(name); });
  return names;
}

}  // namespace

void say_notes(const model::LoadedAdapter& loaded, const std::vector<std::string>& missing) {
  constexpr size_t kShown = 4;
  for (const std::string& note : loaded.notes) say(false, "note: " + note);
  if (missing.empty()) return;
  std::string names;
  for (size_t i = 0; i < std::min(missing.size(), kShown); ++i) {
    names += (i > 0 ? ", " : "") + printable(missing[i]);
  }
  if (missing.size() > kShown) names += cat(" and ", missing.size() - kShown, " more");
  say(false, cat("note: ", loaded.file.string(), " has no matrices for ", names,
                 ", named by target_modules: as in the base model"));
}

model::LoadedAdapter open_adapter(const fs::path& path, const fs::path& base, bool mapped) {
  model::LoadedAdapter loaded = mapped ? model::map_adapter(path, base)
                                       : model::load_adapter(path, at::Device(at::kCPU), base);
  say_notes(loaded, model::missing_layers(loaded.targets, loaded.adapter.layers));
  return loaded;
}

model::LoadedAdapter open_adapter_of(const fs::path& directory, model::Model& base, bool any_base) {
  model::LoadedAdapter loaded = model::load_adapter(directory, base.decoder.device(), base.path);
  adapter::check_fits(base.decoder, loaded.adapter, directory.string());
  model::check_does_something(loaded.adapter, directory.string());
  say_notes(loaded, model::missing_layers(loaded.targets, loaded.adapter.layers,
                                          module_names(base.decoder)));
  if (any_base) return loaded;
  if (!model::check_base(loaded.info, base, directory.string())) {
    say(false, cat("note: ", directory.string(), " was trained by an earlier matlora; whether its ",
                   "base is ", base.path.string(), " is not checked"));
  }
  return loaded;
}

data::Examples read_examples(const model::Model& base, const fs::path& path,
                             data::ExampleOptions options, bool quiet) {
  options.eos_id = base.end_id();
  say_now(quiet, cat("reading ", path.string()));
  data::Examples examples = data::read_examples(path, base.tokenizer, options);
  int64_t longest = 0, tokens = 0;
  for (const data::Example& example : examples.items) {
    const auto length = static_cast<int64_t>(example.tokens.size());
    longest = std::max(longest, length);
    tokens += length;
  }
  if (longest > base.config.max_position_embeddings) {
    fail("--max-length", "an example has ", longest, " tokens; the model's context is ",
         base.config.max_position_embeddings);
  }
  say_now(quiet, cat(examples.items.size(), " records, ", tokens, " tokens"));
  if (examples.truncated > 0) {
    say(quiet, cat("note: ", examples.truncated, " of ", examples.items.size(),
                   " examples were cut at ", options.max_length, " tokens"));
  }
  return examples;
}

void keep_input(const fs::path& input, const fs::path& output) {
  if (input.empty() || is_stream(input)) return;
  const fs::path way = fs::weakly_canonical(input).lexically_relative(fs::weakly_canonical(output));
  if (!way.empty() && *way.begin() != "..") {
    fail("--output", output.string(), " holds ", input.string(), "; choose another directory");
  }
}

CLI::Validator integer(int64_t lowest, int64_t highest) {
  const bool limited = highest < kMaxCount;
  const std::string range = limited ? cat("in ", lowest, "..", highest) : cat(">= ", lowest);
  return {[=](std::string& text) {
            int64_t value = 0;
            const char* end = text.data() + text.size();
            const auto [rest, error] = std::from_chars(text.data(), end, value);
            const bool is_integer =
                rest == end && !text.empty() && error != std::errc::invalid_argument;
            if (is_integer && error == std::errc() && value >= lowest && value <= highest) {
              text = std::to_string(value);  // CLI11 would take 010 for 8
              return std::string();
            }
            const bool too_large = is_integer && !limited && text.front() != '-' && value >= lowest;
            return cat("expected an integer ", too_large ? cat("<= ", highest) : range, ", got ",
                       text.empty() ? "nothing" : printable(text, 40));
          },
          range};
}

CLI::Validator finite(double lowest, double highest) {
  const std::string range = cat("in ", lowest, "..", highest);
  return {[=](std::string& text) {
            double value = 0;
            const bool fits = CLI::detail::lexical_cast(text, value) && std::isfinite(value) &&
                              value >= lowest && value <= highest;
            return fits ? std::string()
                        : cat("expected a number ", range, ", got ",
                              text.empty() ? "nothing" : printable(text, 40));
          },
          range};
}

CLI::Validator seed() {
  return {[](std::string& text) {
            uint64_t value = 0;
            const char* end = text.data() + text.size();
            const auto [rest, error] = std::from_chars(text.data(), end, value);
            return error == std::errc() && rest == end
                       ? std::string()
                       : "expected an integer in 0..2^64-1, got " + printable(text, 40);
          },
          "0..2^64-1"};
}

void check_rank(int64_t rank, const adapter::Adapter& adapter, const std::string& flag,
                int64_t lowest) {
  if (rank >= lowest && rank <= adapter.rule.rank) return;
  fail(flag, "the adapter has no rank ", rank, rank == 0 ? " to cut (it is the base model)" : "",
       "; expected ", lowest, "..", adapter.rule.rank);
}

std::string choose_base_name(const std::string& given, const fs::path& model, bool quiet) {
  if (!given.empty()) return given;
  std::string name = model::base_name(model);
  if (name.empty()) {
    say(quiet, cat("note: ", model.string(),
                   " does not say which Hugging Face repository it is from; for PEFT give "
                   "--base-name ORG/NAME or a directory"));
  }
  return name;
}

}  // namespace matlora::cli
