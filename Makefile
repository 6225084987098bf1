# SPDX-License-Identifier: Apache-2.0

ifneq ($(MAKECMDGOALS),clean)
GO := $(shell .ci/setup-go)
endif
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
export CGO_ENABLED ?= 0
export GOFLAGS := -buildvcs=false
export PATH := $(dir $(GO)):$(PATH)

.PHONY: build run test generate vm vm-all clean

build:
	@$(if $(GO),,exit 1)
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o build/sensor ./cmd/sensor

# ARGS goes to the sensor: make run ARGS="--kinds exec --format json"
run: build
	@exec build/sensor $(ARGS)

test:
	@$(if $(GO),,exit 1)
	@exec .ci/test

# Rebuilds the BPF objects, which are committed so that nobody else needs clang.
generate:
	@.ci/apt-install clang-19 llvm-19 libbpf-dev
	go generate ./internal/probes
	clang-19 --version | head -n 1 >internal/probes/clang-version

# The tests that depend on the kernel, in a virtual machine: make vm KERNEL=6.12, or KERNEL=path/to/bzImage.
KERNEL ?= 6.12
vm:
	@.ci/vm $(KERNEL)

vm-all:
	@.ci/vm

build/acts-%/acts: $(wildcard vmtests/acts/src/*) vmtests/acts/build.go
	@rm -rf $(@D)
	@go run ./vmtests/acts/compile $(@D) $(if $(filter arm64,$*),aarch64-linux-gnu-gcc,cc)

clean:
	rm -rf build
