// A neighbour with another password: VRRP version 2 with PASS, many adverts a second.
//   neighbour IFACE EVERY_MS VRID PRIORITY PASSWORD ADDRESS DESTINATION...
// It sends to each destination (a group or a node, IPv4 or IPv6) with TTL 255 and listens to nobody.
#include <arpa/inet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char* what) {
  perror(what);
  exit(1);
}

static int open_socket(int family, const char* name, int index) {
  int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, 112);
  if (fd < 0) die("socket");
  int hops = 255, off = 0;
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) != 0) die("SO_BINDTODEVICE");
  if (family == AF_INET) {
    struct ip_mreqn mreq = {.imr_ifindex = index};
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq, sizeof mreq);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off);
    setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof hops);
  } else {
    int checksum = 6;
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
    setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops);
    setsockopt(fd, IPPROTO_IPV6, IPV6_CHECKSUM, &checksum, sizeof checksum);
  }
  return fd;
}

int main(int argc, char** argv) {
  if (argc < 8) return 2;
  int index = (int)if_nametoindex(argv[1]);
  if (index == 0) die(argv[1]);
  int family = strchr(argv[6], ':') != NULL ? AF_INET6 : AF_INET;
  size_t size = family == AF_INET ? 4 : 16;
  uint8_t advert[32] = {0x21, (uint8_t)atoi(argv[3]), (uint8_t)atoi(argv[4]), 1, 1, 1};
  if (inet_pton(family, argv[6], advert + 8) != 1) die(argv[6]);
  strncpy((char*)advert + 8 + size, argv[5], 8);
  size_t length = 8 + size + 8;
  uint32_t sum = 0;
  for (size_t i = 0; i < length; i += 2) sum += (uint32_t)(advert[i] << 8 | advert[i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  if (family == AF_INET) advert[6] = (uint8_t)(~sum >> 8), advert[7] = (uint8_t)~sum;
  int fd = open_socket(family, argv[1], index);
  for (unsigned long sent = 0;; sent++) {
    for (int i = 7; i < argc; i++) {
      struct sockaddr_in to4 = {.sin_family = AF_INET};
      struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)index};
      int ok = family == AF_INET ? inet_pton(AF_INET, argv[i], &to4.sin_addr) : inet_pton(AF_INET6, argv[i], &to6.sin6_addr);
      if (ok != 1) die(argv[i]);
      ssize_t done = family == AF_INET ? sendto(fd, advert, length, 0, (struct sockaddr*)&to4, sizeof to4)
                                       : sendto(fd, advert, length, 0, (struct sockaddr*)&to6, sizeof to6);
      if (done < 0 && sent == 0) die("sendto");
    }
    if (sent == 0) {
      puts("sending");
      fflush(stdout);
    }
    usleep((useconds_t)(atof(argv[2]) * 1000));
  }
}
