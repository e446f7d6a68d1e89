# SPDX-License-Identifier: BSD-2-Clause
# A thin front: Meson and ninja build, the scripts do the rest. `make help` lists the targets.

PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=
FUZZ_SECONDS ?= 3600
TIERS ?=
TEST ?=
STEPS ?=
export TEST

BUILD := $(CURDIR)/build
export BIN := $(BUILD)/bin
export CACHE := $(BUILD)/cache

.PHONY: all windows dist demo test test-inputs test-chroot bench fuzz install clean help

all:
	@scripts/packages build
	@scripts/build release

windows:
	@scripts/packages windows
	@scripts/build windows-x64 windows-x86

dist:
	@scripts/packages dist
	@scripts/build release windows-x64 windows-x86
	@scripts/dist

demo:
	@scripts/packages demo
	@scripts/build release
	@WORK=$(BUILD)/demo BUILD=$(BUILD)/release scripts/demo

test:
	@scripts/packages test
	@scripts/test $(TIERS)

test-inputs:
	@scripts/inputs

test-chroot:
	@scripts/chroot $(STEPS)

bench:
	@scripts/packages bench
	@scripts/build release windows-x64 windows-x86
	@WORK=$(BUILD)/bench BUILD=$(BUILD)/release bench/run
	@WORK=$(BUILD)/bench BUILD=$(BUILD)/release bench/neighbour/run
	@WORK=$(BUILD)/bench BUILD=$(BUILD)/release bench/shares/run
	@WORK=$(BUILD)/bench BUILD=$(BUILD)/release bench/loops/run
	@WORK=$(BUILD)/bench bench/nbd/run
	@WORK=$(BUILD)/bench bench/windows/run

fuzz:
	@scripts/packages test
	@scripts/build fuzz
	@scripts/fuzz $(FUZZ_SECONDS)

install:
	@scripts/packages build
	@scripts/build --prefix="$(PREFIX)" --libdir="$(LIBDIR)" release
	@DESTDIR="$(DESTDIR)" scripts/install

clean:
	rm -rf $(BUILD)

help:
	@echo 'make                     build the programs (build/bin) and libraries (build/lib)'
	@echo 'make windows             cross-build driver, DLL and programs for Windows (build/windows)'
	@echo 'make dist                make what others install, in build/dist; scripts/dist --list'
	@echo 'make demo                a disk of our own, used by a real Linux kernel in a virtual machine'
	@echo 'make test                build and run every test'
	@echo '  TIERS="unit-asan lint"   only these groups of tests; scripts/test --list names them'
	@echo '  TEST=PATTERN             only the tests whose name contains PATTERN'
	@echo 'make test-inputs         fetch what some tests can do without, and skip then (build/inputs)'
	@echo 'make test-chroot         README and tutorial, followed in a bare Debian 12, as root;'
	@echo '  STEPS="demo install"     only these steps; scripts/chroot --help names them'
	@echo 'make bench               speed and cost: iSCSI beside tgtd, its latency beside a storm, Windows'
	@echo 'make fuzz                fuzz each target for FUZZ_SECONDS=$(FUZZ_SECONDS), on from what was found before'
	@echo 'make install             install below PREFIX=$(PREFIX), staged in DESTDIR;'
	@echo '                         libraries in its folder LIBDIR=$(LIBDIR)'
	@echo 'make clean               remove build/'
	@echo
	@echo 'Missing Debian packages are installed first; packaging/packages.txt lists them.'
