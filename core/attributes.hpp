// Attributes: names and values that go with an event, in front of its payload. This file writes and reads their bytes, which
// `layout.hpp` describes. Used by publisher and consumers, and by whoever relays events.
//
// Reading is checking: any bytes give attributes or an end, and nothing outside the block is touched, also while a publisher is
// writing over it. An entry's two numbers are loaded once, as one word.
#pragma once

#include <ringbolt/core/ring.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

namespace ringbolt::core {

// Does not own what it names.
struct Attribute {
  std::string_view name;   // 1 to 64 characters of A-Z a-z 0-9 . _ -
  std::string_view value;  // any bytes, at most 65535
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

// In the order of `KnownAttribute`, from 1.
inline constexpr std::array<std::string_view, 6> kKnownAttributeNames{"traceparent", "content-type",   "key",
                                                                      "merge-ring",  "merge-sequence", "merge-positions"};
[[nodiscard]] constexpr std::string_view name_of(KnownAttribute attribute) noexcept {
  return kKnownAttributeNames[static_cast<std::size_t>(attribute) - 1];
}

[[nodiscard]] constexpr bool is_attribute_name(std::string_view name) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kNameBytes && std::all_of(name.begin(), name.end(), allowed);
}
[[nodiscard]] constexpr bool is_attribute(const Attribute& attribute) noexcept {
  return is_attribute_name(attribute.name) && attribute.value.size() <= kMostAttributeValueBytes;
}

// What an entry says of its name: how long it is, or which one.
[[nodiscard]] constexpr std::uint16_t name_word(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kKnownAttributeNames.size(); ++i) {
    if (kKnownAttributeNames[i] == name) return static_cast<std::uint16_t>(kKnownAttribute + i + 1);
  }
  return static_cast<std::uint16_t>(name.size());
}

[[nodiscard]] constexpr std::uint64_t entry_bytes(std::uint64_t name_bytes, std::uint64_t value_bytes) noexcept {
  return (sizeof(AttributeEntry) + name_bytes + value_bytes + kAttributeAlignment - 1) & ~(kAttributeAlignment - 1);
}

// Bytes of the block that `write_attributes` makes of these, each of which `is_attribute`; 0 for none.
[[nodiscard]] constexpr std::uint64_t attributes_bytes(std::span<const Attribute> attributes) noexcept {
  if (attributes.empty()) return 0;
  std::uint64_t bytes = sizeof(AttributesHeader);
  for (const Attribute& attribute : attributes) {
    bytes += entry_bytes(name_word(attribute.name) < kKnownAttribute ? attribute.name.size() : 0, attribute.value.size());
  }
  return (bytes + kRecordAlignment - 1) & ~(kRecordAlignment - 1);
}

// Fills `block`, of exactly `attributes_bytes` bytes, at most 2^32 - 1.
inline void write_attributes(std::span<std::byte> block, std::span<const Attribute> attributes) noexcept {
  std::ranges::fill(block, std::byte{0});
  const AttributesHeader header{static_cast<std::uint32_t>(block.size())};
  std::memcpy(block.data(), &header, sizeof header);
  std::byte* at = block.data() + sizeof header;
  for (const Attribute& attribute : attributes) {
    const AttributeEntry entry{name_word(attribute.name), static_cast<std::uint16_t>(attribute.value.size())};
    const std::size_t name_bytes = entry.name < kKnownAttribute ? attribute.name.size() : 0;
    std::memcpy(at, &entry, sizeof entry);
    std::copy_n(attribute.name.data(), name_bytes, reinterpret_cast<char*>(at + sizeof entry));
    std::copy_n(attribute.value.data(), entry.size, reinterpret_cast<char*>(at + sizeof entry + name_bytes));
    at += entry_bytes(name_bytes, entry.size);
  }
}

// Reads the entry at `offset` of a block, which is aligned to 4 as the offset is. How many bytes it takes; 0: none begins there.
[[nodiscard]] inline std::uint64_t read_attribute(std::span<const std::byte> block, std::uint64_t offset,
                                                  Attribute& attribute) noexcept {
  if (block.size() < offset + sizeof(AttributeEntry)) return 0;
  const std::byte* const at = block.data() + offset;
  const AttributeEntry entry = reinterpret_cast<const SharedWord<AttributeEntry>*>(at)
                                   ->load_relaxed();  // relaxed: whoever may be overrun looks later
  const bool known = entry.name > kKnownAttribute && entry.name <= kKnownAttribute + kKnownAttributeNames.size();
  if (!known && (entry.name == 0 || entry.name > kNameBytes)) return 0;
  const std::uint64_t name_bytes = known ? 0 : entry.name;
  const std::uint64_t bytes = entry_bytes(name_bytes, entry.size);
  if (bytes > block.size() - offset) return 0;
  const char* const text = reinterpret_cast<const char*>(at) + sizeof entry;
  attribute.name = known ? kKnownAttributeNames[entry.name - kKnownAttribute - 1u] : std::string_view(text, name_bytes);
  attribute.value = {text + name_bytes, entry.size};
  return is_attribute_name(attribute.name) ? bytes : 0;
}

// The attributes of one event, in the order in which they were given; a name may come twice. As valid as the event's payload.
class Attributes {
 public:
  class iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Attribute;
    using difference_type = std::ptrdiff_t;
    using pointer = const Attribute*;
    using reference = const Attribute&;

    iterator() noexcept = default;
    iterator(std::span<const std::byte> block, std::uint64_t offset) noexcept : block_(block), offset_(offset) { read(); }
    reference operator*() const noexcept { return attribute_; }
    pointer operator->() const noexcept { return &attribute_; }
    iterator& operator++() noexcept {
      offset_ += bytes_;
      read();
      return *this;
    }
    iterator operator++(int) noexcept {
      const iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.offset_ == b.offset_; }

   private:
    void read() noexcept {
      bytes_ = read_attribute(block_, offset_, attribute_);
      if (bytes_ == 0) offset_ = kEnd;
    }
    static constexpr std::uint64_t kEnd = ~std::uint64_t{0};
    std::span<const std::byte> block_;
    std::uint64_t offset_ = kEnd;
    std::uint64_t bytes_ = 0;
    Attribute attribute_;
  };

  Attributes() noexcept = default;
  // A block that `checked_attributes` has found whole; empty: none.
  explicit Attributes(std::span<const std::byte> block) noexcept : block_(block) {}

  [[nodiscard]] iterator begin() const noexcept { return {block_, sizeof(AttributesHeader)}; }
  [[nodiscard]] iterator end() const noexcept { return {}; }
  [[nodiscard]] bool empty() const noexcept { return begin() == end(); }
  // The first of that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
    const auto found = std::find_if(begin(), end(), [name](const Attribute& attribute) { return attribute.name == name; });
    return found == end() ? std::nullopt : std::optional(found->value);
  }
  // As they lie in front of the payload.
  [[nodiscard]] std::span<const std::byte> block() const noexcept { return block_; }

 private:
  std::span<const std::byte> block_;
};

// How many bytes of `record`, all that is behind a record's header and aligned to 8, are attributes; 0 if they do not hold
// together.
[[nodiscard]] inline std::uint64_t checked_attributes(std::span<const std::byte> record) noexcept {
  if (record.size() < kRecordAlignment) return 0;
  // Relaxed, as in `read_attribute`.
  const AttributesHeader header = reinterpret_cast<const SharedWord<AttributesHeader>*>(record.data())->load_relaxed();
  if (header.bytes == 0 || header.bytes % kRecordAlignment != 0 || header.bytes > record.size()) return 0;
  const std::span<const std::byte> block = record.first(header.bytes);
  std::uint64_t offset = sizeof header;
  Attribute attribute;
  while (const std::uint64_t bytes = read_attribute(block, offset, attribute)) offset += bytes;
  if (offset == block.size()) return header.bytes;
  if (offset + kAttributeAlignment != block.size()) return 0;
  std::uint32_t last = 0;
  std::memcpy(&last, block.data() + offset, sizeof last);
  return last == 0 ? header.bytes : 0;
}

}  // namespace ringbolt::core
