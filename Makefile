# make demo   the main job, shown on a private relay host on loopback
# make test   everything that proves the promises; real Postfix and gpg included
# make campaign KILLS=1000 SEED=1
#             mail under kill -9 and every other fault; fails if anything was lost, shown or sent twice
# make corpus CORPUS=DIR
#             a folder of mail and certificates, sealed and imported, and judged by gpg; fails if anything was changed or shown
# make interop   real mail programs read what is composed; fails unless docs/interop.md has what came out (UPDATE=1 writes it)
# make bench   what sealing costs, side by side with go-crypto, gpg, sq and rnp, in a quarter of an hour (UPDATE=1 writes it to
#             docs/performance.md)
# make deb    a Debian package of this machine's architecture in bin/
# make release   static programs and Debian packages for amd64 and arm64 in bin/release, with what they are made of and checksums
# make deb-test  packages are installed, upgraded and purged on a real Debian, and live under its systemd; the page on databases is followed
#             beside a PostgreSQL; the container image is built and run; the program for arm64 serves a real Postfix, emulated; a
#             release is built twice and compared, octet for octet
# make vet    gofmt, vet, staticcheck
# make lint   the same, and govulncheck

GO          ?= go
KILLS       ?= 100
SEED        ?= 1
CORPUS      ?= internal/lab/corpus/testdata
CORPUSFLAGS ?=
BENCHFLAGS  ?=
# Tests of keys/ that do not care which database there is.
NO_DATABASE  = GnuPG|Resolver|Fetch|LDAP|DANE|WKD|VKS|HKP|Hosts|Remote|Locked
# They begin first, so that none of them is left to run alone at the end.
LONGEST      = ./internal/lab/pages ./deploy/... ./cmd/... ./keys ./crypto ./internal/gate ./internal/lab/scripted
# The race detector does not watch SQLite, which is translated from C and keeps its memory to itself: that would take half of the
# processors' time. It has to watch all else: a package with generic functions could bring them to others, unwatched. The
# programs that tests build are built in the same way.
TESTFLAGS    = GOFLAGS="$$($(GO) env GOFLAGS) -gcflags=modernc.org/sqlite/lib=-race=false"
STATICCHECK  = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK  = $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: build demo test campaign corpus interop bench deb release deb-test vet lint tools

build:
	$(GO) build -trimpath -o bin/ ./cmd/sealmilter

demo: build
	bin/sealmilter demo

# Packages that start mail servers wait more than they compute, so twice as many as there are processors run side by side, and
# beside them those of keys/ once more, with a PostgreSQL database.
test: tools
	@export $(TESTFLAGS); \
		SEALMILTER_TEST_DATABASE=postgresql $(GO) test -race -vet=off -shuffle=on -timeout 30m -skip '$(NO_DATABASE)' ./keys & second=$$!; \
		$(GO) test -race -vet=off -shuffle=on -timeout 30m -p $$((2 * $$(nproc))) $(LONGEST) ./...; first=$$?; \
		wait $$second && exit $$first

campaign: tools
	$(GO) run ./internal/lab/campaign/run -kills $(KILLS) -seed $(SEED)

# -v in CORPUSFLAGS tells what was refused and why, -json prints a line for each file.
corpus: tools
	@$(GO) run ./internal/lab/corpus/run $(CORPUSFLAGS) $(CORPUS)

interop: tools
	$(GO) run ./internal/lab/interop/run $(if $(UPDATE),-update)

# BENCHFLAGS: -quick takes seconds, -only REGEXP measures a part, -json prints one JSON object in the place of tables.
bench: tools
	@$(GO) run ./internal/lab/bench/run $(if $(UPDATE),-update docs/performance.md) $(BENCHFLAGS)

# MAINTAINER="Name <address>" answers for the package in the place of who made the last commit.
deb:
	@rm -f bin/sealmilter_*.deb
	@$(GO) run ./deploy/release/run -deb $(if $(MAINTAINER),-maintainer "$(MAINTAINER)")

release:
	@$(GO) run ./deploy/release/run -o bin/release -arch amd64,arm64 $(if $(MAINTAINER),-maintainer "$(MAINTAINER)")

deb-test: tools
	SEALMILTER_TEST_RELEASE=1 $(GO) test -count=1 -timeout 30m -run '^TestHostBoots$$' ./internal/lab
	SEALMILTER_TEST_RELEASE=1 $(GO) test -count=1 -timeout 30m ./deploy/bom ./deploy/container ./deploy/debian ./deploy/release
	SEALMILTER_TEST_RELEASE=1 $(GO) test -count=1 -timeout 30m -run TestDatabaseServer ./internal/lab/pages

vet: tools
	@fmt=$$(gofmt -l .); test -z "$$fmt" || { echo "gofmt would change:"; echo "$$fmt"; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...

lint: vet
	$(GOVULNCHECK) ./...

# The race detector needs a C compiler, the tests of crypto/ and keys/ the real gpg and openssl, and those of the lab ps and pgrep.
tools:
	@command -v gcc >/dev/null && command -v gpg >/dev/null && command -v gpg-agent >/dev/null && command -v openssl >/dev/null && command -v pgrep >/dev/null || \
		{ apt-get update -q && apt-get install -q -y --no-install-recommends gcc libc6-dev gpg gpg-agent gpgconf openssl procps; }
