// A base model with a rank of an adapter added into its weights: W + B diag(g) A, computed in
// float32 and rounded once, a few rows at a time. The files of the base stay mapped; neither model
// is ever in memory whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/adapter/plan.h"
#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/format/gguf.h"

namespace matlora::model {

struct MergeOptions {
  adapter::RankPlan plan;
  adapter::InferenceGate gate = adapter::InferenceGate::paper;
  /// F32, F16, BF16, or for a GGUF file Q8_0. None: what the base's matrices are stored in, F16
  /// where that is in blocks. In a GGUF file vectors are F32, and matrices whose rows are no whole
  /// blocks F16.
  std::optional<format::GgmlType> type;
  uint64_t max_shard_bytes = 5'000'000'000;
  bool to_gguf = false;                         // a GGUF file, else a Hugging Face directory
  std::shared_ptr<const MappedFile> file = {};  // LoadedAdapter's
};

class Merge {
 public:
  /// Reads the headers of the base and plans what is written. `adapter` must stay. Throws UserError
  /// for a base or an adapter that does not fit, and for what the form cannot carry: Q8_0 in a
  /// directory; from a directory to a GGUF file and back, options of the model and tokenizers that
  /// the other form has no words for.
  Merge(const std::filesystem::path& base, const adapter::Adapter& adapter, MergeOptions options);
  ~Merge();
  Merge(Merge&&) noexcept;

  /// Names that write() makes in a directory.
  std::vector<std::string> files() const;
  /// Bytes of the tensors that are written.
  uint64_t bytes() const;
  format::GgmlType type() const;

  /// Writes the model into `path`, a directory that exists or the GGUF file. `step` is told the
  /// bytes that are done, and false from it ends the work: then nothing of the file that was
  /// being written is left, and the result is false. Throws UserError when a file cannot be
  /// written or a number is too large for the dtype.
  bool write(const std::filesystem::path& path, const std::function<bool(uint64_t)>& step) const;

 private:
  struct Plan;
  std::unique_ptr<Plan> plan_;
};

/// "5GB", "200MB", "2GiB" -> bytes, as transformers reads max_shard_size. Throws UserError at
/// `where`.
uint64_t parse_bytes(const std::string& text, const std::string& where);

}  // namespace matlora::model
