# The commands of this project. `make help` lists them.
SHELL := /bin/bash
GO ?= go
export CGO_ENABLED ?= 0

.PHONY: help
help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: build
build:  ## build ./bin/cairn
	@mkdir -p bin
	$(GO) build -trimpath -o bin/cairn ./cmd/cairn

.PHONY: demo
demo: build  ## start four hospitals on this machine, until Ctrl-C
	@./bin/cairn demo

.PHONY: check
check: build  ## the whole main job as a self-test
	@./bin/cairn demo --check

.PHONY: tools
tools:  ## install what the tests need and this machine lacks
	@./test/tools.sh

.PHONY: test
test: tools build  ## everything: vet, unit, wall, network and browser-side tests
	$(GO) vet ./...
	$(GO) test ./... -timeout 30m

.PHONY: conformance
conformance:  ## all official examples: their invariants, search parameters against general FHIRPath, built-in profiles, tables against their generators
	CAIRN_ALL_EXAMPLES=1 $(GO) test ./fhir/fhirpath -run 'Invariants|Agree' -v -timeout 30m
	CAIRN_ALL_EXAMPLES=1 $(GO) test ./fhir/judge -run Official -v -timeout 30m
	CAIRN_ALL_EXAMPLES=1 $(GO) test ./fhir/profile ./fhir/guide -run Generated -v -timeout 30m

.PHONY: lint
lint:  ## static analysis, at a pinned version
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...

.PHONY: fuzz
fuzz:  ## every fuzz target for a short while
	@./test/fuzz.sh 10s

.PHONY: fuzz-long
fuzz-long:  ## every fuzz target for ten minutes
	@./test/fuzz.sh 10m

.PHONY: bench
bench: build  ## measure this machine
	@./bin/cairn bench
