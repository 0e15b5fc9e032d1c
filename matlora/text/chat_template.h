// Chat templates: a conversation -> the text that a model reads, and which parts of it the
// assistant says. Templates are Jinja, rendered natively in a sandbox as transformers renders them
// with jinja2's ImmutableSandboxedEnvironment (its apply_chat_template, version 5.23).
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::text {

/// JSON whose objects keep the order of their keys, which templates show.
using OrderedJson = nlohmann::ordered_json;

/// Throws UserError at `where` as parse_json does, and for an integer beyond 64 bits.
OrderedJson parse_ordered_json(std::string_view text, const std::string& where);

struct Conversation {
  OrderedJson messages = OrderedJson::array();  ///< objects: {"role": .., "content": ..}
  OrderedJson tools;                            ///< a list of JSON schemas, or null
  OrderedJson documents;                        ///< a list of objects, or null
  /// More names for the template: "bos_token", "eos_token", "enable_thinking", ..
  OrderedJson variables = OrderedJson::object();
  bool add_generation_prompt = false;  ///< end with the head of an answer
};

/// What one rendering may use; each is one clear error.
struct TemplateLimits {
  uint64_t steps = 30'000'000;
  size_t depth = 1000;         ///< of blocks, expressions and calls inside each other
  size_t output = 64u << 20;   ///< bytes
  size_t memory = 256u << 20;  ///< bytes of all values
};

struct RenderOptions {
  TemplateLimits limits;
  std::optional<std::tm> now;  ///< for strftime_now; none: the local time
};

struct ByteRange {
  size_t begin = 0, end = 0;  ///< bytes, end not included
  bool operator==(const ByteRange&) const = default;
};

struct Rendering {
  std::string text;  ///< UTF-8
  /// What {% generation %} blocks made, as transformers' return_assistant_tokens_mask counts it.
  std::vector<ByteRange> generated;
  /// Whether each range is where its block's text is. Not so for a block in a macro that writes
  /// before it.
  bool generated_fits = true;
};

/// A part of a rendering.
struct Segment {
  std::string text;
  int64_t message = -1;    ///< which message the assistant says, -1 of other text or when unknown
  bool assistant = false;  ///< what the assistant says, to the marker that ends its turn
};

/// Immutable; every call is thread-safe.
class ChatTemplate {
 public:
  /// Throws UserError `where:line: ..` for what is no template or reads other files. `where` names
  /// the template in messages.
  ChatTemplate(std::string source, std::string where);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  const std::string& source() const;
  bool marks_generation() const;  ///< has a {% generation %} block

  /// Throws UserError `where:line: ..` for what the template raises, an error in it, and a limit;
  /// UserError `where: ..` for messages, tools or documents that are not lists of objects.
  Rendering render(const Conversation& conversation, const RenderOptions& options = {}) const;

  /// The rendering in parts, whose texts joined are the whole. Where the template marks what the
  /// assistant says, by that. Else by renderings of the first messages with and without the head of
  /// an answer: what follows the head, up to the end of that turn. White space behind the marker
  /// that ends a turn is not the assistant's. Throws UserError as render does, and naming the
  /// message where a template writes earlier turns in a way that cannot be told apart.
  std::vector<Segment> segments(const Conversation& conversation,
                                const RenderOptions& options = {}) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

/// A template that was found for a model.
struct NamedTemplate {
  std::string name;  ///< "default", "tool_use", ..
  std::string source;
  std::string where;  ///< for messages
};

/// The templates of a HF directory: chat_template.jinja and additional_chat_templates/*.jinja (or
/// chat_templates/*.jinja), else `chat_template` of tokenizer_config.json. Empty when it has none.
/// Throws UserError for a file that cannot be read or is malformed.
std::vector<NamedTemplate> find_chat_templates(const std::filesystem::path& directory);

/// The template by `name`. Where that is empty: "tool_use" if there is one and `tools`, else
/// "default", else the only one. Throws UserError at `where` that names what there is.
const NamedTemplate& choose_chat_template(const std::vector<NamedTemplate>& templates,
                                          const std::string& name, bool tools,
                                          const std::string& where);

/// bos_token, eos_token and the other special tokens of a directory's tokenizer_config.json and
/// special_tokens_map.json, as variables for templates.
OrderedJson template_tokens(const std::filesystem::path& directory);

}  // namespace matlora::text
