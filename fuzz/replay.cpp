// The plain main of a target: replays a corpus, and some mutants of it.
//   fuzz_NAME FILE_OR_FOLDER..  [--mutants N | --seconds T] [--seed S] [--save FILE]
// Mutants depend on S alone, and on how many. --save writes each mutant before it is read, so that
// the one that ends the program can be kept in the corpus.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/target.h"

namespace {

namespace fs = std::filesystem;
using namespace matlora::fuzz;

constexpr int kDepth = 4;  // mutations of mutations

struct Options {
  std::vector<fs::path> paths;
  long mutants = 0, seconds = 0, seed = 1;
  fs::path save;
};

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (word == "--mutants") {
      options.mutants = std::atol(value());
    } else if (word == "--seconds") {
      options.seconds = std::atol(value());
    } else if (word == "--seed") {
      options.seed = std::atol(value());
    } else if (word == "--save") {
      options.save = value();
    } else {
      options.paths.emplace_back(word);
    }
  }
  return options;
}

std::vector<std::string> inputs_of(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> inputs;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return inputs;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = options_of(argc, argv);
  const std::vector<std::string> corpus = inputs_of(options.paths);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no corpus\n", target.name);
    return 1;
  }
  long read = 0, read_mutants = 0;
  for (const std::string& input : corpus) read += run(input);
  Random random(static_cast<uint64_t>(options.seed));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
  const auto more = [&](long done) {
    return done < options.mutants || std::chrono::steady_clock::now() < end;
  };
  long mutants = 0;
  for (; more(mutants); ++mutants) {
    std::string input = corpus[below(random, corpus.size())];
    const size_t depth = 1 + below(random, kDepth);
    for (size_t d = 0; d < depth; ++d) {
      input = target.mutate(input, corpus[below(random, corpus.size())], random);
    }
    if (!options.save.empty()) std::ofstream(options.save, std::ios::binary) << input;
    read_mutants += run(input);
  }
  std::printf("%s: %zu inputs, %ld read; %ld mutants, %ld read\n", target.name, corpus.size(), read,
              mutants, read_mutants);
  return 0;
}
