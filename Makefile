# "make help" lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
BASE     ?= HEAD
FUZZTIME ?= 30s
BENCH    ?= Request
BENCHPKG ?= ./gen/bindgen
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
QCSD     ?= $(GO) run ./server/cmd/qcsd
DATABASE := ./server ./server/internal/registry ./server/internal/world # packages whose tests read QCS_TEST_DATABASE
NPM      := .ci/npm/node_modules/.package-lock.json
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: generate
generate: ## regenerate the code and JSON of the documents, the empty database, and the tables in the READMEs
	rm -f gen/apiserver/bound.gen.go # no generator replaces it when the project has no binders
	$(GO) generate . ./gen/...
	$(GO) test ./server/internal/store -count=1 -run '^TestEmptyDatabaseIsCurrent$$' -update
	$(GO) test ./server -count=1 -run '^TestReadmes$$' -update

.PHONY: check
check: ## fail when generated code or go.mod is stale
	@kept=$$(mktemp -d); trap 'rm -rf "$$kept"' EXIT; cp -a gen openapi "$$kept"; \
	rm -f gen/*/*.gen.go openapi/*.json; \
	if $(GO) generate . ./gen/... && diff -rq "$$kept/gen" gen && diff -rq "$$kept/openapi" openapi; then exit 0; fi; \
	rm -rf gen openapi; cp -a "$$kept/gen" "$$kept/openapi" .; \
	echo 'Generated code is stale: it does not match the documents. Run "make generate" and commit gen/ and openapi/*.json.' >&2; exit 1
	@$(GO) mod tidy -diff || { echo 'go.mod is not tidy: run "go mod tidy" and commit.' >&2; exit 1; }

.PHONY: build
build: ## build the daemon into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/qcsd ./server/cmd/qcsd

.PHONY: dist
dist: ## build static qcsd and qcs for five platforms, with checksums, into dist/
	rm -rf dist; mkdir dist
	for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do \
	  os=$${platform%/*}; arch=$${platform#*/}; suffix=; if [ "$$os" = windows ]; then suffix=.exe; fi; \
	  for command in server/cmd/qcsd client/cmd/qcs; do \
	    CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o "dist/$${command##*/}_$${os}_$$arch$$suffix" "./$$command"; \
	  done; \
	done
	cd dist && sha256sum qcs* > SHA256SUMS

.PHONY: image
image: ## build the container image for linux/amd64 and linux/arm64 into dist/image (OCI layout), without a container engine
	cd .ci/image && $(GO) run . -root ../.. -out ../../dist/image -version '$(VERSION)'

.PHONY: run
run: build ## start the emulator on 127.0.0.1:8080 with the samples of the release notes as data; the database is in .qcs/
	exec bin/qcsd --seed release-notes --welcome

.PHONY: npm
npm: $(NPM) ## install the npm packages of tests and linters into .ci/npm/node_modules

$(NPM): .ci/npm/package-lock.json | node
	cd .ci/npm && npm ci --ignore-scripts
	@touch $@

.PHONY: node
node:
	@type node npm > /dev/null 2>&1 || \
	if [ "$$(id -u)" = 0 ] && type apt-get > /dev/null 2>&1; then apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends nodejs npm; \
	else echo 'node and npm are missing: install Node.js 20.19 or later with npm, then run make again.' >&2; exit 1; fi

.PHONY: postgres
postgres: ## install PostgreSQL for the tests, unless it is installed or QCS_TEST_POSTGRES_URL names a server
	@[ -n "$${QCS_TEST_POSTGRES_URL:-}" ] || type initdb > /dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || compgen -G '/usr/pgsql-*/bin/initdb' > /dev/null || \
	if [ "$$(id -u)" = 0 ] && type apt-get > /dev/null 2>&1; then apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends postgresql; \
	else echo 'PostgreSQL is missing: install its server, or set QCS_TEST_POSTGRES_URL, then run make again.' >&2; exit 1; fi

.PHONY: nginx
nginx: ## install nginx for the tests of the emulator behind a proxy, unless it is installed
	@type nginx > /dev/null 2>&1 || [ -x /usr/sbin/nginx ] || \
	if [ "$$(id -u)" = 0 ] && type apt-get > /dev/null 2>&1; then apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends nginx; \
	else echo 'nginx is missing: install it, then run make again.' >&2; exit 1; fi

.PHONY: test
test: npm postgres nginx ## run all tests, those that need a database on SQLite and then on PostgreSQL
	$(GO) test ./... && QCS_TEST_DATABASE=postgres $(GO) test $(DATABASE)

.PHONY: race
race: npm postgres nginx ## run all tests with the race detector
	$(GO) test -race ./... && QCS_TEST_DATABASE=postgres $(GO) test -race $(DATABASE)

.PHONY: chaos
chaos: postgres ## kill the daemon 200 times on SQLite and replicas 50 times on PostgreSQL, and check that no work is lost or done twice
	QCS_CHAOS_KILLS=200 $(GO) test ./server/cmd/qcsd -count=1 -v -timeout 60m -run '^(TestChaosSQLite|TestKilledInMigrations)$$'
	QCS_CHAOS_KILLS=50 $(GO) test ./server/cmd/qcsd -count=1 -v -timeout 60m -run '^TestChaosPostgres$$'

.PHONY: fuzz
fuzz: ## fuzz the filter language and the binders, compare SQL with evaluation and binders with package contract, and send 100,000 hostile requests (FUZZTIME=30s)
	$(GO) test ./openapi/qql -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME)
	$(GO) test ./openapi/qql -run '^$$' -fuzz FuzzBuild -fuzztime $(FUZZTIME)
	$(GO) test ./server/internal/store -run TestWhereEqualsEval -rapid.checks=20000
	QCS_AGREE=100000 $(GO) test ./gen/bindgen -count=1 -v -run '^TestBindersAgreeWithTheReference$$'
	QCS_HOSTILE=100000 $(GO) test ./server -count=1 -v -timeout 60m -run '^TestHostileRequests$$'
	$(GO) test ./gen/bindgen -run '^$$' -fuzz FuzzBody -fuzztime $(FUZZTIME)
	$(GO) test ./gen/bindgen -run '^$$' -fuzz FuzzQuery -fuzztime $(FUZZTIME)

.PHONY: bench
bench: postgres ## run the benchmarks and compare the emulator with other servers (BENCHFLAGS='-readme server/README.md' writes the tables there)
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) run ./.ci/bench $(BENCHFLAGS)

.PHONY: bench-peers
bench-peers: node ## install the mock servers that "make bench" compares with the emulator
	cd .ci/peers && npm ci --ignore-scripts
	GOBIN='$(CURDIR)/.bench/bin' $(GO) install github.com/stripe/stripe-mock@v0.203.0

.PHONY: bench-compare
bench-compare: ## compare the benchmarks of the binders with those at BASE (a git revision)
	@folder=$$(mktemp -d); trap 'git worktree remove --force "$$folder/base"; rm -rf "$$folder"' EXIT; git worktree add --quiet --detach "$$folder/base" "$(BASE)"; \
	for tree in "$$folder/base" .; do (cd "$$tree" && $(GO) test -run '^$$' -bench '$(BENCH)' -count 6 $(BENCHPKG)) > "$$folder/$$([ "$$tree" = . ] && echo now || echo base).txt"; done; \
	$(GO) run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "$$folder/base.txt" "$$folder/now.txt"

.PHONY: lint
lint: npm ## run the linters on code, documents and workflows
	$(GO) tool -modfile=.ci/tools/go.mod golangci-lint run ./... ./.ci/bench/...
	$(GO) run $(ACTIONLINT) -shellcheck= -pyflakes=
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true .ci/npm/node_modules/.bin/redocly lint --config .ci/npm/redocly.yaml openapi/openapi.yaml openapi/control.yaml

.PHONY: breaking
breaking: ## print the changes of the documents since BASE (a git revision) that break clients; fail if there are any
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; failed=0; \
	git rev-parse --quiet --verify "$(BASE)^{commit}" > /dev/null || { echo 'BASE=$(BASE) is not a revision' >&2; exit 1; }; \
	for document in openapi/openapi.yaml openapi/control.yaml; do \
	  if ! git show "$(BASE):$$document" > "$$folder/base.yaml" 2> /dev/null; then echo "$$document: not in $(BASE), nothing to compare"; continue; fi; \
	  echo "$$document since $(BASE):"; \
	  if $(QCSD) diff "$$folder/base.yaml" "$$document"; then echo 'nothing breaks'; else failed=1; fi; \
	done; exit $$failed
