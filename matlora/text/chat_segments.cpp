#include <algorithm>

#include "matlora/text/chat_rendering.h"
#include "matlora/text/jinja/python_text.h"

namespace matlora::text {
namespace {

/// Bytes that both begin with, cut to whole characters.
size_t common_prefix(std::string_view a, std::string_view b) {
  const auto [at, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  auto size = static_cast<size_t>(at - a.begin());
  while (size > 0 && size < a.size() && (static_cast<unsigned char>(a[size]) & 0xC0) == 0x80) {
    --size;
  }
  return size;
}

std::string role_of(const OrderedJson& message) {
  const auto role = message.find("role");
  return role != message.end() && role->is_string() ? role->get<std::string>() : "";
}

/// The names under which templates know the assistant.
bool is_assistant(const OrderedJson& message) {
  const std::string role = role_of(message);
  return role == "assistant" || role == "model";
}

/// A message's text without white space around it, and without a thought in front, which templates
/// take from earlier turns; "" where it has none or several.
std::string content_of(const OrderedJson& message) {
  const auto content = message.find("content");
  if (content == message.end()) return "";
  const OrderedJson* text = &*content;
  if (content->is_array() && content->size() == 1 && (*content)[0].is_object()) {
    const auto part = (*content)[0].find("text");
    if (part != (*content)[0].end()) text = &*part;
  }
  if (!text->is_string()) return "";
  std::string_view said = text->get_ref<const std::string&>();
  constexpr std::string_view kEndOfThought = "</think>";
  if (const size_t end = said.rfind(kEndOfThought); end != said.npos) {
    said.remove_prefix(end + kEndOfThought.size());
  }
  return std::string(jinja::strip(said));
}

struct Turn {
  size_t message;
  size_t begin, end;  // bytes of the rendering
};

/// The rendering in parts by turns that are in order.
std::vector<Segment> cut(const std::string& text, const std::vector<Turn>& turns, bool numbered) {
  std::vector<Segment> segments;
  size_t at = 0;
  for (const Turn& turn : turns) {
    if (turn.begin > at) segments.push_back({text.substr(at, turn.begin - at), -1, false});
    if (turn.end > turn.begin) {
      segments.push_back({text.substr(turn.begin, turn.end - turn.begin),
                          numbered ? static_cast<int64_t>(turn.message) : -1, true});
    }
    at = turn.end;
  }
  if (at < text.size()) segments.push_back({text.substr(at), -1, false});
  return segments;
}

/// Finds what the assistant says by renderings of the first messages.
class Prefixes {
 public:
  Prefixes(const Conversation& conversation, const RenderFirst& first, const std::string& text,
           const std::string& where)
      : messages_(conversation.messages), first_(first), text_(text), where_(where) {}

  std::vector<Turn> turns() {
    std::vector<Turn> turns;
    for (size_t i = 0; i < messages_.size(); ++i) {
      if (!is_assistant(messages_[i])) continue;
      const size_t begin = begin_of(i);
      const size_t end = end_of(i, begin);
      turns.push_back({i, begin, without_space(i, begin, end)});
      done_ = turns.back().end;
    }
    return turns;
  }

 private:
  [[noreturn]] void fail_message(size_t i, const std::string& why) const {
    fail(where_, "which part of the text message ", i + 1, " (", role_of(messages_[i]),
         ") is cannot be told: ", why,
         "; put {% generation %} and {% endgeneration %} around it in the template");
  }

  /// A rendering that may fail: templates refuse conversations that end too early.
  std::optional<std::string> rendered(size_t count, bool prompt) const {
    try {
      return first_(count, prompt).text;
    } catch (const UserError&) {
      return std::nullopt;
    }
  }

  /// Where the message's text begins: behind the head of an answer.
  size_t begin_of(size_t i) const {
    const std::optional<std::string> head = rendered(i, true);
    if (head) {
      const size_t common = common_prefix(*head, text_);
      if (common == head->size() && common >= done_) return common;
      // The head may say more than the message's own, like the start of a thought; but all that is
      // before the head must be the same.
      const std::optional<std::string> before = rendered(i, false);
      const size_t least = before ? common_prefix(*before, *head) : head->size();
      if (common >= least && common > done_) return before_marker(common, least);
    }
    // Else its text, where that is there only once.
    const std::string content = content_of(messages_[i]);
    const size_t found = content.empty() ? text_.npos : text_.find(content, done_);
    if (found == text_.npos || text_.find(content, found + 1) != text_.npos) {
      fail_message(i, head ? "the template writes what is before it in another way when it follows"
                           : "the template cannot render the messages before it alone");
    }
    return found;
  }

  /// `at`, or where the marker "<..>" begins that it is inside of; not before `least`.
  size_t before_marker(size_t at, size_t least) const {
    const size_t open = at > 0 ? text_.rfind('<', at - 1) : text_.npos;
    return open != text_.npos && open >= least && text_.find('>', open) >= at ? open : at;
  }

  /// Where the turn ends, the marker of its end included.
  size_t end_of(size_t i, size_t begin) const {
    if (i + 1 == messages_.size() && !prompted()) return text_.size();
    const std::optional<std::string> whole = rendered(i + 1, false);
    if (whole && whole->size() >= begin && common_prefix(*whole, text_) == whole->size()) {
      return whole->size();
    }
    // Written otherwise once others follow: then its text, and the marker that follows it when it
    // is the last.
    const std::string content = content_of(messages_[i]);
    const size_t last = whole && !content.empty() ? whole->rfind(content) : text_.npos;
    if (last != text_.npos) {
      const std::string_view marker = std::string_view(*whole).substr(last + content.size());
      for (size_t at = text_.find(content, begin); at != text_.npos;
           at = text_.find(content, at + 1)) {
        const size_t end = at + content.size();
        const std::string_view rest = std::string_view(text_).substr(end);
        if (rest.starts_with(jinja::strip_right(marker))) return end + common_prefix(marker, rest);
        // What ends the whole text is not behind earlier turns.
        const size_t same = before_marker(end + common_prefix(marker, rest), end);
        if (!jinja::strip(std::string_view(text_).substr(end, same - end)).empty()) return same;
      }
    }
    fail_message(i, "the template writes it in another way when others follow");
  }

  bool prompted() const { return first_(messages_.size(), false).text != text_; }

  /// White space at the end stays where the text itself ends with it.
  size_t without_space(size_t i, size_t begin, size_t end) const {
    const std::string_view said = std::string_view(text_).substr(begin, end - begin);
    const std::string_view trimmed = jinja::strip_right(said);
    const std::string content = content_of(messages_[i]);
    const bool marked = !trimmed.empty() && !(!content.empty() && trimmed.ends_with(content));
    return marked ? begin + trimmed.size() : end;
  }

  const OrderedJson& messages_;
  const RenderFirst& first_;
  const std::string& text_;
  const std::string& where_;
  size_t done_ = 0;  // bytes that belong to earlier turns
};

}  // namespace

std::vector<Segment> segments_of(const Conversation& conversation, const RenderFirst& first,
                                 bool marks, const std::string& where) {
  const Rendering rendering =
      first(conversation.messages.size(), conversation.add_generation_prompt);
  const auto& ranges = rendering.generated;
  const auto overlap = [](const ByteRange& a, const ByteRange& b) { return a.end > b.begin; };
  const bool in_order = std::adjacent_find(ranges.begin(), ranges.end(), overlap) == ranges.end();
  std::vector<Turn> turns;
  if (!marks || !rendering.generated_fits || !in_order) {
    turns = Prefixes(conversation, first, rendering.text, where).turns();
    return cut(rendering.text, turns, true);
  }
  std::vector<size_t> said;
  for (size_t i = 0; i < conversation.messages.size(); ++i) {
    if (is_assistant(conversation.messages[i])) said.push_back(i);
  }
  const bool numbered = said.size() == ranges.size();
  for (size_t i = 0; i < ranges.size(); ++i) {
    turns.push_back({numbered ? said[i] : 0, ranges[i].begin, ranges[i].end});
  }
  return cut(rendering.text, turns, numbered);
}

}  // namespace matlora::text
