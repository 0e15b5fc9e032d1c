// The seam between formats of adapters: a second format is one file like this one and a line of a
// table.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>
#include <utility>

#include "matlora/base/error.h"
#include "matlora/model/adapters/format.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_llama.h"

namespace matlora::model {
namespace {

using adapter::Adapter;
using adapter::InferenceGate;
using tests::expect_has;
using tests::random_tensor;
using tests::user_error;

// A file: "TOY1 LAYER RANK IN OUT" and then all numbers of A and B.
bool is_toy(const fs::path& path) {
  std::ifstream in(path);
  std::string mark;
  return in >> mark && mark == "TOY1";
}

LoadedAdapter read_toy(const fs::path& path, at::Device device) {
  std::ifstream in(path);
  std::string mark, layer;
  int64_t rank = 0, width = 0, height = 0;
  in >> mark >> layer >> rank >> width >> height;
  const auto numbers = [&](int64_t rows, int64_t columns) {
    at::Tensor result = at::empty({rows, columns}, at::kFloat);
    float* out = result.mutable_data_ptr<float>();
    for (int64_t i = 0; i < result.numel(); ++i) in >> out[i];
    if (!in) fail(path.string(), "cut off");
    return result.to(device);
  };
  LoadedAdapter loaded;
  at::Tensor a = numbers(rank, width), b = numbers(height, rank);
  loaded.adapter.layers = {{layer, std::move(a), std::move(b)}};
  loaded.adapter.rule.method = adapter::Method::lora;
  loaded.adapter.rule.rank = rank;
  loaded.adapter.rule.train_ranks = {rank};
  return loaded;
}

constexpr std::array kFormats = {AdapterFormat{"toy", is_toy, read_toy}};

TEST(AdapterFormat, AFileOfAFormatOfItsOwnIsRead) {
  const tests::TempDir directory;
  const fs::path good = directory.write("good", "TOY1 model.q_proj 1 2 3\n1 2\n3 4 5\n");
  const LoadedAdapter loaded = read_adapter(good, at::kCPU, kFormats);
  EXPECT_EQ(loaded.format, "toy");
  EXPECT_EQ(loaded.adapter.layers.at(0).layer, "model.q_proj");
  EXPECT_TRUE(at::equal(loaded.adapter.layers[0].a, at::tensor({1.0f, 2.0f}).view({1, 2})));
  EXPECT_TRUE(at::equal(loaded.adapter.layers[0].b, at::tensor({3.0f, 4.0f, 5.0f}).view({3, 1})));
  // Damaged, it is a file of the format all the same.
  const fs::path cut = directory.write("cut", "TOY1 model.q_proj 1 2 3\n1 2\n3 4");
  expect_has(user_error([&] { read_adapter(cut, at::kCPU, kFormats); }), "cut off");
  // What no format may hold is refused for all of them.
  const fs::path head = directory.write("head", "TOY1 lm_head 1 1 1\n1\n3\n");
  expect_has(user_error([&] { read_adapter(head, at::kCPU, kFormats); }),
             "the adapter has LoRA on 'lm_head', which is not supported");
  const fs::path other = directory.write("other", "something else");
  expect_has(user_error([&] { read_adapter(other, at::kCPU, kFormats); }),
             "not an adapter: expected an adapter directory, got a file");
  expect_has(user_error([&] { read_adapter(directory.path(), at::kCPU, kFormats); }),
             "not an adapter: no adapter_config.json in it");
}

TEST(AdapterFormat, TheTableKnowsMatlorasAndPeftsDirectories) {
  const tests::TempDir directory;
  Adapter adapter;
  adapter.rule.rank = 2;
  adapter.rule.train_ranks = {1, 2};
  adapter.layers = {
      {"model.layers.0.mlp.up_proj", random_tensor({2, 8}, 1), random_tensor({6, 2}, 2)}};
  save_adapter(directory.path(), adapter, {"base", ""});
  EXPECT_EQ(load_adapter(directory.path(), at::kCPU).format, "matlora");
  fs::remove(directory.path() / "matlora.json");
  EXPECT_EQ(load_adapter(directory.path(), at::kCPU).format, "peft");
  // Asking a format neither throws nor takes what is not its own.
  for (const fs::path& path : {directory.path() / "adapter_config.json", directory.path() / "no",
                               directory.path() / "adapter_model.safetensors" / "below"}) {
    for (const AdapterFormat& format : adapter_formats()) EXPECT_FALSE(format.is(path)) << path;
  }
}

}  // namespace
}  // namespace matlora::model
