#include "matlora/tasks/prompts.h"

#include <algorithm>
#include <numeric>

#include "matlora/base/error.h"
#include "matlora/tasks/python_random.h"

namespace matlora::tasks {
namespace {

/// An answer that is a text of the record (not a choice's) and empty adds nothing, nor a delimiter.
std::string solved(const Document& document) {
  const std::string& question = document.question(document.gold);
  const std::string& answer = document.answer(document.gold);
  if (answer.empty() && document.answers.size() == 1) return question;
  return question + " " + answer + "\n\n";
}

/// lm-eval's samplers for one document: indices into `pool`, fewer than `shots` where it has fewer.
std::vector<int64_t> draw(PythonRandom& random, const Task& task, const Document& document,
                          std::span<const Document> pool, int64_t shots) {
  const int64_t count = shots + (task.draws_one_more ? 1 : 0);
  std::vector<int64_t> drawn(static_cast<size_t>(count)), others;
  std::iota(drawn.begin(), drawn.end(), 0);
  if (!task.first_shots) drawn = random.sample(static_cast<int64_t>(pool.size()), count);
  if (!task.draws_one_more) return drawn;
  const auto is_scored = [&](int64_t i) { return pool[static_cast<size_t>(i)] == document; };
  std::erase_if(drawn, is_scored);
  if (static_cast<int64_t>(drawn.size()) < shots) {  // it is in the pool more than once
    others.resize(pool.size());
    std::iota(others.begin(), others.end(), 0);
    std::erase_if(others, is_scored);
    const auto left = static_cast<int64_t>(others.size());
    drawn.resize(static_cast<size_t>(std::min(shots, left)));
    std::iota(drawn.begin(), drawn.end(), 0);
    if (!task.first_shots && left >= shots) drawn = random.sample(left, shots);
    for (int64_t& i : drawn) i = others[static_cast<size_t>(i)];
  }
  drawn.resize(std::min(drawn.size(), static_cast<size_t>(shots)));
  return drawn;
}

}  // namespace

std::vector<Document> read_pool(const Task& task, int64_t shots) {
  if (shots == 0) return {};
  if (task.shots_file.empty()) {
    fail_field("shots", task.name, ": expected 0, it has no file of examples, got ", shots);
  }
  return read_documents(task, task.shots_file);
}

std::vector<std::string> shot_prefixes(const Task& task, std::span<const Document> documents,
                                       std::span<const Document> pool, int64_t shots,
                                       uint64_t seed) {
  const auto size = static_cast<int64_t>(pool.size());
  const int64_t most = task.draws_one_more ? size - 1 : size;
  if (shots > 0 && shots > most) {
    fail_field("shots", task.name, ": expected at most ", std::max<int64_t>(most, 0), ", ",
               task.shots_file.string(), " has ", size, " examples, got ", shots);
  }
  PythonRandom random(seed);
  std::vector<std::string> prefixes;
  for (const Document& document : documents) {
    std::string text = task.description;
    std::vector<int64_t> chosen;
    if (shots > 0) chosen = draw(random, task, document, pool, shots);
    if (static_cast<int64_t>(chosen.size()) < shots) {
      fail_field("shots", task.name, ": expected at most ", chosen.size(), ", ",
                 task.shots_file.string(),
                 " has no more examples that differ from a scored one, got ", shots);
    }
    for (const int64_t shot : chosen) text += solved(pool[static_cast<size_t>(shot)]);
    prefixes.push_back(text);
  }
  return prefixes;
}

}  // namespace matlora::tasks
