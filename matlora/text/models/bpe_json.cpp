#include "matlora/text/models/bpe_json.h"

#include "matlora/base/error.h"
#include "matlora/text/load/stage.h"

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

}  // namespace

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

}  // namespace matlora::text
