// The block of attributes in front of a payload: what is written is read, and any bytes give attributes or an error.
#include <ringbolt/core/attributes.hpp>

#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "core_test.hpp"

namespace ringbolt::core::test {
namespace {

using Block = std::vector<std::byte>;

// Over bytes of something before.
Block encode(const std::vector<Attribute>& attributes) {
  Block block(attributes_bytes(attributes), std::byte{0xff});
  if (!block.empty()) write_attributes(block, attributes);
  return block;
}
std::vector<Attribute> decode(std::span<const std::byte> block) {
  const Attributes attributes(block);
  return {attributes.begin(), attributes.end()};
}
// Words of 4 bytes, as a block of one's own making.
Block words(const std::vector<std::uint32_t>& numbers) {
  Block block(numbers.size() * 4);
  std::memcpy(block.data(), numbers.data(), block.size());
  return block;
}
constexpr std::uint32_t entry(std::uint32_t name, std::uint32_t size) { return name | size << 16; }

TEST(AttributesAre, ReadAsTheyWereWritten) {
  const std::string everything = [] {
    std::string text;
    for (int c = 0; c < 256; ++c) text.push_back(static_cast<char>(c));
    return text;
  }();
  const std::string longest_name(kNameBytes, 'n');
  const std::string longest_value(kMostAttributeValueBytes, 'v');
  const std::vector<std::vector<Attribute>> sets{
      {{"a", ""}},
      {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
      {{"key", "k"}, {"content-type", "text/plain"}, {"merge-ring", "orders"}, {"merge-sequence", "41"}},
      {{"A.b_c-9", everything}, {"x", everything}, {"x", "twice"}},
      {{longest_name, longest_value}, {"merge-positions", longest_value}},
  };
  for (const auto& set : sets) {
    const Block block = encode(set);
    EXPECT_EQ(block.size() % kRecordAlignment, 0U);
    EXPECT_EQ(checked_attributes(block), block.size());
    EXPECT_EQ(decode(block), set);
  }
}

// Every length of name and value, so that the padding is right at each.
TEST(AttributesAre, ReadWhateverTheirLengths) {
  for (std::size_t name = 1; name <= 9; ++name) {
    for (std::size_t value = 0; value <= 9; ++value) {
      const std::string names(name, 'n');
      const std::string values(value, 'v');
      const std::vector<Attribute> set{{names, values}, {"key", values}, {names, "end"}};
      Block record = encode(set);
      const std::size_t block = record.size();
      record.resize(record.size() + 5, std::byte{0xff});  // the payload
      EXPECT_EQ(checked_attributes(record), block) << name << " " << value;
      EXPECT_EQ(decode(std::span(record).first(block)), set) << name << " " << value;
    }
  }
}

TEST(AttributesAre, FoundByName) {
  const Block block = encode({{"key", "1"}, {"b", "2"}, {"b", "3"}});
  const Attributes attributes(block);
  EXPECT_EQ(attributes.find("key"), "1");
  EXPECT_EQ(attributes.find("b"), "2") << "the first one";
  EXPECT_EQ(attributes.find("c"), std::nullopt);
  EXPECT_FALSE(attributes.empty());
  EXPECT_TRUE(Attributes().empty());
  EXPECT_EQ(Attributes().find("key"), std::nullopt);
}

TEST(AttributesAre, CompactWhereTheirNamesAreKnown) {
  EXPECT_EQ(attributes_bytes(std::vector<Attribute>{{"traceparent", std::string_view("x", 1)}}), 16U);
  EXPECT_EQ(attributes_bytes(std::vector<Attribute>{{"key", "1234"}, {"key", ""}}), 16U);
  EXPECT_EQ(attributes_bytes({}), 0U);
  for (std::size_t i = 0; i < kKnownAttributeNames.size(); ++i) {
    EXPECT_EQ(name_word(kKnownAttributeNames[i]), kKnownAttribute + i + 1);
    EXPECT_EQ(name_of(static_cast<KnownAttribute>(i + 1)), kKnownAttributeNames[i]);
    EXPECT_TRUE(is_attribute_name(kKnownAttributeNames[i]));
  }
}

TEST(AttributesAre, RefusedWithABadNameOrTooLongAValue) {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a="), std::string("\xc3\xa9"),
                                  std::string("a\0", 2), std::string(kNameBytes + 1, 'n')})
    EXPECT_FALSE(is_attribute({name, ""})) << name;
  const std::string too_long(kMostAttributeValueBytes + 1, 'v');
  EXPECT_FALSE(is_attribute({"a", too_long}));
  EXPECT_TRUE(is_attribute({"a", std::string_view(too_long).substr(1)}));
}

TEST(AttributesThat, DoNotHoldTogetherAreNone) {
  EXPECT_EQ(checked_attributes({}), 0U);
  EXPECT_EQ(checked_attributes(words({8})), 0U) << "shorter than the shortest block";
  EXPECT_EQ(checked_attributes(words({8, 0})), 8U) << "an empty block is one";
  EXPECT_EQ(checked_attributes(words({0, 0})), 0U);
  EXPECT_EQ(checked_attributes(words({4, 0})), 0U);
  EXPECT_EQ(checked_attributes(words({12, 0, 0, 0})), 0U) << "no multiple of 8";
  EXPECT_EQ(checked_attributes(words({16, 0})), 0U) << "beyond the record";
  EXPECT_EQ(checked_attributes(words({0xfffffff8, 0})), 0U);
  const Block whole = words({16, 0, 0, 0, 16, entry(4, 4), 0x6e6e6e6e, 0});
  EXPECT_EQ(checked_attributes(std::span(whole).subspan(16)), 16U);
  EXPECT_EQ(checked_attributes(std::span(whole).subspan(16, 8)), 0U) << "beyond the record, though it goes on there";
  EXPECT_EQ(checked_attributes(words({8, 7})), 0U) << "no zero word behind the last entry";
  EXPECT_EQ(checked_attributes(words({16, 0, 0, 0})), 0U) << "more than one word behind the last entry";
  const std::uint32_t key = kKnownAttribute + 3;
  EXPECT_EQ(checked_attributes(words({8, entry(key, 0)})), 8U);
  EXPECT_EQ(checked_attributes(words({8, entry(key, 1)})), 0U) << "a value beyond the block";
  EXPECT_EQ(checked_attributes(words({16, entry(key, 8), 0, 0})), 16U);
  EXPECT_EQ(checked_attributes(words({16, entry(key, 9), 0, 0})), 0U);
  EXPECT_EQ(checked_attributes(words({16, entry(key, 0xffff), 0, 0})), 0U);
  const Block longer = words({16, entry(key, 8), 0, 0});
  Attribute attribute;
  EXPECT_EQ(read_attribute(longer, 4, attribute), 12U);
  EXPECT_EQ(read_attribute(std::span(longer).first(8), 4, attribute), 0U) << "beyond the block, though memory goes on there";
  EXPECT_EQ(checked_attributes(words({8, entry(kKnownAttribute, 0)})), 0U) << "a number that stands for no name";
  EXPECT_EQ(checked_attributes(words({8, entry(kKnownAttribute + 7, 0)})), 0U);
  EXPECT_EQ(checked_attributes(words({8, entry(0xffff, 0)})), 0U);
  EXPECT_EQ(checked_attributes(words({16, entry(4, 4), 0x6e6e6e6e, 0})), 16U);
  EXPECT_EQ(checked_attributes(words({16, entry(4, 4), 0x6e206e6e, 0})), 0U) << "a space in a name";
  EXPECT_EQ(checked_attributes(words({8, entry(4, 0)})), 0U) << "a name beyond the block";
  EXPECT_EQ(checked_attributes(words({8, entry(0, 4)})), 0U) << "no name";
  Block long_name = words({80, entry(65, 0)});
  long_name.resize(80, std::byte{'n'});
  EXPECT_EQ(checked_attributes(long_name), 0U);
}

// Any bytes, with nothing readable behind them: attributes or an error, and what an iterator gives lies inside.
TEST(AttributesThat, AreRandomBytesAreNeverReadBeyond) {
  constexpr std::size_t kMost = 4'096;
  const auto page = static_cast<std::size_t>(::getpagesize());
  void* const mapped = ::mmap(nullptr, kMost + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  auto* const end = static_cast<std::byte*>(mapped) + kMost;
  ASSERT_EQ(::mprotect(end, page, PROT_NONE), 0);
  std::mt19937_64 random(test_seed());
  std::size_t whole = 0;
  for (int round = 0; round < 200'000; ++round) {
    const std::size_t size = random() % 40 * 8;
    const std::span<std::byte> record(end - size, size);
    // Mostly what might be a block: words that look like headers and entries, among noise.
    for (std::size_t at = 0; at < size; at += 4) {
      std::uint32_t word = 0;
      switch (random() % 6) {
        case 0: word = static_cast<std::uint32_t>(random() % 400); break;
        case 1: word = entry(kKnownAttribute + static_cast<std::uint32_t>(random() % 9), random() % 32); break;
        case 2: word = entry(static_cast<std::uint32_t>(random() % 70), random() % 16); break;
        case 3: word = 0x61616161; break;
        case 4: word = static_cast<std::uint32_t>(random()); break;
        default: break;
      }
      std::memcpy(record.data() + at, &word, 4);
    }
    if (size != 0 && random() % 4 != 0) {
      const auto bytes = static_cast<std::uint32_t>((random() % (size / 8) + 1) * 8);
      std::memcpy(record.data(), &bytes, 4);
    }
    const std::uint64_t bytes = checked_attributes(record);
    ASSERT_LE(bytes, size);
    ASSERT_EQ(bytes % 8, 0U);
    if (bytes != 0) ++whole;
    // A reader in place iterates over bytes that were whole a moment ago.
    const std::span<const std::byte> block = bytes != 0 ? record.first(bytes) : record;
    std::uint64_t sum = 0;
    for (const Attribute& attribute : Attributes(block)) {
      ASSERT_TRUE(is_attribute(attribute));
      const auto* const value = reinterpret_cast<const std::byte*>(attribute.value.data());
      ASSERT_TRUE(value >= block.data() && value + attribute.value.size() <= block.data() + block.size());
      for (const char c : attribute.value) sum += static_cast<unsigned char>(c);
    }
    ASSERT_LE(sum, size * 255);
  }
  EXPECT_GT(whole, 1'000U) << "the test tests little if hardly anything is whole";
  ::munmap(mapped, kMost + page);
}

}  // namespace
}  // namespace ringbolt::core::test
