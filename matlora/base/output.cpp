#include "matlora/base/output.h"

#include <algorithm>
#include <set>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"
#include "matlora/base/version.h"

namespace matlora {
namespace {

constexpr char kPrivate[] = ".matlora";
constexpr char kRecord[] = "record.json";
constexpr char kFormat[] = "matlora-output";
constexpr int64_t kFormatVersion = 1;

using Names = std::set<std::string>;

fs::path record_path(const fs::path& directory) { return directory / kPrivate / kRecord; }
fs::path commit_path(const fs::path& directory) { return directory / kPrivate / "commit"; }

/// `path` without a trailing slash.
fs::path without_slash(fs::path path) {
  path = path.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

Names existing(const fs::path& directory, const std::vector<std::string>& names) {
  Names found;
  std::error_code error;
  for (const std::string& name : names) {
    if (fs::exists(fs::symlink_status(directory / name, error))) found.insert(name);
  }
  return found;
}

Names read_record(const fs::path& path) {
  const Json json = read_json(path);
  const JsonObject record(json, path.string());
  check_format_version(record, kFormatVersion);
  Names names;
  for (const std::string& name : record.strings("files")) {
    // A record that was meddled with must not lead out of its directory.
    if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos) {
      fail(path.string(), "'files': '", printable(name), "' is not the name of a file");
    }
    names.insert(name);
  }
  return names;
}

void write_record(const fs::path& path, const std::string& command, const Names& names) {
  write_file(path, pretty({{"format", kFormat},
                           {"format_version", kFormatVersion},
                           {"matlora_version", version()},
                           {"command", command},
                           {"files", names}}));
}

/// Whether run.toml is one that matlora wrote, and not a recipe of the user's.
bool has_own_run(const fs::path& directory) {
  std::ifstream in(directory / "run.toml");
  std::string line;
  return std::getline(in, line) && line.starts_with("# matlora ");
}

/// Adds what a killed process left of the files `names`.
void add_unfinished(const fs::path& directory, Names& names) {
  Names found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (is_temporary(name) && names.count(name.substr(0, name.rfind(".tmp"))) > 0) {
      found.insert(name);
    }
  }
  names.merge(found);
}

/// Which files in `directory` matlora wrote; nothing when it wrote none. Before 0.1.0 was done
/// there were no records: then by the names that only matlora gives.
std::optional<Names> own_files(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(record_path(directory), error)) {
    Names names = read_record(record_path(directory));
    add_unfinished(directory, names);
    return names;
  }
  static const std::vector<std::string> run = {"adapter_config.json",
                                               "adapter_model.safetensors",
                                               "matlora.json",
                                               "train_log.jsonl",
                                               "run.toml",
                                               "trainer_state.safetensors",
                                               "eval_log.jsonl",
                                               "eval"};
  static const std::vector<std::string> sweep = {"sweep.json", "sweep.csv", "sweep.svg",
                                                 "report.html", "samples.jsonl"};
  Names names;
  const bool ours = has_own_run(directory);
  if (ours || fs::exists(directory / "matlora.json", error)) {
    names.merge(existing(directory, run));
    if (!ours) names.erase("run.toml");
  }
  if (fs::exists(directory / "sweep.json", error)) names.merge(existing(directory, sweep));
  return names.empty() ? std::nullopt : std::optional(names);
}

/// Removes a file of ours, or what is ours in a folder of ours.
void remove_own(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(path, error))) {
    fs::remove(path, error);
    return;
  }
  if (const auto names = own_files(path)) {
    for (const std::string& name : *names) remove_own(path / name);
  }
  fs::remove_all(path / kPrivate, error);
  fs::remove(path, error);  // stays where the user's own files are in it
}

/// Moves `from` to `to`; into a folder that is there, entry by entry.
void move_entry(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (fs::is_directory(from, error) && fs::is_directory(to, error)) {
    for (const auto& entry : fs::directory_iterator(from)) {
      move_entry(entry.path(), to / entry.path().filename());
    }
    fs::remove(from, error);
    return;
  }
  fs::rename(from, to);
}

/// A file of the user's that has the name of a new one is kept under another.
void move_aside(const fs::path& path) {
  fs::path aside = path.string() + ".yours";
  std::error_code error;
  for (int i = 2; fs::exists(aside, error); ++i)
    aside = path.string() + ".yours" + std::to_string(i);
  fs::rename(path, aside, error);
}

/// The moves of a commit. Any part of them may have been done before.
void roll_forward(const fs::path& directory) {
  const fs::path source = commit_path(directory);
  std::error_code error;
  if (!fs::exists(source / kRecord, error)) {  // it moves last: nothing else is left
    fs::remove_all(source, error);
    return;
  }
  const Names before = own_files(directory).value_or(Names());
  const Names after = read_record(source / kRecord);
  for (const std::string& name : before) {
    if (after.count(name) == 0 || fs::exists(source / name, error)) remove_own(directory / name);
  }
  for (const std::string& name : after) {
    if (!fs::exists(source / name, error)) continue;
    const fs::path to = directory / name;
    if (before.count(name) == 0 && fs::exists(to, error)) move_aside(to);
    move_entry(source / name, to);
  }
  sync_directory(directory);
  fs::rename(source / kRecord, record_path(directory));
  fs::remove_all(source);
}

bool has_entries(const fs::path& directory) {
  return std::any_of(fs::directory_iterator(directory), fs::directory_iterator(),
                     [](const auto& entry) { return entry.path().filename() != kPrivate; });
}

}  // namespace

void finish_commit(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(commit_path(directory), error)) return;
  if (FileLock::is_held(directory / kPrivate / "lock")) return;  // its owner is about to
  roll_forward(directory);
}

fs::path unfinished_path(const fs::path& directory) {
  return without_slash(directory) / kPrivate / "new";
}

OutputDirectory::OutputDirectory(fs::path path, OutputUse use)
    : path_(without_slash(std::move(path))), work_(path_), use_(std::move(use)) {
  const std::string name = path_.filename().string();
  if (name.empty() || name == "." || name == "..") {
    fail_field("output", "expected the name of a directory to make, got '", path_.string(), "'");
  }
  const fs::path lock = path_ / kPrivate / "lock";
  if (!FileLock::is_held(lock)) check_free();
  const auto busy = hold();
  words_.emplace([this] {
    busy_.lock();  // for good: nothing is written any more
    release();
  });
  try {
    make_directories();
    lock_.emplace(lock, use_.command, path_.string());
    if (fs::exists(commit_path(path_))) roll_forward(path_);
    check_free();  // of what another process did before the lock was ours
    check_names();
    open_work();
  } catch (...) {
    release();
    throw;
  }
}

/// Throws UserError unless results may go to path_. Says whether there is an earlier one.
void OutputDirectory::check_free() {
  std::error_code error;
  replaces_ = false;
  const bool there = fs::exists(fs::status(path_, error));
  if (error == std::errc::not_a_directory) {
    fail(path_.string(),
         "cannot make the directory: Not a directory: ", file_in_the_way(path_).string(),
         " is a file; give another name");
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    fail(path_.string(), "cannot be used: ", error.message());
  }
  if (!there || use_.resume) return;
  const bool folder = fs::is_directory(path_, error);
  if (folder && !has_entries(path_)) return;
  const char* const what = folder ? "" : "; it is a file, expected a directory";
  if (!use_.force) {
    if (!folder) fail(path_.string(), "the output exists", what, "; give another name");
    fail(path_.string(), "the output exists; give another name, or ", Field{"force"},
         " to replace it");
  }
  if (!folder || (!own_files(path_) && !use_.with_others)) {
    fail(path_.string(), Field{"force"}, " replaces only results of matlora", what,
         "; remove it yourself");
  }
  replaces_ = true;
}

/// A file of the user's must not have a name that the new result needs.
void OutputDirectory::check_names() const {
  if (!replaces_ || use_.with_others) return;
  const Names own = own_files(path_).value_or(Names());
  for (const std::string& name : existing(path_, use_.names)) {
    if (own.count(name) == 0) {
      fail((path_ / name).string(),
           "is not matlora's, and the new result has a file of this name; "
           "move it away, or give another ",
           Field{"output"});
    }
  }
}

void OutputDirectory::make_directories() {
  std::error_code error;
  fs::path missing;
  std::vector<fs::path> parts(path_.begin(), path_.end());
  parts.emplace_back(kPrivate);
  for (const fs::path& part : parts) {
    missing /= part;
    if (fs::is_directory(missing, error)) continue;
    if (fs::create_directory(missing, error)) made_.push_back(missing);
    if (error && !fs::is_directory(missing)) {
      fail(path_.string(), "cannot make the directory: ", error.message());
    }
  }
}

void OutputDirectory::open_work() {
  const fs::path staging = unfinished_path(path_);
  std::error_code error;
  if (use_.resume) {
    open_ = kept_ = true;
    if (fs::exists(staging, error)) {
      work_ = staging;
      replaces_ = has_entries(path_);
    }
    return;
  }
  fs::remove_all(staging, error);  // of a process that was killed
  if (use_.in_place && !replaces_) {
    open_ = true;
    write_record(record_path(path_), use_.command, {use_.names.begin(), use_.names.end()});
    return;
  }
  work_ = staging;
  open_ = true;
  if (!fs::create_directory(staging, error)) {
    fail(path_.string(), "cannot make the directory: ", error.message());
  }
}

OutputDirectory::~OutputDirectory() {
  words_.reset();
  release();
}

void OutputDirectory::release() {
  std::error_code error;
  if (open_ && !kept_) {
    if (!staged()) {
      for (const std::string& name : use_.names) fs::remove_all(path_ / name, error);
      fs::remove(record_path(path_), error);
    } else {
      fs::remove_all(work_, error);
    }
  }
  open_ = false;
  lock_.reset();
  fs::remove(path_ / kPrivate, error);  // only where nothing is in it
  for (auto made = made_.rbegin(); made != made_.rend(); ++made) fs::remove(*made, error);
  made_.clear();
}

void OutputDirectory::keep() {
  const auto busy = hold();
  keep_now();
}

void OutputDirectory::keep_now() {
  kept_ = true;
  if (!staged()) write_record(record_path(path_), use_.command, existing(path_, use_.names));
}

void OutputDirectory::commit() {
  const auto busy = hold();
  if (!staged()) {
    keep_now();
    return;
  }
  write_record(work_ / kRecord, use_.command, existing(work_, use_.names));
  sync_directory(work_);
  fs::rename(work_, commit_path(path_));
  roll_forward(path_);
  replaces_ = false;
  kept_ = use_.in_place;
  if (use_.in_place) {
    work_ = path_;
  } else {
    fs::create_directory(work_);
  }
}

}  // namespace matlora
