#include "matlora/text/post_processor.h"

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

void read_template(const JsonObject& part, PostProcessor& post_processor) {
  std::vector<int32_t> before, behind;
  size_t sequences = 0;
  for (const Json& value : array_of(part, "single")) {
    const JsonObject item(value, part.where() + ": single");
    if (item.find("Sequence") != nullptr) {
      ++sequences;
      continue;
    }
    const std::string name = item.object("SpecialToken").string("id");
    auto& side = sequences == 0 ? before : behind;
    for (const int32_t id : special_ids(part, name)) side.push_back(id);
  }
  if (sequences != 1) {
    fail(part.where(), "'single': expected one Sequence, got ", sequences);
  }
  post_processor.add(before, behind);
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

/// BertProcessing, RobertaProcessing.
void read_class_and_separator(const JsonObject& part, PostProcessor& post_processor) {
  post_processor.add({pair_id(part, "cls")}, {pair_id(part, "sep")});
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
  prefix_.insert(prefix_.begin(), before.begin(), before.end());
  suffix_.insert(suffix_.end(), behind.begin(), behind.end());
  ++steps_;
}

PostProcessor read_post_processor(const JsonObject& part) {
  PostProcessor post_processor;
  read_stage<PostProcessor>(part, kKinds, "processors", post_processor);
  return post_processor;
}

}  // namespace matlora::text
