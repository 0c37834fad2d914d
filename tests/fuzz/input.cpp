// What the bytes of an input mean, and how one is made from another.
#include <ringbolt/core/journal_layout.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "fuzz/target.hpp"

namespace ringbolt::fuzz {
namespace {

constexpr std::size_t kHead = 3;     // image, what, options
constexpr std::uint8_t kRaw = 0xff;  // for an image: the rest is the file itself
constexpr std::uint8_t kRepair = 1;  // an option
constexpr std::size_t kMostEdits = 64;
constexpr std::size_t kMostFileBytes = std::size_t{1} << 20;

// One change of the file: 3 bytes of offset, what is done there, and its operand.
enum class Kind : std::uint8_t { store1, store2, store4, store8, flip, resize, fill, move, count };
constexpr std::array<std::size_t, static_cast<std::size_t>(Kind::count)> kOperandBytes{1, 2, 4, 8, 1, 0, 3, 5};

struct Edit {
  std::uint32_t offset = 0;
  Kind kind = Kind::store1;
  std::array<std::uint8_t, 8> operand{};
};

std::uint32_t three_bytes(const std::uint8_t* from) noexcept {
  return static_cast<std::uint32_t>(from[0] | from[1] << 8 | from[2] << 16);
}

std::vector<Edit> edits_of(std::span<const std::uint8_t> bytes) {
  std::vector<Edit> edits;
  while (bytes.size() >= 4 && edits.size() < kMostEdits) {
    Edit edit;
    edit.offset = three_bytes(bytes.data());
    edit.kind = static_cast<Kind>(bytes[3] % static_cast<std::uint8_t>(Kind::count));
    const std::size_t operand = kOperandBytes[static_cast<std::size_t>(edit.kind)];
    if (bytes.size() < 4 + operand) break;
    std::copy_n(bytes.begin() + 4, operand, edit.operand.begin());
    edits.push_back(edit);
    bytes = bytes.subspan(4 + operand);
  }
  return edits;
}

void put(std::vector<std::uint8_t>& bytes, const Edit& edit) {
  for (unsigned shift = 0; shift < 24; shift += 8) bytes.push_back(static_cast<std::uint8_t>(edit.offset >> shift));
  bytes.push_back(static_cast<std::uint8_t>(edit.kind));
  bytes.insert(bytes.end(), edit.operand.begin(),
               edit.operand.begin() + static_cast<std::ptrdiff_t>(kOperandBytes[static_cast<std::size_t>(edit.kind)]));
}

// Nothing outside the file is touched; where it is empty, only its length can change.
void apply(const Edit& edit, Bytes& file) {
  if (edit.kind == Kind::resize) {
    file.resize(std::min<std::size_t>(edit.offset, kMostFileBytes));
    return;
  }
  if (file.empty()) return;
  const std::size_t at = edit.offset % file.size();
  const auto bounded = [&](std::size_t from, std::size_t count) { return std::min(count, file.size() - from); };
  switch (edit.kind) {
    case Kind::store1:
    case Kind::store2:
    case Kind::store4:
    case Kind::store8:
      std::memcpy(file.data() + at, edit.operand.data(), bounded(at, kOperandBytes[static_cast<std::size_t>(edit.kind)]));
      break;
    case Kind::flip: file[at] ^= static_cast<std::byte>(edit.operand[0]); break;
    case Kind::fill: {
      const std::size_t count = bounded(at, static_cast<std::size_t>(edit.operand[1] | edit.operand[2] << 8));
      std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(at), count, static_cast<std::byte>(edit.operand[0]));
      break;
    }
    case Kind::move: {
      const std::size_t from = three_bytes(edit.operand.data()) % file.size();
      const std::size_t count =
          bounded(std::max(at, from), static_cast<std::size_t>(edit.operand[3] | edit.operand[4] << 8));
      std::memmove(file.data() + at, file.data() + from, count);
      break;
    }
    case Kind::resize:
    case Kind::count: break;
  }
}

// Values that such words break at: ends, neighbours of what is there, sizes of things.
std::uint64_t interesting(std::uint64_t now, std::mt19937_64& random) {
  switch (random() % 8) {
    case 0: return 0;
    case 1: return ~std::uint64_t{0} - random() % 3;
    case 2: return now + random() % 17 - 8;
    case 3: return now + (std::uint64_t{1} << random() % 64);
    case 4: return now ^ (std::uint64_t{1} << random() % 64);
    case 5: return std::uint64_t{1} << random() % 64;
    case 6: return random() % 4'096 * 8;
    default: return random() >> random() % 64;
  }
}

Edit any_edit(const Image& image, std::mt19937_64& random) {
  Edit edit;
  const std::size_t size = std::max<std::size_t>(image.file.size(), 1);
  const auto somewhere = [&] {
    if (!image.hot.empty() && random() % 4 != 0) return static_cast<std::size_t>(image.hot[random() % image.hot.size()]);
    return random() % size;
  };
  static constexpr std::array kinds{Kind::store1, Kind::store2, Kind::store4, Kind::store8, Kind::store8, Kind::store8,
                                    Kind::flip,   Kind::flip,   Kind::resize, Kind::fill,   Kind::move};
  edit.kind = kinds[random() % kinds.size()];
  std::size_t at = somewhere();
  if (edit.kind == Kind::resize && random() % 8 != 0) edit.kind = Kind::store8;  // all else needs its length
  if (edit.kind != Kind::store8 && edit.kind != Kind::resize) at += random() % 8;
  edit.offset = static_cast<std::uint32_t>(at);
  std::uint64_t value = random();
  if (edit.kind == Kind::store8 || edit.kind == Kind::store4) {
    std::uint64_t now = 0;
    if (at + 8 <= image.file.size()) std::memcpy(&now, image.file.data() + at, 8);
    value = interesting(now, random);
  } else if (edit.kind == Kind::flip) {
    value = std::uint64_t{1} << random() % 8;
  } else if (edit.kind == Kind::move) {
    value = somewhere() | (random() % 512 * 8) << 24;
  } else if (edit.kind == Kind::fill) {
    value = (random() % 2 != 0 ? 0 : random() % 256) | (random() % 128 * 8) << 8;
  }
  std::memcpy(edit.operand.data(), &value, sizeof value);
  return edit;
}

}  // namespace

Input parse(const Target& target, std::span<const std::uint8_t> bytes) {
  Input input;
  std::array<std::uint8_t, kHead> head{};
  std::copy_n(bytes.begin(), std::min(kHead, bytes.size()), head.begin());
  const auto rest = bytes.subspan(std::min(kHead, bytes.size()));
  const std::vector<Image>& images = target.images();
  input.what = head[1];
  if (head[0] == kRaw) {
    const auto raw = std::as_bytes(rest);
    input.file.assign(raw.begin(), raw.end());
    input.changed = true;
  } else {
    input.image = head[0] % images.size();
    input.file = images[input.image].file;
    for (const Edit& edit : edits_of(rest)) apply(edit, input.file);
    input.changed = input.file != images[input.image].file;
  }
  if ((head[2] & kRepair) != 0 && input.changed) {
    target.repair(input.file);
    input.repaired = true;
  }
  return input;
}

std::vector<std::uint8_t> mutate(const Target& target, std::span<const std::uint8_t> bytes, std::uint64_t seed,
                                 std::size_t most_bytes) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> head(kHead);
  std::copy_n(bytes.begin(), std::min(kHead, bytes.size()), head.begin());
  if (head[0] == kRaw) head[0] = 0;
  std::vector<Edit> edits = edits_of(bytes.subspan(std::min(kHead, bytes.size())));
  if (random() % 8 == 0) head[0] = static_cast<std::uint8_t>(random() % target.images().size());
  if (random() % 3 == 0) head[1] = static_cast<std::uint8_t>(random());
  if (random() % 4 == 0) head[2] = static_cast<std::uint8_t>(random() % 2);
  const Image& image = target.images()[head[0] % target.images().size()];
  do {
    if (!edits.empty() && random() % 4 == 0)
      edits.erase(edits.begin() + static_cast<std::ptrdiff_t>(random() % edits.size()));
    if (edits.empty() || random() % 2 == 0) {
      edits.push_back(any_edit(image, random));
    } else {
      Edit& edit = edits[random() % edits.size()];
      std::uint64_t value = 0;
      std::memcpy(&value, edit.operand.data(), sizeof value);
      value = interesting(value, random);
      std::memcpy(edit.operand.data(), &value, sizeof value);
    }
  } while (random() % 3 == 0);
  for (const Edit& edit : edits) {
    std::vector<std::uint8_t> more;
    put(more, edit);
    if (head.size() + more.size() > most_bytes) break;
    head.insert(head.end(), more.begin(), more.end());
  }
  return head;
}

}  // namespace ringbolt::fuzz
