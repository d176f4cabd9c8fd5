#!/bin/sh
# Installs what trains the agent into the environment $1: the extra [rl] where there is an NVIDIA GPU, elsewhere
# CPU builds, which need a recipe of their own (install.md, "Training"). MLAGENT_GPU=cpu asks for the latter.
set -eu

python=$1/bin/python
here=$(dirname "$0")
torch=2.13.0
unsloth=2026.10.9

pip() {
    "$python" -m pip --disable-pip-version-check "$@"
}

has_gpu() {
    [ "${MLAGENT_GPU:-}" != cpu ] && command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi >/dev/null 2>&1
}

# The CPU build: from the configured index where it has it, else from PyTorch's own, else whatever there is.
cpu_torch() {
    [ "$(uname -s)" = Linux ] || { pip install "torch==$torch"; return; }
    pip install "torch==$torch+cpu" \
        || pip install "torch==$torch" --index-url https://download.pytorch.org/whl/cpu \
        || pip install "torch==$torch"
}

if has_gpu; then
    pip install --editable "$here/..[rl]"
else
    cpu_torch
    pip install --requirement "$here/rl_cpu.txt"
    pip install --no-deps "unsloth==$unsloth" "unsloth_zoo==$unsloth"
fi
