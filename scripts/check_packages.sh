#!/usr/bin/env bash
# Builds the sdist and the wheel, and tries each verb in two new environments: inference without
# TensorFlow, and the default installation:
#
#     scripts/check_packages.sh
#
# The default installation fetches 0.9 GB. With FER_TF_VENV, an environment that holds the pinned
# packages as that of scripts/test does, exactly what the wheel requires is linked from there instead.
# All that is made is given back, but for ignored build folders.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
limit_mb=400

fail() {
    echo "check_packages.sh: $*" >&2
    exit 1
}

python3 -m venv "$scratch/build"
"$scratch/build/bin/python" -m pip install --quiet --disable-pip-version-check build twine
"$scratch/build/bin/python" -m build --outdir "$scratch/dist" "$root" >"$scratch/build.log" 2>&1 ||
    { cat -- "$scratch/build.log" >&2; fail "the packages can't be built"; }
"$scratch/build/bin/python" -m twine check --strict "$scratch"/dist/*

# As .ci/run names it, or the Python at hand.
python=${FER_TF_VENV:+$FER_TF_VENV/bin/}python3
"$python" -m venv "$scratch/inference"
bin=$scratch/inference/bin
"$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    -r "$root/requirements/inference.txt" "$scratch"/dist/*.whl
# With pip, in megabytes of 10**6 bytes.
megabytes=$(du -sk "$scratch/inference" | awk '{printf "%.0f", $1 * 1.024 / 1000}')
((megabytes <= limit_mb)) || fail "inference takes $megabytes MB, expected at most $limit_mb"
echo "inference takes $megabytes MB"

# Nothing of the repository may help.
mkdir "$scratch/empty"
cd -- "$scratch/empty"
unset PYTHONPATH
photo=$("$bin/python" -c 'from importlib.resources import files
print(files("fer_tf") / "demo_files" / "drawn.jpg")')
cp -- "$photo" drawn.jpg
"$bin/python" - <<'END'
import cv2

video = cv2.VideoWriter("drawn.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 480))
for _ in range(5):
    video.write(cv2.resize(cv2.imread("drawn.jpg"), (640, 480)))
video.release()
END
"$bin/fer-tf" doctor
"$bin/fer-tf" predict drawn.jpg
"$bin/fer-tf" predict drawn.jpg --json | grep -q Happy || fail "no face of drawn.jpg is Happy"
"$bin/fer-tf" predict --video drawn.mp4 --out video 2>&1 | tee video.txt
[[ -s video/drawn.mp4 ]] || fail "no video was written"
grep -q 'the timeline is left out: it needs matplotlib' video.txt || fail "nothing is said of the timeline"

# The service answers a client that has the standard library alone, and ends when it is told to.
FER_TF_API_KEY=open "$bin/python" - "$bin/fer-tf" <<'END'
import json
import signal
import subprocess
import sys
from urllib.request import Request, urlopen

command = [sys.argv[1], "serve", "--port", "0", "--workers", "2"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
    address = service.stdout.readline().split()[0]
    headers = {"Content-Type": "image/jpeg", "Authorization": "Bearer open"}
    with open("drawn.jpg", "rb") as photo:
        asked = Request(f"{address}v1/analyze", photo.read(), headers)
    faces = json.load(urlopen(asked))["pictures"][0]["faces"]
    assert "Happy" in [face["label"] for face in faces], faces
    assert b"SwaggerUIBundle" in urlopen(f"{address}docs").read()
    assert b"fer_tf_faces_total" in urlopen(Request(f"{address}metrics", headers=headers)).read()
    service.send_signal(signal.SIGTERM)
assert service.returncode == 0, service.returncode
print(f"serve answers: {len(faces)} faces")
END

# A verb that lacks a package says in one sentence which command adds it.
refuses() {
    local said code=0
    said=$("$bin/fer-tf" "$@" 2>&1 >/dev/null) || code=$?
    [[ $code == 2 && $said == "fer_tf: "* && $said == *"\`pip install "* && $(wc -l <<<"$said") == 1 ]] ||
        fail "fer-tf $* ended with $code and said: $said"
    echo "$* -> $said"
}
refuses explain drawn.jpg
refuses predict drawn.jpg --explain
refuses serve --port 0 --explain
refuses train drawn
refuses evaluate --shipped --data synthetic
refuses describe --data synthetic
refuses export --shipped --to exported --data synthetic
refuses compare --data synthetic
refuses benchmark --shipped
refuses demo

cd -- "$root"
"$python" -m venv "$scratch/whole"
bin=$scratch/whole/bin
if [[ -n ${FER_TF_VENV:-} ]]; then
    "$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$scratch"/dist/*.whl
    "$python" scripts/link_required.py "$scratch/whole"
else
    "$bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt "$scratch"/dist/*.whl
fi
"$bin/python" -m pip check
mkdir "$scratch/all"
cd -- "$scratch/all"
cp -- ../empty/drawn.jpg ../empty/drawn.mp4 .

works() {
    echo "$*"
    "$bin/fer-tf" "$@" >said.txt 2>&1 || { cat said.txt >&2; fail "fer-tf $* failed"; }
}
works doctor
works predict drawn.jpg
works predict --video drawn.mp4 --out video
[[ -s video/drawn-timeline.png ]] || fail "no timeline was drawn"
works explain drawn.jpg
"$bin/python" -m fer_tf.data.synthetic faces.csv --count 96 >said.txt
works describe --data faces.csv
works train drawn --data faces.csv --model nano --stages 48 1 --run one --no-report
works evaluate runs/one
works benchmark runs/one --sizes 48 --formats keras-graph --baseline keras-graph --threads 1 --rounds 1
[[ -s benchmark/benchmark.csv ]] || fail "no benchmark was written"
works compare nano --data faces.csv --epochs 1 --size 48 --rounds 0 --out compared
works predict drawn.jpg --model runs/one
refuses export --shipped --to exported --data synthetic
refuses benchmark runs/one
refuses demo
refuses serve
echo "check_packages.sh: both installations work"
