#include "matlora/text/post_processor.h"

#include <algorithm>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/text/load/stage.h"
#include "matlora/text/vocabulary.h"

namespace matlora::text {
namespace {

std::vector<int32_t> special_ids(const JsonObject& part, const std::string& name) {
  const JsonObject entry = part.object("special_tokens").object(name);
  std::vector<int32_t> ids;
  for (const int64_t id : entry.integers("ids", 0, Vocabulary::kMaxId)) {
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

/// A template for one text, "single", or for two parts, "pair".
void read_template(const JsonObject& part, PostProcessor& post_processor) {
  const std::vector<PostProcessor::Part>& old = post_processor.parts();
  if (old.size() > 2) {
    fail(part.where(), "TemplateProcessing of ", old.size(), " parts; expected 1 or 2");
  }
  const char* key = old.size() == 1 ? "single" : "pair";
  std::vector<PostProcessor::Part> parts;
  for (const Json& value : array_of(part, key)) {
    const JsonObject item(value, part.where() + ": " + key);
    if (item.find("Sequence") != nullptr) {
      const bool first = item.object("Sequence").string_or("id", "A") == "A";
      if (!first && old.size() == 1) fail(item.where(), "Sequence 'B' of a single text");
      parts.push_back(old[first ? 0 : 1]);
    } else {
      const std::string name = item.object("SpecialToken").string("id");
      parts.push_back({special_ids(part, name), {}, false});
    }
  }
  const auto texts =
      std::count_if(parts.begin(), parts.end(), [](const auto& p) { return p.text; });
  if (texts != 1)
    fail(part.where(), "'", key, "': expected the text once, got it ", texts, " times");
  post_processor.set_parts(std::move(parts));
}

int32_t pair_id(const JsonObject& part, const char* key) {
  const Json* pair = part.find(key);
  if (pair == nullptr || !pair->is_array() || pair->size() != 2 ||
      !(*pair)[1].is_number_integer()) {
    fail(part.where(), "'", key, "': expected [token, id]");
  }
  const Json wrapped{{"id", (*pair)[1]}};
  return static_cast<int32_t>(
      JsonObject(wrapped, part.where() + ": " + key).integer("id", 0, Vocabulary::kMaxId));
}

/// "cls" goes in front of the first part and "sep" behind each; Roberta puts one in front of the
/// later parts too.
void read_class_and_separator(const JsonObject& part, PostProcessor& post_processor) {
  const int32_t cls = pair_id(part, "cls"), sep = pair_id(part, "sep");
  const bool roberta = part.string("type") == "RobertaProcessing";
  std::vector<PostProcessor::Part> parts = post_processor.parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    std::vector<int32_t>& before = parts[i].before;
    if (i == 0 || roberta) before.insert(before.begin(), i == 0 ? cls : sep);
    parts[i].behind.push_back(sep);
  }
  post_processor.set_parts(std::move(parts));
}

void read_offsets(const JsonObject&, PostProcessor&) {}  // ByteLevel only moves offsets

constexpr StageKind<PostProcessor> kKinds[] = {
    {"BertProcessing", read_class_and_separator},
    {"ByteLevel", read_offsets},
    {"RobertaProcessing", read_class_and_separator},
    {"TemplateProcessing", read_template},
};

}  // namespace

void PostProcessor::add(const std::vector<int32_t>& before, const std::vector<int32_t>& behind) {
  check(parts_.size() == 1, "post-processor: ", parts_.size(), " parts");
  std::vector<Part> parts = parts_;
  parts[0].before.insert(parts[0].before.begin(), before.begin(), before.end());
  parts[0].behind.insert(parts[0].behind.end(), behind.begin(), behind.end());
  set_parts(std::move(parts));
}

void PostProcessor::set_parts(std::vector<Part> parts) {
  const auto texts =
      std::count_if(parts.begin(), parts.end(), [](const Part& p) { return p.text; });
  check(texts == 1, "post-processor: ", texts, " texts");
  parts_ = std::move(parts);
  prefix_.clear();
  suffix_.clear();
  bool behind_text = false;
  const auto add_ids = [&](const std::vector<int32_t>& ids) {
    auto& side = behind_text ? suffix_ : prefix_;
    side.insert(side.end(), ids.begin(), ids.end());
  };
  for (const Part& part : parts_) {
    add_ids(part.before);
    behind_text |= part.text;
    add_ids(part.behind);
  }
  ++steps_;
}

PostProcessor read_post_processor(const JsonObject& part) {
  PostProcessor post_processor;
  read_stage<PostProcessor>(part, kKinds, "processors", post_processor);
  return post_processor;
}

}  // namespace matlora::text
