// The twin of `core/shared_word.hpp` that the model tests are compiled with: the same type, whose every access asks the
// explorer what happens. This folder comes before the project's own in the include path, so that the protocol in `core/` is
// compiled unchanged.
#pragma once

#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

namespace ringbolt::model {

enum class Order : std::uint8_t { relaxed, acquire, release, acq_rel, seq_cst };
using Where = std::source_location;

std::uint64_t load(const void* word, std::size_t bytes, Order order, const Where& where) noexcept;
void store(void* word, std::size_t bytes, std::uint64_t value, Order order, const Where& where) noexcept;
bool compare_exchange(void* word, std::size_t bytes, std::uint64_t& expected, std::uint64_t desired,
                      const Where& where) noexcept;
std::uint64_t add(void* word, std::size_t bytes, std::uint64_t increment, const Where& where) noexcept;
void fence(Order order, const Where& where) noexcept;

}  // namespace ringbolt::model

namespace ringbolt::core {

template <class T>
class SharedWord {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  using Where = model::Where;

 public:
  SharedWord() noexcept = default;
  SharedWord(const SharedWord&) = delete;
  SharedWord& operator=(const SharedWord&) = delete;

  [[nodiscard]] T load_acquire(const Where& where = Where::current()) const noexcept {
    return value_of(model::load(&value_, sizeof(T), model::Order::acquire, where));
  }
  [[nodiscard]] T load_relaxed(const Where& where = Where::current()) const noexcept {
    return value_of(model::load(&value_, sizeof(T), model::Order::relaxed, where));
  }
  [[nodiscard]] T load_before_fence(const Where& where = Where::current()) const noexcept { return load_relaxed(where); }
  void store_release(T value, const Where& where = Where::current()) noexcept {
    model::store(&value_, sizeof(T), bits_of(value), model::Order::release, where);
  }
  void store_relaxed(T value, const Where& where = Where::current()) noexcept {
    model::store(&value_, sizeof(T), bits_of(value), model::Order::relaxed, where);
  }
  [[nodiscard]] bool compare_exchange(T& expected, T desired, const Where& where = Where::current()) noexcept {
    std::uint64_t found = bits_of(expected);
    const bool done = model::compare_exchange(&value_, sizeof(T), found, bits_of(desired), where);
    if (!done) expected = value_of(found);
    return done;
  }
  T fetch_add(T increment, const Where& where = Where::current()) noexcept
    requires std::is_integral_v<T>
  {
    return static_cast<T>(model::add(&value_, sizeof(T), increment, where));
  }
  [[nodiscard]] const void* address() const noexcept { return &value_; }

 private:
  static std::uint64_t bits_of(T value) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
  }
  static T value_of(std::uint64_t bits) noexcept {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }

  T value_;
};

using Word32 = SharedWord<std::uint32_t>;
using Word64 = SharedWord<std::uint64_t>;

inline void fence_acquire(const model::Where& where = model::Where::current()) noexcept {
  model::fence(model::Order::acquire, where);
}
inline void fence_seq_cst(const model::Where& where = model::Where::current()) noexcept {
  model::fence(model::Order::seq_cst, where);
}
inline void fence_compiler() noexcept {}
inline void spin_hint() noexcept {}
inline std::uint64_t processor_ticks() noexcept { return 0; }

}  // namespace ringbolt::core
