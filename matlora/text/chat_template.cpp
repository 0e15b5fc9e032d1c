#include "matlora/text/chat_template.h"

#include "matlora/base/json.h"
#include "matlora/base/utf8.h"
#include "matlora/text/chat_rendering.h"
#include "matlora/text/jinja/machine.h"
#include "matlora/text/jinja/parser.h"
#include "matlora/text/jinja/python_text.h"

namespace matlora::text {
namespace {

using jinja::Fault;
using jinja::Value;

/// Builds the tree from the library's events; keys are known to differ.
class OrderedReader : public nlohmann::json_sax<OrderedJson> {
 public:
  explicit OrderedReader(const std::string& where) : where_(where) {}
  OrderedJson take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string& text) override {
    if (text.find_first_of(".eE") == text.npos) {
      fail(where_, "integer ", printable(text, 40), " is beyond 64 bits");
    }
    return add(value);
  }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(OrderedJson::binary_t&) override { throw BugError("JSON text has no binary values"); }
  bool start_object(size_t) override { return open(OrderedJson::object()); }
  bool start_array(size_t) override { return open(OrderedJson::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    open_.back().key = std::move(name);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    fail(where_, "not valid JSON: ", printable(error.what(), 200));
  }

 private:
  struct Open {
    OrderedJson value;
    std::string key;
  };

  bool add(OrderedJson value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.is_array()) {
      open_.back().value.push_back(std::move(value));
    } else {
      auto& members = open_.back().value.get_ref<OrderedJson::object_t&>();
      members.emplace_back(std::move(open_.back().key), std::move(value));
    }
    return true;
  }
  bool open(OrderedJson container) {
    open_.push_back({std::move(container), ""});
    return true;
  }
  bool close() {
    OrderedJson value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }

  const std::string& where_;
  OrderedJson root_;
  std::vector<Open> open_;
};

bool has_generation(const jinja::Body& body) {
  for (const auto& statement : body) {
    if (statement->kind == jinja::StatementKind::kGeneration) return true;
    if (has_generation(statement->body) || has_generation(statement->otherwise)) return true;
    if (statement->macro && has_generation(statement->macro->body)) return true;
    for (const auto& [condition, branch] : statement->branches) {
      if (has_generation(branch)) return true;
    }
  }
  return false;
}

/// What transformers adds to a message: the reasoning under the names that templates read.
OrderedJson with_reasoning(const OrderedJson& message) {
  const OrderedJson* reasoning = nullptr;
  for (const char* const name : {"reasoning_content", "thinking", "reasoning"}) {
    const auto found = message.find(name);
    if (!reasoning && found != message.end() && !found->is_null()) reasoning = &*found;
  }
  if (!reasoning) return message;
  OrderedJson result = OrderedJson::object();
  result["thinking"] = *reasoning;
  for (const auto& [key, value] : message.items()) result[key] = value;
  result["reasoning_content"] = *reasoning;
  return result;
}

/// Throws UserError unless `value` is a list of objects.
void expect_objects(const OrderedJson& value, const std::string& where, const std::string& what) {
  if (!value.is_array()) fail(where, what, ": expected a list of objects, got ", value.type_name());
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i].is_object()) continue;
    fail(where, what, "[", i, "]: expected an object, got ", value[i].type_name());
  }
}

std::tm local_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm now{};
  localtime_r(&seconds, &now);
  return now;
}

}  // namespace

OrderedJson parse_ordered_json(std::string_view text, const std::string& where) {
  (void)parse_json(text, where);  // says what is wrong, and where
  OrderedReader reader(where);
  OrderedJson::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

struct ChatTemplate::Impl {
  std::string source, where;
  jinja::Program program;
  bool marks = false;
};

ChatTemplate::ChatTemplate(std::string source, std::string where) {
  auto impl = std::make_unique<Impl>();
  impl->source = std::move(source);
  impl->where = std::move(where);
  const size_t bad = find_invalid_utf8(impl->source);
  if (bad != std::string::npos) fail(impl->where, "not valid UTF-8 at byte ", bad);
  try {
    impl->program = jinja::parse(impl->source);
  } catch (const Fault& fault) {
    fail(fault.line() > 0 ? cat(impl->where, ":", fault.line()) : impl->where,
         printable(fault.what(), 500));
  }
  impl->marks = has_generation(impl->program.body);
  impl_ = std::move(impl);
}

ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::source() const { return impl_->source; }
bool ChatTemplate::marks_generation() const { return impl_->marks; }

PreparedConversation::PreparedConversation(const Conversation& conversation,
                                           const std::string& where) {
  expect_objects(conversation.messages, where, "messages");
  if (!conversation.tools.is_null()) expect_objects(conversation.tools, where, "tools");
  if (!conversation.documents.is_null()) expect_objects(conversation.documents, where, "documents");
  if (!conversation.variables.is_object()) fail(where, "variables: expected an object");
  try {
    for (const auto& message : conversation.messages) {
      messages.push_back(jinja::to_value(with_reasoning(message)));
    }
    for (const auto& [name, value] : conversation.variables.items()) {
      variables.emplace_back(name, jinja::to_value(value));
    }
    variables.emplace_back("tools", jinja::to_value(conversation.tools));
    variables.emplace_back("documents", jinja::to_value(conversation.documents));
  } catch (const Fault& fault) {
    fail(where, fault.what());
  }
}

Rendering render_first(const jinja::Program& program, const std::string& where,
                       const PreparedConversation& conversation, size_t count, bool prompt,
                       const RenderOptions& options) {
  const auto& limits = options.limits;
  const auto budget = std::make_shared<jinja::Budget>(
      jinja::Limits{limits.steps, limits.depth, limits.output, limits.memory});
  const jinja::Budget::Scope scope(budget);
  // The conversation's own names are last in transformers, and win.
  std::vector<std::pair<std::string, Value>> variables;
  std::vector<Value> messages = conversation.messages;
  messages.resize(count);
  variables.emplace_back("messages", jinja::make_list(std::move(messages)));
  variables.emplace_back("add_generation_prompt", Value(prompt));
  variables.insert(variables.end(), conversation.variables.rbegin(), conversation.variables.rend());
  jinja::Machine machine(program, variables, options.now ? *options.now : local_now());
  try {
    machine.run();
  } catch (const Fault& fault) {
    const int line = fault.line() > 0 ? fault.line() : machine.line();
    fail(cat(where, ":", line), printable(fault.what(), 2000));
  }
  Rendering rendering;
  rendering.text = machine.take_text();
  for (const auto& [begin, text] : machine.generated()) {
    // In characters: the text may be elsewhere than the range says.
    const size_t size = jinja::byte_of_character(std::string_view(rendering.text).substr(begin),
                                                 jinja::count_characters(text));
    rendering.generated.push_back({begin, begin + size});
    rendering.generated_fits &= rendering.text.compare(begin, text.size(), text) == 0;
  }
  return rendering;
}

Rendering ChatTemplate::render(const Conversation& conversation,
                               const RenderOptions& options) const {
  const PreparedConversation prepared(conversation, impl_->where);
  return render_first(impl_->program, impl_->where, prepared, prepared.messages.size(),
                      conversation.add_generation_prompt, options);
}

std::vector<Segment> ChatTemplate::segments(const Conversation& conversation,
                                            const RenderOptions& options) const {
  const PreparedConversation prepared(conversation, impl_->where);
  const auto first = [&](size_t count, bool prompt) {
    return render_first(impl_->program, impl_->where, prepared, count, prompt, options);
  };
  return segments_of(conversation, first, impl_->marks, impl_->where);
}

}  // namespace matlora::text
