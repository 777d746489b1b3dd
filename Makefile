# Works as it is; ./configure only writes config.mk, which says where tools are.
-include config.mk

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
# The targets share folders and two cores; pip, pytest and mypy spread out by themselves.
.NOTPARALLEL:

# The interpreter to work with; tools/environment chooses one if this is empty. For another beside
# the usual one: make test PYTHON=python3.13 VENV=.tools/venv-3.13
export PYTHON
VENV ?= .tools/venv
BIN := $(CURDIR)/$(VENV)/bin
# buf.gen.yaml takes its plugins from the PATH.
export PATH := $(BIN):$(PATH)
export SHELLCHECK ?= shellcheck
# The go command; go/with-go looks for one if this is empty.
export GO

READY := $(VENV)/ready
# An environment knows its place: one whose checkout was moved is made anew.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif
GENERATED := python/oaktreemodel/v1/__init__.py
# Folders too: a file that is gone is newer than nothing.
PROTO := $(shell find proto/oaktreemodel third_party -type d -o -name '*.proto')
GENERATORS := buf.yaml buf.gen.yaml python/hatch_build.py tools/protoc-gen-grpc_python.py \
	$(wildcard tools/protoc-gen-oaktree/*.py tools/protoc-gen-oaktree/*.txt)

REPORTS := .tools/reports
PYTEST = mkdir -p $(REPORTS) && python -m pytest --junitxml=$(REPORTS)/$@.xml
# For tests that wait for the most part, each file's one after another.
BY_TWO := --numprocesses 2 --dist loadfile

TESTS := test-tools test-plugin test-python test-server test-go test-cpp conformance
CHECKS := lint lint-go lint-cpp breaking checkgenerate $(TESTS)

.PHONY: all help demo check lint lint-style lint-types lint-proto lint-shell lint-tree format \
	lint-go lint-cpp generate generate-go checkgenerate breaking release-image test $(TESTS) \
	devstack-up devstack-test devstack-conformance devstack-down bench dist \
	cpp install distcheck clean

all: cpp generate ## Build what this machine has the tools for

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' Makefile | sort | awk -F ':.*## ' '{ printf "%-15s %s\n", $$1, $$2 }'

demo: $(GENERATED) ## Try everything on made-up clouds; KEEP=1 leaves them running
	python demo/run.py $(if $(KEEP),--keep)

check: $(GENERATED) ## Run every gate and every test that needs no OpenStack
	+python tools/run_parts.py $(CHECKS)

lint: $(GENERATED) ## Check style, types and the API's rules
	+@$(MAKE) --no-print-directory --keep-going lint-style lint-types lint-proto \
		lint-shell lint-tree

lint-style: $(READY)
	ruff check .
	ruff format --check .

lint-types: $(GENERATED)
	tools/check-types

lint-proto: $(READY)
	buf lint
	buf format --diff --exit-code
	buf generate --template tools/buf.check.yaml

lint-shell: $(READY)
	tools/check-shell

lint-tree: $(READY)
	python tools/check_tree.py

lint-go: ## Check the Go client's style
	go/with-go $@ ./lint

lint-cpp: ## Check the C++ client's style
	cpp/with-cpp $@ ./lint

format: $(READY) ## Rewrite Python, Go and proto files in the one style
	ruff check --fix .
	ruff format .
	buf format -w
	go/with-go $@ gofmt -w . ../conformance/drivers/go ../bench/go
	cpp/with-cpp $@ ./format

generate: $(GENERATED) generate-go ## Write the code that follows from the proto tree

# In the environment's own package, for work in the tree; a wheel's build generates by itself.
$(GENERATED): $(READY) $(PROTO) $(GENERATORS)
	@echo "generating python/oaktreemodel/v1"
	@python python/hatch_build.py

# In the tree, and tracked: `go get` builds nothing.
generate-go: $(READY)
	@go/with-go $@ ./generate

checkgenerate: $(READY) ## Check that generating is repeatable, and that only Go's is tracked
	tools/check-generate
	go/with-go $@ ./check-generate

breaking: $(READY) ## Check that the API breaks nothing that was released
	tools/check-breaking

release-image: $(READY) ## Keep the API as it is now as a release's: VERSION=1.2.3
	tools/release-image "$(VERSION)"

test: $(GENERATED) ## Run every test that needs no OpenStack
	+python tools/run_parts.py $(TESTS)

test-tools: $(GENERATED) ## Test the gates and the documentation's examples
	$(PYTEST) tools/tests

test-plugin: $(READY) ## Test protoc-gen-oaktree
	$(PYTEST) tools/protoc-gen-oaktree/tests

test-python: $(GENERATED) ## Test the Python client
	$(PYTEST) $(BY_TWO) python/tests

test-server: $(GENERATED) ## Test the server on the embedded clouds
	$(PYTEST) $(BY_TWO) server/tests

test-go: $(GENERATED) ## Test the Go client
	mkdir -p $(REPORTS)
	OAKTREE=$(BIN)/oaktree go/with-go $@ ./test $(CURDIR)/$(REPORTS)/$@.xml

conformance: $(GENERATED) ## Hold every client to the same cases, on the embedded clouds
	$(PYTEST) conformance

# On the Python of the environment, which has what the generator needs, and its oaktree.
test-cpp: $(GENERATED) ## Test the C++ client, from the making of a release to its use
	mkdir -p $(REPORTS)
	PYTHON=$(BIN)/python OAKTREE=$(BIN)/oaktree cpp/with-cpp $@ ./test $(CURDIR)/$(REPORTS)/$@.xml

devstack-up: ## Start a real OpenStack on this machine: devstack/README.rst
	devstack/up

devstack-test: $(GENERATED) ## Test on the OpenStack that devstack-up started
	$(PYTEST) devstack/tests

devstack-conformance: $(GENERATED) ## Hold every client to what a real cloud can show, on that OpenStack
	$(PYTEST) conformance/test_cases.py --real

devstack-down: ## Stop that OpenStack
	devstack/down

bench: $(GENERATED) ## Measure, beside openstacksdk; writes bench/results.json
	python -m bench

dist: $(READY) ## Build wheels and sdists into dist/
	rm -rf dist
	python -m build --no-isolation --outdir dist python
	python -m build --no-isolation --outdir dist server

# Of the C++ library, once ./configure has made its Makefile; DESTDIR and its like go on to there.
cpp: ## Build the C++ library, if ./configure found what it needs
	+@if [ -e cpp/Makefile ]; then $(MAKE) -C cpp; fi

install distcheck: ## Install the C++ library, or try a release of it
	@[ -e cpp/Makefile ] || { echo "first: autoreconf -fi && ./configure --enable-cpp" >&2; exit 1; }
	+$(MAKE) -C cpp $@

clean: ## Remove everything that was made here
	if [ -e cpp/Makefile ]; then $(MAKE) -C cpp distclean; fi
	rm -rf cpp/configure cpp/configure~ cpp/aclocal.m4 cpp/autom4te.cache cpp/Makefile.in cpp/build-aux cpp/m4
	rm -rf .tools dist python/oaktreemodel/v1 configure aclocal.m4 autom4te.cache config.mk \
		config.log config.status
	find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): tools/environment tools/requirements.txt python/pyproject.toml server/pyproject.toml
	@tools/environment $(VENV)
	@echo $(CURDIR) > $@
