#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "fuzz/target.h"
#include "matlora/base/error.h"
#include "matlora/base/file.h"

namespace matlora::fuzz {
namespace {

/// A folder of this process, removed at its end.
class Folder {
 public:
  Folder() {
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
    path_ = parent / cat("matlora_fuzz_", ::getpid());
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

bool run(std::string_view input) {
  try {
    target.read(input);
    return true;
  } catch (const UserError& error) {
    const std::string_view text = error.what();
    // One line, of a length that one reads.
    if (text.find('\n') != std::string_view::npos || text.size() > 4000) {
      std::fprintf(stderr, "fuzz: a message of %zu bytes or several lines: %s\n", text.size(),
                   error.what());
      std::abort();
    }
    return false;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fuzz: %s throws: %s\n", target.name, error.what());
    std::abort();
  }
}

fs::path as_file(std::string_view bytes, const std::string& name) {
  static const Folder folder;
  const fs::path path = folder.path() / name;
  fs::create_directories(path.parent_path());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() ||
      std::fclose(file) != 0) {
    std::perror(path.c_str());
    std::exit(1);
  }
  return path;
}

}  // namespace matlora::fuzz
