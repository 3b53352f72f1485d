default_scope = 'mmlite'

# mmlite adds hooks that need no settings: they check the loss, count unreadable images, show the
# progress on a terminal and save pictures (pictures=None switches the pictures off).
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=2,  # the last, and one in case that it cannot be read; -1 keeps all
        save_best='auto',
        snapshot_interval=1000,  # iterations; a killed run loses no more than these
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
log_processor = dict(type='LogProcessor', window_size=50)
log_level = 'INFO'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
load_from = None
resume = False
