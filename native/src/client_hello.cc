// Any thread. Reads the server name out of a TLS ClientHello, a byte at a time if it comes so.
#include "client_hello.h"

namespace vipd {
namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kMajorVersion = 3;
constexpr std::uint32_t kMostRecord = 16 * 1024;
constexpr std::uint32_t kClientHelloMessage = 1;
constexpr std::uint32_t kServerNameExtension = 0;
constexpr std::uint32_t kHostName = 0;
constexpr std::uint32_t kMostName = 255;
constexpr std::uint32_t kMostSession = 32;

}  // namespace

ClientHello::Verdict ClientHello::feed(std::string_view bytes) noexcept {
  for (const char byte : bytes) {
    if (verdict_ != Verdict::more) break;
    verdict_ = record_byte(static_cast<std::uint8_t>(byte));
    if (++fed_ >= kMostClientHello && verdict_ == Verdict::more) verdict_ = Verdict::no_name;
  }
  return verdict_;
}

ClientHello::Verdict ClientHello::record_byte(std::uint8_t byte) noexcept {
  if (record_left_ > 0 && header_at_ == 0) {
    --record_left_;
    return message_byte(byte);
  }
  switch (header_at_++) {
    case 0: return byte == kHandshakeRecord ? Verdict::more : Verdict::not_tls;
    case 1: return byte == kMajorVersion ? Verdict::more : Verdict::not_tls;
    case 2: return Verdict::more;  // the minor version: 0 to 3, whatever is spoken later
    case 3: record_left_ = std::uint32_t{byte} << 8; return Verdict::more;
    default: break;
  }
  header_at_ = 0;
  record_left_ |= byte;
  return record_left_ > 0 && record_left_ <= kMostRecord ? Verdict::more : Verdict::not_tls;
}

ClientHello::Verdict ClientHello::message_byte(std::uint8_t byte) noexcept {
  --message_left_;
  value_ = value_ << 8 | byte;
  if (field_ == Field::name) name_[name_size_++] = static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
  return --need_ == 0 ? field_done() : Verdict::more;
}

// A field of no bytes is done at once. Never deep: two such fields do not follow each other without end.
ClientHello::Verdict ClientHello::expect(Field field, std::uint32_t bytes) noexcept {
  if (bytes > message_left_) return Verdict::not_tls;
  field_ = field;
  need_ = bytes;
  value_ = 0;
  return bytes == 0 ? field_done() : Verdict::more;
}

ClientHello::Verdict ClientHello::field_done() noexcept {
  switch (field_) {
    case Field::type:
      return value_ == kClientHelloMessage ? expect(Field::length, 3) : Verdict::not_tls;
    case Field::length:
      message_left_ = value_;
      return value_ <= kMostClientHello ? expect(Field::version_and_random, 34) : Verdict::no_name;
    case Field::version_and_random: return expect(Field::session_size, 1);
    case Field::session_size: return value_ <= kMostSession ? expect(Field::session, value_) : Verdict::not_tls;
    case Field::session: return expect(Field::ciphers_size, 2);
    case Field::ciphers_size: return value_ > 0 ? expect(Field::ciphers, value_) : Verdict::not_tls;
    case Field::ciphers: return expect(Field::compressions_size, 1);
    case Field::compressions_size: return value_ > 0 ? expect(Field::compressions, value_) : Verdict::not_tls;
    case Field::compressions:
      return message_left_ == 0 ? Verdict::no_name : expect(Field::extensions_size, 2);
    case Field::extensions_size: return value_ == message_left_ ? next_extension() : Verdict::not_tls;
    case Field::extension_type:
      is_server_name_ = value_ == kServerNameExtension;
      return expect(Field::extension_size, 2);
    case Field::extension_size:
      bound_ = value_;
      return is_server_name_ ? expect(Field::names_size, 2) : expect(Field::extension, value_);
    case Field::extension: return next_extension();
    case Field::names_size:
    case Field::name_type:
    case Field::name_size:
    case Field::name: return server_name_field_done();
  }
  return Verdict::not_tls;
}

// The extension is a list of names, each with its type; there is one type, and one name of a type.
ClientHello::Verdict ClientHello::server_name_field_done() noexcept {
  if (field_ == Field::names_size) {
    if (bound_ > message_left_ + 2 || bound_ != value_ + 2 || value_ < 4) return Verdict::not_tls;
    bound_ = value_;
    return expect(Field::name_type, 1);
  }
  if (field_ == Field::name_type) return value_ == kHostName ? expect(Field::name_size, 2) : Verdict::no_name;
  if (field_ == Field::name) return Verdict::name;
  if (value_ == 0 || value_ + 3 > bound_) return Verdict::not_tls;
  return value_ <= kMostName ? expect(Field::name, value_) : Verdict::no_name;
}

ClientHello::Verdict ClientHello::next_extension() noexcept {
  return message_left_ == 0 ? Verdict::no_name : expect(Field::extension_type, 2);
}

}  // namespace vipd
