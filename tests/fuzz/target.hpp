// What all fuzz targets share. A target names the images that it has, files that the library wrote; an input is one of them
// and what becomes of its bytes. README.md has the bytes of an input.
//
// `run` must return, whatever the bytes are: a crash, a report of a sanitizer, a hang or a broken promise is a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt::fuzz {

using Bytes = std::vector<std::byte>;

struct Image {
  Bytes file;
  std::vector<std::uint32_t> hot;  // offsets of words that others depend on: where mutations mostly go
};

// What an input says.
struct Input {
  std::size_t image = 0;
  std::uint8_t what = 0;  // which calls are made
  bool changed = false;   // the file differs from its image
  bool repaired = false;  // checksums and magic numbers were made to fit
  Bytes file;
};

class Target {
 public:
  Target() = default;
  virtual ~Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  [[nodiscard]] virtual const std::vector<Image>& images() const = 0;
  virtual void repair(Bytes& file) const = 0;
  virtual void run(const Input& input) = 0;
};

// The one of this executable; made at the first call.
Target& target();

// Bytes of an input; see README.md.
[[nodiscard]] Input parse(const Target& target, std::span<const std::uint8_t> bytes);
// Another input made from one. The same `seed` makes the same.
[[nodiscard]] std::vector<std::uint8_t> mutate(const Target& target, std::span<const std::uint8_t> bytes, std::uint64_t seed,
                                               std::size_t most_bytes);

// Ends the process with that sentence if `promise` is broken.
void require(bool promise, std::string_view sentence, std::uint64_t detail = 0);

// The payload of event n: tells at every byte which event it belongs to.
[[nodiscard]] Bytes payload_of(std::uint64_t sequence, std::size_t size);
[[nodiscard]] bool is_payload_of(std::span<const std::byte> payload, std::uint64_t sequence);

// Reads every byte.
void touch(std::span<const std::byte> bytes);

// A directory of this process in shared memory, which goes with it; RINGBOLT_DIR leads to it.
[[nodiscard]] const std::string& place();

}  // namespace ringbolt::fuzz
