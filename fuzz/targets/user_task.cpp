// A task file, and a record that it reads.
#include "matlora/tasks/user_task.h"

#include "fuzz/mutate.h"
#include "matlora/base/json.h"

namespace matlora::fuzz {
namespace {

void read(std::string_view input) {
  as_file("{}\n", "test.jsonl");
  const tasks::Task task = tasks::read_task_file(as_file(input, "task.json"));
  const Json record = {{"question", "How many?"},
                       {"choices", {"one", "two"}},
                       {"answer", "two 2"},
                       {"label", 1},
                       {"text", "\xc3\xa9"}};
  task.read(JsonObject(record, "test.jsonl:1"));
}

}  // namespace

const Target target{"user_task", read, mutate_json_text};

}  // namespace matlora::fuzz
