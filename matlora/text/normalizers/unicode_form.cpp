// NFC, NFD, NFKC, NFKD: Unicode's normal forms.
#include <map>

#include "matlora/base/json.h"
#include "matlora/text/normalizers/kinds.h"

namespace matlora::text {

Normalizer::Step unicode_form(NormalForm form) {
  return [form](std::string_view text) { return normalize(text, form); };
}

void read_unicode_form(const JsonObject& part, Normalizer& normalizer) {
  static const std::map<std::string, NormalForm> kForms = {{"NFC", NormalForm::kNfc},
                                                           {"NFD", NormalForm::kNfd},
                                                           {"NFKC", NormalForm::kNfkc},
                                                           {"NFKD", NormalForm::kNfkd}};
  normalizer.add(unicode_form(kForms.at(part.string("type"))));
}

}  // namespace matlora::text
