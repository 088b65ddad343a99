#!/bin/sh
# Run a program in the current folder: docker/run.sh train.py +experiment=zeroing -m; without arguments list them.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ $# = 0 ]; then set -- train.py --help; fi
program=$1
shift
exec "$root/.venv/bin/python" "$root/$program" "$@"
