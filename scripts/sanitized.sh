# What scripts/check-sanitizers and scripts/check-canaries share: the library and the programs, built
# with a sanitizer. Sourced, from the top of the tree; $check is the name of the script.
# shellcheck shell=bash disable=SC2034,SC2154
PATH=$PATH:$HOME/.cargo/bin

skip() {
    if [ "${CI:-}" = true ]; then
        echo "$check: with CI=true: $*" >&2
        exit 1
    fi
    echo "SKIP $check: $*" >&2
    exit 0
}

fail() {
    echo "$check: $*" >&2
    exit 1
}

[ "$(uname -s)" = Linux ] || skip "this works on Linux only"
command -v clang-19 >/dev/null || skip "clang-19 is not installed (scripts/setup test)"
command -v clang++-19 >/dev/null || skip "clang++-19 is not installed (scripts/setup test)"
for runtime in tsan asan; do
    compgen -G "$(clang-19 -print-resource-dir)/lib/*/libclang_rt.$runtime*.a" >/dev/null ||
        skip "the runtime of clang-19's sanitizers is not installed (scripts/setup test)"
done
# Suppressions name functions: without it none would match.
[ -x /usr/lib/llvm-19/bin/llvm-symbolizer ] || skip "llvm-19 is not installed (scripts/setup test)"
triple=$(rustc -vV | sed -n 's/^host: //p')
case $triple in
    x86_64-unknown-linux-gnu | aarch64-unknown-linux-gnu) ;;
    *) skip "no sanitizers for $triple" ;;
esac

folder=${CARGO_TARGET_DIR:-target}/sanitizers
mkdir -p "$folder"
output=$folder/output
cpp_programs="tasks scheduler coroutines stress"

# The suppressions. What event loops share, ours and tokio's, is kept in an Arc, since a waker has to
# be: the last owner orders itself after the others by a fence in the standard library, and
# ThreadSanitizer knows no fences.
cat >"$folder/suppressions" <<'END'
race:Arc<task_scheduling::loops::*>::drop_slow
race:Arc<tokio::runtime::*>::drop_slow
END
suppressions=$(cd "$folder" && pwd)/suppressions
export TSAN_OPTIONS="exitcode=66 suppressions=$suppressions print_suppressions=0"
export ASAN_OPTIONS="exitcode=67 detect_leaks=1 detect_stack_use_after_return=1"
export UBSAN_OPTIONS="print_stacktrace=1"
export STRESS_SECONDS=${STRESS_SECONDS:-300}

declare -A compile=(
    [thread]=-fsanitize=thread
    [address]="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
)

# build SANITIZER: the library, then the programs, with debug assertions, and with canaries that do not
# sing (src/canary.rs).
build() {
    local kind=$1 rust program c=${compile[$1]}
    case $kind in
        # Sanitizers misread the locks of the standard library, which is not built with them:
        # ts_checker takes others.
        thread)
            rust="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg ts_checker"
            ;;
        address)
            rust=-Zsanitizer=address
            ;;
    esac
    # The switch lets the stable compiler use sanitizers; what is built here goes nowhere else.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$rust --cfg ts_canary" \
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
        cargo rustc --quiet --lib --crate-type staticlib --release --target "$triple" --target-dir "$folder/$kind"
    for program in stress stress_async stress_hosts sanitizers breaking; do
        # shellcheck disable=SC2086 # flags are words
        clang-19 -std=c11 -Wall -Wextra -Werror -pedantic -O1 -g -fno-omit-frame-pointer $c -Iinclude \
            "tests/c/$program.c" -o "$folder/$kind/$program" \
            "$folder/$kind/$triple/release/libtask_scheduling.a" -lpthread -ldl -lm
    done
    # shellcheck disable=SC2086
    clang-19 -std=gnu11 -O1 -g $c -Iinclude -Itests/c tests/c/timeouts.c -o "$folder/$kind/timeouts" \
        "$folder/$kind/$triple/release/libtask_scheduling.a" -lpthread -ldl -lm
}

# build_cpp SANITIZER: the programs in C++, after build.
build_cpp() {
    local kind=$1 program c=${compile[$1]}
    for program in $cpp_programs sanitizers; do
        # shellcheck disable=SC2086
        clang++-19 -std=c++20 -Wall -Wextra -Werror -pedantic -O1 -g -fno-omit-frame-pointer $c \
            -Iinclude -Ibindings/cpp "tests/cpp/$program.cpp" -o "$folder/$kind/cpp_$program" \
            "$folder/$kind/$triple/release/libtask_scheduling.a" -lpthread -ldl -lm
    done
}

