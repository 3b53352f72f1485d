# run_processes NUMBER SCRIPT ARGS...: what dist_train.sh and dist_test.sh share.
run_processes() {
    local number=$1
    shift
    if [ "${NNODES:-1}" -gt 1 ]; then
        set -- --nnodes "$NNODES" --node_rank "${NODE_RANK:?}" --master_addr "${MASTER_ADDR:?}" \
            --master_port "${PORT:-29500}" --nproc_per_node "$number" "$@"
    else # any free port
        set -- --standalone --nproc_per_node "$number" "$@"
    fi
    exec "${PYTHON:-python}" -m torch.distributed.run "$@"
}
