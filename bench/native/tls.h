// A socket that may speak TLS. Full handshakes only: no tickets, no session cache.
#pragma once
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "common.h"

namespace load {

inline SSL_CTX* client_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);  // what is measured is the proxy's, and it sees no certificate
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  return context;
}

inline SSL_CTX* server_context(const std::string& cert, const std::string& key) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) != 1) fail("cannot read the certificate " + cert);
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) fail("cannot read the key " + key);
  return context;
}

/** Owns its descriptor. `read` and `write` are as recv and send: -1 with EAGAIN where they would block. */
struct Wire {
  int fd = -1;
  SSL* ssl = nullptr;

  void close() noexcept {
    if (ssl != nullptr) SSL_free(ssl);
    ssl = nullptr;
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  ssize_t read(void* into, std::size_t size) noexcept {
    if (ssl == nullptr) return ::recv(fd, into, size, 0);
    return result(SSL_read(ssl, into, static_cast<int>(size)));
  }
  ssize_t write(const void* from, std::size_t size) noexcept {
    if (ssl == nullptr) return ::send(fd, from, size, MSG_NOSIGNAL);
    return result(SSL_write(ssl, from, static_cast<int>(size)));
  }

 private:
  ssize_t result(int done) noexcept {
    if (done > 0) return done;
    switch (SSL_get_error(ssl, done)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
      case SSL_ERROR_ZERO_RETURN: return 0;
      case SSL_ERROR_SYSCALL:
        if (errno == 0) return 0;
        return -1;
      default:
        // OpenSSL 3 calls an end without close_notify an error of the protocol.
        const bool is_end = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
        ERR_clear_error();
        if (is_end) return 0;
        errno = EPROTO;
        return -1;
    }
  }
};

}  // namespace load
