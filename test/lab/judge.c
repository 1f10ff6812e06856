// Who owns an address, judged by who answers for it: judge IFACE PERIOD_MS ADDRESS...
// In each round it asks for each address (ARP; for IPv6 a neighbour solicitation) and notes which MACs answer before the
// next round. A line of JSON for each change, at the time of the first question that was answered so, and ten times a
// second one that says how far it has come. Monotonic milliseconds.
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kMostTargets = 16, kMostMacs = 4, kMac = 6 };

struct answers {
  int count;
  uint8_t macs[kMostMacs][kMac];
};

struct target {
  const char* text;
  int family;
  uint8_t address[16];
  uint8_t question[86];
  size_t length;
  struct answers now, told;
  int has_told;
};

static struct target targets[kMostTargets];
static int target_count;
static int arp_socket, ndp_socket, interface;
static uint8_t own_mac[kMac], own4[4], own6[16];

static void die(const char* what) {
  perror(what);
  exit(1);
}

static double now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static int open_socket(int protocol) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(protocol));
  if (fd < 0) die("socket");
  int size = 1 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = interface};
  if (bind(fd, (struct sockaddr*)&at, sizeof at) != 0) die("bind");
  return fd;
}

// Our own link-local address: /proc/net/if_inet6 is of this namespace.
static void find_own6(const char* name) {
  FILE* file = fopen("/proc/net/if_inet6", "r");
  char hex[33], device[IFNAMSIZ + 1];
  unsigned index, prefix, scope, flags;
  while (file != NULL && fscanf(file, "%32s %x %x %x %x %16s", hex, &index, &prefix, &scope, &flags, device) == 6) {
    if (scope != 0x20 || strcmp(device, name) != 0) continue;
    for (int i = 0; i < 16; i++) {
      unsigned byte;
      sscanf(hex + 2 * i, "%2x", &byte);
      own6[i] = (uint8_t)byte;
    }
    break;
  }
  if (file != NULL) fclose(file);
}

static void ask4(struct target* t) {
  uint8_t* q = t->question;
  memset(q, 0xff, 6);
  memcpy(q + 6, own_mac, 6);
  static const uint8_t head[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
  memcpy(q + 12, head, sizeof head);
  memcpy(q + 22, own_mac, 6);
  memcpy(q + 28, own4, 4);
  memset(q + 32, 0, 6);
  memcpy(q + 38, t->address, 4);
  t->length = 42;
}

static uint16_t checksum(const uint8_t* bytes, size_t length, uint32_t sum) {
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void ask6(struct target* t) {
  uint8_t* q = t->question;
  const uint8_t group[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, t->address[13], t->address[14], t->address[15]};
  const uint8_t mac[6] = {0x33, 0x33, 0xff, t->address[13], t->address[14], t->address[15]};
  memset(q, 0, 86);
  memcpy(q, mac, 6);
  memcpy(q + 6, own_mac, 6);
  q[12] = 0x86, q[13] = 0xdd, q[14] = 0x60, q[19] = 32, q[20] = 58, q[21] = 255;
  memcpy(q + 22, own6, 16);
  memcpy(q + 38, group, 16);
  q[54] = 135;
  memcpy(q + 62, t->address, 16);
  q[78] = 1, q[79] = 1;
  memcpy(q + 80, own_mac, 6);
  // Source and destination, then the message; length and next header are the rest of the pseudo-header.
  uint16_t sum = checksum(q + 22, 64, 32 + 58);
  q[56] = (uint8_t)(sum >> 8), q[57] = (uint8_t)sum;
  t->length = 86;
}

static void answered(int family, const uint8_t* address, const uint8_t* mac) {
  for (int i = 0; i < target_count; i++) {
    struct target* t = &targets[i];
    if (t->family != family || memcmp(t->address, address, family == AF_INET ? 4 : 16) != 0) continue;
    for (int m = 0; m < t->now.count; m++)
      if (memcmp(t->now.macs[m], mac, kMac) == 0) return;
    if (t->now.count < kMostMacs) memcpy(t->now.macs[t->now.count++], mac, kMac);
  }
}

static void read_answers(void) {
  uint8_t frame[2048];
  ssize_t got;
  while ((got = recv(arp_socket, frame, sizeof frame, 0)) > 0) {
    if (got >= 42 && frame[20] == 0 && frame[21] == 2 && memcmp(frame, own_mac, 6) == 0)
      answered(AF_INET, frame + 28, frame + 22);
  }
  while ((got = recv(ndp_socket, frame, sizeof frame, 0)) > 0) {
    // An advertisement that was asked for (S), to us: those that a new owner sends to everybody prove nothing.
    if (got >= 78 && frame[20] == 58 && frame[54] == 136 && (frame[58] & 0x40) && memcmp(frame, own_mac, 6) == 0)
      answered(AF_INET6, frame + 62, frame + 6);
  }
}

static int by_bytes(const void* left, const void* right) { return memcmp(left, right, kMac); }

static void tell(struct target* t, double at) {
  qsort(t->now.macs, (size_t)t->now.count, kMac, by_bytes);
  int same = t->has_told && t->now.count == t->told.count &&
             memcmp(t->now.macs, t->told.macs, (size_t)t->now.count * kMac) == 0;
  if (!same) {
    printf("{\"vip\":\"%s\",\"at\":%.3f,\"macs\":[", t->text, at);
    for (int i = 0; i < t->now.count; i++) {
      const uint8_t* m = t->now.macs[i];
      printf("%s\"%02x:%02x:%02x:%02x:%02x:%02x\"", i > 0 ? "," : "", m[0], m[1], m[2], m[3], m[4], m[5]);
    }
    puts("]}");
  }
  t->told = t->now;
  t->has_told = 1;
  t->now.count = 0;
}

static void wait_until(double at_ms) {
  struct timespec at = {.tv_sec = (time_t)(at_ms / 1e3)};
  at.tv_nsec = (long)((at_ms - (double)at.tv_sec * 1e3) * 1e6);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
  }
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  interface = (int)if_nametoindex(argv[1]);
  if (interface == 0) die(argv[1]);
  double period = atof(argv[2]);
  arp_socket = open_socket(ETH_P_ARP);
  ndp_socket = open_socket(ETH_P_IPV6);
  struct ifreq request = {0};
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  int any = socket(AF_INET, SOCK_DGRAM, 0);
  if (ioctl(any, SIOCGIFHWADDR, &request) != 0) die("SIOCGIFHWADDR");
  memcpy(own_mac, request.ifr_hwaddr.sa_data, 6);
  if (ioctl(any, SIOCGIFADDR, &request) == 0)
    memcpy(own4, &((struct sockaddr_in*)&request.ifr_addr)->sin_addr, 4);
  find_own6(argv[1]);
  for (int i = 3; i < argc && target_count < kMostTargets; i++) {
    struct target* t = &targets[target_count++];
    t->text = argv[i];
    t->family = strchr(argv[i], ':') != NULL ? AF_INET6 : AF_INET;
    if (inet_pton(t->family, argv[i], t->address) != 1) die(argv[i]);
    if (t->family == AF_INET) ask4(t);
    else ask6(t);
  }
  // It sleeps nearly all the time; what it measures must not be its own waiting for a CPU.
  struct sched_param priority = {.sched_priority = 20};
  sched_setscheduler(0, SCHED_RR, &priority);
  mlockall(MCL_CURRENT | MCL_FUTURE);
  double tick = now_ms(), asked = 0, late = 0, told = 0;
  for (;;) {
    wait_until(tick);
    double at = now_ms();
    if (asked > 0) {
      read_answers();
      for (int i = 0; i < target_count; i++) tell(&targets[i], asked);
      if (at - tick > late) late = at - tick;
      if (at - told >= 100) {
        printf("{\"at\":%.3f,\"late\":%.3f}\n", at, late);
        told = at, late = 0;
      }
      if (fflush(stdout) != 0) return 1;
    }
    asked = now_ms();
    for (int i = 0; i < target_count; i++) {
      struct target* t = &targets[i];
      send(t->family == AF_INET ? arp_socket : ndp_socket, t->question, t->length, 0);
    }
    tick += period;
    if (tick < asked) tick = asked + period;
  }
}
