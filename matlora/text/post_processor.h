// Post-processing: the special tokens round a whole text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace matlora {
class JsonObject;
}

namespace matlora::text {

/// Gets the ids of a text, puts ids before and behind them. Thread-safe once filled in.
class PostProcessor {
 public:
  /// A template gives parts: special tokens, and one with the text. The next step of a Sequence
  /// sees these, as `tokenizers` has it.
  struct Part {
    std::vector<int32_t> before, behind;
    bool text = false;  // between them
  };

  /// Adds ids round the part with the text. REQUIRES: there is one part.
  void add(const std::vector<int32_t>& before, const std::vector<int32_t>& behind);

  size_t size() const { return steps_; }
  const std::vector<Part>& parts() const { return parts_; }
  /// Throws BugError unless one part has the text.
  void set_parts(std::vector<Part> parts);

  const std::vector<int32_t>& prefix() const { return prefix_; }
  const std::vector<int32_t>& suffix() const { return suffix_; }

 private:
  std::vector<Part> parts_{{{}, {}, true}};
  std::vector<int32_t> prefix_, suffix_;
  size_t steps_ = 0;
};

/// The part "post_processor" of a tokenizer.json. Throws UserError naming the type of a part that
/// is unknown, or what is malformed. The ids are not compared with a vocabulary.
PostProcessor read_post_processor(const JsonObject& part);

}  // namespace matlora::text
