// The parsers of the data plane's edge, without Node, under a sanitizer: tables of what they must say, every input
// whole and in single bytes, then random mutations for some seconds. Buffers are exactly as large as their content, so
// that a read beyond the end is seen.
#include <arpa/inet.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "../fuzz/check.h"
#include "../src/client_hello.h"
#include "../src/networks.h"
#include "../src/proxy_header.h"

namespace {

using namespace vipd;
using namespace std::string_literals;

int g_failed = 0;

void check(bool good, const std::string& what) {
  if (good) return;
  ++g_failed;
  std::printf("FAILED: %s\n", what.c_str());
}

Address ip(const char* text, std::uint16_t port = 0) { return *Address::parse(text, port); }

// ---- networks

std::optional<Networks> networks_of(const std::vector<std::string>& texts) {
  Result<Networks> parsed = Networks::parse(texts);
  if (Networks* list = std::get_if<Networks>(&parsed)) return std::move(*list);
  return std::nullopt;
}

void networks() {
  struct Case {
    std::vector<std::string> list;
    const char* address;
    bool inside;
  };
  const Case cases[] = {
      {{}, "10.0.0.1", false},
      {{"10.0.0.0/8"}, "10.255.255.255", true},
      {{"10.0.0.0/8"}, "11.0.0.0", false},
      {{"10.0.0.0/8"}, "9.255.255.255", false},
      {{"10.1.2.3/8"}, "10.200.0.1", true},
      {{"10.0.0.0/8"}, "::ffff:10.0.0.1", true},
      {{"10.0.0.0/8"}, "::10.0.0.1", false},
      {{"192.0.2.7"}, "192.0.2.7", true},
      {{"192.0.2.7"}, "192.0.2.8", false},
      {{"0.0.0.0/0"}, "255.255.255.255", true},
      {{"0.0.0.0/0"}, "2001:db8::1", false},
      {{"::/0"}, "2001:db8::1", true},
      {{"::/0"}, "192.0.2.1", true},
      {{"::ffff:10.0.0.0/104"}, "10.9.9.9", true},
      {{"2001:db8::/32"}, "2001:db8:ffff::1", true},
      {{"2001:db8::/32"}, "2001:db9::", false},
      {{"2001:db8::/127"}, "2001:db8::1", true},
      {{"2001:db8::/127"}, "2001:db8::2", false},
      {{"fe80::/10"}, "fe80::1%lo", true},
      {{"10.0.0.0/8", "10.1.0.0/16", "12.0.0.0/8"}, "10.2.0.0", true},
      {{"12.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"}, "11.0.0.0", false},
      {{"10.0.0.0/25", "10.0.0.128/25"}, "10.0.0.128", true},
  };
  for (const Case& one : cases) {
    const std::optional<Networks> list = networks_of(one.list);
    const std::string first = one.list.empty() ? "" : one.list.front();
    check(list && list->contains(ip(one.address)) == one.inside, "networks: " + first + " " + one.address);
  }
  for (const char* bad : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8", "::/129",
                          "fe80::%lo/64", "10.0.0.0/8/8", "10.0.0.0/ 8", "x", "10.0.0.0/99999999999999999999"}) {
    check(!networks_of({"192.0.2.0/24", bad}), "networks: taken: '"s + bad + "'");
  }
  check(networks_of({"10.0.0.0/8", "10.1.0.0/16"}) == networks_of({"10.9.9.9/8"}), "networks: the same");
  check(networks_of({"10.128.0.0/9", "10.0.0.0/9"}) == networks_of({"10.0.0.0/8"}), "networks: two halves");
  check(networks_of({"::/0", "10.0.0.0/9"}) == networks_of({"::/0"}), "networks: all");
  check(networks_of({"10.0.0.0/8"}) != networks_of({"10.0.0.0/9"}), "networks: not the same");

  // Against the plain way.
  std::minstd_rand random(7);
  std::vector<std::string> texts;
  std::vector<std::pair<std::uint32_t, unsigned>> plain;
  for (int i = 0; i < 500; ++i) {
    const auto base = static_cast<std::uint32_t>(random() << 5 ^ random());
    const auto bits = static_cast<unsigned>(8 + random() % 25);
    const in_addr raw{htonl(base)};
    char text[INET_ADDRSTRLEN];
    texts.push_back(std::string(inet_ntop(AF_INET, &raw, text, sizeof text)) + "/" + std::to_string(bits));
    plain.emplace_back(base, bits);
  }
  check(!networks_of({"::/0"})->contains(Address{}), "networks: of no address");
  const Networks list = *networks_of(texts);
  int inside = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto number = static_cast<std::uint32_t>(random() << 5 ^ random());
    if (i % 2 == 0) number = plain[random() % plain.size()].first + static_cast<std::uint32_t>(random() % 3) - 1;
    const in_addr raw{htonl(number)};
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &raw, text, sizeof text);
    bool expected = false;
    for (const auto& [base, bits] : plain) expected = expected || (base ^ number) >> (32 - bits) == 0;
    inside += expected ? 1 : 0;
    check(list.contains(ip(text)) == expected, "networks: by lot: "s + text);
  }
  check(inside > 5000 && inside < 19'999, "networks: the lots are of both kinds");
}

// ---- PROXY headers

using Header = ProxyHeader::Verdict;

const std::string kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};

std::string v2(int command, int protocol, const std::string& body, int length = -1) {
  const auto size = length < 0 ? static_cast<int>(body.size()) : length;
  std::string out = kSignature;
  for (const int byte : {command, protocol, size >> 8, size & 255}) out += static_cast<char>(byte);
  return out + body;
}

const std::string kBody4{"\xc0\x00\x02\x01\xc6\x33\x64\x02\xdd\xd5\x01\xbb", 12};
const std::string kBody6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s + "\x20\x01\x0d\xb8"s +
                           std::string(11, '\0') + "\x02\xdd\xd5\x01\xbb"s;

struct ProxyCase {
  std::string bytes;
  Header verdict;
  const char* source;  // null: not addressed
  const char* destination;
};

std::vector<ProxyCase> proxy_cases() {
  const char* const a = "192.0.2.1:56789";
  const char* const b = "198.51.100.2:443";
  const char* const c = "[2001:db8::1]:56789";
  const char* const d = "[2001:db8::2]:443";
  const std::string mapped = std::string(10, '\0') + "\xff\xff\xc0\x00\x02\x01"s;
  return {
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 443\r\n", Header::done, a, b},
      {"PROXY TCP6 2001:db8::1 2001:db8::2 56789 443\r\n", Header::done, c, d},
      {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 56789 443\r\n", Header::done, a, b},
      {"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", Header::done, "0.0.0.0:0", "255.255.255.255:65535"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       Header::done, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"PROXY UNKNOWN\r\n", Header::done, nullptr, nullptr},
      {"PROXY UNKNOWN what ever \x01 comes\r\n", Header::done, nullptr, nullptr},
      {"PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", Header::done, nullptr, nullptr},
      {"PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 443\r", Header::more, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 443\rX", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 443\n" + std::string(80, 'x'), Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 443 \r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 443 1\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 65536\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 0443\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 -1\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.2  443\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4  192.0.2.1 198.51.100.2 56789 443\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 192.0.2.1 198.51.100.256 56789 443\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 2001:db8::1 2001:db8::2 56789 443\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP6 192.0.2.1 198.51.100.2 56789 443\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP6 fe80::1%lo fe80::2%lo 56789 443\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY UDP4 192.0.2.1 198.51.100.2 56789 443\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY \r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY TCP4 " + std::string(60, '1') + " 1.2.3.4 1 2\r\n", Header::malformed, nullptr, nullptr},
      {"PROXY\r\n", Header::malformed, nullptr, nullptr},
      {"proxy TCP4 192.0.2.1 198.51.100.2 56789 443\r\n", Header::malformed, nullptr, nullptr},
      {" PROXY TCP4 192.0.2.1 198.51.100.2 56789 443\r\n", Header::malformed, nullptr, nullptr},
      {"GET / HTTP/1.1\r\n\r\n", Header::malformed, nullptr, nullptr},
      {"\x16\x03\x01\x02"s, Header::malformed, nullptr, nullptr},
      {"P", Header::more, nullptr, nullptr},
      {"\r\n\r\n"s, Header::more, nullptr, nullptr},
      {kSignature, Header::more, nullptr, nullptr},
      {v2(0x21, 0x11, kBody4), Header::done, a, b},
      {v2(0x21, 0x21, kBody6), Header::done, c, d},
      {v2(0x21, 0x21, mapped + mapped + "\xdd\xd5\xdd\xd5"s), Header::done, a, a},
      {v2(0x21, 0x11, kBody4 + "\x04\x00\x03\x00\x00\x00"s), Header::done, a, b},
      {v2(0x21, 0x11, kBody4 + std::string(4096 - 28, '\xff')), Header::done, a, b},
      {v2(0x21, 0x11, kBody4 + std::string(4097 - 28, '\xff')), Header::malformed, nullptr, nullptr},
      {v2(0x21, 0x11, "", 65535), Header::malformed, nullptr, nullptr},
      {v2(0x21, 0x31, std::string(216, 'u')), Header::done, nullptr, nullptr},
      {v2(0x21, 0x32, std::string(216, 'u')), Header::done, nullptr, nullptr},
      {v2(0x21, 0x12, kBody4), Header::done, nullptr, nullptr},
      {v2(0x21, 0x00, ""), Header::done, nullptr, nullptr},
      {v2(0x21, 0x00, "abc"), Header::done, nullptr, nullptr},
      {v2(0x20, 0x00, ""), Header::done, nullptr, nullptr},
      {v2(0x20, 0x11, kBody4), Header::done, nullptr, nullptr},
      {v2(0x20, 0xff, "abc"), Header::done, nullptr, nullptr},
      {v2(0x21, 0x11, kBody4.substr(1)), Header::malformed, nullptr, nullptr},
      {v2(0x21, 0x21, kBody6.substr(1)), Header::malformed, nullptr, nullptr},
      {v2(0x21, 0x31, std::string(215, 'u')), Header::malformed, nullptr, nullptr},
      {v2(0x21, 0x41, std::string(216, 'u')), Header::malformed, nullptr, nullptr},
      {v2(0x21, 0x13, kBody4), Header::malformed, nullptr, nullptr},
      {v2(0x22, 0x11, kBody4), Header::malformed, nullptr, nullptr},
      {v2(0x11, 0x11, kBody4), Header::malformed, nullptr, nullptr},
      {v2(0x31, 0x11, kBody4), Header::malformed, nullptr, nullptr},
      {kSignature + "\x31"s, Header::malformed, nullptr, nullptr},
      {kSignature.substr(0, 11) + "X", Header::malformed, nullptr, nullptr},
      {v2(0x21, 0x11, kBody4, 13), Header::more, nullptr, nullptr},
  };
}

std::string printable(const std::string& bytes) {
  std::string out;
  for (const char byte : bytes.substr(0, 60)) {
    char text[8];
    std::snprintf(text, sizeof text, byte > 31 && byte < 127 ? "%c" : "\\x%02x", static_cast<unsigned char>(byte));
    out += text;
  }
  return out;
}

void proxy_headers() {
  for (const ProxyCase& one : proxy_cases()) {
    const std::string what = "proxy header: " + printable(one.bytes);
    const Exact exact(one.bytes);
    const ProxyHeader whole = parse_proxy_header(exact.view());
    check(whole.verdict == one.verdict, what);
    check(whole.addressed == (one.source != nullptr), what + ": addressed");
    if (whole.addressed && one.source != nullptr) {
      check(whole.source.text() == one.source && whole.destination.text() == one.destination,
            what + ": " + whole.source.text() + " " + whole.destination.text());
    }
    if (one.verdict == Header::done) {
      check(whole.size == one.bytes.size(), what + ": its size");
      const ProxyHeader longer = parse_proxy_header(Exact(one.bytes + "PROXY \r\n").view());
      check(longer.verdict == Header::done && longer.size == one.bytes.size(), what + ": what follows");
    }
    // Byte by byte: `more` until the verdict, and never another one afterwards.
    for (std::size_t size = 0; size < one.bytes.size(); ++size) {
      const Header part = parse_proxy_header(Exact(one.bytes.substr(0, size)).view()).verdict;
      const bool may = part == Header::more || (part == Header::malformed && one.verdict == Header::malformed);
      check(may, what + ": after " + std::to_string(size) + " bytes");
    }
  }
}

void built_headers() {
  struct Case {
    unsigned version;
    Address source;
    Address destination;
    std::string expected;
  };
  const Address a = ip("192.0.2.1", 56789);
  const Address b = ip("198.51.100.2", 443);
  const Address c = ip("2001:db8::1", 56789);
  const Address d = ip("2001:db8::2", 443);
  const Address longest = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
  const std::string all_f = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const Case cases[] = {
      {1, a, b, "PROXY TCP4 192.0.2.1 198.51.100.2 56789 443\r\n"},
      {1, c, d, "PROXY TCP6 2001:db8::1 2001:db8::2 56789 443\r\n"},
      {1, a, d, "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56789 443\r\n"},
      {1, longest, longest, "PROXY TCP6 " + all_f + " " + all_f + " 65535 65535\r\n"},
      {2, a, b, v2(0x21, 0x11, kBody4)},
      {2, c, d, v2(0x21, 0x21, kBody6)},
  };
  for (const Case& one : cases) {
    std::vector<char> out(kMostBuiltHeader);
    const std::size_t size = build_proxy_header(one.version, &one.source, &one.destination, out.data());
    const std::string made(out.data(), size);
    check(made == one.expected, "built header: " + printable(one.expected) + ": " + printable(made));
    const ProxyHeader read = parse_proxy_header(made);
    check(read.verdict == Header::done && read.source == one.source && read.destination == one.destination,
          "built header, read: " + printable(one.expected));
  }
  for (const unsigned version : {1u, 2u}) {
    char out[kMostBuiltHeader];
    const std::size_t size = build_proxy_header(version, nullptr, nullptr, out);
    const ProxyHeader read = parse_proxy_header({out, size});
    check(read.verdict == Header::done && !read.addressed && read.size == size, "built header: of nobody");
  }
}

// ---- ClientHello

using Hello = ClientHello::Verdict;

std::string number(std::size_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

std::string extension(std::size_t type, const std::string& body) {
  return number(type, 2) + number(body.size(), 2) + body;
}

std::string server_name(const std::string& name) {
  const std::string entry = '\0' + number(name.size(), 2) + name;
  return extension(0, number(entry.size(), 2) + entry);
}

const std::string kGrease = extension(0x0a0a, "") + extension(0x1a1a, "\0"s);

std::string hello_body(const std::string& extensions, const std::string& session = std::string(32, 's')) {
  return "\x03\x03" + std::string(32, 'r') + number(session.size(), 1) + session + number(6, 2) + "\x2a\x2a\x13\x01\x13\x02" +
         number(1, 1) + '\0' + extensions;
}

std::string with_extensions(const std::string& extensions) {
  return hello_body(number(extensions.size(), 2) + extensions);
}

std::string message(const std::string& body, int type = 1) { return static_cast<char>(type) + number(body.size(), 3) + body; }

std::string records(const std::string& bytes, std::size_t each) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += each) {
    const std::string part = bytes.substr(at, each);
    out += "\x16\x03\x01" + number(part.size(), 2) + part;
  }
  return out;
}

std::string hello(const std::string& extensions) { return records(message(with_extensions(extensions)), 16384); }

struct HelloCase {
  const char* what;
  std::string bytes;
  Hello verdict;
  std::string name;
};

std::vector<HelloCase> hello_cases() {
  const std::string key = extension(51, std::string(1216, 'k'));
  const std::string longest(255, 'a');
  const std::string plain = message(with_extensions(kGrease + key + server_name("Api.Example.COM") + key));
  const std::string cut = server_name("a.example.com");
  std::string other_type = cut;
  other_type[6] = 1;
  return {
      {"a name", records(plain, 16384), Hello::name, "api.example.com"},
      {"a name, in records of 100 bytes", records(plain, 100), Hello::name, "api.example.com"},
      {"a name, in records of one byte", records(plain, 1), Hello::name, "api.example.com"},
      {"a name without a session", records(message(hello_body(number(cut.size(), 2) + cut, "")), 16384), Hello::name,
       "a.example.com"},
      {"the longest name", hello(server_name(longest)), Hello::name, longest},
      {"a name that is too long", hello(server_name(longest + "a")), Hello::no_name, ""},
      {"a name of another type", hello(other_type), Hello::no_name, ""},
      {"no name among extensions", hello(kGrease + key), Hello::no_name, ""},
      {"extensions of no bytes", hello(""), Hello::no_name, ""},
      {"no extensions", records(message(hello_body("")), 16384), Hello::no_name, ""},
      {"not yet a name", records(plain, 16384).substr(0, 1000), Hello::more, ""},
      {"a record without its bytes", records(plain, 100).substr(0, 5), Hello::more, ""},
      {"nothing", "", Hello::more, ""},
      {"too long a message", records(message(with_extensions(extension(21, std::string(17'000, '\0')) + cut)), 16384),
       Hello::no_name, ""},
      {"too many bytes in short records", records(message(with_extensions(extension(21, std::string(9000, '\0')) + cut)), 1),
       Hello::no_name, ""},
      {"an empty name", hello(server_name("")), Hello::not_tls, ""},
      {"an empty list of names", hello(extension(0, number(0, 2))), Hello::not_tls, ""},
      {"a server_name of no bytes", hello(extension(0, "")), Hello::not_tls, ""},
      {"a name longer than its list", hello(extension(0, number(6, 2) + '\0' + number(4, 2) + "abc")), Hello::not_tls, ""},
      {"a list longer than its extension", hello(extension(0, number(7, 2) + '\0' + number(3, 2) + "abc")), Hello::not_tls, ""},
      {"an extension longer than the message", records(message(with_extensions(number(51, 2) + number(9, 2) + "x")), 16384),
       Hello::not_tls, ""},
      {"extensions longer than the message", records(message(hello_body(number(99, 2) + cut)), 16384), Hello::not_tls, ""},
      {"extensions shorter than the message", records(message(hello_body(number(3, 2) + cut)), 16384), Hello::not_tls, ""},
      {"half an extension", records(message(with_extensions("\0"s)), 16384), Hello::not_tls, ""},
      {"a message that ends in its random", records(message("\x03\x03rrr"), 16384), Hello::not_tls, ""},
      {"an empty message", records(message(""), 16384), Hello::not_tls, ""},
      {"too long a session", records(message(hello_body("", std::string(33, 's'))), 16384), Hello::not_tls, ""},
      {"a ServerHello", records(message(with_extensions(cut), 2), 16384), Hello::not_tls, ""},
      {"an empty record", "\x16\x03\x01\0\0"s, Hello::not_tls, ""},
      {"a record that is too long", "\x16\x03\x01\x40\x01"s, Hello::not_tls, ""},
      {"an alert within", records(plain, 100).substr(0, 105) + "\x15\x03\x01\0\x02\x02\x28"s, Hello::not_tls, ""},
      {"another major version", "\x16\x02"s, Hello::not_tls, ""},
      {"SSLv2", "\x80\x2e\x01\x03\x01"s, Hello::not_tls, ""},
      {"HTTP", "GET / HTTP/1.1\r\n", Hello::not_tls, ""},
      {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", Hello::not_tls, ""},
  };
}

void client_hellos() {
  for (const HelloCase& one : hello_cases()) {
    const std::string what = "client hello: "s + one.what;
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, one.bytes.size() + 1}) {
      ClientHello reader;
      Hello verdict = reader.feed("");
      for (std::size_t at = 0; at < one.bytes.size(); at += step) {
        const Hello next = reader.feed(Exact(one.bytes.substr(at, step)).view());
        check(verdict == Hello::more || verdict == next, what + ": another verdict");
        verdict = next;
      }
      check(verdict == one.verdict, what + ", " + std::to_string(step) + " at once");
      if (verdict == Hello::name) check(reader.name() == one.name, what + ": " + std::string(reader.name()));
      check(reader.feed("\x16") == verdict || verdict == Hello::more, what + ": final");
    }
  }
}

// ---- mutations

std::string mutated(std::string bytes, std::minstd_rand& random) {
  for (unsigned i = 0; i < 1 + random() % 4 && !bytes.empty(); ++i) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0: bytes[at] = static_cast<char>(random()); break;
      case 1: bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8); break;
      case 2: bytes.erase(at, 1 + random() % 3); break;
      case 3: bytes.insert(at, 1 + random() % 3, static_cast<char>(random())); break;
      default: bytes.resize(at); break;
    }
  }
  return bytes;
}

// However it is cut, the verdict is the same; a header that was read can be made again and read as the same.
void mutations(double seconds) {
  std::minstd_rand random(11);
  const std::vector<ProxyCase> headers = proxy_cases();
  const std::vector<HelloCase> hellos = hello_cases();
  int verdicts[2][4] = {};
  unsigned rounds = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    ++rounds;
    const std::string header = mutated(headers[random() % headers.size()].bytes, random);
    const ProxyHeader read = parse_proxy_header(Exact(header).view());
    ++verdicts[0][static_cast<int>(read.verdict)];
    check(read.size <= header.size(), "mutated header: " + printable(header));
    if (read.addressed) {
      char out[kMostBuiltHeader];
      const std::size_t size = build_proxy_header(1 + random() % 2, &read.source, &read.destination, out);
      const ProxyHeader again = parse_proxy_header({out, size});
      check(again.addressed && again.source == read.source && again.destination == read.destination,
            "mutated header, again: " + printable(header));
    }
    const std::string bytes = mutated(hellos[random() % hellos.size()].bytes, random);
    ClientHello whole;
    ClientHello parts;
    const Hello verdict = whole.feed(Exact(bytes).view());
    ++verdicts[1][static_cast<int>(verdict)];
    Hello last = Hello::more;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t step = 1 + random() % 300;
      last = parts.feed(Exact(bytes.substr(at, step)).view());
      at += step;
    }
    check(last == verdict && parts.name() == whole.name(), "mutated hello: " + printable(bytes));
  }
  for (int i = 0; i < 3; ++i) check(verdicts[0][i] > 0, "mutated headers: every verdict came");
  for (const int count : verdicts[1]) check(count > 0, "mutated hellos: every verdict came");
  std::printf("edge: %u mutations, headers %d/%d/%d, hellos %d/%d/%d/%d\n", rounds, verdicts[0][0], verdicts[0][1],
              verdicts[0][2], verdicts[1][0], verdicts[1][1], verdicts[1][2], verdicts[1][3]);
}

}  // namespace

bool drive_edge(double seconds);  // for drive.cc

bool drive_edge(double seconds) {
  networks();
  proxy_headers();
  built_headers();
  client_hellos();
  mutations(seconds);
  return g_failed == 0;
}
