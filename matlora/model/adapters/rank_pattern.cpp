#include "matlora/model/adapters/rank_pattern.h"

#include <string>
#include <vector>

#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/model/adapters/peft_patterns.h"

namespace matlora::model {
namespace {

constexpr size_t kMaxPatterns = 10'000;

struct Pattern {
  std::string key;
  int64_t rank = 0;
  PeftPattern names;  // one key alone: which modules it names
  bool used = false;
};

/// In the file's order, which decides. `text` is JSON without a key twice.
std::vector<Pattern> read_patterns(const std::string& text, const JsonObject& object,
                                   int64_t largest) {
  std::vector<Pattern> patterns;
  const auto ordered = nlohmann::ordered_json::parse(text);
  for (const auto& item : ordered.items()) {
    const std::string& key = item.key();
    const Json one = {{"rank_pattern", {{key, 1}}}};
    patterns.push_back({key, object.integer(key, 1, largest),
                        PeftPattern(JsonObject(one, object.where()), "rank_pattern")});
  }
  return patterns;
}

}  // namespace

adapter::RankPlan read_rank_pattern(const std::filesystem::path& file,
                                    const adapter::Adapter& adapter, int64_t rank) {
  const std::string text = read_file(file), where = file.string();
  const Json json = parse_json(text, where);
  const JsonObject object(json, where);
  if (json.empty()) fail(where, "expected names of modules and their ranks, got none");
  if (json.size() > kMaxPatterns) {
    fail(where, "expected at most ", kMaxPatterns, " names, got ", json.size());
  }
  std::vector<Pattern> patterns = read_patterns(text, object, adapter.rule.rank);
  adapter::RankPlan plan{rank};
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    int64_t work = 0;
    for (Pattern& pattern : patterns) {
      work += pattern.names.work();
      if (work > PeftPattern::kMaxWork) fail(where, "too many expressions: ", patterns.size());
      if (pattern.names.of(layer.layer, 0) == 0) continue;
      plan.by_layer.emplace(layer.layer, pattern.rank);  // the first one stays
      pattern.used = true;
    }
  }
  for (const Pattern& pattern : patterns) {
    if (pattern.used) continue;
    fail(where, "'", printable(pattern.key), "' names no layer of the adapter; expected such as ",
         adapter::module_name(adapter.layers.front().layer), " or ", adapter.layers.front().layer);
  }
  return plan;
}

}  // namespace matlora::model
