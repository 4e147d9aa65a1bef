#!/usr/bin/env bash
# Runs every fuzz target of the project for the time given, one after another.
set -euo pipefail
cd "$(dirname "$0")/.."
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
	for target in $(grep -rhoE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | sed 's/func //' | sort -u); do
		echo "== $package $target"
		go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$1"
	done
done
