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

  void add(Step step) { steps_.push_back(std::move(step)); }
  size_t size() const { return steps_.size(); }

  std::string run(std::string_view text) const;

 private:
  std::vector<Step> steps_;
};

/// The part "normalizer" of a tokenizer.json; its kinds are in normalizers/. Throws UserError
/// naming the type of a part that is unknown, or what is malformed.
Normalizer read_normalizer(const JsonObject& part);

}  // namespace matlora::text
