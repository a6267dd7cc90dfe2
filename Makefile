# Everything a person or the CI does here. The local stack is `zixly`, built from localstack/.
.DEFAULT_GOAL := help
.PHONY: help setup check command demo up down test chaos bench bench-compare bench-sustained bench-large bench-dashboard cost screenshots fuzz lint audit fmt build sbom plan deploy

ZIXLY := $(or $(CARGO_TARGET_DIR),target)/debug/zixly
TOOLS := PATH="$(CURDIR)/.local/venv/bin:$$PATH"
DENY := .local/cargo-deny-0.20.2/bin/cargo-deny
IS_AWS := [ "$(ENV)" = aws ] || { echo "Say ENV=aws; the local environment is deployed by \`make up\`." >&2; exit 2; }
CYCLONEDX := .local/cargo-cyclonedx-0.5.9/bin
PACKAGES := $(foreach function,webhook worker scheduler dashboard realtime admin,--package zixly-$(function))
# A driver of our own, since the local AWS's gateway would measure itself; optimised, since it shares the processors.
SPEED := FUNCTIONS=$(CURDIR)/target/bench $(ZIXLY) services -- \
	cargo test --profile chaos --quiet --package zixly-localstack --test speed
FUZZ := .local/cargo-fuzz-0.13.2/bin

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-16s %s\n' "$$name" "$$text"; done

setup: ## Check what this machine must have, install the rest under .local/
	@localstack/setup.sh

check: setup ## Compile everything without building it
	cargo check --workspace --all-targets

demo: command ## Start the stack and let a paid Xero invoice update HubSpot
	@$(ZIXLY) demo

up: command ## Start the stack, or find it running
	@$(ZIXLY) up

down: command ## Stop the stack and forget its data
	@$(ZIXLY) down

test: setup ## Run all tests, on a real PostgreSQL, PgBouncer and local AWS
	@$(TOOLS) npm test --silent --prefix functions/dashboard/web
	cargo test --workspace --no-run
	@$(ZIXLY) test-terraform
	$(ZIXLY) services -- cargo test --workspace --no-fail-fast

# The functions as their own tests build them: those can be killed at a named point.
chaos: command ## Break everything under 10,000 deliveries, as SEED says (the time): nothing is lost, nothing done twice
	cargo test --profile chaos --no-run --package zixly-localstack --package zixly-webhook --package zixly-worker --package zixly-scheduler
	@SEED=$(or $(SEED),$(shell date +%s)) DELIVERIES=$(or $(DELIVERIES),10000) \
		$(ZIXLY) services -- cargo test --profile chaos --quiet --package zixly-localstack --test chaos

bench: bench-functions ## Measure the functions as they are deployed, beside what PostgreSQL can do at the most, and write docs/benchmarks.md
	@RUN=table REPORT=$(CURDIR)/docs/benchmarks.md $(SPEED)

bench-compare: command ## Measure the commit BASE and the working tree in turn, twice each, and print the ratios
	@BASE=$(BASE) localstack/bench-compare.sh $(abspath $(ZIXLY))

bench-sustained: bench-functions ## Deliver RATE (3000) a second for SECONDS (600): nothing lost, nothing grown; docs/benchmarks-sustained.md
	@RUN=sustained RATE=$(or $(RATE),3000) SECONDS=$(or $(SECONDS),600) REPORT=$(CURDIR)/docs/benchmarks-sustained.md $(SPEED)

bench-large: bench-functions ## Hold a delivery beside JOBS (10,000,000) stored jobs against one beside 1,000; docs/benchmarks-large.md
	@RUN=large JOBS=$(or $(JOBS),10000000) REPORT=$(CURDIR)/docs/benchmarks-large.md $(SPEED)

# With one that does nothing beside them. Not in the list: nobody needs it alone.
bench-functions: command
	$(TOOLS) cargo lambda build --release --lambda-dir target/bench $(PACKAGES) --package zixly-noop

bench-dashboard: command ## Measure the dashboard over 10,000,000 jobs, and show the plans that make it quick
	cargo test --no-run --package zixly-localstack --package zixly-dashboard
	@JOBS=$(or $(JOBS),10000000) $(ZIXLY) services -- cargo test --quiet --package zixly-localstack --test dashboard_speed

cost: command ## Compute what a million webhooks and a million jobs cost, from a run of DELIVERIES (1000) and localstack/cost/prices.json
	cargo build --package zixly-worker
	@DELIVERIES=$(or $(DELIVERIES),1000) $(ZIXLY) services -- cargo test --quiet --package zixly-localstack --test cost

screenshots: command ## Take the README's pictures of the dashboard once more, of a stack with the demo's jobs
	SPEC=looks cargo test --quiet --package zixly-localstack --test dashboard
	@mkdir -p docs/screenshots
	@cd .local/screenshots && cp jobs-dark.png jobs-phone.png ../../docs/screenshots
	@for view in overview job; do cp .local/screenshots/$$view-light.png docs/screenshots/$$view.png; done

fuzz: setup $(FUZZ)/cargo-fuzz ## Fuzz each verifier and parser of deliveries for SECONDS (60); needs a nightly Rust
	@PATH="$(CURDIR)/$(FUZZ):$$PATH" shared/webhooks/fuzz/run.sh $(or $(SECONDS),60)

$(FUZZ)/cargo-fuzz:
	cargo install --locked --root $(CURDIR)/.local/cargo-fuzz-0.13.2 cargo-fuzz@0.13.2

lint: command $(DENY) ## Formatting, clippy, rustdoc, dependencies and their licences, Terraform; warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	$(DENY) check bans licenses sources
	$(ZIXLY) lint-terraform
	if command -v shellcheck >/dev/null; then shellcheck .ci/run localstack/bench-compare.sh localstack/setup.sh terraform/audit.sh terraform/deploy.sh shared/webhooks/fuzz/run.sh; fi

audit: command .local/checkov/.stamp ## Plan environments/aws without an account, and hold plan and modules against checkov's rules and our own
	@$(ZIXLY) services -- terraform/audit.sh

# 290 MB, and of use to nobody else. The stamp is written last, so what was broken off is begun anew.
.local/checkov/.stamp: terraform/audit-requirements.txt | setup
	.local/venv/bin/python -m venv --clear .local/checkov
	.local/checkov/bin/pip install --quiet --disable-pip-version-check --requirement terraform/audit-requirements.txt
	@touch $@

# Shows what it compiles, which takes minutes the first time. Not in the list: nobody needs it alone.
command: setup
	@cargo build --package zixly-localstack --package zixly-simulator

# From source, once, in about three minutes.
$(DENY):
	cargo install --locked --root $(CURDIR)/.local/cargo-deny-0.20.2 cargo-deny@0.20.2

fmt: ## Format Rust and Terraform
	cargo fmt --all
	terraform fmt -recursive terraform

build: setup ## Build the functions' zips for AWS (arm64, or x86-64 as ARCH says) and see that none is above 4 MB
	$(TOOLS) cargo lambda build --release --$(or $(ARCH),arm64) --output-format zip \
		$(PACKAGES)
	@find target/lambda -name bootstrap.zip -size +3906k -exec echo "too large, more than 4 MB:" {} + | { ! grep .; }

sbom: $(CYCLONEDX)/cargo-cyclonedx ## List what each function is made of, as CycloneDX, in target/sbom
	@rm -rf target/sbom && mkdir -p target/sbom
	$(CYCLONEDX)/cargo-cyclonedx cyclonedx --format json --spec-version 1.5 --target aarch64-unknown-linux-gnu --quiet
	@mv functions/*/zixly-*.cdx.json target/sbom && find localstack shared -name 'zixly-*.cdx.json' -delete

$(CYCLONEDX)/cargo-cyclonedx:
	cargo install --locked --root $(CURDIR)/.local/cargo-cyclonedx-0.5.9 cargo-cyclonedx@0.5.9

plan: ## Show what deploying to AWS would change; ENV=aws, NAME=production
	@$(IS_AWS)
	@terraform/deploy.sh plan

deploy: ## Deploy to AWS, from an empty account or to a running one; ENV=aws, NAME=production, DATABASE_URL
	@$(IS_AWS)
	@terraform/deploy.sh apply
