// The inside of chat_template.h: renderings of the first messages of a conversation.
#pragma once

#include <functional>
#include <utility>

#include "matlora/text/chat_template.h"
#include "matlora/text/jinja/ast.h"

namespace matlora::text {

/// A conversation as a template's values.
struct PreparedConversation {
  /// Throws UserError at `where` for what is not of the form that Conversation states.
  PreparedConversation(const Conversation& conversation, const std::string& where);

  std::vector<jinja::Value> messages;
  std::vector<std::pair<std::string, jinja::Value>> variables;
};

/// The first `count` messages, with the head of an answer where `prompt`.
Rendering render_first(const jinja::Program& program, const std::string& where,
                       const PreparedConversation& conversation, size_t count, bool prompt,
                       const RenderOptions& options);

using RenderFirst = std::function<Rendering(size_t count, bool prompt)>;

/// ChatTemplate::segments. `marks`: the template has {% generation %} blocks.
std::vector<Segment> segments_of(const Conversation& conversation, const RenderFirst& first,
                                 bool marks, const std::string& where);

}  // namespace matlora::text
