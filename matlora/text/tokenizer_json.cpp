// Tokenizers from the tokenizer.json of the Python package `tokenizers`.
#include <map>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/pipeline.h"

namespace matlora::text {
namespace {

constexpr size_t kMaxSteps = 32;  // pre-tokenizers and normalizers of one file

std::string type_of(const JsonObject& part) { return part.string("type"); }

[[noreturn]] void fail_unsupported(const JsonObject& part, const std::string& known) {
  fail(part.where(), "expected ", known, ", got '", printable(type_of(part)), "'");
}

JsonObject part_of(const Json& value, const JsonObject& whole, const std::string& name) {
  return JsonObject(value, whole.where() + ": " + name);
}

const Json& array_of(const JsonObject& part, const std::string& key) {
  const Json* value = part.find(key);
  if (value == nullptr || !value->is_array()) fail(part.where(), "'", key, "': expected an array");
  return *value;
}

// ---- model ----

void read_vocabulary(const JsonObject& model, Vocabulary& vocabulary) {
  const JsonObject vocab = model.object("vocab");
  vocabulary.expect(vocab.value().size());
  for (const auto& [content, id] : vocab.value().items()) {
    if (!id.is_number_integer() || (id.is_number_unsigned() && id.get<uint64_t>() > INT64_MAX)) {
      fail(vocab.where(), "token '", printable(content), "': expected an integer id, got ",
           printable(id.dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
    vocabulary.add(content, id.get<int64_t>());
  }
}

std::pair<std::string, std::string> read_merge(const Json& merge, const JsonObject& model,
                                               size_t index) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  if (merge.is_string()) {
    const auto& text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
      return {text.substr(0, space), text.substr(space + 1)};
    }
  }
  fail(model.where(), "merge ", index, ": expected \"left right\" or [\"left\", \"right\"], got ",
       printable(merge.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

void refuse(const JsonObject& model, const std::string& key, bool present) {
  if (present) fail(model.where(), "'", key, "' is not supported in a byte-level model");
}

void read_model(const JsonObject& file, PipelineParts& parts) {
  const Json* value = file.find("model");
  if (value == nullptr) fail(file.where(), "'model' is missing");
  const JsonObject model = part_of(*value, file, "model");
  if (model.string_or("type", "BPE") != "BPE") fail_unsupported(model, "type 'BPE'");
  refuse(model, "byte_fallback", model.boolean_or("byte_fallback", false));
  refuse(model, "dropout", model.number_or("dropout", 0) != 0);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    refuse(model, key, !model.string_or(key, "").empty());
  }
  read_vocabulary(model, parts.model);
  const Json& merges = array_of(model, "merges");
  for (size_t i = 0; i < merges.size(); ++i) {
    const Json& merge = merges[i];
    const bool version_line =
        i == 0 && merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version");
    if (!version_line) parts.merges.push_back(read_merge(merge, model, i));
  }
  parts.bpe.ignore_merges = model.boolean_or("ignore_merges", false);
  parts.bpe.fuse_unknown = model.boolean_or("fuse_unk", false);
  if (const std::string unknown = model.string_or("unk_token", ""); !unknown.empty()) {
    parts.bpe.unknown_id = parts.model.id(unknown);
    if (!parts.bpe.unknown_id) {
      fail(model.where(), "unk_token '", printable(unknown), "' is not in the vocabulary");
    }
  }
}

void read_added_tokens(const JsonObject& file, PipelineParts& parts) {
  if (file.find("added_tokens") == nullptr) return;
  for (const Json& value : array_of(file, "added_tokens")) {
    const JsonObject entry = part_of(value, file, "added_tokens");
    AddedToken token;
    token.content = entry.string("content");
    token.id = static_cast<int32_t>(entry.integer("id", 0, Vocabulary::kMaxId));
    token.special = entry.boolean_or("special", false);
    token.single_word = entry.boolean_or("single_word", false);
    token.lstrip = entry.boolean_or("lstrip", false);
    token.rstrip = entry.boolean_or("rstrip", false);
    token.normalized = entry.boolean_or("normalized", !token.special);
    parts.added.push_back(std::move(token));
  }
}

// ---- normalizer ----

void read_normalizer(const JsonObject& part, PipelineParts& parts) {
  static const std::map<std::string, NormalForm> kForms = {{"NFC", NormalForm::kNfc},
                                                           {"NFD", NormalForm::kNfd},
                                                           {"NFKC", NormalForm::kNfkc},
                                                           {"NFKD", NormalForm::kNfkd}};
  const std::string type = type_of(part);
  if (type == "Sequence") {
    for (const Json& value : array_of(part, "normalizers")) {
      read_normalizer(JsonObject(value, part.where()), parts);
    }
  } else if (const auto form = kForms.find(type); form != kForms.end()) {
    parts.normalizers.push_back(form->second);
  } else {
    fail_unsupported(part, "NFC, NFD, NFKC, NFKD or a Sequence of them");
  }
  if (parts.normalizers.size() > kMaxSteps) {
    fail(part.where(), "more than ", kMaxSteps, " steps in a Sequence");
  }
}

// ---- pre_tokenizer ----

Behavior read_behavior(const JsonObject& part) {
  static const std::map<std::string, Behavior> kBehaviors = {
      {"Isolated", Behavior::kIsolated},
      {"Removed", Behavior::kRemoved},
      {"MergedWithPrevious", Behavior::kMergedWithPrevious},
      {"MergedWithNext", Behavior::kMergedWithNext},
      {"Contiguous", Behavior::kContiguous}};
  const std::string name = part.string("behavior");
  if (const auto found = kBehaviors.find(name); found != kBehaviors.end()) return found->second;
  fail(part.where(),
       "'behavior': expected Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous, "
       "got '",
       printable(name), "'");
}

void read_split(const JsonObject& part, PreTokenizer& steps) {
  const Behavior behavior = read_behavior(part);
  const bool invert = part.boolean_or("invert", false);
  const JsonObject pattern = part.object("pattern");
  if (pattern.find("Regex") != nullptr) {
    steps.add_split(Regex(pattern.string("Regex"), part.where()), behavior, invert);
  } else if (const std::string literal = pattern.string("String"); !literal.empty()) {
    steps.add_literal_split(literal, behavior, invert);
  } else {
    fail(part.where(), "'pattern': the String is empty");
  }
}

// Adds the steps of `part`; `byte_level` says whether ByteLevel, which has to be last, was there.
void read_pre_tokenizer(const JsonObject& part, PreTokenizer& steps, bool& byte_level) {
  const std::string type = type_of(part);
  if (type == "Sequence") {
    for (const Json& value : array_of(part, "pretokenizers")) {
      read_pre_tokenizer(JsonObject(value, part.where()), steps, byte_level);
    }
    return;
  }
  if (byte_level) {
    fail(part.where(), "'", printable(type), "' after ByteLevel is not supported");
  }
  if (type == "ByteLevel") {
    byte_level = true;
    if (part.boolean_or("add_prefix_space", true)) steps.add_prefix_space();
    if (part.boolean_or("use_regex", true)) {
      steps.add_split(Regex(kGpt2Pattern, part.where()), Behavior::kIsolated, false);
    }
  } else if (type == "Digits") {
    steps.add_digits(part.boolean_or("individual_digits", false));
  } else if (type == "Split") {
    read_split(part, steps);
  } else {
    fail_unsupported(part, "ByteLevel, Digits, Split or a Sequence of them");
  }
  if (steps.size() > kMaxSteps) {
    fail(part.where(), "more than ", kMaxSteps, " steps in a Sequence");
  }
}

// ---- post_processor, decoder ----

std::vector<int32_t> special_ids(const JsonObject& part, const std::string& name) {
  const JsonObject entry = part.object("special_tokens").object(name);
  std::vector<int32_t> ids;
  for (const int64_t id : entry.integers("ids", 0, Vocabulary::kMaxId)) {
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

void read_template(const JsonObject& part, PipelineParts& parts) {
  std::vector<int32_t> before, after;
  size_t sequences = 0;
  for (const Json& value : array_of(part, "single")) {
    const JsonObject item(value, part.where() + ": single");
    if (item.find("Sequence") != nullptr) {
      ++sequences;
      continue;
    }
    const std::string name = item.object("SpecialToken").string("id");
    auto& side = sequences == 0 ? before : after;
    for (const int32_t id : special_ids(part, name)) side.push_back(id);
  }
  if (sequences != 1) {
    fail(part.where(), "'single': expected one Sequence, got ", sequences);
  }
  parts.prefix.insert(parts.prefix.begin(), before.begin(), before.end());
  parts.suffix.insert(parts.suffix.end(), after.begin(), after.end());
}

void read_post_processor(const JsonObject& part, PipelineParts& parts) {
  const std::string type = type_of(part);
  if (type == "Sequence") {
    for (const Json& value : array_of(part, "processors")) {
      read_post_processor(JsonObject(value, part.where()), parts);
    }
  } else if (type == "TemplateProcessing") {
    read_template(part, parts);
  } else if (type != "ByteLevel") {  // which only moves offsets
    fail_unsupported(part, "ByteLevel, TemplateProcessing or a Sequence of them");
  }
}

void read_decoder(const JsonObject& part) {
  if (type_of(part) == "ByteLevel") return;
  if (type_of(part) != "Sequence") fail_unsupported(part, "ByteLevel");
  const Json& decoders = array_of(part, "decoders");
  if (decoders.size() != 1) fail(part.where(), "expected ByteLevel alone in the Sequence");
  read_decoder(JsonObject(decoders[0], part.where()));
}

}  // namespace

Pipeline load_json(const std::filesystem::path& path) {
  const Json json = read_json(path);
  const JsonObject file(json, path.string());
  PipelineParts parts(file.where());
  read_model(file, parts);
  read_added_tokens(file, parts);
  bool byte_level = false;
  if (const Json* part = file.find("normalizer")) {
    read_normalizer(part_of(*part, file, "normalizer"), parts);
  }
  if (const Json* part = file.find("pre_tokenizer")) {
    read_pre_tokenizer(part_of(*part, file, "pre_tokenizer"), parts.pre_tokenizer, byte_level);
  }
  if (!byte_level) fail(file.where(), "pre_tokenizer: expected ByteLevel, got none");
  if (const Json* part = file.find("post_processor")) {
    read_post_processor(part_of(*part, file, "post_processor"), parts);
  }
  const Json* decoder = file.find("decoder");
  if (decoder == nullptr) fail(file.where(), "decoder: expected ByteLevel, got none");
  read_decoder(part_of(*decoder, file, "decoder"));
  return Pipeline(std::move(parts));
}

}  // namespace matlora::text
