#include "matlora/tasks/prompts.h"

#include <numeric>

#include "matlora/base/error.h"
#include "matlora/tasks/python_random.h"

namespace matlora::tasks {
namespace {

std::string solved(const Document& document) {
  return document.question(document.gold) + " " + document.answer(document.gold) + "\n\n";
}

}  // namespace

std::vector<std::string> shot_prefixes(const Task& task, size_t documents,
                                       std::span<const Document> pool, int64_t shots,
                                       uint64_t seed) {
  const auto size = static_cast<int64_t>(pool.size());
  if (shots > size) {
    fail("--shots", task.name, ": expected at most the ", size, " examples of its ",
         task.shots_split, " split, got ", shots);
  }
  PythonRandom random(seed);
  std::vector<int64_t> chosen(static_cast<size_t>(shots));
  std::iota(chosen.begin(), chosen.end(), 0);
  std::vector<std::string> prefixes;
  for (size_t i = 0; i < documents; ++i) {
    if (shots > 0 && !task.first_shots) chosen = random.sample(size, shots);
    std::string text = task.description;
    for (const int64_t shot : chosen) text += solved(pool[static_cast<size_t>(shot)]);
    prefixes.push_back(text);
  }
  return prefixes;
}

}  // namespace matlora::tasks
