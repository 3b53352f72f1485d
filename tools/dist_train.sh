#!/usr/bin/env bash
# Trains in several processes of this machine, one for each GPU, or on CPUs:
#   tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
# On several machines, run it on each with NNODES, NODE_RANK, MASTER_ADDR and PORT set.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
tools=$(dirname "$0")
source "$tools/torchrun.sh"
run_processes "$2" "$tools/train.py" "$1" --launcher pytorch "${@:3}"
