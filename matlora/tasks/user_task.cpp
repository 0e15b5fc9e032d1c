#include "matlora/tasks/user_task.h"

#include <algorithm>
#include <optional>

#include "matlora/base/error.h"
#include "matlora/tasks/python_text.h"
#include "matlora/tasks/template.h"
#include "matlora/text/regex.h"

namespace matlora::tasks {
namespace {

namespace fs = std::filesystem;
using text::Regex;

constexpr const char* kNone = "[invalid]";
constexpr int64_t kMost = 1'000'000;  // of shots and of tokens: far above any use

struct Key {
  const char* name;
  std::optional<Kind> kind;  // the form it belongs to; none: both
};

constexpr Key kKeys[] = {
    {"name", {}},
    {"version", {}},
    {"description", {}},
    {"test", {}},
    {"shots_from", {}},
    {"shots", {}},
    {"first_shots", {}},
    {"question", {}},
    {"choices", Kind::choice},
    {"gold", Kind::choice},
    {"gold_is", Kind::choice},
    {"answer", Kind::generation},
    {"answer_regex", Kind::generation},
    {"take", Kind::generation},
    {"stops", Kind::generation},
    {"max_new_tokens", Kind::generation},
};

void check_known(const JsonObject& file) {
  std::vector<std::string> known;
  for (const Key& key : kKeys) known.emplace_back(key.name);
  for (const auto& item : file.value().items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      fail(file.where(), "unknown key '", printable(item.key()), "'",
           did_you_mean(item.key(), known));
    }
  }
}

/// The form, by the key that it must have.
Kind find_kind(const JsonObject& file) {
  const bool choice = file.find("choices") != nullptr;
  const bool generation = file.find("answer") != nullptr;
  if (choice == generation) {
    fail(file.where(), "expected either 'choices' (and 'gold') or 'answer', got ",
         choice ? "both" : "neither");
  }
  const Kind kind = choice ? Kind::choice : Kind::generation;
  for (const Key& key : kKeys) {
    if (key.kind && key.kind != kind && file.find(key.name) != nullptr) {
      fail(file.where(), "'", key.name, "': expected only together with '",
           choice ? "answer" : "choices", "', got it with '", choice ? "choices" : "answer", "'");
    }
  }
  return kind;
}

std::string at_key(const JsonObject& file, const std::string& key) {
  return cat(file.where(), ": '", key, "'");
}

std::string full_text(const JsonObject& file, const std::string& key) {
  std::string text = file.string(key);
  if (text.empty()) fail(at_key(file, key), "expected a text, got an empty one");
  return text;
}

Template template_at(const JsonObject& file, const std::string& key) {
  return {full_text(file, key), at_key(file, key)};
}

/// Which of two words is at `key`; the first where it is absent.
bool is_second(const JsonObject& file, const std::string& key, const std::string& first,
               const std::string& second) {
  const std::string word = file.string_or(key, first);
  if (word != first && word != second) {
    fail(at_key(file, key), "expected \"", first, "\" or \"", second, "\", got '", printable(word),
         "'");
  }
  return word == second;
}

/// A record's choices.
class Choices {
 public:
  explicit Choices(const JsonObject& file) {
    if (file.find("choices")->is_string()) {
      texts_.push_back(template_at(file, "choices"));
      listed_ = true;
      if (!texts_[0].is_field()) {
        fail(at_key(file, "choices"), "expected a list, or one {field} and nothing else, got '",
             printable(file.string("choices")), "'");
      }
      return;
    }
    for (const std::string& text : file.strings("choices")) {
      texts_.emplace_back(text, at_key(file, "choices"));
    }
    check_texts(file.strings("choices"), at_key(file, "choices"));
  }

  std::vector<std::string> read(const JsonObject& record) const {
    std::vector<std::string> texts;
    if (listed_) {
      texts = texts_[0].list(record);
    } else {
      for (const Template& text : texts_) texts.push_back(text.fill(record));
    }
    check_texts(texts, cat(record.where(), ": 'choices'"));
    return texts;
  }

 private:
  static void check_texts(const std::vector<std::string>& texts, const std::string& where) {
    if (texts.size() < 2) fail(where, "expected at least 2, got ", texts.size());
    const auto empty = std::find(texts.begin(), texts.end(), "");
    if (empty != texts.end()) {
      fail(where, "expected texts, got an empty one at index ", empty - texts.begin());
    }
  }

  std::vector<Template> texts_;
  bool listed_ = false;  // texts_[0] is the field with all of them
};

/// The right one of a record's choices.
class Gold {
 public:
  explicit Gold(const JsonObject& file)
      : gold_(template_at(file, "gold")), where_(at_key(file, "gold_is")) {
    if (file.find("gold_is") == nullptr) return;
    by_text_ = is_second(file, "gold_is", "index", "text");
    by_index_ = !by_text_;
  }

  int64_t read(const JsonObject& record, const std::vector<std::string>& choices) const {
    const std::string gold = gold_.fill(record);
    const int64_t index = by_index_ ? as_index(gold, choices) : kAbsent;
    const int64_t text = by_text_ ? as_text(gold, choices) : kAbsent;
    if (index == kAbsent && text == kAbsent) {
      fail(record.where(), "'gold': expected ", expected(choices.size()), ", got '",
           printable(gold), "'");
    }
    if (index != kAbsent && text != kAbsent && index != text) {
      fail(record.where(), "'gold': '", gold,
           "' is the index of one choice and the text of another", "; say which counts by ", where_,
           ": \"index\" or \"text\"");
    }
    return index != kAbsent ? index : text;
  }

 private:
  static constexpr int64_t kAbsent = -1;

  static int64_t as_index(const std::string& gold, const std::vector<std::string>& choices) {
    for (size_t i = 0; i < choices.size(); ++i) {
      if (gold == std::to_string(i)) return static_cast<int64_t>(i);
    }
    return kAbsent;
  }

  static int64_t as_text(const std::string& gold, const std::vector<std::string>& choices) {
    const auto found = std::find(choices.begin(), choices.end(), gold);
    return found == choices.end() ? kAbsent : found - choices.begin();
  }

  std::string expected(size_t count) const {
    std::string index = cat("one of 0..", count - 1);
    std::string text = "the text of one of the choices";
    if (!by_text_) return index;
    return by_index_ ? index + " or " + text : text;
  }

  Template gold_;
  std::string where_;
  bool by_index_ = true, by_text_ = true;
};

/// What counts of a match: the first group that is not empty, or all of it; stripped.
std::string inside(const std::string& text, const std::vector<std::pair<size_t, size_t>>& match) {
  for (size_t i = match.size() == 1 ? 0 : 1; i < match.size(); ++i) {
    std::string found = strip(text.substr(match[i].first, match[i].second - match[i].first));
    if (!found.empty()) return found;
  }
  return "";
}

/// Where a search continues after a match: one character further than an empty one.
size_t behind(const std::string& text, const std::pair<size_t, size_t>& match) {
  size_t next = match.second;
  if (match.first != match.second) return next;
  do {
    ++next;
  } while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80);
  return next;
}

std::optional<std::string> find_answer(const Regex& pattern, bool last, const std::string& text) {
  std::optional<std::string> answer;
  for (size_t from = 0; from <= text.size();) {
    const auto match = pattern.find_groups(text, from);
    if (match.empty()) break;
    const std::string found = inside(text, match);
    if (!found.empty()) answer = found;
    if (answer && !last) break;
    from = behind(text, match[0]);
  }
  return answer;
}

void score_by_text(Task& task) {
  task.filters = {{"", [](const std::string& response) { return strip(response); }}};
  task.same = [](const std::string& extracted, const std::string& reference) {
    return extracted == strip(reference);
  };
}

void score_by_pattern(Task& task, const Regex& pattern, bool last) {
  const auto find = [pattern, last](const std::string& text) {
    return find_answer(pattern, last, text);
  };
  task.filters = {{"", [find](const std::string& text) { return find(text).value_or(kNone); }}};
  task.same = [find](const std::string& extracted, const std::string& reference) {
    return extracted == find(reference).value_or(strip(reference));
  };
}

void read_choice(const JsonObject& file, Task& task) {
  task.acc_norm = true;
  task.read = [question = template_at(file, "question"), choices = Choices(file),
               gold = Gold(file)](const JsonObject& record) {
    Document document{{question.fill(record)}, choices.read(record), 0};
    document.gold = gold.read(record, document.answers);
    return document;
  };
}

void read_generation(const JsonObject& file, Task& task) {
  task.read = [question = template_at(file, "question"),
               answer = template_at(file, "answer")](const JsonObject& record) {
    return Document{{question.fill(record)}, {answer.fill(record)}, 0};
  };
  task.stops =
      file.find("stops") == nullptr ? std::vector<std::string>{"\n\n"} : file.strings("stops");
  if (std::find(task.stops.begin(), task.stops.end(), "") != task.stops.end()) {
    fail(at_key(file, "stops"), "expected texts, got an empty one");
  }
  task.max_new_tokens = file.integer_or("max_new_tokens", task.max_new_tokens, 1, kMost);
  const bool last = is_second(file, "take", "first", "last");
  if (file.find("answer_regex") != nullptr) {
    const std::string where = at_key(file, "answer_regex");
    score_by_pattern(task, Regex(full_text(file, "answer_regex"), where), last);
  } else if (file.find("take") != nullptr) {
    fail(at_key(file, "take"), "expected 'answer_regex' too, got none");
  } else {
    score_by_text(task);
  }
}

/// What keys of results and columns of tables can be.
std::string read_name(const JsonObject& file, const fs::path& path) {
  std::string name = file.string_or("name", path.stem().string());
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), fits)) {
    fail(at_key(file, "name"), "expected letters, digits, '_', '-' and '.', got '", printable(name),
         "'");
  }
  return name;
}

void read_shots(const JsonObject& file, const fs::path& folder, Task& task) {
  task.default_shots = file.integer_or("shots", 0, 0, kMost);
  task.first_shots = file.boolean_or("first_shots", false);
  if (file.find("shots_from") == nullptr) {
    if (task.default_shots > 0) fail(file.where(), "'shots_from' is missing; 'shots' needs it");
    return;
  }
  task.shots_file = folder / full_text(file, "shots_from");
  std::error_code error;  // of a file that is not there: said by who reads it
  task.draws_one_more = fs::equivalent(task.test_file, task.shots_file, error);
}

}  // namespace

Task read_task_file(const fs::path& path) {
  const Json json = read_json(path);
  const JsonObject file(json, path.string());
  check_known(file);
  Task task;
  task.kind = find_kind(file);
  task.name = read_name(file, path);
  task.version = file.string_or("version", "1");
  task.description = file.string_or("description", "");
  task.test_file = path.parent_path() / full_text(file, "test");
  read_shots(file, path.parent_path(), task);
  if (task.kind == Kind::choice) {
    read_choice(file, task);
  } else {
    read_generation(file, task);
  }
  return task;
}

}  // namespace matlora::tasks
