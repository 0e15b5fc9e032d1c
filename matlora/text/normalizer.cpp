#include "matlora/text/normalizer.h"

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

}  // namespace

std::string Normalizer::run(std::string_view text) const {
  if (steps_.empty()) return std::string(text);
  std::string result = steps_.front()(text);
  for (size_t i = 1; i < steps_.size(); ++i) result = steps_[i](result);
  return result;
}

Normalizer read_normalizer(const JsonObject& part) {
  Normalizer normalizer;
  read_stage<Normalizer>(part, kKinds, "normalizers", normalizer);
  return normalizer;
}

}  // namespace matlora::text
