# make help lists the targets. Each one does its own set-up.

export PATH := $(PATH):$(HOME)/.cargo/bin

TARGET := $(or $(CARGO_TARGET_DIR),target)
DIR ?= /usr/share
CFLAGS ?= -O2 -g
STRICT := -std=c11 -Wall -Wextra -Werror -pedantic
LIBRARY := $(TARGET)/release/libtask_scheduling.a
# What the static library needs besides it; a test compares it with what rustc names.
NATIVE := $(file <packaging/native-libraries)
PREFIX ?= /usr/local

.PHONY: build install uninstall dist demo test test-go test-hosts check-models check-sanitizers check-canaries check-fuzz check-faults check-deep check-speed coverage bench header abi docs reference clean help setup-build setup-test setup-hosts setup-bench setup-coverage

# With the library as bindings/go links it.
build: setup-build
	@cargo build --release
	@scripts/go-archive $(LIBRARY)

# What is built is installed: root may have no cargo.
install: $(if $(wildcard $(LIBRARY)),,build)
	@PREFIX='$(PREFIX)' scripts/install install
	@echo "installed below $(DESTDIR)$(PREFIX)"

uninstall:
	@PREFIX='$(PREFIX)' scripts/install uninstall

# One archive that needs no Rust where it is used.
dist: build
	@scripts/dist

test-go: setup-test
	cargo test --test go

demo: build build/treesum
	build/treesum '$(DIR)' || [ $$? -eq 1 ]	# 1: a file could not be read, and the totals say which

build/treesum: $(wildcard examples/*.c examples/*.h) include/task_scheduling.h $(LIBRARY)
	@mkdir -p build
	$(CC) $(STRICT) $(CFLAGS) -Iinclude examples/treesum.c -o $@ $(LIBRARY) $(NATIVE)

$(LIBRARY): build ;

test: setup-test
	cargo fmt --check
	cargo fmt --check --manifest-path benches/peers/rust/Cargo.toml
	# What an include brings in cargo does not see.
	rustfmt --edition 2024 --check tests/models/modules.rs
	cargo clippy --all-targets -- -D warnings
	scripts/check-format
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
	cargo test
	$(MAKE) --no-print-directory check-models
	scripts/check-sanitizers
	scripts/check-canaries
	scripts/check-fuzz 5
	scripts/check-faults
	@echo "make test: all passed"

# In and against what the world runs. One after the other: they print figures.
test-hosts: setup-hosts
	TS_HOSTS=1 cargo test --test hosts -- --nocapture --test-threads=1

check-sanitizers: setup-test
	scripts/check-sanitizers

check-canaries: setup-test
	scripts/check-canaries

# An hour or more, on an idle machine.
check-deep: setup-test setup-coverage
	scripts/check-deep

# Part of check-deep.
coverage: setup-test setup-coverage
	scripts/coverage

check-fuzz: setup-test
	scripts/check-fuzz

check-faults: setup-test
	scripts/check-faults

# Built apart, and quickly: what is modelled is small.
check-models: export LOOM_MAX_PREEMPTIONS ?= 3
check-models: export CARGO_PROFILE_RELEASE_LTO = off
check-models: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS = 16
check-models: setup-build
	# With canaries that do not sing, so that check-canaries finds it built.
	RUSTFLAGS="--cfg ts_loom --cfg ts_canary" cargo test --release --test loom --target-dir $(TARGET)/models
	RUSTFLAGS="--cfg ts_shuttle" cargo test --release --test shuttle --target-dir $(TARGET)/models

bench: setup-bench
	benches/run

# Our figures beside those of peers in the same minute, against benches/peers/limits.json.
check-speed: setup-bench
	@cargo build --release
	benches/peers/compare --check

header: setup-test
	TS_UPDATE=1 cargo test --test header
	cp include/task_scheduling.h bindings/go/

abi: setup-test
	TS_UPDATE=1 cargo test --test abi what_programs_rely_on

docs: setup-test
	@mkdir -p docs
	TS_UPDATE=1 cargo test --lib the_files_in_docs
	TS_UPDATE=1 cargo test --test everywhere the_page_shows_the_table
	@$(MAKE) --no-print-directory reference

# Pages of the header, by doxygen.
reference: setup-test
	@mkdir -p build
	doxygen docs/reference/Doxyfile
	@echo "build/reference/html/index.html"

clean:
	cargo clean
	rm -rf build

help:
	@echo "make                  the release library: $(LIBRARY) and .so, and what bindings/go links"
	@echo "make install          header, libraries, pkg-config and CMake files below PREFIX ($(PREFIX)); DESTDIR, LIBDIR, INCLUDEDIR"
	@echo "make uninstall        takes them away again"
	@echo "make dist             an archive of all that, and of licences, in build/"
	@echo "make demo [DIR=...]   checksums of the files below DIR ($(DIR)), by examples/treesum.c"
	@echo "make test             formatting, lints, and every test"
	@echo "make test-go          the tests of bindings/go (part of make test)"
	@echo "make test-hosts       in real hosts: libuv, SDL2, epoll under wrk, a module of nginx; examples against servers"
	@echo "make check-sanitizers random calls, and the C++ tests, on a library built with sanitizers; part of make test"
	@echo "make check-canaries   faults put in on purpose, each found by the check that should; part of make test"
	@echo "make check-deep       all checks with their full figures: an hour or more"
	@echo "make check-fuzz       inputs that coverage guides, for 20 seconds each; part of make test, for 5"
	@echo "make check-faults     random calls while system calls end early or come late; part of make test"
	@echo "make check-models     the hand-offs between threads, in every order (part of make test)"
	@echo "make check-speed      whether ours got slower beside its peers: half a minute, or longer when it doubts"
	@echo "make coverage         lines of src that no test reaches: each has its reason in tests/coverage/unreached.txt"
	@echo "make bench            what a task costs, beside peers, and as work grows: a quarter of an hour"
	@echo "make header           writes include/task_scheduling.h anew, and its copy in bindings/go"
	@echo "make abi              writes abi/task_scheduling.abi anew: with a release, and never else"
	@echo "make docs             writes docs/task_scheduling.yaml, configuration.md and callbacks.md anew, and the reference"
	@echo "make reference        pages of the header, by doxygen: build/reference/html/index.html"
	@echo "make clean            removes what was built"

setup-build:
	@scripts/setup build

setup-test:
	@scripts/setup build test

setup-hosts:
	@scripts/setup build hosts

setup-bench:
	@scripts/setup build bench

setup-coverage:
	@scripts/setup build coverage
