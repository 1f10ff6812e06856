// Any thread. Reads the server name out of a TLS ClientHello, a byte at a time if it comes so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vipd {

// All of it that is read; where no name has come by then, there is none.
constexpr std::size_t kMostClientHello = 16 * 1024;

// A machine over the bytes, with no memory of its own but the name: what has been fed is never looked at again.
class ClientHello {
 public:
  enum class Verdict : std::uint8_t {
    more,
    name,     // name() is it; the rest of the message was not read
    no_name,  // a ClientHello without one, or too long
    not_tls   // or a broken ClientHello
  };

  // The verdict is final once it is not `more`.
  [[nodiscard]] Verdict feed(std::string_view bytes) noexcept;
  // In lower case.
  [[nodiscard]] std::string_view name() const noexcept { return {name_, name_size_}; }

 private:
  // In the order of the message; each is `need_` bytes long.
  enum class Field : std::uint8_t {
    type,
    length,
    version_and_random,
    session_size,
    session,
    ciphers_size,
    ciphers,
    compressions_size,
    compressions,
    extensions_size,
    extension_type,
    extension_size,
    extension,
    names_size,
    name_type,
    name_size,
    name
  };

  [[nodiscard]] Verdict record_byte(std::uint8_t byte) noexcept;
  [[nodiscard]] Verdict message_byte(std::uint8_t byte) noexcept;
  [[nodiscard]] Verdict field_done() noexcept;
  [[nodiscard]] Verdict server_name_field_done() noexcept;
  [[nodiscard]] Verdict expect(Field field, std::uint32_t bytes) noexcept;
  [[nodiscard]] Verdict next_extension() noexcept;

  std::uint32_t fed_ = 0;
  std::uint32_t record_left_ = 0;
  std::uint32_t message_left_ = 4;  // type and length, then what the length says
  std::uint32_t need_ = 1;          // of the field
  std::uint32_t value_ = 0;         // the field's last four bytes, as a number
  std::uint32_t bound_ = 0;         // of what is nested in the server_name extension
  Verdict verdict_ = Verdict::more;
  Field field_ = Field::type;
  std::uint8_t header_at_ = 0;  // in the record's header
  bool is_server_name_ = false;
  std::uint8_t name_size_ = 0;
  char name_[255];
};

}  // namespace vipd
