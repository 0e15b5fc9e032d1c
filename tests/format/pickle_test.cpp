#include "matlora/format/pickle.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/support/torch_builder.h"

namespace matlora::format {
namespace {

using namespace test;
using Kind = Pickle::Kind;

constexpr std::array<std::string_view, 1> kKnown = {"toy f"};

Pickle parse(const std::string& text) {
  return Pickle::parse(std::as_bytes(std::span(text.data(), text.size())), "x.pkl", kKnown);
}

const Pickle::Value& item(const Pickle& pickle, size_t i) {
  return pickle.at(pickle.root().items.at(i));
}

// python3 -c 'import pickle; print(pickle.dumps(.., protocol=P))'
TEST(Pickle, PythonsOwn) {
  const Pickle pickle = parse(
      std::string("\x80\x02]q\x00(K\x01M,"
                  "\x01J\x00\x00\x01\x00\x8a\x05\x00\x00\x00\x00\x01J\xff\xff\xff\xffG\x3f\xf8\x00"
                  "\x00\x00\x00\x00\x00\x88\x89NX\x02\x00\x00\x00\xc3\xa9q\x01h\x01h\x01\x85q\x02"
                  "e.",
                  58));
  ASSERT_EQ(pickle.root().kind, Kind::list);
  const std::vector<int64_t> integers = {1, 300, 65536, int64_t{1} << 32, -1};
  for (size_t i = 0; i < integers.size(); ++i) {
    EXPECT_EQ(item(pickle, i).kind, Kind::integer);
    EXPECT_EQ(item(pickle, i).integer, integers[i]);
  }
  EXPECT_EQ(item(pickle, 5).real, 1.5);
  EXPECT_EQ(item(pickle, 6).integer, 1);
  EXPECT_EQ(item(pickle, 7).kind, Kind::boolean);
  EXPECT_EQ(item(pickle, 8).kind, Kind::none);
  EXPECT_EQ(item(pickle, 9).text, "é");
  EXPECT_EQ(item(pickle, 10).text, "é");  // the same once more
  EXPECT_EQ(item(pickle, 11).kind, Kind::tuple);
  // {'a': 1, 'b': [2]} in protocol 4, with a frame and memoized texts.
  const Pickle dict =
      parse(std::string("\x80\x04\x95\x14\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01"
                        "a\x94K\x01\x8c\x01"
                        "b\x94]\x94K\x02"
                        "au.",
                        31));
  ASSERT_EQ(dict.root().kind, Kind::dict);
  EXPECT_EQ(item(dict, 0).text, "a");
  EXPECT_EQ(dict.at(item(dict, 3).items[0]).integer, 2);
}

TEST(Pickle, OrderedDictsAreDictsAndKnownNamesAreKept) {
  const std::string ordered = p_name("collections", "OrderedDict") + ")R";
  const Pickle dict =
      parse(p_pickle(ordered + "(" + p_text("a") + "Nu" + "}(" + p_text("_metadata") + "Nub"));
  EXPECT_EQ(dict.root().kind, Kind::dict);
  EXPECT_EQ(dict.root().items.size(), 2u);
  const Pickle call = parse(p_pickle(p_name("toy", "f") + p_integers({1, 2}) + "R"));
  ASSERT_EQ(call.root().kind, Kind::call);
  EXPECT_EQ(item(call, 0).text, "toy f");
  EXPECT_EQ(item(call, 1).items.size(), 2u);
  EXPECT_EQ(parse(p_pickle(p_text("toy") + p_text("f") + "\x93")).root().kind, Kind::name);
}

TEST(Pickle, NothingElseIsRead) {
  for (const std::string& name :
       {p_name("os", "system"), p_name("builtins", "eval"), p_name("toy", "f.g"),
        p_name("toy f", ""), p_name("torch.serialization", "load"),
        p_text("posix") + p_text("system") + "\x93"}) {
    EXPECT_USER_ERROR(parse(p_pickle(name + p_tuple({p_text("touch /tmp/x")}) + "R")),
                      "x.pkl: a pickle that names ");
    EXPECT_USER_ERROR(parse(p_pickle(name)), "it is not read, as it could run code");
  }
  // INST, OBJ, NEWOBJ, EXT1, PERSID, sets, bytes, buffers, protocol 0's numbers.
  for (const std::string code : {"i", "o", "\x81", "\x82", "P", "\x8f", "\x90", "C", "B", "\x96",
                                 "\x97", "I1\n", "S'a'\n", "p0\n", "0", "1", "2", "\xff"}) {
    EXPECT_USER_ERROR(parse(p_pickle("N" + code)), "a pickle with the instruction ");
  }
  const std::string name = p_name("toy", "f"), ordered = p_name("collections", "OrderedDict");
  for (const auto& [body, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "a value is missing"},
           {"NN", "more than one value"},
           {"(N", "more than one value"},
           {"(", "a value is missing"},
           {"t", "a mark is missing"},
           {"\x86", "a value is missing"},
           {"N(\x85", "a value is missing"},
           {"Na", "a list is missing"},
           {"NNa", "a list is missing"},
           {"]N(NNu", "a dict is missing"},
           {"}(Nu", "a key without a value"},
           {"N)R", "what is called is no name"},
           {name + "NR", "what is called is no name"},
           {ordered + "(Nt" + "R", "an OrderedDict with arguments"},
           {ordered + ")RNb", "a state that is no dict"},
           {name + ")R}b", "a state of what is no OrderedDict"},
           {"h\x07", "that is referred to is missing"},
           {"q\x07", "a value is missing"},
           {"NN\x93", "a name is no text"},
           {"X\x01" + std::string(3, '\0') + "\xff", "not UTF-8"},
           {"X\xff\xff\xff\xff", "cut off"},
           {"\x8d" + std::string(8, '\xff'), "cut off"},
           {"\x95" + std::string(8, '\x7f'), "cut off"},
           {"\x8a\x09" + std::string(9, '\1'), "beyond 64 bits"},
           {"\x8a\xff", "cut off"}}) {
    EXPECT_USER_ERROR(parse(p_pickle(body)), part);
  }
  EXPECT_USER_ERROR(parse(""), "cut off");
  EXPECT_USER_ERROR(parse("\x80\x01N."), "protocol 1; expected 2..5");
  EXPECT_USER_ERROR(parse("(dp0\n."), "not a pickle");
  EXPECT_USER_ERROR(parse("\x80\x02N"), "cut off");
  EXPECT_USER_ERROR(parse("\x80\x02"
                          "cos"),
                    "cut off");
}

// As deep, as many and as circular as they may be: no recursion and no more memory than that.
TEST(Pickle, Bombs) {
  const size_t many = 400'000;
  const Pickle deep = parse(p_pickle("N" + std::string(many, '\x85')));
  EXPECT_EQ(deep.root().kind, Kind::tuple);
  EXPECT_USER_ERROR(parse(p_pickle(std::string(3 * many, 'N'))), "of more than 1048576 values");
  EXPECT_USER_ERROR(parse(p_pickle(std::string(3 * many, '('))), "of more than 1048576 values");
  std::string memo = "Nq" + std::string(1, '\0');
  for (size_t i = 0; i < 3 * many; ++i) memo += "h" + std::string(1, '\0');
  EXPECT_USER_ERROR(parse(p_pickle(memo)), "of more than 1048576 values");
  std::string keys = "N";
  for (uint32_t i = 0; i < 3 * many; ++i) keys += "r" + raw(i);
  EXPECT_USER_ERROR(parse(p_pickle(keys)), "of more than 1048576 values");
  const std::string zero(1, '\0');
  const Pickle circle = parse(p_pickle("]q" + zero + "h" + zero + "a"));
  EXPECT_EQ(circle.root().items.size(), 1u);
  // Each tuple is the one before twice: 2^60 values to whoever counts them, 61 here.
  std::string doubled = "N";
  for (int i = 0; i < 60; ++i) doubled += "q" + zero + "h" + zero + "\x86";
  EXPECT_EQ(parse(p_pickle(doubled)).root().items.size(), 2u);
}

TEST(Pickle, EveryCutAndEveryChangedByteIsAnErrorOrAPickle) {
  const std::string good = p_dict({{"a", p_name("toy", "f") + p_integers({1, 2}) + "R"},
                                   {"b", p_name("collections", "OrderedDict") + ")R"}});
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_USER_ERROR(parse(good.substr(0, size)), "x.pkl: ");
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = good;
      changed[at] = static_cast<char>(byte);
      try {
        parse(changed);
      } catch (const UserError&) {
      }
    }
  }
}

}  // namespace
}  // namespace matlora::format
