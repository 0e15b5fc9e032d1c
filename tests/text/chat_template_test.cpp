// Segments, found templates, limits and hostile templates.
#include "matlora/text/chat_template.h"

#include <gtest/gtest.h>

#include "matlora/base/file.h"
#include "tests/support/temp_dir.h"

namespace matlora::text {
namespace {

OrderedJson messages(std::string_view json) { return parse_ordered_json(json, "messages"); }

std::string error_of(const std::string& source, const RenderOptions& options = {},
                     const Conversation& conversation = {}) {
  try {
    ChatTemplate(source, "t.jinja").render(conversation, options);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// The parts, with what the assistant says in brackets.
std::string marked(const std::string& source, const Conversation& conversation) {
  const ChatTemplate chat(source, "t.jinja");
  std::string text, whole;
  for (const Segment& segment : chat.segments(conversation)) {
    text += segment.assistant ? cat("[", segment.message, ":", segment.text, "]") : segment.text;
    whole += segment.text;
  }
  EXPECT_EQ(whole, chat.render(conversation).text);
  return text;
}

const char kChatMl[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

Conversation two_turns() {
  Conversation conversation;
  conversation.messages = messages(R"([{"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"},
    {"role": "assistant", "content": "d"}])");
  return conversation;
}

TEST(ChatSegments, BehindTheHeadUpToTheMarker) {
  EXPECT_EQ(marked(kChatMl, two_turns()),
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[1:b<|im_end|>]\n"
            "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n[3:d<|im_end|>]\n");
}

TEST(ChatSegments, WithAnOpenHeadAtTheEnd) {
  Conversation conversation = two_turns();
  conversation.messages.erase(3);
  conversation.add_generation_prompt = true;
  EXPECT_EQ(marked(kChatMl, conversation),
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[1:b<|im_end|>]\n"
            "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatSegments, Instructions) {
  EXPECT_EQ(
      marked("{{ '<s>' }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} "
             "[/INST]{% else %} {{ m.content }}</s>{% endif %}{% endfor %}",
             two_turns()),
      "<s>[INST] a [/INST][1: b</s>][INST] c [/INST][3: d</s>]");
}

TEST(ChatSegments, ByGenerationBlocks) {
  EXPECT_EQ(marked("{% for m in messages %}{% if m.role == 'assistant' %}A: {% generation %}"
                   "{{ m.content }};{% endgeneration %}{% else %}U: {{ m.content }};{% endif %}"
                   "{% endfor %}",
                   two_turns()),
            "U: a;A: [1:b;]U: c;A: [3:d;]");
}

TEST(ChatSegments, AThoughtThatOnlyTheHeadAndTheLastTurnHave) {
  // The head opens a thought; earlier answers lose theirs.
  const std::string source =
      "{% for m in messages %}<{{ m.role }}>"
      "{% if m.reasoning_content and loop.last %}<think>{{ m.reasoning_content }}</think>{% endif "
      "%}"
      "{{ m.content }}<end>\n{% endfor %}"
      "{% if add_generation_prompt %}<assistant><think>{% endif %}";
  Conversation conversation = two_turns();
  conversation.messages[1]["reasoning_content"] = "hm";
  conversation.messages[3]["reasoning_content"] = "so";
  EXPECT_EQ(marked(source, conversation),
            "<user>a<end>\n<assistant>[1:b<end>]\n<user>c<end>\n"
            "<assistant><think>[3:so</think>d<end>]\n");
}

TEST(ChatSegments, SaysWhereItCannotTell) {
  // All earlier text changes with the number of messages.
  const std::string source =
      "{{ messages | length }}{% for m in messages %}{{ m.content | reverse }}{% endfor %}";
  try {
    Conversation conversation = two_turns();
    conversation.messages[1]["content"] = "bc";
    (void)ChatTemplate(source, "t.jinja").segments(conversation);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("message 2 (assistant)"), std::string::npos)
        << error.what();
  }
}

TEST(ChatTemplate, MessagesAreObjects) {
  Conversation conversation;
  conversation.messages = messages(R"(["a"])");
  EXPECT_EQ(error_of("x", {}, conversation),
            "t.jinja: messages[0]: expected an object, got string");
  conversation.messages = messages(R"({"a": 1})");
  EXPECT_EQ(error_of("x", {}, conversation),
            "t.jinja: messages: expected a list of objects, got object");
  EXPECT_THROW(parse_ordered_json("[12345678901234567890123]", "x"), UserError);
  EXPECT_EQ(parse_ordered_json(R"({"b": 1, "a": {"d": 1, "c": [2.5, null]}})", "x").dump(),
            R"({"b":1,"a":{"d":1,"c":[2.5,null]}})");
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  EXPECT_EQ(error_of("a\n{{ raise_exception('no\\nway') }}"), "t.jinja:2: no\\x0away");
  EXPECT_EQ(error_of("a\n\n{{ x.y }}"), "t.jinja:3: 'x' is undefined");
  EXPECT_EQ(
      error_of("a\n{% if x %}\n"),
      "t.jinja:2: Unexpected end of template. Jinja was looking for the following tags: 'elif' "
      "or 'else' or 'endif'.");
  EXPECT_NE(error_of("{% include 'x' %}").find("include"), std::string::npos);
  EXPECT_NE(error_of("{{ 'a' | wordwrap }}").find("wordwrap"), std::string::npos);
  EXPECT_NE(error_of("\xff").find("UTF-8"), std::string::npos);
  Conversation conversation;
  conversation.messages = OrderedJson::array({{{"role", "\xff"}}});
  EXPECT_NE(error_of("x", {}, conversation).find("UTF-8"), std::string::npos);
}

std::string repeated(const std::string& text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i) result += text;
  return result;
}

/// Each must end in an error, soon, within a small memory.
TEST(ChatTemplateHostile, LimitsEndIt) {
  RenderOptions options;
  options.limits.steps = 300'000;
  options.limits.memory = 16u << 20;
  options.limits.output = 4u << 20;
  const std::string long_loop = "{% for a in range(99999) %}";
  const std::string ends = "{% endfor %}";
  const std::string cases[] = {
      repeated(long_loop, 5) + "x" + repeated(ends, 5),
      long_loop + long_loop + "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" + ends + ends,
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('abc') }}",
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% set ns = namespace(s='aaaa') %}" + long_loop + "{% set ns.s = ns.s ~ ns.s %}" + ends,
      "{% set ns = namespace(s='aaaa') %}" + long_loop + "{% set ns.s = ns.s + ns.s %}" + ends,
      "{% set ns = namespace(s=[1]) %}" + long_loop + "{% set ns.s = ns.s + ns.s %}" + ends,
      "{% set ns = namespace(s=[1]) %}" + long_loop + "{% set ns.s = [ns.s] %}" + ends,
      "{% set ns = namespace(s=[1]) %}" + long_loop + "{% set ns.s = [ns.s, ns.s] %}" + ends +
          "{{ ns.s }}",
      "{% set ns = namespace(s=[1]) %}{% for a in range(90) %}{% set ns.s = [ns.s, ns.s] %}" +
          ends + "{{ ns.s }}",
      "{% set ns = namespace(s=[1]) %}{% for a in range(50) %}{% set ns.s = [ns.s, ns.s] %}" +
          ends + "{{ ns.s | tojson }}",
      "{% set ns = namespace(s=[1], t=[1]) %}{% for a in range(50) %}{% set ns.s = [ns.s, ns.s] "
      "%}{% set ns.t = [ns.t, ns.t] %}" +
          ends + "{{ ns.s == ns.t }}",
      "{% set ns = namespace(s=(1,)) %}{% for a in range(50) %}{% set ns.s = (ns.s, ns.s) %}" +
          ends + "{{ {ns.s: 1} }}",
      "{% set ns = namespace(f=[1]) %}" + long_loop + "{% set ns.f = ns.f | map('string') %}" +
          ends,
      "{% set ns = namespace(f='a') %}" + long_loop + "{% set ns.f = [ns.f].index %}" + ends,
      "{{ 'a' * 999999999999 }}",
      "{{ [1] * 9223372036854775807 }}",
      "{{ ('a' * 3000000).replace('', 'a' * 3000000) }}",
      "{{ ([('a' * 3000000)] * 1000) | join }}",
      "{{ ('a' * 3000000).join('b' * 1000) }}",
      "{{ 'a'.center(99999999999) }}",
      "{{ 'a'.ljust(9223372036854775807) }}",
      "{{ '%999999999d' % 1 }}",
      "{{ '%.999999999f' % 1 }}",
      "{{ '{:999999999}'.format(1) }}",
      "{{ '\\n' * 1000000 | string | indent(1000000, true, true) }}",
      "{{ ('a\\n' * 1000000) | indent(1000) }}",
      "{{ '\\t'.expandtabs(999999999999) }}",
      "{{ [1] | batch(9223372036854775807, 'x') | list }}",
      "{{ [1] | slice(9223372036854775807) | list }}",
      "{{ range(0, 9223372036854775807) }}",
      "{{ range(-9223372036854775807, 9223372036854775807, 2) }}",
      "{{ 10 ** 100 }}",
      "{{ 9223372036854775807 + 1 }}",
      "{{ (-9223372036854775807 - 1) // -1 }}",
      "{{ -(-9223372036854775807 - 1) }}",
      "{{ 99999999999999999999999 }}",
      "{{ 1e300 | int }}",
      "{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}",
      "{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}",
      "{{ " + repeated("not ", 50000) + "1 }}",
      "{{ " + repeated("-", 50000) + "1 }}",
      "{{ 1" + repeated(" + 1", 50000) + " }}",
      "{{ a" + repeated(".a", 50000) + " }}",
      "{{ a" + repeated("|e", 50000) + " }}",
      "{{ a" + repeated("()", 50000) + " }}",
      "{{ 1" + repeated(" if 1 else 1", 50000) + " }}",
      repeated("{% if 1 %}", 50000),
      repeated("{% for x in y %}", 50000),
      repeated("{{", 50000),
      "{{ x",
      "{# ",
      "{{ 'abc",
      "{{ \"\\",
      "{% for x in ",
      "{% call",
      "{% macro m(",
      "{{ {1:",
      "{{ x[",
      "{{ '\\ud800' }}",
      "{{ '\\U99999999' }}",
      "{{ strftime_now('%1000000d') }}",
      "{{ strftime_now('%c' * 10000) }}",
  };
  for (const std::string& source : cases) {
    EXPECT_NE(error_of(source, options), "") << source.substr(0, 120);
  }
}

/// What may end well, but must end, and free what holds itself in a circle (the leak sanitizer).
TEST(ChatTemplateHostile, CirclesAndCutTemplates) {
  const std::string cases[] = {
      "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}{{ ns.a.a.a is defined }}",
      "{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = [b, {'x': a}] %}{{ "
      "a.b[0].a.b | length }}",
      "{% set ns = namespace() %}{% for x in [1, 2] %}{% macro m() %}{{ x }}{% endmacro %}{% set "
      "ns.m = m %}{% endfor %}{{ ns.m() }}",
      "{% set ns = namespace() %}{% for x in [1, 2] %}{{ loop.changed(loop) }}{% set ns.l = loop "
      "%}{% set ns.f = loop.changed %}{% endfor %}{{ ns.f(ns.l) }}{{ ns.l.last }}{{ ns.l.length "
      "}}{{ ns.l.nextitem }}",
      "{% set ns = namespace(g=[1]) %}{% set ns.g = ns.g | map('default', ns) %}{{ ns.g | list | "
      "length }}",
      "{% macro m() %}{{ caller }}{% endmacro %}{% set ns = namespace() %}{% call m() %}{% set "
      "ns.c = caller %}{% endcall %}",
      "{% for x in [[1, [2]]] recursive %}{% set q = loop %}{% if x is iterable %}{{ loop(x) }}{% "
      "endif %}{% endfor %}",
      "{% set ns = namespace(l=none) %}{% for a in range(300) %}{% for x in [ns.l] %}{% set ns.l = "
      "loop %}{% endfor %}{% endfor %}",
      "{% set c = cycler(1, 2) %}{% set ns = namespace(n=c.next) %}{{ ns.n() }}{{ ns.n() }}{{ "
      "c.pos }}",
  };
  for (const std::string& source : cases) (void)error_of(source);
  // Cut at every byte: an error or a text, never more.
  const std::string whole =
      "a{% macro m(a, b='x\\n') -%} {{ a[1:2] ~ b.c(*d, **e) | f(g=1) is h }} {%- endmacro %}{# c "
      "#}"
      "{% for k, v in {'a': 1}.items() if v recursive %}{{ loop(1) if k else 0x1F }}{% else "
      "%}\u4e16"
      "{% endfor %}{% raw %}{{{% endraw %}{% set ns.x = 1 %}{% call(x) m() %}{% endcall %}"
      "{% generation %}{% filter upper %}y{% endfilter %}{% endgeneration %}";
  for (size_t size = 0; size < whole.size(); ++size) {
    (void)error_of(whole.substr(0, size));
    std::string changed = whole;
    for (const char byte : {'\0', '{', '%', '}', '\'', '(', '\xff', '-'}) {
      changed[size] = byte;
      (void)error_of(changed);
    }
  }
}

TEST(FindChatTemplate, FilesBeforeTheConfiguration) {
  const tests::TempDir directory;
  EXPECT_TRUE(find_chat_templates(directory.path()).empty());
  write_file(
      directory.path() / "tokenizer_config.json",
      R"({"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}],
                "bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null})");
  auto found = find_chat_templates(directory.path());
  EXPECT_EQ(choose_chat_template(found, "", false, "m").source, "D");
  EXPECT_EQ(choose_chat_template(found, "", true, "m").source, "T");
  EXPECT_EQ(choose_chat_template(found, "tool_use", false, "m").source, "T");
  try {
    (void)choose_chat_template(found, "tool_us", false, "m");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(
        error.what(),
        "m: no chat template 'tool_us'; there is default, tool_use; did you mean 'tool_use'?");
  }
  EXPECT_EQ(template_tokens(directory.path()).dump(), R"({"bos_token":"<s>","eos_token":"</s>"})");
  write_file(directory.path() / "chat_template.jinja", "J");
  found = find_chat_templates(directory.path());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(choose_chat_template(found, "", true, "m").source, "J");
  EXPECT_THROW(choose_chat_template({}, "", false, "m"), UserError);
}

}  // namespace
}  // namespace matlora::text
