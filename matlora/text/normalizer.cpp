#include "matlora/text/normalizer.h"

#include <utility>

#include "matlora/base/utf8.h"
#include "matlora/text/load/stage.h"
#include "matlora/text/normalizers/kinds.h"

namespace matlora::text {
namespace {

constexpr StageKind<Normalizer> kKinds[] = {
    {"BertNormalizer", read_bert},
    {"ByteLevel", read_byte_level},
    {"Lowercase", read_lowercase},
    {"NFC", read_unicode_form},
    {"NFD", read_unicode_form},
    {"NFKC", read_unicode_form},
    {"NFKD", read_unicode_form},
    {"Nmt", read_nmt},
    {"Precompiled", read_precompiled},
    {"Prepend", read_prepend},
    {"Replace", read_replace},
    {"Strip", read_strip},
    {"StripAccents", read_strip_accents},
};

/// Where the following characters change the first ones (a normal form), the first of the result.
size_t start_by_itself(const Normalizer::Step& step, std::string_view first,
                       const std::string& result) {
  const std::string changed = step(first);
  return result.starts_with(changed) ? changed.size() : utf8_sequence_length(result);
}

}  // namespace

std::string Normalizer::run(std::string_view text) const {
  size_t start = 0;
  return run(text, start);
}

std::string Normalizer::run(std::string_view text, size_t& start) const {
  std::string result(text);
  for (const auto& [step, start_of] : steps_) {
    std::string changed = step(result);
    if (start > 0) {
      start = start_of ? start_of(result, start)
                       : start_by_itself(step, std::string_view(result).substr(0, start), changed);
    }
    result = std::move(changed);
  }
  return result;
}

Normalizer read_normalizer(const JsonObject& part) {
  Normalizer normalizer;
  read_stage<Normalizer>(part, kKinds, "normalizers", normalizer);
  return normalizer;
}

}  // namespace matlora::text
