#!/bin/sh
# Builds the data plane, its parsers, the prober and the advert sender without Node, under ASan + UBSan and under TSan,
# and drives them on loopback for some seconds; then the fuzzers' corpora under ASan + UBSan.
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
core=$(ls ../src/*.cc | grep -v addon)
compile() {
  name=$1
  shift
  mkdir "$out/$name.o"
  for file in $core drive.cc drive_edge.cc drive_handshake.cc drive_sender.cc; do
    echo "g++ -std=c++20 -O1 -g1 -Wall -Wextra -fno-omit-frame-pointer -pthread $* -c $file -o $out/$name.o/$(basename "$file").o"
  done
}
link() {
  name=$1
  shift
  g++ "$@" -pthread "$out/$name.o"/*.o -o "$out/$name"
}
{
  compile address -fsanitize=address,undefined -fno-sanitize-recover=all
  compile thread -fsanitize=thread
} | xargs -P 2 -I{} sh -c '{}'
link address -fsanitize=address,undefined
link thread -fsanitize=thread
echo 'AddressSanitizer, UndefinedBehaviorSanitizer'
"$out/address" "${1:-2}"
echo ThreadSanitizer
TSAN_OPTIONS=halt_on_error=1 "$out/thread" "${1:-2}"
# What the fuzzers (../fuzz) keep: every input once more.
passed=2
for target in client_hello proxy_header networks handed engine; do
  cores=$(for file in $core; do echo "$out/address.o/$(basename "$file").o"; done)
  g++ -std=c++20 -O1 -g1 -Wall -Wextra -fno-omit-frame-pointer -pthread -fsanitize=address,undefined -fno-sanitize-recover=all \
    ../fuzz/$target.cc ../fuzz/replay.cc $cores -o "$out/$target"
  echo "fuzz/$target: $("$out/$target" ../fuzz/corpus/$target/*)"
  passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
