#!/usr/bin/env bash
# Measure and draw again all that the docs say of the networks that ship:
#
#     scripts/measure_all.sh fer2013.csv [STEP ...]
#
# What was done for the weights that ship now is not done again (runs/measured/ remembers), so the
# same command goes on where it was stopped. Tables go to results/benchmark/NAME.txt.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
(($#)) || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
data=$(realpath -- "$1")
shift
cd -- "$root"
python=${PYTHON:-.venv/bin/python}
export PYTHONPATH=$root TF_CPP_MIN_LOG_LEVEL=3
stamps=runs/measured
mkdir -p "$stamps" results/benchmark
weights=$(cksum saved_models/*/float16.weights.h5)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

# table NAME COMMAND...: a command whose output is results/benchmark/NAME.txt.
table() {
    "${@:2}" >"$scratch/$1.txt"
    mv -- "$scratch/$1.txt" "results/benchmark/$1.txt"
}

# headed COMMAND...: the machine, the date and the commit, for a command that does not print them.
headed() {
    "$python" -c 'from fer_tf.report.machine import header; print(header(), end="\n\n")'
    "$@"
}

exports() {
    "$python" -m fer_tf.export --shipped --to "$scratch/exported" --data "$data" --verify |
        sed -e '/^writing /d' -e 's/ *$//'
}

sizes() { table sizes "$python" scripts/measure_sizes.py --data "$data"; }
corrupted() {
    "$python" -m fer_tf.evaluate "$1" --data "$data" --corruptions --out "$scratch/corrupted_$1" |
        grep -v '^report: '
}
corruptions() {
    for network in mit_b0_fusion nano; do
        table "corruptions_$network" headed corrupted "$network"
    done
}
margins() { table margins "$python" scripts/measure_margins.py --data "$data"; }
flip() { table flip "$python" scripts/measure_flip.py --data "$data"; }
turns() { table turns "$python" scripts/measure_turns.py --data "$data"; }
forms() { table forms headed exports; }
report() {
    "$python" -m fer_tf.evaluate --shipped --data "$data" --split PublicTest --out "$scratch/report"
    cp -- "$scratch/report/confusion_matrix.png" docs/confusion_matrix.png
}
examples() { "$python" scripts/draw_examples.py; }
explanations() { "$python" scripts/measure_explanations.py --data "$data"; }

steps=(sizes corruptions margins flip turns forms report examples explanations)
for step in "${@:-${steps[@]}}"; do
    [[ " ${steps[*]} " == *" $step "* ]] || { echo "measure_all.sh: unknown step $step" >&2; exit 2; }
    if [[ -f $stamps/$step && $(<"$stamps/$step") == "$weights" ]]; then
        echo "measure_all.sh: $step was done"
        continue
    fi
    echo "measure_all.sh: $step"
    "$step"
    echo "$weights" >"$stamps/$step"
done
