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

/// lm-eval's sampler for one document.
std::vector<int64_t> draw(PythonRandom& random, const Task& task, const Document& document,
                          std::span<const Document> pool, int64_t shots) {
  const auto size = static_cast<int64_t>(pool.size());
  if (!task.draws_one_more) return random.sample(size, shots);
  std::vector<int64_t> drawn = random.sample(size, shots + 1);
  std::erase_if(drawn, [&](int64_t i) { return pool[static_cast<size_t>(i)] == document; });
  drawn.resize(std::min(drawn.size(), static_cast<size_t>(shots)));
  return drawn;
}

}  // namespace

std::vector<std::string> shot_prefixes(const Task& task, std::span<const Document> documents,
                                       std::span<const Document> pool, int64_t shots,
                                       uint64_t seed) {
  const auto size = static_cast<int64_t>(pool.size());
  const int64_t most = task.draws_one_more ? size - 1 : size;
  if (shots > 0 && shots > most) {
    fail("--shots", task.name, ": expected at most ", std::max<int64_t>(most, 0), ", its ",
         task.shots_split, " split has ", size, " examples, got ", shots);
  }
  PythonRandom random(seed);
  std::vector<int64_t> chosen(static_cast<size_t>(shots));
  std::iota(chosen.begin(), chosen.end(), 0);
  std::vector<std::string> prefixes;
  for (const Document& document : documents) {
    if (shots > 0 && !task.first_shots) chosen = draw(random, task, document, pool, shots);
    std::string text = task.description;
    for (const int64_t shot : chosen) text += solved(pool[static_cast<size_t>(shot)]);
    prefixes.push_back(text);
  }
  return prefixes;
}

}  // namespace matlora::tasks
