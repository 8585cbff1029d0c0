#!/usr/bin/env bash
# Train two teachers and then their students, pupil and nano, on one GPU within minutes, with Keras
# on JAX:
#
#     scripts/train_on_gpu.sh DATA RUNS OUT [--minutes 9.3] [--students] [--rehearse]
#
# With --students no teacher is trained, so that the students have all of the time: vgg_teacher's
# saved weights and the network that ships teach them.
# DATA holds fer2013.csv and fer2013new.csv, RUNS gets the runs. Every two minutes, and at the end,
# OUT gets what must come back from a lent machine: runs.tar.00, runs.tar.01, ... of at most 15 MiB,
# to be joined with cat: float16 weights first, then histories, recipes and logs. The same command
# goes on where RUNS stands. --rehearse does the same with few faces, on a CPU too, in as many minutes.
set -uo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
(($# >= 3)) || { echo "train_on_gpu.sh: expected DATA RUNS OUT" >&2; exit 2; }
data=$1 runs=$2 out=$3
shift 3
for name in fer2013.csv fer2013new.csv; do
    [[ -f $data/$name ]] || { echo "train_on_gpu.sh: $data/$name is not there" >&2; exit 2; }
done
minutes=9.3 students= rehearse=
while (($#)); do
    case $1 in
        --minutes) minutes=$2 && shift 2 ;;
        --students) students=yes && shift ;;
        --rehearse) rehearse=yes && shift ;;
        *) echo "train_on_gpu.sh: unknown argument $1" >&2 && exit 2 ;;
    esac
done
python=${PYTHON:-python3}
export KERAS_BACKEND=jax XLA_PYTHON_CLIENT_PREALLOCATE=false TF_CPP_MIN_LOG_LEVEL=2
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
# Compiled programs are kept, so that the student's are ready when its teachers are.
export JAX_COMPILATION_CACHE_DIR=$runs/jax-cache JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=1
mkdir -p "$runs/logs" "$out"
began=$SECONDS

say() { echo "[$((SECONDS - began)) s] $*"; }

# Minutes, as a decimal number: a share of all of them, less the seconds that are over.
share() { awk -v m="$minutes" -v s="$1" -v over="$((SECONDS - began))" 'BEGIN {print m * s - over / 60}'; }

more=()
if [[ -n $rehearse ]]; then
    few=$runs/few
    mkdir -p "$few"
    for name in fer2013 fer2013new; do
        awk 'NR <= 257 || (/PublicTest/ && n++ < 64)' "$data/$name.csv" >"$few/$name.csv"
    done
    data=$few more=(--passes 1 --batch-size 64 --precision float32)
fi

# train RUN RECIPE FLAGS: a run, its output in a log.
train() {
    local name=$1 recipe=$2
    shift 2
    "$python" -m fer_tf.train "$recipe" --run "$name" --runs "$runs" --data "$data/fer2013.csv" \
        --votes "$data/fer2013new.csv" --no-report "$@" "${more[@]}" >>"$runs/logs/$name.log" 2>&1
    local code=$?
    say "$name ended with code $code: $(tr '\r' '\n' <"$runs/logs/$name.log" | grep -a validation | tail -n 1)"
    return "$code"
}

# Teachers that know nothing, in place of those that are not there yet.
blank() {
    JAX_PLATFORMS=cpu "$python" - "$runs" <<'PYTHON'
import sys
from pathlib import Path
from fer_tf.models.registry import create_model
from fer_tf.recipes import RECIPES

for name in ("vgg_teacher", "resnet_teacher"):
    folder = Path(sys.argv[1], "blank")
    folder.mkdir(exist_ok=True)
    create_model(RECIPES[name].model).save(folder / f"{name}.keras")
PYTHON
}

# compile TEACHER...: the programs of pupil, one process for each size.
compile() {
    local size ready pace compiling=()
    for size in 0.5 0.75 1.0; do
        # The first checkpoint says that the program runs; best.keras, that the validation does.
        ready=checkpoints pace=0
        [[ $size != 1.0 ]] || ready=best.keras pace=5
        train "blank-$size" pupil --scales "$size" --checkpoint-minutes "$pace" --passes 1 \
            --minutes "$(share 0.5)" --weights "$shipped" --teachers "$@" &
        (until [[ -e $runs/blank-$size/$ready ]] || ! kill -0 $! 2>/dev/null; do
            sleep 1
        done
        pkill -KILL -f "run blank-$size " && say "compiled blank-$size") &
        compiling+=($!)
    done
    wait "${compiling[@]}"
}

# student NAME FLAGS: it learns from its teachers until the time is over.
student() {
    local name=$1 limit
    shift
    limit=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["minutes"])' \
        "$runs/$name/recipe.json" 2>/dev/null) || limit=$(share 0.94)
    set -- "$@" --minutes "$limit" --teachers "${teachers[@]}"
    train "$name" "$name" "$@" || { rm -rf "$runs/$name" && train "$name" "$name" "$@" --precision float32; }
}

pack() {
    local beside
    beside=$(mktemp -d)
    JAX_PLATFORMS=cpu "$python" "$root/scripts/halve_weights.py" "$runs" "$beside" 2>"$runs/logs/pack.log"
    cp -r "$runs/logs" "$beside/"
    for name in "$runs"/*/history.csv; do
        mkdir -p "$beside/$(basename "$(dirname "$name")")"
        cp "$name" "$(dirname "$name")/recipe.json" "$beside/$(basename "$(dirname "$name")")/"
    done
    rm -rf "$beside"/blank*
    (cd "$beside" && tar cf all.tar $(ls -- *.weights.h5 2>/dev/null) $(ls -d -- */) &&
        split -d -b 15M all.tar runs.tar.) && rm -f "$out"/runs.tar.* && mv "$beside"/runs.tar.* "$out/"
    rm -rf "$beside"
}

# Every pass is over new views: its teachers are quick enough here. An epoch is ten passes.
nano() { student nano --views None --passes 10 --batch-size 256; }

shipped=$root/saved_models/mit_b0_fusion/float16.weights.h5
say "$("$python" -c 'import jax, keras; print("JAX", jax.__version__, "Keras", keras.__version__, jax.devices()[0].device_kind)')"
(while sleep 120; do pack; done) &
packing=$!
trap 'kill $packing 2>/dev/null' EXIT

if [[ -n $students ]]; then
    teachers=("$root/saved_models/teachers/vgg_teacher/float16.weights.h5" "$shipped")
    nano & small=$!
    [[ -d $runs/pupil ]] || compile "${teachers[@]}"
else
    teachers=("$runs/vgg_teacher" "$runs/resnet_teacher")
    teaching=()
    for name in vgg_teacher resnet_teacher; do
        train "$name" "$name" --minutes "$(share 0.45)" &
        teaching+=($!)
    done
    [[ -d $runs/pupil ]] || (blank && compile "$runs/blank/vgg_teacher.keras" "$runs/blank/resnet_teacher.keras") &
    wait "${teaching[@]}"
    pkill -KILL -f "run blank-"
    nano & small=$!
fi
student pupil --weights "$shipped"
wait "$small"
kill "$packing"
pack
say "all of it: $(ls "$out")"
