#include <algorithm>
#include <iostream>
#include <limits>
#include <memory>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/input.h"
#include "matlora/base/json.h"
#include "matlora/base/utf8.h"
#include "matlora/cli/command.h"
#include "matlora/cli/flag_names.h"
#include "matlora/format/jsonl.h"
#include "matlora/text/tokenizer.h"

namespace matlora::cli {
namespace {

/// One text and where it is from.
struct Input {
  std::string where, text;
};

/// The field `text` of every record.
std::vector<Input> read_texts(const fs::path& path) {
  std::vector<Input> inputs;
  for (const format::JsonlRecord& record : format::read_jsonl(path)) {
    const std::string where = cat(path.string(), ":", record.line);
    inputs.push_back({where, JsonObject(record.value, where).string("text")});
  }
  return inputs;
}

/// The lines that are not empty.
std::vector<Input> read_lines(const fs::path& path) {
  std::vector<Input> inputs;
  std::istringstream text{std::string(InputText::open(path).text())};
  std::string line;
  for (int64_t number = 1; std::getline(text, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    inputs.push_back({cat(path.string(), ":", number), line});
  }
  return inputs;
}

std::vector<int32_t> parse_ids(const Input& input) {
  const Json json = parse_json(input.text, input.where);
  if (!json.is_array()) fail(input.where, "expected a JSON array of token ids");
  std::vector<int32_t> ids;
  for (const Json& value : json) {
    const bool fits =
        value.is_number_integer() && value >= 0 && value <= std::numeric_limits<uint32_t>::max();
    if (!fits) fail(input.where, "expected a token id, got ", printable(value.dump(), 40));
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();  // no token has such an id
    ids.push_back(static_cast<int32_t>(std::min(value.get<int64_t>(), kMost)));
  }
  return ids;
}

class Tokenize : public Command {
 public:
  std::string name() const override { return "tokenize"; }
  std::string summary() const override { return "Text to token ids, and back"; }
  std::string example() const override {
    return "matlora tokenize --model base.gguf --text \"It's 24 clips\"";
  }

  void add_options(CLI::App& app) override {
    app.add_option("--model", model_, "HF model directory or .gguf file")->required();
    app.add_option("--text", text_, "One text; with --decode one JSON array of ids");
    app.add_option(
        "--file", file_,
        "JSONL file whose field `text` is taken; with --decode an array of ids per line; - or a "
        "pipe is read to its end");
    app.add_flag("--no-special", no_special_, "Add no BOS or EOS");
    app.add_flag("--decode", decode_, "From ids to text: one JSON string per line");
  }

  int run(const Common&, CLI::App& app) override {
    const bool from_file = app.count("--file") > 0;
    if (from_file == (app.count("--text") > 0)) {
      fail("tokenize", "expected exactly one of --text and --file");
    }
    if (decode_ && no_special_) fail("--no-special", "has no meaning with --decode");
    const text::Tokenizer tokenizer = model::load_tokenizer(model_);
    const std::vector<Input> inputs = !from_file ? std::vector<Input>{{"--text", text_}}
                                      : decode_  ? read_lines(file_)
                                                 : read_texts(file_);
    for (const Input& input : inputs) {
      try {
        std::cout << convert(tokenizer, input).dump() << '\n';
      } catch (const UserError& error) {
        const std::string message = shown(error);
        if (message.rfind(input.where + ":", 0) == 0) throw;
        fail(input.where, message);
      }
    }
    std::cout << std::flush;
    if (!std::cout) fail("stdout", "cannot be written");
    return 0;
  }

 private:
  Json convert(const text::Tokenizer& tokenizer, const Input& input) const {
    if (decode_) return valid_utf8(tokenizer.decode(parse_ids(input)));
    return tokenizer.encode(input.text, !no_special_);
  }

  std::string model_, text_, file_;
  bool no_special_ = false, decode_ = false;
};

}  // namespace

std::unique_ptr<Command> make_tokenize() { return std::make_unique<Tokenize>(); }

}  // namespace matlora::cli
