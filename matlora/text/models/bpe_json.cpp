#include "matlora/text/models/bpe_json.h"

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/text/load/stage.h"
#include "matlora/text/models/byte_level_bpe.h"
#include "matlora/text/models/kinds.h"
#include "matlora/text/models/sentencepiece_bpe.h"

namespace matlora::text {
namespace {

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

int32_t require(const Vocabulary& vocabulary, const std::string& token, const std::string& where,
                size_t rank) {
  const auto id = vocabulary.id(token);
  if (!id) {
    fail(where, "merge ", rank, ": token '", printable(token), "' is not in the vocabulary");
  }
  return *id;
}

void refuse(const JsonObject& model, const std::string& key, bool present) {
  if (present) fail(model.where(), "'", key, "' is not supported");
}

}  // namespace

std::unique_ptr<const Model> read_bpe(const JsonObject& part, bool in_bytes,
                                      Vocabulary& vocabulary) {
  read_vocabulary(part, vocabulary);
  const BpeOptions options = read_bpe_options(part, vocabulary);
  const bool plain = !options.byte_fallback && options.prefix.empty() && options.suffix.empty();
  if (in_bytes && plain) {
    return std::make_unique<ByteLevelBpe>(vocabulary, read_merges(part), options, part.where());
  }
  return std::make_unique<SentencePieceBpe>(vocabulary, read_merges(part), options, part.where());
}

void read_vocabulary(const JsonObject& model, Vocabulary& vocabulary) {
  const JsonObject vocab = model.object("vocab");
  for (const auto& [content, id] : vocab.value().items()) {
    if (!id.is_number_integer() || (id.is_number_unsigned() && id.get<uint64_t>() > INT64_MAX)) {
      fail(vocab.where(), "token '", printable(content), "': expected an integer id, got ",
           printable(id.dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
    vocabulary.add(content, id.get<int64_t>());
  }
}

MergePairs read_merges(const JsonObject& model) {
  MergePairs pairs;
  const Json& merges = array_of(model, "merges");
  for (size_t i = 0; i < merges.size(); ++i) {
    const Json& merge = merges[i];
    const bool version_line =
        i == 0 && merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version");
    if (!version_line) pairs.push_back(read_merge(merge, model, i));
  }
  return pairs;
}

BpeOptions read_bpe_options(const JsonObject& model, const Vocabulary& vocabulary) {
  refuse(model, "dropout", model.number_or("dropout", 0) != 0);
  BpeOptions options;
  options.prefix = model.string_or("continuing_subword_prefix", "");
  options.suffix = model.string_or("end_of_word_suffix", "");
  options.ignore_merges = model.boolean_or("ignore_merges", false);
  options.fuse_unknown = model.boolean_or("fuse_unk", false);
  options.byte_fallback = model.boolean_or("byte_fallback", false);
  if (const std::string unknown = model.string_or("unk_token", ""); !unknown.empty()) {
    options.unknown_id = vocabulary.id(unknown);
    options.lacks_unknown = !options.unknown_id;
  }
  return options;
}

MergeTable merge_table(const Vocabulary& vocabulary, const MergePairs& merges, size_t prefix,
                       const std::string& where) {
  MergeTable table(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const int32_t left_id = require(vocabulary, left, where, rank);
    const int32_t right_id = require(vocabulary, right, where, rank);
    const std::string joined = left + right.substr(std::min(prefix, right.size()));
    const int32_t result = require(vocabulary, joined, where, rank);
    table.add(left_id, right_id, {static_cast<uint32_t>(rank), result});
  }
  return table;
}

}  // namespace matlora::text
