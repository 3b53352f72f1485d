#!/usr/bin/env bash
# Trains as a job of Slurm, one process for each GPU:
#   GPUS=8 GPUS_PER_NODE=8 CPUS_PER_TASK=5 SRUN_ARGS="--time=24:00:00 --signal=TERM@120" \
#       tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
# --signal has a job that runs out of time save itself; the same command with --resume goes on.
set -euo pipefail
if [ $# -lt 4 ]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
exec srun --partition="$1" --job-name="$2" --ntasks="$gpus" --ntasks-per-node="$per_node" \
    --gres="gpu:$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} "${PYTHON:-python}" -u "$(dirname "$0")/train.py" "$3" --work-dir "$4" \
    --launcher slurm "${@:5}"
