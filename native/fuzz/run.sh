#!/bin/sh
# Fuzzes native code with libFuzzer under ASan and UBSan (clang from Debian): run.sh [SECONDS [TARGET...]]
# What is found stays in corpus/TARGET as crash-* or timeout-*, and is run by `npm run test:sanitize` from then on.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- client_hello proxy_header networks handed engine
command -v clang++ >/dev/null || apt-get install -y -qq clang libclang-rt-14-dev >/dev/null
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags='-std=c++20 -O1 -g1 -fno-omit-frame-pointer -pthread -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
for file in $(ls ../src/*.cc | grep -v addon); do
  echo "clang++ $flags -c $file -o $out/$(basename "$file").o"
done | xargs -P 2 -I{} sh -c '{}'
failed=0
for target in "$@"; do
  clang++ $flags -fsanitize=fuzzer,address,undefined "$target.cc" "$out"/*.o -o "$out/$target"
  mkdir -p "corpus/$target" "$out/found-$target"
  size=4096
  [ "$target" = engine ] && size=603
  echo "== $target, $seconds s"
  # What is new goes beside the corpus, and of that as little as says the same into it.
  "$out/$target" -max_total_time="$seconds" -max_len="$size" -timeout=120 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="corpus/$target/" "$out/found-$target" "corpus/$target" >"$out/$target.log" 2>&1 || failed=1
  grep -E '(DONE|INITED) +cov|ERROR|not so|SUMMARY|runtime error' "$out/$target.log" || true
  grep -E '^Done|stat::(number|average)' "$out/$target.log" || true
  "$out/$target" -merge=1 "corpus/$target" "$out/found-$target" >/dev/null 2>&1 || failed=1
done
exit $failed
