#!/usr/bin/env bash
# Installs what the tests need and this machine lacks, by name.
set -euo pipefail
missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v chromium >/dev/null || missing+=(chromium)
command -v git >/dev/null || missing+=(git)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ]; then
	sudo=$([ "$(id -u)" = 0 ] || echo sudo)
	$sudo apt-get update -q
	$sudo apt-get install -q -y --no-install-recommends "${missing[@]}"
fi
