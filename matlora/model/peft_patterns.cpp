#include "matlora/model/peft_patterns.h"

#include "matlora/base/error.h"

namespace matlora::model {

PeftPattern::PeftPattern(const JsonObject& config, const std::string& key)
    : where_(config.where() + ": '" + key + "'") {
  if (config.find(key) == nullptr) return;
  const JsonObject object = config.object(key);
  for (const auto& [expression, value] : object.value().items()) {
    const double number = value.is_number() ? value.get<double>() : 0;
    if (!(number > 0 && number < 1e9)) {
      fail(where_, "'", printable(expression), "': expected a number above 0, got ",
           printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 40));
    }
    entries_.push_back(
        {expression, text::Regex("\\A(?:.*\\.)?(?:" + expression + ")\\z", where_), number});
  }
}

double PeftPattern::of(const std::string& module, double fallback) const {
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (!entry.regex.find(module, 0)) continue;
    if (found != nullptr && found->value != entry.value) {
      fail(where_, "'", printable(found->key), "' and '", printable(entry.key), "' both name ",
           printable(module), "; expected one of them");
    }
    found = &entry;
  }
  return found ? found->value : fallback;
}

}  // namespace matlora::model
