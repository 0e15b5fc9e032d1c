// Normalisation: what a tokenizer changes in a text before it cuts words.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace matlora {
class JsonObject;
}

namespace matlora::text {

/// The steps in order. Gets a text between added tokens and gives the text that it becomes, both
/// valid UTF-8. Thread-safe once filled in.
class Normalizer {
 public:
  using Step = std::function<std::string(std::string_view)>;

  /// Of a text's first `start` bytes, which stand for the beginning of the whole text: how many
  /// stand for it in what the step makes of the text.
  using Start = std::function<size_t(std::string_view text, size_t start)>;

  /// Without `start_of`, what the step makes of these bytes by themselves.
  void add(Step step, Start start_of = nullptr) {
    steps_.emplace_back(std::move(step), std::move(start_of));
  }
  size_t size() const { return steps_.size(); }

  std::string run(std::string_view text) const;
  /// `start` (Piece::start) of `text` becomes that of the result.
  std::string run(std::string_view text, size_t& start) const;

 private:
  std::vector<std::pair<Step, Start>> steps_;
};

/// The part "normalizer" of a tokenizer.json; its kinds are in normalizers/. Throws UserError
/// naming the type of a part that is unknown, or what is malformed.
Normalizer read_normalizer(const JsonObject& part);

}  // namespace matlora::text
