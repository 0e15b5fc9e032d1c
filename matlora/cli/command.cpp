#include "matlora/cli/command.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "matlora/base/error.h"
#include "matlora/base/progress.h"

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

model::LoadedAdapter attach_adapter(const fs::path& directory, model::Model& base, bool any_base) {
  model::LoadedAdapter loaded = model::load_adapter(directory, base.llama.device());
  const std::string& digest = loaded.info.base_digest;
  adapter::attach(base.llama, loaded.adapter, directory.string());
  if (!any_base && !digest.empty() && digest.size() != base.digest.size()) {
    say(false, cat("note: ", directory.string(), " was trained by an earlier matlora; whether its ",
                   "base is ", base.path.string(), " is not checked"));
  } else if (!any_base && !digest.empty() && digest != base.digest) {
    fail(directory.string(), "the adapter was trained on another base: expected the model ", digest,
         " (", printable(loaded.info.base_model), "), got ", base.digest, " (", base.path.string(),
         "); --any-base uses it all the same");
  }
  return loaded;
}

data::Examples read_examples(const model::Model& base, const fs::path& path,
                             data::ExampleOptions options, bool quiet) {
  if (!base.stop_ids.empty()) options.eos_id = base.stop_ids.front();
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
  if (input.empty()) return;
  const fs::path way = fs::weakly_canonical(input).lexically_relative(fs::weakly_canonical(output));
  if (!way.empty() && *way.begin() != "..") {
    fail("--output", output.string(), " holds ", input.string(), "; choose another directory");
  }
}

CLI::Validator finite(double lowest, double highest) {
  const std::string range = cat(lowest, "..", highest);
  return {[=](std::string& text) {
            double value = 0;
            const bool fits = CLI::detail::lexical_cast(text, value) && std::isfinite(value) &&
                              value >= lowest && value <= highest;
            return fits ? std::string() : "expected a number in " + range + ", got " + text;
          },
          "in " + range};
}

CLI::Validator seed() {
  return {[](std::string& text) {
            uint64_t value = 0;
            const char* end = text.data() + text.size();
            const auto [rest, error] = std::from_chars(text.data(), end, value);
            return error == std::errc() && rest == end
                       ? std::string()
                       : "expected an integer in 0..2^64-1, got " + printable(text);
          },
          "0..2^64-1"};
}

void check_rank(int64_t rank, const adapter::Adapter& adapter, const std::string& flag) {
  if (rank < 0 || rank > adapter.rule.rank) {
    fail(flag, "the adapter has no rank ", rank, "; expected 0..", adapter.rule.rank);
  }
}

}  // namespace matlora::cli
