#!/usr/bin/env bash
# Locks what the package, the service and the work on the code need, with hashes: run it after
# pyproject.toml changes, with --upgrade for newer releases.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock() {
  local name=$1
  shift
  uv pip compile pyproject.toml "$@" --output-file "requirements/$name.txt" --quiet \
    --python-version 3.11 --universal --generate-hashes --no-annotate \
    --custom-compile-command 'bash requirements/lock.sh' \
    --override requirements/no-torch.txt --no-emit-package torch
}

lock base "${@}"
lock web --extra web "${@}"
lock dev --extra dev "${@}"
