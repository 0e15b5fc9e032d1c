#include "matlora/format/jsonl.h"

#include "matlora/base/error.h"
#include "matlora/base/input.h"
#include "matlora/base/utf8.h"
#include "matlora/format/path_kind.h"

namespace matlora::format {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Cuts the first line off `text`, without its `\n` or `\r\n`.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Json parse_line(std::string_view line, const std::string& where) {
  const size_t invalid = find_invalid_utf8(line);
  if (invalid != std::string_view::npos) fail(where, "not UTF-8 at byte ", invalid + 1);
  Json value = parse_json(line, where);
  const JsonObject object(value, where);  // throws unless it is one
  return value;
}

}  // namespace

std::vector<JsonlRecord> read_jsonl(const std::filesystem::path& path, int64_t limit) {
  check(limit >= 0, "read_jsonl: limit ", limit);
  if (std::error_code error; std::filesystem::is_directory(path, error)) {
    fail(path.string(), "not a regular file; expected JSON Lines, got ", what_is(path),
         "; give a file");
  }
  const InputText input = InputText::open(path);
  std::string_view text = input.text();
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());

  std::vector<JsonlRecord> records;
  for (int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    records.push_back({number, parse_line(line, cat(path.string(), ":", number))});
    if (limit > 0 && static_cast<int64_t>(records.size()) == limit) break;
  }
  if (records.empty()) fail(path.string(), "expected one JSON object per line, got no record");
  return records;
}

}  // namespace matlora::format
