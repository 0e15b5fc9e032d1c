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

/// lm-eval's samplers for one document: indices into `pool`.
std::vector<int64_t> draw(PythonRandom& random, const Task& task, const Document& document,
                          std::span<const Document> pool, int64_t shots) {
  const int64_t count = shots + (task.draws_one_more ? 1 : 0);
  std::vector<int64_t> drawn(static_cast<size_t>(count));
  std::iota(drawn.begin(), drawn.end(), 0);
  if (!task.first_shots) drawn = random.sample(static_cast<int64_t>(pool.size()), count);
  if (!task.draws_one_more) return drawn;
  std::erase_if(drawn, [&](int64_t i) { return pool[static_cast<size_t>(i)] == document; });
  drawn.resize(std::min(drawn.size(), static_cast<size_t>(shots)));
  return drawn;
}

}  // namespace

std::vector<Document> read_pool(const Task& task, int64_t shots) {
  if (shots == 0) return {};
  if (task.shots_file.empty()) {
    fail("--shots", task.name, ": expected 0, it has no file of examples, got ", shots);
  }
  return read_documents(task, task.shots_file);
}

std::vector<std::string> shot_prefixes(const Task& task, std::span<const Document> documents,
                                       std::span<const Document> pool, int64_t shots,
                                       uint64_t seed) {
  const auto size = static_cast<int64_t>(pool.size());
  const int64_t most = task.draws_one_more ? size - 1 : size;
  if (shots > 0 && shots > most) {
    fail("--shots", task.name, ": expected at most ", std::max<int64_t>(most, 0), ", ",
         task.shots_file.string(), " has ", size, " examples, got ", shots);
  }
  PythonRandom random(seed);
  std::vector<std::string> prefixes;
  for (const Document& document : documents) {
    std::string text = task.description;
    if (shots > 0) {
      for (const int64_t shot : draw(random, task, document, pool, shots)) {
        text += solved(pool[static_cast<size_t>(shot)]);
      }
    }
    prefixes.push_back(text);
  }
  return prefixes;
}

}  // namespace matlora::tasks
