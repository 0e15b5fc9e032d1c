#include "matlora/model/adapters/peft_targets.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "matlora/base/error.h"

namespace matlora::model {
namespace {

/// Blocks beyond this one are not looked for: no model has as many.
constexpr int64_t kMaxBlocks = 10'000;

std::vector<std::string> list_of(const JsonObject& config, const std::string& key) {
  const Json* value = config.find(key);
  if (value == nullptr) return {};
  return value->is_string() ? std::vector{value->get<std::string>()} : config.strings(key);
}

/// A module's name and all its ends behind a dot: "a.b.c", "b.c", "c".
std::vector<std::string> ends_of(const std::string& module) {
  std::vector<std::string> ends = {module};
  for (size_t dot = module.find('.'); dot != std::string::npos; dot = module.find('.', dot + 1)) {
    ends.push_back(module.substr(dot + 1));
  }
  return ends;
}

/// A module's name around the number of its block: "model.layers.", 3, ".mlp.up_proj".
struct BlockName {
  std::string before, after;
  int64_t index = 0;
};

std::optional<BlockName> split(const std::string& module) {
  for (size_t begin = 0; begin < module.size();) {
    const size_t end = std::min(module.find('.', begin), module.size());
    int64_t index = 0;
    const char* const last = module.data() + end;
    const auto [rest, error] = std::from_chars(module.data() + begin, last, index);
    if (error == std::errc() && rest == last && index >= 0 && index < kMaxBlocks) {
      return BlockName{module.substr(0, begin), module.substr(end), index};
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::set<std::string> names_of(const std::vector<adapter::LayerAdapter>& layers) {
  std::set<std::string> names;
  for (const adapter::LayerAdapter& layer : layers) names.insert(layer.layer);
  return names;
}

}  // namespace

PeftTargets::PeftTargets(const JsonObject& config)
    : targets_(read(config, "target_modules")), excluded_(read(config, "exclude_modules")) {
  read_blocks(config);
}

PeftTargets::Modules PeftTargets::read(const JsonObject& config, const std::string& key) {
  Modules modules;
  const Json* value = config.find(key);
  if (value == nullptr) return modules;
  if (!value->is_string()) {
    const std::vector<std::string> list = config.strings(key);
    modules.endings = {list.begin(), list.end()};
    return modules;
  }
  const std::string text = config.string(key);
  modules.linear = text == "all-linear";
  if (!modules.linear && !text.empty()) {
    modules.expression.emplace("\\A(?:" + text + ")\\z", config.where() + ": '" + key + "'");
  }
  return modules;
}

void PeftTargets::read_blocks(const JsonObject& config) {
  const std::string key = "layers_to_transform";
  const Json* value = config.find(key);
  if (value == nullptr) return;
  const auto blocks = value->is_array() ? config.integers(key, INT64_MIN, INT64_MAX)
                                        : std::vector{config.integer(key, INT64_MIN, INT64_MAX)};
  blocks_.insert(blocks.begin(), blocks.end());
  for (const std::string& pattern : list_of(config, "layers_pattern")) {
    indices_.emplace_back("\\A(?:.*?\\.)?(?:" + pattern + ")\\.(\\d+)\\.",
                          config.where() + ": 'layers_pattern'");
  }
  if (indices_.empty()) {
    indices_.emplace_back("\\A.*?\\.[^.]*\\.(\\d+)\\.", config.where());
  }
}

bool PeftTargets::Modules::fit(const std::string& module) const {
  if (linear) return !module.ends_with("lm_head") && !module.ends_with("embed_tokens");
  if (expression) return expression->find(module, 0).has_value();
  const std::vector<std::string> ends = ends_of(module);
  return std::any_of(ends.begin(), ends.end(),
                     [&](const std::string& end) { return endings.count(end) > 0; });
}

bool PeftTargets::in_blocks(const std::string& module) const {
  for (const text::Regex& regex : indices_) {
    const auto groups = regex.find_groups(module, 0);
    if (groups.size() < 2) continue;
    const std::string digits =
        module.substr(groups.back().first, groups.back().second - groups.back().first);
    int64_t index = -1;
    std::from_chars(digits.data(), digits.data() + digits.size(), index);
    return blocks_.count(index) > 0;
  }
  return false;
}

bool PeftTargets::names(const std::string& module) const {
  if (excluded_.fit(module) || !targets_.fit(module)) return false;
  // PEFT reads the blocks only together with a list.
  return blocks_.empty() || targets_.expression || targets_.linear || in_blocks(module);
}

std::vector<std::string> missing_layers(const PeftTargets& targets,
                                        const std::vector<adapter::LayerAdapter>& layers,
                                        const std::vector<std::string>& candidates) {
  const std::set<std::string> known = names_of(layers);
  std::vector<std::string> missing;
  for (const std::string& name : candidates) {
    if (known.count(name) == 0 && targets.names(name)) missing.push_back(name);
  }
  return missing;
}

std::vector<std::string> missing_layers(const PeftTargets& targets,
                                        const std::vector<adapter::LayerAdapter>& layers) {
  std::set<std::string> before, after;
  int64_t blocks = 0;
  for (const adapter::LayerAdapter& layer : layers) {
    const auto name = split(layer.layer);
    if (!name) continue;
    before.insert(name->before);
    after.insert(name->after);
    blocks = std::max(blocks, name->index + 1);
  }
  // More names than a file of these matrices could be for are not made.
  const bool few = before.size() * after.size() * static_cast<size_t>(blocks) < 100 * kMaxBlocks;
  std::vector<std::string> candidates;
  for (int64_t i = 0; few && i < blocks; ++i) {
    for (const std::string& head : before) {
      for (const std::string& tail : after) candidates.push_back(cat(head, i, tail));
    }
  }
  std::vector<std::string> missing = missing_layers(targets, layers, candidates);
  std::set<std::string> ends(missing.begin(), missing.end());
  for (const adapter::LayerAdapter& layer : layers) {
    for (std::string& end : ends_of(layer.layer)) ends.insert(std::move(end));
  }
  for (const std::string& target : targets.listed()) {
    if (ends.count(target) == 0) missing.push_back(target);
  }
  return missing;
}

}  // namespace matlora::model
