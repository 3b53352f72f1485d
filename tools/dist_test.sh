#!/usr/bin/env bash
# Tests in several processes of this machine, one for each GPU, or on CPUs:
#   tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]
# On several machines, run it on each with NNODES, NODE_RANK, MASTER_ADDR and PORT set.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
tools=$(dirname "$0")
source "$tools/torchrun.sh"
run_processes "$3" "$tools/test.py" "$1" "$2" --launcher pytorch "${@:4}"
