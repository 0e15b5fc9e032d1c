#include "matlora/format/path_kind.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/shell.h"

namespace matlora::format {
namespace {

namespace fs = std::filesystem;

bool has(const fs::path& directory, const char* name) {
  std::error_code error;
  return fs::exists(directory / name, error);
}

/// The names in a directory, sorted; none where it cannot be read.
std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto entry = fs::directory_iterator(directory, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string first_with(const std::vector<std::string>& names, const char* ending) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const std::string& name) { return name.ends_with(ending); });
  return found == names.end() ? "" : *found;
}

std::string directory_words(const fs::path& path) {
  if (has(path, "adapter_config.json")) return "a directory with an adapter (adapter_config.json)";
  if (has(path, "config.json")) return "a directory with a model (config.json)";
  if (has(path, "trainer_state.safetensors")) return "a directory with an unfinished training run";
  if (has(path, "sweep.json")) return "a directory with a sweep's results";
  const std::vector<std::string> names = names_in(path);
  if (names.empty()) return "an empty directory";
  for (const char* ending : {".gguf", ".safetensors", ".pt", ".jsonl"}) {
    const std::string name = first_with(names, ending);
    if (!name.empty()) return cat("a directory with the file ", printable(name));
  }
  for (const std::string& name : names) {
    if (has(path / name, "adapter_config.json")) {
      return cat("a directory with an adapter in ", printable(name), "/");
    }
  }
  return "a directory";
}

std::string first_bytes(const fs::path& path) {
  std::array<char, 4> bytes{};
  std::ifstream in(path, std::ios::binary);
  in.read(bytes.data(), bytes.size());
  return {bytes.data(), static_cast<size_t>(in.gcount())};
}

/// Of PyTorch: what holds weights, and not a trainer's other files (optimizer.pt, ..).
bool is_pickle(const std::string& name) {
  const auto is = [&](const char* begin, const char* end) {
    return name.starts_with(begin) && name.ends_with(end);
  };
  return is("pytorch_model", ".bin") || name == "pytorch_model.bin.index.json" ||
         is("consolidated", ".pth") || is("model", ".ckpt") || is("model", ".pt") ||
         is("model", ".pth");
}

constexpr char kConvertModel[] =
    "python -c 'import sys; from transformers import AutoModelForCausalLM as M; "
    "M.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])' ";

}  // namespace

std::string what_is(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return "nothing";
  if (fs::is_directory(path, error)) return directory_words(path);
  if (!fs::is_regular_file(path, error)) return "neither a file nor a directory";
  const std::string name = path.filename().string();
  if (first_bytes(path) == "GGUF") return "a GGUF file";
  if (is_pickle(name) || name == "adapter_model.bin") return "a file of PyTorch's pickles";
  if (name.ends_with(".safetensors")) return "a safetensors file";
  if (name.ends_with(".gguf")) return "a file named .gguf that does not begin with 'GGUF'";
  return "a file";
}

void refuse_pickled_weights(const fs::path& path) {
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  const fs::path directory = folder ? path : path.parent_path();
  const std::vector<std::string> names =
      folder ? names_in(path) : std::vector{path.filename().string()};
  const auto found = std::find_if(names.begin(), names.end(), is_pickle);
  if (found == names.end() || !fs::exists(directory / *found, error)) return;
  fail((directory / *found).string(), "a pickle, which can run code when it is read; expected ",
       "model.safetensors; to make it: ", kConvertModel,
       shell_word(directory.empty() ? "." : directory.string()));
}

}  // namespace matlora::format
