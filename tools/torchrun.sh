# run_processes NUMBER SCRIPT ARGS...: what dist_train.sh and dist_test.sh share.
run_processes() {
    local number=$1
    shift
    if [ "${NNODES:-1}" -gt 1 ]; then
        if [ "${NODE_RANK:?}" = 0 ] && ! port_is_free "${PORT:-29500}"; then
            echo "port ${PORT:-29500} of this machine is in use: set PORT to another one" >&2
            exit 2
        fi
        set -- --nnodes "$NNODES" --node_rank "${NODE_RANK:?}" --master_addr "${MASTER_ADDR:?}" \
            --master_port "${PORT:-29500}" --nproc_per_node "$number" "$@"
    else # any free port
        set -- --standalone --nproc_per_node "$number" "$@"
    fi
    exec "${PYTHON:-python}" -m torch.distributed.run "$@"
}

port_is_free() {
    "${PYTHON:-python}" -c 'import socket, sys; socket.create_server(("", int(sys.argv[1])))' \
        "$1" 2>/dev/null
}
