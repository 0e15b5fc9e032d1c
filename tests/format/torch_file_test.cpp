// Files of torch.save. Those of PyTorch itself are read in tests/model/torch_adapter_test.cpp.
#include "matlora/format/torch_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/torch_builder.h"

namespace matlora::format {
namespace {

using namespace test;

std::vector<float> floats(const TensorView& view) {
  std::vector<float> result(view.bytes.size() / sizeof(float));
  if (!result.empty()) std::memcpy(result.data(), view.bytes.data(), view.bytes.size());
  return result;
}

class TorchFiles : public ::testing::Test {
 protected:
  TorchFile open(const std::string& bytes) const {
    return TorchFile::open(dir_.write("x.pt", bytes));
  }
  TorchFile open_tensor(const TorchTensor& tensor) const {
    return open(torch_file_of(p_dict({{"t", p_tensor(tensor)}})));
  }
  TempDir dir_;
};

TEST_F(TorchFiles, ViewsOfStorages) {
  const TorchFile file = open(torch_file_of(p_dict(
      {{"a", p_tensor({})},
       {"b", p_tensor({.offset = 1, .shape = {2, 2}, .strides = {1, 3}})},
       {"c", p_name("torch._utils", "_rebuild_parameter") +
                 p_tuple({p_tensor({.shape = {3, 2}, .strides = {1, 3}}), "\x88", "}"}) + "R"},
       {"d", p_tensor({.shape = {1, 6}, .strides = {99999, 1}})},
       {"e", p_tensor({.offset = 6, .shape = {0, 3}, .strides = {3, 1}})}})));
  ASSERT_EQ(file.tensors().size(), 5u);
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.tensors()[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(floats(file.tensors()[0]), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(floats(file.tensors()[1]), (std::vector<float>{1, 4, 2, 5}));
  EXPECT_EQ(floats(file.tensors()[2]), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(floats(file.tensors()[3]), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(floats(file.tensors()[4]), (std::vector<float>{}));
  EXPECT_EQ(open_tensor({.storage = "HalfStorage", .items = 12}).tensors()[0].dtype, DType::f16);
  EXPECT_EQ(open_tensor({.storage = "BFloat16Storage", .items = 12}).tensors()[0].dtype,
            DType::bf16);
  EXPECT_EQ(open_tensor({.storage = "DoubleStorage", .items = 3, .shape = {3}, .strides = {1}})
                .tensors()[0]
                .dtype,
            DType::f64);
}

TEST_F(TorchFiles, TensorsThatAreWrong) {
  const int32_t most = INT32_MAX;
  for (const auto& [tensor, part] : std::vector<std::pair<TorchTensor, std::string>>{
           {{.shape = {3, 3}}, "passes its storage: expected at least 9 numbers, got 6"},
           {{.offset = 1}, "passes its storage"},
           {{.offset = -1}, "expected sizes and strides of 0 and more, got the integer -1"},
           {{.shape = {-1, 3}}, "expected sizes and strides of 0 and more"},
           {{.strides = {3, -1}}, "expected sizes and strides of 0 and more"},
           {{.strides = {3}}, "as many strides as sizes"},
           {{.shape = {most, most}, .strides = {most, most}}, "passes its storage"},
           {{.shape = {most, most, most}, .strides = {0, 0, 0}}, "overflows"},
           {{.shape = {most, 1}, .strides = {0, 0}}, "more than 4 times"},
           {{.shape = std::vector<int32_t>(9, 1), .strides = std::vector<int32_t>(9, 1)},
            "expected at most 8 dimensions, got 9"},
           {{.items = 5}, "its storage: expected 5 numbers, got 24 bytes"},
           {{.items = -1}, "its storage: expected -1 numbers"},
           {{.key = "7"}, "entry 'x/data/7' is missing"},
           {{.key = "../../byteorder"}, "is missing"},
           {{.storage = "LongStorage"},
            "expected float32, float16, bfloat16 or float64 numbers, "
            "got the name torch LongStorage"},
           {{.storage = "QInt8Storage"}, "a pickle that names torch.QInt8Storage"}}) {
    EXPECT_USER_ERROR(open_tensor(tensor), part);
  }
}

TEST_F(TorchFiles, OtherValues) {
  const std::string call = p_name("torch._utils", "_rebuild_tensor_v2");
  for (const auto& [value, part] : std::vector<std::pair<std::string, std::string>>{
           {p_integer(3), "'t': expected a tensor, got the integer 3"},
           {"}", "'t': expected a tensor, got a dict"},
           {"N", "got None"},
           {call, "got the name torch._utils _rebuild_tensor_v2"},
           {call + ")R", "its description is cut off"},
           {call + p_tuple({"N", "N", "N", "N"}) + "R", "expected a storage, got None"},
           {call + p_tuple({p_text("a") + "Q", "N", "N", "N"}) + "R", "expected a storage"},
           {call + p_tuple({")Q", "N", "N", "N"}) + "R", "expected a storage"},
           {p_name("torch", "FloatStorage") + ")R", "expected a tensor, got an object"},
           {p_name("torch._utils", "_rebuild_parameter") + ")R", "expected a tensor"}}) {
    EXPECT_USER_ERROR(open(torch_file_of(p_dict({{"t", value}}))), part);
  }
  EXPECT_USER_ERROR(open(torch_file_of(p_pickle("N"))), "x/data.pkl: expected a dict of tensors");
  EXPECT_USER_ERROR(open(torch_file_of(p_pickle("}(NNu"))), "expected names of tensors, got None");
  EXPECT_USER_ERROR(open(torch_file_of(p_dict({{"t", p_tensor({})}, {"t", p_tensor({})}}))),
                    "tensor 't' is there twice");
  EXPECT_USER_ERROR(open(torch_file_of(p_dict({}), "big")),
                    "byteorder: expected little, got 'big'");
  EXPECT_EQ(open(torch_file_of(p_dict({}))).tensors().size(), 0u);
}

TEST_F(TorchFiles, OtherFiles) {
  const std::string legacy("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", 21);
  EXPECT_USER_ERROR(open(legacy), "x.pt: PyTorch's legacy format, of torch.save before 1.6");
  EXPECT_USER_ERROR(open(p_pickle("N")), "expected a zip archive, got a pickle");
  EXPECT_USER_ERROR(open("something else"), "expected a zip archive, got something else");
  EXPECT_USER_ERROR(open(""), "expected a zip archive");
  EXPECT_USER_ERROR(open(zip_of({{"a/b", "c"}})), "the archive has no data.pkl");
  EXPECT_USER_ERROR(open(zip_of({{"a/data.pkl", p_dict({})}, {"b/data.pkl", p_dict({})}})),
                    "more than one data.pkl");
  EXPECT_USER_ERROR(open(zip_of({{"a/data.pkl", p_dict({}), 8}})), "is compressed");
  EXPECT_TRUE(begins_as_torch_file(dir_.write("y.pt", zip_of({{"a", "b"}}))));
  EXPECT_FALSE(begins_as_torch_file(dir_.write("y.pt", legacy)));
  EXPECT_FALSE(begins_as_torch_file(dir_.path()));
  EXPECT_FALSE(begins_as_torch_file(dir_.path() / "absent"));
}

// Whatever byte is another, the answer is tensors within the file or one error.
TEST_F(TorchFiles, EveryCutAndSomeChangedBytes) {
  const std::string good =
      torch_file_of(p_dict({{"t", p_tensor({.shape = {3, 2}, .strides = {1, 3}})}}));
  for (size_t size = 0; size < good.size(); size += 13) {
    EXPECT_USER_ERROR(open(good.substr(0, size)), "x.pt: ");
  }
  for (size_t at = 0; at < good.size(); at += 5) {
    for (const int bits : {0x01, 0xFF}) {
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ bits);
      try {
        const TorchFile file = open(changed);
        for (const TensorView& view : file.tensors()) {
          EXPECT_LE(view.bytes.size(), 4 * good.size());
          if (view.bytes.size() == 24) floats(view);
        }
      } catch (const UserError&) {
      }
    }
  }
}

}  // namespace
}  // namespace matlora::format
